"""Values to run a function on where only the shapes of its results are wanted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .operator import Outline


def samples(arguments: Sequence[Outline]) -> Iterator[list[np.ndarray]]:
    """Arguments of the given shapes and dtypes: harmless ones first, then random ones.

    The harmless ones are positive and less than 1.  The last two axes, where they are equal, hold a symmetric
    positive definite matrix with different eigenvalues less than 1, so that it can be inverted, factorized,
    and put into Lyapunov and Riccati equations; then the first of them is taken with the opposite sign.
    """
    values = [_harmless(shape, dtype) for shape, dtype in arguments]
    yield values
    if values:  # the matrix of an equation in continuous time, as a rule, which is to be stable
        yield [-values[0] if values[0].dtype.kind in "fc" else values[0], *values[1:]]
    rng = np.random.default_rng(0)
    yield [_random(shape, dtype, rng) for shape, dtype in arguments]


def _harmless(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    if dtype.kind not in "fc":
        return np.zeros(shape, dtype)  # an index, as a rule
    if len(shape) > 1 and shape[-1] == shape[-2]:
        n = shape[-1]
        matrix = np.diag(np.linspace(0.5, 0.7, n)) + 0.1 / max(n, 1)
        return np.broadcast_to(matrix, shape).astype(dtype)
    size = int(np.prod(shape))
    return np.linspace(0.25, 0.75, size).reshape(shape).astype(dtype)


def _random(shape: tuple[int, ...], dtype: np.dtype[Any], rng: np.random.Generator) -> np.ndarray:
    if dtype.kind not in "fc":
        return np.ones(shape, dtype)
    x = rng.standard_normal(shape)
    return (x + 1j * rng.standard_normal(shape) if dtype.kind == "c" else x).astype(dtype)
