"""ldl."""

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
from tests.linalg.factorization_references import lu as exact_lu

rng = np.random.default_rng(12)  # not the seed of check_rule's directions


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def turned(A, hermitian):
    A = np.swapaxes(A, -1, -2)
    return np.conj(A) if hermitian else A


def symmetric(A, hermitian=True):
    return (A + turned(A, hermitian)) / 2


def ldl(lower=True, hermitian=True):
    """Of any matrix, whose perturbations reach the factorization Hermitian or symmetric."""
    return lambda A: fr.linalg.ldl(symmetric(A, hermitian), lower, hermitian)[:2]


# A 2 × 2 block comes first, and its bottom row stays.
TWO_ROWED = np.array([[0.0, 3.0, 0.1], [3.0, 0.1, 0.2], [0.1, 0.2, 1.0]])
SEVERAL_BLOCKS = np.kron(np.diag([1.0, 2.0]), TWO_ROWED) + 0.1


def cases(*shapes):
    for make in (real, cplx):
        for s in shapes:
            for lower in (False, True):
                for hermitian in (False, True):
                    yield ldl(lower, hermitian), (make(*s),)


CASES = [
    *cases((1, 1), (3, 3), (5, 5)),
    *(
        (ldl(lower, hermitian), (A * (1 + 0.1j) if not hermitian else A,))
        for A in (TWO_ROWED, SEVERAL_BLOCKS)
        for lower in (False, True)
        for hermitian in (False, True)
    ),
    (ldl(), (real(3, 3).astype(np.float32),)),
    # Not symmetric: one triangle is read.
    (lambda A: fr.linalg.ldl(A)[:2], (np.tril(TWO_ROWED),)),
    (lambda A: fr.linalg.ldl(A, lower=False)[:2], (np.triu(TWO_ROWED),)),
    (lambda A: fr.linalg.ldl(A, hermitian=False)[:2], (np.tril(TWO_ROWED + 0.1j * np.eye(3)),)),
]
CASES_STACKED = [*cases((2, 4, 4)), (ldl(), (np.stack([TWO_ROWED, np.diag([1.0, 2.0, 3.0])]),))]


@pytest.mark.parametrize(("function", "args", "kwargs"), [(*c, {})[:3] for c in CASES + CASES_STACKED])
def test_rule(function, args, kwargs):
    check_rule(function, *args, **kwargs)


@settings(max_examples=10)
@given(
    n=st.integers(1, 5),
    kind=st.sampled_from("dD"),
    lower=st.booleans(),
    hermitian=st.booleans(),
    seed=st.integers(0, 99),
)
def test_any_inertia(n, kind, lower, hermitian, seed):
    draw = np.random.default_rng(seed)
    A = 0.1 * (draw.standard_normal((n, n)) + 1j * draw.standard_normal((n, n)))
    A += np.diag(draw.choice([-1.0, 1.0], n) * (1 + np.arange(n)))  # the choice of pivots is clear
    check_rule(ldl(lower, hermitian), A if kind == "D" else A.real)


@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (3, 3), (6, 6), (2, 4, 4)])
@pytest.mark.parametrize("kind", "fdFD")
@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("hermitian", [False, True])
def test_values_are_scipys(shape, kind, lower, hermitian):
    A = symmetric(real(*shape) if kind in "fd" else cplx(*shape), hermitian).astype(kind)
    got, expected = (m.ldl(A, lower, hermitian) for m in (fr.linalg, scipy.linalg))
    for x, y in zip(got, expected, strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_array_equal(x, y)


def test_against_sixty_digits():
    """A matrix whose largest pivots come first: no exchanges, D is the diagonal of U."""
    d = np.logspace(0, -10, 5)
    A, E = (d[:, None] * symmetric(X) * d for X in (0.1 * real(5, 5) + np.eye(5), real(5, 5)))
    assert fr.linalg.ldl(A)[2].tolist() == [0, 1, 2, 3, 4]
    exact_L, exact_U = derivative(exact_lu, A, E)
    dL, dD = fr.jvp(lambda A: fr.linalg.ldl(A)[:2], (A,), (E,))[1]
    np.testing.assert_allclose(dL / d[:, None] * d, exact_L / d[:, None] * d, atol=1e-13)
    np.testing.assert_allclose(np.diag(dD) / d**2, np.diag(exact_U) / d**2, rtol=1e-12)


def test_gradients_are_hermitian_or_symmetric():
    A = cplx(4, 4)
    W = cplx(4, 4)
    for hermitian in (False, True):
        g = fr.grad(lambda A, h=hermitian: np.sum(np.real(W * fr.linalg.ldl(A, hermitian=h)[0])))
        got = g(symmetric(A, hermitian))
        np.testing.assert_allclose(got, turned(got, hermitian), atol=1e-14 * np.abs(got).max())


def test_singular_matrices_have_no_derivative():
    for A in (np.ones((2, 2)), np.zeros((2, 2)), np.stack([np.eye(2), np.ones((2, 2))])):
        with pytest.raises(NotDifferentiableError, match=r"singular.*eigvalsh.*fr.linalg.det"):
            fr.grad(lambda A: np.sum(fr.linalg.ldl(A)[0]))(A)
    nearly = np.array([[1.0, 1.0], [1.0, 1 + 1e-9]])
    assert np.isfinite(fr.grad(lambda A: np.sum(fr.linalg.ldl(A)[1]))(nearly)).all()
    with pytest.raises(NotDifferentiableError, match="zero"):
        fr.grad(lambda A: np.sum(fr.linalg.ldl(A, rank_tol=1e-8)[1]))(nearly)


def test_bad_arguments_and_types():
    with pytest.raises(ValueError, match="square"):
        fr.linalg.ldl(np.ones((2, 3)))
    with pytest.raises(ValueError, match="infs or NaNs"):
        fr.linalg.ldl(np.array([[np.nan]]))
    assert fr.linalg.ldl([[2, 1], [1, 3]])[1].dtype == np.float64
    with pytest.warns(np.exceptions.ComplexWarning, match="imaginary parts of the diagonal"):
        fr.linalg.ldl(np.array([[1.0 + 1j]]))
