"""The functions that stand in the place of NumPy's and SciPy's while the patch is on.

With nothing traced they call the original.  They carry its name, documentation and signature.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any, NoReturn

import numpy as np

from ..errors import NotDifferentiableError
from ..rule import carriers, structured_types
from ..tracing import Traced, View
from ..tracing.creation import plain_values
from ._callers import is_called_by
from ._running import in_library, running, trace_for, varies

Function = Callable[..., Any]

PLAIN, CONSTANT, VARYING = range(3)


def look(values: Iterable[Any]) -> int:
    """What is among the arguments of a call, in lists and tuples too: VARYING, CONSTANT or PLAIN values."""
    found = PLAIN
    for a in values:
        kind = type(a)
        if kind is float or kind is int:
            continue
        if kind is Traced or kind is View:
            inside = VARYING if varies(a) else CONSTANT
        elif kind in carriers or kind in structured_types:
            inside = VARYING
        elif isinstance(a, (list, tuple)):
            inside = look(a)
        else:
            continue
        if inside == VARYING:
            return VARYING
        found = max(found, inside)
    return found


def plain_copy(a: Any) -> Any:
    """Constants of a trace as plain arrays of their own, in lists and tuples too; all else as it is."""
    if look((a,)) == PLAIN:
        return a
    value = plain_values(a)
    return value.copy() if isinstance(value, np.ndarray) else value


def _standing_in(original: Function, instead: Function, with_dtype: bool = False) -> Function:
    """The original, whose calls instead(args, kwargs, caller) takes while anything is differentiated.

    The first two arguments have names of their own, and the second may be called dtype: handing a tuple and a
    dictionary on costs more than all else here.
    """

    def function(first: Any = _ABSENT, second: Any = _ABSENT, /, *rest: Any, **kwargs: Any) -> Any:
        if not (running or kwargs or rest):
            if second is not _ABSENT:
                return original(first, second)
            if first is not _ABSENT:
                return original(first)
        args = (first, second, *rest) if second is not _ABSENT else () if first is _ABSENT else (first,)
        if running or "like" in kwargs:
            return instead(args, kwargs, sys._getframe(1))
        return original(*args, **kwargs)

    def creator(first: Any = _ABSENT, /, dtype: Any = _ABSENT, *rest: Any, **kwargs: Any) -> Any:
        if not (running or kwargs or rest or first is _ABSENT):
            return original(first) if dtype is _ABSENT else original(first, dtype)
        args: tuple[Any, ...] = () if first is _ABSENT else (first,)
        if dtype is not _ABSENT:
            if first is _ABSENT:
                kwargs["dtype"] = dtype
            else:
                args = (first, dtype, *rest)
        if running or "like" in kwargs:
            return instead(args, kwargs, sys._getframe(1))
        return original(*args, **kwargs)

    return functools.wraps(original)(creator if with_dtype else function)


_ABSENT: Any = object()


def passing(original: Function, ours: Function) -> Function:
    """The original, which hands calls with something traced to the function of ours that has a rule."""

    def instead(args: tuple[Any, ...], kwargs: dict[str, Any], caller: FrameType) -> Any:
        found = look(args) if not kwargs else look((*args, *kwargs.values()))
        if found == VARYING:
            return ours(*args, **kwargs)
        if found == CONSTANT:
            args = tuple([plain_copy(a) for a in args])
            kwargs = {name: plain_copy(a) for name, a in kwargs.items()}
        return original(*args, **kwargs)

    return _standing_in(original, instead)


def refusing(original: Function, name: str) -> Function:
    """The original, which refuses calls with something traced."""
    return passing(original, lambda *args, **kwargs: refuse(name))


def refuse(name: str) -> NoReturn:
    """Refuse a call with something traced."""
    raise NotDifferentiableError(
        f"{name} was called with a traced value, and has no rule. Give it one with fr.rule, or call it on "
        "fr.stop_gradient(x) if its result is meant to be constant"
    )


def watching(original: Function, ours: Function) -> Function:
    """The original, whose calls ours(original, …) takes over while anything is differentiated."""
    return _standing_in(original, lambda args, kwargs, caller: ours(original, *args, **kwargs))


def creating(
    original: Function,
    ours: Function | None,
    new: Callable[[Any, tuple[Any, ...], Any], bool] | None,
    with_dtype: bool = True,
) -> Function:
    """The original, which makes arrays for the trace that runs.

    Parameters
    ----------
    original : callable
        The creator.
    ours : callable or None
        What takes a call with something traced; None where NumPy hands that over by itself.
    new : callable or None
        Whether a result is an array of its own, given the positional arguments and copy= too; None where it
        never is.
    with_dtype : bool, optional
        Whether the second argument is the dtype.
    """

    def instead(args: tuple[Any, ...], kwargs: dict[str, Any], caller: FrameType) -> Any:
        if "like" in kwargs:
            return create_like(function, original, args, kwargs)
        return _create(function, original, ours, new, args, kwargs, caller)

    function = _standing_in(original, instead, with_dtype)
    return function


def _create(
    function: Function,
    original: Function,
    ours: Any,
    new: Any,
    args: Any,
    kwargs: dict[str, Any],
    caller: FrameType,
) -> Any:
    if not is_called_by(function, caller):  # compiled code gets plain arrays, or an error
        return original(*args, **kwargs)
    found = look(args) if not kwargs else look((*args, *kwargs.values()))
    if found == CONSTANT and in_library(caller):  # they want an array for compiled code, and get a plain one
        args = tuple([plain_copy(a) for a in args])
        kwargs = {name: plain_copy(a) for name, a in kwargs.items()}
    elif found != PLAIN and ours is not None:
        return ours(*args, **kwargs)
    result = original(*args, **kwargs)
    if new is None or type(result) is not np.ndarray or result.dtype.kind not in "fc":
        return result
    trace = trace_for(caller) if new(result, args, kwargs.get("copy", True)) else None
    return result if trace is None else trace.record(result, (), "array creation")


def create_like(function: Function, original: Function, args: Any, kwargs: dict[str, Any]) -> Any:
    """np.zeros(n, like=x): x is told of the public function, which is the one that stands for the original.

    NumPy finds it by name for its functions in C; for those in Python it would tell x of the original.
    """
    like = kwargs["like"]
    protocol = getattr(type(like), "__array_function__", np.ndarray.__array_function__)
    if inspect.isbuiltin(original) or protocol is np.ndarray.__array_function__:
        return original(*args, **kwargs)
    rest = {name: a for name, a in kwargs.items() if name != "like"}
    result = protocol(like, function, (type(like),), args, rest)
    if result is NotImplemented:
        raise TypeError(
            f"no implementation found for 'numpy.{original.__name__}' on types that implement "
            f"__array_function__: [{type(like)!r}]"
        )
    return result
