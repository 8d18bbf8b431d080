"""The matrices of iterative solvers: sparse ones, full ones and linear operators, as structures."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from ...errors import NotDifferentiableError
from ...linalg._arguments import as_matrix
from ...linear_map import Array, adjoint_matrix
from ...rule import primal
from .._pattern import Pattern, is_sparse
from ._arguments import sparse_matrix

__all__ = ["Matrix", "as_structure"]


class FullMatrix:
    """The structure of a full matrix: its parameters are its entries."""

    ndim = 2

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def times(self, A: Array, X: Array, adjoint: bool) -> Array:
        """A X or Aᴴ X."""
        return np.matmul(adjoint_matrix(A) if adjoint else A, X)

    def outer(self, W: Array, X: Array) -> Array:
        """W Xᴴ."""
        return np.matmul(W, adjoint_matrix(X))


class ConstantOperator:
    """A linear operator as a structure without parameters."""

    ndim = 1

    def __init__(self, operator: Any, hermitian: bool, call: str) -> None:
        self.operator, self.hermitian, self.call = operator, hermitian, call
        self.shape = operator.shape

    def times(self, p: Array, X: Array, adjoint: bool) -> Array:
        """A X or Aᴴ X."""
        columns = np.moveaxis(X, -2, 0)
        flat = columns.reshape(len(columns), -1)
        Y = self.adjoint.matmat(flat) if adjoint else self.operator.matmat(flat)
        return np.moveaxis(Y.reshape(len(Y), *columns.shape[1:]), 0, -2)

    def outer(self, W: Array, X: Array) -> Array:
        """No parameters see it."""
        return np.zeros((*np.broadcast_shapes(W.shape[:-2], X.shape[:-2]), 0), np.result_type(W, X))

    @cached_property
    def adjoint(self) -> Any:
        """Aᴴ; what has no product with it is an error when it is needed."""
        if self.hermitian:
            return self.operator
        try:
            self.operator.rmatvec(np.zeros(self.shape[0], self.operator.dtype))
        except (NotImplementedError, TypeError) as error:
            raise NotDifferentiableError(
                f"{self.call}: a reverse derivative needs products with the adjoint of the LinearOperator A: "
                "give it rmatvec (or rmatmat)"
            ) from error
        return self.operator.H


class Matrix:
    """The plain value of a matrix, with products and its adjoint."""

    def __init__(self, p: Array, structure: Any) -> None:
        self.structure, self.shape = structure, structure.shape
        self.p = np.asarray(primal(p))
        self.constant = isinstance(structure, ConstantOperator)
        self.dtype = np.dtype(structure.operator.dtype) if self.constant else self.p.dtype

    def in_dtype(self, dtype: Any) -> Matrix:
        """The same in another precision."""
        matrix = Matrix(self.p if self.constant else self.p.astype(dtype, copy=False), self.structure)
        matrix.dtype = np.dtype(dtype)
        return matrix

    @cached_property
    def plain(self) -> Any:
        """A, as SciPy's solvers take it."""
        if self.constant:
            return self.structure.operator
        return self.structure.matrix(self.p) if isinstance(self.structure, Pattern) else self.p

    @cached_property
    def adjoint(self) -> Any:
        """Aᴴ."""
        if self.constant:
            return self.structure.adjoint
        transposed = self.plain.conj().T
        return transposed.tocsr() if isinstance(self.structure, Pattern) else transposed

    @cached_property
    def norm(self) -> float:
        """An upper bound of the 2-norm, within a factor of √n; of an operator, a lower one."""
        if self.constant:
            x = np.random.default_rng(0).standard_normal((self.shape[1], 2)).astype(self.dtype)
            y = self.plain.matmat(x)
            return float(np.max(np.linalg.norm(y, axis=0) / np.linalg.norm(x, axis=0), initial=0))
        return float(np.sqrt(_sum_of_squares(self.p)))


def _sum_of_squares(p: Array) -> float:
    return float(np.sum(np.square(np.abs(p, dtype=float))))


def as_structure(A: Any, call: str, *, square: bool = True, hermitian: bool = False) -> tuple[Array, Any]:
    """The parameters of a matrix, plain or traced, and its structure.

    Parameters
    ----------
    A : sparse array, (m, n) array_like or LinearOperator
        The last is constant.
    call : str
        Who asks, for messages.
    square : bool
        Whether m = n is asked for.
    hermitian : bool
        Whether an operator is taken to be its own adjoint.
    """
    from scipy.sparse.linalg import LinearOperator

    if is_sparse(A):
        return sparse_matrix(A, call, square=square)
    if isinstance(A, LinearOperator):
        if square and A.shape[0] != A.shape[1]:
            raise ValueError(f"{call}: A must be square, got the shape {A.shape}")
        return np.zeros(0), ConstantOperator(A, hermitian, call)
    if callable(A) and not hasattr(A, "shape"):
        raise TypeError(f"{call}: A must be an array or a LinearOperator, got the function {A!r}")
    A = as_matrix(A, f"{call}: A", square=square)
    if A.ndim != 2:
        raise ValueError(f"{call}: A must have two axes, got the shape {A.shape}")
    return A, FullMatrix(A.shape)
