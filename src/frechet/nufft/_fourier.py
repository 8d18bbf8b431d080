"""Fourier transforms of fine grids in place, one axis after the other, where there are modes only.

A fine grid of σᵈ times as many points as modes is mostly zero before its transform (type 2), or mostly not
needed after it (type 1).  So each axis is transformed only where the axes before it (type 1: after it, in
memory) have modes: of the work of d full passes 1, 1/σ, 1/σ² are left.

The transforms are ducc0's where it is installed, else scipy.fft's.
"""

from __future__ import annotations

import functools
import importlib.util
import itertools
from typing import Any

import numpy as np

Array = Any

LIBRARIES = ("ducc0", "scipy")


class Counter:
    """How many grids were transformed: the transforms that a derivative takes are counted, not claimed."""

    grids = 0


@functools.cache
def default_library() -> str:
    """The library that transforms grids unless one is named: ducc0 where it is installed."""
    return "ducc0" if importlib.util.find_spec("ducc0") else "scipy"


def checked_library(name: str | None, caller: str) -> str:
    """The name of an installed library; None stands for the default.  The caller is named in messages."""
    if name is None:
        return default_library()
    if name not in LIBRARIES:
        raise ValueError(f"{caller}: fft must be one of {', '.join(map(repr, LIBRARIES))}, got {name!r}")
    if name == "ducc0" and default_library() != "ducc0":
        raise ImportError(f"{caller}: fft='ducc0' needs the package ducc0: pip install 'frechet[fast]'")
    return name


_LEAST_SHARED = 1 << 15  # grid points: the transform of fewer takes no longer than starting a thread


def transform(
    grid: Array, sign: int, modes: tuple[int, ...], to_grid: bool, halved: bool, library: str, threads: int
) -> None:
    """Transform a complex grid in place: g ↦ Σ g e^{±2πi kl/n}, unnormalized.

    Parameters
    ----------
    grid : (n₁, ..., n_d) array
        Complex.
    sign : int
        That of the exponent.
    modes : tuple of int
        How many modes there are along each axis; those of a whole axis are not pruned.
    to_grid : bool
        Whether modes are transformed to the grid's points (type 2), else back.
    halved : bool
        Whether the last axis has the frequencies from 0 on alone and is left to `half_to_real`,
        `real_to_half`.
    library : str
        "ducc0" or "scipy".
    threads : int
    """
    Counter.grids += 1
    d = grid.ndim
    if grid.size < _LEAST_SHARED:
        threads = 1
    axes = d - 1 if halved else d  # the last axis of a halved grid is transformed by the functions below
    if axes > 1 and grid.size < 1 << 15:
        _c2c(grid, tuple(range(axes)), sign, library, threads)
        return
    for axis in range(axes) if to_grid else range(axes - 1, -1, -1):
        # the axes behind this one have modes at both ends only
        behind = [_ends(modes[a], grid.shape[a]) for a in range(axis + 1, d)]
        if halved:
            behind[-1] = [slice(0, modes[-1] // 2 + 1)]
        for part in itertools.product(*[[slice(None)]] * (axis + 1), *behind):
            _c2c(grid[part], (axis,), sign, library, threads)


def _ends(modes: int, n: int) -> list[slice]:
    negative = modes // 2
    if modes > 0.9 * n:
        return [slice(None)]
    return [slice(0, modes - negative), *([slice(n - negative, n)] if negative else [])]


def _c2c(view: Array, axes: tuple[int, ...], sign: int, library: str, threads: int) -> None:
    if library == "ducc0":
        import ducc0

        ducc0.fft.c2c(view, axes=axes, forward=sign < 0, out=view, nthreads=threads)
        return
    import scipy.fft

    function = scipy.fft.fftn if sign < 0 else scipy.fft.ifftn
    norm: Any = "backward" if sign < 0 else "forward"
    result = function(view, axes=axes, norm=norm, overwrite_x=True, workers=threads)
    if not np.may_share_memory(result, view):
        view[...] = result


def real_to_half(grid: Array, library: str, threads: int, out: Array) -> None:
    """Σ g e^{−2πi kl/n} along the last axis of a real grid, for k from 0 to n/2."""
    if library == "ducc0":
        import ducc0

        ducc0.fft.r2c(grid, axes=(grid.ndim - 1,), forward=True, out=out, nthreads=threads)
        return
    import scipy.fft

    out[...] = scipy.fft.rfft(grid, axis=-1, workers=threads)


def half_to_real(half: Array, library: str, threads: int, out: Array) -> None:
    """Σ over k of a Hermitian sequence given for k from 0 to n/2, times e^{2πi kl/n}, along the last axis."""
    if library == "ducc0":
        import ducc0

        ducc0.fft.c2r(
            half, axes=(half.ndim - 1,), lastsize=out.shape[-1], forward=False, out=out, nthreads=threads
        )
        return
    import scipy.fft

    out[...] = scipy.fft.irfft(half, n=out.shape[-1], axis=-1, norm="forward", workers=threads)
