"""Dense linear algebra with derivatives: scipy.linalg's functions, with its names and signatures, and more.

Every function takes plain and traced arrays, with leading batch axes, and is differentiable to any order; the
value, the pushforward and the pullback share one factorization.
"""

from __future__ import annotations

from ._expm import expm, expm_frechet
from ._lyapunov import solve_continuous_lyapunov, solve_discrete_lyapunov

__all__ = [
    "expm",
    "expm_frechet",
    "solve_continuous_lyapunov",
    "solve_discrete_lyapunov",
]
