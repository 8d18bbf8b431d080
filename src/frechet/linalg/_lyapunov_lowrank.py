"""Lyapunov equations solved for the Cholesky factor of the solution."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import NotDifferentiableError
from ..linear_map import Array, adjoint_matrix, compose, conjugate_transpose, left, linear, right
from ..maps import Broadcast
from ..rule import Rule, primal
from ..rules.linalg_factorizations import CholeskyMap, hermitian_part_map
from . import _lyapunov
from ._arguments import as_matrix, same_dtype, stack_shape, to_own_stack, to_stack
from ._capability import capability
from ._hammarling import hammarling
from ._lyapunov_factor import LyapunovFactor

__all__ = ["solve_continuous_lyapunov_factor", "solve_discrete_lyapunov_factor"]

_SINGULAR = "where X is singular: NotDifferentiableError; a not stable: LinAlgError"


@capability(_SINGULAR)
def solve_continuous_lyapunov_factor(a: Array, b: Array, *, rank_tol: float | None = None) -> Array:
    """The Cholesky factor L of the solution X = L Lᴴ of A X + X Aᴴ + B Bᴴ = 0, with derivatives.

    X, the controllability Gramian of the pair (A, B), is computed as its factor only, so that it is positive
    semidefinite and small eigenvalues keep digits that X itself would lose.

    Parameters
    ----------
    a : (..., n, n) array_like
        Real or complex, plain or traced; with all eigenvalues in the open left half plane.
    b : (..., n, k) array_like
        Likewise, with any number k of columns.  Leading axes broadcast.
    rank_tol : float, optional
        How small the smallest entry on the diagonal of L may be beside the norm of L before X counts as
        singular, where a derivative is asked for; by default n times the rounding error.

    Returns
    -------
    (..., n, n) array
        L, lower triangular with a diagonal ≥ 0.

    Raises
    ------
    numpy.linalg.LinAlgError
        Where A is not stable, to working precision.
    frechet.errors.NotDifferentiableError
        Where X is singular to working precision (B does not reach all of the states of A) and a derivative is
        asked for: L has none there.  X has: differentiate ``solve_continuous_lyapunov(a, -b @ b^H)``.
    ValueError
        For wrong shapes, nan and inf.

    Notes
    -----
    Hammarling's method on a complex Schur form (IMA J. Numer. Anal. 2:303, 1982), backward stable as
    the Schur form is; about 100 n³ operations.  The derivative is that of X, dX = −S(dA X + X dAᴴ + dB Bᴴ +
    B dBᴴ) with the solution operator S of the Lyapunov equation, followed by that of a Cholesky factor, dL =
    L Φ(L⁻¹ dX L⁻ᴴ), where Φ keeps the lower triangle and halves the diagonal (Murray, arXiv:1602.07527).  It
    asks for X to be well-conditioned.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> A, B = np.array([[-1.0, 1.0], [0.0, -2.0]]), np.array([[0.0], [2.0]])
    >>> L = fr.linalg.solve_continuous_lyapunov_factor(A, B)
    >>> X = L @ L.T
    >>> np.allclose(A @ X + X @ A.T + B @ B.T, 0)
    True
    >>> fr.grad(lambda b: fr.linalg.solve_continuous_lyapunov_factor([[-2.0]], [[b]])[0, 0])(1.0)
    0.5
    """
    return _factor("solve_continuous_lyapunov_factor", "lyapunov", a, b, rank_tol)


@capability(_SINGULAR)
def solve_discrete_lyapunov_factor(a: Array, b: Array, *, rank_tol: float | None = None) -> Array:
    """The Cholesky factor L of the solution X = L Lᴴ of X = A X Aᴴ + B Bᴴ, with derivatives.

    X, the controllability Gramian of the pair (A, B), or the stationary covariance of x ↦ A x + B ε, is
    computed as its factor only, so that it is positive semidefinite and small eigenvalues keep digits that X
    itself would lose.

    Parameters
    ----------
    a : (..., n, n) array_like
        Real or complex, plain or traced; with all eigenvalues of modulus below one.
    b : (..., n, k) array_like
        Likewise, with any number k of columns.  Leading axes broadcast.
    rank_tol : float, optional
        How small the smallest entry on the diagonal of L may be beside the norm of L before X counts as
        singular, where a derivative is asked for; by default n times the rounding error.

    Returns
    -------
    (..., n, n) array
        L, lower triangular with a diagonal ≥ 0.

    Raises
    ------
    numpy.linalg.LinAlgError
        Where A is not stable, to working precision.
    frechet.errors.NotDifferentiableError
        Where X is singular to working precision (B does not reach all of the states of A) and a derivative is
        asked for: L has none there.  X has: differentiate ``solve_discrete_lyapunov(a, b @ b^H)``.
    ValueError
        For wrong shapes, nan and inf.

    Notes
    -----
    As for `solve_continuous_lyapunov_factor`, with dX = S(dA X Aᴴ + A X dAᴴ + dB Bᴴ + B dBᴴ).

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> A, B = np.array([[0.5, 1.0], [0.0, 0.5]]), np.array([[0.0], [3.0]])
    >>> L = fr.linalg.solve_discrete_lyapunov_factor(A, B)
    >>> X = L @ L.T
    >>> np.allclose(X, A @ X @ A.T + B @ B.T)
    True
    >>> fr.grad(lambda b: fr.linalg.solve_discrete_lyapunov_factor([[0.6]], [[b]])[0, 0])(1.0)
    1.25
    """
    return _factor("solve_discrete_lyapunov_factor", "stein", a, b, rank_tol)


def _factor(call: str, equation: str, a: Array, b: Array, rank_tol: float | None) -> Array:
    a = as_matrix(a, f"{call}: a", square=True)
    b = as_matrix(b, f"{call}: b")
    if np.shape(b)[-2] != np.shape(a)[-1]:
        raise ValueError(f"{call}: b must have as many rows as a, got shapes {np.shape(a)} and {np.shape(b)}")
    a, b = same_dtype(a, b)
    stack = stack_shape(call, a, b)
    return _rule(to_own_stack(a, stack), to_stack(b, stack), call, equation, rank_tol)


def _value(A: Array, B: Array, call: str, equation: str, rank_tol: float | None) -> Array:
    stack, n = B.shape[:-2], B.shape[-2]
    L = np.empty((*stack, n, n), A.dtype)
    A = np.broadcast_to(A, L.shape)
    for at in np.ndindex(stack):
        L[at] = hammarling(A[at], B[at], equation)
    return L


def _body(A: Array, B: Array, call: str, equation: str, rank_tol: float | None) -> Any:
    L = _rule(A, B, call, equation, rank_tol)
    _require_regular(primal(L), call, equation, rank_tol)
    X = np.matmul(L, adjoint_matrix(L))
    dL, dX = CholeskyMap(L), _lyapunov._Solve(A, equation, False, LyapunovFactor(primal(A)))
    from_change = linear(  # one object, so that A and B share its adjoint
        lambda v: dL.push(dX.push(v)), lambda w: dX.pull(hermitian_part_map.pull(dL.pull(w)))
    )
    BH = adjoint_matrix(B)
    in_B = compose(from_change, right(BH) + left(B) @ conjugate_transpose)
    if equation == "lyapunov":  # A dX + dX Aᴴ = −(dA X + X dAᴴ + dB Bᴴ + B dBᴴ)
        in_A, in_B = -compose(from_change, right(X) + left(X) @ conjugate_transpose), -in_B
    else:  # dX − A dX Aᴴ = dA X Aᴴ + A X dAᴴ + dB Bᴴ + B dBᴴ
        AX = np.matmul(A, X)
        in_A = compose(from_change, right(adjoint_matrix(AX)) + left(AX) @ conjugate_transpose)
    if np.shape(A) != np.shape(X):
        in_A = compose(in_A, Broadcast(np.shape(A), np.shape(X)))
    return L, (in_A, in_B)


_rule = Rule(_value, _body, "frechet.linalg.solve_lyapunov_factor")


def _require_regular(L: Array, call: str, equation: str, rank_tol: float | None) -> None:
    tolerance = L.shape[-1] * float(np.finfo(L.dtype).eps) if rank_tol is None else rank_tol
    smallest = np.abs(L.diagonal(axis1=-2, axis2=-1)).min(-1, initial=np.inf)
    if (smallest <= tolerance * np.linalg.norm(L, axis=(-2, -1))).any():
        x = call.removesuffix("_factor") + ("(a, -b @ b^H)" if equation == "lyapunov" else "(a, b @ b^H)")
        raise NotDifferentiableError(
            f"fr.linalg.{call}: X is singular to working precision (b does not reach all states of a), and "
            f"its Cholesky factor has no derivative there. X itself has: differentiate fr.linalg.{x}"
        )
