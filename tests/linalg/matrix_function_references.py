"""Primary matrix functions and their derivatives in 50 digits, and matrices that are hard for them."""

import mpmath
import numpy as np


def reference(f, A, E=None):
    """f(A), and with E also L(A, E), the upper right block of f([[A, E], [0, A]]).

    The function is computed by eigenvectors, of a matrix that a change by 1e-50 has made diagonalizable,
    with as many digits as these eigenvectors lose at a Jordan block, and some hundred more.
    """
    n = len(A)
    M = np.asarray(A, complex) if E is None else np.block([[A, E], [np.zeros_like(A), A]]).astype(complex)
    with mpmath.workdps(800):
        rng = np.random.default_rng(0)
        small = mpmath.mpf(10) ** -50
        matrix = mpmath.matrix(M.tolist())
        for i in range(len(M)):
            matrix[i, i] += small * mpmath.mpf(rng.random())
        w, V = mpmath.eig(matrix)
        values = mpmath.diag([f(x) for x in w])
        F = V * values * mpmath.inverse(V)
        exact = np.array([[complex(F[i, j]) for j in range(len(M))] for i in range(len(M))])
    return exact if E is None else (exact[:n, :n], exact[:n, n:])


def jordan(eigenvalue, n):
    """One Jordan block."""
    return eigenvalue * np.eye(n) + np.eye(n, k=1)


# Al-Mohy & Higham (2012), experiment 1: nonnormal, and the norm tells nothing about the function.
NONNORMAL = np.triu(np.full((4, 4), 3e4), 1) + np.diag([3.2346e-1, 3.0089e-1, 3.2210e-1, 3.0744e-1])
BADLY_SCALED = np.array([[1e-6, 2.0, 0.0], [1e-12, 3e-6, 1e3], [0.0, 1e-9, 2e-3]]) + np.diag([1e-5, 1e-5, 0])
NEAR_THE_CUT = np.array([[-1.0, 0.3], [-1e-4, -1.0]])  # −1 ± 0.0055i
REAL_WITH_CUT = np.array([[-2.0, 0.3, 0.2], [0.1, -0.5, 0.4], [0.2, 0.1, 3.0]])
ROTATION = np.array([[0.0, -1.0], [1.0, 0.0]])
