"""Testing of derivatives: `check_rule`, everything that a rule must satisfy, in one call."""

from __future__ import annotations

from ..differences import numerical_pushforward
from .check_rule import RuleCheckError, check_rule

__all__ = ["RuleCheckError", "check_rule", "numerical_pushforward"]
