"""Cumulative sums and products."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..linear_map import Array, LinearMap, Shape, compose, identity, linear, zero
from ..maps import Broadcast, Diagonal, zeros_like
from ..rule import Rule, rule_for
from .reductions import as_reduced, observed, only_where, rows_along


def _pad_front(n: int) -> LinearMap:
    """v ↦ (0, v) along the last axis, of length n."""

    def push(v: Array) -> Array:
        z = zeros_like(v, (*np.shape(v)[:-1], n + 1))
        z[..., 1:] = v
        return z

    return linear(push, lambda w: w[..., 1:])


def _unrowed(shape: Shape, axis: Any, n: int) -> LinearMap:
    """The way back from rows_along for a result with n entries along the axis (flat where axis is None)."""
    if axis is None:
        return identity
    k = int(axis) % len(shape)
    return rows_along((*shape[:k], n, *shape[k + 1 :]), k).adjoint


class RunningSum(LinearMap):
    """The sums Σ_{i≤k} v_i along an axis (negative); the adjoint sums from the end."""

    __slots__ = ("axis",)

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def push(self, v: Array) -> Array:
        return np.cumsum(v, axis=self.axis)

    def pull(self, w: Array) -> Array:
        backwards: Any = (Ellipsis, slice(None, None, -1), *[slice(None)] * (-self.axis - 1))
        return np.cumsum(w[backwards], axis=self.axis)[backwards]


def _cumulative_sum(a: Array, axis: Any, include_initial: bool = False) -> LinearMap:
    shape = np.shape(a)
    if not include_initial and (axis is not None or len(shape) == 1):
        return RunningSum(-1 if axis is None else int(axis) % len(shape) - len(shape))
    n = math.prod(shape) if axis is None else shape[int(axis)]
    pad = _pad_front(n) if include_initial else identity
    return compose(_unrowed(shape, axis, n + include_initial), pad, RunningSum(-1), rows_along(shape, axis))


def _recurrence(x: Array, u: Array) -> Array:
    """Numerics of `linear_recurrence`, by halving.

    Two steps make one of the same form, t_{k+1} = (x_k x_{k−1}) t_{k−1} + (x_k u_k + u_{k+1}), so the
    recurrence of the odd entries is half as long; the even ones follow.  O(n) work in O(log n) array
    operations, and nothing is divided.
    """
    n = u.shape[-1]
    if n < 2:
        return u
    x_odd, x_even = x[..., 0::2], x[..., 1::2]  # by which odd and even entries follow from the one before
    pairs = x_odd[..., 1:] * x_even[..., : x_odd.shape[-1] - 1]
    odd = _recurrence(pairs, x_odd * u[..., 0 : n - 1 : 2] + u[..., 1::2])
    t = np.empty((*odd.shape[:-1], n), odd.dtype)
    t[..., 1::2] = odd
    t[..., 0] = u[..., 0]
    t[..., 2::2] = x_even * odd[..., : x_even.shape[-1]] + u[..., 2::2]
    return t


def products_before(a: Array) -> Array:
    """∏ a_j over j < k along the last axis, for each k."""
    e = np.ones_like(a)
    e[..., 1:] = np.cumprod(a[..., :-1], axis=-1)
    return e


def _linear_recurrence(x: Array, u: Array) -> Any:
    # dt_{k+1} = x_k dt_k + (t_k dx_k + du_{k+1}): the same recurrence.
    # Its adjoint runs from the end, with conj(x).
    t = linear_recurrence(x, u)
    n = np.shape(t)[-1]
    if n < 2:
        return t, (zero, identity)
    run = linear(
        lambda v: linear_recurrence(x, v),
        lambda w: linear_recurrence(np.conjugate(x)[..., ::-1], w[..., ::-1])[..., ::-1],
    )
    by_x = Diagonal(lambda t: t[..., :-1], (t,), np.shape(x), (*np.shape(t)[:-1], n - 1))
    same = identity if np.shape(u) == np.shape(t) else Broadcast(np.shape(u), np.shape(t))
    return t, (compose(run, _pad_front(n - 1), by_x), compose(run, same))


linear_recurrence = Rule(_recurrence, _linear_recurrence, "linear_recurrence")
linear_recurrence.__doc__ = """t with t_0 = u_0 and t_{k+1} = x_k t_k + u_{k+1} along the last axis.

Parameters: u of shape (..., n), x of shape (..., n - 1), whose leading axes broadcast to those of u.
"""


def _cumulative_product(a: Array, axis: Any, include_initial: bool = False) -> LinearMap:
    """For y_k = ∏_{i≤k} a_i: dy_k = a_k dy_{k−1} + y_{k−1} da_k, a linear recurrence; right at zeros of a."""
    shape = np.shape(a)
    n = math.prod(shape) if axis is None else shape[int(axis)]
    rows = rows_along(shape, axis)
    k = 0 if axis is None else int(axis) % len(shape)
    inner = (n,) if axis is None else (*shape[:k], *shape[k + 1 :], n)

    def factors() -> Array:
        return rows.push(a)[..., 1:]

    run = linear(
        lambda v: linear_recurrence(factors(), v),
        lambda w: linear_recurrence(np.conjugate(factors())[..., ::-1], w[..., ::-1])[..., ::-1],
    )
    before = Diagonal(lambda a: products_before(rows.push(a)), (a,), inner, inner)
    pad = _pad_front(n) if include_initial else identity
    return compose(_unrowed(shape, axis, n + include_initial), pad, run, before, rows)


def _cumulative_rule(function: Any, make: Any, missing: Any = None) -> None:
    """Enter the rule of cumsum, cumprod or a nan-variant, in which missing stands for a NaN."""

    @rule_for(function)
    def body(a: Array, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
        y = function(a, axis, dtype)
        if y.dtype.kind not in "fc":
            return y, zero
        a, axis = as_reduced(a, dtype), axis if np.ndim(a) else None
        if missing is None:
            return y, make(a, axis)
        mask = observed(a, None)
        return y, compose(make(np.where(mask, a, missing), axis), only_where(mask))


_cumulative_rule(np.cumsum, _cumulative_sum)
_cumulative_rule(np.cumprod, _cumulative_product)
_cumulative_rule(np.nancumsum, _cumulative_sum, 0)
_cumulative_rule(np.nancumprod, _cumulative_product, 1)


def _accumulate_rule(ufunc: Any, make: Any) -> None:
    @rule_for((ufunc, "accumulate"))
    def body(array: Array, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
        y = ufunc.accumulate(array, axis=axis, dtype=dtype)
        return y, make(as_reduced(array, dtype), axis) if y.dtype.kind in "fc" else zero


_accumulate_rule(np.add, _cumulative_sum)
_accumulate_rule(np.multiply, _cumulative_product)


def _array_api_rule(function: Any, make: Any) -> None:
    """Enter the rule of cumulative_sum or cumulative_prod."""

    @rule_for(function)
    def body(
        x: Array, /, axis: Any = None, dtype: Any = None, out: Any = None, include_initial: bool = False
    ) -> Any:
        y = function(x, axis=axis, dtype=dtype, include_initial=include_initial)
        if y.dtype.kind not in "fc":
            return y, zero
        return y, make(as_reduced(x, dtype), axis if np.ndim(x) else None, bool(include_initial))


if hasattr(np, "cumulative_sum"):  # NumPy 2.1
    _array_api_rule(np.cumulative_sum, _cumulative_sum)
    _array_api_rule(np.cumulative_prod, _cumulative_product)
