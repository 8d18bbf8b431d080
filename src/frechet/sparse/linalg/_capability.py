"""The capability table of this package: what is differentiable, and what happens where nothing is.

It is made as that of `fr.linalg` is; a test runs `check_rule` on a real and a complex case of each function.
"""

from __future__ import annotations

from functools import partial

from ...linalg._capability import Capability
from ...linalg._capability import capability as _capability

__all__ = ["Capability", "capability", "table"]

table: dict[str, Capability] = {}
capability = partial(_capability, stacked=False, into=table)
