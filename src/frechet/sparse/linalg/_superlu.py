"""Factorizations of plain sparse matrices by SuperLU, for solutions, determinants and entries of inverses."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError

from ... import _core
from ...linalg._factor import OneMatrix
from ...linear_map import Array
from .._pattern import Pattern

__all__ = ["BY_DEGREE", "NOT_POSITIVE", "SparseLU", "diagonal_leads", "is_hermitian", "require_hermitian"]

# A diagonal entry of at least this times the largest one of its column is a good pivot.
_LEADING = 0.1
BY_DEGREE = {"permc_spec": "MMD_AT_PLUS_A", "diag_pivot_thresh": _LEADING}


class SparseLU(OneMatrix):
    """P_r A P_c = L U.

    Where A has the pattern of its transpose and good pivots on its diagonal, the columns are ordered by the
    minimum degree of A + Aᵀ; on a grid that has half of the fill of COLAMD, SciPy's choice, and is faster.

    Parameters
    ----------
    p : (nnz,) array
        The values, finite.
    pattern : Pattern
        Of a square matrix.
    call : str
        For messages.
    positive : bool
        Whether the matrix is Hermitian and positive definite: pivots stay on the diagonal.
    **options
        Those of scipy.sparse.linalg.splu.

    Raises
    ------
    numpy.linalg.LinAlgError
        For a singular matrix.
    """

    def __init__(self, p: Array, pattern: Pattern, call: str, positive: bool = False, **options: Any) -> None:
        from scipy.sparse.linalg import splu

        self.n, self.dtype, self.reads = pattern.shape[0], p.dtype, None
        _require_entries(pattern, call)
        if positive:
            _require_positive_diagonal(p, pattern, call)
            symmetric = {"diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}
            options = {"permc_spec": "MMD_AT_PLUS_A", **symmetric, **options}
        elif "permc_spec" not in options and diagonal_leads(p, pattern):
            options = {**BY_DEGREE, **options}
        try:
            self.lu = splu(pattern.matrix(p).tocsc(), **options)
        except RuntimeError as error:
            if "singular" not in str(error):
                raise
            raise LinAlgError(f"{call}: A is singular{_structural_reason(p, pattern)}") from None
        if positive and not np.array_equal(self.lu.perm_r, self.lu.perm_c):
            raise LinAlgError(NOT_POSITIVE.format(call))

        self.call, self.unpivoted = call, pattern.matrix(p) if positive else None

    def _solve_columns(self, B: Array, adjoint: bool) -> Array:
        X = np.asarray(self.lu.solve(np.asfortranarray(B), "H" if adjoint else "N"))
        if self.unpivoted is not None:
            # Without pivoting an indefinite matrix may lose all digits; half of them tell.
            error = np.abs(self.unpivoted @ X - B).max(initial=0)
            size = np.abs(self.unpivoted.data).max() * np.abs(X).max(initial=0) + np.abs(B).max(initial=0)
            if not error <= np.finfo(self.dtype).eps ** 0.5 * size:
                raise LinAlgError(NOT_POSITIVE.format(self.call))
        return X

    @cached_property
    def slogdet(self) -> tuple[Array, Array]:
        diagonal = self.lu.U.diagonal()
        size = np.abs(diagonal)
        sign = _parity(self.lu.perm_r) * _parity(self.lu.perm_c) * np.prod(diagonal / size)
        return self.dtype.type(sign), self.dtype.type(0).real.dtype.type(np.sum(np.log(size)))

    def require_positive(self, call: str) -> None:
        """Raise where the pivots, those of L D Lᴴ, show that a Hermitian matrix is not positive definite."""
        if not (self.lu.U.diagonal().real > 0).all():
            raise LinAlgError(NOT_POSITIVE.format(call))

    def inverse_at(self, rows: Array, columns: Array) -> Array:
        """The entries of A⁻¹ in given places, by `_core.selected_inverse`."""
        wide = np.dtype("D" if self.dtype.kind == "c" else "d")
        L, U = self.lu.L.astype(wide, copy=False), self.lu.U.astype(wide, copy=False).tocsr()
        Z = np.empty(len(rows), wide)
        places = self.lu.perm_c[rows].astype(np.int32), self.lu.perm_r[columns].astype(np.int32)
        _core.selected_inverse(L.data, L.indices, L.indptr, U.data, U.indices, U.indptr, *places, Z)
        return Z.astype(self.dtype, copy=False)


NOT_POSITIVE = (
    "{}: A is not positive definite, which assume_a='pos' says that it is; without that it may be any "
    "regular matrix"
)


def is_hermitian(p: Array, pattern: Pattern) -> bool:
    """Whether plain values are those of a Hermitian matrix, to the last digits."""
    other, places = pattern.transposed
    if other != pattern:
        return False
    eps = 100 * np.finfo(p.dtype).eps
    return bool((np.abs(p - p[places].conj()) <= eps * np.abs(p).max(initial=0)).all())


def _require_entries(pattern: Pattern, call: str) -> None:
    empty = np.flatnonzero(np.diff(pattern.indptr) == 0)
    if empty.size:
        raise LinAlgError(f"{call}: A is singular: its row {empty[0]} has no entries")
    filled = np.zeros(pattern.shape[1], bool)
    filled[pattern.indices] = True
    if not filled.all():
        raise LinAlgError(f"{call}: A is singular: its column {np.flatnonzero(~filled)[0]} has no entries")


def _diagonal(p: Array, pattern: Pattern) -> Array:
    """The diagonal, with zeros where no value is stored."""
    d = np.zeros(pattern.shape[0], p.dtype)
    on = pattern.rows == pattern.indices
    d[pattern.indices[on]] = p[on]
    return d


def require_hermitian(p: Array, pattern: Pattern, call: str) -> None:
    """Raise where a matrix that is said to be positive definite is not even Hermitian."""
    if not is_hermitian(p, pattern):
        raise LinAlgError(f"{call}: A is not Hermitian, which assume_a='pos' says that it is")


def _require_positive_diagonal(p: Array, pattern: Pattern, call: str) -> None:
    require_hermitian(p, pattern, call)
    if not (_diagonal(p, pattern).real > 0).all():
        raise LinAlgError(NOT_POSITIVE.format(call))


def diagonal_leads(p: Array, pattern: Pattern) -> bool:
    """Whether A has the pattern of its transpose, and no diagonal entry is small in its column."""
    other, places = pattern.transposed
    if other != pattern:
        return False
    largest = np.maximum.reduceat(np.abs(p)[places], other.indptr[:-1])
    return bool((np.abs(_diagonal(p, pattern)) >= _LEADING * largest).all())


def _structural_reason(p: Array, pattern: Pattern) -> str:
    from scipy.sparse.csgraph import structural_rank

    rank = structural_rank(pattern.matrix(np.ones(pattern.nnz)))
    if rank == pattern.shape[0]:
        return ": a pivot is zero"
    return f": its pattern allows for a rank of {rank} at most, of {pattern.shape[0]} rows"


def _parity(permutation: Array) -> int:
    """The sign of a permutation: −1 to the number of its elements less that of its cycles."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    n = len(permutation)
    graph = csr_array((np.ones(n, bool), permutation, np.arange(n + 1)), shape=(n, n))
    cycles = int(connected_components(graph, directed=False, return_labels=False))
    return 1 - 2 * ((n - cycles) % 2)
