"""The derivative of a function at a point, as a linear map that users hold, and written out as a Jacobian."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .errors import NotDifferentiableError, SpaceError
from .linear_map import Array, BoundMap, LinearMap, Shape
from .rule import primal, structured_types
from .space import EntriesSpace, Space
from .tracing.linearization import Linearization, finished, fitted
from .tracing.sweep import UNIT
from .tree import node_types


class Derivative(BoundMap):
    """The derivative of a function at a point: a linear map from the spaces of its arguments to its results'.

    ``L(*tangents)`` pushes forward, ``L.adjoint(cotangent)`` pulls back (to a tuple where there are several
    arguments), ``L.to_dense()`` writes it out.  Leading axes beyond the space's own count directions.  As a
    LinearOperator for scipy.sparse.linalg (shape, dtype, matvec, rmatvec) it acts on flat vectors; where
    there are several arguments or results, or containers, these hold all entries one after the other.
    """

    __slots__ = ("_lin",)

    def __init__(self, lin: Linearization) -> None:
        self._lin = lin
        ins, outs = lin.in_spaces, lin.results.spaces
        flat = _OnTape(lin)
        super().__init__(flat, flat.in_shape, _common_dtype(ins), flat.out_shape, _common_dtype(outs))

    def __call__(self, *tangents: Any) -> Any:
        lin = self._lin
        if len(tangents) != len(lin.arguments):
            raise SpaceError(f"{lin.name}: {len(lin.arguments)} tangents are due, got {len(tangents)}")
        leaves: list[Any] = []
        for k, (a, t) in enumerate(zip(lin.arguments, tangents, strict=True)):
            leaves += a.tangent_leaves(t, f"the tangent for argument {k} of {lin.name}", None)
        stack = _stack(leaves, lin.in_spaces)
        out = lin.push(leaves, stack)
        return lin.results.rebuild(
            [finished(s, t, stack) for s, t in zip(lin.results.spaces, out, strict=True)]
        )

    def push(self, v: Any) -> Any:
        return self(*v) if isinstance(v, tuple) else super().push(v)

    @property
    def adjoint(self) -> BoundMap:
        """The adjoint map: the pullback."""
        return DerivativeAdjoint(self)

    @property
    def dtype(self) -> Any:
        """The common dtype of inputs and outputs; an error where the map is not complex linear."""
        require_complex_linear(self._lin)
        return super().dtype

    def to_dense(self, in_shape: Any = None, dtype: Any = None) -> Any:
        """The Jacobian, with the structure of `jacobian`'s result: output's shape, then input's."""
        return assemble(self._lin, jacobian_blocks(self._lin), len(self._lin.arguments) == 1)


class DerivativeAdjoint(BoundMap):
    """The pullback of a function at a point, as a linear map."""

    __slots__ = ("_derivative",)

    def __init__(self, derivative: Derivative) -> None:
        d = self._derivative = derivative
        super().__init__(d.map.adjoint, d.out_shape, d.out_dtype, d.in_shape, d.in_dtype)

    def __call__(self, cotangent: Any) -> Any:
        lin = self._derivative._lin
        leaves = lin.results.cotangent_leaves(
            cotangent, f"the cotangent given to the pullback of {lin.name}", None
        )
        gradients = lin.gradients(leaves, stack=_stack(leaves, lin.results.spaces))
        return gradients[0] if len(gradients) == 1 else tuple(gradients)

    @property
    def adjoint(self) -> BoundMap:
        """The derivative itself."""
        return self._derivative

    def to_dense(self, in_shape: Any = None, dtype: Any = None) -> Array:
        """The conjugate transpose of the Jacobian, of shape input + output; of arrays only."""
        J = self._derivative.map.to_dense(self._derivative.in_shape, self._derivative.in_dtype)
        n, m = len(self.in_shape), len(self.out_shape)
        return np.conj(np.transpose(J, (*range(n, n + m), *range(n))))


class _OnTape(LinearMap):
    """The derivative on arrays: of their own shape where there is one array in (or out), else flat."""

    __slots__ = ("in_shape", "ins", "lin", "out_shape", "outs")

    def __init__(self, lin: Linearization) -> None:
        self.lin = lin
        self.ins, self.outs = ([s.ambient for s in spaces] for spaces in (lin.in_spaces, lin.results.spaces))
        self.in_shape, self.out_shape = _array_shape(self.ins), _array_shape(self.outs)

    def push(self, v: Array) -> Array:
        stack = np.shape(v)[: max(0, np.ndim(v) - len(self.in_shape))]
        tangents = _split(v, self.in_shape, self.ins, stack)
        return _join(self.lin.push(tangents, stack), self.outs, stack)

    def pull(self, w: Array) -> Array:
        stack = np.shape(w)[: max(0, np.ndim(w) - len(self.out_shape))]
        cotangents = _split(w, self.out_shape, self.outs, stack)
        return _join(self.lin.pull(cotangents, stack), self.ins, stack)


def _array_shape(spaces: Sequence[Space]) -> Shape:
    return spaces[0].shape if len(spaces) == 1 else (total(spaces),)


def _common_dtype(spaces: Sequence[Space]) -> Any:
    dtypes = [s.dtype for s in spaces if s.dtype is not None]
    return np.result_type(*dtypes) if dtypes else np.dtype(float)


def _stack(leaves: Sequence[Any], spaces: Sequence[Space]) -> Shape:
    """The stack axes that the leaves of a tangent have in common."""
    stacks = {
        np.shape(leaf)[: np.ndim(leaf) - len(s.shape)]
        for leaf, s in zip(leaves, spaces, strict=True)
        if leaf is not None
    }
    if len(stacks) > 1:
        raise SpaceError(f"the parts of a tangent have different stack axes: {sorted(stacks)}")
    return stacks.pop() if stacks else ()


def _split(v: Array, shape: Shape, spaces: Sequence[Space], stack: Shape) -> list[Any]:
    """The entries of an array of shape stack + shape, as elements of the spaces."""
    if len(spaces) == 1:
        return [fitted(spaces[0], v, "the vector", stack)]
    if np.shape(v) != stack + shape:
        raise SpaceError(f"the vector has shape {np.shape(v)} where shape {stack + shape} is due")
    parts, at = [], 0
    for s in spaces:
        n = int(np.prod(s.shape))
        part = np.reshape(v[..., at : at + n], stack + s.shape)
        parts.append(fitted(s, part if np.ndim(part) else part[()], "the vector", stack))
        at += n
    return parts


def _join(parts: Sequence[Any], spaces: Sequence[Space], stack: Shape) -> Array:
    filled = [s.zeros(stack) if p is None else p for p, s in zip(parts, spaces, strict=True)]
    if len(spaces) == 1:
        return filled[0]
    return np.concatenate(
        [np.reshape(p, (*stack, int(np.prod(s.shape)))) for p, s in zip(filled, spaces, strict=True)], -1
    )


def total(spaces: Sequence[Space]) -> int:
    """The number of entries of all spaces together."""
    return sum(int(np.prod(s.shape)) for s in spaces)


def jacobian_blocks(lin: Linearization) -> list[list[Array]]:
    """blocks[j][k]: the derivative of result leaf j in argument leaf k, of shape output + input."""
    ins, outs = lin.in_spaces, lin.results.spaces
    for s in outs:
        if s.dtype is None:
            raise NotDifferentiableError(
                f"{lin.name} returned a value that has no tangent; it has no Jacobian"
            )
    for kind in node_types(lin.results.treedef):
        if kind in structured_types:
            raise NotDifferentiableError(
                f"{lin.name} returned a {kind.__name__}, whose Jacobian would have its structure in the "
                "middle of its axes. Return its entries: A.to_dense(), or the arrays that it consists of"
            )
    require_complex_linear(lin)
    any_complex = any(s.dtype.kind == "c" for s in (*ins, *outs))
    blocks: list[list[Any]] = [[None] * len(ins) for _ in outs]
    if any_complex or total(ins) < total(outs):
        for k, s in enumerate(ins):
            seeds: list[Any] = [None] * len(ins)
            seeds[k] = UNIT
            n = len(s.shape)
            for j, pushed in enumerate(lin.push(seeds, s.shape)):
                if pushed is not None:
                    columns = _unit(s) if pushed is UNIT else pushed
                    blocks[j][k] = np.moveaxis(columns, range(n), range(-n, 0)) if n else columns
    else:
        for j, s in enumerate(outs):
            seeds = [None] * len(outs)
            seeds[j] = UNIT
            for k, rows in enumerate(lin.pull(seeds, s.shape)):
                if rows is not None:
                    blocks[j][k] = _unit(s) if rows is UNIT else rows
    for j, out in enumerate(outs):
        for k, s in enumerate(ins):
            dtype = np.result_type(out.dtype, s.dtype)
            if type(s) is EntriesSpace and blocks[j][k] is not None:
                whole = EntriesSpace(s.shape, dtype, s.onto, s.weights)
                blocks[j][k] = whole.gradient(blocks[j][k], out.shape)
            if blocks[j][k] is None:
                blocks[j][k] = np.zeros(out.shape + s.shape, dtype)
            elif out.shape + s.shape == ():
                blocks[j][k] = finished(out, blocks[j][k])
            elif type(blocks[j][k]) is np.ndarray and not blocks[j][k].flags.writeable:
                blocks[j][k] = blocks[j][k].copy()
    return blocks


def _unit(space: Space) -> Array:
    n = int(np.prod(space.shape))
    return np.eye(n, dtype=space.dtype).reshape(space.shape + space.shape)


def assemble(lin: Linearization, blocks: list[list[Array]], single: bool) -> Any:
    """The blocks in the containers of the results, each holding the containers of the arguments."""
    per_result = []
    for row in blocks:
        entries = iter(row)
        arguments = [
            a.rebuild([next(entries) for _ in a.varied], constant=lambda leaf: None) for a in lin.arguments
        ]
        per_result.append(arguments[0] if single else tuple(arguments))
    return lin.results.rebuild(per_result)


def require_complex_linear(lin: Linearization) -> None:
    """Refuse to write out a derivative that is linear over the reals only, with complex arguments.

    Tested on a random direction v: L(i v) = i L(v).  The two differ by rounding or by something of their own
    size.
    """
    if not any(s.dtype.kind == "c" for s in lin.in_spaces):
        return
    rng = np.random.default_rng(0)
    tangents, rotated = [], []
    for s in lin.in_spaces:
        v = rng.standard_normal(s.shape) + (1j * rng.standard_normal(s.shape) if s.dtype.kind == "c" else 0)
        tangents.append(s.project(v[()] if isinstance(v, np.ndarray) else v))
        rotated.append(s.project(1j * v) if s.dtype.kind == "c" else None)
        if s.dtype.kind != "c":
            tangents[-1] = None
    for s, at_v, at_iv in zip(lin.results.spaces, lin.push(tangents), lin.push(rotated), strict=True):
        if at_v is None or at_iv is None:
            continue
        a, b = primal(at_v), primal(at_iv)
        tolerance = 1e3 * np.finfo(s.dtype).eps * max(1.0, np.max(np.abs(a), initial=0.0))
        if s.dtype.kind != "c" or np.max(np.abs(b - 1j * a), initial=0.0) > tolerance:
            if s.dtype.kind != "c" and not np.any(a) and not np.any(b):
                continue
            raise NotDifferentiableError(
                f"{lin.name} is not complex differentiable in its complex argument, so its derivative is not "
                "a complex matrix. Use fr.grad or fr.vjp (gradients by the real inner product), or make real "
                "and imaginary part two arguments"
            )
