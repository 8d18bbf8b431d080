"""The matrix exponential: value and pullback, and the value alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.context import Context, build_if
from benchmarks.harness import Contender, Floor, Row, Target


def build_expm(n: int, context: Context) -> Row:
    """Y = e^A and its pullback at a random G."""
    import scipy.linalg

    rng = np.random.default_rng(4)
    A = rng.standard_normal((n, n)) / np.sqrt(n)  # eigenvalues in the unit disk
    G = rng.standard_normal((n, n))

    def frechet(fr: ModuleType) -> Callable[[], Any]:
        def run() -> Any:
            Y, pullback = fr.vjp(fr.linalg.expm, A)
            return Y, pullback(G)

        return run

    def torch(torch: ModuleType) -> Callable[[], Any]:
        a, g = torch.from_numpy(A).requires_grad_(), torch.from_numpy(G)

        def run() -> Any:
            Y = torch.linalg.matrix_exp(a)
            return Y, torch.autograd.grad(Y, a, g)

        return run

    def jax(jax: ModuleType) -> Callable[[], Any]:
        a, g = jax.numpy.asarray(A), jax.numpy.asarray(G)

        def value_and_pullback(a: Any, g: Any) -> Any:
            Y, pullback = jax.vjp(jax.scipy.linalg.expm, a)
            return Y, pullback(g)

        compiled = jax.jit(value_and_pullback)
        return lambda: jax.block_until_ready(compiled(a, g))

    def scipys() -> Any:
        Y, pulled = scipy.linalg.expm_frechet(A.T, G)  # the adjoint of the derivative at A is that at Aᵀ
        return Y.T, pulled

    return Row(
        work=f"expm, n = {n}, value and pullback",
        ours=Contender("frechet", build_if(context.frechet, frechet)),
        others=[
            Contender("our value", build_if(context.frechet, lambda fr: lambda: fr.linalg.expm(A))),
            Contender("PyTorch", build_if(context.torch, torch)),
            Contender("JAX, jit", build_if(context.jax, jax)),
            Contender("SciPy, expm_frechet", scipys),
        ],
        targets=[
            Target(("our value",), 3.0, "≤ 3"),
            Target(("PyTorch", "JAX, jit", "SciPy, expm_frechet"), 0.75, "≤ 0.75"),
        ],
        floor=Floor("the value alone, scipy.linalg.expm", lambda: scipy.linalg.expm(A)),
        tolerance=1e-11,
        why_tolerance="rounding, 2.2e-16, times n and the norm of the exponential",
    )


def build_value(n: int, context: Context) -> Row:
    """Y = e^A alone."""
    import scipy.linalg

    A = np.random.default_rng(4).standard_normal((n, n)) / np.sqrt(n)

    def torch(torch: ModuleType) -> Callable[[], Any]:
        a = torch.from_numpy(A)
        return lambda: torch.linalg.matrix_exp(a)

    def jax(jax: ModuleType) -> Callable[[], Any]:
        a, compiled = jax.numpy.asarray(A), jax.jit(jax.scipy.linalg.expm)
        return lambda: jax.block_until_ready(compiled(a))

    return Row(
        work=f"expm, n = {n}, the value alone",
        ours=Contender("frechet", build_if(context.frechet, lambda fr: lambda: fr.linalg.expm(A))),
        others=[
            Contender("PyTorch", build_if(context.torch, torch)),
            Contender("JAX, jit", build_if(context.jax, jax)),
            Contender("SciPy", lambda: scipy.linalg.expm(A)),
        ],
        targets=[Target(("PyTorch", "JAX, jit", "SciPy"), 1.1, "≤ 1.1")],
        floor=Floor("five products of matrices", lambda: [A @ A for _ in range(5)]),
        tolerance=1e-11,
        why_tolerance="rounding, 2.2e-16, times n and the norm of the exponential",
    )


ROWS = {
    **{f"expm-{n}": partial(build_expm, n) for n in (50, 200, 500)},
    **{f"expm-value-{n}": partial(build_value, n) for n in (50, 200, 500)},
}
