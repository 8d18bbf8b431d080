"""Value and pullback of the symmetric eigenvalue problem and of the singular value decomposition.

The cotangents do not depend on the signs of the vectors, which the contenders choose differently: they are
those of Σ g λ + Σ (W ∘ V²), so V̄ = 2 W ∘ V.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.context import Context, build_if
from benchmarks.harness import Contender, Floor, Row, Target


def build_eigh(n: int, context: Context) -> Row:
    """(λ, V) of a symmetric matrix, and the pullback of (g, 2 W ∘ V)."""
    rng = np.random.default_rng(6)
    X = rng.standard_normal((n, n))
    A = (X + X.T) / np.sqrt(2 * n)
    W, g = rng.standard_normal((n, n)), rng.standard_normal(n)

    def frechet(fr: ModuleType) -> Callable[[], Any]:
        def run() -> Any:
            (w, V), pullback = fr.vjp(fr.linalg.eigh, A)
            return w, V * V, pullback((g, 2 * W * V))[0]

        return run

    def eigh_alone(fr: ModuleType) -> Callable[[], Any]:
        def run() -> Any:
            w, V = fr.linalg.eigh(A)
            return w, V * V

        return run

    def torch(torch: ModuleType) -> Callable[[], Any]:
        a, weight, h = torch.from_numpy(A).requires_grad_(), torch.from_numpy(W), torch.from_numpy(g)

        def run() -> Any:
            w, V = torch.linalg.eigh(a)
            (G,) = torch.autograd.grad((w, V), a, (h, 2 * weight * V.detach()))
            return w.detach(), (V * V).detach(), (G + G.T) / 2

        return run

    def jax(jax: ModuleType) -> Callable[[], Any]:
        a, weight, h = (jax.numpy.asarray(x) for x in (A, W, g))

        def value_and_pullback(a: Any, weight: Any, h: Any) -> Any:
            (w, V), pullback = jax.vjp(lambda a: tuple(jax.numpy.linalg.eigh(a)), a)
            return w, V * V, pullback((h, 2 * weight * V))[0]

        compiled = jax.jit(value_and_pullback)
        return lambda: jax.block_until_ready(compiled(a, weight, h))

    return Row(
        work=f"eigh, n = {n}, value and pullback",
        ours=Contender("frechet", build_if(context.frechet, frechet)),
        others=[
            Contender("our value", build_if(context.frechet, eigh_alone)),
            Contender("PyTorch", build_if(context.torch, torch)),
            Contender("JAX, jit", build_if(context.jax, jax)),
        ],
        targets=[Target(("PyTorch",), 1.0, "ahead"), Target(("JAX, jit",), 1.0, "ahead")],
        floor=Floor("the value alone, np.linalg.eigh", lambda: np.linalg.eigh(A)),
        tolerance=1e-8,
        why_tolerance="rounding, 2.2e-16, over the smallest gap of eigenvalues, some 1e-3/n, times n",
    )


def build_svd(n: int, context: Context) -> Row:
    """(U, s, Vᴴ) of a square matrix, and the pullback of (2 W ∘ U, g, 2 Z ∘ Vᴴ)."""
    rng = np.random.default_rng(7)
    A, W, Z = rng.standard_normal((3, n, n)) / np.sqrt(n)
    g = rng.standard_normal(n)

    def frechet(fr: ModuleType) -> Callable[[], Any]:
        def run() -> Any:
            (U, s, Vh), pullback = fr.vjp(fr.linalg.svd, A)
            return s, U * U, Vh * Vh, pullback((2 * W * U, g, 2 * Z * Vh))[0]

        return run

    def svd_alone(fr: ModuleType) -> Callable[[], Any]:
        def run() -> Any:
            U, s, Vh = fr.linalg.svd(A)
            return s, U * U, Vh * Vh

        return run

    def torch(torch: ModuleType) -> Callable[[], Any]:
        a = torch.from_numpy(A).requires_grad_()
        for_U, h, for_V = (torch.from_numpy(x) for x in (W, g, Z))

        def run() -> Any:
            U, s, Vh = torch.linalg.svd(a, full_matrices=False)
            cotangents = (2 * for_U * U.detach(), h, 2 * for_V * Vh.detach())
            (G,) = torch.autograd.grad((U, s, Vh), a, cotangents)
            return s.detach(), (U * U).detach(), (Vh * Vh).detach(), G

        return run

    def jax(jax: ModuleType) -> Callable[[], Any]:
        arguments = [jax.numpy.asarray(x) for x in (A, W, g, Z)]

        def value_and_pullback(a: Any, for_U: Any, h: Any, for_V: Any) -> Any:
            decompose = partial(jax.numpy.linalg.svd, full_matrices=False)
            (U, s, Vh), pullback = jax.vjp(lambda a: tuple(decompose(a)), a)
            return s, U * U, Vh * Vh, pullback((2 * for_U * U, h, 2 * for_V * Vh))[0]

        compiled = jax.jit(value_and_pullback)
        return lambda: jax.block_until_ready(compiled(*arguments))

    return Row(
        work=f"svd, n = {n}, value and pullback",
        ours=Contender("frechet", build_if(context.frechet, frechet)),
        others=[
            Contender("our value", build_if(context.frechet, svd_alone)),
            Contender("PyTorch", build_if(context.torch, torch)),
            Contender("JAX, jit", build_if(context.jax, jax)),
        ],
        targets=[Target(("PyTorch",), 1.0, "ahead"), Target(("JAX, jit",), 1.0, "ahead")],
        floor=Floor("the value alone, np.linalg.svd", lambda: np.linalg.svd(A)),
        tolerance=1e-7,
        why_tolerance="rounding, 2.2e-16, over the smallest gap and the smallest singular value, some 1e-3/n",
    )


ROWS = {
    **{f"eigh-{n}": partial(build_eigh, n) for n in (50, 500)},
    **{f"svd-{n}": partial(build_svd, n) for n in (50, 500)},
}
