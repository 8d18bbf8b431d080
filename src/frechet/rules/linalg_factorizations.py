"""numpy.linalg: Cholesky and QR factorizations.

Which entries a function of a Hermitian matrix reads.  NumPy reads one triangle.  Where the matrix is
Hermitian (to half of the digits), the derivative is that with respect to the Hermitian matrix: a gradient is
Hermitian, and an unsymmetric tangent counts with its Hermitian part.  Where it is not, so that the other
triangle evidently does not matter, the derivative is that of what NumPy computes: the gradient lies in the
triangle that is read.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _stacks as stacks
from ..errors import NotDifferentiableError
from ..linear_map import Array, LinearMap, adjoint_matrix, compose, conjugate_transpose, linear
from ..rule import Rule, primal, rule_for
from .lapack import sum_of_squares
from .linalg_factors import half_diagonal_lower, real_char, strictly_lower, triangular_solve
from .linalg_gaps import DEFAULT, EPS, Tolerances, refuse
from .linalg_triangular import (
    cholesky_factor,
    cholesky_pullback,
    is_plain_matrix,
    qr_factors,
    qr_pullback,
    upper_mask,
)
from .products import as_array

# --- Hermitian matrices ------------------------------------------------------------------------------------


def hermitian_part(V: Array) -> Array:
    """(V + Vᴴ)/2."""
    return (V + adjoint_matrix(V)) * 0.5


hermitian_part_map = linear(hermitian_part, hermitian_part)
symmetric_part_map = linear(
    lambda V: (V + np.swapaxes(V, -1, -2)) * 0.5, lambda W: (W + np.swapaxes(W, -1, -2)) * 0.5
)


def reading(a: Array, lower: bool = True, hermitian: bool = True) -> LinearMap:
    """The map from a tangent of a matrix to that of the Hermitian matrix read from one of its triangles.

    Where a is Hermitian: V ↦ (V + Vᴴ)/2.  Else, with T(V) the triangle that is read, its diagonal halved:
    V ↦ T(V) + T(V)ᴴ, with adjoint W ↦ T(W + Wᴴ).  Each matrix of a stack counts on its own.  With
    ``hermitian=False``: symmetric matrices, and the transpose in place of the adjoint.
    """
    plain = primal(a)
    turned = adjoint_matrix if hermitian or plain.dtype.kind != "c" else matrix_transpose
    other = turned(plain)
    whole = hermitian_part_map if turned is adjoint_matrix else symmetric_part_map
    if (plain == other).all():
        return whole
    with np.errstate(invalid="ignore"):  # what is not read may be nan or inf, and is not like what is read
        asymmetry = np.max(np.abs(plain - other), axis=(-2, -1), initial=0, keepdims=True)
        size = np.max(np.abs(plain), axis=(-2, -1), initial=0, keepdims=True)
        as_given = (asymmetry <= np.sqrt(np.finfo(plain.dtype).eps) * size) & np.isfinite(size)
    if as_given.all():
        return whole
    mask = half_diagonal_lower(np.shape(plain)[-1], real_char(plain))
    mask = mask if lower else mask.T
    if as_given.any():
        mask = np.where(as_given, mask.dtype.type(0.5), mask)  # of the whole, halved, as (V + Vᴴ)/2 says

    def push(v: Array) -> Array:
        t = v * mask
        return t + turned(t)

    return linear(push, lambda w: (w + turned(w)) * mask)


def matrix_transpose(A: Array) -> Array:
    """Aᵀ, over leading axes; a view."""
    return np.swapaxes(A, -1, -2)


# --- Cholesky ----------------------------------------------------------------------------------------------


@rule_for(np.linalg.cholesky)
def cholesky(a: Array, /, *, upper: bool = False) -> Any:
    """The lower Cholesky factor L (A = L Lᴴ), or the upper one, Lᴴ."""
    return cholesky_rule.body(as_array(a), upper)


def _plain_cholesky(a: Array, upper: bool) -> Array:
    if is_plain_matrix(a) and a.shape[0] == a.shape[1]:
        return cholesky_factor(a, upper)
    if stacks.fits(a):
        return adjoint_matrix(stacks.cholesky(adjoint_matrix(a))) if upper else stacks.cholesky(a)
    return np.linalg.cholesky(a, upper=upper)


def _cholesky(a: Array, upper: bool) -> Any:
    factor = cholesky_rule(a, upper)
    if upper:
        return factor, compose(conjugate_transpose, CholeskyMap(adjoint_matrix(factor), reading(a, False)))
    return factor, CholeskyMap(factor, reading(a))


cholesky_rule = Rule(_plain_cholesky, _cholesky, "np.linalg.cholesky")


class CholeskyMap(LinearMap):
    """The tangent of L from that of A = L Lᴴ, a matrix of which ``reads`` gives the Hermitian tangent.

    L⁻¹ dA L⁻ᴴ = L⁻¹dL + (L⁻¹dL)ᴴ, and L⁻¹dL is lower triangular with a real diagonal: it is Φ(L⁻¹ dA L⁻ᴴ),
    where Φ keeps the lower triangle and halves the diagonal.  The adjoint of L Φ(L⁻¹ dA L⁻ᴴ) is the Hermitian
    part of L⁻ᴴ Φ(Lᴴ L̄) L⁻¹ (Murray, arXiv:1602.07527).
    """

    __slots__ = ("L", "reads")

    def __init__(self, L: Array, reads: LinearMap = hermitian_part_map) -> None:
        self.L = L
        self.reads = reads

    def push(self, v: Array) -> Array:
        L, v = self.L, self.reads.push(v)
        if stacks.fits(L, v):
            return stacks.cholesky_derivative(L, v, False)
        half = triangular_solve(L, v, True, False)
        both = triangular_solve(L, adjoint_matrix(half), True, False)  # L⁻¹ (L⁻¹ dA)ᴴ, Hermitian as dA is
        return np.matmul(L, both * half_diagonal_lower(np.shape(L)[-1], real_char(L)))

    def pull(self, w: Array) -> Array:
        L = self.L
        small = stacks.fits(L, w)
        if small or (is_plain_matrix(L, w) and w.size):
            S = stacks.cholesky_derivative(L, w, True) if small else cholesky_pullback(L, w)
            return S if self.reads is hermitian_part_map else self.reads.pull(S)
        inner = np.matmul(adjoint_matrix(L), w) * half_diagonal_lower(np.shape(L)[-1], real_char(L))
        half = triangular_solve(L, adjoint_matrix(inner), True, True)  # L⁻ᴴ Φᴴ, then (L⁻ᴴ Φ) L⁻¹
        return self.reads.pull(hermitian_part(triangular_solve(L, adjoint_matrix(half), True, True)))


# --- QR ----------------------------------------------------------------------------------------------------

QRResult = type(np.linalg.qr(np.eye(1)))


@rule_for(np.linalg.qr)
def qr(a: Array, mode: Any = "reduced") -> Any:
    """A = Q R, in the modes reduced, complete and r, where the first min(m, n) columns are independent."""
    if mode not in ("reduced", "complete", "r"):
        raise NotDifferentiableError(
            f"np.linalg.qr(mode={mode!r}) has no derivative here: it returns LAPACK's internal form. "
            "Use mode='reduced', 'complete' or 'r'"
        )
    return qr_rule.body(as_array(a), mode)


def _plain_qr(a: Array, mode: Any, tolerances: Tolerances = DEFAULT) -> Any:
    if is_plain_matrix(a) and a.size:
        Q, R = qr_factors(a, mode)
        return R if mode == "r" else QRResult(Q, R)
    return np.linalg.qr(a, mode)


def _qr(a: Array, mode: Any, tolerances: Tolerances = DEFAULT) -> Any:
    value = qr_rule(a, "reduced" if mode == "r" else mode)
    Q, R = value
    derivative = QRMap(Q, R, tolerances)
    if mode != "r":
        return value, derivative
    zeros_of_Q = np.zeros(np.shape(Q), Q.dtype)
    return R, linear(
        lambda v: derivative.push(v)[1],
        lambda w: derivative.pull(
            (np.broadcast_to(zeros_of_Q, np.shape(w)[: np.ndim(w) - np.ndim(R)] + np.shape(Q)), w)
        ),
    )


# Q and R of a in a mode of NumPy's; the tolerances are those of QRMap.
qr_rule = Rule(_plain_qr, _qr, "np.linalg.qr")


def require_independent_columns(R: Array, tolerances: Tolerances = DEFAULT) -> None:
    """Raise where a column is a combination of those before it: R has a diagonal entry that is zero.

    It is compared with the length of its column, tolerances.rank (by default max(m, n)·eps) times: so the
    test does not depend on how the columns are scaled.
    """
    k = min(R.shape[-2:])
    diagonal = np.abs(R.diagonal(0, -2, -1))
    tol = max(R.shape[-2:]) * EPS[R.dtype.char] if tolerances.rank is None else tolerances.rank
    if not diagonal.size or diagonal.min() > tol * sum_of_squares(R) ** 0.5:  # the common case, quickly
        return
    if (diagonal <= tol * np.abs(R[..., :k, :k]).max(axis=-2)).any():
        raise NotDifferentiableError(
            "np.linalg.qr or fr.linalg.qr (rq) of a matrix whose leading columns (last rows) are linearly "
            "dependent has no derivative: one of Q is then arbitrary. For least squares use lstsq or pinv, "
            "for the range fr.linalg.range_projector"
        )


class QRMap(LinearMap):
    """The tangents of Q and R.

    Let k = min(m, n), A₁ and R₁ the first k columns of A and R, and C = Qᴴ dA₁ R₁⁻¹.  From dA = dQ R + Q dR,
    C is the sum of Ω = Qᴴ dQ, which is skew-Hermitian, and of dR₁ R₁⁻¹, which is upper triangular with a real
    diagonal (LAPACK makes that of R real).  So the part of C below the diagonal and the imaginary part on it
    are those of Ω, and

        dQ = Q Ω + (I − Q Qᴴ) dA₁ R₁⁻¹,        dR = Qᴴ dA − Ω R.

    In mode complete with m > n, Q is square, and the block of Ω that rotates its last m − n columns among
    themselves is a choice that A does not determine: it is taken to be zero, and a cotangent that asks for it
    is refused.  Walter, Lehmann and Lamour (2012);
    Roberts and Roberts, arXiv:2009.10071, for m < n; arXiv:2409.13374 for mode complete.
    """

    __slots__ = ("Q", "R", "k", "tolerances")

    def __init__(self, Q: Array, R: Array, tolerances: Tolerances = DEFAULT) -> None:
        require_independent_columns(primal(R), tolerances)
        self.Q = Q
        self.R = R
        self.k = min(np.shape(Q)[-2], np.shape(R)[-1])
        self.tolerances = tolerances

    def _times_inverse(self, X: Array, adjoint: bool) -> Array:
        """X R₁⁻¹ or X R₁⁻ᴴ, by a solve with the other one for Xᴴ."""
        R1 = self.R[..., : self.k, : self.k]
        return adjoint_matrix(triangular_solve(R1, adjoint_matrix(X), False, not adjoint))

    def push(self, v: Array) -> Any:
        Q, R, k = self.Q, self.R, self.k
        p = np.shape(Q)[-1]  # k, or m in mode complete
        Qh = adjoint_matrix(Q)
        B = self._times_inverse(v[..., :k], adjoint=False)
        C = np.matmul(Qh, B)
        below = _padded(C * strictly_lower(p, k, real_char(R)), p)
        omega = below - adjoint_matrix(below)
        if np.iscomplexobj(C):
            eye = np.eye(p, k, dtype=real_char(R))
            omega = omega + _padded(1j * np.imag(C * eye), p)
        dQ = np.matmul(Q, omega)
        if k == p < np.shape(Q)[-2]:
            dQ = dQ + (B - np.matmul(Q, C))
        upper = upper_mask(*np.shape(R)[-2:], real_char(R))
        return dQ, (np.matmul(Qh, v) - np.matmul(omega, R)) * upper

    def pull(self, w: Any) -> Array:
        Q, R, k = self.Q, self.R, self.k
        (m, p), n = np.shape(Q)[-2:], np.shape(R)[-1]
        wQ, wR = w
        if k == p == m and is_plain_matrix(Q, R, wQ, wR):
            return qr_pullback(Q, R, wQ, wR)
        wR = wR * upper_mask(p, n, real_char(R))
        M = np.matmul(adjoint_matrix(Q), wQ)
        omega = M - np.matmul(wR, adjoint_matrix(R))
        skew = omega - adjoint_matrix(omega)
        if p > k:
            refuse(primal(skew)[..., k:, k:], primal(wQ), NULL_SPACE, self.tolerances)
        C = skew[..., :, :k] * strictly_lower(p, k, real_char(R))
        if np.iscomplexobj(skew):
            C = C + 1j * np.imag(omega[..., :, :k] * np.eye(p, k, dtype=real_char(R)))
        if k == p < m:  # the cotangent of dA R₁⁻¹, with a part outside of the range of Q
            outside = self._times_inverse(wQ + np.matmul(Q, C - M), adjoint=True)
            return np.matmul(Q, wR) + outside  # here n = k
        return np.matmul(Q, wR + _padded(self._times_inverse(C, adjoint=True), n))


def _padded(X: Array, n: int) -> Array:
    """X with columns of zeros appended, up to n."""
    missing = n - np.shape(X)[-1]
    if not missing:
        return X
    return np.concatenate([X, np.zeros((*np.shape(X)[:-1], missing), X.dtype)], axis=-1)


NULL_SPACE = (
    "np.linalg.qr(mode='complete') or fr.linalg.qr(mode='full'): the last columns of Q are any orthonormal "
    "basis of the complement of the range, and the function depends on which one. Use mode='reduced' (in "
    "fr.linalg 'economic'), or only Q₂ Q₂ᴴ of those columns"
)
