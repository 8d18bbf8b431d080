"""Names in loaded modules, bound to other objects: numpy.array, and every `from numpy import array` too."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from types import FrameType, ModuleType
from typing import Any

Pairs = Iterable[tuple[Any, Any]]


def rebind(pairs: Pairs) -> None:
    """Replace the first of each pair by the second in the global names of every loaded module.

    So in dictionaries that are bound to such names.  Modules of frechet are left as they are: their rules
    call the functions themselves.  What is bound elsewhere (inside functions, classes and other containers,
    as a default argument, in compiled code) is not found.
    """
    new = {id(old): (old, other) for old, other in pairs}
    for names in _dictionaries():
        for name, value in list(names.items()):
            found = new.get(id(value))
            if found is not None and found[0] is value:
                names[name] = found[1]


def register(pairs: Pairs, keep: bool) -> None:
    """Let the second of each pair be known in all tables and sets of modules that know the first.

    Such tables say what a function means to a class with NumPy's protocols, or what a function can do.
    Afterwards they know both if `keep`, else the second only.
    """
    new = {id(old): (old, other) for old, other in pairs}
    for table in (*_dictionaries(), *_of_type(set)):
        for key in list(table):
            found = new.get(id(key))
            if found is None or found[0] is not key:
                continue
            if isinstance(table, dict):
                table.setdefault(found[1], table[key] if keep else table.pop(key))
            else:
                table.add(found[1])
                if not keep:
                    table.discard(key)


def _dictionaries() -> Iterator[dict[Any, Any]]:
    """The names of every module but those of frechet, and dictionaries that they are bound to."""
    yield from _globals()
    yield from _of_type(dict)


def _of_type(kind: type) -> Iterator[Any]:
    seen = set()
    for names in _globals():
        for value in list(names.values()):
            if type(value) is kind and id(value) not in seen:
                seen.add(id(value))
                yield value


def _globals() -> Iterator[dict[str, Any]]:
    """The names of every loaded module, and of the code that is running, which may be in none."""
    namespaces = [
        # Past the module's own __getattribute__, which in modules that load late would load them now.
        object.__getattribute__(module, "__dict__")
        for module in list(sys.modules.values())
        if isinstance(module, ModuleType)
    ]
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        namespaces.append(frame.f_globals)
        frame = frame.f_back
    seen = set()
    for names in namespaces:
        if id(names) not in seen and str(names.get("__name__")).partition(".")[0] != "frechet":
            seen.add(id(names))
            yield names


class Attributes:
    """Attributes of classes, replaced for a while."""

    def __init__(self) -> None:
        self._before: list[tuple[type, str, Any]] = []

    def replace(self, owner: type, name: str, value: Any) -> None:
        """Set an attribute, and remember what was there."""
        self._before.append((owner, name, vars(owner).get(name, _ABSENT)))
        setattr(owner, name, value)

    def restore(self) -> None:
        """Put everything back."""
        while self._before:
            owner, name, value = self._before.pop()
            if value is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, value)


_ABSENT = object()
