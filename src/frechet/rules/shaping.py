"""Shapes of arrays: reshaping, permuting and reversing axes, broadcasting, repeating, windows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from .. import maps
from ..errors import NotDifferentiableError
from ..linear_map import Array, LinearMap, Shape, compose, identity, linear
from ..maps import Broadcast, zeros_like
from ..rule import composed, primal, rule_for

# --- reshaping ----------------------------------------------------------------------------------------------


def _reshaped(a: Array, shape: Shape, order: str) -> LinearMap:
    """The map of a reshape in order C, or in order F: then by C order between reversed axes."""
    before = np.shape(a)
    if order == "C" or len(before) <= 1 >= len(shape):
        return maps.reshape(before, shape) if before != shape else identity
    return compose(_reversed(len(shape)), maps.reshape(before[::-1], shape[::-1]), _reversed(len(before)))


def _reversed(ndim: int) -> LinearMap:
    return maps.transpose(tuple(range(ndim))[::-1]) if ndim > 1 else identity


def _resolved(order: Any, a: Array) -> str:
    """The order "A": that of an array in Fortran order, else C."""
    if order not in ("A", "a"):
        return str(order).upper()
    flags = getattr(primal(a), "flags", None)
    return "F" if flags is not None and flags.fnc else "C"


@rule_for(np.reshape, may_view=True)
def reshape(a: Array, /, shape: Any, order: Any = "C", *, copy: Any = None) -> Any:
    if copy is None and type(a) is np.ndarray:
        y = a.reshape(shape, order=order)
    else:
        y = np.reshape(a, shape, order=order, copy=copy)
    return y, _reshaped(a, y.shape, order if order == "C" else _resolved(order, a))


@rule_for(np.ravel, may_view=True)
def ravel(a: Array, order: Any = "C") -> Any:
    y = np.ravel(a, order)
    if order in ("K", "k"):
        # Axes in the order of their strides, the largest first, as they lie in memory.
        strides = getattr(primal(a), "strides", ())
        if np.size(a) and any(s == 0 and n > 1 for s, n in zip(strides, np.shape(a), strict=True)):
            raise NotDifferentiableError(
                "np.ravel(order='K') of a broadcast array: several entries lie at one place in "
                "memory, whose order says nothing about them. Use order='C'"
            )
        axes = tuple(sorted(range(len(strides)), key=lambda k: -abs(strides[k])))
        shape = tuple(np.shape(a)[k] for k in axes)
        return y, compose(maps.reshape(shape, y.shape), maps.transpose(axes))
    return y, _reshaped(a, y.shape, _resolved(order, a))


@rule_for(np.squeeze, may_view=True)
def squeeze(a: Array, axis: Any = None) -> Any:
    y = np.squeeze(a, axis)
    return y, maps.reshape(np.shape(a), np.shape(y))


@rule_for(np.expand_dims, may_view=True)
def expand_dims(a: Array, axis: Any) -> Any:
    y = np.expand_dims(a, axis)
    return y, maps.reshape(np.shape(a), y.shape)


def _at_least(arrays: tuple[Any, ...], shape: Any) -> Any:
    results = []
    for a in arrays:
        lifted = shape(np.shape(a))
        results.append(a if lifted == np.shape(a) else np.reshape(a, lifted))
    return results[0] if len(results) == 1 else tuple(results)


@composed(np.atleast_1d)
def atleast_1d(*arys: Array) -> Any:
    return _at_least(arys, lambda s: s or (1,))


@composed(np.atleast_2d)
def atleast_2d(*arys: Array) -> Any:
    return _at_least(arys, lambda s: (1,) * (2 - len(s)) + s)


@composed(np.atleast_3d)
def atleast_3d(*arys: Array) -> Any:
    return _at_least(arys, lambda s: s if len(s) > 2 else (*s, 1) if len(s) == 2 else (1, *(s or (1,)), 1))


# --- permuting axes -----------------------------------------------------------------------------------------

_swap_last = linear(lambda v: v.swapaxes(-1, -2), lambda w: w.swapaxes(-1, -2))


@rule_for(np.transpose, may_view=True)
def transpose(a: Array, axes: Any = None) -> Any:
    y = a.transpose(axes) if type(a) is np.ndarray else np.transpose(a, axes)
    n = y.ndim
    if n < 2:
        return y, identity
    order = tuple(range(n))[::-1] if axes is None else tuple([int(k) % n for k in axes])
    return y, _swap_last if order == (1, 0) else maps.transpose(order)


@rule_for(np.matrix_transpose, np.linalg.matrix_transpose, may_view=True)
def matrix_transpose(x: Array, /) -> Any:
    return np.matrix_transpose(x), _swap_last


@rule_for(np.swapaxes, may_view=True)
def swapaxes(a: Array, axis1: int, axis2: int) -> Any:
    y = a.swapaxes(axis1, axis2) if type(a) is np.ndarray else np.swapaxes(a, axis1, axis2)
    n = y.ndim
    j, k = axis1 % n - n, axis2 % n - n
    if j + k == -3:  # the last two
        return y, _swap_last
    return y, linear(lambda v: v.swapaxes(j, k), lambda w: w.swapaxes(j, k))


@rule_for(np.moveaxis, may_view=True)
def moveaxis(a: Array, source: Any, destination: Any) -> Any:
    n = np.ndim(a)
    sources = normalize_axis_tuple(source, n, "source")
    destinations = normalize_axis_tuple(destination, n, "destination")
    if len(sources) != len(destinations):
        raise ValueError("`source` and `destination` arguments must have the same number of elements")
    order = [k for k in range(n) if k not in sources]
    for d, s in sorted(zip(destinations, sources, strict=True)):
        order.insert(d, s)
    return np.transpose(a, order), maps.transpose(tuple(order))


@rule_for(np.rollaxis, may_view=True)
def rollaxis(a: Array, axis: int, start: int = 0) -> Any:
    y = np.rollaxis(a, axis, start)
    n = np.ndim(a)
    axis %= n
    start = start + n if start < 0 else start
    order = [k for k in range(n) if k != axis]
    order.insert(start - 1 if axis < start else start, axis)
    return y, maps.transpose(tuple(order))


# --- broadcasting -------------------------------------------------------------------------------------------


@rule_for(np.broadcast_to, may_view=True)
def broadcast_to(array: Array, shape: Any, subok: bool = False) -> Any:
    y = np.broadcast_to(array, shape)
    return y, Broadcast(np.shape(array), y.shape)


@composed(np.broadcast_arrays)
def broadcast_arrays(*args: Array, subok: bool = False) -> Any:
    shape = np.broadcast_shapes(*map(np.shape, args))
    return tuple([a if np.ndim(a) and np.shape(a) == shape else np.broadcast_to(a, shape) for a in args])


@composed(np.ix_)
def ix_(*args: Array) -> Any:
    for a in args:
        if np.ndim(a) != 1:
            raise ValueError("Cross index must be 1 dimensional")
    return tuple(
        [
            np.ix_(a)[0].reshape((1,) * k + (-1,) + (1,) * (len(args) - k - 1))
            if primal(a) is a
            else np.reshape(a, (1,) * k + (-1,) + (1,) * (len(args) - k - 1))
            for k, a in enumerate(args)
        ]
    )


@composed(np.meshgrid)
def meshgrid(*xi: Array, copy: bool = True, sparse: bool = False, indexing: Any = "xy") -> Any:
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    n = len(xi)
    places = list(range(n))
    if indexing == "xy" and n > 1:
        places[:2] = [1, 0]
    grids = [np.reshape(x, (1,) * k + (-1,) + (1,) * (n - k - 1)) for k, x in zip(places, xi, strict=True)]
    if not sparse:
        grids = list(np.broadcast_arrays(*grids))
    return tuple([np.copy(g) for g in grids] if copy else grids)


# --- reversing and rolling ----------------------------------------------------------------------------------


def _negative(axis: Any, ndim: int) -> tuple[int, ...]:
    """Axes counted from the end; all of them for None."""
    if axis is None:
        return tuple(range(-ndim, 0))
    return tuple([int(k) % ndim - ndim for k in (axis if np.ndim(axis) else (axis,))])


@rule_for(np.flip, may_view=True)
def flip(m: Array, axis: Any = None) -> Any:
    y = np.flip(m, axis)
    axes = _negative(axis, np.ndim(m))
    return y, linear(lambda v: np.flip(v, axes), lambda w: np.flip(w, axes))


@composed(np.fliplr)
def fliplr(m: Array) -> Any:
    if np.ndim(m) < 2:
        raise ValueError("Input must be >= 2-d.")
    return np.flip(m, 1)


@composed(np.flipud)
def flipud(m: Array) -> Any:
    if np.ndim(m) < 1:
        raise ValueError("Input must be >= 1-d.")
    return np.flip(m, 0)


@rule_for(np.rot90, may_view=True)
def rot90(m: Array, k: int = 1, axes: Any = (0, 1)) -> Any:
    y = np.rot90(m, k, axes)
    first, second = _negative(axes, np.ndim(m))

    def turned(v: Array, k: int) -> Array:
        n = np.ndim(v)
        return np.rot90(v, k, (first + n, second + n))

    return y, linear(lambda v: turned(v, k), lambda w: turned(w, -k))


@rule_for(np.roll)
def roll(a: Array, shift: Any, axis: Any = None) -> Any:
    shift = primal(shift)
    y = np.roll(a, shift, axis)
    shift = tuple(shift) if np.ndim(shift) else shift
    back = tuple([-s for s in shift]) if isinstance(shift, tuple) else -shift
    if axis is None:
        shape, size = np.shape(a), (int(np.prod(np.shape(a))),)
        turn = linear(lambda v: np.roll(v, shift, -1), lambda w: np.roll(w, back, -1))
        return y, compose(maps.reshape(size, shape), turn, maps.reshape(shape, size))
    axes = _negative(axis, np.ndim(a))
    return y, linear(lambda v: np.roll(v, shift, axes), lambda w: np.roll(w, back, axes))


# --- repeating ----------------------------------------------------------------------------------------------


@rule_for(np.repeat)
def repeat(a: Array, repeats: Any, axis: Any = None) -> Any:
    repeats = primal(repeats)
    y = np.repeat(a, repeats, axis)
    axis = axis if np.ndim(a) else None
    shape = np.shape(a) if axis is not None else (int(np.prod(np.shape(a))),)
    j = axis % len(shape) if axis is not None else 0
    back, n = j - len(shape), shape[j]
    if np.size(repeats) == 1:
        times = int(np.reshape(repeats, ()))
        after = (slice(None),) * (-1 - back)

        def added(w: Array) -> Array:
            # Few copies are added one by one: NumPy is slow to sum over short axes.
            if 0 < times <= 8:
                total = w[(Ellipsis, slice(None, None, times), *after)]
                for k in range(1, times):
                    total = total + w[(Ellipsis, slice(k, None, times), *after)]
                return total
            stack = np.shape(w)[: np.ndim(w) - len(shape)]
            return np.sum(np.reshape(w, (*stack, *shape[: j + 1], times, *shape[j + 1 :])), axis=back)

        apart = linear(lambda v: np.repeat(v, times, axis=back), added)
    else:
        counts = np.asarray(repeats)
        there = np.flatnonzero(counts)
        starts = (np.cumsum(counts) - counts)[there]

        def collected(w: Array) -> Array:
            if not there.size:
                return zeros_like(w, np.shape(w)[: np.ndim(w) - len(shape)] + shape)
            sums = np.add.reduceat(w, starts, axis=back)
            if there.size == n:
                return sums
            z = zeros_like(w, np.shape(w)[: np.ndim(w) - len(shape)] + shape)
            z[(Ellipsis, there, *(slice(None),) * (-1 - back))] = sums
            return z

        apart = linear(lambda v: np.repeat(v, counts, axis=back), collected)
    return y, compose(apart, maps.reshape(np.shape(a), shape)) if axis is None else apart


@composed(np.tile)
def tile(A: Array, reps: Any) -> Any:
    times = tuple([int(r) for r in reps]) if np.ndim(reps) else (int(reps),)
    n = max(len(times), np.ndim(A))
    times = (1,) * (n - len(times)) + times
    shape = (1,) * (n - np.ndim(A)) + np.shape(A)
    # (r₀, n₀, r₁, n₁, …) with the copies along the new axes
    apart = tuple([m for s in shape for m in (1, s)])
    spread = tuple([m for r, s in zip(times, shape, strict=True) for m in (r, s)])
    if all(r == 1 for r in times):
        return np.copy(np.reshape(A, shape))
    out = tuple([r * s for r, s in zip(times, shape, strict=True)])
    return np.reshape(np.broadcast_to(np.reshape(A, apart), spread), out)


@composed(np.resize)
def resize(a: Array, new_shape: Any) -> Any:
    shape = tuple([int(n) for n in new_shape]) if np.ndim(new_shape) else (int(new_shape),)
    if any(n < 0 for n in shape):
        raise ValueError("all elements of `new_shape` must be non-negative")
    size, n = int(np.prod(shape)), np.size(a)
    if size == 0 or n == 0:
        return np.zeros_like(a, shape=shape)
    flat = np.reshape(a, -1)
    if size <= n:
        return np.reshape(np.copy(flat[:size]), shape)
    copies = -(-size // n)
    return np.reshape(np.reshape(np.broadcast_to(flat, (copies, n)), -1)[:size], shape)


# --- windows ------------------------------------------------------------------------------------------------


@rule_for(np.lib.stride_tricks.sliding_window_view, may_view=True)
def sliding_window_view(
    x: Array, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False
) -> Any:
    y = np.lib.stride_tricks.sliding_window_view(x, window_shape, axis)
    n = np.ndim(x)
    widths = tuple(window_shape) if np.ndim(window_shape) else (window_shape,)
    # One axis after the other; each adds its window as the last axis.
    steps: list[LinearMap] = []
    shape = np.shape(x)
    for added, (width, k) in enumerate(zip(widths, _negative(axis, n), strict=True)):
        steps.insert(0, _windows(shape, k - added, int(width)))
        shape = (*shape[: n + k], shape[n + k] - width + 1, *shape[n + k + 1 :], int(width))
    return y, compose(*steps)


def _windows(shape: Shape, axis: int, width: int) -> LinearMap:
    """Windows along an axis (counted from the end) in a new last axis; the adjoint adds their overlaps."""
    count = shape[axis] - width + 1
    after = (slice(None),) * (-1 - axis)

    def overlapped(w: Array) -> Array:
        n_stack = np.ndim(w) - len(shape) - 1
        z = zeros_like(w, np.shape(w)[:n_stack] + shape)
        # Over the places in a window or over the windows, whichever are fewer.
        if width <= count:
            for k in range(width):
                z[(Ellipsis, slice(k, k + count), *after)] += w[..., k]
        else:
            for k in range(count):
                window = w[(Ellipsis, k, *(slice(None),) * -axis)]
                z[(Ellipsis, slice(k, k + width), *after)] += np.moveaxis(window, -1, axis)
        return z

    view = np.lib.stride_tricks.sliding_window_view
    return linear(lambda v: view(v, width, axis), overlapped)
