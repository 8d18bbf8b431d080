"""Rules: what a function's value is, and what its derivative is as linear maps.

    @rule(np.linalg.inv)
    def inv(A):
        Y = np.linalg.inv(A)
        return Y, -(left(Y) @ right(Y))        # Δ ↦ −Y Δ Y

A rule is called with the arguments of its function and returns the value and the linear maps, one per array
argument in order: a single map for one argument, a tuple for several; `zero` for an argument on which the
value does not depend, None for one in which there is no derivative.  An argument that is a list of arrays has
a list of maps.  A function with several results has maps from a tangent to the tuple of their tangents.

Rule bodies are differentiable code themselves (NumPy and other rules), which is where higher derivatives come
from.  A rule knows no engine: the engine finds it in the `table`, or is called by it through `carriers`.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from .errors import RuleError
from .guests import NO_GUESTS, door_of
from .linear_map import Array, LinearMap

Maps = LinearMap | None | tuple[Any, ...]
Body = Callable[..., tuple[Any, Maps]]

# Types whose values stand for an array and carry more than it (a derivative, a graph of another framework),
# with the function that then evaluates a rule: carrier(rule, args, kwargs).  The engine enters its own type
# here.
carriers: dict[type, Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]] = {}


# Types of arrays that answer NumPy's protocols for themselves, traced arrays beside them or inside them.
structured_types: set[type] = set()

# What answers a call of a function of fr.linalg on such arrays, by the function's name; NotImplemented leaves
# the call to full arrays.
structured_answers: dict[str, Callable[..., Any]] = {}


class Entry:
    """What the table holds for a function; the subclasses say what the engine does with a call of it."""

    __slots__ = ()
    name: str


class Rule(Entry):
    """A function with its derivative.  Calling it calls the function, or the engine for traced arguments."""

    __slots__ = ("__dict__", "_parameters", "body", "function", "may_view", "name")
    derivatives: tuple[Any, ...] | None = None
    options: dict[str, Any] = {}  # what other frameworks are told of it: linear, signature  # noqa: RUF012

    def __init__(self, function: Callable[..., Any], body: Body, name: str, may_view: bool = False) -> None:
        self.function = function
        self.body = body
        self.name = name
        self.may_view = may_view  # whether the value may share memory with an argument
        self._parameters: dict[str, int] | None = None
        functools.update_wrapper(self, function, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        guests = False
        for a in args if not kwargs else (*args, *kwargs.values()):
            kind = type(a)
            if kind in carriers:
                return carriers[kind](self, args, kwargs)
            if kind is list or kind is tuple:
                carrier = _carrier_inside(a)
                if carrier is not None:
                    return carrier(self, args, kwargs)
                guests = guests or any(type(x) not in NO_GUESTS for x in a)
            elif kind not in NO_GUESTS:
                guests = True
        if guests:
            door = door_of((*args, *kwargs.values()))
            if door is not None:
                return door.call(self, args, kwargs, self.options)
        return self.function(*args, **kwargs)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """A rule given to a method binds like one; the instance is then its first argument."""
        return self if instance is None else functools.partial(self, instance)

    def __repr__(self) -> str:
        return f"<rule for {self.name}>"

    def as_positional(self, args: tuple[Any, ...], kwargs: dict[str, Any], which: Any) -> Any:
        """The call with the keyword arguments for which ``which(value)`` holds moved to their positions."""
        import inspect  # here, because it is slow to load

        if self._parameters is None:
            signature = inspect.signature(self.body)
            self._parameters = {
                p.name: k
                for k, p in enumerate(signature.parameters.values())
                if p.kind is p.POSITIONAL_OR_KEYWORD
            }
            self._defaults = [p.default for p in signature.parameters.values()]
        positional = list(args)
        kwargs = dict(kwargs)
        last = -1
        for name, value in kwargs.items():
            if which(value):
                if name not in self._parameters:
                    raise RuleError(f"{self.name} has no rule for its argument {name!r}")
                last = max(last, self._parameters[name])
        for name, k in self._parameters.items():
            if len(positional) <= k <= last:
                value = kwargs.pop(name) if name in kwargs else self._defaults[k]
                if value is inspect.Parameter.empty:
                    raise TypeError(f"{self.name} is missing its argument {name!r}")
                positional.append(value)
        return tuple(positional), kwargs

    def argument(self, k: int) -> str:
        """The name of argument k, for messages."""
        import inspect

        try:
            return f"{list(inspect.signature(self.body).parameters)[k]!r}"
        except (IndexError, ValueError):
            return f"number {k}"


class ArgumentwiseRule(Rule):
    """A rule that gives the linear map of each argument on its own, so that only those needed are made.

    ``derivatives`` holds for each argument a function (value, arguments, shape of the argument, shape of the
    value) → linear map, or None for zero.  It is the rule of the cheapest functions: sums, products, sines.
    """

    __slots__ = ("derivatives",)

    def __init__(
        self,
        function: Callable[..., Any],
        body: Body,
        name: str,
        derivatives: tuple[Any, ...],
    ) -> None:
        super().__init__(function, body, name)
        self.derivatives = derivatives


class Refused(Entry):
    """A function that has no derivative, or none that can be given, with the reason and the way out."""

    __slots__ = ("name", "reason")

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason


class Constant(Entry):
    """A function whose value has no tangent (integer or boolean results, metadata)."""

    __slots__ = ("function", "name")

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name = name
        self.function = function


class Composed(Entry):
    """A function that is differentiated by running an equivalent one, written with functions with rules."""

    __slots__ = ("function", "name")

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name = name
        self.function = function


# What the engine does when NumPy hands it a call of one of these functions (or a ufunc, or (ufunc, method)).
table: dict[Any, Entry] = {}

# Fills the table: called with None when the first function is differentiated, and with a function that the
# table does not hold.  The rulebook sets it; its chapters are imported only then.
chapter_loader: list[Callable[[Any], None]] = []


def load_chapters(function: Any = None) -> Any:
    """The table's entry for a function, or None, after its chapter has been loaded."""
    for load in chapter_loader:
        load(function)
    return table.get(function)


def function_name(function: Any) -> str:
    """The public name of a function, as a user writes it: np.linalg.inv."""
    if isinstance(function, tuple):
        return f"{function_name(function[0])}.{function[1]}"
    name: str = getattr(function, "__qualname__", "") or getattr(function, "__name__", repr(function))
    module = getattr(function, "__module__", None) or ""
    if isinstance(function, np.ufunc):  # these do not know their module
        homes = ("numpy", "scipy.special", "scipy.special._ufuncs", "numpy.strings")
        found = (home for home in homes if getattr(sys.modules.get(home), name, None) is function)
        module = next(found, "numpy._core.umath")
    if not module.startswith(("numpy", "scipy")):
        return name
    for public in ("scipy.special", "scipy.fft", "scipy.linalg"):
        if module.startswith(public):
            module = public
    if module.partition(".")[0] == "numpy":
        return f"{module.replace('numpy', 'np', 1)}.{name}"
    return f"{module}.{name}"


def rule_for(function: Any, *aliases: Any, may_view: bool = False) -> Callable[[Body], Rule]:
    """Enter a rule for a function of NumPy (and for others that mean the same) into the table."""

    def enter(body: Body) -> Rule:
        base = function if callable(function) else body
        entry = Rule(base, body, function_name(function), may_view)
        for key in (function, *aliases):
            table[key] = entry
        return entry

    return enter


def composed(*functions: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter an equivalent in terms of functions with rules: it is called with the traced arguments."""

    def enter(equivalent: Callable[..., Any]) -> Callable[..., Any]:
        for function in functions:
            table[function] = Composed(function_name(function), equivalent)
        return equivalent

    return enter


def constant(*functions: Any) -> None:
    """Enter functions whose result has no tangent; they see the underlying values."""
    for function in functions:
        table[function] = Constant(function_name(function), function)


def refuse(reason: str, *functions: Any) -> None:
    """Enter functions that are refused under differentiation, for a reason."""
    for function in functions:
        table[function] = Refused(function_name(function), reason)


def primal(x: Array) -> Array:
    """The plain value that x stands for, whatever carries it; for numerics inside a rule."""
    while type(x) in carriers:
        x = x.value
    return x


def _carrier_inside(values: Any) -> Any:
    for a in values:
        found = carriers.get(type(a)) or (_carrier_inside(a) if type(a) in (list, tuple) else None)
        if found is not None:
            return found
    return None
