"""Functions that are smooth by pieces: extrema, clipping, rounding, remainders, parts of floats.

Where pieces meet, the derivative is that of one of them or a mean, and says which: maximum, minimum, fmax,
fmin and clip give half to each of two equal arguments; rounding and the like count as constant.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy._core import umath

from ..linear_map import Array, LinearMap, Shape, identity, linear
from ..maps import Diagonal
from ..rule import composed, constant, primal, rule_for
from .define import by_map, elementwise

# --- extrema --------------------------------------------------------------------------------------


def _chosen(wins: np.ufunc, skip_nan: bool, first: bool) -> Any:
    """The factor of one argument: 1 where it is the result, 0 where the other is, 1/2 where they are equal.

    A NaN is the result for maximum and minimum (the first of two), and never beats a number for fmax and
    fmin.
    """

    def factor(a: Array, b: Array) -> Array:
        p, q = primal(a), primal(b)
        d, ties = wins(p, q), np.equal(p, q)
        if np.any(ties):
            d = np.where(ties, 0.5, d)
        nan_p, nan_q = np.isnan(p), np.isnan(q)
        if np.any(nan_p) or np.any(nan_q):
            if skip_nan:
                d = np.where(nan_p & nan_q, first, np.where(nan_q, 1, np.where(nan_p, 0, d)))
            else:
                d = np.where(nan_p, first | ~nan_q, np.where(nan_q, 0, d))
        return d.astype(np.result_type(p, q).type(0).real.dtype)

    return factor


def _extremum(ufunc: np.ufunc, wins: np.ufunc, skip_nan: bool) -> None:
    of_first, of_second = _chosen(wins, skip_nan, True), _chosen(wins, skip_nan, False)
    elementwise(ufunc, of_first, lambda a, b: of_second(b, a))


_extremum(np.maximum, np.greater, False)
_extremum(np.minimum, np.less, False)
_extremum(np.fmax, np.greater, True)
_extremum(np.fmin, np.less, True)


# clip(a, lo, hi) = minimum(maximum(a, lo), hi), and differentiates as that does: half to each at a bound.

_larger, _smaller = _chosen(np.greater, False, True), _chosen(np.less, False, True)


def _clip_factor(a: Array, b: Array, c: Array) -> Array:
    p, low, high = primal(a), primal(b), primal(c)
    inside, outside = (p > low) & (p < high), (p < low) | (p > high)
    if np.all(inside | outside):  # no ties and no NaN
        return np.asarray(inside).astype(np.result_type(p, low, high).type(0).real.dtype)
    return _larger(a, b) * _smaller(np.maximum(primal(a), primal(b)), c)


def _low_factor(a: Array, b: Array, c: Array) -> Array:
    return (1 - _larger(a, b)) * _smaller(np.maximum(primal(a), primal(b)), c)


def _high_factor(a: Array, b: Array, c: Array) -> Array:
    return 1 - _smaller(np.maximum(primal(a), primal(b)), c)


_clip: Any = vars(umath)["clip"]  # the ufunc behind np.clip
elementwise(_clip, _clip_factor, _low_factor, _high_factor)
_MISSING: Any = np._NoValue


@composed(np.clip)
def clip(
    a: Any,
    a_min: Any = _MISSING,
    a_max: Any = _MISSING,
    out: Any = None,
    *,
    min: Any = _MISSING,
    max: Any = _MISSING,
    **kwargs: Any,
) -> Any:
    if a_min is _MISSING and a_max is _MISSING:
        a_min, a_max = (None if bound is _MISSING else bound for bound in (min, max))
    elif a_min is _MISSING or a_max is _MISSING:
        raise TypeError(
            f"clip() missing 1 required positional argument: 'a_{'min' if a_min is _MISSING else 'max'}'"
        )
    elif min is not _MISSING or max is not _MISSING:
        raise ValueError(
            "Passing `min` or `max` keyword argument when `a_min` and `a_max` are provided is forbidden."
        )
    if a_min is None and a_max is None:
        return np.positive(a, **kwargs)
    if a_min is None:
        return np.minimum(a, a_max, **kwargs)
    if a_max is None:
        return np.maximum(a, a_min, **kwargs)
    return _clip(a, a_min, a_max, **kwargs)


# --- signs, steps, rounding -----------------------------------------------------------------------

# copysign(a, b) = |a| · (the sign of b): like |a|, derivative 0 at a = 0; constant in b.
elementwise(np.copysign, lambda a, b: np.sign(a) * np.copysign(1.0, primal(b)), 0)
# heaviside(a, b) is b at a = 0 and constant elsewhere.
elementwise(np.heaviside, 0, lambda a, b: np.equal(primal(a), 0).astype(np.result_type(primal(b))))
# nextafter(a, b) is a and one unit in the last place.
elementwise(np.nextafter, 1, 0)

constant(np.floor, np.ceil, np.rint, np.trunc, np.fix, np.round, np.around, np.spacing, np.floor_divide)


# --- remainders -----------------------------------------------------------------------------------
#
# a mod b = a − n b with an integer n that is constant between jumps.

elementwise(np.remainder, 1, lambda a, b: -np.floor_divide(a, b))
elementwise(np.fmod, 1, lambda a, b: -np.trunc(np.true_divide(primal(a), primal(b))))


@composed(np.divmod)
def divmod(x1: Any, x2: Any, **kwargs: Any) -> Any:
    return np.floor_divide(x1, x2, **kwargs), np.remainder(x1, x2, **kwargs)


# --- parts of floating-point numbers --------------------------------------------------------------


@rule_for(np.modf)
def modf(x: Array, **kwargs: Any) -> Any:
    """The fractional part moves with x, the integer part is constant."""
    return np.modf(x, **kwargs), linear(lambda v: (v, None), lambda w: w[0])


@rule_for(np.frexp)
def frexp(x: Array, **kwargs: Any) -> Any:
    """x = m · 2ⁿ: dm = 2⁻ⁿ dx, where n is constant."""
    m, n = np.frexp(x, **kwargs)
    power = np.ldexp(np.ones((), primal(m).dtype), -n)
    return (m, n), linear(lambda v: (v * power, None), lambda w: w[0] * power)


@by_map
def _scaled(y: Array, args: Any, in_shape: Shape, out_shape: Shape) -> LinearMap:
    return Diagonal(
        lambda n: np.ldexp(np.ones((), primal(y).dtype), primal(n)), (args[1],), in_shape, out_shape
    )


elementwise(np.ldexp, _scaled, 0)


# --- corrections ----------------------------------------------------------------------------------


@rule_for(np.nan_to_num)
def nan_to_num(x: Array, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """Finite entries (and finite real and imaginary parts) pass; what replaces the others is constant."""
    if not copy:
        raise TypeError(
            "np.nan_to_num(copy=False) changes its argument in place; write x[...] = np.nan_to_num(x)"
        )
    plain = np.asarray(primal(x))
    value = np.nan_to_num(plain, nan=nan, posinf=posinf, neginf=neginf)
    shape = np.shape(plain)
    if not np.iscomplexobj(plain):
        finite = np.isfinite(plain)
        if primal(x) is not x:
            value = np.where(finite, x, value)
        return value, Diagonal(np.where(finite, plain.dtype.type(1), plain.dtype.type(0)), None, shape, shape)
    real, imag = np.isfinite(plain.real), np.isfinite(plain.imag)
    if primal(x) is not x:
        value = np.where(real, np.real(x), value.real) + 1j * np.where(imag, np.imag(x), value.imag)

    def keep(v: Array) -> Array:
        return np.real(v) * real + 1j * (np.imag(v) * imag)

    return value, linear(keep, keep)


@rule_for(np.unwrap)
def unwrap(p: Array, discont: Any = None, axis: int = -1, *, period: Any = 2 * np.pi) -> Any:
    """p plus whole periods, whose number is constant between jumps."""
    value = np.unwrap(primal(p), discont=discont, axis=axis, period=period)
    return (value if primal(p) is p else p + (value - primal(p))), identity
