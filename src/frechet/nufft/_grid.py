"""Which fine grid and which kernel a tolerance takes: the cheapest of those that reach it."""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np

from .. import _core
from .._warnings import warn as give_warning
from ._kernel import WIDTHS, Kernel, amplification, make_kernel, slope_level, value_level

Array = Any

LEAST_SIGMA, MOST_SIGMA = 1.15, 2.5
LAST_SIGMA = 4.0  # where the widest kernel falls short up to there
WIDEST_SINGLE = 12  # beyond that single precision gains nothing
_VECTOR_BYTES = {"v3": 32, "v4": 64}  # of the levels of instructions whose vectors are longer than 16


class Grid(NamedTuple):
    """A fine grid for modes, with its kernel: all that is the same for any points."""

    modes: tuple[int, ...]
    sizes: tuple[int, ...]  # of the grid
    kernel: Kernel
    single: bool

    @property
    def dimension(self) -> int:
        """The number of axes."""
        return len(self.modes)

    @property
    def real_dtype(self) -> Any:
        """float32 or float64."""
        return np.float32 if self.single else np.float64

    @property
    def complex_dtype(self) -> Any:
        """complex64 or complex128."""
        return np.complex64 if self.single else np.complex128


def tile_edges(dimension: int) -> tuple[int, ...]:
    """The edges of the tiles in which points are sorted."""
    edges: tuple[int, ...] = _core.tile_edges[dimension - 1]
    return edges


@functools.lru_cache(maxsize=64)
def deconvolution(kernel: Kernel, modes: int, size: int, halved: bool) -> Array:
    """1/φ̂ for the modes of an axis, the lowest frequency first; the non-negative ones alone if halved."""
    first, last = (0, modes // 2 + 1) if halved else (-(modes // 2), modes - modes // 2)
    factors = np.empty(last - first)
    for start in range(first, last, 1 << 14):  # a part at a time, so that the work needs no memory
        k = np.arange(start, min(start + (1 << 14), last))
        factors[k - first] = kernel.deconvolution(k / size)
    factors.flags.writeable = False
    return factors


@functools.lru_cache(maxsize=256)
def choose_grid(
    modes: tuple[int, ...],
    points: int,
    eps: float,
    single: bool,
    slopes: bool,
    upsampfac: float,
    real: bool,
) -> Grid:
    """The cheapest grid and kernel that reach a tolerance.

    Parameters
    ----------
    modes : tuple of int
    points : int
        About how many there are.
    eps : float
        The relative ℓ² error that is allowed, of values, and of derivatives by the points where ``slopes``.
    single : bool
        Whether the transform is in single precision.
    slopes : bool
        Whether derivatives by the points are taken.
    upsampfac : float
        The ratio of grid points to modes; 0 to have it chosen.
    real : bool
        Whether the grid is real.
    """
    widest = WIDEST_SINGLE if single else WIDTHS[-1]
    best = widest, upsampfac or _last_sigma(widest, modes, eps, slopes, single)
    least = math.inf
    for width in WIDTHS:
        sigma = upsampfac or _least_sigma(width, modes, eps, slopes, single)
        if width > widest or not sigma or _level(width, sigma, modes, slopes, single) > eps * 1.0001:
            continue
        cost = _cost(_sizes(modes, sigma, width), modes, points, width, single, real, slopes)
        if cost < least:
            best, least = (width, sigma), cost
    width, sigma = best
    sizes = _sizes(modes, sigma, width)
    # the ratio that the sizes really have may be better than the one asked for
    ratio = math.floor(100 * min(n / m for n, m in zip(sizes, modes, strict=True))) / 100
    return Grid(modes, sizes, make_kernel(width, min(max(sigma, ratio), LAST_SIGMA), single), single)


def _sizes(modes: tuple[int, ...], sigma: float, width: int) -> tuple[int, ...]:
    return tuple([fast_size(max(math.ceil(sigma * n), 2 * width)) for n in modes])


def choose_outer_grid(
    extents: tuple[float, ...], points: int, eps: float, single: bool, slopes: bool, upsampfac: float
) -> Grid:
    """The grid onto which a transform of type 3 spreads: one whose modes are the targets.

    Parameters
    ----------
    extents : tuple of float
        For each axis the number of modes that the targets' range stands for: 2 S X/π for points and targets
        within X and S of their centers.
    points, eps, single, slopes, upsampfac
        As for `choose_grid`.
    """
    d = len(extents)
    most_growth = 4.0 if near_rounding(eps, single) else 16.0  # of errors of the transform of type 2
    widest = WIDEST_SINGLE if single else WIDTHS[-1]
    best = widest, upsampfac or _last_sigma(widest, extents, eps, slopes, single)
    least = math.inf
    for width in WIDTHS:
        sigma = upsampfac or _least_sigma(width, extents, eps, slopes, single)
        if width > widest or not sigma or _level(width, sigma, extents, slopes, single) > eps * 1.0001:
            continue
        while not upsampfac and sigma < MOST_SIGMA and amplification(width, sigma) ** d > most_growth:
            sigma += 0.02
        sizes = [math.ceil(sigma * n) + width for n in extents]
        inner = tuple([math.ceil(1.6 * n) for n in sizes])  # the transform of type 2 has a grid of its own
        cost = _cost(inner, tuple(sizes), points, width, single, False, slopes)
        if cost < least:
            best, least = (width, sigma), cost
    width, sigma = best
    sizes = [max(2 * math.ceil((sigma * n + width) / 2), 2 * width) for n in extents]
    kept = tuple([max(math.floor(n / sigma), 1) for n in sizes])
    sigma = math.floor(1000 * sigma) / 1000  # the sizes have been rounded up
    return Grid(kept, tuple(sizes), make_kernel(width, max(sigma, LEAST_SIGMA), single), single)


@functools.lru_cache(maxsize=1024)
def fast_size(n: int) -> int:
    """An even size of a fast Fourier transform from n on: the next one, or of long ones one up to 4 % longer.

    Beyond the caches a factor of 2 takes less than others: 2¹⁷ · 9 points are faster than the 2 % fewer
    2¹⁰ · 9 · 125.
    """
    import scipy.fft

    size = 2 * int(scipy.fft.next_fast_len((n + 1) // 2))
    if n < 1 << 17:
        return size
    best, least = size, math.inf
    while size <= 1.04 * n:
        if (cost := size * _fourier_cost(size)) < least:
            best, least = size, cost
        size = 2 * int(scipy.fft.next_fast_len(size // 2 + 1))
    return best


def _fourier_cost(size: int) -> float:
    """The time of a long Fourier transform for each point, in that of a factor of 2, as measured."""
    cost = 0.0
    for prime, doublings in ((2, 1.0), (3, 1.9), (5, 3.0), (7, 4.2), (11, 6.0)):
        while size % prime == 0:
            size //= prime
            cost += doublings
    return cost


def _level(width: int, sigma: float, modes: tuple[float, ...], slopes: bool, single: bool) -> float:
    """The relative error of a transform.

    The errors of the axes add up.  They are those of the highest modes above all, which are a larger share
    of few modes: the rms over N modes is about √(1 + 12/N) times that over a continuum.  The grid has at
    least 2w points along an axis, though; where these are more than σN, there are no modes near the band's
    edge.  Rounding errors are amplified along each axis; those of derivatives are largest for points on
    grid points, too.
    """
    shares = [min(1.0, n * sigma / (2 * width)) for n in modes]  # of the band that have modes
    few = [1 + 12 / n * share**4 for n, share in zip(modes, shares, strict=True)]
    # Those of the narrowest kernels are alike at all frequencies, and may have one sign along all axes.
    together = sum(map(math.sqrt, few)) if width <= 3 else math.sqrt(sum(few))
    level = value_level(width, sigma) * together
    if slopes:
        level = max(level, slope_level(width, sigma) * math.sqrt(max(few)))
    rounding = math.prod([amplification(width, sigma, share) for share in shares])
    return level + (6 if slopes else 2) * rounding_unit(single) * rounding


def rounding_unit(single: bool) -> float:
    """The largest relative error of a rounded number: 2⁻²⁴ or 2⁻⁵³."""
    return 2.0**-24 if single else 2.0**-53


def near_rounding(eps: float, single: bool) -> bool:
    """Whether rounding errors that are amplified twice, as in type 3, come near to a tolerance."""
    return eps < 1e6 * rounding_unit(single)


def rounding_level(modes: tuple[int, ...], single: bool) -> float:
    """About the relative error that rounding leaves in a transform in any case.

    The phases of the highest modes turn N/2 times within the period, so that a relative error u of a
    coordinate is one of about N u/2 in the values.  In single precision coordinates are kept relative to
    tiles of the grid.
    """
    reach = max(modes, default=1)
    if single:
        reach = min(reach, max(tile_edges(len(modes))))
    return rounding_unit(single) * (0.5 * reach + 3)


def _least_sigma(
    width: int, modes: tuple[float, ...], eps: float, slopes: bool, single: bool, most: float = MOST_SIGMA
) -> float | None:
    """The least σ with which a width reaches a tolerance."""
    low, high = LEAST_SIGMA, most
    if _level(width, high, modes, slopes, single) > eps:
        return None
    if _level(width, low, modes, slopes, single) <= eps:
        return low
    for _ in range(20):
        middle = (low + high) / 2
        if _level(width, middle, modes, slopes, single) <= eps:
            high = middle
        else:
            low = middle
    return high


def _last_sigma(width: int, modes: tuple[float, ...], eps: float, slopes: bool, single: bool) -> float:
    """The σ with which the widest kernel comes as near to a tolerance as it can."""
    return _least_sigma(width, modes, eps, slopes, single, LAST_SIGMA) or LAST_SIGMA


def _cost(
    sizes: tuple[int, ...],
    modes: tuple[int, ...],
    points: int,
    width: int,
    single: bool,
    real: bool,
    slopes: bool,
) -> float:
    """About the nanoseconds of a transform, from those of one machine; only ratios matter.

    Fourier transforms take a time for each grid point and doubling of the length, where there are modes; so
    does touching the grid.  Each tile with points has a box, the tile and a margin of the width, that is
    cleared or copied, and added up: of a grid with few points for each tile these are much more than the
    grid.  A point takes a time for the kernel along each axis, and one for each row of w grid points that it
    touches, in whole vectors.  A gradient has two Fourier transforms, and a pass over the points whose
    derivatives make it cost nearly twice as much as the other.
    """
    d = len(sizes)
    fourier, share = 0.0, 1.0
    for a in range(d - 1, -1, -1):
        fourier += share * math.log2(sizes[a])
        share *= modes[a] / sizes[a]
    total = math.prod(sizes)
    parts = 1 if real else 2
    in_cache = total * parts * (4 if single else 8) < 1 << 22
    stage = (0.4 if single else 0.6) * (3.0 if d == 1 and not in_cache else 1.0)
    touch = 2.0 if single else 4.0
    grid = total * parts / 2 * (fourier * stage + touch)
    edges = tile_edges(d)
    tiles = math.prod([-(-n // edge) for n, edge in zip(sizes, edges, strict=True)])
    box = math.prod([min(n, edge) + width for n, edge in zip(sizes, edges, strict=True)])
    boxes = min(tiles, points) * box * parts / 2 * (1.5 if single else 3.0)
    vector = _VECTOR_BYTES.get(_core.level, 16)
    row = math.ceil(parts * width * (4 if single else 8) / vector) * vector
    rows = float(width ** (d - 1))
    each = 15.0 + 15.0 * d + rows * (0.7 + 0.033 * row)
    return grid + (boxes + points * each) * (1.4 if slopes else 1.0)


def grid_alone(sizes: tuple[int, ...], eps: float, single: bool, upsampfac: float, name: str) -> Grid:
    """A grid that is given, with the narrowest kernel that reaches a tolerance: for spreading alone.

    The kernel is that of a fine grid for modes up to the fraction 1/upsampfac (by default ½) of the grid's.
    What is spread depends on the kernel, so it must be the same one whether or not derivatives are taken.
    """
    sigma = upsampfac or 2.0
    widest = WIDEST_SINGLE if single else WIDTHS[-1]
    many = (math.inf,)  # modes, along one axis: the kernel is the same for all grids
    fitting = (w for w in WIDTHS if w >= widest or _level(w, sigma, many, False, single) <= eps * 1.0001)
    width = min(next(fitting), widest)
    if min(sizes) < 2 * width:
        raise ValueError(
            f"{name}: with spreadinterponly, the grid must have at least {2 * width} points along each axis, "
            f"twice the width of the kernel for eps = {eps:.1e}, got {' × '.join(map(str, sizes))}"
        )
    modes = tuple([max(math.floor(n / sigma), 1) for n in sizes])
    return Grid(modes, sizes, make_kernel(width, sigma, single), single)


def check_tolerance(
    eps: float,
    modes: tuple[int, ...],
    single: bool,
    slopes: bool,
    name: str,
    upsampfac: float = 0.0,
    warn: bool = True,
) -> float:
    """At most 0.5, and no less than rounding allows; a warning where a tolerance cannot be reached."""
    floor = rounding_level(modes, single)
    widest = WIDEST_SINGLE if single else WIDTHS[-1]
    kernel = _level(widest, upsampfac or LAST_SIGMA, modes, slopes, single)
    least = 1e-6 if single else 1e-14
    if warn and eps < (kernel if upsampfac else min(max(floor, kernel) / 2, least)):
        precision = "single precision" if single else "double precision"
        if upsampfac:
            limit = f"{precision} with upsampfac = {upsampfac:g}"
        else:
            by_modes = max(modes) > 10 and floor > kernel
            limit = f"{precision} with {max(modes)} modes along an axis" if by_modes else precision
        give_warning(
            f"{name}: eps = {eps:.1e} is not within reach of {limit}; the error will be about "
            f"{max(floor, kernel):.0e}",
            RuntimeWarning,
        )
    return min(max(eps, floor / 2), 0.5)  # a better kernel would gain nothing
