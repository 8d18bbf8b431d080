"""Quantiles: quantile, percentile, median and their nan-variants.

A quantile is an entry of the sorted data or a mixture of two; equal entries share alike (see order).  It
varies with the level q too, where the method interpolates: at a level that hits an entry, by the slope above
it (at the last entry, below it).  A NaN that is the result counts as the entry that it is made of.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import NotDifferentiableError
from ..linear_map import Array, LinearMap, compose, identity, linear, zero
from ..maps import Diagonal, Gather, kept_shape, normalized_axes, reshape, transpose
from ..rule import function_name, primal, rule_for
from .order import Sorting, row_starts
from .products import as_array
from .reductions import UNSET, rows_along

# Where the quantile q of n entries lies in sorted order, from 0: h = n q + α + q (1 − α − β) − 1, with
# α and β of R. J. Hyndman and Y. Fan, Sample quantiles in statistical packages, Am. Stat. 50 (1996) 361.
_CONTINUOUS = {
    "interpolated_inverted_cdf": (0.0, 1.0),
    "hazen": (0.5, 0.5),
    "weibull": (0.0, 0.0),
    "linear": (1.0, 1.0),
    "median_unbiased": (1 / 3, 1 / 3),
    "normal_unbiased": (3 / 8, 3 / 8),
}


def _position(method: str, n: Any, q: Any) -> Any:
    """The place of the quantile q among n sorted entries, for the methods that interpolate."""
    alpha, beta = _CONTINUOUS[method]
    return (n - 1) * q if method == "linear" else n * q + (alpha + q * (1 - alpha - beta)) - 1


def _neighbours(method: str, n: Any, q: Array) -> tuple[Array, Array, Any]:
    """The places lo and hi of the entries that a quantile lies between, and the weight of hi, for plain q."""
    top = np.maximum(n - 1, 0)
    if method in _CONTINUOUS:
        h = _position(method, n, q)
        lo = np.clip(np.floor(h), 0, np.maximum(n - 2, 0))
        return lo, np.minimum(lo + 1, top), np.clip(h - lo, 0, 1)
    h, g = (n - 1) * q, n * q - 1
    if method == "lower":
        lo = hi = np.floor(h)
    elif method == "higher":
        lo = hi = np.ceil(h)
    elif method == "nearest":
        lo = hi = np.round(h)
    elif method == "midpoint":
        lo, hi = np.floor(h), np.ceil(h)
    elif method == "averaged_inverted_cdf":
        lo = np.floor(g)
        lo, hi = np.where(g == lo, lo, lo + 1), lo + 1
    elif method == "inverted_cdf":
        lo = hi = np.ceil(g)
    else:  # closest_observation: half way between two, the one in even place (counted from 1)
        g = g - 0.5
        lo = np.floor(g)
        lo = hi = np.where((g == lo) & (lo % 2 == 1), lo, lo + 1)
    return np.clip(lo, 0, top), np.clip(hi, 0, top), 0.5


class Quantile:
    """The maps of a quantile: where the entries lie that it is made of, found when first needed."""

    def __init__(
        self, a: Array, q: Any, axis: Any, keepdims: Any, method: str, skip_nan: bool, scale: float
    ) -> None:
        self.a, self.q, self.method, self.skip_nan, self.scale = a, q, method, skip_nan, scale
        shape = np.shape(a)
        self.rows = rows_along(shape, axis)
        axes = normalized_axes(axis, len(shape))
        self.rest = tuple([n for k, n in enumerate(shape) if k not in axes])
        self.inner = (*self.rest, math.prod([shape[k] for k in axes]))
        self.q_shape = np.shape(q)
        kept = kept_shape(shape, axis) if keepdims is not UNSET and keepdims else self.rest
        self.out_shape = (*self.q_shape, *kept)
        self.picked = (*self.rest, math.prod(self.q_shape))
        self.places: Any = None
        self.found: Any = None

    def plain_q(self) -> Array:
        """q as NumPy uses it: in the precision of a where it is a plain number."""
        q, kind = primal(self.q), np.result_type(self.a)
        q = np.asarray(q, kind if isinstance(q, (int, float)) and kind.kind == "f" else None)
        return np.reshape(q / q.dtype.type(1 / self.scale) if self.scale != 1 else q, -1)

    def sizes(self, a: Array) -> Any:
        """The number of entries, or of those that are not NaN."""
        return np.sum(~np.isnan(a), axis=-1, keepdims=True) if self.skip_nan else self.inner[-1]

    def neighbours(self) -> Any:
        """The places of the two entries in the sorted rows, and the weight of the second."""
        if self.places is None:
            a = self.rows.push(primal(self.a))
            lo, hi, weight = _neighbours(self.method, self.sizes(a), self.plain_q())
            lo, hi = (
                np.broadcast_to(lo, self.picked).astype(np.intp),
                np.broadcast_to(hi, self.picked).astype(np.intp),
            )
            if not self.skip_nan:  # the result is the NaN, which is sorted last
                bad = np.any(np.isnan(a), axis=-1, keepdims=True)
                lo, hi = np.where(bad, self.inner[-1] - 1, lo), np.where(bad, self.inner[-1] - 1, hi)
            self.places = lo, hi, np.broadcast_to(weight, self.picked)
        return self.places

    def entries(self) -> Any:
        """Where the two entries lie in the flattened rows, and the map that has to sort these before.

        A few entries without an equal are found by partition, without sorting.
        """
        if self.found is None:
            a, start = self.rows.push(primal(self.a)), row_starts(self.inner)
            lo, hi, _ = self.neighbours()
            wanted = np.unique(np.stack([lo, hi]))
            self.found = lo + start, hi + start, Sorting(a)
            if wanted.size <= 8:
                order = np.argpartition(a, wanted, axis=-1)
                values = np.take_along_axis(a, order[..., wanted], axis=-1)
                alone = [np.count_nonzero(a == values[..., k, None]) for k in range(wanted.size)]
                if max(alone) <= math.prod(self.rest):
                    flat = np.reshape(order + start, -1)
                    self.found = flat[lo + start], flat[hi + start], identity
        return self.found

    def place(self) -> LinearMap:
        """(rest, q) ↦ the layout of the result."""
        r = len(self.rest)
        return compose(reshape((self.picked[-1], *self.rest), self.out_shape), transpose((r, *range(r))))

    def in_a(self) -> LinearMap:
        """dy = (1 − γ) ds_lo + γ ds_hi, for the sorted entries s."""
        size = math.prod(self.inner)

        def pick(which: int) -> LinearMap:
            def made() -> LinearMap:
                found = self.entries()
                read = Gather(found[which], (size,), len(self.picked))
                return compose(read, reshape(self.inner, (size,)), found[2])

            return linear(lambda v: made().push(v), lambda w: made().pull(w))

        def share(which: int) -> LinearMap:
            def factor(q: Any) -> Array:
                weight = self.weight(q)
                return weight if which else 1 - weight

            return compose(Diagonal(factor, (self.q,), self.picked, self.picked), pick(which))

        return compose(self.place(), share(0) + share(1), self.rows)

    def weight(self, q: Any) -> Array:
        """The weight γ of the upper entry: varies with q where the method interpolates."""
        plain = self.neighbours()[2]
        if self.method not in _CONTINUOUS or primal(q) is q:
            return plain
        # The same number, as a function of q: γ + rate (q − q₀).
        return plain + np.reshape(q - primal(q), -1) * self.rate()

    def rate(self) -> Array:
        """dγ/dq, of the shape of the picked entries; 0 beyond the first and the last entry."""
        n = self.sizes(self.rows.push(primal(self.a)))
        q = self.plain_q()
        alpha, beta = _CONTINUOUS[self.method]
        h = _position(self.method, n, q)
        slope = np.where((h >= 0) & (h <= n - 1), n + (1 - alpha - beta), 0) * self.scale
        return np.broadcast_to(slope, self.picked)

    def in_q(self) -> LinearMap:
        """dy/dq = dγ/dq (s_hi − s_lo); 0 for the methods that take one entry."""
        if self.method not in _CONTINUOUS:
            return zero

        def slope(a: Array) -> Array:
            lo, hi, m = self.entries()
            s = np.reshape(m.push(self.rows.push(a)), -1)
            return (s[hi] - s[lo]) * self.rate()

        q_flat = (self.picked[-1],)
        return compose(
            self.place(), Diagonal(slope, (self.a,), q_flat, self.picked), reshape(self.q_shape, q_flat)
        )


class _Weighted(Quantile):
    """The quantile of weighted entries: one of the entries, the one that has the value of the result."""

    def __init__(self, y: Array, *args: Any) -> None:
        super().__init__(*args)
        self.y = primal(y)

    def neighbours(self) -> Any:
        if self.places is None:
            s = np.sort(self.rows.push(primal(self.a)), axis=-1)
            y = self.place().pull(np.asarray(self.y))
            below = np.sum(s[..., None, :] < y[..., None], axis=-1)
            last = np.sum(~np.isnan(s), axis=-1, keepdims=True) - 1 if self.skip_nan else self.inner[-1] - 1
            lo = np.where(np.isnan(y), np.maximum(last, 0), below)
            self.places = lo, lo, np.zeros(self.picked)
        return self.places


def _quantile_rule(function: Any, skip_nan: bool, scale: float) -> None:
    """Enter the rule of quantile, percentile or a nan-variant, for levels that are scale·q."""

    @rule_for(function)
    def body(
        a: Array,
        q: Any,
        axis: Any = None,
        out: Any = None,
        overwrite_input: bool = False,
        method: str = "linear",
        keepdims: Any = UNSET if skip_nan else False,
        weights: Any = None,
    ) -> Any:
        a = as_array(a)
        y = function(a, q, axis, None, False, method, keepdims, weights=weights)
        args = (a, q, axis, keepdims, method, skip_nan, scale)
        m = Quantile(*args) if weights is None else _Weighted(y, *args)
        if skip_nan and len(m.q_shape) > 1 and m.rest:  # there NumPy puts q's axes in varying places
            raise NotDifferentiableError(
                f"{function_name(function)} under differentiation takes levels q with at most one axis; "
                "give np.ravel(q) and reshape the result"
            )
        if 0 in m.inner or 0 in m.picked:
            return y, (zero, zero)
        in_q = None if isinstance(q, (list, tuple)) else m.in_q()
        return y, (m.in_a(), in_q, None, None, None, None, None, zero)


_quantile_rule(np.quantile, False, 1)
_quantile_rule(np.percentile, False, 0.01)
_quantile_rule(np.nanquantile, True, 1)
_quantile_rule(np.nanpercentile, True, 0.01)


def _median_rule(function: Any, skip_nan: bool) -> None:
    @rule_for(function)
    def body(
        a: Array,
        axis: Any = None,
        out: Any = None,
        overwrite_input: bool = False,
        keepdims: Any = UNSET if skip_nan else False,
    ) -> Any:
        y = function(a, axis, None, False, keepdims)
        m = Quantile(a, 0.5, axis, keepdims, "midpoint", skip_nan, 1)
        return y, zero if 0 in m.inner else m.in_a()


_median_rule(np.median, False)
_median_rule(np.nanmedian, True)
