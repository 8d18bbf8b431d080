"""Nonuniform transforms by direct sums at a sample of their outputs, and tolerances that give equal errors.

A tolerance means something else to every library: one reaches a third of it, another exceeds it.  So before
a row is timed, each contender's error is measured, and each is given the largest tolerance with which it is
within the row's.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

LADDER = tuple(10.0 ** (step / 3) for step in range(4, -5, -1))  # tolerances that are tried, over the row's
TERMS = 2 * 10**7  # of direct sums, for each row about
CHUNK = 1 << 18

Result = Sequence[np.ndarray]  # what a transform, or value and gradients, is: some arrays


def phases(t: np.ndarray, k: np.ndarray) -> np.ndarray:
    """t k without its integer part, for turns t of extended precision and integers k below 2²⁴.

    The product with the leading 26 bits of t is exact, so that its integer part can be taken off.
    """
    high = (np.rint(t * (1 << 26)) / (1 << 26)).astype(np.float64)
    low = (t - high).astype(np.float64)
    product = high * k
    return product - np.rint(product) + low * k


def turns(x: np.ndarray) -> np.ndarray:
    """x/2π, less its integer part, in extended precision."""
    t = x.astype(np.longdouble) / (2 * np.longdouble("3.14159265358979323846264338327950288"))
    return t - np.rint(t)


def direct1(points: np.ndarray, values: np.ndarray, modes: np.ndarray, sign: int) -> np.ndarray:
    """Σ_j c_j e^{±i k·x_j} for the given (K, d) modes.

    >>> x, c = np.array([[0.5, 3.0], [-1.0, 2.0]]), np.array([1.0, 2j])
    >>> k = np.array([[100003, -7], [0, 2]])
    >>> bool(np.allclose(direct1(x, c, k, -1), np.exp(-1j * (k @ x.T)) @ c, rtol=1e-10))
    True
    """
    sums = np.zeros(len(modes), np.complex128)
    for start in range(0, len(points), CHUNK):
        part = slice(start, start + CHUNK)
        t = turns(points[part])
        for i, k in enumerate(modes):
            angle = sum(phases(t[:, a], n) for a, n in enumerate(k))
            sums[i] += np.exp(sign * 2j * np.pi * angle) @ values[part]
    return sums


def direct2(points: np.ndarray, modes: np.ndarray, sign: int, gradient: bool = False) -> list[np.ndarray]:
    """Σ_k f_k e^{±i k·x} at the given (K, d) points, and its derivatives by the coordinates.

    One axis is summed after the other.  A long axis is split, k = q r + s, which saves exponentials.

    >>> x, f = np.array([[0.5, 3.0], [-1.0, 2.0]]), np.arange(6.0).reshape(2, 3)
    >>> k = np.indices((2, 3)).reshape(2, 6) - [[1], [1]]
    >>> e = np.exp(1j * (x @ k))
    >>> expected = e @ f.ravel(), e @ (1j * k[0] * f.ravel()), e @ (1j * k[1] * f.ravel())
    >>> bool(np.allclose(direct2(x, f, 1, gradient=True), expected, rtol=1e-14))
    True
    """
    d = modes.ndim
    values: list[np.ndarray] = []
    for t in turns(points):
        exponentials = []
        for a, n in enumerate(modes.shape):
            k = np.arange(n) - n // 2
            step = math.isqrt(n) + 1
            coarse = np.exp(sign * 2j * np.pi * phases(t[a], np.arange(-(n // 2), n - n // 2, step)))
            fine = np.exp(sign * 2j * np.pi * phases(t[a], np.arange(step)))
            e = np.outer(coarse, fine).ravel()[:n]
            exponentials.append((e, sign * 1j * k * e))
        row = []
        for which in (None, *range(d)) if gradient else (None,):
            total = modes
            for a in reversed(range(d)):
                total = total @ exponentials[a][a == which]
            row.append(total)
        values.append(np.array(row))
    return list(np.array(values).T)


def direct3(
    points: np.ndarray, values: np.ndarray, targets: np.ndarray, sign: int, gradient: bool = False
) -> list[np.ndarray]:
    """Σ_j c_j e^{±i s·x_j} at the given (K, d) targets, and its derivatives by their coordinates.

    >>> x, c, s = np.array([[0.5], [2.0]]), np.array([1.0, 1j]), np.array([[0.3]])
    >>> e = np.exp(-0.3j * x[:, 0]) * c
    >>> bool(np.allclose(direct3(x, c, s, -1, gradient=True), [[e.sum()], [(-1j * x[:, 0] * e).sum()]]))
    True
    """
    d = points.shape[1]
    sums = np.zeros((len(targets), 1 + d * gradient), np.complex128)
    for start in range(0, len(points), CHUNK):
        x = points[start : start + CHUNK].astype(np.float64)
        for i, s in enumerate(targets):
            terms = np.exp(1j * sign * (x @ s)) * values[start : start + CHUNK]
            sums[i, 0] += terms.sum()
            if gradient:
                sums[i, 1:] += sign * 1j * (terms @ x)
    return list(sums.T)


def sample_of_modes(n_modes: Sequence[int], count: int, rng: np.random.Generator) -> np.ndarray:
    """Modes drawn at random, (count, d)."""
    return np.stack([rng.integers(-(n // 2), n - n // 2, count) for n in n_modes], axis=1)


def at_modes(f: np.ndarray, modes: np.ndarray) -> np.ndarray:
    """The entries of an array of modes, from the most negative ones on."""
    return f[tuple(modes[:, a] + n // 2 for a, n in enumerate(f.shape))]


def sample_size(points: int, modes: int) -> int:
    """How many outputs a row's errors are measured at: fewer of large problems."""
    return min(max(TERMS // max(points, modes), 16), 500)


def error(results: Result, exact: Result) -> float:
    """The largest relative error in the Euclidean norm."""
    return max(float(np.linalg.norm(r - e) / np.linalg.norm(e)) for r, e in zip(results, exact, strict=True))


@dataclass(frozen=True)
class Matched:
    """The tolerance of each contender, the error that each then has, and the error that was allowed."""

    tolerances: dict[str, float]
    errors: dict[str, float]
    allowed: float

    @property
    def notes(self) -> tuple[str, ...]:
        """In words."""
        return tuple(
            f"{who}: eps {eps:.0e}, error {self.errors[who]:.1e}" for who, eps in self.tolerances.items()
        )


def match(eps: float, errors: dict[str, Callable[[float], float]]) -> Matched:
    """For each contender the largest tolerance with which its error is within eps.

    Where one cannot reach eps (rounding in single precision, or with millions of modes along an axis, is
    above it), all are allowed the error that it has at best.

    Parameters
    ----------
    eps : float
    errors : dict
        For each contender a function from tolerances to errors.

    Examples
    --------
    The one is ten times better than it promises, the other reaches no error below 2e-3:

    >>> matched = match(1e-3, {"one": lambda e: e / 10, "other": lambda e: max(e, 2e-3)})
    >>> {who: f"{eps:.1e}" for who, eps in matched.tolerances.items()}, f"{matched.allowed:.1e}"
    ({'one': '1.0e-02', 'other': '1.0e-03'}, '2.1e-03')
    """
    known: dict[str, dict[float, float]] = {who: {} for who in errors}

    def measured(who: str, factor: float) -> float:
        tried = known[who]
        if factor not in tried:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # that eps is not within reach
                    tried[factor] = errors[who](factor * eps)
            except (RuntimeError, ValueError):  # refused
                tried[factor] = math.inf
        return tried[factor]

    def largest(who: str, allowed: float) -> float | None:
        place = LADDER.index(1.0)
        if measured(who, LADDER[place]) <= allowed:
            while place and LADDER[place - 1] * eps < 0.3 and measured(who, LADDER[place - 1]) <= allowed:
                place -= 1
            return LADDER[place]
        return next((f for f in LADDER[place + 1 :] if measured(who, f) <= allowed), None)

    best = [
        min(known[who].values())
        for who in errors
        if largest(who, eps) is None and math.isfinite(min(known[who].values()))
    ]
    allowed = max([eps, *(1.05 * e for e in best)])
    factors = {who: largest(who, allowed) for who in errors}
    chosen = {who: f for who, f in factors.items() if f is not None}
    return Matched(
        {who: f * eps for who, f in chosen.items()},
        {who: known[who][f] for who, f in chosen.items()},
        allowed,
    )
