"""What the functions of this package do with their arguments first."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._warnings import warn
from ...linalg._arguments import as_inexact, as_matrix, require_finite
from ...linear_map import Array
from ...rule import carriers, primal, structured_types
from ...structured import DensifyWarning
from .._pattern import Pattern, is_sparse, values_and_pattern

__all__ = ["dense_right_side", "full_pattern", "sparse_matrix"]


def sparse_matrix(A: Any, call: str, *, square: bool = True) -> tuple[Array, Pattern]:
    """The values of a matrix, plain or traced, and its pattern; a full one becomes sparse, with a warning.

    Parameters
    ----------
    A : sparse array, or (m, n) array_like
        Plain or traced.
    call : str
        Who asks, for messages: "spsolve".
    square : bool
        Whether m = n is asked for.

    Raises
    ------
    TypeError
        For what is no matrix of numbers.
    ValueError
        For nan and inf, and for a matrix that is not square where it must be.
    """
    name = f"{call}: A"
    if is_sparse(A):
        values, pattern = values_and_pattern(A, name)
    else:
        full = isinstance(A, (np.ndarray, list, tuple)) or type(A) in carriers or type(A) in structured_types
        if not full:
            raise TypeError(f"{name} must be a sparse array, got {type(A).__name__}")
        from scipy.sparse import SparseEfficiencyWarning

        A = as_matrix(A, name, check_finite=False)
        if A.ndim != 2:
            raise ValueError(f"{name} must have two axes, got the shape {A.shape}")
        if call in _DIRECT:
            warn(
                f"{call} is for sparse arrays and got a full one; fr.linalg.solve is for those",
                SparseEfficiencyWarning,
            )
        values, pattern = np.reshape(A, -1), full_pattern(*A.shape)
    if square and pattern.shape[0] != pattern.shape[1]:
        raise ValueError(f"{name} must be square, got the shape {pattern.shape}")
    values = as_inexact(values, name)
    require_finite(values, name)
    return values, pattern


# Functions that gain nothing from a full array.
_DIRECT = ("spsolve", "splu", "factorized", "spsolve_triangular")


def full_pattern(m: int, n: int) -> Pattern:
    """The pattern of all entries."""
    indices = np.tile(np.arange(n, dtype=np.int32), m)
    return Pattern(indices, np.arange(0, m * n + 1, max(n, 1), dtype=np.int32)[: m + 1], (m, n))


def dense_right_side(b: Any, call: str) -> Array:
    """b as an array; one that is sparse is written out, with a warning."""
    if not is_sparse(b):
        return b
    warn(
        f"{call} solves with full right sides: the sparse b of shape {b.shape} was written out. "
        "b.toarray() asks for that without a warning",
        DensifyWarning,
    )
    values, pattern = values_and_pattern(b, f"{call}: b")
    if type(values) not in carriers:
        return pattern.matrix(values).toarray()
    full = np.zeros(pattern.shape[0] * pattern.shape[1], primal(values).dtype, like=values)
    full[pattern.rows * np.intp(pattern.shape[1]) + pattern.indices] = values
    return np.reshape(full, pattern.shape)
