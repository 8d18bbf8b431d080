"""Bounds on variables of any form, as scipy.optimize.Bounds on their coordinates."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import Bounds

from ..rule import structured_types
from ..tree import flatten
from ._coordinates import Leaf
from ._variables import Variables


def bounds_of(variables: Variables, bounds: Any, ends: bool) -> Any:
    """The bounds by the coordinates; for plain variables as they are.

    With ``ends`` a pair is that of the lower and the upper end, each like x0 or a number; else bounds are
    like x0, with a pair, a Bounds or None in place of each array and number.
    """
    if variables.plain or bounds is None or isinstance(bounds, Bounds):
        return bounds
    if ends and isinstance(bounds, tuple) and len(bounds) == 2:
        lower, upper = (_end(variables, e, side) for e, side in zip(bounds, (-np.inf, np.inf), strict=True))
        return Bounds(lower, upper)
    import optree

    tops, treedef = optree.tree_flatten(
        variables.x0, lambda part: type(part) in structured_types, none_is_leaf=True, namespace="frechet"
    )
    try:
        given = treedef.flatten_up_to(bounds)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{variables.caller}: bounds are not of the form of x0: {error}") from None
    lows: list[np.ndarray] = []
    highs: list[np.ndarray] = []
    at = 0  # the number of the leaf
    for top, pair in zip(tops, given, strict=True):
        count = len(flatten(top)[0]) if type(top) in structured_types else 1
        leaves = [variables.varied[k] for k in range(at, at + count) if k in variables.varied]
        at += count
        low, high = _pair(variables, pair)
        lows += [_spread(variables, leaf, low, -np.inf) for leaf in leaves]
        highs += [_spread(variables, leaf, high, np.inf) for leaf in leaves]
    return Bounds(np.concatenate(lows), np.concatenate(highs))


def _end(variables: Variables, end: Any, default: float) -> np.ndarray:
    if end is None or (isinstance(end, (int, float, np.number)) and variables.treedef is not None):
        return np.concatenate([_spread(variables, leaf, end, default) for leaf in variables.varied.values()])
    if variables.treedef is None:
        return _spread(variables, variables.varied[0], end, default)
    return np.asarray(variables.coordinates(end, f"{variables.caller}: an end of bounds"), float)


def _pair(variables: Variables, pair: Any) -> tuple[Any, Any]:
    if pair is None:
        return None, None
    if isinstance(pair, Bounds):
        return pair.lb, pair.ub
    if isinstance(pair, (tuple, list)) and len(pair) == 2:
        return pair[0], pair[1]
    raise ValueError(
        f"{variables.caller}: bounds have {pair!r:.60} where a pair (lower, upper), a scipy.optimize.Bounds "
        "or None is due for an array or a number of x0"
    )


def _spread(variables: Variables, leaf: Leaf, end: Any, default: float) -> np.ndarray:
    """An end of bounds for each coordinate of a leaf."""
    n = leaf.stop - leaf.start
    if end is None:
        return np.full(n, default)
    if np.ndim(end) == 1 and np.size(end) == 1:  # as scipy.optimize.Bounds keeps a number
        end = np.reshape(end, ())
    if np.ndim(end) == 0 and not np.iscomplexobj(end):
        if leaf.space.dtype.kind == "c" and np.isfinite(end):
            raise ValueError(
                f"{variables.caller}: a real bound for complex entries is ambiguous: give a complex one, "
                "whose parts bound the real and the imaginary part"
            )
        return np.full(n, float(end))
    if leaf.index and np.shape(end) != leaf.space.shape:
        raise ValueError(f"{variables.caller}: bounds of a structured matrix are numbers, or full arrays")
    try:
        entries = np.broadcast_to(np.asarray(end, leaf.space.dtype), leaf.space.shape)
    except (ValueError, TypeError):
        raise ValueError(
            f"{variables.caller}: a bound of shape {np.shape(end)} does not fit entries of shape "
            f"{leaf.space.shape}"
        ) from None
    return np.concatenate(leaf.coordinates(entries))
