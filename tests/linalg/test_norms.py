"""norm and schatten_norm."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.testing import check_rule

rng = np.random.default_rng(15)


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


VECTOR_ORDERS = [None, 1, 2, 3, 0.5, -1, -2, np.inf, -np.inf]
MATRIX_ORDERS = [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf]
SCHATTEN = [1, 1.5, 2, 3, np.inf]


def norm(a, **kwargs):
    return fr.linalg.norm(a, **kwargs)


def schatten(A, p):
    return fr.linalg.schatten_norm(A, p)


CASES = [
    *((norm, (make(4),), {"ord": p}) for make in (real, cplx) for p in VECTOR_ORDERS),
    *((norm, (make(3, 2),), {"ord": p}) for make in (real, cplx) for p in MATRIX_ORDERS),
    *((schatten, (make(3, 2),), {"p": p}) for make in (real, cplx) for p in SCHATTEN),
    (norm, (real(3).astype(np.float32),)),
]
CASES_STACKED = [
    *((norm, (cplx(3, 4, 2),), {"ord": p, "axis": (2, 0)}) for p in MATRIX_ORDERS),
    (norm, (real(3, 4),), {"ord": 3, "axis": 0, "keepdims": True}),
    *((schatten, (make(2, 3, 3),), {"p": p}) for make in (real, cplx) for p in SCHATTEN),
]


@pytest.mark.parametrize(("function", "args", "kwargs"), [(*c, {})[:3] for c in CASES + CASES_STACKED])
def test_rule(function, args, kwargs):
    check_rule(function, *args, **kwargs)


@settings(max_examples=15)
@given(st.integers(1, 4), st.integers(1, 4), st.sampled_from(MATRIX_ORDERS), st.integers(0, 1000))
def test_rule_for_drawn_shapes(m, n, p, seed):
    A = np.random.default_rng(seed).standard_normal((m, n))
    check_rule(norm, A, ord=p, seed=seed, orders=1)


@pytest.mark.parametrize("dtype", "fdFD")
def test_values_are_scipys(dtype):
    A = (cplx(4, 3) if dtype in "FD" else real(4, 3)).astype(dtype)
    tol = 20 * np.finfo(dtype).eps  # rounding
    for p in MATRIX_ORDERS:
        got, expected = fr.linalg.norm(A, p), scipy.linalg.norm(A, p)
        np.testing.assert_allclose(got, expected, rtol=tol)
    for p in [0, *VECTOR_ORDERS]:
        np.testing.assert_allclose(fr.linalg.norm(A[0], p), scipy.linalg.norm(A[0], p), rtol=tol)
        np.testing.assert_allclose(
            fr.linalg.norm(A, p, axis=0, keepdims=True),
            scipy.linalg.norm(A, p, axis=0, keepdims=True),
            rtol=tol,
        )


@pytest.mark.parametrize("scale", [1e200, 1e-200])
@pytest.mark.parametrize("p", [None, 2, 3, 1, np.inf])
def test_squares_neither_overflow_nor_underflow(scale, p):
    x = np.array([3.0, 4.0, 0.0])
    assert fr.linalg.norm(scale * x, p) == pytest.approx(scale * fr.linalg.norm(x, p), rel=1e-14)
    rows = np.stack([scale * x, x])
    np.testing.assert_allclose(
        fr.linalg.norm(rows, p, axis=1), [scale * fr.linalg.norm(x, p), fr.linalg.norm(x, p)], rtol=1e-14
    )
    gradient = fr.grad(lambda x: fr.linalg.norm(x, p))
    np.testing.assert_allclose(gradient(scale * x), gradient(x), rtol=1e-14)


@pytest.mark.parametrize(
    ("x", "p", "expected"),
    [
        ([3e-33, 3e-33], 10, 3e-33 * 2**0.1),  # powers of 1e-325, neither 0 nor accurate
        ([6e-4, 6e-4, 6e-4], 100, 6e-4 * 3**0.01),
        ([3.0, 4.0], 5000, 4.0),
        ([1e200, 1e-200], -3, 1e-200),  # the smallest entry counts most
    ],
)
def test_powers_neither_overflow_nor_underflow(x, p, expected):
    assert fr.linalg.norm(np.array(x), p) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("scale", [2.0**-990, 2.0**-530, 2.0**530, 2.0**990])
@pytest.mark.parametrize("p", SCHATTEN)
def test_schatten_norms_of_very_small_and_large_matrices(scale, p):
    A, E = real(3, 2), real(3, 2)

    def f(x):
        return fr.linalg.schatten_norm(x, p)

    (value, tangent), (value_s, tangent_s) = (fr.jvp(f, (t * A,), (t * E,)) for t in (1.0, scale))
    assert value_s / scale == pytest.approx(value, rel=1e-14)
    assert tangent_s / scale == pytest.approx(tangent, rel=1e-13)
    np.testing.assert_allclose(fr.grad(f)(scale * A), fr.grad(f)(A), rtol=1e-13)


def test_schatten_norms_are_norms_of_singular_values():
    A = cplx(4, 3)
    s = np.linalg.svdvals(A)
    for p in SCHATTEN:
        assert fr.linalg.schatten_norm(A, p) == pytest.approx(np.linalg.norm(s, p), rel=1e-14)


def test_schatten_norms_of_equal_singular_values_have_exact_second_derivatives():
    # For p = 4: (tr (AᵀA)²)^(1/4).
    Q, E = np.linalg.qr(real(3, 3))[0], real(3, 3)
    for A in (2 * Q, Q @ np.diag([2.0, 2.0, 1.0])):
        got = fr.hvp(lambda A: fr.linalg.schatten_norm(A, 4), (A,), (E,))[0]
        expected = fr.hvp(lambda A: np.trace(A.T @ A @ A.T @ A) ** 0.25, (A,), (E,))[0]
        np.testing.assert_allclose(got, expected, atol=1e-13)


@pytest.mark.parametrize("p", SCHATTEN)
def test_subgradients(p):
    np.testing.assert_array_equal(
        fr.grad(lambda A: fr.linalg.schatten_norm(A, p))(np.zeros((2, 3))), np.zeros((2, 3))
    )
    # At the identity: Σ is smooth; of the largest of n equal values, the mean.
    n = 3
    factor = 1 / n if np.isinf(p) else n ** (1 / p - 1)
    np.testing.assert_allclose(
        fr.grad(lambda A: fr.linalg.schatten_norm(A, p))(np.eye(n)), factor * np.eye(n), atol=1e-15
    )


def test_the_nuclear_norm_of_a_singular_matrix():
    u, v = np.array([0.6, 0.8]), np.array([0.8, -0.6])
    for f in (lambda A: fr.linalg.norm(A, "nuc"), lambda A: fr.linalg.schatten_norm(A, 1)):
        np.testing.assert_allclose(fr.grad(f)(3 * np.outer(u, v)), np.outer(u, v), atol=1e-15)


def test_empty_and_lists():
    assert fr.linalg.norm([]) == 0
    assert fr.linalg.norm([3, 4]) == 5
    assert fr.linalg.schatten_norm(np.zeros((0, 2)), 1) == 0
    assert fr.linalg.norm(np.zeros((2, 0)), axis=1).shape == (2,)


def test_bad_arguments():
    with pytest.raises(ValueError, match="infs or NaNs"):
        fr.linalg.norm([np.inf])
    assert fr.linalg.norm([np.inf], check_finite=False) == np.inf
    with pytest.raises(ValueError, match="at least 1"):
        fr.linalg.schatten_norm(np.eye(2), 0.5)
    with pytest.raises(ValueError, match="matrix"):
        fr.linalg.schatten_norm(np.ones(2))
    with pytest.raises(ValueError, match="order"):
        fr.linalg.norm(np.eye(2), 3)
