"""Linear Gaussian state-space models: the Kalman filter, its likelihood, a smoother, two models.

The filter and the smoother below are ordinary NumPy, written as in a textbook. They know nothing of
derivatives: given plain arrays they compute plain numbers. Hand their result to `frechet.value_and_grad`,
as `sunspots.py` and `nile.py` do, and the same lines are differentiated exactly.

The model, with a state x of length m and one observation y at a time, is

    y[t]     = intercept + loading · x[t] + e[t],        e[t] ~ N(0, noise)
    x[t + 1] = transition @ x[t] + w[t],                 w[t] ~ N(0, disturbance)
    x[0]     ~ N(mean, covariance)

Formulas: Durbin & Koopman, Time Series Analysis by State Space Methods, 2nd ed. (2012), chapter 4;
smoother: Rauch, Tung & Striebel, AIAA Journal 3 (1965) 1445.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from frechet.linalg import expm, solve_continuous_lyapunov


class StateSpace(NamedTuple):
    """The matrices of a linear Gaussian state-space model (see the head of this file)."""

    intercept: float  # a number
    loading: np.ndarray  # (m,)
    noise: float  # a number, the variance of the observation noise
    transition: np.ndarray  # (m, m)
    disturbance: np.ndarray  # (m, m), the covariance of what drives the state
    mean: np.ndarray  # (m,), of the first state
    covariance: np.ndarray  # (m, m), of the first state


class Step(NamedTuple):
    """What the filter knows at one time, before and after it sees the observation."""

    mean: np.ndarray  # (m,), of the state, given all earlier observations
    covariance: np.ndarray  # (m, m)
    prediction: float  # of the observation, given all earlier observations
    variance: float  # of that prediction
    error: float  # observation minus prediction; nan where the observation is missing
    filtered_mean: np.ndarray  # (m,), of the state, given this observation too
    filtered_covariance: np.ndarray  # (m, m)


def kalman_filter(y: np.ndarray, model: StateSpace) -> list[Step]:
    """Run the Kalman filter over the observations `y`, shape (T,); nan stands for a missing one.

    Missing observations are predicted and not learnt from, so a forecast is a filter run over a series
    that ends in nan.
    """
    intercept, loading, noise, transition, disturbance, x, P = model
    steps = []
    for observation in y:
        prediction = intercept + loading @ x
        variance = loading @ P @ loading + noise
        error = observation - prediction
        if np.isnan(observation):
            filtered_x, filtered_P = x, P
        else:
            gain = P @ loading / variance
            filtered_x = x + gain * error
            filtered_P = P - np.outer(gain, gain) * variance
        steps.append(Step(x, P, prediction, variance, error, filtered_x, filtered_P))
        x = transition @ filtered_x
        P = transition @ filtered_P @ transition.T + disturbance
    return steps


def log_likelihood(y: np.ndarray, model: StateSpace) -> float:
    """Log-density of the observations: the sum over the densities of the one-step prediction errors."""
    total = 0.0
    for observation, step in zip(y, kalman_filter(y, model), strict=True):
        if not np.isnan(observation):
            total = total - 0.5 * (np.log(2 * np.pi * step.variance) + step.error**2 / step.variance)
    return total


def smooth(steps: list[Step], model: StateSpace) -> tuple[np.ndarray, np.ndarray]:
    """Mean (T, m) and covariance (T, m, m) of every state, given the whole series: one pass back."""
    mean, covariance = steps[-1].filtered_mean, steps[-1].filtered_covariance
    means, covariances = [mean], [covariance]
    for step, following in zip(steps[-2::-1], steps[:0:-1], strict=True):
        # gain = filtered covariance @ transition.T @ inverse of the following predicted covariance
        gain = np.linalg.solve(following.covariance, model.transition @ step.filtered_covariance).T
        mean = step.filtered_mean + gain @ (mean - following.mean)
        covariance = step.filtered_covariance + gain @ (covariance - following.covariance) @ gain.T
        means.append(mean)
        covariances.append(covariance)
    return np.stack(means[::-1]), np.stack(covariances[::-1])


def carma(a0: float, a1: float, sigma: float, mean: float, b: float = 0.0, step: float = 1.0) -> StateSpace:
    """A continuous-time autoregression of order 2, observed without noise every `step` units of time.

    y = mean + u + b u', where u is a damped oscillator driven by white noise, u'' + a1 u' + a0 u = sigma W'.
    With b = 0 this is CAR(2), otherwise CARMA(2, 1). It is stationary when a0 > 0 and a1 > 0.

    With the state x = (u, u') the equation reads dx = drift x dt + diffusion dW. Over one step the state is
    carried on by exp(drift·step). In the stationary state its covariance P neither grows nor shrinks,
    drift P + P driftᵀ + diffusion diffusionᵀ = 0, and what the transition loses, the noise makes up for.
    """
    # np.block builds arrays as np.array does, and of values under differentiation too.
    drift = np.block([[0.0, 1.0], [-a0, -a1]])
    diffusion = np.block([0.0, sigma])
    covariance = solve_continuous_lyapunov(drift, -np.outer(diffusion, diffusion))
    transition = expm(drift * step)
    return StateSpace(
        intercept=mean,
        loading=np.block([1.0, b]),
        noise=0.0,
        transition=transition,
        disturbance=covariance - transition @ covariance @ transition.T,
        mean=np.zeros(2),
        covariance=covariance,
    )


def local_level(noise: float, disturbance: float, first: float) -> StateSpace:
    """A random walk seen through noise: y[t] = level[t] + e[t], level[t + 1] = level[t] + w[t].

    `noise` and `disturbance` are the variances of e and w. Before the first observation nothing is known
    of the level (a flat prior); after it, the level is `first` with variance `noise`, exactly. The model
    starts there, so it is to be run over the observations from the second one on.
    """
    one = np.ones((1, 1))
    return StateSpace(
        intercept=0.0,
        loading=np.ones(1),
        noise=noise,
        transition=one,
        disturbance=disturbance * one,
        mean=first * np.ones(1),
        covariance=(noise + disturbance) * one,
    )


def arma(model: StateSpace) -> np.ndarray:
    """The ARMA(2, 1) process that a model with two states and no observation noise is at its sampling times.

    Returns (mean, φ₁, φ₂, θ, σ²) of y[t] − mean = φ₁ (y[t−1] − mean) + φ₂ (y[t−2] − mean) + ε[t] + θ ε[t−1],
    var ε = σ², with |θ| < 1. By the theorem of Cayley and Hamilton the transition obeys its own
    characteristic polynomial, which gives φ. What is left, w[t] = ε[t] + θ ε[t−1], has the autocovariances
    (1 + θ²) σ² and θ σ², found from those of y; θ solves a quadratic equation.
    """
    transition, loading, P = model.transition, model.loading, model.covariance
    phi1 = np.trace(transition)
    phi2 = -np.linalg.det(transition)
    gamma0 = loading @ P @ loading
    gamma1 = loading @ transition @ P @ loading
    gamma2 = loading @ transition @ transition @ P @ loading
    w1 = gamma1 - phi1 * gamma0 - phi2 * gamma1  # w[t] is independent of y before t − 1: w₁ = E w[t] y[t−1]
    w0 = gamma0 - phi1 * gamma1 - phi2 * gamma2 - phi1 * w1  # w₀ = E w[t] (y[t] − φ₁ y[t−1])
    theta = 2 * w1 / (w0 + np.sqrt(w0**2 - 4 * w1**2))  # the root inside the unit circle, no cancellation
    sigma2 = (w0 + np.sqrt(w0**2 - 4 * w1**2)) / 2
    return np.block([model.intercept, phi1, phi2, theta, sigma2])
