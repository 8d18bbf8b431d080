"""Value and pullback of the matrix exponential and of the continuous Lyapunov equation."""

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

    return Row(
        work=f"expm, n = {n}, value and pullback",
        ours=Contender("frechet", build_if(context.frechet, frechet)),
        others=[
            Contender("our value", build_if(context.frechet, lambda fr: lambda: fr.linalg.expm(A))),
            Contender("PyTorch", build_if(context.torch, torch)),
            Contender("JAX, jit", build_if(context.jax, jax)),
        ],
        targets=[
            Target(("our value",), 3.0, "≤ 3"),
            Target(("PyTorch",), 1.0, "ahead"),
            Target(("JAX, jit",), 1.0, "ahead"),
        ],
        floor=Floor("the value alone, scipy.linalg.expm", lambda: scipy.linalg.expm(A)),
        tolerance=1e-11,
        why_tolerance="rounding, 2.2e-16, times n and the norm of the exponential",
    )


def build_lyapunov(n: int, context: Context) -> Row:
    """A X + X Aᴴ = Q, and the pullback of X at a random G to (A, Q)."""
    import scipy.linalg

    solve = scipy.linalg.solve_continuous_lyapunov
    rng = np.random.default_rng(5)
    A = rng.standard_normal((n, n)) / np.sqrt(n) - 1.5 * np.eye(n)  # stable, well away from singular
    Q, G = rng.standard_normal((2, n, n))

    def frechet(fr: ModuleType) -> Callable[[], Any]:
        def run() -> Any:
            X, pullback = fr.vjp(fr.linalg.solve_continuous_lyapunov, A, Q)
            return X, pullback(G)

        return run

    def by_hand() -> Any:
        X = solve(A, Q)
        W = solve(A.T, G)  # Aᴴ W + W A = G, a second Schur form
        return X, -(W @ X.T + W.T @ X), W

    return Row(
        work=f"continuous Lyapunov, n = {n}, value and pullback",
        ours=Contender("frechet", build_if(context.frechet, frechet)),
        others=[
            Contender("SciPy's value", lambda: solve(A, Q)),
            Contender("SciPy by hand", by_hand),
        ],
        targets=[Target(("SciPy's value",), 1.2, "≤ 1.2")],
        floor=Floor("one real Schur form, 25n³ flops", lambda: scipy.linalg.schur(A)),
        tolerance=1e-9,
        why_tolerance="rounding, 2.2e-16, times n and the condition number of the equation, some 1e2",
    )


ROWS = {
    **{f"expm-{n}": partial(build_expm, n) for n in (50, 200, 500)},
    **{f"lyapunov-{n}": partial(build_lyapunov, n) for n in (200, 500)},
}
