"""Lyapunov equations solved for the Cholesky factor of the solution."""

import mpmath
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.errors import NotDifferentiableError
from frechet.linalg import solve_continuous_lyapunov_factor, solve_discrete_lyapunov_factor
from frechet.testing import check_rule

rng = np.random.default_rng(41)


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return real(*shape) + 1j * real(*shape)


def H(A):
    return A.conj().swapaxes(-1, -2)


SOLVERS = [solve_continuous_lyapunov_factor, solve_discrete_lyapunov_factor]


def stable(solve, A, radius=0.7):
    A = radius * A / np.abs(np.linalg.eigvals(A)).max(-1)[..., None, None]
    return A - np.eye(A.shape[-1]) if solve is solve_continuous_lyapunov_factor else A


def left_side(solve, A, X):
    return -(A @ X + X @ H(A)) if solve is solve_continuous_lyapunov_factor else X - A @ X @ H(A)


CASES = [
    (solve, (stable(solve, A), B))
    for solve in SOLVERS
    for A, B in [
        (real(3, 3), real(3, 3)),
        (real(3, 3), real(3, 1)),
        (real(4, 4), real(4, 6)),
        (real(7, 7), real(7, 7)),
        (cplx(3, 3), cplx(3, 2)),
        (real(3, 3), cplx(3, 3)),
        (real(1, 1), real(1, 1)),
    ]
]
CASES_STACKED = [
    (solve, (stable(solve, A), B))
    for solve in SOLVERS
    for A, B in [
        (real(2, 3, 3), real(3, 2)),
        (real(3, 3), real(2, 3, 3)),
        (cplx(2, 1, 3, 3), cplx(3, 3, 3)),
    ]
]


@pytest.mark.parametrize(("function", "args"), CASES + CASES_STACKED)
def test_rule(function, args):
    check_rule(function, *args)


@pytest.mark.parametrize("solve", SOLVERS)
@given(n=st.integers(1, 4), extra=st.integers(0, 2), kind=st.sampled_from([real, cplx]))
@settings(max_examples=6)
def test_rule_of_any_size(solve, n, extra, kind):
    check_rule(solve, stable(solve, kind(n, n)), kind(n, n + extra) + 2 * np.eye(n, n + extra))


@pytest.mark.parametrize("solve", SOLVERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize(("n", "k"), [(1, 1), (2, 1), (5, 5), (6, 9), (40, 3), (70, 70)])
def test_factor(solve, n, k, dtype):
    kind = cplx if np.dtype(dtype).kind == "c" else real
    A, B = stable(solve, kind(n, n)).astype(dtype), kind(n, k).astype(dtype)
    L = solve(A, B)
    assert L.dtype == dtype
    assert not np.triu(L, 1).any()
    diagonal = np.diag(L)
    assert (diagonal.real >= 0).all()
    assert not diagonal.imag.any()
    X = L @ H(L)
    small = 20 * n * np.finfo(dtype).eps  # n for the n steps, each of which transforms what is left
    residual = np.linalg.norm(left_side(solve, A, X) - B @ H(B))
    assert residual < small * np.linalg.norm(X) * (1 + np.linalg.norm(A, 2)) ** 2


def exact_factor(A, B):
    """The factor of the solution of A X + X Aᵀ + B Bᵀ = 0 in 100 digits."""
    n = len(A)
    with mpmath.workdps(100):
        a, b = mpmath.matrix(A.tolist()), mpmath.matrix(B.tolist())
        K = mpmath.matrix(n * n, n * n)
        for i in range(n):
            for j in range(n):
                for k in range(n):
                    K[n * i + j, n * k + j] += a[i, k]
                    K[n * i + j, n * i + k] += a[j, k]
        q = b * b.T
        x = mpmath.lu_solve(K, mpmath.matrix([-q[i, j] for i in range(n) for j in range(n)]))
        X = mpmath.matrix([[x[n * i + j] for j in range(n)] for i in range(n)])
        return np.array(mpmath.cholesky((X + X.T) / 2).tolist(), float)


def test_small_eigenvalues_keep_their_digits():
    # The smallest eigenvalue of X is 1e-14 of the largest: of X itself two digits of it are left.
    n = 8
    A, B = -np.diag(np.linspace(1, 2, n)) - 0.1 * np.tril(np.ones((n, n)), -1), np.ones((n, 1))
    ours = np.linalg.svd(solve_continuous_lyapunov_factor(A, B), compute_uv=False)
    s = np.linalg.svd(exact_factor(A, B), compute_uv=False)
    assert s[-1] < 1e-7 * s[0]
    # The factor is accurate to rounding in the norm of L, not of X = L Lᵀ.
    np.testing.assert_allclose(ours, s, atol=1e-14 * s[0])
    X = scipy.linalg.solve_continuous_lyapunov(A, -B @ B.T)
    theirs = np.linalg.eigvalsh((X + X.T) / 2)[0]
    assert abs(ours[-1] ** 2 - s[-1] ** 2) < 1e-3 * abs(theirs - s[-1] ** 2)


@pytest.mark.parametrize("solve", SOLVERS)
def test_derivative_is_that_of_the_cholesky_factor_of_x(solve):
    A, B, G = stable(solve, real(4, 4)), real(4, 4), np.tril(real(4, 4))

    def through_x(A, B):
        Q = B @ np.swapaxes(B, -1, -2)
        if solve is solve_continuous_lyapunov_factor:
            return np.linalg.cholesky(fr.linalg.solve_continuous_lyapunov(A, -Q))
        return np.linalg.cholesky(fr.linalg.solve_discrete_lyapunov(A, Q))

    (L, pullback), (expected, other) = fr.vjp(solve, A, B), fr.vjp(through_x, A, B)
    np.testing.assert_allclose(L, expected, atol=1e-12)
    for got, reference in zip(pullback(G), other(G), strict=True):
        # the condition number of X, below 1e3, times rounding
        np.testing.assert_allclose(got, reference, atol=1e-11 * np.abs(reference).max())


@pytest.mark.parametrize("solve", SOLVERS)
def test_singular_x_has_a_factor_but_no_derivative(solve):
    A, B = (
        stable(solve, np.diag([0.3, 0.5, 0.7])),
        np.array([[1.0], [2.0], [0.0]]),
    )  # the last state is not reached
    L = solve(A, B)
    np.testing.assert_allclose(left_side(solve, A, L @ L.T), B @ B.T, atol=1e-15)
    np.testing.assert_allclose(L[2], 0, atol=1e-16)
    name = solve.__name__.removesuffix("_factor")
    with pytest.raises(NotDifferentiableError, match=rf"singular .* differentiate fr\.linalg\.{name}\("):
        fr.vjp(solve, A, B)
    B = np.array([[1.0], [2.0], [1e-4]])
    fr.vjp(solve, A, B)
    with pytest.raises(NotDifferentiableError, match="singular"):
        fr.vjp(lambda b: solve(A, b, rank_tol=1e-3), B)


@pytest.mark.parametrize("solve", SOLVERS)
def test_unstable_matrices_are_refused(solve):
    for A in (np.eye(3), 2 * np.eye(3), np.diag([0.5, 0.1, 1.0])):
        with pytest.raises(np.linalg.LinAlgError, match="not stable"):
            solve(A, np.eye(3))
    if solve is solve_continuous_lyapunov_factor:
        with pytest.raises(np.linalg.LinAlgError, match="right half plane"):
            solve(np.array([[0.0, 1.0], [-1.0, 0.0]]), np.eye(2))


@pytest.mark.parametrize("solve", SOLVERS)
def test_bad_input(solve):
    with pytest.raises(ValueError, match="a must be a square matrix"):
        solve(np.ones((2, 3)), np.eye(2))
    with pytest.raises(ValueError, match="b must have as many rows"):
        solve(np.eye(2), np.eye(3))
    with pytest.raises(ValueError, match="b must not contain infs or NaNs"):
        solve(-np.eye(2), np.full((2, 2), np.nan))
    assert solve(np.ones((0, 0)), np.ones((0, 2))).shape == (0, 0)
    assert solve([[-0.5]], [[1]]).shape == (1, 1)
