"""The functions of FINUFFT, with its names and signatures: nufft1d1, ..., nufft3d3.

Each puts its coordinates together and calls what `nufft1`, `nufft2` or `nufft3` calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..linear_map import Array
from ._arguments import (
    check_out,
    checked_coefficients,
    checked_coordinates,
    checked_values,
    finufft_options,
    written,
)
from ._transforms import transform1, transform2
from ._type3 import transform3


def _type_1(
    name: str,
    points: dict[str, Any],
    c: Any,
    n_modes: Any,
    out: Any,
    eps: float,
    isign: int,
    given: dict[str, Any],
) -> Array:
    options = finufft_options(name, 1, eps, given)
    check_out(out, name, c, *points.values())
    x = checked_coordinates(points, name)
    d = x.shape[1]
    if n_modes is None:
        if out is None:
            raise ValueError(f"{name}: give n_modes, or out, from whose shape they are taken")
        if out.ndim < d:
            raise ValueError(f"{name}: out must have at least {d} axes, got {out.shape}")
        n_modes = out.shape[out.ndim - d :]
    elif np.ndim(n_modes) == 0:
        n_modes = (n_modes,) * d
    values = checked_values(c, x, name, "c")
    return written(transform1(x, values, n_modes, None, isign, options, name), out, d, name)


def _type_2(
    name: str, points: dict[str, Any], f: Any, out: Any, eps: float, isign: int, given: dict[str, Any]
) -> Array:
    options = finufft_options(name, 2, eps, given)
    check_out(out, name, f, *points.values())
    x = checked_coordinates(points, name)
    modes = checked_coefficients(f, x, name, "f")
    return written(transform2(x, modes, False, isign, options, name), out, 1, name)


def _type_3(
    name: str,
    points: dict[str, Any],
    c: Any,
    targets: dict[str, Any],
    out: Any,
    eps: float,
    isign: int,
    given: dict[str, Any],
) -> Array:
    options = finufft_options(name, 3, eps, given)
    check_out(out, name, c, *points.values(), *targets.values())
    x, s = checked_coordinates(points, name), checked_coordinates(targets, name)
    values = checked_values(c, x, name, "c")
    return written(transform3(x, values, s, isign, options, name), out, 1, name)


# --- documentation -----------------------------------------------------------------------------------------

_DOCUMENTATION = {
    1: """Nonuniform to uniform in {d} dimension{plural} (type 1), as FINUFFT's function of this name.

    `nufft1` has the same, with points in one array, and dipoles.

    Parameters
    ----------
    {x} : (M,) array_like
        The points' coordinates, real, in radians.
    c : (..., M) array_like
        Values at the points, complex or real.  Their precision is that of the transform.
    n_modes : int or tuple of {d} int, optional
        {N}: how many modes there are along each axis; one number stands for all.  By default those of
        ``out``.
    out : (..., {N}) array, optional
        Where the result is written, of its dtype; not while a derivative is taken.
    eps : float, optional
        The relative ℓ² error that is allowed.
    isign : int, optional
        The sign of the exponent: + if it is not negative.
    **options
        As for `Plan`.

    Returns
    -------
    (..., {N}) array
        f, complex.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As for `nufft1`; InPlaceError, a ValueError, for ``out`` while a derivative is taken.

    Notes
    -----
    f[{k}] = Σ_j c[j] e^(±i ({kx}))

    for frequencies from −⌊N/2⌋ on.  One Fourier transform and one pass over the points; for the gradients by
    values and points together one more of each.

    Examples
    --------
    >>> import numpy as np
    >>> from frechet import nufft
    >>> x = np.array([0.5, -1.2, 2.0])
    >>> nufft.{name}({xs}, np.array([1.0, 2.0, 1.0j]), {example}).shape
    {example}
    """,
    2: """Uniform to nonuniform in {d} dimension{plural} (type 2), as FINUFFT's function of this name.

    `nufft2` has the same, with points in one array, and gradients.

    Parameters
    ----------
    {x} : (M,) array_like
        The points' coordinates, real, in radians.
    f : (..., {N}) array_like
        Modes, complex or real.  Their precision is that of the transform.
    out : (..., M) array, optional
        Where the result is written, of its dtype; not while a derivative is taken.
    eps : float, optional
        The relative ℓ² error that is allowed.
    isign : int, optional
        The sign of the exponent: + if it is not negative.
    **options
        As for `Plan`.

    Returns
    -------
    (..., M) array
        c, complex.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As for `nufft2`; InPlaceError, a ValueError, for ``out`` while a derivative is taken.

    Notes
    -----
    c[j] = Σ f[{k}] e^(±i ({kx}))

    over frequencies from −⌊N/2⌋ on.  One Fourier transform and one pass over the points.  The gradient by the
    points takes no more than that, the one by modes one more of each.

    Examples
    --------
    >>> import numpy as np
    >>> from frechet import nufft
    >>> x = np.array([0.5, -1.2, 2.0])
    >>> nufft.{name}({xs}, np.ones({example})).shape
    (3,)
    """,
    3: """Nonuniform to nonuniform in {d} dimension{plural} (type 3), as FINUFFT's function of this name.

    `nufft3` has the same, with points and targets in an array each.

    Parameters
    ----------
    {x} : (M,) array_like
        The points' coordinates, real.
    c : (..., M) array_like
        Values at the points, complex or real.  Their precision is that of the transform.
    {s} : (K,) array_like
        The targets' coordinates, real.
    out : (..., K) array, optional
        Where the result is written, of its dtype; not while a derivative is taken.
    eps : float, optional
        The relative ℓ² error that is allowed.
    isign : int, optional
        The sign of the exponent: + if it is not negative.
    **options
        As for `Plan`.

    Returns
    -------
    (..., K) array
        f, complex.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As for `nufft3`; InPlaceError, a ValueError, for ``out`` while a derivative is taken.

    Notes
    -----
    f[k] = Σ_j c[j] e^(±i ({sx}))

    One Fourier transform; one more for the gradients by values, points and targets together.

    Examples
    --------
    >>> import numpy as np
    >>> from frechet import nufft
    >>> x, s = np.array([0.5, -1.2, 2.0]), np.array([10.0, 0.3])
    >>> nufft.{name}({xs}, np.array([1.0, 2.0, 1.0j]), {ss}).shape
    (2,)
    """,
}


def _documented(function: Callable[..., Array]) -> Callable[..., Array]:
    """With the documentation of its type and dimension, which are in its name."""
    d, kind = int(function.__name__[5]), int(function.__name__[7])
    k = [f"k{a + 1}" for a in range(d)]
    function.__doc__ = _DOCUMENTATION[kind].format(
        name=function.__name__,
        d=d,
        plural="s" if d > 1 else "",
        x=", ".join("xyz"[:d]),
        s=", ".join("stu"[:d]),
        N=", ".join(f"N{a + 1}" for a in range(d)),
        k=", ".join(k),
        kx=" + ".join(f"{frequency} {x}[j]" for frequency, x in zip(k, "xyz", strict=False)),
        sx=" + ".join(f"{s}[k] {x}[j]" for s, x in zip("stu"[:d], "xyz"[:d], strict=True)),
        xs=", ".join(["x", "-x", "2 * x"][:d]),
        ss=", ".join(["s", "-s", "2 * s"][:d]),
        example=str((4, 6, 5)[:d]),
    )
    return function


# --- the functions -----------------------------------------------------------------------------------------


@_documented
def nufft1d1(
    x: Any, c: Any, n_modes: Any = None, out: Any = None, eps: float = 1e-6, isign: int = 1, **options: Any
) -> Array:
    return _type_1("nufft1d1", {"x": x}, c, n_modes, out, eps, isign, options)


@_documented
def nufft1d2(x: Any, f: Any, out: Any = None, eps: float = 1e-6, isign: int = -1, **options: Any) -> Array:
    return _type_2("nufft1d2", {"x": x}, f, out, eps, isign, options)


@_documented
def nufft1d3(
    x: Any, c: Any, s: Any, out: Any = None, eps: float = 1e-6, isign: int = 1, **options: Any
) -> Array:
    return _type_3("nufft1d3", {"x": x}, c, {"s": s}, out, eps, isign, options)


@_documented
def nufft2d1(
    x: Any,
    y: Any,
    c: Any,
    n_modes: Any = None,
    out: Any = None,
    eps: float = 1e-6,
    isign: int = 1,
    **options: Any,
) -> Array:
    return _type_1("nufft2d1", {"x": x, "y": y}, c, n_modes, out, eps, isign, options)


@_documented
def nufft2d2(
    x: Any, y: Any, f: Any, out: Any = None, eps: float = 1e-6, isign: int = -1, **options: Any
) -> Array:
    return _type_2("nufft2d2", {"x": x, "y": y}, f, out, eps, isign, options)


@_documented
def nufft2d3(
    x: Any,
    y: Any,
    c: Any,
    s: Any,
    t: Any,
    out: Any = None,
    eps: float = 1e-6,
    isign: int = 1,
    **options: Any,
) -> Array:
    return _type_3("nufft2d3", {"x": x, "y": y}, c, {"s": s, "t": t}, out, eps, isign, options)


@_documented
def nufft3d1(
    x: Any,
    y: Any,
    z: Any,
    c: Any,
    n_modes: Any = None,
    out: Any = None,
    eps: float = 1e-6,
    isign: int = 1,
    **options: Any,
) -> Array:
    return _type_1("nufft3d1", {"x": x, "y": y, "z": z}, c, n_modes, out, eps, isign, options)


@_documented
def nufft3d2(
    x: Any, y: Any, z: Any, f: Any, out: Any = None, eps: float = 1e-6, isign: int = -1, **options: Any
) -> Array:
    return _type_2("nufft3d2", {"x": x, "y": y, "z": z}, f, out, eps, isign, options)


@_documented
def nufft3d3(
    x: Any,
    y: Any,
    z: Any,
    c: Any,
    s: Any,
    t: Any,
    u: Any,
    out: Any = None,
    eps: float = 1e-6,
    isign: int = 1,
    **options: Any,
) -> Array:
    return _type_3(
        "nufft3d3", {"x": x, "y": y, "z": z}, c, {"s": s, "t": t, "u": u}, out, eps, isign, options
    )
