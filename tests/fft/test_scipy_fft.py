"""scipy.fft unmodified, through its backend mechanism, and frechet.fft, which has the same names."""

from __future__ import annotations

import inspect
import subprocess
import sys
import threading

import numpy as np
import pytest
import scipy.fft

import frechet as fr
import frechet.fft
from frechet.errors import CoercionError, NotDifferentiableError
from frechet.fft.backend import Backend
from frechet.testing import check_rule

rng = np.random.default_rng(9)
x = rng.standard_normal((3, 4, 5))
z = x + 1j * rng.standard_normal(x.shape)

COMPLEX = ("fft", "ifft", "irfft", "hfft")  # transforms that take complex input
REAL = ("rfft", "ihfft")

CASES = [
    *[(getattr(scipy.fft, f), (a, 3, 1, "ortho")) for f in COMPLEX for a in (x, z)],
    *[(getattr(scipy.fft, f), (a,), {"n": 6, "axis": -2}) for f in COMPLEX for a in (x, z)],
    *[(getattr(scipy.fft, f), (x, n), {"norm": "forward"}) for f in REAL for n in (None, 3, 6)],
    *[(getattr(scipy.fft, f + k), (a,)) for f in COMPLEX for k in "2n" for a in (x, z)],
    *[(getattr(scipy.fft, f + k), (x,)) for f in REAL for k in "2n"],
    *[(getattr(scipy.fft, f + k), (z, (4, 3), (2, 0), "ortho")) for f in COMPLEX for k in "2n"],
    *[(getattr(scipy.fft, f + k), (x, (4, -1), (2, 0), "forward")) for f in REAL for k in "2n"],
    *[(getattr(scipy.fft, f + "n"), (z, 3)) for f in COMPLEX],  # s alone: the last axis
    *[(getattr(scipy.fft, f + "n"), (x,), {"axes": 1}) for f in REAL],
    *[(getattr(scipy.fft, f), (z.astype(np.complex64),)) for f in COMPLEX],
    *[(getattr(scipy.fft, f), (x.astype(np.float32),)) for f in (*COMPLEX, *REAL)],
    (scipy.fft.fftn, (z, None, ())),  # SciPy returns the input
    *[(f, (z,)) for f in (scipy.fft.fftshift, scipy.fft.ifftshift)],
    *[
        (lambda a, f=f, b=b: f(a, 0.3, 0.5, offset=0.2, bias=b), (a,))
        for f in (scipy.fft.fht, scipy.fft.ifht)
        for b in (0.0, 0.4)
        for a in (x, x[..., :4])
    ],
    *[(getattr(frechet.fft, f), (z, 3, 1, "ortho")) for f in COMPLEX],
]


@pytest.mark.parametrize(("function", "args", "kwargs"), [(*c, {})[:3] for c in CASES])
def test_rule(function, args, kwargs):
    check_rule(function, *args, **kwargs)


def test_every_function_of_scipy_is_here():
    """Same names and signatures, annotations apart."""
    strip = lambda f: [(p.name, p.kind, p.default) for p in inspect.signature(f).parameters.values()]
    transforms = [n for n in scipy.fft.__all__ if "backend" not in n]
    assert "ihfftn" in transforms
    assert "idstn" in transforms
    for name in transforms:
        ours = getattr(frechet.fft, name)
        assert strip(ours) == strip(getattr(scipy.fft, name)), name
    with pytest.raises(AttributeError, match="nonuniform"):
        _ = frechet.fft.nonuniform
    assert set(frechet.fft.__all__) == set(transforms)


@pytest.mark.parametrize("name", [f + k for f in (*COMPLEX, *REAL) for k in ("", "2", "n")])
def test_same_values_and_dtypes_as_scipy(name):
    """Plain arrays go to SciPy as they are; traced ones give its values, to rounding, in its dtypes."""
    for dtype in (np.float16, np.float32, np.float64, np.longdouble, np.complex64, np.complex128):
        a = x.astype(dtype) if np.dtype(dtype).kind == "f" else z.astype(dtype)
        if np.dtype(dtype).kind == "c" and name.startswith(REAL):
            continue
        plain = getattr(scipy.fft, name)(a)
        assert np.array_equal(getattr(frechet.fft, name)(a), plain)
        assert np.array_equal(getattr(frechet.fft, name)(x=a), plain)
        traced, pullback = fr.vjp(getattr(scipy.fft, name), a)
        assert traced.dtype == plain.dtype
        assert np.allclose(traced, plain, rtol=0, atol=100 * np.finfo(plain.dtype).eps)  # some roundings
        assert pullback(plain)[0].dtype == a.dtype


def test_lists_and_integers_as_scipy():
    assert np.array_equal(frechet.fft.fft([1, 2, 3]), scipy.fft.fft([1, 2, 3]))
    g = fr.grad(lambda x: np.abs(scipy.fft.fft(x)[0]))(np.array([1, 2, 3]))
    assert g.dtype == float
    assert np.array_equal(g, [1.0, 1.0, 1.0])


def test_workers_and_overwrite():
    a = z.copy()
    y, pullback = fr.vjp(lambda a: scipy.fft.fftn(a, overwrite_x=True, workers=2), a)
    assert np.array_equal(a, z)
    assert np.allclose(y, scipy.fft.fftn(z), rtol=1e-14)
    assert np.allclose(pullback(y)[0], z.size * z, rtol=1e-13)
    with scipy.fft.set_workers(2):
        assert np.allclose(fr.vjp(np.fft.fftn, x)[0], np.fft.fftn(x), rtol=1e-13)
    with pytest.raises(ValueError, match="workers"):
        fr.vjp(lambda a: scipy.fft.fft(a, workers=0), z)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda a: scipy.fft.fft(a, 0), ValueError, "invalid number of data points"),
        (lambda a: scipy.fft.fftn(a, axes=(0, 0)), ValueError, "unique"),
        (lambda a: scipy.fft.fftn(a, axes=(0, 5)), ValueError, "axis 5"),
        (lambda a: scipy.fft.fftn(a, (2, 2), (0,)), ValueError, "same length"),
        (lambda a: scipy.fft.fftn(a, (2, 2, 2, 2)), ValueError, "more axes"),
        (lambda a: scipy.fft.fftn(a, 1.5), ValueError, "integer"),
        (lambda a: scipy.fft.rfftn(a, axes=()), ValueError, "at least 1 axis"),
        (lambda a: scipy.fft.rfft(a + 0j), TypeError, "real"),
        (lambda a: scipy.fft.fft(a, norm="unitary"), ValueError, "Invalid norm"),
        (lambda a: scipy.fft.fft(a, plan="plan"), NotImplementedError, "plan"),
        (lambda a: scipy.fft.irfft(a[..., :1]), ValueError, "nvalid number of data points"),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        fr.vjp(call, x)
    with pytest.raises(error):
        call(x)


def test_parameters_of_the_hankel_transform_have_no_derivative():
    a = rng.standard_normal(8)
    with pytest.raises(NotDifferentiableError, match=r"'dln'.*stop_gradient"):
        fr.grad(lambda d: np.sum(scipy.fft.fht(a, d, 0.5)))(0.3)


# --- the backend ------------------------------------------------------------------------------------------


def test_plain_calls_are_declined():
    assert Backend.__ua_function__(scipy.fft.fft, (x,), {}) is NotImplemented
    assert Backend.__ua_function__(scipy.fft.fft, (), {"x": x}) is NotImplemented
    assert type(scipy.fft.fft(x)) is np.ndarray


def test_keyword_argument():
    assert np.allclose(fr.grad(lambda a: np.sum(scipy.fft.dct(x=a)))(np.ones(1)), 2.0)


def test_plain_and_traced_calls_mixed():
    kernel = rng.standard_normal(5)

    def f(a):
        return np.sum(scipy.fft.irfft(scipy.fft.rfft(a) * scipy.fft.rfft(kernel), 5) ** 2)

    circulant = np.stack([np.roll(kernel, k) for k in range(5)], axis=1)
    a = rng.standard_normal(5)
    # rounding of values of some tens
    assert np.allclose(fr.grad(f)(a), 2 * circulant.T @ circulant @ a, rtol=1e-12)
    assert np.allclose(fr.hessian(f)(a), 2 * circulant.T @ circulant, rtol=1e-12, atol=1e-12)


def test_a_list_of_traced_values_is_refused():
    with pytest.raises(CoercionError, match=r"fr\.array"):
        fr.grad(lambda a: np.abs(scipy.fft.fft([a, a])[0]))(1.0)


def test_other_backends():
    """A backend of the user's goes first and ours takes what it declines; its errors are not hidden."""
    calls = []

    class Counting:
        __ua_domain__ = "numpy.scipy.fft"

        @staticmethod
        def __ua_function__(method, args, kwargs):
            calls.append(method.__name__)
            return NotImplemented

    a = rng.standard_normal(6)
    with scipy.fft.set_backend(Counting):
        y, pullback = fr.vjp(scipy.fft.fft, a)
        assert np.allclose(y, np.fft.fft(a))
        assert np.allclose(pullback(y)[0], 6 * a)
    assert len(calls) == 3  # the traced call, and the numerics of value and pullback
    # SciPy's own implementation asked for explicitly cannot take a traced array
    with scipy.fft.set_backend("scipy", only=True), pytest.raises(CoercionError):
        fr.vjp(scipy.fft.fft, a)


def test_threads():
    """The registration holds in threads that were started later, and traces do not mix."""
    a = [rng.standard_normal(16) for _ in range(8)]
    results = [None] * 8

    def work(k):
        for _ in range(20):
            results[k] = fr.grad(lambda v: np.sum(scipy.fft.dct(v) ** 2))(a[k])

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    C = scipy.fft.dct(np.eye(16), axis=0)
    for v, g in zip(a, results, strict=True):
        assert np.allclose(g, 2 * C.T @ C @ v, rtol=1e-12)


def run(code):
    """Run code in a fresh interpreter; it must end without an error."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_scipy_fft_is_not_imported_before_it_is_used():
    run("""
import sys, numpy as np, frechet as fr, frechet.fft
assert not any(name.startswith("scipy") for name in sys.modules)
fr.grad(lambda x: x**2)(1.0)
assert "scipy.fft" not in sys.modules
fr.grad(lambda x: np.abs(np.fft.fft(x)[0]))(np.ones(3))
assert "scipy.fft" in sys.modules
""")


def test_scipy_fft_may_be_imported_at_any_time():
    use = "assert fr.grad(lambda x: scipy.fft.dct(x)[0])(np.ones(2)).tolist() == [2.0, 2.0]"
    run(f"import scipy.fft, numpy as np, frechet as fr\n{use}")
    run(f"import numpy as np, frechet as fr\nimport scipy.fft\n{use}")
    run(f"import numpy as np, frechet as fr\nfr.grad(lambda x: x**2)(1.0)\nimport scipy.fft\n{use}")
    run("""
import sys, numpy as np, frechet as fr
before = list(sys.meta_path)
def f(x):
    from scipy.fft import dct
    return dct(x)[0]
assert fr.grad(f)(np.ones(2)).tolist() == [2.0, 2.0]
assert sys.meta_path == before  # the finder has removed itself
import scipy.fft
assert scipy.fft.fft(np.ones(2)).tolist() == [2.0, 0.0]
""")
