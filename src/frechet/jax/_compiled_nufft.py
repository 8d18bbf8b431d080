"""Nonuniform Fourier transforms of types 1 and 2 that XLA compiles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..nufft._arguments import TWO_PI, check_memory, checked_modes, checked_options, checked_periods, sign_of
from ..nufft._grid import check_tolerance
from ._compiled_passes import Transform, at_points_p, from_points_p

__all__ = ["nufft1", "nufft2"]

Array = Any


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
) -> jax.Array:
    """Nonuniform to uniform: `frechet.nufft.nufft1` as a function of JAX arrays, compiled.

    Parameters
    ----------
    points : (M, d) array
        Real; (M,) in one dimension.  May be traced, as values and dipoles may be.
    values : (..., M) array
        Complex or real.
    n_modes : int or sequence of d int
    dipoles : (..., M, d) array, optional
    eps, isign, modeord, period, upsampfac, nthreads
        As for `frechet.nufft.nufft1`; static.  nthreads = 0: as many as there are cores when it runs.

    Returns
    -------
    (..., n₁, ..., n_d) array
        complex64 or complex128, by the dtype of values.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As for `frechet.nufft.nufft1`, when it is traced.  A point that is not finite is an error of JAX's,
        when it runs.

    Notes
    -----
    On the CPU.  Derivatives of all orders, forward and reverse, by points, values and dipoles; one by the
    points takes no Fourier transform of its own.  vmap over values is one call, over points a loop.

    Examples
    --------
    >>> import jax, numpy as np
    >>> x = np.array([0.5, -1.2, 2.0], np.float32)
    >>> c = np.array([1.0, 2.0, -1.0], np.float32)
    >>> f = jax.jit(lambda x, c: nufft1(x, c, 5))(x, c)
    >>> bool(np.allclose(f, np.exp(1j * np.outer(np.arange(-2, 3), x)) @ c, atol=1e-5))
    True
    """
    name = "nufft1"
    points = _checked_points(points, name)
    values = _as_complex(values, name, "values")
    count, d = points.shape
    if values.ndim < 1 or values.shape[-1] != count:
        raise ValueError(
            f"{name}: values must have shape (..., {count}), one for each point, got {values.shape}"
        )
    data, order = values[..., None], 0
    if dipoles is not None:
        dipoles = _as_complex(dipoles, name, "dipoles")
        if dipoles.shape[-2:] != (count, d):
            raise ValueError(f"{name}: dipoles must have shape (..., {count}, {d}), got {dipoles.shape}")
        stack = np.broadcast_shapes(values.shape[:-1], dipoles.shape[:-2])
        both = [jnp.broadcast_to(a, (*stack, *a.shape[-2:])) for a in (data, dipoles)]
        data, order = jnp.concatenate(both, axis=-1), 1
    transform = _transform(
        name, d, n_modes, data.dtype, order > 0, isign, eps, modeord, period, upsampfac, nthreads
    )
    stack = data.shape[:-2]
    f = from_points_p.bind(
        points, jnp.reshape(data, (math.prod(stack), *data.shape[-2:])), transform=transform, order=order
    )
    return jnp.reshape(f, (*stack, *transform.modes))


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
) -> Any:
    """Uniform to nonuniform: `frechet.nufft.nufft2` as a function of JAX arrays, compiled.

    Parameters
    ----------
    points : (M, d) array
        Real; (M,) in one dimension.  May be traced, as modes may be.
    modes : (..., n₁, ..., n_d) array
        Complex or real.
    gradient : bool, optional
        Whether the gradients by the points are wanted as well, from the same Fourier transform.
    eps, isign, modeord, period, upsampfac, nthreads
        As for `frechet.nufft.nufft2`; static.

    Returns
    -------
    values : (..., M) array
        complex64 or complex128, by the dtype of modes.
    gradients : (..., M, d) array
        Only with ``gradient``.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As for `nufft1`.

    Notes
    -----
    As for `nufft1`.

    Examples
    --------
    >>> import jax, numpy as np
    >>> x = np.array([0.5, -1.2, 2.0], np.float32)
    >>> wave = np.array([-0.5j, 0, 0.5j], np.complex64)         # sin x
    >>> slope = jax.vmap(jax.grad(lambda x: nufft2(x[None], wave)[0].real))(x)
    >>> bool(np.allclose(slope, np.cos(x), atol=1e-5))
    True
    """
    name = "nufft2"
    points = _checked_points(points, name)
    modes = _as_complex(modes, name, "modes")
    d = points.shape[1]
    if modes.ndim < d or 0 in modes.shape[modes.ndim - d :]:
        raise ValueError(
            f"{name}: modes must have as many axes as the points have coordinates, {d}, none of them empty, "
            f"got {modes.shape}"
        )
    stack, n_modes = modes.shape[: modes.ndim - d], modes.shape[modes.ndim - d :]
    transform = _transform(
        name, d, n_modes, modes.dtype, gradient, isign, eps, modeord, period, upsampfac, nthreads
    )
    flat = jnp.reshape(modes, (math.prod(stack), *n_modes))
    V = at_points_p.bind(points, flat, transform=transform, order=int(gradient))
    V = jnp.reshape(V, (*stack, *V.shape[1:]))
    return (V[..., 0], V[..., 1:]) if gradient else V[..., 0]


def _transform(
    name: str,
    d: int,
    n_modes: Any,
    dtype: Any,
    slopes: bool,
    isign: int,
    eps: float,
    modeord: int,
    period: Any,
    upsampfac: float,
    nthreads: int,
) -> Transform:
    options = checked_options(name, eps, modeord=modeord, upsampfac=upsampfac, nthreads=nthreads)
    modes, single = checked_modes(n_modes, d, name), dtype == jnp.complex64
    eps = check_tolerance(options.eps, modes, single, slopes, name, options.upsampfac, options.warn)
    periods = checked_periods(period, d, name)
    transform = Transform(
        modes,
        sign_of(isign, name),
        bool(modeord),
        eps,
        options.upsampfac,
        periods,
        int(nthreads),
        single,
        slopes,
    )
    check_memory(modes, modes, single, name)
    return transform


def _checked_points(points: Any, name: str) -> Array:
    points = jnp.asarray(points)
    if points.ndim == 1:
        points = points[:, None]
    if points.ndim != 2 or not 1 <= points.shape[1] <= 3:
        raise ValueError(
            f"{name}: points must have shape (M, d) with d = 1, 2 or 3, or (M,), got {points.shape}"
        )
    if points.dtype not in (np.float32, np.float64):
        raise TypeError(f"{name}: points must be real, of float32 or float64, got {points.dtype}")
    return points


def _as_complex(data: Any, name: str, what: str) -> Array:
    data = jnp.asarray(data)
    if data.dtype not in (np.float32, np.float64, np.complex64, np.complex128):
        raise TypeError(f"{name}: {what} must be float32, float64, complex64 or complex128, got {data.dtype}")
    return data.astype(jnp.complex64 if data.dtype in (np.float32, np.complex64) else jnp.complex128)
