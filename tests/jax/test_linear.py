"""Functions that are said to be linear: their transposes, and batches of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

import frechet as fr
from tests.jax.arrays import assert_same, double

rng = np.random.default_rng(32)


def real(*shape):
    return double(rng.standard_normal(shape))


def cplx(*shape):
    return double(rng.standard_normal(shape) + 1j * rng.standard_normal(shape))


X, Y = real(4), real(4)


def test_linear_functions_are_transposed():
    f = fr.jax.wrap(lambda x, y: (np.fft.fft(x), 2 * y[:2] + np.real(x[:2])), linear=True)
    g = lambda x, y: (jnp.fft.fft(x), 2 * y[:2] + jnp.real(x[:2]))
    z, y, w = cplx(4), real(3), (cplx(4), real(2))
    for transform in (lambda f: f, jax.jit):
        found = transform(jax.linear_transpose(f, z, y))(w)
        assert_same(found, jax.linear_transpose(g, z, y)(w))
        found = transform(lambda z: jax.linear_transpose(jax.linear_transpose(f, z, y), w)((z, y)))(z)
        assert_same(found[0], g(z, y))
        found = transform(jax.vmap(lambda w: jax.linear_transpose(f, z, y)((w, w[:2].real))))(cplx(5, 4))
    one = transform(jax.linear_transpose(lambda y: f(jnp.zeros(4, complex), y)[1], y))(w[1])
    assert_same(one, (jnp.array([2 * w[1][0], 2 * w[1][1], 0]),))
    check_grads(f, (z, y), order=2)


def test_a_linear_function_is_run_once_for_a_batch():
    calls = []

    @fr.jax.wrap(linear=True)
    def transformed(x):
        calls.append(np.shape(x))
        return np.fft.fft(x)

    zs = cplx(6, 4)
    transformed(zs[0])
    calls.clear()
    np.testing.assert_allclose(jax.vmap(transformed)(zs), np.fft.fft(zs), rtol=1e-12, atol=1e-12)
    assert len(calls) == 1
    back = jax.vmap(lambda z: jax.linear_transpose(transformed, z)(z)[0])(zs)
    np.testing.assert_allclose(back, np.fft.fft(zs), rtol=1e-12, atol=1e-12)
    assert len(calls) == 2  # once more for the adjoint


@pytest.mark.parametrize("transform", [lambda f: f, jax.jit])
def test_what_is_not_linear_is_not_transposed(transform):
    one = fr.jax.wrap(np.sin)
    with pytest.raises(fr.NotDifferentiableError, match=r"cannot be transposed, .*wrap\(f, linear=True\)"):
        transform(lambda x: jax.linear_transpose(one, x)(x))(X)
    pull = lambda x: jax.vjp(one, x)[1](Y)[0]  # in x, it is not
    with pytest.raises(
        fr.NotDifferentiableError, match=r"pullback of .* not known to be linear in argument 0"
    ):
        transform(lambda x: jax.linear_transpose(pull, x)(x))(X)


# The axes of the inner batch and of the outer one, as long as each other, where some arguments have but one.
BATCHES = [
    ((0, None), (None, 0)),
    ((None, 0), (0, None)),
    ((0, 0), (None, 0)),
    ((None, 0), (0, 0)),
    ((0, 0), (0, None)),
]


@pytest.mark.parametrize("axes", BATCHES)
def test_arguments_that_batches_share(axes):
    """The cotangent of an argument is summed over the axes of those batches that share it, and no others."""
    f = fr.jax.wrap(lambda x, y: 2 * x + 3 * y, linear=True)
    g = lambda x, y: 2 * x + 3 * y
    x, y = (real(*[3 for batch in axes if batch[k] is not None]) for k in range(2))
    w = real(3, 3)

    def gradient(f):
        twice = jax.vmap(jax.vmap(f, axes[0]), axes[1])
        return jax.grad(lambda x, y: jnp.sum(w * twice(x, y)), (0, 1))(x, y)

    assert_same(gradient(f), gradient(g))
    assert_same(jax.jit(lambda: gradient(f))(), gradient(g))


def test_tangents_that_batches_share():
    """So are those of the tangents of a function that is not linear."""
    f, g = fr.jax.wrap(lambda x, y: np.sin(x) * y), lambda x, y: jnp.sin(x) * y
    w = real(3, 3)

    def transposed(f):
        pushed = lambda s, t: jax.jvp(f, (0.3, 0.5), (s, t))[1]
        twice = jax.vmap(jax.vmap(pushed, (0, None)), (None, 0))
        return jax.linear_transpose(twice, X[:3], Y[:3])(w)

    assert_same(transposed(f), transposed(g))


@pytest.mark.parametrize("transform", [lambda f: f, jax.jit, jax.grad])
def test_integers_beside_linear_arguments(transform):
    """An index does not enter linearly, whatever was said."""
    f = fr.jax.wrap(lambda x, k: np.sum(x[k]), linear=True)
    with pytest.raises(
        fr.NotDifferentiableError, match=r"said to be linear in all its arrays, and one of them has dtype int"
    ):
        transform(lambda x: f(x, jnp.array([2, 1])))(X)
    assert_same(fr.jax.wrap(np.cumsum, linear=True)(jnp.arange(3)), jnp.array([0, 1, 3]))
