"""What the rulebook holds: a row for every function that NumPy hands over, and for those of SciPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..rule import Composed, Constant, Refused, Rule, function_name, load_chapters, table

MISSING = "missing"


class Row(NamedTuple):
    """A function and what becomes of it under differentiation."""

    function: str  # as a user writes it
    kind: str  # "rule", "composed", "no derivative", "refused", or "missing"
    remark: str


def coverage() -> list[Row]:
    """The table of rules, in alphabetical order, a row per function.

    Kinds: "rule", a rule of its own; "composed", an equivalent in terms of functions that have rules;
    "no derivative", a result that is constant under differentiation (integers, truth values, metadata, new
    arrays); "refused", an error, with its reason as the remark; "missing", a function that NumPy hands over
    and the table does not hold.

    Returns
    -------
    A list of named tuples (function, kind, remark).

    >>> rows = {row.function: row for row in coverage()}
    >>> rows["np.linalg.inv"].kind, rows["np.vstack"].kind, rows["np.argsort"].kind, rows["np.save"].kind
    ('rule', 'composed', 'no derivative', 'refused')
    """
    import scipy.special

    load_chapters(scipy.special.erf)
    return sorted({Row(function_name(f), *classification(table.get(f))) for f in (*overridable(), *table)})


def overridable() -> set[Callable[..., Any]]:
    """Every function and ufunc that NumPy hands over to other array types."""
    import numpy.char
    import numpy.lib.recfunctions
    import numpy.polynomial.polynomial  # noqa: F401  # what NumPy lists depends on what has been imported
    from numpy.testing import overrides

    load_chapters()
    listed = overrides.get_overridable_numpy_array_functions()
    # A creation function is listed twice: np.zeros(..., like=x) hands over one that wraps the public one.
    public = {f: getattr(np, f.__name__, None) for f in listed}
    functions = {p if getattr(f, "__wrapped__", None) is p is not None else f for f, p in public.items()}
    return functions | overrides.get_overridable_numpy_ufuncs()


def classification(entry: Any) -> tuple[str, str]:
    """The kind and the remark of an entry of the table."""
    if entry is None:
        return MISSING, "NumPy hands it over, but the table does not hold it"
    if isinstance(entry, Rule):
        return "rule", ""
    if isinstance(entry, Composed):
        return "composed", ""
    if isinstance(entry, Refused):
        return "refused", entry.reason
    if isinstance(entry, Constant):
        return "no derivative", ""
    return "no derivative", "a new array, into which traced values can be written where like= is traced"
