"""Python's operators on traced arrays: the rules of NumPy's ufuncs, by the shortest way.

The value is computed by Python's own operator on the values, so that Python floats stay Python floats.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import CoercionError
from ..rule import carriers, primal, table
from ..tree import receive
from .apply import PYTHON_SCALARS, apply, apply_argumentwise, innermost, shape_of, with_constant
from .trace import refuse_kind
from .traced import Traced, View, checked

_NUMBERS = frozenset((float, np.float64))
_NUMPY_KINDS = (np.ndarray, np.generic)


def _operand(x: Any) -> Any:
    """The other operand as something that the rules know, or NotImplemented."""
    kind = type(x)
    if kind in PYTHON_SCALARS or isinstance(x, _NUMPY_KINDS) or kind is bool:
        refuse_kind(x)
        return x
    if kind in carriers:
        return checked(x) if isinstance(x, Traced) else x
    if kind is list or kind is tuple:
        if innermost(x) is not None:
            raise CoercionError("an operand is a list that holds traced values; write fr.array([...])")
        return np.asarray(x)
    return NotImplemented


def as_operand(x: Any) -> Any:
    """A sparse array of SciPy as one whose operators know traced arrays; NotImplemented for anything else."""
    ours = receive(type(x))
    return x_of(x) if (x_of := getattr(ours, "as_operand", None)) else NotImplemented


def _binary(
    symbol: Callable[[Any, Any], Any], ufunc: np.ufunc
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The methods __op__ and __rop__ of a binary operator."""

    def forward(self: Traced, other: Any) -> Any:
        kind = type(other)
        trace = self.tape
        rule: Any = table[ufunc]
        if rule.derivatives is not None:
            if type(self) is View:
                checked(self)
            a = self.value
            if kind is float or kind is int:
                y = symbol(a, other)
                if type(y) in _NUMBERS and type(a) in _NUMBERS:
                    m = rule.derivatives[0](y, (a, other), (), ())
                else:
                    m = rule.derivatives[0](y, (a, other), shape_of(a), shape_of(y))
                return y if m is None else trace.record(y, ((self.node, m),), rule)
            if kind is np.ndarray:
                return with_constant(rule, symbol, self, other, 0)
            if (kind is Traced or kind is View) and other.tape is trace:
                if kind is View:
                    checked(other)
                b = other.value
                y = symbol(a, b)
                first, second = rule.derivatives
                if type(y) in _NUMBERS and type(a) in _NUMBERS:
                    m, n = first(y, (a, b), (), ()), second(y, (a, b), (), ())
                else:
                    out = shape_of(y)
                    m, n = first(y, (a, b), shape_of(a), out), second(y, (a, b), shape_of(b), out)
                if m is None or n is None:
                    return _apply(rule, (self, other), symbol)
                return trace.record(y, ((self.node, m), (other.node, n)), rule)
        operand = _operand(other)
        if operand is NotImplemented:
            guest = as_operand(other)
            return guest if guest is NotImplemented else symbol(self, guest)
        return _apply(rule, (self, operand), symbol)

    def backward(self: Traced, other: Any) -> Any:
        rule: Any = table[ufunc]
        kind = type(other)
        if (kind is float or kind is int) and rule.derivatives is not None:
            if type(self) is View:
                checked(self)
            b = self.value
            y = symbol(other, b)
            if type(y) in _NUMBERS and type(b) in _NUMBERS:
                m = rule.derivatives[1](y, (other, b), (), ())
            else:
                m = rule.derivatives[1](y, (other, b), shape_of(b), shape_of(y))
            return y if m is None else self.tape.record(y, ((self.node, m),), rule)
        operand = _operand(other)
        if operand is NotImplemented:
            guest = as_operand(other)
            return guest if guest is NotImplemented else symbol(guest, self)
        return _apply(rule, (operand, self), symbol)

    return forward, backward


def _apply(rule: Any, args: tuple[Any, ...], symbol: Callable[..., Any]) -> Any:
    """A rule applied with the value from Python's operator, which keeps Python numbers what they are."""
    return apply(rule, args, {}) if rule.derivatives is None else apply_argumentwise(rule, args, symbol)


def _in_place(forward: Callable[..., Any]) -> Callable[..., Any]:
    """The method __iop__: NumPy's in-place meaning for arrays, a new number for numbers."""

    def method(self: Traced, other: Any) -> Any:
        result = forward(checked(self), other)
        if result is NotImplemented or not isinstance(primal(self), np.ndarray):
            return result
        from .indexing import replace

        return replace(self, result)

    return method


def _comparison(symbol: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """Comparisons see the underlying values and give plain booleans."""

    def method(self: Traced, other: Any) -> Any:
        if innermost((other,)) is not None and type(other) in (list, tuple):
            raise CoercionError("an operand is a list that holds traced values; write fr.array([...])")
        return symbol(plain(self), plain(other))

    return method


def plain(x: Any) -> Any:
    """The underlying value, of views that are not stale."""
    return primal(checked(x)) if isinstance(x, Traced) else x


def _unary(symbol: Callable[[Any], Any], ufunc: np.ufunc) -> Callable[..., Any]:
    def method(self: Traced) -> Any:
        return _apply(table[ufunc], (self,), symbol)

    return method


def _divmod(self: Traced, other: Any) -> Any:
    return self // other, self % other


def _rdivmod(self: Traced, other: Any) -> Any:
    return other // self, other % self


def _pow(self: Traced, other: Any, modulus: Any = None) -> Any:
    return NotImplemented if modulus is not None else _POWER[0](self, other)


_POWER = _binary(operator.pow, np.power)

BINARY = {
    "add": (operator.add, np.add),
    "sub": (operator.sub, np.subtract),
    "mul": (operator.mul, np.multiply),
    "truediv": (operator.truediv, np.true_divide),
    "mod": (operator.mod, np.remainder),
    "matmul": (operator.matmul, np.matmul),
}
UNARY: dict[str, tuple[Callable[[Any], Any], np.ufunc]] = {
    "neg": (operator.neg, np.negative),
    "pos": (operator.pos, np.positive),
    "abs": (operator.abs, np.absolute),
}
COMPARISONS = ("lt", "le", "eq", "ne", "gt", "ge")


def methods() -> dict[str, Callable[..., Any]]:
    """All operator methods, by name."""
    found: dict[str, Callable[..., Any]] = {}
    for name, (symbol, ufunc) in BINARY.items():
        forward, backward = _binary(symbol, ufunc)
        found[f"__{name}__"], found[f"__r{name}__"] = forward, backward
        found[f"__i{name}__"] = _in_place(forward)
    found["__pow__"], found["__rpow__"], found["__ipow__"] = _pow, _POWER[1], _in_place(_POWER[0])
    for name, (sign, function) in UNARY.items():
        found[f"__{name}__"] = _unary(sign, function)
    for name in COMPARISONS:
        found[f"__{name}__"] = _comparison(getattr(operator, name))
    # The floor of a quotient is piecewise constant: its tangent is zero, and the result is plain.
    floor_divide = _comparison(operator.floordiv)
    found["__floordiv__"], found["__ifloordiv__"] = floor_divide, _in_place(floor_divide)
    found["__rfloordiv__"] = lambda self, other: plain(other) // plain(self)
    found["__divmod__"], found["__rdivmod__"] = _divmod, _rdivmod
    return found
