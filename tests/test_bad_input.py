"""Bad input: an error that names what happened, the call and the way out; nothing detaches silently."""

# ruff: noqa: PLW0108 - tables of small programs read best in one form

from __future__ import annotations

import cmath
import copy
import json
import math
import operator
import pickle
import statistics

import numpy as np
import pytest
import scipy.integrate
import scipy.interpolate
import scipy.linalg
import scipy.optimize
import scipy.sparse

import frechet as fr

x3 = np.array([1.0, 2.0, 3.0])
A3 = np.array([[4.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 5.0]])
FORWARD = lambda f: lambda x: fr.jvp(f, (x,), (x,))


def message(call, error):
    with pytest.raises(error) as info:
        call()
    return str(info.value)


# --- arguments ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "transform",
    [fr.grad, fr.jacobian, FORWARD, lambda f: lambda x: fr.vjp(f, x)],
    ids=["grad", "jacobian", "jvp", "vjp"],
)
@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.array([1.0, 2.0], dtype=object), ["object", "numeric"]),
        (np.ma.array([1.0, 2.0], mask=[0, 1]), ["masked", "filled"]),
        (np.ones((2, 2)).view(np.matrix), ["matrix", "np.asarray"]),
        ({"a": [np.ones((2, 2)).view(np.matrix)]}, ["matrix"]),
    ],
)
def test_arrays_of_kinds_without_a_space(transform, x, words):
    with pytest.raises(fr.SpaceError) as error:
        transform(lambda x: 1.0)(x)
    for word in ("argument 0", *words):
        assert word in str(error.value)


@pytest.mark.parametrize(
    "x",
    [
        "text",
        b"bytes",
        None,
        True,
        np.True_,
        np.array([True]),
        np.array(["a"]),
        print,
        NotImplemented,
        {1.0},
        range(3),
        [],
        {},
        [None, "a"],
        np.datetime64("2020-01-01"),
        np.array(["2020-01-01"], "M8[D]"),
        np.timedelta64(1, "s"),
        np.zeros(2, [("a", float)]),
    ],
    ids=repr,
)
def test_arguments_without_a_tangent(x):
    text = message(lambda: fr.grad(lambda x: 1.0)(x), fr.NotDifferentiableError)
    assert "argument 0" in text
    assert "no tangent" in text
    assert "numeric arrays" in text
    assert type(x).__name__ in text or "dtype" in text


def test_the_argument_is_named():
    def loss(data, *, model):
        return 1.0

    assert "argument 'model' of" in message(
        lambda: fr.grad(loss, argnums="model")(1.0, model="x"), fr.NotDifferentiableError
    )
    assert "loss" in message(
        lambda: fr.grad(loss, argnums="model")(1.0, model="x"), fr.NotDifferentiableError
    )


def test_what_is_not_a_function():
    for bad in (3.0, None, "sin", np.ones(3)):
        with pytest.raises(TypeError):
            fr.grad(bad)(1.0)


# --- results --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda x: x, ["shape (3,)", "fr.jacobian"]),
        (lambda x: x[:1], ["shape (1,)"]),
        (lambda x: x[0] * 1j, ["complex", "real part"]),
        (lambda x: np.array(1j) * x[0], ["complex"]),
        (lambda x: None, ["None", "return"]),
        (lambda x: "text", ["str"]),
        (lambda x: 3, ["integer"]),
        (lambda x: np.int64(3), ["integer"]),
        (lambda x: np.argmax(x), ["integer"]),
        (lambda x: x[0] > 0, ["bool"]),
        (lambda x: (x[0], x[1]), ["tuple"]),
        (lambda x: {"loss": x[0]}, ["dict"]),
        (lambda x: (a for a in x), ["generator"]),
        (lambda x: lambda: x, ["function"]),
        (lambda x: np.array([1.0, 2.0], dtype=object), ["object"]),
        (lambda x: np.ma.array(1.0, mask=True), ["masked"]),
        (lambda x: np.ones((1, 1)).view(np.matrix), ["matrix"]),
        (lambda x: np.array(["a"]), ["shape (1,)"]),
    ],
)
def test_grad_of_what_is_no_real_scalar(f, words):
    text = message(lambda: fr.grad(f)(x3), fr.NotDifferentiableError)
    for word in words:
        assert word in text


def test_the_function_is_named():
    def forgot_the_return(x):
        np.sum(x)

    assert "forgot_the_return" in message(lambda: fr.grad(forgot_the_return)(x3), fr.NotDifferentiableError)


# --- coercions ------------------------------------------------------------------------------------

index_list = [1, 2, 3]
COERCIONS = {
    "float": (lambda x: float(x[0]), ["float("]),
    "int": (lambda x: int(x[0]), ["int("]),
    "complex": (lambda x: complex(x[0]), ["complex("]),
    "float of an array": (lambda x: float(x[:1]), ["float("]),
    "asarray": (lambda x: np.asarray(x), ["np.asarray"]),
    "array": (lambda x: np.array(x), ["np.array"]),
    "array of a list": (lambda x: np.array([x[0], x[1]]), ["np.array", "fr.array"]),
    "array of nested lists": (lambda x: np.array([[x[0], 1.0], [2.0, x[1]]]), ["fr.array"]),
    "ascontiguousarray": (lambda x: np.ascontiguousarray(x), ["np.ascontiguousarray"]),
    "full": (lambda x: np.full(3, x[0]), ["np.full"]),
    "arange": (lambda x: np.arange(x[0]), ["np.arange"]),
    "fromiter": (lambda x: np.fromiter((a for a in x), float), ["np.fromiter"]),
    "float64": (lambda x: np.float64(x[0]), ["np.float64"]),
    "float64 of an array": (lambda x: np.float64(x), ["np.float64"]),
    "float32": (lambda x: np.float32(x[0]), ["np.float32"]),
    "vectorize": (lambda x: np.vectorize(lambda a: a * a)(x), ["vectorize"]),
    "sum of a list": (lambda x: np.sum([x[0], x[1]]), ["np.sum", "fr.array"]),
    "exp of a list": (lambda x: np.exp([x[0], x[1]]), ["np.exp", "fr.array"]),
    "dot with a list": (lambda x: np.dot(x3[:2], [x[0], x[1]]), ["np.dot", "fr.array"]),
    "list operand": (lambda x: x3[:2] * [x[0], x[1]], ["fr.array"]),
    "list operand of a traced array": (lambda x: x[:2] * [x[0], x[1]], ["fr.array"]),
    "r_": (lambda x: np.r_[x, x], ["np.r_"]),
    "c_": (lambda x: np.c_[x, x], ["np.c_"]),
    "Polynomial": (lambda x: np.polynomial.Polynomial(x)(2.0), ["Polynomial"]),
    "ndarray.dot": (lambda x: x3.dot(x), [".dot("]),
    "ndarray.take": (lambda x: x3.take(x), [".take("]),
    "ndarray.searchsorted": (lambda x: x3.searchsorted(x[0]), [".searchsorted("]),
    "ndarray.fill": (lambda x: np.zeros(3).fill(x[0]), [".fill("]),
    "plain item": (lambda x: np.zeros(3).__setitem__(0, x[0]), ["like=x"]),
    "plain slice": (lambda x: np.zeros(3).__setitem__(slice(2), x[:2]), ["like=x"]),
    "index": (lambda x: x3[x[0]], ["index"]),
    "index of a list": (lambda x: index_list[x[0]], ["index"]),
    "index of a traced array": (lambda x: x[x[0]], ["index"]),
    "range": (lambda x: list(range(x[0])), ["range("]),
    "operator.index": (lambda x: operator.index(x[0]), ["index"]),
    "math.sin": (lambda x: math.sin(x[0]), ["math.sin", "np.sin"]),
    "math.exp": (lambda x: math.exp(x[0]), ["math.exp"]),
    "math.fsum": (lambda x: math.fsum(x), ["math.fsum"]),
    "math.floor": (lambda x: math.floor(x[0]), ["np.floor"]),
    "math.trunc": (lambda x: math.trunc(x[0]), ["np.trunc"]),
    "round": (lambda x: round(x[0]), ["np.round"]),
    "round to digits": (lambda x: round(x[0], 2), ["np.round"]),
    "math.isclose": (lambda x: math.isclose(x[0], 1.0), ["math.isclose"]),
    "cmath": (lambda x: cmath.sin(x[0]), ["cmath.sin"]),
    "expm": (lambda x: scipy.linalg.expm(x * np.eye(3)), ["expm", "fr.linalg"]),
    "scipy.linalg.solve": (lambda x: scipy.linalg.solve(x * np.eye(3), x3), ["scipy.linalg.solve"]),
    "scipy.sparse": (lambda x: scipy.sparse.eye_array(3).multiply(x), ["fr.sparse.asarray"]),
    "scipy quad": (lambda x: scipy.integrate.quad(lambda s: s * x[0], 0, 1), ["quad"]),
    "scipy brentq": (lambda x: scipy.optimize.brentq(lambda s: s - x[0], 0, 5), ["brentq"]),
    "scipy minimize": (
        lambda x: scipy.optimize.minimize(lambda s: np.sum((s - x) ** 2), np.zeros(3)),
        ["minimize"],
    ),
    "scipy interpolate": (lambda x: scipy.interpolate.CubicSpline(np.arange(3), x)(0.5), ["CubicSpline"]),
    "statistics": (lambda x: statistics.fmean(x), []),
    "random": (lambda x: np.random.default_rng(0).normal(x[0]), []),
    "pickle": (lambda x: pickle.dumps(x), ["pickle"]),
    "deepcopy": (lambda x: copy.deepcopy(x), ["deepcopy"]),
    "deepcopy of a dict": (lambda x: copy.deepcopy({"x": x}), ["deepcopy"]),
    "object array": (lambda x: np.array([x[0], None], dtype=object), ["object"]),
    "percent format": (lambda x: operator.mod("%.3f", x[0]), []),
    "bool of a number": (lambda x: 1.0 if x[0] else 2.0, ["bool(", "x != 0"]),
    "and": (lambda x: x[0] and 1.0, ["bool("]),
    "not": (lambda x: not x[0], ["bool("]),
    "view": (lambda x: x.view(np.complex128), ["view"]),
    "tobytes": (lambda x: x.tobytes(), ["tobytes"]),
    "resize": (lambda x: x.resize(2), ["resize"]),
    "dlpack": (lambda x: np.from_dlpack(x), []),
}
KINDS = (fr.CoercionError, fr.NotDifferentiableError, fr.InPlaceError)


@pytest.mark.parametrize("transform", [fr.grad, FORWARD, fr.hessian], ids=["grad", "jvp", "hessian"])
@pytest.mark.parametrize(("f", "words"), COERCIONS.values(), ids=COERCIONS)
def test_coercion(transform, f, words):
    """Each is refused, by an error of ours."""

    def g(x):
        y = f(x)
        return np.sum(x) if y is None else np.sum(y)

    text = message(lambda: transform(g)(x3), KINDS)
    assert "derivative" in text or "traced" in text


@pytest.mark.parametrize(("f", "words"), COERCIONS.values(), ids=COERCIONS)
def test_coercion_names_the_call_and_the_way_out(f, words):
    text = message(lambda: fr.grad(lambda x: np.sum(f(x)))(x3), KINDS)
    for word in words:
        assert word in text
    assert any(way in text for way in ("fr.", "np.", "instead", "Use", "use", "write"))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: json.dumps(x),
        lambda x: memoryview(x),
        lambda x: np.zeros(x[0]),
        lambda x: bytes(x),
        lambda x: x.no_such_method(),
        lambda x: x["a"],
        lambda x: x + "text",
        lambda x: x + None,
        lambda x: x @ {},
        lambda x: x[0][0],
        lambda x: len(x[0]),
        lambda x: x(),
        lambda x: x & x,
        lambda x: ~x,
        lambda x: x << 1,
        lambda x: pow(x[0], 2, 3),
        lambda x: x.data,
        lambda x: x.ctypes,
    ],
)
def test_what_numpy_or_python_refuses_is_refused(f):
    with pytest.raises((TypeError, AttributeError, IndexError, fr.FrechetError)):
        fr.grad(lambda x: np.sum(f(x)))(x3)


def test_printing_is_no_coercion():
    seen = []

    def f(x):
        seen.extend([f"{x}", f"{x[0]:.2f}", str(x), repr(x[0]), f"{x[0]!r}"])
        return x[0]

    assert np.array_equal(fr.grad(f)(x3), [1, 0, 0])
    assert all(isinstance(s, str) and "1." in s for s in seen)
    assert seen[1] == "1.00"


def test_comparisons_give_plain_booleans():
    seen = []

    def f(x):
        seen.extend(
            [
                x[0] > 0,
                x > 1,
                x == x,
                x[0] != 2,
                x[0] <= 3,
                x3 < x,
                np.isfinite(x),
                np.any(x > 2),
                2.0 in x,
                max(x) is x[2],
            ]
        )
        return x[0] if x[0] < x[1] else x[1]

    assert np.array_equal(fr.grad(f)(x3), [1, 0, 0])
    assert all(isinstance(s, (bool, np.bool_, np.ndarray)) for s in seen)


# --- foreign kinds of arrays beside traced values -------------------------------------------------

FOREIGN = {
    "matrix": np.eye(3).view(np.matrix),
    "masked": np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0]),
    "object": np.array([1.0, 2.0, 3.0], dtype=object),
    "text": np.array(["a", "b", "c"]),
    "structured": np.zeros(3, [("a", float)]),
    "datetime": np.array(["2020-01-01"] * 3, "M8[D]"),
}
USES = {
    "x * c": lambda x, c: x * c,
    "c * x": lambda x, c: c * x,
    "x + c": lambda x, c: x + c,
    "c - x": lambda x, c: c - x,
    "x @ c": lambda x, c: x @ c,
    "np.multiply": lambda x, c: np.multiply(c, x),
    "np.dot": lambda x, c: np.dot(x, c),
    "np.where": lambda x, c: np.where([True, False, True], x, c),
    "np.concatenate": lambda x, c: np.concatenate([x, c]),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_arrays_beside_traced_values_are_refused(kind, use):
    with pytest.raises((fr.FrechetError, TypeError, ValueError)) as error:
        fr.grad(lambda x: np.sum(use(x, FOREIGN[kind])))(x3)
    if isinstance(error.value, fr.NotDifferentiableError):
        assert any(word in str(error.value) for word in (type(FOREIGN[kind]).__name__, kind, "dtype"))


# --- traced values after their transformation -----------------------------------------------------


def leaked(transform=fr.grad, scalar=False):
    kept = []
    x = 2.0 if scalar else x3

    def f(x):
        kept.append(x * 1.0)
        return np.sum(x)

    if transform is fr.grad:
        fr.grad(f)(x)
    else:
        fr.jvp(f, (x,), (x,))
    return kept[0]


AFTER = {
    "add": lambda y: y + 1,
    "right": lambda y: 1 - y,
    "multiply by array": lambda y: np.ones(3) * y,
    "index": lambda y: y[0],
    "function": lambda y: np.sum(y),
    "sin": lambda y: np.sin(y),
    "method": lambda y: y.mean(),
    "iterate": lambda y: list(y),
    "assign": lambda y: y.__setitem__(0, 1.0),
    "augmented": lambda y: y.__iadd__(1.0),
    "zeros_like": lambda y: np.zeros_like(y),
    "concatenate": lambda y: np.concatenate([y, y]),
    "in grad": lambda y: fr.grad(lambda x: np.sum(x * y))(x3),
    "returned from grad": lambda y: fr.grad(lambda x: y)(2.0),
    "returned from jvp": lambda y: fr.jvp(lambda x: y, (2.0,), (1.0,)),
    "returned from vjp": lambda y: fr.vjp(lambda x: {"y": y}, 2.0),
    "returned from linearize": lambda y: fr.linearize(lambda x: (x, y), 2.0),
    "returned from jacobian": lambda y: fr.jacobian(lambda x: y)(2.0),
    "aux": lambda y: fr.grad(lambda x: (x, y), has_aux=True)(2.0),
    "argument of grad": lambda y: fr.grad(lambda x: np.sum(x))(y),
    "argument of jvp": lambda y: fr.jvp(np.sum, (y,), (y,)),
    "tangent": lambda y: fr.jvp(np.sum, (x3,), (y,)),
    "cotangent": lambda y: fr.vjp(np.sin, x3)[1](y),
    "written into a traced array": lambda y: fr.grad(
        lambda x: (x * 1.0).__setitem__(slice(None), y) or np.sum(x)
    )(x3),
    "fr.array": lambda y: fr.array([y, y]),
}


@pytest.mark.parametrize("transform", [fr.grad, fr.jvp], ids=["grad", "jvp"])
@pytest.mark.parametrize("use", AFTER.values(), ids=AFTER)
def test_leaked_value(use, transform):
    scalar = use in (AFTER["returned from grad"], AFTER["returned from jacobian"])
    y = leaked(transform, scalar)
    with pytest.raises(fr.TraceEndedError) as error:
        use(y)
    assert "ended" in str(error.value)
    assert "stop_gradient" in str(error.value)


def test_leaked_value_may_be_printed_and_stopped():
    y = leaked()
    assert "1." in repr(y)
    assert np.array_equal(fr.stop_gradient(y), x3)


def test_generator_that_outlives_its_transformation():
    kept = []

    def f(x):
        kept.append(a * 2 for a in x)
        return np.sum(x)

    fr.grad(f)(x3)
    with pytest.raises(fr.TraceEndedError):
        list(kept[0])


def test_inner_value_used_in_the_outer_function():
    def outer(x):
        kept = []
        fr.grad(lambda y: (kept.append(y), y * x)[1])(1.0)
        return kept[0] * x

    with pytest.raises(fr.TraceEndedError):
        fr.grad(outer)(2.0)


# --- numerics -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f", [np.linalg.inv, np.linalg.det, np.linalg.cholesky, np.linalg.eigvalsh], ids=lambda f: f.__name__
)
def test_bad_matrices_raise_what_numpy_raises(f):
    for bad in (np.ones((2, 3)), np.ones(3), np.ones(())):
        plain = message(lambda bad=bad: f(bad), np.linalg.LinAlgError)
        assert message(lambda bad=bad: fr.grad(lambda A: np.sum(f(A)))(bad), np.linalg.LinAlgError) == plain


def test_singular_matrices():
    S = np.ones((2, 2))
    for f in (
        np.linalg.inv,
        lambda A: np.linalg.solve(A, np.ones(2)),
        lambda A: np.linalg.matrix_power(A, -1),
    ):
        with pytest.raises(np.linalg.LinAlgError):
            fr.grad(lambda A, f=f: np.sum(f(A)))(S)
    with pytest.raises(np.linalg.LinAlgError):
        fr.grad(lambda A: np.sum(np.linalg.cholesky(A)))(-np.eye(2))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x + np.ones(2),
        lambda x: x @ np.ones(2),
        lambda x: np.concatenate([x, np.ones((2, 2))]),
        lambda x: x.reshape(2, 2),
        lambda x: x[5],
        lambda x: x[0, 0],
        lambda x: np.sum(x, axis=3),
        lambda x: np.take(x, 7),
        lambda x: np.stack([x, x[:2]]),
        lambda x: np.broadcast_to(x, (2, 2)),
        lambda x: x.transpose(0, 1),
    ],
)
def test_errors_are_numpys(f):
    with pytest.raises((ValueError, IndexError, np.exceptions.AxisError)) as plain:
        f(x3)
    with pytest.raises(type(plain.value)):
        fr.grad(lambda x: np.sum(f(x)))(x3)
    with pytest.raises(type(plain.value)):
        fr.jvp(f, (x3,), (x3,))


def test_a_function_without_a_rule_is_named():
    text = message(
        lambda: fr.grad(lambda x: np.sum(np.apply_along_axis(np.sum, 0, np.save("never.npy", x))))(x3),
        fr.NotDifferentiableError,
    )
    assert "np.save" in text


def test_a_ufunc_without_a_rule_is_named():
    mine = np.frompyfunc(lambda a: a, 1, 1)
    text = message(lambda: fr.grad(lambda x: np.sum(mine(x)))(x3), fr.NotDifferentiableError)
    assert "no rule" in text
    assert "fr.rule" in text


# --- the errors themselves ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "base"),
    [
        (fr.CoercionError, TypeError),
        (fr.NotDifferentiableError, TypeError),
        (fr.TraceEndedError, RuntimeError),
        (fr.InPlaceError, ValueError),
        (fr.SpaceError, ValueError),
        (fr.RuleError, TypeError),
    ],
)
def test_errors_are_frechets_and_pythons(error, base):
    assert issubclass(error, fr.FrechetError)
    assert issubclass(error, base)
