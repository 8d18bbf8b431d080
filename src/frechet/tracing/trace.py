"""What becomes of the linear maps that rules give: kept on a tape, or applied to tangents at once.

Both kinds of trace have the same interface.  `node` takes the edges (parent node, linear map) of a new value;
`record` makes the traced array for it.  Levels number the transformations in the order in which they start,
so that of two traces the inner one has the higher level; there is no stack of active traces, which makes
tracing thread-safe.
"""

from __future__ import annotations

import itertools
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from ..errors import InPlaceError, NotDifferentiableError, RuleError, SpaceError, TraceEndedError
from ..linear_map import Array, LinearMap
from ..rule import function_name, primal
from ..space import ArraySpace, Space, space
from .collector import LONG, full_collections_wait
from .traced import Traced, View

_levels = itertools.count(1)
_new = object.__new__  # the hottest constructor; calling the class costs twice as much
Edges = tuple[tuple[Any, LinearMap], ...]

# Plain arrays that maps keep are read-only meanwhile: how many tapes have locked each, by id.
_locks: dict[int, int] = {}
_unlocked: list[np.ndarray] = []  # views that are to be writeable again once what they are a view of is
_locks_lock = threading.Lock()
_SMALL = 16384  # bytes that are copied as fast as they are locked


def _unlockable(a: np.ndarray | None) -> bool:
    """Whether NumPy lets an array, and those that it is a view of, be made writeable again once they are not.

    It does not where the memory belongs to something read-only, although the array is writeable: unpickled
    arrays lie in a bytes object.
    """
    with _locks_lock:
        while isinstance(a, np.ndarray) and a.base is not None and a.flags.writeable:
            try:
                a.flags.writeable = True  # as it is; NumPy makes the same check as later
            except ValueError:
                return False
            a = a.base
    return True


class Outputs(Space):
    """The space of the results of a function that returns several."""

    __slots__ = ("spaces",)

    def __init__(self, spaces: tuple[Space, ...]) -> None:
        self.spaces = spaces

    def contains(self, g: Any, stack: tuple[int, ...] = ()) -> bool:
        return True  # each result is checked where it is selected

    def zeros(self, stack: tuple[int, ...] = ()) -> Any:
        return [s.zeros(stack) for s in self.spaces]


class Select(LinearMap):
    """The result number k out of several."""

    __slots__ = ("k",)
    accumulates = True  # into the list of the cotangents of all results

    def __init__(self, k: int) -> None:
        self.k = k

    def push(self, v: Any) -> Array:
        return v[self.k]


class Clear(LinearMap):
    """What an assignment y[index] = v keeps of y: all but the entries at index."""

    __slots__ = ("index",)
    accumulates = True

    def __init__(self, index: Any) -> None:
        self.index = index


# Spaces that depend on the type alone.
SCALAR_SPACES: dict[type, Space] = {
    type(x): space(x) for x in (1.0, 1j, np.float64(1), np.float32(1), np.complex128(1), np.complex64(1))
}


# Spaces of arrays that occurred, by shape and dtype: programs meet the same few again and again.
_array_spaces: dict[Any, Space] = {}


def array_space(shape: tuple[int, ...], dtype: Any) -> Space:
    """The space of arrays of a shape and a dtype."""
    space = _array_spaces.get((shape, dtype))
    if space is None:
        if len(_array_spaces) >= 1000:
            _array_spaces.clear()
        # With NumPy's own object for the dtype: spaces ask for identity, and another may be equal to it.
        space = _array_spaces[shape, dtype] = ArraySpace(shape, np.dtype(dtype.str))
    return space


def space_of(value: Any) -> Space:
    """The space of a value that a rule produced."""
    kind = type(value)
    if kind is np.ndarray and value.dtype.kind in "fc":
        return array_space(value.shape, value.dtype)
    return SCALAR_SPACES.get(kind) or space(primal(value))


class Tape:
    """Keeps the linear maps of every step, so that the derivative can be applied later, both ways."""

    __slots__ = ("level", "locked", "nodes", "outlives", "refusal", "samples", "waits")

    def __init__(self, outlives: bool = False) -> None:
        self.level = next(_levels)
        self.nodes: list[tuple[Space, Edges, Any]] = []
        self.outlives = outlives  # whether the maps are used after the transformation has returned
        self.samples: list[tuple[np.ndarray, bytes]] = []  # of the locked arrays that maps keep
        self.waits = False  # whether full garbage collections are put off for this tape
        self.locked: dict[int, np.ndarray] = {}
        self.refusal: Exception | None = None  # the last CoercionError, which C code may swallow

    def run(self, function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
        """Call the function under differentiation; fr.patch puts a method here that knows what is running."""
        return function(*arguments)

    def record(self, value: Array, edges: Edges, rule: Any) -> Traced:
        """A traced array for a value, whose tangent is the sum of map(parent's tangent) over the edges."""
        nodes = self.nodes
        kind = type(value)
        if kind is np.ndarray:
            key = (value.shape, value.dtype)
            space = _array_spaces.get(key)
            if space is None:
                space = array_space(*key)
        else:
            space = SCALAR_SPACES.get(kind) or space_of(value)
        x = _new(Traced)
        x.value = value
        x.tape = self
        x.node = len(nodes)
        nodes.append((space, edges, rule))
        if x.node == LONG:
            full_collections_wait.enter()
            self.waits = True
        return x

    def node(self, space: Space, edges: Edges, rule: Any) -> int:
        """A step without a value of its own."""
        self.nodes.append((space, edges, rule))
        return len(self.nodes) - 1

    def assign(self, x: Traced, edges: Edges, rule: Any) -> int:
        """The node of x after an assignment; the last edge is from the node before it, by a Clear."""
        return self.node(self.nodes[x.node][0], edges, rule)

    def hold(self, a: np.ndarray) -> np.ndarray:
        """A plain argument of a rule, made safe to be kept by its maps: the program may write to it later.

        Small arrays are copied, and what could not be unlocked again, and everything where the maps outlive
        the transformation.  A large array is locked (see `lock`) once a map is seen to keep it; then it is
        returned as it is.
        """
        if not a.flags.writeable and id(a) not in _locks:
            return a
        if self.outlives or a.nbytes <= _SMALL or (a.base is not None and not _unlockable(a)):
            return copied(a)
        return a

    def lock(self, a: np.ndarray | None) -> None:
        """Make an array, and those that it is a view of, read-only until the derivative has been applied."""
        if a is not None and id(a) not in self.locked and (a.flags.writeable or id(a) in _locks):
            self.samples.append((a, sample(a)))
        while isinstance(a, np.ndarray) and id(a) not in self.locked:
            with _locks_lock:
                if a.flags.writeable:
                    a.flags.writeable = False
                    _locks[id(a)] = 1
                elif id(a) in _locks:  # by an outer transformation, or another thread
                    _locks[id(a)] += 1
                else:
                    return
            self.locked[id(a)] = a
            a = a.base

    def check_locked(self) -> None:
        """Raise if a locked array has been changed all the same, through a view that was taken before.

        NumPy cannot lock such views.  A sample of the entries is compared: it shows a buffer that is filled
        anew.
        """
        if any(sample(a) != before for a, before in self.samples):
            raise InPlaceError(
                "a plain array was changed, through a view taken earlier, after it had been combined with a "
                "traced one and before the derivative was computed, which needs its values. Make a new array "
                "in each step instead of reusing one as a buffer, or combine with a copy: x * buffer.copy()"
            )

    def release(self) -> None:
        """Unlock what was locked."""
        self.samples = []
        if not self.locked:
            return
        with _locks_lock:
            for a in self.locked.values():
                _locks[id(a)] -= 1
                if _locks[id(a)] == 0:
                    del _locks[id(a)]
                    _unlocked.append(a)
            # A view cannot be unlocked before what it is a view of, which another tape may hold.
            _unlocked.sort(key=lambda a: isinstance(a.base, np.ndarray))
            waiting = []
            for a in _unlocked:
                if isinstance(a.base, np.ndarray) and id(a.base) in _locks:
                    waiting.append(a)
                else:
                    a.flags.writeable = True
            _unlocked[:] = waiting
        self.locked = {}

    def close(self) -> None:
        """End the trace: from now on its traced arrays raise TraceEndedError."""
        if self.waits:
            full_collections_wait.leave()
        self.nodes = []
        self.__class__ = ClosedTape


class Forward:
    """Applies the linear maps to the tangents at once and keeps nothing."""

    __slots__ = ("level", "refusal")

    def __init__(self) -> None:
        self.level = next(_levels)
        self.refusal: Exception | None = None

    def run(self, function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
        """The same as for a Tape."""
        return function(*arguments)

    def hold(self, a: np.ndarray) -> np.ndarray:
        """Nothing is kept, so nothing needs protection."""
        return a

    def lock(self, a: np.ndarray) -> None:
        """The same."""

    def record(self, value: Array, edges: Edges, rule: Any) -> Traced:
        """A traced array for a value and its tangent."""
        return Traced(value, self, self.node(space_of(value), edges, rule))

    def node(self, space: Space, edges: Edges, rule: Any) -> Array:
        """The tangent of a step, None where it is zero."""
        tangent = None
        for parent, m in edges:
            if parent is not None:
                tangent = add(tangent, m.push(parent))
        if tangent is not None and not space.contains(tangent):
            tangent = project(space, tangent, (), rule)
        return tangent

    def assign(self, x: Traced, edges: Edges, rule: Any) -> Array:
        """The tangent of x after an assignment, changed in place where nothing else refers to it."""
        *sources, last = edges
        clear: Any = last[1]
        written = [tangent for tangent, _ in sources if tangent is not None]
        if x.node is None and not written:
            return None
        if x.node is None:
            x.node = space_of(x.value).zeros()
        elif sys.getrefcount(x.node) > ALONE + 1 or is_viewed(x.node):  # the edge refers to it, too
            x.node = np.copy(x.node)
        for tangent in written:
            if outranks(tangent, x.node):
                x.node = like(tangent, x.node)
        x.node[clear.index] = written[0] if written else 0
        return x.node

    def close(self) -> None:
        """End the trace."""
        self.__class__ = ClosedForward


class _Closed:
    __slots__ = ()

    def record(self, value: Array, edges: Edges, rule: Any) -> NoReturn:
        raise TraceEndedError(
            f"{rule_name(rule)} got a traced value whose transformation (grad, vjp, jvp, …) has already "
            "ended. It was probably stored outside the differentiated function. Return it from the function "
            "(has_aux=True gives it back as a plain value), or store fr.stop_gradient(x) instead"
        )

    def node(self, space: Space, edges: Edges, rule: Any) -> NoReturn:
        self.record(None, edges, rule)

    def assign(self, x: Traced, edges: Edges, rule: Any) -> NoReturn:
        self.record(None, edges, rule)


class ClosedTape(_Closed, Tape):
    """A tape whose transformation has ended."""

    __slots__ = ()


class ClosedForward(_Closed, Forward):
    """A forward trace whose transformation has ended."""

    __slots__ = ()


_probe = Traced(np.zeros(1), None, np.zeros(1))
# What sys.getrefcount says of an attribute that nothing but its traced array refers to.  As in
# ndarray.resize, reference counts tell whether memory may be reused; where they overestimate, the price is a
# copy.
ALONE = sys.getrefcount(_probe.node)


def sample(a: np.ndarray) -> bytes:
    """Some hundred entries, evenly spaced."""
    return a.flat[:: max(1, a.size // 100)].tobytes()


def copied(a: np.ndarray) -> np.ndarray:
    """A copy in the memory order of a, contiguous only where a is: order="A" and order="K" ask for that."""
    if a.flags.c_contiguous or a.flags.f_contiguous:
        return a.copy(order="K")
    wider = np.empty_like(a, shape=tuple(n + 1 for n in a.shape), order="K", subok=False)
    copy: np.ndarray = wider[tuple(slice(n) for n in a.shape)]
    copy[...] = a
    return copy


def is_viewed(a: Any) -> bool:
    """Whether other arrays may show the memory of a, or a that of others."""
    if isinstance(a, Traced):
        return type(a) is View or weakref.getweakrefcount(a) > 0
    return a.base is not None


def outranks(x: Any, target: Any) -> bool:
    """Whether x carries a trace that the target does not, which must then be lifted to be written to."""
    if not isinstance(x, Traced):
        return False
    return not isinstance(target, Traced) or x.tape.level > target.tape.level


def add(a: Any, b: Any) -> Any:
    """The sum of two tangents, either of which may be None (zero) or a tuple (of several results)."""
    if a is None:
        return b
    if b is None:
        return a
    if type(a) is tuple or type(b) is tuple:
        return tuple(add(x, y) for x, y in zip(a, b, strict=True))
    return a + b


def like(x: Traced, value: Array) -> Array:
    """A copy of an array that is traced as x is, so that values of its kind can be written into it."""
    copy = np.zeros(value.shape, value.dtype, like=x)
    copy[...] = value
    return copy


def project(space: Space, g: Any, stack: tuple[int, ...], rule: Any) -> Any:
    """Carry what a rule produced onto the space where it belongs; errors name the rule."""
    try:
        projected = space.project(g, stack)
    except SpaceError as error:
        raise RuleError(
            f"the rule for {rule_name(rule)} gave a derivative of a wrong shape: {error}"
        ) from None
    logging = sys.modules.get("logging")  # nobody listens where nobody has imported it
    if logging is not None and (log := logging.getLogger("frechet")).isEnabledFor(logging.DEBUG):
        kind = getattr(g, "dtype", type(g).__name__)
        if kind != space.dtype:
            log.debug(
                "the rule for %s gave %s where %r was due; it was projected", rule_name(rule), kind, space
            )
    return projected


def rule_name(rule: Any) -> str:
    """The name of a rule (or of whatever stands for one) in messages."""
    return getattr(rule, "name", None) or (function_name(rule) if callable(rule) else str(rule))


def refuse_kind(x: Any) -> None:
    """Refuse arrays with arithmetic of their own beside traced ones: matrices, masked arrays, objects."""
    if isinstance(x, np.ndarray) and (type(x) is not np.ndarray or x.dtype.kind == "O"):
        what = "an array of dtype object" if type(x) is np.ndarray else f"a {type(x).__name__}"
        raise NotDifferentiableError(
            f"{what} was used together with a traced array. Its arithmetic is not that of plain arrays, "
            "which is what the rules are for: convert it first (np.asarray(x), masked.filled(...), "
            "x.astype(float))"
        )


def refuse_inner_value(target: Traced, source: Traced) -> None:
    """Refuse to write a value of an inner transformation into an array of an outer one."""
    if source.tape.level > target.tape.level:
        raise InPlaceError(
            "a value of an inner transformation was assigned into an array made outside it; make the array "
            "inside the differentiated function, for example with np.zeros_like(x) or np.zeros(n, like=x)"
        )
