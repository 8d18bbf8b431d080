"""nufft3: values at points to values at targets (type 3)."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..linear_map import Array
from ..rule import carriers, primal
from ._grid import Grid, check_tolerance, choose_outer_grid, near_rounding, rounding_unit
from ._kernel import amplification
from ._operators import OnGrid, OnModes, SortedPoints
from ._rules import at_points, from_points
from ._transforms import (
    Options,
    as_complex,
    check_lengths,
    check_memory,
    checked_data,
    checked_options,
    checked_points,
    is_single,
    sign_of,
    sorted_points,
)


class Ranges(NamedTuple):
    """Where points and targets lie: centers and half widths for each axis."""

    centers: tuple[float, ...]
    widths: tuple[float, ...]


def nufft3(
    points: Array,
    values: Array,
    targets: Array,
    *,
    eps: float = 1e-6,
    isign: int = 1,
    upsampfac: float = 0.0,
    nthreads: int = 0,
    fft: str | None = None,
) -> Array:
    """Nonuniform to nonuniform: Σ_j c_j exp(±i s_k·x_j) (type 3).

    Parameters
    ----------
    points : (M, d) array_like
        x, real; (M,) in one dimension.  Any unit, as long as s·x is in radians.
    values : (..., M) array_like
        c, complex or real.  Their precision is that of the transform.
    targets : (K, d) array_like
        s, real; (K,) in one dimension.
    eps : float, optional
        The relative ℓ² error that is allowed; where points or targets are traced, of derivatives by them, too.
    isign : int, optional
        The sign of the exponent.
    upsampfac : float, optional
        The ratio of grid points to modes, from 1.1 to 4; by default it is chosen.
    nthreads : int, optional
        Threads; by default, as many as the process may use cores.
    fft : {"ducc0", "scipy"}, optional
        The library that transforms grids.

    Returns
    -------
    (..., K) array
        Complex.

    Raises
    ------
    ValueError
        If shapes do not fit, or a point or a target is not finite.
    TypeError
        If a dtype is not supported.
    MemoryError
        If the grid, of about ∏ 2 σ² Sₐ Xₐ/π points for points and targets within X and S of their centers, is
        larger than the machine's memory.

    Notes
    -----
    The values are spread onto a grid of spacing Δ = π/(σ S), whose points l are then the modes of a transform of
    type 2 at the targets Δ (s − D):

        f(s) = e^{±i C·(s − D)} / φ̂(Δ (s − D)) · Σ_l e^{±i Δ (s − D)·l} Σ_j φ(l − (x_j − C)/Δ) c_j e^{±i D·x_j}

    with the centers C of the points and D of the targets (Lee & Greengard 2005, doi:10.1016/j.jcp.2004.12.004).
    It is a composition of differentiable steps.  One Fourier transform; one more for the gradients by values,
    points and targets together.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> x, s = np.array([0.5, -1.2]), np.array([10.0, 0.3, -2.5])
    >>> c = np.array([1.0, 2.0])
    >>> f = fr.nufft.nufft3(x, c, s, eps=1e-12)
    >>> bool(np.allclose(f, np.exp(1j * np.outer(s, x)) @ c))
    True
    """
    name = "nufft3"
    options = checked_options(name, eps, 0, upsampfac, nthreads, fft)
    points = checked_points(points, name)
    targets = checked_points(targets, name, "targets")
    if targets.shape[1] != points.shape[1]:
        raise ValueError(f"{name}: points have {points.shape[1]} coordinates, targets {targets.shape[1]}")
    values = as_complex(checked_data(values, name, "values"))
    check_lengths(name, points, values, "values")
    return transform3(points, values, targets, sign_of(isign), options, name)


def transform3(
    points: Array, values: Array, targets: Array, sign: int, options: Options, name: str
) -> Array:
    """The transform of checked arguments."""
    if not len(points) or not len(targets):
        return np.zeros((*values.shape[:-1], len(targets)), values.dtype)
    single = is_single(values)
    d = points.shape[1]
    near, far = ranges(primal(points), name, "point"), ranges(primal(targets), name, "target")
    slopes = type(points) in carriers or type(targets) in carriers
    grid, spacing = outer_grid(near, far, len(points), single, slopes, options, name)
    periods = tuple(n * h for n, h in zip(grid.sizes, spacing, strict=True))

    centered = points - np.array(near.centers) if any(near.centers) else points
    if any(far.centers):
        values = values * phase(points, far.centers, sign, single)
    spread = OnGrid(SortedPoints(primal(centered), periods, grid, options.threads, name))
    modes = from_points(centered, values[..., None], spread)

    shifted = targets - np.array(far.centers) if any(far.centers) else targets
    angles = np.astype(shifted, np.float64) * np.array(spacing)
    # Points at the ends of their range are modes near the highest, and again all of them may be there.  At
    # targets at the ends of theirs, the rounding errors of the transform of type 2 are divided by a small
    # φ̂, and so is a part of its other errors.
    growth = max(amplification(grid.kernel.width, grid.kernel.sigma), 1.0)
    share = 6 * growth if near_rounding(options.eps, single) else 3 * math.sqrt(growth)
    eps = max(options.eps / share, 1e-6 if single else 1e-14)
    inner = options._replace(modeord=1, eps=eps, upsampfac=0.0)
    place = sorted_points(angles, grid.sizes, single, slopes, (2 * math.pi,) * d, inner, name)
    result = at_points(angles, modes, OnModes(place, sign, True, options.library))[..., 0]
    factor: Any = 1.0
    for a in range(d):
        factor = factor * grid.kernel.deconvolution(angles[:, a] * (1 / (2 * math.pi)))
    factor = np.astype(factor, grid.real_dtype)
    if any(near.centers):
        factor = factor * phase(shifted, near.centers, sign, single)
    return result * factor


def ranges(x: Array, name: str, what: str) -> Ranges:
    """Centers and half widths of plain points; small centers count as zero, which saves phases."""
    finite = np.isfinite(x)
    if not finite.all():
        j = int(np.argmin(finite.all(axis=1)))
        raise ValueError(f"{name}: {what} {j} is not finite: {x[j].tolist()}")
    low, high = x.min(axis=0).astype(float), x.max(axis=0).astype(float)
    centers, widths = [], []
    for a, b in zip(low.tolist(), high.tolist(), strict=True):
        center, width = (a + b) / 2, (b - a) / 2
        if abs(center) <= 0.1 * width:
            center, width = 0.0, width + abs(center)
        centers.append(center)
        widths.append(width)
    return Ranges(tuple(centers), tuple(widths))


def outer_grid(
    near: Ranges, far: Ranges, points: int, single: bool, slopes: bool, options: Options, name: str
) -> tuple[Grid, tuple[float, ...]]:
    """The grid for spreading and its spacing along each axis."""
    d = len(near.widths)
    # Some targets lie at the ends of their range, and all of them may: there the error of an axis is up to
    # 8 times the mean over the range, and those of the axes add up.  It shall be eps at most.
    eps = check_tolerance(options.eps, (1,) * d, single, slopes, name)
    eps = max(eps / (8 * math.sqrt(d)), 8 * rounding_unit(single))
    pairs = []
    for X, S in zip(near.widths, far.widths, strict=True):
        X, S = (1.0, 1.0) if X == S == 0 else (X or 1 / S, S or 1 / X)  # noqa: PLW2901
        pairs.append((X, S))
    extents = tuple(2 * S * X / math.pi for X, S in pairs)
    if not all(math.isfinite(n) and n < 2.0**40 for n in extents):
        raise MemoryError(
            f"{name}: points and targets span ranges whose product is {max(extents) * math.pi:.1e}: the grid would "
            "have as many points"
        )
    count = 1 << max(points - 1, 1).bit_length()
    grid = choose_outer_grid(extents, count, eps, single, slopes, options.upsampfac)
    check_memory(grid.sizes, grid.modes, single, name)
    # the targets' range is that of the kernel's modes
    spacing = tuple(math.pi / (grid.kernel.sigma * S) for _, S in pairs)
    return grid, spacing


def phase(x: Array, frequency: tuple[float, ...], sign: int, single: bool) -> Array:
    """e^{±i frequency·x}, from angles in double precision."""
    angle = np.astype(x, np.float64) @ np.array(frequency)
    return np.astype(np.exp(1j * sign * angle), np.complex64 if single else np.complex128)
