"""What a generalized Sylvester equation A X B + C X D = Q, its solution and the adjoint of that share.

With generalized Schur forms (A, C) = U (S, T) Vᴴ and (B, D) = W (M, N) Zᴴ the equation becomes S Y M + T Y N
= F for Y = Vᴴ X W and F = Uᴴ Q Z, in which all coefficients are upper triangular (real ones: S and N or M
quasi-triangular).  Splitting the longer side of F in two turns nearly all the work on it into products of
matrices (Jonsson & Kågström, ACM TOMS 28:416, 2002); blocks of a few entries are left to a linear system.
The adjoint equation Aᴴ X Bᴴ + Cᴴ X Dᴴ = G goes the same way backwards.

J. D. Gardiner, A. J. Laub, J. J. Amato and C. B. Moler, ACM TOMS 18:223 (1992).
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError
from numpy.typing import NDArray

from ..linear_map import adjoint_matrix
from ..rules.lapack import lapack, no_order
from ._kronecker_factor import KroneckerFactor
from ._matrix_equation import MatrixEquation, judge, norms

__all__ = ["PencilFactor"]

Array = NDArray[Any]

_KRONECKER = 36  # the largest m n for which the matrix of the equation is the fastest way
_LEAF = 6  # about the longest side of the blocks that are left to a linear system


class PencilFactor(MatrixEquation):
    """Four square matrices, or stacks of them, ready for the solution of A X B + C X D = Q.

    Parameters
    ----------
    A, C : (..., m, m) ndarray
    B, D : (..., n, n) ndarray
        Finite, of one dtype: float32, float64, complex64 or complex128.  Leading axes broadcast.
    symmetry : {"", "lyapunov", "stein"}, optional
        "lyapunov" says that B = Cᴴ and D = Aᴴ, "stein" that B = Aᴴ and D = −Cᴴ.  One generalized Schur form
        is then enough, and Hermitian right sides have Hermitian solutions.
    refusal : str, optional
        What the exception says of an equation without a unique solution.

    Notes
    -----
    ``numpy.linalg.LinAlgError`` is raised where there is no unique solution to working precision, and a
    ``scipy.linalg.LinAlgWarning`` given where fewer than two digits are left.

    The generalized Schur forms take about 66 (m³ + n³) operations and are computed once.

    Examples
    --------
    >>> import numpy as np
    >>> one = np.eye(1)
    >>> PencilFactor(2 * one, one, 3 * one, one).solve(10 * one)
    array([[2.]])
    """

    def __init__(
        self,
        A: Array,
        B: Array,
        C: Array,
        D: Array,
        symmetry: str = "",
        refusal: str = "A X B + C X D = Q has no unique solution: the pencils A - lambda C and D + lambda B "
        "share an eigenvalue to working precision, or one of them is singular",
    ) -> None:
        self.coefficients = tuple(np.array(M) for M in (A, B, C, D))
        self.dtype = A.dtype
        self.stack = np.broadcast_shapes(*(M.shape[:-2] for M in self.coefficients))
        self.symmetry, self.refusal = symmetry, refusal
        self.keeps_hermitian = bool(symmetry)

    def _solution(self, Q: Array, adjoint: bool) -> Array:
        if Q.shape[-1] * Q.shape[-2] <= _KRONECKER:
            return self._by_kronecker.solve(Q, adjoint)
        if not self.stack:
            return self._by_qz[0].solve(Q, adjoint)
        stack = Q.reshape(-1, len(self._by_qz), *Q.shape[-2:])
        X = np.empty_like(stack)
        for i, equation in enumerate(self._by_qz):
            X[:, i] = equation.solve(stack[:, i], adjoint)
        return X.reshape(Q.shape)

    @cached_property
    def _by_kronecker(self) -> KroneckerFactor:
        A, B, C, D = self.coefficients
        return KroneckerFactor([(A, B), (C, D)], self.refusal)

    @cached_property
    def _by_qz(self) -> list[_TriangularPencils]:
        A, B, C, D = self.coefficients
        left = _forms(A, C, self.stack)
        if not self.symmetry:
            right = _forms(B, D, self.stack)
        else:
            right = [form.mirrored(self.symmetry == "lyapunov") for form in left]
        return [_TriangularPencils(a, b, self.refusal) for a, b in zip(left, right, strict=True)]


class _Form:
    """The generalized Schur form (A, C) = U (S, T) Vᴴ of two square matrices, with 2 × 2 blocks if real.

    The eigenvalues of the pencil A − λC are alpha/beta.
    """

    def __init__(self, S: Array, T: Array, U: Array, V: Array, alpha: Array, beta: Array) -> None:
        self.S, self.T, self.U, self.V, self.alpha, self.beta = S, T, U, V, alpha, beta
        n = len(S)
        count = max(-(-n // _LEAF), 1)
        cuts = [i * n // count for i in range(count + 1)]
        # moved by one where they would cut a 2 × 2 block
        self.cuts = [c + int(0 < c < n and (S[c, c - 1] != 0 or T[c, c - 1] != 0)) for c in cuts]

    @classmethod
    def of(cls, A: Array, C: Array) -> _Form:
        """The form of two matrices, by LAPACK's gges."""
        gges = lapack("gges", A.dtype.char)
        size = int(gges(no_order, A, C, lwork=-1)[-2][0].real)
        S, T, _, *alpha, beta, U, V, _, info = gges(no_order, A, C, lwork=size)
        if info:
            raise LinAlgError(f"the QZ algorithm did not converge ({info=})")
        return cls(S, T, U, V, alpha[0] if len(alpha) == 1 else alpha[0] + 1j * alpha[1], beta)

    def mirrored(self, swapped: bool) -> _Form:
        """The form of (Aᴴ, −Cᴴ), or if swapped of (Cᴴ, Aᴴ), which this one contains.

        (Aᴴ, Cᴴ) = V (Sᴴ, Tᴴ) Uᴴ = (V J) (J Sᴴ J, J Tᴴ J) (U J)ᴴ with the exchange matrix J.
        """
        S, T = (adjoint_matrix(M)[::-1, ::-1] for M in (self.S, self.T))
        alpha, beta = self.alpha[::-1].conj(), self.beta[::-1].conj()
        S, T, alpha, beta = (T, S, beta, alpha) if swapped else (S, -T, alpha, -beta)
        return _Form(S, T, self.V[:, ::-1], self.U[:, ::-1], alpha, beta)


def _forms(A: Array, C: Array, stack: tuple[int, ...]) -> list[_Form]:
    """The forms of a stack of pairs, repeated as the stack is broadcast."""
    own = np.broadcast_shapes(A.shape[:-2], C.shape[:-2])
    pairs = (np.broadcast_to(M, (*own, *M.shape[-2:])).reshape(-1, *M.shape[-2:]) for M in (A, C))
    forms = [_Form.of(a, c) for a, c in zip(*pairs, strict=True)]
    return [forms[i] for i in np.broadcast_to(np.arange(len(forms)).reshape(own), stack).ravel()]


class _TriangularPencils:
    """The equation of two pairs of matrices on their generalized Schur forms."""

    def __init__(self, left: _Form, right: _Form, refusal: str) -> None:
        self.left, self.right, self.refusal = left, right, refusal
        of_S, of_M, of_T, of_N = (float(norms(M)) for M in (left.S, right.S, left.T, right.T))
        a, c = left.alpha[:, None], left.beta[:, None]
        b, d = right.alpha, right.beta
        # the errors of the eigenvalues are of the size of rounding in the norms of the matrices
        size = of_S * np.abs(b) + of_M * np.abs(a) + of_T * np.abs(d) + of_N * np.abs(c)
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.max(size / np.abs(a * b + c * d)) * np.finfo(left.S.dtype).eps
        judge(float(error), refusal)

    def solve(self, Q: Array, adjoint: bool) -> Array:
        """Solve the equation for right sides (..., m, n)."""
        a, b = self.left, self.right
        outer, inner = ((a.V, b.U), (a.U, b.V)) if adjoint else ((a.U, b.V), (a.V, b.U))
        F = np.ascontiguousarray(adjoint_matrix(outer[0]) @ Q @ outer[1])
        self._blocks(F, 0, len(a.cuts) - 1, 0, len(b.cuts) - 1, adjoint)
        return np.asarray(inner[0] @ F @ adjoint_matrix(inner[1]))

    def _blocks(self, X: Array, i: int, j: int, k: int, m: int, adjoint: bool) -> None:
        """Replace the right side by the solution in the blocks i … j by k … m.

        With S = [S1 S12; 0 S2] and T likewise the second rows come first: S2 X2 M + T2 X2 N = F2, then S1 X1
        M + T1 X1 N = F1 − S12 X2 M − T12 X2 N.  With M = [M1 M12; 0 M2] and N the first columns come first:
        S X1 M1 + T X1 N1 = F1, then S X2 M2 + T X2 N2 = F2 − S X1 M12 − T X1 N12.  The adjoint equation, Sᴴ
        X Mᴴ + Tᴴ X Nᴴ = G, goes in the opposite order with the adjoint blocks.
        """
        a, b = self.left, self.right
        rows, columns = slice(a.cuts[i], a.cuts[j]), slice(b.cuts[k], b.cuts[m])
        if j - i == 1 and m - k == 1:
            self._leaf(X[..., rows, columns], rows, columns, adjoint)
            return
        if j - i >= m - k:
            h = (i + j) // 2
            one, two = slice(a.cuts[i], a.cuts[h]), slice(a.cuts[h], a.cuts[j])
            X1, X2 = X[..., one, columns], X[..., two, columns]
            S12, T12, M, N = a.S[one, two], a.T[one, two], b.S[columns, columns], b.T[columns, columns]
            if adjoint:
                self._blocks(X, i, h, k, m, adjoint)
                X2 -= S12.conj().T @ X1 @ M.conj().T + T12.conj().T @ X1 @ N.conj().T
                self._blocks(X, h, j, k, m, adjoint)
            else:
                self._blocks(X, h, j, k, m, adjoint)
                X1 -= S12 @ X2 @ M + T12 @ X2 @ N
                self._blocks(X, i, h, k, m, adjoint)
        else:
            h = (k + m) // 2
            one, two = slice(b.cuts[k], b.cuts[h]), slice(b.cuts[h], b.cuts[m])
            X1, X2 = X[..., rows, one], X[..., rows, two]
            S, T, M12, N12 = a.S[rows, rows], a.T[rows, rows], b.S[one, two], b.T[one, two]
            if adjoint:
                self._blocks(X, i, j, h, m, adjoint)
                X1 -= S.conj().T @ X2 @ M12.conj().T + T.conj().T @ X2 @ N12.conj().T
                self._blocks(X, i, j, k, h, adjoint)
            else:
                self._blocks(X, i, j, k, h, adjoint)
                X2 -= S @ X1 @ M12 + T @ X1 @ N12
                self._blocks(X, i, j, h, m, adjoint)

    def _leaf(self, X: Array, rows: slice, columns: slice, adjoint: bool) -> None:
        a, b = self.left, self.right
        p, q = X.shape[-2:]
        # (S X M)_ik = Σ_jl S_ij M_lk X_jl
        K = a.S[rows, rows][:, None, :, None] * b.S[columns, columns].T[:, None, :]
        K += a.T[rows, rows][:, None, :, None] * b.T[columns, columns].T[:, None, :]
        K = K.reshape(p * q, p * q)
        right_sides = X.reshape(-1, p * q).T
        try:
            X[...] = np.linalg.solve(K.conj().T if adjoint else K, right_sides).T.reshape(X.shape)
        except LinAlgError:
            raise LinAlgError(self.refusal) from None
