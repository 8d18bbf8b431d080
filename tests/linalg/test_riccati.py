"""Riccati equations as differentiable functions; the numerics are tested in test_riccati_factor.py."""

import mpmath
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import frechet as fr
from frechet.errors import NotDifferentiableError
from frechet.linalg import _riccati_factor, solve_continuous_are, solve_discrete_are
from frechet.testing import check_rule

SOLVERS = [solve_continuous_are, solve_discrete_are]


def adjoint(x):
    return np.conj(np.swapaxes(x, -1, -2))


def hermitian(x):
    return (x + adjoint(x)) / 2


def problem(n, m, *, batch=(), kind=float, seed=0, e=True, s=True):
    """A random problem: eigenvalues of a of modulus up to about one, weights and e far from singular."""
    rng = np.random.default_rng(seed)

    def draw(*shape):
        x = rng.standard_normal(shape)
        return x + 1j * rng.standard_normal(shape) if kind is complex else x

    q, r = draw(*batch, n, n), draw(*batch, m, m)
    parts = [draw(*batch, n, n) / np.sqrt(n), draw(*batch, n, m), q @ adjoint(q) + np.eye(n)]
    parts.append(r @ adjoint(r) + np.eye(m))
    if e:
        parts.append(np.eye(n) + 0.2 * draw(*batch, n, n))
    if s:
        parts.append(0.2 * draw(*batch, n, m))
    return tuple(parts)


# q and r are given as Hermitian parts: differences move them in directions of their own.


def continuous(a, b, q, r, e=None, s=None):
    return fr.linalg.solve_continuous_are(a, b, hermitian(q), hermitian(r), e, s)


def discrete(a, b, q, r, e=None, s=None):
    return fr.linalg.solve_discrete_are(a, b, hermitian(q), hermitian(r), e, s)


SINGLE = tuple(x.astype(np.float32) for x in problem(3, 2, seed=3, e=False, s=False))
REAL, COMPLEX = problem(3, 2, seed=1), problem(3, 2, kind=complex, seed=2)
WEIGHTLESS = (*REAL[:2], REAL[2], np.zeros((2, 2)))  # r = 0
BADLY_SCALED = (
    np.array([[0.5, 1e5], [1e-5, 0.2]]),
    np.array([[1e5], [2.0]]),
    np.array([[1e-6, 0.0], [0.0, 1e4]]),
    np.eye(1),
)
CASES = [
    *((f, args) for f in (continuous, discrete) for args in (REAL[:4], REAL, COMPLEX, COMPLEX[:4], SINGLE)),
    *((f, problem(8, 3, seed=4)) for f in (continuous, discrete)),  # beyond the size of direct solutions
    *((f, problem(21, 2, seed=4, e=False, s=False), {"orders": 1}) for f in (continuous, discrete)),
    *((f, problem(1, 1, seed=5)) for f in (continuous, discrete)),
    *((lambda a, b, q, r, s, f=f: f(a, b, q, r, s=s), REAL[:4] + REAL[5:]) for f in (continuous, discrete)),
    (lambda a, b, q: discrete(a, b, q, WEIGHTLESS[3]), WEIGHTLESS[:3]),
    (lambda a, b, q, r: continuous(a, b, q, r + 1j * np.array([[0, 1], [-1, 0]])), REAL[:4]),
]
CASES_STACKED = [
    (continuous, problem(3, 2, batch=(2,), seed=6)),
    (discrete, problem(3, 2, batch=(2,), seed=6)),
    (continuous, problem(2, 1, batch=(2, 1), kind=complex, seed=7)),
    (discrete, problem(2, 1, batch=(2, 1), kind=complex, seed=7)),
    # Leading axes broadcast.
    (continuous, (REAL[0][None, None], problem(3, 2, batch=(2,), seed=8)[1], *REAL[2:4])),
    (discrete, (REAL[0], REAL[1], problem(3, 2, batch=(2, 1), seed=8)[2], problem(3, 2, batch=(2,))[3])),
]


@pytest.mark.parametrize(("function", "args", "kwargs"), [(*case, {})[:3] for case in CASES + CASES_STACKED])
def test_rule(function, args, kwargs):
    check_rule(function, *args, **kwargs)


@pytest.mark.parametrize("function", [continuous, discrete])
@given(
    n=st.integers(1, 5),
    m=st.integers(2, 4),  # with one input for several unstable modes a closed loop can be too sensitive
    batch=st.sampled_from([(), (2,)]),
    kind=st.sampled_from([float, complex]),
    extra=st.sampled_from([(False, False), (True, False), (True, True)]),
    seed=st.integers(0, 99),
)
@settings(max_examples=12)
def test_rule_at_random_problems(function, n, m, batch, kind, extra, seed):
    args = problem(n, m, batch=batch, kind=kind, seed=seed, e=extra[0], s=extra[1])
    check_rule(function, *args)


# --- against 50 digits -------------------------------------------------------------------------------------


def mp(x):
    return mpmath.matrix(np.asarray(x).tolist())


def kronecker(A, B):
    rows = [[A[i, j] * B[k, l] for j in range(A.cols) for l in range(B.cols)]
            for i in range(A.rows) for k in range(B.rows)]  # fmt: skip
    return mpmath.matrix(rows)


def newton(solve, X, a, b, q, r, e, s):
    """The solution near X in the working precision of mpmath, by Newton's method on n² unknowns."""
    n = a.rows
    for _ in range(8):
        if solve is solve_discrete_are:
            K = mpmath.inverse(r + b.H * X * b) * (b.H * X * a + s.H)
            F = a.H * X * a - e.H * X * e - (a.H * X * b + s) * K + q
            c = a - b * K
            L = kronecker(c.H, c.T) - kronecker(e.H, e.T)  # dX ↦ cᴴ dX c − eᴴ dX e, rows in one vector
        else:
            K = mpmath.inverse(r) * (b.H * X * e + s.H)
            F = e.H * X * a + a.H * X * e - (e.H * X * b + s) * K + q
            c = a - b * K
            L = kronecker(e.H, c.T) + kronecker(c.H, e.T)
        step = mpmath.lu_solve(L, mpmath.matrix([-F[i, j] for i in range(n) for j in range(n)]))
        X = X + mpmath.matrix([[step[i * n + j] for j in range(n)] for i in range(n)])
        if mpmath.norm(step) < mpmath.mpf(10) ** -40:
            return X
    raise AssertionError("Newton's method did not converge")


def numbers(X, kind):
    return np.array([[kind(X[i, j]) for j in range(X.cols)] for i in range(X.rows)])


@pytest.mark.parametrize("solve", SOLVERS)
@pytest.mark.parametrize("kind", [float, complex])
@pytest.mark.parametrize(("n", "m"), [(2, 1), (4, 2)])
def test_value_and_derivatives_against_fifty_digits(solve, kind, n, m):
    args = problem(n, m, kind=kind, seed=11)
    tangents = problem(n, m, kind=kind, seed=12)
    X, L = fr.linearize(solve, *args)
    with mpmath.workdps(50):
        exact = [mp(x) for x in args]
        reference = newton(solve, mp(X), *exact)
        # Both are exact but for the rounding of the data's images, a few times 1e-16, times the condition.
        np.testing.assert_allclose(X, numbers(reference, kind), rtol=0, atol=1e-13 * np.abs(X).max())
        h = mpmath.mpf(10) ** -17  # differences with an error of h², 34 digits of the 50
        for k, v in enumerate(tangents):
            ends = []
            for sign in (1, -1):
                moved = list(exact)
                moved[k] = exact[k] + sign * h * mp(v)
                ends.append(newton(solve, reference, *moved))
            derivative = numbers((ends[0] - ends[1]) / (2 * h), kind)
            along = [v if i == k else np.zeros_like(x) for i, x in enumerate(args)]
            np.testing.assert_allclose(L(*along), derivative, rtol=0, atol=1e-12 * np.abs(derivative).max())


# --- conventions -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("solve", SOLVERS)
def test_gradients_in_the_weights_are_hermitian(solve):
    args = problem(4, 2, kind=complex, seed=21)
    X, pullback = fr.vjp(solve, *args)
    rng = np.random.default_rng(0)
    gradients = pullback(rng.standard_normal((4, 4)) + 1j * rng.standard_normal((4, 4)))
    assert np.array_equal(X, adjoint(X))
    assert np.array_equal(gradients[2], adjoint(gradients[2]))
    # That in r has been multiplied by K from both sides, which rounds.
    np.testing.assert_allclose(gradients[3], adjoint(gradients[3]), rtol=0, atol=1e-13)


@pytest.mark.parametrize("solve", SOLVERS)
def test_an_unsymmetric_tangent_of_a_weight_counts_with_its_hermitian_part(solve):
    args = problem(3, 2, seed=22)
    _, L = fr.linearize(solve, *args)
    rng = np.random.default_rng(0)
    for k in (2, 3):
        v = rng.standard_normal(args[k].shape)
        pair = [[w if i == k else np.zeros_like(x) for i, x in enumerate(args)] for w in (v, hermitian(v))]
        np.testing.assert_allclose(L(*pair[0]), L(*pair[1]), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("solve", SOLVERS)
def test_one_factorization_serves_everything(solve, monkeypatch):
    made = []
    factor = _riccati_factor.LyapunovFactor
    monkeypatch.setattr(_riccati_factor, "LyapunovFactor", lambda A: (made.append(A), factor(A))[1])
    args = problem(5, 2, seed=23)
    X, L = fr.linearize(solve, *args)
    L(*args)
    L.adjoint(X)
    assert len(made) == 1
    fr.hvp(lambda a: np.sum(solve(a, *args[1:])), (args[0],), (args[0],))
    assert len(made) == 2


@pytest.mark.parametrize("solve", SOLVERS)
def test_types(solve):
    assert solve(*SINGLE).dtype == np.float32
    assert fr.grad(lambda a: np.sum(solve(a, *SINGLE[1:])))(SINGLE[0]).dtype == np.float32
    assert solve([[1, 2], [0, 1]], [[0], [1]], np.eye(2, dtype=int), 1).dtype == np.float64
    assert solve(np.eye(2), np.eye(2), np.eye(2), np.array([[2, 1j], [-1j, 2]])).dtype == np.complex128
    assert solve(0.5, 1.0, 1.0, 1.0).shape == (1, 1)
    row = solve(np.eye(1), [1.0, 2.0], np.eye(1), np.eye(2))  # a vector is a row, as in SciPy
    np.testing.assert_allclose(
        row, getattr(scipy.linalg, solve.__name__)(np.eye(1), [1.0, 2.0], np.eye(1), np.eye(2))
    )
    single = problem(6, 2, seed=24)
    X = solve(*single)
    # Double precision inside: only the data and the result are rounded, by 6e-8, times the condition.
    assert np.abs(solve(*(x.astype(np.float32) for x in single)) - X).max() <= 1e-5 * np.abs(X).max()


@pytest.mark.parametrize("solve", SOLVERS)
@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize("size", [1e-300, 1e-200, 1e200, 1e300])
@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("shift", [-1.5, 2.0])
def test_the_unit_of_the_cost_does_not_matter(solve, balanced, size, n, shift):
    # The solution is homogeneous in q and r; the squares of these leave the range of numbers.
    a, b, q, r = problem(n, n, seed=n, e=False, s=False)
    a = a + shift * np.eye(n)
    expected = solve(a, b, q, r, balanced=balanced)
    # 1e-10: a hundred times the rounding errors of problems with condition numbers of up to 1e4
    np.testing.assert_allclose(
        solve(a, b, q * size, r * size, balanced=balanced) / size, expected, rtol=1e-10
    )
    gradients = fr.grad(lambda t: np.sum(solve(a, b, q * (size * t), r * (size * t), balanced=balanced)))(1.0)
    np.testing.assert_allclose(gradients, expected.sum() * size, rtol=1e-10)


@pytest.mark.parametrize("solve", SOLVERS)
def test_no_states_and_no_problems(solve):
    assert solve(np.zeros((0, 0)), np.zeros((0, 1)), np.zeros((0, 0)), np.eye(1)).shape == (0, 0)
    X, pullback = fr.vjp(solve, np.zeros((0, 2, 2)), np.ones((2, 1)), np.eye(2), np.eye(1))
    assert X.shape == (0, 2, 2)
    np.testing.assert_array_equal(pullback(X)[1], np.zeros((2, 1)))


# --- where there is no derivative, no solution, no problem -------------------------------------------------

CRITICAL = (
    np.array([[3.0, 1.0], [4.0, 2.0]]),
    np.ones((2, 1)),
    np.array([[-11.0, -5.0], [-5.0, -2.0]]),
    np.eye(1),
)


def test_no_derivative_on_the_boundary_of_stability():
    # CAREX 11: X = [2 1; 1 1], the closed loop is a rotation.
    X, pullback = fr.vjp(solve_continuous_are, *CRITICAL)
    # Eigenvalues of multiplicity two: half of the digits.
    np.testing.assert_allclose(X, [[2, 1], [1, 1]], rtol=0, atol=1e-6)
    with pytest.raises(NotDifferentiableError, match=r"solve_continuous_are.*imaginary axis.*larger q"):
        pullback(np.eye(2))
    X, pullback = fr.vjp(solve_discrete_are, np.eye(1), np.eye(1), np.zeros((1, 1)), np.eye(1))
    assert X == 0
    with pytest.raises(NotDifferentiableError, match=r"solve_discrete_are.*unit circle"):
        pullback(np.eye(1))


@pytest.mark.parametrize(
    ("solve", "a", "b", "q", "r", "reason"),
    [
        (solve_continuous_are, [[1.0]], [[0.0]], [[1.0]], [[1.0]], "unstable eigenvalue 1 of a"),
        (solve_discrete_are, np.diag([2.0, 0.5]), [[0.0], [1.0]], np.eye(2), [[1.0]], "eigenvalue 2 of a"),
        (solve_discrete_are, [[0, 2], [-2, 0]], np.zeros((2, 1)), np.eye(2), [[1.0]], r"0[+-]2j of a"),
        (solve_continuous_are, [[2.0]], [[1.0]], [[-5.0]], [[1.0]], r"Hamiltonian .* eigenvalue 0[+-]1j"),
        (solve_discrete_are, np.diag([0.9, 0.8]), np.ones((2, 1)), np.eye(2), [[-1.0]], "symplectic pencil"),
    ],
)
def test_no_stabilizing_solution(solve, a, b, q, r, reason):
    with pytest.raises(np.linalg.LinAlgError, match=reason):
        solve(a, b, q, r)
    good = problem(len(a), len(r), seed=31, e=False, s=False)
    with pytest.raises(np.linalg.LinAlgError, match=reason):  # the second of a stack
        solve(*(np.stack([x, y]) for x, y in zip(good, (a, b, q, r), strict=True)))


@pytest.mark.parametrize("solve", SOLVERS)
def test_the_reason_is_given_where_the_qz_algorithm_fails_too(solve):
    a = np.array([[2.0, 1.0], [0.5, 3.0]])
    for size in (1e200, 1e300):
        with pytest.raises(np.linalg.LinAlgError, match="there is no stabilizing solution: "):
            solve(a, 1e-200 * np.ones((2, 1)), size * np.eye(2), np.eye(1))


def test_an_infeasible_problem_of_scipys_tests():
    A = np.array([[1.0, -1, 1], [0, 1, 1], [0, 0, 1]])  # arXiv:1505.04861v1
    B = np.array([[1.0, 0], [1, 0], [0, 1]])
    Q = np.full((3, 3), -2.0) + np.diag([8, -1, -1.9])
    with pytest.raises(np.linalg.LinAlgError, match="no stabilizing solution"):
        solve_continuous_are(A, B, Q, np.diag([-10, 0.1]))


@pytest.mark.parametrize("solve", SOLVERS)
def test_bad_input(solve):
    a, b, q, r, e, s = problem(3, 2, seed=32)
    name = solve.__name__
    for k, argument in enumerate("aqre"):
        args = [a, b, q, r, e, s]
        args["abqres".index(argument)] = np.ones((3, 4))
        with pytest.raises(ValueError, match=f"{name}: {argument} must be square"):
            solve(*args)
        args["abqres".index(argument)] = np.eye(5)
        with pytest.raises(ValueError, match=rf"{name}: {argument} must be a \d by \d matrix"):
            solve(*args)
        assert k < 4
    with pytest.raises(ValueError, match=f"{name}: s must be a 3 by 2 matrix"):
        solve(a, b, q, r, e, s.T)
    for argument in (2, 3):
        args = [a, b, q, r]
        args[argument] = np.triu(args[argument])
        with pytest.raises(ValueError, match="symmetric/hermitian"):
            solve(*args)
    with pytest.raises(ValueError, match="e is numerically singular"):
        solve(a, b, q, r, np.ones((3, 3)))
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match=f"{name}: b must not contain"):
            solve(a, np.full((3, 2), bad), q, r)
    with pytest.raises(ValueError, match="do not broadcast"):
        solve(np.stack([a, a]), np.stack([b, b, b]), q, r)
    with pytest.raises(TypeError, match="numeric"):
        solve(np.array([["x"]]), b, q, r)


def test_a_singular_weight_is_refused_by_the_continuous_equation():
    a, b, q, _ = problem(3, 2, seed=33, e=False, s=False)
    with pytest.raises(ValueError, match="r is numerically singular"):
        solve_continuous_are(a, b, q, np.ones((2, 2)))
    np.testing.assert_allclose(  # and taken by the discrete one
        solve_discrete_are(a, b, q, np.ones((2, 2))),
        scipy.linalg.solve_discrete_are(a, b, q, np.ones((2, 2))),
        rtol=1e-10,
    )
