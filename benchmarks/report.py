"""Outcomes as a table for the terminal and as JSON."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.context import PACKAGES
from benchmarks.harness import NOT_INSTALLED, Comparison, Outcome, Sample, geometric_means

TABLE_WIDTH = 132  # where the output is no terminal


def print_table(outcomes: Sequence[Outcome], machine: dict[str, str | int], console: Console) -> None:
    """One block per piece of work, one line per peer."""
    versions = ", ".join(f"{name} {machine[name]}" for name in PACKAGES)
    table = Table(
        title=f"Frechet beside its peers; ratio = ours / theirs, median of alternating runs; "
        f"threads: {machine['threads']}",
        caption=f"{machine['processor']}, {machine['cores']} cores, load before the run {machine['load']}; "
        f"Python {machine['python']}, {versions}. "
        "Compile time of JAX is excluded, but where its name says otherwise.",
    )
    table.add_column("work", min_width=22)
    table.add_column("ours", justify="right")
    table.add_column("floor", min_width=18)
    table.add_column("peer", no_wrap=True)
    for heading in ("theirs", "ratio", "target", "met"):
        table.add_column(heading, justify="right", no_wrap=True)
    for outcome in outcomes:
        _add_outcome(table, outcome)
    console.print(table)
    for mean, ratios in geometric_means(outcomes).items():
        value = statistics.geometric_mean(ratios)
        verdict = "[green]yes[/]" if value <= mean.limit else "[red]no[/]"
        console.print(
            f"{mean.family}, {len(ratios)} of them: geometric mean {value:.2f} of {mean.peer}'s, "
            f"from {min(ratios):.2f} to {max(ratios):.2f}; target ≤ {mean.limit}: {verdict}",
            highlight=False,
        )
    for outcome in outcomes:
        for problem in [*outcome.problems, *_wrong_number_of_cores(outcome, int(machine["threads"]))]:
            console.print(f"[red]{outcome.name}[/]: {problem}", highlight=False)


def _add_outcome(table: Table, outcome: Outcome) -> None:
    row = outcome.row
    ours = outcome.samples[row.ours.name]
    floor = row.floor.text
    if outcome.floor_amount is not None:
        floor = f"{amount_text(outcome.floor_amount / row.count, row.unit)}: {floor}"
    ours_text = _sample_text(outcome, ours)
    lines = [_comparison_cells(outcome, comparison) for comparison in outcome.comparisons]
    work = "\n".join([row.work, *(f"[dim]{note}[/]" for note in row.notes)])
    table.add_row(work, ours_text, floor, *("\n".join(column) for column in zip(*lines, strict=True)))
    table.add_section()


def _comparison_cells(outcome: Outcome, comparison: Comparison) -> tuple[str, str, str, str, str]:
    """The peer, its amount or why there is none, the ratio, the target, and whether it is met."""
    peer = outcome.samples.get(comparison.peer)  # None for "fastest of these"
    return (
        comparison.peer,
        _sample_text(outcome, peer) if peer else "",
        "" if comparison.median is None else f"{comparison.median:.2f}",
        comparison.target.wording if comparison.target else "",
        met_text(comparison),
    )


def _sample_text(outcome: Outcome, sample: Sample) -> str:
    """The amount, or in two words why there is none; what went wrong stands in full below the table."""
    if sample.median is not None:
        return amount_text(sample.median / outcome.row.count, outcome.row.unit)
    return NOT_INSTALLED if sample.problem == NOT_INSTALLED else "[red]failed[/]"


def met_text(comparison: Comparison) -> str:
    """Whether the target was met, in a word and a colour; empty where there is no target or no ratio."""
    return {None: "", True: "[green]yes[/]", False: "[red]no[/]"}[comparison.met]


def amount_text(amount: float, unit: str) -> str:
    """An amount with three figures and a fitting unit.

    Examples
    --------
    >>> amount_text(4.123e-5, "s"), amount_text(2.0, "s"), amount_text(9e8, "B")
    ('41.2 µs', '2.00 s', '900 MB')
    """
    scales = {
        "s": ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")),
        "B": ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B")),
    }[unit]
    scale, name = next((entry for entry in scales if abs(amount) >= entry[0]), scales[-1])
    figure = amount / scale
    return f"{figure:.{2 if figure < 10 else 1 if figure < 100 else 0}f} {name}"


def _wrong_number_of_cores(outcome: Outcome, threads: int) -> list[str]:
    """What makes figures doubtful: a contender on more cores than were given, a machine busy elsewhere."""
    cores = {who: sample.cores for who, sample in outcome.samples.items() if sample.cores is not None}
    remarks = [
        f"{who} kept {busy:.2f} cores busy, with {threads} thread{'s' * (threads > 1)} allowed"
        for who, busy in cores.items()
        if busy > threads + 0.15
    ]
    if cores and max(cores.values()) < 0.9:
        remarks.append(f"the machine was busy: nobody had more than {max(cores.values()):.2f} of a core")
    return remarks


def write_json(path: Path, outcomes: Sequence[Outcome], machine: dict[str, str | int]) -> None:
    """Everything that was measured, for later comparison."""
    rows = [
        {
            "name": outcome.name,
            "work": outcome.row.work,
            "unit": outcome.row.unit,
            "count": outcome.row.count,
            "notes": list(outcome.row.notes),
            "rounds": outcome.rounds,
            "floor": {"text": outcome.row.floor.text, "amount": outcome.floor_amount},
            "tolerance": {"relative": outcome.row.tolerance, "why": outcome.row.why_tolerance},
            "contenders": {
                who: {
                    "median": sample.median,
                    "amounts": sample.amounts,
                    "cores": sample.cores,
                    "difference": sample.difference,
                    "problem": sample.problem,
                }
                for who, sample in outcome.samples.items()
            },
            "comparisons": [
                {
                    "peer": comparison.peer,
                    "ratio": comparison.median,
                    "quartiles": comparison.quartiles,
                    "limit": comparison.target and comparison.target.limit,
                    "target": comparison.target and comparison.target.wording,
                    "met": comparison.met,
                }
                for comparison in outcome.comparisons
            ],
        }
        for outcome in outcomes
    ]
    means = [
        {
            "family": mean.family,
            "peer": mean.peer,
            "limit": mean.limit,
            "mean": statistics.geometric_mean(ratios),
        }
        for mean, ratios in geometric_means(outcomes).items()
    ]
    contents = {"machine": machine, "rows": rows, "means": means}
    path.write_text(json.dumps(contents, indent=1, ensure_ascii=False) + "\n")
