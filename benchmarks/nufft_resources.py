"""Nonuniform Fourier transforms: stacks, small problems, memory, and how time grows with points and threads.

Memory and threads are measured in processes of their own, which print JSON:
``python -m benchmarks.nufft_resources memory frechet 1 2`` the bytes by which peak resident memory rose above
what it held with packages loaded and the input made, of type 1 in two dimensions;
``python -m benchmarks.nufft_resources threads 2 1`` the seconds of type 1 on two threads.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.context import THREAD_VARIABLES, Context, Run
from benchmarks.harness import Contender, Floor, Measured, Row, Target
from benchmarks.memory import resident
from benchmarks.nufft import (
    Problem,
    axes,
    ducc0,
    ducc0_planned,
    finufft,
    finufft_planned,
    floor_of,
    frechet,
    frechet_planned,
    shortly,
    with_plans,
)

EPS = 1e-6
COILS = 32
SECONDS_OF_SMALL = 100e-6


def build_stack(kind: int, context: Context) -> Row:
    """All coils of a magnetic resonance scanner see the same points."""
    problem = Problem(kind, (320, 320), 10**4 if context.quick else 10**5, single=True, stack=COILS)
    eps, threads = 1e-4, context.threads

    def one_at_a_time(fr: ModuleType) -> Run:
        options = {"eps": eps, "isign": problem.sign, "nthreads": threads}
        if kind == 1:
            return lambda: np.stack(
                [fr.nufft.nufft1(problem.points, c, problem.n_modes, **options) for c in problem.data]
            )
        return lambda: np.stack([fr.nufft.nufft2(problem.points, f, **options) for f in problem.data])

    fr = context.frechet
    return Row(
        work=f"{problem.name}, {COILS} transforms with the same points, eps {shortly(eps)}",
        ours=Contender("frechet", fr and frechet(fr, problem, threads, eps)),
        others=[
            Contender("one at a time", fr and one_at_a_time(fr)),
            Contender("ducc0, stacked", context.ducc0 and ducc0(context.ducc0, problem, threads, eps)),
            Contender(
                "finufft, stacked", context.finufft and finufft(context.finufft, problem, threads, eps)
            ),
        ],
        targets=[Target(("one at a time",), 1 / 1.5, "≥ 1.5 ×")],
        floor=floor_of(problem, context, eps, components=COILS),
        tolerance=10 * eps,
        why_tolerance="the tolerance of each",
        count=COILS,
    )


def build_small(kind: int, context: Context) -> Row:
    """What a call costs when there is little to do."""
    problem = Problem(kind, (32, 32), 1000)
    fr = with_plans(context)
    packages = {"ducc0": (context.ducc0, ducc0_planned), "finufft": (context.finufft, finufft_planned)}
    return Row(
        work=f"{problem.name}, eps {shortly(EPS)}, a planned execution",
        ours=Contender("frechet", fr and frechet_planned(fr, problem, context.threads, EPS)),
        others=[
            Contender(_SMALL, lambda: Measured(SECONDS_OF_SMALL)),
            *(
                Contender(name, package and make(package, problem, context.threads, EPS))
                for name, (package, make) in packages.items()
            ),
            Contender(
                "frechet, not planned",
                context.frechet and frechet(context.frechet, problem, context.threads, EPS),
            ),
        ],
        targets=[Target((_SMALL,), 1.0, "≤ 100 µs")],
        floor=floor_of(problem, context, EPS),
        tolerance=10 * EPS,
        why_tolerance="the tolerance of each",
    )


_SMALL = "the target itself"


# --- time in points and threads ----------------------------------------------------------------------------


def build_points(kind: int, context: Context) -> Row:
    """As many times the points must not take more than as many times the time."""
    largest = 10**6 if context.quick else 10**7
    n_modes = axes(10**4, 2)

    def made_for(count: int) -> Callable[[], Run | None]:
        problem = Problem(kind, n_modes, count)
        return context.frechet and frechet(context.frechet, problem, context.threads, EPS)

    def scaled(run: Run, times: int) -> Run:
        def measured() -> Measured:
            start = time.perf_counter()
            run()
            return Measured(times * (time.perf_counter() - start))

        return measured

    others = []
    for times in (10, 100):
        run = made_for(largest // times)
        others.append(Contender(f"{times} × {shortly(largest // times)} points", run and scaled(run, times)))
    problem = Problem(kind, n_modes, largest)
    return Row(
        work=f"{problem.name}, eps {shortly(EPS)}, linear in the points",
        ours=Contender("frechet", made_for(largest)),
        others=others,
        targets=[Target((others[0].name,), 1.1, "≤ 1.1")],
        floor=floor_of(problem, context, EPS),
        tolerance=math.inf,
        why_tolerance="other points, other results",
        count=largest,
    )


def build_threads(kind: int, context: Context) -> Row:
    """Two threads beside one, each in a process of its own; of a machine at rest."""
    here = context.frechet
    return Row(
        work=f"type {kind}, 1024² modes, 1e6 points, eps {shortly(EPS)}, two threads",
        ours=Contender("frechet", here and partial(_in_process, 2, "threads", 2, kind)),
        others=[Contender("one thread", here and partial(_in_process, 1, "threads", 1, kind))],
        targets=[Target(("one thread",), 1 / 1.8, "≥ 1.8 ×")],
        floor=Floor("half of one thread's time"),
        tolerance=1e-12,
        why_tolerance="rounding of sums in another order",
        max_rounds=5,
    )


def threads_main(threads: int, kind: int) -> tuple[float, list[float]]:
    """The least seconds of several calls, and the norm of the result."""
    import frechet as fr

    problem = Problem(kind, (1024, 1024), 10**6)
    run = frechet(fr, problem, threads, EPS)
    seconds = []
    for _ in range(6):
        start = time.perf_counter()
        result = run()
        seconds.append(time.perf_counter() - start)
    return min(seconds), [float(np.linalg.norm(result))]


# --- memory ------------------------------------------------------------------------------------------------


def _memory_problem(kind: int, d: int, small: bool) -> Problem:
    n_modes = (8 if small else {1: 10**6, 2: 1024, 3: 128}[d],) * d
    return Problem(kind, n_modes, 100 if small else 10**6)


def build_memory(kind: int, d: int, gradients: bool, context: Context) -> Row:
    """Peak resident memory of a transform beside finufft's, or with gradients beside without."""
    who, whom, limit = ("gradients", "frechet", 2.0) if gradients else ("frechet", "finufft", 1.2)
    there = context.frechet if gradients else context.finufft
    problem = _memory_problem(kind, d, False)
    results = math.prod(problem.n_modes) if kind == 1 else problem.count
    return Row(
        work=f"peak memory, {problem.name}, eps {shortly(EPS)}"
        + ", value and pullback to everything" * gradients,
        ours=Contender("frechet", context.frechet and partial(_in_process, 1, "memory", who, kind, d)),
        others=[
            Contender(
                "frechet, value alone" if gradients else whom,
                there and partial(_in_process, 1, "memory", whom, kind, d),
            )
        ],
        targets=[Target(("frechet, value alone" if gradients else whom,), limit, f"≤ {limit}")],
        floor=Floor("the result", amount=16 * results),
        tolerance=10 * EPS,
        why_tolerance="the tolerance of each, of the norm of the value",
        unit="B",
        max_rounds=2,
    )


def _memory_run(who: str, problem: Problem) -> Run:
    if who == "finufft":
        import finufft as fi

        return finufft(fi, problem, 1, EPS)
    import frechet as fr

    if who == "frechet":
        return frechet(fr, problem, 1, EPS)
    from benchmarks.nufft_gradients import Pullback, ours

    return ours(fr, Pullback(problem), 1, EPS)


def memory_main(who: str, kind: int, d: int) -> tuple[float, list[float]]:
    """The bytes by which the peak rose, and the norm of the value."""
    _memory_run(who, _memory_problem(kind, d, True))()  # loads what is loaded lazily
    problem = _memory_problem(kind, d, False)
    inputs = problem.points, problem.data, problem.columns if who == "finufft" else None
    run = _memory_run(who, problem)
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    before = resident("VmRSS")
    result = run()
    peak = resident("VmHWM") - before
    del inputs
    return peak, [float(np.linalg.norm(result[0] if who == "gradients" else result))]


def _in_process(threads: int, *arguments: Any) -> Measured:
    command = [sys.executable, "-m", "benchmarks.nufft_resources", *map(str, arguments)]
    root = Path(__file__).parents[1]
    environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-500:])
    report = json.loads(done.stdout)
    return Measured(report["amount"], tuple(report["results"]))


def main(what: str, who: str, *numbers: str) -> None:
    """Measure in this process, and print the amount and the results."""
    if what == "threads":
        amount, results = threads_main(int(who), *map(int, numbers))
    else:
        amount, results = memory_main(who, *map(int, numbers))
    print(json.dumps({"amount": amount, "results": results}))


ROWS = {
    "nufft-stack-1": partial(build_stack, 1),
    "nufft-stack-2": partial(build_stack, 2),
    "nufft-small-1": partial(build_small, 1),
    "nufft-small-2": partial(build_small, 2),
    "nufft-scaling-points-1": partial(build_points, 1),
    "nufft-scaling-points-2": partial(build_points, 2),
    "nufft-scaling-threads-1": partial(build_threads, 1),
    "nufft-scaling-threads-2": partial(build_threads, 2),
    **{
        f"nufft-memory-{kind}-{d}d": partial(build_memory, kind, d, False)
        for kind in (1, 2)
        for d in (1, 2, 3)
    },
    **{
        f"nufft-memory-gradient-{kind}-{d}d": partial(build_memory, kind, d, True)
        for kind in (1, 2)
        for d in (1, 2, 3)
    },
}

if __name__ == "__main__":
    main(*sys.argv[1:])
