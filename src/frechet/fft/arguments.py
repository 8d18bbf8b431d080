"""What the functions of scipy.fft have in common: arguments, documentation, and how they become rules."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..linear_map import Array
from ..rule import Body, Rule
from ..rules.fft_maps import library

EXAMPLES = """
    Examples
    --------
"""

ONE_AXIS = (
    """
    Parameters
    ----------
    x : array
        Traced or plain; a plain one is handed to scipy.fft as it is.
    n : int, optional
        Length of the transform; the input is cropped or padded with zeros to fit.  By default what x has.
    axis : int, optional
        The axis that is transformed.
    norm : {"backward", "ortho", "forward"}, optional
        Which direction carries the factor.
    overwrite_x : bool, optional
        x may be overwritten; a traced x never is.
    workers : int, optional
        Number of threads; by default that of scipy.fft.set_workers, which is 1.

    Raises
    ------
    ValueError, IndexError, TypeError
        Where SciPy raises them, for a length, an axis, a norm or a dtype.
"""
    + EXAMPLES
)

SEVERAL_AXES = ONE_AXIS.replace(
    "n : int, optional\n        Length of the transform; the input is cropped or padded with zeros to fit.  "
    "By default what x has.",
    "s : sequence of int, optional\n"
    "        Lengths of the transform along the axes; the input is cropped or padded with zeros to fit.\n"
    "        −1 stands for what x has, which is the default for all.",
).replace(
    "axis : int, optional\n        The axis that is transformed.",
    "axes : sequence of int, optional\n"
    "        The axes that are transformed, distinct; by default the last len(s), or all.",
)


def scipy_function(parameters: str, may_view: bool = False) -> Callable[[Body], Rule]:
    """Make the body of a rule, named like a function of scipy.fft, a function of plain and traced arrays.

    ``parameters`` is put into its docstring in the place of «parameters», before the examples.
    """

    def make(body: Body) -> Rule:
        name = body.__name__

        @functools.wraps(body)
        def plain(*args: Any, **kwargs: Any) -> Any:
            return getattr(library(), name)(*args, **kwargs)

        plain.__doc__ = (body.__doc__ or "").replace("«parameters»", parameters.strip())
        return Rule(plain, body, f"frechet.fft.{name}", may_view)

    return make


def axis_and_size(
    x: Array, n: Any, axis: Any, default: Callable[[int], int] = lambda m: m
) -> tuple[list[int], list[int]]:
    """The axis of a one-dimensional transform, counted from the end, and its length."""
    k = int(normalize_axis_index(operator.index(axis), np.ndim(x))) - np.ndim(x)
    return [k], [checked_size(default(x.shape[k]) if n is None else n)]


def axes_and_sizes(
    x: Array, s: Any, axes: Any, default: Callable[[int], int] = lambda m: m, at_least_one: bool = False
) -> tuple[list[int], list[int]]:
    """Axes, counted from the end, and lengths of an n-dimensional transform; ``default`` is for the last."""
    ndim = np.ndim(x)
    if s is not None:
        s = integers(s, "s")
        if axes is None and len(s) > ndim:
            raise ValueError("s requires more axes than are present")
    if axes is None:
        axes = range(-ndim if s is None else -len(s), 0)
    axes = [int(normalize_axis_index(k, ndim)) - ndim for k in integers(axes, "axes")]
    if len(set(axes)) != len(axes):
        raise ValueError("all axes must be unique")
    if at_least_one and not axes:
        raise ValueError("at least 1 axis must be transformed")
    if s is None:
        sizes = [x.shape[k] for k in axes]
        if axes:
            sizes[-1] = default(sizes[-1])
    elif len(s) != len(axes):
        raise ValueError("when given, axes and s have to be of the same length")
    else:
        sizes = [x.shape[k] if m == -1 else m for m, k in zip(s, axes, strict=True)]
    return axes, [checked_size(n) for n in sizes]


def integers(values: Any, name: str) -> Sequence[int]:
    """One integer or a sequence of them, as a list."""
    try:
        return [operator.index(v) for v in (values if np.iterable(values) else (values,))]
    except TypeError:
        raise ValueError(f"{name} must be an integer or a sequence of integers") from None


def checked_size(n: Any) -> int:
    """A length of a transform, at least 1."""
    size = operator.index(n)
    if size < 1:
        raise ValueError(f"invalid number of data points ({size}) specified")
    return size


def refuse_plan(plan: Any) -> None:
    """SciPy's transforms take no plan."""
    if plan is not None:
        raise NotImplementedError("scipy.fft's own functions take no precomputed plan; leave plan=None")
