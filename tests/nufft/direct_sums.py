"""What nonuniform Fourier transforms should be: sums over all points and modes, in extended precision.

Phases are reduced to a fraction of a turn before they are multiplied with 2π, in a format with 64 bits of
mantissa (np.longdouble, on most machines), so that their error is below 1e-19 |k|.
"""

from __future__ import annotations

import functools

import numpy as np

LONG, CLONG = np.longdouble, np.clongdouble
TWO_PI = 2 * np.arccos(LONG(-1))


def frequencies(n, modeord=0):
    k = np.arange(n) - n // 2
    return np.fft.ifftshift(k) if modeord else k


def turns_to_waves(turns, sign):
    """e^{±2πi t}."""
    angle = (turns - np.rint(turns)) * TWO_PI
    return np.cos(angle) + CLONG(1j) * sign * np.sin(angle)


class Direct:
    """e^{±i k·x 2π/P} at points (M, d), separated by axes, and what is computed with it."""

    def __init__(self, points, n_modes, isign, modeord=0, period=2 * np.pi, half=False):
        x = np.asarray(points, LONG)
        x = x[:, None] if x.ndim == 1 else x
        self.d = x.shape[1]
        n_modes = (n_modes,) if np.ndim(n_modes) == 0 else tuple(n_modes)
        periods = np.broadcast_to(period, (self.d,))
        self.k = [frequencies(n, modeord) for n in n_modes]
        if half:
            self.k[-1] = np.arange(n_modes[-1] // 2 + 1)
        self.waves = [
            turns_to_waves(np.outer(x[:, a] / LONG(periods[a]), k), isign) for a, k in enumerate(self.k)
        ]
        # what a derivative by a coordinate multiplies a mode with
        turn = CLONG(1j) * isign * TWO_PI
        self.slopes = [turn / LONG(p) * k for p, k in zip(periods, self.k, strict=True)]
        self.n_modes = tuple(len(k) for k in self.k)

    def _waves(self, alpha):
        return [w * s**n for w, s, n in zip(self.waves, self.slopes, alpha, strict=True)]

    def at_points(self, modes, alpha=None):
        """Σ_k f_k ∂^α e^{ik·x}: (..., n1, ..) to (..., M)."""
        waves = self._waves(alpha or (0,) * self.d)
        f = np.asarray(modes, CLONG)
        f = f @ waves[-1].T  # (..., n1, .., M)
        for w in waves[-2::-1]:
            f = np.sum(f * w.T, axis=-2)
        return f

    def from_points(self, values, alpha=None):
        """Σ_j c_j ∂^α e^{ik·x}: (..., M) to (..., n1, ..)."""
        waves = self._waves(alpha or (0,) * self.d)
        c = np.asarray(values, CLONG)
        for w in waves[:-1]:
            c = c[..., None, :] * w.T
        return c @ waves[-1]

    def gradient(self, modes):
        """(..., M, d)."""
        units = np.eye(self.d, dtype=int)
        return np.stack([self.at_points(modes, tuple(e)) for e in units], axis=-1)

    def dipoles(self, values):
        """(..., M, d) to modes."""
        units = np.eye(self.d, dtype=int)
        return sum(self.from_points(values[..., a], tuple(e)) for a, e in enumerate(units))


def direct3(points, values, targets, isign):
    """Σ_j c_j e^{± i s·x} and its derivatives by s: (..., K), (..., K, d)."""
    x, s = (np.asarray(a, LONG) for a in (points, targets))
    x, s = (a[:, None] if a.ndim == 1 else a for a in (x, s))
    products = [np.multiply.outer(x[:, a], s[:, a]) for a in range(x.shape[1])]
    turns = functools.reduce(np.add, products) / TWO_PI
    waves = turns_to_waves(turns, isign)
    c = np.asarray(values, CLONG)
    slopes = [(c * x[:, a]) @ waves * CLONG(1j) * isign for a in range(x.shape[1])]
    return c @ waves, np.stack(slopes, axis=-1)


def norm(a):
    return float(np.sqrt(np.sum(np.abs(a) ** 2)))
