"""Diagonal matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array, Shape
from ..rule import primal
from ._arguments import as_part, diagonal_array, read_only
from ._matrix import StructuredMatrix
from ._parts import is_real_on_reals, sign_and_log


class Diagonal(StructuredMatrix):
    """A diagonal matrix.

    Parameters
    ----------
    d : (..., n) array_like
        The diagonal; plain or traced, real or complex.  Leading axes are a stack.

    Notes
    -----
    Everything takes O(n) operations and memory: products with a vector, solutions, inverse, determinant,
    eigenvalues, functions of the matrix.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.grad(lambda D: np.sum(np.linalg.solve(D, np.ones(2))))(fr.Diagonal([1.0, 2.0]))
    Diagonal([-1.   -0.25])
    """

    __slots__ = ()
    closed = True
    is_diagonal = True

    def __init__(self, d: Any) -> None:
        object.__setattr__(self, "parts", (as_part(d, "Diagonal: d", 1),))
        object.__setattr__(self, "form", None)

    @property
    def d(self) -> Array:
        """The diagonal."""
        return self.parts[0]

    @property
    def shape(self) -> Shape:
        n = self.d.shape[-1]
        return (*self.d.shape[:-1], n, n)

    def to_dense(self) -> Array:
        return diagonal_array(self.d)

    def restrict(self, G: Array) -> tuple[Any, ...]:
        return (np.diagonal(G, 0, -2, -1),)

    @property
    def mT(self) -> Diagonal:
        return self

    def converted(self, to: type[StructuredMatrix]) -> StructuredMatrix:
        if to not in self.wider:
            return super().converted(to)
        return to.of_diagonal(self.d)

    def times(self, X: Array) -> Array:
        return self.d[..., None] * X

    def product(self, other: Any) -> Diagonal:
        return Diagonal.of([self.d * other.d])

    def entrywise_array(self, X: Array) -> Diagonal:
        return Diagonal.of([self.d * np.diagonal(X, 0, -2, -1)])

    def solve(self, B: Array) -> Array:
        self._require_nonzero("solve")
        return B / self.d[..., None]

    def solve_structured(self, B: StructuredMatrix) -> Any:
        self._require_nonzero("solve")
        return self.inv() @ B

    def inv(self) -> Diagonal:
        self._require_nonzero("inv")
        return Diagonal.of([1 / self.d])

    def slogdet(self) -> tuple[Any, Any]:
        return sign_and_log(self.d)

    def det(self) -> Any:
        return np.prod(self.d, -1)

    def diagonal(self, offset: int = 0) -> Array:
        if offset:
            return np.zeros((*self.d.shape[:-1], max(0, self.shape[-1] - abs(offset))), self.dtype)
        return read_only(self.d)

    def entries(self, i: Any, j: Any) -> Array:
        return np.where(np.equal(i, j), self.d[i], 0)

    def eigvals(self) -> Array:
        """The eigenvalues, in the order of the diagonal."""
        return np.copy(self.d)

    def eigvalsh(self, UPLO: str = "L") -> Array:
        """The real parts of the diagonal, in ascending order."""
        return np.sort(np.real(self.d), -1)

    def _sparse_entries(self) -> tuple[Array, Any, Any]:
        i = np.arange(self.shape[-1])
        return self.d, i, i

    def function_of(self, f: Any) -> Diagonal:
        d, plain = self.d, primal(self.d)
        if plain.dtype.kind != "c" and not is_real_on_reals(f, lambda: plain):
            d = d + 0j
        return Diagonal.of([f(d)])

    def cholesky(self, *, upper: bool = False) -> Diagonal:
        """The factor L with L Lᴴ = A."""
        plain = primal(self.d)
        if not np.all(plain.real > 0) or np.any(plain.imag):
            raise np.linalg.LinAlgError("cholesky: the diagonal must be positive")
        return Diagonal.of([np.sqrt(self.d)])

    def _require_nonzero(self, call: str) -> None:
        zeros = primal(self.d) == 0
        if np.any(zeros):
            where = tuple(map(int, np.argwhere(zeros)[0]))
            raise np.linalg.LinAlgError(f"{call}: the matrix is singular, its diagonal is 0 at {where}")
