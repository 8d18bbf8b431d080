"""The matrix logarithm: value, derivatives, what has none, bad input."""

import mpmath
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg._matfuncs_inv_ssq import LogmExactlySingularWarning, LogmNearlySingularWarning

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

rng = np.random.default_rng(5)
A = rng.standard_normal((4, 4)) / 2 + 2 * np.eye(4)
Z = A + 0.5j * rng.standard_normal((4, 4))
STACK = np.stack([A, A.T + 0.3])
PAIRS = np.array([[1.0, 2.0, 0.3], [-2.0, 1.5, 0.1], [0.2, 0.4, 2.0]])  # a complex pair of eigenvalues

CASES = [
    (fr.linalg.logm, (A,)),
    (fr.linalg.logm, (Z,)),
    (fr.linalg.logm, (PAIRS,)),
    (fr.linalg.logm, (A.astype(np.float32),)),
    (fr.linalg.logm, (Z.astype(np.complex64),)),
    (fr.linalg.logm, (np.triu(Z),)),
    (fr.linalg.logm, (REAL_WITH_CUT,)),
    (fr.linalg.logm, (np.eye(3),)),
    (fr.linalg.logm, (np.array([[2.0]]),)),
    (fr.linalg.logm, (np.zeros((0, 0)),)),
]
CASES_STACKED = [
    (fr.linalg.logm, (STACK,)),
    (fr.linalg.logm, (np.stack([PAIRS, REAL_WITH_CUT]),)),
    (fr.linalg.logm, (Z[None, None],)),
    (fr.linalg.logm, (np.zeros((0, 2, 2)),)),
]


@pytest.mark.parametrize(("function", "args"), CASES + CASES_STACKED)
def test_rule(function, args):
    check_rule(function, *args)


@given(
    n=st.integers(1, 4), dtype=st.sampled_from("fdFD"), spread=st.floats(0.1, 0.9), seed=st.integers(0, 999)
)
@settings(max_examples=8)
def test_rule_on_any_spectrum_off_the_cut(n, dtype, spread, seed):
    draw = np.random.default_rng(seed)
    x = draw.standard_normal((n, n))
    if dtype in "FD":
        x = x + 1j * draw.standard_normal((n, n))
    x = np.eye(n) + spread * x / np.linalg.norm(x, 2)  # the spectrum is in a disk around 1
    check_rule(fr.linalg.logm, x.astype(dtype))


@pytest.mark.parametrize("n", [1, 2, 3, 7, 50])
@pytest.mark.parametrize("dtype", ["d", "D"])
def test_value_is_scipys(n, dtype):
    x = rng.standard_normal((n, n)) / np.sqrt(n) + 3 * np.eye(n)
    if dtype in "FD":
        x = x + 1j * rng.standard_normal((n, n)) / np.sqrt(n)
    got, expected = fr.linalg.logm(x), scipy.linalg.logm(x)
    assert got.dtype == expected.dtype == x.dtype
    # Both are backward stable; the condition number is small here.
    np.testing.assert_allclose(got, expected, atol=50 * n * np.finfo(dtype).eps)
    single = fr.linalg.logm(x.astype(dtype.lower().replace("d", "f") if dtype == "d" else "F"))
    assert single.dtype == (np.float32 if dtype == "d" else np.complex64)
    np.testing.assert_allclose(single, expected, atol=5 * n * np.finfo(np.float32).eps)


@pytest.mark.filterwarnings("ignore:The logm input matrix may be nearly singular:UserWarning")
@pytest.mark.filterwarnings("ignore:logm result may be inaccurate:RuntimeWarning")  # the exponential is
@pytest.mark.parametrize("scale", [1e-150, 1e-8, 1e-2, 1e3, 1e100])
def test_every_norm(scale):
    # logm(c A) = logm(A) + log(c) I; to the rounding error of the largest entry.
    expected = scipy.linalg.logm(A) + np.log(scale) * np.eye(4)
    size = np.abs(expected).max()
    np.testing.assert_allclose(fr.linalg.logm(scale * A), expected, atol=2e-15 * size)
    # L(c A, c E) = L(A, E)
    E = rng.standard_normal((4, 4))
    along = [fr.jvp(fr.linalg.logm, (c * A,), (c * E,))[1] for c in (1.0, scale)]
    np.testing.assert_allclose(along[1], along[0], atol=1e-14)


@pytest.mark.parametrize("nearness", [0.9, 1e-1, 1e-2, 1e-4, 1e-6, 1e-9])
def test_every_number_of_nodes(nearness):
    N = nearness * rng.standard_normal((3, 3)) / 3
    E = rng.standard_normal((3, 3))
    X, L = reference(mpmath.log, np.eye(3) + N, E)
    value, derivative = fr.jvp(fr.linalg.logm, (np.eye(3) + N,), (E,))
    np.testing.assert_allclose(value, X, atol=2e-15)  # rounding of I + N
    np.testing.assert_allclose(derivative, L, atol=2e-14)


@pytest.mark.parametrize(
    "matrix",
    [NONNORMAL, BADLY_SCALED, NEAR_THE_CUT, REAL_WITH_CUT, ROTATION, jordan(0.7, 3), jordan(2 + 1j, 3), Z],
)
@pytest.mark.filterwarnings("ignore:logm result may be inaccurate:RuntimeWarning")  # the exponential is
def test_value_and_derivative_in_high_precision(matrix):
    E = rng.standard_normal(matrix.shape)
    if np.iscomplexobj(matrix):
        E = E + 1j * rng.standard_normal(matrix.shape)
    X, L = reference(mpmath.log, matrix, E)
    value, derivative = fr.jvp(fr.linalg.logm, (matrix,), (E,))
    # Rounding, 1.1e-16, times the condition number: 30 near the cut, less elsewhere.
    assert np.linalg.norm(value - X) <= 5e-15 * np.linalg.norm(X)
    assert np.linalg.norm(derivative - L) <= 1e-13 * np.linalg.norm(L)


def test_opposite_complex_eigenvalues():
    # λ and −λ: the divided difference needs the unwinding number.
    E = np.array([[1j, 4], [0, -1j]])
    L = np.array([[0.5j * np.pi, 2 * np.pi], [0, -0.5j * np.pi]])
    np.testing.assert_allclose(fr.linalg.logm(E), L, atol=1e-14)
    close = np.array([[-1 + 0.1j, 4], [0, -1 - 0.1j]])
    np.testing.assert_allclose(fr.linalg.logm(close), reference(mpmath.log, close), rtol=1e-14)


def test_second_derivative_in_high_precision():
    # The derivative of L(A, E) along F is the upper right block of L(M, diag(F, F)), M = [[A, E], [0, A]].
    E, F = rng.standard_normal((2, 3, 3))
    zero = np.zeros((3, 3))
    block = np.block([[PAIRS, E], [zero, PAIRS]])
    exact = reference(mpmath.log, block, np.block([[F, zero], [zero, F]]))[1][:3, 3:]

    def along(x):
        return fr.jvp(fr.linalg.logm, (x,), (E,))[1]

    np.testing.assert_allclose(fr.jvp(along, (PAIRS,), (F,))[1], exact, atol=1e-13)  # rounding


def test_third_derivative():
    # t ↦ log(t A) has the third derivative 2 t⁻³ I.
    d3 = fr.jacobian(fr.jacobian(fr.jacobian(lambda t: fr.linalg.logm(t * A))))(0.5)
    np.testing.assert_allclose(d3, 16 * np.eye(4), atol=1e-11)  # rounding, thrice


def test_inverse_of_the_exponential():
    # L_log(A, ·) is the inverse of L_exp(log A, ·), at a size where roots and blocks are split.
    n = 70
    x = rng.standard_normal((n, n)) / np.sqrt(n) + 1.5 * np.eye(n)
    E = rng.standard_normal((n, n))
    X, L = fr.jvp(fr.linalg.logm, (x,), (E,))
    np.testing.assert_allclose(fr.linalg.expm_frechet(X, L)[1], E, atol=1e-11)  # rounding times condition


def test_one_schur_form_serves_every_order(monkeypatch):
    made = []
    original = _schur_form.SchurForm.__init__

    def counting(self, matrix):
        made.append(matrix.shape)
        original(self, matrix)

    monkeypatch.setattr(_schur_form.SchurForm, "__init__", counting)
    _, L = fr.linearize(fr.linalg.logm, A)
    L(np.eye(4))
    L.adjoint(np.eye(4))
    fr.hessian(lambda t: fr.linalg.logm(t * A)[0, 0])(1.0)
    assert made == [(1, 4, 4)] * 2  # one for each call of logm


def test_real_and_complex_results():
    assert fr.linalg.logm(ROTATION).dtype == np.float64
    np.testing.assert_allclose(fr.linalg.logm(ROTATION), np.pi / 2 * ROTATION, atol=1e-15)
    X = fr.linalg.logm(REAL_WITH_CUT)
    assert X.dtype == np.complex128
    np.testing.assert_allclose(scipy.linalg.expm(X), REAL_WITH_CUT, atol=1e-13)
    gradient = fr.grad(lambda x: np.imag(fr.linalg.logm(x)[0, 1]))(REAL_WITH_CUT)
    assert gradient.dtype == np.float64
    assert fr.linalg.logm(np.stack([PAIRS, REAL_WITH_CUT])).dtype == np.complex128


@pytest.mark.parametrize(
    ("matrix", "reason"),
    [
        (np.diag([1.0, 0.0]), "singular"),
        (-np.eye(2), "equal eigenvalues on the negative real axis"),
        (np.diag([-1.0 + 0j, 2.0]), "negative real axis"),
        (np.array([[-1.0, 0.2], [0.1, 1.0]]) + 0j, "negative real axis"),
    ],
)
@pytest.mark.filterwarnings("ignore:The logm input matrix:UserWarning")
def test_where_there_is_no_derivative(matrix, reason):
    np.testing.assert_allclose(scipy.linalg.expm(fr.linalg.logm(matrix)), matrix, atol=1e-14)
    with pytest.raises(NotDifferentiableError, match=rf"fr\.linalg\.logm.*{reason}.*Way out"):
        fr.jvp(fr.linalg.logm, (matrix,), (np.ones((2, 2)),))
    value, pullback = fr.vjp(fr.linalg.logm, matrix)
    with pytest.raises(NotDifferentiableError, match=reason):
        pullback(np.ones((2, 2), value.dtype))


def test_another_cut_is_the_way_out():
    x = np.diag([-1.0 + 0j, 2.0])

    def turned(x):
        return fr.linalg.logm(np.exp(-1j) * x) + 1j * np.eye(2)

    np.testing.assert_allclose(scipy.linalg.expm(turned(x)), x, atol=1e-14)
    check_rule(turned, x)


def test_singular():
    with pytest.warns(LogmExactlySingularWarning):
        X = fr.linalg.logm(np.array([[1.0, 1.0], [0.0, 0.0]]))
    np.testing.assert_allclose(scipy.linalg.expm(X), [[1, 1], [0, 0]], atol=1e-14)
    with pytest.warns(LogmNearlySingularWarning):
        X = fr.linalg.logm(np.array([[1e-100]]))
    np.testing.assert_allclose(X, [[np.log(1e-100)]])


@pytest.mark.parametrize("bad", [np.ones((2, 3)), np.ones(3), 3.0])
def test_not_a_square_matrix(bad):
    with pytest.raises(ValueError, match="logm: A must be a"):
        fr.linalg.logm(bad)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_not_finite(bad):
    with pytest.raises(ValueError, match="infs or NaNs"):
        fr.linalg.logm(np.array([[1.0, bad], [0.0, 1.0]]))


def test_doubtful_results_are_told():
    with pytest.warns(RuntimeWarning, match="may be inaccurate"):
        fr.linalg.logm(NONNORMAL)


def test_deprecated_argument():
    with pytest.warns(DeprecationWarning, match="disp"):
        X, error = fr.linalg.logm(A, disp=False)
    np.testing.assert_array_equal(X, fr.linalg.logm(A))
    assert 0 <= error < 1e-14
    with pytest.warns(DeprecationWarning, match="disp"):
        assert fr.linalg.logm(STACK, disp=False)[1].shape == (2,)


def test_lists_integers_and_half_precision():
    assert fr.grad(lambda t: fr.linalg.logm([[t, 0.0], [0.0, 1.0]])[0, 0])(4.0) == pytest.approx(0.25)
    assert fr.linalg.logm([[4, 0], [0, 9]]).dtype == np.float64
    assert fr.linalg.logm(np.eye(2, dtype=np.float16)).dtype == np.float32


@pytest.mark.parametrize(
    "x",
    [
        np.array([[1e-320, 1.0], [0.0, 1e-320]]),
        np.eye(3) + 1e200 * np.eye(3, k=1),  # whose root has the entry -1e400 / 8
    ],
)
def test_roots_beyond_the_range_of_numbers(x):
    with np.errstate(all="ignore"):
        for stack in (x, np.array([np.eye(len(x)), x])):
            with pytest.raises(np.linalg.LinAlgError, match="A has roots beyond the range"):
                fr.linalg.logm(stack)


def test_logarithms_beyond_the_range_of_numbers():
    x = np.eye(3) + 2.3e154 * np.eye(3, k=1)  # log x has the entry -5.3e308 / 2
    with np.errstate(all="ignore"), pytest.warns(RuntimeWarning, match="approximate err = inf"):
        assert fr.linalg.logm(x)[0, 2] == -np.inf
