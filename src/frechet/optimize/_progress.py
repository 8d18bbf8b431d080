"""A bar on the terminal: how far an iteration is, with its value and the norm of its gradient."""

from __future__ import annotations

from typing import Any


class Bar:
    """A bar of rich's, from ``with`` to its end; ``show`` moves it by one iteration.

    Parameters
    ----------
    title : str
        What is running.
    total : int or None
        The most iterations; without it the bar does not fill.
    console : rich.console.Console, optional
        Where it is drawn; by default on the standard error stream's terminal.
    """

    def __init__(self, title: str, total: int | None, console: Any = None) -> None:
        try:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
        except ModuleNotFoundError:
            raise ImportError("progress=True draws its bar with rich, which is not installed: "
                              "pip install rich") from None  # fmt: skip
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("iteration {task.completed:.0f}  {task.fields[values]}"),
            TimeElapsedColumn(),
            console=console or Console(stderr=True),
        )
        self._task = self._bar.add_task(title, total=total, values="")

    def __enter__(self) -> Bar:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, value: Any, norm: float | None) -> None:
        """One more iteration, with the value and the norm of the gradient, where there is one."""
        text = f"value {value:.6g}" if value is not None else ""
        if norm is not None:
            text += f"  gradient {norm:.2e}"
        self._bar.update(self._task, advance=1, values=text)
