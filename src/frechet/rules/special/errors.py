"""The error function and its relatives, Fresnel integrals, the normal distribution."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special as sp

from ...linear_map import Array
from ..define import elementwise, over, several

TWO_OVER_ROOT_PI = 2 / np.sqrt(np.pi).item()
ROOT_TWO = np.sqrt(2.0).item()
ROOT_TWO_PI = np.sqrt(2 * np.pi).item()

elementwise(sp.erf, lambda x: TWO_OVER_ROOT_PI * np.exp(-x * x))
elementwise(sp.erfc, lambda x: -TWO_OVER_ROOT_PI * np.exp(-x * x))
elementwise(sp.erfcx, lambda x, y: 2 * x * y - TWO_OVER_ROOT_PI)  # erfcx(x) = exp(x²) erfc(x)
elementwise(sp.erfi, lambda x: TWO_OVER_ROOT_PI * np.exp(x * x))
elementwise(sp.wofz, lambda x, y: 1j * TWO_OVER_ROOT_PI - 2 * x * y)  # wofz(z) = exp(−z²) erfc(−iz)
elementwise(sp.dawsn, lambda x, y: 1 - 2 * x * y)
elementwise(sp.erfinv, lambda y: np.exp(y * y) / TWO_OVER_ROOT_PI)
elementwise(sp.erfcinv, lambda y: -np.exp(y * y) / TWO_OVER_ROOT_PI)


# --- the normal distribution ----------------------------------------------------------------------


def _density(x: Array) -> Array:
    return np.exp(-0.5 * x * x) / ROOT_TWO_PI


def _mills(x: Array) -> Array:
    """ndtr(x)/density(x) = √(π/2) erfcx(−x/√2), without underflow in the lower tail."""
    return ROOT_TWO_PI / 2 * sp.erfcx(x * (-1 / ROOT_TWO))


elementwise(sp.ndtr, _density)
elementwise(sp.ndtri, lambda y: ROOT_TWO_PI * np.exp(0.5 * y * y))
elementwise(sp.log_ndtr, lambda x: 1 / _mills(x))
elementwise(sp.ndtri_exp, lambda y: _mills(y))  # noqa: PLW0108  # of the result

# Solutions of (x − mean)/deviation = ndtri(p) for the mean and for the deviation.
elementwise(
    sp.nrdtrimn,
    lambda a, b: -b * ROOT_TWO_PI * np.exp(0.5 * np.square(sp.ndtri(a))),
    lambda a: -sp.ndtri(a),
    1,
)
elementwise(
    sp.nrdtrisd,
    lambda b: over(-1, sp.ndtri(b)),
    lambda y, b: -y / sp.ndtri(b) * ROOT_TWO_PI * np.exp(0.5 * np.square(sp.ndtri(b))),
    lambda b: over(1, sp.ndtri(b)),
)

# owens_t(h, a) = (1/2π) ∫₀ᵃ exp(−h²(1 + t²)/2)/(1 + t²) dt  (D. B. Owen 1956)
elementwise(
    sp.owens_t,
    lambda a, b: -0.5 / ROOT_TWO_PI * np.exp(-0.5 * a * a) * sp.erf(a * b / ROOT_TWO),
    lambda a, b: np.exp(-0.5 * a * a * (1 + b * b)) / (2 * np.pi * (1 + b * b)),
)


# --- Fresnel integrals ----------------------------------------------------------------------------

several(sp.fresnel, lambda x: (np.sin(np.pi / 2 * x * x), np.cos(np.pi / 2 * x * x)))


def _modified_fresnel(sign: complex) -> Any:
    """F(x) = ∫ₓ^∞ exp(±it²) dt and K(x) = exp(∓i(x² + π/4)) F(x)/√π, with sign = ±i."""
    turn = np.exp(-sign * np.pi / 4) / np.sqrt(np.pi)

    def factors(x: Array, y: Any) -> Any:
        return -np.exp(sign * x * x), -2 * sign * x * y[1] - turn

    return factors


several(sp.modfresnelp, _modified_fresnel(1j))
several(sp.modfresnelm, _modified_fresnel(-1j))


# --- the Voigt profile ----------------------------------------------------------------------------
#
# V(x; σ, γ) = Re w(z)/(σ√(2π)) with z = (x + iγ)/(σ√2) and w′ = 2i/√π − 2zw, for σ > 0.


def _voigt(a: Array, b: Array, c: Array) -> tuple[Array, Array]:
    """z and w′(z)/(2σ²√π)."""
    z = (a + 1j * c) / (b * ROOT_TWO)
    return z, (1j * TWO_OVER_ROOT_PI - 2 * z * sp.wofz(z)) / (2 * b * b * np.sqrt(np.pi))


def _voigt_sigma(a: Array, b: Array, c: Array, y: Array) -> Array:
    z, slope = _voigt(a, b, c)
    return -y / b - ROOT_TWO * np.real(z * slope)


elementwise(
    sp.voigt_profile,
    lambda a, b, c: np.real(_voigt(a, b, c)[1]),
    _voigt_sigma,
    lambda a, b, c: -np.imag(_voigt(a, b, c)[1]),
)
