"""Frechet's functions inside JAX: as primitives that every transformation of JAX knows.

`wrap` makes a function of JAX arrays out of a function that Frechet differentiates; the functions of
fr.linalg, fr.fft, fr.nufft and fr.sparse, and those with a rule of yours, take JAX arrays and tracers by
themselves.  `frechet.jax.sharded` has nonuniform transforms of points that are shared out over devices.
"""

from __future__ import annotations

try:
    import jax as _jax  # noqa: F401  # whether it is there
except ImportError as _error:
    raise ImportError(
        "frechet.jax needs JAX 0.6 or later, which is not installed: pip install 'jax>=0.6'"
    ) from _error

from . import sharded
from ._arrays import is_array
from ._wrap import call, wrap

__all__ = ["call", "is_array", "sharded", "wrap"]
