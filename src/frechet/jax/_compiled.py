"""What XLA calls: the functions of `frechet._xla`, and Python functions through them.

`frechet._xla` is there where JAX's headers were, when frechet was built.  Its functions run on the CPU.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import jax
import numpy as np

__all__ = ["available", "call", "ffi_call", "module", "original_error", "register"]

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
        register_target: Any = jax.ffi.register_ffi_target  # which has no annotations
        register_target(name, target, platform="cpu")
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
    calls: Any = jax.ffi.ffi_call(target, results)
    return calls(*arguments, **static)


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

    As `jax.pure_callback`, in about a microsecond: XLA may call it any number of times, from any thread.

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
