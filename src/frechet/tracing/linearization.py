"""Running a function under a trace: traced arguments in, traced results out, the tape between them kept."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from ..errors import FrechetError, InPlaceError, NotDifferentiableError, SpaceError
from ..guests import framework_of
from ..linear_map import Array, Shape
from ..rule import load_chapters, primal
from ..space import ArraySpace, EntriesSpace, NoTangent, Space, leaf_spaces, space
from ..tree import flatten, is_container, same_structure
from . import sweep
from .collector import LONG, full_collections_wait
from .trace import SCALAR_SPACES, ClosedForward, ClosedTape, Forward, Tape, copied, space_of
from .traced import READ_ONLY, Traced, checked


class Argument:
    """A differentiated argument: its leaves that have a tangent, and how to put it together again."""

    __slots__ = ("leaves", "spaces", "treedef", "varied")

    spaces: list[Space]

    def __init__(self, x: Any, which: int | str, name: str) -> None:
        kind = type(x)
        self.treedef = None
        if kind in SCALAR_SPACES:
            self.leaves, self.spaces, self.varied = [x], [SCALAR_SPACES[kind]], _FIRST
            return
        if kind is np.ndarray and x.dtype.kind in "fc":
            self.leaves, self.spaces, self.varied = [x], [ArraySpace(x.shape, x.dtype)], _FIRST
            return
        if is_container(x):
            self.leaves, self.treedef = flatten(x)
        else:
            self.leaves = [x]
        for leaf in self.leaves:
            refuse_ended(leaf, argument_name(which, name))
        try:
            self.spaces = leaf_spaces(x, self.leaves) if self.treedef is not None else [space(primal(x))]
        except SpaceError as error:
            raise SpaceError(f"{argument_name(which, name)}: {error}") from None
        self.varied = [k for k, s in enumerate(self.spaces) if not isinstance(s, NoTangent)]
        if not self.varied:
            _refuse_guest(x, argument_name(which, name))
            raise NotDifferentiableError(
                f"{argument_name(which, name)} is {_describe(x)}, which has no tangent: there is nothing to "
                "differentiate with respect to. Differentiable are numbers, numeric arrays, and containers "
                "that hold some"
            )

    def rebuild(self, replacements: list[Any], constant: Callable[[Any], Any] = lambda leaf: leaf) -> Any:
        """The argument with its varied leaves replaced, and the others passed through ``constant``."""
        if self.treedef is None:
            return replacements[0]
        leaves = [constant(leaf) for leaf in self.leaves]
        for k, leaf in zip(self.varied, replacements, strict=True):
            leaves[k] = leaf
        return self.treedef.unflatten(leaves)

    def tangent_leaves(self, tangent: Any, what: str, stack: Shape | None = ()) -> list[Any]:
        """The leaves of a tangent given by a user, checked against the argument's space."""
        if self.treedef is None:
            leaves = [tangent]
        else:
            leaves, treedef = flatten(tangent)
            if not same_structure(treedef, self.treedef):
                raise SpaceError(f"{what} has the structure {treedef} where {self.treedef} is due")
        return [fitted(self.spaces[k], leaves[k], what, stack) for k in self.varied]

    def forget(self) -> None:
        """Let go of the values, so that a linear map keeps alive only what its rules need."""
        if self.treedef is None:
            self.leaves = [None]
            return
        varied = set(self.varied)
        self.leaves = [None if k in varied else leaf for k, leaf in enumerate(self.leaves)]


_FIRST = [0]


def argument_name(which: int | str, name: str) -> str:
    """An argument in words, for messages."""
    return f"argument {which!r} of {name}"


_GUESTS = {
    "PyTorch": ("torch.func.grad or backward()", "x.detach().numpy()"),
    "JAX": ("jax.grad", "np.asarray(x)"),
}


def _refuse_guest(x: Any, what: str) -> None:
    """Say what to do with an array of another framework."""
    framework = framework_of(type(x))
    if framework is not None:
        theirs, plain = _GUESTS[framework]
        raise NotDifferentiableError(
            f"{what} is an array of {framework}. Differentiate with {theirs}, or give "
            f"{plain}, an array of NumPy"
        )


def _describe(x: Any) -> str:
    plain = primal(x)
    if isinstance(plain, np.ndarray):
        return f"an array of dtype {plain.dtype}"
    return f"{plain!r:.40} ({type(plain).__name__})"


def fitted(space: Space, g: Any, what: str, stack: Shape | None = None) -> Any:
    """A tangent or cotangent given by a user, as an element of a space; refused where its meaning changes.

    Leading axes beyond the space's own count directions; they must be as given, or may be any.
    """
    if g is None or isinstance(g, (str, bytes)):
        raise SpaceError(f"{what} is {g!r} where an element of {space!r} is due")
    if type(g) is np.ndarray and stack is not None and space.contains(g, stack):  # the common case, quickly
        return g
    plain = primal(g)
    if isinstance(plain, (list, tuple)):
        plain = g = np.asarray(plain)
    if isinstance(plain, np.ndarray) and (type(plain) is not np.ndarray or plain.dtype.kind not in "fciub"):
        raise SpaceError(
            f"{what} is a {type(plain).__name__} of dtype {plain.dtype} where a plain numeric array is due"
        )
    shape, n = np.shape(plain), len(space.shape)
    if (
        len(shape) < n
        or shape[len(shape) - n :] != space.shape
        or (stack is not None and shape[: len(shape) - n] != stack)
    ):
        raise SpaceError(f"{what} has shape {shape} where shape {(stack or ()) + space.shape} is due")
    if np.iscomplexobj(plain) and space.dtype.kind != "c":
        raise SpaceError(f"{what} is complex where a real one is due; pass its real part")
    stack = shape[: len(shape) - n]
    return g if space.contains(g, stack) else space.project(g, stack)


def differentiable_value(x: Any, space: Space) -> Any:
    """The value that is traced for a leaf: integers become float64."""
    if type(x) is float:
        return x
    plain = primal(x)
    if isinstance(plain, np.ndarray):
        return x if plain.dtype.kind in "fc" else x.astype(space.dtype)
    return float(x) if isinstance(plain, (int, np.integer)) else x


def trace_argument(
    argument: Argument, trace: Tape | Forward, nodes: list[Any], outlives: bool = False
) -> Any:
    """The traced stand-in of an argument, given the node of each varied leaf.

    A derivative that outlives the call works on copies: the caller may change the arrays before it is
    applied.
    """
    traced = []
    for k, node in zip(argument.varied, nodes, strict=True):
        s = argument.spaces[k]
        value = differentiable_value(argument.leaves[k], s)
        if outlives and type(value) is np.ndarray and value is argument.leaves[k]:
            value = copied(value)
        t = Traced(value, trace, node)
        if isinstance(s, ArraySpace):
            t.version = [READ_ONLY]
        traced.append(t)
    return argument.rebuild(traced)


class Results:
    """What a function returned: its leaves, which of them depend on the trace, and the plain value."""

    __slots__ = ("leaves", "nodes", "spaces", "treedef")

    def __init__(self, out: Any, trace: Tape | Forward, name: str) -> None:
        if type(out) is not Traced and is_container(out):
            leaves, self.treedef = flatten(out)
        else:
            leaves, self.treedef = [out], None
        self.nodes: list[Any] = []
        self.leaves: list[Any] = []
        self.spaces: list[Space] = []
        for result in leaves:
            if isinstance(result, Traced) and result.tape is trace:
                checked(result)
                self.nodes.append(result.node)
                leaf = result.value
            else:
                refuse_ended(result, f"{name} returned")
                self.nodes.append(None)
                leaf = result
            self.leaves.append(leaf)
        try:
            if self.treedef is None:
                self.spaces = [space_of(self.leaves[0])]
            else:
                self.spaces = leaf_spaces(out, self.leaves)
        except SpaceError as error:
            raise NotDifferentiableError(f"{name} returned a value that has no derivative: {error}") from None

    def take(self, copy: bool = False) -> Any:
        """The plain value, which is then let go of; a copy where rules keep it beyond the call."""
        leaves, self.leaves = self.leaves, []
        if copy:
            leaves = [leaf.copy() if type(leaf) is np.ndarray else leaf for leaf in leaves]
        return self.rebuild(leaves)

    def rebuild(self, leaves: list[Any]) -> Any:
        """A container like the result's."""
        return leaves[0] if self.treedef is None else self.treedef.unflatten(leaves)

    def cotangent_leaves(self, cotangent: Any, what: str, stack: Shape | None = ()) -> list[Any]:
        """The leaves of a cotangent given by a user, checked; None for results without a tangent."""
        if self.treedef is None:
            leaves = [cotangent]
        else:
            leaves, treedef = flatten(cotangent)
            if not same_structure(treedef, self.treedef):
                raise SpaceError(f"{what} has the structure {treedef} where {self.treedef} is due")
        return [
            None if isinstance(s, NoTangent) else s.partials(fitted(s, leaf, what, stack))
            for s, leaf in zip(self.spaces, leaves, strict=True)
        ]


class Linearization:
    """A function's value at a point, and its derivative there on a tape."""

    def __init__(
        self,
        name: str,
        call: Callable[..., Any],
        which: Sequence[int | str],
        primals: Sequence[Any],
        has_aux: bool = False,
        outlives: bool = False,
    ) -> None:
        load_chapters()
        self.tape = tape = Tape(outlives)
        self.name = name
        self.aux: Any = None
        self.arguments: list[Argument] = []
        stand_ins = []
        for w, x in zip(which, primals, strict=True):
            argument = Argument(x, w, name)
            nodes = [tape.node(argument.spaces[k].ambient, (), name) for k in argument.varied]
            stand_ins.append(trace_argument(argument, tape, nodes, outlives))
            self.arguments.append(argument)
        self.n_inputs = len(tape.nodes)
        try:
            out = tape.run(call, stand_ins)
            if has_aux:
                out, self.aux = with_aux(out, tape, name)
            self.results = Results(out, tape, name)
            self.nodes = tape.nodes
        except BaseException as error:
            tape.release()
            raise_hidden(error, tape)
            raise
        finally:
            tape.close()
        for argument in self.arguments:
            argument.forget()

    @property
    def in_spaces(self) -> list[Space]:
        """The spaces of the varied leaves of all arguments."""
        return [a.spaces[k] for a in self.arguments for k in a.varied]

    def push(self, tangents: list[Any], stack: Shape = ()) -> list[Any]:
        """The tangents of the result leaves (None for zero), given those of the varied argument leaves."""
        with full_collections_wait if len(self.nodes) > LONG else nullcontext():
            everything = sweep.push(self.nodes, tangents, stack)
        return [None if node is None else everything[node] for node in self.results.nodes]

    def pull(self, cotangents: list[Any], stack: Shape = (), consume: bool = False) -> list[Any]:
        """The cotangents of the varied argument leaves (None for zero), given those of the result leaves."""
        seeds: dict[int, Any] = {}
        for node, w in zip(self.results.nodes, cotangents, strict=True):
            if node is not None and w is not None:
                seeds[node] = seeds[node] + w if node in seeds else w
        with full_collections_wait if len(self.nodes) > LONG else nullcontext():
            return sweep.pull(self.nodes, seeds, self.n_inputs, stack, consume)

    def gradients(self, cotangents: list[Any], consume: bool = False, stack: Shape = ()) -> list[Any]:
        """The pullback, put together: one entry per argument, in the argument's space."""
        flat = self.pull(cotangents, stack, consume)
        shared = {id(w) for w in cotangents}
        if len(flat) == 1 and self.arguments[0].treedef is None:
            return [finished_gradient(self.arguments[0].spaces[0], flat[0], stack, shared)]
        entries = iter(flat)
        return [
            a.rebuild(
                [finished_gradient(a.spaces[k], next(entries), stack, shared) for k in a.varied],
                constant=_none,
            )
            for a in self.arguments
        ]


def _none(leaf: Any) -> None:
    return None


def with_aux(out: Any, trace: Tape | Forward, name: str) -> tuple[Any, Any]:
    """The value and the auxiliary result, as plain values, of a function that returns a pair."""
    if not (isinstance(out, tuple) and len(out) == 2):
        raise TypeError(f"has_aux=True: {name} must return a pair (value, aux), it returned {out!r:.60}")
    return out[0], detach(out[1], trace)


def raise_hidden(error: BaseException, trace: Tape | Forward) -> None:
    """Raise the CoercionError that NumPy or C code hid behind an error of its own, if it did.

    NumPy turns what goes wrong in plain[i] = x into "setting an array element with a sequence", and other C
    code loses it altogether.  Its "read-only" is, for an array that the trace has locked, a write to what the
    derivative needs.
    """
    hiding = isinstance(error, (ValueError, TypeError, SystemError, AttributeError))
    if not hiding or isinstance(error, FrechetError):
        return
    if trace.refusal is not None:
        raise trace.refusal from None
    if isinstance(error, ValueError) and "read-only" in str(error):
        raise InPlaceError(
            f"a read-only array was written to ({error}). While a function is differentiated, plain arrays "
            "that were combined with traced ones are locked, because the derivative needs their values. Make "
            "a new array in each step instead of reusing one as a buffer, or combine with a copy: "
            "x * buffer.copy()"
        ) from error


def finished_gradient(space: Space, g: Array, stack: Shape = (), shared: set[int] | None = None) -> Array:
    """The gradient of an argument as a user gets it, from what a sweep found for its entries."""
    if type(space) is EntriesSpace and g is not None:
        g = space.gradient(g, stack)
        space = space.ambient
    return finished(space, g, stack, shared)


def finished(space: Space, g: Array, stack: Shape = (), shared: set[int] | None = None) -> Array:
    """A result of a sweep as a user gets it: zeros for None, Python numbers as such, memory of its own.

    ``shared`` holds the ids of arrays that must not be handed out: the caller's own, and those handed out
    already.
    """
    if g is None:
        return space.zeros(stack)
    if type(g) is not space.type or stack:
        g = space.project(g, stack)
    if type(g) is not np.ndarray:
        if hasattr(g, "refuse"):  # it stands for a tangent that does not exist, and raises
            g.refuse()
        return np.asarray(g) if type(space) is ArraySpace and isinstance(g, np.generic) else g
    owner = g if g.base is None else g.base
    if not g.flags.writeable or (shared is not None and id(owner) in shared):
        return g.copy()
    if owner is not g and not _alone(owner, g):
        return g.copy()
    if shared is not None:
        shared.add(id(owner))
    return g


def _alone(owner: Any, g: np.ndarray) -> bool:
    """Whether g, a view such as a reshaped array, shows all of its owner, which nothing else refers to."""
    return (
        type(owner) is np.ndarray
        and owner.base is None
        and owner.flags.writeable
        and owner.nbytes == g.nbytes
        and sys.getrefcount(owner) <= _ALONE
    )


def _references_to_a_base() -> int:
    """What sys.getrefcount says within `_alone` of the base of a view that nothing else refers to."""
    view = np.zeros((1, 1)).reshape(1)

    def inside(owner: Any, g: np.ndarray) -> int:
        return sys.getrefcount(owner)

    owner = view.base
    return inside(owner, view)


_ALONE = _references_to_a_base()


def detach(x: Any, trace: Any = None) -> Any:
    """x with traced leaves (of one trace, or of all) replaced by their values."""
    if is_container(x):
        leaves, treedef = flatten(x)
        return treedef.unflatten([detach(leaf, trace) for leaf in leaves])
    if isinstance(x, Traced):
        if trace is None:
            return primal(checked(x))
        if x.tape is trace:
            return checked(x).value
        refuse_ended(x, "the function returned, as its auxiliary result,")
    return x


def refuse_ended(x: Any, what: str) -> None:
    """Refuse a traced value whose transformation has ended, wherever it turns up again."""
    while isinstance(x, Traced):
        if isinstance(x.tape, (ClosedTape, ClosedForward)):
            x.tape.record(x, (), what)  # raises
        x = x.value
