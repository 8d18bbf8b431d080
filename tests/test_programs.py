"""Whole programs: the examples that must come out exactly, and random ones against differences."""

# ruff: noqa: PLW0108 - tables of small programs read best in one form

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.testing import numerical_pushforward

# A handful of operations on numbers of size one.
EXACT = 1e-12
x3 = np.array([1.0, 2.0, 3.0])


def square(x):
    return np.sum(x**2)


# --- the examples of the issue --------------------------------------------------------------------


def test_modulus_of_the_first_coefficient():
    g = fr.grad(lambda x: np.abs(np.fft.fft(fr.array(x))[0]))([1, 2, 3])
    assert g == [1.0, 1.0, 1.0]
    g = fr.grad(lambda x: np.abs(np.fft.fft(x)[0]))(np.array([1, 2, 3]))
    assert np.array_equal(g, [1.0, 1.0, 1.0])
    assert g.dtype == np.float64


def test_modulus_of_the_sum_of_the_coefficients():
    x = np.random.default_rng(0).standard_normal(10)
    f = lambda x: np.abs(np.sum(np.fft.fft(x)))  # = |10 x[0]|
    g = fr.grad(f)(x)
    assert g.dtype == np.float64
    np.testing.assert_allclose(g, [10 * np.sign(x[0]), *[0.0] * 9], atol=1e-13)


@pytest.mark.parametrize("norm", [None, "backward", "ortho", "forward"])
@pytest.mark.parametrize("n", [1, 2, 5, 6])
def test_pullbacks_of_fourier_transforms(n, norm):
    rng = np.random.default_rng(n)
    z, w = rng.standard_normal((2, n)) + 1j * rng.standard_normal((2, n))
    ratio = {None: n, "backward": n, "ortho": 1.0, "forward": 1 / n}[
        norm
    ]  # of ifft's conjugate transpose to fft
    near = {"rtol": 1e-12, "atol": 1e-13}
    np.testing.assert_allclose(
        fr.vjp(lambda z: np.fft.fft(z, norm=norm), z)[1](w)[0], ratio * np.fft.ifft(w, norm=norm), **near
    )
    np.testing.assert_allclose(
        fr.vjp(lambda z: np.fft.ifft(z, norm=norm), z)[1](w)[0], np.fft.fft(w, norm=norm) / ratio, **near
    )
    x, half = z.real, np.fft.rfft(w.real)
    F = np.array([np.fft.rfft(e, norm=norm) for e in np.eye(n)]).T  # half-spectrum × n, written out
    got = fr.vjp(lambda x: np.fft.rfft(x, norm=norm), x)[1](half)[0]
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, np.real(F.conj().T @ half), rtol=1e-11, atol=1e-12)
    m = n // 2 + 1
    real = np.array([np.fft.irfft(e, n, norm=norm) for e in np.eye(m)]).T
    imag = np.array([np.fft.irfft(1j * e, n, norm=norm) for e in np.eye(m)]).T
    got = fr.vjp(lambda c: np.fft.irfft(c, n, norm=norm), half)[1](x)[0]
    np.testing.assert_allclose(got, real.T @ x + 1j * (imag.T @ x), rtol=1e-11, atol=1e-12)


def test_real_and_complex_arguments_whatever_happens_in_between():
    def direct(a, z):
        return np.sum(np.abs(a * z + np.exp(1j * a)))

    def reassembled(a, z):
        w = a * (np.real(z) + 1j * np.imag(z)) + np.exp(1j * a)
        r, t = np.abs(w), np.arctan2(np.imag(w), np.real(w))
        return np.sum(np.abs(r * np.cos(t) + 1j * r * np.sin(np.angle(w))))

    rng = np.random.default_rng(0)
    a, z = rng.standard_normal(4), rng.standard_normal(4) + 1j * rng.standard_normal(4)
    w = a * z + np.exp(1j * a)
    expected_a = np.real(np.conj(w) * (z + 1j * np.exp(1j * a))) / np.abs(w)
    expected_z = a * w / np.abs(w)
    for f in (direct, reassembled):
        ga, gz = fr.grad(f, argnums=(0, 1))(a, z)
        assert ga.dtype == np.float64
        assert gz.dtype == np.complex128
        np.testing.assert_allclose(ga, expected_a, rtol=1e-11)
        np.testing.assert_allclose(gz, expected_z, rtol=1e-11)
        ga, gz = fr.grad(f, argnums=(0, 1))(a.astype(np.float32), z.astype(np.complex64))
        assert (ga.dtype, gz.dtype) == (np.float32, np.complex64)


@pytest.mark.parametrize("name", ["expm", "solve_continuous_lyapunov"])
def test_hessians_through_matrix_functions(name):
    rng = np.random.default_rng(0)
    A, Q, W = rng.standard_normal((3, 3, 3))
    A = A - 3 * np.eye(3)

    def f(A):
        return np.sum(
            W * (fr.linalg.expm(A) if name == "expm" else fr.linalg.solve_continuous_lyapunov(A, Q))
        )

    V = rng.standard_normal((3, 3))
    H = fr.hessian(f)(A)
    (numerical,), error = numerical_pushforward(lambda t: [fr.grad(f)(A + t * V)], 0.02)
    np.testing.assert_allclose(np.tensordot(H, V, 2), numerical, atol=10 * error + 1e-9)
    np.testing.assert_allclose(H, np.transpose(H, (2, 3, 0, 1)), atol=1e-12)


# --- whole programs against differences -----------------------------------------------------------

ROW = np.linspace(-1, 1, 4)
MATRIX = np.random.default_rng(7).standard_normal((4, 4))
STEPS = {
    "sin": lambda x: np.sin(x),
    "scale": lambda x: x * ROW + 0.5,
    "matmul": lambda x: MATRIX @ x,
    "reverse": lambda x: x[::-1] * x,
    "outer": lambda x: np.outer(x, x)[1],
    "reshape": lambda x: (x.reshape(2, 2).T @ np.ones((2, 2))).reshape(-1),
    "fancy": lambda x: x[[0, 0, 2, 1]] - x[np.array([3, 2, 1, 0])],
    "mask": lambda x: np.where(ROW > 0, x, x**2),
    "concatenate": lambda x: np.concatenate([x[2:], x[:2] / (2 + x[:2] ** 2)]),
    "broadcast": lambda x: (x[:, None] + x[None, :]).sum(axis=0) / 4,
    "rational": lambda x: x / (1 + x @ x),
    "loop": lambda x: fr.array([x[k] * x[k - 1] for k in range(4)]),
    "assign": lambda x: assigned(x),
    "norm": lambda x: x / np.sqrt(1 + np.sum(x * x)),
}


def assigned(x):
    y = np.zeros_like(x)
    y[1:] = x[:-1]
    y[0] = x[3] * x[1]
    y[[1, 2]] += x[2]
    y *= 0.5
    return y


@settings(max_examples=60)
@given(st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=5), st.integers(0, 1000))
def test_random_programs(steps, seed):
    def program(x):
        for step in steps:
            x = STEPS[step](x)
        return x

    rng = np.random.default_rng(seed)
    x, v, w = (rng.uniform(-1, 1, 4) for _ in range(3))
    plain = program(x)
    value, tangent = fr.jvp(program, (x,), (v,))
    np.testing.assert_array_equal(value, plain)
    value, pullback = fr.vjp(program, x)
    np.testing.assert_array_equal(value, plain)
    size = max(1.0, float(np.max(np.abs(tangent))))
    assert pullback(w)[0] @ v == pytest.approx(w @ tangent, rel=1e-9, abs=1e-11 * size)
    (numerical,), error = numerical_pushforward(lambda t: [program(x + t * v)], 0.02)
    # Ridders' extrapolation tells its own error; another factor of ten for a lucky estimate.
    np.testing.assert_allclose(tangent, numerical, atol=10 * error + 1e-9 * size)
    np.testing.assert_allclose(fr.jacobian(program)(x) @ v, tangent, atol=1e-11 * size)


@settings(max_examples=25)
@given(st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=4), st.integers(0, 1000))
def test_random_programs_to_second_order(steps, seed):
    def program(x):
        for step in steps:
            x = STEPS[step](x)
        return np.sum(x * ROW)

    rng = np.random.default_rng(seed)
    x, v = rng.uniform(-1, 1, 4), rng.uniform(-1, 1, 4)
    H = fr.hessian(program)(x)
    size = max(1.0, float(np.max(np.abs(H))))
    np.testing.assert_allclose(H, H.T, atol=1e-10 * size)
    np.testing.assert_allclose(fr.hvp(program, (x,), (v,))[0], H @ v, atol=1e-10 * size)
    reverse = fr.grad(lambda x: fr.grad(program)(x) @ v)(x)
    np.testing.assert_allclose(reverse, H @ v, atol=1e-10 * size)
    forward = fr.jvp(lambda x: fr.jvp(program, (x,), (v,))[1], (x,), (v,))[1]
    assert forward == pytest.approx(v @ H @ v, abs=1e-9 * size)
    (numerical,), error = numerical_pushforward(lambda t: [fr.grad(program)(x + t * v)], 0.02)
    np.testing.assert_allclose(H @ v, numerical, atol=10 * error + 1e-8 * size)
