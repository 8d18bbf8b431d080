"""Exponential and trigonometric integrals, dilogarithm, Lambert's, Wright's and Mathieu's functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special as sp

from ...linear_map import Array
from ...rule import primal, refuse
from ..define import elementwise, over, several
from .bessel import ORDER

elementwise(sp.expi, lambda x: over(np.exp(x), x))
elementwise(sp.exp1, lambda x: over(-np.exp(-x), x))


def _expn_factor(a: Any, b: Array, y: Array) -> Array:
    """−E_{n−1}(x); for E_0 = e^−x/x it is −E_0 (1 + 1/x)."""
    first = primal(a) == 0
    lower = -sp.expn(np.where(first, 0, np.subtract(a, 1)), b)
    return np.where(first, -y * (1 + over(1, b)), lower) if np.any(first) else lower


elementwise(sp.expn, ORDER, _expn_factor)


def _sinhc(x: Array) -> Array:
    """sinh(x)/x = sinc(ix)."""
    y = np.sinc(x * (1j / np.pi))
    return y if np.iscomplexobj(x) else np.real(y)


several(sp.sici, lambda x: (np.sinc(x / np.pi), over(np.cos(x), x)))
several(sp.shichi, lambda x: (_sinhc(x), over(np.cosh(x), x)))


def _spence_factor(x: Array) -> Array:
    """log(x)/(1 − x); near x = 1 as the power series −2F1(1, 1; 2; 1 − x)."""
    near = np.abs(primal(x) - 1) < 0.5
    far = np.where(near, 2, x)
    return np.where(near, -sp.hyp2f1(1.0, 1.0, 2.0, 1 - np.where(near, x, 1)), np.log(far) / (1 - far))


elementwise(sp.spence, _spence_factor)  # spence(x) = ∫₁ˣ log t/(1 − t) dt

# W e^W = z, so dW/dz = 1/(e^W (1 + W)) = 1/(e^W + z), also at z = 0.
elementwise(sp._ufuncs._lambertw, lambda a, y: over(1, np.exp(y) + a), 0, 0)
# ω + log ω = z
elementwise(sp.wrightomega, lambda y: over(y, 1 + y))


# --- Mathieu functions of an angle in degrees, with the derivative in radians as the second result
#
# y″ = (2q cos 2x − a) y for cem and sem; y″ = (a − 2q cosh 2x) y for the modified ones (DLMF 28.2.1,
# 28.20.1).

_RADIAN = np.pi / 180
CHARACTERISTIC = "SciPy has no function for the derivative of Mathieu functions and values in q or the order"


def _mathieu(f: np.ufunc, value: np.ufunc) -> None:
    def factors(a: Any, b: Any, c: Array, y: Any) -> Any:
        return y[1] * _RADIAN, (2 * b * np.cos(2 * _RADIAN * c) - value(a, b)) * y[0] * _RADIAN

    several(f, CHARACTERISTIC, CHARACTERISTIC, factors)


def _modified_mathieu(f: np.ufunc, value: np.ufunc) -> None:
    def factors(a: Any, b: Any, c: Array, y: Any) -> Any:
        return y[1], (value(a, b) - 2 * b * np.cosh(2 * c)) * y[0]

    several(f, CHARACTERISTIC, CHARACTERISTIC, factors)


_mathieu(sp.mathieu_cem, sp.mathieu_a)
_mathieu(sp.mathieu_sem, sp.mathieu_b)
for _f in (sp.mathieu_modcem1, sp.mathieu_modcem2):
    _modified_mathieu(_f, sp.mathieu_a)
for _f in (sp.mathieu_modsem1, sp.mathieu_modsem2):
    _modified_mathieu(_f, sp.mathieu_b)
refuse(CHARACTERISTIC, sp.mathieu_a, sp.mathieu_b)
