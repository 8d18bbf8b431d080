"""What has no derivative: matrices made of integers, questions about structure, BLAS and LAPACK."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array
from ..rule import primal
from ._arguments import as_inexact
from ._capability import constant, refused

__all__ = [
    "bandwidth",
    "dft",
    "find_best_blas_type",
    "get_blas_funcs",
    "get_lapack_funcs",
    "hadamard",
    "helmert",
    "hilbert",
    "invhilbert",
    "invpascal",
    "ishermitian",
    "issymmetric",
    "pascal",
]

# --- matrices of integers ----------------------------------------------------------------------------------


@constant
def hadamard(n: int, dtype: Any = int) -> Array:
    """The Hadamard matrix of order n, a power of two: scipy.linalg.hadamard.

    >>> hadamard(2)
    array([[ 1,  1],
           [ 1, -1]])
    """
    from scipy.linalg import hadamard

    return hadamard(n, dtype)


@constant
def helmert(n: int, full: bool = False) -> Array:
    """The Helmert matrix of order n, whose rows are contrasts of means: scipy.linalg.helmert.

    >>> helmert(2).round(4)
    array([[ 0.7071, -0.7071]])
    """
    from scipy.linalg import helmert

    return helmert(n, full)


@constant
def hilbert(n: int) -> Array:
    """The Hilbert matrix of order n, with entries 1/(i + j + 1): scipy.linalg.hilbert.

    >>> hilbert(2)
    array([[1.        , 0.5       ],
           [0.5       , 0.33333333]])
    """
    from scipy.linalg import hilbert

    return hilbert(n)


@constant
def invhilbert(n: int, exact: bool = False) -> Array:
    """The inverse of the Hilbert matrix of order n: scipy.linalg.invhilbert.

    >>> invhilbert(2)
    array([[ 4., -6.],
           [-6., 12.]])
    """
    from scipy.linalg import invhilbert

    return invhilbert(n, exact)


@constant
def pascal(n: int, kind: str = "symmetric", exact: bool = True) -> Array:
    """The matrix of binomial coefficients, symmetric, lower or upper: scipy.linalg.pascal.

    >>> pascal(3).tolist()
    [[1, 1, 1], [1, 2, 3], [1, 3, 6]]
    """
    from scipy.linalg import pascal

    return pascal(n, kind, exact)


@constant
def invpascal(n: int, kind: str = "symmetric", exact: bool = True) -> Array:
    """The inverse of the Pascal matrix: scipy.linalg.invpascal.

    >>> invpascal(3).tolist()
    [[3, -3, 1], [-3, 5, -2], [1, -2, 1]]
    """
    from scipy.linalg import invpascal

    return invpascal(n, kind, exact)


@constant
def dft(n: int, scale: str | None = None) -> Array:
    """The matrix of the discrete Fourier transform, divided by √n or n on demand: scipy.linalg.dft.

    >>> dft(2).real.round(12)
    array([[ 1.,  1.],
           [ 1., -1.]])
    """
    from scipy.linalg import dft

    return dft(n, scale)


# --- questions about structure -----------------------------------------------------------------------------


@constant
def bandwidth(a: Array) -> Any:
    """The numbers of diagonals below and above the main one that are not zero: scipy.linalg.bandwidth.

    Parameters
    ----------
    a : (..., m, n) array_like
        Plain or traced: it is the values that are looked at.

    Returns
    -------
    (int, int), or two arrays of int for a batch
        Below and above.

    Examples
    --------
    >>> import numpy as np
    >>> bandwidth(np.array([[1.0, 2.0, 0.0], [0.0, 3.0, 4.0], [0.0, 0.0, 5.0]]))
    (0, 1)
    """
    from scipy.linalg import bandwidth

    return bandwidth(_value(a))


@constant
def issymmetric(a: Array, atol: float | None = None, rtol: float | None = None) -> Any:
    """Whether a square matrix is symmetric, up to tolerances: scipy.linalg.issymmetric.

    Parameters
    ----------
    a : (..., n, n) array_like
        Plain or traced: it is the values that are looked at.
    atol, rtol : float, optional
        As in numpy.isclose; by default the entries must be equal.

    Returns
    -------
    bool, or array of bool for a batch

    Examples
    --------
    >>> issymmetric([[1.0, 2.0], [2.0, 1.0]])
    True
    """
    from scipy.linalg import issymmetric

    return issymmetric(_value(a), atol, rtol)


@constant
def ishermitian(a: Array, atol: float | None = None, rtol: float | None = None) -> Any:
    """Whether a square matrix is Hermitian, up to tolerances: scipy.linalg.ishermitian.

    Parameters
    ----------
    a : (..., n, n) array_like
        Plain or traced: it is the values that are looked at.
    atol, rtol : float, optional
        As in numpy.isclose; by default the entries must be equal.

    Returns
    -------
    bool, or array of bool for a batch

    Examples
    --------
    >>> ishermitian([[1.0, 2j], [-2j, 1.0]])
    True
    """
    from scipy.linalg import ishermitian

    return ishermitian(_value(a), atol, rtol)


def _value(a: Any) -> Array:
    a = primal(as_inexact(a, "a"))
    return a if isinstance(a, np.ndarray) else np.asarray(a)


# --- BLAS and LAPACK ---------------------------------------------------------------------------------------


def _get_blas_funcs(names: Any, arrays: Any = (), dtype: Any = None, ilp64: Any = False) -> Any:
    from scipy.linalg import get_blas_funcs

    return get_blas_funcs(names, arrays, dtype, ilp64)


def _get_lapack_funcs(names: Any, arrays: Any = (), dtype: Any = None, ilp64: Any = False) -> Any:
    from scipy.linalg import get_lapack_funcs

    return get_lapack_funcs(names, arrays, dtype, ilp64)


def _find_best_blas_type(arrays: Any = (), dtype: Any = None) -> Any:
    from scipy.linalg import find_best_blas_type

    return find_best_blas_type(arrays, dtype)


_ROUTINES = (
    "it hands out compiled routines, which work on memory and know no derivatives. Use the functions of "
    "fr.linalg, or give the routine a derivative with fr.rule"
)
for _function in (_get_blas_funcs, _get_lapack_funcs, _find_best_blas_type):
    _function.__name__ = _function.__name__[1:]
get_blas_funcs = refused(_get_blas_funcs, _ROUTINES)
get_lapack_funcs = refused(_get_lapack_funcs, _ROUTINES)
find_best_blas_type = refused(_find_best_blas_type, _ROUTINES)
