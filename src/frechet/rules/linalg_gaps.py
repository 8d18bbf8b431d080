"""Division by differences of eigenvalues or by singular values, and what to do where those are zero.

The tangents of eigenvectors are V Q with Q_ij = E_ij / (λ_j − λ_i).  Where λ_i = λ_j the vectors are any
basis of an eigenspace, and have a derivative only in so far as the tangent does not touch that choice.  What
it would take is lost in the factorization: no formula recovers it from the vectors and values.  So such
quotients are formed as E ∘ F, with 0 in F for 1/0, by a rule that is linear where that is right and otherwise
says what has no derivative.  It is a rule so that every order of derivative, forward and reverse, passes the
same test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..errors import NotDifferentiableError
from ..linear_map import Array, LinearMap, compose, conjugate
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


def equal_pairs(values: Array) -> Array:
    """Which pairs i ≠ j of plain values are equal up to the rounding of a factorization."""
    n = values.shape[-1]
    size = np.max(np.abs(values), axis=-1, initial=0)[..., None, None]
    close = np.abs(values[..., None, :] - values[..., :, None]) <= 10 * n * np.finfo(values.dtype).eps * size
    return close & ~np.eye(n, dtype=bool)


def inverse_gaps(values: Array, equal: Array) -> Array:
    """F_ij = 1/(λ_j − λ_i), and 0 on the diagonal and for equal pairs."""
    skipped = equal | np.eye(equal.shape[-1], dtype=bool)
    filled = skipped.astype(primal(values).real.dtype)
    return (1 - filled) / (values[..., None, :] - values[..., :, None] + filled)


def guard_equal(equal: Array, what: str) -> Guard | None:
    """The tests for vectors of equal values; None where no values are equal."""
    if not equal.any():
        return None

    def tangent(E: Array) -> None:
        # Within an eigenspace E must be a multiple of the identity: then, to first order, any basis stays
        # one.
        diagonal = np.diagonal(E, axis1=-2, axis2=-1)
        difference = np.abs(diagonal[..., None, :] - diagonal[..., :, None])
        refuse(equal * (np.abs(E) + difference), E, message)

    def cotangent(M: Array) -> None:
        # The columns of the cotangent that belong to equal values must be zero.
        refuse(equal.any(axis=-2)[..., None, :] * M, M, message)

    message = (
        f"{what} belonging to equal values have no derivative: they are an arbitrary basis, and the "
        "factorization does not hold what the derivative of a function of them needs. For a function f "
        "of the matrix, V f(Λ) V⁻¹, use a matrix function (fr.linalg.expm), which is differentiable "
        "there; for the values alone use np.linalg.eigvalsh, eigvals or svdvals"
    )
    return Guard(tangent, cotangent)


def guard_zero(masked: Array, message: str) -> Guard | None:
    """The test that masked entries of tangents and cotangents are zero; None where nothing is masked."""
    if not masked.any():
        return None

    def test(E: Array) -> None:
        refuse(masked * E, E, message)

    return Guard(test, test)


def refuse(undefined: Array, scale: Array, message: str) -> None:
    """Raise where what is undefined is asked for: beyond half of the digits of what it is a part of."""
    limit = np.sqrt(np.finfo(scale.dtype).eps) * np.max(np.abs(scale), initial=0)
    if np.max(np.abs(undefined), initial=0) > limit:
        raise NotDifferentiableError(message)


def certainly_zero(w: Array) -> bool:
    """Whether a cotangent is zero and stays so: plain zeros, as for a result that is not used."""
    return type(w) not in carriers and not np.any(w)
