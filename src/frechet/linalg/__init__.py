"""Dense linear algebra with derivatives: scipy.linalg's functions, with its names and signatures, and more.

Every function takes plain and traced arrays, with leading batch axes, and is differentiable to any order; the
value, the pushforward and the pullback share one factorization.
"""

from __future__ import annotations

from typing import Any

from numpy.linalg import LinAlgError

from ..guests import through_doors as _through_doors
from ._balance import clarkson_woodruff_transform, matrix_balance
from ._banded import cho_solve_banded, solve_banded, solveh_banded
from ._blocks import block_diag, diagsvd, khatri_rao, kron
from ._cholesky import cholesky, cholesky_banded
from ._condition import expm_cond, frechet_derivative, funm_cond
from ._constant_matrices import (
    bandwidth,
    dft,
    find_best_blas_type,
    get_blas_funcs,
    get_lapack_funcs,
    hadamard,
    helmert,
    hilbert,
    invhilbert,
    invpascal,
    ishermitian,
    issymmetric,
    pascal,
)
from ._constructors import (
    circulant,
    companion,
    convolution_matrix,
    fiedler,
    fiedler_companion,
    hankel,
    leslie,
    toeplitz,
)
from ._determinant import det, logdet, slogdet
from ._eig import eig, eigvals
from ._eig_banded import eig_banded, eigh_tridiagonal, eigvals_banded, eigvalsh_tridiagonal
from ._eigh import eigh, eigvalsh
from ._expm import expm, expm_frechet
from ._expm_multiply import expm_multiply
from ._funm import funm
from ._generalized_sylvester import solve_generalized_sylvester
from ._hessenberg import hessenberg
from ._kalman import (
    Regulator,
    SteadyStateKalman,
    SteadyStateKalmanBucy,
    dlqr,
    lqr,
    steady_state_kalman,
    steady_state_kalman_bucy,
)
from ._ldl import ldl
from ._least_squares import lstsq, pinv, pinvh
from ._logm import logm
from ._lu import lu, lu_factor
from ._lyapunov import solve_continuous_lyapunov, solve_discrete_lyapunov
from ._lyapunov_lowrank import solve_continuous_lyapunov_factor, solve_discrete_lyapunov_factor
from ._norms import norm, schatten_norm
from ._polar import orthogonal_procrustes, polar
from ._power import fractional_matrix_power
from ._projectors import invariant_subspace, spectral_projector
from ._qr import qr, qr_multiply, rq
from ._refused import cossin, interp_decomp, ordqz, qr_delete, qr_insert, qr_update, qz
from ._riccati import solve_continuous_are, solve_discrete_are
from ._schur import cdf2rdf, rsf2csf, schur
from ._signatures import SIGNATURES as _SIGNATURES
from ._signm import signm
from ._solve import inv, solve
from ._sqrtm import sqrtm
from ._structured_arguments import ANSWERED as _ANSWERED
from ._structured_arguments import structured_first as _structured_first
from ._subspaces import null_space, null_space_projector, orth, range_projector, subspace_angles
from ._svd import svd, svdvals
from ._sylvester import solve_sylvester
from ._toeplitz import matmul_toeplitz, solve_circulant, solve_toeplitz
from ._triangular import cho_factor, cho_solve, lu_solve, solve_triangular
from ._trigonometric import coshm, cosm, sinhm, sinm, tanhm, tanm

for _name in _ANSWERED:
    globals()[_name] = _structured_first(globals()[_name])

__all__ = [
    "LinAlgError",
    "LinAlgWarning",
    "Regulator",
    "SteadyStateKalman",
    "SteadyStateKalmanBucy",
    "bandwidth",
    "block_diag",
    "cdf2rdf",
    "cho_factor",
    "cho_solve",
    "cho_solve_banded",
    "cholesky",
    "cholesky_banded",
    "circulant",
    "clarkson_woodruff_transform",
    "companion",
    "convolution_matrix",
    "coshm",
    "cosm",
    "cossin",
    "det",
    "dft",
    "diagsvd",
    "dlqr",
    "eig",
    "eig_banded",
    "eigh",
    "eigh_tridiagonal",
    "eigvals",
    "eigvals_banded",
    "eigvalsh",
    "eigvalsh_tridiagonal",
    "expm",
    "expm_cond",
    "expm_frechet",
    "expm_multiply",
    "fiedler",
    "fiedler_companion",
    "find_best_blas_type",
    "fractional_matrix_power",
    "frechet_derivative",
    "funm",
    "funm_cond",
    "get_blas_funcs",
    "get_lapack_funcs",
    "hadamard",
    "hankel",
    "helmert",
    "hessenberg",
    "hilbert",
    "interp_decomp",
    "inv",
    "invariant_subspace",
    "invhilbert",
    "invpascal",
    "ishermitian",
    "issymmetric",
    "khatri_rao",
    "kron",
    "ldl",
    "leslie",
    "logdet",
    "logm",
    "lqr",
    "lstsq",
    "lu",
    "lu_factor",
    "lu_solve",
    "matmul_toeplitz",
    "matrix_balance",
    "norm",
    "null_space",
    "null_space_projector",
    "ordqz",
    "orth",
    "orthogonal_procrustes",
    "pascal",
    "pinv",
    "pinvh",
    "polar",
    "qr",
    "qr_delete",
    "qr_insert",
    "qr_multiply",
    "qr_update",
    "qz",
    "range_projector",
    "rq",
    "rsf2csf",
    "schatten_norm",
    "schur",
    "signm",
    "sinhm",
    "sinm",
    "slogdet",
    "solve",
    "solve_banded",
    "solve_circulant",
    "solve_continuous_are",
    "solve_continuous_lyapunov",
    "solve_continuous_lyapunov_factor",
    "solve_discrete_are",
    "solve_discrete_lyapunov",
    "solve_discrete_lyapunov_factor",
    "solve_generalized_sylvester",
    "solve_sylvester",
    "solve_toeplitz",
    "solve_triangular",
    "solveh_banded",
    "spectral_projector",
    "sqrtm",
    "steady_state_kalman",
    "steady_state_kalman_bucy",
    "subspace_angles",
    "svd",
    "svdvals",
    "tanhm",
    "tanm",
    "toeplitz",
]


def __getattr__(name: str) -> Any:
    if name == "LinAlgWarning":  # SciPy's, whose linalg is slow to load
        from scipy.linalg import LinAlgWarning

        return LinAlgWarning
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


for _name in __all__:
    if callable(globals().get(_name)) and not isinstance(globals()[_name], type):
        globals()[_name] = _through_doors(globals()[_name], _SIGNATURES.get(_name))
