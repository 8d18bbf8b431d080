"""Numerical derivatives with an error estimate: Ridders' extrapolation of central differences.

C. J. F. Ridders, Accurate computation of F'(x) and F'(x) F''(x), Adv. Eng. Software 4 (1982) 75-76.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def numerical_pushforward(
    f: Callable[[float], list[Any]], step: float = 0.05, levels: int = 9
) -> tuple[list[Any], float]:
    """The derivative at t = 0 of a function t ↦ list of arrays, and an estimate of its error.

    Parameters
    ----------
    f : callable
        Called with small real t of both signs; returns a list of arrays.
    step : float, optional
        The largest t; it is halved levels − 1 times, and the differences are extrapolated to t = 0.
    levels : int, optional
        The number of steps; f is called twice for each.

    Returns
    -------
    derivative : list of arrays
        One for each of f's.
    error : float
        The estimated largest absolute error over all entries.

    Examples
    --------
    >>> derivative, error = numerical_pushforward(lambda t: [np.exp(2 * t)])
    >>> abs(derivative[0] - 2) < 1e-10 and error < 1e-9
    True
    """
    table: list[list[Any]] = []
    best: list[Any] = []
    best_error = np.inf
    shrink = 2.0
    for i in range(levels):
        t = step / shrink**i
        row = [[(np.asarray(a) - np.asarray(b)) / (2 * t) for a, b in zip(f(t), f(-t), strict=True)]]
        if i == 0:
            best = row[0]
        for j in range(1, i + 1):
            factor = shrink ** (2 * j)
            previous, coarser = row[j - 1], table[i - 1][j - 1]
            entry = [(factor * p - c) / (factor - 1) for p, c in zip(previous, coarser, strict=True)]
            row.append(entry)
            error = max(
                max(
                    (
                        max(np.max(np.abs(e - p), initial=0.0), np.max(np.abs(e - c), initial=0.0))
                        for e, p, c in zip(entry, previous, coarser, strict=True)
                    ),
                    default=0.0,
                ),
                0.0,
            )
            if np.isfinite(error) and error < best_error:
                best, best_error = entry, float(error)
        table.append(row)
    return best, best_error
