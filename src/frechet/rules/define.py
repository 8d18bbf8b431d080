"""How elementwise rules are written down: one line per function, the factor of each argument as a formula.

    elementwise(np.sin, np.cos)
    elementwise(np.exp, lambda y: y)
    elementwise(np.multiply, lambda b: b, lambda a: a)

The names of a factor's parameters say what it needs, and only that is kept for the reverse pass: ``y`` is the
result, ``x`` (or ``a``, ``b``, ``c``, ``d``, ``e`` for several arguments) an argument.  A number is a
constant factor (0: locally constant in that argument; 1: the identity); a text says why there is no
derivative.

Where the derivative is not multiplication by a factor, or where it depends on the kind of the arguments, a
function marked by `by_map` makes the linear map itself.
"""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import NotDifferentiableError
from ..linear_map import Array, LinearMap, Shape, identity, zero
from ..maps import Broadcast, Diagonal, broadcast, unbroadcast
from ..rule import ArgumentwiseRule, function_name, primal, rule_for, table

# (y, args, in_shape, out_shape) -> the linear map of one argument, None for zero
MakeMap = Callable[[Any, Any, Shape, Shape], LinearMap | None]
Factor = Callable[..., Any] | float | str
_ARGUMENTS = {"x": 0, "a": 0, "b": 1, "c": 2, "d": 3, "e": 4}


def by_map(make: MakeMap) -> MakeMap:
    """Mark a function that makes the linear map of one argument from (y, args, in_shape, out_shape)."""
    vars(make)["makes_map"] = True
    return make


def elementwise(ufunc: Any, *factors: Factor, aliases: tuple[Any, ...] = ()) -> ArgumentwiseRule:
    """Enter the rule dy = Σ factor·dx for a function that acts entry by entry.

    Parameters
    ----------
    ufunc : the function; it must broadcast its arguments.
    factors : one per argument, as the module's text describes them.  Factors must be complex-linear in dx.
    aliases : other functions that mean the same.
    """
    name = function_name(ufunc)
    derivatives = tuple(_maker(f, name, k) for k, f in enumerate(factors))

    def body(*args: Any, **kwargs: Any) -> Any:
        y = ufunc(*args, **kwargs)
        args = tuple(np.asarray(a)[()] if isinstance(a, (list, tuple)) else a for a in args)
        if kwargs.get("dtype") is not None:
            args = tuple(_in_type(a, np.dtype(kwargs["dtype"])) for a in args)
        maps: list[LinearMap | None] = []
        for make, factor, a in zip(derivatives, factors, args, strict=False):
            m = None if isinstance(factor, str) else make(y, args, np.shape(a), np.shape(y)) or zero
            maps.append(m)
        return y, tuple(maps)

    if not isinstance(ufunc, np.ufunc):  # the names of arguments, which may be given by keyword
        vars(body)["__signature__"] = inspect.signature(ufunc)
    rule = ArgumentwiseRule(ufunc, body, name, derivatives)
    for key in (ufunc, *aliases):
        table[key] = rule
    return rule


def _in_type(a: Array, dtype: Any) -> Array:
    """An argument as dtype= lets the function see it: a power of a negative number may be complex."""
    if np.result_type(a).kind not in "fc":
        return a
    return np.astype(np.asarray(a) if primal(a) is a else np.reshape(a, np.shape(a)), dtype)


def spread(in_shape: Shape, out_shape: Shape) -> LinearMap:
    """The identity, with broadcasting."""
    return identity if in_shape == out_shape else Broadcast(in_shape, out_shape)


def over(a: Array, b: Array) -> Array:
    """a / b with NumPy's infinities, for Python numbers too, whose own division raises at b = 0."""
    if type(b) is np.ndarray or type(b) is np.float64:
        return a / b
    return np.divide(a, b) if type(primal(b)) in (float, int, complex) and primal(b) == 0 else a / b


def nonzero(y: Array) -> Array:
    """y with 1 in place of zeros: a denominator for quotients whose numerator vanishes with it."""
    return y if np.all(primal(y)) else np.where(primal(y) == 0, 1, y)


def _maker(factor: Any, name: str, k: int) -> MakeMap:
    """The function (y, args, in_shape, out_shape) -> linear map, None for zero."""
    if isinstance(factor, str):
        return _refuser(name, k, factor)
    if not callable(factor):
        return _constant_factor(factor)
    if getattr(factor, "makes_map", False):
        makes_map: MakeMap = factor
        return makes_map
    names = ("x",) if isinstance(factor, np.ufunc) else tuple(inspect.signature(factor).parameters)
    places = tuple(-1 if n == "y" else _ARGUMENTS[n] for n in names)
    if len(places) == 1:
        return _single_residual(factor, places[0])

    def make(y: Any, args: Any, in_shape: Shape, out_shape: Shape) -> LinearMap:
        residuals = tuple([y if place < 0 else args[place] for place in places])
        return Diagonal(factor, residuals, in_shape, out_shape)

    return make


def _single_residual(factor: Callable[[Any], Any], place: int) -> MakeMap:
    """The maker for a factor of one residual.

    This is the hottest spot of tracing: hence no constructor call.
    """
    new = object.__new__
    marker = object()
    try:
        plain = factor(marker) is marker  # the residual is the factor, as in lambda b: b
    except Exception:  # noqa: BLE001  # whatever a formula does with a bare object
        plain = False

    def make(y: Any, args: Any, in_shape: Shape, out_shape: Shape) -> LinearMap:
        m = new(Diagonal)
        if plain:
            m._factor, m._residuals = (y if place < 0 else args[place]), None
        else:
            m._factor, m._residuals = factor, (y if place < 0 else args[place],)
        m.in_shape = in_shape
        m.out_shape = out_shape
        return m

    return make


def _constant_factor(factor: float) -> MakeMap:
    if factor == 0:
        return lambda y, args, in_shape, out_shape: None
    if factor == 1:
        return lambda y, args, in_shape, out_shape: spread(in_shape, out_shape)
    return lambda y, args, in_shape, out_shape: Diagonal(factor, None, in_shape, out_shape)


def _refuser(name: str, k: int, reason: str) -> MakeMap:
    def make(y: Any, args: Any, in_shape: Shape, out_shape: Shape) -> LinearMap:
        raise NotDifferentiableError(
            f"{name} has no derivative with respect to its argument number {k}: {reason}. "
            "If that argument is meant to be constant, pass fr.stop_gradient(...) of it"
        )

    return make


class Parallel(LinearMap):
    """v ↦ (d₁ v, d₂ v, …), with v broadcast from in_shape to out_shape: for functions with several results.

    The factors are made from residuals when they are first needed; None stands for zero.
    """

    __slots__ = ("_factors", "_residuals", "in_shape", "out_shape")

    def __init__(self, factors: Any, residuals: tuple[Any, ...], in_shape: Shape, out_shape: Shape) -> None:
        self._factors = factors
        self._residuals: tuple[Any, ...] | None = residuals
        self.in_shape = in_shape
        self.out_shape = out_shape

    @property
    def factors(self) -> tuple[Any, ...]:
        """The factors, one per result."""
        if self._residuals is not None:
            self._factors = self._factors(*self._residuals)
            self._residuals = None
        factors: tuple[Any, ...] = self._factors
        return factors

    def push(self, v: Array) -> Any:
        v = broadcast(v, self.in_shape, self.out_shape)
        return tuple([None if d is None else v * d for d in self.factors])

    def pull(self, w: Any) -> Array:
        parts = [x * np.conj(d) for x, d in zip(w, self.factors, strict=True) if d is not None]
        return unbroadcast(functools.reduce(operator.add, parts), self.in_shape, self.out_shape)


def several(ufunc: Any, *factors: Factor) -> None:
    """Enter the rule of a function that acts entry by entry and has several results.

    Parameters
    ----------
    ufunc : the function.
    factors : one per argument: a function of residuals, named as in `elementwise` (``y`` is the tuple of
    results), that returns the tuple of factors, one per result; or a text that says why there is no
    derivative.
    """
    names = [tuple(inspect.signature(f).parameters) if callable(f) else () for f in factors]

    @rule_for(ufunc)
    def body(*args: Any, **kwargs: Any) -> Any:
        y = ufunc(*args, **kwargs)
        maps: list[LinearMap | None] = []
        for a, factor, needs in zip(args, factors, names, strict=False):
            if isinstance(factor, str):
                maps.append(None)
            else:
                residuals = tuple([y if n == "y" else args[_ARGUMENTS[n]] for n in needs])
                maps.append(Parallel(factor, residuals, np.shape(a), np.shape(y[0])))
        return y, tuple(maps)
