"""Value and pullback of structured systems and of a regression, in their natural parameters."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.context import Context, build_if
from benchmarks.harness import Contender, Floor, Row, Target

LIMIT = 2.5  # one factorization and two solutions, with the gradient's passes over memory, for one of each


def _row(
    work: str,
    context: Context,
    ours: Callable[[ModuleType], Callable[[], Any]],
    value: Callable[[], Any],
    by_hand: Callable[[], Any],
    tolerance: float = 1e-9,
) -> Row:
    return Row(
        work=f"{work}, value and pullback",
        ours=Contender("frechet", build_if(context.frechet, ours)),
        others=[Contender("SciPy's value", value), Contender("SciPy by hand", by_hand)],
        floor=Floor("the value alone", value),
        targets=[
            Target(("SciPy's value",), LIMIT, f"≤ {LIMIT}"),
            Target(("SciPy by hand",), 1.1, "≤ 1.1"),
        ],
        tolerance=tolerance,
        why_tolerance="rounding, 2.2e-16, times the condition number of the system and its size",
    )


def build_banded(context: Context) -> Row:
    """A x = b with three diagonals on each side, and the gradient in the bands and b."""
    import scipy.linalg

    n, width = 100_000, 3
    rng = np.random.default_rng(6)
    ab, b, w = rng.standard_normal((2 * width + 1, n)), *rng.standard_normal((2, n))
    ab[width] += 10
    solve = scipy.linalg.solve_banded

    def frechet(fr: ModuleType) -> Callable[[], Any]:
        def run() -> Any:
            x, pullback = fr.vjp(lambda ab, b: fr.linalg.solve_banded((width, width), ab, b), ab, b)
            return x, *pullback(w)

        return run

    def by_hand() -> Any:
        x = solve((width, width), ab, b)
        transposed, gradient = np.zeros_like(ab), np.zeros_like(ab)
        for d in range(-width, width + 1):  # row − column
            rows, columns = slice(max(d, 0), n + min(d, 0)), slice(max(-d, 0), n - max(d, 0))
            transposed[width - d, rows] = ab[width + d, columns]
        z = solve((width, width), transposed, w)
        for d in range(-width, width + 1):
            rows, columns = slice(max(d, 0), n + min(d, 0)), slice(max(-d, 0), n - max(d, 0))
            gradient[width + d, columns] = -z[rows] * x[columns]
        return x, gradient, z

    return _row(
        f"solve_banded, n = {n}, 7 diagonals",
        context,
        frechet,
        lambda: solve((width, width), ab, b),
        by_hand,
    )


def build_toeplitz(context: Context) -> Row:
    """T x = b, T symmetric positive definite, and the gradient in the first column and b."""
    import scipy.linalg
    import scipy.signal

    n = 1000
    rng = np.random.default_rng(7)
    c, (b, w) = 0.9 ** np.arange(n), rng.standard_normal((2, n))
    solve = scipy.linalg.solve_toeplitz

    def frechet(fr: ModuleType) -> Callable[[], Any]:
        def run() -> Any:
            x, pullback = fr.vjp(fr.linalg.solve_toeplitz, c, b)
            return x, *pullback(w)

        return run

    def by_hand() -> Any:
        x, z = solve(c, b), solve(c, w)
        sums = scipy.signal.correlate(z, x, method="fft")  # over each diagonal
        gradient = -(sums[n - 1 :] + sums[n - 1 :: -1])
        gradient[0] /= 2
        return x, gradient, z

    return _row(f"solve_toeplitz, n = {n}", context, frechet, lambda: solve(c, b), by_hand)


def build_regression(context: Context) -> Row:
    """The least squares coefficients, and their gradient in the regressors and the observations."""
    import scipy.linalg

    m, n = 10_000, 50
    rng = np.random.default_rng(8)
    A, b, w = rng.standard_normal((m, n)), rng.standard_normal(m), rng.standard_normal(n)
    lstsq, pinv = scipy.linalg.lstsq, scipy.linalg.pinv

    def frechet(fr: ModuleType) -> Callable[[], Any]:
        def run() -> Any:
            x, pullback = fr.vjp(lambda A, b: fr.linalg.lstsq(A, b)[0], A, b)
            return x, *pullback(w)

        return run

    def by_hand() -> Any:
        P = pinv(A)
        x = P @ b
        z = P.T @ w
        return x, np.outer(b - A @ x, P @ z) - np.outer(z, x), z

    return _row(f"lstsq, {m} × {n}", context, frechet, lambda: lstsq(A, b)[0], by_hand)


ROWS = {
    "solve-banded": build_banded,
    "solve-toeplitz": build_toeplitz,
    "solve-regression": build_regression,
}
