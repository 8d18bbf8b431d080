"""Small programs of the kind that stand in cookbooks: plain NumPy and SciPy, nothing of Frechet's."""

from math import exp, pi, sqrt

import numpy as np
from numpy import array, dot, eye, zeros
from scipy.linalg import cho_factor, cho_solve, expm, solve_discrete_lyapunov, toeplitz


def gaussian_process(theta):
    """The log marginal likelihood of a Gaussian process with a Gaussian kernel and noise."""
    x = np.linspace(0, 1, 6)
    y = np.sin(3 * x)
    n = len(x)
    K = zeros((n, n))
    for i in range(n):
        for j in range(n):
            K[i, j] = theta[0] ** 2 * np.exp(-((x[i] - x[j]) ** 2) / theta[1] ** 2)
    K += theta[2] ** 2 * eye(n)
    factor = cho_factor(K)
    alpha = cho_solve(factor, y)
    return -0.5 * dot(y, alpha) - np.log(np.diag(factor[0])).sum() - 0.5 * n * np.log(2 * pi)


def kalman_of_a_constant(theta):
    """Andrew Straw's example: the filter of a constant voltage."""
    measured = array([0.39, 0.50, 0.48, 0.29, 0.25, 0.32, 0.34, 0.48, 0.41, 0.45])
    n = (len(measured),)
    xhat, P, xminus, Pminus, K = (zeros(n) for _ in range(5))
    P[0] = 1.0
    for k in range(1, n[0]):
        xminus[k] = xhat[k - 1]
        Pminus[k] = P[k - 1] + theta[0]
        K[k] = Pminus[k] / (Pminus[k] + theta[1])
        xhat[k] = xminus[k] + K[k] * (measured[k] - xminus[k])
        P[k] = (1 - K[k]) * Pminus[k]
    return xhat[-1] + P[-1] + np.sum(K)


def autoregression(theta):
    """The stationary variance of an AR(2) process, and its theoretical autocovariances' determinant."""
    A = array([[theta[0], theta[1]], [1.0, 0.0]])
    Q = zeros((2, 2))
    Q[0, 0] = theta[2]
    S = solve_discrete_lyapunov(A, Q)
    return np.linalg.det(toeplitz([S[0, 0], S[0, 1]])) + expm(A)[0, 1]


def lotka_volterra(theta):
    """Runge and Kutta's fourth-order steps, states in an array that is filled."""
    a, b, c, d = theta

    def rate(state):
        return array([a * state[0] - b * state[0] * state[1], -c * state[1] + d * state[0] * state[1]])

    h = 0.1
    states = zeros((20, 2))
    states[0] = array([1.0, 0.5])
    for k in range(len(states) - 1):
        y = states[k]
        k1 = rate(y)
        k2 = rate(y + h / 2 * k1)
        k3 = rate(y + h / 2 * k2)
        k4 = rate(y + h * k3)
        states[k + 1] = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return np.sum(states[-1] ** 2)


def black_scholes(theta):
    """Through the module math."""
    from math import erf, log

    spot, strike, rate, sigma = theta
    d1 = (log(spot / strike) + (rate + sigma**2 / 2)) / sigma
    d2 = d1 - sigma
    return spot * (1 + erf(d1 / sqrt(2))) / 2 - strike * exp(-rate) * (1 + erf(d2 / sqrt(2))) / 2


gaussian_process.start = [1.0, 0.5, 0.3]
kalman_of_a_constant.start = [1e-1, 0.3]
autoregression.start = [0.5, 0.3, 1.2]
lotka_volterra.start = [1.1, 0.9, 0.7, 1.3]
black_scholes.start = [1.1, 1.0, 0.2, 0.3]

PROGRAMS = [gaussian_process, kalman_of_a_constant, autoregression, lotka_volterra, black_scholes]
