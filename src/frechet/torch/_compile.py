"""Calls within torch.compile.

PyTorch's compiler reads Python code.  What it reads of a call is in `call_compiled`: it takes the arguments
apart, into tensors and a form that consists of constants; has the operator for this form; leaves a call of it
in its program; and puts the results together.  It does not read the user's function.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from ..errors import RuleError
from ..operators import Arrays, Function
from ..tree import TreeDef
from ._apply import evaluate
from ._operators import Operators, operators_of
from ._registered import concrete, number_of, operator_of

Tensor = Any
Form = tuple[Any, ...]  # (what it is, ...): see _taken_apart

_CONSTANTS = (bool, complex, str, type(None))


_structures: dict[int, TreeDef | None] = {}  # of the results of operators, by their numbers


def call_compiled(function: Operators, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A call of a function of tensors, as the compiler reads it."""
    tensors: list[Tensor] = []
    forms, named = _forms(args, kwargs, tensors)
    return _called(_number(function, forms, named), tensors)


def call_guest(
    f: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    linear: bool,
    signature: str | None,
) -> Any:
    """Likewise of a function of ours that was given tensors."""
    tensors: list[Tensor] = []
    forms, named = _forms(args, kwargs, tensors)
    return _called(_guest_number(f, linear, signature, forms, named), tensors)


def _called(number: int, tensors: list[Tensor]) -> Any:
    results = _evaluated(number, *tensors)
    return _put_together(_result_form(number), results)


def _forms(args: tuple[Any, ...], kwargs: dict[str, Any], tensors: list[Tensor]) -> tuple[Any, Any]:
    """The forms of the arguments, and of the keyword arguments by their names."""
    forms = tuple([_taken_apart(a, tensors) for a in args])
    return forms, tuple([(name, _taken_apart(a, tensors)) for name, a in kwargs.items()])


def _taken_apart(x: Any, tensors: list[Tensor]) -> Form:
    """The form of an argument; the tensors in it are added to the list."""
    if isinstance(x, torch.Tensor):
        tensors.append(x)
        return "tensor", len(tensors) - 1
    if isinstance(x, np.ndarray):
        tensors.append(torch.as_tensor(x).clone())  # the caller may change it before a backward pass
        return "tensor", len(tensors) - 1
    if isinstance(x, float):  # a program is to serve for all of them
        tensors.append(torch.tensor(x, dtype=torch.float64))
        return "float", len(tensors) - 1
    if isinstance(x, int) and not isinstance(x, bool):
        return "constant", operator.index(x)  # a program for each: it may say how many results there are
    if isinstance(x, _CONSTANTS):
        return "constant", x
    if isinstance(x, dict):
        return "dict", tuple(x), tuple([_taken_apart(v, tensors) for v in x.values()])
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return "named tuple", type(x), tuple([_taken_apart(v, tensors) for v in x])
    if isinstance(x, (tuple, list)):
        what = "list" if isinstance(x, list) else "tuple"
        return what, tuple([_taken_apart(v, tensors) for v in x])
    if hasattr(x, "__dataclass_fields__"):
        names = tuple(x.__dataclass_fields__)
        values = tuple([_taken_apart(getattr(x, name), tensors) for name in names])
        return "dataclass", type(x), names, values
    raise TypeError(
        "within torch.compile the arguments of a function of Frechet are tensors, numbers, strings, None, "
        f"and containers of these; one is a {type(x).__name__}. Let the function refer to it, instead of "
        "giving it"
    )


def _put_together(form: Form, parts: Sequence[Any]) -> Any:
    """What was taken apart, from parts in place of its tensors."""
    what = form[0]
    if what == "tensor":
        return parts[form[1]]
    if what == "float":
        return float(parts[form[1]])
    if what == "constant":
        return form[1]
    values = [_put_together(f, parts) for f in form[-1]]
    if what == "list":
        return values
    if what == "tuple":
        return tuple(values)
    if what == "dict":
        return dict(zip(form[1], values))  # noqa: B905  # the compiler reads this, and knows no strict=
    if what == "named tuple":
        return form[1](*values)
    if what == "named tuple by name":
        return _class_at(form[1])(*values)
    if what == "dataclass by name":
        return _class_at(form[1])(**dict(zip(form[2], values)))  # noqa: B905  # likewise
    return form[1](**dict(zip(form[2], values)))  # noqa: B905  # likewise


@torch.compiler.assume_constant_result
def _number(function: Operators, forms: tuple[Form, ...], named: tuple[tuple[str, Form], ...]) -> int:
    """The number of the operator for calls of such a form."""
    if not named and forms == tuple([("tensor", k) for k in range(len(forms))]):
        return number_of(function.positional(len(forms)))

    def rebuild(arrays: Arrays) -> tuple[Sequence[Any], dict[str, Any]]:
        args = [_put_together(form, arrays) for form in forms]
        return args, {name: _put_together(form, arrays) for name, form in named}

    return number_of(function.made(rebuild, ("compiled", _comparable(forms), _comparable(named))))


@torch.compiler.assume_constant_result
def _guest_number(
    f: Callable[..., Any],
    linear: bool,
    signature: str | None,
    forms: tuple[Form, ...],
    named: tuple[tuple[str, Form], ...],
) -> int:
    """Likewise for a function of ours that was given tensors."""
    number: int = _number(operators_of(f, linear, signature), forms, named)
    return number


def _comparable(form: Any) -> Any:
    """The form so that what is not the same is not equal: 1 and True, 0.0 and -0.0."""
    if type(form) is tuple:
        return tuple(map(_comparable, form))
    return type(form), repr(form) if type(form) in (float, complex) else form


@torch.compiler.allow_in_graph
def _evaluated(number: int, *tensors: Tensor) -> tuple[Tensor, ...]:
    """What the compiled program calls: now and then, to know the shapes of results, without values."""
    called = operator_of(number)
    assert isinstance(called, Function)
    _structures[number] = called.structure([concrete(t) for t in tensors])
    return evaluate(called, tensors)


@torch.compiler.assume_constant_result
def _result_form(number: int) -> Form:
    """The form of what the operator returns, which is known once the compiler has found its shapes."""
    treedef = _structures[number]
    if treedef is None:
        return "tensor", 0
    return _form(treedef.unflatten([_Place(k) for k in range(treedef.num_leaves)]), operator_of(number).name)


class _Place(int):
    """Where a result is among all."""


def _address(kind: type, name: str) -> tuple[str, ...]:
    """Where a class is found: its module and its name there.  The compiler takes no classes as constants."""
    if "<locals>" in kind.__qualname__:
        raise RuleError(
            f"{name} returned a {kind.__qualname__}, which torch.compile can put together only if the class "
            "is defined in a module, not in a function"
        )
    return kind.__module__, *kind.__qualname__.split(".")


def _class_at(address: tuple[str, ...]) -> Any:
    found = sys.modules[address[0]]
    for part in address[1:]:
        found = getattr(found, part)
    return found


def _form(x: Any, name: str) -> Form:
    """The form of what holds places."""
    if type(x) is _Place:
        return "tensor", int(x)
    if isinstance(x, dict):
        return "dict", tuple(x), tuple([_form(v, name) for v in x.values()])
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return "named tuple by name", _address(type(x), name), tuple([_form(v, name) for v in x])
    if type(x) in (tuple, list):
        return type(x).__name__, tuple([_form(v, name) for v in x])
    if hasattr(x, "__dataclass_fields__"):
        names = tuple(x.__dataclass_fields__)
        values = tuple([_form(getattr(x, field), name) for field in names])
        return "dataclass by name", _address(type(x), name), names, values
    raise RuleError(
        f"{name} returned a {type(x).__name__}, which torch.compile cannot put together: return a tuple, a "
        "list, a dictionary or a dataclass"
    )
