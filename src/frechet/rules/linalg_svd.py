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

from ..linear_map import Array, LinearMap, Shape, adjoint_matrix, compose, linear
from ..rule import Rule, carriers, composed, constant, primal
from .linalg_equal_eigenvalues import Spectrum, ValuesMap
from .linalg_factorizations import hermitian_part
from .linalg_gaps import (
    DEFAULT,
    EPS,
    Tolerances,
    adjoint_product,
    certainly_zero,
    closeness_of_sorted,
    diagonal_masks,
    equal_pairs,
    guard_equal,
    guard_zero,
    inverse_gaps,
    or_undefined,
    product,
    refuse,
)
from .linalg_spectral import with_frame
from .linalg_triangular import is_plain_matrix
from .linalg_vectors import svd_inner
from .products import as_array

constant(np.linalg.matrix_rank)

# --- singular values and vectors ---------------------------------------------------------------------------

SVDResult = type(np.linalg.svd(np.eye(1)))


class Triplets:
    """The singular value decomposition of a plain matrix, or a stack of them, with full or thin U and Vᴴ."""

    __slots__ = ("U", "Vh", "degenerate", "s", "singular", "tolerances")

    def __init__(self, U: Array, s: Array, Vh: Array, tolerances: Tolerances = DEFAULT) -> None:
        self.U, self.s, self.Vh = U, s, Vh
        self.tolerances = tolerances
        self.singular = any_negligible(s, (U.shape[-2], Vh.shape[-1]), tolerances)
        self.degenerate = any_equal(s, tolerances)


def triplets_of(a: Array, full_matrices: bool) -> Triplets:
    """The factorization of the plain value of a."""
    return Triplets(*np.linalg.svd(primal(a), full_matrices))


@composed(np.linalg.svd)
def svd(a: Array, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    a = as_array(a)
    if not hermitian:
        if not compute_uv:
            return singular_values(a, triplets_of(a, False))
        return SVDResult(*svd_of(a, triplets_of(a, full_matrices)))
    if not compute_uv:
        return np.flip(np.sort(np.abs(np.linalg.eigvalsh(a))), axis=-1)
    # Eigenvectors by decreasing |λ|, the sign going to V
    w, U = np.linalg.eigh(a)
    order = np.flip(np.argsort(np.abs(primal(w)), axis=-1), axis=-1)
    U = np.take_along_axis(U, order[..., None, :], axis=-1)
    w = np.take_along_axis(w, order, axis=-1)
    return SVDResult(U, np.abs(w), adjoint_matrix(U * np.sign(primal(w))[..., None, :]))


@composed(np.linalg.svdvals)
def svdvals(x: Array, /) -> Array:
    x = as_array(x)
    return singular_values(x, triplets_of(x, False))


def svd_of(a: Array, triplets: Triplets) -> tuple[Array, Array, Array]:
    """U, s and Vᴴ; where values are equal, the values by a rule of their own."""
    U, s, Vh = singular_triplets(a, triplets)
    return (U, singular_values(a, triplets), Vh) if triplets.degenerate else (U, s, Vh)


def _svd(a: Array, triplets: Triplets) -> Any:
    U, s, Vh = singular_triplets(a, triplets)
    regular = not (triplets.singular or triplets.degenerate)
    return (U, s, Vh), SVDMap(U, s, Vh, triplets.tolerances, regular)


singular_triplets = Rule(lambda a, triplets: (triplets.U, triplets.s, triplets.Vh), _svd, "np.linalg.svd")


def _svdvals(x: Array, triplets: Triplets) -> Any:
    if triplets.degenerate and not triplets.singular and type(x) in carriers:
        return _svdvals_by_eigenvalues(x, triplets)
    # ds = Re diag(Uᴴ dA V), with adjoint s̄ ↦ U diag(s̄) Vᴴ
    U, s, Vh = singular_triplets(x, triplets)
    positive = ~negligible(primal(s), np.shape(x)[-2:], triplets.tolerances)
    k = np.shape(s)[-1]
    U, Vh = U[..., :k], Vh[..., :k, :]
    V = adjoint_matrix(Vh)
    return s, linear(
        lambda v: np.real(np.sum(np.conj(U) * np.matmul(v, V), axis=-2)) * positive,
        lambda w: np.matmul(U * (w * positive)[..., None, :], Vh),
    )


def _svdvals_by_eigenvalues(x: Array, triplets: Triplets) -> Any:
    """The singular values as the largest eigenvalues of [[0, A], [Aᴴ, 0]].

    Those are ±s and zeros; second derivatives where some are equal are at home there.
    """
    m, n = np.shape(x)[-2:]
    k = min(m, n)

    def dilation(v: Array) -> Array:
        stack, dtype = np.shape(v)[:-2], primal(v).dtype
        upper = np.concatenate([np.zeros((*stack, m, m), dtype), v], axis=-1)
        return np.concatenate(
            [upper, np.concatenate([adjoint_matrix(v), np.zeros((*stack, n, n), dtype)], axis=-1)], axis=-2
        )

    embedded = linear(dilation, lambda w: w[..., :m, m:] + adjoint_matrix(w[..., m:, :m]))
    largest = linear(
        lambda v: v[..., ::-1][..., :k],
        lambda w: np.concatenate([np.zeros((*np.shape(w)[:-1], m + n - k), w.dtype), w[..., ::-1]], axis=-1),
    )
    H = dilation(x)
    spectrum = Spectrum(*np.linalg.eigh(primal(H)), triplets.tolerances)
    w, frame = with_frame(H, True, spectrum)
    return largest.push(w), compose(largest, ValuesMap(frame, spectrum), embedded)


singular_values = Rule(lambda x, triplets: triplets.s, _svdvals, "np.linalg.svdvals")


def negligible(s: Array, shape: Any, tolerances: Tolerances = DEFAULT) -> Array:
    """Which singular values are zero up to rounding."""
    return s <= _rank_tol(s, shape, tolerances) * np.max(s, axis=-1, initial=0)[..., None]


def _rank_tol(s: Array, shape: Any, tolerances: Tolerances) -> float:
    return max((*shape, 1)) * EPS[s.dtype.char] if tolerances.rank is None else tolerances.rank


def any_negligible(s: Array, shape: Any, tolerances: Tolerances) -> bool:
    """Whether a plain singular value is zero up to rounding: the last, as they are in descending order."""
    return bool((s[..., -1:] <= _rank_tol(s, shape, tolerances) * s[..., :1]).any())


def any_equal(s: Array, tolerances: Tolerances) -> bool:
    """Whether two plain singular values are equal: neighbours, as they are in descending order."""
    return bool((s[..., :-1] - s[..., 1:] <= closeness_of_sorted(s, tolerances)).any())


class SVDMap(LinearMap):
    """The tangents of U, s and Vᴴ from that of A = U diag(s) Vᴴ.

    Let k = min(m, n), U₁ and V₁ the first k columns, E = U₁ᴴ dA V₁, H its Hermitian and N its skew-Hermitian
    part. From E = dP s + ds − s dQ with dP = U₁ᴴ dU₁ and dQ = V₁ᴴ dV₁ skew-Hermitian:

        ds = diag H,   dP = H ∘ F⁻ + N ∘ F⁺,   dQ = H ∘ F⁻ − N ∘ F⁺,   F∓_ij = 1/(s_j ∓ s_i),  F⁻_ii = 0.

    On the diagonal this divides Im E_ii/s_i, the only part of it that is determined, equally among U and V;
    it is the term that complex input adds (Wan and Zhang, arXiv:1909.02659).  The components outside of the
    ranges of U₁ and V₁ are (I − U₁U₁ᴴ) dA V₁ s⁻¹ and (I − V₁V₁ᴴ) dAᴴ U₁ s⁻¹, which for full matrices is
    written as a rotation K into the further columns U₂, whose tangent then is −U₁ Kᴴ; V likewise.

    ``guards_zero``: whether derivatives of vectors of the singular value 0 are refused; those who make no use
    of these vectors need no test.
    """

    __slots__ = ("U", "Vh", "_inverse", "_is_regular", "_quotients", "guards_zero", "s", "tolerances")

    def __init__(
        self,
        U: Array,
        s: Array,
        Vh: Array,
        tolerances: Tolerances = DEFAULT,
        is_regular: bool | None = None,
        guards_zero: bool = True,
    ) -> None:
        self.guards_zero = guards_zero
        self.U = U
        self.s = s
        self.Vh = Vh
        self.tolerances = tolerances
        self._is_regular = is_regular
        self._quotients: Any = None
        self._inverse: Any = None

    @property
    def shape(self) -> Shape:
        """That of A."""
        return np.shape(self.U)[-2], np.shape(self.Vh)[-1]

    @property
    def is_regular(self) -> bool:
        """Whether no singular values are zero or equal, so that nothing is to be guarded."""
        if self._is_regular is None:
            s, tol = primal(self.s), self.tolerances
            self._is_regular = not (any_negligible(s, self.shape, tol) or any_equal(s, tol))
        return self._is_regular

    @property
    def quotients(self) -> Any:
        """F⁻ with the guard for equal values, F⁺ with that for zero ones."""
        if self._quotients is None:
            s, tol = self.s, self.tolerances
            plain = primal(s)
            sums = s[..., None, :] + s[..., :, None]
            if self.is_regular:
                self._quotients = (inverse_gaps(s, None), None), (1 / sums, None)
                return self._quotients
            zero, equal = negligible(plain, self.shape, tol), equal_pairs(plain, tol)
            both = zero[..., None, :] & zero[..., :, None]
            off_diagonal = ~np.eye(plain.shape[-1], dtype=bool)
            equal = equal | (both & off_diagonal)
            # Of F⁺, what belongs to two different zero values is guarded as a pair of equal values.
            guard = guard_zero(both & ~off_diagonal, ZERO, tol) if self.guards_zero else None
            guarded = equal if self.guards_zero else equal & ~both
            gaps = inverse_gaps(s, equal), guard_equal(guarded, "svd: singular vectors", tol)
            self._quotients = gaps, (~both / (sums + both), guard)
        return self._quotients

    @property
    def inverse(self) -> Any:
        """1/s with the guard for s = 0, and where s is positive."""
        if self._inverse is None:
            s, tol = self.s, self.tolerances
            if self.is_regular:
                self._inverse = (1 / s, None), True
            else:
                zero = negligible(primal(s), self.shape, tol)
                guard = guard_zero(zero[..., None, :], ZERO, tol) if self.guards_zero else None
                self._inverse = (~zero / (s + zero), guard), ~zero
        return self._inverse

    def push(self, v: Array) -> Any:
        U, Vh, k = self.U, self.Vh, np.shape(self.s)[-1]
        U1, V1 = U[..., :k], adjoint_matrix(Vh[..., :k, :])
        inverse, positive = self.inverse
        AV = np.matmul(v, V1)
        E = np.matmul(adjoint_matrix(U1), AV)
        H = hermitian_part(E)
        ds = np.real(np.diagonal(E, axis1=-2, axis2=-1)) * positive
        stack = np.shape(ds)[: np.ndim(ds) - np.ndim(self.s)]

        def rotations() -> tuple[Array, Array]:
            gaps, sums = self.quotients
            return product(H, *gaps), product(E - H, *sums)

        def moved_U() -> Array:
            together, apart = rotations()
            return _moved(U, together + apart, AV, E, inverse)

        def moved_V() -> Array:
            together, apart = rotations()
            AhU = np.matmul(adjoint_matrix(v), U1)
            return adjoint_matrix(
                _moved(adjoint_matrix(Vh), together - apart, AhU, adjoint_matrix(E), inverse)
            )

        dU = or_undefined(moved_U, stack + np.shape(U), U)
        return dU, ds, or_undefined(moved_V, stack + np.shape(Vh), Vh)

    def pull(self, w: Any) -> Array:
        U, Vh, k = self.U, self.Vh, np.shape(self.s)[-1]
        wU, ws, wVh = w
        U1, V1h = U[..., :k], Vh[..., :k, :]
        inverse, positive = self.inverse
        unused_U, unused_V = certainly_zero(wU), certainly_zero(wVh)
        if unused_U and unused_V:
            return np.matmul(U1 * (ws * positive)[..., None, :], V1h)
        # M and W: the cotangents of dP and dQ
        M, outside_U = _gathered(U, wU, unused_U, inverse, self.tolerances)
        W, outside_V = _gathered(adjoint_matrix(Vh), adjoint_matrix(wVh), unused_V, inverse, self.tolerances)
        if np.iscomplexobj(M):
            turning = np.imag(np.diagonal(primal(M + W), axis1=-2, axis2=-1))
            refuse(turning, np.abs(primal(M)) + np.abs(primal(W)), PHASE, self.tolerances)
        g = np.matmul(np.matmul(U1, self._inner(M, W, ws)), V1h)
        if outside_U is not None:
            g = g + np.matmul(outside_U, V1h)
        if outside_V is not None:
            g = g + np.matmul(U1, adjoint_matrix(outside_V))
        return g

    def _inner(self, M: Array, W: Array, ws: Array) -> Array:
        """The cotangent of E from those of dP, ds and dQ."""
        if type(ws) is np.ndarray and is_plain_matrix(self.U, M, W) and self.is_regular:
            return svd_inner(self.s, M, W, ws)
        gaps, sums = self.quotients
        apart = M - W
        # Twice the Hermitian part of what belongs to H, and twice what belongs to N.
        H = adjoint_product(M + W, *gaps)
        inner = H + adjoint_matrix(H) + adjoint_product(apart - adjoint_matrix(apart), *sums)
        if not certainly_zero(ws):
            positive, eye = self.inverse[1], diagonal_masks(np.shape(ws)[-1], primal(ws).dtype.char)[0]
            inner = inner + (2 * ws * positive)[..., None, :] * eye
        return inner * 0.5


def _moved(U: Array, rotation: Array, AV: Array, E: Array, inverse: Any) -> Array:
    """dU from U₁ᴴ dU₁, from dA V₁ and from E = U₁ᴴ dA V₁."""
    m, k = np.shape(U)[-2], np.shape(rotation)[-1]
    U1, U2 = U[..., :k], U[..., k:]
    moved = np.matmul(U1, rotation)
    if m == k:
        return moved
    if np.shape(U)[-1] == k:
        return moved + _over_values(AV - np.matmul(U1, E), inverse, product)
    K = _over_values(np.matmul(adjoint_matrix(U2), AV), inverse, product)
    return np.concatenate([moved + np.matmul(U2, K), -np.matmul(U1, adjoint_matrix(K))], axis=-1)


def _gathered(U: Array, w: Array, unused: bool, inverse: Any, tolerances: Tolerances) -> tuple[Array, Array]:
    """U₁ᴴ Ū, and the cotangent of dA V₁ through what lies outside of the range of U₁, or None."""
    m, k = np.shape(U)[-2], np.shape(inverse[0])[-1]
    if unused:
        return np.zeros((*np.shape(w)[:-2], k, k), w.dtype), None
    U1, U2, w1, w2 = U[..., :k], U[..., k:], w[..., :k], w[..., k:]
    M = np.matmul(adjoint_matrix(U1), w1)
    if m == k:
        return M, None
    if np.shape(U)[-1] == k:
        return M, _over_values(w1 - np.matmul(U1, M), inverse, adjoint_product)
    null = primal(np.matmul(adjoint_matrix(U2), w2))
    refuse(null - adjoint_matrix(null), primal(w), NULL_SPACE, tolerances)
    K = np.matmul(adjoint_matrix(U2), w1) - adjoint_matrix(np.matmul(adjoint_matrix(U1), w2))
    return M, np.matmul(U2, _over_values(K, inverse, adjoint_product))


def _over_values(X: Array, inverse: Any, multiply: Any) -> Array:
    """The columns of X divided by the singular values; ``inverse`` holds 1/s and the guard for s = 0."""
    return multiply(X, inverse[0][..., None, :], inverse[1])


ZERO = (
    "svd: singular vectors that belong to the singular value 0 have no derivative: they are an "
    "arbitrary basis of a null space. Use the vectors of positive singular values alone, np.linalg.pinv, "
    "np.linalg.lstsq, or np.linalg.svdvals for the values"
)
NULL_SPACE = (
    "svd(full_matrices=True): the further columns of U or V are any orthonormal basis of a null "
    "space, and the function depends on which one. Use full_matrices=False, or only U₂ U₂ᴴ of those columns"
)
PHASE = (
    "svd: the vectors u and v of a complex matrix are determined up to a common factor of modulus "
    "one only, and the function depends on that factor, so it has no derivative. Make it independent of the "
    "phase: use abs(u), u vᴴ or u uᴴ"
)
