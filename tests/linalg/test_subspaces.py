"""null_space, orth, their projectors, and subspace_angles."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.errors import NotDifferentiableError
from frechet.testing import check_rule
from tests.linalg.factorization_references import derivative

rng = np.random.default_rng(12)  # not the seed of check_rule's directions


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def adjoint(A):
    return np.conj(np.swapaxes(A, -1, -2))


def outer(basis):
    """Z Zᴴ of a basis, which does not depend on its choice."""

    def call(A):
        Z = basis(A)
        return np.matmul(Z, adjoint(Z))

    return call


def null_space(A):
    return fr.linalg.null_space(A)


def orth(A):
    return fr.linalg.orth(A)


def of_rank_two(f):
    """A function of the product of two factors, which keeps the rank."""
    return lambda B, C: f(np.matmul(B, C), 1e-10)


def cases(*stack):
    for make in (real, cplx):
        tall, wide = make(*stack, 4, 2), make(*stack, 2, 4)
        yield outer(orth), (tall,)
        yield outer(null_space), (wide,)
        yield fr.linalg.range_projector, (tall,)
        yield fr.linalg.null_space_projector, (wide,)
        yield fr.linalg.subspace_angles, (make(*stack, 5, 2), make(*stack, 5, 3))
        yield fr.linalg.subspace_angles, (make(*stack, 5, 2), make(*stack, 5, 1))
        for f in (fr.linalg.range_projector, fr.linalg.null_space_projector):
            yield of_rank_two(f), (tall, make(*stack, 2, 3))
        yield of_rank_two(lambda A, rcond: outer(lambda A: fr.linalg.null_space(A, rcond))(A)), (tall, wide)


CASES = [
    *cases(),
    (fr.linalg.range_projector, (real(3, 1).astype(np.float32),)),
    # Angles on both sides of 45 degrees, and equal ones
    (fr.linalg.subspace_angles, (np.eye(4)[:, :2], np.array([[1.0, 0.1], [0.2, 1], [2, 0.1], [0.1, 0.3]]))),
]
CASES_STACKED = [*cases(2)]


@pytest.mark.parametrize(("function", "args", "kwargs"), [(*c, {})[:3] for c in CASES + CASES_STACKED])
def test_rule(function, args, kwargs):
    check_rule(function, *args, **kwargs)


@settings(max_examples=10)
@given(
    m=st.integers(1, 5),
    n=st.integers(1, 5),
    rank=st.integers(1, 5),
    kind=st.sampled_from("dD"),
    seed=st.integers(0, 99),
)
def test_any_rank(m, n, rank, kind, seed):
    rank = min(m, n, rank)
    draw = np.random.default_rng(seed)
    B = draw.standard_normal((m, rank)) + 1j * draw.standard_normal((m, rank)) + 3 * np.eye(m, rank)
    C = draw.standard_normal((rank, n)) + 1j * draw.standard_normal((rank, n)) + 3 * np.eye(rank, n)
    B, C = (B, C) if kind == "D" else (B.real, C.real)
    P = fr.linalg.range_projector(B @ C, 1e-10)
    np.testing.assert_allclose(P @ P, P, atol=1e-13)
    if rank < m:
        check_rule(of_rank_two(fr.linalg.range_projector), B, C)
    if rank < n:
        check_rule(of_rank_two(fr.linalg.null_space_projector), B, C)


# --- values ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shape", [(3, 3), (5, 3), (3, 5), (1, 4), (4, 1), (0, 3), (3, 0), (2, 4, 2), (2, 2, 4)]
)
@pytest.mark.parametrize("kind", "fdFD")
def test_values_are_scipys(shape, kind):
    A = (real(*shape) if kind in "fd" else cplx(*shape)).astype(kind)
    close = {"rtol": 0, "atol": 20 * np.finfo(kind).eps}
    for driver in ("gesdd", "gesvd"):
        Z, expected = (m.null_space(A, lapack_driver=driver) for m in (fr.linalg, scipy.linalg))
        assert (Z.shape, Z.dtype) == (expected.shape, kind)
        np.testing.assert_allclose(Z @ adjoint(Z), expected @ adjoint(expected), **close)
    np.testing.assert_allclose(fr.linalg.null_space_projector(A), expected @ adjoint(expected), **close)
    Q, expected = fr.linalg.orth(A), scipy.linalg.orth(A)
    assert (Q.shape, Q.dtype) == (expected.shape, kind)
    np.testing.assert_allclose(Q @ adjoint(Q), expected @ adjoint(expected), **close)
    np.testing.assert_allclose(fr.linalg.range_projector(A), expected @ adjoint(expected), **close)


def test_the_rank_is_decided_by_rcond():
    A = np.diag([1.0, 1e-3, 1e-20])
    for rcond, rank in ((None, 2), (1e-2, 1), (1e-30, 3)):
        assert fr.linalg.orth(A, rcond).shape == scipy.linalg.orth(A, rcond).shape == (3, rank)
        assert (
            fr.linalg.null_space(A, rcond).shape == scipy.linalg.null_space(A, rcond).shape == (3, 3 - rank)
        )
        assert np.trace(fr.linalg.range_projector(A, rcond)) == pytest.approx(rank)
        assert np.trace(fr.linalg.null_space_projector(A, rcond)) == pytest.approx(3 - rank)


def test_angles_are_scipys_and_small_ones_accurate():
    for make in (real, cplx):
        for k in (1, 2, 3):
            A, B = make(5, 2), make(5, k)
            np.testing.assert_allclose(
                fr.linalg.subspace_angles(A, B), scipy.linalg.subspace_angles(A, B), rtol=1e-12
            )
    small = fr.linalg.subspace_angles([[1.0, 0], [0, 1], [0, 0]], [[1.0, 0], [0, 1], [1e-10, 2.0]])
    np.testing.assert_allclose(small[0], np.arctan(np.sqrt(4 + 1e-20)), rtol=1e-15)
    assert fr.linalg.subspace_angles([[1.0], [0]], [[1.0], [1e-10]])[0] == pytest.approx(1e-10, rel=1e-14)
    identical = fr.linalg.subspace_angles(np.eye(3)[:, :2], np.eye(3)[:, :2])
    np.testing.assert_allclose(identical, 0, atol=1e-15)


# --- derivatives -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [real, cplx])
def test_the_projector_against_sixty_digits(make):
    A, E = make(5, 3) * [1, 1e-3, 1e-6], make(5, 3) * [1, 1e-3, 1e-6]

    def exact(M):
        return (M * mpmath.inverse(M.H * M) * M.H,)

    got = fr.jvp(fr.linalg.range_projector, (A,), (E,))[1]
    # Columns of different length: a pseudoinverse of condition 1e6 takes part.
    np.testing.assert_allclose(got, derivative(exact, A, E)[0], atol=1e-9)


def test_a_small_angle_has_an_exact_derivative():
    """The angle between e₁ and (1, t) is arctan t."""
    angle = fr.value_and_grad(lambda t: fr.linalg.subspace_angles([[1.0], [0.0]], [[1.0], [t]])[0])
    for t in (1e-10, 0.5, 3.0, 1e5):
        value, slope = angle(t)
        assert value == pytest.approx(np.arctan(t), rel=1e-13)
        assert slope == pytest.approx(1 / (1 + t * t), rel=1e-9)


# --- what has no derivative, and bad input ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "A", "way_out"),
    [
        (null_space, real(2, 4), "null_space_projector"),
        (null_space, cplx(3, 4), "null_space_projector"),  # one vector: its phase
        (orth, real(4, 2), "range_projector"),
        (orth, cplx(2, 1), "range_projector"),
    ],
)
def test_a_basis_is_no_function_of_the_matrix(f, A, way_out):
    W = cplx(*f(A).shape)
    with pytest.raises(NotDifferentiableError, match=f"rotation only.*fr.linalg.{way_out}"):
        fr.grad(lambda A: np.real(np.sum(W * f(A))))(A)
    basis = getattr(fr.linalg, f.__name__)
    assert fr.grad(lambda A: np.real(np.sum(W * basis(A, gauge_tol=np.inf))))(A).shape == A.shape


def test_a_tangent_that_changes_the_rank_is_refused():
    A, V = np.diag([1.0, 0.0]), np.diag([0.0, 1.0])
    for f in (null_space, orth, fr.linalg.range_projector, fr.linalg.null_space_projector):
        with pytest.raises(NotDifferentiableError, match="changes the rank"):
            fr.jvp(f, (A,), (V,))
        assert np.isfinite(fr.jvp(f, (A,), (np.array([[1.0, 2.0], [3.0, 0.0]]),))[1]).all()


@pytest.mark.parametrize("B", [np.eye(3)[:, :1], np.eye(3)[:, 1:2]])
def test_angles_of_zero_and_ninety_degrees_have_no_derivative(B):
    A = np.eye(3)[:, :1]
    with pytest.raises(NotDifferentiableError, match=r"0 or 90 degrees.*range_projector"):
        fr.grad(lambda A: fr.linalg.subspace_angles(A, B)[0])(A)
    with pytest.raises(NotDifferentiableError, match="0 or 90 degrees"):
        fr.jvp(lambda A: fr.linalg.subspace_angles(A, B), (A,), (np.ones((3, 1)),))


@pytest.mark.parametrize("make", [real, cplx])
@pytest.mark.parametrize(("p", "q"), [(2, 2), (3, 1), (2, 3)])
def test_angles_that_dimensions_make_zero_have_derivative_zero(make, p, q):
    # Two planes in three dimensions share a line, whichever they are.
    A, B = make(3, p), make(3, q)
    check_rule(fr.linalg.subspace_angles, A, B)
    constant = p + q - 3
    tangent = fr.jvp(lambda A: fr.linalg.subspace_angles(A, B), (A,), (make(3, p),))[1]
    np.testing.assert_array_equal(tangent[-constant:], 0)


def test_an_angle_of_zero_beside_one_that_dimensions_make_zero_is_refused():
    A = np.eye(3)[:, :2]
    with pytest.raises(NotDifferentiableError, match="an angle of 0 or 90 degrees"):
        fr.jvp(lambda A: fr.linalg.subspace_angles(A, np.eye(3)[:, :2]), (A,), (real(3, 2),))


def test_other_angles_beside_a_degenerate_one_have_a_derivative():
    def f(t, **options):
        B = fr.array([[1.0, 0.0], [0.0, np.cos(t)], [0.0, np.sin(t)]])
        return fr.linalg.subspace_angles(np.eye(3)[:, :2], B, **options)[0]

    assert fr.grad(f)(0.3) == pytest.approx(1.0)
    with pytest.raises(NotDifferentiableError, match="0 or 90"):
        fr.grad(f)(0.3, degeneracy_tol=0.31)


def test_bad_arguments():
    ranks = np.stack([np.eye(2), np.ones((2, 2))])
    for f in (null_space, orth, fr.linalg.range_projector, fr.linalg.null_space_projector):
        with pytest.raises(ValueError, match="different ranks, from 1 to 2"):
            f(ranks)
        with pytest.raises(ValueError, match="must be a matrix"):
            f(np.ones(2))
        with pytest.raises(ValueError, match="infs or NaNs"):
            f(np.array([[np.nan]]))
        assert f([[1, 2], [2, 4]]).dtype == np.float64
    with pytest.raises(ValueError, match="lapack_driver"):
        fr.linalg.null_space(np.eye(2), lapack_driver="gesvdx")
    with pytest.raises(ValueError, match="one number of rows"):
        fr.linalg.subspace_angles(np.eye(2), np.eye(3))
