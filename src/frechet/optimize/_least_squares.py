"""Nonlinear least squares: scipy.optimize.least_squares with exact Jacobians."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import scipy.optimize

from ._bounds import bounds_of
from ._progress import Bar
from ._residuals import Residuals
from ._results import callback_of_variables, in_variables
from ._variables import Variables, refuse_traced


def least_squares(
    fun: Callable[..., Any],
    x0: Any,
    jac: Any = None,
    bounds: Any = (-np.inf, np.inf),
    method: str = "trf",
    ftol: float | None = 1e-8,
    xtol: float | None = 1e-8,
    gtol: float | None = 1e-8,
    x_scale: Any = None,
    loss: Any = "linear",
    f_scale: float = 1.0,
    diff_step: Any = None,
    tr_solver: str | None = None,
    tr_options: dict[str, Any] | None = None,
    jac_sparsity: Any = None,
    max_nfev: int | None = None,
    verbose: int = 0,
    args: Any = (),
    kwargs: dict[str, Any] | None = None,
    callback: Any = None,
    workers: Any = None,
    *,
    progress: bool = False,
) -> Any:
    """The least squares of residuals: scipy.optimize.least_squares, with exact Jacobians.

    Parameters
    ----------
    fun : callable
        ``fun(x, *args, **kwargs)`` gives the residuals: a number, an array of one axis, or a container of
        arrays.  Of complex residuals both parts count.
    x0 : array, number, or container of such
        Where to begin, as for `minimize`.
    jac : optional
        By default the exact Jacobian, written out; "operator" keeps it a linear operator, as does
        ``tr_solver="lsmr"``; "sparse" makes it a sparse array from a few directions, and so does
        ``jac_sparsity``.  A function of yours, and SciPy's differences '2-point', '3-point' and 'cs', are
        used as for SciPy.
    bounds : optional
        As for SciPy: (lower, upper), each a number or of the form of x0, or a scipy.optimize.Bounds.
    jac_sparsity : optional
        The pattern of a sparse Jacobian, which otherwise is found by tracing (see `fr.sparse.jacobian`).
    method, ftol, xtol, gtol, x_scale, loss, f_scale, tr_solver, tr_options, max_nfev, verbose : optional
        As for SciPy.
    diff_step, workers : optional
        As for SciPy, for its differences.
    args, kwargs, callback : optional
        As for SciPy; callbacks get the variables in the form of x0.
    progress : bool, optional
        Draw a bar with the runs of fun and the norm of the residuals; needs rich.

    Returns
    -------
    scipy.optimize.OptimizeResult
        ``x`` and the gradient ``grad`` have the form of x0; ``fun`` is a vector, and ``jac`` a matrix, an
        operator or a sparse array by the coordinates.  ``nfev`` is how often fun was run, ``njev`` how many
        Jacobians were evaluated.

    Raises
    ------
    NotDifferentiableError
        Where a step of fun has no derivative, or "sparse" finds no pattern; there are no differences instead.
    ValueError
        Where x0 has NaN or infinity in it, or SciPy refuses what it was given.
    ImportError
        For progress without rich.

    Notes
    -----
    fun is linearised at each point, once; its Jacobian there costs no further run of it.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> t = np.linspace(0, 1, 20)
    >>> y = 2 * np.exp(-3 * t)
    >>> def residuals(p):
    ...     return p["height"] * np.exp(-p["rate"] * t) - y
    >>> result = fr.optimize.least_squares(residuals, {"height": 1.0, "rate": 1.0})
    >>> round(result.x["height"], 6), round(result.x["rate"], 6)
    (2.0, 3.0)
    """
    caller = "fr.optimize.least_squares"
    variables = Variables(x0, caller)
    args = tuple(args)
    refuse_traced(args, f"{caller}: args hold")
    if isinstance(jac, str) and jac in ("2-point", "3-point", "cs"):
        exact = False
    else:
        exact = not callable(jac)
        if exact and jac is not None and not (isinstance(jac, str) and jac in ("operator", "sparse")):
            raise ValueError(
                f"{caller}: jac is None, 'operator', 'sparse', '2-point', '3-point', 'cs' or a function; "
                f"got {jac!r:.60}"
            )
    bar = Bar(f"least_squares ({method})", max_nfev, "run") if progress else None
    r = Residuals(fun, variables, args, kwargs, own_jacobian=not exact, bar=bar)
    derivative: Any
    if not exact:
        derivative = r.given_jacobian(jac)
    elif jac == "sparse" or (jac is None and jac_sparsity is not None):
        r.prepare_sparse(variables.start, jac_sparsity)
        derivative, jac_sparsity = r.sparse, None
    elif jac == "operator" or (tr_solver == "lsmr" and method != "lm"):
        derivative = r.operator
    else:
        derivative = r.jacobian
    with bar or nullcontext():
        result = scipy.optimize.least_squares(
            r.value,
            variables.start,
            jac=derivative,
            bounds=bounds_of(variables, bounds, ends=True),
            method=method,
            ftol=ftol,
            xtol=xtol,
            gtol=gtol,
            x_scale=x_scale,
            loss=loss,
            f_scale=f_scale,
            diff_step=diff_step,
            tr_solver=tr_solver,
            tr_options=tr_options,
            jac_sparsity=jac_sparsity,
            max_nfev=max_nfev,
            verbose=verbose,
            callback=callback_of_variables(callback, variables, None),
            workers=workers,
        )
    result.nfev = r.counts.values
    if callable(derivative):
        result.njev = r.counts.firsts
    gradient, result_jac = result.grad, result.jac
    in_variables(result, variables)
    result.grad, result.jac = variables.gradient(gradient), result_jac
    return result
