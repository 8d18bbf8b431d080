"""Complex numbers: parts, conjugates, absolute values, angles, and functions that go from real to complex."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..linear_map import Array, LinearMap, Shape, conjugate, identity, zero
from ..maps import Diagonal, diagonal, imaginary_part, real_part
from ..rule import carriers, composed, primal, rule_for
from .define import by_map, elementwise, nonzero, over


@rule_for(np.real, may_view=True)
def real(val: Array) -> Any:
    return np.real(val), real_part if np.iscomplexobj(val) else identity


@rule_for(np.imag, may_view=True)
def imag(val: Array) -> Any:
    return np.imag(val), imaginary_part if np.iscomplexobj(val) else zero


@by_map
def _conjugate(y: Array, args: Any, in_shape: Shape, out_shape: Shape) -> LinearMap:
    return conjugate if np.iscomplexobj(args[0]) else identity


elementwise(np.conjugate, _conjugate)


@rule_for(np.real_if_close)
def real_if_close(a: Array, tol: float = 100) -> Any:
    y = np.real_if_close(primal(a), tol=tol)
    if np.iscomplexobj(a) and not np.iscomplexobj(y):
        return np.real(a), real_part
    return (y if primal(a) is a else np.copy(a)), identity


# |z| at z ≠ 0: d|z| = Re(conj(z)/|z| dz).  At 0, where |z| has a kink, the derivative is taken as 0, for
# real x too.


class Modulus(LinearMap):
    """v ↦ Re(conj(z) v)/|z|, for z and y = |z|; its adjoint is w ↦ (w/|z|) z."""

    __slots__ = ("_checked", "y", "z")

    def __init__(self, z: Array, y: Array) -> None:
        self.z, self.y = z, y
        self._checked = False

    def _quotient(self) -> tuple[Array, Array]:
        """Numbers z and y whose quotient is sign(z), also where |z| is 0 or too small to divide by."""
        if not self._checked:
            y = primal(self.y)
            small = y < np.finfo(np.result_type(y)).tiny
            if np.any(small):
                self.z, self.y = np.where(small, np.sign(self.z), self.z), np.where(small, 1, self.y)
            self._checked = True
        return self.z, self.y

    def push(self, v: Array) -> Array:
        z, y = self._quotient()
        return np.real(np.conj(z) * v) / y

    def pull(self, w: Array) -> Array:
        z, y = self._quotient()
        return (w / y) * z


@by_map
def _absolute(y: Array, args: Any, in_shape: Shape, out_shape: Shape) -> LinearMap:
    (z,) = args
    if not np.iscomplexobj(z):
        return Diagonal(np.sign, (z,), in_shape, out_shape)
    return Modulus(z, y)


elementwise(np.absolute, _absolute)
elementwise(np.fabs, np.sign)


# sign(z) = s = z/|z|:  ds = dz/|z| − z Re(conj(z) dz)/|z|³ = (i s/|z|) Im(conj(s) dz).  It is constant for
# real z; at 0, where it jumps, the derivative is taken as 0.


@by_map
def _sign(y: Array, args: Any, in_shape: Shape, out_shape: Shape) -> LinearMap | None:
    (z,) = args
    if not np.iscomplexobj(z):
        return None
    # `real_part`, which does nothing to the real numbers that it is given, takes the real part of the
    # cotangent.
    turn = Diagonal(lambda s, z: 1j * s / nonzero(np.abs(z)), (y, z), in_shape, out_shape)
    return turn @ real_part @ imaginary_part @ Diagonal(np.conj, (y,), in_shape, out_shape)


elementwise(np.sign, _sign)


@rule_for(np.angle)
def angle(z: Array, deg: bool = False) -> Any:
    """The angle of log z: its differential is Im(dz/z).  At 0 it has none: NaN, with NumPy's warning."""
    y = np.angle(z, deg=deg)
    if not np.iscomplexobj(z):
        return y, zero
    shape = np.shape(z)
    inverse = Diagonal(lambda z: over(1, z), (z,), shape, shape)
    return y, diagonal(
        np.float64(180 / np.pi), shape
    ) @ imaginary_part @ inverse if deg else imaginary_part @ inverse


# --- numpy.lib.scimath: real arguments outside the domain of the real function become complex -----


def _lift(x: Array) -> Array:
    return x + (np.complex64(0) if np.result_type(x) == np.float32 else np.complex128(0))


def _lift_negative(x: Array) -> Array:
    return x if np.iscomplexobj(x) or not np.any(primal(x) < 0) else _lift(x)


def _lift_above_one(x: Array) -> Array:
    return x if np.iscomplexobj(x) or not np.any(np.abs(primal(x)) > 1) else _lift(x)


def _after(lift: Callable[[Array], Array], f: Callable[[Array], Array]) -> Callable[[Array], Array]:
    return lambda x: f(lift(x))


composed(np.lib.scimath.sqrt)(_after(_lift_negative, np.sqrt))
composed(np.lib.scimath.log)(_after(_lift_negative, np.log))
composed(np.lib.scimath.log2)(_after(_lift_negative, np.log2))
composed(np.lib.scimath.log10)(_after(_lift_negative, np.log10))
composed(np.lib.scimath.arccos)(_after(_lift_above_one, np.arccos))
composed(np.lib.scimath.arcsin)(_after(_lift_above_one, np.arcsin))
composed(np.lib.scimath.arctanh)(_after(_lift_above_one, np.arctanh))


def _array(x: Any) -> Any:
    """An argument as these functions take it: numbers as arrays, which count for the dtype of the result."""
    return x if type(x) in carriers else np.asarray(x)


@composed(np.lib.scimath.logn)
def logn(n: Any, x: Any) -> Any:
    return np.log(_lift_negative(_array(x))) / np.log(_lift_negative(_array(n)))


@composed(np.lib.scimath.power)
def power(x: Any, p: Any) -> Any:
    x, p = _lift_negative(_array(x)), _array(p)
    return np.power(x, p * 1.0 if np.any(primal(p) < 0) else p)
