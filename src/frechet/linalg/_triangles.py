"""Triangular matrices as a structure: their parameters are full arrays of which one triangle is read."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array, adjoint_matrix
from ._dense_factor import SMALL, Triangular, TriangularStack
from ._factor import each_factor

__all__ = ["Triangles"]

_STRIP = 128  # rows of a triangle that are worked on at once


class Triangles:
    """The structure of triangular matrices, given by full arrays of which one triangle is read."""

    ndim = 2

    def __init__(self, lower: bool, unit: bool) -> None:
        self.lower, self.unit = lower, unit

    def factor(self, A: Array) -> Any:
        """A plain matrix that will not change, or a stack of them, as a factorization of itself."""
        if A.ndim == 2 or A.shape[-1] > SMALL:
            return each_factor(A, 2, lambda one: Triangular(one, self.lower, None, self.unit, own=True))
        return TriangularStack(A, self.lower, None, self.unit)

    def times(self, p: Array, X: Array, adjoint: bool) -> Array:
        """The product of the triangle of p, or of its adjoint, with X; a constant diagonal is left out."""
        T = np.tril(p, -1 if self.unit else 0) if self.lower else np.triu(p, 1 if self.unit else 0)
        return np.asarray(np.matmul(adjoint_matrix(T) if adjoint else T, X))

    def outer(self, W: Array, X: Array) -> Array:
        """The triangle of W Xᴴ: nothing else is computed, apart from small blocks on the diagonal."""
        lead, n = np.broadcast_shapes(W.shape[:-2], X.shape[:-2]), X.shape[-2]
        P = np.zeros((*lead, n, n), np.result_type(W, X))
        Xh = adjoint_matrix(X)
        other = np.tri(min(n, _STRIP), k=0 if self.unit else -1, dtype=bool)
        other = other.T if self.lower else other
        for start in range(0, n, _STRIP):
            stop = min(start + _STRIP, n)
            columns = slice(0, stop) if self.lower else slice(start, n)
            strip, block = P[..., start:stop, columns], P[..., start:stop, start:stop]
            (np.multiply if X.shape[-1] == 1 else np.matmul)(
                W[..., start:stop, :], Xh[..., columns], out=strip
            )
            np.copyto(block, 0, where=other[: stop - start, : stop - start])
        return P
