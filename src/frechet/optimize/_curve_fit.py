"""Fits of a model to data: scipy.optimize.curve_fit with exact Jacobians."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import scipy.optimize

from ..linear_map import Array
from ..rule import function_name
from ..transforms import linearize
from ._objective import Counts
from ._progress import Bar
from ._variables import refuse_traced


def curve_fit(
    f: Callable[..., Any],
    xdata: Any,
    ydata: Any,
    p0: Any = None,
    sigma: Any = None,
    absolute_sigma: bool = False,
    check_finite: bool | None = None,
    bounds: Any = (-np.inf, np.inf),
    method: str | None = None,
    jac: Any = None,
    *,
    full_output: bool = False,
    nan_policy: str | None = None,
    progress: bool = False,
    **kwargs: Any,
) -> Any:
    """A fit of a function to data by least squares: scipy.optimize.curve_fit, with exact Jacobians.

    Parameters
    ----------
    f : callable
        ``f(xdata, *parameters)``, the model.
    xdata, ydata : array_like
        The data.
    p0 : sequence of numbers, optional
        Parameters to begin with, as for SciPy.
    sigma, absolute_sigma, check_finite, bounds, method, full_output, nan_policy, **kwargs : optional
        As for SciPy.
    jac : optional
        Your own Jacobian, or SciPy's differences ('2-point', '3-point', 'cs') for the methods that have them;
        by default the exact one.
    progress : bool, optional
        Draw a bar with the runs of f and the norm of the residuals, without weights; needs rich.

    Returns
    -------
    popt, pcov
        The parameters and their covariance, as from SciPy, and with full_output what SciPy adds; ``nfev`` and
        ``njev`` in it count runs of f and Jacobians.

    Raises
    ------
    NotDifferentiableError
        Where a step of f has no derivative by the parameters; there are no differences instead.
    ValueError
        Where p0 has NaN or infinity in it, or SciPy refuses what it was given.
    RuntimeError
        Where the fit does not converge.
    ImportError
        For progress without rich.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> x = np.linspace(0, 4, 50)
    >>> popt, pcov = fr.optimize.curve_fit(lambda x, a, b: a * np.exp(-b * x), x, 2.5 * np.exp(-1.3 * x))
    >>> popt.round(6)
    array([2.5, 1.3])
    """
    caller = "fr.optimize.curve_fit"
    refuse_traced((xdata, ydata, p0, sigma), f"{caller}: the data or p0 hold")
    if p0 is not None and not np.all(np.isfinite(np.asarray(p0, float))):
        raise ValueError(f"{caller}: p0 contains NaN or infinity")
    if isinstance(jac, str) and jac not in ("2-point", "3-point", "cs"):
        raise ValueError(
            f"{caller}: jac is a function, '2-point', '3-point' or 'cs'; left out, it is exact; "
            f"got {jac!r:.60}"
        )
    if jac is None:
        kwargs.pop("col_deriv", None)  # of a Jacobian of the user's
    bar = Bar("curve_fit", kwargs.get("max_nfev", kwargs.get("maxfev")), "run") if progress else None
    model = _Model(f, ydata, jac is None, nan_policy == "omit", bar)

    @functools.wraps(f, updated=())  # SciPy counts the parameters by the signature
    def value(x: Any, *parameters: Any) -> Any:
        return model.value(x, parameters)

    def jacobian(x: Any, *parameters: Any) -> Any:
        return model.jacobian(x, parameters)

    with bar or nullcontext():
        out = scipy.optimize.curve_fit(
            value,
            xdata,
            ydata,
            p0=p0,
            sigma=sigma,
            absolute_sigma=absolute_sigma,
            check_finite=check_finite,
            bounds=bounds,
            method=method,
            jac=jacobian if jac is None else jac,
            full_output=full_output,
            nan_policy=nan_policy,
            **kwargs,
        )
    if full_output:
        out[2]["nfev"] = model.counts.values
        if jac is None:
            out[2]["njev"] = model.counts.firsts
    return out


class _Model:
    """The model by its parameters, linearised once per point."""

    def __init__(self, f: Callable[..., Any], ydata: Any, exact: bool, omits: bool, bar: Bar | None) -> None:
        self._f, self._ydata, self._exact, self._omits, self._bar = f, ydata, exact, omits, bar
        self._name = function_name(f)
        self.counts = Counts()
        self._at: tuple[Any, bytes] | None = None
        self._value: Any = None
        self._derivative: Any = None

    def value(self, x: Any, parameters: tuple[Any, ...]) -> Any:
        """What the model gives."""
        if not self._exact:
            self.counts.values += 1
            value = self._f(x, *parameters)
            self._show(value)
            return value
        self._linearize(x, parameters)
        return np.array(self._value)

    def jacobian(self, x: Any, parameters: tuple[Any, ...]) -> Array:
        """Its Jacobian: data × parameters."""
        self._linearize(x, parameters)
        self.counts.firsts += 1
        J = self._derivative.to_dense()
        if np.size(self._value) == 1:  # the same for all data
            rows = np.shape(x)[-1] if self._omits else np.size(self._ydata)
            J = np.broadcast_to(np.reshape(J, (1, -1)), (rows, len(parameters)))
        return J

    def _show(self, value: Any) -> None:
        if self._bar is not None:
            y = np.asarray(self._ydata, float)
            fits = not self._omits and np.shape(value) in ((), (1,), y.shape)
            self._bar.show(residuals=float(np.linalg.norm(value - y)) if fits else None)

    def _linearize(self, x: Any, parameters: tuple[Any, ...]) -> None:
        p = np.array(parameters, float)
        key = p.tobytes()
        if self._at is not None and self._at[0] is x and self._at[1] == key:
            return
        self._at = None
        self.counts.values += 1

        def by_parameters(p: Array) -> Any:
            return self._f(x, *[p[k] for k in range(len(parameters))])

        by_parameters.__qualname__ = self._name
        self._value, self._derivative = linearize(by_parameters, p)
        refuse_traced((self._value,), f"{self._name} closes over")
        self._at = x, key
        self._show(self._value)
