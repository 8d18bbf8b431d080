"""Products of vectors, matrices and tensors.

Every product here is linear in each factor, so the derivative in one factor is the same product with that
factor replaced by its tangent; its adjoint multiplies with the conjugate of the other factor and sums over
what was broadcast.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import maps
from ..linear_map import Array, Left, LinearMap, Right, Shape, compose, left, linear, right
from ..maps import Broadcast, Diagonal
from ..rule import ArgumentwiseRule, composed, rule_for, table

# --- matmul ------------------------------------------------------------------------------------------------


def _matmul(x1: Array, x2: Array, /, **kwargs: Any) -> Any:
    axes = kwargs.pop("axes", None)
    x1, x2 = as_array(x1), as_array(x2)
    if axes is None:
        return np.matmul(x1, x2, **kwargs), (first_factor(np.shape(x1), x2), second_factor(x1, np.shape(x2)))
    # The matrices lie in the given axes: move those to the end, multiply, and move the result's.
    (A, to_a), (B, to_b) = (_matrix_axes_last(x, k) for x, k in zip((x1, x2), axes, strict=False))
    y = np.matmul(A, B, **kwargs)
    out = _axes_last(np.ndim(y), axes[2]) if len(axes) > 2 else maps.transpose(tuple(range(np.ndim(y))))
    first, second = first_factor(np.shape(A), B), second_factor(A, np.shape(B))
    return out.pull(y), (compose(out.adjoint, first, to_a), compose(out.adjoint, second, to_b))


def _first(y: Array, args: Any, in_shape: Shape, out_shape: Shape) -> LinearMap:
    return Right(args[1]) if len(in_shape) == 2 and args[1].ndim == 2 else first_factor(in_shape, args[1])


def _second(y: Array, args: Any, in_shape: Shape, out_shape: Shape) -> LinearMap:
    return Left(args[0]) if len(in_shape) == 2 and args[0].ndim == 2 else second_factor(args[0], in_shape)


table[np.matmul] = ArgumentwiseRule(np.matmul, _matmul, "np.matmul", (_first, _second))


def first_factor(a: Shape, x2: Array) -> LinearMap:
    """The map A ↦ A @ x2 on arrays of shape a; its adjoint is W ↦ W @ x2ᴴ, summed over what broadcasts."""
    b = np.shape(x2)
    if len(b) == 2 or (len(a) > 1 < len(b) and np.broadcast_shapes(a[:-2], b[:-2]) == a[:-2]):
        return right(x2)
    if len(b) == 1:
        return TimesVector(x2)
    A = a if len(a) > 1 else (1, *a)
    batch = np.broadcast_shapes(A[:-2], b[:-2])
    y = (*batch, *a[-2:-1], b[-1])
    to_matrices = compose(Broadcast(A, batch + A[-2:]), maps.reshape(a, A))
    return compose(maps.reshape((*batch, A[-2], b[-1]), y), right(x2), to_matrices)


def second_factor(x1: Array, b: Shape) -> LinearMap:
    """The map B ↦ x1 @ B on arrays of shape b; its adjoint is W ↦ x1ᴴ @ W, summed over what broadcasts."""
    a = np.shape(x1)
    if len(a) == 2 <= len(b) or (len(a) > 1 < len(b) and np.broadcast_shapes(a[:-2], b[:-2]) == b[:-2]):
        return left(x1)
    if len(b) == 1:  # Σ_k A[..., k] b[k]
        if len(a) == 1:
            return TimesVector(x1)
        tall = x1 if len(a) == 2 else np.reshape(x1, (math.prod(a[:-1]), a[-1]))
        times = OnVector(tall)
        return times if len(a) == 2 else compose(maps.reshape(tall.shape[:1], a[:-1]), times)
    if len(a) == 1:
        return linear(lambda v: np.matmul(x1, v), lambda w: x1.conj()[:, None] * w[..., None, :])
    if len(b) == 2:  # a stack of matrices times one matrix is a tall matrix times it
        rows = (math.prod(a[:-1]), a[-1])
        return compose(maps.reshape((rows[0], b[1]), (*a[:-1], b[1])), left(np.reshape(x1, rows)))
    return compose(left(x1), Broadcast(b, np.broadcast_shapes(a[:-2], b[:-2]) + b[-2:]))


class TimesVector(LinearMap):
    """A ↦ A x for a vector x (or a ↦ a·x for vectors); its adjoint is w ↦ w xᴴ."""

    __slots__ = ("x",)

    def __init__(self, x: Array) -> None:
        self.x = x

    def push(self, v: Array) -> Array:
        return np.matmul(v, self.x)

    def pull(self, w: Array) -> Array:
        return _column(w) * self.x.conj()


class OnVector(LinearMap):
    """x ↦ A x for vectors x; its adjoint is w ↦ Aᴴ w."""

    __slots__ = ("A",)

    def __init__(self, A: Array) -> None:
        self.A = A

    def push(self, v: Array) -> Array:
        return np.matmul(v, self.A.T)

    def pull(self, w: Array) -> Array:
        if type(w) is np.ndarray and w.strides == (0,):  # of a sum; NumPy multiplies it without BLAS
            w = w.copy()
        return np.matmul(w, self.A.conj())


def _column(w: Array) -> Array:
    """w with an axis of length one behind the others; a number as it is."""
    return w[..., None] if np.ndim(w) else w


def _axes_last(ndim: int, axes: Any) -> LinearMap:
    """The map that moves the given axes of an array to its end, in their order."""
    chosen = [k % ndim for k in (axes if isinstance(axes, (tuple, list)) else (axes,))]
    return maps.transpose((*(k for k in range(ndim) if k not in chosen), *chosen))


def _matrix_axes_last(x: Array, axes: Any) -> tuple[Array, LinearMap]:
    to_end = _axes_last(np.ndim(x), axes)
    return to_end.push(x), to_end


def as_array(x: Array) -> Array:
    """A list of plain numbers as an array; anything else as it is."""
    return np.asarray(x) if type(x) in (list, tuple) else x


@composed(np.linalg.matmul)
def linalg_matmul(x1: Array, x2: Array, /) -> Array:
    return np.matmul(x1, x2)


# --- products of vectors -----------------------------------------------------------------------------------


@rule_for(np.vecdot)
def vecdot(x1: Array, x2: Array, /, **kwargs: Any) -> Any:
    # Σ conj(a) b over the last axis.  In a: v ↦ Σ conj(v) b, with adjoint w ↦ conj(w) b; in b: w ↦ w a.
    x1, x2 = as_array(x1), as_array(x2)
    y = np.vecdot(x1, x2, **kwargs)
    axis = kwargs.pop("axis", -1)
    axes = kwargs.pop("axes", [axis, axis])
    (a, to_a), (b, to_b) = (_matrix_axes_last(x, k) for x, k in zip((x1, x2), axes, strict=False))
    full = np.broadcast_shapes(np.shape(a), np.shape(b))
    first = linear(lambda v: np.vecdot(v, b), lambda w: _column(np.conj(w)) * b)
    second = linear(lambda v: np.vecdot(a, v), lambda w: _column(w) * a)
    return y, (
        compose(first, Broadcast(np.shape(a), full), to_a),
        compose(second, Broadcast(np.shape(b), full), to_b),
    )


@composed(np.linalg.vecdot)
def linalg_vecdot(x1: Array, x2: Array, /, *, axis: int = -1) -> Array:
    return np.vecdot(x1, x2, axis=axis)  # type: ignore[call-overload]  # NumPy's stubs lack it


if hasattr(np, "matvec"):  # NumPy 2.2 and later

    @composed(np.matvec)
    def matvec(x1: Array, x2: Array, /, *, axes: Any = None, **kwargs: Any) -> Array:
        if axes is not None:
            y = np.matvec(np.moveaxis(x1, axes[0], (-2, -1)), np.moveaxis(x2, axes[1], -1), **kwargs)
            return np.moveaxis(y, -1, axes[2]) if len(axes) > 2 else y
        return np.matmul(x1, as_array(x2)[..., None], **kwargs)[..., 0]

    @composed(np.vecmat)
    def vecmat(x1: Array, x2: Array, /, *, axes: Any = None, **kwargs: Any) -> Array:
        if axes is not None:
            y = np.vecmat(np.moveaxis(x1, axes[0], -1), np.moveaxis(x2, axes[1], (-2, -1)), **kwargs)
            return np.moveaxis(y, -1, axes[2]) if len(axes) > 2 else y
        return np.matmul(np.conj(as_array(x1))[..., None, :], x2, **kwargs)[..., 0, :]


@rule_for(np.vdot)
def vdot(a: Array, b: Array, /) -> Any:
    # Σ conj(a) b over all entries, without broadcasting; the maps are those of vecdot.
    a, b = as_array(a), as_array(b)
    flat_a, flat_b = np.reshape(a, -1), np.reshape(b, -1)
    first = linear(lambda v: np.matmul(np.conj(v), flat_b), lambda w: _column(np.conj(w)) * flat_b)
    second = linear(lambda v: np.matmul(v, flat_a.conj()), lambda w: _column(w) * flat_a)
    n = (np.size(a),)
    return np.vdot(a, b), (
        compose(first, maps.reshape(np.shape(a), n)),
        compose(second, maps.reshape(np.shape(b), n)),
    )


@rule_for(np.outer)
def outer(a: Array, b: Array, out: None = None) -> Any:
    # y[i, j] = a[i] b[j] of the flattened arguments: v ↦ v bᵀ and v ↦ a vᵀ
    a, b = as_array(a), as_array(b)
    if np.ndim(a) == np.ndim(b) == 1:
        return np.outer(a, b), (
            linear(lambda v: v[..., None] * b, lambda w: np.matmul(w, b.conj())),
            linear(lambda v: a[:, None] * v[..., None, :], lambda w: np.matmul(a.conj(), w)),
        )
    column, row = np.reshape(a, (-1, 1)), np.reshape(b, (1, -1))
    first = compose(right(row), maps.reshape(np.shape(a), (np.size(a), 1)))
    second = compose(left(column), maps.reshape(np.shape(b), (1, np.size(b))))
    return np.outer(a, b), (first, second)


@composed(np.linalg.outer)
def linalg_outer(x1: Array, x2: Array, /) -> Array:
    if np.ndim(x1) != 1 or np.ndim(x2) != 1:
        raise ValueError(
            f"np.linalg.outer takes one-dimensional arrays, got {np.ndim(x1)} and {np.ndim(x2)} dimensions; "
            "np.outer flattens its arguments"
        )
    return np.outer(x1, x2)


@composed(np.linalg.cross)
def linalg_cross(x1: Array, x2: Array, /, *, axis: int = -1) -> Array:
    if np.shape(x1)[axis] != 3 or np.shape(x2)[axis] != 3:
        raise ValueError(
            "np.linalg.cross takes vectors of 3 components, "
            f"got {np.shape(x1)[axis]} and {np.shape(x2)[axis]} along axis {axis}"
        )
    return np.cross(x1, x2, axis=axis)


# --- products of tensors -----------------------------------------------------------------------------------


@rule_for(np.dot)
def dot(a: Array, b: Array, out: None = None) -> Any:
    a, b = as_array(a), as_array(b)
    n, m = np.ndim(a), np.ndim(b)
    y = np.dot(a, b)
    if n == 0 or m == 0:
        return y, _scaling(a, b, np.shape(y))
    if m <= 2:  # as matmul
        return y, (first_factor(np.shape(a), b), second_factor(a, np.shape(b)))
    return y, _contraction(a, b, [n - 1], [m - 2])


@rule_for(np.inner)
def inner(a: Array, b: Array, /) -> Any:
    a, b = as_array(a), as_array(b)
    y = np.inner(a, b)
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return y, _scaling(a, b, np.shape(y))
    return y, _contraction(a, b, [np.ndim(a) - 1], [np.ndim(b) - 1])


@rule_for(np.tensordot)
def tensordot(a: Array, b: Array, axes: Any = 2) -> Any:
    a, b = as_array(a), as_array(b)
    y = np.tensordot(a, b, axes)
    if isinstance(axes, (tuple, list, np.ndarray)):
        first, second = axes
        axes_a = [int(first)] if np.ndim(first) == 0 else [int(k) for k in first]
        axes_b = [int(second)] if np.ndim(second) == 0 else [int(k) for k in second]
    else:
        axes_a, axes_b = list(range(-int(axes), 0)), list(range(int(axes)))
    return y, _contraction(a, b, [k % np.ndim(a) for k in axes_a], [k % np.ndim(b) for k in axes_b])


@composed(np.linalg.tensordot)
def linalg_tensordot(x1: Array, x2: Array, /, *, axes: Any = 2) -> Array:
    return np.tensordot(x1, x2, axes=axes)


def _scaling(a: Array, b: Array, y: Shape) -> tuple[LinearMap, LinearMap]:
    """The maps of a product of which one factor is a number."""
    return Diagonal(b, None, np.shape(a), y), Diagonal(a, None, np.shape(b), y)


def _contraction(a: Array, b: Array, axes_a: list[int], axes_b: list[int]) -> tuple[LinearMap, LinearMap]:
    """The maps of Σ a b over pairs of axes, whose result has the free axes of a, then those of b."""
    n, m = np.ndim(a), np.ndim(b)
    free_a = [k for k in range(n) if k not in axes_a]
    free_b = [k for k in range(m) if k not in axes_b]
    p, q = len(free_a), len(free_b)
    from_end_a, from_end_b = [k - n for k in axes_a], [k - m for k in axes_b]

    def push_a(v: Array) -> Array:
        return np.tensordot(v, b, (from_end_a, axes_b))

    def pull_a(
        w: Array,
    ) -> Array:  # of shape stack, free a, contracted (in the order of b's axes): back into place
        g = np.tensordot(w, b.conj(), (list(range(-q, 0)), free_b))
        return _placed(g, free_a + [axes_a[axes_b.index(k)] for k in sorted(axes_b)])

    def push_b(v: Array) -> Array:  # of shape stack, free b, free a
        g = np.tensordot(v, a, (from_end_b, axes_a))
        return np.moveaxis(g, range(-p, 0), range(-p - q, -q)) if p and q else g

    def pull_b(
        w: Array,
    ) -> Array:  # of shape stack, free b, contracted (in the order of a's axes): back into place
        g = np.tensordot(w, a.conj(), (list(range(-p - q, -q)), free_a))
        return _placed(g, free_b + [axes_b[axes_a.index(k)] for k in sorted(axes_a)])

    return linear(push_a, pull_a), linear(push_b, pull_b)


def _placed(g: Array, positions: Sequence[int]) -> Array:
    """The last axes of g moved to the given positions (counted without the stack axes)."""
    n = len(positions)
    if list(positions) == list(range(n)):
        return g
    n_stack = np.ndim(g) - n
    inverse = [0] * n
    for k, position in enumerate(positions):
        inverse[position] = k
    return np.transpose(g, (*range(n_stack), *(n_stack + k for k in inverse)))


@composed(np.kron)
def kron(a: Array, b: Array) -> Array:
    # Every axis of the result runs over an axis of a and, faster, over the same axis of b.
    a, b = as_array(a), as_array(b)
    n = max(np.ndim(a), np.ndim(b))
    m = (1,) * (n - np.ndim(a)) + np.shape(a)
    k = (1,) * (n - np.ndim(b)) + np.shape(b)
    slow = np.reshape(a, tuple(size for pair in zip(m, (1,) * n, strict=True) for size in pair))
    fast = np.reshape(b, tuple(size for pair in zip((1,) * n, k, strict=True) for size in pair))
    return np.reshape(slow * fast, tuple(i * j for i, j in zip(m, k, strict=True)))


# --- trace -------------------------------------------------------------------------------------------------


@composed(np.trace)
def trace(
    a: Array, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: None = None
) -> Array:
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)


@composed(np.linalg.trace)
def linalg_trace(x: Array, /, *, offset: int = 0, dtype: Any = None) -> Array:
    return np.trace(x, offset, -2, -1, dtype)
