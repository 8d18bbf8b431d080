"""Discrete cosine and sine transforms: types, norms, orthogonalize, both parities, several axes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.fft

import frechet as fr
import frechet.fft
from frechet.errors import NotDifferentiableError
from frechet.testing import check_rule

rng = np.random.default_rng(10)
x = rng.standard_normal((2, 4, 5))
z = x + 1j * rng.standard_normal(x.shape)
ONE = ("dct", "idct", "dst", "idst")
SEVERAL = ("dctn", "idctn", "dstn", "idstn")
NORMS = ("backward", "ortho", "forward")

CASES = [
    *[(getattr(scipy.fft, f), (x, t), {"axis": 1}) for f in ONE for t in (1, 2, 3, 4)],
    *[(getattr(scipy.fft, f), (z, t, n), {"axis": -2}) for f in ONE for t in (1, 2, 3, 4) for n in (3, 6)],
    *[(getattr(scipy.fft, f), (x, t), {"orthogonalize": True}) for f in SEVERAL for t in (1, 2, 3, 4)],
    *[(getattr(scipy.fft, f), (z, t), {"norm": "ortho"}) for f in SEVERAL for t in (2, 3)],
    *[(getattr(scipy.fft, f), (x.astype(np.float32),)) for f in (*ONE, *SEVERAL)],
    *[(getattr(scipy.fft, f), (x, 2, (3, -1), (2, 0), "forward")) for f in SEVERAL],
    *[(getattr(scipy.fft, f), (x, 3, 3)) for f in SEVERAL],  # s alone: the last axis
    *[(getattr(scipy.fft, f), (x, 2, None, ())) for f in SEVERAL],  # SciPy returns the input
    *[(getattr(frechet.fft, f), (x, 1)) for f in (*ONE, *SEVERAL)],
]


@pytest.mark.parametrize(("function", "args", "kwargs"), [(*c, {})[:3] for c in CASES])
def test_rule(function, args, kwargs):
    check_rule(function, *args, **kwargs)


@pytest.mark.parametrize(("name", "t", "norm"), list(itertools.product(ONE, (1, 2, 3, 4), NORMS)))
def test_adjoint_is_the_transposed_matrix(name, t, norm):
    """For lengths 1 to 7, padded and cropped, with and without orthogonalize.

    The tolerance is rounding, 2.2e-16, of entries up to 2 and sums of a few of them.
    """
    f = getattr(scipy.fft, name)
    least = 2 if name.endswith("dct") and t == 1 else 1  # DCT-I needs two points
    for m, n, orthogonalize in itertools.product((1, 2, 3, 4, 5), (None, 1, 2, 3, 4, 7), (None, True, False)):
        if (m if n is None else n) < least:
            continue
        call = lambda v, n=n, o=orthogonalize: f(v, t, n, norm=norm, orthogonalize=o)
        M = np.stack([call(e) for e in np.eye(m)], axis=1)
        y, L = fr.linearize(call, np.ones(m))
        assert np.allclose(y, M.sum(axis=1), rtol=0, atol=1e-14)
        assert np.allclose(L.to_dense(), M, rtol=0, atol=1e-14)
        pulled = np.stack([L.adjoint(e) for e in np.eye(len(M))], axis=1)
        assert np.allclose(pulled, M.T, rtol=0, atol=1e-14)


@pytest.mark.parametrize(("name", "t"), list(itertools.product(SEVERAL, (1, 2, 3, 4))))
def test_adjoint_along_several_axes(name, t):
    f = getattr(scipy.fft, name)
    a = np.zeros((3, 2, 4))
    for s, axes, norm, orthogonalize in (
        (None, None, None, None),
        ((2, 5), (2, 0), "forward", False),
        ((3, -1), (0, 1), "ortho", False),
        ((3, 3), (1, 2), "backward", True),
    ):
        call = lambda v, s=s, k=axes, c=norm, o=orthogonalize: f(v, t, s, k, c, orthogonalize=o)
        M = np.stack([call(e.reshape(a.shape)).ravel() for e in np.eye(a.size)], axis=1)
        y, L = fr.linearize(call, a)
        pulled = np.stack([L.adjoint(e.reshape(y.shape)).ravel() for e in np.eye(y.size)], axis=1)
        assert np.allclose(pulled, M.T, rtol=0, atol=1e-13)  # rounding of entries up to 8


def test_orthonormal_transforms_are_their_own_inverse_transposed():
    a = rng.standard_normal(6)
    for name, t in itertools.product(("dct", "dst"), (1, 2, 3, 4)):
        f, inverse = getattr(scipy.fft, name), getattr(scipy.fft, "i" + name)
        y, pullback = fr.vjp(lambda v, f=f, t=t: f(v, t, norm="ortho"), a)
        assert np.allclose(pullback(y)[0], a, rtol=0, atol=1e-14)
        assert np.allclose(inverse(y, t, norm="ortho"), a, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    "dtype", [np.float16, np.float32, np.float64, np.longdouble, np.complex64, np.complex128]
)
def test_dtypes(dtype):
    a = x.astype(dtype) if np.dtype(dtype).kind == "f" else z.astype(dtype)
    for name in (*ONE, *SEVERAL):
        plain = getattr(scipy.fft, name)(a)
        y, pullback = fr.vjp(getattr(scipy.fft, name), a)
        assert y.dtype == plain.dtype
        assert np.allclose(y, plain, rtol=0, atol=100 * np.finfo(plain.dtype).eps)
        assert pullback(y)[0].dtype == a.dtype
    if np.dtype(dtype).kind == "f":
        integers = np.arange(1, 5)
        assert fr.grad(lambda v: scipy.fft.dct(v)[0])(integers).tolist() == [2.0] * 4


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda a: scipy.fft.dct(a, 5), ValueError, "type 5"),
        (lambda a: scipy.fft.dst(a, 2, 0), ValueError, "invalid number of data points"),
        (lambda a: scipy.fft.dctn(a, axes=(1, 1)), ValueError, "unique"),
        (lambda a: scipy.fft.dct(a, norm="none"), ValueError, "Invalid norm"),
        (lambda a: scipy.fft.dct(a[..., :1], 1), RuntimeError, "zero-length FFT"),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        fr.vjp(call, x)
    with pytest.raises((ValueError, RuntimeError, NotImplementedError)):
        call(x)


def test_orthogonalize_of_complex_input():
    """SciPy disregards it silently; where that makes a difference, it is refused."""
    for norm, orthogonalize in (("ortho", True), ("backward", False), ("forward", None)):
        check_rule(scipy.fft.dct, z, norm=norm, orthogonalize=orthogonalize)
    for norm, orthogonalize in (("ortho", False), ("backward", True)):
        with pytest.raises(NotDifferentiableError, match="real and imaginary part"):
            fr.vjp(lambda a, c=norm, o=orthogonalize: scipy.fft.idct(a, norm=c, orthogonalize=o), z)
