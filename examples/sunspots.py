"""A continuous-time autoregression fitted to three centuries of sunspot numbers.

The number of sunspots swings with a period of about eleven years, never twice alike: a damped oscillator kept
going by random kicks, CAR(2). Its likelihood runs through a matrix exponential, a Lyapunov equation and a
Kalman filter (`state_space.py`); Frechet differentiates all of it.

Sampled once a year, CAR(2) is a discrete ARMA(2, 1) process with one coefficient fewer than that has in
general. So statsmodels, which knows ARMA but not CAR, can check the likelihood, and its best ARMA(2, 1)
bounds it from above. CARMA(2, 1), with the missing coefficient, attains that bound: there the estimates and
their standard errors can be checked too.

Data: yearly mean sunspot numbers 1700–2008 (SIDC, Royal Observatory of Belgium), as shipped with statsmodels.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pictures
from estimation import Fit, central_differences, estimate, maximise
from report import Check, plus_minus, print_checks, print_table, progress
from state_space import StateSpace, arma, carma, kalman_filter, log_likelihood
from statsmodels.datasets import sunspots
from statsmodels.tsa.arima.model import ARIMA

import frechet as fr

data = sunspots.load_pandas().data
years, numbers = data["YEAR"].to_numpy(int), data["SUNACTIVITY"].to_numpy()


# The model and its likelihood ---------------------------------------------------------------------------


def oscillator(theta: np.ndarray) -> StateSpace:
    """CAR(2) for theta = (log a0, log a1, log sigma, mean), CARMA(2, 1) for theta = (log a0, …, mean, log b).

    The logarithms keep the parameters positive, and so the process stationary, wherever the optimiser goes.
    """
    a0, a1, sigma = np.exp(theta[:3])
    b = np.exp(theta[4]) if len(theta) == 5 else 0.0
    return carma(a0, a1, sigma, mean=theta[3], b=b)


def likelihood(theta: np.ndarray) -> float:
    """Log-likelihood of the sunspot numbers. This is the function that is differentiated."""
    return log_likelihood(numbers, oscillator(theta))


# A period of 11 years, damped within 7, and the mean and a scatter like that of the data.
start_car = np.array([np.log((2 * np.pi / 11) ** 2), np.log(2 / 7), np.log(20.0), np.mean(numbers)])
start_carma = np.append(start_car, np.log(0.5))


class Fits(NamedTuple):
    """The two models fitted with Frechet, and statsmodels' ARMA(2, 1)."""

    car: Fit
    carma: Fit
    arma: Any


@cache
def fits() -> Fits:
    """Fit the three models (once)."""
    with progress() as bar:
        task = bar.add_task("Sunspots: fitting CAR(2)", total=3)
        car = maximise(likelihood, start_car)
        bar.update(task, advance=1, description="Sunspots: fitting CARMA(2,1)")
        carma = maximise(likelihood, start_carma)
        bar.update(task, advance=1, description="Sunspots: fitting ARMA(2,1) with statsmodels")
        # cov_type="approx": the covariance of the estimates from the Hessian, as ours.
        arma = ARIMA(numbers, order=(2, 0, 1), trend="c").fit(cov_type="approx")
        return Fits(car, carma, arma)


# What follows from the parameters -----------------------------------------------------------------------


def arma_coefficients(theta: np.ndarray) -> np.ndarray:
    """The ARMA(2, 1) process that the oscillator is when seen once a year."""
    return arma(oscillator(theta))


def physics(theta: np.ndarray) -> np.ndarray:
    """Period, time in which a swing decays to 1/e (both in years), standard deviation of the numbers."""
    a0, a1, _ = np.exp(theta[:3])
    model = oscillator(theta)
    variance = model.loading @ model.covariance @ model.loading
    return np.block([2 * np.pi / np.sqrt(a0 - a1**2 / 4), 2 / a1, np.sqrt(variance)])


def log_spectrum(frequencies: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Logarithm of the spectral density at the frequencies (cycles per year), as a function of theta."""
    delay = np.exp(-2j * np.pi * frequencies)  # by one year

    def of(theta: np.ndarray) -> np.ndarray:
        _, phi1, phi2, ma1, variance = arma_coefficients(theta)
        transfer = (1 + ma1 * delay) / (1 - phi1 * delay - phi2 * delay**2)
        return np.log(variance * np.abs(transfer) ** 2)

    return of


# What is shown ------------------------------------------------------------------------------------------


def checks() -> list[Check]:
    """Compare with statsmodels on the same model, and derivatives with differences."""
    car, carma, arma = fits()
    cases = ("CAR(2)", car, start_car), ("CARMA(2,1)", carma, start_carma)
    found = []
    with progress() as bar:
        for name, fit, start in bar.track(cases, description="Sunspots: checking"):
            theirs = arma.model.loglike(arma_coefficients(fit.theta))
            slope = central_differences(likelihood, start)
            information = -central_differences(fr.grad(likelihood), fit.theta)
            found += [
                # Two filters that add up 309 terms in double precision: 1e-12 leaves room for the rounding.
                Check(f"{name} likelihood (statsmodels)", theirs, fit.log_likelihood, 1e-12),
                # The differences err by about 1e-9 of the largest component.
                Check(f"{name} gradient (differences)", slope, fr.grad(likelihood)(start), 1e-8),
                Check(f"{name} information (differences)", information, np.linalg.inv(fit.covariance), 1e-8),
            ]
    ours = estimate(arma_coefficients, carma)
    return [
        *found,
        Check("CAR(2) stays below ARMA(2,1)", arma.llf, car.log_likelihood, at_most=True),
        # statsmodels' optimiser stops a little short of the maximum: by less than 1e-8 of its height, where
        # the estimates are within 1e-3 of a standard error, and the standard errors right to 1e-4.
        Check("CARMA(2,1) reaches ARMA(2,1)", arma.llf, carma.log_likelihood, 1e-8),
        Check("… with its coefficients (per error)", arma.params / arma.bse, ours.value / arma.bse, 1e-3),
        Check("… with its standard errors (ratio)", np.ones(5), ours.error / arma.bse, 1e-4),
    ]


def print_estimates() -> None:
    """Print what was estimated, with standard errors."""
    car, carma, arma = fits()
    names = ["a0  (1/year²)", "a1  (1/year)", "sigma", "mean", "b  (years)"]
    followers = ["period  (years)", "damping time  (years)", "standard deviation"]

    def natural(theta: np.ndarray) -> np.ndarray:
        return np.block([np.exp(theta[:3]), theta[3], np.exp(theta[4:])])

    def entries(f: Callable[[np.ndarray], np.ndarray], fit: Fit) -> list[str]:
        return list(map(plus_minus, *estimate(f, fit)))

    def height(fit: Fit) -> list[str]:
        return [f"{fit.log_likelihood:.4f}", str(fit.steps)]

    left = [*entries(natural, car), "0", *entries(physics, car), *height(car)]
    right = [*entries(natural, carma), *entries(physics, carma), *height(carma)]
    rows = zip([*names, *followers, "log-likelihood", "Newton steps to it"], left, right, strict=True)
    print_table("Sunspots: estimate ± standard error", ["", "CAR(2)", "CARMA(2,1)"], rows)

    names = ["mean", "φ₁", "φ₂", "θ", "σ²"]
    theirs = list(map(plus_minus, arma.params, arma.bse))
    columns = [entries(arma_coefficients, car), entries(arma_coefficients, carma), theirs]
    title = "The same as ARMA(2,1) coefficients (by the delta method), and statsmodels' own fit"
    print_table(title, ["", "CAR(2)", "CARMA(2,1)", "statsmodels"], zip(names, *columns, strict=True))


def draw(path: Path, ahead: int = 22) -> None:
    """Draw the series with its one-step predictions, a forecast of two cycles, and the spectrum."""
    car, carma, _ = fits()
    extended = np.append(numbers, np.full(ahead, np.nan))  # a forecast is a filter over missing observations
    bands = {}
    for name, fit in ("CAR(2)", car), ("CARMA(2,1)", carma):
        steps = kalman_filter(extended, oscillator(fit.theta))
        bands[name] = np.array([(step.prediction, 1.96 * np.sqrt(step.variance)) for step in steps]).T
    frequencies = np.linspace(0.002, 0.5, 400)
    spectra = {
        "CAR(2)": estimate(log_spectrum(frequencies), car),
        "CARMA(2,1)": estimate(log_spectrum(frequencies), carma),
    }
    pictures.sunspots(path, years, numbers, bands, frequencies, spectra)


def run(folder: Path) -> list[Check]:
    """Fit, print, draw into `folder`, check."""
    print_estimates()
    found = checks()
    print_checks("Sunspots: checks", found)
    draw(folder / "sunspots.png")
    return found


if __name__ == "__main__":
    sys.exit(not all(check.passed for check in run(pictures.folder)))
