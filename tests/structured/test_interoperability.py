"""Structured matrices in SciPy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as spl

import frechet as fr

rng = np.random.default_rng(7)


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


SPARSE = {
    "Diagonal": lambda make: fr.Diagonal(make(5)),
    "Permutation": lambda make: fr.Permutation([3, 0, 4, 1, 2]),
    "BlockDiagonal": lambda make: fr.BlockDiagonal([make(2, 3), fr.Diagonal(make(1)), make(2, 1)]),
}
OTHERS = {
    "Symmetric": lambda make: fr.Symmetric(make(5, 5)),
    "Toeplitz": lambda make: fr.Toeplitz(make(5), make(5)),
    "Circulant": lambda make: fr.Circulant(make(5)),
    "Kronecker": lambda make: fr.Kronecker(make(5, 1), make(1, 5)),
    "LowRank": lambda make: fr.LowRank(make(5, 2), make(5, 2)),
    "LowRankPlusDiagonal": lambda make: fr.LowRankPlusDiagonal(make(5), make(5, 2)),
}
kinds = pytest.mark.parametrize("make", [real, cplx])
sparse_ones = pytest.mark.parametrize("matrix", SPARSE.values(), ids=SPARSE)
others = pytest.mark.parametrize("matrix", OTHERS.values(), ids=OTHERS)
all_of_them = pytest.mark.parametrize("matrix", (SPARSE | OTHERS).values(), ids=SPARSE | OTHERS)
formats = pytest.mark.parametrize("format", [sp.csr_array, sp.csc_array, sp.coo_array, sp.csr_matrix])


@kinds
@all_of_them
def test_as_a_linear_operator(matrix, make):
    A = matrix(make)
    D, x, X = A.to_dense(), make(5), make(5, 2)
    for operator in (A.as_linear_operator(), spl.aslinearoperator(A)):
        assert isinstance(operator, spl.LinearOperator)
        assert (operator.shape, operator.dtype) == (A.shape, A.dtype)
        for ours, full in ((operator, D), (operator.H, D.conj().T)):
            np.testing.assert_allclose(ours @ x, full @ x, atol=1e-12)
            np.testing.assert_allclose(ours @ X, full @ X, atol=1e-12)


@kinds
def test_iterative_solvers(make):
    b = make(8)
    U = make(8, 2)
    for A in (
        fr.LowRankPlusDiagonal(1 + rng.random(8), U),
        fr.Hermitian(U @ U.conj().T + np.eye(8)),
        fr.Kronecker(fr.Diagonal([1.0, 2.0]), np.diag([1.0, 2.0, 3.0, 4.0])),
    ):
        x, info = spl.cg(A, b, rtol=1e-12)
        assert info == 0
        np.testing.assert_allclose(x, np.linalg.solve(A.to_dense(), b), rtol=1e-8)
    values = spl.eigsh(fr.Diagonal(np.arange(1.0, 21)).as_linear_operator(), 2, return_eigenvectors=False)
    np.testing.assert_allclose(np.sort(values), [19, 20])


@kinds
@sparse_ones
def test_to_sparse(matrix, make):
    A = matrix(make)
    S = A.to_sparse()
    assert isinstance(S, sp.csr_array)
    assert (S.shape, S.dtype) == (A.shape, A.dtype)
    assert np.array_equal(S.toarray(), A.to_dense())


@others
def test_what_is_not_sparse(matrix):
    with pytest.raises(TypeError, match=r"is not sparse; scipy.sparse.csr_array\(A.to_dense\(\)\)"):
        matrix(real).to_sparse()


@kinds
@formats
@all_of_them
def test_products_with_sparse_arrays(matrix, make, format):
    A = matrix(make)
    S = format(sp.random_array((5, 5), density=0.4, rng=1))
    left, right = A @ S, S @ A
    assert sp.issparse(left) == (type(A).__name__ in SPARSE)
    for product, expected in ((left, A.to_dense() @ S.toarray()), (right, S.toarray() @ A.to_dense())):
        full = product.toarray() if sp.issparse(product) else product
        assert isinstance(full, np.ndarray)
        np.testing.assert_allclose(full, expected, atol=1e-12)


def test_products_with_sparse_arrays_are_differentiated():
    S = sp.csr_array(sp.random_array((5, 5), density=0.4, rng=1))
    A, W = fr.Toeplitz(real(5), real(5)), real(5, 5)
    g = fr.grad(lambda A: np.sum(W * (A @ S)))(A)
    h = fr.grad(lambda A: np.sum(W * (A @ S.toarray())))(A)
    assert np.array_equal(g.c, h.c)
    D = fr.Diagonal(real(5))
    np.testing.assert_allclose(fr.grad(lambda D: np.sum(W * (D @ S)))(D).d, np.sum(W * S.toarray(), 1))
    with pytest.raises(fr.CoercionError, match="lose its derivative"):
        fr.grad(lambda A: np.sum(S @ A))(A)


def test_errors():
    stack = fr.Diagonal(np.ones((2, 3)))
    for f in (stack.as_linear_operator, stack.to_sparse):
        with pytest.raises(ValueError, match=r"not one matrix; take one of them, A\[k\]"):
            f()
    for f in (fr.Diagonal.as_linear_operator, fr.Diagonal.to_sparse):
        with pytest.raises(fr.CoercionError, match="holds traced values"):
            fr.grad(lambda D, f=f: f(D) and D[0, 0])(fr.Diagonal([1.0]))
    with pytest.raises(ValueError, match="do not fit together"):
        fr.Diagonal([1.0]) @ sp.csr_array(np.eye(2))
