"""Derivatives of derivatives: any order, any mixture of modes, without confusing perturbations."""

# ruff: noqa: PLW0108 - tables of small programs read best in one form

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr

# A few operations each; orders up to five multiply small integers.
EXACT = 1e-12
x3 = np.array([0.5, -1.0, 2.0])


def forward(f):
    """f' of a function of a number, by jvp."""
    return lambda x: fr.jvp(f, (x,), (1.0,))[1]


def reverse(f):
    return lambda x: fr.vjp(f, x)[1](1.0)[0]


def linearized(f):
    return lambda x: fr.linearize(f, x)[1](1.0)


def transposed(f):
    return lambda x: fr.linearize(f, x)[1].adjoint(1.0)


def written(f):
    return fr.jacobian(f)


MODES = {
    "grad": fr.grad,
    "jvp": forward,
    "vjp": reverse,
    "linearize": linearized,
    "adjoint": transposed,
    "jacobian": written,
}


# --- orders and mixtures --------------------------------------------------------------------------


@pytest.mark.parametrize("outer", MODES.values(), ids=MODES)
@pytest.mark.parametrize("inner", MODES.values(), ids=MODES)
def test_second_derivative_in_every_mixture(outer, inner):
    x = 0.7
    assert outer(inner(lambda x: x**5))(x) == pytest.approx(20 * x**3, rel=EXACT)
    assert outer(inner(np.sin))(x) == pytest.approx(-np.sin(x), rel=EXACT)
    assert outer(inner(lambda x: np.exp(2 * x) / x))(x) == pytest.approx(
        np.exp(2 * x) * (4 / x - 4 / x**2 + 2 / x**3), rel=EXACT
    )


@settings(max_examples=40)
@given(st.lists(st.sampled_from(sorted(MODES)), min_size=1, max_size=5), st.floats(0.5, 2))
def test_any_order_in_any_mixture(modes, x):
    f = lambda x: x**6
    for mode in modes:
        f = MODES[mode](f)
    n = len(modes)
    assert f(x) == pytest.approx(math.factorial(6) / math.factorial(6 - n) * x ** (6 - n), rel=1e-11)


def test_fifth_derivative():
    f = np.tanh
    for _ in range(5):
        f = fr.grad(f)
    t = np.tanh(0.3)
    # d⁵ tanh = 8 (1 − t²)(2 − 15 t² + 15 t⁴), by differentiating 1 − t² four times
    assert f(0.3) == pytest.approx(8 * (1 - t**2) * (2 - 15 * t**2 + 15 * t**4), rel=1e-11)


def test_third_derivative_tensor():
    def f(x):
        return np.sum(x**3) * x[0] + x[0] * x[1] * x[2]

    T = fr.jacobian(fr.hessian(f))(x3)
    for axes in [(0, 2, 1), (1, 0, 2), (2, 1, 0)]:
        np.testing.assert_allclose(T, np.transpose(T, axes), atol=1e-12)
    assert T[0, 0, 0] == pytest.approx(24 * x3[0], rel=EXACT)
    assert T[0, 1, 2] == pytest.approx(1.0, rel=EXACT)
    assert T[0, 1, 1] == pytest.approx(6 * x3[1], rel=EXACT)
    assert T[1, 1, 1] == pytest.approx(6 * x3[0], rel=EXACT)


def test_four_ways_to_a_hessian():
    A = np.random.default_rng(0).standard_normal((3, 3))

    def f(x):
        return np.sum(np.tanh(A @ x) ** 2 * x)

    H = fr.hessian(f)(x3)
    others = [
        fr.jacobian(lambda x: fr.vjp(f, x)[1](1.0)[0])(x3),
        np.stack([fr.hvp(f, (x3,), (e,))[0] for e in np.eye(3)]),
        np.stack([fr.grad(lambda x, e=e: fr.jvp(f, (x,), (e,))[1])(x3) for e in np.eye(3)]),
        np.array(
            [
                [fr.jvp(lambda x, e=e: fr.jvp(f, (x,), (e,))[1], (x3,), (d,))[1] for e in np.eye(3)]
                for d in np.eye(3)
            ]
        ),
        fr.linearize(fr.grad(f), x3)[1].to_dense(),
        np.stack([fr.grad(lambda x, k=k: fr.grad(f)(x)[k])(x3) for k in range(3)]),
    ]
    for other in others:
        np.testing.assert_allclose(other, H, rtol=1e-11, atol=1e-12)


def test_hessian_of_matrix_functions():
    rng = np.random.default_rng(1)
    A, V, W = (
        rng.standard_normal((3, 3)) + 3 * np.eye(3),
        rng.standard_normal((3, 3)),
        rng.standard_normal((3, 3)),
    )
    Y = np.linalg.inv(A)

    def f(A):
        return np.trace(np.linalg.inv(A))

    # d² tr A⁻¹ [V, W] = tr Y(V Y W + W Y V) Y
    expected = np.trace(Y @ (V @ Y @ W + W @ Y @ V) @ Y)
    assert np.sum(np.tensordot(fr.hessian(f)(A), V, 2) * W) == pytest.approx(expected, rel=1e-10)
    assert np.sum(fr.hvp(f, (A,), (V,))[0] * W) == pytest.approx(expected, rel=1e-10)


# --- perturbation confusion -----------------------------------------------------------------------


@pytest.mark.parametrize("inner", MODES.values(), ids=MODES)
@pytest.mark.parametrize("outer", MODES.values(), ids=MODES)
def test_inner_derivative_does_not_see_the_outer_variable(outer, inner):
    # d/dx [x · d/dy (x + y)] = d/dx [x · 1] = 1; with confused perturbations it would be 2
    assert outer(lambda x: x * inner(lambda y: x + y)(1.0))(1.0) == 1.0
    # at y = x the inner derivative is with respect to y alone
    assert outer(lambda x: inner(lambda y: x * y**2)(x))(3.0) == 12.0
    assert outer(lambda x: x * inner(lambda y: x * y)(2.0))(3.0) == 6.0
    # an inner function that ignores its own variable
    assert outer(lambda x: x + inner(lambda y: x * x)(2.0))(3.0) == 1.0


def test_closures_over_three_levels():
    def f(x):
        return fr.grad(lambda y: fr.grad(lambda z: x**2 * y**3 * z**2)(x * y))(x)

    # ∂z: 2 x² y³ z at z = xy (constant inside, but not in y): 2 x³ y⁴; ∂y: 8 x³ y³ at y = x: 8 x⁶
    assert f(2.0) == pytest.approx(8 * 2.0**6, rel=EXACT)
    assert fr.grad(f)(2.0) == pytest.approx(48 * 2.0**5, rel=EXACT)


def test_functions_that_escape_from_an_outer_function():
    # The classic trap: a derivative taken of a curried function, used at another level.
    def curried(x):
        return lambda g: lambda y: g(x + y)

    def d(f):
        return lambda x: lambda g: lambda y: fr.jvp(lambda x: f(x)(g)(y), (x,), (1.0,))[1]

    D = d(curried)(0.0)
    assert D(D(np.exp))(1.0) == pytest.approx(np.e, rel=EXACT)


def test_gradient_inside_a_loop_of_an_outer_gradient():
    def newton(a):
        """√a by Newton's method on y² − a, with the derivative taken by grad."""
        y = 1.0
        for _ in range(8):
            g = lambda y: y * y - a
            y = y - g(y) / fr.grad(g)(y)
        return y

    assert newton(2.0) == pytest.approx(math.sqrt(2), rel=EXACT)
    assert fr.grad(newton)(2.0) == pytest.approx(0.5 / math.sqrt(2), rel=EXACT)
    assert fr.grad(fr.grad(newton))(2.0) == pytest.approx(-0.25 * 2**-1.5, rel=1e-10)


def test_gradient_descent_inside_a_gradient():
    def train(rate):
        w = np.array([1.0, -2.0])
        for _ in range(5):
            w = w - rate * fr.grad(lambda w: np.sum(w**4) / 4)(w)
        return np.sum(w**2)

    step = 1e-6
    numerical = (train(0.05 + step) - train(0.05 - step)) / (2 * step)
    assert fr.grad(train)(0.05) == pytest.approx(
        numerical, rel=1e-7
    )  # differences: step² and rounding over step


def test_pullback_used_after_its_function_under_an_outer_trace():
    def outer(x):
        _, pullback = fr.vjp(lambda y: y**3, x)
        (a,) = pullback(1.0)
        (b,) = pullback(x)
        return a * b  # 3x² · 3x³

    assert outer(2.0) == 12 * 24
    assert fr.grad(outer)(2.0) == 45 * 2.0**4


def test_pullback_of_an_outer_function_used_inside_another():
    _, L = fr.linearize(lambda y: y**2, np.array([1.0, 2.0]))
    g = fr.grad(lambda v: np.sum(L(v) ** 2))(np.array([3.0, 1.0]))  # L v = (2v₀, 4v₁)
    assert np.array_equal(g, [24.0, 32.0])
    g = fr.grad(lambda w: np.sum(L.adjoint(w) * np.array([1.0, 10.0])))(np.ones(2))
    assert np.array_equal(g, [2.0, 40.0])


def test_linear_map_of_an_inner_function_is_differentiable_in_the_point_and_the_direction():
    def f(x, v):
        return fr.linearize(lambda y: y**3, x)[1](v)

    assert fr.grad(f, argnums=(0, 1))(2.0, 5.0) == (60.0, 12.0)
    assert fr.grad(lambda w, x: fr.linearize(lambda y: y**3, x)[1].adjoint(w), argnums=(0, 1))(5.0, 2.0) == (
        12.0,
        60.0,
    )


def test_tangents_that_are_traced_by_an_outer_function():
    def f(v):
        return fr.jvp(lambda x: x**3, (2.0,), (v,))[1]

    assert fr.grad(f)(5.0) == 12.0
    assert (
        fr.jacobian(lambda v: fr.jvp(lambda x: x**2, (x3,), (v,))[1])(x3).tolist() == np.diag(2 * x3).tolist()
    )


# --- zero tangents and constants ------------------------------------------------------------------


def test_derivatives_that_vanish():
    assert fr.grad(fr.grad(lambda x: 3.0 * x))(2.0) == 0.0
    assert fr.grad(fr.grad(lambda x: 5.0))(2.0) == 0.0
    assert np.array_equal(fr.hessian(lambda x: np.sum(x))(x3), np.zeros((3, 3)))
    assert fr.hvp(lambda x: np.sum(x), (x3,), (x3,))[0].tolist() == [0, 0, 0]
    assert fr.grad(lambda x: fr.grad(lambda y: x)(1.0) + x)(2.0) == 1.0
    assert fr.jvp(fr.grad(lambda x: x), (2.0,), (1.0,)) == (1.0, 0.0)


def test_gradient_through_a_shape_that_depends_on_data():
    def f(x):
        picked = x[x > 0]
        return np.sum(picked**3)

    assert np.array_equal(fr.hessian(f)(x3), np.diag([3.0, 0.0, 12.0]))


# --- containers, complex numbers, kinds -----------------------------------------------------------


def test_nested_containers():
    def f(p):
        return p["a"] ** 2 * np.sum(p["b"][0] ** 2)

    p = {"a": 2.0, "b": [x3]}
    g = fr.grad(lambda p: fr.grad(f)(p)["a"] * 1.0)(p)
    assert g["a"] == pytest.approx(2 * np.sum(x3**2), rel=EXACT)
    np.testing.assert_allclose(g["b"][0], 8 * x3, rtol=EXACT)


def test_complex_second_derivatives():
    z = np.array([1 + 2j, -0.5j])

    def f(z):
        return np.sum(np.abs(z) ** 4)

    # gradient 4 |z|² z; along v: 4 (2 Re(conj(z) v) z + |z|² v)
    v = np.array([0.3 - 1j, 2.0])
    expected = 4 * (2 * np.real(np.conj(z) * v) * z + np.abs(z) ** 2 * v)
    np.testing.assert_allclose(fr.hvp(f, (z,), (v,))[0], expected, rtol=EXACT)
    np.testing.assert_allclose(fr.vjp(fr.grad(f), z)[1](v)[0], expected, rtol=EXACT)  # Hessians are symmetric
    assert fr.jvp(lambda z: fr.jvp(f, (z,), (v,))[1], (z,), (v,))[1] == pytest.approx(
        np.real(np.vdot(v, expected)), rel=EXACT
    )


def test_real_variable_through_complex_intermediates():
    f = lambda a: np.sum(np.abs(np.exp(1j * a) * (1 + a)) ** 2)  # = Σ (1 + a)²
    np.testing.assert_allclose(fr.hessian(f)(x3 + 0.25), 2 * np.eye(3), atol=1e-13)
    assert fr.hessian(f)(x3).dtype == np.float64


def test_float32_stays_float32_at_every_order():
    x = x3.astype(np.float32)
    f = lambda x: np.sum(np.sin(x) * x)
    assert fr.hessian(f)(x).dtype == np.float32
    assert fr.hvp(f, (x,), (x,))[0].dtype == np.float32
    assert fr.grad(lambda x: np.sum(fr.grad(f)(x) ** 2))(x).dtype == np.float32
    assert type(fr.grad(fr.grad(lambda x: x * x * x))(np.float32(2))) is np.float32
    assert type(fr.grad(fr.grad(lambda x: x * x * x))(2)) is float


# --- control flow ---------------------------------------------------------------------------------


def test_recursion():
    def power(x, n):
        return 1.0 if n == 0 else x * power(x, n - 1)

    assert fr.grad(power)(2.0, 6) == 6 * 2.0**5
    assert fr.grad(fr.grad(power))(2.0, 6) == 30 * 2.0**4

    def derivative(f, n):
        return f if n == 0 else fr.grad(derivative(f, n - 1))

    assert derivative(lambda x: x**4, 4)(3.0) == 24.0


def test_branches_and_loops_on_values():
    def f(x):
        y = x
        while y < 10:
            y = y * x
        return y if y > 20 else -y

    assert fr.grad(f)(3.0) == 27.0  # y = x³ = 27
    assert fr.grad(f)(4.0) == -8.0  # y = x² = 16
    assert fr.grad(fr.grad(f))(3.0) == 18.0


def test_generators():
    def powers(x):
        y = 1.0
        for _ in range(4):
            y = y * x
            yield y

    assert fr.grad(lambda x: sum(powers(x)))(2.0) == 1 + 4 + 12 + 32
    assert fr.grad(fr.grad(lambda x: sum(powers(x))))(2.0) == 2 + 12 + 48


def test_exceptions_pass_and_leave_nothing_behind():
    class Stop(Exception):
        pass

    def f(x):
        y = x * 2
        raise Stop(float(fr.stop_gradient(y)))

    for transform in (
        lambda: fr.grad(f)(3.0),
        lambda: fr.jvp(f, (3.0,), (1.0,)),
        lambda: fr.grad(fr.grad(f))(3.0),
    ):
        with pytest.raises(Stop, match="6"):
            transform()
    assert fr.grad(lambda x: x**2)(3.0) == 6.0


def test_exception_caught_inside():
    def f(x):
        try:
            fr.grad(lambda y: x * y / 0)(1.0)
        except ZeroDivisionError:
            return x**2
        return x

    assert fr.grad(f)(3.0) == 6.0


def test_python_arithmetic_errors_are_pythons():
    with pytest.raises(ZeroDivisionError):
        fr.grad(lambda x: 1 / x)(0.0)
    with pytest.raises(OverflowError):
        fr.grad(lambda x: x**500)(1e10)


def test_integer_powers_under_nesting():
    for n in range(5):
        f = fr.grad(fr.grad(lambda x, n=n: x**n))
        assert f(0.0) == (2.0 if n == 2 else 0.0)
        assert f(-2.0) == pytest.approx(n * (n - 1) * (-2.0) ** max(n - 2, 0), rel=EXACT)
    assert np.array_equal(fr.hessian(lambda x: np.sum(x**2))(np.zeros(2)), 2 * np.eye(2))


# --- in place under nesting -----------------------------------------------------------------------


def cumulative(x):
    y = np.zeros_like(x)
    y[0] = x[0]
    for k in range(1, len(x)):
        y[k] = y[k - 1] * x[k]
    return y


def test_assignments_under_every_mixture():
    f = lambda x: np.sum(cumulative(x) ** 2)
    x = np.array([1.2, -0.7, 0.8])
    a, b, c = x
    # f = a² + a²b² + a²b²c²
    H = np.array(
        [
            [2 + 2 * b**2 + 2 * b**2 * c**2, 4 * a * b + 4 * a * b * c**2, 4 * a * b**2 * c],
            [4 * a * b + 4 * a * b * c**2, 2 * a**2 + 2 * a**2 * c**2, 4 * a**2 * b * c],
            [4 * a * b**2 * c, 4 * a**2 * b * c, 2 * a**2 * b**2],
        ]
    )
    v = np.array([0.3, 1.0, -2.0])
    np.testing.assert_allclose(fr.hessian(f)(x), H, rtol=EXACT)
    np.testing.assert_allclose(fr.hvp(f, (x,), (v,))[0], H @ v, rtol=EXACT)
    np.testing.assert_allclose(fr.grad(lambda x: fr.grad(f)(x) @ v)(x), H @ v, rtol=EXACT)
    np.testing.assert_allclose(fr.grad(lambda x: fr.jvp(f, (x,), (v,))[1])(x), H @ v, rtol=EXACT)
    assert fr.jvp(lambda x: fr.jvp(f, (x,), (v,))[1], (x,), (v,))[1] == pytest.approx(v @ H @ v, rel=EXACT)
    _, pullback = fr.vjp(lambda x: fr.vjp(f, x)[1](1.0)[0], x)
    np.testing.assert_allclose(pullback(v)[0], H @ v, rtol=EXACT)
    third = fr.jacobian(fr.hessian(f))(x)
    np.testing.assert_allclose(third, np.transpose(third, (2, 1, 0)), atol=1e-12)
    assert third[0, 1, 2] == pytest.approx(8 * a * b * c, rel=EXACT)


@pytest.mark.parametrize(
    "write",
    [
        lambda a, x: a[1:].__setitem__(Ellipsis, 0.0),
        lambda a, x: a[...].__setitem__(0, x[1]),
        lambda a, x: a[:].__imul__(3.0),
        lambda a, x: a[1:][1:].__setitem__(0, x[0]),
        lambda a, x: a[::-1].__setitem__(0, 1.0),
        lambda a, x: a[1:].sort(),
        lambda a, x: a.__setitem__(0, 5.0),
        lambda a, x: a.__iadd__(x),
        lambda a, x: a.fill(0.0),
    ],
)
def test_writes_through_views_leave_residuals_alone(write):
    """What a map has kept must not change with the array that it was taken from, at any level."""

    def f(x):
        a = x * 1.0
        kept = np.sin(a) * a
        write(a, x)
        return np.sum(kept)

    gradient = np.cos(x3) * x3 + np.sin(x3)
    second = 2 * np.cos(x3) - np.sin(x3) * x3
    np.testing.assert_allclose(fr.grad(f)(x3), gradient, rtol=EXACT)
    for value in (
        fr.vjp(fr.grad(f), x3)[0],
        fr.jvp(fr.grad(f), (x3,), (x3,))[0],
        fr.vjp(lambda x: fr.vjp(fr.grad(f), x)[0], x3)[0],
    ):
        np.testing.assert_allclose(value, gradient, rtol=1e-11, atol=1e-12)
    assert fr.vjp(lambda x: fr.jvp(f, (x,), (np.ones(3),))[1], x3)[0] == pytest.approx(
        np.sum(gradient), rel=1e-11
    )
    np.testing.assert_allclose(fr.hessian(f)(x3), np.diag(second), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(fr.hvp(f, (x3,), (np.ones(3),))[0], second, rtol=1e-11)
    forward = fr.jvp(lambda x: fr.jvp(f, (x,), (np.ones(3),))[1], (x3,), (np.ones(3),))[1]
    assert forward == pytest.approx(np.sum(second), rel=1e-11)
