"""What XLA calls: the functions of `frechet._xla`, and Python functions through them.

`frechet._xla` is there where JAX's headers were, when frechet was built.  Its functions run on the CPU.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import batching, mlir

__all__ = [
    "available",
    "call",
    "ffi_call",
    "module",
    "original_error",
    "over_stacks",
    "primitive",
    "register",
]

_MISSING = (
    "frechet was built without JAX's headers, so that XLA cannot call its compiled functions; install it "
    "anew with them: FRECHET_XLA=1 pip install --no-binary frechet --force-reinstall frechet"
)


@functools.cache
def _module() -> ModuleType | None:
    try:
        from .. import _xla
    except ModuleNotFoundError:
        return None
    for name, target in _xla.targets.items():
        jax.ffi.register_ffi_target(name, target, platform="cpu")
    return _xla


def available() -> bool:
    """Whether frechet was built with the functions that XLA calls."""
    return _module() is not None


def module() -> Any:
    """frechet._xla, its functions registered with JAX.

    Raises
    ------
    ImportError
        If frechet was built without it.
    """
    built = _module()
    if built is None:
        raise ImportError(_MISSING)
    return built


def ffi_call(target: str, results: Any, *arguments: Any, **attributes: Any) -> Any:
    """Call a function of `frechet._xla`.

    Parameters
    ----------
    target : str
        Its name.
    results : jax.ShapeDtypeStruct, or a sequence of them
    *arguments : array
    **attributes : int, or array of int64 or float64
    """
    module()
    static = {k: np.int64(v) if isinstance(v, (bool, int)) else v for k, v in attributes.items()}
    prepared: Any = jax.ffi.ffi_call(target, results)
    return prepared(*arguments, **static)


def register(function: Callable[..., Any], borrow: bool = False) -> int:
    """The number of a Python function for `call`; it is kept for as long as the process lives.

    Parameters
    ----------
    function : callable
        Of NumPy arrays (read-only), which returns an array or a tuple of them.
    borrow : bool, optional
        Whether its arguments lie in XLA's memory, without a copy.  It may then keep none of them, nor a view:
        that is an error.
    """
    number: int = module().register_function(function, borrow)
    return number


def call(number: int, results: Any, *arguments: Any) -> Any:
    """Call a Python function from compiled code.

    As `jax.pure_callback`, but by way of `frechet._xla`, which takes less time: XLA may call it any number of
    times, from any thread.

    Parameters
    ----------
    number : int
        From `register`.
    results : jax.ShapeDtypeStruct, or a sequence of them
        What the function returns.
    *arguments : array
        Of any dtype that NumPy has.

    Returns
    -------
    array, or list of arrays

    Notes
    -----
    An exception of the function is an error of JAX's, whose text has its type and message; `original_error`
    gives the exception.  The compiled code belongs to this process.

    Examples
    --------
    >>> import jax, numpy as np
    >>> number = register(np.sort)
    >>> @jax.jit
    ... def ordered(x):
    ...     return call(number, jax.ShapeDtypeStruct(x.shape, x.dtype), x)
    >>> ordered(np.array([3, 1, 2], np.int32))
    Array([1, 2, 3], dtype=int32)
    """
    one = not isinstance(results, Sequence)
    return ffi_call("frechet_call", results if one else tuple(results), *arguments, function=number)


def original_error(error: BaseException) -> BaseException | None:
    """The exception of a Python function behind an error of JAX's, if it was one of the last; once."""
    built = _module()
    found: BaseException | None = None if built is None else built.take_error(str(error))
    return found


def primitive(
    name: str,
    evaluate: Callable[..., jax.Array],
    shape: Callable[..., tuple[tuple[int, ...], Any]],
) -> Primitive:
    """A primitive of JAX's that is other JAX code, with rules of its own for derivatives and stacks.

    Parameters
    ----------
    name : str
    evaluate : callable
        The value, in JAX's own functions and `ffi_call`, of arrays and static keyword arguments.
    shape : callable
        The shape and dtype of the value, likewise.
    """
    new = Primitive(name)

    @functools.lru_cache(maxsize=1024)
    def compiled(parameters: tuple[tuple[str, Any], ...]) -> Any:
        return jax.jit(functools.partial(evaluate, **dict(parameters)))

    def evaluate_now(*arrays: Any, **parameters: Any) -> Any:
        return compiled(tuple(sorted(parameters.items())))(*arrays)

    def abstract(*arrays: Any, **parameters: Any) -> Any:
        return ShapedArray(*shape(*arrays, **parameters))

    new.def_impl(evaluate_now)
    new.def_abstract_eval(abstract)
    mlir.register_lowering(new, mlir.lower_fun(evaluate, multiple_results=False))
    return new


def over_stacks(new: Primitive, stacked: Sequence[int]) -> None:
    """vmap of a primitive whose arguments ``stacked`` have a stack axis in front, as its result has.

    Where no other argument is batched the batch joins the stack; else there is a loop.
    """

    def batched(arrays: Sequence[Any], axes: Sequence[int | None], **parameters: Any) -> Any:
        fronted = [
            a if axis is None else jnp.moveaxis(a, axis, 0) for a, axis in zip(arrays, axes, strict=True)
        ]
        size = next(a.shape[0] for a, axis in zip(fronted, axes, strict=True) if axis is not None)
        if all(axis is None for k, axis in enumerate(axes) if k not in stacked):
            for k in stacked:
                a = (
                    fronted[k]
                    if axes[k] is not None
                    else jnp.broadcast_to(fronted[k], (size, *arrays[k].shape))
                )
                length = a.shape[1]
                fronted[k] = jnp.reshape(a, (size * length, *a.shape[2:]))
            value = new.bind(*fronted, **parameters)
            return jnp.reshape(value, (size, length, *value.shape[1:])), 0

        def one(some: list[Any]) -> Any:
            given = iter(some)
            return new.bind(
                *[next(given) if axis is not None else a for a, axis in zip(fronted, axes, strict=True)],
                **parameters,
            )

        return jax.lax.map(one, [a for a, axis in zip(fronted, axes, strict=True) if axis is not None]), 0

    batching.primitive_batchers[new] = batched
