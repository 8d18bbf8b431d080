"""Matrices made of vectors, Toeplitz, Hankel, companion and others: compositions of NumPy's functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array
from ..rule import carriers, primal
from ..transforms import array
from ._arguments import stack_shape, to_stack
from ._capability import capability

__all__ = [
    "circulant",
    "companion",
    "convolution_matrix",
    "fiedler",
    "fiedler_companion",
    "hankel",
    "leslie",
    "toeplitz",
]


def _vector(x: Any) -> Array:
    """x as an array of at least one axis, of the dtype it has."""
    if type(x) not in carriers:
        x = array(x) if isinstance(x, (list, tuple)) else np.asarray(x)
    return np.reshape(x, (1,)) if np.ndim(x) == 0 else x


def _with_stack(call: str, *vectors: Array) -> tuple[Array, ...]:
    stack = stack_shape(call, *vectors, core=1)
    return tuple(to_stack(x, stack, 1) for x in vectors)


def _windows(values: Array, count: int, width: int) -> Array:
    """The matrix with rows values[i : i + width], i < count."""
    if not count or not width:
        return np.zeros((*np.shape(values)[:-1], count, width), values.dtype)
    return np.lib.stride_tricks.sliding_window_view(values, width, axis=-1)


@capability("nowhere: it is linear")
def toeplitz(c: Array, r: Array | None = None) -> Array:
    """A Toeplitz matrix, as scipy.linalg.toeplitz, with derivatives.

    Parameters
    ----------
    c : (..., m) array_like
        The first column, plain or traced; leading axes are a batch.
    r : (..., n) array_like, optional
        The first row, whose first entry is not read; by default conj(c).

    Returns
    -------
    (..., m, n) array
        The matrix with entries c[i − j] for i ≥ j and r[j − i] else.

    Notes
    -----
    The gradient in c and r is the sum along each diagonal.  `solve_toeplitz` and `matmul_toeplitz` do without
    the matrix.

    Examples
    --------
    The covariance matrix of a stationary autoregression, and its derivative in the coefficient:

    >>> import numpy as np
    >>> import frechet as fr
    >>> def covariance(phi):
    ...     return fr.linalg.toeplitz(phi ** np.arange(3) / (1 - phi**2))
    >>> covariance(0.5)
    array([[1.33333333, 0.66666667, 0.33333333],
           [0.66666667, 1.33333333, 0.66666667],
           [0.33333333, 0.66666667, 1.33333333]])
    >>> fr.jacobian(covariance)(0.5)[0]
    array([1.77777778, 2.22222222, 1.77777778])
    """
    c = _vector(c)
    r = np.conj(c) if r is None else _vector(r)
    c, r = _with_stack("toeplitz", c, r)
    m, n = np.shape(c)[-1], np.shape(r)[-1]
    rows = _windows(np.concatenate([c[..., ::-1], r[..., 1:]], axis=-1), m, n)
    return np.copy(rows[..., ::-1, :])


@capability("nowhere: it is linear")
def circulant(c: Array) -> Array:
    """A circulant matrix, as scipy.linalg.circulant, with derivatives.

    Parameters
    ----------
    c : (..., n) array_like
        The first column, plain or traced; leading axes are a batch.

    Returns
    -------
    (..., n, n) array
        The matrix with entries c[(i − j) mod n].

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.linalg.circulant([1, 2, 3])
    array([[1, 3, 2],
           [2, 1, 3],
           [3, 2, 1]])
    >>> fr.grad(lambda c: fr.linalg.det(fr.linalg.circulant(c)))(np.array([1.0, 2.0, 3.0])).round(12)
    array([-15.,   3.,  21.])
    """
    c = _vector(c)
    return toeplitz(c, np.concatenate([c[..., :1], c[..., :0:-1]], axis=-1))


@capability("nowhere: it is linear")
def hankel(c: Array, r: Array | None = None) -> Array:
    """A Hankel matrix, as scipy.linalg.hankel, with derivatives.

    Parameters
    ----------
    c : (..., m) array_like
        The first column, plain or traced; leading axes are a batch (as in SciPy from 1.19 on; before, arrays
        were flattened).
    r : (..., n) array_like, optional
        The last row, whose first entry is not read; by default zeros, as many as c has.

    Returns
    -------
    (..., m, n) array
        The matrix with constant antidiagonals.

    Examples
    --------
    The Hankel matrix of an impulse response, whose rank is the order of the system:

    >>> import numpy as np
    >>> import frechet as fr
    >>> h = 0.5 ** np.arange(5)
    >>> fr.linalg.hankel(h[:3], h[2:])
    array([[1.    , 0.5   , 0.25  ],
           [0.5   , 0.25  , 0.125 ],
           [0.25  , 0.125 , 0.0625]])
    >>> fr.grad(lambda h: np.sum(fr.linalg.hankel(h[:3], h[2:])))(h)
    array([1., 2., 3., 2., 1.])
    """
    c = _vector(c)
    r = np.zeros(np.shape(c), c.dtype) if r is None else _vector(r)
    c, r = _with_stack("hankel", c, r)
    m, n = np.shape(c)[-1], np.shape(r)[-1]
    return np.copy(_windows(np.concatenate([c, r[..., 1:]], axis=-1), m, n))


@capability("a[0] is zero: ValueError")
def companion(a: Array) -> Array:
    """The companion matrix of a polynomial, as scipy.linalg.companion, with derivatives.

    Parameters
    ----------
    a : (..., n) array_like
        The coefficients, the leading one first, n ≥ 2; plain or traced; leading axes are a batch.

    Returns
    -------
    (..., n − 1, n − 1) array
        The matrix with −a[1:]/a[0] as its first row and ones below the diagonal; its eigenvalues are the
        roots.

    Raises
    ------
    ValueError
        If there are fewer than two coefficients, or the leading one is zero.

    Examples
    --------
    The transition matrix of an autoregression, and how its powers depend on a coefficient:

    >>> import numpy as np
    >>> import frechet as fr
    >>> def response(phi):
    ...     F = fr.linalg.companion(np.concatenate([np.ones(1), -phi]))
    ...     return np.linalg.matrix_power(F, 3)[0, 0]
    >>> response(np.array([0.5, 0.3]))
    np.float64(0.42500000000000004)
    >>> fr.grad(response)(np.array([0.5, 0.3]))
    array([1.35, 1.  ])
    """
    a = _vector(a)
    n = np.shape(a)[-1]
    if n < 2:
        raise ValueError("companion: the length of `a` along the last axis must be at least 2")
    _require_leading("companion", a)
    first = -a[..., 1:] / (1.0 * a[..., :1])
    below = np.broadcast_to(np.eye(n - 2, n - 1, dtype=first.dtype), (*np.shape(a)[:-1], n - 2, n - 1))
    return np.concatenate([first[..., None, :], below], axis=-2)


def _require_leading(call: str, a: Array) -> None:
    if np.any(primal(a)[..., 0] == 0):
        raise ValueError(f"{call}: the first coefficient(s) of `a` (a[..., 0]) must not be zero")


@capability("nowhere: it is linear")
def leslie(f: Array, s: Array) -> Array:
    """A Leslie matrix of population growth, as scipy.linalg.leslie, with derivatives.

    Parameters
    ----------
    f : (..., n) array_like
        The fecundities, the first row.  Plain or traced; leading axes are a batch.
    s : (..., n − 1) array_like
        The survival rates, below the diagonal; at least one.

    Returns
    -------
    (..., n, n) array
        The matrix.

    Raises
    ------
    ValueError
        If the lengths do not fit.

    Examples
    --------
    The rate of growth of a population, and its sensitivity to the survival of the young:

    >>> import numpy as np
    >>> import frechet as fr
    >>> def growth(s):
    ...     return np.max(np.real(np.linalg.eigvals(fr.linalg.leslie(np.array([0.0, 2.0]), s))))
    >>> growth(np.array([0.5])), fr.grad(growth)(np.array([0.5]))
    (np.float64(1.0), array([1.]))
    """
    f, s = _vector(f), _vector(s)
    n = np.shape(f)[-1]
    if n != np.shape(s)[-1] + 1:
        raise ValueError("leslie: the length of s along the last axis must be one less than the length of f")
    if n < 2:
        raise ValueError("leslie: the length of s must be at least 1")
    f, s = _with_stack("leslie", f, s)
    below = np.where(np.eye(n - 1, n, dtype=bool), s[..., :, None], np.zeros((), s.dtype))
    return np.concatenate([f[..., None, :], below], axis=-2)


@capability("where entries of a are equal: |x| has a kink there, and gets the derivative 0, as in np.abs")
def fiedler(a: Array) -> Array:
    """A Fiedler matrix, as scipy.linalg.fiedler, with derivatives.

    Parameters
    ----------
    a : (..., n) array_like
        Plain or traced; leading axes are a batch.

    Returns
    -------
    (..., n, n) array
        The matrix with entries abs(a[i] − a[j]).

    Examples
    --------
    The mean distance between incomes, and its gradient:

    >>> import numpy as np
    >>> import frechet as fr
    >>> income = np.array([1.0, 2.0, 6.0])
    >>> fr.linalg.fiedler(income)
    array([[0., 1., 5.],
           [1., 0., 4.],
           [5., 4., 0.]])
    >>> fr.grad(lambda a: np.mean(fr.linalg.fiedler(a)))(income)
    array([-0.44444444,  0.        ,  0.44444444])
    """
    a = _vector(a)
    if np.size(a) == 0:
        return np.zeros(np.shape(a))
    return np.abs(a[..., :, None] - a[..., None, :])


@capability("a[0] is zero: ValueError")
def fiedler_companion(a: Array) -> Array:
    """The pentadiagonal companion matrix of a polynomial, as scipy.linalg.fiedler_companion.

    Parameters
    ----------
    a : (..., n) array_like
        The coefficients, the leading one first; plain or traced; leading axes are a batch.

    Returns
    -------
    (..., n − 1, n − 1) array
        A matrix whose eigenvalues are the roots; for n < 2 an empty array.

    Raises
    ------
    ValueError
        If the leading coefficient is zero.

    Notes
    -----
    M. Fiedler, Linear Algebra and its Applications 372:325, 2003.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.linalg.fiedler_companion(np.array([1.0, -16.0, 86.0, -176.0, 105.0]))
    array([[  16.,  -86.,    1.,    0.],
           [   1.,    0.,    0.,    0.],
           [   0.,  176.,    0., -105.],
           [   0.,    1.,    0.,    0.]])
    >>> fr.jacobian(fr.linalg.fiedler_companion)(np.array([2.0, 4.0]))
    array([[[ 1. , -0.5]]])
    """
    a = _vector(a)
    n = np.shape(a)[-1] - 1
    if n < 1:
        return np.zeros((*np.shape(a)[:-1], 0), a.dtype)
    _require_leading("fiedler_companion", a)
    scaled = -a[..., 1:] / (1.0 * a[..., :1])
    # Each entry is 0, 1 or one of the coefficients −a[1:]/a[0]: places 0, 1, 2 … in one vector.
    place = np.zeros((n, n), int)
    place[range(3, n, 2), range(1, n - 2, 2)] = 1
    place[range(2, n, 2), range(1, n - 1, 2)] = range(4, n + 2, 2)
    place[range(0, n - 2, 2), range(2, n, 2)] = 1
    place[range(0, n - 1, 2), range(1, n, 2)] = range(3, n + 2, 2)
    place[0, 0] = 2
    if n > 1:
        place[1, 0] = 1
    fixed = np.broadcast_to(np.array([0, 1], scaled.dtype), (*np.shape(a)[:-1], 2))
    return np.concatenate([fixed, scaled], axis=-1)[..., place]


@capability("nowhere: it is linear")
def convolution_matrix(a: Array, n: int, mode: str = "full") -> Array:
    """The matrix of a convolution, as scipy.linalg.convolution_matrix, with derivatives.

    Parameters
    ----------
    a : (..., m) array_like
        What is convolved with; plain or traced; leading axes are a batch.
    n : int
        The number of columns, which is the length of the vectors it will be applied to.
    mode : {"full", "valid", "same"}, optional
        As in numpy.convolve.

    Returns
    -------
    (..., k, n) array
        The Toeplitz matrix A with ``A @ v == np.convolve(a, v, mode)``.

    Raises
    ------
    ValueError
        For n < 1, an empty a, an unknown mode.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.linalg.convolution_matrix([-1, 4, -2], 3, mode="same")
    array([[ 4, -1,  0],
           [-2,  4, -1],
           [ 0, -2,  4]])
    >>> a = np.array([-1.0, 4.0, -2.0])
    >>> fr.grad(lambda a: np.sum(fr.linalg.convolution_matrix(a, 3, mode="same")))(a)
    array([2., 3., 2.])
    """
    if n <= 0:
        raise ValueError("convolution_matrix: n must be a positive integer")
    a = _vector(a)
    if np.shape(a)[-1] == 0:
        raise ValueError("convolution_matrix: len(a) must be at least 1")
    if mode not in ("full", "valid", "same"):
        raise ValueError(f"convolution_matrix: mode must be 'full', 'valid' or 'same', got {mode!r}")
    m = np.shape(a)[-1]
    # Row i of the full matrix has a[i − j] in column j: a window of a backwards, with n − 1 zeros around.
    zeros = np.zeros((*np.shape(a)[:-1], n - 1), a.dtype)
    rows = _windows(np.concatenate([zeros, a[..., ::-1], zeros], axis=-1), m + n - 1, n)[..., ::-1, :]
    cut = 0 if mode == "full" else min(m, n) - 1
    before = cut // 2 if mode == "same" else cut
    after = cut - before if mode == "same" else cut
    return np.copy(rows[..., before : m + n - 1 - after, :])
