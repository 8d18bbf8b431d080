"""Solutions by doubling: accuracy, adjoints, stacks, and when doubling is given up."""

import numpy as np
import pytest

from frechet.linalg._smith_factor import lyapunov_doubling, stein_doubling, sylvester_doubling

rng = np.random.default_rng(8)
DTYPES = [np.float32, np.float64, np.complex64, np.complex128]


def random(shape, dtype=np.float64):
    A = rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if np.dtype(dtype).kind == "c" else 0)
    return A.astype(dtype)


def of_radius(radius, shape, dtype=np.float64):
    A = random(shape, dtype)
    radii = np.abs(np.linalg.eigvals(A)).max(-1)[..., None, None]
    return (radius * A / radii).astype(dtype)


def H(A):
    return A.conj().swapaxes(-1, -2)


def solvers(n, dtype, stack=()):
    """Equations of three kinds, as (doubling, coefficients A and B of the left side, left side)."""
    A, B = of_radius(0.7, (*stack, n, n), dtype), of_radius(0.5, (*stack, n + 3, n + 3), dtype)
    eyes = np.eye(n, dtype=dtype), np.eye(n + 3, dtype=dtype)

    def stein(A, X, B):
        return X - A @ X @ B

    def sylvester(A, X, B):
        return A @ X + X @ B

    yield stein_doubling(A), A, H(A), stein
    for sign in (1, -1):
        stable = sign * (A - eyes[0])
        yield lyapunov_doubling(stable), stable, H(stable), sylvester
        # the eigenvalues of A lie on both sides of the imaginary axis, those of −B to the right of them
        A0, B0 = sign * A, sign * (B - 3 * eyes[1])
        yield sylvester_doubling(A0, B0), A0, B0, sylvester


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 2, 12, 50])
def test_residuals_and_adjoints(n, dtype):
    for doubling, A, B, left_side in solvers(n, dtype):
        shape = (len(A), len(B))
        Q, G = random(shape, dtype), random(shape, dtype)
        X, W = doubling.solve(Q), doubling.solve(G, True)
        assert X.dtype == W.dtype == dtype
        # A bound on the error of the solution of backward stable methods is c √n times rounding in the terms.
        small = 10 * np.sqrt(n) * np.finfo(dtype).eps * (1 + np.linalg.norm(A, 2) + np.linalg.norm(B, 2)) ** 2
        assert np.linalg.norm(left_side(A, X, B) - Q) < small * np.linalg.norm(X)
        assert np.linalg.norm(left_side(H(A), W, H(B)) - G) < small * np.linalg.norm(W)
        inner = np.vdot(X, G).real - np.vdot(Q, W).real
        size = np.linalg.norm(X) * np.linalg.norm(G) + np.linalg.norm(Q) * np.linalg.norm(W)
        assert abs(inner) < 100 * np.finfo(dtype).eps * size  # the condition of these equations is below 100


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_stacks_equal_loops(dtype):
    n, stack = 12, (2, 3)
    for doubling, A, B, left_side in solvers(n, dtype, stack):
        Q = random((4, *stack, n, B.shape[-1]), dtype)  # and stacked directions
        for adjoint in (False, True):
            X = doubling.solve(Q, adjoint)
            Y = left_side(H(A), X, H(B)) if adjoint else left_side(A, X, B)
            np.testing.assert_allclose(Y, Q, atol=1e-12)


@pytest.mark.parametrize("radius", [0.9, 0.98])
def test_slow_decay(radius):
    n = 30
    Q, R = np.linalg.qr(random((n, n)))
    A = Q @ (np.diag(rng.uniform(-radius, radius, n)) + 0.03 * np.triu(R, 1)) @ Q.T  # not normal
    A *= radius / np.abs(np.linalg.eigvals(A)).max()
    C = random((n, n))
    X = stein_doubling(A).solve(C)
    assert np.linalg.norm(X - A @ X @ A.T - C) < 1e-13 * np.linalg.norm(X) * (1 + np.linalg.norm(A, 2) ** 2)


def test_given_up_where_not_stable():
    n = 30
    for A in (of_radius(1.5, (n, n)), of_radius(1.01, (n, n)), np.eye(n), -np.eye(n), 0.999999 * np.eye(n)):
        assert stein_doubling(A) is None
    for A in (
        of_radius(1.5, (n, n)),
        of_radius(1.5, (n, n)) - 0.5 * np.eye(n),
        np.zeros((n, n)),
        np.diag(np.r_[1.0, -np.ones(n - 1)]),  # which the shift makes singular
        np.diag(np.r_[-1e-9, -np.ones(n - 1)]),
        random((n, n)) - random((n, n)).T,
    ):
        assert lyapunov_doubling(A) is None
    A = of_radius(1.0, (n, n))
    assert sylvester_doubling(A, -A) is None
    assert sylvester_doubling(A, A - 0.5 * np.eye(n)) is None
    # one matrix of a stack is enough
    assert stein_doubling(np.stack([of_radius(0.5, (n, n)), of_radius(1.5, (n, n))])) is None


@pytest.mark.parametrize("scale", [1e-200, 1e-160, 1e160, 1e200])
def test_scales(scale):
    A, Q = of_radius(0.5, (30, 30)) - np.eye(30), random((30, 30))
    X, expected = lyapunov_doubling(scale * A).solve(Q), lyapunov_doubling(A).solve(Q)
    np.testing.assert_allclose(scale * X, expected, atol=1e-13)


def test_no_overflow_warnings():
    n = 30
    assert stein_doubling(1e200 * random((n, n))) is None
    nilpotent = np.triu(1e100 * random((n, n)), 1)
    doubling = stein_doubling(nilpotent)
    assert doubling is None or doubling.solve(np.eye(n)) is None
