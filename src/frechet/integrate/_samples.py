"""Integrals of samples: linear in the values, and functions of the points too.

On two intervals of lengths h and k, with values f, g, l, the parabola through them has the integral

    (h + k)/6 · ((2 − k/h) f + (h + k)²/(h k) g + (2 − h/k) l),

over the first interval alone      h/6 · ((3 − r) f + (3 + r h/k + r) g − r h/k l)     with r = h/(h + k).
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from .._scipy import as_array, from_scipy
from ..errors import NotDifferentiableError
from ..linear_map import Array
from ..tracing.apply import is_traced
from ..transforms import stop_gradient

_scipys = functools.partial(from_scipy, "integrate")


def _arguments(y: Any, x: Any, dx: Any, axis: int) -> tuple[Array, Array]:
    """The values with the axis last, and the lengths of the intervals, which broadcast against them."""
    y = as_array(y)
    if y.dtype.kind not in "fc":
        y = y.astype(float)
    if x is None:
        # A number of Python's keeps single precision.
        return np.moveaxis(y, axis, -1), dx if isinstance(dx, (int, float)) else as_array(dx)
    x = as_array(x)
    n = np.shape(y)[axis]
    if np.ndim(x) not in (1, np.ndim(y)):
        raise ValueError("If given, shape of x must be 1-D or the same as y.")
    x = x if np.ndim(x) == 1 else np.moveaxis(x, axis, -1)
    if np.shape(x)[-1] != n:
        raise ValueError("If given, length of x along axis must be the same as y.")
    return np.moveaxis(y, axis, -1), np.diff(x, axis=-1)


def trapezoid(y: Array, x: Array | None = None, dx: Any = 1.0, axis: int = -1) -> Array:
    """The integral of samples by the trapezoidal rule, as scipy.integrate.trapezoid.

    Parameters
    ----------
    y : array
        The values.
    x : array, optional
        The points, of one axis or of the shape of y.
    dx : number, optional
        The distance of the points where x is not given.
    axis : int, optional
        Along which the integral is taken.

    Returns
    -------
    array
        The integral, without the axis.

    Examples
    --------
    >>> import numpy as np
    >>> from frechet import grad
    >>> grad(trapezoid)(np.array([1.0, 2.0, 4.0]))
    array([0.5, 1. , 0.5])
    """
    if not is_traced((y, x, dx)):
        return _scipys("trapezoid")(y, x, dx, axis)
    y, h = _arguments(y, x, dx, axis)
    return np.sum(h * (y[..., 1:] + y[..., :-1]) / 2, axis=-1)


def cumulative_trapezoid(
    y: Array, x: Array | None = None, dx: Any = 1.0, axis: int = -1, initial: Any = None
) -> Array:
    """The integrals up to each point by the trapezoidal rule, as scipy.integrate.cumulative_trapezoid.

    Parameters
    ----------
    y, x, dx, axis
        As for `trapezoid`.
    initial : 0 or None, optional
        0 puts a zero in front.

    Returns
    -------
    array
        The integrals.
    """
    if not is_traced((y, x, dx)):
        return _scipys("cumulative_trapezoid")(y, x, dx, axis, initial)
    y, h = _arguments(y, x, dx, axis)
    if not y.shape[-1]:
        raise ValueError("At least one point is required along `axis`.")
    if initial is not None and initial != 0:
        raise ValueError("`initial` must be `None` or `0`.")
    sums = np.cumsum(h * (y[..., 1:] + y[..., :-1]) / 2, axis=-1)
    if initial is not None:
        sums = np.concatenate((np.zeros((*sums.shape[:-1], 1), sums.dtype), sums), axis=-1)
    return np.moveaxis(sums, -1, axis)


def simpson(y: Array, x: Array | None = None, *, dx: Any = 1.0, axis: int = -1) -> Array:
    """The integral of samples by Simpson's rule, as scipy.integrate.simpson.

    Parameters
    ----------
    y, x, dx, axis
        As for `trapezoid`.

    Returns
    -------
    array
        The integral, without the axis.

    Raises
    ------
    NotDifferentiableError
        Where points coincide.

    Notes
    -----
    An even number of points leaves an interval over: there the parabola through the last three is used.
    """
    if not is_traced((y, x, dx)):
        return _scipys("simpson")(y, x, dx=dx, axis=axis)
    y, h = _arguments(y, x, dx, axis)
    n = y.shape[-1]
    if n == 2:
        return np.sum(h * (y[..., 1:] + y[..., :-1]) / 2, axis=-1)
    h = _distinct(h, n)
    pairs = n - 1 - (n % 2 == 0)
    a, b = h[..., 0:pairs:2], h[..., 1:pairs:2]
    f, g, l = y[..., 0:pairs:2], y[..., 1:pairs:2], y[..., 2 : pairs + 1 : 2]
    total = np.sum((a + b) / 6 * ((2 - b / a) * f + (a + b) ** 2 / (a * b) * g + (2 - a / b) * l), axis=-1)
    if n % 2 == 0 and n > 2:
        last = _first_interval(y[..., :-4:-1], h[..., :-3:-1])
        total = total + last[..., 0]
    return total


def _distinct(h: Array, n: int) -> Array:
    """The lengths of the n − 1 intervals, none of which may be zero."""
    if not np.all(stop_gradient(h)):
        raise NotDifferentiableError(
            "fr.integrate: Simpson's rule has no derivative where points coincide; take trapezoid, or "
            "points apart"
        )
    return h if np.ndim(h) else np.broadcast_to(h, (max(n - 1, 0),))


def _first_interval(y: Array, h: Array) -> Array:
    """The integral of each parabola, through three neighbours, over the first of its two intervals."""
    a, b = h[..., :-1], h[..., 1:]
    r = a / (a + b)
    q = r * a / b
    return a / 6 * ((3 - r) * y[..., :-2] + (3 + q + r) * y[..., 1:-1] - q * y[..., 2:])


def cumulative_simpson(
    y: Array, *, x: Array | None = None, dx: Any = 1.0, axis: int = -1, initial: Any = None
) -> Array:
    """The integrals up to each point by Simpson's rule, as scipy.integrate.cumulative_simpson.

    Parameters
    ----------
    y, x, dx, axis
        As for `trapezoid`; dx may also be an array of the shape of y with one entry along the axis.
    initial : number or array, optional
        Put in front, and added to all.

    Returns
    -------
    array
        The integrals.
    """
    if not is_traced((y, x, dx, initial)):
        return _scipys("cumulative_simpson")(y, x=x, dx=dx, axis=axis, initial=initial)
    plain_y = y
    if x is None and np.ndim(dx):
        dx = np.moveaxis(as_array(dx), axis, -1)
    y, h = _arguments(y, x, dx, axis)
    n = y.shape[-1]
    if n < 3:
        sums = np.moveaxis(cumulative_trapezoid(plain_y, x, dx, axis), axis, -1)
    else:
        if x is not None and np.any(stop_gradient(h) <= 0):
            raise ValueError("Input x must be strictly increasing.")
        h = np.broadcast_to(h, (*y.shape[:-1], n - 1))
        forward = _first_interval(y, h)
        backward = np.flip(_first_interval(np.flip(y, -1), np.flip(h, -1)), -1)
        # Intervals 0, 2, … as the first of a pair, 1, 3, … and the last one as the second.
        k = np.arange(n - 1)
        second = (k % 2 == 1) | (k == n - 2)
        both = np.concatenate((forward, backward[..., -1:]), axis=-1)
        again = np.concatenate((backward[..., :1], backward), axis=-1)
        sums = np.cumsum(np.where(second, again, both), axis=-1)
    if initial is not None:
        start = as_array(initial)
        start = np.moveaxis(start, axis, -1) if np.ndim(start) else start
        start = np.broadcast_to(start, (*sums.shape[:-1], 1))
        sums = np.concatenate((start, sums + start), axis=-1)
    return np.moveaxis(sums, -1, axis)


def romb(y: Array, dx: Any = 1.0, axis: int = -1, show: Any = False) -> Array:
    """The integral of 2ᵏ + 1 equidistant samples by Romberg's method, as scipy.integrate.romb.

    Parameters
    ----------
    y : array
        The values.
    dx : number, optional
        The distance of the points.
    axis : int, optional
        Along which the integral is taken.
    show : bool or pair, optional
        Whether the table is printed; without effect where something is traced.

    Returns
    -------
    array
        The integral, without the axis.
    """
    if not is_traced((y, dx)):
        return _scipys("romb")(y, dx, axis, show)
    y, h = _arguments(y, None, dx, axis)
    steps = y.shape[-1] - 1
    if steps < 1 or steps & (steps - 1):
        raise ValueError("Number of samples must be one plus a non-negative power of 2.")
    row: list[Any] = [steps * (y[..., 0] + y[..., -1]) / 2]
    while steps > 1:
        half = steps // 2
        new = [(row[0] + steps * np.sum(y[..., half::steps], axis=-1)) / 2]
        for j, old in enumerate(row, 1):
            new.append(new[-1] + (new[-1] - old) / (4**j - 1))
        row, steps = new, half
    return row[-1] * h
