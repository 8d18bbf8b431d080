"""svd and svdvals."""

import mpmath
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.errors import NotDifferentiableError
from frechet.testing import check_rule

rng = np.random.default_rng(12)


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def adjoint(X):
    return np.conj(np.swapaxes(X, -1, -2))


def without_gauge(A, **kwargs):
    """Functions of the singular vectors that change with neither phases nor the bases of null spaces."""
    U, s, Vh = fr.linalg.svd(A, **kwargs)
    k = s.shape[-1]
    U1, U2, V1, V2 = U[..., :k], U[..., k:], adjoint(Vh)[..., :k], adjoint(Vh)[..., k:]
    pairs = U1[..., :, None, :] * np.conj(V1)[..., None, :, :]
    return s, np.abs(U1) ** 2, pairs, np.matmul(U2, adjoint(U2)), np.matmul(V2, adjoint(V2))


SHAPES = [(3, 3), (4, 2), (2, 4), (1, 1)]
CASES = [
    *((without_gauge, (make(*s),), kw) for make in (real, cplx) for s in SHAPES
      for kw in ({}, {"full_matrices": False})),
    (without_gauge, (cplx(3, 2),), {"lapack_driver": "gesvd", "full_matrices": False}),
    *((fr.linalg.svdvals, (make(*s),)) for make in (real, cplx) for s in SHAPES),
    (lambda A: fr.linalg.svd(A, compute_uv=False), (real(3, 2),)),
]  # fmt: skip
CASES_STACKED = [
    *((without_gauge, (make(2, 3, 2),), {"full_matrices": False}) for make in (real, cplx)),
    (fr.linalg.svdvals, (real(2, 3, 2),)),
]


# Singular vectors vary on the scale of the gaps between singular values: differences have five digits left.
@pytest.mark.parametrize(("function", "args", "kwargs"), [(*c, {})[:3] for c in CASES + CASES_STACKED])
def test_rule(function, args, kwargs):
    check_rule(function, *args, tolerance=1e-5, **kwargs)


@settings(max_examples=12)
@given(st.integers(1, 4), st.integers(1, 4), st.booleans(), st.integers(0, 1000))
def test_rule_for_drawn_shapes(m, n, is_complex, seed):
    local = np.random.default_rng(seed)
    k = min(m, n)

    def columns(size):
        X = local.standard_normal((size, k)) + (1j * local.standard_normal((size, k)) if is_complex else 0)
        return np.linalg.qr(X)[0]

    A = (columns(m) * np.arange(1.0, k + 1)) @ adjoint(columns(n))  # singular values at distances of one
    check_rule(without_gauge, A, full_matrices=False, tolerance=1e-5, seed=seed)


@pytest.mark.parametrize("shape", [(1, 1), (40, 40), (40, 25), (25, 40)])
@pytest.mark.parametrize("dtype", "fdFD")
def test_pullback_is_the_adjoint_of_the_pushforward_at_larger_sizes(shape, dtype):
    local = np.random.default_rng(shape[0])

    def normal(*shape):
        imaginary = 1j * local.standard_normal(shape) if dtype in "FD" else 0
        return (local.standard_normal(shape) + imaginary).astype(dtype)

    m, n, k = *shape, min(shape)
    U, V = (np.linalg.qr(normal(size, k))[0] for size in (m, n))
    A = (U * np.arange(1, k + 1).astype(U.real.dtype)) @ adjoint(V)  # singular values at distances of one
    dA = normal(m, n)
    (U, s, Vh), L = fr.linearize(lambda A: fr.linalg.svd(A, full_matrices=False), A)
    W = [local.standard_normal(x.shape).astype(s.dtype) for x in (U, s, Vh)]
    w = W[0] * U, W[1], W[2] * Vh  # independent of the phase
    G = L.adjoint(w)
    there, back = sum(np.vdot(x, dx).real for x, dx in zip(w, L(dA), strict=True)), np.vdot(G, dA).real
    # A few products, each of a relative error of some n eps in norm; the sums may cancel.
    atol = 10 * max(shape) * np.finfo(dtype).eps * np.linalg.norm(G) * np.linalg.norm(dA)
    assert G.dtype == dtype
    assert abs(there - back) <= atol


# --- values -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", "fdFD")
@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5), (2, 3, 4)])
@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("driver", ["gesdd", "gesvd"])
def test_values_are_scipys(dtype, shape, full, driver):
    A = (cplx(*shape) if dtype in "FD" else real(*shape)).astype(dtype)
    U, s, Vh = fr.linalg.svd(A, full, lapack_driver=driver)
    expected = np.linalg.svd(A, full)
    assert [x.shape for x in (U, s, Vh)] == [x.shape for x in expected]
    assert [x.dtype for x in (U, s, Vh)] == [x.dtype for x in expected]
    k, tol = s.shape[-1], 50 * np.finfo(dtype).eps * np.max(s)
    np.testing.assert_allclose(s, expected[1], atol=tol)  # backward stable, both
    np.testing.assert_allclose(np.matmul(U[..., :k] * s[..., None, :], Vh[..., :k, :]), A, atol=tol)
    gram = np.matmul(adjoint(U), U)
    np.testing.assert_allclose(gram, np.broadcast_to(np.eye(U.shape[-1]), gram.shape), atol=tol)
    np.testing.assert_allclose(fr.linalg.svdvals(A), expected[1], atol=tol)


def test_graded_singular_values():
    # SciPy's gesdd is normwise stable only; so is this: the smallest value has no correct digit to offer.
    A = real(5, 5) * np.logspace(0, -12, 5)
    np.testing.assert_allclose(fr.linalg.svdvals(A), scipy.linalg.svdvals(A), atol=1e-14)


def test_empty_and_lists():
    U, s, Vh = fr.linalg.svd(np.zeros((0, 3)))
    assert (U.shape, s.shape, Vh.shape) == ((0, 0), (0,), (3, 3))
    np.testing.assert_allclose(fr.linalg.svdvals([[0, 2], [1, 0]]), [2, 1], rtol=1e-15)


def test_derivatives_in_high_precision():
    A, E = real(4, 3), real(4, 3)
    ds = fr.jvp(fr.linalg.svdvals, (A,), (E,))[1]
    with mpmath.workdps(50):
        h = mpmath.mpf(10) ** -20
        up, down = (
            mpmath.svd_r(mpmath.matrix(A.tolist()) + t * mpmath.matrix(E.tolist()), compute_uv=False)
            for t in (h, -h)
        )
        exact = np.array([float((a - b) / (2 * h)) for a, b in zip(up, down, strict=True)])
    np.testing.assert_allclose(ds, exact, rtol=1e-13, atol=1e-14)  # rounding


# --- equal and zero singular values -------------------------------------------------------------------------


def with_values(make, m, n, *s):
    U, V = np.linalg.qr(make(m, len(s)))[0], np.linalg.qr(make(n, len(s)))[0]
    return (U * np.array(s)) @ adjoint(V)


EQUAL = [
    np.eye(3),
    *(with_values(make, m, n, 2.0, 2.0, 1.0) for make in (real, cplx) for m, n in ((3, 3), (5, 3), (3, 4))),
]


def gram(A):
    return A @ adjoint(A) if A.shape[0] <= A.shape[1] else adjoint(A) @ A


@pytest.mark.parametrize("A", EQUAL)
@pytest.mark.parametrize(
    ("of_values", "of_gram"),
    [
        (lambda s: np.sum(s**4), lambda G: np.trace(G @ G)),
        (lambda s: np.sum(np.log(s)), lambda G: np.linalg.slogdet(G)[1] / 2),
    ],
)
@pytest.mark.parametrize("singular_values", [fr.linalg.svdvals, lambda A: fr.linalg.svd(A)[1]])
def test_symmetric_functions_of_equal_singular_values(A, of_values, of_gram, singular_values):
    def f(A):
        return of_values(singular_values(A))

    def g(A):
        return np.real(of_gram(gram(A)))

    E = cplx(*A.shape) if np.iscomplexobj(A) else real(*A.shape)
    close = {"rtol": 1e-10, "atol": 1e-11}  # rounding
    np.testing.assert_allclose(fr.grad(f)(A), fr.grad(g)(A), **close)
    np.testing.assert_allclose(fr.jvp(f, (A,), (E,))[1], fr.jvp(g, (A,), (E,))[1], **close)
    expected = fr.hvp(g, (A,), (E,))[0]
    np.testing.assert_allclose(fr.hvp(f, (A,), (E,))[0], expected, **close)
    twice = fr.grad(lambda A: np.sum(np.real(np.conj(E) * fr.grad(f)(A))))
    np.testing.assert_allclose(twice(A), expected, **close)
    along = fr.grad(lambda A: fr.jvp(f, (A,), (E,))[1])
    np.testing.assert_allclose(along(A), expected, **close)


def test_two_pushforwards_and_vectors_of_equal_values_are_refused():
    E = real(3, 3)

    def f(A):
        return np.sum(fr.linalg.svdvals(A) ** 4)

    with pytest.raises(NotDifferentiableError, match="two pushforwards"):
        fr.jvp(lambda A: fr.jvp(f, (A,), (E,))[1], (np.eye(3),), (E,))
    for which in (0, 2):
        with pytest.raises(NotDifferentiableError, match="equal values"):
            fr.jvp(lambda A, which=which: fr.linalg.svd(A)[which], (np.eye(3),), (E,))
        with pytest.raises(NotDifferentiableError, match="equal values"):
            fr.grad(lambda A, which=which: fr.linalg.svd(A)[which][0, 0])(np.eye(3))


def test_forward_mode_through_the_values_does_not_ask_for_the_vectors():
    def f(A):
        _U, s, _Vh = fr.linalg.svd(A)
        return np.sum(s**2)

    E = real(3, 3)
    assert fr.jvp(f, (np.eye(3),), (E,))[1] == pytest.approx(2 * np.trace(E), rel=1e-13)


def test_zero_singular_values_get_the_derivative_zero():
    A = with_values(real, 3, 3, 2.0, 1.0, 0.0)
    U, _, Vh = np.linalg.svd(A)
    np.testing.assert_allclose(
        fr.grad(lambda A: np.sum(fr.linalg.svdvals(A)))(A), U[:, :2] @ Vh[:2], atol=1e-14
    )
    with pytest.raises(NotDifferentiableError, match="singular value 0"):
        fr.grad(lambda A: fr.linalg.svd(A[:, :2] @ np.ones((2, 2)), full_matrices=False)[0][0, 1])(A)


def test_rank_tol():
    A = np.diag([2.0, 1.0, 1e-6])
    nuclear = fr.grad(lambda A, tol: np.sum(fr.linalg.svdvals(A, rank_tol=tol)))
    np.testing.assert_allclose(nuclear(A, None), np.eye(3), atol=1e-15)
    np.testing.assert_allclose(nuclear(A, 1e-5), np.diag([1.0, 1.0, 0.0]), atol=1e-15)


def test_degeneracy_tol_and_gauge_tol():
    A = np.diag([2.0, 1.0 + 1e-7, 1.0])
    entry = fr.grad(lambda A, tol: fr.linalg.svd(A, degeneracy_tol=tol)[0][0, 1])
    assert np.isfinite(entry(A, None)).all()
    with pytest.raises(NotDifferentiableError, match="equal values"):
        entry(A, 1e-6)
    Z = cplx(3, 3)
    phase = fr.grad(lambda Z, tol: fr.linalg.svd(Z, gauge_tol=tol)[0][0, 0].imag)
    with pytest.raises(NotDifferentiableError, match="phase"):
        phase(Z, None)
    assert np.isfinite(phase(Z, 10.0)).all()


def test_further_columns_are_any_basis():
    with pytest.raises(NotDifferentiableError, match="full_matrices=False"):
        fr.grad(lambda A: fr.linalg.svd(A)[0][0, -1])(real(4, 2))


@pytest.mark.parametrize(
    ("args", "kwargs", "error", "message"),
    [
        ((np.ones(3),), {}, ValueError, "matrix"),
        ((np.array([[np.inf]]),), {}, ValueError, "infs or NaNs"),
        ((np.eye(2),), {"lapack_driver": "gesvj"}, ValueError, "gesdd"),
        ((np.eye(2),), {"lapack_driver": 1}, TypeError, "string"),
    ],
)
def test_bad_arguments(args, kwargs, error, message):
    with pytest.raises(error, match=message):
        fr.linalg.svd(*args, **kwargs)


def test_messages_of_svdvals_name_it():
    with pytest.raises(ValueError, match=r"^svdvals: a must be a matrix"):
        fr.linalg.svdvals(np.ones(2))
    with pytest.raises(ValueError, match=r"^svdvals: a must not contain infs"):
        fr.linalg.svdvals(np.full((2, 2), np.nan))
