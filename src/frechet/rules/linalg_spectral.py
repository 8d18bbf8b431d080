"""numpy.linalg: eigenvalues and eigenvectors.

The functions of a Hermitian matrix read one triangle; see linalg_factorizations.reading for what that means
for tangents and gradients.  Eigenvectors are determined up to a factor (their gauge), and where eigenvalues
are equal up to a basis of the eigenspace.  A pullback asks whether the function depends on such a choice and
refuses if it does; a pushforward takes the choice that moves the vectors least, vᴴ dv = 0 for eigh, and
LAPACK's normalization for eig. Eigenvalues alone: the gradient is exact unless the function treats equal
eigenvalues differently, in which case it has none and gets one of its one-sided ones; for second derivatives
there see linalg_equal_eigenvalues.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import NotDifferentiableError
from ..linear_map import Array, LinearMap, adjoint_matrix, compose, linear
from ..rule import Rule, carriers, composed, primal
from .linalg_equal_eigenvalues import Spectrum, ValuesMap, spectrum_maps
from .linalg_factorizations import hermitian_part_map, reading
from .linalg_gaps import (
    DEFAULT,
    Tolerances,
    adjoint_product,
    certainly_zero,
    diagonal_masks,
    equal_pairs,
    guard_equal,
    inverse_gaps,
    or_undefined,
    product,
    refuse,
)
from .linalg_triangular import is_plain_matrix
from .linalg_vectors import eigh_pullback
from .products import as_array

EighResult = type(np.linalg.eigh(np.eye(1)))
EigResult = type(np.linalg.eig(np.eye(1)))

# --- Hermitian matrices ------------------------------------------------------------------------------------
#
# The rules take the Spectrum of the plain matrix, which every order of derivative passes on.


@composed(np.linalg.eigh)
def eigh(a: Array, UPLO: Any = "L") -> Any:
    a = as_array(a)
    return EighResult(*eigh_of(a, UPLO.upper() == "L", Spectrum(*np.linalg.eigh(primal(a), UPLO))))


@composed(np.linalg.eigvalsh)
def eigvalsh(a: Array, UPLO: Any = "L") -> Any:
    a = as_array(a)
    return eigenvalues(a, UPLO.upper() == "L", Spectrum(*np.linalg.eigh(primal(a), UPLO)))


def eigh_of(a: Array, lower: bool, spectrum: Spectrum, columns: slice | None = None) -> tuple[Array, Array]:
    """Eigenvalues and (some) eigenvectors; where values are equal, the values by a rule of their own."""
    w, V = eigenpairs(a, lower, spectrum, columns)
    return (eigenvalues(a, lower, spectrum), V) if spectrum.degenerate else (w, V)


def _plain_eigenpairs(a: Array, lower: bool, spectrum: Spectrum, columns: slice | None = None) -> Any:
    return spectrum.w, spectrum.V if columns is None else spectrum.V[..., columns]


def _eigenpairs(a: Array, lower: bool, spectrum: Spectrum, columns: slice | None = None) -> Any:
    w, V = eigenpairs(a, lower, spectrum)
    return (w, V if columns is None else V[..., columns]), EighMap(w, V, spectrum, reading(a, lower), columns)


eigenpairs = Rule(_plain_eigenpairs, _eigenpairs, "np.linalg.eigh")


def _eigenvalues(a: Array, lower: bool, spectrum: Spectrum) -> Any:
    if spectrum.degenerate and type(a) in carriers:
        w, frame = with_frame(a, lower, spectrum)
        return w, compose(ValuesMap(frame, spectrum), reading(a, lower))
    w, V = eigenpairs(a, lower, spectrum)
    values = linear(
        lambda v: _diagonal_of_congruence(V, v), lambda g: np.matmul(V * g[..., None, :], adjoint_matrix(V))
    )
    return w, compose(values, reading(a, lower))


eigenvalues = Rule(lambda a, lower, spectrum: spectrum.w, _eigenvalues, "np.linalg.eigvalsh")


def _with_frame_value(a: Array, lower: bool, spectrum: Spectrum) -> Any:
    n = a.shape[-1]
    return spectrum.w, np.zeros((*a.shape[:-1], n + 1), spectrum.V.dtype)


def _with_frame(a: Array, lower: bool, spectrum: Spectrum) -> Any:
    w, frame = with_frame(a, lower, spectrum)
    return (w, frame), compose(spectrum_maps(frame, spectrum), reading(a, lower))


# The eigenvalues and the frame of linalg_equal_eigenvalues.
with_frame = Rule(_with_frame_value, _with_frame, "np.linalg.eigvalsh")


def _diagonal_of_congruence(V: Array, H: Array) -> Array:
    """diag(Vᴴ H V) for Hermitian H, which is real."""
    return np.real(np.sum(np.conj(V) * np.matmul(H, V), axis=-2))


class EighMap(LinearMap):
    """The tangents of eigenvalues and eigenvectors of A = V Λ Vᴴ from that of what ``reads`` gives A of.

    With E = Vᴴ dA V:  dλ = diag E,  dV = V (E ∘ F),  F_ij = 1/(λ_j − λ_i) and 0 on the diagonal.  Adjoint:
    V (diag λ̄ + (Vᴴ V̄) ∘ F) Vᴴ, whose Hermitian part is taken by what reads A (Giles 2008).  With ``wanted``
    the vectors are those columns of V; F still has a row for each of the others.
    """

    __slots__ = ("V", "_gaps", "reads", "spectrum", "w", "wanted")
    of_dense_matrices = True  # False where a subclass has its own way from the eigenbasis to the argument

    def __init__(
        self,
        w: Array,
        V: Array,
        spectrum: Spectrum,
        reads: LinearMap = hermitian_part_map,
        wanted: slice | None = None,
    ) -> None:
        self.w = w
        self.V = V
        self.spectrum = spectrum
        self.reads = reads
        self.wanted = wanted
        self._gaps: Any = None

    def _prepared(self) -> Any:
        if self._gaps is None:
            if not self.spectrum.degenerate:
                self._gaps = inverse_gaps(self.w, None), None
                return self._gaps
            tolerances = self.spectrum.tolerances
            equal = equal_pairs(primal(self.w), tolerances)
            F = inverse_gaps(self.w, equal)
            if self.wanted is not None:
                asked = np.zeros(equal.shape[-1], bool)
                asked[self.wanted] = True
                equal = equal & asked
            self._gaps = F, guard_equal(equal, "eigh: eigenvectors", tolerances)
        return self._gaps

    def congruence(self, v: Array) -> Array:
        """Vᴴ dA V from the tangent of the matrix."""
        return np.matmul(np.matmul(adjoint_matrix(self.V), self.reads.push(v)), self.V)

    def spread(self, X: Array) -> Array:
        """The adjoint of that, from V X Vᴴ."""
        return self.reads.pull(np.matmul(np.matmul(self.V, X), adjoint_matrix(self.V)))

    def spread_diagonal(self, g: Array) -> Array:
        """The same from V diag(g) Vᴴ."""
        return self.reads.pull(np.matmul(self.V * g[..., None, :], adjoint_matrix(self.V)))

    def push(self, v: Array) -> Any:
        V, wanted = self.V, self.wanted
        E = self.congruence(v)

        def vectors() -> Array:
            Q = product(E, *self._prepared())
            return np.matmul(V, Q if wanted is None else Q[..., wanted])

        shape = np.shape(E) if wanted is None else np.shape(primal(E)[..., wanted])
        return np.real(np.diagonal(E, axis1=-2, axis2=-1)), or_undefined(vectors, shape, V)

    def pull(self, w: Any) -> Array:
        V = self.V
        values, vectors = w
        if certainly_zero(vectors):
            return self.spread_diagonal(values)
        M = np.matmul(adjoint_matrix(V), vectors)
        if self.wanted is not None:
            before, after, _ = self.wanted.indices(np.shape(V)[-1])
            M = np.concatenate(
                [
                    np.zeros((*np.shape(M)[:-1], before), M.dtype),
                    M,
                    np.zeros((*np.shape(M)[:-1], np.shape(V)[-1] - after), M.dtype),
                ],
                axis=-1,
            )
        if np.iscomplexobj(V):
            turning = np.imag(np.diagonal(primal(M), axis1=-2, axis2=-1))
            refuse(turning, primal(M), PHASE.format("eigh"), self.spectrum.tolerances)
        plain = is_plain_matrix(V, M) and type(values) is np.ndarray
        if plain and self.of_dense_matrices and not self.spectrum.degenerate:
            S = eigh_pullback(V, self.w, M, values)
            return S if self.reads is hermitian_part_map else self.reads.pull(S)
        inner = adjoint_product(M, *self._prepared())
        if not certainly_zero(values):
            inner = (
                inner + values[..., None, :] * diagonal_masks(np.shape(V)[-1], primal(values).dtype.char)[0]
            )
        return self.spread(inner)


PHASE = (
    "{}: an eigenvector of a complex matrix is determined up to a factor of modulus one only, "
    "and the function depends on that factor, so it has no derivative. Make it independent of the phase: "
    "use abs(v), v vᴴ (fr.linalg.spectral_projector), or v / v[k] * abs(v[k])"
)


# --- general matrices --------------------------------------------------------------------------------------


class Pairs:
    """Eigenvalues and right eigenvectors (columns of length one) of a plain matrix, or of a pencil (A, B).

    ``pinned``: the largest component of each vector is real, as LAPACK's geev makes it; else the factor of
    modulus one of a complex vector is arbitrary.  ``call``: the function that messages name.
    """

    __slots__ = ("V", "call", "pinned", "tolerances", "w")

    def __init__(
        self, w: Array, V: Array, pinned: bool = True, tolerances: Tolerances = DEFAULT, call: str = "eig"
    ) -> None:
        self.w = w
        self.V = V
        self.pinned = pinned
        self.tolerances = tolerances
        self.call = call


@composed(np.linalg.eig)
def eig(a: Array) -> Any:
    a = as_array(a)
    return EigResult(*eig_of(a, Pairs(*np.linalg.eig(primal(a)))))


@composed(np.linalg.eigvals)
def eigvals(a: Array) -> Any:
    a = as_array(a)
    return eigvals_of(a, Pairs(*np.linalg.eig(primal(a)), call="eigvals"))


def _eig(a: Array, pairs: Pairs) -> Any:
    w, V = eig_of(a, pairs)
    return (w, V), compose(EigMap(w, V, pairs), InEigenbasis(V, V, pairs.call))


def _eigvals(a: Array, pairs: Pairs) -> Any:
    w, V = eig_of(a, pairs)
    return w, compose(diagonal_of_matrix, InEigenbasis(V, V, pairs.call))


def _eig_pencil(a: Array, b: Array, pairs: Pairs) -> Any:
    # From A V = B V Λ, with P = (B V)⁻¹: P (dA V − dB V Λ) in place of V⁻¹ dA V.
    w, V = eig_pencil_of(a, b, pairs)
    both, BV = EigMap(w, V, pairs), np.matmul(b, V)
    in_b = compose(both, -InEigenbasis(BV, V * w[..., None, :], pairs.call))
    return (w, V), (compose(both, InEigenbasis(BV, V, pairs.call)), in_b)


def _eigvals_pencil(a: Array, b: Array, pairs: Pairs) -> Any:
    w, V = eig_pencil_of(a, b, pairs)
    BV = np.matmul(b, V)
    in_b = compose(diagonal_of_matrix, -InEigenbasis(BV, V * w[..., None, :], pairs.call))
    return w, (compose(diagonal_of_matrix, InEigenbasis(BV, V, pairs.call)), in_b)


eig_of = Rule(lambda a, pairs: (pairs.w, pairs.V), _eig, "np.linalg.eig")
eigvals_of = Rule(lambda a, pairs: pairs.w, _eigvals, "np.linalg.eigvals")
eig_pencil_of = Rule(lambda a, b, pairs: (pairs.w, pairs.V), _eig_pencil, "frechet.linalg.eig")
eigvals_pencil_of = Rule(lambda a, b, pairs: pairs.w, _eigvals_pencil, "frechet.linalg.eigvals")

diagonal_of_matrix = linear(
    lambda v: np.diagonal(v, axis1=-2, axis2=-1), lambda w: w[..., None, :] * np.eye(np.shape(w)[-1])
)


class InEigenbasis(LinearMap):
    """E ↦ W⁻¹ E X for square W whose columns are independent."""

    __slots__ = ("W", "X", "_inverse", "call")

    def __init__(self, W: Array, X: Array, call: str) -> None:
        self.W = W
        self.X = X
        self.call = call
        self._inverse: Array = None

    @property
    def inverse(self) -> Array:
        """W⁻¹, where the matrix has a basis of eigenvectors."""
        if self._inverse is None:
            plain = primal(self.W)
            try:
                inverse = np.linalg.inv(self.W)
                # The condition of W with columns of length one, to within a factor n.
                rows = np.max(np.abs(primal(inverse)), axis=-1, initial=0)
                size = np.max(rows * np.max(np.abs(plain), axis=-2, initial=0), initial=0)
            except np.linalg.LinAlgError:
                size = np.inf
            if not size <= 0.01 / np.finfo(plain.dtype).eps:
                raise NotDifferentiableError(
                    f"{self.call}: the matrix has no basis of eigenvectors (it is defective, or b is "
                    "singular), and neither its eigenvalues nor its eigenvectors have a derivative. For a "
                    "function of the matrix use one that does not pass through eigenvectors "
                    "(fr.linalg.expm), for an invariant subspace fr.linalg.spectral_projector"
                )
            self._inverse = inverse
        return self._inverse

    def push(self, v: Array) -> Array:
        return np.matmul(self.inverse, np.matmul(v, self.X))

    def pull(self, w: Array) -> Array:
        return np.matmul(np.matmul(adjoint_matrix(self.inverse), w), adjoint_matrix(self.X))


class EigMap(LinearMap):
    """The tangents of eigenvalues and eigenvectors of A = V Λ V⁻¹ from E = V⁻¹ dA V.

    dλ = diag E;  a tangent of V is U = V (E ∘ F) with F_ij = 1/(λ_j − λ_i) and 0 on the diagonal, up to
    multiples of each column.  LAPACK's normalization fixes them: ‖v‖ = 1, and the component v_k that is
    largest is real.  So dv = u − (Re(vᴴu) + i Im(u_k)/v_k) v.  (Boeddeker et al., arXiv:1701.00392, without
    the last term.) Adjoint: ū = v̄ − Re(vᴴ v̄) v − i Im(vᴴ v̄)/v_k e_k, then diag λ̄ + (Vᴴ Ū) ∘ conj F.  Where
    the phase of v is arbitrary: dv = u − (vᴴu) v, and a cotangent with Im(vᴴ v̄) ≠ 0 is refused.
    """

    __slots__ = ("V", "_gaps", "_largest", "pairs", "w")

    def __init__(self, w: Array, V: Array, pairs: Pairs) -> None:
        self.w = w
        self.V = V
        self.pairs = pairs
        self._gaps: Any = None
        self._largest: Array = None

    def _prepared(self) -> Any:
        if self._gaps is None:
            equal = equal_pairs(primal(self.w), self.pairs.tolerances)
            guard = guard_equal(equal, f"{self.pairs.call}: eigenvectors", self.pairs.tolerances)
            self._gaps = inverse_gaps(self.w, equal), guard
        return self._gaps

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

    def push(self, v: Array) -> Any:
        return np.diagonal(v, axis1=-2, axis2=-1), or_undefined(lambda: self._vectors(v), np.shape(v), self.V)

    def _vectors(self, E: Array) -> Array:
        V = self.V
        U = np.matmul(V, product(E, *self._prepared()))
        along = np.sum(np.conj(V) * U, axis=-2)
        if self.pairs.pinned:
            along = np.real(along)
            if np.iscomplexobj(V):
                pivot = np.sum(self.largest * np.real(V), axis=-2)
                along = along + 1j * (np.sum(self.largest * np.imag(U), axis=-2) / pivot)
        return U - V * along[..., None, :]

    def pull(self, w: Any) -> Array:
        V = self.V
        values, vectors = w
        diagonal = values[..., None, :] * np.eye(np.shape(V)[-1], dtype=values.dtype)
        if certainly_zero(vectors):
            return diagonal
        along = np.sum(np.conj(V) * vectors, axis=-2)
        U = vectors - V * np.real(along)[..., None, :]
        if np.iscomplexobj(V):
            if self.pairs.pinned:
                pivot = np.sum(self.largest * np.real(V), axis=-2)
                U = U - 1j * self.largest * (np.imag(along) / pivot)[..., None, :]
            else:
                refuse(np.imag(primal(along)), primal(vectors), PHASE.format("eig"), self.pairs.tolerances)
        return adjoint_product(np.matmul(adjoint_matrix(V), U), *self._prepared()) + diagonal
