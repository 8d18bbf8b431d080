"""Eigenvalues and eigenvectors."""

from __future__ import annotations

import numpy as np
import pytest

import frechet as fr
from frechet.errors import NotDifferentiableError
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


def eigvalsh_of_hermitian(X):
    return np.linalg.eigvalsh(hermitian(X))


def eigh_without_phase(X, UPLO="L"):
    """The eigenvalues and functions of the eigenvectors that do not change with the phase of each."""
    w, V = np.linalg.eigh(X, UPLO)
    function = np.matmul(V * np.exp(w)[..., None, :], adjoint(V))
    return w, np.abs(V) ** 2, function, V[..., :, None, :] * np.conj(V)[..., None, :, :]


def eigh_of_hermitian(X):
    return eigh_without_phase(hermitian(X))


def eigh_plain(X):
    return tuple(np.linalg.eigh(X))


def eig_plain(X):
    return tuple(np.linalg.eig(X))


def eig_of_product(B):
    """A matrix whose eigenvalues stay real."""
    return tuple(np.linalg.eig(np.matmul(B, adjoint(B))))


SQUARE = [(3, 3), (2, 3, 3), (1, 1), (0, 0)]
CASES = [
    *((eigvalsh_of_hermitian, (make(*s),)) for make in (real, cplx) for s in SQUARE),
    *((eigh_of_hermitian, (make(*s),)) for make in (real, cplx) for s in SQUARE),
    # Not Hermitian: NumPy reads one triangle.
    *((np.linalg.eigvalsh, (make(3, 3), u)) for make in (real, cplx) for u in ("L", "U", "l")),
    *((eigh_without_phase, (make(2, 3, 3), u)) for make in (real, cplx) for u in ("L", "U")),
    (eigh_plain, (real(3, 3),)),
    (np.linalg.eigvalsh, (real(3, 3).astype(np.float32),)),
    *((np.linalg.eigvals, (make(*s),)) for make in (real, cplx) for s in SQUARE),
    *((eig_plain, (make(*s),)) for make in (real, cplx) for s in SQUARE),  # LAPACK's normalization included
    (eig_of_product, (real(3, 3),)),
]


# Eigenvectors vary on the scale of the gaps between eigenvalues, which leaves the differences five digits.
@pytest.mark.parametrize(("function", "args"), CASES)
def test_rule(function, args):
    check_rule(function, *args, tolerance=1e-5)


def test_gradient_is_symmetric_at_a_symmetric_matrix_and_in_the_triangle_that_is_read_else():
    A = np.array([[2.0, 1.0], [1.0, 2.0]])  # λ = 1, 3 with v = (1, ∓1)/√2
    largest = fr.grad(lambda A: np.linalg.eigvalsh(A)[1])
    np.testing.assert_allclose(largest(A), np.full((2, 2), 0.5), rtol=1e-14)
    np.testing.assert_allclose(largest(np.tril(A)), [[0.5, 0], [1, 0.5]], rtol=1e-14)
    np.testing.assert_allclose(
        fr.grad(lambda A: np.linalg.eigh(A, "U")[0][1])(np.triu(A)), [[0.5, 1], [0, 0.5]], rtol=1e-14
    )


# --- equal eigenvalues -------------------------------------------------------------------------------------

Q = np.linalg.qr(real(3, 3))[0]
DOUBLE = Q @ np.diag([1.0, 1.0, 2.0]) @ Q.T


@pytest.mark.parametrize(
    "eigenvalues", [np.linalg.eigvalsh, lambda A: np.linalg.eigh(A)[0], np.linalg.eigvals]
)
def test_symmetric_functions_of_equal_eigenvalues_are_exact(eigenvalues):
    # tr exp(A) has the gradient exp(A)ᵀ.
    gradient = fr.grad(lambda A: np.sum(np.exp(eigenvalues(A))))
    np.testing.assert_allclose(gradient(np.eye(3)), np.e * np.eye(3), rtol=1e-14)
    np.testing.assert_allclose(gradient(DOUBLE), Q @ np.diag(np.exp([1, 1, 2])) @ Q.T, rtol=1e-12, atol=1e-14)


def test_the_vector_of_a_simple_eigenvalue_beside_equal_ones():
    def f(A):
        return np.linalg.eigh(A)[1][0, 2] ** 2

    E = hermitian(real(3, 3))
    expected, error = numerical_pushforward(lambda t: [f(DOUBLE + t * E)])
    assert error < 1e-8
    assert np.sum(fr.grad(f)(DOUBLE) * E) == pytest.approx(float(expected[0]), rel=1e-7)


def matrix_exponential_entry(A):
    w, V = np.linalg.eigh(A)
    return ((V * np.exp(w)) @ V.T)[0, 1]


def entry_of_a_vector(A):
    """A combination of its entries; a single one may be zero, which has a derivative."""
    return np.sum(np.linalg.eigh(A)[1][:, 0] * np.array([1.0, 0.7, -0.4])) ** 2


@pytest.mark.parametrize("f", [matrix_exponential_entry, entry_of_a_vector])
@pytest.mark.parametrize(
    "A", [np.eye(3), DOUBLE, np.zeros((3, 3)), np.stack([np.diag([1.0, 2, 3]), np.eye(3)])]
)
def test_vectors_of_equal_eigenvalues_have_no_derivative(f, A):
    def g(A):
        return f(A) if A.ndim == 2 else f(A[0]) + f(A[1])

    with pytest.raises(NotDifferentiableError, match=r"equal values.*matrix function.*expm"):
        fr.grad(g)(A)
    with pytest.raises(NotDifferentiableError, match="equal values"):
        fr.jvp(g, (A,), (hermitian(real(*A.shape)),))


def test_a_tangent_that_keeps_the_eigenspaces_is_allowed():
    value, tangent = fr.jvp(eigh_plain, (DOUBLE,), (DOUBLE @ DOUBLE,))
    np.testing.assert_allclose(tangent[0], [2 * 0.5, 2 * 0.5, 4], rtol=1e-12)
    np.testing.assert_allclose(tangent[1], np.zeros((3, 3)), atol=1e-13)
    assert value[1].shape == (3, 3)


def test_second_derivatives_are_refused_at_equal_eigenvalues_not_made_up():
    # The cotangent of the vectors is zero at this point and yet varies: their rotation is asked for.
    V = np.linalg.eigh(np.eye(3))[1]

    def f(A):
        return np.sum((np.linalg.eigh(A)[1][:, 0] - V[:, 0]) ** 2)

    np.testing.assert_array_equal(fr.grad(f)(np.eye(3)), np.zeros((3, 3)))
    with pytest.raises(NotDifferentiableError, match="equal values"):
        fr.hessian(f)(np.eye(3))
    with pytest.raises(NotDifferentiableError, match="equal values"):
        fr.hvp(f, (np.eye(3),), (hermitian(real(3, 3)),))


# --- phases, defective matrices ----------------------------------------------------------------------------


def test_a_function_of_the_phase_is_refused():
    A = hermitian(cplx(3, 3))
    with pytest.raises(NotDifferentiableError, match=r"phase.*abs\(v\)"):
        fr.grad(lambda A: np.sum(np.linalg.eigh(A)[1]).imag)(A)


def test_eig_keeps_lapacks_normalization():
    A = cplx(4, 4)
    (_, V), (_, dV) = fr.jvp(eig_plain, (A,), (cplx(4, 4),))
    # Unit length: Re vᴴ dv = 0; the largest component stays real
    np.testing.assert_allclose(np.sum(V.conj() * dV, axis=0).real, np.zeros(4), atol=1e-13)
    largest = np.argmax(np.abs(V), axis=0)
    np.testing.assert_allclose(dV[largest, np.arange(4)].imag, np.zeros(4), atol=1e-13)


def test_real_eigenvalues_of_a_real_matrix_have_real_derivatives():
    A = np.array([[1.0, 2.0], [0.5, 3.0]])
    value, tangent = fr.jvp(np.linalg.eigvals, (A,), (np.eye(2),))
    np.testing.assert_allclose(tangent, [1, 1], rtol=1e-14)
    assert tangent.dtype == value.dtype


def test_defective_matrices_are_refused():
    A = np.array([[1.0, 1.0], [0.0, 1.0]])
    for f in (np.linalg.eigvals, eig_plain):
        with pytest.raises(NotDifferentiableError, match="defective"):
            fr.jvp(f, (A,), (np.eye(2),))
        with pytest.raises(NotDifferentiableError, match="defective"):
            fr.grad(lambda A, f=f: np.sum(np.real(f(A)[0])))(A)


def test_an_unknown_triangle_is_refused():
    for f in (np.linalg.eigh, np.linalg.eigvalsh):
        with pytest.raises(ValueError, match="UPLO"):
            fr.jvp(lambda A, f=f: f(A, "X")[0], (np.eye(2),), (np.eye(2),))
