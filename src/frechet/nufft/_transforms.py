"""nufft1 and nufft2 in any dimension, and rnufft1 and rnufft2 for real values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..linear_map import Array
from ._arguments import (
    TWO_PI,
    Options,
    checked_coefficients,
    checked_dipoles,
    checked_modes,
    checked_options,
    checked_points,
    checked_values,
    in_common_precision,
    is_single,
    is_traced,
    sign_of,
)
from ._grid import check_tolerance
from ._place import Place, place


def nufft1(
    points: Array,
    values: Array,
    n_modes: int | Sequence[int],
    *,
    dipoles: Array | None = None,
    eps: float = 1e-6,
    isign: int = 1,
    modeord: int = 0,
    period: float | Sequence[float] = TWO_PI,
    upsampfac: float = 0.0,
    nthreads: int = 0,
    fft: str | None = None,
) -> Array:
    """Nonuniform to uniform: the Fourier modes of values at points (type 1).

    Parameters
    ----------
    points : (M, d) array_like
        x, real, with d = 1, 2 or 3; (M,) in one dimension.  In radians, of any size: they are taken modulo
        the period.
    values : (..., M) array_like
        c, complex or real.  Their precision is that of the transform; points may be of the other one.
    n_modes : int or sequence of d int
        How many modes there are along each axis: n.
    dipoles : (..., M, d) array_like, optional
        p, complex or real; (M,) for one transform in one dimension.  Their term is added in the same pass
        over the points: it takes no further Fourier transform.
    eps : float, optional
        The relative ℓ² error that is allowed; where points are traced, or there are dipoles, of derivatives,
        too.
    isign : int, optional
        The sign of the exponent: + if it is not negative.
    modeord : {0, 1}, optional
        The order of modes: 0 for −⌊n/2⌋, ..., ⌈n/2⌉ − 1; 1 for that of `numpy.fft`, from 0 on.
    period : float or sequence of d floats, optional
        P: of points, 2π by default.
    upsampfac : float, optional
        The ratio of grid points to modes, from 1.1 to 4; by default it is chosen.
    nthreads : int, optional
        Threads; by default, as many as the process may use cores.
    fft : {"ducc0", "scipy"}, optional
        The library that transforms grids; by default ducc0 where it is installed.

    Returns
    -------
    (..., n₁, ..., n_d) array
        f, complex.  Axis a belongs to coordinate a.

    Raises
    ------
    ValueError
        If shapes do not fit, an option is out of its range, or a point is not finite.
    TypeError
        If a dtype is not supported.
    MemoryError
        If the grid would be larger than the machine's memory.
    NotDifferentiableError
        If period is traced.

    Warns
    -----
    RuntimeWarning
        If eps is out of reach: rounding alone makes an error of about 10⁻¹⁶ n (10⁻⁷ n in single precision).

    See Also
    --------
    nufft2 : The adjoint, with the other sign.
    rnufft1 : For real values, with half the modes and half the memory.
    Plan : For several transforms with the same points.

    Notes
    -----
    With k·x = Σ_a 2π k_a x_a/P_a,

        f_k = Σ_j (c_j + Σ_a p_ja ∂/∂x_ja) e^{±i k·x_j}.

    The values are spread onto a grid with a kernel, and what that did to the modes is divided out after a
    Fourier transform (Dutt & Rokhlin 1993, doi:10.1137/0914081).  One Fourier transform and one pass over the
    points; for the gradients by values, points and dipoles together one more of each.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> x = np.array([0.5, -1.2, 2.0])
    >>> c = np.array([1.0, 2.0, -1.0])
    >>> f = fr.nufft.nufft1(x, c, 5, eps=1e-12)
    >>> bool(np.allclose(f, np.exp(1j * np.outer(np.arange(-2, 3), x)) @ c))
    True

    The gradient of the power at frequency 1, by points:

    >>> fr.grad(lambda x: np.abs(fr.nufft.nufft1(x, c, 5, eps=1e-12)[3]) ** 2)(x).round(4)
    array([-5.9616,  4.2002,  1.7615])
    """
    options = checked_options(
        "nufft1", eps, modeord=modeord, period=period, upsampfac=upsampfac, nthreads=nthreads, fft=fft
    )
    points = checked_points(points, "nufft1")
    values = checked_values(values, points, "nufft1")
    return transform1(points, values, n_modes, dipoles, isign, options, "nufft1")


def transform1(
    points: Array, values: Array, n_modes: Any, dipoles: Array | None, isign: int, options: Options, name: str
) -> Array:
    """nufft1 of checked points and values."""
    modes = checked_modes(n_modes, points.shape[1], name)
    sign = sign_of(isign, name)
    if dipoles is not None:
        dipoles = checked_dipoles(dipoles, points, values.shape[:-1], name)
        values, dipoles = in_common_precision(values, dipoles)
    slopes = is_traced(points) or dipoles is not None
    return placed(points, modes, -sign, is_single(values), slopes, options, name).to_modes(values, dipoles)


def nufft2(
    points: Array,
    modes: Array,
    *,
    gradient: bool = False,
    eps: float = 1e-6,
    isign: int = -1,
    modeord: int = 0,
    period: float | Sequence[float] = TWO_PI,
    upsampfac: float = 0.0,
    nthreads: int = 0,
    fft: str | None = None,
) -> Any:
    """Uniform to nonuniform: a Fourier series at points (type 2).

    Parameters
    ----------
    points : (M, d) array_like
        x, real, with d = 1, 2 or 3; (M,) in one dimension.  In radians, of any size: they are taken modulo
        the period.
    modes : (..., n₁, ..., n_d) array_like
        f, complex or real.  Axis a belongs to coordinate a.  Their precision is that of the transform; points
        may be of the other one.
    gradient : bool, optional
        Whether the gradients by the points are wanted as well.  They come from the same Fourier transform,
        and the same pass over the points.
    eps : float, optional
        The relative ℓ² error that is allowed; where points are traced, or gradients wanted, of derivatives,
        too.
    isign : int, optional
        The sign of the exponent: + if it is not negative.
    modeord : {0, 1}, optional
        The order of modes: 0 for −⌊n/2⌋, ..., ⌈n/2⌉ − 1; 1 for that of `numpy.fft`, from 0 on.
    period : float or sequence of d floats, optional
        P: of points, 2π by default.
    upsampfac : float, optional
        The ratio of grid points to modes, from 1.1 to 4; by default it is chosen.
    nthreads : int, optional
        Threads; by default, as many as the process may use cores.
    fft : {"ducc0", "scipy"}, optional
        The library that transforms grids; by default ducc0 where it is installed.

    Returns
    -------
    values : (..., M) array
        v, complex.
    gradients : (..., M, d) array
        ∂v_j/∂x_ja, complex; only with ``gradient``.

    Raises
    ------
    ValueError, TypeError, MemoryError, NotDifferentiableError
        As for `nufft1`.

    Warns
    -----
    RuntimeWarning
        As for `nufft1`.

    See Also
    --------
    nufft1 : The adjoint, with the other sign.
    rnufft2 : For real values, with half the modes and half the memory.
    Plan : For several transforms with the same points.

    Notes
    -----
    With k·x = Σ_a 2π k_a x_a/P_a,

        v_j = Σ_k f_k e^{±i k·x_j}.

    The modes, divided by those of a kernel, are transformed to a grid and interpolated with the kernel (Dutt
    & Rokhlin 1993, doi:10.1137/0914081); the kernel's derivative gives the gradients.  One Fourier transform
    and one pass over the points.  The gradient by the points takes no more than that, the one by modes one
    more of each.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> x = np.array([0.5, -1.2, 2.0])
    >>> f = np.array([-0.5j, 0.0, 0.5j])                      # sin x, as the sign is negative
    >>> sine, cosine = fr.nufft.nufft2(x, f, gradient=True, eps=1e-12)
    >>> bool(np.allclose(sine, np.sin(x)) and np.allclose(cosine[:, 0], np.cos(x)))
    True
    >>> fr.grad(lambda x: np.sum(fr.nufft.nufft2(x, f, eps=1e-12).real))(x).round(4)
    array([ 0.8776,  0.3624, -0.4161])
    """
    options = checked_options(
        "nufft2", eps, modeord=modeord, period=period, upsampfac=upsampfac, nthreads=nthreads, fft=fft
    )
    points = checked_points(points, "nufft2")
    modes = checked_coefficients(modes, points, "nufft2")
    return transform2(points, modes, gradient, isign, options, "nufft2")


def transform2(points: Array, modes: Array, gradient: bool, isign: int, options: Options, name: str) -> Any:
    """nufft2 of checked points and modes."""
    sign = sign_of(isign, name)
    shape = modes.shape[modes.ndim - points.shape[1] :]
    slopes = is_traced(points) or gradient
    return placed(points, shape, sign, is_single(modes), slopes, options, name).to_points(modes, gradient)


def rnufft1(
    points: Array,
    values: Array,
    n_modes: int | Sequence[int],
    *,
    eps: float = 1e-6,
    isign: int = 1,
    modeord: int = 0,
    period: float | Sequence[float] = TWO_PI,
    upsampfac: float = 0.0,
    nthreads: int = 0,
    fft: str | None = None,
) -> Array:
    """The Fourier modes of real values at points: those whose last frequency is not negative.

    As `numpy.fft.rfftn` is to `numpy.fft.fftn`, this is to `nufft1`: the other modes are the conjugates of
    these.

    Parameters
    ----------
    points : (M, d) array_like
        x, as for `nufft1`.
    values : (..., M) array_like
        c, real.
    n_modes : int or sequence of d int
        n: the frequencies of the last axis are 0, ..., ⌊n_d/2⌋, those of the others as for `nufft1`.
    eps, isign, modeord, period, upsampfac, nthreads, fft
        As for `nufft1`; modeord is the order of the axes before the last.

    Returns
    -------
    (..., n₁, ..., ⌊n_d/2⌋ + 1) array
        f, complex.

    Raises
    ------
    TypeError
        If values are complex, or a dtype is not supported.
    ValueError, MemoryError, NotDifferentiableError
        As for `nufft1`.

    Warns
    -----
    RuntimeWarning
        As for `nufft1`.

    See Also
    --------
    nufft1 : For complex values.
    rnufft2 : A real Fourier series from such modes.

    Notes
    -----
    f_k = Σ_j c_j e^{±i k·x_j}.  The grid is real, which takes half the memory of `nufft1`, and less time.
    One Fourier transform and one pass over the points, for the gradients by values and points together one
    more of each.

    For an even n_d the last frequency is n_d/2; in `nufft1` it is −n_d/2 instead, the conjugate.

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> x = np.array([0.5, -1.2, 2.0])
    >>> c = np.array([1.0, 2.0, -1.0])
    >>> f = fr.nufft.rnufft1(x, c, 5, eps=1e-12)
    >>> bool(np.allclose(f, fr.nufft.nufft1(x, c, 5, eps=1e-12)[2:]))
    True
    >>> fr.grad(lambda x: np.abs(fr.nufft.rnufft1(x, c, 5, eps=1e-12)[1]) ** 2)(x).round(4)
    array([-5.9616,  4.2002,  1.7615])
    """
    name = "rnufft1"
    options = checked_options(
        name, eps, modeord=modeord, period=period, upsampfac=upsampfac, nthreads=nthreads, fft=fft
    )
    points = checked_points(points, name)
    shape = checked_modes(n_modes, points.shape[1], name)
    sign = sign_of(isign, name)
    values = checked_values(values, points, name, real=True)
    single, slopes = is_single(values), is_traced(points)
    # its adjoint counts modes that stand for two with ½, since the transform to a real grid counts them twice
    return placed(points, shape, -sign, single, slopes, options, name, halved=True, weight=0.5).to_modes(
        values
    )


def rnufft2(
    points: Array,
    modes: Array,
    n_modes: int | Sequence[int],
    *,
    gradient: bool = False,
    eps: float = 1e-6,
    isign: int = -1,
    modeord: int = 0,
    period: float | Sequence[float] = TWO_PI,
    upsampfac: float = 0.0,
    nthreads: int = 0,
    fft: str | None = None,
) -> Any:
    """A real Fourier series at points, from its modes with a last frequency that is not negative.

    As `numpy.fft.irfftn` is to `numpy.fft.ifftn`, this is to `nufft2`.

    Parameters
    ----------
    points : (M, d) array_like
        x, as for `nufft1`.
    modes : (..., n₁, ..., ⌊n_d/2⌋ + 1) array_like
        f, complex or real.
    n_modes : int or sequence of d int
        n: the frequencies of the last axis are 0, ..., ⌊n_d/2⌋, those of the others as for `nufft2`.
    gradient : bool, optional
        Whether the gradients by the points are wanted as well, see `nufft2`.
    eps, isign, modeord, period, upsampfac, nthreads, fft
        As for `nufft2`; modeord is the order of the axes before the last.

    Returns
    -------
    values : (..., M) array
        v, real.
    gradients : (..., M, d) array
        ∂v_j/∂x_ja, real; only with ``gradient``.

    Raises
    ------
    ValueError, TypeError, MemoryError, NotDifferentiableError
        As for `nufft1`.

    Warns
    -----
    RuntimeWarning
        As for `nufft1`.

    See Also
    --------
    nufft2 : For complex series.
    rnufft1 : The modes of real values.

    Notes
    -----
    Modes stand for their conjugates at the opposite frequencies, too:

        v_j = Re (Σ_{k, k_d = 0} f_k e^{±i k·x_j} + 2 Σ_{k, k_d > 0} f_k e^{±i k·x_j}).

    The grid is real, which takes half the memory of `nufft2`, and less time.  One Fourier transform and one
    pass over the points; the gradient by the points takes no more than that, the one by modes one more of
    each.

    For an even n_d the modes at the frequency n_d/2 stand for their conjugates at −n_d/2 in the same way.  (A
    grid of n_d points cannot tell these from each other, and `numpy.fft.irfft` counts them once.)

    Examples
    --------
    >>> import numpy as np
    >>> import frechet as fr
    >>> x = np.array([0.5, -1.2, 2.0])
    >>> f = np.array([1.0, 0.5])                              # 1 + cos x
    >>> value, slope = fr.nufft.rnufft2(x, f, 3, gradient=True, eps=1e-12)
    >>> bool(np.allclose(value, 1 + np.cos(x)) and np.allclose(slope[:, 0], -np.sin(x)))
    True
    """
    name = "rnufft2"
    options = checked_options(
        name, eps, modeord=modeord, period=period, upsampfac=upsampfac, nthreads=nthreads, fft=fft
    )
    points = checked_points(points, name)
    d = points.shape[1]
    sign = sign_of(isign, name)
    modes = checked_coefficients(modes, points, name)
    shape = checked_modes(n_modes, d, name)
    half = (*shape[:-1], shape[-1] // 2 + 1)
    if modes.shape[modes.ndim - d :] != half:
        raise ValueError(
            f"{name}: modes must have shape (..., {', '.join(map(str, half))}) for n_modes = {n_modes}, "
            f"got {modes.shape}"
        )
    single, slopes = is_single(modes), is_traced(points) or gradient
    return placed(points, shape, sign, single, slopes, options, name, halved=True).to_points(modes, gradient)


def placed(
    points: Array,
    modes: tuple[int, ...],
    sign: int,
    single: bool,
    slopes: bool,
    options: Options,
    name: str,
    halved: bool = False,
    weight: float = 1.0,
) -> Place:
    """`place`, with a warning if the tolerance cannot be reached."""
    eps = check_tolerance(options.eps, modes, single, slopes, name, options.upsampfac, options.warn)
    return place(points, modes, sign, single, slopes, options._replace(eps=eps), name, halved, weight)
