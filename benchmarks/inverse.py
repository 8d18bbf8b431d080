"""Matrix inverses at n = 40: the gradient of an entry of C (A + xB)⁻¹, and the whole Jacobian of inv."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.context import Context, build_if
from benchmarks.harness import Contender, Floor, Row, Target

N = 40
X = 1.3
TOLERANCE = 1e-9
WHY_TOLERANCE = "rounding, 2.2e-16, times the square of the condition number of a random matrix, some 1e3"


def _matrices() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.standard_normal((N, N)), rng.standard_normal((N, N)), rng.standard_normal((N, N))


def build_example(context: Context) -> Row:
    """F(x) = (C @ inv(A + x*B))[-1, -1], value and gradient."""
    A, B, C = _matrices()

    def f(x: Any) -> Any:
        return (C @ np.linalg.inv(A + x * B))[-1, -1]

    def by_hand() -> tuple[Any, Any]:
        Y = np.linalg.inv(A + X * B)
        return (C @ Y)[-1, -1], (C @ (-Y @ B @ Y))[-1, -1]

    def frechet(fr: ModuleType) -> Callable[[], Any]:
        value_and_grad = fr.value_and_grad(f)
        return lambda: value_and_grad(X)

    def torch(torch: ModuleType) -> Callable[[], Any]:
        a, b, c = (torch.from_numpy(M) for M in (A, B, C))
        x = torch.tensor(X, dtype=torch.float64, requires_grad=True)

        def run() -> Any:
            y = (c @ torch.linalg.inv(a + x * b))[-1, -1]
            return (y, *torch.autograd.grad(y, x))

        return run

    def autograd(autograd: ModuleType) -> Callable[[], Any]:
        import autograd.numpy as anp

        value_and_grad = autograd.value_and_grad(lambda x: anp.dot(C, anp.linalg.inv(A + x * B))[-1, -1])
        return lambda: value_and_grad(X)

    def jax(compile_it: bool) -> Callable[[ModuleType], Callable[[], Any]]:
        def build(jax: ModuleType) -> Callable[[], Any]:
            a, b, c = (jax.numpy.asarray(M) for M in (A, B, C))
            value_and_grad = jax.value_and_grad(lambda x: (c @ jax.numpy.linalg.inv(a + x * b))[-1, -1])
            if compile_it:
                value_and_grad = jax.jit(value_and_grad)
            return lambda: jax.block_until_ready(value_and_grad(X))

        return build

    M = A + X * B
    return Row(
        work=f"(C @ inv(A + x*B))[-1, -1], n = {N}, value and gradient",
        ours=Contender("frechet", build_if(context.frechet, frechet)),
        others=[
            Contender("by hand, NumPy", by_hand),
            Contender("PyTorch", build_if(context.torch, torch)),
            Contender("autograd", build_if(context.autograd, autograd)),
            Contender("JAX, eager", build_if(context.jax, jax(compile_it=False))),
            Contender("JAX, jit", build_if(context.jax, jax(compile_it=True))),
        ],
        targets=[
            Target(("by hand, NumPy",), 1.5, "≤ 1.5"),
            Target(("PyTorch",), 1.0, "ahead"),
            Target(("autograd",), 1.0, "ahead"),
            Target(("JAX, eager",), 1.0, "ahead"),
            Target(("JAX, jit",), 1.1, "level: ≤ 1.1"),
        ],
        floor=Floor("one inverse, 2n³ flops, NumPy", lambda: np.linalg.inv(M)),
        tolerance=TOLERANCE,
        why_tolerance=WHY_TOLERANCE,
    )


def build_jacobian(context: Context) -> Row:
    """The n² × n² Jacobian of np.linalg.inv; by rows it is −Y ⊗ Yᵀ with Y = A⁻¹."""
    A = _matrices()[0]
    Y = np.linalg.inv(A)

    def frechet(fr: ModuleType) -> Callable[[], Any]:
        jacobian = fr.jacobian(np.linalg.inv)
        return lambda: jacobian(A)

    def torch(torch: ModuleType) -> Callable[[], Any]:
        a = torch.from_numpy(A)
        jacobian = torch.func.jacrev(torch.linalg.inv)
        return lambda: jacobian(a)

    def jax(jax: ModuleType) -> Callable[[], Any]:
        a = jax.numpy.asarray(A)
        jacobian = jax.jit(jax.jacrev(jax.numpy.linalg.inv))
        return lambda: jax.block_until_ready(jacobian(a))

    return Row(
        work=f"jacobian of np.linalg.inv, n = {N}",
        ours=Contender("frechet", build_if(context.frechet, frechet)),
        others=[
            # The two factors are given to it: this contender inverts nothing.
            Contender("np.kron alone", lambda: np.kron(-Y, Y.T).reshape(N, N, N, N)),
            Contender("PyTorch, jacrev", build_if(context.torch, torch)),
            Contender("JAX, jacrev, jit", build_if(context.jax, jax)),
        ],
        targets=[
            Target(("np.kron alone",), 1.2, "≤ 1.2"),
            Target(("PyTorch, jacrev",), 1.0, "ahead"),
            Target(("JAX, jacrev, jit",), 1.0, "ahead"),
        ],
        floor=Floor(f"writing the {8e-6 * N**4:.1f} MB of the result", lambda: np.full((N, N, N, N), 1.0)),
        tolerance=TOLERANCE,
        why_tolerance=WHY_TOLERANCE,
    )


ROWS = {"inverse-example": build_example, "inverse-jacobian": build_jacobian}
