"""Toeplitz and circulant matrices."""

from __future__ import annotations

import tracemalloc
import warnings

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st

import frechet as fr
from frechet.testing import check_rule
from tests.structured.against_full import assert_gradients, assert_values

rng = np.random.default_rng(1)


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def regular(make, *shape):
    """A first column of a well-conditioned matrix, all leading minors included."""
    c = make(*shape)
    c[..., 0] += 4 * shape[-1]
    return c


kinds = pytest.mark.parametrize("make", [real, cplx])
SQUARE = [
    lambda make, *stack: fr.Toeplitz(regular(make, *stack, 4), make(*stack, 4)),
    lambda make, *stack: fr.Circulant(regular(make, *stack, 4)),
    lambda make, *stack: fr.Circulant(regular(make, *stack, 5)),
]
square = pytest.mark.parametrize("matrix", SQUARE, ids=["Toeplitz", "Circulant", "Circulant, odd"])


def multiply(A, X):
    return A @ X


@kinds
@square
@pytest.mark.parametrize("stack", [(), (2,)])
def test_the_rules(matrix, make, stack):
    A = matrix(make, *stack)
    n = A.shape[-1]
    check_rule(multiply, A, make(*stack, n, 2))
    check_rule(np.linalg.solve, A, make(n))
    check_rule(np.linalg.solve, A, cplx(*stack, n, 2))
    check_rule(lambda A: np.linalg.norm(A, axis=(-2, -1)), A)
    check_rule(lambda A: A.to_dense(), A)
    check_rule(lambda A: np.diagonal(A, 1, -2, -1), A)
    check_rule(lambda A: A.mT @ A.conj().to_dense(), A)


def test_the_rules_in_single_precision():
    for matrix in SQUARE:
        A = matrix(real).astype(np.float32)
        check_rule(multiply, A, real(A.shape[-1]).astype(np.float32))
        check_rule(np.linalg.solve, A, real(A.shape[-1]).astype(np.float32))


@kinds
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("stack", [(), (2,)])
def test_the_rules_of_circulant_matrices(make, n, stack):
    A = fr.Circulant(regular(make, *stack, n))
    for f in (np.linalg.det, lambda A: np.linalg.slogdet(A)[1], np.linalg.eigvals):
        check_rule(f, A)
    for f in (np.linalg.inv, fr.linalg.expm, fr.linalg.sqrtm, fr.linalg.logm):
        check_rule(lambda A, f=f: f(0.1 * A).c, A)
    check_rule(lambda A, B: (A @ B).c, A, fr.Circulant(make(*stack, n)))
    check_rule(lambda A, B: (A + B).c, A, fr.Toeplitz(make(*stack, n)))


@kinds
@square
def test_values_and_gradients(matrix, make):
    A = matrix(make)
    n = A.shape[-1]
    for f in (multiply, np.linalg.solve):
        assert_values(f, A, make(n, 3))
        assert_values(f, A, cplx(n))
        assert_gradients(f, A, make(n, 3))
    for k in range(-n - 1, n + 2):
        assert_values(lambda A, k=k: np.diag(A, k), A)
    assert_values(np.trace, A)
    assert_values(np.linalg.norm, A)
    assert_gradients(np.linalg.norm, A)
    assert type(assert_values(np.add, A, matrix(make))) is type(A)
    assert type(assert_values(np.multiply, A, matrix(make))) is type(A)


@kinds
def test_values_and_gradients_of_circulant_matrices(make):
    for n in (1, 2, 5, 6):
        A, B = (fr.Circulant(regular(make, n)) for _ in range(2))
        for f in (
            np.linalg.inv,
            fr.linalg.expm,
            fr.linalg.cosm,
            fr.linalg.sinm,
            fr.linalg.sqrtm,
            fr.linalg.logm,
        ):
            g = lambda A, f=f: f(A / 20)
            assert type(assert_values(g, A)) is fr.Circulant
            assert_gradients(g, A)
        assert type(assert_values(np.matmul, A, B)) is fr.Circulant
        assert type(assert_values(lambda A: fr.linalg.funm(A, np.arctan), A)) is fr.Circulant
        assert type(assert_values(np.add, A, fr.Toeplitz(make(n), make(n)))) is fr.Toeplitz
        assert_values(np.linalg.det, A)
        assert_gradients(np.linalg.det, A)
        for k in (0, 1):
            assert_values(lambda A, k=k: np.asarray(np.linalg.slogdet(A)[k]), A)
        assert_gradients(lambda A: np.linalg.slogdet(A)[1], A)
        found, expected = np.linalg.eigvals(A), np.linalg.eigvals(A.to_dense())
        np.testing.assert_allclose(np.sort_complex(found), np.sort_complex(expected), rtol=1e-10)
        if make is real:
            assert np.linalg.inv(A).dtype == fr.linalg.expm(A / 20).dtype == A.dtype


@given(st.integers(1, 6), st.integers(1, 6), st.sampled_from([(), (2,), (2, 1)]), st.booleans())
def test_rectangular_ones(m, n, stack, complex_):
    make = cplx if complex_ else real
    c, r = make(*stack, m), make(n)
    A = fr.Toeplitz(c, r)
    D = A.to_dense()
    assert A.shape == D.shape == (*stack, m, n)
    for at in np.ndindex(stack):
        assert np.array_equal(D[at], scipy.linalg.toeplitz(c[at], r))
    X, Y = make(*stack, n, 2), make(*stack, m, 2)
    np.testing.assert_allclose(A @ X, D @ X, atol=1e-12)
    np.testing.assert_allclose(A.mH @ Y, D.conj().mT @ Y, atol=1e-12)
    for k in range(-m - 1, n + 2):
        assert np.array_equal(np.diagonal(A, k, -2, -1), np.diagonal(D, k, -2, -1))
    np.testing.assert_allclose(np.linalg.matrix_norm(A), np.linalg.matrix_norm(D))
    if not stack:
        i, j = np.indices((m, n))
        assert np.array_equal(A[i, j], D)


def test_the_default_row():
    c = cplx(4)
    assert np.array_equal(fr.Toeplitz(c).to_dense(), scipy.linalg.toeplitz(c))
    assert np.array_equal(fr.Circulant(c).to_dense(), scipy.linalg.circulant(c))
    assert fr.Toeplitz([1, 2]).dtype == float


def test_the_gradient_is_an_average_along_diagonals():
    A = fr.Toeplitz(real(3), real(4))
    assert np.array_equal(
        fr.grad(lambda A: A[2, 1])(A).to_dense(), fr.Toeplitz([0, 1 / 2, 0], np.zeros(4)).to_dense()
    )
    C = fr.Circulant(real(3))
    np.testing.assert_allclose(fr.grad(lambda C: C[0, 1])(C).c, [0, 0, 1 / 3])


def test_second_derivatives():
    A, b = fr.Circulant(regular(real, 4)), real(4)
    H = fr.hessian(lambda c: np.sum(np.linalg.solve(fr.Circulant(c), b) ** 2))(A.c)
    K = fr.hessian(lambda c: np.sum(np.linalg.solve(fr.linalg.circulant(c), b) ** 2))(A.c)
    np.testing.assert_allclose(H, K, rtol=1e-10)


def test_nothing_of_size_n_squared_is_made():
    n = 20_000  # whose square has 3 GB
    b = real(n)
    for A in (fr.Toeplitz(regular(real, n), real(n)), fr.Circulant(regular(real, n))):
        tracemalloc.start()
        fr.value_and_grad(lambda A, b: np.sum(np.linalg.solve(A, b) + A @ b))(A, b)
        assert tracemalloc.get_traced_memory()[1] < 200 * n * 8
        tracemalloc.stop()


@kinds
@pytest.mark.parametrize("n", [0, 1, 2, 3, 6])
@pytest.mark.parametrize("stack", [(), (2,)])
def test_the_determinant_of_toeplitz_matrices(make, n, stack):
    A = fr.Toeplitz(make(*stack, n), make(*stack, n))
    functions = [np.linalg.det, lambda A: np.linalg.slogdet(A)[1]]
    for f in (*functions, lambda A: np.linalg.slogdet(A)[0], fr.linalg.logdet):
        assert_values(lambda A, f=f: np.asarray(f(A)), A)
    for f in functions if n else ():
        check_rule(f, A)
        assert_gradients(f, A)
    if make is cplx and n:
        check_rule(lambda A: np.linalg.slogdet(A)[0], A)


def test_the_determinant_of_large_toeplitz_matrices():
    """The bound is rounding times the length of the recursion."""
    for A in (fr.Toeplitz(0.9 ** np.arange(500)), fr.Toeplitz(real(300), real(300)), fr.Toeplitz(cplx(300))):
        found, expected = np.linalg.slogdet(A), np.linalg.slogdet(A.to_dense())
        np.testing.assert_allclose(found[0], expected[0], atol=1e-8)
        np.testing.assert_allclose(found[1], expected[1], atol=1e-8)
        assert_gradients(lambda A: np.linalg.slogdet(A)[1], A, rtol=1e-7)


def test_where_the_recursion_breaks_down_full_arrays_are_used():
    for c, r in (([0.0, 1.0], [0.0, 1.0]), ([1e-13, 1.0, 2.0], [1e-13, 3.0, 5.0]), ([1.0, 1.0], [1.0, 1.0])):
        A = fr.Toeplitz(c, r)
        with pytest.warns(fr.DensifyWarning, match="Toeplitz"):
            found = np.linalg.det(A)
        np.testing.assert_allclose(found, np.linalg.det(A.to_dense()), rtol=1e-12)


def test_toeplitz_has_no_inverse_of_its_own():
    A = fr.Toeplitz(regular(real, 4))
    with pytest.warns(fr.DensifyWarning, match="Toeplitz"):
        Y = np.linalg.inv(A)
    np.testing.assert_allclose(Y, np.linalg.inv(A.to_dense()))


def test_singular_ones():
    A = fr.Circulant(np.ones(4))
    assert tuple(np.linalg.slogdet(A)) == (0, -np.inf)
    assert np.linalg.det(A) == 0
    with pytest.raises(np.linalg.LinAlgError, match="determinant has no derivative"):
        fr.grad(lambda A: np.linalg.slogdet(A)[1])(A)
    for f in (np.linalg.inv, lambda A: np.linalg.solve(A, np.ones(4))):
        with pytest.raises(np.linalg.LinAlgError, match="the circulant matrix is singular"):
            f(A)
    with pytest.raises(np.linalg.LinAlgError, match="leading principal minor"):
        np.linalg.solve(fr.Toeplitz(np.ones(4)), np.ones(4))


def test_functions_of_real_matrices_that_are_not_real():
    """The logarithm of a negative eigenvalue; it is left to full arrays."""
    A = fr.Circulant([1.0, 0.5, 2.0, 0.5])  # eigenvalues 4, −1, 2, −1
    with pytest.warns(fr.DensifyWarning):
        L = fr.linalg.logm(A)
    np.testing.assert_allclose(scipy.linalg.expm(np.asarray(L)), A.to_dense(), atol=1e-12)
    assert np.iscomplexobj(L)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fr.linalg.expm(A).dtype == float


def test_bad_input():
    with pytest.raises(ValueError, match="lengths 0 and 2"):
        fr.Toeplitz([], [1.0, 2.0])
    with pytest.raises(ValueError, match="do not broadcast"):
        fr.Toeplitz(np.ones((2, 3)), np.ones((3, 3)))
    with pytest.raises(ValueError, match="at least 1 axes"):
        fr.Circulant(1.0)
    with pytest.raises(TypeError, match="where numbers are due"):
        fr.Toeplitz(["a"])
    with pytest.raises(np.linalg.LinAlgError, match="must be square"):
        np.linalg.solve(fr.Toeplitz([1.0, 2.0], [1.0]), np.ones(2))
    with pytest.raises(ValueError, match="do not fit together"):
        fr.Circulant(np.ones(3)) @ np.ones(4)
