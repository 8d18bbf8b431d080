"""nufft3: values at points to values at targets (type 3)."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..linear_map import Array
from ..rule import primal
from ._arguments import (
    TWO_PI,
    Options,
    check_memory,
    checked_options,
    checked_points,
    checked_values,
    is_single,
    is_traced,
    sign_of,
)
from ._grid import Grid, check_tolerance, choose_outer_grid, near_rounding, rounding_unit
from ._kernel import amplification
from ._operators import OnGrid, SortedPoints
from ._place import Place, place


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
        The relative ℓ² error that is allowed; where points or targets are traced, of derivatives by them,
        too.
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
    The values are spread onto a grid of spacing Δ = π/(σ S), whose points l are then the modes of a transform
    of type 2 at the targets Δ (s − D):

        f(s) = e^{±i C·(s − D)} / φ̂(Δ (s − D)) · Σ_l e^{±i Δ (s − D)·l} Σ_j φ(l − (x_j − C)/Δ) c_j e^{±i
        D·x_j}

    with the centers C of the points and D of the targets (Lee & Greengard 2005,
    doi:10.1016/j.jcp.2004.12.004). It is a composition of differentiable steps.  One Fourier transform; one
    more for the gradients by values, points and targets together.

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
    options = checked_options("nufft3", eps, upsampfac=upsampfac, nthreads=nthreads, fft=fft)
    points, targets = checked_points(points, "nufft3"), checked_points(targets, "nufft3", "targets")
    if targets.shape[1] != points.shape[1]:
        raise ValueError(f"nufft3: points have {points.shape[1]} coordinates, targets {targets.shape[1]}")
    values = checked_values(values, points, "nufft3")
    return transform3(points, values, targets, isign, options, "nufft3")


def transform3(
    points: Array, values: Array, targets: Array, isign: int, options: Options, name: str
) -> Array:
    """nufft3 of checked arrays."""
    slopes = is_traced(points, targets)
    on_targets = OnTargets(points, targets, sign_of(isign, name), is_single(values), slopes, options, name)
    return on_targets.to_targets(values)


class OnTargets:
    """Points and targets, and the steps between them.

    ``to_targets`` is the transform of type 3, ``to_points`` its adjoint.  Both compose differentiable steps.
    """

    def __init__(
        self,
        points: Array,
        targets: Array,
        sign: int,
        single: bool,
        slopes: bool,
        options: Options,
        name: str,
    ) -> None:
        """points, targets: checked (M, d) and (K, d) arrays, plain or traced."""
        self.counts = len(points), len(targets)
        if not all(self.counts):
            return
        d = points.shape[1]
        near, far = ranges(primal(points), name, "point"), ranges(primal(targets), name, "target")
        grid, spacing = outer_grid(near, far, len(points), single, slopes, options, name)
        periods = tuple(n * h for n, h in zip(grid.sizes, spacing, strict=True))

        centered = points - np.array(near.centers) if any(near.centers) else points
        sorted_points = SortedPoints(primal(centered), periods, grid, options.threads, name)
        self.spreading = Place(centered, OnGrid(sorted_points))
        self.before = phase(points, far.centers, sign, single) if any(far.centers) else None

        shifted = targets - np.array(far.centers) if any(far.centers) else targets
        angles = np.astype(shifted, np.float64) * np.array(spacing)
        eps = check_tolerance(options.eps, grid.sizes, single, slopes, name, options.upsampfac, options.warn)
        # Points at the ends of their range are modes near the highest, and again all of them may be there.
        # At targets at the ends of theirs, the rounding errors of the transform of type 2 are divided by a
        # small φ̂, and so is a part of its other errors.
        growth = max(amplification(grid.kernel.width, grid.kernel.sigma), 1.0) ** d
        share = 6 * growth if near_rounding(options.eps, single) else 3 * math.sqrt(growth)
        eps = max(eps / share, 1e-6 if single else 1e-14)
        eps = check_tolerance(eps, grid.sizes, single, slopes, name, warn=False)
        inner = options._replace(modeord=1, eps=eps, upsampfac=0.0, period=TWO_PI)
        self.transform = place(angles, grid.sizes, sign, single, slopes, inner, name)
        factor: Any = 1.0
        for a in range(d):
            factor = factor * grid.kernel.deconvolution(angles[:, a] * (1 / TWO_PI))
        factor = np.astype(factor, grid.real_dtype)
        self.after = factor * phase(shifted, near.centers, sign, single) if any(near.centers) else factor

    def to_targets(self, values: Array) -> Array:
        """(..., M) to (..., K): type 3."""
        if not all(self.counts):
            return np.zeros((*values.shape[:-1], self.counts[1]), values.dtype)
        if self.before is not None:
            values = values * self.before
        result: Array = self.transform.to_points(self.spreading.to_modes(values)) * self.after
        return result

    def to_points(self, values: Array) -> Array:
        """The adjoint: (..., K) to (..., M)."""
        if not all(self.counts):
            return np.zeros((*values.shape[:-1], self.counts[0]), values.dtype)
        result: Array = self.spreading.to_points(self.transform.to_modes(values * np.conj(self.after)))
        return result if self.before is None else result * np.conj(self.before)


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
    eps = max(min(options.eps, 0.5) / (8 * math.sqrt(d)), 8 * rounding_unit(single))
    pairs = []
    for X, S in zip(near.widths, far.widths, strict=True):
        X, S = (1.0, 1.0) if X == S == 0 else (X or 1 / S, S or 1 / X)  # noqa: PLW2901  # no range: any
        # The spacing is that of the range of the targets.  Where this is far less than a turn along that of
        # the points, slopes by targets would be small differences on a grid much wider than the points.
        pairs.append((X, max(S, 2 / X)))
    extents = tuple(2 * S * X / math.pi for X, S in pairs)
    if not all(math.isfinite(n) and n < 2.0**40 for n in extents):
        raise MemoryError(
            f"{name}: points and targets span ranges whose product is {max(extents) * math.pi:.1e}: the grid "
            "would have as many points"
        )
    count = 1 << max(points - 1, 1).bit_length()
    grid = choose_outer_grid(extents, count, eps, single, slopes, options.upsampfac)
    check_memory(grid.modes, grid.sizes, single, name)
    # the targets' range is that of the kernel's modes
    spacing = tuple(math.pi / (grid.kernel.sigma * S) for _, S in pairs)
    return grid, spacing


def phase(x: Array, frequency: tuple[float, ...], sign: int, single: bool) -> Array:
    """e^{±i frequency·x}, from angles in double precision."""
    angle = np.astype(x, np.float64) @ np.array(frequency)
    return np.astype(np.exp(1j * sign * angle), np.complex64 if single else np.complex128)
