"""SciPy's functions while the patch is on: by rules, by SciPy's own Python code, or refused."""

# ruff: noqa: PLW0108 - tables of small programs read best in one form

from __future__ import annotations

import copy
import inspect
import pickle

import numpy as np
import pytest
import scipy.integrate
import scipy.interpolate
import scipy.linalg
import scipy.signal
import scipy.special

import frechet as fr
from frechet.patching import _scipy
from frechet.testing import numerical_pushforward

rng = np.random.default_rng(0)
x12 = rng.normal(size=12)
t = np.cumsum(np.abs(x12) + 0.5)
sg, sp, ig, ip, la = scipy.signal, scipy.special, scipy.integrate, scipy.interpolate, scipy.linalg
K3 = t[:9].reshape(3, 3)


def positive(x):
    return x**2 + 0.5


def system(x):
    return x[:4].reshape(2, 2), x[4:6].reshape(2, 1), x[6:8].reshape(1, 2), x[8:9].reshape(1, 1)


def growth(x, **options):
    def rate(t, y):
        return np.array([x[0] * y[0] - y[0] * y[1], -y[1] + x[1] * y[0] * y[1]])

    return ig.solve_ivp(rate, (0, 1), [1.0, 0.5], rtol=1e-8, atol=1e-8, **options).y


RULES = {
    "expm": lambda x: la.expm(K3 * x[0]),
    "solve": lambda x: la.solve(K3 + np.diag(x[:3]), x[3:6]),
    "cholesky": lambda x: la.cholesky(K3 @ K3.T + np.diag(positive(x[:3])), lower=True),
    "inv": lambda x: la.inv([[x[0], 2.0], [1.0, x[1]]]),
    "block_diag": lambda x: la.block_diag([[x[0]]], K3, [[1.0, x[1]]]),
    "convolve": lambda x: sg.convolve(x, x[:3], "same"),
    "lfilter": lambda x: sg.lfilter([x[0], 1.0], [1.0, 0.3 * x[1]], x),
    "lfilter in steps": lambda x: sg.lfilter(x[:2], [1.0, 0.5], x, zi=sg.lfilter_zi(x[:2], [1, 0.5]))[1],
    "filtfilt": lambda x: sg.filtfilt([0.5, 0.2], [1.0, -0.3], x, padlen=3),
    "savgol_filter": lambda x: sg.savgol_filter(x, 5, 2),
    "detrend": lambda x: sg.detrend(x),
    "hilbert": lambda x: np.abs(sg.hilbert(x) + 3),
    "logsumexp": lambda x: sp.logsumexp(x, b=positive(x)),
    "softmax": lambda x: sp.softmax([x[0], 1.0, x[1]]),
    "multigammaln": lambda x: sp.multigammaln(positive(x) + 1, 2),
    "simpson": lambda x: ig.simpson(x, x=t),
    "trapezoid": lambda x: ig.trapezoid(np.sin(x), t * x[0]),
    "cumulative_simpson": lambda x: ig.cumulative_simpson(x, x=t, initial=0),
    "CubicSpline": lambda x: ip.CubicSpline(t, x)(t[3:5] + 0.1),
    "CubicSpline of lists": lambda x: ip.CubicSpline(x=[0.0, 1.0, 2.0, 3.0], y=[x[0], 1.0, x[1], 2.0])(1.4),
    "its points": lambda x: ip.CubicSpline(t, t**2)(positive(x)),
    "its integral": lambda x: ip.CubicSpline(t, x).integrate(t[1], t[4]),
    "PchipInterpolator": lambda x: ip.PchipInterpolator(t, t**2)(positive(x), 1),
    "make_interp_spline": lambda x: ip.make_interp_spline(t, x, 5)(t[3] + 0.1),
    "of plain values": lambda x: ip.make_interp_spline(t, t**2)(x[0] ** 2 + 2),
}  # fmt: skip
RUN = {
    "polygamma": lambda x: sp.polygamma(1, positive(x)),
    "zeta": lambda x: sp.zeta(2.0, positive(x)),
    "lambertw": lambda x: np.real(sp.lambertw(positive(x))),
    "jvp": lambda x: sp.jvp(1, x, 2),
    "ivp": lambda x: sp.ivp(1, x),
    "kvp": lambda x: sp.kvp(1, positive(x)),
    "yvp": lambda x: sp.yvp(1, positive(x)),
    "h1vp": lambda x: np.real(sp.h1vp(1, positive(x))),
    "h2vp": lambda x: np.imag(sp.h2vp(1, positive(x))),
    "sinc": lambda x: sp.sinc(x),
    "softplus": lambda x: sp.softplus(x),
    "resample": lambda x: sg.resample(x, 17),
    "resample, window": lambda x: sg.resample(x, 8, window="hamming"),
    "decimate": lambda x: sg.decimate(x, 2, n=2),
    "envelope": lambda x: sg.envelope(x),
    "hilbert2": lambda x: np.abs(sg.hilbert2(x.reshape(3, 4)) + 3),
    "czt": lambda x: np.real(sg.czt(x)),
    "zoom_fft": lambda x: np.real(sg.zoom_fft(x, [0.1, 0.3])),
    "stft": lambda x: np.abs(sg.stft(x, nperseg=6)[2] + 1),
    "spectrogram": lambda x: sg.spectrogram(x, nperseg=6)[2],
    "freqz": lambda x: np.abs(sg.freqz(x[:3], positive(x[3:6]) + np.array([3, 0, 0]), worN=5)[1]),
    "freqz_zpk": lambda x: np.real(sg.freqz_zpk(x[:2] / 4, x[2:4] / 4, 2.0, worN=5)[1]),
    "freqz_sos": lambda x: np.real(sg.freqz_sos(np.array([[*x[:3], 1.0, *x[3:5] / 9]]), worN=5)[1]),
    "freqs": lambda x: np.real(sg.freqs(x[:3], x[3:6], worN=np.arange(1.0, 5.0))[1]),
    "group_delay": lambda x: sg.group_delay((x[:3], [3.0, x[0], 0.2]), w=5)[1],
    "firwin": lambda x: sg.firwin(5, positive(x[0]) / 3),
    "gausspulse": lambda x: sg.gausspulse(x / 9),
    "minimum_phase": lambda x: sg.minimum_phase(x),
    "vectorstrength": lambda x: sg.vectorstrength(x, 2.0)[0],
    "wiener": lambda x: sg.wiener(x, 3),
    "normalize": lambda x: np.concatenate(sg.normalize(x[:2], x[2:5])),
    "tf2ss": lambda x: sg.tf2ss(x[:2], x[2:5])[0],
    "zpk2tf": lambda x: sg.zpk2tf(x[:2], x[2:4], x[4])[0],
    "cont2discrete": lambda x: sg.cont2discrete(system(x), 0.1)[0],
    "place_poles": lambda x: sg.place_poles(x[:4].reshape(2, 2), np.eye(2), [-1.0, -2.0]).gain_matrix,
    "fixed_quad": lambda x: ig.fixed_quad(lambda s: np.sin(s * x[0]), 0, x[1])[0],
    "cubature": lambda x: ig.cubature(lambda s: np.sin(s[:, 0] * x[0]), [0.0], [1.0]).estimate,
    "solve_ivp": lambda x: growth(x)[:, -1],
    "solve_ivp, RK23": lambda x: growth(x, method="RK23", t_eval=[0.0, 0.3, 1.0]),
    "solve_ivp, BDF": lambda x: growth(x, method="BDF")[:, -1],
    "solve_ivp, DOP853": lambda x: growth(x, method="DOP853")[:, -1],
    "interp1d": lambda x: ip.interp1d(t, x)(t[3] + 0.1),
    "interp1d, cubic": lambda x: ip.interp1d(t, x, kind="cubic")(t[3] + 0.1),
    "interp1d, points": lambda x: ip.interp1d(np.arange(12.0), t)(positive(x)),
    "BarycentricInterpolator": lambda x: ip.BarycentricInterpolator(t[:5], x[:5])(t[3] + 0.1),
    "lagrange": lambda x: ip.lagrange(t[:3], x[:3])(1.0),
}  # fmt: skip
# Differences over shorter steps: adaptive methods change theirs with the parameters, wiener chooses by entry.
TOLERANCE = {
    "wiener": 1e-5,
    "solve_ivp": 1e-5,
    "solve_ivp, RK23": 1e-5,
    "solve_ivp, BDF": 1e-4,
    "solve_ivp, DOP853": 1e-5,
}


@pytest.mark.parametrize("name", [*RULES, *RUN])
def test_derivatives(name):
    f = {**RULES, **RUN}[name]
    v = np.cos(np.arange(12.0))
    step = 1e-3 if name in TOLERANCE else 0.02
    want = numerical_pushforward(lambda h: [f(x12 + h * v)], step=step, levels=4)[0][0]
    plain = f(x12)
    with fr.patch():
        value, tangent = fr.jvp(f, (x12,), (v,))
        value_again, pullback = fr.vjp(f, x12)
        w = np.sin(np.arange(np.size(value)) + 1.0).reshape(np.shape(value))
        (g,) = pullback(w if np.ndim(value) else w[()])
        again = f(x12)
    np.testing.assert_allclose(again, plain, rtol=1e-12, atol=1e-14)  # some of SciPy choose orders at random
    np.testing.assert_allclose(value, plain, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(value, value_again, rtol=1e-12, atol=1e-14)
    tolerance = TOLERANCE.get(name, 1e-6) * max(1.0, np.max(np.abs(want)))
    np.testing.assert_allclose(tangent, want, rtol=0, atol=tolerance)
    np.testing.assert_allclose(np.sum(g * v), np.sum(w * tangent), rtol=1e-9, atol=1e-10)


def test_all_that_is_said_to_run_is_tested():
    tested = {name.partition(",")[0] for name in RUN}
    assert tested == {name for names in _scipy.RUN.values() for name in names}


def test_tables_name_functions_of_scipy():
    """No name stands in two tables, and each is SciPy's."""
    for domain in _scipy.DOMAINS:
        module = getattr(scipy, domain)
        ours = getattr(fr, domain)
        run, refused = set(_scipy.RUN.get(domain, ())), set(_scipy.REFUSED[domain])
        assert not run & refused
        for name in run | refused:
            assert hasattr(module, name)
            assert not hasattr(ours, name), name


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda x: sg.medfilt(x), ["scipy.signal.medfilt", "fr.rule", "stop_gradient"]),
        (lambda x: sg.welch(x), ["scipy.signal.welch"]),
        (lambda x: sp.factorial([x[0], 1.0]), ["scipy.special.factorial"]),
        (lambda x: ig.quad(np.sin, 0, x[0]), ["scipy.integrate.quad"]),
        (lambda x: ig.quad(lambda s: s * x[0], 0, 1), ["float(x)", "scipy.integrate"]),
        (lambda x: growth(x, method="LSODA"), ["scipy.integrate"]),
        (lambda x: ip.splrep(t, x), ["scipy.interpolate.splrep"]),
        (lambda x: ip.PchipInterpolator(t, x), ["scipy.interpolate.PchipInterpolator"]),
        (lambda x: ip.RegularGridInterpolator((t,), x), ["RegularGridInterpolator"]),
        (lambda x: ip.PPoly(x.reshape(2, 6), t[:7]), ["PPoly"]),
        (lambda x: ip.CubicSpline(x, t), ["points that it interpolates at"]),
        (lambda x: la.qz(K3, K3 * x[0]), ["fr.linalg.qz"]),
    ],
)
def test_refused(f, words):
    with fr.patch(), pytest.raises((fr.NotDifferentiableError, fr.CoercionError)) as error:
        fr.jacobian(f)(x12)
    for word in words:
        assert word in str(error.value)


def test_classes_stay_classes():
    signature = inspect.signature(ip.CubicSpline)
    with fr.patch():
        assert isinstance(ip.CubicSpline, type)
        assert inspect.signature(ip.CubicSpline) == signature
        spline = ip.CubicSpline(t, x12)
        assert type(spline) is ip.CubicSpline
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(spline))(2.0), spline(2.0))
        np.testing.assert_array_equal(copy.deepcopy(spline)(2.0), spline(2.0))

        class Own(ip.CubicSpline):
            pass

        def f(x):
            own = Own(t, x)
            assert isinstance(own, Own)
            return own(2.0)

        assert Own(t, x12)(2.0) == spline(2.0)
        assert fr.jvp(f, (x12,), (x12,))[1] == pytest.approx(float(spline(2.0)))
    assert ip.CubicSpline(t, x12)(2.0) == spline(2.0)
    assert not hasattr(ip.PPoly.__call__, "__wrapped__")
    assert not hasattr(ip.PPoly.__init__, "__wrapped__")


def test_designs_are_what_they_were():
    """SciPy compares functions in tables of its own with those of its modules."""
    want = sg.cheby1(2, 0.5, 0.3), sg.iirfilter(3, 0.2, btype="low", ftype="butter")
    with fr.patch():
        got = sg.cheby1(2, 0.5, 0.3), sg.iirfilter(3, 0.2, btype="low", ftype="butter")
    for a, b in zip(want, got, strict=True):
        np.testing.assert_array_equal(a, b)
