"""What the tests share: arrays in double precision, made before any test has switched it on, and errors."""

import jax
import jax.numpy as jnp
import numpy as np

# What JAX makes of an error in a compiled function: the second where it runs the program at once.
REFUSED = (RuntimeError, ValueError)


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
