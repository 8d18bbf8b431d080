"""The functions that have FINUFFT's names: against direct sums, with its conventions."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import numpy as np
import pytest

import frechet as fr
from frechet import nufft
from frechet.nufft import _arguments
from tests.nufft.direct_sums import Direct, direct3, norm

AXES, TARGETS = "xyz", "stu"
N_MODES = (6, 7, 8)  # all different: an axis in the wrong place is an error of shape
M, K = 40, 25
# A transform reaches its tolerance in the norm of all its values.
EPS = 1e-11
# Type 3 has two kernels, whose errors do not average out over few values: twice the tolerance was seen.
OF_TYPE_3 = 3


def points(d, seed=0, dtype=float):
    rng = np.random.default_rng(seed)
    return [x.astype(dtype) for x in rng.uniform(-4, 4, (d, M))]  # beyond the period, too


def complex_normal(shape, seed=1, dtype=complex):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)


def function(d, kind):
    return getattr(nufft, f"nufft{d}d{kind}")


def close(result, expected, eps):
    return norm(result - expected) <= eps * norm(expected)


def same(a, b):
    """Equal but for rounding: threads add what they spread in an order of their own."""
    return np.shape(a) == np.shape(b) and norm(a - np.asarray(b)) <= 1e-13 * norm(b)


dimensions = pytest.mark.parametrize("d", [1, 2, 3])
# By FINUFFT's convention, any sign that is not negative is positive.
signs = pytest.mark.parametrize("isign", [1, -1, 0, 7])


@dimensions
@signs
@pytest.mark.parametrize("modeord", [0, 1])
def test_type_1_is_the_sum(d, isign, modeord):
    x, c = points(d), complex_normal(M)
    n = N_MODES[:d]
    f = function(d, 1)(*x, c, n, eps=EPS, isign=isign, modeord=modeord)
    direct = Direct(np.stack(x, -1), n, 1 if isign >= 0 else -1, modeord)
    assert f.shape == n
    assert f.dtype == complex
    assert close(f, direct.from_points(c), EPS)


@dimensions
@signs
@pytest.mark.parametrize("modeord", [0, 1])
def test_type_2_is_the_sum(d, isign, modeord):
    x, n = points(d), N_MODES[:d]
    f = complex_normal(n)
    c = function(d, 2)(*x, f, eps=EPS, isign=isign, modeord=modeord)
    direct = Direct(np.stack(x, -1), n, 1 if isign >= 0 else -1, modeord)
    assert c.shape == (M,)
    assert close(c, direct.at_points(f), EPS)


@dimensions
@signs
def test_type_3_is_the_sum(d, isign):
    x, s, c = points(d), [5 * s[:K] for s in points(d, seed=2)], complex_normal(M)
    f = function(d, 3)(*x, c, *s, eps=EPS, isign=isign)
    expected, _ = direct3(np.stack(x, -1), c, np.stack(s, -1), 1 if isign >= 0 else -1)
    assert f.shape == (K,)
    assert close(f, expected, OF_TYPE_3 * EPS)


@dimensions
def test_signs_by_default_are_finuffts(d):
    x, n, c, f = points(d), N_MODES[:d], complex_normal(M), complex_normal(N_MODES[:d])
    s = points(d, seed=2)
    assert same(function(d, 1)(*x, c, n), function(d, 1)(*x, c, n, isign=1))
    assert same(function(d, 2)(*x, f), function(d, 2)(*x, f, isign=-1))
    assert same(function(d, 3)(*x, c, *s), function(d, 3)(*x, c, *s, isign=1))


SIGNATURES = {
    1: "{x}, c, n_modes=None, out=None, eps=1e-06, isign=1, **options",
    2: "{x}, f, out=None, eps=1e-06, isign=-1, **options",
    3: "{x}, c, {s}, out=None, eps=1e-06, isign=1, **options",
}


@dimensions
@pytest.mark.parametrize("kind", [1, 2, 3])
def test_signatures_are_finuffts(d, kind):
    parameters = inspect.signature(function(d, kind)).parameters.values()
    shown = ", ".join(str(p.replace(annotation=p.empty)) for p in parameters)
    assert shown == SIGNATURES[kind].format(x=", ".join(AXES[:d]), s=", ".join(TARGETS[:d]))


@dimensions
@pytest.mark.parametrize("kind", [1, 2, 3])
def test_documentation_names_what_there_is(d, kind):
    doc = inspect.getdoc(function(d, kind))
    for section in ("Parameters", "Returns", "Raises", "Notes", "Examples"):
        assert f"\n{section}\n---" in doc
    for name in inspect.signature(function(d, kind)).parameters:
        assert name in doc
    assert f"nufft{d}d{kind}(" in doc  # the example calls this very function
    assert "{" not in doc
    for line in doc.splitlines():
        assert len(line) <= 110


def test_every_name_is_on_the_page_of_the_api():
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    for name in nufft.__all__:
        assert re.search(rf"^\.\. auto(function|class):: {name}$", page, re.MULTILINE), name


# --- stacked transforms, and where results go --------------------------------------------------------------


@dimensions
@pytest.mark.parametrize("n_trans", [1, 3])
def test_stacked_transforms_are_those_of_each(d, n_trans):
    x, s, n = points(d), points(d, seed=2), N_MODES[:d]
    c, f = complex_normal((n_trans, M)), complex_normal((n_trans, *n))
    for kind, data, rest in ((1, c, (n,)), (2, f, ()), (3, c, s)):
        stacked = function(d, kind)(*x, data, *rest)
        assert same(stacked, [function(d, kind)(*x, one, *rest) for one in data])


@dimensions
def test_out_is_written_and_returned(d):
    x, s, n = points(d), points(d, seed=2), N_MODES[:d]
    c, f = complex_normal((2, M)), complex_normal((2, *n))
    for kind, data, rest in ((1, c, (n,)), (2, f, ()), (3, c, s)):
        expected = function(d, kind)(*x, data, *rest)
        out = np.full_like(expected, np.nan)
        assert function(d, kind)(*x, data, *rest, out=out) is out
        assert same(out, expected)
        strided = np.zeros((2 * len(expected), *expected.shape[1:]), complex)[::2]
        assert function(d, kind)(*x, data, *rest, out=strided) is strided
        assert same(strided, expected)


@dimensions
def test_n_modes_are_those_of_out(d):
    x, n, c = points(d), N_MODES[:d], complex_normal(M)
    out = np.zeros(n, complex)
    assert function(d, 1)(*x, c, out=out) is out
    assert same(out, function(d, 1)(*x, c, n))


def test_out_may_have_an_axis_of_length_one_in_front_or_not():
    (x,), c = points(1), complex_normal(M)
    expected = nufft.nufft1d1(x, c, 5)
    assert same(nufft.nufft1d1(x, c[None], out=np.zeros(5, complex)), expected)
    assert same(nufft.nufft1d1(x, c, out=np.zeros((1, 5), complex)), expected[None])


@dimensions
def test_one_number_of_modes_stands_for_all_axes(d):
    x, c = points(d), complex_normal(M)
    assert same(function(d, 1)(*x, c, 5), function(d, 1)(*x, c, (5,) * d))


# --- dtypes: the precision is that of the data --------------------------------------------------------------


@pytest.mark.parametrize("of_points", ["f4", "f8"])
@pytest.mark.parametrize("of_data", ["c8", "c16", "f4", "f8"])
@pytest.mark.parametrize("kind", [1, 2, 3])
def test_the_precision_is_that_of_the_data(of_points, of_data, kind):
    x, y = points(2, dtype=of_points)
    single = of_data in ("c8", "f4")
    eps = 1e-5 if single else EPS
    shape = (6, 7) if kind == 2 else (M,)
    data = complex_normal(shape, dtype="c16")
    data = data.astype(of_data) if of_data[0] == "c" else data.real.astype(of_data)
    rest = {1: ((6, 7),), 2: (), 3: (x[:K], y[:K])}[kind]
    result = function(2, kind)(x, y, data, *rest, eps=eps)
    assert result.dtype == ("c8" if single else "c16")
    at = np.stack([x, y], -1)
    if kind == 3:
        expected, _ = direct3(at, data, at[:K], 1)
    else:
        direct = Direct(at, (6, 7), 1 if kind == 1 else -1)
        expected = direct.from_points(data) if kind == 1 else direct.at_points(data)
    assert close(result, expected, (OF_TYPE_3 if kind == 3 else 1) * eps)


def test_integers_count_as_double_precision():
    result = nufft.nufft1d1([1, 2], [3, 4], 5)
    assert result.dtype == complex
    assert same(result, nufft.nufft1d1([1.0, 2.0], [3.0, 4.0], 5))


# --- options ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", _arguments.WITHOUT_EFFECT)
def test_options_without_effect_have_none(option):
    (x,), c = points(1), complex_normal(M)
    assert same(nufft.nufft1d1(x, c, 9, **{option: 1}), nufft.nufft1d1(x, c, 9))
    assert option in nufft.Plan.__doc__


def test_options_with_effect_are_documented():
    for option in _arguments.WITH_EFFECT:
        assert f"``{option}" in nufft.Plan.__doc__


@pytest.mark.parametrize(
    "options", [{"upsampfac": 1.25}, {"upsampfac": 2.0}, {"nthreads": 2}, {"fft": "scipy"}]
)
def test_options_that_tune_the_transform_leave_it_what_it_is(options):
    x, c = points(2), complex_normal(M)
    f = nufft.nufft2d1(*x, c, (6, 7), eps=1e-8, **options)
    assert close(f, Direct(np.stack(x, -1), (6, 7), 1).from_points(c), 1e-8)


def test_a_period_of_ones_own():
    (x,), c = points(1), complex_normal(M)
    f = nufft.nufft1d1(x, c, 9, eps=EPS, period=3.0)
    assert close(f, Direct(x, 9, 1, period=3.0).from_points(c), EPS)


def test_showwarn_silences_the_warning():
    (x,), c = points(1), complex_normal(M)
    with pytest.warns(RuntimeWarning, match="nufft1d1: eps = 1.0e-18 is not within reach"):
        nufft.nufft1d1(x, c, 9, eps=1e-18)
    nufft.nufft1d1(x, c, 9, eps=1e-18, showwarn=0)  # warnings are errors here


def test_warnings_point_to_the_caller():
    (x,), c = points(1), complex_normal(M)
    for call in (
        lambda: nufft.nufft1d1(x, c, 9, eps=1e-18),
        lambda: nufft.nufft1(x, c, 9, eps=1e-18),
        lambda: nufft.nufft3(x, c, x, eps=1e-18),
        lambda: nufft.Plan(1, 9, eps=1e-18),
        lambda: fr.grad(lambda x: np.sum(np.abs(nufft.nufft1d1(x, c, 9, eps=1e-18))))(x),
    ):
        with pytest.warns(RuntimeWarning, match="not within reach") as seen:
            call()
        assert {w.filename for w in seen} == {__file__}


# --- spreading and interpolation alone ----------------------------------------------------------------------


@dimensions
@pytest.mark.parametrize("extra", [0, 1])  # an odd grid, too, whose first point is at −π as well
def test_spreading_is_the_first_step_of_type_1(d, extra):
    """What is spread, transformed and divided by the kernel's transform is the transform of type 1."""
    x, c = points(d), complex_normal(M)
    n = tuple(28 + 2 * a + extra for a in range(d))
    grid = function(d, 1)(*x, c, n, eps=1e-9, upsampfac=2.0, spreadinterponly=1)
    assert grid.shape == n
    modes = np.fft.fftshift(np.fft.ifftn(np.fft.ifftshift(grid), norm="forward"))
    kept = (6, 8, 6)[:d]
    frequencies = [np.arange(m) - m // 2 for m in kept]
    for axis, (size, k) in enumerate(zip(n, frequencies, strict=True)):
        modes = np.take(modes, k + size // 2, axis=axis)
        # the grid's first point is at −π, and ifftshift has taken point ⌈size/2⌉ for the origin
        lag = -np.pi + 2 * np.pi * ((size + 1) // 2 if size % 2 == 0 else size // 2) / size
        factor = np.exp(1j * k * lag) / spread_delta(size, k)
        modes = modes * factor.reshape(-1, *(1,) * (d - 1 - axis))
    # a grid of twice the modes; the error of the kernel for 1e-9 at frequencies below half of those
    assert close(modes, Direct(np.stack(x, -1), kept, 1).from_points(c), 1e-8)


def spread_delta(size, k):
    """The transform of the kernel: of a point on the grid's point 0, spread."""
    grid = nufft.nufft1d1([-np.pi], [1.0], size, eps=1e-9, upsampfac=2.0, spreadinterponly=1)
    return (np.exp(1j * np.outer(k, 2 * np.pi * np.arange(size) / size)) @ grid).real


def test_the_first_point_of_the_grid_is_at_minus_pi():
    for size in (30, 31):
        x = -np.pi + 2 * np.pi * np.arange(size) / size
        for j in (0, 7, size - 1):
            grid = nufft.nufft1d1(x[j : j + 1], [1.0], size, spreadinterponly=1)
            assert np.argmax(np.abs(grid)) == j
            # symmetric about it, and as high as the kernel, which is 1 there
            assert abs(grid[j] - 1) < 1e-6
            assert np.isclose(grid[(j + 2) % size], grid[(j - 2) % size])


@dimensions
def test_interpolation_is_the_adjoint_of_spreading(d):
    x, n = points(d), (28, 30, 32)[:d]
    c, g = complex_normal(M), complex_normal(n)
    spread = function(d, 1)(*x, c, n, spreadinterponly=1)
    interpolated = function(d, 2)(*x, g, spreadinterponly=1)
    assert np.isclose(np.vdot(g, spread), np.vdot(interpolated, c), rtol=1e-12)


def test_spreading_has_derivatives():
    """First ones: the kernel has a small step at its ends, which differences of slopes see.

    The value is the same whether or not it is differentiated, though a transform then takes another kernel.
    """
    (x, y), n = points(2), (30, 29)
    x, y, c = x[:5], y[:5], complex_normal(5)
    fr.testing.check_rule(lambda x, y, c: nufft.nufft2d1(x, y, c, n, spreadinterponly=1), x, y, c, orders=1)
    g = complex_normal(n)
    fr.testing.check_rule(lambda x, y, g: nufft.nufft2d2(x, y, g, spreadinterponly=1), x, y, g, orders=1)


def test_gradients_of_spreading_stay_in_single_precision():
    (x,), c = points(1, dtype="f4"), complex_normal(M)
    gradient = fr.grad(lambda x: np.sum(np.abs(nufft.nufft1d1(x, c, 30, spreadinterponly=1)) ** 2))(x)
    assert gradient.dtype == np.float32


# --- derivatives --------------------------------------------------------------------------------------------


@dimensions
@pytest.mark.parametrize("kind", [1, 2])
def test_gradients_are_those_of_the_sums(d, kind):
    """Of |·|² summed with weights, against the derivatives of the sums by hand."""
    x, n = points(d), N_MODES[:d]
    c, f = complex_normal(M), complex_normal(n)
    data, rest = (c, (n,)) if kind == 1 else (f, ())
    weights = np.random.default_rng(3).uniform(size=n if kind == 1 else M)

    def loss(*args):
        return np.sum(weights * np.abs(function(d, kind)(*args, *rest, eps=EPS)) ** 2)

    *by_points, by_data = fr.grad(loss, argnums=tuple(range(d + 1)))(*x, data)
    direct = Direct(np.stack(x, -1), n, 1 if kind == 1 else -1)
    if kind == 1:
        w = 2 * weights * direct.from_points(c)
        adjoint = Direct(np.stack(x, -1), n, -1)
        slopes, expected = c[:, None].conj() * adjoint.gradient(w), adjoint.at_points(w)
    else:
        w = 2 * weights * direct.at_points(f)
        slopes = w[:, None].conj() * direct.gradient(f)
        expected = Direct(np.stack(x, -1), n, 1).from_points(w)
    assert close(by_data, expected, 10 * EPS)
    assert close(np.stack(by_points, -1), slopes.real, 10 * EPS)


@dimensions
def test_derivatives_of_type_3(d):
    x, s = [a[:4] for a in points(d)], [a[:3] for a in points(d, seed=2)]
    c = complex_normal(4)
    fr.testing.check_rule(
        lambda *args: function(d, 3)(*args[:d], args[d], *args[d + 1 :], eps=1e-13), *x, c, *s
    )


def test_out_is_refused_while_a_derivative_is_taken():
    (x,), c = points(1), complex_normal(M)
    out, values = np.zeros(5, complex), np.zeros(M, complex)
    for call in (
        lambda x: nufft.nufft1d1(x, c, out=out),
        lambda c: nufft.nufft1d1(x, c, out=out),
        lambda x: nufft.nufft1d2(x, np.ones(5), out=values),
        lambda s: nufft.nufft1d3(x, c, s, out=values),
    ):
        with pytest.raises(
            fr.InPlaceError, match=r"nufft1d\d cannot write into out= while .* leave out= away"
        ):
            fr.grad(lambda a, call=call: np.sum(np.abs(call(a))))(x)
    assert not np.any(out)
    assert not np.any(values)
