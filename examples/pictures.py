"""The pictures of the demonstration. Nothing here is about derivatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")  # no window: the pictures are written to files
import matplotlib.pyplot as plt

folder = Path(__file__).resolve().parents[1] / "demo_output"

# The palette of Okabe and Ito, which the colour-blind can tell apart.
INK, GREY, BLUE, ORANGE, GREEN = "#222222", "#8a8a8a", "#0072b2", "#d55e00", "#009e73"

EMPHASISED = 3  # the shot of an MRI scan that is drawn thicker than the others

STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 26,  # leaves a line for the legend
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#e6e6e6",
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
    "savefig.dpi": 160,
}


def save(figure: Any, path: Path) -> None:
    """Write a figure to a file, whose folder is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    plt.close(figure)


def legend_above(axes: Any, handles: Sequence[Any] | None = None) -> None:
    """Put the legend on one line between the title and the axes, where there is no data."""
    handles = axes.get_legend_handles_labels()[0] if handles is None else handles
    place = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "borderpad": 0.0, "borderaxespad": 0.5}
    axes.legend(handles=handles, ncols=len(handles), handlelength=1.6, columnspacing=1.6, **place)


def fill(axes: Any, x: np.ndarray, band: np.ndarray, **style: Any) -> None:
    """Fill a band, given by its middle and its half-width, shape (2, len(x))."""
    middle, half = band
    axes.fill_between(x, middle - half, middle + half, lw=0, **style)


def sunspots(
    path: Path,
    years: np.ndarray,
    numbers: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    frequencies: np.ndarray,
    spectra: Mapping[str, tuple[np.ndarray, np.ndarray]],
) -> None:
    """Draw the series with one-step predictions, the forecast, and the spectrum of two models.

    `predictions` holds for each model the prediction and the half-width of its 95 % band, shape
    (2, T + ahead), `spectra` the logarithm of the spectral density and its standard error.
    """
    colours = dict(zip(predictions, (BLUE, ORANGE), strict=True))
    T = len(years)
    all_years = years[0] + np.arange(next(iter(predictions.values())).shape[1])
    with plt.rc_context(STYLE):
        figure = plt.figure(figsize=(11, 8))
        grid = figure.add_gridspec(2, 2, width_ratios=(1.25, 1), hspace=0.05, wspace=0.05)

        # The whole series, with what the first model said of each year the year before.
        name = next(iter(predictions))
        axes = figure.add_subplot(grid[0, :])
        fill(axes, years, predictions[name][:, :T], color=colours[name], alpha=0.2, label="95 % band")
        axes.plot(years, predictions[name][0, :T], color=colours[name], lw=1.1, label="prediction")
        axes.plot(years, numbers, "o", color=INK, ms=2.2, label="observed")
        axes.set(xlim=(1698, 2010), ylim=(0, None), ylabel="sunspot number (yearly mean)")
        axes.set_title(f"Sunspots 1700–2008 and what {name} predicted the year before")
        legend_above(axes)

        # The end of the series and two cycles beyond.
        axes = figure.add_subplot(grid[1, 0])
        shown = slice(T - 33, T)
        axes.plot(years[shown], numbers[shown], "o-", color=INK, ms=3, lw=0.8, label="observed")
        for name, band in predictions.items():
            ahead, forecast = all_years[T - 1 :], band[:, T - 1 :].copy()
            forecast[:, 0] = numbers[-1], 0.0  # it starts from the last observation
            fill(axes, ahead, forecast, color=colours[name], alpha=0.14)
            axes.plot(ahead, forecast.sum(axis=0), color=colours[name], lw=0.8, ls="--")
            axes.plot(ahead, forecast[0], color=colours[name], lw=1.8, label=name)
        axes.axvline(years[-1], color=GREY, lw=0.8, ls=":")
        axes.set(ylim=(0, None), xlim=(all_years[shown][0] - 1, all_years[-1] + 0.5), ylabel="sunspot number")
        axes.set_title("Forecast with 95 % bands (cut off at zero)")
        legend_above(axes)

        # Which periods are in the series.
        axes = figure.add_subplot(grid[1, 1])
        periodogram = np.abs(np.fft.rfft(numbers - numbers.mean())) ** 2 / T
        axes.plot(np.fft.rfftfreq(T)[1:], periodogram[1:], ".", color=GREY, ms=4, label="periodogram")
        for name, (logarithm, error) in spectra.items():
            low, high = np.exp(logarithm - 1.96 * error), np.exp(logarithm + 1.96 * error)
            axes.fill_between(frequencies, low, high, color=colours[name], alpha=0.16, lw=0)
            axes.plot(frequencies, np.exp(logarithm), color=colours[name], lw=1.8, label=name)
        axes.set(yscale="log", xlim=(0, 0.5), ylim=(3, 1e5), ylabel="power (sunspot number² × year)")
        axes.set_xlabel("period (years)")
        axes.set_xticks([1 / 20, 1 / 11, 1 / 5, 1 / 3, 1 / 2], ["20", "11", "5", "3", "2"])
        axes.set_title("Spectral density with 95 % bands")
        legend_above(axes)
        save(figure, path)


def nile(
    path: Path,
    years: np.ndarray,
    volumes: np.ndarray,
    filtered: np.ndarray,
    smoothed: np.ndarray,
    noise: float,
) -> None:
    """Draw the flows, the filtered level with its forecast, and the smoothed level.

    `filtered`, shape (2, T − 1 + ahead), and `smoothed`, shape (2, T − 1), hold the level from the second
    year on and the half-width of its 95 % band; `noise` is the half-width for the noise around the level.
    """
    T = len(years)
    level_years = years[1] + np.arange(filtered.shape[1])
    with plt.rc_context(STYLE):
        figure, rows = plt.subplots(2, 1, figsize=(11, 7.5), sharex=True, sharey=True)
        known = filtered[:, : T - 1]
        for axes, name, band, colour in (
            (rows[0], "Nile: the level as far as it was known each year (filtered)", known, BLUE),
            (rows[1], "Nile: the level as the whole century shows it (smoothed)", smoothed, GREEN),
        ):
            axes.plot(years[1:], band[0], color=colour, lw=2, label="level")
            fill(axes, years[1:], band, color=colour, alpha=0.2, label="95 % band")
            axes.plot(years, volumes, "o-", color=INK, ms=2.6, lw=0.5, label="observed")
            axes.set_title(name)
            axes.set_ylabel("flow at Aswan (10⁸ m³ per year)")
        ahead, level = level_years[T - 2 :], filtered[:, T - 2 :]
        flow = np.stack([level[0], np.hypot(level[1], noise)])
        rows[0].plot(ahead, level[0], color=ORANGE, lw=2, label="forecast of the level")
        fill(rows[0], ahead, level, color=ORANGE, alpha=0.3, label="95 % band")
        fill(rows[0], ahead, flow, color=ORANGE, alpha=0.15, label="95 % band of the flow")
        for axes in rows:
            axes.set(xlim=(years[0] - 1, level_years[-1] + 1))
            legend_above(axes)
        save(figure, path)


def mri(
    path: Path,
    field_of_view: float,
    paths: Mapping[str, np.ndarray],
    images: Mapping[str, np.ndarray],
    truth: np.ndarray,
    errors: Sequence[float],
    stages: Sequence[int],
    times: np.ndarray,
    hardware: Mapping[str, tuple[str, float, Mapping[str, np.ndarray]]],
) -> None:
    """Draw the shots, the image and its error before and after, the error as it fell, and the hardware's use.

    `paths` (shots, samples, 2) is in cycles per cm, `field_of_view` in cm, `times` in ms; `errors` has the
    error after each iteration, `stages` the iterations at which the penalty changed; `hardware` holds for
    each quantity its unit, its limit, and its course for all shots (shots, time), before and after.
    """
    colours = dict(zip(paths, (GREY, BLUE), strict=True))
    with plt.rc_context(STYLE | {"axes.titlepad": 8}):
        figure = plt.figure(figsize=(13, 11))
        figure.get_layout_engine().set(w_pad=0.08, h_pad=0.1)
        above, below = figure.subfigures(2, 1, height_ratios=(2.1, 1))
        panels = above.subplots(2, 4)
        for (name, shots), (first, *others) in zip(paths.items(), panels, strict=True):
            _shots(first, shots, edge=len(truth) / field_of_view / 2, colour=colours[name])
            first.set_title(f"{name.capitalize()}: {len(shots)} shots of {times[-1]:.0f} ms")
            bar = _image_and_error(others, images[name], truth, field_of_view)
        label = "error (% of the brightest pixel)"
        above.colorbar(bar, ax=panels[:, 3], extend="max", label=label, shrink=0.6, aspect=40)

        left, *right = below.subplots(1, 3, width_ratios=(1, 1.2, 1.2))
        left.plot(100 * np.asarray(errors), color=BLUE, lw=1.8)
        for stage in stages:
            left.axvline(stage, color=GREY, lw=0.8, ls=":", label="more weight to the limits")
        left.set(xlim=(0, len(errors) - 1), ylim=(0, None), xlabel="iteration", ylabel="error (%)")
        left.set_title("Error of the image", pad=26)
        handles, _ = left.get_legend_handles_labels()
        legend_above(left, handles[:1])
        for axes, (quantity, (unit, limit, used)) in zip(right, hardware.items(), strict=True):
            (before, straight), (after, curved) = used.items()
            moments = times[: straight.shape[1]]
            axes.plot(moments, straight[EMPHASISED], color=GREY, lw=1.8, label=before)
            ends = np.min(curved, axis=0), np.max(curved, axis=0)
            axes.fill_between(moments, *ends, color=BLUE, alpha=0.25, lw=0, label=f"{after}, all")
            axes.plot(moments, curved[EMPHASISED], color=ORANGE, lw=1.1, label="one shot")
            axes.axhline(limit, color=INK, lw=1.2, ls="--")
            axes.text(times[-1], 1.02 * limit, f"limit {limit:.0f} {unit}", ha="right", va="bottom")
            axes.set(xlim=(0, times[-1]), ylim=(0, 1.15 * limit), xlabel="time (ms)", ylabel=unit)
            axes.set_title(quantity, pad=26)
            legend_above(axes)
        save(figure, path)


def _shots(axes: Any, shots: np.ndarray, edge: float, colour: str) -> None:
    """Draw the paths of shots, one of them emphasised; the first coordinate runs down, as in the images."""
    axes.plot(*shots.T[::-1], color=colour, lw=0.6)
    axes.plot(*shots[EMPHASISED].T[::-1], color=ORANGE, lw=1.6)
    axes.set(xlim=(-1.03 * edge, 1.03 * edge), ylim=(1.03 * edge, -1.03 * edge), aspect="equal")
    axes.set(xticks=(-2, 0, 2), yticks=(-2, 0, 2), xlabel="wave number (1/cm)")
    axes.set_ylabel("wave number (1/cm)", labelpad=-2)
    axes.grid(visible=False)


def _image_and_error(panels: Sequence[Any], image: np.ndarray, truth: np.ndarray, size: float) -> Any:
    """Draw an image, a part of it enlarged, and the error; return what the colour bar of the error is for."""
    whole, detail, wrong = panels
    extent = (0, size, size, 0)
    brightest = np.max(np.abs(truth))
    error = image - truth
    for axes in whole, detail:
        axes.imshow(np.abs(image), vmin=0, vmax=brightest, cmap="gray", extent=extent)
    part = {"x": 2.5, "y": 8.5, "width": 8.5, "height": 8.5}  # in cm
    corner, width, height = (part["x"], part["y"]), part["width"], part["height"]
    whole.add_patch(plt.Rectangle(corner, width, height, fill=False, color=ORANGE, lw=1))
    whole.plot([1, 6], [size - 1] * 2, color="white", lw=2)
    whole.text(3.5, size - 1.5, "5 cm", color="white", ha="center")
    detail.set(xlim=(corner[0], corner[0] + width), ylim=(corner[1] + height, corner[1]))
    drawn = wrong.imshow(100 * np.abs(error) / brightest, vmin=0, vmax=12, cmap="inferno", extent=extent)
    whole.set_title("Image")
    detail.set_title("Detail")
    wrong.set_title(f"Error: {100 * np.linalg.norm(error) / np.linalg.norm(truth):.1f} % of the image")
    for axes in panels:
        axes.set_axis_off()
    return drawn
