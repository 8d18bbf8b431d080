"""Nonuniform transforms of points, and of stacks, that are shared out over the devices of a mesh.

Points are sharded, so are the values at them; modes are on all devices. Type 1 transforms each device's
points and sums the modes over the devices: that is one collective of the size of the modes, which are
fewer than the grid. Type 2 takes no collective. Each is the transpose of the other, collectives included:
the transpose of a copy on all devices is a sum over them. Axes of a stack are sharded without any
collective.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from ._compiled_nufft import nufft1 as nufft1_here
from ._compiled_nufft import nufft2 as nufft2_here

__all__ = ["nufft1", "nufft2"]

Array = Any


def nufft1(
    points: Array,
    values: Array,
    n_modes: int | Sequence[int],
    *,
    mesh: Mesh,
    points_axis: str | None = None,
    stack_axis: str | None = None,
    **options: Any,
) -> jax.Array:
    """Nonuniform to uniform, with points or stacks sharded over devices.

    Parameters
    ----------
    points : (M, d) array
        As for `frechet.nufft.nufft1`.
    values : (M,) or (S, M) array
        Complex or real.
    n_modes : int or sequence of d int
    mesh : jax.sharding.Mesh
        Of CPU devices, of one process or several.  Arrays that are sharded already must be over a
        `jax.sharding.Mesh` (axes of type Auto), not over one of `jax.make_mesh` with explicit axes.
    points_axis : str, optional
        The axis of the mesh over which the points are sharded, M a multiple of its size.
    stack_axis : str, optional
        The axis of the mesh over which the stack is sharded, S a multiple of its size.
    **options
        As for `frechet.nufft.nufft1`: eps, isign, modeord, period, upsampfac, nthreads; with nthreads = 0 the
        devices of a process share its cores.

    Returns
    -------
    (n₁, ..., n_d) or (S, n₁, ..., n_d) array
        On all devices of points_axis, sharded over stack_axis.

    Raises
    ------
    ValueError
        If the mesh has no such axis, or a size is no multiple of its; for wrong shapes.
    ImportError
        If frechet was built without JAX's headers.

    Notes
    -----
    One sum over the devices of points_axis, of the modes.  Derivatives as on one device.

    Examples
    --------
    >>> import jax
    >>> mesh = jax.make_mesh((jax.device_count(),), ("points",))
    >>> x = np.linspace(-3, 3, 24, dtype=np.float32)
    >>> f = nufft1(x, np.ones_like(x), 5, mesh=mesh, points_axis="points")
    >>> bool(np.allclose(f, np.exp(1j * np.outer(np.arange(-2, 3), x)).sum(1), atol=1e-4))
    True
    """
    _check("nufft1", mesh, points, np.ndim(values) == 2, np.shape(values)[:1], points_axis, stack_axis)
    options = _shared(options, mesh)
    stack = (stack_axis,) if np.ndim(values) == 2 else ()

    def local(points: Array, values: Array) -> Array:
        modes = nufft1_here(points, values, n_modes, **options)
        return modes if points_axis is None else jax.lax.psum(modes, points_axis)

    specs = (PartitionSpec(points_axis), PartitionSpec(*stack, points_axis))
    modes: jax.Array = _shard_map(local, mesh, specs, PartitionSpec(*stack))(points, values)
    return modes


def nufft2(
    points: Array,
    modes: Array,
    *,
    mesh: Mesh,
    points_axis: str | None = None,
    stack_axis: str | None = None,
    **options: Any,
) -> jax.Array:
    """Uniform to nonuniform, with points or stacks sharded over devices.

    Parameters
    ----------
    points : (M, d) array
        As for `frechet.nufft.nufft2`.
    modes : (n₁, ..., n_d) or (S, n₁, ..., n_d) array
        Complex or real; they are needed on all devices of points_axis.
    mesh, points_axis, stack_axis, **options
        As for `nufft1`.

    Returns
    -------
    (M,) or (S, M) array
        Sharded like the points and the stack.

    Raises
    ------
    ValueError
        As for `nufft1`.

    Notes
    -----
    No collective; the derivative by the modes, in reverse, is one sum over the devices of points_axis.  Each
    device of points_axis transforms the whole grid.

    Examples
    --------
    >>> import jax
    >>> mesh = jax.make_mesh((jax.device_count(),), ("points",))
    >>> x = np.linspace(-3, 3, 24, dtype=np.float32)
    >>> wave = np.array([-0.5j, 0, 0.5j], np.complex64)         # sin x
    >>> bool(np.allclose(nufft2(x, wave, mesh=mesh, points_axis="points"), np.sin(x), atol=1e-5))
    True
    """
    d = 1 if np.ndim(points) == 1 else np.shape(points)[-1]
    stacked = np.ndim(modes) == d + 1
    _check("nufft2", mesh, points, stacked, np.shape(modes)[:1], points_axis, stack_axis)
    options = _shared(options, mesh)
    stack = (stack_axis,) if stacked else ()

    def local(points: Array, modes: Array) -> Array:
        return nufft2_here(points, modes, **options)

    specs = (PartitionSpec(points_axis), PartitionSpec(*stack))
    values: jax.Array = _shard_map(local, mesh, specs, PartitionSpec(*stack, points_axis))(points, modes)
    return values


def _check(
    name: str,
    mesh: Mesh,
    points: Array,
    stacked: bool,
    stack: tuple[int, ...],
    points_axis: str | None,
    stack_axis: str | None,
) -> None:
    sizes = dict(mesh.shape)
    for axis in (points_axis, stack_axis):
        if axis is not None and axis not in sizes:
            raise ValueError(f"{name}: the mesh has the axes {', '.join(sizes)}, not {axis!r}")
    if stack_axis is not None and not stacked:
        raise ValueError(
            f"{name}: there is no stack to be sharded over {stack_axis!r}: give it an axis in front"
        )
    lengths = (("points", points_axis, np.shape(points)[:1]), ("the stack", stack_axis, stack))
    for what, axis, length in lengths:
        if axis is not None and (not length or length[0] % sizes[axis]):
            raise ValueError(
                f"{name}: {what} must be a multiple of the {sizes[axis]} devices of {axis!r}, got "
                f"{length[0] if length else 'a number'}; add points with the value 0, say"
            )


def _shared(options: dict[str, Any], mesh: Mesh) -> dict[str, Any]:
    """The options, in which the devices of this process share its cores."""
    if options.get("nthreads"):
        return options
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    here = sum(device.process_index == jax.process_index() for device in mesh.devices.flat)
    return {**options, "nthreads": max(cores // max(here, 1), 1)}


def _shard_map(function: Callable[..., Any], mesh: Mesh, arguments: Any, result: Any) -> Callable[..., Any]:
    """jax.shard_map, which had another name up to JAX 0.6.

    Its check of what is the same on all devices does not know our primitives.  The axes of a mesh of
    `jax.make_mesh` may be explicit, for which every array would have to be shared out beforehand; they are
    taken as those that JAX shares out by itself.
    """
    mesh = Mesh(mesh.devices, mesh.axis_names)
    if hasattr(jax, "shard_map"):
        return jax.shard_map(function, mesh=mesh, in_specs=arguments, out_specs=result, check_vma=False)
    from jax.experimental import shard_map

    older: Any = shard_map.shard_map
    mapped: Callable[..., Any] = older(function, mesh, arguments, result, check_rep=False)
    return mapped
