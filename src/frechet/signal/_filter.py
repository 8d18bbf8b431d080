"""Recursive filters, by the signal, the coefficients and the initial state.

With a_0 = 1 a filter solves  a * y = b * x + z,  the first N entries of each, where z is the initial state
followed by zeros; the final state is what the same sums leave over after these.  So the only new rule is that
of the recursion  a * y = u:

    du ↦ R du,     da ↦ −R (da * y),     R = the recursion itself, with adjoint  w ↦ reverse(R̄ reverse(w)).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._scipy import as_array
from ..custom import rule
from ..errors import NotDifferentiableError
from ..linalg import companion
from ..linear_map import Array, linear
from ..tracing.apply import is_traced
from ..transforms import stop_gradient
from ._convolve import full, part, scipys


def _recursion(a: Array, u: Array) -> Array:
    return scipys("lfilter")(np.ones(1, np.result_type(a, u)), a, u, axis=-1) if np.size(u) else u


@rule
def recursion(a: Array, u: Array) -> Any:
    """y with a * y = u along the last axis, where a[0] = 1; the derivative leaves that entry alone."""
    y = recursion(a, u) if is_traced(a) or is_traced(u) else _recursion(a, u)
    shape = np.shape(y)
    taps = len(a)

    def lagged() -> Array:
        """y[..., n − k] by n and k, for k > 0."""
        index = np.arange(shape[-1])[:, None] - np.arange(1, taps)
        before = np.concatenate((np.zeros((*shape[:-1], taps - 1), y.dtype), y), axis=-1)
        return before[..., index + taps - 1]

    def back(w: Array) -> Array:
        return np.flip(recursion(np.conj(a), np.flip(w, -1)), -1)

    def push(da: Array) -> Array:
        return -recursion(a, np.tensordot(da[..., 1:], lagged(), axes=((-1,), (-1,))))

    def pull(w: Array) -> Array:
        axes = tuple(range(-len(shape), 0))
        g = -np.tensordot(back(w), np.conj(lagged()), axes=(axes, tuple(range(len(shape)))))
        return np.concatenate((np.zeros((*np.shape(g)[:-1], 1), g.dtype), g), axis=-1)

    return y, (linear(push, pull), linear(lambda v: recursion(a, v), back))


def lfilter(b: Array, a: Array, x: Array, axis: int = -1, zi: Array | None = None) -> Any:
    """A signal filtered along an axis, as scipy.signal.lfilter.

    Parameters
    ----------
    b, a : array
        The coefficients of numerator and denominator, of one axis.
    x : array
        The signal.
    axis : int, optional
        Along which it is filtered.
    zi : array, optional
        The initial state, of the shape of x with max(len(a), len(b)) − 1 entries along the axis.

    Returns
    -------
    y : array
        The filtered signal, of the shape of x.
    zf : array
        The final state, only with zi.

    Notes
    -----
    A derivative by x costs one filter, a derivative by the coefficients about as much for each of them.

    Examples
    --------
    >>> import numpy as np
    >>> from frechet import grad
    >>> x = np.array([1.0, 0.0, 0.0])
    >>> grad(lambda a: np.sum(lfilter([1.0], [1.0, a], x)))(0.5)   # of 1 − a + a²
    0.0
    """
    if not any(is_traced(c) for c in (b, a, x, zi)):
        return scipys("lfilter")(b, a, x, axis, zi)
    b, a, x = (as_array(c) for c in (b, a, x))
    b, a = np.atleast_1d(b), np.atleast_1d(a)
    if b.ndim != 1 or a.ndim != 1 or not b.size or not a.size:
        raise ValueError(
            f"b and a must be non-empty arrays of one axis; they have shapes {b.shape} and {a.shape}"
        )
    if not np.ndim(x):
        raise ValueError("selected axis is out of range")
    x = np.moveaxis(x, axis, -1)
    lead, n = x.shape[:-1], x.shape[-1]
    states = max(len(a), len(b)) - 1
    if stop_gradient(a)[0] == 0:
        raise ValueError("the filter coefficient a[0] must not be zero")
    b, a = b / a[0], a / a[0]
    rows = math.prod(lead)
    # Directly: a transform would spread rounding errors and NaN from later entries to earlier ones.
    u = full(np.reshape(x, (rows, n)), b[None], "direct")
    u = np.reshape(u, (*lead, n + len(b) - 1))
    if zi is not None:
        zi = np.moveaxis(as_array(zi), axis, -1)
        if zi.ndim != x.ndim or zi.shape[-1] != states:
            raise ValueError(f"Unexpected shape for zi: expected {(*lead, states)}, found {zi.shape}")
        zi = np.broadcast_to(zi, (*lead, states))
        u = _sum(u, zi)
    y = u[..., :n] if len(a) == 1 else recursion(a, u[..., :n])
    if zi is None:
        return np.moveaxis(y, -1, axis)
    ay = full(np.reshape(y, (rows, n)), a[None], "direct")
    left = _sum(u, -np.reshape(ay, (*lead, n + len(a) - 1)))[..., n:]
    zf = _sum(left, np.zeros((*lead, states), left.dtype))[..., :states]
    return np.moveaxis(y, -1, axis), np.moveaxis(zf, -1, axis)


def _sum(a: Array, b: Array) -> Array:
    """The sum of two arrays, the shorter one followed by zeros along the last axis."""
    missing = a.shape[-1] - b.shape[-1]
    if missing < 0:
        a, b, missing = b, a, -missing
    return a + np.concatenate((b, np.zeros((*b.shape[:-1], missing), b.dtype)), axis=-1) if missing else a + b


def lfilter_zi(b: Array, a: Array) -> Array:
    """The state of a filter for the steady response to a step, as scipy.signal.lfilter_zi.

    Parameters
    ----------
    b, a : array
        The coefficients.

    Returns
    -------
    array
        The state, of max(len(a), len(b)) − 1 entries.
    """
    if not is_traced(b) and not is_traced(a):
        return scipys("lfilter_zi")(b, a)
    b, a = np.atleast_1d(as_array(b)), np.atleast_1d(as_array(a))
    if b.ndim != 1 or a.ndim != 1:
        raise ValueError("b and a must be 1-D.")
    if is_traced(a) and stop_gradient(a)[0] == 0:
        raise NotDifferentiableError(
            "fr.signal.lfilter_zi: zeros in front of the denominator are left out, and have no derivative; "
            "pass a without them"
        )
    leading = np.flatnonzero(stop_gradient(a))
    if not leading.size:
        raise ValueError("There must be at least one nonzero `a` coefficient.")
    a = a[leading[0] :]
    b, a = b / a[0], a / a[0]
    n = max(len(a), len(b))
    a, b = _sum(a, np.zeros(n, a.dtype)), _sum(b, np.zeros(n, b.dtype))
    return np.linalg.solve(np.eye(n - 1, dtype=a.dtype) - companion(a).T, b[1:] - a[1:] * b[0])


def sosfilt(sos: Array, x: Array, axis: int = -1, zi: Array | None = None) -> Any:
    """A signal filtered by second-order sections, as scipy.signal.sosfilt.

    Parameters
    ----------
    sos : array of shape (n, 6)
        The coefficients of the sections.
    x : array
        The signal.
    axis : int, optional
        Along which it is filtered.
    zi : array, optional
        The initial states, of shape (n, …) with two entries along the axis of x.

    Returns
    -------
    y : array
        The filtered signal.
    zf : array
        The final states, only with zi.
    """
    if not any(is_traced(c) for c in (sos, x, zi)):
        return scipys("sosfilt")(np.array(sos), x, axis, zi)  # which does not take a read-only array
    sos, y = _sections(sos), as_array(x)
    if zi is None:
        for section in sos:
            y = lfilter(section[:3], section[3:], y, axis)
        return y
    zi = as_array(zi)
    final = []
    for section, z in zip(sos, zi, strict=True):
        y, zf = lfilter(section[:3], section[3:], y, axis, z)
        final.append(zf)
    return y, np.stack(final)


def _sections(sos: Array) -> Array:
    sos = as_array(sos)
    if np.ndim(sos) != 2 or np.shape(sos)[1] != 6:
        raise ValueError(f"sos array must be shape (n_sections, 6), not {np.shape(sos)}")
    if not np.all(stop_gradient(sos)[:, 3] == 1):
        raise ValueError("sos[:, 3] should be all ones")
    return sos


def sosfilt_zi(sos: Array) -> Array:
    """The states of sections for the steady response to a step, as scipy.signal.sosfilt_zi.

    Parameters
    ----------
    sos : array of shape (n, 6)
        The coefficients of the sections.

    Returns
    -------
    array of shape (n, 2)
        The states.
    """
    if not is_traced(sos):
        return scipys("sosfilt_zi")(sos)
    scale: Any = 1.0
    states = []
    for section in _sections(sos):
        b, a = section[:3], section[3:]
        states.append(scale * lfilter_zi(b, a))
        scale = scale * np.sum(b) / np.sum(a)
    return np.stack(states)


def filtfilt(
    b: Array,
    a: Array,
    x: Array,
    axis: int = -1,
    padtype: str | None = "odd",
    padlen: int | None = None,
    method: str = "pad",
    irlen: int | None = None,
) -> Array:
    """A signal filtered forward and backward, as scipy.signal.filtfilt.

    Parameters
    ----------
    b, a, x, axis
        As for `lfilter`.
    padtype : {'odd', 'even', 'constant', None}, optional
        How the signal is continued at its ends.
    padlen : int, optional
        By how many entries, by default three times the larger number of coefficients.
    method : {'pad'}, optional
        'gust' is for plain arrays only.
    irlen : int, optional
        For 'gust'.

    Returns
    -------
    array
        The filtered signal, of the shape of x.
    """
    if not any(is_traced(c) for c in (b, a, x)):
        return scipys("filtfilt")(b, a, x, axis, padtype, padlen, method, irlen)
    if method == "gust":
        raise NotDifferentiableError(
            "fr.signal.filtfilt: method='gust' has no derivative here; use method='pad'"
        )
    if method != "pad":
        raise ValueError("method must be 'pad' or 'gust'.")
    b, a = np.atleast_1d(as_array(b)), np.atleast_1d(as_array(a))
    zi = lfilter_zi(b, a)
    return _both_ways(
        lambda x, start: lfilter(b, a, x, -1, zi * start)[0], x, axis, padtype, padlen, max(len(a), len(b))
    )


def sosfiltfilt(
    sos: Array, x: Array, axis: int = -1, padtype: str | None = "odd", padlen: int | None = None
) -> Array:
    """A signal filtered forward and backward by second-order sections, as scipy.signal.sosfiltfilt.

    Parameters
    ----------
    sos, x, axis
        As for `sosfilt`.
    padtype, padlen
        As for `filtfilt`.

    Returns
    -------
    array
        The filtered signal, of the shape of x.
    """
    if not is_traced(sos) and not is_traced(x):
        return scipys("sosfiltfilt")(np.array(sos), x, axis, padtype, padlen)
    sos = _sections(sos)
    zi = sosfilt_zi(sos)
    taps = 2 * len(sos) + 1 - min(int(np.sum(sos[:, 2] == 0)), int(np.sum(sos[:, 5] == 0)))

    def once(x: Array, start: Array) -> Array:
        states = np.reshape(zi, (len(sos), *(1,) * (x.ndim - 1), 2)) * start
        return sosfilt(sos, x, -1, states)[0]

    return _both_ways(once, x, axis, padtype, padlen, taps)


def _both_ways(once: Any, x: Array, axis: int, padtype: str | None, padlen: int | None, taps: int) -> Array:
    """A filter once(x, first entry) along the last axis, forward and then backward, with continued ends."""
    if padtype not in ("even", "odd", "constant", None):
        raise ValueError(
            f"Unknown value '{padtype}' given to padtype. padtype must be 'even', 'odd', 'constant', or None."
        )
    x = np.moveaxis(as_array(x), axis, -1)
    n = x.shape[-1]
    edge = 0 if padtype is None else 3 * taps if padlen is None else padlen
    if n <= edge:
        raise ValueError(f"The length of the input vector x must be greater than padlen, which is {edge}.")
    if edge:
        first, last = x[..., :1], x[..., -1:]
        if padtype == "constant":
            shape = (*x.shape[:-1], edge)
            before, after = np.broadcast_to(first, shape), np.broadcast_to(last, shape)
        else:
            before, after = x[..., edge:0:-1], x[..., -2 : -edge - 2 : -1]
            if padtype == "odd":
                before, after = 2 * first - before, 2 * last - after
        x = np.concatenate((before, x, after), axis=-1)
    for _ in range(2):
        x = np.flip(once(x, x[..., :1]), -1)
    return np.moveaxis(x[..., edge : edge + n], -1, axis)


def deconvolve(signal: Array, divisor: Array) -> Any:
    """Quotient and remainder of a signal by another one, as scipy.signal.deconvolve.

    Parameters
    ----------
    signal, divisor : array
        Of one axis.

    Returns
    -------
    quotient, remainder : array
        signal = divisor * quotient + remainder.
    """
    if not is_traced(signal) and not is_traced(divisor):
        return scipys("deconvolve")(signal, divisor)
    signal, divisor = np.atleast_1d(as_array(signal)), np.atleast_1d(as_array(divisor))
    n, d = len(signal), len(divisor)
    if signal.ndim != 1 or divisor.ndim != 1 or not n or not d:
        raise ValueError(
            "signal and divisor must be non-empty arrays of one axis; they have shapes "
            f"{signal.shape} and {divisor.shape}"
        )
    if d > n:
        return [], signal
    impulse = np.zeros(n - d + 1)
    impulse[0] = 1
    quotient = lfilter(signal, divisor, impulse)
    return quotient, signal - part(full(divisor, quotient), (d,), (n - d + 1,), "full")
