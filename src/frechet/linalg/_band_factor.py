"""Banded matrices in LAPACK's storage: products on the bands, and factorizations that keep to them.

The entry A[i, j] is stored in ab[u + i − j, j], u being the number of diagonals above the main one.  The
corners of ab that lie outside of the matrix are not read, and get zero from everything here.  Work and memory
are O(n (l + u)²) for a factorization and O(n (l + u)) for a product, a solution and a gradient.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError

from ..linear_map import Array
from ..rules.lapack import lapack
from ._factor import OneMatrix

__all__ = [
    "BandCholesky",
    "BandLU",
    "BandTriangular",
    "Bands",
    "HermitianBands",
    "TridiagonalCholesky",
    "TridiagonalLU",
    "band_lu",
    "corners",
    "require_diagonal",
]


def require_diagonal(call: str, ab: Array) -> None:
    """Raise ValueError where not even the main diagonal is stored."""
    if not ab.shape[-2]:
        raise ValueError(f"{call}: ab must hold the main diagonal, got shape {ab.shape}")


# --- products (see _structured) ----------------------------------------------------------------------------


class Bands:
    """The structure of a matrix with some diagonals below and above the main one."""

    ndim = 2

    def __init__(self, below: int, above: int) -> None:
        self.below, self.above = below, above

    def _diagonals(self, n: int) -> Iterator[tuple[int, slice, slice]]:
        """The row of ab, and the rows and columns of the matrix, for each diagonal."""
        for d in range(self.below + self.above + 1):
            offset = d - self.above  # row − column
            start, stop = max(0, -offset), min(n, n - offset)
            if start < stop:
                yield d, slice(start + offset, stop + offset), slice(start, stop)

    def times(self, ab: Array, X: Array, adjoint: bool) -> Array:
        """A X or Aᴴ X."""
        lead = np.broadcast_shapes(ab.shape[:-2], X.shape[:-2])
        Y = np.zeros(lead + X.shape[-2:], np.result_type(ab, X))
        if adjoint and ab.dtype.kind == "c":
            ab = ab.conj()
        for d, rows, columns in self._diagonals(X.shape[-2]):
            to, of = (columns, rows) if adjoint else (rows, columns)
            Y[..., to, :] += ab[..., d, columns, None] * X[..., of, :]
        return Y

    def outer(self, W: Array, X: Array) -> Array:
        """The bands of W Xᴴ."""
        lead, n = np.broadcast_shapes(W.shape[:-2], X.shape[:-2]), X.shape[-2]
        P = np.zeros((*lead, self.below + self.above + 1, n), np.result_type(W, X))
        X = X.conj() if X.dtype.kind == "c" else X
        for d, rows, columns in self._diagonals(n):
            if X.shape[-1] == 1 == W.shape[-1]:
                np.multiply(W[..., rows, 0], X[..., columns, 0], out=P[..., d, columns])
            else:
                P[..., d, columns] = np.einsum("...ik,...ik->...i", W[..., rows, :], X[..., columns, :])
        return P


class HermitianBands:
    """The structure of a Hermitian matrix of which one half of the bands is stored.

    A = T + Tᴴ, where T has the stored bands and half the real part of the main diagonal.  So an entry off the
    diagonal gets the gradients of both entries that it stands for, and one on the diagonal a real gradient.
    """

    ndim = 2

    def __init__(self, above: int, lower: bool) -> None:
        self.half = Bands(above, 0) if lower else Bands(0, above)
        self.main = 0 if lower else above  # the row of the main diagonal

    def _halved(self, ab: Array) -> Array:
        ab = ab.copy()
        ab[..., self.main, :] = ab[..., self.main, :].real / 2
        return ab

    def times(self, ab: Array, X: Array, adjoint: bool) -> Array:
        """A X, which is Aᴴ X."""
        T = self._halved(ab)
        return self.half.times(T, X, False) + self.half.times(T, X, True)

    def outer(self, W: Array, X: Array) -> Array:
        """The stored bands of W Xᴴ + X Wᴴ, the main diagonal halved."""
        return self._halved(self.half.outer(W, X) + self.half.outer(X, W))


# --- factorizations ----------------------------------------------------------------------------------------


class BandLU(OneMatrix):
    """A banded matrix, by LU with partial pivoting (gbtrf); `rcond` exists if ``condition``."""

    def __init__(self, ab: Array, below: int, above: int, condition: bool = False) -> None:
        self.n, self.dtype = ab.shape[-1], ab.dtype
        self.below, self.above = below, above
        # with rows for what pivoting fills
        wide = np.zeros((2 * below + above + 1, self.n), ab.dtype, order="F")
        wide[below:] = ab
        for corner in corners(below, above, self.n):
            wide[below:][corner] = 0
        if condition:
            self._norm = np.abs(wide).sum(axis=0).max(initial=0)
        self.lu, self.pivots, info = lapack("gbtrf", ab.dtype.char)(wide, below, above, overwrite_ab=True)
        if info > 0:
            raise LinAlgError("singular matrix")

    @cached_property
    def rcond(self) -> Any:
        return lapack("gbcon", self.dtype.char)(self.below, self.above, self.lu, self.pivots, self._norm)[0]

    @cached_property
    def slogdet(self) -> tuple[Array, Array]:
        return _of_diagonal(self.lu[self.below + self.above], self.pivots != np.arange(self.n))

    def _solve_columns(self, B: Array, adjoint: bool) -> Array:
        gbtrs = lapack("gbtrs", self.dtype.char)
        trans = 2 if adjoint else 0
        return np.asarray(gbtrs(self.lu, self.below, self.above, B, self.pivots, trans=trans)[0])


def _of_diagonal(d: Array, swapped: Array) -> tuple[Array, Array]:
    """The sign and log|det| of a factor with the diagonal d, where some pairs of rows were interchanged."""
    size = np.abs(d)
    return np.prod(d / size) * (-1) ** (int(swapped.sum()) % 2), np.log(size).sum()


def corners(below: int, above: int, n: int) -> Iterator[tuple[int, slice]]:
    """Where entries of ab lie outside of the matrix."""
    for d in range(below + above + 1):
        offset = d - above
        if offset < 0:
            yield d, slice(0, min(-offset, n))
        elif offset > 0:
            yield d, slice(max(n - offset, 0), n)


def band_lu(ab: Array, below: int, above: int, condition: bool = False) -> BandLU | TridiagonalLU:
    """The LU factorization of a banded matrix; with an estimate of its condition if that is asked for."""
    if below == above == 1 and ab.shape[-1] > 2:
        return TridiagonalLU(ab[2, :-1], ab[1], ab[0, 1:], condition)
    return BandLU(ab, below, above, condition)


class TridiagonalLU(OneMatrix):
    """A tridiagonal matrix of at least three rows, by LU with partial pivoting (gttrf)."""

    def __init__(self, below: Array, main: Array, above: Array, condition: bool = False) -> None:
        self.n, self.dtype = len(main), main.dtype
        if condition:
            sums = np.abs(main)
            sums[1:] += np.abs(above)
            sums[:-1] += np.abs(below)
            self._norm = sums.max()
        *self.lu, info = lapack("gttrf", main.dtype.char)(below, main, above)
        if info > 0:
            raise LinAlgError("singular matrix")

    @cached_property
    def rcond(self) -> Any:
        return lapack("gtcon", self.dtype.char)(*self.lu, self._norm)[0]

    @cached_property
    def slogdet(self) -> tuple[Array, Array]:
        return _of_diagonal(self.lu[1], self.lu[-1] != np.arange(1, self.n + 1))

    def _solve_columns(self, B: Array, adjoint: bool) -> Array:
        gttrs = lapack("gttrs", self.dtype.char)
        return np.asarray(gttrs(*self.lu, B, trans="C" if adjoint else "N")[0])


class BandCholesky(OneMatrix):
    """A positive definite banded matrix, of which one half is stored (pbtrf)."""

    def __init__(self, ab: Array, lower: bool) -> None:
        self.n, self.dtype, self.lower = ab.shape[-1], ab.dtype, lower
        self.c, info = lapack("pbtrf", ab.dtype.char)(ab, lower=lower)
        if info > 0:
            raise LinAlgError(f"{info}th leading minor not positive definite")

    def _solve_columns(self, B: Array, adjoint: bool) -> Array:
        return np.asarray(lapack("pbtrs", self.dtype.char)(self.c, B, lower=self.lower)[0])


class TridiagonalCholesky(OneMatrix):
    """A positive definite tridiagonal matrix, of which one half is stored: L D Lᴴ (pttrf)."""

    def __init__(self, ab: Array, lower: bool) -> None:
        self.n, self.dtype = ab.shape[-1], ab.dtype
        main, below = (ab[0], ab[1, :-1]) if lower else (ab[1], ab[0, 1:].conj())
        self.d, self.l, info = lapack("pttrf", ab.dtype.char)(main.real, below)
        if info > 0:
            raise LinAlgError(f"{info}th leading minor not positive definite")

    def _solve_columns(self, B: Array, adjoint: bool) -> Array:
        pttrs = lapack("pttrs", self.dtype.char)
        options = {"lower": 1} if self.dtype.kind == "c" else {}
        return np.asarray(pttrs(self.d, self.l, B, **options)[0])


class BandTriangular(OneMatrix):
    """A triangular banded matrix, by substitution (tbtrs)."""

    def __init__(self, ab: Array, lower: bool) -> None:
        self.n, self.dtype, self.ab, self.uplo = ab.shape[-1], ab.dtype, ab.copy(), "L" if lower else "U"
        zero = np.flatnonzero(ab[0 if lower else -1] == 0)
        if zero.size:
            raise LinAlgError(f"singular matrix: a zero on the diagonal at {zero[0]}")

    def _solve_columns(self, B: Array, adjoint: bool) -> Array:
        tbtrs = lapack("tbtrs", self.dtype.char)
        return np.asarray(tbtrs(self.ab, B, uplo=self.uplo, trans="C" if adjoint else "N")[0])
