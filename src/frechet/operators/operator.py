"""What an operator is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..linear_map import Array, Shape
from ..transforms import linearize, stop_gradient

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
        self, arrays: Arrays, arguments: Indices, results: Indices | None = None
    ) -> tuple[list[np.ndarray], Derivative]:
        """All results, and the derivative of some of them in some of the arguments, to be applied often.

        Without ``results``, it is that of all results that have one: those that are real or complex.
        """
        everything: list[Any] = []
        chosen = results

        def some(*varied: Array) -> tuple[Any, ...]:
            nonlocal chosen
            out = self.trace(*placed(arrays, arguments, varied))
            if chosen is None:
                chosen = tuple([j for j, result in enumerate(out) if is_inexact(result)])
            everything[:] = [None if j in chosen else stop_gradient(result) for j, result in enumerate(out)]
            return tuple([out[j] for j in chosen])

        some.__qualname__ = self.name
        value, L = linearize(some, *[arrays[k] for k in arguments])
        assert chosen is not None
        for j, result in zip(chosen, value, strict=True):
            everything[j] = result
        return [own(result, arrays) for result in everything], Derivative(L, arguments, chosen)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Operator) and type(self) is type(other) and self.key == other.key

    def __hash__(self) -> int:
        return hash((type(self), self.key))

    def __repr__(self) -> str:
        return self.name


class Derivative:
    """A derivative at a point, between lists of arrays, which may have leading axes that count directions.

    It is that of the results with the numbers ``results`` in the arguments with the numbers ``arguments``.
    """

    __slots__ = ("arguments", "map", "results")

    def __init__(self, map: Any, arguments: Indices, results: Indices) -> None:
        self.map, self.arguments, self.results = map, arguments, results

    def push(self, tangents: Arrays) -> list[np.ndarray]:
        """The tangents of the results."""
        return [np.asarray(t) for t in self.map(*tangents)]

    def pull(self, cotangents: Arrays) -> list[np.ndarray]:
        """The cotangents of the arguments."""
        found = self.map.adjoint(tuple(cotangents))
        return [np.asarray(g) for g in (found if len(self.arguments) > 1 else (found,))]


def outline(a: Array) -> Outline:
    """The shape and the dtype of an array."""
    return np.shape(a), a.dtype


def is_inexact(x: Any) -> bool:
    """Whether a number or an array, plain or traced, is real or complex, and so has tangents."""
    dtype = getattr(x, "dtype", None)
    return type(x) in (float, complex) if dtype is None else dtype.kind in "fc"


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
