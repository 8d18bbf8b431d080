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
import numpy as np

from . import _compiled_linalg as linalg
from . import _compiled_nufft as nufft
from ._compiled import available, module

# Keyword arguments that the compiled transforms have, too.
_OPTIONS = {"eps", "isign", "modeord", "period", "upsampfac", "nthreads"}
_FINUFFT_OPTIONS = {"eps", "isign", "modeord", "upsampfac", "nthreads"}
# Dtypes of the kinds that they take, which they do not: they are converted, or refused, by the functions.
_NOT_COMPUTED = {"float16", "longdouble", "float128", "clongdouble", "complex256"}


def compiled_call(
    function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]
) -> Callable[[], Any] | None:
    """A call in its compiled form, if it has one that can be used here.

    Where it cannot, as for arguments of other types than usual, the function itself is run, or says what is
    wrong with them.

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


def _takes(a: Any, kinds: str) -> bool:
    """Whether an argument is an array of JAX or of NumPy, of a dtype that the compiled functions take."""
    if not isinstance(a, jax.Array) and type(a) is not np.ndarray:
        return False
    return isinstance(a.dtype, np.dtype) and a.dtype.kind in kinds and a.dtype.name not in _NOT_COMPUTED


def _are_static(options: dict[str, Any]) -> bool:
    return not any(isinstance(x, jax.core.Tracer) for x in jax.tree.leaves(options))


def _given(names: Sequence[str], args: Sequence[Any], kwargs: dict[str, Any]) -> dict[str, Any] | None:
    """The arguments by name; None where there are too many, or one is given twice."""
    if len(args) > len(names) or not set(names[: len(args)]).isdisjoint(kwargs):
        return None
    return dict(zip(names, args, strict=False)) | kwargs


def _transform(form: Callable[..., Any], names: Sequence[str], own: set[str]) -> Callable[..., Any]:
    """A transform of points and data; ``names`` are those of its positional arguments."""

    def find(args: Sequence[Any], kwargs: dict[str, Any]) -> Callable[[], Any] | None:
        given = _given(names, args, kwargs)
        if given is None or not set(names) <= set(given):
            return None
        if given.get("fft", 0) is None:
            del given["fft"]
        data = {*names[:2], *(["dipoles"] if given.get("dipoles") is not None else [])}
        options = {name: value for name, value in given.items() if name not in data}
        if not set(options) <= _OPTIONS | own or not _are_static(options):
            return None
        if not all(_takes(given[name], "f" if name == "points" else "fc") for name in data):
            return None
        return functools.partial(form, **given)

    return find


def _finufft(d: int, kind: int) -> Callable[..., Any]:
    """FINUFFT's function of type 1 or 2 in d dimensions: (x, ..., c, n_modes, out, eps, isign)."""
    names = [*"xyz"[:d], *(("c", "n_modes") if kind == 1 else ("f",)), "out", "eps", "isign"]
    arrays = names[: d + 1]

    def find(args: Sequence[Any], kwargs: dict[str, Any]) -> Callable[[], Any] | None:
        given = _given(names, args, kwargs)
        if given is None or given.pop("out", None) is not None or not set(arrays) <= set(given):
            return None
        options = {name: value for name, value in given.items() if name not in arrays}
        modes = options.pop("n_modes", None)
        if not set(options) <= _FINUFFT_OPTIONS or not _are_static(options | {"n_modes": modes}):
            return None
        *coordinates, data = [given[name] for name in arrays]
        if not all(_takes(x, "f") and x.ndim == 1 and x.shape == coordinates[0].shape for x in coordinates):
            return None
        if not _takes(data, "fc"):
            return None
        points = jnp.stack(coordinates, -1)
        if kind == 2:
            return functools.partial(nufft.nufft2, points, data, **options)
        if modes is None or data.shape[-1:] != coordinates[0].shape:
            return None
        modes = (modes,) * d if np.ndim(modes) == 0 else modes
        return functools.partial(nufft.nufft1, points, data, modes, **options)

    return find


def _small(form: Callable[..., Any], n: int) -> Callable[..., Any]:
    """A function of n matrices that are small enough, and of nothing else."""

    def find(args: Sequence[Any], kwargs: dict[str, Any]) -> Callable[[], Any] | None:
        if kwargs or len(args) != n or not all(_takes(a, "biufc") for a in args):
            return None
        if any(a.ndim < 2 or max(a.shape[-2:]) > module().largest_matrix for a in args):
            return None
        return functools.partial(form, *args)

    return find


_FORMS: dict[str, Callable[..., Any]] = {
    "nufft1": _transform(nufft.nufft1, ("points", "values", "n_modes"), {"n_modes", "dipoles"}),
    "nufft2": _transform(nufft.nufft2, ("points", "modes"), {"gradient"}),
    **{f"nufft{d}d{kind}": _finufft(d, kind) for d in (1, 2, 3) for kind in (1, 2)},
    "expm": _small(linalg.expm, 1),
    "solve_sylvester": _small(linalg.solve_sylvester, 3),
    "solve_continuous_lyapunov": _small(linalg.solve_continuous_lyapunov, 2),
    "solve_discrete_lyapunov": _small(linalg.solve_discrete_lyapunov, 2),
}
