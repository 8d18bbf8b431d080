"""Sparse triangular systems, by substitution."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.linalg import LinAlgError

from ...linalg._arguments import linear_system
from ...linalg._factor import OneMatrix
from ...linalg._structured import solve as structured_solve
from ...linear_map import Array
from ...rule import primal
from .._pattern import Pattern
from ._arguments import dense_right_side, sparse_matrix
from ._capability import capability

__all__ = ["spsolve_triangular"]


@capability("A has a zero on its diagonal: LinAlgError")
def spsolve_triangular(
    A: Any,
    b: Array,
    lower: bool = True,
    overwrite_A: bool = False,
    overwrite_b: bool = False,
    unit_diagonal: bool = False,
) -> Array:
    """The solution x of ``A @ x = b`` for a sparse triangular A, as scipy.sparse.linalg.spsolve_triangular.

    Parameters
    ----------
    A : (n, n) sparse array
        Lower or upper triangular; plain, or with traced values; of any format.
    b : (n,) or (n, k) array
        Plain or traced.
    lower : bool, optional
        Whether A is lower triangular.
    overwrite_A, overwrite_b : bool, optional
        For SciPy's signature; nothing is overwritten.
    unit_diagonal : bool, optional
        Whether the diagonal is taken to be all ones; values stored there are not read, and their gradient is
        zero.

    Returns
    -------
    (n,) or (n, k) array
        x, of the shape of b.

    Raises
    ------
    numpy.linalg.LinAlgError
        If A is not triangular, or has a zero on its diagonal.
    TypeError
        If A is no matrix of numbers.
    ValueError
        For wrong shapes, nan and inf.

    Notes
    -----
    By substitution, for the value, b̄ = A⁻ᴴ x̄ and all else, in O(nnz) operations for each right side.

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> import frechet as fr
    >>> A = sp.csr_array([[2.0, 0.0], [1.0, 4.0]])
    >>> fr.sparse.linalg.spsolve_triangular(A, np.array([2.0, 5.0]))
    array([1., 1.])
    """
    call = "spsolve_triangular"
    p, pattern = sparse_matrix(A, call)
    rows, columns = pattern.rows, pattern.indices
    wrong = np.flatnonzero((rows < columns) if lower else (rows > columns))
    if wrong.size and np.any(primal(p)[wrong] != 0):
        raise LinAlgError(
            f"{call}: A is not {'lower' if lower else 'upper'} triangular: it has an entry in row "
            f"{rows[wrong[0]]}, column {columns[wrong[0]]}; scipy.sparse.tril and triu take a triangle"
        )
    if unit_diagonal or wrong.size:
        p, pattern = _triangle(p, pattern, lower, unit_diagonal)
    p, b, vector = linear_system(call, p, dense_right_side(b, call), pattern.shape[0], core=1)
    if not b.size:
        return b[..., 0] if vector else b
    factor = _Substitution(np.asarray(primal(p)), pattern, bool(lower))
    x = structured_solve(p, b, pattern, factor, False)
    return x[..., 0] if vector else x


def _triangle(p: Array, pattern: Pattern, lower: bool, unit: bool) -> tuple[Array, Pattern]:
    """The triangle of a matrix, with its own diagonal or with ones on it."""
    rows, columns, n = pattern.rows, pattern.indices, pattern.shape[0]
    keep = (rows > columns) if lower else (rows < columns)
    if not unit:
        keep |= rows == columns
    kept = np.flatnonzero(keep)
    p, rows, columns = p[kept], rows[kept], columns[kept]
    if unit:
        p = np.concatenate([p, np.ones(n, p.dtype)])
        rows, columns = (np.append(x, np.arange(n, dtype=x.dtype)) for x in (rows, columns))
    order = np.lexsort((columns, rows))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n))]).astype(pattern.indptr.dtype)
    return p[order], Pattern(columns[order], indptr, pattern.shape)


class _Substitution(OneMatrix):
    """A triangular matrix, solved with by substitution."""

    def __init__(self, p: Array, pattern: Pattern, lower: bool) -> None:
        self.n, self.dtype, self.reads = pattern.shape[0], p.dtype, None
        self.A, self.lower = pattern.matrix(p), lower
        zero = np.flatnonzero(self.A.diagonal() == 0)
        if zero.size:
            raise LinAlgError(f"spsolve_triangular: A is singular: zero entry on diagonal {zero[0]}")

    def _solve_columns(self, B: Array, adjoint: bool) -> Array:
        from scipy.sparse.linalg import spsolve_triangular as substitute

        A = self.A.conj().T if adjoint else self.A
        return np.asarray(substitute(A, B, lower=self.lower != adjoint), self.dtype)
