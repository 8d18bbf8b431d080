"""The examples' Kalman filter, smoother and models against what they mean: one normal distribution.

A linear Gaussian state-space model is a linear map of independent normal variables, so that the joint
distribution of all its states and observations can be written down. Likelihood, predictions and smoothed
states are compared with that distribution, conditioned by solving linear systems.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.linalg import expm as scipy_expm
from scipy.linalg import solve_discrete_lyapunov
from scipy.stats import multivariate_normal
from statsmodels.tsa.arima.model import ARIMA
from statsmodels.tsa.statespace.structural import UnobservedComponents

import frechet as fr

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples"))

from estimation import central_differences
from state_space import StateSpace, arma, carma, kalman_filter, local_level, log_likelihood, smooth

OSCILLATORS = {
    "CAR(2)": {"a0": 0.45, "a1": 0.7, "sigma": 3.0, "mean": 5.0},
    "CARMA(2,1)": {"a0": 0.33, "a1": 0.28, "sigma": 1.6, "mean": -2.0, "b": 0.6},
    "overdamped": {"a0": 0.2, "a1": 1.5, "sigma": 1.0, "mean": 0.0, "b": 0.3},
}


def random_model(m: int = 3) -> StateSpace:
    rng = np.random.default_rng(m)
    roots = rng.standard_normal((2, m, m))
    covariance, disturbance = roots @ roots.transpose(0, 2, 1)
    return StateSpace(
        intercept=0.7,
        loading=rng.standard_normal(m),
        noise=0.3,
        transition=rng.standard_normal((m, m)) / m,
        disturbance=disturbance,
        mean=rng.standard_normal(m),
        covariance=covariance,
    )


def joint(model: StateSpace, T: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean (T, m) and covariance (T, m, T, m) of all states, by powers of the transition."""
    m = len(model.mean)
    means, blocks = [model.mean], [model.covariance]
    for _ in range(T - 1):
        means.append(model.transition @ means[-1])
        blocks.append(model.transition @ blocks[-1] @ model.transition.T + model.disturbance)
    covariance = np.empty((T, m, T, m))
    for s in range(T):
        for t in range(s, T):
            ahead = np.linalg.matrix_power(model.transition, t - s) @ blocks[s]
            covariance[t, :, s], covariance[s, :, t] = ahead, ahead.T
    return np.array(means), covariance


def observed(model: StateSpace, T: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean (T,) and covariance (T, T) of all observations."""
    means, covariance = joint(model, T)
    y_covariance = np.einsum("i,sitj,j->st", model.loading, covariance, model.loading)
    return model.intercept + means @ model.loading, y_covariance + model.noise * np.eye(T)


def series(T: int, missing: tuple[int, ...] = ()) -> np.ndarray:
    y = 5 * np.random.default_rng(T).standard_normal(T)
    y[list(missing)] = np.nan
    return y


# The filter ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [(), (0,), (3, 4, 9)])
def test_log_likelihood_is_the_multivariate_normal_density(missing):
    model, y = random_model(), series(10, missing)
    mean, covariance = observed(model, len(y))
    seen = ~np.isnan(y)
    expected = multivariate_normal(mean[seen], covariance[np.ix_(seen, seen)]).logpdf(y[seen])
    # Rounding of ten terms through a covariance with a condition number of about 1e2.
    assert log_likelihood(y, model) == pytest.approx(expected, rel=1e-12)


def test_predictions_are_conditional_expectations_and_run_on_into_the_future():
    model, y = random_model(), series(12, missing=(2, 9, 10, 11))
    mean, covariance = observed(model, len(y))
    for t, step in enumerate(kalman_filter(y, model)):
        past = [s for s in range(t) if not np.isnan(y[s])]
        weights = np.linalg.solve(covariance[np.ix_(past, past)], covariance[past, t])
        # Rounding, amplified by the condition number of the covariance, about 1e2.
        assert step.prediction == pytest.approx(mean[t] + weights @ (y[past] - mean[past]), rel=1e-11)
        assert step.variance == pytest.approx(covariance[t, t] - weights @ covariance[past, t], rel=1e-11)


@pytest.mark.parametrize("missing", [(), (0, 4, 7)])
def test_smoothed_states_are_conditioned_on_all_observations(missing):
    model, y = random_model(), series(8, missing)
    T, m = len(y), len(model.mean)
    seen = np.flatnonzero(~np.isnan(y))
    means, covariance = joint(model, T)
    y_mean, y_covariance = observed(model, T)
    with_y = np.einsum("sitj,j->sit", covariance, model.loading)[:, :, seen].reshape(T * m, -1)
    gain = np.linalg.solve(y_covariance[np.ix_(seen, seen)], with_y.T).T
    expected_mean = means + (gain @ (y - y_mean)[seen]).reshape(T, m)
    left = covariance - (gain @ with_y.T).reshape(T, m, T, m)
    expected_covariance = np.array([left[t, :, t] for t in range(T)])

    mean, covariance = smooth(kalman_filter(y, model), model)
    # Rounding, amplified by the condition numbers of the covariances of states and observations, 1e3 or so.
    np.testing.assert_allclose(mean, expected_mean, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(covariance, expected_covariance, rtol=1e-10, atol=1e-10)


# The oscillator -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("parameters", OSCILLATORS.values(), ids=OSCILLATORS)
def test_oscillator_is_stationary_with_van_loans_noise(parameters):
    model = carma(**parameters, step=0.7)
    a0, a1, sigma = parameters["a0"], parameters["a1"], parameters["sigma"]
    F, G = np.array([[0, 1], [-a0, -a1]]), np.diag([0, sigma**2])
    # Van Loan (1978): exp([[-F, G], [0, Fᵀ]] h) = [[·, Φ⁻¹ Q], [0, Φᵀ]].
    block = scipy_expm(0.7 * np.block([[-F, G], [np.zeros((2, 2)), F.T]]))
    transition = block[2:, 2:].T
    # A handful of roundings in each, of numbers of order 1 to 10.
    np.testing.assert_allclose(model.transition, transition, rtol=0, atol=1e-14)
    np.testing.assert_allclose(model.disturbance, transition @ block[:2, 2:], rtol=0, atol=1e-13)
    stationary = solve_discrete_lyapunov(model.transition, model.disturbance)
    np.testing.assert_allclose(model.covariance, stationary, rtol=0, atol=1e-13 * np.max(stationary))
    # Known in closed form: var u = σ² / (2 a0 a1), var u' = σ² / (2 a1), and the two are uncorrelated.
    expected = np.diag([sigma**2 / (2 * a0 * a1), sigma**2 / (2 * a1)])
    np.testing.assert_allclose(model.covariance, expected, rtol=0, atol=1e-14 * np.max(expected))


@pytest.mark.parametrize("parameters", OSCILLATORS.values(), ids=OSCILLATORS)
def test_two_small_steps_make_a_large_one(parameters):
    half, whole = carma(**parameters, step=0.5), carma(**parameters, step=1.0)
    y = series(20)
    gaps = np.full(39, np.nan)
    gaps[::2] = y  # the same series, seen at every second step
    # 39 steps' rounding instead of 20.
    assert log_likelihood(gaps, half) == pytest.approx(log_likelihood(y, whole), rel=1e-13)


@pytest.mark.parametrize("missing", [(), (3, 4, 17)])
@pytest.mark.parametrize("parameters", OSCILLATORS.values(), ids=OSCILLATORS)
def test_oscillator_seen_at_equal_steps_is_an_arma_process(parameters, missing):
    model, y = carma(**parameters), series(30, missing)
    theirs = ARIMA(y, order=(2, 0, 1), trend="c").loglike(arma(model))
    # Two filters' rounding over thirty steps.
    assert log_likelihood(y, model) == pytest.approx(theirs, rel=1e-11)


# The local level ----------------------------------------------------------------------------------------


def moving_average(noise: float, disturbance: float, T: int) -> np.ndarray:
    """Covariance of the T − 1 differences of a local-level series: the level itself drops out of them."""
    beside = -noise * (np.eye(T - 1, k=1) + np.eye(T - 1, k=-1))
    return (2 * noise + disturbance) * np.eye(T - 1) + beside


def test_local_level_is_the_density_of_the_differences():
    y, noise, disturbance = series(15), 2.0, 0.5
    expected = multivariate_normal(None, moving_average(noise, disturbance, 15)).logpdf(np.diff(y))
    ours = log_likelihood(y[1:], local_level(noise, disturbance, first=y[0]))
    assert ours == pytest.approx(expected, rel=1e-13)  # rounding of 14 terms
    theirs = UnobservedComponents(y, "llevel", use_exact_diffuse=True).loglike([noise, disturbance])
    assert ours - 0.5 * np.log(2 * np.pi) == pytest.approx(theirs, rel=1e-13)


# Derivatives --------------------------------------------------------------------------------------------


def test_derivatives_of_the_local_levels_likelihood_are_those_of_the_normal_density():
    y, x = series(15), np.array([2.0, 0.5])

    def f(x):
        return log_likelihood(y[1:], local_level(x[0], x[1], first=y[0]))

    # With Σ = x₀ S₀ + x₁ S₁, R = Σ⁻¹ and d = Δy, log p = −½ (log |Σ| + d' R d) + const has the gradient
    # ½ (d' R Sᵢ R d − tr R Sᵢ) and the Hessian ½ tr R Sᵢ R Sⱼ − d' R Sᵢ R Sⱼ R d.
    S = moving_average(1.0, 0.0, 15), moving_average(0.0, 1.0, 15)
    R, d = np.linalg.inv(x[0] * S[0] + x[1] * S[1]), np.diff(y)
    gradient = [0.5 * (d @ R @ s @ R @ d - np.trace(R @ s)) for s in S]
    hessian = [[0.5 * np.trace(R @ s @ R @ t) - d @ R @ s @ R @ t @ R @ d for t in S] for s in S]
    # Rounding, amplified by the condition number of Σ, below 1e2.
    np.testing.assert_allclose(fr.grad(f)(x), gradient, rtol=1e-12)
    np.testing.assert_allclose(fr.hessian(f)(x), hessian, rtol=1e-12)


@pytest.mark.parametrize("parameters", OSCILLATORS.values(), ids=OSCILLATORS)
def test_derivatives_of_the_oscillators_likelihood_are_the_differences(parameters):
    y = series(20, missing=(5,))
    x = np.array([parameters.get(name, 0.1) for name in ("a0", "a1", "sigma", "mean", "b")])

    def f(x):
        return log_likelihood(y, carma(*x))

    # The five-point formula at a step of 1e-3 errs by some 1e-9 of the largest component here.
    expected = central_differences(f, x)
    np.testing.assert_allclose(fr.grad(f)(x), expected, rtol=0, atol=1e-8 * np.max(np.abs(expected)))
    expected = central_differences(fr.grad(f), x)
    np.testing.assert_allclose(fr.hessian(f)(x), expected, rtol=0, atol=1e-8 * np.max(np.abs(expected)))


def test_derivatives_of_arma_coefficients_are_the_differences():
    x = np.array(list(OSCILLATORS["CARMA(2,1)"].values()))

    def f(x):
        return arma(carma(*x))

    # As above.
    expected = central_differences(f, x)
    np.testing.assert_allclose(fr.jacobian(f)(x), expected, rtol=0, atol=1e-8 * np.max(np.abs(expected)))


def test_derivatives_through_the_smoother_are_the_differences():
    y, x = series(12, missing=(4,)), np.array([0.45, 0.7, 3.0, 5.0, 0.2])

    def f(x):
        model = carma(*x)
        means, covariances = smooth(kalman_filter(y, model), model)
        return np.sum(means**2) + np.sum(covariances)

    # As above.
    expected = central_differences(f, x)
    np.testing.assert_allclose(fr.grad(f)(x), expected, rtol=0, atol=1e-7 * np.max(np.abs(expected)))
