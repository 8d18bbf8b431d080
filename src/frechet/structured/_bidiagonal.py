"""Bidiagonal matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array
from ._banded import Banded
from ._diagonal import Diagonal
from ._matrix import StructuredMatrix
from ._triangular import LowerTriangular, UpperTriangular
from ._tridiagonal import AroundMainDiagonal, Tridiagonal, diagonals


class Bidiagonal(AroundMainDiagonal):
    """A bidiagonal matrix.

    Parameters
    ----------
    d : (..., n) array_like
        The main diagonal.
    e : (..., n - 1) array_like
        The diagonal above it, ``A[i, i + 1]``, or the one below it, ``A[i + 1, i]``.
    form : {"upper", "lower"}, optional
        Where e is; by default above.

    Raises
    ------
    ValueError
        If the lengths do not fit, or for an unknown form.

    Notes
    -----
    Both may be plain or traced, real or complex; leading axes are a stack and broadcast.  Sums of the same
    form are bidiagonal, others tridiagonal; the inverse is triangular, and the product of two is `Banded`.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> B = fr.Bidiagonal([2.0, 4.0], [1.0], "upper")
    >>> fr.grad(lambda B: np.sum(np.linalg.solve(B, np.ones(2))))(B)
    Bidiagonal([-0.1875  -0.03125],
      [-0.125], upper)
    """

    __slots__ = ()
    wider = (Tridiagonal, Banded)

    def __init__(self, d: Any, e: Any, form: str = "upper") -> None:
        if form not in ("upper", "lower"):
            raise ValueError(f"Bidiagonal: form is 'upper' or 'lower', got {form!r}")
        object.__setattr__(self, "parts", diagonals("Bidiagonal", "d", d=d, e=e))
        object.__setattr__(self, "form", form)

    @classmethod
    def of_diagonal(cls, d: Array) -> Bidiagonal:
        """The diagonal matrix, of the form "either", which is that of what it is combined with."""
        return cls.of([d, np.zeros((*d.shape[:-1], max(0, d.shape[-1] - 1)), d.dtype)], "either")

    @property
    def d(self) -> Array:
        return self.parts[0]

    @property
    def e(self) -> Array:
        """The diagonal above or below the main one."""
        return self.parts[1]

    def _beside(self, offset: int) -> Array | None:
        return self.e if self.form == ("upper" if offset > 0 else "lower") else None

    def restrict(self, G: Array) -> tuple[Any, ...]:
        return tuple(np.diagonal(G, k, -2, -1) for k in (0, 1 if self.form == "upper" else -1))

    @property
    def mT(self) -> Bidiagonal:
        return Bidiagonal.of(self.parts, "lower" if self.form == "upper" else "upper")

    def plus(self, other: Any) -> Any:
        form = self._common_form(other)
        if form is None:
            return self.converted(Tridiagonal).plus(other.converted(Tridiagonal))
        return Bidiagonal.of([a + b for a, b in zip(self.parts, other.parts, strict=True)], form)

    def entrywise(self, other: Any) -> StructuredMatrix:
        form = self._common_form(other)
        if form is None:
            return Diagonal.of([self.d * other.d])
        return Bidiagonal.of([a * b for a, b in zip(self.parts, other.parts, strict=True)], form)

    def _common_form(self, other: Any) -> str | None:
        forms = {self.form, other.form} - {"either"}
        return forms.pop() if len(forms) == 1 else None

    def entrywise_array(self, X: Array) -> Bidiagonal:
        others = self.restrict(X)
        return self.like(*(a * b for a, b in zip(self.parts, others, strict=True)))

    def rows_scaled_by(self, D: StructuredMatrix) -> Any:
        if not isinstance(D, Diagonal):
            return None
        beside = D.d[..., :-1] if self.form == "upper" else D.d[..., 1:]
        return self.like(D.d * self.d, beside * self.e)

    def columns_scaled_by(self, D: StructuredMatrix) -> Any:
        if not isinstance(D, Diagonal):
            return None
        beside = D.d[..., 1:] if self.form == "upper" else D.d[..., :-1]
        return self.like(self.d * D.d, self.e * beside)

    def inv(self) -> Any:
        """The inverse, which is triangular."""
        X = super().inv()
        return UpperTriangular.of([np.triu(X)]) if self.form == "upper" else LowerTriangular.of([np.tril(X)])

    def det(self) -> Any:
        return np.prod(self.diagonal(), -1)

    def slogdet(self) -> tuple[Any, Any]:
        return Diagonal.of([self.diagonal()]).slogdet()

    def eigvals(self) -> Array:
        """The eigenvalues, in the order of the diagonal."""
        return np.copy(self.d)
