"""Second derivatives of symmetric functions of the eigenvalues of a Hermitian matrix, where some are equal.

Let f be symmetric in eigenvalues that are equal, g = ∂f/∂λ, and A = V Λ Vᴴ.  Then G = V diag(g) Vᴴ is the
gradient of f(λ(A)), whichever basis V holds of an eigenspace.  Its derivative in the direction dA is, with
M = Vᴴ dA V and across different eigenvalues, that of Daleckiĭ and Kreĭn, (g_j − g_i)/(λ_j − λ_i) M_ij.  On
the block of a multiple eigenvalue it is a linear map of Hermitian blocks that commutes with all unitary
changes of basis, hence

    M ↦ K M + c tr(M) I        with two numbers K and c,

by Schur's lemma; K = ∂g_i/∂λ_i − ∂g_i/∂λ_j, the limit of the quotient.  The factorization does not know K,
but the diagonal shows it: the function that has taken λ to g takes dλ = diag M to dg = K diag M + c tr M.
So ``complete`` reads K off the diagonal and applies it to the rest of the block.  The map is self-adjoint, so
the same goes for cotangents.  The basis of each eigenspace is a random one here, so that the diagonal of a
block shows something unless the block is a multiple of the identity; LAPACK's is often that of the
coordinates.

For this the block has to meet the response on the diagonal.  In a pushforward of a gradient both are at hand.
In reverse they meet where the eigenvalues come from: the cotangent of the eigenvalues is the response, and
the blocks travel in the cotangent of a second result of the factorization, the frame.  A pushforward of a
pushforward sees no response, and is refused; so is the third derivative, which needs more than K.

The frame of an n × n matrix is an array of shape (n, n + 1), whose value means nothing.  Its tangent is
Vᴴ dA V beside a column of zeros.  Its cotangent holds, across different eigenvalues, the cotangent of that,
within blocks the blocks, and in the last column the number of derivatives that they come from: K can be read
off for one.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from ..errors import NotDifferentiableError
from ..linear_map import Array, LinearMap, adjoint_matrix, compose, linear
from ..maps import Broadcast
from ..rule import Rule, primal
from .linalg_gaps import DEFAULT, Tolerances, closeness_of_sorted

# --- numerics on plain arrays -------------------------------------------------------------------------------


class Spectrum:
    """Eigenvalues (ascending) and eigenvectors of a plain Hermitian matrix or stack; which are equal."""

    __slots__ = ("V", "_basis", "_inverse", "_same", "degenerate", "tolerances", "w")

    def __init__(self, w: Array, V: Array, tolerances: Tolerances = DEFAULT) -> None:
        self.w = w
        self.V = V
        self.tolerances = tolerances
        self.degenerate = bool((w[..., 1:] - w[..., :-1] <= closeness_of_sorted(w, tolerances)).any())
        self._same: Array = None
        self._inverse: Array = None
        self._basis: Array = None

    @property
    def same(self) -> Array:
        """One for pairs of equal eigenvalues, i = j among them, else zero."""
        if self._same is None:
            w = self.w
            apart = w[..., 1:] - w[..., :-1] > closeness_of_sorted(w, self.tolerances)
            label = np.zeros(w.shape, int)
            np.cumsum(apart, axis=-1, out=label[..., 1:])
            self._same = (label[..., None, :] == label[..., :, None]).astype(w.dtype)
        return self._same

    @property
    def inverse_gaps(self) -> Array:
        """F_ij = 1/(λ_j − λ_i), and 0 for equal eigenvalues."""
        if self._inverse is None:
            w, same = self.w, self.same
            self._inverse = (1 - same) / np.where(same == 1, 1, w[..., None, :] - w[..., :, None])
        return self._inverse

    @property
    def basis(self) -> Array:
        """Eigenvectors with a random basis of each eigenspace of several dimensions."""
        if self._basis is None:
            rng = np.random.default_rng(20)
            X = rng.standard_normal(self.V.shape)
            if np.iscomplexobj(self.V):
                X = X + 1j * rng.standard_normal(self.V.shape)
            rotation = np.linalg.qr(X * self.same)[0].astype(self.V.dtype)
            self._basis = np.matmul(self.V, rotation)
        return self._basis

    def congruence(self, E: Array) -> Array:
        """Vᴴ E V."""
        V = self.basis
        return np.matmul(np.matmul(adjoint_matrix(V), E), V)

    def spread(self, X: Array) -> Array:
        """V X Vᴴ."""
        V = self.basis
        return np.matmul(np.matmul(V, X), adjoint_matrix(V))

    def weights(self, g: Array) -> Array:
        """(g_j − g_i)/(λ_j − λ_i), and 1 for equal eigenvalues: a symmetric matrix."""
        return (g[..., None, :] - g[..., :, None]) * self.inverse_gaps + self.same

    def complete(self, M: Array, response: Array, active: Array) -> Array:
        """M across different eigenvalues; K M beside the diagonals of active blocks; the response on them."""
        same = self.same
        eye = np.eye(same.shape[-1], dtype=same.dtype)
        beside = M * (same - eye) * active[..., None]
        x = self._centred(np.real(_diagonal(M))) * active
        y = self._centred(response) * active
        seen = self._sum(x * x)
        if (seen < 1e-10 * self._sum(np.max(np.abs(beside), axis=-1, initial=0) ** 2)).any():
            raise NotDifferentiableError(UNSEEN)  # it would cost five digits or more
        K = self._sum(x * y) / np.where(seen > 0, seen, 1)
        tol = self.tolerances.gauge
        tol = np.sqrt(np.finfo(same.dtype).eps) if tol is None else tol
        if (np.abs(y - K * x) > tol * np.max(np.abs(response), axis=-1, initial=0)[..., None]).any():
            raise NotDifferentiableError(NOT_SYMMETRIC)
        return M * (1 - same) + K[..., None] * beside + response[..., None, :] * eye

    def _sum(self, x: Array) -> Array:
        """Sums over the block of each eigenvalue."""
        return np.matmul(self.same, x[..., None])[..., 0]

    def _centred(self, x: Array) -> Array:
        """x without its mean over each block."""
        return x - self._sum(x) / np.sum(self.same, axis=-1)

    def active(self, M: Array) -> Array:
        """For each eigenvalue, whether its block of M is more than a diagonal and rounding: 1 or 0."""
        n, dtype = self.w.shape[-1], self.w.dtype
        beside = np.abs(M) * (self.same - np.eye(n, dtype=dtype))
        limit = 100 * n * np.finfo(dtype).eps * np.max(np.abs(M), axis=(-2, -1), initial=0)
        active = np.max(beside, axis=-1, initial=0) > limit[..., None]
        return (self._sum(active.astype(dtype)) > 0).astype(dtype)


def _diagonal(X: Array) -> Array:
    return np.diagonal(X, axis1=-2, axis2=-1)


_ROUTE = (
    " A symmetric function of the eigenvalues is one of the matrix: write it with traces of powers and of "
    "matrix functions (np.trace(A @ A), np.trace(fr.linalg.funm(A, f, assume='hermitian'))) or "
    "np.linalg.det, which have derivatives of every order and mode there"
)
_CALL = "eigenvalues that are equal (or singular values): "
NOT_SYMMETRIC = (
    _CALL + "the function treats them differently, so it has no second derivative here. Use a function that "
    "is symmetric in them, or fr.linalg.spectral_projector"
)
UNSEEN = _CALL + "this second derivative cannot be read off the eigenvalues." + _ROUTE
FORWARD_TWICE = (
    _CALL + "a second derivative by two pushforwards (jvp of jvp) is not to be had from the eigenvalues; one "
    "that has a gradient in it is (fr.hvp, fr.hessian, fr.grad of fr.jvp)." + _ROUTE
)
SEVERAL = (
    _CALL + "a second derivative of several functions at once is not to be had in reverse. Take it of one "
    "after the other, or forward (fr.jvp of fr.vjp)." + _ROUTE
)
THIRD = _CALL + "derivatives beyond the second are not to be had from the eigenvalues." + _ROUTE


# --- the factorization --------------------------------------------------------------------------------------


def spectrum_maps(Z: Array, spectrum: Spectrum) -> LinearMap:
    """The map from the tangent of a Hermitian matrix to those of its eigenvalues and its frame."""

    def push(v: Array) -> Any:
        tangent = frame_push(v, Z, spectrum)
        return np.real(np.diagonal(tangent, axis1=-2, axis2=-1)), tangent

    def pull(w: Any) -> Array:
        values, frame = w
        return frame_pull(np.concatenate([frame, values[..., None]], axis=-1), Z, spectrum)

    return linear(push, pull)


def _frame_push_value(v: Array, Z: Array, spectrum: Spectrum) -> Array:
    B = spectrum.congruence(v)
    return np.concatenate([B, np.zeros((*B.shape[:-1], 1), B.dtype)], axis=-1)


def _frame_push_body(v: Array, Z: Array, spectrum: Spectrum) -> Any:
    in_v = linear(lambda v: frame_push(v, Z, spectrum), lambda w: spectrum.spread(w[..., :-1]))
    return frame_push(v, Z, spectrum), (in_v, Beyond())


def _frame_pull_value(P: Array, Z: Array, spectrum: Spectrum) -> Array:
    M, count, response = P[..., :-2], np.real(P[..., -2]), np.real(P[..., -1])
    if (count > 1).any():
        raise NotDifferentiableError(SEVERAL)
    return spectrum.spread(spectrum.complete(M, response, count))


def _frame_pull_body(P: Array, Z: Array, spectrum: Spectrum) -> Any:
    def pull(w: Array) -> Array:
        B = spectrum.congruence(w)
        diagonal = np.real(np.diagonal(B, axis1=-2, axis2=-1))[..., None]
        return np.concatenate([B, np.zeros_like(diagonal), diagonal], axis=-1)

    in_P = linear(lambda v: frame_pull(v, Z, spectrum), pull)
    return frame_pull(P, Z, spectrum), (in_P, Beyond())


class Beyond(LinearMap):
    """Where a third derivative would be due."""

    __slots__ = ()

    def push(self, v: Array) -> NoReturn:
        raise NotDifferentiableError(THIRD)

    def pull(self, w: Array) -> NoReturn:
        raise NotDifferentiableError(THIRD)


_NAME = "np.linalg.eigvalsh"
frame_push = Rule(_frame_push_value, _frame_push_body, _NAME)
frame_pull = Rule(_frame_pull_value, _frame_pull_body, _NAME)


# --- first derivatives of the eigenvalues, as functions of the frame ----------------------------------------


class ValuesMap(LinearMap):
    """dA ↦ diag(Vᴴ dA V), with adjoint g ↦ V diag(g) Vᴴ."""

    __slots__ = ("Z", "spectrum")

    def __init__(self, Z: Array, spectrum: Spectrum) -> None:
        self.Z = Z
        self.spectrum = spectrum

    def push(self, v: Array) -> Array:
        return values_push(v, self.Z, self.spectrum)

    def pull(self, w: Array) -> Array:
        return values_pull(w, self.Z, self.spectrum)


def _values_push_value(E: Array, Z: Array, spectrum: Spectrum) -> Array:
    return np.real(_diagonal(spectrum.congruence(E)))


def _values_push_body(E: Array, Z: Array, spectrum: Spectrum) -> Any:
    # diag(Vᴴ E V) moves by 2 Re diag(B Q) with B = Vᴴ E V and Q = Ż ∘ F.
    in_Z = linear(
        lambda v: push_in_frame(v, E, Z, spectrum),
        lambda w: _counted(push_in_frame_adjoint(w, E, Z, spectrum), spectrum),
    )
    shape = (*np.shape(E)[:-1], np.shape(E)[-1] + 1)
    in_Z = compose(in_Z, Broadcast(np.shape(Z), shape))
    return values_push(E, Z, spectrum), (ValuesMap(Z, spectrum), in_Z)


def _values_pull_value(g: Array, Z: Array, spectrum: Spectrum) -> Array:
    V = spectrum.basis
    return np.matmul(V * g[..., None, :], adjoint_matrix(V))


def _values_pull_body(g: Array, Z: Array, spectrum: Spectrum) -> Any:
    # (Ż, ġ) as one array: the tangent of the matrix beside that of the response.
    n, shape = np.shape(g)[-1], (*np.shape(g), np.shape(g)[-1] + 1)
    second = Second(g, Z, spectrum)
    in_g = linear(
        lambda v: np.concatenate([np.zeros((*np.shape(v), n), v.dtype), v[..., None]], axis=-1),
        lambda w: np.real(w[..., -1]),
    )
    in_Z = compose(
        linear(lambda v: v, lambda w: _counted(w[..., :-1], spectrum)), Broadcast(np.shape(Z), shape)
    )
    return values_pull(g, Z, spectrum), (compose(second, in_g), compose(second, in_Z))


values_push = Rule(_values_push_value, _values_push_body, _NAME)
values_pull = Rule(_values_pull_value, _values_pull_body, _NAME)


def _counted(M: Array, spectrum: Spectrum) -> Array:
    """The cotangent of the frame: M beside the count of derivatives whose blocks it holds."""
    count = spectrum.active(primal(M))
    return np.concatenate([M, count[..., None].astype(primal(M).dtype)], axis=-1)


# --- second derivatives -------------------------------------------------------------------------------------


class Second(LinearMap):
    """(Ż, ġ) ↦ the tangent of V diag(g) Vᴴ; its adjoint gives the frame's cotangent, and ḡ as a column."""

    __slots__ = ("Z", "g", "spectrum")

    def __init__(self, g: Array, Z: Array, spectrum: Spectrum) -> None:
        self.g = g
        self.Z = Z
        self.spectrum = spectrum

    def push(self, v: Array) -> Array:
        return second_push(v, self.g, self.Z, self.spectrum)

    def pull(self, w: Array) -> Array:
        return second_pull(w, self.g, self.Z, self.spectrum)


def _second_push_value(P: Array, g: Array, Z: Array, spectrum: Spectrum) -> Array:
    M, response = P[..., :-1], np.real(P[..., -1])
    return spectrum.spread(spectrum.complete(spectrum.weights(g) * M, response, spectrum.active(M)))


def _second_push_body(P: Array, g: Array, Z: Array, spectrum: Spectrum) -> Any:
    return second_push(P, g, Z, spectrum), (Second(g, Z, spectrum), Beyond(), Beyond())


def _second_pull_value(X: Array, g: Array, Z: Array, spectrum: Spectrum) -> Array:
    B = spectrum.congruence(X)
    return np.concatenate([spectrum.weights(g) * B, np.real(_diagonal(B))[..., None]], axis=-1)


def _second_pull_body(X: Array, g: Array, Z: Array, spectrum: Spectrum) -> Any:
    return second_pull(X, g, Z, spectrum), (Second(g, Z, spectrum).adjoint, Beyond(), Beyond())


second_push = Rule(_second_push_value, _second_push_body, _NAME)
second_pull = Rule(_second_pull_value, _second_pull_body, _NAME)


def _push_in_frame_value(v: Array, E: Array, Z: Array, spectrum: Spectrum) -> Array:
    B, M = spectrum.congruence(E), v[..., :-1]
    if (spectrum.active(B) * spectrum.active(M)).any():
        raise NotDifferentiableError(FORWARD_TWICE)
    return 2 * np.real(_diagonal(np.matmul(B, M * spectrum.inverse_gaps)))


def _push_in_frame_adjoint_value(w: Array, E: Array, Z: Array, spectrum: Spectrum) -> Array:
    return spectrum.weights(w) * spectrum.congruence(E)


def _push_in_frame_body(v: Array, E: Array, Z: Array, spectrum: Spectrum) -> Any:
    maps = linear(
        lambda v: push_in_frame(v, E, Z, spectrum),
        lambda w: _counted(push_in_frame_adjoint(w, E, Z, spectrum), spectrum),
    )
    return push_in_frame(v, E, Z, spectrum), (maps, Beyond(), Beyond())


def _push_in_frame_adjoint_body(w: Array, E: Array, Z: Array, spectrum: Spectrum) -> Any:
    return push_in_frame_adjoint(w, E, Z, spectrum), (Beyond(), Beyond(), Beyond())


push_in_frame = Rule(_push_in_frame_value, _push_in_frame_body, _NAME)
push_in_frame_adjoint = Rule(_push_in_frame_adjoint_value, _push_in_frame_adjoint_body, _NAME)
