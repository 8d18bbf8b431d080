"""The two rules of nonuniform Fourier transforms, each the other's adjoint.

An operator (see `_operators`) takes data (Fourier modes, or a grid) to values at points x, and has an
adjoint:

    v = T(x) f,        f = T(x)ᴴ c.

Both are linear in the data, and come with derivatives by the points up to an order, as components:

    V_α = ∂^α T(x) f,        f = Σ_α (∂^α T(x))ᴴ C_α.

A derivative of ∂^α in the direction e_a is ∂^(α + e_a), of one order more.  So for the first

    V̇_α = Σ_a ẋ_a V_(α + e_a) + ∂^α T(x) ḟ,

where V up to the next order comes from the pass that gives the value; and for the second ḟ is one application
to the components Ċ_α and C_α ẋ_a, the latter added at α + e_a.  The adjoint of that is one application of the
first, to the next order, which serves x and C.  No derivative by the points takes a Fourier transform of its
own.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any, Protocol

import numpy as np

from ..linear_map import Array, LinearMap, compose, linear
from ..rule import Rule, carriers


class Operator(Protocol):
    """T at plain points: numerics, with leading stack axes."""

    dimension: int

    def at_points(self, data: Array, order: int) -> Array:
        """Data to (..., M, components)."""

    def from_points(self, values: Array, order: int) -> Array:
        """The adjoint: (..., M, components) to data."""


@functools.cache
def components(dimension: int, order: int) -> tuple[tuple[int, ...], ...]:
    """The derivatives up to an order: how often by each coordinate.

    >>> components(2, 2)
    ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2))
    """
    return tuple(
        tuple(axes.count(a) for a in range(dimension))
        for n in range(order + 1)
        for axes in itertools.combinations_with_replacement(range(dimension), n)
    )


@functools.cache
def raised(dimension: int, order: int) -> tuple[tuple[int, ...], ...]:
    """For each component up to an order and each axis the place of α + e_a among those of the next order.

    >>> raised(2, 1)
    ((1, 2), (3, 4), (4, 5))
    """
    places = {alpha: k for k, alpha in enumerate(components(dimension, order + 1))}
    return tuple(
        tuple(places[(*alpha[:a], alpha[a] + 1, *alpha[a + 1 :])] for a in range(dimension))
        for alpha in components(dimension, order)
    )


def at_points(x: Array, data: Array, operator: Operator, order: int = 0) -> Array:
    """T(x) applied to data, with derivatives up to an order: an array (..., M, components).

    x: (M, d) array, that of the operator, plain or traced.  Constant points take the rule that is linear.
    """
    if type(x) in carriers:
        return _at_points(x, data, operator, order)
    return _at_constant_points(data, operator, order)


def from_points(x: Array, values: Array, operator: Operator, order: int = 0) -> Array:
    """The adjoint of `at_points` in the data."""
    if type(x) in carriers:
        return _from_points(x, values, operator, order)
    return _from_constant_points(values, operator, order)


def _at_points_body(x: Array, data: Array, operator: Operator, order: int) -> Any:
    V = at_points(x, data, operator, order + 1)
    by_data = linear(lambda v: at_points(x, v, operator, order), lambda w: from_points(x, w, operator, order))
    value = V[..., : len(components(operator.dimension, order))]
    return value, (Advance(V, operator.dimension, order), by_data)


def _from_points_body(x: Array, values: Array, operator: Operator, order: int) -> Any:
    d = operator.dimension
    result = from_points(x, values, operator, order)
    both = linear(
        lambda v: from_points(x, v, operator, order + 1), lambda w: at_points(x, w, operator, order + 1)
    )
    kept, more = len(components(d, order)), len(components(d, order + 1))
    embed = linear(
        lambda v: np.concatenate([v, np.zeros((*v.shape[:-1], more - kept), v.dtype)], axis=-1),
        lambda w: w[..., :kept],
    )
    return result, (compose(both, Dipoles(values, d, order)), compose(both, embed))


def _at_constant_points_body(data: Array, operator: Operator, order: int) -> Any:
    return _at_constant_points(data, operator, order), linear(
        lambda v: _at_constant_points(v, operator, order), lambda w: _from_constant_points(w, operator, order)
    )


def _from_constant_points_body(values: Array, operator: Operator, order: int) -> Any:
    return _from_constant_points(values, operator, order), linear(
        lambda v: _from_constant_points(v, operator, order), lambda w: _at_constant_points(w, operator, order)
    )


_at_points = Rule(lambda x, *rest: _at_constant_points(*rest), _at_points_body, "frechet.nufft.nufft2")
_from_points = Rule(lambda x, *rest: _from_constant_points(*rest), _from_points_body, "frechet.nufft.nufft1")
_at_constant_points: Rule = Rule(
    lambda data, operator, order: operator.at_points(data, order),
    _at_constant_points_body,
    "frechet.nufft.nufft2",
)
_from_constant_points: Rule = Rule(
    lambda values, operator, order: operator.from_points(values, order),
    _from_constant_points_body,
    "frechet.nufft.nufft1",
)


# --- the maps of tangents of the points --------------------------------------------------------------------


class Advance(LinearMap):
    """ẋ ↦ Σ_a ẋ_a V_(α + e_a), for V up to the next order: from (M, d) to (..., M, components)."""

    __slots__ = ("V", "dimension", "order")

    def __init__(self, V: Array, dimension: int, order: int) -> None:
        self.V, self.dimension, self.order = V, dimension, order

    def push(self, v: Array) -> Array:
        v = _beside(v, self.V)
        advanced = [
            sum(self.V[..., place] * v[..., a] for a, place in enumerate(places))
            for places in raised(self.dimension, self.order)
        ]
        return np.stack(advanced, axis=-1)

    def pull(self, w: Array) -> Array:
        return _gradient(self.V, w, self.dimension, self.order, np.ndim(self.V) - 2)


class Dipoles(LinearMap):
    """ẋ ↦ the components C_α ẋ_a at α + e_a, of the next order: from (M, d) to (..., M, components)."""

    __slots__ = ("C", "dimension", "order")

    def __init__(self, C: Array, dimension: int, order: int) -> None:
        self.C, self.dimension, self.order = C, dimension, order

    def push(self, v: Array) -> Array:
        v = _beside(v, self.C)
        out: list[Any] = [None] * len(components(self.dimension, self.order + 1))
        for k, places in enumerate(raised(self.dimension, self.order)):
            for a, place in enumerate(places):
                term = self.C[..., k] * v[..., a]
                out[place] = term if out[place] is None else out[place] + term
        zero = np.zeros_like(out[-1])
        return np.stack([zero if term is None else term for term in out], axis=-1)

    def pull(self, w: Array) -> Array:
        return _gradient(w, self.C, self.dimension, self.order, np.ndim(self.C) - 2)


def _beside(v: Array, values: Array) -> Array:
    """A tangent of the points, (directions, M, d), with axes for the stack of (stack, M, components)."""
    n_stack = np.ndim(values) - 2
    return np.reshape(v, (*np.shape(v)[:-2], *(1,) * n_stack, *np.shape(v)[-2:])) if n_stack else v


def _gradient(raised_ones: Array, others: Array, d: int, order: int, n_stack: int) -> Array:
    """Σ_α Re(conj(raised_ones[α + e_a]) others[α]) for each axis a, summed over the stack: (M, d)."""
    rows = raised(d, order)
    if order == 0:  # the components follow the value
        gradient = _real_product(raised_ones[..., 1:], others)
    else:
        gradient = np.stack(
            [
                functools.reduce(
                    np.add,
                    (_real_product(raised_ones[..., row[a]], others[..., k]) for k, row in enumerate(rows)),
                )
                for a in range(d)
            ],
            axis=-1,
        )
    return np.sum(gradient, axis=tuple(range(-2 - n_stack, -2))) if n_stack else gradient


def _real_product(a: Array, b: Array) -> Array:
    """Re(conj(a) b)."""
    if np.iscomplexobj(a):
        return np.real(a) * np.real(b) + np.imag(a) * np.imag(b)
    return a * np.real(b)
