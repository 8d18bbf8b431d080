"""Arrays as parts of structured matrices, and as operands beside them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array
from ..rule import carriers, primal, structured_types
from ..transforms import array


def diagonal_array(d: Array) -> Array:
    """The full arrays with the diagonals d; by a choice, as inf times 0 is not 0."""
    return np.where(np.eye(d.shape[-1], dtype=bool), d[..., None], 0)


def read_only(a: Array) -> Array:
    """A plain array as a view that cannot be written to: the full array of an immutable matrix."""
    if type(a) is not np.ndarray or not a.flags.writeable:
        return a
    view = a.view()
    view.flags.writeable = False
    return view


def array_operand(x: Any) -> Any:
    """An operand as a structured matrix, an array or a number; NotImplemented for what is none of these."""
    kind = type(x)
    if isinstance(x, (np.ndarray, np.generic, float, int, complex)):
        return x
    if kind in carriers or kind in structured_types:
        return x
    if kind in (list, tuple):
        return array(x)
    return NotImplemented


def as_part(x: Any, what: str, axes: int) -> Array:
    """x as a part: a floating-point or complex array, plain or traced, with at least so many axes.

    Lists become arrays, also where they hold traced values; integers become float64.

    Raises
    ------
    TypeError
        If it is not numeric.
    ValueError
        If it has too few axes.
    """
    if type(x) in structured_types:
        x = x.to_dense()
    if type(x) in (list, tuple):
        x = array(x)
    plain = primal(x)
    if not isinstance(plain, np.ndarray):
        x = plain = np.asarray(plain)
    if isinstance(plain, np.ma.MaskedArray):
        raise ValueError(f"{what} is a masked array, whose mask would be lost: use x.filled(...)")
    if plain.dtype.kind not in "fciub":
        raise TypeError(f"{what} is of dtype {plain.dtype} where numbers are due")
    if plain.ndim < axes:
        raise ValueError(f"{what} has the shape {plain.shape} where at least {axes} axes are due")
    return x if plain.dtype.kind in "fc" else x.astype(np.float64)


def as_square(x: Any, what: str) -> Array:
    """x as a part of shape (..., n, n)."""
    x = as_part(x, what, 2)
    if x.shape[-1] != x.shape[-2]:
        raise ValueError(f"{what} has the shape {x.shape} where square matrices are due")
    return x
