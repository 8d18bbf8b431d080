"""wrap: a function of arrays as one of tensors."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import torch

from ._apply import evaluate
from ._operators import Operators


def wrap(
    f: Callable[..., Any] | None = None,
    *,
    linear: bool = False,
    signature: str | None = None,
    result: Callable[..., Any] | None = None,
) -> Any:
    """A function of NumPy arrays as one of tensors, with PyTorch's derivatives of any order.

    Parameters
    ----------
    f : callable
        A function that Frechet differentiates: of arrays, numbers and containers of such (dict, list, tuple,
        named tuple, dataclass), with any further arguments.  Without it, a decorator is returned.
    linear : bool, optional
        Say so if f is linear in all its tensors together: its derivatives then do not keep them.
    signature : str, optional
        What f does with leading axes, as in `numpy.vectorize`: ``"(n,n),(n)->(n)"``.  torch.func.vmap then
        calls f once for a batch, else for each entry.
    result : callable, optional
        ``result(*arguments)``, of arrays without meaningful values, returns an object with shape and dtype in
        place of each array that f returns.  It is used by torch.compile alone, which otherwise runs f on
        sample values.

    Returns
    -------
    Wrapped
        A function with f's arguments.  Tensors among these, also inside containers, are what it is
        differentiated by; arrays, numbers and everything else are constants.  It returns what f returns, with
        tensors in place of arrays and numbers, on the device of the arguments.

    Raises
    ------
    TypeError
        When called with tensors of float16, bfloat16, or of a sparse layout; with arrays of JAX or traced
        values of Frechet beside tensors; or if f returns what is no array or number.
    RuntimeError
        When called with tensors on different devices.

    Warns
    -----
    HostTransferWarning
        Once, if tensors are not on the CPU: they are copied to the host and back.

    Notes
    -----
    On the CPU the arrays that f sees are the tensors' memory; they are read-only.  Where a derivative will be
    asked for, it is prepared together with the value, on copies of the arguments.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> @wrap
    ... def energy(A):
    ...     return np.sum(np.linalg.inv(A) ** 2)
    >>> A = torch.tensor([[2.0, 1.0], [0.0, 1.0]], dtype=torch.float64, requires_grad=True)
    >>> energy(A)
    tensor(1.5000, dtype=torch.float64, grad_fn=<FrechetCallBackward>)
    >>> energy(A).backward()
    >>> A.grad
    tensor([[-0.5000,  0.5000],
            [ 1.5000, -2.5000]], dtype=torch.float64)
    """
    if f is None:
        return functools.partial(wrap, linear=linear, signature=signature, result=result)
    if not callable(f):
        raise TypeError(f"wrap takes a function, got {f!r:.60}")
    if isinstance(f, Wrapped):
        raise TypeError(f"wrap: {f!r} is a function of tensors already")
    return Wrapped(f, linear, signature, result)


class Wrapped:
    """What `wrap` makes: a function of tensors.  It is pickled by the name of the function that it wraps."""

    def __init__(self, f: Callable[..., Any], *options: Any) -> None:
        functools.update_wrapper(self, f, updated=())
        self.operators = Operators(f, *options)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if torch.compiler.is_compiling():
            from ._compile import call_compiled

            return call_compiled(self.operators, args, kwargs)
        operator, tensors = self.operators.of_call(args, kwargs)
        results = evaluate(operator, tensors)
        treedef = operator.treedef
        return results[0] if treedef is None else treedef.unflatten(results)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """As a method: the instance is then the first argument."""
        return self if instance is None else functools.partial(self, instance)

    def __reduce__(self) -> Any:
        module = sys.modules.get(getattr(self, "__module__", ""))
        name: str = getattr(self, "__qualname__", "")
        found: Any = module
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is self:  # it was made by a decorator, and has the function's name
            return name
        made = self.operators
        return Wrapped, (made.function, made.linear, made.signature, made.result)

    def __repr__(self) -> str:
        return f"<{self.operators.name}, of tensors>"


@functools.lru_cache(512)
def wrapped(f: Callable[..., Any], linear: bool = False, signature: str | None = None) -> Wrapped:
    """What `wrap` makes of a function, made once."""
    return Wrapped(f, linear, signature)


def call(
    f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], options: dict[str, Any]
) -> Any:
    """A function at arguments with tensors among them; the options are those of `wrap`."""
    if torch.compiler.is_compiling():
        from ._compile import call_guest

        return call_guest(f, args, kwargs, options.get("linear", False), options.get("signature"))
    return wrapped(f, **options)(*args, **kwargs)


def is_array(x: Any) -> bool:
    """Whether x is a tensor."""
    return isinstance(x, torch.Tensor)
