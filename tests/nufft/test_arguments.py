"""What is refused, and what the message says: the call, the argument, what was given."""

from __future__ import annotations

import re

import numpy as np
import pytest

import frechet as fr
from frechet import nufft
from frechet.nufft import _arguments, _fourier

x1, x2 = np.linspace(-1, 1, 4), np.linspace(-2, 2, 8).reshape(4, 2)
c = np.arange(4.0) + 1j
f = np.ones((3, 5))


def plan(kind=1, n=(3, 5), **arguments):
    made = nufft.Plan(kind, n, **arguments)
    if kind == 3:
        made.setpts(*x2.T, s=x1, t=x1)
    else:
        made.setpts(*x2.T)
    return made


BAD = [
    # points
    (
        lambda: nufft.nufft1(np.ones((4, 4)), c, 5),
        ValueError,
        r"nufft1: points must have shape \(M, d\) .*\(4, 4\)",
    ),
    (lambda: nufft.nufft2(1.0, f), ValueError, r"nufft2: points must have shape \(M, d\) .*, got \(\)"),
    (
        lambda: nufft.nufft1(np.ones((2, 2, 2)), c, 5),
        ValueError,
        r"points must have shape \(M, d\).*\(2, 2, 2\)",
    ),
    (
        lambda: nufft.nufft1(c, c, 5),
        TypeError,
        "nufft1: points must be real, of float32 or float64, got complex128",
    ),
    (
        lambda: nufft.nufft1(x1.astype("g"), c, 5),
        TypeError,
        "points must be real, of float32 or float64, got float128",
    ),
    (lambda: nufft.nufft1(["a"], [1], 5), TypeError, "points must be real, of float32 or float64, got <U1"),
    (lambda: nufft.nufft3(x1, c, c), TypeError, "nufft3: targets must be real"),
    (lambda: nufft.nufft3(x1, c, x2), ValueError, "nufft3: points have 1 coordinates, targets 2"),
    (lambda: nufft.nufft1([0.0, np.nan], [1, 1], 5), ValueError, r"nufft1: point 1 is not finite: \[nan\]"),
    (lambda: nufft.rnufft2([np.inf], [1, 1], 3), ValueError, r"rnufft2: point 0 is not finite: \[inf\]"),
    (
        lambda: nufft.nufft3([0.0, np.nan], [1, 1], [1.0]),
        ValueError,
        r"nufft3: point 1 is not finite: \[nan\]",
    ),
    (lambda: nufft.nufft3([0.0], [1], [1, -np.inf]), ValueError, r"nufft3: target 1 is not finite: \[-inf\]"),
    (lambda: nufft.nufft2d1(x1, x1[:3], c, 5), ValueError, "nufft2d1: y must be as long as x, got 3 and 4"),
    (
        lambda: nufft.nufft2d1(x1, x2, c, 5),
        ValueError,
        r"nufft2d1: y must have one axis, got the shape \(4, 2\)",
    ),
    (lambda: nufft.nufft1d2(1.0, f[0]), ValueError, r"nufft1d2: x must have one axis, got the shape \(\)"),
    (
        lambda: nufft.nufft2d3(x1, x1, c, x1, x1[:2]),
        ValueError,
        "nufft2d3: t must be as long as s, got 2 and 4",
    ),
    (
        lambda: nufft.nufft1d1(c, c, 5),
        TypeError,
        "nufft1d1: x must be real, of float32 or float64, got complex128",
    ),
    # values and modes
    (
        lambda: nufft.nufft1(x1, c[:3], 5),
        ValueError,
        r"nufft1: values must have shape \(..., 4\).*got \(3,\)",
    ),
    (lambda: nufft.nufft1(x1, 1.0, 5), ValueError, r"nufft1: values must have shape \(..., 4\).*got \(\)"),
    (
        lambda: nufft.nufft1(x1, c.astype("G"), 5),
        TypeError,
        "nufft1: values must be float32, .* got complex256",
    ),
    (lambda: nufft.nufft1d1(x1, c[:3], 5), ValueError, r"nufft1d1: c must have shape \(..., 4\)"),
    (lambda: nufft.nufft1d3(x1, c[:3], x1), ValueError, r"nufft1d3: c must have shape \(..., 4\)"),
    (
        lambda: nufft.rnufft1(x1, c, 5),
        TypeError,
        "rnufft1: values must be real, got complex128; nufft1 and nufft2",
    ),
    (lambda: nufft.nufft2(x2, f[0]), ValueError, r"nufft2: modes must have as many axes .* 2, got \(5,\)"),
    (
        lambda: nufft.nufft2d2(x1, x1, f[0]),
        ValueError,
        r"nufft2d2: f must have as many axes .* 2, got \(5,\)",
    ),
    (lambda: nufft.nufft2(x2, f[:0]), ValueError, r"nufft2: modes must not be empty, got \(0, 5\)"),
    (
        lambda: nufft.rnufft2(x2, f, (3, 5)),
        ValueError,
        r"modes must have shape \(..., 3, 3\) for n_modes = \(3, 5\)",
    ),
    # n_modes
    (
        lambda: nufft.nufft1(x2, c, 5),
        ValueError,
        "nufft1: n_modes must be as many as the coordinates, 2, got 5",
    ),
    (
        lambda: nufft.nufft1(x1, c, (5, 6)),
        ValueError,
        r"n_modes must be as many as the coordinates, 1, got \(5, 6\)",
    ),
    (lambda: nufft.nufft1(x1, c, 5.0), TypeError, "nufft1: n_modes must be an integer, got 5.0"),
    (lambda: nufft.nufft1(x2, c, (5, "6")), TypeError, "nufft1: n_modes must be an integer, got '6'"),
    (lambda: nufft.nufft1(x1, c, 0), ValueError, "nufft1: n_modes must be positive, got 0"),
    (
        lambda: nufft.nufft2d1(x1, x1, c, (5, -1)),
        ValueError,
        r"nufft2d1: n_modes must be positive, got \(5, -1\)",
    ),
    (lambda: nufft.nufft1d1(x1, c), ValueError, "nufft1d1: give n_modes, or out"),
    (
        lambda: nufft.nufft1(x1, c, 10**13),
        MemoryError,
        "nufft1: the fine grid .* takes .* GiB, and the machine has",
    ),
    (lambda: nufft.nufft1(x2, c, (10**30, 9)), MemoryError, "nufft1: the fine grid of 1000.* GiB"),
    (lambda: plan(n=(10**30, 9)), MemoryError, "Plan.setpts: the fine grid of 1000.* GiB"),
    (
        lambda: nufft.nufft3([0, 1e12], [1, 1], [0, 1e12]),
        MemoryError,
        "nufft3: points and targets span ranges",
    ),
    # dipoles
    (
        lambda: nufft.nufft1(x2, c, (3, 5), dipoles=c),
        ValueError,
        r"dipoles must have shape \(4, 2\).* got \(4,\)",
    ),
    (
        lambda: nufft.nufft1(x1, c, 5, dipoles=1.0),
        ValueError,
        r"dipoles must have shape \(4, 1\), .* got \(\)",
    ),
    (
        lambda: nufft.nufft1(x1, [c, c], 5, dipoles=np.ones((3, 4, 1))),
        ValueError,
        r"nufft1: dipoles must have shape \(2, 4, 1\), a vector for each value.* got \(3, 4, 1\)",
    ),
    (
        lambda: nufft.nufft1(x1, c, 5, dipoles=np.ones((3, 4, 1))),
        ValueError,
        r"nufft1: dipoles must have shape \(4, 1\).* got \(3, 4, 1\)",
    ),
    # options
    (lambda: nufft.nufft1(x1, c, 5, eps=0), ValueError, "nufft1: eps must be positive, got 0.0"),
    (lambda: nufft.nufft1(x1, c, 5, eps=np.nan), ValueError, "nufft1: eps must be positive, got nan"),
    (lambda: nufft.nufft1(x1, c, 5, eps="a"), TypeError, "nufft1: eps must be a number, got 'a'"),
    (lambda: nufft.nufft1(x1, c, 5, isign=1.0), TypeError, "nufft1: isign must be an integer, got 1.0"),
    (lambda: nufft.nufft1(x1, c, 5, modeord=2), ValueError, "nufft1: modeord must be 0 .* or 1 .*, got 2"),
    (
        lambda: nufft.nufft1(x1, c, 5, upsampfac=1.0),
        ValueError,
        "upsampfac must be 0 .* from 1.1 to 4, got 1.0",
    ),
    (
        lambda: nufft.nufft1(x1, c, 5, nthreads=-1),
        ValueError,
        r"nthreads must be 0 \(all cores\) or positive, got -1",
    ),
    (lambda: nufft.nufft1(x1, c, 5, nthreads=1.5), TypeError, "nufft1: nthreads must be an integer, got 1.5"),
    (
        lambda: nufft.nufft1(x1, c, 5, fft="fftw"),
        ValueError,
        "nufft1: fft must be one of 'ducc0', 'scipy', got 'fftw'",
    ),
    (lambda: nufft.nufft1(x1, c, 5, period=0), ValueError, "nufft1: period must be positive, got 0"),
    (lambda: nufft.nufft1(x1, c, 5, period=np.inf), ValueError, "nufft1: period must be positive, got inf"),
    (lambda: nufft.nufft1(x1, c, 5, period="a"), TypeError, "nufft1: period must be a number.*, got 'a'"),
    (
        lambda: nufft.nufft2(x2, f, period=(1, 2, 3)),
        ValueError,
        r"as many as the coordinates, 2, got \(1, 2, 3\)",
    ),
    (
        lambda: nufft.nufft1d1(x1, c, 5, tol=1e-6),
        TypeError,
        "nufft1d1 has no option 'tol'; there are fft, modeord",
    ),
    (lambda: nufft.nufft1d1(x1, c, 5, fftw_lock_fun=1), TypeError, "nufft1d1 has no option 'fftw_lock_fun'"),
    (
        lambda: nufft.nufft1d1(x1, c, 5, spreadinterponly=2),
        ValueError,
        "spreadinterponly must be 0 or 1, got 2",
    ),
    (
        lambda: nufft.nufft1d1(x1, c, 5, spreadinterponly=1),
        ValueError,
        "nufft1d1: with spreadinterponly, the grid must have at least 14 points .* got 5",
    ),
    (
        lambda: nufft.nufft1d3(x1, c, x1, spreadinterponly=1),
        ValueError,
        "nufft1d3: spreadinterponly is for types 1",
    ),
    (lambda: nufft.nufft1d3(x1, c, x1, period=1.0), TypeError, "nufft1d3: period is for types 1 and 2"),
    # out
    (lambda: nufft.nufft1d1(x1, c, 5, out=[0] * 5), TypeError, "nufft1d1: out must be an array, got list"),
    (
        lambda: nufft.nufft1d1(x1, c, 5, out=np.zeros(5)),
        TypeError,
        "nufft1d1: out must be complex128, .* got float64",
    ),
    (lambda: nufft.nufft1d1(x1, c, 5, out=np.zeros(6, complex)), ValueError, r"shape \(5,\), got \(6,\)"),
    (
        lambda: nufft.nufft1d1(x1, c, 5, out=np.zeros((2, 5), complex)),
        ValueError,
        r"shape \(5,\), got \(2, 5\)",
    ),
    (lambda: nufft.nufft1d2(x1, f[0], out=np.zeros(0, complex)), ValueError, r"shape \(4,\), got \(0,\)"),
    (
        lambda: nufft.nufft2d1(x1, x1, c, out=np.zeros(6, complex)),
        ValueError,
        "out must have at least 2 axes",
    ),
    (lambda: nufft.nufft1d1(x1, c, 5, out=read_only(5)), ValueError, "nufft1d1: out is not writeable"),
    (
        lambda: plan().execute(c, np.zeros((3, 4), complex)),
        ValueError,
        r"execute: out must have shape \(3, 5\)",
    ),
    # plans
    (lambda: nufft.Plan(4, 5), ValueError, "Plan: nufft_type must be 1, 2 or 3, got 4"),
    (lambda: nufft.Plan("1", 5), ValueError, "Plan: nufft_type must be 1, 2 or 3, got '1'"),
    (lambda: nufft.Plan(1, (5, 5, 5, 5)), ValueError, "Plan: there must be 1, 2 or 3 entries of n_modes"),
    (lambda: nufft.Plan(1, ()), ValueError, r"Plan: there must be 1, 2 or 3 entries of n_modes, got \(\)"),
    (lambda: nufft.Plan(3, 4), ValueError, "Plan: there must be 1, 2 or 3 dimensions, got 4"),
    (
        lambda: nufft.Plan(3, (5, 5)),
        TypeError,
        r"Plan: for type 3, the number of dimensions must be an integer",
    ),
    (lambda: nufft.Plan(1, (5, 0)), ValueError, r"Plan: n_modes must be positive, got \(5, 0\)"),
    (lambda: nufft.Plan(1, 5, n_trans=0), ValueError, "Plan: n_trans must be positive, got 0"),
    (lambda: nufft.Plan(1, 5, n_trans=1.5), TypeError, "Plan: n_trans must be an integer, got 1.5"),
    (
        lambda: nufft.Plan(1, 5, dtype="float32"),
        ValueError,
        "dtype must be complex64 or complex128, got float32",
    ),
    (lambda: nufft.Plan(1, 5, foo=1), TypeError, "Plan has no option 'foo'"),
    (lambda: nufft.Plan(1, 5, eps=-1), ValueError, "Plan: eps must be positive, got -1.0"),
    (lambda: nufft.Plan(3, 2, period=1.0), TypeError, "Plan: period is for types 1 and 2"),
    (
        lambda: nufft.Plan(1, 5).execute(c),
        RuntimeError,
        "Plan.execute: there are no points yet; call setpts first",
    ),
    (
        lambda: nufft.Plan(3, 1).execute_adjoint(c),
        RuntimeError,
        "Plan.execute_adjoint: there are no points yet",
    ),
    (lambda: nufft.Plan(1, (5, 5)).setpts(x1), ValueError, "type 1 and dimension 2 are x, y; y is missing"),
    (lambda: nufft.Plan(1, (5, 5)).setpts(), ValueError, "type 1 and dimension 2 are x, y; x is missing"),
    (
        lambda: nufft.Plan(1, 5).setpts(x1, x1),
        ValueError,
        "type 1 and dimension 1 are x; y is not one of them",
    ),
    (
        lambda: nufft.Plan(1, 5).setpts(x1, s=x1),
        ValueError,
        "type 1 and dimension 1 are x; s is not one of them",
    ),
    (lambda: nufft.Plan(3, 1).setpts(x1), ValueError, "type 3 and dimension 1 are x, s; s is missing"),
    (lambda: nufft.Plan(3, 2).setpts(x1, x1, s=x1, t=c), TypeError, "Plan.setpts: t must be real"),
    (lambda: nufft.Plan(1, 5).setpts([np.nan]), ValueError, r"Plan.setpts: point 0 is not finite: \[nan\]"),
    (
        lambda: plan().execute(c[:3]),
        ValueError,
        r"values at the points must have shape \(4,\) or \(1, 4\), got \(3,\)",
    ),
    (
        lambda: plan(n_trans=2).execute(c),
        ValueError,
        r"values at the points must have shape \(2, 4\), got \(4,\)",
    ),
    (
        lambda: plan(2).execute(f.T),
        ValueError,
        r"modes must have shape \(3, 5\) or \(1, 3, 5\), got \(5, 3\)",
    ),
    (lambda: plan().execute_adjoint(c), ValueError, r"execute_adjoint: modes must have shape \(3, 5\) or"),
    (
        lambda: plan(3, 2).execute_adjoint(c[:2]),
        ValueError,
        r"values at the targets must have shape \(4,\) or",
    ),
    (
        lambda: plan(dtype="complex64").execute(c),
        TypeError,
        "values at the points must have a dtype that complex64, the plan's, can hold, got complex128",
    ),
    (
        lambda: plan(dtype="complex64").execute(np.arange(4)),
        TypeError,
        "that complex64.* can hold, got int64",
    ),
    (
        lambda: plan().execute(c.astype("G")),
        TypeError,
        "that complex128, the plan's, can hold, got complex256",
    ),
    (lambda: plan().execute(["a"] * 4), TypeError, "that complex128, the plan's, can hold, got <U1"),
    (
        lambda: plan().execute(c, dipoles=x2),
        ValueError,
        r"execute: dipoles needs a kernel .*Plan\(1, ..., gradient=True",
    ),
    (
        lambda: plan(2).execute(f, gradient=True),
        ValueError,
        r"gradient=True needs a kernel .*Plan\(2, ..., gradient=",
    ),
    (
        lambda: plan(gradient=True).execute(c, gradient=True),
        ValueError,
        "Plan.execute: gradient=True is for values at points, and those are the data here",
    ),
    (
        lambda: plan(2, gradient=True).execute(f, dipoles=x2),
        ValueError,
        "Plan.execute: dipoles lie at points, and data are modes here",
    ),
    (
        lambda: plan(3, 2, gradient=True).execute(c, dipoles=x2),
        ValueError,
        "Plan.execute: dipoles is for types 1 and 2; differentiate type 3 by its points instead",
    ),
    (
        lambda: plan(gradient=True, dtype="complex64").execute(c.real.astype("f4"), dipoles=x2),
        TypeError,
        "Plan.execute: dipoles must have a dtype that complex64, the plan's, can hold, got complex128",
    ),
    (
        lambda: plan(gradient=True).execute(c, dipoles=np.ones((3, 4, 2))),
        ValueError,
        r"Plan.execute: dipoles must have shape \(4, 2\)",
    ),
]


def read_only(n):
    out = np.zeros(n, complex)
    out.flags.writeable = False
    return out


@pytest.mark.parametrize("case", range(len(BAD)))
def test_bad_input_is_refused(case):
    call, error, message = BAD[case]
    with pytest.raises(error) as caught:
        call()
    assert type(caught.value) is error
    assert re.search(message, str(caught.value)), str(caught.value)


def test_ducc0_that_is_not_installed(monkeypatch):
    monkeypatch.setattr(_fourier, "default_library", lambda: "scipy")
    with pytest.raises(ImportError, match="nufft1: fft='ducc0' needs the package ducc0: pip install"):
        nufft.nufft1(x1, c, 5, fft="ducc0")


def test_the_memory_that_there_is_decides(monkeypatch):
    monkeypatch.setattr(_arguments, "memory_of_machine", lambda: 1 << 20)
    with pytest.raises(MemoryError, match=r"nufft1: the fine grid of .* for 256 × 256 modes takes \d+ GiB"):
        nufft.nufft1(x2, c, (256, 256))
    nufft.nufft1(x2, c, (64, 64))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: nufft.nufft1(x1, c, 5, eps=1e-18),
            "eps = 1.0e-18 is not within reach of double precision; the error",
        ),
        (lambda: nufft.nufft1(x1, c.astype("F"), 5, eps=1e-9), "within reach of single precision; the error"),
        (
            lambda: nufft.nufft1(x1, c, 10**6, eps=1e-15),
            "with 1000000 modes along an axis; the error will be about 6e-11",
        ),
        (
            lambda: nufft.nufft2(x1, c, eps=1e-13, upsampfac=1.25),
            "double precision with upsampfac = 1.25; .* about 2e-10",
        ),
        (lambda: nufft.nufft2(x1, c, eps=1e-9, upsampfac=1.25), None),
        (lambda: nufft.nufft3(x1, c, x1, eps=1e-18), "nufft3: eps = 1.0e-18 is not within reach"),
        (lambda: nufft.Plan(2, 5, eps=1e-18), "Plan: eps = 1.0e-18 is not within reach"),
    ],
)
def test_a_tolerance_out_of_reach_is_a_warning(call, message):
    if message is None:
        call()  # warnings are errors here
        return
    with pytest.warns(RuntimeWarning, match=message) as seen:
        call()
    assert len(seen) == 1


def test_a_plan_warns_when_it_is_made_and_not_again():
    with pytest.warns(RuntimeWarning, match="not within reach"):
        made = nufft.Plan(1, 5, eps=1e-18)
    made.setpts(x1)
    made.execute(c)


def test_a_traced_period_is_refused():
    for call in (
        lambda p: nufft.nufft1(x1, c, 5, period=p),
        lambda p: nufft.rnufft2(x1, f[0][:3], 5, period=p),
    ):
        with pytest.raises(
            fr.NotDifferentiableError, match=r"nufft\d has no derivative with respect to period; scale"
        ):
            fr.grad(lambda p, call=call: np.sum(np.abs(call(p))))(2.0)
    with pytest.raises(
        fr.NotDifferentiableError, match=r"Plan\.setpts has no derivative with respect to period"
    ):
        fr.grad(lambda p: nufft.Plan(1, 5, period=p).setpts(x1))(2.0)


def test_a_traced_tolerance_is_refused():
    with pytest.raises(fr.CoercionError):
        fr.grad(lambda eps: np.abs(nufft.nufft1(x1, c, 5, eps=eps)[0]))(1e-6)


# --- precision ----------------------------------------------------------------------------------------------


def test_dipoles_in_a_higher_precision_than_the_values_are_not_rounded():
    values, dipoles = c.astype("F"), np.ones((4, 1)) / 3
    mixed = nufft.nufft1(x1, values, 5, dipoles=dipoles, eps=1e-12)
    assert mixed.dtype == complex
    assert np.allclose(mixed, nufft.nufft1(x1, values.astype("D"), 5, dipoles=dipoles, eps=1e-12), rtol=1e-13)
    other = nufft.nufft1(x1, c, 5, dipoles=dipoles.astype("f"), eps=1e-12)
    assert np.allclose(
        other, nufft.nufft1(x1, c, 5, dipoles=dipoles.astype("f").astype("d"), eps=1e-12), rtol=1e-13
    )


@pytest.mark.parametrize("of_points", ["f2", "f4", "f8", "i4"])
@pytest.mark.parametrize(
    ("of_data", "of_result"), [("f4", "c8"), ("c8", "c8"), ("f8", "c16"), ("c16", "c16"), ("i8", "c16")]
)
def test_the_precision_is_that_of_the_data(of_points, of_data, of_result):
    x, data = x1.astype(of_points), np.arange(4).astype(of_data)
    assert nufft.nufft1(x, data, 5).dtype == of_result
    assert nufft.nufft2(x, data).dtype == of_result
    assert nufft.nufft3(x, data, x).dtype == of_result
    if of_data[0] != "c":
        assert nufft.rnufft1(x, data, 5).dtype == of_result
    assert nufft.rnufft2(x, data, 6).dtype == {"c8": "f4", "c16": "f8"}[of_result]


@pytest.mark.parametrize("of_points", ["f4", "f8"])
@pytest.mark.parametrize("of_data", ["f4", "f8", "c8", "c16"])
def test_gradients_have_the_dtypes_of_their_arguments(of_points, of_data):
    x, data = x1.astype(of_points), np.arange(4).astype(of_data)
    for function in (lambda x, a: nufft.nufft1(x, a, 5), nufft.nufft2, lambda x, a: nufft.nufft3(x, a, x)):
        by_points, by_data = fr.grad(
            lambda *args, function=function: np.sum(np.abs(function(*args)) ** 2), argnums=(0, 1)
        )(x, data)
        assert by_points.dtype == of_points
        assert by_data.dtype == of_data


# --- empty --------------------------------------------------------------------------------------------------


def test_no_points_give_modes_that_are_zero():
    none = np.zeros(0)
    assert np.array_equal(nufft.nufft1(none, none, 5), np.zeros(5))
    assert np.array_equal(nufft.nufft1(np.zeros((0, 2)), np.zeros((3, 0)), (5, 4)), np.zeros((3, 5, 4)))
    assert np.array_equal(nufft.rnufft1(none, none, 5), np.zeros(3))
    assert nufft.nufft2(none, c).shape == (0,)
    assert nufft.nufft2(np.zeros((0, 1)), c, gradient=True)[1].shape == (0, 1)
    assert np.array_equal(nufft.nufft3(none, none, x1), np.zeros(4))
    assert nufft.nufft3(x1, c, none).shape == (0,)
    assert np.array_equal(nufft.nufft1d1(none, none, 20, spreadinterponly=1), np.zeros(20))


def test_no_transforms_at_all():
    assert nufft.nufft1(x1, np.zeros((0, 4)), 5).shape == (0, 5)
    assert nufft.nufft2(x1, np.zeros((0, 5))).shape == (0, 4)
    assert nufft.nufft3(x1, np.zeros((0, 4)), x1[:3]).shape == (0, 3)
