"""Solutions with diag(d) + U Vᴴ by the formula of Sherman, Morrison and Woodbury, refined where that is due.

With A = diag(d) + U Vᴴ and A X = B,

    dX = A⁻¹ (dB − dd ∘ X − dU (Vᴴ X) − U (dVᴴ X)),

so that B̄ = A⁻ᴴ X̄ and, with W = −B̄,

    d̄ = Σ W ∘ conj(X) over columns,    Ū = W (Vᴴ X)ᴴ,    V̄ = X (Uᴴ W)ᴴ.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from ..linear_map import Array, compose, linear
from ..maps import spread
from ..rule import Rule, primal
from ._parts import adjoint, conjugate

__all__ = ["check_inverse", "singular", "solve_woodbury"]

_ROWS = 1 << 13


class WoodburyFactor:
    """What solutions with the plain matrix diag(d) + U Vᴴ, or with each of a stack, have in common."""

    def __init__(self, d: Array, U: Array, V: Array) -> None:
        self.d, self.U, self.V = d[..., None], U, V

    @cached_property
    def C(self) -> Array:
        """C = I + Vᴴ D⁻¹ U, summed over ranges of rows that stay in the cache."""
        C = np.eye(self.U.shape[-1], dtype=self.U.dtype)
        for start in range(0, self.U.shape[-2], _ROWS):
            rows = (..., slice(start, start + _ROWS), slice(None))
            C = C + adjoint(self.V[rows]) @ (self.U[rows] / self.d[rows])
        return C

    @cached_property
    def adjoint(self) -> WoodburyFactor:
        """That of Aᴴ = conj(D) + V Uᴴ, whose C is Cᴴ."""
        factor = WoodburyFactor(conjugate(self.d[..., 0]), self.V, self.U)
        factor.C = adjoint(self.C)
        factor.adjoint = self
        return factor

    @cached_property
    def size(self) -> Array:
        """A bound of the norm of each matrix, of shape (..., 1)."""
        flat = [X.reshape(*X.shape[:-2], X.shape[-2] * X.shape[-1]) for X in (self.U, self.V)]
        squares = [np.real(np.vecdot(x, x)) for x in flat]
        size: Array = np.abs(self.d).max(axis=-2, initial=0) + np.sqrt(squares[0] * squares[1])[..., None]
        return size

    def solve(self, B: Array) -> Array:
        """A⁻¹ B: the formula, and once more for what it leaves where that is more than rounding."""
        X = self._formula(B)
        residual = B - self._times(X)
        if self.is_small(residual, X, B):
            return X
        X = X + self._formula(residual)
        if not self.is_small(B - self._times(X), X, B):
            _warn("solve")
        return X

    def is_small(self, residual: Array, X: Array, B: Array) -> bool:
        """Whether a residual is as small as rounding allows: relative to ‖A‖ ‖X‖ + ‖B‖, column by column."""
        if not residual.size:
            return True
        left, b = (np.abs(Y).max(axis=-2) for Y in (residual, B))
        allowed = max(100.0, residual.shape[-2] ** 0.5) * np.finfo(residual.dtype).eps
        if (left <= allowed * b).all():  # as in most cases, and quickly
            return True
        return bool((left <= allowed * (self.size * np.abs(X).max(axis=-2) + b)).all())

    def _formula(self, B: Array) -> Array:
        Y = B / self.d
        try:
            inner = np.linalg.solve(self.C, adjoint(self.V) @ Y)
        except np.linalg.LinAlgError:
            raise singular("solve") from None
        Y -= (self.U @ inner) / self.d
        return Y

    def _times(self, X: Array) -> Array:
        return self.d * X + self.U @ (adjoint(self.V) @ X)


def solve_woodbury(d: Array, U: Array, V: Array, B: Array) -> Array:
    """The solution of (diag(d) + U Vᴴ) X = B, for d without zeros and B of shape (..., n, k)."""
    dtype = np.result_type(d.dtype, U.dtype, V.dtype, B.dtype)
    if dtype.kind not in "fc":
        dtype = np.dtype(float)
    d, U, V = (x if x.dtype == dtype or x.dtype.kind == "f" else x.astype(dtype) for x in (d, U, V))
    B = B if B.dtype == dtype else B.astype(dtype)
    return _solve(d, U, V, B, WoodburyFactor(primal(d), primal(U), primal(V)))


def check_inverse(A: Any, inverse: Any) -> None:
    """Warn where a structured inverse is not one, by the solution that it gives for a vector."""
    if not A.shape[-1]:
        return
    plain = [[primal(part) for part in X.parts] for X in (A, inverse)]
    A, inverse = A.like(*plain[0]), inverse.like(*plain[1])
    b = np.ones((A.shape[-1], 1), A.dtype)
    x = inverse.times(b)
    if not WoodburyFactor(A.d, A.U, A.V).is_small(b - A.times(x), x, b):
        _warn("inv")


def singular(call: str) -> np.linalg.LinAlgError:
    """What is said where C is singular, computed as it is with rounding."""
    return np.linalg.LinAlgError(
        f"{call}: this LowRankPlusDiagonal is singular, or some entries of d are so tiny that the formula of "
        f"Sherman, Morrison and Woodbury takes it to be; np.linalg.{call} of A.to_dense() can tell"
    )


def _warn(call: str) -> None:
    from ..linalg._warnings import warn_ill_conditioned

    warn_ill_conditioned(
        f"{call}: the formula of Sherman, Morrison and Woodbury is inaccurate for this LowRankPlusDiagonal, "
        f"as when some entries of d are tiny; np.linalg.{call} of A.to_dense() is not"
    )


def _solve_body(d: Array, U: Array, V: Array, B: Array, factor: WoodburyFactor) -> Any:
    X = _solve(d, U, V, B, factor)
    lead = X.shape[:-2]
    S = linear(
        lambda v: _solve(d, U, V, v, factor),
        lambda w: _solve(conjugate(d), V, U, w, factor.adjoint),
    )
    minus = -X
    VX = adjoint(V) @ minus
    in_d = linear(lambda v: v[..., None] * minus, lambda w: np.sum(w * conjugate(minus), -1))
    in_U = linear(lambda v: v @ VX, lambda w: _thin_product(w, adjoint(VX)))
    in_V = linear(lambda v: U @ (adjoint(v) @ minus), lambda w: _thin_product(minus, adjoint(w) @ U))
    return X, (
        compose(S, spread(in_d, d.shape, lead, 1)),
        compose(S, spread(in_U, U.shape, lead, 2)),
        compose(S, spread(in_V, V.shape, lead, 2)),
        spread(S, B.shape, lead, 2),
    )


def _thin_product(P: Array, Q: Array) -> Array:
    """P Q for a P of few columns; of one, column by column, which is quicker than by rows of few entries."""
    if P.shape[-1] == 1 and type(P) is type(Q) is np.ndarray:
        return np.multiply(P, Q, order="F")
    return P @ Q


_solve = Rule(
    lambda d, U, V, B, factor: factor.solve(B),
    _solve_body,
    "frechet: the solution with a LowRankPlusDiagonal",
)
