"""JAX in double precision, as NumPy has it; tests of single precision switch it off."""

import jax
import pytest

from frechet.operators import memory


@pytest.fixture(autouse=True)
def _double_precision():
    jax.config.update("jax_enable_x64", True)
    memory.forget()
    yield
    memory.forget()
    jax.config.update("jax_enable_x64", False)
