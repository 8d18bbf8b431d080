"""Orthogonal polynomials and Legendre functions: the derivative in the argument (DLMF 18.9.15–27).

It is a polynomial of degree one less; for a degree of 0 it is 0.  In the degree and the parameters there is
none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special as sp

from ...linear_map import Array
from ...rule import primal
from ..define import elementwise, over
from .gamma import PARAMETER

DEGREE = "SciPy has no function for the derivative in the degree"


def _lower(n: Any) -> Any:
    """n − 1, and 0 for n = 0, where the factor in front vanishes."""
    return np.where(primal(n) == 0, 0, np.subtract(n, 1))


def _some(n: Any) -> Any:
    return np.not_equal(primal(n), 0)


def _gegenbauer(n: Any, order: float, x: Array) -> Array:
    return _some(n) * sp.eval_gegenbauer(_lower(n), order, x)


def _twice_less_one(x: Array) -> Array:
    return 2 * x - 1


elementwise(sp.eval_legendre, DEGREE, lambda a, b: _gegenbauer(a, 1.5, b))
elementwise(sp.eval_chebyt, DEGREE, lambda a, b: a * sp.eval_chebyu(_lower(a), b))
elementwise(sp.eval_chebyu, DEGREE, lambda a, b: 2 * _gegenbauer(a, 2.0, b))
elementwise(sp.eval_chebyc, DEGREE, lambda a, b: a * sp.eval_chebys(_lower(a), b))  # C_n(x) = 2 T_n(x/2)
elementwise(sp.eval_chebys, DEGREE, lambda a, b: _gegenbauer(a, 2.0, 0.5 * b))  # S_n(x) = U_n(x/2)
elementwise(sp.eval_hermite, DEGREE, lambda a, b: 2 * a * sp.eval_hermite(_lower(a), b))
elementwise(sp.eval_hermitenorm, DEGREE, lambda a, b: a * sp.eval_hermitenorm(_lower(a), b))
elementwise(sp.eval_laguerre, DEGREE, lambda a, b: -1.0 * _some(a) * sp.eval_genlaguerre(_lower(a), 1.0, b))
elementwise(
    sp.eval_genlaguerre,
    DEGREE,
    PARAMETER,
    lambda a, b, c: -1.0 * _some(a) * sp.eval_genlaguerre(_lower(a), b + 1, c),
)
elementwise(
    sp.eval_gegenbauer,
    DEGREE,
    PARAMETER,
    lambda a, b, c: 2 * b * (_some(a) * sp.eval_gegenbauer(_lower(a), b + 1, c)),
)
elementwise(
    sp.eval_jacobi, DEGREE, PARAMETER, PARAMETER,
    lambda a, b, c, d: 0.5 * (a + b + c + 1) * (_some(a) * sp.eval_jacobi(_lower(a), b + 1, c + 1, d)),
)  # fmt: skip

# The shifted ones have 2x − 1 as their argument; sh_jacobi is P_n^(p−q, q−1)(2x − 1)/binom(2n + p − 1, n).
elementwise(sp.eval_sh_legendre, DEGREE, lambda a, b: 2 * _gegenbauer(a, 1.5, _twice_less_one(b)))
elementwise(sp.eval_sh_chebyt, DEGREE, lambda a, b: 2 * a * sp.eval_chebyu(_lower(a), _twice_less_one(b)))
elementwise(sp.eval_sh_chebyu, DEGREE, lambda a, b: 4 * _gegenbauer(a, 2.0, _twice_less_one(b)))


def _shifted_jacobi(a: Any, b: Any, c: Any, d: Array) -> Array:
    lower = _some(a) * sp.eval_jacobi(_lower(a), b - c + 1, c, _twice_less_one(d))
    return (a + b) / sp.binom(2 * a + b - 1, a) * lower


elementwise(sp.eval_sh_jacobi, DEGREE, PARAMETER, PARAMETER, _shifted_jacobi)

# (x² − 1) dP/dx = ν x P_ν^μ − (ν + μ) P_{ν−1}^μ  (DLMF 14.10.5); at ±1 it is 0/0: NaN, with NumPy's
# warning.
elementwise(
    sp.lpmv, DEGREE, DEGREE, lambda a, b, c, y: over(b * c * y - (a + b) * sp.lpmv(a, b - 1, c), c * c - 1)
)
