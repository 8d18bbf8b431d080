"""Value and pullback of the Cholesky and QR factorizations."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.context import Context, build_if
from benchmarks.harness import Contender, Floor, Row, Target

TARGETS = [Target(("PyTorch",), 1.0, "ahead"), Target(("JAX, jit",), 1.0, "ahead")]


def build_cholesky(n: int, context: Context) -> Row:
    """A = L Lᴴ and its pullback at a random G, through fr.linalg.cholesky and through np.linalg.cholesky."""
    import scipy.linalg

    rng = np.random.default_rng(6)
    B, G = rng.standard_normal((2, n, n))
    A = B @ B.T / n + np.eye(n)  # of condition 5

    def frechet(fr: ModuleType, *, through_numpy: bool) -> Callable[[], Any]:
        def ours(A: Any) -> Any:
            return fr.linalg.cholesky(A, lower=True)

        function = np.linalg.cholesky if through_numpy else ours

        def run() -> Any:
            L, pullback = fr.vjp(function, A)
            return L, pullback(G)

        return run

    def torch(torch: ModuleType) -> Callable[[], Any]:
        a, g = torch.from_numpy(A).requires_grad_(), torch.from_numpy(G)

        def run() -> Any:
            L = torch.linalg.cholesky(a)
            return L, torch.autograd.grad(L, a, g)

        return run

    def jax(jax: ModuleType) -> Callable[[], Any]:
        a, g = jax.numpy.asarray(A), jax.numpy.asarray(G)

        def value_and_pullback(a: Any, g: Any) -> Any:
            L, pullback = jax.vjp(jax.numpy.linalg.cholesky, a)
            return L, pullback(g)

        compiled = jax.jit(value_and_pullback)
        return lambda: jax.block_until_ready(compiled(a, g))

    return Row(
        work=f"cholesky, n = {n}, value and pullback",
        ours=Contender("frechet", build_if(context.frechet, partial(frechet, through_numpy=False))),
        others=[
            Contender("np.linalg.cholesky", build_if(context.frechet, partial(frechet, through_numpy=True))),
            Contender("PyTorch", build_if(context.torch, torch)),
            Contender("JAX, jit", build_if(context.jax, jax)),
        ],
        targets=TARGETS,
        floor=Floor("the value alone, scipy.linalg.cholesky", lambda: scipy.linalg.cholesky(A, lower=True)),
        tolerance=1e-11,
        why_tolerance="rounding, 2.2e-16, times n and the condition of the matrix",
    )


def build_qr(n: int, context: Context) -> Row:
    """A = Q R and its pullback at random cotangents of both factors."""
    import scipy.linalg

    rng = np.random.default_rng(7)
    A = rng.standard_normal((n, n)) / np.sqrt(n) + np.eye(n) * 2  # of condition 10
    GQ, GR = rng.standard_normal((2, n, n))
    GR = np.triu(GR)

    def frechet(fr: ModuleType) -> Callable[[], Any]:
        def function(A: Any) -> Any:
            return fr.linalg.qr(A, mode="economic")

        def run() -> Any:
            factors, pullback = fr.vjp(function, A)
            return factors, pullback((GQ, GR))

        return run

    def torch(torch: ModuleType) -> Callable[[], Any]:
        a = torch.from_numpy(A).requires_grad_()
        gq, gr = torch.from_numpy(GQ), torch.from_numpy(GR)

        def run() -> Any:
            Q, R = torch.linalg.qr(a)
            return (Q, R), torch.autograd.grad((Q, R), a, (gq, gr))

        return run

    def jax(jax: ModuleType) -> Callable[[], Any]:
        a, gq, gr = (jax.numpy.asarray(x) for x in (A, GQ, GR))

        def value_and_pullback(a: Any, gq: Any, gr: Any) -> Any:
            factors, pullback = jax.vjp(lambda a: tuple(jax.numpy.linalg.qr(a)), a)
            return factors, pullback((gq, gr))

        compiled = jax.jit(value_and_pullback)
        return lambda: jax.block_until_ready(compiled(a, gq, gr))

    return Row(
        work=f"qr, n = {n}, value and pullback",
        ours=Contender("frechet", build_if(context.frechet, frechet)),
        others=[
            Contender("PyTorch", build_if(context.torch, torch)),
            Contender("JAX, jit", build_if(context.jax, jax)),
        ],
        targets=TARGETS,
        floor=Floor("the value alone, scipy.linalg.qr", lambda: scipy.linalg.qr(A)),
        tolerance=1e-10,
        why_tolerance="rounding, 2.2e-16, times n and the condition of the matrix",
    )


ROWS = {
    **{f"cholesky-{n}": partial(build_cholesky, n) for n in (50, 500)},
    **{f"qr-{n}": partial(build_qr, n) for n in (50, 500)},
}
