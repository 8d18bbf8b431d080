"""Differentiated programs against the same programs on plain NumPy, and against differences of these."""

from __future__ import annotations

import numpy as np
import pytest

import frechet as fr
from frechet.testing import numerical_pushforward

x3 = np.array([1.0, 2.0, 3.0])
x5 = np.array([0.5, -1.0, 2.0, 1.5, -0.5])
MASK = np.array([True, False, True, True, False])


def assert_like_numpy(f, x=x5, order=2):
    """Value, pushforward, pullback and Hessian of Σ w·f agree with plain NumPy and differences of it."""
    rng = np.random.default_rng(0)
    v = rng.standard_normal(x.shape)
    plain = f(x.copy())
    w = rng.standard_normal(np.shape(plain))
    value, tangent = fr.jvp(f, (x,), (v,))
    np.testing.assert_array_equal(value, plain)
    value, pullback = fr.vjp(f, x)
    np.testing.assert_array_equal(value, plain)
    (numerical,), error = numerical_pushforward(lambda t: [f(x + t * v)], 0.02)
    # Ridders' error estimate, a factor of ten for luck, and rounding of values of size one over small steps
    np.testing.assert_allclose(tangent, numerical, atol=10 * error + 1e-9)
    (g,) = pullback(w[()])
    assert np.sum(g * v) == pytest.approx(np.sum(w * tangent), rel=1e-11, abs=1e-12)
    J = fr.jacobian(f)(x)
    np.testing.assert_allclose(np.tensordot(J, v, x.ndim), tangent, rtol=1e-11, atol=1e-12)
    if order == 2:
        for gradient in (
            fr.grad(lambda x: np.sum(w * f(x))),
            lambda x: np.tensordot(w, fr.jacobian(f)(x), np.ndim(w)),
        ):
            (numerical,), error = numerical_pushforward(
                lambda t, gradient=gradient: [gradient(x + t * v)], 0.02
            )
            second = fr.jvp(gradient, (x,), (v,))[1]
            np.testing.assert_allclose(second, numerical, atol=10 * error + 1e-8)
            back = fr.grad(lambda x, gradient=gradient: np.sum(gradient(x) * v))(x)
            assert np.sum(back * v) == pytest.approx(np.sum(second * v), rel=1e-9, abs=1e-9)
        H = fr.hessian(lambda x: np.sum(w * f(x)))(x)
        np.testing.assert_allclose(np.tensordot(H, v, x.ndim), second, rtol=1e-9, atol=1e-9)


def program(body):
    """f(x): y = 2x + …; body(x, y); return y, or what body returns."""

    def f(x):
        y = x * x
        out = body(x, y)
        return y if out is None else out

    f.__name__ = body.__name__
    return f


def assert_right_or_loud(compute, expected):
    """The right derivative, or an error; nothing else."""
    try:
        got = compute()
    except (fr.FrechetError, ValueError):  # a ValueError by NumPy: the buffer was locked
        return
    np.testing.assert_allclose(got, expected, rtol=1e-12)
