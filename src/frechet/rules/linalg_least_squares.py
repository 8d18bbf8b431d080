"""numpy.linalg: the pseudoinverse and least squares.

Both are differentiated among matrices of the same rank; where a small change of the matrix changes its
rank, they jump and have no derivative.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ..linear_map import Array, LinearMap, adjoint_matrix, compose, linear
from ..maps import spread
from ..rule import Rule, composed, primal, rule_for
from .linalg_factorizations import reading
from .linalg_svd import SVDMap, negligible
from .linalg_svd_factor import SVDFactor, svd_factor
from .products import as_array

# --- pseudoinverse -----------------------------------------------------------------------------------------


@rule_for(np.linalg.pinv)
def pinv(a: Array, rcond: Any = None, hermitian: bool = False, *, rtol: Any = np._NoValue) -> Any:
    a = as_array(a)
    Y = np.linalg.pinv(a, rcond, hermitian, rtol=rtol)
    if not hermitian or np.size(a) == 0:
        return Y, PinvMap(a, Y)
    lower = reading(a)
    return Y, compose(PinvMap(lower.push(a), Y), lower)


class PinvMap(LinearMap):
    """The tangent of Y = A⁺ among matrices of the same rank (Golub and Pereyra 1973).

    dY = −Y dA Y + Y Yᴴ dAᴴ (I − A Y) + (I − Y A) dAᴴ Yᴴ Y.  A Y and Y A are Hermitian projections, so the
    adjoint is G ↦ −Yᴴ G Yᴴ + (I − A Y) Gᴴ Y Yᴴ + Yᴴ Y Gᴴ (I − Y A).

    The products are ordered so that none is larger than A, if A has no more columns than rows; a wide matrix
    is treated by its adjoint, whose pseudoinverse is Yᴴ.
    """

    __slots__ = ("A", "Y", "_products", "wide")

    def __init__(self, A: Array, Y: Array) -> None:
        self.wide = np.shape(A)[-2] < np.shape(A)[-1]
        self.A, self.Y = (adjoint_matrix(A), adjoint_matrix(Y)) if self.wide else (A, Y)
        self._products: Any = None

    def _prepared(self) -> tuple[Array, Array]:
        """Y Yᴴ and Y A."""
        if self._products is None:
            self._products = np.matmul(self.Y, adjoint_matrix(self.Y)), np.matmul(self.Y, self.A)
        return self._products  # type: ignore[no-any-return]  # set above

    def push(self, v: Array) -> Array:
        A, Y = self.A, self.Y
        YYh, YA = self._prepared()
        v, vh = (adjoint_matrix(v), v) if self.wide else (v, adjoint_matrix(v))
        Yv = np.matmul(Y, v)
        z = adjoint_matrix(Yv)
        right = np.matmul(YYh, vh)
        dY = right + np.matmul(z - np.matmul(YA, z) - Yv - np.matmul(right, A), Y)
        return adjoint_matrix(dY) if self.wide else dY

    def pull(self, w: Array) -> Array:
        A, Y = self.A, self.Y
        YYh, YA = self._prepared()
        wh = w if self.wide else adjoint_matrix(w)
        R = np.matmul(Y, wh)
        L = np.matmul(wh, YYh)
        inner = R - np.matmul(R, YA) - adjoint_matrix(R)
        g = np.matmul(adjoint_matrix(Y), inner) + L - np.matmul(A, np.matmul(Y, L))
        return adjoint_matrix(g) if self.wide else g


def _pinv_body(a: Array, factor: Any) -> Any:
    Y = pinv_of(a, factor)
    if factor.reads is None:
        return Y, PinvMap(a, Y)
    return Y, compose(PinvMap(factor.reads.push(a), Y), factor.reads)


# A⁺, given a decomposition of the plain value of A, with what it reads of A; every order of derivative passes
# it on.
pinv_of = Rule(lambda a, factor: factor.pinv, _pinv_body, "frechet.linalg.pinv")


# --- least squares -----------------------------------------------------------------------------------------
# Every order of derivative passes the decomposition on.


@composed(np.linalg.lstsq)
def lstsq(a: Array, b: Array, rcond: float | None = None) -> Any:
    """The shortest x of least ‖b − A x‖, the squared norms of residuals, the rank, the singular values."""
    a, b = as_array(a), as_array(b)
    vector, dtype = np.ndim(b) == 1, np.result_type(a, b)
    shapes_fit = np.ndim(a) == 2 and np.ndim(b) in (1, 2) and np.shape(a)[0] == np.shape(b)[0]
    if not shapes_fit or dtype.char in "egG":
        return np.linalg.lstsq(primal(a), primal(b), rcond)  # which raises NumPy's error
    a, b = (x.astype(dtype if dtype.kind in "fc" else float, copy=False) for x in (a, b))
    m, n = np.shape(a)
    eps = np.finfo(a.dtype).eps
    factor = svd_factor(primal(a), 0.0, max(m, n) * eps if rcond is None else eps if rcond < 0 else rcond)
    columns = b[:, None] if vector else b
    x = least_norm(a, columns, factor, False)
    if m > n and factor.independent_columns:
        residuals = squared_residuals(a, columns, factor)
    else:
        residuals = np.zeros(0, factor.s.dtype)
    return x[:, 0] if vector else x, residuals, factor.public_rank, singular_values(a, factor)


def _least_norm_body(A: Array, B: Array, factor: SVDFactor, adjoint: bool) -> Any:
    X = least_norm(A, B, factor, adjoint)
    P = linear(
        lambda v: least_norm(A, v, factor, adjoint),
        lambda w: least_norm(A, w, factor, not adjoint),
    )
    in_A = spread(_LeastNormInMatrix(A, B, X, factor, adjoint), A.shape, X.shape[:-2], 2)
    return X, (in_A, P)


# A⁺ B, or (A⁺)ᴴ B, for B with all leading axes of A.
least_norm = Rule(lambda A, B, factor, adjoint: factor.times(B, adjoint), _least_norm_body, "lstsq")


class _LeastNormInMatrix(LinearMap):
    """The tangent of X = M⁺ B from that of A, where M is A or Aᴴ.

    With P = M⁺ and the residual R = B − M X, at constant rank (Golub & Pereyra 1973):

        dX = P (Pᴴ dMᴴ R − dM X) + (I − P M) dMᴴ Pᴴ X,

    and, since P M is a Hermitian projection, with Z = Pᴴ X̄ the adjoint is

        M̄ = R (P Z)ᴴ − Z Xᴴ + Pᴴ X (X̄ − Mᴴ Z)ᴴ.
    """

    __slots__ = ("A", "B", "X", "_parts", "adjoint_matrix", "factor")

    def __init__(self, A: Array, B: Array, X: Array, factor: SVDFactor, adjoint: bool) -> None:
        self.A, self.B, self.X = A, B, X
        self.factor = factor
        self.adjoint_matrix = adjoint
        self._parts: Any = None

    def _prepared(self) -> Any:
        """M, and R and Pᴴ X where the terms with them are not zero."""
        if self._parts is None:
            factor, adjoint = self.factor, self.adjoint_matrix
            M = adjoint_matrix(self.A) if adjoint else self.A
            columns, rows = factor.independent_columns, factor.independent_rows
            if adjoint:
                columns, rows = rows, columns
            R = None if rows else self.B - np.matmul(M, self.X)
            PhX = None if columns else least_norm(self.A, self.X, factor, not adjoint)
            self._parts = M, R, PhX
        return self._parts

    def push(self, v: Array) -> Array:
        M, R, PhX = self._prepared()
        factor, adjoint = self.factor, self.adjoint_matrix
        vh = adjoint_matrix(v)
        v, vh = (vh, v) if adjoint else (v, vh)
        inner = -np.matmul(v, self.X)
        if R is not None:
            inner = inner + least_norm(self.A, np.matmul(vh, R), factor, not adjoint)
        dX = least_norm(self.A, inner, factor, adjoint)
        if PhX is not None:
            z = np.matmul(vh, PhX)
            dX = dX + z - least_norm(self.A, np.matmul(M, z), factor, adjoint)
        return dX

    def pull(self, w: Array) -> Array:
        M, R, PhX = self._prepared()
        factor, adjoint = self.factor, self.adjoint_matrix
        Z = least_norm(self.A, w, factor, not adjoint)
        g = -np.matmul(Z, adjoint_matrix(self.X))
        if R is not None:
            g = g + np.matmul(R, adjoint_matrix(least_norm(self.A, Z, factor, adjoint)))
        if PhX is not None:
            g = g + np.matmul(PhX, adjoint_matrix(w - np.matmul(adjoint_matrix(M), Z)))
        return adjoint_matrix(g) if adjoint else g


def _plain_residuals(a: Array, b: Array, factor: SVDFactor) -> Array:
    r = b - np.matmul(a, factor.times(b, False))
    return np.asarray(np.sum(r.real**2 + r.imag**2, axis=-2))[()]


def _residuals_body(a: Array, b: Array, factor: SVDFactor) -> Any:
    # r = b − a x is orthogonal to the range of a, so ‖r‖² varies by 2 Re rᴴ (db − da x).
    value = squared_residuals(a, b, factor)

    @cache
    def solution() -> tuple[Array, Array]:
        x = least_norm(a, b, factor, False)
        return x, 2 * (b - np.matmul(a, x))

    in_b = linear(
        lambda v: np.real(np.sum(np.conj(solution()[1]) * v, axis=-2)),
        lambda w: solution()[1] * w[..., None, :],
    )
    minus_da_x = linear(
        lambda v: -np.matmul(v, solution()[0]),
        lambda w: -np.matmul(w, adjoint_matrix(solution()[0])),
    )
    return value, (spread(compose(in_b, minus_da_x), a.shape, b.shape[:-2], 2), in_b)


squared_residuals = Rule(_plain_residuals, _residuals_body, "lstsq")


def _svd_body(a: Array, factor: SVDFactor) -> Any:
    # The vectors of singular values that are zero are not used below.
    U, s, Vh = _svd(a, factor)
    return (U, s, Vh), SVDMap(U, s, Vh, guards_zero=False)


_svd = Rule(lambda a, factor: (factor.U, factor.s, factor.Vh), _svd_body, "lstsq")


def _singular_values_body(a: Array, factor: SVDFactor) -> Any:
    # ds = Re diag(Uᴴ da V), with adjoint s̄ ↦ U diag(s̄) Vᴴ
    s = singular_values(a, factor)
    positive = ~negligible(factor.s, a.shape[-2:])

    @cache
    def vectors() -> tuple[Array, Array]:
        U, _, Vh = _svd(a, factor)
        return U, Vh

    def push(v: Array) -> Array:
        U, Vh = vectors()
        return np.real(np.sum(np.conj(U) * np.matmul(v, adjoint_matrix(Vh)), axis=-2)) * positive

    def pull(w: Array) -> Array:
        U, Vh = vectors()
        return np.matmul(U * (w * positive)[..., None, :], Vh)

    return s, linear(push, pull)


singular_values = Rule(lambda a, factor: factor.s, _singular_values_body, "lstsq")
