"""The Schur form of a matrix."""

import numpy as np
import pytest

from frechet.linalg._schur_form import SchurForm


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("n", [1, 2, 7, 30])
def test_form(n, dtype):
    rng = np.random.default_rng(n)
    A = rng.standard_normal((n, n)) + (1j * rng.standard_normal((n, n)) if np.dtype(dtype).kind == "c" else 0)
    A = A.astype(dtype)
    form = SchurForm(A)
    assert form.T.dtype == form.Z.dtype == dtype
    ZH = form.Z.conj().T
    small = 30 * n * np.finfo(dtype).eps  # the QR algorithm applies some ten rotations to each entry
    np.testing.assert_allclose(form.Z @ form.T @ ZH, A, atol=small)
    np.testing.assert_allclose(form.Z @ ZH, np.eye(n), atol=small)
    below = -1 if np.dtype(dtype).kind == "c" else -2
    assert not np.tril(form.T, below).any()
    np.testing.assert_allclose(form.norm, np.linalg.norm(A), rtol=small)
    np.testing.assert_allclose(np.sum(form.eigenvalues), np.trace(A), atol=n * small)


def test_real_eigenvalues_are_real():
    assert SchurForm(np.diag([1.0, 2.0])).eigenvalues.dtype == np.float64
    np.testing.assert_allclose(SchurForm(np.array([[0.0, 1.0], [-1.0, 0.0]])).eigenvalues.imag, [1, -1])


def test_the_matrix_is_left_as_it_is():
    A = np.asfortranarray([[1.0, 2.0], [3.0, 4.0]])
    before = A.copy()
    SchurForm(A)
    np.testing.assert_array_equal(A, before)
