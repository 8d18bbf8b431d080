"""Products of DIA arrays with full ones: a structure in the sense of `linalg._structured`, as `Pattern` is.

data[k, j] is the entry A[j − offsets[k], j], so that Y = A X is a sum over k of shifted rows of X, and

    outer(W, X)[k, j] = Σ W[j − offsets[k], :] conj(X[j, :])

needs no index arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from ..linear_map import Array, Shape


class Diagonals:
    """The layout of a DIA array, whose values are given as a vector.

    Parameters
    ----------
    offsets : array of int
        Which diagonals there are.
    length : int
        Of each row of the values.
    shape : (int, int)
        Of the matrix.
    """

    ndim = 1

    def __init__(self, offsets: np.ndarray, length: int, shape: Shape) -> None:
        self.offsets, self.length, self.shape = offsets, length, shape

    @property
    def nnz(self) -> int:
        """The number of values, with those that lie outside of the matrix."""
        return len(self.offsets) * self.length

    def matrix(self, p: Array) -> Any:
        """The scipy.sparse.dia_array with plain values p."""
        data = np.reshape(p, (len(self.offsets), self.length))
        return sp.dia_array((data, self.offsets), shape=self.shape)

    def times(self, p: Array, X: Array, adjoint: bool) -> Array:
        """A(p) X, or A(p)ᴴ X; for each value of the leading axes, which broadcast."""
        lead = np.broadcast_shapes(p.shape[:-1], X.shape[:-2])
        ps, Xs = np.broadcast_to(p, lead + p.shape[-1:]), np.broadcast_to(X, lead + X.shape[-2:])
        Y = np.empty((*lead, self.shape[1 if adjoint else 0], X.shape[-1]), np.result_type(p, X))
        for at in np.ndindex(lead):
            A = self.matrix(ps[at])
            Y[at] = (A.conj(copy=False).T if adjoint else A) @ np.ascontiguousarray(Xs[at])
        return Y

    def outer(self, W: Array, X: Array) -> Array:
        """The entries of W Xᴴ on the diagonals, in O(nnz k) operations."""
        X = X.conj()
        lead = np.broadcast_shapes(W.shape[:-2], X.shape[:-2])
        P = np.zeros((*lead, len(self.offsets), self.length), np.result_type(W, X))
        m, n = self.shape
        for k, offset in enumerate(self.offsets.tolist()):
            first, last = max(0, offset), min(self.length, n, m + offset)
            if first < last:
                rows, columns = W[..., first - offset : last - offset, :], X[..., first:last, :]
                P[..., k, first:last] = np.einsum("...ic,...ic->...i", rows, columns)
        return P.reshape(*lead, self.nnz)
