"""qr, qr_multiply and rq."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.errors import NotDifferentiableError
from frechet.testing import check_rule
from tests.linalg.factorization_references import derivative
from tests.linalg.factorization_references import qr as exact_qr

rng = np.random.default_rng(12)  # not the seed of check_rule's directions


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def adjoint(A):
    return np.conj(np.swapaxes(A, -1, -2))


def qr(mode, pivoting=False):
    """The results of qr that do not depend on the basis of the complement of the range."""

    def call(A):
        Q, R = fr.linalg.qr(A, mode=mode, pivoting=pivoting)[:2]
        k = min(A.shape[-2:])
        rest = Q[..., k:]
        return Q[..., :k], R, np.matmul(rest, adjoint(rest))

    return call


def r_alone(pivoting=False):
    return lambda A: fr.linalg.qr(A, mode="r", pivoting=pivoting)[0]


def rq(mode):
    def call(A):
        R, Q = fr.linalg.rq(A, mode=mode)
        k = min(A.shape[-2:])
        first = Q[..., : Q.shape[-2] - k, :]
        return R, Q[..., Q.shape[-2] - k :, :], np.matmul(adjoint(first), first)

    return call


def times(mode, **options):
    return lambda A, C: fr.linalg.qr_multiply(A, C, mode, **options)[:2]


def cases(shapes):
    for make in (real, cplx):
        for s in shapes:
            for mode in ("full", "economic"):
                yield qr(mode), (make(*s),)
                yield qr(mode, True), (make(*s),)
                yield rq(mode), (make(*s),)
            yield r_alone(), (make(*s),)
            yield r_alone(True), (make(*s),)
            yield lambda A: fr.linalg.rq(A, mode="r"), (make(*s),)


def products(shapes):
    for make in (real, cplx):
        for *stack, m, n in shapes:
            yield times("right"), (make(*stack, m, n), make(*stack, 2, m))
            yield times("left", pivoting=True), (make(*stack, m, n), make(*stack, min(m, n), 2))
            yield times("left", conjugate=True), (make(*stack, m, n), make(*stack, min(m, n), 2))
        yield times("right", conjugate=True), (make(3, 2), make(3))
        yield times("left"), (make(3, 2), make(2))


CASES = [
    *cases([(3, 3), (4, 2), (2, 4), (1, 1)]),
    *products([(3, 3), (4, 2), (2, 3)]),
    (qr("economic"), (real(3, 3).astype(np.float32),)),
]
CASES_STACKED = [*cases([(2, 3, 2), (2, 2, 3)]), *products([(2, 3, 2)])]


@pytest.mark.parametrize(("function", "args", "kwargs"), [(*c, {})[:3] for c in CASES + CASES_STACKED])
def test_rule(function, args, kwargs):
    check_rule(function, *args, **kwargs)


@settings(max_examples=10)
@given(
    m=st.integers(1, 5),
    n=st.integers(1, 5),
    kind=st.sampled_from("fdFD"),
    pivoting=st.booleans(),
    seed=st.integers(0, 99),
)
def test_any_size(m, n, kind, pivoting, seed):
    draw = np.random.default_rng(seed)
    A = draw.standard_normal((m, n)) + 1j * draw.standard_normal((m, n))
    k = min(m, n)
    A[:k, :k] += 3 * np.diag(np.arange(1, k + 1))  # well-conditioned, and the choice of pivots clear
    A = (A if kind in "FD" else A.real).astype(kind)
    check_rule(qr("economic", pivoting), A, tolerance=2e-2 if kind in "fF" else None)


# --- values ------------------------------------------------------------------------------------------------

SHAPES = [(3, 3), (5, 2), (2, 5), (1, 4), (4, 1), (0, 3), (3, 0), (0, 0), (2, 4, 3), (2, 0, 3)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", "fdFD")
def test_values_are_scipys(shape, kind):
    A = (real(*shape) if kind in "fd" else cplx(*shape)).astype(kind)
    close = {"rtol": 0, "atol": 20 * np.finfo(kind).eps}
    for mode in ("full", "economic", "r"):
        for pivoting in (False, True):
            got = fr.linalg.qr(A, mode=mode, pivoting=pivoting)
            expected = scipy.linalg.qr(A, mode=mode, pivoting=pivoting)
            if isinstance(expected, np.ndarray):  # SciPy, of a stack in mode r
                expected = (expected,)
            assert len(got) == len(expected)
            for x, y in zip(got, expected, strict=True):
                assert x.dtype == y.dtype
                np.testing.assert_allclose(x, y, **close)
        got, expected = fr.linalg.rq(A, mode=mode), scipy.linalg.rq(A, mode=mode)
        for x, y in zip(*((r,) if mode == "r" else r for r in (got, expected)), strict=True):
            assert x.dtype == y.dtype
            np.testing.assert_allclose(x, y, **close)


@pytest.mark.parametrize("make", [real, cplx])
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4)])
def test_products_are_scipys(make, shape):
    A, k = make(*shape), min(shape)
    for c, mode in (
        (make(2, shape[0]), "right"),
        (make(shape[0]), "right"),
        (make(k, 2), "left"),
        (make(k), "left"),
    ):
        for conjugate in (False, True):
            got = fr.linalg.qr_multiply(A, c, mode, conjugate=conjugate)
            expected = scipy.linalg.qr_multiply(A, c, mode, conjugate=conjugate)
            for x, y in zip(got, expected, strict=True):
                np.testing.assert_allclose(x, y, atol=1e-14)
    c = np.asfortranarray(make(shape[0], 2))
    got = fr.linalg.qr_multiply(A, c, "left", overwrite_c=True)
    expected = scipy.linalg.qr_multiply(A, c.copy(order="F"), "left", overwrite_c=True)
    np.testing.assert_allclose(got[0], expected[0], atol=1e-14)


def test_raw_is_scipys():
    A = real(4, 3)
    (packed, tau), R = fr.linalg.qr(A, mode="raw")
    (expected, expected_tau), expected_R = scipy.linalg.qr(A, mode="raw")
    np.testing.assert_array_equal(packed, expected)
    np.testing.assert_array_equal(tau, expected_tau)
    np.testing.assert_array_equal(R, expected_R)


# --- derivatives -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4, 4), (5, 3)])
@pytest.mark.parametrize("spread", [0, 8])
def test_against_sixty_digits(shape, spread):
    """Columns of very different length do no harm: R = Q R' D has their scale, and Q none."""
    d = np.logspace(0, -spread, shape[1])
    A, E = real(*shape) * d, real(*shape) * d
    signs = np.sign(np.diag(fr.linalg.qr(A, mode="economic")[1]))
    exact_Q, exact_R = derivative(exact_qr, A, E)
    dQ, dR = fr.jvp(lambda A: fr.linalg.qr(A, mode="economic"), (A,), (E,))[1]
    np.testing.assert_allclose(dQ * signs, exact_Q, atol=1e-13 * np.abs(exact_Q).max())
    np.testing.assert_allclose(signs[:, None] * dR / d, exact_R / d, atol=1e-13 * np.abs(exact_R / d).max())


@pytest.mark.parametrize("make", [real, cplx])
@pytest.mark.parametrize("n", [60, 130, 200])
def test_large_matrices_go_by_blocks(make, n):
    """⟨J v, w⟩ = ⟨v, J* w⟩, where only the pullback leaves out zeros by blocks."""
    A, V, W1, W2 = (make(n, n) for _ in range(4))
    (Q, R), tangents = fr.jvp(lambda A: fr.linalg.qr(A, mode="economic"), (A,), (V,))
    np.testing.assert_allclose(Q @ R, A, atol=1e-12)
    g = fr.vjp(lambda A: fr.linalg.qr(A, mode="economic"), A)[1]((W1, np.triu(W2)))[0]
    forward = np.vdot(tangents[0], W1).real + np.vdot(tangents[1], np.triu(W2)).real
    assert abs(np.vdot(V, g).real - forward) < 1e-9 * np.linalg.norm(V) * np.linalg.norm(g)


def test_a_wide_matrix_keeps_the_columns_that_pivoting_chose():
    A = np.array([[1.0, 0.0, 5.0], [0.0, 1.0, 5.0]])
    P = fr.linalg.qr(A, pivoting=True)[2]
    assert P[0] == 2
    check_rule(qr("full", True), A + 0.01 * real(2, 3))


# --- what has no derivative, and bad input ------------------------------------------------------------------


def test_dependent_columns_have_no_derivative():
    def f(A, **options):
        return np.sum(fr.linalg.qr(A, mode="economic", **options)[1])

    for A in (np.ones((3, 2)), np.zeros((3, 2)), np.stack([np.eye(2), np.ones((2, 2))])):
        for pivoting in (False, True):
            with pytest.raises(
                NotDifferentiableError, match=r"fr\.linalg\.qr.*dependent.*lstsq.*range_projector"
            ):
                fr.grad(f)(A, pivoting=pivoting)
    with pytest.raises(NotDifferentiableError, match="linearly dependent"):
        fr.grad(lambda A: np.sum(fr.linalg.rq(A)[0]))(np.ones((2, 2)))
    nearly = np.array([[1.0, 1.0], [0.0, 1e-9]])
    assert np.isfinite(fr.grad(f)(nearly)).all()
    with pytest.raises(NotDifferentiableError, match="linearly dependent"):
        fr.grad(f)(nearly, rank_tol=1e-8)
    graded = np.diag([1.0, 1e-30])  # each column counts by its own length
    np.testing.assert_allclose(fr.grad(lambda A: abs(f(A)))(graded), [[1, 1], [0, 1]], atol=1e-15)


def test_the_basis_of_the_complement_is_no_function_of_the_matrix():
    def f(A, **options):
        return fr.linalg.qr(A, **options)[0][0, -1]

    with pytest.raises(NotDifferentiableError, match="complement of the range"):
        fr.grad(f)(real(4, 2))
    assert fr.grad(f)(real(4, 2), gauge_tol=np.inf).shape == (4, 2)  # the part that is determined
    with pytest.raises(NotDifferentiableError, match="complement of the range"):
        fr.grad(lambda A: fr.linalg.rq(A)[1][0, 0])(real(2, 4))


def test_the_raw_form_is_refused():
    with pytest.raises(NotDifferentiableError, match=r"mode='raw'.*economic"):
        fr.grad(lambda A: np.sum(fr.linalg.qr(A, mode="raw")[1]))(real(3, 2))


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("qr_insert", lambda Q, R: (Q, R, np.ones(3), 0)),
        ("qr_delete", lambda Q, R: (Q, R, 0)),
        ("qr_update", lambda Q, R: (Q, R, np.ones(3), np.ones(3))),
    ],
)
def test_updates_are_scipys_and_refused_under_differentiation(name, args):
    A = real(3, 3)
    Q, R = scipy.linalg.qr(A)
    for x, y in zip(
        getattr(fr.linalg, name)(*args(Q, R)), getattr(scipy.linalg, name)(*args(Q, R)), strict=True
    ):
        np.testing.assert_array_equal(x, y)
    with pytest.raises(NotDifferentiableError, match="Form the changed matrix"):
        fr.grad(lambda Q: np.sum(getattr(fr.linalg, name)(*args(Q, R))[0]))(Q)


def test_bad_arguments():
    for f in (fr.linalg.qr, fr.linalg.rq):
        with pytest.raises(ValueError, match="mode is"):
            f(np.eye(2), mode="reduced")
        with pytest.raises(ValueError, match="must be a matrix"):
            f(np.ones(2))
        with pytest.raises(ValueError, match="infs or NaNs"):
            f(np.array([[np.nan]]))
    with pytest.raises(ValueError, match="mode is 'left' or 'right'"):
        fr.linalg.qr_multiply(np.eye(2), np.eye(2), "both")
    with pytest.raises(ValueError, match=r"has 3 rows; c has shape \(2, 2\)"):
        fr.linalg.qr_multiply(np.ones((3, 2)), np.eye(2))
    with pytest.raises(ValueError, match=r"has 2 columns; c has shape \(3, 1\)"):
        fr.linalg.qr_multiply(np.ones((3, 2)), np.ones((3, 1)), "left")


def test_lists_and_integers():
    assert fr.linalg.qr([[1, 2], [3, 4]])[0].dtype == np.float64
    assert fr.linalg.rq([[1, 2], [3, 4]])[0].dtype == np.float64
