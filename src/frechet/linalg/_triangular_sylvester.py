"""Sylvester equations with triangular coefficients, and their adjoints.

A compiled kernel solves stacks of blocks of up to a few hundred rows.  Larger equations are split in two
along the longer side of the right side (Jonsson & Kågström, ACM TOMS 28:392, 2002), until blocks of that
size are left: all the rest is products of matrices.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.linalg import LinAlgError
from numpy.typing import NDArray

from .. import _core

__all__ = ["TriangularSylvester"]

Array = NDArray[Any]

_LEAF = 256  # the largest block left to the kernel, whose speed falls off where a block outgrows the cache


class TriangularSylvester:
    """The equation R X + X S = F for upper triangular R and S, and its adjoint Rᴴ W + W Sᴴ = G.

    Parameters
    ----------
    R : (..., m, m) ndarray
        Upper triangular; if real, upper quasi-triangular with the 2 × 2 blocks of a real Schur form.  What
        lies below the first subdiagonal is not read.
    S : (..., n, n) ndarray, optional
        Likewise, with the leading axes of R; by default R itself.  Both are cast to their common dtype:
        float32, float64, complex64 or complex128.
    refusal : str, optional
        What the exception says of an equation without a unique solution.

    Notes
    -----
    Both methods take right sides (..., m, n) with the leading axes of R, and stacked directions in front of
    these, and leave them as they are; complex ones are taken by real coefficients, too.  They raise
    ``numpy.linalg.LinAlgError`` where an eigenvalue of R and one of −S differ by less than rounding in the
    largest entry of R and S; whether a nearly singular equation counts as one is for the caller to say, who
    knows the eigenvalues.  A solution takes m n (m + n) operations.

    Examples
    --------
    >>> import numpy as np
    >>> R, S = np.array([[1.0, 5.0], [0.0, 2.0]]), np.array([[3.0]])
    >>> TriangularSylvester(R, S).solve(np.array([[9.0], [5.0]]))
    array([[1.],
           [1.]])
    """

    def __init__(
        self,
        R: Array,
        S: Array | None = None,
        refusal: str = "R X + X S = F has no unique solution: R and -S share an eigenvalue",
    ) -> None:
        self.dtype = R.dtype if S is None else np.result_type(R, S)
        self.R = R.astype(self.dtype, copy=False)
        self.S = self.R if S is None else S.astype(self.dtype, copy=False)
        self.refusal = refusal

    def solve(self, F: Array) -> Array:
        """Return X with R X + X S = F."""
        return self._solve(F, adjoint=False)

    def adjoint(self, G: Array) -> Array:
        """Return W with Rᴴ W + W Sᴴ = G: the adjoint of `solve` with respect to ⟨X, Y⟩ = Re tr(Xᴴ Y)."""
        return self._solve(G, adjoint=True)

    def _solve(self, F: Array, adjoint: bool) -> Array:
        if F.dtype.kind == "c" and self.dtype.kind != "c":  # a real equation: two real right sides
            X = self._solve(np.stack((F.real, F.imag)), adjoint)
            return np.asarray(X[0] + 1j * X[1])
        X = np.array(F, self.dtype, order="C")
        if not X.size:
            return X
        R, S = (M.reshape(-1, *M.shape[-2:]) for M in (self.R, self.S))
        if max(X.shape[-2:]) <= _LEAF:
            self._kernel(R, S, X.reshape(-1, *X.shape[-2:]), adjoint)
        else:
            stack = X.reshape(-1, len(R), *X.shape[-2:])
            for k in range(len(R)):
                self._block(R[k], S[k], stack[:, k], adjoint)
        return X

    def _kernel(self, R: Array, S: Array, X: Array, adjoint: bool) -> None:
        if not _core.sylvester(R, S, X, adjoint, adjoint):
            raise LinAlgError(self.refusal)

    def _block(self, R: Array, S: Array, X: Array, adjoint: bool) -> None:
        """Replace a stack of right sides by the solutions.

        With R = [R1 R12; 0 R2]:  R2 X2 + X2 S = F2, then R1 X1 + X1 S = F1 − R12 X2; adjoint: first X1, then
        R2ᴴ X2 + X2 Sᴴ = F2 − R12ᴴ X1.  With S = [S1 S12; 0 S2]:  R X1 + X1 S1 = F1, then R X2 + X2 S2 =
        F2 − X1 S12; adjoint: first X2, then Rᴴ X1 + X1 S1ᴴ = F1 − X2 S12ᴴ.
        """
        m, n = X.shape[-2:]
        if m <= _LEAF and n <= _LEAF:
            self._kernel(R, S, X, adjoint)
        elif m >= n:
            h = _middle(R)
            X1, X2 = X[:, :h], X[:, h:]
            if adjoint:
                self._block(R[:h, :h], S, X1, adjoint)
                X2 -= R[:h, h:].conj().T @ X1
                self._block(R[h:, h:], S, X2, adjoint)
            else:
                self._block(R[h:, h:], S, X2, adjoint)
                X1 -= R[:h, h:] @ X2
                self._block(R[:h, :h], S, X1, adjoint)
        else:
            h = _middle(S)
            X1, X2 = X[:, :, :h], X[:, :, h:]
            if adjoint:
                self._block(R, S[h:, h:], X2, adjoint)
                X1 -= X2 @ S[:h, h:].conj().T
                self._block(R, S[:h, :h], X1, adjoint)
            else:
                self._block(R, S[:h, :h], X1, adjoint)
                X2 -= X1 @ S[:h, h:]
                self._block(R, S[h:, h:], X2, adjoint)


def _middle(T: Array) -> int:
    """Where to cut T in two, but not through a 2 × 2 block."""
    h = len(T) // 2
    return h + 1 if T[h, h - 1] != 0 else h
