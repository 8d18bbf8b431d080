"""hessenberg."""

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


def both(A):
    return fr.linalg.hessenberg(A, calc_q=True)


TURN = np.array([[1.0, 0.0, 0.0], [0.0, 0.6, -0.8], [0.0, 0.8, 0.6]])
CASES = [
    *((both, (make(n, n),)) for make in (real, cplx) for n in (3, 4, 6)),
    *((fr.linalg.hessenberg, (make(n, n),)) for make in (real, cplx) for n in (1, 2, 4)),
    (both, (real(4, 4).astype(np.float32),)),
    # A zero in the last place of the subdiagonal of a real form is harmless.
    (both, (TURN @ np.array([[1.0, 2.0, 3.0], [-2.0, 2.0, 1.0], [0.0, 0.0, 5.0]]) @ TURN.T,)),
]
CASES_STACKED = [(both, (make(2, 4, 4),)) for make in (real, cplx)]


@pytest.mark.parametrize(("function", "args", "kwargs"), [(*c, {})[:3] for c in CASES + CASES_STACKED])
def test_rule(function, args, kwargs):
    check_rule(function, *args, **kwargs)


@settings(max_examples=10)
@given(n=st.integers(1, 5), kind=st.sampled_from("fdFD"), seed=st.integers(0, 99))
def test_any_size(n, kind, seed):
    draw = np.random.default_rng(seed)
    A = draw.standard_normal((n, n)) + 1j * draw.standard_normal((n, n))
    A = A + 3 * np.eye(n, k=-1)  # no small entries below the diagonal
    A = (A if kind in "FD" else A.real).astype(kind)
    check_rule(fr.linalg.hessenberg, A, tolerance=2e-2 if kind in "fF" else None)


@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (2, 2), (3, 3), (6, 6), (2, 4, 4)])
@pytest.mark.parametrize("kind", "fdFD")
def test_values_are_scipys(shape, kind):
    A = (real(*shape) if kind in "fd" else cplx(*shape)).astype(kind)
    expected = scipy.linalg.hessenberg(A, calc_q=True)
    for x, y in zip(both(A), expected, strict=True):
        assert x.dtype == kind
        np.testing.assert_array_equal(x, y)
    np.testing.assert_array_equal(fr.linalg.hessenberg(A), expected[0])


def test_against_sixty_digits():
    """mpmath's form, with columns and rows multiplied by signs so that its subdiagonal has LAPACK's."""
    A, E = real(5, 5), real(5, 5)
    H = fr.linalg.hessenberg(A)

    def exact(M):
        # mpmath begins with the last row, so that the last column of its Q is a unit vector: it gets J Mᵀ J.
        J = mpmath.matrix(np.eye(5)[::-1].tolist())
        X, G = mpmath.hessenberg(J * M.T * J)
        X, G = J * X * J, J * G.T * J
        signs = [1]
        for k in range(4):
            signs.append(signs[-1] * int(np.sign(H[k + 1, k])) * int(mpmath.sign(G[k + 1, k])))
        S = mpmath.diag(signs)
        return S * G * S, X * S

    for got, expected in zip(fr.jvp(both, (A,), (E,))[1], derivative(exact, A, E), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-11 * np.abs(expected).max())


@pytest.mark.parametrize("make", [real, cplx])
def test_tangents_keep_the_form(make):
    A, E = make(7, 7), make(7, 7)
    (H, Q), (dH, dQ) = fr.jvp(both, (A,), (E,))
    np.testing.assert_allclose(dQ @ H @ adjoint(Q) + Q @ dH @ adjoint(Q) + Q @ H @ adjoint(dQ), E, atol=1e-9)
    np.testing.assert_allclose(np.diag(dH, -1).imag, 0, atol=1e-10)
    np.testing.assert_array_equal(dQ[:, 0], 0)


def test_reduced_forms_have_no_derivative():
    for A in (np.eye(3), np.diag([1.0, 2.0, 3.0]), np.stack([real(3, 3), np.eye(3)]), np.eye(4) + 0j):
        with pytest.raises(NotDifferentiableError, match=r"zero below its diagonal.*eigvals"):
            fr.grad(lambda A: np.sum(np.abs(fr.linalg.hessenberg(A))))(A)
    nearly = np.eye(4) + 1e-9 * np.eye(4, k=-1) + np.eye(4, k=1)
    assert np.isfinite(fr.grad(lambda A: np.sum(fr.linalg.hessenberg(A)))(nearly)).all()
    with pytest.raises(NotDifferentiableError, match="zero below its diagonal"):
        fr.grad(lambda A: np.sum(fr.linalg.hessenberg(A, rank_tol=1e-8)))(nearly)


def test_bad_arguments_and_types():
    with pytest.raises(ValueError, match="square"):
        fr.linalg.hessenberg(np.ones((2, 3)))
    with pytest.raises(ValueError, match="infs or NaNs"):
        fr.linalg.hessenberg(np.array([[np.nan]]))
    assert fr.linalg.hessenberg([[2, 1], [1, 3]]).dtype == np.float64


def test_small_matrices_are_copied():
    a = np.eye(2)
    fr.linalg.hessenberg(a)[0, 0] = 5
    assert a[0, 0] == 1
