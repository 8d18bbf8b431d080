"""Matrices of low rank, and these plus a diagonal one."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array, Shape
from ..rule import primal
from ._arguments import as_part
from ._diagonal import Diagonal
from ._matrix import StructuredMatrix
from ._parts import adjoint, conjugate, on_one_stack, sign_and_log, singular_slogdet


class LowRank(StructuredMatrix):
    """A matrix of low rank, U Vᴴ.

    Parameters
    ----------
    U : (..., m, k) array_like
        Plain or traced, real or complex.  Leading axes are a stack.
    V : (..., n, k) array_like
        Likewise.

    Raises
    ------
    ValueError
        If U and V do not have equally many columns, or if their leading axes do not broadcast.

    Notes
    -----
    A product with a vector takes O((m + n) k) operations.  Sums of such matrices have the columns of both,
    and products those of one.  The real part has 2k columns.

    The matrix is not linear in U and V.  Its tangent space is that of the two: a gradient is a LowRank object
    that holds the gradients in U and in V.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> A = fr.LowRank([[1.0], [2.0]], [[3.0], [4.0]])
    >>> A @ np.array([1.0, 1.0])
    array([ 7., 14.])
    >>> fr.grad(lambda A: A[0, 1])(A)
    LowRank([[4.]
     [0.]],
      [[0.]
     [1.]])
    """

    __slots__ = ()
    linear = False
    closed = True

    def __init__(self, U: Any, V: Any) -> None:
        U, V = as_part(U, "LowRank: U", 2), as_part(V, "LowRank: V", 2)
        object.__setattr__(self, "parts", _with_stack("LowRank", [U, V], [2, 2]))
        object.__setattr__(self, "form", None)

    @property
    def U(self) -> Array:
        """The left factor."""
        return self.parts[0]

    @property
    def V(self) -> Array:
        """The right factor, which enters conjugated and transposed."""
        return self.parts[1]

    @property
    def shape(self) -> Shape:
        return (*self.U.shape[:-1], self.V.shape[-2])

    def converted(self, to: type[StructuredMatrix]) -> LowRankPlusDiagonal:
        if self.U.shape[-2] != self.V.shape[-2]:
            raise TypeError("LowRank: only a square matrix is converted to a LowRankPlusDiagonal")
        return LowRankPlusDiagonal.of([np.zeros(self.U.shape[:-1], self.U.dtype), *self.parts])

    def to_dense(self) -> Array:
        return self.U @ adjoint(self.V)

    def restrict(self, G: Array) -> tuple[Any, ...]:
        return G @ self.V, adjoint(G) @ self.U

    @property
    def mT(self) -> LowRank:
        return LowRank.of([np.conj(self.V), np.conj(self.U)])

    @property
    def real(self) -> LowRank:
        # Re(U Vᴴ) = Re U Re Vᵀ + Im U Im Vᵀ
        U, V = self.parts
        if self.dtype.kind != "c":
            return self
        return LowRank.of([_beside(np.real(U), np.imag(U)), _beside(np.real(V), np.imag(V))])

    @property
    def imag(self) -> LowRank:
        # Im(U Vᴴ) = Im U Re Vᵀ − Re U Im Vᵀ
        U, V = self.parts
        return LowRank.of([_beside(np.imag(U), -np.real(U)), _beside(np.real(V), np.imag(V))])

    def times(self, X: Array) -> Array:
        return self.U @ (adjoint(self.V) @ X)

    def plus(self, other: Any) -> LowRank:
        return LowRank.of([_beside(self.U, other.U), _beside(self.V, other.V)])

    def scaled(self, c: Any) -> LowRank:
        return _with_factors(c * self.U, self.V)

    def product(self, other: Any) -> LowRank:
        between = adjoint(self.V) @ other.U
        if self.U.shape[-1] < other.U.shape[-1]:
            return _with_factors(self.U, other.V @ adjoint(between))
        return _with_factors(self.U @ between, other.V)

    def entrywise(self, other: Any) -> Any:
        return self.dense_for("*") * other.to_dense()

    def rows_scaled_by(self, D: StructuredMatrix) -> LowRank | None:
        return _with_factors(D.times(self.U), self.V) if isinstance(D, Diagonal) else None

    def columns_scaled_by(self, D: StructuredMatrix) -> LowRank | None:
        return _with_factors(self.U, D.conj().times(self.V)) if isinstance(D, Diagonal) else None

    def solve(self, B: Array) -> Array:
        self._require_full_rank("solve")
        return super().solve(B)

    def inv(self) -> Any:
        self._require_full_rank("inv")
        return super().inv()

    def det(self) -> Any:
        if self._is_singular:
            return np.zeros(self.shape[:-2], self.dtype)[()]
        return super().det()

    def slogdet(self) -> tuple[Any, Any]:
        if self._is_singular:
            return singular_slogdet(self)
        return super().slogdet()

    def diagonal(self, offset: int = 0) -> Array:
        m, n = self.shape[-2:]
        rows = slice(max(0, -offset), max(0, -offset, min(m, n - offset)))
        columns = slice(rows.start + offset, max(rows.start, rows.stop) + offset)
        return np.sum(self.U[..., rows, :] * np.conj(self.V[..., columns, :]), -1)

    def entries(self, i: Any, j: Any) -> Array:
        return np.sum(self.U[i] * np.conj(self.V[j]), -1)

    def squared_norm(self) -> Any:
        # ‖U Vᴴ‖² = tr(Uᴴ U Vᴴ V)
        U, V = self.parts
        return np.sum(np.real((adjoint(U) @ U) * np.conj(adjoint(V) @ V)), (-2, -1))

    @property
    def _is_singular(self) -> bool:
        return bool(self.U.shape[-1] < self.U.shape[-2])

    def _require_full_rank(self, call: str) -> None:
        if self._is_singular:
            raise np.linalg.LinAlgError(
                f"{call}: the matrix is singular, of size {self.shape[-1]} and rank {self.U.shape[-1]} at "
                "most; LowRankPlusDiagonal(d, U, V) is regular in general"
            )


class LowRankPlusDiagonal(StructuredMatrix):
    """The sum of a diagonal matrix and one of low rank, diag(d) + U Vᴴ.

    Parameters
    ----------
    d : (..., n) array_like
        The diagonal of the first; plain or traced, real or complex.  Leading axes are a stack.
    U : (..., n, k) array_like
        Likewise.
    V : (..., n, k) array_like, optional
        By default U; then d and U are the only parts, and U has the whole gradient.

    Raises
    ------
    ValueError
        If d, U and V do not fit together.

    Warns
    -----
    scipy.linalg.LinAlgWarning
        Where a solution or an inverse is inaccurate, as when some entries of d are tiny.

    Notes
    -----
    A product with a vector takes O(nk) operations; solution, inverse and determinant O(nk²), by the formula
    of Sherman, Morrison and Woodbury (Hager, SIAM Review 31:221, 1989)

        A⁻¹ = D⁻¹ − D⁻¹ U C⁻¹ Vᴴ D⁻¹,    det A = det D det C,    C = I + Vᴴ D⁻¹ U.

    It is not stable in general: a solution is refined where its residual is large.  With a zero in d there is
    no such formula, and full arrays are used, with a `DensifyWarning`.  Sums and products with diagonal
    matrices, and with those of low rank, have this structure again; the columns add up.

    The matrix is not linear in U and V.  Its tangent space is that of d, U and V: a gradient is a
    LowRankPlusDiagonal object that holds the gradients in these.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> A = fr.LowRankPlusDiagonal([1.0, 2.0], [[1.0], [1.0]])
    >>> np.linalg.solve(A, np.array([3.0, 4.0]))
    array([1., 1.])
    >>> fr.grad(lambda A: np.linalg.slogdet(A)[1])(A)
    LowRankPlusDiagonal([0.6 0.4],
      [[0.8]
     [0.4]], V = U)
    """

    __slots__ = ()
    linear = False
    closed = True

    def __init__(self, d: Any, U: Any, V: Any = None) -> None:
        name = "LowRankPlusDiagonal"
        parts = [as_part(d, f"{name}: d", 1), as_part(U, f"{name}: U", 2)]
        if V is not None:
            parts.append(as_part(V, f"{name}: V", 2))
        if any(part.shape[-2] != parts[0].shape[-1] for part in parts[1:]):
            shapes = ", ".join(str(part.shape) for part in parts)
            raise ValueError(f"{name}: parts of shapes {shapes} do not fit together")
        object.__setattr__(self, "parts", _with_stack(name, parts, [1, 2, 2][: len(parts)]))
        object.__setattr__(self, "form", _SAME if V is None else None)

    @classmethod
    def of_diagonal(cls, d: Array) -> LowRankPlusDiagonal:
        """A diagonal matrix, with factors without columns."""
        return cls.of([d, np.zeros((*d.shape, 0), d.dtype)], _SAME)

    @property
    def d(self) -> Array:
        """The diagonal of the diagonal matrix."""
        return self.parts[0]

    @property
    def U(self) -> Array:
        """The left factor of the matrix of low rank."""
        return self.parts[1]

    @property
    def V(self) -> Array:
        """The right factor, which enters conjugated and transposed."""
        return self.parts[1] if self.form == _SAME else self.parts[2]

    @property
    def shape(self) -> Shape:
        return (*self.d.shape, self.d.shape[-1])

    @property
    def _low_rank(self) -> LowRank:
        return LowRank.of([self.U, self.V])

    def to_dense(self) -> Array:
        return Diagonal.of([self.d]).to_dense() + self._low_rank.to_dense()

    def restrict(self, G: Array) -> tuple[Any, ...]:
        of_U, of_V = self._low_rank.restrict(G)
        of_d = np.diagonal(G, 0, -2, -1)
        return (of_d, of_U + of_V) if self.form == _SAME else (of_d, of_U, of_V)

    @property
    def mT(self) -> LowRankPlusDiagonal:
        if self.form == _SAME:
            return self.like(self.d, np.conj(self.U))
        return self.like(self.d, np.conj(self.V), np.conj(self.U))

    @property
    def real(self) -> LowRankPlusDiagonal:
        if self.dtype.kind != "c":
            return self
        return LowRankPlusDiagonal.of([np.real(self.d), *self._low_rank.real.parts])

    @property
    def imag(self) -> LowRankPlusDiagonal:
        return LowRankPlusDiagonal.of([np.imag(self.d), *self._low_rank.imag.parts])

    def times(self, X: Array) -> Array:
        return self.d[..., None] * X + self.U @ (adjoint(self.V) @ X)

    def plus(self, other: Any) -> LowRankPlusDiagonal:
        d, U = self.d + other.d, _beside(self.U, other.U)
        if self.form == other.form == _SAME:
            return self.like(d, U)
        return LowRankPlusDiagonal.of([d, U, _beside(self.V, other.V)])

    def scaled(self, c: Any) -> LowRankPlusDiagonal:
        d = (c[..., 0] if np.ndim(c) else c) * self.d
        return _with_diagonal(d, c * self.U, self.V)

    def product(self, other: Any) -> Any:
        # (D + U Vᴴ) A = D D′ + D U′ V′ᴴ + U (Aᴴ V)ᴴ for A = D′ + U′ V′ᴴ
        if self.U.shape[-1] + other.U.shape[-1] > self.shape[-1]:
            return NotImplemented
        U = _beside(self.d[..., None] * other.U, self.U)
        return LowRankPlusDiagonal.of([self.d * other.d, U, _beside(other.V, other.mH.times(self.V))])

    def entrywise(self, other: Any) -> Any:
        return self.dense_for("*") * other.to_dense()

    def rows_scaled_by(self, D: StructuredMatrix) -> LowRankPlusDiagonal | None:
        if not isinstance(D, Diagonal):
            return None
        return _with_diagonal(D.d * self.d, D.times(self.U), self.V)

    def columns_scaled_by(self, D: StructuredMatrix) -> LowRankPlusDiagonal | None:
        if not isinstance(D, Diagonal):
            return None
        return _with_diagonal(self.d * D.d, self.U, D.conj().times(self.V))

    @property
    def _has_formula(self) -> bool:
        return bool(np.all(primal(self.d) != 0))

    def solve(self, B: Array) -> Array:
        if not self._has_formula:
            return super().solve(B)
        from ._woodbury import solve_woodbury

        return solve_woodbury(self.d, self.U, self.V, B)

    def inv(self) -> Any:
        if not self._has_formula:
            return super().inv()
        from ._woodbury import check_inverse, singular

        W = self.U / self.d[..., None]
        try:
            U = -(W @ np.linalg.inv(_capacitance(W, self.V)))
        except np.linalg.LinAlgError:
            raise singular("inv") from None
        inverse = LowRankPlusDiagonal.of([1 / self.d, U, self.V / conjugate(self.d)[..., None]])
        check_inverse(self, inverse)
        return inverse

    def det(self) -> Any:
        if not self._has_formula:
            return super().det()
        return np.prod(self.d, -1) * np.linalg.det(_capacitance(self.U / self.d[..., None], self.V))

    def slogdet(self) -> tuple[Any, Any]:
        if not self._has_formula:
            return super().slogdet()
        sign, log = sign_and_log(self.d)
        s, a = np.linalg.slogdet(_capacitance(self.U / self.d[..., None], self.V))
        return sign * s, log + a

    def diagonal(self, offset: int = 0) -> Array:
        low_rank = self._low_rank.diagonal(offset)
        return low_rank if offset else self.d + low_rank

    def entries(self, i: Any, j: Any) -> Array:
        return np.where(np.equal(i, j), self.d[i], 0) + self._low_rank.entries(i, j)

    def squared_norm(self) -> Any:
        # ‖D + L‖² = ‖D‖² + 2 Re Σ conj(d) diag L + ‖L‖²
        L, d = self._low_rank, self.d
        both = np.real(np.conj(d) * (d + 2 * L.diagonal()))
        return np.sum(both, -1) + L.squared_norm()


#: The form of a LowRankPlusDiagonal with one factor.
_SAME = "V = U"

LowRank.wider = (LowRankPlusDiagonal,)


def _with_factors(U: Array, V: Array) -> LowRank:
    """U Vᴴ, where the leading axes may differ."""
    return LowRank.of(on_one_stack("LowRank", [U, V], [2, 2]))


def _with_diagonal(d: Array, U: Array, V: Array) -> LowRankPlusDiagonal:
    """diag(d) + U Vᴴ, where the leading axes may differ."""
    return LowRankPlusDiagonal.of(on_one_stack("LowRankPlusDiagonal", [d, U, V], [1, 2, 2]))


def _capacitance(W: Array, V: Array) -> Array:
    """C = I + Vᴴ W."""
    return adjoint(V) @ W + np.eye(W.shape[-1], dtype=W.dtype)


def _beside(A: Array, B: Array) -> Array:
    """The columns of both; leading axes broadcast."""
    stack = np.broadcast_shapes(A.shape[:-2], B.shape[:-2])
    pair = (X if X.shape[:-2] == stack else np.broadcast_to(X, stack + X.shape[-2:]) for X in (A, B))
    return np.concatenate(list(pair), -1)


def _with_stack(name: str, parts: list[Array], axes: list[int]) -> tuple[Array, ...]:
    """The parts with the same leading axes; those with two axes must have equally many columns."""
    if len({part.shape[-1] for part, k in zip(parts, axes, strict=True) if k == 2}) > 1:
        shapes = ", ".join(str(part.shape) for part in parts)
        raise ValueError(f"{name}: the factors of shapes {shapes} must have equally many columns")
    return on_one_stack(name, parts, axes)
