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
    color, count = _direct_colors(pattern)
    rows = np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr))
    return Compression(_seeds(color, count), rows, color[pattern.indices])


def fewest(pattern: Any) -> tuple[Compression, bool]:
    """The direct compression of the columns, or of the rows where these take fewer directions; and which.

    A full row takes a colour for each column, and going through its pairs of columns takes long.  So the way
    that may take fewer colours is tried first, and the other where it can be better.
    """
    down = pattern.T.tocsr()
    ways = {False: pattern, True: down}  # whether reverse
    least = {reverse: int(np.diff(P.indptr).max(initial=0)) for reverse, P in ways.items()}
    first = least[True] < least[False]
    found = {first: _direct_colors(ways[first])}
    if least[not first] < found[first][1]:
        found[not first] = _direct_colors(ways[not first])
    reverse = min(found, key=lambda reverse: (found[reverse][1], reverse))
    color, count = found[reverse]
    rows = np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr))
    if reverse:
        return Compression(_seeds(color, count), pattern.indices, color[rows]), True
    return Compression(_seeds(color, count), rows, color[pattern.indices]), False


def _direct_colors(pattern: Any) -> tuple[np.ndarray, int]:
    down = pattern.tocsc()
    color = np.empty(pattern.shape[1], np.int32)
    count = _core.color_columns(
        pattern.indptr.astype(np.int32),
        pattern.indices.astype(np.int32),
        down.indptr.astype(np.int32),
        down.indices.astype(np.int32),
        color,
    )
    return color, count


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
