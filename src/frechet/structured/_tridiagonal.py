"""Tridiagonal matrices, and what they share with symmetric tridiagonal and bidiagonal ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array, Shape
from ._arguments import as_part, read_only
from ._banded import Banded, BandOperations
from ._diagonal import Diagonal
from ._matrix import StructuredMatrix
from ._parts import on_one_stack


def diagonals(call: str, main: str, **given: Any) -> tuple[Array, ...]:
    """Diagonals as parts with the same leading axes, all but the main one with one entry less."""
    parts = {name: as_part(x, f"{call}: {name}", 1) for name, x in given.items()}
    n = parts[main].shape[-1]
    for name, part in parts.items():
        if part.shape[-1] != (n if name == main else max(n - 1, 0)):
            raise ValueError(
                f"{call}: {name} has the shape {part.shape} where {main} has the shape {parts[main].shape}; "
                "a diagonal beside the main one has one entry less"
            )
    return on_one_stack(call, list(parts.values()), [1] * len(parts))


def bands_of(lower: Array | None, main: Array, upper: Array | None) -> Banded:
    """The matrix with these diagonals."""
    end = np.zeros((*main.shape[:-1], min(1, main.shape[-1])), main.dtype)
    rows = [main]
    if upper is not None:
        rows.insert(0, np.concatenate([end, upper], -1))
    if lower is not None:
        rows.append(np.concatenate([lower, end], -1))
    return Banded.of([np.stack(rows, -2)], (int(lower is not None), int(upper is not None)))


class AroundMainDiagonal(BandOperations):
    """What those have in common of which a part is the main diagonal."""

    __slots__ = ()

    @property
    def d(self) -> Array:
        """The main diagonal."""
        raise NotImplementedError

    @property
    def shape(self) -> Shape:
        n = self.d.shape[-1]
        return (*self.d.shape[:-1], n, n)

    def _beside(self, offset: int) -> Array | None:
        """The diagonal at offset 1 or −1, where it may be other than zero."""
        raise NotImplementedError

    def diagonal(self, offset: int = 0) -> Array:
        found = None
        if abs(offset) <= 1:
            found = self._beside(offset) if offset else self.d
        if found is None:
            return np.zeros((*self.shape[:-2], max(0, self.shape[-1] - abs(offset))), self.dtype)
        return read_only(found) if found.dtype == self.dtype else found.astype(self.dtype)

    def converted(self, to: type[StructuredMatrix]) -> StructuredMatrix:
        if to is Banded:
            return bands_of(self._beside(-1), self.d, self._beside(1))
        if to is type(self):
            return self
        if to is Tridiagonal:
            none = np.zeros((*self.d.shape[:-1], max(0, self.shape[-1] - 1)), self.dtype)
            lower, upper = (none if e is None else e for e in (self._beside(-1), self._beside(1)))
            return Tridiagonal.of([lower, self.d, upper])
        return super().converted(to)

    def solve(self, B: Array) -> Array:
        from ..linalg._tridiagonal import solve_tridiagonal

        lower, d, upper = self.converted(Tridiagonal).parts
        return solve_tridiagonal(lower, d, upper, B)

    def entrywise_array(self, X: Array) -> Any:
        return self.converted(Tridiagonal).entrywise_array(X)

    def rows_scaled_by(self, D: StructuredMatrix) -> Any:
        return self.converted(Tridiagonal).rows_scaled_by(D) if isinstance(D, Diagonal) else None

    def columns_scaled_by(self, D: StructuredMatrix) -> Any:
        return self.converted(Tridiagonal).columns_scaled_by(D) if isinstance(D, Diagonal) else None


class Tridiagonal(AroundMainDiagonal):
    """A tridiagonal matrix.

    Parameters
    ----------
    lower : (..., n - 1) array_like
        The diagonal below the main one, ``A[i + 1, i]``.
    d : (..., n) array_like
        The main diagonal.
    upper : (..., n - 1) array_like
        The diagonal above the main one, ``A[i, i + 1]``.

    Raises
    ------
    ValueError
        If the lengths do not fit.

    Notes
    -----
    All may be plain or traced, real or complex; leading axes are a stack and broadcast.  Products with a
    vector, solutions, determinants and all gradients take O(n) operations and memory.  A product of two is
    a `Banded` matrix.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> A = fr.Tridiagonal([1.0, 1.0], [4.0, 4.0, 4.0], [2.0, 2.0])
    >>> A @ np.ones(3)
    array([6., 7., 5.])
    >>> fr.grad(np.linalg.det)(A)
    Tridiagonal([-8. -8.],
      [14. 16. 14.],
      [-4. -4.])
    """

    __slots__ = ()
    wider = (Banded,)

    def __init__(self, lower: Any, d: Any, upper: Any) -> None:
        object.__setattr__(self, "parts", diagonals("Tridiagonal", "d", lower=lower, d=d, upper=upper))
        object.__setattr__(self, "form", None)

    @classmethod
    def of_diagonal(cls, d: Array) -> Tridiagonal:
        """The diagonal matrix."""
        zeros = np.zeros((*d.shape[:-1], max(0, d.shape[-1] - 1)), d.dtype)
        return cls.of([zeros, d, zeros])

    @property
    def lower(self) -> Array:
        """The diagonal below the main one."""
        return self.parts[0]

    @property
    def d(self) -> Array:
        return self.parts[1]

    @property
    def upper(self) -> Array:
        """The diagonal above the main one."""
        return self.parts[2]

    def _beside(self, offset: int) -> Array:
        return self.upper if offset > 0 else self.lower

    def restrict(self, G: Array) -> tuple[Any, ...]:
        return tuple(np.diagonal(G, k, -2, -1) for k in (-1, 0, 1))

    @property
    def mT(self) -> Tridiagonal:
        return Tridiagonal.of([self.upper, self.d, self.lower])

    def entrywise_array(self, X: Array) -> Tridiagonal:
        others = self.restrict(X)
        return Tridiagonal.of([a * b for a, b in zip(self.parts, others, strict=True)])

    def rows_scaled_by(self, D: StructuredMatrix) -> Any:
        if not isinstance(D, Diagonal):
            return None
        d = D.d
        return Tridiagonal.of([d[..., 1:] * self.lower, d * self.d, d[..., :-1] * self.upper])

    def columns_scaled_by(self, D: StructuredMatrix) -> Any:
        if not isinstance(D, Diagonal):
            return None
        d = D.d
        return Tridiagonal.of([self.lower * d[..., :-1], self.d * d, self.upper * d[..., 1:]])
