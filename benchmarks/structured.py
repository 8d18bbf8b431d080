"""Solutions with structured matrices, value and gradient, beside the value of the specialised routine."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.context import Context, Run, build_if
from benchmarks.harness import Contender, Floor, Row, Target

VALUE, BOTH = 2.0, 3.0  # at most so many times the routine's value


def _triangular(A: np.ndarray, b: np.ndarray) -> np.ndarray:
    import scipy.linalg

    x: np.ndarray = scipy.linalg.solve_triangular(A, b)
    return x


def _toeplitz(c: np.ndarray, b: np.ndarray) -> np.ndarray:
    import scipy.linalg

    x: np.ndarray = scipy.linalg.solve_toeplitz(c, b)
    return x


def _circulant(c: np.ndarray, b: np.ndarray) -> np.ndarray:
    import scipy.linalg

    x: np.ndarray = scipy.linalg.solve_circulant(c, b)
    return x


def _woodbury(parts: tuple[np.ndarray, np.ndarray, np.ndarray], b: np.ndarray) -> np.ndarray:
    d, U, V = parts
    y, Y = b / d, U / d[:, None]
    x: np.ndarray = y - Y @ np.linalg.solve(np.eye(U.shape[1]) + V.T @ Y, V.T @ y)
    return x


def _data(kind: str, n: int, rng: np.random.Generator) -> Any:
    """The arrays that a matrix of a structure is made of."""
    if kind == "diagonal":
        return rng.uniform(1, 2, n)
    if kind in ("tridiagonal", "banded"):
        width = 1 if kind == "tridiagonal" else 2
        ab = rng.standard_normal((2 * width + 1, n))
        ab[width] += 8
        return ab
    if kind == "triangular":
        return np.triu(rng.standard_normal((n, n))) / n + 2 * np.eye(n)
    if kind in ("toeplitz", "circulant"):
        return 0.5 ** np.arange(n) + 1e-3 * (np.arange(n) == 1)
    return rng.uniform(1, 2, n), *(rng.standard_normal((2, n, 10)) / np.sqrt(n))


def _matrix(kind: str, fr: ModuleType, data: Any) -> Any:
    if kind == "diagonal":
        return fr.Diagonal(data)
    if kind == "tridiagonal":
        return fr.Tridiagonal(data[2, :-1], data[1], data[0, 1:])
    if kind == "banded":
        return fr.Banded(data, (2, 2))
    if kind == "triangular":
        return fr.UpperTriangular(data)
    if kind == "toeplitz":
        return fr.Toeplitz(data)
    if kind == "circulant":
        return fr.Circulant(data)
    return fr.LowRankPlusDiagonal(*data)


def _solve_banded(ab: np.ndarray, b: np.ndarray) -> np.ndarray:
    import scipy.linalg

    width = len(ab) // 2
    x: np.ndarray = scipy.linalg.solve_banded((width, width), ab, b)
    return x


ROUTINES: dict[str, tuple[str, Callable[[Any, np.ndarray], np.ndarray]]] = {
    "diagonal": ("NumPy's division", lambda d, b: b / d),
    "tridiagonal": ("SciPy's solve_banded", _solve_banded),
    "banded": ("SciPy's solve_banded", _solve_banded),
    "triangular": ("SciPy's solve_triangular", _triangular),
    "toeplitz": ("SciPy's solve_toeplitz", _toeplitz),
    "circulant": ("SciPy's solve_circulant", _circulant),
    "low-rank-plus-diagonal": ("Woodbury's formula in NumPy", _woodbury),
}


def _diagonal_by_hand(d: np.ndarray, b: np.ndarray, w: np.ndarray) -> Any:
    x, z = b / d, w / d
    return x, -z * x, z


def _triangular_by_hand(A: np.ndarray, b: np.ndarray, w: np.ndarray) -> Any:
    import scipy.linalg

    x = scipy.linalg.solve_triangular(A, b)
    z = scipy.linalg.solve_triangular(A, w, trans="T")
    return x, -np.triu(np.outer(z, x)), z


# What value and gradient take in NumPy, where new memory for the gradient costs more than the solution.
BY_HAND: dict[str, Callable[[Any, np.ndarray, np.ndarray], Any]] = {
    "diagonal": _diagonal_by_hand,
    "triangular": _triangular_by_hand,
}
SIZES = {
    "diagonal": (1000, 1_000_000),
    "tridiagonal": (1000, 1_000_000),
    "banded": (1000, 100_000),
    "triangular": (1000,),
    "toeplitz": (1000, 3000),
    "circulant": (1000, 1_000_000),
    "low-rank-plus-diagonal": (1000, 1_000_000),
}


def build(kind: str, n: int, gradient: bool, context: Context) -> Row:
    """A x = b, with or without the gradient in A and b."""
    rng = np.random.default_rng(31)
    data = _data(kind, n, rng)
    b, w = rng.standard_normal((2, n))
    name, routine = ROUTINES[kind]

    def frechet(fr: ModuleType) -> Run:
        A = _matrix(kind, fr, data)

        def run() -> Any:
            if not gradient:
                return np.linalg.solve(A, b)
            x, pullback = fr.vjp(np.linalg.solve, A, b)
            pullback(w)
            return x

        return run

    limit = BOTH if gradient else VALUE
    others = [Contender(name, partial(routine, data, b))]
    if gradient and kind in BY_HAND:
        others.append(Contender("value and gradient by hand", partial(BY_HAND[kind], data, b, w)))
    return Row(
        work=f"solve, {kind}, n = {n}" + ", value and pullback" * gradient,
        ours=Contender("frechet", build_if(context.frechet, frechet)),
        others=others,
        targets=[Target((name,), limit, f"≤ {limit:g} × the value")],
        floor=Floor("the routine's value"),
        tolerance=1e-8,
        why_tolerance="rounding times the condition number, below 1e6 for all of these",
    )


ROWS = {
    f"structured-{kind}-{n}" + "-gradient" * gradient: partial(build, kind, n, gradient)
    for kind, sizes in SIZES.items()
    for n in sizes
    for gradient in (False, True)
}
