"""The capability table of this package: what is differentiable, and what happens where nothing is.

A function in the table has forward and reverse derivatives of every order, for real and complex matrices; a
test runs `check_rule` on a case of each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


class Capability(NamedTuple):
    """A row of the table."""

    name: str
    kind: str  # "differentiable" or "refused"
    complex: bool  # whether complex arguments are taken
    ill_posed: str  # what happens where there is no derivative; for refused functions, why there is none


table: dict[str, Capability] = {}


def capability(ill_posed: str, *, complex: bool = True) -> Callable[[Function], Function]:
    """Enter a differentiable function into the table.

    Parameters
    ----------
    ill_posed : str
        Where the function has no derivative, and what is raised there; "nowhere" if there is no such point.
    complex : bool
        Whether complex arguments are taken.
    """

    def enter(function: Function) -> Function:
        table[function.__name__] = Capability(function.__name__, "differentiable", complex, ill_posed)
        return function

    return enter
