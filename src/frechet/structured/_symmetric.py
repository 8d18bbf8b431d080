"""Symmetric, Hermitian and skew-symmetric matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array, Shape
from ..rule import primal
from ..space import EntriesSpace, Space
from ._arguments import as_square, read_only
from ._matrix import StructuredMatrix
from ._parts import is_real_on_reals, singular_slogdet


def symmetric_part(X: Array) -> Array:
    """(X + Xᵀ)/2, the nearest symmetric matrix."""
    return 0.5 * (X + np.swapaxes(X, -1, -2))


def hermitian_part(X: Array) -> Array:
    """(X + Xᴴ)/2."""
    return 0.5 * (X + np.conj(np.swapaxes(X, -1, -2)))


def skew_part(X: Array) -> Array:
    """(X − Xᵀ)/2."""
    return 0.5 * (X - np.swapaxes(X, -1, -2))


class _TwoSided(StructuredMatrix):
    """A matrix whose triangles determine each other.  Its part is the full array, with both of them."""

    __slots__ = ()
    full = True

    def __init__(self, A: Any, lower: bool = False, check: bool = False) -> None:
        name = type(self).__name__
        A = as_square(A, f"{name}: A")
        if check:
            plain = primal(A)
            if not np.array_equal(plain, self._mirrored(plain), equal_nan=True):
                raise ValueError(
                    f"{name}: A is not {self._adjective} (check=True); without check only its "
                    f"{'lower' if lower else 'upper'} triangle is read"
                )
        kept = np.tril(A) if lower else np.triu(A)
        strict = np.tril(A, -1) if lower else np.triu(A, 1)
        object.__setattr__(self, "parts", (self._completed(kept, strict),))
        object.__setattr__(self, "form", None)

    _adjective = ""

    @staticmethod
    def _mirrored(A: Array) -> Array:
        """What A must equal."""
        raise NotImplementedError

    @staticmethod
    def _completed(kept: Array, strict: Array) -> Array:
        """The full array, from a triangle with and without its diagonal."""
        raise NotImplementedError

    @property
    def data(self) -> Array:
        """The full array."""
        return self.parts[0]

    @property
    def shape(self) -> Shape:
        shape: Shape = self.data.shape
        return shape

    def to_dense(self) -> Array:
        return read_only(self.data)

    def restrict(self, G: Array) -> tuple[Any, ...]:
        return (G,)

    def times(self, X: Array) -> Array:
        return np.matmul(self.data, X)

    def entries(self, i: Any, j: Any) -> Array:
        return self.data[i, j]

    def inv(self) -> Any:
        return self.like(self._part(np.linalg.inv(self.data)))

    _part = staticmethod(symmetric_part)

    def part_spaces(self) -> list[Space]:
        return [EntriesSpace(self.shape, primal(self.data).dtype, onto=self._part)]


class Symmetric(_TwoSided):
    """A symmetric matrix, real or complex.

    Parameters
    ----------
    A : (..., n, n) array_like
        Plain or traced.  Only one triangle of it is read.
    lower : bool, optional
        Whether the lower triangle is read; by default the upper one.
    check : bool, optional
        Whether A must be symmetric.

    Raises
    ------
    ValueError
        If A is not square, or not symmetric with ``check=True``.

    Notes
    -----
    The full array is kept, so that everything runs at the speed of BLAS and LAPACK.  A gradient is symmetric;
    see "The gradient of a symmetric matrix" in the documentation for what its entries mean.

    Examples
    --------
    >>> import frechet as fr
    >>> A = fr.Symmetric([[1.0, 2.0], [2.0, 5.0]])
    >>> fr.grad(lambda A: A[0, 1])(A).to_dense()
    array([[0. , 0.5],
           [0.5, 0. ]])
    """

    __slots__ = ()
    _adjective = "symmetric"

    @staticmethod
    def _mirrored(A: Array) -> Array:
        return np.swapaxes(A, -1, -2)

    @staticmethod
    def _completed(kept: Array, strict: Array) -> Array:
        return kept + np.swapaxes(strict, -1, -2)

    @property
    def mT(self) -> Symmetric:
        return self

    def entrywise_array(self, X: Array) -> Any:
        return self.data * X

    def eigh(self, UPLO: Any = "L") -> Any:
        """Eigenvalues and eigenvectors, of real matrices."""
        return np.linalg.eigh(self.data, UPLO) if self.dtype.kind != "c" else NotImplemented

    def eigvalsh(self, UPLO: Any = "L") -> Any:
        """Eigenvalues, of real matrices."""
        return np.linalg.eigvalsh(self.data, UPLO) if self.dtype.kind != "c" else NotImplemented

    def function_of(self, f: Any) -> Any:
        return _function(self, f)

    def cholesky(self, *, upper: bool = False) -> Any:
        """The triangular factor L with L Lᵀ = A, or U with Uᵀ U = A; of real matrices."""
        return _cholesky(self.data, upper) if self.dtype.kind != "c" else NotImplemented


class Hermitian(_TwoSided):
    """A Hermitian matrix; a real one is symmetric.

    Parameters
    ----------
    A : (..., n, n) array_like
        Plain or traced.  Only one triangle of it is read, and the real part of its diagonal.
    lower : bool, optional
        Whether the lower triangle is read; by default the upper one.
    check : bool, optional
        Whether A must be Hermitian.

    Raises
    ------
    ValueError
        If A is not square, or not Hermitian with ``check=True``.

    Examples
    --------
    The exponential of a Hermitian matrix is Hermitian, and so is its gradient, at equal eigenvalues, too:

    >>> import numpy as np
    >>> import frechet as fr
    >>> A = fr.Hermitian(np.eye(2, dtype=complex))
    >>> G = fr.grad(lambda A: np.real(fr.linalg.expm(A)[0, 1]))(A)
    >>> G.to_dense().round(6)
    array([[0.      +0.j, 1.359141+0.j],
           [1.359141+0.j, 0.      +0.j]])
    """

    __slots__ = ()
    _adjective = "Hermitian"
    _part = staticmethod(hermitian_part)

    @staticmethod
    def _mirrored(A: Array) -> Array:
        return np.conj(np.swapaxes(A, -1, -2))

    @staticmethod
    def _completed(kept: Array, strict: Array) -> Array:
        if primal(kept).dtype.kind != "c":
            return kept + np.swapaxes(strict, -1, -2)
        diagonal = np.tril(np.triu(kept))
        return np.real(diagonal) + strict + np.conj(np.swapaxes(strict, -1, -2))

    @property
    def mT(self) -> Hermitian:
        return self if self.dtype.kind != "c" else self.like(np.conj(self.data))

    @property
    def mH(self) -> Hermitian:
        return self

    H = mH

    @property
    def real(self) -> Symmetric:
        return Symmetric.of([np.real(self.data)])

    @property
    def imag(self) -> SkewSymmetric:
        return SkewSymmetric.of([np.imag(self.data)])

    def scaled(self, c: Any) -> Any:
        return c * self.data if np.iscomplexobj(primal(c)) else super().scaled(c)

    def eigh(self, UPLO: Any = "L") -> Any:
        """Eigenvalues and eigenvectors."""
        return np.linalg.eigh(self.data, UPLO)

    def eigvalsh(self, UPLO: Any = "L") -> Any:
        """Eigenvalues."""
        return np.linalg.eigvalsh(self.data, UPLO)

    def function_of(self, f: Any) -> Any:
        return _function(self, f)

    def cholesky(self, *, upper: bool = False) -> Any:
        """The triangular factor L with L Lᴴ = A, or U with Uᴴ U = A."""
        return _cholesky(self.data, upper)


class SkewSymmetric(_TwoSided):
    """A skew-symmetric matrix, Aᵀ = −A, real or complex.

    Parameters
    ----------
    A : (..., n, n) array_like
        Plain or traced.  Only one triangle of it is read, without the diagonal.
    lower : bool, optional
        Whether the lower triangle is read; by default the upper one.
    check : bool, optional
        Whether A must be skew-symmetric.

    Raises
    ------
    ValueError
        If A is not square, or not skew-symmetric with ``check=True``.

    Notes
    -----
    A matrix of odd size is singular: its determinant is exactly 0, and it has no inverse.

    Examples
    --------
    >>> import frechet as fr
    >>> fr.SkewSymmetric([[0.0, 2.0], [0.0, 0.0]]).to_dense()
    array([[ 0.,  2.],
           [-2.,  0.]])
    """

    __slots__ = ()
    _adjective = "skew-symmetric"
    _part = staticmethod(skew_part)

    @staticmethod
    def _mirrored(A: Array) -> Array:
        return -np.swapaxes(A, -1, -2)

    @staticmethod
    def _completed(kept: Array, strict: Array) -> Array:
        return strict - np.swapaxes(strict, -1, -2)

    @property
    def mT(self) -> SkewSymmetric:
        return self.scaled(-1.0)  # type: ignore[no-any-return]  # a multiple of a skew-symmetric matrix is one

    def entrywise(self, other: Any) -> Symmetric:
        return Symmetric.of([self.data * other.data])

    # det A = det Aᵀ = (−1)ⁿ det A: one of odd size is singular, which rounding would hide.

    @property
    def _is_singular(self) -> bool:
        return bool(self.shape[-1] % 2)

    def _require_even_size(self, call: str) -> None:
        if self._is_singular:
            raise np.linalg.LinAlgError(
                f"{call}: a skew-symmetric matrix of odd size is singular, this one is of size "
                f"{self.shape[-1]}"
            )

    def solve(self, B: Array) -> Array:
        self._require_even_size("solve")
        return super().solve(B)

    def inv(self) -> Any:
        self._require_even_size("inv")
        return super().inv()

    def det(self) -> Any:
        return np.zeros(self.shape[:-2], self.dtype)[()] if self._is_singular else super().det()

    def slogdet(self) -> tuple[Any, Any]:
        return singular_slogdet(self) if self._is_singular else super().slogdet()


def _function(A: Hermitian | Symmetric, f: Any) -> Any:
    """f(A) by eigenvalues and divided differences, which is exact where eigenvalues are equal."""
    if A.dtype.kind == "c" and isinstance(A, Symmetric):
        return NotImplemented
    if not is_real_on_reals(f, lambda: np.linalg.eigvalsh(primal(A.data))):
        return NotImplemented  # the result is not Hermitian
    from ..linalg import funm

    return A.like(A._part(funm(A.data, f, assume="hermitian")))


def _cholesky(A: Array, upper: bool) -> Any:
    from ._triangular import LowerTriangular, UpperTriangular

    return (UpperTriangular if upper else LowerTriangular).of([np.linalg.cholesky(A, upper=upper)])
