"""Elementwise functions of NumPy (its ufuncs)."""

from __future__ import annotations

import numpy as np

from .define import elementwise

elementwise(np.add, 1, 1)
elementwise(np.subtract, 1, -1)
elementwise(np.multiply, lambda b: b, lambda a: a)
elementwise(np.true_divide, lambda b: 1 / b, lambda y, b: -y / b)
elementwise(np.negative, -1)
elementwise(np.positive, 1)
elementwise(np.exp, lambda y: y)
elementwise(np.sin, lambda x: np.cos(x))
elementwise(np.cos, lambda x: -np.sin(x))
