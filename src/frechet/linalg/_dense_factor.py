"""Factorizations of dense matrices by structure: what solves, inverses and determinants are computed from.

`dense_factor` chooses LAPACK's routines by what is known of the matrix, or by what it finds: Cholesky for
positive definite ones, Bunch and Kaufman's L D Lᴴ for symmetric and Hermitian ones, substitution for
triangular ones, LU for the others.  Each class is a `Factorization` of the rules in rules/linalg_factors.py:
whatever differentiates a solution, at whatever order, solves with the same factors.

Where the structure is given, the other entries of the matrix are not read.  ``reads`` is then the linear map
from the matrix given to the one meant, and gradients come back through its adjoint: for triangular matrices
zero in the other triangle; for symmetric and Hermitian ones as `frechet.rules.linalg_factorizations.reading`
says.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError

from .. import _stacks as stacks
from ..linear_map import Array, LinearMap, adjoint_matrix
from ..maps import diagonal
from ..rules.lapack import lapack
from ..rules.linalg_factorizations import reading
from ..rules.linalg_factors import LU, Stacked, _plain_triangular_solve, real_char
from ._band_factor import band_lu
from ._factor import NOT_POSITIVE, SINGULAR, OneMatrix, each_factor

__all__ = ["dense_factor", "structure_named", "triangular_factor"]

SMALL = 16  # rows up to which the matrices of a stack are worked on at once, by NumPy, not one by one

_STRUCTURES = {
    None: None,
    "general": "general",
    "gen": "general",
    "diagonal": "diagonal",
    "tridiagonal": "tridiagonal",
    "banded": "banded",
    "upper triangular": "upper triangular",
    "lower triangular": "lower triangular",
    "symmetric": "symmetric",
    "sym": "symmetric",
    "hermitian": "hermitian",
    "her": "hermitian",
    "positive definite": "positive definite",
    "pos": "positive definite",
}


def structure_named(call: str, assume_a: str | None) -> str | None:
    """The full name of a structure."""
    if assume_a not in _STRUCTURES:
        known = ", ".join(repr(s) for s in _STRUCTURES)
        raise ValueError(f"{call}: assume_a={assume_a!r} is not a recognized matrix structure: {known}")
    return _STRUCTURES[assume_a]


def dense_factor(a: Array, structure: str | None, lower: bool) -> Any:
    """The factorization of a plain matrix, or a stack of them, of at least one row.

    Parameters
    ----------
    a : (..., n, n) array
        Plain, of a type that LAPACK knows.
    structure : str or None
        As `structure_named` returns it, but not diagonal or tridiagonal; None to look for one.
    lower : bool
        Which triangle of a symmetric, Hermitian or positive definite matrix is read.

    Raises
    ------
    numpy.linalg.LinAlgError
        If a matrix is exactly singular, or not positive definite where it should be.
    """
    if structure == "hermitian" and a.dtype.kind != "c":
        structure = "symmetric"
    if a.ndim == 2:
        return _matrix_factor(a, structure, lower)
    if a.shape[-1] > SMALL:
        return each_factor(a, 2, lambda A: _matrix_factor(A, structure, lower), _reading(a, structure, lower))
    if structure in ("upper triangular", "lower triangular"):
        return triangular_factor(a, structure == "lower triangular", False)
    return StackFactor(a, structure, lower)


def _matrix_factor(a: Array, structure: str | None, lower: bool) -> Any:
    if structure is None:
        return _found_factor(a)
    reads = _reading(a, structure, lower)
    if structure == "general":
        return ConditionedLU(a)
    if structure == "banded":
        from scipy.linalg import bandwidth

        return Banded(a, *bandwidth(a))
    if structure == "positive definite":
        return Cholesky(a, lower, reads)
    if structure.endswith("triangular"):
        return Triangular(a, structure == "lower triangular", reads)
    return Indefinite(a, lower, structure == "hermitian", reads)


def _found_factor(a: Array) -> Any:
    """By what the entries of the matrix show."""
    from scipy.linalg import bandwidth

    n = len(a)
    full = n > 1 and a[-1, 0] != 0 != a[0, -1]  # the common case, quickly
    below, above = (n - 1, n - 1) if full else bandwidth(a)
    if below == above == 0:
        return Diagonal(a)
    if above == 0 or below == 0:
        return Triangular(a, lower=above == 0)
    if above <= 1 and below <= 1 and n > 3:
        return Banded(a, 1, 1)
    if _equal(a, a.conj().T):
        if (a.diagonal().real > 0).all():
            try:
                return Cholesky(a, lower=False)
            except LinAlgError:
                pass
        return Indefinite(a, lower=False, hermitian=a.dtype.kind == "c")
    if a.dtype.kind == "c" and _equal(a, a.T):
        return Indefinite(a, lower=False, hermitian=False)
    return ConditionedLU(a)


def _equal(a: Array, other: Array) -> bool:
    return bool((a[0] == other[0]).all() and (a == other).all())


def _reading(a: Array, structure: str | None, lower: bool) -> LinearMap | None:
    """The map from the matrix given to the one meant."""
    if structure in (None, "general", "banded"):
        return None
    if structure in ("upper triangular", "lower triangular"):
        return diagonal(
            _read_mask(a.shape[-1], structure == "lower triangular", False, real_char(a)), a.shape
        )
    return reading(a, lower, structure != "symmetric")


def _filled(a: Array, lower: bool, hermitian: bool) -> Array:
    """The symmetric or Hermitian matrix that is read from one triangle; the other may hold anything."""
    t = np.where(_read_mask(a.shape[-1], lower, True, "?"), a, a.dtype.type(0))
    t += adjoint_matrix(t) if hermitian else np.swapaxes(t, -1, -2)
    d = np.diagonal(a, axis1=-2, axis2=-1)
    np.einsum("...ii->...i", t)[...] = d.real if hermitian else d
    return t


@lru_cache(maxsize=32)
def _read_mask(n: int, lower: bool, unit: bool, char: str) -> Array:
    """Ones where a triangle is read, with ``unit`` without its diagonal; read-only."""
    ones = np.ones((n, n), char)
    mask = np.tril(ones, -unit) if lower else np.triu(ones, unit)
    mask.flags.writeable = False
    return mask


def _one_norm(A: Array) -> Any:
    """‖A‖₁."""
    return lapack("lange", A.dtype.char)("I", A.T)


def triangular_factor(a: Array, lower: bool, unit: bool) -> Any:
    """A plain triangular matrix, or a stack of them, as a factorization of itself."""
    reads = diagonal(_read_mask(a.shape[-1], bool(lower), bool(unit), real_char(a)), a.shape)
    if a.ndim == 2 or a.shape[-1] > SMALL:
        return each_factor(a, 2, lambda A: Triangular(A, lower, reads, unit), reads)
    return TriangularStack(a, lower, reads, unit)


# --- one matrix --------------------------------------------------------------------------------------------


class ConditionedLU(LU):
    """The factorization P Aᵀ = L U, with an estimate of the condition number."""

    __slots__ = ("rcond",)
    reads: LinearMap | None = None

    def __init__(self, A: Array) -> None:
        super().__init__(A)
        norm = _one_norm(A)
        lu, _, singular = self.packed
        if singular:
            raise LinAlgError(SINGULAR.format("[0]"))
        self.rcond = lapack("gecon", lu.dtype.char)(lu, norm, norm="I")[0]


class Diagonal(OneMatrix):
    """A diagonal matrix."""

    def __init__(self, A: Array) -> None:
        self.n, self.dtype, self.reads = len(A), A.dtype, None
        self.d = A.diagonal().copy()
        size = np.abs(self.d)
        if size.min() == 0:
            raise LinAlgError(SINGULAR.format("[0]"))
        self.rcond = size.min() / size.max()

    def _solve_columns(self, B: Array, adjoint: bool) -> Array:
        return np.asarray(B / (self.d.conj() if adjoint else self.d)[:, None])

    @cached_property
    def inverse(self) -> Array:
        """A⁻¹."""
        return np.diag(1 / self.d)


class Triangular(OneMatrix):
    """A triangular matrix, whose other triangle is not read, nor, with ``unit``, its diagonal of ones."""

    def __init__(
        self, A: Array, lower: bool, reads: LinearMap | None = None, unit: bool = False, own: bool = False
    ) -> None:
        self.n, self.dtype, self.reads = len(A), A.dtype, reads
        self.A, self.lower, self.unit = A if own else A.copy(), lower, unit  # own: A will not change
        if not (unit or A.diagonal().all()):
            raise LinAlgError(
                f"singular matrix: resolution failed at diagonal {(A.diagonal() == 0).argmax()}"
            )

    @cached_property
    def rcond(self) -> Any:
        # trcon reads column-major matrices: Aᵀ, whose inf-norm is the 1-norm of A.
        uplo = "U" if self.lower else "L"
        return lapack("trcon", self.dtype.char)(self.A.T, norm="I", uplo=uplo)[0]

    def _solve_columns(self, B: Array, adjoint: bool) -> Array:
        return _plain_triangular_solve(self.A, B, self.lower, adjoint, self.unit)

    @cached_property
    def inverse(self) -> Array:
        """A⁻¹."""
        Y, _ = lapack("trtri", self.dtype.char)(self.A.T, lower=not self.lower)
        return (np.tril if self.lower else np.triu)(Y.T)


class Banded(OneMatrix):
    """A matrix with few diagonals, by LU of the bands."""

    def __init__(self, A: Array, below: int, above: int) -> None:
        self.n, self.dtype, self.reads = len(A), A.dtype, None
        ab = np.zeros((below + above + 1, self.n), A.dtype)
        for k in range(-below, above + 1):
            ab[above - k, max(k, 0) : self.n + min(k, 0)] = A.diagonal(k)
        self.bands = band_lu(ab, below, above, condition=True)
        self.rcond = self.bands.rcond

    def _solve_columns(self, B: Array, adjoint: bool) -> Array:
        return self.bands.solve(B, adjoint)


class Cholesky(OneMatrix):
    """A positive definite matrix, A = L Lᴴ.

    LAPACK gets the row-major matrix as the column-major Aᴴ, which is A with its triangles exchanged.
    """

    def __init__(self, A: Array, lower: bool, reads: LinearMap | None = None) -> None:
        self.n, self.dtype, self.reads = len(A), A.dtype, reads
        self.lower = not lower
        AH = adjoint_matrix(A)
        self.c, info = lapack("potrf", A.dtype.char)(AH, lower=self.lower, clean=False)
        if info > 0:
            raise LinAlgError(NOT_POSITIVE.format(info))
        self._norm = _hermitian_norm(A, lower)

    @cached_property
    def rcond(self) -> Any:
        uplo = "L" if self.lower else "U"
        return lapack("pocon", self.dtype.char)(self.c, self._norm, uplo=uplo)[0]

    def _solve_columns(self, B: Array, adjoint: bool) -> Array:
        return np.asarray(lapack("potrs", self.dtype.char)(self.c, B, lower=self.lower)[0])

    @cached_property
    def inverse(self) -> Array:
        """A⁻¹."""
        Y, _ = lapack("potri", self.dtype.char)(self.c, lower=self.lower)
        return _filled(Y, self.lower, hermitian=True)

    @cached_property
    def slogdet(self) -> tuple[Array, Array]:
        """The sign, one, and the logarithm of det A."""
        d = self.c.diagonal().real
        return self.dtype.type(1), 2 * np.log(d).sum()


class Indefinite(OneMatrix):
    """A symmetric or Hermitian matrix, A = L D Lᵀ or L D Lᴴ with D of blocks 1 × 1 and 2 × 2."""

    def __init__(self, A: Array, lower: bool, hermitian: bool, reads: LinearMap | None = None) -> None:
        self.n, self.dtype, self.reads = len(A), A.dtype, reads
        self.lower, self.hermitian = not lower, hermitian or A.dtype.kind != "c"
        self.kind = "he" if hermitian else "sy"
        AH = A.conj().T if hermitian else A.T  # the triangles exchanged, as in Cholesky
        size = int(lapack(self.kind + "trf_lwork", A.dtype.char)(self.n, self.lower)[0].real)
        self.ldl, self.pivots, info = lapack(self.kind + "trf", A.dtype.char)(
            AH, lower=self.lower, lwork=size
        )
        if info > 0:
            raise LinAlgError(SINGULAR.format("[0]"))
        self._norm = _hermitian_norm(A, lower)

    @cached_property
    def rcond(self) -> Any:
        return lapack(self.kind + "con", self.dtype.char)(
            self.ldl, self.pivots, self._norm, lower=self.lower
        )[0]

    def _solve_columns(self, B: Array, adjoint: bool) -> Array:
        turned = adjoint and not self.hermitian  # A⁻ᴴ B is then the conjugate of A⁻¹ conj(B)
        B = B.conj() if turned else B
        X = lapack(self.kind + "trs", self.dtype.char)(self.ldl, self.pivots, B, lower=self.lower)[0]
        return np.asarray(X.conj() if turned else X)

    @cached_property
    def inverse(self) -> Array:
        """A⁻¹."""
        Y, _ = lapack(self.kind + "tri", self.dtype.char)(self.ldl, self.pivots, lower=self.lower)
        return _filled(Y, self.lower, self.kind == "he")


def _hermitian_norm(A: Array, lower: bool) -> Any:
    """‖A‖₁ of a symmetric or Hermitian matrix read from one triangle."""
    T = np.abs(np.tril(A) if lower else np.triu(A))
    return (T.sum(axis=0) + T.sum(axis=1) - T.diagonal()).max()


# --- stacks ------------------------------------------------------------------------------------------------


class StackFactor(Stacked):
    """A stack of small matrices, with their condition numbers."""

    __slots__ = ("reads",)

    def __init__(self, a: Array, structure: str | None, lower: bool) -> None:
        self.reads = _reading(a, structure, lower)
        if structure not in (None, "general", "banded"):
            a = _filled(a, lower, structure != "symmetric")
        super().__init__(a)
        if structure == "positive definite":
            try:
                stacks.cholesky(a) if stacks.fits(a) else np.linalg.cholesky(a)
            except LinAlgError:
                smallest = np.linalg.eigvalsh(a)[..., 0].reshape(-1)
                raise LinAlgError(SINGULAR.format(np.flatnonzero(smallest <= 0).tolist())) from None

    @property
    def rcond(self) -> Any:
        """1 / (‖A‖₁ ‖A⁻¹‖₁) of each matrix, from the inverses, or a lower bound of all where that is good."""
        try:
            inverse = self.inverse
        except LinAlgError:
            flat = self.A.reshape(-1, *self.A.shape[-2:])
            singular = np.flatnonzero(np.linalg.slogdet(flat)[0] == 0).tolist()
            raise LinAlgError(SINGULAR.format(singular)) from None
        return _reciprocal_conditions(self.A, inverse)


class TriangularStack:
    """A stack of small triangular matrices, by substitution in all of them at once."""

    singular = False

    def __init__(self, A: Array, lower: bool, reads: LinearMap | None, unit: bool) -> None:
        self.A = (np.tril if lower else np.triu)(A)
        self.lower, self.reads = lower, reads
        diagonals = np.diagonal(A, axis1=-2, axis2=-1)
        if unit:
            self.A[..., range(A.shape[-1]), range(A.shape[-1])] = 1
        elif not diagonals.all():
            flat = diagonals.reshape(-1, A.shape[-1])
            raise LinAlgError(SINGULAR.format(np.flatnonzero(~flat.all(axis=-1)).tolist()))

    def solve(self, B: Array, adjoint: bool) -> Array:
        """A⁻¹ B or A⁻ᴴ B, for B of shape (..., n, k); axes in front of those of A are directions."""
        T, lower = (adjoint_matrix(self.A), not self.lower) if adjoint else (self.A, self.lower)
        n = T.shape[-1]
        shape = np.broadcast_shapes(T.shape[:-2], B.shape[:-2]) + B.shape[-2:]
        X = np.broadcast_to(B, shape).astype(np.result_type(T, B))
        for j in range(n) if lower else reversed(range(n)):
            rest = slice(j + 1, n) if lower else slice(0, j)
            X[..., j, :] /= T[..., j, j, None]
            X[..., rest, :] -= T[..., rest, j, None] * X[..., None, j, :]
        return X

    @cached_property
    def inverse(self) -> Array:
        """A⁻¹."""
        return self.solve(np.eye(self.A.shape[-1], dtype=self.A.dtype), False)

    @property
    def rcond(self) -> Any:
        """1 / (‖A‖₁ ‖A⁻¹‖₁) of each matrix, or a lower bound of all where that is good."""
        return _reciprocal_conditions(self.A, self.inverse)


def _reciprocal_conditions(A: Array, inverse: Array) -> Array:
    # ‖A‖₁ ≤ n max|A|: one pass over all matrices at once mostly shows that none is ill-conditioned.
    n = A.shape[-1]
    with np.errstate(over="ignore"):  # the largest entries of A and of A⁻¹ may be those of two matrices
        bound = 1 / (n * np.abs(A).max() * n * np.abs(inverse).max())
    if bound >= np.finfo(A.dtype).eps:
        return np.asarray(bound)
    return 1 / (_one_norms(A) * _one_norms(inverse))


def _one_norms(A: Array) -> Array:
    return np.asarray(np.abs(A).sum(axis=-2).max(axis=-1))
