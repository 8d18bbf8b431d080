"""The spreading kernel: a prolate spheroidal wave function, cut into panels that are polynomials.

On a fine grid of n points for modes up to N/2 = n/(2σ), a kernel φ supported on w grid points turns e^{ikx}
into Σ_m φ̂(k + m n)/φ̂(k) e^{i(k + m n)x}: the terms with m ≠ 0 are the error.  The function of a given
support with the least energy in frequencies beyond n − N/2 is the prolate spheroidal wave function ψ₀ with
bandwidth c = π w (1 − 1/(2σ)) (Slepian & Pollak 1961); the error falls like exp(−π w √(1 − 1/σ)) (Barnett
2020, arXiv:2001.09405).

Everything here depends on w, σ and the precision alone and is kept.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _core
from ..maps import Diagonal
from ..rule import Rule

Array = Any

WIDTHS = range(2, _core.max_width + 1)


@dataclass(frozen=True, eq=False, slots=True)
class Kernel:
    """φ on w grid points, as polynomials on the panels between them (see `_core.Points`)."""

    width: int
    table: Array  # (degree + 1, 16), the highest power first
    inverse: Array  # 1/φ̂(ξ) for |ξ| ≤ 1/(2σ) cycles per grid point: coefficients of powers of (2σ ξ)²
    sigma: float

    def deconvolution(self, frequency: Array) -> Array:
        """1/φ̂ at frequencies in cycles per grid point, |ξ| ≤ 1/(2σ); plain or traced."""
        return polynomial((frequency * (2 * self.sigma)) ** 2, self.inverse)


def _polynomial_plain(t: Array, coefficients: Array) -> Array:
    values = np.empty_like(t)
    step = 1 << 13  # entries that stay in the nearest cache
    for first in range(0, t.size, step):
        part = t[first : first + step]
        total = part * coefficients[-1]
        for c in coefficients[-2:0:-1]:
            total += c
            total *= part
        values[first : first + step] = total + coefficients[0]
    return values


def _polynomial_body(t: Array, coefficients: Array) -> Any:
    slope = coefficients[1:] * np.arange(1, len(coefficients)) if len(coefficients) > 1 else np.zeros(1)
    factor = functools.partial(polynomial, coefficients=slope)
    return polynomial(t, coefficients), Diagonal(factor, (t,), np.shape(t), np.shape(t))


# Σ c_p t^p, for t with one axis
polynomial = Rule(_polynomial_plain, _polynomial_body, "frechet.nufft: a polynomial")


def transform(table: Array, width: int, frequency: Array) -> Array:
    """φ̂(ξ) = ∫ φ(z) cos(2π ξ z) dz of a table of panels, for frequencies in cycles per grid point."""
    x, weight = np.polynomial.legendre.leggauss(14)  # exact beyond degree 23, and for the cosine of a panel
    values = np.polynomial.polynomial.polyval(x, table[::-1, :width].astype(float))
    z = np.arange(width)[:, None] - width / 2 + (x + 1) / 2
    phase = np.multiply.outer(2 * np.pi * frequency, z)
    transformed: Array = np.sum(np.cos(phase) * (values * (weight / 2)), axis=(-2, -1))
    return transformed


def prolate(c: float, t: Array) -> Array:
    """ψ₀ with bandwidth c at t in [−1, 1], with ψ₀(0) = 1.

    ψ₀ is the eigenfunction of the least eigenvalue of −((1 − t²) ψ′)′ + c² t² ψ; in normalized Legendre
    polynomials that is a symmetric tridiagonal matrix on the even degrees (Xiao, Rokhlin & Yarvin 2001).
    """
    from scipy.linalg import eigh_tridiagonal

    k = 2.0 * np.arange(24 + int(c))
    diagonal = k * (k + 1) + (2 * k * (k + 1) - 1) / ((2 * k + 3) * (2 * k - 1)) * c**2
    beside = (k + 2) * (k + 1) / ((2 * k + 3) * np.sqrt((2 * k + 1) * (2 * k + 5))) * c**2
    _, vectors = eigh_tridiagonal(diagonal, beside[:-1], select="i", select_range=(0, 0))
    expansion = np.zeros(2 * len(k))
    expansion[::2] = vectors[:, 0] * np.sqrt(k + 0.5)
    at_zero = np.polynomial.legendre.legval(0.0, expansion)
    values: Array = np.polynomial.legendre.legval(t, expansion / at_zero)
    return values


@functools.lru_cache(maxsize=256)
def make_kernel(width: int, sigma: float, single: bool) -> Kernel:
    """The kernel of a width for an upsampling factor.

    The degree of the panels is the least whose error is below rounding, or so far below the kernel's own
    error that it does not count.
    """
    c = np.pi * width * (1 - 1 / (2 * sigma)) - 0.05
    panel = np.arange(width)[:, None]
    degree = most = 23
    nodes = np.cos(np.pi * (np.arange(most + 1) + 0.5) / (most + 1))
    # panel j at s is φ at z = j − w/2 + (s + 1)/2
    values = prolate(c, (panel + (nodes + 1) / 2) * (2 / width) - 1)
    series = np.polynomial.chebyshev.chebfit(nodes, values.T, most)
    # An error of a panel counts at the highest mode, where φ̂ is least.
    x, weight = np.polynomial.legendre.leggauss(40 + width)
    phi = prolate(c, x) * weight
    edge = (np.cos(np.pi * width / (2 * sigma) * x) @ phi) / np.sum(phi)
    rounding = 2 * np.finfo(np.float32 if single else np.float64).eps
    allowed = max(rounding, 0.3 * edge * value_level(width, sigma))
    while degree > 2 and np.max(np.sum(np.abs(series[degree:]), axis=0)) <= allowed:
        degree -= 1
    series = series[: degree + 1]
    powers = np.array([_powers(column, degree + 1) for column in series.T])  # (w, degree + 1), lowest first
    table = np.zeros((degree + 1, _core.max_width))
    table[:, :width] = powers.T[::-1]
    table = table.astype(np.float32 if single else np.float64)
    # 1/φ̂ is even and smooth: interpolated at Chebyshev points of (2σ ξ)² in [0, 1].
    squares = (1 + np.cos(np.pi * (np.arange(24) + 0.5) / 24)) / 2
    values = 1 / transform(table, width, np.sqrt(squares) / (2 * sigma))
    fit = np.polynomial.chebyshev.Chebyshev.fit(squares, values, 23, domain=[0, 1])
    fit = fit.trim(np.min(np.abs(values)) * 1e-16)
    inverse = fit.convert(kind=np.polynomial.Polynomial, domain=[-1, 1], window=[-1, 1]).coef
    return Kernel(width, table, inverse, sigma)


def _powers(series: Array, length: int) -> Array:
    powers = np.polynomial.chebyshev.cheb2poly(series)
    return np.pad(powers, (0, length - len(powers)))


def value_level(width: int, sigma: float) -> float:
    """About the relative ℓ² error of values in one dimension on a flat spectrum (fitted to `errors`)."""
    return (0.22 + 0.4 / width) * math.exp(-math.pi * (width - 1) * math.sqrt(1 - 1 / sigma))


def slope_level(width: int, sigma: float) -> float:
    """About the relative ℓ² error of derivatives by the points, on flat and on rapidly decaying spectra.

    An alias of mode k counts k + m n times in a derivative where the mode itself counts k times: on a flat
    spectrum about 10 σ times as much as in a value.  Where the modes fall off like exp(−16 |2k/N|), what
    counts is n φ̂(n)/φ̂(0), which falls faster with the width, as φ̂(N/2)/φ̂(0) does (fitted to `errors`).
    """
    flat = 10 * sigma * value_level(width, sigma)
    rate = math.pi * math.sqrt(1 - 1 / sigma) + math.pi / (4 * sigma * (2 * sigma - 1))
    return max(flat, 150 * math.pow(sigma, 2.6) * math.exp(-rate * width))


def errors(kernel: Kernel, sigma: float, spectrum: Any = None) -> tuple[float, float]:
    """The relative ℓ² errors of values and of their derivatives in one dimension, for |k| ≤ N/2.

    The kernel interpolates e^{ikx} between grid points as Σ_j φ_j(s) e^{2πi k z_j(s)/n} / φ̂(k), which should
    be 1; this is looked at for all k and s.  ``spectrum`` gives the squared amplitudes of the modes at 2k/N.
    """
    samples = 24
    fraction = (np.arange(samples) + 0.5) / samples  # 2k/N
    k = fraction / (2 * sigma)  # cycles per grid point
    s = (np.arange(samples) + 0.5) / samples * 2 - 1
    coefficients = kernel.table[::-1, : kernel.width].astype(float)
    phi = np.polynomial.polynomial.polyval(s, coefficients)  # (w, s)
    slope = -2 * np.polynomial.polynomial.polyval(s, np.polynomial.polynomial.polyder(coefficients))
    z = np.arange(kernel.width)[:, None] - kernel.width / 2 + (s + 1) / 2
    waves = np.exp(2j * np.pi * np.multiply.outer(k, z)) * kernel.deconvolution(k)[:, None, None]
    value = np.sum(phi * waves, axis=1)
    derivative = np.sum(slope * waves, axis=1)
    true = 2j * np.pi * k[:, None]
    weight = np.ones(samples) if spectrum is None else spectrum(fraction)
    value_error = np.sqrt(weight @ np.mean(np.abs(value - 1) ** 2, 1) / weight.sum())
    slope_error = np.sqrt(
        weight @ np.mean(np.abs(derivative - true) ** 2, 1) / (weight @ np.abs(true[:, 0]) ** 2)
    )
    return float(value_error), float(slope_error)
