"""What benchmarks say of amounts that are known, and how errors of nonuniform transforms are measured."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from rich.console import Console

from benchmarks import __main__ as command
from benchmarks import report, rows
from benchmarks.context import PACKAGES, Context
from benchmarks.harness import Contender, Floor, Mean, Measured, Row, Target, measure
from benchmarks.nufft import Problem, frechet
from benchmarks.nufft_gradients import Pullback, ours, transforms_counted


def measured(name, mine, theirs):
    row = Row(
        work=name,
        ours=Contender("frechet", lambda: Measured(mine)),
        others=[Contender("NumPy", lambda: Measured(theirs))],
        targets=[Target(("NumPy",), 1.0, "ahead")],
        floor=Floor("nothing"),
        tolerance=0.0,
        why_tolerance="no results",
        notes=["settings of the row"],
        means=[Mean("two rows", "NumPy", 1.5)],
    )
    return measure(name, row, seconds=0.0, min_rounds=1, rng=np.random.default_rng(0))


def test_mean_over_a_family_is_geometric_and_printed_and_written(tmp_path):
    outcomes = [measured("one", 1.0, 2.0), measured("other", 8.0, 1.0)]
    machine = dict.fromkeys(("processor", "cores", "load", "python", *PACKAGES), "1") | {"threads": 1}
    console = Console(width=report.TABLE_WIDTH)
    with console.capture() as printed:
        report.print_table(outcomes, machine, console)
    text = " ".join(printed.get().split())
    assert "two rows, 2 of them: geometric mean 2.00 of NumPy's, from 0.50 to 8.00; target ≤ 1.5: no" in text
    assert "settings of the row" in printed.get()
    report.write_json(tmp_path / "results.json", outcomes, machine)
    written = json.loads((tmp_path / "results.json").read_text())
    (mean,) = written["means"]
    assert mean == {"family": "two rows", "peer": "NumPy", "limit": 1.5, "mean": pytest.approx(2.0)}
    assert written["rows"][0]["notes"] == ["settings of the row"]


def test_measured_rows_hold_no_contender():
    row = measured("one", 1.0, 2.0).row
    assert [contender.run for contender in (row.ours, *row.others)] == [None, None]


@pytest.mark.parametrize("whole", [False, True])
def test_quick_leaves_long_rows_out_unless_named(monkeypatch, capsys, whole):
    (name, *_) = sorted(rows.LONG)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--quick", "--list", "nufft", *[name] * whole])
    monkeypatch.setattr(command, "set_threads", lambda threads: None)
    assert command.main() == 0
    listed = set(capsys.readouterr().out.split())
    assert listed & rows.LONG == ({name} if whole else set())
    assert listed - rows.LONG == {row for row in rows.ROWS if "nufft" in row} - rows.LONG


@pytest.mark.parametrize("kind", [1, 2])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_errors_against_direct_sums_are_those_of_the_tolerance(kind, d):
    fr = Context().frechet
    problem = Problem(kind, (9, 8, 7)[:d], 40)
    for eps in (
        1e-3,
        1e-11,
    ):  # kernels come in steps of a factor of ten; the sample may be worse than the whole
        assert eps * 1e-2 < problem.error(frechet(fr, problem, 1, eps)()) < 3 * eps
    pullback = Pullback(problem)
    results = ours(fr, pullback, 1, 1e-11)()
    assert pullback.error(results) < 1e-10
    spoiled = [*results[:-1], -results[-1]]
    assert pullback.error(spoiled) > 1


def test_transforms_are_counted():
    assert "in everything 1 + 1, in the points alone 1 + 0;" in transforms_counted(Context(), 2, 2)
    assert "in everything 1 + 1, in the points alone 1 + 1;" in transforms_counted(Context(), 1, 2)
