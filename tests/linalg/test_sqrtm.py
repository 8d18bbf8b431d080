"""The matrix square root: value, derivatives, what has none, bad input."""

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

rng = np.random.default_rng(3)
A = rng.standard_normal((4, 4)) / 2 + 2 * np.eye(4)
Z = A + 0.5j * rng.standard_normal((4, 4))
STACK = np.stack([A, A.T + 0.3])
PAIRS = np.array([[1.0, 2.0, 0.3], [-2.0, 1.5, 0.1], [0.2, 0.4, 2.0]])  # a complex pair of eigenvalues

CASES = [
    (fr.linalg.sqrtm, (A,)),
    (fr.linalg.sqrtm, (Z,)),
    (fr.linalg.sqrtm, (PAIRS,)),
    (fr.linalg.sqrtm, (A.astype(np.float32),)),
    (fr.linalg.sqrtm, (Z.astype(np.complex64),)),
    (fr.linalg.sqrtm, (np.triu(Z),)),
    (fr.linalg.sqrtm, (REAL_WITH_CUT,)),
    (fr.linalg.sqrtm, (np.array([[2.0]]),)),
    (fr.linalg.sqrtm, (np.zeros((0, 0)),)),
]
CASES_STACKED = [
    (fr.linalg.sqrtm, (STACK,)),
    (fr.linalg.sqrtm, (np.stack([PAIRS, REAL_WITH_CUT]),)),
    (fr.linalg.sqrtm, (Z[None, None],)),
    (fr.linalg.sqrtm, (np.zeros((0, 2, 2)),)),
]


@pytest.mark.parametrize(("function", "args"), CASES + CASES_STACKED)
def test_rule(function, args):
    check_rule(function, *args)


@given(
    n=st.integers(1, 5), dtype=st.sampled_from("fdFD"), spread=st.floats(0.1, 0.9), seed=st.integers(0, 999)
)
@settings(max_examples=10)
def test_rule_on_any_spectrum_off_the_cut(n, dtype, spread, seed):
    draw = np.random.default_rng(seed)
    x = draw.standard_normal((n, n))
    if dtype in "FD":
        x = x + 1j * draw.standard_normal((n, n))
    x = np.eye(n) + spread * x / np.linalg.norm(x, 2)  # the spectrum is in a disk around 1
    check_rule(fr.linalg.sqrtm, x.astype(dtype))


@pytest.mark.parametrize("n", [1, 2, 3, 7, 50, 130])
@pytest.mark.parametrize("dtype", ["f", "d", "F", "D"])
def test_value_is_scipys(n, dtype):
    x = rng.standard_normal((n, n)) / np.sqrt(n) + 3 * np.eye(n)
    if dtype in "FD":
        x = x + 1j * rng.standard_normal((n, n)) / np.sqrt(n)
    x = x.astype(dtype)
    got, expected = fr.linalg.sqrtm(x), scipy.linalg.sqrtm(x)
    assert got.dtype == expected.dtype == x.dtype
    # Both are backward stable; the condition number of the root is small here.
    np.testing.assert_allclose(got, expected, atol=50 * n * np.finfo(dtype).eps)


@pytest.mark.parametrize(
    "matrix",
    [NONNORMAL, BADLY_SCALED, NEAR_THE_CUT, REAL_WITH_CUT, ROTATION, jordan(0.7, 3), jordan(2 + 1j, 3), Z],
)
def test_value_and_derivative_in_high_precision(matrix):
    E = rng.standard_normal(matrix.shape)
    if np.iscomplexobj(matrix):
        E = E + 1j * rng.standard_normal(matrix.shape)
    X, L = reference(mpmath.sqrt, matrix, E)
    value, derivative = fr.jvp(fr.linalg.sqrtm, (matrix,), (E,))
    # Rounding, 1.1e-16, times the condition number: 30 near the cut, less elsewhere.
    assert np.linalg.norm(value - X) <= 5e-15 * np.linalg.norm(X)
    assert np.linalg.norm(derivative - L) <= 5e-14 * np.linalg.norm(L)


def test_second_derivative_in_high_precision():
    # The derivative of L(A, E) along F is the upper right block of L(M, diag(F, F)), M = [[A, E], [0, A]].
    E, F = rng.standard_normal((2, 3, 3))
    zero = np.zeros((3, 3))
    block = np.block([[PAIRS, E], [zero, PAIRS]])
    exact = reference(mpmath.sqrt, block, np.block([[F, zero], [zero, F]]))[1][:3, 3:]

    def along(x):
        return fr.jvp(fr.linalg.sqrtm, (x,), (E,))[1]

    np.testing.assert_allclose(fr.jvp(along, (PAIRS,), (F,))[1], exact, atol=1e-14)  # rounding


def test_third_derivative():
    # t ↦ √(t A) has the third derivative 3/8 t^(−5/2) √A.
    d3 = fr.jacobian(fr.jacobian(fr.jacobian(lambda t: fr.linalg.sqrtm(t * A))))(0.5)
    expected = 3 / 8 * 0.5**-2.5 * scipy.linalg.sqrtm(A)
    np.testing.assert_allclose(d3, expected, atol=1e-12)  # rounding, thrice


def test_derivative_in_block_form_at_larger_size():
    n = 60
    x = rng.standard_normal((n, n)) / np.sqrt(n) + 1.5 * np.eye(n)
    E = rng.standard_normal((n, n))
    expected = scipy.linalg.sqrtm(np.block([[x, E], [np.zeros((n, n)), x]]))[:n, n:]
    # The Schur form of the block matrix parts its double eigenvalues by the root of rounding.
    np.testing.assert_allclose(fr.jvp(fr.linalg.sqrtm, (x,), (E,))[1], expected, atol=1e-7)


def test_one_schur_form_serves_every_order(monkeypatch):
    made = []
    original = _schur_form.SchurForm.__init__

    def counting(self, matrix):
        made.append(matrix.shape)
        original(self, matrix)

    monkeypatch.setattr(_schur_form.SchurForm, "__init__", counting)
    _, L = fr.linearize(fr.linalg.sqrtm, A)
    L(np.eye(4))
    L.adjoint(np.eye(4))
    fr.hessian(lambda t: fr.linalg.sqrtm(t * A)[0, 0])(1.0)
    assert made == [(1, 4, 4)] * 2  # one for each call of sqrtm


def test_real_input_with_negative_eigenvalues():
    X = fr.linalg.sqrtm(REAL_WITH_CUT)
    assert X.dtype == np.complex128
    np.testing.assert_allclose(X @ X, REAL_WITH_CUT, atol=1e-14)
    gradient = fr.grad(lambda x: np.real(fr.linalg.sqrtm(x)[0, 1]) + np.imag(fr.linalg.sqrtm(x)[0, 0]))(
        REAL_WITH_CUT
    )
    assert gradient.dtype == np.float64
    assert fr.linalg.sqrtm(np.float32(REAL_WITH_CUT)).dtype == np.complex64
    assert fr.linalg.sqrtm(np.stack([PAIRS, REAL_WITH_CUT])).dtype == np.complex128


@pytest.mark.parametrize(
    ("matrix", "reason"),
    [
        (np.diag([1.0, 0.0]), "singular"),
        (np.array([[1.0, 2.0], [2.0, 4.0]]), "singular"),
        (-np.eye(2), "equal eigenvalues on the negative real axis"),
        (np.diag([-1.0 + 0j, 2.0]), "negative real axis"),
        (np.array([[-1.0, 0.2], [0.1, 1.0]]) + 0j, "negative real axis"),
    ],
)
@pytest.mark.filterwarnings("ignore:sqrtm. A is singular:scipy.linalg.LinAlgWarning")
def test_where_there_is_no_derivative(matrix, reason):
    value = fr.linalg.sqrtm(matrix)
    np.testing.assert_allclose(value @ value, matrix, atol=1e-14)
    with pytest.raises(NotDifferentiableError, match=rf"fr\.linalg\.sqrtm.*{reason}.*Way out"):
        fr.jvp(fr.linalg.sqrtm, (matrix,), (np.ones((2, 2)),))
    value, pullback = fr.vjp(fr.linalg.sqrtm, matrix)
    with pytest.raises(NotDifferentiableError, match=reason):
        pullback(np.ones((2, 2), value.dtype))
    with pytest.raises(NotDifferentiableError, match=reason):
        fr.jvp(fr.linalg.sqrtm, (np.stack([matrix, matrix]),), (np.ones((2, 2, 2)),))


def test_another_cut_is_the_way_out():
    x = np.diag([-1.0 + 0j, 2.0])
    turned = np.exp(0.5j) * fr.linalg.sqrtm(np.exp(-1j) * x)
    np.testing.assert_allclose(turned @ turned, x, atol=1e-15)
    check_rule(lambda x: np.exp(0.5j) * fr.linalg.sqrtm(np.exp(-1j) * x), x)


def test_singular():
    M = np.array([[1.0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 1]])  # SciPy's issue 4866
    with pytest.warns(scipy.linalg.LinAlgWarning, match="singular"):
        X = fr.linalg.sqrtm(M)
    np.testing.assert_allclose(X @ X, M, atol=1e-14)
    with pytest.warns(scipy.linalg.LinAlgWarning, match="singular"):
        X = fr.linalg.sqrtm(np.array([[0.0, 1.0], [0.0, 0.0]]))  # has no square root
    assert np.isinf(X[0, 1])
    defective = np.zeros((4, 4))
    defective[0, 0], defective[0, 2], defective[2, 3] = 4.0, 1.0, 1.0
    with pytest.warns(scipy.linalg.LinAlgWarning, match="singular"):
        assert not np.isfinite(fr.linalg.sqrtm(defective)).all()


def test_roots_that_nearly_cancel():
    x = np.diag([-4 + 1e-18j, -4 - 1e-18j])
    x[0, 1] = 1.0
    with pytest.warns(scipy.linalg.LinAlgWarning, match="ill-conditioned"):
        fr.linalg.sqrtm(x)


@pytest.mark.parametrize("bad", [np.ones((2, 3)), np.ones(3), 3.0])
def test_not_a_square_matrix(bad):
    with pytest.raises(np.linalg.LinAlgError, match="sqrtm: A must be a square matrix"):
        fr.linalg.sqrtm(bad)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_not_finite(bad):
    with pytest.raises(ValueError, match="infs or NaNs"):
        fr.linalg.sqrtm(np.array([[1.0, bad], [0.0, 1.0]]))


def test_deprecated_arguments():
    with pytest.warns(DeprecationWarning, match="disp"):
        X, error = fr.linalg.sqrtm(A, disp=False)
    np.testing.assert_array_equal(X, fr.linalg.sqrtm(A))
    assert 0 <= error < 1e-28
    with pytest.warns(DeprecationWarning, match="disp"):
        assert fr.linalg.sqrtm(STACK, disp=False)[1].shape == (2,)
    with pytest.warns(DeprecationWarning, match="blocksize"):
        fr.linalg.sqrtm(A, blocksize=3)


def test_lists_integers_and_half_precision():
    assert fr.grad(lambda t: fr.linalg.sqrtm([[t, 0.0], [0.0, 1.0]])[0, 0])(4.0) == pytest.approx(0.25)
    assert fr.linalg.sqrtm([[4, 0], [0, 9]]).dtype == np.float64
    assert fr.linalg.sqrtm(np.eye(2, dtype=np.float16)).dtype == np.float32
