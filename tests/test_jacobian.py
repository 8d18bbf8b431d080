"""jacobian, hessian, hvp: shapes, kinds, containers, complex functions."""

# ruff: noqa: PLW0108 - tables of small programs read best in one form

from __future__ import annotations

import numpy as np
import pytest

import frechet as fr

# A handful of operations on numbers of size one.
EXACT = 1e-12
x3 = np.array([1.0, 2.0, 3.0])


def square(x):
    return np.sum(x**2)


# --- jacobian and hessian -------------------------------------------------------------------------


def test_jacobian_shapes():
    A = np.arange(6.0).reshape(2, 3)
    assert np.array_equal(fr.jacobian(lambda x: A @ x)(x3), A)
    assert fr.jacobian(lambda X: X @ A)(np.ones((4, 2))).shape == (4, 3, 4, 2)
    assert fr.jacobian(lambda x: x * x3)(2.0).shape == (3,)
    assert type(fr.jacobian(lambda x: x * x)(2.0)) is float
    assert fr.jacobian(np.sum)(x3).shape == (3,)
    assert fr.jacobian(lambda x: np.zeros((2, 0)))(x3).shape == (2, 0, 3)
    assert fr.jacobian(lambda x: np.sum(x))(np.zeros(0)).shape == (0,)
    assert fr.jacobian(lambda x: x)(np.zeros((2, 0))).shape == (2, 0, 2, 0)
    assert np.array_equal(fr.jacobian(lambda x: x3)(2.0), np.zeros(3))


def test_jacobian_kinds():
    x = x3.astype(np.float32)
    assert fr.jacobian(lambda x: x**2)(x).dtype == np.float32
    assert fr.jacobian(lambda x: x**2)(np.array([1, 2])).dtype == np.float64
    J = fr.jacobian(lambda x: x * (1 + 1j))(x3)
    np.testing.assert_array_equal(J, np.eye(3) * (1 + 1j))
    for J in (fr.jacobian(lambda x: x)(x3), fr.jacobian(lambda x: x * 2)(x3), fr.jacobian(lambda x: x3)(x3)):
        assert J.flags.writeable


def test_jacobian_of_several_arguments_and_containers():
    J = fr.jacobian(lambda a, b: a * np.sum(b), argnums=(0, 1))(2.0, x3)
    assert J[0] == 6.0
    assert np.array_equal(J[1], [2, 2, 2])
    J = fr.jacobian(lambda p: {"u": p["a"] * p["b"], "v": p["a"]})({"a": 2.0, "b": x3, "name": "n"})
    assert np.array_equal(J["u"]["a"], x3)
    assert np.array_equal(J["u"]["b"], 2 * np.eye(3))
    assert J["v"]["a"] == 1.0
    assert np.array_equal(J["v"]["b"], np.zeros(3))
    assert J["u"]["name"] is None


def test_jacobian_of_a_complex_differentiable_function():
    z = np.array([1 + 1j, 2.0])
    J = fr.jacobian(lambda z: z**2 * z[0])(z)
    np.testing.assert_allclose(J, [[3 * z[0] ** 2, 0], [z[1] ** 2, 2 * z[1] * z[0]]], rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize(
    "f", [np.conj, np.abs, np.real, lambda z: z * np.conj(z), lambda z: z + 0.1 * np.imag(z)]
)
def test_jacobian_of_other_functions_of_complex_numbers_is_refused(f):
    with pytest.raises(fr.NotDifferentiableError, match="not complex differentiable"):
        fr.jacobian(f)(np.array([1 + 1j, 2.0]))


def test_jacobian_of_a_result_without_tangent():
    with pytest.raises(fr.NotDifferentiableError, match="no tangent"):
        fr.jacobian(lambda x: (x, "text"))(2.0)
    with pytest.raises(fr.NotDifferentiableError):
        fr.jacobian(lambda x: None)(2.0)


def test_forward_and_reverse_jacobians_agree():
    rng = np.random.default_rng(0)
    A, B = rng.standard_normal((2, 5)), rng.standard_normal((5, 2))
    for M in (A, B):  # fewer rows, then fewer columns
        x = rng.standard_normal(M.shape[1])
        J = fr.jacobian(lambda x, M=M: np.sin(M @ x) * np.sum(x**2))(x)
        loop = np.array(
            [fr.jvp(lambda x, M=M: np.sin(M @ x) * np.sum(x**2), (x,), (e,))[1] for e in np.eye(M.shape[1])]
        ).T
        np.testing.assert_allclose(J, loop, rtol=1e-11, atol=1e-13)


def test_hessian():
    A = np.array([[2.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 4.0]])
    np.testing.assert_allclose(fr.hessian(lambda x: 0.5 * x @ A @ x)(x3), A, rtol=EXACT)
    assert fr.hessian(lambda x: x**4)(2.0) == 48.0
    assert fr.hessian(square)(np.zeros((2, 2))).shape == (2, 2, 2, 2)
    assert np.array_equal(fr.hessian(lambda x: np.sum(x))(x3), np.zeros((3, 3)))
    assert fr.hessian(square)(np.zeros(0)).shape == (0, 0)
    assert fr.hessian(square)(x3.astype(np.float32)).dtype == np.float32


def test_hessian_of_several_arguments_and_containers():
    H = fr.hessian(lambda a, b: a**2 * b**3, argnums=(0, 1))(2.0, 3.0)
    assert H == ((54.0, 108.0), (108.0, 72.0))
    H = fr.hessian(lambda p: p["a"] ** 2 * np.sum(p["b"] ** 2))({"a": 2.0, "b": x3})
    assert H["a"]["a"] == 28.0
    assert np.array_equal(H["a"]["b"], 8 * x3)
    assert np.array_equal(H["b"]["a"], 8 * x3)
    assert np.array_equal(H["b"]["b"], 8 * np.eye(3))
    H = fr.hessian(lambda a, b: np.sum(a * b**2), argnums=1)(2.0, x3)
    assert np.array_equal(H, 4 * np.eye(3))


def test_hvp():
    rng = np.random.default_rng(0)
    A = rng.standard_normal((4, 4))
    x, v = rng.standard_normal(4), rng.standard_normal(4)

    def f(x):
        return np.sum(np.tanh(A @ x) ** 2)

    np.testing.assert_allclose(fr.hvp(f, (x,), (v,))[0], fr.hessian(f)(x) @ v, rtol=1e-10)
    a, b = fr.hvp(lambda a, b: a**2 * b, (2.0, 3.0), (1.0, 0.0))
    assert (a, b) == (6.0, 4.0)
    (h,) = fr.hvp(lambda p: p["a"] ** 3, ({"a": 2.0, "n": "x"},), ({"a": 1.0, "n": None},))
    assert h["a"] == 12.0
