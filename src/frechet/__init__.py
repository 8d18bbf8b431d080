"""Frechet: exact derivatives of numerical Python.  A derivative is a linear map; write it once."""

from __future__ import annotations

import importlib
from typing import Any

from . import rules as rules
from .custom import rule
from .errors import (
    CoercionError,
    ConvergenceError,
    FrechetError,
    InPlaceError,
    NotDifferentiableError,
    RuleError,
    SpaceError,
    TraceEndedError,
)
from .linear_map import LinearMap
from .space import register_space, register_structure, space
from .transforms import (
    array,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    linearize,
    stop_gradient,
    value_and_grad,
    vjp,
)

__version__ = "0.1.0"
_SUBPACKAGES = (
    "fft",
    "integrate",
    "interpolate",
    "jax",
    "linalg",
    "nufft",
    "optimize",
    "signal",
    "special",
    "sparse",
    "structured",
    "testing",
    "torch",
)
_STRUCTURED = (
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
    "SymTridiagonal",
    "Symmetric",
    "Toeplitz",
    "Tridiagonal",
    "UnitLowerTriangular",
    "UnitUpperTriangular",
    "UpperTriangular",
)


def __getattr__(name: str) -> Any:
    """fr.linalg, fr.Symmetric and such are imported when first used: they load SciPy, or take a while."""
    if name in _SUBPACKAGES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _STRUCTURED:
        return getattr(importlib.import_module(f"{__name__}.structured"), name)
    if name == "patch":
        return importlib.import_module(f"{__name__}.patching").patch
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_SUBPACKAGES, *_STRUCTURED, "patch"])


__all__ = [
    "CoercionError",
    "ConvergenceError",
    "FrechetError",
    "InPlaceError",
    "LinearMap",
    "NotDifferentiableError",
    "RuleError",
    "SpaceError",
    "TraceEndedError",
    "array",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "linearize",
    "register_space",
    "register_structure",
    "rule",
    "space",
    "stop_gradient",
    "value_and_grad",
    "vjp",
]
