"""A call taken apart: the arrays in its arguments, and all the rest, which tells it from other calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax import tree_util

from ..errors import CoercionError
from ..guests import framework_of
from ..operators import Arrays
from ..rule import carriers
from ..tree import flatten, is_container
from ._arrays import canonical, checked_dtype


class Call:
    """All about the arguments of a call but the values of its arrays; it can be hashed and compared."""

    __slots__ = ("key", "parts", "treedef")

    def __init__(self, treedef: Any, parts: tuple[_Part, ...]) -> None:
        self.treedef, self.parts = treedef, parts
        self.key = treedef, parts

    def rebuild(self, arrays: Arrays) -> tuple[Sequence[Any], dict[str, Any]]:
        """The arguments and the keyword arguments, with these arrays in them."""
        given = iter(arrays)
        leaves = [next(given) if part is ARRAY else part.filled(given) for part in self.parts]
        args, kwargs = tree_util.tree_unflatten(self.treedef, leaves)
        return args, kwargs

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Call) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


class _Part:
    """What stands at a leaf of JAX's structure of the arguments: an array, as it is."""

    def filled(self, arrays: Any) -> Any:
        """The part with its arrays."""
        return next(arrays)


ARRAY = _Part()


class _Constant(_Part):
    """A number, a string, or any object; numbers are equal only if they agree bit by bit."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self.key: Any = value
        if isinstance(value, (float, complex)):
            self.key = repr(value)  # 0.0 is not -0.0, and nan is nan
        elif isinstance(value, (slice, frozenset)):  # of such numbers
            self.key = repr(value)
        else:
            try:
                hash(value)
            except TypeError:  # it is equal to itself only, and lives as long as this
                self.key = id(value)

    def filled(self, arrays: Any) -> Any:
        return self.value

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Constant) and type(self.value) is type(other.value) and self.key == other.key
        )

    def __hash__(self) -> int:
        return hash((type(self.value), self.key))


class _Container(_Part):
    """A container of Frechet's that JAX does not know: a dataclass, a sparse or a structured matrix."""

    def __init__(self, treedef: Any, parts: tuple[_Part, ...]) -> None:
        self.treedef, self.parts = treedef, parts

    def filled(self, arrays: Any) -> Any:
        return self.treedef.unflatten([part.filled(arrays) for part in self.parts])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Container) and self.treedef == other.treedef and self.parts == other.parts

    def __hash__(self) -> int:
        return hash((self.treedef, self.parts))


def taken_apart(leaves: Sequence[Any], treedef: Any, name: str) -> tuple[list[Any], Call]:
    """The arrays among the leaves of the arguments, and the call without them."""
    arrays: list[Any] = []
    return arrays, Call(treedef, tuple([_part(leaf, arrays, name) for leaf in leaves]))


def _part(leaf: Any, arrays: list[Any], name: str) -> _Part:
    """What stands at a leaf; arrays are added to the list."""
    if isinstance(leaf, jax.Array):
        checked_dtype(leaf.dtype, name)
        arrays.append(leaf)
        return ARRAY
    kind = type(leaf)
    if kind is np.ndarray or isinstance(leaf, np.inexact):
        if leaf.dtype.kind in "biufc":
            # A copy: a program that is compiled, or a derivative, uses it when it may have been changed.
            arrays.append(np.array(leaf, canonical(leaf.dtype)))
            return ARRAY
    elif kind in carriers:
        raise CoercionError(
            f"{name} was given a value that Frechet traces, where JAX evaluates the call. Inside fr.grad and "
            "its like use NumPy arrays, np.asarray(x) for a JAX array x; or differentiate with jax.grad"
        )
    elif framework_of(kind) == "PyTorch":
        raise CoercionError(
            f"{name} was given a {kind.__name__} of PyTorch beside an array of JAX, or inside a function for "
            "JAX. Convert one of them: jnp.asarray(x.detach()), or torch.from_dlpack(x)"
        )
    elif is_container(leaf):
        inner, treedef = flatten(leaf)
        return _Container(treedef, tuple([_part(x, arrays, name) for x in inner]))
    return _Constant(leaf)
