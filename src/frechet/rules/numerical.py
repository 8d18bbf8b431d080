"""Numerical analysis on samples: differences, gradients, integrals, interpolation, cross products.

np.interp is piecewise linear: at a knot its derivative in x is the slope on the right, at the last knot that
on the left; beyond the ends it is 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ..linear_map import Array, LinearMap, Shape, compose, linear
from ..maps import Broadcast, Diagonal, Gather, diagonal, zeros_like
from ..rule import Rule, composed, primal, rule_for
from .products import as_array
from .reductions import UNSET

# --- differences --------------------------------------------------------------------------------------------


def part(start: Any, stop: Any, axis: int) -> Any:
    """The index that takes start:stop along an axis (negative)."""
    return (Ellipsis, slice(start, stop), *[slice(None)] * (-axis - 1))


class Difference(LinearMap):
    """v ↦ v_{k+1} − v_k along an axis (negative), n times."""

    __slots__ = ("_axis", "_n")

    def __init__(self, n: int, axis: int) -> None:
        self._n, self._axis = n, axis

    def push(self, v: Array) -> Array:
        return difference(v, self._n, self._axis)

    def pull(self, w: Array) -> Array:
        axis = self._axis
        for _ in range(self._n):
            shape = list(np.shape(w))
            shape[axis] += 1
            z = zeros_like(w, tuple(shape))
            z[part(1, None, axis)] = w
            z[part(None, -1, axis)] -= w
            w = z
        return w


def _difference(a: Array, n: int, axis: int) -> Any:
    y = difference(a, n, axis)
    if n > np.shape(a)[axis]:
        n = np.shape(a)[axis]  # an empty result: no more differences can be taken
    return y, Difference(n, axis % np.ndim(a) - np.ndim(a))


difference = Rule(np.diff, _difference, "np.diff")


def _pieces(value: Any, a: Array, axis: int) -> list[Any]:
    """What is put before or after a; numbers stand for a slice of length one."""
    if value is UNSET:
        return []
    if np.ndim(value) == 0:
        shape = list(np.shape(a))
        shape[axis] = 1
        value = np.broadcast_to(value, shape)
    return [value]


@composed(np.diff)
def diff(a: Array, n: int = 1, axis: int = -1, prepend: Any = UNSET, append: Any = UNSET) -> Array:
    if n == 0:
        return a
    parts = [*_pieces(prepend, a, axis), a, *_pieces(append, a, axis)]
    return difference(a if len(parts) == 1 else np.concatenate(parts, axis), n, axis)


@composed(np.ediff1d)
def ediff1d(ary: Array, to_end: Any = None, to_begin: Any = None) -> Array:
    y = difference(np.ravel(ary), 1, -1)
    ends = [None if x is None else np.astype(np.ravel(x), np.result_type(ary)) for x in (to_begin, to_end)]
    parts = [x for x in (ends[0], y, ends[1]) if x is not None]
    return y if len(parts) == 1 else np.concatenate(parts)


# --- gradient and integral ----------------------------------------------------------------------------------


@composed(np.gradient)
def gradient(f: Array, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Central differences inside, one-sided ones of order edge_order at the ends."""
    f = as_array(f)
    ndim = np.ndim(f)
    axes = range(ndim) if axis is None else normalize_axis_tuple(axis, ndim)
    if edge_order not in (1, 2):
        raise ValueError("np.gradient: edge_order must be 1 or 2")
    if len(varargs) not in (0, 1, len(axes)) or (
        len(varargs) == 1 and np.ndim(varargs[0]) and len(axes) != 1
    ):
        raise TypeError("np.gradient: give no spacing, one number for all axes, or a spacing for each axis")
    spacings = [1.0] * len(axes) if not varargs else list(varargs) * (len(axes) if len(varargs) == 1 else 1)
    if np.result_type(f).kind in "iub":
        f = f.astype(float)
    parts = []
    for k, h in zip(axes, spacings, strict=True):
        n = np.shape(f)[k]
        if n < edge_order + 1:
            raise ValueError(
                "np.gradient: the array is too small; at least edge_order + 1 elements are needed"
            )
        if np.ndim(h) > 1 or (np.ndim(h) == 1 and np.size(h) != n):
            raise ValueError(
                "np.gradient: distances must be numbers, or 1d arrays that match the length of the axis"
            )
        parts.append(_gradient_along(f, as_array(h), k - ndim, edge_order))
    return parts[0] if len(parts) == 1 else tuple(parts)


def _gradient_along(f: Array, h: Any, axis: int, edge_order: int) -> Array:
    uniform = np.ndim(h) == 0
    if not uniform:
        h = difference(h, 1, -1)

    def at(start: Any, stop: Any) -> Array:
        return f[part(start, stop, axis)]

    def gap(start: Any, stop: Any) -> Any:
        return h if uniform else np.reshape(h[start:stop], (-1, *[1] * (-axis - 1)))

    def between(a: Array, b: Array, c: Array, p: Any, q: Any, where: int) -> Array:
        """The slope of the parabola through (−p, a), (0, b), (q, c), at −p, 0 or q (where = −1, 0, 1)."""
        left, right = (b - a) / p, (c - b) / q
        if where == 0:
            return (c - a) / (2 * p) if uniform else (q * left + p * right) / (p + q)
        return left - p * (right - left) / (p + q) if where < 0 else right + q * (right - left) / (p + q)

    inside = between(at(None, -2), at(1, -1), at(2, None), gap(None, -1), gap(1, None), 0)
    if edge_order == 1:
        first = (at(1, 2) - at(0, 1)) / gap(0, 1)
        last = (at(-1, None) - at(-2, -1)) / gap(-1, None)
    else:
        first = between(at(0, 1), at(1, 2), at(2, 3), gap(0, 1), gap(1, 2), -1)
        last = between(at(-3, -2), at(-2, -1), at(-1, None), gap(-2, -1), gap(-1, None), 1)
    y = np.concatenate([first, inside, last], axis=axis)
    return y if y.dtype == f.dtype else y.astype(f.dtype)


@composed(np.trapezoid)
def trapezoid(y: Array, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Array:
    """Σ (x_{k+1} − x_k)(y_{k+1} + y_k)/2."""
    y = as_array(y)
    k = normalize_axis_index(axis, np.ndim(y)) - np.ndim(y)
    if x is not None:
        dx = np.diff(x, axis=axis if np.ndim(x) > 1 else -1)
        if np.ndim(x) == 1:
            dx = np.reshape(dx, (-1, *[1] * (-k - 1)))
    return np.sum(dx * (y[part(1, None, k)] + y[part(None, -1, k)]) / 2, axis=k)


# --- interpolation ------------------------------------------------------------------------------------------


class _Intervals:
    """Where the points x lie among the knots: y = (1 − t) f_lo + t f_hi, found when first needed.

    With a period p, points and knots are taken modulo p, and the knots sorted, with one more at either end.
    """

    def __init__(self, x: Array, xp: Array, period: Any) -> None:
        self.x, self.xp, self.period = x, xp, period
        self.found: Any = None

    def find(self) -> Any:
        """(lo, hi, shift of x, of the knot lo, of the knot hi, inside): shifts in whole periods or 0."""
        if self.found is None:
            x, knots = np.asarray(primal(self.x)), np.asarray(primal(self.xp))
            order, turns, shift_x = np.arange(len(knots)), np.zeros(len(knots)), np.zeros(np.shape(x))
            if self.period is not None:
                p = abs(self.period)
                shift_x, turns = -p * np.floor(x / p), -p * np.floor(knots / p)
                order = np.argsort(knots + turns, kind="stable")
                order = np.concatenate((order[-1:], order, order[:1]))
                turns = turns[order] + np.concatenate(([-p], np.zeros(len(knots)), [p]))
            places = knots[order] + turns
            moved = x + shift_x
            j = np.clip(np.searchsorted(places, moved, side="right") - 1, 0, max(len(places) - 2, 0))
            i = np.minimum(j + 1, len(places) - 1)
            inside = (moved >= places[0]) & (moved <= places[-1]) & (i > j)
            self.found = order[j], order[i], shift_x, turns[j], turns[i], inside
        return self.found

    def weight(self, x: Array, xp: Array) -> Array:
        """t, the weight of the upper knot, between 0 and 1."""
        lo, hi, shift, shift_lo, shift_hi, inside = self.find()
        start = xp[lo] + shift_lo
        width = np.where(inside, xp[hi] + shift_hi - start, 1)
        beyond = (primal(x) + shift > primal(start)) & (hi != lo)
        return np.where(inside, (x + shift - start) / width, beyond)

    def slope(self, xp: Array, fp: Array) -> Array:
        """dy/dx."""
        lo, hi, _, shift_lo, shift_hi, inside = self.find()
        width = np.where(inside, xp[hi] + shift_hi - xp[lo] - shift_lo, 1)
        return np.where(inside, (fp[hi] - fp[lo]) / width, 0)


@rule_for(np.interp)
def interp(x: Array, xp: Array, fp: Array, left: Any = None, right: Any = None, period: Any = None) -> Any:
    # dy = (1 − t) df_lo + t df_hi + s (dx − (1 − t) dx_lo − t dx_hi), with the slope s
    x, xp, fp = as_array(x), as_array(xp), as_array(fp)
    y = np.interp(x, xp, fp, left, right, primal(period))
    shape, knots = np.shape(y), np.shape(xp)
    at = _Intervals(x, xp, primal(period))
    ends: list[LinearMap | None] = [None, None]
    keep: Any = None
    if period is None:
        below, above = primal(x) < primal(xp)[0], primal(x) > primal(xp)[-1]
        ends = [diagonal_from_number(mask, shape) for mask in (below, above)]
        keep = ~((below & (left is not None)) | (above & (right is not None)))

    def mix(v: Array) -> Array:
        lo, hi, *_ = at.find()
        t = at.weight(x, xp)
        return _read(v, lo) * (1 - t) + _read(v, hi) * t

    def unmix(w: Array) -> Array:
        lo, hi, *_ = at.find()
        t = at.weight(x, xp)
        read = Gather(lo, knots, len(shape)), Gather(hi, knots, len(shape))
        return read[0].pull(w * (1 - t)) + read[1].pull(w * t)

    mixed = linear(mix, unmix)
    sloped = Diagonal(at.slope, (xp, fp), shape, shape)
    in_fp = mixed if keep is None or np.all(keep) else compose(diagonal(keep), mixed)
    return y, (sloped, -compose(sloped, mixed), in_fp, *ends, None)


def diagonal_from_number(mask: Array, shape: Shape) -> LinearMap:
    """A number ↦ that number where the mask holds, 0 elsewhere."""
    return compose(diagonal(mask, shape), Broadcast((), shape))


def _read(v: Array, index: Array) -> Array:
    return v[..., index]


# --- cross products -----------------------------------------------------------------------------------------


def _cross3(a: Array, b: Array) -> Any:
    # a × b is linear in each; ⟨v × b, w⟩ = ⟨v, conj(b) × w⟩ and ⟨a × v, w⟩ = ⟨v, w × conj(a)⟩
    y = cross3(a, b)
    full = np.shape(y)

    def on(shape: Shape, push: Callable[[Array], Array], pull: Callable[[Array], Array]) -> LinearMap:
        m = linear(push, pull)
        return m if shape == full else compose(m, Broadcast(shape, full))

    in_a = on(np.shape(a), lambda v: cross3(v, b), lambda w: cross3(np.conjugate(b), w))
    in_b = on(np.shape(b), lambda v: cross3(a, v), lambda w: cross3(w, np.conjugate(a)))
    return y, (in_a, in_b)


cross3 = Rule(np.cross, _cross3, "np.cross")  # of vectors of three entries, along the last axis


@composed(np.cross)
def cross(a: Array, b: Array, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None) -> Array:
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(a, axisa, -1), np.moveaxis(b, axisb, -1)
    sizes = np.shape(a)[-1], np.shape(b)[-1]
    if sizes == (3, 3):
        y = cross3(a, b)
    elif sizes == (2, 2):
        return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    elif set(sizes) == {2, 3}:
        a, b = (x if n == 3 else np.concatenate([x, np.zeros((*np.shape(x)[:-1], 1))], -1) for x, n in
                zip((a, b), sizes, strict=True))  # fmt: skip
        y = cross3(a, b)
    else:
        raise ValueError(f"np.cross: vectors must have 2 or 3 entries, not {sizes[0]} and {sizes[1]}")
    return np.moveaxis(y, -1, axisc)


# --- slice by slice -----------------------------------------------------------------------------------------


@composed(np.apply_along_axis)
def apply_along_axis(func1d: Callable[..., Any], axis: int, arr: Array, *args: Any, **kwargs: Any) -> Array:
    """func1d of each slice: a call, and its steps, for every slice."""
    ndim = np.ndim(arr)
    k = normalize_axis_index(axis, ndim)
    rows = np.moveaxis(arr, k, -1)
    batch = np.shape(rows)[:-1]
    if 0 in batch:
        raise ValueError("Cannot apply_along_axis when any iteration dimensions are 0")
    results = [func1d(rows[at], *args, **kwargs) for at in np.ndindex(batch)]
    y = np.stack(results)
    y = np.reshape(y, batch + np.shape(results[0]))
    m = np.ndim(results[0])
    return np.moveaxis(y, range(len(batch), len(batch) + m), range(k, k + m))


@composed(np.apply_over_axes)
def apply_over_axes(func: Callable[..., Any], a: Array, axes: Any) -> Array:
    y = a
    for axis in [axes] if np.ndim(axes) == 0 else axes:
        k = normalize_axis_index(axis, np.ndim(a))
        result = func(y, k)
        if np.ndim(result) != np.ndim(y):
            result = np.expand_dims(result, k)
            if np.ndim(result) != np.ndim(y):
                raise ValueError("function is not returning an array of the correct shape")
        y = result
    return y
