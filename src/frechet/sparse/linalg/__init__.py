"""Sparse linear algebra with derivatives in the values: scipy.sparse.linalg's functions, and more.

Matrices are scipy.sparse arrays, or traced ones of fr.sparse.  A gradient in a matrix is a vector of values on
its pattern; value, pushforward, pullback and second order share one factorization.
"""

from __future__ import annotations

from ._determinant import inv_diagonal, logdet, slogdet, trace_inv
from ._solve import SuperLU, factorized, splu, spsolve, spsolve_triangular

__all__ = [
    "SuperLU",
    "factorized",
    "inv_diagonal",
    "logdet",
    "slogdet",
    "splu",
    "spsolve",
    "spsolve_triangular",
    "trace_inv",
]
