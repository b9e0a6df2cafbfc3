"""What dose-response and time-course panels have in common: lines, value axis, legend.

The dose axis is drawn by `protacsim.plot.panel`, the time axis by `protacsim.plot.time_panel`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
from matplotlib import markers
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.ticker import AutoLocator, FixedLocator, FuncFormatter, MultipleLocator

from protacsim.plot import style
from protacsim.plot.curves import LEGIBLE_PERCENT, Curve, Panel, Reading

HALO: dict[str, Any] = {"linewidth": 4.5, "alpha": 0.25, "solid_capstyle": "butt"}
TICK_MM = 6.5
FEWEST_TICKS = 2
# More values of a numeric hue than this are a ramp, of which a few are named.
MOST_NAMED, NAMED_OF_MANY = 8, 5
VEHICLE = "vehicle"
WIDEST_PERCENT = 165.0
# Text size of legends in the style sheet, and what a symbol and the edges take beside it.
LABEL_PT, SYMBOL_MM = 7.0, 12.5


class PercentLocator(AutoLocator):
    """Ticks at every 25 %; on wider axes, also those widened later, where matplotlib puts them."""

    def tick_values(self, vmin: float, vmax: float) -> Sequence[float]:
        """Return the ticks of an axis from `vmin` to `vmax`."""
        if vmax - vmin <= WIDEST_PERCENT:
            return MultipleLocator(25.0).tick_values(vmin, vmax)
        return super().tick_values(vmin, vmax)


def looks(panel: Panel) -> tuple[style.Look, ...]:
    """Return the look of each curve of `panel`; the vehicle in a ramp of doses is grey."""
    count = len(panel.curves)
    if panel.among:
        every = style.looks(len(panel.among), ordered=False, reference=panel.reference)
        return tuple(every[panel.among.index(curve.name)] for curve in panel.curves)
    if not panel.is_numeric:
        return style.looks(count, ordered=False, reference=panel.reference)
    vehicles = int(panel.curves[0].name == VEHICLE)
    grey = style.Look(style.QUIET_COLOUR, style.SOLID, style.MARKERS[0])
    own = [grey] * vehicles + list(style.looks(count - vehicles, ordered=True))
    for k, i in enumerate(named(panel)):
        own[i] = replace(own[i], marker=style.MARKERS[k % len(style.MARKERS)])
    return tuple(own)


def named(panel: Panel) -> list[int]:
    """Return the indices of the curves a legend names: all, or a few of a long numeric ramp."""
    count = len(panel.curves)
    if not panel.is_numeric or count <= MOST_NAMED:
        return list(range(count))
    return [round(i) for i in np.linspace(0, count - 1, NAMED_OF_MANY)]


def is_stand_in(panel: Panel, curve: Curve) -> bool:
    """Tell whether `curve` shows another observable than its panel."""
    return curve.observable != panel.observable


def has_hook(reading: Reading) -> bool:
    """Tell whether the loss of degradation at high dose is large enough to be drawn."""
    return reading.hook_depth_percent > LEGIBLE_PERCENT


def marks_half(reading: Reading, mark: Sequence[str]) -> bool:
    """Tell whether the DC50, IC50 or D50 exists and is asked for ("DC50" asks for IC50, too)."""
    wanted = "DC50" if reading.half_kind == "IC50" else reading.half_kind
    return wanted in mark and bool(np.isfinite(reading.half_at))


def line(look: style.Look, *, stand_in: bool) -> dict[str, Any]:
    """Return how a curve is drawn: stand-ins dash-dot with open symbols."""
    own = {"color": look.colour, "marker": look.marker, "linestyle": look.dash}
    return own | {"linestyle": style.DASH_DOT, "markerfacecolor": "white"} if stand_in else own


def draw_half(ax: Axes, curve: Curve, look: style.Look, mark: Sequence[str]) -> None:
    """Draw an open circle at the DC50, IC50 or D50 of `curve`."""
    reading = curve.reading
    if reading is None or not marks_half(reading, mark):
        return
    ax.plot(
        [reading.half_at], [reading.half_percent], linestyle="none", marker="o",
        markersize=4.6, markerfacecolor="white", markeredgecolor=look.colour,
        markeredgewidth=0.9, zorder=4, label=f"_{reading.half_kind} {curve.name}",
    )  # fmt: skip


def draw_value_axis(ax: Axes, panel: Panel) -> None:
    """Set label, limits and ticks of the value axis, and draw the line of the reference."""
    values = np.concatenate([[*c.value, c.zero_dose] for c in panel.curves])
    highest = float(np.nanmax(values)) if np.isfinite(values).any() else 0.0
    ax.set_ylabel(value_label(panel))
    if not panel.is_percent:
        top = 1.08 * highest if highest > 0.0 else 1.0
        ax.set_ylim(-0.03 * top, top)
        return
    ax.axhline(100.0, color=style.QUIET_COLOUR, linewidth=0.4, zorder=0.5, label="_reference")
    top = max(110.0, 1.08 * highest)
    ax.set_ylim(-0.03 * top, top)
    ax.yaxis.set_major_locator(PercentLocator())


def draw_log_axis(axis: Axis, low: float, high: float, length_mm: float) -> None:
    """Give a log axis from `low` to `high` powers of ten as ticks, as many as there is room for.

    Where fewer than two powers lie inside, ticks stand at 1, 2 and 5 times powers of ten.
    """
    ax = axis.axes
    is_x = axis is ax.xaxis
    (ax.set_xscale if is_x else ax.set_yscale)("log")
    (ax.set_xlim if is_x else ax.set_ylim)(low, high)
    first, last = int(np.ceil(np.log10(low) - 1e-9)), int(np.floor(np.log10(high) + 1e-9))
    most = max(2, int(length_mm // (TICK_MM if is_x else 5.0)))
    step = max(1, -(-(last - first + 1) // most))
    ticks = [10.0**k for k in range(first, last + 1) if k % step == 0]
    formatter = FuncFormatter(lambda value, _: f"$10^{{{round(float(np.log10(value)))}}}$")
    if len(ticks) < FEWEST_TICKS:
        fine = [m * 10.0**k for k in range(first - 1, last + 1) for m in (1.0, 2.0, 5.0)]
        ticks = [tick for tick in fine if low <= tick <= high]
        formatter = FuncFormatter(lambda value, _: f"{value:g}")
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_minor_locator(FixedLocator([]))
    axis.set_major_formatter(formatter)


def value_label(panel: Panel, separator: str = " ") -> str:
    """Return the label of the value axis, e.g. "total BTK (% of vehicle)"."""
    return f"{panel.long_name}{separator}({panel.unit or 'dimensionless'})"


def width_mm(ax: Axes) -> float:
    """Return the width of the panel."""
    return float(ax.get_window_extent().width / ax.figure.dpi) * style.MM_PER_INCH


def height_mm(ax: Axes) -> float:
    """Return the height of the panel."""
    return float(ax.get_window_extent().height / ax.figure.dpi) * style.MM_PER_INCH


def heading(panel: Panel) -> str:
    """Return the title of a panel that stands alone."""
    time = f"{panel.time_h:g} h" if panel.time_h is not None else ""
    return ", ".join(filter(None, (panel.title, time)))


def curve_handle(look: style.Look, text: str, *, stand_in: bool = False) -> Line2D:
    """Return the legend entry of a curve."""
    return Line2D([], [], label=text, **line(look, stand_in=stand_in))


def key_handles(panels: Sequence[Panel], mark: Sequence[str]) -> list[Artist]:
    """Return legend entries for the marks that occur in `panels`."""
    readings = [c.reading for p in panels for c in p.curves if c.drawn and c.reading is not None]
    handles: list[Artist] = []
    halves = sorted({r.half_kind for r in readings if marks_half(r, mark)})
    if halves:
        handles.append(mark_handle("o", ", ".join(halves), filled=False))
    if "Dmax" in mark and any(np.isfinite(r.dmax_dose_nM) for r in readings):
        handles.append(mark_handle(markers.CARETDOWN, "Dmax", filled=True))
    if "hook" in mark and any(has_hook(r) for r in readings):
        handles.append(Line2D([], [], color=style.TEXT_COLOUR, label="hook effect", **HALO))
    return handles


def words(text: str) -> Line2D:
    """Return a legend entry without a symbol."""
    return Line2D([], [], linestyle="none", label=text)


def blanks(count: int) -> list[Artist]:
    """Return empty legend entries, which keep the columns of a legend aligned."""
    return [words(" ") for _ in range(count)]


def mark_handle(marker: Any, text: str, *, filled: bool) -> Line2D:
    """Return the legend entry of a mark."""
    face = style.TEXT_COLOUR if filled else "white"
    return Line2D(
        [], [], linestyle="none", marker=marker, markersize=4.6, markerfacecolor=face,
        markeredgecolor=style.TEXT_COLOUR, markeredgewidth=0.9, label=text,
    )  # fmt: skip


def draw_legend(
    ax: Axes,
    panel: Panel,
    mark: Sequence[str],
    *,
    outside: bool,
    prefix: str = "",
    more: Sequence[Artist] = (),
) -> None:
    """Draw the legend of a panel that stands alone, with the numbers read off each curve."""
    look = looks(panel)
    shown = [(panel.curves[i], look[i]) for i in named(panel)]
    curves: list[Artist] = [
        curve_handle(own, f"{prefix}{_describe(curve)}", stand_in=is_stand_in(panel, curve))
        for curve, own in shown
        if curve.name or prefix or curve.reading
    ]
    keys = [*key_handles([panel], mark), *more]
    if len(shown) < len(panel.curves):
        keys.append(words(f"{len(shown)} of {len(panel.curves)} curves named"))
    if panel.hypothetical:
        keys.append(words("* hypothetical"))
    draw_key(ax, curves, keys, outside=outside)


def draw_key(ax: Axes, curves: Sequence[Artist], keys: Sequence[Artist], *, outside: bool) -> None:
    """Draw a legend of curves and marks: below the panel, or inside axes that were given."""
    entries = [*curves, *keys]
    if not entries:
        return
    box = _legend_below(ax, curves, keys) if outside else ax.legend(handles=entries)
    for text in box.get_texts():
        text.set_parse_math(False)


def _legend_below(ax: Axes, curves: Sequence[Artist], keys: Sequence[Artist]) -> Legend:
    """Put curves and marks into a column each, or below one another where that is too wide."""
    figure = ax.figure
    # Columns are filled downwards: pad both to one length.
    rows = max(len(curves), len(keys))
    columns = [[*part, *blanks(rows - len(part))] for part in (curves, keys) if part]
    place: dict[str, Any] = {"loc": "outside lower left", "borderaxespad": 0.6}
    legend = figure.legend(handles=list(chain(*columns)), ncols=len(columns), **place)
    if legend.get_window_extent().width > 0.96 * figure.bbox.width:
        legend.remove()
        entries = wrapped([*curves, *keys], figure.bbox.width / figure.dpi * style.MM_PER_INCH)
        legend = figure.legend(handles=entries, **place)
    return legend


def wrapped(handles: Sequence[Artist], width_mm: float) -> Sequence[Artist]:
    """Break the labels of legend entries that one column as wide as the figure would cut."""
    room = width_mm - SYMBOL_MM
    for handle in handles:
        label = str(handle.get_label())
        handle.set_label("\n".join(style.wrap(label, room, LABEL_PT)) if label.strip() else label)
    return handles


def _describe(curve: Curve) -> str:
    name = f"{curve.name} ({curve.note})" if curve.note else curve.name
    return ": ".join(filter(None, (name, ", ".join(_numbers(curve.reading)))))


def _numbers(reading: Reading | None) -> list[str]:
    if reading is None:
        return []
    numbers = []
    if np.isfinite(reading.half_at):
        numbers.append(f"{reading.half_kind} {_half_text(reading)}")
    if np.isfinite(reading.half_before):
        numbers.append(f"{reading.half_kind} < {reading.half_before:g} h")
    if np.isfinite(reading.dmax_percent):
        numbers.append(f"Dmax {reading.dmax_percent:.0f} %")
    return numbers


def _half_text(reading: Reading) -> str:
    if reading.half_kind == "D50":
        return f"{style.significant(reading.half_at)} h"
    return style.dose_text(reading.half_at)
