"""Lyapunov equations, continuous and discrete."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array, LinearMap, adjoint_matrix, compose, conjugate_transpose, left, right
from ..maps import Broadcast
from ..rule import Rule, primal
from . import _generalized_sylvester
from ._arguments import as_matrix, stack_shape, to_own_stack, to_stack
from ._capability import capability
from ._lyapunov_factor import LyapunovFactor

__all__ = ["solve_continuous_lyapunov", "solve_discrete_lyapunov"]


@capability("eigenvalues of a (of the pencil a, e) with lambda_i + conj(lambda_j) = 0: LinAlgError")
def solve_continuous_lyapunov(a: Array, q: Array, e: Array | None = None) -> Array:
    """The solution X of the continuous Lyapunov equation A X + X Aᴴ = Q, as in SciPy, with derivatives.

    With E, that of the generalized equation A X Eᴴ + E X Aᴴ = Q.

    Parameters
    ----------
    a, q : (..., n, n) array_like
        Real or complex, plain or traced.  Leading axes broadcast.
    e : (..., n, n) array_like, optional
        Likewise; the identity if not given.

    Returns
    -------
    (..., n, n) array
        The solution; exactly Hermitian if Q is.

    Raises
    ------
    numpy.linalg.LinAlgError
        Where eigenvalues of A (generalized ones of A and E) have λi + conj(λj) = 0, or E is singular, to
        working precision, so that there is no unique solution.
    ValueError
        For wrong shapes, nan and inf.

    Warns
    -----
    scipy.linalg.LinAlgWarning
        Where this is so nearly so that fewer than two digits are left.

    Notes
    -----
    One factorization of A serves the value, the pushforward and the pullback.  With S the map from Q to X:
    dX = S(dQ − dA X − X dAᴴ); its adjoint solves Aᴴ W + W A = G, so that a cotangent G of X gives W to Q and
    −(W Xᴴ + Wᴴ X) to A (Kao & Hennequin, arXiv:2011.11430, 2020).  With E, dX = S(dQ − dA X Eᴴ − E X dAᴴ −
    dE X Aᴴ − A X dEᴴ).

    For a matrix whose eigenvalues lie well to one side of the imaginary axis the solution is by a doubling
    iteration of some ten matrix products (Smith, SIAM J. Appl. Math. 16:198, 1968), else by the Schur form
    (Bartels & Stewart, Comm. ACM 15:820, 1972), and with E by the QZ algorithm.  In each case the residual
    A X + X Aᴴ − Q is of the size of rounding in ‖A‖ ‖X‖, which is not quite backward stability (Higham,
    Accuracy and Stability of Numerical Algorithms, 2nd ed., section 16.2).

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
    call = "solve_continuous_lyapunov"
    a, q, e = _arguments(call, a, q, e)
    if e is None:
        return _solve(call, "lyapunov", a, q)
    return _generalized_sylvester.solution(
        call,
        *(a, adjoint_matrix(e), e, adjoint_matrix(a), q),
        symmetry="lyapunov",
        refusal="A X E^H + E X A^H = Q has no unique solution: E is singular, or the pencil A - lambda E has "
        "eigenvalues with lambda_i + conj(lambda_j) = 0, to working precision",
    )


@capability("eigenvalues of a (of the pencil a, e) with lambda_i conj(lambda_j) = 1: LinAlgError")
def solve_discrete_lyapunov(a: Array, q: Array, method: str | None = None, e: Array | None = None) -> Array:
    """The solution X of the discrete Lyapunov (Stein) equation X = A X Aᴴ + Q, as in SciPy, with derivatives.

    With E, that of the generalized equation E X Eᴴ = A X Aᴴ + Q.

    Parameters
    ----------
    a, q : (..., n, n) array_like
        Real or complex, plain or traced.  Leading axes broadcast.
    method : {None, "direct", "bilinear"}, optional
        For SciPy's signature; the way to the solution is chosen by size and spectrum in any case.
    e : (..., n, n) array_like, optional
        As a; the identity if not given.

    Returns
    -------
    (..., n, n) array
        The solution; exactly Hermitian if Q is.

    Raises
    ------
    numpy.linalg.LinAlgError
        Where eigenvalues of A (generalized ones of A and E) have λi conj(λj) = 1 to working precision, so
        that there is no unique solution.
    ValueError
        For wrong shapes, nan and inf, and an unknown method.

    Warns
    -----
    scipy.linalg.LinAlgWarning
        Where this is so nearly so that fewer than two digits are left.

    Notes
    -----
    One factorization of A serves the value, the pushforward and the pullback.  With S the map from Q to X:
    dX = S(dQ + dA X Aᴴ + A X dAᴴ); its adjoint solves W − Aᴴ W A = G, so that a cotangent G of X gives W to Q
    and W A Xᴴ + Wᴴ A X to A.  With E, dX = S(dQ + dA X Aᴴ + A X dAᴴ − dE X Eᴴ − E X dEᴴ).

    For a matrix whose eigenvalues lie well inside the unit circle the solution is by doubling, X ← X + A X
    Aᴴ, A ← A² (Smith, SIAM J. Appl. Math. 16:198, 1968), else by the Schur form and a bilinear
    transformation, with a step of iterative refinement, and with E by the QZ algorithm.  In each case the
    residual X − A X Aᴴ − Q is of the size of rounding in (1 + ‖A‖²) ‖X‖.

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
    call = "solve_discrete_lyapunov"
    if method is not None and str(method).lower() not in ("direct", "bilinear"):
        raise ValueError(f"{call}: method is 'direct', 'bilinear' or None, got {method!r}")
    a, q, e = _arguments(call, a, q, e)
    if e is None:
        return _solve(call, "stein", a, q)
    return _generalized_sylvester.solution(
        call,
        *(e, adjoint_matrix(e), -a, adjoint_matrix(a), q),
        symmetry="stein",
        refusal="E X E^H = A X A^H + Q has no unique solution: the pencil A - lambda E has eigenvalues with "
        "lambda_i * conj(lambda_j) = 1 to working precision",
    )


def _arguments(call: str, a: Array, q: Array, e: Array | None) -> tuple[Array, Array, Array | None]:
    a = as_matrix(a, f"{call}: a", square=True)
    q = as_matrix(q, f"{call}: q", square=True)
    e = None if e is None else as_matrix(e, f"{call}: e", square=True)
    sizes = {x.shape[-1] for x in (a, q, e) if x is not None}
    if len(sizes) > 1:
        shapes = " and ".join(str(x.shape) for x in (a, q, e) if x is not None)
        raise ValueError(f"{call}: the matrices must have one size, got shapes {shapes}")
    return a, q, e


def _solve(call: str, equation: str, a: Array, q: Array) -> Array:
    stack = stack_shape(call, a, q)
    q = to_stack(q, stack)
    a = to_own_stack(a, stack)
    if np.finfo(q.dtype).eps < np.finfo(a.dtype).eps:  # the better precision of the two; real stays real
        a = a.astype("D" if a.dtype.kind == "c" else "d")
    return _solution(a, q, equation, False, factor=LyapunovFactor(primal(a)))


# The rule.  `factor` is the Schur form of the underlying value of A; every order of derivative passes it on.
# With `adjoint` the equation has Aᴴ in place of A, which the same Schur form solves.


def _solution_body(A: Array, Q: Array, equation: str, adjoint: bool, factor: LyapunovFactor) -> Any:
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


def _solution_value(A: Array, Q: Array, equation: str, adjoint: bool, factor: LyapunovFactor) -> Array:
    if equation == "lyapunov":
        return factor.lyapunov_adjoint(Q) if adjoint else factor.lyapunov(Q)
    return factor.stein_adjoint(Q) if adjoint else factor.stein(Q)


_solution = Rule(_solution_value, _solution_body, "frechet.linalg.solve_lyapunov")


class _Solve(LinearMap):
    """Q ↦ X, the solution operator of a Lyapunov equation; its adjoint is that of the equation with Aᴴ."""

    __slots__ = ("A", "adjoint_equation", "equation", "factor")

    def __init__(self, A: Array, equation: str, adjoint_equation: bool, factor: LyapunovFactor) -> None:
        self.A = A
        self.equation = equation
        self.adjoint_equation = adjoint_equation
        self.factor = factor

    def push(self, v: Array) -> Array:
        return _solution(self.A, v, self.equation, self.adjoint_equation, factor=self.factor)

    def pull(self, w: Array) -> Array:
        return _solution(self.A, w, self.equation, not self.adjoint_equation, factor=self.factor)
