"""Callbacks and results in the form of the variables."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult

from ._variables import Variables


def callback_of_variables(callback: Any, variables: Variables, each: Callable[[], None] | None) -> Any:
    """The callback for SciPy: it hands on the variables, after ``each`` was called."""
    if callback is None:
        if each is None:
            return None

        def only(xk: np.ndarray, *_: Any) -> None:
            each()

        return only
    if variables.plain and each is None:
        return callback
    # SciPy tells the two kinds of callbacks apart by the name of the only parameter.
    if set(inspect.signature(callback).parameters) == {"intermediate_result"}:

        def with_result(intermediate_result: Any) -> Any:
            if each is not None:
                each()
            inner = OptimizeResult(intermediate_result)
            in_variables(inner, variables)
            return callback(intermediate_result=inner)

        return with_result

    def with_point(xk: np.ndarray, *state: Any) -> Any:
        if each is not None:
            each()
        return callback(variables.at(xk), *state)

    return with_point


def in_variables(result: Any, variables: Variables) -> None:
    """Put the points and gradients of a result into the form of the variables."""
    if variables.plain:
        return
    n = variables.start.size
    if "x" in result:
        result.x = variables.at(np.asarray(result.x))
    for name in ("jac", "grad", "lagrangian_grad"):
        entry = result.get(name)
        if isinstance(entry, np.ndarray) and entry.shape == (n,):
            result[name] = variables.gradient(entry)
    if result.get("allvecs") is not None:
        result["allvecs"] = [variables.at(np.asarray(v)) for v in result["allvecs"]]
