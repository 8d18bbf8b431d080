"""Structured matrices as arguments: functions that `frechet.structured` has a better way for."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from ..rule import structured_answers, structured_types

Function = TypeVar("Function", bound=Callable[..., Any])

# The functions whose first argument, or right side, may be a structured matrix that answers for itself.
# Others see full arrays (as_inexact).
ANSWERED = (
    *("solve", "inv", "det", "slogdet", "logdet", "cholesky", "norm", "pinv", "svd", "svdvals"),
    *("eigh", "eigvalsh", "eig", "eigvals"),
    *("expm", "logm", "sqrtm", "cosm", "sinm", "tanm", "coshm", "sinhm", "tanhm", "funm"),
)


def structured_first(function: Function) -> Function:
    """The function, with calls on structured matrices handed to `frechet.structured`."""
    name = function.__name__

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        for a in (*args[:2], *kwargs.values()) if kwargs else args[:2]:
            if type(a) in structured_types:
                result = structured_answers[name](*args, **kwargs)
                if result is not NotImplemented:
                    return result
                break
        return function(*args, **kwargs)

    return call  # type: ignore[return-value]  # of the same signature
