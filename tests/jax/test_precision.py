"""Single and double precision: as JAX has been told, in this process and in others."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import frechet as fr


@pytest.fixture
def single():
    jax.config.update("jax_enable_x64", False)


@pytest.mark.parametrize("transform", [lambda f: f, jax.jit])
def test_without_double_precision(single, transform):
    """What is float64 for NumPy is float32 for JAX: arguments, results, tangents and cotangents."""
    seen = []

    @fr.jax.wrap
    def f(x, weights, k):
        seen.append((x.dtype, weights.dtype, k.dtype))
        return {"y": np.sin(x) * weights, "z": np.exp(1j * x.astype(np.float64)), "n": np.arange(3), "s": 1.5}

    x, weights, k = jnp.arange(3.0), np.arange(3.0), np.arange(3)
    out = transform(lambda x: f(x, weights, k))(x)
    dtypes = {name: str(a.dtype) for name, a in out.items()}
    assert dtypes == {"y": "float32", "z": "complex64", "n": "int32", "s": "float32"}
    assert seen[-1] == ("float32", "float32", "int32")
    np.testing.assert_allclose(out["z"], np.exp(1j * np.arange(3)), rtol=1e-6)
    loss = lambda x: jnp.sum(f(x, weights, k)["y"]) + jnp.sum(jnp.abs(f(x, weights, k)["z"] + 1) ** 2)
    expected = np.cos(np.arange(3)) * weights - 2 * np.sin(np.arange(3))
    for g in (jax.grad(loss), jax.jacfwd(loss), lambda x: jax.vmap(jax.grad(loss))(x[None])[0]):
        gradient = transform(g)(x)
        assert gradient.dtype == jnp.float32
        np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-6)
    H = transform(jax.hessian(loss))(x)
    assert H.dtype == jnp.float32
    diagonal = -np.sin(np.arange(3)) * weights - 2 * np.cos(np.arange(3))
    np.testing.assert_allclose(H, np.diag(diagonal), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("transform", [lambda f: f, jax.jit])
def test_single_precision_in_double(transform):
    """float32 stays float32, whatever else is there."""
    A = jnp.asarray(np.random.default_rng(0).standard_normal((3, 3)), jnp.float32)
    value, gradient = transform(jax.value_and_grad(lambda A: jnp.sum(fr.linalg.expm(A))))(A)
    assert value.dtype == gradient.dtype == jnp.float32
    expected = fr.grad(lambda A: np.sum(fr.linalg.expm(A)))(np.asarray(A, float))
    np.testing.assert_allclose(gradient, expected, rtol=1e-4)
    mixed = fr.jax.wrap(lambda x, y: x * y)
    gradients = transform(jax.grad(lambda x, y: jnp.sum(mixed(x, y)), (0, 1)))(A, A.astype(float))
    assert [g.dtype for g in gradients] == [jnp.float32, jnp.float64]
    z = transform(jax.grad(lambda z: jnp.sum(jnp.abs(fr.fft.fft(z)) ** 2)))(A[0].astype(jnp.complex64))
    assert z.dtype == jnp.complex64


CODE = """
import jax, jax.numpy as jnp, numpy as np, frechet as fr
A = jnp.eye(2)
both = jax.value_and_grad(lambda A: jnp.sum(fr.linalg.expm(A)))
for value, gradient in (both(A), jax.jit(both)(A)):
    assert abs(float(value) - 2 * np.e) < 1e-5
    print(value.dtype, gradient.dtype)
"""


@pytest.mark.parametrize(("setting", "dtype"), [("0", "float32"), ("1", "float64")])
def test_in_a_process_of_its_own(setting, dtype):
    import os

    env = {**os.environ, "JAX_ENABLE_X64": setting, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False, env=env)
    assert done.stdout.split() == [dtype] * 4, done.stderr


DEVICES = """
import functools
import jax, jax.numpy as jnp, numpy as np, frechet as fr
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
devices = jax.devices()
assert len(devices) == 4
f = fr.jax.wrap(lambda x: np.sin(x) * x[0])
g = lambda x: jnp.sin(x) * x[0]
x = jax.device_put(jnp.arange(1.0, 9.0), devices[2])
assert f(x).devices() == jax.grad(lambda x: f(x).sum())(x).devices() == {devices[2]}
assert jax.jit(f)(x).devices() == {devices[2]}
spread = jax.device_put(np.arange(1.0, 9.0), NamedSharding(Mesh(np.array(devices), ("i",)), P("i")))
for transform in (lambda f: f, jax.jit):
    for h in (lambda f: f, lambda f: jax.grad(lambda x: jnp.sum(f(x) ** 2))):
        np.testing.assert_allclose(transform(h(f))(spread), h(g)(spread), rtol=1e-5)
if hasattr(jax, "shard_map"):
    from jax import shard_map
else:  # JAX 0.6.0
    from jax.experimental.shard_map import shard_map
mesh = Mesh(np.array(devices), ("i",))
over = functools.partial(shard_map, mesh=mesh, in_specs=P("i"), out_specs=P("i"))
pulled = lambda f: lambda x: jax.vjp(f, x)[1](x)[0]
pushed = lambda f: lambda x: jax.jvp(f, (x,), (x,))[1]
for transform in (lambda f: f, pulled, pushed):
    found = jax.jit(over(lambda x: transform(f)(x)))(spread)
    np.testing.assert_allclose(found, over(lambda x: transform(g)(x))(spread), rtol=1e-5)
print("done")
"""


def test_several_devices():
    """Results lie where arguments were put; what is spread over devices is put together for the function."""
    import os

    env = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", DEVICES], capture_output=True, text=True, check=False, env=env
    )
    assert done.stdout.strip() == "done", done.stderr
