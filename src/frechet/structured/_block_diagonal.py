"""Block-diagonal matrices."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..linear_map import Array, Shape
from ._diagonal import Diagonal
from ._matrix import StructuredMatrix
from ._parts import (
    Part,
    as_matrices,
    dense,
    diagonal,
    entries,
    is_square,
    matrix_function,
    restricted,
    singular_slogdet,
    sparse_entries,
    squared_norm,
    transposed,
)


class BlockDiagonal(StructuredMatrix):
    """A matrix with blocks on its diagonal and zeros elsewhere.

    Parameters
    ----------
    blocks : sequence of (..., mᵢ, nᵢ) array_like or StructuredMatrix
        The blocks, square or not; plain or traced, real or complex.  Leading axes are a stack.

    Raises
    ------
    ValueError
        If there is no block, or if the leading axes do not broadcast.

    Notes
    -----
    All operations are those of the blocks.  Sums and products of matrices with blocks of the same shapes are
    block diagonal, and so are inverses, Cholesky factors and functions of the matrix.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> A = fr.BlockDiagonal([[[2.0, 1.0], [1.0, 3.0]], fr.Diagonal([5.0])])
    >>> np.linalg.solve(A, np.array([3.0, 4.0, 10.0]))
    array([1., 1., 2.])
    >>> G = fr.grad(lambda A: np.linalg.slogdet(A)[1])(A)
    >>> G.blocks[0]
    array([[ 0.6, -0.2],
           [-0.2,  0.4]])
    """

    __slots__ = ()
    closed = True

    def __init__(self, blocks: Sequence[Any]) -> None:
        object.__setattr__(self, "parts", as_matrices(blocks, "BlockDiagonal: block"))
        object.__setattr__(self, "form", None)

    @property
    def blocks(self) -> tuple[Any, ...]:
        """The blocks."""
        return self.parts

    @property
    def shape(self) -> Shape:
        m, n = (sum(A.shape[k] for A in self.parts) for k in (-2, -1))
        return (*self.parts[0].shape[:-2], m, n)

    @property
    def _rows(self) -> list[slice]:
        return _ranges(A.shape[-2] for A in self.parts)

    @property
    def _columns(self) -> list[slice]:
        return _ranges(A.shape[-1] for A in self.parts)

    def to_dense(self) -> Array:
        from ..linalg import block_diag

        return block_diag(*map(dense, self.parts))

    def restrict(self, G: Array) -> tuple[Any, ...]:
        places = zip(self.parts, self._rows, self._columns, strict=True)
        return tuple(restricted(A, G[..., rows, columns]) for A, rows, columns in places)

    @property
    def mT(self) -> BlockDiagonal:
        return self.like(*map(transposed, self.parts))

    def times(self, X: Array) -> Array:
        pieces = zip(self.parts, self._columns, strict=True)
        return np.concatenate([A @ X[..., columns, :] for A, columns in pieces], -2)

    def plus(self, other: Any) -> Any:
        return super().plus(other) if _shapes(self) == _shapes(other) else NotImplemented

    def product(self, other: Any) -> Any:
        if [A.shape[-1] for A in self.parts] != [B.shape[-2] for B in other.parts]:
            return NotImplemented
        return self.like(*(A @ B for A, B in zip(self.parts, other.parts, strict=True)))

    def entrywise(self, other: Any) -> Any:
        if _shapes(self) != _shapes(other):
            return self.dense_for("*") * other.to_dense()
        return super().entrywise(other)

    def entrywise_array(self, X: Array) -> BlockDiagonal:
        places = zip(self.parts, self._rows, self._columns, strict=True)
        return self.like(*(A * X[..., rows, columns] for A, rows, columns in places))

    def rows_scaled_by(self, D: StructuredMatrix) -> BlockDiagonal | None:
        if not isinstance(D, Diagonal):
            return None
        return self.like(
            *(Diagonal.of([D.d[..., k]]) @ A for A, k in zip(self.parts, self._rows, strict=True))
        )

    def columns_scaled_by(self, D: StructuredMatrix) -> BlockDiagonal | None:
        if not isinstance(D, Diagonal):
            return None
        return self.like(
            *(A @ Diagonal.of([D.d[..., k]]) for A, k in zip(self.parts, self._columns, strict=True))
        )

    def solve(self, B: Array) -> Array:
        self._require_square_blocks("solve")
        pieces = zip(self.parts, self._rows, strict=True)
        return np.concatenate([np.linalg.solve(A, B[..., rows, :]) for A, rows in pieces], -2)

    def solve_structured(self, B: StructuredMatrix) -> Any:
        if isinstance(B, BlockDiagonal) and [A.shape[-2:] for A in self.parts] == _shapes(B):
            self._require_square_blocks("solve")
            return self.like(*(np.linalg.solve(A, C) for A, C in zip(self.parts, B.parts, strict=True)))
        return super().solve_structured(B)

    def inv(self) -> BlockDiagonal:
        self._require_square_blocks("inv")
        return self.like(*map(np.linalg.inv, self.parts))

    def det(self) -> Any:
        if not self._has_square_blocks:  # some rows, or columns, have too few entries to be independent
            return np.zeros(self.shape[:-2], self.dtype)[()]
        value: Any = 1.0
        for A in self.parts:
            value = value * np.linalg.det(A)
        return value

    def slogdet(self) -> tuple[Any, Any]:
        if not self._has_square_blocks:
            return singular_slogdet(self)
        sign: Any = 1.0
        log: Any = 0.0
        for A in self.parts:
            s, a = np.linalg.slogdet(A)
            sign, log = sign * s, log + a
        return sign, log

    def cholesky(self, *, upper: bool = False) -> BlockDiagonal:
        """The block-diagonal triangular factor L with L Lᴴ = A, or U with Uᴴ U = A."""
        self._require_square_blocks("cholesky")
        return self.like(*(np.linalg.cholesky(A, upper=upper) for A in self.parts))

    def eigvals(self) -> Any:
        """The eigenvalues, block by block."""
        return self._spectrum(np.linalg.eigvals)

    def eigvalsh(self, UPLO: str = "L") -> Any:
        """The eigenvalues in ascending order."""
        option: Any = UPLO
        values = self._spectrum(lambda A: np.linalg.eigvalsh(A, option))
        return values if values is NotImplemented else np.sort(values, -1)

    def _spectrum(self, f: Callable[[Part], Array]) -> Any:
        if not self._has_square_blocks:
            return NotImplemented
        return np.concatenate([f(A) for A in self.parts], -1)

    def function_of(self, f: Any) -> Any:
        if not self._has_square_blocks:
            return NotImplemented
        return self.like(*(matrix_function(A, f) for A in self.parts))

    def squared_norm(self) -> Any:
        return functools.reduce(np.add, map(squared_norm, self.parts))

    def diagonal(self, offset: int = 0) -> Array:
        if offset or not self._has_square_blocks:
            if self.ndim > 2 and any(isinstance(A, StructuredMatrix) for A in self.parts):
                return super().diagonal(offset)
            m, n = self.shape[-2:]
            i = np.arange(max(0, -offset), max(0, -offset, min(m, n - offset)))
            return self.entries(i, i + offset)
        return np.concatenate([diagonal(A) for A in self.parts], -1)

    def entries(self, i: Any, j: Any) -> Array:
        i, j = np.broadcast_arrays(i, j)
        ends = np.cumsum([A.shape[-2] for A in self.parts])
        block = np.searchsorted(ends, i, side="right")
        found = np.zeros((*self.shape[:-2], *i.shape), self.dtype)
        for k in np.unique(block):
            A, rows, columns = self.parts[k], self._rows[k], self._columns[k]
            row, column = i - rows.start, j - columns.start
            inside = (block == k) & (column >= 0) & (column < A.shape[-1])
            if inside.any():
                one = entries(A, np.where(inside, row, 0), np.where(inside, column, 0))
                found = found + np.where(inside, one, 0)
        return found

    def _sparse_entries(self) -> tuple[Array, Any, Any]:
        starts = [
            (rows.start, columns.start) for rows, columns in zip(self._rows, self._columns, strict=True)
        ]
        found = [sparse_entries(A) for A in self.parts]
        return (
            np.concatenate([values for values, _, _ in found]),
            np.concatenate([i + row for (_, i, _), (row, _) in zip(found, starts, strict=True)]),
            np.concatenate([j + column for (_, _, j), (_, column) in zip(found, starts, strict=True)]),
        )

    @property
    def _has_square_blocks(self) -> bool:
        return all(map(is_square, self.parts))

    def _require_square_blocks(self, call: str) -> None:
        if not self._has_square_blocks:
            raise np.linalg.LinAlgError(
                f"{call}: the matrix is singular, since a block is not square: the blocks have the shapes "
                f"{[A.shape[-2:] for A in self.parts]}"
            )


def _shapes(A: StructuredMatrix) -> list[Shape]:
    return [block.shape[-2:] for block in A.parts]


def _ranges(lengths: Iterator[int] | Any) -> list[slice]:
    """Ranges of the given lengths, one after the other."""
    ranges, start = [], 0
    for length in lengths:
        ranges.append(slice(start, start + length))
        start += length
    return ranges
