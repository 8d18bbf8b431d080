"""Determinants of banded matrices, differentiated in the bands."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.linalg import LinAlgError

from ..linear_map import Array, LinearMap
from ..rule import Rule, primal
from ._band_factor import band_lu
from ._cyclic_reduction import inverse_on_bands

__all__ = ["slogdet_banded"]


def _slogdet(ab: Array, below: int, above: int) -> tuple[Array, Array]:
    lead = ab.shape[:-2]
    signs, logs = np.zeros(lead, ab.dtype), np.full(lead, -np.inf, ab.real.dtype)
    for at in np.ndindex(lead):
        try:
            signs[at], logs[at] = band_lu(ab[at], below, above).slogdet if ab.shape[-1] else (1, 0)
        except LinAlgError:  # exactly singular
            continue
    return signs[()], logs[()]


def _slogdet_body(ab: Array, below: int, above: int) -> Any:
    sign, logdet = slogdet_banded(ab, below, above)
    return (sign, logdet), BandLogDeterminant(ab, sign, below, above)


#: The sign and the logarithm of the absolute value of the determinant, for bands (..., below + above + 1, n).
slogdet_banded = Rule(_slogdet, _slogdet_body, "frechet.linalg: the determinant of a banded matrix")


class BandLogDeterminant(LinearMap):
    """Δ ↦ the tangents of the sign and of log|det A|: by t = tr(A⁻¹ Δ), as of a dense matrix.

    Δ is zero outside of the bands, so that t takes the entries of A⁻ᵀ on the bands alone.
    """

    __slots__ = ("_P", "ab", "above", "below", "sign")

    def __init__(self, ab: Array, sign: Array, below: int, above: int) -> None:
        self.ab, self.sign, self.below, self.above = ab, sign, below, above
        self._P: Array = None

    @property
    def P(self) -> Array:
        """The bands of A⁻ᵀ."""
        if self._P is None:
            if np.any(primal(self.sign) == 0):
                raise LinAlgError(
                    "slogdet, det: a banded matrix is singular, where the derivative is not computed from "
                    "its bands; that of np.linalg.det(A.to_dense()) is"
                )
            self._P = inverse_on_bands(self.ab, self.below, self.above)
        return self._P

    def push(self, v: Array) -> Any:
        t = np.sum(self.P * v, (-2, -1))
        if self.sign.dtype.kind != "c":
            return np.zeros(np.shape(t), self.sign.dtype), t
        return self.sign * (1j * np.imag(t)), np.real(t)

    def pull(self, w: Any) -> Array:
        turn, logdet = w
        complex_ = self.sign.dtype.kind == "c"
        t = logdet + 1j * np.imag(np.conj(self.sign) * turn) if complex_ else logdet
        return np.reshape(t, (*np.shape(t), 1, 1)) * np.conj(self.P)
