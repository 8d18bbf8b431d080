"""Structured matrices: their gradients have their structure, and their operations make use of it."""

from __future__ import annotations

from ._diagonal import Diagonal
from ._matrix import DensifyWarning, StructuredMatrix
from ._symmetric import Hermitian, SkewSymmetric, Symmetric

__all__ = [
    "DensifyWarning",
    "Diagonal",
    "Hermitian",
    "SkewSymmetric",
    "StructuredMatrix",
    "Symmetric",
]
