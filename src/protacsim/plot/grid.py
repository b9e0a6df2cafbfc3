"""Grids of panels: observables are rows, treatments (or another dim) are columns.

The layout, shared by both kinds of figure, is the work of `protacsim.plot.layout`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from protacsim.plot import panel as dose_panel
from protacsim.plot import time_panel
from protacsim.plot.curves import Panel, read_panel
from protacsim.plot.layout import cells_of, draw_grid
from protacsim.plot.overlay import (
    Form,
    left_out,
    overlay_keys,
    overlay_sentences,
    read_overlay,
)
from protacsim.plot.selection import Selection, columns_and_curves
from protacsim.plot.time_curves import columns_and_hue, read_time_panel

if TYPE_CHECKING:
    import pandas as pd


def dose_response_grid(
    data: xr.Dataset,
    observables: Sequence[str] = ("target_total", "target_active"),
    *,
    columns: str | None = None,
    hue: str | None = None,
    time_h: float | None = None,
    width_mm: float | None = None,
    select: Selection | None = None,
    mark: Sequence[str] = dose_panel.MARKS,
    points: pd.DataFrame | xr.Dataset | None = None,
    fit: Form | None = None,
) -> Figure:
    """Draw a panel per observable (rows) and value of `columns`, with a legend and a caption.

    Panels share their axes. The caption gives title, time, the meaning of the marks, and the
    constants that no read source backs; hypothetical compounds carry an asterisk. A curve that is
    zero by definition (activity of a kinase-impaired allele) shows its unoccupied target instead.

    Parameters
    ----------
    data
        Result of `protacsim.run`, with a dim `compound.dose_nM`.
    observables
        Names without `_percent`, one row each.
    columns
        Dim whose values become columns, by default the treatments, unless they are the hue; one
        column when the Dataset does not have it.
    hue
        Dim whose values become curves, by default the alleles, unless they are the columns.
    time_h
        Time to show, in hours; the last one by default.
    width_mm
        Width of the figure; by default 88 for one column of panels, 180 for several. The height
        follows.
    select
        One value for every other dim that has several.
    mark
        Any of "DC50" (on activity: IC50), "Dmax", "hook".
    points, fit
        As in `dose_response`.

    Raises
    ------
    ParameterError
        When a dim is left undecided, or a name or value is not in the Dataset.
    """
    columns, curves = columns_and_curves(columns, hue)

    def read(observable: str, chosen: Selection) -> Panel:
        return read_panel(data, observable, curves, time_h, chosen)

    cells = cells_of(data, observables, columns, dict(select or {}), read, width_mm)
    panels = [cell.panel for cell in cells]
    overlays = [read_overlay(panel, points, fit) for panel in panels]
    broken = dose_panel.at_zero(panels, overlays)
    over = dict(zip(map(id, panels), overlays, strict=True))

    def draw(ax: Axes, panel: Panel) -> None:
        dose_panel.draw(ax, panel, mark, overlay=over[id(panel)], broken=broken)

    about = [left_out(panels, points), *overlay_sentences(panels, overlays)]
    return draw_grid(data, cells, draw, mark, width_mm, keys=overlay_keys(overlays), about=about)


def time_course_grid(
    data: xr.Dataset,
    observables: Sequence[str] = ("target_total",),
    *,
    columns: str | None = None,
    hue: str | None = None,
    width_mm: float | None = None,
    select: Selection | None = None,
    mark: Sequence[str] = time_panel.MARKS,
) -> Figure:
    """Draw a panel per observable (rows) and value of `columns` against time.

    Layout, legend and caption are those of `dose_response_grid`.

    Parameters
    ----------
    data
        Result of `protacsim.run` with two or more times.
    observables
        Names without `_percent`, one row each.
    columns, hue
        Dims whose values become columns and curves. Where they are not given, the one dim with
        several values becomes the hue; of two, treatments or else the first dim of names are the
        columns.
    width_mm
        Width of the figure; by default 88 for one column of panels, 180 for several. The height
        follows.
    select
        One value for every other dim that has several.
    mark
        "D50", the first time at which 50 % of the reference is left, or nothing.

    Raises
    ------
    ParameterError
        When a dim is left undecided, a name or value is not in the Dataset, or there are fewer
        than two times.
    """
    time_panel.check_marks(mark)
    chosen = dict(select or {})
    columns, hue = columns_and_hue(data, observables, columns, hue, chosen)

    def read(observable: str, at: Selection) -> Panel:
        return read_time_panel(data, observable, hue, at)

    def draw(ax: Axes, panel: Panel) -> None:
        time_panel.draw_times(ax, panel, mark)

    cells = cells_of(data, observables, columns, chosen, read, width_mm)
    return draw_grid(data, cells, draw, mark, width_mm)
