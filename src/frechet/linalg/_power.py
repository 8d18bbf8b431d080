"""Fractional powers of a matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import NotDifferentiableError
from ..linear_map import Array
from ..rule import carriers, primal
from ._arguments import as_matrix
from ._capability import capability
from ._expm import expm
from ._logm import matrix_logarithm
from ._primary_function import PrimaryFunction
from ._scaling_factor import LogFactor, PowerFactor

__all__ = ["fractional_matrix_power"]


@capability(
    "for fractional t, singular A and eigenvalues on the negative real axis (for real A: equal ones): "
    "NotDifferentiableError"
)
def fractional_matrix_power(A: Array, t: Any) -> Array:
    """The principal power A^t of a matrix, as scipy.linalg.fractional_matrix_power, with derivatives.

    Parameters
    ----------
    A : (..., n, n) array_like
        Real or complex, plain or traced; leading axes are a batch.
    t : float
        The power; a traced one is differentiated, too.

    Returns
    -------
    (..., n, n) array
        Of A's dtype (float64 for integers), or complex for a real A with negative eigenvalues.

    Raises
    ------
    ValueError
        Where A is not a square matrix or a stack of them, for nan and inf, and for t that is not a finite
        number.
    TypeError
        If t is not a real number.
    numpy.linalg.LinAlgError
        For singular A with t < 0, and for fractional t where zero is a defective eigenvalue of A, which then
        has no such power.
    frechet.errors.NotDifferentiableError
        Where a derivative is asked for and there is none, as for `logm`.

    Notes
    -----
    A^t = A^k A^(t−k) with the integer k below or above t that is better conditioned.  The fraction is taken
    by inverse scaling and squaring on a Schur form, in real arithmetic for real A, with a Padé approximant in
    partial fractions (Higham & Lin, SIAM J. Matrix Anal. Appl. 34:1341, 2013), whose parts serve the
    derivative, too; the adjoint is G ↦ L(A, Gᴴ)ᴴ.  Higher derivatives are powers of 2n × 2n block matrices
    whose Schur form is known.  Integer powers are `numpy.linalg.matrix_power`.  For traced t it is e^(t log
    A), whose derivative in t is log(A) A^t.  Single precision is computed in double.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.linalg.fractional_matrix_power(np.array([[1.0, 3.0], [1.0, 4.0]]), 0.5)
    array([[0.75592895, 1.13389342],
           [0.37796447, 1.88982237]])
    >>> power = fr.linalg.fractional_matrix_power
    >>> round(fr.grad(lambda t: power(np.diag([4.0, 1.0]), t)[0, 0])(1.5), 10)
    11.090354889
    """
    A = as_matrix(A, "fractional_matrix_power: A", square=True)
    p = _real_number(primal(t))
    if type(t) in carriers:
        return _differentiable_in_t(A, t)
    if p == int(p):
        return np.linalg.matrix_power(A, int(p))
    k, factor = PowerFactor.of_power(primal(A), p)
    fraction = _power(A, factor)
    return np.matmul(np.linalg.matrix_power(A, k), fraction) if k else fraction


_power = PrimaryFunction(
    "fractional_matrix_power",
    "A^t = exp(i*theta*t) * (exp(-i*theta) * A)^t with a real theta moves the cut elsewhere; "
    "A + delta * I is not singular",
)


def _differentiable_in_t(A: Array, t: Array) -> Array:
    factor = LogFactor(primal(A))
    if factor.singular:
        raise NotDifferentiableError(
            "fr.linalg.fractional_matrix_power: A is singular, so that A^t has no derivative log(A) A^t in "
            "t. Way out: keep t constant, or take A + delta * I."
        )
    logarithm = matrix_logarithm(A, factor)
    exponent = t * logarithm
    return expm(exponent if exponent.dtype == logarithm.dtype else exponent.astype(logarithm.dtype))


def _real_number(t: Any) -> float:
    number = np.asarray(t)
    if number.ndim or number.dtype.kind not in "biuf":
        raise TypeError(f"fractional_matrix_power: t must be a real number, got {t!r}")
    if not np.isfinite(t):
        raise ValueError(f"fractional_matrix_power: t must be finite, got {t!r}")
    return float(t)
