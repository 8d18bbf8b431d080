"""Steady states of Kalman filters and regulators."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.tsa.statespace.kalman_filter import KalmanFilter

import frechet as fr
from frechet.errors import NotDifferentiableError
from frechet.linalg import dlqr, lqr, steady_state_kalman, steady_state_kalman_bucy
from frechet.testing import check_rule


def adjoint(x):
    return np.conj(np.swapaxes(x, -1, -2))


def hermitian(x):
    return (x + adjoint(x)) / 2


def model(n, p, *, batch=(), kind=float, seed=0, cross=True):
    """T or A, Z, Q, H and C of a random model whose joint noise covariance is positive definite."""
    rng = np.random.default_rng(seed)

    def draw(*shape):
        x = rng.standard_normal(shape)
        return x + 1j * rng.standard_normal(shape) if kind is complex else x

    noise = draw(*batch, n + p, n + p)
    noise = hermitian(noise @ adjoint(noise)) + np.eye(n + p)
    parts = (draw(*batch, n, n) / np.sqrt(n), draw(*batch, p, n), noise[..., :n, :n], noise[..., n:, n:])
    return (*parts, 0.5 * noise[..., :n, n:]) if cross else parts


# Covariances are given as Hermitian parts: differences move them in directions of their own.


def kalman(T, Z, Q, H, C=None):
    return fr.linalg.steady_state_kalman(T, Z, hermitian(Q), hermitian(H), C)


def kalman_bucy(A, Z, Q, H, C=None):
    return fr.linalg.steady_state_kalman_bucy(A, Z, hermitian(Q), hermitian(H), C)


def regulator(a, b, q, r, s=None):
    return fr.linalg.lqr(a, b, hermitian(q), hermitian(r), s)


def discrete_regulator(a, b, q, r, s=None):
    return fr.linalg.dlqr(a, b, hermitian(q), hermitian(r), s)


def dual(args):
    """The regulator's data of a filter's: inputs in the place of observations."""
    return (args[0], adjoint(args[1]), *args[2:])


FILTERS, REGULATORS = (kalman, kalman_bucy), (regulator, discrete_regulator)
SINGLE = tuple(x.astype(np.float32) for x in model(2, 1, seed=4))
CASES = [
    *((f, args) for f in FILTERS for args in (model(3, 2), model(3, 2, kind=complex, seed=1), SINGLE)),
    *((f, model(3, 1, cross=False, seed=2)) for f in FILTERS),
    *((f, dual(args)) for f in REGULATORS for args in (model(3, 2), model(3, 2, kind=complex, seed=1))),
    *((f, dual(model(2, 1, cross=False, seed=2))) for f in REGULATORS),
    (lambda T, Z, Q: kalman(T, Z, Q, np.zeros((2, 2))), model(3, 2, seed=3)[:3]),  # no observation noise
    (lambda q, h: fr.linalg.steady_state_kalman(0.9, 1.0, q, h).gain, (0.5, 2.0)),
]
CASES_STACKED = [
    *((f, model(2, 1, batch=(2,), seed=5)) for f in FILTERS),
    *((f, dual(model(2, 1, batch=(2, 1), seed=5))) for f in REGULATORS),
    # One observation matrix for all of a stack.
    (kalman, (*model(2, 1, batch=(3,), seed=6)[:1], *model(2, 1, seed=6)[1:])),
]


@pytest.mark.parametrize(("function", "args"), CASES + CASES_STACKED)
def test_rule(function, args):
    check_rule(function, *args)


@given(
    n=st.integers(1, 5), p=st.integers(1, 3), kind=st.sampled_from([float, complex]), seed=st.integers(0, 99)
)
@settings(max_examples=15)
def test_steady_state_is_a_fixed_point_of_the_filter(n, p, kind, seed):
    T, Z, Q, H, C = model(n, p, kind=kind, seed=seed)
    state = steady_state_kalman(T, Z, Q, H, C)
    P, K, M = state.predicted_cov, state.gain, state.prediction_gain
    size = np.abs(P).max() + np.abs(H).max()
    F = Z @ P @ adjoint(Z) + H
    # One step of the textbook's filter, in Joseph's form, and the prediction with the correlated noise.
    rest = np.eye(n) - K @ Z
    tolerance = {"rtol": 0, "atol": 1e-11 * size}  # rounding times the condition of F
    np.testing.assert_allclose(state.innovation_cov, F, **tolerance)
    np.testing.assert_allclose(K @ F, P @ adjoint(Z), **tolerance)
    np.testing.assert_allclose(state.filtered_cov, rest @ P @ adjoint(rest) + K @ H @ adjoint(K), **tolerance)
    np.testing.assert_allclose(M @ F, T @ P @ adjoint(Z) + C, **tolerance)
    np.testing.assert_allclose(T @ P @ adjoint(T) + Q - M @ F @ adjoint(M), P, **tolerance)
    assert np.abs(np.linalg.eigvals(T - M @ Z)).max() < 1
    for cov in (P, state.filtered_cov, F):
        assert np.linalg.eigvalsh(cov).min() > 0


def test_filter_of_statsmodels_converges_to_it():
    T, Z, Q, H = model(3, 2, seed=7, cross=False)
    data = np.random.default_rng(0).standard_normal((200, 2))
    filtered = KalmanFilter(
        data, 3, transition=T, design=Z, selection=np.eye(3), state_cov=Q, obs_cov=H,
        initialization="approximate_diffuse", tolerance=0,
    ).filter()  # fmt: skip
    state = steady_state_kalman(T, Z, Q, H)
    # After 200 steps the transient is gone; what is left is rounding.
    for ours, theirs in [
        (state.predicted_cov, filtered.predicted_state_cov),
        (state.filtered_cov, filtered.filtered_state_cov),
        (state.innovation_cov, filtered.forecasts_error_cov),
        (state.prediction_gain, filtered.kalman_gain),
    ]:
        np.testing.assert_allclose(ours, theirs[..., -1], rtol=1e-11, atol=1e-12)


def test_derivative_is_that_of_the_converged_recursion():
    T, Z, Q, H = model(3, 1, seed=8, cross=False)

    def recursion(T, Z, Q, H):
        P = Q
        for _ in range(150):
            K = np.linalg.solve(Z @ P @ Z.T + H, Z @ P @ T.T).T
            P = T @ P @ T.T + Q - K @ Z @ P @ T.T
        return np.sum(np.sin(K))

    by_recursion = fr.grad(recursion, argnums=(0, 1, 2, 3))(T, Z, Q, H)
    ours = fr.grad(
        lambda *args: np.sum(np.sin(steady_state_kalman(*args).prediction_gain)), argnums=(0, 1, 2, 3)
    )(T, Z, Q, H)
    for a, b in zip(ours, by_recursion, strict=True):
        symmetric = hermitian(b) if a.shape[0] == a.shape[1] and a is not ours[0] else b
        # The recursion rounds 150 times.
        np.testing.assert_allclose(a, symmetric, rtol=1e-9, atol=1e-10)


def test_kalman_bucy_solves_its_equation():
    A, Z, Q, H, C = model(3, 2, seed=9)
    L, P = steady_state_kalman_bucy(A, Z, Q, H, C)
    np.testing.assert_allclose(L @ H, P @ Z.T + C, rtol=0, atol=1e-12)
    np.testing.assert_allclose(A @ P + P @ A.T + Q, L @ H @ L.T, rtol=0, atol=1e-11)
    assert np.linalg.eigvals(A - L @ Z).real.max() < 0


@pytest.mark.parametrize("design", [lqr, dlqr])
def test_cost_of_a_regulator_is_that_of_its_trajectory(design):
    a, b, q, r, s = dual(model(3, 2, seed=10))
    K, X = design(a, b, q, r, s)
    closed = a - b @ K
    cost = q + K.T @ r @ K - s @ K - K.T @ s.T
    equation = closed.T @ X @ closed - X + cost if design is dlqr else closed.T @ X + X @ closed + cost
    np.testing.assert_allclose(equation, 0, atol=1e-11)
    for change in np.random.default_rng(0).standard_normal((5, 2, 3)) * 1e-3:  # and it is the smallest
        other = K + change
        closed, cost = a - b @ other, q + other.T @ r @ other - s @ other - other.T @ s.T
        if design is dlqr:
            worse = fr.linalg.solve_discrete_lyapunov(closed.T, cost)
        else:
            worse = fr.linalg.solve_continuous_lyapunov(closed.T, -cost)
        assert np.linalg.eigvalsh(worse - X).min() > -1e-12


def test_no_steady_state():
    random_walks, one = np.eye(2), np.array([[1.0, 0.0]])
    with pytest.raises(np.linalg.LinAlgError, match=r"steady_state_kalman: .*eigenvalue 1 of a.*transition"):
        steady_state_kalman(random_walks, one, np.eye(2), 1.0)  # the second is never observed
    with pytest.raises(np.linalg.LinAlgError, match=r"steady_state_kalman_bucy: .*eigenvalue 0 of a.*drift"):
        steady_state_kalman_bucy(0 * random_walks, one, np.eye(2), 1.0)


def test_a_mode_that_nothing_excites_has_a_limit_without_a_derivative():
    rotation, one = np.array([[0.6, 0.8], [-0.8, 0.6]]), np.array([[1.0, 0.0]])
    state, pullback = fr.vjp(lambda Q: steady_state_kalman(rotation, one, Q, 1.0).gain, np.zeros((2, 2)))
    # Its covariance falls to zero like 1/t; rounding leaves the root of the rounding errors.
    np.testing.assert_allclose(state, 0, atol=1e-6)
    with pytest.raises(NotDifferentiableError, match="unit circle"):
        pullback(np.ones((2, 1)))


def test_bad_input():
    with pytest.raises(ValueError, match=r"steady_state_kalman: .*symmetric.*q state_cov"):
        steady_state_kalman(np.eye(2) / 2, np.eye(2), np.triu(np.ones((2, 2))), np.eye(2))
    with pytest.raises(ValueError, match=r"steady_state_kalman_bucy: r is numerically singular .*r obs_cov"):
        steady_state_kalman_bucy(np.eye(2), np.eye(2), np.eye(2), np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"steady_state_kalman: .*matrix beside b"):
        steady_state_kalman(np.eye(2), np.eye(3), np.eye(2), np.eye(3))


@pytest.mark.parametrize("call", ["lqr", "dlqr", "steady_state_kalman", "steady_state_kalman_bucy"])
def test_errors_name_the_call_and_the_argument(call):
    function = getattr(fr.linalg, call)
    names = {
        "steady_state_kalman": ("transition", "obs_cov"),
        "steady_state_kalman_bucy": ("drift", "obs_cov"),
    }
    first, last = names.get(call, ("a", "r"))
    with pytest.raises(ValueError, match=rf"^{call}: {first} must not contain infs or NaNs$"):
        function(np.nan, 1.0, 1.0, 1.0)
    with pytest.raises(TypeError, match=rf"^{call}: {last} must be numeric"):
        function(1.0, 1.0, 1.0, "x")
    with pytest.raises(TypeError, match=rf"^{call}: {last} must be numeric"):
        function(1.0, 1.0, 1.0, None)
    with pytest.raises(ValueError, match=rf"^{call}: q must be symmetric/hermitian"):
        function(np.eye(2), np.eye(2), np.array([[1.0, 2.0], [0.0, 1.0]]), np.eye(2))
    with pytest.raises(np.linalg.LinAlgError, match=rf"^{call}: there is no stabilizing solution"):
        function(2.0, 0.0, 1.0, 1.0)
