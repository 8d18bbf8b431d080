"""LAPACK and BLAS, through SciPy."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

_PREFIX = {"f": "s", "d": "d", "F": "c", "D": "z"}


@functools.cache
def lapack(name: str, char: str) -> Callable[..., Any]:
    """LAPACK's routine for the type with a character; scipy.linalg is imported when the first is needed.

    >>> lapack("potrf", "d").__name__
    'function dpotrf'
    """
    from scipy.linalg import lapack

    routine: Callable[..., Any] = getattr(lapack, _PREFIX[char] + name)
    return routine


@functools.cache
def blas(name: str, char: str) -> Callable[..., Any]:
    """BLAS's routine for the type with a character."""
    from scipy.linalg import blas

    routine: Callable[..., Any] = getattr(blas, _PREFIX[char] + name)
    return routine


def sum_of_squares(x: Any) -> float:
    """Σ |x|² of a plain array, as fast as can be; inf or nan, without a warning, where it overflows.

    >>> sum_of_squares(np.array([3.0, 4.0]))
    25.0
    """
    flat = x.ravel(order="K")
    return float(np.vdot(flat, flat).real)


def no_order(*eigenvalue: float) -> None:
    """Stand in for the selection of eigenvalues that gees and gges can make and are not asked for."""
