"""The matrix sign: value, derivatives, what has none, bad input."""

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
from tests.linalg.matrix_function_references import reference

rng = np.random.default_rng(8)


def with_signs(signs, dtype=float):
    """A random matrix with real parts of the eigenvalues near the signs given."""
    n = len(signs)
    V = np.linalg.qr(rng.standard_normal((n, n)))[0] + 0.3 * rng.standard_normal((n, n))
    T = np.diag(np.asarray(signs, dtype)) + 0.3 * np.triu(rng.standard_normal((n, n)))
    if np.dtype(dtype).kind == "c":
        V = V + 0.3j * rng.standard_normal((n, n))
    return V @ T @ np.linalg.inv(V)


A = with_signs([2.0, -2.0, 3.0, -1.5])
Z = with_signs([2.0, -2.0 + 1j, 3.0 - 2j, -1.5], complex)
PAIRS = np.array([[1.0, 2.0, 0.3], [-2.0, 1.5, 0.1], [0.2, 0.4, -2.0]])  # a complex pair on the right
STACK = np.stack([A, A.T, -A])

CASES = [
    (fr.linalg.signm, (A,)),
    (fr.linalg.signm, (Z,)),
    (fr.linalg.signm, (PAIRS,)),
    (fr.linalg.signm, (-PAIRS,)),
    (fr.linalg.signm, (A.astype(np.float32),)),
    (fr.linalg.signm, (Z.astype(np.complex64),)),
    (fr.linalg.signm, (np.triu(A),)),
    (fr.linalg.signm, (np.eye(3) + 0.1 * np.ones((3, 3)),)),  # the sign is I, its derivative zero
    (fr.linalg.signm, (np.array([[-2.0]]),)),
    (fr.linalg.signm, (np.zeros((0, 0)),)),
]
CASES_STACKED = [
    (fr.linalg.signm, (STACK,)),
    (fr.linalg.signm, (Z[None, None],)),
    (fr.linalg.signm, (np.zeros((0, 2, 2)),)),
]


@pytest.mark.parametrize(("function", "args"), CASES + CASES_STACKED)
def test_rule(function, args):
    check_rule(function, *args)


@given(signs=st.lists(st.sampled_from([-2.0, -1.5, 1.5, 2.5]), min_size=1, max_size=4))
@settings(max_examples=10)
def test_rule_on_any_signs(signs):
    signs = np.array(signs)
    n = len(signs)
    check_rule(fr.linalg.signm, np.diag(signs) + 0.4 * np.cos(np.arange(n * n)).reshape(n, n) / n)


@pytest.mark.parametrize("n", [1, 2, 5, 30])
@pytest.mark.parametrize("dtype", ["f", "d", "F", "D"])
def test_value(n, dtype):
    signs = np.where(np.arange(n) % 3, 1.0, -1.0)
    x = with_signs(2 * signs, "D" if dtype in "FD" else "d").astype(dtype)
    got, expected = fr.linalg.signm(x), scipy.linalg.signm(x)
    assert got.dtype == x.dtype
    size = float(np.abs(expected).max())
    eps = float(np.finfo(dtype).eps)
    # Rounding times the condition number of the sign, which is about the square of its norm.
    np.testing.assert_allclose(got, expected, atol=100 * n * size**2 * eps)
    np.testing.assert_allclose(got @ got, np.eye(n), atol=100 * n * size**2 * eps)
    assert np.trace(got) == pytest.approx(signs.sum(), abs=100 * n * size * eps)


@pytest.mark.parametrize("matrix", [A, Z, PAIRS])
def test_value_and_derivative_in_high_precision(matrix):
    E = rng.standard_normal(matrix.shape)
    X, L = reference(lambda x: mpmath.sign(mpmath.re(x)), matrix, E)
    value, derivative = fr.jvp(fr.linalg.signm, (matrix,), (E,))
    # Rounding times the condition number, at most 100 here.
    assert np.linalg.norm(value - X) <= 1e-14 * np.linalg.norm(X)
    assert np.linalg.norm(derivative - L) <= 1e-13 * np.linalg.norm(L)


def test_second_derivative_in_high_precision():
    # The derivative of L(A, E) along F is the upper right block of L(M, diag(F, F)), M = [[A, E], [0, A]].
    E, F = rng.standard_normal((2, 3, 3))
    zero = np.zeros((3, 3))
    block = np.block([[PAIRS, E], [zero, PAIRS]])
    sign = lambda x: mpmath.sign(mpmath.re(x))
    exact = reference(sign, block, np.block([[F, zero], [zero, F]]))[1][:3, 3:]

    def along(x):
        return fr.jvp(fr.linalg.signm, (x,), (E,))[1]

    np.testing.assert_allclose(fr.jvp(along, (PAIRS,), (F,))[1], exact, atol=1e-13)  # rounding


def test_one_schur_form_serves_every_order(monkeypatch):
    made = []
    original = _schur_form.SchurForm.__init__

    def counting(self, matrix):
        made.append(matrix.shape)
        original(self, matrix)

    monkeypatch.setattr(_schur_form.SchurForm, "__init__", counting)
    _, L = fr.linearize(fr.linalg.signm, A)
    L(np.eye(4))
    L.adjoint(np.eye(4))
    fr.hessian(lambda t: fr.linalg.signm(A + t * np.eye(4))[0, 0])(0.1)
    assert made == [(1, 4, 4)] * 2  # one for each call of signm


def test_eigenvalues_on_the_imaginary_axis():
    # SciPy's case of its issue "nils": the eigenvalues are 3, −2, ±i and 0; the sign of the last three is 0.
    a = np.array(
        [
            [29.2, -24.2, 69.5, 49.8, 7.0],
            [-9.2, 5.2, -18.0, -16.8, -2.0],
            [-10.0, 6.0, -20.0, -18.0, -2.0],
            [-9.6, 9.6, -25.5, -15.4, -2.0],
            [9.8, -4.8, 18.0, 18.2, 2.0],
        ]
    )
    S = fr.linalg.signm(a)
    np.testing.assert_allclose(S, scipy.linalg.signm(a), atol=1e-9)  # SciPy's error
    np.testing.assert_allclose(S @ S @ S, S, atol=1e-11)  # rounding times the squares of A's and S's norms
    np.testing.assert_allclose(a @ S, S @ a, atol=1e-11)
    for x in (a, np.zeros((2, 2)), np.array([[0.0, 1.0], [-1.0, 0.0]]), np.diag([1.0, 0.0])):
        with pytest.raises(NotDifferentiableError, match=r"fr\.linalg\.signm.*imaginary axis.*Way out"):
            fr.jvp(fr.linalg.signm, (x,), (np.ones_like(x),))
        _, pullback = fr.vjp(fr.linalg.signm, x)
        with pytest.raises(NotDifferentiableError, match="imaginary axis"):
            pullback(np.ones_like(x))
    np.testing.assert_array_equal(fr.linalg.signm(np.zeros((2, 2))), np.zeros((2, 2)))
    check_rule(lambda x: fr.linalg.signm(x - 0.5 * np.eye(2)), np.diag([1.0, 0.0]))  # the way out


@pytest.mark.parametrize("bad", [np.ones((2, 3)), np.ones(3), np.full((2, 2), np.nan)])
def test_bad_input(bad):
    with pytest.raises(ValueError, match="signm: A"):
        fr.linalg.signm(bad)


def test_deprecated_argument():
    with pytest.warns(DeprecationWarning, match="disp"):
        S, error = fr.linalg.signm(A, disp=False)
    np.testing.assert_array_equal(S, fr.linalg.signm(A))
    assert 0 <= error < 1e-13
    with pytest.warns(DeprecationWarning, match="disp"):
        assert fr.linalg.signm(STACK, disp=False)[1].shape == (3,)


def test_lists_integers_and_half_precision():
    assert fr.linalg.signm([[4, 0], [0, -9]]).dtype == np.float64
    assert fr.linalg.signm(np.eye(2, dtype=np.float16)).dtype == np.float32
    gradient = fr.grad(lambda t: fr.linalg.signm([[2.0, t], [0.0, -1.0]])[0, 1])(3.0)
    assert gradient == pytest.approx(2 / 3)
