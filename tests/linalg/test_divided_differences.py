"""Divided differences at points near and far, against 200 digits."""

import itertools

import mpmath
import numpy as np
import pytest

import frechet as fr
from frechet.linalg._divided_differences import DividedDifferences
from frechet.linalg._scalar_function import ScalarFunction

POINTS = [
    (np.exp, mpmath.exp, [0, 1e-9, 1e-3, 0.05, 0.3, 1, 1, 4]),
    (np.log, mpmath.log, [1e-8, 1.0001e-8, 1e-3, 1.1e-3, 0.5, 0.5, 0.6, 3]),
    (np.sqrt, mpmath.sqrt, [1e-12, 1e-12, 1e-2, 1.3e-2, 1, 1.01, 7, 7]),
    (lambda x: 1 / (1 + x), lambda x: 1 / (1 + x), [-0.9, -0.9, 0, 1e-8, 2e-8, 5, 5 + 1e-6, 90]),
]


def reference(f, points):
    """By the recurrence, with equal points 1e-40 apart."""
    with mpmath.workdps(200):
        x = [mpmath.mpf(p) + mpmath.mpf(10) ** -40 * k for k, p in enumerate(sorted(points))]
        row = [f(p) for p in x]
        for m in range(1, len(x)):
            row = [(row[i + 1] - row[i]) / (x[i + m] - x[i]) for i in range(len(row) - 1)]
        return float(row[0])


@pytest.mark.parametrize(("f", "exact", "points"), POINTS)
@pytest.mark.parametrize("m", [1, 2, 3])
def test_all_tuples(f, exact, points, m):
    x = np.array(points, float)
    index = np.array(list(itertools.combinations_with_replacement(range(len(x)), m + 1))).T
    got = DividedDifferences(ScalarFunction(f), x, f(x)).at(index[::-1])
    expected = np.array([reference(exact, x[i]) for i in index.T])
    # Each order loses up to a digit, where the points are too far apart for the series.
    np.testing.assert_allclose(got, expected, rtol=10.0**m * 1e-15)


def test_complex_points():
    x = np.array([1 + 1j, 1 + 1j + 1e-9, 2 - 0.5j, 2 - 0.5j])
    i, j = np.indices((4, 4))
    got = DividedDifferences(ScalarFunction(np.exp), x, np.exp(x)).at(np.stack([i, j]))
    with mpmath.workdps(60):
        for (a, b), value in np.ndenumerate(got):
            p, q = (mpmath.mpc(complex(x[k])) for k in (a, b))
            exact = mpmath.exp(p) if p == q else (mpmath.exp(p) - mpmath.exp(q)) / (p - q)
            assert abs(value - complex(exact)) <= 1e-15 * abs(exact) * 4


def test_functions_with_kinks():
    x = np.array([-0.1, 0.1, -1e-8, 2e-8])
    D = DividedDifferences(ScalarFunction(np.abs), x, np.abs(x))
    got = D.at(np.array([[0, 2, 3, 0, 1], [1, 3, 1, 0, 3]]))
    np.testing.assert_allclose(
        got, [0, 1 / 3, 1, -1, 1], atol=1e-8
    )  # |a|−|b| over a−b: exact but for rounding


def test_few_derivatives_given():
    x = np.array([1.0, 1.0, 1 + 1e-9, 1 + 1e-3])
    D = DividedDifferences(ScalarFunction(np.exp, (np.exp,)), x, np.exp(x))
    i, j = np.indices((4, 4))
    full = DividedDifferences(ScalarFunction(np.exp), x, np.exp(x)).at(np.stack([i, j]))
    # With f′ alone: a gap h costs min(h, rounding/h) of relative accuracy, 1e-8 at the worst.
    np.testing.assert_allclose(D.at(np.stack([i, j])), full, rtol=1e-7)
    with pytest.raises(fr.NotDifferentiableError, match="derivative 2 of func is needed"):
        D.at(np.zeros((3, 1), int))


def test_singular_points():
    x = np.array([0.0, 0.0, 1.0])
    D = DividedDifferences(ScalarFunction(lambda x: x**1.5), x, x**1.5)
    np.testing.assert_array_equal(D.at(np.array([[0, 0, 2], [1, 2, 2]])), [0, 1, 1.5])
    with pytest.raises(fr.NotDifferentiableError, match="derivative 2 of func is needed"):
        D.at(np.array([[0], [0], [1]]))
