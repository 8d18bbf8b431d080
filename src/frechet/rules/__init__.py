"""The rulebook: NumPy's functions and their derivatives, a file per chapter of NumPy's reference.

Chapters are loaded when the first function that they may hold is met, which keeps `import frechet` fast.
"""

from __future__ import annotations

import importlib
import sys
import threading
from typing import Any

from ..rule import chapter_loader

BASE = (
    "constants",
    "elementwise",
    "complex",
    "piecewise",
    "creation",
    "shaping",
    "joining",
    "padding",
    "selecting",
    "reductions",
    "cumulative",
    "products",
    "einsum",
    "linalg",
    "fft",
    "order",
    "quantiles",
    "statistics",
    "numerical",
    "polynomials",
    "refused",
    "ufunc_methods",
)
_loaded: set[str] = set()
_lock = threading.Lock()
_ready = False


def load(*chapters: str) -> None:
    """Enter the rules of chapters into the table."""
    for chapter in chapters:
        if chapter not in _loaded:
            importlib.import_module(f"{__name__}.{chapter}")
            _loaded.add(chapter)


def load_for(function: Any) -> None:
    """Load the chapters of NumPy; and that of scipy.special, which must not be imported before it is used."""
    global _ready  # noqa: PLW0603  # the state of this module: whether its chapters are in the table
    if not _ready:
        with _lock:
            load(*BASE)
            _ready = True
    if function is not None and "scipy.special" in sys.modules:
        with _lock:
            load("special")


chapter_loader.append(load_for)
