"""Running a function under a trace: traced arguments in, traced results out, the tape between them kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import CoercionError, NotDifferentiableError, SpaceError
from ..linear_map import Array, Shape
from ..rule import load_chapters, primal
from ..space import ArraySpace, NoTangent, Space, space
from ..tree import flatten, is_container
from . import sweep
from .trace import Forward, Tape
from .traced import READ_ONLY, Traced, checked


class Argument:
    """A differentiated argument: its leaves that have a tangent, and how to put it together again."""

    __slots__ = ("leaves", "spaces", "treedef", "varied")

    def __init__(self, x: Any, name: str) -> None:
        if is_container(x):
            leaves, self.treedef = flatten(x)
        else:
            leaves, self.treedef = [x], None
        self.leaves: list[Any] = leaves
        self.spaces: list[Space] = [_space(leaf, name) for leaf in leaves]
        self.varied = [k for k, s in enumerate(self.spaces) if not isinstance(s, NoTangent)]
        if not self.varied:
            raise NotDifferentiableError(
                f"{name} is {_describe(x)}, which has no tangent: there is nothing to differentiate with respect to. "
                "Differentiable are numbers, numeric arrays, and containers that hold some"
            )

    def rebuild(self, replacements: list[Any], constant: Callable[[Any], Any] = lambda leaf: leaf) -> Any:
        """The argument with its varied leaves replaced, and the others passed through ``constant``."""
        if self.treedef is None:
            return replacements[0]
        leaves = [constant(leaf) for leaf in self.leaves]
        for k, leaf in zip(self.varied, replacements, strict=True):
            leaves[k] = leaf
        return self.treedef.unflatten(leaves)

    def tangent_leaves(self, tangent: Any, what: str) -> list[Any]:
        """The leaves of a tangent given by a user, checked against the argument's space."""
        if self.treedef is None:
            leaves = [tangent]
        else:
            leaves, treedef = flatten(tangent)
            if treedef != self.treedef:
                raise SpaceError(f"{what} has the structure {treedef} where {self.treedef} is due")
        return [fitted(self.spaces[k], leaves[k], what) for k in self.varied]

    def forget(self) -> None:
        """Let go of the values, so that a linear map keeps alive only what its rules need."""
        varied = set(self.varied)
        self.leaves = [None if k in varied else leaf for k, leaf in enumerate(self.leaves)]


def _space(x: Any, name: str) -> Space:
    try:
        return space(primal(x))
    except SpaceError as error:
        raise SpaceError(f"{name}: {error}") from None


def _describe(x: Any) -> str:
    plain = primal(x)
    if isinstance(plain, np.ndarray):
        return f"an array of dtype {plain.dtype}"
    return f"{plain!r:.40} ({type(plain).__name__})"


def fitted(space: Space, g: Any, what: str) -> Any:
    """A tangent or cotangent given by a user, as an element of a space; refused where that would change its meaning."""
    if g is None or isinstance(g, (str, bytes)):
        raise SpaceError(f"{what} is {g!r} where an element of {space!r} is due")
    plain = primal(g)
    if isinstance(plain, (list, tuple)):
        plain = g = np.asarray(plain)
    if np.shape(plain) != space.shape:
        raise SpaceError(f"{what} has shape {np.shape(plain)} where shape {space.shape} is due")
    if np.iscomplexobj(plain) and space.dtype.kind != "c":
        raise SpaceError(f"{what} is complex where a real one is due; pass its real part")
    return g if space.contains(g) else space.project(g)


def differentiable_value(x: Any, space: Space) -> Any:
    """The value that is traced for a leaf: integers become float64."""
    plain = primal(x)
    if isinstance(plain, np.ndarray):
        return x if plain.dtype.kind in "fc" else x.astype(space.dtype)
    return float(x) if isinstance(plain, (int, np.integer)) else x


def trace_argument(trace: Tape | Forward, x: Any, name: str, nodes: Callable[[Space], Any]) -> tuple[Argument, Any]:
    """An argument and its traced stand-in."""
    load_chapters()
    argument = Argument(x, name)
    traced = []
    for k in argument.varied:
        s = argument.spaces[k]
        t = Traced(differentiable_value(argument.leaves[k], s), trace, nodes(s))
        if isinstance(s, ArraySpace):
            t.version = READ_ONLY
        traced.append(t)
    return argument, argument.rebuild(traced)


class Results:
    """What a function returned: its leaves, which of them depend on the trace, and the plain value."""

    __slots__ = ("leaves", "nodes", "spaces", "treedef", "value")

    def __init__(self, out: Any, trace: Tape | Forward, name: str) -> None:
        if is_container(out):
            leaves, self.treedef = flatten(out)
        else:
            leaves, self.treedef = [out], None
        self.nodes: list[Any] = []
        values, self.spaces = [], []
        for leaf in leaves:
            if isinstance(leaf, Traced) and leaf.tape is trace:
                self.nodes.append(checked(leaf).node)
                leaf = leaf.value
            else:
                self.nodes.append(None)
            values.append(leaf)
            try:
                self.spaces.append(space(primal(leaf)))
            except SpaceError as error:
                raise NotDifferentiableError(f"{name} returned a value that has no derivative: {error}") from None
        self.leaves = values
        self.value = self.rebuild(values)

    def rebuild(self, leaves: list[Any]) -> Any:
        """A container like the result's."""
        return leaves[0] if self.treedef is None else self.treedef.unflatten(leaves)

    def cotangent_leaves(self, cotangent: Any, what: str) -> list[Any]:
        """The leaves of a cotangent given by a user, checked; None for results without a tangent."""
        if self.treedef is None:
            leaves = [cotangent]
        else:
            leaves, treedef = flatten(cotangent)
            if treedef != self.treedef:
                raise SpaceError(f"{what} has the structure {treedef} where {self.treedef} is due")
        return [
            None if isinstance(s, NoTangent) else fitted(s, leaf, what)
            for s, leaf in zip(self.spaces, leaves, strict=True)
        ]


class Linearization:
    """A function's value at a point, and its derivative there on a tape."""

    def __init__(
        self, f: Callable[..., Any], name: str, call: Callable[..., Any], named: list[tuple[str, Any]], has_aux: bool
    ) -> None:
        tape = Tape()
        self.arguments: list[Argument] = []
        stand_ins = []

        def source(s: Space) -> int:
            return tape.node(s, (), name)

        for label, x in named:
            argument, stand_in = trace_argument(tape, x, label, source)
            self.arguments.append(argument)
            stand_ins.append(stand_in)
        self.n_inputs = len(tape.nodes)
        try:
            out = call(*stand_ins)
            self.aux: Any = None
            if has_aux:
                if not (isinstance(out, tuple) and len(out) == 2):
                    raise TypeError(f"has_aux=True: {name} must return a pair (value, aux), it returned {out!r:.60}")
                out, aux = out
                self.aux = detach(aux, tape)
            self.results = Results(out, tape, name)
            self.nodes = tape.nodes
        except ValueError as error:
            raise_coercion(error)
            raise
        finally:
            tape.close()
        self.name = name
        for argument in self.arguments:
            argument.forget()

    @property
    def in_spaces(self) -> list[Space]:
        """The spaces of the varied leaves of all arguments."""
        return [a.spaces[k] for a in self.arguments for k in a.varied]

    def push(self, tangents: list[Any], stack: Shape = ()) -> list[Any]:
        """The tangents of the result leaves (None for zero), given those of the varied argument leaves."""
        everything = sweep.push(self.nodes, tangents, stack)
        return [None if node is None else everything[node] for node in self.results.nodes]

    def pull(self, cotangents: list[Any], stack: Shape = (), consume: bool = False) -> list[Any]:
        """The cotangents of the varied argument leaves (None for zero), given those of the result leaves."""
        seeds: dict[int, Any] = {}
        for node, w in zip(self.results.nodes, cotangents, strict=True):
            if node is not None and w is not None:
                seeds[node] = seeds[node] + w if node in seeds else w
        return sweep.pull(self.nodes, seeds, self.n_inputs, stack, consume)

    def gradients(self, cotangents: list[Any], consume: bool = False) -> list[Any]:
        """The pullback, put together: one entry per argument, in the argument's space."""
        flat = iter(self.pull(cotangents, consume=consume))
        out = []
        for a in self.arguments:
            leaves = []
            for k in a.varied:
                g = next(flat)
                leaves.append(finished(a.spaces[k], g))
            out.append(a.rebuild(leaves, constant=lambda leaf: None))
        return out


def raise_coercion(error: ValueError) -> None:
    """Raise the CoercionError that NumPy hid behind "setting an array element with a sequence", if it did."""
    if isinstance(error.__cause__, CoercionError):
        raise error.__cause__ from None


def finished(space: Space, g: Array) -> Array:
    """A result of a sweep as a user gets it: zeros for None, Python numbers for Python numbers, its own memory."""
    if g is None:
        return space.zeros()
    g = space.project(g)
    if type(g) is np.ndarray and not g.flags.writeable:
        return g.copy()
    return g


def detach(x: Any, trace: Any = None) -> Any:
    """x with traced leaves (of one trace, or of all) replaced by their values."""
    if is_container(x):
        leaves, treedef = flatten(x)
        return treedef.unflatten([detach(leaf, trace) for leaf in leaves])
    if isinstance(x, Traced) and (trace is None or x.tape is trace):
        return checked(x).value if trace is not None else primal(checked(x))
    return x


