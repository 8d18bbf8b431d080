"""Where the stored values of a sparse array are: its format and its index arrays, which are constant."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp

from ..errors import NotDifferentiableError
from ..linear_map import Array, Shape
from ..space import NO_TANGENT, EntriesSpace, Space, space
from ._pattern import Pattern
from ._selection import Selection

#: The formats whose values are an array; LIL and DOK are converted to CSR.
FORMATS = ("csr", "csc", "coo", "dia", "bsr")


def kind_of(format_: str, like: type) -> Any:
    """SciPy's class of a format: an array or a matrix, as the class ``like`` is."""
    return getattr(sp, f"{format_}_{'array' if issubclass(like, sp.sparray) else 'matrix'}")


class Layout:
    """The form of a sparse array: all of it but its values.

    Parameters
    ----------
    kind : type
        SciPy's class, of one of the `FORMATS`.
    index : tuple of arrays
        indices and indptr (CSR, CSC, BSR), row and col (COO), or offsets (DIA).
    shape : (int, int)
        Of the array.
    data_shape : tuple of int
        Of the array of the values: (nnz,), (diagonals, length) for DIA, (blocks, rows, columns) for BSR.
    ordered : bool
        Whether the indices are known to be sorted, without duplicates (CSR, CSC).
    """

    def __init__(
        self, kind: Any, index: tuple[np.ndarray, ...], shape: Shape, data_shape: Shape, ordered: bool = False
    ) -> None:
        self.kind, self.index, self.shape, self.data_shape = kind, index, shape, data_shape
        self.ordered = ordered

    @property
    def format(self) -> str:
        """The name of the format: "csr"."""
        return str(self.kind.__name__[:3])

    @property
    def is_array(self) -> bool:
        """Whether it is a sparse array, whose ``*`` is elementwise, and no sparse matrix."""
        return issubclass(self.kind, sp.sparray)

    @cached_property
    def size(self) -> int:
        """The number of values, with those of DIA that lie outside of the matrix."""
        return int(np.prod(self.data_shape))

    def matrix(self, data: np.ndarray, own: bool = False) -> Any:
        """SciPy's array with plain values.

        It has index arrays of its own where it is handed out, and where they are not in order: some methods
        of SciPy's, such as eliminate_zeros and sin, change index arrays in place.
        """
        index = self.index
        if own or not self.ordered:
            index = tuple(part.copy() for part in index)
        argument: Any = (data, index) if self.format == "coo" else (data, *index)
        A = self.kind(argument, shape=self.shape)
        if self.ordered:
            A.has_canonical_format = True
        return A

    @cached_property
    def entries(self) -> tuple[np.ndarray, np.ndarray]:
        """The row and the column of each value, in the order of the values."""
        if self.format == "coo":
            return self.index[0], self.index[1]
        if self.format == "dia":
            columns = np.arange(self.data_shape[1])
            rows = columns - self.index[0].astype(np.intp)[:, None]
            return rows.ravel(), np.broadcast_to(columns, rows.shape).ravel()
        indices, indptr = self.index
        major = np.repeat(np.arange(len(indptr) - 1, dtype=indices.dtype), np.diff(indptr))
        if self.format == "csr":
            return major, indices
        if self.format == "csc":
            return indices, major
        _, R, C = self.data_shape
        rows = major.astype(np.intp)[:, None, None] * R + np.arange(R)[:, None]
        columns = indices.astype(np.intp)[:, None, None] * C + np.arange(C)
        return (
            np.broadcast_to(rows, self.data_shape).ravel(),
            np.broadcast_to(columns, self.data_shape).ravel(),
        )

    @cached_property
    def inside(self) -> np.ndarray | None:
        """Which values lie in the matrix; None where all do, as in each format but DIA."""
        if self.format != "dia":
            return None
        (rows, columns), (m, n) = self.entries, self.shape
        mask = (rows >= 0) & (rows < m) & (columns < n)
        return None if mask.all() else mask

    @cached_property
    def canonical(self) -> tuple[Pattern, Selection | None]:
        """The pattern, and the place of each value in it; None where the values are in its order."""
        if self.format == "csr" and self.ordered:
            return Pattern(self.index[0], self.index[1], self.shape), None
        rows, columns = self.entries
        if self.inside is not None:
            rows, columns = rows[self.inside], columns[self.inside]
        count = len(rows)
        # CSR of the numbers 0, 1, … in place of the values: where each entry of it comes from.
        numbered = sp.coo_array((np.arange(count), (rows, columns)), shape=self.shape).tocsr()
        pattern = Pattern(numbered.indices, numbered.indptr, self.shape)
        if pattern.nnz == count:
            places = np.empty(count, np.intp)
            places[numbered.data] = np.arange(count)
        else:  # duplicates, whose numbers have been added up
            places = pattern.places(rows, columns)
        if self.inside is not None:
            everywhere = np.full(self.size, -1)
            everywhere[self.inside] = places
            places = everywhere
        return pattern, Selection(places, pattern.nnz)

    @cached_property
    def has_duplicates(self) -> bool:
        """Whether several values belong to one entry."""
        if self.ordered or self.format == "dia":
            return False
        pattern, places = self.canonical
        return places is not None and len(places.found) != pattern.nnz

    def copy(self) -> Layout:
        """A layout whose index arrays nobody else can change."""
        index = tuple(part.copy() for part in self.index)
        return Layout(self.kind, index, self.shape, self.data_shape, self.ordered)

    @property
    def transposed(self) -> Layout:
        """The layout of the transpose, whose values are the same in the same order (CSR, CSC, COO)."""
        other = {"csr": "csc", "csc": "csr", "coo": "coo"}[self.format]
        index = self.index[::-1] if other == "coo" else self.index
        kind = kind_of(other, self.kind)
        return Layout(kind, index, self.shape[::-1], self.data_shape, self.ordered)

    def data_space(self, dtype: Any) -> Space:
        """The space of the values."""
        inexact = space(np.empty(0, dtype)).dtype
        if inexact is None:
            return NO_TANGENT
        onto = None if self.inside is None else _Inside(self)
        return EntriesSpace(self.data_shape, inexact, onto)

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Layout)
            and (self.kind, self.shape, self.data_shape) == (other.kind, other.shape, other.data_shape)
            and all(a is b or np.array_equal(a, b) for a, b in zip(self.index, other.index, strict=True))
        )

    def __hash__(self) -> int:
        return hash((self.kind, self.shape, self.data_shape))

    def __repr__(self) -> str:
        m, n = self.shape
        return f"{self.kind.__name__} of shape {m} x {n} with {self.size} stored values"


class _Inside:
    """The projection onto the values of a DIA array that lie in the matrix; the others have no tangent."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def __call__(self, data: Array) -> Array:
        inside: Any = self.layout.inside
        return np.where(inside.reshape(self.layout.data_shape), data, data.dtype.type(0))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Inside) and self.layout == other.layout

    def __hash__(self) -> int:
        return hash(self.layout)


def taken_apart(A: Any) -> tuple[np.ndarray, Layout]:
    """The values and the layout of SciPy's array; LIL and DOK become CSR.

    Raises
    ------
    NotDifferentiableError
        Where it has not two axes, or holds no numbers.
    """
    if A.ndim != 2:
        raise NotDifferentiableError(
            f"a sparse array of shape {A.shape}: only those with two axes are differentiated. Make it a row "
            "or a column, A.reshape(1, -1) or A.reshape(-1, 1), or a full array, A.toarray()"
        )
    if A.format not in FORMATS:
        A = A.tocsr()
    index: tuple[np.ndarray, ...]
    if A.format == "coo":
        index = (A.row, A.col)
    elif A.format == "dia":
        index = (A.offsets,)
    else:
        index = (A.indices, A.indptr)
    ordered = A.format in ("csr", "csc") and bool(A.has_canonical_format)
    return A.data, Layout(kind_of(A.format, type(A)), index, A.shape, A.data.shape, ordered)
