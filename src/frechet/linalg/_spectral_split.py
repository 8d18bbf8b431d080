"""A matrix split in two by its eigenvalues: the projector onto the invariant subspace of the selected ones.

A = R1 T11 L1 + R2 T22 L2 with L1 R1 = I, L2 R2 = I, L1 R2 = 0, L2 R1 = 0; T11 has the selected eigenvalues,
T22 the others; P = R1 L1.  All that derivatives of P need is the solution Y of A Y − Y A = R for the part of
R that maps one subspace to the other, with Y of that kind: two Sylvester equations, which have a solution
because the two sets of eigenvalues are apart, however close the eigenvalues are within one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..linear_map import Array, adjoint_matrix
from ._arguments import unit_for
from ._triangular_form import TriangularForm
from ._triangular_sylvester import TriangularSylvester

__all__ = ["GeneralSplit", "HermitianSplit", "StackedSplit", "split"]

Select = Callable[[Array], Array]
Split = Any  # one of the classes below


def split(A: Array, select: Select, hermitian: bool, degeneracy_tol: float | None, call: str) -> Split:
    """The split of a plain matrix, or of a stack of them.

    ``select`` takes the eigenvalues of one matrix, shape (n,), and returns a mask of that shape.
    """
    if hermitian:
        w, V = np.linalg.eigh(A)
        mask = np.array([select(x) for x in w.reshape(math.prod(w.shape[:-1]), w.shape[-1])], bool).reshape(
            w.shape
        )
        _require_apart(w, mask, degeneracy_tol, call)
        return HermitianSplit(w, V, mask)
    if A.ndim == 2:
        return GeneralSplit(A, select, degeneracy_tol, call)
    flat = A.reshape(math.prod(A.shape[:-2]), *A.shape[-2:])
    return StackedSplit([GeneralSplit(x, select, degeneracy_tol, call) for x in flat], A)


def _require_apart(w: Array, mask: Array, degeneracy_tol: float | None, call: str) -> None:
    """Raise where selected eigenvalues are equal to others."""
    n = w.shape[-1]
    tol = 10 * n * np.finfo(w.dtype).eps if degeneracy_tol is None else degeneracy_tol
    gaps = np.abs(w[..., None, :] - w[..., :, None])
    limit = tol * np.max(np.abs(w), axis=-1, initial=0)[..., None, None]
    if ((gaps <= limit) & (mask[..., None, :] != mask[..., :, None])).any():
        raise np.linalg.LinAlgError(
            f"{call}: the selection separates eigenvalues that are equal (they differ by no more than "
            f"{tol:.1e} times the largest), so that there is no such subspace. Select all of them or none"
        )


class HermitianSplit:
    """The split of Hermitian matrices: by the eigenvectors."""

    def __init__(self, w: Array, V: Array, mask: Array) -> None:
        self.V = V
        self.mask = mask
        across = mask[..., None, :] != mask[..., :, None]
        self.inverse = across / np.where(across, w[..., :, None] - w[..., None, :], 1)

    @property
    def projector(self) -> Array:
        """P."""
        return np.matmul(self.V * self.mask[..., None, :], adjoint_matrix(self.V))

    @property
    def basis(self) -> Array:
        """An orthonormal basis of the range of P, or None where the matrices of a stack differ in rank."""
        counts = np.count_nonzero(self.mask, axis=-1)
        k = counts.flat[0] if counts.size else 0
        if (counts != k).any():
            return None
        V, n = self.V, self.V.shape[-1]
        columns = np.swapaxes(V, -1, -2)[self.mask].reshape(*V.shape[:-2], k, n)
        return np.swapaxes(columns, -1, -2)

    def solve(self, R: Array) -> Array:
        """Y with A Y − Y A = R across the two subspaces, for R of shape (..., n, n)."""
        V, Vh = self.V, adjoint_matrix(self.V)
        inner = np.matmul(np.matmul(Vh, R), V) * self.inverse
        return np.matmul(np.matmul(V, inner), Vh)


class GeneralSplit:
    """The split of one matrix: by an ordered Schur form and a Sylvester equation.

    A = Z [T11 T12; 0 T22] Zᴴ and T11 X − X T22 = T12 give R1 = Z1, L1 = Z1ᴴ + X Z2ᴴ, R2 = Z2 − Z1 X and
    L2 = Z2ᴴ.
    The Schur form of a real matrix is real where conjugate eigenvalues are selected together.
    """

    def __init__(self, A: Array, select: Select, degeneracy_tol: float | None, call: str) -> None:
        # P is that of A/unit, too, and the equation is homogeneous in A and R.
        self.unit = unit_for(np.abs(A).max(initial=0))
        T, Z, w, mask = _ordered_schur(A / self.unit, lambda w: select(w * self.unit), call)
        _require_apart(w, mask, degeneracy_tol, call)
        k = int(np.count_nonzero(mask))
        T11, T22 = T[:k, :k], T[k:, k:]
        message = (
            f"{call}: eigenvalues that are selected and others are too close to separate their subspaces"
        )
        self.upper = TriangularSylvester(T11, -T22, message)
        self.lower = TriangularSylvester(T22, -T11, message)
        Z1, Z2 = Z[:, :k], Z[:, k:]
        X = self.upper.solve(T[:k, k:])
        self.R1, self.R2 = Z1, Z2 - Z1 @ X
        self.L1, self.L2 = adjoint_matrix(Z1) + X @ adjoint_matrix(Z2), adjoint_matrix(Z2)

    @property
    def projector(self) -> Array:
        """P."""
        return np.matmul(self.R1, self.L1)

    @property
    def basis(self) -> Array:
        """An orthonormal basis of the range of P."""
        return np.ascontiguousarray(self.R1)

    def solve(self, R: Array) -> Array:
        """Y with A Y − Y A = R across the two subspaces, for R of shape (..., n, n)."""
        R = R / self.unit
        Y12 = self.upper.solve(np.matmul(np.matmul(self.L1, R), self.R2))
        Y21 = self.lower.solve(np.matmul(np.matmul(self.L2, R), self.R1))
        upper = np.matmul(np.matmul(self.R1, Y12), self.L2)
        return np.asarray(upper + np.matmul(np.matmul(self.R2, Y21), self.L1))


class StackedSplit:
    """The splits of a stack of matrices."""

    def __init__(self, splits: list[GeneralSplit], A: Array) -> None:
        self.splits = splits
        self.shape = A.shape
        dtypes = [s.R1.dtype for s in splits] or [A.dtype]
        self.dtype = np.result_type(*dtypes)

    @property
    def projector(self) -> Array:
        """P, for each matrix."""
        return np.array([s.projector for s in self.splits], self.dtype).reshape(self.shape)

    @property
    def basis(self) -> Array:
        """Orthonormal bases of the ranges, or None where they differ in rank."""
        bases = [s.basis for s in self.splits]
        if len({Q.shape for Q in bases}) > 1:
            return None
        k = bases[0].shape[-1] if bases else 0
        return np.array(bases, self.dtype).reshape(*self.shape[:-1], k)

    def solve(self, R: Array) -> Array:
        """Y with A Y − Y A = R across the two subspaces, for R of shape (..., *stack, n, n)."""
        n, n_stack = self.shape[-1], len(self.shape) - 2
        directions = R.shape[: R.ndim - n_stack - 2]
        flat = R.reshape(*directions, len(self.splits), n, n)
        Y = np.empty(flat.shape, np.result_type(R, self.dtype))
        for k, s in enumerate(self.splits):
            Y[..., k, :, :] = s.solve(flat[..., k, :, :])
        return Y.reshape(R.shape)


def _ordered_schur(A: Array, select: Select, call: str) -> tuple[Array, Array, Array, Array]:
    """T, Z with the selected eigenvalues first, all eigenvalues in the order before that, and the mask."""
    if not A.size:
        return A, A, np.zeros(0, A.dtype), np.zeros(0, bool)
    try:
        form = TriangularForm.of(A[None])
        w = form.eigenvalues[0].astype(np.result_type(A, np.complex64))
        mask = select(w)
        if (form.pairs[0] & (mask[:-1] != mask[1:])).any():  # one of a conjugate pair without the other
            form = form.complex()  # real eigenvalues stay real
            w = form.eigenvalues[0]
            mask = select(w)
        form = form.reordered(mask[None])
    except np.linalg.LinAlgError as error:
        raise np.linalg.LinAlgError(f"{call}: {error}") from None
    assert form.Q is not None
    return form.T[0], form.Q[0], w, mask
