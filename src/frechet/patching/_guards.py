"""What traced arrays may do while the patch is on: constants of a trace pass where plain arrays do.

Without the patch every conversion of a traced array to a plain array or number is refused.  With it, arrays
that a program makes are traced, so that they take traced values; those that hold none are converted as they
were before, to copies that cannot be written to: what is written to a copy would be lost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import array as plain_array  # the function itself, whatever stands in its place later

from ..rule import primal
from ..tracing import Traced
from ..tracing.creation import plain_values
from ..tracing.methods import GUARDS
from ._bindings import Attributes
from ._running import varies


def _passes_constants(name: str, guard: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Traced, *args: Any, **kwargs: Any) -> Any:
        if varies(self):
            return guard(self, *args, **kwargs)
        value = plain_values(self)
        if isinstance(value, np.ndarray):
            value = value.copy()
            value.flags.writeable = False
        return getattr(value, name)(*args, **kwargs)

    return method


def _array(guard: Callable[..., Any]) -> Callable[..., Any]:
    def __array__(self: Traced, dtype: Any = None, copy: bool | None = None) -> Any:
        if varies(self):
            return guard(self, dtype, copy)
        value = plain_array(plain_values(self), dtype)
        if not copy:
            value.flags.writeable = False
        return value

    return __array__


def _deepcopy(self: Traced, memo: dict[int, Any]) -> Any:
    """copy.deepcopy: an array is copied, a number stays itself."""
    return np.copy(self) if isinstance(primal(self), np.ndarray) else self


def _hash(self: Traced) -> int:
    """A constant number is found in a table by its value, as a plain one is."""
    if isinstance(primal(self), np.ndarray) or varies(self):
        return object.__hash__(self)
    return hash(plain_values(self))


def replace_guards(attributes: Attributes) -> None:
    """Put these methods on the class of traced arrays."""
    for name, guard in {**GUARDS, "__bool__": vars(Traced)["__bool__"]}.items():
        if name not in _SPECIAL:
            attributes.replace(Traced, name, _passes_constants(name, guard))
    attributes.replace(Traced, "__array__", _array(GUARDS["__array__"]))
    attributes.replace(Traced, "__deepcopy__", _deepcopy)
    attributes.replace(Traced, "__hash__", _hash)


# Those above, and methods that change the array itself, which a copy cannot stand for.
_SPECIAL = ("__array__", "__reduce__", "resize", "setfield")
