"""What an operator is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..linear_map import Array, Shape
from ..space import Space
from ..tracing.linearization import Linearization, finished, fitted
from ..transforms import stop_gradient

Arrays = Sequence[Array]
Indices = tuple[int, ...]
Outline = tuple[Shape, np.dtype[Any]]  # the shape and the dtype of an array


class Operator:
    """A function of arrays, whose value is a list of arrays, that Frechet differentiates.

    Operators are equal if they do the same, so that a framework may keep what it has compiled for one.
    """

    name: str
    key: tuple[Any, ...]  # what tells it from others of its type
    linear: int | None = None  # from this argument on, they enter linearly, together; None where none do

    def trace(self, *arrays: Array) -> tuple[Any, ...]:
        """The results, of plain or traced arrays."""
        raise NotImplementedError

    def outlines(self, arguments: Sequence[Outline]) -> list[Outline]:
        """The shapes and dtypes of the results, from those of the arguments."""
        raise NotImplementedError

    def transposed(self, arguments: Indices, results: Indices, outlines: Sequence[Outline]) -> Operator:
        """The adjoint of the map from some linear arguments to some results.

        Its arguments are those of this operator before the linear ones, then a cotangent for each of the
        results; its results, a cotangent for each of the arguments.  The outlines are those of all arguments
        of this operator.
        """
        raise NotImplementedError

    def stacked(self, arguments: Sequence[Outline]) -> Operator | None:
        """The operator for arguments that all have one more leading axis, of one length or 1, or None.

        It is for arguments of the given outlines, that axis left out; where ``full`` says so, the length
        must not be 1.
        """
        return None

    @property
    def full(self) -> frozenset[int]:
        """The arguments whose first axis must have its full length in a call of what `stacked` gives."""
        return frozenset()

    def __call__(self, *arrays: Array) -> list[np.ndarray]:
        """The results at plain arrays, in memory of their own."""
        return [own(result, arrays) for result in self.trace(*arrays)]

    def linearize(
        self, arrays: Arrays, arguments: Indices, results: Indices
    ) -> tuple[list[np.ndarray], Derivative]:
        """All results, and the derivative of some of them in some of the arguments, to be applied often."""
        everything: list[Any] = []

        def some(*varied: Array) -> tuple[Any, ...]:
            out = self.trace(*placed(arrays, arguments, varied))
            everything[:] = [None if j in results else stop_gradient(result) for j, result in enumerate(out)]
            return tuple([out[j] for j in results])

        lin = Linearization(self.name, some, arguments, [arrays[k] for k in arguments], outlives=True)
        for j, result in zip(results, lin.results.take(copy=True), strict=True):
            everything[j] = result
        return [own(result, arrays) for result in everything], Derivative(lin)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Operator) and type(self) is type(other) and self.key == other.key

    def __hash__(self) -> int:
        return hash((type(self), self.key))

    def __repr__(self) -> str:
        return self.name


class Derivative:
    """A derivative at a point, between lists of arrays, which may have leading axes that count directions."""

    __slots__ = ("lin",)

    def __init__(self, lin: Linearization) -> None:
        self.lin = lin

    def push(self, tangents: Arrays) -> list[np.ndarray]:
        """The tangents of the results."""
        lin = self.lin
        leaves, stack = _elements(lin.in_spaces, tangents, lin.name)
        pushed = lin.push(leaves, stack)
        return [np.asarray(finished(s, t, stack)) for s, t in zip(lin.results.spaces, pushed, strict=True)]

    def pull(self, cotangents: Arrays) -> list[np.ndarray]:
        """The cotangents of the arguments."""
        lin = self.lin
        leaves, stack = _elements(lin.results.spaces, cotangents, lin.name)
        return [np.asarray(g) for g in lin.gradients(leaves, stack=stack)]


def _elements(spaces: Sequence[Space], directions: Arrays, name: str) -> tuple[list[Any], Shape]:
    """Tangents or cotangents as elements of their spaces, and the shape of the stack that they are."""
    leaves = [
        d if s.contains(d) else fitted(s, d, f"a direction given to the derivative of {name}")
        for s, d in zip(spaces, directions, strict=True)
    ]
    first = leaves[0]
    return leaves, np.shape(first)[: np.ndim(first) - len(spaces[0].shape)]


def outline(a: Array) -> Outline:
    """The shape and the dtype of an array."""
    return np.shape(a), a.dtype


def placed(arrays: Arrays, positions: Indices, replacements: Arrays) -> list[Array]:
    """The arrays with those at some positions replaced."""
    new = list(arrays)
    for k, a in zip(positions, replacements, strict=True):
        new[k] = a
    return new


def own(result: Any, arguments: Arrays) -> np.ndarray:
    """A result as a plain array that shares no memory with the arguments and may be written to."""
    a: np.ndarray = np.asarray(result)
    if a is result and (
        not a.flags.writeable or not a.flags.c_contiguous or any(np.may_share_memory(a, x) for x in arguments)
    ):
        return np.array(a, order="C")
    return a
