"""The Sylvester equation as a differentiable function."""

import mpmath
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.linalg import _schur_form, _smith_factor, solve_sylvester
from frechet.linalg._kronecker_factor import KroneckerFactor
from frechet.testing import check_rule

rng = np.random.default_rng(21)


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return real(*shape) + 1j * real(*shape)


def H(A):
    return A.conj().swapaxes(-1, -2)


CASES = [
    (solve_sylvester, (real(3, 3), real(2, 2), real(3, 2))),
    (solve_sylvester, (real(8, 8), real(7, 7), real(8, 7))),  # by Schur forms
    (solve_sylvester, (real(2, 2), real(21, 21), real(2, 21))),
    (solve_sylvester, (cplx(3, 3), cplx(2, 2), cplx(3, 2))),
    (solve_sylvester, (cplx(7, 7), cplx(8, 8), cplx(7, 8))),
    (solve_sylvester, (real(3, 3), cplx(2, 2), real(3, 2))),
    (solve_sylvester, (cplx(7, 7), real(8, 8), real(7, 8))),
    (solve_sylvester, (real(7, 7), real(8, 8), cplx(7, 8))),
    (solve_sylvester, (real(1, 1), real(1, 1), real(1, 1))),
    (solve_sylvester, tuple(x.astype(np.float32) for x in (real(3, 3), real(2, 2), real(3, 2)))),
    # by doubling
    (solve_sylvester, (real(32, 32) / 9 - np.eye(32), real(33, 33) / 9 - np.eye(33), real(32, 33))),
]
CASES_STACKED = [
    (solve_sylvester, (real(2, 3, 3), real(2, 2), real(3, 2))),
    (solve_sylvester, (real(3, 3), real(2, 2), real(2, 3, 2))),
    (solve_sylvester, (real(7, 7), real(2, 6, 6), real(7, 6))),
    (solve_sylvester, (cplx(2, 1, 7, 7), real(3, 6, 6), real(7, 6))),
]


@pytest.mark.parametrize(("function", "args"), CASES + CASES_STACKED)
def test_rule(function, args):
    check_rule(function, *args)


@given(
    m=st.integers(1, 5),
    n=st.integers(1, 5),
    kinds=st.tuples(*[st.sampled_from([real, cplx])] * 3),
    seed=st.integers(100, 199),  # not check_rule's own, whose directions would be these matrices
)
@settings(max_examples=12)
def test_rule_of_any_spectrum(m, n, kinds, seed):
    r = np.random.default_rng(seed)
    A, B, Q = (
        r.standard_normal(s) + (1j * r.standard_normal(s) if k is cplx else 0)
        for s, k in zip([(m, m), (n, n), (m, n)], kinds, strict=True)
    )
    sums = np.linalg.eigvals(A)[:, None] + np.linalg.eigvals(B)
    if np.abs(sums).min() < 0.3:  # near a singular equation, differences do not converge
        A = A + 8 * np.eye(m)
    check_rule(solve_sylvester, A, B, Q)


@pytest.mark.parametrize("kind", [real, cplx])
@pytest.mark.parametrize(("m", "n"), [(2, 3), (12, 5), (40, 33), (1, 50)])
def test_value_is_scipys(m, n, kind):
    A, B, Q = kind(m, m), kind(n, n) + 3 * np.sqrt(n) * np.eye(n), kind(m, n)
    # The condition numbers of the equations are below 1e3; both solvers are backward stable.
    np.testing.assert_allclose(solve_sylvester(A, B, Q), scipy.linalg.solve_sylvester(A, B, Q), atol=1e-12)


def test_scipys_own_cases():
    """The matrices of SciPy's tests, with its tolerance of a residual of 1.5e-7 tightened to rounding."""
    for a, b, c in [
        (np.array([[1, 2], [0, 4]]), np.array([[5, 6], [0, 8]]), np.array([[9, 10], [11, 12]])),
        (np.array([[1.0, 1j], [0.0, 4]]), np.array([[5, 6j], [0, 8]]), np.array([[9, 10j], [11, 12]])),
        (np.array([[1 + 1j, 2], [3 - 4j, 5]]), np.array([[-2j, 1], [0, 2]]), np.array([[2, 0], [3j, 2]])),
        (np.array([[8, 1, 6], [3, 5, 7], [4, 9, 2]]), np.array([[2, 3], [4, 5]]), real(3, 2)),
        (np.array([[8, 1j, 6 + 2j], [3, 5, 7], [4, 9, 2]]), np.array([[2, 3], [4, 5 - 1j]]), cplx(3, 2)),
    ]:
        x = solve_sylvester(a, b, c)
        np.testing.assert_allclose(a @ x + x @ b, c, atol=1e-13)


def test_a_real_equation_with_a_complex_right_side():
    # SciPy 1.17 solves this wrongly where A or B has complex eigenvalues: the blocks of real Schur forms are
    # read as triangles by the complex routine.
    A, B, Q = np.array([[0.0, 1.0], [-1.0, 0.0]]), np.array([[3.0]]), np.array([[1j], [2.0]])
    X = solve_sylvester(A, B, Q)
    np.testing.assert_allclose(A @ X + X @ B, Q, atol=1e-15)


@pytest.mark.parametrize("gap", [1e-3, 1e-6, 1e-9])
@pytest.mark.parametrize("n", [3, 8, 30])
def test_nearly_reducible(n, gap):
    """Eigenvalues of A and −B at a small distance: the residual stays at the size of rounding."""
    Z, Y = np.linalg.qr(real(n, n))[0], np.linalg.qr(real(n, n))[0]
    d = np.linspace(1, 2, n)
    A = Z @ (np.diag(d) + np.triu(real(n, n), 1)) @ Z.T
    B = -Y @ (np.diag(d + gap) + np.triu(real(n, n), 1)) @ Y.T
    X = real(n, n)
    Q = A @ X + X @ B
    got = solve_sylvester(A, B, Q)
    size = (np.linalg.norm(A, 2) + np.linalg.norm(B, 2)) * np.linalg.norm(got)
    assert np.linalg.norm(A @ got + got @ B - Q) < 10 * np.sqrt(n) * 2.2e-16 * (size + np.linalg.norm(Q))
    if n == 3:
        theirs = scipy.linalg.solve_sylvester(A, B, Q)
        K = np.kron(A, np.eye(n)) + np.kron(np.eye(n), B.T)
        error = np.linalg.cond(K) * 2.2e-16 * np.linalg.norm(X)
        assert np.linalg.norm(got - X) < max(10 * n * error, 2 * np.linalg.norm(theirs - X))


@pytest.mark.parametrize("sizes", [(2, 3), (5, 2)])
def test_against_50_digits(sizes):
    m, n = sizes
    A, B, Q, G = real(m, m), real(n, n) + 4 * np.eye(n), real(m, n), real(m, n)
    X, pullback = fr.vjp(solve_sylvester, A, B, Q)
    with mpmath.workdps(50):
        K = mpmath.matrix((np.kron(A, np.eye(n)) + np.kron(np.eye(m), B.T)).tolist())
        for i in range(m * n):  # the sums on the diagonal, without rounding
            K[i, i] = mpmath.mpf(A[i // n, i // n]) + mpmath.mpf(B[i % n, i % n])
        x, w = (mpmath.lu_solve(M, mpmath.matrix(v.ravel().tolist())) for M, v in ((K, Q), (K.T, G)))
        X0, W = (mpmath.matrix([[v[n * i + j] for j in range(n)] for i in range(m)]) for v in (x, w))
        exact = [np.array(M.tolist(), float) for M in (X0, -W * X0.T, -X0.T * W, W)]
    for got, expected in zip((X, *pullback(G)), exact, strict=True):
        # the equations have condition numbers below 100
        np.testing.assert_allclose(got, expected, atol=1e-13 * np.abs(expected).max())


@pytest.mark.parametrize("n", [3, 10, 32])
def test_one_factorization_serves_everything(n, monkeypatch):
    made = []
    for owner, name in ((_schur_form, "_schur"), (_smith_factor, "_powers"), (KroneckerFactor, "__init__")):
        routine = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *a, f=routine, name=name: (made.append(name), f(*a))[1])
    A, B, Q = (real(n, n) / (2 * np.sqrt(n)) + np.eye(n) for _ in range(3))
    _, L = fr.linearize(solve_sylvester, A, B, Q)
    for _ in range(3):
        L(A, B, Q)
        L.adjoint(Q)
    once = {3: ["__init__"], 10: ["_schur", "_schur"], 32: ["_powers"]}[n]
    assert made == once
    fr.hvp(lambda A: np.sum(solve_sylvester(A, B, Q)), (A,), (Q,))
    assert made == 2 * once


def test_precisions():
    A, B, Q = (x.astype(np.float32) for x in (real(3, 3), real(2, 2), real(3, 2)))
    assert solve_sylvester(A, B, Q).dtype == np.float32
    assert solve_sylvester(A, B, Q.astype(float)).dtype == np.float64
    assert solve_sylvester(A, B.astype(float), Q).dtype == np.float64
    assert solve_sylvester(A, B, Q.astype(np.complex64)).dtype == np.complex64
    assert solve_sylvester(A.astype(np.complex64), B, Q).dtype == np.complex64


def test_lists_integers_and_sizes_without_entries():
    np.testing.assert_allclose(solve_sylvester([[1]], [[3]], [[8]]), [[2.0]])
    assert solve_sylvester(np.ones((0, 0)), np.eye(2), np.ones((0, 2))).shape == (0, 2)
    assert solve_sylvester(np.eye(2), np.ones((0, 0)), np.ones((5, 2, 0))).shape == (5, 2, 0)


@pytest.mark.parametrize("n", [2, 8, 33])
def test_singular_equations_are_refused(n):
    A = real(n, n)
    for B in (-A, -A.T, np.diag(-np.linalg.eigvalsh(A + A.T))):
        coefficient = A + A.T if B.ndim == 2 and not np.any(B - np.diag(np.diag(B))) else A
        with pytest.raises(np.linalg.LinAlgError, match="A and -B share an eigenvalue"):
            fr.vjp(solve_sylvester, coefficient, B, np.eye(n))


@pytest.mark.parametrize("n", [2, 8])
def test_nearly_singular_equations_warn(n):
    d = np.arange(1.0, n + 1)
    Z = np.linalg.qr(real(n, n))[0]
    B = -np.diag(d + 1e-14 * n)
    with pytest.warns(scipy.linalg.LinAlgWarning, match="ill-conditioned"):
        solve_sylvester(Z @ np.diag(d) @ Z.T, B, np.eye(n))


def test_bad_input():
    with pytest.raises(ValueError, match="a must be a square matrix"):
        solve_sylvester(np.ones((2, 3)), np.eye(3), np.ones((2, 3)))
    with pytest.raises(ValueError, match="b must be a square matrix"):
        solve_sylvester(np.eye(2), np.ones((3, 2)), np.ones((2, 3)))
    with pytest.raises(ValueError, match="q must have as many rows"):
        solve_sylvester(np.eye(2), np.eye(3), np.ones((3, 2)))
    with pytest.raises(ValueError, match="leading axes"):
        solve_sylvester(np.ones((2, 2, 2)), np.ones((3, 2, 2)), np.eye(2))
    for k, name in enumerate("abq"):
        args = [np.eye(2), np.eye(2), np.eye(2)]
        args[k] = np.full((2, 2), np.nan)
        with pytest.raises(ValueError, match=f"{name} must not contain infs or NaNs"):
            solve_sylvester(*args)
