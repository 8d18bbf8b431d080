"""The polar decomposition, and the orthogonal Procrustes problem that it solves."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import NotDifferentiableError
from ..linear_map import Array, LinearMap, adjoint_matrix, compose, left, right
from ..maps import Broadcast
from ..rule import Rule, primal
from ..rules.linalg_gaps import certainly_zero
from ._arguments import as_matrix, require_finite, same_dtype, stack_shape, to_stack
from ._capability import capability

__all__ = ["orthogonal_procrustes", "polar"]


@capability("the matrix does not have full rank: NotDifferentiableError")
def polar(a: Array, side: str = "right", *, rank_tol: float | None = None) -> tuple[Array, Array]:
    """The polar decomposition A = U P, or A = P U, as scipy.linalg.polar.

    Parameters
    ----------
    a : (..., m, n) array_like
        Real or complex, plain or traced.
    side : {"right", "left"}, optional
        The side on which P stands.
    rank_tol : float, optional
        A singular value counts as zero where it is at most this times the largest; by default max(m, n)·eps.
        Used where a derivative is asked for.

    Returns
    -------
    u : (..., m, n) array
        With orthonormal columns (m ≥ n) or rows (m ≤ n).
    p : (..., n, n) or (..., m, m) array
        Hermitian positive semidefinite.

    Raises
    ------
    NotDifferentiableError
        Where a derivative is asked for at a matrix without full rank: U is then not determined, and P folds
        over as the absolute value of a number does at zero.
    ValueError
        For another side, fewer than two axes, nan and inf.

    Notes
    -----
    For m ≥ n, with B = Uᴴ dA:  dP solves P dP + dP P = P B + Bᴴ P, Ω = Uᴴ dU solves Ω P + P Ω = B − Bᴴ, and
    dU = U Ω + (I − U Uᴴ) dA P⁻¹.  In the basis of eigenvectors of P these divide by sums of singular values,
    never by differences: equal and nearly equal singular values do no harm, and dP is never larger than √2
    times dA (Higham, Functions of Matrices, chapter 8).  One singular value decomposition serves the value
    and all derivatives.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> U, P = fr.linalg.polar(np.array([[0.0, 2.0], [1.0, 0.0]]))
    >>> np.allclose(U, [[0, 1], [1, 0]]), np.allclose(P, [[1, 0], [0, 2]])
    (True, True)
    >>> fr.grad(lambda t: fr.linalg.polar([[1.0, -t], [t, 1.0]])[0][0, 1])(0.0)
    -1.0
    """
    if side not in ("right", "left"):
        raise ValueError(f"polar: side is 'right' or 'left', got {side!r}")
    a = as_matrix(a, "polar: a")
    m, n = np.shape(a)[-2:]
    if m >= n:
        U, P = _polar(a, factor=PolarFactor(primal(a), rank_tol, "polar"))
        return (U, P) if side == "right" else (U, _congruence(U, P))
    tall = adjoint_matrix(a)
    V, P = _polar(tall, factor=PolarFactor(primal(tall), rank_tol, "polar"))
    return adjoint_matrix(V), P if side == "left" else _congruence(V, P)


def _congruence(U: Array, P: Array) -> Array:
    return np.matmul(np.matmul(U, P), adjoint_matrix(U))


@capability("Aᴴ B does not have full rank: NotDifferentiableError")
def orthogonal_procrustes(
    A: Array, B: Array, check_finite: bool = True, *, rank_tol: float | None = None
) -> tuple[Array, Array]:
    """The unitary R for which A R is closest to B, as scipy.linalg.orthogonal_procrustes.

    Parameters
    ----------
    A, B : (..., m, n) array_like
        Real or complex, plain or traced; leading axes broadcast.
    check_finite : bool, optional
        Whether nan and inf are refused.
    rank_tol : float, optional
        A singular value of Aᴴ B counts as zero where it is at most this times the largest; by default n·eps.
        Used where a derivative is asked for.

    Returns
    -------
    R : (..., n, n) array
        Unitary.
    scale : (...) array
        The sum of the singular values of Aᴴ B.

    Raises
    ------
    NotDifferentiableError
        Where a derivative is asked for and Aᴴ B is singular: R is then not determined.  For scale alone use
        the nuclear norm, np.linalg.norm(A.conj().T @ B, "nuc").
    ValueError
        For shapes that differ, nan and inf.

    Notes
    -----
    R is the unitary factor of the polar decomposition Aᴴ B = R P, and scale the trace of P: see `polar`.

    Examples
    --------
    >>> import numpy as np
    >>> R, scale = orthogonal_procrustes(np.eye(2), np.array([[0.0, -2.0], [3.0, 0.0]]))
    >>> np.allclose(R, [[0, -1], [1, 0]]), np.allclose(scale, 5)
    (True, True)
    """
    A = as_matrix(A, "orthogonal_procrustes: A", check_finite=check_finite)
    B = as_matrix(B, "orthogonal_procrustes: B", check_finite=check_finite)
    if np.shape(A)[-2:] != np.shape(B)[-2:]:
        raise ValueError(
            f"orthogonal_procrustes: A and B must have one shape, got {np.shape(A)} and {np.shape(B)}"
        )
    A, B = same_dtype(A, B)
    stack = stack_shape("orthogonal_procrustes", A, B)
    if not np.size(A):
        A, B = primal(A), primal(B)  # without rows there is nothing to vary
    M = np.matmul(adjoint_matrix(to_stack(A, stack)), to_stack(B, stack))
    require_finite(M, "orthogonal_procrustes: the product of A and B")
    R, P = _polar(M, factor=PolarFactor(primal(M), rank_tol, "orthogonal_procrustes"))
    return R, np.real(np.trace(P, axis1=-2, axis2=-1))


class PolarFactor:
    """The singular value decomposition of a plain matrix of full column rank, or of each of a stack.

    Attributes
    ----------
    U, P : arrays
        The polar factors.
    V, s : arrays
        Eigenvectors and eigenvalues of P: columns, and in descending order.
    """

    def __init__(self, a: Array, rank_tol: float | None, call: str) -> None:
        self.call = call
        W, self.s, Vh = np.linalg.svd(a, full_matrices=False)
        self.V = adjoint_matrix(Vh)
        self.U = np.matmul(W, Vh)
        P = np.matmul(self.V * self.s[..., None, :], Vh)
        self.P = (P + adjoint_matrix(P)) / 2
        eps = np.finfo(self.s.dtype).eps
        self.rank_tol = max(a.shape[-2:]) * eps if rank_tol is None else rank_tol

    def require_full_rank(self) -> None:
        """Raise where a singular value is zero."""
        s = self.s
        if np.any(s <= self.rank_tol * np.max(s, axis=-1, initial=0)[..., None]):
            raise NotDifferentiableError(
                f"fr.linalg.{self.call} of a matrix without full rank has no derivative: the unitary factor "
                "is not determined, and the other one folds over like |x| at 0. For the sum of the singular "
                "values use np.linalg.norm(a, 'nuc'), whose subgradient is documented; for P² use aᴴ a"
            )

    def divide(self, K: Array, weighted: bool) -> Array:
        """X with P X + X P = K, or P X of it: in the basis V entry (i, j) over sᵢ + sⱼ, or times sᵢ."""
        s = self.s
        rows, columns = s[..., :, None], s[..., None, :]
        quotient = rows / (rows + columns) if weighted else 1 / (rows + columns)
        V, Vh = self.V, adjoint_matrix(self.V)
        return V @ ((Vh @ K @ V) * quotient) @ Vh


def _polar_body(a: Array, factor: PolarFactor) -> Any:
    factor.require_full_rank()
    U, P = _polar(a, factor=factor)
    return (U, P), PolarMap(U, P, factor)


_polar = Rule(lambda a, factor: (factor.U.copy(), factor.P.copy()), _polar_body, "frechet.linalg.polar")


class PolarMap(LinearMap):
    """The tangents of U and P, m ≥ n, and the adjoint.

    With S the solution operator of P X + X P = K and T = P S, both self-adjoint:  dP = T(B) + T(B)ᴴ,
    Ω = S(B − Bᴴ), dU = U Ω + (dA − U B) P⁻¹, B = Uᴴ dA.
    """

    __slots__ = ("P", "U", "factor")

    def __init__(self, U: Array, P: Array, factor: PolarFactor) -> None:
        self.U, self.P = U, P
        self.factor = factor

    def _over_p(self, X: Array) -> Array:
        """X P⁻¹."""
        return adjoint_matrix(np.linalg.solve(self.P, adjoint_matrix(X)))

    def push(self, v: Array) -> Any:
        U, P, factor = self.U, self.P, self.factor
        B = np.matmul(adjoint_matrix(U), v)
        half = _divided(P, B, True, factor=factor)
        dU = np.matmul(U, _divided(P, B - adjoint_matrix(B), False, factor=factor))
        if np.shape(U)[-2] > np.shape(U)[-1]:
            dU = dU + self._over_p(v - np.matmul(U, B))
        return dU, half + adjoint_matrix(half)

    def pull(self, w: Any) -> Array:
        U, P, factor = self.U, self.P, self.factor
        wU, wP = w
        B = _divided(P, wP + adjoint_matrix(wP), True, factor=factor)
        if certainly_zero(wU):
            return np.matmul(U, B)
        M = np.matmul(adjoint_matrix(U), wU)
        g = np.matmul(U, B + _divided(P, M - adjoint_matrix(M), False, factor=factor))
        if np.shape(U)[-2] > np.shape(U)[-1]:
            g = g + self._over_p(wU - np.matmul(U, M))
        return g


# S (weighted=False) and T (weighted=True) as rules in P and in K.  From P X + X P = K follows
# dX = S(dK − dP X − X dP), and for Y = P X: dY = dP X + T(dK − dP X − X dP).


def _divided_value(P: Array, K: Array, weighted: bool, factor: PolarFactor) -> Array:
    return factor.divide(K, weighted)


def _divided_body(P: Array, K: Array, weighted: bool, factor: PolarFactor) -> Any:
    Y = _divided(P, K, weighted, factor=factor)
    X = _divided(P, K, False, factor=factor) if weighted else Y
    in_K = _InK(P, weighted, factor)
    in_P = -compose(in_K, right(X) + left(X))
    if weighted:
        in_P = right(X) + in_P
    if np.shape(P) != np.shape(X):
        in_P = compose(in_P, Broadcast(np.shape(P), np.shape(X)))
    return Y, (in_P, in_K)


_divided = Rule(_divided_value, _divided_body, "frechet.linalg.polar")


class _InK(LinearMap):
    """K ↦ S(K) or T(K), both self-adjoint."""

    __slots__ = ("P", "factor", "weighted")

    def __init__(self, P: Array, weighted: bool, factor: PolarFactor) -> None:
        self.P = P
        self.weighted = weighted
        self.factor = factor

    def push(self, v: Array) -> Array:
        return _divided(self.P, v, self.weighted, factor=self.factor)

    def pull(self, w: Array) -> Array:
        return self.push(w)
