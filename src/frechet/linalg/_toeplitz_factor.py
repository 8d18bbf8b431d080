"""Toeplitz matrices by their m + n − 1 diagonals: products and gradients by FFT, solutions by Levinson."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.linalg import LinAlgError

from ..linear_map import Array
from ._factor import OneMatrix

__all__ = ["LevinsonFactor", "Toeplitz"]

_COLUMNS = 4  # right sides from which on the inverse is applied by FFT instead of a recursion for each
_REFINEMENTS = 3


class Toeplitz:
    """The structure of an m × n Toeplitz matrix: A[i, j] = v[i − j + n − 1].

    So v holds the first row backwards and then the first column without its first entry.  With F the Fourier
    transform of length N ≥ m + n − 1, and rows shifted by n − 1,

        A X = F⁻¹(F v · F X) at n − 1, …, m + n − 2,    Aᴴ W = F⁻¹(conj(F v) · F W) at 0, …, n − 1,
        outer(W, X) = Σ over columns of F⁻¹(F W · conj(F X)) at 0, …, m + n − 2;

    nothing wraps around into the entries that are kept.
    """

    ndim = 1

    def __init__(self, m: int, n: int, workers: int | None = None) -> None:
        from scipy.fft import next_fast_len

        self.m, self.n, self.workers = m, n, workers
        self.size = next_fast_len(m + n - 1, real=True)

    def times(self, v: Array, X: Array, adjoint: bool) -> Array:
        """A X or Aᴴ X."""
        real = v.dtype.kind != "c" and X.dtype.kind != "c"
        Fv = self._forward(v[..., None], real)
        if adjoint:
            return self._back(Fv.conj() * self._forward(self._shifted(X), real), real)[..., : self.n, :]
        Y = self._back(Fv * self._forward(X, real), real)
        return Y[..., self.n - 1 : self.m + self.n - 1, :]

    def outer(self, W: Array, X: Array) -> Array:
        """The sums of W Xᴴ along its diagonals."""
        real = W.dtype.kind != "c" and X.dtype.kind != "c"
        product = self._forward(self._shifted(W), real) * self._forward(X, real).conj()
        return self._back(product.sum(axis=-1, keepdims=True), real)[..., : self.m + self.n - 1, 0]

    def _shifted(self, W: Array) -> Array:
        before = np.zeros((*W.shape[:-2], self.n - 1, W.shape[-1]), W.dtype)
        return np.concatenate([before, W], axis=-2)

    def _forward(self, x: Array, real: bool) -> Array:
        import scipy.fft

        transform = scipy.fft.rfft if real else scipy.fft.fft
        return np.asarray(transform(x, self.size, axis=-2, workers=self.workers))

    def _back(self, y: Array, real: bool) -> Array:
        import scipy.fft

        transform = scipy.fft.irfft if real else scipy.fft.ifft
        return np.asarray(transform(y, self.size, axis=-2, workers=self.workers))


class LevinsonFactor(OneMatrix):
    """A square Toeplitz matrix, solved with by recursion, O(n²) for each right side.

    From a few right sides on, the inverse is applied instead in O(n log n), by the formula of Gohberg and
    Semencul: with x and y the first and last column of T⁻¹,

        x₀ T⁻¹ = L(x) U(y) − L(0, y₀, …, y_{n−2}) U(0, x_{n−1}, …, x₁),

    where L(c) is the lower triangular Toeplitz matrix with first column c, U(y) the upper triangular one with
    first row y_{n−1}, …, y₀, and the last one has the first row given.  Iterative refinement gives the
    solution the small residual that the formula alone does not promise; where it does not, the recursion is
    used after all.
    """

    def __init__(self, v: Array) -> None:
        self.n, self.dtype = (len(v) + 1) // 2, v.dtype
        self.v = v.astype("D" if v.dtype.kind == "c" else "d")
        self.structure = Toeplitz(self.n, self.n)
        self.columns = 0  # solved for so far

    def _solve_columns(self, B: Array, adjoint: bool) -> Array:
        wide = B.astype(self.v.dtype)
        self.columns += B.shape[1]
        X = None
        if self.columns > _COLUMNS < self.n:
            X = self._by_inverse(wide, adjoint)
        if X is None:
            X = self._by_recursion(wide, adjoint)
        return X.astype(self.dtype, copy=False)

    def _by_recursion(self, B: Array, adjoint: bool) -> Array:
        from scipy.linalg import solve_toeplitz

        n = self.n
        c, r = self.v[n - 1 :], self.v[n - 1 :: -1]
        if adjoint:
            c, r = r.conj(), c.conj()
        try:
            return np.asarray(solve_toeplitz((c, r), B, check_finite=False))
        except LinAlgError:
            raise LinAlgError(
                "solve_toeplitz: a leading principal minor of the matrix is singular, on which Levinson's "
                "recursion breaks down. If the matrix itself is regular, use solve(toeplitz(c, r), b)"
            ) from None

    @cached_property
    def _generators(self) -> tuple[Array, ...]:
        """x₀ and the diagonals of the four triangular factors."""
        n = self.n
        ends = np.zeros((n, 2), self.v.dtype)
        ends[0, 0] = ends[-1, 1] = 1
        x, y = self._by_recursion(ends, False).T
        zero = np.zeros(n - 1, x.dtype)
        shifted_y, shifted_x = np.append(0, y[:-1]), np.append(0, x[:0:-1])
        return (
            x[0],
            np.concatenate([zero, x]),
            np.concatenate([y, zero]),
            np.concatenate([zero, shifted_y]),
            np.concatenate([shifted_x[::-1], zero]),
        )

    def _by_inverse(self, B: Array, adjoint: bool) -> Array | None:
        T = self.structure
        eps = np.finfo(float).eps
        X, residual = np.zeros_like(B), B
        for _ in range(_REFINEMENTS):
            X = X + self._formula(residual, adjoint)
            residual = B - T.times(self.v, X, adjoint)
            small = self.n**0.5 * eps * (np.abs(self.v).sum() * np.abs(X).max(axis=0) + np.abs(B).max(axis=0))
            if (np.abs(residual).max(axis=0) <= small).all():
                return X
        return None

    def _formula(self, B: Array, adjoint: bool) -> Array:
        x0, Lx, Uy, Ly, Ux = self._generators
        times = self.structure.times
        if adjoint:
            return (times(Uy, times(Lx, B, True), True) - times(Ux, times(Ly, B, True), True)) / x0.conj()
        return (times(Lx, times(Uy, B, False), False) - times(Ly, times(Ux, B, False), False)) / x0
