"""Rules by users, five ways: each gives the same derivatives; each mistake is reported at once."""

# ruff: noqa: PLW0108, PT017 - tables of small programs read best in one form; some tests allow a result or an error

from __future__ import annotations

import ctypes
import functools

import numpy as np
import pytest
import scipy.linalg

import frechet as fr
from frechet.linear_map import left, linear, right, zero
from frechet.maps import diagonal
from frechet.rule import table
from frechet.testing import RuleCheckError, check_rule

rng = np.random.default_rng(0)
A4 = rng.standard_normal((4, 4)) + 4 * np.eye(4)
x3 = np.array([0.5, 1.0, 2.0])


# --- the inverse, five ways -----------------------------------------------------------------------


@fr.rule
def by_maps(A):
    Y = np.linalg.inv(A)
    return Y, -(left(Y) @ right(Y))


by_frechet = fr.rule(np.linalg.inv, frechet=lambda Y, A: lambda dA: -Y @ dA @ Y)
by_pullback = fr.rule(np.linalg.inv, adjoint=lambda Y, A: lambda G: -Y.T @ G @ Y.T)
by_both = fr.rule(
    np.linalg.inv, frechet=lambda Y, A: lambda dA: -Y @ dA @ Y, adjoint=lambda Y, A: lambda G: -Y.T @ G @ Y.T
)
by_jacobian = fr.rule(
    np.linalg.inv,
    jacobian=lambda Y, A: -Y[:, None, :, None] * np.transpose(Y)[None, :, None, :],  # −Y[i,k] Y[l,j]
)
by_complex_step = fr.rule(np.linalg.inv, numerical="complex-step")
by_differences = fr.rule(np.linalg.inv, numerical="central")
EXACT_RULES = [by_maps, by_frechet, by_pullback, by_both, by_jacobian]
NAMES = ["maps", "frechet", "pullback", "both", "jacobian"]
ALL = [*EXACT_RULES, by_complex_step, by_differences]


@pytest.mark.parametrize("inv", ALL, ids=[*NAMES, "complex-step", "central"])
def test_first_derivatives(inv):
    # Rounding times the condition, or what central differences reach.
    tolerance = {"rtol": 1e-6, "atol": 1e-9} if inv is by_differences else {"rtol": 1e-10, "atol": 1e-13}
    V, W = rng.standard_normal((2, 4, 4))
    Y = np.linalg.inv(A4)
    assert np.array_equal(inv(A4), Y)
    value, tangent = fr.jvp(inv, (A4,), (V,))
    assert np.array_equal(value, Y)
    np.testing.assert_allclose(tangent, -Y @ V @ Y, **tolerance)
    np.testing.assert_allclose(fr.vjp(inv, A4)[1](W)[0], -Y.T @ W @ Y.T, **tolerance)
    np.testing.assert_allclose(fr.jacobian(inv)(A4).reshape(16, 16), -np.kron(Y, Y.T), **tolerance)
    np.testing.assert_allclose(fr.grad(lambda A: np.sum(inv(A) ** 2))(A4), -2 * Y.T @ Y @ Y.T, **tolerance)


@pytest.mark.parametrize("inv", EXACT_RULES, ids=NAMES)
def test_second_derivatives(inv):
    H = fr.hessian(lambda A: np.sum(inv(A) * A4))(A4)
    expected = fr.hessian(lambda A: np.sum(np.linalg.inv(A) * A4))(A4)
    np.testing.assert_allclose(H, expected, rtol=1e-9, atol=1e-12)
    third = fr.hvp(lambda A: fr.grad(lambda A: np.sum(inv(A)))(A)[0, 1], (A4,), (A4,))[0]
    expected = fr.hvp(lambda A: fr.grad(lambda A: np.sum(np.linalg.inv(A)))(A)[0, 1], (A4,), (A4,))[0]
    np.testing.assert_allclose(third, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("inv", EXACT_RULES, ids=NAMES)
def test_rules_pass_check_rule(inv):
    check_rule(inv, A4)


@pytest.mark.parametrize("inv", [by_complex_step, by_differences], ids=["complex-step", "central"])
def test_numerical_rules_pass_check_rule_to_first_order(inv):
    if inv is by_differences:
        with pytest.raises(RuleCheckError):  # ten digits are not rounding: identities to 1e-9 may fail
            check_rule(inv, A4, orders=1, tolerance=1e-16)
    else:
        check_rule(inv, A4, orders=1)


@pytest.mark.parametrize("inv", [by_complex_step, by_differences], ids=["complex-step", "central"])
def test_numerical_rules_have_no_second_derivative(inv):
    with pytest.raises(fr.NotDifferentiableError) as error:
        fr.hessian(lambda A: np.sum(inv(A)))(A4)
    assert "inv" in str(error.value)
    assert "second derivative" in str(error.value)
    assert "frechet=" in str(error.value)


@pytest.mark.parametrize("through", [np.linalg.inv, *EXACT_RULES, "solve"], ids=["numpy", *NAMES, "solve"])
def test_example_of_the_issue(through):
    """n = 40: f(x) = (C inv(A + xB))[-1, -1]."""
    n = 40
    g = np.random.default_rng(1)
    A, B, C = g.standard_normal((3, n, n))
    A += 10 * np.eye(n)

    def f(x):
        M = A + x * B
        return (np.linalg.solve(M.T, C.T).T if through == "solve" else C @ through(M))[-1, -1]

    Y = np.linalg.inv(A + 0.3 * B)
    expected = (C @ (-Y @ B @ Y))[-1, -1]
    assert fr.grad(f)(0.3) == pytest.approx(expected, rel=1e-11)  # condition of about ten
    assert fr.jvp(f, (0.3,), (1.0,))[1] == pytest.approx(expected, rel=1e-11)
    assert type(fr.grad(f)(0.3)) is float


# --- several arguments, keywords, constants -------------------------------------------------------


def scaled(x, n, y, scale=1.0):
    """scale · xⁿ · y, with an integer power that has no derivative."""
    return scale * x**n * y


def scaled_frechet(value, x, n, y, scale=1.0):
    return lambda dx, dn, dy: scale * (n * x ** (n - 1) * y * dx + x**n * dy)


SCALED = {
    "frechet": fr.rule(scaled, frechet=scaled_frechet),
    "adjoint": fr.rule(
        scaled,
        adjoint=lambda value, x, n, y, scale=1.0: (
            lambda w: (scale * n * x ** (n - 1) * y * w, None, scale * x**n * w)
        ),
    ),
    "jacobian": fr.rule(
        scaled,
        jacobian=lambda value, x, n, y, scale=1.0: (
            np.diag(scale * n * x ** (n - 1) * y),
            np.zeros(np.shape(x)),
            np.diag(scale * x**n),
        ),
    ),
    "complex-step": fr.rule(scaled, numerical="complex-step"),
    "central": fr.rule(scaled, numerical="central"),
}


@pytest.mark.parametrize("g", SCALED.values(), ids=SCALED)
def test_several_arguments(g):
    tolerance = {"rtol": 1e-7} if g is SCALED["central"] else {"rtol": 1e-12}
    y = np.array([1.0, -1.0, 3.0])
    np.testing.assert_array_equal(g(x3, 2, y), scaled(x3, 2, y))
    a, b = fr.grad(lambda x, y: np.sum(g(x, 2, y, scale=3.0)), argnums=(0, 1))(x3, y)
    np.testing.assert_allclose(a, 3 * 2 * x3 * y, **tolerance)
    np.testing.assert_allclose(b, 3 * x3**2, **tolerance)
    np.testing.assert_allclose(fr.grad(lambda y: np.sum(g(x3, 2, y)))(y), x3**2, **tolerance)
    t = fr.jvp(lambda x, y: g(x, 2, y), (x3, y), (np.ones(3), np.zeros(3)))[1]
    np.testing.assert_allclose(t, 2 * x3 * y, **tolerance)
    t = fr.jvp(lambda y: g(x3, 2, y), (y,), (np.ones(3),))[1]
    np.testing.assert_allclose(t, x3**2, **tolerance)


@pytest.mark.parametrize("g", SCALED.values(), ids=SCALED)
def test_keyword_arguments_that_are_traced(g):
    tolerance = {"rtol": 1e-7} if g is SCALED["central"] else {"rtol": 1e-12}
    y = np.array([1.0, -1.0, 3.0])
    got = fr.grad(lambda y: np.sum(g(x3, n=2, y=y)))(y)
    np.testing.assert_allclose(got, x3**2, **tolerance)
    got = fr.grad(lambda x: np.sum(g(y=y, n=2, x=x)))(x3)
    np.testing.assert_allclose(got, 2 * x3 * y, **tolerance)


def test_an_argument_left_out_of_the_description_is_refused_by_name():
    g = fr.rule(scaled, frechet=lambda value, x, n, y, scale=1.0: lambda dx: n * x ** (n - 1) * y * dx)
    assert fr.grad(lambda x: np.sum(g(x, 2, x3)))(x3).shape == (3,)
    with pytest.raises(fr.NotDifferentiableError) as error:
        fr.grad(lambda y: np.sum(g(x3, 2, y)))(x3)
    assert "scaled" in str(error.value)
    assert "'y'" in str(error.value)
    assert "stop_gradient" in str(error.value)


def test_none_in_a_pullback_is_refused_by_name():
    g = fr.rule(scaled, adjoint=lambda v, x, n, y, scale=1.0: lambda w: (w * y, None, None))
    with pytest.raises(fr.NotDifferentiableError, match="scaled"):
        fr.grad(lambda y: np.sum(g(x3, 1, y)))(x3)


def test_arguments_of_other_kinds_pass_through():
    def pick(mode, x, options=None):
        return x * options["factor"] if mode == "scale" else x

    g = fr.rule(pick, frechet=lambda y, mode, x, options=None: lambda dx: dx * options["factor"])
    assert fr.grad(lambda x: np.sum(g("scale", x, options={"factor": 3.0})))(x3).tolist() == [3, 3, 3]


def test_maps_for_several_arguments():
    @fr.rule
    def product(x, y, note="text"):
        return x * y, (diagonal(y), diagonal(x))

    assert fr.grad(lambda x: np.sum(product(x, x, note="other")))(x3).tolist() == (2 * x3).tolist()
    assert product(2.0, 3.0) == 6.0
    check_rule(product, x3, x3 + 1)


def test_zero_and_none_among_the_maps():
    @fr.rule
    def f(x, level, power):
        return x**power, (diagonal(power * x ** (power - 1)), zero, None)

    assert fr.grad(lambda level: np.sum(f(x3, level, 2.0)))(1.0) == 0.0
    with pytest.raises(fr.NotDifferentiableError) as error:
        fr.grad(lambda power: np.sum(f(x3, 1.0, power)))(2.0)
    assert "'power'" in str(error.value)
    assert "f has no derivative" in str(error.value) or ".f" in str(error.value)


# --- several results ------------------------------------------------------------------------------


def polar(x, y):
    return np.hypot(x, y), np.arctan2(y, x)


SEVERAL = {
    "frechet": fr.rule(
        polar,
        frechet=lambda v, x, y: lambda dx, dy: ((x * dx + y * dy) / v[0], (x * dy - y * dx) / v[0] ** 2),
    ),
    "adjoint": fr.rule(
        polar,
        adjoint=lambda v, x, y: (
            lambda w: (w[0] * x / v[0] - w[1] * y / v[0] ** 2, w[0] * y / v[0] + w[1] * x / v[0] ** 2)
        ),
    ),
    "central": fr.rule(polar, numerical="central"),
}


@pytest.mark.parametrize("f", SEVERAL.values(), ids=SEVERAL)
def test_several_results(f):
    tolerance = 1e-7 if f is SEVERAL["central"] else 1e-12
    x, y = 3.0, 4.0
    (r, t), pullback = fr.vjp(f, x, y)
    assert (r, t) == polar(x, y)
    assert pullback((1.0, 0.0)) == pytest.approx((0.6, 0.8), rel=tolerance)
    assert pullback((0.0, 1.0)) == pytest.approx((-4 / 25, 3 / 25), rel=tolerance)
    assert fr.jvp(f, (x, y), (1.0, 0.0))[1] == pytest.approx((0.6, -4 / 25), rel=tolerance)
    assert fr.grad(lambda x: f(x, y)[0])(x) == pytest.approx(0.6, rel=tolerance)
    J = fr.jacobian(f, argnums=(0, 1))(x, y)
    assert J[1] == pytest.approx((-4 / 25, 3 / 25), rel=tolerance)
    if f is not SEVERAL["central"]:
        check_rule(f, np.array([1.0, 2.0]), np.array([0.5, -1.0]))
        H = fr.hessian(lambda x: f(x, y)[1])(x)  # d²/dx² arctan(y/x) = 2xy/(x² + y²)²
        assert pytest.approx(24 / 625, rel=1e-12) == H


def test_results_without_tangent():
    def split(x):
        return x * 2, int(np.argmax(x)), "note"

    g = fr.rule(split, frechet=lambda v, x: lambda dx: (2 * dx, None, None))
    value, tangent = fr.jvp(g, (x3,), (x3,))
    assert value[1:] == (2, "note")
    assert tangent[0].tolist() == (2 * x3).tolist()
    assert fr.grad(lambda x: np.sum(g(x)[0]))(x3).tolist() == [2, 2, 2]


# --- methods and opaque code ----------------------------------------------------------------------


def test_methods():
    class Stiffness:
        def __init__(self, k):
            self.k = k

        def apply(self, x):
            return self.k * x**2

        derivative = fr.rule(apply, frechet=lambda y, self, x: lambda dx: 2 * self.k * x * dx)

        @fr.rule
        def by_maps(self, x):
            return self.k * x**2, (None, diagonal(2 * self.k * x))

    s = Stiffness(3.0)
    assert np.array_equal(s.derivative(x3), 3 * x3**2)
    assert np.array_equal(fr.grad(lambda x: np.sum(s.derivative(x)))(x3), 6 * x3)
    assert np.array_equal(fr.grad(lambda x: np.sum(s.by_maps(x)))(x3), 6 * x3)
    assert np.array_equal(fr.hessian(lambda x: np.sum(s.by_maps(x)))(x3), 6 * np.eye(3))
    check_rule(s.derivative, x3)


def opaque_exp(x):
    """exp by C code that knows no arrays of ours."""
    f = ctypes.CDLL(None).exp
    f.restype, f.argtypes = ctypes.c_double, [ctypes.c_double]
    out = np.empty(np.shape(x))
    for k in np.ndindex(out.shape):
        out[k] = f(float(x[k]))
    return out


def test_a_rule_may_call_code_that_cannot_be_differentiated():
    g = fr.rule(opaque_exp, frechet=lambda y, x: lambda dx: y * dx)
    np.testing.assert_allclose(fr.grad(lambda x: np.sum(g(x)))(x3), np.exp(x3), rtol=1e-14)
    # the value y is the rule's own result, so the description is differentiable code
    np.testing.assert_allclose(fr.hessian(lambda x: np.sum(g(x)))(x3), np.diag(np.exp(x3)), rtol=1e-13)
    check_rule(g, x3, orders=1)


@pytest.mark.parametrize("which", ["frechet", "adjoint", "jacobian", "maps"])
def test_second_derivative_through_opaque_code_says_which_rule_needs_what(which):
    if which == "maps":

        @fr.rule
        def opaque_rule(x):
            y = opaque_exp(np.asarray(x))
            return y, diagonal(y)

        g, name = opaque_rule, "opaque_rule"
    else:
        description = {
            "frechet": lambda y, x: lambda dx: opaque_exp(x) * dx,
            "adjoint": lambda y, x: lambda w: opaque_exp(x) * w,
            "jacobian": lambda y, x: np.diag(opaque_exp(x)),
        }[which]
        both = (
            {"frechet": description, "adjoint": description} if which != "jacobian" else {which: description}
        )
        g, name = fr.rule(opaque_exp, **both), "opaque_exp"
    np.testing.assert_allclose(fr.grad(lambda x: np.sum(g(x)))(x3), np.exp(x3), rtol=1e-14)
    with pytest.raises((fr.NotDifferentiableError, fr.CoercionError)) as error:
        fr.hessian(lambda x: np.sum(g(x)))(x3)
    assert name in str(error.value)
    assert "second" in str(error.value) or "higher" in str(error.value)
    assert "rule" in str(error.value)


def test_one_direction_that_cannot_be_transposed_asks_for_the_other():
    g = fr.rule(
        np.square,
        frechet=lambda y, x: (
            lambda dx: np.array([2 * float(a) * float(b) for a, b in zip(x, dx, strict=True)])
        ),
    )
    assert fr.jvp(g, (x3,), (np.ones(3),))[1].tolist() == (2 * x3).tolist()
    with pytest.raises(fr.NotDifferentiableError) as error:
        fr.grad(lambda x: np.sum(g(x)))(x3)
    assert "np.square" in str(error.value)
    assert "adjoint=" in str(error.value)


# --- wrong descriptions are reported at once ------------------------------------------------------


def one(**how):
    return fr.rule(np.square, **how)


WRONG = {
    "shape of a tangent": (one(frechet=lambda y, x: lambda dx: np.sum(dx)), ["()", "(3,)", "np.square"]),
    "shape of a tangent, longer": (
        one(frechet=lambda y, x: lambda dx: np.ones((2, 3))),
        ["(2, 3)", "np.square"],
    ),
    "None for a tangent": (one(frechet=lambda y, x: lambda dx: None), ["None", "np.square"]),
    "text for a tangent": (one(frechet=lambda y, x: lambda dx: "text"), ["str", "np.square"]),
    "object tangent": (one(frechet=lambda y, x: lambda dx: np.array([1, 2, 3], dtype=object)), ["np.square"]),
    "bool tangent": (one(frechet=lambda y, x: lambda dx: dx > 0), ["np.square"]),
    "no function from frechet": (one(frechet=lambda y, x: 2 * x), ["function", "np.square"]),
    "shape of a cotangent": (
        one(adjoint=lambda y, x: lambda w: np.sum(w)),
        ["argument 0", "(3,)", "np.square"],
    ),
    "too many cotangents": (one(adjoint=lambda y, x: lambda w: (w, w)), ["2", "1", "np.square"]),
    "no function from adjoint": (one(adjoint=lambda y, x: 2 * x), ["function", "np.square"]),
    "text cotangent": (one(adjoint=lambda y, x: lambda w: "text"), ["np.square"]),
    "shape of a Jacobian": (one(jacobian=lambda y, x: 2 * x), ["(3,)", "(3, 3)", "argument 0", "np.square"]),
    "too many Jacobians": (one(jacobian=lambda y, x: (np.eye(3), np.eye(3))), ["np.square"]),
    "None for a Jacobian": (one(jacobian=lambda y, x: None), ["np.square"]),
}


@pytest.mark.parametrize(("g", "words"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("transform", ["vjp", "jvp"])
def test_wrong_description(g, words, transform):
    with pytest.raises((fr.RuleError, fr.NotDifferentiableError)) as error:
        fr.jvp(g, (x3,), (x3,)) if transform == "jvp" else fr.grad(lambda x: np.sum(g(x)))(x3)
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (lambda x: x * 2, ["value, linear maps"]),
        (lambda x: (x * 2, lambda v: 2 * v), ["linear map", "function"]),
        (lambda x: (x * 2, 2.0), ["linear map", "float"]),
        (lambda x: (x * 2, (diagonal(x), diagonal(x))), ["2", "1"]),
        (lambda x: (x * 2, ()), []),
        (lambda x: (x * 2, linear(lambda v: v[:2], lambda w: w)), ["shape", "(2,)"]),
        (lambda x: (np.sum(x), linear(lambda v: np.sum(v, -1), lambda w: w)), ["shape"]),
    ],
)
def test_wrong_maps(body, words):
    def wrong(x):
        return body(x)

    g = fr.rule(wrong)
    for call in (lambda: fr.grad(lambda x: np.sum(g(x)))(x3), lambda: fr.jvp(g, (x3,), (x3,))):
        try:
            call()
        except (fr.RuleError, fr.NotDifferentiableError) as error:
            assert "wrong" in str(error)
            for word in words:
                assert word in str(error)
            break
    else:
        pytest.fail("the mistake went unnoticed in both directions")


def test_wrong_calls_of_rule():
    with pytest.raises(TypeError, match="one description"):
        fr.rule(np.square, frechet=lambda y, x: None, jacobian=lambda y, x: None)
    with pytest.raises(TypeError, match="one description"):
        fr.rule(np.square, numerical="central", adjoint=lambda y, x: None)
    with pytest.raises(TypeError, match="function"):
        fr.rule(3.0)
    with pytest.raises(TypeError, match="function"):
        fr.rule("sin", numerical="central")
    with pytest.raises((TypeError, ValueError), match="complex-step"):
        fr.grad(fr.rule(np.square, numerical="forward"))(2.0)


def test_a_body_that_returns_no_pair_is_reported_without_differentiation_too():
    @fr.rule
    def forgot(x):
        return x * 2

    with pytest.raises(fr.RuleError, match="forgot"):
        forgot(1.0)


# --- numerical rules ------------------------------------------------------------------------------


def test_complex_step_is_exact_to_rounding():
    f = fr.rule(lambda x: np.exp(x) * np.sin(x**2), numerical="complex-step")
    expected = np.exp(x3) * (np.sin(x3**2) + 2 * x3 * np.cos(x3**2))
    np.testing.assert_allclose(np.diag(fr.jacobian(f)(x3)), expected, rtol=1e-14)


def test_complex_step_refuses_complex_arguments():
    f = fr.rule(np.square, numerical="complex-step")
    with pytest.raises(fr.NotDifferentiableError, match="central"):
        fr.vjp(f, 1j * x3)


def test_complex_step_of_a_function_that_drops_the_imaginary_part_is_not_silently_zero():
    # np.abs and casts take a complex step's derivative away: the value says so, since f(x + ih) is real then.
    f = fr.rule(lambda x: np.abs(x) * 2, numerical="complex-step")
    with pytest.raises(fr.FrechetError) as error:
        fr.grad(lambda x: np.sum(f(x)))(x3)
    assert "central" in str(error.value)


def test_central_differences_of_complex_functions():
    z = np.array([1 + 1j, 0.5 - 2j])
    f = fr.rule(lambda z: np.abs(z) ** 2 + np.conj(z), numerical="central")
    w, v = np.array([1j, 2.0]), np.array([0.3, 1 - 1j])
    tangent = fr.jvp(f, (z,), (v,))[1]
    np.testing.assert_allclose(tangent, 2 * np.real(np.conj(z) * v) + np.conj(v), rtol=1e-8)
    (g,) = fr.vjp(f, z)[1](w)
    assert np.real(np.vdot(w, tangent)) == pytest.approx(np.real(np.vdot(g, v)), rel=1e-8)


def test_central_differences_at_a_kink_are_refused():
    f = fr.rule(lambda x: np.where(x < 1.0, 0.0, np.sqrt(np.maximum(x - 1.0, 0))), numerical="central")
    with pytest.raises(fr.NotDifferentiableError, match=r"not smooth|converge"):
        fr.grad(lambda x: np.sum(f(x)))(np.array([1.0]))


def test_numerical_rule_of_a_black_box():
    def black_box(x):
        return scipy.linalg.logm(np.asarray(x)).real

    f = fr.rule(black_box, numerical="central")
    M = A4 @ A4.T
    V, W = rng.standard_normal((2, 4, 4))
    tangent = fr.jvp(f, (M,), (V,))[1]
    h = 1e-6
    np.testing.assert_allclose(
        tangent, (black_box(M + h * V) - black_box(M - h * V)) / (2 * h), rtol=1e-5, atol=1e-8
    )
    assert np.sum(fr.vjp(f, M)[1](W)[0] * V) == pytest.approx(np.sum(W * tangent), rel=1e-7)


def test_numbers_of_evaluations():
    calls = []

    def counted(x):
        calls.append(1)
        return np.sin(x)

    f = fr.rule(counted, numerical="complex-step")
    fr.jvp(f, (x3,), (x3,))
    assert len(calls) <= 2  # the value and one step
    calls.clear()
    fr.grad(lambda x: np.sum(f(x)))(x3)
    assert len(calls) <= 4  # the value and one for each entry


# --- rules in place of NumPy's --------------------------------------------------------------------


def test_rule_in_place_of_numpys():
    original = table.get(np.cbrt)
    fr.grad(np.cbrt)(8.0)  # loads the chapter
    original = table[np.cbrt]
    try:

        @fr.rule(np.cbrt)
        def cbrt(x):
            y = np.cbrt(x)
            return y, diagonal(1000.0 + 0 * y)

        assert fr.grad(lambda x: np.sum(np.cbrt(x)))(x3).tolist() == [1000.0] * 3
        assert np.cbrt(8.0) == 2.0
    finally:
        table[np.cbrt] = original
    assert fr.grad(np.cbrt)(8.0) == pytest.approx(1 / 12, rel=1e-14)


# --- behaviour of the wrapped function ------------------------------------------------------------


def test_the_function_keeps_its_name_and_documentation():
    def documented(x, y=2):
        """What it does."""
        return x * y

    for g in (
        fr.rule(documented, frechet=lambda v, x, y=2: lambda dx: y * dx),
        fr.rule(documented, numerical="central"),
    ):
        assert g.__name__ == "documented"
        assert g.__doc__ == "What it does."
        assert "documented" in repr(g)
        assert g(3.0) == 6.0
        assert g(3.0, y=5) == 15.0
        assert fr.grad(g)(3.0) == pytest.approx(2.0, rel=1e-9)


def test_plain_calls_cost_no_derivative():
    calls = []
    g = fr.rule(np.square, frechet=lambda y, x: calls.append(1) or (lambda dx: 2 * x * dx))
    g(x3)
    assert not calls


def test_rules_are_shared_between_threads_and_levels():
    f = functools.reduce(lambda f, _: fr.grad(f), range(3), lambda x: by_frechet(np.array([[1.0]]) * x)[0, 0])
    assert f(2.0) == pytest.approx(-6 / 16, rel=1e-12)


def test_projection_of_what_a_rule_returns():
    g = fr.rule(np.square, adjoint=lambda y, x: lambda w: (2 * x * w).astype(np.complex128) + 1j)
    gradient = fr.grad(lambda x: np.sum(g(x)))(x3.astype(np.float32))
    assert gradient.dtype == np.float32
    np.testing.assert_allclose(gradient, 2 * x3, rtol=1e-6)


def test_integer_arguments():
    g = fr.rule(np.square, frechet=lambda y, x: lambda dx: 2 * x * dx)
    assert fr.grad(lambda x: np.sum(g(x)))(np.array([1, 2])).tolist() == [2.0, 4.0]
    assert fr.grad(g)(3) == 6.0


def test_linear_map_arguments_are_read_only_safe():
    w = np.broadcast_to(1.0, (4, 4))
    for inv in EXACT_RULES:
        np.testing.assert_allclose(
            fr.vjp(inv, A4)[1](w)[0], fr.vjp(inv, A4)[1](np.ones((4, 4)))[0], rtol=1e-13
        )
