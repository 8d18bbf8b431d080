"""Structured matrices with operands and arguments that are easily taken for others."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from tests.structured.test_classes import DTYPES, agree, all_of_them, each, numbers

import frechet as fr

rng = np.random.default_rng(11)


@pytest.fixture(autouse=True)
def _without_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fr.DensifyWarning)
        yield


# --- sums and products -------------------------------------------------------------------------------------


@all_of_them
@pytest.mark.parametrize("dtype", [np.uint8, bool, np.int64])
def test_arrays_of_integers(make, dtype):
    A = make(np.float64)
    D, X = A.to_dense(), np.array([[3, 0, 1, 1]] * 4).astype(dtype)
    agree(A - X, D - X if dtype is not bool else D - X.astype(float), np.float64)
    agree(A + X, D + X, np.float64)
    agree(X - A, X - D, np.float64)
    if A.parts:  # products with a permutation keep the array's dtype
        agree(A @ X, D @ X, np.float64)
        agree(X @ A, X @ D, np.float64)
    agree(A - dtype(1), D - dtype(1), np.float64)


@each
@pytest.mark.parametrize("dtype", DTYPES)
def test_one_matrix_with_a_stack(make, dtype):
    A, B = make(dtype), make(dtype, 3)
    D, E = A.to_dense(), B.to_dense()
    d = fr.Diagonal(numbers(dtype, 3, 4))
    X, c = numbers(dtype, 3, 4, 4), numbers(dtype, 3, 1, 1)
    for found, expected in (
        (A + B, D + E),
        (B - A, E - D),
        (A * B, D * E),
        (A @ B, D @ E),
        (B @ A, E @ D),
        (A @ d, D @ d.to_dense()),
        (d @ A, d.to_dense() @ D),
        (c * A, c * D),
        (A * X, D * X),
        (A @ X, D @ X),
        (X @ A, X @ D),
        (A / c, D / c),
        (A / X, D / X),
    ):
        agree(found, expected, dtype)
        for k in range(3):
            one = found[k]
            np.testing.assert_array_equal(np.asarray(one), np.asarray(found)[k])
    g = fr.grad(lambda c, A: np.sum(np.real(fr.array(c * A))))(c, A)
    np.testing.assert_allclose(
        g, np.full((3, 1, 1), np.conj(np.sum(D))), rtol=1e4 * float(np.finfo(dtype).eps)
    )


@pytest.mark.parametrize("x", [0, 0.0, 0j])
def test_division_by_zero_is_that_of_numpy(x):
    with np.errstate(all="ignore"):
        found = fr.Diagonal([1.0, 2.0]) / x
    assert np.all(np.isinf(np.real(found.d)) | np.isnan(found.d))


def test_division_of_a_number():
    T = fr.Toeplitz([1.0, 2.0, 4.0])
    np.testing.assert_array_equal(2 / T, 2 / T.to_dense())
    np.testing.assert_array_equal(fr.grad(lambda x: (x / T)[0, 1])(3.0), 0.5)


def test_a_matrix_of_one_entry_is_broadcast_as_an_array_is():
    A = fr.Diagonal([2.0])
    np.testing.assert_array_equal(A * np.ones((3, 3)), 2 * np.ones((3, 3)))


def test_determinants_of_stacks_without_entries():
    K = fr.Kronecker(np.zeros((3, 0, 0)), np.zeros((3, 2, 2)))
    assert np.array_equal(np.linalg.det(K), np.ones(3))


def test_infinite_entries():
    d = np.array([np.inf, 1.0])
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(fr.Diagonal(d).to_dense(), np.diag(d))
        np.testing.assert_array_equal(fr.Diagonal(d) + fr.Symmetric(np.ones((2, 2))), np.diag(d) + 1)
        H = fr.Hermitian(np.array([[1.0, np.inf], [0.0, 2.0]], complex))
    np.testing.assert_array_equal(H.to_dense().real, [[1, np.inf], [np.inf, 2]])


# --- warnings ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        np.exp,
        np.linalg.svd,
        lambda A: A + 1,
        lambda A: A + np.ones(3),
        lambda A: A + np.ones((1, 1)),
        lambda A: A[0],
        lambda A: np.add(A, A, dtype=complex),
        lambda A: fr.linalg.norm(A, 2),
        lambda A: fr.linalg.qr(A),
        lambda A: fr.Toeplitz([1.0, 2.0, 3.0]) @ A,
        lambda A: fr.Permutation([2, 0, 1]) @ A,
        lambda A: np.linalg.solve(A, A),
    ],
)
def test_the_warning_is_given_at_the_line_of_the_user(f):
    with pytest.warns(fr.DensifyWarning, match="full array of shape") as found:
        f(fr.Tridiagonal([1.0, 1.0], [4.0, 4.0, 4.0], [2.0, 2.0]))
    assert {w.filename for w in found} == {__file__}
