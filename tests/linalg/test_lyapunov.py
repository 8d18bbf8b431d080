"""Lyapunov equations as differentiable functions; the numerics are tested in test_schur_factor.py."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.linalg import _schur_factor, solve_continuous_lyapunov, solve_discrete_lyapunov
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


PAIRS = [
    (stable(3), matrices(3)),
    (stable(8), matrices(8)),  # beyond the size of the direct solution
    (stable(3, kind=complex), matrices(3, kind=complex)),
    (stable(7, kind=complex), matrices(7)),
    (stable(3), matrices(3, kind=complex)),
    (stable(3, (2,)), matrices(3, (2,))),
    (stable(3), matrices(3, (2,))),
    (stable(3, (2,)), matrices(3)),
    (stable(3, (2, 1)), matrices(3, (3,))),
    (stable(3).astype(np.float32), matrices(3).astype(np.float32)),
    (stable(1), matrices(1)),
]
SOLVERS = [solve_continuous_lyapunov, solve_discrete_lyapunov]


def shifted(solve, A):
    """A matrix for which the equation is well-conditioned: stable in the sense of the equation."""
    return A - np.eye(A.shape[-1], dtype=A.dtype) if solve is solve_continuous_lyapunov else A


@pytest.mark.parametrize("solve", SOLVERS)
@pytest.mark.parametrize(("A", "Q"), PAIRS)
def test_rule(solve, A, Q):
    check_rule(solve, shifted(solve, A), Q)


@pytest.mark.parametrize("solve", SOLVERS)
def test_value_is_scipys(solve):
    for n, kind in ((4, float), (12, float), (5, complex)):
        A, Q = shifted(solve, stable(n, kind=kind)), matrices(n)
        # Both are backward stable; the equations are well-conditioned, so they agree to a few hundred
        # roundings.
        np.testing.assert_allclose(
            solve(A, Q), getattr(scipy.linalg, solve.__name__)(A, Q), rtol=1e-11, atol=1e-12
        )


@pytest.mark.parametrize("solve", SOLVERS)
@pytest.mark.parametrize("n", [3, 12])
def test_one_factorization_serves_everything(solve, n, monkeypatch):
    forms, inverses = [], []
    schur, inverse = _schur_factor._schur, _schur_factor.SchurFactor._inverse
    monkeypatch.setattr(_schur_factor, "_schur", lambda A: (forms.append(A.shape), schur(A))[1])

    def counting(self, equation):
        if equation not in self._inverses:
            inverses.append(equation)
        return inverse(self, equation)

    monkeypatch.setattr(_schur_factor.SchurFactor, "_inverse", counting)
    A, Q = shifted(solve, stable(n)), matrices(n)
    _, L = fr.linearize(solve, A, Q)
    L(A, Q)
    L.adjoint(Q)
    fr.hvp(lambda A: np.sum(solve(A, Q)), (A,), (Q,))
    # The linearization made one factorization, the Hessian-vector product one.
    assert len(forms) + len(inverses) == 2


@pytest.mark.parametrize("solve", SOLVERS)
def test_hessian_against_differences_of_the_gradient(solve):
    A, Q, C, E = shifted(solve, stable(4)), matrices(4), matrices(4), matrices(4)

    def f(A):
        return np.sum(C * solve(A, Q))

    h = 1e-5  # central differences: h² truncation and eps/h rounding, both about 1e-10
    along = (fr.grad(f)(A + h * E) - fr.grad(f)(A - h * E)) / (2 * h)
    H = fr.hessian(f)(A)
    np.testing.assert_allclose(np.einsum("ijkl,kl", H, E), along, rtol=1e-6, atol=1e-6 * np.abs(along).max())


@pytest.mark.parametrize("solve", SOLVERS)
@given(n=st.integers(0, 8), batch=st.sampled_from([(), (2,), (0,)]), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_residual(solve, n, batch, seed):
    r = np.random.default_rng(seed)
    A = 0.3 * r.standard_normal((*batch, n, n)) / max(n, 1) ** 0.5
    A = shifted(solve, A)
    Q = r.standard_normal((*batch, n, n))
    X = solve(A, Q)
    Ah = A.swapaxes(-1, -2)
    residual = A @ X + X @ Ah - Q if solve is solve_continuous_lyapunov else A @ X @ Ah + Q - X
    # Backward stable: rounding in the terms of the equation.
    assert np.max(np.abs(residual), initial=0) <= 1e-13 * (1 + np.max(np.abs(X), initial=0) * 10)


@pytest.mark.parametrize(
    ("solve", "A"),
    [(solve_continuous_lyapunov, np.diag([1.0, -1.0])), (solve_discrete_lyapunov, np.diag([2.0, 0.5]))],
)
def test_singular_equations_are_refused(solve, A):
    with pytest.raises(np.linalg.LinAlgError, match="no unique solution"):
        fr.vjp(solve, A, np.eye(2))


@pytest.mark.parametrize("solve", SOLVERS)
def test_bad_input(solve):
    with pytest.raises(ValueError, match="square"):
        solve(np.ones((2, 3)), np.eye(2))
    with pytest.raises(ValueError, match="square"):
        solve(np.ones((2, 3)), np.ones((2, 3)))
    with pytest.raises(ValueError, match="nan"):
        solve(np.full((2, 2), np.nan), np.eye(2))
    with pytest.raises(ValueError, match="nan"):
        solve(-np.eye(2), np.full((2, 2), np.nan))


def test_unknown_method_is_refused():
    with pytest.raises(ValueError, match="method"):
        solve_discrete_lyapunov(0.5 * np.eye(2), np.eye(2), method="guess")
