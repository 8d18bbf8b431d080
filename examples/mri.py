"""The path of an MRI scan through Fourier space, optimised for the picture that it gives.

A slice through a head is scanned by 16 shots of 5 ms: a twelfth of the straight lines that its resolution
asks for. Straight lines leave large gaps. The scanner could do more in the same time: curves whose field
gradient and slew rate stay within its limits. Which curves? Those that make the error of the reconstructed
image least. The error runs through nonuniform FFTs, density weights and conjugate gradients (`imaging.py`);
Frechet differentiates it with respect to the 2144 coordinates that describe the shots, at the cost of as many
FFTs again, and SciPy's L-BFGS does the rest. The limits are kept by a penalty, whose weight rises in stages.

What is left out: noise, the decay of the signal, the time it takes to get to the start of a shot. The shots
are optimised for one slice, so they are also tried on another, which is the same one turned.

Data: an MRI slice of 256 × 256 pixels, as shipped with matplotlib; averaged to 128 × 128.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pictures
from imaging import (
    MAX_GRADIENT,
    MAX_SLEW,
    Scan,
    coil_array,
    length,
    measure,
    radial,
    radians,
    reconstruct,
    shots,
    slew,
    violation,
)
from matplotlib.cbook import get_sample_data
from report import Check, print_checks, print_table, progress
from scipy.optimize import minimize

import frechet as fr
from frechet.nufft._fourier import Counter

STEPS = 3  # of conjugate gradients, in the error that is optimised
MANY_STEPS = 30  # for comparison: the image has converged
STAGES = (0.3, 100), (3.0, 40), (30.0, 40)  # weights of the penalty, and iterations with each


def head(n: int) -> np.ndarray:
    """The slice, averaged to n × n pixels; its largest value is 1."""
    with get_sample_data("s1045.ima.gz") as file:
        pixels = np.frombuffer(file.read(), np.uint16).reshape(n, 256 // n, n, 256 // n)
    image = np.mean(pixels, axis=(1, 3))
    return image / np.max(image)


def new_scan(n: int, coils: int, samples: int, intervals: int, precise: bool = False) -> Scan:
    """A scan of the slice, in single precision, or in double for comparison with differences."""
    dtype, eps = (np.complex128, 1e-12) if precise else (np.complex64, 1e-4)
    image, sensitivities = head(n).astype(dtype), coil_array(coils, n).astype(dtype)
    return Scan(image, sensitivities, 0.22, 10e-6, samples, intervals, eps)


# The error and its minimum ------------------------------------------------------------------------------


def image_of(control: np.ndarray, scan: Scan, steps: int = STEPS) -> np.ndarray:
    """The image that a scan along the shots gives."""
    points = np.reshape(shots(control, scan), (-1, 2))
    return reconstruct(points, measure(points, scan), scan, steps)


def squared_error(control: np.ndarray, scan: Scan, steps: int = STEPS) -> float:
    """‖image − slice‖² / ‖slice‖². This is the function that is differentiated."""
    difference = image_of(control, scan, steps) - scan.image
    return np.sum(np.abs(difference) ** 2) / np.sum(np.abs(scan.image) ** 2)


def error(control: np.ndarray, scan: Scan, steps: int = STEPS) -> float:
    """‖image − slice‖ / ‖slice‖."""
    return float(np.sqrt(squared_error(control, scan, steps)))


class Study(NamedTuple):
    """A scan, and how its shots were changed."""

    scan: Scan
    before: np.ndarray  # control points of the shots
    after: np.ndarray
    errors: list[float]  # at first, and after each iteration
    ends: list[int]  # the last iteration of each stage


def descend(
    scan: Scan, control: np.ndarray, weight: float, iterations: int, follow: Callable[[float], None]
) -> np.ndarray:
    """Lessen the error with a penalty of this weight; `follow` is told the error after each iteration."""

    def cost(control: np.ndarray) -> tuple[float, float]:
        error2 = squared_error(control, scan)
        return error2 + weight * violation(control, scan), error2

    value_and_gradient = fr.value_and_grad(cost, has_aux=True)
    error2 = np.nan  # at the control points that were tried last

    def flat_cost(flat: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal error2
        (value, error2), gradient = value_and_gradient(flat.reshape(control.shape))
        return float(value), gradient.ravel()

    best = minimize(
        flat_cost,
        control.ravel(),
        jac=True,
        method="L-BFGS-B",
        callback=lambda _: follow(float(np.sqrt(error2))),
        options={"maxiter": iterations, "maxcor": 20},
    )
    return best.x.reshape(control.shape)


def optimise(scan: Scan, before: np.ndarray, stages: Sequence[tuple[float, int]] = STAGES) -> Study:
    """Change the control points of the shots so that the error falls and the limits are kept."""
    control, errors, ends = before, [error(before, scan)], []
    with progress() as bar:
        task = bar.add_task("MRI", total=sum(iterations for _, iterations in stages))

        def follow(latest: float) -> None:
            errors.append(latest)
            bar.update(task, advance=1, description=f"MRI: optimising the shots, error {latest:.1%}")

        for weight, iterations in stages:
            control = descend(scan, control, weight, iterations, follow)
            ends.append(len(errors) - 1)
    return Study(scan, before, control, errors, ends)


@cache
def study() -> Study:
    """Optimise 16 shots of 512 samples, 8 to each piece of the spline, seen by 6 coils (once)."""
    scan = new_scan(128, coils=6, samples=512, intervals=64)
    return optimise(scan, radial(16, scan))


# What is shown ------------------------------------------------------------------------------------------


def hardware(control: np.ndarray, scan: Scan) -> tuple[np.ndarray, np.ndarray]:
    """Field gradient (mT/m) and slew rate (T/m/s) of each shot over time, by differences of the samples."""
    points = shots(control, scan) / radians(scan)
    gradient, rate = np.diff(points, axis=1) / scan.dwell, np.diff(points, n=2, axis=1) / scan.dwell**2
    return 1e3 * length(gradient), length(rate)


def count_ffts(control: np.ndarray, scan: Scan) -> tuple[int, int]:
    """How many FFTs the error takes, and the error with its gradient."""
    start = Counter.grids
    squared_error(control, scan)
    middle = Counter.grids
    fr.value_and_grad(squared_error)(control, scan)
    return middle - start, Counter.grids - middle


def directional(control: np.ndarray, scan: Scan, step: float = 3e-4) -> tuple[float, float]:
    """The derivative of the squared error in a direction: by differences, and by the gradient."""
    gradient = fr.grad(squared_error)(control, scan)
    other = np.random.default_rng(0).normal(size=control.shape)
    direction = gradient / np.linalg.norm(gradient) + other / np.linalg.norm(other)
    near, far = (
        squared_error(control + h * direction, scan) - squared_error(control - h * direction, scan)
        for h in (step, 2 * step)
    )
    return (8 * near - far) / (12 * step), np.sum(gradient * direction)


def checks() -> list[Check]:
    """Compare the gradient with differences; count FFTs; what was gained, and whether the limits are kept."""
    scan, before, after, errors, _ = study()
    coils, n, _ = scan.coils.shape
    precise = new_scan(n, coils, scan.samples, scan.intervals, precise=True)
    differences, derivative = directional(before, precise)
    ffts, ffts_with_gradient = count_ffts(after, scan)
    gradient, rate = hardware(after, scan)
    return [
        # The transforms err by 1e-12, the step is 3e-4, the derivative 1e-2: 3e-7 at most.
        Check("derivative along a direction (by differences)", 1.0, derivative / differences, 3e-7),
        # Each FFT is pulled back by one, but for those of the samples, where nothing varies but the points.
        Check("FFTs for value and gradient", 2 * ffts - coils, ffts_with_gradient),
        Check("error at most half of that of radial shots", errors[0] / 2, error(after, scan), at_most=True),
        Check("field gradient (mT/m)", 1e3 * MAX_GRADIENT, np.max(gradient), at_most=True),
        Check("slew rate (T/m/s)", MAX_SLEW, np.max(rate), at_most=True),
        Check("… at every instant", MAX_SLEW, np.max(length(slew(after, scan))), at_most=True),
        Check("wave number (of the largest)", 1.0, np.max(np.abs(shots(after, scan))) / np.pi, at_most=True),
    ]


def print_gains() -> None:
    """Print the errors and the use of the hardware before and after, and the FFTs that the gradient takes."""
    scan, before, after, *_ = study()
    turned = scan._replace(image=np.ascontiguousarray(np.rot90(scan.image)))

    def column(control: np.ndarray) -> list[str]:
        errors = error(control, scan), error(control, scan, MANY_STEPS), error(control, turned)
        gradient, rate = (np.max(values) for values in hardware(control, scan))
        return [*(f"{100 * value:.1f} %" for value in errors), f"{gradient:.1f}", f"{rate:.0f}"]

    names = [
        f"error of the image ({STEPS} steps of conjugate gradients)",
        f"… converged ({MANY_STEPS} steps)",
        "… of the slice turned by 90°, which the optimiser did not see",
        f"largest field gradient (mT/m; limit {1e3 * MAX_GRADIENT:.0f})",
        f"largest slew rate (T/m/s; limit {MAX_SLEW:.0f})",
    ]
    rows = zip(names, column(before), column(after), strict=True)
    print_table("MRI: shots before and after", ["", "radial", "optimised"], rows)
    ffts, ffts_with_gradient = count_ffts(after, scan)
    cost = [str(ffts), str(ffts_with_gradient), f"{before.size}"]
    names = ["FFTs for the error", "FFTs for the error and its gradient", "components of the gradient"]
    print_table("MRI: cost", ["", "counted"], zip(names, cost, strict=True))


def draw(path: Path) -> None:
    """Draw shots, image and error before and after, the error as it fell, and the use of the hardware."""
    scan, before, after, errors, ends = study()
    cases = {"radial": before, "optimised": after}
    used = {name: hardware(control, scan) for name, control in cases.items()}
    pixel = 100 * scan.field_of_view / len(scan.image)  # in cm
    pictures.mri(
        path,
        field_of_view=100 * scan.field_of_view,
        paths={name: shots(control, scan) / (2 * np.pi * pixel) for name, control in cases.items()},
        images={name: image_of(control, scan) for name, control in cases.items()},
        truth=scan.image,
        errors=errors,
        stages=ends[:-1],
        times=1e3 * scan.dwell * np.arange(scan.samples),  # in ms
        hardware={
            "Field gradient": ("mT/m", 1e3 * MAX_GRADIENT, {name: pair[0] for name, pair in used.items()}),
            "Slew rate": ("T/m/s", MAX_SLEW, {name: pair[1] for name, pair in used.items()}),
        },
    )


def run(folder: Path) -> list[Check]:
    """Optimise, print, draw into `folder`, check."""
    print_gains()
    found = checks()
    print_checks("MRI: checks", found)
    draw(folder / "mri.png")
    return found


if __name__ == "__main__":
    sys.exit(not all(check.passed for check in run(pictures.folder)))
