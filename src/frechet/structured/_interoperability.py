"""Structured matrices in SciPy: linear operators, sparse arrays, and products with these.

``A @ S`` with a sparse array S is ours.  ``S @ A`` is SciPy's, which takes the full array of any matrix A;
``S @ A.to_sparse()`` remains sparse, and ``(A.mT @ S.T).T`` never makes the full array.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import CoercionError
from ..rule import carriers
from ._matrix import StructuredMatrix, _arrays


def as_linear_operator(A: StructuredMatrix) -> Any:
    """See `StructuredMatrix.as_linear_operator`."""
    from scipy.sparse.linalg import LinearOperator

    _require_plain(A, "as_linear_operator")
    adjoint = A.mH
    return LinearOperator(
        A.shape,
        matvec=lambda x: A @ np.ravel(x),
        rmatvec=lambda x: adjoint @ np.ravel(x),
        matmat=lambda X: A @ X,
        rmatmat=lambda X: adjoint @ X,
        dtype=A.dtype,
    )


def to_sparse(A: StructuredMatrix) -> Any:
    """See `StructuredMatrix.to_sparse`."""
    from scipy.sparse import coo_array

    found = A._sparse_entries()
    if found is None:
        raise TypeError(
            f"to_sparse: a {type(A).__name__} is not sparse; scipy.sparse.csr_array(A.to_dense()) stores all "
            "of its entries"
        )
    _require_plain(A, "to_sparse")
    values, rows, columns = found
    return coo_array((values, (rows, columns)), shape=A.shape).tocsr()


def times_sparse(A: StructuredMatrix, S: Any) -> Any:
    """A @ S for a sparse array: sparse if A is, too, and full otherwise."""
    if A.shape[-1] != S.shape[0] or A.ndim > 2:
        raise ValueError(f"matmul: shapes {A.shape} and {S.shape} do not fit together")
    if any(type(part) in carriers for part in _arrays(A)) or A._sparse_entries() is None:
        return A @ S.toarray()
    return to_sparse(A) @ S


def _require_plain(A: StructuredMatrix, call: str) -> None:
    if A.ndim > 2:
        raise ValueError(f"{call}: a stack of shape {A.shape} is not one matrix; take one of them, A[k]")
    if any(type(part) in carriers for part in _arrays(A)):
        raise CoercionError(
            f"{call}: a {type(A).__name__} that holds traced values would lose its derivative in SciPy. "
            "Apply it with A @ x, or give fr.stop_gradient(A) if it is constant"
        )
