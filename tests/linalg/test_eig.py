"""eig and eigvals: general matrices and pencils, left and right vectors."""

import mpmath
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.errors import NotDifferentiableError
from frechet.testing import check_rule

rng = np.random.default_rng(13)


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def both_sides(A):
    return fr.linalg.eig(A, left=True)


def pencil(A, B):
    """The results, without the phases of the vectors, which LAPACK does not fix for pencils."""
    w, *vectors = fr.linalg.eig(A, B, left=True)
    return (w, *(v[..., :, None, :] * np.conj(v)[..., None, :, :] for v in vectors))


def homogeneous(A):
    return fr.linalg.eigvals(A, homogeneous_eigvals=True)


CASES = [
    *((both_sides, (make(4, 4),)) for make in (real, cplx)),
    *((fr.linalg.eigvals, (make(4, 4),)) for make in (real, cplx)),
    *((pencil, (make(3, 3), make(3, 3))) for make in (real, cplx)),
    (pencil, (real(3, 3), cplx(3, 3))),
    (fr.linalg.eigvals, (real(3, 3), real(3, 3))),
    (homogeneous, (real(3, 3),)),
    (lambda A: fr.linalg.eig(A @ A.T)[0], (real(3, 3),)),  # real eigenvalues
]
CASES_STACKED = [
    (both_sides, (real(2, 3, 3),)),
    (both_sides, (cplx(2, 3, 3),)),
    (fr.linalg.eigvals, (real(2, 3, 3),)),
    (pencil, (real(3, 3), real(2, 3, 3))),
]


# Eigenvectors vary on the scale of the gaps between eigenvalues, which leaves the differences five digits.
@pytest.mark.parametrize(("function", "args"), CASES + CASES_STACKED)
def test_rule(function, args):
    check_rule(function, *args, tolerance=1e-5)


@settings(max_examples=10)
@given(st.integers(1, 4), st.booleans(), st.integers(0, 1000))
def test_rule_for_drawn_spectra(n, is_complex, seed):
    local = np.random.default_rng(seed)
    X = np.eye(n) + 0.3 * local.standard_normal((n, n)) / n  # eigenvectors that are well conditioned
    w = np.arange(1.0, n + 1) * (np.exp(1j * np.arange(n)) if is_complex else 1)
    check_rule(both_sides, X * w @ np.linalg.inv(X), tolerance=1e-5, seed=seed)


@pytest.mark.parametrize("dtype", "fdFD")
def test_values_are_scipys(dtype):
    A = (cplx(5, 5) if dtype in "FD" else real(5, 5)).astype(dtype)
    got, expected = fr.linalg.eig(A, left=True), scipy.linalg.eig(A, left=True)
    tol = 1e3 * np.finfo(dtype).eps  # rounding times the condition of the eigenvectors
    for x, y in zip(got, expected, strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_allclose(x, y, atol=tol)
    # Without vectors, rounding may lead LAPACK to another order.
    alone, of_scipy = (np.sort_complex(x.astype("D").round(3)) for x in (fr.linalg.eigvals(A), expected[0]))
    np.testing.assert_allclose(alone, of_scipy, atol=2e-3)  # the rounding before the sort


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("kw", [{}, {"homogeneous_eigvals": True}])
def test_results_are_those_asked_for(left, right, kw):
    A, B = real(4, 4), real(4, 4)
    for b in (None, B):
        got = fr.linalg.eig(A, b, left, right, **kw)
        expected = scipy.linalg.eig(A, b, left, right, **kw)
        if not (left or right):
            np.testing.assert_allclose(got, expected, atol=1e-12)  # rounding times the condition
            continue
        assert len(got) == len(expected)
        np.testing.assert_allclose(got[0], expected[0], atol=1e-12)
        for x, y in zip(got[1:], expected[1:], strict=True):
            # SciPy leaves left vectors of a pencil unnormalized, but for the first, if alone.
            np.testing.assert_allclose(x, y / np.linalg.norm(y, axis=0), atol=1e-11)


def test_infinite_eigenvalues_of_a_plain_pencil():
    A, B = np.eye(2), np.diag([1.0, 0.0])
    np.testing.assert_array_equal(fr.linalg.eigvals(A, B), scipy.linalg.eigvals(A, B))
    with pytest.raises(NotDifferentiableError, match="b is singular"):
        fr.grad(lambda A: np.abs(fr.linalg.eigvals(A, B)[0]))(A)
    with pytest.raises(NotDifferentiableError, match="homogeneous_eigvals=False"):
        fr.grad(lambda A: np.abs(fr.linalg.eigvals(A, B, homogeneous_eigvals=True)[0, 0]))(A)


def test_empty_and_lists():
    w, v = fr.linalg.eig(np.zeros((0, 0)))
    assert (w.shape, v.shape, w.dtype.kind) == ((0,), (0, 0), "c")
    assert fr.linalg.eigvals(np.zeros((2, 0, 0)), np.zeros((0, 0))).shape == (2, 0)
    np.testing.assert_allclose(np.sort(fr.linalg.eigvals([[1, 2], [3, 4]]).real), [-0.37228132, 5.37228132])


def test_derivatives_in_high_precision():
    A, E = real(4, 4), real(4, 4)
    w, dw = fr.jvp(fr.linalg.eigvals, (A,), (E,))
    with mpmath.workdps(50):
        h = mpmath.mpf(10) ** -20
        ends = [
            mpmath.eig(mpmath.matrix(A.tolist()) + t * mpmath.matrix(E.tolist()), right=False)
            for t in (h, -h)
        ]
        near = [[min(end, key=lambda z, x=x: abs(z - mpmath.mpc(x))) for x in w] for end in ends]
        exact = np.array([complex((a - b) / (2 * h)) for a, b in zip(*near, strict=True)])
    np.testing.assert_allclose(dw, exact, rtol=1e-12, atol=1e-13)  # rounding times the condition of V


def test_sums_over_equal_eigenvalues_are_exact():
    X = np.eye(3) + 0.2 * real(3, 3)
    A = X @ np.diag([1.0, 1.0, 2.0]) @ np.linalg.inv(X)
    gradient = fr.grad(lambda A: np.sum(fr.linalg.eigvals(A) ** 3).real)(A)
    np.testing.assert_allclose(gradient, 3 * (A @ A).T, rtol=1e-12, atol=1e-12)  # of tr A³


def test_where_there_is_no_derivative():
    with pytest.raises(NotDifferentiableError, match=r"defective.*spectral_projector"):
        fr.grad(lambda A: np.sum(fr.linalg.eigvals(A)).real)(np.array([[1.0, 1.0], [0.0, 1.0]]))
    with pytest.raises(NotDifferentiableError, match="equal values"):
        fr.grad(lambda A: fr.linalg.eig(A)[1][0, 1].real)(np.eye(2))
    A, B = cplx(3, 3), cplx(3, 3)
    with pytest.raises(NotDifferentiableError, match="phase"):
        fr.grad(lambda A: fr.linalg.eig(A, B)[1][0, 0].imag)(A)
    assert np.isfinite(fr.grad(lambda A: fr.linalg.eig(A, B, gauge_tol=10.0)[1][0, 0].imag)(A)).all()
    near = np.diag([1.0, 1.0 + 1e-7, 2.0])
    entry = fr.grad(lambda A, tol: fr.linalg.eig(A, degeneracy_tol=tol)[1][0, 1].real)
    assert np.isfinite(entry(near, None)).all()
    with pytest.raises(NotDifferentiableError, match="equal values"):
        entry(near, 1e-6)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((np.ones((2, 3)),), "square"),
        ((np.array([[np.nan]]),), "infs or NaNs"),
        ((np.eye(2), np.eye(3)), "same shape"),
    ],
)
def test_bad_arguments(args, message):
    for f in (fr.linalg.eig, fr.linalg.eigvals):
        with pytest.raises(ValueError, match=message):
            f(*args)


def test_messages_name_the_function_called():
    with pytest.raises(ValueError, match=r"^eigvals: a must be a square matrix"):
        fr.linalg.eigvals(np.ones((1, 2)))
    with pytest.raises(ValueError, match=r"^eigvals: a and b must have the same shape"):
        fr.linalg.eigvals(np.eye(2), np.eye(3))
    jordan = np.array([[1.0, 1.0], [0.0, 1.0]])
    for f in (fr.linalg.eigvals, np.linalg.eigvals):
        with pytest.raises(fr.NotDifferentiableError, match=r"^eigvals: the matrix has no basis"):
            fr.jvp(f, (jordan,), (jordan,))
    with pytest.raises(fr.NotDifferentiableError, match=r"^eig: an eigenvector of a complex matrix"):
        fr.grad(lambda a: np.sum(fr.linalg.eig(a, np.eye(2))[1]).imag)(np.array([[1.0, 1j], [2.0, 3.0]]))


def test_pencils_of_very_different_sizes_in_one_stack():
    # Whether b is singular was asked of the largest entries of the whole stack.
    b = np.eye(2) * np.array([1e10, 1e-10])[:, None, None]
    a = np.stack([np.diag([1.0, 2.0]), np.diag([3.0, 4.0])])
    w, tangent = fr.jvp(lambda a: fr.linalg.eigvals(a, b), (a,), (a,))
    np.testing.assert_allclose(tangent, w, rtol=1e-14)
