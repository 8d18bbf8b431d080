"""The main rows of the benchmark, timed against whichever peers are installed.

A short version of `make bench`, which measures more rows for longer (see `benchmarks/`). PyTorch, JAX and
autograd are compared if they can be imported; NumPy and SciPy code written by hand always is.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where the benchmarks are

from benchmarks.context import Context, describe_machine, set_threads

SECONDS = 35.0  # no further row is begun after this time
ROWS = (
    "inverse-example",
    "scalar-chain",
    "kalman",
    "inverse-jacobian",
    "expm-50",
    "expm-200",
    "lyapunov-200",
    "fourier-1024x1024",
    "import-statement",
)


def run(folder: Path) -> list:
    """Time the rows on one thread, print and draw the ratios; the check is that everybody's results agree."""
    import numpy as np
    from report import Check, console, print_checks, progress

    from benchmarks import picture
    from benchmarks.harness import measure
    from benchmarks.rows import ROWS as BUILD

    context = Context(threads=1, quick=True)
    rng = np.random.default_rng(0)
    outcomes = []
    start = time.perf_counter()
    with progress() as bar:
        task = bar.add_task("Timings", total=len(ROWS))
        for name in ROWS:
            bar.update(task, description=f"Timings: {name}")
            if time.perf_counter() - start < SECONDS:
                outcomes.append(measure(name, BUILD[name](context), seconds=0.5, min_rounds=3, rng=rng))
            bar.advance(task)

    machine = describe_machine(context)
    print_ratios(outcomes)
    left_out = ROWS[len(outcomes) :]
    if left_out:
        console.print(f"Left out, the time being up: {', '.join(left_out)}.\n")
    picture.draw(folder / "timings.png", outcomes, machine)
    problems = [f"{outcome.name}, {problem}" for outcome in outcomes for problem in outcome.problems]
    checks = [Check("Everybody's results agree with ours", "yes", "; ".join(problems) or "yes")]
    print_checks("Timings: check", checks)
    return checks


def print_ratios(outcomes: list) -> None:
    """Print, for every piece of work, our time, that of each peer, the ratio and what it is to be."""
    from report import print_table
    from rich.markup import escape

    from benchmarks.report import amount_text, met_text

    rows = []
    for outcome in outcomes:
        work = outcome.row

        def amount(name: str, outcome=outcome, work=work) -> str:
            median = outcome.samples[name].median if name in outcome.samples else None
            return "" if median is None else amount_text(median / work.count, work.unit)

        rows.append([f"[bold]{escape(work.work)}[/]", amount(work.ours.name), "", "", ""])
        rows += [
            [
                f"  beside {compared.peer}",
                "",
                amount(compared.peer) or compared.problem or "",
                "" if compared.median is None else f"{compared.median:.2f}",
                f"{compared.target.wording} {met_text(compared)}" if compared.target else "",
            ]
            for compared in outcome.comparisons
        ]
    headings = ["", "ours", "theirs", "ratio", "target"]
    print_table("Timings on one thread (ratio: ours / theirs)", headings, rows)


if __name__ == "__main__":
    set_threads(1)  # before NumPy is loaded
    from pictures import folder

    sys.exit(not all(check.passed for check in run(folder)))
