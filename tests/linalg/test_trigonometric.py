"""Trigonometric and hyperbolic functions of matrices."""

import mpmath
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.testing import check_rule
from tests.linalg.matrix_function_references import jordan, reference

rng = np.random.default_rng(11)
A = rng.standard_normal((3, 3))
Z = A + 1j * rng.standard_normal((3, 3))
STACK = rng.standard_normal((2, 3, 3))
NAMES = ("cosm", "sinm", "tanm", "coshm", "sinhm", "tanhm")
MPMATH = {name: getattr(mpmath, name[:-1]) for name in NAMES}

CASES = [(getattr(fr.linalg, name), (x,)) for name in NAMES for x in (A, Z, A.astype(np.float32) / 2)]
CASES_STACKED = [(getattr(fr.linalg, name), (STACK,)) for name in NAMES]


@pytest.mark.parametrize(("function", "args"), CASES + CASES_STACKED)
def test_rule(function, args):
    check_rule(function, *args)


@given(name=st.sampled_from(NAMES), n=st.integers(0, 4), complex=st.booleans(), seed=st.integers(0, 99))
@settings(max_examples=12)
def test_rule_at_drawn_matrices(name, n, complex, seed):
    draw = np.random.default_rng(seed)
    x = draw.standard_normal((n, n)) / 2
    if n:
        check_rule(getattr(fr.linalg, name), x + 0.5j * draw.standard_normal((n, n)) if complex else x)
    else:
        assert getattr(fr.linalg, name)(x).shape == (0, 0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("x", [A, Z, STACK, A.astype(np.float32), Z.astype(np.complex64)])
def test_value_is_scipys(name, x):
    got, expected = getattr(fr.linalg, name)(x), getattr(scipy.linalg, name)(x)
    assert got.dtype == x.dtype
    # Two backward stable ways, times the condition numbers, below a hundred here.
    tolerance = 1e3 * np.finfo(got.dtype).eps * np.abs(expected).max()
    np.testing.assert_allclose(got, expected, atol=tolerance)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("x", [A, Z, jordan(0.4, 3), np.diag([1.0, 1 + 1e-9, 0.3]), np.triu(3 * A)])
def test_value_and_derivative_in_50_digits(name, x):
    E = rng.standard_normal((3, 3))
    F, L = fr.linalg.frechet_derivative(getattr(fr.linalg, name), x, E)
    exact, slope = reference(MPMATH[name], x, E)
    # Rounding times the condition of the tangent's denominator, a few dozen at most.
    np.testing.assert_allclose(F, exact, atol=1e-13 * np.abs(exact).max())
    np.testing.assert_allclose(L, slope, atol=1e-12 * np.abs(slope).max())


@pytest.mark.parametrize("x", [4 * A, Z])
def test_identities(x):
    c, s, ch, sh = (getattr(fr.linalg, name)(x) for name in ("cosm", "sinm", "coshm", "sinhm"))
    # Squares of entries that are large beside their difference, in units of rounding.
    np.testing.assert_allclose(c @ c + s @ s, np.eye(3), atol=1e-13 * np.linalg.norm(c) ** 2)
    np.testing.assert_allclose(ch @ ch - sh @ sh, np.eye(3), atol=1e-13 * np.linalg.norm(ch) ** 2)


def test_one_exponential_serves_a_real_matrix(monkeypatch):
    from frechet.linalg import _expm_factor

    made = []
    original = _expm_factor.ExpmFactor.__init__

    def counting(self, matrix):
        made.append(np.shape(matrix))
        original(self, matrix)

    monkeypatch.setattr(_expm_factor.ExpmFactor, "__init__", counting)
    fr.grad(lambda x: np.sum(fr.linalg.tanm(x)))(A)
    assert made == [(3, 3)]


def test_lists_and_integers():
    assert fr.linalg.cosm([[0, 0], [0, 0]]).dtype == np.float64
    assert fr.grad(lambda t: fr.linalg.sinm([[t, 0.0], [0.0, 1.0]])[0, 0])(0.0) == pytest.approx(1.0)


@pytest.mark.parametrize("name", NAMES)
def test_bad_input(name):
    f = getattr(fr.linalg, name)
    with pytest.raises(ValueError, match=f"{name}: A must be a square matrix"):
        f(np.ones((2, 3)))
    with pytest.raises(ValueError, match=f"{name}: A must not contain infs or NaNs"):
        f(np.full((2, 2), np.nan))
