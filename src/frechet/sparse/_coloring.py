"""Colours of the columns of a pattern, and where each entry is in the product with the colours' columns."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import _core


class Compression(NamedTuple):
    """How a sparse matrix A is found from the few columns of A @ S, each the sum of those of one colour."""

    seeds: np.ndarray  # (colours, columns): the transpose of S, zeros and ones
    rows: np.ndarray  # for each entry of the pattern, in the order of CSR: where it is in A @ S,
    colors: np.ndarray  # its row and its column

    @property
    def directions(self) -> int:
        """The number of colours."""
        return len(self.seeds)


def direct(pattern: Any) -> Compression:
    """Columns of one colour have no row in common: every entry stands alone in its row of A @ S."""
    down = pattern.tocsc()
    color = np.empty(pattern.shape[1], np.int32)
    count = _core.color_columns(
        pattern.indptr.astype(np.int32),
        pattern.indices.astype(np.int32),
        down.indptr.astype(np.int32),
        down.indices.astype(np.int32),
        color,
    )
    rows = np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr))
    return Compression(_seeds(color, count), rows, color[pattern.indices])


def symmetric(pattern: Any) -> Compression:
    """A star colouring: every entry (i, j) of a symmetric matrix is alone in row i or, mirrored, in row j.

    Coleman & Moré, Mathematical Programming 28:243, 1984.
    """
    n = pattern.shape[0]
    color = np.empty(n, np.int32)
    count = _core.color_star(
        np.asarray(pattern.indptr, np.int32), np.asarray(pattern.indices, np.int32), color
    )
    rows = np.repeat(np.arange(n), np.diff(pattern.indptr))
    columns = pattern.indices
    place = rows * max(count, 1) + color[columns]  # in A @ S
    alone = np.bincount(place, minlength=n * max(count, 1))[place] == 1
    return Compression(
        _seeds(color, count), np.where(alone, rows, columns), np.where(alone, color[columns], color[rows])
    )


def _seeds(color: np.ndarray, count: int) -> np.ndarray:
    seeds: np.ndarray = (color == np.arange(count)[:, None]).astype(float)
    return seeds
