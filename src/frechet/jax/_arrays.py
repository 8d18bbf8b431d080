"""Arrays of JAX as NumPy's, and the other way round, without copies where that is safe."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax import dtypes

from ..errors import NotDifferentiableError
from ..operators import Outline


def is_array(x: Any) -> bool:
    """Whether x is an array or a tracer of JAX.

    Examples
    --------
    >>> import numpy as np
    >>> is_array(np.ones(2))
    False
    """
    return isinstance(x, jax.Array)


def canonical(dtype: Any) -> np.dtype[Any]:
    """The dtype as JAX has it: of 32 bits, unless jax_enable_x64 is set."""
    return np.dtype(dtypes.canonicalize_dtype(dtype))


def checked_dtype(dtype: Any, name: str) -> None:
    """Refuse what NumPy has no arithmetic for."""
    if not isinstance(dtype, np.dtype) or dtype.kind not in "biufc":
        hint = " Cast it first: x.astype(jnp.float32)" if "float" in str(dtype) else ""
        raise NotDifferentiableError(
            f"{name} was given an array of dtype {dtype}, which NumPy does not compute with.{hint}"
        )


def to_numpy(x: Any) -> np.ndarray:
    """An argument as a read-only NumPy array of the dtype that JAX gives it."""
    a = np.asarray(x)
    if a.flags.writeable or not isinstance(x, jax.Array):  # an array of NumPy, or a number of JAX
        dtype = canonical(a.dtype)
        a = a.view() if a.dtype == dtype else a.astype(dtype)
        a.flags.writeable = False
    return a


# The quickest way to make an array of JAX is a compiled function that returns its argument.  It is compiled
# for each shape, which pays where there are many of one.
_identity = jax.jit(lambda x: x)
_seen: Counter[Outline] = Counter()
_OFTEN, _FEW = 64, 10_000


def to_jax(results: list[np.ndarray], device: Any) -> list[Any]:
    """Results as JAX's arrays, on a certain device or on the default one.

    JAX may take over the memory of an array that nobody else holds.
    """
    out: list[Any] = []
    results.reverse()
    while results:
        a = results.pop()
        if a.base is not None or sys.getrefcount(a) > 2:  # a itself, and the argument of the call
            a = a.copy()
        if device is not None:
            out.append(jax.device_put(a, device))
            continue
        key = a.shape, a.dtype
        _seen[key] += 1
        out.append(_identity(a) if _seen[key] > _OFTEN else jax.device_put(a))
    if len(_seen) > _FEW:
        _seen.clear()
    return out


def device_of(arrays: Sequence[Any]) -> Any:
    """The device that results belong to: that of arguments that were put on one; else None."""
    found = {d for a in arrays if isinstance(a, jax.Array) and a.committed for d in a.devices()}
    return found.pop() if len(found) == 1 else None
