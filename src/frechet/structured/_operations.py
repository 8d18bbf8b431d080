"""Sums and products of structured matrices with each other, with arrays and with numbers.

Two matrices are converted to the narrowest structure that both are cases of, and combined there; see the
table in the documentation.  Where there is none the result is a full array.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array
from ._arguments import array_operand
from ._interoperability import is_scipy_sparse, times_sparse
from ._matrix import StructuredMatrix, protocols

__all__ = ["add", "divide", "matmul", "multiply", "subtract"]


def add(a: Any, b: Any) -> Any:
    """a + b."""
    a, b = array_operand(a), array_operand(b)
    if a is NotImplemented or b is NotImplemented:
        return NotImplemented
    if isinstance(a, StructuredMatrix) and isinstance(b, StructuredMatrix):
        _require_shapes("+", a, b)
        for cls in common(type(a), type(b)):
            total = as_structure(a, cls).plus(as_structure(b, cls))
            if total is not NotImplemented:
                return total
    return _dense(a, "+", b) + _dense(b, "+", a)


def subtract(a: Any, b: Any) -> Any:
    """a − b."""
    a, b = array_operand(a), array_operand(b)
    if a is NotImplemented or b is NotImplemented:
        return NotImplemented
    if isinstance(b, StructuredMatrix):
        return add(a, b.scaled(-1.0))
    return _dense(a, "-", b) - b  # as -b is no negative number where b is unsigned


def multiply(a: Any, b: Any) -> Any:
    """a * b, entry by entry; by a number it is the multiple."""
    a, b = array_operand(a), array_operand(b)
    if a is NotImplemented or b is NotImplemented:
        return NotImplemented
    if isinstance(a, StructuredMatrix) and isinstance(b, StructuredMatrix):
        _require_shapes("*", a, b)
        for A in (a, b):
            if A.is_diagonal:
                return A.like(a.diagonal() * b.diagonal())
        for cls in common(type(a), type(b)):
            if cls.linear:
                return as_structure(a, cls).entrywise(as_structure(b, cls))
        return _dense(a, "*", b) * _dense(b, "*", a)
    A, x = (a, b) if isinstance(a, StructuredMatrix) else (b, a)
    if _is_number(x):
        return A.scaled(x)
    shape = np.broadcast_shapes(np.shape(x), A.shape)
    if shape[-2:] != A.shape[-2:]:
        return A.dense_for("*") * x
    return A.entrywise_array(x if np.shape(x) == shape else np.broadcast_to(x, shape))


def divide(a: Any, b: Any) -> Any:
    """a / b for a number b, or one for each matrix; by an array, entry by entry and in full."""
    a, b = array_operand(a), array_operand(b)
    if a is NotImplemented or b is NotImplemented:
        return NotImplemented
    if isinstance(a, StructuredMatrix) and not isinstance(b, StructuredMatrix) and _is_number(b):
        return a.scaled(_reciprocal(b))
    return _dense(a, "/", b) / _dense(b, "/", a)


def matmul(a: Any, b: Any) -> Any:
    """a @ b."""
    if isinstance(a, StructuredMatrix) and is_scipy_sparse(b):
        return times_sparse(a, b)
    a, b = array_operand(a), array_operand(b)
    if a is NotImplemented or b is NotImplemented:
        return NotImplemented
    inner = np.shape(a)[-1:], np.shape(b)[-2:][:1]
    if inner[0] != inner[1] or not inner[0]:
        raise ValueError(f"matmul: shapes {np.shape(a)} and {np.shape(b)} do not fit together")
    if not isinstance(b, StructuredMatrix):
        if np.ndim(b) == 1:
            return a.times(b[:, None])[..., 0]
        return a.times(b)
    if not isinstance(a, StructuredMatrix):
        if np.ndim(a) == 1:
            return b.mT.times(a[:, None])[..., 0]
        return np.swapaxes(b.mT.times(np.swapaxes(a, -1, -2)), -1, -2)
    scaled = b.rows_scaled_by(a)
    if scaled is None:
        scaled = a.columns_scaled_by(b)
    if scaled is not None:
        return scaled
    for cls in common(type(a), type(b)):
        if cls.closed:
            product = as_structure(a, cls).product(as_structure(b, cls))
            if product is not NotImplemented:
                return product
    return a.times(_dense(b, "@", a))


def common(a: type[StructuredMatrix], b: type[StructuredMatrix]) -> tuple[type[StructuredMatrix], ...]:
    """The structures that matrices of both are cases of, the narrowest first."""
    found = _common.get((a, b))
    if found is None:
        chain_a, chain_b = chain(a), chain(b)
        shared = [cls for cls in chain_a if cls in chain_b]
        found = tuple(sorted(shared, key=lambda cls: chain_a.index(cls) + chain_b.index(cls)))
        _common[a, b] = found
    return found


_common: dict[Any, tuple[type[StructuredMatrix], ...]] = {}


def chain(cls: type[StructuredMatrix]) -> tuple[type[StructuredMatrix], ...]:
    """A structure and all wider ones, breadth first."""
    found = [cls]
    for current in found:  # grows meanwhile
        found += [wider for wider in current.wider if wider not in found]
    return tuple(found)


def as_structure(A: StructuredMatrix, cls: type[StructuredMatrix]) -> StructuredMatrix:
    """A converted to a structure of its chain: at once where it is in `wider`, else in the steps of that."""
    while type(A) is not cls:
        wider = type(A).wider
        A = A.converted(cls if cls in wider else next(step for step in wider if cls in chain(step)))
    return A


def _dense(x: Any, call: str, other: Any) -> Array:
    """An operand of an operation whose result is a full array; no warning where the other one was full."""
    if not isinstance(x, StructuredMatrix):
        return x
    full = other.full if isinstance(other, StructuredMatrix) else np.shape(other)[-2:] == x.shape[-2:]
    return x.to_dense() if full else x.dense_for(call)


def _is_number(x: Any) -> bool:
    """Whether x is a number, or an array of shape (..., 1, 1) with one for each matrix."""
    return np.ndim(x) == 0 or np.shape(x)[-2:] == (1, 1)


def _reciprocal(x: Any) -> Any:
    """1 / x; infinite for Python's zeros, too, as by NumPy."""
    if isinstance(x, (int, float, complex)) and not x:
        return np.true_divide(1, x).item()
    return 1 / x


def _require_shapes(call: str, a: StructuredMatrix, b: StructuredMatrix) -> None:
    if a.shape[-2:] != b.shape[-2:]:
        raise ValueError(f"{call}: matrices of shapes {a.shape} and {b.shape} do not fit together")


protocols.update(add=add, subtract=subtract, multiply=multiply, divide=divide, matmul=matmul)
