"""Singular values and vectors."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from ..linear_map import Array
from ..rule import carriers, primal
from ..rules.lapack import lapack
from ..rules.linalg_gaps import Tolerances
from ..rules.linalg_svd import Triplets, singular_values, svd_of
from ._arguments import as_matrix
from ._capability import capability

__all__ = ["svd", "svdvals"]


@capability(
    "vectors of equal or zero singular values, their phase, the basis of a null space: "
    "NotDifferentiableError; symmetric functions of equal values: exact to second order; zero values: "
    "derivative 0, as for abs"
)
def svd(
    a: Array,
    full_matrices: bool = True,
    compute_uv: bool = True,
    overwrite_a: bool = False,
    check_finite: bool = True,
    lapack_driver: str = "gesdd",
    *,
    degeneracy_tol: float | None = None,
    gauge_tol: float | None = None,
    rank_tol: float | None = None,
) -> Any:
    """The singular value decomposition a = U diag(s) Vᴴ, as in SciPy, with derivatives.

    Parameters
    ----------
    a : (..., m, n) array
        Real or complex; leading axes are a batch.
    full_matrices : bool, optional
        Whether U and Vᴴ are square, completed by bases of null spaces.
    compute_uv : bool, optional
        Whether U and Vᴴ are computed.
    overwrite_a : bool, optional
        For SciPy's signature; nothing is overwritten.
    check_finite : bool, optional
        Whether nan and inf are refused.
    lapack_driver : {"gesdd", "gesvd"}, optional
        Divide and conquer, or the QR iteration.
    degeneracy_tol : float, optional
        Singular values that differ by no more than this times the largest count as equal; default 10 k eps,
        k = min(m, n).
    gauge_tol : float, optional
        A cotangent is refused if what depends on the choice of vectors is more than this times its largest
        entry; default sqrt(eps).
    rank_tol : float, optional
        Singular values of no more than this times the largest count as zero; default max(m, n) eps.

    Returns
    -------
    U : (..., m, m) or (..., m, k) array
        Left singular vectors, as columns.
    s : (..., k) array
        Singular values, descending.
    Vh : (..., n, n) or (..., k, n) array
        Right singular vectors, as rows.

    Raises
    ------
    numpy.linalg.LinAlgError
        Where the computation does not converge.
    ValueError
        For nan and inf, and an unknown driver.
    NotDifferentiableError
        Where a derivative is asked for that depends on the choice of vectors (see Notes).

    Notes
    -----
    With E = Uᴴ da V and Hermitian and skew-Hermitian parts H and N:  ds = diag H,  Uᴴ dU = H ∘ F⁻ + N ∘ F⁺,
    Vᴴ dV = H ∘ F⁻ − N ∘ F⁺,  F∓_ij = 1/(s_j ∓ s_i) (for complex input: Wan and Zhang, arXiv:1909.02659).

    Singular vectors are determined up to a common factor of modulus one of each pair, up to a rotation where
    singular values are equal, and the further columns of full matrices are any basis of a null space.  A
    pullback asks whether the function depends on such a choice and raises if it does; a pushforward takes the
    smallest motion.  Functions that are symmetric in equal singular values have the exact first and second
    derivatives; a second one by two pushforwards, and higher ones, are refused.  A singular value that is
    zero folds over like abs(x), and gets the derivative 0 there.

    The singular values are those of a + Δ with ‖Δ‖ of the order of eps ‖a‖ (LAPACK Users' Guide, section
    4.9).

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> A = np.array([[3.0, 0.0], [0.0, 2.0], [0.0, 0.0]])
    >>> U, s, Vh = fr.linalg.svd(A, full_matrices=False)
    >>> s
    array([3., 2.])
    >>> fr.grad(lambda A: np.sum(fr.linalg.svd(A, compute_uv=False) ** 2))(A)
    array([[6., 0.],
           [0., 4.],
           [0., 0.]])
    """
    if not isinstance(lapack_driver, str):
        raise TypeError("svd: lapack_driver must be a string")
    if lapack_driver not in ("gesdd", "gesvd"):
        raise ValueError(f'svd: lapack_driver must be "gesdd" or "gesvd", not "{lapack_driver}"')
    a = as_matrix(a, "svd: a", check_finite=check_finite)
    tolerances = Tolerances(degeneracy_tol, gauge_tol, rank_tol)
    if not compute_uv:
        return _values(a, lapack_driver, tolerances)
    return svd_of(a, Triplets(*_decomposed(primal(a), full_matrices, lapack_driver), tolerances))


@capability(
    "symmetric functions of equal singular values: exact to second order, then NotDifferentiableError; zero "
    "values: derivative 0, as for abs"
)
def svdvals(
    a: Array,
    overwrite_a: bool = False,
    check_finite: bool = True,
    *,
    degeneracy_tol: float | None = None,
    gauge_tol: float | None = None,
    rank_tol: float | None = None,
) -> Array:
    """The singular values, descending: `svd` with ``compute_uv=False``.

    Parameters
    ----------
    a, overwrite_a, check_finite, degeneracy_tol, gauge_tol, rank_tol
        As in `svd`.

    Returns
    -------
    (..., k) array
        The singular values.

    Raises
    ------
    numpy.linalg.LinAlgError, ValueError, NotDifferentiableError
        As `svd`.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.linalg.svdvals(np.array([[0.0, 2.0], [1.0, 0.0]]))
    array([2., 1.])
    >>> fr.grad(lambda A: np.sum(fr.linalg.svdvals(A)))(2 * np.eye(2))
    array([[1., 0.],
           [0., 1.]])
    """
    a = as_matrix(a, "svdvals: a", check_finite=check_finite)
    return _values(a, "gesdd", Tolerances(degeneracy_tol, gauge_tol, rank_tol))


def _values(a: Array, driver: str, tolerances: Tolerances) -> Array:
    if type(a) not in carriers:
        return np.linalg.svdvals(a)
    return singular_values(a, Triplets(*_decomposed(primal(a), False, driver), tolerances))


@lru_cache(maxsize=256)
def _workspace(driver: str, char: str, m: int, n: int, full_matrices: bool) -> int:
    """The size of LAPACK's work array with which it is fastest."""
    return int(lapack(driver + "_lwork", char)(m, n, full_matrices=full_matrices)[0].real)


def _decomposed(a: Array, full_matrices: bool, driver: str) -> tuple[Array, Array, Array]:
    """The decomposition of plain matrices."""
    if a.ndim == 2 and a.size:
        # LAPACK takes matrices by columns: aᵀ = (Vᴴ)ᵀ diag(s) Uᵀ.
        char, (n, m) = a.dtype.char, a.shape
        size = _workspace(driver, char, m, n, full_matrices)
        Vt, s, Ut, info = lapack(driver, char)(a.T, full_matrices=full_matrices, lwork=size)
        if info:
            raise np.linalg.LinAlgError("svd: the singular values did not converge")
        return Ut.T, s, Vt.T
    if driver == "gesdd" or not a.size:
        U, s, Vh = np.linalg.svd(a, full_matrices)
        return U, s, Vh
    import scipy.linalg

    flat = a.reshape(math.prod(a.shape[:-2]), *a.shape[-2:])
    parts = [scipy.linalg.svd(x, full_matrices, check_finite=False, lapack_driver="gesvd") for x in flat]
    U, s, Vh = (np.array([p[k] for p in parts]) for k in range(3))
    stack = a.shape[:-2]
    return U.reshape(stack + U.shape[1:]), s.reshape(stack + s.shape[1:]), Vh.reshape(stack + Vh.shape[1:])
