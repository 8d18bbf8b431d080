"""Warnings, given where the user's code calls this package, however deep below the cause was found."""

from __future__ import annotations

import sys
import warnings

__all__ = ["warn_ill_conditioned"]

_PACKAGE = __name__.partition(".")[0]


def warn_ill_conditioned(message: str) -> None:
    """Give a scipy.linalg.LinAlgWarning at the line that called into this package."""
    from scipy.linalg import LinAlgWarning  # here, because it is slow to load

    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, LinAlgWarning, stacklevel=level)
