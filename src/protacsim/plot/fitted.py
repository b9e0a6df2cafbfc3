"""The sheet of a fit: fitted curves with their bands, and the measurements they were fitted to.

What was fitted is handed in by `protacsim.fitting`; the panels are those of dose-response figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from protacsim.errors import ParameterError
from protacsim.plot import caption, style
from protacsim.plot import panel as dose_panel
from protacsim.plot.curves import Panel, read_panel, reference_of
from protacsim.plot.layout import cells_of, draw_grid
from protacsim.plot.overlay import Overlay, overlay_keys, overlay_sentences, read_overlay
from protacsim.plot.selection import TIME, Selection
from protacsim.plot.sensitivity import READINGS
from protacsim.study import DOSE, TREATMENT

if TYPE_CHECKING:
    import pandas as pd

LINE = "line"
OF_POINTS = ("quantity", "value", "operator", "sd", DOSE, LINE)
ASSUMED = "sd_assumed"
OF_FITS = (*OF_POINTS, ASSUMED, "predicted", "residual")
PERCENT = "_percent"
MARKS = ("DC50",)
"""Arrowheads and halos would lie over measurements and bands."""


def fit_sheet(curves: xr.Dataset, found: xr.Dataset, *, width_mm: float | None = None) -> Figure:
    """Draw every fitted curve at the times measured, with its band and its measurements.

    Observables are rows, treatments columns; what else tells curves apart, and the time where
    there are several, is in the legend. Measured potencies are named, not drawn: they are no
    points of a curve. Bars are standard deviations that were given.

    Parameters
    ----------
    curves, found
        What `protacsim.fitting.fitted` returns, the curves first.
    width_mm
        Width of the figure, by default 88 for one treatment, else 180; the height follows.

    Raises
    ------
    ParameterError
        When the Datasets are not those of a fit.
    """
    measured = _measured(found)
    lines = _lines(curves, measured)
    parted = [TREATMENT] if TREATMENT in lines.coords else []
    names = tuple(dict.fromkeys(map(str, lines[LINE].values)))
    columns = xr.Dataset(coords={name: list(dict.fromkeys(lines[name].values)) for name in parted})

    def read(observable: str, chosen: Selection) -> Panel:
        panel = read_panel(_of_column(lines, observable, chosen), observable, LINE)
        return replace(panel, among=names, reference=reference_of(names))

    def laid_over(panel: Panel) -> Overlay:
        here = {name: value for name, value in panel.fixed if name in parted}
        points = _points(measured, here)
        return read_overlay(panel, points if len(points) else None, None)

    def draw(ax: Axes, panel: Panel) -> None:
        dose_panel.draw(ax, panel, MARKS, overlay=laid_over(panel), broken=broken)

    width_mm = style.width_of(columns.sizes.get(TREATMENT, 1), width_mm)
    observables = [str(name)[: -len(PERCENT)] for name in curves if str(name).endswith(PERCENT)]
    cells = cells_of(columns, observables, TREATMENT, {}, read, width_mm)
    panels = [cell.panel for cell in cells]
    overlays = [laid_over(panel) for panel in panels]
    broken = dose_panel.at_zero(panels, overlays)
    about = [
        caption.at_times(measured[TIME].tolist()),
        _bands(found),
        _left_out(measured),
        *overlay_sentences(panels, overlays),
    ]
    return draw_grid(curves, cells, draw, MARKS, width_mm, keys=overlay_keys(overlays), about=about)


def _bands(found: xr.Dataset) -> str:
    """What the bands are, and whether they mean anything."""
    said = f"Bands: {100.0 * found.attrs['level']:g} % intervals of the fitted curves"
    if not found.attrs.get("misses_data"):
        return said
    return (
        f"{said}, which do not hold: the sum of squares is {found.attrs['cost']:.4g} where about "
        f"{found.attrs['degrees_of_freedom']} would be expected"
    )


def _left_out(measured: pd.DataFrame) -> str:
    """Measurements that are fitted and have no place in the figure, and errors that are assumed."""
    readings = measured[~(measured[DOSE] > 0.0)]["quantity"].value_counts(sort=False)
    names = [f"{READINGS.get(str(name), name)} ({count})" for name, count in readings.items()]
    sentences = [f"Fitted, not drawn: measured {', '.join(names)}"] if names else []
    if _assumed(measured).any():
        sentences.append("Points without bars: error assumed")
    return ". ".join(sentences)


def _assumed(rows: pd.DataFrame) -> pd.Series:
    return rows[ASSUMED].astype(bool) if ASSUMED in rows else rows["sd"].isna()


def _measured(found: xr.Dataset) -> pd.DataFrame:
    """One row per measurement; `line` names the curve that it belongs to."""
    if "measurement" not in found.dims:
        raise ParameterError(
            "plot: fit_sheet takes both Datasets of protacsim.fitting.fitted, the curves first."
        )
    rows = found.drop_dims("parameter").to_dataframe().rename(columns={"measured": "value"})
    names = [name for name in rows if name not in (*OF_FITS, TREATMENT, TIME)]
    told = [name for name in (*names, TIME) if rows[name].nunique() > 1]
    return rows.assign(**{LINE: [_named(row) for row in rows[told].to_numpy(object).tolist()]})


def _named(values: Sequence[float | str]) -> str:
    return ", ".join(v if isinstance(v, str) else f"{v:g} h" for v in values)


def _lines(curves: xr.Dataset, measured: pd.DataFrame) -> xr.Dataset:
    """The curves along `line`: each at every time at which it was measured."""
    names = [str(n) for n, c in curves.coords.items() if c.dims == ("curve",) and n != "curve"]
    parts = []
    for _, key in measured.drop_duplicates([*names, TIME]).iterrows():
        found = np.all([curves[name] == key[name] for name in names], axis=0)
        part = curves.isel(curve=int(np.argmax(found))).sel({TIME: key[TIME]})
        parts.append(part.drop_vars([TIME, "curve"]).expand_dims({LINE: [key[LINE]]}))
    return xr.concat(parts, LINE, coords="all", combine_attrs="override")


def _of_column(lines: xr.Dataset, observable: str, chosen: Mapping[str, Any]) -> xr.Dataset:
    """The lines of one treatment that have the observable; treatments become one coordinate."""
    treatment = chosen.get(TREATMENT)
    values = lines[f"{observable}{PERCENT}"]
    lines = lines.assign(status=0.0 * values)  # null at doses that only other curves have
    has_it = values.notnull().any(DOSE).values
    if treatment is None:
        here = np.ones(lines.sizes[LINE], bool)
    else:
        here = lines[TREATMENT].values == treatment
    part = lines.isel({LINE: np.flatnonzero(here & has_it if (here & has_it).any() else here)})
    told = {TREATMENT: treatment} if treatment is not None else {}
    spare = [name for name, c in part.coords.items() if c.dims == (LINE,) and name != LINE]
    return part.drop_vars(spare).assign_coords(told)


def _points(measured: pd.DataFrame, where: Mapping[str, Any]) -> pd.DataFrame:
    """The measurements at doses in one column."""
    rows = measured[measured[DOSE] > 0.0]
    for name, value in where.items():
        rows = rows[rows[name] == value]
    return rows.assign(sd=rows["sd"].where(~_assumed(rows)))[[*OF_POINTS]]
