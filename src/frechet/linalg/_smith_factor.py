"""Sylvester, Lyapunov and Stein equations of stable matrices by doubling, in matrix products alone.

The equation X − A X B = Q of two matrices whose spectral radii have a product below one has X = Σ Aᵏ Q Bᵏ.
The squared Smith iteration doubles the number of its terms with every step,

    X ← X + A_k X B_k,    A_(k+1) = A_k²,    B_(k+1) = B_k²,    from X = Q, A_0 = A and B_0 = B,

until ‖A_k‖² ‖B_k‖² is negligible: for B = Aᴴ some seven steps for a spectral radius of 0.7, eleven for 0.98.
The powers do not depend on Q.  They are computed once and serve any number of solutions, and the adjoint
equation as well: Y ← Y + A_kᴴ Y B_kᴴ.  At the speed of matrix products, all this costs much less than a Schur
form.

The equation A X + X B = Q of matrices with eigenvalues in the open left half plane is such an equation for
the Cayley transforms C = (A + σI) P⁻¹ = I + 2σ P⁻¹ and D = I + 2σ R⁻¹, P = A − σI, R = B − σI, σ > 0, with
the right side −2σ P⁻¹ Q R⁻¹, because (A + σI) X (B + σI) − P X R = 2σ (A X + X B).  With σ the geometric
mean of the moduli of the eigenvalues, |det A|^(1/n) for B = Aᴴ, the spectral radii are low.  Matrices with
eigenvalues in the right half plane have −A, −B and −Q in the place of A, B and Q.

Whether the matrices are stable shows in the norms of the powers; where they do not fall fast enough, doubling
is given up after a few products.  What a solution is worth shows in its residual, which is estimated from its
products with a few random vectors.  Where it is larger than that of a solution by Schur forms, one step of
iterative refinement is taken, and if that does not do, there is no solution by doubling.

R. A. Smith, SIAM J. Appl. Math. 16:198 (1968); V. Simoncini, SIAM Review 58:377 (2016), section 5.
"""

from __future__ import annotations

import math
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError
from numpy.typing import NDArray

from ..linear_map import adjoint_matrix
from ..rules.linalg_factors import factorized
from ._matrix_equation import norms

__all__ = ["Cayley", "Smith", "lyapunov_doubling", "stein_doubling", "sylvester_doubling"]

Array = NDArray[Any]

_PATIENCE = 4  # doublings before slow decay counts: the norms of a matrix far from normal may rise at first
_PROBES = 4  # random vectors for the norm of a residual
_SLACK = 2  # times √n times the rounding error: the residuals of solutions by Schur forms are larger


def stein_doubling(A: Array) -> Smith | None:
    """The powers with which X − A X Aᴴ = Q is solved; None where that is slow.

    Parameters
    ----------
    A : (..., n, n) ndarray
        float32, float64, complex64 or complex128, finite; leading axes are a stack of matrices.

    Notes
    -----
    None means that A is not stable, or so near to unstable that the Schur form is the cheaper way.  A Schur
    form costs as much as 60 matrix products at n = 200, 30 at n = 500 and 20 at n = 1000; a doubling costs
    three for the value, and two for each further right side.
    """
    powers = _powers(A, None)
    return None if powers is None else Smith(A, adjoint_matrix(A), powers[0], None)


def lyapunov_doubling(A: Array) -> Cayley | None:
    """The powers with which A X + X Aᴴ = Q is solved; None where that is slow: see `stein_doubling`."""
    n = A.shape[-1]
    sign = _side(_trace(A) / n, A)
    if not sign:
        return None
    with np.errstate(all="ignore"):
        sigma = sign * np.exp(factorized(A).slogdet[1] / n)
    transform = _cayley(A, sigma)
    powers = None if transform is None else _powers(transform[0], None)
    if transform is None or powers is None:
        return None
    return Cayley(A, adjoint_matrix(A), powers[0], None, transform[1], None, sigma)


def sylvester_doubling(A: Array, B: Array) -> Cayley | None:
    """The powers with which A X + X B = Q is solved; None where that is slow: see `stein_doubling`.

    The equation is that of A + cI and B − cI for every number c: the one that makes the means of their
    eigenvalues equal is taken.
    """
    m, n = A.shape[-1], B.shape[-1]
    means = _trace(A) / m, _trace(B) / n
    middle = (means[0] + means[1]) / 2
    c = ((means[1] - means[0]) / 2)[..., None, None]
    shifted = A + c * np.eye(m, dtype=A.dtype), B - c * np.eye(n, dtype=A.dtype)
    sign = _side(middle, *shifted)
    if not sign:
        return None
    with np.errstate(all="ignore"):
        sizes = [factorized(M).slogdet[1] / M.shape[-1] for M in shifted]
        sigma = sign * np.exp((sizes[0] + sizes[1]) / 2)
    left, right = _cayley(shifted[0], sigma), _cayley(shifted[1], sigma)
    powers = None if left is None or right is None else _powers(left[0], right[0])
    if left is None or right is None or powers is None:
        return None
    return Cayley(A, B, powers[0], powers[1], left[1], right[1], sigma)


class Smith:
    """The equation X − A X B = Q, by the powers A^(2^k) and B^(2^k).

    Parameters
    ----------
    A, B : (..., m, m) and (..., n, n) ndarray
        The coefficients.
    left, right : list of ndarray
        The powers of A and of B; None for the adjoints of those of A.
    """

    def __init__(self, A: Array, B: Array, left: list[Array], right: list[Array] | None) -> None:
        self.A, self.B, self.left = A, B, left
        self.right = [adjoint_matrix(power) for power in left] if right is None else right
        self._own_right = right is not None

    def solve(self, Q: Array, adjoint: bool = False) -> Array | None:
        """X for right sides (..., m, n); None if its residual is larger than rounding.

        With ``adjoint``, the solution of X − Aᴴ X Bᴴ = Q.
        """
        with np.errstate(all="ignore"):
            X = self._apply(Q, adjoint)
            if self._accurate(X, Q, adjoint):
                return X
            A, B = self._coefficients(adjoint)
            X += self._apply(Q - self._left_side(A, X, B), adjoint)
            return X if self._accurate(X, Q, adjoint) else None

    @cached_property
    def _adjoint_powers(self) -> tuple[list[Array], list[Array]]:
        if not self._own_right:
            return self.right, self.left
        return [adjoint_matrix(P) for P in self.left], [adjoint_matrix(P) for P in self.right]

    def _coefficients(self, adjoint: bool) -> tuple[Array, Array]:
        return (adjoint_matrix(self.A), adjoint_matrix(self.B)) if adjoint else (self.A, self.B)

    def _apply(self, Q: Array, adjoint: bool) -> Array:
        """The solution by the powers."""
        X = np.array(Q)
        product, term = np.empty_like(X), np.empty_like(X)
        powers = self._adjoint_powers if adjoint else (self.left, self.right)
        for left, right in zip(*powers, strict=True):
            X += np.matmul(np.matmul(left, X, out=product), right, out=term)
        return X

    def _left_side(self, A: Array, X: Array, B: Array) -> Array:
        return np.asarray(X - A @ X @ B)

    def _left_side_times(self, A: Array, X: Array, B: Array, V: Array) -> Array:
        return np.asarray(X @ V - A @ (X @ (B @ V)))

    @cached_property
    def _norm(self) -> Array:
        """Lower bounds of the norms of the maps from X to the left side, by those of A and B."""
        return np.asarray(1 + _root_mean_square(self.A) * _root_mean_square(self.B))

    def _accurate(self, X: Array, Q: Array, adjoint: bool) -> bool:
        # For V with independent entries of variance one, E‖R V‖² = k ‖R‖², k the number of its columns.
        n = X.shape[-1]
        V = _probes(n, X.dtype.char)
        A, B = self._coefficients(adjoint)
        R = Q @ V - self._left_side_times(A, X, B, V)
        terms = norms(Q) + self._norm * norms(X)
        allowed = _SLACK * math.sqrt(n * _PROBES) * float(np.finfo(X.dtype).eps)
        return bool((norms(R) <= allowed * terms).all())


class Cayley(Smith):
    """The equation A X + X B = Q, by the powers of Cayley transforms.

    Parameters
    ----------
    A, B, left, right
        As for `Smith`, with the powers of the transforms.
    P, R : ndarray
        The inverses P⁻¹ and R⁻¹ of the shifted matrices; None for the adjoint of P⁻¹.
    sigma : ndarray
        The shifts.
    """

    def __init__(
        self,
        A: Array,
        B: Array,
        left: list[Array],
        right: list[Array] | None,
        P: Array,
        R: Array | None,
        sigma: Array,
    ) -> None:
        super().__init__(A, B, left, right)
        # −2σ P⁻¹ and R⁻¹: in this order nothing overflows before the solution does
        self.P = P * np.asarray(-2 * sigma, A.dtype)[..., None, None]
        self.R = adjoint_matrix(P) if R is None else R

    def _apply(self, Q: Array, adjoint: bool) -> Array:
        # The adjoint of Q ↦ −2σ S(P⁻¹ Q R⁻¹) is G ↦ −2σ P⁻ᴴ S*(G) R⁻ᴴ.
        if adjoint:
            return np.asarray(adjoint_matrix(self.P) @ super()._apply(Q, adjoint) @ adjoint_matrix(self.R))
        return super()._apply(self.P @ Q @ self.R, adjoint)

    def _left_side(self, A: Array, X: Array, B: Array) -> Array:
        return np.asarray(A @ X + X @ B)

    def _left_side_times(self, A: Array, X: Array, B: Array, V: Array) -> Array:
        return np.asarray(A @ (X @ V) + X @ (B @ V))

    @cached_property
    def _norm(self) -> Array:
        return np.asarray(_root_mean_square(self.A) + _root_mean_square(self.B))


def _side(mean: Array, *matrices: Array) -> float:
    """The sign of σ for a mean eigenvalue: 1 on the left of the imaginary axis, −1 on the right, 0 near it.

    Where the mean is less than a tenth of the root mean square of the singular values, the eigenvalues lie on
    both sides, or so near to the axis that doubling is slow.
    """
    away = np.abs(mean.real) >= 0.1 * np.max([_root_mean_square(A) for A in matrices], axis=0)
    if not away.all():
        return 0.0
    return 1.0 if (mean.real < 0).all() else -1.0 if (mean.real > 0).all() else 0.0


def _cayley(A: Array, sigma: Array) -> tuple[Array, Array] | None:
    """I + 2σ P⁻¹ and P⁻¹ for P = A − σI; None if P is singular, as an eigenvalue is on the wrong side."""
    eye = np.eye(A.shape[-1], dtype=A.dtype)
    sigma = np.asarray(sigma, A.dtype)[..., None, None]
    with np.errstate(all="ignore"):
        try:
            inverse = factorized(A - sigma * eye).inverse
        except LinAlgError:
            return None
        return eye + 2 * sigma * inverse, inverse


def _powers(A: Array, B: Array | None) -> tuple[list[Array], list[Array]] | None:
    """A, A², A⁴, … and B, B², …, until the squares of the last norms are negligible; None if that is far off.

    Without B the norms of B's powers are taken for those of A's.  How fast the norms fall is seen from two
    powers in a row: ‖A^(2m)‖/‖A^m‖ is about ρᵐ.
    """
    both = [[A]] if B is None else [[A], [B]]
    if not all((np.abs(_trace(P[0])) < P[0].shape[-1]).all() for P in both):  # the mean eigenvalue
        return None
    limit = 12 if max(P[0].shape[-1] for P in both) < 300 else 8
    negligible = 0.5 * float(np.finfo(A.dtype).eps) ** 0.25
    norm = _mean_norm(both)
    with np.errstate(all="ignore"):
        for doublings in range(1, limit + 1):
            if norm <= negligible:
                break
            for P in both:
                P.append(P[-1] @ P[-1])
            before, norm = norm, _mean_norm(both)
            ratio = norm / before
            if not ratio < (2 if doublings < _PATIENCE else 1):
                return None
            # The norms go on as norm · ratio^(2^(k + 1) − 2).
            if doublings >= _PATIENCE and norm > negligible:
                exponent = 2 + math.log(negligible / norm) / math.log(ratio)
                if doublings + math.log2(exponent) - 1 > limit:
                    return None
    return (both[0], both[-1]) if norm <= negligible else None


def _mean_norm(both: list[list[Array]]) -> float:
    """The geometric mean of the norms of the last powers, the largest in a stack."""
    last = [np.sqrt(norms(P[-1])) for P in both]
    return float(np.max(last[0] * last[-1], initial=0))


@lru_cache(maxsize=16)
def _probes(n: int, char: str) -> Array:
    V = np.random.default_rng(n).standard_normal((n, _PROBES)).astype(char)
    V.flags.writeable = False
    return V


def _root_mean_square(A: Array) -> Array:
    """The root mean square of the singular values, a lower bound of the norm."""
    return norms(A) / math.sqrt(max(A.shape[-1], 1))


def _trace(A: Array) -> Array:
    return np.asarray(A.diagonal(axis1=-2, axis2=-1).sum(-1))
