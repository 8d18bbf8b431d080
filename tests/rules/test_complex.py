"""Complex numbers: parts, absolute values, angles; gradients as ∂f/∂x + i ∂f/∂y."""

from __future__ import annotations

import numpy as np
import pytest

import frechet as fr
from frechet.testing import check_rule

Z = np.array([[0.4 + 0.3j, -1.5 - 0.7j], [2.0j, -3.0 + 0.4j]])
X = np.array([0.3, -1.2])

PARTS = [
    np.real, np.imag, np.conjugate, np.absolute, np.sign, np.angle, lambda z: np.angle(z, deg=True),
    lambda z: z.real,
    lambda z: z.imag, abs, lambda z: z.conjugate(),
    lambda z: np.arctan2(np.imag(z), np.real(z)), lambda z: np.hypot(z.real, z.imag), np.real_if_close,
    lambda z: np.sum(np.abs(z) ** 2),
]  # fmt: skip


SCIMATH = [
    (np.emath.sqrt, X), (np.emath.sqrt, np.abs(X)), (np.emath.log, X), (np.emath.log2, X),
    (np.emath.log10, X),
    (np.emath.arccos, 3 * X), (np.emath.arccos, X / 2), (np.emath.arcsin, 3 * X), (np.emath.arctanh, 3 * X),
    (np.emath.sqrt, -0.3), (np.emath.sqrt, Z),
]  # fmt: skip
REAL_PARTS = [np.real, np.imag, np.conjugate, np.absolute, np.sign, np.angle, np.real_if_close]
CASES = [
    *((f, (z,)) for f in PARTS for z in (Z, 0.3 - 0.4j, Z.astype(np.complex64), np.zeros((0, 2), complex))),
    *((f, (x,)) for f in REAL_PARTS for x in (X, -0.3)),
    (lambda z: np.abs(z) * np.exp(1j * np.angle(z)), (Z,)),
    *((f, (x,)) for f, x in SCIMATH),
    *((f, (np.array([-3.0, 0.4], np.float16),)) for f in (np.emath.sqrt, np.emath.log, np.emath.arcsin)),
    (np.emath.logn, (2.5, X)), (np.emath.power, (X, 1.5)), (np.emath.power, (X, -2)),
    (lambda p: np.emath.power(-2.0, p), (X,)), (np.emath.power, (X.astype(np.float32), 2)),
]  # fmt: skip


@pytest.mark.parametrize(("function", "args"), CASES, ids=lambda c: getattr(c, "__name__", None))
def test_rule(function, args):
    check_rule(function, *args)


def test_gradients_are_in_the_convention():
    assert fr.grad(abs)(3 + 4j) == pytest.approx(0.6 + 0.8j)
    assert fr.grad(lambda z: z.real)(3 + 4j) == 1
    assert fr.grad(lambda z: z.imag)(3 + 4j) == 1j
    assert fr.grad(np.angle)(2j) == pytest.approx(-0.5)
    assert fr.grad(lambda z: np.abs(z) ** 2)(3 + 4j) == pytest.approx(6 + 8j)


def test_at_zero():
    assert fr.grad(abs)(0j) == 0
    assert fr.grad(lambda z: np.abs(z).sum())(np.zeros(2, complex)).tolist() == [0, 0]
    assert fr.jvp(np.sign, (0j,), (1j,))[1] == 0
    assert fr.grad(np.angle)(-2.0) == 0
    with pytest.warns(RuntimeWarning):
        assert np.isnan(fr.grad(np.angle)(0j))


def test_the_space_of_the_arguments_is_kept():
    a, z = np.array([0.4, -1.1, 2.0]), np.array([0.3 + 1j, -0.2 - 0.5j, 1.0 + 0.1j])

    def direct(a, z):
        return np.sum(np.abs(a * z + np.exp(1j * a)))

    def in_parts(a, z):
        y = a * z + np.exp(1j * a)
        y = np.hypot(np.real(y), np.imag(y)) * np.exp(1j * np.angle(y))
        y = np.abs(y) * np.exp(1j * np.arctan2(np.imag(y), np.real(y)))
        return np.sum(np.abs(y))

    for f in (direct, in_parts):
        check_rule(f, a, z)
        check_rule(f, a.astype(np.float32), z)
        da, dz = fr.grad(f, argnums=(0, 1))(a, z)
        assert da.dtype == np.float64
        assert dz.dtype == np.complex128


def test_absolute_values_of_tiny_and_huge_numbers():
    for scale in (5e-324, 1e-310, 1e-200, 1e200):
        z = np.array([complex(0.0, scale), complex(-scale, 0.0), 0j])
        assert fr.vjp(np.abs, z)[1](np.ones(3))[0].tolist() == [1j, -1, 0]
        tangent = fr.jvp(np.abs, (z,), (np.array([1j, 1 + 1j, 1 + 1j]),))[1]
        assert tangent == pytest.approx([1, -1, 0])


def test_real_if_close():
    z = np.array([1.0 + 1e-20j, -2.0 + 0j])
    value, pullback = fr.vjp(np.real_if_close, z)
    assert value.dtype == np.float64
    assert pullback(np.ones(2))[0].tolist() == [1, 1]


def test_functions_that_leave_the_reals():
    assert fr.grad(lambda x: np.emath.sqrt(x).imag)(-4.0) == -0.25
