"""Norms of sparse matrices; the inverse, which is full; and what has no derivative here."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._warnings import warn
from ...errors import NotDifferentiableError
from ...linalg._structured import times
from ...linear_map import Array
from ...rule import carriers, primal
from ...structured import DensifyWarning
from ._arguments import sparse_matrix
from ._capability import Capability, capability, table
from ._eigsh import svds
from ._solve import spsolve

__all__ = ["inv", "norm", "onenormest"]


@capability("the zero matrix, in the Frobenius norm; ties of sums, in the others: a subgradient")
def norm(x: Any, ord: Any = None, axis: None = None) -> Array:
    """A norm of a sparse matrix, as scipy.sparse.linalg.norm, with derivatives.

    Parameters
    ----------
    x : (m, n) sparse array
        Plain, or with traced values; of any format.
    ord : {None, "fro", 1, -1, 2, inf, -inf}, optional
        The Frobenius norm; the largest and the smallest sum of absolute values of a column; the 2-norm; the
        same sums of rows.
    axis : None
        For SciPy's signature; norms of rows and columns are sums, with `abs` and `sum` of the array.

    Returns
    -------
    number
        The norm.

    Raises
    ------
    TypeError
        If x is no matrix of numbers.
    ValueError
        For nan and inf, an unknown order, an axis.

    Notes
    -----
    Where several columns (rows) have the largest sum, the gradient is shared by them, as in numpy.max.
    The 2-norm is found by `svds`.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> import frechet as fr
    >>> fr.sparse.linalg.norm(sp.csr_array([[3.0, 0.0], [0.0, 4.0]]))
    np.float64(5.0)
    """
    if axis is not None:
        raise ValueError("norm: axis must be None; norms of rows and columns are sums over an axis of abs(A)")
    p, pattern = sparse_matrix(x, "norm", square=False)
    if ord is None or ord in ("fro", "f"):
        return np.linalg.norm(p)
    if ord == 2:
        return svds(x, 1, return_singular_vectors=False)[0]
    if ord not in (1, -1, np.inf, -np.inf):
        raise ValueError(f"norm: ord is None, 'fro', 1, -1, 2, inf or -inf, got {ord!r}")
    by_columns = ord in (1, -1)
    ones = np.ones((pattern.shape[0 if by_columns else 1], 1), primal(p).real.dtype)
    sums = times(np.abs(p), ones, pattern, by_columns)
    return np.max(sums) if ord > 0 else np.min(sums)


@capability("A is singular: LinAlgError")
def inv(A: Any) -> Array:
    """The inverse of a sparse matrix as a full array: it is full, of most matrices.

    Parameters
    ----------
    A : (n, n) sparse array
        Plain, or with traced values; of any format.

    Returns
    -------
    (n, n) array
        A⁻¹, where scipy.sparse.linalg.inv returns a sparse array with all of these entries.

    Raises
    ------
    numpy.linalg.LinAlgError, TypeError, ValueError
        As `spsolve`.

    Warns
    -----
    DensifyWarning
        Always.  `spsolve` multiplies with the inverse; `inv_diagonal` and `trace_inv` give parts of it.

    Examples
    --------
    >>> import warnings
    >>> import scipy.sparse as sp
    >>> import frechet as fr
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", fr.DensifyWarning)
    ...     fr.sparse.linalg.inv(sp.csr_array([[2.0, 0.0], [0.0, 4.0]]))
    array([[0.5 , 0.  ],
           [0.  , 0.25]])
    """
    p, pattern = sparse_matrix(A, "inv")
    warn(
        f"inv: the inverse of a sparse matrix is full, of shape {pattern.shape}. spsolve multiplies with it, "
        "inv_diagonal and trace_inv give parts of it",
        DensifyWarning,
    )
    return spsolve(A, np.eye(pattern.shape[0], dtype=primal(p).dtype))


def onenormest(A: Any, t: int = 2, itmax: int = 5, compute_v: bool = False, compute_w: bool = False) -> Any:
    """``scipy.sparse.linalg.onenormest`` for plain matrices; refused under differentiation.

    Parameters
    ----------
    A : (n, n) sparse array, array or LinearOperator
        Plain.
    t, itmax, compute_v, compute_w
        SciPy's.

    Returns
    -------
    number, or a tuple
        SciPy's result.

    Raises
    ------
    NotDifferentiableError
        For a matrix with traced values: use ``norm(A, 1)``, which has a derivative.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> onenormest(sp.csc_array([[2.0, 0.0], [0.0, -4.0]]))
    np.float64(4.0)
    """
    from scipy.sparse.linalg import onenormest as estimate

    if hasattr(A, "canonical"):
        p, pattern = sparse_matrix(A, "onenormest")
        if type(p) in carriers:
            raise NotDifferentiableError(_NO_ESTIMATE)
        A = pattern.matrix(p)
    if type(A) in carriers:
        raise NotDifferentiableError(_NO_ESTIMATE)
    return estimate(A, t, itmax, compute_v, compute_w)


_NO_ESTIMATE = "onenormest: an estimate has no derivative; use norm(A, 1)"
table["onenormest"] = Capability("onenormest", "refused", True, False, _NO_ESTIMATE)
