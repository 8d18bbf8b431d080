"""numpy.linalg: where its functions are.

========================  ===================================================================================
linalg_solve              inv, solve, tensorinv, tensorsolve, det, slogdet, matrix_power, multi_dot
linalg_factorizations     cholesky, qr
linalg_spectral           eigh, eigvalsh, eig, eigvals
linalg_svd                svd, svdvals, matrix_rank
linalg_least_squares      pinv, lstsq
linalg_norms              norm, vector_norm, matrix_norm, cond
products                  matmul, vecdot, outer, cross (the rule: numerical), tensordot, trace
shaping                   matrix_transpose
selecting                 diagonal
linalg_factors            what they share: LU and triangular factorizations
linalg_svd_factor         what they share: decompositions for least squares and pseudoinverses
linalg_triangular         what they share: products and solves with triangular matrices in blocks
linalg_equal_eigenvalues  what they share: second derivatives where eigenvalues are equal
linalg_gaps               what they share: division by differences of eigenvalues
========================  ===================================================================================
"""

from __future__ import annotations

from . import (
    linalg_factorizations,
    linalg_least_squares,
    linalg_norms,
    linalg_solve,
    linalg_spectral,
    linalg_svd,
)

__all__ = [
    "linalg_factorizations",
    "linalg_least_squares",
    "linalg_norms",
    "linalg_solve",
    "linalg_spectral",
    "linalg_svd",
]
