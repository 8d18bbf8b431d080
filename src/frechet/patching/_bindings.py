"""Names in loaded modules, bound to other objects: numpy.array, and every `from numpy import array` too."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import ModuleType
from typing import Any


def rebind(pairs: Iterable[tuple[Any, Any]]) -> None:
    """Bind every global name of a loaded module that is bound to the first of a pair to the second.

    Modules of frechet are left as they are: their rules call the functions themselves.  What is bound inside
    functions and classes, as a default argument, in a container or in compiled code is not found.
    """
    new = {id(old): (old, replacement) for old, replacement in pairs}
    for module in list(sys.modules.values()):
        if not isinstance(module, ModuleType):
            continue
        # Past the module's own __getattribute__, which in modules that load late would load them now.
        names: dict[str, Any] = object.__getattribute__(module, "__dict__")
        if str(names.get("__name__")).partition(".")[0] == "frechet":
            continue
        for name, value in list(names.items()):
            found = new.get(id(value))
            if found is not None and found[0] is value:
                names[name] = found[1]


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
