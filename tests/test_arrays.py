"""Traced arrays behave like arrays: methods, attributes, indexing; fr.array and fr.stop_gradient."""

# ruff: noqa: PLW0108 - tables of small programs read best in one form

from __future__ import annotations

import numpy as np
import pytest

import frechet as fr
from frechet.linear_map import linear
from frechet.maps import diagonal
from frechet.rule import load_chapters, table
from frechet.testing import check_rule

# A handful of operations on numbers of size one.
EXACT = 1e-12
x3 = np.array([1.0, 2.0, 3.0])


def square(x):
    return np.sum(x**2)


# --- stop_gradient and array ----------------------------------------------------------------------


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


# --- methods, attributes and indexing of arrays ---------------------------------------------------

X = np.random.default_rng(3).uniform(0.2, 2.0, (2, 3))
METHODS = {
    "sum": lambda x: x.sum(),
    "sum axis": lambda x: x.sum(0),
    "sum keepdims": lambda x: x.sum(axis=-1, keepdims=True),
    "mean": lambda x: x.mean(axis=1),
    "var": lambda x: x.var(ddof=1),
    "std": lambda x: x.std(axis=0),
    "prod": lambda x: x.prod(axis=1),
    "cumsum": lambda x: x.cumsum(),
    "cumsum axis": lambda x: x.cumsum(1),
    "cumprod": lambda x: x.cumprod(axis=0),
    "max": lambda x: x.max(),
    "min": lambda x: x.min(axis=0),
    "clip": lambda x: x.clip(0.5, 1.5),
    "round": lambda x: x.round(1) + x,
    "reshape": lambda x: x.reshape(3, 2),
    "reshape tuple": lambda x: x.reshape((3, -1)),
    "reshape F": lambda x: x.reshape(3, 2, order="F"),
    "ravel": lambda x: x.ravel(),
    "ravel F": lambda x: x.ravel("F"),
    "flatten": lambda x: x.flatten(),
    "flatten F": lambda x: x.flatten("F"),
    "T": lambda x: x.T * np.ones((3, 2)),
    "mT": lambda x: x.mT,
    "transpose": lambda x: x.transpose(1, 0),
    "transpose tuple": lambda x: x.transpose((1, 0)),
    "transpose None": lambda x: x.transpose(None),
    "swapaxes": lambda x: x.swapaxes(0, 1),
    "squeeze": lambda x: x[None].squeeze(),
    "squeeze axis": lambda x: x[:, None].squeeze(axis=1),
    "dot": lambda x: x.dot(np.arange(3.0)),
    "dot traced": lambda x: x.dot(x.T),
    "trace": lambda x: x.trace(),
    "diagonal": lambda x: x.diagonal(1),
    "take": lambda x: x.take([0, 0, 5]),
    "take axis": lambda x: x.take([1], axis=1),
    "repeat": lambda x: x.repeat(2, axis=0),
    "compress": lambda x: x.compress([True, False, True], axis=1),
    "copy": lambda x: x.copy(),
    "copy F": lambda x: x.copy("F"),
    "astype": lambda x: x.astype(np.float64),
    "astype complex": lambda x: x.astype(complex) * 1j,
    "conj": lambda x: (x * 1j).conj(),
    "real": lambda x: (x * (1 + 2j)).real,
    "imag": lambda x: (x * (1 + 2j)).imag,
    "flat": lambda x: x.flat[2],
    "item": lambda x: x.item(1),
    "item pair": lambda x: x.item(1, 2),
    "item tuple": lambda x: x.item((0, 1)),
    "tolist": lambda x: x.tolist()[1][0],
    "sort": lambda x: sorted_copy(x),
    "iterate": lambda x: [row * 2 for row in x][1],
    "reversed": lambda x: next(reversed(x)),
    "unpack": lambda x: np.multiply(*x),
    "len": lambda x: x * len(x),
    "size": lambda x: x * x.size + x.ndim,
    "pow": lambda x: pow(x, 2),
    "divmod": lambda x: divmod(x, 0.7)[1],
    "mod": lambda x: x % 0.7,
    "rmod": lambda x: 5.0 % x,
    "abs": lambda x: abs(-x),
    "pos": lambda x: +x,
    "matmul": lambda x: x @ x.T,
    "rmatmul": lambda x: np.ones((4, 2)) @ x,
    "rpow": lambda x: 2.0**x,
    "floordiv": lambda x: x + x // 0.7,
    "argsort": lambda x: x[:, x[0].argsort()],
    "argmax": lambda x: x.ravel()[x.argmax()],
    "nonzero": lambda x: x[x.nonzero()],
    "searchsorted": lambda x: x * np.sort(x, axis=None).searchsorted(1.0),
    "any all": lambda x: x * x.any() * x.all(),
    "partition": lambda x: partitioned(x),
    "ellipsis": lambda x: x[..., 0],
    "newaxis": lambda x: x[:, None, ::-1],
    "negative": lambda x: x[-1, -2],
    "empty": lambda x: x[:, 2:1],
    "mask": lambda x: x[x > 0.7],
    "rows": lambda x: x[[1, 0, 1]],
    "pairs": lambda x: x[[0, 1], [2, 0]],
    "bool row": lambda x: x[np.array([True, False])],
    "index array": lambda x: x[:, np.array([[0, 1], [2, 2]])],
    "numpy int": lambda x: x[np.int64(1), np.uint8(2)],
    "full": lambda x: x[()],
    "new 0-d": lambda x: x[0, 0][None],
}


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
    "shape": lambda x: x.shape,
    "ndim": lambda x: x.ndim,
    "size": lambda x: x.size,
    "dtype": lambda x: x.dtype,
    "itemsize": lambda x: x.itemsize,
    "nbytes": lambda x: x.nbytes,
    "strides": lambda x: x.strides,
    "contiguous": lambda x: x.flags.c_contiguous,
    "len": lambda x: len(x),
    "np.shape": lambda x: np.shape(x),
    "np.ndim": lambda x: np.ndim(x),
    "np.size": lambda x: np.size(x),
    "result_type": lambda x: np.result_type(x),
    "result_type pair": lambda x: np.result_type(x, np.complex64),
    "iscomplexobj": lambda x: np.iscomplexobj(x),
    "can_cast": lambda x: np.can_cast(x.dtype, complex),
    "device": lambda x: x.device,
    "argmax": lambda x: x.argmax(),
    "argsort": lambda x: x.argsort().tolist(),
    "compare": lambda x: (x > 1).tolist(),
    "floor": lambda x: np.floor(x).tolist(),
    "all": lambda x: bool(np.all(x > 0)),
    "allclose": lambda x: np.allclose(x, x),
    "isnan": lambda x: np.isnan(x).tolist(),
    "zeros_like": lambda x: np.zeros_like(x).shape,
    "broadcast_shapes": lambda x: np.broadcast_shapes(x.shape, (1, 3)),
    "iterates": lambda x: len(list(x)),
    "item of bools": lambda x: (x > 1).sum().item(),
    "contains": lambda x: X[0, 0] in x,
}


@pytest.mark.parametrize("f", METADATA.values(), ids=METADATA)
def test_metadata(f):
    seen = []
    fr.grad(lambda x: (seen.append(fr.stop_gradient(f(x))), np.sum(x))[1])(X)
    fr.hessian(lambda x: (seen.append(fr.stop_gradient(f(x))), np.sum(x))[1])(X)
    assert seen == [f(X)] * len(seen)


def test_every_method_and_attribute_of_arrays_exists():
    """On traced arrays too; where it cannot be differentiated it says so (see test_bad_input)."""
    absent = {
        "__array_interface__",
        "__array_struct__",
        "__array_finalize__",
        "__array_wrap__",
        "__array_namespace__",
        "__class_getitem__",
        "__delitem__",
        "__setstate__",
        "__deepcopy__",
        "__dlpack_device__",
        "base",
        "ctypes",
        "data",
        "setflags",
        "to_device",
        # bits of integers
        *(f"__{p}{name}__" for name in ("and", "or", "xor", "lshift", "rshift") for p in ("", "r", "i")),
        "__invert__",
    }
    seen = []
    fr.grad(lambda x: (seen.append(set(dir(x))), np.sum(x))[1])(X)
    assert not set(dir(np.ndarray)) - seen[0] - absent


def test_numbers_have_the_methods_of_numbers():
    assert fr.grad(lambda x: x.real * 2 + x.conjugate() * x.imag)(3.0) == 2.0
    z = fr.grad(lambda z: z.real * z.imag)(2 + 3j)
    assert z == 3 + 2j
    assert fr.grad(lambda x: x.item() * 2)(np.float64(3)) == 2.0


def test_a_dtype_that_is_equal_but_not_identical_leaves_the_others_alone():
    """Cotangents of ordinary arrays pass as they are, though spaces are shared between transformations."""
    shape = (1, 7, 1)
    other = np.dtype(">f8").newbyteorder("<")
    assert other == np.dtype(float)
    assert other is not np.dtype(float)
    assert np.array_equal(fr.grad(square)(np.ones(shape, other)), np.full(shape, 2.0))

    strides = []
    pull = lambda w: (strides.append(w.strides), 2 * w)[1]
    doubled = fr.rule(lambda x: (2 * x, linear(lambda v: 2 * v, pull)))
    fr.grad(lambda x: np.sum(doubled(x)))(np.ones(shape))
    assert strides == [(0, 0, 0)]


@pytest.mark.parametrize("order", ["A", "K"])
@pytest.mark.parametrize(
    "view",
    [lambda a: a[1:], lambda a: a.T[1:], lambda a: a[:, ::-1], lambda a: a[::2, 1:].T, lambda a: a.T],
)
def test_orders_that_ask_for_the_memory_of_an_argument(view, order):
    x = view(np.arange(24.0).reshape(4, 6))
    w = np.arange(float(x.size))

    def f(x):
        return np.ravel(x, order) * w

    plain = f(x)
    np.testing.assert_array_equal(fr.vjp(f, x)[0], plain)
    np.testing.assert_array_equal(fr.linearize(f, x)[0], plain)
    np.testing.assert_array_equal(fr.jvp(f, (x,), (x,))[0], plain)
    np.testing.assert_array_equal(fr.vjp(f, x)[1](plain)[0], fr.grad(lambda x: np.sum(f(x) * plain))(x))


def test_a_rule_of_ones_own_for_an_operator():
    load_chapters()
    saved = table[np.multiply]

    try:

        @fr.rule(np.multiply)
        def multiply(a, b):
            return np.multiply(a, b), (diagonal(2.0 * b * np.ones(np.shape(a))), None)  # twice the derivative

        x = np.array([1.0, 2.0])
        np.testing.assert_array_equal(fr.grad(lambda x: np.sum(x * np.array([3.0, 4.0])))(x), [6, 8])
        np.testing.assert_array_equal(fr.grad(lambda x: np.sum(x * 3.0))(x), [6, 6])
    finally:
        table[np.multiply] = saved
