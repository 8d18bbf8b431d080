"""What JAX's transformations make of wrapped functions, beside the same functions written in jax.numpy."""

import functools
import threading
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads

import frechet as fr
from tests.jax.arrays import assert_same, double

rng = np.random.default_rng(31)


def real(*shape):
    return double(rng.standard_normal(shape))


def cplx(*shape):
    return double(rng.standard_normal(shape) + 1j * rng.standard_normal(shape))


def written(xp):
    """A function of two arrays with two results, in NumPy and in jax.numpy."""

    def f(x, y):
        return {"product": xp.sin(x) * y + xp.cos(y[0]), "sum": xp.sum(x * x) * y[0]}

    return f


plain, theirs = written(np), written(jnp)
ours = fr.jax.wrap(plain)
X, Y = real(4), real(4)


def scalar(f):
    """A real number of a function's results, not linear in them."""

    def loss(*args):
        out = f(*args)
        return jnp.sum(out["product"] ** 2) * jnp.cos(out["sum"])

    return loss


TRANSFORMED = {
    "itself": lambda f: f,
    "jvp": lambda f: lambda x, y: jax.jvp(f, (x, y), (y, x)),
    "jvp in one": lambda f: lambda x, y: jax.jvp(lambda x: f(x, y), (x,), (y,)),
    "vjp": lambda f: lambda x, y: jax.vjp(f, x, y)[1]({"product": x, "sum": y[0]}),
    "grad": lambda f: jax.grad(scalar(f)),
    "grad in both": lambda f: jax.grad(scalar(f), (0, 1)),
    "value_and_grad": lambda f: jax.value_and_grad(scalar(f), 1),
    "gradient of one result": lambda f: jax.grad(lambda x, y: f(x, y)["sum"], (0, 1)),
    "jacfwd": lambda f: jax.jacfwd(f, (0, 1)),
    "jacrev": lambda f: jax.jacrev(f, (0, 1)),
    "hessian": lambda f: jax.hessian(scalar(f), (0, 1)),
    "hessian, reverse over forward": lambda f: jax.jacrev(jax.jacfwd(scalar(f))),
    "hessian, reverse over reverse": lambda f: jax.jacrev(jax.jacrev(scalar(f))),
    "hessian, forward over forward": lambda f: jax.jacfwd(jax.jacfwd(f)),
    "third": lambda f: jax.jacfwd(jax.jacrev(jax.jacrev(lambda x, y: f(x, y)["product"]))),
    "linearize": lambda f: lambda x, y: jax.linearize(f, x, y)[1](y, x),
    "transpose of the linearization": lambda f: (
        lambda x, y: jax.linear_transpose(jax.linearize(lambda x: f(x, y), x)[1], x)(
            {"product": x, "sum": y[0]}
        )
    ),
    "checkpoint": lambda f: jax.grad(jax.checkpoint(scalar(lambda x, y: f(jnp.sin(f(x, y)["product"]), y)))),
    "hvp": lambda f: lambda x, y: jax.jvp(jax.grad(scalar(f)), (x, y), (y, x))[1],
    "inside of itself": lambda f: jax.grad(scalar(lambda x, y: f(f(x, y)["product"], f(y, x)["product"]))),
    "custom_jvp beside it": lambda f: jax.grad(lambda x, y: jnp.sum(jax.nn.relu(f(x, y)["product"]))),
}


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", TRANSFORMED)
def test_transformations(name, compiled):
    transform = TRANSFORMED[name]
    found = transform(ours)
    assert_same((jax.jit(found) if compiled else found)(X, Y), transform(theirs)(X, Y))


XS, YS = real(3, 4), real(3, 4)
OF_STACKS = {
    "vmap": jax.vmap,
    "first only": lambda f: lambda xs, ys: jax.vmap(f, (0, None))(xs, ys[0]),
    "second only": lambda f: lambda xs, ys: jax.vmap(f, (None, 0))(xs[0], ys),
    "other axes": lambda f: lambda xs, ys: jax.vmap(f, (1, 0), {"product": 1, "sum": 0})(xs.T, ys),
    "nested": lambda f: jax.vmap(jax.vmap(f, (None, 0)), (0, None)),
    "of grad": lambda f: jax.vmap(jax.grad(scalar(f), (0, 1))),
    "of grad in what is shared": lambda f: lambda xs, ys: jax.vmap(jax.grad(scalar(f)), (None, 0))(xs[0], ys),
    "of value_and_grad": lambda f: jax.vmap(jax.value_and_grad(scalar(f), 1)),
    "grad of": lambda f: jax.grad(lambda xs, ys: jnp.sum(jax.vmap(scalar(f))(xs, ys)), (0, 1)),
    "grad of, in what is shared": lambda f: jax.grad(
        lambda xs, ys: jnp.sum(jax.vmap(scalar(f), (0, None))(xs, ys[0])), 1
    ),
    "jvp of": lambda f: lambda xs, ys: jax.jvp(jax.vmap(f), (xs, ys), (ys, xs)),
    "of jvp": lambda f: jax.vmap(lambda x, y: jax.jvp(f, (x, y), (y, x))),
    "of hessian": lambda f: jax.vmap(jax.hessian(scalar(f))),
    "of jacrev, nested": lambda f: jax.vmap(jax.vmap(jax.jacrev(f), (0, None)), (None, 0)),
    "of directions": lambda f: (
        lambda xs, ys: jax.vmap(lambda t: jax.jvp(lambda x: f(x, ys[0]), (xs[0],), (t,)))(xs)
    ),
    "of directions, shared by some": lambda f: (
        lambda xs, ys: jax.vmap(lambda t: jax.jvp(f, (xs[0], ys[0]), (t, ys[1])))(xs)
    ),
    "transposed, in a direction that is shared": lambda f: (
        lambda xs, ys: jax.linear_transpose(
            lambda t: jax.vmap(lambda x, y: jax.jvp(lambda x: f(x, y), (x,), (t,))[1])(xs, ys), xs[0]
        )({"product": xs, "sum": ys[:, 0]})
    ),
    "over nothing": lambda f: lambda xs, ys: jax.vmap(f)(xs[:0], ys[:0]),
    "gradient over nothing": lambda f: lambda xs, ys: jax.vmap(jax.grad(scalar(f)))(xs[:0], ys[:0]),
}


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", OF_STACKS)
def test_batches(name, compiled):
    transform = OF_STACKS[name]
    found = transform(ours)
    assert_same((jax.jit(found) if compiled else found)(XS, YS), transform(theirs)(XS, YS))


def test_what_takes_stacks_is_called_once():
    shapes = []

    @fr.jax.wrap(signature="(n,n),(n,m)->(n,m)")
    def solve(A, B):
        shapes.append(np.shape(A))
        return fr.linalg.solve(A, B)

    As, B = real(5, 3, 3) + 4 * jnp.eye(3), real(3, 2)
    found = jax.vmap(solve, (0, None))(As, B)
    assert shapes == [(5, 3, 3), (3, 3)]  # the second, for the structure of the value
    np.testing.assert_allclose(found, jnp.linalg.solve(As, B), rtol=1e-12)
    shapes.clear()
    gradient = jax.vmap(jax.grad(lambda A, B: jnp.sum(solve(A, B) ** 2)), (0, None))
    expected = jax.vmap(jax.grad(lambda A, B: jnp.sum(jnp.linalg.solve(A, B) ** 2)), (0, None))(As, B)
    assert_same(gradient(As, B), expected, 1e-11)
    assert shapes == [(5, 3, 3)]  # value and gradient together
    shapes.clear()
    assert_same(jax.jit(gradient)(As, B), expected, 1e-11)
    assert shapes == [(5, 3, 3)]


# --- in loops ---------------------------------------------------------------------------------------------


def stepped(f, x, y):
    def step(x, _):
        x = f(x, y)["product"] * 0.5
        return x, jnp.sum(x)

    return jax.lax.scan(step, x, None, length=12)


def test_scan():
    gradient = lambda f: jax.grad(lambda x, y: jnp.sum(stepped(f, x, y)[1] ** 2), (0, 1))
    for transform in (lambda f: f, jax.jit):
        assert_same(transform(functools.partial(stepped, ours))(X, Y), stepped(theirs, X, Y))
        assert_same(transform(gradient(ours))(X, Y), gradient(theirs)(X, Y))


def test_while_and_cond():
    def doubled(f, x, y):
        halve = lambda carry: (f(carry[0], y)["product"] * 0.5, carry[1] + 1)
        return jax.lax.while_loop(lambda carry: carry[1] < 4, halve, (x, 0))[0]

    def chosen(f, x, y):
        return jax.lax.cond(x[0] > y[0], lambda: f(x, y)["product"], lambda: f(y, x)["product"])

    for transform in (lambda f: f, jax.jit):
        found = transform(lambda x, y: jax.jvp(functools.partial(doubled, ours), (x, y), (y, x)))(X, Y)
        assert_same(found, jax.jvp(functools.partial(doubled, theirs), (X, Y), (Y, X)))
        for x, y in ((X, Y), (Y, X)):
            gradient = jax.grad(lambda x, y: jnp.sum(chosen(ours, x, y) ** 2))
            expected = jax.grad(lambda x, y: jnp.sum(chosen(theirs, x, y) ** 2))(x, y)
            assert_same(transform(gradient)(x, y), expected)


# --- checks by JAX ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (plain, (X, Y)),
        (np.linalg.inv, (double(rng.standard_normal((3, 3)) + 4 * np.eye(3)),)),
        (lambda z: np.abs(z) * np.exp(z), (cplx(3),)),
        (lambda z, x: np.conj(z) * z * x, (cplx(3), real(3))),
        (lambda x: np.exp(1j * x), (real(3),)),
        (fr.linalg.expm, (cplx(3, 3),)),
    ],
)
def test_check_grads(f, args):
    """By differences, which decides the tolerance; forward, reverse, and both in turns, to third order."""
    check_grads(fr.jax.wrap(f), args, order=3, atol=2e-3, rtol=2e-3)


def test_check_grads_of_a_compiled_function():
    check_grads(jax.jit(ours), (X, Y), order=3, atol=2e-3, rtol=2e-3)


Z = cplx(4)


@pytest.mark.parametrize(
    ("ours_", "theirs_"),
    [
        (lambda xp: lambda z: xp.sum(xp.abs(z) ** 2 * xp.real(z)),) * 2,
        (lambda xp: lambda z: xp.real(xp.sum(xp.conj(z) * xp.exp(z) * xp.array([1, 2j, 3, 4]))),) * 2,
        (lambda xp: lambda z: xp.imag(xp.prod(z)),) * 2,
    ],
)
def test_complex_gradients_are_jaxs(ours_, theirs_):
    f, g = fr.jax.wrap(ours_(np)), theirs_(jnp)
    for transform in (lambda f: f, jax.jit):
        assert_same(transform(jax.grad(f))(Z), jax.grad(g)(Z))
        found = transform(lambda z: jax.jvp(jax.grad(f), (z,), (z[::-1],)))(Z)
        assert_same(found, jax.jvp(jax.grad(g), (Z,), (Z[::-1],)), 1e-11)
    np.testing.assert_allclose(jax.grad(f)(Z), np.conj(fr.grad(ours_(np))(np.asarray(Z))), rtol=1e-12)


def test_holomorphic_derivatives():
    f = fr.jax.wrap(lambda z: np.exp(z) * z[0])
    g = lambda z: jnp.exp(z) * z[0]
    for jacobian in (jax.jacfwd, jax.jacrev):
        assert_same(jacobian(f, holomorphic=True)(Z), jacobian(g, holomorphic=True)(Z))


# --- arguments and results --------------------------------------------------------------------------------


class Pair(NamedTuple):
    first: object
    second: object


def test_pytrees():
    @fr.jax.wrap
    def f(p, scale=1.0):
        return Pair([p["a"] * scale, p["b"][0]], {"c": p["b"][1].first ** 2, "n": (3, 2.5)})

    p = {"a": X, "b": (Y, Pair(X * Y, None))}
    for transform in (lambda f: f, jax.jit):
        out = transform(lambda p: f(p, scale=2.0))(p)
        assert_same(out, Pair([2 * X, Y], {"c": (X * Y) ** 2, "n": (jnp.asarray(3), jnp.asarray(2.5))}))
        gradient = transform(jax.grad(lambda p: jnp.sum(f(p).second["c"] * f(p).first[0])))(p)
        a, xy = X, X * Y
        assert_same(gradient, {"a": xy**2, "b": (jnp.zeros(4), Pair(2 * xy * a, None))})


def test_integers_have_no_tangents():
    @fr.jax.wrap
    def f(x, k):
        return x[k] * 2.0, np.argsort(x), x > 0

    k = jnp.array([2, 0])
    for transform in (lambda f: f, jax.jit):
        (taken, order, positive), (t, *others) = transform(
            lambda x, k: jax.jvp(f, (x, k), (Y, np.zeros(2, jax.dtypes.float0)))
        )(X, k)
        assert_same((taken, order, positive), (X[k] * 2, jnp.argsort(X), X > 0))
        assert_same(t, Y[k] * 2)
        assert [o.dtype for o in others] == [jax.dtypes.float0] * 2
        gradient = transform(jax.grad(lambda x: jnp.sum(f(x, k)[0])))(X)
        assert_same(gradient, jnp.zeros(4).at[k].set(2.0))
        pulled = jax.vjp(f, X, k)[1]((Y[:2], np.zeros(4, jax.dtypes.float0), np.zeros(4, jax.dtypes.float0)))
        assert pulled[1].dtype == jax.dtypes.float0
        assert_same(pulled[0], jnp.zeros(4).at[k].set(2 * Y[:2]))


def test_numpy_arrays_and_numbers_beside():
    """NumPy's arrays vary from call to call, and numbers, strings and such are constants of the program."""
    seen = []

    @fr.jax.wrap
    def f(x, weights, power, mode="plain", where=slice(0, 2)):
        seen.append((type(weights), power, mode))
        return (x * weights)[where] ** power

    weights = np.arange(4.0)
    for transform in (lambda f: f, jax.jit):
        gradient = transform(jax.grad(lambda x: jnp.sum(f(x, weights, 2, mode="other"))))
        assert_same(gradient(X), jnp.where(jnp.arange(4) < 2, 2 * X * weights**2, 0))
    assert seen[-1] == (np.ndarray, 2, "other")
    assert_same(f(X, weights, 3.0), (X * weights)[:2] ** 3)
    assert_same(
        f(weights, np.float64(2.0), 1), jnp.asarray(2 * weights[:2])
    )  # nothing of JAX: still its arrays
    assert_same(fr.jax.wrap(lambda n: n * 1.5)(3), jnp.asarray(4.5))


def test_an_array_of_numpy_that_changes_after_the_value():
    weights = np.arange(4.0)
    _, pull = jax.vjp(lambda x: fr.jax.wrap(np.multiply)(x, weights), X)
    weights[:] = 100.0
    assert_same(pull(jnp.ones(4)), (jnp.arange(4.0),))


def test_an_array_of_numpy_that_changes_while_a_program_is_made():
    def total(x):
        buffer = np.zeros(4)
        for k in range(3):
            buffer[:] = k
            x = x + fr.jax.wrap(np.multiply)(X, buffer)
        return x

    for transform in (lambda f: f, jax.jit):
        assert_same(transform(total)(X), 4 * X)
        assert_same(transform(jax.jacfwd(total))(X), jnp.eye(4))


def test_numbers_are_told_apart():
    f = fr.jax.wrap(lambda x, c: x * np.copysign(1.0, c) + (c if c == c else 7.0))
    for c, expected in ((0.0, X), (-0.0, -X), (1, X + 1), (True, X + 1), (float("nan"), X + 7)):
        assert_same(f(X, c), expected)
        assert_same(jax.jit(lambda x, c=c: f(x, c))(X), expected)


def test_numbers_in_sets_are_told_apart():
    f = fr.jax.wrap(lambda x, signs: x * np.copysign(1.0, min(signs)))
    assert_same(f(X, frozenset({0.0})), X)
    assert_same(f(X, frozenset({-0.0})), -X)


def test_functions_without_a_hash():
    @dataclass
    class Power:
        exponent: float

        def __call__(self, x):
            return x**self.exponent

    for exponent in (2.0, 3.0):
        power = fr.jax.wrap(Power(exponent))
        assert_same(jax.jit(jax.grad(power))(2.0), jnp.asarray(exponent * 2 ** (exponent - 1)))


def test_python_numbers_are_differentiated():
    f = fr.jax.wrap(lambda x, y: x**2 * np.sin(y))
    assert_same(jax.grad(f, (0, 1))(3.0, 2.0), (6 * jnp.sin(2.0), 9 * jnp.cos(2.0)))
    assert_same(jax.jit(jax.hessian(f))(3.0, 2.0), 2 * jnp.sin(2.0))


def test_the_function_sees_read_only_arrays():
    @fr.jax.wrap
    def f(x):
        assert type(x) is np.ndarray
        assert not x.flags.writeable
        return x

    def writes(x):
        x[0] = 5.0
        return x

    for transform in (lambda f: f, jax.jit):
        y = transform(f)(X)
        assert_same(y, X)
        assert_same(f(np.asarray(X)), X)
        with pytest.raises(Exception, match="read-only"):
            jax.block_until_ready(transform(fr.jax.wrap(writes))(X))
    own = np.ones(3)
    with pytest.raises(ValueError, match="read-only"):
        fr.jax.wrap(writes)(own)
    assert own.flags.writeable


def test_results_are_not_changed_afterwards():
    """A function may keep what it returns, and write to it again."""
    buffer = np.zeros(100_000)

    def fill(x):
        buffer[:] = x
        return buffer

    def view(x):
        buffer[:] = x
        return buffer[:50_000]

    for f in (fill, view):
        wrapped = fr.jax.wrap(f)
        for _ in range(70):  # whichever way it becomes an array of JAX
            first = wrapped(jnp.asarray(1.0))
        wrapped(jnp.asarray(2.0))
        assert np.all(np.asarray(first) == 1.0)


def test_donated_buffers():
    f = jax.jit(lambda x: ours(x, Y)["product"], donate_argnums=0)
    step = jax.jit(lambda x: x - 0.1 * jax.grad(scalar(ours))(x, Y), donate_argnums=0)
    expected = theirs(X, Y)["product"]
    assert_same(f(X + 0.0), expected)
    x, y = X + 0.0, X + 0.0
    for _ in range(5):
        x, y = step(x), y - 0.1 * jax.grad(scalar(theirs))(y, Y)
    assert_same(x, y, 1e-11)


def test_threads():
    gradient, expected = jax.jit(jax.grad(scalar(ours))), jax.grad(scalar(theirs))
    points = [X + 0.1 * k for k in range(8)]
    due = [expected(x, Y) for x in points]
    found = [None] * 8

    def work(k):
        for _ in range(10):
            found[k] = gradient(points[k], Y), jax.grad(scalar(ours))(points[k], Y)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for both, e in zip(found, due, strict=True):
        assert_same(both, (e, e))


@settings(max_examples=8)  # each is compiled
@given(st.lists(st.integers(0, 3), max_size=3), st.sampled_from("fdFD"))
def test_shapes_and_dtypes(shape, char):
    x = (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype("D")
    x = jnp.asarray((x if char in "FD" else x.real).astype(char))
    f, g = fr.jax.wrap(lambda x: (x * 2, x.real.sum())), lambda x: (x * 2, x.real.sum())
    tolerance = 1e-5 if char in "fF" else 1e-12
    for transform in (lambda f: f, jax.jit):
        assert_same(transform(f)(x), g(x), tolerance)
        assert_same(
            transform(jax.grad(lambda x: f(x)[1] ** 2))(x), jax.grad(lambda x: g(x)[1] ** 2)(x), tolerance
        )
