"""nufft1, nufft2, nufft3 in any dimension, and rnufft1, rnufft2 for real values."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import NotDifferentiableError
from ..linear_map import Array
from ..rule import carriers, primal
from . import _fourier
from ._grid import check_tolerance, choose_grid
from ._operators import OnModes, SortedPoints
from ._rules import at_points, from_points

TWO_PI = 2 * math.pi


class Options(NamedTuple):
    """What all transforms have in common; checked."""

    eps: float
    modeord: int
    upsampfac: float
    threads: int
    library: str


def checked_options(
    name: str, eps: float, modeord: int, upsampfac: float, nthreads: int, fft: str | None
) -> Options:
    """The options, or an error that names the one that is wrong."""
    if modeord not in (0, 1):
        raise ValueError(f"{name}: modeord must be 0 (from −N/2 on) or 1 (the FFT's order), got {modeord!r}")
    upsampfac = float(upsampfac)
    if upsampfac and not 1.1 <= upsampfac <= 4:
        raise ValueError(f"{name}: upsampfac must be 0 (chosen) or from 1.1 to 4, got {upsampfac}")
    if nthreads < 0:
        raise ValueError(f"{name}: nthreads must be 0 (all cores) or positive, got {nthreads}")
    threads = int(nthreads) or len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1))
    return Options(float(eps), modeord, upsampfac, threads, _fourier.checked_library(fft))


def checked_points(points: Any, name: str, what: str = "points") -> Array:
    """Points as an (M, d) array, plain or traced; (M,) in one dimension."""
    if type(points) not in carriers:
        points = np.asarray(points)
    if points.ndim == 1:
        points = points[:, None]
    if points.ndim != 2 or not 1 <= points.shape[1] <= 3:
        raise ValueError(
            f"{name}: {what} must have shape (M, d) with d = 1, 2 or 3, or (M,), got {points.shape}"
        )
    if points.dtype.kind not in "fiu" or points.dtype.itemsize > 8:
        raise TypeError(f"{name}: {what} must be real, of float32 or float64, got {points.dtype}")
    if points.dtype not in (np.float32, np.float64):
        points = np.astype(points, np.float64)
    return points


def checked_data(data: Any, name: str, what: str, real: bool = False) -> Array:
    """Values or modes as an array, plain or traced, of one of the four inexact dtypes."""
    if type(data) not in carriers:
        data = np.asarray(data)
    kind = data.dtype
    if real and kind.kind == "c":
        raise TypeError(f"{name}: {what} must be real, got {kind}; nufft1 and nufft2 take complex values")
    if kind.kind in "iub":
        return np.astype(data, np.float64)
    if not kind.isnative:
        data = np.astype(data, kind := kind.newbyteorder("="))
    if kind not in (np.float32, np.float64, np.complex64, np.complex128):
        raise TypeError(f"{name}: {what} must be float32, float64, complex64 or complex128, got {kind}")
    return data


def as_complex(data: Array) -> Array:
    """Data as complex numbers of its precision."""
    if data.dtype.kind == "c":
        return data
    return np.astype(data, np.complex64 if data.dtype == np.float32 else np.complex128)


def in_one_precision(a: Array, b: Array) -> tuple[Array, Array]:
    """Two complex arrays in the higher one of their precisions."""
    if a.dtype == b.dtype:
        return a, b
    return np.astype(a, np.complex128), np.astype(b, np.complex128)


def is_single(data: Array) -> bool:
    """Whether a transform of the data is in single precision."""
    return data.dtype in (np.float32, np.complex64)


def checked_modes(n_modes: Any, dimension: int, name: str) -> tuple[int, ...]:
    """n_modes as a tuple with an entry for each coordinate."""
    given = (n_modes,) if np.ndim(n_modes) == 0 else tuple(n_modes)
    try:
        modes = tuple([int(n) for n in given])
        exact = all(n == m for n, m in zip(given, modes, strict=True))
    except (TypeError, ValueError, OverflowError):
        exact = False
    if not exact:
        raise ValueError(f"{name}: n_modes must be integers, got {n_modes!r}")
    if len(modes) != dimension:
        raise ValueError(f"{name}: n_modes has {len(modes)} entries for points with {dimension} coordinates")
    if min(modes) < 1:
        raise ValueError(f"{name}: n_modes must be positive, got {modes}")
    return modes


def checked_periods(period: Any, dimension: int, name: str) -> tuple[float, ...]:
    """The periods of all coordinates."""
    if type(period) in carriers:
        raise NotDifferentiableError(
            f"{name} has no derivative with respect to period; scale the points instead: points * (2π / period)"
        )
    given = np.asarray(period, float)
    if given.shape not in ((), (1,), (dimension,)):
        raise ValueError(f"{name}: period must be a number or {dimension} numbers, got {period!r}")
    periods = tuple(np.broadcast_to(given, (dimension,)).tolist())
    if not all(p > 0 and math.isfinite(p) for p in periods):
        raise ValueError(f"{name}: period must be positive, got {period!r}")
    return periods


def check_lengths(name: str, points: Array, values: Array, what: str) -> None:
    """Whether there is a value for each point."""
    if values.ndim < 1 or values.shape[-1] != points.shape[0]:
        raise ValueError(
            f"{name}: {what} must have shape (..., {points.shape[0]}), one for each point, got {values.shape}"
        )


def sorted_points(
    points: Array,
    modes: tuple[int, ...],
    single: bool,
    slopes: bool,
    periods: tuple[float, ...],
    options: Options,
    name: str,
    real: bool = False,
) -> SortedPoints:
    """The points, sorted for the grid that the tolerance takes."""
    eps = check_tolerance(options.eps, modes, single, slopes, name, options.upsampfac)
    check_memory(modes, modes, single, name)
    # a coarse count of points is enough for the choice, which is remembered
    count = 1 << max(len(points) - 1, 1).bit_length()
    grid = choose_grid(modes, count, eps, single, slopes, options.upsampfac, real)
    check_memory(grid.sizes, modes, single, name)
    return SortedPoints(plain_points(points), periods, grid, options.threads, name)


def plain_points(points: Array) -> Array:
    """The values of points, traced or not."""
    return primal(points)


def check_memory(sizes: tuple[int, ...], modes: tuple[int, ...], single: bool, name: str) -> None:
    """An error, before anything is allocated, for a grid (or modes) beyond the machine's memory."""
    needed = math.prod(sizes) * (8 if single else 16)
    available = memory_of_machine()
    if needed > available:
        grid = f"the fine grid of {' × '.join(map(str, sizes))} points for "
        raise MemoryError(
            f"{name}: {'an array of ' if sizes == modes else grid}{' × '.join(map(str, modes))} modes takes "
            f"{needed / 2**30:.1f} GiB, and the machine has {available / 2**30:.1f}"
        )


def memory_of_machine() -> int:
    """Bytes; 2⁴⁷ where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 1 << 47


def sign_of(isign: int) -> int:
    """±1: FINUFFT takes any integer for its sign."""
    return 1 if isign >= 0 else -1


def nufft1(
    points: Array,
    values: Array,
    n_modes: int | Sequence[int],
    *,
    dipoles: Array | None = None,
    eps: float = 1e-6,
    isign: int = 1,
    modeord: int = 0,
    period: float | Sequence[float] = TWO_PI,
    upsampfac: float = 0.0,
    nthreads: int = 0,
    fft: str | None = None,
) -> Array:
    """Nonuniform to uniform: the Fourier modes of values at points (type 1)."""
    name = "nufft1"
    options = checked_options(name, eps, modeord, upsampfac, nthreads, fft)
    points = checked_points(points, name)
    d = points.shape[1]
    modes = checked_modes(n_modes, d, name)
    periods = checked_periods(period, d, name)
    values = as_complex(checked_data(values, name, "values"))
    check_lengths(name, points, values, "values")
    if dipoles is not None:
        values, dipoles = in_one_precision(values, as_complex(checked_data(dipoles, name, "dipoles")))
    single = is_single(values)
    slopes = type(points) in carriers or dipoles is not None
    place = sorted_points(points, modes, single, slopes, periods, options, name)
    operator = OnModes(place, -sign_of(isign), bool(modeord), options.library)
    strengths = values[..., None]
    if dipoles is None:
        return from_points(points, strengths, operator)
    if dipoles.ndim == 1 and d == 1:
        dipoles = dipoles[:, None]
    if dipoles.shape[-2:] != (len(points), d):
        raise ValueError(f"{name}: dipoles must have shape (..., {len(points)}, {d}), got {dipoles.shape}")
    stack = np.broadcast_shapes(values.shape[:-1], dipoles.shape[:-2])
    parts = [np.broadcast_to(a, (*stack, *a.shape[-2:])) for a in (strengths, dipoles)]
    return from_points(points, np.concatenate(parts, axis=-1), operator, 1)


def nufft2(
    points: Array,
    modes: Array,
    *,
    gradient: bool = False,
    eps: float = 1e-6,
    isign: int = -1,
    modeord: int = 0,
    period: float | Sequence[float] = TWO_PI,
    upsampfac: float = 0.0,
    nthreads: int = 0,
    fft: str | None = None,
) -> Any:
    """Uniform to nonuniform: a Fourier series at points (type 2)."""
    name = "nufft2"
    options = checked_options(name, eps, modeord, upsampfac, nthreads, fft)
    points = checked_points(points, name)
    d = points.shape[1]
    periods = checked_periods(period, d, name)
    modes = as_complex(checked_data(modes, name, "modes"))
    if modes.ndim < d:
        raise ValueError(f"{name}: modes must have {d} axes, one for each coordinate, got {modes.shape}")
    n_modes = checked_modes(modes.shape[modes.ndim - d :], d, name)
    slopes = type(points) in carriers or gradient
    place = sorted_points(points, n_modes, is_single(modes), slopes, periods, options, name)
    operator = OnModes(place, sign_of(isign), bool(modeord), options.library)
    values = at_points(points, modes, operator, int(gradient))
    return (values[..., 0], values[..., 1:]) if gradient else values[..., 0]


def rnufft1(
    points: Array,
    values: Array,
    n_modes: int | Sequence[int],
    *,
    eps: float = 1e-6,
    isign: int = 1,
    modeord: int = 0,
    period: float | Sequence[float] = TWO_PI,
    upsampfac: float = 0.0,
    nthreads: int = 0,
    fft: str | None = None,
) -> Array:
    """The Fourier modes of real values at points: those whose last frequency is not negative."""
    name = "rnufft1"
    options = checked_options(name, eps, modeord, upsampfac, nthreads, fft)
    points = checked_points(points, name)
    modes = checked_modes(n_modes, points.shape[1], name)
    periods = checked_periods(period, points.shape[1], name)
    values = checked_data(values, name, "values", real=True)
    check_lengths(name, points, values, "values")
    slopes = type(points) in carriers
    place = sorted_points(points, modes, is_single(values), slopes, periods, options, name, real=True)
    # its adjoint counts modes that stand for two with ½, since the transform to a real grid counts them twice
    operator = OnModes(place, -sign_of(isign), bool(modeord), options.library, halved=True, weight=0.5)
    return from_points(points, values[..., None], operator)


def rnufft2(
    points: Array,
    modes: Array,
    n_modes: int | Sequence[int],
    *,
    gradient: bool = False,
    eps: float = 1e-6,
    isign: int = -1,
    modeord: int = 0,
    period: float | Sequence[float] = TWO_PI,
    upsampfac: float = 0.0,
    nthreads: int = 0,
    fft: str | None = None,
) -> Any:
    """A real Fourier series at points, from its modes with a last frequency that is not negative."""
    name = "rnufft2"
    options = checked_options(name, eps, modeord, upsampfac, nthreads, fft)
    points = checked_points(points, name)
    d = points.shape[1]
    periods = checked_periods(period, d, name)
    modes = as_complex(checked_data(modes, name, "modes"))
    shape = checked_modes(n_modes, d, name)
    half = (*shape[:-1], shape[-1] // 2 + 1)
    if modes.shape[modes.ndim - d :] != half:
        raise ValueError(f"{name}: modes must have shape (..., {', '.join(map(str, half))}), got {modes.shape}")
    slopes = type(points) in carriers or gradient
    place = sorted_points(points, shape, is_single(modes), slopes, periods, options, name, real=True)
    operator = OnModes(place, sign_of(isign), bool(modeord), options.library, halved=True)
    values = at_points(points, modes, operator, int(gradient))
    return (values[..., 0], values[..., 1:]) if gradient else values[..., 0]
