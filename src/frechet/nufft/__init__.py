"""Nonuniform fast Fourier transforms."""

from ._transforms import nufft1, nufft2, nufft3, rnufft1, rnufft2

__all__ = ["nufft1", "nufft2", "nufft3", "rnufft1", "rnufft2"]
