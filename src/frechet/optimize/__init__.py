"""SciPy's optimisers with exact derivatives: scipy.optimize's names, signatures and results.

The gradients, Hessians, Jacobians and products that a method takes are evaluated by Frechet instead of
differences, and variables may be containers of arrays and numbers.

>>> import numpy as np
>>> import frechet as fr
>>> result = fr.optimize.minimize(lambda x: np.sum((x - 1) ** 2), np.zeros(3))
>>> result.x, result.nfev, result.njev
(array([1., 1., 1.]), 3, 3)
"""

from __future__ import annotations

from ._curve_fit import curve_fit
from ._least_squares import least_squares
from ._minimize import minimize
from ._root import fsolve, root

__all__ = ["curve_fit", "fsolve", "least_squares", "minimize", "root"]
