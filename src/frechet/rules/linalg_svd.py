"""numpy.linalg: singular values, singular vectors and the rank.

Singular vectors are determined up to a common factor of modulus one for each pair (their gauge), up to a
rotation where singular values are equal, and the further columns of a full U or V are any basis of a null
space.  A pullback asks whether the function depends on such a choice and refuses if it does; a pushforward
takes the smallest motion. Singular values are not differentiable at zero, where they fold over like |x|: they
get the derivative 0 there, as abs does.  A singular value counts as zero below max(m, n)·eps times the
largest, as in np.linalg.matrix_rank.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array, LinearMap, adjoint_matrix, linear
from ..rule import Rule, composed, constant, primal, rule_for
from .linalg_factorizations import hermitian_part
from .linalg_gaps import (
    adjoint_product,
    certainly_zero,
    equal_pairs,
    guard_equal,
    guard_zero,
    inverse_gaps,
    product,
    refuse,
)
from .products import as_array

constant(np.linalg.matrix_rank)

# --- singular values and vectors ---------------------------------------------------------------------------

SVDResult = type(np.linalg.svd(np.eye(1)))


@composed(np.linalg.svd)
def svd(a: Array, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    a = as_array(a)
    if not hermitian:
        return svd_rule(a, full_matrices) if compute_uv else np.linalg.svdvals(a)
    if not compute_uv:
        return np.flip(np.sort(np.abs(np.linalg.eigvalsh(a))), axis=-1)
    # Eigenvectors by decreasing |λ|, the sign going to V
    w, U = np.linalg.eigh(a)
    order = np.flip(np.argsort(np.abs(primal(w)), axis=-1), axis=-1)
    U = np.take_along_axis(U, order[..., None, :], axis=-1)
    w = np.take_along_axis(w, order, axis=-1)
    return SVDResult(U, np.abs(w), adjoint_matrix(U * np.sign(primal(w))[..., None, :]))


def _plain_svd(a: Array, full_matrices: bool) -> Any:
    return np.linalg.svd(a, full_matrices)


def _svd(a: Array, full_matrices: bool) -> Any:
    U, s, Vh = svd_rule(a, full_matrices)
    return SVDResult(U, s, Vh), SVDMap(U, s, Vh)


svd_rule = Rule(_plain_svd, _svd, "np.linalg.svd")


@rule_for(np.linalg.svdvals)
def svdvals(x: Array, /) -> Any:
    # ds = Re diag(Uᴴ dA V), with adjoint s̄ ↦ U diag(s̄) Vᴴ
    U, s, Vh = svd_rule(as_array(x), False)
    positive = ~negligible(primal(s), np.shape(x)[-2:])
    V = adjoint_matrix(Vh)
    return s, linear(
        lambda v: np.real(np.sum(np.conj(U) * np.matmul(v, V), axis=-2)) * positive,
        lambda w: np.matmul(U * (w * positive)[..., None, :], Vh),
    )


def negligible(s: Array, shape: Any) -> Array:
    """Which singular values are zero up to rounding."""
    return s <= max((*shape, 1)) * np.finfo(s.dtype).eps * np.max(s, axis=-1, initial=0)[..., None]


class SVDMap(LinearMap):
    """The tangents of U, s and Vᴴ from that of A = U diag(s) Vᴴ.

    Let k = min(m, n), U₁ and V₁ the first k columns, E = U₁ᴴ dA V₁, H its Hermitian and N its skew-Hermitian
    part. From E = dP s + ds − s dQ with dP = U₁ᴴ dU₁ and dQ = V₁ᴴ dV₁ skew-Hermitian:

        ds = diag H,   dP = H ∘ F⁻ + N ∘ F⁺,   dQ = H ∘ F⁻ − N ∘ F⁺,   F∓_ij = 1/(s_j ∓ s_i),  F⁻_ii = 0.

    On the diagonal this divides Im E_ii/s_i, the only part of it that is determined, equally among U and V;
    it is the term that complex input adds (Wan and Zhang, arXiv:1909.02659).  The components outside of the
    ranges of U₁ and V₁ are (I − U₁U₁ᴴ) dA V₁ s⁻¹ and (I − V₁V₁ᴴ) dAᴴ U₁ s⁻¹, which for full matrices is
    written as a rotation K into the further columns U₂, whose tangent then is −U₁ Kᴴ; V likewise.
    """

    __slots__ = ("U", "Vh", "_factors", "s")

    def __init__(self, U: Array, s: Array, Vh: Array) -> None:
        self.U = U
        self.s = s
        self.Vh = Vh
        self._factors: Any = None

    def _prepared(self) -> Any:
        """F⁻ with the guard for equal values, F⁺ with that for zero ones, 1/s and where s is zero."""
        if self._factors is None:
            s, plain = self.s, primal(self.s)
            zero = negligible(plain, (np.shape(self.U)[-2], np.shape(self.Vh)[-1]))
            both = zero[..., None, :] & zero[..., :, None]
            off_diagonal = ~np.eye(plain.shape[-1], dtype=bool)
            equal = equal_pairs(plain) | (both & off_diagonal)
            gaps = inverse_gaps(s, equal), guard_equal(equal, "np.linalg.svd: singular vectors")
            # Of F⁺, what belongs to two different zero values is guarded as a pair of equal values already.
            sums = ~both / (s[..., None, :] + s[..., :, None] + both), guard_zero(both & ~off_diagonal, ZERO)
            self._factors = gaps, sums, ~zero / (s + zero), zero
        return self._factors

    def push(self, v: Array) -> Any:
        U, Vh, k = self.U, self.Vh, np.shape(self.s)[-1]
        U1, V1 = U[..., :k], adjoint_matrix(Vh[..., :k, :])
        gaps, sums, inverse, zero = self._prepared()
        AV, AhU = np.matmul(v, V1), np.matmul(adjoint_matrix(v), U1)
        E = np.matmul(adjoint_matrix(U1), AV)
        H = hermitian_part(E)
        together, apart = product(H, *gaps), product(E - H, *sums)
        ds = np.real(np.diagonal(E, axis1=-2, axis2=-1)) * ~zero
        dU = _moved(U, together + apart, AV, E, inverse, zero)
        dV = _moved(adjoint_matrix(Vh), together - apart, AhU, adjoint_matrix(E), inverse, zero)
        return dU, ds, adjoint_matrix(dV)

    def pull(self, w: Any) -> Array:
        U, Vh, k = self.U, self.Vh, np.shape(self.s)[-1]
        wU, ws, wVh = w
        U1, V1h = U[..., :k], Vh[..., :k, :]
        gaps, sums, inverse, zero = self._prepared()
        inner = (ws * ~zero)[..., None, :] * np.eye(k, dtype=ws.dtype)
        if certainly_zero(wU) and certainly_zero(wVh):
            return np.matmul(np.matmul(U1, inner), V1h)
        M, outside_U = _gathered(U, wU, inverse, zero)  # M and W: the cotangents of dP and dQ
        W, outside_V = _gathered(adjoint_matrix(Vh), adjoint_matrix(wVh), inverse, zero)
        if np.iscomplexobj(M):
            turning = np.imag(np.diagonal(primal(M + W), axis1=-2, axis2=-1))
            refuse(turning, np.abs(primal(M)) + np.abs(primal(W)), PHASE)
        H = adjoint_product(M, *gaps) + adjoint_product(W, *gaps)
        apart = M - W
        N = adjoint_product(apart - hermitian_part(apart), *sums)
        inner = inner + hermitian_part(H) + N
        g = np.matmul(np.matmul(U1, inner), V1h)
        if outside_U is not None:
            g = g + np.matmul(outside_U, V1h)
        if outside_V is not None:
            g = g + np.matmul(U1, adjoint_matrix(outside_V))
        return g


def _moved(U: Array, rotation: Array, AV: Array, E: Array, inverse: Array, zero: Array) -> Array:
    """dU from U₁ᴴ dU₁, from dA V₁ and from E = U₁ᴴ dA V₁."""
    m, k = np.shape(U)[-2], np.shape(rotation)[-1]
    U1, U2 = U[..., :k], U[..., k:]
    moved = np.matmul(U1, rotation)
    if m == k:
        return moved
    if np.shape(U)[-1] == k:
        return moved + _over_values(AV - np.matmul(U1, E), inverse, zero, product)
    K = _over_values(np.matmul(adjoint_matrix(U2), AV), inverse, zero, product)
    return np.concatenate([moved + np.matmul(U2, K), -np.matmul(U1, adjoint_matrix(K))], axis=-1)


def _gathered(U: Array, w: Array, inverse: Array, zero: Array) -> tuple[Array, Array]:
    """U₁ᴴ Ū, and the cotangent of dA V₁ through what lies outside of the range of U₁, or None."""
    m, k = np.shape(U)[-2], np.shape(inverse)[-1]
    if certainly_zero(w):
        return np.zeros((*np.shape(w)[:-2], k, k), w.dtype), None
    U1, U2, w1, w2 = U[..., :k], U[..., k:], w[..., :k], w[..., k:]
    M = np.matmul(adjoint_matrix(U1), w1)
    if m == k:
        return M, None
    if np.shape(U)[-1] == k:
        return M, _over_values(w1 - np.matmul(U1, M), inverse, zero, adjoint_product)
    null = primal(np.matmul(adjoint_matrix(U2), w2))
    refuse(null - adjoint_matrix(null), primal(w), NULL_SPACE)
    K = np.matmul(adjoint_matrix(U2), w1) - adjoint_matrix(np.matmul(adjoint_matrix(U1), w2))
    return M, np.matmul(U2, _over_values(K, inverse, zero, adjoint_product))


def _over_values(X: Array, inverse: Array, zero: Array, multiply: Any) -> Array:
    """The columns of X divided by the singular values."""
    return multiply(X, inverse[..., None, :], guard_zero(zero[..., None, :], ZERO))


ZERO = (
    "np.linalg.svd: singular vectors that belong to the singular value 0 have no derivative: they are an "
    "arbitrary basis of a null space. Use the vectors of positive singular values alone, np.linalg.pinv, "
    "np.linalg.lstsq, or np.linalg.svdvals for the values"
)
NULL_SPACE = (
    "np.linalg.svd(full_matrices=True): the further columns of U or V are any orthonormal basis of a null "
    "space, and the function depends on which one. Use full_matrices=False, or only U₂ U₂ᴴ of those columns"
)
PHASE = (
    "np.linalg.svd: the vectors u and v of a complex matrix are determined up to a common factor of modulus "
    "one only, and the function depends on that factor, so it has no derivative. Make it independent of the "
    "phase: use abs(u), u vᴴ or u uᴴ"
)
