"""Roots of equations: scipy.optimize.root and fsolve with exact Jacobians."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import scipy.optimize

from ._progress import Bar
from ._residuals import Residuals
from ._results import callback_of_variables, in_variables
from ._variables import Variables, refuse_traced

_WITH_JACOBIAN = ("hybr", "lm")


def root(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: str = "hybr",
    jac: Any = None,
    tol: float | None = None,
    callback: Any = None,
    options: dict[str, Any] | None = None,
    *,
    progress: bool = False,
) -> Any:
    """A root of a system of equations: scipy.optimize.root, with exact Jacobians.

    Parameters
    ----------
    fun : callable
        ``fun(x, *args)`` gives as many numbers as x has: an array, or a container, of the form of x0 or not.
    x0 : array, number, or container of such
        Where to begin, as for `minimize`.
    args : tuple, optional
        Further arguments.
    method : str, optional
        As for SciPy.  'hybr' and 'lm' take the exact Jacobian; the others make up approximations of their own
        from values of fun, which is then not differentiated.
    jac : callable or bool, optional
        Your own Jacobian, as for SciPy.
    tol, callback, options : optional
        As for SciPy; callbacks get the variables in the form of x0, and the values as a vector.
    progress : bool, optional
        Draw a bar with the runs of fun and the norm of its values; needs rich.

    Returns
    -------
    scipy.optimize.OptimizeResult
        ``x`` has the form of x0; ``fun`` is a vector.  ``nfev`` is how often fun was run, ``njev`` how many
        Jacobians were evaluated.

    Raises
    ------
    NotDifferentiableError
        Where a step of fun has no derivative; there are no differences instead.
    ValueError
        Where x0 has NaN or infinity in it, or SciPy knows no such method.
    ImportError
        For progress without rich.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> def equations(x):
    ...     return [x[0] * np.cos(x[1]) - 4, x[1] * x[0] - x[1] - 5]
    >>> fr.optimize.root(equations, [1, 1]).x.round(6)
    array([6.504097, 0.908414])
    """
    caller = "fr.optimize.root"
    variables = Variables(x0, caller)
    args = args if isinstance(args, tuple) else (args,)
    refuse_traced(args, f"{caller}: args hold")
    if isinstance(jac, str):
        raise ValueError(f"{caller}: jac is a function or True; left out, it is exact; got {jac!r:.60}")
    name = str(method).lower()
    exact = not callable(jac) and not jac and name in _WITH_JACOBIAN
    options = dict(options or {})
    if exact:
        options.pop("col_deriv", None)  # of a Jacobian of the user's
    bar = Bar(f"root ({name})", options.get("maxfev"), "run") if progress else None
    keywords: dict[str, Any]
    if not callable(jac) and jac:
        both = _Both(fun, variables, args, bar)
        r = both.residuals
        keywords = {"fun": both, "jac": True}
    else:
        r = Residuals(fun, variables, args, own_jacobian=not exact, bar=bar)
        keywords = {"fun": r.value, "jac": r.kept_jacobian if exact else r.given_jacobian(jac)}
    with bar or nullcontext():
        result = scipy.optimize.root(
            x0=variables.start,
            method=method,
            tol=tol,
            callback=callback_of_variables(callback, variables, None),
            options=options,
            **keywords,
        )
    result.nfev = r.counts.values
    if name in _WITH_JACOBIAN:
        result.njev = r.counts.firsts
    result_jac = result.get("jac")
    in_variables(result, variables)
    if result_jac is not None:
        result.jac = result_jac
    return result


def fsolve(
    func: Callable[..., Any],
    x0: Any,
    args: Any = (),
    fprime: Any = None,
    full_output: Any = 0,
    col_deriv: Any = 0,
    xtol: float = 1.49012e-8,
    maxfev: int = 0,
    band: Any = None,
    epsfcn: Any = None,
    factor: float = 100,
    diag: Any = None,
    *,
    progress: bool = False,
) -> Any:
    """A root of a system of equations: scipy.optimize.fsolve, with exact Jacobians.

    Parameters
    ----------
    func, x0, args
        As for `root`.
    fprime : callable, optional
        Your own Jacobian, as for SciPy.
    full_output, xtol, maxfev, factor, diag : optional
        As for SciPy.
    col_deriv : optional
        As for SciPy, of an fprime of yours.
    band, epsfcn : optional
        They are of SciPy's differences, and without effect here.
    progress : bool, optional
        As for `root`.

    Returns
    -------
    x
        The root, in the form of x0.
    infodict, ier, mesg
        Only with full_output, as for SciPy; ``nfev`` and ``njev`` count runs of func and Jacobians.

    Raises
    ------
    NotDifferentiableError
        Where a step of func has no derivative.
    ValueError
        Where x0 has NaN or infinity in it.
    ImportError
        For progress without rich.

    Examples
    --------
    >>> import frechet as fr
    >>> x = fr.optimize.fsolve(lambda p: {"a": p["a"] ** 2 - p["b"], "b": p["b"] - 4}, {"a": 1.0, "b": 1.0})
    >>> round(x["a"], 9), round(x["b"], 9)
    (2.0, 4.0)
    """
    caller = "fr.optimize.fsolve"
    variables = Variables(x0, caller)
    args = args if isinstance(args, tuple) else (args,)
    refuse_traced(args, f"{caller}: args hold")
    bar = Bar("fsolve", maxfev or None, "run") if progress else None
    r = Residuals(func, variables, args, own_jacobian=fprime is not None, bar=bar)
    with bar or nullcontext():
        out = scipy.optimize.fsolve(
            r.value,
            variables.start,
            fprime=r.kept_jacobian if fprime is None else r.given_jacobian(fprime),
            full_output=full_output,
            col_deriv=col_deriv if fprime is not None else 0,
            xtol=xtol,
            maxfev=maxfev,
            factor=factor,
            diag=diag,
        )
    if not full_output:
        return variables.at(out)
    x, info, status, message = out
    info["nfev"], info["njev"] = r.counts.values, r.counts.firsts
    return variables.at(x), info, status, message


class _Both:
    """A function that returns its values with its Jacobian, as a user gives it with jac=True."""

    def __init__(
        self, fun: Callable[..., Any], variables: Variables, args: tuple[Any, ...], bar: Bar | None
    ) -> None:
        self._fun, self._variables, self._args = fun, variables, args
        self._jacobian: Any = None
        self.residuals = Residuals(self._values, variables, (), own_jacobian=True, bar=bar)

    def _values(self, x: Any) -> Any:
        values, self._jacobian = self._fun(x, *self._args)
        return values

    def __call__(self, v: np.ndarray) -> tuple[Any, Any]:
        self.residuals.counts.firsts += 1
        return self.residuals.value(v), self._jacobian
