"""Spaces: where a tangent or a cotangent lives.

Every value has a tangent space, built from the object itself: `space(x)`.  `project` carries an array onto
it, so that the gradient of a real value is real, of a float32 value float32.  A space keeps metadata, never
the value.

>>> import numpy as np
>>> space(np.ones(2, np.float32)).project(np.array([1 + 2j, 3.0]))
array([1., 3.], dtype=float32)
>>> space(2.0).project(1 + 2j)
1.0
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .errors import SpaceError
from .rule import carriers, primal
from .tree import TreeDef, flatten, is_container, leaves_up_to, register, same_structure

Array = Any
Shape = tuple[int, ...]


class Space:
    """A tangent space.  Subclasses say what belongs to it and how to project onto it."""

    __slots__ = ()
    shape: Shape
    dtype: Any
    type: Any = None  # a type all of whose values belong to the space as they stand, where there is one

    def contains(self, g: Array, stack: Shape = ()) -> bool:
        """Whether g, with leading stack axes of the given shape, is an element as it stands.  It is cheap."""
        raise NotImplementedError

    def project(self, g: Array, stack: Shape = ()) -> Array:
        """The orthogonal projection of g onto the space.  Raises SpaceError where the shape does not fit."""
        raise NotImplementedError

    def zeros(self, stack: Shape = ()) -> Array:
        """The zero of the space."""
        raise NotImplementedError

    @property
    def ambient(self) -> Space:
        """The space of all arrays of this shape and dtype, of which this one may be a part."""
        return self

    def gradient(self, partials: Array, stack: Shape = ()) -> Array:
        """The gradient: the element g with ⟨g, v⟩ = Re Σ conj(partials) v for every v of the space.

        The partials are what a pullback finds for the entries, each varied on its own.
        """
        return self.project(partials, stack)

    def partials(self, g: Array) -> Array:
        """An array p with Re Σ conj(p) v = ⟨g, v⟩ for every v of the space: what seeds a pullback."""
        return g


class ArraySpace(Space):
    """Arrays of a shape and an inexact dtype."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: Shape, dtype: Any) -> None:
        self.shape = shape
        self.dtype = dtype

    def contains(self, g: Array, stack: Shape = ()) -> bool:
        try:
            return g.dtype is self.dtype and g.shape == stack + self.shape
        except AttributeError:
            return False

    def project(self, g: Array, stack: Shape = ()) -> Array:
        if self.contains(g, stack):
            return g
        _check_shape(g, stack + self.shape)
        return _cast(_as_array(g), self.dtype)

    def zeros(self, stack: Shape = ()) -> Array:
        return np.zeros(stack + self.shape, self.dtype)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ArraySpace) and (self.shape, self.dtype) == (other.shape, other.dtype)

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype))

    def __repr__(self) -> str:
        return f"ArraySpace(shape={self.shape}, dtype={self.dtype.name})"


class EntriesSpace(ArraySpace):
    """Arrays that hold the entries of a structured matrix, with the inner product of these matrices.

    Parameters
    ----------
    shape, dtype
        Of the arrays.
    onto : callable, optional
        The orthogonal projection onto the arrays that are allowed, such as the symmetric ones; it works on
        the last axes.
    weights : array, optional
        How often each entry occurs in the matrix, so that ⟨a, b⟩ = Re Σ weights · conj(a) · b; it is
        broadcast over leading axes.

    Examples
    --------
    Two entries, the first on the diagonal of a symmetric tridiagonal matrix, the second beside it:

    >>> import numpy as np
    >>> s = EntriesSpace((2,), np.dtype(float), weights=np.array([1.0, 2.0]))
    >>> s.gradient(np.array([5.0, 6.0]))
    array([5., 3.])
    """

    __slots__ = ("onto", "weights")

    def __init__(
        self,
        shape: Shape,
        dtype: Any,
        onto: Callable[[Array], Array] | None = None,
        weights: np.ndarray | None = None,
    ) -> None:
        super().__init__(shape, dtype)
        self.onto = onto
        self.weights = weights

    def contains(self, g: Array, stack: Shape = ()) -> bool:
        return self.onto is None and super().contains(g, stack)

    def project(self, g: Array, stack: Shape = ()) -> Array:
        g = self.ambient.project(g, stack)
        return g if self.onto is None else self.onto(g)

    @property
    def ambient(self) -> Space:
        return ArraySpace(self.shape, self.dtype)

    def gradient(self, partials: Array, stack: Shape = ()) -> Array:
        g = self.project(partials, stack)
        return g if self.weights is None else _cast(g / self.weights, self.dtype)

    def partials(self, g: Array) -> Array:
        return g if self.weights is None else _cast(g * self.weights, self.dtype)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, EntriesSpace)
            and super().__eq__(other)
            and self.onto == other.onto
            and np.array_equal(self.weights, other.weights)  # type: ignore[arg-type]  # None equals None
        )

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype))


class ScalarSpace(Space):
    """Scalars of one Python or NumPy type, such as float, complex or np.float32."""

    __slots__ = ("dtype", "type", "types")
    shape = ()

    def __init__(self, type_: type) -> None:
        self.type = type_
        self.dtype = np.dtype(type_)
        # A Python float and a np.float64 stand for each other while a derivative is computed.
        self.types = frozenset((type_, self.dtype.type))

    def contains(self, g: Array, stack: Shape = ()) -> bool:
        if not stack:
            kind = type(g)
            return kind in self.types or (kind in carriers and type(primal(g)) in self.types)
        try:
            return g.dtype is self.dtype and g.shape == stack
        except AttributeError:
            return False

    def project(self, g: Array, stack: Shape = ()) -> Array:
        if not stack and (type(g) is self.type or (type(g) in carriers and self.contains(g))):
            return g
        if not stack and type(g) in self.types:
            return self.type(g)
        _check_shape(g, stack)
        if stack:
            return _cast(_as_array(g), self.dtype)
        if isinstance(g, (np.ndarray, np.generic, float, complex, int)):
            number = g[()] if isinstance(g, np.ndarray) else g
            if self.dtype.kind != "c":
                number = number.real
            return self.type(number)
        # A traced number keeps its precision here; the plain number that comes of it in the end is converted.
        return np.real(g) if self.dtype.kind != "c" and np.iscomplexobj(primal(g)) else g

    def zeros(self, stack: Shape = ()) -> Array:
        return np.zeros(stack, self.dtype) if stack else self.type(0)

    def __repr__(self) -> str:
        return f"ScalarSpace({self.type.__name__})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ScalarSpace) and self.type is other.type

    def __hash__(self) -> int:
        return hash(self.type)


class NoTangent(Space):
    """The space of values that cannot be varied, such as bools, strings, None and functions."""

    __slots__ = ()
    shape = ()
    dtype = None

    def contains(self, g: Array, stack: Shape = ()) -> bool:
        return g is None

    def project(self, g: Array, stack: Shape = ()) -> None:
        return None

    def zeros(self, stack: Shape = ()) -> None:
        return None

    def __repr__(self) -> str:
        return "NoTangent()"


class AnySpace(Space):
    """Where nothing is known or checked: between the two factors of a derivative that a rule shares."""

    __slots__ = ()

    def contains(self, g: Array, stack: Shape = ()) -> bool:
        return True

    def project(self, g: Array, stack: Shape = ()) -> Array:
        return g


class TreeSpace(Space):
    """Containers (dict, list, tuple, named tuple, dataclass) of spaces."""

    __slots__ = ("spaces", "treedef")

    def __init__(self, spaces: tuple[Space, ...], treedef: TreeDef) -> None:
        self.spaces = spaces
        self.treedef = treedef

    def _leaves(self, g: Any) -> list[Any]:
        leaves, treedef = flatten(g)
        if not same_structure(treedef, self.treedef):
            raise SpaceError(f"expected a container like {self.treedef}, got one like {treedef}")
        return leaves

    def contains(self, g: Any, stack: Shape = ()) -> bool:
        return all(s.contains(leaf, stack) for s, leaf in zip(self.spaces, self._leaves(g), strict=True))

    def project(self, g: Any, stack: Shape = ()) -> Any:
        leaves = [s.project(leaf, stack) for s, leaf in zip(self.spaces, self._leaves(g), strict=True)]
        return self.treedef.unflatten(leaves)

    def zeros(self, stack: Shape = ()) -> Any:
        return self.treedef.unflatten([s.zeros(stack) for s in self.spaces])

    def gradient(self, partials: Any, stack: Shape = ()) -> Any:
        pairs = zip(self.spaces, self._leaves(partials), strict=True)
        return self.treedef.unflatten([s.gradient(leaf, stack) for s, leaf in pairs])

    def partials(self, g: Any) -> Any:
        pairs = zip(self.spaces, self._leaves(g), strict=True)
        return self.treedef.unflatten([s.partials(leaf) for s, leaf in pairs])

    def __repr__(self) -> str:
        return f"TreeSpace({self.treedef.unflatten(self.spaces)})"


NO_TANGENT = NoTangent()
ANY = AnySpace()
REAL = ScalarSpace(float)
COMPLEX = ScalarSpace(complex)


@functools.cache
def _scalar_space(type_: type) -> Space:
    return ScalarSpace(type_)


def _array_space(x: np.ndarray) -> Space:
    if x.dtype.kind in "fc":
        return ArraySpace(x.shape, x.dtype)
    if x.dtype.kind in "iu":  # integers differentiate as float64
        return ArraySpace(x.shape, np.dtype(float))
    if x.dtype.kind == "O":
        raise SpaceError(
            "an array of dtype object has no tangent space: its entries are hidden from NumPy. "
            "Make it numeric, or write fr.array([...]) for a list that holds traced values"
        )
    return NO_TANGENT


def _refuse_matrix(x: Any) -> Space:
    raise SpaceError("np.matrix has no tangent space: use a plain array, np.asarray(x)")


_builders: dict[type, Callable[[Any], Space]] = {
    float: lambda x: REAL,
    np.float64: lambda x: _scalar_space(np.float64),
    int: lambda x: REAL,
    complex: lambda x: COMPLEX,
    bool: lambda x: NO_TANGENT,
    np.ndarray: _array_space,
    np.matrix: _refuse_matrix,
}


def register_space(type_: type, builder: Callable[[Any], Space]) -> None:
    """Give the values of a type a tangent space.

    Parameters
    ----------
    type_ : type
        The type of the values; subclasses do not inherit the entry.
    builder : callable
        ``builder(value)`` returns the value's `Space`, which must not keep the value alive.

    Examples
    --------
    >>> class Meters(float):
    ...     pass
    >>> register_space(Meters, lambda x: space(float(x)))
    >>> space(Meters(2.0))
    ScalarSpace(float)
    """
    _builders[type_] = builder


def space(x: Any) -> Space:
    """The tangent space of a value, built from the object itself.

    Parameters
    ----------
    x : object
        Arrays and scalars of inexact dtype have a space of the same shape and dtype; integers that of
        float64; bools, strings, None and other objects none (`NoTangent`); containers that of their entries.

    Returns
    -------
    Space
        With ``project(g)``, ``contains(g)`` and ``zeros()``.

    Raises
    ------
    SpaceError
        For object arrays, masked arrays and np.matrix.

    Examples
    --------
    >>> import numpy as np
    >>> space(np.ones((2, 3), np.complex64))
    ArraySpace(shape=(2, 3), dtype=complex64)
    >>> space({"a": 1, "b": "text"})
    TreeSpace({'a': ScalarSpace(float), 'b': NoTangent()})
    """
    builder = _builders.get(type(x))
    if builder is not None:
        return builder(x)
    kind: type = type(x)
    if isinstance(x, np.inexact):
        return _scalar_space(kind)
    if isinstance(x, np.integer) and not isinstance(x, np.timedelta64):
        return REAL
    if isinstance(x, np.ndarray):
        # By its name, as numpy.ma is not imported for this.
        if any(base.__name__ == "MaskedArray" for base in type(x).__mro__):
            raise SpaceError("a masked array has no tangent space: use x.filled(...) or x.compressed()")
        return _array_space(x)
    if is_container(x):
        leaves, treedef = flatten(x)
        return TreeSpace(tuple(leaf_spaces(x, leaves)), treedef)
    return NO_TANGENT


_structures: dict[type, Callable[[Any], Sequence[Space]]] = {}


def register_structure(
    type_: type,
    take_apart: Callable[[Any], tuple[Sequence[Any], Any]],
    put_together: Callable[[Any, Sequence[Any]], Any],
    spaces: Callable[[Any], Sequence[Space]] | None = None,
) -> None:
    """Make a type of one's own a container of arrays: its values can be arguments and results, like a dict.

    Parameters
    ----------
    type_ : type
        The type; subclasses do not inherit the entry.
    take_apart : callable
        ``take_apart(x)`` returns (parts, form): a sequence of arrays, or of further containers, and whatever
        else there is to know about x, which can be compared and hashed.
    put_together : callable
        ``put_together(form, parts)`` returns x.  The parts may be traced arrays, gradients or tangents, and
        have leading axes: it must not convert or check them.
    spaces : callable, optional
        ``spaces(x)`` returns the space of each array that x consists of, such as an `EntriesSpace`; by
        default the parts are plain arrays, independent of each other.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> class Segment:
    ...     def __init__(self, a, b):
    ...         self.a, self.b = a, b
    ...     def __repr__(self):
    ...         return f"Segment({self.a}, {self.b})"
    >>> register_structure(Segment, lambda s: ((s.a, s.b), None), lambda _, parts: Segment(*parts))
    >>> fr.grad(lambda s: np.sum((s.b - s.a) ** 2))(Segment(np.zeros(2), np.array([1.0, 2.0])))
    Segment([-2. -4.], [2. 4.])
    """
    register(type_, take_apart, put_together)
    if spaces is not None:
        _structures[type_] = spaces


def leaf_spaces(x: Any, leaves: Sequence[Any]) -> list[Space]:
    """The spaces of the leaves of a container; the parts of a structure have those that it gives them."""
    if not _structures:
        return [space(primal(leaf)) for leaf in leaves]
    found: list[Space] = []
    for part in leaves_up_to(x, _structures):
        spaces = _structures.get(type(part))
        if spaces is None:
            found.append(space(primal(part)))
        else:
            found += spaces(part)
    return found


def _check_shape(g: Array, shape: Shape) -> None:
    if np.shape(g) != shape:
        raise SpaceError(f"expected shape {shape}, got {np.shape(g)}")


def _as_array(g: Array) -> Array:
    return np.asarray(g) if isinstance(g, (np.generic, float, complex, int)) else g


def _cast(g: Array, dtype: Any) -> Array:
    """g in another dtype, through its real part where that is real."""
    if dtype.kind != "c" and g.dtype.kind == "c":
        g = g.real
    return g.astype(dtype)
