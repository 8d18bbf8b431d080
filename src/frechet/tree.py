"""Containers of values, through optree (loaded when the first container is met)."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

_NAMESPACE = "frechet"
TreeDef = Any
_LEAVES = frozenset((float, int, complex, bool, str, type(None), np.ndarray, np.float64))


def is_container(x: Any) -> bool:
    """Whether x is a dict, list, tuple (named too), dataclass instance, or a type registered with optree."""
    kind = type(x)
    if kind in _LEAVES:
        return False
    if isinstance(x, (dict, list, tuple)):
        return True
    return dataclasses.is_dataclass(x) and not isinstance(x, type)


def flatten(x: Any) -> tuple[list[Any], TreeDef]:
    """The leaves of a container and its structure; None is a leaf.  Dataclasses are registered when first seen."""
    import optree

    while True:
        leaves, treedef = optree.tree_flatten(x, none_is_leaf=True, namespace=_NAMESPACE)
        unknown = {type(leaf) for leaf in leaves if dataclasses.is_dataclass(leaf) and not isinstance(leaf, type)}
        if not unknown:
            return leaves, treedef
        for kind in unknown:
            _register_dataclass(kind)


def _register_dataclass(kind: Any) -> None:
    import optree

    names = [field.name for field in dataclasses.fields(kind)]

    def take_apart(x: Any) -> tuple[list[Any], None]:
        return [getattr(x, name) for name in names], None

    def put_together(_: None, values: Any) -> Any:
        # Around __init__ and __post_init__: these may check or convert what they take for plain numbers.
        x = object.__new__(kind)
        for name, value in zip(names, values, strict=True):
            object.__setattr__(x, name, value)
        return x

    try:
        optree.register_pytree_node(kind, take_apart, put_together, namespace=_NAMESPACE)
    except ValueError:  # another thread was faster
        pass
