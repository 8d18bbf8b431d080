"""A fit by BFGS of a continuous-time autoregression, CAR(2), to a series with irregular gaps.

The likelihood has a matrix exponential for each gap, a Lyapunov equation and a Kalman filter.  Ours, autograd
and PyTorch run the same code; JAX has the filter as a scan, so that one step is compiled and not all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import scipy.linalg
import scipy.optimize

from benchmarks.context import Context, build_if
from benchmarks.harness import Contender, Floor, Row
from benchmarks.optimize import AHEAD, by_torch, fit, fitted_by, peers

OBSERVATIONS = 200
NOISE = 0.04  # the variance of the errors of measurement, which is known
# The matrices that make up the drift, [[0, 1], [−a₀, −a₁]], and where the noise enters.
SPRING = np.array([[0.0, 0.0], [-1.0, 0.0]])
FRICTION = np.array([[0.0, 0.0], [0.0, -1.0]])
VELOCITY = np.array([[0.0, 1.0], [0.0, 0.0]])
KICKS = np.array([[0.0, 0.0], [0.0, 1.0]])
TRUE = np.array([np.log(1.0), np.log(0.3), np.log(0.5), 2.0])  # log a₀, log a₁, log sigma, mean
START = np.array([0.5, 0.0, 0.0, 1.0])


@dataclass(frozen=True)
class Tools:
    """What the likelihood is written with, from one package."""

    xp: ModuleType
    expm: Callable[[Any], Any]  # of a stack of matrices
    lyapunov: Callable[[Any, Any], Any]  # X with A X + X Aᵀ = Q
    filtered: Callable[..., Any]
    array: Callable[[Any], Any] = np.asarray


# Over a gap d the state x = (u, u') is carried on by F = exp(drift·d).  In the stationary state its
# covariance P neither grows nor shrinks, drift P + P driftᵀ + sigma² KICKS = 0, so the noise makes up for
# what F loses: Q = P − F P Fᵀ.


def cost(theta: Any, gaps: Any, y: Any, tools: Tools) -> Any:
    """The negative log-likelihood of an observation, but for its constant.

    u'' + a₁ u' + a₀ u = sigma W' is observed as y = mean + u + error after each of the gaps.
    """
    xp, array = tools.xp, tools.array
    positive = xp.exp(theta[:3])
    drift = positive[0] * array(SPRING) + positive[1] * array(FRICTION) + array(VELOCITY)
    covariance = tools.lyapunov(drift, -(positive[2] ** 2) * array(KICKS))
    F = tools.expm(drift * gaps[:, None, None])
    Q = covariance - F @ covariance @ xp.swapaxes(F, -1, -2)
    errors, variances = tools.filtered(y - theta[3], covariance, F, Q, xp)
    return 0.5 * xp.mean(xp.log(variances) + errors**2 / variances)


def kalman_filter(y: Any, P: Any, F: Any, Q: Any, xp: ModuleType) -> Any:
    """The errors of prediction and their variances, from the stationary state on."""
    x = 0.0 * P[0]
    errors, variances = [], []
    F_transposed = xp.swapaxes(F, -1, -2)  # once, which is quicker for all than in each step
    for t in range(len(y)):
        error = y[t] - x[0]
        row = P[0]
        variance = row[0] + NOISE
        errors.append(error)
        variances.append(variance)
        if t < len(F):
            A, gain = F[t], row / variance
            x = A @ (x + gain * error)
            P = A @ (P - xp.outer(gain, row)) @ F_transposed[t] + Q[t]
    return xp.stack(errors), xp.stack(variances)


def scanned_filter(y: Any, P: Any, F: Any, Q: Any, jnp: ModuleType) -> Any:
    """The same by jax.lax.scan; the step after the last observation, which nothing needs, is by zeros."""
    import jax

    def step(state: Any, now: Any) -> Any:
        x, P = state
        y, A, Q = now
        error = y - x[0]
        row = P[0]
        variance = row[0] + NOISE
        gain = row / variance
        x = A @ (x + gain * error)
        P = A @ (P - jnp.outer(gain, row)) @ A.T + Q
        return (x, P), (error, variance)

    last = jnp.zeros((1, 2, 2))
    series = y, jnp.concatenate([F, last]), jnp.concatenate([Q, last])
    return jax.lax.scan(step, (0.0 * P[0], P), series)[1]


def _problem() -> tuple[np.ndarray, np.ndarray]:
    """Gaps and a series from the model, with gaps of an exponential distribution of mean one half."""
    rng = np.random.default_rng(11)
    gaps = rng.exponential(0.5, OBSERVATIONS - 1)
    a0, a1, sigma = np.exp(TRUE[:3])
    drift = a0 * SPRING + a1 * FRICTION + VELOCITY
    P = scipy.linalg.solve_continuous_lyapunov(drift, -(sigma**2) * KICKS)
    x = np.linalg.cholesky(P) @ rng.standard_normal(2)
    y = np.empty(OBSERVATIONS)
    for t in range(OBSERVATIONS):
        y[t] = TRUE[3] + x[0] + np.sqrt(NOISE) * rng.standard_normal()
        if t < len(gaps):
            F = scipy.linalg.expm(drift * gaps[t])
            x = F @ x + np.linalg.cholesky(P - F @ P @ F.T) @ rng.standard_normal(2)
    return gaps, y


def lyapunov_by(xp: ModuleType, array: Callable[[Any], Any] = np.asarray) -> Callable[[Any, Any], Any]:
    """The Lyapunov equation as a system of four equations, for packages without a function for it."""
    one = array(np.eye(2))
    return lambda A, Q: xp.reshape(
        xp.linalg.solve(xp.kron(A, one) + xp.kron(one, A), xp.reshape(Q, (4,))), (2, 2)
    )


def _autograd_expm() -> Callable[[Any], Any]:
    """expm with its derivative: the adjoint at A, along G, is a block of expm of [[Aᵀ, G], [0, Aᵀ]]."""
    from autograd.extend import defvjp, primitive

    expm = primitive(scipy.linalg.expm)

    def pullback(_: Any, A: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        B = np.swapaxes(A, -1, -2)
        n = A.shape[-1]

        def pull(G: np.ndarray) -> np.ndarray:
            blocks = np.concatenate([np.concatenate([B, G], -1), np.concatenate([0 * B, B], -1)], -2)
            return np.asarray(scipy.linalg.expm(blocks))[..., :n, n:]

        return pull

    defvjp(expm, pullback)
    whole: Callable[[Any], Any] = expm
    return whole


def build(context: Context) -> Row:
    """The fit from START: a swing of half the period, damped three times too fast."""
    gaps, y = _problem()
    plain = Tools(np, scipy.linalg.expm, scipy.linalg.solve_continuous_lyapunov, kalman_filter)

    gradients = scipy.optimize.minimize(lambda theta: cost(theta, gaps, y, plain), START, method="BFGS").njev

    def values() -> tuple[()]:
        for _ in range(gradients):
            cost(START, gaps, y, plain)
        return ()

    def differences() -> np.ndarray:
        return fitted_by(scipy.optimize.minimize, lambda theta: cost(theta, gaps, y, plain), START)

    def frechet(fr: ModuleType) -> Callable[[], Any]:
        tools = Tools(np, fr.linalg.expm, fr.linalg.solve_continuous_lyapunov, kalman_filter)
        return lambda: fitted_by(fr.optimize.minimize, lambda theta: cost(theta, gaps, y, tools), START)

    def autograd(autograd: ModuleType) -> Callable[[], Any]:
        import autograd.numpy as anp

        tools = Tools(anp, _autograd_expm(), lyapunov_by(anp), kalman_filter)
        both = autograd.value_and_grad(lambda theta: cost(theta, gaps, y, tools))
        return lambda: fit(both, START)

    def torch(torch: ModuleType) -> Callable[[], Any]:
        array = torch.from_numpy
        tools = Tools(torch, torch.linalg.matrix_exp, lyapunov_by(torch, array), kalman_filter, array)
        data = array(gaps), array(y)

        return by_torch(torch, lambda theta: cost(theta, *data, tools), START)

    def jax(jax: ModuleType) -> Callable[[Any], Any]:
        tools = Tools(jax.numpy, jax.scipy.linalg.expm, lyapunov_by(jax.numpy), scanned_filter)
        return lambda theta: cost(theta, gaps, y, tools)

    return Row(
        work=f"BFGS fit, CAR(2) likelihood of {OBSERVATIONS} observations with irregular gaps",
        ours=Contender("frechet", build_if(context.frechet, frechet)),
        others=peers(context, START, differences, autograd, torch, jax),
        targets=AHEAD,
        floor=Floor(f"{gradients} values in NumPy, one for each gradient", values),
        tolerance=1e-3,
        why_tolerance="BFGS stops at a gradient of 1e-5 for each observation, where the parameters are "
        "within 1e-3 of their standard errors",
        max_rounds=3,
        notes=[
            "five values make a gradient by differences; ours costs more where a step is tiny",
            "autograd has no derivative of expm: it is given one, from expm of a block matrix",
        ],
    )


ROWS: dict[str, Callable[[Context], Row]] = {"optimize-autoregression": build}
