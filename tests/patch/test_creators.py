"""Arrays that programs make: of traced values, and to write traced values into."""

# ruff: noqa: PLW0108 - tables of small programs read best in one form

from __future__ import annotations

import copy
import math
import pickle
from collections import namedtuple

import numpy as np
import pytest
import scipy.linalg
import scipy.special

import frechet as fr
from frechet.testing import numerical_pushforward
from frechet.tracing import Traced

x3 = np.array([1.5, -0.7, 2.2])
Point = namedtuple("Point", "a b")


@pytest.fixture(autouse=True)
def patched():
    with fr.patch():
        yield


def differences(f, x, v):
    """The derivative of f at x along v by extrapolated differences, which reach about 1e-10."""
    return numerical_pushforward(lambda t: [f(x + t * v)])[0][0]


def assert_derivatives(f, x=x3):
    """Forward, reverse and second derivatives against differences; the value against the plain run."""
    v = np.cos(np.arange(x.size) + 1.0).reshape(x.shape)
    value, tangent = fr.jvp(f, (x,), (v,))
    np.testing.assert_allclose(value, f(x), rtol=1e-14)
    np.testing.assert_allclose(tangent, differences(f, x, v), rtol=1e-7, atol=1e-9)
    g = fr.grad(lambda x: np.sum(np.sin(f(x))))
    np.testing.assert_allclose(np.sum(g(x) * v), np.sum(np.cos(value) * tangent), rtol=1e-12)
    _, second = fr.jvp(g, (x,), (v,))
    np.testing.assert_allclose(second, differences(g, x, v), rtol=1e-6, atol=1e-8)


def filled(make):
    def f(x):
        y = make()
        y[0] = x[0] * x[1]
        y[1] += x[2]
        y *= x[1]
        return y

    return f


@pytest.mark.parametrize(
    "make",
    [
        lambda: np.zeros(3),
        lambda: np.zeros((3, 2)),
        lambda: np.zeros(shape=3, dtype=np.float64),
        lambda: np.ones(3),
        lambda: np.full(3, 2.0),
        lambda: np.eye(3),
        lambda: np.identity(3),
        lambda: np.tri(3),
        lambda: np.diag([1.0, 2.0, 3.0]),
        lambda: np.array([1.0, 2.0, 3.0]),
        lambda: np.array(x3),
        lambda: np.asarray([1.0, 2.0, 3.0]),
        lambda: np.ascontiguousarray((1.0, 2.0, 3.0)),
        lambda: np.zeros_like(x3),
        lambda: np.ones_like(x3),
        lambda: np.full_like(x3, 4.0),
        lambda: np.copy(x3),
        lambda: np.zeros(4)[1:],
        lambda: 2 * np.ones(3) + 1,
    ],
)
def test_arrays_to_write_into(make):
    assert_derivatives(filled(make))


def empty(x):
    y = np.empty(3)
    y[...] = 0.0
    y[1] = x[0] ** 2
    return y


@pytest.mark.parametrize(
    "f",
    [
        empty,
        lambda x: np.array([x[0], 1.0, x[1] ** 2]),
        lambda x: np.array([[x[0], 1], [x[1], x[2]]]),
        lambda x: np.array((x, [1, 2, 3], x**2)),
        lambda x: np.array(Point(x[0], 3.0)),
        lambda x: np.array([Point(x[0], 3.0), (1.0, x[2])]),
        lambda x: np.array(x[0]),
        lambda x: np.array(x, ndmin=2),
        lambda x: np.array(x, copy=None),
        lambda x: np.asarray(x),
        lambda x: np.asarray(x[0] * 2),
        lambda x: np.asarray([x[0], 1.0]),
        lambda x: np.asanyarray([x, x]),
        lambda x: np.ascontiguousarray(x.reshape(3, 1).T),
        lambda x: np.ascontiguousarray(x[0]),
        lambda x: np.asfortranarray([x, x]),
        lambda x: np.asarray_chkfinite(x),
        lambda x: np.require(x, float, "C"),
        lambda x: np.full((2, 3), x[0]),
        lambda x: np.full((2, 3), x),
        lambda x: np.arange(x[0]),
        lambda x: np.arange(x[1], 5.0),
        lambda x: np.arange(0.0, 5.0, x[0]),
        lambda x: np.arange(x[1], 5.6, step=x[0]),
        lambda x: np.fromiter((a * a for a in x), float),
        lambda x: np.fromiter((a * a for a in x), float, 2),
        lambda x: np.fromfunction(lambda i, j: x[0] * i + j, (2, 3)),
        lambda x: np.r_[x, 1.0, x[0]],
        lambda x: np.c_[x, x**2],
        lambda x: np.atleast_2d([x[0], 2.0]),
        lambda x: np.average([x[0], 2.0 * x[1], 1.0]),
        lambda x: np.linspace(0, x[0], 4),
        lambda x: copy.deepcopy(x) * 2,
        lambda x: copy.deepcopy({"a": [x[0], x]})["a"][1] ** 2,
        lambda x: copy.copy(x) * x,
    ],
)
def test_of_traced_values(f):
    assert_derivatives(f)


def test_dtypes():
    assert fr.jvp(lambda x: np.array([x, 1.0], np.float32), (2.0,), (1.0,))[1].dtype == np.float32
    assert fr.jvp(lambda x: np.array([x, 1j]), (2.0,), (1.0,))[0].dtype == np.complex128
    assert fr.grad(lambda x: x * np.array([x, 1.0], int)[0])(2.5) == 2.0
    y = fr.jvp(lambda x: np.asarray(x, np.float32), (x3,), (x3,))[1]
    np.testing.assert_array_equal(y, x3.astype(np.float32))
    with pytest.raises(ValueError, match="copy"):
        fr.grad(lambda x: np.asarray(x, np.float32, copy=False).sum())(x3)


def test_an_array_is_itself():
    def f(x):
        y = np.zeros(2)
        same = [np.asarray(x), np.asanyarray(x), np.array(x, copy=None)]
        own = np.array(x)
        assert all(a is x for a in same)
        assert own is not x
        same = [np.asarray(y), np.ascontiguousarray(y)]
        assert all(a is y for a in same)
        return x[0]

    fr.grad(f)(x3)


def test_what_stays_plain():
    outside = np.zeros(3)

    def f(x):
        assert type(outside) is np.ndarray
        assert np.asarray(outside) is outside
        for y in (np.arange(3), np.zeros(3, int), np.array([1, 2]), np.ones(2, bool), np.array(["a"])):
            assert type(y) is np.ndarray
        assert type(np.array([None, None])) is np.ndarray
        assert type(np.sin(outside)) is np.ndarray
        with pytest.raises(ValueError, match=r"sequence|traced"):
            outside[0] = x[0]
        return x[np.arange(2)].sum()

    np.testing.assert_array_equal(fr.grad(f)(x3), [1, 1, 0])


def test_without_a_trace_all_is_plain():
    assert type(np.zeros(3)) is np.ndarray
    assert type(np.array([1.0])) is np.ndarray
    seen = []
    fr.grad(lambda x: seen.append(np.zeros(2)) or x)(1.0)
    assert type(seen[0]) is Traced
    assert type(np.zeros(2)) is np.ndarray
    with pytest.raises(fr.TraceEndedError):
        seen[0] + 1.0


def test_constants_are_as_good_as_plain():
    def f(x):
        n = int(np.ones(3).sum())
        table = np.array([0.0, 1.0, 4.0])
        assert float(table[2]) == 4.0
        assert not np.zeros(1)[0]
        assert math.isclose(np.full(2, 0.5)[1], 0.5)
        assert [0, 1, 2][int(np.array([1.0])[0])] == 1
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(stop(table))), table)
        assert scipy.linalg.norm(np.eye(3)) == pytest.approx(3**0.5)
        assert scipy.special.logsumexp(np.zeros(2)) == pytest.approx(math.log(2))
        memory = memoryview(np.asarray(stop(table)))
        assert memory[2] == 4.0
        return x * n * float(np.random.default_rng(0).normal(np.zeros(1))[0])

    stop = fr.stop_gradient
    want = 3 * np.random.default_rng(0).normal(np.zeros(1))[0]
    assert fr.grad(f)(2.0) == pytest.approx(want)
    assert fr.jvp(f, (2.0,), (1.0,))[1] == pytest.approx(want)
    assert fr.grad(fr.grad(f))(2.0) == 0.0


def test_a_constant_that_was_written_to_is_none_any_more():
    def f(x):
        y = np.zeros(2)
        y[0] = 3.0
        assert float(y[0]) == 3.0
        y[1] = x
        z = y[:1] * 2.0
        with pytest.raises(fr.CoercionError):
            float(y[1])
        with pytest.raises(fr.CoercionError):
            float(z[0])  # y varies, and z is made of it
        return y[1]

    assert fr.grad(f)(2.0) == 1.0


def test_copies_of_constants_are_read_only():
    def f(x):
        plain = np.zeros(2).__array__()
        with pytest.raises(ValueError, match="read-only"):
            plain[0] = 1.0
        return x

    fr.grad(f)(1.0)


def test_rules_work_on_plain_arrays():
    """The body of a rule, also one of a user, gets plain values and makes plain arrays."""
    kinds = []

    def value(x):
        y = np.zeros(2)
        kinds.append(type(y))
        y[:] = x
        return y

    def pushforward(y, x):
        def push(v):
            w = np.zeros(2)
            kinds.append(type(w))
            w[:] = v
            return w

        return push

    twice = fr.rule(value, frechet=pushforward)
    np.testing.assert_array_equal(fr.jvp(twice, (2.0,), (3.0,))[1], [3.0, 3.0])
    assert set(kinds) == {np.ndarray}


def test_nested():
    def inner(x, y):
        z = np.zeros(2)
        z[0] = x * y
        z[1] = y
        return np.sum(z**2)

    def outer(y):
        w = np.zeros(2)
        w[0] = fr.grad(inner)(3.0, y)
        w[1] = y
        return np.sum(w)

    # d/dx (x² y² + y²) = 2 x y² at x = 3, and its derivative in y, 12 y, and 1
    assert fr.grad(outer)(2.0) == pytest.approx(25.0)
    assert fr.hessian(lambda x: inner(x, 2.0))(3.0) == pytest.approx(8.0)


def test_isscalar():
    def f(x):
        assert np.isscalar(x[0])
        assert not np.isscalar(x)
        without_axes = np.array(x[0])
        assert not np.isscalar(without_axes)
        return x[0]

    fr.grad(f)(x3)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: math.sin(x) * math.exp(x) + math.log(x) + math.log(x, 3) + math.log(3, x),
        lambda x: math.sqrt(x) + math.pow(x, 3) + math.atan2(x, 2.0) + math.hypot(x, 1.0, 2.0),
        lambda x: math.fsum([x, 1.0, x * x]) + math.prod([x, 2.0], start=x) + math.dist([x, 1.0], [0.0, x]),
        lambda x: math.erf(x) + math.erfc(x) + math.gamma(x) + math.lgamma(x) + math.cbrt(x),
        lambda x: math.floor(x) * x + math.trunc(x) * x + math.ceil(x) + math.fmod(x, 1.0),
        lambda x: x if math.isfinite(x) and not math.isnan(x) else 0.0,
    ],
)
def test_math(f):
    want = (f(1.3 + 1e-6) - f(1.3 - 1e-6)) / 2e-6
    assert fr.grad(f)(1.3) == pytest.approx(want, rel=1e-7)
    assert fr.jvp(f, (1.3,), (1.0,))[0] == pytest.approx(f(1.3), rel=1e-14)


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda x: np.zeros(x[0]), ["np.zeros", "integer", "stop_gradient"]),
        (lambda x: np.eye(3, k=x[0]), ["np.eye", "integer"]),
        (lambda x: np.array([x[0], None]), ["object"]),
        (lambda x: np.array(x, dtype=object), ["object"]),
        (lambda x: float(x[0]), ["float(x)"]),
    ],
)
def test_refused(f, words):
    with pytest.raises((fr.NotDifferentiableError, fr.CoercionError)) as error:
        fr.jacobian(f)(x3)
    for word in words:
        assert word in str(error.value)


def named_otherwise(source):
    """A function whose np is no imported name of its module: the compiler treats its calls differently."""
    names = {"xp": np}
    exec(f"def f(x):\n    return {source}", names)
    return names["f"]


@pytest.mark.parametrize(
    "source",
    ["xp.array([x[0], x[1]], dtype=float)", "xp.array(x, ndmin=3)", "xp.full(3, fill_value=x[0])"],
)
def test_keywords_where_the_module_is_no_import(source):
    assert_derivatives(named_otherwise(source))


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda y: y.resize(4), fr.CoercionError),
        (lambda y: y.setfield(1.0, float), fr.CoercionError),
        (lambda y: y.view(np.int64).fill(5), ValueError),
        (lambda y: y.byteswap(inplace=True), ValueError),
    ],
)
def test_constants_are_not_changed_through_copies(call, error):
    """What would change a plain array must not change a copy of it, without a word."""

    def f(x):
        y = np.zeros(3)
        with pytest.raises(error):
            call(y)
        return x * y.size

    assert fr.grad(f)(2.0) == 3.0


def test_arrays_of_other_objects_are_theirs():
    class Holder:
        def __init__(self):
            self.data = np.zeros(2)

        def __array__(self, dtype=None, copy=None):
            return self.data

    holder, memory = Holder(), np.empty(2)

    def f(x):
        outside = memory
        np.array(holder, copy=None)[0] = 5.0
        np.array(object=outside, copy=None)[0] = 5.0
        return x * float(holder.data[0]) * float(outside[0])

    assert fr.grad(f)(2.0) == 25.0


def test_constants_in_tables():
    table = {1.0: 3.0}
    assert fr.grad(lambda x: x * table.get(np.ones(1)[0], 7.0))(2.0) == 3.0
    assert fr.grad(lambda x: x * (np.ones(1)[0] in {1.0}))(2.0) == 1.0


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.array(x, copy=False) if x > 0 else 0,
        lambda x: np.array([x], copy=False),
        lambda x: np.asarray([x], copy=False),
    ],
)
def test_what_cannot_avoid_a_copy(f):
    for one in (f, lambda x: fr.grad(lambda x: np.sum(f(x)))(x)):
        with pytest.raises(ValueError, match="avoid copy"):
            one(1.0)


@pytest.mark.parametrize(
    ("f", "error"),
    [
        (lambda x: math.log(-x), ValueError),
        (lambda x: math.sqrt(-x), ValueError),
        (lambda x: math.pow(-x, 0.5), ValueError),
        (lambda x: math.gamma(x - 1.0), ValueError),
        (lambda x: math.exp(1000 * x), OverflowError),
        (lambda x: math.cosh(np.array([x, x])), TypeError),
    ],
)
def test_math_raises_what_it_raises(f, error):
    """Programs catch it: NaN in its place would take another branch."""

    def fallback(x):
        try:
            return f(x)
        except error:
            return 3 * x

    assert fallback(1.0) == 3.0
    assert fr.value_and_grad(fallback)(1.0) == (3.0, 3.0)
