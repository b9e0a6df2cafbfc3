"""Single cells: how observables spread over them, against time or dose, and how many lost them.

Quantiles and fractions are read by `protacsim.pharmacology`; here they become panels and sheets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from protacsim.errors import ParameterError
from protacsim.plot import caption, style
from protacsim.plot.curves import DEFAULT_HUE, Panel, read_panel
from protacsim.plot.drawing import (
    PercentLocator,
    curve_handle,
    draw_key,
    heading,
    looks,
    named,
    value_label,
    words,
)
from protacsim.plot.panel import draw
from protacsim.plot.selection import TIME, Selection, columns_and_curves, part_with
from protacsim.plot.sheet import Frame, Titled, in_grid, selections, sheet
from protacsim.plot.time_curves import columns_and_hue, read_time_panel
from protacsim.plot.time_panel import draw_times
from protacsim.study.names import FEWEST_TIMES

CELLS = "replicate"
MEDIAN = 0.5
METHODS = {
    "SSA": "exact stochastic simulation",
    "LNA": "the linear noise approximation",
    "Hybrid": "exact jumps of scarce species and Gaussian paths of the others",
}
BANDS = ((0.05, 0.95, "5-95 % of cells"), (0.25, 0.75, "25-75 % of cells"))
SHADES = (0.16, 0.26)
BAR_WIDTHS = (0.7, 2.4)
LOSS_PERCENT = 90.0
OF_CELLS = "% of cells"
APART = 0.16
"""Between the bars of two curves at one dose, as a part of the way to the next dose."""

Floats = NDArray[np.float64]
Show = Literal["spread", "fraction"]


@dataclass(frozen=True)
class Spread:
    """Curves of the median over cells, or of a fraction of cells.

    `bands` has one entry per entry of `BANDS`: lower and upper quantiles of every curve. It is
    empty for fractions, and for one cell, which does not spread.
    """

    panel: Panel
    bands: tuple[tuple[tuple[Floats, Floats], ...], ...] = ()


def single_cell(
    data: xr.Dataset,
    observable: str = "target_total",
    *,
    show: Show = "spread",
    hue: str | None = None,
    time_h: float | None = None,
    select: Selection | None = None,
    ax: Axes | None = None,
    legend: bool = True,
) -> Axes:
    """Draw how an observable spreads over single cells, one curve per value of `hue`.

    With several times, a fan chart: the median against time in bands that hold 50 % and 90 % of the
    cells. At one time, the same against dose, as bars.

    Parameters
    ----------
    data
        Result of `protacsim.run` with a stochastic method, hence a dim `replicate`.
        `<observable>_percent` is drawn when the Dataset has it, else the amount itself.
    observable
        Name without `_percent`, e.g. "target_total".
    show
        "spread", or "fraction": the share of cells that have lost more than 90 % (percentages
        only).
    hue
        Dim whose values become curves; alleles over doses, and over times the one dim left.
    time_h
        Time in h to show over doses; without it, all times of the Dataset are shown.
    select, ax, legend
        As in `dose_response`.

    Raises
    ------
    ParameterError
        When there are no cells, a dim is left undecided, or a name or value is not in the Dataset.
    """
    if show not in ("spread", "fraction"):
        raise ParameterError(f"plot: show is {show!r}; allowed are 'spread' and 'fraction'.")
    chosen = select or {}
    over_time = _is_over_time(data, time_h, chosen)
    tables = _tables(data, [observable], show)
    found = _read(tables, observable, hue, time_h, chosen, over_time=over_time)
    with style.context():
        own = ax is None
        if ax is None:
            ax = style.new_figure(85.0, 84.0, layout="constrained").add_subplot()
        _draw(ax, found)
        ax.set_title(heading(found.panel), parse_math=False)
        if legend:
            star = [words("* hypothetical")] if found.panel.hypothetical else []
            draw_key(ax, _curve_keys([found]), [*_band_keys([found]), *star], outside=own)
    return ax


def single_cell_sheet(
    data: xr.Dataset,
    observables: Sequence[str] = ("target_total",),
    *,
    columns: str | None = None,
    hue: str | None = None,
    time_h: float | None = None,
    width_mm: float | None = None,
    select: Selection | None = None,
) -> Figure:
    """Draw a panel per observable (rows) and value of `columns`, with legend and caption.

    Over doses, a further row shows the share of cells that have lost more than 90 % of each
    observable that is a percentage. `columns` is the treatment by default; further parameters are
    those of `single_cell`.
    """
    chosen = select or {}
    over_time = _is_over_time(data, time_h, chosen)
    spread = _tables(data, observables, "spread")
    lost = [] if over_time else [n for n in observables if f"{n}_percent" in data]
    fraction = _tables(data, lost, "fraction") if lost else []
    if over_time:
        columns, hue = columns_and_hue(spread[0], observables, columns, hue, chosen)
    else:
        columns, hue = columns_and_curves(columns, hue)
    found = [
        [
            *(_read(spread, n, hue, time_h, at, over_time=over_time) for n in observables),
            *(_read(fraction, n, hue, time_h, at, over_time=False) for n in lost),
        ]
        for at in selections(data, columns, chosen)
    ]
    return _sheet(data, found, width_mm)


def _sheet(data: xr.Dataset, found: Sequence[Sequence[Spread]], width_mm: float | None) -> Figure:
    flat = [each for column in found for each in column]
    frame = Frame(style.width_of(len(found), width_mm))
    draws: list[list[Titled]] = [
        [(partial(_draw, spread=each), each.panel.title) for each in column] for column in found
    ]
    text = caption.written(data, _about(data, flat), [each.panel.hypothetical for each in flat])
    return sheet(in_grid(draws, frame), text, [*_curve_keys(flat), *_band_keys(flat)], frame)


def _is_over_time(data: xr.Dataset, time_h: float | None, select: Selection) -> bool:
    several = data.sizes.get(TIME, 0) >= FEWEST_TIMES
    return several and time_h is None and TIME not in select


def _tables(data: xr.Dataset, observables: Sequence[str], show: Show) -> list[xr.Dataset]:
    """The observables without cells: one Dataset per quantile (the median first), or fractions."""
    parts = [_with_cells(data, name) for name in observables]
    part = xr.merge(parts, compat="override", combine_attrs="override")
    part = part.assign_attrs(data.attrs)
    if show == "fraction":
        return [_fractions(part, observables)]
    several = data.sizes[CELLS] > 1
    edges = [edge for low, high, _ in BANDS for edge in (low, high) if several]
    return _quantiles(part, (MEDIAN, *edges))


def _with_cells(data: xr.Dataset, observable: str) -> xr.Dataset:
    part, name = part_with(data, observable)
    if CELLS not in part[name].dims:
        raise ParameterError(
            f"plot: {name!r} has no dim {CELLS!r}, so there are no cells to show; run the study "
            "with a stochastic method such as Auto() and several replicates."
        )
    return part


def _quantiles(part: xr.Dataset, levels: Sequence[float]) -> list[xr.Dataset]:
    from protacsim import pharmacology

    names = [str(name) for name in part.data_vars if TIME in part[name].dims]
    read = {n: pharmacology.mean_and_quantiles(part, n, levels)["quantiles"] for n in names}
    return [
        _like(part, {n: values.sel(quantile=q, drop=True) for n, values in read.items()})
        for q in levels
    ]


def _fractions(part: xr.Dataset, observables: Sequence[str]) -> xr.Dataset:
    from protacsim import pharmacology

    absent = [name for name in observables if f"{name}_percent" not in part]
    if absent:
        raise ParameterError(
            f"plot: {absent[0]!r} is no percentage, so a loss of {LOSS_PERCENT:g} % has no "
            'meaning; set relative_to of the readout, such as "vehicle".'
        )
    found = {
        name: 100.0 * pharmacology.fraction_lost(part, name, loss_percent=LOSS_PERCENT)
        for name in observables
    }
    table = _like(part, found)
    for name in observables:
        whose = str(part[name].attrs.get("long_name", name))
        words_ = f"> {LOSS_PERCENT:g} % loss of {whose}"
        table[name].attrs = {"units": OF_CELLS, "long_name": words_}
    return table


def _like(part: xr.Dataset, values: dict[str, xr.DataArray]) -> xr.Dataset:
    """Values in place of those of `part`, with the same attributes; a point is as its best cell."""
    found = xr.Dataset({n: v.assign_attrs(part[n].attrs) for n, v in values.items()})
    if "status" in part:
        found["status"] = part["status"].min(CELLS) if CELLS in part["status"].dims else 0
    return found.assign_attrs(part.attrs)


def _read(
    tables: Sequence[xr.Dataset],
    observable: str,
    hue: str | None,
    time_h: float | None,
    select: Selection,
    *,
    over_time: bool,
) -> Spread:
    """Take the curves of one panel out of every table."""
    panels = [
        read_time_panel(table, observable, hue, select)
        if over_time
        else _apart(read_panel(table, observable, hue or DEFAULT_HUE, time_h, select))
        for table in tables
    ]
    values = [[curve.value for curve in panel.curves] for panel in panels]
    edges = zip(values[1::2], values[2::2], strict=True)
    return Spread(panels[0], tuple(tuple(zip(*pair, strict=True)) for pair in edges))


def _apart(panel: Panel) -> Panel:
    """Shift the curves sideways, so that their bars at one dose do not cover one another."""
    doses = np.unique(np.concatenate([curve.x for curve in panel.curves]))
    gap = float(np.diff(np.log10(doses)).min()) if doses.size > 1 else 1.0
    middle = (len(panel.curves) - 1) / 2.0
    step = APART * gap / max(1.0, middle)
    curves = [replace(c, x=c.x * 10.0 ** (step * (i - middle))) for i, c in enumerate(panel.curves)]
    return replace(panel, curves=tuple(curves))


def _draw(ax: Axes, spread: Spread) -> None:
    """Draw curves, axes, and bands or bars; no title, no legend."""
    panel = spread.panel
    if panel.along == "time":
        draw_times(ax, panel, ())
    else:
        draw(ax, panel, (), broken=True)
    for rank, band in enumerate(spread.bands):
        for curve, look, (low, high) in zip(panel.curves, looks(panel), band, strict=True):
            name = f"_{BANDS[rank][2]} {curve.name}"
            if panel.along == "time":
                ax.fill_between(
                    curve.x, low, high, color=look.colour, alpha=SHADES[rank], linewidth=0.0,
                    zorder=1.2, label=name,
                )  # fmt: skip
            else:
                ax.vlines(
                    curve.x, low, high, color=look.colour, linewidth=BAR_WIDTHS[rank], zorder=2.0,
                    label=name,
                )  # fmt: skip
    ax.set_ylabel(value_label(panel, "\n"))
    if spread.bands:
        _make_room(ax, np.concatenate([high for _, high in spread.bands[0]]))
    elif panel.unit == OF_CELLS:
        ax.set_ylim(-3.0, 105.0)
        ax.yaxis.set_major_locator(PercentLocator())


def _make_room(ax: Axes, highest: Floats) -> None:
    """Stretch the value axis to the upper quantiles, which lie above the medians it is made for."""
    top = 1.04 * float(np.nanmax(highest)) if np.isfinite(highest).any() else 0.0
    if top > ax.get_ylim()[1]:
        ax.set_ylim(-0.03 * top, top)


def _curve_keys(found: Sequence[Spread]) -> list[Artist]:
    keys: dict[str, Artist] = {}
    for panel in (each.panel for each in found):
        look = looks(panel)
        for i in named(panel):
            name = panel.curves[i].name
            if name:
                keys.setdefault(name, curve_handle(look[i], name))
    return list(keys.values())


def _band_keys(found: Sequence[Spread]) -> list[Artist]:
    if not any(each.bands for each in found):
        return []
    # Bands lie on one another: the inner one shows both shades.
    shades = np.cumsum(SHADES) + 0.1
    return [
        Patch(facecolor=style.TEXT_COLOUR, alpha=float(shade), linewidth=0.0, label=name)
        for shade, (*_, name) in zip(shades, BANDS, strict=True)
    ]


def _about(data: xr.Dataset, found: Sequence[Spread]) -> list[str]:
    panels = [each.panel for each in found]
    over_time = panels[0].along == "time"
    marks = "bands around it" if over_time else "bars through it, curves set apart sideways,"
    relative = any("%" in panel.unit for panel in panels) and bool(data.attrs.get("relative_to"))
    name = str(data.attrs.get("method", "")).partition("(")[0]
    method = METHODS.get(name, name)
    count = data.sizes[CELLS]
    return [
        caption.at_times([panel.time_h for panel in panels]),
        caption.ramp(panels),
        f"{count:,} cell{'s' if count > 1 else ''} of each kind{f' by {method}' if method else ''}",
        f"Lines: median cell; {marks} hold 50 % and 90 % of the cells" if count > 1 else "",
        f"100 %: mean {data.attrs['relative_to']} cell" if relative else "",
        *caption.kept(data, panels),
    ]
