"""Functions that are linear in the signal: the analytic signal, detrending, Savitzky and Golay's filter."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from .._scipy import as_array
from ..errors import InPlaceError, NotDifferentiableError
from ..fft import fft, ifft
from ..linear_map import Array
from ..tracing.apply import is_traced
from ._convolve import full, part, scipys


def _real(dtype: Any) -> Any:
    """The dtype of real parts."""
    return np.empty(0, dtype).real.dtype


def hilbert(x: Array, N: int | None = None, axis: int = -1) -> Array:
    """The analytic signal, as scipy.signal.hilbert.

    Parameters
    ----------
    x : array
        The signal, real.
    N : int, optional
        The number of Fourier components, by default the length of x.
    axis : int, optional
        Along which it is transformed.

    Returns
    -------
    array
        x plus i times its Hilbert transform.
    """
    if not is_traced(x):
        return scipys("hilbert")(x, N, axis)
    x = as_array(x)
    if np.iscomplexobj(x):
        raise ValueError("x must be real.")
    n = np.shape(x)[axis] if N is None else N
    if n <= 0:
        raise ValueError("N must be positive.")
    weights = np.zeros(n)
    weights[0] = 1
    weights[1 : (n + 1) // 2] = 2
    if n % 2 == 0:
        weights[n // 2] = 1
    y = np.moveaxis(fft(x, n, axis), axis, -1)
    y = y * weights.astype(_real(y.dtype))
    return np.moveaxis(ifft(y), -1, axis)


def detrend(
    data: Array, axis: int = -1, type: str = "linear", bp: Any = 0, overwrite_data: bool = False
) -> Array:
    """The signal without its mean or without a linear trend, as scipy.signal.detrend.

    Parameters
    ----------
    data : array
        The signal.
    axis : int, optional
        Along which it is taken.
    type : {'linear', 'constant'}, optional
        What is taken away: straight lines by least squares, or the mean.
    bp : sequence of int, optional
        Where a straight line ends and the next begins.
    overwrite_data : bool, optional
        For plain arrays only.

    Returns
    -------
    array
        The rest, of the shape of data.
    """
    if not is_traced(data):
        return scipys("detrend")(data, axis, type, bp, overwrite_data)
    if overwrite_data and type in ("linear", "l"):
        raise InPlaceError(
            "fr.signal.detrend: overwrite_data=True would change a traced array in place; use its result"
        )
    data = as_array(data)
    if type in ("constant", "c"):
        return data - np.mean(data, axis, keepdims=True)
    if type not in ("linear", "l"):
        raise ValueError("Trend type must be 'linear' or 'constant'.")
    x = np.moveaxis(data, axis, -1)
    n = x.shape[-1]
    ends = np.unique(np.concatenate((np.atleast_1d(bp), [0, n]))).tolist()
    if ends[-1] > n or ends[0] < 0:
        raise ValueError("Breakpoints must be less than length of data along given axis.")
    parts = []
    for start, stop in itertools.pairwise(ends):
        m = stop - start
        Q = np.linalg.qr(np.stack((np.arange(1, m + 1) / m, np.ones(m)), axis=1))[0].astype(_real(x.dtype))
        segment = x[..., start:stop]
        parts.append(segment - (segment @ Q) @ Q.T if m > 1 else segment * 0)
    return np.moveaxis(np.concatenate(parts, axis=-1), -1, axis)


_MODES = {"mirror": "reflect", "nearest": "edge", "wrap": "wrap", "constant": "constant"}


def savgol_filter(
    x: Array,
    window_length: int,
    polyorder: int,
    deriv: int = 0,
    delta: float = 1.0,
    axis: int = -1,
    mode: str = "interp",
    cval: float = 0.0,
) -> Array:
    """A signal smoothed by local polynomials, as scipy.signal.savgol_filter.

    Parameters
    ----------
    x : array
        The signal.
    window_length, polyorder : int
        How many entries a polynomial is fitted to, and its degree.
    deriv : int, optional
        Which derivative of the polynomial is taken.
    delta : float, optional
        The distance of the entries.
    axis : int, optional
        Along which the signal is filtered.
    mode : {'interp', 'mirror', 'nearest', 'constant', 'wrap'}, optional
        What happens at the ends: the last polynomial is evaluated, or the signal is continued.
    cval : float, optional
        With which it is continued for 'constant'.

    Returns
    -------
    array
        The smoothed signal, of the shape of x.
    """
    options = (window_length, polyorder, deriv, delta)
    if not is_traced((x, *options, cval)):
        return scipys("savgol_filter")(x, *options, axis, mode, cval)
    if is_traced((*options, cval)):
        raise NotDifferentiableError(
            "fr.signal.savgol_filter is differentiated by the signal only; pass fr.stop_gradient of the "
            "other arguments"
        )
    if mode not in (*_MODES, "interp"):
        raise ValueError("mode must be 'mirror', 'constant', 'nearest' 'wrap' or 'interp'.")
    x = as_array(x)
    if np.iscomplexobj(x):
        raise TypeError("fr.signal.savgol_filter takes real signals; filter the real and imaginary parts")
    coefficients = scipys("savgol_coeffs")(window_length, polyorder, deriv=deriv, delta=delta).astype(x.dtype)
    x = np.moveaxis(x, axis, -1)
    lead, n = x.shape[:-1], x.shape[-1]
    before = (window_length - 1) // 2 if mode != "interp" else 0
    after = window_length - 1 - before if mode != "interp" else 0
    if mode == "interp" and window_length > n:
        raise ValueError("If mode is 'interp', window_length must be less than or equal to the size of x.")
    if 0 in np.shape(x):
        return np.moveaxis(x, -1, axis)
    ends = x
    if mode != "interp":
        constant = {"constant_values": cval} if mode == "constant" else {}
        widths = [(0, 0)] * len(lead) + [(before, after)]
        x = np.pad(x, widths, _MODES[mode], **constant)  # type: ignore[call-overload]  # by name
    m = x.shape[-1]
    y = full(np.reshape(x, (-1, m)), coefficients[None], "direct")
    y = np.reshape(part(y, (1, m), (1, window_length), "valid", (1,)), (*lead, m - window_length + 1))
    if mode == "interp":
        if window_length % 2 == 0:
            raise NotDifferentiableError(
                "fr.signal.savgol_filter: mode='interp' needs an odd window_length where the signal is traced"
            )
        half = window_length // 2
        # What the filter makes of a single window at its ends, as a matrix.
        E = scipys("savgol_filter")(np.eye(window_length), *options, axis=0, mode="interp").astype(x.dtype)
        first = ends[..., :window_length] @ E[:half].T
        last = ends[..., n - window_length :] @ E[window_length - half :].T
        y = np.concatenate((first, y, last), axis=-1)
    return np.moveaxis(y, -1, axis)
