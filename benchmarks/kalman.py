"""Gradient of a Kalman filter's log-likelihood: a plain NumPy loop over time, 4 states, 2 observed series."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.context import Context, build_if
from benchmarks.harness import Contender, Floor, Row, Target

STATES, SERIES = 4, 2
STEPS = 1000
SHORT = f"ours, T = {STEPS:,}"


def log_likelihood(parameters: Sequence[Any], data: Sequence[Any], xp: ModuleType) -> Any:
    """The log-likelihood, but for its constant, of y in x' = A x + w, y = C x + v, from N(m, P) on.

    The parameters are A and the logarithms of the variances of w and v; the data are y, C, m and P.
    The textbook's recursion, written for any namespace that follows NumPy.
    """
    A, log_q, log_r = parameters
    y, C, m, P = data
    Q, R = xp.diag(xp.exp(log_q)), xp.diag(xp.exp(log_r))
    total = 0.0
    for t in range(len(y)):
        m = A @ m
        P = A @ P @ A.T + Q
        e = y[t] - C @ m  # the innovation
        S = C @ P @ C.T + R  # and its covariance
        K = xp.linalg.solve(S, C @ P).T
        total = total - 0.5 * (xp.linalg.slogdet(S)[1] + e @ xp.linalg.solve(S, e))
        m = m + K @ e
        P = P - K @ S @ K.T
    return total


def _problem(steps: int) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """Parameters (A, log q, log r) and data (y, C, m, P): a damped double rotation, observed with noise."""
    rng = np.random.default_rng(3)
    A = 0.95 * np.linalg.qr(rng.standard_normal((STATES, STATES)))[0]
    C = rng.standard_normal((SERIES, STATES))
    x, y = np.zeros(STATES), np.empty((steps, SERIES))
    for t in range(steps):
        x = A @ x + rng.standard_normal(STATES)
        y[t] = C @ x + 0.5 * rng.standard_normal(SERIES)
    parameters = (A, np.zeros(STATES), np.full(SERIES, np.log(0.25)))
    return parameters, (y, C, np.zeros(STATES), np.eye(STATES))


def _frechet(fr: ModuleType, steps: int) -> Callable[[], Any]:
    parameters, data = _problem(steps)
    value_and_grad = fr.value_and_grad(lambda parameters: log_likelihood(parameters, data, np))
    return lambda: value_and_grad(parameters)


def build(context: Context) -> Row:
    """T = 1000 against PyTorch and autograd, on the same code."""
    parameters, data = _problem(STEPS)

    def torch(torch: ModuleType) -> Callable[[], Any]:
        tensors = [torch.from_numpy(p).requires_grad_() for p in parameters]
        constants = [torch.from_numpy(d) for d in data]

        def run() -> Any:
            value = log_likelihood(tensors, constants, torch)
            return value, torch.autograd.grad(value, tensors)

        return run

    def autograd(autograd: ModuleType) -> Callable[[], Any]:
        import autograd.numpy as anp

        value_and_grad = autograd.value_and_grad(lambda parameters: log_likelihood(parameters, data, anp))
        return lambda: value_and_grad(parameters)

    return Row(
        work=f"Kalman log-likelihood, T = {STEPS:,}, {STATES} states, value and gradient (per step)",
        ours=Contender("frechet", build_if(context.frechet, lambda fr: _frechet(fr, STEPS))),
        others=[
            Contender("PyTorch", build_if(context.torch, torch)),
            Contender("autograd", build_if(context.autograd, autograd)),
        ],
        targets=[Target(("PyTorch",), 0.5, "≤ 0.5"), Target(("autograd",), 0.25, "≤ 0.25")],
        floor=Floor("the value alone, in NumPy", lambda: log_likelihood(parameters, data, np)),
        tolerance=1e-9,
        why_tolerance="rounding, 2.2e-16, over 1,000 steps of some 40 operations",
        count=STEPS,
        max_rounds=15,
    )


def build_long(context: Context) -> Row:
    """The cost of a step must not grow with the length of the series."""
    steps = 10_000 if context.quick else 100_000

    def filters(length: int) -> Callable[[ModuleType], Callable[[], Any]]:
        """Filters of the given length that make up `steps` steps; no results, as the series differ."""

        def build(fr: ModuleType) -> Callable[[], Any]:
            run = _frechet(fr, length)

            def several() -> tuple[()]:
                for _ in range(steps // length):
                    run()
                return ()

            return several

        return build

    return Row(
        work=f"the same, T = {steps:,}: linear in T (per step)",
        ours=Contender("frechet", build_if(context.frechet, filters(steps))),
        others=[Contender(SHORT, build_if(context.frechet, filters(STEPS)))],
        targets=[Target((SHORT,), 1.25, "linear: ≤ 1.25")],
        floor=Floor("the same per step as at T = 1,000"),
        tolerance=0.0,
        why_tolerance="nothing to compare: the series differ",
        count=steps,
        max_rounds=3,
    )


ROWS = {"kalman": build, "kalman-long": build_long}
