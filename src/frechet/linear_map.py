"""Linear maps: derivatives as objects.

The derivative of a function at a point is a linear map.  A `LinearMap` says how it acts on a tangent (`push`)
and how its adjoint acts on a cotangent (`pull`), with respect to the inner product ⟨a, b⟩ = Re Σ conj(a)·b.
Maps compose (`@`), add, subtract and scale, so a rule writes a derivative as a formula and the adjoint comes
by itself:

>>> import numpy as np
>>> Y = np.array([[1.0, 2.0], [0.0, 1.0]])
>>> L = -(left(Y) @ right(Y))                  # Δ ↦ −Y Δ Y
>>> np.array_equal(L(np.eye(2)), -Y @ Y)
True
>>> np.array_equal(L.adjoint(np.eye(2)), -Y.T @ Y.T)
True

**Stacked directions.** A map applied to an array with extra leading axes acts on each direction: `push` of an
array of shape ``stack + in_shape`` has shape ``stack + out_shape``.  This is how Jacobians are written out in
one pass.

Nothing here knows about tracing: maps are built from NumPy calls, so that a map that holds traced arrays, or
is applied to them, is differentiated like any other code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = Any  # an ndarray, a scalar, or anything that behaves like one (a traced value)
Shape = tuple[int, ...]


class LinearMap:
    """A linear map between spaces of arrays, with its adjoint.

    Subclasses give `push` and `pull`; the rest follows.  Both accept any number of leading stack axes and
    must treat their argument as read-only.
    """

    __slots__ = ()
    __array_ufunc__ = None  # array * map is an error, not an object array of maps
    accumulates = False  # True for maps whose pull the engine may add into a buffer in place: see maps.Gather

    def push(self, v: Array) -> Array:
        """The map applied to a tangent."""
        raise NotImplementedError

    def pull(self, w: Array) -> Array:
        """The adjoint of the map applied to a cotangent."""
        raise NotImplementedError

    def columns(self, in_shape: Shape, dtype: Any = float) -> Array:
        """The images of the unit vectors, an array of shape in_shape + out_shape: one push of a stack."""
        return self.push(basis(in_shape, dtype))

    def rows(self, out_shape: Shape, dtype: Any = float) -> Array:
        """The images of the unit vectors under the adjoint, an array of shape out_shape + in_shape.

        For a real map these are the rows of its matrix.
        """
        return self.pull(basis(out_shape, dtype))

    def to_dense(self, in_shape: Shape, dtype: Any = float) -> Array:
        """The map written out: an array of shape out_shape + in_shape.

        Maps with structure write themselves out directly (diagonal, Kronecker product, DFT matrix).

        >>> left(np.array([[2.0, 1.0]])).to_dense((2, 1)).shape
        (1, 1, 2, 1)
        """
        columns = self.columns(in_shape, dtype)
        n = len(in_shape)
        return np.moveaxis(columns, range(n), range(-n, 0))

    def on(self, x: Array) -> BoundMap:
        """The map on the tangent space of x, as scipy.sparse.linalg takes it (shape, dtype, matvec, rmatvec).

        >>> left(np.eye(3)).on(np.ones((3, 2))).shape
        (6, 6)
        """
        image = self.push(np.zeros(np.shape(x), np.result_type(x, np.float16)))
        return BoundMap(
            self, np.shape(x), np.result_type(x, np.float16), np.shape(image), np.result_type(image)
        )

    @property
    def adjoint(self) -> LinearMap:
        """The adjoint map."""
        return Adjoint(self)

    def __call__(self, v: Array) -> Array:
        return self.push(v)

    def __matmul__(self, other: LinearMap) -> LinearMap:
        if not isinstance(other, LinearMap):
            return NotImplemented
        return compose(self, other)

    def __add__(self, other: LinearMap) -> LinearMap:
        if not isinstance(other, LinearMap):
            return NotImplemented
        return Sum((*_terms(self), *_terms(other)))

    def __neg__(self) -> LinearMap:
        return compose(self, _MINUS)

    def __sub__(self, other: LinearMap) -> LinearMap:
        if not isinstance(other, LinearMap):
            return NotImplemented
        return self + -other

    def __mul__(self, scalar: Any) -> LinearMap:
        if isinstance(scalar, LinearMap) or np.ndim(scalar) != 0 or not hasattr(scalar, "conjugate"):
            return NotImplemented
        # A real factor commutes with every real-linear map.  It goes innermost, so that the outermost factor
        # of a product stays in sight: rules share it between their arguments (see tracing).
        if np.iscomplexobj(scalar):
            return compose(Scale(scalar), self)
        return compose(self, Scale(scalar))

    __rmul__ = __mul__


def basis(shape: Shape, dtype: Any = float) -> Array:
    """All unit vectors of the arrays of a shape, stacked: an array of shape shape + shape."""
    return np.eye(int(np.prod(shape)), dtype=dtype).reshape(shape + shape)


class Identity(LinearMap):
    """v ↦ v."""

    __slots__ = ()

    def push(self, v: Array) -> Array:
        return v

    def pull(self, w: Array) -> Array:
        return w


class Zero(LinearMap):
    """v ↦ 0: what a rule returns for an argument on which its value does not depend; it is never applied."""

    __slots__ = ()

    def push(self, v: Array) -> Array:
        raise TypeError("the zero map does not know the shape of its result; the engine drops it instead")

    def pull(self, w: Array) -> Array:
        return self.push(w)


identity = Identity()
zero = Zero()


class Scale(LinearMap):
    """v ↦ c v for a number c."""

    __slots__ = ("factor",)

    def __init__(self, factor: Any) -> None:
        self.factor = factor

    def push(self, v: Array) -> Array:
        return v * self.factor

    def pull(self, w: Array) -> Array:
        return w * self.factor.conjugate()


_MINUS = Scale(-1.0)


class Adjoint(LinearMap):
    """The adjoint of a map: push and pull exchanged."""

    __slots__ = ("map",)

    def __init__(self, map: LinearMap) -> None:
        self.map = map

    def push(self, v: Array) -> Array:
        return self.map.pull(v)

    def pull(self, w: Array) -> Array:
        return self.map.push(w)

    @property
    def adjoint(self) -> LinearMap:
        return self.map


class Composition(LinearMap):
    """A product of maps, outermost first."""

    __slots__ = ("maps",)

    def __init__(self, maps: tuple[LinearMap, ...]) -> None:
        self.maps = maps

    def push(self, v: Array) -> Array:
        for m in reversed(self.maps):
            v = m.push(v)
        return v

    def pull(self, w: Array) -> Array:
        for m in self.maps:
            w = m.pull(w)
        return w

    def columns(self, in_shape: Shape, dtype: Any = float) -> Array:
        product = _as_sandwich(self.maps)
        if product is not None:
            return product.columns(in_shape, dtype)
        *outer, innermost = self.maps
        return Composition(tuple(outer)).push(innermost.columns(in_shape, dtype))

    def rows(self, out_shape: Shape, dtype: Any = float) -> Array:
        product = _as_sandwich(self.maps)
        if product is not None:
            return product.rows(out_shape, dtype)
        outermost, *inner = self.maps
        return Composition(tuple(inner)).pull(outermost.rows(out_shape, dtype))


def compose(*maps: LinearMap) -> LinearMap:
    """The product of maps, outermost first, with nested products flattened and identities dropped."""
    if len(maps) == 2 and type(maps[0]) not in _FLATTENED and type(maps[1]) not in _FLATTENED:
        return Composition(maps)
    flat: list[LinearMap] = []
    for m in maps:
        flat.extend(m.maps if isinstance(m, Composition) else () if isinstance(m, Identity) else (m,))
    if len(flat) == 1:
        return flat[0]
    return Composition(tuple(flat)) if flat else identity


_FLATTENED = frozenset((Composition, Identity))


class Sum(LinearMap):
    """A sum of maps."""

    __slots__ = ("maps",)

    def __init__(self, maps: tuple[LinearMap, ...]) -> None:
        self.maps = maps

    def push(self, v: Array) -> Array:
        total = self.maps[0].push(v)
        for m in self.maps[1:]:
            total = total + m.push(v)
        return total

    def pull(self, w: Array) -> Array:
        total = self.maps[0].pull(w)
        for m in self.maps[1:]:
            total = total + m.pull(w)
        return total

    def columns(self, in_shape: Shape, dtype: Any = float) -> Array:
        total = self.maps[0].columns(in_shape, dtype)
        for m in self.maps[1:]:
            total = total + m.columns(in_shape, dtype)
        return total

    def rows(self, out_shape: Shape, dtype: Any = float) -> Array:
        total = self.maps[0].rows(out_shape, dtype)
        for m in self.maps[1:]:
            total = total + m.rows(out_shape, dtype)
        return total


def _terms(m: LinearMap) -> tuple[LinearMap, ...]:
    return m.maps if isinstance(m, Sum) else (m,)


class Left(LinearMap):
    """V ↦ A V, the matrix product from the left."""

    __slots__ = ("A",)

    def __init__(self, A: Array) -> None:
        self.A = A

    def push(self, v: Array) -> Array:
        return np.matmul(self.A, v)

    def pull(self, w: Array) -> Array:
        return np.matmul(adjoint_matrix(self.A), w)

    def columns(self, in_shape: Shape, dtype: Any = float) -> Array:
        if self.A.ndim != 2 or len(in_shape) != 2:
            return super().columns(in_shape, dtype)
        return Sandwich(self.A, np.eye(in_shape[1], dtype=self.A.dtype)).columns(in_shape, dtype)

    def rows(self, out_shape: Shape, dtype: Any = float) -> Array:
        if self.A.ndim != 2 or len(out_shape) != 2:
            return super().rows(out_shape, dtype)
        return Sandwich(self.A, np.eye(out_shape[1], dtype=self.A.dtype)).rows(out_shape, dtype)


class Right(LinearMap):
    """V ↦ V B, the matrix product from the right."""

    __slots__ = ("B",)

    def __init__(self, B: Array) -> None:
        self.B = B

    def push(self, v: Array) -> Array:
        return np.matmul(v, self.B)

    def pull(self, w: Array) -> Array:
        return np.matmul(w, adjoint_matrix(self.B))

    def columns(self, in_shape: Shape, dtype: Any = float) -> Array:
        if self.B.ndim != 2 or len(in_shape) != 2:
            return super().columns(in_shape, dtype)
        return Sandwich(np.eye(in_shape[0], dtype=self.B.dtype), self.B).columns(in_shape, dtype)

    def rows(self, out_shape: Shape, dtype: Any = float) -> Array:
        if self.B.ndim != 2 or len(out_shape) != 2:
            return super().rows(out_shape, dtype)
        return Sandwich(np.eye(out_shape[0], dtype=self.B.dtype), self.B).rows(out_shape, dtype)


class Sandwich(LinearMap):
    """V ↦ A V B for two matrices; written out, the Kronecker product M[i, j, k, l] = A[i, k] B[l, j]."""

    __slots__ = ("A", "B")

    def __init__(self, A: Array, B: Array) -> None:
        self.A, self.B = A, B

    def push(self, v: Array) -> Array:
        return np.matmul(np.matmul(self.A, v), self.B)

    def pull(self, w: Array) -> Array:
        return np.matmul(np.matmul(adjoint_matrix(self.A), w), adjoint_matrix(self.B))

    def columns(self, in_shape: Shape, dtype: Any = float) -> Array:
        return kronecker(self.A, self.B).transpose(2, 3, 0, 1)

    def rows(self, out_shape: Shape, dtype: Any = float) -> Array:
        return kronecker(self.A.conj(), self.B.conj())


def kronecker(A: Array, B: Array) -> Array:
    """M[i, j, k, l] = A[i, k] B[l, j]: the map V ↦ A V B written out."""
    return A[:, None, :, None] * B.T[None, :, None, :]


def _as_sandwich(maps: tuple[LinearMap, ...]) -> Sandwich | None:
    """left(A) @ right(B), in either order and with scalar factors, as one Sandwich; None for others."""
    factor: Any = None
    A: Array = None
    B: Array = None
    for m in maps:
        if type(m) is Scale:
            factor = m.factor if factor is None else factor * m.factor
        elif type(m) is Left and A is None and m.A.ndim == 2:
            A = m.A
        elif type(m) is Right and B is None and m.B.ndim == 2:
            B = m.B
        else:
            return None
    return None if A is None or B is None else Sandwich(A if factor is None else A * factor, B)


def left(A: Array) -> LinearMap:
    """V ↦ A V.  A: array of shape (..., m, k); V: (..., k, n).  Its adjoint is W ↦ Aᴴ W."""
    return Left(A)


def right(B: Array) -> LinearMap:
    """V ↦ V B.  B: array of shape (..., k, n); V: (..., m, k).  Its adjoint is W ↦ W Bᴴ."""
    return Right(B)


def adjoint_matrix(A: Array) -> Array:
    """Aᴴ, over leading axes; a view where A is real."""
    return A.conj().swapaxes(-1, -2)


class Function(LinearMap):
    """A map from two functions that are each other's adjoint, linear over the reals, and take stacks."""

    __slots__ = ("pull", "push")

    def __init__(self, push: Callable[[Array], Array], pull: Callable[[Array], Array]) -> None:
        self.push = push  # type: ignore[assignment]  # slots that take the place of the methods
        self.pull = pull  # type: ignore[assignment]  # likewise


def linear(push: Callable[[Array], Array], pull: Callable[[Array], Array]) -> LinearMap:
    """The linear map v ↦ push(v) with adjoint w ↦ pull(w).

    Both functions must accept leading stack axes and are written with NumPy (or other rules), so that they
    can be differentiated themselves.  Prefer the algebra of `left`, `right`, `diagonal`, … where it says the
    same: there the two directions cannot disagree.

    >>> reverse = linear(lambda v: v[..., ::-1], lambda w: w[..., ::-1])
    >>> reverse.to_dense((2,))
    array([[0., 1.],
           [1., 0.]])
    """
    return Function(push, pull)


conjugate = linear(np.conj, np.conj)  # v ↦ conj(v), real-linear and its own adjoint
conjugate_transpose = linear(adjoint_matrix, adjoint_matrix)  # V ↦ Vᴴ, likewise


class BoundMap(LinearMap):
    """A linear map with known input and output: what scipy.sparse.linalg accepts as a LinearOperator.

    Attributes: shape (outputs, inputs) and dtype, with the methods matvec and rmatvec on flat vectors, as
    SciPy calls them.  Products, sums and multiples of bound maps, and their adjoints, are bound.
    """

    __slots__ = ("in_dtype", "in_shape", "map", "out_dtype", "out_shape")

    def __init__(
        self, map: LinearMap, in_shape: Shape, in_dtype: Any, out_shape: Shape, out_dtype: Any
    ) -> None:
        self.map = map
        self.in_shape, self.in_dtype = in_shape, in_dtype
        self.out_shape, self.out_dtype = out_shape, out_dtype

    def push(self, v: Array) -> Array:
        return self.map.push(v)

    def pull(self, w: Array) -> Array:
        return self.map.pull(w)

    @property
    def shape(self) -> tuple[int, int]:
        """(number of output entries, number of input entries)."""
        return int(np.prod(self.out_shape)), int(np.prod(self.in_shape))

    @property
    def dtype(self) -> Any:
        """The common dtype of input and output."""
        return np.result_type(self.in_dtype, self.out_dtype)

    def matvec(self, v: Array) -> Array:
        """The map applied to a flat vector."""
        return np.ravel(self.push(np.reshape(v, self.in_shape)))

    def rmatvec(self, w: Array) -> Array:
        """The adjoint applied to a flat vector."""
        return np.ravel(self.pull(np.reshape(w, self.out_shape)))

    def to_dense(self, in_shape: Shape | None = None, dtype: Any = None) -> Array:
        """The map as an array of shape out_shape + in_shape."""
        return self.map.to_dense(self.in_shape, self.in_dtype)

    @property
    def adjoint(self) -> BoundMap:
        """The adjoint map."""
        return BoundMap(Adjoint(self.map), self.out_shape, self.out_dtype, self.in_shape, self.in_dtype)

    def __matmul__(self, other: LinearMap) -> LinearMap:
        if not isinstance(other, BoundMap):
            return super().__matmul__(other)
        if self.in_shape != other.out_shape:
            raise ValueError(
                f"cannot compose: the inner map has output {other.out_shape}, the outer input {self.in_shape}"
            )
        return BoundMap(
            compose(self.map, other.map), other.in_shape, other.in_dtype, self.out_shape, self.out_dtype
        )

    def __add__(self, other: LinearMap) -> LinearMap:
        if not isinstance(other, BoundMap):
            return super().__add__(other)
        if (self.in_shape, self.out_shape) != (other.in_shape, other.out_shape):
            raise ValueError(
                f"cannot add maps {self.in_shape} → {self.out_shape} and {other.in_shape} → {other.out_shape}"
            )
        out_dtype = np.result_type(self.out_dtype, other.out_dtype)
        return BoundMap(self.map + other.map, self.in_shape, self.in_dtype, self.out_shape, out_dtype)

    def __mul__(self, scalar: Any) -> LinearMap:
        scaled = self.map * scalar
        if scaled is NotImplemented:
            return NotImplemented
        return BoundMap(
            scaled, self.in_shape, self.in_dtype, self.out_shape, np.result_type(self.out_dtype, scalar)
        )

    __rmul__ = __mul__

    def __neg__(self) -> LinearMap:
        return self * -1.0
