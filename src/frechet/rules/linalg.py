"""numpy.linalg."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array, left, right
from ..rule import rule_for


@rule_for(np.linalg.inv)
def inv(a: Array) -> Any:
    Y = np.linalg.inv(a)
    return Y, -(left(Y) @ right(Y))  # Δ ↦ −Y Δ Y
