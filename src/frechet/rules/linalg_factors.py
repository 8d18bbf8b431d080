"""Factorizations that a value and all its derivatives share.

A rule that solves with a matrix factorizes the matrix's plain value once (`factorized`) and passes the
factorization, beside the matrix itself, traced or not, to the rules of this file.  They are rules in the
matrix and the right side: whatever differentiates them, at whatever order, works on the same factorization.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from .. import _stacks as stacks
from .._stacks import StackedLU
from ..linear_map import (
    Array,
    LinearMap,
    Sandwich,
    Shape,
    adjoint_matrix,
    compose,
    conjugate_transpose,
    left,
    right,
)
from ..maps import Broadcast
from ..rule import Rule, primal
from .lapack import blas, lapack
from .products import first_factor

# --- numerics on plain arrays ------------------------------------------------------------------------------


class LU:
    """One square matrix A of at least one row, of a type that LAPACK knows: P Aᵀ = L U.

    The transpose of a row-major matrix is column-major, as LAPACK wants it, and the transpose of LAPACK's
    inverse is row-major again.  LAPACK is called through SciPy, whose routines keep the factorization
    (NumPy's do not). Factorizing costs 2n³/3, the inverse another 4n³/3, a solve 2n² per column.
    """

    __slots__ = ("A", "_inverse", "_order", "_packed", "_slogdet")

    def __init__(self, A: Array) -> None:
        self.A = A
        self._packed: tuple[Array, Array, bool] | None = None
        self._slogdet: tuple[Array, Array] | None = None
        self._inverse: Array = None
        self._order: Array = None

    @property
    def packed(self) -> tuple[Array, Array, bool]:
        """L and U in one matrix, the pivots, whether A is exactly singular; computed when first needed."""
        if self._packed is None:
            lu, pivots, info = lapack("getrf", self.A.dtype.char)(self.A.T)
            self._packed = lu, pivots, info > 0
            if len(lu) > _TINY:
                self.A = None  # no longer needed
        return self._packed

    @property
    def singular(self) -> bool:
        """Whether A is exactly singular."""
        return self.packed[2]

    def solve(self, B: Array, adjoint: bool) -> Array:
        """A⁻¹ B or A⁻ᴴ B, for B of shape (..., n, k)."""
        lu, pivots = self._regular()
        dtype = lu.dtype
        if B.dtype is not dtype:
            dtype = np.result_type(lu, B)
            lu = lu.astype(dtype, copy=False)
        columns, restore = _as_columns(B)
        if columns.shape[1] == 1 and (not adjoint or dtype.kind != "c"):
            return restore(lapack("getrs", dtype.char)(lu, pivots, columns, trans=0 if adjoint else 1)[0])
        # Several columns: by triangular solves on their transpose, which needs no copies between row and
        # column order (and LAPACK's getrs starts threads for the smallest matrices).  Since A = Uᵀ Lᵀ P,
        #     A X = B   is  Yᵀ U = Bᵀ,       Zᵀ L = Yᵀ,   P X = Z;
        #     Aᴴ X = B  is  Yᵀ Lᴴ = (P B)ᵀ,  Xᵀ Uᴴ = Yᵀ.
        trsm = blas("trsm", dtype.char)
        if adjoint:
            Y = trsm(1.0, lu, columns[self.order].T, side=1, lower=1, diag=1, trans_a=2)
            return restore(trsm(1.0, lu, Y, side=1, lower=0, trans_a=2, overwrite_b=1).T)
        Y = trsm(1.0, lu, columns.T, side=1, lower=0)
        Z = trsm(1.0, lu, Y, side=1, lower=1, diag=1, overwrite_b=1).T
        X = np.empty_like(Z)
        X[self.order] = Z
        return restore(X)

    @property
    def order(self) -> Array:
        """The permutation P as an index: P B is B[order]."""
        if self._order is None:
            lu, pivots, _ = self.packed
            rows = np.arange(len(lu), dtype=float)[:, None]
            self._order = lapack("laswp", "d")(rows, pivots)[:, 0].astype(np.intp)
        return self._order

    @property
    def inverse(self) -> Array:
        """A⁻¹."""
        if self._inverse is None:
            lu, pivots = self._regular()
            self._inverse = lapack("getri", lu.dtype.char)(lu, pivots)[0].T
        return self._inverse

    @property
    def slogdet(self) -> tuple[Array, Array]:
        """The sign and the logarithm of the absolute value of det A."""
        if self._slogdet is None:
            # A second factorization of a tiny matrix costs less than the calls that read it off this one.
            tiny = self.A is not None and len(self.A) <= _TINY
            self._slogdet = tuple(np.linalg.slogdet(self.A)) if tiny else self._slogdet_from_factors()
        return self._slogdet

    @property
    def det(self) -> Array:
        """det A, the product of the pivots; by its logarithm where that leaves the range of numbers."""
        lu, pivots, singular = self.packed
        with np.errstate(all="ignore"):
            det = lu.diagonal().prod()
            if np.count_nonzero(pivots != np.arange(len(pivots))) % 2:
                det = -det
            if singular or np.finfo(lu.dtype).tiny <= abs(det) < np.inf:
                return det
            sign, logdet = self.slogdet
            return lu.dtype.type(sign * np.exp(logdet))

    def _slogdet_from_factors(self) -> tuple[Array, Array]:
        lu, pivots, singular = self.packed
        scalar = lu.dtype.type
        diagonal = lu.diagonal()
        size = np.abs(diagonal)
        if singular:
            return scalar(0), size.dtype.type(-np.inf)
        changes = np.count_nonzero(pivots != np.arange(len(size)))
        if diagonal.dtype.kind == "c":
            sign = (diagonal / size).prod()
        else:
            sign = 1.0
            changes += np.count_nonzero(diagonal < 0)
        return scalar(-sign if changes % 2 else sign), np.log(size).sum()

    def _regular(self) -> tuple[Array, Array]:
        """The packed factors and pivots of a matrix that is not singular."""
        lu, pivots, singular = self.packed
        if singular:
            raise np.linalg.LinAlgError("Singular matrix")
        return lu, pivots


class Stacked:
    """A stack of square matrices, or an empty one.

    Small matrices are factorized once.  NumPy keeps no factorization: for others each solve makes one.
    """

    __slots__ = ("A", "_inverse", "_lu", "_slogdet")

    def __init__(self, A: Array) -> None:
        self.A = A
        self._lu: StackedLU | None = None
        self._inverse: Array = None
        self._slogdet: tuple[Array, Array] | None = None

    def solve(self, B: Array, adjoint: bool) -> Array:
        """A⁻¹ B or A⁻ᴴ B, for B of shape (..., n, k); axes in front of those of A are directions."""
        A = self.A
        if stacks.fits(A, B) and B.shape[-A.ndim : -2] == A.shape[:-2] and 0 < B.shape[-1] <= stacks.LARGEST:
            if self._lu is None:
                self._lu = stacks.StackedLU(A)
            return self._lu.solve(B, adjoint)
        return _stacked_solve(adjoint_matrix(A) if adjoint else A, B)

    @property
    def inverse(self) -> Array:
        """A⁻¹."""
        if self._inverse is None:
            self._inverse = stacks.inverse(self.A) if stacks.fits(self.A) else np.linalg.inv(self.A)
        return self._inverse

    @property
    def slogdet(self) -> tuple[Array, Array]:
        """The sign and the logarithm of the absolute value of det A."""
        if self._slogdet is None:
            self._slogdet = tuple(np.linalg.slogdet(self.A))
        return self._slogdet

    @property
    def singular(self) -> bool:
        """Whether one of the matrices is exactly singular."""
        return bool(np.any(self.slogdet[0] == 0))


class Factorization(Protocol):
    """What the rules below ask of a factorization of A: solutions, and for inverses and determinants more.

    A factorization may read less of a matrix a than all of it: a triangle, say.  ``reads`` is then the linear
    map from a to A, through which the derivatives in a go; a class without it reads a as it is.
    """

    def solve(self, B: Array, adjoint: bool) -> Array:
        """A⁻¹ B or A⁻ᴴ B, for B of shape (..., n, k); axes in front of those of A are directions."""

    @property
    def inverse(self) -> Array:
        """A⁻¹."""

    @property
    def slogdet(self) -> tuple[Array, Array]:
        """The sign and the logarithm of the absolute value of det A."""

    @property
    def singular(self) -> bool:
        """Whether A is exactly singular."""


def through_reading(m: LinearMap, factorization: Factorization) -> LinearMap:
    """A derivative in A as one in the matrix a that the factorization has read A from."""
    reads = getattr(factorization, "reads", None)
    return m if reads is None else compose(m, reads)


def factorized(A: Array, *others: Array) -> LU | Stacked:
    """The factorization of the plain value of a matrix, or a stack, in its common dtype with others."""
    A = np.asarray(primal(A))
    if any(x.dtype is not A.dtype for x in others) or A.dtype.kind not in "fc":
        dtype = np.result_type(A, *(primal(x) for x in others))
        A = A.astype(dtype if dtype.kind in "fc" else float, copy=False)
    if A.ndim == 2 and A.shape[0] == A.shape[1] > 0 and A.dtype.char in "fdFD":
        return LU(A)
    return Stacked(A)


_TINY = 8  # rows


def _as_columns(B: Array) -> tuple[Array, Callable[[Array], Array]]:
    """An array of shape (..., n, k) as a matrix of n rows, and the way back."""
    if B.ndim == 2:
        return B, lambda X: X
    rows_first = np.moveaxis(B, -2, 0)
    shape = rows_first.shape
    return rows_first.reshape(shape[0], -1), lambda X: np.moveaxis(X.reshape(shape), 0, -2)


def _stacked_solve(A: Array, B: Array) -> Array:
    """np.linalg.solve with the axes of B in front of those of A moved into the columns."""
    extra = B.ndim - A.ndim
    if extra <= 0 or not B.size:
        return np.linalg.solve(A, B)
    columns_last = np.moveaxis(B, range(extra), range(-extra, 0))  # (batch, n, k, directions)
    shape = columns_last.shape
    X = np.linalg.solve(A, columns_last.reshape(*shape[: -extra - 1], -1))
    return np.moveaxis(X.reshape(*X.shape[:-1], *shape[-extra - 1 :]), range(-extra, 0), range(extra))


# --- rules in the matrix and the right side ----------------------------------------------------------------


class Solve(LinearMap):
    """B ↦ A⁻¹ B (or A⁻ᴴ B), with the factorization of A at hand; on vectors where ``vector`` is set."""

    __slots__ = ("A", "adjoint_solve", "factorization", "vector")

    def __init__(self, A: Array, factorization: Factorization, adjoint: bool, vector: bool = False) -> None:
        self.A = A
        self.factorization = factorization
        self.adjoint_solve = adjoint
        self.vector = vector

    def _apply(self, v: Array, adjoint: bool) -> Array:
        if self.vector:
            return solve_rule(self.A, v[..., None], self.factorization, adjoint)[..., 0]
        return solve_rule(self.A, v, self.factorization, adjoint)

    def push(self, v: Array) -> Array:
        return self._apply(v, self.adjoint_solve)

    def pull(self, w: Array) -> Array:
        return self._apply(w, not self.adjoint_solve)


def solve_maps(
    A: Array, X: Array, b: Shape, factorization: Factorization, adjoint: bool, vector: bool = False
) -> tuple[LinearMap, LinearMap]:
    """The maps of X = A⁻¹ B, or A⁻ᴴ B, in A and in B (of shape b).

    From A X = B: dX = A⁻¹ (dB − dA X); from Aᴴ X = B: dX = A⁻ᴴ (dB − dAᴴ X).  Both arguments share the solve.
    """
    S = Solve(A, factorization, adjoint, vector)
    minus_dA_X = _minus_times(np.shape(A), X)
    if adjoint:
        minus_dA_X = compose(minus_dA_X, conjugate_transpose)
    minus_dA_X = through_reading(minus_dA_X, factorization)
    return compose(S, minus_dA_X), S if b == np.shape(X) else compose(S, Broadcast(b, np.shape(X)))


def _minus_times(a: Shape, X: Array) -> LinearMap:
    """Δ ↦ −Δ X on arrays of shape a."""
    if type(X) is np.ndarray and X.ndim > 2 and X.shape[:-2] == a[:-2] and stacks.fit_products(X):
        return MinusTimes(X)
    return first_factor(a, -X)


class MinusTimes(LinearMap):
    """Δ ↦ −Δ X for a stack of small matrices, in one pass over memory."""

    __slots__ = ("X",)

    def __init__(self, X: Array) -> None:
        self.X = X

    def push(self, v: Array) -> Array:
        X = self.X
        return stacks.minus_product(v, X) if _plain_like(X, v) else -np.matmul(v, X)

    def pull(self, w: Array) -> Array:
        X = self.X
        if _plain_like(X, w):
            return stacks.minus_product(w, X, adjoint=True)
        return -np.matmul(w, adjoint_matrix(X))


def _plain_like(A: Array, V: Array) -> bool:
    """Whether V is a plain array of the dtype and with the leading axes of A, or further ones in front."""
    stack = A.ndim - 2
    return type(V) is np.ndarray and V.dtype == A.dtype and V.shape[V.ndim - A.ndim : -2] == A.shape[:stack]


def _plain_solve(A: Array, B: Array, factorization: Factorization, adjoint: bool) -> Array:
    if B.ndim == 1:
        return factorization.solve(B[:, None], adjoint)[:, 0]
    return factorization.solve(B, adjoint)


def _solve(A: Array, B: Array, factorization: Factorization, adjoint: bool) -> Any:
    X = solve_rule(A, B, factorization, adjoint)
    return X, solve_maps(A, X, np.shape(B), factorization, adjoint, vector=np.ndim(B) == 1)


# A⁻¹ B or A⁻ᴴ B for B of shape (..., n, k) or, for one matrix A, a vector.
solve_rule = Rule(_plain_solve, _solve, "np.linalg.solve")


def _inverse(A: Array, factorization: Factorization) -> Any:
    Y = factorization.inverse if type(A) is np.ndarray else inverse_rule(A, factorization)
    # Δ ↦ −Y Δ Y
    if type(factorization) is LU:
        return Y, Sandwich(-Y, Y)
    if stacks.fits(Y):
        return Y, through_reading(Between(Y), factorization)
    return Y, through_reading(-(left(Y) @ right(Y)), factorization)


class Between(LinearMap):
    """Δ ↦ −Y Δ Y for a stack of small matrices, in one pass over memory."""

    __slots__ = ("Y",)

    def __init__(self, Y: Array) -> None:
        self.Y = Y

    def push(self, v: Array) -> Array:
        Y = self.Y
        return stacks.between(Y, v, False) if _plain_like(Y, v) else -np.matmul(np.matmul(Y, v), Y)

    def pull(self, w: Array) -> Array:
        Y = self.Y
        if _plain_like(Y, w):
            return stacks.between(Y, w, True)
        Yh = adjoint_matrix(Y)
        return -np.matmul(np.matmul(Yh, w), Yh)


inverse_rule = Rule(lambda A, factorization: factorization.inverse, _inverse, "np.linalg.inv")


# --- triangular matrices -----------------------------------------------------------------------------------


class TriangularSolve(LinearMap):
    """B ↦ T⁻¹ B (or T⁻ᴴ B) for a triangular T."""

    __slots__ = ("T", "adjoint_solve", "lower")

    def __init__(self, T: Array, lower: bool, adjoint: bool = False) -> None:
        self.T = T
        self.lower = lower
        self.adjoint_solve = adjoint

    def push(self, v: Array) -> Array:
        return triangular_solve(self.T, v, self.lower, self.adjoint_solve)

    def pull(self, w: Array) -> Array:
        return triangular_solve(self.T, w, self.lower, not self.adjoint_solve)


def _plain_triangular_solve(T: Array, B: Array, lower: bool, adjoint: bool, unit: bool = False) -> Array:
    """T⁻¹ B or T⁻ᴴ B; for one matrix, only its triangle is read, and with ``unit`` not its diagonal."""
    dtype = np.result_type(T, B)
    if T.ndim > 2 or not B.size or dtype.char not in "fdFD":
        return _stacked_solve(adjoint_matrix(T) if adjoint else T, B)
    # BLAS solves for the columns of column-major matrices, so it gets the transposes of the row-major ones:
    # Xᵀ op(T)ᵀ = Bᵀ, where Tᵀ is triangular on the other side and op(T)ᵀ is Tᵀ or its conjugate transpose.
    columns, restore = _as_columns(B.astype(dtype, copy=False))
    if columns.shape[1] == 1:  # which trsm does slowly; Tᴴ x = b is conj(T)ᵀ x = b
        conj = adjoint and dtype.kind == "c"
        x = columns[:, 0].conj() if conj else columns[:, 0]
        trsv = blas("trsv", dtype.char)
        x = trsv(T.T.astype(dtype, copy=False), x, lower=not lower, trans=0 if adjoint else 1, diag=unit)
        return restore((x.conj() if conj else x)[:, None])
    trsm = blas("trsm", dtype.char)
    X = trsm(
        1.0,
        T.T.astype(dtype, copy=False),
        columns.T,
        side=1,
        lower=not lower,
        trans_a=2 if adjoint else 0,
        diag=unit,
    )
    return restore(X.T)


def _triangular_solve(T: Array, B: Array, lower: bool, adjoint: bool) -> Any:
    X = triangular_solve(T, B, lower, adjoint)
    S = TriangularSolve(T, lower, adjoint)
    minus_dT_X = first_factor(np.shape(T), -X)
    if adjoint:
        minus_dT_X = compose(minus_dT_X, conjugate_transpose)
    in_B = S if np.shape(B) == np.shape(X) else compose(S, Broadcast(np.shape(B), np.shape(X)))
    return X, (compose(S, minus_dT_X), in_B)


# T⁻¹ B or T⁻ᴴ B, for T with zeros in its other triangle and B of shape (..., n, k); T's tangents are
# triangular too.
triangular_solve = Rule(_plain_triangular_solve, _triangular_solve, "np.linalg.solve")


@functools.lru_cache(maxsize=64)
def half_diagonal_lower(n: int, char: str) -> Array:
    """Φ as a mask: ones below the diagonal, one half on it, zeros above; read-only."""
    mask = np.tril(np.ones((n, n), char), -1) + np.eye(n, dtype=char) / np.asarray(2, char)
    mask.flags.writeable = False
    return mask


@functools.lru_cache(maxsize=64)
def strictly_lower(m: int, n: int, char: str) -> Array:
    """A mask: ones below the diagonal; read-only."""
    mask = np.tril(np.ones((m, n), char), -1)
    mask.flags.writeable = False
    return mask


def real_char(x: Array) -> str:
    """The character of the real dtype of the same precision."""
    return str(np.finfo(x.dtype).dtype.char)
