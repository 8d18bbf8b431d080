"""A function of one square matrix by the Schur–Parlett algorithm, kept for its Fréchet derivatives.

A = Z T Zᴴ with T upper triangular, ordered so that close eigenvalues stand together in diagonal blocks
(Davies & Higham, SIAM J. Matrix Anal. Appl. 25:464, 2003).  A block whose eigenvalues are close to their mean
σ has the Taylor series Σ c_k (B − σI)^k; what stands above the blocks follows from F T = T F, a Sylvester
equation whose coefficients have no eigenvalues in common.

A series is kept if it has converged to working precision; otherwise the block is split at a smaller distance
and tried again, so that a singularity of f nearby, or few known derivatives, cost accuracy only where nothing
better is to be had.

Derivatives.  Where the eigenvectors (or, of close eigenvalues, invariant subspaces) are well conditioned, T =
S D S⁻¹ with D block diagonal, and L(A, E) has the blocks of L(D, Z S E (Z S)⁻¹): divided differences of f
times the entries, Sylvester equations and differentiated Taylor series where blocks are larger.  One matrix S
serves all directions.  Elsewhere L(A, E) is the upper right block of f([[T, E], [0, T]]), which needs no new
Schur form either: the matrix is triangular, and its close eigenvalues are known.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import NotDifferentiableError
from ..rules.lapack import lapack
from ._arguments import unit_for
from ._divided_differences import DividedDifferences
from ._scalar_function import ScalarFunction
from ._triangular_form import TriangularForm
from ._triangular_sylvester import TriangularSylvester

__all__ = ["SchurParlett"]

Array = NDArray[Any]

# Distances of close eigenvalues, relative for spectra within the unit disk: that of Davies & Higham; a
# smaller one where it would make large blocks, which are dear; and a larger one where the eigenvectors are
# ill conditioned, so that quotients by differences of eigenvalues lose digits.
_CLOSE, _CLOSER, _LOOSE = 0.1, 0.01, 1.0
_LARGE = 32  # the number of rows of such a block
_WELL = 100  # the condition number of S up to which eigenvectors count as well conditioned
_TERMS = 16  # with which a Taylor series is first tried
_CONDITION = 1e3  # of S, up to which derivatives are taken by S
_EPS = float(np.finfo(float).eps)


class SchurParlett:
    """f(A) for one matrix.

    Parameters
    ----------
    T, Z : (n, n) ndarray of complex128
        A = unit Z T Zᴴ, T upper triangular.
    f : ScalarFunction
        As a function of the eigenvalues of T.
    unit : float
    labels : (n,) ndarray of int
        Which eigenvalues, in the order of T's diagonal, are taken together.
    real : bool
        Whether A is real, so that clusters on the real axis have real means.

    Attributes
    ----------
    value : (n, n) ndarray of complex128
    error : float
        An estimate of the relative error of the value, by the smallest distance of blocks.
    """

    def __init__(self, T: Array, Z: Array, f: ScalarFunction, unit: float, labels: Array, real: bool) -> None:
        self.f, self.unit, self.real = f, unit, real
        while True:
            self.T, self.Z, self.labels = _reordered(T, Z, labels)
            edges = np.flatnonzero(np.diff(self.labels)) + 1
            self.cuts = [0, *edges.tolist(), len(T)] if len(T) else [0]
            if self._fill_blocks():
                break
            T, Z, labels = self.T, self.Z, self.labels
        self._fill(0, len(self.cuts) - 1)
        self.value = self.Z @ self.F @ self.Z.conj().T

    @classmethod
    def of(cls, A: Array, f: ScalarFunction, distance: float | None) -> SchurParlett:
        """The function of a matrix, float64 or complex128."""
        unit = float(unit_for(np.abs(A).max(initial=0)))
        f = f.in_units(unit)
        T, Z = _schur(A / unit)
        w = np.diagonal(T)
        real = A.dtype.kind != "c"
        if distance is not None:
            return cls(T, Z, f, unit, _clusters(w, distance / unit), real)
        if unit * np.abs(w - w[:1]).max(initial=0) <= _CLOSE:
            # All at once first: the series of a function without a singularity nearby converges, while its
            # differences are small beside its values, and lose digits (e^A of a small A).
            result = cls(T, Z, f, unit, np.zeros(len(w), int), real)
            if result.condition <= _WELL:
                return result
        size = min(1.0 / unit, float(np.abs(w).max(initial=0)))
        labels = _clusters(w, _CLOSE * size)
        if np.bincount(labels, minlength=1).max() > _LARGE:
            labels = _clusters(w, _CLOSER * size)
        result = cls(T, Z, f, unit, labels, real)
        if result.condition <= _WELL:
            return result
        return cls(T, Z, f, unit, _clusters(w, _LOOSE * size), real)

    def doubled(self, E: Array) -> SchurParlett:
        """The function of [[A, E], [0, A]]."""
        n = len(self.T)
        zero = np.zeros_like(self.T)
        T = np.block([[self.T, self.Z.conj().T @ (E / self.unit) @ self.Z], [zero, self.T]])
        Z = np.block([[self.Z, zero], [zero, self.Z]]) if n else zero
        real = self.real and E.dtype.kind != "c"
        return SchurParlett(T, Z, self.f, self.unit, np.concatenate([self.labels, self.labels]), real)

    @cached_property
    def error(self) -> float:
        if not np.isfinite(self.F).all():
            return float(np.inf)
        w = np.diagonal(self.T)
        apart = self.labels[:, None] != self.labels
        gap = np.abs(w[:, None] - w)[apart].min(initial=np.inf)
        above = np.abs(np.triu(self.T, 1)).sum(axis=0).max(initial=0)
        growth = min(above / gap, self.condition) if gap else self.condition
        return float(min(1.0, _EPS * max(1.0, growth)))

    # --- the value ------------------------------------------------------------------------------------------

    def _fill_blocks(self) -> bool:
        """The diagonal blocks of F; False, with new labels, where a block has to be split."""
        T = self.T
        w = np.diagonal(T)
        self.F = np.diag(self.f(w).astype(complex))
        # Of the larger blocks: (first, last + 1, powers of B − σI, Taylor coefficients).
        self.series: list[tuple[int, int, list[Array], Array] | None] = []
        split = False
        blocks = [(i, j) for i, j in zip(self.cuts, self.cuts[1:], strict=False) if j - i > 1]
        centers = np.array([self._center(w[i:j]) for i, j in blocks])
        of_all = cache(lambda order: self.f.taylor(centers, order))

        def coefficients(k: int, order: int) -> Array:
            return np.asarray(of_all(order)[:, k])

        for number, (i, j) in enumerate(zip(self.cuts, self.cuts[1:], strict=False)):
            self.labels[i:j] = number * len(w)  # with room for new ones
            if j - i == 1:
                continue
            B = T[i:j, i:j]
            refusal = None
            try:
                k = blocks.index((i, j))
                found = self._taylor(B, centers[k], partial(coefficients, k))
            except NotDifferentiableError as error:
                found, refusal = None, error
            if found is not None and _reproduces(*found, np.diagonal(self.F)[i:j]):
                self.F[i:j, i:j], powers, c = found
                self.series.append((i, j, powers, c) if np.isfinite(c).all() else None)
                continue
            parts = _split(w[i:j], float(np.abs(np.diagonal(T)).max()))
            if parts is not None:
                self.labels[i:j] += parts
                split = True
            elif np.abs(np.triu(B, 1)).max() > 10 * len(w) * _EPS * np.abs(T).max():
                raise refusal or NotDifferentiableError(
                    f"funm: the matrix has an eigenvalue {w[i]:.6g} of multiplicity {j - i} and is not "
                    "diagonalizable there, so that derivatives of func are needed; they do not exist, or "
                    "were not given: derivatives=(f', f'', ...)"
                )
            else:  # diagonal up to rounding: F = f(diagonal) is exact for a matrix within rounding of A
                self.series.append(None)
        return not split

    def _center(self, w: Array) -> complex:
        """The mean of eigenvalues, real where it should be."""
        center = complex(np.mean(w))
        if self.real and abs(center.imag) <= 100 * len(w) * _EPS * abs(center):
            return complex(center.real, 0.0)
        return center

    def _taylor(
        self, B: Array, center: complex, coefficients: Callable[[int], Array]
    ) -> tuple[Array, list[Array], Array] | None:
        """f(B), powers of N = B − σI and coefficients at σ; None if there are not enough of these."""
        m = len(B)
        N = B - center * np.eye(m)
        spread = float(np.abs(np.diagonal(N)).max())
        powers = [np.eye(m, dtype=complex), N]
        order = min(_TERMS, self.f.order)
        while True:
            c = coefficients(order)
            if spread and self.f.order >= _TERMS:  # first the series of the eigenvalues, which costs little
                with np.errstate(over="ignore", invalid="ignore"):
                    terms = np.abs(c) * spread ** np.arange(order + 1.0)
                if not terms[order // 2 + 1 :].max() <= _EPS * terms.max():
                    if order >= min(4 * _TERMS, self.f.order) or not np.isfinite(terms).all():
                        return None
                    order = min(2 * order, self.f.order)
                    continue
            while len(powers) <= order + 1:
                powers.append(powers[-1] @ N)
            sizes = np.array([np.abs(P).sum(axis=0).max() for P in powers])
            used = sizes[:-1] > 0  # fewer than all where N is nilpotent
            if not np.isfinite(c[used]).all():
                return None
            F = np.tensordot(c[used], np.stack(powers[:-1])[used], 1)
            size = np.abs(F).sum(axis=0).max()
            terms = np.abs(np.where(used, c, 0)) * sizes[:-1]
            if self.f.order < _TERMS:
                known = np.abs(c)
                growth = (known[1:] / np.maximum(known[:-1], np.finfo(float).tiny)).max(initial=1)
                enough = order == 0 and sizes[1] == 0
                enough |= order > 0 and known[-1] * growth * sizes[-1] <= 10 * _EPS * size
                return (F, powers[:-1], c) if enough else None
            if terms[order // 2 + 1 :].max() <= _EPS * size:
                return F, powers[:-1], c
            if order >= max(4 * _TERMS, 2 * m + _TERMS) or order == self.f.order or not np.isfinite(size):
                return None
            order = min(2 * order, self.f.order)

    def _fill(self, i: int, j: int) -> None:
        """What stands above the blocks i … j − 1: F T = T F, split in the middle."""
        if j - i < 2:
            return
        h = (i + j) // 2
        self._fill(i, h)
        self._fill(h, j)
        first, last = slice(self.cuts[i], self.cuts[h]), slice(self.cuts[h], self.cuts[j])
        F, T = self.F, self.T
        right = F[first, first] @ T[first, last] - T[first, last] @ F[last, last]
        F[first, last] = TriangularSylvester(T[first, first], -T[last, last]).solve(right)

    # --- derivatives ----------------------------------------------------------------------------------------

    def frechet(self, E: Array) -> Array:
        """L(A, E) for directions (..., n, n)."""
        if self._decoupled is not None:
            left, right = self._decoupled
            return np.asarray(right @ self._of_blocks(left @ (E / self.unit) @ right) @ left)
        n = len(self.T)
        result = np.empty(E.shape, complex)
        for at in np.ndindex(E.shape[:-2]):
            scale = self.scale_for(E[at])
            result[at] = self.doubled(E[at] * scale).value[:n, n:] / scale
        return result

    def scale_for(self, E: Array) -> float:
        """A power of two that makes E about as large as A; one where either is zero."""
        size, norm = (float(np.abs(X).max(initial=0)) for X in (self.T, E))
        if not size or not norm:
            return 1.0
        exponent = np.log2(size) + np.log2(self.unit) - np.log2(norm)
        return float(np.exp2(np.clip(np.round(exponent), -1000, 1000)))

    @cached_property
    def _decoupled(self) -> tuple[Array, Array] | None:
        """(Z S)⁻¹ and Z S with T = S D S⁻¹, D block diagonal; None where they are not to be used."""
        if any(s is None for s in self.series) or (self.series and self.f.order < _TERMS):
            return None
        if not self.condition <= _CONDITION:
            return None
        S, inverse = self._eigenvectors
        return inverse @ self.Z.conj().T, self.Z @ S

    @cached_property
    def condition(self) -> float:
        """The condition number of S, one for a unitary one."""
        S, inverse = self._eigenvectors
        return float(np.linalg.norm(S) * np.linalg.norm(inverse) / max(len(S), 1))

    @cached_property
    def _eigenvectors(self) -> tuple[Array, Array]:
        """S and S⁻¹ with T = S D S⁻¹, D block diagonal."""
        n = len(self.T)
        S, inverse = np.eye(n, dtype=complex), np.eye(n, dtype=complex)
        self._decouple(S, inverse, 0, len(self.cuts) - 1)
        lengths = np.where(self._single, np.sqrt(np.sum(np.abs(S) ** 2, axis=0)), 1)
        return S / lengths, inverse * lengths[:, None]

    def _decouple(self, S: Array, inverse: Array, i: int, j: int) -> None:
        # [T1 T12; 0 T2] = [I Y; 0 I] [T1 0; 0 T2] [I −Y; 0 I] with T1 Y − Y T2 = −T12
        if j - i < 2:
            return
        h = (i + j) // 2
        self._decouple(S, inverse, i, h)
        self._decouple(S, inverse, h, j)
        first, last = slice(self.cuts[i], self.cuts[h]), slice(self.cuts[h], self.cuts[j])
        T = self.T
        Y = TriangularSylvester(T[first, first], -T[last, last]).solve(-T[first, last])
        S[first, last] = Y @ S[last, last]
        inverse[first, last] = -inverse[first, first] @ Y

    @cached_property
    def _single(self) -> Array:
        """Which eigenvalues are blocks of their own."""
        sizes = np.diff(self.cuts)
        return np.repeat(sizes == 1, sizes)

    @cached_property
    def _differences(self) -> Array:
        """f[λ_i, λ_j] for the eigenvalues that are blocks of their own, as a matrix."""
        w = np.diagonal(self.T)[self._single]
        i, j = np.indices((len(w), len(w)))
        return DividedDifferences(self.f, w, np.diagonal(self.F)[self._single]).at(np.stack([i, j]))

    def _of_blocks(self, E: Array) -> Array:
        """L(D, E).

        For eigenvalues on their own f[λ_i, λ_j] E_ij; for a block B and another one C the solution of
        B X − X C = f(B) E − E f(C); for B itself Σ_k c_k Σ_(a+b=k−1) N^a E N^b.
        """
        single = np.flatnonzero(self._single)
        X = np.zeros(E.shape, complex)
        X[..., single[:, None], single] = self._differences * E[..., single[:, None], single]
        groups = [np.arange(i, j) for i, j, *_ in filter(None, self.series)]
        others = [*groups, single] if single.size else groups
        for one, (i, j, powers, c) in zip(groups, filter(None, self.series), strict=True):
            block = E[..., i:j, i:j]
            term, total = block, c[1] * block
            for k in range(2, len(c)):
                term = powers[1] @ term + block @ powers[k - 1]
                total = total + c[k] * term
            X[..., i:j, i:j] = total
            for other in others:
                if other is not one:
                    X[..., one[:, None], other] = self._between(one, other, E)
        if groups and single.size:
            for one in groups:
                X[..., single[:, None], one] = self._between(single, one, E)
        return X

    def _between(self, one: Array, other: Array, E: Array) -> Array:
        B, C = (self._diagonal_block(self.T, k) for k in (one, other))
        f_B, f_C = (self._diagonal_block(self.F, k) for k in (one, other))
        block = E[..., one[:, None], other]
        return np.asarray(TriangularSylvester(B, -C).solve(f_B @ block - block @ f_C))

    def _diagonal_block(self, M: Array, k: Array) -> Array:
        return np.diag(np.diagonal(M)[k]) if self._single[k[0]] else M[k[:, None], k]


def _schur(A: Array) -> tuple[Array, Array]:
    """A complex Schur form; that of a triangular matrix is the matrix."""
    if not np.tril(A, -1).any():
        return A.astype(complex), np.eye(len(A), dtype=complex)
    form = TriangularForm.of(A[None]).complex()
    assert form.Q is not None
    return np.triu(form.T[0]), form.Q[0]


def _clusters(w: Array, distance: float) -> Array:
    """Labels 0, 1, … of points, the same for those joined by steps of at most a distance."""
    close = np.abs(w[:, None] - w) <= distance
    labels = np.arange(len(w))
    while True:
        least = np.where(close, labels, len(w)).min(axis=1, initial=len(w))
        if (least == labels).all():
            return labels
        labels = least


def _reproduces(F: Array, powers: list[Array], c: Array, values: Array) -> bool:
    """Whether a Taylor series has the values of f at the eigenvalues of a block.

    It has not where a branch cut of f runs between them.
    """
    sizes = np.abs(np.stack([np.diagonal(P) for P in powers]))
    scale = (np.where(sizes > 0, np.abs(c)[:, None], 0) * sizes).sum(axis=0)
    return bool((np.abs(np.diagonal(F) - values) <= np.sqrt(_EPS) * scale).all())


def _split(w: Array, scale: float) -> Array | None:
    """Labels of at least two clusters of points; None where they cannot be told apart."""
    distance = float(np.abs(w - w.mean()).max())
    while distance > 4 * _EPS * scale:
        labels = _clusters(w, distance)
        if labels.any():
            return labels
        distance /= 4
    return None


def _reordered(T: Array, Z: Array, labels: Array) -> tuple[Array, Array, Array]:
    """The Schur form with equal labels next to each other, the clusters in the order of their mean places."""
    places = np.arange(len(labels))
    means = {k: places[labels == k].mean() for k in set(labels.tolist())}
    rank = {k: r for r, k in enumerate(sorted(means, key=lambda k: means[k]))}
    current = [rank[k] for k in labels.tolist()]
    T, Z = np.array(T, order="F"), np.array(Z, order="F")
    trexc = lapack("trexc", "D")
    for place, label in enumerate(sorted(current)):
        if current[place] != label:
            found = current.index(label, place)
            T, Z, _ = trexc(T, Z, found + 1, place + 1, overwrite_a=True, overwrite_q=True)
            current.insert(place, current.pop(found))
    return T, Z, np.array(current, int)
