"""Numerics for the Cholesky and QR factorizations and their pullbacks, on plain arrays.

What the formulas of `linalg_factorizations` come down to where nothing is traced: the same results by blocks,
with the zeros of triangular matrices left out and nearly all work in matrix products.  LAPACK is called
through SciPy, on transposes: those of row-major matrices are column-major, as it wants them.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from ..linear_map import Array, adjoint_matrix
from .lapack import blas, lapack
from .linalg_factors import half_diagonal_lower, strictly_lower

_LEAF = 64  # rows of a triangle that is no longer divided: below, calls cost more than zeros
_NAIVE = 128  # rows up to which zeros are multiplied like other numbers


def is_plain_matrix(*arrays: Array) -> bool:
    """Whether these are matrices, not stacks, of one type that LAPACK knows, with nothing traced."""
    dtype = arrays[0].dtype
    for x in arrays:
        if type(x) is not np.ndarray or x.ndim != 2 or x.dtype is not dtype:
            return False
    return dtype.char in "fdFD"


# --- Cholesky ----------------------------------------------------------------------------------------------


def cholesky_factor(A: Array, upper: bool = False) -> Array:
    """L with A = L Lᴴ, or U with A = Uᴴ U, row-major; only that triangle of A is read.

    LAPACK sees Aᵀ, and makes Lᵀ of what are its upper entries, or Uᵀ of its lower ones: Aᵀ = (Lᵀ)ᴴ Lᵀ =
    Uᵀ (Uᵀ)ᴴ.
    """
    factor, info = lapack("potrf", A.dtype.char)(A.T, lower=upper)
    if info:
        raise not_definite(info)
    transposed: Array = factor.T
    return transposed


def not_definite(info: int) -> np.linalg.LinAlgError:
    """SciPy's error for a matrix that is not positive definite."""
    return np.linalg.LinAlgError(f"{info}-th leading minor of the array is not positive definite")


def cholesky_pullback(L: Array, W: Array) -> Array:
    """The Hermitian gradient of A = L Lᴴ from a cotangent W of L: that part of L⁻ᴴ Φ(Lᴴ W) L⁻¹.

    By blocks, in 0.9 n³ operations in place of 4 n³ (recursively; Murray, arXiv:1602.07527, sweeps).  With
    L = [L₁ 0; L₂₁ L₂] and the gradient [S₁ S₂₁ᴴ; S₂₁ S₂]: S₂ is the same of the block L₂;  A₂ − L₂₁L₂₁ᴴ =
    L₂L₂ᴴ gives L₂₁ the cotangent W₂₁ − 2 S₂ L₂₁;  L₂₁ = A₂₁ L₁⁻ᴴ gives A₂₁ the cotangent G = (…) L₁⁻¹, of
    which half goes to A₁₂, and L₁ the cotangent −Gᴴ L₂₁.
    """
    n = len(L)
    if n <= _LEAF:
        return _cholesky_leaf(L, W)
    S = np.empty((n, n), L.dtype)
    _cholesky_block(L, W, S)
    return S


def _cholesky_block(L: Array, W: Array, S: Array) -> None:
    n = len(L)
    if n <= _LEAF:
        S[...] = _cholesky_leaf(L, W)
        return
    h = n // 2
    L1, L21, S21 = L[:h, :h], L[h:, :h], S[h:, :h]
    _cholesky_block(L[h:, h:], W[h:, h:], S[h:, h:])
    G = S[h:, h:] @ L21
    G *= -2
    G += W[h:, :h]
    G = solve_right(L1, G)
    rest = adjoint_matrix(G) @ L21
    np.subtract(W[:h, :h], rest, out=rest)
    np.multiply(G, 0.5, out=S21)
    S[:h, h:] = adjoint_matrix(S21)
    _cholesky_block(L1, rest, S[:h, :h])


def _cholesky_leaf(L: Array, W: Array) -> Array:
    char = L.dtype.char
    trsm = blas("trsm", char)
    inner = adjoint_matrix(L) @ W
    inner *= half_diagonal_lower(len(L), "f" if char in "fF" else "d")
    # X = L⁻ᴴ Φ, as Xᵀ conj(L) = Φᵀ, and S = X L⁻¹: from the right BLAS is twice as fast as from the left.
    U = L.T
    X = trsm(1.0, U, inner.T, side=1, trans_a=2, overwrite_b=1).T
    S = trsm(0.5, U, X, side=1, trans_a=1)
    return S + adjoint_matrix(S)


def solve_right(L: Array, B: Array) -> Array:
    """B L⁻¹ for a lower triangular L, by halves; B, row-major, is overwritten or returned anew."""
    n = len(L)
    if n <= _LEAF:
        return blas("trsm", L.dtype.char)(1.0, L.T, B.T, side=0, overwrite_b=1).T
    h = n // 2
    # [X₁ X₂] [L₁ 0; L₂₁ L₂] = [B₁ B₂]:  X₂ L₂ = B₂,  X₁ L₁ = B₁ − X₂ L₂₁
    B[:, h:] = X2 = solve_right(L[h:, h:], B[:, h:])
    first = X2 @ L[h:, :h]
    np.subtract(B[:, :h], first, out=first)
    B[:, :h] = solve_right(L[:h, :h], first)
    return B


# --- QR ----------------------------------------------------------------------------------------------------


def qr_factors(A: Array, mode: str) -> tuple[Array, Array]:
    """Q and R of a matrix with entries, in the modes reduced and complete; in mode r, None and R.

    Q is column-major, as LAPACK leaves it.
    """
    m, n = A.shape
    k = min(m, n)
    geqrf, orgqr = _qr_routines(A.dtype.char)
    packed, tau, _, _ = geqrf(A, lwork=_BLOCK * n)
    R = packed[:k] * upper_mask(k, n, tau.real.dtype.char)
    if mode == "r":
        return None, R
    if mode == "complete" and m > n:
        R = np.concatenate([R, np.zeros((m - n, n), A.dtype)])
        square = np.zeros((m, m), A.dtype, order="F")
        square[:, :n] = packed
        packed, k = square, m
    Q, _, _ = orgqr(packed[:, :k], tau, lwork=_BLOCK * k, overwrite_a=1)
    return Q, R


@lru_cache(maxsize=64)
def upper_mask(m: int, n: int, char: str) -> Array:
    """Ones on and above the diagonal; read-only."""
    mask = np.triu(np.ones((m, n), char))
    mask.flags.writeable = False
    return mask


_BLOCK = 64  # columns per block for which LAPACK gets room, at least as many as it asks for


def _qr_routines(char: str) -> Any:
    return lapack("geqrf", char), lapack("orgqr" if char in "fd" else "ungqr", char)


def upper_times_adjoint(X: Array, R: Array) -> Array:
    """X Rᴴ for upper triangular matrices of n columns: of what a full product takes, less than a half."""
    n = X.shape[-1]
    if n <= _NAIVE or X.shape[-2] != n or not is_plain_matrix(X, R):
        return np.matmul(X, adjoint_matrix(R))
    # Σ_k x_k r_kᴴ over the columns, in four panels; the columns before k = j end above row j.
    cuts = [n * i // 4 for i in range(5)]
    Y = X[:, cuts[3] :] @ adjoint_matrix(R[:, cuts[3] :])
    for lo, hi in pairwise(cuts[:4]):
        Y[:hi, :hi] += X[:hi, lo:hi] @ adjoint_matrix(R[:hi, lo:hi])
    return Y


def qr_pullback(Q: Array, R: Array, wQ: Array, wR: Array) -> Array:
    """The gradient of A = Q R, m ≤ n, from cotangents of Q and R: the formulas of `QRMap`, in place."""
    k, n = R.shape
    char = "f" if R.dtype.char in "fF" else "d"
    wR = wR * upper_mask(k, n, char)
    omega = adjoint_matrix(Q) @ wQ
    omega -= upper_times_adjoint(wR, R)
    C = omega - adjoint_matrix(omega)
    C *= strictly_lower(k, k, char)
    if C.dtype.kind == "c":
        C.reshape(-1)[:: k + 1] = 1j * omega.diagonal().imag
    wR[:, :k] += lower_over_adjoint(C, R[:, :k])
    gradient: Array = Q @ wR
    return gradient


def lower_over_adjoint(C: Array, R: Array) -> Array:
    """Y with Y Rᴴ = C for plain lower triangular C, which is overwritten, and upper triangular R."""
    n = len(C)
    trsm = blas("trsm", C.dtype.char)
    if n <= _LEAF:
        Y: Array = trsm(1.0, R, C, side=1, trans_a=2)
        return Y
    # By panels of columns from the last to the first: Y_J R_JJᴴ = C_J − Y_{>J} R_{J,>J}ᴴ, in the rows from J.
    for lo in range((n - 1) // _LEAF * _LEAF, -1, -_LEAF):
        hi = min(lo + _LEAF, n)
        panel = C[lo:, lo:hi]
        if hi < n:
            panel[hi - lo :] -= C[hi:, hi:] @ adjoint_matrix(R[lo:hi, hi:])
        panel[...] = trsm(1.0, R[lo:hi, lo:hi], panel, side=1, trans_a=2)
    return C
