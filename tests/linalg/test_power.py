"""Fractional powers of matrices: value, derivatives in the matrix and the power, what has none, bad input."""

import mpmath
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.errors import NotDifferentiableError
from frechet.linalg import _schur_form
from frechet.testing import check_rule
from tests.linalg.matrix_function_references import (
    BADLY_SCALED,
    NEAR_THE_CUT,
    NONNORMAL,
    REAL_WITH_CUT,
    ROTATION,
    jordan,
    reference,
)

rng = np.random.default_rng(6)
A = rng.standard_normal((4, 4)) / 2 + 2 * np.eye(4)
Z = A + 0.5j * rng.standard_normal((4, 4))
STACK = np.stack([A, A.T + 0.3])
PAIRS = np.array([[1.0, 2.0, 0.3], [-2.0, 1.5, 0.1], [0.2, 0.4, 2.0]])  # a complex pair of eigenvalues


def power(t):
    return lambda x: fr.linalg.fractional_matrix_power(x, t)


CASES = [
    (power(0.5), (A,)),
    (power(-0.3), (Z,)),
    (power(2.4), (PAIRS,)),
    (power(-3.8), (A,)),
    (power(3), (A,)),
    (power(-2), (Z,)),
    (power(0), (A,)),
    (power(0.5), (A.astype(np.float32),)),
    (power(0.5), (Z.astype(np.complex64),)),
    (power(0.7), (REAL_WITH_CUT,)),
    (power(0.7), (np.eye(3),)),
    (power(0.7), (np.zeros((0, 0)),)),
    (fr.linalg.fractional_matrix_power, (A, 0.5)),
    (fr.linalg.fractional_matrix_power, (Z, -1.5)),
    (fr.linalg.fractional_matrix_power, (A.astype(np.float32), 2.5)),
]
CASES_STACKED = [
    (power(1.5), (STACK,)),
    (power(0.2), (np.stack([PAIRS, REAL_WITH_CUT]),)),
    (power(0.2), (np.zeros((0, 2, 2)),)),
    (fr.linalg.fractional_matrix_power, (STACK, 0.5)),
]


@pytest.mark.parametrize(("function", "args"), CASES + CASES_STACKED)
def test_rule(function, args):
    check_rule(function, *args)


@given(
    n=st.integers(1, 4),
    dtype=st.sampled_from("fdFD"),
    spread=st.floats(0.1, 0.9),
    t=st.floats(-2, 2),
    seed=st.integers(0, 999),
)
@settings(max_examples=8)
def test_rule_on_any_spectrum_off_the_cut(n, dtype, spread, t, seed):
    draw = np.random.default_rng(seed)
    x = draw.standard_normal((n, n))
    if dtype in "FD":
        x = x + 1j * draw.standard_normal((n, n))
    x = np.eye(n) + spread * x / np.linalg.norm(x, 2)  # the spectrum is in a disk around 1
    check_rule(power(t + 0.01), x.astype(dtype))


@pytest.mark.parametrize("n", [1, 2, 5, 50])
@pytest.mark.parametrize("dtype", ["d", "D"])
@pytest.mark.parametrize("t", [0.5, -0.999, 1e-3, 2.7, -5.4, 4])
def test_value_is_scipys(n, dtype, t):
    x = rng.standard_normal((n, n)) / np.sqrt(n) + 3 * np.eye(n)
    if dtype == "D":
        x = x + 1j * rng.standard_normal((n, n)) / np.sqrt(n)
    got, expected = power(t)(x), scipy.linalg.fractional_matrix_power(x, t)
    assert got.dtype == x.dtype  # where SciPy may leave an imaginary part of rounding size
    # SciPy's errors, of about 1000 roundings; the next test has 50 digits to compare with.
    size = np.abs(expected).max()
    np.testing.assert_allclose(got, expected, atol=1000 * np.finfo(dtype).eps * size)


@pytest.mark.parametrize("t", [0.3, -0.8])
@pytest.mark.parametrize(
    "matrix",
    [NONNORMAL, BADLY_SCALED, NEAR_THE_CUT, REAL_WITH_CUT, ROTATION, jordan(0.7, 3), jordan(2 + 1j, 3), Z],
)
def test_value_and_derivative_in_high_precision(matrix, t):
    E = rng.standard_normal(matrix.shape)
    if np.iscomplexobj(matrix):
        E = E + 1j * rng.standard_normal(matrix.shape)
    X, L = reference(lambda x: x ** mpmath.mpf(t), matrix, E)
    value, derivative = fr.jvp(power(t), (matrix,), (E,))
    # Rounding, 1.1e-16, times the condition number: 30 near the cut, less elsewhere.
    assert np.linalg.norm(value - X) <= 5e-15 * np.linalg.norm(X)
    assert np.linalg.norm(derivative - L) <= 1e-13 * np.linalg.norm(L)


@pytest.mark.parametrize("t", [0.999, -0.999, 1e-9, 0.37])
def test_powers_close_to_an_integer_and_to_zero(t):
    E = rng.standard_normal((3, 3))
    X, L = reference(lambda x: x ** mpmath.mpf(t), PAIRS, E)
    value, derivative = fr.jvp(power(t), (PAIRS,), (E,))
    np.testing.assert_allclose(value, X, atol=1e-14)  # rounding
    np.testing.assert_allclose(derivative, L, atol=1e-14)


def test_second_derivative_in_high_precision():
    # The derivative of L(A, E) along F is the upper right block of L(M, diag(F, F)), M = [[A, E], [0, A]].
    E, F = rng.standard_normal((2, 3, 3))
    zero = np.zeros((3, 3))
    block = np.block([[PAIRS, E], [zero, PAIRS]])
    t = 0.4
    exact = reference(lambda x: x ** mpmath.mpf(t), block, np.block([[F, zero], [zero, F]]))[1][:3, 3:]

    def along(x):
        return fr.jvp(power(t), (x,), (E,))[1]

    np.testing.assert_allclose(fr.jvp(along, (PAIRS,), (F,))[1], exact, atol=1e-13)  # rounding


def test_derivatives_in_the_power():
    # d/dt A^t = log(A) A^t and d²/dt² A^t = log(A)² A^t
    L, X = scipy.linalg.logm(A), scipy.linalg.fractional_matrix_power(A, 1.3)

    def of_t(t):
        return fr.linalg.fractional_matrix_power(A, t)

    np.testing.assert_allclose(fr.jacobian(of_t)(1.3), L @ X, rtol=1e-12)  # rounding times condition
    np.testing.assert_allclose(fr.jacobian(fr.jacobian(of_t))(1.3), L @ L @ X, rtol=1e-11)
    np.testing.assert_allclose(fr.jacobian(of_t)(2.0), L @ A @ A, rtol=1e-12)  # an integer


def test_one_schur_form_serves_every_order(monkeypatch):
    made = []
    original = _schur_form.SchurForm.__init__

    def counting(self, matrix):
        made.append(matrix.shape)
        original(self, matrix)

    monkeypatch.setattr(_schur_form.SchurForm, "__init__", counting)
    _, L = fr.linearize(power(0.5), A)
    L(np.eye(4))
    L.adjoint(np.eye(4))
    fr.hessian(lambda s: power(0.5)(s * A)[0, 0])(1.0)
    assert made == [(1, 4, 4)] * 2  # one for each call


def test_real_and_complex_results():
    turned = np.array([[np.cos(0.15), -np.sin(0.15)], [np.sin(0.15), np.cos(0.15)]])
    third = power(0.3)(np.array([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]]))
    assert third.dtype == np.float64
    np.testing.assert_allclose(third, turned, atol=1e-15)
    X = power(1 / 3)(REAL_WITH_CUT)
    assert X.dtype == np.complex128
    np.testing.assert_allclose(X @ X @ X, REAL_WITH_CUT, atol=1e-13)
    assert fr.grad(lambda x: np.imag(power(0.3)(x)[0, 1]))(REAL_WITH_CUT).dtype == np.float64


@pytest.mark.parametrize(
    ("matrix", "reason"),
    [
        (np.diag([1.0, 0.0]), "singular"),
        (-np.eye(2), "equal eigenvalues on the negative real axis"),
        (np.diag([-1.0 + 0j, 2.0]), "negative real axis"),
    ],
)
def test_where_there_is_no_derivative(matrix, reason):
    X = power(0.5)(matrix)
    np.testing.assert_allclose(X @ X, matrix, atol=1e-15)
    with pytest.raises(NotDifferentiableError, match=rf"fractional_matrix_power.*{reason}.*Way out"):
        fr.jvp(power(0.5), (matrix,), (np.ones((2, 2)),))
    value, pullback = fr.vjp(power(0.5), matrix)
    with pytest.raises(NotDifferentiableError, match=reason):
        pullback(np.ones((2, 2), value.dtype))


def test_no_derivative_in_the_power_at_a_singular_matrix():
    with pytest.raises(NotDifferentiableError, match=r"singular.*keep t constant"):
        fr.jvp(lambda t: fr.linalg.fractional_matrix_power(np.diag([1.0, 0.0]), t), (0.5,), (1.0,))


def test_singular():
    x = np.array([[1.0, 1.0], [1.0, 1.0]])
    np.testing.assert_allclose(power(0.2)(x), x * 2**-0.8, atol=1e-15)
    np.testing.assert_allclose(power(1.5)(x), x * 2**0.5, atol=1e-15)
    x = np.array([[0.0, 0.0, 0.5], [0.0, 0.0, 1.0], [0.0, 0.0, 2.0]])
    np.testing.assert_allclose(power(0.5)(x) @ power(0.5)(x), x, atol=1e-15)
    with pytest.raises(np.linalg.LinAlgError, match="defective eigenvalue zero"):
        power(0.5)(np.array([[0.0, 1.0], [0.0, 0.0]]))
    with pytest.raises(np.linalg.LinAlgError, match="the power is negative"):
        power(-0.5)(np.diag([1.0, 0.0]))
    with pytest.raises(np.linalg.LinAlgError):
        power(-1)(np.diag([1.0, 0.0]))


@pytest.mark.parametrize("bad", [np.ones((2, 3)), np.ones(3), np.full((2, 2), np.nan)])
def test_bad_matrix(bad):
    with pytest.raises(ValueError, match="fractional_matrix_power: A"):
        power(0.5)(bad)


def test_bad_power():
    for t in (1j, np.ones(2), "a"):
        with pytest.raises(TypeError, match="t must be a real number"):
            power(t)(A)
    with pytest.raises(ValueError, match="t must be finite"):
        power(np.inf)(A)


def test_lists_integers_and_half_precision():
    assert fr.grad(lambda a: power(0.5)([[a, 0.0], [0.0, 1.0]])[0, 0])(4.0) == pytest.approx(0.25)
    assert power(0.5)([[4, 0], [0, 9]]).dtype == np.float64
    assert power(0.5)(np.eye(2, dtype=np.float16)).dtype == np.float32
