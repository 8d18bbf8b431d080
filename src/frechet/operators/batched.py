"""An operator along an axis of its arguments.

A batch of derivatives is a derivative of the batch, where the axis is that of all that varies:

    Batched(Pullback(f)) = Pullback(Batched(f))

In the second form, the derivative that was made with the batch of values is found again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..linear_map import Array
from .derivatives import _Derived
from .memory import Remembering
from .operator import Arrays, Indices, Operator, Outline, outline, own

Marks = tuple[bool, ...]


def batched(operator: Operator, marked: Marks) -> tuple[Operator, Marks]:
    """The operator along the first axis of some arguments, and which must have that axis.

    The arguments that must have it may be more than the marked ones; the others are to be broadcast.
    """
    if isinstance(operator, _Derived) and any(marked[: operator.n]):
        due = {*operator.arguments, *range(operator.n, len(marked))}
        marked = tuple(m or k in due for k, m in enumerate(marked))
        base, marks = batched(operator.base, marked[: operator.n])
        return type(operator)(base, operator.n, operator.arguments, operator.results), (
            marks + marked[operator.n :]
        )
    if isinstance(operator, Remembering):
        marked = tuple(m or k in operator.arguments for k, m in enumerate(marked))
        base, marks = batched(operator.base, marked)
        return Remembering(base, operator.arguments, operator.results), marks
    return Batched(operator, marked), marked


class Batched(Operator):
    """f for each entry along the first axis of the marked arguments; the results are stacked.

    Where f takes stacks, it is called once; where only tangents or cotangents are batched, the derivative is
    made once and applied to all directions in one pass; else it is a loop.
    """

    def __init__(self, base: Operator, marked: Marks) -> None:
        self.base, self.marked = base, marked
        self.key = (base, marked)
        self.name, self.linear = base.name, base.linear

    def trace(self, *arrays: Array) -> tuple[Any, ...]:
        size = self._size(arrays)
        whole = self._whole(arrays, size)
        if whole is not None:
            return whole
        if size == 0:
            return tuple([np.empty(*o) for o in self.outlines([outline(a) for a in arrays])])
        parts = [self.base.trace(*self._entry(arrays, i)) for i in range(size)]
        return tuple([np.stack(results) for results in zip(*parts, strict=True)])

    def __call__(self, *arrays: Array) -> list[np.ndarray]:
        size, base = self._size(arrays), self.base
        if size == 0:
            return [np.empty(*o) for o in self.outlines([outline(a) for a in arrays])]
        n = base.linear
        if n is not None and not any(self.marked[:n]):
            results = base.directions(arrays[:n], self._stacks(arrays[n:], 0), 1)
            if results is not None:
                return [own(result) for result in results]
        whole = self._whole(arrays, size)
        if whole is not None:
            return [own(result) for result in whole]
        parts = [base(*self._entry(arrays, i)) for i in range(size)]
        return [np.stack(results) for results in zip(*parts, strict=True)]

    def directions(self, point: Arrays, stacks: Arrays, axes: int) -> list[np.ndarray] | None:
        n = self.base.linear or 0
        if any(self.marked[:n]):
            return None
        return self.base.directions(point, self._stacks(stacks, axes), axes + 1)

    def outlines(self, arguments: Sequence[Outline]) -> list[Outline]:
        size = self._size([np.broadcast_to(0, shape) for shape, _ in arguments])
        return [((size, *shape), dtype) for shape, dtype in self.base.outlines(self._inner(arguments))]

    def transposed(self, arguments: Indices, results: Indices, outlines: Sequence[Outline]) -> Operator:
        """A cotangent of an argument that is not marked has the axis, too: see `summed`."""
        n = self.base.linear or 0
        return Batched(
            self.base.transposed(arguments, results, self._inner(outlines)),
            self.marked[:n] + (True,) * len(results),
        )

    def summed(self, argument: int) -> Indices:
        inner = tuple([axis + 1 for axis in self.base.summed(argument)])
        return inner if self.marked[argument] else (0, *inner)

    def _size(self, arrays: Arrays) -> int:
        return next(len(a) for a, marked in zip(arrays, self.marked, strict=True) if marked)

    def _stacks(self, directions: Arrays, at: int) -> list[Array]:
        """Directions that all have the axis of the batch, behind some others."""
        marks = self.marked[self.base.linear :]
        size = next(np.shape(d)[at] for d, marked in zip(directions, marks, strict=True) if marked)

        def broadcast(d: Array) -> Array:
            shape = np.shape(d)
            return np.broadcast_to(np.expand_dims(d, at), (*shape[:at], size, *shape[at:]))

        return [d if marked else broadcast(d) for d, marked in zip(directions, marks, strict=True)]

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
