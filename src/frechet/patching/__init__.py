"""fr.patch: whole programs differentiated as they are, also where NumPy does not ask traced arrays."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Callable
from types import CodeType, FrameType, TracebackType
from typing import Any

from ..rule import load_chapters, table
from ..tracing import Forward, Tape
from . import _guards, _math, _numpy, _running, _scipy
from ._bindings import Attributes, rebind, register
from ._scipy import RUN

__all__ = ["RUN", "Patch", "patch"]

_lock = threading.RLock()
_active: list[Patch] = []
_attributes = Attributes()
# Functions of NumPy, SciPy and math, each with what stands for it while the patch is on.  No dictionary, in
# which `rebind` would find them.
_pairs: list[tuple[Callable[..., Any], Callable[..., Any]]] = []
_UNPATCHED_RUN: CodeType = Tape.run.__code__


class Patch:
    """What `patch` returns: a context manager with a method that ends the patch."""

    @property
    def active(self) -> bool:
        """Whether this patch is on."""
        return any(p is self for p in _active)

    def undo(self) -> None:
        """End this patch; a second call does nothing.

        The functions are back, in every module, when all patches have ended.
        """
        with _lock:
            if not self.active:
                return
            _active[:] = [p for p in _active if p is not self]
            if not _active:
                back = [(ours, original) for original, ours in _pairs]
                register(back, keep=False)
                rebind(back)
                _attributes.restore()

    def __enter__(self) -> Patch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.undo()

    def __repr__(self) -> str:
        return f"<fr.patch, {'on' if self.active else 'ended'}>"


def patch() -> Patch:
    """Let programs that were written without differentiation in mind be differentiated as they are.

    While the patch is on, NumPy's creators (np.array, np.zeros and so on), the functions of scipy.linalg and
    others of SciPy, and those of math take traced values, and arrays that a differentiated function makes
    take traced values into themselves.  With nothing traced all these functions do what they always do.

    Returns
    -------
    Patch
        ``with fr.patch(): …`` ends the patch with the block, ``p = fr.patch()`` at ``p.undo()``, or with the
        program.  Patches may be nested and may overlap: the functions are back when all have ended.

    Raises
    ------
    RuntimeError
        Where it is called inside a function that is being differentiated: it would not know the arrays that
        exist already.

    Notes
    -----
    The patch holds for the whole process, in all threads.  It replaces the functions in every module that has
    them, those that were imported by name too.  What is bound in another way is not reached: default
    arguments, attributes of classes, entries of containers, and compiled code.

    The cost is one more call of Python for each call of a replaced function, and the imports of SciPy's
    modules for the first patch.

    Examples
    --------
    >>> import math
    >>> from frechet import grad
    >>> with patch():
    ...     grad(lambda x: math.exp(2 * x))(0.0)
    2.0
    """
    with _lock:
        if not _active:
            if _is_differentiating(sys._getframe()):
                raise RuntimeError(
                    "fr.patch was called inside a function that is being differentiated; call it before, "
                    "around fr.grad(f)(x) or at the beginning of the program"
                )
            if not _pairs:
                _load_rules()
                for chapter in (_numpy, _math, _scipy):
                    _pairs.extend(chapter.replacements().items())
                for original, ours in _pairs:
                    if original in table:  # NumPy looks functions up by name, for `like=`
                        table[ours] = table[original]
            try:
                for trace in (Tape, Forward):
                    _attributes.replace(trace, "run", _running.run)
                _guards.replace_guards(_attributes)
                _scipy.replace_methods(_attributes)
            except BaseException:
                _attributes.restore()
                raise
            register(_pairs, keep=True)
            rebind(_pairs)
        handle = Patch()
        _active.append(handle)
        return handle


def _load_rules() -> None:
    """Have all rules entered under the functions themselves, not under what will stand in their place."""
    for module in ("scipy.special", "frechet.structured", "frechet.sparse"):
        importlib.import_module(module)
    load_chapters(patch)  # a function that has no rule is looked for in every chapter


def _is_differentiating(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code is _UNPATCHED_RUN:
            return True
        frame = frame.f_back
    return False
