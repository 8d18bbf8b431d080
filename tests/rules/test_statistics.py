"""Weighted means, covariances, histograms, correlations and convolutions."""

from __future__ import annotations

import numpy as np
import pytest

import frechet as fr
from frechet.testing import check_rule

rng = np.random.default_rng(5)
X = rng.standard_normal((3, 6))
Z = X + 1j * rng.standard_normal((3, 6))
Y = rng.standard_normal((2, 6))
W = rng.random(6) + 0.1
CUBE = rng.standard_normal((2, 3, 4))
DATA = rng.standard_normal(20)
MASSES = rng.random(20)
BINS = np.array([0, 3, 1, 1, 3, 5])
COUNTS = np.arange(1, 7)
EDGES = np.array([-1.3, -0.2, 0.33, 1])

CASES = [
    (np.average, (X,)),
    (np.average, (Z,), {"axis": 1, "returned": True, "keepdims": True}),
    (lambda x, w: np.average(x, weights=w), (CUBE, rng.random(CUBE.shape))),
    (lambda x, w: np.average(x, axis=1, weights=w, keepdims=True, returned=True), (Z, W)),
    (lambda x, w: np.average(x, axis=(2, 0), weights=w, returned=True), (CUBE, rng.random((4, 2)))),
    (lambda w: np.average([1, 2, 3, 4, 5, 9], weights=w), (W.astype(np.float32),)),
    (np.cov, (X, Y)),
    (np.cov, (X, Y[0])),
    (np.cov, (X.T, Y.T), {"rowvar": False}),
    (np.cov, (X.astype(np.float32),)),
    (np.cov, (X[:, :3],), {"aweights": [1.0, 2, 3], "fweights": [1, 3, 2]}),
    (np.cov, (X.astype(np.float32),), {"dtype": np.float32}),
    (np.corrcoef, (X, Y)),
    (np.corrcoef, (Z,)),
    (np.corrcoef, (X.T,), {"rowvar": False}),
    (lambda w: np.bincount(BINS, w), (W,)),
    (lambda w: np.bincount(BINS, w, minlength=9), (W.astype(np.float32),)),
    (lambda w: np.histogram(DATA, 5, weights=w), (MASSES,)),
    (lambda w: np.histogram(DATA, 5, weights=w, density=True), (MASSES,)),
    (lambda w: np.histogram(DATA, 5, weights=w, range=(-1, 1))[0], (MASSES + 1j * MASSES[::-1],)),
    (lambda w: np.histogram(DATA, 5, weights=w)[0], (MASSES.astype(np.float32),)),
    (lambda a: np.histogram(a, 5, density=True), (DATA,)),
    (lambda b, w: np.histogram(DATA, b, weights=w, density=True), (np.array([-1, 0, 0.5, 2]), MASSES)),
    (np.histogram_bin_edges, (DATA, "auto")),
    (np.histogram_bin_edges, (np.array([2.0]), 3)),
    (lambda w: np.histogramdd(X.T, 3, weights=w)[0], (W,)),
    (lambda w: np.histogramdd(X.T, [3, 2, np.array([-1, 0, 1.0])], weights=w, density=True)[0], (W,)),
    (lambda s: np.histogramdd(s, 3, density=True), (X.T,)),
    (lambda s: np.histogramdd([s[0], s[1]], [3, 2])[1], (X,)),
    (lambda a, b, w: np.histogram2d(a, b, 3, weights=w, density=True), (X[0], X[1], W)),
    (lambda a, b, w: np.histogram2d(a, b, EDGES, weights=w, density=True), (X[0], X[1], W)),
    (np.convolve, (2.0, W)),
]  # fmt: skip
for a in (X, Z, X[0]):
    CASES += [
        (np.cov, (a,)),
        (np.cov, (a.T,), {"rowvar": False}),
        (np.cov, (a,), {"bias": True}),
        (np.cov, (a,), {"fweights": COUNTS}),
        (lambda x, w: np.cov(x, aweights=w), (a, W)),
        (lambda x, w: np.cov(x, aweights=w, fweights=COUNTS, ddof=0), (a, W)),
    ]
for n, m in ((5, 3), (3, 5), (4, 4), (6, 4), (4, 6), (5, 1), (1, 1), (1, 4)):
    p, q = rng.standard_normal(n), rng.standard_normal(m)
    CASES += [
        (f, pair, {"mode": mode})
        for f in (np.convolve, np.correlate)
        for mode in ("full", "same", "valid")
        for pair in ((p, q), (p + 1j * p[::-1], q), (p, q - 1j), (p + 1j, q + 1j * q[::-1]))
    ]
    CASES += [(f, (p.astype(np.float32), q.astype(np.float32))) for f in (np.convolve, np.correlate)]


@pytest.mark.parametrize("case", CASES, ids=lambda c: getattr(c[0], "__name__", "f"))
def test_rules(case):
    f, args, *kwargs = case
    check_rule(f, *args, **(kwargs[0] if kwargs else {}), seed=1)


def test_the_correlation_of_a_variable_with_itself_is_constant():
    C, L = fr.linearize(np.corrcoef, X)
    J = L.to_dense()
    # up to rounding of numbers of size 1
    np.testing.assert_allclose(np.diag(C), np.ones(3), rtol=1e-15)
    assert np.max(np.abs(J[np.arange(3), np.arange(3)])) < 1e-15
    assert np.max(C) <= 1
    assert fr.grad(np.corrcoef)(X[0]).shape == (6,)


def test_counts_are_constant_in_the_data():
    _, pullback = fr.vjp(lambda a, w: np.histogram(a, [-1, 0, 1], weights=w)[0], DATA, MASSES)
    in_data, in_weights = pullback(np.array([2.0, 3.0]))
    assert np.array_equal(in_data, np.zeros(20))
    assert np.array_equal(
        in_weights, np.where((DATA >= -1) & (DATA < 0), 2, np.where((DATA >= 0) & (DATA <= 1), 3, 0))
    )
    counts, edges = fr.linearize(lambda a: np.histogram(a, 4), DATA)[0]
    assert counts.dtype == int
    assert np.array_equal(edges, np.histogram(DATA, 4)[1])


def test_the_edges_of_bins_follow_the_extreme_entries():
    J = fr.jacobian(lambda a: np.histogram(a, 4)[1])(np.array([1.0, 7.0, 3.0]))
    np.testing.assert_allclose(
        J, np.stack([np.linspace(1, 0, 5), np.linspace(0, 1, 5), np.zeros(5)], 1), atol=1e-15
    )


def test_entries_on_edges_fall_where_numpy_puts_them():
    a, w = np.linspace(0, 1, 11), np.arange(11.0)
    for bins in (5, 10, [0, 0.3, 1.0]):
        assert np.array_equal(
            fr.linearize(lambda w, bins=bins: np.histogram(a, bins, weights=w)[0], w)[0],
            np.histogram(a, bins, weights=w)[0],
        )
    H = fr.linearize(lambda w: np.histogram2d(a, a[::-1], 5, weights=w)[0], w)[0]
    assert np.array_equal(H, np.histogram2d(a, a[::-1], 5, weights=w)[0])


BAD = [
    (lambda w: np.average(X, weights=w), np.ones(6), TypeError, "axis must be given"),
    (lambda w: np.average(X, axis=0, weights=w), np.ones(6), ValueError, "do not fit"),
    (lambda w: np.average(X, axis=1, weights=w), np.zeros(6), ZeroDivisionError, "sum to zero"),
    (np.cov, np.ones((2, 2, 2)), ValueError, "2 dimensions"),
    (lambda w: np.cov(X, aweights=w), np.ones(5), RuntimeError, "incompatible numbers"),
    (lambda w: np.cov(X, aweights=w), -np.ones(6), ValueError, "negative"),
    (lambda w: np.bincount(BINS, w), np.ones(5), ValueError, "length"),
    (lambda a: np.histogram(a, 0), np.ones(5), ValueError, "positive"),
    (lambda a: np.convolve(a, [1, 2], "middle"), np.ones(5), ValueError, "middle"),
    (lambda a: np.convolve(a, [1, 2]), np.ones((2, 2)), ValueError, "deep"),
]  # fmt: skip


@pytest.mark.parametrize(("f", "x", "error", "message"), BAD)
def test_bad_input(f, x, error, message):
    with pytest.raises(error, match=message):
        fr.linearize(f, x)


def test_too_few_observations_warn_as_in_numpy():
    with np.errstate(all="ignore"), pytest.warns(RuntimeWarning, match="Degrees of freedom"):
        C, _ = fr.linearize(np.cov, np.ones((2, 1)))
    assert np.all(np.isnan(C))
