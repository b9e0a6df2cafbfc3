"""Observed against predicted numbers on two log axes: identity, a threefold band, classes.

What was measured is handed in; `protacsim.pharmacology.compared` puts predictions beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from protacsim.errors import ParameterError
from protacsim.plot import caption, style
from protacsim.plot.drawing import draw_key, draw_log_axis, height_mm, width_mm, words
from protacsim.plot.layout import RIGHT_MM
from protacsim.plot.overlay import draw_limits, limit_key, operators_of
from protacsim.plot.sheet import Frame, Part, sheet

if TYPE_CHECKING:
    import pandas as pd

FOLD = 3.0
SIDE_MM = 44.0
BAND = "within 3-fold"
NEEDED = ("measured", "predicted")
LIMIT_MARKERS = {"<": "<", ">": ">"}
"""Along the measured axis a limit points to lower or to higher values."""


@dataclass(frozen=True)
class Agreement:
    """Measured and predicted numbers above 0 of one unit; bounds may be NaN.

    `low` and `high` bound the prediction, `least` and `most` the measurement. `operators` are "=",
    or "<" and ">" where the truth lies below or above `measured`: these limits have no fold.

    `left_out` counts rows without two positive numbers; `within` values inside the band; `met`
    limits that the prediction satisfies.
    """

    measured: NDArray[np.float64]
    predicted: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    least: NDArray[np.float64]
    most: NDArray[np.float64]
    classes: NDArray[np.str_]
    operators: NDArray[np.str_]
    quantity: str
    unit: str
    left_out: int

    @property
    def fold(self) -> NDArray[np.float64]:
        """How many times too high or too low each prediction of a value is, 1 or more."""
        ratio = (self.predicted / self.measured)[self.operators == "="]
        return np.asarray(np.maximum(ratio, 1.0 / ratio))

    @property
    def within(self) -> int:
        """Number of predictions of a value inside the band."""
        return int((self.fold <= FOLD * (1.0 + 1e-12)).sum())

    @property
    def bars(self) -> NDArray[np.float64]:
        """All bounds; NaN where there is none."""
        return np.concatenate([self.low, self.high, self.least, self.most])

    @property
    def limits(self) -> int:
        """Number of limits."""
        return int((self.operators != "=").sum())

    @property
    def met(self) -> int:
        """Number of limits on whose side the prediction lies."""
        below = (self.operators == "<") & (self.predicted <= self.measured)
        above = (self.operators == ">") & (self.predicted >= self.measured)
        return int((below | above).sum())


def observed_vs_predicted(
    table: pd.DataFrame | xr.Dataset,
    *,
    quantity: str = "",
    unit: str = "",
    ax: Axes | None = None,
    legend: bool = True,
) -> Axes:
    """Draw predicted against measured numbers, log-log, with identity and a threefold band.

    Parameters
    ----------
    table
        Columns (or variables) `measured` and `predicted`; where they are there, `low` and `high`
        bound the prediction, `measured_low` and `measured_high` the measurement, and `class`
        decides colour and marker. Rows without two numbers above 0 are left out and counted.
        Where `operator` is "<" or ">" the measurement is a limit: an open triangle that points to
        where the truth lies, which has no fold and is met or not.
    quantity, unit
        What is compared, e.g. "DC50" and "nM"; by default the `long_name` and `units` of
        `measured` in a Dataset.
    ax, legend
        As in `dose_response`.

    Raises
    ------
    ParameterError
        When a column is missing, or no row has two numbers above 0.
    """
    found = read_agreement(table, quantity, unit)
    with style.context():
        own = ax is None
        if ax is None:
            ax = style.new_figure(85.0, 92.0, layout="constrained").add_subplot()
        draw_agreement(ax, found)
        ax.set_title(found.quantity, parse_math=False)
        if legend:
            more = [*_limit_keys([found]), *_line_keys(), words(_counted(found))]
            draw_key(ax, _class_keys(found), more, outside=own)
    return ax


def observed_vs_predicted_sheet(
    data: xr.Dataset,
    tables: Sequence[tuple[str, str, pd.DataFrame]],
    *,
    width_mm: float | None = None,
) -> Figure:
    """Draw a square panel per (quantity, unit, table), with legend and caption."""
    found = [read_agreement(table, quantity, unit) for quantity, unit, table in tables]
    width_mm = style.width_of(len(found), width_mm)
    frame = Frame(width_mm, 13.0, SIDE_MM, SIDE_MM, shared=False)
    per_row = max(1, min(len(found), int((width_mm - RIGHT_MM) // (SIDE_MM + frame.gap_mm))))
    parts = [
        Part(partial(draw_agreement, agreement=own), own.quantity, i % per_row, i // per_row, i)
        for i, own in enumerate(found)
    ]
    about = [
        _said(found),
        *(f"{own.quantity}: {_counted(own)}" for own in found),
    ]
    keys: dict[str, Artist] = {}
    for own in found:
        keys |= {str(handle.get_label()): handle for handle in _class_keys(own)}
    text = caption.written(data, about)
    return sheet(parts, text, [*keys.values(), *_limit_keys(found), *_line_keys()], frame)


def read_agreement(
    table: pd.DataFrame | xr.Dataset, quantity: str = "", unit: str = ""
) -> Agreement:
    """Take the rows with two numbers above 0 out of a table."""
    missing = [name for name in NEEDED if name not in table]
    if missing:
        raise ParameterError(
            f"plot: the table has no {' and no '.join(missing)}; observed against predicted needs "
            f"the columns {' and '.join(NEEDED)}, and may have low, high and class."
        )
    attrs = table["measured"].attrs
    measured, predicted = (_numbers(table, name) for name in NEEDED)
    used = np.isfinite(measured) & np.isfinite(predicted) & (measured > 0.0) & (predicted > 0.0)
    if not used.any():
        raise ParameterError(
            f"plot: none of the {measured.size} rows has a measured and a predicted number above "
            "0; both are needed on log axes."
        )
    bounds = ("low", "high", "measured_low", "measured_high")
    low, high, least, most = (_numbers(table, n, measured.size)[used] for n in bounds)
    classes = np.asarray(table["class"]) if "class" in table else np.full(measured.size, "")
    return Agreement(
        measured[used],
        predicted[used],
        low,
        high,
        least,
        most,
        classes.astype(str)[used],
        operators_of(table)[used],
        quantity or str(attrs.get("long_name", "")),
        unit or str(attrs.get("units", "")),
        int(measured.size - used.sum()),
    )


def _numbers(table: Any, name: str, count: int = 0) -> NDArray[np.float64]:
    if name not in table:
        return np.full(count, np.nan)
    return np.asarray(table[name], np.float64).ravel()


def draw_agreement(ax: Axes, agreement: Agreement) -> None:
    """Draw the band, the line, the points with their intervals, and two equal log axes."""
    ends = np.concatenate([agreement.measured, agreement.predicted])
    bars = agreement.bars
    ends = np.concatenate([ends, bars[np.isfinite(bars) & (bars > 0.0)]])
    low, high = float(ends.min()) / 2.0, float(ends.max()) * 2.0
    line = np.array([low, high])
    ax.fill_between(line, line / FOLD, line * FOLD, color="#ececec", linewidth=0.0, zorder=0.5)
    ax.plot(line, line, color=style.QUIET_COLOUR, linewidth=0.6, zorder=0.6, label="_identity")
    for name, look in _looks(agreement).items():
        own = agreement.classes == name
        x, y = agreement.measured[own], agreement.predicted[own]
        exact = agreement.operators[own] == "="
        ax.vlines(
            x, np.fmin(agreement.low[own], y), np.fmax(agreement.high[own], y),
            color=look.colour, linewidth=0.7, zorder=2,
        )  # fmt: skip
        ax.hlines(
            y, np.fmin(agreement.least[own], x), np.fmax(agreement.most[own], x),
            color=look.colour, linewidth=0.7, zorder=2,
        )  # fmt: skip
        ax.plot(
            x[exact], y[exact], linestyle="none", marker=look.marker, markersize=3.6,
            color=look.colour, label=name or "_points", zorder=3,
        )  # fmt: skip
        draw_limits(ax, x, y, agreement.operators[own], LIMIT_MARKERS, look, name)
    draw_log_axis(ax.xaxis, low, high, width_mm(ax))
    draw_log_axis(ax.yaxis, low, high, height_mm(ax))
    what = f"{agreement.quantity} ({agreement.unit or 'dimensionless'})".lstrip()
    ax.set_xlabel(f"measured {what}")
    ax.set_ylabel(f"predicted {what}")


def _looks(agreement: Agreement) -> dict[str, style.Look]:
    names = list(dict.fromkeys(agreement.classes.tolist()))
    return dict(zip(names, style.looks(len(names), ordered=False), strict=True))


def _class_keys(agreement: Agreement) -> list[Artist]:
    return [
        Line2D([], [], linestyle="none", marker=look.marker, markersize=3.6, color=look.colour,
               label=name)
        for name, look in _looks(agreement).items()
        if name
    ]  # fmt: skip


def _limit_keys(found: Sequence[Agreement]) -> list[Artist]:
    return [limit_key("<")] if any(own.limits for own in found) else []


def _line_keys() -> list[Artist]:
    equal = Line2D([], [], color=style.QUIET_COLOUR, linewidth=0.6, label="equal")
    return [equal, Patch(facecolor="#ececec", label=BAND)]


def _said(found: Sequence[Agreement]) -> str:
    """Say what lines, band, bars and triangles are, as far as they are there."""
    parts = ["Measured against predicted; line: equal, band: threefold"]
    if any(np.isfinite(own.bars).any() for own in found):
        parts.append("bars: interval")
    if any(own.limits for own in found):
        parts.append("open triangles: limits, which point to where the value lies")
    return ", ".join(parts)


def _counted(agreement: Agreement) -> str:
    """Say how many values and limits agree, and how many rows are not shown."""
    fold, parts = agreement.fold, []
    if fold.size:
        median = f"median {np.median(fold):.2g}-fold"
        parts.append(f"{agreement.within} of {fold.size} within 3-fold, {median}")
    if agreement.limits:
        parts.append(f"{agreement.met} of {agreement.limits} limits met")
    if agreement.left_out:
        parts.append(f"{agreement.left_out} without a number")
    return "; ".join(parts)
