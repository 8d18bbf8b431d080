"""Splines with derivatives by the values and by the points: functions of scipy.interpolate."""

from __future__ import annotations

from ._splines import CubicSpline, Spline, evaluate, make_interp_spline

__all__ = ["CubicSpline", "Spline", "evaluate", "make_interp_spline"]
