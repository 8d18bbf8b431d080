"""fr.integrate: derivatives by the values, the points and their distance; values are SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.integrate

import frechet as fr
from frechet.testing import check_rule

rng = np.random.default_rng(0)
integrate = fr.integrate


def samples(n):
    return rng.normal(size=n), np.cumsum(rng.uniform(0.5, 1.5, size=n))


FUNCTIONS = ["trapezoid", "simpson", "cumulative_trapezoid", "cumulative_simpson"]


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("n", [2, 3, 4, 5, 8, 9])
def test_values_and_points(name, n):
    y, x = samples(n)
    table = rng.normal(size=(n, 3))
    points = np.stack([x, x**1.2, 2 * x], axis=1)
    for f in (
        lambda m, y, x: getattr(m, name)(y, x=x),
        lambda m, y, x: getattr(m, name)(table * y[:, None], x=x, axis=0),
        lambda m, y, x: getattr(m, name)(y[:, None] * np.ones(3), x=points * x[:, None], axis=0),
        lambda m, y, x: getattr(m, name)(y, dx=x[0]),
        lambda m, y, x: getattr(m, name)([*y], x=[*x]),
    ):
        check_rule(lambda y, x, f=f: f(integrate, y, x), y, x)
        np.testing.assert_allclose(
            fr.vjp(lambda y, x, f=f: f(integrate, y, x), y, x)[0], f(scipy.integrate, y, x)
        )


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (lambda m, y: m.cumulative_trapezoid(y, initial=0), (rng.normal(size=(2, 4)),)),
        (lambda m, y, i: m.cumulative_simpson(y, initial=i), (rng.normal(size=(2, 4)), 1.5)),
        (
            lambda m, y, i: m.cumulative_simpson(y, initial=i, dx=i),
            (rng.normal(size=(2, 4)), np.ones((2, 1))),
        ),
        (lambda m, y, h: m.romb(y, dx=h), (rng.normal(size=9), 0.3)),
        (lambda m, y: m.romb(y, axis=0), (rng.normal(size=(5, 2)),)),
        (lambda m, y: m.romb(y), (rng.normal(size=2),)),
        (lambda m, y: m.simpson(y), (rng.normal(size=6) + 1j * rng.normal(size=6),)),
    ],
)
def test_options(f, args):
    check_rule(lambda *args: f(integrate, *args), *args)
    np.testing.assert_allclose(fr.vjp(lambda *a: f(integrate, *a), *args)[0], f(scipy.integrate, *args))


@pytest.mark.parametrize("name", ["trapezoid", "cumulative_trapezoid"])
def test_single_precision(name):
    y = rng.normal(size=5).astype(np.float32)
    options = {"initial": 0} if name == "cumulative_trapezoid" else {}
    got = fr.vjp(lambda y: getattr(integrate, name)(y, dx=0.5, **options), y)[0]
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, getattr(scipy.integrate, name)(y, dx=0.5, **options), rtol=1e-5)


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda y: integrate.simpson(y, x=np.array([0.0, 1.0, 1.0, 2.0])), "coincide"),
        (lambda y: integrate.trapezoid(y, x=np.ones(3)), "length of x"),
        (lambda y: integrate.trapezoid(y, x=np.ones((2, 4))), "1-D"),
        (lambda y: integrate.cumulative_trapezoid(y, initial=1.0), "initial"),
        (lambda y: integrate.cumulative_simpson(y, x=-np.arange(4.0)), "increasing"),
        (integrate.romb, "power of 2"),
    ],
)
def test_bad_input(f, words):
    with pytest.raises((ValueError, TypeError), match=words):
        fr.jacobian(f)(np.ones(4))
