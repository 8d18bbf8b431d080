"""Triangular matrices, and those with ones on the diagonal."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..linear_map import Array, Shape
from ..rule import primal
from ..space import EntriesSpace, Space
from ._arguments import as_square, read_only
from ._diagonal import Diagonal
from ._matrix import StructuredMatrix
from ._parts import matrix_function


def upper_part(X: Array) -> Array:
    """The upper triangle of an array: the array itself where there is nothing else."""
    return X if _is_zero(X, False, 0) else np.triu(X)


def lower_part(X: Array) -> Array:
    """The lower triangle."""
    return X if _is_zero(X, True, 0) else np.tril(X)


def strictly_upper(X: Array) -> Array:
    """The entries above the diagonal."""
    return X if _is_zero(X, False, 1) else np.triu(X, 1)


def strictly_lower(X: Array) -> Array:
    """The entries below the diagonal."""
    return X if _is_zero(X, True, 1) else np.tril(X, -1)


def _is_zero(X: Array, lower: bool, k: int) -> bool:
    """Whether a plain array is surely zero outside of a triangle; faster than to copy the triangle."""
    if type(X) is not np.ndarray:
        return False
    n = X.shape[-1]
    other = np.tri(min(n, _STRIP), k=k - 1, dtype=bool)
    other = other.T if lower else other
    for start in range(0, n, _STRIP):
        rows = slice(start, start + _STRIP)
        left = min(_STRIP, n - start)
        beside = X[..., rows, start + _STRIP :] if lower else X[..., rows, :start]
        if beside.any() or np.any(X[..., rows, rows], where=other[:left, :left]):
            return False
    return True


_STRIP = 128  # rows that are looked at at once


class _Triangular(StructuredMatrix):
    """What the four classes share.  The part is the full array, zero where the matrix has no tangent."""

    __slots__ = ()
    full = True
    closed = True
    lower: ClassVar[bool]
    unit: ClassVar[bool] = False

    def __init__(self, A: Any) -> None:
        A = as_square(A, f"{type(self).__name__}: A")
        k = 1 if self.unit else 0
        object.__setattr__(self, "parts", (np.tril(A, -k) if self.lower else np.triu(A, k),))
        object.__setattr__(self, "form", None)

    @staticmethod
    def _onto(X: Array) -> Array:
        """Those entries of an array that a part has."""
        raise NotImplementedError

    @property
    def data(self) -> Array:
        """The full array; of a unit triangular matrix without its diagonal."""
        return self.parts[0]

    @property
    def shape(self) -> Shape:
        shape: Shape = self.data.shape
        return shape

    def part_spaces(self) -> list[Space]:
        return [EntriesSpace(self.shape, primal(self.data).dtype, onto=self._onto)]

    def to_dense(self) -> Array:
        return read_only(self.data)

    def restrict(self, G: Array) -> tuple[Any, ...]:
        return (self._onto(G),)

    def times(self, X: Array) -> Array:
        return np.matmul(self.to_dense(), X)

    def product(self, other: Any) -> Any:
        return self.of([np.matmul(self.data, other.data)])

    def entrywise_array(self, X: Array) -> Any:
        return self.to_dense() * X

    def rows_scaled_by(self, D: StructuredMatrix) -> Any:
        return self._wide().of([D.d[..., None] * self.to_dense()]) if isinstance(D, Diagonal) else None

    def columns_scaled_by(self, D: StructuredMatrix) -> Any:
        return self._wide().of([self.to_dense() * D.d[..., None, :]]) if isinstance(D, Diagonal) else None

    def solve(self, B: Array) -> Array:
        from ..linalg._arguments import as_inexact, linear_system
        from ..linalg._structured import solve
        from ..linalg._triangles import Triangles

        A, B, _ = linear_system(
            "solve", as_inexact(self.data, "solve"), B, self.shape[-1], check_finite=False
        )
        structure = Triangles(self.lower, self.unit)
        return solve(A, B, structure, structure.factor(primal(A)), False) if B.size else B

    def solve_structured(self, B: StructuredMatrix) -> Any:
        X = self.solve(B.to_dense())
        if type(B) is type(self):  # the solution has the same triangle
            return self.of([self._onto(X)])
        return self._wide().of([X]) if isinstance(B, (Diagonal, self._wide())) else X

    def inv(self) -> Any:
        return self.of([self._onto(self.solve(np.eye(self.shape[-1], dtype=self.dtype)))])

    def diagonal(self, offset: int = 0) -> Array:
        return np.diagonal(self.data, offset, -2, -1)

    def det(self) -> Any:
        return np.prod(self.diagonal(), -1)

    def slogdet(self) -> tuple[Any, Any]:
        return Diagonal.of([self.diagonal()]).slogdet()

    def entries(self, i: Any, j: Any) -> Array:
        return self.data[i, j]

    def function_of(self, f: Any) -> Any:
        return self._wide()(matrix_function(self.to_dense(), f))

    def eigvals(self) -> Array:
        """The eigenvalues, in the order of the diagonal."""
        return np.copy(self.diagonal())

    @classmethod
    def _wide(cls) -> type[_Triangular]:
        """The class of the triangular matrices with any diagonal."""
        return LowerTriangular if cls.lower else UpperTriangular


class UpperTriangular(_Triangular):
    """An upper triangular matrix.

    Parameters
    ----------
    A : (..., n, n) array_like
        Plain or traced, real or complex.  Only its upper triangle is read.  Leading axes are a stack.

    Raises
    ------
    ValueError
        If A is not square.

    Notes
    -----
    Sums, products and inverses are upper triangular, and so is a gradient.  Systems are solved by
    substitution in O(n²) operations for each right side; determinant and eigenvalues are read off the
    diagonal.  The full array is kept, with zeros below the diagonal.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> U = fr.UpperTriangular([[2.0, 1.0], [9.0, 4.0]])
    >>> np.linalg.det(U)
    np.float64(8.0)
    >>> fr.grad(lambda U: np.sum(np.linalg.solve(U, np.ones(2))))(U).to_dense()
    array([[-0.1875 , -0.125  ],
           [ 0.     , -0.03125]])
    """

    __slots__ = ()
    lower = False
    _onto = staticmethod(upper_part)

    @property
    def mT(self) -> LowerTriangular:
        return LowerTriangular.of([np.swapaxes(self.data, -1, -2)])


class LowerTriangular(_Triangular):
    """A lower triangular matrix.

    Parameters
    ----------
    A : (..., n, n) array_like
        Plain or traced, real or complex.  Only its lower triangle is read.  Leading axes are a stack.

    Raises
    ------
    ValueError
        If A is not square.

    Notes
    -----
    As `UpperTriangular`.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> L = fr.LowerTriangular([[2.0, 9.0], [1.0, 4.0]])
    >>> np.linalg.inv(L).to_dense()
    array([[ 0.5  ,  0.   ],
           [-0.125,  0.25 ]])
    >>> type(L.T).__name__
    'UpperTriangular'
    """

    __slots__ = ()
    lower = True
    _onto = staticmethod(lower_part)

    @property
    def mT(self) -> UpperTriangular:
        return UpperTriangular.of([np.swapaxes(self.data, -1, -2)])


class _UnitTriangular(_Triangular):
    """I + N, with N strictly triangular: the part is N."""

    __slots__ = ()
    linear = False
    unit = True

    def to_dense(self) -> Array:
        return self.data + np.eye(self.shape[-1], dtype=self.dtype)

    def converted(self, to: type[StructuredMatrix]) -> StructuredMatrix:
        return to.of([self.to_dense()]) if to is self._wide() else super().converted(to)

    def times(self, X: Array) -> Array:
        return X + np.matmul(self.data, X)

    def product(self, other: Any) -> Any:
        # (I + N)(I + M) = I + N + (I + N) M
        return self.of([self.data + self.times(other.data)])

    def scaled(self, c: Any) -> Any:
        return self.converted(self._wide()).scaled(c)

    @property
    def imag(self) -> Any:
        return self._wide().of([np.imag(self.data)])

    def diagonal(self, offset: int = 0) -> Array:
        # The ones of the diagonal have no tangent.
        return super().diagonal(offset) if offset else np.ones(self.shape[:-1], self.dtype)

    def entries(self, i: Any, j: Any) -> Array:
        return self.data[i, j] + np.equal(i, j)

    def squared_norm(self) -> Any:
        return super().squared_norm() + self.shape[-1]


class UnitUpperTriangular(_UnitTriangular):
    """An upper triangular matrix with ones on the diagonal.

    Parameters
    ----------
    A : (..., n, n) array_like
        Plain or traced, real or complex.  Only the entries above its diagonal are read.

    Raises
    ------
    ValueError
        If A is not square.

    Notes
    -----
    The diagonal is constant, so that it is zero in gradients: these are the parts of such a matrix, and
    ``to_dense()`` of one has ones on the diagonal; ``data`` has not.  Products and inverses have ones on the
    diagonal again; sums and multiples are of class `UpperTriangular`.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> U = fr.UnitUpperTriangular([[7.0, 3.0], [0.0, 7.0]])
    >>> np.linalg.solve(U, np.ones(2))
    array([-2.,  1.])
    >>> fr.grad(lambda U: np.sum(np.linalg.solve(U, np.ones(2))))(U).data
    array([[ 0., -1.],
           [ 0.,  0.]])
    """

    __slots__ = ()
    lower = False
    wider = (UpperTriangular,)
    _onto = staticmethod(strictly_upper)

    @property
    def mT(self) -> UnitLowerTriangular:
        return UnitLowerTriangular.of([np.swapaxes(self.data, -1, -2)])


class UnitLowerTriangular(_UnitTriangular):
    """A lower triangular matrix with ones on the diagonal.

    Parameters
    ----------
    A : (..., n, n) array_like
        Plain or traced, real or complex.  Only the entries below its diagonal are read.

    Raises
    ------
    ValueError
        If A is not square.

    Notes
    -----
    As `UnitUpperTriangular`.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> L = fr.UnitLowerTriangular([[7.0, 0.0], [3.0, 7.0]])
    >>> np.linalg.inv(L).to_dense()
    array([[ 1.,  0.],
           [-3.,  1.]])
    """

    __slots__ = ()
    lower = True
    wider = (LowerTriangular,)
    _onto = staticmethod(strictly_lower)

    @property
    def mT(self) -> UnitUpperTriangular:
        return UnitUpperTriangular.of([np.swapaxes(self.data, -1, -2)])
