"""Assignments and augmented assignments under differentiation: NumPy's meaning, at every level of nesting."""

# ruff: noqa: PLW0108 - tables of small programs read best in one form

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import frechet as fr
from frechet.testing import numerical_pushforward
from tests.against_numpy import MASK, assert_like_numpy, program, x3, x5

x23 = np.arange(1.0, 7.0).reshape(2, 3)


# --- assignments ----------------------------------------------------------------------------------


def assign(index, value):
    def body(x, y):
        y[index] = value(x) if callable(value) else value

    return program(body)


@pytest.mark.parametrize(
    "f",
    [
        assign(0, 7.0),
        assign(-1, lambda x: x[0]),
        assign(slice(None), 0),
        assign(slice(None), lambda x: x[::-1]),
        assign(Ellipsis, lambda x: x[2]),
        assign((), lambda x: x * 3),
        assign(slice(1, None, 2), lambda x: x[:2]),
        assign(slice(None, None, -1), lambda x: x),
        assign(slice(1, 4), lambda x: x[0]),  # broadcast
        assign(None, lambda x: x[None]),
        assign(slice(1, 4), lambda x: x[None, :3]),  # a leading axis of length one
        assign(slice(2, 2), lambda x: x[:0]),
        assign([0, 2], lambda x: x[:2]),
        assign([0, 0, 1], lambda x: x[:3]),  # the last write wins
        assign(np.array([[0, 1], [1, 0]]), lambda x: x[:4].reshape(2, 2)),
        assign(np.array([], int), lambda x: x[:0]),
        assign(MASK, 1.5),
        assign(MASK, lambda x: x[:3]),
        assign(MASK, lambda x: x[1]),
        assign(~MASK, lambda x: x[MASK][:2]),
        assign(np.zeros(5, bool), lambda x: x[0]),
        assign(np.int64(3), lambda x: x[1] * x[2]),
        assign(slice(None), [1, 2, 3, 4, 5]),
        assign(0, np.float32(2)),
        assign(0, True),
    ],
)
def test_assignment(f):
    assert_like_numpy(f)


@pytest.mark.parametrize(
    ("index", "shape"),
    [
        ((0, 1), ()),
        ((slice(None), 0), (2,)),
        ((0,), (3,)),
        (0, (3,)),
        ((Ellipsis, slice(1, 3)), (2, 2)),
        ((Ellipsis, slice(1, 3)), (2,)),
        ((None, 1), (1, 3)),
        ((np.array([0, 1]), np.array([2, 2])), (2,)),
        ((np.array([0, 0]), slice(None)), (2, 3)),
        ((slice(None), np.array([0, 0])), (2, 2)),
        ((1, slice(None, None, -1)), (3,)),
        (np.array([[True, False, True], [False, True, False]]), (3,)),
        ((slice(None), np.array([True, False, True])), (2, 2)),
    ],
    ids=str,
)
def test_assignment_in_a_matrix(index, shape):
    def f(x):
        y = x * x
        y[index] = x.reshape(-1)[: int(np.prod(shape))].reshape(shape)
        return y

    assert_like_numpy(f, x23)


@pytest.mark.parametrize(
    "make",
    [
        lambda x: np.zeros_like(x),
        lambda x: np.zeros(x.shape, like=x),
        lambda x: np.empty_like(x),
        lambda x: np.ones_like(x),
        lambda x: np.full_like(x, 2.0),
        lambda x: x.copy(),
        lambda x: np.copy(x),
        lambda x: x + 0,
        lambda x: np.array([0.0] * 5, like=x),
        lambda x: np.empty(5, like=x),
        lambda x: np.full(5, 3.0, like=x),
        lambda x: fr.array([x[0], 1.0, x[1], x[2], 0.0]),
    ],
)
def test_arrays_made_under_trace(make):
    def f(x):
        y = make(x)
        for k in range(5):
            y[k] = x[k] * x[k - 1]
        return y

    assert_like_numpy(f)


def test_loop_of_reads_and_writes():
    def f(x):
        y = np.zeros_like(x)
        y[0] = x[0]
        for k in range(1, len(x)):
            y[k] = np.sin(y[k - 1]) + x[k] * y[k - 1]
        return y

    assert_like_numpy(f)


def test_matrix_filled_by_loops():
    def f(x):
        A = np.zeros((3, 3), like=x)
        for i in range(3):
            for j in range(i + 1):
                A[i, j] = x[i] * x[j]
                A[j, i] = A[i, j]
        A[0] += A[1]
        return A @ A

    assert_like_numpy(f, x5[:3])


def test_gauss_elimination_in_place():
    def f(x):
        A = np.outer(x, x) + 3.0 * np.eye(3)
        b = x.copy()
        for k in range(3):
            for i in range(k + 1, 3):
                m = A[i, k] / A[k, k]
                A[i, k:] -= m * A[k, k:]
                b[i] -= m * b[k]
        for k in reversed(range(3)):
            b[k] -= A[k, k + 1 :] @ b[k + 1 :]
            b[k] /= A[k, k]
        return b

    assert_like_numpy(f, x5[:3])
    x = x5[:3]
    np.testing.assert_allclose(f(x), np.linalg.solve(np.outer(x, x) + 3.0 * np.eye(3), x), rtol=1e-12)


# --- augmented assignments ------------------------------------------------------------------------


def aug_whole(x, y):
    y += x
    y *= x
    y -= 2.0
    y /= 3.0 + x
    y **= 2


def aug_entry(x, y):
    y[0] += x[1]
    y[1] *= y[0]
    y[2] -= 1
    y[3] /= 2 + x[3]
    y[-1] **= 2


def aug_slice(x, y):
    y[1:] += y[:-1]  # overlapping: NumPy evaluates the right side first
    y[::2] *= x[::2]


def aug_mask(x, y):
    y[MASK] += x[:3]
    y[y > 1] *= 2
    y[x < 0] = 0


def aug_fancy(x, y):
    y[[0, 1, 1]] += x[:3]  # entry 1 gets one of the two, as in NumPy
    y[np.array([4, 0])] *= x[2]


def aug_alias(x, y):
    z = y
    z += x
    z[0] = 5.0
    return y * z


def aug_alias_entry(x, y):
    z = y
    y[1] += x[0]
    return z


def aug_in_list(x, y):
    rows = [y, y * 2]
    rows[0] += x
    rows[0][1] = 0.0
    return rows[0] * rows[1] + y


def aug_attribute(x, y):
    class Holder:
        pass

    h = Holder()
    h.y = y
    h.y += x
    h.y[2] *= 3
    return y


def aug_matmul(x, y):
    A = np.outer(x, y)
    A @= np.eye(5) + A / 10
    return A


def add_at(x, y):
    np.add.at(y, [0, 0, 1], x[:3])


def fill(x, y):
    y.fill(x[1])


def put(x, y):
    np.put(y, [0, 2], x[:2])


def sort_method(x, y):
    y.sort()


def copyto(x, y):
    np.copyto(y, x * 2)


def out_argument(x, y):
    np.multiply(x, x, out=y)
    np.add(y, 1.0, out=y)


def masked_out(x, y):
    np.sqrt(np.abs(x), out=y, where=x > 0)


def diagonal_fill(x, y):
    A = np.outer(y, y)
    np.fill_diagonal(A, x)
    return A


def swap(x, y):
    y[0], y[1] = y[1], y[0]


def swap_rows(x, y):
    A = np.outer(y, x)
    A[[0, 1]] = A[[1, 0]]
    return A


@pytest.mark.parametrize(
    "body",
    [
        aug_whole,
        aug_entry,
        aug_slice,
        aug_mask,
        aug_fancy,
        aug_alias,
        aug_alias_entry,
        aug_in_list,
        aug_attribute,
        aug_matmul,
        add_at,
        fill,
        put,
        sort_method,
        copyto,
        out_argument,
        masked_out,
        diagonal_fill,
        swap,
        swap_rows,
    ],
    ids=lambda b: b.__name__,
)
def test_augmented_assignment(body):
    assert_like_numpy(program(body))


@pytest.mark.parametrize("name", ["__ifloordiv__", "__imod__"])
def test_other_augmented_assignments_keep_aliases_or_raise(name):
    def f(x):
        y = x * 1.0
        z = y
        if name == "__ifloordiv__":
            y //= 2
        else:
            y %= 2
        return np.sum(z * x)

    plain = f(x5)
    try:
        value, _ = fr.value_and_grad(f)(x5)
    except fr.FrechetError:
        return
    assert value == plain


def test_number_is_rebound_not_changed():
    def f(x):
        y = x * 2
        z = y
        y += x
        return z

    assert fr.grad(f)(3.0) == 2.0


def test_zero_dimensional_array_is_changed_in_place():
    def f(x):
        y = np.zeros((), like=x)
        z = y
        y += x[0] * x[1]
        y[()] = y * 2
        y[...] *= x[0]
        return z

    assert_like_numpy(f)


# --- under nesting --------------------------------------------------------------------------------


def test_inner_value_into_outer_array_is_refused():
    def outer(x):
        y = np.zeros_like(x)

        def inner(z):
            y[0] = z * x[0]
            return z

        return fr.grad(inner)(x[0]) + y[0]

    with pytest.raises(fr.InPlaceError, match="inner"):
        fr.grad(outer)(x3)


def test_outer_value_into_inner_array():
    def outer(x):
        def inner(z):
            y = np.zeros_like(z)
            y[:] = z
            y[0] = x[1] * z[0]
            y[1:] *= x[1:]
            return np.sum(y**2)

        return np.sum(fr.grad(inner)(x) * x)

    # inner gradient: (2 x1² x0, 2 x1³, 2 x2³) → outer value 2 x0² x1² + 2 x1⁴ + 2 x2⁴
    a, b, c = x3
    value, g = fr.value_and_grad(outer)(x3)
    assert value == pytest.approx(2 * a**2 * b**2 + 2 * b**4 + 2 * c**4, rel=1e-14)
    np.testing.assert_allclose(g, [4 * a * b**2, 4 * a**2 * b + 8 * b**3, 8 * c**3], rtol=1e-13)


def test_outer_array_changed_between_inner_transformations():
    def outer(x):
        y = x * 1.0
        s = fr.grad(lambda z: np.sum(z * y * z))(x3)  # 2 z y
        y[0] = 0.0
        y *= 2
        return np.sum(s) + np.sum(fr.grad(lambda z: np.sum(z * y * z))(x3))

    value, g = fr.value_and_grad(outer)(x3)
    assert value == 28.0 + 4 * (4.0 + 9.0)
    np.testing.assert_allclose(g, 2 * x3 + np.array([0, 4, 4]) * x3, rtol=1e-14)


def test_inner_array_assigned_twice_in_a_hessian():
    def f(x):
        y = np.empty_like(x)
        y[:] = x
        y[0] = y[1] * y[2]
        y[1] = y[0] * y[0]
        y += y[::-1]
        return np.sum(y**2)

    assert_like_numpy(lambda x: f(x) * np.ones(1), x3)


def test_jacobian_of_assignment_in_both_directions():
    def tall(x):
        y = np.zeros_like(x)
        y[:] = x
        return np.outer(y, y)

    def wide(x):
        y = np.zeros((2,), like=x)
        y[:] = x[:2]
        y[0] *= x[2]
        return y

    for f in (tall, wide):
        J = fr.jacobian(f)(x3)
        loop = np.stack([fr.jvp(f, (x3,), (e,))[1] for e in np.eye(3)], axis=-1)
        np.testing.assert_allclose(J, loop, rtol=1e-14)


# --- kinds of numbers -----------------------------------------------------------------------------


def test_dtype_of_the_array_wins():
    def f(x):
        y = np.zeros(3, np.float32, like=x)
        y[:] = x
        y += x
        return y

    value, tangent = fr.jvp(f, (x3,), (x3,))
    assert value.dtype == tangent.dtype == np.float32
    assert fr.grad(lambda x: np.sum(f(x)))(x3).dtype == np.float64


def test_complex_into_real_is_refused_as_by_numpy():
    def f(x):
        y = np.zeros_like(x)
        y[0] = x[0] * 1j
        return np.sum(y)

    with pytest.raises(TypeError, match="complex"):
        fr.grad(f)(x3)
    with pytest.raises(TypeError):
        fr.grad(lambda x: np.sum((x * 1.0).__iadd__(1j * x)))(x3)


def test_integer_arrays_truncate_as_in_numpy():
    def f(x):
        y = np.zeros(3, int, like=x)
        y[0] = x[0] * 2.6  # NumPy truncates: locally constant, as np.floor is
        return np.sum(y * x)

    value, g = fr.value_and_grad(f)(x3)
    assert value == f(x3) == 2.0
    assert np.array_equal(g, [2, 0, 0])


def test_real_into_complex():
    def f(x):
        y = np.zeros(3, complex, like=x)
        y[:] = x
        y[0] *= 1j
        y.imag = x * 2
        return np.sum(np.abs(y) ** 2)

    value, g = fr.value_and_grad(f)(x3)
    # after y[0] *= i: y = (i, 2, 3); the imaginary part becomes 2x: y = (0 + 2i, 2 + 4i, 3 + 6i)
    assert value == pytest.approx(4 + 20 + 45, rel=1e-14)
    np.testing.assert_allclose(g, [8 * 1, 10 * 2, 10 * 3], rtol=1e-14)


# --- errors as by NumPy ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (lambda y, x: y.__setitem__(9, 1.0), IndexError),
        (lambda y, x: y.__setitem__(slice(0, 2), x[:3]), ValueError),
        (lambda y, x: y.__iadd__(np.ones((2, 5))), ValueError),
        (lambda y, x: y.__setitem__((0, 0), 1.0), IndexError),
        (lambda y, x: y.__setitem__("a", 1.0), IndexError),
        (lambda y, x: y.__setitem__(0, "a"), (ValueError, TypeError)),
        (lambda y, x: y.__setitem__(0, x[:2]), (ValueError, TypeError)),
        (lambda y, x: y.__delitem__(0), (ValueError, TypeError, AttributeError)),
        (lambda y, x: y[0].__setitem__(0, 1.0), TypeError),
        (lambda y, x: y.__setitem__(0, [x[0]]), (fr.CoercionError, ValueError, TypeError)),
        (lambda y, x: y.__setitem__([0, 1], [x[0], x[1]]), fr.CoercionError),
        (lambda y, x: y.__setitem__(x[0], 1.0), (fr.CoercionError, IndexError)),
    ],
)
def test_errors(body, error):
    def f(x):
        y = x * 1.0
        body(y, x)
        return np.sum(y)

    with pytest.raises(error):
        fr.grad(f)(x5)
    with pytest.raises(error):
        fr.jvp(f, (x5,), (x5,))


def test_an_error_leaves_nothing_behind():
    with pytest.raises(IndexError):
        fr.grad(lambda x: (x * 1.0).__setitem__(99, 1.0))(x5)
    assert np.array_equal(fr.grad(lambda x: np.sum(x**2))(x5), 2 * x5)


# --- random programs ------------------------------------------------------------------------------

SHAPE = (3, 4)
indices = st.one_of(
    hnp.basic_indices(SHAPE, allow_newaxis=False, allow_ellipsis=True),
    hnp.integer_array_indices(SHAPE, result_shape=hnp.array_shapes(min_dims=1, max_dims=2, max_side=3)),
    hnp.arrays(bool, SHAPE),
)
statements = st.one_of(
    st.tuples(st.sampled_from(["=", "+=", "*=", "= view", "swap"]), indices, st.integers(-3, 3)),
    st.tuples(st.sampled_from(["whole +=", "whole *=", "rebind", "alias"]), st.none(), st.integers(-3, 3)),
)


def interpret(program_, x):
    y = x * x
    other = y
    with np.errstate(all="ignore"):
        for kind, index, c in program_:
            if kind == "=":
                y[index] = np.sum(x * c) / 4
            elif kind == "+=":
                y[index] += y[index] * 0.25 + c * x[0, 0]
            elif kind == "*=":
                y[index] *= x[1, 1] + 0.125 * c
            elif kind == "= view":
                y[index] = x[index] * y[0, 0]
            elif kind == "swap":
                y[index] = np.sin(y)[index]
            elif kind == "whole +=":
                y += 0.1 * c * x
            elif kind == "whole *=":
                y *= 1 + 0.1 * x
            elif kind == "rebind":
                y = y + 0.5 * other
            else:
                other = y
    return y + other


@settings(max_examples=120)
@given(st.lists(statements, min_size=1, max_size=7), st.integers(0, 100))
def test_random_in_place_programs(program_, seed):
    rng = np.random.default_rng(seed)
    x, v, w = (rng.uniform(-1, 1, SHAPE) for _ in range(3))

    def f(x):
        return interpret(program_, x)

    plain = f(x)
    value, tangent = fr.jvp(f, (x,), (v,))
    np.testing.assert_array_equal(value, plain)
    value, pullback = fr.vjp(f, x)
    np.testing.assert_array_equal(value, plain)
    size = max(1.0, float(np.max(np.abs(tangent))))
    assert np.sum(pullback(w)[0] * v) == pytest.approx(np.sum(w * tangent), abs=1e-10 * size)
    (numerical,), error = numerical_pushforward(lambda t: [f(x + t * v)], 0.02)
    np.testing.assert_allclose(tangent, numerical, atol=10 * error + 1e-8 * size)
    _, L = fr.linearize(f, x)
    np.testing.assert_allclose(L(v), tangent, atol=1e-11 * size)
    h = fr.hvp(lambda x: np.sum(w * f(x)), (x,), (v,))[0]
    back = fr.grad(lambda x: np.sum(fr.grad(lambda x: np.sum(w * f(x)))(x) * v))(x)
    np.testing.assert_allclose(h, back, atol=1e-9 * max(1.0, float(np.max(np.abs(h)))))


def test_augmented_assignment_to_a_new_axis():
    def body(x, y):
        y[None] += x[None] * 2
        y[None, 1:] *= x[0]

    assert_like_numpy(program(body))
