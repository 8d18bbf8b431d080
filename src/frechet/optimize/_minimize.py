"""The minimum of a function: scipy.optimize.minimize with exact gradients and Hessians."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import scipy.optimize

from ._bounds import bounds_of
from ._constraints import with_derivatives
from ._objective import Objective
from ._progress import Bar
from ._results import callback_of_variables, in_variables
from ._variables import Variables, refuse_traced

_WITHOUT_DERIVATIVES = {"nelder-mead", "powell", "cobyla", "cobyqa"}
_PRODUCTS = {"newton-cg", "trust-ncg", "trust-krylov", "trust-constr"}
_MATRICES = {"dogleg", "trust-exact"}
_GRADIENTS = {"cg", "bfgs", "l-bfgs-b", "tnc", "slsqp"} | _PRODUCTS | _MATRICES
_DIFFERENCES = ("2-point", "3-point", "cs")


def minimize(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: Any = None,
    jac: Any = None,
    hess: Any = None,
    hessp: Any = None,
    bounds: Any = None,
    constraints: Any = (),
    tol: float | None = None,
    callback: Any = None,
    options: dict[str, Any] | None = None,
    *,
    progress: bool = False,
) -> Any:
    """The minimum of a real-valued function: scipy.optimize.minimize, with exact derivatives.

    Parameters
    ----------
    fun : callable
        ``fun(x, *args)`` is a real number.
    x0 : array, number, or container of such
        Where to begin.  Numbers, lists of numbers and arrays of one axis are a vector, as for SciPy; other
        arrays, dictionaries, lists of arrays, dataclasses and structured matrices come to fun, and in the
        result, in their own form.  Integers count as float; of complex entries both parts are varied.
    args : tuple, optional
        Further arguments of fun, jac, hess and hessp.
    method : str or callable, optional
        As for SciPy.
    jac, hess, hessp : optional
        As for SciPy, where you have them; differences too, if named ('2-point', '3-point', 'cs').  What the
        method uses and is not given is evaluated by Frechet: the gradient together with the value; products
        with the Hessian for Newton-CG, trust-ncg, trust-krylov and trust-constr; the Hessian for dogleg and
        trust-exact.  Nelder-Mead, Powell, COBYLA and COBYQA use no derivatives.
    bounds : optional
        As for SciPy.  For containers: one like x0 with a pair (lower, upper), a scipy.optimize.Bounds or None
        in place of each array and number.
    constraints : optional
        As for SciPy.  Those without jac get exact Jacobians, and exact Hessians for trust-constr; '2-point'
        is SciPy's default in a NonlinearConstraint, and counts as not given.
    tol, callback, options : optional
        As for SciPy; callbacks get the variables in the form of x0.
    progress : bool, optional
        Draw a bar with the iterations, the value and the norm of the gradient; needs rich.

    Returns
    -------
    scipy.optimize.OptimizeResult
        ``x`` and the gradient ``jac`` have the form of x0; Hessians are by the coordinates.  ``nfev`` is how
        often fun was run; ``njev`` and ``nhev`` count gradients, and Hessians and products with them.

    Raises
    ------
    NotDifferentiableError
        Where fun is no real number, or has a step without a derivative; there are no differences instead.
    ValueError
        Where x0 has NaN or infinity in it, bounds do not fit, or SciPy knows no such method.
    ImportError
        For progress without rich.

    Notes
    -----
    The products come from one linearisation of the gradient per point, a further run of fun.  Variables are a
    vector of coordinates for SciPy: the entries of arrays one after the other, the independent ones of a
    structured matrix, real before imaginary parts.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> def rosenbrock(x):
    ...     return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
    >>> result = fr.optimize.minimize(rosenbrock, np.zeros(5), method="trust-ncg", tol=1e-8)
    >>> bool(result.success), result.x.round(6)
    (True, array([1., 1., 1., 1., 1.]))

    Variables with names, and a bound for one of them:

    >>> def distance(p):
    ...     return np.sum((p["a"] - np.array([1.0, 2.0])) ** 2) + (p["b"] - 3) ** 2
    >>> result = fr.optimize.minimize(
    ...     distance, {"a": np.zeros(2), "b": 0}, bounds={"a": None, "b": (0, 1)}
    ... )
    >>> result.x["a"].round(6), round(result.x["b"], 6)
    (array([1., 2.]), 1.0)
    """
    caller = "fr.optimize.minimize"
    variables = Variables(x0, caller)
    args = args if isinstance(args, tuple) else (args,)
    refuse_traced(args, f"{caller}: args hold")
    name = _method(method, constraints, bounds)
    if jac is False:
        jac = None
    if not (jac is None or jac is True or callable(jac) or (isinstance(jac, str) and jac in _DIFFERENCES)):
        raise ValueError(f"{caller}: jac is a function, True, '2-point', '3-point' or 'cs'; got {jac!r:.60}")
    given = jac if callable(jac) or jac is True else None
    objective = Objective(fun, variables, args, given)
    differences = jac in _DIFFERENCES or name in _WITHOUT_DERIVATIVES | {"unknown"}
    keywords: dict[str, Any]
    if differences and given is None:
        keywords = {"fun": objective.value_alone, "jac": jac}
    else:
        keywords = {"fun": objective.value, "jac": objective.gradient}
    if hess is not None:
        keywords["hess"] = objective.given_hessian(hess)
    if hessp is not None:
        keywords["hessp"] = objective.given_product(hessp)
    if hess is None and hessp is None and not differences and (name in _PRODUCTS or name == "custom"):
        keywords["hessp"] = objective.product
    if hess is None and not differences and name in _MATRICES:
        keywords["hess"] = objective.hessian
    limits, evaluators = with_derivatives(
        constraints, variables, name not in _WITHOUT_DERIVATIVES, name == "trust-constr"
    )
    bar = Bar(f"minimize ({name})", (options or {}).get("maxiter"), "iteration") if progress else None
    with bar or nullcontext():
        each = None if bar is None else (lambda: bar.show(**objective.last()))
        result = scipy.optimize.minimize(
            x0=variables.start,
            method=method,
            bounds=bounds_of(variables, bounds, ends=False),
            constraints=limits,
            tol=tol,
            callback=callback_of_variables(callback, variables, each),
            options=options,
            **keywords,
        )
    counts = objective.counts
    if "nfev" in result or not callable(method):
        result.nfev = counts.values
    if not differences:
        result.njev = counts.firsts
        if "nhev" in result or counts.seconds:
            result.nhev = counts.seconds
    if name == "trust-constr":
        for k, r in enumerate(evaluators):
            if r is not None:
                result.constr_nfev[k] = r.counts.values
                result.constr_njev[k] = r.counts.firsts
                result.constr_nhev[k] = r.counts.seconds
    in_variables(result, variables)
    return result


def _method(method: Any, constraints: Any, bounds: Any) -> str:
    """The name of the method that SciPy takes; 'unknown' for what it refuses."""
    if callable(method):
        return "custom"
    if method is None:
        return "slsqp" if constraints else "l-bfgs-b" if bounds is not None else "bfgs"
    name = str(method).lower()
    return name if name in _GRADIENTS | _WITHOUT_DERIVATIVES else "unknown"
