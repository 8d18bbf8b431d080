"""The arguments of a call: which of them are tensors, and what stays fixed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from ..errors import CoercionError
from ..operators import Arrays
from ..rule import carriers
from ..tree import flatten

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
        self.key = None if constants is None else (self.treedef, tuple(self.positions), tuple(constants))

    def rebuild(self, arrays: Arrays) -> tuple[Sequence[Any], dict[str, Any]]:
        """The arguments with arrays in place of the tensors."""
        leaves = self.leaves.copy()
        for k, a in zip(self.positions, arrays, strict=True):
            leaves[k] = a
        args, kwargs = self.treedef.unflatten(leaves)
        return args, kwargs


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
    if kind.__module__.partition(".")[0] in ("jax", "jaxlib"):
        raise TypeError(
            f"{name} was called with a tensor of PyTorch and an array of JAX ({kind.__name__}). Convert one "
            "of them: torch.from_dlpack(x), or jax.numpy.from_dlpack(t)"
        )
