"""Sparse matrices with derivatives in their values."""

from __future__ import annotations

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    """fr.sparse.linalg is imported when first used."""
    if name == "linalg":
        return importlib.import_module(f"{__name__}.linalg")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
