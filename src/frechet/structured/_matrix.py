"""What all structured matrices have in common: parts, form, arithmetic, and NumPy's protocols.

A structured matrix is immutable and consists of *parts*, which are arrays (or structured matrices again), and
of a *form*, which says all else that there is to know, such as the number of diagonals.  The parts may be
traced: the matrix is a container of arrays, as a dict is, and its operations are written with functions that
have rules.  What makes it more than a container is the space of its parts (see `part_spaces`): a gradient is
again a matrix of this structure, by the inner product ⟨A, B⟩ = Re Σ conj(A) B over all entries.

Leading axes of the parts are a stack of matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from .._warnings import warn
from ..errors import CoercionError, SpaceError
from ..linear_map import Array, Shape
from ..rule import carriers, primal, structured_types
from ..space import Space, TreeSpace, register_space, register_structure, space
from ..tree import flatten, same_structure
from ._arguments import diagonal_array
from ._interoperability import InSciPy

# What answers NumPy's protocols and Python's operators; `_functions` and `_operations` enter it.
protocols: dict[str, Callable[..., Any]] = {}


class DensifyWarning(UserWarning):
    """A structured or sparse matrix was turned into a full array, for want of a method of its own.

    ``warnings.simplefilter("error", fr.DensifyWarning)`` makes an error of it.  What says so by its name,
    ``A.to_dense()`` and ``np.asarray(A)``, does not warn.
    """


class StructuredMatrix(InSciPy):
    """A matrix with a structure, or a stack of such; the base of all of them.

    It works with NumPy: operators, indexing, and the functions of `frechet.structured`'s table; see there for
    what keeps its structure.

    Attributes
    ----------
    shape, ndim, size, dtype
        As of the full array.
    parts : tuple
        The arrays that it consists of.
    """

    __slots__ = ("form", "parts")

    parts: tuple[Any, ...]
    form: Any  # what can be compared and hashed, and is no array

    # --- what a structure says of itself --------------------------------------------------------------------

    #: The structures to which this one can be converted, the narrowest first; see `converted`.
    wider: ClassVar[tuple[type[StructuredMatrix], ...]] = ()
    #: Whether the parts have (nearly) as many entries as the matrix: nothing is lost by writing it out.
    full: ClassVar[bool] = False
    #: Whether sums and multiples of such matrices are such matrices, with sums and multiples of their parts.
    linear: ClassVar[bool] = True
    #: Whether all entries off the diagonal are zero.
    is_diagonal: ClassVar[bool] = False
    #: Whether products of such matrices of the same form are such matrices.
    closed: ClassVar[bool] = False

    @property
    def shape(self) -> Shape:
        """The shape of the full array."""
        raise NotImplementedError

    def to_dense(self) -> Array:
        """The full array."""
        raise NotImplementedError

    def part_spaces(self) -> list[Space]:
        """The spaces of the parts, with weights where an entry of a part stands for several of the matrix."""
        return [s for part in self.parts for s in _spaces(part)]

    def restrict(self, G: Array) -> tuple[Any, ...]:
        """The adjoint of `to_dense`: what a full array's entries add up to for each entry of the parts.

        Σ conj(P) Q = Σ conj(G) B for every matrix B of this form, with parts Q.  Where a structure is not
        linear it is the adjoint of the derivative of `to_dense`.
        """
        raise NotImplementedError

    def times(self, X: Array) -> Array:
        """The product with an array X of shape (..., n, k)."""
        return np.matmul(self.dense_for("@"), X)

    @property
    def mT(self) -> StructuredMatrix:  # NumPy's name
        """The transpose of each matrix."""
        raise NotImplementedError

    def converted(self, to: type[StructuredMatrix]) -> StructuredMatrix:
        """The same matrix as one of a structure out of `wider`."""
        raise TypeError(f"a {type(self).__name__} is not converted to a {to.__name__}")

    @classmethod
    def of_diagonal(cls, d: Array) -> StructuredMatrix:
        """The matrix with the diagonal d, for the structures that a Diagonal converts to."""
        return cls.of([diagonal_array(d)])

    # --- making them ----------------------------------------------------------------------------------------

    @classmethod
    def of(cls, parts: Sequence[Any], form: Any = None) -> Self:
        """A matrix of parts as they are, which are neither checked nor converted."""
        A = object.__new__(cls)
        object.__setattr__(A, "parts", tuple(parts))
        object.__setattr__(A, "form", form)
        return A

    def like(self, *parts: Any) -> Self:
        """A matrix of the same form with other parts."""
        return self.of(parts, self.form)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        structured_types.add(cls)
        register_structure(cls, _take_apart, lambda form, parts: cls.of(parts, form), cls.part_spaces)
        register_space(cls, _space)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a {type(self).__name__} is immutable: make a new one")

    def __reduce__(self) -> Any:
        return _rebuilt, (type(self), self.parts, self.form)

    # --- what follows from the parts ------------------------------------------------------------------------

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of entries of the full array."""
        return int(np.prod(self.shape))

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the entries."""
        return np.result_type(*(primal(part).dtype for part in self.parts))

    @property
    def T(self) -> StructuredMatrix:
        """The transpose of a single matrix."""
        if self.ndim != 2:
            raise ValueError(
                f"{type(self).__name__}.T: the transpose of a stack of shape {self.shape} would reverse all "
                "its axes; A.mT transposes each matrix"
            )
        return self.mT

    @property
    def mH(self) -> StructuredMatrix:
        """The conjugate transpose of each matrix."""
        return self.mT.conj()

    @property
    def H(self) -> StructuredMatrix:
        """The conjugate transpose of a single matrix."""
        return self.T.conj()

    def conj(self) -> StructuredMatrix:
        """The complex conjugate."""
        return self if self.dtype.kind != "c" else self.like(*(np.conj(part) for part in self.parts))

    conjugate = conj

    @property
    def real(self) -> StructuredMatrix | Array:
        """The real part."""
        return self if self.dtype.kind != "c" else self.like(*(np.real(part) for part in self.parts))

    @property
    def imag(self) -> StructuredMatrix | Array:
        """The imaginary part."""
        return self.like(*(np.imag(part) for part in self.parts))

    def astype(self, dtype: Any) -> Self:
        """The same matrix with parts of another floating-point or complex dtype.

        Raises
        ------
        TypeError
            For another dtype, and for a real one of a complex matrix: ``A.real`` is its real part.
        """
        dtype = np.dtype(dtype)
        if dtype.kind not in "fc" or (dtype.kind == "f" and self.dtype.kind == "c"):
            raise TypeError(
                f"astype: a {type(self).__name__} of dtype {self.dtype} has none of dtype {dtype}. "
                f"A.to_dense().astype({str(dtype)!r}) is an array, and A.real the real part"
            )
        return self.like(*(part.astype(dtype) for part in self.parts))

    def copy(self) -> Self:
        """Itself, since it is immutable."""
        return self

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return iter(self[k] for k in range(len(self)))

    def __bool__(self) -> bool:
        raise ValueError(
            "the truth value of a matrix is ambiguous; use np.any(A.to_dense()) or np.all(A.to_dense())"
        )

    def __repr__(self) -> str:
        parts = ",\n  ".join(str(primal(part)) for part in self.parts)
        form = "" if self.form is None else f", {self.form}"
        return f"{type(self).__name__}({parts}{form})"

    def dense_for(self, call: str) -> Array:
        """The full array, with a warning where that takes much more memory than the matrix."""
        if not self.full:
            warn(
                f"{call} has no method for {type(self).__name__}: a full array of shape {self.shape} was "
                "made. A.to_dense() asks for that without a warning",
                DensifyWarning,
            )
        return self.to_dense()

    # --- NumPy's protocols ----------------------------------------------------------------------------------

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if any(type(part) in carriers for part in _arrays(self)):
            raise CoercionError(
                f"NumPy was about to turn a {type(self).__name__} that holds traced values into a plain "
                "array, which would lose its derivative. Write A.to_dense(), or fr.array(A)"
            )
        if copy is False:
            raise ValueError(f"the full array of a {type(self).__name__} is a new one: copy=False fails")
        dense: np.ndarray = self.to_dense()
        if dtype is not None and dense.dtype != dtype:
            return dense.astype(dtype)
        return dense.copy() if copy and not dense.flags.writeable else dense

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return protocols["ufunc"](ufunc, method, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return protocols["function"](func, args, kwargs)

    def __add__(self, other: Any) -> Any:
        return _operation("add", self, other)

    def __radd__(self, other: Any) -> Any:
        return _operation("add", other, self)

    def __sub__(self, other: Any) -> Any:
        return _operation("subtract", self, other)

    def __rsub__(self, other: Any) -> Any:
        return _operation("subtract", other, self)

    def __mul__(self, other: Any) -> Any:
        return _operation("multiply", self, other)

    def __rmul__(self, other: Any) -> Any:
        return _operation("multiply", other, self)

    def __truediv__(self, other: Any) -> Any:
        return _operation("divide", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return _operation("divide", other, self)

    def __matmul__(self, other: Any) -> Any:
        return _operation("matmul", self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return _operation("matmul", other, self)

    def __neg__(self) -> Any:
        return self.scaled(-1.0)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return np.abs(self)

    def __eq__(self, other: Any) -> Any:
        return np.equal(self, other)

    def __ne__(self, other: Any) -> Any:
        return np.not_equal(self, other)

    __hash__ = None  # type: ignore[assignment]  # as that of arrays

    # --- operations, overridden where a structure has a better way ------------------------------------------

    def plus(self, other: Any) -> Any:
        """The sum with a matrix of the same class; NotImplemented leaves it to wider ones and full arrays."""
        if not self.linear:
            return NotImplemented
        return self.like(*(a + b for a, b in zip(self.parts, other.parts, strict=True)))

    def scaled(self, c: Any) -> Any:
        """The product with a number, or with one number for each matrix, of shape (..., 1, 1)."""
        stack = self.ndim - 2
        return self.like(*(_stack_factor(c, part, stack) * part for part in self.parts))

    def product(self, other: Any) -> Any:
        """The product with a matrix of the same class; for those that are `closed`."""
        raise NotImplementedError

    def entrywise(self, other: Any) -> Any:
        """The product entry by entry with a matrix of the same class and form."""
        return self.like(*(a * b for a, b in zip(self.parts, other.parts, strict=True)))

    def entrywise_array(self, X: Array) -> Any:
        """The product entry by entry with an array of the same shape, perhaps with more leading axes."""
        return self.to_dense() * X

    def rows_scaled_by(self, D: StructuredMatrix) -> StructuredMatrix | None:
        """D @ self where D is diagonal and the structure remains; else None."""
        return None

    def columns_scaled_by(self, D: StructuredMatrix) -> StructuredMatrix | None:
        """self @ D where D is diagonal and the structure remains; else None."""
        return None

    def solve(self, B: Array) -> Array:
        """The solution X of A X = B, for an array B of shape (..., n, k)."""
        return np.linalg.solve(self.dense_for("solve"), B)

    def solve_structured(self, B: StructuredMatrix) -> Any:
        """The solution X of A X = B for a structured B."""
        return self.solve(B.to_dense() if self.full else B.dense_for("solve"))

    def inv(self) -> Any:
        """The inverse."""
        return np.linalg.inv(self.dense_for("inv"))

    def slogdet(self) -> tuple[Any, Any]:
        """The sign and the logarithm of the absolute value of the determinant."""
        sign, logabsdet = np.linalg.slogdet(self.dense_for("slogdet"))
        return sign, logabsdet

    def det(self) -> Any:
        """The determinant."""
        return np.linalg.det(self.dense_for("det"))

    def function_of(self, f: Any) -> Any:
        """The matrix function of a scalar function; NotImplemented leaves it to the full array."""
        return NotImplemented

    def diagonal(self, offset: int = 0) -> Array:
        """The entries A[i, i + offset]."""
        return np.diagonal(self.dense_for("diagonal"), offset, -2, -1)

    def trace(self) -> Any:
        """The sum of the entries of the diagonal."""
        return np.sum(self.diagonal(), -1)

    def squared_norm(self) -> Any:
        """The sum of the squared absolute values of the entries."""
        total: Any = 0.0
        for part, s in zip(_arrays(self), self.part_spaces(), strict=True):
            squares = np.real(part) ** 2 + (np.imag(part) ** 2 if s.dtype.kind == "c" else 0.0)
            weights = getattr(s, "weights", None)
            weighted = squares if weights is None else weights.astype(squares.dtype) * squares
            total = total + np.sum(weighted, tuple(range(self.ndim - 2, np.ndim(part))))
        return total

    # --- indexing -------------------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Any:
        stack = self.ndim - 2
        index = index if isinstance(index, tuple) else (index,)
        if len(index) <= stack and all(isinstance(i, (int, np.integer, slice)) for i in index):
            return self.like(*(part[index] for part in self.parts))
        if len(index) == self.ndim and not stack and all(_is_integer(i) for i in index):
            m, n = self.shape
            return self.entries(_checked_index(index[0], m), _checked_index(index[1], n))
        return self.dense_for("indexing")[index]

    def entries(self, i: Any, j: Any) -> Array:
        """The entries A[i, j] of a single matrix, for integers or arrays of integers from 0 on."""
        return self.to_dense()[i, j]


def _take_apart(A: StructuredMatrix) -> tuple[tuple[Any, ...], Any]:
    return A.parts, A.form


class StructuredSpace(TreeSpace):
    """The space of matrices of a structure; full arrays and other structures are projected onto it, too.

    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.space(fr.Toeplitz([0.0, 0.0])).project(np.array([[1.0, 5.0], [2.0, 3.0]])).to_dense()
    array([[2., 5.],
           [2., 2.]])
    """

    __slots__ = ()

    def _is_like(self, g: Any) -> bool:
        return isinstance(g, StructuredMatrix) and same_structure(flatten(g)[1], self.treedef)

    def contains(self, g: Any, stack: Shape = ()) -> bool:
        return self._is_like(g) and super().contains(g, stack)

    def project(self, g: Any, stack: Shape = ()) -> Any:
        if isinstance(g, StructuredMatrix):
            if self._is_like(g):
                return super().project(g, stack)
            g = g.dense_for("project")
        zero = self.zeros(stack)
        if not _is_linear(zero):
            raise SpaceError(
                f"{type(zero).__name__} matrices of this form are no linear space, onto which a full array "
                "could be projected"
            )
        if np.shape(g) != zero.shape:
            raise SpaceError(f"expected shape {zero.shape}, got {np.shape(g)}")
        leaves, _ = flatten(zero.restrict(g))
        pairs = zip(self.spaces, leaves, strict=True)
        return self.treedef.unflatten([s.gradient(leaf, stack) for s, leaf in pairs])


def _space(A: StructuredMatrix) -> StructuredSpace:
    _, treedef = flatten(A)
    return StructuredSpace(tuple(A.part_spaces()), treedef)


def _rebuilt(cls: type[StructuredMatrix], parts: tuple[Any, ...], form: Any) -> StructuredMatrix:
    return cls.of(parts, form)


def _operation(name: str, a: Any, b: Any) -> Any:
    return protocols[name](a, b)


def _spaces(part: Any) -> list[Space]:
    return part.part_spaces() if isinstance(part, StructuredMatrix) else [space(primal(part))]


def _arrays(A: StructuredMatrix) -> Iterator[Any]:
    """The arrays that a matrix consists of, those of its parts' parts in place of these."""
    for part in A.parts:
        if isinstance(part, StructuredMatrix):
            yield from _arrays(part)
        else:
            yield part


def _is_linear(A: Any) -> bool:
    """Whether the matrix is a linear function of its parts, and these of theirs."""
    return not isinstance(A, StructuredMatrix) or (A.linear and all(map(_is_linear, A.parts)))


def _stack_factor(c: Any, part: Any, stack: int) -> Any:
    """A factor for each matrix of a stack, of shape (..., 1, 1), to be broadcast with a part.

    The part has as many axes for the stack, and others behind them.
    """
    if np.ndim(c) < 2 or isinstance(part, StructuredMatrix):
        return c
    return np.reshape(c, np.shape(c)[:-2] + (1,) * (np.ndim(part) - stack))


def _is_integer(i: Any) -> bool:
    if isinstance(i, (np.ndarray, list)):
        return np.asarray(i).dtype.kind in "iu"
    return isinstance(i, (int, np.integer)) and not isinstance(i, bool)


def _checked_index(i: Any, n: int) -> Any:
    """Indices counted from the front, or an IndexError like NumPy's."""
    i = np.asarray(i)[()]
    if np.any(i < -n) or np.any(i >= n):
        raise IndexError(f"index {i} is out of bounds for an axis with size {n}")
    return np.where(i < 0, i + n, i)[()]
