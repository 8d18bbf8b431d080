"""Banded matrices in LAPACK's storage."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..linear_map import Array, Shape
from ..rule import primal
from ..space import EntriesSpace, Space
from ._arguments import as_part, read_only
from ._diagonal import Diagonal
from ._matrix import StructuredMatrix


class BandOperations(StructuredMatrix):
    """What matrices with few diagonals do by way of their bands; `bands` gives these."""

    __slots__ = ()

    @property
    def bands(self) -> Banded:
        """The same matrix as a `Banded` one."""
        return self.converted(Banded)  # type: ignore[return-value]  # that is what it is asked for

    def to_dense(self) -> Array:
        return self.bands.to_dense()

    def times(self, X: Array) -> Array:
        return self.bands.times(X)

    def solve(self, B: Array) -> Array:
        return self.bands.solve(B)

    def inv(self) -> Any:
        """The inverse, a full array."""
        return self.solve(np.eye(self.shape[-1], dtype=self.dtype))

    def slogdet(self) -> tuple[Any, Any]:
        return self.bands.slogdet()

    def det(self) -> Any:
        sign, logabsdet = self.slogdet()
        return sign * np.exp(logabsdet)

    def entries(self, i: Any, j: Any) -> Array:
        return self.bands.entries(i, j)

    def column_sums(self) -> Array:
        """The sums of the absolute values of the entries of each column."""
        return self.bands.column_sums()


class Banded(BandOperations):
    """A square matrix with some diagonals below and above the main one.

    Parameters
    ----------
    ab : (..., l + u + 1, n) array_like
        The diagonals as LAPACK and `scipy.linalg.solve_banded` store them, ``ab[u + i - j, j] == A[i, j]``;
        plain or traced, real or complex.  The corners outside of the matrix are not read.  Leading axes are a
        stack.
    l_and_u : (int, int)
        The numbers of diagonals below and above the main one.

    Raises
    ------
    TypeError
        If l or u is not an integer.
    ValueError
        If ab does not have l + u + 1 rows, or l or u is negative.

    Notes
    -----
    Systems take one LU of the bands for value and gradient, O(n (l + u)²) operations and O(n (l + u)) memory;
    products with a vector and gradients of everything O(n (l + u)).  Sums have the larger l and u, products
    the sums of both.  Derivatives of determinants take those entries of the inverse that lie on the bands,
    which come from a cyclic reduction, in O(n (l + u)²) operations, too.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> A = fr.Banded([[0.0, 1.0, 1.0], [2.0, 2.0, 2.0]], (0, 1))
    >>> A.to_dense()
    array([[2., 1., 0.],
           [0., 2., 1.],
           [0., 0., 2.]])
    >>> fr.grad(lambda A: np.linalg.solve(A, np.ones(3))[0])(A)
    Banded([[ 0.     -0.125   0.125 ]
     [-0.1875  0.0625 -0.0625]], (0, 1))
    """

    __slots__ = ()
    closed = True

    def __init__(self, ab: Any, l_and_u: tuple[int, int]) -> None:
        ab = as_part(ab, "Banded: ab", 2)
        try:
            below, above = map(operator.index, l_and_u)
        except (TypeError, ValueError):
            raise TypeError(f"Banded: l_and_u is a pair of integers, got {l_and_u!r}") from None
        if below < 0 or above < 0 or ab.shape[-2] != below + above + 1:
            raise ValueError(
                f"Banded: ab must have l + u + 1 rows for (l, u) = {(below, above)}, got shape {ab.shape}"
            )
        object.__setattr__(self, "parts", (_corners_zeroed(below, above)(ab),))
        object.__setattr__(self, "form", (below, above))

    @classmethod
    def of_diagonal(cls, d: Array) -> Banded:
        """The diagonal matrix."""
        return cls.of([d[..., None, :]], (0, 0))

    @property
    def ab(self) -> Array:
        """The bands; zero in the corners outside of the matrix."""
        return self.parts[0]

    @property
    def bands(self) -> Banded:
        return self

    @property
    def shape(self) -> Shape:
        n = self.ab.shape[-1]
        return (*self.ab.shape[:-2], n, n)

    def part_spaces(self) -> list[Space]:
        return [EntriesSpace(self.ab.shape, primal(self.ab).dtype, onto=_corners_zeroed(*self.form))]

    def to_dense(self) -> Array:
        # Row j of the transpose has its entries j places further right than row 0: rows with one place too
        # many, read as rows of the right length, are shifted by one place each.
        (_, above), n, lead = self.form, self.shape[-1], self.ab.shape[:-2]
        rows = self.ab.shape[-2]
        padded = _padded(np.swapaxes(self.ab, -1, -2), 0, n)
        length = n + rows - 1
        shifted = np.reshape(
            np.reshape(padded, (*lead, n * (length + 1)))[..., : n * length], (*lead, n, length)
        )
        return np.swapaxes(shifted[..., above : above + n], -1, -2)

    def restrict(self, G: Array) -> tuple[Any, ...]:
        # The same backwards.
        (below, above), n, lead = self.form, self.shape[-1], G.shape[:-2]
        rows = below + above + 1
        flat = np.reshape(_padded(np.swapaxes(G, -1, -2), above, below), (*lead, n * (n + rows - 1)))
        shifted = np.reshape(_padded(flat, 0, n), (*lead, n, n + rows))
        return (np.swapaxes(shifted[..., :rows], -1, -2),)

    @property
    def mT(self) -> Banded:
        # Diagonals in the opposite order, each moved along by its distance from the main one.
        below, above = self.form
        n = self.shape[-1]
        padded = _padded(self.ab, below, above)
        starts = range(below + above + 1)
        moved = [padded[..., below + above - k, k : k + n] for k in starts]
        return Banded.of([np.stack(moved, -2)], (above, below))

    def plus(self, other: Any) -> Banded:
        form = tuple(map(max, self.form, other.form))
        return Banded.of([self._with_form(form) + other._with_form(form)], form)

    def entrywise(self, other: Any) -> Banded:
        form = tuple(map(min, self.form, other.form))
        return Banded.of([self._with_form(form) * other._with_form(form)], form)

    def _with_form(self, form: tuple[int, int]) -> Array:
        """The bands with more or fewer diagonals, which are zero or left out."""
        below, above = (new - old for new, old in zip(form, self.form, strict=True))
        rows = self.ab.shape[-2]
        return _more_rows(
            self.ab[..., max(0, -above) : rows + min(0, below), :], max(0, above), max(0, below)
        )

    def entrywise_array(self, X: Array) -> Any:
        return Banded.of([self.ab * self.restrict(X)[0]], self.form)

    def rows_scaled_by(self, D: StructuredMatrix) -> Any:
        if not isinstance(D, Diagonal):
            return None
        below, above = self.form
        n = self.shape[-1]
        d = _padded(D.d, above, below)
        return Banded.of(
            [np.stack([d[..., k : k + n] for k in range(below + above + 1)], -2) * self.ab], self.form
        )

    def columns_scaled_by(self, D: StructuredMatrix) -> Any:
        return Banded.of([self.ab * D.d[..., None, :]], self.form) if isinstance(D, Diagonal) else None

    def times(self, X: Array) -> Array:
        from ..linalg._band_factor import Bands
        from ..linalg._structured import times

        return times(self.ab, X, Bands(*self.form), False)

    def product(self, other: Any) -> Any:
        # C[i, j] = Σ_k A[i, k] B[k, j]: the diagonals d of A and e of B give the diagonal d + e of C.
        (below, above), (l, u), n = self.form, other.form, self.shape[-1]
        A = _padded(self.ab, u, l)
        C: Any = 0.0
        for e in range(l + u + 1):
            C = C + _more_rows(A[..., e : e + n] * other.ab[..., e : e + 1, :], e, l + u - e)
        form = (min(below + l, max(n - 1, 0)), min(above + u, max(n - 1, 0)))
        return Banded.of([C], (below + l, above + u)).narrowed(form)

    def narrowed(self, form: tuple[int, int]) -> Banded:
        """The matrix with so many diagonals below and above the main one; the others are dropped."""
        return self if form == self.form else Banded.of([self._with_form(form)], form)

    def solve(self, B: Array) -> Array:
        from ..linalg import solve_banded

        return solve_banded(self.form, self.ab, B, check_finite=False)

    def slogdet(self) -> tuple[Any, Any]:
        from ..linalg._arguments import as_inexact
        from ..linalg._band_determinant import slogdet_banded

        return slogdet_banded(as_inexact(self.ab, "slogdet"), *self.form)  # type: ignore[no-any-return]

    def diagonal(self, offset: int = 0) -> Array:
        (below, above), n = self.form, self.shape[-1]
        if -below <= offset <= above:
            return read_only(self.ab[..., above - offset, max(offset, 0) : max(n + min(offset, 0), 0)])
        return np.zeros((*self.shape[:-2], max(0, n - abs(offset))), self.dtype)

    def entries(self, i: Any, j: Any) -> Array:
        (_, above), rows = self.form, self.ab.shape[-2]
        row = above + np.asarray(i) - j
        inside = (row >= 0) & (row < rows)
        return np.where(inside, self.ab[np.where(inside, row, 0), j], 0)

    def column_sums(self) -> Array:
        return np.sum(np.abs(self.ab), -2)


def _padded(x: Array, before: int, after: int) -> Array:
    """x with zeros before and after, along the last axis."""
    lead = x.shape[:-1]
    return np.concatenate([np.zeros((*lead, before), x.dtype), x, np.zeros((*lead, after), x.dtype)], -1)


def _more_rows(ab: Array, before: int, after: int) -> Array:
    """Bands with so many rows of zeros more."""
    if not before and not after:
        return ab
    lead, n = ab.shape[:-2], ab.shape[-1]
    zeros = (np.zeros((*lead, k, n), ab.dtype) for k in (before, after))
    return np.concatenate([next(zeros), ab, next(zeros)], -2)


@functools.cache
def _corners_zeroed(below: int, above: int) -> Callable[[Array], Array]:
    """The projection onto bands with zeros in the corners outside of the matrix."""

    def onto(ab: Array) -> Array:
        from ..linalg._band_factor import corners

        found = list(corners(below, above, ab.shape[-1]))
        if type(ab) is np.ndarray and not any(np.any(ab[..., d, at]) for d, at in found):
            return ab
        inside = np.ones(ab.shape[-2:], bool)
        for corner in found:
            inside[corner] = False
        return np.where(inside, ab, 0)

    return onto
