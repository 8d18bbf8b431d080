"""Array creation: filled arrays, grids between end points, powers, copies and casts.

np.zeros_like(x), np.zeros(n, like=x) and the like return an array under the trace of x, with tangent zero,
into which traced values can be written: see tracing.creation.  Here are functions whose result varies with
their arguments.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import NotDifferentiableError
from ..linear_map import Array, LinearMap, Shape, identity, linear, zero
from ..maps import Diagonal, broadcast, unbroadcast
from ..rule import composed, primal, rule_for


def _copy(v: Array) -> Array:
    return np.copy(v)


copying = linear(_copy, _copy)


@rule_for(np.copy)
def copy(a: Array, order: Any = "K", subok: bool = False) -> Any:
    return np.copy(a, order=order), copying


@rule_for(np.astype, may_view=True)
def astype(x: Array, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    kind = np.dtype(dtype).kind
    if kind not in "fciub":
        raise NotDifferentiableError(
            f"np.astype to dtype {np.dtype(dtype)} would lose the derivative; convert fr.stop_gradient(x) "
            "if the result is meant to be constant"
        )
    y = x.astype(dtype, copy=copy)
    # Tangents and cotangents are cast by the projection onto the spaces of y and x.  From complex to real
    # NumPy keeps the real part (with a warning), and so does the projection.
    return y, identity if kind in "fc" else zero


@composed(np.full_like)
def full_like(
    a: Array,
    fill_value: Any,
    dtype: Any = None,
    order: Any = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Any:
    y = np.zeros_like(a, dtype=dtype, order=order, shape=shape)
    if primal(fill_value) is fill_value:
        y[...] = fill_value
        return y
    # A sum, so that the result is under the traces of both; subtracting keeps -0.0.
    return np.astype(np.subtract(fill_value, y), y.dtype)


# --- grids between end points -------------------------------------------------------------------------------
#
# np.linspace: y_k = (1 − t_k) start + t_k stop, with t_k = k / (num − 1), or k / num without the end point.
# np.geomspace: y_k = start^(1 − t_k) stop^t_k, so dy_k = (1 − t_k) y_k dstart / start + t_k y_k dstop / stop.


def _fractions(num: int, endpoint: bool, axis: int) -> Array:
    """The t_k, along an axis counted from the end."""
    intervals = num - 1 if endpoint else num
    return (np.arange(num) / max(intervals, 1)).reshape((num,) + (1,) * (-1 - axis))


class Along(LinearMap):
    """v ↦ d · v, with v broadcast to a shape and repeated along a new axis."""

    __slots__ = ("_axis", "_factor", "_in_shape", "_shape")

    def __init__(self, factor: Any, axis: int, in_shape: Shape, shape: Shape) -> None:
        self._factor = factor  # a function without arguments, called when it is needed
        self._axis = axis  # counted from the end
        self._in_shape = in_shape
        self._shape = shape

    def push(self, v: Array) -> Array:
        return np.expand_dims(broadcast(v, self._in_shape, self._shape), self._axis) * self._factor()

    def pull(self, w: Array) -> Array:
        w = np.sum(w * np.conj(self._factor()), axis=self._axis)
        return unbroadcast(w, self._in_shape, self._shape)


class WithStep(LinearMap):
    """v ↦ (tangent of the samples, tangent of the step ± v / intervals)."""

    __slots__ = ("_samples", "_step")

    def __init__(self, samples: LinearMap, step: LinearMap) -> None:
        self._samples = samples
        self._step = step

    def push(self, v: Array) -> Any:
        return self._samples.push(v), self._step.push(v)

    def pull(self, w: Any) -> Array:
        return self._samples.pull(w[0]) + self._step.pull(w[1])


@rule_for(np.linspace)
def linspace(
    start: Array,
    stop: Array,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    *,
    device: Any = None,
) -> Any:
    function: Any = np.linspace  # whose stubs take a literal retstep only
    result = function(start, stop, num, endpoint, retstep, dtype, axis)
    y = result[0] if retstep else result
    if y.dtype.kind not in "fc":
        return result, (zero, zero)
    a, b = np.shape(start), np.shape(stop)
    shape = np.broadcast_shapes(a, b)
    back = axis % y.ndim - y.ndim
    t = _fractions(num, endpoint, back).astype(np.finfo(y.dtype).dtype)
    maps: list[LinearMap] = [Along(lambda: 1 - t, back, a, shape), Along(lambda: t, back, b, shape)]
    if retstep:
        intervals = num - 1 if endpoint else num
        # Without intervals the step is NaN, whatever the end points.
        rates = (-1 / intervals, 1 / intervals) if intervals > 0 else (0.0, 0.0)
        maps = [WithStep(m, Diagonal(r, None, s, shape)) for m, r, s in zip(maps, rates, (a, b), strict=True)]
    return result, tuple(maps)


@rule_for(np.geomspace)
def geomspace(
    start: Array, stop: Array, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> Any:
    y = np.geomspace(start, stop, num, endpoint, dtype, axis)
    if y.dtype.kind not in "fc":
        return y, (zero, zero)
    a, b = np.shape(start), np.shape(stop)
    shape = np.broadcast_shapes(a, b)
    back = axis % y.ndim - y.ndim
    t = _fractions(num, endpoint, back)

    def relative(x: Array, share: Array) -> Any:
        return lambda: share * y / np.expand_dims(np.broadcast_to(x, shape), back)

    return y, (Along(relative(start, 1 - t), back, a, shape), Along(relative(stop, t), back, b, shape))


@composed(np.logspace)
def logspace(
    start: Array,
    stop: Array,
    num: int = 50,
    endpoint: bool = True,
    base: Any = 10.0,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    if np.ndim(base):  # then it is broadcast with the others, and axis counted in all of them
        ndim = max(np.ndim(start), np.ndim(stop), np.ndim(base))
        given = (start, stop, base)
        start, stop, base = (np.reshape(x, (1,) * (ndim - np.ndim(x)) + np.shape(x)) for x in given)
        base = np.expand_dims(base, axis)
    y = np.power(base, np.linspace(start, stop, num, endpoint, axis=axis))
    return y if dtype is None else np.astype(y, np.dtype(dtype))


@rule_for(np.vander)
def vander(x: Array, N: Any = None, increasing: bool = False) -> Any:
    y = np.vander(x, N, increasing)
    n, columns = y.shape

    def factor() -> Array:
        # d(x^k) = k x^(k−1) dx: the powers one place on, times k
        powers = y if increasing else np.flip(y, 1)
        k = np.arange(1, columns)
        d = np.concatenate(
            (np.zeros((n, min(columns, 1)), y.dtype), powers[:, : max(columns - 1, 0)] * k), axis=1
        )
        return d if increasing else np.flip(d, 1)

    return y, Along(factor, -1, (n,), (n,))
