"""Algebraic Riccati equations on stacks of plain matrices: residuals, closed loops, changes of variables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..linear_map import adjoint_matrix
from ..rules.linalg_factorizations import hermitian_part
from ._lyapunov_factor import LyapunovFactor
from ._matrix_equation import norms

__all__ = ["Equation", "Residual"]

Array = NDArray[Any]

_CONDITION = 1e6  # of R, beyond which the first step of the Riccati recursion is taken before R is inverted


class Residual(NamedTuple):
    """What an X leaves of its equations: the left sides F, the norms of their terms added up, the gains K."""

    F: Array
    size: Array
    K: Array

    @property
    def relative(self) -> Array:
        """The norms of F relative to those of the terms; inf where they are not numbers."""
        ratio = norms(self.F) / np.where(self.size > 0, self.size, 1)
        return np.where(np.isfinite(ratio), ratio, np.inf)

    def of(self, which: Array) -> Residual:
        """Those of the stack that a mask or an index selects."""
        return Residual(self.F[which], self.size[which], self.K[which])


@dataclass(frozen=True)
class Equation:
    """A stack of Riccati equations, continuous or discrete.

    continuous:  Eᴴ X A + Aᴴ X E − Kᴴ R K + Q = 0,    R K = Bᴴ X E + Sᴴ;
    discrete:    Aᴴ X A − Eᴴ X E − Kᴴ (R + Bᴴ X B) K + Q = 0,    (R + Bᴴ X B) K = Bᴴ X A + Sᴴ.

    The matrices have one axis in front, float64 or complex128; Q and R are Hermitian, E and S may be None.
    """

    discrete: bool
    A: Array
    B: Array
    Q: Array
    R: Array
    E: Array | None = None
    S: Array | None = None

    def __len__(self) -> int:
        return len(self.A)

    def __getitem__(self, which: Any) -> Equation:
        """Those of the stack that a slice or a mask selects."""
        parts: list[Any] = [None if M is None else M[which] for M in self.matrices]
        return Equation(self.discrete, *parts)

    @property
    def matrices(self) -> tuple[Array | None, ...]:
        """A, B, Q, R, E and S."""
        return self.A, self.B, self.Q, self.R, self.E, self.S

    def residual(self, X: Array) -> Residual:
        """The left side at X.

        Raises
        ------
        numpy.linalg.LinAlgError
            Where R + Bᴴ X B is singular.
        """
        EX = X if self.E is None else adjoint_matrix(self.E) @ X
        first = adjoint_matrix(self.A) @ X if self.discrete else EX  # what B is multiplied by
        factor = first @ self.B if self.S is None else first @ self.B + self.S
        weight = self.R + adjoint_matrix(self.B) @ X @ self.B if self.discrete else self.R
        K = np.linalg.solve(weight, adjoint_matrix(factor))
        last = hermitian_part(factor @ K)
        product = first @ self.A
        if self.discrete:
            product = hermitian_part(product)
            EXE = EX if self.E is None else hermitian_part(EX @ self.E)
            F = product - EXE - last + self.Q
            size = norms(product) + norms(EXE) + norms(last) + norms(self.Q)
        else:
            F = product + adjoint_matrix(product) - last + self.Q
            size = 2 * norms(product) + norms(last) + norms(self.Q)
        return Residual(F, size, K)

    def closed_loop(self, K: Array) -> Array:
        """(A − B K) E⁻¹."""
        loop = self.A - self.B @ K
        return loop if self.E is None else _divided(loop, self.E)

    def correction(self, residual: Residual) -> Array:
        """The step of Newton's method from an X with this residual F.

        With the closed loop C:  Cᴴ Δ + Δ C = −E⁻ᴴ F E⁻¹, or Δ − Cᴴ Δ C = E⁻ᴴ F E⁻¹ (Kleinman, IEEE Trans.
        Autom. Control 13:114, 1968; Hewer, 16:382, 1971).

        Raises
        ------
        numpy.linalg.LinAlgError
            Where this has no unique solution.
        """
        factor, F = LyapunovFactor(self.closed_loop(residual.K)), residual.F
        if self.E is not None:
            F = hermitian_part(_congruent(F, self.E))
        return factor.stein_adjoint(F) if self.discrete else factor.lyapunov_adjoint(-F)

    def without_E(self) -> Equation:
        """The equation for E x in the place of x; X is the same."""
        if self.E is None:
            return self
        A, Q = _divided(self.A, self.E), hermitian_part(_congruent(self.Q, self.E))
        S = None if self.S is None else np.linalg.solve(adjoint_matrix(self.E), self.S)
        return Equation(self.discrete, A, self.B, Q, self.R, None, S)

    def standard(self) -> tuple[Array, Array, Array, Array | None]:
        """A, G, H of the equation that doubling solves, and what is to be added to its solution, or None.

        E is removed by `without_E`.  The new control u + R⁻¹ Sᴴ x removes S: A − B R⁻¹ Sᴴ, Q − S R⁻¹ Sᴴ.
        Where R of a discrete equation is singular or nearly so, the equation for Y = X − Q is solved: it has
        R + Bᴴ Q B, Aᴴ Q A and S + Aᴴ Q B for R, Q and S, and is one step further in the recursion from zero.

        Raises
        ------
        numpy.linalg.LinAlgError
            Where R, or R + Bᴴ Q B, is singular.
        """
        plain = self.without_E()
        A, B, Q, R, S = plain.A, plain.B, plain.Q, plain.R, plain.S
        added = None
        if self.discrete and not (np.linalg.cond(R, 1) < _CONDITION).all():
            added = Q
            BQ = adjoint_matrix(B) @ Q
            S = adjoint_matrix(BQ @ A) if S is None else S + adjoint_matrix(BQ @ A)
            Q, R = hermitian_part(adjoint_matrix(A) @ Q @ A), hermitian_part(R + BQ @ B)
        right = adjoint_matrix(B) if S is None else np.concatenate([adjoint_matrix(B), adjoint_matrix(S)], -1)
        solved = np.linalg.solve(R, right)
        n = A.shape[-1]
        G = hermitian_part(B @ solved[..., :n])
        if S is not None:
            A = A - B @ solved[..., n:]
            Q = hermitian_part(Q - S @ solved[..., n:])
        return A, G, Q, added

    def scaled(self, D: Array) -> Equation:
        """The equation for D⁻¹ x in the place of x, D diagonal; its solution is D X D."""
        column, row = D[:, :, None], D[:, None, :]
        S, E = self.S, self.E
        return Equation(
            self.discrete,
            self.A * row / column,
            self.B / column,
            self.Q * row * column,
            self.R,
            None if E is None else E * row / column,
            None if S is None else S * column,
        )


def _divided(A: Array, E: Array) -> Array:
    """A E⁻¹."""
    return np.asarray(np.linalg.solve(E.swapaxes(-1, -2), A.swapaxes(-1, -2)).swapaxes(-1, -2))


def _congruent(Q: Array, E: Array) -> Array:
    """E⁻ᴴ Q E⁻¹."""
    return np.asarray(np.linalg.solve(adjoint_matrix(E), _divided(Q, E)))
