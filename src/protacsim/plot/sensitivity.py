"""Bars of sensitivity indices with their intervals: one panel per reading, one pair per constant.

The indices come from `protacsim.sensitivity_analysis`; nothing is estimated here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from protacsim.errors import ParameterError
from protacsim.plot import caption, style
from protacsim.plot.layout import LINE_MM, TEXT_PT, leave_to_caller
from protacsim.plot.selection import Selection, at_last, choose, left_over, short_path, undecided
from protacsim.units import unit_of

BAR_MM, GAP_MM = 2.6, 2.2
LEFT_PAD_MM, RIGHT_MM, TOP_MM, EDGE_MM, TICKS_MM, COLUMN_GAP_MM = 2.5, 3.0, 11.0, 1.5, 9.0, 5.0
LABEL_SHARE = 0.42
NARROWEST_MM = 34.0
SHADES = ("#0072B2", "#9ec9e2")
MEANING = {
    "sobol": (
        ("first", "alone (first order)"),
        ("total", "with interactions (total)"),
        "share of variance",
    ),
    "morris": (("mu_star", "effect µ*"), ("sigma", "its scatter σ"), "elementary effect"),
}
STEPS = (
    "Elementary effects: changes along steps of two thirds of the way from the 1/8 to the 7/8 "
    "quantile of a constant, times 1.5 for the whole way; they may exceed what a reading spans"
)
READINGS = {
    "dc50_relative_nM": "DC50",
    "dc50_absolute_nM": "absolute DC50",
    "hc50_relative_nM": "HC50",
    "hc50_absolute_nM": "absolute HC50",
    "dmax_percent": "Dmax",
    "dmax_dose_nM": "dose of Dmax",
    "hook_depth_percent": "hook depth",
    "imax_percent": "greatest inhibition",
    "ic50_nM": "IC50",
}


@dataclass(frozen=True)
class _Plan:
    """Sizes in mm: label column, panels and rows."""

    labels: tuple[str, ...]
    left: float
    panel_width: float
    panel_height: float
    columns: int
    rows: int
    height: float


def sensitivity(
    indices: xr.Dataset | Sequence[xr.Dataset],
    *,
    width_mm: float | None = None,
    select: Selection | None = None,
    most: int = 15,
) -> Figure:
    """Draw the indices of one or several readings, the constants that matter most on top.

    Parameters
    ----------
    indices
        From `sensitivity_analysis.sensitivity` or `indices`, one per reading, of one method.
    width_mm
        Width of the figure, e.g. 85 or 180 (the default); the height follows.
    select
        One value for every dim of the readings with several; the last time by default.
    most
        Constants shown, those of the greatest index in any reading.

    Raises
    ------
    ParameterError
        When there is nothing to draw, the methods differ, or a dim is left undecided.
    """
    given = [indices] if isinstance(indices, xr.Dataset) else list(indices)
    if not given or len({each.attrs["method"] for each in given}) > 1:
        raise ParameterError("plot: give indices of one method, at least of one reading.")
    parts = [_chosen(each, dict(select or {})) for each in given]
    order = _order(parts, most)
    width_mm = style.FULL_MM if width_mm is None else width_mm
    with style.context():
        plan = _plan([str(name) for name in order], len(parts), width_mm, _caption(parts, width_mm))
        figure = style.new_figure(width_mm, plan.height)
        for number, part in enumerate(parts):
            _draw(figure, part.sel(parameter=order), plan, number, width_mm)
        _frame(figure, parts, plan, width_mm)
    leave_to_caller(figure)
    return figure


def _chosen(part: xr.Dataset, select: dict[str, object]) -> xr.Dataset:
    name = MEANING[part.attrs["method"]][0][0]
    part = choose(part, select, name, part)
    part = at_last(part)
    left = left_over(part[name], ("parameter",))
    if left:
        raise undecided(part[name], left)
    return part.squeeze([dim for dim in part[name].dims if dim != "parameter"], drop=False)


def _order(parts: Sequence[xr.Dataset], most: int) -> list[str]:
    """Constants by their greatest index relative to the panel's, the first panel deciding ties."""
    main = MEANING[parts[0].attrs["method"]][1 if "total" in parts[0] else 0][0]
    rows = np.array([part[main].values / max(float(part[main].max()), 1e-12) for part in parts])
    ranks = np.lexsort((-rows[0], -rows.max(axis=0).round(2)))
    return [str(parts[0]["parameter"].values[i]) for i in ranks[:most]]


def _plan(names: list[str], panels: int, width_mm: float, lines: Sequence[str]) -> _Plan:
    labels = tuple(
        "\n".join(style.wrap(short_path(n, unit_of(n)), LABEL_SHARE * width_mm, TEXT_PT))
        for n in names
    )
    widest = max(style.text_width_mm(line, TEXT_PT) for text in labels for line in text.split("\n"))
    left = widest + LEFT_PAD_MM + 1.0
    room = width_mm - left - RIGHT_MM
    columns = max(1, min(panels, int((room + COLUMN_GAP_MM) // (NARROWEST_MM + COLUMN_GAP_MM))))
    rows = -(-panels // columns)
    tall = max(2.0 * BAR_MM, LINE_MM * max(text.count("\n") + 1 for text in labels))
    panel_height = len(names) * (tall + GAP_MM)
    height = TOP_MM + rows * (panel_height + TICKS_MM + LINE_MM) + len(lines) * LINE_MM
    width = (room - (columns - 1) * COLUMN_GAP_MM) / columns
    return _Plan(labels, left, width, panel_height, columns, rows, height + 2.0 * EDGE_MM)


def _draw(figure: Figure, part: xr.Dataset, plan: _Plan, number: int, width_mm: float) -> None:
    row, column = divmod(number, plan.columns)
    left = plan.left + column * (plan.panel_width + COLUMN_GAP_MM)
    top = TOP_MM + row * (plan.panel_height + TICKS_MM + LINE_MM)
    bottom = plan.height - top - plan.panel_height
    box = (
        left / width_mm,
        bottom / plan.height,
        plan.panel_width / width_mm,
        plan.panel_height / plan.height,
    )
    ax = figure.add_axes(box)
    _bars(ax, part)
    ax.set_yticks(range(len(plan.labels)), plan.labels if column == 0 else [""] * len(plan.labels))
    ax.set_ylim(len(plan.labels) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.set_title(READINGS.get(part.attrs["readout"], part.attrs["readout"]), parse_math=False)
    if row == plan.rows - 1 or number + plan.columns >= plan.rows * plan.columns:
        ax.set_xlabel(_value_label(part))


def _bars(ax: Axes, part: xr.Dataset) -> None:
    kinds = MEANING[part.attrs["method"]][:2]
    places = np.arange(part.sizes["parameter"], dtype=float)
    for (name, _), shade, shift in zip(kinds, SHADES, (-0.19, 0.19), strict=True):
        half = part.get(f"{name}_half_width")
        ax.barh(
            places + shift,
            np.maximum(part[name].values, 0.0),
            height=0.36,
            color=shade,
            xerr=None if half is None else half.values,
            error_kw={"elinewidth": 0.6, "ecolor": style.TEXT_COLOUR, "capsize": 0},
        )
    ax.set_xlim(left=0.0)
    if part.attrs["method"] == "sobol":
        ax.set_xlim(0.0, max(1.0, ax.get_xlim()[1]))
        ax.set_xticks([0.0, 0.5, 1.0], ["0", "0.5", "1"])
    else:
        ax.locator_params(axis="x", nbins=3)


def _value_label(part: xr.Dataset) -> str:
    label = str(MEANING[part.attrs["method"]][2])
    if part.attrs["method"] == "sobol":
        return label
    from protacsim.sensitivity_analysis import effect_unit

    return f"{label} ({effect_unit(part) or 'its unit'})"


def _caption(parts: Sequence[xr.Dataset], width_mm: float) -> tuple[str, ...]:
    first = parts[0]
    logged = [READINGS.get(p.attrs["readout"], "") for p in parts if p.attrs["scale"] == "log10"]
    sobol = first.attrs["method"] == "sobol"
    about = [
        f"Sobol indices from {first.attrs['base_points']:,} base points"
        if sobol
        else f"Morris screening, {first.attrs['base_points']:,} walks. {STEPS}",
        "Whiskers: 95 % bootstrap intervals",
        f"Logarithms are analysed of {' and '.join(logged)}" if logged else "",
    ]
    return style.wrap(caption.written(first, about), width_mm - 2 * EDGE_MM, TEXT_PT)


def _frame(figure: Figure, parts: Sequence[xr.Dataset], plan: _Plan, width_mm: float) -> None:
    """Legend above, caption below."""
    kinds = MEANING[parts[0].attrs["method"]][:2]
    handles = [
        Patch(color=shade, label=text) for (_, text), shade in zip(kinds, SHADES, strict=True)
    ]
    legend = figure.legend(
        handles=handles,
        ncols=2,
        loc="upper left",
        bbox_to_anchor=(EDGE_MM / width_mm, 1.0 - EDGE_MM / plan.height),
        handlelength=1.2,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    figure.text(
        EDGE_MM / width_mm, EDGE_MM / plan.height, "\n".join(_caption(parts, width_mm)),
        fontsize=TEXT_PT, va="bottom", ha="left", linespacing=1.25, parse_math=False,
    )  # fmt: skip
