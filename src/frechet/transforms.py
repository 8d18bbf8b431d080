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
from .rule import function_name, load_chapters, primal, structured_types
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
    f : callable
        A function of numbers, arrays and containers (dict, list, tuple, named tuple, dataclass), whose value
        is a real scalar.
    argnums : int or str, or a tuple of such, optional
        Which arguments to differentiate: positions, and names of keyword arguments.
    has_aux : bool, optional
        f returns a pair (value, aux); aux is passed on, as plain values.

    Returns
    -------
    callable
        A function with f's arguments that returns (value, gradient), or ((value, aux), gradient).  The
        gradient has the structure, shape, dtype and realness of the argument, integers counting as float64;
        for a tuple of argnums it is a tuple.  For complex z it is ∂f/∂x + i ∂f/∂y.

    Raises
    ------
    NotDifferentiableError
        Where f's value is not a real scalar, or an argument has no tangent.

    Notes
    -----
    The cost is that of the function and about as much again; the memory, what the rules keep of the values.

    Examples
    --------
    >>> import numpy as np
    >>> value, gradient = value_and_grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    >>> print(value, gradient)
    5.0 [2. 4.]
    """
    name = function_name(f)
    argnums, single = _checked_argnums(argnums)

    @functools.wraps(f, updated=())
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        lin = _linearized(f, name, args, kwargs, argnums, has_aux)
        try:
            seed = _scalar_seed(lin.results, name)
            value = lin.results.take()
            gradients = lin.gradients([seed], consume=True)
            lin.tape.check_locked()
        finally:
            lin.tape.release()
        if has_aux:
            value = (value, lin.aux)
        return value, gradients[0] if single else tuple(gradients)

    return wrapped


def grad(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """The gradient function of a real-valued f.

    Parameters
    ----------
    f, argnums, has_aux
        As for `value_and_grad`.

    Returns
    -------
    callable
        A function with f's arguments that returns the gradient, or (gradient, aux).

    Examples
    --------
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
    """The value of f and its pullback: the adjoint of its derivative, applied to cotangents.

    Parameters
    ----------
    f : callable
        A function of numbers, arrays and containers, with any value.
    *primals
        Its arguments, all of which are differentiated.
    has_aux : bool, optional
        f returns a pair (value, aux); aux is passed on, as plain values.

    Returns
    -------
    value
        What f returns.
    pullback : callable
        ``pullback(cotangent)`` takes a cotangent of the value's structure and returns a tuple with one entry
        per primal.  It may be called any number of times; each costs about as much as f.
    aux
        Only with has_aux.

    Examples
    --------
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

    Parameters
    ----------
    f : callable
        A function of numbers, arrays and containers, with any value.
    primals : sequence
        Its arguments, all of which are differentiated.
    tangents : sequence
        A tangent for each of them, of its structure and shape.
    has_aux : bool, optional
        f returns a pair (value, aux); aux is passed on, as plain values.

    Returns
    -------
    value
        What f returns.
    tangent
        Its derivative along the tangents, of the value's structure.
    aux
        Only with has_aux.

    Examples
    --------
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
        out = trace.run(f, stand_ins)
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

    Parameters
    ----------
    f : callable
        A function of numbers, arrays and containers, with any value.
    *primals
        Its arguments, all of which are differentiated.

    Returns
    -------
    value
        What f returns.
    L : LinearMap
        ``L(*tangents)`` pushes forward, ``L.adjoint(cotangent)`` pulls back, ``L.to_dense()`` writes the
        Jacobian out.  Leading axes beyond the argument's own count directions.  For scipy.sparse.linalg it is
        a linear operator on flat vectors, with shape, dtype, matvec and rmatvec.

    Examples
    --------
    >>> import numpy as np
    >>> value, L = linearize(np.linalg.inv, np.diag([1.0, 2.0]))
    >>> L(np.ones((2, 2)))
    array([[-1.  , -0.5 ],
           [-0.5 , -0.25]])
    >>> L.shape, L.to_dense().shape
    ((4, 4), (2, 2, 2, 2))
    """
    name = function_name(f)
    lin = Linearization(name, f, range(_count(name, primals)), primals, outlives=True)
    return lin.results.take(copy=True), Derivative(lin)


def jacobian(f: Function, argnums: Argnums = 0) -> Function:
    """The function that returns the Jacobian of f: shape of the output, then of the input.

    Parameters
    ----------
    f : callable
        A function of numbers, arrays and containers, with any value.  In complex arguments it must be complex
        differentiable.
    argnums : int or str, or a tuple of such, optional
        As for `value_and_grad`.

    Returns
    -------
    callable
        A function with f's arguments that returns the Jacobian.  Containers give containers: that of the
        output, each leaf of which holds that of the input.

    Raises
    ------
    NotDifferentiableError
        Where the derivative in a complex argument is no complex matrix (np.conj, np.abs).

    Notes
    -----
    One pass over a stack of directions, forward or reverse, whichever has fewer.  Maps with structure are
    written out directly: np.linalg.inv as a Kronecker product.

    Examples
    --------
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
            result = assemble(lin, jacobian_blocks(lin), single)
            lin.tape.check_locked()
            return result
        finally:
            lin.tape.release()

    return wrapped


def hessian(f: Function, argnums: Argnums = 0) -> Function:
    """The function that returns the Hessian of a real-valued f: the Jacobian of its gradient.

    Parameters
    ----------
    f, argnums
        As for `value_and_grad`.

    Returns
    -------
    callable
        A function with f's arguments that returns the Hessian, of shape argument + argument.

    Examples
    --------
    >>> import numpy as np
    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([3.0, 2.0]))
    array([[4., 6.],
           [6., 0.]])
    """
    return jacobian(grad(f, argnums), argnums)


def hvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """The Hessian of a real-valued f applied to tangents, by a pushforward of the gradient.

    Parameters
    ----------
    f : callable
        As for `value_and_grad`.
    primals : sequence
        Its arguments, all of which are differentiated.
    tangents : sequence
        A tangent for each of them.

    Returns
    -------
    tuple
        One entry per primal.

    Notes
    -----
    No Hessian is formed: the cost is a small multiple of a gradient's.

    Examples
    --------
    >>> hvp(lambda x: x**3, (2.0,), (1.0,))
    (12.0,)
    """
    return jvp(grad(f, argnums=tuple(range(len(primals)))), primals, tangents)[1]


def stop_gradient(x: Any) -> Any:
    """x as plain values, constant under differentiation.

    Parameters
    ----------
    x : number, array or container
        With or without traced values inside.

    Returns
    -------
    number, array or container
        The same, with plain values only; containers keep their structure.

    Examples
    --------
    >>> grad(lambda x: x * stop_gradient(x))(3.0)
    3.0
    """
    return detach(x)


def array(object: Any, dtype: Any = None) -> Array:
    """np.array for nested lists that may hold traced values, whose derivative np.array itself cannot see.

    Parameters
    ----------
    object : number, array, or nested list of such
        The entries.
    dtype : dtype, optional
        By default that which NumPy's promotion gives.

    Returns
    -------
    array
        A new one, traced where an entry is.

    Examples
    --------
    >>> grad(lambda x: array([x, x**2])[1])(3.0)
    6.0
    """
    if isinstance(object, (list, tuple)) and innermost((object,)) is not None:
        rows = [array(entry) for entry in object]
        stacked = np.stack(np.broadcast_arrays(*rows) if len({np.shape(r) for r in rows}) == 1 else rows)
        return stacked if dtype is None else np.astype(stacked, np.dtype(dtype))
    if type(object) in structured_types:
        dense = object.to_dense()
        return np.copy(dense) if dtype is None else np.astype(dense, np.dtype(dtype))
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
