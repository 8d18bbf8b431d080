"""The eigenvalues of Hermitian band matrices as functions of their bands.

The matrix is given by its lower bands: ab[k, j] = A[j + k, j], shape (..., r + 1, n), with what lies beyond
the end of a band left unread.  Tangents and gradients are arrays of that shape; no dense matrix is formed
from them: dA V is a sum over the bands, and of V X Vᴴ only the bands are computed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array, compose, linear
from ..rule import Rule, carriers, primal
from ..rules.linalg_equal_eigenvalues import Spectrum, ValuesMap
from ..rules.linalg_spectral import EighMap, with_frame

__all__ = ["band_eigenpairs", "band_eigenvalues", "dense_from_bands", "lower_from_upper"]


def shifted(x: Array, k: int, axis: int) -> Array:
    """x moved along a (negative) axis by k places, to higher indices if k > 0, and filled up with zeros."""
    n = np.shape(x)[axis]
    if k == 0:
        return x
    behind = (slice(None),) * (-axis - 1)
    size = min(abs(k), n)
    shape = (*np.shape(x)[: np.ndim(x) + axis], size, *np.shape(x)[np.ndim(x) + axis + 1 :])
    zeros = np.zeros(shape, primal(x).dtype)
    if k > 0:
        return np.concatenate([zeros, x[(..., slice(0, n - size), *behind)]], axis=axis)
    return np.concatenate([x[(..., slice(size, n), *behind)], zeros], axis=axis)


def lower_from_upper(ab: Array) -> Array:
    """The lower bands from the upper ones, ab[r − k, j + k] = A[j, j + k]."""
    r = np.shape(ab)[-2] - 1
    return np.stack([np.conj(shifted(ab[..., r - k, :], -k, -1)) for k in range(r + 1)], axis=-2)


def dense_from_bands(ab: Array) -> Array:
    """The matrix of given lower bands."""
    n = np.shape(ab)[-1]
    return times(ab, np.eye(n, dtype=primal(ab).dtype))


def times(ab: Array, V: Array) -> Array:
    """A V for the Hermitian matrix A of given lower bands."""
    total = np.real(ab[..., 0, :])[..., None] * V
    for k in range(1, min(np.shape(ab)[-2], np.shape(ab)[-1])):
        band = ab[..., k, :, None]  # A[j + k, j]
        total = total + shifted(band * V, k, -2) + np.conj(band) * shifted(V, -k, -2)
    return total


def bands_of(L: Array, R: Array, n_bands: int) -> Array:
    """The adjoint of A ↦ ⟨L, A R⟩: the lower bands of G + Gᴴ, its diagonal halved, for G = L Rᴴ."""
    n = np.shape(L)[-2]
    bands = [np.real(np.sum(L * np.conj(R), axis=-1))]
    for k in range(1, n_bands):
        if k < n:
            below = np.sum(shifted(L, -k, -2) * np.conj(R), axis=-1)
            bands.append(below + np.sum(np.conj(L) * shifted(R, -k, -2), axis=-1))
        else:
            bands.append(np.zeros(np.shape(bands[0]), primal(bands[0]).dtype))
    return np.stack(bands, axis=-2)


class BandEighMap(EighMap):
    """`EighMap` for the tangents of bands."""

    __slots__ = ("n_bands",)
    of_dense_matrices = False

    def __init__(self, w: Array, V: Array, spectrum: Spectrum, columns: slice | None, n_bands: int) -> None:
        super().__init__(w, V, spectrum, wanted=columns)
        self.n_bands = n_bands

    def congruence(self, v: Array) -> Array:
        return np.matmul(np.conj(np.swapaxes(self.V, -1, -2)), times(v, self.V))

    def spread(self, X: Array) -> Array:
        return bands_of(np.matmul(self.V, X), self.V, self.n_bands)

    def spread_diagonal(self, g: Array) -> Array:
        return bands_of(self.V * g[..., None, :], self.V, self.n_bands)


def _eigenpairs_value(ab: Array, spectrum: Spectrum, columns: slice | None = None) -> Any:
    return spectrum.w, spectrum.V if columns is None else spectrum.V[..., columns]


def _eigenpairs_body(ab: Array, spectrum: Spectrum, columns: slice | None = None) -> Any:
    w, V = _eigenpairs(ab, spectrum)
    return (w, V if columns is None else V[..., columns]), BandEighMap(
        w, V, spectrum, columns, np.shape(ab)[-2]
    )


_eigenpairs = Rule(_eigenpairs_value, _eigenpairs_body, "frechet.linalg.eig_banded")


def band_eigenpairs(ab: Array, spectrum: Spectrum, columns: slice | None) -> tuple[Array, Array]:
    """Eigenvalues and (some) eigenvectors; where values are equal, the values by a rule of their own."""
    w, V = _eigenpairs(ab, spectrum, columns)
    return (band_eigenvalues(ab, spectrum), V) if spectrum.degenerate else (w, V)


def _eigenvalues_body(ab: Array, spectrum: Spectrum) -> Any:
    n_bands = np.shape(ab)[-2]
    if spectrum.degenerate and type(ab) in carriers:  # second derivatives are at home with the dense matrix
        w, frame = with_frame(dense_from_bands(ab), True, spectrum)
        eye = np.eye(np.shape(ab)[-1], dtype=primal(ab).dtype)
        dense = linear(dense_from_bands, lambda w: bands_of(w, eye, n_bands))
        return w, compose(ValuesMap(frame, spectrum), dense)
    w, V = _eigenpairs(ab, spectrum)
    return w, linear(
        lambda v: np.real(np.sum(np.conj(V) * times(v, V), axis=-2)),
        lambda g: bands_of(V * g[..., None, :], V, n_bands),
    )


band_eigenvalues = Rule(lambda ab, spectrum: spectrum.w, _eigenvalues_body, "frechet.linalg.eigvals_banded")
