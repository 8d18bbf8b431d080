"""Every check of the demonstration passes, the checks themselves can fail, and the pictures are drawn."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples"))

import demo
import exact_examples
import nile
import report
import sunspots
import timings
from matplotlib.image import imread
from report import Check

import frechet as fr
from benchmarks import rows
from benchmarks.harness import Contender, Floor, Row


def assert_all_pass(checks):
    assert checks
    failed = [(check.claim, check.expected, check.obtained) for check in checks if not check.passed]
    assert not failed


# The checks of the demonstration ------------------------------------------------------------------------


@pytest.mark.parametrize("example", exact_examples.EXAMPLES.values(), ids=exact_examples.EXAMPLES)
def test_example_comes_out(example):
    assert_all_pass(example())


def test_sunspots_agree_with_statsmodels_and_with_differences():
    assert_all_pass(sunspots.checks())


def test_nile_agrees_with_statsmodels_with_the_book_and_with_differences():
    assert_all_pass(nile.checks())


@pytest.mark.parametrize("fit", sunspots.Fits._fields[:2])
def test_sunspot_fit_is_a_maximum(fit):
    best = getattr(sunspots.fits(), fit)
    errors = np.sqrt(np.diag(best.covariance))  # positive, so the maximum is one
    # The optimiser stops at a gradient of 1e-4; in units of standard errors that is as small.
    assert np.max(np.abs(fr.grad(sunspots.likelihood)(best.theta)) * errors) < 1e-4
    assert best.log_likelihood == sunspots.likelihood(best.theta)


# Checks can fail ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "obtained", "options", "passes"),
    [
        (1.0, 1.0, {}, True),
        (1.0, 1.0 + 1e-9, {}, False),
        (1.0, 1.0 + 1e-9, {"tolerance": 1e-8}, True),
        (1e6, 1e6 + 1e-3, {"tolerance": 1e-8}, True),  # relative to the largest
        (1.0, np.nan, {"tolerance": 1.0}, False),
        (np.ones(3), np.ones(3), {}, True),
        (np.ones(3), np.ones((3, 1)), {"tolerance": 1.0}, False),  # shapes are not broadcast
        ([1.0, 2.0], [1.0, np.inf], {"tolerance": 1.0}, False),
        ("float64 array", "float64 array", {}, True),
        ("float64 array", "complex128 array", {"tolerance": 1.0}, False),
        (-5.0, -6.0, {"at_most": True}, True),
        (-5.0, -4.0, {"at_most": True}, False),
        (-5.0, np.nan, {"at_most": True}, False),
    ],
)
def test_check(expected, obtained, options, passes):
    assert Check("", expected, obtained, **options).passed is passes


def test_demo_ends_with_the_status_of_its_checks(monkeypatch, tmp_path):
    monkeypatch.setattr(demo, "set_threads", lambda threads: None)  # NumPy is loaded here
    monkeypatch.setattr("pictures.folder", tmp_path)
    good, bad = Check("good", 1.0, 1.0), Check("bad", 1.0, 2.0)
    for part in (sunspots, nile, timings):
        monkeypatch.setattr(part, "run", lambda folder: [good])
    monkeypatch.setattr(exact_examples, "run", lambda: [good])
    assert demo.main() == 0
    monkeypatch.setattr(exact_examples, "run", lambda: [good, bad])
    assert demo.main() == 1


# What is printed and drawn ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-1321.0072159635, "-1321.007216"),
        (np.ones(3), "[1, 1, 1]"),
        (np.array([33.7401, 2.62812, 276.3]), "[33.74, 2.6281, …]"),
        (np.eye(30), "[1, 0, 0, 0, 0, …]"),
        (np.array([0.00641 - 0.216j, 1j]), "[0.00641-0.216j, …]"),
        (np.array([10, -3.7e-14]), "[10, 0]"),
        ("float32 array", "float32 array"),
    ],
)
def test_show(value, text):
    assert report.show(value) == text
    assert len(text) <= 20


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [(15098.6, 3145.4, "15099 ± 3145"), (0.448, 0.0453, "0.448 ± 0.045"), (2.898, 0.40, "2.90 ± 0.40")],
)
def test_plus_minus(value, error, text):
    assert report.plus_minus(value, error) == text


@pytest.mark.parametrize("part", [sunspots, nile], ids=["sunspots", "nile"])
def test_parts_print_and_draw(part, monkeypatch, tmp_path):
    checks = [Check("one that passes", 1.0, 1.0), Check("one that fails", np.ones(9), np.zeros(9))]
    monkeypatch.setattr(part, "checks", lambda: checks)
    with report.console.capture() as printed:
        assert part.run(tmp_path) == checks
    lines = printed.get().splitlines()
    assert any("one that passes" in line and "✓" in line for line in lines)
    assert any("one that fails" in line and "✗" in line for line in lines)
    assert max(map(len, lines)) <= report.WIDTH
    (path,) = tmp_path.glob("*.png")
    picture = imread(path)
    assert min(picture.shape[:2]) > 1000
    assert np.std(picture[..., :3]) > 0.05  # something is drawn


def test_timings_print_draw_and_report_disagreement(monkeypatch, tmp_path):
    def build(context, theirs):
        return Row(
            work="one",
            ours=Contender("frechet", lambda: 1.0),
            others=[Contender("NumPy", lambda: theirs), Contender("a peer", None)],
            targets=[],
            floor=Floor("nothing"),
            tolerance=0.0,
            why_tolerance="the same number",
        )

    monkeypatch.setattr(timings, "ROWS", ("one",))
    monkeypatch.setitem(rows.ROWS, "one", lambda context: build(context, theirs=1.0))
    with report.console.capture() as printed:
        assert_all_pass(timings.run(tmp_path))
    assert "beside NumPy" in printed.get()
    assert "not installed" in printed.get()
    assert (tmp_path / "timings.png").exists()

    monkeypatch.setitem(rows.ROWS, "one", lambda context: build(context, theirs=2.0))
    with report.console.capture():
        (check,) = timings.run(tmp_path)
    assert not check.passed
    assert "NumPy" in check.obtained
