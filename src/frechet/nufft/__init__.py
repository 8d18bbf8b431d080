"""Nonuniform fast Fourier transforms."""

from ._transforms import nufft1, nufft2, rnufft1, rnufft2
from ._type3 import nufft3

__all__ = ["nufft1", "nufft2", "nufft3", "rnufft1", "rnufft2"]
