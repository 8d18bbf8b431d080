"""Lyapunov equations as differentiable functions; the numerics are tested in test_lyapunov_factor.py."""

import mpmath
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.linalg import (
    _pencil_factor,
    _schur_form,
    _smith_factor,
    solve_continuous_lyapunov,
    solve_discrete_lyapunov,
)
from frechet.linalg._kronecker_factor import KroneckerFactor
from frechet.testing import check_rule

rng = np.random.default_rng(11)


def stable(n, batch=(), radius=0.7, kind=float):
    """Matrices with eigenvalues of modulus up to about radius."""
    A = rng.standard_normal((*batch, n, n)) + (
        1j * rng.standard_normal((*batch, n, n)) if kind is complex else 0
    )
    return radius * A / np.max(np.abs(np.linalg.eigvals(A)), axis=-1)[..., None, None]


def matrices(n, batch=(), kind=float):
    return rng.standard_normal((*batch, n, n)) + (
        1j * rng.standard_normal((*batch, n, n)) if kind is complex else 0
    )


def H(A):
    return A.conj().swapaxes(-1, -2)


SOLVERS = [solve_continuous_lyapunov, solve_discrete_lyapunov]


def shifted(solve, A):
    """A matrix for which the equation is well-conditioned: stable in the sense of the equation."""
    return A - np.eye(A.shape[-1], dtype=A.dtype) if solve is solve_continuous_lyapunov else A


def left_side(solve, A, X, E=None):
    E = np.eye(A.shape[-1]) if E is None else E
    if solve is solve_continuous_lyapunov:
        return A @ X @ H(E) + E @ X @ H(A)
    return E @ X @ H(E) - A @ X @ H(A)


PAIRS = [
    (stable(3), matrices(3)),
    (stable(8), matrices(8)),  # beyond the size of the direct solution
    (stable(3, kind=complex), matrices(3, kind=complex)),
    (stable(7, kind=complex), matrices(7)),
    (stable(3), matrices(3, kind=complex)),
    (stable(3).astype(np.float32), matrices(3).astype(np.float32)),
    (stable(1), matrices(1)),
]
STACKED_PAIRS = [
    (stable(3, (2,)), matrices(3, (2,))),
    (stable(3), matrices(3, (2,))),
    (stable(3, (2,)), matrices(3)),
    (stable(3, (2, 1)), matrices(3, (3,))),
    (stable(7, (2,)), matrices(7, (2,))),
]
GENERALIZED = [
    (stable(3), matrices(3), stable(3) + 2 * np.eye(3)),
    (stable(7), matrices(7), stable(7) + 2 * np.eye(7)),
    (stable(3, kind=complex), matrices(3), stable(3) + 2 * np.eye(3)),
    (stable(7), matrices(7), stable(7, kind=complex) + 2 * np.eye(7)),
]
STACKED_GENERALIZED = [
    (stable(3, (2,)), matrices(3), stable(3) + 2 * np.eye(3)),
    (stable(7), matrices(7, (2,)), stable(7, (2,)) + 2 * np.eye(7)),
]
CASES = [(solve, (shifted(solve, A), Q)) for solve in SOLVERS for A, Q in PAIRS]
CASES_STACKED = [(solve, (shifted(solve, A), Q)) for solve in SOLVERS for A, Q in STACKED_PAIRS]


def with_e(cases):
    for A, Q, E in cases:
        yield lambda a, q, e: fr.linalg.solve_continuous_lyapunov(a, q, e=e), (shifted(SOLVERS[0], A), Q, E)
        yield lambda a, q, e: fr.linalg.solve_discrete_lyapunov(a, q, e=e), (A, Q, E)


CASES_E = list(with_e(GENERALIZED))
CASES_E_STACKED = list(with_e(STACKED_GENERALIZED))


@pytest.mark.parametrize(("function", "args"), CASES + CASES_STACKED + CASES_E + CASES_E_STACKED)
def test_rule(function, args):
    check_rule(function, *args)


@pytest.mark.parametrize("solve", SOLVERS)
def test_rule_where_doubling_is_used(solve):
    A, Q = shifted(solve, stable(32)), matrices(32)
    check_rule(solve, A, Q)


@pytest.mark.parametrize("solve", SOLVERS)
@given(
    n=st.integers(1, 5),
    kinds=st.tuples(*[st.sampled_from([float, complex])] * 2),
    scale=st.sampled_from([0.3, 1.0, 4.0]),
    seed=st.integers(100, 199),  # not check_rule's own, whose directions would be these matrices
)
@settings(max_examples=8)
def test_rule_of_any_spectrum(solve, n, kinds, scale, seed):
    r = np.random.default_rng(seed)
    A, Q = (
        r.standard_normal((n, n)) + (1j * r.standard_normal((n, n)) if k is complex else 0) for k in kinds
    )
    A = scale * A
    w = np.linalg.eigvals(A)
    sums = (
        np.abs(w[:, None] + w.conj())
        if solve is solve_continuous_lyapunov
        else abs(1 - w[:, None] * w.conj())
    )
    if sums.min() < 0.3 * scale:  # near a singular equation, differences do not converge
        A = A + 5 * scale * np.eye(n)
    check_rule(solve, A, Q)


@pytest.mark.parametrize("solve", SOLVERS)
def test_value_is_scipys(solve):
    for n, kind in ((4, float), (12, float), (5, complex), (33, float), (33, complex)):
        A, Q = shifted(solve, stable(n, kind=kind)), matrices(n)
        # Both are backward stable; the equations are well-conditioned, so they agree to a few hundred
        # roundings.
        np.testing.assert_allclose(
            solve(A, Q), getattr(scipy.linalg, solve.__name__)(A, Q), rtol=1e-11, atol=1e-12
        )


def exact_pullback(solve, A, Q, G):
    """The value and the gradients of Σ G X in 50 digits, from the n² × n² matrix of the equation."""
    n = len(A)
    with mpmath.workdps(50):
        a, q, g = (mpmath.matrix(M.tolist()) for M in (A, Q, G))
        eye = mpmath.eye(n)

        def kron(L, R):  # X ↦ L X Rᵀ on the rows of X
            K = mpmath.matrix(n * n, n * n)
            for i in range(n * n):
                for j in range(n * n):
                    K[i, j] = L[i // n, j // n] * R[i % n, j % n]
            return K

        def vector(M):
            return mpmath.matrix([M[i, j] for i in range(n) for j in range(n)])

        def matrix(v):
            return mpmath.matrix([[v[n * i + j] for j in range(n)] for i in range(n)])

        continuous = solve is solve_continuous_lyapunov
        K = kron(a, eye) + kron(eye, a) if continuous else kron(eye, eye) - kron(a, a)
        X, W = matrix(mpmath.lu_solve(K, vector(q))), matrix(mpmath.lu_solve(K.T, vector(g)))
        in_A = -(W * X.T + W.T * X) if continuous else W * a * X.T + W.T * a * X
        return tuple(np.array(M.tolist(), float) for M in (X, in_A, W))


@pytest.mark.parametrize("solve", SOLVERS)
@pytest.mark.parametrize("n", [2, 5])
def test_against_50_digits(solve, n):
    A, Q, G = shifted(solve, stable(n)), matrices(n), matrices(n)
    X, pullback = fr.vjp(solve, A, Q)
    for got, exact in zip((X, *pullback(G)), exact_pullback(solve, A, Q, G), strict=True):
        # the equations have condition numbers below 100
        np.testing.assert_allclose(got, exact, rtol=1e-13, atol=1e-13 * np.abs(exact).max())


@pytest.mark.parametrize("solve", SOLVERS)
@pytest.mark.parametrize("with_e", [False, True])
@pytest.mark.parametrize("n", [3, 9, 33])
def test_hermitian_stays_hermitian(solve, with_e, n):
    A, Q = shifted(solve, stable(n, kind=complex)), matrices(n, kind=complex)
    E = {"e": stable(n) + 2 * np.eye(n)} if with_e else {}
    X = solve(A, Q + H(Q), **E)
    np.testing.assert_array_equal(X, H(X))
    np.testing.assert_allclose(left_side(solve, A, X, *E.values()), Q + H(Q), atol=1e-11)


@pytest.mark.parametrize("solve", SOLVERS)
@pytest.mark.parametrize("n", [3, 9, 40])
def test_identity_for_e_changes_nothing(solve, n):
    A, Q = shifted(solve, stable(n)), matrices(n)
    np.testing.assert_allclose(solve(A, Q, e=np.eye(n)), solve(A, Q), atol=1e-11)


def counted(monkeypatch):
    """All factorizations that are made from now on, by name."""
    made = []
    routines = [
        (_schur_form, "_schur"),
        (_smith_factor, "_powers"),
        (_pencil_factor._Form, "of"),
        (KroneckerFactor, "__init__"),
    ]
    for owner, name in routines:
        routine = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *args, f=routine, name=name: (made.append(name), f(*args))[1])
    return made


@pytest.mark.parametrize("solve", SOLVERS)
@pytest.mark.parametrize("n", [3, 12, 32])
@pytest.mark.parametrize("with_e", [False, True])
def test_one_factorization_serves_everything(solve, n, with_e, monkeypatch):
    A, Q = shifted(solve, stable(n)), matrices(n)
    E = (stable(n) + 2 * np.eye(n),) if with_e else ()

    def f(A, Q, *e):
        return solve(A, Q, e=e[0]) if e else solve(A, Q)

    made = counted(monkeypatch)
    _, L = fr.linearize(f, A, Q, *E)
    for _ in range(3):
        L(A, Q, *E)
        L.adjoint(Q)
    assert len(made) == 1
    fr.hvp(lambda A: np.sum(f(A, Q, *E)), (A,), (Q,))
    # The linearization made one factorization, the Hessian-vector product one.
    assert len(made) == 2


@pytest.mark.parametrize("solve", SOLVERS)
def test_hessian_against_differences_of_the_gradient(solve):
    A, Q, C, E = shifted(solve, stable(4)), matrices(4), matrices(4), matrices(4)

    def f(A):
        return np.sum(C * solve(A, Q))

    h = 1e-5  # central differences: h² truncation and eps/h rounding, both about 1e-10
    along = (fr.grad(f)(A + h * E) - fr.grad(f)(A - h * E)) / (2 * h)
    hessian = fr.hessian(f)(A)
    np.testing.assert_allclose(
        np.einsum("ijkl,kl", hessian, E), along, rtol=1e-6, atol=1e-6 * np.abs(along).max()
    )


@pytest.mark.parametrize("solve", SOLVERS)
@given(n=st.integers(0, 8), batch=st.sampled_from([(), (2,), (0,)]), seed=st.integers(0, 99))
@settings(max_examples=20)
def test_residual(solve, n, batch, seed):
    r = np.random.default_rng(seed)
    A = 0.3 * r.standard_normal((*batch, n, n)) / max(n, 1) ** 0.5
    A = shifted(solve, A)
    Q = r.standard_normal((*batch, n, n))
    X = solve(A, Q)
    # Backward stable: rounding in the terms of the equation.
    residual = left_side(solve, A, X) - Q
    assert np.max(np.abs(residual), initial=0) <= 1e-13 * (1 + np.max(np.abs(X), initial=0) * 10)


@pytest.mark.parametrize("solve", SOLVERS)
@pytest.mark.parametrize("n", [3, 32])
def test_single_precision_stays_single(solve, n):
    A, Q = (x.astype(np.float32) for x in (shifted(solve, stable(n)), matrices(n)))
    X, pullback = fr.vjp(solve, A, Q)
    assert {X.dtype, *(g.dtype for g in pullback(Q))} == {np.dtype(np.float32)}
    assert solve(A, Q.astype(np.float64)).dtype == np.float64
    assert solve(A, Q.astype(np.complex64)).dtype == np.complex64
    assert solve(A, Q.astype(np.complex64), e=np.eye(n, dtype=np.float32)).dtype == np.complex64


@pytest.mark.parametrize("solve", SOLVERS)
def test_lists_integers_and_sizes_without_entries(solve):
    np.testing.assert_allclose(
        solve([[-3]], [[4]]), [[-4 / 6 if solve is solve_continuous_lyapunov else -0.5]]
    )
    for e in (None, np.ones((0, 0))):
        assert solve(np.ones((0, 0)), np.ones((0, 0)), e=e).shape == (0, 0)
    assert solve(np.ones((2, 0, 0)), np.ones((0, 0))).shape == (2, 0, 0)


@pytest.mark.parametrize(
    ("solve", "A"),
    [(solve_continuous_lyapunov, np.diag([1.0, -1.0])), (solve_discrete_lyapunov, np.diag([2.0, 0.5]))],
)
def test_singular_equations_are_refused(solve, A):
    with pytest.raises(np.linalg.LinAlgError, match="no unique solution"):
        fr.vjp(solve, A, np.eye(2))
    for n in (2, 10):
        Z = np.linalg.qr(matrices(n))[0]
        B = Z @ np.diag(np.r_[np.diag(A), np.full(n - 2, 0.1)]) @ Z.T
        with pytest.raises(np.linalg.LinAlgError, match="no unique solution"):
            solve(B @ Z, np.eye(n), e=Z)


def test_singular_e():
    A, E = stable(3) + 2 * np.eye(3), np.diag([1.0, 1.0, 0.0])
    with pytest.raises(np.linalg.LinAlgError, match="E is singular"):
        solve_continuous_lyapunov(A, np.eye(3), e=E)
    X = solve_discrete_lyapunov(A, np.eye(3), e=0.1 * E)  # which has a solution
    np.testing.assert_allclose(left_side(solve_discrete_lyapunov, A, X, 0.1 * E), np.eye(3), atol=1e-13)


@pytest.mark.parametrize("n", [3, 10])
def test_nearly_singular_equations_warn(n):
    d = np.linspace(-2, -1, n)
    d[0] = 1 - 2e-14
    Z = np.linalg.qr(matrices(n))[0]
    A = Z @ np.diag(d) @ Z.T
    with pytest.warns(scipy.linalg.LinAlgWarning, match="ill-conditioned"):
        solve_continuous_lyapunov(A, np.eye(n))


@pytest.mark.parametrize("solve", SOLVERS)
def test_bad_input(solve):
    name = solve.__name__
    with pytest.raises(ValueError, match=f"{name}: a must be a square matrix"):
        solve(np.ones((2, 3)), np.eye(2))
    with pytest.raises(ValueError, match="q must be a square matrix"):
        solve(np.eye(2), np.ones((2, 3)))
    with pytest.raises(ValueError, match="one size"):
        solve(np.eye(2), np.eye(3))
    with pytest.raises(ValueError, match="one size"):
        solve(np.eye(2), np.eye(2), e=np.eye(3))
    with pytest.raises(ValueError, match="leading axes"):
        solve(np.ones((2, 2, 2)), np.ones((3, 2, 2)))
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="a must not contain infs or NaNs"):
            solve(np.full((2, 2), bad), np.eye(2))
        with pytest.raises(ValueError, match="q must not contain"):
            solve(-np.eye(2), np.full((2, 2), bad))
        with pytest.raises(ValueError, match="e must not contain"):
            solve(-np.eye(2), np.eye(2), e=np.full((2, 2), bad))


def test_unknown_method_is_refused():
    with pytest.raises(ValueError, match="method"):
        solve_discrete_lyapunov(0.5 * np.eye(2), np.eye(2), method="guess")
    for method in ("direct", "bilinear", "Direct"):
        np.testing.assert_allclose(solve_discrete_lyapunov([[0.5]], [[3.0]], method=method), [[4.0]])
