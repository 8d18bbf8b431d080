"""Linear matrix equations of a few rows by the matrix of the equation, for whole stacks at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._stacks import linear_equation
from ._matrix_equation import judge

__all__ = ["KroneckerFactor"]

Array = NDArray[Any]


class KroneckerFactor:
    """The equation Σ A_i X B_i = Q by LU factorization of the matrix that acts on the rows of X.

    Parameters
    ----------
    terms : sequence of pairs of ndarrays
        The coefficients (A_i, B_i), of shapes (..., m, m) and (..., n, n), m n ≤ 64, of one dtype.  Leading
        axes broadcast.
    refusal : str
        What the exception says of an equation without a unique solution.

    Notes
    -----
    The factorization is not kept: it has (m n)² numbers for each equation of a stack, and making it
    anew takes less time than writing and reading it.  The first solution looks at its condition, which takes
    as long as another.
    """

    def __init__(self, terms: list[tuple[Array, Array]], refusal: str) -> None:
        stacks = {M.shape[:-2] for pair in terms for M in pair}
        stack = np.broadcast_shapes(*stacks) if len(stacks) > 1 else stacks.pop()
        self.terms = [(_of_stack(A, stack), _of_stack(B, stack)) for A, B in terms]
        self.refusal = refusal
        self.judged = False

    def solve(self, Q: Array, adjoint: bool = False) -> Array:
        """Return X for right sides (..., m, n), or with ``adjoint`` that of Σ A_iᴴ X B_iᴴ = Q.

        Raises
        ------
        numpy.linalg.LinAlgError
            Where there is no unique solution to working precision.
        """
        # ‖ |K⁻¹| |K| ‖, the componentwise condition number of the matrix K of the equation (Skeel), with |K|
        # before cancellation: it does not depend on how the variables are scaled.
        X, condition = linear_equation(self.terms, Q, adjoint, judge=not self.judged)
        if not self.judged:
            judge(condition * float(np.finfo(X.dtype).eps), self.refusal)
            self.judged = True
        return np.asarray(X)


def _of_stack(A: Array, stack: tuple[int, ...]) -> Array:
    """A as the kernel takes it: one matrix for all, or one for each of the stack."""
    return np.ascontiguousarray(A if A.ndim == 2 else np.broadcast_to(A, (*stack, *A.shape[-2:])))
