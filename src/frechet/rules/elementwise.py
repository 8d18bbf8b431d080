"""Arithmetic, powers, exponentials, logarithms, trigonometric and hyperbolic functions, real and complex.

Where a derivative is infinite (sqrt at 0, log at 0) the rule gives NumPy's infinity, with NumPy's warning.
On a branch cut the derivative belongs to the side whose value NumPy returns.
"""

from __future__ import annotations

from math import factorial
from typing import Any

import numpy as np

from ..linear_map import Array, LinearMap, Shape
from ..maps import Diagonal, broadcast, unbroadcast
from ..rule import Rule, primal
from .define import by_map, elementwise, nonzero, over, spread

LN2 = float(np.log(2.0))
LN10 = float(np.log(10.0))
DEGREE = float(np.pi / 180)


# --- arithmetic -----------------------------------------------------------------------------------


class Quotient(Diagonal):
    """v ↦ v / b elementwise, with broadcasting: one division instead of a reciprocal and a product."""

    __slots__ = ("b",)

    def __init__(self, b: Array, in_shape: Shape, out_shape: Shape) -> None:
        super().__init__(lambda b: over(1, b), (b,), in_shape, out_shape)
        self.b = b

    def push(self, v: Array) -> Array:
        if self.in_shape != self.out_shape:
            v = broadcast(v, self.in_shape, self.out_shape)
        return over(v, self.b)

    def pull(self, w: Array) -> Array:
        w = over(w, self.b.conjugate())
        return w if self.in_shape == self.out_shape else unbroadcast(w, self.in_shape, self.out_shape)


@by_map
def _numerator(y: Array, args: Any, in_shape: Shape, out_shape: Shape) -> LinearMap:
    return Quotient(args[1], in_shape, out_shape)


elementwise(np.add, 1, 1)
elementwise(np.subtract, 1, -1)
elementwise(np.multiply, lambda b: b, lambda a: a)
elementwise(np.true_divide, _numerator, lambda y, b: over(-y, b))
elementwise(np.negative, -1)
elementwise(np.positive, 1)
elementwise(np.square, lambda x: 2 * x)
elementwise(np.reciprocal, lambda y: -y * y)


# --- powers ---------------------------------------------------------------------------------------
#
# y = a**b:  dy = b a**(b-1) da + log(a) a**b db.
#
# At the edges:  a**0 is constant in a, so its derivative is 0, at a = 0 too.  0**b is constant (0) for b >
# 0, so its derivative in b is 0; at b = 0, where it jumps, the rule gives 0 as well.  For real a < 0 the
# values for b nearby are not real, so the derivative in b is NaN, with NumPy's warning.

_NUMBERS = (int, float, np.floating, np.integer)


def _power(a: Array, b: Any) -> Array:
    """a**b for a number b, with NumPy's infinities for Python numbers, whose own power raises at a = 0."""
    return np.power(a, b) if type(primal(a)) is float and primal(a) == 0 else a**b


def _base_factor(a: Array, b: Array) -> Array:
    both_zero = (primal(b) == 0) & (primal(a) == 0)
    lower = np.subtract(b, 1.0)
    return b * np.power(a, np.where(both_zero, 0, lower) if np.any(both_zero) else lower)


@by_map
def _base(y: Array, args: Any, in_shape: Shape, out_shape: Shape) -> LinearMap | None:
    a, b = args
    if not isinstance(b, _NUMBERS):
        return Diagonal(_base_factor, (a, b), in_shape, out_shape)
    if b == 2:
        return Diagonal(lambda a: 2 * a, (a,), in_shape, out_shape)
    if b == 0:
        return None
    if b == 1:
        return spread(in_shape, out_shape)
    if b == 0.5:
        return Diagonal(lambda y: over(0.5, y), (y,), in_shape, out_shape)
    if b < 0:  # b a**b / a, which is cheaper; at a = 0 both forms are infinite, with the same sign
        return Diagonal(lambda y, a: over(b * y, a), (y, a), in_shape, out_shape)
    return Diagonal(lambda a: b * _power(a, b - 1), (a,), in_shape, out_shape)


def _exponent(y: Array, a: Array, b: Array) -> Array:
    at_zero = (primal(a) == 0) & (np.real(primal(b)) >= 0)
    return y * np.log(np.where(at_zero, 1, a) if np.any(at_zero) else a)


elementwise(np.power, _base, _exponent)
elementwise(np.float_power, _base, _exponent)
elementwise(np.sqrt, lambda y: over(0.5, y))
elementwise(np.cbrt, lambda y: over(1 / 3, y * y))


# --- exponentials and logarithms ------------------------------------------------------------------

elementwise(np.exp, lambda y: y)
elementwise(np.exp2, lambda y: LN2 * y)
elementwise(np.expm1, lambda y: y + 1)
elementwise(np.log, lambda x: over(1, x))
elementwise(np.log2, lambda x: over(1 / LN2, x))
elementwise(np.log10, lambda x: over(1 / LN10, x))
elementwise(np.log1p, lambda x: over(1, x + 1))


def _share(a: Array, b: Array, y: Array, half: float) -> Array:
    """The logarithm of eᵃ/(eᵃ + eᵇ), a − y; where a and b are the same infinity, that of one half."""
    p, q, value = primal(a), primal(b), primal(y)
    finite = np.isfinite(value)
    if np.all(finite):
        return a - y
    limit = np.where(p == q, half, np.where(p == value, 0, -np.inf))
    return np.where(finite, a - np.where(finite, y, 0), np.where(np.isnan(value), value, limit))


elementwise(
    np.logaddexp, lambda a, b, y: np.exp(_share(a, b, y, -LN2)), lambda a, b, y: np.exp(_share(b, a, y, -LN2))
)
elementwise(
    np.logaddexp2, lambda a, b, y: np.exp2(_share(a, b, y, -1)), lambda a, b, y: np.exp2(_share(b, a, y, -1))
)


# --- trigonometric and hyperbolic functions -------------------------------------------------------
#
# The derivatives of the inverse functions hold a square root of a product, 1 − x² and the like, which is
# formed from its factors: that keeps the digits near the branch points ±1 and ±i.  For complex arguments
# the sign of the root is that of the value's own sheet, since for example arcsin' = 1/cos(y): so it is
# right on the branch cuts too.

elementwise(np.sin, np.cos)
elementwise(np.cos, lambda x: -np.sin(x))
elementwise(np.tan, lambda y: 1 + y * y)
elementwise(np.sinh, np.cosh)
elementwise(np.cosh, np.sinh)
elementwise(np.tanh, lambda y: (1 - y) * (1 + y))


def _on_sheet(root: Array, reference: Array) -> Array:
    """The square root, or its negative where that is closer to the reference."""
    wrong = np.real(primal(root) * np.conj(reference)) < 0
    return np.where(wrong, -root, root) if np.any(wrong) else root


def _root(product: Array, y: Array, reference: Any) -> Array:
    root = np.sqrt(product)
    return _on_sheet(root, reference(primal(y))) if np.iscomplexobj(root) else root


elementwise(np.arcsin, lambda x, y: over(1, _root((1 - x) * (1 + x), y, np.cos)))
elementwise(np.arccos, lambda x, y: over(-1, _root((1 - x) * (1 + x), y, np.sin)))
elementwise(np.arctan, lambda x: over(1, 1 + x * x))
elementwise(np.arcsinh, lambda x, y: over(1, _root(1 + x * x, y, np.cosh)))
elementwise(np.arccosh, lambda x, y: over(1, _root((x - 1) * (x + 1), y, np.sinh)))
elementwise(np.arctanh, lambda x: over(1, (1 - x) * (1 + x)))
elementwise(np.deg2rad, DEGREE)
elementwise(np.radians, DEGREE)
elementwise(np.rad2deg, 1 / DEGREE)
elementwise(np.degrees, 1 / DEGREE)

# hypot(a, b) = √(a² + b²); at the origin, where it has a kink as |x| has, the derivative is 0.
elementwise(np.hypot, lambda a, y: a / nonzero(y), lambda b, y: b / nonzero(y))


def _per_square(x: Array, a: Array, b: Array) -> Array:
    """x / (a² + b²), by way of hypot where the squares underflow or overflow."""
    with np.errstate(over="ignore", under="ignore"):
        square = a * a + b * b
    size = np.finfo(np.result_type(primal(square))).tiny * 1e16
    if np.all((primal(square) > size) & np.isfinite(primal(square))):
        return x / square
    r = np.hypot(a, b)
    return over(over(x, r), r)


# arctan2(a, b) is the angle of b + ia; at the origin it has no derivative: NaN, with NumPy's warning.
elementwise(np.arctan2, lambda a, b: _per_square(b, a, b), lambda a, b: _per_square(-a, a, b))


# --- sinc and the Bessel function i0 --------------------------------------------------------------
#
# sinc(x) = ∫₀¹ cos(πxt) dt.  With u = πx its n-th derivative is  πⁿ Σ_k (−1)ᵏ u^(2k−n) / ((2k−n)! (2k+1)),
# and, from x sinc(x) = sin(u)/π differentiated n times,  x s_n + n s_{n−1} = πⁿ⁻¹ sin(u + nπ/2),  which
# loses no digits where |u| > n.


def _sinc_derivative(x: Array, n: int) -> Array:
    x = np.asarray(x)
    x = x.astype(np.float32) if x.dtype == np.float16 else x  # powers overflow in half precision
    u = np.pi * x
    near = np.abs(u) < n + 2
    safe = np.where(near, 1, x)
    turns = (np.sin(u), np.cos(u), -np.sin(u), -np.cos(u))
    y = np.sinc(x)
    for k in range(1, n + 1):
        y = (np.pi ** (k - 1) * turns[k % 4] - k * y) / safe
    if np.any(near):
        y = np.where(near, np.pi**n * _sinc_series(np.where(near, u, 0), n), y)
    return y[()]


def _sinc_series(u: Array, n: int) -> Array:
    total = np.zeros_like(u)
    for j in range(n % 2, n + 42, 2):  # the power of u; at |u| ≤ n + 2 the last term is below rounding
        total = total + (-1) ** ((j + n) // 2) / ((j + n + 1) * factorial(j)) * u**j
    return total


def _sinc_body(x: Array, n: int) -> Any:
    shape = np.shape(x)
    return sinc_derivative(x, n), Diagonal(lambda x: sinc_derivative(x, n + 1), (x,), shape, shape)


sinc_derivative = Rule(_sinc_derivative, _sinc_body, "sinc_derivative")
elementwise(np.sinc, lambda x: sinc_derivative(x, 1))


def _i1(x: Array) -> Array:
    import scipy.special  # loaded only when this derivative is needed

    return scipy.special.i1(x)


elementwise(np.i0, _i1)
