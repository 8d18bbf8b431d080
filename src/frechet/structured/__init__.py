"""Structured matrices: their gradients have their structure, and their operations make use of it."""

from __future__ import annotations

from ._block_diagonal import BlockDiagonal
from ._diagonal import Diagonal
from ._kronecker import Kronecker
from ._low_rank import LowRank, LowRankPlusDiagonal
from ._matrix import DensifyWarning, StructuredMatrix
from ._permutation import Permutation
from ._symmetric import Hermitian, SkewSymmetric, Symmetric
from ._toeplitz import Circulant, Toeplitz

__all__ = [
    "BlockDiagonal",
    "Circulant",
    "DensifyWarning",
    "Diagonal",
    "Hermitian",
    "Kronecker",
    "LowRank",
    "LowRankPlusDiagonal",
    "Permutation",
    "SkewSymmetric",
    "StructuredMatrix",
    "Symmetric",
    "Toeplitz",
]
