"""The ratios as a picture: one panel, a logarithmic axis, a mark per peer and a tick per target."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.harness import Comparison, Outcome

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MET, MISSED, NO_TARGET = "#0072b2", "#d55e00", "#707070"


def draw(path: Path, outcomes: Sequence[Outcome], machine: dict[str, str | int]) -> bool:
    """Write the picture; False if there is nothing to draw or no matplotlib to draw it with."""
    try:
        import matplotlib
    except ModuleNotFoundError:
        return False
    matplotlib.use("Agg")
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    blocks = [
        (outcome, drawn) for outcome in outcomes if (drawn := [c for c in outcome.comparisons if c.median])
    ]
    if not blocks:
        return False
    lines = sum(1 + len(drawn) for _, drawn in blocks)
    figure = Figure(figsize=(10, 1.4 + 0.23 * lines), layout="constrained")
    axes = figure.add_subplot()
    rows = axes.get_yaxis_transform()  # x as a fraction of the panel, y in rows
    y = 0.0
    ticks: list[tuple[float, str]] = []
    for outcome, drawn in blocks:
        axes.axhspan(y - 0.5, y + 0.5, color="#f0f0f0", linewidth=0, zorder=2)
        axes.text(0.01, y, outcome.row.work, transform=rows, fontsize=8, weight="bold", va="center", zorder=3)
        for comparison in drawn:
            y += 1
            ticks.append((y, comparison.peer))
            color = _mark(axes, y, comparison)
            figure_text = f"{comparison.median:.2f}"
            axes.text(1.01, y, figure_text, transform=rows, fontsize=8, va="center", color=color)
        y += 1
    axes.axvline(1.0, color="black", linewidth=0.8, zorder=1)
    axes.set(xscale="log", ylim=(y - 0.5, -0.5))
    ratios = [c.median for _, drawn in blocks for c in drawn if c.median]
    limits = [c.target.limit for _, drawn in blocks for c in drawn if c.target]
    low, high = min([*ratios, *limits, 0.5]) / 1.4, max([*ratios, *limits, 2.0]) * 1.6
    axes.set_xlim(low, high)
    steps = [s * 10.0**e for e in range(-4, 5) for s in (1, 2, 5)]
    axes.xaxis.set_major_locator(FixedLocator([s for s in steps if low <= s <= high]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_yticks([position for position, _ in ticks], [text for _, text in ticks], fontsize=8)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_xlabel("ours / theirs (left of 1: Frechet is faster or smaller)")
    figure.suptitle(
        f"Frechet beside its peers: medians of alternating runs and their quartiles, "
        f"threads: {machine['threads']}",
        fontsize=10,
    )
    figure.legend(
        handles=[
            Line2D([], [], marker="o", linestyle="", color=MET, label="target met"),
            Line2D([], [], marker="o", linestyle="", color=MISSED, label="target missed"),
            Line2D([], [], marker="o", linestyle="", color=NO_TARGET, label="no target"),
            Line2D([], [], marker="|", linestyle="", color="black", markersize=9, label="target"),
        ],
        loc="outside lower right",
        ncols=4,
        fontsize=8,
        frameon=False,
    )
    figure.savefig(path, dpi=150)
    return True


def _mark(axes: Axes, y: float, comparison: Comparison) -> str:
    """The median, a bar from quartile to quartile, and the target's tick; returns the colour."""
    assert comparison.median is not None
    assert comparison.quartiles is not None
    color = NO_TARGET if comparison.met is None else MET if comparison.met else MISSED
    axes.plot(comparison.quartiles, (y, y), color=color, linewidth=3, alpha=0.4, solid_capstyle="butt")
    axes.plot(comparison.median, y, "o", color=color, markersize=5)
    if comparison.target is not None:
        axes.plot(comparison.target.limit, y, "|", color="black", markersize=9, markeredgewidth=1.5)
    return color
