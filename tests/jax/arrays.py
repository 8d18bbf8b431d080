"""Arrays of JAX in double precision, made where a module is loaded: before any test has switched it on."""

import jax
import jax.numpy as jnp
import numpy as np


def double(a):
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        return jnp.asarray(a)
    finally:
        jax.config.update("jax_enable_x64", before)


def assert_same(found, expected, rtol=1e-12):
    """The same operations in another order."""
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert isinstance(a, jax.Array)
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)
