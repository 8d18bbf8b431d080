"""The transformations: grad, vjp, jvp, linearize, jacobian, hessian, … with JAX's and torch.func's names.

Each runs the function once under a trace (see tracing.linearization) and applies the recorded derivative.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .derivative import Derivative, assemble, jacobian_blocks
from .errors import NotDifferentiableError, SpaceError
from .linear_map import Array
from .rule import function_name, load_chapters, primal
from .tracing.apply import innermost
from .tracing.linearization import (
    Argument,
    Linearization,
    Results,
    argument_name,
    detach,
    finished,
    raise_hidden,
    trace_argument,
    with_aux,
)
from .tracing.trace import Forward

Function = Callable[..., Any]
Argnums = int | str | Sequence[int | str]


def value_and_grad(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """The function that returns the value and the gradient of a real-valued f.

    Parameters
    ----------
    f : function of numbers, arrays and containers, with a real scalar value.
    argnums : which arguments to differentiate: a position, the name of a keyword argument, or a tuple of
        such.
    has_aux : f returns (value, aux); aux is passed through as plain values.

    Returns
    -------
    A function with f's arguments that returns (value, gradient), or ((value, aux), gradient).  The gradient
    has the structure, dtype and realness of the argument (a tuple of such for a tuple of argnums); integers
    count as float64.  For complex z it is ∂f/∂x + i ∂f/∂y.

    Raises
    ------
    NotDifferentiableError : where f's value is not a real scalar, or an argument has no tangent.

    Cost: the function, and about as much again; memory for what the rules keep.

    >>> import numpy as np
    >>> value_and_grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    (np.float64(5.0), array([2., 4.]))
    """
    name = function_name(f)
    argnums, single = _checked_argnums(argnums)

    @functools.wraps(f, updated=())
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        lin = _linearized(f, name, args, kwargs, argnums, has_aux)
        seed = _scalar_seed(lin.results, name)
        value = lin.results.take()
        try:
            gradients = lin.gradients([seed], consume=True)
        finally:
            lin.tape.release()
        if has_aux:
            value = (value, lin.aux)
        return value, gradients[0] if single else tuple(gradients)

    return wrapped


def grad(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """The gradient function of a real-valued f; with has_aux it returns (gradient, aux).

    For parameters, errors and cost see `value_and_grad`.

    >>> grad(lambda x, y: x**2 * y, argnums=(0, 1))(3.0, 2.0)
    (12.0, 9.0)
    """
    both = value_and_grad(f, argnums, has_aux)

    @functools.wraps(f, updated=())
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return wrapped


def vjp(f: Function, *primals: Any, has_aux: bool = False) -> Any:
    """The value of f and its pullback.

    Returns
    -------
    value, pullback (and aux, with has_aux).  ``pullback(cotangent)`` takes a cotangent of the value's
    structure and returns a tuple with one entry per primal.  It may be called any number of times.

    >>> import numpy as np
    >>> value, pullback = vjp(np.fft.fft, np.array([1.0, 2.0, 3.0]))
    >>> pullback(np.ones(3, complex))
    (array([3., 0., 0.]),)
    """
    name = function_name(f)
    lin = Linearization(name, f, range(_count(name, primals)), primals, has_aux, outlives=True)

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        leaves = lin.results.cotangent_leaves(cotangent, f"the cotangent given to the pullback of {name}")
        return tuple(lin.gradients(leaves))

    value = lin.results.take(copy=True)
    return (value, pullback, lin.aux) if has_aux else (value, pullback)


def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """The value of f and its pushforward of tangents, in one forward pass that keeps nothing.

    Returns
    -------
    value, tangent (and aux, with has_aux); the tangent has the structure of the value.

    >>> jvp(lambda x: x**2, (3.0,), (1.0,))
    (9.0, 6.0)
    """
    name = function_name(f)
    if len(primals) != len(tangents):
        raise SpaceError(f"jvp of {name}: {len(primals)} primals, but {len(tangents)} tangents")
    load_chapters()
    trace = Forward()
    shared: set[int] = set()  # the caller's own arrays, which the result must not be
    try:
        stand_ins = []
        for k, (x, t) in enumerate(zip(primals, tangents, strict=True)):
            argument = Argument(x, k, name)
            leaves = argument.tangent_leaves(t, f"the tangent for {argument_name(k, name)}")
            stand_ins.append(trace_argument(argument, trace, leaves))
            shared.update(map(id, leaves))
        out = f(*stand_ins)
        aux = None
        if has_aux:
            out, aux = with_aux(out, trace, name)
        results = Results(out, trace, name)
    except BaseException as error:
        raise_hidden(error, trace)
        raise
    finally:
        trace.close()
    leaves = [finished(s, t, (), shared) for s, t in zip(results.spaces, results.nodes, strict=True)]
    value, tangent = results.take(), results.rebuild(leaves)
    return (value, tangent, aux) if has_aux else (value, tangent)


def linearize(f: Function, *primals: Any) -> tuple[Any, Derivative]:
    """The value of f and its derivative as a linear map, prepared once and applied many times.

    >>> import numpy as np
    >>> value, L = linearize(np.linalg.inv, np.diag([1.0, 2.0]))
    >>> L(np.eye(2))
    array([[-1.  , -0.  ],
           [-0.  , -0.25]])
    >>> L.shape, L.to_dense().shape
    ((4, 4), (2, 2, 2, 2))
    """
    name = function_name(f)
    lin = Linearization(name, f, range(_count(name, primals)), primals, outlives=True)
    return lin.results.take(copy=True), Derivative(lin)


def jacobian(f: Function, argnums: Argnums = 0) -> Function:
    """The function that returns the Jacobian of f: shape of the output, then of the input.

    One pass over a stack of directions, forward or reverse, whichever has fewer; a function that is a single
    rule with structure (np.linalg.inv: a Kronecker product) is written out directly.  Containers give
    containers: that of the output, each leaf holding that of the input.  With complex arguments f must be
    complex differentiable.

    >>> import numpy as np
    >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    name = function_name(f)
    argnums, single = _checked_argnums(argnums)

    @functools.wraps(f, updated=())
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        lin = _linearized(f, name, args, kwargs, argnums, False)
        try:
            return assemble(lin, jacobian_blocks(lin), single)
        finally:
            lin.tape.release()

    return wrapped


def hessian(f: Function, argnums: Argnums = 0) -> Function:
    """The function that returns the Hessian of a real-valued f: the Jacobian of its gradient.

    >>> import numpy as np
    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([3.0, 2.0]))
    array([[4., 6.],
           [6., 0.]])
    """
    return jacobian(grad(f, argnums), argnums)


def hvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """The Hessian of a real-valued f applied to tangents, by a pushforward of the gradient.

    No Hessian is formed: the cost is a small multiple of a gradient's.  Returns a tuple with one entry per
    primal.

    >>> hvp(lambda x: x**3, (2.0,), (1.0,))
    (12.0,)
    """
    return jvp(grad(f, argnums=tuple(range(len(primals)))), primals, tangents)[1]


def stop_gradient(x: Any) -> Any:
    """x as plain values, constant under differentiation; containers keep their shape.

    >>> grad(lambda x: x * stop_gradient(x))(3.0)
    3.0
    """
    return detach(x)


def array(object: Any, dtype: Any = None) -> Array:
    """np.array for nested lists that may hold traced values (np.array itself cannot see their derivative).

    >>> grad(lambda x: array([x, x**2])[1])(3.0)
    6.0
    """
    if isinstance(object, (list, tuple)) and innermost((object,)) is not None:
        rows = [array(entry) for entry in object]
        stacked = np.stack(np.broadcast_arrays(*rows) if len({np.shape(r) for r in rows}) == 1 else rows)
        return stacked if dtype is None else np.astype(stacked, np.dtype(dtype))
    if innermost((object,)) is not None:
        copied = np.copy(object)
        return copied if dtype is None else np.astype(copied, np.dtype(dtype))
    return np.array(object, dtype)


# --- parts ------------------------------------------------------------------------------------------------


def _checked_argnums(argnums: Any) -> tuple[Argnums, bool]:
    """argnums with Python integers, and whether it is a single one."""

    def one(which: Any) -> int | str:
        if isinstance(which, str):
            return which
        if isinstance(which, (int, np.integer)) and not isinstance(which, bool):
            return int(which)
        raise TypeError(
            f"argnums takes positions and names of arguments, or a tuple of them; got {argnums!r}"
        )

    if isinstance(argnums, (tuple, list)):
        if not argnums:
            raise TypeError("argnums is empty: there is nothing to differentiate with respect to")
        return tuple(one(which) for which in argnums), False
    return one(argnums), True


def _count(name: str, primals: Sequence[Any]) -> int:
    if not primals:
        raise TypeError(f"there is nothing to differentiate {name} with respect to: no primals were given")
    return len(primals)


def _linearized(
    f: Function, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], argnums: Argnums, has_aux: bool
) -> Linearization:
    """f linearized in the arguments that argnums selects."""
    if argnums == 0 and len(args) == 1 and not kwargs:
        return Linearization(name, f, (0,), args, has_aux)
    selected: tuple[int | str, ...] = (argnums,) if isinstance(argnums, (int, str)) else tuple(argnums)
    positions: list[int | str] = []
    primals = []
    for which in selected:
        if isinstance(which, str):
            if which not in kwargs:
                raise TypeError(
                    f"argnums names {which!r}, but {name} was called without that keyword argument"
                )
            primals.append(kwargs[which])
        else:
            if not -len(args) <= which < len(args):
                raise TypeError(
                    f"argnums selects argument {which}, but {name} was called with {len(args)} of them"
                )
            primals.append(args[which])
        positions.append(which if isinstance(which, str) else which % len(args))
    if len(set(positions)) != len(positions):
        raise TypeError(f"argnums selects an argument of {name} twice: {argnums!r}")

    def call(*stand_ins: Any) -> Any:
        new_args, new_kwargs = list(args), dict(kwargs)
        for which, x in zip(positions, stand_ins, strict=True):
            if isinstance(which, str):
                new_kwargs[which] = x
            else:
                new_args[which] = x
        return f(*new_args, **new_kwargs)

    return Linearization(name, call, positions, primals, has_aux)


def _scalar_seed(results: Results, name: str) -> Any:
    """The cotangent 1 of a real scalar, or an error that says what the value is instead."""
    if type(results.leaves[0]) in (float, np.float64) and results.treedef is None:
        return 1.0
    value = primal(results.leaves[0] if results.treedef is None else results.rebuild(results.leaves))
    space = results.spaces[0] if results.treedef is None else None
    if space is None or space.shape != () or space.dtype is None:
        what = f"shape {np.shape(value)}" if isinstance(value, np.ndarray) else type(value).__name__
        raise NotDifferentiableError(
            f"grad needs a function with a real scalar value; {name} returned {what}. "
            "Use fr.jacobian, fr.vjp or fr.jvp for other values"
            + (" (was a return forgotten?)" if value is None else "")
        )
    if isinstance(value, (int, np.integer)) or (isinstance(value, np.ndarray) and value.dtype.kind in "iu"):
        raise NotDifferentiableError(
            f"grad needs a function with a real scalar value; {name} returned the integer {value!r}, "
            "which has no derivative"
        )
    if space.dtype.kind == "c":
        raise NotDifferentiableError(
            f"grad needs a real-valued function; {name} returned a complex value. Take its real part, "
            "imaginary part or absolute value, or use fr.vjp with a complex cotangent"
        )
    return space.project(1.0)
