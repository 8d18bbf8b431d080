"""Functions of NumPy arrays as functions of JAX arrays."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jax import tree_util

from ..errors import NotDifferentiableError, RuleError
from ..operators import Arrays, Function, core_dimensions, outline
from ..rule import function_name
from ._call import Call, taken_apart
from ._compiled_functions import compiled_call
from ._lowering import can_hold, listed
from ._primitive import bind

# Calls of one function that differ in what is no array: as many are known at a time.
_CALLS = 256


def wrap(
    f: Callable[..., Any] | None = None,
    *,
    linear: bool = False,
    signature: str | None = None,
    result: Callable[..., Any] | None = None,
) -> Any:
    """A function that Frechet differentiates, as a function of JAX arrays.

    Parameters
    ----------
    f : callable
        A function of NumPy arrays, numbers and containers, with such a value.  It is run on NumPy arrays that
        are read-only, and must be pure: what it returns depends on its arguments alone.
    linear : bool, optional
        Whether f is linear in all its arrays together, none of which is an index.  It can then be
        transposed (`jax.linear_transpose`), and a batch of calls is one call.
    signature : str, optional
        What f does with leading axes, as in `numpy.vectorize`: ``"(n,n),(n)->(n)"``.  Under `jax.vmap` it is
        then called once, with stacks; without it, once for each entry.
    result : callable, optional
        ``result(*arguments)`` returns what f returns, with objects that have shape and dtype, such as
        `jax.ShapeDtypeStruct`, in place of arrays.  It is called with arrays whose values have no meaning.
        Without it, f is run on sample values where shapes are to be known before values: in `jax.jit`.

    Returns
    -------
    callable
        A function of f's arguments.  Arrays, of JAX or NumPy, may vary; numbers, strings, None and other
        objects are constants.  It returns JAX arrays, in the containers of f's value.

    Raises
    ------
    RuleError
        Where shapes of results cannot be found without values, or are not as they were said.
    NotDifferentiableError
        Where an argument or a result is of a type or dtype that only one of the two knows.
    CoercionError
        Where an argument is a value that Frechet traces, or belongs to another framework.

    Notes
    -----
    f runs in Python, on this machine's processor: in compiled programs by a callback.  Derivatives of any
    order are Frechet's, forward and reverse; where a gradient is computed, the function is run once, see
    `frechet.operators.memory`.  In JAX's convention, the gradient by a complex argument is the conjugate of
    that of `frechet.grad`.

    Examples
    --------
    >>> import jax
    >>> import jax.numpy as jnp
    >>> import numpy as np
    >>> @wrap
    ... def norm(x):
    ...     return np.sqrt(np.sum(x**2))
    >>> jax.jit(jax.value_and_grad(norm))(jnp.array([3.0, 4.0]))
    (Array(5., dtype=float32), Array([0.6, 0.8], dtype=float32))
    """
    if f is None:
        return functools.partial(wrap, linear=linear, signature=signature, result=result)
    if not callable(f):
        raise TypeError(f"wrap needs a function, got {type(f).__name__}")
    inside = _Wrapped(f, linear, signature, result)

    @functools.wraps(f, updated=())
    def call(*args: Any, **kwargs: Any) -> Any:
        return inside(args, kwargs)

    return call


def call(
    function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], options: dict[str, Any]
) -> Any:
    """A call of a function of ours with arrays of JAX among its arguments.

    Parameters
    ----------
    function : callable
        As for `wrap`.
    args, kwargs
        The arguments of the call.
    options : dict
        The other arguments of `wrap`.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> import numpy as np
    >>> call(np.sum, (jnp.ones(3),), {}, {})
    Array(3., dtype=float32)
    """
    compiled = compiled_call(function, args, kwargs)
    return _wrapped(function, **options)(args, kwargs) if compiled is None else compiled()


@functools.lru_cache(1024)
def _wrapped(function: Callable[..., Any], **options: Any) -> _Wrapped:
    return _Wrapped(function, **options)


class _Wrapped:
    """A function for JAX: it knows the operators of the calls that there have been."""

    def __init__(
        self,
        f: Callable[..., Any],
        linear: bool = False,
        signature: str | None = None,
        result: Callable[..., Any] | None = None,
    ) -> None:
        self.name, self.is_linear = function_name(f), linear
        if signature is not None:
            core_dimensions(signature)  # which checks it

        @functools.lru_cache(_CALLS)
        def operator(key: Call) -> Fixed:
            return Fixed(f, key.rebuild, (key,), linear, signature, result)

        self.operator = operator

    def __call__(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        leaves, treedef = tree_util.tree_flatten((tuple(args), kwargs))
        arrays, key = taken_apart(leaves, treedef, self.name)
        if self.is_linear:
            self.check_linear(arrays)
        operator = self.operator(key)
        results = bind(operator, arrays)
        structure = operator.structure([(a.shape, a.dtype) for a in arrays])
        return results[0] if structure is None else structure.unflatten(results)

    def check_linear(self, arrays: Sequence[Any]) -> None:
        """Refuse integers beside other arrays: an index, as a rule, which does not enter linearly."""
        exact = [a.dtype for a in arrays if a.dtype.kind not in "fc"]
        if exact and len(exact) < len(arrays):
            raise NotDifferentiableError(
                f"{self.name} is said to be linear in all its arrays, and one of them has dtype "
                f"{exact[0]}. Leave out linear=True, make it a float, or put it into the function"
            )


class Fixed(Function):
    """A function whose results have shapes, dtypes and containers that depend on those of the arguments."""

    def noted(self, arrays: Arrays, values: list[np.ndarray]) -> list[np.ndarray]:
        if self.result is None:  # else that says it
            super().noted(arrays, values)
        outlines, returned = [outline(v) for v in values], self.treedef
        known, structure = self._outlined([outline(a) for a in arrays])
        if known == outlines and structure == returned:
            return values
        if structure != returned:
            found, due = f"a value of structure {returned}", f"{structure}"
        else:
            found, due = listed(outlines), listed(known)
            if self.result is not None and can_hold(known, outlines):
                return [v.astype(dtype, copy=False) for v, (_, dtype) in zip(values, known, strict=True)]
        said = "its result= says" if self.result else "for other values of the same shapes it returned"
        raise RuleError(
            f"{self.name} returned {found}, but {said} {due}. JAX needs shapes, dtypes and containers that "
            "do not depend on values"
        )
