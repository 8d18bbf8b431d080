"""Functions of the module math on traced numbers: NumPy's and SciPy's functions of the same meaning."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..transforms import array, stop_gradient
from ._wrappers import passing

Function = Callable[..., Any]

_SAME = (
    "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "copysign", "cos", "cosh", "degrees",
    "exp", "exp2", "expm1", "fabs", "fmod", "log10", "log1p", "log2", "pow", "radians", "sin", "sinh", "sqrt",
    "tan", "tanh",
)  # fmt: skip
_SPECIAL = {"erf": "erf", "erfc": "erfc", "gamma": "gamma", "lgamma": "gammaln"}
_CONSTANT = ("ceil", "floor", "trunc", "isclose", "isfinite", "isinf", "isnan")


def _log(x: Any, base: Any = None) -> Any:
    return np.log(x) if base is None else np.log(x) / np.log(base)


def _fsum(seq: Any) -> Any:
    return np.sum(array(list(seq)))


def _prod(iterable: Any, *, start: Any = 1) -> Any:
    return np.prod(array(list(iterable))) * start


def _hypot(*coordinates: Any) -> Any:
    return np.linalg.norm(array(list(coordinates)))


def _dist(p: Any, q: Any) -> Any:
    return np.linalg.norm(array(list(p)) - array(list(q)))


def _of_the_value(function: Function) -> Function:
    """A function that is constant by pieces, and so without a derivative."""
    return lambda *args, **kwargs: function(
        *[stop_gradient(a) for a in args], **{k: stop_gradient(a) for k, a in kwargs.items()}
    )


def _checked(original: Function, function: Function) -> Function:
    """A function that raises where that of math does: for arrays, and outside of its domain and range."""

    def of_numbers(*args: Any, **kwargs: Any) -> Any:
        original(*[stop_gradient(a) for a in args], **{k: stop_gradient(a) for k, a in kwargs.items()})
        return function(*args, **kwargs)

    return of_numbers


def replacements() -> dict[Function, Function]:
    """By function of math, the one that takes its place."""
    import scipy.special

    ours: dict[Function, Function] = {
        math.log: _log, math.hypot: _hypot, math.fsum: _fsum, math.prod: _prod, math.dist: _dist
    }  # fmt: skip
    for name in _SAME:
        ours[getattr(math, name)] = getattr(np, name)
    for name, other in _SPECIAL.items():
        ours[getattr(math, name)] = getattr(scipy.special, other)
    ours = {original: _checked(original, function) for original, function in ours.items()}
    for name in _CONSTANT:
        ours[getattr(math, name)] = _of_the_value(getattr(math, name))
    return {original: passing(original, function) for original, function in ours.items()}
