"""Containers of values, through optree (loaded when the first container is met)."""

from __future__ import annotations

import contextlib
import functools
import importlib
import sys
from collections.abc import Callable, Container, Iterator, Sequence
from typing import Any

import numpy as np

from .errors import SpaceError

_NAMESPACE = "frechet"
TreeDef = Any
# Types that are no containers, to be told quickly.  The engine enters its own here.
LEAVES = {float, int, complex, bool, str, type(None), np.ndarray, np.float64}
# Packages whose types one of ours makes containers, when the first of them is met.
_GUESTS = {"scipy.sparse": "frechet.sparse"}


def is_container(x: Any) -> bool:
    """Whether x is a dict, list, tuple (named too), dataclass, or of a type registered with optree."""
    kind = type(x)
    if kind in LEAVES:
        return False
    if isinstance(x, (dict, list, tuple)):
        return True
    if hasattr(kind, "__dataclass_fields__"):  # as dataclasses has it, whose import is slow
        return True
    receive(kind)
    return ("optree" in sys.modules and _is_registered(kind)) or kind.__module__ == "collections"


def receive(kind: type) -> Any:
    """The package of ours that is responsible for a type of another, which it has registered; or None.

    It is found by name, so that neither is imported before it is needed.
    """
    for package, ours in _GUESTS.items():
        if kind.__module__.startswith(package):
            return importlib.import_module(ours)
    return None


def _is_registered(kind: type) -> bool:
    import optree

    entry = optree.register_pytree_node.get(kind, namespace=_NAMESPACE)
    return entry is not None


def flatten(x: Any) -> tuple[list[Any], TreeDef]:
    """The leaves of a container and its structure; None is a leaf.

    Dataclasses are registered with optree when first seen.
    """
    if type(x) is tuple and LEAVES.issuperset(map(type, x)):  # several results, quickly
        return list(x), _tuple_of(len(x))
    import optree

    while True:
        leaves, treedef = optree.tree_flatten(x, none_is_leaf=True, namespace=_NAMESPACE)
        kinds = set(map(type, leaves)) - LEAVES
        if any(receive(kind) and _is_registered(kind) for kind in kinds):
            continue  # those of another package, which are containers from now on
        unknown = {kind for kind in kinds if hasattr(kind, "__dataclass_fields__")}
        if not unknown:
            for leaf in leaves:
                if isinstance(leaf, (dict, list, tuple)):
                    raise SpaceError(
                        f"{type(leaf).__name__}, a subclass of {type(leaf).__mro__[1].__name__}, is not "
                        "known as a container: register it with "
                        "optree.register_pytree_node_class(namespace='frechet'), or use a plain one"
                    )
            return leaves, treedef
        for kind in unknown:
            _register_dataclass(kind)


def node_types(treedef: TreeDef | None) -> Iterator[Any]:
    """The types of the containers in a structure; none for that of a single leaf."""
    if treedef is not None and treedef.type is not None:
        yield treedef.type
        for child in treedef.children():
            yield from node_types(child)


def same_structure(a: TreeDef, b: TreeDef) -> bool:
    """Whether two structures are equal, where what is traced counts as that which it stands for."""
    if a == b:
        return True
    if not any(receive(kind) for kind in (*node_types(a), *node_types(b))):
        return False  # nothing in them has a stand-in
    return bool(_stand_ins(a) == _stand_ins(b))


def _stand_ins(treedef: TreeDef) -> TreeDef:
    """A structure as it is with leaves that are no plain arrays, which some types put together otherwise."""
    return flatten(treedef.unflatten([_NO_ARRAY] * treedef.num_leaves))[1]


_NO_ARRAY = object()


@functools.cache
def _tuple_of(n: int) -> TreeDef:
    """The structure of a tuple of n leaves."""
    import optree

    leaves: Any = (0,) * n
    return optree.tree_structure(leaves, none_is_leaf=True, namespace=_NAMESPACE)


def register(
    kind: type,
    take_apart: Callable[[Any], tuple[Sequence[Any], Any]],
    put_together: Callable[[Any, Any], Any],
) -> None:
    """Make the values of a type containers: take_apart(x) is (parts, form), put_together(form, parts) x."""
    import optree

    with contextlib.suppress(ValueError):  # another thread was faster, or a module was loaded anew
        optree.register_pytree_node(kind, take_apart, put_together, namespace=_NAMESPACE)


def leaves_up_to(x: Any, kinds: Container[type]) -> list[Any]:
    """The leaves of a container, where values of certain types count as leaves."""
    import optree

    def is_leaf(value: Any) -> bool:
        return type(value) in kinds

    leaves: list[Any] = optree.tree_leaves(x, is_leaf, none_is_leaf=True, namespace=_NAMESPACE)
    return leaves


def _register_dataclass(kind: Any) -> None:
    import dataclasses

    names = [field.name for field in dataclasses.fields(kind)]

    def take_apart(x: Any) -> tuple[list[Any], None]:
        return [getattr(x, name) for name in names], None

    def put_together(_: Any, values: Any) -> Any:
        # Around __init__ and __post_init__: these may check or convert what they take for plain numbers.
        x = object.__new__(kind)
        for name, value in zip(names, values, strict=True):
            object.__setattr__(x, name, value)
        return x

    register(kind, take_apart, put_together)
