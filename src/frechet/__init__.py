"""Frechet: exact derivatives of numerical Python.  A derivative is a linear map; write it once."""

from __future__ import annotations

from . import rules as rules
from .custom import rule
from .errors import (
    CoercionError,
    FrechetError,
    InPlaceError,
    NotDifferentiableError,
    RuleError,
    SpaceError,
    TraceEndedError,
)
from .linear_map import LinearMap
from .space import register_space, space
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
__all__ = [
    "CoercionError",
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
    "rule",
    "space",
    "stop_gradient",
    "value_and_grad",
    "vjp",
]
