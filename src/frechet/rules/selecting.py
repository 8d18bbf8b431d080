"""Selecting entries of arrays, by masks and by indices, and writing selected entries.

Masks and indices are constants: the derivative is that of the entries that are picked.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import InPlaceError
from ..linear_map import Array, LinearMap, Shape, compose, linear, zero
from ..maps import Broadcast, Gather, broadcast, transpose, unbroadcast, zeros_like
from ..rule import composed, primal, rule_for
from .joining import Rows


class Masked(LinearMap):
    """v, broadcast from in_shape to out_shape, where a mask has the given truth value, and 0 elsewhere.

    Not multiplication by the mask: an infinite v outside of it must not give NaN.
    """

    __slots__ = ("_in_shape", "_mask", "_out_shape", "_truth")

    def __init__(self, mask: Array, truth: bool, in_shape: Shape, out_shape: Shape) -> None:
        self._mask = mask
        self._truth = truth
        self._in_shape = in_shape
        self._out_shape = out_shape

    def _select(self, v: Array) -> Array:
        return np.where(self._mask, v, 0) if self._truth else np.where(self._mask, 0, v)

    def push(self, v: Array) -> Array:
        if self._in_shape != self._out_shape:
            v = broadcast(v, self._in_shape, self._out_shape)
        return self._select(v)

    def pull(self, w: Array) -> Array:
        w = self._select(w)
        return w if self._in_shape == self._out_shape else unbroadcast(w, self._in_shape, self._out_shape)


@rule_for(np.where)
def where(condition: Array, x: Array = None, y: Array = None, /) -> Any:
    mask = primal(condition)
    if x is None and y is None:
        return np.nonzero(mask), zero
    z = np.where(mask, x, y)
    shape = np.shape(z)
    return z, (zero, Masked(mask, True, np.shape(x), shape), Masked(mask, False, np.shape(y), shape))


# --- by indices ---------------------------------------------------------------------------------------------


class Take(Gather):
    """The rows named by an array of indices along an axis; the adjoint adds the cotangents of each row."""

    __slots__ = ("_axis", "_indices", "_sorted")

    def __init__(self, indices: Array, axis: int, shape: Shape) -> None:
        self._indices = indices  # non-negative
        self._axis = axis  # counted from the end
        self._sorted: Any = None
        index = (*(slice(None),) * (axis + len(shape)), indices)
        super().__init__(index, shape, len(shape) - 1 + indices.ndim)

    def push(self, v: Array) -> Array:
        return np.take(v, self._indices, axis=self._axis)

    def _sums(self, w: Array) -> tuple[Array, Array]:
        """The rows that are named, and for each the sum of its cotangents."""
        axis = self._axis
        stack = np.shape(w)[: np.ndim(w) - self.out_ndim]
        w = np.reshape(w, (*stack, *self.in_shape[:axis], self._indices.size, *self.in_shape[axis:][1:]))
        if self._sorted is None:
            flat = np.ravel(self._indices)
            order = np.argsort(flat, kind="stable")
            self._sorted = order, *np.unique(flat[order], return_index=True)
        # After sorting, the cotangents of a row lie together.
        order, rows, starts = self._sorted
        sums = np.take(w, order, axis=axis)
        return rows, np.add.reduceat(sums, starts, axis=axis) if len(rows) < len(order) else sums

    def pull(self, w: Array) -> Array:
        rows, sums = self._sums(w)
        if len(rows) == self.in_shape[self._axis]:
            return sums
        z = zeros_like(w, np.shape(w)[: np.ndim(w) - self.out_ndim] + self.in_shape)
        z[(Ellipsis, rows, *(slice(None),) * (-self._axis - 1))] = sums
        return z

    def accumulate(self, buffer: Array, w: Array) -> None:
        rows, sums = self._sums(w)
        buffer[(Ellipsis, rows, *(slice(None),) * (-self._axis - 1))] += sums


def _wrapped(indices: Array, n: int, mode: str = "raise") -> Array:
    """Indices that NumPy has accepted in a mode, as non-negative ones."""
    if mode == "clip":
        return np.clip(indices, 0, n - 1)
    return indices % n if n else indices


@rule_for(np.take)
def take(a: Array, indices: Any, axis: Any = None, out: Any = None, mode: Any = "raise") -> Any:
    indices = primal(indices)
    y = np.take(a, indices, axis=axis, mode=mode)
    shape, n = np.shape(a), np.ndim(y)
    if not shape:
        return y, (Broadcast((), np.shape(y)), zero)
    if axis is None and len(shape) != 1:
        flat = _wrapped(np.asarray(indices), np.size(a), mode)
        return y, (Gather(np.unravel_index(flat, shape), shape, n), zero)
    j = 0 if axis is None else int(axis) % len(shape)
    rows = _wrapped(np.asarray(indices), shape[j], mode)
    if np.ndim(rows) and len(shape) > 1:
        return y, (Take(rows, j - len(shape), shape), zero)
    return y, (Gather((*(slice(None),) * j, rows if np.ndim(rows) else int(rows)), shape, n), zero)


@rule_for(np.take_along_axis)
def take_along_axis(arr: Array, indices: Any, axis: Any = -1) -> Any:
    indices = primal(indices)
    y = np.take_along_axis(arr, indices, axis)
    shape, n = np.shape(arr), np.ndim(y)
    if axis is None:
        flat = _wrapped(np.asarray(indices), np.size(arr))
        return y, (Gather(np.unravel_index(flat, shape), shape, n), zero)
    index = [_range(shape[k], k - n) for k in range(n)]
    index[axis] = _wrapped(np.asarray(indices), shape[axis])
    return y, (Gather(tuple(index), shape, n), zero)


def _range(n: int, axis: int) -> Array:
    """0, …, n − 1 along an axis counted from the end."""
    return np.arange(n).reshape((-1,) + (1,) * (-1 - axis))


@rule_for(np.choose)
def choose(a: Any, choices: Any, out: Any = None, mode: Any = "raise") -> Any:
    a = primal(a)
    y = np.choose(a, choices, mode=mode)
    which = np.choose(a, list(range(len(choices))), mode=mode)
    shape = np.shape(y)
    chosen: list[LinearMap] = [Masked(which == k, True, np.shape(c), shape) for k, c in enumerate(choices)]
    if isinstance(choices, (list, tuple)):
        return y, (zero, chosen)
    return y, (zero, Rows(chosen, np.ndim(choices)))


@composed(np.compress)
def compress(condition: Any, a: Array, axis: Any = None, out: Any = None) -> Any:
    condition = np.asarray(primal(condition), bool)
    if condition.ndim != 1:
        raise ValueError("condition must be a 1-d array")
    return np.take(a, np.flatnonzero(condition), axis=axis)


@composed(np.extract)
def extract(condition: Any, arr: Array) -> Any:
    return np.take(np.ravel(arr), np.flatnonzero(primal(condition)))


@composed(np.select)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    masks, choices = [primal(c) for c in condlist], list(choicelist)
    if len(masks) != len(choices):
        raise ValueError("list of cases must be same length as list of conditions")
    if not masks:
        raise ValueError("select with an empty condition list is not possible")
    for k, mask in enumerate(masks):
        if np.result_type(mask).kind != "b":
            raise TypeError(f"invalid entry {k} in condlist: should be boolean ndarray")
    # The first condition that holds decides, so the last one is laid down first.
    y = default
    for mask, choice in zip(reversed(masks), reversed(choices), strict=True):
        y = np.where(mask, choice, y)
    return y


@composed(np.piecewise)
def piecewise(x: Array, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    shape, conditions = np.shape(x), primal(condlist)
    if np.isscalar(conditions) or (not isinstance(conditions[0], (list, np.ndarray)) and shape):
        conditions = [conditions]
    masks = np.asarray([primal(c) for c in conditions], bool)
    if len(masks) == len(funclist) - 1:
        rest = ~np.any(masks, axis=0, keepdims=True)  # the last function is for all other entries
        masks = np.concatenate([masks, rest])
    elif len(masks) != len(funclist):
        raise ValueError(
            f"with {len(masks)} condition(s), either {len(masks)} or {len(masks) + 1} functions are expected"
        )
    if masks.shape[1:] != shape[: masks.ndim - 1]:
        raise IndexError(
            f"np.piecewise: conditions of shape {masks.shape[1:]} do not fit the leading axes of x, "
            f"of shape {shape}"
        )
    if not shape:
        x, masks = np.reshape(x, 1), np.reshape(masks, (-1, 1))
    y = np.zeros_like(x)
    for mask, function in zip(masks, funclist, strict=True):
        if not callable(function):
            y[mask] = function
        elif mask.any():
            y[mask] = function(x[mask], *args, **kw)
    return np.reshape(y, shape)


# --- diagonals and triangles --------------------------------------------------------------------------------


class Diagonals(LinearMap):
    """The diagonals of matrices in the last two axes; the adjoint puts vectors on the diagonals of zeros."""

    __slots__ = ("_offset", "_shape")

    def __init__(self, shape: Shape, offset: int) -> None:
        self._shape = shape  # of the matrix: (rows, columns)
        self._offset = offset

    def push(self, v: Array) -> Array:
        return np.diagonal(v, self._offset, -2, -1)

    def pull(self, w: Array) -> Array:
        rows, columns = self._shape
        z = zeros_like(w, (*np.shape(w)[:-1], rows * columns))
        n = np.shape(w)[-1]
        if n:
            # In the flat matrix the entries of a diagonal are columns + 1 apart.
            start = self._offset if self._offset >= 0 else -self._offset * columns
            z[..., start : start + (n - 1) * (columns + 1) + 1 : columns + 1] = w
        return np.reshape(z, (*np.shape(w)[:-1], rows, columns))


@rule_for(np.diagonal, may_view=True)
def diagonal(a: Array, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    y = np.diagonal(a, offset, axis1, axis2)
    n = np.ndim(a)
    j, k = axis1 % n, axis2 % n
    m: LinearMap = Diagonals((a.shape[j], a.shape[k]), offset)
    if (j, k) == (n - 2, n - 1):
        return y, m
    return y, compose(m, transpose((*(i for i in range(n) if i not in (j, k)), j, k)))


@rule_for(np.linalg.diagonal, may_view=True)
def linalg_diagonal(x: Array, /, *, offset: int = 0) -> Any:
    y = np.linalg.diagonal(x, offset=offset)
    return y, Diagonals(x.shape[-2:], offset)


@rule_for(np.diag, may_view=True)
def diag(v: Array, k: int = 0) -> Any:
    y = np.diag(v, k)
    return y, Diagonals(y.shape, k).adjoint if v.ndim == 1 else Diagonals(v.shape, k)


@composed(np.diagflat)
def diagflat(v: Array, k: int = 0) -> Any:
    return np.diag(np.ravel(v), k)


def _triangle(function: Any, m: Array, k: int) -> Any:
    y = function(m, k)
    part = linear(lambda v: function(v, k), lambda w: function(w, k))
    if m.ndim == 1:  # NumPy makes a matrix of it, whose rows are m
        part = compose(part, Broadcast(m.shape, y.shape))
    return y, part


@rule_for(np.tril)
def tril(m: Array, k: int = 0) -> Any:
    return _triangle(np.tril, m, k)


@rule_for(np.triu)
def triu(m: Array, k: int = 0) -> Any:
    return _triangle(np.triu, m, k)


# --- writing in place ---------------------------------------------------------------------------------------
#
# NumPy's functions that write into their first argument.  On an array under trace they are assignments, with
# NumPy's meaning.  A plain array cannot hold traced values.


def _target(name: str, target: Any, *values: Any) -> bool:
    """Whether a target is traced; an error where it is plain and the values are not."""
    if primal(target) is not target:
        return True
    if any(primal(v) is not v for v in values):
        raise InPlaceError(
            f"{name} would write a traced value into a plain array, which would lose its derivative. Make "
            "the array with np.zeros_like(x) or np.zeros(n, like=x), where x is traced. (np.full(n, s) and "
            "np.full_like(a, s) write s in this way too: use s * np.ones(n) instead.)"
        )
    return False


def _positions(a: Array, flat: Any) -> Any:
    """Positions in the flattened array as an index of the array itself."""
    return np.unravel_index(flat, np.shape(a)) if np.ndim(a) else ()


def _repeated(values: Any, n: int) -> Any:
    """The values, repeated or cut off to n of them; a number stays one."""
    return np.resize(values, n) if np.ndim(values) else values


@composed(np.copyto)
def copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    where = primal(where)
    if not _target("np.copyto", dst, src):
        np.copyto(dst, src, casting=casting, where=where)
        return
    if not np.can_cast(np.result_type(src), dst.dtype, casting):
        raise TypeError(
            f"Cannot cast scalar from {np.result_type(src)} to {dst.dtype} according to the rule {casting!r}"
        )
    mask = np.broadcast_to(where, np.shape(dst))
    if mask.all():
        dst[...] = src
    elif mask.any():
        dst[mask] = np.broadcast_to(src, np.shape(dst))[mask]


@composed(np.put)
def put(a: Any, ind: Any, v: Any, mode: Any = "raise") -> None:
    ind = primal(ind)
    if not _target("np.put", a, v):
        np.put(a, ind, v, mode=mode)
        return
    flat = np.ravel(np.take(np.arange(np.size(a)), ind, mode=mode))  # indices as the mode says
    if flat.size and np.size(v):
        a[_positions(a, flat)] = (
            _repeated(v, flat.size) if np.ndim(a) else np.ravel(_repeated(v, flat.size))[-1]
        )


@composed(np.put_along_axis)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: Any) -> None:
    indices = primal(indices)
    if not _target("np.put_along_axis", arr, values):
        np.put_along_axis(arr, indices, values, axis)
        return
    flat = np.take_along_axis(np.arange(np.size(arr)).reshape(np.shape(arr)), indices, axis)
    arr[_positions(arr, flat)] = values


@composed(np.place)
def place(arr: Any, mask: Any, vals: Any) -> None:
    mask = primal(mask)
    if not _target("np.place", arr, vals):
        np.place(arr, mask, vals)
        return
    mask = np.asarray(mask, bool)
    if mask.size != np.size(arr):
        raise ValueError("place: mask and data must be the same size")
    flat = np.flatnonzero(mask)
    if flat.size and not np.size(vals):
        raise ValueError("Cannot insert from an empty array!")
    if flat.size:
        arr[_positions(arr, flat)] = _repeated(vals, flat.size)


@composed(np.putmask)
def putmask(a: Any, /, mask: Any, values: Any) -> None:
    mask = primal(mask)
    if not _target("np.putmask", a, values):
        np.putmask(a, mask, values)
        return
    mask = np.asarray(mask, bool)
    if mask.size != np.size(a):
        raise ValueError("putmask: mask and data must be the same size")
    flat = np.flatnonzero(mask)
    if flat.size and np.size(values):
        # Unlike np.place, it repeats the values over the whole array, and takes those under the mask.
        a[_positions(a, flat)] = (
            np.take(np.ravel(values), flat % np.size(values)) if np.ndim(values) else values
        )


@composed(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    shape = np.shape(a)
    if len(shape) < 2:
        raise ValueError("array must be at least 2-d")
    if len(shape) == 2:
        step = shape[1] + 1
        end = np.size(a) if wrap else min(np.size(a), shape[1] * shape[1])
    else:
        if len(set(shape)) > 1:
            raise ValueError("All dimensions of input must be of equal length")
        step, end = 1 + sum(np.cumprod(shape[:-1]).tolist()), np.size(a)
    flat = np.arange(0, end, step)
    if flat.size:
        a[_positions(a, flat)] = _repeated(val, flat.size)
