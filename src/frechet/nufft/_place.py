"""What the transforms do, once their arguments are checked: sort points for a grid, and transform data there.

The functions do both at once; a `Plan` sorts its points once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array
from ..rule import primal
from ._arguments import Options, check_memory, checked_periods
from ._grid import choose_grid, grid_alone
from ._operators import OnGrid, OnModes, SortedPoints
from ._rules import Operator, at_points, from_points


class Place:
    """Points, and the operator that has them sorted."""

    __slots__ = ("operator", "points")

    def __init__(self, points: Array, operator: Operator) -> None:
        self.points, self.operator = points, operator

    def to_modes(self, values: Array, dipoles: Array | None = None) -> Array:
        """Type 1, of complex (..., M) values and (..., M, d) dipoles; of real values for halved modes."""
        if dipoles is None:
            return from_points(self.points, values[..., None], self.operator)
        stack = np.broadcast_shapes(values.shape[:-1], dipoles.shape[:-2])
        parts = [np.broadcast_to(a, (*stack, *a.shape[-2:])) for a in (values[..., None], dipoles)]
        return from_points(self.points, np.concatenate(parts, axis=-1), self.operator, 1)

    def to_points(self, modes: Array, gradient: bool = False) -> Any:
        """Type 2, of complex modes: (..., M), with the gradients (..., M, d) if they are wanted."""
        values = at_points(self.points, modes, self.operator, int(gradient))
        return (values[..., 0], values[..., 1:]) if gradient else values[..., 0]


def place(
    points: Array,
    modes: tuple[int, ...],
    sign: int,
    single: bool,
    slopes: bool,
    options: Options,
    name: str,
    halved: bool = False,
    weight: float = 1.0,
) -> Place:
    """Points sorted for modes, or for the grid that stands in their place where there is spreading only.

    Parameters
    ----------
    points : (M, d) array
        Plain or traced.
    modes : tuple of int
    sign : int
        Of the exponent from modes to points.
    single, slopes : bool
        Whether in single precision; whether derivatives by the points are taken.
    options : Options
        Those of `frechet.nufft._arguments.checked_options`, with a tolerance from `check_tolerance`.
    name : str
        Of the function, for messages.
    halved : bool
        Whether values are real, and modes those with a non-negative last frequency.
    weight : float
        Of halved modes that stand for two, see `OnModes`.
    """
    periods = checked_periods(options.period, len(modes), name)
    check_memory(modes, modes, single, name)
    if options.spread_only:
        grid = grid_alone(modes, options.eps, single, options.upsampfac, name)
        # FINUFFT has the origin at the grid's middle, where it is at its first point here
        points = np.astype(points, np.float64) + np.array(periods) / 2
        sorted_ = SortedPoints(primal(points), periods, grid, options.threads, name)
        return Place(points, OnGrid(sorted_))
    # a coarse count of points is enough for the choice, which is remembered
    count = 1 << max(len(points) - 1, 1).bit_length()
    grid = choose_grid(modes, count, options.eps, single, slopes, options.upsampfac, halved)
    check_memory(modes, grid.sizes, single, name)
    sorted_ = SortedPoints(primal(points), periods, grid, options.threads, name)
    return Place(points, OnModes(sorted_, sign, bool(options.modeord), options.library, halved, weight))
