"""How many terms and steps the truncated Taylor series of e^(tA) B takes.

e^(tA) B is taken in s steps, each a Taylor polynomial T_m of degree m of (t/s)A.  With h(x) = log(e^(−x)
T_m(x)) = Σ_(k>m) h_k x^k, T_m(X) = exp(X + h(X)), the exact exponential of a matrix near X; ‖h(X)‖ ≤ u‖X‖ if
Σ |h_k| α^(k−1) ≤ u, where α = max(‖X^p‖^(1/p), ‖X^(p+1)‖^(1/(p+1))) for some p with p(p − 1) ≤ m + 1 (Al-Mohy
& Higham, SIAM J. Sci. Comput. 33:488, 2011).  The derivative in A asks for Σ k |h_k| α^(k−1) ≤ u, as for the
exponential itself; the limits here are the largest α of this stricter kind, computed in 60 digits.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ._operators import Operator

__all__ = ["Plan", "plan_for"]

_DOUBLE = {
    5: 0.001677925, 10: 0.11365314, 15: 0.53533756, 20: 1.2433078, 25: 2.1484253, 30: 3.183356,
    35: 4.3052383, 40: 5.4871897, 45: 6.7119701, 50: 7.9681774, 55: 9.2480349,
}  # fmt: skip
_SINGLE = {
    5: 0.091815764, 10: 0.79264746, 15: 1.8705169, 20: 3.09625, 25: 4.3892296, 30: 5.7173807,
    35: 7.0658881, 40: 8.4270825, 45: 9.7966373, 50: 11.171946, 55: 12.551352,
}  # fmt: skip
_MOST = 55
_POWERS = 8  # the largest p with p (p − 1) ≤ 56
_COLUMNS = 2  # of the block algorithm that estimates norms


class Plan(NamedTuple):
    """Steps s, each by a Taylor polynomial of degree m."""

    m: int
    s: int


def plan_for(A: Operator, t: float, columns: int) -> Plan:
    """The cheapest plan for e^(tA) B.

    Parameters
    ----------
    A : Operator
    t : float
        |t|, the longest time of the plan.
    columns : int
        How many columns B has: what norms of powers may cost depends on it.
    """
    limits = _SINGLE if A.dtype.char in "fF" else _DOUBLE
    norm = t * A.norm()
    if norm == 0:
        return Plan(1, 1)
    # Estimates of norms of powers take products with A, too: they pay where many are at stake (condition
    # 3.13 of the paper).
    budget = 2 * _COLUMNS * _POWERS * (_POWERS + 3)
    if norm <= budget * limits[_MOST] / (_MOST * max(columns, 1)) or not A.has_powers:
        return _cheapest((m, norm / limit) for m, limit in limits.items())
    powers = [t * A.norm_of_power(p) for p in range(2, _POWERS + 2)]
    alphas = {p: max(powers[p - 2], powers[p - 1]) for p in range(2, _POWERS + 1)}
    return _cheapest(
        (m, min(norm, alpha) / limit)
        for m, limit in limits.items()
        for p, alpha in alphas.items()
        if p * (p - 1) <= m + 1
    )


def _cheapest(candidates: Any) -> Plan:
    plans = [Plan(m, max(1, math.ceil(steps))) for m, steps in candidates if np.isfinite(steps)]
    if not plans:
        raise ValueError("expm_multiply: the norm of t A is not finite")
    return min(plans, key=lambda plan: plan.m * plan.s)
