"""Full garbage collections wait while a long tape is in use.

A tape is many small objects, none of them garbage.  Python's collector looks through all of them again
whenever their number has grown by a quarter: a quarter of the time of a loop of 20,000 steps.  So collections
of the oldest generation are put off from when the first tape gets long to when the last such is done, in all
threads; the younger generations, which hold what a program leaves behind as it goes, are collected as always.
"""

from __future__ import annotations

import gc
import threading

LONG = 1000  # the number of steps from which on a tape is long
_NEVER = 2**30


class _FullCollectionsWait:
    """A context manager that nests and may be entered by several threads at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entered = 0
        self._threshold = 0

    def enter(self) -> None:
        """Put off collections of the oldest generation."""
        with self._lock:
            self._entered += 1
            if self._entered == 1:
                first, second, self._threshold = gc.get_threshold()
                gc.set_threshold(first, second, _NEVER)

    def leave(self) -> None:
        """Let them happen again, if nobody else has put them off."""
        with self._lock:
            self._entered -= 1
            if self._entered == 0:
                first, second, third = gc.get_threshold()
                if third == _NEVER:  # unless the program has set thresholds of its own meanwhile
                    gc.set_threshold(first, second, self._threshold)

    def __enter__(self) -> None:
        self.enter()

    def __exit__(self, *exc: object) -> None:
        self.leave()


full_collections_wait = _FullCollectionsWait()
