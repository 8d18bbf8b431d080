"""Quantiles, percentiles, medians."""

from __future__ import annotations

import numpy as np
import pytest

import frechet as fr
from frechet.rules.quantiles import _CONTINUOUS, _neighbours
from frechet.testing import check_rule

rng = np.random.default_rng(5)
X = rng.standard_normal((2, 3, 4))
Z = X + 1j * rng.standard_normal((2, 3, 4))
HOLES = X.copy()
HOLES[0, 1, 2] = HOLES[1, 1, 1] = HOLES[1, 2, 1] = np.nan
METHODS = [
    "inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf", "hazen",
    "weibull", "linear", "median_unbiased", "normal_unbiased", "lower", "higher", "midpoint", "nearest",
]  # fmt: skip

CASES = []
for method in METHODS:
    CASES += [
        (lambda x, q, m=method: np.quantile(x, q, axis=1, method=m), (X, np.array([0.37, 0.45, 0.61]))),
        (lambda x, q, m=method: np.quantile(x, q, axis=(0, 2), method=m, keepdims=True), (X, 0.37)),
        (
            lambda x, q, m=method: np.nanpercentile(x, q, axis=(0, 2), method=m),
            (HOLES, np.array([13.0, 71.0])),
        ),
        (np.percentile, (X, [10, 20]), {"method": method}),
        (np.nanquantile, (HOLES.astype(np.float32), 0.3), {"axis": 1, "method": method, "keepdims": True}),
    ]
CASES += [(f, (a,), {"axis": axis, "keepdims": k})
          for f, a in ((np.median, X), (np.median, Z), (np.nanmedian, HOLES))
          for axis, k in ((None, False), (0, True), ((1, 2), False))]  # fmt: skip
CASES += [
    (np.median, (2.5,)),
    (np.quantile, (X[0, 0], np.array([[0.3, 0.45], [0.52, 0.64]]))),
    (lambda q: np.quantile([1, 5, 2, 7], q), (0.4,)),
    (lambda x: np.quantile(x, [0.2, 0.6], axis=1, method="inverted_cdf", weights=[1, 2, 0.5]), (X,)),
    (lambda x: np.percentile(x, 30, method="inverted_cdf", weights=np.arange(24).reshape(X.shape)), (X,)),
    (lambda x: np.nanquantile(x, 0.3, axis=(0, 1), method="inverted_cdf", weights=np.abs(X)), (HOLES,)),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda c: getattr(c[0], "__name__", "f"))
def test_rules(case):
    f, args, *kwargs = case
    check_rule(f, *args, **(kwargs[0] if kwargs else {}), seed=1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 10])
def test_the_entries_are_those_that_numpy_takes(method, n):
    x = np.sort(rng.standard_normal(n))
    q = np.linspace(0, 1, 41)
    lo, hi, weight = _neighbours(method, n, q)
    mixed = (1 - weight) * x[lo.astype(int)] + weight * x[hi.astype(int)]
    # the same two entries mixed; the weight is a difference of numbers up to n, exact to n rounding units
    np.testing.assert_allclose(mixed, np.quantile(x, q, method=method), rtol=1e-13, atol=1e-13)


def test_slope_in_the_level():
    x = np.array([0.0, 1.0, 4.0])
    slope = fr.grad(lambda q: np.quantile(x, q))
    # piecewise linear in q with slopes 2·1 and 2·3: above a level that hits an entry, at the last below it
    assert [slope(q) for q in (0.0, 0.2, 0.5, 0.9, 1.0)] == [2, 2, 6, 6, 6]
    assert fr.grad(lambda q: np.percentile(x, q))(20.0) == pytest.approx(0.02, rel=1e-15)
    assert fr.grad(lambda q: np.quantile(x, q, method="weibull"))(0.01) == 0  # below the first entry
    assert fr.grad(lambda q: np.quantile(x, q, method="nearest"))(0.3) == 0
    assert set(_CONTINUOUS) < set(METHODS)


def test_level_and_data_together():
    x = np.array([0.0, 1.0, 4.0])
    # y = (1 − γ) x_0 + γ x_1 with γ = 2 q: ∂²y/∂q∂x = (−2, 2, 0)
    mixed = fr.jacobian(fr.grad(lambda q, x: np.quantile(x, q), 0), 1)(0.2, x)
    np.testing.assert_allclose(mixed, [-2, 2, 0], rtol=1e-15)


def test_of_many_equal_entries():
    # the derivative is that of the sorted entries, which share alike, however the entries are found
    x = np.array([[3.0, 1, 1, 2, 2], [5, 4, 3, 2, 1]])
    for q in (0.1, 0.5, np.linspace(0, 1, 21)):
        J = fr.jacobian(lambda x, q=q: np.quantile(x, q, axis=1))(x)
        expected = fr.jacobian(lambda x, q=q: np.quantile(np.sort(x, axis=1) + 0 * x, q, axis=1))(
            np.sort(x, axis=1)
        )
        sorting = fr.jacobian(lambda x: np.sort(x, axis=1))(x)
        shared = fr.jacobian(lambda x: np.sort(x, axis=1))(np.sort(x, axis=1))
        np.testing.assert_allclose(J, np.tensordot(np.tensordot(expected, shared, 2), sorting, 2), atol=1e-15)


def test_of_nothing():
    with np.errstate(all="ignore"), pytest.warns(RuntimeWarning):
        value, g = fr.value_and_grad(np.median)(np.zeros(0))
    assert np.isnan(value)
    assert g.shape == (0,)
    assert fr.jacobian(lambda x: np.quantile(x, 0.5, axis=1))(np.zeros((0, 3))).shape == (0, 0, 3)


def test_bad_levels_raise_as_in_numpy():
    with pytest.raises(ValueError, match="range"):
        fr.grad(lambda x: np.quantile(x, 1.5))(X)
    with pytest.raises(ValueError, match="valid method"):
        fr.grad(lambda x: np.quantile(x, 0.5, method="best"))(X)


def test_levels_with_two_axes_over_slices_with_nan():
    # NumPy puts the second axis of q behind the others there
    with pytest.raises(fr.errors.NotDifferentiableError, match="ravel"):
        fr.jacobian(lambda x: np.nanquantile(x, [[0.1, 0.2], [0.3, 0.4]], axis=0))(X)


def test_a_list_of_traced_levels():
    with pytest.raises(fr.errors.NotDifferentiableError, match="'q'"):
        fr.grad(lambda q: np.sum(np.quantile(X * q, [0.1, q])))(0.3)
