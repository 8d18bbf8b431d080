"""Bad input of frechet.nufft: each error with its message; and input that is unusual but fine."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import frechet as fr
from frechet import nufft
from frechet.nufft import _arguments, _fourier

X1, X2 = np.linspace(-1, 1, 5), np.linspace(-1, 1, 10).reshape(5, 2)
C, F1, F2 = np.ones(5, complex), np.ones(6, complex), np.ones((3, 4), complex)
HALF = np.ones((3, 3), complex)
TEXT = np.array(["a"] * 5)


@pytest.mark.parametrize("wrong", ["a", [1, 2, 3], 1j])
@pytest.mark.parametrize("option", ["eps", "upsampfac", "nthreads", "period", "modeord", "fft"])
def test_options_of_a_wrong_kind(option, wrong):
    with pytest.raises((TypeError, ValueError)):
        nufft.nufft1(X1, C, 3, **{option: wrong})


def test_ducc0_that_is_not_installed(monkeypatch):
    monkeypatch.setattr(_fourier, "default_library", lambda: "scipy")
    with pytest.raises(
        ImportError, match=r"fft='ducc0' needs the package ducc0: pip install 'frechet\[fast\]'"
    ):
        nufft.nufft1(X1, C, 3, fft="ducc0")


def test_memory_is_looked_at_before_the_work(monkeypatch):
    monkeypatch.setattr(_arguments, "memory_of_machine", lambda: 9000)
    with pytest.raises(
        MemoryError, match=r"the fine grid of \d+ points for 500 modes takes 0 GiB, and the machine has 0.0"
    ):
        nufft.nufft2(X1, np.ones(500))


@pytest.mark.parametrize(
    ("single", "n", "options"),
    [
        (False, 10, {"eps": 1e-17}),
        (False, 1000, {"eps": 1e-15}),
        (True, 10, {"eps": 1e-8}),
        (False, 100, {"eps": 1e-12, "upsampfac": 1.25}),
    ],
)
def test_tolerances_out_of_reach(single, n, options):
    """A warning that names the error to be expected; the result is that good."""
    x = np.random.default_rng(0).uniform(-3, 3, 50)
    c = np.random.default_rng(1).standard_normal(50).astype(np.float32 if single else float)
    with pytest.warns(
        RuntimeWarning, match=r"nufft1: eps = .* is not within reach of .* precision"
    ) as caught:
        f = nufft.nufft1(x, c, n, **options)
    said = float(str(caught[0].message).rpartition(" ")[2])
    exact = np.exp(1j * np.outer(np.arange(n) - n // 2, x)) @ c.astype(float)
    assert options["eps"] < said < 1e-5
    assert np.linalg.norm(f - exact) <= 2 * said * np.linalg.norm(exact)
    assert caught[0].filename == __file__


def test_no_warning_for_the_smallest_tolerances():
    x, c = X1, C
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nufft.nufft1(x, c, 100, eps=1e-14)
        nufft.nufft1(x, c.astype(np.complex64), 100, eps=1e-6)
        nufft.nufft3(x, c.astype(np.complex64), x, eps=1e-6)
        fr.vjp(lambda x: nufft.nufft1(x, c.astype(np.complex64), 100, eps=1e-6), x)


# --- unusual, and fine -------------------------------------------------------------------------------------


def test_no_points_and_no_targets():
    none = np.empty((0, 2))
    f = nufft.nufft1(none, np.empty((3, 0), np.complex64), (4, 5))
    assert f.shape == (3, 4, 5)
    assert f.dtype == np.complex64
    assert not f.any()
    assert nufft.nufft2(none, np.ones((3, 4, 5))).shape == (3, 0)
    values, slopes = nufft.nufft2(none, np.ones((3, 4, 5)), gradient=True)
    assert (values.shape, slopes.shape) == ((3, 0), (3, 0, 2))
    assert nufft.rnufft1(none, np.empty(0), (4, 5)).shape == (4, 3)
    assert nufft.rnufft2(none, np.ones((4, 3)), (4, 5)).shape == (0,)
    f = nufft.nufft3(none, np.empty((3, 0)), np.ones((7, 2)))
    assert f.shape == (3, 7)
    assert not f.any()
    assert nufft.nufft3(np.ones((7, 2)), np.ones(7), none).shape == (0,)
    assert nufft.nufft1(X2, np.ones((0, 5)), (4, 5)).shape == (0, 4, 5)
    gradient = fr.grad(lambda x: np.sum(np.abs(nufft.nufft2(x, np.ones((4, 5)))) ** 2))(none)
    assert gradient.shape == (0, 2)


def test_lists_integers_and_booleans():
    expected = nufft.nufft1(np.array([0.0, 1.0]), np.array([1.0, 2.0]), 3)
    assert np.array_equal(nufft.nufft1([0, 1], [1, 2], 3), expected)
    assert np.array_equal(nufft.nufft1([[0], [1]], [1, 2], [np.int64(3)]), expected)
    assert np.array_equal(nufft.nufft1([0, 1], [True, 2], 3), expected)
    assert expected.dtype == np.complex128
    assert nufft.nufft1([0, 1], np.ones(2, np.float32), 3).dtype == np.complex64
    assert nufft.nufft2([0, 1], np.ones(2, np.float32)).dtype == np.complex64
    assert nufft.rnufft1([0, 1], np.ones(2, np.float32), 3).dtype == np.complex64
    assert nufft.rnufft2([0, 1], np.ones(2, np.complex64), 3).dtype == np.float32


def test_dipoles_decide_about_precision_too():
    """NumPy's rule: the sum of single and double precision is in double precision."""
    single, double = C.astype(np.complex64), C
    assert nufft.nufft1(X1, single, 3, dipoles=single).dtype == np.complex64
    assert nufft.nufft1(X1, single, 3, dipoles=double).dtype == np.complex128
    assert nufft.nufft1(X1, double, 3, dipoles=single).dtype == np.complex128


def test_any_layout():
    rng = np.random.default_rng(0)
    x, f = rng.standard_normal((6, 2)), rng.standard_normal((3, 4, 5)) + 0j
    expected = nufft.nufft2(x, f)
    strided = np.zeros((3, 8, 10), complex)
    strided[:, ::2, ::2] = f
    read_only = f.copy()
    read_only.flags.writeable = False
    for points in (x, np.asfortranarray(x), np.ascontiguousarray(x[::-1])[::-1]):
        for modes in (f, np.asfortranarray(f), strided[:, ::2, ::2], read_only):
            assert np.array_equal(nufft.nufft2(points, modes), expected)
    big_endian = f.astype(">c16")
    assert np.array_equal(nufft.nufft2(x, big_endian), expected)
    assert np.array_equal(nufft.nufft2(x.astype(">f8"), f), expected)
    broadcast = np.broadcast_to(f[0], (2, 4, 5))
    assert np.array_equal(nufft.nufft2(x, broadcast)[1], expected[0])


def test_arguments_are_not_changed():
    rng = np.random.default_rng(0)
    x, c = rng.standard_normal((6, 2)), rng.standard_normal((3, 6)) + 0j
    f, s = rng.standard_normal((3, 4, 5)) + 0j, rng.standard_normal((4, 2))
    copies = [a.copy() for a in (x, c, f, s)]
    nufft.nufft1(x, c, (4, 5), dipoles=np.ones((6, 2)))
    nufft.nufft2(x, f, gradient=True)
    nufft.rnufft1(x, c.real, (4, 5))
    nufft.rnufft2(x, f[..., :3], (4, 5))
    nufft.nufft3(x, c, s)
    assert all(np.array_equal(a, b) for a, b in zip((x, c, f, s), copies, strict=True))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_do_not_get_lost(bad):
    c, f = C.copy(), F1.copy()
    c[2] = f[2] = bad
    assert not np.isfinite(nufft.nufft1(X1, c, 6)).all()
    assert not np.isfinite(nufft.nufft2(X1, f)).all()
    assert np.isfinite(nufft.nufft1(X1, C, 6)).all()  # and are not left in memory that is reused
    assert np.isfinite(nufft.nufft2(X1, F1)).all()
