"""solve_triangular, cho_factor, cho_solve and lu_solve."""

from __future__ import annotations

from functools import partial

import mpmath
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.testing import check_rule

rng = np.random.default_rng(1)


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def regular(make, *shape):
    return make(*shape) + 3 * np.eye(shape[-1])


def adjoint(A):
    return np.conj(np.swapaxes(A, -1, -2))


def positive(make, *shape):
    A = make(*shape)
    return A @ adjoint(A) + 3 * np.eye(shape[-1])


def triangular(trans=0, lower=False, unit=False):
    return lambda a, b: fr.linalg.solve_triangular(a, b, trans, lower, unit)


def cho_solve(lower):
    return lambda c, b: fr.linalg.cho_solve((c, lower), b)


def lu_solve(piv, trans=0):
    return lambda lu, b: fr.linalg.lu_solve((lu, piv), b, trans)


def cho_factor(lower):
    return lambda a: fr.linalg.cho_factor(a, lower)[0]


def through_the_factor(lower):
    """Factorize and solve: A⁻¹ b as a function of A."""
    return lambda a, b: fr.linalg.cho_solve(fr.linalg.cho_factor(a, lower), b)


def cases(shapes):
    for make in (real, cplx):
        for a, b in shapes:
            A, B = regular(make, *a), make(*b)
            for trans in (0, "T", "C"):
                yield triangular(trans, lower=trans != 0), (A, B)
            yield triangular(1, False, True), (A, B)
            yield triangular(0, True, True), (A, B)
            lu, piv = scipy.linalg.lu_factor(make(*a))
            for trans in (0, 1, 2):
                yield lu_solve(piv, trans), (lu, B)
            for lower in (False, True):
                yield cho_solve(lower), (A, B)
                H = positive(make, *a) + 0.3 * np.triu(np.ones(a[-2:]), 1)  # read from one triangle
                yield cho_factor(lower), (H,)
                yield through_the_factor(lower), (H, B)


CASES = [
    (fr.linalg.solve_triangular, (regular(real, 3, 3), real(3))),
    (fr.linalg.solve_triangular, (regular(real, 3, 3), cplx(3))),
    (fr.linalg.solve_triangular, (regular(real, 3, 3).astype("f"), real(3).astype("f"))),
    (fr.linalg.solve_triangular, (np.ones((0, 0)), np.ones(0))),
    (lambda A: fr.linalg.cho_factor(A @ adjoint(A) + np.eye(3))[0], (cplx(3, 3),)),
    *cases([((3, 3), (3,)), ((3, 3), (3, 2)), ((3, 3), (2, 3, 1))]),
]
CASES_STACKED = list(cases([((2, 3, 3), (3,)), ((2, 3, 3), (2, 3, 1)), ((2, 1, 3, 3), (3, 3, 1))]))


@pytest.mark.parametrize(("function", "args"), CASES + CASES_STACKED)
def test_rule(function, args):
    check_rule(function, *args)


@given(
    n=st.integers(1, 5),
    kind=st.sampled_from([np.float32, np.float64, np.complex64, np.complex128]),
    trans=st.sampled_from([0, 1, 2]),
    lower=st.booleans(),
    unit=st.booleans(),
    stack=st.sampled_from([(), (2,), (1, 2)]),
    seed=st.integers(0, 999),
)
@settings(max_examples=15)
def test_sizes_and_types(n, kind, trans, lower, unit, stack, seed):
    r = np.random.default_rng(seed)
    A = (r.standard_normal((*stack, n, n)) + 1j * r.standard_normal((*stack, n, n))) / n + 3 * np.eye(n)
    b = r.standard_normal((n, 2)) * (1 + 1j)
    A, b = (x.astype(kind) if kind in (np.complex64, np.complex128) else x.real.astype(kind) for x in (A, b))
    x = fr.linalg.solve_triangular(A, b, trans, lower, unit)
    assert x.dtype == kind
    check_rule(triangular(trans, lower, unit), A, b)


@pytest.mark.parametrize("make", [real, cplx])
@pytest.mark.parametrize(
    ("a", "b"), [((4, 4), (4,)), ((4, 4), (2, 4, 1)), ((2, 4, 4), (4, 3)), ((2, 17, 17), (2, 17, 1))]
)
def test_values_are_scipys(make, a, b):
    A, B = make(*a) / a[-1] + 2 * np.eye(a[-1]), make(*b)
    same = {"rtol": 1e-10, "atol": 1e-12}  # well-conditioned: some hundred roundings
    for trans in (0, 1, 2):
        for lower in (False, True):
            for unit in (False, True):
                np.testing.assert_allclose(
                    fr.linalg.solve_triangular(A, B, trans, lower, unit),
                    scipy.linalg.solve_triangular(A, B, trans, lower, unit),
                    **same,
                )
        factors = scipy.linalg.lu_factor(make(*a) + A)
        np.testing.assert_allclose(
            fr.linalg.lu_solve(factors, B, trans), scipy.linalg.lu_solve(factors, B, trans), **same
        )
    H = positive(make, *a)
    for lower in (False, True):
        ours, theirs = fr.linalg.cho_factor(H, lower), scipy.linalg.cho_factor(H, lower)
        triangle = np.tril if lower else np.triu
        np.testing.assert_allclose(ours[0], triangle(theirs[0]), **same)
        assert ours[1] is lower
        np.testing.assert_allclose(
            fr.linalg.cho_solve(ours, B), scipy.linalg.cho_solve((theirs[0], lower), B), **same
        )


def test_substitution_is_exact_entry_by_entry():
    """A graded triangular matrix: its condition number is 1e40, yet every digit of x and of dx is right."""
    n = 5
    T = np.tril(np.abs(real(n, n)) + 1) * 10.0 ** -np.arange(0, 10 * n, 10)[:, None]
    b, dT = np.abs(real(n)) * 10.0 ** -np.arange(0, 10 * n, 10), np.tril(np.abs(real(n, n)))
    dT = dT * 10.0 ** -np.arange(0, 10 * n, 10)[:, None]
    with mpmath.workdps(120):
        M = mpmath.matrix(T.tolist())
        x = mpmath.lu_solve(M, mpmath.matrix(b.tolist()))
        dx = mpmath.lu_solve(M, -(mpmath.matrix(dT.tolist()) * x))
        x, dx = (np.array(v.tolist(), float)[:, 0] for v in (x, dx))
    for stacked in (False, True):
        M = np.stack([T, T]) if stacked else T
        D = np.stack([dT, dT]) if stacked else dT
        ours, derivative = fr.jvp(lambda M: fr.linalg.solve_triangular(M, b, lower=True), (M,), (D,))
        # some sixteen roundings at each entry, amplified by sums of numbers of both signs
        np.testing.assert_allclose(ours[0] if stacked else ours, x, rtol=1e-12)
        np.testing.assert_allclose(derivative[0] if stacked else derivative, dx, rtol=1e-11)


def test_gradients_lie_in_what_is_read():
    A, b = regular(real, 3, 3), real(3)
    for stack in ((), (2,)):
        M = np.broadcast_to(A, (*stack, 3, 3)).copy()
        for lower in (False, True):
            triangle = np.tril if lower else np.triu
            ones = np.broadcast_to(triangle(np.ones((3, 3))), M.shape)
            w = np.ones((*stack, 3))
            g = fr.vjp(partial(fr.linalg.solve_triangular, b=b, lower=lower), M)[1](w)[0]
            assert ((g != 0) == (ones != 0)).all()
            solve = partial(fr.linalg.solve_triangular, b=b, lower=lower, unit_diagonal=True)
            g = fr.vjp(solve, M)[1](w)[0]
            assert not (g * (1 - ones + np.eye(3))).any()
            g = fr.vjp(cho_solve(lower), M, b)[1](w)[0]
            assert ((g != 0) == (ones != 0)).all()
    H = positive(real, 3, 3)
    g = fr.grad(lambda H: np.sum(fr.linalg.cho_factor(H)[0]))(H)
    np.testing.assert_allclose(g, g.T, rtol=1e-14)
    H[2, 0] += 1
    g = fr.grad(lambda H: np.sum(fr.linalg.cho_factor(H)[0]))(H)
    np.testing.assert_array_equal(g, np.triu(g))


def test_bad_input():
    A, b = np.eye(3), np.ones(3)
    for solve in (
        fr.linalg.solve_triangular,
        lambda A, b: fr.linalg.cho_solve((A, False), b),
        lambda A, b: fr.linalg.lu_solve((A, np.arange(3)), b),
    ):
        with pytest.raises(ValueError, match="square"):
            solve(np.ones((2, 3)), b)
        with pytest.raises(ValueError, match="incompatible"):
            solve(A, np.ones(2))
        with pytest.raises(ValueError, match="infs or NaNs"):
            solve(A, b * np.nan)
        for stack in ((), (2,)):
            with pytest.raises(np.linalg.LinAlgError, match="singular"):
                solve(np.broadcast_to(np.diag([1.0, 0.0, 2.0]), (*stack, 3, 3)), b)
    with pytest.raises(np.linalg.LinAlgError, match="diagonal 1"):
        fr.linalg.solve_triangular(np.diag([-1.0, 0.0, 2.0]), b)
    with pytest.raises(ValueError, match="trans"):
        fr.linalg.solve_triangular(A, b, trans="H")
    with pytest.raises(ValueError, match="trans"):
        fr.linalg.lu_solve((A, np.arange(3)), b, trans=3)
    with pytest.raises(ValueError, match="piv"):
        fr.linalg.lu_solve((A, np.array([0, 1, 3])), b)
    with pytest.raises(ValueError, match="piv"):
        fr.linalg.lu_solve((A, np.ones(3)), b)
    with pytest.raises(ValueError, match="lu_solve: piv must hold 3 row numbers"):
        fr.linalg.lu_solve((A, np.zeros((2, 3), int)), b)
    with pytest.raises(np.linalg.LinAlgError, match="positive definite"):
        fr.linalg.cho_factor(-A)
    for call in (fr.linalg.cho_factor, fr.linalg.cholesky, scipy.linalg.cho_factor):  # SciPy's words
        with pytest.raises(np.linalg.LinAlgError, match=r"^2-th leading minor of the array is not positive"):
            call(np.diag([1.0, -1.0]))
    with pytest.raises(ValueError, match="square"):
        fr.linalg.cho_factor(np.ones((2, 3)))
    with pytest.raises(ValueError, match="infs or NaNs"):
        fr.linalg.cho_factor(A * np.nan)


def test_empty():
    assert fr.linalg.solve_triangular(np.ones((0, 0)), np.ones((0, 2))).shape == (0, 2)
    assert fr.linalg.cho_factor(np.ones((0, 0)))[0].shape == (0, 0)
    assert fr.linalg.cho_solve((np.ones((0, 0)), True), np.ones(0)).shape == (0,)
    assert fr.linalg.lu_solve((np.eye(2), np.arange(2)), np.ones((2, 0))).shape == (2, 0)
    assert fr.linalg.solve_triangular(np.ones((0, 2, 2)), np.ones(2)).shape == (0, 2)
