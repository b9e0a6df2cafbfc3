"""How far an allele shifts a DC50 or IC50: one row per treatment, one dot per allele.

The numbers are read by `protacsim.pharmacology`; where one does not exist its reason is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from matplotlib import markers
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from protacsim.errors import ParameterError
from protacsim.plot import caption, style
from protacsim.plot.curves import DEFAULT_HUE, DEGRADATION, INHIBITION, reference_of
from protacsim.plot.drawing import draw_key, draw_log_axis, mark_handle, width_mm, words
from protacsim.plot.layout import RIGHT_MM, TEXT_PT
from protacsim.plot.selection import (
    TIME,
    Selection,
    at_last,
    choose,
    coordinate_text,
    dose_dim,
    hypothetical,
    left_over,
    long_name,
    part_with,
    starred,
    undecided,
)
from protacsim.plot.sheet import Frame, Part, sheet

GROUP = "treatment"
LANE_MM, FEWEST_LANES, SPREAD = 2.1, 4, 0.74
BEYOND = {"below_lowest_dose": -1, "not_reached": 1, "above_highest_dose": 1}
"""On which side of the doses a number lies that was not reached within them."""
WIDEST_NAME_MM = 34.0
QUANTITY = {"DC50": "dc50_relative_nM", "IC50": "ic50_nM"}


@dataclass(frozen=True)
class Shift:
    """One number (nM) per row and name, NaN with a reason; arrays have shape (rows, names).

    `doses_nM` are the lowest and the highest dose, `long_name` says what was read.
    """

    quantity: str
    long_name: str
    rows: tuple[str, ...]
    names: tuple[str, ...]
    value_nM: NDArray[np.float64]
    reason: NDArray[np.str_]
    doses_nM: tuple[float, float]
    time_h: float | None
    hypothetical: tuple[str, ...]


def allele_shift(
    data: xr.Dataset,
    observable: str = "target_total",
    *,
    hue: str = DEFAULT_HUE,
    group: str = GROUP,
    time_h: float | None = None,
    select: Selection | None = None,
    ax: Axes | None = None,
    legend: bool = True,
) -> Axes:
    """Draw the DC50 (of "target_total") or IC50 (of activity) of every treatment and allele.

    Parameters
    ----------
    data
        Result of `protacsim.run` with a dim `compound.dose_nM` and `relative_to` set.
    observable
        "target_total" gives the DC50 relative to Dmax; "target_active" and "target_unoccupied"
        give the IC50.
    hue
        Dim whose values become the dots of a row.
    group
        Dim whose values become rows; one row when the Dataset does not have it.
    time_h, select, ax, legend
        As in `dose_response`.

    Raises
    ------
    ParameterError
        When a dim is left undecided, a name or value is not in the Dataset, or the observable has
        neither a DC50 nor an IC50.
    """
    found = read_shift(data, observable, hue, group, time_h, select or {})
    with style.context():
        own = ax is None
        if ax is None:
            height = 26.0 + _rows_mm(found) + 3.5 * len(found.names)
            ax = style.new_figure(85.0, height, layout="constrained").add_subplot()
        draw_shift(ax, found)
        ax.set_title(f"{found.time_h:g} h" if found.time_h is not None else "", parse_math=False)
        if legend:
            star = [words("* hypothetical")] if found.hypothetical else []
            draw_key(ax, _dot_keys(found.names), [*_edge_keys([found]), *star], outside=own)
    return ax


def allele_shift_sheet(
    data: xr.Dataset,
    observables: Sequence[str] = ("target_total",),
    *,
    columns: str | None = None,
    hue: str | None = None,
    time_h: float | None = None,
    width_mm: float | None = None,
    select: Selection | None = None,
) -> Figure:
    """Draw a panel per observable, side by side where they fit, with legend and caption.

    Parameters are those of `allele_shift`; `columns` is its `group`: the rows of dots.
    """
    width_mm = style.FULL_MM if width_mm is None else width_mm
    group = columns or GROUP
    shifts = [
        read_shift(data, name, hue or DEFAULT_HUE, group, time_h, select or {})
        for name in observables
    ]
    widest = max(style.text_width_mm(row, TEXT_PT) for shift in shifts for row in shift.rows)
    left = min(widest, WIDEST_NAME_MM) + 5.0
    per_row = max(1, int((width_mm - left - RIGHT_MM) // 45.0))
    frame = Frame(width_mm, left, _rows_mm(shifts[0]), widest_mm=110.0)
    parts = [
        Part(partial(_draw_named, shift=s), column=i % per_row, row=i // per_row)
        for i, s in enumerate(shifts)
    ]
    about = [caption.at_times([s.time_h for s in shifts]), *_missing(shifts)]
    text = caption.written(data, about, [name for s in shifts for name in s.hypothetical])
    return sheet(parts, text, [*_dot_keys(shifts[0].names), *_edge_keys(shifts)], frame)


def _rows_mm(shift: Shift) -> float:
    """Height of a panel in which no dot touches the next one of its row."""
    return 4.0 + LANE_MM * (max(len(shift.names), FEWEST_LANES) + 0.5) * len(shift.rows)


def read_shift(
    data: xr.Dataset,
    observable: str,
    hue: str,
    group: str,
    time_h: float | None,
    select: Selection,
) -> Shift:
    """Take the numbers of one panel out of a result Dataset."""
    if group == hue:
        raise ParameterError(f"plot: {hue} is both hue and group; make one of them another dim.")
    part, name = part_with(data, observable)
    part = choose(part, dict(select) | ({TIME: time_h} if time_h is not None else {}), name, data)
    part = at_last(part) if TIME in part[name].dims else part
    dose = dose_dim(part[name], (hue, group))
    left = left_over(part[name], (dose, hue, group))
    if left:
        raise undecided(part[name], left)
    kind = _kind(observable)
    curves = _curves(part, observable, kind, dose)
    spare = [dim for dim in curves.dims if dim not in (hue, group)]
    table = curves.squeeze(spare)
    for dim in (group, hue):
        if dim not in table.dims:
            table = table.drop_vars(dim, errors="ignore").expand_dims({dim: [""]})
    table = table.transpose(group, hue, ...)
    quantity = QUANTITY[kind]
    stars = [hypothetical(data, str(value)) for value in table[group].values]
    doses = part[dose].values
    return Shift(
        quantity=kind,
        long_name=long_name(part[name], observable),
        rows=tuple(starred(_text(v, part, group), data) for v in table[group].values),
        names=tuple(_text(value, part, hue) for value in table[hue].values),
        value_nM=table[quantity].values.astype(np.float64),
        reason=table[f"{quantity}_reason"].values.astype(str),
        doses_nM=(float(doses[doses > 0.0].min()), float(doses.max())),
        time_h=float(part[TIME]) if TIME in part.coords else None,
        hypothetical=tuple(star for star in stars if star),
    )


def _kind(observable: str) -> str:
    if observable in DEGRADATION:
        return "DC50"
    if observable in INHIBITION:
        return "IC50"
    raise ParameterError(
        f"plot: {observable!r} has neither a DC50 nor an IC50; an allele shift is drawn of "
        f"{', '.join((*DEGRADATION, *INHIBITION))}."
    )


def _curves(part: xr.Dataset, observable: str, kind: str, dose: str) -> xr.Dataset:
    from protacsim import pharmacology

    read = pharmacology.dose_response if kind == "DC50" else pharmacology.inhibition
    return read(part, observable, dose)


def _text(value: Any, part: xr.Dataset, dim: str) -> str:
    if isinstance(value, str) or dim not in part.coords:
        return str(value)
    return coordinate_text(part[dim].sel({dim: value}))


def _draw_named(ax: Axes, shift: Shift) -> None:
    draw_shift(ax, shift)


def draw_shift(ax: Axes, shift: Shift) -> None:
    """Draw rows from top to bottom, a dot per name, and what lies beyond the doses at its side."""
    low, high = shift.doses_nM
    edge = 10.0 ** (0.04 * np.log10(high / low))
    draw_log_axis(ax.xaxis, low / edge, high * edge, width_mm(ax))
    ax.set_xlabel(f"{shift.quantity} of {shift.long_name} (nM)", parse_math=False)
    count = len(shift.rows)
    ax.set_ylim(count - 0.4, -0.6)
    ax.set_yticks(range(count), _broken(shift.rows))
    ax.tick_params(axis="y", length=0.0)
    for label in ax.get_yticklabels():
        label.set_parse_math(False)
    for row in range(count):
        ax.axhline(row, color="#e4e4e4", linewidth=0.5, zorder=0.5, label="_row")
        _draw_row(ax, shift, row)


def _broken(rows: Sequence[str]) -> list[str]:
    return ["\n".join(style.wrap(row, WIDEST_NAME_MM, TEXT_PT)) for row in rows]


def _draw_row(ax: Axes, shift: Shift, row: int) -> None:
    count = len(shift.names)
    place = row + SPREAD * (np.arange(count) - 0.5 * (count - 1)) / max(count - 1, FEWEST_LANES - 1)
    there = np.isfinite(shift.value_nM[row])
    base = shift.value_nM[row, reference_of(shift.names)]
    for i, look in enumerate(_looks(shift.names)):
        ax.plot(
            [base, shift.value_nM[row, i]], [place[i]] * 2, color=look.colour, linewidth=0.8,
            alpha=0.5, zorder=1, label=f"_from {shift.rows[row]} {shift.names[i]}",
        )  # fmt: skip
        side = BEYOND.get(str(shift.reason[row, i]), 0)
        marker: Any = look.marker
        x, face = shift.value_nM[row, i], look.colour
        if side:
            marker = markers.CARETLEFT if side < 0 else markers.CARETRIGHT
            x, face = shift.doses_nM[side > 0], "white"
        ax.plot(
            [x], [place[i]], linestyle="none", marker=marker, markersize=3.8, color=look.colour,
            markerfacecolor=face, markeredgewidth=0.8, zorder=3,
            label=f"_{shift.rows[row]} {shift.names[i]}",
        )  # fmt: skip
    if not there.any() and not any(reason in BEYOND for reason in shift.reason[row]):
        reason = str(shift.reason[row, 0]).replace("_", " ")
        ax.text(
            0.5, row, reason, transform=ax.get_yaxis_transform(), ha="center", va="center",
            color=style.QUIET_COLOUR, backgroundcolor="white", zorder=2,
        )  # fmt: skip


def _looks(names: Sequence[str]) -> tuple[style.Look, ...]:
    return style.looks(len(names), ordered=False, reference=reference_of(names))


def _dot_keys(names: Sequence[str]) -> list[Artist]:
    return [
        Line2D([], [], linestyle="none", marker=look.marker, markersize=3.8, color=look.colour,
               label=name)
        for name, look in zip(names, _looks(names), strict=True)
        if name
    ]  # fmt: skip


def _edge_keys(shifts: Sequence[Shift]) -> list[Artist]:
    sides = {BEYOND.get(str(reason), 0) for shift in shifts for reason in shift.reason.ravel()}
    kinds = (-1, markers.CARETLEFT, "below the doses"), (1, markers.CARETRIGHT, "not reached")
    return [
        mark_handle(marker, text, filled=False) for side, marker, text in kinds if side in sides
    ]


def _missing(shifts: Sequence[Shift]) -> list[str]:
    """Name what has no number for another reason than the range of the doses."""
    found = []
    for shift in shifts:
        reasons = dict.fromkeys(r for r in shift.reason.ravel().tolist() if r and r not in BEYOND)
        for reason in reasons:
            where = ", ".join(_where(shift, np.equal(shift.reason, reason)))
            words = reason.replace("_", " ")
            found.append(f"No {shift.quantity} of {shift.long_name} ({words}): {where}")
    return found


def _where(shift: Shift, lost: NDArray[np.bool_]) -> list[str]:
    """Name whole rows and whole columns once, the others one by one."""
    rows, names = np.all(lost, axis=1), np.all(lost, axis=0)
    whole = [shift.rows[i] for i in np.flatnonzero(rows)]
    whole += [shift.names[j] for j in np.flatnonzero(names) if not rows.all()]
    single = np.argwhere(lost & ~rows[:, None] & ~names[None, :]).tolist()
    return [*whole, *(f"{shift.rows[i]} {shift.names[j]}".strip() for i, j in single)]
