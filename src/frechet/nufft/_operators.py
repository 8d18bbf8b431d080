"""What the rules apply: transforms of Fourier modes, and of grids, to values at points that have been sorted.

    modes → points:  deconvolve, pad, Fourier transform, interpolate        (type 2)
    points → modes:  spread, Fourier transform, truncate, deconvolve        (type 1)

The grid between is scratch memory, transformed in place.  Numerics on plain arrays; the derivatives are in
`_rules`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from . import _fourier
from ._grid import Grid, deconvolution
from ._rules import components

Array = Any


def new_grid(sizes: tuple[int, ...], dtype: Any) -> Array:
    """An array, not initialized, on memory that is reused when it is released."""
    count = 1
    for n in sizes:
        count *= n
    dtype = np.dtype(dtype)
    try:
        space: Any = _core.Workspace(max(count * dtype.itemsize, 1))
    except (MemoryError, OverflowError):
        raise MemoryError(
            f"a fine grid of {' × '.join(map(str, sizes))} points takes "
            f"{count * dtype.itemsize / 2**30:.1f} GiB"
        ) from None
    return np.frombuffer(space, dtype, count).reshape(sizes)


class SortedPoints:
    """Points sorted for a grid, and the passes over them."""

    __slots__ = ("core", "grid", "periods", "threads")

    def __init__(self, x: Array, periods: tuple[float, ...], grid: Grid, threads: int, name: str) -> None:
        """x: plain points, of shape (M, d)."""
        self.grid, self.periods, self.threads = grid, periods, threads
        columns = [x[:, a] for a in range(grid.dimension)]
        self.core = _core.Points(columns, periods, grid.sizes, grid.single, threads)
        if self.core.not_finite >= 0:
            j = self.core.not_finite
            raise ValueError(f"{name}: point {j} is not finite: {x[j].tolist()}")

    @property
    def count(self) -> int:
        """The number of points."""
        count: int = self.core.count
        return count

    def interpolate(self, g: Array, values: Array, order: int) -> None:
        """Values (M, components) at the points, from one grid."""
        kernel = self.grid.kernel
        self.core.interpolate(g, values, kernel.table, kernel.width, order, self.threads)

    def spread(self, values: Array, g: Array, order: int) -> None:
        """The adjoint, added to the grid."""
        kernel = self.grid.kernel
        self.core.spread(values, g, kernel.table, kernel.width, order, self.threads)

    def wave_numbers(self, axis: int, count: int) -> Array:
        """2π k/P for the modes k = −⌊n/2⌋, ... of an axis."""
        return (np.arange(count) - count // 2) * (2 * np.pi / self.periods[axis])


class OnGrid:
    """Data are grids: interpolation alone, and spreading."""

    __slots__ = ("dimension", "points")

    def __init__(self, points: SortedPoints) -> None:
        self.points = points
        self.dimension = points.grid.dimension

    def at_points(self, data: Array, order: int) -> Array:
        """Grids (..., n₁, ..., n_d) to (..., M, components)."""
        points, d = self.points, self.dimension
        stack = np.shape(data)[: np.ndim(data) - d]
        data = in_precision(data, points.grid)
        kinds = components(d, order)
        values = np.empty((*stack, points.count, len(kinds)), data.dtype)
        for at in np.ndindex(stack):
            for within, alpha in passes(d, order):
                g = data[at] if alpha is None else self._differentiated(data[at], alpha)
                _into(points, g, values[at], within)
        return values

    def from_points(self, values: Array, order: int) -> Array:
        """The adjoint."""
        points, d = self.points, self.dimension
        stack = np.shape(values)[:-2]
        values = in_precision(values, points.grid)
        data = np.zeros((*stack, *points.grid.sizes), values.dtype)
        for at in np.ndindex(stack):
            for within, alpha in passes(d, order):
                if alpha is None:
                    _outof(points, values[at], data[at], within)
                    continue
                g = np.zeros(points.grid.sizes, values.dtype)
                _outof(points, values[at], g, within)
                data[at] += self._differentiated(g, alpha, adjoint=True)
        return data

    def _differentiated(self, g: Array, alpha: tuple[int, ...], adjoint: bool = False) -> Array:
        """∂^α of the trigonometric polynomial that a grid stands for, at its points; or the adjoint."""
        import scipy.fft

        points = self.points
        modes = np.fft.fftshift(scipy.fft.fftn(g, workers=points.threads))
        for axis, n in enumerate(alpha):
            k = points.wave_numbers(axis, points.grid.sizes[axis])
            kept = np.abs(k) * points.periods[axis] <= np.pi * points.grid.modes[axis]
            factor = np.where(kept, (1j * k) ** n, 0)
            modes *= (np.conj(factor) if adjoint else factor).reshape(-1, *(1,) * (g.ndim - 1 - axis))
        result = scipy.fft.ifftn(np.fft.ifftshift(modes), workers=points.threads)
        return np.ascontiguousarray(result if np.iscomplexobj(g) else result.real, g.dtype)


class OnModes:
    """Data are Fourier modes (..., n_modes): the transforms of types 1 and 2.

    With ``halved``, values are real and modes those with a non-negative last frequency.
    """

    __slots__ = ("dimension", "fft_order", "halved", "library", "points", "sign", "weight")

    def __init__(
        self,
        points: SortedPoints,
        sign: int,
        fft_order: bool,
        library: str,
        halved: bool = False,
        weight: float = 1.0,
    ) -> None:
        """sign: that of the exponent from modes to points.  weight: of the modes that stand for two."""
        self.points = points
        self.dimension = points.grid.dimension
        self.sign, self.fft_order, self.library = sign, fft_order, library
        self.halved, self.weight = halved, weight

    @property
    def mode_shape(self) -> tuple[int, ...]:
        """The shape of one set of modes."""
        *outer, last = self.points.grid.modes
        return (*outer, last // 2 + 1 if self.halved else last)

    def at_points(self, data: Array, order: int) -> Array:
        """Modes to (..., M, components): type 2."""
        points, d, grid = self.points, self.dimension, self.points.grid
        stack = np.shape(data)[: np.ndim(data) - d]
        data = np.ascontiguousarray(data, grid.complex_dtype)
        dtype = grid.real_dtype if self.halved else grid.complex_dtype
        values = np.empty((*stack, points.count, len(components(d, order))), dtype)
        if points.count == 0:
            return values
        for at in np.ndindex(stack):
            for within, alpha in passes(d, order):
                f = data[at] if alpha is None else data[at] * self._factors(alpha)
                _into(points, self._to_grid(f), values[at], within)
        return values

    def from_points(self, values: Array, order: int) -> Array:
        """The adjoint: (..., M, components) to modes, type 1."""
        points, d, grid = self.points, self.dimension, self.points.grid
        stack = np.shape(values)[:-2]
        values = in_precision(values, grid, real=self.halved)
        data = np.empty((*stack, *self.mode_shape), grid.complex_dtype)
        if points.count == 0:
            data.fill(0)
            return data
        for at in np.ndindex(stack):
            for within, alpha in passes(d, order):
                g = new_grid(grid.sizes, values.dtype)
                g.fill(0)
                _outof(points, values[at], g, within)
                if alpha is None:
                    self._to_modes(g, data[at])
                    continue
                f = np.empty(self.mode_shape, grid.complex_dtype)
                self._to_modes(g, f)
                data[at] += f * np.conj(self._factors(alpha))
        return data

    def _factors(self, alpha: tuple[int, ...]) -> Array:
        """(± 2πi k/P)^α: the modes of ∂^α, in the order of the modes.

        The kernel's own derivatives lose digits with each order; those beyond the second are taken here,
        exactly, at the cost of a Fourier transform for each.
        """
        total: Any = 1.0
        for axis, (n, count) in enumerate(zip(alpha, self.points.grid.modes, strict=True)):
            k = self.points.wave_numbers(axis, count)
            if self.halved and axis == self.dimension - 1:
                k = np.arange(count // 2 + 1) * (2 * np.pi / self.points.periods[axis])
            elif self.fft_order:
                k = np.fft.ifftshift(k)
            total = total * ((self.sign * 1j * k) ** n).reshape(-1, *(1,) * (self.dimension - 1 - axis))
        return np.asarray(total, self.points.grid.complex_dtype)

    def _deconvolution(self, to_grid: bool) -> list[Array]:
        grid = self.points.grid
        axes = zip(grid.modes, grid.sizes, strict=True)
        factors = [deconvolution(grid.kernel, n, m, False) for n, m in axes]
        if self.halved:
            # The transform to a real grid counts each mode of the half twice, but that of frequency zero.
            last = deconvolution(grid.kernel, grid.modes[-1], grid.sizes[-1], True).copy()
            last[1:] *= self.weight if to_grid else 2 * self.weight
            factors[-1] = last
        return factors

    def _to_grid(self, f: Array) -> Array:
        points, grid = self.points, self.points.grid
        sign, halved = self.sign, self.halved
        if halved and sign < 0:
            f, sign = np.conj(f), 1
        sizes = (*grid.sizes[:-1], grid.sizes[-1] // 2 + 1) if halved else grid.sizes
        g = new_grid(sizes, grid.complex_dtype)
        _core.move_modes(f, g, self._deconvolution(True), self.fft_order, halved, True, points.threads)
        _fourier.transform(g, sign, grid.modes, True, halved, self.library, points.threads)
        if not halved:
            return g
        real = new_grid(grid.sizes, grid.real_dtype)
        _fourier.half_to_real(g, self.library, points.threads, real)
        return real

    def _to_modes(self, g: Array, f: Array) -> None:
        """The adjoint; g is scratch afterwards."""
        points, grid = self.points, self.points.grid
        sign, halved = -self.sign, self.halved
        if halved:
            half = new_grid((*grid.sizes[:-1], grid.sizes[-1] // 2 + 1), grid.complex_dtype)
            _fourier.real_to_half(g, self.library, points.threads, half)
            g = half
        _fourier.transform(g, -1 if halved else sign, grid.modes, False, halved, self.library, points.threads)
        _core.move_modes(f, g, self._deconvolution(False), self.fft_order, halved, False, points.threads)
        if halved and sign > 0:
            np.conj(f, out=f)


# --- parts -------------------------------------------------------------------------------------------------


def in_precision(a: Array, grid: Grid, real: bool = False) -> Array:
    """a, contiguous and in the precision of a grid."""
    if real or not np.iscomplexobj(a):
        return np.ascontiguousarray(a, grid.real_dtype)
    return np.ascontiguousarray(a, grid.complex_dtype)


def passes(dimension: int, order: int) -> list[tuple[slice, tuple[int, ...] | None]]:
    """The components that one pass takes together; for the others, one by one, the derivative they are."""
    low = min(order, _core.max_order)
    kinds = components(dimension, order)
    within = len(components(dimension, low))
    first: list[tuple[slice, tuple[int, ...] | None]] = [(slice(0, within), None)]
    return first + [(slice(k, k + 1), kinds[k]) for k in range(within, len(kinds))]


def _order_of(count: int, dimension: int) -> int:
    return next(n for n in range(_core.max_order + 1) if len(components(dimension, n)) == count)


def _into(points: SortedPoints, g: Array, values: Array, within: slice) -> None:
    """values[:, within] = the grid at the points."""
    count = within.stop - within.start
    order = _order_of(count, points.grid.dimension)
    if count == values.shape[1]:
        points.interpolate(g, values, order)
        return
    part = np.empty((points.count, count), values.dtype)
    points.interpolate(g, part, order)
    values[:, within] = part


def _outof(points: SortedPoints, values: Array, g: Array, within: slice) -> None:
    """g += values[:, within] spread from the points."""
    count = within.stop - within.start
    points.spread(np.ascontiguousarray(values[:, within]), g, _order_of(count, points.grid.dimension))
