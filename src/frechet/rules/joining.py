"""Joining and splitting arrays.

The derivative of a join is the join of the tangents: dy = Join(dx₀, …, dxₙ₋₁).  As a sum over the arguments
it is Σ Join ∘ (k-th part), with one factor Join that all arguments share, so that a join of n arrays costs
O(total) in both directions: forwards the parts are collected and joined once, backwards each part is a slice
of the cotangent.
Splits are basic indexing, as in NumPy: views, whose cotangents the engine adds into one buffer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ..linear_map import Array, Composition, LinearMap, Shape, compose, zero
from ..maps import Broadcast, Scatter, reshape, transpose, zeros_like
from ..rule import composed, primal, rule_for


class Parts:
    """The tangents of some of the arrays that are joined, by position; those that are missing are zero."""

    __slots__ = ("entries",)

    def __init__(self, entries: dict[int, Array]) -> None:
        self.entries = entries

    def __add__(self, other: Parts) -> Parts:
        # Each comes fresh from one push, so a sum of n of them may collect into the first: O(n), not O(n²).
        for k, v in other.entries.items():
            self.entries[k] = self.entries[k] + v if k in self.entries else v
        return self


class Join(LinearMap):
    """The tangents of several arrays ↦ the tangent of their join."""

    __slots__ = ("_join", "_shapes")

    def __init__(self, join: Callable[[list[Array]], Array], shapes: Sequence[Shape]) -> None:
        self._join = join
        self._shapes = shapes

    def push(self, v: Any) -> Array:
        entries = v.entries
        k, some = next(iter(entries.items()))
        stack = np.shape(some)[: np.ndim(some) - len(self._shapes[k])]
        nothing = np.zeros((), getattr(some, "dtype", float))
        return self._join(
            [
                entries[j] if j in entries else np.broadcast_to(nothing, stack + s)
                for j, s in enumerate(self._shapes)
            ]
        )

    def pull(self, w: Array) -> Array:
        return w  # each Part picks its own out of it


class Part(LinearMap):
    """The k-th of the arrays that are joined; in the join it is y[index], or index(w) for a function."""

    __slots__ = ("_index", "_k", "_ndim")

    def __init__(self, k: int, index: Any, ndim: int) -> None:
        self._k = k
        self._index = index
        self._ndim = ndim  # of the join

    def push(self, v: Array) -> Any:
        return Parts({self._k: v})

    def pull(self, w: Array) -> Array:
        index = self._index
        if callable(index):
            return index(w)
        if w.ndim == self._ndim:
            return w[index]
        return w[(Ellipsis, *index, *(slice(None),) * (self._ndim - len(index)))]


class Rows(LinearMap):
    """An array whose rows x[0], x[1], … are the arguments of the given maps."""

    __slots__ = ("_maps", "_ndim")

    def __init__(self, maps: Sequence[LinearMap], ndim: int) -> None:
        self._maps = maps
        self._ndim = ndim  # of the array

    def push(self, v: Array) -> Any:
        rows = np.moveaxis(v, -self._ndim, 0)
        total = self._maps[0].push(rows[0])
        for k in range(1, len(self._maps)):
            total = total + self._maps[k].push(rows[k])
        return total

    def pull(self, w: Array) -> Array:
        return np.stack([m.pull(w) for m in self._maps], axis=-self._ndim)


def _result(y: Array, arrays: Any, join: Join, inner: list[LinearMap]) -> Any:
    """The value and maps of a join: of a list of arrays, of a list of lists, or of the rows of one array."""
    if y.dtype.kind not in "fc":
        return y, ([zero] * len(inner) if isinstance(arrays, (list, tuple)) else zero,)
    if not isinstance(arrays, (list, tuple)):
        return y, compose(join, Rows(inner, arrays.ndim))
    return y, ([_entry(join, m, a) for m, a in zip(inner, arrays, strict=True)],)


def _entry(join: Join, m: LinearMap, a: Any) -> Any:
    """The map of an array that is joined; for a list of numbers or lists, those of its entries."""
    if type(a) is list or type(a) is tuple:
        shape = np.shape(_solid(a))
        return [_entry(join, compose(m, Scatter(k, shape[1:], shape)), entry) for k, entry in enumerate(a)]
    return Composition((join, m)) if type(m) is Part else compose(join, m)


def _solid(a: Any) -> Any:
    """A list that holds traced numbers as one array; all else as it is."""
    return np.stack([_solid(entry) for entry in a]) if type(a) in (list, tuple) and _holds_traced(a) else a


def _holds_traced(entries: Any) -> bool:
    return any(_holds_traced(a) if type(a) in (list, tuple) else primal(a) is not a for a in entries)


@rule_for(np.concatenate)
def concatenate(
    arrays: Any, /, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: Any = "same_kind"
) -> Any:
    solid = [_solid(a) for a in arrays]
    if dtype is None:
        y = np.concatenate(solid, axis)
    else:
        y = np.concatenate(solid, axis, dtype=dtype, casting=casting)
    shapes = [np.shape(a) for a in solid]
    if axis is None:
        return _flat_result(y, arrays, shapes)
    n = y.ndim
    j = axis % n
    before = (slice(None),) * j
    inner: list[LinearMap] = []
    stop = 0
    for k, shape in enumerate(shapes):
        start, stop = stop, stop + shape[j]
        inner.append(Part(k, (*before, slice(start, stop)), n))
    return _result(y, arrays, Join(lambda parts: np.concatenate(parts, axis=j - n), shapes), inner)


def _flat_result(y: Array, arrays: Any, shapes: list[Shape]) -> Any:
    """The same for axis=None, where the arrays are flattened first."""
    inner: list[LinearMap] = []
    stop = 0
    for k, shape in enumerate(shapes):
        size = int(np.prod(shape))
        start, stop = stop, stop + size
        inner.append(compose(Part(k, (slice(start, stop),), 1), reshape(shape, (size,))))
    flat = [(int(np.prod(shape)),) for shape in shapes]
    return _result(y, arrays, Join(lambda parts: np.concatenate(parts, axis=-1), flat), inner)


@rule_for(np.stack)
def stack(
    arrays: Any, axis: int = 0, out: Any = None, *, dtype: Any = None, casting: Any = "same_kind"
) -> Any:
    y = np.stack([_solid(a) for a in arrays], axis, dtype=dtype, casting=casting)
    n = y.ndim
    j = axis % n
    before = (slice(None),) * j
    inner: list[LinearMap] = [Part(k, (*before, k), n) for k in range(len(arrays))]
    shape = y.shape[:j] + y.shape[j + 1 :]
    return _result(y, arrays, Join(lambda parts: np.stack(parts, axis=j - n), [shape] * len(inner)), inner)


def _at_least(make: Callable[..., Any], arrays: Any) -> list[Any]:
    if not isinstance(arrays, (list, tuple)) and np.ndim(arrays) == 0:
        raise TypeError("arrays to stack must be passed as a sequence, such as a list or a tuple")
    return [make(_solid(a)) for a in arrays]


@composed(np.vstack)
def vstack(tup: Any, *, dtype: Any = None, casting: Any = "same_kind") -> Any:
    return np.concatenate(_at_least(np.atleast_2d, tup), 0, dtype=dtype, casting=casting)


@composed(np.hstack)
def hstack(tup: Any, *, dtype: Any = None, casting: Any = "same_kind") -> Any:
    arrays = _at_least(np.atleast_1d, tup)
    return np.concatenate(arrays, 0 if arrays and arrays[0].ndim == 1 else 1, dtype=dtype, casting=casting)


@composed(np.dstack)
def dstack(tup: Any) -> Any:
    return np.concatenate(_at_least(np.atleast_3d, tup), 2)


@composed(np.column_stack)
def column_stack(tup: Any) -> Any:
    # A vector becomes a column; matrices stay as they are.
    columns = [np.reshape(a, (-1, 1)) if np.ndim(a) < 2 else a for a in map(_solid, tup)]
    return np.concatenate(columns, 1)


@composed(np.append)
def append(arr: Array, values: Array, axis: Any = None) -> Any:
    if axis is None:
        return np.concatenate((np.ravel(_solid(arr)), np.ravel(_solid(values))))
    return np.concatenate((arr, values), axis=axis)


@composed(np.block)
def block(arrays: Any) -> Any:
    depth = _depth(arrays)
    ndim = max(depth, _block_ndim(arrays))
    if not isinstance(arrays, list):
        return np.copy(_lifted(arrays, ndim))
    return _block(arrays, depth, ndim)


def _depth(arrays: Any) -> int:
    """The depth of nested lists, which must be the same everywhere."""
    if isinstance(arrays, tuple):
        raise TypeError(
            "np.block: arrays are given as nested lists; a tuple was found where a list or an array is due"
        )
    if not isinstance(arrays, list):
        return 0
    if not arrays:
        raise ValueError("np.block: a list is empty; every list must hold at least one array")
    depths = {_depth(a) for a in arrays}
    if len(depths) > 1:
        raise ValueError(f"np.block: lists are nested to different depths: {sorted(d + 1 for d in depths)}")
    return depths.pop() + 1


def _block_ndim(arrays: Any) -> int:
    return max(map(_block_ndim, arrays)) if isinstance(arrays, list) else np.ndim(arrays)


def _block(arrays: Any, depth: int, ndim: int) -> Any:
    """The innermost lists, at depth 1, join along the last axis, those around them along axes before it."""
    if depth == 0:
        return _lifted(arrays, ndim)
    return np.concatenate([_block(a, depth - 1, ndim) for a in arrays], axis=-depth)


def _lifted(a: Array, ndim: int) -> Array:
    """The array with axes of length one put in front."""
    return np.reshape(a, (1,) * (ndim - np.ndim(a)) + np.shape(a))


@rule_for(np.insert)
def insert(arr: Array, obj: Any, values: Array, axis: Any = None) -> Any:
    obj = primal(obj)
    y = np.insert(arr, obj, values, axis)
    if axis is None:
        rows: tuple[int, ...] = (np.size(arr),)
        j = 0
    else:
        rows = np.shape(arr)
        j = axis % len(rows)
    n, m = rows[j], y.shape[j]
    # Where each row of y comes from, found by doing the same to row numbers: those from n on are new.
    source = np.insert(np.arange(n), obj, np.arange(n, m))
    old, new = np.flatnonzero(source < n), np.flatnonzero(source >= n)
    new = new[np.argsort(source[new], kind="stable")]
    back = j - len(rows)
    inserted = (*rows[:j], m - n, *rows[j + 1 :])
    part = Part(1, lambda w: np.take(w, new, axis=back), len(rows))
    as_given = np.shape(values)
    if np.ndim(obj) == 0 and not isinstance(obj, slice) and axis is not None:
        # With one position, NumPy takes the first axis of values for the one that is inserted along.
        lifted = (1,) * (len(rows) - len(as_given)) + as_given
        order = (*range(1, j + 1), 0, *range(j + 1, len(rows)))
        moved = tuple(lifted[k] for k in order)
        spread = compose(Broadcast(moved, inserted), transpose(order), reshape(as_given, lifted))
    else:
        trimmed = as_given[max(0, len(as_given) - len(rows)) :]
        spread = compose(Broadcast(trimmed, inserted), reshape(as_given, trimmed))
    join = Join(lambda parts: np.take(np.concatenate(parts, axis=back), source, axis=back), [rows, inserted])
    kept: LinearMap = Part(0, lambda w: np.take(w, old, axis=back), len(rows))
    if axis is None:
        kept = compose(kept, reshape(np.shape(arr), rows))
    if y.dtype.kind not in "fc":
        return y, (zero, zero, zero)
    return y, (compose(join, kept), zero, compose(join, part, spread))


@rule_for(np.delete)
def delete(arr: Array, obj: Any, axis: Any = None) -> Any:
    obj = primal(obj)
    y = np.delete(arr, obj, axis)
    shape = np.shape(arr) if axis is not None else (np.size(arr),)
    j = axis % len(shape) - len(shape) if axis is not None else -1
    kept = np.delete(np.arange(shape[j]), obj)
    m: LinearMap = Pick(kept, j, shape)
    return y, (m if axis is not None else compose(m, reshape(np.shape(arr), shape)), zero)


class Pick(LinearMap):
    """Rows along an axis (counted from the end), each at most once; the adjoint puts them back."""

    __slots__ = ("_axis", "_rows", "_shape")

    def __init__(self, rows: Array, axis: int, shape: Shape) -> None:
        self._rows = rows
        self._axis = axis
        self._shape = shape

    def push(self, v: Array) -> Array:
        return np.take(v, self._rows, axis=self._axis)

    def pull(self, w: Array) -> Array:
        z = zeros_like(w, np.shape(w)[: np.ndim(w) - len(self._shape)] + self._shape)
        z[(Ellipsis, self._rows, *(slice(None),) * (-1 - self._axis))] = w
        return z


# --- splitting: basic indexing, so that the parts are views -------------------------------------------------


@composed(np.array_split)
def array_split(ary: Array, indices_or_sections: Any, axis: int = 0) -> Any:
    n = np.shape(ary)[axis]
    if np.ndim(indices_or_sections) == 0:
        sections = int(indices_or_sections)
        if sections <= 0:
            raise ValueError("np.array_split: the number of sections must be larger than 0")
        size, larger = divmod(n, sections)
        cuts = [k * size + min(k, larger) for k in range(sections + 1)]
    else:
        cuts = [0, *(int(i) for i in indices_or_sections), n]
    before = (slice(None),) * (axis % np.ndim(ary))
    return [ary[(*before, slice(a, b))] for a, b in pairwise(cuts)]


@composed(np.split)
def split(ary: Array, indices_or_sections: Any, axis: int = 0) -> Any:
    if np.ndim(indices_or_sections) == 0 and np.shape(ary)[axis] % int(indices_or_sections):
        raise ValueError("array split does not result in an equal division")
    return np.array_split(ary, indices_or_sections, axis)


@composed(np.hsplit)
def hsplit(ary: Array, indices_or_sections: Any) -> Any:
    if np.ndim(ary) == 0:
        raise ValueError("hsplit only works on arrays of 1 or more dimensions")
    return np.split(ary, indices_or_sections, 1 if np.ndim(ary) > 1 else 0)


@composed(np.vsplit)
def vsplit(ary: Array, indices_or_sections: Any) -> Any:
    if np.ndim(ary) < 2:
        raise ValueError("vsplit only works on arrays of 2 or more dimensions")
    return np.split(ary, indices_or_sections, 0)


@composed(np.dsplit)
def dsplit(ary: Array, indices_or_sections: Any) -> Any:
    if np.ndim(ary) < 3:
        raise ValueError("dsplit only works on arrays of 3 or more dimensions")
    return np.split(ary, indices_or_sections, 2)


@composed(np.unstack)
def unstack(x: Array, /, *, axis: int = 0) -> Any:
    if np.ndim(x) == 0:
        raise ValueError("np.unstack: the array needs at least one axis")
    before = (slice(None),) * (axis % np.ndim(x))
    return tuple([x[(*before, k)] for k in range(np.shape(x)[axis])])
