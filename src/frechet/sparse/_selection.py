"""Entries picked out of a vector, and the adjoint, entries added up: how sparse values are moved about.

    take:    v ↦ y with y[k] = v[source[k]], and 0 where source[k] is −1
    add_up:  w ↦ v with v[i] = Σ w[k] over all k with source[k] = i

Both are linear and each other's adjoint, so derivatives of all orders are these two again.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from ..linear_map import Array, linear
from ..rule import Rule

__all__ = ["Selection", "add_up", "take"]


class Selection:
    """Which entry of a vector of length n each of the picked ones is; −1 for none.

    Parameters
    ----------
    source : array of int
        From −1 to n − 1.
    n : int
        The length of the vector that is picked from.
    """

    def __init__(self, source: np.ndarray, n: int) -> None:
        self.source, self.n = source, n

    @cached_property
    def inside(self) -> np.ndarray | None:
        """Which of the picked entries there are; None where all are."""
        mask = self.source >= 0
        return None if mask.all() else mask

    @cached_property
    def found(self) -> np.ndarray:
        """The sources that are not −1."""
        return self.source if self.inside is None else self.source[self.inside]

    @cached_property
    def once(self) -> bool:
        """Whether no entry is picked twice."""
        seen = np.zeros(self.n, bool)
        seen[self.found] = True
        return int(np.count_nonzero(seen)) == len(self.found)


def _taken(v: Array, selection: Selection) -> Array:
    if selection.inside is None:
        return v[..., selection.source]
    y = np.zeros((*v.shape[:-1], len(selection.source)), v.dtype)
    y[..., selection.inside] = v[..., selection.found]
    return y


def _added_up(w: Array, selection: Selection) -> Array:
    n, target = selection.n, selection.found
    if selection.inside is not None:
        w = w[..., selection.inside]
    total = np.zeros((*w.shape[:-1], n), w.dtype)
    if selection.once:
        total[..., target] = w
        return total
    for at in np.ndindex(w.shape[:-1]):
        if w.dtype.kind == "c":
            total[at].real = np.bincount(target, w[at].real, n)
            total[at].imag = np.bincount(target, w[at].imag, n)
        else:
            total[at] = np.bincount(target, w[at], n)
    return total


def _take_body(v: Array, selection: Selection) -> Any:
    return take(v, selection), linear(lambda u: take(u, selection), lambda w: add_up(w, selection))


def _add_up_body(w: Array, selection: Selection) -> Any:
    return add_up(w, selection), linear(lambda u: add_up(u, selection), lambda v: take(v, selection))


take = Rule(_taken, _take_body, "frechet.sparse: stored entries moved to other places")
add_up = Rule(_added_up, _add_up_body, "frechet.sparse: stored entries added up")
