"""Frechet's functions on tensors: value and backward beside the NumPy interface, and beside PyTorch's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.context import Context, Run, build_if
from benchmarks.harness import Contender, Floor, Measured, Row, Target
from benchmarks.matrix_equations import _stable
from benchmarks.nufft_gradients import EPS, Pullback, match, ours, problem, pytorch_finufft, transform
from benchmarks.riccati import _problem

NUMPY = "NumPy interface"
WITHIN = Target((NUMPY,), 1.1, "≤ 1.1")
OVERHEAD, ALLOWED = 15e-6, "what is allowed"  # of a call, value and backward
BY_HAND = "a torch.autograd.Function by hand, over NumPy"


def tiny(x: Any) -> Any:
    """A function that takes no time."""
    return np.sin(x) * 2.0


def _by_numpy(f: Callable[..., Any], arrays: Sequence[np.ndarray], cotangent: np.ndarray) -> Any:
    import frechet as fr

    value, pullback = fr.vjp(f, *arrays)
    return value, pullback(cotangent)


def _by_tensors(torch: ModuleType, f: Callable[..., Any], arrays: Sequence[np.ndarray], w: np.ndarray) -> Run:
    tensors = [torch.from_numpy(a.copy()).requires_grad_() for a in arrays]
    cotangent = torch.from_numpy(w)

    def run() -> Any:
        value = f(*tensors)
        return value, torch.autograd.grad(value, tensors, cotangent)

    return run


def build_overhead(context: Context) -> Row:
    """What a call of three numbers costs more than through the NumPy interface, value and backward.

    The two are timed in turn, many times for a sample, and the least difference of a sample is taken: what
    else the machine does only adds.
    """
    import time

    x, w = np.array([0.5, 1.0, 2.0]), np.ones(3)

    def difference(run: Run, by_numpy: Run) -> Run:
        def measured() -> Measured:
            least = [np.inf, np.inf]
            for _ in range(30):
                for k, f in enumerate((run, by_numpy)):
                    start = time.perf_counter()
                    for _ in range(100):
                        f()
                    least[k] = min(least[k], (time.perf_counter() - start) / 100)
            return Measured(least[0] - least[1])

        return measured

    by_numpy = partial(_by_numpy, tiny, [x], w)
    ours = theirs = None
    if context.frechet is not None and context.torch is not None:
        torch, fr = context.torch, context.frechet
        ours = difference(_by_tensors(torch, fr.torch.wrap(tiny), [x], w), by_numpy)
        theirs = difference(_by_tensors(torch, _by_hand(torch), [x], w), partial(_hand, x, w))
    return Row(
        work="overhead of a wrapped call of 3 numbers, value and backward, over the NumPy interface",
        ours=Contender("frechet", ours),
        others=[Contender(BY_HAND, theirs), Contender(ALLOWED, lambda: Measured(OVERHEAD))],
        targets=[Target((ALLOWED,), 1.0, "less")],
        floor=Floor("that by hand, above"),
        tolerance=0.0,
        why_tolerance="nothing is compared",
        notes=["by hand: two lines of NumPy each way, which PyTorch calls; no such operator costs less"],
    )


def _hand(x: np.ndarray, w: np.ndarray) -> Any:
    return np.sin(x) * 2.0, w * np.cos(x) * 2.0


def _by_hand(torch: ModuleType) -> Callable[..., Any]:
    class Hand(torch.autograd.Function):  # type: ignore[name-defined,misc]  # of a module that may be missing
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return torch.from_numpy(np.sin(x.numpy(force=True)) * 2.0)

        @staticmethod
        def backward(ctx: Any, w: Any) -> Any:
            (x,) = ctx.saved_tensors
            return torch.from_numpy(w.numpy(force=True) * np.cos(x.numpy(force=True)) * 2.0)

    function: Callable[..., Any] = Hand.apply
    return function


def _row(work: str, context: Context, name: str, arrays: Sequence[np.ndarray], peer: Any = None) -> Row:
    """Value and backward of a function of fr.linalg."""
    n = len(arrays[0])
    w = np.random.default_rng(8).standard_normal((n, n))
    fr, torch = context.frechet, context.torch
    function = None if fr is None else getattr(fr.linalg, name)
    both = fr is not None and torch is not None
    others = [Contender(NUMPY, fr and partial(_by_numpy, function, arrays, w))]
    targets = [WITHIN]
    if peer is not None:
        others.append(Contender("PyTorch", build_if(torch, lambda t: _by_tensors(t, peer(t), arrays, w))))
        targets.append(Target(("PyTorch",), 1.0, "less"))
    return Row(
        work=f"{work} of tensors, n = {n}, value and backward",
        ours=Contender("frechet", _by_tensors(torch, function, arrays, w) if both else None),
        others=others,
        targets=targets,
        floor=Floor("the value alone", fr and (lambda: function(*arrays))),
        tolerance=1e-9,
        why_tolerance="rounding, 2.2e-16, times n and the condition of the function",
    )


def build_expm(context: Context, n: int = 200) -> Row:
    """The matrix exponential, beside torch.linalg.matrix_exp."""
    A = np.random.default_rng(4).standard_normal((n, n)) / np.sqrt(n)
    return _row("expm", context, "expm", [A], lambda torch: torch.linalg.matrix_exp)


def build_lyapunov(context: Context, n: int = 200) -> Row:
    """A X + X Aᵀ = Q."""
    rng = np.random.default_rng(5)
    Q = rng.standard_normal((n, n))
    return _row("Lyapunov equation", context, "solve_continuous_lyapunov", [_stable(n, rng), Q + Q.T])


def build_riccati(context: Context, n: int = 200) -> Row:
    """The stabilizing solution of the continuous equation."""
    return _row("Riccati equation", context, "solve_continuous_are", _problem(n, discrete=False))


def on_tensors(fr: ModuleType, q: Pullback, threads: int, eps: float) -> Run:
    """Value and backward of nufft1 or nufft2 of tensors."""
    import torch

    p, function = q.problem, transform(fr, q, threads, eps)
    points = torch.from_numpy(p.points.copy()).requires_grad_()
    data, w = torch.from_numpy(p.data).requires_grad_(), torch.from_numpy(q.w)

    def run() -> Any:
        value = function(points, data)
        by_points, by_data = torch.autograd.grad(value, (points, data), w)
        return value.detach().numpy(), by_data.numpy(), *by_points.numpy().T

    return run


def build_nufft(kind: int, d: int, context: Context) -> Row:
    """A nonuniform transform, beside pytorch-finufft at equal error."""
    q = Pullback(problem(kind, d, context))
    fr, threads = context.frechet, context.threads
    both = fr is not None and context.torch is not None
    makes: dict[str, Any] = {
        "frechet": partial(on_tensors, fr, q, threads) if both else None,
        NUMPY: partial(ours, fr, q, threads) if fr is not None else None,
        "pytorch-finufft": partial(pytorch_finufft, None, q, threads) if context.pytorch_finufft else None,
    }
    matched = match(
        EPS,
        {
            name: lambda e, make=make: q.error([np.asarray(r) for r in make(e)()])  # type: ignore[misc]  # a default binds it
            for name, make in makes.items()
            if make
        },
    )
    first, *others = [
        Contender(name, make and make(matched.tolerances.get(name, EPS))) for name, make in makes.items()
    ]
    return Row(
        work=f"{q.problem.name} of tensors, value and backward to everything, error ≤ {matched.allowed:.1e}",
        ours=first,
        others=others,
        targets=[WITHIN, Target(("pytorch-finufft",), 0.25, "≥ 4 ×")],
        floor=Floor("the NumPy interface, above"),
        tolerance=3 * max(matched.allowed, EPS),
        why_tolerance="the error of each, measured at a sample of the entries",
        notes=matched.notes,
    )


ROWS: dict[str, Callable[[Context], Row]] = {
    "pytorch-overhead": build_overhead,
    "pytorch-expm": build_expm,
    "pytorch-lyapunov": build_lyapunov,
    "pytorch-riccati": build_riccati,
    **{f"pytorch-nufft-{kind}-2d": partial(build_nufft, kind, 2) for kind in (1, 2)},
}
