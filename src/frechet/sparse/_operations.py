"""Sums and products of sparse arrays with each other, with full arrays and with numbers.

Results have the format that SciPy gives them.  An entry is stored where it can differ from zero: what happens
to cancel remains as an explicit zero, so that its derivative is not lost.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp

from ..linalg._structured import Structure, times
from ..linear_map import Array
from ..rule import carriers, primal
from ..transforms import array
from ._base import Stored, constant, from_canonical, wrapped
from ._diagonals import Diagonals
from ._layout import kind_of
from ._pattern import Pattern
from ._product import product, product_pattern
from ._selection import Selection, add_up, take

# --- operands ----------------------------------------------------------------------------------------------


def _operand(x: Any) -> Any:
    """The other operand as a Stored, an array or a number; NotImplemented for what is none of these."""
    if isinstance(x, (Stored, np.ndarray, np.generic, float, int, complex)) or type(x) in carriers:
        return x
    if sp.issparse(x):
        return constant(x)
    if type(x) in (list, tuple):
        return array(x)
    if hasattr(x, "dense_for"):  # a structured matrix
        return x.dense_for("an operation with a sparse array")
    return NotImplemented


@functools.cache
def _format(operation: Callable[[Any, Any], Any], a: Any, b: Any) -> str:
    """The format that SciPy gives the result of an operation on sparse arrays, or with a full array."""
    other = np.ones((2, 2)) if b is np.ndarray else b(np.eye(2))
    return str(operation(a(np.eye(2)), other).format)


def _require_shapes(call: str, a: Any, b: Any) -> None:
    if a.shape != b.shape:
        raise ValueError(f"{call}: sparse arrays of shapes {a.shape} and {b.shape} do not fit together")


# --- sums --------------------------------------------------------------------------------------------------


def add(a: Stored, b: Any) -> Any:
    """a + b."""
    b = _operand(b)
    return NotImplemented if b is NotImplemented else _sum(a, b, operator.add)


def subtract(a: Stored, b: Any) -> Any:
    """a − b."""
    b = _operand(b)
    if b is NotImplemented:
        return NotImplemented
    minus = -b
    return _sum(a, _operand(minus), operator.sub)


def _sum(a: Stored, b: Any, operation: Callable[[Any, Any], Any]) -> Any:
    if isinstance(b, Stored):
        _require_shapes("+", a, b)
        if a.layout == b.layout:
            return a.like(a.data + b.data)
        (x, X), (y, Y) = a.canonical(), b.canonical()
        union = X.matrix(np.ones(X.nnz)) + Y.matrix(np.ones(Y.nnz))
        union.sort_indices()
        Z = Pattern(union.indices, union.indptr, union.shape)
        z = _moved(x, X, Z) + _moved(y, Y, Z)
        return _as_result(z, Z, operation, a, b.layout.kind)
    if np.ndim(b) == 0:
        if type(b) not in carriers and b == 0:
            return a.like(a.data)
        raise NotImplementedError(
            "a number is added to every entry of a sparse array, which makes a full one: A.toarray() + c"
        )
    return a.toarray() + np.broadcast_to(b, a.shape)


def _moved(values: Array, pattern: Pattern, larger: Pattern) -> Array:
    """Values on a pattern as such on a larger one."""
    places = larger.places(pattern.rows, pattern.indices)
    return add_up(values, Selection(places, larger.nnz))


def _as_result(values: Array, pattern: Pattern, operation: Any, a: Stored, b: Any) -> Any:
    C = from_canonical(values, pattern, a.layout.kind)
    format_ = _format(operation, a.layout.kind, b)
    return C if format_ == "csr" else _unwrapped(wrapped(C).asformat(format_))


def _unwrapped(A: Any) -> Any:
    """SciPy's array where the values are plain."""
    return A.like(A.data) if isinstance(A, Stored) else A


# --- products entry by entry -------------------------------------------------------------------------------


def _multiplied(a: Any, b: Any) -> Any:
    return a.multiply(b)


def multiply(a: Stored, b: Any) -> Any:
    """The product entry by entry, with a number the multiple."""
    b = _operand(b)
    if b is NotImplemented:
        return NotImplemented
    if not isinstance(b, Stored):
        return a.like(a.data * b) if np.ndim(b) == 0 else _times_full(a, b)
    if a.shape != b.shape:
        return _broadcast_product(a, b)
    if a.layout == b.layout and not a.layout.has_duplicates:
        return a.like(a.data * b.data)
    (x, X), (y, Y) = a.canonical(), b.canonical()
    places = Y.places(X.rows, X.indices)
    shared = places >= 0
    starts = np.concatenate([[0], np.cumsum(shared)])[X.indptr].astype(X.indptr.dtype)
    Z = Pattern(X.indices[shared], starts, X.shape)
    z = take(x, Selection(np.flatnonzero(shared), X.nnz)) * take(y, Selection(places[shared], Y.nnz))
    return _as_result(z, Z, _multiplied, a, b.layout.kind)


def _broadcast_product(a: Stored, b: Stored) -> Any:
    """The product of arrays of which one is a row, a column or an entry, repeated."""
    full = np.broadcast_shapes(a.shape, b.shape)
    for larger, smaller in ((a, b), (b, a)):
        if larger.shape == full:
            return _times_full(larger, smaller.toarray())
    raise NotImplementedError(
        f"multiply: both sparse arrays, of shapes {a.shape} and {b.shape}, would be repeated; write the "
        "product of a column and a row as column @ row"
    )


def _times_full(a: Stored, b: Array) -> Any:
    """The product entry by entry with a full array that is repeated as NumPy does it, on a's entries."""
    shape = np.broadcast_shapes(a.shape, np.shape(b))
    if shape != a.shape:
        if len(shape) != 2:
            raise ValueError(f"multiply: a full array of shape {np.shape(b)} has too many axes")
        coo = kind_of("coo", a.layout.kind)
        repeated = a.rearranged(lambda P: coo(P.toarray() * np.ones(shape, int)))
        return _times_full(wrapped(repeated), b)
    rows, columns = a.layout.entries
    if a.layout.inside is not None:
        rows = np.where(a.layout.inside, rows, 0)
        columns = np.where(a.layout.inside, columns, 0)
    height, width = (1, 1, *np.shape(b))[-2:]
    place = (0 if height == 1 else rows.astype(np.int64) * width) + (0 if width == 1 else columns)
    places = np.broadcast_to(place, rows.shape)
    factors = take(np.reshape(b, -1), Selection(places, height * width))
    product = wrapped(a.like(a.values * factors))
    return _unwrapped(product.asformat(_format(_multiplied, a.layout.kind, np.ndarray)))


def divide(a: Stored, b: Any) -> Any:
    """a / b, for a number or a full array b."""
    b = _operand(b)
    if b is NotImplemented:
        return NotImplemented
    if isinstance(b, Stored):
        raise NotImplementedError(
            "A / B of two sparse arrays is a full array, which is nan where both are zero: write "
            "A.toarray() / B.toarray(), or divide the values on a common pattern, A.data / B.data"
        )
    if np.ndim(b):
        return multiply(a, 1 / b)
    data = a.data if a.dtype.kind == "c" or a.dtype.itemsize >= 8 else a.data.astype(np.float64)
    return a.like(data * (1 / b))  # SciPy's way, which widens float32


def power(a: Stored, n: Any, dtype: Any = None) -> Any:
    """Each entry to the power n."""
    if np.ndim(n) != 0 or isinstance(n, Stored):
        raise NotImplementedError("power: the exponent must be a number")
    if primal(n) == 0:
        raise NotImplementedError(
            "power: the power zero is 1 at every entry, a full array; np.ones(A.shape) makes it"
        )
    if dtype is not None:
        a = wrapped(a.astype(dtype))
    return a.applied(lambda v: v**n)


# --- products of matrices ----------------------------------------------------------------------------------


def matmul(a: Stored, b: Any) -> Any:
    """a @ b."""
    b = _operand(b)
    if b is NotImplemented:
        return NotImplemented
    if not isinstance(b, Stored):
        return _times_dense(a, b)
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"matmul: shapes {a.shape} and {b.shape} do not fit together")
    (x, X), (y, Y) = a.canonical(), b.canonical()
    Z = product_pattern(X, Y)
    z = product(x, y, X, Y, Z, False, False)
    return _as_result(z, Z, operator.matmul, a, b.layout.kind)


def rmatmul(a: Stored, b: Any) -> Any:
    """b @ a."""
    b = _operand(b)
    if b is NotImplemented:
        return NotImplemented
    if isinstance(b, Stored):
        return matmul(b, a)
    turned = b if np.ndim(b) < 2 else np.transpose(b)
    product = _times_dense(a, turned, transposed=True)  # b A = (Aᵀ bᵀ)ᵀ
    return product if np.ndim(product) < 2 else np.transpose(product)


def _times_dense(a: Stored, X: Array, transposed: bool = False) -> Array:
    """A X, or Aᵀ X, for a vector or a matrix X."""
    if np.ndim(X) not in (1, 2):
        if np.ndim(X) == 0:
            raise ValueError("matmul: a number is no matrix; use * instead")
        raise ValueError(f"matmul: a full array of shape {np.shape(X)} has too many axes")
    shape = a.shape[::-1] if transposed else a.shape
    if np.shape(X)[0] != shape[1]:
        shapes = (np.shape(X)[::-1], a.shape) if transposed else (a.shape, np.shape(X))
        raise ValueError(f"matmul: shapes {shapes[0]} and {shapes[1]} do not fit together")
    if X.dtype.kind not in "fc":
        X = X.astype(np.float64)
    structure: Structure
    values = a.values
    if a.format == "dia":
        structure = Diagonals(a.layout.index[0], a.layout.data_shape[1], a.shape)
    elif a.format == "csc" and a.layout.ordered:  # the transpose is CSR, with the same values
        (structure, _), transposed = a.layout.transposed.canonical, not transposed
    else:
        values, structure = a.canonical()
    if transposed and a.dtype.kind == "c":
        values = np.conj(values)  # Aᵀ X = (conj A)ᴴ X
    if np.ndim(X) == 1:
        return times(values, X[:, None], structure, transposed)[:, 0]
    return times(values, X, structure, transposed)


def matrix_power(a: Stored, n: Any) -> Any:
    """The n-th power of a square matrix, for an integer n from 0 on."""
    if a.shape[0] != a.shape[1]:
        raise TypeError(f"power: the matrix must be square, its shape is {a.shape}")
    if not isinstance(n, (int, np.integer)) or n < 0:
        raise ValueError(f"power: the exponent must be an integer from 0 on, got {n!r}")
    result = wrapped(sp.eye_array(a.shape[0], dtype=a.dtype, format="csr"))
    for k in range(n):
        result = a if k == 0 else wrapped(matmul(result, a))
    return result


# --- sums along axes ---------------------------------------------------------------------------------------


def total(a: Stored, axis: Any, dtype: Any, out: Any) -> Any:
    """The sum of all entries, or along one axis."""
    if out is not None:
        raise TypeError("sum: out= is not supported, assign the result")
    if axis is not None and axis != (0, 1):
        (axis,) = axis if isinstance(axis, tuple) else (axis,)
    if axis not in (None, (0, 1), 0, 1, -1, -2):
        raise ValueError(f"sum: axis {axis} is out of range, a sparse array has two axes")
    if axis is None or axis == (0, 1):
        values = a.values if a.layout.inside is None else a.canonical()[0]
        return np.sum(values, dtype=dtype)
    axis %= 2
    places = a.layout.entries[1 - axis]
    if a.layout.inside is not None:
        places = np.where(a.layout.inside, places, -1)
    sums = add_up(a.values, Selection(places, a.shape[1 - axis]))
    if dtype is not None:
        sums = sums.astype(dtype)
    return sums if a.layout.is_array else np.expand_dims(sums, axis)
