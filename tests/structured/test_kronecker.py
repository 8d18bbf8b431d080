"""Kronecker products."""

from __future__ import annotations

import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import frechet as fr
from frechet.structured import StructuredMatrix
from frechet.testing import check_rule
from tests.structured.against_full import assert_gradients, assert_values

rng = np.random.default_rng(3)


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def positive(make, *shape):
    A = make(*shape)
    return A @ A.mT.conj() + np.eye(shape[-1])


kinds = pytest.mark.parametrize("make", [real, cplx])
stacks = pytest.mark.parametrize("stack", [(), (2,)])
OF_THREE = {
    "arrays": lambda make, *stack: fr.Kronecker(
        3 * np.eye(2) + make(*stack, 2, 2), make(*stack, 1, 1), 4 * np.eye(3) + make(*stack, 3, 3)
    ),
    "structured": lambda make, *stack: fr.Kronecker(
        fr.Diagonal(3 + make(*stack, 2)), 3 * np.eye(2) + make(*stack, 2, 2), fr.Circulant(make(*stack, 2))
    ),
}
three = pytest.mark.parametrize("matrix", OF_THREE.values(), ids=OF_THREE)


@kinds
@stacks
@three
def test_the_rules(matrix, make, stack):
    A = matrix(make, *stack)
    n = A.shape[-1]
    check_rule(np.matmul, A, make(*stack, n, 2))
    check_rule(np.linalg.solve, A, make(n))
    for f in (np.linalg.det, lambda A: np.linalg.slogdet(A)[1], lambda A: np.trace(A, 0, -2, -1)):
        check_rule(f, A)
    for f in (
        lambda A: np.linalg.inv(A).to_dense(),
        lambda A: np.diagonal(A, 0, -2, -1),
        lambda A: np.linalg.norm(A, axis=(-2, -1)),
        lambda A: (A @ (2 * A.mH)).to_dense(),
    ):
        check_rule(f, A)


@kinds
@three
def test_values_and_gradients(matrix, make):
    A, B = matrix(make), matrix(make)
    n = A.shape[-1]
    for f in (np.matmul, np.linalg.solve):
        assert_values(f, A, cplx(n))
        assert_values(f, A, make(n, 3))
        assert_gradients(f, A, make(n, 3))
        with warnings.catch_warnings():  # solutions for structured factors may be full
            warnings.simplefilter("ignore", fr.DensifyWarning)
            X = f(A, B)
        assert type(X) is fr.Kronecker
        np.testing.assert_allclose(X.to_dense(), f(A.to_dense(), B.to_dense()), atol=1e-10)
    for f in (np.linalg.inv, np.transpose, np.conj, lambda A: 3 * A, lambda A: A / 2):
        assert type(assert_values(f, A)) is fr.Kronecker
        assert_gradients(f, A)
    for f in (np.linalg.det, np.trace, np.linalg.norm, np.diag, fr.linalg.logdet):
        assert_values(f, A)
        assert_gradients(f, A)
    assert_values(lambda A: np.asarray(np.linalg.slogdet(A)[0]), A)
    for k in range(-n - 1, n + 2):
        assert_values(lambda A, k=k: np.diag(A, k), A)
    found, expected = np.linalg.eigvals(A), np.linalg.eigvals(A.to_dense())
    np.testing.assert_allclose(np.sort_complex(found + 0j), np.sort_complex(expected + 0j), rtol=1e-9)


@kinds
def test_the_cholesky_factor(make):
    A = fr.Kronecker(positive(make, 2, 2), fr.Hermitian(positive(make, 3, 3)).to_dense())
    L = assert_values(np.linalg.cholesky, A)
    assert type(L) is fr.Kronecker
    assert_values(lambda A: np.linalg.cholesky(A, upper=True), A)
    check_rule(lambda A: np.linalg.cholesky(A @ A.mH).to_dense(), A)
    with pytest.warns(fr.DensifyWarning):  # both are negative definite
        found = np.linalg.cholesky(fr.Kronecker(*(-B for B in A.factors)))
    np.testing.assert_allclose(found, L.to_dense(), atol=1e-12)


@kinds
def test_rectangular_factors(make):
    A = fr.Kronecker(make(2, 3), fr.Toeplitz(make(4), make(2)))
    assert A.shape == (8, 6)
    assert_values(np.matmul, A, make(6, 2))
    assert_gradients(np.matmul, A, make(6, 2))
    check_rule(np.matmul, A, make(6))
    x = make(8)
    assert_values(lambda A: x @ A, A)
    assert type(assert_values(np.matmul, A, fr.Kronecker(make(3, 1), make(2, 5)))) is fr.Kronecker
    for k in range(-9, 8):
        assert_values(lambda A, k=k: np.diag(A, k), A)
    assert_values(np.linalg.norm, A)
    singular = fr.Kronecker(make(2, 3), make(3, 2))
    assert abs(np.linalg.det(singular.to_dense())) < 1e-12
    assert np.linalg.det(singular) == 0
    assert tuple(np.linalg.slogdet(singular)) == (0, -np.inf)
    for f in (np.linalg.inv, lambda A: np.linalg.solve(A, np.ones(6))):
        with pytest.raises(np.linalg.LinAlgError, match=r"a factor is not square, of shape \(2, 3\)"):
            f(singular)


sides = st.integers(0, 3)


@given(st.lists(st.tuples(sides, sides), min_size=1, max_size=3), st.sampled_from([(), (2,)]), st.booleans())
def test_factors_of_any_shapes(shapes, stack, complex_):
    make = cplx if complex_ else real
    A = fr.Kronecker(*(make(*stack, *shape) for shape in shapes))
    D = A.to_dense()
    assert A.shape == D.shape
    X = make(*stack, A.shape[-1], 2)
    np.testing.assert_allclose(A @ X, D @ X, atol=1e-12)
    np.testing.assert_allclose(A.mH.to_dense(), D.mT.conj())
    np.testing.assert_allclose(np.linalg.matrix_norm(A), np.linalg.matrix_norm(D), atol=1e-12)
    np.testing.assert_allclose(np.diagonal(A, 0, -2, -1), np.diagonal(D, 0, -2, -1), atol=1e-12)
    if not stack and A.size:
        i, j = np.indices(A.shape)
        np.testing.assert_allclose(A[i, j], D, atol=1e-12)


def test_gradients_are_those_in_the_factors():
    A, B, x = real(2, 3), real(3, 2), real(6)
    K = fr.grad(lambda K: np.sum((K @ x) ** 2))(fr.Kronecker(A, B))
    G, H = fr.grad(lambda A, B: np.sum((fr.linalg.kron(A, B) @ x) ** 2), argnums=(0, 1))(A, B)
    np.testing.assert_allclose(K.factors[0], G)
    np.testing.assert_allclose(K.factors[1], H)


def test_products_that_do_not_fit_are_full():
    A, B = fr.Kronecker(real(2, 2), real(3, 3)), fr.Kronecker(real(3, 3), real(2, 2))
    with pytest.warns(fr.DensifyWarning, match="Kronecker"):
        product = A @ B
    assert isinstance(product, np.ndarray)
    np.testing.assert_allclose(product, A.to_dense() @ B.to_dense())
    with pytest.warns(fr.DensifyWarning, match="Kronecker"):
        total = A + A
    assert not isinstance(total, StructuredMatrix)


def test_the_product_is_never_formed():
    A = fr.Kronecker(*(4 * np.eye(40) + real(40, 40) / 9 for _ in range(3)))  # full: 64 000², 33 GB
    x = real(64_000)
    tracemalloc.start()
    fr.value_and_grad(lambda A: np.sum(np.linalg.solve(A, x) * (A @ x)) + np.linalg.slogdet(A)[1])(A)
    assert tracemalloc.get_traced_memory()[1] < 60 * x.nbytes
    tracemalloc.stop()


def test_bad_input():
    with pytest.raises(ValueError, match="at least one"):
        fr.Kronecker()
    with pytest.raises(ValueError, match="factor 1 has the shape"):
        fr.Kronecker(np.eye(2), np.ones(2))
    with pytest.raises(ValueError, match="do not broadcast"):
        fr.Kronecker(np.ones((2, 1, 1)), np.ones((3, 1, 1)))
    with pytest.raises(ValueError, match="give it the same ones"):
        fr.Kronecker(np.ones((2, 1, 1)), fr.Diagonal([1.0]))
    assert fr.Kronecker(np.ones((2, 1, 1)), np.ones((1, 1))).shape == (2, 1, 1)
