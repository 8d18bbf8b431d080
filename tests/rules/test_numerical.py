"""Differences, gradients, integrals, interpolation, cross products, functions applied slice by slice."""

from __future__ import annotations

import numpy as np
import pytest

import frechet as fr
from frechet.testing import check_rule

rng = np.random.default_rng(5)
X = rng.standard_normal((3, 6))
Z = X + 1j * rng.standard_normal((3, 6))
F = X.astype(np.float32)
T = np.cumsum(rng.random(6) + 0.2)
POINTS = rng.random((2, 5)) * (T[-1] - T[0] + 1) + T[0] - 0.5
VALUES = rng.standard_normal(6)
A, B = rng.standard_normal((4, 1, 3)), rng.standard_normal((5, 3))

CASES = [(np.diff, (a,), {"n": n, "axis": axis}) for a in (X, Z, F) for n in (0, 1, 2) for axis in (0, -1)]
CASES += [
    (lambda x, p, a: np.diff(x, 2, 0, p, a), (X, 2.0, X[:2])),
    (np.diff, (X, 9)),
    (np.diff, (np.zeros((3, 0)),)),
    (np.ediff1d, (X,)),
    (np.ediff1d, (X, 1.0, np.array([2.0, 3.0]))),
    (np.ediff1d, (Z,)),
]
for order in (1, 2):
    CASES += [
        (f, args, {**kwargs, "edge_order": order})
        for a in (X, Z, F)
        for f, args, kwargs in (
            (np.gradient, (a,), {}),
            (np.gradient, (a, 0.3), {}),
            (np.gradient, (a, 0.3, T), {}),
            (np.gradient, (a, T), {"axis": 1}),
            (np.gradient, (a, [0, 1, 3]), {"axis": -2}),
            (np.gradient, (a, 0.5), {"axis": (1,)}),
        )
    ]
    CASES += [(lambda h, k=order: np.gradient([0, 1, 4, 9, 16, 25], h, edge_order=k), (T,))]
for a in (X, Z, F):
    CASES += [
        (np.trapezoid, (a,)),
        (np.trapezoid, (a, T)),
        (np.trapezoid, (a, T[:3]), {"axis": 0}),
        (np.trapezoid, (a, X[::-1]), {"axis": 0}),
        (lambda y, d: np.trapezoid(y, dx=d), (a, 0.3)),
    ]
CASES += [(lambda t: np.trapezoid([1, 5, 2, 2, 0, 1], t), (T,)), (np.gradient, (np.array([1.0, 3.0]),))]
for f in (VALUES, Z[0]):
    CASES += [
        (np.interp, (POINTS, T, f)),
        (np.interp, (POINTS, T, f, 0.5, -2.0)),
        (np.interp, (T[2] + 0.1, T, f)),
        (np.interp, (POINTS * 3 - 1, T, f), {"period": 5.1}),
        (np.interp, (POINTS * 3 - 1, T, f), {"period": -5.1}),
        (lambda x, fp: np.interp(x, list(T), fp, left=3), (POINTS, f)),
    ]
CASES += [
    (np.interp, (POINTS, np.array([0.5]), np.array([2.0]))),
    (np.interp, (POINTS.astype(np.float32), T, VALUES)),
    (lambda x: np.interp(x, [0, 1, 5], [1, 0, 2]), (1.5,)),
    (np.cross, (A, B)),
    (np.cross, (A + 1j, B * 1j + A)),
    (np.cross, (A, B.T), {"axisb": 0}),
    (np.cross, (A.swapaxes(1, 2), A.swapaxes(1, 2) + 1), {"axis": 1}),
    (np.cross, (A[:, 0].T, A[:, 0].T + 1), {"axisa": 0, "axisb": 0, "axisc": 0}),
    (np.cross, (A[0, 0], B[0])),
    (lambda b: np.cross([1, 2, 3], b), (B,)),
    (lambda x: np.apply_along_axis(lambda v: np.sin(v) * v[0], 1, x), (X,)),
    (lambda x: np.apply_along_axis(lambda v: np.sum(v * v), 0, x), (X,)),
    (lambda x: np.apply_along_axis(lambda v, c, k=1: v[:, None] * v * c + k, 0, x, 2, k=3), (Z,)),
    (lambda x: np.apply_along_axis(np.cumsum, 0, x), (VALUES,)),
    (lambda x: np.apply_over_axes(np.sum, x, [0, 1]), (X,)),
    (lambda x: np.apply_over_axes(np.cumsum, x, -1), (X,)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: getattr(c[0], "__name__", "f"))
def test_rules(case):
    f, args, *kwargs = case
    check_rule(f, *args, **(kwargs[0] if kwargs else {}), seed=1)


def test_vectors_of_two_entries():
    # NumPy 2 deprecates them; 2.x still takes them
    a, b = rng.standard_normal((4, 2)), rng.standard_normal((4, 2))
    y, pullback = fr.vjp(np.cross, a, b)
    assert np.array_equal(y, a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])
    in_a, in_b = pullback(np.ones(4))
    assert np.array_equal(in_a, np.stack([b[:, 1], -b[:, 0]], 1))
    assert np.array_equal(in_b, np.stack([-a[:, 1], a[:, 0]], 1))
    y = fr.linearize(np.cross, a, B[:4])[0]
    assert np.array_equal(y, np.cross(np.column_stack([a, np.zeros(4)]), B[:4]))


def test_interpolation_at_knots_and_beyond():
    slope = fr.grad(lambda x: np.interp(x, [0.0, 1.0, 3.0], [0.0, 2.0, 3.0]))
    # on the right of a knot, at the last one on the left; constant beyond the ends
    assert [slope(x) for x in (-0.1, 0.0, 0.5, 1.0, 2.9, 3.0, 3.1)] == [0, 2, 2, 0.5, 0.5, 0.5, 0]
    g = fr.grad(lambda fp: np.sum(np.interp(np.array([-1.0, 0.5, 9.0]), [0.0, 1.0], fp, left=7.0)))(
        np.array([5.0, 6.0])
    )
    assert np.array_equal(g, [0.5, 1.5])
    ends = fr.grad(
        lambda fp, c: np.sum(np.interp(np.array([-1.0, 0.5, 9.0]), [0.0, 1.0], fp, right=c)), (0, 1)
    )
    in_values, in_right = ends(np.array([5.0, 6.0]), 2.0)
    assert np.array_equal(in_values, [1.5, 0.5])
    assert in_right == 1


def test_period_has_no_derivative():
    with pytest.raises(fr.errors.NotDifferentiableError, match="'period'"):
        fr.grad(lambda p: np.sum(np.interp(POINTS * p, T, VALUES, period=p)))(5.0)


BAD = [
    (np.gradient, (np.ones(1),), {}, ValueError, "too small"),
    (np.gradient, (X, 1.0, 2.0, 3.0), {}, TypeError, "spacing"),
    (np.gradient, (X, T), {}, TypeError, "spacing"),
    (np.gradient, (X, T), {"axis": 0}, ValueError, "match the length"),
    (np.gradient, (X,), {"edge_order": 3}, ValueError, "edge_order"),
    (np.interp, (POINTS, T, VALUES[:3]), {}, ValueError, "length"),
    (np.interp, (POINTS, T, VALUES), {"period": 0}, ValueError, "period"),
    (np.cross, (np.ones(4), np.ones(4)), {}, ValueError, "2 or 3"),
    (lambda x: np.apply_along_axis(np.sum, 0, x), (np.ones((2, 0)),), {}, ValueError, "iteration dimensions"),
    (lambda x: np.apply_over_axes(lambda v, axis: v[0, 0], x, [0]), (X,), {}, ValueError, "correct shape"),
]


@pytest.mark.parametrize(("f", "args", "kwargs", "error", "message"), BAD)
def test_bad_input(f, args, kwargs, error, message):
    with pytest.raises(error, match=message):
        fr.linearize(lambda *xs: f(*xs, **kwargs), *args)


@pytest.mark.parametrize(
    "call",
    [
        lambda a: np.gradient(a, axis=2),
        lambda a: np.gradient(a, 0.5, axis=(0, -3)),
        lambda a: np.trapezoid(a, axis=2),
        lambda a: np.apply_along_axis(np.sum, 2, a),
        lambda a: np.apply_over_axes(np.sum, a, [-3]),
    ],
)
def test_an_axis_that_is_not_there_is_an_error(call):
    with pytest.raises(np.exceptions.AxisError, match="out of bounds"):
        fr.jvp(call, (X,), (X,))
