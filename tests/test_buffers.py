"""What must not be written to: arguments, plain arrays, and buffers that a derivative still needs."""

# ruff: noqa: PLW0108, PT017 - tables of small programs read best in one form; some tests allow a result or an error

from __future__ import annotations

import pickle

import numpy as np
import pytest

import frechet as fr
from frechet.testing import numerical_pushforward
from tests.against_numpy import MASK, assert_right_or_loud, x3, x5

# --- what must not be changed ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.__setitem__(0, 1.0),
        lambda x: x.__iadd__(1.0),
        lambda x: x[1:].__setitem__(0, 1.0),
        lambda x: x[1:][1:].__setitem__(0, 1.0),
        lambda x: x[1:].__imul__(2.0),
        lambda x: x.reshape(5, 1).__setitem__(0, 1.0),
        lambda x: x.fill(0.0),
        lambda x: x.sort(),
        lambda x: np.copyto(x, 1.0),
        lambda x: np.put(x, [0], 1.0),
        lambda x: np.add.at(x, [0], 1.0),
        lambda x: np.add(x, 1.0, out=x),
        lambda x: x.put([0], [1.0]),
    ],
)
@pytest.mark.parametrize("transform", ["grad", "jvp", "nested"])
def test_arguments_must_not_be_changed(change, transform):
    x = x5.copy()

    def f(x):
        change(x)
        return np.sum(x)

    call = {
        "grad": lambda: fr.grad(f)(x),
        "jvp": lambda: fr.jvp(f, (x,), (x,)),
        "nested": lambda: fr.hessian(f)(x),
    }[transform]
    with pytest.raises(fr.InPlaceError) as error:
        call()
    assert "argument" in str(error.value) or "through a view" in str(error.value)
    assert "copy" in str(error.value)
    assert np.array_equal(x, x5)


def test_arguments_in_containers_must_not_be_changed():
    p = {"w": x5.copy()}

    def f(p):
        p["w"] += 1.0
        return np.sum(p["w"])

    with pytest.raises(fr.InPlaceError, match="argument"):
        fr.grad(f)(p)
    assert np.array_equal(p["w"], x5)

    def rebind(p):
        p["w"] = p["w"] + 1.0  # NumPy: the caller's dict changes; here it is a copy of the dict
        return np.sum(p["w"] ** 2)

    assert np.array_equal(fr.grad(rebind)(p)["w"], 2 * (x5 + 1))
    assert np.array_equal(p["w"], x5)


PLAIN_WRITES = {
    "item": lambda p, x: p.__setitem__(0, x[0]),
    "slice": lambda p, x: p.__setitem__(slice(1, None), x[1:]),
    "mask": lambda p, x: p.__setitem__(MASK, x[MASK]),
    "+=": lambda p, x: p.__iadd__(x),
    "*= scalar": lambda p, x: p.__imul__(x[0]),
    "p[0] += x": lambda p, x: p.__setitem__(0, p[0] + x[0]),
    "out=": lambda p, x: np.add(x, x, out=p),
    "copyto": lambda p, x: np.copyto(p, x),
    "put": lambda p, x: np.put(p, [0], x[0]),
    "put method": lambda p, x: p.put([0], x[0]),
    "fill": lambda p, x: p.fill(x[0]),
    "add.at": lambda p, x: np.add.at(p, [0], x[0]),
    "flat": lambda p, x: p.flat.__setitem__(0, x[0]),
    "place": lambda p, x: np.place(p, MASK, x[MASK]),
    "putmask": lambda p, x: np.putmask(p, MASK, x),
    "put_along_axis": lambda p, x: np.put_along_axis(p, np.array([0]), x[:1], 0),
    "fill_diagonal": lambda p, x: np.fill_diagonal(p[:4].reshape(2, 2), x[0]),
    "dot out": lambda p, x: np.dot(np.eye(5), x, out=p),
    "sum out": lambda p, x: np.sum(x, out=p[:1].reshape(())),
    "clip out": lambda p, x: np.clip(x, 0, 1, out=p),
    "method out": lambda p, x: x.cumsum(out=p),
}


@pytest.mark.parametrize("write", PLAIN_WRITES.values(), ids=PLAIN_WRITES)
@pytest.mark.parametrize(
    "transform",
    [fr.grad, fr.hessian, lambda f: lambda x: fr.jvp(f, (x,), (x,))],
    ids=["grad", "hessian", "jvp"],
)
def test_traced_values_are_not_written_into_plain_arrays(write, transform):
    p = np.zeros(5)

    def f(x):
        write(p, x)
        return np.sum(x)

    with pytest.raises((fr.CoercionError, fr.InPlaceError)) as error:
        transform(f)(x5)
    assert "like=x" in str(error.value)
    assert np.array_equal(p, np.zeros(5))


def test_plain_numbers_are_still_written_into_plain_arrays():
    def f(x):
        p = np.zeros(5)
        p[0] = 3.0
        p += 1
        p[x > 0] = 2.0
        return np.sum(x * p)

    assert np.array_equal(fr.grad(f)(x5), [2, 1, 2, 2, 1])


# --- plain arrays that change after they were used ------------------------------------------------


@pytest.mark.parametrize(
    "use",
    [
        lambda x, b: x * b,
        lambda x, b: x / b,
        lambda x, b: x**b,
        lambda x, b: np.multiply(b, x),
        lambda x, b: x @ np.diag(b),
        lambda x, b: np.einsum("i,i->i", x, b),
        lambda x, b: np.where(b > 2, x, 2 * x),
        lambda x, b: np.outer(x, b)[0],
    ],
)
def test_plain_buffer_reused_in_a_loop(use):
    def f(x):
        buffer = np.empty(3)
        total = 0.0
        for k in range(1, 4):
            buffer[:] = k
            total = total + np.sum(use(x, buffer))
        return total

    v = np.array([0.3, -0.2, 0.5])
    (numerical,), _ = numerical_pushforward(lambda t: [f(x3 + t * v)], 0.02)
    try:
        g = fr.grad(f)(x3)
    except (fr.FrechetError, ValueError):
        return
    assert g @ v == pytest.approx(float(numerical), rel=1e-7)


def test_plain_buffer_used_as_an_index_or_mask():
    def f(x):
        index, mask = np.zeros(2, int), np.zeros(3, bool)
        total = 0.0
        for k in range(3):
            index[:] = k
            mask[:] = False
            mask[k] = True
            total = total + np.sum(x[index]) * (k + 1) + np.sum(x[mask]) * (k + 1)
        index[:] = 0
        mask[:] = True
        return total

    assert np.array_equal(fr.grad(f)(x3), [3.0, 6.0, 9.0])


def test_index_list_changed_after_an_assignment():
    def f(x):
        y = x * 1.0
        index = [0, 1]
        y[index] = 0.0
        index[0] = 2
        mask = np.array([False, False, True])
        y[mask] *= 3.0
        mask[:] = True
        return np.sum(y)

    assert np.array_equal(fr.grad(f)(x3), [0, 0, 3])


def test_primal_changed_after_vjp():
    x = x3.copy()
    _, pullback = fr.vjp(lambda x: np.sum(x**3), x)
    assert_right_or_loud(lambda: (x.__setitem__(slice(None), 0.0), pullback(1.0)[0])[1], 3 * x3**2)


def test_primal_changed_after_linearize():
    x = x3.copy()
    _, L = fr.linearize(lambda x: x**2, x)
    assert_right_or_loud(lambda: (x.__isub__(0.1), L(np.ones(3)))[1], 2 * x3)


def test_plain_operand_changed_after_linearize():
    b = np.ones(3)
    _, L = fr.linearize(lambda x: x * b, x3)
    assert_right_or_loud(lambda: (b.__imul__(5.0), L(np.ones(3)))[1], np.ones(3))


# --- buffers that are reached by another way ------------------------------------------------------


def test_plain_buffer_written_through_an_older_view():
    def f(x):
        buffer = np.zeros((2, 3))
        row = buffer[0]  # writeable, whatever becomes of the buffer's own flag
        total = 0.0
        for k in range(3):
            row[:] = k
            total = total + np.sum(buffer @ x)
        return total

    assert_right_or_loud(lambda: fr.grad(f)(x3), [3.0, 3.0, 3.0])


def test_plain_buffer_held_by_two_levels():
    buffer = np.ones(3)

    def outer(x):
        kept = []

        def inner(z):
            y = z * buffer
            kept.append(x * buffer)
            return np.sum(y)

        fr.grad(inner)(x3)
        buffer[:] = 5.0
        return np.sum(kept[0])

    assert_right_or_loud(lambda: fr.grad(outer)(x3), np.ones(3))
    assert buffer.flags.writeable


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize(
    "transform",
    [fr.grad, fr.hessian, lambda f: lambda x: fr.linearize(f, x), lambda f: lambda x: fr.jvp(f, (x,), (x,))],
    ids=["grad", "hessian", "linearize", "jvp"],
)
def test_plain_arrays_are_writeable_again_afterwards(transform, fails):
    buffer, fixed = np.ones(3), np.ones(3)
    fixed.flags.writeable = False

    def f(x):
        y = np.sum(x * buffer * fixed * buffer[::-1])
        if fails:
            raise KeyError("stop")
        return y

    if fails:
        with pytest.raises(KeyError):
            transform(f)(x3)
    else:
        transform(f)(x3)
    assert buffer.flags.writeable
    assert not fixed.flags.writeable
    buffer[:] = 2.0


def test_writing_to_a_locked_buffer_says_why():
    def f(x):
        buffer = np.zeros(3)
        total = 0.0
        for k in range(3):
            buffer[k] = 1.0
            total = total + np.sum(x * buffer)
        return total

    try:
        g = fr.grad(f)(x3)
    except fr.InPlaceError as error:
        assert "differentiated" in str(error)
        assert "copy" in str(error) or "new array" in str(error)
    else:
        assert np.array_equal(g, [3, 2, 1])


@pytest.mark.parametrize(
    "use",
    [
        lambda x, b: np.convolve(x, v=b),
        lambda x, b: np.interp(x, xp=np.arange(3.0), fp=b),
        lambda x, b: np.outer(x, b=b),
    ],
)
@pytest.mark.parametrize("size", [3, 5000])  # copied and locked, respectively
def test_plain_buffer_given_by_keyword(use, size):
    x = np.linspace(0.1, 1.9, 3)
    if size > 3:
        use = lambda x, b: np.outer(x, b=b)
    expected = fr.grad(lambda x: np.sum(use(x, np.arange(1.0, size + 1))))(x)

    def f(x):
        b = np.arange(1.0, size + 1)
        y = use(x, b)
        b[:] = 77.0
        return np.sum(y)

    try:
        got = fr.grad(f)(x)
    except fr.InPlaceError:
        return  # a large buffer is locked
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("transform", [fr.grad, fr.jacobian, fr.hessian])
def test_large_plain_buffer_refilled_through_an_older_view_is_noticed(transform):
    def f(x):
        buffer = np.ones(10_000)
        view = buffer[:]
        y = np.sum((x[0] * buffer) ** 2)
        view[:] = 5.0
        return y

    with pytest.raises(fr.InPlaceError, match="view taken earlier"):
        transform(f)(np.ones(2))


def test_large_plain_arrays_may_change_once_the_gradient_is_there():
    data = np.linspace(0.0, 1.0, 10_000)
    part = data[100:9_000]

    def f(x):
        return np.sum(x * part) + np.sum(np.exp(x) * data)

    expected = np.sum(part) + np.sum(np.exp(0.5) * data)
    for _ in range(3):
        assert fr.grad(f)(0.5) == pytest.approx(expected, rel=1e-13)  # rounding of sums of 10,000 terms
    data[:] = 0.0
    assert fr.grad(f)(0.5) == 0.0


@pytest.mark.parametrize("transform", [fr.grad, fr.value_and_grad])
def test_large_plain_arrays_are_unlocked_after_a_value_that_has_no_gradient(transform):
    data = np.ones(10_000)
    with pytest.raises(fr.NotDifferentiableError, match="real scalar"):
        transform(lambda x: x * data)(2.0)
    assert data.flags.writeable


def _unpickled():
    return pickle.loads(pickle.dumps(np.linspace(0.0, 1.0, 10_000)))


def _part_of_unpickled():
    return _unpickled()[10:]


def _view_from_before_its_base_became_read_only():
    base = np.linspace(0.0, 1.0, 10_000).copy()  # owns its memory
    view = base[10:]
    base.flags.writeable = False
    return view


@pytest.mark.parametrize(
    "made", [_unpickled, _part_of_unpickled, _view_from_before_its_base_became_read_only]
)
def test_large_plain_arrays_that_numpy_would_not_unlock_again_are_copied(made):
    data = made()
    other = np.ones(data.shape)
    expected = data * np.cos(1.0)

    def f(x):
        y = np.sum(data * np.sin(x) * other)
        data[:] = 7.0
        return y

    np.testing.assert_allclose(fr.grad(f)(np.ones(data.shape)), expected, rtol=1e-15)
    assert data.flags.writeable
    assert other.flags.writeable
