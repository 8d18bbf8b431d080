"""Complex numbers: parts, conjugates, angles."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array, conjugate, identity
from ..maps import diagonal, imaginary_part, real_part
from ..linear_map import zero
from ..rule import rule_for


@rule_for(np.real, may_view=True)
def real(val: Array) -> Any:
    return np.real(val), real_part if np.iscomplexobj(val) else identity


@rule_for(np.imag, may_view=True)
def imag(val: Array) -> Any:
    return np.imag(val), imaginary_part if np.iscomplexobj(val) else zero


@rule_for(np.conjugate)
def conj(x: Array) -> Any:
    return np.conjugate(x), conjugate if np.iscomplexobj(x) else identity


@rule_for(np.absolute)
def absolute(x: Array) -> Any:
    y = np.absolute(x)
    if not np.iscomplexobj(x):
        return y, diagonal(np.sign(x))
    # d|z| = Re(conj(z)/|z| dz), and 0 at z = 0
    return y, real_part @ diagonal(np.conj(x) / np.where(y == 0, 1, y))
