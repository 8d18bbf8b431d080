"""Interpolating splines.

A spline through values y at fixed points is linear in y:  s(x) = Σ_k y_k B_k(x), where B_k is the spline
through 1 at point k and 0 at the others.  So the only rule is that of evaluating a given spline: its
derivative by x is the spline's own derivative.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from .._scipy import as_array, from_scipy
from ..custom import rule
from ..errors import NotDifferentiableError
from ..linear_map import Array, linear
from ..tracing.apply import is_traced
from ..transforms import array, stop_gradient

_scipys = functools.partial(from_scipy, "interpolate")


@rule
def _evaluate(x: Array, spline: Any, nu: int, extrapolate: Any) -> Any:
    arguments = (spline, nu, extrapolate)
    y = _evaluate(x, *arguments) if is_traced(x) else spline(x, nu, extrapolate)
    points, axis = np.ndim(x), int(getattr(spline, "axis", 0))
    behind = np.ndim(y) - points - axis

    def derivative() -> Array:
        return _evaluate(x, spline, nu + 1, extrapolate)

    def push(v: Array) -> Array:
        stack = np.shape(v)[: np.ndim(v) - points]
        return np.reshape(v, (*stack, *(1,) * axis, *np.shape(x), *(1,) * behind)) * derivative()

    def pull(w: Array) -> Array:
        after, before = range(-behind, 0), range(-behind - points - axis, -behind - points)
        return np.sum(np.real(w * np.conj(derivative())), axis=(*before, *after))

    return y, linear(push, pull)


def evaluate(spline: Any, x: Array, nu: int = 0, extrapolate: Any = None) -> Array:
    """A spline of SciPy, or a derivative of it, at points that may be traced.

    Parameters
    ----------
    spline : PPoly, BSpline or a class derived from them
        CubicSpline, PchipInterpolator, Akima1DInterpolator and others, made of plain values.
    x : array
        The points.
    nu : int, optional
        The order of the derivative.
    extrapolate : bool or 'periodic', optional
        As for the spline itself.

    Returns
    -------
    array
        As of spline(x, nu, extrapolate).

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.interpolate import CubicSpline
    >>> from frechet import grad
    >>> t = np.arange(5.0)
    >>> square = CubicSpline(t, t**2)
    >>> round(float(grad(lambda x: evaluate(square, x))(1.5)), 9)
    3.0
    """
    if not is_traced(x):
        return spline(x, nu, extrapolate)
    x = as_array(x)
    if np.iscomplexobj(x):
        raise TypeError("splines are evaluated at real points")
    return _evaluate(x, spline, nu, extrapolate)


class Spline:
    """A spline through traced values.

    Attributes
    ----------
    basis : PPoly or BSpline
        The splines through one at each point and zero at the others.
    """

    def __init__(self, basis: Any, y: Array, axis: int) -> None:
        self.basis, self.axis = basis, axis % np.ndim(y)
        self._y = np.moveaxis(y, axis, 0)

    def __call__(self, x: Array, nu: int = 0, extrapolate: Any = None) -> Array:
        """The spline or a derivative of it at some points."""
        points = np.ndim(array(x))
        values = np.tensordot(evaluate(self.basis, x, nu, extrapolate), self._y, axes=1)
        return np.moveaxis(values, range(points), range(self.axis, self.axis + points))

    def _with(self, basis: Any) -> Spline:
        other = object.__new__(Spline)
        other.basis, other.axis, other._y = basis, self.axis, self._y
        return other

    def derivative(self, nu: int = 1) -> Spline:
        """The spline that is the derivative."""
        return self._with(self.basis.derivative(nu))

    def antiderivative(self, nu: int = 1) -> Spline:
        """The spline that is the integral from the first point."""
        return self._with(self.basis.antiderivative(nu))

    def integrate(self, a: Any, b: Any, extrapolate: Any = None) -> Array:
        """The integral between two numbers, which may be traced."""
        if not is_traced((a, b)):
            return np.tensordot(self.basis.integrate(a, b, extrapolate), self._y, axes=1)
        if (self.basis.extrapolate if extrapolate is None else extrapolate) == "periodic":
            raise NotDifferentiableError(
                "fr.interpolate: the integral of a periodic spline has no derivative by its limits; pass "
                "fr.stop_gradient of them"
            )
        integral = self.antiderivative()
        return integral(b, extrapolate=extrapolate) - integral(a, extrapolate=extrapolate)


def CubicSpline(
    x: Array, y: Array, axis: int = 0, bc_type: Any = "not-a-knot", extrapolate: Any = None
) -> Any:
    """A cubic spline through values that may be traced, as scipy.interpolate.CubicSpline.

    Parameters
    ----------
    x : array
        The points, plain.
    y : array
        The values.
    axis : int, optional
        Along which they belong to the points.
    bc_type : {'not-a-knot', 'clamped', 'natural'} or a pair of these, optional
        The conditions at the ends.  Others of SciPy's are for plain values.
    extrapolate : bool or 'periodic', optional
        What happens outside the points.

    Returns
    -------
    Spline
        SciPy's CubicSpline for plain values.

    Raises
    ------
    NotDifferentiableError
        Where the points are traced, or with other conditions at the ends.

    Examples
    --------
    >>> import numpy as np
    >>> from frechet import grad
    >>> grad(lambda y: CubicSpline(np.arange(4.0), y)(1.5))(np.zeros(4)).round(4)
    array([-0.0625,  0.5625,  0.5625, -0.0625])
    """
    if not is_traced((x, y)):
        return _scipys("CubicSpline")(x, y, axis, bc_type, extrapolate)
    conditions = bc_type if isinstance(bc_type, (tuple, list)) else (bc_type,)
    if not all(
        c in ("not-a-knot", "clamped", "natural") for c in conditions if isinstance(c, str)
    ) or not all(isinstance(c, str) for c in conditions):
        raise NotDifferentiableError(
            f"fr.interpolate.CubicSpline of traced values: bc_type={bc_type!r} has no derivative here; take "
            "'not-a-knot', 'clamped' or 'natural'"
        )
    basis, y = _basis("CubicSpline", x, y, axis, bc_type=bc_type, extrapolate=extrapolate)
    return Spline(basis, y, axis)


def make_interp_spline(
    x: Array, y: Array, k: int = 3, t: Array | None = None, bc_type: Any = None, axis: int = 0,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """A spline of any degree through values that may be traced, as scipy.interpolate.make_interp_spline.

    Parameters
    ----------
    x, y, axis
        As for `CubicSpline`.
    k : int, optional
        The degree.
    t : array, optional
        The knots.
    bc_type : {None, 'not-a-knot', 'clamped', 'natural'}, optional
        The conditions at the ends.  Others of SciPy's are for plain values.
    check_finite : bool, optional
        Whether the points are checked.

    Returns
    -------
    Spline
        SciPy's BSpline for plain values.

    Raises
    ------
    NotDifferentiableError
        Where the points are traced, or with other conditions at the ends.
    """
    if not is_traced((x, y, t)):
        return _scipys("make_interp_spline")(x, y, k, t, bc_type, axis, check_finite)
    if is_traced(t) or bc_type not in (None, "not-a-knot", "clamped", "natural"):
        raise NotDifferentiableError(
            "fr.interpolate.make_interp_spline of traced values takes plain knots, and None, 'not-a-knot', "
            "'clamped' or 'natural' as bc_type"
        )
    basis, y = _basis("make_interp_spline", x, y, axis, k=k, t=t, bc_type=bc_type, check_finite=check_finite)
    return Spline(basis, y, axis)


def _basis(name: str, x: Array, y: Array, axis: int, **options: Any) -> tuple[Any, Array]:
    if is_traced(x):
        raise NotDifferentiableError(
            f"fr.interpolate.{name} has no derivative by the points that it interpolates at; pass "
            "fr.stop_gradient(x) if they are meant to be constant"
        )
    y = as_array(y)
    n = np.shape(y)[axis]
    if np.shape(x) != (n,):
        raise ValueError(f"The length of `y` along `axis`={axis} doesn't match the length of `x`")
    if not np.all(np.isfinite(stop_gradient(y))):
        raise ValueError("`y` must contain only finite values.")
    return _scipys(name)(x, np.eye(n), **options), y
