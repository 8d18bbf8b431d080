"""Peak memory, beside PyTorch's: of a chain of elementwise operations on 100 MB, and of the pullback of expm.

Each contender runs in a process of its own (``python -m benchmarks.memory chain frechet``) that prints, as
JSON, the bytes by which its peak resident memory rose above what it held with packages loaded and the input
made.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.context import Context, build_if
from benchmarks.harness import Contender, Floor, Measured, Row, Target

SIZE = 12_500_000  # float64: 100 MB
REPEATS = 4
# sin needs its input, exp its result; the first input is the caller's. Then the gradient and one workspace.
ARRAYS_NEEDED = 2 * REPEATS - 1 + 2
ROWS_OF_EXPM = 1000


def chain(x: Any, xp: ModuleType) -> Any:
    """Twenty elementwise operations and a sum."""
    for _ in range(REPEATS):
        x = xp.sin(x)
        x = x * 1.1
        x = xp.exp(-x)
        x = x + 0.5
    return x.sum()


def build_chain(context: Context) -> Row:
    """A process each; what is compared is bytes."""
    return Row(
        work="peak memory, 20 elementwise operations on 100 MB, value and gradient",
        ours=Contender(
            "frechet", build_if(context.frechet, lambda _: lambda: _in_process("chain", "frechet"))
        ),
        others=[
            Contender("PyTorch", build_if(context.torch, lambda _: lambda: _in_process("chain", "torch")))
        ],
        # No higher than PyTorch's; the hundredth is for the interpreter's own small objects.
        targets=[Target(("PyTorch",), 1.01, "≤ 1.01")],
        floor=Floor(f"{ARRAYS_NEEDED} arrays of 100 MB that the rules need", amount=8 * SIZE * ARRAYS_NEEDED),
        tolerance=1e-12,
        why_tolerance="rounding, 2.2e-16, of sums over 1.25e7 numbers",
        unit="B",
        max_rounds=3,
    )


def build_expm(context: Context) -> Row:
    """Value and pullback of the exponential of one large matrix."""
    return Row(
        work=f"peak memory, expm, n = {ROWS_OF_EXPM}, value and pullback",
        ours=Contender(
            "frechet", build_if(context.frechet, lambda _: lambda: _in_process("expm", "frechet"))
        ),
        others=[
            Contender("PyTorch", build_if(context.torch, lambda _: lambda: _in_process("expm", "torch")))
        ],
        targets=[Target(("PyTorch",), 0.5, "≤ 0.5")],
        floor=Floor("the value and the gradient, 8 MB each", amount=2 * 8 * ROWS_OF_EXPM**2),
        tolerance=1e-11,
        why_tolerance="rounding, 2.2e-16, times n and the norm of the exponential",
        unit="B",
        max_rounds=3,
    )


def _in_process(work: str, contender: str) -> Measured:
    command = [sys.executable, "-m", "benchmarks.memory", work, contender]
    root = Path(__file__).parents[1]
    report = json.loads(subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout)
    return Measured(report["peak"], tuple(report["results"]))


def _chain_frechet(x: np.ndarray) -> Callable[[], tuple[Any, Any]]:
    import frechet as fr

    return lambda: fr.value_and_grad(lambda x: chain(x, np))(x)


def _chain_torch(x: np.ndarray) -> Callable[[], tuple[Any, Any]]:
    import torch

    t = torch.from_numpy(x).requires_grad_()

    def run() -> tuple[Any, Any]:
        y = chain(t, torch)
        (gradient,) = torch.autograd.grad(y, t)
        return y.item(), gradient.numpy()

    return run


def _expm_frechet(A: np.ndarray) -> Callable[[], tuple[Any, Any]]:
    import frechet as fr

    def run() -> tuple[Any, Any]:
        Y, pullback = fr.vjp(fr.linalg.expm, A)
        return np.linalg.norm(Y), pullback(A)[0]

    return run


def _expm_torch(A: np.ndarray) -> Callable[[], tuple[Any, Any]]:
    import torch

    t = torch.from_numpy(A).requires_grad_()

    def run() -> tuple[Any, Any]:
        Y = torch.linalg.matrix_exp(t)
        (gradient,) = torch.autograd.grad(Y, t, torch.from_numpy(A))
        return torch.linalg.norm(Y).item(), gradient.numpy()

    return run


WORKS = {
    ("chain", "frechet"): _chain_frechet,
    ("chain", "torch"): _chain_torch,
    ("expm", "frechet"): _expm_frechet,
    ("expm", "torch"): _expm_torch,
}


def _input(work: str, small: bool) -> np.ndarray:
    rng = np.random.default_rng(6)
    if work == "chain":
        return rng.random(3 if small else SIZE)
    n = 3 if small else ROWS_OF_EXPM
    return rng.standard_normal((n, n)) / np.sqrt(n)


def resident(field: str) -> int:
    """Bytes of resident memory, now (VmRSS) or at the peak since the last reset (VmHWM)."""
    status = Path("/proc/self/status")
    if not status.exists():
        raise RuntimeError("the memory row reads /proc/self/status, which only Linux has")
    line = next(line for line in status.read_text().splitlines() if line.startswith(field))
    return 1024 * int(line.split()[1])


def main(work: str, contender: str) -> None:
    """Measure one contender and print its peak and its results, the gradient as its sum and norm."""
    prepare = WORKS[work, contender]
    prepare(_input(work, small=True))()  # loads what is loaded lazily
    run = prepare(_input(work, small=False))
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    before = resident("VmRSS")
    value, gradient = run()
    peak = resident("VmHWM") - before
    results = [float(value), float(gradient.sum()), float(np.linalg.norm(gradient))]
    print(json.dumps({"peak": peak, "results": results}))


ROWS = {"memory": build_chain, "memory-expm": build_expm}

if __name__ == "__main__":
    main(*sys.argv[1:])
