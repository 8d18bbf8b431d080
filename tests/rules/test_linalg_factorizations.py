"""Cholesky and QR factorizations."""

from __future__ import annotations

import numpy as np
import pytest

import frechet as fr
from frechet.errors import NotDifferentiableError
from frechet.rules.linalg_factorizations import reading
from frechet.testing import check_rule

rng = np.random.default_rng(0)


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def adjoint(A):
    return np.conj(np.swapaxes(A, -1, -2))


def definite(make, *shape):
    B = make(*shape)
    return B @ adjoint(B) + np.eye(shape[-1])


# --- Cholesky ----------------------------------------------------------------------------------------------


def cholesky_of_hermitian(X, upper=False):
    """A function of an arbitrary matrix, whose perturbations reach the factorization Hermitian."""
    return np.linalg.cholesky((X + adjoint(X)) / 2, upper=upper)


def cholesky_of_product(B):
    return np.linalg.cholesky(np.matmul(B, adjoint(B)))


SQUARE = [(3, 3), (2, 3, 3), (1, 1), (0, 0)]
CASES_CHOLESKY = [
    *(
        (cholesky_of_hermitian, (definite(make, *s), u))
        for make in (real, cplx)
        for s in SQUARE
        for u in (False, True)
    ),
    *((cholesky_of_product, (make(3, 3) + 2 * np.eye(3),)) for make in (real, cplx)),
    (cholesky_of_hermitian, (definite(real, 3, 3).astype(np.float32),)),
    # Not Hermitian: what NumPy computes depends on one triangle, and so do all perturbations.
    *((np.linalg.cholesky, (np.tril(definite(make, 3, 3)),)) for make in (real, cplx)),
    *((np.linalg.cholesky, (np.triu(definite(make, 2, 3, 3)),), {"upper": True}) for make in (real, cplx)),
]

# --- QR ----------------------------------------------------------------------------------------------------


def qr_complete(A):
    """What of a complete QR factorization does not depend on the basis of the complement of the range."""
    Q, R = np.linalg.qr(A, mode="complete")
    rest = Q[..., A.shape[-1] :]
    return Q[..., : A.shape[-1]], R, np.matmul(rest, adjoint(rest))


SHAPES = [(3, 3), (4, 2), (2, 4), (3, 5, 2), (2, 2, 3), (1, 1), (3, 1), (1, 3)]
CASES_QR = [
    *((np.linalg.qr, (make(*s), mode)) for make in (real, cplx) for s in SHAPES for mode in ("reduced", "r")),
    *((np.linalg.qr, (make(*s), "complete")) for make in (real, cplx) for s in SHAPES if s[-2] <= s[-1]),
    *((qr_complete, (make(*s),)) for make in (real, cplx) for s in SHAPES if s[-2] > s[-1]),
    (np.linalg.qr, (real(3, 3).astype(np.float32),)),
]


@pytest.mark.parametrize(("function", "args", "kwargs"), [(*c, {})[:3] for c in CASES_CHOLESKY + CASES_QR])
def test_rule(function, args, kwargs):
    check_rule(function, *args, **kwargs)


def test_cholesky_gradient_is_symmetric_at_a_symmetric_matrix_and_triangular_at_a_triangle():
    A = np.array([[4.0, 2.0], [2.0, 5.0]])  # L = [[2, 0], [1, 2]]
    entry = fr.grad(lambda A: np.linalg.cholesky(A)[1, 0])  # a₂₁/√a₁₁, so ∂a₁₁ = −1/8 and ∂a₂₁ = 1/2
    np.testing.assert_allclose(entry(A), [[-0.125, 0.25], [0.25, 0]], rtol=1e-15)
    np.testing.assert_allclose(entry(np.tril(A)), [[-0.125, 0], [0.5, 0]], rtol=1e-15)
    upper = fr.grad(lambda A: np.linalg.cholesky(A, upper=True)[0, 1])
    np.testing.assert_allclose(upper(np.triu(A)), [[-0.125, 0.5], [0, 0]], rtol=1e-15)


def test_cholesky_of_an_indefinite_matrix_raises_numpys_error():
    with pytest.raises(np.linalg.LinAlgError, match="positive definite"):
        fr.grad(lambda A: np.sum(np.linalg.cholesky(A)))(np.diag([1.0, -1.0]))


def test_qr_refuses_what_has_no_derivative():
    with pytest.raises(NotDifferentiableError, match="mode='raw'"):
        fr.grad(lambda A: np.sum(np.linalg.qr(A, "raw")[1]))(real(3, 2))
    with pytest.raises(
        NotDifferentiableError, match=r"np\.linalg\.qr\(mode=.complete.\).*complement of the range"
    ):
        fr.grad(lambda A: np.linalg.qr(A, "complete")[0][0, -1])(real(4, 2))
    for A in (np.ones((3, 2)), np.zeros((3, 2)), np.stack([np.eye(2), np.ones((2, 2))])):
        with pytest.raises(NotDifferentiableError, match=r"linearly dependent.*lstsq"):
            fr.grad(lambda A: np.sum(np.linalg.qr(A)[0]))(A)


def test_unused_results_of_qr_cost_nothing_and_change_nothing():
    A, W = real(4, 3), real(3, 3)
    only_r = fr.grad(lambda A: np.sum(W * np.linalg.qr(A, "r")))(A)
    np.testing.assert_allclose(
        fr.grad(lambda A: np.sum(W * np.linalg.qr(A)[1]))(A), only_r, rtol=1e-12, atol=1e-14
    )


@pytest.mark.parametrize("make", [real, cplx])
@pytest.mark.parametrize("n", [100, 180])
def test_the_pullback_of_qr_by_blocks_is_the_adjoint_of_the_pushforward(make, n):
    A, V, W1, W2 = (make(n, n) for _ in range(4))
    value, tangents = fr.jvp(np.linalg.qr, (A,), (V,))
    g = fr.vjp(np.linalg.qr, A)[1](type(value)(W1, np.triu(W2)))[0]
    forward = np.vdot(tangents[0], W1).real + np.vdot(tangents[1], np.triu(W2)).real
    assert abs(np.vdot(V, g).real - forward) < 1e-9 * np.linalg.norm(V) * np.linalg.norm(
        g
    )  # rounding, n·cond


def test_qr_takes_columns_of_any_length():
    """A column is compared with its own length: R = [1 0; 0 1e-30] has independent ones."""
    g = fr.grad(lambda A: np.abs(np.linalg.qr(A)[1][1, 1]))(np.diag([1.0, 1e-30]))
    np.testing.assert_allclose(g, [[0, 0], [0, 1]], atol=1e-15)


def test_symmetric_matrices_are_read_like_hermitian_ones():
    S = np.array([[1 + 1j, 2], [2, 3]])
    V = cplx(2, 2)
    np.testing.assert_array_equal(reading(S, hermitian=False).push(V), (V + V.T) / 2)
    np.testing.assert_array_equal(reading(S, hermitian=False).pull(V), (V + V.T) / 2)
    triangle = reading(np.tril(S), hermitian=False)
    lower = np.tril(V, -1) + np.diag(np.diag(V)) / 2
    np.testing.assert_array_equal(triangle.push(V), lower + lower.T)
    assert np.vdot(triangle.push(V), S) == pytest.approx(np.vdot(V, triangle.pull(S)))
