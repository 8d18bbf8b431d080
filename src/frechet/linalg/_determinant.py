"""Determinants and their logarithms."""

from __future__ import annotations

from typing import Any

from ..linear_map import Array
from ..rule import primal
from ..rules.linalg_factors import factorized
from ..rules.linalg_solve import SlogdetResult, det_rule, slogdet_rule
from ._arguments import as_matrix
from ._capability import capability
from ._dense_factor import dense_factor, structure_named

__all__ = ["det", "logdet", "slogdet"]


@capability("nowhere: it is a polynomial, and its derivative at singular matrices is the adjugate")
def det(a: Array, overwrite_a: bool = False, check_finite: bool = True) -> Array:
    """The determinant of a matrix, as scipy.linalg.det, with derivatives.

    Parameters
    ----------
    a : (..., n, n) array_like
        Real or complex, plain or traced; leading axes are a batch.
    overwrite_a : bool, optional
        For SciPy's signature; nothing is overwritten.
    check_finite : bool, optional
        Whether nan and inf are refused.

    Returns
    -------
    (...) float64 or complex128
        The determinant; in double precision for every a, as in SciPy, since it overflows early.

    Raises
    ------
    ValueError
        For a matrix that is not square, nan and inf.

    Notes
    -----
    The product of the pivots of an LU. The gradient is conj(det a) a⁻ᴴ from the same LU, and near singular
    matrices the matrix of cofactors from a singular value decomposition, by a formula that divides by nothing
    small; so derivatives of all orders are exact there, too.  The computed determinant is that of a matrix
    which differs from a by a modest multiple of n ε ‖a‖ (Higham, Accuracy and Stability of Numerical
    Algorithms, 2002, section 14.6).

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.linalg.det(np.array([[1.0, 2.0], [3.0, 4.0]]))
    np.float64(-2.0)
    >>> fr.grad(fr.linalg.det)(np.array([[1.0, 2.0], [2.0, 4.0]])).round(12)
    array([[ 4., -2.],
           [-2.,  1.]])
    """
    a = as_matrix(a, "det: a", square=True, check_finite=check_finite)
    if a.dtype.char in "fF":
        a = a.astype("d" if a.dtype.char == "f" else "D")
    return det_rule(a, factorized(a))


@capability("a is singular: LinAlgError")
def slogdet(a: Array, check_finite: bool = True) -> Any:
    """The sign of a determinant and the logarithm of its absolute value, as numpy.linalg.slogdet.

    Parameters
    ----------
    a : (..., n, n) array_like
        Real or complex, plain or traced; leading axes are a batch.
    check_finite : bool, optional
        Whether nan and inf are refused.

    Returns
    -------
    sign : (...) array
        −1, 0 or 1, or a complex number of absolute value one.
    logabsdet : (...) array
        log abs(det a), −inf for a singular matrix.

    Raises
    ------
    numpy.linalg.LinAlgError
        For a derivative at a singular matrix.
    ValueError
        For a matrix that is not square, nan and inf.

    Notes
    -----
    d log det a = tr(a⁻¹ da), so the gradient of logabsdet is a⁻ᴴ, from the same LU.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> a = np.diag([-2.0, 4.0])
    >>> fr.linalg.slogdet(a)
    SlogdetResult(sign=np.float64(-1.0), logabsdet=np.float64(2.0794415416798357))
    >>> fr.grad(lambda a: fr.linalg.slogdet(a)[1])(a)
    array([[-0.5 ,  0.  ],
           [ 0.  ,  0.25]])
    """
    a = as_matrix(a, "slogdet: a", square=True, check_finite=check_finite)
    return SlogdetResult(*slogdet_rule(a, factorized(a)))


@capability("a is singular: LinAlgError; with assume_a='pos', not positive definite: LinAlgError")
def logdet(a: Array, *, assume_a: str | None = None, lower: bool = False, check_finite: bool = True) -> Array:
    """The logarithm of the absolute value of a determinant.

    Parameters
    ----------
    a : (..., n, n) array_like
        Real or complex, plain or traced; leading axes are a batch.
    assume_a : {None, "gen", "pos"}, optional
        "pos" for Hermitian positive definite matrices, by Cholesky: half the work, and an error for others.
    lower : bool, optional
        With assume_a="pos", which triangle is read.
    check_finite : bool, optional
        Whether nan and inf are refused.

    Returns
    -------
    (...) array
        log abs(det a), −inf for a singular matrix.

    Raises
    ------
    numpy.linalg.LinAlgError
        If a is not positive definite where that is assumed; for a derivative at a singular matrix.
    ValueError
        For a matrix that is not square, nan and inf, an unknown structure.

    Notes
    -----
    The gradient is a⁻ᴴ, from the same factorization.  With assume_a="pos" it is Hermitian where a is, to half
    of the digits, and lies in the triangle that is read otherwise.

    Examples
    --------
    The log-likelihood of a covariance matrix, given the sample's; its gradient vanishes where they agree:

    >>> import numpy as np
    >>> import frechet as fr
    >>> sample = np.array([[2.0, 0.5], [0.5, 1.0]])
    >>> def loglik(C):
    ...     return -fr.linalg.logdet(C, assume_a="pos") - np.trace(fr.linalg.solve(C, sample, assume_a="pos"))
    >>> loglik(sample)
    np.float64(-2.5596157879354227)
    >>> abs(fr.grad(loglik)(sample)).max() < 1e-15
    np.True_
    """
    structure = structure_named("logdet", assume_a)
    if structure not in (None, "general", "positive definite"):
        raise ValueError(f"logdet: assume_a is None, 'gen' or 'pos', got {assume_a!r}")
    a = as_matrix(a, "logdet: a", square=True, check_finite=check_finite)
    if structure == "positive definite" and a.size:
        return slogdet_rule(a, dense_factor(primal(a), structure, lower))[1]
    return slogdet_rule(a, factorized(a))[1]
