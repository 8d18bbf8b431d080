"""Value and pullback of Sylvester, Lyapunov and Stein equations, against the value alone of SciPy."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.context import Context, build_if
from benchmarks.harness import Contender, Floor, Row, Target

ROUNDING = "rounding, 2.2e-16, times n and the condition number of the equation, some 1e2"


def _stable(n: int, rng: np.random.Generator) -> np.ndarray:
    """Eigenvalues in the disk of radius one around −1.5."""
    return rng.standard_normal((n, n)) / np.sqrt(n) - 1.5 * np.eye(n)


def _row(
    work: str,
    context: Context,
    name: str,
    args: tuple[np.ndarray, ...],
    by_hand: Callable[..., Any],
    n: int,
    tolerance: float = 1e-9,
) -> Row:
    """The value at args and the pullback of it at a random G, by the function of a name."""
    import scipy.linalg

    G = np.random.default_rng(6).standard_normal((n, n))
    solve = getattr(scipy.linalg, name)

    def frechet(fr: ModuleType) -> Callable[[], Any]:
        ours = getattr(fr.linalg, name)

        def run() -> Any:
            X, pullback = fr.vjp(ours, *args)
            return X, pullback(G)

        return run

    return Row(
        work=f"{work}, n = {n}, value and pullback",
        ours=Contender("frechet", build_if(context.frechet, frechet)),
        others=[
            Contender("SciPy's value", lambda: solve(*args)),
            Contender("SciPy by hand", lambda: by_hand(solve, *args, G)),
        ],
        targets=[Target(("SciPy's value",), 1.0, "less")] if n >= 200 else [],
        floor=Floor("one real Schur form, 25n³ flops", lambda: scipy.linalg.schur(args[0])),
        tolerance=tolerance,
        why_tolerance=ROUNDING,
    )


def _sylvester_by_hand(solve: Callable[..., Any], A: Any, B: Any, Q: Any, G: Any) -> Any:
    X = solve(A, B, Q)
    W = solve(A.T, B.T, G)
    return X, -W @ X.T, -X.T @ W, W


def _lyapunov_by_hand(solve: Callable[..., Any], A: Any, Q: Any, G: Any) -> Any:
    X = solve(A, Q)
    W = solve(A.T, G)
    return X, -(W @ X.T + W.T @ X), W


def _stein_by_hand(solve: Callable[..., Any], A: Any, Q: Any, G: Any) -> Any:
    X = solve(A, Q)
    W = solve(A.T, G)
    return X, W @ A @ X.T + W.T @ A @ X, W


def build_sylvester(n: int, context: Context) -> Row:
    """A X + X B = Q for random A and B, whose eigenvalues lie on both sides of every line."""
    rng = np.random.default_rng(5)
    A, B, Q = rng.standard_normal((3, n, n))
    args = A / np.sqrt(n), B / np.sqrt(n), Q
    # The eigenvalues of A and −B interlace: the condition number grows to some 1e4.
    return _row("Sylvester", context, "solve_sylvester", args, _sylvester_by_hand, n, tolerance=1e-7)


def build_stable_sylvester(n: int, context: Context) -> Row:
    """A X + X B = Q for stable A and B."""
    rng = np.random.default_rng(5)
    args = _stable(n, rng), _stable(n, rng), rng.standard_normal((n, n))
    return _row("Sylvester, stable", context, "solve_sylvester", args, _sylvester_by_hand, n)


def build_lyapunov(n: int, context: Context) -> Row:
    """A X + X Aᴴ = Q for a stable A."""
    rng = np.random.default_rng(5)
    args = _stable(n, rng), rng.standard_normal((n, n))
    return _row("continuous Lyapunov", context, "solve_continuous_lyapunov", args, _lyapunov_by_hand, n)


def build_unstable_lyapunov(n: int, context: Context) -> Row:
    """A X + X Aᴴ = Q for an A with eigenvalues on both sides of the imaginary axis."""
    rng = np.random.default_rng(5)
    args = rng.standard_normal((n, n)) / np.sqrt(n), rng.standard_normal((n, n))
    work = "continuous Lyapunov, not stable"
    return _row(work, context, "solve_continuous_lyapunov", args, _lyapunov_by_hand, n, tolerance=1e-7)


def build_stein(n: int, context: Context) -> Row:
    """X = A X Aᴴ + Q for an A of spectral radius 0.9."""
    rng = np.random.default_rng(5)
    args = 0.9 * rng.standard_normal((n, n)) / np.sqrt(n), rng.standard_normal((n, n))
    return _row("discrete Lyapunov", context, "solve_discrete_lyapunov", args, _stein_by_hand, n)


def build_stacked_lyapunov(context: Context) -> Row:
    """10,000 equations A X + X Aᴴ = Q of four rows."""
    import scipy.linalg

    count, n = 10_000, 4
    rng = np.random.default_rng(5)
    A = rng.standard_normal((count, n, n)) / np.sqrt(n) - 2.5 * np.eye(n)
    Q, G = rng.standard_normal((2, count, n, n))

    def frechet(fr: ModuleType) -> Callable[[], Any]:
        def run() -> Any:
            X, pullback = fr.vjp(fr.linalg.solve_continuous_lyapunov, A, Q)
            return X, pullback(G)

        return run

    def loop() -> Any:
        solve = scipy.linalg.solve_continuous_lyapunov
        each = [_lyapunov_by_hand(solve, a, q, g) for a, q, g in zip(A, Q, G, strict=True)]
        return tuple(np.stack(results) for results in zip(*each, strict=True))

    return Row(
        work=f"{count:,} stacked continuous Lyapunov, n = {n}, value and pullback",
        ours=Contender("frechet", build_if(context.frechet, frechet)),
        others=[Contender("SciPy in a loop", loop)],
        targets=[Target(("SciPy in a loop",), 0.05, "20 times as fast")],
        floor=Floor("20,000 systems of 16 unknowns, 2·16³/3 flops each, at 2e10 a second", amount=2.7e-3),
        tolerance=1e-7,
        why_tolerance="rounding, 2.2e-16, times the condition number of the worst of the equations",
    )


BUILDERS = {
    "sylvester": build_sylvester,
    "sylvester-stable": build_stable_sylvester,
    "lyapunov": build_lyapunov,
    "lyapunov-unstable": build_unstable_lyapunov,
    "stein": build_stein,
}
ROWS: dict[str, Callable[[Context], Row]] = {
    **{f"{name}-{n}": partial(build, n) for name, build in BUILDERS.items() for n in (50, 200, 500)},
    "lyapunov-stacked-4": build_stacked_lyapunov,
}
