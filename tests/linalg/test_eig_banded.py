"""Band and tridiagonal matrices: eig_banded, eigvals_banded, eigh_tridiagonal, eigvalsh_tridiagonal."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.errors import NotDifferentiableError
from frechet.testing import check_rule

rng = np.random.default_rng(14)


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def without_phase(w, v):
    return w, np.abs(v) ** 2, v[..., :, None, :] * np.conj(v)[..., None, :, :]


def banded(ab, **kwargs):
    return without_phase(*fr.linalg.eig_banded(ab, **kwargs))


def tridiagonal(d, e, **kwargs):
    return without_phase(*fr.linalg.eigh_tridiagonal(d, e, **kwargs))


def dense(ab, lower):
    """The matrix from its bands, entry by entry."""
    r, n = ab.shape[0] - 1, ab.shape[1]
    A = np.zeros((n, n), ab.dtype)
    for j in range(n):
        for k in range(r + 1):
            if lower and j + k < n:
                A[j + k, j], A[j, j + k] = ab[k, j], np.conj(ab[k, j])
            elif not lower and j - k >= 0:
                A[j - k, j], A[j, j - k] = ab[r - k, j], np.conj(ab[r - k, j])
        A[j, j] = A[j, j].real
    return A


OPTIONS = [
    {"lower": True},
    {"lower": False},
    {"select": "i", "select_range": (0, 1)},
    {"select": "v", "select_range": (-100, 100)},
]
CASES = [
    *((banded, (make(3, 5),), kw) for make in (real, cplx) for kw in OPTIONS),
    (banded, (cplx(1, 3),)),  # diagonal
    (banded, (real(4, 2),)),  # more bands than the matrix has
    *((fr.linalg.eigvals_banded, (make(3, 5),), kw)
      for make in (real, cplx) for kw in OPTIONS),
    (tridiagonal, (real(4), real(3))),
    (tridiagonal, (real(4), real(3)), {"select": "i", "select_range": (1, 2)}),
    (tridiagonal, (real(4), real(3)), {"lapack_driver": "stemr"}),
    (tridiagonal, (real(1), real(0))),
    (fr.linalg.eigvalsh_tridiagonal, (real(4), real(3))),
    (lambda d, e: fr.linalg.eigvalsh_tridiagonal(d, e, lapack_driver="sterf"), (real(4), real(3))),
]  # fmt: skip
CASES_STACKED = [
    (banded, (real(2, 3, 4),)),
    (fr.linalg.eigvals_banded, (cplx(2, 3, 4),)),
    (tridiagonal, (real(2, 4), real(3))),
    (fr.linalg.eigvalsh_tridiagonal, (real(2, 4), real(2, 3))),
]


# Eigenvectors vary on the scale of the gaps between eigenvalues, which leaves the differences five digits.
@pytest.mark.parametrize(("function", "args", "kwargs"), [(*c, {})[:3] for c in CASES + CASES_STACKED])
def test_rule(function, args, kwargs):
    check_rule(function, *args, tolerance=1e-5, **kwargs)


@settings(max_examples=12)
@given(st.integers(1, 5), st.integers(0, 3), st.booleans(), st.booleans(), st.integers(0, 1000))
def test_rule_for_drawn_bands(n, r, lower, is_complex, seed):
    local = np.random.default_rng(seed)
    ab = 0.2 * local.standard_normal((r + 1, n))
    ab = ab + (0.2j * local.standard_normal((r + 1, n)) if is_complex else 0)
    ab[0 if lower else -1] = 2 * np.arange(n)  # eigenvalues at distances of about two
    check_rule(banded, ab, lower=lower, tolerance=1e-5, seed=seed)


@pytest.mark.parametrize("dtype", "fdFD")
@pytest.mark.parametrize("kw", OPTIONS)
def test_values_are_scipys(dtype, kw):
    ab = (cplx(3, 6) if dtype in "FD" else real(3, 6)).astype(dtype)
    w, v = fr.linalg.eig_banded(ab, **kw)
    expected, vectors = scipy.linalg.eig_banded(ab, **kw)
    tol = 100 * np.finfo(dtype).eps  # backward stable, both
    assert (w.dtype, v.dtype) == (expected.dtype, vectors.dtype)
    np.testing.assert_allclose(w, expected, atol=tol)
    np.testing.assert_allclose(fr.linalg.eigvals_banded(ab, **kw), expected, atol=tol)
    np.testing.assert_allclose(dense(ab, kw.get("lower", False)) @ v, v * w, atol=tol)


@pytest.mark.parametrize("driver", ["auto", "stemr", "stebz", "stev", "stevd"])
def test_tridiagonal_values_are_scipys(driver):
    d, e = real(6), real(5)
    w, v = fr.linalg.eigh_tridiagonal(d, e, lapack_driver=driver)
    expected, vectors = scipy.linalg.eigh_tridiagonal(d, e, lapack_driver=driver)
    np.testing.assert_allclose(w, expected, atol=1e-14)
    np.testing.assert_allclose(np.abs(v), np.abs(vectors), atol=1e-13)
    inside = {"select": "v", "select_range": (-1, 1)}
    np.testing.assert_allclose(
        fr.linalg.eigvalsh_tridiagonal(d, e, **inside),
        scipy.linalg.eigvalsh_tridiagonal(d, e, **inside),
        atol=1e-14,
    )


def test_gradients_are_those_of_the_dense_matrix():
    ab, W = real(3, 5), real(5, 5)
    A = dense(ab, True)
    G = fr.grad(lambda A: np.sum(W * fr.linalg.eigh(A)[1] ** 2))(A)
    g = fr.grad(lambda ab: np.sum(W * fr.linalg.eig_banded(ab, lower=True)[1] ** 2))(ab)
    expected = np.zeros((3, 5))
    for k in range(3):  # an entry of a band stands in two places of the matrix
        expected[k, : 5 - k] = np.diagonal(G, -k) * (1 if k == 0 else 2)
    np.testing.assert_allclose(g, expected, atol=1e-12)  # rounding over the smallest gap
    assert not np.any(g[1, 4:])
    assert not np.any(g[2, 3:])


def test_no_dense_matrix_in_a_gradient_of_eigenvalues(monkeypatch):
    from frechet.linalg import _band_spectrum

    def no_matrix(*args):
        raise AssertionError("a dense matrix")

    monkeypatch.setattr(_band_spectrum, "dense_from_bands", no_matrix)
    gradient = fr.grad(lambda d: np.sum(fr.linalg.eigvalsh_tridiagonal(d, real(5)) ** 2))(np.arange(6.0))
    np.testing.assert_allclose(gradient, 2 * np.arange(6.0), atol=1e-13)  # of Σ dᵢ² + 2 Σ eᵢ²


def test_equal_eigenvalues():
    d, e = np.ones(4), np.zeros(3)

    def f(d, e):
        return np.sum(fr.linalg.eigvalsh_tridiagonal(d, e) ** 3)

    def g(d, e):
        A = np.diag(d) + np.diag(e, 1) + np.diag(e, -1)
        return np.trace(A @ A @ A)

    for got, expected in zip(fr.grad(f, (0, 1))(d, e), fr.grad(g, (0, 1))(d, e), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-14)
    H, K = fr.hessian(f, (0, 1))(d, e), fr.hessian(g, (0, 1))(d, e)
    for i in range(2):
        for j in range(2):
            np.testing.assert_allclose(H[i][j], K[i][j], atol=1e-13)
    with pytest.raises(NotDifferentiableError, match="equal values"):
        fr.grad(lambda d: fr.linalg.eigh_tridiagonal(d, e)[1][0, 0])(d)
    assert fr.jvp(lambda d: fr.linalg.eigh_tridiagonal(d, e)[0].sum(), (d,), (d,))[1] == pytest.approx(4)


def test_empty():
    w, v = fr.linalg.eig_banded(np.zeros((2, 0)))
    assert (w.shape, v.shape) == ((0,), (0, 0))
    assert fr.linalg.eigvals_banded(np.zeros((2, 3, 0))).shape == (2, 0)


@pytest.mark.parametrize(
    ("f", "args", "kwargs", "error", "message"),
    [
        (fr.linalg.eig_banded, (np.ones(3),), {}, ValueError, "matrix"),
        (fr.linalg.eig_banded, (np.array([[np.nan]]),), {}, ValueError, "infs or NaNs"),
        (fr.linalg.eig_banded, (np.ones((0, 2)),), {}, ValueError, "diagonal"),
        (fr.linalg.eig_banded, (np.ones((1, 2)),), {"select": "x"}, ValueError, "select"),
        (fr.linalg.eig_banded, (np.ones((1, 2)),), {"select": "i"}, ValueError, "select_range"),
        (fr.linalg.eig_banded, (np.ones((1, 2)),), {"select": "i", "select_range": (0.0, 1.0)}, ValueError,
         "integers"),
        (fr.linalg.eig_banded, (np.ones((1, 2)),), {"select": "i", "select_range": (0, 2)}, ValueError,
         "out of bounds"),
        (fr.linalg.eigh_tridiagonal, (np.ones(3), np.ones(3)), {}, ValueError, "one more element"),
        (fr.linalg.eigh_tridiagonal, (np.ones(2), 1j * np.ones(1)), {}, TypeError, "real"),
        (fr.linalg.eigh_tridiagonal, (np.ones(2), np.ones(1)), {"lapack_driver": "x"}, ValueError, "one of"),
        (fr.linalg.eigh_tridiagonal, (np.ones(2), np.ones(1)), {"lapack_driver": 1}, TypeError, "string"),
        (fr.linalg.eigh_tridiagonal, (np.ones(2), np.ones(1)), {"lapack_driver": "sterf"}, ValueError,
         "eigvals_only"),
        (fr.linalg.eigh_tridiagonal, (np.ones(2), np.ones(1)),
         {"lapack_driver": "stev", "select": "i", "select_range": (0, 0)}, ValueError, "select"),
    ],
)  # fmt: skip
def test_bad_arguments(f, args, kwargs, error, message):
    with pytest.raises(error, match=message):
        f(*args, **kwargs)


def test_messages_name_the_function_called():
    with pytest.raises(ValueError, match=r"^eigvals_banded: a_band must not contain infs"):
        fr.linalg.eigvals_banded(np.full((1, 2), np.nan))
    with pytest.raises(ValueError, match=r'^eigvals_banded: select is "a", "v" or "i"'):
        fr.linalg.eigvals_banded(np.ones((1, 2)), select="x")
    with pytest.raises(ValueError, match=r"^eigvalsh_tridiagonal: d \(2\) must have one more"):
        fr.linalg.eigvalsh_tridiagonal(np.ones(2), np.ones(2))
    with pytest.raises(ValueError, match=r"^eigvals_banded: a_band must have a row for the diagonal"):
        fr.linalg.eigvals_banded(np.ones((0, 0)))


def test_gradients_of_bands_beyond_the_matrix_stay_single():
    ab = np.ones((3, 2), np.float32)
    gradient = fr.grad(lambda ab: fr.linalg.eigvals_banded(ab, lower=True)[0])(ab)
    assert gradient.dtype == np.float32
    np.testing.assert_array_equal(gradient[2], 0)
