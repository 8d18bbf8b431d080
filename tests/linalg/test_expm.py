"""expm and expm_frechet as differentiable functions; the numerics are tested in test_expm_factor.py."""

import mpmath
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.linalg import _expm_factor, expm, expm_frechet
from frechet.testing import check_rule

rng = np.random.default_rng(7)
A = rng.standard_normal((4, 4))
E = rng.standard_normal((4, 4))
Z = A + 1j * rng.standard_normal((4, 4))
STACK = rng.standard_normal((2, 3, 3))

CASES = [
    (expm, (A,)),
    (expm, (3 * A,)),
    (expm, (Z,)),
    (expm, (STACK[0].astype(np.float32),)),
    (expm, (np.zeros((2, 2)),)),
    (expm, (np.array([[0.3]]),)),
    (expm, (np.eye(3)[::-1] * 1j,)),
    (expm_frechet, (A, E)),
    (expm_frechet, (Z, E)),
]
CASES_STACKED = [
    (expm, (STACK,)),
    (expm_frechet, (STACK, rng.standard_normal((5, 2, 3, 3)))),
]


@pytest.mark.parametrize(("function", "args"), CASES + CASES_STACKED)
def test_rule(function, args):
    check_rule(function, *args)


@pytest.mark.parametrize("matrix", [A, Z, STACK, A.astype(np.float32)])
def test_value_is_scipys(matrix):
    got, expected = expm(matrix), scipy.linalg.expm(matrix)
    assert got.dtype == expected.dtype
    # Backward stable algorithms differ by rounding times the condition number of expm here, a few hundred.
    np.testing.assert_allclose(got, expected, rtol=1e3 * np.finfo(got.dtype).eps * np.abs(expected).max())


def test_third_derivative():
    # t ↦ exp(tA) has the third derivative A³ exp(tA).
    d3 = fr.jacobian(fr.jacobian(fr.jacobian(lambda t: expm(t * A))))(0.5)
    np.testing.assert_allclose(d3, A @ A @ A @ scipy.linalg.expm(0.5 * A), rtol=1e-11)  # rounding, thrice


def test_hessian_against_differences_of_the_gradient():
    C = rng.standard_normal((4, 4))
    g = fr.grad(lambda A: np.sum(C * expm(A)))
    h = 1e-5  # central differences: h² truncation and eps/h rounding, both about 1e-10
    along = (g(A + h * E) - g(A - h * E)) / (2 * h)
    H = fr.hessian(lambda A: np.sum(C * expm(A)))(A)
    np.testing.assert_allclose(np.einsum("ijkl,kl", H, E), along, rtol=1e-7, atol=1e-7)


def test_frechet_derivative_in_high_precision():
    block = mpmath.matrix(np.block([[A, E], [np.zeros((4, 4)), A]]).tolist())
    with mpmath.workdps(40):
        exact = np.array(mpmath.expm(block).tolist(), dtype=float)[:4, 4:]
    np.testing.assert_allclose(
        expm_frechet(A, E)[1], exact, rtol=1e-12, atol=1e-13
    )  # condition times rounding
    np.testing.assert_allclose(fr.jvp(expm, (A,), (E,))[1], exact, rtol=1e-12, atol=1e-13)


def test_one_preparation_serves_value_pushforward_and_pullback(monkeypatch):
    made = []
    original = _expm_factor.ExpmFactor.__init__

    def counting(self, A):
        made.append(np.shape(A))
        original(self, A)

    monkeypatch.setattr(_expm_factor.ExpmFactor, "__init__", counting)
    _, L = fr.linearize(expm, A)
    L(E)
    L.adjoint(E)
    assert made == [(4, 4)]


@given(n=st.integers(0, 5), batch=st.sampled_from([(), (2,), (0,), (2, 1)]), seed=st.integers(0, 99))
@settings(max_examples=25)
def test_shapes(n, batch, seed):
    x = np.random.default_rng(seed).standard_normal((*batch, n, n))
    value, pullback = fr.vjp(expm, x)
    assert value.shape == x.shape
    assert pullback(np.ones(x.shape))[0].shape == x.shape


@pytest.mark.parametrize(
    "bad", [np.ones((2, 3)), np.ones(3), np.full((2, 2), np.nan), np.full((2, 2), np.inf)]
)
def test_bad_input(bad):
    with pytest.raises(ValueError, match=r"square|nan|inf|finite"):
        expm(bad)
    with pytest.raises(ValueError, match=r"square|nan|inf|finite"):
        fr.vjp(expm, bad)


def test_lists_with_traced_values():
    g = fr.grad(lambda t: expm([[0.0, t], [0.0, 0.0]])[0, 1])(2.0)
    assert g == pytest.approx(1.0, rel=1e-15)
