"""The arguments of a call: which of them are tensors, and what stays fixed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import torch

from ..errors import CoercionError
from ..guests import framework_of
from ..operators import Arrays
from ..rule import carriers
from ..tree import flatten, is_container
from ._registered import transforms_active

Tensor = Any

# Constants that can be compared with those of another call; of all others nothing is assumed.
_PLAIN = (bool, int, str, type(None))


class Arguments:
    """The arguments of a call, in parts.

    Attributes
    ----------
    tensors : list of Tensor
        Those in the arguments, in order.
    key : tuple or None
        What tells the call, without its tensors, from others; None where that cannot be said.
    """

    __slots__ = ("key", "leaves", "positions", "tensors", "treedef")

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any], name: str) -> None:
        self.leaves, self.treedef = flatten(
            (tuple(map(_plain_size, args)), {name: _plain_size(a) for name, a in kwargs.items()})
        )
        self.positions: list[int] = []
        self.tensors: list[Tensor] = []
        constants: list[Any] | None = []
        for k, leaf in enumerate(self.leaves):
            if isinstance(leaf, torch.Tensor):
                self.positions.append(k)
                self.tensors.append(leaf)
                self.leaves[k] = None  # the operator is kept, and must not keep them
                continue
            _check_constant(leaf, name)
            if constants is not None:
                constants = [*constants, constant] if (constant := _comparable(leaf)) else None
        self.key = None
        if constants is not None:
            try:
                order = _order(args), _order(kwargs)
            except TypeError:
                return
            self.key = self.treedef, tuple(self.positions), tuple(constants), order

    def copy_constants(self) -> None:
        """Copy the arrays that the caller could change before the derivative is taken."""
        self.leaves = [
            leaf if type(leaf) is not np.ndarray or _is_constant(leaf) else leaf.copy(order="K")
            for leaf in self.leaves
        ]

    def rebuild(self, arrays: Arrays) -> tuple[Sequence[Any], dict[str, Any]]:
        """The arguments with arrays in place of the tensors."""
        leaves = self.leaves.copy()
        for k, a in zip(self.positions, arrays, strict=True):
            leaves[k] = a
        args, kwargs = self.treedef.unflatten(leaves)
        return args, kwargs


def is_grad_recorded(tensors: Sequence[Tensor]) -> bool:
    """Whether derivatives of a call with the tensors may be asked for after it."""
    return torch.is_grad_enabled() and (transforms_active() or any(t.requires_grad for t in tensors))


def _is_constant(a: np.ndarray) -> bool:
    return not a.flags.writeable and a.base is None


def _order(x: Any) -> Any:
    """What a tree does not tell of containers: the order of dictionaries, and whether a key is 1 or True."""
    if isinstance(x, dict):
        return tuple([(type(key), key, _order(value)) for key, value in x.items()])
    if isinstance(x, (tuple, list)):
        return tuple(map(_order, x))
    if is_container(x):
        if not is_dataclass(x):
            raise TypeError("a container of another kind, of which nothing is known")
        return tuple([_order(getattr(x, field.name)) for field in fields(x)])
    return None


def _plain_size(x: Any) -> Any:
    return tuple(x) if type(x) is torch.Size else x


def _comparable(x: Any) -> tuple[Any, ...] | None:
    if isinstance(x, _PLAIN):
        return type(x), x
    if type(x) in (float, complex):
        return type(x), repr(x)  # tells 0.0 from -0.0, and equals itself for nan
    return None


def _check_constant(x: Any, name: str) -> None:
    kind = type(x)
    if kind in carriers:
        raise CoercionError(
            f"{name} was called with a tensor of PyTorch beside a value traced by Frechet, whose derivative "
            "would be lost. Within a transformation of Frechet use NumPy arrays, x.detach().numpy(); to "
            "differentiate with PyTorch, give tensors to a function made by fr.torch.wrap"
        )
    if framework_of(kind) == "JAX":
        raise TypeError(
            f"{name} was called with a tensor of PyTorch and an array of JAX ({kind.__name__}). Convert one "
            "of them: torch.from_dlpack(x), or jax.numpy.from_dlpack(t)"
        )
