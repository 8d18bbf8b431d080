"""What a Sylvester equation A X + X B = Q, its solution and the adjoint of that have in common.

Three ways to a solution, each with numbers that do not depend on the right side and that serve the adjoint
equation Aᴴ W + W Bᴴ = G as well:

* a few entries: the inverse of the mn × mn matrix of the equation (_kronecker_factor.py);
* A and B with eigenvalues on two sides of a line Re λ = c (A) and Re λ = −c (B): the powers of the doubling
  iteration (_smith_factor.py);
* others: Schur forms A = U R Uᴴ and B = V S Vᴴ, on which the equation becomes the triangular R Y + Y S =
  Uᴴ Q V for Y = Uᴴ X V (Bartels & Stewart, Comm. ACM 15:820, 1972).
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._stacks import product
from . import _schur_form
from ._arguments import stack_shape
from ._kronecker_factor import KroneckerFactor
from ._matrix_equation import MatrixEquation, error_of_quotient, judge
from ._smith_factor import Cayley, sylvester_doubling
from ._triangular_sylvester import TriangularSylvester

__all__ = ["SylvesterFactor"]

Array = NDArray[Any]

_KRONECKER = 36  # the largest m n for which the matrix of the equation is the fastest way
_DOUBLING = 32  # the smallest m and n for which doubling is

_SINGULAR = "A X + X B = Q has no unique solution: A and -B share an eigenvalue to working precision"


class SylvesterFactor(MatrixEquation):
    """Two square matrices, or stacks of them, ready for the solution of A X + X B = Q.

    Parameters
    ----------
    A : (..., m, m) ndarray
    B : (..., n, n) ndarray
        Finite, of one dtype: float32, float64, complex64 or complex128.  Leading axes broadcast.
    doubling : bool, optional
        Whether a solution by doubling is tried.

    Notes
    -----
    Right sides have the broadcast leading axes of A and B, or further ones in front of these (stacked
    directions), and may be complex for real coefficients.  ``numpy.linalg.LinAlgError`` is raised where A and
    −B share an eigenvalue to working precision, and a ``scipy.linalg.LinAlgWarning`` given where fewer than
    two digits are left.

    The Schur forms take about 25 (m³ + n³) operations and are computed once, each solution 5 m n (m + n).

    Examples
    --------
    >>> import numpy as np
    >>> A, B = np.array([[1.0, 5.0], [0.0, 2.0]]), np.array([[3.0]])
    >>> SylvesterFactor(A, B).solve(np.array([[9.0], [5.0]]))
    array([[1.],
           [1.]])
    """

    def __init__(self, A: Array, B: Array, *, doubling: bool = True) -> None:
        self.A, self.B, self.dtype = np.array(A), np.array(B), A.dtype
        self.stack = stack_shape("solve_sylvester", A, B)
        m, n = self.shape = A.shape[-1], B.shape[-1]
        self._is_small = m * n <= _KRONECKER
        self._may_double = doubling and min(m, n) >= _DOUBLING

    def _solution(self, Q: Array, adjoint: bool) -> Array:
        if self._is_small:
            return self._by_kronecker.solve(Q, adjoint)
        if self._may_double and self._by_doubling is not None:
            X = self._by_doubling.solve(Q, adjoint)
            if X is not None:
                return X
        return self._on_schur_forms.solve(Q, adjoint)

    @cached_property
    def _by_kronecker(self) -> KroneckerFactor:
        m, n = self.shape
        eyes = np.eye(m, dtype=self.A.dtype), np.eye(n, dtype=self.A.dtype)
        return KroneckerFactor([(self.A, eyes[1]), (eyes[0], self.B)], _SINGULAR)

    @cached_property
    def _by_doubling(self) -> Cayley | None:
        return sylvester_doubling(self.A, self.B)

    @cached_property
    def _on_schur_forms(self) -> _OnSchurForms:
        return _OnSchurForms(_schur_form.SchurForm(self.A), _schur_form.SchurForm(self.B), self.stack)


class _OnSchurForms:
    """The equations of a stack on the Schur forms of their matrices."""

    def __init__(self, a: _schur_form.SchurForm, b: _schur_form.SchurForm, stack: tuple[int, ...]) -> None:
        # The eigenvalues carry errors of the size ε‖A‖ and ε‖B‖.
        divisors = np.abs(a.eigenvalues[..., :, None] + b.eigenvalues[..., None, :]).min((-2, -1))
        judge(error_of_quotient(a.norm + b.norm, divisors, a.T.dtype), _SINGULAR)
        self.U, self.V = a.Z, b.Z
        R, S = (np.broadcast_to(T, (*stack, *T.shape[-2:])) for T in (a.T, b.T))
        self.triangular = TriangularSylvester(R, S, _SINGULAR)

    def solve(self, Q: Array, adjoint: bool) -> Array:
        """Solve the equation for right sides (..., m, n)."""
        F = product(product(self.U, Q, adjoint_a=True), self.V)
        Y = self.triangular.adjoint(F) if adjoint else self.triangular.solve(F)
        return product(product(self.U, Y), self.V, adjoint_b=True)
