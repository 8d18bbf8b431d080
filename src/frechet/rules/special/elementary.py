"""Exponentials, logarithms and powers in scipy.special: expit, xlogy, entr, boxcox and others."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special as sp

from ...linear_map import Array
from ...rule import constant, primal
from ..define import elementwise, nonzero, over
from ..elementwise import DEGREE, LN2, LN10

elementwise(sp.cbrt, lambda y: over(1 / 3, y * y))
elementwise(sp.exp2, lambda y: LN2 * y)
elementwise(sp.exp10, lambda y: LN10 * y)
elementwise(sp.expm1, lambda y: y + 1)
elementwise(sp.log1p, lambda x: over(1, x + 1))
elementwise(sp.cosm1, lambda x: -np.sin(x))
elementwise(sp.sindg, lambda x: DEGREE * sp.cosdg(x))
elementwise(sp.cosdg, lambda x: -DEGREE * sp.sindg(x))
elementwise(sp.tandg, lambda y: DEGREE * (1 + y * y))
elementwise(sp.cotdg, lambda y: -DEGREE * (1 + y * y))
elementwise(sp.radian, DEGREE, DEGREE / 60, DEGREE / 3600)
constant(sp.round)

# exprel(x) = (eˣ − 1)/x = ∫₀¹ e^{tx} dt, so its derivative is ∫₀¹ t e^{tx} dt = 1F1(2; 3; x)/2, free of
# cancellation.
elementwise(sp.exprel, lambda x: 0.5 * sp.hyp1f1(2.0, 3.0, x))


# --- logistic functions ---------------------------------------------------------------------------
#
# 1 − expit(x) = expit(−x), which keeps the digits of the small one of the two.

elementwise(sp.expit, lambda x, y: y * sp.expit(-x))
elementwise(sp.logit, lambda x: over(1, x * (1 - x)))
elementwise(sp.log_expit, lambda x: sp.expit(-x))


# --- entropies: x log y is 0 at x = 0 -------------------------------------------------------------


def _ratio(a: Array, b: Array) -> Array:
    """a / b, and 0 where a is 0."""
    return a / np.where(primal(a) == 0, 1, b)


elementwise(sp.xlogy, lambda b: np.log(b), _ratio)  # noqa: PLW0108  # of the second argument
elementwise(sp.xlog1py, lambda b: np.log1p(b), lambda a, b: _ratio(a, 1 + b))  # noqa: PLW0108  # likewise
elementwise(sp.entr, lambda x: -np.log(x) - 1)
elementwise(sp.rel_entr, lambda a, b: np.log(over(a, b)) + 1, lambda a, b: -_ratio(a, b))
elementwise(sp.kl_div, lambda a, b: np.log(over(a, b)), lambda a, b: 1 - _ratio(a, b))


# --- robust losses --------------------------------------------------------------------------------
#
# huber(δ, r) is r²/2 for |r| ≤ δ and δ(|r| − δ/2) beyond.

elementwise(
    sp.huber, lambda a, b: np.maximum(np.abs(b) - a, 0), lambda a, b: np.minimum(np.maximum(b, -a), a)
)

# pseudo_huber(δ, r) = δ(h − δ) with h = √(δ² + r²): ∂/∂δ = (h − δ)²/h, where h − δ = r²/(h + δ); ∂/∂r = δ
# r/h.


def _pseudo_huber_delta(a: Array, b: Array) -> Array:
    h = np.hypot(a, b)
    excess = b * b / nonzero(h + a)
    return excess * excess / nonzero(h)


elementwise(sp.pseudo_huber, _pseudo_huber_delta, lambda a, b: a * b / nonzero(np.hypot(a, b)))


# --- Box–Cox and powers ---------------------------------------------------------------------------
#
# boxcox(x, λ) = (x^λ − 1)/λ = L exprel(λL) with L = log x, so ∂/∂λ = L² exprel′(λL), with no singularity at
# λ = 0. inv_boxcox(y, λ) = exp(y h(λy)) with h(u) = log(1 + u)/u = 2F1(1, 1; 2; −u) and h′(u) = −2F1(2, 2;
# 3; −u)/2.


def _boxcox_lambda(log: Array, lmbda: Array) -> Array:
    return log * log * (0.5 * sp.hyp1f1(2.0, 3.0, lmbda * log))


def _inverse_lambda(y: Array, lmbda: Array) -> Array:
    return -0.5 * y * y * sp.hyp2f1(2.0, 2.0, 3.0, -lmbda * y)


elementwise(sp.boxcox, lambda a, b: np.power(a, b - 1), lambda a, b: _boxcox_lambda(np.log(a), b))
elementwise(
    sp.boxcox1p, lambda a, b: np.exp((b - 1) * np.log1p(a)), lambda a, b: _boxcox_lambda(np.log1p(a), b)
)
elementwise(sp.inv_boxcox, lambda y, a, b: over(y, 1 + a * b), lambda y, a, b: y * _inverse_lambda(a, b))
elementwise(
    sp.inv_boxcox1p, lambda y, a, b: over(y + 1, 1 + a * b), lambda y, a, b: (y + 1) * _inverse_lambda(a, b)
)


def _powm1_exponent(y: Any, a: Any) -> Any:
    return (y + 1) * np.log(np.where(primal(a) == 0, 1, a))


elementwise(sp.powm1, lambda a, b: b * np.power(a, b - 1), _powm1_exponent)
