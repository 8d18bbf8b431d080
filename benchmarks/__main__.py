"""``python -m benchmarks [NAME ...] [--threads N] [--quick] [--list]``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.context import Context, describe_machine, set_threads

if TYPE_CHECKING:
    from benchmarks.harness import Row

RESULTS = Path(__file__).parent / "results"


def main() -> int:
    """Measure the rows asked for; 0 if all ran and all results agreed, whether targets were met or not."""
    parser = argparse.ArgumentParser("python -m benchmarks", description="Time Frechet beside its peers.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only rows whose name contains NAME")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads for all (default: 1)")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, no long rows, small sizes")
    parser.add_argument("--list", action="store_true", help="print the names of the rows and stop")
    options = parser.parse_args()
    if options.threads < 1:
        parser.error("--threads must be at least 1")

    set_threads(options.threads)  # before anything imports NumPy
    from benchmarks.rows import LONG, ROWS

    chosen = {
        name: build
        for name, build in ROWS.items()
        if not options.names or any(part in name for part in options.names)
        if not options.quick or name not in LONG or name in options.names
    }
    if not chosen:
        parser.error(f"no row is named like {' or '.join(options.names)}; there are {', '.join(ROWS)}")
    if options.list:
        print("\n".join(chosen))
        return 0
    stem = "-".join([*(options.names or ["all"]), f"threads-{options.threads}"])
    return _run(chosen, Context(options.threads, options.quick), stem)


def _run(chosen: dict[str, Callable[[Context], Row]], context: Context, stem: str) -> int:
    import numpy as np
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    from benchmarks import picture, report
    from benchmarks.harness import measure

    console = Console()
    if not console.is_terminal:
        console = Console(width=report.TABLE_WIDTH)
    machine = describe_machine(context)
    rng = np.random.default_rng(0)
    outcomes = []
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        rows_done = progress.add_task("rows", total=len(chosen))
        for name, build in chosen.items():
            bar = progress.add_task(name, total=None)

            def show(done: int, total: int, bar: TaskID = bar) -> None:
                progress.update(bar, completed=done, total=total)

            seconds, min_rounds = (1.0, 3) if context.quick else (8.0, 7)
            row = build(context)
            outcomes.append(
                measure(name, row, seconds=seconds, min_rounds=min_rounds, rng=rng, on_round=show)
            )
            progress.remove_task(bar)
            progress.advance(rows_done)

    report.print_table(outcomes, machine, console)
    RESULTS.mkdir(exist_ok=True)
    report.write_json(RESULTS / f"{stem}.json", outcomes, machine)
    written = [f"{stem}.json"]
    if picture.draw(RESULTS / f"{stem}.png", outcomes, machine):
        written.append(f"{stem}.png")
    console.print(f"written to benchmarks/results: {', '.join(written)}")
    return 1 if any(outcome.problems for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
