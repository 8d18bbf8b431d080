"""Structured matrices: their gradients have their structure, and their operations make use of it."""

from __future__ import annotations

from ._banded import Banded
from ._bidiagonal import Bidiagonal
from ._diagonal import Diagonal
from ._matrix import DensifyWarning, StructuredMatrix
from ._symmetric import Hermitian, SkewSymmetric, Symmetric
from ._symmetric_tridiagonal import SymTridiagonal
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
)

__all__ = [
    "Banded",
    "Bidiagonal",
    "DensifyWarning",
    "Diagonal",
    "Hermitian",
    "LowerTriangular",
    "SkewSymmetric",
    "StructuredMatrix",
    "SymTridiagonal",
    "Symmetric",
    "Tridiagonal",
    "UnitLowerTriangular",
    "UnitUpperTriangular",
    "UpperTriangular",
]
