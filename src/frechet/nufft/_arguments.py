"""Arguments of the transforms: what all of them check, before any work."""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import FrechetError, InPlaceError, NotDifferentiableError
from ..linear_map import Array
from ..rule import carriers
from . import _fourier

TWO_PI = 2 * math.pi


# --- options -----------------------------------------------------------------------------------------------


class Options(NamedTuple):
    """What all transforms have in common; checked."""

    eps: float
    modeord: int
    upsampfac: float
    threads: int
    library: str
    period: Any  # checked with the number of coordinates, see `checked_periods`
    spread_only: bool
    warn: bool


# Options of FINUFFT that tune its implementation, or have it print: here they could change nothing.
WITHOUT_EFFECT = (
    "chkbnds",
    "debug",
    "fftw",
    "maxbatchsize",
    "spread_debug",
    "spread_kerevalmeth",
    "spread_kerformula",
    "spread_kerpad",
    "spread_max_sp_size",
    "spread_nthr_atomic",
    "spread_sort",
    "spread_thread",
)
WITH_EFFECT = ("fft", "modeord", "nthreads", "period", "showwarn", "spreadinterponly", "upsampfac")


def checked_options(
    name: str,
    eps: float,
    *,
    modeord: int = 0,
    upsampfac: float = 0.0,
    nthreads: int = 0,
    fft: str | None = None,
    period: Any = TWO_PI,
    spreadinterponly: int = 0,
    showwarn: int = 1,
) -> Options:
    """The options, or an error that names the one that is wrong."""
    eps = number(eps, name, "eps")
    if not eps > 0 or not math.isfinite(eps):
        raise ValueError(f"{name}: eps must be positive, got {eps}")
    if modeord not in (0, 1):
        raise ValueError(f"{name}: modeord must be 0 (from −N/2 on) or 1 (the FFT's order), got {modeord!r}")
    upsampfac = number(upsampfac, name, "upsampfac")
    if upsampfac and not 1.1 <= upsampfac <= 4:
        raise ValueError(f"{name}: upsampfac must be 0 (chosen) or from 1.1 to 4, got {upsampfac}")
    nthreads = integer(nthreads, name, "nthreads")
    if nthreads < 0:
        raise ValueError(f"{name}: nthreads must be 0 (all cores) or positive, got {nthreads}")
    if spreadinterponly not in (0, 1):
        raise ValueError(f"{name}: spreadinterponly must be 0 or 1, got {spreadinterponly!r}")
    library = _fourier.checked_library(fft, name)
    return Options(
        eps, modeord, upsampfac, nthreads or cores(), library, period, bool(spreadinterponly), bool(showwarn)
    )


def finufft_options(name: str, transform: int, eps: float, given: Mapping[str, Any]) -> Options:
    """The options that a program written for FINUFFT gives, for a transform of type 1, 2 or 3."""
    for key in given:
        if key not in WITH_EFFECT and key not in WITHOUT_EFFECT:
            raise TypeError(
                f"{name} has no option {key!r}; there are {', '.join(WITH_EFFECT)}, and without effect "
                f"{', '.join(WITHOUT_EFFECT)}"
            )
    if transform == 3 and "period" in given:
        raise TypeError(f"{name}: period is for types 1 and 2; points and targets of type 3 are any numbers")
    if transform == 3 and given.get("spreadinterponly"):
        raise ValueError(f"{name}: spreadinterponly is for types 1 and 2")
    return checked_options(name, eps, **{key: given[key] for key in WITH_EFFECT if key in given})


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def integer(n: Any, name: str, what: str) -> int:
    """An integer as Python's own."""
    try:
        return operator.index(n)
    except TypeError:
        raise TypeError(f"{name}: {what} must be an integer, got {n!r}") from None


def number(x: Any, name: str, what: str) -> float:
    """A real number as Python's own."""
    try:
        return float(x)
    except FrechetError:
        raise
    except (TypeError, ValueError):
        raise TypeError(f"{name}: {what} must be a number, got {x!r}") from None


def sign_of(isign: Any, name: str) -> int:
    """±1: FINUFFT takes any integer for its sign."""
    return 1 if integer(isign, name, "isign") >= 0 else -1


# --- points ------------------------------------------------------------------------------------------------


def is_traced(*arrays: Any) -> bool:
    """Whether an array carries a derivative."""
    return any(type(a) in carriers for a in arrays)


def as_array(a: Any) -> Array:
    """a if it is traced, else as an array of NumPy."""
    return a if type(a) in carriers else np.asarray(a)


def checked_points(points: Any, name: str, what: str = "points") -> Array:
    """Points as an (M, d) array, plain or traced; (M,) in one dimension."""
    points = as_array(points)
    if points.ndim == 1:
        points = points[:, None]
    if points.ndim != 2 or not 1 <= points.shape[1] <= 3:
        raise ValueError(
            f"{name}: {what} must have shape (M, d) with d = 1, 2 or 3, or (M,), got {points.shape}"
        )
    return _of_float(points, name, what)


def checked_coordinates(coordinates: Mapping[str, Any], name: str) -> Array:
    """The coordinates x, y, z of points, by their names, as one (M, d) array, plain or traced."""
    columns: list[Array] = []
    for axis, given in coordinates.items():
        x = as_array(given)
        if x.ndim != 1:
            raise ValueError(f"{name}: {axis} must have one axis, got the shape {x.shape}")
        if columns and len(x) != len(columns[0]):
            first = next(iter(coordinates))
            raise ValueError(f"{name}: {axis} must be as long as {first}, got {len(x)} and {len(columns[0])}")
        columns.append(_of_float(x, name, axis))
    # column after column in memory: copied, not shuffled
    return columns[0][:, None] if len(columns) == 1 else np.stack(columns).T


def _of_float(x: Array, name: str, what: str) -> Array:
    if x.dtype.kind not in "fiu" or x.dtype.itemsize > 8:
        raise TypeError(f"{name}: {what} must be real, of float32 or float64, got {x.dtype}")
    return x if x.dtype in (np.float32, np.float64) else np.astype(x, np.float64)


def checked_periods(period: Any, dimension: int, name: str) -> tuple[float, ...]:
    """The periods of all coordinates."""
    if is_traced(period):
        raise NotDifferentiableError(
            f"{name} has no derivative with respect to period; scale the points instead: "
            "points * (2π / period)"
        )
    try:
        periods = np.asarray(period, float)
    except (TypeError, ValueError):
        raise TypeError(
            f"{name}: period must be a number, or one for each coordinate, got {period!r}"
        ) from None
    if periods.shape not in ((), (1,), (dimension,)):
        raise ValueError(
            f"{name}: period must be one number, or as many as the coordinates, {dimension}, got {period!r}"
        )
    if not np.all((periods > 0) & np.isfinite(periods)):
        raise ValueError(f"{name}: period must be positive, got {period!r}")
    return tuple(np.broadcast_to(periods, (dimension,)).tolist())


# --- values and modes --------------------------------------------------------------------------------------


def checked_data(data: Any, name: str, what: str, real: bool = False) -> Array:
    """Values or modes as an array, plain or traced, of one of the four inexact dtypes."""
    data = as_array(data)
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


def is_single(data: Array) -> bool:
    """Whether a transform of the data is in single precision."""
    return data.dtype in (np.float32, np.complex64)


def in_common_precision(a: Array, b: Array) -> tuple[Array, Array]:
    """Two complex arrays in the higher of their precisions."""
    dtype = np.result_type(a.dtype, b.dtype)
    return np.astype(a, dtype, copy=False), np.astype(b, dtype, copy=False)


def checked_modes(n_modes: Any, dimension: int, name: str) -> tuple[int, ...]:
    """n_modes as a tuple with an entry for each coordinate."""
    given = tuple(n_modes) if isinstance(n_modes, (Sequence, np.ndarray)) and np.ndim(n_modes) else (n_modes,)
    modes = tuple([integer(n, name, "n_modes") for n in given])
    if len(modes) != dimension:
        raise ValueError(f"{name}: n_modes must be as many as the coordinates, {dimension}, got {n_modes!r}")
    if min(modes) < 1:
        raise ValueError(f"{name}: n_modes must be positive, got {n_modes!r}")
    return modes


def checked_values(values: Any, points: Array, name: str, what: str = "values", real: bool = False) -> Array:
    """Values (..., M), one for each point: complex, or real ones."""
    values = checked_data(values, name, what, real)
    if values.ndim < 1 or values.shape[-1] != points.shape[0]:
        raise ValueError(
            f"{name}: {what} must have shape (..., {points.shape[0]}), one for each point, got {values.shape}"
        )
    return values if real else as_complex(values)


def checked_coefficients(modes: Any, points: Array, name: str, what: str = "modes") -> Array:
    """Modes (..., n₁, ..., n_d), complex."""
    modes = as_complex(checked_data(modes, name, what))
    d = points.shape[1]
    if modes.ndim < d:
        raise ValueError(
            f"{name}: {what} must have as many axes as the points have coordinates, {d}, got {modes.shape}"
        )
    if 0 in modes.shape[modes.ndim - d :]:
        raise ValueError(f"{name}: {what} must not be empty, got {modes.shape}")
    return modes


def checked_dipoles(dipoles: Any, points: Array, stack: tuple[int, ...], name: str) -> Array:
    """Dipoles as a complex (..., M, d) array, for values (*stack, M); (M,) in one dimension."""
    dipoles = as_complex(checked_data(dipoles, name, "dipoles"))
    count, d = points.shape
    if dipoles.ndim == 1 and d == 1:
        dipoles = dipoles[:, None]
    front = dipoles.shape[:-2]
    if dipoles.shape[-2:] != (count, d) or any(
        n not in (1, m) for n, m in zip(front[::-1], (*stack[::-1], *(1,) * len(front)), strict=False)
    ):
        expected = ", ".join(map(str, (*stack, count, d)))
        raise ValueError(
            f"{name}: dipoles must have shape ({expected}), a vector for each value, or fewer axes in front, "
            f"got {dipoles.shape}"
        )
    return dipoles


# --- out= --------------------------------------------------------------------------------------------------


def check_out(out: Any, name: str, *others: Any) -> None:
    """Whether an array can be written to: a plain one, and no derivative is taken."""
    if out is None:
        return
    if is_traced(out, *others):
        raise InPlaceError(
            f"{name} cannot write into out= while it is differentiated; leave out= away and use what is "
            "returned"
        )
    if not isinstance(out, np.ndarray):
        raise TypeError(f"{name}: out must be an array, got {type(out).__name__}")
    if not out.flags.writeable:
        raise ValueError(f"{name}: out is not writeable")


def written(result: Array, out: Any, axes: int, name: str) -> Array:
    """The result, in ``out`` if that is given; its last ``axes`` axes are those of one transform."""
    if out is None:
        return result
    if out.dtype != result.dtype:
        raise TypeError(f"{name}: out must be {result.dtype}, as the result is, got {out.dtype}")
    if _shape(out, axes) != _shape(result, axes):
        raise ValueError(f"{name}: out must have shape {result.shape}, got {out.shape}")
    out[...] = result.reshape(out.shape)
    return out


def _shape(a: Array, axes: int) -> tuple[int, ...]:
    """The shape without axes of length 1 in front."""
    front = a.ndim - axes
    return (*(n for n in a.shape[: max(front, 0)] if n != 1), -1, *a.shape[max(front, 0) :])


# --- memory ------------------------------------------------------------------------------------------------


def check_memory(modes: tuple[int, ...], sizes: tuple[int, ...], single: bool, name: str) -> None:
    """An error, before anything is allocated, for grids beyond the machine's memory."""
    needed = math.prod(sizes) * (8 if single else 16)
    available = memory_of_machine()
    if needed > available:
        grid, count = (" × ".join(map(str, n)) for n in (sizes, modes))
        raise MemoryError(
            f"{name}: the fine grid of {grid} points for {count} modes takes {needed >> 30} GiB, and the "
            f"machine has {available / 2**30:.1f}"
        )


def memory_of_machine() -> int:
    """Bytes; 2⁴⁷ where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 1 << 47
