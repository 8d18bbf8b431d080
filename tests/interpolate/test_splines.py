"""fr.interpolate: derivatives by values and points; values are SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.interpolate as si

import frechet as fr
from frechet.testing import check_rule

rng = np.random.default_rng(0)
t = np.cumsum(rng.uniform(0.5, 1.5, size=7))
y7, y73 = rng.normal(size=7), rng.normal(size=(7, 3))
points = np.array([[t[0] + 0.3, t[2] + 0.1], [t[4] + 0.2, t[6] - 0.1]])


class Theirs:
    """The same functions of SciPy."""

    CubicSpline = si.CubicSpline
    make_interp_spline = staticmethod(si.make_interp_spline)


CASES = [
    lambda m, y, x: m.CubicSpline(t, y)(x),
    lambda m, y, x: m.CubicSpline(t, y, bc_type="natural")(x, 1),
    lambda m, y, x: m.CubicSpline(t, y, bc_type=("clamped", "natural"))(x),
    lambda m, y, x: m.CubicSpline(t, y, extrapolate=True)(x + 9.0),
    lambda m, y, x: m.CubicSpline(t, y).derivative()(x),
    lambda m, y, x: m.CubicSpline(t, y).integrate(t[1], t[3]) * x,
    lambda m, y, x: m.CubicSpline(t, y, extrapolate="periodic").integrate(t[1], t[-1] + 20.0) * x,
    lambda m, y, x: m.make_interp_spline(t, y).integrate(t[1], t[3]) * x,
    lambda m, y, x: m.make_interp_spline(t, y)(x),
    lambda m, y, x: m.make_interp_spline(t, y, k=5)(x),
    lambda m, y, x: m.make_interp_spline(t, y, bc_type="clamped")(x[0]),
]


@pytest.mark.parametrize("f", CASES)
def test_values_and_points(f):
    check_rule(lambda y, x: f(fr.interpolate, y, x), y7, points)
    np.testing.assert_allclose(
        fr.vjp(lambda y, x: f(fr.interpolate, y, x), y7, points)[0], f(Theirs, y7, points), rtol=1e-10
    )


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_axes(axis):
    y = y73 if axis == 0 else y73.T
    f = lambda m, y, x: m.CubicSpline(t, y, axis=axis)(x)
    check_rule(lambda y, x: f(fr.interpolate, y, x), y, points)
    np.testing.assert_allclose(
        fr.vjp(lambda y, x: f(fr.interpolate, y, x), y, points)[0], f(Theirs, y, points), rtol=1e-10
    )


@pytest.mark.parametrize(
    "spline",
    [
        si.CubicSpline(t, y73),
        si.CubicSpline(t, y73.T, axis=1),
        si.PchipInterpolator(t, y7),
        si.Akima1DInterpolator(t, y7),
        si.make_interp_spline(t, y7),
        si.PPoly(rng.normal(size=(3, 6)), t),
    ],
)
def test_evaluation(spline):
    check_rule(lambda x: fr.interpolate.evaluate(spline, x), points, orders=1)
    check_rule(lambda x: fr.interpolate.evaluate(spline, x, 1), points[0])


def test_plain_is_scipys():
    assert type(fr.interpolate.CubicSpline(t, y7)) is si.CubicSpline
    assert type(fr.interpolate.make_interp_spline(t, y7)) is si.BSpline


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda x: fr.interpolate.CubicSpline(x, y7)(1.0), "points that it interpolates at"),
        (lambda x: fr.interpolate.CubicSpline(t, x, bc_type="periodic")(1.0), "natural"),
        (lambda x: fr.interpolate.CubicSpline(t, x, bc_type=((1, 0.0), (1, 0.0)))(1.0), "natural"),
        (lambda x: fr.interpolate.CubicSpline(t[:3], x)(1.0), "length"),
        (lambda x: fr.interpolate.CubicSpline(t, x + np.nan)(1.0), "finite"),
        (lambda x: fr.interpolate.CubicSpline(t, x, extrapolate="periodic").integrate(1.0, x[0]), "periodic"),
        (lambda x: fr.interpolate.make_interp_spline(t, x, t=x)(1.0), "plain knots"),
        (lambda x: fr.interpolate.evaluate(si.CubicSpline(t, y7), x * 1j), "real points"),
    ],
)
def test_bad_input(f, words):
    with pytest.raises((ValueError, TypeError), match=words):
        fr.jacobian(f)(y7)
