"""Taylor series of scalar functions by the rules of NumPy's functions."""

import mpmath
import numpy as np
import pytest
import scipy.special

import frechet as fr
from frechet.linalg._scalar_function import ScalarFunction
from frechet.maps import diagonal

POINTS = np.array([0.7 + 0.2j, 1.3 - 0.4j])
FUNCTIONS = [
    (np.exp, mpmath.exp),
    (np.log, mpmath.log),
    (np.sqrt, mpmath.sqrt),
    (np.sin, mpmath.sin),
    (np.tanh, mpmath.tanh),
    (np.arcsin, mpmath.asin),
    (np.arctan, mpmath.atan),
    (np.reciprocal, lambda z: 1 / z),
    (scipy.special.erf, mpmath.erf),
    (lambda z: 2.0**z, lambda z: mpmath.mpf(2) ** z),
    (lambda z: z**-1.5, lambda z: z ** mpmath.mpf(-1.5)),
    (lambda z: np.polyval([1.0, 2.0, 3.0], z), lambda z: z * z + 2 * z + 3),
    (lambda z: np.full_like(z, z * z), lambda z: z * z),
    (lambda z: z * z + np.zeros_like(z, dtype=complex), lambda z: z * z),
    (lambda z: np.ones(z.shape, bool) - z, lambda z: 1 - z),
    (lambda z: z - np.uint8(1), lambda z: z - 1),
    (
        lambda z: np.exp(-(z**2)) / (1 + z) + np.cos(z) * z**3 - 2 * z,
        lambda z: mpmath.exp(-z * z) / (1 + z) + mpmath.cos(z) * z**3 - 2 * z,
    ),
]
REAL = [
    (np.sinc, mpmath.sincpi),
    (lambda x: scipy.special.jv(0, x), lambda x: mpmath.besselj(0, x)),
    (scipy.special.gamma, mpmath.gamma),
    (lambda x: np.where(x > 1, np.abs(x), x * x), lambda x: x if x.real > 1 else x * x),
    (lambda x: np.clip(x.real, 0, 1), lambda x: 1 if x.real > 1 else x),
]


def coefficients(f, points, order):
    with mpmath.workdps(60):
        return np.array([[complex(c) for c in mpmath.taylor(f, complex(z), order)] for z in points]).T


@pytest.mark.parametrize(
    ("f", "exact", "points"), [(*c, POINTS) for c in FUNCTIONS] + [(*c, POINTS.real) for c in REAL]
)
def test_coefficients(f, exact, points):
    got, expected = ScalarFunction(f).taylor(points, 16), coefficients(exact, points, 16)
    # Recurrences over 16 orders, each of which adds a few units of rounding.
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-25)


def test_given_derivatives():
    by_sequence = ScalarFunction(np.sin, (np.cos, lambda z: -np.sin(z)))
    by_order = ScalarFunction(np.sin, lambda k, z: np.sin(z + k * np.pi / 2))
    expected = ScalarFunction(np.sin).taylor(POINTS, 2)
    for f in (by_sequence, by_order):
        np.testing.assert_allclose(f.taylor(POINTS, 2), expected, rtol=1e-14)
    with pytest.raises(fr.NotDifferentiableError, match="up to order 3 are needed here, 2 are given"):
        by_sequence.taylor(POINTS, 3)


def test_rules_of_one_name_are_told_apart():
    def elementwise(f, slope):
        @fr.rule
        def function(x):
            return f(x), diagonal(slope(x))

        return function

    sine, exponential = elementwise(np.sin, np.cos), elementwise(np.exp, np.exp)
    got = ScalarFunction(lambda z: sine(z) + exponential(z)).taylor(POINTS, 4)
    expected = ScalarFunction(lambda z: np.sin(z) + np.exp(z)).taylor(POINTS, 4)
    np.testing.assert_allclose(got, expected, rtol=1e-14)
    # With one memo for both, f[λ, λ] was 2 cos λ.
    L = fr.linearize(
        lambda a: fr.linalg.funm(a, lambda z: sine(z) + exponential(z), assume="hermitian"), np.eye(2)
    )[1]
    np.testing.assert_allclose(L(np.eye(2)), (np.cos(1.0) + np.e) * np.eye(2), rtol=1e-14)


def test_lists_are_refused_by_name():
    with pytest.raises(fr.NotDifferentiableError, match=r"np\.concatenate has no Taylor series.*a list"):
        ScalarFunction(lambda z: np.concatenate([z])).taylor(POINTS, 2)


def test_constants():
    np.testing.assert_array_equal(ScalarFunction(lambda z: 2.0).taylor(POINTS, 2)[:, 0], [2, 0, 0])
    np.testing.assert_array_equal(ScalarFunction(np.floor).taylor(POINTS.real, 1)[:, 1], [1, 0])


@pytest.mark.parametrize(
    "f",
    [
        *(np.abs, np.conj, np.real, np.sort, np.vectorize(lambda z: z), lambda z: z.real**2),
        *(lambda z: np.add(z, 1, out=np.zeros(2, complex)), lambda z: z @ z, lambda z: 1 if z else 0),
    ],
)
def test_what_has_no_series_says_so(f):
    with pytest.raises(
        fr.NotDifferentiableError, match=r"they cannot be found from func itself.*derivatives="
    ):
        ScalarFunction(f).taylor(POINTS, 2)


def test_bad_functions():
    with pytest.raises(TypeError, match="func must be a function"):
        ScalarFunction(1.0)
    with pytest.raises(TypeError, match="derivatives must be functions"):
        ScalarFunction(np.sin, (np.cos, 1.0))
    with pytest.raises(ValueError, match=r"func returned shape \(1,\)"):
        ScalarFunction(lambda z: z[:1])(POINTS)
    with pytest.raises(TypeError, match="func must return numbers"):
        ScalarFunction(lambda z: "x")(POINTS)
