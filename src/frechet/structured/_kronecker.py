"""Kronecker products."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..linear_map import Array, Shape
from ._matrix import StructuredMatrix
from ._parts import (
    as_matrices,
    dense,
    diagonal,
    entries,
    is_square,
    restricted,
    singular_slogdet,
    squared_norm,
    transposed,
)


class Kronecker(StructuredMatrix):
    """The Kronecker product A ⊗ B ⊗ … of matrices.

    Parameters
    ----------
    *factors : (..., mᵢ, nᵢ) array_like or StructuredMatrix
        The factors; plain or traced, real or complex.  Leading axes are a stack.

    Raises
    ------
    ValueError
        If there is no factor, or if the leading axes do not broadcast.

    Notes
    -----
    The product is never formed: with N = n₁ n₂ …, the product with a vector takes O(N (m₁ + m₂ + …))
    operations, a solution those for each factor.  Transposes, inverses and products of matrices with factors
    of fitting shapes are Kronecker products, and so are multiples, whose first factor is the multiple.

    The matrix is not linear in its factors.  Its tangent space is that of the factors: a gradient is a
    Kronecker object that holds, in place of each factor, the gradient in that factor.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> K = fr.Kronecker(np.diag([1.0, 2.0]), fr.Diagonal([3.0, 4.0]))
    >>> K @ np.ones(4)
    array([3., 4., 6., 8.])
    >>> A, B = fr.grad(lambda K: np.linalg.slogdet(K)[1])(K).parts
    >>> np.diag(A)
    array([2., 1.])
    >>> B
    Diagonal([0.66666667 0.5       ])
    """

    __slots__ = ()
    linear = False
    closed = True

    def __init__(self, *factors: Any) -> None:
        object.__setattr__(self, "parts", as_matrices(factors, "Kronecker: factor"))
        object.__setattr__(self, "form", None)

    @property
    def factors(self) -> tuple[Any, ...]:
        """The factors."""
        return self.parts

    @property
    def shape(self) -> Shape:
        m, n = (math.prod(A.shape[k] for A in self.parts) for k in (-2, -1))
        return (*self.parts[0].shape[:-2], m, n)

    def to_dense(self) -> Array:
        from ..linalg import kron

        return functools.reduce(kron, map(dense, self.parts))

    def restrict(self, G: Array) -> tuple[Any, ...]:
        # dA₁ ⊗ A₂ ⊗ … + A₁ ⊗ dA₂ ⊗ … + …: each factor sees G contracted with all others.
        return tuple(restricted(A, self._contracted(G, k)) for k, A in enumerate(self.parts))

    def _contracted(self, G: Array, k: int) -> Array:
        """Σ G[i₁…, j₁…] conj(A₁[i₁, j₁] …) over all rows and columns but those of factor k."""
        before, A, after = self.parts[:k], self.parts[k], self.parts[k + 1 :]
        (m0, n0), (m1, n1) = (
            [math.prod(B.shape[axis] for B in others) for axis in (-2, -1)] for others in (before, after)
        )
        m, n = A.shape[-2:]
        G = np.reshape(G, (*G.shape[:-2], m0, m, m1, n0, n, n1))
        one = np.ones((1, 1))
        left = np.conj(Kronecker.of(before).to_dense()) if before else one
        right = np.conj(Kronecker.of(after).to_dense()) if after else one
        return np.einsum("...aibcjd,...ac,...bd->...ij", G, left, right)

    @property
    def mT(self) -> Kronecker:
        return self.like(*map(transposed, self.parts))

    @property
    def real(self) -> Any:
        return self if self.dtype.kind != "c" else np.real(self.dense_for("real"))

    @property
    def imag(self) -> Any:
        return super().imag if self.dtype.kind != "c" else np.imag(self.dense_for("imag"))

    def times(self, X: Array) -> Array:
        return self._each(lambda A, Y: A @ Y, X, self.shape[-2])

    def solve(self, B: Array) -> Array:
        self._require_square_factors("solve")
        return self._each(np.linalg.solve, B, self.shape[-1])

    def _each(self, f: Callable[[Any, Array], Array], X: Array, rows: int) -> Array:
        """F(A₁) ⊗ F(A₂) ⊗ … applied to X of shape (..., n₁ n₂ …, k), where f(A, Y) is F(A) Y.

        The axis of a factor is first when it is applied, and last then, so that the axes are in order again,
        behind k, in the end.
        """
        k = width = X.shape[-1]  # width: k, times the rows of the factors that have been applied
        for at, A in enumerate(self.parts):
            rest = math.prod(B.shape[-1] for B in self.parts[at + 1 :]) * width
            X = np.swapaxes(f(A, np.reshape(X, (*X.shape[:-2], A.shape[-1], rest))), -1, -2)
            width *= A.shape[-2]
        X = np.reshape(X, (*X.shape[:-2], k, rows))
        return np.swapaxes(X, -1, -2)

    def scaled(self, c: Any) -> Kronecker:
        first, *others = self.parts
        if np.ndim(c) > 2:  # one for each matrix of a stack, which the others then need, too
            others = [np.ones(np.shape(c), A.dtype) * A for A in others]
        return self.like(c * first, *others)

    def product(self, other: Any) -> Any:
        pairs = list(zip(self.parts, other.parts, strict=False))
        if len(self.parts) != len(other.parts) or any(A.shape[-1] != B.shape[-2] for A, B in pairs):
            return NotImplemented
        return self.like(*(A @ B for A, B in pairs))

    def solve_structured(self, B: StructuredMatrix) -> Any:
        if (
            isinstance(B, Kronecker)
            and [A.shape[-2:] for A in self.parts] == [C.shape[-2:] for C in B.parts]
            and all(map(is_square, self.parts))
        ):
            return self.like(*(np.linalg.solve(A, C) for A, C in zip(self.parts, B.parts, strict=True)))
        return super().solve_structured(B)

    def inv(self) -> Kronecker:
        self._require_square_factors("inv")
        return self.like(*map(np.linalg.inv, self.parts))

    def det(self) -> Any:
        if not all(map(is_square, self.parts)):  # the ranks of the factors, multiplied, are less than N
            return np.zeros(self.shape[:-2], self.dtype)[()]
        n = self.shape[-1]
        if not n:
            return np.ones(self.shape[:-2], self.dtype)[()]
        return functools.reduce(np.multiply, (np.linalg.det(A) ** (n // A.shape[-1]) for A in self.parts))

    def slogdet(self) -> tuple[Any, Any]:
        n, stack, real = self.shape[-1], self.shape[:-2], np.finfo(self.dtype).dtype
        if not all(map(is_square, self.parts)):
            return singular_slogdet(self)
        sign: Any = np.ones(stack, self.dtype)[()]
        log: Any = np.zeros(stack, real)[()]
        for A in self.parts if n else ():
            power = n // A.shape[-1]
            s, a = np.linalg.slogdet(A)
            sign, log = sign * s**power, log + power * a
        return sign, log

    def cholesky(self, *, upper: bool = False) -> Any:
        """The Kronecker product of the Cholesky factors, where all factors are positive definite."""
        if not all(map(is_square, self.parts)):
            return NotImplemented
        try:
            return self.like(*(np.linalg.cholesky(A, upper=upper) for A in self.parts))
        except np.linalg.LinAlgError:  # two that are negative definite have a product that is positive
            return NotImplemented

    def eigvals(self) -> Any:
        """The products of the factors' eigenvalues, those of the last factor in a row."""
        if not all(map(is_square, self.parts)):
            return NotImplemented
        return _products([np.linalg.eigvals(A) for A in self.parts])

    def diagonal(self, offset: int = 0) -> Array:
        if not offset and all(map(is_square, self.parts)):
            return _products([diagonal(A) for A in self.parts])
        if self.ndim > 2 and any(isinstance(A, StructuredMatrix) for A in self.parts):
            return super().diagonal(offset)
        m, n = self.shape[-2:]
        i = np.arange(max(0, -offset), max(0, -offset, min(m, n - offset)))
        return self.entries(i, i + offset)

    def trace(self) -> Any:
        if not all(map(is_square, self.parts)):
            return super().trace()
        return functools.reduce(np.multiply, (np.sum(diagonal(A), -1) for A in self.parts))

    def entries(self, i: Any, j: Any) -> Array:
        rows = np.unravel_index(i, [A.shape[-2] for A in self.parts])
        columns = np.unravel_index(j, [A.shape[-1] for A in self.parts])
        found = (entries(A, k, l) for A, k, l in zip(self.parts, rows, columns, strict=True))
        return functools.reduce(np.multiply, found)

    def squared_norm(self) -> Any:
        return functools.reduce(np.multiply, map(squared_norm, self.parts))

    def _require_square_factors(self, call: str) -> None:
        for A in self.parts:
            if not is_square(A):
                raise np.linalg.LinAlgError(
                    f"{call}: the matrix is singular, since a factor is not square, of shape {A.shape[-2:]}"
                )


def _products(vectors: list[Array]) -> Array:
    """The products of one entry of each vector, the last one's index running fastest."""

    def both(x: Array, y: Array) -> Array:
        xy = x[..., :, None] * y[..., None, :]
        return np.reshape(xy, (*xy.shape[:-2], xy.shape[-2] * xy.shape[-1]))

    return functools.reduce(both, vectors)
