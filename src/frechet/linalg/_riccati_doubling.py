"""The structure-preserving doubling algorithm for algebraic Riccati equations, on stacks of plain matrices.

The discrete equation X = Aᴴ X (I + G X)⁻¹ A + H, with Hermitian G and H, is the fixed point of the Riccati
recursion.  Doubling replaces k steps of the recursion by one of 2k:

    A ← A W⁻¹ A,    G ← G + A W⁻¹ G Aᴴ,    H ← H + Aᴴ H W⁻¹ A,    W = I + G H.

H converges quadratically to the stabilizing solution X, and A to zero like the powers of the closed loop, at
16 ⅔ n³ operations a step, three quarters of them in matrix products.  At convergence W⁻¹ A is the 2ᵏ-th power
of the closed loop (I + G X)⁻¹ A, so that a small norm of it is the proof that the solution is stabilizing.

The continuous equation Aᴴ X + X A − X G X + H = 0 becomes a discrete one with the same solution by the Cayley
transform of its Hamiltonian matrix.  The shift is the geometric mean of the moduli of the eigenvalues.

Badly scaled data: new variables D⁻¹ x of the state, with a diagonal D, turn A into D⁻¹ A D, G into D⁻¹ G D⁻¹,
H into D H D and X into D X D.  D is chosen to balance the rows and columns of the Hamiltonian matrix, in
powers of two, so that nothing is rounded.

E. K.-W. Chu, H.-Y. Fan, W.-W. Lin and C.-S. Wang, Int. J. Control 77:767 (2004), the discrete equation;
E. K.-W. Chu, H.-Y. Fan and W.-W. Lin, Linear Algebra Appl. 396:55 (2005), the continuous one; R. Byers,
Linear Algebra Appl. 85:267 (1987), the shift; P. Benner, SIAM J. Sci. Comput. 22:1885 (2001), balancing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.linalg import LinAlgError
from numpy.typing import NDArray

from ..linear_map import adjoint_matrix
from ..rules.linalg_factorizations import hermitian_part
from ..rules.linalg_factors import factorized

__all__ = ["balancing", "cayley", "doubling"]

Array = NDArray[Any]

_STEPS = 30  # reach a closed loop at a distance of 3e-8 from the unit circle
_SWEEPS = 20  # of balancing: each brings all rows and columns nearer to each other
_UNBALANCED = 64.0  # the ratio of a row's norm to its column's beyond which balancing is worth the while


def doubling(A: Array, G: Array, H: Array) -> Array:
    """The stabilizing solutions of the equations X = Aᴴ X (I + G X)⁻¹ A + H of a stack.

    Parameters
    ----------
    A, G, H : (k, n, n) ndarray
        In double precision, G and H Hermitian.

    Returns
    -------
    (k, n, n) ndarray
        Exactly Hermitian; nan where the iteration diverges or is too slow.

    Raises
    ------
    numpy.linalg.LinAlgError
        Where a W is singular.
    """
    count, n = A.shape[:2]
    X = np.full_like(H, np.nan)
    left = np.arange(count)  # those not yet done
    eps = np.finfo(A.dtype).eps
    diagonal = np.arange(n)
    for _ in range(_STEPS):
        W = G @ H
        W[:, diagonal, diagonal] += 1
        P, V = _solve(W, A, G)
        step = hermitian_part(adjoint_matrix(P) @ (H @ A))
        H = H + step
        next_A = A @ P
        # Below this, what remains to be added to H is smaller than its rounding errors: either because the
        # last step was, or because the next, at most ‖A‖² ‖H‖, will be.
        small = (_largest(step) <= eps * _largest(H)) | (_norm(next_A) ** 2 <= eps)
        done = small & (_norm(P) < 0.5)
        X[left[done]] = H[done]
        going = ~done & np.isfinite(_largest(next_A))
        if not going.any():
            break
        G = G + hermitian_part(A @ V @ adjoint_matrix(A))
        A = next_A
        if not going.all():
            left, A, G, H = left[going], A[going], G[going], H[going]
    return X


def cayley(A: Array, G: Array, H: Array) -> tuple[Array, Array, Array]:
    """A discrete equation with the solution of the continuous one Aᴴ X + X A − X G X + H = 0.

    With M = [A − γI, G; H, −(A − γI)ᴴ], γ > 0, and the blocks of its inverse N: I − 2γ N₂₂ᴴ, 2γ N₁₂, 2γ N₂₁.

    Raises
    ------
    numpy.linalg.LinAlgError
        Where M is singular.
    """
    n = A.shape[-1]
    M = np.empty((len(A), 2 * n, 2 * n), A.dtype)
    M[:, :n, :n], M[:, :n, n:], M[:, n:, :n], M[:, n:, n:] = A, -G, -H, -adjoint_matrix(A)
    # The eigenvalues of the Hamiltonian matrix come in pairs λ, −conj λ, one of each of the closed loop.
    logdet = np.linalg.slogdet(M)[1]
    if not np.isfinite(logdet).all():
        raise LinAlgError("the Hamiltonian matrix is singular")
    gamma = np.exp(logdet / (2 * n))[:, None]
    M[:, :n, n:] *= -1
    M[:, n:, :n] *= -1
    i = np.arange(n)
    M[:, i, i] -= gamma
    M[:, n + i, n + i] += gamma
    N = np.linalg.inv(M) * (2 * gamma[..., None])
    A = -adjoint_matrix(N[:, n:, n:])
    A[:, i, i] += 1
    return A, hermitian_part(N[:, :n, n:]), hermitian_part(N[:, n:, :n])


def balancing(A: Array, G: Array, H: Array) -> Array | None:
    """The diagonals (k, n) of D, powers of two, with which the Hamiltonian matrices are balanced.

    None if all of them are balanced as they are.  With D = exp(x), this minimizes Σ |A_ij| exp(x_j − x_i) +
    ½ Σ |G_ij| exp(−x_i − x_j) + ½ Σ |H_ij| exp(x_i + x_j), a convex function whose gradient is the difference
    between the sums of columns and rows.
    """
    k, n = A.shape[:2]
    A, G, H = np.abs(A), np.abs(G), np.abs(H)
    A[:, np.arange(n), np.arange(n)] = 0
    AT = A.swapaxes(-1, -2)
    x = np.zeros((k, n, 1))
    for sweep in range(_SWEEPS):
        D = np.exp2(x)
        rows, columns = (A @ D + G @ (1 / D)) / D, (AT @ (1 / D) + H @ D) * D
        both = (rows > 0) & (columns > 0)
        difference = np.log2(np.where(both, rows, 1)) - np.log2(np.where(both, columns, 1))
        worst = np.abs(difference).max(initial=0)
        if worst <= (1 if sweep else np.log2(_UNBALANCED)):
            break
        x = x + difference / 4
    x = np.round(x[..., 0])
    return np.exp2(x) if x.any() else None


def _solve(W: Array, A: Array, G: Array) -> tuple[Array, Array]:
    """W⁻¹ A and W⁻¹ G: for one matrix by LAPACK in place, for a stack by NumPy."""
    if len(W) == 1 and W.size:
        lu = factorized(W[0])
        return lu.solve(A[0], False)[None], lu.solve(G[0], False)[None]
    n = W.shape[-1]
    both = np.linalg.solve(W, np.concatenate([A, G], -1))
    return both[..., :n], both[..., n:]


def _norm(A: Array) -> Array:
    return np.asarray(np.sqrt(np.einsum("kij,kij->k", A.conj(), A).real))


def _largest(A: Array) -> Array:
    return np.asarray(np.abs(A).max((-1, -2), initial=0))
