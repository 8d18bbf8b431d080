"""numpy.linalg: the pseudoinverse and least squares.

Both are differentiated among matrices of the same rank; where a small change of the matrix changes its
rank, they jump and have no derivative.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array, LinearMap, adjoint_matrix, compose, linear
from ..rule import primal, rule_for
from .linalg_factorizations import reading
from .linalg_gaps import certainly_zero
from .linalg_svd import negligible
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


# --- least squares -----------------------------------------------------------------------------------------


@rule_for(np.linalg.lstsq)
def lstsq(a: Array, b: Array, rcond: float | None = None) -> Any:
    """The shortest x of least ‖b − A x‖, the squared norms of residuals, the rank, the singular values."""
    a, b = as_array(a), as_array(b)
    x, residuals, rank, s = np.linalg.lstsq(a, b, rcond)
    parts = LeastSquares(a, b, x, residuals, s, int(primal(rank)), rcond)
    return (x, residuals, rank, s), (linear(parts.push_a, parts.pull_a), linear(parts.push_b, parts.pull_b))


class LeastSquares:
    """The derivative of lstsq in A and in b.

    With P = A⁺ and the residual r = b − A x, from the derivative of the pseudoinverse,

        dx = P (db − dA x) + P Pᴴ dAᴴ r + (I − P A) dAᴴ Pᴴ x.

    The residual is orthogonal to the range of A, so ‖r‖² varies by 2 Re rᴴ (db − dA x).
    """

    def __init__(
        self, a: Array, b: Array, x: Array, residuals: Array, s: Array, rank: int, rcond: Any
    ) -> None:
        self.a = a
        self.vector = np.ndim(b) == 1
        self.x = x[:, None] if self.vector else x
        self.r = (b[:, None] if self.vector else b) - np.matmul(a, self.x)
        self.has_residuals = np.size(residuals) > 0
        self.residual_shape = np.shape(residuals)
        self.full_rank = rank == np.shape(a)[1]
        self.s = s
        eps = np.finfo(s.dtype).eps
        self.rcond = max(np.shape(a)) * eps if rcond is None else eps if rcond < 0 else rcond
        self._pinv: Array = None

    @property
    def P(self) -> Array:
        """A⁺."""
        if self._pinv is None:
            self._pinv = np.linalg.pinv(self.a, self.rcond)
        return self._pinv

    def _push(self, db: Array, dx: Array, ds: Array) -> Any:
        """The tangents of all results, from that of b − dA x, of x and of s."""
        if self.has_residuals:
            dr = np.real(np.sum(np.conj(self.r) * db, axis=-2)) * 2
        else:
            dr = np.zeros(np.shape(db)[:-2] + self.residual_shape, self.s.dtype)
        return dx[..., 0] if self.vector else dx, dr, None, ds

    def _residual_cotangent(self, w: Array) -> Array:
        """The cotangent of b − dA x by way of the residuals' norms."""
        return self.r * (2 * w)[..., None, :] if self.has_residuals else 0

    def push_b(self, v: Array) -> Any:
        v = v[..., None] if self.vector else v
        stack = np.shape(v)[:-2]
        return self._push(v, np.matmul(self.P, v), np.zeros(stack + np.shape(self.s), self.s.dtype))

    def pull_b(self, w: Any) -> Array:
        wx = w[0][..., None] if self.vector else w[0]
        g = np.matmul(adjoint_matrix(self.P), wx) + self._residual_cotangent(w[1])
        return g[..., 0] if self.vector else g

    def push_a(self, v: Array) -> Any:
        P, x, vh = self.P, self.x, adjoint_matrix(v)
        Ph = adjoint_matrix(P)
        db = -np.matmul(v, x)
        dx = np.matmul(P, db + np.matmul(Ph, np.matmul(vh, self.r)))
        if not self.full_rank:
            z = np.matmul(vh, np.matmul(Ph, x))
            dx = dx + (z - np.matmul(P, np.matmul(self.a, z)))
        U, _, Vh = np.linalg.svd(self.a, full_matrices=False)
        ds = np.real(np.sum(np.conj(U) * np.matmul(v, adjoint_matrix(Vh)), axis=-2))
        return self._push(db, dx, ds * ~negligible(primal(self.s), np.shape(self.a)))

    def pull_a(self, w: Any) -> Array:
        P, x = self.P, self.x
        wx = w[0][..., None] if self.vector else w[0]
        Phw = np.matmul(adjoint_matrix(P), wx)
        g = np.matmul(self.r, adjoint_matrix(np.matmul(P, Phw)))  # of P Pᴴ dAᴴ r
        g = g - np.matmul(Phw + self._residual_cotangent(w[1]), adjoint_matrix(x))
        if not self.full_rank:
            outside = wx - np.matmul(
                adjoint_matrix(self.a), Phw
            )  # (I − P A) x̄, the projection being Hermitian
            g = g + np.matmul(np.matmul(adjoint_matrix(P), x), adjoint_matrix(outside))
        if not certainly_zero(w[3]):
            U, _, Vh = np.linalg.svd(self.a, full_matrices=False)
            g = g + np.matmul(U * (w[3] * ~negligible(primal(self.s), np.shape(self.a)))[..., None, :], Vh)
        return g
