"""Maximum likelihood with exact derivatives: estimates, standard errors, and what follows from them.

`fr.value_and_grad` and `fr.hessian` are all that SciPy's optimiser needs from Frechet; the Hessian at the
maximum is also the observed information, whose inverse is the covariance of the estimates.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize

import frechet as fr


class Fit(NamedTuple):
    """A maximum of a likelihood."""

    theta: np.ndarray  # (p,), the estimates
    log_likelihood: float
    covariance: np.ndarray  # (p, p), of the estimates: the inverse of the observed information
    steps: int  # of Newton's method


class Estimate(NamedTuple):
    """Something that follows from the parameters, and how well it is known."""

    value: np.ndarray
    error: np.ndarray  # standard errors, of the shape of value


def maximise(log_likelihood: Callable[[np.ndarray], float], start: np.ndarray) -> Fit:
    """Climb from `start` to the maximum of `log_likelihood` by Newton's method within a trust region."""

    def cost(theta: np.ndarray) -> float:
        return -log_likelihood(theta)

    hessian = fr.hessian(cost)
    best = minimize(fr.value_and_grad(cost), start, jac=True, hess=hessian, method="trust-exact")
    if not best.success:
        raise RuntimeError(f"the maximum of the likelihood was not reached: {best.message}")
    return Fit(best.x, -best.fun, np.linalg.inv(hessian(best.x)), best.nit)


def estimate(f: Callable[[np.ndarray], np.ndarray], fit: Fit) -> Estimate:
    """Estimate f(theta), with standard errors by the delta method: cov f = J cov(theta) Jᵀ, J = ∂f/∂theta."""
    J = fr.jacobian(f)(fit.theta)
    return Estimate(f(fit.theta), np.sqrt(np.diag(J @ fit.covariance @ J.T)))


def central_differences(f: Callable[[np.ndarray], Any], x: np.ndarray, step: float = 1e-3) -> np.ndarray:
    """Derivative of f at x without any of Frechet, to check it by: ∂f/∂x, shape of f(x), then of x.

    The five-point formula (8 (f(x+h) − f(x−h)) − (f(x+2h) − f(x−2h))) / 12h, with an error of order h⁴.
    """
    columns = []
    for index in np.ndindex(x.shape):
        h = np.zeros(x.shape)
        h[index] = step * max(1.0, abs(x[index]))
        near = np.asarray(f(x + h)) - np.asarray(f(x - h))
        far = np.asarray(f(x + 2 * h)) - np.asarray(f(x - 2 * h))
        columns.append((8 * near - far) / (12 * h[index]))
    return np.stack(columns, axis=-1).reshape(np.shape(columns[0]) + x.shape)
