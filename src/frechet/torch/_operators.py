"""The operators of a function: one for each way to call it, apart from its tensors."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..operators import Arrays, Function
from ..operators.function import Rebuild
from ..rule import function_name
from ._arguments import Arguments, is_grad_recorded
from ._registered import PLAIN

KEPT = 256  # calls with constants, of one function, that are kept to be used again


class Operators:
    """The operators of a function; the arguments are those of `wrap`."""

    def __init__(
        self,
        f: Callable[..., Any],
        linear: bool = False,
        signature: str | None = None,
        result: Callable[..., Any] | None = None,
    ) -> None:
        self.function, self.linear, self.signature, self.result = f, linear, signature, result
        self.name = function_name(f)
        self._positional: dict[int, Function] = {}  # by the number of tensors
        self._others: dict[tuple[Any, ...], Function] = {}

    def of_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Function, Any]:
        """The operator that such a call evaluates, and the tensors that it takes."""
        if not kwargs:
            for a in args:
                if type(a) not in PLAIN:
                    break
            else:
                return self.positional(len(args)), args
        arguments = Arguments(args, kwargs, self.name)
        key = arguments.key
        if key is None:
            if is_grad_recorded(arguments.tensors):
                arguments.copy_constants()
            return self.made(arguments.rebuild, (object(),)), arguments.tensors
        found = self._others.get(key)
        if found is None:
            if len(self._others) >= KEPT:
                self._others = {}
            found = self._others[key] = self.made(arguments.rebuild, key)
        return found, arguments.tensors

    def positional(self, n: int) -> Function:
        """The operator for calls with n tensors and nothing else."""
        found = self._positional.get(n)
        if found is None:
            found = self._positional[n] = self.made(_positional, (n,))
        return found

    def made(self, rebuild: Rebuild, key: tuple[Any, ...]) -> Function:
        """The operator for calls whose arguments ``rebuild(arrays)`` makes; the key tells it from others."""
        return Function(self.function, rebuild, key, self.linear, self.signature, self.result)


def _positional(arrays: Arrays) -> tuple[Arrays, dict[str, Any]]:
    return arrays, {}


@functools.lru_cache(512)
def operators_of(f: Callable[..., Any], linear: bool, signature: str | None) -> Operators:
    """The operators of a function of ours, as compiled programs refer to them."""
    return Operators(f, linear, signature)
