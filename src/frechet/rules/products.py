"""Products of vectors, matrices and tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array, LinearMap, compose, left, linear, right
from ..maps import Broadcast, reshape
from ..rule import rule_for


@rule_for(np.matmul)
def matmul(x1: Array, x2: Array) -> Any:
    y = np.matmul(x1, x2)
    a, b = np.shape(x1), np.shape(x2)
    if len(a) == 2 and len(b) == 2:
        return y, (right(x2), left(x1))
    # A vector is a matrix of one row or one column; leading axes broadcast.
    A = a if len(a) > 1 else (1, *a)
    B = b if len(b) > 1 else (*b, 1)
    batch = np.broadcast_shapes(A[:-2], B[:-2])
    full = (*batch, A[-2], B[-1])
    drop = reshape(full, np.shape(y))

    def on(shape: Any, matrix: Any, m: LinearMap) -> LinearMap:
        lifted = compose(Broadcast(matrix, batch + matrix[-2:]), reshape(shape, matrix))
        return compose(drop, m, lifted)

    return y, (on(a, A, right(np.reshape(x2, B))), on(b, B, left(np.reshape(x1, A))))
