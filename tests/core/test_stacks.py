"""Stacks of small matrices go through the kernels: rules, errors, and the way round them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet import _stacks
from frechet.linalg._expm_factor import ExpmFactor
from frechet.testing import check_rule

DTYPES = [np.float32, np.float64, np.complex64, np.complex128]


def random(shape, dtype=float, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        x = x + 1j * rng.standard_normal(shape)
    return x.astype(dtype)


def regular(shape, dtype=float, seed=0):
    return random(shape, dtype, seed) + 3 * np.eye(shape[-1], dtype=dtype)


def hermitian(shape, dtype=float, seed=0):
    A = regular(shape, dtype, seed)
    return A @ A.conj().swapaxes(-1, -2)


def cholesky(x, upper=False):
    """Of a matrix that stays Hermitian when x varies."""
    return np.linalg.cholesky(x @ x.conj().swapaxes(-1, -2), upper=upper)


A, C = regular((3, 2, 2)), regular((2, 2, 3, 3), complex)
B, Z = random((3, 2, 4), seed=1), random((2, 2, 3, 1), complex, 1)

CASES = [
    (np.linalg.inv, (A,)),
    (np.linalg.inv, (C,)),
    (np.linalg.solve, (A, B)),
    (np.linalg.solve, (C, Z)),
    (np.linalg.solve, (A, B[:1])),  # a right side for the whole stack
    (np.linalg.solve, (A[:1], B)),  # a matrix for all right sides
    (np.linalg.solve, (A, Z[0, :1, :2])),  # complex right sides of real equations
    (np.linalg.solve, (A, B[0, :, 0])),  # a vector
    (lambda a, b: np.linalg.inv(np.linalg.solve(a, b)), (A, regular((3, 2, 2), seed=2))),
    (cholesky, (A,)),
    (cholesky, (C,)),
    (cholesky, (C, True)),
    (fr.linalg.expm, (random((3, 2, 2)),)),
    (fr.linalg.expm, (random((2, 1, 3, 3), complex),)),
    (fr.linalg.expm_frechet, (random((2, 2, 2)), random((3, 2, 2, 2), seed=1))),
    (fr.linalg.solve_continuous_lyapunov, (A, random((3, 2, 2), seed=1))),
    (fr.linalg.solve_continuous_lyapunov, (C, random((3, 3), complex, 1))),
    (fr.linalg.solve_discrete_lyapunov, (A / 9, random((3, 2, 2), complex, 1))),
]


@pytest.mark.parametrize(("function", "args"), CASES)
def test_rule(function, args):
    check_rule(function, *args)


@settings(max_examples=12)
@given(
    st.integers(1, 5),
    st.lists(st.integers(1, 3), min_size=1, max_size=2),
    st.sampled_from(DTYPES),
    st.sampled_from(["inv", "cholesky", "expm"]),
)
def test_drawn_stacks(n, stack, dtype, name):
    assume(n > 1 or name != "cholesky")  # |x|, whose second derivative is nothing but rounding
    shape = (*stack, n, n)
    check_rule(
        {"inv": np.linalg.inv, "cholesky": cholesky, "expm": fr.linalg.expm}[name], regular(shape, dtype) / 3
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes_are_kept(dtype):
    X, S = regular((5, 3, 3), dtype), hermitian((5, 3, 3), dtype)
    for f, x in (
        (np.linalg.inv, X),
        (np.linalg.cholesky, S),
        (fr.linalg.expm, X),
        (lambda x: np.linalg.solve(x, X), X),
        (lambda x: fr.linalg.solve_continuous_lyapunov(x, X), X),
    ):
        y, pullback = fr.vjp(f, x)
        assert y.dtype == dtype
        assert pullback(X)[0].dtype == dtype


def test_memory_order_does_not_matter():
    X, G = regular((5, 3, 3)), random((5, 3, 3), seed=1)
    for f in (np.linalg.inv, fr.linalg.expm, lambda x: np.linalg.solve(x, G)):
        y, pullback = fr.vjp(f, X)
        z, turned = fr.vjp(f, np.asfortranarray(X))
        assert np.array_equal(y, z)
        assert np.array_equal(pullback(G)[0], turned(np.asfortranarray(G))[0])
        assert np.array_equal(pullback(G[:1].repeat(5, 0))[0], pullback(np.broadcast_to(G[0], G.shape))[0])


@pytest.mark.parametrize("dtype", list("fdFD"))
def test_misaligned_memory_is_copied(dtype):
    A = (np.eye(3) + np.arange(18).reshape(2, 3, 3) / 40).astype(dtype)
    moved = np.ndarray(A.shape, A.dtype, bytearray(A.nbytes + 2), 2)
    moved[...] = A
    for f in (np.linalg.inv, np.linalg.cholesky, fr.linalg.expm, lambda a: np.linalg.solve(a, a)):
        value, pullback = fr.vjp(f, moved)
        expected, its_pullback = fr.vjp(f, A)
        np.testing.assert_array_equal(value, expected)
        np.testing.assert_array_equal(pullback(moved)[0], its_pullback(A)[0])


def test_results_are_those_for_one_matrix():
    X, G = regular((9, 4, 4)) / 2, random((9, 4, 4), seed=1)
    S = hermitian((9, 4, 4))
    for f, x in (
        (np.linalg.inv, X),
        (np.linalg.cholesky, S),
        (fr.linalg.expm, X),
        (lambda x: fr.linalg.solve_continuous_lyapunov(x, np.eye(4)), X),
    ):
        y, pullback = fr.vjp(f, x)
        gradients = pullback(G)[0]
        for k in range(9):
            one, pull_one = fr.vjp(f, x[k])
            assert np.allclose(
                y[k], one, rtol=1e-12, atol=1e-13
            )  # rounding, times condition numbers below 100
            assert np.allclose(gradients[k], pull_one(G[k])[0], rtol=1e-11, atol=1e-12)


def test_a_singular_matrix_among_others_raises():
    X = regular((5, 3, 3))
    X[3] = 1
    for f in (np.linalg.inv, lambda x: np.linalg.solve(x, x)):
        with pytest.raises(np.linalg.LinAlgError, match="Singular"):
            fr.vjp(f, X)
    with pytest.raises(np.linalg.LinAlgError, match="positive definite"):
        fr.vjp(np.linalg.cholesky, -hermitian((5, 3, 3)))
    X[3] = np.diag([1.0, -1.0, 2.0])
    with pytest.raises(np.linalg.LinAlgError, match="no unique solution"):
        fr.linalg.solve_continuous_lyapunov(X, X)


def test_exponentials_that_overflow_warn_and_keep_the_others():
    X = random((5, 2, 2))
    X[2] = 800 * np.eye(2)
    with pytest.warns(RuntimeWarning, match="overflow"):
        Y = fr.linalg.expm(X)
    assert np.isinf(Y[2]).any()
    others = [0, 1, 3, 4]
    assert np.allclose(Y[others], fr.linalg.expm(X[others]), rtol=1e-13)
    with np.errstate(over="ignore", invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("error")
        fr.linalg.expm(X)


def test_exponentials_of_nan_are_refused():
    X = random((5, 2, 2))
    X[2, 0, 0] = np.nan
    with pytest.raises(ValueError, match="nan or inf"):
        ExpmFactor(X)


def test_a_factor_does_not_change_with_its_matrix():
    X, E = random((4, 3, 3)), random((4, 3, 3), seed=1)
    factor = ExpmFactor(X)
    L = factor.frechet(E)
    X[...] = 0
    assert np.array_equal(factor.frechet(E), L)


def test_what_fits():
    assert _stacks.fits(np.zeros((2, 16, 16), complex))
    for other in (
        np.zeros((3, 3)),
        np.zeros((2, 17, 17)),
        np.zeros((2, 3, 4)),
        np.zeros((0, 3, 3)),
        np.zeros((2, 3, 3), np.longdouble),
        np.zeros((2, 3, 3), ">f8"),
        [[[1.0]]],
    ):
        assert not _stacks.fits(other)
    assert not _stacks.fits(np.zeros((2, 3, 3)), np.zeros((2, 3, 3), np.float32))
