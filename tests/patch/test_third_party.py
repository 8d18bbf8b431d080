"""Programs that nobody wrote for differentiation: filterpy's filters, and models as in SciPy's cookbook."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from filterpy.common import Q_discrete_white_noise
from filterpy.kalman import (
    CubatureKalmanFilter,
    ExtendedKalmanFilter,
    FixedLagSmoother,
    IMMEstimator,
    InformationFilter,
    KalmanFilter,
    MerweScaledSigmaPoints,
    SquareRootKalmanFilter,
    UnscentedKalmanFilter,
)

import frechet as fr
from frechet.testing import numerical_pushforward
from tests.patch import cookbook

rng = np.random.default_rng(0)
zs = rng.normal(size=12).cumsum()
p4 = np.array([0.7, 0.3, 2.0, 0.5])


def kalman(p):
    """A filter with parameters in F, H, R and Q."""
    kf = KalmanFilter(dim_x=2, dim_z=1)
    kf.F = np.array([[1.0, p[0]], [0.0, 1.0]])
    kf.H = np.array([[1.0, p[1]]])
    kf.P *= 10.0
    kf.R *= p[2]
    kf.Q = Q_discrete_white_noise(dim=2, dt=p[0], var=p[3])
    return kf


def log_likelihood(p):
    kf = kalman(p)
    total = 0.0
    for z in zs:
        kf.predict()
        kf.update(z)
        total += kf.log_likelihood
    return total


def likelihood_and_distance(p):
    """Through math.exp and math.sqrt."""
    kf = kalman(p)
    total = 0.0
    for z in zs[:3]:
        kf.predict()
        kf.update(z)
        total += kf.likelihood + kf.mahalanobis
    return total


def two_measurements(p):
    """Entries of R one by one, and Q as a number."""
    kf = KalmanFilter(dim_x=2, dim_z=2)
    kf.F = np.array([[1.0, p[0]], [0.0, 1.0]])
    kf.H[0, 0] = 1.0
    kf.H[1, 1] = p[1]
    kf.R *= p[2]
    kf.R[0, 1] = kf.R[1, 0] = p[3]
    total = 0.0
    for z in zs.reshape(-1, 2):
        kf.predict(Q=p[3])
        kf.update(z, R=None)
        total += kf.log_likelihood
    return total


def smoothed(p):
    kf = kalman(p)
    means, covariances, _, _ = kf.batch_filter(zs)
    means, covariances, _, _ = kf.rts_smoother(means, covariances)
    return np.sum(means**2) + np.sum(covariances)


def fixed_lag(p):
    smoother = FixedLagSmoother(dim_x=2, dim_z=1, N=4)
    smoother.F, smoother.H = kalman(p).F, kalman(p).H
    smoother.R *= p[2]
    for z in zs:
        smoother.smooth(z)
    return np.sum(np.array(smoother.xSmooth) ** 2)


def square_root(p):
    kf = SquareRootKalmanFilter(dim_x=2, dim_z=1)
    kf.x, kf.P, kf.R, kf.Q = np.array([[0.1], [0.2]]), np.eye(2) * 0.5, np.eye(1) * p[2], np.eye(2) * p[3]
    kf.F, kf.H = kalman(p).F, kalman(p).H
    for z in zs:
        kf.predict()
        kf.update(np.array([[z]]))
    return kf.x.sum() + kf.P.sum()


def information(p):
    kf = InformationFilter(dim_x=2, dim_z=1)
    kf.P_inv, kf.R_inv, kf.Q = np.eye(2) * 0.5, np.eye(1) * p[2], np.eye(2) * p[3]
    kf.F, kf.H = kalman(p).F, kalman(p).H
    for z in zs:
        kf.predict()
        kf.update(np.array([[z]]))
    return kf.x.sum()


def swing(p):
    """A pendulum's step and measurement."""

    def step(x, dt):
        return np.array([x[0] + dt * x[1], x[1] - p[0] * np.sin(x[0]) * dt])

    def measure(x):
        return np.array([p[1] * x[0]])

    return step, measure


def unscented(p):
    step, measure = swing(p)
    points = MerweScaledSigmaPoints(2, alpha=0.5, beta=2.0, kappa=1.0)
    kf = UnscentedKalmanFilter(dim_x=2, dim_z=1, dt=0.3, fx=step, hx=measure, points=points)
    kf.x = np.array([0.1, 0.2])
    kf.R *= p[2]
    kf.Q *= p[3]
    total = 0.0
    for z in zs:
        kf.predict()
        kf.update(z)
        total += kf.log_likelihood
    return total


def cubature(p):
    step, measure = swing(p)
    kf = CubatureKalmanFilter(dim_x=2, dim_z=1, dt=0.3, fx=step, hx=measure)
    kf.R *= p[2]
    kf.Q *= p[3]
    for z in zs:
        kf.predict()
        kf.update(np.array([[z]]))
    return kf.x.sum()


def extended(p):
    kf = ExtendedKalmanFilter(dim_x=2, dim_z=1)
    kf.R *= p[2]
    kf.Q *= p[3]
    kf.F = np.array([[1.0, p[0]], [0.0, 1.0]])
    total = 0.0
    for z in zs:
        kf.predict()
        kf.update(
            np.array([[z]]),
            lambda x: np.array([[p[1] * np.cos(x[0, 0]), 0.0]]),
            lambda x: np.array([[p[1] * np.sin(x[0, 0])]]),
        )
        total += kf.log_likelihood
    return total


def mixture(p):
    filters = [kalman(p), kalman(p)]
    filters[1].Q = filters[1].Q * 2
    imm = IMMEstimator(filters, (0.5, 0.5), np.array([[0.9, 0.1], [0.1, 0.9]]))
    for z in zs:
        imm.predict()
        imm.update(z)
    return imm.x.sum()


PROGRAMS = [
    log_likelihood,
    likelihood_and_distance,
    two_measurements,
    smoothed,
    fixed_lag,
    square_root,
    information,
    unscented,
    cubature,
    extended,
    mixture,
]


def gradient_by_differences(f, x):
    return np.array([numerical_pushforward(lambda t, e=e: [f(x + t * e)])[0][0] for e in np.eye(x.size)])


@pytest.mark.parametrize("program", PROGRAMS)
def test_filterpy(program):
    """Extrapolated differences of these programs reach about 1e-9 of the largest entry."""
    want = gradient_by_differences(program, p4)
    plain = program(p4)
    with fr.patch():
        value, gradient = fr.value_and_grad(program)(p4)
        _, tangent = fr.jvp(program, (p4,), (np.ones(4),))
        assert program(p4) == plain
    np.testing.assert_allclose(value, plain, rtol=1e-13)  # sums in another order
    np.testing.assert_allclose(gradient, want, rtol=1e-7, atol=1e-8 * np.abs(want).max())
    np.testing.assert_allclose(tangent, gradient.sum(), rtol=1e-9, atol=1e-11)


def test_filterpy_second_order():
    with fr.patch():
        H = fr.hessian(log_likelihood)(p4)
        want = gradient_by_differences(fr.grad(log_likelihood), p4)
    np.testing.assert_allclose(H, want, rtol=1e-6, atol=1e-8 * np.abs(want).max())


def test_filterpy_without_the_patch():
    with pytest.raises(fr.CoercionError, match=r"np\.array"):
        fr.grad(log_likelihood)(p4)


def test_a_filter_made_outside():
    """Arrays that were made before cannot take traced values, which is an error."""
    kf = kalman(p4)

    def f(r):
        kf.R[0, 0] = r
        return 0.0

    with fr.patch(), pytest.raises(fr.CoercionError, match=r"kf\.R\[0, 0\] = r"):
        fr.grad(f)(1.0)


@pytest.mark.parametrize("program", cookbook.PROGRAMS)
def test_cookbook(program):
    x = np.asarray(program.start)
    want = gradient_by_differences(program, x)
    with fr.patch():
        gradient = fr.grad(program)(x)
    np.testing.assert_allclose(gradient, want, rtol=1e-7, atol=1e-8 * np.abs(want).max())


def test_multivariate_normal():
    """SciPy's own Python code, through an eigendecomposition of the covariance."""

    def f(L):
        return scipy.stats.multivariate_normal.logpdf([0.3, -0.2], [0.1, 0.0], L @ L.T)

    L = np.array([[1.2, 0.0], [0.4, 0.8]])
    want = gradient_by_differences(lambda x: f(x.reshape(2, 2)), L.ravel())
    with fr.patch():
        np.testing.assert_allclose(fr.grad(f)(L).ravel(), want, rtol=1e-7)
