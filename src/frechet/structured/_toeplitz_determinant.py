"""Determinants of Toeplitz matrices in O(n²), with their gradients.

Levinson's recursion solves T_k a = (α_k, 0, …, 0) and T_k b = (0, …, 0, α_k), with a₀ = 1 and b_{k−1} = 1,
for the leading k × k parts one after the other.  By Cramer's rule α_k = det T_k / det T_{k−1}, so

    det T = α₁ α₂ … α_n,    x = a / α_n,    y = b / α_n

are the determinant and the first and last column of T⁻¹.  The derivative is d log det T = Σ s_k dt_k, where
s_k = Σ_j (T⁻¹)[j, j + k] is summed along a diagonal.  By the formula of Gohberg and Semencul (1972),

    x₀ T⁻¹ = L(x) U(y_{n−1}, …, y₀) − L(0, y₀, …, y_{n−2}) U(0, x_{n−1}, …, x₁),

with triangular Toeplitz matrices L of a first column and U of a first row.  As the entry u_q of L(u) meets
v_r of U(v) on the diagonal k = r − q, n − max(q, r) times, the sums are correlations, computed by FFT:

    k ≥ 0:  Σ_q u_q (n − q − k) v_{q+k},        k < 0:  Σ_r (n − r − |k|) u_{r+|k|} v_r.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array, linear
from ..rule import Rule, primal

__all__ = ["LevinsonDeterminant", "log_determinant"]

_TOLERANCE = 1e4  # of the residual, in units of rounding


class LevinsonDeterminant:
    """The determinant of a plain Toeplitz matrix, or of each of a stack.

    Parameters
    ----------
    v : (..., 2n − 1) array
        The entries t_{1−n}, …, t_{n−1}, where t_k stands on the diagonal i − j = k.

    Attributes
    ----------
    pivots : (..., n) array
        α₁, …, α_n.
    accurate : bool
        Whether the residuals are small, which is not so where a leading part is nearly singular, and no
        pivot is zero.
    """

    def __init__(self, v: Array) -> None:
        v = v.astype(
            np.result_type(v.dtype, np.float64)
        )  # as frechet.linalg.solve_toeplitz, in double precision
        n = (v.shape[-1] + 1) // 2
        stack = v.shape[:-1]
        below, above = np.conj(v[..., : n - 1 : -1]), np.conj(v[..., n - 2 :: -1])
        above = above if n > 1 else np.zeros((*stack, 0), v.dtype)
        # a stands at the left end of its row, and b at the right end, so that neither is ever shifted.
        a, b = np.zeros((2, *stack, n), v.dtype)
        a[..., 0] = b[..., -1] = 1
        self.pivots = np.empty((*stack, n), v.dtype)
        self.pivots[..., 0] = pivot = v[..., n - 1]
        with np.errstate(all="ignore"):
            for k in range(1, n):
                from_a = np.vecdot(below[..., n - 1 - k :], a[..., :k]) / pivot
                from_b = np.vecdot(above[..., :k], b[..., n - k :]) / pivot
                wide_a, wide_b = a[..., : k + 1], b[..., n - k - 1 :]
                before = wide_a.copy()
                wide_a -= from_a[..., None] * wide_b
                wide_b -= from_b[..., None] * before
                self.pivots[..., k] = pivot = pivot * (1 - from_a * from_b)
            self.accurate = bool(np.all(self.pivots)) and self._has_small_residuals(v, a, b, pivot)

    def _has_small_residuals(self, v: Array, a: Array, b: Array, pivot: Array) -> bool:
        from ..linalg._toeplitz_factor import Toeplitz

        n = a.shape[-1]
        due = np.zeros((*a.shape, 2), v.dtype)
        due[..., 0, 0] = due[..., -1, 1] = pivot
        columns = np.stack([a, b], -1)
        residual = np.abs(Toeplitz(n, n).times(v, columns, False) - due).max(axis=(-2, -1))
        size = np.abs(v).sum(-1) * np.abs(columns).max(axis=(-2, -1))
        return bool(np.all(residual <= _TOLERANCE * np.finfo(float).eps * size))


def _sums(v: Array) -> Array:
    """s_{1−n}, …, s_{n−1}."""
    from ..linalg import solve_toeplitz

    n = (v.shape[-1] + 1) // 2
    ends = np.zeros((n, 2), v.dtype)
    ends[0, 0] = ends[-1, 1] = 1
    xy = solve_toeplitz((v[..., n - 1 :], v[..., n - 1 :: -1]), ends)
    x, y = xy[..., 0], xy[..., 1]
    zero = np.zeros((*x.shape[:-1], 1), x.dtype)
    y_shifted = np.concatenate([zero, y[..., :-1]], -1)
    x_reversed = np.concatenate([zero, x[..., :0:-1]], -1)
    count = n - np.arange(n, dtype=primal(x).real.dtype)

    def both(first: Array, second: Array) -> Array:
        """Correlations with the first pair of factors less those with the second one."""
        return _correlation(first[0], first[1]) - _correlation(second[0], second[1])

    upper = both((x, count * y[..., ::-1]), (y_shifted, count * x_reversed))
    lower = both((y[..., ::-1], count * x), (x_reversed, count * y_shifted))
    return np.concatenate([lower[..., :0:-1], upper], -1) / x[..., :1]


def _correlation(u: Array, w: Array) -> Array:
    """Σ_q u_q w_{q+k} for k = 0, …, n − 1."""
    n = u.shape[-1]
    if u.dtype.kind != "c":
        product = np.conj(np.fft.rfft(u, 2 * n)) * np.fft.rfft(w, 2 * n)
        return np.fft.irfft(product, 2 * n)[..., :n]
    return np.fft.ifft(np.conj(np.fft.fft(np.conj(u), 2 * n)) * np.fft.fft(w, 2 * n))[..., :n]


def _value(v: Array, factor: LevinsonDeterminant) -> Array:
    dtype = v.dtype
    pivots = factor.pivots
    total = np.sum(np.log(np.abs(pivots)) if dtype.kind != "c" else np.log(pivots), -1)
    return total.astype(dtype)[()]


def _body(v: Array, factor: LevinsonDeterminant) -> Any:
    s = _sums(v)
    return log_determinant(v, factor), linear(
        lambda dv: np.sum(s * dv, -1),
        lambda w: np.conj(s) * np.expand_dims(w, -1),
    )


#: The logarithm of the determinant, of its absolute value if v is real, from v and a LevinsonDeterminant.
log_determinant = Rule(_value, _body, "frechet: the determinant of a Toeplitz matrix")
