"""Lyapunov equations, continuous and discrete."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array, LinearMap, adjoint_matrix, compose, conjugate_transpose, left, right
from ..maps import Broadcast
from ..rule import Rule, primal
from ..transforms import array
from ._schur_factor import SchurFactor


def solve_continuous_lyapunov(a: Array, q: Array) -> Array:
    """The solution X of the continuous Lyapunov equation A X + X Aᴴ = Q, as in SciPy, with derivatives.

    Parameters
    ----------
    a, q : (..., n, n) array
        Real or complex, plain or traced.  Leading axes broadcast.

    Returns
    -------
    (..., n, n) array
        The solution.

    Raises
    ------
    numpy.linalg.LinAlgError
        Where eigenvalues of A have λi + conj(λj) = 0, so that there is no unique solution.
    ValueError
        For wrong shapes, nan and inf.

    Notes
    -----
    One Schur form of A serves the value, the pushforward and the pullback.  With S the map from Q to X:
    dX = S(dQ − dA X − X dAᴴ); its adjoint solves Aᴴ W + W A = G (Kao & Hennequin, arXiv:2011.11430, 2020).

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> A, Q = np.array([[-1.0, 2.0], [0.0, -2.0]]), -np.eye(2)
    >>> fr.linalg.solve_continuous_lyapunov(A, Q)
    array([[0.83333333, 0.16666667],
           [0.16666667, 0.25      ]])
    >>> fr.grad(lambda q: fr.linalg.solve_continuous_lyapunov([[-1.0]], [[q]])[0, 0])(3.0)
    -0.5
    """
    return _solve("lyapunov", a, q)


def solve_discrete_lyapunov(a: Array, q: Array, method: str | None = None) -> Array:
    """The solution X of the discrete Lyapunov (Stein) equation X = A X Aᴴ + Q, as in SciPy, with derivatives.

    Parameters
    ----------
    a, q : (..., n, n) array
        Real or complex, plain or traced.  Leading axes broadcast.
    method : {None, "direct", "bilinear"}, optional
        For SciPy's signature; the way to the solution is chosen by size in any case.

    Returns
    -------
    (..., n, n) array
        The solution.

    Raises
    ------
    numpy.linalg.LinAlgError
        Where eigenvalues of A have λi conj(λj) = 1, so that there is no unique solution.
    ValueError
        For wrong shapes, nan and inf, and an unknown method.

    Notes
    -----
    One Schur form of A serves the value, the pushforward and the pullback.  With S the map from Q to X:
    dX = S(dQ + dA X Aᴴ + A X dAᴴ); its adjoint solves W − Aᴴ W A = G.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> A, Q = np.array([[0.5]]), np.array([[3.0]])
    >>> fr.linalg.solve_discrete_lyapunov(A, Q)
    array([[4.]])
    >>> fr.grad(lambda A: fr.linalg.solve_discrete_lyapunov(A, Q)[0, 0])(A)
    array([[5.33333333]])
    """
    if method not in (None, "direct", "bilinear"):
        raise ValueError(f"solve_discrete_lyapunov: method is 'direct', 'bilinear' or None, got {method!r}")
    return _solve("stein", a, q)


def _solve(equation: str, a: Array, q: Array) -> Array:
    a, q = (array(x) if isinstance(x, (list, tuple)) else x for x in (a, q))
    a_shape, q_shape = np.shape(a), np.shape(q)
    if len(a_shape) < 2 or len(q_shape) < 2 or a_shape[-2:] != q_shape[-2:]:
        raise ValueError(
            f"expected a and q to be square matrices of one size (or stacks), got shapes {a_shape}, {q_shape}"
        )
    shape = np.broadcast_shapes(a_shape, q_shape)
    if q_shape != shape:
        q = np.broadcast_to(q, shape)
    if a_shape != shape[len(shape) - len(a_shape) :]:  # axes of length one in a; those it lacks stay away
        a = np.broadcast_to(a, shape)
    return _solution(a, q, equation, False, factor=SchurFactor(primal(a)))


# The rule.  `factor` is the Schur form of the underlying value of A; every order of derivative passes it on.
# With `adjoint` the equation has Aᴴ in place of A, which the same Schur form solves.


def _solution_body(A: Array, Q: Array, equation: str, adjoint: bool, factor: SchurFactor) -> Any:
    X = _solution(A, Q, equation, adjoint, factor=factor)
    S = _Solve(A, equation, adjoint, factor)
    if equation == "lyapunov":
        # A X + X Aᴴ = Q:  A dX + dX Aᴴ = dQ − (dA X + X dAᴴ).   Aᴴ X + X A = Q:  … = dQ − (dAᴴ X + X dA).
        change = (
            right(X) @ conjugate_transpose + left(X) if adjoint else right(X) + left(X) @ conjugate_transpose
        )
        in_A = -(S @ change)
    elif adjoint:  # X − Aᴴ X A = Q:  dX − Aᴴ dX A = dQ + dAᴴ X A + Aᴴ X dA
        AX, XA = np.matmul(adjoint_matrix(A), X), np.matmul(X, A)
        in_A = S @ (right(XA) @ conjugate_transpose + left(AX))
    else:  # X − A X Aᴴ = Q:  dX − A dX Aᴴ = dQ + dA X Aᴴ + A X dAᴴ
        AX, XA = np.matmul(A, X), np.matmul(X, adjoint_matrix(A))
        in_A = S @ (right(XA) + left(AX) @ conjugate_transpose)
    if A.shape != X.shape:
        in_A = compose(in_A, Broadcast(A.shape, X.shape))
    return X, (in_A, S)


def _solution_value(A: Array, Q: Array, equation: str, adjoint: bool, factor: SchurFactor) -> Array:
    if equation == "lyapunov":
        return factor.lyapunov_adjoint(Q) if adjoint else factor.lyapunov(Q)
    return factor.stein_adjoint(Q) if adjoint else factor.stein(Q)


_solution = Rule(_solution_value, _solution_body, "frechet.linalg.solve_lyapunov")


class _Solve(LinearMap):
    """Q ↦ X, the solution operator of a Lyapunov equation; its adjoint is that of the equation with Aᴴ."""

    __slots__ = ("A", "adjoint_equation", "equation", "factor")

    def __init__(self, A: Array, equation: str, adjoint_equation: bool, factor: SchurFactor) -> None:
        self.A = A
        self.equation = equation
        self.adjoint_equation = adjoint_equation
        self.factor = factor

    def push(self, v: Array) -> Array:
        return _solution(self.A, v, self.equation, self.adjoint_equation, factor=self.factor)

    def pull(self, w: Array) -> Array:
        return _solution(self.A, w, self.equation, not self.adjoint_equation, factor=self.factor)
