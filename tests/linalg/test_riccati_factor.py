"""The numerics of Riccati equations: the published benchmarks, and what doubling does not solve."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from frechet.linalg import _riccati_factor, solve_continuous_are, solve_discrete_are
from frechet.linalg._riccati_doubling import balancing, cayley, doubling
from frechet.linalg._riccati_factor import RiccatiFactor
from tests.linalg.riccati_examples import CAREX, COMPLEX, DAREX

EPS = np.finfo(float).eps


def adjoint(x):
    return np.conj(np.swapaxes(x, -1, -2))


def relative_residual(solve, X, a, b, q, r, e=None, s=None):
    """The Frobenius norm of what X leaves of the equation, relative to the sum of those of its terms."""
    e, s = np.eye(len(a)) if e is None else e, np.zeros_like(b) if s is None else s
    if solve is solve_continuous_are:
        factor, weight = adjoint(e) @ X @ b + s, r
        terms = [adjoint(e) @ X @ a, adjoint(a) @ X @ e]
    else:
        factor, weight = adjoint(a) @ X @ b + s, r + adjoint(b) @ X @ b
        terms = [adjoint(a) @ X @ a, -adjoint(e) @ X @ e]
    terms += [-factor @ np.linalg.solve(weight, adjoint(factor)), q]
    return np.linalg.norm(sum(terms)) / sum(np.linalg.norm(term) for term in terms)


def eigenvalues(solve, X, a, b, q, r, e=None, s=None):
    """How far the eigenvalues of the closed loop are beyond the boundary of stability."""
    e, s = np.eye(len(a)) if e is None else e, np.zeros_like(b) if s is None else s
    if solve is solve_continuous_are:
        K = np.linalg.solve(r, adjoint(b) @ X @ e + adjoint(s))
        return np.linalg.eigvals(np.linalg.solve(e, a - b @ K)).real
    K = np.linalg.solve(r + adjoint(b) @ X @ b, adjoint(b) @ X @ a + adjoint(s))
    return np.abs(np.linalg.eigvals(np.linalg.solve(e, a - b @ K))) - 1


# --- benchmarks --------------------------------------------------------------------------------------------

# Residuals that are larger than rounding because of the data: R of CAREX 8 has the condition number 4e6, the
# terms of CAREX 18 and 20 cancel by some digits in the products that they are computed by.
LARGER = {8: 1e-13, 18: 1e-13, 20: 1e-11}


@pytest.mark.parametrize("number", [k for k in range(1, 20) if k != 11])
def test_carex(number):
    problem = CAREX[number]
    X = solve_continuous_are(*problem)
    ours = relative_residual(solve_continuous_are, X, *problem)
    scipys = relative_residual(solve_continuous_are, scipy.linalg.solve_continuous_are(*problem), *problem)
    # A few units of rounding, 2e-16 each, for up to 100 states, in two matrix products.
    assert ours <= LARGER.get(number, 5e-15)
    assert ours <= max(scipys, 5e-15)
    assert eigenvalues(solve_continuous_are, X, *problem).max() < 0


def test_carex_20():
    # 421 states; SciPy takes seconds and leaves a residual of 3.5e-5.
    X = solve_continuous_are(*CAREX[20])
    assert relative_residual(solve_continuous_are, X, *CAREX[20]) <= LARGER[20]


def test_carex_11():
    # The closed loop is a rotation; X moves by the root of the rounding errors (1.5e-8), in both solvers.
    X = solve_continuous_are(*CAREX[11])
    assert relative_residual(solve_continuous_are, X, *CAREX[11]) <= 1e-15
    np.testing.assert_allclose(X, [[2, 1], [1, 1]], rtol=0, atol=2e-7)


@pytest.mark.parametrize("problem", [*DAREX.values(), *COMPLEX.values()], ids=[*DAREX, *COMPLEX])
def test_darex(problem):
    X = solve_discrete_are(*problem)
    ours = relative_residual(solve_discrete_are, X, *problem)
    scipys = relative_residual(solve_discrete_are, scipy.linalg.solve_discrete_are(*problem), *problem)
    # A few units of rounding, 2e-16 each, in two matrix products.
    assert ours <= 2e-15
    assert ours <= max(scipys, 2e-15)
    assert eigenvalues(solve_discrete_are, X, *problem).max() < 0


def integrator():
    """CAREX 9: Q and R are the identity, x12² = 1, x22² = 1 + 2·10⁶ x12, x11 = x12 x22 / 10⁶."""
    x22 = np.sqrt(1 + 2e6)
    return np.array([[x22 / 1e6, 1], [1, x22]])


KNOWN = [  # with the relative errors here and in SciPy when this was written
    (solve_continuous_are, CAREX[1], np.array([[2, 1], [1, 2]])),  # 2e-16, 7e-16
    (solve_continuous_are, CAREX[2], (1 + 2**0.5) * CAREX[2][2]),  # 6e-16, 1e-15
    (solve_continuous_are, CAREX[9], integrator()),  # 6e-17, 4e-15
    (solve_discrete_are, DAREX[1], (1 + 5**0.5) / 2 * DAREX[1][2]),  # 9e-17, 7e-16
    (solve_discrete_are, DAREX[3], np.eye(2)),  # 0, 0
    (solve_discrete_are, DAREX[12], np.diag([1, 1 + 1e12])),  # 0, 8e-16
    (solve_discrete_are, DAREX[15], np.diag(np.arange(1.0, 101))),  # 0, 4e-13
]


@pytest.mark.parametrize(("solve", "problem", "X"), KNOWN)
def test_known_solutions(solve, problem, X):
    # a few roundings of the largest entry: 10 on machines whose BLAS adds in another order
    assert np.abs(solve(*problem) - X).max() <= 32 * EPS * np.abs(X).max()


# --- random problems ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("solve", [solve_continuous_are, solve_discrete_are])
@given(
    n=st.integers(1, 40),
    m=st.integers(1, 6),
    rank=st.integers(1, 6),
    kind=st.sampled_from([float, complex]),
    radius=st.sampled_from([0.5, 0.99, 1.0, 1.5]),
    general=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(max_examples=25)
def test_stabilizable_and_detectable_problems(solve, n, m, rank, kind, radius, general, seed):
    # Random matrices have neither unreachable nor unobservable modes.
    rng = np.random.default_rng(seed)

    def draw(*shape):
        x = rng.standard_normal(shape)
        return x + 1j * rng.standard_normal(shape) if kind is complex else x

    a, b, c, d = draw(n, n), draw(n, m), draw(rank, n), 0.3 * draw(rank, m)
    a *= radius / np.abs(np.linalg.eigvals(a)).max()
    if solve is solve_continuous_are:
        a -= 0.9 * np.eye(n)
    problem = [a, b, adjoint(c) @ c, adjoint(d) @ d + np.eye(m)]
    if general:
        problem += [np.eye(n) + 0.1 * draw(n, n) / np.sqrt(n), adjoint(c) @ d]
    X = solve(*problem)
    assert np.array_equal(X, adjoint(X))
    ours = relative_residual(solve, X, *problem)
    # Rounding: 2e-16 for each of up to 40 terms of a sum, and the condition of e; 3e-14 was seen where the
    # closed loop is close to the imaginary axis, and SciPy leaves 1e-11.
    assert ours <= 2e-13
    assert eigenvalues(solve, X, *problem).max() < 0


def test_stacks_are_solved_as_their_members_are():
    rng = np.random.default_rng(4)
    a, b = 0.8 * rng.standard_normal((2, 5, 4, 4)), rng.standard_normal((2, 1, 4, 2))
    # One is slow, one is not for doubling (an unstable mode that costs nothing), one is badly scaled.
    a[0, 1] = np.diag([1 - 1e-6, 0.5, 0.2, 0.1])
    q = np.broadcast_to(np.eye(4), a.shape).copy()
    a[1, 2], q[1, 2] = np.diag([2.0, 0.5, 0.2, 0.1]), np.diag([0.0, 1, 1, 1])
    scale = np.array([1e4, 1, 1e-3, 1e2])
    a[1, 4] *= scale / scale[:, None]
    for solve in (solve_continuous_are, solve_discrete_are):
        X = solve(a, b, q, np.eye(2))
        for i, j in np.ndindex(2, 5):
            one = solve(a[i, j], b[i, 0], q[i, j], np.eye(2))
            # Balanced alike or not: both are right to rounding times the condition.
            np.testing.assert_allclose(X[i, j], one, rtol=0, atol=1e-9 * np.abs(one).max())
            # The balanced equation is satisfied to rounding, which in the badly scaled one is larger.
            assert relative_residual(solve, one, a[i, j], b[i, 0], q[i, j], np.eye(2)) <= 1e-11


@pytest.mark.parametrize("solve", [solve_continuous_are, solve_discrete_are])
def test_balancing_reaches_e(solve):
    # SciPy 1.17 does not apply its balancing to e: it returns a wrong X here, or fails.
    scale = np.array([1.0, 1e4, 1e-3])
    rng = np.random.default_rng(6)
    a, e = rng.standard_normal((2, 3, 3)) * scale / scale[:, None]
    problem = (a, rng.standard_normal((3, 2)) / scale[:, None], np.diag(scale**2), np.eye(2), e)
    assert relative_residual(solve, solve(*problem), *problem) <= 1e-12


# --- the parts ---------------------------------------------------------------------------------------------


def test_scalar_equations_have_their_solutions():
    # x = a² x / (1 + g x) + h and 2 a x − g x² + h = 0.
    for a, g, h in [(0.5, 1.0, 2.0), (1.5, 0.1, 1.0), (0.0, 1.0, 1.0), (-3.0, 2.0, 0.5)]:
        one = [np.array([[[value]]]) for value in (a, g, h)]
        p = 1 - a * a - g * h  # g x² + p x − h = 0
        exact = (-p + np.sqrt(p * p + 4 * g * h)) / (2 * g)
        np.testing.assert_allclose(doubling(*one)[0, 0, 0], exact, rtol=1e-14)
        exact = (a + np.sqrt(a * a + g * h)) / g
        np.testing.assert_allclose(doubling(*cayley(*one))[0, 0, 0], exact, rtol=1e-14)


def test_doubling_says_where_it_does_not_converge():
    a, g, h = np.array([[[2.0]], [[0.5]], [[1.0]]]), np.ones((3, 1, 1)), np.array([[[0.0]], [[0.0]], [[0.0]]])
    with np.errstate(all="ignore"):
        X = doubling(a, g, h)  # unstable and free of costs; X = 0; on the unit circle
    assert np.isnan(X[0, 0, 0])
    assert X[1, 0, 0] == 0
    assert np.isnan(X[2, 0, 0])


def test_balancing_brings_rows_and_columns_together():
    rng = np.random.default_rng(0)
    A, G, H = rng.standard_normal((3, 1, 6, 6))
    G, H = G @ adjoint(G), H @ adjoint(H)
    assert balancing(A, G, H) is None
    scale = 2.0 ** np.array([10, -7, 3, 0, 12, -20])
    D = balancing(A / scale * scale[:, None], G * scale * scale[:, None], H / scale / scale[:, None])
    assert np.array_equal(np.log2(D), np.round(np.log2(D)))
    # What is left are the few powers of two by which the random matrices are unbalanced themselves.
    assert np.ptp(np.log2(D[0] / scale)) <= 4


def test_doubling_is_enough_for_ordinary_problems(monkeypatch):
    monkeypatch.setattr(_riccati_factor, "_by_qz", None)  # not to be called
    rng = np.random.default_rng(1)
    for n in (3, 30):
        a, b, r = rng.standard_normal((n, n)) / n**0.5, rng.standard_normal((n, 2)), np.eye(2)
        for discrete in (True, False):
            factor = RiccatiFactor(discrete, True, a, b, np.eye(n), r, None, None)
            assert factor.D is None
            assert np.linalg.eigvalsh(factor.X).min() > 0


def test_observations_without_noise_need_no_qz(monkeypatch):
    # R = 0: the recursion is taken one step on before R is inverted.
    monkeypatch.setattr(_riccati_factor, "_by_qz", None)
    rng = np.random.default_rng(2)
    a, b = rng.standard_normal((20, 20)) / 20**0.5, rng.standard_normal((20, 3))
    X = solve_discrete_are(a, b, np.eye(20), np.zeros((3, 3)))
    assert relative_residual(solve_discrete_are, X, a, b, np.eye(20), np.zeros((3, 3))) <= 1e-14


def test_what_is_not_balanced_is_solved_all_the_same():
    scale = np.array([1e5, 1.0, 1e-4])
    rng = np.random.default_rng(3)
    a, b = 0.5 * rng.standard_normal((3, 3)), rng.standard_normal((3, 1))
    a, b, q = a * scale / scale[:, None], b / scale[:, None], np.diag(scale**2)
    for solve in (solve_continuous_are, solve_discrete_are):
        balanced, other = solve(a, b, q, np.eye(1)), solve(a, b, q, np.eye(1), balanced=False)
        # The scale of the entries is that of D X D; the unbalanced way keeps the digits of the largest ones.
        np.testing.assert_allclose(balanced, other, rtol=0, atol=1e-6 * np.abs(balanced).max())
