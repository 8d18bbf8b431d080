"""What the examples print with: tables, and checks of what came out against what should.

A `Check` holds a claim, the value expected, the value obtained, and the tolerance between them. Numbers are
compared relative to the largest expected one (or to 1, if that is larger); texts have to be equal.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

WIDTH = 100  # of the page, in characters
COLUMN = 20  # of an expected or obtained value

console = Console(highlight=False)
console.width = min(console.width, WIDTH) if console.is_terminal else WIDTH


@dataclass(frozen=True)
class Check:
    """Something that should come out, and what did."""

    claim: str
    expected: Any
    obtained: Any
    tolerance: float = 0.0
    at_most: bool = False  # the expected value is a bound from above

    @property
    def difference(self) -> float:
        """The largest difference between expected and obtained; infinite if they cannot be compared."""
        if isinstance(self.expected, str):
            return 0.0 if self.expected == self.obtained else np.inf
        expected, obtained = np.asarray(self.expected), np.asarray(self.obtained)
        if expected.shape != obtained.shape:
            return np.inf
        excess = np.maximum(obtained - expected, 0.0) if self.at_most else np.abs(obtained - expected)
        return float(np.max(excess) / max(1.0, np.max(np.abs(expected))))

    @property
    def passed(self) -> bool:
        """Whether the difference is within the tolerance (never, if it is nan)."""
        return self.difference <= self.tolerance


def show(value: Any) -> str:
    """Write a number, an array or a text for a table; of an array, as many elements as fit into a column."""
    if isinstance(value, str):
        return value
    array = np.asarray(value)
    if array.ndim == 0:
        return f"{array:.10g}"
    form = ".5g" if np.isrealobj(array) else ".3g"
    elements = [f"{element:{form}}" for element in np.round(array.ravel()[:COLUMN], 10) + 0.0]  # no −0
    text = "[" + ", ".join(elements) + "]"
    while len(text) > COLUMN and len(elements) > 1:
        elements.pop()
        text = "[" + ", ".join(elements) + ", …]"
    return text


def new_table(title: str, **options: Any) -> Table:
    """Make a table in the style of all."""
    return Table(title=title, title_style="bold", title_justify="left", box=box.SIMPLE_HEAD, **options)


def print_checks(title: str, checks: Iterable[Check]) -> None:
    """Print a table of checks with their verdicts."""
    table = new_table(title, width=console.width)
    table.add_column("Check", ratio=1)
    table.add_column("Expected", justify="right", width=COLUMN)
    table.add_column("Obtained", justify="right", width=COLUMN)
    table.add_column("Off by", justify="right")
    table.add_column("")
    for check in checks:
        expected = ("≤ " if check.at_most else "") + show(check.expected)
        off = f"{check.difference:.0e}" if check.difference else "0"
        verdict = "[green]✓[/]" if check.passed else "[bold red]✗[/]"
        table.add_row(escape(check.claim), escape(expected), escape(show(check.obtained)), off, verdict)
    console.print(table)


def print_table(title: str, columns: list[str], rows: Iterable[list[str]]) -> None:
    """Print a table: names in the first column, figures in the others."""
    table = new_table(title)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=number > 0)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def plus_minus(value: float, error: float) -> str:
    """Write an estimate and its standard error, both to two digits of the error."""
    digits = int(np.clip(1 - np.floor(np.log10(error)), 0, 8)) if error > 0 else 4
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def progress() -> Progress:
    """A progress bar for long work, to be used as a context manager; it vanishes when done."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    return Progress(*columns, console=console, transient=True)
