"""The numerics of Sylvester equations: residuals and adjoints by each of the ways, stacks of every shape."""

import numpy as np
import pytest

from frechet.linalg import _smith_factor
from frechet.linalg._sylvester_factor import SylvesterFactor

rng = np.random.default_rng(5)


def random(shape, dtype):
    A = rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if np.dtype(dtype).kind == "c" else 0)
    return A.astype(dtype)


def H(A):
    return A.conj().swapaxes(-1, -2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("sizes", [(1, 1), (3, 5), (9, 4), (33, 60), (250, 7)])
@pytest.mark.parametrize("separated", [False, True])
def test_residuals_and_adjoints(sizes, dtype, separated):
    m, n = sizes
    A, B = random((m, m), dtype) / np.sqrt(m), random((n, n), dtype) / np.sqrt(n)
    A, B = ((M + 2 * separated * np.eye(len(M))).astype(dtype) for M in (A, B))
    Q, G = random((m, n), dtype), random((m, n), dtype)
    factor = SylvesterFactor(A, B)
    X, W = factor.solve(Q), factor.adjoint(G)
    assert X.dtype == W.dtype == dtype
    # rounding in the terms, times √(m + n) for the orthogonal transformations of Schur forms
    small = 20 * np.sqrt(m + n) * np.finfo(dtype).eps * (np.linalg.norm(A, 2) + np.linalg.norm(B, 2))
    assert np.linalg.norm(A @ X + X @ B - Q) < small * np.linalg.norm(X)
    assert np.linalg.norm(H(A) @ W + W @ H(B) - G) < small * np.linalg.norm(W)
    if separated:  # well-conditioned
        inner = np.vdot(X, G).real - np.vdot(Q, W).real
        size = np.linalg.norm(X) * np.linalg.norm(G) + np.linalg.norm(Q) * np.linalg.norm(W)
        assert abs(inner) < 100 * np.finfo(dtype).eps * size
        slow = SylvesterFactor(A, B, doubling=False).solve(Q)
        np.testing.assert_allclose(X, slow, atol=1e3 * np.finfo(dtype).eps * np.abs(X).max())


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
@pytest.mark.parametrize("sizes", [(2, 3), (8, 7), (32, 33)])
@pytest.mark.parametrize("stacks", [((2,), ()), ((), (2,)), ((3, 1), (2,)), ((2, 2), (2, 2))])
def test_stacks_and_stacked_directions_equal_loops(stacks, sizes, dtype):
    (m, n), (stack_A, stack_B) = sizes, stacks
    A = random((*stack_A, m, m), dtype) / np.sqrt(m) + 2 * np.eye(m)
    B = random((*stack_B, n, n), dtype) / np.sqrt(n) + 2 * np.eye(n)
    stack = np.broadcast_shapes(stack_A, stack_B)
    Q = random((4, *stack, m, n), np.complex128)  # also for real coefficients
    X, W = SylvesterFactor(A, B).solve(Q), SylvesterFactor(A, B).adjoint(Q)
    np.testing.assert_allclose(A @ X + X @ B, Q, atol=1e-12)
    np.testing.assert_allclose(H(A) @ W + W @ H(B), Q, atol=1e-12)


def test_an_inaccurate_solution_by_doubling_is_not_returned(monkeypatch):
    A, B, Q = (rng.standard_normal((35, 35)) / 12 - np.eye(35) for _ in range(3))
    expected = SylvesterFactor(A, B, doubling=False).solve(Q)
    apply_powers = _smith_factor.Cayley._apply
    monkeypatch.setattr(_smith_factor.Cayley, "_apply", lambda *args: 1.01 * apply_powers(*args))
    np.testing.assert_array_equal(SylvesterFactor(A, B).solve(Q), expected)


def test_the_arguments_are_left_as_they_are():
    A, B, Q = rng.standard_normal((3, 8, 8))
    before = A.copy(), B.copy(), Q.copy()
    factor = SylvesterFactor(A, B)
    X = factor.solve(Q)
    for x, y in zip((A, B, Q), before, strict=True):
        np.testing.assert_array_equal(x, y)
        x[...] = np.nan  # nor does the factor depend on them
    np.testing.assert_array_equal(factor.solve(before[2]), X)


@pytest.mark.parametrize("scale", [1e-200, 1e-160, 1e160, 1e200])
@pytest.mark.parametrize("n", [3, 10, 33])
def test_scales(n, scale):
    A, B, Q = (rng.standard_normal((n, n)) / n + np.eye(n) for _ in range(3))
    X = SylvesterFactor(scale * A, scale * B).solve(Q)
    np.testing.assert_allclose(scale * X, SylvesterFactor(A, B).solve(Q), atol=1e-13)
