"""Who calls a function: Python code that names it, or something else.

Compiled code calls np.empty too, and writes into the memory of what it gets without asking what it is.  It
has no frame of its own: the frame that a Python function finds above itself is then that of the Python code
which called the compiled one.  The two cases differ in what that frame is calling: its current instruction is
a call, and the instructions that begin at the same place of the source name what is called.

    a = np.zeros(3)                the call, `np` and `.zeros` begin at one place: np.zeros is called
    a = rng.normal(np.ones(3))     during the outer call it is rng.normal that is called, whatever it calls
"""

from __future__ import annotations

import dis
from types import CodeType, FrameType, ModuleType
from typing import Any, NamedTuple


class Path(NamedTuple):
    """A called name with its attributes: np.zeros is ("np", ("zeros",))."""

    name: str
    attributes: tuple[str, ...]
    is_local: bool


# By code object (its id, and itself to be sure) and position in it.
_paths: dict[tuple[int, int], tuple[CodeType, Path | None]] = {}
_MOST_PATHS = 10_000
# Instructions that may stand where the called name does and have no part in it.
_BESIDE = frozenset(("PUSH_NULL", "COPY_FREE_VARS", "CACHE", "NOP", "EXTENDED_ARG", "KW_NAMES", "PRECALL"))


def is_called_by(function: Any, frame: FrameType) -> bool:
    """Whether the code of a frame is just calling the function, by a name that it has for it."""
    code = frame.f_code
    key = id(code), frame.f_lasti
    entry = _paths.get(key)
    if entry is None or entry[0] is not code:
        if len(_paths) >= _MOST_PATHS:
            _paths.clear()
        entry = _paths[key] = code, _called(code, frame.f_lasti)
    path = entry[1]
    if path is None:
        return False
    found = frame.f_locals.get(path.name) if path.is_local else None
    if found is None:  # at the level of a module and of a class, names are looked up in both
        found = frame.f_globals.get(path.name)
    for attribute in path.attributes:
        if isinstance(found, ModuleType):
            found = getattr(found, attribute, None)
        else:  # without running code of the object's
            found = getattr(found, "__dict__", {}).get(attribute)
    return found is function


def _called(code: CodeType, position: int) -> Path | None:
    """What the call at a position of some code calls, where that is a name with attributes."""
    # The position may be that of the instruction, or lie within the cache that follows it.
    *before, call = [i for i in dis.get_instructions(code) if i.offset <= position]
    where = call.positions
    if not call.opname.startswith("CALL") or where is None or where.lineno is None:
        return None
    start = where.lineno, where.col_offset
    whole = (*start, where.end_lineno, where.end_col_offset)
    names: list[Any] = []
    for instruction in before:
        at = instruction.positions
        if at is None or (at.lineno, at.col_offset) != start:
            continue
        if (at.lineno, at.col_offset, at.end_lineno, at.end_col_offset) == whole:
            continue  # belongs to the call itself
        if instruction.opname.startswith("LOAD_"):
            names.append(instruction)
        elif instruction.opname not in _BESIDE:
            return None  # part of an expression, whose value is called
    if not names or any(not isinstance(n.argval, str) for n in names):
        return None
    first, *rest = names
    if any(n.opname not in ("LOAD_ATTR", "LOAD_METHOD") for n in rest):
        return None
    is_local = first.opname.startswith(("LOAD_FAST", "LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_NAME"))
    if not is_local and first.opname != "LOAD_GLOBAL":
        return None
    return Path(first.argval, tuple(n.argval for n in rest), is_local)
