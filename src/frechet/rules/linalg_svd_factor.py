"""Singular value decompositions for least squares and pseudoinverses: A⁺ applied, and the rank."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from ..linear_map import Array, LinearMap, adjoint_matrix
from .lapack import lapack
from .linalg_factorizations import reading
from .linalg_factors import _as_columns

__all__ = ["EighFactor", "SVDFactor", "svd_factor"]

_LARGE = 2048  # entries from which on a QR factorization first costs less than the calls that it takes


def svd_factor(A: Array, atol: float, rtol: float) -> SVDFactor:
    """The decomposition of a plain matrix, or of each of a stack, with which A⁺ is to be applied to vectors.

    Parameters
    ----------
    A : (..., m, n) array
        Of a type that LAPACK knows.
    atol, rtol : float
        Singular values up to atol + rtol times the largest one count as zero.
    """
    m, n = A.shape[-2:]
    if A.ndim == 2 and A.size >= _LARGE and max(m, n) >= 2 * min(m, n):
        return TallSVDFactor(A, atol, rtol)
    return SVDFactor(A, atol, rtol)


class SVDFactor:
    """The singular values and vectors of a matrix, or of each of a stack, those taken as zero left out."""

    reads: LinearMap | None = None
    U: Array
    s: Array
    Vh: Array

    def __init__(self, A: Array, atol: float, rtol: float) -> None:
        if A.size:
            self.U, self.s, self.Vh = np.linalg.svd(A, full_matrices=False)
        else:
            *stack, m, n = A.shape
            k = min(m, n)
            self.U, self.Vh = np.zeros((*stack, m, k), A.dtype), np.zeros((*stack, k, n), A.dtype)
            self.s = np.zeros((*stack, k), np.finfo(A.dtype).dtype)
        self._select(A, atol, rtol)

    def _select(self, A: Array, atol: float, rtol: float) -> None:
        values = self.s
        size = np.abs(values)
        kept = size > atol + rtol * size.max(axis=-1, keepdims=True, initial=0)
        self.inverse_values = np.where(kept, 1 / np.where(kept, values, 1), 0).astype(values.dtype)
        self.rank = np.count_nonzero(kept, axis=-1)
        self.independent_columns = bool(np.all(self.rank == A.shape[-1]))
        self.independent_rows = bool(np.all(self.rank == A.shape[-2]))

    @property
    def public_rank(self) -> Any:
        """The rank, as an int for one matrix."""
        return int(self.rank) if self.s.ndim == 1 else self.rank

    def times(self, B: Array, adjoint: bool) -> Array:
        """A⁺ B or (A⁺)ᴴ B; axes of B in front of those of A are directions."""
        left, right = (self.U, self.Vh) if adjoint else (adjoint_matrix(self.Vh), adjoint_matrix(self.U))
        return np.asarray(np.matmul(left, self.inverse_values[..., None] * np.matmul(right, B)))

    @cached_property
    def pinv(self) -> Array:
        """A⁺."""
        scaled = adjoint_matrix(self.Vh) * self.inverse_values[..., None, :]
        return np.asarray(np.matmul(scaled, adjoint_matrix(self.U)))


class TallSVDFactor(SVDFactor):
    """One matrix with many more rows than columns, or columns than rows: by QR, and the decomposition of R.

    Q is kept as the product of reflections that LAPACK makes it of, so A⁺ b costs O(m n), and the
    factorization of the large matrix half of what it costs to write Q out.  A wide matrix is treated by its
    adjoint.
    """

    def __init__(self, A: Array, atol: float, rtol: float) -> None:
        self.wide = A.shape[0] < A.shape[1]
        tall = adjoint_matrix(A) if self.wide else A
        self.m, self.n = tall.shape
        char = A.dtype.char
        size = int(lapack("geqrf_lwork", char)(self.m, self.n)[0].real)
        self.reflections, self.tau, _, _ = lapack("geqrf", char)(tall, lwork=size)
        self.UR, self.s, self.Wh = np.linalg.svd(np.triu(self.reflections[: self.n]), full_matrices=False)
        self._select(A, atol, rtol)

    def _q(self, B: Array, adjoint: bool) -> Array:
        """Q B or Qᴴ B for m rows."""
        char = self.reflections.dtype.char
        apply, trans = ("ormqr", "T") if char in "fd" else ("unmqr", "C")
        size = max(1, B.shape[1]) * 64
        arguments = ("L", trans if adjoint else "N", self.reflections, self.tau, B, size)
        return np.asarray(lapack(apply, char)(*arguments)[0])

    def times(self, B: Array, adjoint: bool) -> Array:
        """A⁺ B or (A⁺)ᴴ B."""
        columns, restore = _as_columns(B)
        dtype = self.reflections.dtype
        if columns.dtype.kind == "c" and dtype.kind != "c":
            halves = np.concatenate([columns.real, columns.imag], axis=1).astype(dtype, copy=False)
            both, k = self._times(halves, adjoint != self.wide), columns.shape[1]
            return restore(both[:, :k] + 1j * both[:, k:])
        return restore(self._times(columns.astype(dtype, copy=False), adjoint != self.wide))

    def _times(self, B: Array, adjoint: bool) -> Array:
        # The tall matrix is Q [R; 0] = Q [UR; 0] s Wh.
        inverse = self.inverse_values[:, None]
        if adjoint:
            return self._from_top(self.UR @ (inverse * (self.Wh @ B)))
        top = self._q(B, True)[: self.n]
        return np.asarray(adjoint_matrix(self.Wh) @ (inverse * (adjoint_matrix(self.UR) @ top)))

    def _from_top(self, C: Array) -> Array:
        """Q [C; 0]."""
        padded = np.zeros((self.m, C.shape[1]), C.dtype, order="F")
        padded[: self.n] = C
        return self._q(padded, False)

    @cached_property
    def U(self) -> Array:
        """The left singular vectors."""
        return adjoint_matrix(self.Wh) if self.wide else self._from_top(self.UR)

    @cached_property
    def Vh(self) -> Array:
        """The right singular vectors, conjugated and transposed."""
        return adjoint_matrix(self._from_top(self.UR)) if self.wide else self.Wh


class EighFactor(SVDFactor):
    """The same for Hermitian matrices, by eigenvalues."""

    def __init__(self, A: Array, lower: bool, atol: float, rtol: float) -> None:
        self.s, self.U = np.linalg.eigh(A, "L" if lower else "U")
        self.Vh = adjoint_matrix(self.U)
        self.reads = reading(A, lower)
        self._select(A, atol, rtol)
