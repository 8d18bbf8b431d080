"""grad, value_and_grad, vjp, jvp, linearize: what they take and return."""

# ruff: noqa: PLW0108 - tables of small programs read best in one form

from __future__ import annotations

import functools
import gc
import weakref

import numpy as np
import pytest

import frechet as fr

# A handful of operations on numbers of size one.
EXACT = 1e-12
x3 = np.array([1.0, 2.0, 3.0])


def square(x):
    return np.sum(x**2)


# --- grad and value_and_grad ----------------------------------------------------------------------


def test_gradient_of_an_array():
    g = fr.grad(square)(x3)
    assert np.array_equal(g, [2.0, 4.0, 6.0])
    value, g = fr.value_and_grad(square)(x3)
    assert value == 14.0
    assert np.array_equal(g, [2.0, 4.0, 6.0])


def test_the_value_is_what_the_function_returns():
    for f, x in [
        (lambda x: x * x, 3.0),
        (np.sin, 0.5),
        (lambda x: np.sum(x), x3),
        (lambda x: np.sum(x), x3.astype(np.float32)),
    ]:
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
    [
        (3.0, float),
        (3, float),
        (np.float64(3), np.float64),
        (np.float32(3), np.float32),
        (np.float16(3), np.float16),
        (np.longdouble(3), np.longdouble),
        (np.int32(3), float),
        (np.uint8(3), float),
    ],
)
def test_kind_of_the_gradient_of_a_number(x, kind):
    g = fr.grad(lambda x: x * x)(x)
    assert type(g) is kind
    assert g == 6


@pytest.mark.parametrize(
    "dtype", [np.float16, np.float32, np.float64, np.longdouble, np.complex64, np.complex128, np.clongdouble]
)
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
    for x in (
        base.T,
        base[::2, ::-1],
        np.asfortranarray(base),
        np.broadcast_to(np.arange(3.0), (2, 3)),
        base.astype(">f8"),
    ):
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


# --- argnums --------------------------------------------------------------------------------------


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


# --- has_aux --------------------------------------------------------------------------------------


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


# --- vjp and jvp ----------------------------------------------------------------------------------


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
    out, pullback = fr.vjp(
        lambda x: {"y": x**2, "name": "n", "positive": x > 0, "none": None, "count": 3}, 2.0
    )
    assert out["name"] == "n"
    assert pullback({"y": 1.0, "name": None, "positive": None, "none": None, "count": 0.0}) == (4.0,)
    _, tangent = fr.jvp(lambda x: {"y": x**2, "name": "n", "positive": x > 0, "none": None}, (2.0,), (1.0,))
    assert tangent == {"y": 4.0, "name": None, "positive": None, "none": None}
    assert fr.jvp(lambda x: None, (2.0,), (1.0,)) == (None, None)


def test_the_argument_itself_is_a_result():
    _, pullback = fr.vjp(lambda x: x, x3)
    assert np.array_equal(pullback(x3)[0], x3)
    _, pullback = fr.vjp(lambda x: (x, x), 2.0)
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


@pytest.mark.parametrize(
    "bad",
    [
        np.array([1, "a", 2], dtype=object),
        np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0]),
        np.array(["a", "b", "c"]),
    ],
)
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
    _, tangent = fr.jvp(lambda x: x * 1j, (np.float32(2),), (1.0,))
    assert np.result_type(tangent) == np.complex64
    _, tangent = fr.jvp(lambda x: np.sum(x), (np.ones(2, np.float32),), (np.ones(2),))
    assert type(tangent) is np.float32
    assert type(fr.jvp(lambda x: x * x, (2,), (1,))[1]) is float


def test_tangents_of_containers_with_leaves_without_tangent():
    p = {"a": 2.0, "name": "n", "none": None, "flag": True}
    t = {"a": 1.0, "name": None, "none": None, "flag": None}
    assert fr.jvp(lambda p: p["a"] ** 2, (p,), (t,)) == (4.0, 4.0)


# --- linearize ------------------------------------------------------------------------------------


def test_linearize_is_prepared_once_and_applied_many_times():
    calls = []

    def f(x):
        calls.append(1)
        return np.cumprod(x)

    _, L = fr.linearize(f, x3)
    J = np.array([L(e) for e in np.eye(3)]).T
    for _ in range(2):
        np.testing.assert_allclose(J, [[1, 0, 0], [2, 1, 0], [6, 3, 2]], rtol=EXACT)
        np.testing.assert_allclose([L.adjoint(e) for e in np.eye(3)], J, rtol=EXACT)
        np.testing.assert_allclose(L.to_dense(), J, rtol=EXACT)
    assert len(calls) == 1


def test_linearize_of_several_arguments():
    _, L = fr.linearize(lambda a, b: a * b, 2.0, 3.0)
    assert L(1.0, 0.0) == 3.0
    assert L.push((1.0, 0.0)) == 3.0
    assert L.adjoint(1.0) == (3.0, 2.0)
    assert L.to_dense() == (3.0, 2.0)
    assert L.shape == (1, 2)
    with pytest.raises(fr.SpaceError, match="2 tangents"):
        L(1.0)


def test_linearize_of_containers():
    _, L = fr.linearize(lambda p: {"sum": p["a"] + np.sum(p["b"]), "b": p["b"] ** 2}, {"a": 1.0, "b": x3})
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
