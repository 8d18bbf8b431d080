"""Schur forms that functions of matrices are computed on, and square roots of them.

A = Q T Qᴴ with T upper triangular or, for a real matrix with complex pairs of eigenvalues, real upper
quasi-triangular with a 2 × 2 block [a b; c a], bc < 0, for each pair.  On such a block, with the eigenvalue λ
= a + iμ, μ = √(−bc), a function with f(λ̄) = conj f(λ) is

    f([a b; c a]) = Re f(λ) I + Im f(λ)/μ · [0 b; c 0],

so that a real matrix stays in real arithmetic (Higham, Linear Algebra Appl. 88/89:405, 1987).

Everything here is for stacks with one axis; a single matrix is a stack of one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError
from numpy.typing import NDArray

from .. import _core, _stacks
from .._stacks import product
from ..linear_map import adjoint_matrix
from ..rules.lapack import lapack
from ._matrix_equation import norms
from ._schur_form import SchurForm

__all__ = ["FormStack", "FunctionOnForms", "TriangularForm", "quasi_triangular_inverse", "square_root"]

Array = NDArray[Any]

_TOO_CLOSE = "eigenvalues too close to be told apart: the Schur form cannot be reordered"
_LEAF = 32  # the largest block of a single root that is left to the kernel


class TriangularForm:
    """Schur forms A = Q T Qᴴ of a stack of matrices.

    Attributes
    ----------
    T : (count, n, n) ndarray
    Q : (count, n, n) ndarray or None
        None where all the matrices are triangular themselves.
    eigenvalues : (count, n) ndarray
        In the order of the diagonals of T, and of its dtype if they are all real; of a complex pair the one
        with positive imaginary part comes first.
    exact : (count,) ndarray of bool
        Which of the matrices are triangular themselves, so that their eigenvalues carry no errors.
    """

    def __init__(self, T: Array, Q: Array | None, eigenvalues: Array, exact: Array | None = None) -> None:
        self.T, self.Q, self.eigenvalues = T, Q, eigenvalues
        self.exact = np.full(len(T), Q is None) if exact is None else exact

    @classmethod
    def of(cls, A: Array) -> TriangularForm:
        """The Schur forms of a stack, of its dtype."""
        exact = np.asarray(~np.tril(A, -1).any((-2, -1)))
        if exact.all():
            A = A + 0.0  # −0.0 would be below the negative real axis
            return cls(A, None, np.diagonal(A, 0, -2, -1).copy(), exact)
        form = SchurForm(A)
        return cls(form.T + 0.0, form.Z, form.eigenvalues + 0.0, exact)

    def __getitem__(self, which: Any) -> TriangularForm:
        """The forms of some of the matrices."""
        Q = None if self.Q is None else self.Q[which]
        return TriangularForm(self.T[which], Q, self.eigenvalues[which], self.exact[which])

    @cached_property
    def pairs(self) -> Array:
        """Where 2 × 2 blocks begin, a mask (count, n − 1)."""
        lower = np.diagonal(self.T, -1, -2, -1)
        return np.zeros(lower.shape, bool) if self.T.dtype.kind == "c" else lower != 0

    @cached_property
    def _pair_places(self) -> tuple[Array, Array]:
        """The indices of the matrices and of the first rows of their 2 × 2 blocks."""
        k, i = np.nonzero(self.pairs)
        return k, i

    @cached_property
    def _single_places(self) -> tuple[Array, Array]:
        """The same of the neighbouring 1 × 1 blocks, i and i + 1."""
        none = np.zeros((len(self.T), 1), bool)
        in_pair = np.concatenate([self.pairs, none], 1) | np.concatenate([none, self.pairs], 1)
        k, i = np.nonzero(~(in_pair[:, :-1] | in_pair[:, 1:]))
        return k, i

    @property
    def rounding(self) -> Array:
        """The size of the errors that the eigenvalues of each matrix carry: none if it is triangular."""
        size = 10 * np.finfo(self.T.dtype).eps * norms(self.T)
        return np.where(self.exact, 0, size)

    @cached_property
    def crosses_cut(self) -> Array:
        """Whether an eigenvalue lies on the negative real axis, which makes roots and logarithms complex."""
        w = self.eigenvalues
        return np.asarray(((w.real < 0) & (w.imag == 0)).any(-1))

    def complex(self) -> TriangularForm:
        """The complex Schur forms of the same matrices: each 2 × 2 block is made triangular by a rotation."""
        if self.T.dtype.kind == "c":
            return self
        dtype = np.result_type(self.T, np.complex64)
        T = self.T.astype(dtype)
        Q = None if self.Q is None else self.Q.astype(dtype)
        for i in np.flatnonzero(self.pairs.any(0)):
            k = np.flatnonzero(self.pairs[:, i])
            # An eigenvector of [a b; c d] for λ is (λ − d, c).
            x, y = self.eigenvalues[k, i] - T[k, i + 1, i + 1], T[k, i + 1, i]
            r = np.hypot(np.abs(x), np.abs(y))
            G = (np.array([[x, -y.conj()], [y, x.conj()]], dtype) / r).transpose(2, 0, 1)
            T[k, i : i + 2, i:] = adjoint_matrix(G) @ T[k, i : i + 2, i:]
            T[k, : i + 2, i : i + 2] = T[k, : i + 2, i : i + 2] @ G
            T[k, i + 1, i] = 0
            assert Q is not None
            Q[k, :, i : i + 2] = Q[k, :, i : i + 2] @ G
        return TriangularForm(T, Q, np.diagonal(T, 0, -2, -1).copy(), self.exact)

    def reordered(self, select: Array) -> TriangularForm:
        """The forms with the selected eigenvalues first, each group in its old order."""
        trsen = lapack("trsen", self.T.dtype.char)
        n = self.T.shape[-1]
        T, Q = np.empty_like(self.T), np.empty_like(self.T)
        w = np.empty(self.eigenvalues.shape, np.result_type(self.eigenvalues, np.complex64))
        for k, chosen in enumerate(select):
            before = np.eye(n, dtype=T.dtype) if self.Q is None else self.Q[k]
            T[k], Q[k], *values, _, _, _, info = trsen(chosen.astype(np.int32), self.T[k], before, job="N")
            if info:
                raise LinAlgError(_TOO_CLOSE)
            w[k] = (values[0] if len(values) == 1 else values[0] + 1j * values[1]) + 0.0
        return TriangularForm(T, Q, w if w.imag.any() or T.dtype.kind == "c" else w.real, self.exact & False)

    def into(self, F: Array) -> Array:
        """Qᴴ F Q for F of shape (..., count, n, n)."""
        return F if self.Q is None else product(product(self.Q, F, adjoint_a=True), self.Q)

    def back(self, F: Array) -> Array:
        """Q F Qᴴ for F of shape (..., count, n, n)."""
        return F if self.Q is None else product(product(self.Q, F), self.Q, adjoint_b=True)

    def doubled(self, E: Array) -> TriangularForm:
        """The Schur forms of [[A, E], [0, A]] for (directions, count, n, n) E, in a stack with one axis."""
        form = self.complex() if E.dtype.kind == "c" else self
        n, count = form.T.shape[-1], len(E) * len(form.T)
        M = np.zeros((*E.shape[:-2], 2 * n, 2 * n), np.result_type(form.T, E))
        M[..., :n, :n] = M[..., n:, n:] = form.T
        M[..., :n, n:] = form.into(E)
        Q = None
        if form.Q is not None:
            Q = np.zeros_like(M)
            Q[..., :n, :n] = Q[..., n:, n:] = form.Q
            Q = Q.reshape(count, 2 * n, 2 * n)
        w = np.tile(form.eigenvalues, (len(E), 2))
        return TriangularForm(M.reshape(count, 2 * n, 2 * n), Q, w, np.tile(form.exact, len(E)))

    def put_blocks(self, F: Array, values: Array) -> None:
        """Write f(T) into the diagonal blocks of F, with values = f(eigenvalues)."""
        np.einsum("kii->ki", F)[...] = values if F.dtype.kind == "c" else values.real
        k, i = self._pair_places
        if k.size:
            slope = values.imag[k, i] / self.eigenvalues.imag[k, i]
            F[k, i, i + 1] = self.T[k, i, i + 1] * slope
            F[k, i + 1, i] = self.T[k, i + 1, i] * slope

    def put_superdiagonal(self, F: Array, difference: Callable[[Array, Array], Array]) -> None:
        """Write f(T) between neighbouring 1 × 1 blocks of F: t12 f[λ1, λ2], a divided difference."""
        k, i = self._single_places
        if k.size:
            w = self.eigenvalues if F.dtype.kind == "c" else self.eigenvalues.real
            F[k, i, i + 1] = self.T[k, i, i + 1] * difference(w[k, i], w[k, i + 1])


class FunctionOnForms:
    """A function of some of the matrices of a stack, on their Schur forms.

    Attributes
    ----------
    value : (count, n, n) ndarray
        f(T).
    """

    value: Array
    form: TriangularForm

    def derivative(self, E: Array) -> Array:
        """What the derivative takes from directions E, (..., count, n, n): linear in these."""
        raise NotImplementedError


class FormStack:
    """The Schur forms of a matrix or of a stack of them, and a function of each.

    Parameters
    ----------
    A : (..., n, n) ndarray
        float32, float64, complex64 or complex128.
    form : TriangularForm, optional
        If it is known.

    Attributes
    ----------
    parts : list of (indices, FunctionOnForms)
        The matrices that are treated alike, by their indices in the flattened stack.
    """

    parts: list[tuple[Array, FunctionOnForms]]

    def __init__(self, A: Array, form: TriangularForm | None = None) -> None:
        self.shape, self.dtype = A.shape, A.dtype
        self.count = math.prod(A.shape[:-2])
        self.form = TriangularForm.of(A.reshape(self.count, *A.shape[-2:])) if form is None else form

    def alike(self, *marks: Array) -> list[tuple[Array, TriangularForm]]:
        """The forms that have the same marks, with their indices; complex ones where the cut is crossed."""
        kinds = self.form.crosses_cut & (self.form.T.dtype.kind != "c")
        for bit, mark in enumerate(marks, 1):
            kinds = kinds + (mark << bit)
        groups = []
        for kind in set(kinds.tolist()):
            k = np.flatnonzero(kinds == kind)
            form = self.form if len(k) == self.count else self.form[k]
            groups.append((k, form.complex() if kind & 1 else form))
        return groups

    def _where(self, k: Array) -> Any:
        """The indices, or a slice where they are all there are."""
        return slice(None) if len(k) == self.count else k

    def collected(self, dtype: Any) -> Array:
        """The values of the parts in the basis of A, in the shape of the stack."""
        result = np.zeros((self.count, *self.shape[-2:]), dtype)
        for k, part in self.parts:
            with np.errstate(invalid="ignore"):  # inf and nan of a root that does not exist
                result[self._where(k)] = _of_kind(part.form.back(part.value), result)
        return result.reshape(self.shape)

    def on_each(self, F: Array, dtype: Any) -> Array:
        """The derivatives of the parts in directions F, (..., *shape); all in the basis of A."""
        stack = F.shape[: F.ndim - len(self.shape)]
        directions = F.reshape(*stack, self.count, *self.shape[-2:])
        result = np.zeros(directions.shape, dtype)
        for k, part in self.parts if F.size else ():
            where = self._where(k)
            some, form = directions[..., where, :, :], part.form
            if some.dtype.kind == "c" and form.T.dtype.kind != "c":  # two real directions
                real, imag = form.back(part.derivative(form.into(np.stack((some.real, some.imag)))))
                result[..., where, :, :] = real
                result[..., where, :, :] += 1j * imag
            else:
                result[..., where, :, :] = _of_kind(form.back(part.derivative(form.into(some))), result)
        return result.reshape(F.shape)

    def refused(self) -> str | None:
        """Why a root or logarithm has no derivative at one of the matrices; None where it has one."""
        w, rounding = self.form.eigenvalues, self.form.rounding[:, None]
        if (np.abs(w) <= rounding).any():
            return "A is singular (to working precision), and the function has no finite slope there"
        on_cut = (w.real < 0) & (np.abs(w.imag) <= rounding)
        for k in np.flatnonzero(on_cut.any(-1)):
            if self.dtype.kind == "c":
                return "A has an eigenvalue on the negative real axis, where the principal branch jumps"
            # A real change moves a simple negative eigenvalue along the axis; two equal ones may leave it,
            # one up and one down.
            negative = w[k, on_cut[k]]
            if negative.imag.any() or (np.diff(np.sort(negative.real)) <= rounding[k]).any():
                return "A has equal eigenvalues on the negative real axis, where the principal branch jumps"
        return None


def _of_kind(X: Array, result: Array) -> Array:
    """X, or its real part for a real result: that of a real function which was computed on a complex form."""
    return X.real if result.dtype.kind != "c" else X


def square_root(form: TriangularForm) -> tuple[Array, bool]:
    """The principal square roots of T, and whether a divisor near zero has made one doubtful.

    With T = [T1 T12; 0 T2] the root R = [R1 R12; 0 R2] has R1 R12 + R12 R2 = T12 (Deadman, Higham & Ralha,
    LNCS 7782:171, 2013): for larger matrices recursively, and nearly all in matrix products.  T has at most
    one eigenvalue 0.
    """
    T, n = form.T, form.T.shape[-1]
    R = np.triu(T, 1)
    with np.errstate(invalid="ignore"):
        roots = np.sqrt(form.eigenvalues.astype(np.result_type(T, np.complex64)))
    form.put_blocks(R, roots)
    if n <= _core.largest_matrix:
        return R, _core.root(R) > 0
    doubtful = [_fill_root(T[k], R[k], form.pairs[k], 0, n) for k in range(len(T))]
    return R, any(doubtful)


def _fill_root(T: Array, R: Array, pairs: Array, i: int, j: int) -> bool:
    """Fill the rows and columns i … j − 1 of R, which holds T above its diagonal blocks."""
    if j - i <= _LEAF:
        block = np.ascontiguousarray(R[i:j, i:j])
        doubtful = _core.root(block) > 0
        R[i:j, i:j] = block
        return doubtful
    h = (i + j) // 2
    if pairs[h - 1]:
        h += 1
    doubtful = _fill_root(T, R, pairs, i, h) | _fill_root(T, R, pairs, h, j)
    R1, R2, R12 = R[i:h, i:h], R[h:j, h:j], R[i:h, h:j]
    if not _core.sylvester(R1, R2, R12):
        # LAPACK puts a small number in the place of a divisor near zero.
        X, scale, _ = lapack("trsyl", T.dtype.char)(R1, R2, T[i:h, h:j])
        R12[...] = X / scale
        doubtful = True
    return doubtful


def quasi_triangular_inverse(D: Array, pairs: Array) -> Array:
    """The inverses of upper quasi-triangular matrices whose 2 × 2 blocks begin where ``pairs`` says."""
    if len(D) >= 4 and D.shape[-1] <= _core.largest_matrix:
        return np.asarray(_stacks.inverse(D))  # elimination leaves the zeros below the blocks as they are
    return np.array([_inverse_of_one(d, np.flatnonzero(p)) for d, p in zip(D, pairs, strict=True)])


def _inverse_of_one(D: Array, pairs: Array) -> Array:
    """One rotation of each pair of rows makes it triangular, G D = R, and D⁻¹ = R⁻¹ G."""
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
