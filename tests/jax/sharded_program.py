"""A program for several devices, in one process or two: sharded transforms beside those of one device.

Run as: sharded_program.py [process count, process number, port].  Prints "right" at its end.
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from frechet import nufft
from frechet.jax import _compiled_nufft, sharded


def on(mesh, array, *spec):
    """The array, each device with its part."""
    sharding = NamedSharding(mesh, PartitionSpec(*spec))
    return jax.make_array_from_callback(array.shape, sharding, lambda part: array[part])


def compare(what, got, expected, sharding=None):
    """Each part that this process has; rounding differs by the order of sums."""
    if sharding is not None:
        assert got.sharding.is_equivalent_to(sharding, got.ndim), (what, got.sharding)
    expected = np.asarray(expected)
    for shard in got.addressable_shards:
        error = np.max(np.abs(np.asarray(shard.data) - expected[shard.index]))
        assert error <= 1e-12 * np.max(np.abs(expected)), (what, error)


def main():
    jax.config.update("jax_enable_x64", True)
    if len(sys.argv) > 1:
        count, number, port = map(int, sys.argv[1:])
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        jax.distributed.initialize(f"localhost:{port}", count, number)

    devices = np.array(jax.devices())
    rng = np.random.default_rng(0)
    modes = (9, 12)
    x = rng.uniform(-np.pi, np.pi, (len(devices) * 20, 2))
    c = rng.normal(size=(4, len(x))) + 1j * rng.normal(size=(4, len(x)))
    f = rng.normal(size=(4, *modes)) + 1j * rng.normal(size=(4, *modes))
    w = rng.normal(size=(4, *modes))

    meshes = [(Mesh(devices, ("points",)), None)]
    if len(devices) % 4 == 0:
        meshes.append((Mesh(devices.reshape(-1, 4), ("points", "stack")), "stack"))
    for mesh, stack in meshes:
        axes = {"mesh": mesh, "points_axis": "points", "stack_axis": stack, "eps": 1e-11}
        X, C, F = on(mesh, x, "points"), on(mesh, c, stack, "points"), on(mesh, f, stack)
        W = on(mesh, w, stack)

        type1 = jax.jit(lambda x, c: sharded.nufft1(x, c, modes, **axes))  # noqa: B023  # within this round
        type2 = jax.jit(lambda x, f: sharded.nufft2(x, f, **axes))  # noqa: B023  # within this round
        where = NamedSharding(mesh, PartitionSpec(stack))
        compare("type 1", type1(X, C), nufft.nufft1(x, c, modes, eps=1e-11), where)
        where = NamedSharding(mesh, PartitionSpec(stack, "points"))
        compare("type 2", type2(X, F), nufft.nufft2(x, f, eps=1e-11), where)

        def power1(x, c, w, transform):
            return jnp.sum(w * jnp.abs(transform(x, c)) ** 2)

        def power2(x, f, transform):
            return jnp.sum(jnp.abs(transform(x, f)) ** 2 * jnp.cos(x[:, 0]))

        def plain1(x, c):
            return _compiled_nufft.nufft1(x, c, modes, eps=1e-11)

        def plain2(x, f):
            return _compiled_nufft.nufft2(x, f, eps=1e-11)

        got = jax.jit(jax.grad(lambda x, c, w: power1(x, c, w, type1), argnums=(0, 1)))(X, C, W)  # noqa: B023  # within this round
        expected = jax.grad(lambda x, c: power1(x, c, w, plain1), argnums=(0, 1))(x, c)
        for k in range(2):
            compare(f"gradient {k} of type 1", got[k], expected[k])
        got = jax.jit(jax.grad(lambda x, f: power2(x, f, type2), argnums=(0, 1)))(X, F)  # noqa: B023  # within this round
        expected = jax.grad(lambda x, f: power2(x, f, plain2), argnums=(0, 1))(x, f)
        for k in range(2):
            compare(f"gradient {k} of type 2", got[k], expected[k])

        def along(x, v, w, transform):  # a Hessian-vector product
            return jax.jvp(jax.grad(lambda x: power1(x, c, w, transform)), (x,), (v,))[1]

        def along_sharded(x, c, v, w):
            gradient = jax.grad(lambda x: power1(x, c, w, type1))  # noqa: B023  # within this round
            return jax.jvp(gradient, (x,), (v,))[1]

        V = on(mesh, np.sin(x), "points")
        compare("second derivative", jax.jit(along_sharded)(X, C, V, W), along(x, np.sin(x), w, plain1))
    print("right")


if __name__ == "__main__":
    main()
