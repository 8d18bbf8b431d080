"""The local-level model fitted to a century of the river Nile.

The yearly flow of the Nile at Aswan is taken for a level that wanders, seen through noise. The two variances
of this model are the standard example of Durbin & Koopman (2012, section 2), who find 15099 and 1469.

Data: annual flow 1871–1970 in 10⁸ m³ (Cobb, Biometrika 65 (1978) 243), as shipped with statsmodels.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pictures
from estimation import Fit, central_differences, estimate, maximise
from report import Check, plus_minus, print_checks, print_table, progress
from state_space import kalman_filter, local_level, log_likelihood, smooth
from statsmodels.datasets import nile
from statsmodels.tsa.statespace.structural import UnobservedComponents

import frechet as fr

data = nile.load_pandas().data
years, volumes = data["year"].to_numpy(int), data["volume"].to_numpy()


def likelihood(theta: np.ndarray) -> float:
    """Log-likelihood of all flows after the first, given that, at theta = (log noise, log disturbance)."""
    noise, disturbance = np.exp(theta)
    return log_likelihood(volumes[1:], local_level(noise, disturbance, first=volumes[0]))


# statsmodels counts the flat prior of the first level as a density of 1/√(2π) for the first observation.
flat_prior = -0.5 * np.log(2 * np.pi)

# Half of the variance to the noise, a tenth to the level.
start = np.log(np.var(volumes) * np.array([0.5, 0.1]))


class Fits(NamedTuple):
    """The model fitted with Frechet and with statsmodels."""

    ours: Fit
    theirs: Any


@cache
def fits() -> Fits:
    """Fit the model both ways (once)."""
    with progress() as bar:
        task = bar.add_task("Nile: fitting", total=2)
        ours = maximise(likelihood, start)
        bar.update(task, advance=1, description="Nile: fitting with statsmodels")
        model = UnobservedComponents(volumes, "llevel", use_exact_diffuse=True)
        # statsmodels stops early unless asked to go on; cov_type="approx": the covariance of the estimates
        # from the Hessian, as ours.
        return Fits(ours, model.fit(method="bfgs", gtol=1e-9, disp=False, cov_type="approx"))


def checks() -> list[Check]:
    """Compare with statsmodels and with the book, and derivatives with differences."""
    ours, theirs = fits()
    variances = estimate(np.exp, ours)
    likelihood_there = theirs.model.loglike(variances.value)
    slope = central_differences(likelihood, start)
    information = -central_differences(fr.grad(likelihood), ours.theta)
    return [
        # Two filters that add up 100 terms in double precision: 1e-12 leaves room for the rounding.
        Check("log-likelihood (statsmodels)", likelihood_there, ours.log_likelihood + flat_prior, 1e-12),
        # The differences err by about 1e-9 of the largest component.
        Check("gradient (differences)", slope, fr.grad(likelihood)(start), 1e-8),
        Check("information (differences)", information, np.linalg.inv(ours.covariance), 1e-8),
        Check("variances (Durbin & Koopman)", np.array([15099.0, 1469.0]), np.round(variances.value)),
        # As far as statsmodels' optimiser goes.
        Check("variances (statsmodels)", theirs.params, variances.value, 1e-4),
        Check("standard errors (ratio to statsmodels)", np.ones(2), variances.error / theirs.bse, 1e-3),
    ]


def print_estimates() -> None:
    """Print what was estimated, with standard errors."""
    ours, theirs = fits()
    height = [f"{ours.log_likelihood + flat_prior:.6f}", str(ours.steps)]
    here = [*map(plus_minus, *estimate(np.exp, ours)), *height]
    there = [*map(plus_minus, theirs.params, theirs.bse), f"{theirs.llf:.6f}", ""]
    names = ["variance of the noise", "variance of the level's steps", "log-likelihood", "Newton steps to it"]
    rows = zip(names, here, there, strict=True)
    print_table("Nile: estimate ± standard error", ["", "Frechet", "statsmodels"], rows)


def draw(path: Path, ahead: int = 10) -> None:
    """Draw the flows with the filtered and the smoothed level and a forecast, from the second year on."""
    noise, disturbance = np.exp(fits().ours.theta)
    model = local_level(noise, disturbance, first=volumes[0])
    flows = np.append(volumes[1:], np.full(ahead, np.nan))  # a forecast is a filter over missing observations
    steps = kalman_filter(flows, model)
    filtered = [(step.filtered_mean[0], step.filtered_covariance[0, 0]) for step in steps]
    means, covariances = smooth(steps[:-ahead], model)
    pictures.nile(
        path,
        years,
        volumes,
        filtered=with_half_width(*np.transpose(filtered)),
        smoothed=with_half_width(means[:, 0], covariances[:, 0, 0]),
        noise=1.96 * np.sqrt(noise),
    )


def with_half_width(mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Stack a mean and the half-width of its 95 % band, shape (2, T)."""
    return np.stack([mean, 1.96 * np.sqrt(variance)])


def run(folder: Path) -> list[Check]:
    """Fit, print, draw into `folder`, check."""
    print_estimates()
    found = checks()
    print_checks("Nile: checks", found)
    draw(folder / "nile.png")
    return found


if __name__ == "__main__":
    sys.exit(not all(check.passed for check in run(pictures.folder)))
