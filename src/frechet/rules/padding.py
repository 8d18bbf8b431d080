"""np.pad, in every mode.

NumPy pads one axis after the other, and each axis sees what the axes before it have added.  So every mode is
a sequence of steps, one per axis.  Along an axis of length n the entries of the padded array are, for modes

- edge, reflect, symmetric, wrap: x[i] for some index i, found by padding row numbers with the same mode;
- reflect and symmetric of reflect_type "odd": ± x[i] + α x[0] + β x[n-1], the reflection in the edge values;
- constant, linear_ramp, maximum, minimum, mean, median: x itself between two blocks that are computed from x.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..linear_map import Array, LinearMap, Shape, compose, linear
from ..maps import zeros_like
from ..rule import Rule, composed, primal

Pairs = list[tuple[Any, Any]]
KEYWORDS = {
    "constant": {"constant_values"},
    "linear_ramp": {"end_values"},
    "maximum": {"stat_length"},
    "minimum": {"stat_length"},
    "mean": {"stat_length"},
    "median": {"stat_length"},
    "reflect": {"reflect_type"},
    "symmetric": {"reflect_type"},
    "edge": set(),
    "wrap": set(),
    "empty": set(),
}


@composed(np.pad)
def pad(array: Array, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Any:
    if callable(mode):
        return _by_function(array, _widths(array, pad_width), mode, kwargs)
    if mode not in KEYWORDS or not set(kwargs) <= KEYWORDS[mode]:
        return np.pad(primal(array), pad_width, mode, **dict.fromkeys(kwargs))  # raises NumPy's own error
    if np.ndim(array) == 0:
        return np.copy(np.reshape(array, ()))
    widths = _widths(array, pad_width)
    if mode not in ("constant", "empty") and any(
        n == 0 and any(w) for n, w in zip(np.shape(array), widths, strict=True)
    ):
        np.pad(np.zeros(np.shape(array)), pad_width, mode)  # raises NumPy's own error
    if mode in ("edge", "reflect", "symmetric", "wrap"):
        return _extended(array, widths, mode, kwargs.get("reflect_type", "even"))
    if mode == "empty":
        return _extended(array, widths, mode, "even")
    if mode == "constant":
        values = kwargs.get("constant_values", 0)
        if _is_plain(values):
            return _extended(array, widths, mode, values)
        return _between(array, widths, _constants(_pairs(values, np.ndim(array)), array.dtype))
    if mode == "linear_ramp":
        return _between(
            array, widths, _ramps(_pairs(kwargs.get("end_values", 0), np.ndim(array)), array.dtype)
        )
    lengths = kwargs.get("stat_length")
    stat_lengths = _pairs(None if lengths is None else primal(lengths), np.ndim(array))
    return _between(array, widths, _statistics(mode, stat_lengths))


# --- the arguments ------------------------------------------------------------------------------------------


def _widths(array: Array, pad_width: Any) -> list[tuple[int, int]]:
    """The widths (before, after) of every axis."""
    ndim = np.ndim(array)
    if isinstance(pad_width, dict):
        of_axis: list[Any] = [(0, 0)] * ndim
        for axis, width in pad_width.items():
            of_axis[axis] = (width, width) if np.ndim(width) == 0 else tuple(width)
        pad_width = of_axis
    widths = np.asarray(primal(pad_width))
    if widths.dtype.kind != "i" or (widths.size and np.min(widths) < 0):
        np.pad(np.zeros((1,) * ndim), widths)  # raises NumPy's own error
    return [(int(a), int(b)) for a, b in np.broadcast_to(widths, (ndim, 2))]


def _is_plain(values: Any) -> bool:
    if isinstance(values, (list, tuple)):
        return all(map(_is_plain, values))
    return primal(values) is values


def _pairs(values: Any, ndim: int) -> Pairs:
    """The values (before, after) of every axis, from all that NumPy broadcasts to shape (ndim, 2)."""
    if values is None:
        return [(None, None)] * ndim
    if not isinstance(values, (list, tuple)):
        spread = np.broadcast_to(values, (ndim, 2))
        return [(spread[k, 0], spread[k, 1]) for k in range(ndim)]
    rows = list(values)
    if not any(isinstance(v, (list, tuple)) or np.ndim(v) for v in rows):
        rows = [rows]
    pairs = [(row[0], row[-1]) for row in rows if len(row) in (1, 2)]
    if len(pairs) != len(rows) or len(pairs) not in (1, ndim):
        raise ValueError(
            f"np.pad: values {values!r} do not give a pair (before, after) for each of the {ndim} axes"
        )
    return pairs * ndim if len(pairs) == 1 else pairs


# --- modes whose entries are entries of the array, up to signs and multiples of the edges -------------------


_pad: Any = np.pad  # whose stubs take literal modes only


def _extend(array: Array, widths: Pairs, mode: str, detail: Any) -> Array:
    option = {"constant": "constant_values", "reflect": "reflect_type", "symmetric": "reflect_type"}.get(mode)
    pairs = np.reshape(widths, (-1, 2)).astype(int)
    return _pad(array, pairs, mode, **({} if option is None else {option: detail}))


def _extension(array: Array, widths: Pairs, mode: str, detail: Any) -> Any:
    y = _extend(array, widths, mode, detail)
    shape = np.shape(array)
    if mode in ("constant", "empty"):
        return y, _zero_padding(shape, widths)
    steps: list[LinearMap] = []
    n = len(shape)
    for k, (before, after) in enumerate(widths):
        if before or after:
            steps.insert(0, Extension(shape[k], before, after, k - n, mode, detail == "odd"))
    return y, compose(*steps)


_extended = Rule(_extend, _extension, "np.pad")


def _zero_padding(shape: Shape, widths: Pairs) -> LinearMap:
    """v between zeros; the adjoint cuts it out."""
    inside = (Ellipsis, *(slice(before, before + n) for n, (before, _) in zip(shape, widths, strict=True)))
    padded = tuple([before + n + after for n, (before, after) in zip(shape, widths, strict=True)])

    def push(v: Array) -> Array:
        z = zeros_like(v, np.shape(v)[: np.ndim(v) - len(shape)] + padded)
        z[inside] = v
        return z

    return linear(push, lambda w: w[inside])


class Extension(LinearMap):
    """One axis extended by its own entries: x[i], or ± x[i] + α x[0] + β x[n-1] for odd reflections.

    An odd reflection maps x(e + t) to 2 x(e) − x(e − t) at an edge e.  Done repeatedly, with period p (n − 1
    for "reflect", n for "symmetric") and position k = 2 p q + r, 0 ≤ r < 2p, it gives
    x̃(k) = x̃(r) + 2 q (x[n-1] − x[0]), with x̃(r) = x[r] in the array and 2 x[n-1] − x[i] behind it.
    """

    __slots__ = ("_after", "_axis", "_before", "_edges", "_index", "_n")

    def __init__(self, n: int, before: int, after: int, axis: int, mode: str, odd: bool) -> None:
        self._n, self._before, self._after, self._axis = n, before, after, axis
        index = _pad(np.arange(n), (before, after), mode)
        self._index = np.concatenate((index[:before], index[before + n :]))  # of the new entries
        self._edges: Any = None
        if odd and n > 1:
            period = n - 1 if mode == "reflect" else n
            place = np.concatenate((np.arange(-before, 0), np.arange(n, n + after)))
            q, r = np.divmod(place, 2 * period)
            turned = r >= n
            along = (-1,) + (1,) * (-1 - axis)
            sign = np.where(turned, -1.0, 1.0).reshape(along)
            first = (-2.0 * q).reshape(along)
            last = (2.0 * q + 2.0 * turned).reshape(along)
            self._edges = sign, first, last

    def _at(self, start: int, stop: int | None) -> Any:
        return (Ellipsis, slice(start, stop), *(slice(None),) * (-1 - self._axis))

    def push(self, v: Array) -> Array:
        new = np.take(v, self._index, axis=self._axis)
        if self._edges is not None:
            sign, first, last = (_like(c, v) for c in self._edges)
            new = sign * new + first * v[self._at(0, 1)] + last * v[self._at(self._n - 1, None)]
        blocks = [new[self._at(0, self._before)], v, new[self._at(self._before, None)]]
        return np.concatenate(blocks, axis=self._axis)

    def pull(self, w: Array) -> Array:
        before, n, axis = self._before, self._n, self._axis
        z = np.copy(w[self._at(before, before + n)])
        new = np.concatenate((w[self._at(0, before)], w[self._at(before + n, None)]), axis=axis)
        if self._edges is not None:
            sign, first, last = (_like(c, w) for c in self._edges)
            z[self._at(0, 1)] += np.sum(first * new, axis=axis, keepdims=True)
            z[self._at(n - 1, None)] += np.sum(last * new, axis=axis, keepdims=True)
            new = sign * new
        # Add up the cotangents of each entry that was read: they lie together after sorting.
        order = np.argsort(self._index, kind="stable")
        rows, starts = np.unique(self._index[order], return_index=True)
        sums = np.add.reduceat(np.take(new, order, axis=axis), starts, axis=axis)
        at: Any = (Ellipsis, rows, *(slice(None),) * (-1 - axis))
        z[at] += sums
        return z


def _like(c: Array, v: Array) -> Array:
    """A real coefficient in the precision of v."""
    return c.astype(np.finfo(v.dtype).dtype)


# --- modes that put the array between blocks of other values ------------------------------------------------

# (array so far, axis, (before, after)) -> the block before, the block after
Blocks = Callable[[Array, int, tuple[int, int]], tuple[Array, Array]]


def _between(array: Array, widths: Pairs, blocks: Blocks) -> Array:
    for axis, width in enumerate(widths):
        if any(width):
            first, last = blocks(array, axis, width)
            array = np.concatenate((first, array, last), axis=axis)
    return array if any(map(any, widths)) else np.copy(array)


def _block(value: Array, array: Array, axis: int, width: int) -> Array:
    shape = np.shape(array)
    return np.broadcast_to(value, (*shape[:axis], width, *shape[axis + 1 :]))


def _constants(values: Pairs, dtype: Any) -> Blocks:
    def blocks(x: Array, axis: int, widths: tuple[int, int]) -> Any:
        return tuple(_block(_cast(c, dtype), x, axis, n) for c, n in zip(values[axis], widths, strict=True))

    return blocks


def _cast(c: Any, dtype: Any) -> Array:
    """A number in the dtype of the array that it goes into."""
    c = np.asarray(c) if primal(c) is c else np.reshape(c, (1,))
    return c.astype(dtype)


def _ramps(ends: Pairs, dtype: Any) -> Blocks:
    # From the end value at the outside to the entry at the edge, which is not repeated.
    def ramp(end: Any, edge: Array, n: int, axis: int) -> Array:
        return np.linspace(end, edge, n, endpoint=False, dtype=dtype, axis=axis)

    def blocks(x: Array, axis: int, widths: tuple[int, int]) -> Any:
        before = (slice(None),) * axis
        first = ramp(ends[axis][0], x[(*before, 0)], widths[0], axis)
        last = ramp(ends[axis][1], x[(*before, -1)], widths[1], axis)
        return first, np.flip(last, axis)

    return blocks


def _statistics(mode: str, lengths: Pairs) -> Blocks:
    function: Any = {"maximum": np.max, "minimum": np.min, "mean": np.mean, "median": np.median}[mode]

    def blocks(x: Array, axis: int, widths: tuple[int, int]) -> Any:
        n = np.shape(x)[axis]
        first, last = (n if m is None else min(int(m), n) for m in lengths[axis])
        if min(first, last) < 1:
            raise ValueError(f"np.pad(mode={mode!r}): a stat_length of 0, or an empty axis, has no {mode}")
        before = function(x[_slab(axis, 0, first)], axis=axis, keepdims=True)
        after = (
            before
            if first == last == n
            else function(x[_slab(axis, n - last, None)], axis=axis, keepdims=True)
        )
        return _block(before, x, axis, widths[0]), _block(after, x, axis, widths[1])

    return blocks


def _slab(axis: int, start: int, stop: int | None) -> Any:
    return (*(slice(None),) * axis, slice(start, stop))


# --- a user's function --------------------------------------------------------------------------------------


def _by_function(array: Array, widths: Pairs, function: Any, kwargs: dict[str, Any]) -> Array:
    """As NumPy does it: the function changes each line of the zero-padded array in place, axis by axis."""
    padded = np.copy(_extended(array, widths, "constant", 0))
    for axis, width in enumerate(widths):
        for index in _lines(np.shape(padded), axis):
            function(padded[index], width, axis, kwargs)
    return padded


def _lines(shape: Shape, axis: int) -> Iterator[Any]:
    for at in np.ndindex(*shape[:axis], *shape[axis + 1 :]):
        yield (*at[:axis], slice(None), *at[axis:])
