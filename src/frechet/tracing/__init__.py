"""The engine: traced arrays, NumPy's dispatch, and the two directions of differentiation.  It knows no mathematics."""

from __future__ import annotations

from . import dispatch, indexing, methods, operators
from .trace import Forward, Tape
from .traced import READ_ONLY, Traced, View

for _name, _method in (operators.methods() | methods.methods()).items():
    setattr(Traced, _name, _method)
Traced.__getitem__ = indexing.getitem  # type: ignore[attr-defined]
Traced.__setitem__ = indexing.setitem  # type: ignore[attr-defined]
Traced.__array_ufunc__ = dispatch.array_ufunc  # type: ignore[attr-defined]
Traced.__array_function__ = dispatch.array_function  # type: ignore[attr-defined]
Traced.__array_priority__ = 1000.0  # type: ignore[attr-defined]

__all__ = ["READ_ONLY", "Forward", "Tape", "Traced", "View"]
