"""The Fourier transforms of scipy.fft, on plain and traced arrays.

All are linear; the derivative of each is itself, and its adjoint one transform of the other direction: see
rules.fft_maps.  Value, pushforward and pullback cost one transform each, O(N log N) for N entries.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear_map import Array, identity
from ..rules.fft_maps import c2c_map, c2r_map, r2c_map
from .arguments import ONE_AXIS, SEVERAL_AXES, axes_and_sizes, axis_and_size, refuse_plan, scipy_function

Along = tuple[list[int], list[int]]  # axes and lengths


def _full_length(m: int) -> int:
    """The length of the real side that belongs by default to m entries of a half spectrum."""
    return 2 * (m - 1)


def _c2c(x: Array, along: Along, is_forward: bool, norm: Any, workers: Any, plan: Any) -> Any:
    refuse_plan(plan)
    if not along[0]:
        return x, identity  # as SciPy: nothing to transform
    m = c2c_map(np.shape(x), *along, is_forward, norm, np.isrealobj(x), workers)
    return m.push(x), m


def _r2c(x: Array, along: Along, is_forward: bool, norm: Any, workers: Any, plan: Any) -> Any:
    refuse_plan(plan)
    m = r2c_map(np.shape(x), *along, is_forward, norm, workers)
    return m.push(x), m


def _c2r(x: Array, along: Along, is_forward: bool, norm: Any, workers: Any, plan: Any) -> Any:
    refuse_plan(plan)
    m = c2r_map(np.shape(x), *along, is_forward, norm, np.isrealobj(x), workers)
    return m.push(x), m


@scipy_function(ONE_AXIS)
def fft(
    x: Array,
    n: Any = None,
    axis: int = -1,
    norm: Any = None,
    overwrite_x: bool = False,
    workers: Any = None,
    *,
    plan: Any = None,
) -> Any:
    """Discrete Fourier transform along one axis: y_k = Σ_n x_n exp(−2πi k n/N).

    Complex, of the shape of x with length n along the axis.  Adjoint: y ↦ Σ_k y_k exp(+2πi k n/N), its real
    part for real x (computed from half a spectrum).

    «parameters»

    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.grad(lambda x: np.abs(fft(x)[0]))(np.array([1.0, 2.0, 3.0]))
    array([1., 1., 1.])
    """
    return _c2c(x, axis_and_size(x, n, axis), True, norm, workers, plan)


@scipy_function(ONE_AXIS)
def ifft(
    x: Array,
    n: Any = None,
    axis: int = -1,
    norm: Any = None,
    overwrite_x: bool = False,
    workers: Any = None,
    *,
    plan: Any = None,
) -> Any:
    """Inverse of `fft`: x_n = Σ_k y_k exp(2πi k n/N)/N.

    Complex, of the shape of x with length n along the axis.  Adjoint: fft(·)/N.

    «parameters»

    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.vjp(ifft, np.array([1j, 0, 0, 0]))[1](np.array([4 + 0j, 0, 0, 0]))[0].real
    array([1., 1., 1., 1.])
    """
    return _c2c(x, axis_and_size(x, n, axis), False, norm, workers, plan)


@scipy_function(ONE_AXIS)
def rfft(
    x: Array,
    n: Any = None,
    axis: int = -1,
    norm: Any = None,
    overwrite_x: bool = False,
    workers: Any = None,
    *,
    plan: Any = None,
) -> Any:
    """Fourier transform of real input along one axis: the entries 0 … n/2 of `fft`.

    Complex, with n//2 + 1 entries along the axis.  Adjoint: one complex-to-real transform, of the cotangent
    halved except at k = 0 and, for even n, k = n/2.

    «parameters»

    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.vjp(rfft, np.array([1.0, 2.0, 3.0]))[1](np.array([1 + 0j, 0]))
    (array([1., 1., 1.]),)
    """
    return _r2c(x, axis_and_size(x, n, axis), True, norm, workers, plan)


@scipy_function(ONE_AXIS)
def irfft(
    x: Array,
    n: Any = None,
    axis: int = -1,
    norm: Any = None,
    overwrite_x: bool = False,
    workers: Any = None,
    *,
    plan: Any = None,
) -> Any:
    """Inverse of `rfft`: real output from a half spectrum along one axis.

    Real, of length n (by default 2(m − 1) for m entries) along the axis.  Adjoint: rfft(·)/n, doubled
    except at k = 0 and, for even n, k = n/2.

    «parameters»

    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.grad(lambda y: irfft(y)[0])(np.ones(3, complex)).real
    array([0.25, 0.5 , 0.25])
    """
    return _c2r(x, axis_and_size(x, n, axis, _full_length), False, norm, workers, plan)


@scipy_function(ONE_AXIS)
def hfft(
    x: Array,
    n: Any = None,
    axis: int = -1,
    norm: Any = None,
    overwrite_x: bool = False,
    workers: Any = None,
    *,
    plan: Any = None,
) -> Any:
    """Fourier transform of a Hermitian signal, given by its first half: real output.

    Real, of length n (by default 2(m − 1) for m entries) along the axis: irfft of the conjugate, without
    the factor 1/n. Adjoint: ihfft without its factor, doubled except at k = 0 and, for even n, k = n/2.

    «parameters»

    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.grad(lambda y: hfft(y)[0])(np.ones(3, complex)).real
    array([1., 2., 1.])
    """
    return _c2r(x, axis_and_size(x, n, axis, _full_length), True, norm, workers, plan)


@scipy_function(ONE_AXIS)
def ihfft(
    x: Array,
    n: Any = None,
    axis: int = -1,
    norm: Any = None,
    overwrite_x: bool = False,
    workers: Any = None,
    *,
    plan: Any = None,
) -> Any:
    """Inverse of `hfft`: half of a Hermitian signal from real input.

    Complex, with n//2 + 1 entries along the axis: conj(rfft)/n.  Adjoint: hfft(·)/n of the cotangent halved
    except at k = 0 and, for even n, k = n/2.

    «parameters»

    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.vjp(ihfft, np.array([1.0, 2.0, 3.0, 4.0]))[1](np.array([4 + 0j, 0, 0]))
    (array([1., 1., 1., 1.]),)
    """
    return _r2c(x, axis_and_size(x, n, axis), False, norm, workers, plan)


@scipy_function(SEVERAL_AXES, may_view=True)
def fft2(
    x: Array,
    s: Any = None,
    axes: Any = (-2, -1),
    norm: Any = None,
    overwrite_x: bool = False,
    workers: Any = None,
    *,
    plan: Any = None,
) -> Any:
    """The two-dimensional form of `fft`.

    Complex, of the shape of x with the lengths s along the axes.  Adjoint as for `fft`, along each axis.

    «parameters»

    >>> import numpy as np
    >>> import frechet as fr
    >>> x = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> fr.grad(lambda x: np.sum(np.abs(fft2(x)) ** 2))(x)  # Parseval: 2 N x
    array([[ 8., 16.],
           [24., 32.]])
    """
    return _c2c(x, axes_and_sizes(x, s, axes), True, norm, workers, plan)


@scipy_function(SEVERAL_AXES, may_view=True)
def ifft2(
    x: Array,
    s: Any = None,
    axes: Any = (-2, -1),
    norm: Any = None,
    overwrite_x: bool = False,
    workers: Any = None,
    *,
    plan: Any = None,
) -> Any:
    """The two-dimensional form of `ifft`.

    Complex, of the shape of x with the lengths s along the axes.  Adjoint as for `ifft`, along each axis.

    «parameters»

    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.grad(lambda y: ifft2(y)[0, 0].real)(np.eye(2, dtype=complex)).real
    array([[0.25, 0.25],
           [0.25, 0.25]])
    """
    return _c2c(x, axes_and_sizes(x, s, axes), False, norm, workers, plan)


@scipy_function(SEVERAL_AXES)
def rfft2(
    x: Array,
    s: Any = None,
    axes: Any = (-2, -1),
    norm: Any = None,
    overwrite_x: bool = False,
    workers: Any = None,
    *,
    plan: Any = None,
) -> Any:
    """The two-dimensional form of `rfft`.

    Complex, with s[-1]//2 + 1 entries along the last of the axes.  Adjoint as for `rfft`: only that axis
    has weights.

    «parameters»

    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.grad(lambda x: rfft2(x)[0, 0].real)(np.eye(2))
    array([[1., 1.],
           [1., 1.]])
    """
    return _r2c(x, axes_and_sizes(x, s, axes, at_least_one=True), True, norm, workers, plan)


@scipy_function(SEVERAL_AXES)
def irfft2(
    x: Array,
    s: Any = None,
    axes: Any = (-2, -1),
    norm: Any = None,
    overwrite_x: bool = False,
    workers: Any = None,
    *,
    plan: Any = None,
) -> Any:
    """The two-dimensional form of `irfft`.

    Real, with the lengths s along the axes.  Adjoint as for `irfft`: only the last of the axes has weights.

    «parameters»

    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.grad(lambda y: irfft2(y)[0, 0])(np.ones((2, 3), complex)).real
    array([[0.125, 0.25 , 0.125],
           [0.125, 0.25 , 0.125]])
    """
    return _c2r(x, axes_and_sizes(x, s, axes, _full_length, at_least_one=True), False, norm, workers, plan)


@scipy_function(SEVERAL_AXES)
def hfft2(
    x: Array,
    s: Any = None,
    axes: Any = (-2, -1),
    norm: Any = None,
    overwrite_x: bool = False,
    workers: Any = None,
    *,
    plan: Any = None,
) -> Any:
    """The two-dimensional form of `hfft`.

    Real, with the lengths s along the axes.  Adjoint as for `hfft`: only the last of the axes has weights.

    «parameters»

    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.grad(lambda y: hfft2(y)[0, 0])(np.ones((2, 3), complex)).real
    array([[1., 2., 1.],
           [1., 2., 1.]])
    """
    return _c2r(x, axes_and_sizes(x, s, axes, _full_length, at_least_one=True), True, norm, workers, plan)


@scipy_function(SEVERAL_AXES)
def ihfft2(
    x: Array,
    s: Any = None,
    axes: Any = (-2, -1),
    norm: Any = None,
    overwrite_x: bool = False,
    workers: Any = None,
    *,
    plan: Any = None,
) -> Any:
    """The two-dimensional form of `ihfft`.

    Complex, with s[-1]//2 + 1 entries along the last of the axes.  Adjoint as for `ihfft`: only that axis
    has weights.

    «parameters»

    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.grad(lambda x: ihfft2(x)[0, 0].real)(np.eye(2))
    array([[0.25, 0.25],
           [0.25, 0.25]])
    """
    return _r2c(x, axes_and_sizes(x, s, axes, at_least_one=True), False, norm, workers, plan)


@scipy_function(SEVERAL_AXES, may_view=True)
def fftn(
    x: Array,
    s: Any = None,
    axes: Any = None,
    norm: Any = None,
    overwrite_x: bool = False,
    workers: Any = None,
    *,
    plan: Any = None,
) -> Any:
    """The n-dimensional form of `fft`.

    Complex, of the shape of x with the lengths s along the axes.  Adjoint as for `fft`, along each axis.

    «parameters»

    >>> import numpy as np
    >>> import frechet as fr
    >>> x = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> fr.grad(lambda x: np.sum(np.abs(fftn(x)) ** 2))(x)  # Parseval: 2 N x
    array([[ 8., 16.],
           [24., 32.]])
    """
    return _c2c(x, axes_and_sizes(x, s, axes), True, norm, workers, plan)


@scipy_function(SEVERAL_AXES, may_view=True)
def ifftn(
    x: Array,
    s: Any = None,
    axes: Any = None,
    norm: Any = None,
    overwrite_x: bool = False,
    workers: Any = None,
    *,
    plan: Any = None,
) -> Any:
    """The n-dimensional form of `ifft`.

    Complex, of the shape of x with the lengths s along the axes.  Adjoint as for `ifft`, along each axis.

    «parameters»

    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.grad(lambda y: ifftn(y)[0, 0].real)(np.eye(2, dtype=complex)).real
    array([[0.25, 0.25],
           [0.25, 0.25]])
    """
    return _c2c(x, axes_and_sizes(x, s, axes), False, norm, workers, plan)


@scipy_function(SEVERAL_AXES)
def rfftn(
    x: Array,
    s: Any = None,
    axes: Any = None,
    norm: Any = None,
    overwrite_x: bool = False,
    workers: Any = None,
    *,
    plan: Any = None,
) -> Any:
    """The n-dimensional form of `rfft`.

    Complex, with s[-1]//2 + 1 entries along the last of the axes.  Adjoint as for `rfft`: only that axis
    has weights.

    «parameters»

    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.grad(lambda x: rfftn(x)[0, 0].real)(np.eye(2))
    array([[1., 1.],
           [1., 1.]])
    """
    return _r2c(x, axes_and_sizes(x, s, axes, at_least_one=True), True, norm, workers, plan)


@scipy_function(SEVERAL_AXES)
def irfftn(
    x: Array,
    s: Any = None,
    axes: Any = None,
    norm: Any = None,
    overwrite_x: bool = False,
    workers: Any = None,
    *,
    plan: Any = None,
) -> Any:
    """The n-dimensional form of `irfft`.

    Real, with the lengths s along the axes.  Adjoint as for `irfft`: only the last of the axes has weights.

    «parameters»

    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.grad(lambda y: irfftn(y)[0, 0])(np.ones((2, 3), complex)).real
    array([[0.125, 0.25 , 0.125],
           [0.125, 0.25 , 0.125]])
    """
    return _c2r(x, axes_and_sizes(x, s, axes, _full_length, at_least_one=True), False, norm, workers, plan)


@scipy_function(SEVERAL_AXES)
def hfftn(
    x: Array,
    s: Any = None,
    axes: Any = None,
    norm: Any = None,
    overwrite_x: bool = False,
    workers: Any = None,
    *,
    plan: Any = None,
) -> Any:
    """The n-dimensional form of `hfft`.

    Real, with the lengths s along the axes.  Adjoint as for `hfft`: only the last of the axes has weights.

    «parameters»

    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.grad(lambda y: hfftn(y)[0, 0])(np.ones((2, 3), complex)).real
    array([[1., 2., 1.],
           [1., 2., 1.]])
    """
    return _c2r(x, axes_and_sizes(x, s, axes, _full_length, at_least_one=True), True, norm, workers, plan)


@scipy_function(SEVERAL_AXES)
def ihfftn(
    x: Array,
    s: Any = None,
    axes: Any = None,
    norm: Any = None,
    overwrite_x: bool = False,
    workers: Any = None,
    *,
    plan: Any = None,
) -> Any:
    """The n-dimensional form of `ihfft`.

    Complex, with s[-1]//2 + 1 entries along the last of the axes.  Adjoint as for `ihfft`: only that axis
    has weights.

    «parameters»

    >>> import numpy as np
    >>> import frechet as fr
    >>> fr.grad(lambda x: ihfftn(x)[0, 0].real)(np.eye(2))
    array([[0.25, 0.25],
           [0.25, 0.25]])
    """
    return _r2c(x, axes_and_sizes(x, s, axes, at_least_one=True), False, norm, workers, plan)
