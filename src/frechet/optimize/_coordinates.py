"""How the entries of an array follow from independent real coordinates, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..linear_map import Array
from ..rule import primal
from ..space import EntriesSpace, ScalarSpace, Space


@dataclass(frozen=True)
class Leaf:
    """One leaf with a tangent: where its coordinates are, and how its entries follow from them.

    Without ``index``, the entries are the coordinates; a complex leaf has those of its real part first.  With
    it, entry k is ``signs[k]`` times the coordinate ``index[k]``: entries of a symmetric matrix share theirs,
    and those outside of a triangle have the sign zero.  ``chosen`` are the entries that give the coordinates.
    The two parts of a complex leaf have an index each.
    """

    start: int
    stop: int
    space: Space
    index: tuple[np.ndarray, ...] = ()
    signs: tuple[np.ndarray, ...] = ()
    chosen: tuple[np.ndarray, ...] = ()

    def entries(self, v: Array) -> Array:
        """The leaf at the vector v, which may be traced."""
        s = self.space
        parts = v[self.start : self.stop]
        if self.index:
            pieces = [parts[i] * sign for i, sign in zip(self.index, self.signs, strict=True)]
        else:
            halves = (parts,) if s.dtype.kind != "c" else (parts[: len(parts) // 2], parts[len(parts) // 2 :])
            pieces = [np.reshape(half, s.shape) for half in halves]
        whole = pieces[0] if len(pieces) == 1 else pieces[0] + 1j * pieces[1]
        if isinstance(s, ScalarSpace):
            return s.project(whole[()])
        return whole if primal(whole).dtype == s.dtype else whole.astype(s.dtype)

    def coordinates(self, entries: Array) -> list[Array]:
        """The coordinates of the leaf, as one or two flat arrays."""
        pieces = [entries] if self.space.dtype.kind != "c" else [np.real(entries), np.imag(entries)]
        flat = [np.reshape(piece, (-1,)) for piece in pieces]
        return [f[c] for f, c in zip(flat, self.chosen, strict=True)] if self.chosen else flat

    def multiplicity(self) -> np.ndarray:
        """How often each coordinate occurs in the structure that the leaf is a part of."""
        s, n = self.space, self.stop - self.start
        weights = s.weights if isinstance(s, EntriesSpace) else None
        if not self.index:
            if weights is None:
                return np.ones(n)
            once = np.broadcast_to(weights, s.shape).reshape(-1)
            return np.concatenate([once] * (n // once.size)) if once.size else once
        counts = np.zeros(n)
        for i, sign in zip(self.index, self.signs, strict=True):
            np.add.at(counts, i, sign**2 if weights is None else sign**2 * weights)
        return counts


def leaf_of(start: int, s: Space) -> Leaf:
    """The leaf of a space whose coordinates begin at ``start``."""
    n = int(np.prod(s.shape))
    parts = 2 if s.dtype.kind == "c" else 1
    if not (isinstance(s, EntriesSpace) and s.onto is not None):
        return Leaf(start, start + parts * n, s)
    index, signs, chosen = [], [], []
    total = 0
    for factor in (1.0, 1j)[:parts]:
        own, sign = _independent(s, factor)
        numbers = np.cumsum(own) - 1 + total
        numbers = np.where(own, numbers.reshape(own.shape), 0)
        if np.any(sign[~own]):  # entries that follow from those across the diagonal
            numbers = np.where(own, numbers, np.swapaxes(numbers, -1, -2))
        index.append(numbers)
        signs.append(sign)
        chosen.append(np.flatnonzero(own))
        total += len(chosen[-1])
    return Leaf(start, start + total, s, tuple(index), tuple(signs), tuple(chosen))


def _independent(s: EntriesSpace, factor: complex) -> tuple[np.ndarray, np.ndarray]:
    """Which real (or imaginary) parts of entries are independent, and with what sign the others follow.

    The projection onto the space tells: it keeps an entry, or makes it zero, or takes the mean with that
    across the diagonal, whose sign may be changed (symmetric, skew, Hermitian matrices).
    """
    assert s.onto is not None
    rng = np.random.default_rng(0)
    probe = factor * (1 + rng.random(s.shape)).astype(s.dtype)
    image = s.onto(probe) / factor
    probe = np.real(probe / factor)
    image = np.real(image)
    if np.all((image == 0) | (image == probe)):
        return image != 0, (image != 0).astype(float)
    across = np.swapaxes(image, -1, -2)
    sign = 1.0 if np.array_equal(image, across) else -1.0
    own = np.triu(np.ones(s.shape, bool), 0 if sign > 0 else 1)
    return own, np.where(own, 1.0, 0.0) + np.where(np.tril(np.ones(s.shape, bool), -1), sign, 0.0)
