"""Filters and convolutions with derivatives: scipy.signal's functions, with its names and signatures.

Every function takes plain and traced arrays and is differentiable to any order, by the signal and by the
coefficients of the filter.
"""

from __future__ import annotations

from ._convolve import convolve, convolve2d, correlate, correlate2d, fftconvolve, oaconvolve
from ._filter import deconvolve, filtfilt, lfilter, lfilter_zi, sosfilt, sosfilt_zi, sosfiltfilt
from ._linear import detrend, hilbert, savgol_filter

__all__ = [
    "convolve",
    "convolve2d",
    "correlate",
    "correlate2d",
    "deconvolve",
    "detrend",
    "fftconvolve",
    "filtfilt",
    "hilbert",
    "lfilter",
    "lfilter_zi",
    "oaconvolve",
    "savgol_filter",
    "sosfilt",
    "sosfilt_zi",
    "sosfiltfilt",
]
