"""NumPy's creators, which it does not dispatch, for traced values and for arrays that take them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import NotDifferentiableError
from ..rule import carriers, primal, structured_types
from ..tracing.creation import plain_values
from ..transforms import array as traced_array
from ._wrappers import PLAIN, creating, look, passing, watching

Function = Callable[..., Any]


def _lists(a: Any) -> Any:
    """Named tuples and other sequences derived from list and tuple as lists."""
    return [_lists(x) for x in a] if isinstance(a, (list, tuple)) else a


def _array(
    object: Any,
    dtype: Any = None,
    *,
    copy: Any = True,
    order: Any = "K",
    subok: bool = False,
    ndmin: int = 0,
    ndmax: int = 0,
    like: Any = None,
) -> Any:
    """np.array of something traced.  The order of the entries in memory does not show in a traced array."""
    if ndmax:
        raise NotDifferentiableError(
            "np.array with ndmax makes arrays of objects, which take no traced values"
        )
    y = _asarray(object, dtype, copy=copy)
    return np.reshape(y, (1,) * (ndmin - y.ndim) + y.shape) if ndmin > y.ndim else y


def _asarray(
    a: Any, dtype: Any = None, order: Any = None, *, device: Any = None, copy: Any = None, like: Any = None
) -> Any:
    """np.asarray of something traced: a traced array itself, where its dtype need not change."""
    if copy is False and not _is_array(a):
        raise ValueError("Unable to avoid copy while creating an array as requested.")
    if copy is True or not _is_array(a):
        return traced_array(_lists(a), dtype)
    if dtype is None or np.dtype(dtype) == a.dtype:
        return a
    if copy is False:
        raise ValueError("Unable to avoid copy while creating an array as requested.")
    return np.astype(a, np.dtype(dtype))


def _ascontiguousarray(a: Any, dtype: Any = None, *, like: Any = None) -> Any:
    y = _asarray(a, dtype)
    return y if y.ndim else np.reshape(y, 1)


def _is_array(a: Any) -> bool:
    """Whether a stands for an array, not a number."""
    return type(a) in structured_types or (type(a) in carriers and isinstance(primal(a), np.ndarray))


def _full(
    shape: Any, fill_value: Any, dtype: Any = None, order: Any = "C", *, device: Any = None, like: Any = None
) -> Any:
    return traced_array(np.broadcast_to(traced_array(_lists(fill_value), dtype), shape))


def _arange(*args: Any, dtype: Any = None, device: Any = None, like: Any = None, **named: Any) -> Any:
    """start + k step, for as many k as there are between the ends."""
    plain = np.arange(*plain_values(args), dtype=dtype, **{k: plain_values(v) for k, v in named.items()})
    names = ("stop",) if len(args) == 1 and "stop" not in named else ("start", "stop", "step")
    given = dict(zip(names, args, strict=False)) | named
    if plain.dtype.kind not in "fc":
        return plain
    y = given.get("start", 0) + np.arange(len(plain)) * given.get("step", 1)
    return np.astype(y, plain.dtype)


def _fromiter(original: Function, iter: Any, dtype: Any, count: int = -1, *, like: Any = None) -> Any:
    """np.fromiter: the entries are taken first, to see what they are."""
    if like is not None:
        return original(iter, dtype, count, like=like)
    entries = list(itertools.islice(iter, count) if count >= 0 else iter)
    if look(entries) == PLAIN or len(entries) < count:
        return original(entries, dtype, count)
    return traced_array(entries, dtype)


def _isscalar(element: Any) -> bool:
    """np.isscalar of a traced number, which is one; of what else holds something traced."""
    return type(element) in carriers and not isinstance(primal(element), np.ndarray)


def _refuse_shape(name: str) -> Function:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise NotDifferentiableError(
            f"{name} was called with a traced value: a shape, an order or an offset is an integer and has no "
            "derivative. Compute it from plain values, or pass fr.stop_gradient(n)"
        )

    return refuse


def _always(result: np.ndarray, args: tuple[Any, ...], copy: Any) -> bool:
    return True


def _owned(result: np.ndarray, args: tuple[Any, ...], copy: Any) -> bool:
    return result.base is None if copy is True else _from_numbers(result, args, copy)


def _from_numbers(result: np.ndarray, args: tuple[Any, ...], copy: Any) -> bool:
    """np.asarray makes an array of its own from lists and numbers only."""
    return bool(args) and isinstance(args[0], (list, tuple, int, float, complex))


def replacements() -> dict[Function, Function]:
    """By function of NumPy, the one that takes its place."""
    found: dict[Function, Function] = {np.array: creating(np.array, _array, _owned)}
    f: Any
    for f in (np.asarray, np.asanyarray):
        found[f] = creating(f, _asarray, _from_numbers)
    for f in (np.ascontiguousarray, np.asfortranarray):
        found[f] = creating(f, _ascontiguousarray, _from_numbers)
    for f in (np.zeros, np.ones, np.empty, np.identity):
        found[f] = creating(f, _refuse_shape(f"np.{f.__name__}"), _always)
    for f in (np.eye, np.tri):
        found[f] = creating(f, _refuse_shape(f"np.{f.__name__}"), _always, with_dtype=False)
    found[np.full] = creating(np.full, _full, _always, with_dtype=False)
    found[np.arange] = creating(np.arange, _arange, None, with_dtype=False)
    # These reach a rule where they get something traced.
    for f in (np.zeros_like, np.ones_like, np.empty_like):
        found[f] = creating(f, None, _owned)
    for f in (np.full_like, np.copy, np.diag):
        found[f] = creating(f, None, _owned, with_dtype=False)
    found[np.isscalar] = passing(np.isscalar, _isscalar)
    found[np.fromiter] = watching(np.fromiter, _fromiter)
    return found
