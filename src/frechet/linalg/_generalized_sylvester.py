"""The generalized Sylvester equation."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array, LinearMap, adjoint_matrix, compose, conjugate_transpose, left, right
from ..maps import Broadcast
from ..rule import Rule, primal
from ._arguments import as_matrix, same_dtype, stack_shape, to_own_stack, to_stack
from ._capability import capability
from ._pencil_factor import PencilFactor

__all__ = ["solve_generalized_sylvester"]


@capability("the pencils a - lambda c and d + lambda b share an eigenvalue: LinAlgError")
def solve_generalized_sylvester(a: Array, b: Array, c: Array, d: Array, q: Array) -> Array:
    """The solution X of the generalized Sylvester equation A X B + C X D = Q, with derivatives.

    Parameters
    ----------
    a, c : (..., m, m) array_like
        Real or complex, plain or traced.
    b, d : (..., n, n) array_like
        Likewise.
    q : (..., m, n) array_like
        The right side.  Leading axes broadcast.

    Returns
    -------
    (..., m, n) array
        The solution, real if all arguments are.

    Raises
    ------
    numpy.linalg.LinAlgError
        Where there is no unique solution to working precision: the pencils A − λC and D + λB share an
        eigenvalue (det(A − λC) = det(D + λB) = 0, or infinity), or one of them is singular for every λ.
    ValueError
        For wrong shapes, nan and inf.

    Warns
    -----
    scipy.linalg.LinAlgWarning
        Where this is so nearly so that fewer than two digits are left.

    Notes
    -----
    Generalized Schur forms of the two pencils serve the value, the pushforward and the pullback.  With S the
    map from Q to X: dX = S(dQ − dA X B − A X dB − dC X D − C X dD); its adjoint solves Aᴴ W Bᴴ + Cᴴ W Dᴴ = G.

    The solution is by the QZ algorithm (Gardiner, Laub, Amato & Moler, ACM TOMS 18:223, 1992); its residual
    is of the size of rounding in (‖A‖ ‖B‖ + ‖C‖ ‖D‖) ‖X‖.  It takes about 66 (m³ + n³) operations, each
    further right side some 6 m n (m + n).

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> A, B, C, D = np.array([[[2.0]], [[1.0]], [[3.0]], [[1.0]]])
    >>> fr.linalg.solve_generalized_sylvester(A, B, C, D, [[10.0]])
    array([[2.]])
    >>> fr.grad(lambda c: fr.linalg.solve_generalized_sylvester(A, B, [[c]], D, [[10.0]])[0, 0])(3.0)
    -0.4
    """
    call = "solve_generalized_sylvester"
    a, b, c, d = (
        as_matrix(x, f"{call}: {name}", square=True) for x, name in zip((a, b, c, d), "abcd", strict=True)
    )
    q = as_matrix(q, f"{call}: q")
    m, n = np.shape(q)[-2:]
    if np.shape(a)[-1] != m or np.shape(c)[-1] != m or np.shape(b)[-1] != n or np.shape(d)[-1] != n:
        shapes = ", ".join(str(np.shape(x)) for x in (a, b, c, d))
        raise ValueError(
            f"{call}: a and c must have as many rows as q, b and d as many columns as q, got shapes {shapes} "
            f"and {np.shape(q)}"
        )
    return solution(call, a, b, c, d, q)


def solution(
    call: str, a: Array, b: Array, c: Array, d: Array, q: Array, symmetry: str = "", refusal: str = ""
) -> Array:
    """The solution for arguments of the right shapes; ``symmetry`` as for `PencilFactor`."""
    a, b, c, d = same_dtype(a, b, c, d)
    stack = stack_shape(call, a, b, c, d, q)
    a, b, c, d = (to_own_stack(x, stack) for x in (a, b, c, d))
    q = to_stack(q, stack)
    precision = np.result_type(a.dtype, q.dtype)
    if np.finfo(precision).eps != np.finfo(a.dtype).eps:  # the better precision of the two; real stays real
        dtype = precision if a.dtype.kind == "c" else np.finfo(precision).dtype
        a, b, c, d = (x.astype(dtype) for x in (a, b, c, d))
    options = {"refusal": refusal} if refusal else {}
    factor = PencilFactor(primal(a), primal(b), primal(c), primal(d), symmetry, **options)
    return _solution(a, b, c, d, q, False, factor=factor)


# The rule.  `factor` holds what the underlying values of A, B, C, D have been factorized into; every order of
# derivative passes it on.  With `adjoint` the equation is Aᴴ X Bᴴ + Cᴴ X Dᴴ = Q.


def _solution_body(
    A: Array, B: Array, C: Array, D: Array, Q: Array, adjoint: bool, factor: PencilFactor
) -> Any:
    X = _solution(A, B, C, D, Q, adjoint, factor=factor)
    S = _Solve((A, B, C, D), adjoint, factor)
    stack = np.shape(X)[:-2]

    def change(left_coefficient: Array, right_coefficient: Array) -> tuple[LinearMap, LinearMap]:
        # −S(dA X B + A X dB), adjoint: −S(dAᴴ X Bᴴ + Aᴴ X dBᴴ)
        shapes = [np.shape(M) for M in (left_coefficient, right_coefficient)]
        if adjoint:
            L, R = adjoint_matrix(left_coefficient), adjoint_matrix(right_coefficient)
            in_left = compose(right(np.matmul(X, R)), conjugate_transpose)
            in_right = compose(left(np.matmul(L, X)), conjugate_transpose)
        else:
            in_left = right(np.matmul(X, right_coefficient))
            in_right = left(np.matmul(left_coefficient, X))
        both = [
            -compose(S, m, Broadcast(shape, (*stack, *shape[-2:])))
            for m, shape in zip((in_left, in_right), shapes, strict=True)
        ]
        return both[0], both[1]

    return X, (*change(A, B), *change(C, D), S)


def _solution_value(
    A: Array, B: Array, C: Array, D: Array, Q: Array, adjoint: bool, factor: PencilFactor
) -> Array:
    return factor.adjoint(Q) if adjoint else factor.solve(Q)


_solution = Rule(_solution_value, _solution_body, "frechet.linalg.solve_generalized_sylvester")


class _Solve(LinearMap):
    """Q ↦ X, the solution operator; its adjoint is that of the adjoint equation."""

    __slots__ = ("adjoint_equation", "coefficients", "factor")

    def __init__(self, coefficients: tuple[Array, ...], adjoint_equation: bool, factor: PencilFactor) -> None:
        self.coefficients = coefficients
        self.adjoint_equation = adjoint_equation
        self.factor = factor

    def push(self, v: Array) -> Array:
        return _solution(*self.coefficients, v, self.adjoint_equation, factor=self.factor)

    def pull(self, w: Array) -> Array:
        return _solution(*self.coefficients, w, not self.adjoint_equation, factor=self.factor)
