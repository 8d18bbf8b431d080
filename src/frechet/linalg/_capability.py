"""The capability table: what each public function of this package can be differentiated in, and where not.

    @capability("a and -b share an eigenvalue: LinAlgError")
    def solve_sylvester(a, b, q): ...

A function in the table has forward and reverse derivatives of every order; a test runs `check_rule`, which
looks at all of these, on a real, a complex and a stacked case of each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from ..errors import NotDifferentiableError
from ..rule import carriers

Function = TypeVar("Function", bound=Callable[..., Any])


class Capability(NamedTuple):
    """A row of the table."""

    name: str
    kind: str  # "differentiable", "constant" (a result without a derivative) or "refused"
    complex: bool  # whether complex arguments are taken
    stacked: bool  # whether leading axes are taken
    ill_posed: str  # what happens where there is no derivative; for refused functions, why there is none


table: dict[str, Capability] = {}


def capability(
    ill_posed: str, *, complex: bool = True, stacked: bool = True, into: dict[str, Capability] = table
) -> Callable[[Function], Function]:
    """Enter a differentiable function into the table.

    Parameters
    ----------
    ill_posed : str
        Where the function has no derivative, and what is raised there; "nowhere" if there is no such point.
    complex, stacked : bool
        Whether complex arguments and leading axes are taken.
    into : dict, optional
        The table, which is that of another package if it is given.
    """

    def enter(function: Function) -> Function:
        name = function.__name__
        into[name] = Capability(name, "differentiable", complex, stacked, ill_posed)
        return function

    return enter


def constant(function: Function, name: str = "") -> Function:
    """Enter a function of integers, or with a result that has no derivative, as it is."""
    name = name or function.__name__
    table[name] = Capability(name, "constant", True, True, "")
    return function


def refused(function: Callable[..., Any], reason: str) -> Callable[..., Any]:
    """A function of SciPy that plain arrays reach and traced ones do not, for a reason.

    Parameters
    ----------
    function : callable
        SciPy's.
    reason : str
        Why there is no derivative, and the way out.
    """
    name = function.__name__
    table[name] = Capability(name, "refused", True, True, reason)

    def plain_only(*args: Any, **kwargs: Any) -> Any:
        if any(_is_traced(a) for a in (*args, *kwargs.values())):
            raise NotDifferentiableError(f"fr.linalg.{name}: {reason}")
        return function(*args, **kwargs)

    plain_only.__name__ = plain_only.__qualname__ = name
    plain_only.__doc__ = (
        f"``scipy.linalg.{name}`` for plain arrays; refused under differentiation.\n\n{reason}"
    )
    return plain_only


def _is_traced(x: Any) -> bool:
    if isinstance(x, (list, tuple)):
        return any(_is_traced(a) for a in x)
    return type(x) in carriers
