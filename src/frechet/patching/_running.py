"""Which traces are running in which thread, and what depends on what they differentiate.

Inside a differentiated function `np.zeros(3)` is to give an array that takes traced values.  For that the
patch must know the trace under which the function runs.  The engine keeps no such record; while the patch is
on, the method `run` of its traces is the one below, which does.  A thread has its own entry, so that a trace
in one thread never shows in another.

An array made in this way is a constant of the trace, until something traced is written into it.  Constants
are as good as plain arrays: they may go to compiled code, to `float` and `int`.  `varies` tells the two apart
by following the recorded steps back to the arguments.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

from ..rule import carriers
from ..tracing import Forward, Traced, View

Trace = Any  # a Tape or a Forward


class Run:
    """A trace whose function is running, and the one around it in the same thread."""

    __slots__ = ("known", "outer", "trace")

    def __init__(self, trace: Trace, outer: Run | None) -> None:
        self.trace = trace
        self.outer = outer
        # Of the nodes of a tape that were asked about: whether they vary.  At first there are the arguments.
        self.known = {} if isinstance(trace, Forward) else dict.fromkeys(range(len(trace.nodes)), True)


running: dict[int, Run] = {}  # the innermost by thread; empty where nothing is differentiated anywhere
_by_level: dict[int, Run] = {}


def run(self: Trace, function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
    """Call the function under differentiation, in the place of the engine's own `run`."""
    thread = threading.get_ident()
    outer = running.get(thread)
    running[thread] = _by_level[self.level] = Run(self, outer)
    try:
        return function(*arguments)
    finally:
        del _by_level[self.level]
        if outer is None:
            del running[thread]
        else:
            running[thread] = outer


def varies(x: Traced) -> bool:
    """Whether a traced value depends on an argument of a transformation; if not, it is a constant."""
    value: Any = x
    while type(value) is Traced or type(value) is View:
        entry = _by_level.get(value.tape.level)
        if entry is None:  # of a transformation that has ended, or that began before the patch
            return True
        if isinstance(value.tape, Forward):
            if value.node is not None:
                return True
        elif _node_varies(value.tape.nodes, value.node, entry.known):
            return True
        value = value.value
    return type(value) in carriers


def _node_varies(nodes: list[Any], node: int, known: dict[int, bool]) -> bool:
    """Whether a step of a tape has an argument among those that it came from; each is looked at once."""
    found = known.get(node)
    if found is not None:
        return found
    stack = [node]
    while stack:
        step = stack[-1]
        parents = [parent for parent, _ in nodes[step][1]]
        if any(known.get(parent) for parent in parents):
            known[step] = True
        elif unknown := [parent for parent in parents if parent not in known]:
            stack.extend(unknown)
            continue
        else:
            known.setdefault(step, False)
        stack.pop()
    return known[node]


# --- for whom an array is made ------------------------------------------------------------------------------

_LIBRARIES = ("numpy", "scipy")
# Modules of ours that call the function under differentiation; all others call rules and their parts.
_CALLERS = ("transforms", "optimize", "operators", "patching", "testing")


# Modules of SciPy in plain Python, which fill arrays that they make with values of the user's functions.
_PYTHON_ONLY = ("scipy.integrate._ivp",)


def in_library(frame: FrameType) -> bool:
    """Whether a frame belongs to NumPy or SciPy, whose arrays go to compiled code."""
    name = _name(frame)
    return name.partition(".")[0] in _LIBRARIES and not name.startswith(_PYTHON_ONLY)


def trace_for(frame: FrameType | None) -> Trace | None:
    """The trace under which new arrays are to be made for the code of a frame, None for plain arrays.

    NumPy and SciPy fill their own arrays by compiled code.  Rules work on plain values, also those that a
    user wrote, which the engine calls.
    """
    entry = running.get(threading.get_ident())
    if entry is None or frame is None or in_library(frame) or _name(frame).partition(".")[0] == "frechet":
        return None
    while frame is not None:
        package = _name(frame).split(".", 2)
        if package[0] == "frechet":
            if frame.f_code is run.__code__:
                return entry.trace
            if len(package) < 2 or package[1] not in _CALLERS:
                return None
        frame = frame.f_back
    return None


def _name(frame: FrameType) -> str:
    """The module that a frame's code belongs to."""
    return frame.f_globals.get("__name__") or ""
