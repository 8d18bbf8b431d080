"""Stacks of matrices on Schur forms: the same as one by one, whatever meets in a stack."""

from __future__ import annotations

import warnings

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.linalg import LinAlgError

import frechet as fr
from frechet import _core
from frechet.errors import NotDifferentiableError
from frechet.linalg._schur_form import SchurForm
from frechet.testing import check_rule
from tests.linalg.matrix_function_references import (
    NEAR_THE_CUT,
    NONNORMAL,
    REAL_WITH_CUT,
    ROTATION,
    jordan,
    reference,
)

FUNCTIONS = [
    fr.linalg.sqrtm,
    fr.linalg.logm,
    fr.linalg.signm,
    lambda x: fr.linalg.fractional_matrix_power(x, 0.3),
]
NAMES = ["sqrtm", "logm", "signm", "power"]
IN_HIGH_PRECISION = {"sqrtm": mpmath.sqrt, "logm": mpmath.log, "power": lambda z: z ** mpmath.mpf(0.3)}


def rng(seed):
    return np.random.default_rng(seed)


def padded(*matrices):
    """Matrices of one size, by ones on the diagonal."""
    n = max(len(m) for m in matrices)
    stack = np.zeros((len(matrices), n, n), np.result_type(*matrices)) + np.eye(n)
    for one, m in zip(stack, matrices, strict=True):
        one[: len(m), : len(m)] = m
    return stack


def turned(stack, seed=0):
    """The stack in a random orthogonal basis, so that nothing is triangular."""
    Q = np.linalg.qr(rng(seed).standard_normal(stack.shape))[0]
    return Q @ stack @ Q.swapaxes(-1, -2)


PAIRS = np.array([[1.0, 2.0, 0.3], [-2.0, 1.5, 0.1], [0.2, 0.4, 2.0]])
OFF_THE_CUT = padded(
    PAIRS,
    np.triu(np.full((4, 4), 30.0), 1) + np.diag([3.2, 3.0, 3.5, 3.1]),  # nonnormal
    np.diag([2.0, 2.0, 2.0]),
    jordan(0.7, 3),  # defective
    jordan(0.7, 3) + np.diag([0, 1e-9, 2e-9]),  # nearly so
    np.kron(np.eye(2), [[1.0, 2.0], [-2.0, 1.0]]),  # equal pairs
    np.array([[2.0, 1e4, 0.0], [1e-6, 1.0, 1e3], [0.0, 1e-4, 3.0]]),  # badly scaled
    np.diag([1e-3, 1.0, 1e3]) + np.eye(3, k=1),
)


@pytest.mark.filterwarnings("ignore:logm result may be inaccurate")  # its exponential is
@pytest.mark.parametrize("function", FUNCTIONS, ids=NAMES)
@pytest.mark.parametrize("direct", [True, False])
def test_stacks_are_what_their_matrices_are(function, direct):
    stack = OFF_THE_CUT if direct else turned(OFF_THE_CUT)
    E, G = rng(1).standard_normal((2, *stack.shape))
    value, L = fr.linearize(function, stack)
    assert value.dtype == np.float64
    pushed, pulled = L(E), L.adjoint(G)
    for k, one in enumerate(stack):
        alone, M = fr.linearize(function, one)
        # The same operations in another order: rounding times the condition, up to 10⁵ here.
        for got, expected in ((value[k], alone), (pushed[k], M(E[k])), (pulled[k], M.adjoint(G[k]))):
            np.testing.assert_allclose(got, expected, atol=1e-10 * np.abs(expected).max())


@pytest.mark.filterwarnings("ignore:logm result may be inaccurate")  # its exponential is, for NONNORMAL
@pytest.mark.parametrize("name", IN_HIGH_PRECISION)
def test_stacks_in_high_precision(name):
    stack = padded(PAIRS, NONNORMAL, NEAR_THE_CUT, ROTATION, jordan(0.7, 3))
    E = rng(2).standard_normal(stack.shape)
    value, derivative = fr.jvp(FUNCTIONS[NAMES.index(name)], (stack,), (E,))
    for k, one in enumerate(stack):
        X, L = reference(IN_HIGH_PRECISION[name], one, E[k])
        # Rounding, 1.1e-16, times the condition number, 30 near the cut.
        assert np.linalg.norm(value[k] - X) <= 1e-14 * np.linalg.norm(X)
        assert np.linalg.norm(derivative[k] - L) <= 1e-13 * np.linalg.norm(L)


@pytest.mark.parametrize("function", FUNCTIONS, ids=NAMES)
@pytest.mark.parametrize("shape", [(3, 1, 1), (3, 0, 0), (0, 3, 3), (2, 2, 3, 3), (1, 7, 7), (3, 20, 20)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_shapes_and_dtypes(function, shape, dtype):
    n = shape[-1]
    stack = (rng(3).standard_normal(shape) / np.sqrt(max(n, 1)) / 2 + 2 * np.eye(n)).astype(dtype)
    value, pullback = fr.vjp(function, stack)
    (gradient,) = pullback(value)
    assert value.shape == gradient.shape == shape
    assert value.dtype == gradient.dtype == dtype


@given(
    n=st.integers(1, 5),
    stack=st.lists(st.integers(1, 3), min_size=1, max_size=2),
    dtype=st.sampled_from("fdFD"),
    index=st.integers(0, 3),
    seed=st.integers(0, 999),
)
@settings(max_examples=15)
def test_rules_on_drawn_stacks(n, stack, dtype, index, seed):
    draw = rng(seed)
    x = draw.standard_normal((*stack, n, n))
    if dtype in "FD":
        x = x + 1j * draw.standard_normal(x.shape)
    x = np.eye(n) + 0.8 * x / np.linalg.norm(x, 2, axis=(-2, -1), keepdims=True)  # spectra in a disk around 1
    check_rule(FUNCTIONS[index], x.astype(dtype))


def test_all_kinds_meet_in_one_stack():
    stack = padded(PAIRS, REAL_WITH_CUT, np.zeros((3, 3)), np.diag([0.0, 1.0, 4.0]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the singular ones
        X = fr.linalg.sqrtm(stack)
        Y = fr.linalg.fractional_matrix_power(stack, 0.5)
    assert X.dtype == Y.dtype == np.complex128
    np.testing.assert_allclose(X @ X, stack, atol=1e-14)  # rounding
    np.testing.assert_allclose(Y, X, atol=1e-14)
    assert not X[2].any()
    assert not X[0].imag.any()  # a real form with a real root stays real among complex ones


def test_one_refused_matrix_is_enough():
    for bad, message in ((np.diag([-1.0, -1.0, 2.0]), "equal"), (np.diag([0.0, 1.0, 1.0]), "singular")):
        for function in (fr.linalg.sqrtm, fr.linalg.logm):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                value, pullback = fr.vjp(function, np.stack([PAIRS, bad, PAIRS]))
            with pytest.raises(NotDifferentiableError, match=message):
                pullback(value)


@pytest.mark.filterwarnings("ignore:sqrtm. A is")  # singular or ill-conditioned
def test_triangular_matrices_in_a_stack_are_exact():
    # A has eigenvalues 1e-17 apart from zero, which counts as zero unless it is known exactly.
    A = np.array([[1e-17, 1.0], [0.0, 1.0]])
    value, pullback = fr.vjp(fr.linalg.sqrtm, np.stack([A, A]))
    with pytest.raises(NotDifferentiableError, match="singular"):
        fr.vjp(fr.linalg.sqrtm, turned(np.stack([A, A])))[1](value)
    assert np.isfinite(pullback(value)[0]).all()
    mixed = fr.vjp(fr.linalg.sqrtm, np.stack([A, PAIRS[:2, :2]]))[1](value)[0]
    np.testing.assert_allclose(mixed[0], pullback(value)[0][0], rtol=1e-15)


# --- equations -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [7, 12, 32, 40])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("solve", [fr.linalg.solve_continuous_lyapunov, fr.linalg.solve_discrete_lyapunov])
def test_lyapunov_stacks_are_what_their_matrices_are(n, dtype, solve):
    draw = rng(n)
    A = draw.standard_normal((5, n, n)) / np.sqrt(n)
    A[1] -= 2 * np.eye(n)  # stable
    A[2] += 2 * np.eye(n)
    A[3] = np.triu(A[3], 1) + np.diag(np.linspace(1.5, 3, n))
    A[4] = (A[4] - 2 * np.eye(n)) @ np.diag(np.logspace(-2, 0, n))
    Q, G = draw.standard_normal((2, 5, n, n))
    if np.dtype(dtype).kind == "c":
        A = A * np.exp(0.2j)
    A, Q, G = (x.astype(dtype) for x in (A, Q, G))
    X, pullback = fr.vjp(solve, A, Q)
    assert X.dtype == dtype
    AH = A.conj().swapaxes(-1, -2)
    residual = A @ X + X @ AH - Q if solve is fr.linalg.solve_continuous_lyapunov else A @ X @ AH + Q - X
    size = np.linalg.norm(X, axis=(1, 2)) * (1 + np.linalg.norm(A, axis=(1, 2))) ** 2
    # The residual is of the size of rounding in the terms of the equation.
    assert (np.linalg.norm(residual, axis=(1, 2)) <= n * np.finfo(dtype).eps * size).all()
    pulled = pullback(G)
    for k in range(5):
        Y, alone = fr.vjp(solve, A[k], Q[k])
        condition = 1e6 if np.finfo(dtype).eps < 1e-10 else 3e4  # larger ones would not leave a digit
        allowed = condition * np.finfo(dtype).eps
        for got, expected in ((X[k], Y), *((p[k], q) for p, q in zip(pulled, alone(G[k]), strict=True))):
            assert np.linalg.norm(got - expected) <= allowed * np.linalg.norm(expected)


@pytest.mark.parametrize(("left", "right"), [((3,), (3,)), ((2, 1), (3,)), ((), (3,)), ((3,), ())])
def test_sylvester_stacks(left, right):
    draw = rng(5)
    A = draw.standard_normal((*left, 8, 8)) + 6 * np.eye(8)
    B = draw.standard_normal((*right, 7, 7)) + 6 * np.eye(7)
    stack = np.broadcast_shapes(left, right)
    Q = draw.standard_normal((*stack, 8, 7))
    X = fr.linalg.solve_sylvester(A, B, Q)
    np.testing.assert_allclose(A @ X + X @ B, Q, atol=1e-13)  # rounding
    check_rule(fr.linalg.solve_sylvester, A, B, Q)


def test_rules_of_equations_on_stacks():
    draw = rng(6)
    A = draw.standard_normal((3, 7, 7)) / 3
    Q = draw.standard_normal((3, 7, 7))
    check_rule(fr.linalg.solve_continuous_lyapunov, A - 2 * np.eye(7), Q)
    check_rule(fr.linalg.solve_discrete_lyapunov, A / 2, Q[0])
    check_rule(fr.linalg.solve_continuous_lyapunov, (A + 0.2j * Q) + np.diag(np.arange(1, 8)), Q + 1j * A)


def test_one_singular_equation_is_enough():
    A = np.stack([np.eye(8), np.diag([1.0, -1.0, 1, 1, 1, 1, 1, 1])])
    with pytest.raises(LinAlgError, match="no unique solution"):
        fr.linalg.solve_continuous_lyapunov(A, A)
    with pytest.raises(LinAlgError, match="no unique solution"):
        fr.linalg.solve_discrete_lyapunov(A, A)
    with pytest.raises(LinAlgError, match="no unique solution"):
        fr.linalg.solve_sylvester(A, A, A)
    with pytest.raises(LinAlgError, match="no unique solution"):
        fr.linalg.solve_sylvester(np.zeros((2, 8, 8)), np.zeros((2, 8, 8)), A)


@pytest.mark.parametrize("n", [5, 70])
def test_a_form_that_is_not_found(n):
    A = np.zeros((3, n, n))
    A[1, 0, 1] = np.nan
    if n <= _core.largest_matrix:
        with pytest.raises(LinAlgError, match="did not converge"):
            SchurForm(A)
    assert np.array_equal(SchurForm(A[[0, 2]]).T, A[[0, 2]])
