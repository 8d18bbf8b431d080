"""Convolution and correlation in any number of dimensions.

The full convolution y = a * b is linear in each argument.  With n_b the length of b, along each axis,

    da ↦ da * b,     adjoint  w ↦ (w * b̃)[n_b − 1 : n_b − 1 + n_a]     with b̃ = conj(b) reversed,

and likewise in b.  'same' and 'valid' are parts of it, and correlation is convolution with the second
argument reversed and conjugated.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from .._scipy import as_array, from_scipy
from ..custom import rule
from ..fft import fftn, ifftn, irfftn, rfftn
from ..linear_map import Array, LinearMap, linear
from ..tracing.apply import is_traced
from ..transforms import stop_gradient

scipys = functools.partial(from_scipy, "signal")


def reversed_conjugate(a: Array) -> Array:
    """conj(a), reversed along every axis."""
    return np.conj(np.flip(a))


@rule
def full(a: Array, b: Array, method: str = "auto") -> Any:
    """The full convolution of two arrays with the same number of axes."""
    if is_traced(a) or is_traced(b):
        y = full(a, b, method)  # one level down
    elif 0 in (*np.shape(a), *np.shape(b)):
        lengths = [max(n + m - 1, 0) for n, m in zip(np.shape(a), np.shape(b), strict=True)]
        y = np.zeros(lengths, np.result_type(a, b))
    else:
        y = scipys("convolve")(a, b, "full", method)
    # 'direct' holds for what is convolved with b, the shorter one in filters; with all of a it would be slow.
    return y, (_with(b, np.shape(a), np.shape(y), method), _with(a, np.shape(b), np.shape(y), "auto"))


def _with(other: Array, shape: tuple[int, ...], full_shape: tuple[int, ...], method: str) -> LinearMap:
    """v ↦ v * other, for v of a shape, in a stack of directions as one more axis."""
    n = len(shape)
    kept = (slice(None), *(slice(k - 1, k - 1 + m) for k, m in zip(np.shape(other), shape, strict=True)))

    def convolved(v: Array, by: Array, in_shape: tuple[int, ...]) -> tuple[Array, Any]:
        stack = np.shape(v)[: np.ndim(v) - n]
        return full(np.reshape(v, (-1, *in_shape)), np.expand_dims(by, 0), method), stack

    def push(v: Array) -> Array:
        if 0 in np.shape(v):
            return np.zeros((*np.shape(v)[: np.ndim(v) - n], *full_shape), np.result_type(v, other))
        y, stack = convolved(v, other, shape)
        return np.reshape(y, stack + full_shape)

    def pull(w: Array) -> Array:
        if 0 in np.shape(w):
            return np.zeros((*np.shape(w)[: np.ndim(w) - n], *shape), np.result_type(w, other))
        y, stack = convolved(w, reversed_conjugate(other), full_shape)
        return np.reshape(y[kept], stack + shape)

    return linear(push, pull)


def part(y: Array, shape: tuple[int, ...], other: tuple[int, ...], mode: str, axes: Any = None) -> Array:
    """What a mode keeps of a full convolution along some axes, for arguments of these shapes."""
    axes = range(len(shape)) if axes is None else axes
    if mode == "full":
        return y
    if mode not in ("same", "valid"):
        raise ValueError("Acceptable mode flags are 'valid', 'same', or 'full'.")
    index = [slice(None)] * len(shape)
    if mode == "valid" and any(shape[k] > other[k] for k in axes) and any(shape[k] < other[k] for k in axes):
        raise ValueError("For 'valid' mode, one must be at least as large as the other in every dimension")
    for k in axes:
        n, m = shape[k], other[k]
        if mode == "same":
            start, length = (m - 1) // 2, n
        else:
            start, length = min(n, m) - 1, abs(n - m) + 1
        index[k] = slice(start, start + length)
    return y[tuple(index)]


def _empty(in1: Array, in2: Array) -> bool:
    """Whether the value is empty, and so the same for all arguments of these shapes."""
    return 0 in (*np.shape(in1), *np.shape(in2))


def _checked(in1: Array, in2: Array) -> tuple[Array, Array]:
    in1, in2 = as_array(in1), as_array(in2)
    if np.ndim(in1) != np.ndim(in2):
        raise ValueError("in1 and in2 should have the same dimensionality")
    return in1, in2


def convolve(in1: Array, in2: Array, mode: str = "full", method: str = "auto") -> Array:
    """The convolution of two arrays, as scipy.signal.convolve.

    Parameters
    ----------
    in1, in2 : array
        With the same number of axes.
    mode : {'full', 'same', 'valid'}, optional
        What is kept: all, the size of in1 in the middle, or where the two overlap completely.
    method : {'auto', 'direct', 'fft'}, optional
        How the value is computed.

    Returns
    -------
    array
        The convolution.

    Notes
    -----
    A derivative costs one full convolution per argument.

    Examples
    --------
    >>> import numpy as np
    >>> from frechet import jacobian
    >>> jacobian(lambda x: convolve(x, np.array([1.0, 2.0])))(np.zeros(2))
    array([[1., 0.],
           [2., 1.],
           [0., 2.]])
    """
    if not is_traced(in1) and not is_traced(in2):
        return scipys("convolve")(in1, in2, mode, method)
    in1, in2 = _checked(in1, in2)
    if np.ndim(in1) == 0:
        return in1 * in2
    if _empty(in1, in2):
        return scipys("convolve")(stop_gradient(in1), stop_gradient(in2), mode, method)
    return part(full(in1, in2, method), np.shape(in1), np.shape(in2), mode)


def correlate(in1: Array, in2: Array, mode: str = "full", method: str = "auto") -> Array:
    """The cross-correlation of two arrays, as scipy.signal.correlate.

    Parameters
    ----------
    in1, in2, mode, method
        As for `convolve`.

    Returns
    -------
    array
        The convolution of in1 with the reversed conjugate of in2.

    Examples
    --------
    >>> import numpy as np
    >>> from frechet import grad
    >>> x = np.array([1.0, 2.0, 3.0])
    >>> grad(lambda x: correlate(x, x, "valid")[0])(x)
    array([2., 4., 6.])
    """
    if not is_traced(in1) and not is_traced(in2):
        return scipys("correlate")(in1, in2, mode, method)
    in1, in2 = _checked(in1, in2)
    return convolve(in1, reversed_conjugate(in2), mode, method)


def fftconvolve(in1: Array, in2: Array, mode: str = "full", axes: Any = None) -> Array:
    """The convolution of two arrays by FFT along some axes, as scipy.signal.fftconvolve.

    Parameters
    ----------
    in1, in2 : array
        With the same number of axes; along those that are not in `axes` they are broadcast.
    mode : {'full', 'same', 'valid'}, optional
        As for `convolve`.
    axes : int or sequence of int, optional
        All by default.

    Returns
    -------
    array
        The convolution.
    """
    if not is_traced(in1) and not is_traced(in2):
        return scipys("fftconvolve")(in1, in2, mode, axes)
    return _by_fft(in1, in2, mode, axes)


def oaconvolve(in1: Array, in2: Array, mode: str = "full", axes: Any = None) -> Array:
    """The convolution of two arrays in overlapping blocks, as scipy.signal.oaconvolve.

    Parameters
    ----------
    in1, in2, mode, axes
        As for `fftconvolve`, in whose way it is computed where something is traced.

    Returns
    -------
    array
        The convolution.
    """
    if not is_traced(in1) and not is_traced(in2):
        return scipys("oaconvolve")(in1, in2, mode, axes)
    return _by_fft(in1, in2, mode, axes)


def _by_fft(in1: Array, in2: Array, mode: str, axes: Any) -> Array:
    import scipy.fft

    in1, in2 = _checked(in1, in2)
    n = np.ndim(in1)
    if n == 0:
        return in1 * in2
    if _empty(in1, in2):
        return scipys("fftconvolve")(stop_gradient(in1), stop_gradient(in2), mode, axes)
    given = range(n) if axes is None else np.atleast_1d(axes).tolist()
    if not len(given):
        raise ValueError("when provided, axes cannot be empty")
    if any(not -n <= k < n for k in given):
        raise ValueError("axes exceeds dimensionality of input")
    if len({k % n for k in given}) != len(given):
        raise ValueError("all axes must be unique")
    one, two = np.shape(in1), np.shape(in2)
    # Along the others the full convolution is a product, with one of them broadcast.
    axes = sorted(k % n for k in given if one[k] != 1 and two[k] != 1)
    if any(one[k] != two[k] and 1 not in (one[k], two[k]) for k in range(n) if k not in axes):
        raise ValueError(f"incompatible shapes for in1 and in2: {one} and {two}")
    sizes = [one[k] + two[k] - 1 for k in axes]
    is_complex = np.iscomplexobj(in1) or np.iscomplexobj(in2)
    fast = [scipy.fft.next_fast_len(m, not is_complex) for m in sizes]
    forward, backward = (fftn, ifftn) if is_complex else (rfftn, irfftn)
    if axes:  # noqa: SIM108 - too long for one line
        y = backward(forward(in1, fast, axes) * forward(in2, fast, axes), fast, axes)
    else:
        y = in1 * in2
    index = [slice(None)] * n
    for k, m in zip(axes, sizes, strict=True):
        index[k] = slice(m)
    y = y[tuple(index)]
    if mode != "same":
        return part(y, one, two, mode, axes)
    # As SciPy does, the middle of the size of in1 is taken along every axis.
    starts = [(m - k) // 2 for m, k in zip(y.shape, one, strict=True)]
    return y[tuple([slice(j, j + k) for j, k in zip(starts, one, strict=True)])]


_BOUNDARIES = {"fill": "constant", "wrap": "wrap", "symm": "symmetric", "circular": "wrap"}


def convolve2d(
    in1: Array, in2: Array, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0
) -> Array:
    """The convolution of two matrices with a choice of boundaries, as scipy.signal.convolve2d.

    Parameters
    ----------
    in1, in2 : array
        Of two axes.
    mode : {'full', 'same', 'valid'}, optional
        As for `convolve`.
    boundary : {'fill', 'wrap', 'symm'}, optional
        How in1 goes on outside: with fillvalue, periodically, or reflected.
    fillvalue : number, optional
        The value outside of in1.

    Returns
    -------
    array
        The convolution.
    """
    if not any(is_traced(c) for c in (in1, in2, fillvalue)):
        return scipys("convolve2d")(in1, in2, mode, boundary, fillvalue)
    in1, in2 = _checked(in1, in2)
    if np.ndim(in1) != 2:
        raise ValueError("convolve2d inputs must both be 2-D arrays")
    if boundary not in _BOUNDARIES:
        raise ValueError(
            "Acceptable boundary flags are 'fill', 'circular' (or 'wrap'), and 'symmetric' (or 'symm')."
        )
    if _empty(in1, in2):
        # Without the boundary, at which SciPy would end the process by a division by zero.
        return scipys("convolve2d")(stop_gradient(in1), stop_gradient(in2), mode)
    one, two = np.shape(in1), np.shape(in2)
    if mode == "valid" and all(m >= n for n, m in zip(one, two, strict=True)) and one != two:
        in1, in2, one, two = in2, in1, two, one
    if mode != "valid" and not (boundary == "fill" and not is_traced(fillvalue) and fillvalue == 0):
        extra = [(m - 1, m - 1) for m in two]
        if boundary == "fill":
            outside = np.pad(np.zeros(one), extra, constant_values=1.0).astype(np.result_type(in1))
            padded = np.pad(in1, extra) + fillvalue * outside
        else:
            padded = np.pad(in1, extra, _BOUNDARIES[boundary])  # type: ignore[call-overload]  # by name
        y = part(full(padded, in2), np.shape(padded), two, "valid")
    else:
        y = full(in1, in2)
    return part(y, one, two, mode)


def correlate2d(
    in1: Array, in2: Array, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0
) -> Array:
    """The cross-correlation of two matrices with a choice of boundaries, as scipy.signal.correlate2d.

    Parameters
    ----------
    in1, in2, mode, boundary, fillvalue
        As for `convolve2d`.

    Returns
    -------
    array
        The convolution of in1 with the reversed conjugate of in2.
    """
    if not any(is_traced(c) for c in (in1, in2, fillvalue)):
        return scipys("correlate2d")(in1, in2, mode, boundary, fillvalue)
    in1, in2 = _checked(in1, in2)
    if mode != "same" or np.ndim(in1) != 2 or _empty(in1, in2):
        return convolve2d(in1, reversed_conjugate(in2), mode, boundary, fillvalue)
    # Where in2 has an even length, the middle is one entry further than that of a convolution.
    y = convolve2d(in1, reversed_conjugate(in2), "full", boundary, fillvalue)
    (n, m), (k, l) = np.shape(in1), np.shape(in2)
    return y[k // 2 : k // 2 + n, l // 2 : l // 2 + m]
