"""Functions of Hermitian matrices: exact derivatives of every order at equal eigenvalues."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.testing import check_rule
from tests.linalg.matrix_function_references import reference

rng = np.random.default_rng(14)
A = rng.standard_normal((4, 4))
Z = A + 1j * rng.standard_normal((4, 4))
STACK = rng.standard_normal((2, 3, 3))


def symmetric(a):
    return (a + np.conj(np.swapaxes(a, -1, -2))) / 2


def of(f, **options):
    return lambda a: fr.linalg.funm(a, f, assume="hermitian", **options)


def on_hermitian_part(f, **options):
    return lambda a: fr.linalg.funm(symmetric(a), f, assume="hermitian", **options)


def rotated(*eigenvalues):
    V = np.linalg.qr(np.random.default_rng(len(eigenvalues)).standard_normal((len(eigenvalues),) * 2))[0]
    return (V * eigenvalues) @ V.T


CASES = [
    *((on_hermitian_part(f), (x,)) for f in (np.sin, lambda x: 1 / (x * x + 3)) for x in (A, Z)),
    (on_hermitian_part(np.exp), (np.eye(3),)),
    (on_hermitian_part(np.exp), (np.diag([1.0, 1 + 1e-9, 1, 2]),)),
    (on_hermitian_part(np.log), (rotated(1.0, 1.0, 2.0, 2.0),)),
    (on_hermitian_part(lambda x: np.exp(1j * x)), (A,)),
    (on_hermitian_part(np.exp), (A.astype(np.float32) / 2,)),
    (on_hermitian_part(np.exp, derivatives=(np.exp,) * 3), (A,)),
    (of(np.exp), (A,)),  # not symmetric: the lower triangle counts
    (of(np.sin), (Z,)),
]
CASES_STACKED = [
    (on_hermitian_part(np.exp), (STACK,)),
    (on_hermitian_part(np.cos), (STACK + 1j * STACK[::-1],)),
]


@pytest.mark.parametrize(("function", "args"), CASES + CASES_STACKED)
def test_rule(function, args):
    check_rule(function, *args)


@given(
    spectrum=st.lists(st.sampled_from([1.0, 1 + 1e-12, 1.001, 1.5, 3.0, -2.0]), min_size=1, max_size=4),
    seed=st.integers(0, 99),
)
@settings(max_examples=12)
def test_rule_at_drawn_spectra(spectrum, seed):
    V = np.linalg.qr(np.random.default_rng(seed).standard_normal((len(spectrum),) * 2))[0]
    check_rule(on_hermitian_part(np.sin), (V * spectrum) @ V.T)


@pytest.mark.parametrize(("f", "exact"), [(np.exp, mpmath.exp), (np.log, mpmath.log), (np.sqrt, mpmath.sqrt)])
@pytest.mark.parametrize(
    "x",
    [np.eye(3), np.diag([1e-8, 1e-8, 1.0]), np.diag([1.0, 1 + 1e-6, 1 + 1e-3, 2.0]), rotated(3.0, 2.0, 2.0)],
)
def test_value_and_derivatives_in_50_digits(f, exact, x):
    n = len(x)
    E, D = (symmetric(e) for e in rng.standard_normal((2, n, n)))
    F, L = fr.linalg.frechet_derivative(of(f), x, E)
    value, slope = reference(exact, x, E)
    np.testing.assert_allclose(F, value.real, atol=1e-14 * max(np.abs(value).max(), 1e-10))
    np.testing.assert_allclose(L, slope.real, atol=1e-14 * np.abs(slope).max())
    # The second derivative, in the upper right block of L(M, diag(D, D)), M = [[A, E], [0, A]].
    block = np.block([[x, E], [np.zeros_like(x), x]])
    second = reference(exact, block, np.kron(np.eye(2), D))[1][:n, n:].real
    got = fr.jvp(lambda a: fr.jvp(of(f), (a,), (E,))[1], (x,), (D,))[1]
    np.testing.assert_allclose(got, second, atol=1e-13 * np.abs(second).max())


def test_third_derivative_at_equal_eigenvalues():
    # d³/dt³ exp(I + tE) at 0 = e E³, by divided differences of equal points throughout.
    E = symmetric(A)
    f = lambda t: of(np.exp)(np.eye(4) + t * E)
    third = fr.jacobian(fr.jacobian(fr.jacobian(f)))(0.0)
    np.testing.assert_allclose(third, np.e * E @ E @ E, atol=1e-12 * np.abs(E).max() ** 3)  # rounding


def test_hessian_of_a_spectral_function_at_equal_eigenvalues():
    # tr f(A) has the Hessian E ↦ f″(1) E at the identity, on symmetric matrices.
    H = fr.hessian(lambda a: np.trace(on_hermitian_part(np.log)(a)))(np.eye(3))
    E = symmetric(rng.standard_normal((3, 3)))
    np.testing.assert_allclose(np.einsum("ijkl,kl", H, E), -E, atol=1e-13)


def test_gradients_and_values_are_hermitian():
    x = symmetric(Z)
    value, pullback = fr.vjp(of(np.exp), x)
    gradient = pullback(Z)[0]
    np.testing.assert_array_equal(value, value.conj().T)
    np.testing.assert_allclose(gradient, gradient.conj().T, atol=1e-13 * np.abs(gradient).max())
    assert of(np.exp)(symmetric(A)).dtype == np.float64
    assert of(np.exp)(symmetric(A).astype(np.float32)).dtype == np.float32
    assert of(lambda x: np.exp(1j * x))(symmetric(A)).dtype == np.complex128


def test_piecewise_functions():
    # The positive part of a matrix, with eigenvalues on both sides of the kink: Daleckiĭ and Kreĭn's formula.
    x = rotated(-1.0, -0.1, 0.1, 2.0)
    w, V = np.linalg.eigh(x)
    E = symmetric(A)
    plus = np.maximum(w, 0)
    gaps = w[:, None] - w + np.eye(4)
    D = (plus[:, None] - plus) / gaps + np.diag((w > 0).astype(float))
    got = fr.linalg.frechet_derivative(of(lambda w: np.maximum(w, 0)), x, E)[1]
    np.testing.assert_allclose(got, V @ (D * (V.T @ E @ V)) @ V.T, atol=1e-14)


def test_against_the_general_algorithm():
    x = symmetric(rng.standard_normal((12, 12))) / 2
    E = symmetric(rng.standard_normal((12, 12)))
    for got, expected in zip(
        fr.linalg.frechet_derivative(of(np.exp), x, E),
        fr.linalg.frechet_derivative(fr.linalg.expm, x, E),
        strict=True,
    ):
        np.testing.assert_allclose(got, expected, atol=1e-13 * np.abs(expected).max())  # rounding


def test_one_eigendecomposition_serves_all(monkeypatch):
    made = []
    original = np.linalg.eigh
    monkeypatch.setattr(np.linalg, "eigh", lambda a, *args: made.append(a.shape) or original(a, *args))
    x = symmetric(A)
    fr.hessian(lambda a: np.sum(of(np.exp)(a)))(x)
    assert made == [(4, 4)]


def test_shapes_and_refusals():
    assert of(np.exp)(np.zeros((0, 0))).shape == (0, 0)
    value, error = fr.linalg.funm(STACK, np.exp, disp=False, assume="hermitian")
    assert (value.shape, error.shape) == (STACK.shape, (2,))
    with pytest.raises(fr.NotDifferentiableError, match="derivative 1 of func is needed"):
        fr.jvp(of(np.sqrt), (np.diag([0.0, 1.0]),), (np.eye(2),))
    with pytest.raises(fr.NotDifferentiableError, match="derivative 2 of func is needed"):
        fr.hessian(lambda a: np.sum(of(np.exp, derivatives=(np.exp,))(a)))(np.eye(2))
