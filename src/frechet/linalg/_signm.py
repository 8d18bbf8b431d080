"""The matrix sign function."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..linear_map import Array, identity, left, right
from ..rule import Rule, primal
from ._arguments import as_matrix
from ._capability import capability
from ._sign_factor import SignFactor
from ._sqrtm import DoubleSolve

__all__ = ["signm"]


@capability("eigenvalues on the imaginary axis: NotDifferentiableError")
def signm(A: Array, disp: bool | None = None) -> Any:
    """The sign S of a matrix, S² = I, as scipy.linalg.signm, with derivatives.

    S has the eigenvectors of A, with eigenvalue 1 for those in the right half plane and −1 for those in the
    left.

    Parameters
    ----------
    A : (..., n, n) array_like
        Real or complex, plain or traced; leading axes are a batch.
    disp : bool, optional
        Deprecated, as in SciPy.  If False, an estimate of the error is returned, too.

    Returns
    -------
    signm : (..., n, n) array
        Of A's dtype (float64 for integers).
    errest : (...) array
        ‖S³ − S‖/‖S‖ in the 1-norm; only if ``disp`` is False.  A constant under differentiation.

    Raises
    ------
    ValueError
        Where A is not a square matrix or a stack of them, and for nan and inf.
    numpy.linalg.LinAlgError
        Where eigenvalues on both sides of the imaginary axis cannot be told apart.
    frechet.errors.NotDifferentiableError
        Where a derivative is asked for and A has eigenvalues on the imaginary axis.  Their sign is 0, as in
        SciPy: those with a real part below 1000 u of the largest modulus.

    Notes
    -----
    From a Schur form in the order of the signs, and one triangular Sylvester equation; the rounding error is
    that of a change of A of the size u ‖A‖, but for the condition of that equation (Higham, Functions of
    Matrices, section 5.2).  With N = S A, the square root of A² in the right half plane, the derivative
    solves N L + L N = E − S E S (Kenney & Laub, SIAM J. Matrix Anal. Appl. 12:488, 1991; from A = S N, A² =
    N²): another triangular Sylvester equation, in the basis of the same Schur form.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> np.round(fr.linalg.signm(np.array([[2.0, 3.0], [0.0, -1.0]])), 12)
    array([[ 1.,  2.],
           [ 0., -1.]])
    >>> round(fr.grad(lambda a: fr.linalg.signm([[2.0, a], [0.0, -1.0]])[0, 1])(3.0), 12)
    0.666666666667
    """
    if disp is not None:
        warnings.warn(
            "The `disp` argument is deprecated, as in SciPy, which removes it in 1.18.0.",
            DeprecationWarning,
            stacklevel=2,
        )
    A = as_matrix(A, "signm: A", square=True)
    factor = SignFactor(primal(A))
    S = _signm(A, factor=factor)
    if disp is None or disp:
        return S
    plain = factor.value
    error = np.abs(plain @ plain @ plain - plain).sum(-2).max(-1, initial=0.0)
    return S, error / np.maximum(np.abs(plain).sum(-2).max(-1, initial=0.0), 1)


def _signm_body(A: Array, factor: SignFactor) -> Any:
    # A = N S:  dA = dN S + N dS.  A = S N:  dA = dS N + S dN, so that S dA S = −dS N + dN S, because S dS =
    # −dS S (from S² = I) and S N S = N.  The difference:  N dS + dS N = dA − S dA S.
    S = _signm(A, factor=factor)
    N = np.matmul(S, A)
    return S, DoubleSolve(N, factor, "signm", _ANOTHER_LINE) @ (identity - left(S) @ right(S))


def _signm_value(A: Array, factor: SignFactor) -> Array:
    return factor.value


_signm = Rule(_signm_value, _signm_body, "frechet.linalg.signm")

_ANOTHER_LINE = "signm(A - c * I) parts the spectrum at the real part c"
