"""The multivariate gamma function."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..linear_map import Array
from ..tracing.apply import is_traced
from ..transforms import stop_gradient


def multigammaln(a: Array, d: int) -> Any:
    """The logarithm of the multivariate gamma function, as scipy.special.multigammaln.

    Parameters
    ----------
    a : array
        Larger than (d − 1)/2.
    d : int
        The dimension.

    Returns
    -------
    array
        Of the shape of a: d(d − 1)/4 · log π plus the sum of log Γ(a − j/2) for j < d.
    """
    import scipy.special

    if not is_traced(a):
        return scipy.special.multigammaln(a, d)
    if np.ndim(d) or d != math.floor(d):
        raise ValueError("d should be a positive integer (dimension)")
    if np.any(stop_gradient(a) <= 0.5 * (d - 1)):
        raise ValueError(f"condition a > 0.5 * (d-1) not met: d = {d}")
    shifted = np.expand_dims(a, -1) - np.arange(d) / 2
    return d * (d - 1) / 4 * math.log(math.pi) + np.sum(scipy.special.gammaln(shifted), axis=-1)
