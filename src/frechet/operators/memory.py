"""Derivatives that are kept for a while, for frameworks that ask for value and derivative in separate calls.

A compiled program of JAX calls back for the value, and later, with nothing but arrays, for the pullback.  The
derivative that was made with the value is then found again by the values of its arguments: comparing them
reads them once, where making it anew would repeat the function.
"""

from __future__ import annotations

import threading
from collections import deque

import numpy as np

from ..linear_map import Array
from .operator import Arrays, Derivative, Indices, Operator

# How many are kept, of all operators together: each keeps what its rules need of the values.
KEPT = 8

_Entry = tuple[Operator, list[np.ndarray], Derivative]
_entries: deque[_Entry] = deque(maxlen=KEPT)
_lock = threading.Lock()


class Remembering(Operator):
    """An operator whose calls keep the derivative in some arguments for later calls.

    Without ``results``, it is the derivative of all results that have one.
    """

    def __init__(self, base: Operator, arguments: Indices, results: Indices | None = None) -> None:
        self.base, self.arguments, self.results = base, arguments, results
        self.key = (base, arguments, results)
        self.name, self.linear = base.name, base.linear
        self.trace, self.outlines = base.trace, base.outlines  # type: ignore[method-assign]  # the same
        self.transposed = base.transposed  # type: ignore[method-assign]  # likewise

    def __call__(self, *arrays: Array) -> list[np.ndarray]:
        value, derivative = self.base.linearize(arrays, self.arguments, self.results)
        kept = [a.copy() for a in arrays]  # the framework may use their memory for something else
        with _lock:
            _entries.append((self.base, kept, derivative))
        return value


def find(operator: Operator, arrays: Arrays, arguments: Indices, results: Indices) -> Derivative | None:
    """The derivative of an operator at these arrays, if it is remembered."""
    if not _entries:
        return None
    with _lock:
        entries = list(_entries)
    for base, kept, derivative in reversed(entries):
        if base == operator and _same(kept, arrays):
            found = derivative.of(arguments, results)
            if found is not None:
                return found
    return None


def forget() -> None:
    """Let go of all that is remembered."""
    with _lock:
        _entries.clear()


def _same(kept: list[np.ndarray], arrays: Arrays) -> bool:
    """Whether the arrays agree bit by bit, so that nan equals nan and 0.0 differs from -0.0."""
    return len(kept) == len(arrays) and all(
        a.shape == b.shape and a.dtype == b.dtype and _bits(a) == _bits(b)
        for a, b in zip(kept, arrays, strict=True)
    )


def _bits(a: np.ndarray) -> memoryview:
    return np.ascontiguousarray(a).reshape(-1).view(np.uint8).data
