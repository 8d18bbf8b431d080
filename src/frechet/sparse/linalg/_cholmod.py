"""Hermitian positive definite matrices by CHOLMOD, where scikit-sparse is installed, else by SuperLU."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError

from ... import _core
from ...linalg._factor import OneMatrix
from ...linear_map import Array
from .._pattern import Pattern
from ._superlu import NOT_POSITIVE, SparseLU, require_hermitian

__all__ = ["SparseCholesky", "positive_factor"]


def positive_factor(p: Array, pattern: Pattern, call: str, **options: Any) -> Any:
    """The factorization of a plain positive definite matrix; options are SuperLU's, and ask for it."""
    if not options:
        try:
            import sksparse.cholmod as cholmod  # of version 0.5 or later
        except ImportError:
            cholmod = None
        if hasattr(cholmod, "CholeskyFactor"):
            return SparseCholesky(p, pattern, call, cholmod)
    return SparseLU(p, pattern, call, True, **options)


class SparseCholesky(OneMatrix):
    """A[P][:, P] = L Lᴴ.

    Parameters
    ----------
    p : (nnz,) array
        The values, finite.
    pattern : Pattern
        Of a square matrix.
    call : str
        For messages.
    cholmod : module
        sksparse.cholmod.

    Raises
    ------
    numpy.linalg.LinAlgError
        For a matrix that is not Hermitian and positive definite.
    """

    def __init__(self, p: Array, pattern: Pattern, call: str, cholmod: Any) -> None:
        self.n, self.dtype, self.reads = pattern.shape[0], p.dtype, None
        require_hermitian(p, pattern, call)
        self._wide = np.dtype("D" if p.dtype.kind == "c" else "d")
        try:
            A = pattern.matrix(p).astype(self._wide).tocsc()
            self.factor = cholmod.CholeskyFactor(A, order="default").factorize(A)
        except cholmod.CholmodNotPositiveDefiniteError:
            raise LinAlgError(NOT_POSITIVE.format(call)) from None

    def _solve_columns(self, B: Array, adjoint: bool) -> Array:
        return np.asarray(self.factor.solve(np.asfortranarray(B, self._wide)), self.dtype)

    @cached_property
    def _L(self) -> Any:
        return self.factor.get_factor(kind="LL", lower=True)

    @cached_property
    def slogdet(self) -> tuple[Array, Array]:
        log = 2 * np.sum(np.log(self._L.diagonal().real))
        return self.dtype.type(1), self.dtype.type(0).real.dtype.type(log)

    def require_positive(self, call: str) -> None:
        """It is, since it has been factorized."""

    def inverse_at(self, rows: Array, columns: Array) -> Array:
        """The entries of A⁻¹ in given places, by `_core.selected_inverse`."""
        L = self._L
        place = np.empty(self.n, np.int32)
        place[self.factor.perm] = np.arange(self.n)
        # L Lᴴ = (L D⁻¹)(D Lᴴ), D being the diagonal of L: the rows of the second are the columns of L.
        D = np.repeat(L.diagonal(), np.diff(L.indptr))
        index, start = L.indices.astype(np.int32, copy=False), L.indptr.astype(np.int32, copy=False)
        Z = np.empty(len(rows), self._wide)
        _core.selected_inverse(
            L.data / D, index, start, L.data.conj() * D, index, start, place[rows], place[columns], Z
        )
        return Z.astype(self.dtype, copy=False)
