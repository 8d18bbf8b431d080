"""The Schur form of a plain matrix, and the triangular equation that its derivatives solve."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import NotDifferentiableError
from ..linear_map import Array, adjoint_matrix
from ..rules.lapack import lapack
from ._matrix_equation import norms
from ._triangular_form import TriangularForm


class SchurBlocks:
    """A = Z T Zᴴ of a plain matrix, or of each of a stack, with the blocks of T.

    Parameters
    ----------
    a : (..., n, n) array
        The matrix.
    sort : None, str or callable
        SciPy's.
    degeneracy_tol : float or None
        Where eigenvalues count as equal, see `schur`.

    Attributes
    ----------
    T, Z : (..., n, n) array
        The form.
    sdim : int or array of int
        How many eigenvalues were sorted first.
    first, round : (..., n) array
        Masks of the rows in which blocks of two rows begin, and of those among them with b = −c.
    two_rowed : bool
        Whether there are such blocks.
    lower : (..., n, n) array
        A mask of what lies below the diagonal blocks.
    """

    def __init__(self, a: Array, sort: Any, degeneracy_tol: float | None) -> None:
        import scipy.linalg

        self.degeneracy_tol = degeneracy_tol
        n, stack = a.shape[-1], a.shape[:-2]
        self.T, self.Z = np.empty(a.shape, a.dtype), np.empty(a.shape, a.dtype)
        sdim = np.zeros(stack, int)
        output = "complex" if a.dtype.kind == "c" else "real"
        for at in np.ndindex(stack):
            self.T[at], self.Z[at], *rest = scipy.linalg.schur(a[at], output, sort=sort, check_finite=False)
            if rest:
                sdim[at] = rest[0]
        self.sdim = sdim if stack else int(sdim)
        real = self.T.real.dtype
        below, above = np.diagonal(self.T, -1, -2, -1), np.diagonal(self.T, 1, -2, -1)
        begins = below != 0
        rounding = 10 * n * np.finfo(real).eps
        is_round = begins & (np.abs(above + below) <= rounding * (np.abs(above) + np.abs(below)))
        last = np.zeros((*stack, 1 if n else 0), real)
        self.first = np.concatenate([begins.astype(real), last], axis=-1)
        self.round = np.concatenate([is_round.astype(real), last], axis=-1)
        self.two_rowed = bool(begins.any())
        pairs = self.first[..., None] * np.eye(n, k=1, dtype=real)
        self.lower = np.tril(np.ones((n, n), real), -1) - np.swapaxes(pairs, -1, -2)
        self._triangles: list[_Triangle] | None = None

    @property
    def triangles(self) -> list[_Triangle]:
        """The forms of the single matrices, prepared for solving."""
        if self._triangles is None:
            n = self.T.shape[-1]
            forms = zip(self.T.reshape(-1, n, n), self.first.reshape(-1, n), strict=True)
            self._triangles = [_Triangle(T, first) for T, first in forms]
        return self._triangles

    def require_gaps(self) -> None:
        """Raise where eigenvalues of different blocks are equal."""
        n = self.T.shape[-1]
        if n < 2:
            return
        tol = 10 * n * np.finfo(self.T.dtype).eps if self.degeneracy_tol is None else self.degeneracy_tol
        for k, triangle in enumerate(self.triangles):
            w = np.diagonal(triangle.T)
            close = np.abs(w[:, None] - w) <= tol * norms(triangle.T)
            if (close & (self.lower.reshape(-1, n, n)[k % (self.lower.size // n**2)] != 0)).any():
                raise NotDifferentiableError(
                    "fr.linalg.schur of a matrix with equal eigenvalues has no derivative: its Schur vectors "
                    "jump. For a function of the matrix use funm, expm, logm, sqrtm, for the space of a "
                    "cluster of eigenvalues spectral_projector, for eigenvalues alone eigvals"
                )

    def solve_below(self, E: Array, adjoint: bool) -> Array:
        """X with X T − T X = E below the diagonal blocks, zero elsewhere; or with Tᴴ for T.

        E has the shape of T, or further axes in front.
        """
        n = self.T.shape[-1]
        stack = self.T.shape[:-2]
        extra = E.shape[: E.ndim - self.T.ndim]
        if not E.size:
            return np.zeros(E.shape, E.dtype)
        one = E.reshape(-1, len(self.triangles), n, n)
        X = np.empty(one.shape, np.result_type(E, self.T))
        for k, triangle in enumerate(self.triangles):
            X[:, k] = triangle.solve_below(one[:, k], adjoint)
        return X.reshape(*extra, *stack, n, n)


class _Triangle:
    """One quasi-triangular matrix as V T Vᴴ, with T triangular and V unitary and block diagonal."""

    def __init__(self, T: Array, first: Array) -> None:
        n = len(T)
        self.V = None
        self.end = np.arange(1, n + 1)  # in each column, the row in which the part below its block begins
        if first.any():
            k = np.flatnonzero(first)
            w = np.diagonal(T).astype(np.result_type(T, np.complex64))
            w[k] += 1j * np.sqrt(np.abs(T[k, k + 1])) * np.sqrt(np.abs(T[k + 1, k]))
            form = TriangularForm(T[None], np.eye(n, dtype=T.dtype)[None], w[None]).complex()
            assert form.Q is not None
            T, self.V = form.T[0], form.Q[0]
            self.end[k] += 1
        self.T = T

    def solve_below(self, E: Array, adjoint: bool) -> Array:
        """The solutions of shape (directions, n, n)."""
        if self.V is None:
            return self._solve(E, adjoint)
        V, Vh = self.V, adjoint_matrix(self.V)
        X = V @ self._solve(Vh @ E @ V, adjoint) @ Vh
        return X if E.dtype.kind == "c" else X.real

    def _solve(self, E: Array, adjoint: bool) -> Array:
        # Column j, from row r below its block on, with M = t_jj I − T[r:, r:]:
        #     M x_j = e_j − Σ_{k<j} x_k t_kj,  and for the adjoint  Mᴴ x_j = e_j − Σ_{k>j} x_k conj(t_jk).
        T, n = self.T, len(self.T)
        dtype = np.result_type(T, E)
        trtrs = lapack("trtrs", dtype.char)
        columns = E.transpose(2, 1, 0)  # column, row, direction
        X = np.zeros(columns.shape, dtype)
        T = T.astype(dtype, copy=False)
        minus = -T
        for j in range(n - 1, -1, -1) if adjoint else range(n):
            r = self.end[j]
            if r >= n:
                continue
            rest = columns[j, r:]
            if adjoint:
                rest = rest - np.tensordot(T[j, j + 1 :].conj(), X[j + 1 :, r:], 1)
            else:
                rest = rest - np.tensordot(T[:j, j], X[:j, r:], 1)
            M = np.array(minus[r:, r:], order="F")
            M.ravel("K")[:: n - r + 1] += T[j, j]
            X[j, r:] = trtrs(M, rest, trans=2 if adjoint else 0)[0]
        return X.transpose(2, 1, 0)
