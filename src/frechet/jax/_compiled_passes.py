"""Nonuniform Fourier transforms of types 1 and 2 as primitives of JAX's.

    modes → points:  deconvolve, pad, Fourier transform, interpolate        (type 2)
    points → modes:  spread, Fourier transform, truncate, deconvolve        (type 1)

The passes over the points are the kernels of `frechet.nufft`, called by XLA without Python; grids and kernels
are chosen as there; what is between is XLA's own.  There are two primitives, each the other's transpose (not
its adjoint: JAX's transposes do not conjugate), with the sign s of the exponent

    V_α = ∂^α_x Σ_k f_k e^{s i k·x},        f_k = Σ_j Σ_α C_jα ∂^α_x e^{s i k·x_j},

for the derivatives α up to an order, as components.  Their derivatives by the points are themselves with the
next order: the rules are those of `frechet.nufft._rules`, where they are derived.  So a derivative by the
points takes no Fourier transform of its own.
"""

from __future__ import annotations

import itertools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.interpreters import ad

from ..nufft._grid import Grid, choose_grid, deconvolution
from ..nufft._operators import passes
from ..nufft._rules import components, raised
from ._compiled import ffi_call, module, over_stacks, primitive

__all__ = ["Transform", "at_points_p", "from_points_p"]

Array = Any


class Transform(NamedTuple):
    """What a transform is, apart from its arrays."""

    modes: tuple[int, ...]
    sign: int
    fft_order: bool
    eps: float
    upsampfac: float
    periods: tuple[float, ...]
    threads: int  # 0: as many as there are cores, when it runs
    single: bool
    slopes: bool  # whether derivatives by the points are taken, too

    @property
    def dimension(self) -> int:
        return len(self.modes)

    @property
    def dtype(self) -> Any:
        return jnp.complex64 if self.single else jnp.complex128

    def grid(self, points: int) -> Grid:
        count = 1 << max(points - 1, 1).bit_length()  # as `frechet.nufft` rounds it
        return choose_grid(self.modes, count, self.eps, self.single, self.slopes, self.upsampfac, False)

    def differentiated(self) -> Transform:
        return self._replace(slopes=True)


# --- the passes over the points ----------------------------------------------------------------------------


class Sorted:
    """Points that are sorted for a grid; XLA does it once for all passes of a program."""

    def __init__(self, x: Array, grid: Grid, transform: Transform) -> None:
        self.grid, self.transform, self.count = grid, transform, x.shape[0]
        self.attributes = {
            "sizes": np.array(grid.sizes, np.int64),
            "periods": np.array(transform.periods, np.float64),
            "threads": transform.threads,
        }
        results = (
            jax.ShapeDtypeStruct(x.shape, grid.real_dtype),
            jax.ShapeDtypeStruct(x.shape[:1], np.uint32),
            jax.ShapeDtypeStruct((module().column_starts(grid.sizes),), np.uint32),
        )
        self.arrays = ffi_call("frechet_sort", results, x, **self.attributes)

    def interpolate(self, grids: Array, order: int) -> Array:
        """(S, n...) to (S, M, components)."""
        shape = (grids.shape[0], self.count, len(components(self.grid.dimension, order)))
        return self._pass("frechet_interpolate", grids, shape, order)

    def spread(self, values: Array, order: int) -> Array:
        """The transpose."""
        return self._pass("frechet_spread", values, (values.shape[0], *self.grid.sizes), order)

    def _pass(self, target: str, data: Array, shape: tuple[int, ...], order: int) -> Array:
        kernel = self.grid.kernel
        return ffi_call(
            target,
            jax.ShapeDtypeStruct(shape, data.dtype),
            *self.arrays,
            data,
            kernel=kernel.table.astype(np.float64).ravel(),
            width=kernel.width,
            order=order,
            **self.attributes,
        )


# --- between modes and grids -------------------------------------------------------------------------------


def _factors(grid: Grid, transform: Transform, alpha: tuple[int, ...] | None) -> Array:
    """What modes are multiplied by: 1/φ̂, and (s 2πi k/P)^α where the kernel does not differentiate.

    Also the number of grid points where XLA's transform, the inverse one, divides by that.
    """
    total: Any = float(math.prod(grid.sizes)) if transform.sign > 0 else 1.0
    for axis, (n, size) in enumerate(zip(grid.modes, grid.sizes, strict=True)):
        factor: Array = deconvolution(grid.kernel, n, size, False)
        if alpha is not None:
            k = (np.arange(n) - n // 2) * (2 * np.pi / transform.periods[axis])
            factor = factor * (transform.sign * 1j * k) ** alpha[axis]
        if transform.fft_order:
            factor = np.fft.ifftshift(factor)
        total = total * factor.reshape(-1, *(1,) * (grid.dimension - 1 - axis))
    return np.asarray(total, grid.complex_dtype if alpha is not None else grid.real_dtype)


def _halves(n: int, fft_order: bool) -> tuple[slice, slice]:
    """Where the frequencies from 0 on stand among n modes, and where the negative ones."""
    if fft_order:
        return slice(0, n - n // 2), slice(n - n // 2, n)
    return slice(n // 2, n), slice(0, n // 2)


def _to_grid(f: Array, grid: Grid, transform: Transform) -> Array:
    """The Fourier transform of modes that are padded with zeros.

    In three dimensions the first axis is transformed before the others are padded: that saves most of its
    work, more than it takes to bring it to the end, where XLA transforms.
    """
    d = grid.dimension
    if d == 3:
        f = _fourier(_padded(jnp.moveaxis(f, 1, 3), 3, grid, transform, 0), grid.sizes[:1], transform)
        f = jnp.moveaxis(f, 3, 1)
    late = range(1 if d == 3 else 0, d)
    for a in late:
        f = _padded(f, a + 1, grid, transform, a)
    return _fourier(f, grid.sizes[late.start :], transform)


def _to_modes(g: Array, grid: Grid, transform: Transform) -> Array:
    """The transpose."""
    d = grid.dimension
    early = range(1 if d == 3 else 0, d)
    f = _fourier(g, grid.sizes[early.start :], transform)
    for a in early:
        f = _truncated(f, a + 1, grid, transform, a)
    if d == 3:
        f = _fourier(jnp.moveaxis(f, 1, 3), grid.sizes[:1], transform)
        f = jnp.moveaxis(_truncated(f, 3, grid, transform, 0), 3, 1)
    return f


def _padded(f: Array, axis: int, grid: Grid, transform: Transform, a: int) -> Array:
    """Axis a of the modes, which stands at ``axis``, among the frequencies of the grid."""
    n, size = grid.modes[a], grid.sizes[a]
    front, back = (_along(f, axis, part) for part in _halves(n, transform.fft_order))
    gap = jnp.zeros((*f.shape[:axis], size - n, *f.shape[axis + 1 :]), f.dtype)
    return jnp.concatenate([front, gap, back], axis)


def _truncated(f: Array, axis: int, grid: Grid, transform: Transform, a: int) -> Array:
    n, size = grid.modes[a], grid.sizes[a]
    front, back = (_along(f, axis, part) for part in (slice(0, n - n // 2), slice(size - n // 2, size)))
    return jnp.concatenate([front, back] if transform.fft_order else [back, front], axis)


def _along(a: Array, axis: int, part: slice) -> Array:
    return jax.lax.slice_in_dim(a, part.start, part.stop, axis=axis)


def _fourier(g: Array, sizes: tuple[int, ...], transform: Transform) -> Array:
    """Of the last axes; the inverse one divides by their sizes."""
    kind = jax.lax.FftType.IFFT if transform.sign > 0 else jax.lax.FftType.FFT
    return jax.lax.fft(g, kind, sizes)


# --- the primitives ----------------------------------------------------------------------------------------


def _evaluate_at_points(x: Array, f: Array, *, transform: Transform, order: int) -> Array:
    grid = transform.grid(x.shape[0])
    points = Sorted(x, grid, transform)
    parts = [
        points.interpolate(
            _to_grid(f * _factors(grid, transform, alpha), grid, transform), _order(within, grid.dimension)
        )
        for within, alpha in passes(grid.dimension, order)
    ]
    return parts[0] if len(parts) == 1 else jnp.concatenate(parts, axis=-1)


def _evaluate_from_points(x: Array, values: Array, *, transform: Transform, order: int) -> Array:
    grid = transform.grid(x.shape[0])
    points = Sorted(x, grid, transform)
    terms = [
        _to_modes(points.spread(values[..., within], _order(within, grid.dimension)), grid, transform)
        * _factors(grid, transform, alpha)
        for within, alpha in passes(grid.dimension, order)
    ]
    return sum(terms[1:], start=terms[0])


def _order(within: slice, dimension: int) -> int:
    count = within.stop - within.start
    return next(n for n in itertools.count() if len(components(dimension, n)) == count)


# x (M, d), f (S, n...) to (S, M, components); and its transpose
at_points_p = primitive(
    "frechet_nufft2",
    _evaluate_at_points,
    lambda x, f, *, transform, order: (
        (f.shape[0], x.shape[0], len(components(transform.dimension, order))),
        transform.dtype,
    ),
)
from_points_p = primitive(
    "frechet_nufft1",
    _evaluate_from_points,
    lambda x, values, *, transform, order: ((values.shape[0], *transform.modes), transform.dtype),
)
for _new in (at_points_p, from_points_p):
    over_stacks(_new, (1,))


def _at_points_jvp(primals: Any, tangents: Any, *, transform: Transform, order: int) -> Any:
    (x, f), (tx, tf) = primals, tangents
    d = transform.dimension
    if type(tx) is ad.Zero:
        value = at_points_p.bind(x, f, transform=transform, order=order)
        return value, at_points_p.bind(x, tf, transform=transform, order=order)
    transform = transform.differentiated()
    V = at_points_p.bind(x, f, transform=transform, order=order + 1)
    tx = tx.astype(V.real.dtype)
    tangent = jnp.stack(
        [sum(V[..., place] * tx[:, a] for a, place in enumerate(row)) for row in raised(d, order)], axis=-1
    )
    if type(tf) is not ad.Zero:
        tangent = tangent + at_points_p.bind(x, tf, transform=transform, order=order)
    return V[..., : len(components(d, order))], tangent


def _from_points_jvp(primals: Any, tangents: Any, *, transform: Transform, order: int) -> Any:
    (x, C), (tx, tC) = primals, tangents
    if type(tx) is ad.Zero:
        value = from_points_p.bind(x, C, transform=transform, order=order)
        return value, from_points_p.bind(x, tC, transform=transform, order=order)
    transform = transform.differentiated()
    d = transform.dimension
    value = from_points_p.bind(x, C, transform=transform, order=order)
    tx = tx.astype(C.real.dtype)
    dipoles: list[Any] = [0] * len(components(d, order + 1))
    if type(tC) is not ad.Zero:
        dipoles[: tC.shape[-1]] = [tC[..., k] for k in range(tC.shape[-1])]
    for k, row in enumerate(raised(d, order)):
        for a, place in enumerate(row):
            dipoles[place] = dipoles[place] + C[..., k] * tx[:, a]
    zero = jnp.zeros(C.shape[:-1], C.dtype)
    moved = jnp.stack([zero if type(term) is int else term for term in dipoles], axis=-1)
    return value, from_points_p.bind(x, moved, transform=transform, order=order + 1)


ad.primitive_jvps[at_points_p] = _at_points_jvp
ad.primitive_jvps[from_points_p] = _from_points_jvp


def _transpose(other: Any) -> Any:
    def transposed(cotangent: Any, x: Any, data: Any, **parameters: Any) -> Any:
        if type(cotangent) is ad.Zero:
            return None, ad.Zero(data.aval)
        return None, other.bind(x, cotangent, **parameters)

    return transposed


ad.primitive_transposes[at_points_p] = _transpose(from_points_p)
ad.primitive_transposes[from_points_p] = _transpose(at_points_p)
