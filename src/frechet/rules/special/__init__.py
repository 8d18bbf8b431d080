"""scipy.special: every ufunc, with a rule, as a constant, or refused with a reason.

Loaded only when scipy.special has been imported.  Derivatives with respect to orders and shape parameters
(the order of a Bessel function, a in gammainc(a, x)) are refused where they are not elementary: SciPy has
no functions for them.
"""

from __future__ import annotations

import numpy as np
import scipy.special

from ...rule import Constant, table
from ..ufunc_methods import enter_methods
from . import bessel, elementary, elliptic, errors, gamma, integrals, polynomials, refused, statistics

__all__ = [
    "bessel",
    "elementary",
    "elliptic",
    "errors",
    "gamma",
    "integrals",
    "polynomials",
    "refused",
    "statistics",
]

for _f in [f for f in vars(scipy.special).values() if isinstance(f, np.ufunc)]:
    enter_methods(_f, isinstance(table.get(_f), Constant))
