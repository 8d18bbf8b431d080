"""What an operator is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..linear_map import Array, Shape
from ..rule import primal
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
        self, arrays: Arrays, arguments: Indices, results: Indices | None
    ) -> tuple[list[np.ndarray], Derivative]:
        """All results, and the derivative of some of them in some of the arguments, to be applied often.

        With None, the derivative is that of all results of real or complex numbers.
        """
        everything: list[Any] = []
        of: list[int] = []

        def some(*varied: Array) -> tuple[Any, ...]:
            out = self.trace(*placed(arrays, arguments, varied))
            of[:] = [j for j, result in enumerate(out) if varies(result)] if results is None else results
            everything[:] = [None if j in of else stop_gradient(result) for j, result in enumerate(out)]
            return tuple([out[j] for j in of])

        some.__qualname__ = self.name
        value, L = linearize(some, *[arrays[k] for k in arguments])
        for j, result in zip(of, value, strict=True):
            everything[j] = result
        values = [own(result, arrays) for result in everything]
        return values, Derivative(L, arguments, tuple(of), [outline(values[j]) for j in of])

    def directions(self, point: Arrays, stacks: Arrays, axes: int) -> list[np.ndarray] | None:
        """The results for stacks of all linear arguments in one pass, or None where that cannot be.

        The stacks have one or more leading axes.
        """
        return None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Operator) and type(self) is type(other) and self.key == other.key

    def __hash__(self) -> int:
        return hash((type(self), self.key))

    def __repr__(self) -> str:
        return self.name


class Derivative:
    """A derivative at a point, between lists of arrays, which may have leading axes that count directions.

    Parameters
    ----------
    map : LinearMap
        From the tangents of the arguments to a tuple of those of the results.
    arguments, results : tuple of int
        Which of an operator's they are.
    outlines : list
        The shapes and dtypes of the results.
    """

    __slots__ = ("arguments", "map", "outlines", "results")

    def __init__(self, map: Any, arguments: Indices, results: Indices, outlines: Sequence[Outline]) -> None:
        self.map, self.arguments, self.results, self.outlines = map, arguments, results, outlines

    def push(self, tangents: Arrays) -> list[np.ndarray]:
        """The tangents of the results."""
        return [np.asarray(t) for t in self.map(*tangents)]

    def pull(self, cotangents: Arrays) -> list[np.ndarray]:
        """The cotangents of the arguments."""
        found = self.map.adjoint(tuple(cotangents))
        return [np.asarray(g) for g in (found if len(self.arguments) > 1 else (found,))]

    def of(self, arguments: Indices, results: Indices) -> Applicable | None:
        """The derivative of these results in these arguments, where this one tells it."""
        if (arguments, results) == (self.arguments, self.results):
            return self
        if arguments == self.arguments and set(results) <= set(self.results):
            return PartOfDerivative(self, results)
        return None


class PartOfDerivative:
    """A derivative of some results of more: a framework asks for no cotangents of those it did not use."""

    __slots__ = ("results", "whole")

    def __init__(self, whole: Derivative, results: Indices) -> None:
        self.whole, self.results = whole, results

    def push(self, tangents: Arrays) -> list[np.ndarray]:
        """The tangents of the results."""
        every = self.whole.push(tangents)
        return [every[self.whole.results.index(j)] for j in self.results]

    def pull(self, cotangents: Arrays) -> list[np.ndarray]:
        """The cotangents of the arguments; those of other results are zero."""
        given = dict(zip(self.results, cotangents, strict=True))
        known = zip(self.whole.results, self.whole.outlines, strict=True)
        n = next(np.ndim(given[j]) - len(shape) for j, (shape, _) in known if j in given)
        directions = np.shape(cotangents[0])[:n]
        return self.whole.pull(
            [
                given[j] if j in given else np.zeros(directions + shape, dtype)
                for j, (shape, dtype) in zip(self.whole.results, self.whole.outlines, strict=True)
            ]
        )


Applicable = Derivative | PartOfDerivative


def outline(a: Array) -> Outline:
    """The shape and the dtype of an array."""
    return a.shape, a.dtype


def varies(result: Any) -> bool:
    """Whether a result, plain or traced, is of real or complex numbers: others have no tangents."""
    return np.result_type(primal(result)).kind in "fc"


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
