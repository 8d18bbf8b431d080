"""What counterparts of SciPy's functions share: the originals, and arguments that may be traced."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from .linear_map import Array
from .tracing.apply import is_traced
from .transforms import array


def from_scipy(subpackage: str, name: str) -> Any:
    """A function of SciPy, such as lfilter of signal; its subpackage is loaded here, because that is slow."""
    return getattr(importlib.import_module(f"scipy.{subpackage}"), name)


def as_array(x: Any) -> Array:
    """np.asarray of what may be traced, also in lists and tuples; traced arrays are left as they are."""
    if not is_traced(x):
        return np.asarray(x)
    return array(x) if isinstance(x, (list, tuple)) else x
