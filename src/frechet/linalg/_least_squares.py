"""Least squares and pseudoinverses, least norm where the rank is deficient; derivatives at constant rank."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array
from ..rule import primal
from ..rules.linalg_least_squares import least_norm, pinv_of, singular_values, squared_residuals
from ..rules.linalg_svd_factor import EighFactor, SVDFactor, svd_factor
from ._arguments import as_matrix, linear_system, to_stack
from ._capability import capability

__all__ = ["lstsq", "pinv", "pinvh"]

_CONSTANT_RANK = (
    "where a small change of a changes its rank: the value jumps there, and the derivative is that among "
    "matrices of the same rank, which the tolerances determine"
)


@capability(_CONSTANT_RANK)
def lstsq(
    a: Array,
    b: Array,
    cond: float | None = None,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    lapack_driver: str | None = None,
) -> Any:
    """The shortest x of least ‖b − a x‖, as scipy.linalg.lstsq, with derivatives.

    Parameters
    ----------
    a : (..., m, n) array_like
        Plain or traced, real or complex; leading axes are a batch and broadcast against those of b.
    b : (m,) or (..., m, k) array_like
        The right side.
    cond : float, optional
        Singular values of a up to cond times the largest one count as zero; by default, and for
        negative numbers, the rounding unit ε.  This is the rank at which the solution is differentiated.
    overwrite_a, overwrite_b : bool, optional
        For SciPy's signature; nothing is overwritten.
    check_finite : bool, optional
        Whether nan and inf are refused.
    lapack_driver : {None, "gelsd", "gelsy", "gelss"}, optional
        One singular value decomposition is computed in any case; "gelsy" leaves the residues and singular
        values out, as in SciPy.

    Returns
    -------
    x : (n,) or (..., n, k) array
        The solution.
    residues : () or (..., k) array
        ‖b − a x‖² for each column, where m > n and all matrices have rank n; else of shape (..., 0).
    rank : int, or array of int for a batch
        The rank.
    s : (..., min(m, n)) array, or None
        The singular values of a.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the singular value decomposition does not converge.
    ValueError
        For wrong shapes, nan and inf, an unknown driver.

    Notes
    -----
    With P the pseudoinverse of a and r = b − a x, the derivative among matrices of the same rank is

        dx = P (db − da x) + P Pᴴ daᴴ r + (I − P a) daᴴ Pᴴ x

    (Golub & Pereyra, SIAM J. Numer. Anal. 10:413, 1973).  The last term is zero for independent columns, the
    second for independent rows.  One decomposition serves value, pushforward and pullback.  The solution is
    that of a problem with data that differ by a modest multiple of ε ‖a‖ (Higham, Accuracy and Stability of
    Numerical Algorithms, 2002, chapter 20).  Singular values are not differentiable at zero; they get the
    derivative 0 there.

    Examples
    --------
    The slope of a regression, and the influence of each observation on it:

    >>> import numpy as np
    >>> import frechet as fr
    >>> X = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0], [1.0, 3.0]])
    >>> y = np.array([1.0, 3.0, 2.0, 6.0])
    >>> fr.linalg.lstsq(X, y)[0]
    array([0.9, 1.4])
    >>> fr.grad(lambda y: fr.linalg.lstsq(X, y)[0][1])(y)
    array([-0.3, -0.1,  0.1,  0.3])
    >>> fr.grad(lambda X: fr.linalg.lstsq(X, y)[0][1])(X)[:, 1]
    array([ 0.44,  0.28, -0.48, -0.24])
    """
    if cond is not None and np.isnan(cond):
        raise ValueError("lstsq: cond must be a number, got nan")
    if lapack_driver not in (None, "gelsd", "gelsy", "gelss"):
        raise ValueError(f'lstsq: LAPACK driver "{lapack_driver}" is not found; gelsd, gelsy and gelss are')
    a = as_matrix(a, "lstsq: a", check_finite=check_finite)
    m, n = a.shape[-2:]
    a, b, vector = linear_system("lstsq", a, b, m, check_finite=check_finite)
    stack = b.shape[:-2]
    plain = primal(a)
    factor = svd_factor(plain, 0.0, np.finfo(a.dtype).eps if cond is None or cond < 0 else cond)
    x = least_norm(a, b, factor, False)
    full_driver = lapack_driver != "gelsy"
    if full_driver and m > n and factor.independent_columns:
        residues = squared_residuals(a, b, factor)
        residues = residues[..., 0] if vector else residues
    else:
        residues = np.zeros((*stack, 0), factor.s.dtype)
    rank: Any = np.broadcast_to(factor.rank, stack) if stack else int(factor.rank)
    s = None
    if full_driver:
        s = singular_values(a, factor)
        s = s if s.ndim > len(stack) else to_stack(s, stack, 1)
    return x[..., 0] if vector else x, residues, rank, s


@capability(_CONSTANT_RANK)
def pinv(
    a: Array,
    *,
    atol: float | None = None,
    rtol: float | None = None,
    return_rank: bool = False,
    check_finite: bool = True,
) -> Any:
    """The Moore–Penrose pseudoinverse, as scipy.linalg.pinv, with derivatives.

    Parameters
    ----------
    a : (..., m, n) array_like
        Plain or traced, real or complex; leading axes are a batch.
    atol, rtol : float, optional
        Singular values up to atol + rtol times the largest one count as zero: by default 0 and max(m, n) ε.
        This is the rank at which the pseudoinverse is differentiated.
    return_rank : bool, optional
        Whether the rank is returned, too.
    check_finite : bool, optional
        Whether nan and inf are refused.

    Returns
    -------
    B : (..., n, m) array
        The pseudoinverse.
    rank : int, or array of int for a batch
        If return_rank is set.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the singular value decomposition does not converge.
    ValueError
        For nan and inf, and for negative tolerances.

    Notes
    -----
    Among matrices of the same rank, with Y = a⁺ (Golub & Pereyra, SIAM J. Numer. Anal. 10:413, 1973),

        dY = −Y da Y + Y Yᴴ daᴴ (I − a Y) + (I − Y a) daᴴ Yᴴ Y.

    Examples
    --------
    The projection onto the range of a matrix of rank one, and a derivative among such matrices:

    >>> import numpy as np
    >>> import frechet as fr
    >>> def projection(u):
    ...     a = np.outer(u, np.array([1.0, 1.0]))
    ...     return a @ fr.linalg.pinv(a, rtol=1e-10)
    >>> projection(np.array([2.0, 0.0])).round(12)
    array([[1., 0.],
           [0., 0.]])
    >>> fr.jacobian(projection)(np.array([2.0, 0.0]))[0, 1].round(12) + 0.0
    array([0. , 0.5])
    """
    a = as_matrix(a, "pinv: a", check_finite=check_finite)
    atol, rtol = _tolerances("pinv", atol, rtol, max((*a.shape[-2:], 0)) * np.finfo(a.dtype).eps)
    factor = SVDFactor(primal(a), atol, rtol)
    Y = pinv_of(a, factor)
    return (Y, factor.public_rank) if return_rank else Y


@capability(_CONSTANT_RANK)
def pinvh(
    a: Array,
    atol: float | None = None,
    rtol: float | None = None,
    lower: bool = True,
    return_rank: bool = False,
    check_finite: bool = True,
) -> Any:
    """The pseudoinverse of a Hermitian matrix, as scipy.linalg.pinvh, with derivatives.

    Parameters
    ----------
    a : (..., n, n) array_like
        Plain or traced, real or complex; leading axes are a batch.
    atol, rtol : float, optional
        Eigenvalues of absolute value up to atol + rtol times the largest one count as zero: by default 0
        and n ε.
    lower : bool, optional
        Which triangle is read.
    return_rank : bool, optional
        Whether the rank is returned, too.
    check_finite : bool, optional
        Whether nan and inf are refused.

    Returns
    -------
    B : (..., n, n) array
        The pseudoinverse.
    rank : int, or array of int for a batch
        If return_rank is set.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the eigenvalue decomposition does not converge.
    ValueError
        For a matrix that is not square, nan and inf, and for negative tolerances.

    Notes
    -----
    The derivative is that of `pinv`, at constant rank.  The gradient is Hermitian where a is, to half of the
    digits; else it lies in the triangle that is read.

    Examples
    --------
    The covariance of ranks, singular because they add up to a constant:

    >>> import numpy as np
    >>> import frechet as fr
    >>> C = np.array([[1.0, -1.0], [-1.0, 1.0]])
    >>> fr.linalg.pinvh(C)
    array([[ 0.25, -0.25],
           [-0.25,  0.25]])
    >>> round(fr.grad(lambda t: fr.linalg.pinvh(t * C)[0, 0])(2.0), 12)
    -0.0625
    """
    a = as_matrix(a, "pinvh: a", square=True, check_finite=check_finite)
    atol, rtol = _tolerances("pinvh", atol, rtol, a.shape[-1] * np.finfo(a.dtype).eps)
    factor = EighFactor(primal(a), lower, atol, rtol)
    Y = pinv_of(a, factor)
    return (Y, factor.public_rank) if return_rank else Y


def _tolerances(call: str, atol: float | None, rtol: float | None, default: float) -> tuple[float, float]:
    atol = 0.0 if atol is None else atol
    rtol = default if rtol is None else rtol
    if not (atol >= 0 and rtol >= 0):
        raise ValueError(f"{call}: atol and rtol must not be negative, got {atol} and {rtol}")
    return atol, rtol
