"""Singular values and vectors, the pseudoinverse, least squares."""

from __future__ import annotations

import numpy as np
import pytest

import frechet as fr
from frechet.errors import NotDifferentiableError
from frechet.rule import primal
from frechet.testing import check_rule, numerical_pushforward

rng = np.random.default_rng(1)


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def adjoint(A):
    return np.conj(np.swapaxes(A, -1, -2))


def hermitian(X):
    return (X + adjoint(X)) / 2


# --- singular values and vectors ---------------------------------------------------------------------------


def without_gauge(U, s, Vh):
    """Functions of the singular vectors that change with neither phases nor the bases of null spaces."""
    k = s.shape[-1]
    U1, U2, V1, V2 = U[..., :k], U[..., k:], adjoint(Vh)[..., :k], adjoint(Vh)[..., k:]
    function = np.matmul(U1 * np.exp(s)[..., None, :], adjoint(V1))
    pairs = U1[..., :, None, :] * np.conj(V1)[..., None, :, :]
    return (
        s,
        np.abs(U1) ** 2,
        np.abs(V1) ** 2,
        function,
        pairs,
        np.matmul(U2, adjoint(U2)),
        np.matmul(V2, adjoint(V2)),
    )


def svd_thin(X):
    return without_gauge(*np.linalg.svd(X, full_matrices=False))


def svd_full(X):
    return without_gauge(*np.linalg.svd(X))


def svd_hermitian(X):
    return without_gauge(*np.linalg.svd(hermitian(X), hermitian=True))


def svd_plain(X):
    return tuple(np.linalg.svd(X, full_matrices=False))


def svdvals_of_hermitian(X):
    return np.linalg.svd(hermitian(X), hermitian=True, compute_uv=False)


def largest_of_low_rank(X, Y):
    return np.linalg.svdvals(X @ Y)[:2]


SHAPES = [(3, 3), (2, 3, 3), (1, 1), (4, 2), (2, 4), (3, 1), (2, 3, 2), (0, 2, 2), (0, 2)]
CASES_SVD = [
    *(
        (f, (make(*s),))
        for f in (np.linalg.svdvals, svd_thin, svd_full)
        for make in (real, cplx)
        for s in SHAPES
    ),
    *((svd_plain, (real(*s),)) for s in SHAPES),
    *((svd_hermitian, (make(*s),)) for make in (real, cplx) for s in SHAPES[:3]),
    (np.linalg.svd, (real(3, 2),), {"compute_uv": False}),
    (svdvals_of_hermitian, (cplx(3, 3),)),
    (largest_of_low_rank, (real(4, 2), cplx(2, 3))),
    (np.linalg.svdvals, (real(3, 2).astype(np.float32),)),
]

# --- pseudoinverse and least squares -----------------------------------------------------------------------


def pinv_of_hermitian(X):
    return np.linalg.pinv(hermitian(X), hermitian=True)


def pinv_of_low_rank(X, Y):
    return np.linalg.pinv(X @ Y)


def lstsq_of_low_rank(X, Y, b):
    return np.linalg.lstsq(X @ Y, b)[:2]


def lstsq_with_tolerance(X, Y, b):
    return np.linalg.lstsq(X @ Y, b, rcond=1e-10)[0]


SYSTEMS = [((4, 2), (4,)), ((4, 2), (4, 3)), ((2, 4), (2,)), ((3, 3), (3, 2)), ((2, 4), (2, 2))]
CASES_LEAST_SQUARES = [
    *((np.linalg.pinv, (make(*s),)) for make in (real, cplx) for s in SHAPES),
    *((pinv_of_hermitian, (make(3, 3),)) for make in (real, cplx)),
    *((pinv_of_low_rank, (make(4, 2), make(2, 3))) for make in (real, cplx)),
    (np.linalg.pinv, (np.tril(real(3, 3)),), {"hermitian": True}),  # reads the lower triangle
    (np.linalg.pinv, (real(3, 2),), {"rcond": 1e-8}),
    (np.linalg.pinv, (real(3, 2),), {"rtol": 1e-8}),
    (np.linalg.pinv, (real(3, 2),), {"rtol": None}),
    *(
        (np.linalg.lstsq, (make(*a), k(*b)))
        for make in (real, cplx)
        for k in (real, cplx)
        for a, b in SYSTEMS
    ),
    *((lstsq_of_low_rank, (make(4, 2), make(2, 3), real(4))) for make in (real, cplx)),
    (lstsq_with_tolerance, (real(3, 2), real(2, 4), real(3, 2))),
    (np.linalg.lstsq, (real(4, 2), real(4)), {"rcond": -1}),
]


# Singular vectors vary on the scale of the gaps between singular values: differences have five digits left.
@pytest.mark.parametrize(
    ("function", "args", "kwargs"), [(*c, {})[:3] for c in CASES_SVD + CASES_LEAST_SQUARES]
)
def test_rule(function, args, kwargs):
    check_rule(function, *args, tolerance=1e-5, **kwargs)


# --- singular values that are equal or zero ----------------------------------------------------------------

Q, P = np.linalg.qr(real(3, 3))[0], np.linalg.qr(real(3, 3))[0]


def test_nuclear_norm_of_a_singular_matrix_has_the_smallest_subgradient():
    A = Q @ np.diag([2.0, 1.0, 0.0]) @ P.T
    gradient = fr.grad(lambda A: np.sum(np.linalg.svdvals(A)))(A)
    np.testing.assert_allclose(gradient, Q @ np.diag([1.0, 1.0, 0.0]) @ P.T, atol=1e-14)


def test_symmetric_functions_of_equal_singular_values_are_exact():
    # Σ s⁴ = tr (AᵀA)² has the gradient 4 A AᵀA.
    A = Q @ np.diag([2.0, 2.0, 1.0]) @ P.T
    for values in (np.linalg.svdvals, lambda A: np.linalg.svd(A)[1]):
        np.testing.assert_allclose(
            fr.grad(lambda A, values=values: np.sum(values(A) ** 4))(A),
            4 * A @ A.T @ A,
            rtol=1e-12,
            atol=1e-13,
        )


@pytest.mark.parametrize("which", [0, 2])
@pytest.mark.parametrize("turn", [1, np.exp(1j * np.array([0.3, 1.0, 2.0]))])
def test_vectors_of_a_square_matrix_with_one_singular_value_zero(which, turn):
    A = (Q * turn) @ np.diag([3.0, 1.0, 0.0]) @ P.T
    E = real(3, 3) * turn

    def f(A):
        return np.abs(np.linalg.svd(A)[which][2, 1]) ** 2

    expected, error = numerical_pushforward(lambda t: [f(A + t * E)], step=0.01)
    assert error < 1e-8
    assert np.vdot(fr.grad(f)(A), E).real == pytest.approx(float(expected[0]), rel=1e-6)


@pytest.mark.parametrize(
    "A",
    [
        np.eye(3),
        np.zeros((3, 3)),
        Q @ np.diag([2.0, 2.0, 1.0]) @ P.T,
        np.stack([np.diag([1.0, 2, 3]), np.eye(3)]),
    ],
)
@pytest.mark.parametrize("which", [0, 2])
def test_vectors_of_equal_singular_values_have_no_derivative(A, which):
    def f(A):
        return np.sum(np.linalg.svd(A)[which] ** 3)

    with pytest.raises(NotDifferentiableError, match="equal values"):
        fr.grad(f)(A)
    with pytest.raises(NotDifferentiableError, match="equal values"):
        fr.jvp(f, (A,), (real(*A.shape),))


def test_null_vectors_of_a_thin_matrix_have_no_derivative():
    A = np.outer([1.0, 2, 3], [1.0, 1])
    with pytest.raises(NotDifferentiableError, match="singular value 0"):
        fr.grad(lambda A: np.sum(np.linalg.svd(A, full_matrices=False)[0][:, 1] ** 3))(A)
    with pytest.raises(NotDifferentiableError, match="singular value 0"):
        fr.jvp(lambda A: np.linalg.svd(A, full_matrices=False)[0], (A,), (real(3, 2),))


def test_a_function_of_the_gauge_is_refused():
    with pytest.raises(NotDifferentiableError, match="phase"):
        fr.grad(lambda A: np.linalg.svd(A)[0][0, 0].imag)(cplx(3, 3))
    for which, at in ((0, (0, -1)), (2, (-1, 0))):
        A = real(4, 2) if which == 0 else real(2, 4)
        with pytest.raises(NotDifferentiableError, match="full_matrices=False"):
            fr.grad(lambda A, which=which, at=at: np.linalg.svd(A)[which][at])(A)


def test_rank_is_constant():
    np.testing.assert_array_equal(
        fr.grad(lambda A: np.sum(A) * np.linalg.matrix_rank(A))(np.eye(3)), np.full((3, 3), 3.0)
    )


def test_pinv_reads_the_lower_triangle_of_a_hermitian_matrix():
    A = np.tril(np.array([[2.0, 0], [1.0, 2.0]]))
    np.testing.assert_allclose(
        fr.grad(lambda A: np.linalg.pinv(A, hermitian=True)[0, 1])(A)[0, 1], 0, atol=1e-15
    )
    gradient = fr.grad(lambda A: np.linalg.pinv(A, hermitian=True)[0, 1])(A)
    # −b/(ac − b²) at a = c = 2, b = 1: ∂b = −(ac + b²)/9 = −5/9, ∂a = bc/9 = 2/9
    np.testing.assert_allclose(gradient, [[2 / 9, 0], [-5 / 9, 2 / 9]], rtol=1e-13, atol=1e-15)


def test_residuals_are_empty_where_numpy_leaves_them_out():
    value, tangent = fr.jvp(lambda A: np.linalg.lstsq(A, np.ones(2))[:2], (real(2, 3),), (real(2, 3),))
    assert value[1].shape == tangent[1].shape == (0,)


@pytest.mark.parametrize("kind", ["f", "d", "F", "D", "i"])
@pytest.mark.parametrize("shape", [(4, 2), (2, 4), (3, 3), (0, 2), (2, 0), (1, 1)])
@pytest.mark.parametrize("columns", [(), (2,), (0,)])
def test_lstsq_returns_what_numpy_returns(kind, shape, columns):
    A, b = (5 * real(*shape)).astype(kind), (5 * real(shape[0], *columns)).astype(kind)
    seen = []

    def f(A, b):
        seen.extend(np.linalg.lstsq(A, b))
        return np.sum(seen[0])

    fr.vjp(f, A, b)
    rtol = 1e-3 if kind in "fF" else 1e-8  # condition numbers are below 1e3
    for ours, theirs in zip(seen, np.linalg.lstsq(A, b), strict=True):
        value = np.asarray(primal(ours))
        assert value.shape == np.shape(theirs)
        assert value.dtype.kind == np.asarray(theirs).dtype.kind
        assert value.dtype.kind == "i" or value.dtype == theirs.dtype
        np.testing.assert_allclose(value, theirs, rtol=rtol, atol=rtol)


def test_lstsq_refuses_what_numpy_refuses():
    for A, b, error in (
        (np.ones(3), np.ones(3), np.linalg.LinAlgError),
        (np.ones((3, 2)), np.ones(2), np.linalg.LinAlgError),
        (np.ones((3, 2)), np.ones((3, 1, 1)), np.linalg.LinAlgError),
        (np.ones((3, 2), np.float16), np.ones(3, np.float16), TypeError),
        (np.ones((0, 2), np.longdouble), np.ones(0), TypeError),
    ):
        with pytest.raises(error):
            np.linalg.lstsq(A, b)
        with pytest.raises(error):
            fr.vjp(lambda A, b: np.linalg.lstsq(A, b)[0], A, b)
