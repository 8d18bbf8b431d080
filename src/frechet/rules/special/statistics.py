"""Distribution functions and their inverses: derivatives in the variate, the probability and the scale.

The derivative of a distribution function is its density, that of its inverse one over it.  Counts (k in
bdtr, pdtr, nbdtr) are rounded down by SciPy, so the functions are constant in them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special as sp

from ...linear_map import Array
from ..define import elementwise, over
from .gamma import PARAMETER, beta_density, gamma_density

# --- gamma, chi-square, Poisson -------------------------------------------------------------------
#
# gdtr(a, b, x) = gammainc(b, ax); chdtr(v, x) = gammainc(v/2, x/2); pdtr(k, m) = gammaincc(k + 1, m).

elementwise(
    sp.gdtr,
    lambda a, b, c: c * gamma_density(b, a * c),
    PARAMETER,
    lambda a, b, c: a * gamma_density(b, a * c),
)
elementwise(
    sp.gdtrc,
    lambda a, b, c: -c * gamma_density(b, a * c),
    PARAMETER,
    lambda a, b, c: -a * gamma_density(b, a * c),
)
elementwise(
    sp.gdtrix, lambda y, a: -y / a, PARAMETER, lambda y, a, b: over(1, a * gamma_density(b, a * y))
)  # x from (a, b, p)
elementwise(
    sp.gdtria, lambda y, b, c: over(1, c * gamma_density(b, c * y)), PARAMETER, lambda y, c: -y / c
)  # a from (p, b, x)


def _chi2_density(a: Array, b: Array) -> Array:
    return 0.5 * gamma_density(0.5 * a, 0.5 * b)


elementwise(sp.chdtr, PARAMETER, _chi2_density)
elementwise(sp.chdtrc, PARAMETER, lambda a, b: -_chi2_density(a, b))
elementwise(sp.chdtri, PARAMETER, lambda a, y: over(-1, _chi2_density(a, y)))


def _poisson(a: Any, b: Array) -> Array:
    return gamma_density(np.floor(a) + 1.0, b)


elementwise(sp.pdtr, 0, lambda a, b: -_poisson(a, b))
elementwise(sp.pdtrc, 0, _poisson)
elementwise(sp.pdtri, 0, lambda a, y: over(-1, _poisson(a, y)))


# --- beta, binomial, F, Student -------------------------------------------------------------------
#
# bdtr(k, n, p) = betainc(n − k, k + 1, 1 − p); nbdtr(k, n, p) = betainc(n, k + 1, p).


def _binomial(a: Any, b: Any, c: Array) -> Array:
    k = np.floor(a)
    return beta_density(k + 1.0, b - k, c)


def _negative_binomial(a: Any, b: Any, c: Array) -> Array:
    return beta_density(b * 1.0, np.floor(a) + 1.0, c)


elementwise(sp.bdtr, 0, PARAMETER, lambda a, b, c: -_binomial(a, b, c))
elementwise(sp.bdtrc, 0, PARAMETER, _binomial)
elementwise(sp.bdtri, 0, PARAMETER, lambda a, b, y: over(-1, _binomial(a, b, y)))
elementwise(sp.nbdtr, 0, PARAMETER, _negative_binomial)
elementwise(sp.nbdtrc, 0, PARAMETER, lambda a, b, c: -_negative_binomial(a, b, c))
elementwise(sp.nbdtri, 0, PARAMETER, lambda a, b, y: over(1, _negative_binomial(a, b, y)))


def _f_density(a: Array, b: Array, c: Array) -> Array:
    """fdtr(a, b, c) = betainc(a/2, b/2, t) with t = ac/(ac + b); dt/dc = ab/(ac + b)²."""
    total = a * c + b
    return beta_density(0.5 * a, 0.5 * b, a * c / total) * (a * b / (total * total))


elementwise(sp.fdtr, PARAMETER, PARAMETER, _f_density)
elementwise(sp.fdtrc, PARAMETER, PARAMETER, lambda a, b, c: -_f_density(a, b, c))
elementwise(sp.fdtri, PARAMETER, PARAMETER, lambda a, b, y: over(1, _f_density(a, b, y)))


def _student_density(a: Array, b: Array) -> Array:
    return np.exp(-0.5 * (a + 1) * np.log1p(b * b / a) - sp.betaln(0.5, 0.5 * a)) / np.sqrt(a)


elementwise(sp.stdtr, PARAMETER, _student_density)
elementwise(sp.stdtrit, PARAMETER, lambda a, y: over(1, _student_density(a, y)))


# --- Tukey's lambda: its inverse is (p^λ − (1 − p)^λ)/λ -------------------------------------------


def _tukey(b: Array, y: Array) -> Array:
    inside = (y > 0) & (y < 1)
    p = np.where(inside, y, 0.5)
    return np.where(inside, 1 / (np.power(p, b - 1) + np.power(1 - p, b - 1)), 0)


elementwise(sp.tklmbda, _tukey, PARAMETER)
