"""The MRI scan of the demonstration in a small instance: every part of it against what it should be."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples"))

import imaging
import mri
import report
from matplotlib.image import imread

import frechet as fr

SHOTS = 5


@pytest.fixture(scope="module")
def scan():
    """32 × 32 pixels and 4 coils; shots of 96 samples in 12 pieces; double precision."""
    return mri.new_scan(32, coils=4, samples=96, intervals=12, precise=True)


@pytest.fixture(scope="module")
def curved(scan):
    """Shots that are no straight lines."""
    radial = imaging.radial(SHOTS, scan)
    return radial + 0.05 * np.random.default_rng(1).normal(size=radial.shape)


@pytest.fixture(scope="module")
def study():
    """The small scan in single precision, as in the demonstration, optimised with few iterations."""
    scan = mri.new_scan(32, coils=4, samples=96, intervals=12)
    return mri.optimise(scan, imaging.radial(SHOTS, scan), stages=((0.3, 20), (30.0, 20)))


# Derivatives --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["radial", "curved"])
def test_gradient_of_the_error_agrees_with_differences(scan, curved, shape):
    control = curved if shape == "curved" else imaging.radial(SHOTS, scan)
    differences, derivative = mri.directional(control, scan)
    # The transforms err by 1e-12, the step is 3e-4, the derivative 1e-2: 3e-7 at most.
    assert derivative > 1e-2
    assert derivative == pytest.approx(differences, rel=3e-7)


def test_gradient_agrees_with_forward_mode(scan, curved):
    direction = np.random.default_rng(2).normal(size=curved.shape)
    _, forward = fr.jvp(lambda control: mri.squared_error(control, scan), (curved,), (direction,))
    backward = np.sum(fr.grad(mri.squared_error)(curved, scan) * direction)
    # The transforms of the two modes differ by their tolerance, 1e-12, times what three steps make of it.
    assert forward == pytest.approx(backward, rel=1e-9)


def test_value_and_gradient_take_two_ffts_for_each_of_the_value_but_for_the_samples(scan, curved):
    ffts, ffts_with_gradient = mri.count_ffts(curved, scan)
    coils = len(scan.coils)
    # Sampling, combining, and for each step both; and two for each step of the density.
    assert ffts == coils * (2 + 2 * mri.STEPS) + 2 * imaging.DENSITY_STEPS
    assert ffts_with_gradient == 2 * ffts - coils


def test_gradient_of_the_penalty_agrees_with_differences(scan, curved):
    control = 1.3 * curved  # beyond the edge, and too fast a change of direction
    direction = np.random.default_rng(3).normal(size=control.shape)
    h = 1e-5
    ends = [imaging.violation(control + s * direction, scan) for s in (h, -h)]
    slope = np.sum(fr.grad(imaging.violation)(control, scan) * direction)
    assert ends[0] > 0
    # The square of an excess has a jump in its second derivative, where the differences err by h.
    assert slope == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-4)


# Shots and their limits ---------------------------------------------------------------------------------


def test_radial_shots_are_straight_lines_through_the_centre_at_even_speed(scan):
    points = imaging.shots(imaging.radial(SHOTS, scan), scan)
    assert points.shape == (SHOTS, scan.samples, 2)
    times = (np.arange(scan.samples) + 0.5) / scan.samples - 0.5
    angles = np.pi * np.arange(SHOTS) / SHOTS
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=-1)[:, None]
    np.testing.assert_allclose(points, 0.98 * 2 * np.pi * times[:, None] * directions, atol=1e-13)


def test_units_of_gradient_and_slew_rate(scan):
    # A gradient of 1 mT/m moves the wave number by γ · 1 mT/m · dwell from one sample to the next.
    step = imaging.GAMMA * 1e-3 * scan.dwell  # cycles per m
    pixel = scan.field_of_view / len(scan.image)
    speed = 2 * np.pi * pixel * step / scan.dwell  # radians per pixel and s
    position = imaging.knot_interval(scan) * np.arange(scan.intervals + 3)
    straight = speed * np.stack([position, 0 * position], axis=-1)[None]
    np.testing.assert_allclose(imaging.length(imaging.gradients(straight, scan)), 1e-3, rtol=1e-12)
    np.testing.assert_allclose(mri.hardware(straight, scan)[0], 1.0, rtol=1e-9)  # in mT/m, of the samples
    # Its square rises by 2 per unit of time squared.
    bent = straight * position[:, None]
    np.testing.assert_allclose(imaging.length(imaging.slew(bent, scan)), 2e-3, rtol=1e-9)
    np.testing.assert_allclose(mri.hardware(bent, scan)[1], 2e-3, rtol=1e-6)


def test_control_points_bound_gradient_and_slew_rate_at_every_sample(scan, curved):
    gradient, rate = mri.hardware(curved, scan)
    assert np.max(gradient) <= 1e3 * np.max(imaging.length(imaging.gradients(curved, scan)))
    assert np.max(rate) <= np.max(imaging.length(imaging.slew(curved, scan)))


def test_violation_is_zero_within_the_limits_and_positive_beyond_each(scan):
    slow = imaging.radial(SHOTS, scan)
    assert imaging.violation(slow, scan) == 0
    assert imaging.violation(1.1 * slow, scan) > 0  # beyond the edge
    brisk = scan._replace(dwell=scan.dwell / 20)
    assert np.max(imaging.length(imaging.gradients(slow, brisk))) > imaging.MAX_GRADIENT
    assert imaging.violation(slow, brisk) > 0
    zigzag = slow + 0.5 * (-1.0) ** np.arange(scan.intervals + 3)[:, None]
    assert np.max(imaging.length(imaging.slew(zigzag, scan))) > imaging.MAX_SLEW
    assert imaging.violation(zigzag, scan) > 0


# Coils and reconstruction -------------------------------------------------------------------------------


def test_coils_are_smooth_and_their_squares_add_up_to_one():
    coils = imaging.coil_array(6, 64)
    np.testing.assert_allclose(np.sum(np.abs(coils) ** 2, axis=0), 1, rtol=1e-14)
    assert np.max(np.abs(np.diff(coils, axis=1))) < 0.12  # of at most 1, from one of 64 pixels to the next


def test_samples_are_the_sum_over_the_pixels(scan, curved):
    points = imaging.shots(curved, scan)[0, ::20]
    places = np.arange(32) - 16
    waves = np.exp(-1j * (points[:, 0, None, None] * places[:, None] + points[:, 1, None, None] * places))
    expected = np.einsum("jkl,ckl,kl->cj", waves, scan.coils, scan.image)
    atol = 1e-10 * np.max(np.abs(expected))  # the transforms are right to 1e-12 in the mean
    np.testing.assert_allclose(imaging.measure(points, scan), expected, rtol=0, atol=atol)


def test_weights_of_radial_shots_grow_with_the_distance_from_the_centre(scan):
    points = imaging.shots(imaging.radial(24, scan), scan)
    weights = imaging.density_weights(points.reshape(-1, 2), scan).reshape(24, -1)
    distance = np.linalg.norm(points, axis=-1)
    inner = (distance > 0.2 * np.pi) & (distance < 0.6 * np.pi)  # where the shots are close enough
    # The density of straight lines is inverse to the distance.
    ratio = weights[inner] / distance[inner]
    assert np.std(ratio) < 0.05 * np.mean(ratio)


def test_even_samples_give_the_image_back_in_one_step(scan):
    # All wave numbers of the square, twice as dense as needed: the weights are equal, the equations diagonal.
    side = (np.arange(64) + 0.5) / 64 * 2 * np.pi - np.pi
    points = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    image = imaging.reconstruct(points, imaging.measure(points, scan), scan, steps=1)
    np.testing.assert_allclose(image, scan.image, rtol=0, atol=1e-10)


def test_steps_of_conjugate_gradients_solve_the_weighted_normal_equations(scan, curved):
    points = imaging.shots(curved, scan).reshape(-1, 2)
    samples = np.random.default_rng(4).normal(size=(4, len(points))).astype(complex)
    weights = imaging.density_weights(points, scan)
    places = np.arange(32) - 16
    waves = np.exp(-1j * (points[:, 0, None, None] * places[:, None] + points[:, 1, None, None] * places))
    matrix = (scan.coils[:, None] * waves).reshape(-1, 32 * 32)  # from the image to the samples of all coils
    weighted = np.tile(weights, 4)[:, None] * matrix
    normal, right = weighted.conj().T @ matrix, weighted.conj().T @ samples.ravel()
    image = imaging.reconstruct(points, samples, scan, steps=2).ravel()
    # Two steps give the best combination of b and N b in the norm of N.
    basis = np.stack([right, normal @ right], axis=-1)
    best = basis @ np.linalg.solve(basis.conj().T @ normal @ basis, basis.conj().T @ right)
    np.testing.assert_allclose(image, best, rtol=0, atol=1e-8 * np.abs(best).max())


# The optimisation ---------------------------------------------------------------------------------------


def test_the_error_falls_and_the_limits_hold(study):
    scan, before, after, errors, ends = study
    assert len(errors) == ends[-1] + 1
    assert errors[0] == mri.error(before, scan)
    # In single precision, by transforms to 1e-4.
    assert errors[-1] == pytest.approx(mri.error(after, scan), rel=1e-3)
    assert errors[-1] < 0.7 * errors[0]
    assert np.max(imaging.length(imaging.gradients(after, scan))) <= imaging.MAX_GRADIENT
    assert np.max(imaging.length(imaging.slew(after, scan))) <= imaging.MAX_SLEW
    assert np.max(np.abs(imaging.shots(after, scan))) <= np.pi
    middle = imaging.shots(after, scan)[:, scan.samples // 2 - 1 : scan.samples // 2 + 1].mean(axis=1)
    assert np.max(np.abs(middle)) < 0.02  # half-way between the two samples; the curve through them is bent


def test_the_study_prints_draws_and_passes_its_checks(study, monkeypatch, tmp_path):
    monkeypatch.setattr(mri, "study", lambda: study)
    with report.console.capture() as printed:
        checks = mri.run(tmp_path)
    failed = [(check.claim, check.expected, check.obtained) for check in checks if not check.passed]
    # So few shots and iterations do not halve the error.
    assert [claim for claim, *_ in failed] in ([], ["error at most half of that of radial shots"])
    assert len(checks) == 7
    lines = printed.get().splitlines()
    assert max(map(len, lines)) <= report.WIDTH
    assert any("converged" in line and "%" in line for line in lines)
    picture = imread(tmp_path / "mri.png")
    assert min(picture.shape[:2]) > 1000
    assert np.std(picture[..., :3]) > 0.05  # something is drawn
