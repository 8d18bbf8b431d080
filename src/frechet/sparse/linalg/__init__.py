"""Sparse linear algebra with derivatives in the values: scipy.sparse.linalg's functions, and more.

Matrices are scipy.sparse arrays, or traced ones of fr.sparse.  A gradient in a matrix is a vector of values
on its pattern; value, pushforward, pullback and second order share one factorization.
"""

from __future__ import annotations

from ...guests import through_doors as _through_doors
from ...linalg._expm_multiply import expm_multiply
from ._determinant import inv_diagonal, logdet, slogdet, trace_inv
from ._eigs import eigs
from ._eigsh import eigsh, svds
from ._iterative import bicgstab, cg, gmres, minres
from ._least_squares import lsmr, lsqr
from ._norms import inv, norm, onenormest
from ._solve import SuperLU, factorized, splu, spsolve
from ._triangular import spsolve_triangular

__all__ = [
    "SuperLU",
    "bicgstab",
    "cg",
    "eigs",
    "eigsh",
    "expm_multiply",
    "factorized",
    "gmres",
    "inv",
    "inv_diagonal",
    "logdet",
    "lsmr",
    "lsqr",
    "minres",
    "norm",
    "onenormest",
    "slogdet",
    "splu",
    "spsolve",
    "spsolve_triangular",
    "svds",
    "trace_inv",
]

for _name in __all__:
    if callable(globals().get(_name)) and not isinstance(globals()[_name], type):
        globals()[_name] = _through_doors(globals()[_name])
