"""The ternary complex against dose, with the maximum that the closed form gives.

The closed form is worked out by `protacsim.pharmacology.ternary_peaks`; here it is only drawn.
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
from numpy.typing import NDArray

from protacsim.plot import caption, style
from protacsim.plot.curves import DEFAULT_HUE, Panel, read_panel
from protacsim.plot.drawing import (
    curve_handle,
    draw_key,
    heading,
    looks,
    mark_handle,
    named,
    words,
)
from protacsim.plot.panel import at_zero, dose_axis, draw
from protacsim.plot.selection import TIME, Selection, choose, columns_and_curves
from protacsim.plot.sheet import Frame, in_grid, selections, sheet

UNMARKED = "No maximum at equilibrium marked"
BEYOND = "beyond the doses"
KEY = "highest at equilibrium (closed form)"
MEANING = (
    "Diamond: where the equilibrium of target, degrader and ligase has its maximum, at their "
    "drug-free amounts; destruction of the target lowers the complex"
)


@dataclass(frozen=True)
class Bell:
    """Curves of the ternary complex, and per curve the dose (nM) and height of its maximum.

    Both are NaN where the closed form does not hold or puts it beyond the axis; `reason` says why.
    """

    panel: Panel
    dose_nM: NDArray[np.float64]
    height: NDArray[np.float64]
    reason: NDArray[np.str_]


def ternary_bell(
    data: xr.Dataset,
    observable: str = "ternary",
    *,
    peaks: xr.Dataset | None = None,
    hue: str = DEFAULT_HUE,
    time_h: float | None = None,
    select: Selection | None = None,
    ax: Axes | None = None,
    legend: bool = True,
) -> Axes:
    """Draw the amount of ternary complex against dose, one curve per value of `hue`.

    Parameters
    ----------
    data
        Result of `protacsim.run` with a dim `compound.dose_nM`.
    observable
        The complex, in nM.
    peaks
        From `protacsim.pharmacology.ternary_peaks(study)`; without it no maximum is marked.
    hue, time_h, select, ax, legend
        As in `dose_response`.

    Raises
    ------
    ParameterError
        When a dim is left undecided, or a name or value is not in the Dataset.
    """
    found = read_bell(data, observable, peaks, hue, time_h, select or {})
    with style.context():
        own = ax is None
        if ax is None:
            ax = style.new_figure(85.0, 78.0, layout="constrained").add_subplot()
        draw_bell(ax, found)
        ax.set_title(heading(found.panel), parse_math=False)
        if legend:
            star = [words("* hypothetical")] if found.panel.hypothetical else []
            draw_key(ax, _curve_keys([found]), [*_mark_keys([found]), *star], outside=own)
    return ax


def ternary_bell_sheet(
    data: xr.Dataset,
    observables: Sequence[str] = ("ternary",),
    *,
    peaks: xr.Dataset | None = None,
    columns: str | None = None,
    hue: str | None = None,
    time_h: float | None = None,
    width_mm: float | None = None,
    select: Selection | None = None,
) -> Figure:
    """Draw a panel per observable (rows) and value of `columns`, with legend and caption.

    Parameters are those of `ternary_bell`; `columns` is the treatment by default.
    """
    columns, hue = columns_and_curves(columns, hue)
    chosen = selections(data, columns, select or {})
    bells = [
        [read_bell(data, name, peaks, hue, time_h, at) for name in observables] for at in chosen
    ]
    flat = [bell for column in bells for bell in column]
    frame = Frame(style.width_of(len(chosen), width_mm))
    parts = in_grid(
        [[(partial(draw_bell, bell=b), b.panel.title) for b in column] for column in bells], frame
    )
    panels = [bell.panel for bell in flat]
    about = [caption.at_times([panel.time_h for panel in panels]), caption.ramp(panels)]
    about += [MEANING] if _mark_keys(flat) else []
    about += _unmarked(flat)
    text = caption.written(data, about, [panel.hypothetical for panel in panels])
    return sheet(parts, text, [*_curve_keys(flat), *_mark_keys(flat)], frame)


def read_bell(
    data: xr.Dataset,
    observable: str,
    peaks: xr.Dataset | None,
    hue: str,
    time_h: float | None,
    select: Selection,
) -> Bell:
    """Take curves and their maxima; there is no percentage of a complex that needs the drug."""
    amounts = data.drop_vars(f"{observable}_percent", errors="ignore")
    panel = read_panel(amounts, observable, hue, time_h, select)
    nowhere = np.full(len(panel.curves), np.nan)
    if peaks is None:
        return Bell(panel, nowhere, nowhere, np.full(len(panel.curves), ""))
    known = {
        dim: value
        for dim, value in select.items()
        if dim in (*peaks.coords, *peaks.dims) and dim != TIME
    }
    part = choose(peaks, known, "peak_dose_nM", peaks)
    dose, height, reason = (
        np.broadcast_to(np.ravel(part[name].values), len(panel.curves))
        for name in ("peak_dose_nM", "peak_ternary_nM", "peak_reason")
    )
    low, high = replace(dose_axis(panel), broken=at_zero([panel])).limits
    beyond = (dose <= low) | (dose >= high)
    seen = np.where(beyond, np.nan, dose)
    return Bell(panel, seen, height, np.where(beyond, BEYOND, reason).astype(str))


def draw_bell(ax: Axes, bell: Bell) -> None:
    """Draw the curves, the axes and a diamond at every maximum that lies within the doses."""
    draw(ax, bell.panel, mark=())
    for dose, height, look, curve in zip(
        bell.dose_nM, bell.height, looks(bell.panel), bell.panel.curves, strict=True
    ):
        if not np.isfinite(dose):
            continue
        ax.plot(
            [dose, dose], [0.0, height], color=look.colour, linewidth=0.5, linestyle=(0, (1, 2)),
            zorder=0.9, label=f"_at {curve.name}",
        )  # fmt: skip
        ax.plot(
            [dose], [height], linestyle="none", marker="D", markersize=4.2, zorder=4,
            markerfacecolor="white", markeredgecolor=look.colour, markeredgewidth=0.9,
            label=f"_peak {curve.name}",
        )  # fmt: skip
        if height * 1.08 > ax.get_ylim()[1]:
            ax.set_ylim(-0.03 * 1.08 * height, 1.08 * height)


def _curve_keys(bells: Sequence[Bell]) -> list[Artist]:
    found: dict[str, Artist] = {}
    for bell in bells:
        look = looks(bell.panel)
        for i in named(bell.panel):
            name = bell.panel.curves[i].name
            if name:
                found.setdefault(name, curve_handle(look[i], name))
    return list(found.values())


def _unmarked(bells: Sequence[Bell]) -> list[str]:
    """Say once for each reason which curves have no diamond."""
    found: dict[str, dict[str, None]] = {}
    for bell in bells:
        whole = len(set(bell.reason.tolist())) == 1
        for curve, reason in zip(bell.panel.curves, bell.reason.tolist(), strict=True):
            names = (bell.panel.title, "" if whole else curve.name)
            if reason and curve.drawn:
                found.setdefault(reason, {})[", ".join(filter(None, names))] = None
    return [
        f"{UNMARKED} ({reason.replace('_', ' ')}){': ' if any(names) else ''}{'; '.join(names)}"
        for reason, names in found.items()
    ]


def _mark_keys(bells: Sequence[Bell]) -> list[Artist]:
    drawn = any(np.isfinite(bell.dose_nM).any() for bell in bells)
    return [mark_handle("D", KEY, filled=False)] if drawn else []
