"""Nonuniform fast Fourier transforms, differentiable in everything; and FINUFFT's names for them."""

from ..guests import through_doors as _through_doors
from ._finufft import (
    nufft1d1,
    nufft1d2,
    nufft1d3,
    nufft2d1,
    nufft2d2,
    nufft2d3,
    nufft3d1,
    nufft3d2,
    nufft3d3,
)
from ._plan import Plan
from ._transforms import nufft1, nufft2, rnufft1, rnufft2
from ._type3 import nufft3

__all__ = [
    "Plan",
    "nufft1",
    "nufft1d1",
    "nufft1d2",
    "nufft1d3",
    "nufft2",
    "nufft2d1",
    "nufft2d2",
    "nufft2d3",
    "nufft3",
    "nufft3d1",
    "nufft3d2",
    "nufft3d3",
    "rnufft1",
    "rnufft2",
]

for _name in __all__:
    if callable(globals().get(_name)) and not isinstance(globals()[_name], type):
        globals()[_name] = _through_doors(globals()[_name])
