"""Array creation: new arrays beside traced ones, into which traced values can be written, and copies."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array, linear, zero
from ..rule import rule_for

# np.zeros_like(x), np.zeros(n, like=x) and friends return an array under the trace of x, with tangent zero: see
# tracing.creation.  Here are the functions whose result varies with the argument.


def _copy(v: Array) -> Array:
    return np.copy(v)


copying = linear(_copy, _copy)


@rule_for(np.copy)
def copy(a: Array, order: Any = "K", subok: bool = False) -> Any:
    return np.copy(a, order=order), copying


@rule_for(np.astype)
def astype(x: Array, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    y = np.astype(x, dtype, copy=copy)
    kind = np.dtype(dtype).kind
    if kind not in "fc":
        return y, zero
    if kind == "f" and x.dtype.kind == "c":
        raise TypeError("astype from complex to real discards the imaginary part; write x.real.astype(...)")
    # The tangent is cast as the value is; the cotangent goes back through the projection onto the space of x.
    return y, linear(lambda v: np.astype(v, dtype), lambda w: np.astype(w, x.dtype) if kind == "f" else w)
