"""The transformations: grad, vjp, jvp, linearize, jacobian, hessian, … with JAX's and torch.func's names.

Each runs the function once under a trace (see tracing.linearization) and applies the recorded derivative.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .errors import NotDifferentiableError, SpaceError
from .linear_map import Array, LinearMap, Shape
from .rule import function_name, load_chapters, primal
from .space import Space
from .tracing.apply import innermost
from .tracing.linearization import (
    Argument,
    Linearization,
    Results,
    argument_name,
    detach,
    finished,
    fitted,
    raise_coercion,
    trace_argument,
)
from .tracing.sweep import UNIT
from .tracing.trace import Forward

Function = Callable[..., Any]
Argnums = int | str | Sequence[int | str]


def value_and_grad(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """The function that returns the value and the gradient of a real-valued f.

    Parameters
    ----------
    f : function of numbers, arrays and containers, with a real scalar value.
    argnums : which arguments to differentiate: a position, the name of a keyword argument, or a tuple of such.
    has_aux : f returns (value, aux); aux is passed through as plain values.

    Returns
    -------
    A function with f's arguments that returns (value, gradient), or ((value, aux), gradient).  The gradient has the
    structure, dtype and realness of the argument (a tuple of such for a tuple of argnums); integers count as float64.
    For complex z it is ∂f/∂x + i ∂f/∂y.

    Raises
    ------
    NotDifferentiableError : where f's value is not a real scalar, or an argument has no tangent.

    Cost: the function, and about as much again; memory for what the rules keep.

    >>> import numpy as np
    >>> value_and_grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    (np.float64(5.0), array([2., 4.]))
    """
    name, single = function_name(f), isinstance(argnums, (int, str))

    @functools.wraps(f, updated=())
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        lin = _linearized(f, name, args, kwargs, argnums, has_aux)
        results = lin.results
        gradients = lin.gradients([_scalar_seed(results, name)], consume=True)
        value = (results.value, lin.aux) if has_aux else results.value
        return value, gradients[0] if single else tuple(gradients)

    return wrapped


def grad(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """The gradient function of a real-valued f; with has_aux it returns (gradient, aux).  See `value_and_grad`.

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
    value, pullback (and aux, with has_aux).  ``pullback(cotangent)`` takes a cotangent of the value's structure and
    returns a tuple with one entry per primal.  It may be called any number of times.

    >>> import numpy as np
    >>> value, pullback = vjp(np.fft.fft, np.array([1.0, 2.0, 3.0]))
    >>> pullback(np.ones(3, complex))
    (array([3., 0., 0.]),)
    """
    name = function_name(f)
    lin = Linearization(name, f, range(_count(name, primals)), primals, has_aux)

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        leaves = lin.results.cotangent_leaves(cotangent, f"the cotangent given to the pullback of {name}")
        return tuple(lin.gradients(leaves))

    return (lin.results.value, pullback, lin.aux) if has_aux else (lin.results.value, pullback)


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
    try:
        stand_ins = []
        for k, (x, t) in enumerate(zip(primals, tangents, strict=True)):
            argument = Argument(x, k, name)
            leaves = argument.tangent_leaves(t, f"the tangent for {argument_name(k, name)}")
            stand_ins.append(trace_argument(argument, trace, leaves))
        out = f(*stand_ins)
        aux = None
        if has_aux:
            out, aux = out
            aux = detach(aux, trace)
        results = Results(out, trace, name)
    except ValueError as error:
        raise_coercion(error)
        raise
    finally:
        trace.close()
    tangent = results.rebuild([finished(s, t) for s, t in zip(results.spaces, results.nodes, strict=True)])
    return (results.value, tangent, aux) if has_aux else (results.value, tangent)


class Derivative(LinearMap):
    """The derivative of a function at a point: a linear map between the spaces of its arguments and its results.

    ``L(*tangents)`` pushes forward, ``L.adjoint(cotangent)`` pulls back (a tuple where there are several arguments),
    ``L.to_dense()`` writes it out.  shape, dtype, matvec and rmatvec make it a LinearOperator for
    scipy.sparse.linalg: flat vectors, the arguments one after the other.
    """

    __slots__ = ("_lin",)

    def __init__(self, lin: Linearization) -> None:
        self._lin = lin

    def __call__(self, *tangents: Any) -> Any:
        lin = self._lin
        if len(tangents) != len(lin.arguments):
            raise SpaceError(f"{lin.name}: {len(lin.arguments)} tangents are due, got {len(tangents)}")
        leaves: list[Any] = []
        for k, (a, t) in enumerate(zip(lin.arguments, tangents, strict=True)):
            leaves += a.tangent_leaves(t, f"the tangent for argument {k} of {lin.name}")
        out = lin.push(leaves)
        return lin.results.rebuild([finished(s, t) for s, t in zip(lin.results.spaces, out, strict=True)])

    def pull(self, w: Any) -> Any:
        """The pullback of a cotangent; a tuple where there are several arguments."""
        lin = self._lin
        leaves = lin.results.cotangent_leaves(w, f"the cotangent given to the pullback of {lin.name}")
        gradients = lin.gradients(leaves)
        return gradients[0] if len(gradients) == 1 else tuple(gradients)

    def push(self, v: Any) -> Any:
        """The pushforward of a tangent; of a tuple of tangents where there are several arguments."""
        return self(v) if len(self._lin.arguments) == 1 else self(*v)

    def to_dense(self, in_shape: Any = None, dtype: Any = None) -> Any:
        """The Jacobian, with the structure of `jacobian`'s result: output's shape, then input's."""
        lin = self._lin
        blocks = _jacobian_blocks(lin)
        return _assemble(lin, blocks, len(lin.arguments) == 1)

    @property
    def shape(self) -> tuple[int, int]:
        """(number of output entries, number of input entries)."""
        return (_total(self._lin.results.spaces), _total(self._lin.in_spaces))

    @property
    def dtype(self) -> Any:
        """The common dtype of inputs and outputs."""
        _require_complex_linear(self._lin)
        return np.result_type(*(s.dtype for s in (*self._lin.in_spaces, *self._lin.results.spaces)))

    def matvec(self, v: Array) -> Array:
        """The pushforward of a flat vector."""
        tangents = _split(np.reshape(v, -1), self._lin.in_spaces)
        return _join(self._lin.push(tangents), self._lin.results.spaces)

    def rmatvec(self, w: Array) -> Array:
        """The pullback of a flat vector."""
        cotangents = _split(np.reshape(w, -1), self._lin.results.spaces)
        return _join(self._lin.pull(cotangents), self._lin.in_spaces)


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
    lin = Linearization(name, f, range(_count(name, primals)), primals, False)
    return lin.results.value, Derivative(lin)


def jacobian(f: Function, argnums: Argnums = 0) -> Function:
    """The function that returns the Jacobian of f: shape of the output, then of the input.

    One pass over a stack of directions, forward or reverse, whichever has fewer; a function that is a single rule with
    structure (np.linalg.inv: a Kronecker product) is written out directly.  Containers give containers: that of the
    output, each leaf holding that of the input.  With complex arguments f must be complex differentiable.

    >>> import numpy as np
    >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    name, single = function_name(f), isinstance(argnums, (int, str))

    @functools.wraps(f, updated=())
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        lin = _linearized(f, name, args, kwargs, argnums, False)
        return _assemble(lin, _jacobian_blocks(lin), single)

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
    """The Hessian of a real-valued f applied to tangents, by a pushforward of the gradient: no Hessian is formed.

    Returns a tuple with one entry per primal.

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


# --- parts ---------------------------------------------------------------------------------------------------------


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
                raise TypeError(f"argnums names {which!r}, but {name} was called without that keyword argument")
            primals.append(kwargs[which])
        else:
            if not -len(args) <= which < len(args):
                raise TypeError(f"argnums selects argument {which}, but {name} was called with {len(args)} of them")
            which %= len(args)
            primals.append(args[which])
        positions.append(which)
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
    if type(results.value) in (float, np.float64):
        return 1.0
    value = primal(results.value)
    space = results.spaces[0] if results.treedef is None else None
    if space is None or space.shape != () or space.dtype is None:
        what = f"shape {np.shape(value)}" if isinstance(value, np.ndarray) else type(value).__name__
        raise NotDifferentiableError(
            f"grad needs a function with a real scalar value; {name} returned {what}. "
            "Use fr.jacobian, fr.vjp or fr.jvp for other values" + (" (was a return forgotten?)" if value is None else "")
        )
    if isinstance(value, (int, np.integer)) or (isinstance(value, np.ndarray) and value.dtype.kind in "iu"):
        raise NotDifferentiableError(
            f"grad needs a function with a real scalar value; {name} returned the integer {value!r}, "
            "which has no derivative"
        )
    if space.dtype.kind == "c":
        raise NotDifferentiableError(
            f"grad needs a real-valued function; {name} returned a complex value. Take its real part, imaginary part "
            "or absolute value, or use fr.vjp with a complex cotangent"
        )
    return space.project(1.0)


def _jacobian_blocks(lin: Linearization) -> list[list[Array]]:
    """blocks[j][k]: the derivative of result leaf j in argument leaf k, of shape output + input."""
    ins, outs = lin.in_spaces, lin.results.spaces
    for s in outs:
        if s.dtype is None:
            raise NotDifferentiableError(f"{lin.name} returned a value that has no tangent; it has no Jacobian")
    _require_complex_linear(lin)
    any_complex = any(s.dtype.kind == "c" for s in (*ins, *outs))
    blocks: list[list[Any]] = [[None] * len(ins) for _ in outs]
    if any_complex or _total(ins) < _total(outs):
        for k, s in enumerate(ins):
            seeds: list[Any] = [None] * len(ins)
            seeds[k] = UNIT
            for j, columns in enumerate(lin.push(seeds, s.shape)):
                if columns is not None:
                    n = len(s.shape)
                    columns = columns if columns is not UNIT else _unit(s)
                    blocks[j][k] = np.moveaxis(columns, range(n), range(-n, 0)) if n else columns
    else:
        for j, s in enumerate(outs):
            seeds = [None] * len(outs)
            seeds[j] = UNIT
            for k, rows in enumerate(lin.pull(seeds, s.shape)):
                if rows is not None:
                    blocks[j][k] = _unit(s) if rows is UNIT else rows
    for j, out in enumerate(outs):
        for k, s in enumerate(ins):
            dtype = np.result_type(out.dtype, s.dtype)
            if blocks[j][k] is None:
                blocks[j][k] = np.zeros(out.shape + s.shape, dtype)
            elif out.shape + s.shape == ():
                blocks[j][k] = finished(out, blocks[j][k])
            elif type(blocks[j][k]) is np.ndarray and not blocks[j][k].flags.writeable:
                blocks[j][k] = blocks[j][k].copy()
    return blocks


def _unit(space: Space) -> Array:
    n = int(np.prod(space.shape))
    return np.eye(n, dtype=space.dtype).reshape(space.shape + space.shape)


def _assemble(lin: Linearization, blocks: list[list[Array]], single: bool) -> Any:
    """The blocks in the containers of the results, each holding the containers of the arguments."""
    per_result = []
    for row in blocks:
        entries = iter(row)
        arguments = [a.rebuild([next(entries) for _ in a.varied], constant=lambda leaf: None) for a in lin.arguments]
        per_result.append(arguments[0] if single else tuple(arguments))
    return lin.results.rebuild(per_result)


def _require_complex_linear(lin: Linearization) -> None:
    """Refuse to write out a derivative that is linear over the reals only, with complex arguments.

    Tested on a random direction v: L(i v) = i L(v).  The two differ by rounding or by something of their own size.
    """
    if not any(s.dtype.kind == "c" for s in lin.in_spaces):
        return
    rng = np.random.default_rng(0)
    tangents, rotated = [], []
    for s in lin.in_spaces:
        v = rng.standard_normal(s.shape) + (1j * rng.standard_normal(s.shape) if s.dtype.kind == "c" else 0)
        tangents.append(s.project(v[()] if isinstance(v, np.ndarray) else v))
        rotated.append(s.project(1j * v) if s.dtype.kind == "c" else None)
        if s.dtype.kind != "c":
            tangents[-1] = None
    for s, a, b in zip(lin.results.spaces, lin.push(tangents), lin.push(rotated), strict=True):
        if a is None or b is None:
            continue
        a, b = primal(a), primal(b)
        tolerance = 1e3 * np.finfo(s.dtype).eps * max(1.0, np.max(np.abs(a), initial=0.0))
        if s.dtype.kind != "c" or np.max(np.abs(b - 1j * a), initial=0.0) > tolerance:
            if s.dtype.kind != "c" and not np.any(a) and not np.any(b):
                continue
            raise NotDifferentiableError(
                f"{lin.name} is not complex differentiable in its complex argument, so its derivative is not a complex "
                "matrix. Use fr.grad or fr.vjp (gradients by the real inner product), or make real and imaginary part "
                "two arguments"
            )


def _total(spaces: Sequence[Space]) -> int:
    return sum(int(np.prod(s.shape)) for s in spaces)


def _split(v: Array, spaces: Sequence[Space]) -> list[Any]:
    parts, at = [], 0
    for s in spaces:
        n = int(np.prod(s.shape))
        part: Shape | Any = np.reshape(v[at : at + n], s.shape)
        parts.append(fitted(s, part if s.shape else part[()], "the vector"))
        at += n
    return parts


def _join(parts: Sequence[Any], spaces: Sequence[Space]) -> Array:
    filled = [s.zeros() if p is None else p for p, s in zip(parts, spaces, strict=True)]
    return np.concatenate([np.reshape(p, -1) for p in filled])
