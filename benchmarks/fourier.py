"""Value and gradient of Σ|fftn(x)|² for real x: a transform forward and one back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.context import Context, build_if
from benchmarks.harness import Contender, Floor, Row, Target

SHAPES = {"2²⁰": (2**20,), "1024²": (1024, 1024), "128³": (128, 128, 128)}
PEERS = ("PyTorch", "autograd", "JAX, jit")


def build(size: str, context: Context) -> Row:
    """Everybody runs the same expression with their own fftn; threads are equal (see --threads)."""
    import scipy.fft

    shape = SHAPES[size]
    x = np.random.default_rng(2).standard_normal(shape)

    def frechet(fr: ModuleType) -> Callable[[], Any]:
        value_and_grad = fr.value_and_grad(lambda x: np.sum(np.abs(np.fft.fftn(x)) ** 2))

        def run() -> Any:
            with scipy.fft.set_workers(context.threads):
                return value_and_grad(x)

        return run

    def torch(torch: ModuleType) -> Callable[[], Any]:
        t = torch.from_numpy(x).requires_grad_()

        def run() -> Any:
            y = torch.sum(torch.abs(torch.fft.fftn(t)) ** 2)
            return (y, *torch.autograd.grad(y, t))

        return run

    def autograd(autograd: ModuleType) -> Callable[[], Any]:
        import autograd.numpy as anp

        value_and_grad = autograd.value_and_grad(lambda x: anp.sum(anp.abs(anp.fft.fftn(x)) ** 2))
        return lambda: value_and_grad(x)

    def jax(jax: ModuleType) -> Callable[[], Any]:
        jnp = jax.numpy
        a = jnp.asarray(x)
        value_and_grad = jax.jit(jax.value_and_grad(lambda x: jnp.sum(jnp.abs(jnp.fft.fftn(x)) ** 2)))
        return lambda: jax.block_until_ready(value_and_grad(a))

    def floor() -> Any:
        half = scipy.fft.rfftn(x, workers=context.threads)
        return scipy.fft.irfftn(half, s=shape, workers=context.threads, overwrite_x=True)

    return Row(
        work=f"Σ|fftn(x)|², real x, {size}, value and gradient",
        ours=Contender("frechet", build_if(context.frechet, frechet)),
        others=[
            Contender("PyTorch", build_if(context.torch, torch)),
            Contender("autograd", build_if(context.autograd, autograd)),
            Contender("JAX, jit", build_if(context.jax, jax)),
        ],
        targets=[
            *(Target((peer,), 1.0, "ahead") for peer in PEERS),
            Target(PEERS, 0.7, "aim ≤ 0.7"),
        ],
        floor=Floor("rfftn and irfftn, scipy.fft", floor),
        tolerance=1e-12,
        why_tolerance="rounding, 2.2e-16, of two transforms with log₂ N stages",
    )


ROWS = {f"fourier-{'x'.join(map(str, shape))}": partial(build, size) for size, shape in SHAPES.items()}
