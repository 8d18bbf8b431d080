"""How a rule is applied to traced arguments: its body is run on the values of the innermost trace."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import NotDifferentiableError, RuleError
from ..linear_map import Composition, Identity, LinearMap, compose, zero
from ..rule import Rule, carriers, primal
from ..space import ANY, NO_TANGENT
from ..tree import LEAVES
from .trace import Outputs, Select, refuse_kind, space_of
from .traced import Traced, View, checked

PYTHON_SCALARS = (float, int, complex)
SCALARS = frozenset(
    (*PYTHON_SCALARS, bool, *(np.dtype(code).type for code in np.typecodes["AllFloat"] + "?bhilqBHILQ"))
)
_SIMPLE = SCALARS | {type(None), str}  # arguments that hold no array
_NESTED = frozenset((Traced, View, list, tuple))  # arguments that may hold several, of several traces


def innermost(args: Any) -> Any:
    """The trace of highest level among the arguments (lists and tuples are looked into), or None."""
    found = None
    for a in args:
        kind = type(a)
        if kind is Traced or kind is View:
            trace = a.tape
        elif kind is list or kind is tuple:
            trace = innermost(a)
            if trace is None:
                continue
        else:
            continue
        if found is None or trace.level > found.level:
            found = trace
    return found


def is_traced(a: Any) -> bool:
    """Whether a is traced, or a list or tuple with something traced inside."""
    return type(a) in carriers or (type(a) in (list, tuple) and innermost(a) is not None)


def unwrap(a: Any, trace: Any) -> Any:
    """a with the traced arrays of one trace replaced by their values."""
    kind = type(a)
    if kind is Traced:
        return a.value if a.tape is trace else a
    if kind is View:
        return checked(a).value if a.tape is trace else a
    if kind is list:
        return [unwrap(x, trace) for x in a]
    if kind is tuple:
        return tuple([unwrap(x, trace) for x in a])
    return a


def apply(rule: Rule, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The value of a rule's function, traced, at arguments of which at least one is traced."""
    if kwargs:
        for a in kwargs.values():
            if is_traced(a):
                args, kwargs = rule.as_positional(args, kwargs, is_traced)
                break
    elif rule.derivatives is not None:
        return apply_argumentwise(rule, args)
    trace = None
    constants = nested = False
    for a in args:
        kind = type(a)
        if kind is Traced and (trace is None or trace is a.tape):
            trace = a.tape
        elif kind in _SIMPLE:
            pass
        elif kind is np.ndarray:
            constants = True
        elif kind in _NESTED or isinstance(a, np.ndarray):
            nested = constants = True
    if nested:
        trace = innermost(args)
    if trace is None:  # the dispatcher was called for an out= that has been taken away since
        return rule.function(*args, **kwargs)
    if nested:
        plain = [unwrap(a, trace) for a in args]
    else:
        plain = [a.value if type(a) is Traced else a for a in args]
    owners = _held(args, plain, trace) if constants else []
    if kwargs:
        held = list(kwargs.values())
        owners += _held(tuple(kwargs.values()), held, trace)
        kwargs = dict(zip(kwargs, held, strict=True))
    if owners:
        before = _references(owners)
        value, maps = rule.body(*plain, **kwargs)
        _lock_kept(owners, before, trace)
    else:
        value, maps = rule.body(*plain, **kwargs)
    if type(maps) is not tuple:
        maps = (maps,)
    edges: list[tuple[Any, LinearMap]] = []
    for k, a in enumerate(args):
        kind = type(a)
        if kind is Traced or kind is View:
            if a.tape is trace:
                m = maps[k] if k < len(maps) else None
                if isinstance(m, LinearMap) and m is not zero:
                    edges.append((a.node, m))
                else:
                    _check_map(m, rule, k)
        elif kind is list or kind is tuple:
            _edges_inside(edges, a, maps[k] if k < len(maps) else None, trace, rule, k)
    if not edges:
        return value
    if len(edges) > 1 and (type(edges[0][1]) is Composition or type(edges[1][1]) is Composition):
        edges = _share_outer_factor(trace, edges, rule)
    if isinstance(value, (tuple, list)):
        return _several(trace, value, tuple(edges), rule)
    result = trace.record(value, tuple(edges), rule)
    if rule.may_view:
        for a in args:
            if type(a) in carriers and _share_memory(a.value, value):
                return View(value, trace, result.node, a, None)
    return result


def apply_argumentwise(rule: Any, args: tuple[Any, ...], function: Any = None) -> Any:
    """The same for a rule that gives the maps one by one, made only for traced arguments.

    ``function`` computes the value where it is not the rule's own: Python's operator in place of NumPy's
    ufunc.
    """
    function = rule.function if function is None else function
    if len(args) == 1 and type(args[0]) is Traced:
        x = args[0]
        value = x.value
        y = function(value)
        if type(y) is np.float64:
            m = rule.derivatives[0](y, (value,), (), ())
        else:
            m = rule.derivatives[0](y, (value,), shape_of(value), shape_of(y))
        return y if m is None else x.tape.record(y, ((x.node, m),), rule)
    if len(args) == 2:
        a, b = args
        if type(b) is Traced and type(a) not in carriers:
            return with_constant(rule, function, b, a, 1)
        if type(a) is Traced and type(b) not in carriers:
            return with_constant(rule, function, a, b, 0)
    trace = innermost(args)
    plain = [_operand(unwrap(a, trace)) for a in args]
    owners = _held(args, plain, trace)
    before = _references(owners)
    y = function(*plain)
    out_shape = shape_of(y)
    edges = []
    for k, a in enumerate(args):
        if type(a) in carriers and a.tape is trace:
            m = rule.derivatives[k](y, plain, shape_of(plain[k]), out_shape)
            if m is not None:
                edges.append((a.node, m))
    if owners:
        _lock_kept(owners, before, trace)
    return trace.record(y, tuple(edges), rule) if edges else y


def with_constant(rule: Any, function: Any, x: Traced, constant: Any, k: int) -> Any:
    """A rule of that kind applied to a traced argument x, at position k of two, and a constant one."""
    tape, value = x.tape, x.value
    to_lock = False
    if type(constant) is not np.ndarray and type(constant) not in SCALARS:
        constant = _operand(constant)
    if type(constant) is np.ndarray:
        if constant.dtype.kind == "O":
            refuse_kind(constant)
        held = tape.hold(constant)
        to_lock, constant = held is constant, held
    args = (value, constant) if k == 0 else (constant, value)
    y = function(*args)
    before = sys.getrefcount(constant)
    if type(y) is np.ndarray is type(value):
        m = rule.derivatives[k](y, args, value.shape, y.shape)
    else:
        m = rule.derivatives[k](y, args, shape_of(value), shape_of(y))
    if to_lock and sys.getrefcount(constant) > before:
        tape.lock(constant)
    return y if m is None else tape.record(y, ((x.node, m),), rule)


def _held(args: Sequence[Any], plain: list[Any], trace: Any) -> list[np.ndarray]:
    """Make the plain arrays among the arguments safe to be kept; those that are to be locked if they are.

    Values of traced arguments need no such care: writing to a traced array copies what is referred to
    elsewhere.
    """
    owners = []
    for k, a in enumerate(args):
        if type(a) is np.ndarray:
            plain[k] = held = trace.hold(a)
            if held is a:
                owners.append(a)
            if a.dtype.kind == "O":
                refuse_kind(a)
        elif isinstance(a, np.ndarray):
            refuse_kind(a)
        elif type(a) is list or type(a) is tuple:
            inside = list(plain[k])
            for j, b in enumerate(a):
                refuse_kind(b)
                if type(b) is np.ndarray:
                    inside[j] = held = trace.hold(b)
                    if held is b:
                        owners.append(b)
            plain[k] = type(a)(inside)
    return owners


def _references(arrays: list[np.ndarray]) -> list[int]:
    return [sys.getrefcount(a) for a in arrays]


def _lock_kept(owners: list[np.ndarray], before: list[int], trace: Any) -> None:
    """Lock the arrays to which the maps have made references of their own."""
    for a, count, then in zip(owners, _references(owners), before, strict=True):
        if count > then:
            trace.lock(a)


def _share_memory(a: Any, b: Any) -> bool:
    """Whether two values may share memory."""
    if type(a) is np.ndarray and type(b) is np.ndarray:
        if b.base is None:
            return b is a
        if b.base is a or b.base is a.base:
            return True
    return np.may_share_memory(primal(a), primal(b))


def shape_of(x: Any) -> Any:
    """np.shape, quickly for what occurs."""
    kind = type(x)
    if kind in SCALARS:
        return ()
    return x.shape


def _operand(x: Any) -> Any:
    """A plain argument as an array or a scalar."""
    kind = type(x)
    if kind in SCALARS or kind is np.ndarray or kind in carriers:
        return x
    if isinstance(x, np.ndarray):
        refuse_kind(x)
    return np.asarray(x)[()]


def _check_map(m: Any, rule: Rule, k: int) -> None:
    """Accept the zero map; say what is wrong with anything else that is no linear map."""
    if m is None:
        raise NotDifferentiableError(
            f"{rule.name} has no derivative with respect to its argument {rule.argument(k)}. "
            "If that argument is meant to be constant, pass fr.stop_gradient(...) of it"
        )
    if m is not zero:
        raise RuleError(
            f"the rule for {rule.name} returned {type(m).__name__} where the linear map for its argument "
            f"{rule.argument(k)} was due; a rule returns (value, maps)"
        )


def _edges_inside(edges: list[Any], values: Any, maps: Any, trace: Any, rule: Rule, k: int) -> None:
    if innermost(values) is not trace:
        return
    for j, a in enumerate(values):
        m = maps[j] if isinstance(maps, (list, tuple)) else maps
        if type(a) in carriers:
            if a.tape is trace:
                if isinstance(m, LinearMap) and m is not zero:
                    edges.append((a.node, m))
                else:
                    _check_map(m, rule, k)
        elif type(a) is list or type(a) is tuple:
            _edges_inside(edges, a, m, trace, rule, k)


def _share_outer_factor(trace: Any, edges: list[Any], rule: Rule) -> list[Any]:
    """Edges S∘M₁, S∘M₂, … with one and the same object S become S after a step that adds M₁, M₂, ….

    So a solve that all arguments share is done once per tangent and once per cotangent.
    """
    first = edges[0][1]
    outer = first.maps[0] if type(first) is Composition else first
    inner = []
    for parent, m in edges:
        factors = m.maps if type(m) is Composition else (m,)
        if factors[0] is not outer:
            return edges
        inner.append((parent, compose(*factors[1:])))
    if isinstance(outer, Identity):
        return edges
    return [(trace.node(ANY, tuple(inner), rule), outer)]


def _several(trace: Any, values: Any, edges: Any, rule: Rule) -> Any:
    """The traced results of a function that returns several."""
    spaces = tuple([space_of(v) if _varies(v) else NO_TANGENT for v in values])
    parent = trace.node(Outputs(spaces), edges, rule)
    results = [
        v if s is NO_TANGENT or parent is None else trace.record(v, ((parent, Select(k)),), rule)
        for k, (v, s) in enumerate(zip(values, spaces, strict=True))
    ]
    if hasattr(values, "_make"):
        return values._make(results)
    return type(values)(results)


def _varies(v: Any) -> bool:
    """Whether a result has a tangent: a floating-point or complex number or array."""
    plain = primal(v)
    kind = type(plain)
    if kind is np.ndarray:
        return plain.dtype.kind in "fc"
    return kind is float or kind is complex or (hasattr(plain, "dtype") and plain.dtype.kind in "fc")


carriers[Traced] = apply
carriers[View] = apply
LEAVES.update((Traced, View))
