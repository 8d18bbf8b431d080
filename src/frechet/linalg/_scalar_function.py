"""A scalar function with its derivatives, given or found: what a matrix function is made from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import NotDifferentiableError
from ..rule import carriers
from ._series import Series

__all__ = ["ScalarFunction"]

Array = NDArray[Any]
Derivatives = Callable[[int, Array], Any] | Sequence[Callable[[Array], Any]]


class ScalarFunction:
    """f with its Taylor coefficients at given points.

    Parameters
    ----------
    function : callable
        f, which takes and returns arrays.
    derivatives : sequence of callables, or callable, optional
        f′, f″, …, or derivatives(k, z), the k-th at z.  By default they are found from f itself, which then
        has to be written with NumPy's functions.
    unit : float or array, optional
        Makes it z ↦ f(unit z); one number for each point, if it is an array.

    Attributes
    ----------
    order : int
        The highest order of derivative that there may be.
    """

    def __init__(
        self, function: Callable[..., Any], derivatives: Derivatives | None = None, unit: Any = 1.0
    ) -> None:
        if not callable(function):
            raise TypeError(f"funm: func must be a function, got {type(function).__name__}")
        if derivatives is not None and not callable(derivatives):
            derivatives = tuple(derivatives)
            if not all(map(callable, derivatives)):
                raise TypeError("funm: derivatives must be functions f', f'', ..., or one of (k, z)")
        self.function, self.derivatives, self.unit = function, derivatives, unit
        self.order = len(derivatives) if isinstance(derivatives, tuple) else _ANY

    def in_units(self, unit: Any) -> ScalarFunction:
        """z ↦ f(unit z)."""
        return ScalarFunction(self.function, self.derivatives, unit * self.unit)

    def __call__(self, z: Array) -> Array:
        """f at the points z."""
        return _checked(self.function(z * self.unit), z, "func")

    def taylor(self, z: Array, order: int) -> Array:
        """The coefficients f⁽ᵏ⁾(z)/k!, k = 0 … order, along a first axis.

        Raises
        ------
        NotDifferentiableError
            Where a derivative is neither given nor to be found.
        """
        if order > self.order:
            raise NotDifferentiableError(
                f"funm: derivatives of func up to order {order} are needed here, {self.order} are given: "
                "derivatives=(f', f'', ...) with more of them, or derivatives=g with g(k, z) the k-th at z"
            )
        with np.errstate(all="ignore"):  # a singularity shows as inf or nan, which the caller judges
            if self.derivatives is None:
                return self._found(z, order)
            values = [self(z)]
            x = z * self.unit
            for k in range(1, order + 1):
                if isinstance(self.derivatives, tuple):
                    value = self.derivatives[k - 1](x)
                else:
                    value = self.derivatives(k, x)
                slope = _checked(value, z, f"derivative {k} of func")
                values.append(slope * self.unit**k / _factorial(k))
        return np.stack(values)

    def _found(self, z: Array, order: int) -> Array:
        try:
            variable = Series.variable(z * self.unit, order, self.unit)
            result = self.function(variable)
            if type(result) is not Series:
                result = variable * 0 + result
            return np.broadcast_to(result.coefficients, (order + 1, *z.shape))
        except (TypeError, ValueError, AttributeError) as error:
            raise NotDifferentiableError(
                "funm: the derivatives of func are needed here (for a derivative of the matrix function, or "
                "because eigenvalues are equal or close), and they cannot be found from func itself. Write "
                f"it with NumPy's functions, or give them: derivatives=(f', f'', ...). ({error})"
            ) from error


_ANY = 10**6


def _factorial(k: int) -> float:
    return float(np.prod(np.arange(1.0, k + 1)))


def _checked(value: Any, z: Array, what: str) -> Array:
    """An array of numbers, one for each point."""
    if type(value) in carriers or (
        isinstance(value, (list, tuple)) and any(type(v) in carriers for v in value)
    ):
        raise NotDifferentiableError(
            f"funm: {what} depends on a value under differentiation, and funm has a derivative with respect "
            "to its matrix only. Write the parameter into the matrix (f(t A) as funm(t * A, f)), compose "
            "functions of fr.linalg, or pass fr.stop_gradient of it if it is meant to be constant"
        )
    value = np.asarray(value)
    if value.dtype.kind not in "iufcb":
        raise TypeError(f"funm: {what} must return numbers, it returned dtype {value.dtype}")
    if value.shape != z.shape:
        if value.ndim:
            raise ValueError(f"funm: {what} returned shape {value.shape} for points of shape {z.shape}")
        value = np.broadcast_to(value, z.shape)
    return np.asarray(value if value.dtype.kind in "fc" else value.astype(float))
