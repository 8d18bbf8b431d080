"""Bessel functions and their relatives: the derivative in the argument; in the order there is none in SciPy.

The recurrences are those of DLMF 10.6.1, 10.29.1 and 11.4.  The half-sum forms hold at the origin too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special as sp

from ...errors import NotDifferentiableError
from ...linear_map import Array, LinearMap, Shape
from ...maps import Diagonal, imaginary_part, real_part
from ...rule import primal
from ..define import by_map, elementwise, nonzero, over, several

ORDER = "SciPy has no function for the derivative in the order"

# --- unscaled -------------------------------------------------------------------------------------

elementwise(sp.jv, ORDER, lambda a, b: 0.5 * (sp.jv(a - 1, b) - sp.jv(a + 1, b)))
elementwise(sp.yv, ORDER, lambda a, b: 0.5 * (sp.yv(a - 1, b) - sp.yv(a + 1, b)))
elementwise(sp.yn, ORDER, lambda a, b: 0.5 * (sp.yv(np.subtract(a, 1.0), b) - sp.yv(np.add(a, 1.0), b)))
elementwise(sp.iv, ORDER, lambda a, b: 0.5 * (sp.iv(a - 1, b) + sp.iv(a + 1, b)))
elementwise(sp.kv, ORDER, lambda a, b: -0.5 * (sp.kv(a - 1, b) + sp.kv(a + 1, b)))
elementwise(sp.kn, ORDER, lambda a, b: -0.5 * (sp.kv(np.subtract(a, 1.0), b) + sp.kv(np.add(a, 1.0), b)))
elementwise(sp.hankel1, ORDER, lambda a, b: 0.5 * (sp.hankel1(a - 1, b) - sp.hankel1(a + 1, b)))
elementwise(sp.hankel2, ORDER, lambda a, b: 0.5 * (sp.hankel2(a - 1, b) - sp.hankel2(a + 1, b)))

elementwise(sp.j0, lambda x: -sp.j1(x))
elementwise(sp.j1, lambda x: 0.5 * (sp.j0(x) - sp.jv(2.0, x)))
elementwise(sp.y0, lambda x: -sp.y1(x))
elementwise(sp.y1, lambda x: 0.5 * (sp.y0(x) - sp.yv(2.0, x)))
elementwise(sp.i0, sp.i1)
elementwise(sp.i1, lambda x: 0.5 * (sp.i0(x) + sp.iv(2.0, x)))
elementwise(sp.k0, lambda x: -sp.k1(x))
elementwise(sp.k1, lambda x: -0.5 * (sp.k0(x) + sp.kv(2.0, x)))


# --- scaled ---------------------------------------------------------------------------------------
#
# hankel1e, hankel2e and kve are scaled by the analytic functions exp(∓iz) and exp(z).

elementwise(
    sp.hankel1e, ORDER, lambda a, b, y: 0.5 * (sp.hankel1e(a - 1, b) - sp.hankel1e(a + 1, b)) - 1j * y
)
elementwise(
    sp.hankel2e, ORDER, lambda a, b, y: 0.5 * (sp.hankel2e(a - 1, b) - sp.hankel2e(a + 1, b)) + 1j * y
)
elementwise(sp.kve, ORDER, lambda a, b, y: y - 0.5 * (sp.kve(a - 1, b) + sp.kve(a + 1, b)))
elementwise(sp.k0e, lambda x, y: y - sp.k1e(x))
elementwise(sp.k1e, lambda x, y: y - 0.5 * (sp.k0e(x) + sp.kve(2.0, x)))

# ive is scaled by exp(−|Re z|), jve and yve by exp(−|Im z|), which are not analytic: a term −y sign(Re z)
# Re(dz), and likewise for Im.  At Re z = 0 the kink counts as flat.


def _scaled(analytic: Any, part: Any, part_map: LinearMap) -> Any:
    @by_map
    def make(y: Array, args: Any, in_shape: Shape, out_shape: Shape) -> LinearMap:
        v, z = args
        inner = Diagonal(analytic, (v, z), in_shape, out_shape)
        if not np.iscomplexobj(z) and part is np.imag:
            return inner

        def kink(y: Array, z: Array) -> Array:
            return -y * np.sign(part(primal(z)))

        if not np.iscomplexobj(z):
            return inner + Diagonal(kink, (y, z), in_shape, out_shape)
        # `real_part`, which does nothing to the real numbers that it is given, takes the real part of the
        # cotangent.
        return inner + Diagonal(kink, (y, z), in_shape, out_shape) @ real_part @ part_map

    return make


elementwise(
    sp.ive, ORDER, _scaled(lambda a, b: 0.5 * (sp.ive(a - 1, b) + sp.ive(a + 1, b)), np.real, real_part)
)
elementwise(
    sp.jve, ORDER, _scaled(lambda a, b: 0.5 * (sp.jve(a - 1, b) - sp.jve(a + 1, b)), np.imag, imaginary_part)
)
elementwise(
    sp.yve, ORDER, _scaled(lambda a, b: 0.5 * (sp.yve(a - 1, b) - sp.yve(a + 1, b)), np.imag, imaginary_part)
)
elementwise(sp.i0e, lambda x, y: sp.i1e(x) - np.sign(x) * y)
elementwise(sp.i1e, lambda x, y: 0.5 * (sp.i0e(x) + sp.ive(2.0, x)) - np.sign(x) * y)


# --- Airy functions: w″ = z w ---------------------------------------------------------------------

several(sp.airy, lambda x, y: (y[1], x * y[0], y[3], x * y[2]))


def _airye_factors(x: Array, y: Any) -> Any:
    """Ai and Ai′ are scaled by exp(⅔ z√z), Bi and Bi′ by exp(−|Re ⅔ z√z|), which is 1 for z < 0."""
    if np.iscomplexobj(x):
        raise NotDifferentiableError(
            "scipy.special.airye: the scaling of Bi is not analytic; for complex arguments differentiate "
            "scipy.special.airy"
        )
    r = np.sqrt(np.maximum(x, 0.0))
    return y[1] + r * y[0], x * y[0] + r * y[1], y[3] - r * y[2], x * y[2] - r * y[3]


several(sp.airye, _airye_factors)
several(
    sp.itairy, lambda x: (sp.airy(x)[0], sp.airy(x)[2], sp.airy(-x)[0], sp.airy(-x)[2])
)  # ∫ Ai(t), ∫ Bi(t), ∫ Ai(−t), ∫ Bi(−t) from 0 to x


# --- Kelvin functions: f = ber + i bei has f″ = i f − f′/x, and so has ker + i kei ----------------

elementwise(sp.ber, sp.berp)
elementwise(sp.bei, sp.beip)
elementwise(sp.ker, sp.kerp)
elementwise(sp.kei, sp.keip)
elementwise(sp.berp, lambda x, y: -sp.bei(x) - over(y, x))
elementwise(sp.beip, lambda x, y: sp.ber(x) - over(y, x))
elementwise(sp.kerp, lambda x, y: -sp.kei(x) - over(y, x))
elementwise(sp.keip, lambda x, y: sp.ker(x) - over(y, x))
several(sp.kelvin, lambda x, y: (y[2], y[3], 1j * y[0] - over(y[2], x), 1j * y[1] - over(y[3], x)))


# --- Struve functions (DLMF 11.4.27–30) and integrals ---------------------------------------------


def _struve_term(v: Array, x: Array) -> Array:
    return np.power(0.5 * x, v) * (sp.rgamma(np.add(v, 1.5)) / np.sqrt(np.pi))


elementwise(
    sp.struve, ORDER, lambda a, b: 0.5 * (sp.struve(a - 1, b) - sp.struve(a + 1, b) + _struve_term(a, b))
)
elementwise(
    sp.modstruve,
    ORDER,
    lambda a, b: 0.5 * (sp.modstruve(a - 1, b) + sp.modstruve(a + 1, b) + _struve_term(a, b)),
)
elementwise(sp.itstruve0, lambda x: sp.struve(0.0, x))
elementwise(sp.itmodstruve0, lambda x: sp.modstruve(0.0, x))
elementwise(sp.it2struve0, lambda x: over(-sp.struve(0.0, x), x))
several(sp.itj0y0, lambda x: (sp.j0(x), sp.y0(x)))
several(sp.iti0k0, lambda x: (sp.i0(x), sp.k0(x)))
several(sp.it2j0y0, lambda x: ((1 - sp.j0(x)) / nonzero(x), over(-sp.y0(x), x)))
several(sp.it2i0k0, lambda x: ((sp.i0(x) - 1) / nonzero(x), over(-sp.k0(x), x)))

# besselpoly(a, λ, ν) = ∫₀¹ t^λ J_ν(2at) dt, with J_ν′(z) = (ν/z) J_ν − J_{ν+1}
elementwise(
    sp.besselpoly,
    lambda a, b, c, y: c * y / nonzero(a) - 2 * sp.besselpoly(a, b + 1, c + 1),
    ORDER,
    ORDER,
)


# --- parabolic cylinder functions: each returns the function and its derivative -------------------

several(sp.pbdv, ORDER, lambda a, b, y: (y[1], (b * b / 4 - a - 0.5) * y[0]))
several(sp.pbvv, ORDER, lambda a, b, y: (y[1], (b * b / 4 - a - 0.5) * y[0]))
several(sp.pbwa, ORDER, lambda a, b, y: (y[1], (a - b * b / 4) * y[0]))
