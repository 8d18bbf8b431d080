"""Division by differences of eigenvalues or by singular values, and what to do where those are zero.

The tangents of eigenvectors are V Q with Q_ij = E_ij / (λ_j − λ_i).  Where λ_i = λ_j the vectors are any
basis of an eigenspace, and have a derivative only in so far as the tangent does not touch that choice.  What
it would take is lost in the factorization: no formula recovers it from the vectors and values.  So such
quotients are formed as E ∘ F, with 0 in F for 1/0, by a rule that is linear where that is right and otherwise
says what has no derivative.  It is a rule so that every order of derivative, forward and reverse, passes the
same test.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

import numpy as np

from ..errors import NotDifferentiableError
from ..linear_map import Array, LinearMap, Shape, compose, conjugate
from ..maps import Diagonal
from ..rule import Rule, carriers, primal


class Guard(NamedTuple):
    """Two tests of plain arrays, of tangents and of cotangents: they raise where the product is undefined."""

    tangent: Callable[[Array], None]
    cotangent: Callable[[Array], None]


def product(E: Array, F: Array, guard: Guard | None) -> Array:
    """E ∘ F, in a pushforward."""
    return E * F if guard is None else _guarded(E, F, guard)


def adjoint_product(M: Array, F: Array, guard: Guard | None) -> Array:
    """M ∘ conj(F), in a pullback."""
    return M * np.conj(F) if guard is None else _guarded_adjoint(M, F, guard)


class GuardedProduct(LinearMap):
    """E ↦ E ∘ F, or with ``adjoint`` its adjoint, tested."""

    __slots__ = ("F", "guard", "is_adjoint")

    def __init__(self, F: Array, guard: Guard, adjoint: bool) -> None:
        self.F = F
        self.guard = guard
        self.is_adjoint = adjoint

    def push(self, v: Array) -> Array:
        return (_guarded_adjoint if self.is_adjoint else _guarded)(v, self.F, self.guard)

    def pull(self, w: Array) -> Array:
        return (_guarded if self.is_adjoint else _guarded_adjoint)(w, self.F, self.guard)


def _plain_guarded(E: Array, F: Array, guard: Guard) -> Array:
    guard.tangent(E)
    return E * F


def _plain_guarded_adjoint(M: Array, F: Array, guard: Guard) -> Array:
    guard.cotangent(M)
    return M * np.conj(F)


def _guarded_body(E: Array, F: Array, guard: Guard) -> Any:
    y = _guarded(E, F, guard)
    return y, (GuardedProduct(F, guard, False), Diagonal(E, None, np.shape(F), np.shape(y)))


def _guarded_adjoint_body(M: Array, F: Array, guard: Guard) -> Any:
    y = _guarded_adjoint(M, F, guard)
    in_F = compose(Diagonal(M, None, np.shape(F), np.shape(y)), conjugate)
    return y, (GuardedProduct(F, guard, True), in_F)


_guarded = Rule(_plain_guarded, _guarded_body, "a factorization with equal values")
_guarded_adjoint = Rule(_plain_guarded_adjoint, _guarded_adjoint_body, "a factorization with equal values")


# --- equal values -------------------------------------------------------------------------------------------


class Tolerances(NamedTuple):
    """What counts as equal, as zero and as independent of a gauge; None stands for the defaults.

    degeneracy: eigenvalues (or singular values) that differ by no more than this times the largest are equal;
    10 n eps.  gauge: a cotangent whose undefined part is no more than this times its largest entry is
    accepted, and that part dropped; sqrt(eps).  rank: singular values of no more than this times the largest
    are zero; max(m, n) eps.
    """

    degeneracy: float | None = None
    gauge: float | None = None
    rank: float | None = None


DEFAULT = Tolerances()


EPS = {char: float(np.finfo(char).eps) for char in "fdFD"}


def closeness(values: Array, tolerances: Tolerances) -> Array:
    """The largest difference of plain values that counts as none, for each matrix."""
    tol = tolerances.degeneracy
    if tol is None:
        tol = 10 * values.shape[-1] * EPS[values.dtype.char]
    return tol * np.max(np.abs(values), axis=-1, initial=0)


def closeness_of_sorted(values: Array, tolerances: Tolerances) -> Array:
    """`closeness` for values in order, in either direction, to compare differences of neighbours with."""
    if values.ndim == 1 and values.size and tolerances.degeneracy is None:  # the common case, quickly
        return 10 * len(values) * EPS[values.dtype.char] * max(abs(values[0]), abs(values[-1]))
    return closeness(values, tolerances)[..., None]


def equal_pairs(values: Array, tolerances: Tolerances = DEFAULT) -> Array:
    """Which pairs i ≠ j of plain values are equal up to the rounding of a factorization."""
    limit = closeness(values, tolerances)[..., None, None]
    close = np.abs(values[..., None, :] - values[..., :, None]) <= limit
    return close & ~np.eye(values.shape[-1], dtype=bool)


def inverse_gaps(values: Array, equal: Array | None) -> Array:
    """F_ij = 1/(λ_j − λ_i), and 0 on the diagonal and for equal pairs (None if there are none)."""
    filled, kept = diagonal_masks(np.shape(values)[-1], np.finfo(primal(values).dtype).dtype.char)
    gaps = values[..., None, :] - values[..., :, None]
    if equal is not None and equal.any():
        filled, kept = filled + equal, kept * ~equal
        gaps = gaps * kept  # those of equal values need not be small, if the values are large
    return kept / (gaps + filled)


@functools.lru_cache(maxsize=64)
def diagonal_masks(n: int, char: str) -> tuple[Array, Array]:
    """Ones on the diagonal, and ones beside it; read-only."""
    eye = np.eye(n, dtype=char)
    others = 1 - eye
    eye.flags.writeable = others.flags.writeable = False
    return eye, others


def guard_equal(equal: Array, what: str, tolerances: Tolerances = DEFAULT) -> Guard | None:
    """The tests for vectors of equal values; None where no values are equal."""
    if not equal.any():
        return None

    def tangent(E: Array) -> None:
        # Within an eigenspace E must be a multiple of the identity: then, to first order, any basis stays
        # one.
        diagonal = np.diagonal(E, axis1=-2, axis2=-1)
        difference = np.abs(diagonal[..., None, :] - diagonal[..., :, None])
        refuse(equal * (np.abs(E) + difference), E, message, tolerances)

    def cotangent(M: Array) -> None:
        # The columns of the cotangent that belong to equal values must be zero.
        refuse(equal.any(axis=-2)[..., None, :] * M, M, message, tolerances)

    message = (
        f"{what} belonging to equal values have no derivative: they are an arbitrary basis, and the "
        "factorization does not hold what the derivative of a function of them needs. For a function f "
        "of the matrix, V f(Λ) V⁻¹, use a matrix function (fr.linalg.funm, expm), and for the projector onto "
        "their eigenspace fr.linalg.spectral_projector, both differentiable there; for the values alone use "
        "eigvalsh, eigvals or svdvals"
    )
    return Guard(tangent, cotangent)


def guard_zero(masked: Array, message: str, tolerances: Tolerances = DEFAULT) -> Guard | None:
    """The test that masked entries of tangents and cotangents are zero; None where nothing is masked."""
    if not masked.any():
        return None

    def test(E: Array) -> None:
        refuse(masked * E, E, message, tolerances)

    return Guard(test, test)


def refuse(undefined: Array, scale: Array, message: str, tolerances: Tolerances = DEFAULT) -> None:
    """Raise where what is undefined is asked for: beyond half of the digits of what it is a part of."""
    tol = np.sqrt(np.finfo(scale.dtype).eps) if tolerances.gauge is None else tolerances.gauge
    if np.max(np.abs(undefined), initial=0) > tol * np.max(np.abs(scale), initial=0):
        raise NotDifferentiableError(message)


def certainly_zero(w: Array) -> bool:
    """Whether a cotangent is zero and stays so: plain zeros, as for a result that is not used."""
    return not w.any() if type(w) is np.ndarray else type(w) not in carriers and not np.any(w)


# --- tangents that do not exist -----------------------------------------------------------------------------


class UndefinedTangent:
    """The tangent of a result that has none here, of a function of which other results may have one.

    A pushforward computes the tangents of all results; whoever uses this one gets the error.
    """

    __slots__ = ("dtype", "message", "shape")
    __array_priority__ = 1e6

    def __init__(self, shape: Shape, dtype: Any, message: str) -> None:
        self.shape = shape
        self.dtype = dtype
        self.message = message

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise the error that says why there is no tangent."""
        raise NotDifferentiableError(self.message)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in (np.shape, np.ndim):
            return self.shape if function is np.shape else self.ndim
        return self.refuse()

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if ufunc is not np.add or method != "__call__":
            self.refuse()
        return self  # a sum of tangents of which one does not exist

    def __add__(self, other: Any) -> Any:
        return self

    __radd__ = __add__
    __array__ = __getitem__ = __iter__ = __len__ = __bool__ = __float__ = __abs__ = __neg__ = refuse
    __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __matmul__ = __rmatmul__ = refuse
    conj = conjugate = swapaxes = reshape = astype = refuse
    real = imag = T = property(refuse)


def or_undefined(tangent: Callable[[], Array], shape: Shape, like: Array) -> Array:
    """The tangent, of a shape and of the dtype of ``like``, or what stands for its absence."""
    try:
        return tangent()
    except NotDifferentiableError as error:
        return UndefinedTangent(shape, primal(like).dtype, str(error))
