"""The compiled kernels, against NumPy and SciPy."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from frechet import _core, _stacks
from frechet.linalg._expm_factor import _programs

DTYPES = [np.float32, np.float64, np.complex64, np.complex128]
SIZES = [1, 2, 3, 4, 5, 7, 8, 10, 13, 16]
COUNTS = [1, 7, 37]  # less than a register, not a multiple of one, several


def random(shape, dtype, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        x = x + 1j * rng.standard_normal(shape)
    return x.astype(dtype)


def regular(count, n, dtype):
    return random((count, n, n), dtype) + 2 * np.eye(n, dtype=dtype) * np.asarray(n**0.5, dtype)


def adjoint(A):
    return A.conj().swapaxes(-1, -2)


def worst(X, reference):
    """The largest relative error of the matrices of a stack, in units of rounding."""
    assert X.dtype == reference.dtype or X.dtype.char in "fF"
    X, reference = (x.reshape(-1, *x.shape[-2:]) for x in (X, reference))
    norm = np.linalg.norm(reference, axis=(1, 2))
    return (np.linalg.norm(X - reference, axis=(1, 2)) / norm).max() / np.finfo(X.dtype).eps


@pytest.fixture(params=DTYPES, ids=lambda d: np.dtype(d).name)
def dtype(request):
    return request.param


# --- stacks ---------------------------------------------------------------------------------------
# Tolerances are in units of rounding: n, times the condition number (below 100 for these matrices, which has
# been looked at) where something is inverted.


@pytest.mark.parametrize("n", SIZES)
def test_products(n, dtype):
    for count, turn_a, turn_b in itertools.product(COUNTS, (False, True), (False, True)):
        A, B = random((count, n, 3), dtype), random((count, 3, 5), dtype, 1)
        C = np.empty((count, n, 5), dtype)
        a, b = (np.ascontiguousarray(adjoint(x)) if turn else x for x, turn in ((A, turn_a), (B, turn_b)))
        _core.product(a, b, C, turn_a, turn_b)
        assert worst(C, A @ B) < 10


def test_products_with_one_stack_for_several_directions(dtype):
    A, B = random((5, 4, 3), dtype), random((2, 3, 5, 3, 2), dtype, 1)
    C = np.empty((2, 3, 5, 4, 2), dtype)
    _core.product(A, B, C)
    assert worst(C, A @ B) < 10
    A, B = random((2, 5, 4, 3), dtype), random((5, 3, 2), dtype, 1)
    C = np.empty((2, 5, 4, 2), dtype)
    _core.product(A, B, C)
    assert worst(C, A @ B) < 10
    _core.product(A, B, C, minus=True)
    assert worst(C, -(A @ B)) < 10


@pytest.mark.parametrize("n", SIZES)
def test_inverse_and_its_derivative(n, dtype):
    for count in COUNTS:
        A = regular(count, n, dtype)
        Y = _stacks.inverse(A)
        assert worst(Y, np.linalg.inv(A)) < 1000
        V = random((2, count, n, n), dtype, 1)
        assert worst(_stacks.between(Y, V, False), -(Y @ V @ Y)) < 100
        assert worst(_stacks.between(Y, V, True), -(adjoint(Y) @ V @ adjoint(Y))) < 100


@pytest.mark.parametrize("n", SIZES)
def test_lu(n, dtype):
    for count in COUNTS:
        A = regular(count, n, dtype)
        factor = _stacks.StackedLU(A)
        for one, LU, pivots in zip(A, factor.LU, factor.pivots, strict=True):
            expected, expected_pivots = scipy.linalg.lu_factor(one)
            if np.dtype(dtype).kind != "c":  # complex pivots are chosen among near ties
                assert np.array_equal(pivots, expected_pivots)
            if np.array_equal(pivots, expected_pivots):
                assert worst(LU, expected) < 1000
        B = random((3, count, n, 2), dtype, 1)
        assert worst(factor.solve(B, False), np.linalg.solve(A, B)) < 1000
        assert worst(factor.solve(B, True), np.linalg.solve(adjoint(A), B)) < 1000


def test_lu_of_ill_conditioned_matrices_is_backward_stable(dtype):
    # Partial pivoting: the residual is small whatever the condition number, here 1e6 times that of rounding.
    A = np.stack([scipy.linalg.hilbert(10)] * 9).astype(dtype) * random((9, 1, 10), dtype)
    B = random((9, 10, 1), dtype, 1)
    X = _stacks.StackedLU(A).solve(B, False)
    backward = np.linalg.norm(A @ X - B, axis=(1, 2)) / (
        np.linalg.norm(A, axis=(1, 2)) * np.linalg.norm(X, axis=(1, 2))
    )
    assert backward.max() < 10 * np.finfo(dtype).eps


def test_matrices_that_need_rows_exchanged(dtype):
    A = np.stack([np.eye(4)[list(p)] for p in itertools.permutations(range(4))]).astype(dtype)
    assert np.array_equal(_stacks.inverse(A), A.swapaxes(1, 2))


def test_singular_matrices_are_reported(dtype):
    A = regular(11, 3, dtype)
    A[[4, 9]] = 1
    Y, LU, pivots = np.empty_like(A), np.empty_like(A), np.empty((11, 3), np.int32)
    assert _core.inverse(A, Y) == 2
    assert _core.lu_factor(A, LU, pivots) == 2
    sound = [i for i in range(11) if i not in (4, 9)]
    assert worst(Y[sound], np.linalg.inv(A[sound])) < 1000
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        _stacks.inverse(A)


@pytest.mark.parametrize("n", SIZES)
def test_cholesky(n, dtype):
    for count in COUNTS:
        A = regular(count, n, dtype)
        A = A @ adjoint(A)
        read = np.tril(A) + np.triu(np.full_like(A, np.nan), 1)
        L = _stacks.cholesky(read)
        assert worst(L, np.linalg.cholesky(A)) < 1000
        # dL and its adjoint against the formula
        mask = np.tril(np.ones((n, n)), -1) + np.eye(n) / 2
        inverse = np.linalg.inv(L)
        V = random((2, count, n, n), dtype, 1)
        V = V + adjoint(V)
        dL = L @ ((inverse @ V @ adjoint(inverse)) * mask).astype(dtype)
        assert worst(_stacks.cholesky_derivative(L, V, False), dL) < 3000
        G = random((2, count, n, n), dtype, 2)
        S = adjoint(inverse) @ ((adjoint(L) @ G) * mask).astype(dtype) @ inverse
        assert worst(_stacks.cholesky_derivative(L, G, True), (S + adjoint(S)) / 2) < 3000


def test_indefinite_matrices_are_reported(dtype):
    A = np.stack([np.eye(3)] * 6).astype(dtype)
    A[2, 1, 1] = -1
    A[5, 0, 0] = np.nan
    assert _core.cholesky(A, np.empty_like(A)) == 2
    with pytest.raises(np.linalg.LinAlgError, match="positive definite"):
        _stacks.cholesky(A)


@pytest.mark.parametrize("n", SIZES[1:])
def test_exponential(n, dtype):
    for count in COUNTS:
        A = random((count, n, n), dtype) * np.geomspace(1e-5, 6, count).astype(dtype)[:, None, None] / n
        X = np.empty_like(A)
        assert _core.expm(A, X, _programs())
        double = "D" if A.dtype.kind == "c" else "d"
        # The condition number of exp is up to e^‖A‖ or so, and ‖A‖ is up to 10.
        assert worst(X, scipy.linalg.expm(A.astype(double))) < 1000
        E = random((2, count, n, n), dtype, 1)
        L, block = np.empty_like(E), np.zeros((2, count, 2 * n, 2 * n), double)
        block[..., :n, :n] = block[..., n:, n:] = A
        block[..., :n, n:] = E
        expected = scipy.linalg.expm(block)[..., :n, n:].astype(dtype)
        _core.expm_frechet(A, E, L, _programs())
        assert worst(L, expected) < 3000
        _core.expm_frechet(A, np.ascontiguousarray(adjoint(E)), L, _programs(), True)
        block[..., :n, :n] = block[..., n:, n:] = adjoint(A)
        block[..., :n, n:] = adjoint(E)
        assert worst(L, scipy.linalg.expm(block)[..., :n, n:].astype(dtype)) < 3000


def test_matrices_of_a_block_are_scaled_each_on_its_own():
    # Norms from 1e-8 to 30, and a nilpotent matrix of norm 1e5, which needs no squarings.
    A = random((8, 5, 5), float) * np.geomspace(1e-8, 10, 8)[:, None, None]
    A[3] = np.triu(1e5 * np.ones((5, 5)), 1)
    X = np.empty_like(A)
    assert _core.expm(A, X, _programs())
    one = np.empty_like(A[:1])
    for a, x in zip(A, X, strict=True):
        assert _core.expm(a[None], one, _programs())
        assert np.linalg.norm(x - one[0]) < 1e-13 * np.linalg.norm(x)  # other programs, perhaps
    exact = sum(np.linalg.matrix_power(A[3], k) / scipy.special.factorial(k) for k in range(5))
    assert np.allclose(X[3], exact, rtol=1e-13, atol=0)


def test_exponentials_that_overflow_are_reported():
    A = np.zeros((9, 2, 2))
    X = np.empty_like(A)
    A[5] = 800 * np.eye(2)
    assert not _core.expm(A, X, _programs())
    A[5] = np.nan
    assert not _core.expm(A, X, _programs())
    assert np.array_equal(X[0], np.eye(2))
    A[5] = 1e308  # the norm overflows
    assert not _core.expm(A, X, _programs())


@pytest.mark.parametrize(("m", "n"), [(1, 1), (2, 2), (3, 3), (4, 4), (6, 6), (2, 5), (7, 1)])
def test_linear_matrix_equations(m, n, dtype):
    for count in COUNTS:
        A, B = regular(count, m, dtype), regular(count, n, dtype)
        C, D = random((m, m), dtype, 2) / 5, random((count, n, n), dtype, 3) / 5
        terms = [(A, B), (C, D)]
        Q = random((2, count, m, n), dtype, 4)
        X, condition = _stacks.linear_equation(terms, Q, judge=True)
        K = np.einsum("bij,blk->bikjl", A, B) + np.einsum("ij,blk->bikjl", C, D)
        K = K.reshape(count, m * n, m * n)
        size = np.einsum("bij,blk->bik", abs(A), abs(B)) + np.einsum("ij,blk->bik", abs(C), abs(D))
        expected = (abs(np.linalg.inv(K)) @ size.reshape(count, -1, 1)).max()
        assert condition == pytest.approx(expected, rel=1e-2)
        allowed = 10 * condition * np.finfo(dtype).eps
        assert np.linalg.norm(A @ X @ B + C @ X @ D - Q) < allowed * np.linalg.norm(Q)
        Y, _ = _stacks.linear_equation(terms, Q, adjoint=True)
        residual = adjoint(A) @ Y @ adjoint(B) + adjoint(C) @ Y @ adjoint(D) - Q
        assert np.linalg.norm(residual) < allowed * np.linalg.norm(Q)


def test_singular_equations_have_an_infinite_condition():
    A = np.stack([np.diag([1.0, 2.0]), np.diag([1.0, -1.0]), np.diag([3.0, 2.0])])
    eye = np.eye(2)
    assert _stacks.linear_equation([(A, eye), (eye, A)], np.ones_like(A), judge=True)[1] == np.inf
    A[1] = np.nan
    assert _stacks.linear_equation([(A, eye), (eye, A)], np.ones_like(A), judge=True)[1] == np.inf


def test_nan_stays_in_its_matrix(dtype):
    A = regular(11, 4, dtype)
    A[6, 2, 1] = np.nan
    others = np.arange(11) != 6
    for result in (
        _stacks.inverse(A),
        _stacks.StackedLU(A).solve(np.ones((11, 4, 1), dtype), False),
        _stacks.between(A, np.ones_like(A), False),
        _stacks.linear_equation([(A, np.eye(4, dtype=dtype))], np.ones_like(A))[0],
    ):
        assert np.isnan(result[6]).any()
        assert np.isfinite(result[others]).all()


def test_empty_stacks(dtype):
    for shape in ((0, 3, 3), (2, 0, 3, 3), (4, 0, 0)):
        A = np.empty(shape, dtype)
        X, pivots = np.empty_like(A), np.empty(shape[:-1], np.int32)
        assert _core.inverse(A, X) == 0
        assert _core.cholesky(A, X) == 0
        assert _core.lu_factor(A, X, pivots) == 0
        assert _core.expm(A, X, _programs())
        _core.lu_solve(A, pivots, A, X)
        _core.sandwich(A, A, X)
        _core.product(A, A, X)
        _core.cholesky_derivative(A, A, X)
        _core.expm_frechet(A, A, X, _programs())
        assert _core.kronecker([(A, A)], A, X) == 0


# --- what is refused ------------------------------------------------------------------------------


def test_wrong_arguments_are_refused():
    A, X = np.zeros((3, 4, 4)), np.zeros((3, 4, 4))
    bounds = np.full(3, np.inf)
    exponential = _core.Exponential(A, X, bounds, _programs())
    number, misaligned = np.zeros(()), np.ndarray((3, 4, 4), float, bytearray(400), 4)
    pivots = np.zeros((3, 4), np.int32)
    for call, error, message in (
        (lambda: _core.inverse(A.astype(int), X), TypeError, "dtype float32, float64"),
        (lambda: _core.inverse(A.astype(">f8"), X), TypeError, "dtype float32, float64"),
        (lambda: _core.inverse(A, X.astype(np.float32)), TypeError, "same dtype"),
        (lambda: _core.inverse(A[:, :3], X), ValueError, "square"),
        (lambda: _core.inverse(A[:, ::2, ::2], X), ValueError, "contiguous"),
        (lambda: _core.inverse(A.swapaxes(1, 2), X), ValueError, "contiguous"),
        (lambda: _core.inverse(A, X[:2]), ValueError, "shape"),
        (lambda: _core.inverse(A[0, 0], X), ValueError, "matrix"),
        (lambda: _core.inverse(A, number), ValueError, "matrix"),
        (lambda: _core.lu_solve(A, pivots, A, number), ValueError, "matrix"),
        (lambda: _core.lu_solve(A, pivots, A, A[0, 0]), ValueError, "matrix"),
        (lambda: _core.sylvester(A[0], A[0], number), ValueError, "matrix"),
        (lambda: _core.inverse(misaligned, X), ValueError, "aligned"),
        (lambda: _core.inverse(np.zeros((1, 65, 65)), np.zeros((1, 65, 65))), ValueError, "fewer rows"),
        (lambda: _core.sandwich(A, X[:2], X[:2]), ValueError, "stack like the first"),
        (lambda: _core.product(A, A[:2], X), ValueError, "stack"),
        (lambda: _core.product(A, A[:, :3].copy(), X), ValueError, "as many rows"),
        (lambda: _core.lu_factor(A, X, np.zeros((3, 4))), TypeError, "int32"),
        (lambda: _core.lu_factor(A, X, np.zeros((2, 4), np.int32)), ValueError, "pivots"),
        (lambda: _core.expm(A, X, np.array([4.0])), ValueError, "end early"),
        (lambda: _core.expm(A, X, np.array([1.0, 1.0, 4.0, -1.0, 1.0])), ValueError, "positive"),
        (lambda: _core.expm(A, X, np.full(99, np.nan)), ValueError, "range"),
        (lambda: _core.Exponential(A, X[:2], bounds, _programs()), ValueError, "shape"),
        (lambda: _core.Exponential(A[:, :3], X, bounds, _programs()), ValueError, "square"),
        (lambda: _core.Exponential(A[None], X, bounds, _programs()), ValueError, "along one axis"),
        (lambda: _core.Exponential(A[:, :0, :0], A[:, :0, :0], bounds, _programs()), ValueError, "one row"),
        (lambda: _core.Exponential(A, X.swapaxes(1, 2), bounds, _programs()), ValueError, "contiguous"),
        (lambda: _core.Exponential(A, X, bounds[:2], _programs()), ValueError, "float64 for each"),
        (lambda: _core.Exponential(A, X, bounds, np.array([4.0])), ValueError, "end early"),
        (lambda: _core.Exponential(A + np.nan, X, bounds, _programs()), ValueError, "nan or inf"),
        (lambda: exponential.frechet(A[:2], X[:2]), ValueError, "several of them"),
        (lambda: exponential.frechet(A[:, :3], X), ValueError, "rows and columns of A"),
        (lambda: exponential.frechet(A.astype(np.float32), X), ValueError, "dtype of A"),
        (lambda: exponential.frechet(A, X.astype(np.float32)), TypeError, "same dtype"),
        (lambda: exponential.frechet(A, X[:2]), ValueError, "shape"),
        (lambda: exponential.frechet(A[0, 0], X), ValueError, "along one axis"),
        (lambda: _core.kronecker([], A, X), ValueError, "one to four"),
        (lambda: _core.kronecker([(A, A, A)], A, X), ValueError, "pairs"),
        (lambda: _core.kronecker([(A, A[:2])], A, X), ValueError, "once, or as often"),
        (lambda: _core.kronecker([(A[:, :3, :3].copy(), A)], A, X), ValueError, "size of the right side"),
        (lambda: _core.kronecker([(A, A)], np.zeros((9, 9)), np.zeros((9, 9))), ValueError, "fewer entries"),
        (lambda: _core.sylvester(A, A[0], A[0]), ValueError, "stack like T and S"),
        (lambda: _core.sylvester(A, A[:2], A), ValueError, "once, or as often"),
        (lambda: _core.sylvester(A[None], A, A), ValueError, "along one axis"),
        (lambda: _core.schur(A, X, X[:2]), ValueError, "shape"),
        (lambda: _core.schur(A[:, :3], X, X.copy()), ValueError, "square"),
        (lambda: _core.schur(A, X.astype(np.float32), X), TypeError, "same dtype"),
        (lambda: _core.root(A.swapaxes(1, 2)), ValueError, "contiguous"),
        (lambda: _core.sylvester(A[0], A[0], A[0, :2]), ValueError, "as many rows"),
    ):
        with pytest.raises(error, match=message):
            call()


def test_drawn_arguments_are_refused_or_taken():
    # Shapes, layouts and types that callers would not pass, in every place: an exception, never a crash.
    draw = np.random.default_rng(0)
    functions = {
        "sylvester": "AAA", "product": "AAA", "sandwich": "AAA", "lu_factor": "AAp", "lu_solve": "ApAA",
        "inverse": "AA", "cholesky": "AA", "cholesky_derivative": "AAA",
        "expm": "AAt", "expm_frechet": "AAAt", "kronecker": "kAA",
    }  # fmt: skip

    def array():
        shape = [draw.choice([0, 1, n, n, n, n, n, n]) for _ in range(draw.integers(4))]
        x = draw.standard_normal(shape).astype(draw.choice([dtype] * 9 + ["i"]))
        layout = draw.integers(12)
        if layout == 0:
            x = x.T
        elif layout == 1 and x.ndim:
            x = x[..., ::-1]
        elif layout == 2:
            x = np.broadcast_to(x, (2, *x.shape))
        elif layout == 3:
            x = np.ndarray(x.shape, x.dtype, bytearray(x.nbytes + 2), 2)
        return x

    def argument(kind):
        if draw.random() < 0.02:
            return draw.choice([None, 1.0, "x", b"abc"])
        if kind == "p":
            return draw.integers(-9, 9, array().shape[:-1]).astype(np.int32)
        if kind == "t":
            return draw.choice([0, 1, 2, 3, -1, 1e9, np.nan], draw.integers(0, 30))
        if kind == "k":
            return [(array(), array()) for _ in range(draw.integers(0, 6))]
        return array()

    taken = 0
    for name, kinds in functions.items():
        for _ in range(600):
            n, dtype = draw.integers(1, 4), draw.choice(list("fdFD"))
            try:
                getattr(_core, name)(*map(argument, kinds))
                taken += 1
            except (ValueError, TypeError, BufferError):
                pass
    assert taken > 30  # so that the checks are not what all of them end in


def test_results_need_room_that_may_be_written():
    A, X = np.eye(4)[None], np.empty((1, 4, 4))
    X.flags.writeable = False
    with pytest.raises((BufferError, ValueError)):
        _core.inverse(A, X)
    A.flags.writeable = False  # arguments need not be
    assert _core.inverse(A, np.empty((1, 4, 4))) == 0


# --- triangular Sylvester equations ---------------------------------------------------------------


def triangular(n, dtype, seed):
    A = random((n, n), dtype, seed) + 2 * np.eye(n, dtype=dtype) * np.asarray(n**0.5, dtype)
    return scipy.linalg.schur(A, output="complex" if np.dtype(dtype).kind == "c" else "real")[0]


def residual(T, S, X, F, turn_t, turn_s, minus):
    """In units of rounding in the coefficients: what a backward stable algorithm keeps small."""
    T, S = adjoint(T) if turn_t else T, adjoint(S) if turn_s else S
    size = (abs(T).max() + abs(S).max()) * abs(X).max() * np.finfo(F.dtype).eps
    return abs(T @ X + (-1 if minus else 1) * X @ S - F).max() / size


@pytest.mark.parametrize(
    ("m", "n"), [(1, 1), (2, 1), (1, 9), (5, 8), (8, 8), (9, 16), (17, 7), (64, 33), (90, 90)]
)
def test_sylvester(m, n, dtype):
    T, S, F = triangular(m, dtype, 1), triangular(n, dtype, 2), random((m, n), dtype, 3)
    for turn_t, turn_s, minus in itertools.product((False, True), repeat=3):
        X, right = F.copy(), -S if minus else S  # so that no divisor is small
        assert _core.sylvester(T, right, X, turn_t, turn_s, minus)
        assert residual(T, right, X, F, turn_t, turn_s, minus) < 20


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from(["real", "pair", "wide pair", "equal", "real pair"]), min_size=1, max_size=7),
    st.lists(st.sampled_from(["real", "pair", "wide pair", "equal", "real pair"]), min_size=1, max_size=7),
    st.booleans(),
    st.booleans(),
    st.integers(0, 10**6),
)
def test_sylvester_for_all_kinds_of_blocks(left, right, turn_t, turn_s, seed):
    rng = np.random.default_rng(seed)

    def matrix(kinds):
        blocks = []
        for kind in kinds:
            a, b = rng.uniform(0.5, 2, 2)
            blocks.append(
                {
                    "real": [[a]],
                    "pair": [[a, b], [-1 / b, a]],
                    "wide pair": [[a, 1e4 * b], [-1e-4, a]],  # far from normal
                    "equal": [[1.0, 3.0], [-2.0, 1.0]],  # the same pair again and again
                    "real pair": [[a, 0.5], [0.3, 2 * a + 1]],  # LAPACK makes no such blocks
                }[kind]
            )
        T = scipy.linalg.block_diag(*blocks)
        free = np.triu(rng.standard_normal(T.shape))
        inside = scipy.linalg.block_diag(*(np.ones((len(b), len(b))) for b in blocks))
        return np.where(inside, T, free)

    T, S = matrix(left), matrix(right)
    F = rng.standard_normal((len(T), len(S)))
    X = F.copy()
    assert _core.sylvester(T, S, X, turn_t, turn_s)
    assert residual(T, S, X, F, turn_t, turn_s, False) < 50


def test_sylvester_near_a_singular_equation():
    # Pairs 1e-9 ± i against -1e-9 ± i: one divisor of four is tiny, and solutions are backward stable.
    for d in (1e-3, 1e-6, 1e-9, 1e-12):
        T = np.array([[d, 2.0], [-0.5, d]])
        S = np.array([[d, 0.5], [-2.0, d]])
        F = random((2, 2), float)
        X = F.copy()
        assert _core.sylvester(T, S, X)
        assert residual(T, S, X, F, False, False, False) < 10


def test_sylvester_reports_singular_equations(dtype):
    T = triangular(20, dtype, 1)
    for turn in (False, True):
        assert not _core.sylvester(T, T, np.ones((20, 20), dtype), turn, turn, True)
    zero = np.zeros((3, 3), dtype)
    assert not _core.sylvester(zero, zero, np.ones((3, 3), dtype))


def test_sylvester_does_not_depend_on_scale():
    T, S, F = triangular(12, float, 1), triangular(9, float, 2), random((12, 9), float, 3)
    X = F.copy()
    assert _core.sylvester(T, S, X)
    for scale in (2.0**-900, 2.0**900):  # a power of two, and squares of these overflow
        Y = F * scale
        assert _core.sylvester(T * scale, S * scale, Y)
        assert np.array_equal(X, Y)


def test_sylvester_takes_any_layout(dtype):
    T, S = triangular(10, dtype, 1), triangular(7, dtype, 2)
    F = random((3, 10, 7), dtype, 3)
    whole = np.zeros((3, 20, 20), dtype)
    block = whole[:, 4:14, 5:12]
    block[...] = F
    assert _core.sylvester(np.asfortranarray(T), S[::-1, ::-1].copy()[::-1, ::-1], block)
    for X, one in zip(block, F, strict=True):
        assert residual(T, S, X, one, False, False, False) < 20
        Y = np.asfortranarray(one)
        assert _core.sylvester(T, np.ascontiguousarray(S), Y)
        assert np.array_equal(X, Y)
    whole[:, 4:14, 5:12] = 0
    assert not whole.any()


def test_sylvester_of_nan_returns():
    T, S = triangular(9, float, 1), triangular(9, float, 2)
    T[2, 5] = np.nan
    X = np.ones((9, 9))
    assert _core.sylvester(T, S, X)
    assert np.isnan(X[2]).any()
    assert np.isfinite(X[3:]).all()
    X = np.full((9, 9), np.inf)
    _core.sylvester(triangular(9, float, 1), triangular(9, float, 1), X)
    assert not np.isfinite(X).all()


# --- threads and instruction sets -----------------------------------------------------------------


def test_several_threads_at_once():
    A = regular(2000, 6, np.float64)
    expected = _stacks.inverse(A)
    T, F = triangular(60, float, 1), random((60, 60), float)
    X = F.copy()
    _core.sylvester(T, T, X)
    wrong = []

    def work():
        for _ in range(5):
            Y = F.copy()
            _core.sylvester(T, T, Y)
            if not (np.array_equal(_stacks.inverse(A), expected) and np.array_equal(X, Y)):
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


CHOICE = """
import numpy as np
from frechet import _core, _stacks
from frechet.linalg import expm, solve_sylvester, sqrtm
from frechet.linalg._expm_factor import _programs
A = np.random.default_rng(0).standard_normal((21, 5, 5))
F = A[0].copy()
_core.sylvester(np.triu(A[1]) + 4 * np.eye(5), np.triu(A[2]) + 4 * np.eye(5), F)
C = A[:11] + 1j * A[10:]
print(_core.level)
B = np.random.default_rng(1).standard_normal((2, 50, 50)) / 7
L = np.empty_like(B[0])
exponential = _core.Exponential(B[0], np.empty_like(L), np.full(1, np.inf), _programs())
exponential.frechet(B[1], L)
exponentials = expm(A), expm(C), expm(B[0] - 1j * B[1]), L
forms = _stacks.schur(A)[0], _stacks.schur(C)[0]
norms = [np.linalg.norm(T) for T in forms] + [T.trace(axis1=1, axis2=2) for T in forms]
D = A + 4 * np.eye(5)
roots = sqrtm(D), solve_sylvester(np.kron(np.eye(2), D), D, np.ones((21, 10, 5)))
print(repr([float(abs(x).sum()) for x in (_stacks.inverse(A), F, *exponentials, *norms, *roots)]))
"""


def test_every_instruction_set_gives_the_same():
    results = {}
    for level in ("v2", "v3", "v4"):
        environment = {**os.environ, "FRECHET_LEVEL": level}
        done = subprocess.run(
            [sys.executable, "-c", CHOICE], capture_output=True, text=True, check=True, env=environment
        )
        used, numbers = done.stdout.splitlines()
        results[used] = np.array(eval(numbers))
    first = results[_core.level]
    for numbers in results.values():
        assert np.allclose(numbers, first, rtol=1e-12, atol=0)  # rounding differs with fused operations


OTHER_BLAS = """
import ctypes
import numpy as np
import scipy.linalg.cython_blas
from frechet.linalg import expm
new = ctypes.pythonapi.PyCapsule_New
new.restype, new.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
name = b"void (char *, char *, long *, long *, long *, double *)"
scipy.linalg.cython_blas.__pyx_capi__["dgemm"] = new(1, name, None)
try:
    expm(np.eye(20))
except ImportError as error:
    print(error)
"""


def test_a_blas_with_other_integers_is_refused():
    done = subprocess.run([sys.executable, "-c", OTHER_BLAS], capture_output=True, text=True, check=True)
    assert "dgemm has a signature that is not known here: void (char *, char *, long *" in done.stdout
