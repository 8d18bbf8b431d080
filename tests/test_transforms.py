"""grad, value_and_grad, vjp, jvp, linearize, jacobian, hessian, hvp, stop_gradient, array: what they take and return."""

from __future__ import annotations

import functools
import gc
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.testing import check_rule, numerical_pushforward

# A handful of operations on numbers of size one.
EXACT = 1e-12
x3 = np.array([1.0, 2.0, 3.0])


def square(x):
    return np.sum(x**2)


# --- grad and value_and_grad -------------------------------------------------------------------------------------


def test_gradient_of_an_array():
    g = fr.grad(square)(x3)
    assert np.array_equal(g, [2.0, 4.0, 6.0])
    value, g = fr.value_and_grad(square)(x3)
    assert value == 14.0
    assert np.array_equal(g, [2.0, 4.0, 6.0])


def test_the_value_is_what_the_function_returns():
    for f, x in [(lambda x: x * x, 3.0), (np.sin, 0.5), (lambda x: np.sum(x), x3), (lambda x: np.sum(x), x3.astype(np.float32))]:
        plain = f(x)
        value, _ = fr.value_and_grad(f)(x)
        assert type(value) is type(plain)
        assert value == plain


@pytest.mark.parametrize(
    "f",
    [
        lambda x: 1 / x,
        lambda x: 2 * x,
        lambda x: 1 - x,
        lambda x: 2**x,
        lambda x: x % 2,
        lambda x: 7 % x,
        lambda x: +x,
        lambda x: -x,
        lambda x: abs(x),
        lambda x: x * x - x / x + x**x,
        lambda x: True * x,
        lambda x: x.real,
        lambda x: np.sum((2 * x) * np.ones(2, np.float32)),  # a Python number does not widen a float32 array
        lambda x: np.sum(np.ones(2, np.float32) / (1 / x)),
        lambda x: x * np.float32(2),
    ],
)
def test_python_numbers_stay_python_numbers(f):
    plain = f(3.0)
    value, _ = fr.value_and_grad(f)(3.0)
    assert type(value) is type(plain)
    assert value == plain
    value, _ = fr.jvp(f, (3.0,), (1.0,))
    assert type(value) is type(plain)
    seen = []

    def outer(x):  # the same with another level beneath
        value, _ = fr.value_and_grad(lambda y: f(x * y))(1.0)
        seen.append(fr.stop_gradient(value))
        return x

    fr.grad(outer)(3.0)
    assert type(seen[0]) is type(plain)


@pytest.mark.parametrize(
    ("x", "kind"),
    [(3.0, float), (3, float), (np.float64(3), np.float64), (np.float32(3), np.float32), (np.float16(3), np.float16),
     (np.longdouble(3), np.longdouble), (np.int32(3), float), (np.uint8(3), float)],
)  # fmt: skip
def test_kind_of_the_gradient_of_a_number(x, kind):
    g = fr.grad(lambda x: x * x)(x)
    assert type(g) is kind
    assert g == 6


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble, np.complex64, np.complex128, np.clongdouble])
@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (2, 1, 3)])
def test_kind_of_the_gradient_of_an_array(dtype, shape):
    x = np.ones(shape, dtype)
    g = fr.grad(lambda x: np.sum(np.abs(x) ** 2) * 1.0)(x)
    assert isinstance(g, np.ndarray)
    assert g.dtype == dtype
    assert g.shape == shape
    assert np.array_equal(g, 2 * x)


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.uint16])
def test_integers_differentiate_as_float64(dtype):
    g = fr.grad(square)(np.array([1, 2, 3], dtype))
    assert g.dtype == np.float64
    assert np.array_equal(g, [2, 4, 6])
    assert fr.grad(lambda x: x**3)(2) == 12.0
    assert fr.grad(lambda x: 1 / x)(2) == -0.25  # no integer arithmetic on the way


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_low_precision_through_double_intermediates(dtype):
    x = np.array([0.5, 1.0], dtype)
    g = fr.grad(lambda x: np.sum(np.sin(x.astype(np.float64)) * np.array([1.0, 2.0])))(x)
    assert g.dtype == dtype
    np.testing.assert_allclose(g, np.cos(x) * np.array([1, 2]), rtol=2e-3 if dtype is np.float16 else 1e-6)


def test_memory_order_and_strides():
    base = np.arange(24.0).reshape(4, 6)
    for x in (base.T, base[::2, ::-1], np.asfortranarray(base), np.broadcast_to(np.arange(3.0), (2, 3)), base.astype(">f8")):
        before = x.copy()
        g = fr.grad(lambda x: np.sum(x**2))(x)
        np.testing.assert_array_equal(g, 2 * before)
        np.testing.assert_array_equal(x, before)
        assert g.shape == x.shape
        assert g.flags.writeable


def test_read_only_arguments_and_own_memory():
    x = x3.copy()
    x.flags.writeable = False
    for f in (square, np.sum, lambda x: x[0], lambda x: 0.0):
        g = fr.grad(f)(x)
        assert g.flags.writeable
        assert not np.shares_memory(g, x)


def test_gradients_of_several_arguments_do_not_share_memory():
    a, b = fr.grad(lambda a, b: np.sum(a + b), argnums=(0, 1))(x3, x3)
    a += 1
    assert np.array_equal(b, [1, 1, 1])
    pair = fr.grad(lambda p: np.sum(p["a"] + p["b"]))({"a": x3, "b": x3})
    pair["a"] += 1
    assert np.array_equal(pair["b"], [1, 1, 1])


def test_pullbacks_do_not_share_memory_with_the_cotangent_or_with_each_other():
    w = np.ones(3)
    _, pullback = fr.vjp(lambda a, b: a + b, x3, x3)
    a, b = pullback(w)
    a += 1
    assert np.array_equal(b, [1, 1, 1])
    assert np.array_equal(w, [1, 1, 1])
    assert np.array_equal(pullback(w)[0], [1, 1, 1])


def test_values_do_not_share_memory_with_the_derivative():
    # What the caller does with the value must not change a derivative that is applied later.
    value, L = fr.linearize(np.exp, x3)
    expected = np.exp(x3)
    value[:] = 0
    np.testing.assert_allclose(L(np.ones(3)), expected, rtol=EXACT)


def test_complex_gradient_is_df_dx_plus_i_df_dy():
    z = np.array([1 + 2j, -1j])
    np.testing.assert_allclose(fr.grad(lambda z: np.sum(np.abs(z) ** 2))(z), 2 * z, rtol=EXACT)
    np.testing.assert_array_equal(fr.grad(lambda z: np.sum(z.real))(z), [1, 1])
    np.testing.assert_array_equal(fr.grad(lambda z: np.sum(z.imag))(z), [1j, 1j])
    assert fr.grad(lambda z: (z * z).real)(1 + 2j) == np.conj(2 * (1 + 2j))


def test_a_function_that_ignores_its_argument_has_gradient_zero():
    g = fr.grad(lambda x: 3.0)(x3)
    assert np.array_equal(g, np.zeros(3))
    assert fr.grad(lambda x, y: y * 1.0, argnums=0)(2.0, 3.0) == 0.0
    assert fr.grad(lambda x: np.float32(1))(1j) == 0j


# --- argnums -----------------------------------------------------------------------------------------------------


def product(a, b, c=2.0, *, scale=1.0):
    return a * b**2 * c**3 * scale


def test_argnums():
    assert fr.grad(product)(3.0, 2.0) == 32.0
    assert fr.grad(product, argnums=1)(3.0, 2.0) == 96.0
    assert fr.grad(product, argnums=-1)(3.0, 2.0) == 96.0
    assert fr.grad(product, argnums=(1, 0))(3.0, 2.0) == (96.0, 32.0)
    assert fr.grad(product, argnums=[0])(3.0, 2.0) == (32.0,)
    assert fr.grad(product, argnums="scale")(3.0, 2.0, scale=1.0) == 96.0
    assert fr.grad(product, argnums=(0, "scale", -1))(3.0, 2.0, 1.0, scale=2.0) == (8.0, 12.0, 72.0)
    assert fr.grad(product, argnums="c")(3.0, 2.0, c=1.0) == 36.0
    assert fr.grad(product, argnums=np.int64(1))(3.0, 2.0) == 96.0


def test_arguments_not_selected_are_constant():
    seen = []

    def f(a, b, flag):
        seen.append((type(b), type(flag)))
        return a * b

    fr.grad(f)(2.0, 3, True)
    assert seen == [(int, bool)]


@pytest.mark.parametrize(
    ("argnums", "error", "words"),
    [
        (2, TypeError, ["2", "product"]),
        (-3, TypeError, ["-3"]),
        ("missing", TypeError, ["missing"]),
        ((0, 0), TypeError, ["twice"]),
        ((0, -2), TypeError, ["twice"]),
        (0.5, TypeError, ["argnums"]),
        (None, TypeError, ["argnums"]),
        ((), TypeError, ["argnums", "nothing"]),
        ((0, None), TypeError, ["argnums"]),
    ],
)
def test_wrong_argnums(argnums, error, words):
    with pytest.raises(error) as info:
        fr.grad(product, argnums=argnums)(3.0, 2.0)
    for word in words:
        assert word in str(info.value)


def test_no_arguments():
    with pytest.raises(TypeError, match="0"):
        fr.grad(product)()
    with pytest.raises(TypeError, match="primals"):
        fr.vjp(product)
    with pytest.raises(TypeError, match="primals"):
        fr.linearize(product)


def test_the_wrapped_function_keeps_its_name():
    assert fr.grad(product).__name__ == "product"
    assert fr.value_and_grad(product).__name__ == "product"
    assert fr.jacobian(product).__name__ == "product"


def test_any_callable_is_differentiated():
    class Polynomial:
        def __init__(self, n):
            self.n = n

        def __call__(self, x):
            return x**self.n

        def method(self, x):
            return self(x) * 2

    assert fr.grad(Polynomial(3))(2.0) == 12.0
    assert fr.grad(Polynomial(3).method)(2.0) == 24.0
    assert fr.grad(functools.partial(product, b=3.0))(2.0) == 72.0
    assert fr.grad(np.exp)(0.0) == 1.0
    assert fr.grad(lambda self, x: self(x), argnums=1)(Polynomial(2), 3.0) == 6.0


# --- has_aux -----------------------------------------------------------------------------------------------------


def with_aux(x):
    y = x * 2
    return np.sum(y**2), {"y": y, "note": "text", "list": [y[0], 1]}


def test_has_aux():
    (value, aux), g = fr.value_and_grad(with_aux, has_aux=True)(x3)
    assert value == 56.0
    assert np.array_equal(g, 8 * x3)
    assert type(aux["y"]) is np.ndarray
    assert aux["note"] == "text"
    assert type(aux["list"][0]) is np.float64
    g, aux = fr.grad(with_aux, has_aux=True)(x3)
    assert np.array_equal(aux["y"], 2 * x3)
    value, pullback, aux = fr.vjp(with_aux, x3, has_aux=True)
    assert np.array_equal(pullback(1.0)[0], 8 * x3)
    assert type(aux["y"]) is np.ndarray
    value, tangent, aux = fr.jvp(with_aux, (x3,), (np.ones(3),), has_aux=True)
    assert tangent == 48.0
    assert type(aux["y"]) is np.ndarray


@pytest.mark.parametrize("out", [lambda x: x, lambda x: (x, 1, 2), lambda x: [x, 1], lambda x: None])
@pytest.mark.parametrize(
    "transform",
    [
        lambda f: fr.grad(f, has_aux=True)(1.0),
        lambda f: fr.vjp(f, 1.0, has_aux=True),
        lambda f: fr.jvp(f, (1.0,), (1.0,), has_aux=True),
    ],
    ids=["grad", "vjp", "jvp"],
)
def test_has_aux_needs_a_pair(out, transform):
    with pytest.raises(TypeError, match="has_aux"):
        transform(out)


def test_aux_of_an_inner_transformation_is_differentiated_by_the_outer_one():
    def outer(x):
        _, aux = fr.grad(lambda y: (y**2, x * stop(y)), has_aux=True)(x)
        return aux

    stop = fr.stop_gradient
    assert fr.grad(outer)(3.0) == 3.0


# --- vjp and jvp -------------------------------------------------------------------------------------------------


def test_pullback_of_a_tuple():
    (a, b), pullback = fr.vjp(lambda x, y: (x * y, x + y), 2.0, 3.0)
    assert (a, b) == (6.0, 5.0)
    assert pullback((1.0, 0.0)) == (3.0, 2.0)
    assert pullback((0.0, 1.0)) == (1.0, 1.0)
    assert pullback((2, 1)) == (7.0, 5.0)  # again, and from integers


def test_pullback_of_a_complex_value():
    value, pullback = fr.vjp(lambda x: x * (1 + 2j), 3.0)
    assert value == 3 + 6j
    assert pullback(1.0) == (1.0,)
    assert pullback(1j) == (2.0,)


def test_results_without_a_tangent():
    out, pullback = fr.vjp(lambda x: {"y": x**2, "name": "n", "positive": x > 0, "none": None, "count": 3}, 2.0)
    assert out["name"] == "n"
    assert pullback({"y": 1.0, "name": None, "positive": None, "none": None, "count": 0.0}) == (4.0,)
    value, tangent = fr.jvp(lambda x: {"y": x**2, "name": "n", "positive": x > 0, "none": None}, (2.0,), (1.0,))
    assert tangent == {"y": 4.0, "name": None, "positive": None, "none": None}
    assert fr.jvp(lambda x: None, (2.0,), (1.0,)) == (None, None)


def test_the_argument_itself_is_a_result():
    value, pullback = fr.vjp(lambda x: x, x3)
    assert np.array_equal(pullback(x3)[0], x3)
    value, pullback = fr.vjp(lambda x: (x, x), 2.0)
    assert pullback((1.0, 3.0)) == (4.0,)
    assert np.array_equal(fr.jacobian(lambda x: x)(x3), np.eye(3))
    assert fr.grad(lambda x: x)(2.0) == 1.0


def test_the_same_result_twice():
    def f(x):
        y = x * x
        return y, y

    _, pullback = fr.vjp(f, 3.0)
    assert pullback((1.0, 2.0)) == (18.0,)
    a, b = fr.jacobian(f)(3.0)
    assert a == b == 6.0


@pytest.mark.parametrize(
    ("cotangent", "words"),
    [
        (np.ones(2), ["(2,)", "(3,)"]),
        (1.0, ["()", "(3,)"]),
        (np.ones(3) * 1j, ["complex", "real part"]),
        (None, ["None"]),
        ("text", ["text"]),
        ((np.ones(3),), ["shape"]),
        (np.ones((1, 3)), ["(1, 3)"]),
    ],
)
def test_wrong_cotangents(cotangent, words):
    _, pullback = fr.vjp(np.sin, x3)
    with pytest.raises(fr.SpaceError) as error:
        pullback(cotangent)
    for word in ("cotangent", *words):
        assert word in str(error.value)


def test_wrong_structures():
    _, pullback = fr.vjp(lambda x: {"a": x, "b": x}, 1.0)
    with pytest.raises(fr.SpaceError, match="structure"):
        pullback({"a": 1.0})
    with pytest.raises(fr.SpaceError, match="structure"):
        fr.jvp(lambda p: p["a"], ({"a": 1.0},), ({"b": 1.0},))
    with pytest.raises(fr.SpaceError, match="tangent"):
        fr.jvp(np.sin, (x3,), (np.ones(2),))
    with pytest.raises(fr.SpaceError, match="2 tangents"):
        fr.jvp(np.sin, (x3,), (x3, x3))
    with pytest.raises(fr.SpaceError, match="complex"):
        fr.jvp(np.sin, (x3,), (1j * x3,))


@pytest.mark.parametrize("bad", [np.array([1, "a", 2], dtype=object), np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0]), np.array(["a", "b", "c"])])
def test_cotangents_must_be_numeric(bad):
    _, pullback = fr.vjp(np.sin, x3)
    with pytest.raises((fr.FrechetError, TypeError, ValueError)) as error:
        pullback(bad)
    assert "cotangent" in str(error.value)


def test_jvp_of_several_arguments():
    value, tangent = fr.jvp(lambda a, b: a @ b, (x3, x3), (np.ones(3), np.zeros(3)))
    assert (value, tangent) == (14.0, 6.0)
    assert fr.jvp(lambda a, b: a * b, (2, 3), (1, 0)) == (6.0, 3.0)


def test_jvp_kinds():
    value, tangent = fr.jvp(lambda x: x * 1j, (np.float32(2),), (1.0,))
    assert np.result_type(tangent) == np.complex64
    value, tangent = fr.jvp(lambda x: np.sum(x), (np.ones(2, np.float32),), (np.ones(2),))
    assert type(tangent) is np.float32
    assert type(fr.jvp(lambda x: x * x, (2,), (1,))[1]) is float


def test_tangents_of_containers_with_leaves_without_tangent():
    p = {"a": 2.0, "name": "n", "none": None, "flag": True}
    t = {"a": 1.0, "name": None, "none": None, "flag": None}
    assert fr.jvp(lambda p: p["a"] ** 2, (p,), (t,)) == (4.0, 4.0)


# --- linearize ---------------------------------------------------------------------------------------------------


def test_linearize_is_prepared_once_and_applied_many_times():
    calls = []

    def f(x):
        calls.append(1)
        return np.cumprod(x)

    value, L = fr.linearize(f, x3)
    J = np.array([L(e) for e in np.eye(3)]).T
    for _ in range(2):
        np.testing.assert_allclose(J, [[1, 0, 0], [2, 1, 0], [6, 3, 2]], rtol=EXACT)
        np.testing.assert_allclose([L.adjoint(e) for e in np.eye(3)], J, rtol=EXACT)
        np.testing.assert_allclose(L.to_dense(), J, rtol=EXACT)
    assert len(calls) == 1


def test_linearize_of_several_arguments():
    value, L = fr.linearize(lambda a, b: a * b, 2.0, 3.0)
    assert L(1.0, 0.0) == 3.0
    assert L.push((1.0, 0.0)) == 3.0
    assert L.adjoint(1.0) == (3.0, 2.0)
    assert L.to_dense() == (3.0, 2.0)
    assert L.shape == (1, 2)
    with pytest.raises(fr.SpaceError, match="2 tangents"):
        L(1.0)


def test_linearize_of_containers():
    value, L = fr.linearize(lambda p: {"sum": p["a"] + np.sum(p["b"]), "b": p["b"] ** 2}, {"a": 1.0, "b": x3})
    t = L({"a": 1.0, "b": np.zeros(3)})
    assert t["sum"] == 1.0
    assert np.array_equal(t["b"], np.zeros(3))
    g = L.adjoint({"sum": 1.0, "b": np.ones(3)})
    assert g["a"] == 1.0
    assert np.array_equal(g["b"], 1 + 2 * x3)
    assert L.shape == (4, 4)
    flat = np.array([L.matvec(e) for e in np.eye(4)]).T
    assert np.array_equal(flat, np.array([L.rmatvec(e) for e in np.eye(4)]))
    dense = L.to_dense()
    assert np.array_equal(dense["b"]["b"], np.diag(2 * x3))
    assert np.array_equal(dense["sum"]["b"], np.ones(3))


def test_stacked_directions():
    _, L = fr.linearize(lambda x: np.outer(x, x)[:, 0] * x, x3)
    J = L.to_dense()
    V = np.random.default_rng(0).standard_normal((4, 2, 3))
    np.testing.assert_allclose(L(V), V @ J.T, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(L.adjoint(V), V @ J, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose((L @ L).to_dense((3,)), J @ J, rtol=1e-11)
    np.testing.assert_allclose((2 * L + L)(x3), 3 * (J @ x3), rtol=1e-11)


def test_linearize_keeps_neither_argument_nor_value_alive():
    x = np.ones(1000)
    arg, value_ref = weakref.ref(x), None
    value, L = fr.linearize(lambda x: 2.0 * x + 1.0, x)  # whose maps need neither
    value_ref = weakref.ref(value)
    del x, value
    gc.collect()
    assert arg() is None
    assert value_ref() is None
    assert np.array_equal(L(np.ones(1000)), 2 * np.ones(1000))


def test_pullback_keeps_neither_argument_nor_value_alive():
    x = np.ones(1000)
    value, pullback = fr.vjp(lambda x: 2.0 * x + 1.0, x)
    refs = weakref.ref(x), weakref.ref(value)
    del x, value
    gc.collect()
    assert all(r() is None for r in refs)
    assert np.array_equal(pullback(np.ones(1000))[0], 2 * np.ones(1000))


# --- jacobian and hessian ----------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("f", [np.conj, np.abs, np.real, lambda z: z * np.conj(z), lambda z: z + 0.1 * np.imag(z)])
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
        loop = np.array([fr.jvp(lambda x, M=M: np.sin(M @ x) * np.sum(x**2), (x,), (e,))[1] for e in np.eye(M.shape[1])]).T
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


# --- stop_gradient and array -------------------------------------------------------------------------------------


def test_stop_gradient():
    assert fr.grad(lambda x: x * fr.stop_gradient(x))(3.0) == 3.0
    assert fr.stop_gradient(3.0) == 3.0
    assert fr.stop_gradient({"a": [1, None]}) == {"a": [1, None]}
    seen = []
    fr.grad(lambda x: (seen.append(fr.stop_gradient({"x": x, "l": [x[0], (x,)]})), np.sum(x))[1])(x3)
    assert type(seen[0]["x"]) is np.ndarray
    assert type(seen[0]["l"][0]) is np.float64
    assert type(seen[0]["l"][1][0]) is np.ndarray


def test_stop_gradient_stops_every_order():
    assert fr.grad(fr.grad(lambda x: x**2 * fr.stop_gradient(x)))(3.0) == 6.0
    assert fr.hessian(lambda x: np.sum(fr.stop_gradient(x) * x))(x3).tolist() == np.zeros((3, 3)).tolist()


def test_what_was_stopped_may_be_changed_in_place():
    x = x3.copy()

    def f(x):
        y = fr.stop_gradient(x)
        y = y * 2
        y[0] = 7
        return np.sum(x * y)

    assert np.array_equal(fr.grad(f)(x), [7, 4, 6])
    assert np.array_equal(x, x3)


def test_array():
    def f(x):
        return np.sum(fr.array([[x[0], 1], [x[1] * x[2], x[0]]]) * np.array([[1.0, 2], [3, 4]]))

    value, g = fr.value_and_grad(f)(x3)
    assert value == 1 + 2 + 18 + 4
    assert np.array_equal(g, [5, 9, 6])
    assert fr.grad(lambda x: fr.array([x, x**2])[1])(3.0) == 6.0
    assert fr.grad(lambda x: fr.array((x, 2))[0])(3.0) == 1.0
    assert np.array_equal(fr.jacobian(lambda x: fr.array([x, x]))(x3)[1], np.eye(3))
    assert np.array_equal(fr.grad(lambda x: np.sum(fr.array(x) ** 2))(x3), 2 * x3)
    assert np.array_equal(fr.grad(lambda x: np.sum(fr.array([x, x3]) ** 2))(x3), 2 * x3)


def test_array_of_plain_numbers_is_numpys():
    for value in ([1, 2], [[1.0, 2], [3, 4]], 3, [], [[], []], np.ones(2), [True, False]):
        a, b = fr.array(value), np.array(value)
        assert a.dtype == b.dtype
        assert np.array_equal(a, b)
    assert fr.array([1, 2], np.float32).dtype == np.float32


def test_array_dtypes():
    assert fr.jacobian(lambda x: fr.array([x, 1], np.float32))(2.0).dtype == np.float32
    J = fr.jacobian(lambda x: fr.array([x, 1j]))(2.0)
    assert np.array_equal(J, [1, 0])
    value, _ = fr.jvp(lambda x: fr.array([x, 1], dtype=np.float32), (2.0,), (1.0,))
    assert value.dtype == np.float32
    value, _ = fr.jvp(lambda x: fr.array([x, 1]), (np.float32(2),), (1.0,))
    assert value.dtype == np.array([np.float32(2), 1]).dtype


def test_array_is_a_copy():
    def f(x):
        y = x * 2
        z = fr.array(y)
        z[0] = 0.0
        return np.sum(y) + np.sum(z)

    assert np.array_equal(fr.grad(f)(x3), [2, 4, 4])


def test_ragged_lists_are_refused():
    with pytest.raises(ValueError, match="shape"):
        fr.grad(lambda x: np.sum(fr.array([[x[0], x[1]], [x[2]]])))(x3)


# --- methods, attributes and indexing of arrays ------------------------------------------------------------------

X = np.random.default_rng(3).uniform(0.2, 2.0, (2, 3))
METHODS = {
    "sum": lambda x: x.sum(), "sum axis": lambda x: x.sum(0), "sum keepdims": lambda x: x.sum(axis=-1, keepdims=True),
    "mean": lambda x: x.mean(axis=1), "var": lambda x: x.var(ddof=1), "std": lambda x: x.std(axis=0), "prod": lambda x: x.prod(axis=1),
    "cumsum": lambda x: x.cumsum(), "cumsum axis": lambda x: x.cumsum(1), "cumprod": lambda x: x.cumprod(axis=0),
    "max": lambda x: x.max(), "min": lambda x: x.min(axis=0), "clip": lambda x: x.clip(0.5, 1.5), "round": lambda x: x.round(1) + x,
    "reshape": lambda x: x.reshape(3, 2), "reshape tuple": lambda x: x.reshape((3, -1)), "reshape F": lambda x: x.reshape(3, 2, order="F"),
    "ravel": lambda x: x.ravel(), "ravel F": lambda x: x.ravel("F"), "flatten": lambda x: x.flatten(), "flatten F": lambda x: x.flatten("F"),
    "T": lambda x: x.T * np.ones((3, 2)), "mT": lambda x: x.mT, "transpose": lambda x: x.transpose(1, 0), "transpose tuple": lambda x: x.transpose((1, 0)),
    "transpose None": lambda x: x.transpose(None), "swapaxes": lambda x: x.swapaxes(0, 1), "squeeze": lambda x: x[None].squeeze(),
    "squeeze axis": lambda x: x[:, None].squeeze(axis=1), "dot": lambda x: x.dot(np.arange(3.0)), "dot traced": lambda x: x.dot(x.T),
    "trace": lambda x: x.trace(), "diagonal": lambda x: x.diagonal(1), "take": lambda x: x.take([0, 0, 5]), "take axis": lambda x: x.take([1], axis=1),
    "repeat": lambda x: x.repeat(2, axis=0), "compress": lambda x: x.compress([True, False, True], axis=1), "copy": lambda x: x.copy(),
    "copy F": lambda x: x.copy("F"), "astype": lambda x: x.astype(np.float64), "astype complex": lambda x: x.astype(complex) * 1j,
    "conj": lambda x: (x * 1j).conj(), "real": lambda x: (x * (1 + 2j)).real, "imag": lambda x: (x * (1 + 2j)).imag, "flat": lambda x: x.flat[2],
    "item": lambda x: x.item(1), "item pair": lambda x: x.item(1, 2), "item tuple": lambda x: x.item((0, 1)), "tolist": lambda x: x.tolist()[1][0],
    "sort": lambda x: sorted_copy(x), "iterate": lambda x: [row * 2 for row in x][1], "reversed": lambda x: next(reversed(x)),
    "unpack": lambda x: (lambda a, b: a * b)(*x), "len": lambda x: x * len(x), "size": lambda x: x * x.size + x.ndim, "pow": lambda x: pow(x, 2),
    "divmod": lambda x: divmod(x, 0.7)[1], "mod": lambda x: x % 0.7, "rmod": lambda x: 5.0 % x, "abs": lambda x: abs(-x), "pos": lambda x: +x,
    "matmul": lambda x: x @ x.T, "rmatmul": lambda x: np.ones((4, 2)) @ x, "rpow": lambda x: 2.0**x, "floordiv": lambda x: x + x // 0.7,
    "argsort": lambda x: x[:, x[0].argsort()], "argmax": lambda x: x.ravel()[x.argmax()], "nonzero": lambda x: x[x.nonzero()],
    "searchsorted": lambda x: x * np.sort(x, axis=None).searchsorted(1.0), "any all": lambda x: x * x.any() * x.all(), "partition": lambda x: partitioned(x),
    "ellipsis": lambda x: x[..., 0], "newaxis": lambda x: x[:, None, ::-1], "negative": lambda x: x[-1, -2], "empty": lambda x: x[:, 2:1],
    "mask": lambda x: x[x > 0.7], "rows": lambda x: x[[1, 0, 1]], "pairs": lambda x: x[[0, 1], [2, 0]], "bool row": lambda x: x[np.array([True, False])],
    "index array": lambda x: x[:, np.array([[0, 1], [2, 2]])], "numpy int": lambda x: x[np.int64(1), np.uint8(2)], "full": lambda x: x[()], "new 0-d": lambda x: x[0, 0][None],
}  # fmt: skip


def sorted_copy(x):
    y = x.copy()
    y.sort(axis=0)
    return y


def partitioned(x):
    y = x.copy()
    y.partition(1, axis=1)
    return y


@pytest.mark.parametrize("f", METHODS.values(), ids=METHODS)
def test_methods_and_indexing(f):
    check_rule(f, X)
    plain = f(X)
    value = fr.vjp(f, X)[0]
    assert type(value) is type(plain)
    np.testing.assert_array_equal(value, plain)
    assert np.result_type(value) == np.result_type(plain)


METADATA = {
    "shape": lambda x: x.shape, "ndim": lambda x: x.ndim, "size": lambda x: x.size, "dtype": lambda x: x.dtype, "itemsize": lambda x: x.itemsize,
    "nbytes": lambda x: x.nbytes, "strides": lambda x: x.strides, "contiguous": lambda x: x.flags.c_contiguous, "len": lambda x: len(x),
    "np.shape": lambda x: np.shape(x), "np.ndim": lambda x: np.ndim(x), "np.size": lambda x: np.size(x), "result_type": lambda x: np.result_type(x),
    "result_type pair": lambda x: np.result_type(x, np.complex64), "iscomplexobj": lambda x: np.iscomplexobj(x), "can_cast": lambda x: np.can_cast(x.dtype, complex),
    "device": lambda x: x.device, "argmax": lambda x: x.argmax(), "argsort": lambda x: x.argsort().tolist(), "compare": lambda x: (x > 1).tolist(),
    "floor": lambda x: np.floor(x).tolist(), "all": lambda x: bool(np.all(x > 0)), "allclose": lambda x: np.allclose(x, x), "isnan": lambda x: np.isnan(x).tolist(),
    "zeros_like": lambda x: np.zeros_like(x).shape, "broadcast_shapes": lambda x: np.broadcast_shapes(x.shape, (1, 3)), "iterates": lambda x: len(list(x)),
    "item of bools": lambda x: (x > 1).sum().item(), "contains": lambda x: X[0, 0] in x,
}  # fmt: skip


@pytest.mark.parametrize("f", METADATA.values(), ids=METADATA)
def test_metadata(f):
    seen = []
    fr.grad(lambda x: (seen.append(fr.stop_gradient(f(x))), np.sum(x))[1])(X)
    fr.hessian(lambda x: (seen.append(fr.stop_gradient(f(x))), np.sum(x))[1])(X)
    assert seen == [f(X)] * len(seen)


def test_every_method_and_attribute_of_arrays_exists():
    """On traced arrays too; where it cannot be differentiated it says so (see test_bad_input)."""
    absent = {
        "__array_interface__", "__array_struct__", "__array_finalize__", "__array_wrap__", "__array_namespace__", "__class_getitem__",
        "__delitem__", "__setstate__", "__deepcopy__", "__dlpack_device__", "base", "ctypes", "data", "setflags", "to_device",
        # bits of integers
        *(f"__{p}{name}__" for name in ("and", "or", "xor", "lshift", "rshift") for p in ("", "r", "i")), "__invert__",
    }  # fmt: skip
    seen = []
    fr.grad(lambda x: (seen.append(set(dir(x))), np.sum(x))[1])(X)
    assert not set(dir(np.ndarray)) - seen[0] - absent


def test_numbers_have_the_methods_of_numbers():
    assert fr.grad(lambda x: x.real * 2 + x.conjugate() * x.imag)(3.0) == 2.0
    z = fr.grad(lambda z: z.real * z.imag)(2 + 3j)
    assert z == 3 + 2j
    assert fr.grad(lambda x: x.item() * 2)(np.float64(3)) == 2.0


# --- the examples of the issue -----------------------------------------------------------------------------------


def test_modulus_of_the_first_coefficient():
    g = fr.grad(lambda x: np.abs(np.fft.fft(x)[0]))([1, 2, 3])
    assert g == [1.0, 1.0, 1.0]
    g = fr.grad(lambda x: np.abs(np.fft.fft(x)[0]))(np.array([1, 2, 3]))
    assert np.array_equal(g, [1.0, 1.0, 1.0])
    assert g.dtype == np.float64


def test_modulus_of_the_sum_of_the_coefficients():
    x = np.random.default_rng(0).standard_normal(10)
    f = lambda x: np.abs(np.sum(np.fft.fft(x)))  # noqa: E731  # = |10 x[0]|
    g = fr.grad(f)(x)
    assert g.dtype == np.float64
    np.testing.assert_allclose(g, [10 * np.sign(x[0]), *[0.0] * 9], atol=1e-13)


@pytest.mark.parametrize("norm", [None, "backward", "ortho", "forward"])
@pytest.mark.parametrize("n", [1, 2, 5, 6])
def test_pullbacks_of_fourier_transforms(n, norm):
    rng = np.random.default_rng(n)
    z, w = rng.standard_normal((2, n)) + 1j * rng.standard_normal((2, n))
    ratio = {None: n, "backward": n, "ortho": 1.0, "forward": 1 / n}[norm]  # of ifft's conjugate transpose to fft
    near = {"rtol": 1e-12, "atol": 1e-13}
    np.testing.assert_allclose(fr.vjp(lambda z: np.fft.fft(z, norm=norm), z)[1](w)[0], ratio * np.fft.ifft(w, norm=norm), **near)
    np.testing.assert_allclose(fr.vjp(lambda z: np.fft.ifft(z, norm=norm), z)[1](w)[0], np.fft.fft(w, norm=norm) / ratio, **near)
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
        return np.sum(W * (fr.linalg.expm(A) if name == "expm" else fr.linalg.solve_continuous_lyapunov(A, Q)))

    V = rng.standard_normal((3, 3))
    H = fr.hessian(f)(A)
    (numerical,), error = numerical_pushforward(lambda t: [fr.grad(f)(A + t * V)], 0.02)
    np.testing.assert_allclose(np.tensordot(H, V, 2), numerical, atol=10 * error + 1e-9)
    np.testing.assert_allclose(H, np.transpose(H, (2, 3, 0, 1)), atol=1e-12)


# --- whole programs against differences --------------------------------------------------------------------------

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


@settings(max_examples=60, deadline=None)
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


@settings(max_examples=25, deadline=None)
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
