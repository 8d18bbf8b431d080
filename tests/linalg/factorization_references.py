"""Derivatives of factorizations in 60 digits, by differences of factorizations in 60 digits."""

import mpmath
import numpy as np

STEP = mpmath.mpf(10) ** -20  # central differences: an error of some 1e-40 of the third derivative


def derivative(factorize, A, E):
    """The derivatives along E of the matrices that ``factorize`` makes of an mpmath matrix."""
    with mpmath.workdps(60):
        M, D = mpmath.matrix(A.tolist()), mpmath.matrix(E.tolist())
        pairs = zip(factorize(M + STEP * D), factorize(M - STEP * D), strict=True)
        return [as_array((above - below) / (2 * STEP)) for above, below in pairs]


def as_array(M):
    array = np.array([[complex(M[i, j]) for j in range(M.cols)] for i in range(M.rows)])
    return array if array.imag.any() else array.real


def cholesky(M):
    return (mpmath.cholesky(M),)


def qr(M):
    """With R's diagonal positive."""
    Q, R = mpmath.qr(M, mode="skinny")
    signs = mpmath.diag([mpmath.sign(R[i, i]) for i in range(R.rows)])
    return Q * signs, signs.H * R


def lu(M):
    """Without exchanges of rows."""
    m, n = M.rows, M.cols
    L, U = mpmath.zeros(m, min(m, n)), M.copy()
    for j in range(min(m, n)):
        L[j, j] = 1
        for i in range(j + 1, m):
            L[i, j] = U[i, j] / U[j, j]
            for k in range(n):
                U[i, k] -= L[i, j] * U[j, k]
    return L, U[: min(m, n), :]


def polar(M):
    """Newton's iteration for the unitary factor of a square matrix (Higham 1986)."""
    U = M
    for _ in range(60):
        U = (U + mpmath.inverse(U).H) / 2
    return U, U.H * M
