"""How elementwise rules are written down: one line per function, the factor of each argument as a formula.

    elementwise(np.sin, lambda x: np.cos(x))
    elementwise(np.exp, lambda y: y)
    elementwise(np.multiply, lambda b: b, lambda a: a)

The names of a factor's parameters say what it needs, and only that is kept for the reverse pass: ``y`` is the
result, ``x`` (or ``a``, ``b``, ``c`` for several arguments) an argument.  A number is a constant factor.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ..linear_map import LinearMap, identity, zero
from ..maps import Broadcast, Diagonal
from ..rule import ElementwiseRule, function_name, table

Factor = Callable[..., Any] | float
MakeMap = Callable[[Any, Any, Any, Any], LinearMap | None]
_ARGUMENTS = {"x": 0, "a": 0, "b": 1, "c": 2, "d": 3}


def elementwise(ufunc: Any, *factors: Factor, aliases: tuple[Any, ...] = ()) -> ElementwiseRule:
    """Enter the rule dy = Σ factor·dx for a function that acts entry by entry, complex-linear in dx."""
    derivatives = tuple(_maker(f) for f in factors)

    def body(*args: Any, **kwargs: Any) -> Any:
        y = ufunc(*args, **kwargs)
        args = tuple(np.asarray(a)[()] if isinstance(a, (list, tuple)) else a for a in args)
        maps = [make(y, args, np.shape(a), np.shape(y)) for make, a in zip(derivatives, args, strict=False)]
        return y, tuple(zero if m is None else m for m in maps)

    rule = ElementwiseRule(ufunc, body, function_name(ufunc), derivatives)
    for key in (ufunc, *aliases):
        table[key] = rule
    return rule


def _maker(factor: Factor) -> MakeMap:
    """The function (y, args, in_shape, out_shape) -> linear map, None for zero."""
    if not callable(factor):
        if factor == 0:
            return lambda y, args, in_shape, out_shape: None
        if factor == 1:
            return lambda y, args, in_shape, out_shape: (
                identity if in_shape == out_shape else Broadcast(in_shape, out_shape)
            )
        return lambda y, args, in_shape, out_shape: Diagonal(factor, None, in_shape, out_shape)
    names = tuple(inspect.signature(factor).parameters)
    if names == ("y",):
        return lambda y, args, in_shape, out_shape: Diagonal(factor, (y,), in_shape, out_shape)
    if names in (("x",), ("a",)):
        return lambda y, args, in_shape, out_shape: Diagonal(factor, (args[0],), in_shape, out_shape)
    if names == ("b",):
        return lambda y, args, in_shape, out_shape: Diagonal(factor, (args[1],), in_shape, out_shape)

    def make(y: Any, args: Any, in_shape: Any, out_shape: Any) -> LinearMap:
        residuals = tuple([y if name == "y" else args[_ARGUMENTS[name]] for name in names])
        return Diagonal(factor, residuals, in_shape, out_shape)

    return make
