"""Sparse matrices with derivatives in their values, and sparse derivatives of ordinary functions."""

from __future__ import annotations

from ._derivatives import SparseDerivative, hessian, jacobian

__all__ = ["SparseDerivative", "hessian", "jacobian"]
