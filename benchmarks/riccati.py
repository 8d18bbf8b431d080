"""Value and pullback of the discrete and the continuous algebraic Riccati equation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.context import Context, build_if
from benchmarks.harness import Contender, Floor, Row, Target


def _problem(n: int, discrete: bool) -> tuple[np.ndarray, ...]:
    """A, B, Q, R with some unstable modes, n/4 inputs and n/4 outputs with weights."""
    rng = np.random.default_rng(6)
    m = n // 4
    A = rng.standard_normal((n, n)) * 1.05 / np.sqrt(n)  # eigenvalues in a disc of radius 1.05
    B, C = rng.standard_normal((n, m)) / np.sqrt(n), rng.standard_normal((m, n)) / np.sqrt(n)
    return (A if discrete else A - 0.5 * np.eye(n)), B, C.T @ C, np.eye(m)


def build(n: int, discrete: bool, context: Context) -> Row:
    """X and its pullback at a random G, to A, B, Q and R."""
    import scipy.linalg

    A, B, Q, R = _problem(n, discrete)
    G = np.random.default_rng(7).standard_normal((n, n))
    name = "solve_discrete_are" if discrete else "solve_continuous_are"
    scipys = getattr(scipy.linalg, name)

    def frechet(fr: ModuleType) -> Callable[[], Any]:
        solve = getattr(fr.linalg, name)

        def run() -> Any:
            X, pullback = fr.vjp(solve, A, B, Q, R)
            return X, pullback(G)

        return run

    def value(fr: ModuleType) -> Callable[[], Any]:
        solve = getattr(fr.linalg, name)
        return lambda: solve(A, B, Q, R)

    def by_hand() -> Any:
        X = scipys(A, B, Q, R)
        symmetric = (G + G.T) / 2
        if discrete:
            K = np.linalg.solve(R + B.T @ X @ B, B.T @ X @ A)
            loop = A - B @ K
            S = scipy.linalg.solve_discrete_lyapunov(loop, symmetric)
            XS = 2 * X @ loop @ S
        else:
            K = np.linalg.solve(R, B.T @ X)
            S = scipy.linalg.solve_continuous_lyapunov(A - B @ K, -symmetric)
            XS = 2 * X @ S
        return X, (XS, -XS @ K.T, S, K @ S @ K.T)

    return Row(
        work=f"{'discrete' if discrete else 'continuous'} Riccati, n = {n}, value and pullback",
        ours=Contender("frechet", build_if(context.frechet, frechet)),
        others=[
            Contender("our value", build_if(context.frechet, value)),
            Contender("SciPy's value", lambda: scipys(A, B, Q, R)),
            *([Contender("SciPy by hand", by_hand)] if n < 500 else []),  # as slow again
        ],
        targets=[Target(("SciPy's value",), 0.3, "≤ 0.3")],
        floor=Floor(
            "ten steps of doubling, 8⅓ matrix products each", lambda: [np.matmul(A, A) for _ in range(83)]
        ),
        tolerance=1e-10,
        why_tolerance="SciPy's error: rounding, 2.2e-16, times n, the norms and the condition of the pencil",
    )


ROWS = {
    f"riccati-{'discrete' if discrete else 'continuous'}-{n}": partial(build, n, discrete)
    for n in (50, 200, 500)
    for discrete in (True, False)
}
