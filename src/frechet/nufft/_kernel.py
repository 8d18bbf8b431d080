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
from typing import Any, NamedTuple

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
    inverse: Array  # log 1/φ̂(ξ), |ξ| ≤ 1/(2σ) cycles per grid point: coefficients of powers of 2(2σ ξ)² − 1
    sigma: float

    def deconvolution(self, frequency: Array) -> Array:
        """1/φ̂ at frequencies in cycles per grid point, |ξ| ≤ 1/(2σ); plain or traced."""
        logarithm: Array = polynomial(2 * (frequency * (2 * self.sigma)) ** 2 - 1, self.inverse)
        return np.exp(logarithm)


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


# Σ c_p t^p, t of one axis
polynomial = Rule(_polynomial_plain, _polynomial_body, "frechet.nufft: a polynomial")


def transform(table: Array, width: int, frequency: Array) -> Array:
    """φ̂(ξ) = ∫ φ(z) cos(2π ξ z) dz of a table of panels, for frequencies in cycles per grid point."""
    x, weight = np.polynomial.legendre.leggauss(20)  # exact up to degree 39: panel times cosine
    values = np.polynomial.polynomial.polyval(x, table[::-1, :width].astype(float))
    z = np.arange(width)[:, None] - width / 2 + (x + 1) / 2
    phase = np.multiply.outer(4 * np.arccos(np.longdouble(0)) * frequency, z)
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
    expansion = np.zeros(2 * len(k), np.longdouble)
    expansion[::2] = vectors[:, 0] * np.sqrt(k + 0.5)
    at_zero = np.polynomial.legendre.legval(np.longdouble(0), expansion)
    values: Array = np.polynomial.legendre.legval(t, expansion / at_zero)
    return values


@functools.lru_cache(maxsize=256)
def make_kernel(width: int, sigma: float, single: bool) -> Kernel:
    """The kernel of a width for an upsampling factor.

    The degree of the panels is the least whose error is below rounding, or so far below the kernel's own
    error that it does not count.
    """
    c = np.pi * width * (1 - 1 / (2 * sigma)) - 0.05
    # Rounding errors of a Chebyshev series count p² times in a slope: they are kept below those of double
    # precision.
    nodes = _chebyshev_points(24)
    # panel j at s is φ at z = j − w/2 + (s + 1)/2
    panel = np.arange(width)[:, None]
    series = _chebyshev_series(prolate(c, (panel + (nodes + 1) / 2) * (np.longdouble(2) / width) - 1).T)
    # An error of a panel counts at the highest mode, where φ̂ is least.
    x, weight = np.polynomial.legendre.leggauss(40 + width)
    phi = prolate(c, x).astype(float) * weight
    edge = (np.cos(np.pi * width / (2 * sigma) * x) @ phi) / np.sum(phi)
    rounding = 0.5 * np.finfo(np.float32 if single else np.float64).eps
    allowed = max(rounding, 0.3 * edge * value_level(width, sigma))
    series = _trimmed(series, allowed)
    table = np.zeros((len(series), _core.max_width))
    for panel_series, column in zip(series.T, table.T, strict=False):
        powers = np.polynomial.chebyshev.cheb2poly(panel_series)  # without zeros at its end
        column[len(column) - len(powers) :] = powers[::-1]
    table = table.astype(np.float32 if single else np.float64)
    # log φ̂ is even and smooth up to the zeros of φ̂, which lie beyond |ξ| = 1 − 1/(2σ): a series in (2σ
    # ξ)² in [0, 1].
    t = _chebyshev_points(32)
    logarithm = -np.log(transform(table, width, np.sqrt((1 + t) / 2) / (2 * sigma)))
    inverse = np.polynomial.chebyshev.cheb2poly(_trimmed(_chebyshev_series(logarithm), 1e-17))
    return Kernel(width, table, inverse.astype(float), sigma)


def _chebyshev_points(count: int) -> Array:
    """The zeros of T_count, in extended precision where the machine has it."""
    half = np.arccos(np.longdouble(0))
    return np.cos((2 * np.arange(count) + 1) * (half / count))


def _chebyshev_series(values: Array) -> Array:
    """The coefficients of the polynomial with these values at the Chebyshev points, along the first axis."""
    count = len(values)
    half = np.arccos(np.longdouble(0))
    waves = np.cos(np.outer(np.arange(count), 2 * np.arange(count) + 1) * (half / count))
    series: Array = waves @ values * (np.longdouble(2) / count)
    series[0] /= 2
    return series


def _trimmed(series: Array, allowed: float) -> Array:
    """A series (along the first axis) without its last terms, while these sum up to no more than allowed."""
    length = len(series)
    while length > 3 and np.max(np.sum(np.abs(series[length - 1 :]), axis=0)) <= allowed:
        length -= 1
    return series[:length]


def value_level(width: int, sigma: float) -> float:
    """The relative ℓ² error of values in one dimension, on a flat spectrum.

    Points in the same place within their cells, on grid points for instance, share their errors: with
    random points these are averaged over the places, but what is promised (twice the tolerance) holds in
    the worst of them, where errors are up to 1.9 times as large.  So this is the larger of the mean and
    1/1.8 of the worst, fitted to `errors`.
    """
    return (0.25 + 0.4 / width) * math.exp(-math.pi * (width - 1) * math.sqrt(1 - 1 / sigma))


def slope_level(width: int, sigma: float) -> float:
    """The relative ℓ² error of derivatives by the points, on flat and on rapidly decaying spectra.

    In a derivative the alias of mode k counts k + m n times where the mode itself counts k times.  What
    these sum to is largest for points on grid points (or halfway, for odd widths), where windows end: φ
    ends with a slope of ψ₀′(1) 2/w, and (1 − t²)ψ″ − 2tψ′ = (c²t² − χ)ψ with χ ≈ c gives ψ₀′(1) ≈ −c²/2
    ψ₀(1).  There it is about 4 times the mean over all places, and it counts as in `value_level`.

    flat: an end falls like the aliases at the highest mode, exp(−π w √(1 − 1/σ)).
    decaying: where modes fall off like exp(−16 |2k/N|), 1/φ̂ is that of frequency zero, and an end falls like
    ψ₀(1)/ψ₀(0), as exp(−c).

    The powers of w and σ are fitted to `errors`.
    """
    rest = 1 - 1 / sigma
    flat = 17 * width**0.6 * sigma**1.85 * rest**1.15 * math.exp(-math.pi * width * math.sqrt(rest))
    bandwidth = math.pi * width * (1 - 1 / (2 * sigma))
    decaying = 122 * width**1.15 * sigma**1.4 * math.sqrt(rest) * math.exp(-bandwidth)
    return float(max(flat, decaying))


def amplification(width: int, sigma: float, share: float = 1.0) -> float:
    """How much larger than its result a transform along an axis is on the way, with its rounding errors.

    ‖φ‖ times the rms of 1/φ̂ over the modes: white noise on the grid counts ‖φ‖, and is divided by φ̂, which
    falls like exp(−π w (1 − 1/(2σ) − √(1 − 1/σ))) towards the edge of the band, about as a Gaussian does;
    the other factors are fitted.  ``share``: how much of the band has modes.
    """
    fall = 1 - 1 / (2 * sigma) - math.sqrt(1 - 1 / sigma)
    return 0.6 + sigma**2 / (1.5 * width) * math.expm1(math.pi * width * fall * share**2)


class Errors(NamedTuple):
    """Relative ℓ² errors of a kernel: the mean over the places of a point in its cell, and the worst."""

    value: float
    worst_value: float
    slope: float
    worst_slope: float


def errors(kernel: Kernel, sigma: float, spectrum: Any = None) -> Errors:
    """The errors of values and of their derivatives in one dimension, for |k| ≤ N/2.

    The kernel interpolates e^{ikx} between grid points as Σ_j φ_j(s) e^{2πi k z_j(s)/n} / φ̂(k), which
    should be 1; this is looked at for all k and s.  ``spectrum`` gives the amplitudes of the modes at
    |2k/N|.
    """
    fraction = np.linspace(-1, 1, 801)  # 2k/N
    k = fraction / (2 * sigma)  # cycles per grid point
    s = np.append(np.arange(24) / 24 * 2 - 1, 1 - 1e-9)  # with both ends
    coefficients = kernel.table[::-1, : kernel.width].astype(float)
    phi = np.polynomial.polynomial.polyval(s, coefficients)  # (w, s)
    slope = -2 * np.polynomial.polynomial.polyval(s, np.polynomial.polynomial.polyder(coefficients))
    z = np.arange(kernel.width)[:, None] - kernel.width / 2 + (s + 1) / 2
    waves = np.exp(2j * np.pi * np.multiply.outer(k, z)) * kernel.deconvolution(k)[:, None, None]
    true = 2j * np.pi * k[:, None]
    weight = np.ones(len(k)) if spectrum is None else spectrum(np.abs(fraction)) ** 2
    value = (weight @ np.abs(np.sum(phi * waves, axis=1) - 1) ** 2) / weight.sum()
    derivative = weight @ np.abs(np.sum(slope * waves, axis=1) - true) ** 2
    derivative /= weight @ np.abs(true[:, 0]) ** 2
    squares = (np.mean(value[:-1]), np.max(value), np.mean(derivative[:-1]), np.max(derivative))
    return Errors(*[float(np.sqrt(x)) for x in squares])
