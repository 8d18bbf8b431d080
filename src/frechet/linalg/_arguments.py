"""What the functions of this package do with their arguments first: lists, dtypes, shapes, nan and inf.

Traced arrays pass through; what is tested is the plain value that they stand for.
"""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np

from ..linear_map import Array, Shape
from ..rule import carriers, primal, structured_types
from ..rules.lapack import sum_of_squares
from ..transforms import array


def as_inexact(x: Any, name: str) -> Array:
    """x as an array of a type that LAPACK knows: float32, float64, complex64 or complex128.

    Lists become arrays, also where they hold traced values; integers become float64, half precision becomes
    float32, extended precision double, as in SciPy.

    Parameters
    ----------
    x : array_like
        Plain or traced.
    name : str
        What a message calls it: "solve: a".

    Raises
    ------
    TypeError
        If x is not numeric.
    ValueError
        For a masked array, whose mask would be lost.
    """
    if type(x) is not np.ndarray and type(x) not in carriers:
        if type(x) in structured_types:
            return as_inexact(x.dense_for(name), name)
        if isinstance(x, np.ma.MaskedArray):
            raise ValueError(f"{name} must not be a masked array: fill it in, with its method filled")
        x = array(x) if isinstance(x, (list, tuple)) else np.asarray(x)
    dtype = x.dtype
    if dtype.char in "fdFD" and dtype.isnative:
        return x
    if dtype.kind not in "biufc":
        raise TypeError(f"{name} must be numeric, got dtype {dtype}")
    return x.astype("f" if dtype.char == "e" else "D" if dtype.kind == "c" else "d")


def as_matrix(x: Any, name: str, *, square: bool = False, check_finite: bool = True) -> Array:
    """x as a matrix, or a stack of them along leading axes, of a type that LAPACK knows.

    Parameters
    ----------
    x : (..., m, n) array_like
        Plain or traced.
    name : str
        What a message calls it: "solve: a".
    square : bool
        Whether m = n is asked for.
    check_finite : bool
        Whether nan and inf are refused.

    Raises
    ------
    TypeError
        If x is not numeric.
    ValueError
        For fewer than two axes, for a matrix that must be square and is not, and for nan and inf.
    """
    x = as_inexact(x, name)
    shape = x.shape
    if len(shape) < 2 or (square and shape[-1] != shape[-2]):
        what = "square matrix" if square else "matrix"
        raise ValueError(f"{name} must be a {what} or a stack of them, got shape {shape}")
    if check_finite:
        require_finite(x, name)
    return x


def as_vector(x: Any, name: str, *, check_finite: bool = True) -> Array:
    """x as a vector, or a stack of them along leading axes, of a type that LAPACK knows; see `as_matrix`."""
    x = as_inexact(x, name)
    if np.ndim(x) < 1:
        raise ValueError(f"{name} must be a vector or a stack of vectors, got a number")
    if check_finite:
        require_finite(x, name)
    return x


def require_finite(x: Array, name: str) -> None:
    """Raise ValueError if the plain value of x has nan or inf."""
    if not is_finite(np.asarray(primal(x))):
        raise ValueError(f"{name} must not contain infs or NaNs")


def is_finite(x: Array) -> bool:
    """Whether a plain array has neither nan nor inf."""
    # The sum of the squares shows them quickly; it may overflow, too.
    return isfinite(sum_of_squares(x)) or bool(np.isfinite(x).all())


def same_dtype(*arrays: Array) -> tuple[Array, ...]:
    """The arrays in their common dtype."""
    dtype = arrays[0].dtype
    if all(x.dtype is dtype for x in arrays):  # the common case, quickly
        return arrays
    dtype = np.result_type(*(x.dtype for x in arrays))
    return tuple(x if x.dtype == dtype else x.astype(dtype) for x in arrays)


def stack_shape(call: str, *arrays: Array, core: int = 2) -> Shape:
    """The broadcast shape of the leading axes of arrays, whose last ``core`` axes are matrices (or vectors).

    Raises
    ------
    ValueError
        If they do not broadcast.
    """
    stacks = [x.shape[: x.ndim - core] for x in arrays]
    if not any(stacks):  # the common case, quickly
        return ()
    try:
        return np.broadcast_shapes(*stacks)
    except ValueError:
        shapes = ", ".join(str(x.shape) for x in arrays)
        raise ValueError(f"{call}: the leading axes of shapes {shapes} do not broadcast") from None


def to_stack(x: Array, stack: Shape, core: int = 2) -> Array:
    """x with its leading axes broadcast to ``stack``."""
    shape = (*stack, *x.shape[x.ndim - core :])
    return x if x.shape == shape else np.broadcast_to(x, shape)


def to_own_stack(x: Array, stack: Shape, core: int = 2) -> Array:
    """The matrices x with the leading axes that they have as in ``stack``; those that they lack stay away.

    A factorization of x then serves all of the stack: the axes in front are those of several right sides.
    """
    own = x.ndim - core
    return to_stack(x, stack[len(stack) - own :], core) if own else x


def linear_system(
    call: str,
    matrix: Array,
    b: Any,
    rows: int,
    *,
    core: int = 2,
    check_finite: bool = True,
    name: str = "b",
    column: bool = True,
) -> tuple[Array, Array, bool]:
    """A matrix, or what it is given by, and a right side, ready for a factorization.

    Parameters
    ----------
    call : str
        What a message begins with.
    matrix : array
        Of a type that LAPACK knows, with ``core`` axes and leading ones.
    b : (rows,) or (..., rows, k) array_like
        Plain or traced.
    rows : int
        The number of rows that b must have.
    core : int
        2, or 1 for a matrix given by a vector.
    check_finite : bool
        Whether nan and inf are refused in b.
    name : str
        What a message calls b.
    column : bool
        Whether a vector b becomes a column; it may remain a vector beside a single matrix.

    Returns
    -------
    matrix : array
        Of the common dtype, with the leading axes that it has as in those of the system.
    b : (..., rows, k) or (rows,) array
        Of the common dtype, with all leading axes of the system.
    vector : bool
        Whether b was a vector.

    Raises
    ------
    TypeError
        If b is not numeric.
    ValueError
        For shapes that do not fit, and for nan and inf.
    """
    b = as_inexact(b, f"{call}: {name}")
    if check_finite:
        require_finite(b, f"{call}: {name}")
    vector = b.ndim == 1
    if b.ndim == 0 or b.shape[0 if vector else -2] != rows:
        raise ValueError(
            f"{call}: incompatible shapes: {name} must have {rows} rows beside this matrix, got {b.shape}"
        )
    matrix, b = same_dtype(matrix, b)
    b = b[:, None] if vector and column else b
    if matrix.ndim == core and b.ndim <= 2:  # the common case, quickly
        return matrix, b, vector
    stack = stack_shape(call, matrix if core == 2 else matrix[..., None], b)
    return to_own_stack(matrix, stack, core), to_stack(b, stack), vector


def unit_for(size: Array) -> Array:
    """The unit in which plain numbers of a size are counted: 1, or for very small or large ones a power of 2.

    Algorithms that are told what is negligible by absolute numbers, or that take high powers, then see
    numbers of a moderate size.  Taylor coefficients f⁽ᵏ⁾(z)/k! of functions that are singular at zero, for
    example, grow like z^(−k).

    Parameters
    ----------
    size : array of float
        Such as the largest entries of matrices.
    """
    exponent = np.clip(np.frexp(size)[1], -1000, 1000)
    one = np.ones((), np.result_type(size))
    return np.where((exponent < -10) | (exponent > 50), np.ldexp(one, exponent), one)
