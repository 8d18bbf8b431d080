"""Symmetric tridiagonal matrices."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..linear_map import Array
from ..rule import primal
from ..space import EntriesSpace, Space
from ._banded import Banded
from ._bidiagonal import Bidiagonal
from ._matrix import StructuredMatrix
from ._symmetric import Symmetric, symmetric_part
from ._tridiagonal import AroundMainDiagonal, Tridiagonal, bands_of, diagonals


class EighResult(NamedTuple):
    """NumPy's, whose class is private."""

    eigenvalues: Any
    eigenvectors: Any


class SymTridiagonal(AroundMainDiagonal):
    """A symmetric tridiagonal matrix, real or complex.

    Parameters
    ----------
    d : (..., n) array_like
        The main diagonal.
    e : (..., n - 1) array_like
        The diagonals beside it.

    Raises
    ------
    ValueError
        If the lengths do not fit.

    Notes
    -----
    Both may be plain or traced; leading axes are a stack and broadcast.  A complex matrix is symmetric,
    not Hermitian.  An entry of e stands for two of the matrix, which share the gradient: see "The gradient
    of a symmetric matrix" in the documentation.

    Systems take an LU with pivoting, O(n) operations: for positive definite matrices
    `frechet.linalg.solveh_banded` takes half.  ``np.linalg.eigh`` works on d and e
    (`frechet.linalg.eigh_tridiagonal`); the Cholesky factor of a positive definite matrix is `Bidiagonal`.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> A = fr.SymTridiagonal([2.0, 2.0, 2.0], [-1.0, -1.0])
    >>> np.linalg.eigvalsh(A)
    array([0.58578644, 2.        , 3.41421356])
    >>> fr.grad(lambda A: np.linalg.slogdet(A)[1])(A)
    SymTridiagonal([0.75 1.   0.75],
      [0.5 0.5])
    """

    __slots__ = ()
    wider = (Tridiagonal, Symmetric, Banded)

    def __init__(self, d: Any, e: Any) -> None:
        object.__setattr__(self, "parts", diagonals("SymTridiagonal", "d", d=d, e=e))
        object.__setattr__(self, "form", None)

    @classmethod
    def of_diagonal(cls, d: Array) -> SymTridiagonal:
        """The diagonal matrix."""
        return cls.of([d, np.zeros((*d.shape[:-1], max(0, d.shape[-1] - 1)), d.dtype)])

    @property
    def d(self) -> Array:
        return self.parts[0]

    @property
    def e(self) -> Array:
        """The diagonals beside the main one."""
        return self.parts[1]

    def part_spaces(self) -> list[Space]:
        d, e = (primal(part) for part in self.parts)
        return [EntriesSpace(d.shape, d.dtype), EntriesSpace(e.shape, e.dtype, weights=_TWICE)]

    def _beside(self, offset: int) -> Array:
        return self.e

    def restrict(self, G: Array) -> tuple[Any, ...]:
        lower, d, upper = (np.diagonal(G, k, -2, -1) for k in (-1, 0, 1))
        return d, lower + upper

    @property
    def mT(self) -> SymTridiagonal:
        return self

    def converted(self, to: type[StructuredMatrix]) -> StructuredMatrix:
        return Symmetric.of([self.to_dense()]) if to is Symmetric else super().converted(to)

    def inv(self) -> Any:
        """The inverse, which is full."""
        return Symmetric.of([symmetric_part(super().inv())])

    def eigh(self, UPLO: str = "L") -> Any:
        """Eigenvalues and eigenvectors, of real matrices."""
        from ..linalg import eigh_tridiagonal

        if self.dtype.kind == "c":
            return NotImplemented
        return EighResult(*eigh_tridiagonal(self.d, self.e, check_finite=False))

    def eigvalsh(self, UPLO: str = "L") -> Any:
        """Eigenvalues, of real matrices."""
        from ..linalg import eigvalsh_tridiagonal

        return (
            NotImplemented
            if self.dtype.kind == "c"
            else eigvalsh_tridiagonal(self.d, self.e, check_finite=False)
        )

    def function_of(self, f: Any) -> Any:
        return self.converted(Symmetric).function_of(f)

    def cholesky(self, *, upper: bool = False) -> Any:
        """The bidiagonal factor L with L Lᵀ = A, or U with Uᵀ U = A; of real positive definite matrices."""
        from ..linalg import cholesky_banded

        if self.dtype.kind == "c":
            return NotImplemented
        c = cholesky_banded(bands_of(self.e, self.d, None).ab, lower=True, check_finite=False)
        return Bidiagonal.of(
            [c[..., 0, :], c[..., 1, : max(0, self.shape[-1] - 1)]], "upper" if upper else "lower"
        )


_TWICE = np.array(2.0)
