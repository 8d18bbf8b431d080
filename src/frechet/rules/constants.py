"""Functions whose results have no tangent: metadata, comparisons, integers, truth values."""

from __future__ import annotations

import numpy as np

from ..rule import constant

constant(np.shape, np.ndim, np.size, np.result_type, np.iscomplexobj, np.isrealobj, np.can_cast, np.may_share_memory, np.shares_memory)
constant(np.sign, np.floor, np.ceil, np.rint, np.trunc, np.isnan, np.isfinite, np.isinf)
