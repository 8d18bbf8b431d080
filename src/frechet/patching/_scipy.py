"""SciPy's functions, each with the function of ours that takes its calls with traced values."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

from ._wrappers import passing, refusing

Function = Callable[..., Any]

# By module of SciPy, the one of ours that has functions of the same names.
DOMAINS = {
    "linalg": "linalg",
    "special": "special",
    "signal": "signal",
    "integrate": "integrate",
    "interpolate": "",
}


def public_functions(module: ModuleType) -> Iterator[tuple[str, Function]]:
    """The public functions of a module of SciPy, without classes, ufuncs and other modules."""
    for name in module.__all__:
        function = getattr(module, name)
        if callable(function) and not isinstance(function, (type, np.ufunc)):
            yield name, function


def replacements() -> dict[Function, Function]:
    """By function of SciPy, the one that takes its place."""
    found: dict[Function, Function] = {}
    for theirs, own in DOMAINS.items():
        module = importlib.import_module(f"scipy.{theirs}")
        ours = importlib.import_module(f"frechet.{own}") if own else None
        for name, function in public_functions(module):
            known = getattr(ours, name, None)
            if known is None:
                continue
            else:
                found[function] = passing(function, known)
    return found
