"""polar and orthogonal_procrustes."""

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
from tests.linalg.factorization_references import polar as exact_polar

rng = np.random.default_rng(12)  # not the seed of check_rule's directions


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def unitary(make, n):
    return np.linalg.qr(make(n, n))[0]


def with_values(make, *s):
    """A square matrix with these singular values."""
    return (unitary(make, len(s)) * np.array(s)) @ unitary(make, len(s))


def cases(*shapes):
    for make in (real, cplx):
        for s in shapes:
            for side in ("left", "right"):
                yield fr.linalg.polar, (make(*s), side)


CASES = [
    *cases((3, 3), (4, 2), (2, 4), (1, 1), (3, 1), (1, 3)),
    # Equal and nearly equal singular values
    *((fr.linalg.polar, (with_values(make, 1, 1, 1 + 1e-9, 2),)) for make in (real, cplx)),
    (fr.linalg.polar, (np.eye(3),)),
    (fr.linalg.polar, (real(3, 3).astype(np.float32),)),
    *((fr.linalg.orthogonal_procrustes, (make(4, 3), make(4, 3))) for make in (real, cplx)),
]
CASES_STACKED = [
    *cases((2, 3, 2), (2, 2, 3)),
    *((fr.linalg.orthogonal_procrustes, (make(4, 2), make(3, 4, 2))) for make in (real, cplx)),
]


@pytest.mark.parametrize(("function", "args", "kwargs"), [(*c, {})[:3] for c in CASES + CASES_STACKED])
def test_rule(function, args, kwargs):
    check_rule(function, *args, **kwargs)


@settings(max_examples=10)
@given(
    values=st.lists(st.sampled_from([0.5, 1.0, 1.0 + 1e-12, 2.0]), min_size=1, max_size=5),
    kind=st.sampled_from("fdFD"),
    side=st.sampled_from(["left", "right"]),
)
def test_any_singular_values(values, kind, side):
    A = with_values(real if kind in "fd" else cplx, *values).astype(kind)
    check_rule(fr.linalg.polar, A, side, tolerance=1e-2 if kind in "fF" else None)


@pytest.mark.parametrize("shape", [(3, 3), (5, 3), (3, 5), (1, 4), (4, 1), (0, 3), (3, 0), (0, 0), (2, 4, 3)])
@pytest.mark.parametrize("kind", "fdFD")
def test_values_are_scipys(shape, kind):
    A = (real(*shape) if kind in "fd" else cplx(*shape)).astype(kind)
    condition = np.max(np.linalg.cond(A), initial=1.0) if A.size else 1.0  # rounding is amplified by it
    close = {"rtol": 0, "atol": 50 * np.finfo(kind).eps * condition}
    for side in ("left", "right"):
        got, expected = fr.linalg.polar(A, side), scipy.linalg.polar(A, side)
        for x, y in zip(got, expected, strict=True):
            assert x.dtype == y.dtype
            np.testing.assert_allclose(x, y, **close)
    if shape[-2] >= shape[-1]:
        B = (real(*shape) if kind in "fd" else cplx(*shape)).astype(kind)
        got, expected = (m.orthogonal_procrustes(A, B) for m in (fr.linalg, scipy.linalg))
        for x, y in zip(got, expected, strict=True):
            np.testing.assert_allclose(x, y, rtol=200 * np.finfo(kind).eps, atol=200 * np.finfo(kind).eps)


@pytest.mark.parametrize("make", [real, cplx])
@pytest.mark.parametrize("values", [(1, 2, 3), (1, 1, 1 + 1e-13), (1, 1e-3, 1e-8)])
def test_against_sixty_digits(make, values):
    A, E = with_values(make, *values), make(3, 3)
    exact = derivative(exact_polar, A, E)
    got = fr.jvp(fr.linalg.polar, (A,), (E,))[1]
    # U moves by 1/(sum of two singular values); so does its condition, and P's does not depend on them.
    for x, y, condition in zip(got, exact, (1 / values[-1] ** 2, 1 / values[-1]), strict=True):
        np.testing.assert_allclose(x, y, atol=1e-14 * condition)


def test_a_rotation_turns_and_its_symmetric_factor_stays():
    def rotated(t):
        c, s = np.cos(t), np.sin(t)
        return fr.linalg.polar(fr.array([[c, -s], [s, c]]) @ np.diag([2.0, 3.0]))

    U, P = fr.jvp(rotated, (0.3,), (1.0,))[1]
    np.testing.assert_allclose(U, [[-np.sin(0.3), -np.cos(0.3)], [np.cos(0.3), -np.sin(0.3)]], rtol=1e-13)
    np.testing.assert_allclose(P, 0, atol=1e-15)


def test_matrices_without_full_rank_have_no_derivative():
    for A in (np.ones((2, 2)), np.zeros((3, 2)), np.stack([np.eye(2), np.ones((2, 2))]), np.ones((2, 3))):
        for k in (0, 1):
            with pytest.raises(NotDifferentiableError, match=r"without full rank.*'nuc'"):
                fr.grad(lambda A, k=k: np.sum(fr.linalg.polar(A)[k]))(A)
    nearly = np.diag([1.0, 1e-9])
    assert np.isfinite(fr.grad(lambda A: np.sum(fr.linalg.polar(A)[0]))(nearly)).all()
    with pytest.raises(NotDifferentiableError, match="without full rank"):
        fr.grad(lambda A: np.sum(fr.linalg.polar(A, rank_tol=1e-8)[0]))(nearly)
    with pytest.raises(NotDifferentiableError, match="without full rank"):
        fr.grad(lambda A: fr.linalg.orthogonal_procrustes(A, np.eye(2))[1])(np.ones((2, 2)))


def test_bad_arguments_and_types():
    with pytest.raises(ValueError, match="side is 'right' or 'left'"):
        fr.linalg.polar(np.eye(2), "up")
    with pytest.raises(ValueError, match="must be a matrix"):
        fr.linalg.polar(np.ones(2))
    with pytest.raises(ValueError, match="infs or NaNs"):
        fr.linalg.polar(np.array([[np.nan]]))
    with pytest.raises(ValueError, match=r"one shape, got \(2, 2\) and \(3, 2\)"):
        fr.linalg.orthogonal_procrustes(np.eye(2), np.ones((3, 2)))
    with pytest.raises(ValueError, match="infs or NaNs"):
        fr.linalg.orthogonal_procrustes(np.array([[np.inf]]), np.eye(1))
    assert fr.linalg.polar([[2, 1], [1, 3]])[0].dtype == np.float64


def test_procrustes_is_named_where_it_has_no_derivative():
    one = np.ones((3, 2))
    with pytest.raises(
        NotDifferentiableError, match=r"^fr\.linalg\.orthogonal_procrustes of a matrix without"
    ):
        fr.jvp(lambda A: fr.linalg.orthogonal_procrustes(A, one)[0], (one,), (one,))
    with (
        np.errstate(over="ignore"),
        pytest.raises(
            ValueError, match=r"^orthogonal_procrustes: the product of A and B must not contain infs"
        ),
    ):
        fr.linalg.orthogonal_procrustes(1e200 * one, 1e200 * one)
