"""Warnings, given where the user's code calls this package, however deep below the cause was found."""

from __future__ import annotations

import sys
import warnings
from typing import Any

__all__ = ["warn"]

# Packages through which a call may come to us.
_BETWEEN = (__name__.partition(".")[0], "numpy", "scipy", "torch", "jax")


def warn(message: str, category: type[Warning]) -> None:
    """Give a warning at the line of the user that led here."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and _package(frame) in _BETWEEN:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def _package(frame: Any) -> str:
    name: str = frame.f_globals.get("__name__", "")
    return name.partition(".")[0]
