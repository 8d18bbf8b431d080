"""Statistics: weighted means, covariances, histograms, correlations and convolutions.

A count is an integer and has no derivative: histograms and bincount vary with the weights, and with the bins
(where those follow from the data, with the smallest and the largest entry), not with where in its bin an
entry lies.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..linear_map import Array, LinearMap, compose, zero
from ..maps import Gather, normalized_axes, reshape, zeros_like
from ..rule import composed, primal, rule_for
from .products import as_array
from .reductions import UNSET

# --- means and covariances ----------------------------------------------------------------------------------


@composed(np.average)
def average(
    a: Array, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = UNSET
) -> Any:
    """Σ w a / Σ w."""
    a, weights = as_array(a), as_array(weights)
    if weights is None:
        y = np.mean(a, axis, keepdims=keepdims)
        total: Any = np.full(np.shape(y), np.size(a) / np.size(y), primal(y).dtype)[()]
        return (y, total) if returned else y
    shape = np.shape(a)
    if np.shape(weights) != shape:
        if axis is None:
            raise TypeError("np.average: axis must be given where the shapes of a and weights differ")
        axes = normalized_axes(axis, len(shape))
        if np.shape(weights) != tuple([shape[k] for k in axes]):
            raise ValueError(
                f"np.average: weights of shape {np.shape(weights)} do not fit axis {axis} of shape {shape}"
            )
        order = [int(k) for k in np.argsort(axes)]
        weights = np.reshape(
            np.transpose(weights, order), [shape[k] if k in axes else 1 for k in range(len(shape))]
        )
    dtype = np.result_type(a, weights)
    if np.result_type(a).kind not in "fc":
        dtype = np.result_type(dtype, np.float64)
    total = np.sum(np.broadcast_to(weights, shape), axis=axis, dtype=dtype, keepdims=keepdims)
    if np.any(primal(total) == 0):
        raise ZeroDivisionError("np.average: the weights sum to zero and cannot be normalized")
    y = np.sum(a * weights, axis=axis, dtype=dtype, keepdims=keepdims) / total
    return (y, total) if returned else y


def _observations(m: Array, rowvar: bool, name: str) -> Array:
    """The data as (variables, observations)."""
    if np.ndim(m) > 2:
        raise ValueError(f"np.cov: {name} has more than 2 dimensions")
    if np.ndim(m) < 2:
        return np.reshape(m, (1, -1))
    return m if rowvar else np.transpose(m)


def _weights(w: Any, n: int, name: str) -> Any:
    w = as_array(w)
    if np.ndim(w) > 1:
        raise RuntimeError(f"np.cov: cannot handle multidimensional {name}")
    if np.shape(w) != (n,):
        raise RuntimeError(f"np.cov: incompatible numbers of samples ({n}) and {name} ({np.size(w)})")
    if np.any(primal(w) < 0):
        raise ValueError(f"np.cov: {name} cannot be negative")
    return w


@composed(np.cov)
def cov(
    m: Array,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: Any = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Array:
    """C = (X − μ) diag(w) (X − μ)ᴴ / f, with μ = X w / Σw; f = n − ddof, or its weighted equivalent."""
    if ddof is not None and ddof != int(ddof):
        raise ValueError("np.cov: ddof must be integer")
    if dtype is None:
        dtype = np.result_type(np.float64, *([m] if y is None else [m, y]))
    X = _observations(m, rowvar, "m")
    if X.shape[0] == 0:
        return np.zeros((0, 0))
    if y is not None:
        # y of a single row or number goes with the variables of m as it stands
        X = np.concatenate((X, _observations(y, rowvar or np.shape(y)[0] == 1, "y")), axis=0)
    X = X.astype(dtype)
    if ddof is None:
        ddof = 0 if bias else 1
    n = X.shape[1]
    if fweights is not None:
        fweights = _weights(np.asarray(fweights, dtype=float), n, "fweights")
        if np.any(fweights != np.round(fweights)):
            raise TypeError("np.cov: fweights must be integer")
    if aweights is not None:
        aweights = _weights(aweights, n, "aweights")
    if fweights is None and aweights is None:
        centred, scaled = X - np.mean(X, axis=1, keepdims=True), None
        freedom: Any = n - ddof
    else:
        w = aweights if fweights is None else fweights if aweights is None else fweights * aweights
        total = np.sum(w)
        centred = X - np.sum(X * w, axis=1, keepdims=True) / total
        scaled = centred * w
        freedom = total
        if ddof:
            freedom = total - ddof * (1 if aweights is None else np.sum(w * aweights) / total)
    if primal(freedom) <= 0:
        warnings.warn("Degrees of freedom <= 0 for slice", RuntimeWarning, stacklevel=2)
        freedom = 0.0
    product = np.matmul(centred if scaled is None else scaled, np.transpose(centred).conj())
    return np.squeeze(product / freedom)


@composed(np.corrcoef)
def corrcoef(x: Array, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Array:
    """C_ij / √(C_ii C_jj), clipped to [−1, 1] against rounding."""
    c = np.cov(x, y, rowvar, dtype=dtype)
    if np.ndim(c) == 0:
        return c / c
    s = np.sqrt(np.real(np.diagonal(c)))
    c = c / s[:, None] / s[None, :]
    if not np.iscomplexobj(c):
        return np.clip(c, -1, 1)
    return np.clip(np.real(c), -1, 1) + 1j * np.clip(np.imag(c), -1, 1)


# --- histograms ---------------------------------------------------------------------------------------------


@rule_for(np.bincount)
def bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Any:
    y = np.bincount(primal(x), weights, minlength)
    if weights is None:
        return y, zero
    return y, (zero, Gather(np.array(primal(x)), np.shape(y), 1).adjoint)


def _edges(a: Array, bins: Any, limits: Any, plain: Array) -> Array:
    """The edges of bins as they vary with the data or with the bins given; plain: their values."""
    if np.ndim(primal(bins)) == 1:
        return bins if primal(bins) is not bins else plain
    if limits is None and primal(a) is not a and np.size(a):
        first, last = np.min(a), np.max(a)
    elif limits is not None and any(primal(limit) is not limit for limit in limits):
        first, last = limits
    else:
        return plain
    if primal(first) == primal(last):
        first, last = first - 0.5, last + 0.5
    return np.linspace(first, last, len(plain), dtype=plain.dtype)


def _bin_of(a: Array, edges: Array) -> Array:
    """The bin in which each entry lies, the last one closed; negative or too large for entries outside."""
    place: Any = np.searchsorted(edges, a, side="right") - 1
    place[a == edges[-1]] = len(edges) - 2
    return place


def _total_by_bin(place: Array, n: int, weights: Array) -> Array:
    """The weights summed by bin, in their own dtype; entries outside of all bins are left out."""
    inside = (place >= 0) & (place < n)
    weights = np.ravel(weights)[inside]
    if np.iscomplexobj(weights):
        total = np.bincount(place[inside], np.real(weights), n) + 1j * np.bincount(
            place[inside], np.imag(weights), n
        )
    else:
        total = np.bincount(place[inside], weights, n)
    return total.astype(np.result_type(weights))


def _plain(x: Any) -> Any:
    """A plain value, also of a list or tuple of traced ones."""
    return type(x)([_plain(entry) for entry in x]) if isinstance(x, (list, tuple)) else primal(x)


@composed(np.histogram)
def histogram(a: Array, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    given, limits = (np.asarray(primal(a)), _plain(bins)), _plain(range)
    counts, plain = np.histogram(*given, limits, weights=None if weights is None else primal(weights))
    edges = _edges(a, bins, range, plain)
    if weights is not None:
        counts = _total_by_bin(_bin_of(given[0].ravel(), plain), len(plain) - 1, weights)
    if density:
        counts = counts / np.diff(edges) / np.sum(counts)
    return counts, edges


@composed(np.histogram_bin_edges)
def histogram_bin_edges(a: Array, bins: Any = 10, range: Any = None, weights: Any = None) -> Array:
    weights = None if weights is None else primal(weights)
    plain = np.histogram_bin_edges(primal(a), _plain(bins), _plain(range), weights)
    return _edges(a, bins, range, plain)


@composed(np.histogramdd)
def histogramdd(
    sample: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    if isinstance(sample, (list, tuple)):
        sample = np.stack([np.ravel(x) for x in sample], axis=-1)
    data = np.asarray(primal(sample))
    dim = data.shape[1]
    counts, plain = np.histogramdd(
        data, _plain(bins), _plain(range), weights=None if weights is None else primal(weights)
    )
    each = list(bins) if isinstance(primal(bins), (list, tuple, np.ndarray)) else [bins] * dim
    limits = [None] * dim if range is None else list(range)
    edges = [_edges(sample[:, k], each[k], limits[k], plain[k]) for k in np.arange(dim)]
    if weights is not None:
        places = np.stack([_bin_of(data[:, k], plain[k]) for k in np.arange(dim)])
        inside = np.all((places >= 0) & (places < np.reshape(counts.shape, (-1, 1))), axis=0)
        flat = np.where(inside, np.ravel_multi_index(np.where(inside, places, 0), counts.shape), -1)
        counts = np.reshape(_total_by_bin(flat, counts.size, weights), counts.shape).astype(float)
    if density:
        total = np.sum(counts)
        for k in np.arange(dim):
            counts = counts / np.reshape(np.diff(edges[k]), [-1 if j == k else 1 for j in np.arange(dim)])
        counts = counts / total
    return counts, edges


@composed(np.histogram2d)
def histogram2d(
    x: Array, y: Array, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    if len(x) != len(y):
        raise ValueError("np.histogram2d: x and y must have the same length")
    if np.ndim(primal(bins)) == 1 and len(bins) not in (1, 2):
        bins = [bins, bins]
    counts, edges = np.histogramdd(np.stack([x, y], axis=-1), bins, range, density, weights)
    return counts, edges[0], edges[1]


# --- convolutions -------------------------------------------------------------------------------------------


class Convolution(LinearMap):
    """x ↦ the convolution of x with a kernel, or its middle part; the adjoint is a correlation.

    The convolution in full has n + m − 1 entries, of which those from start on are kept, as the mode says.
    Stacked directions are convolved one after the other, each at the cost of the convolution itself.
    """

    __slots__ = ("_kernel", "_mode", "_size", "_start")

    def __init__(self, kernel: Array, size: int, mode: str, start: int) -> None:
        self._kernel = kernel
        self._size = size  # of the full convolution
        self._mode = mode
        self._start = start

    def push(self, v: Array) -> Array:
        mode: Any = self._mode
        return _each(lambda x: np.convolve(x, self._kernel, mode), v)

    def pull(self, w: Array) -> Array:
        full = w
        if self._mode != "full":
            full = zeros_like(w, (*np.shape(w)[:-1], self._size))
            full[..., self._start : self._start + np.shape(w)[-1]] = w
        reversed_kernel = self._kernel[::-1].conj()
        return _each(lambda x: np.convolve(x, reversed_kernel, "valid"), full)


def _each(f: Any, v: Array) -> Array:
    """f of each row, over any number of leading axes."""
    if np.ndim(v) == 1:
        return f(v)
    rows = np.reshape(v, (-1, np.shape(v)[-1]))
    y = np.stack([f(row) for row in rows])
    return np.reshape(y, (*np.shape(v)[:-1], np.shape(y)[-1]))


def _start(n: int, m: int, mode: str) -> int:
    """Where the kept part of the full convolution starts."""
    short = min(n, m)
    return {"full": 0, "same": (short - 1) // 2, "valid": short - 1}[mode]


_MODES = {0: "valid", 1: "same", 2: "full", "v": "valid", "s": "same", "f": "full"}  # as NumPy takes them


@rule_for(np.convolve)
def convolve(a: Array, v: Array, mode: Any = "full") -> Any:
    y: Any = np.convolve(a, v, mode)
    mode = _MODES.get(mode, mode)
    n, m = np.size(a), np.size(v)
    size, start = n + m - 1, _start(n, m, mode)
    in_a: LinearMap = Convolution(np.reshape(v, -1), size, mode, start)
    in_v: LinearMap = Convolution(np.reshape(a, -1), size, mode, start)
    return y, (compose(in_a, reshape(np.shape(a), (n,))), compose(in_v, reshape(np.shape(v), (m,))))


@composed(np.correlate)
def correlate(a: Array, v: Array, mode: Any = "valid") -> Array:
    """c_k = Σ a_{n+k} conj(v_n): the convolution of a with v reversed and conjugated."""
    if np.ndim(a) != 1 or np.ndim(v) != 1:
        raise ValueError(f"np.correlate: two vectors are due, got shapes {np.shape(a)} and {np.shape(v)}")
    mode = _MODES.get(mode, mode)
    n, m = np.size(a), np.size(v)
    kernel = np.conjugate(np.reshape(v, -1)[::-1])
    if mode == "same" and n < m:  # the middle lies on the other side than that of np.convolve
        return np.convolve(a, kernel, "full")[n // 2 : n // 2 + m]
    return np.convolve(a, kernel, mode)
