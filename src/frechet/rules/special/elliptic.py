"""Elliptic integrals and functions.

The complete ones are hypergeometric functions, K(m) = π/2 · 2F1(½, ½; 1; m) and E(m) = π/2 · 2F1(−½, ½; 1;
m), whose derivatives are again (DLMF 19.5.1–2): no cancellation at m = 0, and any order.  The incomplete
ones have Carlson's integral R_D in their derivatives (DLMF 19.25).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special as sp

from ...linear_map import Array
from ...rule import primal, refuse
from ..define import elementwise, over, several


def _complete_k(x: Array) -> Array:
    """dK/dm at m = x."""
    return np.pi / 8 * sp.hyp2f1(1.5, 1.5, 2.0, x)


def _complete_e(x: Array) -> Array:
    """dE/dm at m = x."""
    return -np.pi / 8 * sp.hyp2f1(0.5, 1.5, 2.0, x)


def _ellipkm1_factor(x: Array, y: Array) -> Array:
    """−dK/dm at m = 1 − p: near p = 0 from dK/dm = (E − pK)/(2p(1 − p)), which needs no digits of 1 − p."""
    near = primal(x) < 0.5
    p = np.where(near, x, 0.5)
    return np.where(
        near, over(p * y - sp.ellipe(1 - p), 2 * p * (1 - p)), -_complete_k(1 - np.where(near, 0.5, x))
    )


elementwise(sp.ellipk, _complete_k)
elementwise(sp.ellipe, _complete_e)
elementwise(sp.ellipkm1, _ellipkm1_factor)


# F(φ, m) = ∫₀^φ dθ/Δ and E(φ, m) = ∫₀^φ Δ dθ with Δ² = 1 − m sin²θ.  For |φ| ≤ π/2, with s = sin φ and c =
# cos φ, ∂F/∂m = ½ ∫ sin²θ/Δ³ = (s³/6) R_D(c², 1, Δ²) and ∂E/∂m = −½ ∫ sin²θ/Δ = −(s³/6) R_D(c², Δ², 1);
# beyond, each half turn adds twice the derivative of the complete integral.


def _delta2(phi: Array, m: Array) -> Array:
    return 1 - m * np.square(np.sin(phi))


def _by_carlson(phi: Array, m: Array, first: bool) -> Array:
    turns = np.rint(primal(phi) / np.pi)
    s, c = np.sin(phi - turns * np.pi), np.cos(phi - turns * np.pi)
    delta2 = 1 - m * s * s
    one = np.ones(np.shape(primal(delta2)))
    carlson = sp.elliprd(c * c, one, delta2) if first else -sp.elliprd(c * c, delta2, one)
    part = s * s * s / 6 * carlson
    if not np.any(turns):
        return part
    return part + 2 * turns * (_complete_k(m) if first else _complete_e(m))


elementwise(sp.ellipkinc, lambda a, b: over(1, np.sqrt(_delta2(a, b))), lambda a, b: _by_carlson(a, b, True))
elementwise(sp.ellipeinc, lambda a, b: np.sqrt(_delta2(a, b)), lambda a, b: _by_carlson(a, b, False))


# Jacobi's functions sn, cn, dn and the amplitude φ, with F(φ, m) = u: dφ/du = dn, dφ/dm = −dn · ∂F/∂m.


def _jacobi_m(b: Array, y: Any) -> Any:
    sn, cn, dn, phi = y
    turn = -dn * _by_carlson(phi, b, True)
    return cn * turn, -sn * turn, -(sn * sn + 2 * b * sn * cn * turn) / (2 * dn), turn


several(sp.ellipj, lambda b, y: (y[1] * y[2], -y[0] * y[2], -b * y[0] * y[1], y[2]), _jacobi_m)


# Carlson's integrals: R_F is symmetric with ∂R_F/∂z = −R_D(x, y, z)/6 (DLMF 19.18.6 with 19.16.5).  R_D has
# ∂/∂x = (R_D(y, z, x) − R_D(x, y, z))/(2(x − z)), by partial fractions of its integrand, and is homogeneous
# of degree −3/2, which gives ∂/∂z.  Where x = z or y = z this is 0/0: NaN, with NumPy's warning.

elementwise(
    sp.elliprf,
    lambda a, b, c: -sp.elliprd(b, c, a) / 6,
    lambda a, b, c: -sp.elliprd(a, c, b) / 6,
    lambda a, b, c: -sp.elliprd(a, b, c) / 6,
)


def _rd_first(a: Array, b: Array, c: Array, y: Array) -> Array:
    return over(sp.elliprd(b, c, a) - y, 2 * (a - c))


elementwise(
    sp.elliprd,
    _rd_first,
    lambda a, b, c, y: _rd_first(b, a, c, y),
    lambda a, b, c, y: (-1.5 * y - a * _rd_first(a, b, c, y) - b * _rd_first(b, a, c, y)) / c,
)


# R_C(x, y) = R_F(x, y, y).  Partial fractions give 2(y − x) ∂R_C/∂x = R_C − 1/√x, and its degree is −1/2;
# near x = y, where that cancels, R_D takes over.


def _rc_first(a: Array, b: Array, y: Array) -> Array:
    near = np.abs(primal(a) - primal(b)) < 0.1 * np.abs(primal(b))
    x, z = np.where(near, 1, a), np.where(near, 2, b)
    d = (y - 1 / np.sqrt(x)) / (2 * (z - x))
    p, q = np.where(near, a, 2), np.where(near, b, 1)
    return np.where(near, -sp.elliprd(q, q, p) / 6, d)


elementwise(
    sp.elliprc,
    _rc_first,
    lambda a, b, y: (-0.5 * y - a * _rc_first(a, b, y)) / b,
)
refuse("its derivative is not in the rulebook; write it by elliprf and elliprd", sp.elliprg, sp.elliprj)


# The arithmetic-geometric mean: M(a, b) = (π/4)(a + b)/K(m) with m = ((a − b)/(a + b))².


def _agm_first(a: Array, b: Array, y: Array) -> Array:
    total = a + b
    root = (a - b) / total
    # ∂m/∂a = 4 b root/total²
    return y / total - y * _complete_k(root * root) / sp.ellipk(root * root) * (
        4 * b * root / (total * total)
    )


elementwise(sp.agm, _agm_first, lambda a, b, y: _agm_first(b, a, y))
