"""solve_banded, solveh_banded, cho_solve_banded: gradients in the bands."""

from __future__ import annotations

import tracemalloc
from functools import partial

import mpmath
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.linalg import _band_factor
from frechet.testing import check_rule

rng = np.random.default_rng(2)


def real(*shape):
    return rng.standard_normal(shape)


def cplx(*shape):
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def bands(make, below, above, n, *stack, main=None):
    """Random bands of a well-conditioned matrix; the corners hold numbers, too."""
    ab = make(*stack, below + above + 1, n)
    ab[..., above if main is None else main, :] += 4 * (below + above + 1)
    return ab


def dense(ab, above):
    """The matrix of which ab are the bands."""
    n = ab.shape[-1]
    A = np.zeros((n, n), ab.dtype)
    for d in range(len(ab)):
        for j in range(n):
            if 0 <= j + d - above < n:
                A[j + d - above, j] = ab[d, j]
    return A


def banded(below, above):
    return lambda ab, b: fr.linalg.solve_banded((below, above), ab, b)


def hermitian(lower):
    return lambda ab, b: fr.linalg.solveh_banded(ab, b, lower=lower)


def factored(lower):
    return lambda cb, b: fr.linalg.cho_solve_banded((cb, lower), b)


WIDTHS = [(1, 1), (2, 1), (0, 2), (2, 0), (0, 0)]


def cases(stacks):
    for make in (real, cplx):
        for stack, b in stacks:
            for below, above in WIDTHS:
                yield banded(below, above), (bands(make, below, above, 4, *stack), make(*b))
            for u in (0, 1, 2):
                for lower in (False, True):
                    ab = bands(make, 0, u, 4, *stack, main=0 if lower else u)
                    yield hermitian(lower), (ab, make(*b))
                    yield factored(lower), (ab, make(*b))


CASES = [
    *cases([((), (4,)), ((), (4, 2)), ((), (2, 4, 1))]),
    (banded(1, 1), (bands(real, 1, 1, 1), real(1))),
    (banded(1, 2), (bands(real, 1, 2, 2), real(2))),  # wider than the matrix
    (banded(1, 1), (bands(real, 1, 1, 4), cplx(4))),
    (banded(1, 2), (bands(real, 1, 2, 4).astype("f"), real(4).astype("f"))),
    (hermitian(False), (bands(real, 0, 1, 1, main=1), real(1))),
    (hermitian(True), (bands(real, 0, 1, 4, main=0).astype("f"), real(4).astype("f"))),
    (banded(1, 1), (np.ones((3, 0)), np.ones(0))),
]
CASES_STACKED = [
    *cases([((2,), (4,)), ((2,), (2, 4, 1)), ((2, 1), (3, 4, 1))]),
    (banded([2, 0], [0, 2]), (bands(real, 1, 1, 4, 2), real(4))),
]


@pytest.mark.parametrize(("function", "args"), CASES + CASES_STACKED)
def test_rule(function, args):
    check_rule(function, *args)


@given(
    n=st.integers(1, 5),
    below=st.integers(0, 3),
    above=st.integers(0, 3),
    kind=st.sampled_from([np.float32, np.float64, np.complex64, np.complex128]),
    seed=st.integers(0, 999),
)
@settings(max_examples=15)
def test_sizes_and_types(n, below, above, kind, seed):
    r = np.random.default_rng(seed)
    ab = r.standard_normal((below + above + 1, n)) + 1j * r.standard_normal((below + above + 1, n))
    ab[above] += 4 * (below + above + 1)
    b = r.standard_normal(n) * (1 + 1j)
    ab, b = (
        x.astype(kind) if kind in (np.complex64, np.complex128) else x.real.astype(kind) for x in (ab, b)
    )
    x = fr.linalg.solve_banded((below, above), ab, b)
    assert x.dtype == kind
    # by the dense matrix; well-conditioned
    np.testing.assert_allclose(
        x, np.linalg.solve(dense(ab, above), b), rtol=1e-4 if kind in (np.float32, np.complex64) else 1e-11
    )
    check_rule(banded(below, above), ab, b)


@pytest.mark.parametrize("make", [real, cplx])
@pytest.mark.parametrize(
    ("stack", "b"), [((), (9,)), ((), (9, 2)), ((2,), (9,)), ((2, 3), (9, 2)), ((2,), (3, 2, 9, 1))]
)
def test_values_are_scipys(make, stack, b):
    B = make(*b)
    same = {"rtol": 1e-11, "atol": 1e-13}  # diagonally dominant: a few roundings
    for widths in [*WIDTHS, (3, 4)]:
        ab = bands(make, *widths, 9, *stack)
        np.testing.assert_allclose(
            fr.linalg.solve_banded(widths, ab, B), scipy.linalg.solve_banded(widths, ab, B), **same
        )
    for u in (0, 1, 2, 4):
        for lower in (False, True):
            ab = bands(make, 0, u, 9, *stack, main=0 if lower else u)
            np.testing.assert_allclose(
                fr.linalg.solveh_banded(ab, B, lower=lower),
                scipy.linalg.solveh_banded(ab, B, lower=lower),
                **same,
            )
            np.testing.assert_allclose(
                fr.linalg.cho_solve_banded((ab, lower), B),
                scipy.linalg.cho_solve_banded((ab, lower), B),
                **same,
            )


def test_widths_that_differ_in_a_batch():
    ab, b = bands(real, 1, 1, 5, 2, 3), real(5)
    ab[..., 0, :] += 12
    ab[..., 2, :] += 12
    below, above = [2, 1, 0], [0, 1, 2]
    x = fr.linalg.solve_banded((below, above), ab, b)
    np.testing.assert_allclose(x, scipy.linalg.solve_banded((below, above), ab, b), rtol=1e-10)


def test_value_and_derivative_to_the_last_digits():
    """The second difference of 30 points, whose condition number is 400: against 50 digits."""
    n = 6
    ab = np.array([np.r_[0.0, -np.ones(n - 1)], np.full(n, 2.0), np.r_[-np.ones(n - 1), 0.0]])
    b, d, w = np.arange(1.0, n + 1), real(3, n), real(n)
    with mpmath.workdps(50):
        M = mpmath.matrix(dense(ab, 1).tolist())
        x = mpmath.lu_solve(M, mpmath.matrix(b.tolist()))
        dx = mpmath.lu_solve(M, -(mpmath.matrix(dense(d, 1).tolist()) * x))
        g = -mpmath.lu_solve(M.T, mpmath.matrix(w.tolist())) * x.T
        x, dx, g = (np.array(v.tolist(), float) for v in (x, dx, g))
    ours, derivative = fr.jvp(banded(1, 1), (ab, b), (d, 0 * b))
    np.testing.assert_allclose(ours, x[:, 0], rtol=1e-13)
    np.testing.assert_allclose(derivative, dx[:, 0], rtol=1e-13, atol=1e-13)
    gradient = fr.vjp(lambda ab: fr.linalg.solve_banded((1, 1), ab, b), ab)[1](w)[0]
    expected = [np.r_[0.0, np.diagonal(g, 1)], np.diagonal(g), np.r_[np.diagonal(g, -1), 0.0]]
    np.testing.assert_allclose(gradient, expected, rtol=1e-12, atol=1e-13)
    # The same matrix by its upper half: an entry off the diagonal stands for two.
    gradient = fr.vjp(lambda ab: fr.linalg.solveh_banded(ab, b), ab[:2])[1](w)[0]
    expected = [np.r_[0.0, np.diagonal(g + g.T, 1)], np.diagonal(g)]
    np.testing.assert_allclose(gradient, expected, rtol=1e-12, atol=1e-13)


def test_corners_are_not_read():
    b = real(4)
    for widths in WIDTHS:
        ab = bands(real, *widths, 4)
        corners = np.array([[not 0 <= j + d - widths[1] < 4 for j in range(4)] for d in range(len(ab))])
        other = np.where(corners, np.nan, ab)
        solve = partial(fr.linalg.solve_banded, widths, b=b, check_finite=False)
        np.testing.assert_array_equal(solve(other), solve(ab))
        g = fr.vjp(solve, other)[1](np.ones(4))[0]
        assert ((g == 0) == corners).all()
    for lower in (False, True):
        ab = bands(real, 0, 2, 4, main=0 if lower else 2)
        g = fr.vjp(partial(fr.linalg.solveh_banded, b=b, lower=lower), ab)[1](np.ones(4))[0]
        corners = (
            ([0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 1]) if lower else ([1, 1, 0, 0], [1, 0, 0, 0], [0] * 4)
        )
        assert ((g == 0) == np.array(corners, bool)).all()


def test_the_diagonal_of_a_hermitian_matrix_is_real():
    ab, b = bands(cplx, 0, 1, 4, main=1), cplx(4)
    np.testing.assert_array_equal(
        fr.linalg.solveh_banded(ab, b), fr.linalg.solveh_banded(ab + np.array([[0], [1j]]), b)
    )
    g = fr.grad(lambda ab: np.sum(np.abs(fr.linalg.solveh_banded(ab, b)) ** 2))(ab)
    assert not g[1].imag.any()
    assert g[0, 1:].imag.all()


def test_one_factorization_serves_everything(monkeypatch):
    made = []
    for name in ("BandLU", "TridiagonalLU", "BandCholesky", "TridiagonalCholesky", "BandTriangular"):
        owner = getattr(_band_factor, name)

        def counted(self, *args, original=owner.__init__, name=name):
            made.append(name)
            original(self, *args)

        monkeypatch.setattr(owner, "__init__", counted)
    b = real(4)
    functions = [
        (banded(1, 1), bands(real, 1, 1, 4)),
        (banded(2, 1), bands(real, 2, 1, 4)),
        (hermitian(False), bands(real, 0, 1, 4, main=1)),
        (hermitian(False), bands(real, 0, 2, 4, main=2)),
        (factored(False), bands(real, 0, 2, 4, main=2)),
    ]

    def f(ab, function):
        return np.sum(function(ab, b) ** 2)

    for function, ab in functions:
        for derive in (fr.value_and_grad(f), fr.hessian(f), fr.jacobian(fr.hessian(f))):
            made.clear()
            derive(ab, function)
            assert len(made) == 1


def test_no_dense_matrix_is_formed():
    n = 20_000
    ab, b = bands(real, 2, 1, n), real(n)
    fr.grad(lambda ab: np.sum(fr.linalg.solve_banded((2, 1), ab, b)))(ab)
    tracemalloc.start()
    fr.grad(lambda ab: np.sum(fr.linalg.solve_banded((2, 1), ab, b)))(ab)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60 * 8 * n  # a dense matrix would take 8 n²


def test_bad_input():
    ab, b = bands(real, 1, 1, 4), np.ones(4)
    with pytest.raises(ValueError, match=r"l \+ u \+ 1 rows"):
        fr.linalg.solve_banded((1, 2), ab, b)
    with pytest.raises(ValueError, match=r"l \+ u \+ 1 rows"):
        fr.linalg.solve_banded((-1, 3), ab, b)
    for solve in (banded(1, 1), hermitian(False), factored(False)):
        with pytest.raises(ValueError, match="incompatible shapes"):
            solve(ab, np.ones(3))
        with pytest.raises(ValueError, match="infs or NaNs"):
            solve(ab * np.nan, b)
        with pytest.raises(ValueError, match="infs or NaNs"):
            solve(ab, b * np.nan)
        with pytest.raises(ValueError, match="matrix"):
            solve(b, b)
    for widths in WIDTHS:
        with pytest.raises(np.linalg.LinAlgError, match="singular"):
            fr.linalg.solve_banded(widths, np.zeros((sum(widths) + 1, 4)), b)
    for u in (0, 1, 2):
        with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
            fr.linalg.solveh_banded(np.zeros((u + 1, 4)), b)
        with pytest.raises(np.linalg.LinAlgError, match="singular"):
            fr.linalg.cho_solve_banded((np.zeros((u + 1, 4)), True), b)
    with pytest.raises(np.linalg.LinAlgError, match="slice 1"):
        fr.linalg.solve_banded((1, 1), np.stack([ab, 0 * ab]), b)


def test_empty():
    assert fr.linalg.solve_banded((1, 1), np.ones((3, 0)), np.ones((0, 2))).shape == (0, 2)
    assert fr.linalg.solve_banded((1, 1), np.ones((3, 2)), np.ones((2, 0))).shape == (2, 0)
    assert fr.linalg.solveh_banded(np.ones((2, 0)), np.ones(0)).shape == (0,)
    assert fr.linalg.cho_solve_banded((np.ones((2, 0)), True), np.ones(0)).shape == (0,)
    assert fr.linalg.solve_banded((0, 0), np.ones((0, 1, 3)), np.ones(3)).shape == (0, 3)


def test_bands_need_a_main_diagonal_and_whole_numbers():
    for call in (
        lambda: fr.linalg.solveh_banded(np.ones((0, 3)), np.ones(3)),
        lambda: fr.linalg.cho_solve_banded((np.ones((0, 3)), True), np.ones(3)),
        lambda: fr.linalg.cholesky_banded(np.ones((0, 3))),
    ):
        with pytest.raises(ValueError, match="banded: ab must hold the main diagonal, got shape"):
            call()
    with pytest.raises(TypeError, match="solve_banded: l and u must be integers"):
        fr.linalg.solve_banded((1.5, 0.5), np.ones((3, 3)), np.ones(3))
