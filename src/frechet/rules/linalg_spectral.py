"""numpy.linalg: eigenvalues and eigenvectors.

The functions of a Hermitian matrix read one triangle; see linalg_factorizations.reading for what that means
for tangents and gradients.  Eigenvectors are determined up to a factor (their gauge), and where eigenvalues
are equal up to a basis of the eigenspace.  A pullback asks whether the function depends on such a choice and
refuses if it does; a pushforward takes the choice that moves the vectors least, vᴴ dv = 0 for eigh, and
LAPACK's normalization for eig. Eigenvalues alone: the gradient is exact unless the function treats equal
eigenvalues differently, in which case it has none and gets one of its one-sided ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import NotDifferentiableError
from ..linear_map import Array, LinearMap, adjoint_matrix, compose, linear
from ..rule import primal, rule_for
from .linalg_factorizations import reading
from .linalg_gaps import (
    adjoint_product,
    certainly_zero,
    equal_pairs,
    guard_equal,
    inverse_gaps,
    product,
    refuse,
)
from .products import as_array

EighResult = type(np.linalg.eigh(np.eye(1)))
EigResult = type(np.linalg.eig(np.eye(1)))

# --- Hermitian matrices ------------------------------------------------------------------------------------


@rule_for(np.linalg.eigh)
def eigh(a: Array, UPLO: Any = "L") -> Any:
    a = as_array(a)
    w, V = np.linalg.eigh(a, UPLO)
    return EighResult(w, V), compose(EighMap(w, V), reading(a, lower=UPLO.upper() == "L"))


@rule_for(np.linalg.eigvalsh)
def eigvalsh(a: Array, UPLO: Any = "L") -> Any:
    a = as_array(a)
    w, V = np.linalg.eigh(a, UPLO)
    values = linear(
        lambda v: _diagonal_of_congruence(V, v), lambda g: np.matmul(V * g[..., None, :], adjoint_matrix(V))
    )
    return w, compose(values, reading(a, lower=UPLO.upper() == "L"))


def _diagonal_of_congruence(V: Array, H: Array) -> Array:
    """diag(Vᴴ H V) for Hermitian H, which is real."""
    return np.real(np.sum(np.conj(V) * np.matmul(H, V), axis=-2))


class EighMap(LinearMap):
    """The tangents of eigenvalues and eigenvectors from that of the Hermitian A = V Λ Vᴴ.

    With E = Vᴴ dA V:  dλ = diag E,  dV = V (E ∘ F),  F_ij = 1/(λ_j − λ_i) and 0 on the diagonal.  Adjoint:
    V (diag λ̄ + (Vᴴ V̄) ∘ F) Vᴴ, whose Hermitian part is taken by what reads A (Giles 2008).
    """

    __slots__ = ("V", "_gaps", "w")

    def __init__(self, w: Array, V: Array) -> None:
        self.w = w
        self.V = V
        self._gaps: Any = None

    def _prepared(self) -> Any:
        if self._gaps is None:
            equal = equal_pairs(primal(self.w))
            self._gaps = inverse_gaps(self.w, equal), guard_equal(equal, "np.linalg.eigh: eigenvectors")
        return self._gaps

    def push(self, v: Array) -> Any:
        V = self.V
        E = np.matmul(np.matmul(adjoint_matrix(V), v), V)
        dw = np.real(np.diagonal(E, axis1=-2, axis2=-1))
        return dw, np.matmul(V, product(E, *self._prepared()))

    def pull(self, w: Any) -> Array:
        V = self.V
        values, vectors = w
        if certainly_zero(vectors):
            return np.matmul(V * values[..., None, :], adjoint_matrix(V))
        M = np.matmul(adjoint_matrix(V), vectors)
        if np.iscomplexobj(V):
            turning = np.imag(np.diagonal(primal(M), axis1=-2, axis2=-1))
            refuse(turning, primal(M), PHASE)
        inner = adjoint_product(M, *self._prepared()) + values[..., None, :] * np.eye(
            np.shape(V)[-1], dtype=values.dtype
        )
        return np.matmul(np.matmul(V, inner), adjoint_matrix(V))


PHASE = (
    "np.linalg.eigh: an eigenvector of a complex matrix is determined up to a factor of modulus one only, "
    "and the function depends on that factor, so it has no derivative. Make it independent of the phase: "
    "use abs(v), v vᴴ, or v / v[k] * abs(v[k])"
)


# --- general matrices --------------------------------------------------------------------------------------


@rule_for(np.linalg.eig)
def eig(a: Array) -> Any:
    w, V = np.linalg.eig(as_array(a))
    return EigResult(w, V), EigMap(w, V)


@rule_for(np.linalg.eigvals)
def eigvals(a: Array) -> Any:
    w, V = np.linalg.eig(as_array(a))
    both = EigMap(w, V)
    return w, linear(both.push_values, both.pull_values)


class EigMap(LinearMap):
    """The tangents of eigenvalues and eigenvectors of A = V Λ V⁻¹.

    With E = V⁻¹ dA V:  dλ = diag E;  a tangent of V is U = V (E ∘ F) with F_ij = 1/(λ_j − λ_i) and 0 on the
    diagonal, up to multiples of each column.  LAPACK's normalization fixes them: ‖v‖ = 1, and the component
    v_k that is largest is real.  So dv = u − (Re(vᴴu) + i Im(u_k)/v_k) v.  (Boeddeker et al.,
    arXiv:1701.00392, without the last term.) Adjoint: ū = v̄ − Re(vᴴ v̄) v − i Im(vᴴ v̄)/v_k e_k, then V⁻ᴴ
    (diag λ̄ + (Vᴴ Ū) ∘ conj F) Vᴴ.
    """

    __slots__ = ("V", "_gaps", "_inverse", "_largest", "w")

    def __init__(self, w: Array, V: Array) -> None:
        self.w = w
        self.V = V
        self._gaps: Any = None
        self._inverse: Array = None
        self._largest: Array = None

    def _prepared(self) -> Any:
        if self._gaps is None:
            equal = equal_pairs(primal(self.w))
            self._gaps = inverse_gaps(self.w, equal), guard_equal(equal, "np.linalg.eig: eigenvectors")
        return self._gaps

    @property
    def inverse(self) -> Array:
        """V⁻¹, where the matrix has a basis of eigenvectors."""
        if self._inverse is None:
            try:
                inverse = np.linalg.inv(self.V)
                # The columns of V have length one, so this is the condition of V to within a factor n.
                size = np.max(np.abs(primal(inverse)), initial=0)
            except np.linalg.LinAlgError:
                size = np.inf
            if size > 0.01 / np.finfo(primal(self.V).dtype).eps:
                raise NotDifferentiableError(
                    "np.linalg.eig: the matrix has no basis of eigenvectors (it is defective), and neither "
                    "its eigenvalues nor its eigenvectors have a derivative. For a function of the matrix "
                    "use one that does not pass through eigenvectors (fr.linalg.expm)"
                )
            self._inverse = inverse
        return self._inverse

    @property
    def largest(self) -> Array:
        """A mask of the component of each vector that LAPACK made real: the largest of the real ones."""
        if self._largest is None:
            V = primal(self.V)
            self._largest = np.zeros(V.shape, V.real.dtype)
            if V.size:
                at = np.argmax(np.where(np.imag(V) == 0, np.abs(V), -1), axis=-2)
                np.put_along_axis(self._largest, at[..., None, :], 1, axis=-2)
        return self._largest

    def push_values(self, v: Array) -> Array:
        """diag(V⁻¹ dA V)."""
        return np.sum(np.swapaxes(self.inverse, -1, -2) * np.matmul(v, self.V), axis=-2)

    def pull_values(self, w: Array) -> Array:
        """V⁻ᴴ diag(λ̄) Vᴴ."""
        return np.matmul(adjoint_matrix(self.inverse) * w[..., None, :], adjoint_matrix(self.V))

    def push(self, v: Array) -> Any:
        V = self.V
        E = np.matmul(np.matmul(self.inverse, v), V)
        U = np.matmul(V, product(E, *self._prepared()))
        along = np.real(np.sum(np.conj(V) * U, axis=-2))
        if np.iscomplexobj(V):
            pivot = np.sum(self.largest * np.real(V), axis=-2)
            along = along + 1j * (np.sum(self.largest * np.imag(U), axis=-2) / pivot)
        return np.diagonal(E, axis1=-2, axis2=-1), U - V * along[..., None, :]

    def pull(self, w: Any) -> Array:
        V = self.V
        values, vectors = w
        if certainly_zero(vectors):
            return self.pull_values(values)
        along = np.sum(np.conj(V) * vectors, axis=-2)
        U = vectors - V * np.real(along)[..., None, :]
        if np.iscomplexobj(V):
            pivot = np.sum(self.largest * np.real(V), axis=-2)
            U = U - 1j * self.largest * (np.imag(along) / pivot)[..., None, :]
        inner = adjoint_product(np.matmul(adjoint_matrix(V), U), *self._prepared())
        inner = inner + values[..., None, :] * np.eye(np.shape(V)[-1], dtype=values.dtype)
        return np.matmul(np.matmul(adjoint_matrix(self.inverse), inner), adjoint_matrix(V))
