"""Toeplitz and circulant systems and products, differentiated in the first column and row."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array
from ..rule import primal
from ._arguments import as_inexact, as_vector, linear_system, same_dtype, stack_shape, to_stack
from ._capability import capability
from ._factor import each_factor
from ._structured import solve as structured_solve
from ._structured import times as structured_times
from ._toeplitz_factor import LevinsonFactor, Toeplitz

__all__ = ["matmul_toeplitz", "solve_circulant", "solve_toeplitz"]


@capability("a leading principal minor of the matrix is singular: LinAlgError")
def solve_toeplitz(c_or_cr: Any, b: Array, check_finite: bool = True) -> Array:
    """The solution x of ``T @ x = b`` for a Toeplitz matrix T, as scipy.linalg.solve_toeplitz.

    Parameters
    ----------
    c_or_cr : (..., n) array_like, or a tuple of two
        The first column c, or (c, r) with the first row r, whose first entry is not read; without r it is
        conj(c).  Plain or traced, real or complex; leading axes are a batch.
    b : (n,) or (..., n, k) array_like
        The right side.
    check_finite : bool, optional
        Whether nan and inf are refused.

    Returns
    -------
    (n,) or (..., n, k) array
        The solution; computed in double precision, and of the precision of the arguments.

    Raises
    ------
    numpy.linalg.LinAlgError
        If a leading principal minor of T is singular, as for every singular T.
    ValueError
        For wrong shapes, nan and inf.

    Notes
    -----
    Levinson's recursion, O(n²) operations for a right side; from a few directions on, the inverse is applied
    by FFT in O(n log n) for each (Gohberg & Semencul 1972), with iterative refinement.  The gradients are the
    sums of −b̄ xᴴ along its diagonals, a correlation computed by FFT in O(n log n); T is never formed. The
    recursion is stable for positive definite matrices (Cybenko, SIAM J. Sci. Stat. Comput. 1:303, 1980), and
    may lose accuracy for others.

    Examples
    --------
    The coefficients of a linear predictor, from autocovariances (Yule–Walker), and their derivatives:

    >>> import numpy as np
    >>> import frechet as fr
    >>> acov = np.array([2.0, 1.2, 0.9])
    >>> def predictor(acov):
    ...     return fr.linalg.solve_toeplitz(acov[:-1], acov[1:])
    >>> predictor(acov)
    array([0.515625, 0.140625])
    >>> fr.jacobian(predictor)(acov)
    array([[-0.33691406,  0.91308594, -0.46875   ],
           [ 0.13183594, -0.80566406,  0.78125   ]])
    """
    c, r = c_or_cr if isinstance(c_or_cr, tuple) else (c_or_cr, None)
    v, m, n, b, vector = _arguments("solve_toeplitz", c, r, b, check_finite)
    if m != n:
        raise ValueError(f"solve_toeplitz: c and r must have the same length, got {m} and {n}")
    if not b.size or not v.size:
        return b[..., 0] if vector else b
    x = structured_solve(v, b, Toeplitz(n, n), each_factor(primal(v), 1, LevinsonFactor), False)
    return x[..., 0] if vector else x


@capability("nowhere: it is linear in each argument")
def matmul_toeplitz(c_or_cr: Any, x: Array, check_finite: bool = False, workers: int | None = None) -> Array:
    """The product ``T @ x`` with a Toeplitz matrix T, as scipy.linalg.matmul_toeplitz, with derivatives.

    Parameters
    ----------
    c_or_cr : (..., m) array_like, or a tuple of it and a (..., n) array_like
        The first column c, or (c, r) with the first row r, whose first entry is not read; without r it is
        conj(c).  Plain or traced, real or complex; leading axes are a batch.
    x : (n,) or (..., n, k) array_like
        The vector or matrix.
    check_finite : bool, optional
        Whether nan and inf are refused.
    workers : int, optional
        The number of threads for the FFTs, as in scipy.fft.

    Returns
    -------
    (m,) or (..., m, k) array
        The product, of the precision of the arguments.

    Raises
    ------
    ValueError
        For wrong shapes, nan and inf.

    Notes
    -----
    FFTs of length m + n − 1 or a little more; the gradients in c, r and x are correlations of the same cost.
    The error is of the size ε log(m + n) ‖T‖ ‖x‖, not ε abs(T) abs(x) entry by entry.

    Examples
    --------
    The response of a moving average to shocks, and what it owes to each coefficient:

    >>> import numpy as np
    >>> import frechet as fr
    >>> shocks = np.array([1.0, 0.0, -1.0, 2.0])
    >>> def response(theta):
    ...     c = np.concatenate([theta, np.zeros(2)])
    ...     return fr.linalg.matmul_toeplitz((c, np.zeros(4)), shocks)
    >>> response(np.array([1.0, 0.5]))
    array([ 1. ,  0.5, -1. ,  1.5])
    >>> fr.grad(lambda theta: response(theta)[-1])(np.array([1.0, 0.5]))
    array([ 2., -1.])
    """
    c, r = c_or_cr if isinstance(c_or_cr, tuple) else (c_or_cr, None)
    v, m, n, x, vector = _arguments("matmul_toeplitz", c, r, x, check_finite, "x")
    if not x.size or not v.size:
        y = np.zeros((*x.shape[:-2], m, x.shape[-1]), x.dtype)
    else:
        y = structured_times(v, x, Toeplitz(m, n, workers), False)
    return y[..., 0] if vector else y


def _arguments(
    call: str, c: Any, r: Any, b: Any, check_finite: bool, name: str = "b"
) -> tuple[Array, int, int, Array, bool]:
    """The diagonals of the matrix, its shape, b as a matrix in that dtype; whether it was a vector."""
    c = as_vector(c, f"{call}: c", check_finite=check_finite)
    r = np.conj(c) if r is None else as_vector(r, f"{call}: r", check_finite=check_finite)
    c, r = same_dtype(c, r)
    m, n = c.shape[-1], r.shape[-1]
    stack = stack_shape(call, c, r, core=1)
    v = np.concatenate([to_stack(r[..., :0:-1], stack, 1), to_stack(c, stack, 1)], axis=-1)
    v, b, vector = linear_system(call, v, b, n, core=1, check_finite=check_finite, name=name)
    return v, m, n, b, vector


@capability("an eigenvalue is zero: LinAlgError; with singular='lstsq' it is taken to remain zero")
def solve_circulant(
    c: Array,
    b: Array,
    singular: str = "raise",
    tol: Any = None,
    caxis: int = -1,
    baxis: int = 0,
    outaxis: int = 0,
) -> Array:
    """The solution x of ``C @ x = b`` for a circulant matrix C, as scipy.linalg.solve_circulant.

    Parameters
    ----------
    c : array_like
        The first column, along caxis.  Plain or traced, real or complex; other axes are a batch.
    b : array_like
        The right side, along baxis.
    singular : str, optional
        "raise" for an error where C is near singular, any other ("lstsq") for the shortest solution of least
        squares.
    tol : float, optional
        Eigenvalues of absolute value up to tol count as zero; by default n ε times the largest one.
    caxis, baxis, outaxis : int, optional
        The axes along which c, b and x lie; the others broadcast.

    Returns
    -------
    array
        The solution, of the precision of the arguments.

    Raises
    ------
    numpy.linalg.LinAlgError
        If C is near singular and singular="raise".
    ValueError
        For wrong shapes.

    Notes
    -----
    x = F⁻¹(F b / F c), F being the Fourier transform, which diagonalizes C.  Its derivatives are computed
    by the same FFTs, in O(n log n).  The shortest solution of a singular system is differentiated among
    circulant matrices with the same zero eigenvalues: where one of them is about to become nonzero, x
    jumps.

    Examples
    --------
    Undoing a periodic blur, and how the result depends on the blur:

    >>> import numpy as np
    >>> import frechet as fr
    >>> blur, seen = np.array([0.6, 0.2, 0.0, 0.2]), np.array([1.0, 2.0, 3.0, 2.0])
    >>> fr.linalg.solve_circulant(blur, seen)
    array([0.33333333, 2.        , 3.66666667, 2.        ])
    >>> fr.grad(lambda blur: fr.linalg.solve_circulant(blur, seen)[0])(blur)
    array([ 0.77777778, -2.        , -4.77777778, -2.        ])
    """
    c, b = (as_inexact(x, f"solve_circulant: {name}") for x, name in ((c, "c"), (b, "b")))
    c, b = (np.reshape(x, (1,)) if x.ndim == 0 else x for x in (c, b))
    for name, x, axis in (("c", c, caxis), ("b", b, baxis)):
        if not -x.ndim <= axis < x.ndim:
            raise ValueError(f"solve_circulant: '{name}axis' entry is out of bounds")
    c, b = same_dtype(c, b)
    if c.shape[caxis] != b.shape[baxis]:
        raise ValueError(f"solve_circulant: shapes of c {c.shape} and b {b.shape} are incompatible")
    n = c.shape[caxis]
    if not b.size or not c.size:
        return np.zeros(b.shape, b.dtype)
    real = c.dtype.kind != "c"
    forward, back = (np.fft.rfft, np.fft.irfft) if real else (np.fft.fft, np.fft.ifft)
    Fc = forward(np.moveaxis(c, caxis, -1), axis=-1)
    size = np.abs(primal(Fc))
    if tol is None:
        tol = size.max(axis=-1, keepdims=True) * n * np.finfo(size.dtype).eps
    zero = size <= tol
    Fb = forward(np.moveaxis(b, baxis, -1), axis=-1)
    if zero.any():
        if singular == "raise":
            raise np.linalg.LinAlgError(
                "solve_circulant: near singular circulant matrix; singular='lstsq' gives the shortest "
                "solution of least squares"
            )
        quotient = Fb / (Fc * ~zero + zero) * ~zero
    else:
        quotient = Fb / Fc
    x = back(quotient, n, axis=-1)
    return np.moveaxis(x, -1, outaxis)
