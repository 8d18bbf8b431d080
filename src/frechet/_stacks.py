"""Stacks of small matrices, by the compiled kernels of `_core`: factorizations, products, exponentials.

The kernels work on as many matrices at once as a register has lanes; a call of LAPACK for each matrix takes
ten times as long.  Everything here is numerics on plain arrays; a stack is an array (..., n, n) that `fits`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError
from numpy.typing import NDArray

from . import _core

Array = Any

_SOME = 4  # matrices from which on it pays to leave most lanes of a register idle
LARGEST = 16  # rows of what counts as small: LAPACK and BLAS gain on larger ones


def fits(A: Array, *others: Array) -> bool:
    """Whether A is a stack of small square matrices that the kernels take, and others have its dtype.

    >>> fits(np.zeros((5, 3, 3))), fits(np.zeros((3, 3))), fits(np.zeros((5, 3, 3), int))
    (True, False, False)
    """
    if type(A) is not np.ndarray or A.ndim < 3 or A.shape[-1] != A.shape[-2] or not fit_products(A):
        return False
    return all(type(x) is np.ndarray and x.dtype == A.dtype for x in others)


def fit_products(A: Array) -> bool:
    """Whether A is a stack of small matrices, square or not, with which `minus_product` multiplies."""
    small = A.ndim > 2 and A.size > 0 and max(A.shape[-2:]) <= LARGEST
    return type(A) is np.ndarray and small and A.dtype.char in "fdFD" and A.dtype.isnative


def in_order(A: Array) -> Array:
    """A as the kernels take it, C-contiguous and aligned; a copy where it is not."""
    A = np.ascontiguousarray(A)
    return A if A.flags.aligned else A.copy()


def minus_product(A: Array, B: Array, adjoint: bool = False) -> Array:
    """−A B, or −A Bᴴ, of small matrices; A is a stack like B, or several of them (directions)."""
    rows, columns = A.shape[-2], B.shape[-2 if adjoint else -1]
    C = np.empty((*A.shape[:-2], rows, columns), A.dtype)
    _core.product(in_order(A), in_order(B), C, adjoint_b=adjoint, minus=True)
    return C


def product(A: Array, B: Array, adjoint_a: bool = False, adjoint_b: bool = False) -> NDArray[Any]:
    """A B, with Aᴴ or Bᴴ in the place of A or B: by the kernel where it gains, else by `numpy.matmul`.

    It gains for small matrices of one dtype, as many as fill a few registers; one of the stacks may be there
    several times (directions), with further axes in front.
    """
    short, long = sorted((A.shape[:-2], B.shape[:-2]), key=len)
    if (
        fit_products(A)
        and fit_products(B)
        and A.dtype == B.dtype
        and long[len(long) - len(short) :] == short
        and math.prod(short) >= _SOME
    ):
        rows, columns = A.shape[-1 if adjoint_a else -2], B.shape[-2 if adjoint_b else -1]
        C = np.empty((*long, rows, columns), A.dtype)
        _core.product(in_order(A), in_order(B), C, adjoint_a, adjoint_b)
        return C
    left = A.conj().swapaxes(-1, -2) if adjoint_a else A
    right = B.conj().swapaxes(-1, -2) if adjoint_b else B
    return np.asarray(left @ right)


def inverse(A: Array) -> Array:
    """A⁻¹, by LU factorization with partial pivoting.

    Raises
    ------
    numpy.linalg.LinAlgError
        If one of the matrices is exactly singular.
    """
    A = in_order(A)
    Y = np.empty_like(A)
    if _core.inverse(A, Y):
        raise LinAlgError("Singular matrix")
    return Y


def between(Y: Array, V: Array, adjoint: bool) -> Array:
    """−Y V Y, or −Yᴴ V Yᴴ, for one or more directions V: the derivative of Y = A⁻¹, and its adjoint."""
    V = in_order(V)
    W = np.empty_like(V)
    _core.sandwich(in_order(Y), V, W, adjoint)
    return W


class StackedLU:
    """P A = L U for each matrix of a stack.

    Raises
    ------
    numpy.linalg.LinAlgError
        If one of the matrices is exactly singular.
    """

    __slots__ = ("LU", "pivots")

    def __init__(self, A: Array) -> None:
        A = in_order(A)
        self.LU = np.empty_like(A)
        self.pivots = np.empty(A.shape[:-1], np.int32)
        if _core.lu_factor(A, self.LU, self.pivots):
            raise LinAlgError("Singular matrix")

    def solve(self, B: Array, adjoint: bool) -> Array:
        """A⁻¹ B or A⁻ᴴ B for B of shape directions + (..., n, k), of A's dtype, with k ≤ 64."""
        B = in_order(B)
        X = np.empty_like(B)
        _core.lu_solve(self.LU, self.pivots, B, X, adjoint)
        return X


def cholesky(A: Array) -> Array:
    """L with A = L Lᴴ, from the lower triangles.

    Raises
    ------
    numpy.linalg.LinAlgError
        If one of the matrices is not positive definite.
    """
    A = in_order(A)
    L = np.empty_like(A)
    if _core.cholesky(A, L):
        raise LinAlgError("Matrix is not positive definite")
    return L


def cholesky_derivative(L: Array, V: Array, adjoint: bool) -> Array:
    """L Φ(L⁻¹ V L⁻ᴴ) for Hermitian V; with ``adjoint``, the Hermitian gradient from a cotangent V of L."""
    V = in_order(V)
    W = np.empty_like(V)
    _core.cholesky_derivative(in_order(L), V, W, adjoint)
    return W


def schur(A: Array) -> tuple[Array, Array, int]:
    """T and Z with A = Z T Zᴴ, and for how many matrices they were not found; one matrix (n, n) will do, too.

    The kernel takes up to 64 rows, one matrix after the other.
    """
    A = in_order(A)
    T, Z = np.empty_like(A), np.empty_like(A)
    return T, Z, _core.schur(A, T, Z)


def linear_equation(
    terms: Sequence[tuple[Array, Array]], Q: Array, adjoint: bool = False, judge: bool = False
) -> tuple[Array, float]:
    """X with Σ A X B = Q over the terms (A, B), or Σ Aᴴ X Bᴴ = Q, for at most 64 unknowns in each equation.

    Parameters
    ----------
    terms : sequence of pairs of ndarrays
        The coefficients, stacks or one matrix for all; all of one dtype.
    Q : ndarray
        Right sides of that dtype; axes in front of those of the stack are directions.
    adjoint : bool
        Which of the two equations.
    judge : bool
        Whether the condition number is asked for; it costs the most.

    Returns
    -------
    X : ndarray
        Of the shape of Q; nan or inf for a singular equation.
    condition : float
        The largest of ‖ |K⁻¹| |K| ‖ (Skeel) over the matrices K of the equations; inf if one is singular.
    """
    Q = in_order(Q)
    X = np.empty_like(Q)
    contiguous = [(in_order(A), in_order(B)) for A, B in terms]
    return X, _core.kronecker(contiguous, Q, X, adjoint, judge)
