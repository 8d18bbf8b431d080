"""Fourier transforms as linear maps: complex to complex, real to half spectrum, half spectrum to real.

With F the transform of length n without a factor, ȳ ↦ Fᴴ ȳ is the transform of the other direction, without
a factor. A transform with norm= is c·F, where c depends on norm and direction; in terms of norm=, its
adjoint is the transform of the other direction with "backward" and "forward" exchanged ("ortho" stays).
Padding with zeros to length n and cropping are each other's adjoint.

The numerics are scipy.fft's, loaded when first needed: it transforms several lines at once, on several
threads inside ``scipy.fft.set_workers``, and in place.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..linear_map import Array, LinearMap, Shape, compose, zero
from ..rule import Rule, carriers

SWAPPED = {"backward": "forward", "ortho": "ortho", "forward": "backward"}
# Below this size the real part of a whole transform is cheaper than the bookkeeping of half a spectrum.
HALF_PAYS = 4096


class Transform(LinearMap):
    """A linear transform that a library computes, in either direction, on plain arrays.

    Applied to a traced array it is a rule of its own, whose derivative is the transform itself; so
    derivatives of every order come by themselves.
    """

    __slots__ = ()

    def forward(self, v: Array) -> Array:
        """The transform of a plain array with leading stack axes."""
        raise NotImplementedError

    def backward(self, w: Array) -> Array:
        """The adjoint transform of a plain array with leading stack axes."""
        raise NotImplementedError

    def push(self, v: Array) -> Array:
        carrier = carriers.get(type(v))
        return self.forward(v) if carrier is None else carrier(_application, (self, v), {})

    def pull(self, w: Array) -> Array:
        carrier = carriers.get(type(w))
        return self.backward(w) if carrier is None else carrier(_application, (self.adjoint, w), {})


_application = Rule(lambda m, x: m.push(x), lambda m, x: (m.push(x), (zero, m)), "linear transform")


class Fourier(Transform):
    """What the Fourier transforms have in common.

    axes: distinct, counted from the end, ascending except that the last one is halved; in_sizes: the
    input's lengths along them; sizes: the lengths of the transform (of its real side); is_forward: the sign
    of the exponent is minus; real: the input is real.
    """

    __slots__ = ("axes", "in_sizes", "is_forward", "norm", "real", "sizes", "workers")

    def __init__(
        self,
        axes: Shape,
        in_sizes: Shape,
        sizes: Shape,
        is_forward: bool,
        norm: str,
        real: bool,
        workers: int | None,
    ) -> None:
        self.axes, self.in_sizes, self.sizes = axes, in_sizes, sizes
        self.is_forward, self.norm, self.real, self.workers = is_forward, norm, real, workers

    def matrix(self, n_out: int, dtype: Any) -> Array:
        """The first n_out rows of the matrix of a transform along one axis."""
        n = self.sizes[0]
        impulse = np.zeros(n, np.result_type(dtype, 1j))
        impulse[1 % n] = 1
        roots = c2c(impulse, (n,), (-1,), self.is_forward, self.norm, None)
        columns = np.arange(min(n, self.in_sizes[0]))
        matrix = np.zeros((n_out, self.in_sizes[0]), roots.dtype)
        matrix[:, : columns.size] = roots[np.arange(n_out)[:, None] * columns % n]
        return matrix

    def one_axis(self, in_shape: Shape) -> bool:
        """Whether arrays of a shape have but the one axis that is transformed."""
        return len(in_shape) == 1 == len(self.axes)


class ComplexToComplex(Fourier):
    """fft, ifft and their n-dimensional forms."""

    __slots__ = ()

    def forward(self, v: Array) -> Array:
        return c2c(v, self.sizes, self.axes, self.is_forward, self.norm, self.workers)

    def backward(self, w: Array) -> Array:
        how = (self.sizes, self.axes, not self.is_forward, SWAPPED[self.norm], self.workers)
        if not self.real:
            x = c2c(w, *how)
        elif w.size < HALF_PAYS:
            x = np.real(c2c(w, *how)).copy()
        else:
            # Re F* w = F* h with h the Hermitian part of w: one transform of half a spectrum.
            x = c2r(twice_hermitian_part(w, self.axes), *how, owned=True)
            x *= 0.5
        return fit(x, self.axes, self.in_sizes)

    def columns(self, in_shape: Shape, dtype: Any = float) -> Array:
        if not self.one_axis(in_shape):
            return super().columns(in_shape, dtype)
        return self.matrix(self.sizes[0], dtype).T

    def rows(self, out_shape: Shape, dtype: Any = float) -> Array:
        if not self.one_axis(out_shape):
            return super().rows(out_shape, dtype)
        rows = self.matrix(self.sizes[0], dtype).conj()
        return rows.real if self.real else rows


class RealToComplex(Fourier):
    """rfft, ihfft and their n-dimensional forms: to half spectra, halved along the last of the axes."""

    __slots__ = ()

    def forward(self, v: Array) -> Array:
        return r2c(v, self.sizes, self.axes, self.is_forward, self.norm, self.workers)

    def backward(self, w: Array) -> Array:
        # The adjoint is x_n = Re Σ_k w_k exp(+2πi k n/N) over the half spectrum.  c2r counts each k twice,
        # except those that are their own mirror image; so all others are halved.
        half = w * 0.5
        scale_ends(half, self.axes[-1], self.sizes[-1], 2)
        how = (self.sizes, self.axes, not self.is_forward, SWAPPED[self.norm], self.workers)
        return fit(c2r(half, *how, owned=True), self.axes, self.in_sizes)

    def columns(self, in_shape: Shape, dtype: Any = float) -> Array:
        if not self.one_axis(in_shape):
            return super().columns(in_shape, dtype)
        return self.matrix(self.sizes[0] // 2 + 1, dtype).T


class ComplexToReal(Fourier):
    """irfft, hfft and their n-dimensional forms: half spectra to real arrays."""

    __slots__ = ()

    def forward(self, v: Array) -> Array:
        return c2r(v, self.sizes, self.axes, self.is_forward, self.norm, self.workers)

    def backward(self, w: Array) -> Array:
        # The adjoint of x_n = Re(y_0 + 2 Σ_k y_k exp(2πi k n/N) + y_{N/2} (−1)ⁿ), by the same counting.
        half = r2c(w, self.sizes, self.axes, not self.is_forward, SWAPPED[self.norm], self.workers)
        half *= 2
        scale_ends(half, self.axes[-1], self.sizes[-1], 0.5)
        y = fit(half, self.axes, self.in_sizes)
        return np.real(y).copy() if self.real else y


# --- the maps for given arguments -------------------------------------------------------------------------


def c2c_map(
    shape: Shape,
    axes: Sequence[int],
    sizes: Sequence[int],
    is_forward: bool,
    norm: Any,
    real: bool,
    workers: Any = None,
) -> LinearMap:
    """The map of an fftn; axes (counted from the end) that repeat are transformed again, last to first."""
    norm = checked_norm(norm)
    if len(set(axes)) == len(axes):
        order = sorted(range(len(axes)), key=lambda k: axes[k])
        axes, sizes = tuple(axes[k] for k in order), tuple(sizes[k] for k in order)
        in_sizes = tuple(shape[a] for a in axes)
        return ComplexToComplex(axes, in_sizes, sizes, is_forward, norm, real, workers)
    steps: list[LinearMap] = []
    lengths = list(shape)
    for a, n in zip(reversed(axes), reversed(sizes), strict=True):
        step = ComplexToComplex((a,), (lengths[a],), (n,), is_forward, norm, real and not steps, workers)
        steps.append(step)
        lengths[a] = n
    return compose(*reversed(steps))


def r2c_map(
    shape: Shape, axes: Sequence[int], sizes: Sequence[int], is_forward: bool, norm: Any, workers: Any = None
) -> LinearMap:
    """The map of an rfftn: halved along the last of the axes, then complex transforms along the others."""
    norm = checked_norm(norm)
    axes, sizes = tuple(axes), tuple(sizes)
    if len(set(axes)) == len(axes):
        return RealToComplex(axes, tuple(shape[a] for a in axes), sizes, is_forward, norm, True, workers)
    *others, last = axes
    first = RealToComplex((last,), (shape[last],), sizes[-1:], is_forward, norm, True, workers)
    lengths = list(shape)
    lengths[last] = sizes[-1] // 2 + 1
    return compose(c2c_map(tuple(lengths), others, sizes[:-1], is_forward, norm, False, workers), first)


def c2r_map(
    shape: Shape,
    axes: Sequence[int],
    sizes: Sequence[int],
    is_forward: bool,
    norm: Any,
    real: bool,
    workers: Any = None,
) -> LinearMap:
    """The map of an irfftn: complex transforms along all axes but the last, then to the reals."""
    norm = checked_norm(norm)
    axes, sizes = tuple(axes), tuple(sizes)
    if len(set(axes)) == len(axes):
        in_sizes = tuple(shape[a] for a in axes)
        return ComplexToReal(axes, in_sizes, sizes, is_forward, norm, real, workers)
    *others, last = axes
    lengths = list(shape)
    for a, n in zip(others, sizes, strict=False):
        lengths[a] = n
    # The others are transformed from the first to the last.
    before = c2c_map(shape, others[::-1], sizes[-2::-1], is_forward, norm, real, workers)
    return compose(
        ComplexToReal((last,), (lengths[last],), sizes[-1:], is_forward, norm, False, workers), before
    )


def checked_norm(norm: Any) -> str:
    """norm as one of its three names."""
    norm = "backward" if norm is None else norm
    if norm not in SWAPPED:
        raise ValueError(f'Invalid norm value {norm}; should be "backward", "ortho" or "forward".')
    return str(norm)


# --- numerics on plain arrays -----------------------------------------------------------------------------


def library() -> Any:
    """scipy.fft, imported when first needed."""
    import scipy.fft

    return scipy.fft


def c2c(
    x: Array, sizes: Shape, axes: Shape, is_forward: bool, norm: str, workers: Any, owned: bool = False
) -> Array:
    """A complex transform, cropped or padded to sizes; in place where x is owned."""
    lib = library()
    if len(axes) == 1:
        one: Callable[..., Array] = lib.fft if is_forward else lib.ifft
        return one(x, sizes[0], axes[0], norm, owned, workers)
    if x.dtype.kind != "c" and x.size >= HALF_PAYS:
        # SciPy fills in the second half of the spectrum as well, but in two dimensions more slowly.
        return both_halves(r2c(x, sizes, axes, is_forward, norm, workers), sizes[-1], axes)
    if not owned and x.dtype.kind == "c":
        # In place on a copy is faster by a tenth to a fifth than from one array to another.
        fitted = fit(x, axes, sizes)
        x, owned = fitted.copy() if fitted is x else fitted, True
    return (lib.fftn if is_forward else lib.ifftn)(x, sizes, axes, norm, owned, workers)


def r2c(x: Array, sizes: Shape, axes: Shape, is_forward: bool, norm: str, workers: Any) -> Array:
    """Real to half spectrum, the last of the axes halved."""
    lib = library()
    if len(axes) == 1:
        return (lib.rfft if is_forward else lib.ihfft)(x, sizes[0], axes[0], norm, False, workers)
    return (lib.rfftn if is_forward else lib.ihfftn)(x, sizes, axes, norm, False, workers)


def c2r(
    half: Array, sizes: Shape, axes: Shape, is_forward: bool, norm: str, workers: Any, owned: bool = False
) -> Array:
    """Half spectrum to real; ``sizes`` are the lengths of the result.  An owned input is overwritten."""
    lib = library()
    *others, last = axes
    if others:
        cropped = fit(half, (last,), (sizes[-1] // 2 + 1,))
        half = c2c(
            cropped, sizes[:-1], tuple(others), is_forward, norm, workers, owned or cropped is not half
        )
    return (lib.hfft if is_forward else lib.irfft)(half, sizes[-1], last, norm, False, workers)


def twice_hermitian_part(w: Array, axes: Shape) -> Array:
    """w_k + conj(w_{−k}), −k modulo the lengths, for the first half of the k along the last axis."""
    n = w.shape[axes[-1]]
    h = n // 2 + 1
    first_half = _along(w.ndim, axes[-1:], (slice(h),))
    half = np.empty_like(w[first_half], order="C")
    for target, source in _mirrored(w.ndim, axes, [FIXED, (slice(1, h), slice(None, n - h, -1))]):
        np.conjugate(w[source], out=half[target])
    half += w[first_half]
    return half


def both_halves(half: Array, n: int, axes: Shape) -> Array:
    """The whole spectrum of a real array, of length n along the last axis, from its first half along that."""
    h = n // 2 + 1
    shape = list(half.shape)
    shape[axes[-1]] = n
    whole = np.empty(shape, half.dtype)
    whole[_along(half.ndim, axes[-1:], (slice(h),))] = half
    for target, source in _mirrored(half.ndim, axes, [(slice(h, None), slice(n - h, 0, -1))]):
        np.conjugate(half[source], out=whole[target])
    return whole


Slices = tuple[slice, slice]
FIXED: Slices = (slice(1), slice(1))
REVERSED: Slices = (slice(1, None), slice(None, 0, -1))


def _mirrored(ndim: int, axes: Shape, last: list[Slices]) -> Iterator[tuple[Any, Any]]:
    """Pairs of indices (of the entries k, of their mirror images −k), block by block.

    Along an axis of length N, k = 0 is its own mirror image, and k > 0 has N − k; ``last`` holds the blocks
    of the last of the axes.
    """
    for block in itertools.product(*[[FIXED, REVERSED]] * (len(axes) - 1), last):
        targets, sources = zip(*block, strict=True)
        yield _along(ndim, axes, targets), _along(ndim, axes, sources)


def _along(ndim: int, axes: Shape, slices: Sequence[slice]) -> Any:
    """The index with slices along axes (counted from the end)."""
    index = [slice(None)] * ndim
    for a, s in zip(axes, slices, strict=True):
        index[a] = s
    return tuple(index)


def scale_ends(half: Array, axis: int, n: int, factor: float) -> None:
    """Multiply in place the entries that are their own mirror image: index 0, for even n also n/2."""
    along = np.moveaxis(half, axis, 0)
    along[0] *= factor
    if n % 2 == 0:
        along[n // 2] *= factor


def fit(x: Array, axes: Shape, sizes: Shape) -> Array:
    """x cropped, or padded with zeros at the end, to sizes along axes; x itself where it has those sizes."""
    if all(x.shape[a] == n for a, n in zip(axes, sizes, strict=True)):
        return x
    shape = list(x.shape)
    common: list[Any] = [slice(None)] * x.ndim
    for a, n in zip(axes, sizes, strict=True):
        common[a] = slice(min(n, shape[a]))
        shape[a] = n
    cropped = x[tuple(common)]
    if cropped.shape == tuple(shape):
        return cropped.copy()
    padded = np.zeros(shape, x.dtype)
    padded[tuple(common)] = cropped
    return padded
