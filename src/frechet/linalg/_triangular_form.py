"""Schur forms that functions of a matrix are computed on, and the square root of one.

A = Q T Qᴴ with T upper triangular or, for a real matrix with complex pairs of eigenvalues, real upper
quasi-triangular with a 2 × 2 block [a b; c a], bc < 0, for each pair.  On such a block, with the eigenvalue λ
= a + iμ, μ = √(−bc), a function with f(λ̄) = conj f(λ) is

    f([a b; c a]) = Re f(λ) I + Im f(λ)/μ · [0 b; c 0],

so that a real matrix stays in real arithmetic (Higham, Linear Algebra Appl. 88/89:405, 1987).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError
from numpy.typing import NDArray

from .. import _core
from ..rules.lapack import lapack
from ._matrix_equation import norms
from ._schur_form import SchurForm

__all__ = ["FormStack", "TriangularForm", "quasi_triangular_inverse", "square_root"]

Array = NDArray[Any]


class TriangularForm:
    """A Schur form A = Q T Qᴴ of one matrix.  Q is None for a matrix that is triangular itself.

    Attributes
    ----------
    T, Q : (n, n) ndarray
    eigenvalues : (n,) ndarray
        In the order of the diagonal of T, and of its dtype if they are all real; of a complex pair the one
        with positive imaginary part comes first.
    """

    def __init__(self, T: Array, Q: Array | None, eigenvalues: Array) -> None:
        self.T, self.Q, self.eigenvalues = T, Q, eigenvalues

    @classmethod
    def of(cls, A: Array) -> TriangularForm:
        """The Schur form of A, of its dtype."""
        if not np.tril(A, -1).any():
            return cls(A + 0.0, None, np.diagonal(A) + 0.0)  # −0.0 would be below the negative real axis
        form = SchurForm(A)
        return cls(form.T, form.Z, form.eigenvalues + 0.0)

    @cached_property
    def pairs(self) -> Array:
        """The first rows of the 2 × 2 blocks."""
        if self.T.dtype.kind == "c":
            return np.zeros(0, int)
        return np.flatnonzero(np.diagonal(self.T, -1))

    @property
    def rounding(self) -> float:
        """The size of the errors that the eigenvalues carry: none if A is triangular itself."""
        if self.Q is None:
            return 0.0
        return float(10 * np.finfo(self.T.dtype).eps * norms(self.T))

    @cached_property
    def crosses_cut(self) -> bool:
        """Whether an eigenvalue lies on the negative real axis, which makes roots and logarithms complex."""
        w = self.eigenvalues
        return bool(((w.real < 0) & (w.imag == 0)).any())

    def complex(self) -> TriangularForm:
        """The complex Schur form of the same matrix: each 2 × 2 block is made triangular by a rotation."""
        if self.T.dtype.kind == "c":
            return self
        dtype = np.result_type(self.T, np.complex64)
        T = self.T.astype(dtype)
        Q = None if self.Q is None else self.Q.astype(dtype)
        for k in self.pairs:
            # An eigenvector of [a b; c d] for λ is (λ − d, c).
            x, y = self.eigenvalues[k] - T[k + 1, k + 1], T[k + 1, k]
            r = np.hypot(abs(x), abs(y))
            G = np.array([[x, -y.conj()], [y, x.conj()]], dtype) / r
            T[k : k + 2, k:] = G.conj().T @ T[k : k + 2, k:]
            T[: k + 2, k : k + 2] = T[: k + 2, k : k + 2] @ G
            T[k + 1, k] = 0
            assert Q is not None
            Q[:, k : k + 2] = Q[:, k : k + 2] @ G
        return TriangularForm(T, Q, np.diagonal(T).copy())

    def reordered(self, select: Array) -> TriangularForm:
        """The form with the selected eigenvalues first, each group in its old order."""
        trsen = lapack("trsen", self.T.dtype.char)
        Q = np.eye(len(self.T), dtype=self.T.dtype) if self.Q is None else self.Q
        T, Q, *w, _, _, _, info = trsen(select.astype(np.int32), self.T, Q, job="N")
        if info:
            raise LinAlgError("eigenvalues too close to be told apart: the Schur form cannot be reordered")
        return TriangularForm(T, Q, (w[0] if len(w) == 1 else w[0] + 1j * w[1]) + 0.0)

    def into(self, F: Array) -> Array:
        """Qᴴ F Q for (..., n, n) F."""
        return F if self.Q is None else np.asarray(self.Q.conj().T @ F @ self.Q)

    def back(self, F: Array) -> Array:
        """Q F Qᴴ for (..., n, n) F."""
        return F if self.Q is None else np.asarray(self.Q @ F @ self.Q.conj().T)

    def doubled(self, E: Array) -> TriangularForm:
        """The Schur form of [[A, E], [0, A]], from that of A."""
        form = self.complex() if E.dtype.kind == "c" else self
        T, n = form.T, len(form.T)
        M = np.zeros((2 * n, 2 * n), np.result_type(T, E))
        M[:n, :n] = M[n:, n:] = T
        M[:n, n:] = form.into(E)
        Q = None
        if form.Q is not None:
            Q = np.zeros_like(M)
            Q[:n, :n] = Q[n:, n:] = form.Q
        return TriangularForm(M, Q, np.concatenate([form.eigenvalues, form.eigenvalues]))

    def put_blocks(self, F: Array, values: Array) -> None:
        """Write f(T) into the diagonal blocks of F, with values = f(eigenvalues)."""
        n, k = len(F), self.pairs
        F.flat[:: n + 1] = values if F.dtype.kind == "c" else values.real
        if k.size:
            slope = values.imag[k] / self.eigenvalues.imag[k]
            F[k, k + 1] = self.T[k, k + 1] * slope
            F[k + 1, k] = self.T[k + 1, k] * slope

    @cached_property
    def singles(self) -> Array:
        """The first rows i of the pairs of neighbouring 1 × 1 blocks, i and i + 1."""
        in_pair = np.zeros(len(self.T), bool)
        in_pair[self.pairs] = in_pair[self.pairs + 1] = True
        return np.flatnonzero(~(in_pair[:-1] | in_pair[1:]))

    def put_superdiagonal(self, F: Array, difference: Callable[[Array, Array], Array]) -> None:
        """Write f(T) between neighbouring 1 × 1 blocks of F: t12 f[λ1, λ2], a divided difference."""
        i = self.singles
        if i.size:
            w = self.eigenvalues if F.dtype.kind == "c" else self.eigenvalues.real
            F[i, i + 1] = self.T[i, i + 1] * difference(w[i], w[i + 1])


class FormStack:
    """The Schur forms of a stack of matrices, and linear functions on each of them.

    Parameters
    ----------
    A : (..., n, n) ndarray
        float32, float64, complex64 or complex128.
    forms : list of TriangularForm, optional
        If they are known.
    """

    def __init__(self, A: Array, forms: list[TriangularForm] | None = None) -> None:
        self.shape, self.dtype = A.shape, A.dtype
        if forms is None:
            count = math.prod(A.shape[:-2])
            forms = [TriangularForm.of(one) for one in A.reshape(count, *A.shape[-2:])]
        self.forms = forms

    def stacked(self, matrices: list[Array], dtype: Any) -> Array:
        """The matrices, one for each form, in the shape of the stack."""
        if len(self.shape) == 2:
            return matrices[0].astype(dtype, copy=False)
        result = np.empty((len(matrices), *self.shape[-2:]), dtype)
        for one, matrix in zip(result, matrices, strict=True):
            one[...] = matrix
        return result.reshape(self.shape)

    def on_each(self, functions: list[Callable[[Array], Array]], F: Array, dtype: Any) -> Array:
        """Each function of its part of F, (..., *shape).

        The functions are linear and take directions (..., n, n) in the basis of Q; the result is in the basis
        of A again.
        """
        stack = F.shape[: F.ndim - len(self.shape)]
        if not F.size:
            return np.zeros(F.shape, dtype)
        parts = F.reshape(*stack, len(self.forms), *self.shape[-2:])
        result = np.empty(parts.shape, dtype)
        for i, (form, function) in enumerate(zip(self.forms, functions, strict=True)):
            part = parts[..., i, :, :]
            if part.dtype.kind == "c" and form.T.dtype.kind != "c":  # two real directions
                real, imag = form.back(function(form.into(np.stack((part.real, part.imag)))))
                result[..., i, :, :] = real
                result[..., i, :, :] += 1j * imag
            else:
                result[..., i, :, :] = form.back(function(form.into(part)))
        return result.reshape(F.shape)

    def refused(self) -> str | None:
        """Why a root or logarithm has no derivative at one of the matrices; None where it has one."""
        for form in self.forms:
            w, rounding = form.eigenvalues, form.rounding
            if (np.abs(w) <= rounding).any():
                return "A is singular (to working precision), and the function has no finite slope there"
            negative = w[(w.real < 0) & (np.abs(w.imag) <= rounding)]
            if self.dtype.kind == "c" and negative.size:
                return "A has an eigenvalue on the negative real axis, where the principal branch jumps"
            # A real change moves a simple negative eigenvalue along the axis; two equal ones may leave it,
            # one up and one down.
            distance = np.diff(np.sort(negative.real))
            if negative.imag.any() or (distance <= rounding).any():
                return "A has equal eigenvalues on the negative real axis, where the principal branch jumps"
        return None


def square_root(form: TriangularForm) -> tuple[Array, bool]:
    """The principal square root of T, and whether a divisor near zero has made it doubtful.

    With T = [T1 T12; 0 T2] the root R = [R1 R12; 0 R2] has R1 R12 + R12 R2 = T12 (Deadman, Higham & Ralha,
    LNCS 7782:171, 2013): recursively, and nearly all in matrix products.  T has at most one eigenvalue 0.
    """
    T, n = form.T, len(form.T)
    R = np.zeros_like(T, order="F")
    with np.errstate(invalid="ignore"):
        roots = np.sqrt(form.eigenvalues.astype(np.result_type(T, np.complex64)))
    form.put_blocks(R, roots)
    diagonal = np.diagonal(R)
    i = form.singles
    done = np.zeros(max(n - 1, 0), bool)
    size = np.maximum(np.abs(diagonal[i]), np.abs(diagonal[i + 1]))
    done[i] = np.abs(diagonal[i] + diagonal[i + 1]) > np.finfo(T.dtype).eps * size
    i = i[done[i]]
    R[i, i + 1] = T[i, i + 1] / (diagonal[i] + diagonal[i + 1])
    first = np.ones(n + 1, bool)  # where a block begins
    first[form.pairs + 1] = False
    doubtful = False

    def fill(i: int, j: int) -> None:
        nonlocal doubtful
        if j - i <= 1 or (j - i == 2 and (not first[i + 1] or done[i])):
            return
        h = (i + j) // 2
        if not first[h]:
            h += 1
        fill(i, h)
        fill(h, j)
        R1, R2, R12 = R[i:h, i:h], R[h:j, h:j], R[i:h, h:j]
        R12[...] = T[i:h, h:j]
        if not _core.sylvester(R1, R2, R12):
            # LAPACK puts a small number in the place of a divisor near zero.
            X, scale, _ = lapack("trsyl", T.dtype.char)(R1, R2, T[i:h, h:j])
            R12[...] = X / scale
            doubtful = True

    fill(0, n)
    return R, doubtful


def quasi_triangular_inverse(D: Array, pairs: Array) -> Array:
    """The inverse of an upper quasi-triangular matrix whose 2 × 2 blocks begin at the rows ``pairs``.

    One rotation of each pair of rows makes it triangular, G D = R, and D⁻¹ = R⁻¹ G.
    """
    if pairs.size:
        upper, lower = D[pairs], D[pairs + 1]
        x, y = upper[np.arange(len(pairs)), pairs], lower[np.arange(len(pairs)), pairs]
        r = np.hypot(x, y)
        c, s = x / r, y / r
        D = D.copy()
        D[pairs] = c[:, None] * upper + s[:, None] * lower
        D[pairs + 1] = c[:, None] * lower - s[:, None] * upper
    if not D.size:
        return D.copy()
    inverse, info = lapack("trtri", D.dtype.char)(D)
    if info:
        raise LinAlgError("singular triangular matrix")
    if pairs.size:
        inverse[pairs + 1, pairs] = 0  # what trtri has not touched
        upper, lower = inverse[:, pairs], inverse[:, pairs + 1]
        inverse[:, pairs], inverse[:, pairs + 1] = c * upper - s * lower, s * upper + c * lower
    return np.asarray(inverse)
