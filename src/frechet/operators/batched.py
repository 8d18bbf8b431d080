"""An operator along an axis of its arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import SpaceError
from ..linear_map import Array
from .derivatives import _Derived
from .operator import Arrays, Indices, Operator, Outline, outline, own


class Batched(Operator):
    """f for each entry along the first axis of the marked arguments; the results are stacked.

    Where f takes stacks, it is called once; where only tangents or cotangents are batched, the derivative is
    made once and applied to all directions in one pass; else it is a loop.
    """

    def __init__(self, base: Operator, marked: tuple[bool, ...]) -> None:
        self.base, self.marked = base, marked
        self.key = (base, marked)
        self.name, self.linear = base.name, base.linear

    def trace(self, *arrays: Array) -> tuple[Any, ...]:
        size = self._size(arrays)
        whole = self._whole(arrays, size)
        if whole is not None:
            return whole
        parts = [self.base.trace(*self._entry(arrays, i)) for i in range(size)]
        return tuple([np.stack(results) for results in zip(*parts, strict=True)])

    def __call__(self, *arrays: Array) -> list[np.ndarray]:
        size, base = self._size(arrays), self.base
        if isinstance(base, _Derived) and not any(self.marked[: base.n]):
            point, directions = base.split(arrays)
            stacks = [
                d if marked else np.broadcast_to(d, (size, *np.shape(d)))
                for d, marked in zip(directions, self.marked[base.n :], strict=True)
            ]
            return [own(result, arrays) for result in base.apply(base.at(point), stacks)]
        whole = self._whole(arrays, size)
        if whole is not None:
            return [own(result, arrays) for result in whole]
        parts = [base(*self._entry(arrays, i)) for i in range(size)]
        return [np.stack(results) for results in zip(*parts, strict=True)]

    def outlines(self, arguments: Sequence[Outline]) -> list[Outline]:
        size = self._size([np.broadcast_to(0, shape) for shape, _ in arguments])
        return [((size, *shape), dtype) for shape, dtype in self.base.outlines(self._inner(arguments))]

    def transposed(self, arguments: Indices, results: Indices, outlines: Sequence[Outline]) -> Operator:
        """A cotangent of an argument that is not marked has a first axis, too, which is to be summed over."""
        n = self.base.linear or 0
        return Batched(
            self.base.transposed(arguments, results, self._inner(outlines)),
            self.marked[:n] + (True,) * len(results),
        )

    def _size(self, arrays: Arrays) -> int:
        size = next(len(a) for a, marked in zip(arrays, self.marked, strict=True) if marked)
        if size == 0:
            raise SpaceError(
                f"{self.name} is batched over an axis of length 0, and has no entry to be called with"
            )
        return size

    def _inner(self, outlines: Sequence[Outline]) -> list[Outline]:
        return [(s[1:] if marked else s, d) for (s, d), marked in zip(outlines, self.marked, strict=True)]

    def _entry(self, arrays: Arrays, i: int) -> list[Array]:
        return [a[i] if marked else a for a, marked in zip(arrays, self.marked, strict=True)]

    def _whole(self, arrays: Arrays, size: int) -> tuple[Any, ...] | None:
        """The results by one call, of a function that takes stacks."""
        stacked = self.base.stacked(self._inner([outline(a) for a in arrays]))
        if stacked is None:
            return None
        full = self.base.full
        every = [
            a if marked else np.broadcast_to(a, (size if k in full else 1, *np.shape(a)))
            for k, (a, marked) in enumerate(zip(arrays, self.marked, strict=True))
        ]
        return tuple([_of_length(result, size) for result in stacked.trace(*every)])


def _of_length(result: Array, size: int) -> Array:
    """A result that depends on none of the marked arguments has an axis of length 1 instead."""
    return result if len(result) == size else np.broadcast_to(result, (size, *np.shape(result)[1:]))
