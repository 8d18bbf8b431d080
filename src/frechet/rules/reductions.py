"""Reductions: sums, products, means, variances, and their nan-variants.

Each works with axis (None, an integer, a tuple), keepdims, dtype, initial and where.  A nan-variant is the
plain reduction restricted to the entries that are not NaN, so it shares the plain one's derivative.

At equal data std has no derivative (it has a kink there, as abs has at 0); the value 0 is given, which is the
smallest of its subgradients.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import NotDifferentiableError
from ..linear_map import Array, LinearMap, Shape, compose, linear, zero
from ..maps import Broadcast, Diagonal, SumOver, diagonal, normalized_axes, real_part, reshape
from ..rule import function_name, primal, rule_for

UNSET: Any = np._NoValue  # NumPy's mark for an argument that was not given
add_up: Any = np.add.reduce  # np.sum without its wrapper, which takes longer than a small sum


# --- axes ---------------------------------------------------------------------------------------------------


def reduced_size(shape: Shape, axis: Any) -> int:
    """The number of entries that a reduction over axis takes together."""
    return math.prod([shape[k] for k in normalized_axes(axis, len(shape))])


def rows_along(shape: Shape, axis: Any) -> LinearMap:
    """v ↦ v with the axes of a reduction moved behind the others and merged into one, the last."""
    axes = normalized_axes(axis, len(shape))
    rest = tuple([k for k in range(len(shape)) if k not in axes])
    order = [k - len(shape) for k in (*rest, *axes)]
    back = [int(k) - len(shape) for k in np.argsort([k % len(shape) for k in order])] if shape else []
    moved = tuple([shape[k] for k in order])
    merge = reshape(moved, (*moved[: len(rest)], math.prod(moved[len(rest) :])))
    if order == list(range(-len(shape), 0)):
        return merge

    def permuted(v: Array, which: list[int]) -> Array:
        n_stack = np.ndim(v) - len(shape)
        return np.transpose(v, (*range(n_stack), *[np.ndim(v) + k for k in which]))

    return compose(merge, linear(lambda v: permuted(v, order), lambda w: permuted(w, back)))


def only_where(mask: Array) -> LinearMap:
    """v ↦ v where the mask holds, 0 elsewhere; its own adjoint."""
    return linear(lambda v: np.where(mask, v, 0), lambda w: np.where(mask, w, 0))


def mask_of(where: Any, shape: Shape) -> Any:
    """The where= of a reduction as booleans of the argument's shape; None where every entry takes part."""
    if where is UNSET or where is True:
        return None
    return np.broadcast_to(primal(where), shape).astype(bool)


def observed(a: Array, mask: Any) -> Array:
    """Where an entry takes part and is not NaN."""
    there = ~np.isnan(primal(a))
    return there if mask is None else there & mask


def taking_part(a: Array, where: Any, skip_nan: bool) -> Any:
    """Which entries a reduction takes together; None for all."""
    mask = mask_of(where, np.shape(a))
    return observed(a, mask) if skip_nan else mask


def as_reduced(a: Array, dtype: Any) -> Array:
    """a as a reduction with dtype= sees it: without its imaginary part where that type is real."""
    return np.real(a) if dtype is not None and np.iscomplexobj(a) and np.dtype(dtype).kind != "c" else a


def sum_along(a: Array, axis: Any, keepdims: Any = UNSET, factor: float | None = None) -> LinearMap:
    """v ↦ c Σ v over the axes of a reduction of a."""
    shape = a.shape if type(a) is np.ndarray else np.shape(a)
    return SumOver(axis, shape, keepdims is not UNSET and bool(keepdims), factor)


def count_of(mask: Array, axis: Any, keepdims: Any) -> Array:
    """The number of entries of a reduction where the mask holds."""
    return add_up(mask, axis=axis, dtype=float, keepdims=keepdims is not UNSET and bool(keepdims))


# --- sums and means -----------------------------------------------------------------------------------------


def _sum_rule(function: Any, *aliases: Any, skip_nan: bool = False) -> None:
    """Enter the rule of sum or nansum."""

    @rule_for(function, *aliases)
    def body(
        a: Array,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: Any = UNSET,
        initial: Any = UNSET,
        where: Any = UNSET,
    ) -> Any:
        if initial is UNSET and where is UNSET and dtype is None and not skip_nan:
            kept = keepdims is not UNSET and bool(keepdims)
            shape = a.shape if type(a) is np.ndarray else np.shape(a)
            return add_up(a, axis, None, None, kept), SumOver(axis, shape, kept)
        y = function(a, axis=axis, dtype=dtype, keepdims=keepdims, initial=initial, where=where)
        if y.dtype.kind not in "fc":
            return y, zero
        total = sum_along(a, axis, keepdims)
        mask = taking_part(a, where, skip_nan)
        if mask is not None:
            total = compose(total, only_where(mask))
        return y, (total, None, None, None, None, Broadcast((), np.shape(y)))


_sum_rule(np.sum, (np.add, "reduce"))
_sum_rule(np.nansum, skip_nan=True)


def _mean(a: Array, axis: Any, keepdims: Any, mask: Any) -> LinearMap:
    """The mean of the entries where the mask holds, as a linear map."""
    if mask is None:
        n = reduced_size(np.shape(a), axis)
        return sum_along(a, axis, keepdims, 1 / n if n else math.nan)
    count = count_of(mask, axis, keepdims)
    weight = 1 / np.where(count == 0, np.nan, count)
    return compose(diagonal(weight), sum_along(a, axis, keepdims), only_where(mask))


def _mean_rule(function: Any, skip_nan: bool = False) -> None:
    """Enter the rule of mean or nanmean."""

    @rule_for(function)
    def body(
        a: Array,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: Any = UNSET,
        where: Any = UNSET,
    ) -> Any:
        y = function(a, axis, dtype, None, keepdims, where=where)
        if y.dtype.kind not in "fc":
            return y, zero
        return y, _mean(a, axis, keepdims, taking_part(a, where, skip_nan))


_mean_rule(np.mean)
_mean_rule(np.nanmean, skip_nan=True)


# --- variances ----------------------------------------------------------------------------------------------


def _variance(a: Array, axis: Any, ddof: Any, keepdims: Any, mask: Any, centre: Any) -> LinearMap:
    """The derivative in a of Σ |a − m|² / (n − ddof), for a given centre m or (None) the mean of a.

    d = 2/(n − ddof) Re Σ conj(a − m) da; where m is the mean of a, the term in dm vanishes.
    """
    shape = np.shape(a)

    def deviation(a: Array) -> Array:
        """conj(a − m), 0 where the entry takes no part."""
        m = centre
        if m is None and mask is None:
            m = np.mean(a, axis=axis, keepdims=True)
        elif m is None:
            count = add_up(mask, axis=axis, dtype=float, keepdims=True)
            m = np.sum(a, axis=axis, keepdims=True, where=mask) / np.maximum(count, 1)
        d = (a - m).conj()
        return d if mask is None else np.where(mask, d, 0)

    if mask is None:
        n = reduced_size(shape, axis)
        total = sum_along(a, axis, keepdims, 2 / (n - ddof) if n > ddof else math.nan)
    else:
        freedom = count_of(mask, axis, keepdims) - ddof
        total = compose(diagonal(2 / np.where(freedom > 0, freedom, np.nan)), sum_along(a, axis, keepdims))
    if np.iscomplexobj(a) or np.iscomplexobj(centre):
        total = compose(real_part, total)
    return compose(total, Diagonal(deviation, (a,), shape, shape))


def inverse_or_zero(y: Array) -> Array:
    """1/y, and 0 where y is 0."""
    nothing = primal(y) == 0
    return np.where(nothing, 0, 1 / np.where(nothing, 1, y))


def _half_inverse(y: Array) -> Array:
    return 0.5 * inverse_or_zero(y)


def _variance_rule(function: Any, root: bool, skip_nan: bool) -> None:
    """Enter the rule of one of var, std, nanvar, nanstd."""

    @rule_for(function)
    def body(
        a: Array,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        ddof: Any = 0,
        keepdims: Any = UNSET,
        where: Any = UNSET,
        mean: Any = UNSET,
        correction: Any = UNSET,
    ) -> Any:
        if as_reduced(a, dtype) is not a:
            raise NotDifferentiableError(
                f"{function_name(function)} of complex numbers with a real dtype= drops imaginary parts in "
                "the mean only; leave dtype out, or take the real part first"
            )
        y = function(a, axis, dtype, None, ddof, keepdims, where=where, mean=mean, correction=correction)
        if y.dtype.kind not in "fc":
            return y, zero
        mask = taking_part(a, where, skip_nan)
        centre = None if mean is UNSET else mean
        m = _variance(a, axis, ddof if correction is UNSET else correction, keepdims, mask, centre)
        if root:  # d√v = dv / (2√v), and 0 where v is 0
            m = compose(Diagonal(_half_inverse, (y,), np.shape(y), np.shape(y)), m)
        if centre is None:
            return y, m
        return y, (
            m,
            None,
            None,
            None,
            None,
            None,
            None,
            compose(-m, Broadcast(np.shape(centre), np.shape(a))),
        )


_variance_rule(np.var, root=False, skip_nan=False)
_variance_rule(np.std, root=True, skip_nan=False)
_variance_rule(np.nanvar, root=False, skip_nan=True)
_variance_rule(np.nanstd, root=True, skip_nan=True)


# --- products -----------------------------------------------------------------------------------------------


def products_of_others(a: Array) -> Array:
    """∏ a_j over j ≠ i along the last axis, for each i.

    Nothing is divided, so it is right with any number of zeros, and so are its derivatives.  By halving: with
    c_i = a_i a_{i+m}, the others of a_i are those of c_i and a_{i+m}.  3n multiplications.
    """
    n = np.shape(a)[-1]
    if n < 2:
        return np.ones_like(a)
    m = n // 2
    first, second, left_over = a[..., :m], a[..., m : 2 * m], a[..., 2 * m :]
    if n == 2:
        return np.concatenate([second, first], axis=-1)
    pairs = first * second
    others = products_of_others(np.concatenate([pairs, left_over], axis=-1) if n % 2 else pairs)
    of_pairs = others[..., :m]
    return np.concatenate([of_pairs * second, of_pairs * first, others[..., m:]], axis=-1)


def _product(a: Array, axis: Any, keepdims: Any, initial: Any, mask: Any) -> LinearMap:
    """dy = Σ_i (∏_{j≠i} a_j) da_i."""
    shape = np.shape(a)

    def factor(a: Array) -> Array:
        rows = rows_along(shape, axis)
        d = rows.pull(products_of_others(rows.push(a if mask is None else np.where(mask, a, 1))))
        if initial is not UNSET:
            d = d * initial
        return d if mask is None else np.where(mask, d, 0)

    return compose(sum_along(a, axis, keepdims), Diagonal(factor, (a,), shape, shape))


def _product_rule(function: Any, *aliases: Any, skip_nan: bool = False) -> None:
    """Enter the rule of prod or nanprod."""

    @rule_for(function, *aliases)
    def body(
        a: Array,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: Any = UNSET,
        initial: Any = UNSET,
        where: Any = UNSET,
    ) -> Any:
        y = function(a, axis=axis, dtype=dtype, keepdims=keepdims, initial=initial, where=where)
        if y.dtype.kind not in "fc":
            return y, zero
        of_start: LinearMap = zero
        initial = UNSET if initial is None else initial
        if initial is not UNSET:
            rest = function(a, axis=axis, dtype=dtype, keepdims=keepdims, where=where)
            of_start = Diagonal(rest, None, (), np.shape(y))
        mask = taking_part(a, where, skip_nan)
        m = _product(as_reduced(a, dtype), axis, keepdims, initial, mask)
        return y, (m, None, None, None, None, of_start)


_product_rule(np.prod, (np.multiply, "reduce"))
_product_rule(np.nanprod, skip_nan=True)
