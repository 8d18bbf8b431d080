"""NumPy's protocols: a call on a traced array that NumPy hands over is looked up in the table of rules."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import InPlaceError, NotDifferentiableError
from ..rule import (
    ArgumentwiseRule,
    Composed,
    Constant,
    Refused,
    Rule,
    function_name,
    load_chapters,
    primal,
    structured_types,
    table,
)
from ..tree import LEAVES, receive
from .apply import apply, apply_argumentwise, is_traced
from .creation import Creation, plain_values
from .indexing import refuse_fixed, setitem
from .operators import as_operand
from .traced import Traced


def call(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A call of a NumPy function with something traced among its arguments."""
    entry = table.get(function)
    if entry is None:
        entry = load_chapters(function)
    if isinstance(entry, Rule):
        return apply(entry, args, kwargs)
    if type(entry) is Composed:
        return entry.function(*args, **kwargs)
    if type(entry) is Constant:
        return entry.function(*plain_values(args), **{k: plain_values(v) for k, v in kwargs.items()})
    name = function_name(function)
    if type(entry) is Refused:
        raise NotDifferentiableError(f"{name} was called with a traced value: {entry.reason}")
    raise NotDifferentiableError(
        f"{name} has no rule. Give it one with fr.rule, or call it on fr.stop_gradient(x) if its result is "
        "constant"
    )


def array_function(self: Traced, func: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """NumPy's protocol for its functions (NEP 18)."""
    if len(types) > 1 and not structured_types.isdisjoint(types):
        return NotImplemented
    if not LEAVES.issuperset(map(type, args)) and (received := _received(args)):
        return func(*received, **kwargs)
    metadata = _METADATA.get(func)
    if metadata is not None and len(args) == 1 and not kwargs and isinstance(args[0], Traced):
        return metadata(primal(args[0]))
    entry = table.get(func)
    if len(args) > 1:
        k = _place_of_out(entry)
        if k < len(args) and args[k] is not None:
            args, kwargs = (*args[:k], None, *args[k + 1 :]), {**kwargs, "out": args[k]}
    if type(entry) is Rule and not kwargs:
        return apply(entry, args, kwargs)
    if type(entry) is Creation:
        return entry.create(self, args, kwargs)
    if "out" in kwargs and kwargs["out"] is not None:
        out = kwargs["out"]
        result = call(func, args, {k: v for k, v in kwargs.items() if k != "out"})
        return _store(func, out, result)
    return call(func, args, kwargs)


def _received(args: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Arguments with sparse arrays of SciPy as ours, which know traced ones; None where there are none."""
    if all(type(a) in LEAVES or receive(type(a)) is None for a in args):
        return None
    operands = [a if type(a) in LEAVES else as_operand(a) for a in args]
    return tuple(a if x is NotImplemented else x for a, x in zip(args, operands, strict=True))


# What shapes are asked for most, without a look at the table.
_METADATA: dict[Any, Callable[[Any], Any]] = {
    np.shape: np.shape,
    np.ndim: np.ndim,
    np.iscomplexobj: np.iscomplexobj,
}


@functools.cache
def _place_of_out(entry: Any) -> int:
    """The position at which a function of the table takes out; beyond any for one that takes none."""
    import inspect  # here, because it is slow to load

    function: Any = entry.body if isinstance(entry, Rule) else getattr(entry, "function", None)
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # no function, or one of C without a signature
        return sys.maxsize
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return names.index("out") if "out" in names else sys.maxsize


def array_ufunc(self: Traced, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """NumPy's protocol for ufuncs and their methods (NEP 13)."""
    if len(inputs) > 1 and structured_types and not structured_types.isdisjoint(map(type, inputs)):
        return NotImplemented
    if len(inputs) > 1 and not LEAVES.issuperset(map(type, inputs)) and (received := _received(inputs)):
        return (ufunc if method == "__call__" else getattr(ufunc, method))(*received, **kwargs)
    if method == "__call__" and not kwargs:
        entry = table.get(ufunc)
        if entry is None:
            entry = load_chapters(ufunc)
        if type(entry) is ArgumentwiseRule:
            return apply_argumentwise(entry, inputs)
        if isinstance(entry, Rule):
            return apply(entry, inputs, kwargs)
        return call(ufunc, inputs, kwargs)
    out = kwargs.pop("out", None)
    if method == "at":
        return call((ufunc, "at"), inputs, kwargs)
    if method == "reduceat" and len(inputs) > 1:
        kwargs.pop("indices", None)  # which NumPy hands over twice where it was given by keyword
    where = kwargs.pop("where", True)
    if where is not True and method == "__call__":
        return _masked_call(ufunc, inputs, kwargs, out, where)
    if where is not True:
        kwargs["where"] = where
    function = ufunc if method == "__call__" else (ufunc, method)
    if method == "reduce" and kwargs.get("axis", 0) == 0:
        kwargs.setdefault("axis", 0)
    if method != "__call__":
        load_chapters(function)
    result = call(function, inputs, kwargs)
    return result if out is None else _store(function, out, result)


def _masked_call(ufunc: Any, inputs: Any, kwargs: dict[str, Any], out: Any, where: Any) -> Any:
    """ufunc(…, out=y, where=mask): y keeps its entries where the mask is false."""
    if out is None:
        raise NotDifferentiableError(
            f"{function_name(ufunc)}(where=...) without out= leaves entries undefined; give out=, or use "
            "np.where"
        )
    target = out[0] if isinstance(out, tuple) else out
    # Evaluate where the mask holds only: elsewhere the function may not be defined.
    shape = np.broadcast_shapes(*(np.shape(a) for a in (*inputs, where)))
    mask = np.broadcast_to(plain_values(where), shape)
    picked = [np.broadcast_to(a, shape)[mask] for a in inputs]
    _refuse_plain_out(ufunc, target)
    target[mask] = ufunc(*picked, **kwargs)
    return target


def _store(function: Any, out: Any, result: Any) -> Any:
    """Write a result into out=."""
    targets = out if isinstance(out, tuple) else (out,)
    results = result if isinstance(result, tuple) else (result,)
    for target, value in zip(targets, results, strict=True):
        if target is None:
            continue
        if not is_traced(target) and not is_traced(value):  # of a function whose result is constant
            target[...] = value
            continue
        _refuse_plain_out(function, target)
        refuse_fixed(target, f"{function_name(function)}(out=...)")
        setitem(target, Ellipsis, value)
    return out[0] if isinstance(out, tuple) and len(out) == 1 else out


def _refuse_plain_out(function: Any, target: Any) -> None:
    if not isinstance(target, Traced):
        raise InPlaceError(
            f"{function_name(function)} would write a traced value into a plain array (out= or an augmented "
            "assignment such as plain += traced), which would lose its derivative. Make the array with "
            "np.zeros_like(x) or np.zeros(n, like=x), or write y = y + x"
        )
