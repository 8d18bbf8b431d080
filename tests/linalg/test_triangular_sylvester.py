"""Triangular Sylvester equations, and their adjoints, in every shape that the splitting can meet."""

import numpy as np
import pytest
import scipy.linalg

from frechet.linalg import _triangular_sylvester
from frechet.linalg._triangular_sylvester import TriangularSylvester

rng = np.random.default_rng(11)


def triangular(n, dtype, shift):
    """A Schur form with eigenvalues around shift, in a disk of radius one."""
    A = rng.standard_normal((n, n)) / np.sqrt(max(n, 1)) + shift * np.eye(n)
    if np.dtype(dtype).kind == "c":
        A = A + 1j * rng.standard_normal((n, n)) / np.sqrt(max(n, 1))
    return scipy.linalg.schur(A.astype(dtype))[0] if n else A.astype(dtype)


def direction(shape, dtype):
    F = rng.standard_normal(shape)
    return (F + 1j * rng.standard_normal(shape) if np.dtype(dtype).kind == "c" else F).astype(dtype)


@pytest.fixture(autouse=True)
def small_leaves(monkeypatch):
    monkeypatch.setattr(_triangular_sylvester, "_LEAF", 40)


SIZES = [(1, 1), (2, 5), (7, 3), (39, 41), (40, 81), (130, 50), (97, 97)]


@pytest.mark.parametrize("dtype", ["f", "d", "F", "D"])
@pytest.mark.parametrize(("m", "n"), SIZES)
def test_residual_and_adjointness(m, n, dtype):
    R, S = triangular(m, dtype, 2.5), triangular(n, dtype, 2.5)
    F, G = direction((m, n), dtype), direction((m, n), dtype)
    before = F.copy()
    equation = TriangularSylvester(R, S)
    X, W = equation.solve(F), equation.adjoint(G)
    assert X.dtype == W.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(F, before)
    # Rounding times the dimension; the equation is well conditioned.
    allowed = 20 * max(m, n) * np.finfo(dtype).eps * np.abs(X).max()
    np.testing.assert_allclose(R @ X + X @ S, F, atol=allowed)
    np.testing.assert_allclose(R.conj().T @ W + W @ S.conj().T, G, atol=allowed)
    inner = np.vdot(G, X).real, np.vdot(W, F).real
    assert abs(inner[0] - inner[1]) <= allowed * np.linalg.norm(G)


def test_one_coefficient_for_both_sides_and_stacks():
    T = triangular(90, "d", 2.5)
    F = direction((2, 3, 90, 90), "d")
    X = TriangularSylvester(T).solve(F)
    np.testing.assert_allclose(T @ X + X @ T, F, atol=1e-12)  # rounding times dimension
    W = TriangularSylvester(T).adjoint(F)
    np.testing.assert_allclose(T.T @ W + W @ T.T, F, atol=1e-12)
    small = triangular(3, "d", 2.5)
    F = direction((4, 3, 3), "d")[::2]
    X = TriangularSylvester(small).solve(F)
    np.testing.assert_allclose(small @ X + X @ small, F, atol=1e-13)


def test_complex_right_side_of_a_real_equation():
    T = triangular(5, "d", 2.5)
    assert (np.diag(T, -1) != 0).any()  # a 2 × 2 block
    F = direction((2, 5, 5), "D")
    X = TriangularSylvester(T).solve(F)
    np.testing.assert_allclose(T @ X + X @ T, F, atol=1e-13)


def test_empty():
    assert TriangularSylvester(np.zeros((0, 0)), np.eye(3)).solve(np.zeros((0, 3))).shape == (0, 3)
    assert TriangularSylvester(np.eye(3)).solve(np.zeros((0, 3, 3))).shape == (0, 3, 3)


def test_shared_eigenvalue_is_refused():
    R, S = np.diag([1.0, 2.0]), np.diag([-2.0, 5.0])
    with pytest.raises(np.linalg.LinAlgError, match="share an eigenvalue"):
        TriangularSylvester(R, S).solve(np.ones((2, 2)))
    with pytest.raises(np.linalg.LinAlgError, match="in these words"):
        TriangularSylvester(R, S, refusal="in these words").adjoint(np.ones((2, 2)))
