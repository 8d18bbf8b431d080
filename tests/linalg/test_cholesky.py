"""cholesky and cholesky_banded."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.rules.linalg_triangular import cholesky_pullback
from frechet.testing import check_rule
from tests.linalg.factorization_references import cholesky as exact_cholesky
from tests.linalg.factorization_references import derivative

rng = np.random.default_rng(12)  # not the seed of check_rule's directions


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def adjoint(A):
    return np.conj(np.swapaxes(A, -1, -2))


def definite(make, *shape):
    B = make(*shape)
    return B @ adjoint(B) + np.eye(shape[-1])


def bands(make, u, n, lower, stack=()):
    """A diagonally dominant matrix; what lies outside of it is filled, too."""
    ab = make(*stack, u + 1, n)
    ab[..., 0 if lower else -1, :] = 4 * u + 3 + rng.random(n)
    return ab


def dense(ab, lower):
    """The Hermitian matrix of the bands."""
    u, n = ab.shape[0] - 1, ab.shape[1]
    A = np.zeros((n, n), ab.dtype)
    for d in range(u + 1):
        diagonal = ab[d, : n - d] if lower else ab[u - d, d:]
        A += np.diag(diagonal, -d if lower else d) + (
            np.diag(diagonal.conj(), d if lower else -d) if d else 0
        )
    return A


def of_hermitian(lower):
    """A function of any matrix, whose perturbations reach the factorization Hermitian."""
    return lambda X: fr.linalg.cholesky((X + adjoint(X)) / 2, lower)


def banded(lower):
    return lambda ab: fr.linalg.cholesky_banded(ab, lower=lower)


CASES = [
    *(
        (of_hermitian(lower), (definite(make, n, n),))
        for make in (real, cplx)
        for n in (0, 1, 4)
        for lower in (False, True)
    ),
    (of_hermitian(False), (definite(real, 3, 3).astype(np.float32),)),
    # Not Hermitian: one triangle is read, and the gradient lies in it.
    *((fr.linalg.cholesky, (np.tril(definite(make, 3, 3)), True)) for make in (real, cplx)),
    *((fr.linalg.cholesky, (np.triu(definite(make, 3, 3)),)) for make in (real, cplx)),
]
CASES_BANDED = [
    *(
        (banded(lower), (bands(make, u, n, lower),))
        for make in (real, cplx)
        for lower in (False, True)
        for u, n in ((1, 3), (0, 2), (2, 5), (4, 3), (1, 20), (9, 30))
    ),
    (banded(True), (bands(real, 1, 10, True).astype(np.float32),)),
]
CASES_STACKED = [
    *((of_hermitian(lower), (definite(make, 2, 3, 3),)) for make in (real, cplx) for lower in (False, True)),
    *((banded(lower), (bands(make, 2, 9, lower, (2,)),)) for make in (real, cplx) for lower in (False, True)),
]


@pytest.mark.parametrize(
    ("function", "args", "kwargs"), [(*c, {})[:3] for c in CASES + CASES_BANDED + CASES_STACKED]
)
def test_rule(function, args, kwargs):
    check_rule(function, *args, **kwargs)


@settings(max_examples=10)
@given(
    n=st.integers(1, 5),
    kind=st.sampled_from("fdFD"),
    lower=st.booleans(),
    condition=st.integers(0, 2),
    seed=st.integers(0, 99),
)
def test_any_spectrum(n, kind, lower, condition, seed):
    draw = np.random.default_rng(seed)
    Q = np.linalg.qr(draw.standard_normal((n, n)) + 1j * draw.standard_normal((n, n)))[0]
    A = (Q * np.logspace(0, condition, n)) @ adjoint(Q)
    A = A if kind in "FD" else A.real
    check_rule(of_hermitian(lower), A.astype(kind), tolerance=1e-2 if kind in "fF" else None)


# --- values ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("kind", "fdFD")
@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (5, 5), (70, 70), (3, 4, 4), (0, 3, 3), (3, 0, 0)])
def test_values_are_scipys(shape, kind, lower):
    A = definite(real if kind in "fd" else cplx, *shape).astype(kind)
    factor = fr.linalg.cholesky(A, lower)
    assert factor.dtype == kind
    if 0 in shape[:-2]:  # which SciPy refuses
        assert factor.shape == shape
        return
    eps = np.finfo(kind).eps
    np.testing.assert_allclose(factor, scipy.linalg.cholesky(A, lower), rtol=200 * eps, atol=200 * eps)


def test_a_graded_matrix_keeps_all_digits():
    """Scaling rows and columns by powers of two changes no rounding."""
    A, d = definite(real, 6, 6), 2.0 ** -np.arange(0, 60, 10)
    np.testing.assert_array_equal(
        fr.linalg.cholesky(d[:, None] * A * d, lower=True), d[:, None] * fr.linalg.cholesky(A, lower=True)
    )


@pytest.mark.parametrize("lower", [False, True])
def test_bands_are_scipys(lower):
    for make in (real, cplx):
        for u, n in ((2, 7), (0, 3), (3, 2)):
            ab = bands(make, u, n, lower)
            expected = scipy.linalg.cholesky_banded(ab, lower=lower)
            np.testing.assert_allclose(fr.linalg.cholesky_banded(ab, lower=lower), expected, rtol=1e-14)


def test_integers_lists_and_half_precision():
    assert fr.linalg.cholesky([[4, 2], [2, 5]]).dtype == np.float64
    assert fr.linalg.cholesky(np.eye(2, dtype=np.float16)).dtype == np.float32
    assert fr.linalg.cholesky_banded([[4, 5], [1, 0]], lower=True).dtype == np.float64


# --- derivatives -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [real, cplx])
@pytest.mark.parametrize("spread", [0, 6])
def test_against_sixty_digits(make, spread):
    n = 5
    d = np.logspace(0, -spread, n)  # a graded matrix, of condition 1e12: scaling does no harm
    A, E = (d[:, None] * (X + adjoint(X)) / 2 * d for X in (definite(make, n, n), make(n, n)))
    (exact,) = derivative(exact_cholesky, A, E)
    got = fr.jvp(lambda A: fr.linalg.cholesky(A, lower=True), (A,), (E,))[1]
    np.testing.assert_allclose(got / d[:, None], exact / d[:, None], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("make", [real, cplx])
@pytest.mark.parametrize("n", [1, 64, 65, 130])
def test_the_pullback_by_blocks_is_the_formula(make, n):
    L, W = np.linalg.cholesky(definite(make, n, n) / n), make(n, n)
    inner = np.tril(adjoint(L) @ np.tril(W), -1) + np.diag(np.diag(adjoint(L) @ np.tril(W))) / 2
    inverse = np.linalg.inv(L)
    S = adjoint(inverse) @ inner @ inverse
    expected = (S + adjoint(S)) / 2
    for order in "CF":
        got = cholesky_pullback(np.asarray(L, order=order), np.asarray(W, order=order))
        np.testing.assert_allclose(got, expected, atol=1e-12 * np.abs(expected).max())
        np.testing.assert_array_equal(got, adjoint(got))


@pytest.mark.parametrize("lower", [False, True])
def test_the_gradient_of_a_hermitian_matrix_is_hermitian(lower):
    A, W = definite(cplx, 4, 4), cplx(4, 4)
    g = fr.grad(lambda A: np.sum(np.real(W * fr.linalg.cholesky(A, lower))))
    np.testing.assert_array_equal(g(A), adjoint(g(A)))
    triangle = np.tril if lower else np.triu
    np.testing.assert_array_equal(g(triangle(A)), triangle(g(triangle(A))))


@pytest.mark.parametrize("make", [real, cplx])
@pytest.mark.parametrize("lower", [False, True])
def test_the_gradient_in_the_bands_is_that_of_the_dense_matrix(make, lower):
    u, n = 3, 40
    ab = bands(make, u, n, lower)
    W = make(u + 1, n)
    places = np.array([[(d if lower else u - d) * n + (j if lower else j + d), j + d, j]
                       for d in range(u + 1) for j in range(n - d)])  # fmt: skip

    def of_bands(ab):
        c = fr.linalg.cholesky_banded(ab, lower=lower).reshape(-1)[places[:, 0]]
        return np.sum(np.real(W.reshape(-1)[places[:, 0]] * c))

    def of_dense(A):
        L = fr.linalg.cholesky(A, lower)
        c = L[places[:, 1], places[:, 2]] if lower else L[places[:, 2], places[:, 1]]
        return np.sum(np.real(W.reshape(-1)[places[:, 0]] * c))

    G = fr.grad(of_dense)(dense(ab, lower))
    got = fr.grad(of_bands)(ab)
    expected = np.zeros_like(got).reshape(-1)
    row, column = places[:, 1], places[:, 2]
    expected[places[:, 0]] = np.where(row == column, 1, 2) * (G[row, column] if lower else G[column, row])
    np.testing.assert_allclose(got.reshape(-1), expected, atol=1e-13)


# --- bad input ---------------------------------------------------------------------------------------------


def test_what_is_not_positive_definite():
    A = np.diag([1.0, 2.0, -1.0])
    for f in (fr.linalg.cholesky, fr.grad(lambda A: np.sum(fr.linalg.cholesky(A)))):
        with pytest.raises(np.linalg.LinAlgError, match="3-th leading minor of the array is not positive"):
            f(A)
        with pytest.raises(np.linalg.LinAlgError, match="1-th leading minor"):
            f(np.stack([np.eye(3), -A]))
    with pytest.raises(np.linalg.LinAlgError, match="2-th leading minor not positive definite"):
        fr.linalg.cholesky_banded([[0.0, 2.0], [1.0, 1.0]])


def test_bad_arguments():
    nan = np.array([[1.0, 0.0], [np.nan, 1.0]])
    with pytest.raises(ValueError, match="cholesky: a must not contain infs or NaNs"):
        fr.linalg.cholesky(nan)
    np.testing.assert_array_equal(fr.linalg.cholesky(nan, check_finite=False), np.eye(2))  # it is not read
    with pytest.raises(ValueError, match=r"square.*\(2, 3\)"):
        fr.linalg.cholesky(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"cholesky_banded: ab must be a matrix"):
        fr.linalg.cholesky_banded(np.ones(3))


def test_nothing_is_overwritten():
    A = np.asfortranarray(definite(real, 3, 3))
    before = A.copy()
    fr.linalg.cholesky(A, overwrite_a=True)
    np.testing.assert_array_equal(A, before)
    ab = np.asfortranarray(bands(real, 2, 3, True))
    before = ab.copy()
    fr.linalg.cholesky_banded(ab, overwrite_ab=True, lower=True)
    np.testing.assert_array_equal(ab, before)
