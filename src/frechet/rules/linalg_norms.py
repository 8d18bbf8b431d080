"""numpy.linalg: norms and condition numbers.

A norm has no derivative at zero; the gradient there is 0, which is a subgradient (as for abs).  The same
holds for the zero entries in a 1-norm and for zero singular values in a nuclear norm.  At ties of a maximum
(inf, 2, 1 of a matrix) the gradient is that of np.max, a mean of those of the tied entries.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..linear_map import Array, LinearMap
from ..rule import Rule, composed, primal
from .linalg_svd import negligible
from .products import as_array


@composed(np.linalg.norm)
def norm(x: Array, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Array:
    x = as_array(x)
    n = np.ndim(x)
    if axis is None:
        if ord is None or n == 1:
            return p_norm(x, 2 if ord is None else _vector_order(ord), tuple(range(-n, 0)), bool(keepdims))
        axis = tuple(range(n))
    axes = tuple(k % n - n for k in _normalized(axis, n))
    if len(axes) == 1:
        return p_norm(x, 2 if ord is None else _vector_order(ord), axes, bool(keepdims))
    if len(axes) == 2:
        return _matrix_norm(x, "fro" if ord is None else ord, axes[0], axes[1], bool(keepdims))
    raise ValueError("Improper number of dimensions to norm.")


@composed(np.linalg.vector_norm)
def vector_norm(x: Array, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Array:
    x = as_array(x)
    n = np.ndim(x)
    axes = tuple(range(-n, 0)) if axis is None else tuple(k - n for k in _normalized(axis, n))
    return p_norm(x, _vector_order(ord), axes, bool(keepdims))


@composed(np.linalg.matrix_norm)
def matrix_norm(x: Array, /, *, keepdims: bool = False, ord: Any = "fro") -> Array:
    return _matrix_norm(as_array(x), ord, -2, -1, keepdims)


def _normalized(axis: Any, n: int) -> tuple[int, ...]:
    axes = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    axes = tuple(np.lib.array_utils.normalize_axis_index(k, n) for k in axes)
    if len(set(axes)) != len(axes):
        raise ValueError("Duplicate axes given.")
    return axes


def _vector_order(ord: Any) -> float:
    if isinstance(ord, str):
        raise ValueError(f"Invalid norm order '{ord}' for vectors")
    return float(ord)


def _matrix_norm(x: Array, ord: Any, row: int, column: int, keepdims: bool) -> Array:
    """The norm of the matrices that lie in two (negative) axes."""
    if row == column:
        raise ValueError("Duplicate axes given.")
    if ord in ("fro", "f"):
        return p_norm(x, 2.0, (row, column), keepdims)
    if ord in (2, -2, "nuc"):
        s = np.linalg.svdvals(np.moveaxis(x, (row, column), (-2, -1)))
        y = np.sum(s, axis=-1) if ord == "nuc" else _extreme(s, ord, -1, False)
        return np.expand_dims(y, (row, column)) if keepdims else y
    if ord not in (1, -1, np.inf, -np.inf):
        raise ValueError("Invalid norm order for matrices.")
    # 1: the largest absolute column sum; inf: the largest row sum
    summed, compared = (row, column) if abs(ord) == 1 else (column, row)
    sums = np.sum(np.abs(x), axis=summed, keepdims=True)
    return _extreme(sums, ord, (row, column) if keepdims else (summed, compared), keepdims)


def _extreme(x: Array, order: float, axis: Any, keepdims: bool) -> Array:
    """The largest entries for a positive order (0 if there are none), the smallest for a negative one."""
    if order < 0:
        return np.min(x, axis=axis, keepdims=keepdims)
    if np.size(x) == 0:
        return np.max(x, axis=axis, keepdims=keepdims, initial=0)
    return np.max(x, axis=axis, keepdims=keepdims)


# --- vector norms ------------------------------------------------------------------------------------------


def p_norm(x: Array, p: float, axes: tuple[int, ...], keepdims: bool) -> Array:
    """(Σ |x|^p)^(1/p) over (negative) axes; the limits for p = ±inf; the number of entries ≠ 0 for p = 0."""
    if math.isinf(p):
        return _extreme(np.abs(x), p, axes, keepdims)
    if p == 0:
        return _plain_norm(primal(x), p, axes, keepdims)
    return norm_rule(x, p, axes, keepdims)


def _plain_norm(x: Array, p: float, axes: tuple[int, ...], keepdims: bool) -> Array:
    if p == 2 and len(axes) == np.ndim(x) and not keepdims:
        return np.linalg.norm(x)
    with np.errstate(divide="ignore"):  # of a negative order the norm is 0 where an entry is 0
        return np.linalg.vector_norm(x, ord=p, axis=axes, keepdims=keepdims)


def _norm(x: Array, p: float, axes: tuple[int, ...], keepdims: bool) -> Any:
    y = norm_rule(x, p, axes, keepdims)
    return y, NormMap(x, y, p, axes, keepdims)


norm_rule = Rule(_plain_norm, _norm, "np.linalg.norm")


class NormMap(LinearMap):
    """v ↦ Σ Re(conj(d) v) with d = (|x|/y)^(p−1) x/|x|, the gradient of the norm y; d = 0 where x or y is 0.

    It is kept as a product of an array like x and a number for each norm: for p = 2 those are x itself and
    1/y.
    """

    __slots__ = ("_direction", "axes", "keepdims", "p", "x", "y")

    def __init__(self, x: Array, y: Array, p: float, axes: tuple[int, ...], keepdims: bool) -> None:
        self.x = x
        self.y = y
        self.p = p
        self.axes = axes
        self.keepdims = keepdims
        self._direction: Array = x if p == 2 else None

    def _spread(self, w: Array) -> Array:
        """An array like y, with an axis of length one for each that was summed over."""
        return w if self.keepdims or np.ndim(w) == 0 else np.expand_dims(w, self.axes)

    @property
    def scale(self) -> Array:
        """1/y for p = 2, else 1; 0 where y = 0."""
        at_zero = primal(self.y) == 0
        if not np.any(at_zero):
            return 1 / self.y if self.p == 2 else 1.0
        nonzero = np.logical_not(at_zero)
        return nonzero / (self.y + at_zero) if self.p == 2 else nonzero

    @property
    def direction(self) -> Array:
        """d without the scale."""
        if self._direction is None:
            x, p = self.x, self.p
            at_zero = primal(x) == 0
            size = np.abs(x) + at_zero
            d = np.where(at_zero, 0, x / size) if np.iscomplexobj(x) else np.sign(primal(x))
            if p != 1:
                d = d * (size / self._spread(self.y + (primal(self.y) == 0))) ** (p - 1)
            self._direction = d
        return self._direction

    def push(self, v: Array) -> Array:
        along = np.sum(np.real(np.conj(self.direction) * v), axis=self.axes, keepdims=self.keepdims)
        return along * self.scale

    def pull(self, w: Array) -> Array:
        return self._spread(w * self.scale) * self.direction


# --- condition numbers -------------------------------------------------------------------------------------


@composed(np.linalg.cond)
def cond(x: Array, p: Any = None) -> Array:
    x = as_array(x)
    if p is None or p in (2, -2):
        s = np.linalg.svdvals(x)
        if np.any(negligible(primal(s), np.shape(x)[-2:])):
            raise np.linalg.LinAlgError("Singular matrix: its condition number has no derivative")
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    return np.linalg.norm(x, p, axis=(-2, -1)) * np.linalg.norm(np.linalg.inv(x), p, axis=(-2, -1))
