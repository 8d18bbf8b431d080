"""eps means what it says: the relative ℓ² errors of values and of gradients are at most 2 eps.

Measured against sums in extended precision, over a stack of transforms with shared points.  A value that
happens to cancel says nothing about a transform's error: norms are those of the exact result, or what they
are expected to be for random phases where that is more (one point, all points in one place).

What limits every transform is rounding: the phases of the highest modes are those of N/2 turns for each
period that points are away, with a relative error of ε (2⁻⁵² or 2⁻²³).  So the floor is N ε for each
period, half of one at least, with 2 ε for all else.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet import nufft
from frechet.nufft._grid import choose_grid
from frechet.nufft._kernel import amplification, errors, make_kernel, slope_level, value_level
from tests.nufft.direct_sums import Direct, direct3, frequencies, norm

MOST_MODES = {1: 130, 2: 24, 3: 11}
SWEEP = settings(deadline=None, suppress_health_check=list(HealthCheck))


class Case(NamedTuple):
    points: Any
    n_modes: tuple[int, ...]
    weights: Any  # of the modes: a flat spectrum, or one that decays like exp(−16 |2k/N|) along each axis
    stack: int
    eps: float
    single: bool
    isign: int
    modeord: int
    period: tuple[float, ...]
    upsampfac: float
    seed: int
    decaying: bool

    @property
    def options(self):
        return {
            "eps": self.eps,
            "isign": self.isign,
            "modeord": self.modeord,
            "period": self.period,
            "upsampfac": self.upsampfac,
        }

    @property
    def periods_away(self):
        return max(0.5, float(np.max(np.abs(self.points) / self.period)))

    @property
    def floor(self):
        away = 0.5 if self.single else self.periods_away  # coordinates are reduced in double precision
        return self.machine * (max(self.n_modes) * away + 2)

    @property
    def machine(self):
        return float(np.finfo(np.float32 if self.single else float).eps)

    @property
    def bound(self):
        return 2 * (self.eps + self.floor)

    @property
    def slope_bound(self):
        """That of derivatives by points.

        On a decaying spectrum these are 1/50 of what they are on a flat one, but the kernel's slope has the
        same rounding errors of a few ε.
        """
        return self.bound + (50 * self.machine if self.decaying else 0)

    def random(self, shape, salt):
        rng = np.random.default_rng((self.seed, salt))
        a = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
        return a.astype(np.complex64 if self.single else np.complex128)

    def modes(self, salt=0):
        return (self.random((self.stack, *self.n_modes), salt) * self.weights).astype(
            np.complex64 if self.single else np.complex128
        )

    def values(self, salt=1):
        return self.random((self.stack, len(self.points)), salt)

    def direct(self, isign=None):
        return Direct(self.points, self.n_modes, isign or self.isign, self.modeord, self.period)


@st.composite
def cases(draw):
    d = draw(st.integers(1, 3))
    decaying = draw(st.booleans())
    if decaying:  # 32 modes sample such a spectrum well enough to have a gradient of its size
        n_modes = tuple(draw(st.integers(32, {1: 130, 2: 40, 3: 34}[d])) for _ in range(d))
    else:
        n_modes = tuple(draw(st.integers(1, MOST_MODES[d])) for _ in range(d))
    single = draw(st.sampled_from([False, False, True]))
    eps = 10 ** draw(st.floats(-6 if single else -14, -1))
    period = tuple(draw(st.sampled_from([2 * np.pi, 1.0, 7.3, 1e-3])) for _ in range(d))
    count = draw(st.sampled_from([1, 3, 40]))
    upsampfac = draw(st.sampled_from([0, 0, 0, 1.25, 2.0, 3.1]))
    seed = draw(st.integers(0, 2**32))
    kind = draw(st.sampled_from(["random", "far", "cell", "equal", "on grid points", "boundaries"]))
    # with the different places of the points, many random numbers are averaged over
    # (which are no more than there are modes that count: 8 or so of a spectrum that decays)
    places = {"cell": 1, "equal": 1, "boundaries": min(count, 3**d)}.get(kind, count)
    places = min(places, 8 if decaying else int(np.prod(n_modes)))
    stack = max(2, (64 if d < 3 else 32) // places)
    count = min(count, max(8 * places, 3))
    few = 1 << max(count - 1, 1).bit_length()
    size = np.array(choose_grid(n_modes, few, eps, single, True, upsampfac, False).sizes)
    points = place(kind, count, np.array(period), size, np.random.default_rng(seed))
    weights = np.ones(n_modes)
    modeord = draw(st.sampled_from([0, 1]))
    if decaying:
        for a, n in enumerate(n_modes):
            w = np.exp(-16 * np.abs(2 * frequencies(n, modeord) / n))
            weights = weights * w.reshape(-1, *(1,) * (d - 1 - a))
    isign = draw(st.sampled_from([1, -1]))
    options = (isign, modeord, period, upsampfac)
    return Case(points, n_modes, weights, stack, eps, single, *options, seed, decaying)


def place(kind, count, period, size, rng):
    d = len(period)
    cell = period / size
    x = (rng.random((count, d)) - 0.5) * period
    if kind == "far":
        x = x + period * rng.integers(-50, 50, (count, d))
    elif kind == "cell":
        x = (rng.integers(-size, size) + rng.random((count, d))) * cell
    elif kind == "equal":
        x = np.repeat(x[:1], count, axis=0)
    elif kind == "on grid points":  # or halfway: where the windows of kernels end
        x = (rng.integers(-size, size, (count, d)) + rng.integers(0, 2) / 2) * cell
        x = x + rng.integers(-1, 2, (count, d)) * np.spacing(x)
    elif kind == "boundaries":
        x = rng.choice([-1, -0.5, 0, 0.5, 1], (count, d)) * period
        x = np.nextafter(x, x + rng.integers(-1, 2, (count, d)))
    return x


def quietly(f, *args, **kwargs):
    """The result; examples whose tolerance is said to be out of reach are not looked at."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = f(*args, **kwargs)
    assume(not caught)
    return result


def wave_lengths(case, frequencies_along):
    """|k| 2π/P of all modes.

    Along an axis with one mode there is no gradient, and with two or three there may be almost none: these
    count as one wave in the period.
    """
    square = 0.0
    for a, k in enumerate(frequencies_along):
        waves = (np.abs(k) if len(k) > 3 else np.ones(len(k))) * (2 * np.pi / case.period[a])
        square = square + (waves**2).reshape(-1, *(1,) * (len(frequencies_along) - 1 - a))
    return np.sqrt(square)


def slope_scale(case, exact, f):
    """The norm of exact gradients, or what is expected of it."""
    k = wave_lengths(case, [frequencies(n, case.modeord) for n in case.n_modes])
    return max(norm(exact), len(case.points) ** 0.5 * norm(k * f))


@settings(SWEEP, max_examples=120)
@given(cases())
def test_values(case):
    f, c = case.modes(), case.values()
    M, total = len(case.points), np.prod(case.n_modes)
    got = quietly(nufft.nufft2, case.points, f, **case.options)
    exact = case.direct().at_points(f)
    assert got.dtype == f.dtype
    assert norm(got - exact) <= case.bound * max(norm(exact), M**0.5 * norm(f))
    got = quietly(nufft.nufft1, case.points, c, case.n_modes, **case.options)
    exact = case.direct().from_points(c)
    assert got.dtype == c.dtype
    assert norm(got - exact) <= case.bound * max(norm(exact), total**0.5 * norm(c))


@settings(SWEEP, max_examples=120)
@given(cases())
def test_gradients_at_points(case):
    f = case.modes()
    values, slopes = quietly(nufft.nufft2, case.points, f, gradient=True, **case.options)
    direct = case.direct()
    exact, exact_slopes = direct.at_points(f), direct.gradient(f)
    assert norm(values - exact) <= case.bound * max(norm(exact), len(case.points) ** 0.5 * norm(f))
    assert norm(slopes - exact_slopes) <= case.slope_bound * slope_scale(case, exact_slopes, f)


@settings(SWEEP, max_examples=30)
@given(cases())
def test_gradients_of_traced_transforms(case):
    """The pullbacks of types 1 and 2, in points and data, for several cotangents."""
    case = case._replace(stack=4)
    f, c = case.modes(), case.values()
    options = case.options
    cotangents = 12 if len(case.points) < 9 else 2

    def pulled(function, *args):
        _, pullback = fr.vjp(function, *args)
        return pullback

    direct, back = case.direct(), case.direct(-case.isign)
    slopes = direct.gradient(f)
    pullback = quietly(pulled, lambda x, f: nufft.nufft2(x, f, **options), case.points, f)
    got, exact, size = [], [], 0.0
    for k in range(cotangents):
        w = case.values(10 + k)
        by_points, by_modes = pullback(w)
        got.append(by_points)
        exact.append(np.sum(np.real(np.conj(slopes) * w[..., None]), axis=0))
        size += norm(slopes * w[..., None]) ** 2 / 2  # the sum over the stack has random signs
        expected = back.from_points(w)
        assert norm(by_modes - expected) <= case.bound * max(norm(expected), f[0].size ** 0.5 * norm(w))
    scale = max(norm(np.array(exact)), size**0.5, slope_scale(case, 0.0, f) * (cotangents / 2) ** 0.5)
    assert norm(np.array(got) - np.array(exact)) <= case.slope_bound * scale

    pullback = quietly(pulled, lambda x, c: nufft.nufft1(x, c, case.n_modes, **options), case.points, c)
    got, exact, size = [], [], 0.0
    for k in range(cotangents):
        w = case.modes(10 + k)
        by_points, by_values = pullback(w)
        slopes = back.gradient(w)  # of Σ_k w_k e^{−ik·x}
        got.append(by_points)
        exact.append(np.sum(np.real(np.conj(c)[..., None] * slopes), axis=0))
        size += slope_scale(case, slopes, w) ** 2
        expected = back.at_points(w)
        assert norm(by_values - expected) <= case.bound * max(
            norm(expected), len(case.points) ** 0.5 * norm(w)
        )
    assert norm(np.array(got) - np.array(exact)) <= case.slope_bound * max(norm(np.array(exact)), size**0.5)


@settings(SWEEP, max_examples=60)
@given(cases())
def test_dipoles(case):
    c, dipoles = case.values(), case.random((case.stack, *case.points.shape), 3)
    got = quietly(nufft.nufft1, case.points, c, case.n_modes, dipoles=dipoles, **case.options)
    direct = case.direct()
    exact = direct.from_points(c) + direct.dipoles(dipoles)
    waves = norm(wave_lengths(case, direct.k) * np.ones(case.n_modes))
    scale = waves * norm(dipoles) / len(direct.k) ** 0.5
    total = np.prod(case.n_modes) ** 0.5 * norm(c)
    assert norm(got - exact) <= case.bound * max(norm(exact), scale + total)


@settings(SWEEP, max_examples=60)
@given(cases())
def test_real_transforms(case):
    """A half spectrum stands for v = Re Σ f e^{ik·x}, where last frequencies above 0 count twice."""
    half = Direct(case.points, case.n_modes, case.isign, case.modeord, case.period, half=True)
    shape = half.n_modes
    real = np.float32 if case.single else np.float64
    f = case.random((case.stack, *shape), 5)
    c = np.ascontiguousarray(case.values().real)
    M, total = len(case.points), np.prod(shape)
    got, slopes = quietly(nufft.rnufft2, case.points, f, case.n_modes, gradient=True, **case.options)
    twice = np.where(np.arange(shape[-1]) > 0, 2, 1) * f
    exact = half.at_points(twice).real
    assert got.dtype == slopes.dtype == real
    assert norm(got - exact) <= case.bound * max(norm(exact), (M / 2) ** 0.5 * norm(twice))
    exact = half.gradient(twice).real
    flat = case._replace(weights=1.0)
    scale = (M / 2) ** 0.5 * norm(wave_lengths(case, half.k) * twice)
    assert norm(slopes - exact) <= flat.bound * max(norm(exact), scale)
    got = quietly(nufft.rnufft1, case.points, c, case.n_modes, **case.options)
    exact = half.from_points(c)
    assert got.dtype == f.dtype
    assert norm(got - exact) <= case.bound * max(norm(exact), total**0.5 * norm(c))


# --- type 3 ------------------------------------------------------------------------------------------------


class Case3(NamedTuple):
    points: Any
    targets: Any
    stack: int
    eps: float
    single: bool
    isign: int
    upsampfac: float
    seed: int

    @property
    def bound(self):
        """N ε for points and for targets, where N/2 turns are the largest phase, and 24 ε for two transforms.

        At targets at the ends of their range the errors of the first part are divided by a φ̂ of 1/3 or so.
        """
        turns = np.max(np.sum(np.max(np.abs(self.points), 0) * np.max(np.abs(self.targets), 0))) / (2 * np.pi)
        machine = float(np.finfo(np.float32 if self.single else float).eps)
        return 2 * (self.eps + machine * (6 * turns + 24))


@st.composite
def cases3(draw):
    d = draw(st.integers(1, 3))
    rng = np.random.default_rng(seed := draw(st.integers(0, 2**32)))
    single = draw(st.sampled_from([False, False, True]))
    eps = 10 ** draw(st.floats(-6 if single else -13, -1))
    sides = []
    for _ in range(2):
        count = draw(st.sampled_from([1, 2, 3, 30]))
        unit = 10.0 ** draw(st.integers(-3, 3))
        kind = draw(st.sampled_from(["random", "random", "two places", "equal", "off center"]))
        x = rng.standard_normal((count, d))
        if kind == "two places":
            x = np.sign(x) + 0.01 * x
        elif kind == "equal":
            x = np.repeat(x[:1], count, axis=0)
        elif kind == "off center":
            x = x + 20 * rng.standard_normal(d)
        sides.append((x, unit))
    product = draw(st.floats(0.1, {1: 200.0, 2: 30.0, 3: 10.0}[d]))
    (x, unit), (s, _) = sides
    isign, upsampfac = draw(st.sampled_from([1, -1])), draw(st.sampled_from([0, 0, 2.0]))
    return Case3(x * unit, s / unit * product, 32, eps, single, isign, upsampfac, seed)


@settings(SWEEP, max_examples=100)
@given(cases3())
def test_type_3(case):
    rng = np.random.default_rng(case.seed)
    M, K = len(case.points), len(case.targets)
    dtype = np.complex64 if case.single else np.complex128
    c = (rng.standard_normal((case.stack, M)) + 1j * rng.standard_normal((case.stack, M))).astype(dtype)
    got = quietly(
        nufft.nufft3, case.points, c, case.targets, eps=case.eps, isign=case.isign, upsampfac=case.upsampfac
    )
    exact, _ = direct3(case.points, c, case.targets, case.isign)
    assert got.dtype == dtype
    assert norm(got - exact) <= case.bound * max(norm(exact), K**0.5 * norm(c))


@settings(SWEEP, max_examples=40)
@given(cases3())
def test_gradients_of_type_3(case):
    """By points, values and targets.

    Slopes are those of phases relative to the centers of points and targets: along ranges much shorter than
    the distance of their centers from zero, rounding errors are larger.  A grid has at least twice the
    kernel's width, so that slopes count at least as those of two turns along a range.
    """
    x, s = (np.asarray(a) for a in (case.points, case.targets))
    M, K = len(x), len(s)
    assume(min(np.max(np.ptp(x, axis=0)), np.max(np.ptp(s, axis=0))) > 0)
    rng = np.random.default_rng(case.seed)
    stack = 8
    dtype = np.complex64 if case.single else np.complex128
    c, w = (
        (rng.standard_normal((stack, n)) + 1j * rng.standard_normal((stack, n))).astype(dtype) for n in (M, K)
    )
    options = {"eps": case.eps, "isign": case.isign}
    _, pullback = quietly(fr.vjp, lambda *a: nufft.nufft3(*a, **options), x, c, s)
    by_points, by_values, by_targets = pullback(w)
    exact, slopes = direct3(s, w, x, -case.isign)
    assert norm(by_values - exact) <= case.bound * max(norm(exact), M**0.5 * norm(w))
    length = lambda a: np.sqrt(np.mean(np.sum((np.abs(a) + np.std(a, axis=0)) ** 2, axis=1)))
    exact = np.sum(np.real(np.conj(c)[..., None] * slopes), axis=0)
    one = norm(np.abs(c)) * norm(w) / (2 * stack) ** 0.5  # of random phases; slopes have the length of s or x
    floor = length(s) + 4 * np.pi / np.max(np.ptp(x, axis=0))
    assert norm(by_points - exact) <= case.bound * max(norm(exact), one * floor)
    _, slopes = direct3(x, c, s, case.isign)
    exact = np.sum(np.real(np.conj(slopes) * w[..., None]), axis=0)
    floor = length(x) + 4 * np.pi / np.max(np.ptp(s, axis=0))
    assert norm(by_targets - exact) <= case.bound * max(norm(exact), one * floor)


# --- the levels that a grid and a kernel are chosen by
# ---------------------------------------------------------


@pytest.mark.parametrize("width", range(2, 17))
@pytest.mark.parametrize("sigma", [1.15, 1.3, 1.6, 2.0, 2.5, 4.0])
def test_levels_are_those_of_kernels(width, sigma):
    """The fits are no lower than the errors that they stand for, up to 12%, nor 3 times higher."""
    kernel = make_kernel(width, sigma, False)
    found = errors(kernel, sigma)
    decaying = errors(kernel, sigma, lambda t: np.exp(-16 * t))
    value = max(found.value, found.worst_value / 1.8)
    slope = max(found.slope, found.worst_slope / 1.8, decaying.slope, decaying.worst_slope / 1.8)
    rounding = 1e-15  # of the value, and 10 times that of the slope on a decaying spectrum
    assert value <= 1.12 * value_level(width, sigma) + rounding
    assert slope <= 1.12 * slope_level(width, sigma) + 10 * rounding
    assert value_level(width, sigma) <= 3 * value + rounding
    assert slope_level(width, sigma) <= 3 * slope + 10 * rounding


@pytest.mark.parametrize("width", [4, 8, 12, 16])
@pytest.mark.parametrize("sigma", [1.15, 1.25, 1.4, 2.0])
def test_amplification_is_that_of_kernels(width, sigma):
    kernel = make_kernel(width, sigma, False)
    s = np.linspace(-1, 1, 201)
    panels = np.polynomial.polynomial.polyval(s, kernel.table[::-1, :width])
    size = np.sqrt(np.sum(np.mean(panels**2, axis=-1)))
    found = size * np.sqrt(np.mean(kernel.deconvolution(np.linspace(0, 0.5 / sigma, 400)) ** 2))
    assert found / 1.5 <= amplification(width, sigma) <= 2.1 * found
