"""The traced array: a value that remembers where it came from.

It is a duck, not an ndarray subclass: NumPy hands every function call on it to ``__array_function__`` and
``__array_ufunc__`` (see dispatch), and whatever NumPy does not hand over fails loudly (see guards).  Traces
nest: the value of a traced array may itself be a traced array of an outer transformation.

The class holds the slots; operators, methods, indexing and protocols are put on it by the modules that
explain them.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from ..errors import InPlaceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np


class Traced:
    """A value of a function under differentiation.  Behaves like the array or number that it stands for."""

    __slots__ = ("__weakref__", "node", "tape", "value", "version")

    value: Any  # the array or number, or the traced array of an outer transformation
    tape: Any  # whose derivative is being computed: a Tape or a Forward
    node: Any  # where the derivative is: an index into the tape, or the tangent
    version: list[int]  # how many in-place changes there were, shared with the views; unset before either

    if TYPE_CHECKING:  # of what is put on the class (see __init__), the part that other modules use
        dtype: np.dtype[Any]

        def __array__(self) -> np.ndarray: ...
        def __getitem__(self, index: Any) -> Any: ...
        def __setitem__(self, index: Any, v: Any) -> None: ...
        def __iter__(self) -> Iterator[Any]: ...
        def __len__(self) -> int: ...
        def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any: ...
        def astype(self, dtype: Any) -> Traced: ...

    def __init__(self, value: Any, tape: Any, node: Any) -> None:
        self.value = value
        self.tape = tape
        self.node = node


class View(Traced):
    """A traced array that shares, or would share, memory with another one; stale once that has been changed.

    Every use passes through `checked`.
    """

    __slots__ = ("_owner", "changes", "index", "seen")

    index: Any  # owner[index] where the view was made by basic indexing; else None
    changes: list[int]  # the owner's version, which outlives the owner
    seen: int  # what it was when the view was taken

    def __init__(self, value: Any, tape: Any, node: Any, owner: Traced, index: Any) -> None:
        Traced.__init__(self, value, tape, node)
        # An array is referred to weakly, to let it be changed in place; a view in between is kept.
        self._owner: Any = owner if type(owner) is View else weakref.ref(owner)
        self.index = index
        self.changes = changes(owner)
        self.seen = self.changes[0]

    @property
    def owner(self) -> Traced | None:
        """The array or view that this is a view of, None where it is gone."""
        owner: Traced | None = self._owner if type(self._owner) is View else self._owner()
        return owner


READ_ONLY = -1  # the version of an argument of a differentiated function: it must not be changed in place


def changes(x: Traced) -> list[int]:
    """The counter of the in-place changes made to x."""
    try:
        return x.version
    except AttributeError:
        x.version = [0]
        return x.version


def version(x: Traced) -> int:
    """The number of in-place changes made to x."""
    return x.version[0] if hasattr(x, "version") else 0


def checked(x: Traced) -> Traced:
    """x itself, unless it is a view of an array that has been changed since."""
    view: Any = x
    while type(view) is View:
        if view.changes[0] != view.seen:
            raise InPlaceError(
                "a view of a traced array was used after that array had been changed in place; under NumPy "
                "the view would show the change. Take the view after the change, or a copy: x[...].copy()"
            )
        view = view._owner  # another view, or a reference
    return x
