"""Functions whose results have no tangent: metadata, comparisons, truth values, integers, indices, text."""

from __future__ import annotations

import numpy as np
from numpy._core import strings, umath

from ..rule import constant

# Shapes and types
constant(np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.min_scalar_type, np.common_type)
constant(np.iscomplexobj, np.isrealobj, np.may_share_memory, np.shares_memory)

# Comparisons and truth values
constant(np.all, np.any, np.array_equal, np.array_equiv, np.allclose, np.isclose, np.isin)
constant(np.iscomplex, np.isreal, np.isneginf, np.isposinf)

# Counts, positions, orders
constant(np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.argsort, np.argpartition, np.lexsort)
constant(np.nonzero, np.argwhere, np.flatnonzero, np.count_nonzero, np.searchsorted, np.digitize)
constant(
    np.ravel_multi_index, np.unravel_index, np.diag_indices_from, np.tril_indices_from, np.triu_indices_from
)
constant(np.packbits, np.unpackbits, vars(umath)["_ones_like"])
constant(np.busday_count, np.busday_offset, np.is_busday, np.datetime_as_string)

# Text that shows a value, and the functions of text
constant(np.array2string, np.array_repr, np.array_str)
constant(
    *(f for module in (np.char, strings) for f in vars(module).values() if hasattr(f, "_implementation"))
)

# Comparisons of entries, and ufuncs that take integers, booleans or text only: NumPy refuses numbers there.
COMPARISONS = (np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
               np.logical_and, np.logical_or, np.logical_not, np.logical_xor,
               np.isnan, np.isinf, np.isfinite, np.signbit)  # fmt: skip
INEXACT = set("efdgFDG")


def _takes_inexact(ufunc: np.ufunc) -> bool:
    return any(INEXACT & set(signature.split("->")[0]) for signature in ufunc.types)


for _ufunc in (
    *COMPARISONS,
    *(u for u in vars(umath).values() if isinstance(u, np.ufunc) and not _takes_inexact(u)),
):
    constant(_ufunc)
