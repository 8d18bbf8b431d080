"""Block-diagonal matrices."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st

import frechet as fr
from frechet.testing import check_rule
from tests.structured.against_full import assert_gradients, assert_values

rng = np.random.default_rng(6)


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def positive(make, *shape):
    A = make(*shape)
    return A @ A.mT.conj() + np.eye(shape[-1])


kinds = pytest.mark.parametrize("make", [real, cplx])
stacks = pytest.mark.parametrize("stack", [(), (2,)])
POSITIVE = {
    "arrays": lambda make, *stack: fr.BlockDiagonal(
        [positive(make, *stack, 2, 2), positive(make, *stack, 1, 1), positive(make, *stack, 3, 3)]
    ),
    "structured": lambda make, *stack: fr.BlockDiagonal(
        [
            fr.Diagonal(1 + rng.random((*stack, 2))),
            positive(make, *stack, 2, 2),
            fr.Diagonal(1 + rng.random((*stack, 1))),
        ]
    ),
}
positive_ones = pytest.mark.parametrize("matrix", POSITIVE.values(), ids=POSITIVE)


@kinds
@stacks
@positive_ones
def test_the_rules(matrix, make, stack):
    A = matrix(make, *stack)
    n = A.shape[-1]
    check_rule(np.matmul, A, make(*stack, n, 2))
    check_rule(np.linalg.solve, A, make(n))
    for f in (
        np.linalg.det,
        lambda A: np.linalg.slogdet(A)[1],
        lambda A: np.trace(A, 0, -2, -1),
        lambda A: np.linalg.inv(A).to_dense(),
        lambda A: np.linalg.norm(A, axis=(-2, -1)),
        lambda A: (A @ (A + A.mH)).to_dense(),
        lambda A: fr.linalg.expm(A / 10).to_dense(),
        lambda A: np.linalg.cholesky(A + A.mH).to_dense(),
        lambda A: np.linalg.eigvalsh(A + A.mH),
    ):
        check_rule(f, A)


@kinds
@positive_ones
def test_values_and_gradients(matrix, make):
    A, B = matrix(make), matrix(make)
    n = A.shape[-1]
    same = fr.BlockDiagonal
    for f in (np.matmul, np.linalg.solve):
        assert_values(f, A, make(n, 3))
        assert_values(f, A, cplx(n))
        assert_gradients(f, A, make(n, 3))
        assert type(assert_values(f, A, B)) is same
    for f in (np.add, np.subtract, np.multiply):
        assert type(assert_values(f, A, B)) is same
    D = fr.Diagonal(make(n))
    assert type(assert_values(np.matmul, A, D)) is type(assert_values(np.matmul, D, A)) is same
    X = make(n, n)
    assert type(A * X) is same
    np.testing.assert_allclose((A * X).to_dense(), A.to_dense() * X)
    functions = [fr.linalg.expm, fr.linalg.logm, fr.linalg.sqrtm, lambda A: fr.linalg.funm(A, np.arctan)]
    for f in (np.linalg.inv, np.transpose, np.conj, np.real, np.imag, lambda A: 3 * A, *functions):
        assert type(assert_values(f, A)) is same
        assert_gradients(f, A)
    for f in (np.linalg.det, np.trace, np.linalg.norm, np.diag, fr.linalg.logdet):
        assert_values(f, A)
        assert_gradients(f, A)
    assert_values(lambda A: np.asarray(np.linalg.slogdet(A)[0]), A)
    for k in range(-n - 1, n + 2):
        assert_values(lambda A, k=k: np.diag(A, k), A)
    for upper in (False, True):
        assert type(assert_values(lambda A, upper=upper: np.linalg.cholesky(A, upper=upper), A)) is same
    assert_values(np.linalg.eigvalsh, A)
    assert_values(lambda A: fr.linalg.logdet(A, assume_a="pos"), A)
    assert_gradients(lambda A: fr.linalg.logdet(A, assume_a="pos"), A @ A.mH)
    found, expected = np.linalg.eigvals(A), np.linalg.eigvals(A.to_dense())
    np.testing.assert_allclose(np.sort(found.real), np.sort(expected.real), rtol=1e-9)


def test_the_gradient_of_a_block_has_its_structure():
    A = fr.BlockDiagonal([fr.Symmetric(positive(real, 2, 2)), real(1, 1), fr.Toeplitz(real(3))])
    g = fr.grad(lambda A: np.sum(A @ np.arange(6.0)))(A)
    assert [type(block) for block in g.blocks] == [fr.Symmetric, np.ndarray, fr.Toeplitz]
    assert_gradients(np.matmul, A, real(6))
    check_rule(np.matmul, A, real(6))


@kinds
def test_rectangular_blocks(make):
    blocks = [make(2, 3), make(1, 0), make(0, 1), make(3, 2)]
    A = fr.BlockDiagonal(blocks)
    assert np.array_equal(A.to_dense(), scipy.linalg.block_diag(*blocks))
    assert_values(np.matmul, A, make(6, 2))
    assert_gradients(np.matmul, A, make(6, 2))
    assert type(assert_values(lambda A: A @ A.conj().T, A)) is fr.BlockDiagonal
    for k in range(-7, 8):
        assert_values(lambda A, k=k: np.diag(A, k), A)
        assert_gradients(lambda A, k=k: np.diag(A, k), A)
    i, j = np.indices((6, 6))
    assert np.array_equal(A[i, j], A.to_dense())
    assert np.linalg.det(A) == 0
    assert tuple(np.linalg.slogdet(A)) == (0, -np.inf)
    for f in (np.linalg.inv, np.linalg.cholesky, lambda A: np.linalg.solve(A, np.ones(6))):
        with pytest.raises(np.linalg.LinAlgError, match="a block is not square"):
            f(A)


sides = st.integers(0, 3)


@given(st.lists(st.tuples(sides, sides), min_size=1, max_size=4), st.sampled_from([(), (2,)]), st.booleans())
def test_blocks_of_any_shapes(shapes, stack, complex_):
    make = cplx if complex_ else real
    A = fr.BlockDiagonal([make(*stack, *shape) for shape in shapes])
    D = A.to_dense()
    assert A.shape == D.shape
    X = make(*stack, A.shape[-1], 2)
    np.testing.assert_allclose(A @ X, D @ X, atol=1e-12)
    assert np.array_equal(A.mH.to_dense(), D.mT.conj())
    np.testing.assert_allclose(np.linalg.matrix_norm(A), np.linalg.matrix_norm(D), atol=1e-12)
    if not stack:
        assert np.array_equal(A.to_sparse().toarray(), D)
        for k in range(-3, 4):
            assert np.array_equal(np.diag(A, k), np.diag(D, k))
        if A.size:
            i, j = np.indices(A.shape)
            assert np.array_equal(A[i, j], D)


def test_blocks_that_do_not_fit_are_full():
    A, B = fr.BlockDiagonal([real(2, 2), real(1, 1)]), fr.BlockDiagonal([real(1, 1), real(2, 2)])
    for f in (np.add, np.multiply, np.matmul):
        with pytest.warns(fr.DensifyWarning, match="BlockDiagonal"):
            np.testing.assert_allclose(f(A, B), f(A.to_dense(), B.to_dense()))
    with pytest.warns(fr.DensifyWarning, match="BlockDiagonal"):
        assert type(np.linalg.solve(A, B)) is np.ndarray


def test_bad_input():
    with pytest.raises(ValueError, match="at least one"):
        fr.BlockDiagonal([])
    with pytest.raises(ValueError, match="block 1 has the shape"):
        fr.BlockDiagonal([np.eye(2), np.ones(2)])
    with pytest.raises(np.linalg.LinAlgError, match="ingular"):
        np.linalg.solve(fr.BlockDiagonal([np.zeros((1, 1))]), np.ones(1))
