"""Numerics for the pullbacks of eigenvectors and singular vectors, on plain arrays.

What the formulas of `linalg_spectral` and `linalg_svd` come down to for one matrix with distinct values, of
which nothing is traced: the same results with few passes over memory.
"""

from __future__ import annotations

from ..linear_map import Array, adjoint_matrix
from .lapack import blas

_HALVED = 128  # rows from which on half of a Hermitian product is computed: below, the other half costs less


def eigh_pullback(V: Array, w: Array, M: Array, g: Array) -> Array:
    """The Hermitian part of V (diag g + M ∘ F) Vᴴ, F_ij = 1/(λ_j − λ_i), and 0 on the diagonal.

    M is overwritten.
    """
    twice = 2 * w
    gaps = twice - twice[:, None]
    n = len(w)
    gaps.flat[:: n + 1] = 1
    if n < _HALVED:
        M /= gaps
        M.flat[:: n + 1] = 0.5 * g
        S = V @ M @ adjoint_matrix(V)
        return S + adjoint_matrix(S)
    # T + Tᴴ for a lower triangular T in the middle: V T takes half of a product, and so does one triangle of
    # V T Vᴴ + (V T Vᴴ)ᴴ, for each of its terms.
    T = M - adjoint_matrix(M)
    T /= gaps
    T.flat[:: n + 1] = 0.5 * g
    char = V.dtype.char
    VT = blas("trmm", char)(1.0, T.T, V, side=1, lower=0, trans_a=1)
    lower = blas("syr2k" if char in "fd" else "her2k", char)(1.0, VT, V, lower=1)
    S = lower + adjoint_matrix(lower)
    S.flat[:: n + 1] = lower.diagonal().real
    return S


def svd_inner(s: Array, M: Array, W: Array, g: Array) -> Array:
    """The cotangent of E = Uᴴ dA V from those of dP, dQ and ds (see `SVDMap`).

    With A = M − Mᴴ and B = W − Wᴴ it is, off the diagonal, half of A (F⁻ + F⁺) + B (F⁻ − F⁺); that is
    (A p + B (1 − p)) / (s_j − s_i) with p_ij = s_j / (s_i + s_j).
    """
    n = len(s)
    B = W - adjoint_matrix(W)
    diagonal = g
    if M.dtype.kind == "c":
        diagonal = g + 0.5j * (M.diagonal() - W.diagonal()).imag / s
    X = M - adjoint_matrix(M)
    X -= B
    X *= s / (s + s[:, None])
    X += B
    gaps = s - s[:, None]
    gaps.flat[:: n + 1] = 1
    X /= gaps
    X.flat[:: n + 1] = diagonal
    return X
