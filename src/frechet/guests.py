"""Arrays of other frameworks: a call with one of them is evaluated by the door of its framework.

A function of ours that is given a torch.Tensor, a jax.Array or a tracer of JAX becomes an operator of that
framework for this call.  The doors, frechet.torch and frechet.jax, are found by the names of the packages of
the arguments' types, so that neither they nor the frameworks are imported before they are needed.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np

Function = TypeVar("Function", bound=Callable[..., Any])

# By the packages whose arrays are taken, the name of the framework.
_FRAMEWORKS = {"torch": "PyTorch", "jax": "JAX", "jaxlib": "JAX"}

# The module that evaluates calls with such arrays: it has the functions ``is_array(x)`` and
# ``call(function, args, kwargs, options)``, with the options of its ``wrap``.
_DOORS = {"PyTorch": "frechet.torch", "JAX": "frechet.jax"}

# Packages whose types are never those of such arrays, nor derived from them, to be told quickly.
_NO_DOORS = frozenset(("builtins", "numpy", "scipy", "frechet"))

# Types of arguments that are no arrays of another framework, to be told quickly.
NO_GUESTS = frozenset((np.ndarray, float, int, complex, bool, str, type(None), np.float64, np.bool))


def framework_of(kind: type) -> str | None:
    """The framework that a type belongs to, "JAX" or "PyTorch", or None."""
    return _FRAMEWORKS.get(kind.__module__.partition(".")[0])


def through_doors(function: Function, signature: str | None = None) -> Function:
    """The function, which also takes arrays of other frameworks, and then returns such arrays.

    Parameters
    ----------
    function : callable
        A function of plain and traced arrays.
    signature : str, optional
        What it does with leading axes, as in `numpy.vectorize`: "(n,n),(n,m)->(n,m)".  A batch of its calls
        is then one call.
    """
    options = {"signature": signature} if signature else {}

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        door = door_of(args) or (door_of(kwargs.values()) if kwargs else None)
        if door is not None:
            return door.call(function, args, kwargs, options)
        return function(*args, **kwargs)

    return call  # type: ignore[return-value]  # of the same signature


def door_of(values: Iterable[Any]) -> Any:
    """The door for the first array of another framework among some values and in lists of them, or None."""
    for value in values:
        kind = type(value)
        if kind in NO_GUESTS:
            continue
        if kind is list or kind is tuple:
            found = door_of(value)
            if found is not None:
                return found
        else:
            if kind.__module__.partition(".")[0] in _NO_DOORS:
                continue
            for base in kind.__mro__[:-1]:  # a tensor may be of a class that is defined elsewhere
                framework = framework_of(base)
                if framework is not None:
                    door = _door(_DOORS[framework])
                    if door.is_array(value):
                        return door
    return None


def _door(name: str) -> Any:
    _load(name)
    return sys.modules[name]


def _load(name: str) -> None:
    importlib.import_module(name)


# PyTorch's compiler then runs this function, instead of reading it.  It is what its function
# torch.compiler.assume_constant_result does, for which PyTorch would have to be imported.
_load._dynamo_marked_constant = True  # type: ignore[attr-defined]  # functions may have any
