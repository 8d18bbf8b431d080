"""Errors: what went wrong, in which call, and the way out."""

from __future__ import annotations


class FrechetError(Exception):
    """Base of every error that Frechet raises on its own account."""


class NotDifferentiableError(FrechetError, TypeError):
    """A derivative was asked for that does not exist or that no rule gives."""


class CoercionError(FrechetError, TypeError):
    """A traced value was about to be turned into a plain number or array, which would lose its derivative."""


class TraceEndedError(FrechetError, RuntimeError):
    """A traced value was used after the transformation that made it had ended."""


class InPlaceError(FrechetError, ValueError):
    """An in-place change that cannot have NumPy's meaning here, or the use of a view made stale by one."""


class SpaceError(FrechetError, ValueError):
    """A tangent or cotangent does not belong to the space of its value."""


class RuleError(FrechetError, TypeError):
    """A rule broke its contract: wrong maps, wrong shapes, or no derivative for an argument."""


class ConvergenceError(FrechetError, RuntimeError):
    """An iteration ended before it had reached the accuracy that was asked for.

    Attributes
    ----------
    residual : float
        The relative residual at the end.
    iterations : int
        How many steps were made.
    """

    def __init__(self, message: str, residual: float, iterations: int) -> None:
        super().__init__(message)
        self.residual, self.iterations = residual, iterations
