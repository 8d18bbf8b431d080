"""The Sylvester equation."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array, LinearMap, compose, conjugate_transpose, left, right
from ..maps import Broadcast
from ..rule import Rule, primal
from ._arguments import as_matrix, same_dtype, stack_shape, to_own_stack, to_stack
from ._capability import capability
from ._sylvester_factor import SylvesterFactor

__all__ = ["solve_sylvester"]


@capability("a and -b share an eigenvalue: LinAlgError")
def solve_sylvester(a: Array, b: Array, q: Array) -> Array:
    """The solution X of the Sylvester equation A X + X B = Q, as in SciPy, with derivatives.

    Parameters
    ----------
    a : (..., m, m) array_like
        Real or complex, plain or traced.
    b : (..., n, n) array_like
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
        Where A and −B share an eigenvalue to working precision, so that there is no unique solution.
    ValueError
        For wrong shapes, nan and inf.

    Warns
    -----
    scipy.linalg.LinAlgWarning
        Where A and −B so nearly share an eigenvalue that fewer than two digits are left.

    Notes
    -----
    One factorization of A and B serves the value, the pushforward and the pullback.  With S the map from Q to
    X: dX = S(dQ − dA X − X dB).  Its adjoint solves Aᴴ W + W Bᴴ = G, so that a cotangent G of X gives W to Q,
    −W Xᴴ to A and −Xᴴ W to B (Kao & Hennequin, arXiv:2011.11430, 2020).

    The solution is by Schur forms (Bartels & Stewart, Comm. ACM 15:820, 1972), or, where the eigenvalues of A
    and of −B lie on two sides of a line Re λ = c, by a doubling iteration of some ten matrix products (Smith,
    SIAM J. Appl. Math. 16:198, 1968).  Either way the residual A X + X B − Q is of the size of rounding in
    (‖A‖ + ‖B‖) ‖X‖, which is not quite backward stability (Higham, Accuracy and Stability of Numerical
    Algorithms, 2nd ed., section 16.2).

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> A, B = np.array([[1.0, 5.0], [0.0, 2.0]]), np.array([[3.0]])
    >>> fr.linalg.solve_sylvester(A, B, np.array([[9.0], [5.0]]))
    array([[1.],
           [1.]])
    >>> fr.grad(lambda b: fr.linalg.solve_sylvester([[1.0]], [[b]], [[8.0]])[0, 0])(3.0)
    -0.5
    """
    a = as_matrix(a, "solve_sylvester: a", square=True)
    b = as_matrix(b, "solve_sylvester: b", square=True)
    q = as_matrix(q, "solve_sylvester: q")
    if q.shape[-2:] != (a.shape[-1], b.shape[-1]):
        raise ValueError(
            f"solve_sylvester: q must have as many rows as a and as many columns as b, got shapes "
            f"{a.shape}, {b.shape} and {q.shape}"
        )
    a, b = same_dtype(a, b)
    stack = stack_shape("solve_sylvester", a, b, q)
    a, b, q = to_own_stack(a, stack), to_own_stack(b, stack), to_stack(q, stack)
    dtype = np.result_type(a.dtype, q.dtype)
    if np.finfo(dtype).eps != np.finfo(a.dtype).eps:  # the better precision of the two; real stays real
        a, b = (x.astype(dtype if x.dtype.kind == "c" else dtype.type(0).real.dtype) for x in (a, b))
    return _solution(a, b, q, False, factor=SylvesterFactor(primal(a), primal(b)))


# The rule.  `factor` holds what the underlying values of A and B have been factorized into; every order of
# derivative passes it on.  With `adjoint` the equation is Aᴴ X + X Bᴴ = Q.


def _solution_body(A: Array, B: Array, Q: Array, adjoint: bool, factor: SylvesterFactor) -> Any:
    X = _solution(A, B, Q, adjoint, factor=factor)
    S = _Solve(A, B, adjoint, factor)
    # A X + X B = Q:  A dX + dX B = dQ − dA X − X dB.
    in_A, in_B = right(X), left(X)
    if adjoint:
        in_A, in_B = compose(in_A, conjugate_transpose), compose(in_B, conjugate_transpose)
    stack = np.shape(X)[:-2]
    return X, (
        -compose(S, in_A, _to_stack(A, stack)),
        -compose(S, in_B, _to_stack(B, stack)),
        S,
    )


def _to_stack(A: Array, stack: tuple[int, ...]) -> LinearMap:
    shape = np.shape(A)
    return Broadcast(shape, (*stack, *shape[-2:]))


def _solution_value(A: Array, B: Array, Q: Array, adjoint: bool, factor: SylvesterFactor) -> Array:
    return factor.adjoint(Q) if adjoint else factor.solve(Q)


_solution = Rule(_solution_value, _solution_body, "frechet.linalg.solve_sylvester")


class _Solve(LinearMap):
    """Q ↦ X, the solution operator of a Sylvester equation; its adjoint is that of the adjoint equation."""

    __slots__ = ("A", "B", "adjoint_equation", "factor")

    def __init__(self, A: Array, B: Array, adjoint_equation: bool, factor: SylvesterFactor) -> None:
        self.A, self.B = A, B
        self.adjoint_equation = adjoint_equation
        self.factor = factor

    def push(self, v: Array) -> Array:
        return _solution(self.A, self.B, v, self.adjoint_equation, factor=self.factor)

    def pull(self, w: Array) -> Array:
        return _solution(self.A, self.B, w, not self.adjoint_equation, factor=self.factor)
