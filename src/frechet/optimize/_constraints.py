"""Constraints of a minimisation with exact Jacobians, and Hessians of their part of the Lagrangian."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import BFGS, Bounds, LinearConstraint, NonlinearConstraint

from ._residuals import Residuals
from ._variables import Variables

_KINDS = (dict, NonlinearConstraint, LinearConstraint, Bounds)


def with_derivatives(
    constraints: Any, variables: Variables, derivatives: bool, second: bool
) -> tuple[Any, list[Residuals | None]]:
    """The constraints in the vector's terms, and what evaluates each of them, None where nothing does.

    ``derivatives`` says whether the method takes Jacobians, ``second`` whether it takes Hessians.  What is no
    constraint is left for SciPy to refuse.
    """
    if constraints is None:
        return (), []
    single = isinstance(constraints, _KINDS)
    ready: list[Any] = []
    evaluators: list[Residuals | None] = []
    for constraint in [constraints] if single else list(constraints):
        prepared, evaluator = constraint, None
        if isinstance(constraint, dict) and callable(constraint.get("fun")):
            prepared, evaluator = _of_dict(constraint, variables, derivatives, second)
        elif isinstance(constraint, NonlinearConstraint):
            prepared, evaluator = _nonlinear(constraint, variables, derivatives, second)
        ready.append(prepared)
        evaluators.append(evaluator)
    return (ready[0] if single else ready), evaluators


def _of_dict(
    constraint: dict[str, Any], variables: Variables, derivatives: bool, second: bool
) -> tuple[Any, Residuals]:
    own = constraint.get("jac")
    args = constraint.get("args", ())
    r = Residuals(constraint["fun"], variables, tuple(args), own_jacobian=own is not None or not derivatives)
    kind = str(constraint.get("type")).lower()
    if second and own is None and kind in ("eq", "ineq"):  # a dictionary has no place for a Hessian
        upper = 0 if kind == "eq" else np.inf
        return NonlinearConstraint(r.value, 0, upper, jac=r.jacobian, hess=r.curvature), r
    ready = {key: value for key, value in constraint.items() if key not in ("args", "jac")}
    ready["fun"] = r.value
    if own is not None:
        ready["jac"] = r.given_jacobian(own)
    elif derivatives:
        ready["jac"] = r.jacobian
    return ready, r


def _nonlinear(
    constraint: Any, variables: Variables, derivatives: bool, second: bool
) -> tuple[Any, Residuals]:
    # '2-point' and BFGS() are what SciPy fills in where nothing is given: these make way for exact ones.
    own = not (isinstance(constraint.jac, str) and constraint.jac == "2-point")
    r = Residuals(constraint.fun, variables, own_jacobian=own or not derivatives)
    jac = r.given_jacobian(constraint.jac) if own or not derivatives else r.jacobian
    hess = constraint.hess
    if second and not own and type(hess) is BFGS:
        hess = r.curvature
    elif callable(hess):
        hess = _given_hessian(hess, variables, r)
    ready = NonlinearConstraint(
        r.value,
        constraint.lb,
        constraint.ub,
        jac=jac,
        hess=hess,
        keep_feasible=constraint.keep_feasible,
        finite_diff_rel_step=constraint.finite_diff_rel_step,
        finite_diff_jac_sparsity=constraint.finite_diff_jac_sparsity,
    )
    return ready, r


def _given_hessian(hess: Any, variables: Variables, r: Residuals) -> Any:
    def counted(v: np.ndarray, multipliers: np.ndarray) -> Any:
        r.counts.seconds += 1
        return hess(variables.at(v), multipliers)

    return counted
