"""Cholesky factorizations of dense and of banded matrices."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..linear_map import Array, LinearMap, adjoint_matrix
from ..rule import Rule, primal
from ..rules.lapack import lapack
from ..rules.linalg_factorizations import CholeskyMap, cholesky_rule
from ..rules.linalg_factors import real_char, triangular_solve
from ..rules.linalg_triangular import not_definite
from ._arguments import as_matrix
from ._band_factor import require_diagonal
from ._capability import capability

__all__ = ["cholesky", "cholesky_banded"]


@capability("a is not positive definite: LinAlgError")
def cholesky(a: Array, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> Array:
    """The Cholesky factor of a Hermitian positive definite matrix, as scipy.linalg.cholesky.

    Parameters
    ----------
    a : (..., n, n) array_like
        Real or complex, plain or traced.  One triangle is read.
    lower : bool, optional
        Whether the lower triangle is read and L with A = L Lᴴ is returned; by default the upper one is, and U
        with A = Uᴴ U.
    overwrite_a : bool, optional
        For SciPy's signature; nothing is overwritten.
    check_finite : bool, optional
        Whether nan and inf are refused.

    Returns
    -------
    (..., n, n) array
        The triangular factor, with a positive diagonal.

    Raises
    ------
    numpy.linalg.LinAlgError
        If a matrix is not positive definite.
    ValueError
        If a is not square, or not finite.

    Notes
    -----
    dL = L Φ(L⁻¹ dA L⁻ᴴ), where Φ keeps the lower triangle and halves the diagonal; the pullback goes by
    blocks and takes 0.9 n³ operations, the value 0.3 n³ (Murray, arXiv:1602.07527).  Where the matrix is
    Hermitian to half of the digits, gradients are Hermitian and an unsymmetric tangent counts with its
    Hermitian part; else they lie in the triangle that is read.  The factor is that of a matrix within
    (n + 1)·eps/(1 − (n + 1)·eps) of A, entry (i, j) relative to √(aᵢᵢ aⱼⱼ) (Higham, Accuracy and Stability
    of Numerical Algorithms, theorem 10.5).

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> A = np.array([[4.0, 2.0], [2.0, 5.0]])
    >>> fr.linalg.cholesky(A, lower=True)
    array([[2., 0.],
           [1., 2.]])
    >>> fr.grad(lambda A: fr.linalg.cholesky(A)[0, 1])(A)
    array([[-0.125,  0.25 ],
           [ 0.25 ,  0.   ]])
    """
    a = as_matrix(a, "cholesky: a", square=True, check_finite=check_finite)
    try:
        return cholesky_rule(a, not lower)
    except np.linalg.LinAlgError:
        raise _first_failure(primal(a), lower) from None


def _first_failure(a: Array, lower: bool) -> np.linalg.LinAlgError:
    """SciPy's message, which names the first leading minor that is not positive."""
    potrf = lapack("potrf", a.dtype.char)
    for one in a.reshape(-1, *a.shape[-2:]):
        info = potrf(one, lower=lower)[1]
        if info:
            return not_definite(info)
    return np.linalg.LinAlgError("the array is not positive definite")


# --- banded matrices ---------------------------------------------------------------------------------------


@capability("the matrix is not positive definite: LinAlgError")
def cholesky_banded(
    ab: Array, overwrite_ab: bool = False, lower: bool = False, check_finite: bool = True
) -> Array:
    """The Cholesky factor of a banded Hermitian positive definite matrix, as scipy.linalg.cholesky_banded.

    Parameters
    ----------
    ab : (..., u + 1, n) array_like
        The diagonal and the u diagonals above it, ``ab[u + i - j, j] = a[i, j]``, or with ``lower`` those
        below it, ``ab[i - j, j] = a[i, j]``.
    overwrite_ab : bool, optional
        For SciPy's signature; nothing is overwritten.
    lower : bool, optional
        Which form.
    check_finite : bool, optional
        Whether nan and inf are refused.

    Returns
    -------
    (..., u + 1, n) array
        The factor, U with A = Uᴴ U or L with A = L Lᴴ, in the same form.  Entries outside of the matrix are
        those of ab.

    Raises
    ------
    numpy.linalg.LinAlgError
        If a matrix is not positive definite.
    ValueError
        If ab has fewer than two axes, no rows, or is not finite.

    Notes
    -----
    The derivative stays in the bands: with blocks of s ≥ u rows the matrix is block tridiagonal, with factor
    blocks Dₖ on and Sₖ below the diagonal, A'ₖ = Aₖₖ − Sₖ₋₁ Sₖ₋₁ᴴ = Dₖ Dₖᴴ and Sₖ = Aₖ₊₁,ₖ Dₖ⁻ᴴ, and is
    differentiated block by block, in O(n s²) operations, s = max(u, 24), and O(n s) memory.  The
    gradient has the form of ab: an entry off the diagonal counts for itself and for its mirror image.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> ab = np.array([[0.0, 2.0, 2.0], [4.0, 5.0, 5.0]])
    >>> fr.linalg.cholesky_banded(ab)
    array([[0., 1., 1.],
           [2., 2., 2.]])
    >>> fr.grad(lambda ab: np.sum(np.log(fr.linalg.cholesky_banded(ab)[-1])))(ab)
    array([[ 0.       , -0.15625  , -0.125    ],
           [ 0.1640625,  0.15625  ,  0.125    ]])
    """
    ab = as_matrix(ab, "cholesky_banded: ab", check_finite=check_finite)
    require_diagonal("cholesky_banded", ab)
    return _banded(ab, bool(lower))


def _banded_value(ab: Array, lower: bool) -> Array:
    if not ab.size:
        return ab.copy()
    pbtrf = lapack("pbtrf", ab.dtype.char)
    c = np.empty(ab.shape, ab.dtype)
    for at in np.ndindex(ab.shape[:-2]):
        c[at], info = pbtrf(ab[at], lower=lower)
        if info:
            raise np.linalg.LinAlgError(f"{info}-th leading minor not positive definite")
    return c


def _banded_body(ab: Array, lower: bool) -> Any:
    c = _banded(ab, lower)
    return c, BandedCholeskyMap(c, lower)


_banded = Rule(_banded_value, _banded_body, "frechet.linalg.cholesky_banded")


class _Layout(NamedTuple):
    """Where the entries of a banded triangle go among the blocks of a block bidiagonal matrix."""

    diagonals: int  # blocks on the diagonal
    size: int  # rows of a block
    bands: Any  # flat positions in ab of the entries of the matrix
    blocks: Any  # their flat positions in an array (2·diagonals − 1, size, size): diagonal blocks, then lower
    conjugated: bool  # whether ab holds the conjugates: it is in upper form
    padding: Array  # flat positions in the blocks of the diagonal beyond the matrix


@lru_cache(maxsize=32)
def _layout(u: int, n: int, lower: bool) -> _Layout:
    size = max(u, 24)
    count = -(-n // size)
    d, j = np.nonzero(np.arange(u + 1)[:, None] + np.arange(n) < n)
    i = j + d
    row, column = i // size, j // size
    block = np.where(row == column, row, count + column)
    blocks = (block * size + i % size) * size + j % size
    bands = d * n + j if lower else (u - d) * n + i
    rest = np.arange(n, count * size)
    padding = (rest // size * size + rest % size) * size + rest % size
    return _Layout(count, size, bands, blocks, not lower, padding)


class BandedCholeskyMap(LinearMap):
    """The tangent of the banded factor from that of the bands, and its adjoint, block by block."""

    __slots__ = ("_blocks", "c", "layout", "shape")

    def __init__(self, c: Array, lower: bool) -> None:
        self.c = c
        self.shape = np.shape(c)[-2:]
        self.layout = _layout(self.shape[0] - 1, self.shape[1], lower)
        self._blocks: Any = None

    def factor(self) -> Any:
        """The blocks of L: on the diagonal and below it."""
        if self._blocks is None:
            padding = np.zeros((2 * self.layout.diagonals - 1) * self.layout.size**2, real_char(self.c))
            padding[self.layout.padding] = 1
            blocks = self.to_blocks(self.c) + padding.reshape(-1, self.layout.size, self.layout.size)
            self._blocks = self.unstack(blocks)
        return self._blocks

    def unstack(self, blocks: Array) -> Any:
        """Lists of the diagonal blocks and of those below."""
        every = [blocks[..., k, :, :] for k in range(2 * self.layout.diagonals - 1)]
        return every[: self.layout.diagonals], every[self.layout.diagonals :]

    def to_blocks(self, v: Array) -> Array:
        """Bands as blocks, lower triangular."""
        layout, stack = self.layout, np.shape(v)[:-2]
        entries = np.reshape(v, (*stack, -1))[..., layout.bands]
        if layout.conjugated:
            entries = np.conj(entries)
        shape = (2 * layout.diagonals - 1, layout.size, layout.size)
        return np.reshape(_placed(entries, layout.blocks, shape[0] * shape[1] ** 2), (*stack, *shape))

    def to_bands(self, blocks: list[Array], outside: Array) -> Array:
        """Blocks as bands; what lies outside of the matrix is taken from ``outside``, of the bands' shape."""
        layout = self.layout
        every = np.stack(blocks, axis=-3)
        stack = np.shape(every)[:-3]
        entries = np.reshape(every, (*stack, -1))[..., layout.blocks]
        if layout.conjugated:
            entries = np.conj(entries)
        beyond = np.ones(self.shape[0] * self.shape[1], bool)
        beyond[layout.bands] = False
        placed = np.reshape(_placed(entries, layout.bands, beyond.size), (*stack, *self.shape))
        return placed + outside * beyond.reshape(self.shape)

    def push(self, v: Array) -> Array:
        if not np.size(v):
            return v
        D, S = self.factor()
        dA, dB = self.unstack(self.to_blocks(v))
        dD: list[Array] = []
        dS: list[Array] = []
        for k in range(self.layout.diagonals):
            change = _from_lower(dA[k])
            if k:
                product = np.matmul(dS[k - 1], adjoint_matrix(S[k - 1]))
                change = change - product - adjoint_matrix(product)
            dD.append(CholeskyMap(D[k]).push(change))
            if k < len(S):
                dS.append(_right_solve(D[k], dB[k] - np.matmul(S[k], adjoint_matrix(dD[k])), adjoint=True))
        return self.to_bands([*dD, *dS], v)

    def pull(self, w: Array) -> Array:
        if not np.size(w):
            return w
        D, S = self.factor()
        wD, wS = self.unstack(self.to_blocks(w))
        # As in linalg_triangular.cholesky_pullback, from the last block to the first.
        for k in range(self.layout.diagonals - 1, -1, -1):
            gradient = CholeskyMap(D[k]).pull(wD[k])
            if k:
                G = _right_solve(D[k - 1], wS[k - 1] - 2 * np.matmul(gradient, S[k - 1]), adjoint=False)
                wD[k - 1] = wD[k - 1] - np.matmul(adjoint_matrix(G), S[k - 1])
                wS[k - 1] = G
            # An entry below the diagonal stands for two; to_bands reads the lower triangle.
            wD[k] = gradient * (2 - np.eye(self.layout.size, dtype=real_char(self.c)))
        return self.to_bands([*wD, *wS], w)


def _placed(entries: Array, at: Array, size: int) -> Array:
    """Zeros (..., size) with the entries put at some places of the last axis."""
    source = np.full(size, np.shape(entries)[-1])
    source[at] = np.arange(len(at))
    zero = np.zeros((*np.shape(entries)[:-1], 1), entries.dtype)
    return np.concatenate([entries, zero], axis=-1)[..., source]


def _from_lower(V: Array) -> Array:
    """The Hermitian matrix with the lower triangle of V, whose upper one is zero, and its real diagonal."""
    eye = np.eye(np.shape(V)[-1], dtype=V.dtype)
    return V + adjoint_matrix(V) - np.real(V) * eye.real


def _right_solve(L: Array, B: Array, adjoint: bool) -> Array:
    """B L⁻¹ or B L⁻ᴴ."""
    return adjoint_matrix(triangular_solve(L, adjoint_matrix(B), True, not adjoint))
