"""Occupancy against degradation along the doses: how much loss a bound target brings.

Both are worked out by `protacsim.pharmacology.occupancy_and_degradation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from protacsim.plot import caption, style
from protacsim.plot.curves import DEFAULT_HUE, Panel, read_panel
from protacsim.plot.drawing import (
    PercentLocator,
    curve_handle,
    draw_key,
    heading,
    looks,
    mark_handle,
    named,
    words,
)
from protacsim.plot.selection import Selection, columns_and_curves
from protacsim.plot.sheet import Frame, in_grid, selections, sheet

NEEDED = ("target_total", "target_unoccupied")
HIGHEST = "highest dose"
EVEN = "degradation = occupancy"
MEANING = (
    "Occupancy is the bound share of the target that is left. Each curve runs from the lowest to "
    "the highest dose; its marks are tenfold doses. Above the grey line more is lost than bound"
)


@dataclass(frozen=True)
class Loop:
    """Curves against dose: `panel` holds degradation, `occupancy` one array per curve, in %."""

    panel: Panel
    occupancy: tuple[NDArray[np.float64], ...]


def occupancy_vs_degradation(
    data: xr.Dataset,
    *,
    hue: str = DEFAULT_HUE,
    time_h: float | None = None,
    select: Selection | None = None,
    ax: Axes | None = None,
    legend: bool = True,
) -> Axes:
    """Draw degradation against occupancy of what is left, one curve through the doses per `hue`.

    Parameters
    ----------
    data
        Result of `protacsim.run` with a dim `compound.dose_nM`, `relative_to` set, and the
        observables "target_total" and "target_unoccupied".
    hue, time_h, select, ax, legend
        As in `dose_response`.

    Raises
    ------
    ParameterError
        When a dim is left undecided, or an observable, name or value is not in the Dataset.
    """
    found = read_loop(data, hue, time_h, select or {})
    with style.context():
        own = ax is None
        if ax is None:
            ax = style.new_figure(85.0, 90.0, layout="constrained").add_subplot()
        draw_loop(ax, found)
        ax.set_title(heading(found.panel), parse_math=False)
        if legend:
            star = [words("* hypothetical")] if found.panel.hypothetical else []
            draw_key(ax, _curve_keys([found]), [*_mark_keys(), *star], outside=own)
    return ax


def occupancy_vs_degradation_sheet(
    data: xr.Dataset,
    *,
    columns: str | None = None,
    hue: str | None = None,
    time_h: float | None = None,
    width_mm: float | None = None,
    select: Selection | None = None,
) -> Figure:
    """Draw a panel per value of `columns` (treatments by default), with legend and caption."""
    columns, hue = columns_and_curves(columns, hue)
    chosen = selections(data, columns, select or {})
    loops = [read_loop(data, hue, time_h, at) for at in chosen]
    frame = Frame(style.width_of(len(chosen), width_mm))
    parts = in_grid([[(partial(draw_loop, loop=loop), loop.panel.title)] for loop in loops], frame)
    panels = [loop.panel for loop in loops]
    about = [caption.at_times([p.time_h for p in panels]), caption.ramp(panels), MEANING]
    about += caption.kept(data, panels)
    text = caption.written(data, about, [panel.hypothetical for panel in panels])
    return sheet(parts, text, [*_curve_keys(loops), *_mark_keys()], frame)


def read_loop(data: xr.Dataset, hue: str, time_h: float | None, select: Selection) -> Loop:
    """Take both percentages of every curve out of a result Dataset."""
    from protacsim import pharmacology

    both = pharmacology.occupancy_and_degradation(data).assign_attrs(data.attrs)
    panel = read_panel(both, "degradation", hue, time_h, select)
    occupancy = read_panel(both, "occupancy", hue, time_h, select)
    reference = str(data["target_total_percent"].attrs.get("relative_to", ""))
    panel = replace(panel, unit=f"% of {reference}" if reference else "%")
    return Loop(panel, tuple(curve.value for curve in occupancy.curves))


def draw_loop(ax: Axes, loop: Loop) -> None:
    """Draw the curves, the line of equal percentages, and a mark at every tenfold dose."""
    ax.plot([0.0, 100.0], [0.0, 100.0], color=style.QUIET_COLOUR, linewidth=0.6, label="_even")
    for i, (curve, occupancy, look) in enumerate(
        zip(loop.panel.curves, loop.occupancy, looks(loop.panel), strict=True)
    ):
        decades = np.log10(curve.x)
        tenfold = np.flatnonzero(np.abs(decades - np.round(decades)) < 1e-6).tolist()
        ax.plot(
            occupancy, curve.value, color=look.colour, linestyle=look.dash, marker=look.marker,
            markevery=tenfold, label=curve.name or "_curve", zorder=3.0 - 0.05 * i, clip_on=False,
        )  # fmt: skip
        ax.plot(
            occupancy[-1:], curve.value[-1:], linestyle="none", marker="o", markersize=4.6,
            markerfacecolor="white", markeredgecolor=look.colour, markeredgewidth=0.9, zorder=4,
            clip_on=False, label=f"_end {curve.name}",
        )  # fmt: skip
    values = np.concatenate([curve.value for curve in loop.panel.curves])
    lowest = min(0.0, float(np.nanmin(values)) if np.isfinite(values).any() else 0.0)
    ax.set_xlim(-2.0, 108.0)
    ax.set_ylim(-2.0 + lowest, 102.0)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(PercentLocator())
    ax.set_xlabel("occupancy (%)")
    ax.set_ylabel(f"{loop.panel.long_name}\n({loop.panel.unit})")


def _curve_keys(loops: Sequence[Loop]) -> list[Artist]:
    found: dict[str, Artist] = {}
    for loop in loops:
        look = looks(loop.panel)
        for i in named(loop.panel):
            name = loop.panel.curves[i].name
            if name:
                found.setdefault(name, curve_handle(look[i], name))
    return list(found.values())


def _mark_keys() -> list[Artist]:
    even = Line2D([], [], color=style.QUIET_COLOUR, linewidth=0.6, label=EVEN)
    return [mark_handle("o", HIGHEST, filled=False), even]
