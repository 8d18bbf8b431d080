"""What an operator is."""

from __future__ import annotations

import sys
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
        results; its results, a cotangent for each of the arguments, to be summed over the axes `summed`.  The
        outlines are those of all arguments of this operator.
        """
        raise NotImplementedError

    def summed(self, argument: int) -> Indices:
        """The axes of the cotangent of a linear argument, from `transposed`, that the argument does not have.

        They are those of the batches that share the argument; the cotangent is the sum over them.
        """
        return ()

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
        return [own(result) for result in self.trace(*arrays)]

    def linearize(
        self, arrays: Arrays, arguments: Indices, results: Indices | None = None
    ) -> tuple[list[np.ndarray], Derivative]:
        """All results, and the derivative of some of them in some of the arguments, to be applied often.

        Without ``results``, it is that of all results that have one: those that are real or complex.
        """
        values: list[Any] = []
        chosen = results

        def some(*varied: Array) -> Any:
            nonlocal chosen
            out = self.trace(*(varied if len(varied) == len(arrays) else placed(arrays, arguments, varied)))
            if chosen is None:
                chosen = tuple([j for j, result in enumerate(out) if is_inexact(result)])
            if chosen != tuple(range(len(out))):
                values[:] = [None if j in chosen else own(stop_gradient(y)) for j, y in enumerate(out)]
                out = tuple([out[j] for j in chosen])
            return out[0] if len(out) == 1 else out  # one result needs no container, which takes its time

        lin = Linearization(self.name, some, arguments, [arrays[k] for k in arguments], outlives=True)
        assert chosen is not None
        taken = lin.results.take(copy=True)
        found = [np.asarray(y) for y in ((taken,) if len(chosen) == 1 else taken)]
        if values:
            for j, y in zip(chosen, found, strict=True):
                values[j] = y
        return values or found, Derivative(lin, arguments, chosen)

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

    It is that of the results with the numbers ``results`` in the arguments with the numbers ``arguments``.
    """

    __slots__ = ("arguments", "lin", "places", "results")

    def __init__(
        self, lin: Linearization, arguments: Indices, results: Indices, places: Indices | None = None
    ) -> None:
        self.lin, self.arguments, self.results = lin, arguments, results
        self.places = tuple(range(len(results))) if places is None else places  # of the results, on the tape

    def push(self, tangents: Sequence[Array | None]) -> list[np.ndarray]:
        """The tangents of the results; None counts as zero."""
        lin = self.lin
        stack, leaves = _fitted(lin.in_spaces, tangents, lin.name)
        shared = set(map(id, leaves))
        pushed = lin.push(leaves, stack)
        spaces = lin.results.spaces
        return [np.asarray(finished(spaces[j], pushed[j], stack, shared)) for j in self.places]

    def pull(self, cotangents: Sequence[Array | None]) -> list[np.ndarray]:
        """The cotangents of the arguments; None counts as zero."""
        lin = self.lin
        spaces = lin.results.spaces
        if len(self.places) < len(spaces):
            given = dict(zip(self.places, cotangents, strict=True))
            cotangents = [given.get(j) for j in range(len(spaces))]
        stack, leaves = _fitted(spaces, cotangents, lin.name)
        return [np.asarray(g) for g in lin.gradients(leaves, stack=stack)]

    def of(self, arguments: Indices, results: Indices) -> Derivative | None:
        """The derivative of these results in these arguments, where it is a part of this one."""
        if arguments != self.arguments or not set(results) <= set(self.results):
            return None
        if results == self.results:
            return self
        places = tuple([self.places[self.results.index(j)] for j in results])
        return Derivative(self.lin, arguments, results, places)


def _fitted(
    spaces: Sequence[Space], arrays: Sequence[Array | None], name: str
) -> tuple[Shape, list[Array | None]]:
    """Tangents or cotangents as elements of spaces, and the leading axes that they have beyond these."""
    stack: Shape | None = None
    leaves: list[Array | None] = []
    for a, s in zip(arrays, spaces, strict=True):
        if a is not None:
            if stack is None:
                stack = a.shape[: a.ndim - len(s.shape)]
            if not s.contains(a, stack):
                a = fitted(s, a, f"a direction given to {name}", stack)  # noqa: PLW2901  # the same direction
        leaves.append(a)
    return stack or (), leaves


def outline(a: Array) -> Outline:
    """The shape and the dtype of an array."""
    return a.shape, a.dtype


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


def own(result: Any) -> np.ndarray:
    """A result as a plain array that may be written to: nothing else refers to its memory.

    What else does may be an argument, or an array that the function keeps; the numbers of references say so.
    It is called for each entry of a list or tuple, in a comprehension.
    """
    a: np.ndarray = np.asarray(result)
    if a is not result:
        return a
    base = a.base
    if base is None:
        alone = sys.getrefcount(a) <= _ALONE
    else:
        alone = (
            sys.getrefcount(a) <= _ALONE
            and type(base) is np.ndarray
            and base.flags.owndata
            and sys.getrefcount(base) <= _ALONE_AS_BASE
        )
    return a if alone and a.flags.writeable and a.flags.c_contiguous else np.array(a, order="C")


def _references() -> tuple[int, int]:
    """What sys.getrefcount says within `own` of an entry that nothing else refers to, and of its base."""

    def inside(result: Any) -> tuple[int, int]:
        a = np.asarray(result)
        base = a.base
        return sys.getrefcount(a), sys.getrefcount(base)

    (counts,) = [inside(result) for result in (np.zeros((1, 1)).reshape(1),)]
    return counts


_ALONE, _ALONE_AS_BASE = _references()
