"""One dose-response panel: curves, the vehicle point left of the axis break, DC50, Dmax, hook.

Which numbers are drawn is decided in `protacsim.plot.curves`; nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import xarray as xr
from matplotlib import markers
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.ticker import FixedLocator, FuncFormatter, MultipleLocator

from protacsim.errors import ParameterError
from protacsim.plot import style
from protacsim.plot.curves import (
    DEFAULT_HUE,
    LEGIBLE_PERCENT,
    Curve,
    Panel,
    Reading,
    Selection,
    read_panel,
)

MARKS = ("DC50", "Dmax", "hook")
_HALO: dict[str, Any] = {"linewidth": 4.5, "alpha": 0.25, "solid_capstyle": "butt"}
_TICK_MM = 6.5
_SLASHES = Path(
    np.array([(-1.0, -1.0), (0.0, 1.0), (0.0, -1.0), (1.0, 1.0)]),
    np.array([Path.MOVETO, Path.LINETO, Path.MOVETO, Path.LINETO]),
)


@dataclass(frozen=True)
class DoseAxis:
    """A log dose axis with the vehicle left of a break; all positions are doses in nM."""

    lowest: float
    highest: float

    @property
    def gap(self) -> float:
        """Decades from the vehicle to the lowest dose."""
        return max(0.12 * float(np.log10(self.highest / self.lowest)), 0.3)

    @property
    def vehicle(self) -> float:
        """Where the vehicle stands."""
        return float(self.lowest / 10.0**self.gap)

    @property
    def cut(self) -> float:
        """Where the axis is broken."""
        return float(self.lowest / 10.0 ** (0.5 * self.gap))

    @property
    def limits(self) -> tuple[float, float]:
        """Both ends of the axis."""
        return self.vehicle / 10.0 ** (0.4 * self.gap), self.highest * 10.0 ** (0.4 * self.gap)

    def decades(self, most: int, clearance: float = 0.0) -> list[float]:
        """Return at most `most` powers of ten between the lowest and the highest dose.

        Those less than `clearance` decades from the vehicle are left out: its label needs room.
        """
        first = int(np.ceil(np.log10(max(self.lowest, self.vehicle * 10.0**clearance)) - 1e-9))
        last = int(np.floor(np.log10(self.highest) + 1e-9))
        step = max(1, -(-(last - first + 1) // max(most, 1)))
        # Multiples of the step: 1, 100, 10 000 rather than 0.1, 10, 1000.
        return [10.0**k for k in range(first, last + 1) if k % step == 0]


def dose_response(
    data: xr.Dataset,
    observable: str = "target_total",
    *,
    hue: str = DEFAULT_HUE,
    time_h: float | None = None,
    ax: Axes | None = None,
    mark: Sequence[str] = MARKS,
    select: Selection | None = None,
    label: str | None = None,
    legend: bool = True,
) -> Axes:
    """Draw one observable against dose at one time, one curve per value of `hue`.

    Parameters
    ----------
    data
        Result of `protacsim.run`, with a dim `compound.dose_nM`. `<observable>_percent` is drawn
        when the Dataset has it, else the amount itself.
    observable
        Name without `_percent`, e.g. "target_total".
    hue
        Dim whose values become curves; WT (else the first value) is solid, the others are dashed.
    time_h
        Time to show, in hours; the last one by default.
    ax
        Axes to draw into; by default a new figure, 85 mm wide.
    mark
        Any of "DC50" (on activity: IC50), "Dmax", "hook".
    select
        One value for every other dim that has several, e.g. `{"treatment": "MT-802"}`.
    label
        Put before each curve's name in the legend, for several calls on the same axes.
    legend
        Whether to draw a legend that also gives DC50 and Dmax.

    Raises
    ------
    ParameterError
        When a dim is left undecided, or a name or value is not in the Dataset.
    """
    unknown = sorted(set(mark) - set(MARKS))
    if unknown:
        raise ParameterError(f"plot: mark has {unknown[0]!r}; allowed are {', '.join(MARKS)}.")
    panel = read_panel(data, observable, hue, time_h, select)
    with style.context():
        own = ax is None
        if ax is None:
            ax = style.new_figure(85.0, 78.0, layout="constrained").add_subplot()
        draw(ax, panel, mark, prefix=f"{label} " if label else "")
        ax.set_title(_heading(panel), parse_math=False)
        if legend:
            _draw_legend(ax, panel, mark, outside=own, prefix=f"{label} " if label else "")
    return ax


def draw(ax: Axes, panel: Panel, mark: Sequence[str] = MARKS, prefix: str = "") -> None:
    """Draw the curves, marks and axes of `panel` into `ax`; no title, no legend."""
    axis = dose_axis(panel)
    for i, (curve, look) in enumerate(zip(panel.curves, looks(panel), strict=True)):
        if curve.drawn:
            _draw_curve(ax, curve, look, i, prefix)
            _draw_marks(ax, curve, look, mark)
    _draw_zero_doses(ax, panel, axis)
    _draw_dose_axis(ax, axis)
    _draw_value_axis(ax, panel)


def looks(panel: Panel) -> tuple[style.Look, ...]:
    """Return the look of each curve of `panel`."""
    return style.looks(len(panel.curves), ordered=panel.is_numeric, reference=panel.reference)


def dose_axis(panel: Panel) -> DoseAxis:
    """Return the axis that spans the positive doses of `panel`."""
    doses = np.concatenate([c.dose_nM for c in panel.curves])
    if not doses.size:
        raise ParameterError(
            "plot: no dose is above 0 nM; a dose-response figure needs at least one."
        )
    return DoseAxis(float(doses.min()), float(doses.max()))


def is_stand_in(panel: Panel, curve: Curve) -> bool:
    """Tell whether `curve` shows another observable than its panel."""
    return curve.observable != panel.observable


def curve_handle(look: style.Look, text: str, *, stand_in: bool = False) -> Line2D:
    """Return the legend entry of a curve."""
    return Line2D([], [], label=text, **_line(look, stand_in))


def _line(look: style.Look, stand_in: bool) -> dict[str, Any]:
    own = {"color": look.colour, "marker": look.marker, "linestyle": look.dash}
    return own | {"linestyle": style.DASH_DOT, "markerfacecolor": "white"} if stand_in else own


def key_handles(panels: Sequence[Panel], mark: Sequence[str]) -> list[Artist]:
    """Return legend entries for the marks that occur in `panels`."""
    readings = [c.reading for p in panels for c in p.curves if c.drawn and c.reading is not None]
    handles: list[Artist] = []
    halves = sorted({r.half_kind for r in readings if np.isfinite(r.half_dose_nM)})
    if "DC50" in mark and halves:
        handles.append(_key("o", ", ".join(halves), filled=False))
    if "Dmax" in mark and any(np.isfinite(r.dmax_dose_nM) for r in readings):
        handles.append(_key(markers.CARETDOWN, "Dmax", filled=True))
    if "hook" in mark and any(has_hook(r) for r in readings):
        handles.append(Line2D([], [], color=style.TEXT_COLOUR, label="hook effect", **_HALO))
    return handles


def blanks(count: int) -> list[Artist]:
    """Return empty legend entries, which keep the columns of a legend aligned."""
    return [Line2D([], [], linestyle="none", label=" ") for _ in range(count)]


def has_hook(reading: Reading) -> bool:
    """Tell whether the loss of degradation at high dose is large enough to be drawn."""
    return reading.hook_depth_percent > LEGIBLE_PERCENT


def _key(marker: Any, text: str, *, filled: bool) -> Line2D:
    face = style.TEXT_COLOUR if filled else "white"
    return Line2D(
        [], [], linestyle="none", marker=marker, markersize=4.6, markerfacecolor=face,
        markeredgecolor=style.TEXT_COLOUR, markeredgewidth=0.9, label=text,
    )  # fmt: skip


def _draw_curve(ax: Axes, curve: Curve, look: style.Look, rank: int, prefix: str) -> None:
    # Staggered markers keep curves apart where they coincide.
    every = max(1, curve.dose_nM.size // 6)
    ax.plot(
        curve.dose_nM,
        curve.value,
        **_line(look, stand_in=bool(curve.note)),
        markevery=(rank % every, every),
        label=f"{prefix}{curve.name}".strip() or "_curve",
        zorder=3.0 - 0.05 * rank,
    )


def _draw_marks(ax: Axes, curve: Curve, look: style.Look, mark: Sequence[str]) -> None:
    reading = curve.reading
    if reading is None:
        return
    if "hook" in mark and has_hook(reading):
        falling = curve.dose_nM >= reading.dmax_dose_nM
        ax.plot(
            [reading.dmax_dose_nM, *curve.dose_nM[falling]],
            [100.0 - reading.dmax_percent, *curve.value[falling]],
            color=look.colour, zorder=1, label=f"_hook {curve.name}", **_HALO,
        )  # fmt: skip
    if "Dmax" in mark and np.isfinite(reading.dmax_dose_nM):
        ax.plot(
            [reading.dmax_dose_nM], [100.0 - reading.dmax_percent], linestyle="none",
            marker=markers.CARETDOWN, markersize=4.6, color=look.colour, zorder=4,
            label=f"_Dmax {curve.name}",
        )  # fmt: skip
    if "DC50" in mark and np.isfinite(reading.half_dose_nM):
        ax.plot(
            [reading.half_dose_nM], [reading.half_percent], linestyle="none", marker="o",
            markersize=4.6, markerfacecolor="white", markeredgecolor=look.colour,
            markeredgewidth=0.9, zorder=4, label=f"_{reading.half_kind} {curve.name}",
        )  # fmt: skip


def _draw_zero_doses(ax: Axes, panel: Panel, axis: DoseAxis) -> None:
    values = {c.zero_dose for c in panel.curves if np.isfinite(c.zero_dose)}
    ax.plot(
        [axis.vehicle] * len(values), sorted(values), linestyle="none", marker="o", markersize=3.4,
        color=style.QUIET_COLOUR, label="_vehicle", zorder=3.5,
    )  # fmt: skip


def _draw_dose_axis(ax: Axes, axis: DoseAxis) -> None:
    ax.set_xscale("log")
    ax.set_xlim(*axis.limits)
    ax.set_xlabel("dose (nM)")
    ticks = axis.decades(most=int(_width_mm(ax) // _TICK_MM), clearance=_clearance(ax, axis))
    ax.xaxis.set_major_locator(FixedLocator([axis.vehicle, *ticks]))
    ax.xaxis.set_minor_locator(FixedLocator([]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: _dose_tick(x, axis)))
    at_base: dict[str, Any] = {
        "transform": ax.get_xaxis_transform(),
        "clip_on": False,
        "linestyle": "none",
    }
    ax.plot(
        [axis.cut],
        [0],
        marker="s",
        markersize=3.2,
        color="white",
        zorder=5,
        label="_gap",
        **at_base,
    )
    ax.plot(
        [axis.cut], [0], marker=_SLASHES, markersize=5.0, markeredgewidth=0.6, color="none",
        markeredgecolor=style.TEXT_COLOUR, zorder=5.1, label="_break", **at_base,
    )  # fmt: skip


def _width_mm(ax: Axes) -> float:
    return float(ax.get_window_extent().width / ax.figure.dpi) * style.MM_PER_INCH


def _clearance(ax: Axes, axis: DoseAxis) -> float:
    low, high = np.log10(axis.limits)
    return float(high - low) * 0.7 * _TICK_MM / _width_mm(ax)


def _dose_tick(dose: float, axis: DoseAxis) -> str:
    if dose < axis.cut:
        return "0"
    return f"$10^{{{round(float(np.log10(dose)))}}}$"


def _draw_value_axis(ax: Axes, panel: Panel) -> None:
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
    if top <= 160.0:
        ax.yaxis.set_major_locator(MultipleLocator(25.0))


def value_label(panel: Panel, separator: str = " ") -> str:
    """Return the label of the value axis, e.g. "total BTK (% of vehicle)"."""
    return f"{panel.long_name}{separator}({panel.unit or 'dimensionless'})"


def _heading(panel: Panel) -> str:
    time = f"{panel.time_h:g} h" if panel.time_h is not None else ""
    return ", ".join(filter(None, (panel.title, time)))


def _draw_legend(
    ax: Axes, panel: Panel, mark: Sequence[str], *, outside: bool, prefix: str
) -> None:
    curves: list[Artist] = [
        curve_handle(look, f"{prefix}{_describe(curve)}", stand_in=is_stand_in(panel, curve))
        for curve, look in zip(panel.curves, looks(panel), strict=True)
        if curve.name or prefix or curve.reading
    ]
    keys = key_handles([panel], mark)
    if panel.hypothetical:
        keys.append(Line2D([], [], linestyle="none", label="* hypothetical"))
    if not curves + keys:
        return
    box = _legend_below(ax, curves, keys) if outside else ax.legend(handles=curves + keys)
    for text in box.get_texts():
        text.set_parse_math(False)


def _legend_below(ax: Axes, curves: list[Artist], keys: list[Artist]) -> Legend:
    """Put curves and marks into a column each, or below one another where that is too wide."""
    figure = ax.figure
    # Columns are filled downwards: pad both to one length.
    rows = max(len(curves), len(keys))
    columns = [part + blanks(rows - len(part)) for part in (curves, keys) if part]
    place: dict[str, Any] = {"loc": "outside lower left", "borderaxespad": 0.6}
    legend = figure.legend(handles=list(chain(*columns)), ncols=len(columns), **place)
    if legend.get_window_extent().width > 0.96 * figure.bbox.width:
        legend.remove()
        legend = figure.legend(handles=curves + keys, **place)
    return legend


def _describe(curve: Curve) -> str:
    name = f"{curve.name} ({curve.note})" if curve.note else curve.name
    return ": ".join(filter(None, (name, ", ".join(_numbers(curve.reading)))))


def _numbers(reading: Reading | None) -> list[str]:
    if reading is None:
        return []
    numbers = []
    if np.isfinite(reading.half_dose_nM):
        numbers.append(f"{reading.half_kind} {style.dose_text(reading.half_dose_nM)}")
    if np.isfinite(reading.dmax_percent):
        numbers.append(f"Dmax {reading.dmax_percent:.0f} %")
    return numbers
