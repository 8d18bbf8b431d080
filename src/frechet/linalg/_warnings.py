"""The warning of inaccurate results."""

from __future__ import annotations

from .._warnings import warn

__all__ = ["warn_ill_conditioned"]


def warn_ill_conditioned(message: str) -> None:
    """Give a scipy.linalg.LinAlgWarning at the line that called into this package."""
    from scipy.linalg import LinAlgWarning  # here, because it is slow to load

    warn(message, LinAlgWarning)
