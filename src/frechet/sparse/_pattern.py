"""Where the entries of a sparse matrix are: its pattern, which is constant, while its values vary.

A sparse matrix is its values p, a vector, on a pattern; A(p) is linear in p.  So it is a structure in the
sense of `linalg._structured`: from

    times:  p, X ↦ A(p) X  or  A(p)ᴴ X        outer:  W, X ↦ (W Xᴴ) at the entries of the pattern

its products and solutions follow with derivatives of all orders, and W Xᴴ is never formed.
"""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from ..errors import InPlaceError
from ..linear_map import Array, Shape

_IN_CACHE = 1 << 16  # entries of a part that the first levels of a cache hold
_AT_ONCE = 1 << 22  # entries of the gathered rows in `outer`, to bound its memory


class Pattern:
    """The row and column of each value of a sparse matrix, by rows (CSR), in each row by columns, none twice.

    Parameters
    ----------
    indices, indptr : arrays of int
        As in scipy.sparse.csr_array, sorted and without duplicates.
    shape : (int, int)
        Of the matrix.
    """

    ndim = 1  # axes of the values; see `linalg._structured.Structure`

    def __init__(self, indices: np.ndarray, indptr: np.ndarray, shape: Shape) -> None:
        self.indices, self.indptr, self.shape = indices, indptr, shape

    @property
    def nnz(self) -> int:
        """The number of values."""
        return len(self.indices)

    @cached_property
    def rows(self) -> np.ndarray:
        """The row of each value."""
        return np.repeat(np.arange(self.shape[0], dtype=self.indices.dtype), np.diff(self.indptr))

    @cached_property
    def keys(self) -> np.ndarray:
        """Row and column of each value as one number, which ascends."""
        keys: np.ndarray = self.rows.astype(np.int64) * self.shape[1] + self.indices
        return keys

    def places(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Which value is at each of the given places; −1 where there is none."""
        wanted = rows.astype(np.int64) * self.shape[1] + columns
        if not self.nnz:
            return np.full(len(wanted), -1)
        found = np.minimum(np.searchsorted(self.keys, wanted), self.nnz - 1)
        return np.where(self.keys[found] == wanted, found, -1)

    @cached_property
    def transposed(self) -> tuple[Pattern, np.ndarray]:
        """The pattern of the transpose, and which value of this one each of its values is."""
        import scipy.sparse as sp

        places = sp.csr_array((np.arange(self.nnz), self.indices, self.indptr), shape=self.shape).T.tocsr()
        return Pattern(places.indices, places.indptr, self.shape[::-1]), places.data

    def matrix(self, p: Array) -> Any:
        """The scipy.sparse.csr_array with plain values p, which shares their memory."""
        import scipy.sparse as sp

        if self.indptr[-1] != self.nnz:
            raise InPlaceError(
                "the index arrays of a sparse array were changed in place (A.eliminate_zeros() for example) "
                "before its derivative was applied: do that earlier, or to a copy"
            )
        return sp.csr_array((p, self.indices, self.indptr), shape=self.shape, copy=False)

    # --- as a structure -----------------------------------------------------------------------------------

    def times(self, p: Array, X: Array, adjoint: bool) -> Array:
        """A(p) X, or A(p)ᴴ X; for each value of the leading axes, which broadcast."""
        lead = np.broadcast_shapes(p.shape[:-1], X.shape[:-2])
        if not lead:
            return self._product(p, X, adjoint)
        m = self.shape[1 if adjoint else 0]
        if p.ndim == 1:  # many right sides, side by side
            side = np.moveaxis(X, -2, 0)
            Y = self._product(p, side.reshape(len(side), -1), adjoint)
            return np.moveaxis(Y.reshape(m, *lead, -1), 0, -2)
        ps, Xs = np.broadcast_to(p, lead + p.shape[-1:]), np.broadcast_to(X, lead + X.shape[-2:])
        Y = np.empty((*lead, m, X.shape[-1]), np.result_type(p, X))
        for at in np.ndindex(lead):
            Y[at] = self._product(ps[at], Xs[at], adjoint)
        return Y

    def _product(self, p: Array, X: Array, adjoint: bool) -> Array:
        A = self.matrix(p)
        product: Array = (A.conj(copy=False).T if adjoint else A) @ X
        return product

    def outer(self, W: Array, X: Array) -> Array:
        """The entries of W Xᴴ on the pattern, in O(nnz k) operations."""
        X = X.conj()
        if X.shape[-1] == 1:
            return self._outer_of_vectors(W[..., 0], X[..., 0])
        rows, columns = self.rows, self.indices
        lead = np.broadcast_shapes(W.shape[:-2], X.shape[:-2])
        P = np.empty((*lead, self.nnz), np.result_type(W, X))
        step = max(1, _AT_ONCE // max(1, int(np.prod(lead)) * X.shape[-1]))
        for start in range(0, self.nnz, step):
            part = slice(start, start + step)
            P[..., part] = np.einsum("...ik,...ik->...i", W[..., rows[part], :], X[..., columns[part], :])
        return P

    def _outer_of_vectors(self, w: Array, x: Array) -> Array:
        """The entries of w xᵀ on the pattern, some rows at a time, whose temporaries stay in the cache."""
        lead = np.broadcast_shapes(w.shape[:-1], x.shape[:-1])
        P = np.empty((*lead, self.nnz), np.result_type(w, x))
        counts = np.diff(self.indptr)
        step = max(1, _IN_CACHE // max(1, int(np.prod(lead))))
        starts = np.unique(np.searchsorted(self.indptr, np.arange(0, self.nnz, step), side="right") - 1)
        for first, last in pairwise([*starts.tolist(), self.shape[0]]):
            part = slice(self.indptr[first], self.indptr[last])
            of_rows = np.repeat(w[..., first:last], counts[first:last], axis=-1)
            of_columns = x.take(self.indices[part], axis=-1, mode="clip")  # which is quicker than checking
            np.multiply(of_rows, of_columns, out=P[..., part])
        return P

    # --- comparison ---------------------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Pattern)
            and self.shape == other.shape
            and np.array_equal(self.indptr, other.indptr)
            and np.array_equal(self.indices, other.indices)
        )

    def __hash__(self) -> int:
        return hash((self.shape, self.nnz))

    def __repr__(self) -> str:
        return f"Pattern({self.shape[0]} x {self.shape[1]}, {self.nnz} values)"


def is_sparse(A: Any) -> bool:
    """Whether A is a sparse array: SciPy's, or a traced one, which has ``canonical()``."""
    if hasattr(A, "canonical"):
        return True
    import scipy.sparse as sp

    return bool(sp.issparse(A))


def values_and_pattern(A: Any, call: str) -> tuple[Array, Pattern]:
    """The values of a sparse matrix, traced or not, in the order of its pattern, and the pattern.

    Parameters
    ----------
    A : scipy.sparse array or matrix, or a traced one
        Of any format, with two axes.  Duplicates are added up and indices sorted, in a copy.
    call : str
        Who asks, for messages: "spsolve: A".

    Raises
    ------
    TypeError
        For anything else, and for values that are no numbers.
    """
    if hasattr(A, "canonical"):  # a traced sparse array
        values, pattern = A.canonical()
        return values, pattern
    import scipy.sparse as sp

    if not sp.issparse(A):
        raise TypeError(f"{call} must be a sparse array, got {type(A).__name__}: scipy.sparse.csr_array(A)")
    if A.ndim != 2:
        raise TypeError(f"{call} must have two axes, got the shape {A.shape}")
    C = sp.csr_array(A)
    if not C.has_canonical_format:
        C = C.copy() if C is A or np.may_share_memory(C.data, getattr(A, "data", C.data)) else C
        C.sum_duplicates()
    if C.dtype.kind not in "fciub":
        raise TypeError(f"{call} must hold numbers, got dtype {C.dtype}")
    values = C.data if C.dtype.kind in "fc" else C.data.astype(np.float64)
    return values, Pattern(C.indices, C.indptr, C.shape)
