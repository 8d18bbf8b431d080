"""The stored values of a sparse array, traced, with their layout: what its operations are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp

from ..errors import InPlaceError
from ..linear_map import Array, Shape
from ..rule import primal, structured_types
from ..space import Space, register_structure
from ._layout import FORMATS, Layout, kind_of, taken_apart
from ._pattern import Pattern
from ._selection import Selection, add_up, take


class Stored:
    """Values in a layout; the base of `SparseArray`, which adds the operations.

    Attributes
    ----------
    data : array
        The stored values, as SciPy's format has them.
    layout : Layout
        The format, the index arrays and the shape.
    """

    #: SparseArray, for what makes one.
    concrete: ClassVar[Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        Stored.concrete = cls
        structured_types.add(cls)
        register_structure(cls, _parts, put_together, _part_spaces)

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

    def summed(self) -> Stored:
        """The same array with one value for each entry."""
        if not self.layout.has_duplicates:
            return self
        A = from_canonical(*self._canonical, self.layout.kind)
        if self.layout.format == "bsr":
            return wrapped(A.tobsr(self.blocksize))
        return wrapped(A.asformat(self.layout.format))

    def rearranged(self, operation: Callable[[Any], Any]) -> Any:
        """The result of an operation of SciPy's that moves entries about, and drops or repeats some.

        SciPy carries it out on the numbers 1, 2, … in place of the values, which then tell where each entry
        of the result comes from.
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

    def count_nonzero(self, axis: int | None = None) -> Any:
        """The number of entries that are not zero."""
        return self.plain().count_nonzero(axis)

    def nonzero(self) -> Any:
        """The rows and columns of the entries that are not zero."""
        return self.plain().nonzero()

    def plain(self) -> Any:
        """SciPy's array, whose values are constant."""
        return self.layout.matrix(np.asarray(primal(self.data)))

    def _index(self, name: str, formats: Sequence[str], k: int) -> np.ndarray:
        if self.format not in formats:
            raise AttributeError(name)  # which __getattr__ explains
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
        if self.format == "bsr" and blocksize in (None, self.blocksize):
            return self
        return self.tocsr().rearranged(lambda P: P.tobsr(blocksize))

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

    def copy(self) -> Stored:
        """Itself, since it is immutable."""
        return self

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

    def applied(self, f: Callable[[Array], Array]) -> Any:
        """A function with f(0) = 0, applied to each entry."""
        A = self.summed()
        return A.like(f(A.data))


# --- making them -------------------------------------------------------------------------------------------


def put_together(layout: Layout, parts: Sequence[Any]) -> Any:
    """The array of a layout with given values: SciPy's own where they are plain."""
    (data,) = parts
    if data is None:  # the gradient in values without a tangent
        return None
    if type(data) is np.ndarray and data.shape == layout.data_shape and data.dtype.kind in "fciub":
        return layout.matrix(data, own=True)
    made: Stored = Stored.concrete(data, layout)
    return made


def wrapped(A: Any) -> Stored:
    """A sparse array of SciPy or of ours as one of ours."""
    if isinstance(A, Stored):
        return A
    data, layout = taken_apart(A)
    made: Stored = Stored.concrete(data, layout)
    return made


def constant(A: Any) -> Stored:
    """A sparse array of the user's as one of ours.

    Index arrays in order are shared, as a copy takes as long as a product: `Pattern.matrix` notices where
    SciPy has changed them since.  Others are copied, because many of SciPy's methods put them in order.
    """
    if isinstance(A, Stored):
        return A
    data, layout = taken_apart(A)
    made: Stored = Stored.concrete(data, layout if layout.ordered else layout.copy())
    return made


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


# --- as containers -----------------------------------------------------------------------------------------


def _parts(A: Any) -> tuple[tuple[Any, ...], Layout]:
    if isinstance(A, Stored):
        return (A.data,), A.layout
    data, layout = taken_apart(A)
    return (data,), layout.copy()


def _part_spaces(A: Any) -> list[Space]:
    data, layout = (A.data, A.layout) if isinstance(A, Stored) else taken_apart(A)
    return [layout.data_space(primal(data).dtype)]


for _format in (*FORMATS, "lil", "dok"):
    for _family in ("array", "matrix"):
        register_structure(getattr(sp, f"{_format}_{_family}"), _parts, put_together, _part_spaces)
