import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

import frechet as fr
from frechet.maps import Gather
from frechet.rules.selecting import Take
from frechet.testing import check_rule

rng = np.random.default_rng(0)
v = rng.standard_normal(6)
x = rng.standard_normal((3, 4))
y = rng.standard_normal((3, 4))
z = x + 1j * y
t = rng.standard_normal((2, 3, 4))
square = rng.standard_normal((4, 4))
single = x.astype(np.float32)
mask = x > 0
order = np.argsort(x, axis=1)


def changed(change, start=np.zeros_like):
    """The function that changes an array made under trace in place and returns it."""

    def f(a, *rest):
        target = start(a)
        change(target, a, *rest)
        return target

    return f


CASES = [
    (np.where, (mask, x, y)),
    (np.where, (mask, x, 2.0)),
    (np.where, (mask, x[0], y[:, :1])),
    (np.where, (True, x, z)),
    (np.where, (mask, z, x)),
    (np.where, (mask, single, 0)),
    (np.where, (mask[:, :0], x[:, :0], 1.0)),
    (lambda a: np.where(a > 0, a, a * a), (t,)),
    (np.take, (x, 2)),
    (np.take, (x, [5, 0, 5, 11])),
    (np.take, (x, 1), {"axis": 1}),
    (np.take, (x, [[0, 2], [2, 2]]), {"axis": 0}),
    (np.take, (t, [2, 0], -2)),
    (np.take, (t, [3, 3, 0, -1], 2)),
    (np.take, (v, [7, -8]), {"mode": "wrap"}),
    (np.take, (x, [7, -8], 1), {"mode": "clip"}),
    (np.take, (z, [0, 0], 0)),
    (np.take, (single, [0, 0], 0)),
    (np.take, (x, np.zeros(0, int), 1)),
    (np.take, (x, np.zeros((2, 0), int), 0)),
    (np.take, (v[0], [0, 0, 0])),
    (np.take, (np.array(v[0]), 0)),
    (np.take, (z, [[11, 0], [-1, 0]])),
    (np.take_along_axis, (x, order, 1)),
    (np.take_along_axis, (x, order[:, :1], -1)),
    (np.take_along_axis, (x, np.array([[2, 2, 0, -1]]), 0)),
    (np.take_along_axis, (x, np.array([0, 11, 0]), None)),
    (np.take_along_axis, (z, order, 1)),
    (np.take_along_axis, (x, order[:, :0], 1)),
    (np.choose, ([2, 0, 1, 1], [x[0], y[0], v[:4]])),
    (np.choose, ([[0], [1], [1]], [x, 2.0])),
    (np.choose, ([3, -1, 1, 0], x), {"mode": "clip"}),
    (np.choose, ([3, -1, 1, 0], x), {"mode": "wrap"}),
    (np.choose, ([0, 1, 0, 1], [x[0], z[1]])),
    (np.compress, ([True, False, True], x), {"axis": 0}),
    (np.compress, ([0, 1, 1, 0, 1], x)),
    (np.compress, ([False, False], z, 1)),
    (np.extract, (mask, x)),
    (np.extract, ([0, 1, 0, 1, 1, 1], v)),
    (np.select, ([mask, x < -0.5], [x * 2, y], 1.0)),
    (np.select, ([mask, True], [x, z])),
    (np.select, ([mask[0], mask], [v[:4], 2.0])),
    (lambda a: np.piecewise(a, [a < 0, a >= 1], [lambda u: u * u, np.negative, 3.0]), (x,)),
    (lambda a: np.piecewise(a, [a < 0, a > -1], [np.sin, np.cos]), (v,)),
    (lambda a, s: np.piecewise(a, [a < 0], [lambda u, k: k * u, lambda u, k: u / k], s), (v, 1.5)),
    (lambda a: np.piecewise(a, a < 0, [np.sin, np.cos]), (v,)),
    (lambda a: np.piecewise(a, [a > 0, a < -1], [np.square, 7, lambda u: 1.0]), (single,)),
    (lambda a: np.piecewise(a, [[True, False, False, True]], [np.square, np.sin]), (square,)),
    (lambda a: np.piecewise(a, [a > 0], [np.square, np.sin]), (np.array(0.7),)),
    (lambda a: np.piecewise(a, [a < 0, a >= 0], [np.sin, np.cos]), (1.5,)),
    (np.diag, (v,)),
    (np.diag, (v, 2)),
    (np.diag, (v, -1)),
    (np.diag, (x,)),
    (np.diag, (x, 3)),
    (np.diag, (z, -2)),
    (np.diag, (x, 5)),
    (np.diag, (v[:0],)),
    (np.diagonal, (t,)),
    (np.diagonal, (t, 1, 2, 0)),
    (np.diagonal, (t, -1, 1, -1)),
    (np.diagonal, (z, 9)),
    (np.linalg.diagonal, (t,), {"offset": -1}),
    (np.diagflat, (x, 1)),
    (np.diagflat, (2.0,)),
    (np.tril, (x,)),
    (np.tril, (t, 1)),
    (np.tril, (v,)),
    (np.triu, (z, -1)),
    (np.triu, (v, 1)),
    (np.triu, (x[:, :0],)),
    # in place
    (changed(lambda y, a: np.copyto(y, a[0])), (x,)),
    (changed(lambda y, a: np.copyto(y, 2 * a, where=mask)), (x,)),
    (changed(lambda y, a, s: np.copyto(y, s, where=mask), np.copy), (x, 2.0)),
    (changed(lambda y, a, s: np.copyto(y, s, where=mask[0]), np.copy), (z, 2.0)),
    (changed(lambda y, a: np.put(y, [0, 5, -1], a[0, :2])), (x,)),
    (changed(lambda y, a, s: np.put(y, [[3, 3]], s), np.copy), (v, 1.5)),
    (changed(lambda y, a, w: np.put(y, [20, 1, 1], w, mode="clip"), np.copy), (x, v)),
    (changed(lambda y, a: np.put_along_axis(y, order[:, :2], a[:, 2:], 1)), (x,)),
    (changed(lambda y, a: np.put_along_axis(y, np.array([0, 7]), a[0, :2], None)), (x,)),
    (changed(lambda y, a, w: np.place(y, mask, w), np.copy), (x, v[:3])),
    (changed(lambda y, a, s: np.place(y, mask, s), np.copy), (x, 1.5)),
    (changed(lambda y, a, w: np.putmask(y, mask, w), np.copy), (x, v[:5])),
    (changed(lambda y, a, w: np.putmask(y, mask, w)), (x, y)),
    (changed(lambda y, a, s: np.fill_diagonal(y, s), np.copy), (x, 1.5)),
    (changed(lambda y, a, w: np.fill_diagonal(y, w), np.copy), (square, v)),
    (
        changed(lambda y, a, w: np.fill_diagonal(y, w[:2], wrap=True), np.copy),
        (rng.standard_normal((7, 2)), v),
    ),
    (changed(lambda y, a, w: np.fill_diagonal(y, w), np.copy), (rng.standard_normal((2, 2, 2)), v[:2])),
]


@pytest.mark.parametrize(("function", "args", "kwargs"), [(*c, {})[:3] for c in CASES])
def test_rule(function, args, kwargs):
    check_rule(function, *args, **kwargs)


@settings(max_examples=60)
@given(array_shapes(max_dims=3, max_side=4), st.data())
def test_take_adds_what_was_read_twice(shape, data):
    axis = data.draw(st.sampled_from([None, *range(-len(shape), len(shape))]))
    n = int(np.prod(shape)) if axis is None else shape[axis]
    indices = np.array(data.draw(st.lists(st.integers(-n, n - 1), max_size=5)), int)
    a = rng.standard_normal(shape)
    value, pullback = fr.vjp(lambda a: np.take(a, indices, axis), a)
    w = rng.standard_normal(value.shape)
    expected = np.zeros(n) if axis is None else np.zeros((n, *np.delete(shape, axis)))
    np.add.at(expected, indices, w if axis is None else np.moveaxis(w, axis, 0))
    expected = expected.reshape(shape) if axis is None else np.moveaxis(expected, 0, axis)
    np.testing.assert_allclose(pullback(w)[0], expected, atol=1e-14)  # sums of up to five numbers of size one


@settings(max_examples=40)
@given(st.integers(1, 5), st.integers(1, 5), st.integers(-6, 6))
def test_diagonals(rows, columns, k):
    a = rng.standard_normal((rows, columns))
    value, pullback = fr.vjp(lambda a: np.diag(a, k), a)
    w = rng.standard_normal(value.shape)
    expected = np.zeros_like(a)
    for i in range(len(w)):
        expected[i + max(-k, 0), i + max(k, 0)] = w[i]
    np.testing.assert_array_equal(pullback(w)[0], expected)


def test_in_place_functions_leave_what_numpy_leaves():
    def run(xp_copy, a, w):
        y = xp_copy(a)
        np.put(y, [0, 13], w, mode="wrap")
        np.place(y, mask, w[:2])
        np.putmask(y, x < -0.5, w[:3])
        np.copyto(y, w[:4], where=x > 1)
        np.put_along_axis(y, order[:, :1], w[:3, None], 1)
        np.fill_diagonal(y, w[4])
        return y

    value, _ = fr.linearize(lambda a, w: run(np.copy, a, w), x, v)
    np.testing.assert_array_equal(value, run(np.copy, x, v))


def test_infinite_entries_that_are_not_selected_do_no_harm():
    # The derivative of log at 0 is infinite, but the entry is masked: 0 · ∞ must not appear.
    def f(a):
        return np.sum(np.where(a > 0, np.log(np.where(a > 0, a, 1.0)), 0.0))

    np.testing.assert_array_equal(fr.grad(f)(np.array([0.0, 2.0])), [0.0, 0.5])
    pulled = fr.vjp(lambda a: np.where(mask, a, 0.0), x)[1](np.where(mask, 1.0, np.inf))[0]
    np.testing.assert_array_equal(pulled, mask.astype(float))


def test_conditions_and_indices_are_constants():
    assert fr.grad(lambda a: np.sum(np.where(a, 1.0, 2.0)) + a[0])(v)[0] == 1.0
    rows, columns = [], []

    def f(a):
        r, c = np.where(a > 0)
        rows.append(r)
        columns.append(c)
        return np.sum(a[r, c])

    np.testing.assert_array_equal(fr.grad(f)(x), mask)
    assert type(rows[0]) is type(columns[0]) is np.ndarray
    indices = np.array([0, 1])

    def g(a):
        y = np.take(a, indices)
        indices[:] = 3  # after the read: it must not matter
        return np.sum(y)

    np.testing.assert_array_equal(fr.grad(g)(v), [1, 1, 0, 0, 0, 0])


@pytest.mark.parametrize(
    "write",
    [
        np.copyto,
        lambda plain, s: np.put(plain, [0], s),
        lambda plain, s: np.place(plain, plain == 0, s),
        lambda plain, s: np.putmask(plain, plain == 0, s),
        lambda plain, s: np.put_along_axis(plain, np.zeros((1, 1), int), s, 1),
        lambda plain, s: np.full((2, 2), s, float),
        np.full_like,
    ],
)
def test_writing_traced_values_into_plain_arrays_raises(write):
    def f(s):
        write(np.zeros((1, 3)), s)
        return s

    with pytest.raises(fr.errors.InPlaceError, match="plain array"):
        fr.grad(f)(2.0)


def test_writing_into_an_argument_raises():
    with pytest.raises(fr.errors.InPlaceError, match="argument"):
        fr.grad(lambda a: np.fill_diagonal(a, 0.0))(x)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda a: np.take(a, 99), IndexError, "out of bounds"),
        (lambda a: np.take(a, [0, 4], axis=1), IndexError, "out of bounds"),
        (lambda a: np.take_along_axis(a, order[0], 1), ValueError, "same number of dimensions"),
        (lambda a: np.choose([5, 0, 0, 0], a), ValueError, "invalid entry"),
        (lambda a: np.compress([[True]], a), ValueError, "1-d"),
        (lambda a: np.select([mask], [a, a]), ValueError, "same length"),
        (
            lambda a: np.select([], []) if not hasattr(a, "tape") else np.select([], [], a),
            ValueError,
            "not possible",
        ),
        (lambda a: np.select([mask.astype(int)], [a]), TypeError, "boolean"),
        (lambda a: np.piecewise(a, [mask], [1, 2, 3]), ValueError, "functions are expected"),
        (lambda a: np.piecewise(a, [mask[0]], [1, 2]), IndexError, r"match|leading axes"),
        (lambda a: np.diag(a[None]), ValueError, "1- or 2-d"),
        (lambda a: np.place(np.copy(a), mask, []), ValueError, "empty"),
        (lambda a: np.place(np.copy(a), mask[0], 1.0), ValueError, "same size"),
        (lambda a: np.fill_diagonal(np.copy(a[0]), 1.0), ValueError, "at least 2-d"),
        (lambda a: np.fill_diagonal(np.copy(a[None]), 1.0), ValueError, "equal length"),
        (lambda a: np.copyto(np.copy(a), 1j), TypeError, "Cannot cast"),
        (lambda a: np.put(np.copy(a), 99, 1.0), IndexError, "out of bounds"),
    ],
)
def test_bad_input_raises_as_in_numpy(call, error, message):
    with pytest.raises(error, match=message):
        call(x)
    with pytest.raises(error, match=message):
        fr.linearize(call, x)


@pytest.mark.parametrize(
    "read",
    [
        lambda a, k: np.take(a, [k, 0, k], axis=0),
        lambda a, k: np.take(a, [k, 2, k], axis=-1),
        lambda a, k: np.take(a, [[k, 7]]),
        lambda a, k: np.take_along_axis(a, order[:, k : k + 1], 1),
        lambda a, k: np.take_along_axis(a, order[:, k], None),
    ],
)
def test_a_loop_of_reads_adds_into_one_buffer(read, monkeypatch):
    """Each read costs what it reads, in reverse too, not the size of the array: no cotangent of that size."""

    def f(a):
        return sum(np.sum((k + 1) * read(a, k) ** 2) for k in range(3))

    expected = 0
    for k in range(3):
        pullback = fr.vjp(lambda a, k=k: (k + 1) * read(a, k) ** 2, x)[1]
        expected = expected + pullback(np.ones_like(read(x, k)))[0]
    for kind in (Gather, Take):
        monkeypatch.setattr(kind, "pull", None)
    np.testing.assert_allclose(fr.grad(f)(x), expected, rtol=1e-14)
