"""LU factorizations with partial pivoting."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..errors import NotDifferentiableError
from ..linear_map import Array, LinearMap, adjoint_matrix
from ..rule import Rule, primal
from ..rules.lapack import lapack
from ..rules.linalg_factors import real_char, strictly_lower, triangular_solve
from ._arguments import as_matrix
from ._capability import capability

__all__ = ["lu", "lu_factor"]

_ILL_POSED = "the first min(m, n) columns are dependent (a zero pivot): NotDifferentiableError"


@capability(_ILL_POSED)
def lu(
    a: Array,
    permute_l: bool = False,
    overwrite_a: bool = False,
    check_finite: bool = True,
    p_indices: bool = False,
    *,
    rank_tol: float | None = None,
) -> tuple[Any, ...]:
    """The LU factorization A = P L U with partial pivoting, as scipy.linalg.lu.

    Parameters
    ----------
    a : (..., m, n) array_like
        Real or complex, plain or traced.
    permute_l : bool, optional
        Whether P L and U are returned.
    overwrite_a : bool, optional
        For SciPy's signature; nothing is overwritten.
    check_finite : bool, optional
        Whether nan and inf are refused.
    p_indices : bool, optional
        Whether P is returned as indices, A = L[P] U.
    rank_tol : float, optional
        A pivot counts as zero where it is at most this times the sum of the absolute values of the products
        that it is the sum of; by default max(m, n)·eps.  Used where a derivative is asked for.

    Returns
    -------
    P : (..., m, m) or (..., m) array
        The permutation; not with permute_l.  It has no derivative: for small changes it is constant.
    L : (..., m, k) array
        Unit lower triangular, k = min(m, n); with permute_l P L.
    U : (..., k, n) array
        Upper triangular.

    Raises
    ------
    NotDifferentiableError
        Where a derivative is asked for and a pivot is zero.
    ValueError
        For fewer than two axes, nan and inf.

    Notes
    -----
    With B = Pᵀ A and F = L⁻¹ dB U⁻¹:  dL = L tril(F, −1), dU = triu(F) U; for tall matrices the further rows
    are dL₂ = (dB₂ − L₂ dU) U⁻¹, for wide ones the further columns dU₂ = L⁻¹ (dB₂ − dL U₂).  Adjoint:
    B̄ = L⁻ᴴ [tril(Lᴴ L̄, −1) + triu(Ū Uᴴ)] U⁻ᴴ.  The pullback costs four triangular solves and products.
    L U is within max(m, n)·eps·abs(L) abs(U) of P ᵀA (Higham, Accuracy and Stability of Numerical
    Algorithms, 9.3).

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> P, L, U = fr.linalg.lu(np.array([[1.0, 2.0], [4.0, 4.0]]))
    >>> L
    array([[1.  , 0.  ],
           [0.25, 1.  ]])
    >>> fr.grad(lambda A: fr.linalg.lu(A)[2][1, 1])(np.array([[1.0, 2.0], [4.0, 4.0]]))
    array([[-1.  ,  1.  ],
           [ 0.25, -0.25]])
    """
    a = as_matrix(a, "lu: a", check_finite=check_finite)
    factor = LUFactor(primal(a), "lu", rank_tol)
    packed = _packed(a, factor=factor)
    m, n = np.shape(a)[-2:]
    k = min(m, n)
    L = np.tril(packed[..., :k], -1) + np.eye(m, k, dtype=a.dtype)
    U = np.triu(packed[..., :k, :])
    indices = np.argsort(factor.order, axis=-1).astype(np.int32)
    if permute_l:
        return permuted_rows(L, indices), U
    return indices if p_indices else np.eye(m, dtype=real_char(a))[indices], L, U


@capability(_ILL_POSED)
def lu_factor(
    a: Array, overwrite_a: bool = False, check_finite: bool = True, *, rank_tol: float | None = None
) -> tuple[Array, Array]:
    """The LU factorization of a matrix in one array with its pivots, as scipy.linalg.lu_factor.

    Parameters
    ----------
    a : (..., m, n) array_like
        Real or complex, plain or traced.
    overwrite_a : bool, optional
        For SciPy's signature; nothing is overwritten.
    check_finite : bool, optional
        Whether nan and inf are refused.
    rank_tol : float, optional
        As in `lu`.

    Returns
    -------
    lu : (..., m, n) array
        U in the upper triangle, L below it, without its diagonal.
    piv : (..., min(m, n)) array of int
        Row i was exchanged with row piv[i].

    Raises
    ------
    NotDifferentiableError
        Where a derivative is asked for and a pivot is zero.
    ValueError
        For fewer than two axes, nan and inf.

    Warns
    -----
    scipy.linalg.LinAlgWarning
        Where a pivot is exactly zero.

    Notes
    -----
    Derivative, cost and accuracy are those of `lu`.

    Examples
    --------
    >>> import numpy as np
    >>> lu_factor(np.array([[1.0, 2.0], [4.0, 4.0]]))
    (array([[4.  , 4.  ],
           [0.25, 1.  ]]), array([1, 1], dtype=int32))
    """
    a = as_matrix(a, "lu_factor: a", check_finite=check_finite)
    factor = LUFactor(primal(a), "lu_factor", rank_tol)
    if factor.zero_pivot:
        from scipy.linalg import LinAlgWarning

        message = f"Diagonal number {factor.zero_pivot} is exactly zero. Singular matrix."
        warnings.warn(message, LinAlgWarning, stacklevel=2)
    return _packed(a, factor=factor), factor.piv


class LUFactor:
    """The packed LU factorization of a plain matrix, or of each of a stack.

    Attributes
    ----------
    packed : (..., m, n) array
        L and U in one array.
    piv, order : (..., k) and (..., m) arrays of int
        The exchanges, and the order of rows that they lead to: A[order] = L U.
    zero_pivot : int
        The number of the first pivot that is exactly zero (in the last matrix that has one), or 0.
    """

    def __init__(self, a: Array, call: str, rank_tol: float | None) -> None:
        self.call, self.rank_tol = call, rank_tol
        m, n = a.shape[-2:]
        stack, k = a.shape[:-2], min(m, n)
        self.packed = np.empty(a.shape, a.dtype)
        self.piv = np.empty((*stack, k), np.int32)
        self.order = np.broadcast_to(np.arange(m), (*stack, m)).copy()
        self.zero_pivot = 0
        if not a.size:
            self.piv[...] = np.arange(k)
            return
        getrf, laswp = lapack("getrf", a.dtype.char), lapack("laswp", "d")
        rows = np.arange(m, dtype=float)[:, None]
        for at in np.ndindex(stack):
            self.packed[at], self.piv[at], info = getrf(a[at])
            self.order[at] = laswp(rows, self.piv[at])[:, 0]
            self.zero_pivot = max(info, 0) or self.zero_pivot

    def require_pivots(self) -> None:
        """Raise where a pivot is zero, compared with what the sum that it results from consists of."""
        m, n = self.packed.shape[-2:]
        k = min(m, n)
        size = np.abs(self.packed[..., :k, :k])
        pivots = np.diagonal(size, axis1=-2, axis2=-1)
        # u_jj = a_jj − Σ_{i<j} l_ji u_ij
        products = np.tril(size, -1) * np.swapaxes(np.triu(size, 1), -1, -2)
        tol = max(m, n) * np.finfo(size.dtype).eps if self.rank_tol is None else self.rank_tol
        if np.any(pivots <= tol * (pivots + products.sum(-1))):
            raise NotDifferentiableError(
                f"fr.linalg.{self.call} of a matrix whose leading columns are linearly dependent has no "
                "derivative: a pivot is zero, and L and U are not determined. For determinants use "
                "fr.linalg.det, for least squares fr.linalg.lstsq or fr.linalg.pinv"
            )


def _packed_body(a: Array, factor: LUFactor) -> Any:
    factor.require_pivots()
    packed = _packed(a, factor=factor)
    return packed, LUMap(packed, factor.order)


_packed = Rule(lambda a, factor: factor.packed.copy(), _packed_body, "frechet.linalg.lu")


class LUMap(LinearMap):
    """The tangent of L and U, in one array, from that of A with A[order] = L U; the formulas are in `lu`."""

    __slots__ = ("order", "packed")

    def __init__(self, packed: Array, order: Array) -> None:
        self.packed = packed
        self.order = order

    def _parts(self) -> Any:
        """L₁, U₁ (k × k), the mask of what is below the diagonal, and k."""
        k = min(np.shape(self.packed)[-2:])
        char = real_char(self.packed)
        below = strictly_lower(k, k, char)
        square = self.packed[..., :k, :k]
        return square * below + np.eye(k, dtype=char), square * (1 - below), below, k

    def push(self, v: Array) -> Array:
        L, U, below, k = self._parts()
        B = permuted_rows(v, self.order)
        F = _over(U, triangular_solve(L, B[..., :k, :k], True, False), False)
        dL, dU = np.matmul(L, F * below), np.matmul(F * (1 - below), U)
        both = dL + dU
        if np.shape(B)[-2] > k:
            L2 = self.packed[..., k:, :]
            return np.concatenate([both, _over(U, B[..., k:, :] - np.matmul(L2, dU), False)], axis=-2)
        if np.shape(B)[-1] > k:
            U2 = self.packed[..., k:]
            dU2 = triangular_solve(L, B[..., k:] - np.matmul(dL, U2), True, False)
            return np.concatenate([both, dU2], axis=-1)
        return both

    def pull(self, w: Array) -> Array:
        L, U, below, k = self._parts()
        square = w[..., :k, :k]
        wL, wU = square * below, square * (1 - below)
        rows = columns = None
        if np.shape(w)[-2] > k:
            rows = _over(U, w[..., k:, :], True)
            L2 = self.packed[..., k:, :]
            wU = wU - np.matmul(adjoint_matrix(L2), rows) * (1 - below)
        if np.shape(w)[-1] > k:
            columns = triangular_solve(L, w[..., k:], True, True)
            U2 = self.packed[..., k:]
            wL = wL - np.matmul(columns, adjoint_matrix(U2)) * below
        F = np.matmul(adjoint_matrix(L), wL) * below + np.matmul(wU, adjoint_matrix(U)) * (1 - below)
        B = _over(U, triangular_solve(L, F, True, True), True)
        if rows is not None:
            B = np.concatenate([B, rows], axis=-2)
        if columns is not None:
            B = np.concatenate([B, columns], axis=-1)
        return permuted_rows(B, np.argsort(self.order, axis=-1))


def _over(U: Array, X: Array, adjoint: bool) -> Array:
    """X U⁻¹, or X U⁻ᴴ."""
    return adjoint_matrix(triangular_solve(U, adjoint_matrix(X), False, not adjoint))


def permuted_rows(X: Array, order: Array) -> Array:
    """X[..., order, :], for each matrix of the stack its own order."""
    if order.ndim == 1:
        return X[..., order, :]
    return np.take_along_axis(X, np.broadcast_to(order[..., None], np.shape(X)), axis=-2)
