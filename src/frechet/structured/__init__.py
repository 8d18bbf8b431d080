"""Structured matrices: their gradients have their structure, and their operations make use of it."""

from __future__ import annotations

from . import _functions as _functions
from . import _linalg as _linalg
from ._banded import Banded
from ._bidiagonal import Bidiagonal
from ._block_diagonal import BlockDiagonal
from ._diagonal import Diagonal
from ._kronecker import Kronecker
from ._low_rank import LowRank, LowRankPlusDiagonal
from ._matrix import DensifyWarning, StructuredMatrix
from ._permutation import Permutation
from ._symmetric import Hermitian, SkewSymmetric, Symmetric
from ._symmetric_tridiagonal import SymTridiagonal
from ._toeplitz import Circulant, Toeplitz
from ._triangular import LowerTriangular, UnitLowerTriangular, UnitUpperTriangular, UpperTriangular
from ._tridiagonal import Tridiagonal

# A diagonal matrix is a case of nearly everything; its module cannot know the others, which import it.
Diagonal.wider = (
    SymTridiagonal,
    Bidiagonal,
    Tridiagonal,
    Banded,
    UpperTriangular,
    LowerTriangular,
    Symmetric,
    LowRankPlusDiagonal,
)

__all__ = [
    "Banded",
    "Bidiagonal",
    "BlockDiagonal",
    "Circulant",
    "DensifyWarning",
    "Diagonal",
    "Hermitian",
    "Kronecker",
    "LowRank",
    "LowRankPlusDiagonal",
    "LowerTriangular",
    "Permutation",
    "SkewSymmetric",
    "StructuredMatrix",
    "SymTridiagonal",
    "Symmetric",
    "Toeplitz",
    "Tridiagonal",
    "UnitLowerTriangular",
    "UnitUpperTriangular",
    "UpperTriangular",
]
