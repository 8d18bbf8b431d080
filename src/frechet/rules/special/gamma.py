"""The gamma function and its relatives, hypergeometric functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special as sp

from ...errors import NotDifferentiableError
from ...linear_map import Array, LinearMap, Shape
from ...maps import Diagonal
from ...rule import primal, refuse
from ..define import by_map, elementwise, over

PARAMETER = "SciPy has no function for the derivative in a parameter"
_zeta, _riemann_zeta = sp._ufuncs._zeta, sp._ufuncs._riemann_zeta  # what sp.zeta calls


@by_map
def _trigamma(y: Array, args: Any, in_shape: Shape, out_shape: Shape) -> LinearMap:
    (x,) = args
    if np.iscomplexobj(x):
        raise NotDifferentiableError(
            "scipy.special.psi: SciPy has no trigamma function of a complex argument"
        )
    return Diagonal(lambda x: sp.zeta(2.0, x), (x,), in_shape, out_shape)


elementwise(sp.psi, _trigamma)
elementwise(sp.gamma, lambda x, y: y * sp.psi(x))
elementwise(sp.gammaln, sp.psi)
elementwise(sp.loggamma, sp.psi)


def _rgamma_factor(x: Array, y: Array) -> Array:
    """−ψ(x)/Γ(x); at the zeros x = −n of 1/Γ, where ψ has poles, its limit (−1)ⁿ n!."""
    p = primal(x)
    pole = (np.real(p) <= 0) & (np.real(p) == np.floor(np.real(p))) & (np.imag(p) == 0)
    if not np.any(pole):
        return -y * sp.psi(x)
    n = np.where(pole, -np.real(p), 0)
    limit = np.where(n % 2 == 0, 1, -1) * sp.gamma(n + 1)
    return np.where(pole, limit, -y * sp.psi(np.where(pole, 1, x)))


elementwise(sp.rgamma, _rgamma_factor)

# ζ(s, q) = Σ (k + q)^−s, so ∂ζ/∂q = −s ζ(s + 1, q).
elementwise(_zeta, PARAMETER, lambda a, b: -a * sp.zeta(a + 1, b))
refuse("SciPy has no function for the derivative of Riemann's zeta function", _riemann_zeta, sp.zetac)

elementwise(
    sp.beta,
    lambda a, b, y: y * (sp.psi(a) - sp.psi(a + b)),
    lambda a, b, y: y * (sp.psi(b) - sp.psi(a + b)),
)
elementwise(sp.betaln, lambda a, b: sp.psi(a) - sp.psi(a + b), lambda a, b: sp.psi(b) - sp.psi(a + b))
elementwise(
    sp.binom,
    lambda a, b, y: y * (sp.psi(a + 1) - sp.psi(a - b + 1)),
    lambda a, b, y: y * (sp.psi(a - b + 1) - sp.psi(b + 1)),
)
elementwise(sp.poch, lambda a, b, y: y * (sp.psi(a + b) - sp.psi(a)), lambda a, b, y: y * sp.psi(a + b))


# --- incomplete gamma and beta functions: densities in the last argument --------------------------


def gamma_density(a: Array, b: Array) -> Array:
    """b^(a−1) e^−b / Γ(a), the derivative of gammainc(a, b) in b."""
    return np.exp(sp.xlogy(a - 1, b) - b - sp.gammaln(a))


def beta_density(a: Array, b: Array, c: Array) -> Array:
    """c^(a−1) (1 − c)^(b−1) / B(a, b), the derivative of betainc(a, b, c) in c."""
    return np.exp(sp.xlogy(a - 1, c) + sp.xlog1py(b - 1, -c) - sp.betaln(a, b))


elementwise(sp.gammainc, PARAMETER, gamma_density)
elementwise(sp.gammaincc, PARAMETER, lambda a, b: -gamma_density(a, b))
elementwise(sp.gammaincinv, PARAMETER, lambda a, y: over(1, gamma_density(a, y)))
elementwise(sp.gammainccinv, PARAMETER, lambda a, y: over(-1, gamma_density(a, y)))
elementwise(sp.betainc, PARAMETER, PARAMETER, beta_density)
elementwise(sp.betaincc, PARAMETER, PARAMETER, lambda a, b, c: -beta_density(a, b, c))
elementwise(sp.betaincinv, PARAMETER, PARAMETER, lambda a, b, y: over(1, beta_density(a, b, y)))
elementwise(sp.betainccinv, PARAMETER, PARAMETER, lambda a, b, y: over(-1, beta_density(a, b, y)))


# --- hypergeometric functions -------------------------------------------------------------------------
#
# The derivative in z raises every parameter by one (DLMF 13.3.15, 13.3.22, 15.5.1).

elementwise(sp.hyp0f1, PARAMETER, lambda a, b: over(1, a) * sp.hyp0f1(a + 1, b))
elementwise(sp.hyp1f1, PARAMETER, PARAMETER, lambda a, b, c: over(a, b) * sp.hyp1f1(a + 1, b + 1, c))
elementwise(
    sp.hyp2f1, PARAMETER, PARAMETER, PARAMETER,
    lambda a, b, c, d: over(a * b, c) * sp.hyp2f1(a + 1, b + 1, c + 1, d),
)  # fmt: skip
elementwise(sp.hyperu, PARAMETER, PARAMETER, lambda a, b, c: -a * sp.hyperu(a + 1, b + 1, c))

# wright_bessel(a, b, x) = Σ xᵏ/(k! Γ(ak + b))
elementwise(sp.wright_bessel, PARAMETER, PARAMETER, lambda a, b, c: sp.wright_bessel(a, a + b, c))
elementwise(
    sp.log_wright_bessel,
    PARAMETER,
    PARAMETER,
    lambda a, b, c, y: np.exp(sp.log_wright_bessel(a, a + b, c) - y),
)
