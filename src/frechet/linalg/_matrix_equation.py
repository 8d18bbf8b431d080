"""What all linear equations in a matrix do with right sides: kinds of numbers, stacks, singular equations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.linalg import LinAlgError
from numpy.typing import NDArray

from ..linear_map import adjoint_matrix
from ..rules.lapack import sum_of_squares
from ..rules.linalg_factorizations import hermitian_part
from ..rules.linalg_gaps import EPS
from ._warnings import warn_ill_conditioned

__all__ = ["MatrixEquation", "error_of_quotient", "judge", "norms"]

Array = NDArray[Any]

_SINGULAR = (
    0.1  # the relative error of a solution, from the condition number, at which an equation is singular
)
_NEARLY = 0.01  # the one at which a warning is given


class MatrixEquation:
    """A linear equation in a matrix X, or a stack of them, with all that does not depend on the right side.

    Subclasses set ``dtype``, that of the coefficients, and ``stack``, their common leading axes, and give
    ``_solution``.  Those that set ``keeps_hermitian`` have Hermitian solutions for Hermitian right sides, and
    these are made so exactly.

    Right sides have the leading axes of the stack, with or without further ones in front (stacked
    directions), and may be complex for real coefficients.
    """

    dtype: np.dtype[Any]
    stack: tuple[int, ...]
    keeps_hermitian = False

    def solve(self, Q: Array) -> Array:
        """Return the solution for the right side Q, in the precision of the coefficients."""
        return self._solve(Q, adjoint=False)

    def adjoint(self, G: Array) -> Array:
        """Return the solution of the adjoint equation: the adjoint of `solve`, on the same numbers."""
        return self._solve(G, adjoint=True)

    def _solve(self, Q: Array, adjoint: bool) -> Array:
        X = self._of_any_kind(Q, adjoint)
        return hermitian_part(X) if self.keeps_hermitian and is_hermitian(Q) else X

    def _of_any_kind(self, Q: Array, adjoint: bool) -> Array:
        if Q.dtype.kind == "c" and self.dtype.kind != "c":  # a real equation: two real right sides
            X = self._of_any_kind(np.stack((Q.real, Q.imag)), adjoint)
            return np.asarray(X[0] + 1j * X[1])
        Q = Q.astype(self.dtype, copy=False)
        return self._solution(Q, adjoint) if Q.size else Q.copy()

    def _solution(self, Q: Array, adjoint: bool) -> Array:
        raise NotImplementedError


def error_of_quotient(size: Any, divisor: Any, dtype: np.dtype[Any]) -> float:
    """The relative error that rounding in numbers of a size makes where it is divided by a difference.

    For arrays of sizes and differences the largest one.
    """
    if np.ndim(divisor):
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.max(size / divisor)) * EPS[dtype.char]
    return float(size) * EPS[dtype.char] / float(divisor) if divisor else np.inf  # one, quickly


def judge(error: float, refusal: str) -> None:
    """Refuse an equation, or warn of it, from the relative error that rounding makes in its solution.

    Raises
    ------
    numpy.linalg.LinAlgError
        With the message ``refusal``, if no digit is right.
    """
    if not error < _SINGULAR:
        raise LinAlgError(refusal)
    if error > _NEARLY:
        warn_ill_conditioned(
            f"an ill-conditioned equation, the result may not be accurate; nearly: {refusal}"
        )


def is_hermitian(A: Array) -> bool:
    """Whether each matrix of a stack equals its conjugate transpose exactly."""
    return bool((adjoint_matrix(A) == A).all())


def norms(A: Array) -> Array:
    """The Frobenius norms of a stack, also where their squares overflow or underflow."""
    if A.ndim == 2:  # the common case, quickly
        squares, limits = sum_of_squares(A), np.finfo(A.dtype)
        if limits.tiny / limits.eps**2 < squares < limits.max:
            return np.asarray(squares**0.5, limits.dtype)
    with np.errstate(over="ignore", under="ignore"):
        plain = np.linalg.norm(A, axis=(-2, -1))
    tiny = np.finfo(plain.dtype).tiny ** 0.5 / np.finfo(plain.dtype).eps
    if ((plain > tiny) & (plain < np.inf) | (plain == 0) & ~A.any((-2, -1))).all():
        return np.asarray(plain)
    size = np.maximum(np.abs(A).max((-2, -1), keepdims=True), np.finfo(plain.dtype).tiny)
    return np.asarray(np.linalg.norm(A / size, axis=(-2, -1)) * size[..., 0, 0])
