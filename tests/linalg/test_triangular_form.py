"""Stacks of Schur forms: rotations to complex form, order, blocks, inverses."""

import numpy as np
import pytest
import scipy.linalg

from frechet.linalg._triangular_form import (
    TriangularForm,
    quasi_triangular_inverse,
    square_root,
)

rng = np.random.default_rng(12)


def blocks(a, b, c, d):
    return np.concatenate([np.concatenate([a, b], -1), np.concatenate([c, d], -1)], -2)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 9, 40, 70])
@pytest.mark.parametrize("dtype", ["f", "d"])
def test_complex_form_of_real_matrices(n, dtype):
    A = rng.standard_normal((3, n, n)).astype(dtype)
    form = TriangularForm.of(A).complex()
    assert form.T.dtype == np.result_type(A, np.complex64)
    assert not np.tril(form.T, -1).any()
    allowed = 30 * (n + 1) * np.finfo(dtype).eps  # rounding
    np.testing.assert_allclose(form.back(form.T), A, atol=allowed)
    np.testing.assert_allclose(form.into(A), form.T, atol=allowed)


@pytest.mark.parametrize("dtype", ["d", "D"])
def test_order(dtype):
    A = rng.standard_normal((4, 8, 8)).astype(dtype)
    form = TriangularForm.of(A)
    ordered = form.reordered(form.eigenvalues.real > 0)
    signs = np.sign(ordered.eigenvalues.real)
    assert (np.diff(signs) <= 0).all()
    np.testing.assert_allclose(ordered.back(ordered.T), A, atol=1e-13)
    np.testing.assert_allclose(np.sort_complex(ordered.eigenvalues), np.sort_complex(form.eigenvalues))


def test_triangular_matrices_are_taken_as_they_are():
    A = np.triu(rng.standard_normal((2, 4, 4)))
    form = TriangularForm.of(A)
    assert form.Q is None
    np.testing.assert_array_equal(form.T, A)
    assert not form.rounding.any()
    E = rng.standard_normal((3, 2, 4, 4))
    zero = np.zeros_like(E)
    expected = blocks(A + zero, E, zero, A + zero)
    np.testing.assert_array_equal(form.doubled(E).T, expected.reshape(6, 8, 8))


def test_triangular_matrices_among_others_have_exact_eigenvalues():
    A = rng.standard_normal((4, 5, 5))
    A[2] = np.triu(A[2])
    form = TriangularForm.of(A)
    assert form.exact.tolist() == [False, False, True, False]
    assert (form.rounding > 0).tolist() == [True, True, False, True]
    np.testing.assert_array_equal(form.T[2], A[2])
    np.testing.assert_array_equal(form.Q[2], np.eye(5))
    np.testing.assert_array_equal(form[[2]].eigenvalues, [np.diagonal(A[2])])


@pytest.mark.parametrize("complex_direction", [False, True])
def test_form_of_a_block_matrix(complex_direction):
    A, E = rng.standard_normal((3, 5, 5)), rng.standard_normal((2, 3, 5, 5))
    E = E * (1 + 1j) if complex_direction else E
    form = TriangularForm.of(A).doubled(E)
    zero = np.zeros_like(E)
    expected = blocks(A + zero, E, zero, A + zero).reshape(6, 10, 10)
    np.testing.assert_allclose(form.back(form.T), expected, atol=1e-13)
    for T, w in zip(form.T, form.eigenvalues, strict=True):
        found = scipy.linalg.eigvals(T)
        np.testing.assert_allclose(np.sort(found.real), np.sort(w.real), atol=1e-6)  # double ones


@pytest.mark.parametrize("n", [0, 1, 2, 5, 30, 70])
@pytest.mark.parametrize("count", [1, 3])
def test_inverse(n, count):
    form = TriangularForm.of(rng.standard_normal((count, n, n)) / np.sqrt(max(n, 1)))
    D = 3 * np.eye(n) + form.T
    inverse = quasi_triangular_inverse(D, form.pairs)
    np.testing.assert_allclose(inverse @ D, np.broadcast_to(np.eye(n), D.shape), atol=1e-14)
    assert not np.tril(inverse, -1)[form.T == 0].any()  # of the structure of T, exactly


@pytest.mark.parametrize("n", [2, 3, 17, 64, 65, 300])
@pytest.mark.parametrize("count", [1, 3])
def test_root(n, count):
    form = TriangularForm.of(rng.standard_normal((count, n, n)) / np.sqrt(n) + 2 * np.eye(n))
    R, doubtful = square_root(form)
    assert not doubtful
    np.testing.assert_allclose(R @ R, form.T, atol=1e-13)
    assert not R[np.tril(form.T == 0)].any()


def test_graded_root():
    T = np.array([[[1.0, 1e-10, 1.0], [0.0, 1e-30, 1e-20], [0.0, 0.0, 1e-34]]])
    R, doubtful = square_root(TriangularForm.of(T))
    assert not doubtful
    np.testing.assert_allclose(R[0, 1, 2], 1e-20 / (1e-15 + 1e-17), rtol=1e-15)
    np.testing.assert_allclose((R @ R)[:, :2], T[:, :2], rtol=1e-15)
