"""Steady states of Kalman filters and linear-quadratic regulators, by algebraic Riccati equations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..linear_map import Array, adjoint_matrix
from ..rules.linalg_factorizations import hermitian_part
from ._capability import capability
from ._riccati import as_row_matrix, feedback_gain, solve_continuous_are, solve_discrete_are

__all__ = [
    "Regulator",
    "SteadyStateKalman",
    "SteadyStateKalmanBucy",
    "dlqr",
    "lqr",
    "steady_state_kalman",
    "steady_state_kalman_bucy",
]


class SteadyStateKalman(NamedTuple):
    """What a Kalman filter converges to; see `steady_state_kalman`."""

    gain: Array
    prediction_gain: Array
    predicted_cov: Array
    filtered_cov: Array
    innovation_cov: Array


class SteadyStateKalmanBucy(NamedTuple):
    """What a Kalman–Bucy filter converges to; see `steady_state_kalman_bucy`."""

    gain: Array
    cov: Array


class Regulator(NamedTuple):
    """The gain K of the optimal control u = −K x, and X, with the cost xᴴ X x; see `lqr` and `dlqr`."""

    gain: Array
    cost: Array


@capability("as solve_discrete_are")
def steady_state_kalman(
    transition: Array, design: Array, state_cov: Array, obs_cov: Array, cross_cov: Array | None = None
) -> SteadyStateKalman:
    """The gains and covariances that the Kalman filter of a time-invariant model converges to.

        x' = T x + w,    y = Z x + v,    cov w = Q,    cov v = H,    cov(w, v) = C

    Parameters
    ----------
    transition : (..., n, n) array_like
        T.  Real or complex, plain or traced, as are all others.  Leading axes are a batch; they broadcast.
    design : (..., p, n) array_like
        Z.
    state_cov : (..., n, n) array_like
        Q, of the whole state: statsmodels' selection @ state_cov @ selectionᵀ.
    obs_cov : (..., p, p) array_like
        H; it may be singular, zero for observations without noise.
    cross_cov : (..., n, p) array_like, optional
        C, between the noise of an observation and that of the step after it; zero if left out.

    Returns
    -------
    gain : (..., n, p) array
        K = P Zᴴ F⁻¹, by which an innovation y − Z x corrects the predicted state x.
    prediction_gain : (..., n, p) array
        (T P Zᴴ + C) F⁻¹, by which it corrects the prediction of the next one, T x: statsmodels' kalman_gain.
    predicted_cov : (..., n, n) array
        P, of the error of the state before the observation.
    filtered_cov : (..., n, n) array
        P − K Z P, after it.
    innovation_cov : (..., p, p) array
        F = Z P Zᴴ + H.

    Raises
    ------
    ValueError
        For shapes that do not fit, covariances that are not Hermitian, nan and inf.
    numpy.linalg.LinAlgError
        Where there is no steady state: a mode that is not stable is not observed.
    NotDifferentiableError
        For a derivative where a mode on the unit circle is not excited, so that its covariance falls to zero
        without end.

    Notes
    -----
    P is the solution of the discrete Riccati equation (`solve_discrete_are`) of Tᴴ, Zᴴ, Q, H and C, whose
    doubling algorithm takes 2ᵏ steps of the filter at the k-th iteration.  All results have derivatives of
    every order, with one factorization of the filter's closed loop.  Anderson & Moore, Optimal Filtering
    (1979), chapter 4.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> local_level = fr.linalg.steady_state_kalman(1.0, 1.0, 0.5, 1.0)
    >>> local_level.predicted_cov, local_level.gain
    (array([[1.]]), array([[0.5]]))

    A change of the noise of the level, and of that of the observations, changes the gain by

    >>> fr.grad(lambda q: fr.linalg.steady_state_kalman(1.0, 1.0, q, 1.0).gain[0, 0])(0.5)
    0.33...
    >>> fr.grad(lambda h: fr.linalg.steady_state_kalman(1.0, 1.0, 0.5, h).gain[0, 0])(1.0)
    -0.16...
    """
    call = "steady_state_kalman"
    T, Z, Q, H, C = _matrices(
        call,
        transition=transition,
        design=design,
        state_cov=state_cov,
        obs_cov=obs_cov,
        cross_cov=cross_cov,
    )
    Th, Zh = adjoint_matrix(T), adjoint_matrix(Z)
    P = _solution(call, solve_discrete_are, Th, Zh, Q, H, C, _WORDS.format("transitionᴴ"))
    PZ = np.matmul(P, Zh)
    F = hermitian_part(np.matmul(Z, PZ) + H)
    K = adjoint_matrix(np.linalg.solve(F, adjoint_matrix(PZ)))
    filtered = hermitian_part(P - np.matmul(K, adjoint_matrix(PZ)))
    prediction_gain = adjoint_matrix(feedback_gain(P, Th, Zh, H, P, C, True))
    return SteadyStateKalman(K, prediction_gain, P, filtered, F)


@capability("as solve_continuous_are")
def steady_state_kalman_bucy(
    drift: Array, design: Array, state_cov: Array, obs_cov: Array, cross_cov: Array | None = None
) -> SteadyStateKalmanBucy:
    """The gain and the covariance that the Kalman–Bucy filter of a time-invariant model converges to.

        dx = A x dt + dw,    dy = Z x dt + dv,    cov dw = Q dt,    cov dv = H dt,    cov(dw, dv) = C dt

    Parameters
    ----------
    drift : (..., n, n) array_like
        A.  Real or complex, plain or traced, as are all others.  Leading axes are a batch; they broadcast.
    design : (..., p, n) array_like
        Z.
    state_cov : (..., n, n) array_like
        Q, a covariance per time.
    obs_cov : (..., p, p) array_like
        H, regular.
    cross_cov : (..., n, p) array_like, optional
        C; zero if left out.

    Returns
    -------
    gain : (..., n, p) array
        L = (P Zᴴ + C) H⁻¹:  dx̂ = A x̂ dt + L (dy − Z x̂ dt).
    cov : (..., n, n) array
        P, of the error x − x̂.

    Raises
    ------
    ValueError
        For shapes that do not fit, covariances that are not Hermitian, a singular obs_cov, nan and inf.
    numpy.linalg.LinAlgError
        Where there is no steady state: a mode that is not stable is not observed.
    NotDifferentiableError
        For a derivative where a mode on the imaginary axis is not excited, so that its covariance falls to
        zero without end.

    Notes
    -----
    P is the solution of the continuous Riccati equation (`solve_continuous_are`) of Aᴴ, Zᴴ, Q, H and C.

    Examples
    --------
    >>> import frechet as fr
    >>> fr.linalg.steady_state_kalman_bucy(0.0, 1.0, 4.0, 1.0)
    SteadyStateKalmanBucy(gain=array([[2.]]), cov=array([[2.]]))
    """
    call = "steady_state_kalman_bucy"
    A, Z, Q, H, C = _matrices(
        call, drift=drift, design=design, state_cov=state_cov, obs_cov=obs_cov, cross_cov=cross_cov
    )
    Ah, Zh = adjoint_matrix(A), adjoint_matrix(Z)
    P = _solution(call, solve_continuous_are, Ah, Zh, Q, H, C, _WORDS.format("driftᴴ"))
    return SteadyStateKalmanBucy(adjoint_matrix(feedback_gain(P, Ah, Zh, H, P, C, False)), P)


@capability("as solve_continuous_are")
def lqr(a: Array, b: Array, q: Array, r: Array, s: Array | None = None) -> Regulator:
    """The linear-quadratic regulator: the control u = −K x of x' = A x + B u that minimizes a cost.

        ∫ xᴴ Q x + uᴴ R u + 2 Re xᴴ S u dt = x₀ᴴ X x₀

    Parameters
    ----------
    a, b, q, r, s
        As in `solve_continuous_are`.

    Returns
    -------
    gain : (..., m, n) array
        K = R⁻¹ (Bᴴ X + Sᴴ).
    cost : (..., n, n) array
        X.

    Raises
    ------
    ValueError, numpy.linalg.LinAlgError
        As `solve_continuous_are`.

    Examples
    --------
    >>> import frechet as fr
    >>> fr.linalg.lqr(0.0, 1.0, 4.0, 1.0)
    Regulator(gain=array([[2.]]), cost=array([[2.]]))
    """
    A, B, Q, R, S = _matrices("lqr", a=a, b=b, q=q, r=r, s=s)
    X = _solution("lqr", solve_continuous_are, A, B, Q, R, S)
    return Regulator(feedback_gain(X, A, B, R, X, S, False), X)


@capability("as solve_discrete_are")
def dlqr(a: Array, b: Array, q: Array, r: Array, s: Array | None = None) -> Regulator:
    """The discrete linear-quadratic regulator: the control u = −K x of x' = A x + B u that minimizes a cost.

        Σ xᴴ Q x + uᴴ R u + 2 Re xᴴ S u = x₀ᴴ X x₀

    Parameters
    ----------
    a, b, q, r, s
        As in `solve_discrete_are`.

    Returns
    -------
    gain : (..., m, n) array
        K = (R + Bᴴ X B)⁻¹ (Bᴴ X A + Sᴴ).
    cost : (..., n, n) array
        X.

    Raises
    ------
    ValueError, numpy.linalg.LinAlgError
        As `solve_discrete_are`.

    Examples
    --------
    >>> import frechet as fr
    >>> fr.linalg.dlqr(1.0, 1.0, 0.5, 1.0)
    Regulator(gain=array([[0.5]]), cost=array([[1.]]))
    """
    A, B, Q, R, S = _matrices("dlqr", a=a, b=b, q=q, r=r, s=s)
    X = _solution("dlqr", solve_discrete_are, A, B, Q, R, S)
    return Regulator(feedback_gain(X, A, B, R, X, S, True), X)


_WORDS = " (here a is {}, b designᴴ, q state_cov, r obs_cov, s cross_cov)"


def _matrices(call: str, **arguments: Any) -> tuple[Any, ...]:
    """Numbers and vectors become matrices of one row, as in the solvers, which do all other checks."""
    return tuple(
        None if x is None and name in ("s", "cross_cov") else as_row_matrix(x, f"{call}: {name}")
        for name, x in arguments.items()
    )


def _solution(
    call: str,
    solve: Callable[..., Array],
    a: Array,
    b: Array,
    q: Array,
    r: Array,
    s: Array | None,
    words: str = "",
) -> Array:
    """The solution of a Riccati equation; errors name the call that asks for it, and say what is what."""
    try:
        return solve(a, b, q, r, s=s)
    except (ValueError, np.linalg.LinAlgError) as error:
        message = str(error).removeprefix(f"{solve.__name__}: ")
        raise type(error)(f"{call}: {message}{words}") from error
