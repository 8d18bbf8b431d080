"""A bar on the terminal: how far a search is, with the figures that tell how well it goes."""

from __future__ import annotations

from typing import Any


class Bar:
    """A bar of rich's, from ``with`` to its end; ``show`` moves it by one step.

    Parameters
    ----------
    title : str
        What is running.
    total : int or None
        The most steps; without it the bar does not fill.
    step : str
        What a step is.
    console : rich.console.Console, optional
        Where it is drawn; by default on the standard error stream's terminal.
    """

    def __init__(self, title: str, total: int | None, step: str, console: Any = None) -> None:
        try:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
        except ModuleNotFoundError:
            raise ImportError("progress=True draws its bar with rich, which is not installed: "
                              "pip install rich") from None  # fmt: skip
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn(step + " {task.completed:.0f}  {task.fields[figures]}"),
            TimeElapsedColumn(),
            console=console or Console(stderr=True),
        )
        self._task = self._bar.add_task(title, total=total, figures="")

    def __enter__(self) -> Bar:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, **figures: float | None) -> None:
        """One more step, with figures by their names; None where one is not known."""
        text = "  ".join(f"{name} {figure:.6g}" for name, figure in figures.items() if figure is not None)
        self._bar.update(self._task, advance=1, figures=text)
