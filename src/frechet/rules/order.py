"""Order: extrema, sorting, distinct values.

Where entries are equal, an order statistic has one-sided derivatives only.  Equal entries then share alike:
the derivative of np.max at k equal maxima is 1/k of each, as np.maximum gives one half to each of two; and so
for sort, partition, median and quantiles.  It is the only choice that treats equal entries alike, and it
makes np.sort(x)[-1], np.max(x) and np.quantile(x, 1) agree.  A NaN that is the result counts as the entry
that attains it.  Complex numbers are ordered as NumPy orders them, by real part first.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..linear_map import Array, LinearMap, Shape, compose, identity, linear, zero
from ..maps import Diagonal, Gather, SumOver, diagonal, kept_shape, normalized_axes, reshape
from ..rule import composed, primal, refuse, rule_for
from .reductions import UNSET, mask_of, rows_along

# --- extrema ------------------------------------------------------------------------------------------------


class Extremum(LinearMap):
    """v ↦ the mean of v over the entries of a that attain the extremum y (and initial=, if it does)."""

    __slots__ = ("_a", "_initial", "_mask", "_plan", "_sum", "_y")

    def __init__(self, a: Array, y: Array, axis: Any, keepdims: bool, mask: Any, initial: Any) -> None:
        self._a, self._y, self._mask, self._initial = primal(a), primal(y), mask, primal(initial)
        self._sum = SumOver(axis, np.shape(self._a), keepdims)
        self._plan: tuple[Array, Any] | None = None

    def plan(self) -> tuple[Array, Any]:
        """Which entries attain the extremum, and how many (None: always one), in the shape of the result."""
        if self._plan is None:
            total, y = self._sum, self._y
            if np.ndim(y):
                y = np.reshape(y, kept_shape(total.in_shape, total.axis))
            hit = self._a == y
            if self._mask is not None:
                hit = hit & self._mask
            count = total.push(hit)
            if self._initial is UNSET and (count == 1).all():
                self._plan = hit, None
            else:
                if not count.all():  # nothing is equal to a NaN
                    nan = np.isnan(self._a) & np.isnan(y)
                    hit = hit | (nan if self._mask is None else nan & self._mask)
                    count = total.push(hit)
                dtype = np.result_type(self._y).type(0).real.dtype
                self._plan = hit, np.maximum(count + self.initial_hit(), 1).astype(dtype)
            self._a = None
        return self._plan

    def initial_hit(self) -> Any:
        """Whether the start attains the extremum, in the shape of the result."""
        return 0 if self._initial is UNSET else np.equal(self._y, self._initial).astype(int)

    def push(self, v: Array) -> Array:
        hit, count = self.plan()
        y = self._sum.push(np.where(hit, v, 0))
        return y if count is None else y / count

    def pull(self, w: Array) -> Array:
        hit, count = self.plan()
        return np.where(hit, self._sum.pull(w if count is None else w / count), 0)

    def of_initial(self) -> LinearMap:
        """The derivative in the start: its share."""

        def share(_: Array) -> Array:
            count = self.plan()[1]
            return self.initial_hit() / (1.0 if count is None else count)

        return Diagonal(share, (self._y,), (), np.shape(self._y))


def _extremum_rule(function: Any, alias: Any) -> None:
    """Enter the rule of max or min, or of their nan-variants."""

    @rule_for(function, alias)
    def body(
        a: Array,
        axis: Any = None,
        out: Any = None,
        keepdims: Any = UNSET,
        initial: Any = UNSET,
        where: Any = UNSET,
    ) -> Any:
        y = function(a, axis, None, keepdims, initial, where)
        kept = keepdims is not UNSET and bool(keepdims)
        m = Extremum(a, y, axis, kept, mask_of(where, np.shape(a)), initial)
        return y, m if initial is UNSET else (m, None, None, None, m.of_initial())


def _extremum_reduce(ufunc: Any) -> None:
    """Enter the rule of a ufunc's reduce."""

    @rule_for((ufunc, "reduce"))
    def body(
        array: Array,
        axis: Any = 0,
        dtype: Any = None,
        out: Any = None,
        keepdims: bool = False,
        initial: Any = UNSET,
        where: Any = True,
    ) -> Any:
        a = array if dtype is None else np.astype(array, np.dtype(dtype))
        start = {} if initial is UNSET else {"initial": initial}
        y = ufunc.reduce(a, axis=axis, keepdims=bool(keepdims), where=where, **start)
        if primal(y).dtype.kind not in "fc":
            return y, zero
        m = Extremum(a, y, axis, bool(keepdims), mask_of(where, np.shape(a)), initial)
        return y, m if initial is UNSET else (m, None, None, None, None, m.of_initial())


_extremum_rule(np.max, np.amax)
_extremum_rule(np.min, np.amin)
_extremum_rule(np.nanmax, np.nanmax)
_extremum_rule(np.nanmin, np.nanmin)
for _ufunc in (np.maximum, np.minimum, np.fmax, np.fmin):
    _extremum_reduce(_ufunc)


@composed(np.ptp)
def ptp(a: Array, axis: Any = None, out: Any = None, keepdims: Any = UNSET) -> Any:
    return np.max(a, axis, keepdims=keepdims) - np.min(a, axis, keepdims=keepdims)


# --- sorting ------------------------------------------------------------------------------------------------


def row_starts(shape: Shape) -> Array:
    """Where each row of an array of this shape starts in the flat array, of the shape of a column."""
    return np.reshape(np.arange(math.prod(shape[:-1])) * shape[-1], (*shape[:-1], 1))


class Sorting(LinearMap):
    """v ↦ v in the order that sorts a along its last axis; equal entries of a share alike.

    The adjoint puts the entries back.  The order is found when it is first needed.
    """

    __slots__ = ("_a", "_plan", "_shape")

    def __init__(self, a: Array) -> None:
        self._a = primal(a)
        self._shape = np.shape(self._a)
        self._plan: tuple[Array, Array, LinearMap] | None = None

    def plan(self) -> tuple[Array, Array, LinearMap]:
        """Flat positions of the sorted entries, of the entries among the sorted, and the sharing."""
        if self._plan is None:
            a, shape = self._a, self._shape
            order = np.argsort(a, axis=-1)
            places = order if len(shape) == 1 else order + row_starts(shape)
            back = np.empty_like(places)
            back.reshape(-1)[places.reshape(-1)] = np.arange(places.size)
            self._plan = places, back, _shared_among_equal(np.take_along_axis(a, order, -1))
            self._a = None
        return self._plan

    def _picked(self, v: Array, places: Array) -> Array:
        flat = np.reshape(v, (*np.shape(v)[: np.ndim(v) - len(self._shape)], places.size))
        return flat[..., places]

    def push(self, v: Array) -> Array:
        places, _, sharing = self.plan()
        return sharing.push(self._picked(v, places))

    def pull(self, w: Array) -> Array:
        _, back, sharing = self.plan()
        return self._picked(sharing.push(w), back)


def _shared_among_equal(s: Array) -> LinearMap:
    """v ↦ v with entries replaced by their mean where the sorted array s has equal ones; self-adjoint."""
    tied = s[..., 1:] == s[..., :-1]
    if not np.any(tied):
        return identity
    starts = np.ones(np.shape(s), bool)
    starts[..., 1:] = ~tied
    group = np.cumsum(starts).reshape(np.shape(s)) - 1
    size = np.bincount(group.reshape(-1))
    spread = Gather(group, np.shape(size), np.ndim(s))
    return compose(spread, diagonal(1 / size), spread.adjoint)


def _along_last(m: Any, shape: Shape, axis: Any) -> LinearMap:
    """A map of arrays along their last axis, along another axis; flat where that is None."""
    if axis is None:
        return compose(m, reshape(shape, (math.prod(shape),)))
    rows = rows_along(shape, axis)
    return compose(rows.adjoint, m, rows)


def _rows(a: Array, axis: Any) -> Array:
    """The plain values of a with the entries that are sorted along the last axis."""
    a = np.asarray(primal(a))
    return np.reshape(a, -1) if axis is None else np.moveaxis(a, axis, -1)


@rule_for(np.sort)
def sort(a: Array, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    y = np.sort(a, axis=axis, kind=kind, order=order, stable=stable)
    return y, _along_last(Sorting(_rows(a, axis)), np.shape(a), axis)


@rule_for(np.partition)
def partition(a: Array, kth: Any, axis: Any = -1, kind: Any = "introselect", order: Any = None) -> Any:
    y = np.partition(a, kth, axis=axis, kind=kind, order=order)
    # Sorted, and then put into the order of the result: right whatever order the parts have.
    m = compose(Sorting(_rows(y, axis)).adjoint, Sorting(_rows(a, axis)))
    return y, _along_last(m, np.shape(a), axis)


@composed(np.sort_complex)
def sort_complex(a: Array) -> Array:
    y = np.sort(a)
    return y if np.iscomplexobj(y) else y.astype(np.result_type(y, np.complex128))


# --- distinct values ----------------------------------------------------------------------------------------


def _distinct(ar: Array, axis: Any, y: Array, equal_nan: bool = True, sorted: bool = True) -> LinearMap:
    """v ↦ the mean of v over the entries (or slices) that make one of the distinct values y."""
    a = primal(ar)
    inverse = np.reshape(np.unique(a, return_inverse=True, axis=axis, equal_nan=equal_nan)[1], -1)
    shape = np.shape(a)
    if axis is None:
        spread: LinearMap = compose(reshape((inverse.size,), shape), Gather(inverse, np.shape(y), 1))
        k = 0
    else:
        k = int(axis) % len(shape)
        spread = Gather((*[slice(None)] * k, inverse), np.shape(y), len(shape))
    share = 1 / np.bincount(inverse, minlength=np.shape(y)[k])
    mean = compose(
        diagonal(np.reshape(share, (-1, *[1] * (np.ndim(y) - k - 1))), np.shape(y)), spread.adjoint
    )
    return mean if sorted or axis is not None else compose(Sorting(y).adjoint, mean)


def _first_of(m: LinearMap, n: int) -> LinearMap:
    """A map into the first of n results, of which the others are integers."""
    return linear(lambda v: (m.push(v), *[None] * (n - 1)), lambda w: m.pull(w[0]))


_UNIQUE: Any = np.unique  # its options are newer than NumPy 2.0


@rule_for(np.unique)
def unique(
    ar: Array,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: Any = None,
    **options: Any,
) -> Any:
    y: Any = _UNIQUE(ar, return_index, return_inverse, return_counts, axis, **options)
    if not isinstance(y, tuple):
        return y, _distinct(ar, axis, y, **options)
    return y, _first_of(_distinct(ar, axis, y[0], **options), len(y))


def _unique_rule(function: Any) -> None:
    @rule_for(function)
    def body(x: Array, /) -> Any:
        y = function(x)
        values = y[0] if isinstance(y, tuple) else y
        m = _distinct(x, None, values, equal_nan=False, sorted=False)
        return y, _first_of(m, len(y)) if isinstance(y, tuple) else m


for _function in (np.unique_values, np.unique_counts, np.unique_inverse, np.unique_all):
    _unique_rule(_function)


@composed(np.union1d)
def union1d(ar1: Array, ar2: Array) -> Array:
    return np.unique(np.concatenate((ar1, ar2), axis=None))


@composed(np.setdiff1d)
def setdiff1d(ar1: Array, ar2: Array, assume_unique: bool = False) -> Array:
    values = np.ravel(ar1) if assume_unique else np.unique(ar1)
    return values[~np.isin(primal(values), primal(ar2))]


@composed(np.setxor1d)
def setxor1d(ar1: Array, ar2: Array, assume_unique: bool = False) -> Array:
    parts = setdiff1d(ar1, ar2, assume_unique), setdiff1d(ar2, ar1, assume_unique)
    return np.sort(np.concatenate(parts))


refuse(
    "its result exists only where an entry of one array equals one of the other; any change removes it. "
    "Find the places with np.intersect1d(fr.stop_gradient(x), y, return_indices=True), and index x",
    np.intersect1d,
)


@composed(np.trim_zeros)
def trim_zeros(filt: Array, trim: str = "fb", axis: Any = None) -> Array:
    plain = primal(filt)
    occupied = np.argwhere(plain)
    if trim.lower() not in ("f", "b", "fb", "bf"):
        raise ValueError(f"unexpected character(s) in `trim`: {trim!r}")
    trim = trim.lower()
    index = [slice(None)] * np.ndim(plain)
    for k in normalized_axes(axis, np.ndim(plain)):
        if not len(occupied):
            index[k] = slice(0, 0)
            continue
        first = int(occupied[:, k].min()) if "f" in trim else None
        last = int(occupied[:, k].max()) + 1 if "b" in trim else None
        index[k] = slice(first, last)
    return filt[tuple(index)]
