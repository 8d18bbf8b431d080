"""How often functions are run: value and derivative are made together, and found again by their arguments."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import frechet as fr
from frechet.operators import memory
from tests.jax.arrays import assert_same, double

rng = np.random.default_rng(32)
X = double(rng.standard_normal(5))


class Counted:
    """A function that counts its runs."""

    def __init__(self):
        self.runs = 0

    def __call__(self, x):
        self.runs += 1
        return np.sin(x) * x[0], np.cos(x)


@pytest.fixture
def counted():
    return Counted()


def loss(f):
    return lambda x: jnp.sum(f(x)[0] ** 2)  # of one result of two


def theirs(x):
    return jnp.sin(x) * x[0], jnp.cos(x)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    "transform", [jax.grad, jax.value_and_grad, jax.jacrev, lambda f: lambda x: jax.linearize(f, x)[1](x)]
)
def test_once_for_value_and_derivative(counted, transform, compiled):
    step = transform(loss(fr.jax.wrap(counted)))
    step = jax.jit(step) if compiled else step
    expected = transform(loss(theirs))
    step(X)
    for k in range(3):
        counted.runs = 0
        assert_same(step(X + k), expected(X + k))
        assert counted.runs == 1


def test_once_for_all_rows_of_a_jacobian(counted):
    f = fr.jax.wrap(counted)
    for k, jacobian in enumerate((jax.jacrev(f), jax.jacfwd(f), jax.jit(jax.jacrev(f))), 1):
        jacobian(X)
        counted.runs = 0
        assert_same(jacobian(X + k), jax.jacfwd(theirs)(X + k))
        assert counted.runs == 1


def test_sample_values_are_run_once(counted):
    f = fr.jax.wrap(counted)
    jax.jit(f)(X)
    assert counted.runs == 2  # sample values, for the shapes of results, and X
    jax.jit(lambda x: f(x * 1.0))(X)
    assert counted.runs == 3
    shape = jax.ShapeDtypeStruct((5,), float)
    declared = fr.jax.wrap(counted, result=lambda x: (shape, shape))
    jax.jit(declared)(X)
    assert counted.runs == 4


def test_nothing_is_kept_of_values_alone(counted):
    f = fr.jax.wrap(counted)
    f(X)
    jax.jit(f)(X)
    jax.vmap(f)(jnp.stack([X, X]))
    assert not memory._entries


def test_steps_beyond_what_is_kept_are_run_again(counted):
    f, n = fr.jax.wrap(counted), memory.KEPT + 4

    def total(f):
        def step(x, _):
            x = f(x)[0] * 0.5
            return x, jnp.sum(x)

        return lambda x: jnp.sum(jax.lax.scan(step, x, None, length=n)[1])

    gradient, expected = jax.jit(jax.grad(total(f))), jax.grad(total(theirs))(X)
    assert_same(gradient(X), expected)
    counted.runs = 0
    assert_same(gradient(X), expected)
    assert counted.runs == n + 4
    memory.keep(n)
    try:
        counted.runs = 0
        assert_same(gradient(X), expected)
        assert counted.runs == n
        memory.keep(0)  # right without any
        assert_same(gradient(X), expected)
        assert_same(jax.hessian(loss(f))(X), jax.hessian(loss(theirs))(X))
    finally:
        memory.keep(memory.KEPT)


def test_a_pullback_that_is_used_late(counted):
    """What it needs may have been let go of: then it is made anew."""
    f = fr.jax.wrap(counted)
    _, pull = jax.vjp(loss(f), X)
    memory.forget()
    assert_same(pull(jnp.ones(())), (jax.grad(loss(theirs))(X),))


def test_functions_that_are_made_anew_are_let_go_of():
    import gc
    import weakref

    alive = []
    for _ in range(3):
        f = Counted()
        fr.jax.wrap(f)(X)
        alive.append(weakref.ref(f))
    del f
    gc.collect()
    assert [r() for r in alive] == [None] * 3
