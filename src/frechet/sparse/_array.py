"""Sparse arrays under differentiation: traced values in a constant layout, with the ways of scipy.sparse."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NoReturn

import numpy as np
import scipy.sparse as sp

from ..errors import CoercionError, InPlaceError
from ..linear_map import Array, Shape
from ..rule import primal, structured_types
from ..space import Space, register_structure
from . import _operations
from ._layout import FORMATS, Layout, kind_of, taken_apart
from ._pattern import Pattern
from ._selection import Selection, add_up, take

__all__ = ["SparseArray", "asarray"]


class SparseArray:
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

    def __init__(self, data: Any, layout: Layout) -> None:
        self.data, self.layout = data, layout

    # --- values and places ----------------------------------------------------------------------------------

    @cached_property
    def values(self) -> Array:
        """The stored values as a vector."""
        shape = np.shape(self.data)
        if shape != self.layout.data_shape:
            raise ValueError(
                f"these are values of shape {shape} for a {self.layout!r}, such as a stack of derivatives: "
                "take A.data"
            )
        return self.data if len(shape) == 1 else np.reshape(self.data, -1)

    def canonical(self) -> tuple[Array, Pattern]:
        """The values by rows, in each row by columns, duplicates added up; and their pattern."""
        return self._canonical

    @cached_property
    def _canonical(self) -> tuple[Array, Pattern]:
        pattern, places = self.layout.canonical
        return (self.values if places is None else add_up(self.values, places)), pattern

    def like(self, data: Any) -> Any:
        """An array in the same layout with other values, as a vector or as the layout has them."""
        if np.shape(data) != self.layout.data_shape:
            data = np.reshape(data, self.layout.data_shape)
        return put_together(self.layout, (data,))

    def summed(self) -> SparseArray:
        """The same array with one value for each entry."""
        if not self.layout.has_duplicates:
            return self
        A = from_canonical(*self._canonical, self.layout.kind)
        if self.layout.format == "bsr":
            return wrapped(A.tobsr(self.blocksize))
        return wrapped(A.asformat(self.layout.format))

    def rearranged(self, operation: Callable[[Any], Any]) -> Any:
        """The result of an operation of SciPy's that moves entries about, and drops or repeats some.

        SciPy carries it out on the numbers 1, 2, … in place of the values, which then tell where each entry of
        the result comes from.
        """
        A = self.summed()
        numbers = np.arange(1, A.layout.size + 1).reshape(A.layout.data_shape)
        return from_numbers(A.values, operation(A.layout.matrix(numbers)))

    # --- metadata -------------------------------------------------------------------------------------------

    ndim = 2

    @property
    def shape(self) -> Shape:
        """The shape of the full array."""
        return self.layout.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the values."""
        dtype: np.dtype[Any] = primal(self.data).dtype
        return dtype

    @property
    def format(self) -> str:
        """The name of the format: "csr"."""
        return self.layout.format

    @property
    def nnz(self) -> int:
        """The number of stored entries, explicit zeros among them."""
        inside = self.layout.inside
        return self.layout.size if inside is None else int(np.count_nonzero(inside))

    size = nnz

    def getnnz(self, axis: int | None = None) -> Any:
        """The number of stored entries, of each column (axis 0) or row (axis 1) where an axis is given."""
        return self.plain().getnnz(axis)

    def count_nonzero(self, axis: int | None = None) -> Any:
        """The number of entries that are not zero."""
        return self.plain().count_nonzero(axis)

    def nonzero(self) -> Any:
        """The rows and columns of the entries that are not zero."""
        return self.plain().nonzero()

    def plain(self) -> Any:
        """SciPy's array, whose values are constant."""
        return self.layout.matrix(np.asarray(primal(self.data)))

    def _index(self, name: str, formats: Sequence[str], k: int) -> Any:
        if self.format not in formats:
            raise AttributeError(f"a sparse array of the format {self.format} has no attribute {name!r}")
        return self.layout.index[k]

    @property
    def indices(self) -> np.ndarray:
        """The minor indices (CSR, CSC, BSR)."""
        return self._index("indices", ("csr", "csc", "bsr"), 0)

    @property
    def indptr(self) -> np.ndarray:
        """Where each row or column begins (CSR, CSC, BSR)."""
        return self._index("indptr", ("csr", "csc", "bsr"), 1)

    @property
    def row(self) -> np.ndarray:
        """The rows of the values (COO)."""
        return self._index("row", ("coo",), 0)

    @property
    def col(self) -> np.ndarray:
        """The columns of the values (COO)."""
        return self._index("col", ("coo",), 1)

    @property
    def coords(self) -> tuple[np.ndarray, ...]:
        """The rows and columns of the values (COO)."""
        self._index("coords", ("coo",), 0)
        return self.layout.index

    @property
    def offsets(self) -> np.ndarray:
        """The numbers of the stored diagonals (DIA)."""
        return self._index("offsets", ("dia",), 0)

    @property
    def blocksize(self) -> Shape:
        """The shape of the blocks (BSR)."""
        self._index("blocksize", ("bsr",), 0)
        return self.layout.data_shape[1:]

    @property
    def has_canonical_format(self) -> bool:
        """Whether the indices are sorted and without duplicates."""
        return bool(self.plain().has_canonical_format)

    @property
    def has_sorted_indices(self) -> bool:
        """Whether the indices are sorted."""
        return bool(self.plain().has_sorted_indices)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.layout!r}, dtype {self.dtype}>"

    # --- conversions ----------------------------------------------------------------------------------------

    def asformat(self, format: str | None, copy: bool = False) -> Any:
        """The same array in another format; an explicit zero remains one."""
        if format is None or format == self.format:
            return self
        if format not in FORMATS:
            raise NotImplementedError(
                f"asformat: {format!r} is not differentiated, only {', '.join(FORMATS)} are"
            )
        if format == "csr":
            return from_canonical(*self._canonical, self.layout.kind)
        return self.rearranged(lambda P: P.asformat(format))

    def tocsr(self, copy: bool = False) -> Any:
        """The same array by rows."""
        return self.asformat("csr")

    def tocsc(self, copy: bool = False) -> Any:
        """The same array by columns."""
        return self.asformat("csc")

    def tocoo(self, copy: bool = False) -> Any:
        """The same array by coordinates."""
        return self.asformat("coo")

    def todia(self, copy: bool = False) -> Any:
        """The same array by diagonals."""
        return self.asformat("dia")

    def tobsr(self, blocksize: Shape | None = None, copy: bool = False) -> Any:
        """The same array by blocks."""
        return self if self.format == "bsr" else self.rearranged(lambda P: P.tobsr(blocksize))

    def toarray(self, order: Any = None, out: Any = None) -> Array:
        """The full array."""
        if out is not None:
            raise InPlaceError("toarray(out=...) would write traced values into a plain array")
        rows, columns = self.layout.entries
        m, n = self.shape
        places = rows.astype(np.int64) * n + columns
        if self.layout.inside is not None:
            places = np.where(self.layout.inside, places, -1)
        return np.reshape(add_up(self.values, Selection(places, m * n)), (m, n))

    todense = to_dense = toarray

    def astype(self, dtype: Any, casting: str = "unsafe", copy: bool = True) -> Any:
        """The same array with values of another dtype."""
        return self.like(np.astype(self.data, np.dtype(dtype)))

    def copy(self) -> SparseArray:
        """Itself, since it is immutable."""
        return self

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

    def getrow(self, i: int) -> Any:
        """Row i as an array with one row."""
        return self.asformat("csr")[[i], :]

    def getcol(self, j: int) -> Any:
        """Column j as an array with one column."""
        return self.asformat("csr")[:, [j]]

    def transpose(self, axes: Any = None, copy: bool = False) -> Any:
        """The transpose."""
        if axes is not None and tuple(axes) not in ((1, 0), (-1, -2)):
            raise ValueError(f"transpose: a sparse array has two axes, which are swapped; got axes={axes}")
        if self.format in ("csr", "csc", "coo"):
            return put_together(self.layout.transposed, (self.data,))
        return self.rearranged(lambda P: P.T)

    @property
    def T(self) -> Any:
        """The transpose."""
        return self.transpose()

    mT = T

    @property
    def H(self) -> Any:
        """The conjugate transpose."""
        return self.conj().transpose()

    def getH(self) -> Any:
        """The conjugate transpose."""
        return self.H

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

    def applied(self, f: Callable[[Array], Array]) -> Any:
        """A function with f(0) = 0, applied to each entry."""
        A = self.summed()
        return A.like(f(A.data))

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

    def maximum(self, other: Any) -> NoReturn:
        """Refused."""
        raise NotImplementedError("A.maximum(B) is not supported for traced sparse arrays")

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

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return _operations.subtract(self, other)

    def __rsub__(self, other: Any) -> Any:
        return _operations.add(-self, other)

    def __mul__(self, other: Any) -> Any:
        scalar = np.ndim(other) == 0 and not is_sparse(other)
        if self.layout.is_array or scalar:
            return _operations.multiply(self, other)
        return _operations.matmul(self, other)

    def __rmul__(self, other: Any) -> Any:
        scalar = np.ndim(other) == 0 and not is_sparse(other)
        if self.layout.is_array or scalar:
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
            "a traced sparse array is immutable: build it from its values, fr.sparse.coo_array((data, (i, j)))"
        )

    def _in_place(self, other: Any) -> Any:
        return NotImplemented  # Python then makes a new array: A = A + B

    __iadd__ = __isub__ = __imul__ = __itruediv__ = __imatmul__ = _in_place

    def __getattr__(self, name: str) -> NoReturn:
        kind = self.__dict__["layout"].kind if "layout" in self.__dict__ else object
        if hasattr(kind, name) and not name.startswith("_"):
            raise AttributeError(
                f"{name}: scipy.sparse.{kind.__name__} has it, traced sparse arrays do not (yet). Compute with "
                "A.data, or with the full array A.toarray()"
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    # --- NumPy's protocols ----------------------------------------------------------------------------------

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        from ..tracing.methods import for_scipys_operators

        opaque = for_scipys_operators(self)
        if opaque is not None:
            return opaque
        raise CoercionError(
            f"NumPy or SciPy was about to turn a sparse array of shape {self.shape} with traced values into a "
            "plain one, which would lose its derivative. Use its methods, or the functions of fr.sparse; "
            "A.toarray() is the full array"
        )

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        from ._functions import call_ufunc

        return call_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        from ._functions import call_function

        return call_function(func, args, kwargs)


# SciPy's methods of the functions with f(0) = 0.
for _name in (
    "arcsin", "arcsinh", "arctan", "arctanh", "ceil", "deg2rad", "expm1", "floor", "log1p", "rad2deg", "rint",
    "sign", "sin", "sinh", "sqrt", "tan", "tanh", "trunc",
):  # fmt: skip

    def _method(self: SparseArray, f: np.ufunc = getattr(np, _name)) -> Any:
        return self.applied(f)

    _method.__name__, _method.__doc__ = _name, f"np.{_name} of each entry."
    setattr(SparseArray, _name, _method)


# --- making them -------------------------------------------------------------------------------------------


def put_together(layout: Layout, parts: Sequence[Any]) -> Any:
    """The array of a layout with given values: SciPy's own where they are plain."""
    (data,) = parts
    if data is None:  # the gradient in values without a tangent
        return None
    if type(data) is np.ndarray and data.shape == layout.data_shape and data.dtype.kind in "fciub":
        return layout.matrix(data, own=True)
    return SparseArray(data, layout)


def wrapped(A: Any) -> SparseArray:
    """A sparse array of SciPy or of ours as one of ours."""
    if isinstance(A, SparseArray):
        return A
    data, layout = taken_apart(A)
    return SparseArray(data, layout)


def is_sparse(x: Any) -> bool:
    """Whether x is a sparse array, traced or not."""
    return isinstance(x, SparseArray) or sp.issparse(x)


def from_canonical(values: Array, pattern: Pattern, like: type) -> Any:
    """The CSR array, or matrix, with values on a pattern."""
    layout = Layout(
        kind_of("csr", like), (pattern.indices, pattern.indptr), pattern.shape, (pattern.nnz,), True
    )
    layout.canonical = (pattern, None)
    return put_together(layout, (values,))


def from_numbers(values: Array, Q: Any) -> Any:
    """What SciPy made of the numbers 1, 2, … of values, with those values in their place, and 0 for 0."""
    if sp.issparse(Q):
        if Q.ndim != 2:
            raise NotImplementedError(
                f"the result has the shape {Q.shape}, and sparse arrays with one axis are not supported for "
                "traced values. A[[i], :] and A[:, [j]] keep both axes; A.toarray()[i] is a full row"
            )
        numbers, layout = taken_apart(Q)
        flat = numbers.ravel()
        if len(flat) == np.shape(values)[-1] and np.array_equal(flat, np.arange(1, len(flat) + 1)):
            picked = values
        else:
            picked = take(values, Selection(flat - 1, np.shape(values)[-1]))
        return put_together(layout, (np.reshape(picked, layout.data_shape),))
    if np.ndim(Q) == 0:
        return values[int(Q) - 1] if Q else primal(values).dtype.type(0)
    numbers = np.asarray(Q)
    picked = take(values, Selection(numbers.ravel() - 1, np.shape(values)[-1]))
    return np.reshape(picked, numbers.shape)


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
    return wrapped(A)


def _plain(x: Any) -> Any:
    return x.plain() if isinstance(x, SparseArray) else primal(x)


def _understood(result: Any, call: str, other: Any) -> Any:
    if result is NotImplemented:
        raise TypeError(f"{call}: the other operand is a {type(other).__name__}, which is no array")
    return result


# --- as containers -----------------------------------------------------------------------------------------


def _parts(A: Any) -> tuple[tuple[Any, ...], Layout]:
    if isinstance(A, SparseArray):
        return (A.data,), A.layout
    data, layout = taken_apart(A)
    return (data,), layout.copy()


def _part_spaces(A: Any) -> list[Space]:
    data, layout = (A.data, A.layout) if isinstance(A, SparseArray) else taken_apart(A)
    return [layout.data_space(primal(data).dtype)]


structured_types.add(SparseArray)
for _type in (
    SparseArray,
    *(getattr(sp, f"{f}_{k}") for f in (*FORMATS, "lil", "dok") for k in ("array", "matrix")),
):
    register_structure(_type, _parts, put_together, _part_spaces)
