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
        self.transposed, self.directions = base.transposed, base.directions  # type: ignore[method-assign]  # likewise
        self.summed = base.summed  # type: ignore[method-assign]  # likewise

    def __call__(self, *arrays: Array) -> list[np.ndarray]:
        # The framework may use their memory for something else, where they are not their own owners.
        kept = [a if _is_constant(a) else read_only(a.copy()) for a in arrays]
        value, derivative = self.base.linearize(kept, self.arguments, self.results)
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


def keep(number: int) -> None:
    """How many derivatives are remembered from now on, of all operators together; 8 by default.

    Each keeps the arrays that its rules need.  A program that needs more, such as a loop whose steps are
    differentiated one after the other, is right with fewer, but runs the functions again.

    Parameters
    ----------
    number : int
        0 for none.

    Examples
    --------
    >>> keep(100)
    >>> keep(8)
    """
    global _entries  # noqa: PLW0603  # a deque has its length for life
    with _lock:
        _entries = deque(_entries, maxlen=number)


def forget() -> None:
    """Let go of all derivatives that are remembered.

    Examples
    --------
    >>> forget()
    """
    with _lock:
        _entries.clear()


def read_only(a: np.ndarray) -> np.ndarray:
    """An array, locked."""
    a.flags.writeable = False
    return a


def _is_constant(a: np.ndarray) -> bool:
    """Whether nobody can change an array: it owns its memory, and is read-only."""
    return a.base is None and a.flags.owndata and not a.flags.writeable


def _same(kept: list[np.ndarray], arrays: Arrays) -> bool:
    """Whether the arrays agree bit by bit, so that nan equals nan and 0.0 differs from -0.0."""
    return len(kept) == len(arrays) and all(map(_equal, kept, arrays))


def _equal(a: np.ndarray, b: np.ndarray) -> bool:
    if a is b:
        return True
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.nbytes <= _SMALL:
        return a.tobytes() == b.tobytes()
    return np.array_equal(_bits(a), _bits(b))


_SMALL = 1024  # bytes, from which on comparing words is faster than copying both


def _bits(a: np.ndarray) -> np.ndarray:
    """The memory as integers, by words where that goes."""
    flat = np.ascontiguousarray(a).reshape(-1)
    return flat.view(np.uint64 if a.nbytes % 8 == 0 else np.uint8)
