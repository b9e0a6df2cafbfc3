"""One dose-response panel: curves, the vehicle point left of the axis break, DC50, Dmax, hook.

Which numbers are drawn is decided in `protacsim.plot.curves`; nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from matplotlib import markers
from matplotlib.axes import Axes
from matplotlib.path import Path
from matplotlib.ticker import FixedLocator, FuncFormatter

from protacsim.errors import ParameterError
from protacsim.plot import style
from protacsim.plot.curves import DEFAULT_HUE, Curve, Panel, read_panel
from protacsim.plot.drawing import (
    HALO,
    TICK_MM,
    draw_half,
    draw_legend,
    draw_value_axis,
    has_hook,
    heading,
    line,
    looks,
    width_mm,
    words,
)
from protacsim.plot.overlay import (
    Form,
    Overlay,
    draw_overlay,
    fit_text,
    overlay_keys,
    read_overlay,
)
from protacsim.plot.selection import Selection
from protacsim.plot.tracing import Floats, band_of, line_of, marked

if TYPE_CHECKING:
    import pandas as pd

MARKS = ("DC50", "Dmax", "hook")
# Height of a line of a legend that stands below its panel.
LINE_MM = 4.0
ROUND_OFF = 1e-9
NOTHING = Overlay()
_SLASHES = Path(
    np.array([(-1.0, -1.0), (0.0, 1.0), (0.0, -1.0), (1.0, 1.0)]),
    np.array([Path.MOVETO, Path.LINETO, Path.MOVETO, Path.LINETO]),
)


@dataclass(frozen=True)
class DoseAxis:
    """A log dose axis, if `broken` with the vehicle left of a break; positions are doses in nM."""

    lowest: float
    highest: float
    broken: bool = True

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
        left = self.vehicle if self.broken else self.lowest
        return left / 10.0 ** (0.4 * self.gap), self.highest * 10.0 ** (0.4 * self.gap)

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
    points: pd.DataFrame | xr.Dataset | None = None,
    fit: Form | None = None,
) -> Axes:
    """Draw one observable against dose at one time, one curve per value of `hue`.

    Where the Dataset has `<variable>_low` and `<variable>_high`, a band lies behind the curve.

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
    points
        Measured points: columns `compound.dose_nM` (nM) and `value` (in the unit of the axis);
        `sd`, or `low` and `high`, for bars; `quantity`, and columns named as axes, say where a
        row belongs.
    fit
        "hill" or "bell": describe the points, or else the curve, by `pharmacology.fit_hill` or
        `fit_bell`.

    Raises
    ------
    ParameterError
        When a dim is left undecided, a name or value is not in the Dataset, or the points have
        missing or unknown columns.
    """
    unknown = sorted(set(mark) - set(MARKS))
    if unknown:
        raise ParameterError(f"plot: mark has {unknown[0]!r}; allowed are {', '.join(MARKS)}.")
    panel = read_panel(data, observable, hue, time_h, select)
    overlay = read_overlay(panel, points, fit)
    more = [*overlay_keys([overlay]), *map(words, _fitted(panel, overlay))]
    with style.context():
        own = ax is None
        if ax is None:
            height = 78.0 + LINE_MM * len(more)
            ax = style.new_figure(85.0, height, layout="constrained").add_subplot()
        draw(ax, panel, mark, prefix=f"{label} " if label else "", overlay=overlay)
        ax.set_title(heading(panel), parse_math=False)
        if legend:
            prefix = f"{label} " if label else ""
            draw_legend(ax, panel, mark, outside=own, prefix=prefix, more=more)
    return ax


def at_zero(panels: Sequence[Panel], overlays: Sequence[Overlay] = ()) -> bool:
    """Whether a curve or a measured point stands at dose 0."""
    curves = np.array([curve.zero_dose for panel in panels for curve in panel.curves])
    measured = [bool((points.x <= 0.0).any()) for own in overlays for points in own.points]
    return bool(np.isfinite(curves).any()) or any(measured)


def _fitted(panel: Panel, overlay: Overlay) -> list[str]:
    pairs = zip(panel.curves, overlay.fits, strict=False)
    return [": ".join(filter(None, (curve.name, fit_text(fit)))) for curve, fit in pairs]


def draw(
    ax: Axes,
    panel: Panel,
    mark: Sequence[str] = MARKS,
    prefix: str = "",
    overlay: Overlay = NOTHING,
    *,
    broken: bool | None = None,
) -> None:
    """Draw curves, marks, axes and what lies over them into `ax`; no title, no legend.

    The axis is `broken` where something stands at dose 0, by default in this panel.
    """
    broken = at_zero([panel], [overlay]) if broken is None else broken
    axis = replace(dose_axis(panel, overlay), broken=broken)
    for i, (curve, look) in enumerate(zip(panel.curves, looks(panel), strict=True)):
        if curve.drawn:
            drawn = line_of(curve, "dose") if mark else (curve.x, curve.value)
            _draw_curve(ax, curve, drawn, look, i, prefix, bare=bool(overlay.points))
            _draw_marks(ax, curve, look, mark)
            draw_half(ax, curve, look, mark)
    _draw_zero_doses(ax, panel, axis)
    _draw_dose_axis(ax, axis)
    ax.set_xlabel(panel.dose_label)
    draw_value_axis(ax, panel)
    draw_overlay(ax, panel, overlay, axis.vehicle)


def dose_axis(panel: Panel, overlay: Overlay = NOTHING) -> DoseAxis:
    """Return the axis that spans the positive doses of `panel` and of what lies over it."""
    if not any(c.x.size for c in panel.curves):
        raise ParameterError(
            "plot: no dose is above 0 nM; a dose-response figure needs at least one."
        )
    doses = np.concatenate([*(c.x for c in panel.curves), *(p.x for p in overlay.points)])
    doses = doses[doses > 0.0]
    return DoseAxis(float(doses.min()), float(doses.max()))


def _draw_curve(
    ax: Axes,
    curve: Curve,
    drawn: tuple[Floats, Floats],
    look: style.Look,
    rank: int,
    prefix: str,
    *,
    bare: bool,
) -> None:
    """Draw one curve, without markers where these are measured points, and its band."""
    # Staggered markers keep curves apart where they coincide.
    every = max(1, curve.x.size // 6)
    ax.plot(
        *drawn,
        **(line(look, stand_in=bool(curve.note)) | ({"marker": "none"} if bare else {})),
        markevery=marked(curve, drawn[0], rank % every, every),
        label=f"{prefix}{curve.name}".strip() or "_curve",
        zorder=3.0 - 0.05 * rank,
    )
    if curve.low is not None and curve.high is not None:
        ax.fill_between(
            *band_of(curve), color=look.colour, alpha=0.18, linewidth=0.0,
            zorder=1.2, label=f"_band {curve.name}",
        )  # fmt: skip


def _draw_marks(ax: Axes, curve: Curve, look: style.Look, mark: Sequence[str]) -> None:
    reading = curve.reading
    if reading is None:
        return
    if "hook" in mark and has_hook(reading):
        x, value = line_of(curve, "dose")
        falling = x >= reading.dmax_dose_nM
        ax.plot(
            [reading.dmax_dose_nM, *x[falling]],
            [100.0 - reading.dmax_percent, *value[falling]],
            color=look.colour, zorder=1, label=f"_hook {curve.name}", **HALO,
        )  # fmt: skip
    if "Dmax" in mark and np.isfinite(reading.dmax_dose_nM):
        ax.plot(
            [reading.dmax_dose_nM], [100.0 - reading.dmax_percent], linestyle="none",
            marker=markers.CARETDOWN, markersize=4.6, color=look.colour, zorder=4,
            label=f"_Dmax {curve.name}",
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
    clearance = _clearance(ax, axis)
    ticks = axis.decades(most=int(width_mm(ax) // TICK_MM), clearance=clearance) or _ends(
        axis, 2.0 * clearance
    )
    ax.xaxis.set_major_locator(FixedLocator([axis.vehicle, *ticks] if axis.broken else ticks))
    ax.xaxis.set_minor_locator(FixedLocator([]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: _dose_tick(x, axis)))
    if axis.broken:
        _draw_break(ax, axis)


def _draw_break(ax: Axes, axis: DoseAxis) -> None:
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


def _ends(axis: DoseAxis, clearance: float) -> list[float]:
    """Ticks where no power of ten lies between the doses: at both ends, unless they are close."""
    close = float(np.log10(axis.highest / axis.lowest)) < clearance
    return [axis.highest] if close else [axis.lowest, axis.highest]


def _clearance(ax: Axes, axis: DoseAxis) -> float:
    low, high = np.log10(axis.limits)
    return float(high - low) * 0.7 * TICK_MM / width_mm(ax)


def _dose_tick(dose: float, axis: DoseAxis) -> str:
    if axis.broken and dose < axis.cut:
        return "0"
    power = float(np.log10(dose))
    if abs(power - round(power)) < ROUND_OFF:
        return f"$10^{{{round(power)}}}$"
    return f"{float(f'{dose:.3g}'):g}"
