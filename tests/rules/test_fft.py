"""numpy.fft: every transform, norm, axis and length, against its own matrix and through check_rule."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.rules import fft_maps
from frechet.testing import check_rule

rng = np.random.default_rng(8)
x = rng.standard_normal((3, 4, 5))
z = x + 1j * rng.standard_normal(x.shape)
r5, r6 = rng.standard_normal(5), rng.standard_normal(6)
c5, c6 = r5 + 1j * rng.standard_normal(5), r6 + 1j * rng.standard_normal(6)

C2C = (np.fft.fft, np.fft.ifft)
R2C = (np.fft.rfft, np.fft.ihfft)
C2R = (np.fft.irfft, np.fft.hfft)
NORMS = (None, "backward", "ortho", "forward")

CASES = [
    *[(f, (a,), {"norm": norm}) for f in (*C2C, *C2R) for a in (r5, c6) for norm in NORMS[1:]],
    *[(f, (a,), {"norm": norm}) for f in R2C for a in (r5, r6) for norm in NORMS[1:]],
    *[(f, (z,), {"n": n, "axis": 1}) for f in (*C2C, *C2R) for n in (3, 4, 6, 9)],
    *[(f, (x,), {"n": n, "axis": -3}) for f in (*C2C, *R2C, *C2R) for n in (2, 5)],
    *[(f, (c6, 1)) for f in (*C2C, *C2R)],
    *[(f, (r6, 1)) for f in R2C],
    *[
        (f, (z,))
        for f in (np.fft.fft2, np.fft.ifft2, np.fft.fftn, np.fft.ifftn, np.fft.irfft2, np.fft.irfftn)
    ],
    *[(f, (x,)) for f in (np.fft.fft2, np.fft.ifftn, np.fft.rfft2, np.fft.rfftn, np.fft.irfftn)],
    *[(f, (z, (3, -1), (-1, 0), "ortho")) for f in (np.fft.fftn, np.fft.ifftn, np.fft.irfftn, np.fft.fft2)],
    *[(f, (x, (7, -1), (2, 0), "forward")) for f in (np.fft.rfftn, np.fft.fftn, np.fft.irfft2, np.fft.rfft2)],
    *[(f, (z, (3, 6), (1, 1))) for f in (np.fft.fftn, np.fft.ifftn, np.fft.irfftn)],  # an axis repeated
    *[(f, (x, (3, 6, 2), (1, 1, 0))) for f in (np.fft.fftn, np.fft.rfftn, np.fft.irfftn)],
    (np.fft.fftn, (z, None, ())),  # NumPy returns the input
    *[(f, (a,)) for f in (np.fft.fftshift, np.fft.ifftshift) for a in (x, c5)],
    *[(f, (x, axes)) for f in (np.fft.fftshift, np.fft.ifftshift) for axes in (1, -1, (0, 2), (2, 2))],
    *[(f, (a.astype(np.complex64),)) for f in (*C2C, *C2R) for a in (c5, c6)],
    *[(f, (a.astype(np.float32),)) for f in (*C2C, *R2C, *C2R) for a in (r5, r6)],
    *[(f, (np.zeros((0, 4)),)) for f in (*C2C, *R2C, *C2R)],
]


@pytest.mark.parametrize(("function", "args", "kwargs"), [(*c, {})[:3] for c in CASES])
def test_rule(function, args, kwargs):
    check_rule(function, *args, **kwargs)


# --- against the matrix of the undifferentiated function --------------------------------------------------


def split(a):
    """Real and imaginary parts of the entries as one real vector."""
    a = np.asarray(a).ravel()
    return np.concatenate([a.real, a.imag]) if np.iscomplexobj(a) else a


def join(v, like):
    """The array of the kind of `like` with the given real and imaginary parts."""
    if np.iscomplexobj(like):
        v = v[: like.size] + 1j * v[like.size :]
    return v.reshape(like.shape)


def matrix(f, a):
    """The matrix of a real-linear function between the real and imaginary parts of the entries."""
    return np.stack([split(f(join(e, a))) for e in np.eye(split(a).size)], axis=1)


def check_against_matrix(f, a):
    """Pushforward and pullback of f, written out, are its matrix and the transposed matrix.

    The tolerance is rounding, 2.2e-16, of sums of some ten terms of size one.
    """
    M = matrix(f, a)
    y, L = fr.linearize(f, a)
    plain = np.asarray(f(a))
    assert y.dtype == plain.dtype
    assert np.allclose(y, plain, rtol=1e-14, atol=1e-14)
    assert np.allclose(matrix(L, a), M, rtol=0, atol=1e-13)
    assert np.allclose(matrix(L.adjoint, plain), M.T, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("f", "norm"), list(itertools.product((*C2C, *R2C, *C2R), NORMS)))
def test_matrix_for_every_length(f, norm):
    for m, n in itertools.product((1, 2, 3, 4, 5, 6), (None, 1, 2, 3, 4, 5, 6, 7)):
        if f in C2R and (m, n) == (1, None):
            continue  # a transform of length zero: an error, see below
        kinds = (float,) if f in R2C else (float, complex)
        for dtype in kinds:
            check_against_matrix(lambda a, n=n: f(a, n, norm=norm), np.ones(m, dtype))


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", ["fftn", "ifftn", "rfftn", "irfftn", "fft2", "ifft2", "rfft2", "irfft2"])
def test_matrix_of_several_axes(name, norm):
    f = getattr(np.fft, name)
    for s, axes in (((2, 3), (0, 1)), ((5, 2), (1, 0)), ((-1, 4), (-1, 0)), ((2, 5), (1, 1)), (None, (1,))):
        for dtype in (float,) if name.startswith("r") else (float, complex):
            check_against_matrix(lambda a, s=s, axes=axes: f(a, s, axes, norm), np.ones((3, 4), dtype))


LARGE = [
    ((4096,), None),
    ((4097,), None),
    ((2, 4100), (-1,)),
    ((64, 65), None),
    ((65, 66), (1, 0)),
    ((17, 16, 18), None),
    ((16, 17, 17), (2, 0)),
    ((4, 1, 1100), None),
]


@pytest.mark.parametrize(("shape", "axes"), LARGE)
def test_half_spectrum_for_real_input(shape, axes):
    """Large real arrays are pulled back through half a spectrum; here against the whole one."""
    a = rng.standard_normal(shape)
    assert a.size >= fft_maps.HALF_PAYS
    w = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    for f, inverse in ((np.fft.fftn, np.fft.ifftn), (np.fft.ifftn, np.fft.fftn)):
        y, pullback = fr.vjp(lambda a, f=f: f(a, axes=axes), a)
        expected = inverse(w, axes=axes, norm="forward" if f is np.fft.fftn else "backward").real
        if f is np.fft.ifftn:
            expected /= np.prod([shape[k] for k in axes or range(len(shape))])
        (g,) = pullback(w)
        # rounding of some 13 stages
        assert np.linalg.norm(g - expected) <= 1e-14 * np.linalg.norm(expected)
        assert np.linalg.norm(y - f(a, axes=axes)) <= 1e-14 * np.linalg.norm(y)
        assert g.dtype == float
        assert g.flags.writeable


# --- known formulas ---------------------------------------------------------------------------------------


def test_absolute_zero_frequency_of_integers():
    g = fr.grad(lambda x: np.abs(np.fft.fft(x)[0]))(np.array([1, 2, 3]))
    assert g.dtype == float
    assert np.array_equal(g, [1.0, 1.0, 1.0])


def test_absolute_sum_of_a_spectrum():
    """The cotangent of sum is read-only and stride-0; Σ_k fft(x)_k = N x_0."""
    a = rng.standard_normal(10)
    g = fr.grad(lambda x: np.abs(np.sum(np.fft.fft(x))))(a)
    expected = np.zeros(10)
    expected[0] = 10 * np.sign(a[0])
    assert g.dtype == float
    assert np.allclose(g, expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("n", [5, 6])
def test_pullbacks_are_transforms(n):
    w = rng.standard_normal(n) + 1j * rng.standard_normal(n)
    c = w[::-1].copy()
    half = w[: n // 2 + 1]
    ones = np.ones(n // 2 + 1)
    weights = ones.copy()
    weights[1 : (n + 1) // 2] = 0.5
    pull = lambda f, a, w: fr.vjp(f, a)[1](w)[0]
    assert np.allclose(pull(np.fft.fft, c, w), n * np.fft.ifft(w), rtol=1e-14)
    assert np.allclose(pull(np.fft.ifft, c, w), np.fft.fft(w) / n, rtol=1e-14)
    assert np.allclose(pull(np.fft.rfft, c.real, half), n * np.fft.irfft(weights * half, n), rtol=1e-13)
    irfft = lambda y: np.fft.irfft(y, n)
    assert np.allclose(pull(irfft, half, c.real), np.fft.rfft(c.real) / weights / n, rtol=1e-13)


def test_jacobian_of_a_transform_is_its_matrix():
    n = 7
    k = np.arange(n)
    F = np.exp(-2j * np.pi * np.outer(k, k) / n)
    # rounding of the roots of unity
    assert np.allclose(fr.jacobian(np.fft.fft)(np.ones(n, complex)), F, rtol=0, atol=1e-14)
    assert np.allclose(fr.jacobian(np.fft.fft)(np.ones(n)), F, rtol=0, atol=1e-14)
    assert np.allclose(fr.jacobian(np.fft.rfft)(np.ones(n)), F[: n // 2 + 1], rtol=0, atol=1e-14)
    padded = fr.jacobian(lambda a: np.fft.ifft(a, n, norm="ortho"))(np.ones(4, complex))
    assert np.allclose(padded, F.conj()[:, :4] / np.sqrt(n), rtol=0, atol=1e-14)
    cropped = fr.jacobian(lambda a: np.fft.fft(a, 4, norm="forward"))(np.ones(n))
    assert np.allclose(cropped[:, :4], np.fft.fft(np.eye(4)) / 4)
    assert not np.any(cropped[:, 4:])


@pytest.mark.parametrize("real", [True, False])
def test_written_out_maps_equal_their_action(real):
    for make, n_out in ((fft_maps.c2c_map, 6), (fft_maps.r2c_map, 4)):
        arguments = ((5,), (-1,), (6,), True, "ortho") + ((real,) if make is fft_maps.c2c_map else ())
        m = make(*arguments)
        assert np.allclose(m.columns((5,)), m.push(np.eye(5)), rtol=0, atol=1e-14)
        basis = np.eye(n_out, dtype=complex)
        assert np.allclose(m.rows((n_out,), complex), m.pull(basis), rtol=0, atol=1e-14)


def test_hessian_of_a_power_spectrum():
    """Parseval: Σ|fft(x)|² = N Σ x²."""
    H = fr.hessian(lambda x: np.sum(np.abs(np.fft.fft(x)) ** 2))(r5)
    assert np.allclose(H, 10 * np.eye(5), rtol=0, atol=1e-12)


# --- dtypes, arguments, errors ----------------------------------------------------------------------------


@settings(max_examples=60)
@given(
    st.sampled_from(["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"]),
    st.sampled_from(
        [np.float16, np.float32, np.float64, np.longdouble, np.complex64, np.complex128, np.clongdouble]
    ),
    st.lists(st.integers(1, 6), min_size=1, max_size=3),
    st.integers(1, 9),
    st.data(),
)
def test_dtype_and_value(name, dtype, shape, n, data):
    """The value's dtype is exactly NumPy's, its entries to rounding; the gradient has the input's."""
    f = getattr(np.fft, name)
    if np.dtype(dtype).kind == "c" and name in ("rfft", "ihfft"):
        dtype = dtype(0).real.dtype.type
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    a = (np.arange(np.prod(shape)) % 7 - 3).reshape(shape).astype(dtype)
    y, pullback = fr.vjp(lambda a: f(a, n, axis), a)
    plain = f(a, n, axis)
    assert y.dtype == plain.dtype
    assert y.shape == plain.shape
    # a few roundings of values up to some tens, in the input's precision: NumPy rounds the factor 1/n to it
    assert np.allclose(y, plain, rtol=0, atol=100 * np.finfo(a.dtype).eps)
    (g,) = pullback(np.ones_like(y))
    assert g.dtype == a.dtype
    assert g.shape == a.shape


def test_axes_without_s_warn_as_numpy():
    for f in (np.fft.fftn, np.fft.irfftn):
        with pytest.warns(DeprecationWarning, match="axes"):
            plain = f(x, (2, 3))
        with pytest.warns(DeprecationWarning, match="axes"):
            y, _ = fr.vjp(lambda a, f=f: f(a, (2, 3)), x)
        assert np.allclose(y, plain, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda a: np.fft.fft(a, 0), ValueError, "Invalid number of FFT data points"),
        (lambda a: np.fft.fft(a, axis=3), np.exceptions.AxisError, "axis 3"),
        (lambda a: np.fft.fft(a, norm="unitary"), ValueError, "Invalid norm value unitary"),
        (lambda a: np.fft.rfft(a + 0j), TypeError, "real input"),
        (lambda a: np.fft.irfft(a[..., :1]), ValueError, "Invalid number of FFT data points"),
        (lambda a: np.fft.fftn(a, (2, 2), (0,)), ValueError, "different lengths"),
        (lambda a: np.fft.rfftn(a, axes=()), IndexError, "at least one axis"),
        (lambda a: np.fft.fft(a[..., :0]), ValueError, "Invalid number of FFT data points"),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        fr.vjp(call, x)
    with pytest.raises((error, ValueError, IndexError)):  # NumPy, undifferentiated, refuses it too
        call(x)


def test_out():
    def f(a):
        y = np.zeros(5, complex, like=a)
        np.fft.fft(a, out=y)
        return np.abs(y[0])

    assert np.allclose(fr.grad(f)(np.ones(5)), np.ones(5))
