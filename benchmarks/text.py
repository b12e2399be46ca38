"""Figures in words."""

from __future__ import annotations


def amount(value: float | None, unit: str) -> str:
    """Return a figure with its unit: three digits after the point below a second, else two."""
    if value is None:
        return "not restored"
    if unit == "%":
        return f"{value:.1f} %"
    if unit == "requests":
        return f"{value:g}"
    return f"{value:.3f} {unit}" if abs(value) < 1 else f"{value:.2f} {unit}"
