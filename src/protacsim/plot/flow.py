"""Where the target is, as stacked areas of its forms, and where it goes, as stacked fluxes.

Layers are observables of one unit; by default they are the forms that make up the total.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
from protacsim.plot.drawing import draw_key, draw_log_axis, width_mm, words
from protacsim.plot.selection import (
    TIME,
    Selection,
    at_last,
    choose,
    dose_label,
    left_over,
    title,
    undecided,
)
from protacsim.plot.sheet import Frame, in_grid, selections, sheet
from protacsim.plot.time_panel import draw_time_axis
from protacsim.study import DOSE, dim_of_doses

# Okabe & Ito (2008), ordered so that neighbours differ in brightness.
FILLS = ("#56B4E9", "#E69F00", "#009E73", "#F0E442", "#0072B2", "#CC79A7", "#D55E00")
FLUXES = ("degraded", "turned_over")


@dataclass(frozen=True)
class Layers:
    """Stacked layers along doses (nM) or times (h); `value` has the shape (layers, points)."""

    along: Literal["dose", "time"]
    dose_label: str
    x: NDArray[np.float64]
    names: tuple[str, ...]
    value: NDArray[np.float64]
    unit: str
    title: str
    time_h: float | None
    hypothetical: str


def species_flow(
    data: xr.Dataset,
    observables: Sequence[str] = (),
    *,
    along: Literal["dose", "time"] | None = None,
    time_h: float | None = None,
    select: Selection | None = None,
    ax: Axes | None = None,
    legend: bool = True,
) -> Axes:
    """Draw the amounts of the target's forms against dose or time, one on top of the other.

    Parameters
    ----------
    data
        Result of `protacsim.run`.
    observables
        Layers from the bottom up, all of one unit; read-outs of one's own can be among them. By
        default the free target, the target in binary and in ternary complexes, which need
        "target_total", "target_unoccupied" and, for degraders, "ternary".
    along
        "dose" or "time"; by default the dose where the Dataset has that dim and `select` does not
        fix it.
    time_h
        Time shown along the doses, in hours; the last one by default.
    select
        One value for every other dim that has several.
    ax, legend
        As in `dose_response`.

    Raises
    ------
    ParameterError
        When a dim is left undecided, units differ, or an observable, name or value is not in the
        Dataset.
    """
    found = read_layers(data, observables, along, time_h, select or {})
    with style.context():
        own = ax is None
        if ax is None:
            ax = style.new_figure(85.0, 78.0, layout="constrained").add_subplot()
        draw_layers(ax, found)
        shown = f"{found.time_h:g} h" if found.time_h is not None else ""
        ax.set_title(", ".join(filter(None, (found.title, shown))), parse_math=False)
        if legend:
            star = [words("* hypothetical")] if found.hypothetical else []
            draw_key(ax, _keys([found]), star, outside=own)
    return ax


def species_flow_sheet(
    data: xr.Dataset,
    observables: Sequence[str] = (),
    *,
    columns: str | None = None,
    along: Literal["dose", "time"] | None = None,
    time_h: float | None = None,
    width_mm: float | None = None,
    select: Selection | None = None,
) -> Figure:
    """Draw the forms and, below, the fluxes out of the target per value of `columns`.

    Observables of one unit share a row; by default "degraded" and "turned_over" follow the forms
    where they were read out. Other parameters are those of `species_flow`.
    """
    groups = _by_unit(data, observables)
    chosen = selections(data, columns or "treatment", select or {})
    layers = [[read_layers(data, group, along, time_h, at) for group in groups] for at in chosen]
    flat = [each for column in layers for each in column]
    frame = Frame(style.width_of(len(chosen), width_mm))
    parts = in_grid(
        [[(partial(draw_layers, layers=own), own.title) for own in column] for column in layers],
        frame,
    )
    text = caption.written(
        data, [caption.at_times([own.time_h for own in flat])], [own.hypothetical for own in flat]
    )
    return sheet(parts, text, _keys(flat), frame)


def _by_unit(data: xr.Dataset, observables: Sequence[str]) -> list[tuple[str, ...]]:
    if not observables:
        fluxes = tuple(name for name in FLUXES if name in data)
        return [(), fluxes] if fluxes else [()]
    groups: dict[str, list[str]] = {}
    for name in observables:
        groups.setdefault(str(_member(data, name).attrs.get("units", "")), []).append(name)
    return [tuple(group) for group in groups.values()]


def read_layers(
    data: xr.Dataset,
    observables: Sequence[str],
    along: Literal["dose", "time"] | None,
    time_h: float | None,
    select: Selection,
) -> Layers:
    """Take the layers of one panel out of a result Dataset."""
    forms = _forms(data) if not observables else {n: _member(data, n) for n in observables}
    units = {str(form.attrs.get("units", "")): name for name, form in forms.items()}
    if len(units) > 1:
        found = ", ".join(f"{name} in {unit or 'no unit'}" for unit, name in units.items())
        raise ParameterError(f"plot: layers of one panel need one unit; found {found}.")
    part = xr.Dataset(dict(forms)).assign_attrs(data.attrs)
    first = next(iter(part.data_vars))
    dose = dim_of_doses(dim for dim in part.dims if dim not in select and part.sizes[dim] > 1)
    over_dose = _is_over_dose(part, along, dose)
    chosen = dict(select) | ({TIME: time_h} if over_dose and time_h is not None else {})
    part = choose(part, chosen, str(first), data)
    if over_dose:
        part = at_last(part)
    axis = dose if over_dose and dose else TIME
    for variable in part.data_vars.values():
        if left := left_over(variable, (axis,)):
            raise undecided(variable, left)
    part = part.squeeze([d for d in part.dims if d != axis and part.sizes[d] == 1]).sortby(axis)
    part = part.isel({axis: part[axis].values > 0.0}) if over_dose else part
    text, star = title(part, data, axis)
    return Layers(
        along="dose" if over_dose else "time",
        dose_label=dose_label(axis, part, data) if over_dose else "",
        x=part[axis].values.astype(np.float64),
        names=tuple(str(v.attrs.get("long_name", n)) for n, v in part.data_vars.items()),
        value=np.array([variable.values for variable in part.data_vars.values()], np.float64),
        unit=next(iter(units)),
        title=text,
        time_h=float(part[TIME]) if over_dose and TIME in part.coords else None,
        hypothetical=star,
    )


def _is_over_dose(part: xr.Dataset, along: str | None, dose: str | None) -> bool:
    if along == "dose" and dose is None:
        raise ParameterError(
            f"plot: no dim {DOSE!r} of several doses is left to draw along; take it out of "
            'select, or draw along = "time".'
        )
    over_dose = dose is not None if along is None else along == "dose"
    if not over_dose and part.sizes.get(TIME, 0) < 2:
        raise ParameterError(
            "plot: a species flow needs several doses or two or more times; add an axis "
            f"{DOSE} or more times to the readout."
        )
    return over_dose


def _forms(data: xr.Dataset) -> dict[str, xr.DataArray]:
    """Split the target into free, binary and ternary."""
    total, free = _member(data, "target_total"), _member(data, "target_unoccupied")
    bound = total - free
    forms = {"free": free}
    name = "in a complex"
    if "ternary" in data:
        ternary = data["ternary"]
        forms |= {"binary": bound - ternary, "ternary": ternary}
        name = "in a binary complex"
    else:
        forms |= {"binary": bound}
    target = str(total.attrs.get("long_name", "target")).removeprefix("total ")
    names = {
        "free": f"free {target}",
        "binary": f"{target} {name}",
        "ternary": f"{target} in a ternary complex",
    }
    return {
        key: form.clip(min=0.0).assign_attrs(
            units=str(total.attrs.get("units", "")), long_name=names[key]
        )
        for key, form in forms.items()
    }


def _member(data: xr.Dataset, name: str) -> xr.DataArray:
    if name in data:
        return data[name]
    known = ", ".join(sorted(str(n) for n in data.data_vars if not str(n).endswith("_percent")))
    raise ParameterError(f"plot: the Dataset has no observable {name!r}; it has {known}.")


def draw_layers(ax: Axes, layers: Layers) -> None:
    """Draw the stack and its axes; points that failed leave a gap."""
    tops = np.cumsum(layers.value, axis=0)
    below = np.zeros(layers.x.size)
    for name, top, colour in zip(layers.names, tops, _fills(layers), strict=True):
        ax.fill_between(
            layers.x, below, top, color=colour, linewidth=0.0, label=name, zorder=1.5,
        )  # fmt: skip
        ax.plot(layers.x, top, color="white", linewidth=0.5, zorder=2, label=f"_top {name}")
        below = top
    highest = float(np.nanmax(tops[-1])) if np.isfinite(tops[-1]).any() else 0.0
    ax.set_ylim(0.0, 1.06 * highest if highest > 0.0 else 1.0)
    flux = "/" in layers.unit
    ax.set_ylabel(f"{'flux' if flux else 'amount'} ({layers.unit or 'dimensionless'})")
    if layers.along == "time":
        draw_time_axis(ax, layers.x)
    else:
        low, high = float(layers.x.min()), float(layers.x.max())
        edge = (high / low) ** 0.04  # tick labels of two panels must not meet
        low, high = low / edge, high * edge
        draw_log_axis(ax.xaxis, low, high, width_mm(ax))
        ax.set_xlabel(layers.dose_label)


def _fills(layers: Layers) -> list[str]:
    """Colours of the layers; fluxes start at the other end, so that none looks like a form."""
    ordered = FILLS[::-1] if "/" in layers.unit else FILLS
    return [ordered[i % len(ordered)] for i in range(len(layers.names))]


def _keys(layers: Sequence[Layers]) -> list[Artist]:
    """One patch per layer, the upper ones first, as they stand in the panels."""
    found: dict[str, Artist] = {}
    for own in layers:
        pairs = list(zip(own.names, _fills(own), strict=True))
        for name, colour in reversed(pairs):
            found.setdefault(name, Patch(facecolor=colour, label=name))
    return list(found.values())
