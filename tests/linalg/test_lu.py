"""lu and lu_factor."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.errors import NotDifferentiableError
from frechet.testing import check_rule
from tests.linalg.factorization_references import derivative
from tests.linalg.factorization_references import lu as exact_lu

rng = np.random.default_rng(12)  # not the seed of check_rule's directions


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def lu(**options):
    return lambda A: fr.linalg.lu(A, **options)[-2:]


def packed(A):
    return fr.linalg.lu_factor(A)[0]


def cases(shapes):
    for make in (real, cplx):
        for s in shapes:
            yield lu(), (make(*s),)
            yield lu(permute_l=True), (make(*s),)
            yield packed, (make(*s),)


CASES = [*cases([(3, 3), (4, 2), (2, 4), (1, 1), (3, 1), (1, 3)]), (packed, (real(3, 3).astype(np.float32),))]
CASES_STACKED = [*cases([(2, 3, 3), (2, 3, 2), (2, 2, 3)])]


@pytest.mark.parametrize(("function", "args", "kwargs"), [(*c, {})[:3] for c in CASES + CASES_STACKED])
def test_rule(function, args, kwargs):
    check_rule(function, *args, **kwargs)


@settings(max_examples=10)
@given(m=st.integers(1, 5), n=st.integers(1, 5), kind=st.sampled_from("fdFD"), seed=st.integers(0, 99))
def test_any_size(m, n, kind, seed):
    draw = np.random.default_rng(seed)
    A = draw.standard_normal((m, n)) + 1j * draw.standard_normal((m, n))
    A += 6 * np.eye(m, n)[draw.permutation(m)]  # the choice of pivots is clear
    check_rule(packed, (A if kind in "FD" else A.real).astype(kind), tolerance=2e-2 if kind in "fF" else None)


@pytest.mark.parametrize("shape", [(3, 3), (5, 2), (2, 5), (1, 4), (4, 1), (2, 4, 3), (2, 3, 3)])
@pytest.mark.parametrize("kind", "fdFD")
def test_values_are_scipys(shape, kind):
    A = (real(*shape) if kind in "fd" else cplx(*shape)).astype(kind)
    close = {"rtol": 0, "atol": 100 * np.finfo(kind).eps}
    for options in ({}, {"permute_l": True}, {"p_indices": True}):
        got, expected = fr.linalg.lu(A, **options), scipy.linalg.lu(A, **options)
        for x, y in zip(got, expected, strict=True):
            assert x.dtype == y.dtype
            np.testing.assert_allclose(x, y, **close)
    for x, y in zip(fr.linalg.lu_factor(A), scipy.linalg.lu_factor(A), strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_allclose(x, y, **close)


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0), (2, 0, 3), (0, 3, 3)])
def test_empty(shape):
    A = np.zeros(shape)
    P, L, U = fr.linalg.lu(A)
    *stack, m, n = shape
    assert (P.shape, L.shape, U.shape) == ((*stack, m, m), (*stack, m, min(m, n)), (*stack, min(m, n), n))
    packed, piv = fr.linalg.lu_factor(A)
    assert (packed.shape, piv.shape) == (shape, (*stack, min(m, n)))


@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5)])
@pytest.mark.parametrize("spread", [0, 20])
def test_against_sixty_digits(shape, spread):
    """Rows that are much smaller than others, which no pivoting exchanges, do no harm."""
    d = np.logspace(0, -spread, shape[0])[:, None]
    A, E = d * (real(*shape) + 9 * np.eye(*shape)), d * real(*shape)
    exact_L, exact_U = derivative(exact_lu, A, E)
    dL, dU = fr.jvp(lu(), (A,), (E,))[1]
    np.testing.assert_array_equal(fr.linalg.lu(A)[0], np.eye(shape[0]))
    k = min(shape)
    np.testing.assert_allclose(dL / d * d[:k, 0], exact_L / d * d[:k, 0], atol=1e-14)
    np.testing.assert_allclose(dU / d[:k], exact_U / d[:k], atol=1e-13)


def test_the_permutation_is_constant():
    A = np.array([[1.0, 2.0], [4.0, 3.0]])
    P = fr.linalg.lu(A, p_indices=True)[0]
    assert P.tolist() == [1, 0]
    np.testing.assert_array_equal(fr.grad(lambda A: np.sum(A * fr.linalg.lu(A)[0]))(A), [[0, 1], [1, 0]])


def test_singular_matrices_have_no_derivative():
    for A in (np.ones((2, 2)), np.zeros((3, 2)), np.stack([np.eye(2), np.ones((2, 2))])):
        with pytest.raises(
            NotDifferentiableError, match=r"fr.linalg.lu of .*linearly dependent.*fr.linalg.det"
        ):
            fr.grad(lambda A: np.sum(fr.linalg.lu(A)[2]))(A)
        with (
            pytest.warns(scipy.linalg.LinAlgWarning, match="is exactly zero"),
            pytest.raises(NotDifferentiableError, match=r"fr.linalg.lu_factor of .*linearly dependent"),
        ):
            fr.grad(lambda A: np.sum(fr.linalg.lu_factor(A)[0]))(A)
    nearly = np.array([[1.0, 1.0], [1.0, 1 + 1e-9]])
    assert np.isfinite(fr.grad(lambda A: np.sum(fr.linalg.lu(A)[2]))(nearly)).all()
    with pytest.raises(NotDifferentiableError, match="zero"):
        fr.grad(lambda A: np.sum(fr.linalg.lu(A, rank_tol=1e-8)[2]))(nearly)


def test_a_singular_matrix_has_a_value():
    A = np.array([[1.0, 2.0], [2.0, 4.0]])
    with pytest.warns(scipy.linalg.LinAlgWarning, match="Diagonal number 2 is exactly zero. Singular matrix"):
        packed = fr.linalg.lu_factor(A)[0]
    np.testing.assert_array_equal(packed, [[2, 4], [0.5, 0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        P, L, U = fr.linalg.lu(A)
    np.testing.assert_array_equal(P @ L @ U, A)


def test_the_factor_solves_with_lu_solve():
    A, b = real(3, 3), real(3)
    check_rule(lambda A, b: fr.linalg.lu_solve(fr.linalg.lu_factor(A), b), A, b)


def test_bad_arguments_and_types():
    for f in (fr.linalg.lu, fr.linalg.lu_factor):
        with pytest.raises(ValueError, match="must be a matrix"):
            f(np.ones(3))
        with pytest.raises(ValueError, match="infs or NaNs"):
            f(np.array([[np.inf]]))
        assert f([[1, 2], [3, 4]])[0].dtype == np.float64
    A = np.asfortranarray(real(3, 3))
    before = A.copy()
    fr.linalg.lu(A, overwrite_a=True), fr.linalg.lu_factor(A, overwrite_a=True)
    np.testing.assert_array_equal(A, before)
