"""Value and gradient of a chain of 2,000 scalar operations: what the engine itself costs per operation."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.context import Context, build_if
from benchmarks.harness import Contender, Floor, Row, Target

OPERATIONS = 2000
X = 0.7


def chain(x: Any, xp: ModuleType) -> Any:
    """Four operations, 500 times over; value and gradient stay of order one (the gradient is 0.999⁵⁰⁰)."""
    for _ in range(OPERATIONS // 4):
        x = xp.exp(x)
        x = 1.01 * x
        x = xp.log(x)
        x = x * 0.999
    return x


def build(context: Context) -> Row:
    """The same code on NumPy, PyTorch and autograd."""
    return Row(
        work=f"chain of {OPERATIONS:,} scalar operations, value and gradient (per operation)",
        ours=Contender("frechet", build_if(context.frechet, _frechet)),
        others=[
            Contender("PyTorch", build_if(context.torch, _torch)),
            Contender("autograd", build_if(context.autograd, _autograd)),
        ],
        targets=[Target(("PyTorch",), 0.5, "≤ 0.5"), Target(("autograd",), 0.2, "≤ 0.2")],
        floor=Floor("the value alone, in NumPy", lambda: chain(X, np)),
        tolerance=1e-9,
        why_tolerance="2,000 roundings of the last place, 2.2e-16 each, and as many factors in the gradient",
        count=OPERATIONS,
    )


def _frechet(fr: ModuleType) -> Callable[[], Any]:
    value_and_grad = fr.value_and_grad(lambda x: chain(x, np))
    return lambda: value_and_grad(X)


def _torch(torch: ModuleType) -> Callable[[], Any]:
    x = torch.tensor(X, dtype=torch.float64, requires_grad=True)

    def run() -> Any:
        y = chain(x, torch)
        return (y, *torch.autograd.grad(y, x))

    return run


def _autograd(autograd: ModuleType) -> Callable[[], Any]:
    import autograd.numpy as anp

    value_and_grad = autograd.value_and_grad(lambda x: chain(x, anp))
    return lambda: value_and_grad(X)


ROWS = {"scalar-chain": build}
