"""check_rule accepts right derivatives and rejects every kind of wrong one."""

# ruff: noqa: PLW0108 - tables of small programs read best in one form

from __future__ import annotations

import numpy as np
import pytest

import frechet as fr
from frechet.linear_map import LinearMap, left, linear, right, zero
from frechet.maps import diagonal
from frechet.rule import Rule
from frechet.testing import RuleCheckError, check_rule, numerical_pushforward

rng = np.random.default_rng(0)
A4 = rng.standard_normal((4, 4)) + 4 * np.eye(4)
x3 = np.array([0.5, 1.2, 2.0])
z3 = x3 + 1j * x3[::-1]


# --- right derivatives ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (np.sin, (x3,)),
        (np.sin, (0.5,)),
        (np.sin, (np.float32(0.5),)),
        (np.sin, (x3.astype(np.float32),)),
        (np.exp, (z3,)),
        (np.exp, (0.3 + 1j,)),
        (np.multiply, (x3, np.ones((2, 1)))),
        (np.matmul, (A4, np.ones((4, 2)))),
        (np.linalg.inv, (A4,)),
        (lambda x: x[::-1] * 2, (x3,)),
        (lambda x, n: x**n, (x3, 3)),
        (lambda p: p["a"] * p["b"], ({"a": x3, "b": 2.0, "name": "n"},)),
        (lambda xs: xs[0] * xs[1], ([x3, x3 + 1],)),
        (lambda x: (x * 2, np.sum(x), "text", x > 1), (x3,)),
        (lambda x: x.reshape(3, 1) @ x.reshape(1, 3), (x3,)),
        (np.abs, (z3,)),
        (np.conj, (z3,)),
        (lambda x: np.exp(1j * x), (x3,)),
        (lambda z: np.real(z) * 2, (z3,)),
        (lambda x: x * 1.0, (np.zeros(0),)),
        (lambda x: np.sum(x, axis=0), (np.zeros((0, 3)),)),
        (lambda x: x @ x.T, (np.zeros((2, 0)),)),
        (lambda x: np.longdouble(2) * x, (x3.astype(np.longdouble),)),
        (lambda x: 3.0, (x3,)),
        (lambda x: x3 * 1.0, (2.0,)),
    ],
)
def test_accepts(f, args):
    check_rule(f, *args)


def test_accepts_keyword_arguments_as_constants():
    check_rule(lambda x, *, power, scale: scale * x**power, x3, power=2, scale=3.0)
    check_rule(np.reshape, np.ones((2, 3)), (3, 2), order="F")
    check_rule(np.sum, np.ones((2, 3)), axis=0, keepdims=True)


def test_returns_nothing():
    assert check_rule(np.sin, x3) is None


# --- the three of the issue -----------------------------------------------------------------------


def test_rejects_the_frechet_derivative_of_inv_passed_off_as_its_pullback():
    wrong = fr.rule(np.linalg.inv, adjoint=lambda Y, A: lambda G: -Y @ G @ Y)
    with pytest.raises(RuleCheckError, match=r"np.linalg.inv"):
        check_rule(wrong, A4)
    wrong = fr.rule(
        np.linalg.inv, frechet=lambda Y, A: lambda V: -Y @ V @ Y, adjoint=lambda Y, A: lambda G: -Y @ G @ Y
    )
    with pytest.raises(RuleCheckError, match="adjointness"):
        check_rule(wrong, A4)


def test_rejects_a_scaling_error_in_an_fft():
    n = 8

    @fr.rule
    def ifft(x):
        return np.fft.ifft(x), linear(np.fft.ifft, lambda w: np.fft.fft(w))  # the adjoint is fft/n

    with pytest.raises(RuleCheckError, match="adjointness"):
        check_rule(ifft, np.arange(n) + 1j)

    @fr.rule
    def fft(x):
        return np.fft.fft(x), linear(lambda v: np.fft.fft(v) / n, lambda w: np.fft.ifft(w))

    with pytest.raises(RuleCheckError, match="pushforward"):
        check_rule(fft, np.arange(n) + 1j)


def test_rejects_a_complex_cotangent_for_real_input():
    @fr.rule
    def square(x):
        return x**2, linear(lambda v: 2 * x * v, lambda w: (1 + 1e-3j) * 2 * x * w)

    with pytest.raises(RuleCheckError, match="complex"):
        check_rule(square, x3)

    @fr.rule
    def product(x, y):
        return x * y, (diagonal(y), linear(lambda v: x * v, lambda w: x * w * (1 + 0j)))

    with pytest.raises(RuleCheckError, match="complex"):
        check_rule(product, x3, x3)


# --- every other kind of mistake ------------------------------------------------------------------


class Mutating(LinearMap):
    """2x·v, computed in the caller's memory."""

    __slots__ = ("which", "x")

    def __init__(self, x, which):
        self.x, self.which = x, which

    def _apply(self, v, here):
        if here:
            v *= 2 * self.x
            return v
        return v * (2 * self.x)

    def push(self, v):
        return self._apply(v, self.which == "push")

    def pull(self, w):
        return self._apply(w, self.which == "pull")


def body(make):
    def square(x):
        return x**2, make(x)

    return fr.rule(square)


def with_value(function, value, make):
    """A rule whose value under differentiation differs from the function."""
    return Rule(function, lambda x: (value(x), make(x)), "mine")


WRONG = {
    "factor": body(lambda x: diagonal(2.001 * x)),
    "sign": body(lambda x: diagonal(-2 * x)),
    "factor in the pullback": body(lambda x: linear(lambda v: 2 * x * v, lambda w: 2.001 * x * w)),
    "zero": body(lambda x: zero),
    "nonlinear pushforward": body(lambda x: linear(lambda v: 2 * x * v * np.abs(v), lambda w: 2 * x * w)),
    "affine pushforward": body(lambda x: linear(lambda v: 2 * x * v + 1e-3, lambda w: 2 * x * w)),
    "shape of the pushforward": body(lambda x: linear(lambda v: np.sum(2 * x * v), lambda w: 2 * x * w)),
    "shape of the pullback": body(lambda x: linear(lambda v: 2 * x * v, lambda w: np.sum(w))),
    "stacks in the pushforward": body(
        lambda x: linear(
            lambda v: (2 * x * v.T).T if v.ndim > 1 and v.shape[0] == 3 else 2 * x * v, lambda w: 2 * x * w
        )
    ),
    "stacks in the pullback": body(
        lambda x: linear(lambda v: 2 * x * v, lambda w: 2 * x * (w if np.ndim(w) == 1 else w[::-1]))
    ),
    "axis counted from the front": fr.rule(
        lambda x: (
            np.cumsum(x),
            linear(lambda v: np.cumsum(v, 0), lambda w: np.flip(np.cumsum(np.flip(w, 0), 0), 0)),
        )
    ),
    "mutates the tangent": body(lambda x: Mutating(x, "push")),
    "mutates the cotangent": body(lambda x: Mutating(x, "pull")),
    "value under differentiation": with_value(np.square, lambda x: x**2 + 1e-3, lambda x: diagonal(2 * x)),
    "dtype under differentiation": with_value(
        np.square, lambda x: (x**2).astype(np.float32), lambda x: diagonal(2 * x)
    ),
    "shape under differentiation": with_value(
        np.square,
        lambda x: (x**2)[None],
        lambda x: linear(lambda v: (2 * x * v)[..., None, :], lambda w: (2 * x * w)[..., 0, :]),
    ),
    "second order by stop_gradient": body(lambda x: diagonal(2 * fr.stop_gradient(x))),
    "second order of the pullback": body(
        lambda x: linear(lambda v: 2 * x * v, lambda w: 2 * fr.stop_gradient(x) * w)
    ),
    "second order of the pushforward": body(
        lambda x: linear(lambda v: 2 * fr.stop_gradient(x) * v, lambda w: 2 * x * w)
    ),
    "conjugate missing": fr.rule(
        lambda x: (x**2 * 1j, linear(lambda v: 2j * x * v, lambda w: np.real(2j * x * w)))
    ),
    "nan": body(lambda x: diagonal(2 * x * np.nan)),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_rejects(wrong):
    with pytest.raises((RuleCheckError, fr.RuleError, fr.SpaceError)):
        check_rule(wrong, x3)


def test_rejects_a_rule_that_changes_its_argument():
    @fr.rule
    def careless(x):
        x *= 2
        return x**2, diagonal(2 * x)

    with pytest.raises((RuleCheckError, ValueError, fr.InPlaceError)):
        check_rule(careless, x3.copy())


def test_arguments_are_left_alone():
    x = x3.copy()
    check_rule(np.sin, x)
    assert np.array_equal(x, x3)
    assert x.flags.writeable


def test_rejects_a_pullback_that_fails_on_stride_0_cotangents():
    def pull(w):
        if w.strides and 0 in w.strides and w.size > 1:
            return w * 3.0
        return w * 2.0

    wrong = fr.rule(lambda x: (2 * x, linear(lambda v: 2 * v, pull)))
    with pytest.raises(RuleCheckError, match="stride-0"):
        check_rule(wrong, x3)


def test_rejects_a_rule_that_fails_on_non_contiguous_arguments():
    def f(x):
        return x * 2

    def rule_body(x):
        factor = 2.0 if not isinstance(x, np.ndarray) or x.flags.c_contiguous else 3.0
        return x * 2, linear(lambda v: factor * v, lambda w: factor * w)

    with pytest.raises(RuleCheckError, match="non-contiguous"):
        check_rule(Rule(f, rule_body, "f"), x3)


def test_rejects_a_rule_that_fails_on_empty_arguments():
    """As the issue has it: empty inputs are among what is checked, where the function itself takes them."""

    def rule_body(x):
        if np.size(x) == 0:
            raise ValueError("zero-size array")
        return x * 2, linear(lambda v: 2 * v, lambda w: 2 * w)

    with pytest.raises((RuleCheckError, ValueError)):
        check_rule(Rule(lambda x: x * 2, rule_body, "f"), x3)


def test_rejects_wrong_float32_results():
    @fr.rule
    def widening(x):
        return np.sin(x), linear(lambda v: np.cos(x) * v, lambda w: 1.01 * np.cos(x) * w)

    with pytest.raises(RuleCheckError):
        check_rule(widening, x3.astype(np.float32))


def test_orders():
    only_first = body(lambda x: diagonal(2 * fr.stop_gradient(x)))
    check_rule(only_first, x3, orders=1)
    with pytest.raises(RuleCheckError, match="second order"):
        check_rule(only_first, x3)


def test_tolerance_and_seed():
    f = fr.rule(lambda x: (np.sin(x), diagonal(np.cos(x) * (1 + 1e-8))))
    check_rule(f, x3, orders=1)
    with pytest.raises(RuleCheckError, match="differences"):
        check_rule(f, x3, orders=1, tolerance=1e-9)
    check_rule(np.sin, x3, seed=5)


def test_messages_name_the_function_the_check_and_the_figures():
    with pytest.raises(RuleCheckError) as error:
        check_rule(WRONG["factor"], x3)
    text = str(error.value)
    assert "square" in text
    assert "pushforward" in text
    assert "differs by" in text
    assert isinstance(error.value, AssertionError)


def test_nothing_to_differentiate():
    for args in [(3,), ("text",), (np.array([1, 2]),), ()]:
        with pytest.raises(RuleCheckError, match="none of the arguments"):
            check_rule(lambda *args: 1.0, *args)


def test_a_point_that_is_not_smooth_is_named():
    with pytest.raises(RuleCheckError, match=r"smooth|differs"):
        check_rule(np.abs, np.array([0.0, 1.0]))


def test_functions_that_vary_quickly():
    check_rule(lambda x: np.sin(50 * x), x3)
    check_rule(lambda x: np.exp(5 * x), x3)
    check_rule(lambda x: 1e8 * np.sin(x), x3)
    check_rule(lambda x: 1e-8 * np.sin(x), x3)


def test_small_derivatives_are_not_taken_for_zero():
    wrong = fr.rule(lambda x: (1e-8 * np.sin(x), diagonal(-1e-8 * np.cos(x))))
    with pytest.raises(RuleCheckError):
        check_rule(wrong, x3)


# --- differences ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (np.sin, 1.0),
        (lambda t: np.exp(3 * t), 3.0),
        (lambda t: t**3, 0.0),
        (lambda t: 1 / (1 + t), -1.0),
        (lambda t: np.exp(2j * t), 2j),
    ],
)
def test_numerical_pushforward(f, expected):
    (derivative,), error = numerical_pushforward(lambda t: [f(t)])
    assert abs(derivative - expected) <= max(10 * error, 1e-12)
    assert error < 1e-9


def test_numerical_pushforward_tells_where_it_fails():
    _, error = numerical_pushforward(lambda t: [np.sign(t) * np.sqrt(abs(t))])
    assert error > 1e-3
    _, error = numerical_pushforward(lambda t: [np.float64(np.nan)])
    assert not error < 1e300


# --- the algebra makes right rules ----------------------------------------------------------------


def test_rules_in_maps():
    @fr.rule
    def sandwich(A, B):
        return A @ A4 @ B, (right(A4 @ B), left(A @ A4))

    check_rule(sandwich, A4, A4.T)

    @fr.rule
    def quadratic(x, A):
        y = A @ x
        return x @ y, (
            linear(lambda v: v @ (y + A.T @ x), lambda w: np.multiply.outer(w, y + A.T @ x)),
            linear(
                lambda v: np.sum(v * np.outer(x, x), (-2, -1)), lambda w: np.multiply.outer(w, np.outer(x, x))
            ),
        )

    check_rule(quadratic, np.arange(4.0), A4)
