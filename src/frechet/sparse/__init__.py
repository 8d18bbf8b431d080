"""Sparse arrays with derivatives in their values, and sparse derivatives of ordinary functions.

The functions have scipy.sparse's names and take plain and traced arrays; `fr.sparse.linalg` has the solvers.

A scipy.sparse array can be an argument of a differentiated function, alone or in containers.  Its gradient is
a sparse array of the same class on the same pattern.  LIL and DOK arrays count as CSR.

>>> import numpy as np
>>> import scipy.sparse as sp
>>> import frechet as fr
>>> A = sp.csr_array([[1.0, 0.0], [2.0, 3.0]])
>>> fr.grad(lambda A: np.sum((A @ np.ones(2)) ** 2))(A).toarray()
array([[ 2.,  0.],
       [10., 10.]])
"""

from __future__ import annotations

import importlib
from typing import Any

from scipy.sparse import eye_array, identity, issparse

from ._array import SparseArray, asarray
from ._base import constant
from ._constructors import (
    block_array,
    block_diag,
    bsr_array,
    bsr_matrix,
    coo_array,
    coo_matrix,
    csc_array,
    csc_matrix,
    csr_array,
    csr_matrix,
    dia_array,
    dia_matrix,
    diags_array,
    hstack,
    kron,
    tril,
    triu,
    vstack,
)
from ._derivatives import SparseDerivative, hessian, jacobian

__all__ = [
    "SparseArray",
    "SparseDerivative",
    "asarray",
    "block_array",
    "block_diag",
    "bsr_array",
    "bsr_matrix",
    "coo_array",
    "coo_matrix",
    "csc_array",
    "csc_matrix",
    "csr_array",
    "csr_matrix",
    "dia_array",
    "dia_matrix",
    "diags_array",
    "eye_array",
    "hessian",
    "hstack",
    "identity",
    "jacobian",
    "kron",
    "tril",
    "triu",
    "vstack",
]


def as_operand(x: Any) -> Any:
    """A sparse array of SciPy as one whose operators take traced arrays; NotImplemented for anything else."""
    return constant(x) if issparse(x) else NotImplemented


def __getattr__(name: str) -> Any:
    """fr.sparse.linalg is imported when first used."""
    if name == "linalg":
        return importlib.import_module(f"{__name__}.linalg")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
