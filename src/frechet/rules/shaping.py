"""Shapes of arrays: reshaping, permuting axes, broadcasting, joining."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import maps
from ..linear_map import Array, linear
from ..maps import Broadcast
from ..rule import rule_for


@rule_for(np.reshape, may_view=True)
def reshape(a: Array, /, shape: Any, order: Any = "C", *, copy: Any = None) -> Any:
    y = np.reshape(a, shape, order=order) if copy is None else np.reshape(a, shape, order=order, copy=copy)
    if order == "C":
        return y, maps.reshape(a.shape, y.shape)
    raise NotImplementedError


@rule_for(np.transpose, may_view=True)
def transpose(a: Array, axes: Any = None) -> Any:
    order = tuple(range(a.ndim))[::-1] if axes is None else tuple(axes)
    return np.transpose(a, axes), maps.transpose(order)


@rule_for(np.swapaxes, may_view=True)
def swapaxes(a: Array, axis1: int, axis2: int) -> Any:
    y = np.swapaxes(a, axis1, axis2)
    j, k = axis1 % a.ndim - a.ndim, axis2 % a.ndim - a.ndim
    swap = linear(lambda v: np.swapaxes(v, j, k), lambda w: np.swapaxes(w, j, k))
    return y, swap


@rule_for(np.moveaxis, may_view=True)
def moveaxis(a: Array, source: Any, destination: Any) -> Any:
    y = np.moveaxis(a, source, destination)
    n = a.ndim
    sources = [s % n for s in ([source] if np.ndim(source) == 0 else source)]
    destinations = [d % n for d in ([destination] if np.ndim(destination) == 0 else destination)]
    rest = [k for k in range(n) if k not in sources]
    for d, s in sorted(zip(destinations, sources, strict=True)):
        rest.insert(d, s)
    return y, maps.transpose(tuple(rest))


@rule_for(np.broadcast_to, may_view=True)
def broadcast_to(array: Array, shape: Any, subok: bool = False) -> Any:
    y = np.broadcast_to(array, shape)
    return y, Broadcast(np.shape(array), y.shape)


@rule_for(np.stack)
def stack(arrays: Any, axis: int = 0, out: Any = None, *, dtype: Any = None, casting: Any = "same_kind") -> Any:
    y = np.stack(arrays, axis, dtype=dtype, casting=casting)
    k = axis % y.ndim - y.ndim

    def entry(j: int) -> Any:
        def push(v: Array) -> Array:
            z = maps.zeros_like(v, np.shape(v)[: np.ndim(v) - (y.ndim - 1)] + y.shape)
            np.moveaxis(z, k, 0)[j] = v
            return z

        return linear(push, lambda w: np.moveaxis(w, k, 0)[j])

    return y, ([entry(j) for j in range(len(arrays))],)
