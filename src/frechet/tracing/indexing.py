"""Reading and writing parts of traced arrays.

Under differentiation ``y[i] = v`` and ``y += v`` have NumPy's meaning or raise.  A traced array is a handle:
a write changes which value and which node it stands for.  The value's memory is written in place where
nothing else refers to it (no rule kept it, no view shows it), else it is copied first; a loop of n reads and
writes costs O(n).
"""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np

from ..errors import CoercionError, InPlaceError
from ..linear_map import LinearMap, compose
from ..maps import Broadcast, Gather, Scatter, diagonal, reads_once, reshape
from ..rule import carriers, primal
from .apply import innermost
from .trace import ALONE, Clear, is_viewed, like, outranks, refuse_inner_value, space_of
from .traced import READ_ONLY, Traced, View, changes, checked, version


def getitem(x: Traced, index: Any) -> Any:
    """x[index]: a view for basic indexing, as in NumPy."""
    if type(x) is View:
        checked(x)
    if type(index) is not int:
        index = frozen(index)
    value = x.value[index]
    result = value if type(value) not in carriers else primal(value)
    if type(result) is not np.ndarray:
        return x.tape.record(value, ((x.node, Gather(index, x.value.shape, 0)),), "indexing")
    shape = x.value.shape
    m: LinearMap
    if type(index) is tuple and result.size == math.prod(shape) and _in_order(index):
        m = reshape(shape, result.shape)  # x[:, None], whose cotangent needs no buffer
    else:
        m = Gather(index, shape, result.ndim)
    if type(value) is not View and result.base is None:
        return x.tape.record(value, ((x.node, m),), "indexing")
    if version(x) > 0:
        value = np.copy(value)  # so that the next write to x does not have to copy all of x
    return View(value, x.tape, x.tape.node(space_of(value), ((x.node, m),), "indexing"), x, index)


def _in_order(index: tuple[Any, ...]) -> bool:
    """Whether an index that takes all entries takes them in their order, so that the shape alone differs."""
    for entry in index:
        if type(entry) is slice:
            if entry.step not in (None, 1):
                return False
        elif not (entry is None or entry is Ellipsis or type(entry) is int):
            return False
    return True


def setitem(x: Traced, index: Any, v: Any) -> None:
    """x[index] = v."""
    refuse_fixed(x, f"x[{index!r}] = ...")
    index = frozen(index)
    if type(v) in (list, tuple):
        if innermost(v) is not None:
            raise CoercionError("a list that holds traced values was assigned; write fr.array([...])")
        v = np.asarray(v)
    if isinstance(v, View):
        if v.owner is x and v.seen == version(x) and _same_index(v.index, index):
            return  # the last step of x[index] += ..., which has already been written through the view
        checked(v)
    if isinstance(v, Traced):
        refuse_inner_value(x, v)
    _write(x, index, v)
    _write_through(x)


def replace(x: Traced, result: Any) -> Traced:
    """x[...] = result, where result has been computed from x itself: the end of x += v."""
    refuse_fixed(x, "an augmented assignment such as x += ...")
    if np.shape(result) != np.shape(x):
        raise ValueError(
            f"non-broadcastable output operand with shape {np.shape(x)} for a result of {np.shape(result)}"
        )
    if not np.can_cast(result.dtype, x.dtype, "same_kind"):
        raise TypeError(
            f"cannot store a result of dtype {result.dtype} in place in an array of dtype {x.dtype}"
        )
    if isinstance(result, Traced):
        refuse_inner_value(x, result)
        if result.dtype != x.dtype:
            result = result.astype(x.dtype)
    if isinstance(result, Traced) and result.tape is x.tape and np.ndim(result):
        x.value, x.node = result.value, result.node
        changes(x)[0] += 1
    else:
        _write(x, Ellipsis, result)
    _write_through(x)
    return x


def refuse_fixed(x: Traced, call: str) -> None:
    """Refuse in-place changes of arguments, and of views through which NumPy would change another array."""
    checked(x)
    if np.ndim(x) == 0 and type(primal(x)) is not np.ndarray:
        raise TypeError(f"{call}: a number cannot be changed in place")
    top = x
    while type(top) is View:
        owner = top.owner
        if owner is None:
            break
        if top.index is None:
            raise InPlaceError(
                f"{call} would change another array through a view of it (a reshape, transpose or similar), "
                "which cannot be followed under differentiation. Assign to that array itself, or take a copy "
                "first: x.copy()"
            )
        top = owner
    if version(top) == READ_ONLY:
        raise InPlaceError(
            f"{call} would change an argument of the differentiated function in place. Take a copy first: "
            "x = x.copy(), or write x = x + ... instead of x += ..."
        )


def _write(x: Traced, index: Any, v: Any) -> None:
    """x[index] = v for x alone, without the arrays that x is a view of."""
    same = isinstance(v, Traced) and v.tape is x.tape
    raw = v.value if same else v
    kind = getattr(primal(raw), "dtype", np.dtype(type(primal(raw))))
    if kind.kind == "c" and x.dtype.kind != "c":
        raise TypeError(
            f"a complex value was assigned into an array of dtype {x.dtype}; take its real part first"
        )
    if sys.getrefcount(x.value) > ALONE or is_viewed(x.value):
        x.value = np.copy(x.value)
    if outranks(raw, x.value):
        x.value = like(raw, x.value)
    slot = np.shape(primal(x.value)[index])
    x.value[index] = raw
    edges: list[Any] = []
    if same and x.dtype.kind in "fc":  # what is truncated to an integer is constant
        edges.append((v.node, _scatter(index, np.shape(raw), slot, np.shape(x.value))))
    edges.append((x.node, Clear(index)))
    x.node = x.tape.assign(x, tuple(edges), "assignment")
    changes(x)[0] += 1


def _write_through(x: Traced) -> None:
    """Carry a change of a view into the array that it is a view of."""
    if type(x) is View:
        owner = x.owner
        if owner is not None:
            setitem(owner, x.index, Traced(x.value, x.tape, x.node))
            x.seen = version(owner)
        else:  # other views of what it was a view of do not show the change
            x.changes[0] += 1
            x.seen = x.changes[0]


def _scatter(index: Any, v_shape: Any, slot: Any, shape: Any) -> LinearMap:
    """The tangent of x[index] = v as a map of v's: broadcast to the slot, put there; the last write wins."""
    m: LinearMap = Scatter(index, slot, shape)
    if not reads_once(index):
        tags = np.full(shape, -1)
        order = np.arange(int(np.prod(slot))).reshape(slot)
        tags[index] = order
        winners = tags[index] == order
        if not winners.all():
            m = m @ diagonal(winners.astype(float))
    if v_shape != slot:
        trimmed = v_shape[max(0, len(v_shape) - len(slot)) :]
        m = compose(m, Broadcast(trimmed, slot))
        if trimmed != v_shape:
            m = compose(m, reshape(v_shape, trimmed))
    return m


def frozen(index: Any) -> Any:
    """The index with its arrays copied and its lists made arrays: later changes to them do no harm."""
    kind = type(index)
    if kind is int or kind is slice:
        return index
    if index is None:
        return (None,)  # for a view, None says that no index made it
    if kind is tuple:
        for entry in index:
            if type(entry) is not int and type(entry) is not slice:
                return tuple([None if entry is None else frozen(entry) for entry in index])
        return index
    if kind is np.ndarray:
        return index.copy()
    if kind is list:
        if innermost(index) is not None:
            raise CoercionError(
                "a list that holds traced values was used as an index; indices are plain integers"
            )
        return np.asarray(index) if index else np.zeros(0, np.intp)
    if kind in carriers:
        raise CoercionError(
            "a traced value was used as an index. An index is an integer and has no derivative: compute it "
            "from plain values, or pass fr.stop_gradient(i)"
        )
    return index


def _same_index(a: Any, b: Any) -> bool:
    try:
        return bool(a == b)
    except ValueError:  # arrays of several entries among them
        return False
