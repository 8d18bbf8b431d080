"""Structured matrices in SciPy: linear operators, sparse arrays, and products with these.

``A @ S`` with a sparse array S is ours.  ``S @ A`` is SciPy's, which takes the full array of any matrix A;
``S @ A.to_sparse()`` remains sparse, and ``(A.mT @ S.T).T`` never makes the full array.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import CoercionError
from ..linear_map import Array
from ..rule import carriers
from ..tree import flatten


class InSciPy:
    """What a structured matrix has for SciPy, which takes it for a linear operator by these names."""

    __slots__ = ()

    def as_linear_operator(self) -> Any:
        """The matrix as a scipy.sparse.linalg.LinearOperator; of a single plain matrix."""
        from scipy.sparse.linalg import aslinearoperator

        _require_plain(self, "as_linear_operator")
        return aslinearoperator(self)

    def matvec(self: Any, x: Array) -> Array:
        """A x for a vector x."""
        return self @ np.ravel(x)

    def rmatvec(self: Any, x: Array) -> Array:
        """Aᴴ x for a vector x."""
        return self.mH @ np.ravel(x)

    def matmat(self: Any, X: Array) -> Array:
        """A X for an array X of two axes."""
        return self @ X

    def rmatmat(self: Any, X: Array) -> Array:
        """Aᴴ X for an array X of two axes."""
        return self.mH @ X

    def to_sparse(self: Any) -> Any:
        """The matrix as a scipy.sparse.csr_array; of a single plain matrix that is sparse.

        Raises
        ------
        TypeError
            If the matrix is not sparse.
        """
        from scipy.sparse import coo_array

        _require_plain(self, "to_sparse")
        found = self._sparse_entries()
        if found is None:
            raise TypeError(
                f"to_sparse: a {type(self).__name__} is not sparse; scipy.sparse.csr_array(A.to_dense()) "
                "stores all of its entries"
            )
        values, rows, columns = found
        return coo_array((values, (rows, columns)), shape=self.shape).tocsr()

    def _sparse_entries(self) -> tuple[Array, Any, Any] | None:
        """The values, rows and columns of the entries of a single matrix that may not be zero.

        None where these are not few.
        """
        return None


def is_scipy_sparse(x: Any) -> bool:
    """Whether x is one of SciPy's sparse arrays or matrices; SciPy is not loaded for this."""
    return type(x).__module__.startswith("scipy.sparse._")


def times_sparse(A: Any, S: Any) -> Any:
    """A @ S for a sparse array: sparse if A is, too, and plain; full otherwise."""
    if A.shape[-1] != S.shape[0] or A.ndim > 2:
        raise ValueError(f"matmul: shapes {A.shape} and {S.shape} do not fit together")
    if _is_traced(A) or A._sparse_entries() is None:
        return A @ S.toarray()
    return A.to_sparse() @ S


def _is_traced(A: Any) -> bool:
    return any(type(part) in carriers for part in flatten(A)[0])


def _require_plain(A: Any, call: str) -> None:
    if A.ndim > 2:
        raise ValueError(f"{call}: a stack of shape {A.shape} is not one matrix; take one of them, A[k]")
    if _is_traced(A):
        raise CoercionError(
            f"{call}: a {type(A).__name__} that holds traced values would lose its derivative in SciPy. "
            "Apply it with A @ x, or give fr.stop_gradient(A) if it is constant"
        )
