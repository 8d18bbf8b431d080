"""The Bunch–Kaufman factorization of a symmetric or Hermitian matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import NotDifferentiableError
from ..linear_map import Array, LinearMap, adjoint_matrix
from ..rule import Rule, primal
from ..rules.linalg_factorizations import matrix_transpose, reading
from ..rules.linalg_factors import triangular_solve
from ._arguments import as_matrix
from ._capability import capability
from ._lu import permuted_rows

__all__ = ["ldl"]


@capability("a pivot is zero (the matrix is singular): NotDifferentiableError")
def ldl(
    A: Array,
    lower: bool = True,
    hermitian: bool = True,
    overwrite_a: bool = False,
    check_finite: bool = True,
    *,
    rank_tol: float | None = None,
) -> tuple[Array, Array, Array]:
    """The factorization A = L D Lᴴ, or L D Lᵀ, of a Hermitian or symmetric matrix, as scipy.linalg.ldl.

    Parameters
    ----------
    A : (..., n, n) array_like
        Real or complex, plain or traced.  One triangle is read.
    lower : bool, optional
        Whether the lower triangle is read, and L is lower triangular up to the order of its rows.
    hermitian : bool, optional
        Whether a complex matrix is Hermitian; else it is symmetric.
    overwrite_a : bool, optional
        For SciPy's signature; nothing is overwritten.
    check_finite : bool, optional
        Whether nan and inf are refused.
    rank_tol : float, optional
        A pivot counts as zero where it is at most this times the sum of the absolute values of the products
        that it is the sum of; by default n·eps.  Used where a derivative is asked for.

    Returns
    -------
    lu : (..., n, n) array
        The outer factor; ``lu[perm]`` is unit triangular.
    d : (..., n, n) array
        Block diagonal, with blocks of one or two rows.
    perm : (..., n) array of int
        The order of the rows.

    Raises
    ------
    NotDifferentiableError
        Where a derivative is asked for and a pivot is zero.
    ValueError
        If A is not square, or not finite.

    Notes
    -----
    For small changes the permutation and the blocks of D are constant.  With them given, L (with unit blocks
    on its diagonal) and D are determined: with T = L[perm], B the permuted matrix and F = T⁻¹ dB T⁻ᴴ, dD is
    the block diagonal of F and dT = T N, N = (F outside of the blocks, in the triangle) D⁻¹.  An unsymmetric
    tangent is read as in `cholesky`.  The factorization is backward stable (Higham, Accuracy and Stability
    of Numerical Algorithms, theorem 11.4).

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> L, D, perm = fr.linalg.ldl(np.array([[4.0, 2.0], [2.0, 5.0]]))
    >>> L, D
    (array([[1. , 0. ],
           [0.5, 1. ]]), array([[4., 0.],
           [0., 4.]]))
    >>> fr.grad(lambda A: fr.linalg.ldl(A)[1][1, 1])(np.array([[4.0, 2.0], [2.0, 5.0]]))
    array([[ 0.25, -0.5 ],
           [-0.5 ,  1.  ]])
    """
    A = as_matrix(A, "ldl: A", square=True, check_finite=check_finite)
    form = LDLForm(primal(A), lower, hermitian, rank_tol)
    lu, d = _ldl(A, form=form)
    return lu, d, form.perm


class LDLForm:
    """The factorization of a plain matrix, or of each of a stack: its values, permutation and blocks."""

    def __init__(self, A: Array, lower: bool, hermitian: bool, rank_tol: float | None) -> None:
        import scipy.linalg

        self.lower, self.rank_tol = lower, rank_tol
        self.hermitian = hermitian or A.dtype.kind != "c"
        n = A.shape[-1]
        self.lu, self.d = np.empty(A.shape, A.dtype), np.empty(A.shape, A.dtype)
        self.perm = np.empty(A.shape[:-1], int)
        for at in np.ndindex(A.shape[:-2]):
            self.lu[at], self.d[at], self.perm[at] = scipy.linalg.ldl(
                A[at], lower=lower, hermitian=hermitian, check_finite=False
            )
        # A two-rowed block is where D has an entry beside its diagonal.
        beside = np.diagonal(self.d, 1, -2, -1) != 0
        self.two_rowed = bool(beside.any())
        eye = np.eye(n, dtype=self.d.real.dtype)
        pair = _above(beside.astype(eye.dtype))
        self.inside = eye + pair + np.swapaxes(pair, -1, -2)
        self.outside = np.tril(1 - self.inside) if lower else np.triu(1 - self.inside)

    def require_pivots(self) -> None:
        """Raise where a pivot of one row is zero (LAPACK takes no singular one of two rows)."""
        size = np.abs(self.d)
        pivots = np.diagonal(size, axis1=-2, axis2=-1)
        weight = size.sum(-1)
        T = np.abs(permuted_rows(self.lu, self.perm))
        scale = np.sum(T * T * weight[..., None, :], axis=-1)
        tol = size.shape[-1] * np.finfo(size.dtype).eps if self.rank_tol is None else self.rank_tol
        if np.any((pivots <= tol * scale) & (weight == pivots)):
            raise NotDifferentiableError(
                "fr.linalg.ldl of a singular matrix has no derivative: a pivot is zero, and L is not "
                "determined. For eigenvalues use fr.linalg.eigvalsh, for determinants fr.linalg.det"
            )


def _above(beside: Array) -> Array:
    """The matrix with the given entries above the diagonal."""
    n = beside.shape[-1] + 1
    padded = np.concatenate([beside, np.zeros((*beside.shape[:-1], 1), beside.dtype)], axis=-1)
    return (padded[..., None] * np.eye(n, k=1, dtype=beside.dtype))[..., :n, :n]


def _ldl_body(A: Array, form: LDLForm) -> Any:
    form.require_pivots()
    lu, d = _ldl(A, form=form)
    return (lu, d), LDLMap(lu, d, form, reading(A, form.lower, form.hermitian))


_ldl = Rule(lambda A, form: (form.lu.copy(), form.d.copy()), _ldl_body, "frechet.linalg.ldl")


class LDLMap(LinearMap):
    """The tangents of lu and d; the formulas are in `ldl`.

    Adjoint: F̄ = D̄ inside of the blocks, (Tᴴ T̄) D⁻ᴴ outside in the triangle; B̄ = T⁻ᴴ F̄ T⁻¹.
    """

    __slots__ = ("d", "form", "lu", "reads", "turned")

    def __init__(self, lu: Array, d: Array, form: LDLForm, reads: LinearMap) -> None:
        self.lu, self.d = lu, d
        self.form = form
        self.reads = reads
        self.turned = adjoint_matrix if form.hermitian else matrix_transpose

    def _congruence(self, T: Array, X: Array, adjoint: bool) -> Array:
        """T⁻¹ X T⁻ᴴ (for symmetric matrices T⁻¹ X T⁻ᵀ), or its adjoint."""
        turned, lower = self.turned, self.form.lower
        half = triangular_solve(T, X, lower, adjoint)
        return turned(triangular_solve(T, turned(half), lower, adjoint))

    def _over_d(self, X: Array, adjoint: bool) -> Array:
        """X D⁻¹ or X D⁻ᴴ."""
        if self.form.two_rowed:
            inverse = np.linalg.inv(self.d)
            return np.matmul(X, adjoint_matrix(inverse) if adjoint else inverse)
        diagonal = np.diagonal(self.d, axis1=-2, axis2=-1)
        return X / (np.conj(diagonal) if adjoint else diagonal)[..., None, :]

    def push(self, v: Array) -> Any:
        form = self.form
        T = permuted_rows(self.lu, form.perm)
        B = permuted_rows(permuted_rows(self.reads.push(v), form.perm).swapaxes(-1, -2), form.perm).swapaxes(
            -1, -2
        )
        F = self._congruence(T, B, adjoint=False)
        dT = np.matmul(T, self._over_d(F * form.outside, adjoint=False))
        return permuted_rows(dT, np.argsort(form.perm, axis=-1)), F * form.inside

    def pull(self, w: Any) -> Array:
        form = self.form
        T = permuted_rows(self.lu, form.perm)
        wT, wd = permuted_rows(w[0], form.perm), w[1]
        K = np.matmul(adjoint_matrix(T), wT)
        F = wd * form.inside + self._over_d(K, adjoint=True) * form.outside
        back = np.argsort(form.perm, axis=-1)
        B = self._congruence(T, F, adjoint=True)
        return self.reads.pull(permuted_rows(permuted_rows(B, back).swapaxes(-1, -2), back).swapaxes(-1, -2))
