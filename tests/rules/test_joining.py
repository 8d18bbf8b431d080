import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.testing import check_rule

rng = np.random.default_rng(0)
v = rng.standard_normal(6)
x = rng.standard_normal((2, 3))
y = rng.standard_normal((2, 3))
z = x + 1j * rng.standard_normal((2, 3))
t = rng.standard_normal((2, 3, 4))
single = x.astype(np.float32)
empty = np.zeros((0, 3))

CASES = [
    (np.concatenate, ([x, y],)),
    (np.concatenate, ((x, y, z), -1)),
    (np.concatenate, ([x, v, t], None)),
    (np.concatenate, ([x, empty, y],)),
    (np.concatenate, ([single, single],)),
    (np.concatenate, ([single, x], 1)),
    (np.concatenate, ([x, y],), {"dtype": np.float32}),
    (np.concatenate, ([x, np.ones((2, 1), int)], 1)),
    (np.concatenate, (t, 1)),
    (lambda a, b: np.concatenate([[a, 2.0], b]), (1.5, v)),
    (lambda a: np.concatenate([a, a * a]), (v,)),
    (np.stack, ([x, y],)),
    (np.stack, ([x, y, z], -1)),
    (np.stack, ([x, y], 1)),
    (np.stack, ([1.0, 2.0, 3.0],)),
    (np.stack, (t, 1)),
    (np.stack, ([x, y],), {"dtype": np.float32}),
    (np.stack, ([empty, empty], 2)),
    (lambda a: np.stack([a, np.ones(6), 2 * a]), (v,)),
    (np.vstack, ([x, v[:3]],)),
    (np.vstack, ([1.0, 2.0],)),
    (np.hstack, ([x, y],)),
    (np.hstack, ([v, 1.0],)),
    (np.hstack, (x,)),
    (np.dstack, ([x, z],)),
    (np.dstack, ([v, v * v],)),
    (np.column_stack, ([v[:2], x],)),
    (np.block, ([[x, y], [y, x]],)),
    (np.block, ([v, 1.0],)),
    (np.block, ([[[t], [t]]],)),
    (np.block, (x,)),
    (np.append, (x, v)),
    (np.append, (x, y, 0)),
    (np.append, (v, 2.0)),
    (np.insert, (v, 2, 1.5)),
    (np.insert, (v, -1, v[:3])),
    (np.insert, (x, 1, 1.5)),
    (np.insert, (x, 1, v[:3], 0)),
    (np.insert, (x, 1, v[:2], 1)),
    (np.insert, (x, 1, x.T, 1)),
    (np.insert, (x, [1], v[:2, None], 1)),
    (np.insert, (x, [0, 2, 2], x, 1)),
    (np.insert, (t, [2, 0], 1.0, 1)),
    (np.insert, (t, slice(0, 4, 2), t[..., :2], 2)),
    (np.insert, (v, np.array([True, False, True]), v[:2])),
    (np.insert, (z, 0, 1j, 0)),
    (np.insert, (v, [], v[:0])),
    (np.delete, (v, 2)),
    (np.delete, (x, [0, -1], 1)),
    (np.delete, (t, slice(None, None, 2), -1)),
    (np.delete, (t, 4)),
    (np.delete, (z, np.array([True, False]), 0)),
    (np.delete, (v, [])),
    (np.split, (v, 3)),
    (np.split, (t, [1, 3], -1)),
    (np.split, (v, [4, 2, 9])),
    (np.array_split, (v, 4)),
    (np.array_split, (z, 2, 1)),
    (np.hsplit, (x, 3)),
    (np.hsplit, (v, 2)),
    (np.vsplit, (x, 2)),
    (np.dsplit, (t, [1])),
    (np.unstack, (t,)),
    (np.unstack, (t,), {"axis": -1}),
]


@pytest.mark.parametrize(("function", "args", "kwargs"), [(*c, {})[:3] for c in CASES])
def test_rule(function, args, kwargs):
    check_rule(function, *args, **kwargs)


@settings(max_examples=40)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=5), st.integers(0, 2), st.integers(0, 2))
def test_a_join_of_the_parts_of_a_split_is_the_identity(sizes, axis, other):
    shape = [2, 3, 2]
    shape[axis] = sum(sizes)
    a = np.random.default_rng(3).standard_normal(shape)
    cuts = np.cumsum(sizes)[:-1]
    value, pullback = fr.vjp(lambda a: np.concatenate(np.split(a, cuts, axis), axis), a)
    np.testing.assert_array_equal(value, a)
    np.testing.assert_array_equal(pullback(value)[0], a)
    value, pullback = (
        fr.vjp(lambda a: np.stack(np.unstack(a, axis=axis), axis=other), a) if sum(sizes) else (a, None)
    )
    if pullback is not None:
        np.testing.assert_array_equal(pullback(value)[0], a)


def test_parts_of_a_split_are_views_as_in_numpy():
    def f(x, xp):
        y = xp.copy(x)
        first, _ = np.split(y, 2)
        first *= 3
        return np.sum(y * y)

    assert fr.value_and_grad(lambda x: f(x, np))(v)[0] == f(v, np)
    np.testing.assert_allclose(fr.grad(lambda x: f(x, np))(v), 2 * v * np.repeat([9, 1], 3))


def test_dtype_that_has_no_tangent_makes_a_constant():
    value, gradient = fr.value_and_grad(
        lambda a: np.sum(np.concatenate([a, a], dtype=int, casting="unsafe")) + a[0]
    )(v)
    assert value == 2 * np.sum(v.astype(int)) + v[0]
    np.testing.assert_array_equal(gradient, np.eye(6)[0])


def test_the_cotangents_of_a_join_are_slices_of_one_array():
    _, pullback = fr.vjp(lambda *parts: np.concatenate(parts), *np.split(v, 3))
    parts = pullback(v)
    for k, part in enumerate(parts):
        np.testing.assert_array_equal(part, v[2 * k : 2 * k + 2])


def test_mixed_levels():
    # The derivative of an inner gradient, where the parts of the join belong to different transformations
    def outer(a):
        return fr.grad(lambda b: np.sum(np.concatenate([a * b, b, a]) ** 2))(v)

    jacobian = fr.jacobian(outer)(x[0, :1] * np.ones(6))
    # d/db of Σ (a b)² + b² is 2 a² b + 2 b; d/da of that is 4 a b
    np.testing.assert_allclose(jacobian, np.diag(4 * x[0, 0] * v))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda a: np.concatenate([a, a[0]]), ValueError, "same number of dimensions"),
        (lambda a: np.stack([a, a[0]]), ValueError, "same shape"),
        (lambda a: np.split(a, 2, axis=1), ValueError, "equal division"),
        (lambda a: np.array_split(a, 0), ValueError, "larger than 0"),
        (lambda a: np.vsplit(a[0], 2), ValueError, "2 or more"),
        (lambda a: np.dsplit(a, 2), ValueError, "3 or more"),
        (lambda a: np.hsplit(a[0, 0], 2), ValueError, "1 or more"),
        (lambda a: np.insert(a, 5, 1.0, axis=0), IndexError, "out of bounds"),
        (lambda a: np.delete(a, 5, axis=0), IndexError, "out of bounds"),
        (lambda a: np.block([a, [a]]), ValueError, "depth"),
        (lambda a: np.block([a, []]), ValueError, "empty"),
        (lambda a: np.block([a, (a, a)]), TypeError, "tuple"),
        (lambda a: np.unstack(a[0, 0]), ValueError, "at least"),
    ],
)
def test_bad_input_raises_as_in_numpy(call, error, message):
    with pytest.raises(error):
        call(x)
    with pytest.raises(error, match=message):
        fr.linearize(call, x)
