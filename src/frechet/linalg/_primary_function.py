"""The rule of a primary matrix function whose factor gives the value and the Fréchet derivative."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Protocol

import numpy as np

from ..errors import NotDifferentiableError
from ..linear_map import Array, LinearMap, adjoint_matrix, compose, linear
from ..maps import Broadcast
from ..rule import Rule, primal

__all__ = ["PrimaryFunction"]


class Factor(Protocol):
    """The numerics of f at a plain matrix A, or at each of a stack."""

    value: Any
    refusal: str | None  # why there is no derivative at A

    def frechet(self, E: Any) -> Any:
        """L(A, E), for E of A's shape, or with further axes in front."""

    def doubled(self, E: Any) -> Factor:
        """The factor of [[A, E], [0, A]]."""


class PrimaryFunction:
    """A matrix function f with f(A) = p(A) for a polynomial p that depends on A, on the spectrum of A.

    The adjoint of the derivative is G ↦ L(A, Gᴴ)ᴴ on the same factor.  As f([[A, E], [0, A]]) has L(A, E) as
    its upper right block, the derivative of that in A is a block of a derivative of f at twice the size, and
    so on for every order (Higham & Relton, SIAM J. Matrix Anal. Appl. 35:1019, 2014).

    Parameters
    ----------
    name : str
        What messages call it: "logm".
    way_out : str
        What a message recommends where the factor refuses a derivative.
    """

    def __init__(self, name: str, way_out: str) -> None:
        self.name, self.way_out = name, way_out
        self._value = Rule(_value, self._value_body, f"frechet.linalg.{name}")
        self._derivative = Rule(_derivative, self._derivative_body, f"the slope of frechet.linalg.{name}")

    def __call__(self, A: Array, factor: Factor) -> Array:
        """f(A), where ``factor`` is that of A's plain value."""
        return self._value(A, factor=factor)

    def derivative(self, A: Array, E: Array, factor: Factor) -> Array:
        """L(A, E)."""
        if factor.refusal is not None:
            raise NotDifferentiableError(f"fr.linalg.{self.name}: {factor.refusal}. Way out: {self.way_out}.")
        return self._derivative(A, E, factor=factor)

    def _value_body(self, A: Array, factor: Factor) -> Any:
        return self(A, factor), _Derivative(self, A, lambda: factor)

    def _derivative_body(self, A: Array, E: Array, factor: Factor) -> Any:
        L = self.derivative(A, E, factor)
        return L, (self._second(A, E, factor), _Derivative(self, A, lambda: factor))

    def _second(self, A: Array, E: Array, factor: Factor) -> LinearMap:
        """The derivative of A ↦ L(A, E): Δ ↦ the upper right block of L(M, diag(Δ, Δ)).

        M = [[A, E], [0, A]] moves by diag(Δ, Δ) when A moves by Δ.
        """
        n, in_shape, shape = A.shape[-1], A.shape, E.shape
        A = np.broadcast_to(A, shape)
        # L(A, E) is linear in E.  An E of the size of A keeps all digits of the block.
        scale = _matching(primal(A), primal(E))
        M = _blocks(A, E * scale, np.zeros_like(A), A)
        doubled = cache(lambda: factor.doubled(primal(E) * scale))  # made when first needed
        unscaled = linear(lambda v: v / scale, lambda w: w / scale)
        m = compose(unscaled, _upper_right(n), _Derivative(self, M, doubled), _block_diagonal(n))
        return m if in_shape == shape else compose(m, Broadcast(in_shape, shape))


def _value(A: Array, factor: Factor) -> Array:
    return factor.value


def _derivative(A: Array, E: Array, factor: Factor) -> Array:
    return factor.frechet(E)


def _matching(A: Array, E: Array) -> Array:
    """For each matrix the power of 2 that brings E to the size of A."""
    sizes = [np.max(np.abs(X), axis=(-2, -1), keepdims=True, initial=0) for X in (A, E)]
    one = np.ones((), sizes[0].dtype)
    limit = np.finfo(one.dtype).maxexp // 2
    exponent = np.frexp(sizes[0])[1] - np.frexp(sizes[1])[1]
    comparable = (sizes[0] > 0) & (sizes[1] > 0)
    return np.ldexp(one, np.where(comparable, np.clip(exponent, -limit, limit), 0))


class _Derivative(LinearMap):
    """E ↦ L(A, E), with adjoint G ↦ L(A, Gᴴ)ᴴ."""

    __slots__ = ("A", "factor", "function")

    def __init__(self, function: PrimaryFunction, A: Array, factor: Callable[[], Factor]) -> None:
        self.function, self.A, self.factor = function, A, factor

    def push(self, v: Array) -> Array:
        return self.function.derivative(self.A, v, self.factor())

    def pull(self, w: Array) -> Array:
        return adjoint_matrix(self.push(adjoint_matrix(w)))


def _blocks(a: Array, b: Array, c: Array, d: Array) -> Array:
    return np.concatenate([np.concatenate([a, b], -1), np.concatenate([c, d], -1)], -2)


def _block_diagonal(n: int) -> LinearMap:
    """V ↦ diag(V, V), n × n blocks."""

    def repeat(v: Array) -> Array:
        zero = np.zeros_like(v)
        return _blocks(v, zero, zero, v)

    return linear(repeat, lambda w: w[..., :n, :n] + w[..., n:, n:])


def _upper_right(n: int) -> LinearMap:
    """The upper right one of four n × n blocks."""

    def into(w: Array) -> Array:
        zero = np.zeros_like(w)
        return _blocks(zero, w, zero, zero)

    return linear(lambda v: v[..., :n, n:], into)
