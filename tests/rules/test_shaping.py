import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, broadcastable_shapes

import frechet as fr
from frechet.testing import check_rule

rng = np.random.default_rng(0)
v = rng.standard_normal(6)
x = rng.standard_normal((2, 3))
z = x + 1j * rng.standard_normal((2, 3))
t = rng.standard_normal((2, 3, 4))
single = x.astype(np.float32)
empty = np.zeros((0, 3))
windows = np.lib.stride_tricks.sliding_window_view

CASES = [
    (np.reshape, (x, (3, 2))),
    (np.reshape, (x, -1)),
    (np.reshape, (x, (3, -1), "F")),
    (np.reshape, (t, (4, 6), "A")),
    (np.reshape, (z, (6, 1), "F")),
    (np.reshape, (x, (3, 2)), {"copy": True}),
    (np.reshape, (2.0, (1, 1))),
    (np.reshape, (empty, (3, 0, 2))),
    (np.reshape, (v[:1], ())),
    (np.ravel, (t,)),
    (np.ravel, (t, "F")),
    (lambda a: np.ravel(a.T, "K"), (t,)),
    (lambda a: np.ravel(a.transpose(1, 0, 2), "K"), (t,)),
    (lambda a: np.ravel(a[::-1, :, ::2], "K"), (t,)),
    (np.ravel, (3.0,)),
    (np.ravel, (empty, "F")),
    (np.squeeze, (t[:, :1],)),
    (np.squeeze, (t[:1, :, :1],), {"axis": (0, -1)}),
    (np.expand_dims, (x, 1)),
    (np.expand_dims, (x, (0, -1))),
    (np.expand_dims, (2.0, 0)),
    (np.atleast_1d, (2.0, v, x)),
    (np.atleast_2d, (2.0, v, x)),
    (np.atleast_3d, (2.0, v, x, t)),
    (np.atleast_3d, (z,)),
    (np.transpose, (x,)),
    (np.transpose, (t,)),
    (np.transpose, (t, (1, -1, 0))),
    (np.transpose, (v,)),
    (np.transpose, (empty,)),
    (np.permute_dims, (t, (2, 0, 1))),
    (np.matrix_transpose, (t,)),
    (np.linalg.matrix_transpose, (z,)),
    (lambda a: a.mT, (t,)),
    (np.swapaxes, (t, 0, -1)),
    (np.swapaxes, (t, 1, 2)),
    (np.swapaxes, (v, 0, 0)),
    (np.moveaxis, (t, 0, -1)),
    (np.moveaxis, (t, (0, 1), (-1, 0))),
    (np.rollaxis, (t, 2)),
    (np.rollaxis, (t, 0, 3)),
    (np.rollaxis, (t, -2, -1)),
    (np.broadcast_to, (x, (4, 2, 3))),
    (np.broadcast_to, (x[:, :1], (2, 3))),
    (np.broadcast_to, (single, (2, 2, 3))),
    (np.broadcast_to, (1.5, (2,))),
    (np.broadcast_to, (v[:1], (0,))),
    (np.broadcast_arrays, (x, v[:3], 2.0)),
    (np.ix_, (v, v[:2])),
    (np.ix_, (v, [0, 2])),
    (np.meshgrid, (v, v[:2], v[:3])),
    (np.meshgrid, (v, v[:2]), {"indexing": "ij", "sparse": True, "copy": False}),
    (np.meshgrid, (v,)),
    (np.flip, (t,)),
    (np.flip, (t, -1)),
    (np.flip, (z, (0, 1))),
    (np.fliplr, (t,)),
    (np.flipud, (v,)),
    (np.rot90, (x,)),
    (np.rot90, (t, 3, (0, 2))),
    (np.rot90, (t, -2, (-1, 1))),
    (np.roll, (x, 1)),
    (np.roll, (x, -4)),
    (np.roll, (t, 2, -1)),
    (np.roll, (t, (1, -1), (0, 2))),
    (np.roll, (t, 1, (0, 1))),
    (np.roll, (z, (2, 1), (1, 1))),
    (np.roll, (empty, 1)),
    (np.repeat, (x, 3)),
    (np.repeat, (x, 2), {"axis": 0}),
    (np.repeat, (x, [2, 0, 1]), {"axis": 1}),
    (np.repeat, (np.array(1.3), 2, 0)),
    (np.repeat, (t, [1, 3, 2]), {"axis": -2}),
    (np.repeat, (z, [0, 0, 0]), {"axis": 1}),
    (np.repeat, (v, [1, 2, 0, 1, 3, 1])),
    (np.repeat, (2.0, 3)),
    (np.repeat, (empty, 2), {"axis": 0}),
    (np.tile, (x, 2)),
    (np.tile, (x, (2, 1, 3))),
    (np.tile, (x, (1, 1))),
    (np.tile, (t, (2,))),
    (np.tile, (2.0, 3)),
    (np.resize, (x, (4, 4))),
    (np.resize, (x, 4)),
    (np.resize, (2.0, (2, 2))),
    (np.resize, (z, (0, 3))),
    (windows, (v, 3)),
    (windows, (v, 5)),
    (windows, (t, (2, 3)), {"axis": (0, 2)}),
    (windows, (t, (2, 2, 3))),
    (windows, (t, (2, 3)), {"axis": (2, 2)}),
    (windows, (z, 1), {"axis": 0}),
]


@pytest.mark.parametrize(("function", "args", "kwargs"), [(*c, {})[:3] for c in CASES])
def test_rule(function, args, kwargs):
    check_rule(function, *args, **kwargs)


@settings(max_examples=40)
@given(array_shapes(max_dims=4, max_side=3), st.data())
def test_axes(shape, data):
    a = np.random.default_rng(1).standard_normal(shape)
    n = len(shape)
    axes = data.draw(st.permutations(range(n)))
    w = np.random.default_rng(2).standard_normal([shape[k] for k in axes])
    value, pullback = fr.vjp(lambda a: np.transpose(a, axes), a)
    np.testing.assert_array_equal(value, np.transpose(a, axes))
    np.testing.assert_array_equal(pullback(w)[0], np.transpose(w, np.argsort(axes)))
    source, destination = data.draw(st.integers(-n, n - 1)), data.draw(st.integers(-n, n - 1))
    value, pullback = fr.vjp(lambda a: np.moveaxis(a, source, destination), a)
    np.testing.assert_array_equal(value, np.moveaxis(a, source, destination))
    np.testing.assert_array_equal(pullback(value)[0], a)  # a permutation: its adjoint is its inverse


@settings(max_examples=40)
@given(array_shapes(max_dims=3, max_side=3), st.data())
def test_broadcasting_counts(shape, data):
    out = np.broadcast_shapes(shape, data.draw(broadcastable_shapes(shape, max_dims=4, max_side=3)))
    gradient = fr.grad(lambda a: np.sum(np.broadcast_to(a, out)))(np.ones(shape))
    # Every entry is read as often as it is repeated.
    np.testing.assert_array_equal(gradient, np.full(shape, np.prod(out) / np.prod(shape)))


@settings(max_examples=60)
@given(array_shapes(max_dims=3, max_side=4), st.data())
def test_ravel_in_memory_order(shape, data):
    n = len(shape)
    whole = np.arange(float(np.prod(shape))).reshape(shape).transpose(data.draw(st.permutations(range(n))))
    cuts = [
        data.draw(st.sampled_from([slice(None), slice(None, None, -1), slice(1, None)])) for _ in range(n)
    ]
    for a, orders in ((whole, "CFAK"), (whole[tuple(cuts)], "CFK")):
        for order in orders:
            value, L = fr.linearize(lambda a: np.ravel(a, order), a)  # noqa: B023  # called at once
            np.testing.assert_array_equal(value, np.ravel(a, order))
            np.testing.assert_array_equal(L(a), value)
            np.testing.assert_array_equal(L.pull(value), a)
        for order in orders[:-1]:
            value, L = fr.linearize(lambda a: np.reshape(a, (-1, 1), order), a)  # noqa: B023  # called at once
            np.testing.assert_array_equal(value, np.reshape(a, (-1, 1), order))
            np.testing.assert_array_equal(L(a), value)
            np.testing.assert_array_equal(L.pull(value), a)


def test_views_are_followed_or_refused():
    def through_a_view(x):
        y = x.copy()
        y.reshape(-1)[0] = 0.0
        return np.sum(y)

    with pytest.raises(fr.errors.InPlaceError, match="view"):
        fr.grad(through_a_view)(x)


def test_memory_order_of_a_broadcast_array_raises():
    with pytest.raises(fr.errors.NotDifferentiableError, match="one place in memory"):
        fr.grad(lambda a: np.ravel(np.broadcast_to(a, (2, 6)), "K")[0])(v)


def test_dtypes_stay():
    for f in (
        np.ravel,
        np.transpose,
        np.flip,
        lambda a: np.tile(a, 2),
        lambda a: np.repeat(a, 2),
        lambda a: np.roll(a, 1),
    ):
        value, pullback = fr.vjp(f, single)
        assert value.dtype == np.float32
        assert pullback(value)[0].dtype == np.float32


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda a: np.reshape(a, (4, 2)), ValueError, "cannot reshape"),
        (lambda a: np.fliplr(a[0]), ValueError, "2-d"),
        (lambda a: np.flipud(a[0, 0]), ValueError, "1-d"),
        (lambda a: np.transpose(a, (0, 0)), ValueError, "repeated axis"),
        (lambda a: np.squeeze(a, 0), ValueError, "not equal to one"),
        (lambda a: np.resize(a, (-1, 2)), ValueError, "non-negative"),
        (lambda a: np.meshgrid(a[0], indexing="ji"), ValueError, "indexing"),
        (np.ix_, ValueError, "1 dimensional"),
    ],
)
def test_bad_input_raises_as_in_numpy(call, error, message):
    with pytest.raises(error, match=message):
        call(x)
    with pytest.raises(error, match=message):
        fr.linearize(call, x)
