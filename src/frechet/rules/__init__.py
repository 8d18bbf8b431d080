"""The rulebook: NumPy's functions and their derivatives, a file per chapter of NumPy's reference.

Chapters are loaded when the first function that they may hold is met, which keeps `import frechet` fast.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from ..rule import chapter_loader

BASE = ("elementwise", "complex", "creation", "shaping", "reductions", "products", "linalg", "constants")
_loaded: set[str] = set()


def load(*chapters: str) -> None:
    """Enter the rules of chapters into the table."""
    for chapter in chapters:
        if chapter not in _loaded:
            _loaded.add(chapter)
            importlib.import_module(f"{__name__}.{chapter}")


def load_for(function: Any) -> None:
    """Load the chapters of NumPy; and that of scipy.special, which must not be imported before it is used."""
    load(*BASE)
    if function is not None and "scipy.special" in sys.modules:
        load("special")


chapter_loader.append(load_for)
