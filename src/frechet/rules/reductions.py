"""Reductions: sums, products, means."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array
from ..maps import sum_over
from ..rule import rule_for



def normalized_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes of a reduction as non-negative integers."""
    if axis is None:
        return tuple(range(ndim))
    return tuple(int(k) % ndim for k in (axis if isinstance(axis, (tuple, list)) else (axis,)))


@rule_for(np.sum, (np.add, "reduce"))
def sum(
    a: Array, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, initial: Any = 0, where: Any = True
) -> Any:
    y = np.sum(a, axis=axis, dtype=dtype, keepdims=keepdims, initial=initial, where=where)
    return y, sum_over(normalized_axes(axis, np.ndim(a)), np.shape(a), bool(keepdims))
