"""Calls within torch.compile.

PyTorch's compiler reads Python code.  What it reads of a call is in `call_compiled`: it takes the arguments
apart, into tensors and a form that consists of constants; has the operator for this form; leaves a call of it
in its program; and puts the results together.  It does not read the user's function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from ..errors import RuleError
from ..operators import Arrays, Function
from ..tree import TreeDef
from ._apply import evaluate
from ._registered import concrete, number_of, operator_of
from ._wrap import Wrapped, wrapped

Tensor = Any
Form = tuple[Any, ...]  # (what it is, ...): see _taken_apart

_CONSTANTS = (bool, int, float, complex, str, type(None))


_structures: dict[int, TreeDef | None] = {}  # of the results of operators, by their numbers


def call_compiled(function: Wrapped, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
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
    return _put_together(_result_form(number), list(results))


def _forms(args: tuple[Any, ...], kwargs: dict[str, Any], tensors: list[Tensor]) -> tuple[Any, Any]:
    """The forms of the arguments, and of the keyword arguments by their names."""
    forms = tuple([_taken_apart(a, tensors) for a in args])
    return forms, tuple([(name, _taken_apart(a, tensors)) for name, a in kwargs.items()])


def _taken_apart(x: Any, tensors: list[Tensor]) -> Form:
    """The form of an argument; the tensors in it are added to the list."""
    if isinstance(x, torch.Tensor):
        tensors.append(x)
        return ("tensor",)
    if isinstance(x, np.ndarray):  # an integer or a constant one: nothing is differentiated by it
        tensors.append(torch.as_tensor(x))
        return ("tensor",)
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


def _put_together(form: Form, parts: list[Any]) -> Any:
    """What was taken apart, from parts in place of its tensors; they are taken from the list."""
    what = form[0]
    if what == "tensor":
        return parts.pop(0)
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
    return form[1](**dict(zip(form[2], values)))  # noqa: B905  # likewise


@torch.compiler.assume_constant_result
def _number(function: Wrapped, forms: tuple[Form, ...], named: tuple[tuple[str, Form], ...]) -> int:
    """The number of the operator for calls of such a form."""
    if not named and all(form == ("tensor",) for form in forms):
        return number_of(function.positional(len(forms)))

    def rebuild(arrays: Arrays) -> tuple[Sequence[Any], dict[str, Any]]:
        parts = list(arrays)
        args = [_put_together(form, parts) for form in forms]
        return args, {name: _put_together(form, parts) for name, form in named}

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
    number: int = _number(wrapped(f, linear, signature), forms, named)
    return number


def _comparable(form: Any) -> Any:
    """The form so that what is not the same is not equal: 1 and True, 0.0 and -0.0."""
    if type(form) is tuple:
        return tuple(map(_comparable, form))
    return type(form), repr(form) if type(form) in (float, complex) else form


@torch.compiler.allow_in_graph
def _evaluated(number: int, *tensors: Tensor) -> tuple[Tensor, ...]:
    """What the compiled program calls: now and then, to know the shapes of results, without values."""
    operator = operator_of(number)
    assert isinstance(operator, Function)
    _structures[number] = operator.structure([concrete(t) for t in tensors])
    return evaluate(operator, tensors)


@torch.compiler.assume_constant_result
def _result_form(number: int) -> Form:
    """The form of what the operator returns, which is known once the compiler has found its shapes."""
    treedef = _structures[number]
    return ("tensor",) if treedef is None else _form(treedef, operator_of(number).name)


def _form(treedef: TreeDef, name: str) -> Form:
    kind = treedef.type
    if kind is None:
        return ("tensor",)
    parts = tuple([_form(child, name) for child in treedef.children()])
    if kind in (list, tuple):
        return kind.__name__, parts
    if issubclass(kind, dict):
        return "dict", tuple(treedef.entries()), parts
    if issubclass(kind, tuple):
        return "named tuple", kind, parts
    if hasattr(kind, "__dataclass_fields__"):
        return "dataclass", kind, tuple(kind.__dataclass_fields__), parts
    raise RuleError(
        f"{name} returned a {kind.__name__}, which torch.compile cannot put together: return a tuple, a "
        "list, a dictionary or a dataclass"
    )
