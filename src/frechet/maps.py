"""The linear maps that rules are made of: elementwise factors, parts of complex numbers, shapes, selections.

Maps that depend on a shape count axes from the end, so that leading stack axes pass through.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .linear_map import Array, Function, LinearMap, Shape, compose, linear
from .rule import primal


class Diagonal(LinearMap):
    """v ↦ d · v elementwise, with v broadcast from in_shape to out_shape.

    The factor d is a number, an array, or a function of residuals that is called when d is first needed: what
    a rule keeps for the reverse pass is then the values that the program holds anyway, not another array.
    """

    __slots__ = ("_factor", "_residuals", "in_shape", "out_shape")

    def __init__(
        self, factor: Any, residuals: tuple[Any, ...] | None, in_shape: Shape, out_shape: Shape
    ) -> None:
        self._factor = factor
        self._residuals = residuals
        self.in_shape = in_shape
        self.out_shape = out_shape

    @property
    def factor(self) -> Array:
        """The factor d, of a shape that broadcasts against out_shape."""
        if self._residuals is not None:
            self._factor = self._factor(*self._residuals)
            self._residuals = None
        return self._factor

    def push(self, v: Array) -> Array:
        d = self._factor if self._residuals is None else self.factor
        if self.in_shape != self.out_shape:
            v = broadcast(v, self.in_shape, self.out_shape)
        return v * d

    def pull(self, w: Array) -> Array:
        d = self._factor if self._residuals is None else self.factor
        if self.in_shape == self.out_shape:
            return w * d.conjugate()
        if self.in_shape == () and type(w) is np.ndarray is type(d) and w.shape == d.shape:
            return np.vdot(d, w)  # a number times an array: one pass, no temporary
        return unbroadcast(w * d.conjugate(), self.in_shape, self.out_shape)

    def columns(self, in_shape: Shape, dtype: Any = float) -> Array:
        if self.in_shape != self.out_shape:
            return super().columns(in_shape, dtype)
        d = np.broadcast_to(self.factor, in_shape).reshape(-1)
        return np.diag(d).reshape(in_shape + in_shape)

    def rows(self, out_shape: Shape, dtype: Any = float) -> Array:
        if self.in_shape != self.out_shape:
            return super().rows(out_shape, dtype)
        return np.conj(self.columns(out_shape, dtype))


class Broadcast(LinearMap):
    """v broadcast from in_shape to out_shape; its adjoint sums."""

    __slots__ = ("in_shape", "out_shape")

    def __init__(self, in_shape: Shape, out_shape: Shape) -> None:
        self.in_shape = in_shape
        self.out_shape = out_shape

    def push(self, v: Array) -> Array:
        return broadcast(v, self.in_shape, self.out_shape)

    def pull(self, w: Array) -> Array:
        return unbroadcast(w, self.in_shape, self.out_shape)


def broadcast(v: Array, in_shape: Shape, out_shape: Shape) -> Array:
    """An array of shape stack + in_shape, broadcast to stack + out_shape (read-only, no copy)."""
    stack = np.shape(v)[: np.ndim(v) - len(in_shape)]
    if stack and len(in_shape) < len(out_shape):
        v = np.reshape(v, stack + (1,) * (len(out_shape) - len(in_shape)) + in_shape)
    return np.broadcast_to(v, stack + out_shape)


def unbroadcast(w: Array, in_shape: Shape, out_shape: Shape) -> Array:
    """The adjoint of `broadcast`: an array of shape stack + out_shape, summed to stack + in_shape."""
    n_out, n_in = len(out_shape), len(in_shape)
    axes = tuple(range(-n_out, -n_in))
    axes += tuple(k for k in range(-n_in, 0) if in_shape[k] == 1 and out_shape[k] != 1)
    stack = np.shape(w)[: np.ndim(w) - n_out]
    return np.reshape(np.add.reduce(w, axis=axes), stack + in_shape)


def spread(m: LinearMap, in_shape: Shape, lead: Shape, core: int) -> LinearMap:
    """A map on arrays with leading axes ``lead`` as one on arrays whose leading axes broadcast to those.

    The last ``core`` axes of in_shape are those of one matrix, or vector.
    """
    full = lead + in_shape[len(in_shape) - core :]
    return m if in_shape == full else compose(m, Broadcast(in_shape, full))


def diagonal(d: Array, shape: Shape | None = None) -> LinearMap:
    """v ↦ d · v elementwise, for v of the given shape (by default d's).

    >>> diagonal(np.array([2.0, 3.0])).to_dense((2,))
    array([[2., 0.],
           [0., 3.]])
    """
    shape = np.shape(d) if shape is None else shape
    return Diagonal(d, None, shape, shape)


real_part = linear(np.real, np.real)  # v ↦ Re v; the adjoint embeds the reals
imaginary_part = linear(np.imag, lambda w: np.real(w) * 1j)  # v ↦ Im v; ⟨Im v, w⟩ = ⟨v, i w⟩


def reshape(in_shape: Shape, out_shape: Shape) -> LinearMap:
    """v ↦ v reshaped (C order) from in_shape to out_shape."""
    n_in, n_out = len(in_shape), len(out_shape)
    return Function(
        lambda v: np.reshape(v, np.shape(v)[: np.ndim(v) - n_in] + out_shape),
        lambda w: np.reshape(w, np.shape(w)[: np.ndim(w) - n_out] + in_shape),
    )


def transpose(axes: tuple[int, ...]) -> LinearMap:
    """v ↦ np.transpose(v, axes), with the axes counted from 0 in the unstacked array."""
    n = len(axes)
    forward = [a % n for a in axes]
    backward = [0] * n
    for k, a in enumerate(forward):
        backward[a] = k

    def permute(order: list[int]) -> Callable[[Array], Array]:
        def apply(v: Array) -> Array:
            n_stack = np.ndim(v) - n
            return np.transpose(v, (*range(n_stack), *(n_stack + k for k in order)) if n_stack else order)

        return apply

    return Function(permute(forward), permute(backward))


def normalized_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes of a reduction (None, an integer, several) as non-negative integers."""
    if axis is None or not ndim:  # an array without axes may be reduced over axis 0 or -1
        return tuple(range(ndim))
    return tuple([int(k) % ndim for k in (axis if isinstance(axis, (tuple, list)) else (axis,))])


def kept_shape(shape: Shape, axis: Any) -> Shape:
    """The shape with the axes of a reduction kept as length one."""
    axes = normalized_axes(axis, len(shape))
    return tuple([1 if k in axes else n for k, n in enumerate(shape)])


_add_up: Any = np.add.reduce  # whose stubs take literal keepdims only


class SumOver(LinearMap):
    """v ↦ c Σ v over the axes of a reduction, c a real number; the adjoint repeats, without a copy."""

    __slots__ = ("axis", "factor", "in_shape", "keepdims")

    def __init__(
        self, axis: Any, in_shape: Shape, keepdims: bool = False, factor: float | None = None
    ) -> None:
        self.axis = axis
        self.in_shape = in_shape
        self.keepdims = keepdims
        self.factor = factor

    def push(self, v: Array) -> Array:
        n = len(self.in_shape)
        axes = tuple([k - n for k in normalized_axes(self.axis, n)])
        y = _add_up(v, axis=axes, keepdims=self.keepdims)
        return y if self.factor is None else y * self.factor

    def pull(self, w: Array) -> Array:
        if self.factor is not None:
            w = w * self.factor
        if isinstance(w, (float, complex, np.generic)):  # a sum over everything, of one direction
            if not isinstance(w, np.generic):
                w = np.float64(w) if isinstance(w, float) else np.complex128(w)
            return np.ndarray(self.in_shape, w.dtype, w, 0, (0,) * len(self.in_shape))
        n = len(self.in_shape)
        kept = kept_shape(self.in_shape, self.axis)
        n_out = n if self.keepdims else n - len(normalized_axes(self.axis, n))
        stack = w.shape[: w.ndim - n_out]
        return np.broadcast_to(w.reshape(stack + kept), stack + self.in_shape)


def sum_over(axis: Any, in_shape: Shape, keepdims: bool = False) -> LinearMap:
    """v ↦ Σ v over axis (None, an integer, several), with or without the axes kept as length one."""
    return SumOver(axis, in_shape, keepdims)


class Gather(LinearMap):
    """x ↦ x[index], for any index that NumPy takes; its adjoint adds at the index.

    The engine adds the pull into a buffer in place (`accumulate`), so that n indexed reads cost O(n) in
    reverse.
    """

    __slots__ = ("in_shape", "index", "out_ndim", "unique")
    accumulates = True

    def __init__(self, index: Any, in_shape: Shape, out_ndim: int) -> None:
        self.index = index
        self.in_shape = in_shape
        self.out_ndim = out_ndim
        self.unique = reads_once(index)

    def push(self, v: Array) -> Array:
        return take(v, self.index, self.in_shape)

    def pull(self, w: Array) -> Array:
        # With the stack axes last, any index of the unstacked array applies as it is.
        n_stack = np.ndim(w) - self.out_ndim
        stack = np.shape(w)[:n_stack]
        z = zeros_like(w, self.in_shape + stack)
        w = stack_last(w, self.out_ndim)
        index = explicit_index(self.index, len(self.in_shape)) if n_stack else self.index
        if self.unique:
            z[index] = w
        else:
            np.add.at(z, index, w)
        return stack_first(z, n_stack)

    def accumulate(self, buffer: Array, w: Array) -> None:
        """buffer += pull(w), in place; without a stack."""
        if self.unique:
            buffer[self.index] += w
            return
        index = self.index
        if (
            type(buffer) is np.ndarray
            and buffer.flags.c_contiguous
            and _one_integer_array_per_axis(index, buffer.ndim)
        ):
            # np.add.at is several times as fast on one axis as on several.
            index = np.ravel_multi_index(np.broadcast_arrays(*index), buffer.shape, mode="wrap")
            buffer = buffer.reshape(-1)
        np.add.at(buffer, index, w)


def _one_integer_array_per_axis(index: Any, ndim: int) -> bool:
    return (
        type(index) is tuple
        and len(index) == ndim > 1
        and all(
            isinstance(k, (int, np.integer)) or (isinstance(k, np.ndarray) and k.dtype.kind in "iu")
            for k in index
        )
    )


class Scatter(LinearMap):
    """v ↦ an array of zeros with z[index] = v, for an index that names each entry at most once."""

    __slots__ = ("in_shape", "index", "out_shape")

    def __init__(self, index: Any, in_shape: Shape, out_shape: Shape) -> None:
        self.index = index
        self.in_shape = in_shape
        self.out_shape = out_shape

    def push(self, v: Array) -> Array:
        n_stack = np.ndim(v) - len(self.in_shape)
        z = zeros_like(v, self.out_shape + np.shape(v)[:n_stack])
        index = explicit_index(self.index, len(self.out_shape)) if n_stack else self.index
        z[index] = stack_last(v, len(self.in_shape))
        return stack_first(z, n_stack)

    def write(self, z: Array, v: Array) -> None:
        """z[index] = v, for arrays with the same leading stack axes."""
        n = len(self.out_shape)
        stack_last(z, n)[explicit_index(self.index, n)] = stack_last(v, len(self.in_shape))

    def pull(self, w: Array) -> Array:
        picked = take(w, self.index, self.out_shape)
        # The engine changes w in place after this.
        return np.copy(picked) if isinstance(primal(picked), np.ndarray) else picked


def take(v: Array, index: Any, shape: Shape) -> Array:
    """v[..., index] of an array of shape stack + shape, where index indexes the unstacked array."""
    if np.ndim(v) == len(shape):
        return v[index]
    n_stack = np.ndim(v) - len(shape)
    return stack_first(stack_last(v, len(shape))[explicit_index(index, len(shape))], n_stack)


def stack_last(v: Array, ndim: int) -> Array:
    """A view with the leading stack axes moved behind the ndim others."""
    n_stack = np.ndim(v) - ndim
    return np.moveaxis(v, range(n_stack), range(ndim, ndim + n_stack)) if n_stack else v


def stack_first(v: Array, n_stack: int) -> Array:
    """The inverse of `stack_last`: a view with the last n_stack axes moved to the front."""
    n = np.ndim(v)
    return np.moveaxis(v, range(n - n_stack, n), range(n_stack)) if n_stack else v


def explicit_index(index: Any, ndim: int) -> Any:
    """The index with its Ellipsis written out as slices, so that further axes may follow."""
    entries = index if isinstance(index, tuple) else (index,)
    if not any(entry is Ellipsis for entry in entries):
        return entries
    used = sum(_axes_used(entry) for entry in entries)
    at = next(k for k, entry in enumerate(entries) if entry is Ellipsis)
    return entries[:at] + (slice(None),) * (ndim - used) + entries[at + 1 :]


def _axes_used(entry: Any) -> int:
    if entry is None or entry is Ellipsis:
        return 0
    if isinstance(entry, (bool, np.bool_)):
        return 0
    if isinstance(entry, (int, slice, np.integer)):
        return 1
    entry = np.asarray(entry)
    return entry.ndim if entry.dtype == bool else 1


def reads_once(index: Any) -> bool:
    """Whether an index surely names no entry twice: integers, slices, None, Ellipsis, one boolean mask."""
    if type(index) is int:
        return True
    entries = index if type(index) is tuple else (index,)
    for entry in entries:
        kind = type(entry)
        if kind is int or kind is slice or entry is None or entry is Ellipsis:
            continue
        if isinstance(entry, (int, np.integer)):
            continue
        if isinstance(entry, np.ndarray) and (entry.ndim == 0 or (entry.dtype == bool and len(entries) == 1)):
            continue
        return False
    return True


def zeros_like(w: Array, shape: Shape) -> Array:
    """Zeros of a shape, of the dtype and kind (plain or traced) of w."""
    if isinstance(w, (np.ndarray, np.generic, float, complex, int)):
        return np.zeros(shape, getattr(w, "dtype", type(w)))
    return np.zeros(shape, w.dtype, like=w)
