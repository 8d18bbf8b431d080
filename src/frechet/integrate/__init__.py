"""Integrals of samples with derivatives: functions of scipy.integrate, with its names and signatures."""

from __future__ import annotations

from ._samples import cumulative_simpson, cumulative_trapezoid, romb, simpson, trapezoid

__all__ = ["cumulative_simpson", "cumulative_trapezoid", "romb", "simpson", "trapezoid"]
