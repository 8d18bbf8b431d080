"""Square matrices that are only multiplied with: dense, sparse, and SciPy's linear operators."""

from __future__ import annotations

import warnings
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import NotDifferentiableError
from ..linear_map import Array, adjoint_matrix, linear
from ..rule import Rule

__all__ = ["Operator", "product"]


class Operator:
    """A − μI for a plain matrix A, with products from the left, and norms.

    Parameters
    ----------
    matrix : array (..., n, n), SciPy's sparse array or LinearOperator
        A.
    shift : number, optional
        μ; by default the mean of the eigenvalues, by which ‖A − μI‖ is often smaller.  The trace of a
        LinearOperator is estimated, which a warning says.
    """

    def __init__(self, matrix: Any, shift: Any = None) -> None:
        from scipy import sparse  # here, because it is slow to load
        from scipy.sparse.linalg import LinearOperator

        self.is_operator = isinstance(matrix, LinearOperator)
        self.is_sparse = sparse.issparse(matrix)
        kind = np.dtype(matrix.dtype or float)
        char = kind.char if kind.char in "fdFD" else "D" if kind.kind == "c" else "d"
        self.dtype = np.dtype(char)
        self.shape = matrix.shape
        n = self.shape[-1]
        self.has_powers = len(self.shape) == 2
        if shift is None:
            shift = self._trace(matrix) / n if n else 0.0
        # A complex shift makes a real matrix complex; its precision is that of the matrix.
        dtype = np.result_type(self.dtype, np.complex64) if np.iscomplexobj(shift) else self.dtype
        self.shift = shift = np.asarray(shift, dtype)
        if self.is_operator:
            self._matrix = matrix
        elif self.is_sparse:
            self._matrix = sparse.csr_array(
                matrix.astype(self.dtype) - shift * sparse.eye_array(n, dtype=dtype)
            )
        else:
            self._matrix = matrix - shift[..., None, None] * np.eye(n, dtype=self.dtype)
        if not self.is_operator:
            self.dtype = self._matrix.dtype

    def _trace(self, matrix: Any) -> Any:
        if not self.is_operator:
            return matrix.trace() if self.is_sparse else np.trace(matrix, axis1=-2, axis2=-1)
        warnings.warn(
            "Trace of LinearOperator not available, it will be estimated."
            " Provide `traceA` to ensure performance.",
            stacklevel=5,
        )
        # Hutchinson's estimate, with a few fixed vectors of random signs.
        signs = np.random.default_rng(0).choice([-1.0, 1.0], (matrix.shape[0], 6))
        return np.sum(signs * matrix.matmat(signs)) / 6

    def times(self, V: Array, adjoint: bool = False) -> Array:
        """(A − μI) V, or with the adjoint, for V of shape (..., n, k)."""
        if not self.is_sparse and not self.is_operator:
            return np.matmul(self._adjoint if adjoint else self._matrix, V)
        columns = np.moveaxis(V, -2, 0)
        flat = columns.reshape(len(columns), -1)
        if self.is_sparse:
            result = (self._adjoint if adjoint else self._matrix) @ flat
        elif adjoint:
            result = self._rmatmat(flat) - np.conj(self.shift) * flat
        else:
            result = self._matrix.matmat(flat) - self.shift * flat
        return np.moveaxis(np.reshape(result, columns.shape), 0, -2)

    @cached_property
    def _adjoint(self) -> Any:
        return self._matrix.conj().T.tocsr() if self.is_sparse else adjoint_matrix(self._matrix)

    def _rmatmat(self, W: Array) -> Array:
        try:
            return self._matrix.rmatmat(W)
        except (NotImplementedError, TypeError) as error:
            raise NotDifferentiableError(
                "expm_multiply: a reverse derivative needs products with the adjoint of the LinearOperator "
                "A: give it rmatvec (or rmatmat)"
            ) from error

    def norm(self) -> float:
        """The largest 1-norm; of a LinearOperator, an estimate."""
        if self.shape[-1] == 0:
            return 0.0
        if self.is_operator:
            from scipy.sparse.linalg import onenormest

            return float(onenormest(self._as_linear_operator(1)))
        return float(np.max(abs(self._matrix).sum(axis=-2), initial=0))

    def norm_of_power(self, p: int) -> float:
        """An estimate of ‖(A − μI)^p‖^(1/p) in the 1-norm."""
        from scipy.sparse.linalg import onenormest

        return float(onenormest(self._as_linear_operator(p)) ** (1 / p))

    def _as_linear_operator(self, p: int) -> Any:
        from scipy.sparse.linalg import LinearOperator

        def repeated(adjoint: bool) -> Any:
            def apply(V: Array) -> Array:
                W = V.reshape(len(V), -1)
                for _ in range(p):
                    W = self.times(W, adjoint)
                return W.reshape(V.shape)

            return apply

        forward, backward = repeated(False), repeated(True)
        return LinearOperator(
            self.shape, matvec=forward, rmatvec=backward, matmat=forward, rmatmat=backward, dtype=self.dtype
        )


def _product_value(V: Array, operator: Operator, adjoint: bool = False) -> Array:
    return operator.times(V, adjoint)


def _product_body(V: Array, operator: Operator, adjoint: bool = False) -> Any:
    return product(V, operator, adjoint), linear(
        lambda v: product(v, operator, adjoint), lambda w: product(w, operator, not adjoint)
    )


product = Rule(_product_value, _product_body, "frechet.linalg.expm_multiply")
