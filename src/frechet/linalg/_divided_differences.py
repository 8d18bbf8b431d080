"""Divided differences of a scalar function on all tuples of given points, accurate where points are close.

f[x] = f(x),  f[x_0 … x_m] = (f[x_1 … x_m] − f[x_0 … x_(m−1)]) / (x_m − x_0).  The quotient loses digits where
x_0 and x_m are close and is undefined where they are equal.  There a Taylor series takes its place: with c_k
= f⁽ᵏ⁾(c)/k! at one of the points, c,

    f[x_0 … x_m] = Σ_(k≥m) c_k h_(k−m)(x_0 − c, …, x_m − c),

h_j the complete homogeneous symmetric polynomial of degree j (de Boor, Surveys in Approximation Theory 1:46,
2005).  Both come with an estimate of their error, and the smaller one decides.  Where they differ by far more
than that, f is not analytic between the points (|x|, on both sides of 0), and the quotient is right.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import NotDifferentiableError
from ._scalar_function import ScalarFunction

__all__ = ["DividedDifferences"]

Array = NDArray[Any]

_TERMS = 20  # of the series, where the derivatives are found
_FEW = 6  # terms beyond the first below which the tail of the series is no guide to its error
_DISAGREE = 1e3  # how many times the estimated errors the two ways may differ


class DividedDifferences:
    """f[x_i, x_j, …] for points x.

    Parameters
    ----------
    f : ScalarFunction
    x : (N,) ndarray
        Real or complex.
    values : (N,) ndarray
        f at the points.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([1.0, 1.0, 2.0])
    >>> D = DividedDifferences(ScalarFunction(np.square), x, x**2)
    >>> D.at(np.array([[0, 0], [1, 2]]))
    array([2., 3.])
    """

    def __init__(self, f: ScalarFunction, x: Array, values: Array) -> None:
        self.x, self.values = x, values
        self.order = min(_TERMS, f.order)
        coefficients = f.taylor(x, self.order) if x.size else np.empty((self.order + 1, 0), values.dtype)
        bad = ~np.isfinite(coefficients)
        self.usable = np.where(bad.any(axis=0), bad.argmax(axis=0), self.order + 1)  # orders below this one
        self.coefficients = np.where(np.arange(self.order + 1)[:, None] < self.usable, coefficients, 0)

    def at(self, index: Array) -> Array:
        """The divided differences at tuples of points.

        Parameters
        ----------
        index : (m + 1, ...) ndarray of int
            Numbers of points.  For m ≥ 2 the points are real and in ascending order.

        Returns
        -------
        (...) ndarray

        Raises
        ------
        NotDifferentiableError
            Where points are equal and f has no derivative of that order, or none is known.
        """
        if len(index) > 2:
            index = np.sort(index, axis=0)
        return self._evaluate(index)[0]

    def _evaluate(self, index: Array) -> tuple[Array, Array]:
        """The divided differences, and estimates of their errors."""
        m = len(index) - 1
        if m == 0:
            values = self.values[index[0]]
            return values, np.finfo(values.dtype).eps * np.abs(values)
        first, error_first = self._evaluate(index[:-1])
        last, error_last = self._evaluate(index[1:])
        gap = self.x[index[-1]] - self.x[index[0]]
        equal = gap == 0
        gap[equal] = 1
        result = np.asarray((last - first) / gap)
        eps = np.finfo(result.dtype).eps
        error = np.asarray((error_first + error_last) / np.abs(gap) + eps * np.abs(result))
        error[equal] = np.inf
        lossy = error > 8 * eps * np.abs(result)
        series, tail = self._series(index[:, lossy])
        if not (np.isfinite(series) | ~equal[lossy]).all():
            raise NotDifferentiableError(
                f"funm: derivative {m} of func is needed at an eigenvalue, and it is not finite there or "
                "was not given"
            )
        quotient, its_error = result[lossy], error[lossy]
        agree = ~(np.abs(series - quotient) > _DISAGREE * (its_error + tail))
        better = equal[lossy] | (agree & (tail < its_error))
        result[lossy] = np.where(better, series, quotient)
        error[lossy] = np.where(better, tail, its_error)
        return result, error

    def _series(self, index: Array) -> tuple[Array, Array]:
        """The divided differences by Taylor series, nan where there is none, and their errors."""
        m = len(index) - 1
        center = index[m // 2]
        shifts = self.x[index] - self.x[center]
        c, usable = self.coefficients[:, center], self.usable[center]
        # h_j of the shifts, one variable after the other: h_j(…, y) = h_j(…) + y h_(j−1)(…, y)
        count = self.order - m + 1
        dtype = np.result_type(c, shifts)
        if count < 1:
            return np.full(center.shape, np.nan, dtype), np.full(center.shape, np.inf)
        h = np.zeros((count, *center.shape), shifts.dtype)
        h[0] = 1
        for y in shifts:
            for j in range(1, count):
                h[j] += y * h[j - 1]
        terms = c[m:] * h
        sizes = np.abs(terms)
        spread = np.abs(shifts).max(axis=0, initial=0)
        if count > _FEW:
            tail = sizes[-3:].max(axis=0)
        else:  # the next term, if the coefficients go on growing as they did
            known = np.abs(self.coefficients)[:, center]
            growth = (known[1:] / np.maximum(known[:-1], np.finfo(known.dtype).tiny)).max(axis=0, initial=1)
            with np.errstate(over="ignore"):
                tail = sizes[-1] * growth * spread * (self.order + 1)
        tail = np.where((usable <= self.order) & (spread > 0), np.inf, tail)
        value = np.where(usable > m, terms.sum(axis=0), np.nan)
        return value, tail + np.finfo(value.dtype).eps * sizes.sum(axis=0)
