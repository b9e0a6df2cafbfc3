"""One time-course panel: curves against time, and the D50 time.

Which numbers are drawn is decided in `protacsim.plot.time_curves`; nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, MaxNLocator, MultipleLocator
from numpy.typing import NDArray

from protacsim.errors import ParameterError
from protacsim.plot import style
from protacsim.plot.curves import Curve, Panel
from protacsim.plot.drawing import (
    TICK_MM,
    draw_half,
    draw_legend,
    draw_value_axis,
    heading,
    line,
    looks,
    named,
    width_mm,
)
from protacsim.plot.selection import Selection
from protacsim.plot.time_curves import read_time_panel
from protacsim.plot.tracing import Floats, line_of, marked

MARKS = ("D50",)
_STEPS_H = (1.0, 2.0, 4.0, 6.0, 12.0, 24.0, 48.0, 72.0, 96.0, 168.0, 336.0, 672.0)
# Markers along a curve, as parts of the diagonal of the panel.
_MARKER_GAP = 0.22

# So few points all have a marker: what lies between them is interpolated.
FEW_TIMES = 8
# What a tick label may reach out of a panel at the right; text size as in the style sheet.
_OVERHANG_MM, _TEXT_PT = 2.0, 7.0


def time_course(
    data: xr.Dataset,
    observable: str = "target_total",
    *,
    hue: str | None = None,
    ax: Axes | None = None,
    select: Selection | None = None,
    legend: bool = True,
    mark: Sequence[str] = MARKS,
) -> Axes:
    """Draw one observable against time, one curve per value of `hue`.

    Parameters
    ----------
    data
        Result of `protacsim.run` with two or more times. `<observable>_percent` is drawn when the
        Dataset has it, else the amount itself; also the amount where the reference has none.
    observable
        Name without `_percent`, e.g. "target_total".
    hue
        Dim whose values become curves; by default the one with several values. Numbers, such as
        doses, are a colour ramp; of names, WT (else the first) is solid, the others are dashed.
    ax
        Axes to draw into; by default a new figure, 85 mm wide.
    select
        One value for every other dim that has several, e.g. `{"target.allele": "WT"}`.
    legend
        Whether to draw a legend that also gives the D50 times.
    mark
        "D50", the first time at which 50 % of the reference is left, or nothing.

    Raises
    ------
    ParameterError
        When a dim is left undecided, a name or value is not in the Dataset, or there are fewer
        than two times.
    """
    check_marks(mark)
    panel = read_time_panel(data, observable, hue, select)
    with style.context():
        own = ax is None
        if ax is None:
            ax = style.new_figure(85.0, 78.0, layout="constrained").add_subplot()
        draw_times(ax, panel, mark)
        ax.set_title(heading(panel), parse_math=False)
        if legend:
            draw_legend(ax, panel, mark, outside=own)
    return ax


def check_marks(mark: Sequence[str]) -> None:
    """Raise ParameterError unless `mark` has nothing but the marks of a time course."""
    unknown = sorted(set(mark) - set(MARKS))
    if unknown:
        raise ParameterError(f"plot: mark has {unknown[0]!r}; allowed is {', '.join(MARKS)}.")


def draw_times(ax: Axes, panel: Panel, mark: Sequence[str] = MARKS) -> None:
    """Draw the curves, marks and axes of `panel` into `ax`; no title, no legend."""
    with_marker = set(named(panel))
    for i, (curve, look) in enumerate(zip(panel.curves, looks(panel), strict=True)):
        if curve.drawn:
            drawn = line_of(curve, "time") if mark else (curve.x, curve.value)
            rank = i / len(panel.curves)
            _draw_curve(ax, curve, drawn, look, rank, with_marker=i in with_marker)
            draw_half(ax, curve, look, mark)
    draw_time_axis(ax, np.concatenate([c.x for c in panel.curves]))
    draw_value_axis(ax, panel)


def _draw_curve(
    ax: Axes,
    curve: Curve,
    drawn: tuple[Floats, Floats],
    look: style.Look,
    rank: float,
    *,
    with_marker: bool,
) -> None:
    own = line(look, stand_in=bool(curve.note))
    few = curve.x.size <= FEW_TIMES
    ax.plot(
        *drawn,
        **(own if with_marker else own | {"marker": "none"}),
        # Times may be far apart, hence distances; staggered as in a dose-response panel.
        markevery=marked(curve, drawn[0], 0, 1) if few else (_MARKER_GAP * rank, _MARKER_GAP),
        label=curve.name or "_curve",
        zorder=3.0 - rank,
    )


def draw_time_axis(ax: Axes, times_h: NDArray[np.float64]) -> None:
    """Set label, limits and ticks (whole hours or days where they suit) of the time axis."""
    first, last = float(times_h.min()), float(times_h.max())
    edge = 0.02 * (last - first)
    ax.set_xlim(first - edge, last + edge)
    ax.set_xlabel("time (h)")
    width = width_mm(ax)
    most = max(2, int(width // TICK_MM))
    step = _step_h(last - first, most)
    locator = MultipleLocator(step) if step else MaxNLocator(min(most, 6))
    slack = 1e-9 * (last - first)
    ticks = [t for t in locator.tick_values(first, last) if first - slack <= t <= last + slack]
    # The label of a late tick would reach beyond the edge of the figure.
    room = _OVERHANG_MM + width * (last + edge - ticks[-1]) / (last - first + 2.0 * edge)
    if style.text_width_mm(f"{ticks[-1]:g}", _TEXT_PT) > 2.0 * room:
        ticks.pop()
    ax.xaxis.set_major_locator(FixedLocator(ticks))


def _step_h(span_h: float, most: int) -> float | None:
    """Return the distance of the ticks in whole hours or days; None when neither suits."""
    fitting = [step for step in _STEPS_H if span_h / step + 1 <= most]
    return fitting[0] if fitting and span_h >= 3 * _STEPS_H[0] else None
