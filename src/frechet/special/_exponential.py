"""Sums of exponentials without overflow: the largest exponent is taken out, as a constant."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from .._scipy import from_scipy
from ..linear_map import Array
from ..tracing.apply import is_traced
from ..transforms import array, stop_gradient

_scipys = functools.partial(from_scipy, "special")


def _array(x: Any) -> Array:
    return array(x) if isinstance(x, (list, tuple)) or np.ndim(x) == 0 else x


def _largest(a: Array, axis: Any) -> Array:
    """The largest finite real part along the axes, which are kept; 0 where there is none."""
    m = np.max(np.real(stop_gradient(a)), axis=axis, keepdims=True, initial=-np.inf)
    return np.where(np.isfinite(m), m, 0)


def logsumexp(
    a: Array, axis: Any = None, b: Array | None = None, keepdims: bool = False, return_sign: bool = False
) -> Any:
    """The logarithm of the sum of exponentials, as scipy.special.logsumexp.

    Parameters
    ----------
    a : array
        The exponents.
    axis : int or tuple of int, optional
        Along which the sum is taken, by default all.
    b : array, optional
        Factors of the exponentials.
    keepdims : bool, optional
        Whether the axes are kept, of length one.
    return_sign : bool, optional
        Whether the sum may be negative, and its sign is returned too.

    Returns
    -------
    array, or a pair of them
        The logarithm, and the sign with return_sign.

    Examples
    --------
    >>> import numpy as np
    >>> from frechet import grad
    >>> grad(logsumexp)(np.array([1000.0, 1000.0]))
    array([0.5, 0.5])
    """
    if not is_traced((a, b)):
        return _scipys("logsumexp")(a, axis, b, keepdims, return_sign)
    a = _array(a)
    if b is not None:
        b = _array(b)
        a, b = np.broadcast_arrays(a, b)
        # Where the factor is zero, exp(a) may overflow and has no part in the sum.
        a = np.where(stop_gradient(b) == 0, -np.inf if np.all(np.isreal(stop_gradient(a))) else 0, a)
    m = _largest(a, axis)
    terms = np.exp(a - m)
    total = np.sum(terms if b is None else b * terms, axis=axis, keepdims=True)
    sign: Any = None
    if return_sign:
        plain = stop_gradient(total)
        sign = np.sign(plain) if not np.iscomplexobj(plain) else total / np.abs(total)
        total = np.abs(total)
    elif not np.iscomplexobj(stop_gradient(total)):
        total = np.where(stop_gradient(total) < 0, np.nan, total)
    with np.errstate(divide="ignore"):
        y = np.log(total) + m
    if not keepdims:
        y = np.squeeze(y, axis=axis)
        sign = np.squeeze(sign, axis=axis) if return_sign else None
    return (y, sign) if return_sign else y


def softmax(x: Array, axis: Any = None) -> Array:
    """Exponentials divided by their sum, as scipy.special.softmax.

    Parameters
    ----------
    x : array
        The exponents.
    axis : int or tuple of int, optional
        Along which the sum is taken, by default all.

    Returns
    -------
    array
        Of the shape of x.
    """
    if not is_traced(x):
        return _scipys("softmax")(x, axis)
    x = _array(x)
    e = np.exp(x - _largest(x, axis))
    return e / np.sum(e, axis=axis, keepdims=True)


def log_softmax(x: Array, axis: Any = None) -> Array:
    """The logarithm of softmax, as scipy.special.log_softmax.

    Parameters
    ----------
    x, axis
        As for `softmax`.

    Returns
    -------
    array
        Of the shape of x.
    """
    if not is_traced(x):
        return _scipys("log_softmax")(x, axis)
    x = _array(x)
    shifted = x - _largest(x, axis)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))
