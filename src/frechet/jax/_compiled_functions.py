"""Which functions of ours have a compiled form, and which calls of them it takes.

Inside JAX's transformations a call of `fr.nufft.nufft1` and of some others is then compiled with the program
around it, where all else is a callback into Python.  Outside of them, where nothing is compiled, the function
itself is run.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from . import _compiled_linalg as linalg
from . import _compiled_nufft as nufft
from ._compiled import available, module

# Keyword arguments that the compiled transforms have, too.
_OPTIONS = {"eps", "isign", "modeord", "period", "upsampfac", "nthreads"}
_FINUFFT_OPTIONS = {"modeord", "upsampfac", "nthreads"}


def compiled_call(
    function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]
) -> Callable[[], Any] | None:
    """A call in its compiled form, if it has one that can be used here.

    Parameters
    ----------
    function : callable
        A function of fr.linalg or fr.nufft.
    args, kwargs
        Its arguments.
    """
    find = _FORMS.get(getattr(function, "__name__", ""))
    if find is None or not function.__module__.startswith("frechet."):
        return None
    traced = any(isinstance(a, jax.core.Tracer) for a in (*args, *kwargs.values()))
    if not traced or not available() or jax.default_backend() != "cpu":
        return None
    form: Callable[[], Any] | None = find(args, kwargs)
    return form


def _transform(form: Callable[..., Any], own: set[str]) -> Callable[..., Any]:
    def find(args: Sequence[Any], kwargs: dict[str, Any]) -> Callable[[], Any] | None:
        given = {name: value for name, value in kwargs.items() if name != "fft" or value is not None}
        if not set(given) <= _OPTIONS | own:
            return None
        return functools.partial(form, *args, **given)

    return find


def _finufft(d: int, kind: int) -> Callable[..., Any]:
    """FINUFFT's function of type 1 or 2 in d dimensions: (x, ..., c, n_modes, out, eps, isign)."""

    def find(args: Sequence[Any], kwargs: dict[str, Any]) -> Callable[[], Any] | None:
        names = [*"xyz"[:d], *(("c", "n_modes") if kind == 1 else ("f",)), "out", "eps", "isign"]
        if len(args) > len(names):
            return None
        given = dict(zip(names, args, strict=False)) | kwargs
        options = {name: value for name, value in given.items() if name not in names}
        needed = names[: d + kind % 2 + 1]
        if given.get("out") is not None or not set(options) <= _FINUFFT_OPTIONS:
            return None
        if any(given.get(name) is None for name in needed):
            return None
        options |= {name: given[name] for name in ("eps", "isign") if name in given}
        coordinates = [jnp.asarray(given[name]) for name in names[:d]]
        if any(a.ndim != 1 or a.shape != coordinates[0].shape for a in coordinates):
            return None  # the function itself says what is wrong
        points = jnp.stack(coordinates, -1)
        if kind == 2:
            return functools.partial(nufft.nufft2, points, given["f"], **options)
        modes = given["n_modes"]
        return functools.partial(
            nufft.nufft1, points, given["c"], (modes,) * d if jnp.ndim(modes) == 0 else modes, **options
        )

    return find


def _small(form: Callable[..., Any], n: int) -> Callable[..., Any]:
    """A function of n matrices that are small enough, and of nothing else."""

    def find(args: Sequence[Any], kwargs: dict[str, Any]) -> Callable[[], Any] | None:
        if kwargs or len(args) != n:
            return None
        shapes = [jnp.shape(a) for a in args]
        if any(len(s) < 2 or max(s[-2:]) > module().largest_matrix for s in shapes):
            return None
        return functools.partial(form, *args)

    return find


_FORMS: dict[str, Callable[..., Any]] = {
    "nufft1": _transform(nufft.nufft1, {"dipoles", "points", "values", "n_modes"}),
    "nufft2": _transform(nufft.nufft2, {"gradient", "points", "modes"}),
    **{f"nufft{d}d{kind}": _finufft(d, kind) for d in (1, 2, 3) for kind in (1, 2)},
    "expm": _small(linalg.expm, 1),
    "solve_sylvester": _small(linalg.solve_sylvester, 3),
    "solve_continuous_lyapunov": _small(linalg.solve_continuous_lyapunov, 2),
    "solve_discrete_lyapunov": _small(linalg.solve_discrete_lyapunov, 2),
}
