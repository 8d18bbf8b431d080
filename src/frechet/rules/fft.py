"""numpy.fft.  Every transform is linear, so its derivative is the transform itself: see fft_maps.

SciPy's transforms, whose rules are in frechet.fft, reach traced arrays through a backend; it is made known to
scipy.fft from here, when the first function is differentiated.
"""

from __future__ import annotations

import importlib
import operator
import warnings
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..linear_map import Array, LinearMap, identity, linear
from ..rule import rule_for
from .fft_maps import c2c_map, c2r_map, r2c_map

Result = tuple[Array, LinearMap]

# SciPy's backend belongs to the floor above; this is the moment at which it is needed, so it is entered by
# name.
importlib.import_module("..fft.backend", __package__).register_when_imported()


def _axis(axis: Any, ndim: int) -> int:
    """An axis, counted from the end."""
    return int(normalize_axis_index(operator.index(axis), ndim)) - ndim


def _size(n: Any) -> int:
    size = operator.index(n)
    if size < 1:
        raise ValueError(f"Invalid number of FFT data points ({size}) specified.")
    return size


def _along_one(a: Array, n: Any, axis: Any, halved: bool = False) -> tuple[list[int], list[int]]:
    """Axis and length of a one-dimensional transform; for ``halved`` input the default is n = 2(m − 1)."""
    k = _axis(axis, np.ndim(a))
    if n is None:
        n = 2 * (a.shape[k] - 1) if halved else a.shape[k]
    return [k], [_size(n)]


def _along_several(a: Array, s: Any, axes: Any, halved: bool = False) -> tuple[list[int], list[int]]:
    """Axes and lengths of an n-dimensional transform, with NumPy's defaults."""
    ndim = np.ndim(a)
    if s is not None and axes is None:
        warnings.warn(
            "np.fft: `axes` should not be None if `s` is not None (deprecated in NumPy 2.0)",
            DeprecationWarning,
            stacklevel=2,
        )
        axes = range(-len(s), 0)
    axes = [_axis(k, ndim) for k in (range(ndim) if axes is None else axes)]
    lengths = [a.shape[k] for k in axes]
    if halved and axes:
        lengths[-1] = 2 * (lengths[-1] - 1)
    if s is not None:
        s = list(s)
        if len(s) != len(axes):
            raise ValueError("Shape and axes have different lengths.")
        # None stands for the default of the one-dimensional transform, −1 for the whole input.
        lengths = [
            n if m is None else a.shape[k] if m == -1 else m for m, n, k in zip(s, lengths, axes, strict=True)
        ]
    return axes, [_size(n) for n in lengths]


def _c2c(a: Array, along: tuple[list[int], list[int]], is_forward: bool, norm: Any) -> Result:
    m = c2c_map(np.shape(a), *along, is_forward, norm, np.isrealobj(a))
    return m.push(a), m


def _c2c_several(a: Array, s: Any, axes: Any, is_forward: bool, norm: Any) -> Result:
    along = _along_several(a, s, axes)
    return _c2c(a, along, is_forward, norm) if along[0] else (a, identity)  # as NumPy: nothing to transform


def _r2c(a: Array, along: tuple[list[int], list[int]], is_forward: bool, norm: Any) -> Result:
    if np.iscomplexobj(a):
        raise TypeError(
            "np.fft.rfft, ihfft, rfft2, rfftn transform real input; use fft for complex, or take x.real"
        )
    if not along[0]:
        raise IndexError("at least one axis must be transformed")
    m = r2c_map(np.shape(a), *along, is_forward, norm)
    return m.push(a), m


def _c2r(a: Array, along: tuple[list[int], list[int]], is_forward: bool, norm: Any) -> Result:
    if not along[0]:
        raise IndexError("at least one axis must be transformed")
    m = c2r_map(np.shape(a), *along, is_forward, norm, np.isrealobj(a))
    y = m.push(a)
    if a.dtype == np.float16:  # SciPy transforms it in single precision, NumPy returns its own
        y = np.astype(y, a.dtype)
    return y, m


@rule_for(np.fft.fft)
def fft(a: Array, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Result:
    return _c2c(a, _along_one(a, n, axis), True, norm)


@rule_for(np.fft.ifft)
def ifft(a: Array, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Result:
    return _c2c(a, _along_one(a, n, axis), False, norm)


@rule_for(np.fft.rfft)
def rfft(a: Array, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Result:
    return _r2c(a, _along_one(a, n, axis), True, norm)


@rule_for(np.fft.irfft)
def irfft(a: Array, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Result:
    return _c2r(a, _along_one(a, n, axis, halved=True), False, norm)


@rule_for(np.fft.hfft)
def hfft(a: Array, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Result:
    return _c2r(a, _along_one(a, n, axis, halved=True), True, norm)


@rule_for(np.fft.ihfft)
def ihfft(a: Array, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Result:
    return _r2c(a, _along_one(a, n, axis), False, norm)


@rule_for(np.fft.fftn, may_view=True)
def fftn(a: Array, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Result:
    return _c2c_several(a, s, axes, True, norm)


@rule_for(np.fft.ifftn, may_view=True)
def ifftn(a: Array, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Result:
    return _c2c_several(a, s, axes, False, norm)


@rule_for(np.fft.fft2, may_view=True)
def fft2(a: Array, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Result:
    return _c2c_several(a, s, axes, True, norm)


@rule_for(np.fft.ifft2, may_view=True)
def ifft2(a: Array, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Result:
    return _c2c_several(a, s, axes, False, norm)


@rule_for(np.fft.rfftn)
def rfftn(a: Array, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Result:
    return _r2c(a, _along_several(a, s, axes), True, norm)


@rule_for(np.fft.rfft2)
def rfft2(a: Array, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Result:
    return _r2c(a, _along_several(a, s, axes), True, norm)


@rule_for(np.fft.irfftn)
def irfftn(a: Array, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Result:
    return _c2r(a, _along_several(a, s, axes, halved=True), False, norm)


@rule_for(np.fft.irfft2)
def irfft2(a: Array, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Result:
    return _c2r(a, _along_several(a, s, axes, halved=True), False, norm)


def _shift(x: Array, axes: Any) -> LinearMap:
    """fftshift and its adjoint, which is its inverse."""
    ndim = np.ndim(x)
    if axes is None:
        axes = range(ndim)
    axes = [_axis(k, ndim) for k in ((axes,) if isinstance(axes, (int, np.integer)) else axes)]
    return linear(lambda v: np.fft.fftshift(v, axes), lambda w: np.fft.ifftshift(w, axes))


@rule_for(np.fft.fftshift)
def fftshift(x: Array, axes: Any = None) -> Result:
    return np.fft.fftshift(x, axes), _shift(x, axes)


@rule_for(np.fft.ifftshift)
def ifftshift(x: Array, axes: Any = None) -> Result:
    return np.fft.ifftshift(x, axes), _shift(x, axes).adjoint
