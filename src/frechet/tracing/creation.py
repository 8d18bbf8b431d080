"""New arrays under a trace, to write traced values into: np.zeros_like(x), np.zeros(n, like=x) and so on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import CoercionError
from ..rule import Composed, Entry, carriers, function_name, table
from .apply import innermost
from .traced import Traced, checked


def plain_values(a: Any) -> Any:
    """a with traced arrays, in lists and tuples too, replaced by their plain values."""
    if type(a) in carriers:
        if isinstance(a, Traced):
            checked(a)
        return plain_values(a.value)
    if type(a) in (list, tuple):
        return type(a)([plain_values(x) for x in a])
    return a


def under_trace_of(x: Any, value: Any) -> Any:
    """A plain array as a constant under the trace of x, and of the outer traces beneath it."""
    if type(x) not in carriers:
        return value
    inner = under_trace_of(x.value, value)
    return x.tape.record(inner, (), "array creation") if isinstance(value, np.ndarray) else inner


class Creation(Entry):
    """The table's entry for np.zeros(…, like=x) and its kin: a plain array, made under the trace of x."""

    __slots__ = ("function", "name")

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.name = function_name(function)

    def create(self, like: Traced, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The new array; NumPy hands over the call without its `like`."""
        if innermost(args) is not None:
            raise CoercionError(
                f"{self.name} was given traced values to put into a new array; write fr.array([...])"
            )
        return under_trace_of(like, self.function(*args, **kwargs))


def _creator_like(function: Callable[..., Any]) -> Callable[..., Any]:
    """np.zeros_like(x) and its kin."""

    def create(a: Any, *args: Any, **kwargs: Any) -> Any:
        kwargs.pop("subok", None)
        return under_trace_of(a, function(plain_values(a), *args, **kwargs))

    return create


_f: Callable[..., Any]
for _f in (np.zeros_like, np.ones_like, np.empty_like):
    table[_f] = Composed(function_name(_f), _creator_like(_f))
for _f in (
    np.arange, np.array, np.asanyarray, np.asarray, np.ascontiguousarray, np.asfortranarray, np.empty, np.eye,
    np.frombuffer, np.fromfile, np.fromfunction, np.fromiter, np.fromstring, np.full, np.identity, np.loadtxt,
    np.genfromtxt, np.ones, np.require, np.tri, np.zeros,
):  # fmt: skip
    table[_f] = Creation(_f)
