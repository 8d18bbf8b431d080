"""Linear systems with banded matrices, differentiated in the bands themselves."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array
from ..rule import primal
from ._arguments import as_matrix, linear_system, stack_shape, to_stack
from ._band_factor import (
    BandCholesky,
    Bands,
    BandTriangular,
    HermitianBands,
    TridiagonalCholesky,
    band_lu,
    require_diagonal,
)
from ._capability import capability
from ._factor import condition_warning, each_factor
from ._structured import solve as structured_solve

__all__ = ["cho_solve_banded", "solve_banded", "solveh_banded"]


@capability("the matrix is singular: LinAlgError")
def solve_banded(
    l_and_u: tuple[int, int],
    ab: Array,
    b: Array,
    overwrite_ab: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Array:
    """The solution x of ``a @ x = b`` for a banded a, as scipy.linalg.solve_banded, with derivatives.

    Parameters
    ----------
    l_and_u : (int, int)
        The numbers l and u of diagonals below and above the main one.  For a batch they may be arrays, one
        number for each matrix.
    ab : (..., l + u + 1, n) array_like
        The bands: ``ab[u + i - j, j] == a[i, j]``.  Plain or traced, real or complex; leading axes are a
        batch and broadcast against those of b.
    b : (n,) or (..., n, k) array_like
        The right side.
    overwrite_ab, overwrite_b : bool, optional
        For SciPy's signature; nothing is overwritten.
    check_finite : bool, optional
        Whether nan and inf are refused.

    Returns
    -------
    (n,) or (..., n, k) array
        The solution.

    Raises
    ------
    numpy.linalg.LinAlgError
        If a is exactly singular.
    ValueError
        For wrong shapes, nan and inf.

    Notes
    -----
    One LU of the bands (O(n (l + u)²) operations, O(n (l + u)) memory) serves value, pushforward, pullback
    and all higher derivatives.  The gradient in ab is that part of −b̄ xᴴ which lies on the bands, and
    takes O(n (l + u)) operations; entries of ab outside of the matrix (the corners) are not read, and their
    gradient is zero. LU with partial pivoting keeps to the bands and is as stable as for full matrices
    (Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 9.5).

    Examples
    --------
    The steady temperature of a rod, and how its mean depends on the conductance of each link:

    >>> import numpy as np
    >>> import frechet as fr
    >>> def mean_temperature(g):
    ...     links, zero = -g[1:-1], np.zeros(1)
    ...     ab = fr.array([np.concatenate([zero, links]), g[:-1] + g[1:], np.concatenate([links, zero])])
    ...     return np.mean(fr.linalg.solve_banded((1, 1), ab, np.ones(3)))
    >>> mean_temperature(np.ones(4))
    np.float64(1.6666666666666667)
    >>> fr.grad(mean_temperature)(np.ones(4))
    array([-0.75      , -0.08333333, -0.08333333, -0.75      ])
    """
    below, above = (np.asarray(width) for width in l_and_u)
    ab, b, vector = _arguments("solve_banded", ab, b, check_finite)
    if below.dtype.kind not in "iu" or above.dtype.kind not in "iu":
        raise TypeError(f"solve_banded: l and u must be integers, got {l_and_u}")
    if (below < 0).any() or (above < 0).any() or (below + above + 1 != ab.shape[-2]).any():
        raise ValueError(
            f"solve_banded: ab must have l + u + 1 rows for (l, u) = {l_and_u}, got shape {ab.shape}"
        )
    if below.ndim or above.ndim:
        ab = _in_common_storage(ab, below, above)
    x = solve_bands((int(below.max()), int(above.max())), ab, b, "solve_banded")
    return x[..., 0] if vector else x


@capability("the matrix is not positive definite: LinAlgError")
def solveh_banded(
    ab: Array,
    b: Array,
    overwrite_ab: bool = False,
    overwrite_b: bool = False,
    lower: bool = False,
    check_finite: bool = True,
) -> Array:
    """The solution of ``a @ x = b`` for a positive definite banded a, as scipy.linalg.solveh_banded.

    Parameters
    ----------
    ab : (..., u + 1, n) array_like
        One half of the bands: ``ab[u + i - j, j] == a[i, j]`` for i ≤ j, or, if lower, ``ab[i - j, j] == a[i,
        j]`` for i ≥ j.  Plain or traced, real or complex; leading axes are a batch.
    b : (n,) or (..., n, k) array_like
        The right side.
    overwrite_ab, overwrite_b : bool, optional
        For SciPy's signature; nothing is overwritten.
    lower : bool, optional
        Which half is stored.
    check_finite : bool, optional
        Whether nan and inf are refused.

    Returns
    -------
    (n,) or (..., n, k) array
        The solution.

    Raises
    ------
    numpy.linalg.LinAlgError
        If a is not positive definite.
    ValueError
        For wrong shapes, nan and inf.

    Notes
    -----
    One Cholesky factorization of the bands (L D Lᴴ for a tridiagonal matrix) serves all derivatives.  An
    entry off the main diagonal stands for two entries of a, and its gradient is the sum of theirs; the main
    diagonal is real, and so is its gradient; the corners of ab outside of the matrix are not read, and
    their gradient is zero. Cholesky's method is backward stable (Higham, Accuracy and Stability of
    Numerical Algorithms, 2002, section 10.1).

    Examples
    --------
    The Hodrick–Prescott trend of a series, and how its end depends on the smoothing parameter:

    >>> import numpy as np
    >>> import frechet as fr
    >>> y = np.array([1.0, 2.0, 2.5, 4.0, 4.5, 6.5])
    >>> penalty = np.array([[0, 0, 1.0, 1, 1, 1], [0, -2, -4, -4, -4, -2], [1, 5, 6, 6, 5, 1]])
    >>> identity = np.array([[0.0] * 6, [0.0] * 6, [1.0] * 6])
    >>> def end_of_trend(smoothing):
    ...     return fr.linalg.solveh_banded(identity + smoothing * penalty, y)[-1]
    >>> print(end_of_trend(10.0).round(6), round(fr.grad(end_of_trend)(10.0), 6))
    6.085103 -0.004962
    """
    ab, b, vector = _arguments("solveh_banded", ab, b, check_finite)
    if not b.size or not ab.size:
        x = _empty("solveh_banded", ab, b)
        return x[..., 0] if vector else x
    rows, n = ab.shape[-2:]

    def factor(one: Array) -> Any:
        return TridiagonalCholesky(one, lower) if rows == 2 and n > 1 else BandCholesky(one, lower)

    x = structured_solve(ab, b, HermitianBands(rows - 1, lower), each_factor(primal(ab), 2, factor), False)
    return x[..., 0] if vector else x


@capability("the factor has a zero on its diagonal: LinAlgError")
def cho_solve_banded(
    cb_and_lower: tuple[Array, bool], b: Array, overwrite_b: bool = False, check_finite: bool = True
) -> Array:
    """The solution of ``a @ x = b`` from the Cholesky factor of a banded a, as scipy.linalg.cho_solve_banded.

    Parameters
    ----------
    cb_and_lower : ((..., u + 1, n) array_like, bool)
        The bands of the triangular factor, as cholesky_banded returns them, and whether it is the lower one.
    b : (n,) or (..., n, k) array_like
        The right side.
    overwrite_b : bool, optional
        For SciPy's signature; nothing is overwritten.
    check_finite : bool, optional
        Whether nan and inf are refused.

    Returns
    -------
    (n,) or (..., n, k) array
        The solution.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the factor has a zero on its diagonal.
    ValueError
        For wrong shapes, nan and inf.

    Notes
    -----
    Two substitutions, with L and Lᴴ; each is differentiated in the bands of L.  The corners outside of the
    matrix are not read, and their gradient is zero.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> cb = np.array([[0.0, 1.0, 1.0], [2.0, 2.0, 2.0]])
    >>> fr.linalg.cho_solve_banded((cb, False), np.ones(3))
    array([0.234375, 0.03125 , 0.1875  ])
    >>> fr.grad(lambda cb: fr.linalg.cho_solve_banded((cb, False), np.ones(3))[0])(cb)
    array([[ 0.      ,  0.0625  ,  0.03125 ],
           [-0.28125 ,  0.046875, -0.046875]])
    """
    cb, lower = cb_and_lower
    cb, b, vector = _arguments("cho_solve_banded", cb, b, check_finite)
    if not b.size or not cb.size:
        x = _empty("cho_solve_banded", cb, b)
        return x[..., 0] if vector else x
    u = cb.shape[-2] - 1
    triangle = Bands(u, 0) if lower else Bands(0, u)
    factor = each_factor(primal(cb), 2, lambda one: BandTriangular(one, lower))
    # A = L Lᴴ, or Uᴴ U
    y = structured_solve(cb, b, triangle, factor, not lower)
    x = structured_solve(cb, y, triangle, factor, lower)
    return x[..., 0] if vector else x


# --- what they share ---------------------------------------------------------------------------------------


def _arguments(call: str, ab: Any, b: Any, check_finite: bool) -> tuple[Array, Array, bool]:
    """Bands and right side as `linear_system` returns them."""
    ab = as_matrix(ab, f"{call}: ab", check_finite=check_finite)
    require_diagonal(call, ab)
    return linear_system(call, ab, b, ab.shape[-1], check_finite=check_finite)


def _empty(call: str, ab: Array, b: Array) -> Array:
    return np.zeros((*stack_shape(call, ab, b), *b.shape[-2:]), b.dtype)


def _in_common_storage(ab: Array, below: Array, above: Array) -> Array:
    """The bands of a stack of matrices with different numbers of diagonals, as for the largest numbers."""
    stack = np.broadcast_shapes(ab.shape[:-2], below.shape, above.shape)
    rows = np.arange(below.max() + above.max() + 1) - (above.max() - np.broadcast_to(above, stack))[..., None]
    inside = (rows >= 0) & (rows < ab.shape[-2])
    wide = np.take_along_axis(to_stack(ab, stack), np.where(inside, rows, 0)[..., None], axis=-2)
    return wide * inside[..., None]


def solve_bands(l_and_u: tuple[int, int], ab: Array, b: Array, call: str, warn: bool = False) -> Array:
    """The solution for a matrix b with the leading axes of ab; with ``warn``, a warning as in `solve`."""
    below, above = l_and_u
    if not b.size or not ab.size:
        return _empty(call, ab, b)
    factor = each_factor(primal(ab), 2, lambda one: band_lu(one, below, above, warn))
    if warn:
        condition_warning(factor.rcond, ab.dtype)
    return structured_solve(ab, b, Bands(below, above), factor, False)


def diagonals_of(a: Array, below: int, above: int) -> Array:
    """The bands of a dense matrix (..., n, n), in the storage of `solve_banded`."""
    n = a.shape[-1]
    columns = np.arange(n)
    rows = columns + np.arange(-above, below + 1)[:, None]
    inside = (rows >= 0) & (rows < n)
    return a[..., np.where(inside, rows, 0), columns] * inside
