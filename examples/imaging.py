"""Magnetic resonance imaging along any trajectory: shots, hardware limits, coils, reconstruction.

A scanner does not see an image but its Fourier transform, point by point along curves, the shots. The slope
of a shot is proportional to the gradient of the magnetic field, k' = γ G, so that the hardware bounds its
speed and its acceleration. Several coils listen at once, each with a sensitivity of its own, and so fewer
points suffice.

As in `state_space.py`, everything here is ordinary NumPy that knows nothing of derivatives; `mri.py`
differentiates it with respect to the shots. Points are in radians, 2π times the wave number times the width
of a pixel: the image has its details between −π and π. Nonuniform FFTs take it there (`nufft2`) and back
(`nufft1`).

Formulas: splines, de Boor, A Practical Guide to Splines (1978), chapter 10; reconstruction, Pruessmann et
al., Magnetic Resonance in Medicine 46 (2001) 638; density, Pipe & Menon, Magnetic Resonance in Medicine 41
(1999) 179.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.interpolate import BSpline

from frechet.nufft import nufft1, nufft2, rnufft1, rnufft2

GAMMA = 42.577478518e6  # Hz/T, of the proton (CODATA 2018)
MAX_GRADIENT = 40e-3  # T/m
MAX_SLEW = 180.0  # T/m/s

DENSITY_STEPS = 3  # of the fixed-point iteration for the density
THREADS = 1  # transforms as small as these gain nothing from more


class Scan(NamedTuple):
    """What is scanned, and how."""

    image: np.ndarray  # (n, n), complex; its precision is that of all transforms
    coils: np.ndarray  # (coils, n, n), complex: the sensitivities
    field_of_view: float  # m
    dwell: float  # s, the time between samples
    samples: int  # of each shot
    intervals: int  # of the spline that each shot is
    eps: float  # tolerance of the transforms


# Shots --------------------------------------------------------------------------------------------------
#
# A shot is a cubic spline with equidistant knots, given by its control points c, shape (shots, intervals + 3,
# 2). Its first derivative is a quadratic spline with control points Δc/h, its second a broken line through
# Δ²c/h², h the time between knots. A spline stays within the convex hull of its control points, so bounds on
# Δc and Δ²c are bounds at every instant; that on Δ²c is attained.


def shots(control: np.ndarray, scan: Scan) -> np.ndarray:
    """The points where samples are taken, shape (shots, samples, 2); half-way, all shots cross the centre."""
    knots = np.arange(-3, scan.intervals + 4) / scan.intervals
    times = (np.arange(scan.samples) + 0.5) / scan.samples
    basis = BSpline.design_matrix(np.append(times, 0.5), knots, 3).toarray()
    return (basis[:-1] - basis[-1]) @ control


def gradients(control: np.ndarray, scan: Scan) -> np.ndarray:
    """Control points of the field gradient over time in T/m, shape (shots, intervals + 2, 2)."""
    return np.diff(control, axis=1) / (radians(scan) * knot_interval(scan))


def slew(control: np.ndarray, scan: Scan) -> np.ndarray:
    """The slew rate of the field gradient at the knots in T/m/s, shape (shots, intervals + 1, 2)."""
    return np.diff(control, n=2, axis=1) / (radians(scan) * knot_interval(scan) ** 2)


def radians(scan: Scan) -> float:
    """How far a field gradient of 1 T/m moves the point in 1 s: 2π γ times the width of a pixel."""
    return 2 * np.pi * GAMMA * scan.field_of_view / len(scan.image)


def knot_interval(scan: Scan) -> float:
    """The time between two knots of a shot, in s."""
    return scan.samples * scan.dwell / scan.intervals


def radial(number: int, scan: Scan) -> np.ndarray:
    """Control points of straight shots through the centre at even angles, from edge to edge at even speed."""
    angles = np.pi * np.arange(number) / number
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    positions = 2 * (np.arange(scan.intervals + 3) - 1) / scan.intervals - 1  # a straight line's are even
    return 0.98 * np.pi * positions[:, None] * directions[:, None]


def violation(control: np.ndarray, scan: Scan, share: float = 0.98) -> float:
    """Mean square excess over `share` of the limits of gradient, slew rate and wave number."""

    def excess(size: np.ndarray, limit: float) -> float:
        return np.mean(np.maximum(size / (share * limit) - 1, 0) ** 2)

    return (
        excess(length(gradients(control, scan)), MAX_GRADIENT)
        + excess(length(slew(control, scan)), MAX_SLEW)
        # Weighted more, since few of the points are ever near the edge.
        + 100 * excess(np.abs(shots(control, scan)), np.pi)
    )


def length(vectors: np.ndarray) -> np.ndarray:
    """Lengths of vectors along the last axis."""
    # Far below every limit, and keeps the square root away from 0, where it has no derivative.
    return np.sqrt(np.sum(vectors**2, axis=-1) + 1e-30)


# Coils, samples, reconstruction -------------------------------------------------------------------------


def coil_array(number: int, n: int) -> np.ndarray:
    """Sensitivities of coils on a ring around the field of view, shape (number, n, n).

    Gaussian profiles with linear phases, scaled so that Σ |S|² = 1 everywhere.
    """
    position = (2 * np.arange(n) + 1) / n - 1
    x, y = position[:, None], position
    profiles = []
    for angle in 2 * np.pi * np.arange(number) / number:
        distance2 = (x - 1.1 * np.cos(angle)) ** 2 + (y - 1.1 * np.sin(angle)) ** 2
        phase = angle + np.pi * (x * np.cos(angle + 1) + y * np.sin(angle + 1))
        profiles.append(np.exp(-distance2 / (2 * 0.6**2) + 1j * phase))
    return np.stack(profiles) / np.sqrt(np.sum(np.abs(profiles) ** 2, axis=0))


def density_weights(points: np.ndarray, scan: Scan) -> np.ndarray:
    """Weights of the points that even out their density, shape (M,).

    The weights w for which Σ_j w_j φ(x_i − x_j) is the same at all points i, φ a Gaussian about one sample
    wide: each step divides w by that sum. The sum is a product with the Fourier transform of φ among modes,
    and since it is real, half of the modes are enough.
    """
    n = len(scan.image)
    places = np.arange(n) - n // 2
    taper = np.exp(-(places[:, None] ** 2 + np.arange(n // 2 + 1) ** 2) / (2 * (n / 5) ** 2))
    taper = np.astype(taper, scan.image.real.dtype)
    weights = np.ones(len(points), taper.dtype)
    for _ in range(DENSITY_STEPS):
        modes = taper * rnufft1(points, weights, (n, n), eps=scan.eps, nthreads=THREADS)
        weights = weights / rnufft2(points, modes, (n, n), eps=scan.eps, nthreads=THREADS)
    return weights


def measure(points: np.ndarray, scan: Scan) -> np.ndarray:
    """What the coils receive at the points, shape (coils, M); free of noise."""
    return nufft2(points, scan.coils * scan.image, eps=scan.eps, nthreads=THREADS)


def reconstruct(points: np.ndarray, samples: np.ndarray, scan: Scan, steps: int) -> np.ndarray:
    """The image of which these are the samples: weighted least squares by steps of conjugate gradients."""
    weights = density_weights(points, scan)

    def combine(samples: np.ndarray) -> np.ndarray:
        images = nufft1(points, weights * samples, scan.image.shape, eps=scan.eps, nthreads=THREADS)
        return np.sum(np.conj(scan.coils) * images, axis=0)

    image = np.zeros_like(scan.image)
    residual = combine(samples)
    direction = residual
    size = np.sum(np.abs(residual) ** 2)
    for _ in range(steps):
        seen = combine(nufft2(points, scan.coils * direction, eps=scan.eps, nthreads=THREADS))
        step = size / np.sum(np.real(np.conj(direction) * seen))
        image = image + step * direction
        residual = residual - step * seen
        last, size = size, np.sum(np.abs(residual) ** 2)
        direction = residual + size / last * direction
    return image
