"""Functions of scipy.special that are no ufuncs, with derivatives: SciPy's names and signatures.

Its ufuncs (erf, gamma, jv and so on) need nothing: NumPy hands traced arrays over.
"""

from __future__ import annotations

from ._exponential import log_softmax, logsumexp, softmax
from ._gamma import multigammaln

__all__ = ["log_softmax", "logsumexp", "multigammaln", "softmax"]
