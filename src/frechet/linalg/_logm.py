"""The matrix logarithm."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..linear_map import Array
from ..rule import primal
from ._arguments import as_matrix
from ._capability import capability
from ._expm_factor import ExpmFactor
from ._primary_function import PrimaryFunction
from ._scaling_factor import LogFactor

__all__ = ["logm", "matrix_logarithm"]


@capability(
    "singular A, eigenvalues on the negative real axis (for real A: equal ones): NotDifferentiableError"
)
def logm(A: Array, disp: bool | None = None) -> Any:
    """The principal logarithm X of a matrix, e^X = A, as scipy.linalg.logm, with derivatives.

    Parameters
    ----------
    A : (..., n, n) array_like
        Real or complex, plain or traced; leading axes are a batch.
    disp : bool, optional
        Deprecated, as in SciPy.  If False, an estimate of the error is returned in place of a warning.

    Returns
    -------
    logm : (..., n, n) array
        Of A's dtype (float64 for integers), or complex for a real A with negative eigenvalues.
    errest : (...) array
        ‖e^X − A‖/‖A‖ in the 1-norm; only if ``disp`` is False.  A constant under differentiation.

    Raises
    ------
    ValueError
        Where A is not a square matrix or a stack of them, and for nan and inf.
    frechet.errors.NotDifferentiableError
        Where a derivative is asked for and there is none: at singular A, at eigenvalues on the negative real
        axis of a complex A, and at equal ones there of a real A.

    Warns
    -----
    LogmExactlySingularWarning, LogmNearlySingularWarning
        SciPy's, for singular A, which has no logarithm; 1e-20 then stands for the eigenvalue zero.
    RuntimeWarning
        Where the error estimate is 1000 u or more, as in SciPy.  The exponential of the estimate is often
        worse conditioned than the logarithm, so the result may be better than the warning says.

    Notes
    -----
    Inverse scaling and squaring on a Schur form, in real arithmetic for real A, with a Padé approximant in
    partial fractions (Al-Mohy & Higham, SIAM J. Sci. Comput. 34:C153, 2012).  But for rounding in the square
    roots, value and derivative are those of a matrix T^(1/2^s) with a relative error of u = 2⁻⁵³.  Schur
    form, roots and fractions serve the derivative, too, and its adjoint is G ↦ L(A, Gᴴ)ᴴ (Al-Mohy, Higham &
    Relton, SIAM J. Sci. Comput. 35:C394, 2013).  Higher derivatives are logarithms of 2n × 2n block matrices
    whose Schur form is known.  Single precision is computed in double.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.linalg.logm(np.array([[1.0, 3.0], [1.0, 4.0]]))
    array([[-1.02571087,  2.05142174],
           [ 0.68380725,  1.02571087]])
    >>> round(fr.grad(lambda a: fr.linalg.logm([[a, 1.0], [0.0, 4.0]])[0, 0])(2.0), 12)
    0.5
    """
    if disp is not None:
        warnings.warn(
            "The `disp` argument is deprecated, as in SciPy, which removes it in 1.18.0.",
            DeprecationWarning,
            stacklevel=2,
        )
    A = as_matrix(A, "logm: A", square=True)
    factor = LogFactor(primal(A))
    _warn_if_singular(factor)
    X = matrix_logarithm(A, factor)
    error = _error(factor.value, primal(A))
    if disp is None or disp:
        worst = np.max(error, initial=0.0)
        if not worst < 1000 * np.finfo(factor.value.dtype).eps:
            warnings.warn(
                f"logm result may be inaccurate, approximate err = {worst}", RuntimeWarning, stacklevel=2
            )
        return X
    return X, error


matrix_logarithm = PrimaryFunction(
    "logm",
    "logm(A) = logm(exp(-i*theta) * A) + i*theta * I with a real theta moves the cut elsewhere; "
    "A + delta * I is not singular",
)


def _error(X: Array, A: Array) -> Array:
    """‖e^X − A‖/‖A‖ in the 1-norm."""
    if not A.size:
        return np.zeros(A.shape[:-2])
    if not np.isfinite(X).all():  # a logarithm beyond the range of numbers
        return np.full(A.shape[:-2], np.inf)
    with np.errstate(all="ignore"):
        difference = ExpmFactor(X).value - A
        return np.asarray(np.abs(difference).sum(-2).max(-1) / np.abs(A).sum(-2).max(-1))


def _warn_if_singular(factor: LogFactor) -> None:
    if factor.singular or factor.nearly_singular:
        from scipy.linalg import _matfuncs_inv_ssq as warned

        if factor.singular:
            message, kind = "is exactly singular", warned.LogmExactlySingularWarning
        else:
            message, kind = "may be nearly singular", warned.LogmNearlySingularWarning
        warnings.warn(f"The logm input matrix {message}.", kind, stacklevel=3)
