"""fr.signal: derivatives of filters and convolutions against differences, values against SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal

import frechet as fr
from frechet.testing import check_rule

rng = np.random.default_rng(0)
x9, x12, b3, a3 = rng.normal(size=9), rng.normal(size=12), rng.normal(size=3), np.array([1.3, -0.4, 0.2])
x45, k23 = rng.normal(size=(4, 5)), rng.normal(size=(2, 3))
z9 = x9 + 1j * rng.normal(size=9)
sos = scipy.signal.butter(4, 0.3, output="sos")
s = fr.signal

CASES = [
    *[
        (f, args, {"mode": mode})
        for f in (s.convolve, s.correlate, s.fftconvolve, s.oaconvolve)
        for mode in ("full", "same", "valid")
        for args in [(x9, b3), (b3, x9), (x45, k23), (z9, b3), (z9, z9[:4])]
    ],
    (s.convolve, (x9, b3), {"method": "direct"}),
    (s.convolve, (x9, b3), {"method": "fft"}),
    (s.fftconvolve, (x45, k23[:1]), {"axes": 1}),
    (s.fftconvolve, (x45, k23[:, :1]), {"axes": [0], "mode": "same"}),
    (s.fftconvolve, (x45[:1], x45[:, :3]), {"axes": 1, "mode": "same"}),  # the middle of the broadcast axis
    (s.fftconvolve, (x45[:1], x45[:, :1]), {"mode": "valid"}),
    (s.oaconvolve, (x45[:, :3], x45), {"axes": (0, 1), "mode": "valid"}),
    (s.convolve, (x45[:, :3], x45), {"mode": "valid"}),
    *[
        (f, (x45, k23), {"mode": mode, "boundary": boundary, "fillvalue": 2.0})
        for f in (s.convolve2d, s.correlate2d)
        for mode in ("full", "same", "valid")
        for boundary in ("fill", "wrap", "symm")
    ],
    (s.convolve2d, (k23, x45), {"mode": "valid"}),
    (s.lfilter, (b3, a3, x9), {}),
    (s.lfilter, (b3, np.array([1.0]), x9), {}),
    (s.lfilter, (np.array([0.7]), a3, x9), {}),
    (s.lfilter, (x12[:5], a3, x45), {"axis": 0}),
    (s.lfilter, (b3, a3, x45, 0), {}),
    (s.lfilter, (b3, a3, x9, -1, np.array([0.3, -0.2])), {}),
    (s.lfilter, (b3, a3, x9[:1], -1, np.array([0.3, -0.2])), {}),
    (s.lfilter, (b3, np.array([2.0]), x9, -1, np.array([0.3, -0.2])), {}),
    (s.lfilter, (b3[:1], a3, x45, 0, rng.normal(size=(2, 5))), {}),
    (s.lfilter, (b3, a3 + 0.2j, z9), {}),
    (s.lfilter_zi, (b3, a3), {}),
    (s.lfilter_zi, (b3[:2], a3), {}),
    (s.filtfilt, (b3, a3, x12), {}),
    (s.filtfilt, (b3, a3, x45), {"padlen": 2, "padtype": "even"}),
    (s.filtfilt, (b3, a3, x45), {"padlen": 2, "padtype": "constant", "axis": 0}),
    (s.filtfilt, (b3, a3, x9), {"padtype": None}),
    (s.deconvolve, (x9, np.array([2.0, 0.3, -0.1])), {}),
    (s.hilbert, (x9,), {}),
    (s.hilbert, (x45,), {"axis": 0}),
    (s.hilbert, (x9,), {"N": 12}),
    (s.detrend, (x9,), {}),
    (s.detrend, (x45,), {"axis": 0, "type": "constant"}),
    (s.detrend, (x12,), {"bp": [4, 7]}),
    *[
        (s.savgol_filter, (x12, 5, 2), {"mode": mode, "cval": 1.5})
        for mode in ("interp", "mirror", "nearest", "constant", "wrap")
    ],
    (s.savgol_filter, (x12, 4, 2), {"mode": "nearest"}),
    (s.savgol_filter, (x45, 3, 2), {"axis": 0, "deriv": 1, "delta": 0.5}),
]


SECTIONS = [
    (lambda m, sos, x: m.sosfilt(sos, x), x9),
    (lambda m, sos, x: m.sosfilt(sos, x, 0), x45),
    (lambda m, sos, x: m.sosfilt(sos, x[4:], zi=x[:4].reshape(2, 2)), x9),
    (lambda m, sos, x: m.sosfilt_zi(sos) * x[:2], x9),
    (lambda m, sos, x: m.sosfiltfilt(sos, x), rng.normal(size=20)),
]


@pytest.mark.parametrize(("f", "x"), SECTIONS)
def test_sections(f, x):
    """By the numerators and denominators of sections: SciPy wants ones in the fourth column."""

    def g(b, a, x, module=s):
        return f(module, fr.array([[*u, 1.0, *v] for u, v in zip(b, a, strict=True)]), x)

    args = sos[:, :3], sos[:, 4:], x
    check_rule(g, *args)
    want = g(*args, module=scipy.signal)
    got = fr.vjp(g, *args)[0]
    for y, z in zip(got, want, strict=True) if isinstance(want, tuple) else [(got, want)]:
        np.testing.assert_allclose(y, z, rtol=1e-10)


@pytest.mark.parametrize(("f", "args", "kwargs"), CASES)
def test_derivatives(f, args, kwargs):
    check_rule(f, *args, **kwargs)


def traced(f, args, kwargs):
    """The value as it is computed where all is traced."""
    seen = []

    def run(args):
        seen.append(fr.stop_gradient(f(*args, **kwargs)))
        return 0.0

    fr.grad(run)(list(args))
    return seen[0]


@pytest.mark.parametrize(("f", "args", "kwargs"), CASES)
def test_values_are_scipys(f, args, kwargs):
    args = [float(a) if isinstance(a, float) else a for a in args]
    arrays = [k for k, a in enumerate(args) if isinstance(a, np.ndarray)]

    def of_arrays(*some, **kwargs):
        full = list(args)
        for k, a in zip(arrays, some, strict=True):
            full[k] = a
        return f(*full, **kwargs)

    got = traced(of_arrays, [args[k] for k in arrays], kwargs)
    want = getattr(scipy.signal, f.__name__)(*args, **kwargs)
    plain = f(*args, **kwargs)
    for y, z, p in zip(got, want, plain, strict=True) if isinstance(want, tuple) else [(got, want, plain)]:
        np.testing.assert_allclose(y, z, rtol=1e-9, atol=1e-11)
        np.testing.assert_array_equal(p, z)
        assert np.shape(y) == np.shape(z)
        assert np.asarray(y).dtype == z.dtype


@pytest.mark.parametrize("f", [s.convolve2d, s.correlate2d])
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_fillvalue(f, mode):
    check_rule(lambda fill: f(x45, k23, mode, fillvalue=fill), 0.0)
    check_rule(lambda x, fill: f(x, k23, mode, fillvalue=fill), x45, 0.0)


def test_nothing_to_filter():
    for lead in ((), (2,)):
        y, zf = fr.vjp(
            lambda b, x, z: s.lfilter(b, a3, x, zi=z), b3, np.zeros((*lead, 0)), np.ones((*lead, 2))
        )[0]
        assert y.shape == (*lead, 0)
        np.testing.assert_array_equal(zf, np.ones((*lead, 2)))


def test_zeros_in_front_of_the_denominator():
    a = np.array([0.0, 1.3, -0.4])
    check_rule(lambda b: s.lfilter_zi(b, a), b3)
    np.testing.assert_allclose(fr.vjp(lambda b: s.lfilter_zi(b, a), b3)[0], scipy.signal.lfilter_zi(b3, a))


@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
@pytest.mark.parametrize(
    ("f", "args"),
    [
        (lambda m, b, a, x: m.lfilter(b, a, x), (b3, a3, x9)),
        (lambda m, b, a, x: m.lfilter(b, a, x, zi=b[:2])[1], (b3, a3, x9)),
        (lambda m, b, a: m.lfilter_zi(b, a), (b3, a3)),
        (lambda m, b, a, x: m.filtfilt(b, a, x), (b3, a3, x12)),
        (lambda m, x: m.detrend(x), (x9,)),
        (lambda m, x: m.hilbert(x.real), (x9,)),
        (lambda m, x: m.savgol_filter(x.real, 5, 2), (x9,)),
        (lambda m, x: m.savgol_filter(x.real, 5, 2, mode="wrap"), (x9,)),
        (lambda m, a, b: m.fftconvolve(a, b), (x9, b3)),
    ],
)
def test_single_precision(f, args, dtype):
    args = [a.astype(dtype) for a in args]
    got = fr.vjp(lambda *args: f(s, *args), *args)[0]
    want = f(scipy.signal, *args)
    assert got.dtype == want.dtype
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)


def test_later_entries_do_not_show_in_earlier_ones():
    """Not by rounding errors either, which a convolution by a transform would spread."""
    rng = np.random.default_rng(1)
    x, b = rng.normal(size=4000), rng.normal(size=600)
    x[-1000:] *= 1e20
    for signal in (x, np.append(x, np.nan)):
        y = fr.vjp(lambda x: s.lfilter(b, a3, x), signal)[0]
        np.testing.assert_allclose(y[:3000], scipy.signal.lfilter(b, a3, signal)[:3000], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda x: s.convolve(x, np.ones((2, 2))), "same dimensionality"),
        (lambda x: s.convolve(x, b3, mode="some"), "mode"),
        (lambda x: s.convolve(np.outer(x, x), np.ones((2, 30)), "valid"), "valid"),
        (lambda x: s.lfilter(np.outer(x, x), a3, x), "one axis"),
        (lambda x: s.lfilter(b3, a3, x, zi=np.ones(5)), "zi"),
        (lambda x: s.filtfilt(b3, a3, x[:3]), "padlen"),
        (lambda x: s.filtfilt(b3, a3, x, padtype="strange"), "padtype"),
        (lambda x: s.filtfilt(b3, a3, x, method="gust"), "use method='pad'"),
        (lambda x: s.sosfilt(x, x), "n_sections"),
        (lambda x: s.sosfilt(x[None, :6], x), "ones"),
        (lambda x: s.lfilter(b3, [0.0, 1.0], x), r"a\[0\]"),
        (lambda x: s.filtfilt(b3, [0.0, 1.0], x), r"a\[0\]"),
        (lambda x: s.lfilter_zi(x[:3], np.zeros(2)), "nonzero"),
        (lambda x: s.lfilter_zi(b3, 0 * x), "zeros in front"),
        (lambda x: s.deconvolve(x, np.zeros(0)), "non-empty"),
        (lambda x: s.fftconvolve(x, b3, axes=1), "dimensionality"),
        (lambda x: s.fftconvolve(x, b3, axes=(0, -1)), "unique"),
        (lambda x: s.fftconvolve(x, b3, axes=[]), "empty"),
        (lambda x: s.oaconvolve(np.outer(x, x), k23, axes=1), "incompatible"),
        (lambda x: s.detrend(x, bp=[-1]), "Breakpoints"),
        (lambda x: s.detrend(x, overwrite_data=True), "in place"),
        (lambda x: s.savgol_filter(x * 1j, 5, 2), "real signals"),
        (lambda x: s.hilbert(x * 1j), "real"),
        (lambda x: s.detrend(x, type="quadratic"), "linear"),
        (lambda x: s.savgol_filter(x, 4, 2), "odd"),
        (lambda x: s.savgol_filter(x9, 5, 2, delta=x[0]), "signal only"),
        (lambda x: s.savgol_filter(x, 5, 2, mode="strange"), "mode"),
        (lambda x: s.convolve2d(x, x), "2-D"),
        (lambda x: s.convolve2d(np.outer(x, x), k23, boundary="strange"), "boundary"),
    ],
)
def test_bad_input(f, words):
    with pytest.raises((ValueError, TypeError), match=words):
        fr.jacobian(f)(x12)
