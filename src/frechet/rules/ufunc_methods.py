"""The methods of ufuncs: reduce, accumulate, reduceat, outer, at.

`outer` and `at` follow from the ufunc's own rule, for every ufunc.  So do the others, step by step along
the axis (`fold`), except where the derivative has a form of its own: sums, extrema, hypot, logaddexp.

Sums and products, extrema, and their running forms are NumPy's sum, prod, max, min, cumsum and cumprod:
those entries, such as (np.add, "reduce"), are made beside those functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy._core import umath

from ..errors import InPlaceError
from ..linear_map import Array, LinearMap, Shape, linear, zero
from ..maps import Diagonal, normalized_axes, reads_once, sum_over
from ..rule import Constant, Rule, carriers, composed, function_name, primal, refuse, rule_for, table
from .define import nonzero

METHODS = ("reduce", "accumulate", "reduceat", "outer", "at")
# The entries that are made beside np.sum, np.prod, np.max, np.min, np.cumsum and np.cumprod.
ELSEWHERE = {(f, "reduce") for f in (np.add, np.multiply, np.maximum, np.minimum, np.fmax, np.fmin)}
ELSEWHERE |= {(f, "accumulate") for f in (np.add, np.multiply)}


# --- sums over segments, the adjoint of repeated reading ------------------------------------------


def _segment_sum(v: Array, segments: Array, n: int, axis: int) -> Array:
    v = np.moveaxis(v, axis, 0)
    y = np.zeros((n, *v.shape[1:]), v.dtype)
    np.add.at(y, segments, v)
    return np.moveaxis(y, 0, axis)


def _segment_sum_body(v: Array, segments: Array, n: int, axis: int) -> Any:
    return segment_sum(v, segments, n, axis), segment_map(segments, n, axis)


segment_sum = Rule(_segment_sum, _segment_sum_body, "segment_sum")
"""segment_sum(v, segments, n, axis): y[s] = Σ v[k] over the k with segments[k] = s; axis is negative."""


def segment_map(segments: Array, n: int, axis: int) -> LinearMap:
    """v ↦ segment_sum(v, segments, n, axis); its adjoint reads w at the segments."""
    index = (Ellipsis, segments, *(slice(None),) * (-axis - 1))
    return linear(lambda v: segment_sum(v, segments, n, axis), lambda w: w[index])


# --- at: unbuffered in-place work -----------------------------------------------------------------


def _positions(indices: Any, shape: Shape) -> tuple[Array, int]:
    """Which entries an index names: flat positions over the first k axes, and k."""
    entries = indices if isinstance(indices, tuple) else (indices,)
    arrays = [np.asarray(e) for e in entries] if all(_holds_integers(e) for e in entries) else []
    if not arrays or len(arrays) > len(shape):
        return np.arange(int(np.prod(shape))).reshape(shape)[indices], len(shape)
    wrapped = []
    for axis, i in enumerate(arrays):
        n = shape[axis]
        outside = (i < -n) | (i >= n)
        if np.any(outside):
            raise IndexError(f"index {i[outside].flat[0]} is out of bounds for axis {axis} with size {n}")
        wrapped.append(np.where(i < 0, i + n, i))
    return np.ravel_multi_index(np.broadcast_arrays(*wrapped), shape[: len(wrapped)]), len(wrapped)


def _holds_integers(entry: Any) -> bool:
    if entry is None or entry is Ellipsis or isinstance(entry, slice):
        return False
    return np.asarray(entry).dtype.kind in "iu" and np.size(entry) > 0


def _entries(a: Array, positions: Array, k: int) -> tuple[Any, ...]:
    """The index of the entries at flat positions over the first k axes."""
    return tuple(np.unravel_index(positions, a.shape[:k]))


def _at(ufunc: np.ufunc, a: Any, indices: Any, *b: Any) -> None:
    """a[indices] = ufunc(a[indices], b), once for each time that an entry is named.

    Entries that are named more than once are worked on in rounds, each of which names an entry at most
    once, so the cost is that of the work itself and a pass per round.  Sums need one round: they first add
    what goes to one entry.
    """
    if type(a) not in carriers:
        raise InPlaceError(
            f"{function_name(ufunc)}.at would write a traced value into a plain array, which would lose its "
            "derivative. Make the array with np.zeros_like(x) or np.zeros(n, like=x)"
        )
    if reads_once(indices):
        a[indices] = ufunc(a[indices], *b)
        return
    positions, k = _positions(indices, np.shape(a))
    flat = positions.reshape(-1)
    unique, inverse = np.unique(flat, return_inverse=True)
    if unique.size == flat.size:
        a[indices] = ufunc(a[indices], *b)
        return
    slot = positions.shape + np.shape(a)[k:]
    operands = [np.reshape(np.broadcast_to(x, slot), (flat.size, *slot[positions.ndim :])) for x in b]
    if ufunc in (np.add, np.subtract):
        index = _entries(a, unique, k)
        total = segment_sum(operands[0], inverse, unique.size, positions.ndim - len(slot) - 1)
        a[index] = ufunc(a[index], total)
        return
    # The number of earlier times that the same entry has been named: the round in which this one is due.
    order = np.argsort(inverse, kind="stable")
    starts = np.searchsorted(inverse[order], np.arange(unique.size))
    rounds = np.empty_like(order)
    rounds[order] = np.arange(flat.size) - starts[inverse[order]]
    for r in range(int(rounds.max()) + 1):
        due = np.flatnonzero(rounds == r)
        index = _entries(a, flat[due], k)
        a[index] = ufunc(a[index], *[x[due] for x in operands])


# --- outer ----------------------------------------------------------------------------------------


def _outer(ufunc: np.ufunc, a: Any, b: Any, **kwargs: Any) -> Any:
    # Here a number counts for the type of the result, as an array does.
    a, b = (np.reshape(x, np.shape(x)) if type(x) in carriers else np.asarray(x) for x in (a, b))
    return ufunc(np.reshape(a, np.shape(a) + (1,) * np.ndim(b)), b, **kwargs)


# --- reduce and accumulate, step by step ----------------------------------------------------------


def _steps(ufunc: np.ufunc, a: Array, axis: Any, dtype: Any, initial: Any, where: Any) -> list[Any]:
    """The partial results of ufunc along an axis, in NumPy's order."""
    if isinstance(axis, tuple) and len(axis) == 1:
        axis = axis[0]
    if axis is None and np.ndim(a) == 1:
        axis = 0
    if not isinstance(axis, (int, np.integer)):
        raise ValueError(
            f"reduction operation {ufunc.__name__!r} is not reorderable, so at most one axis may be specified"
        )
    if dtype is not None:
        a = a.astype(dtype)
    masks = None if where is True else np.moveaxis(np.broadcast_to(where, np.shape(a)), axis, 0)
    a = np.moveaxis(a, axis, 0)
    parts = [] if initial is None or initial is np._NoValue else [np.multiply(initial, 1, dtype=a.dtype)]
    for j in range(np.shape(a)[0]):
        if not parts:
            parts.append(a[j])
            continue
        y = ufunc(parts[-1], a[j])
        parts.append(y if masks is None else np.where(masks[j], y, parts[-1])[()])
    if not parts:
        raise ValueError(f"zero-size array to reduction operation {ufunc.__name__} which has no identity")
    return parts


def _fold(
    ufunc: np.ufunc,
    a: Any,
    axis: Any = 0,
    dtype: Any = None,
    keepdims: bool = False,
    initial: Any = np._NoValue,
    where: Any = True,
) -> Any:
    if where is not True and (initial is None or initial is np._NoValue):
        raise ValueError(
            f"reduction operation {ufunc.__name__!r} does not have an identity, so to use a where mask one "
            "has to specify 'initial'"
        )
    if not np.ndim(a):  # taken as one entry along the axis
        return _fold(ufunc, np.reshape(a, 1), axis or 0, dtype, False, initial, where)
    y = _steps(ufunc, a, axis, dtype, initial, where)[-1]
    shape = tuple(np.delete(np.shape(a), 0 if axis is None else axis).tolist())
    y = y if np.shape(y) == shape else np.broadcast_to(y, shape)
    return np.expand_dims(y, 0 if axis is None else axis) if keepdims else y


def _accumulate(ufunc: np.ufunc, a: Any, axis: int = 0, dtype: Any = None) -> Any:
    if np.shape(a)[axis] == 0:
        return np.copy(a) if dtype is None else a.astype(dtype)
    return np.stack(_steps(ufunc, a, axis, dtype, None, True), axis=axis)


def _reduceat(ufunc: np.ufunc, a: Any, indices: Any, axis: int = 0, dtype: Any = None) -> Any:
    """Each segment reduced by itself; one of a single entry is that entry, where hypot.reduce gives |a|."""
    last = np.moveaxis(a if dtype is None else np.astype(a, np.dtype(dtype)), axis, -1)
    parts = [
        last[..., i] if j == i + 1 else ufunc.reduce(last[..., i:j], axis=-1)
        for i, j in _segments(indices, np.shape(a)[axis])
    ]
    return np.stack(parts, axis=axis)


def _segments(indices: Any, n: int) -> list[tuple[int, int]]:
    """The half-open ranges of reduceat: from each index to the next; it alone if the next is not above it."""
    starts = [int(i) + n if i < 0 else int(i) for i in np.asarray(indices)]
    if not starts:
        raise ValueError(
            "reduceat with an empty list of indices gives an empty result, which has no derivative"
        )
    for i in starts:
        if not 0 <= i < n:
            raise IndexError(f"index {i} out-of-bounds in reduceat [0, {n})")
    return [(i, j if i < j else i + 1) for i, j in zip(starts, [*starts[1:], n], strict=True)]


# --- reduce with a weight per entry: dy = Σ weight · da -------------------------------------------


def _weighted(ufunc: np.ufunc, weight: Callable[[Array, Array], Array]) -> None:
    """Enter the rule of a ufunc's reduce by the weight of an entry a in the result y, of the same shape."""

    @rule_for((ufunc, "reduce"))
    def reduce(
        array: Array,
        axis: Any = 0,
        dtype: Any = None,
        out: Any = None,
        keepdims: bool = False,
        initial: Any = np._NoValue,
        where: Any = True,
    ) -> Any:
        axes = normalized_axes(axis, np.ndim(array))
        options = {} if initial is np._NoValue else {"initial": initial}
        y = ufunc.reduce(array, axis=axis, dtype=dtype, keepdims=keepdims, where=where, **options)
        shape = np.shape(array)

        def factor(a: Array, y: Array) -> Array:
            d = weight(a, y if keepdims else np.expand_dims(y, axes))
            return d if where is True else np.where(where, d, 0)

        m = sum_over(axes, shape, bool(keepdims)) @ Diagonal(factor, (array, y), shape, shape)
        if initial is np._NoValue or initial is None:
            return y, m
        return y, (m, None, None, None, None, Diagonal(weight, (initial, y), (), np.shape(y)))


def _softmax(a: Array, y: Array) -> Array:
    finite = np.isfinite(primal(y))
    return np.exp(a - (y if np.all(finite) else np.where(finite, y, 0)))


def _softmax2(a: Array, y: Array) -> Array:
    finite = np.isfinite(primal(y))
    return np.exp2(a - (y if np.all(finite) else np.where(finite, y, 0)))


def _direction(a: Array, y: Array) -> Array:
    return a / nonzero(y)


_weighted(np.logaddexp, _softmax)
_weighted(np.logaddexp2, _softmax2)
_weighted(np.hypot, _direction)


# --- running extrema ------------------------------------------------------------------------------


class Attained(LinearMap):
    """v ↦ at each place the mean of v over the entries up to there that attain the running extremum y.

    Along the last axis.  Entries that attain it, in order, are the hits; those with the same value of y are a
    group, and each hit shares alike with the hits before it in its group, as in np.max.
    """

    __slots__ = ("_groups", "_hits", "_latest", "_n", "_rank", "_shape")

    def __init__(self, a: Array, y: Array) -> None:
        self._shape = np.shape(a)
        self._n = np.size(a)
        undefined = np.isnan(y)  # nothing is equal to a NaN
        starts: Array = np.ones(self._shape, bool)
        starts[..., 1:] = (y[..., 1:] != y[..., :-1]) & ~(undefined[..., 1:] & undefined[..., :-1])
        starts, hit = starts.reshape(-1), ((a == y) | (undefined & np.isnan(a))).reshape(-1)
        self._hits = np.flatnonzero(hit)
        self._latest = np.cumsum(hit) - 1  # which hit is the last one, at each place
        self._groups = np.cumsum(starts)[self._hits]
        first = np.flatnonzero(starts[self._hits])  # a group starts with a hit
        count = np.diff(first, append=self._hits.size)
        self._rank = (np.arange(1, self._hits.size + 1) - np.repeat(first, count)).astype(y.real.dtype)

    def _doublings(self) -> list[tuple[int, Array]]:
        """For d = 1, 2, 4, …: the hits whose group reaches d hits back."""
        largest = int(np.max(self._rank, initial=1))
        distances = [1 << k for k in range((largest - 1).bit_length())]
        return [(d, self._groups[d:] == self._groups[:-d]) for d in distances]

    def push(self, v: Array) -> Array:
        stack = np.shape(v)[: np.ndim(v) - len(self._shape)]
        sums = np.reshape(v, (*stack, self._n))[..., self._hits]
        for d, same in self._doublings():  # the running sum of each group, nothing subtracted
            before = np.where(same, sums[..., :-d], 0)
            sums = np.concatenate([sums[..., :d], sums[..., d:] + before], axis=-1)
        return np.reshape((sums / self._rank)[..., self._latest], stack + self._shape)

    def pull(self, w: Array) -> Array:
        stack = np.shape(w)[: np.ndim(w) - len(self._shape)]
        w = np.reshape(w, (*stack, self._n))
        sums = segment_sum(w, self._latest, self._hits.size, -1) / self._rank
        for d, same in reversed(self._doublings()):
            after = np.where(same, sums[..., d:], 0)
            sums = np.concatenate([sums[..., :-d] + after, sums[..., -d:]], axis=-1)
        return np.reshape(segment_sum(sums, self._hits, self._n, -1), stack + self._shape)


def _running(ufunc: np.ufunc) -> None:
    @rule_for((ufunc, "accumulate"))
    def accumulate(array: Array, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
        y = ufunc.accumulate(array, axis=axis, dtype=dtype)
        plain = np.moveaxis(primal(y), axis, -1)
        if plain.dtype.kind not in "fc":
            return y, zero
        n = np.ndim(array)
        k = axis % n - n
        m: LinearMap = Attained(np.moveaxis(primal(array).astype(plain.dtype), axis, -1), plain)
        if k == -1:
            return y, m
        last = linear(lambda v: np.moveaxis(v, k, -1), lambda w: np.moveaxis(w, -1, k))
        return y, last.adjoint @ m @ last


_running(np.maximum)
_running(np.minimum)
_running(np.fmax)
_running(np.fmin)


# --- sums over the segments of reduceat -----------------------------------------------------------


@rule_for((np.add, "reduceat"))
def add_reduceat(array: Array, indices: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
    y = np.add.reduceat(array, indices, axis=axis, dtype=dtype)
    n, m = np.shape(array)[axis], len(indices)
    ranges = _segments(indices, n) if m else []
    source = np.concatenate([np.arange(i, j) for i, j in ranges]) if m else np.zeros(0, np.intp)
    segments = np.repeat(np.arange(m), [j - i for i, j in ranges])
    k = axis % np.ndim(array) - np.ndim(array)
    return y, segment_map(segments, m, k) @ segment_map(source, n, k).adjoint


# np.power.reduce([a, b, c]) is a**c with NumPy 2.4 where its loop is vectorised, and so for arctan2.
refuse(
    "NumPy's own result is wrong where its loop is vectorised: it skips partial results. "
    "Write functools.reduce(ufunc, x)",
    *((_f, _m) for _f in (np.power, np.arctan2) for _m in ("reduce", "reduceat")),
)


# --- the entries of every ufunc -------------------------------------------------------------------


def enter_methods(ufunc: np.ufunc, constant: bool = False) -> None:
    """Enter the methods of a ufunc into the table, those that are not there yet.

    Parameters
    ----------
    ufunc : the ufunc.
    constant : whether its results have no tangent.
    """
    for method in METHODS:
        key = (ufunc, method)
        if key in table or key in ELSEWHERE:
            continue
        if ufunc.signature is not None:
            refuse(f"NumPy gives no method {method} to functions of whole vectors and matrices", key)
        elif method == "at":
            if ufunc.nout == 1 and ufunc.nin <= 2:
                composed(key)(_bound(_at, ufunc))
            else:
                refuse(
                    "NumPy gives the method at only to functions of one or two arguments with one result", key
                )
        elif ufunc.nin != 2 or (ufunc.nout != 1 and method != "outer"):
            refuse(f"NumPy gives the method {method} only to functions of two arguments with one result", key)
        elif constant:
            table[key] = Constant(function_name(key), getattr(ufunc, method))
        else:
            composed(key)(_bound(_GENERIC[method], ufunc))


_GENERIC: dict[str, Callable[..., Any]] = {
    "reduce": _fold,
    "accumulate": _accumulate,
    "reduceat": _reduceat,
    "outer": _outer,
}


def _bound(method: Callable[..., Any], ufunc: np.ufunc) -> Callable[..., Any]:
    return lambda *args, **kwargs: method(ufunc, *args, **kwargs)


for _f in {u for u in vars(umath).values() if isinstance(u, np.ufunc)}:
    enter_methods(_f, isinstance(table.get(_f), Constant))
