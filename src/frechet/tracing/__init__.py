"""The engine: traced arrays, NumPy's dispatch, the two directions of differentiation; no mathematics."""

from __future__ import annotations

from . import dispatch, indexing, methods, operators
from .trace import Forward, Tape
from .traced import READ_ONLY, Traced, View

_PROTOCOLS = {
    "__getitem__": indexing.getitem,
    "__setitem__": indexing.setitem,
    "__array_ufunc__": dispatch.array_ufunc,
    "__array_function__": dispatch.array_function,
    "__array_priority__": 1000.0,
}
for _name, _method in (operators.methods() | methods.methods() | _PROTOCOLS).items():
    setattr(Traced, _name, _method)

__all__ = ["READ_ONLY", "Forward", "Tape", "Traced", "View"]
