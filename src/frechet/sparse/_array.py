"""Sparse arrays under differentiation: traced values in a constant layout, with the ways of scipy.sparse."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp

from ..errors import CoercionError, InPlaceError
from ..linear_map import Array
from ..rule import primal
from ..tracing.methods import for_scipys_operators
from . import _operations
from ._base import Stored, constant, wrapped
from ._functions import call_function, call_ufunc
from ._pattern import is_sparse

__all__ = ["SparseArray", "asarray"]


class SparseArray(Stored):
    """What a scipy.sparse array is inside a function that is being differentiated.

    It works as the array does that it stands for, of the same format, with traced values.  It is immutable.
    One is made by the transformations (`fr.grad` and others), by `asarray`, and by the functions of
    `frechet.sparse` on traced values.

    Attributes
    ----------
    data : array
        The stored values, as SciPy's format has them.
    layout : Layout
        The format, the index arrays and the shape.
    """

    # --- entries --------------------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Any:
        return self.rearranged(lambda P: P[index])

    def diagonal(self, k: int = 0) -> Array:
        """The entries A[i, i + k]."""
        return self.rearranged(lambda P: P.diagonal(k))

    def trace(self, offset: int = 0) -> Any:
        """The sum of the entries of a diagonal."""
        return np.sum(self.diagonal(offset))

    def reshape(self, *shape: Any, order: str = "C", copy: bool = False) -> Any:
        """The entries in another shape with two axes."""
        return self.rearranged(lambda P: P.reshape(*shape, order=order))

    # --- entry by entry -------------------------------------------------------------------------------------

    def conj(self, copy: bool = True) -> Any:
        """The complex conjugate."""
        return self.like(np.conj(self.data)) if self.dtype.kind == "c" else self

    conjugate = conj

    @property
    def real(self) -> Any:
        """The real part."""
        return self.like(np.real(self.data))

    @property
    def imag(self) -> Any:
        """The imaginary part."""
        return self.like(np.imag(self.data))

    def __neg__(self) -> Any:
        return self.like(-self.data)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return self.applied(np.abs)

    def __round__(self, ndigits: int = 0) -> Any:
        return self.applied(lambda v: np.round(v, ndigits))

    def power(self, n: Any, dtype: Any = None) -> Any:
        """Each entry to the power n, a number other than zero."""
        return _operations.power(self, n, dtype)

    def multiply(self, other: Any) -> Any:
        """The product entry by entry with a sparse or a full array, or a number."""
        product = _operations.multiply(self, other)
        return _understood(product, "multiply", other)

    # --- sums -----------------------------------------------------------------------------------------------

    def sum(self, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
        """The sum of all entries, or along an axis, then a full array."""
        return _operations.total(self, axis, dtype, out)

    def mean(self, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
        """The mean of all entries, those that are not stored among them, or along an axis."""
        m, n = self.shape
        count = m * n if axis is None else math.prod((m, n)[k] for k in np.atleast_1d(axis))
        return (self * (1.0 / count)).sum(axis, dtype, out)

    # --- operators ------------------------------------------------------------------------------------------

    def dot(self, other: Any) -> Any:
        """The product with a sparse or a full array, or a number."""
        scalar = np.ndim(other) == 0 and not is_sparse(other)
        product = _operations.multiply(self, other) if scalar else _operations.matmul(self, other)
        return _understood(product, "dot", other)

    def __add__(self, other: Any) -> Any:
        return _operations.add(self, other)

    def __radd__(self, other: Any) -> Any:
        if sp.issparse(other):
            return _operations.add(wrapped(other), self)
        return _operations.add(self, other)

    def __sub__(self, other: Any) -> Any:
        return _operations.subtract(self, other)

    def __rsub__(self, other: Any) -> Any:
        if sp.issparse(other):
            return _operations.subtract(wrapped(other), self)
        return _operations.add(wrapped(-self), other)

    def __mul__(self, other: Any) -> Any:
        scalar = np.ndim(other) == 0 and not is_sparse(other)
        if self.layout.is_array or scalar:
            return _operations.multiply(self, other)
        return _operations.matmul(self, other)

    def __rmul__(self, other: Any) -> Any:
        if sp.issparse(other):
            return wrapped(other) * self
        if self.layout.is_array or np.ndim(other) == 0:
            return _operations.multiply(self, other)
        return _operations.rmatmul(self, other)

    def __truediv__(self, other: Any) -> Any:
        return _operations.divide(self, other)

    def __matmul__(self, other: Any) -> Any:
        return _operations.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return _operations.rmatmul(self, other)

    def __pow__(self, n: Any) -> Any:
        return self.power(n) if self.layout.is_array else _operations.matrix_power(self, n)

    def __eq__(self, other: Any) -> Any:
        return self.plain() == _plain(other)

    def __ne__(self, other: Any) -> Any:
        return self.plain() != _plain(other)

    def __lt__(self, other: Any) -> Any:
        return self.plain() < _plain(other)

    def __le__(self, other: Any) -> Any:
        return self.plain() <= _plain(other)

    def __gt__(self, other: Any) -> Any:
        return self.plain() > _plain(other)

    def __ge__(self, other: Any) -> Any:
        return self.plain() >= _plain(other)

    __hash__ = None  # type: ignore[assignment]  # as that of arrays

    # --- what is refused ------------------------------------------------------------------------------------

    def __bool__(self) -> bool:
        return bool(self.plain())

    def __len__(self) -> int:
        raise TypeError("sparse array length is ambiguous; use A.nnz or A.shape[0]")

    def __setitem__(self, index: Any, value: Any) -> None:
        raise InPlaceError(
            "a traced sparse array is immutable: make one of values, fr.sparse.coo_array((data, (i, j)))"
        )

    def _in_place(self, other: Any) -> Any:
        return NotImplemented  # Python then makes a new array: A = A + B

    __iadd__ = __isub__ = __imul__ = __itruediv__ = __imatmul__ = _in_place

    def __getattr__(self, name: str) -> Any:
        if "layout" not in self.__dict__:
            raise AttributeError(name)
        kind = self.layout.kind
        if name in _OF_MATRICES and hasattr(kind, name):
            return functools.partial(_OF_MATRICES[name], self)
        if hasattr(type(self), name):
            raise AttributeError(f"a sparse array of the format {self.format} has no attribute {name!r}")
        if hasattr(kind, name) and not name.startswith("_"):
            raise AttributeError(
                f"{name}: scipy.sparse.{kind.__name__} has it, traced sparse arrays do not (yet). Compute "
                "with A.data, or with the full array A.toarray()"
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    # --- NumPy's protocols ----------------------------------------------------------------------------------

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        opaque = for_scipys_operators(self)
        if opaque is not None:
            return opaque
        raise CoercionError(
            f"NumPy or SciPy was about to turn a sparse array of shape {self.shape} with traced values into "
            "a plain one, which would lose its derivative. Use its methods, or the functions of fr.sparse; "
            "A.toarray() is the full array"
        )

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return call_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return call_function(func, args, kwargs)


def _entries_in(A: SparseArray, axis: int | None = None) -> Any:
    if axis is None:
        return A.nnz
    places = A.layout.entries[1 - axis % 2]
    if A.layout.inside is not None:
        places = places[A.layout.inside]
    return np.bincount(places, minlength=A.shape[1 - axis % 2])


# Methods of SciPy's sparse matrices that its arrays do not have.
_OF_MATRICES: dict[str, Callable[..., Any]] = {
    "getH": lambda A: A.conj().transpose(),
    "getnnz": _entries_in,
    "getrow": lambda A, i: A.tocsr()[[i], :],
    "getcol": lambda A, j: A.tocsr()[:, [j]],
}


def _entry_by_entry(name: str) -> Callable[[SparseArray], Any]:
    """The method of SciPy's for a function of NumPy's."""
    f = getattr(np, name)

    def method(self: SparseArray) -> Any:
        return self.applied(f)

    method.__name__, method.__doc__ = name, f"np.{name} of each entry."
    return method


# SciPy's methods of the functions with f(0) = 0.
for _name in (
    "arcsin", "arcsinh", "arctan", "arctanh", "ceil", "deg2rad", "expm1", "floor", "log1p", "rad2deg", "rint",
    "sign", "sin", "sinh", "sqrt", "tan", "tanh", "trunc",
):  # fmt: skip
    setattr(SparseArray, _name, _entry_by_entry(_name))


def asarray(A: Any) -> Any:
    """A sparse array as one whose operations take traced arrays, its own values being constant.

    Parameters
    ----------
    A : scipy.sparse array or matrix, or a traced one
        Of any format, with two axes.

    Returns
    -------
    SparseArray
        With the same values, format and index arrays.

    Notes
    -----
    It is rarely needed: ``A @ x``, ``x @ A``, ``A * x``, ``A / x`` and ``A + x`` work as they stand for A of
    SciPy and traced x.  Methods of SciPy's, such as ``A.multiply(x)``, cannot know traced arrays and raise an
    error; ``fr.sparse.asarray(A).multiply(x)`` is the way.

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> import frechet as fr
    >>> A = sp.csr_array([[1.0, 0.0], [2.0, 3.0]])
    >>> fr.grad(lambda x: fr.sparse.asarray(A).multiply(x).sum())(np.ones(2))
    array([3., 3.])
    """
    if not is_sparse(A):
        raise TypeError(f"asarray: A must be a sparse array, got {type(A).__name__}")
    return constant(A)


def _plain(x: Any) -> Any:
    return x.plain() if isinstance(x, SparseArray) else primal(x)


def _understood(result: Any, call: str, other: Any) -> Any:
    if result is NotImplemented:
        raise TypeError(f"{call}: the other operand is a {type(other).__name__}, which is no array")
    return result
