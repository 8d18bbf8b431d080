"""Polynomials by their coefficients."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from numpy.polynomial import polynomial

import frechet as fr
from frechet.testing import check_rule

rng = np.random.default_rng(5)
P = rng.standard_normal(5)
Q = rng.standard_normal(3)
Z = P + 1j * rng.standard_normal(5)
X = rng.standard_normal((2, 3))
M = np.diag([1.0, 2.0, 4.0]) + 0.1 * rng.standard_normal((3, 3))
T = np.linspace(-1, 1, 7)
Y, YY = rng.standard_normal(7), rng.standard_normal((7, 2))
W = rng.random(7) + 0.5

CASES = [
    (np.polyval, (P, X)),
    (np.polyval, (Z, X)),
    (np.polyval, (P, X + 1j * X[::-1])),
    (np.polyval, (P, 0.3)),
    (np.polyval, (P[:1], X)),
    (np.polyval, (P.astype(np.float32), X.astype(np.float32))),
    (lambda x: np.polyval([1, 2, 3], x), (X,)),
    (lambda p: np.polyval(p, 2), (P,)),
    (np.polyval, (X, X[0])),
    (polynomial.polyval2d, (Q, W[:3], X)),
    (polynomial.polygrid2d, (Q, W[:2], X)),
    (polynomial.polyval2d, (0.5, 0.3 + 1j, X)),
    (lambda x: polynomial.polygrid2d(x, [1, 2], [[1, 2], [3, 4]]), (Q,)),
    (np.polymul, (np.concatenate([P, [1.0]]), P)),
    (lambda p, k: np.polyint(p, 2, k), (P, Q)),
    (lambda p, k: np.polyint(p, 2, k), (P, 3.0)),
    (np.poly, (P,)),
    (np.poly, (Z,)),
    (np.poly, (M,)),
    (np.poly, (rng.standard_normal((3, 3)),)),
    (np.roots, (P,)),
    (np.roots, (Z,)),
    (np.roots, (np.poly([1.0, 2, 3, 4]),)),
    (np.roots, (P.astype(np.float32),)),
    (lambda p: np.roots(p * np.array([1, 1, 1, 0])), (np.array([1.0, 3, 1, 2]),)),
    (np.polyfit, (T, Y, 2)),
    (np.polyfit, (T, YY, 3)),
    (np.polyfit, (T, Y + 1j, 2)),
    (lambda x, y, w: np.polyfit(x, y, 2, w=w), (T, Y, W)),
    (lambda x, y, w: np.polyfit(x, y, 2, w=w), (T, YY, W)),
    (lambda x, y, w: np.polyfit(x, y, 2, w=w, cov=True), (T, Y, W)),
    (lambda x, y, w: np.polyfit(x, y, 2, w=w, cov="unscaled"), (T, YY, W)),
    (lambda x, y, w: np.polyfit(x, y, 2, w=w, full=True)[0], (T, Y, W)),
]
CASES += [
    (f, pair)
    for f in (np.polyadd, np.polysub, np.polymul, np.polydiv)
    for pair in ((P, Q), (Q, P), (Z, Q), (P, Z[:2]), (P[:1], Q), (2.0, P))
]
CASES += [(f, (p, m)) for f in (np.polyder, np.polyint) for p in (P, Z) for m in (0, 1, 2)]


@pytest.mark.parametrize("case", CASES, ids=lambda c: getattr(c[0], "__name__", "f"))
def test_rules(case):
    f, args, *kwargs = case
    check_rule(f, *args, **(kwargs[0] if kwargs else {}), seed=1)


def test_leading_zeros_are_left_out_of_a_product_but_count():
    # (ε x + 1)(x + 2) = ε x² + (1 + 2ε) x + 2: without the first coefficient at ε = 0, as NumPy has it
    a, b = np.array([0.0, 1.0]), np.array([1.0, 2.0])
    y, L = fr.linearize(np.polymul, a, b)
    assert np.array_equal(y, np.polymul(a, b))
    assert np.array_equal(L(np.array([1.0, 0.0]), np.zeros(2)), [2.0, 0.0])


def test_remainders_without_leading_zeros():
    q, r = fr.linearize(np.polydiv, np.array([1.0, 3.0, 2.0]), np.array([1.0, 1.0]))[0]
    assert np.array_equal(q, [1, 2])
    assert np.array_equal(r, [0])


def test_derivative_of_roots_in_high_precision():
    # Roots 1..8: ill-conditioned, differences say little. dr = −r^k / p'(r), with the exact p' = ∏ (r − s).
    p = np.poly(np.arange(1.0, 9.0))
    r, L = fr.linearize(np.roots, p)
    with mpmath.workdps(40):
        exact = [
            [
                -(mpmath.mpf(int(s)) ** (8 - k)) / mpmath.fprod(int(s) - t for t in range(1, 9) if t != s)
                for k in range(9)
            ]
            for s in np.round(r)
        ]
    # the roots are right to about 1e-11 here, a rounding unit times their condition, and so is dr
    np.testing.assert_allclose(L.to_dense(), np.array(exact, float), rtol=1e-8)


@pytest.mark.parametrize("zeros", [[1, 1], [2, 2, 2], [0, 0, 1], [1, 2, 3, 3 + 1e-9], [1 + 2j, 1 + 2j, 3]])
def test_multiple_roots_have_no_derivative(zeros):
    p = np.poly(np.array(zeros))
    r, L = fr.linearize(np.roots, p)  # the value is fine
    assert len(r) == len(zeros)
    with pytest.raises(np.linalg.LinAlgError, match="multiple root"):
        L(np.ones(len(p)))


def test_close_but_simple_roots_have_one():
    p = np.poly([1.0, 1.0 + 1e-5])
    J = fr.jacobian(np.roots)(p)
    # −r^k/(r − s): the gap 1e-5 is known to eps/gap ≈ 2e-11, relative 2e-6; ten times that
    np.testing.assert_allclose(np.abs(J[:, -1]), 1e5, rtol=2e-5)


def test_no_roots():
    assert fr.linearize(np.roots, np.array([3.0]))[0].shape == (0,)
    assert fr.grad(lambda p: np.sum(np.roots(p)) + p[0])(np.array([3.0]))[0] == 1
    assert fr.linearize(np.poly, np.zeros(0))[0] == 1.0


BAD = [
    (lambda p: np.polyval(p, np.poly1d([1, 2])), P, fr.errors.NotDifferentiableError, "poly1d"),
    (lambda p: np.polyadd(p, np.poly1d([1, 2])), P, fr.errors.NotDifferentiableError, "coeffs"),
    (lambda p: np.polyder(p, -1), P, ValueError, "positive"),
    (lambda p: np.polyint(p, 3, [1, 2]), P, ValueError, "rank-1"),
    (np.poly, np.ones((2, 3)), ValueError, "square"),
    (np.roots, np.ones((2, 3)), ValueError, "rank-1"),
    (lambda y: np.polyfit(T, y, 2), Y[:3], TypeError, "length"),
    (lambda y: np.polyfit(T, y, -1), Y, ValueError, "deg"),
    (lambda y: np.polyfit(T, y, 6, cov=True), Y, ValueError, "number of data points"),
]


@pytest.mark.parametrize(("f", "x", "error", "message"), BAD)
def test_bad_input(f, x, error, message):
    with np.errstate(all="ignore"), pytest.raises(error, match=message):
        fr.linearize(f, x)


def test_a_fit_of_too_high_degree_warns_as_in_numpy():
    with pytest.warns(np.exceptions.RankWarning):
        fr.linearize(lambda y: np.polyfit([1.0, 1.0, 2.0], y, 2), np.ones(3))
