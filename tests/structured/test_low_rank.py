"""Matrices of low rank, and these plus a diagonal one."""

from __future__ import annotations

import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import frechet as fr
from frechet.linalg import LinAlgWarning
from frechet.structured import StructuredMatrix
from frechet.testing import check_rule
from tests.structured.against_full import assert_gradients, assert_values

rng = np.random.default_rng(4)


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def diagonal(make, *shape):
    return make(*shape) + 5


kinds = pytest.mark.parametrize("make", [real, cplx])
stacks = pytest.mark.parametrize("stack", [(), (2,)])
PLUS = {
    "U and V": lambda make, *stack: fr.LowRankPlusDiagonal(
        diagonal(make, *stack, 5), make(*stack, 5, 2), make(*stack, 5, 2)
    ),
    "one factor": lambda make, *stack: fr.LowRankPlusDiagonal(diagonal(make, *stack, 5), make(*stack, 5, 2)),
    "real d": lambda make, *stack: fr.LowRankPlusDiagonal(
        diagonal(real, *stack, 5), make(*stack, 5, 1), make(*stack, 5, 1)
    ),
}
plus = pytest.mark.parametrize("matrix", PLUS.values(), ids=PLUS)


@kinds
@stacks
def test_the_rules_of_low_rank(make, stack):
    A = fr.LowRank(make(*stack, 4, 2), make(*stack, 3, 2))
    for f in (
        lambda A: A @ np.arange(3.0),
        lambda A: A.mT @ np.arange(8.0).reshape(4, 2),
        lambda A: A.to_dense(),
        lambda A: np.diagonal(A, 1, -2, -1),
        lambda A: np.linalg.norm(A, axis=(-2, -1)),
        lambda A: (A + A.conj()).to_dense(),
        lambda A: (A @ A.mH).to_dense(),
        lambda A: A.real @ np.arange(3.0),
        lambda A: A.imag @ np.arange(3.0),
    ):
        check_rule(f, A)


@kinds
@stacks
@plus
def test_the_rules_of_low_rank_plus_diagonal(matrix, make, stack):
    A = matrix(make, *stack)
    check_rule(np.matmul, A, make(*stack, 5, 2))
    check_rule(np.linalg.solve, A, make(*stack, 5, 2))
    check_rule(np.linalg.solve, A, cplx(5))
    for f in (
        np.linalg.det,
        lambda A: np.linalg.slogdet(A)[1],
        lambda A: np.linalg.inv(A).to_dense(),
        lambda A: np.diagonal(A, 0, -2, -1),
        lambda A: np.linalg.norm(A, axis=(-2, -1)),
        lambda A: (A @ A.mH).to_dense(),
        lambda A: (A + A.mT).to_dense(),
    ):
        check_rule(f, A)


def test_the_rules_in_single_precision():
    for matrix in PLUS.values():
        A = matrix(real).astype(np.float32)
        check_rule(np.linalg.solve, A, real(5).astype(np.float32))
        check_rule(lambda A: np.linalg.slogdet(A)[1], A)


@kinds
@plus
def test_values_and_gradients(matrix, make):
    A, B = matrix(make), matrix(make)
    for f in (np.matmul, np.linalg.solve):
        assert_values(f, A, make(5, 3))
        assert_values(f, A, cplx(5))
        assert_gradients(f, A, make(5, 3))
    same = fr.LowRankPlusDiagonal
    for f in (np.linalg.inv, np.transpose, np.conj, np.real, np.imag, lambda A: 3 * A):
        assert type(assert_values(f, A)) is same
        assert_gradients(f, A)
    for k in range(-6, 7):
        assert_values(lambda A, k=k: np.diag(A, k), A)
    for f in (np.linalg.det, np.trace, np.linalg.norm, lambda A: np.linalg.slogdet(A)[1]):
        assert_values(f, A)
        assert_gradients(f, A)
    assert_values(lambda A: np.asarray(np.linalg.slogdet(A)[0]), A)
    L, D = fr.LowRank(make(5, 1), make(5, 1)), fr.Diagonal(make(5))
    for other in (B, L, D):
        assert type(assert_values(np.add, A, other)) is same
        assert type(assert_values(np.subtract, other, A)) is same
        assert type(assert_values(np.matmul, A, other)) in (same, np.ndarray)
        assert type(assert_values(np.matmul, other, A)) in (same, np.ndarray)
    assert type(A @ D) is type(D @ A) is same


sides = st.integers(0, 4)


@given(sides, sides, sides, st.sampled_from([(), (2,)]), st.booleans())
def test_low_rank_of_any_shape(m, n, k, stack, complex_):
    make = cplx if complex_ else real
    A = fr.LowRank(make(*stack, m, k), make(n, k))
    D = A.to_dense()
    assert A.shape == D.shape == (*stack, m, n)
    X = make(n, 2)
    np.testing.assert_allclose(A @ X, D @ X, atol=1e-12)
    for B, E in (
        (A.mT, D.mT),
        (A.real, D.real),
        (A.imag, D.imag),
        (A @ A.mH, D @ D.mT.conj()),
        (A + A, D + D),
    ):
        np.testing.assert_allclose(B.to_dense(), E, atol=1e-12)
    for offset in range(-5, 6):
        expected = np.diagonal(D, offset, -2, -1)
        np.testing.assert_allclose(np.diagonal(A, offset, -2, -1), expected, atol=1e-12)


@kinds
def test_sums_and_products(make):
    L, M, D = (fr.LowRank(make(6, k), make(6, k)) for k in (1, 2, 0))
    E = fr.Diagonal(make(6))
    total = assert_values(np.add, L, M)
    assert type(total) is fr.LowRank
    assert total.U.shape == (6, 3)
    assert type(assert_values(np.add, E, L)) is fr.LowRankPlusDiagonal
    assert type(assert_values(np.add, L, E)) is fr.LowRankPlusDiagonal
    for A, B, k in ((L, M, 1), (M, L, 1), (L, D, 0), (E, M, 2), (M, E, 2)):
        product = assert_values(np.matmul, A, B)
        assert product.U.shape == (6, k)
    wide, tall = fr.LowRank(make(2, 1), make(6, 1)), fr.LowRank(make(6, 2), make(3, 2))
    assert assert_values(np.matmul, wide, tall).U.shape == (2, 1)
    assert_values(np.add, wide, fr.LowRank(make(2, 3), make(6, 3)))
    for f in (np.transpose, np.conj, np.real, np.imag, lambda A: 2j * A, np.linalg.norm, np.trace):
        assert_values(f, wide)
        assert_gradients(f, wide)
    with pytest.warns(fr.DensifyWarning):
        assert not isinstance(L * M, StructuredMatrix)


def test_the_sum_with_one_factor_keeps_one():
    A = fr.LowRankPlusDiagonal(np.ones(4), real(4, 1))
    B = A + fr.Diagonal(np.ones(4)) + A
    assert len(B.parts) == 2
    assert B.V is B.U
    assert fr.LowRankPlusDiagonal(np.ones(4), real(4, 1), real(4, 1)).V.shape == (4, 1)


def test_low_rank_is_singular():
    A = fr.LowRank(real(4, 2), real(4, 2))
    assert np.linalg.det(A) == 0
    assert tuple(np.linalg.slogdet(A)) == (0, -np.inf)
    for f in (np.linalg.inv, lambda A: np.linalg.solve(A, np.ones(4))):
        with pytest.raises(np.linalg.LinAlgError, match="of size 4 and rank 2 at most"):
            f(A)
    with pytest.raises(np.linalg.LinAlgError, match="determinant has no derivative"):
        fr.grad(lambda A: np.linalg.slogdet(A)[1])(A)
    full = fr.LowRank(real(3, 3), real(3, 3))
    with pytest.warns(fr.DensifyWarning):
        np.testing.assert_allclose(np.linalg.det(full), np.linalg.det(full.to_dense()))


def test_a_zero_on_the_diagonal_goes_to_full_arrays():
    A = fr.LowRankPlusDiagonal([0.0, 1.0, 2.0], np.ones((3, 1)))
    D = A.to_dense()
    for f in (
        np.linalg.inv,
        np.linalg.det,
        lambda A: np.linalg.slogdet(A)[1],
        lambda A: np.linalg.solve(A, np.ones(3)),
    ):
        with pytest.warns(fr.DensifyWarning, match="LowRankPlusDiagonal"):
            found = f(A)
        np.testing.assert_allclose(found, f(D), atol=1e-14)


def test_a_singular_sum():
    A = fr.LowRankPlusDiagonal([1.0, 1.0], [[1.0], [0.0]], [[-1.0], [0.0]])
    for f, call in ((lambda A: np.linalg.solve(A, np.ones(2)), "solve"), (np.linalg.inv, "inv")):
        with pytest.raises(np.linalg.LinAlgError, match=f"{call}: this LowRankPlusDiagonal is singular"):
            f(A)
    assert np.linalg.det(A) == 0


def test_a_solution_is_refined():
    """A diagonal so small that the formula alone loses half of the digits; the matrix is well-conditioned."""
    n = 6
    Q = np.linalg.qr(real(n, n))[0]
    d = np.ones(n)
    d[0] = 1e-8
    A = fr.LowRankPlusDiagonal(d, Q[:, :2] * 3)
    b = real(n)
    from frechet.structured._woodbury import WoodburyFactor

    formula = WoodburyFactor(A.d, A.U, A.V)._formula(b[:, None])[:, 0]
    x, expected = np.linalg.solve(A, b), np.linalg.solve(A.to_dense(), b)
    assert abs(formula - expected).max() > 1e-10
    assert abs(x - expected).max() < 1e-13


def test_an_inaccurate_solution_is_not_silent():
    n = 6
    d = np.ones(n)
    d[0] = 1e-14
    A = fr.LowRankPlusDiagonal(d, real(n, 2))
    assert np.linalg.cond(A.to_dense()) < 1e4
    for f, call in ((lambda A: np.linalg.solve(A, real(n)), "solve"), (np.linalg.inv, "inv")):
        with pytest.warns(LinAlgWarning, match=f"{call}: the formula of Sherman, Morrison and Woodbury"):
            f(A)


def test_good_solutions_are_silent():
    for dtype in (np.float32, np.float64, np.complex64):
        for n, k in ((3, 1), (100, 10), (3000, 20)):
            U, V = (real(n, k).astype(dtype) for _ in range(2))
            A = fr.LowRankPlusDiagonal((1 + rng.random(n)).astype(dtype), U, V)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                np.linalg.solve(A, real(n).astype(dtype))
                np.linalg.inv(A)


def test_nothing_of_size_n_squared_is_made():
    n, k = 100_000, 4
    A = fr.LowRankPlusDiagonal(1 + rng.random(n), real(n, k) / n**0.5, real(n, k) / n**0.5)
    b = real(n)
    tracemalloc.start()
    fr.value_and_grad(
        lambda A: np.sum(np.linalg.solve(A, b) + np.linalg.inv(A) @ b + np.diag(A)) + np.linalg.slogdet(A)[1]
    )(A)
    assert tracemalloc.get_traced_memory()[1] < 200 * n * k
    tracemalloc.stop()


def test_second_derivatives():
    U, b = real(4, 2), real(4)
    f = lambda U: np.sum(np.linalg.solve(fr.LowRankPlusDiagonal(np.ones(4), U), b) ** 2)
    g = lambda U: np.sum(np.linalg.solve(np.eye(4) + U @ U.T, b) ** 2)
    np.testing.assert_allclose(fr.hessian(f)(U), fr.hessian(g)(U), atol=1e-12)


def test_bad_input():
    with pytest.raises(ValueError, match="equally many columns"):
        fr.LowRank(np.ones((3, 1)), np.ones((3, 2)))
    with pytest.raises(ValueError, match="equally many columns"):
        fr.LowRankPlusDiagonal(np.ones(3), np.ones((3, 1)), np.ones((3, 2)))
    with pytest.raises(ValueError, match="do not fit together"):
        fr.LowRankPlusDiagonal(np.ones(2), np.ones((3, 1)))
    with pytest.raises(ValueError, match="do not fit together"):
        fr.LowRankPlusDiagonal(np.ones(3), np.ones((3, 1)), np.ones((2, 1)))
    with pytest.raises(ValueError, match="do not broadcast"):
        fr.LowRank(np.ones((2, 3, 1)), np.ones((3, 3, 1)))
    with pytest.raises(ValueError, match="at least 2 axes"):
        fr.LowRank(np.ones(3), np.ones(3))
