"""Figures of `docs/validation.md`: what was seen against what is fitted or predicted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "protacsim"
import matplotlib.pyplot as plt  # noqa: E402

FIGURES = Path(__file__).parent.parent / "docs" / "figures"
DC50, DMAX = "dc50_relative_nM", "dmax_percent"
LINES = {"ramos": "Ramos", "thp1": "THP-1"}


def draw_zorba(zorba: dict[str, Any]) -> None:
    """DC50 and Dmax, seen and fitted."""
    figure, axes = plt.subplots(1, 2, figsize=(7.0, 3.4), layout="constrained")
    for axis, quantity, name in zip(axes, (DC50, DMAX), ("DC50 (nM)", "Dmax (%)"), strict=True):
        for cell, marker in (("ramos", "o"), ("thp1", "s")):
            rows = [r for r in zorba["fitted"] if (r["cell"], r["quantity"]) == (cell, quantity)
                    and r["operator"] == "="]  # fmt: skip
            axis.plot([r["observed"] for r in rows], [r["predicted"] for r in rows], marker,
                      label=LINES[cell])  # fmt: skip
        ends = (1.0, 3000.0) if quantity == DC50 else (0.0, 100.0)
        axis.plot(ends, ends, color="0.6", linewidth=1, zorder=0)
        axis.set(xlabel=f"{name} seen", ylabel=f"{name} fitted")
    axes[0].set(xscale="log", yscale="log")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    figure.savefig(FIGURES / "validation-zorba.svg", metadata={"Date": None})
    plt.close(figure)


def draw_rows(found: dict[str, Any]) -> None:
    """Predicted DC50 and percentages against observed ones, with their ranges."""
    figure, axes = plt.subplots(1, 2, figsize=(7.0, 3.4), layout="constrained")
    for axis, potency in zip(axes, (True, False), strict=True):
        for status in ("calibrated on", "predicted"):
            rows = [r for r in found["rows"] if r["status"] == status and r["value"]
                    and "low" in r and r["unit"] == ("nM" if potency else "%")]  # fmt: skip
            seen = np.array([float(r["value"]) for r in rows])
            middle = np.array([r["predicted"] for r in rows])
            low, high = np.array([r["low"] for r in rows]), np.array([r["high"] for r in rows])
            error = np.clip([middle - low, high - middle], 0.0, None)
            axis.errorbar(seen, middle, error, fmt="o", markersize=3, linewidth=0.5, label=status)
        ends = (0.1, 1e4) if potency else (0.0, 100.0)
        axis.plot(ends, ends, color="0.6", linewidth=1, zorder=0)
        name, unit = ("DC50", "nM") if potency else ("Dmax, BTK left, occupancy", "%")
        axis.set(xlabel=f"{name}, seen ({unit})", ylabel=f"{name}, predicted ({unit})")
    axes[0].set(xscale="log", yscale="log")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    figure.savefig(FIGURES / "validation-rows.svg", metadata={"Date": None})
    plt.close(figure)
