"""The derivatives of an operator as operators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..linear_map import Array
from ..transforms import jvp, vjp
from . import memory
from .operator import Arrays, Derivative, Indices, Operator, Outline, placed


class _Derived(Operator):
    """A derivative of an operator: of some of its results, in some of its arguments.

    Its own arguments are those of the base, and then tangents or cotangents, in which it is linear.
    """

    def __init__(self, base: Operator, n: int, arguments: Indices, results: Indices) -> None:
        self.base, self.n, self.arguments, self.results = base, n, arguments, results
        self.key = (base, n, arguments, results)
        self.linear = n  # the number of arguments of the base

    def split(self, arrays: Arrays) -> tuple[Arrays, Arrays]:
        """The point, and the tangents or cotangents."""
        return arrays[: self.n], arrays[self.n :]

    def varied(self, point: Arrays) -> tuple[Any, list[Array]]:
        """The base as a function of what is varied alone, and the point there."""

        def some(*x: Array) -> tuple[Any, ...]:
            everything = self.base.trace(*placed(point, self.arguments, x))
            return tuple([everything[j] for j in self.results])

        some.__qualname__ = self.base.name
        return some, [point[k] for k in self.arguments]

    def at(self, point: Arrays) -> Derivative:
        """The derivative at a point: one that is remembered, or made now."""
        found = memory.find(self.base, point, self.arguments, self.results)
        return found or self.base.linearize(point, self.arguments, self.results)[1]

    def apply(self, derivative: Derivative, directions: Arrays) -> list[np.ndarray]:
        """The derivative at a point, applied, also to stacks."""
        raise NotImplementedError

    def __call__(self, *arrays: Array) -> list[np.ndarray]:
        point, directions = self.split(arrays)
        return self.apply(self.at(point), directions)

    def directions(self, point: Arrays, stacks: Arrays, axes: int) -> list[np.ndarray] | None:
        return self.apply(self.at(point), stacks)

    def stacked(self, arguments: Sequence[Outline]) -> Operator | None:
        base = self.base.stacked(arguments[: self.n])
        return base and type(self)(base, self.n, self.arguments, self.results)

    @property
    def full(self) -> frozenset[int]:
        n_directions = len(self.arguments) + len(self.results)
        return self.base.full | {*self.arguments, *range(self.n, self.n + n_directions)}


class Pushforward(_Derived):
    """(x, v) ↦ f′(x) v, with a tangent v for each of some arguments, of some results."""

    def __init__(self, base: Operator, n: int, arguments: Indices, results: Indices) -> None:
        super().__init__(base, n, arguments, results)
        self.name = f"the pushforward of {base.name}"

    def trace(self, *arrays: Array) -> tuple[Any, ...]:
        point, tangents = self.split(arrays)
        f, x = self.varied(point)
        pushed: tuple[Any, ...] = jvp(f, x, tangents)[1]
        return pushed

    def apply(self, derivative: Derivative, directions: Arrays) -> list[np.ndarray]:
        return derivative.push(directions)

    def outlines(self, arguments: Sequence[Outline]) -> list[Outline]:
        everything = self.base.outlines(arguments[: self.n])
        return [everything[j] for j in self.results]

    def transposed(self, arguments: Indices, results: Indices, outlines: Sequence[Outline]) -> Operator:
        return Pullback(
            self.base,
            self.n,
            tuple(self.arguments[k - self.n] for k in arguments),
            tuple(self.results[j] for j in results),
        )


class Pullback(_Derived):
    """(x, w) ↦ f′(x)ᴴ w, with a cotangent w for each of some results, in some arguments."""

    def __init__(self, base: Operator, n: int, arguments: Indices, results: Indices) -> None:
        super().__init__(base, n, arguments, results)
        self.name = f"the pullback of {base.name}"

    def trace(self, *arrays: Array) -> tuple[Any, ...]:
        point, cotangents = self.split(arrays)
        f, x = self.varied(point)
        _, pullback = vjp(f, *x)
        gradients: tuple[Any, ...] = pullback(tuple(cotangents))
        return gradients

    def apply(self, derivative: Derivative, directions: Arrays) -> list[np.ndarray]:
        return derivative.pull(directions)

    def outlines(self, arguments: Sequence[Outline]) -> list[Outline]:
        return [arguments[k] for k in self.arguments]

    def transposed(self, arguments: Indices, results: Indices, outlines: Sequence[Outline]) -> Operator:
        return Pushforward(
            self.base,
            self.n,
            tuple(self.arguments[j] for j in results),
            tuple(self.results[k - self.n] for k in arguments),
        )
