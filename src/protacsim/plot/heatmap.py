"""Heatmaps: an observable or a reading over two axes, with contours of the DC50.

Readings are made by `protacsim.pharmacology`; nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from protacsim.errors import ParameterError
from protacsim.plot import caption, style, wording
from protacsim.plot.layout import LINE_MM, TEXT_PT, leave_to_caller
from protacsim.plot.selection import (
    TIME,
    Selection,
    at_last,
    choose,
    coordinate_text,
    dose_label,
    left_over,
    names_along,
    short_path,
    starred,
    undecided,
    unit_shown,
    with_amount,
)
from protacsim.plot.sensitivity import READINGS
from protacsim.study import DOSE, TREATMENT, dim_of_doses

LEFT_MM, RIGHT_MM, EDGE_MM, TITLE_MM, TICKS_MM, BAR_MM = 13.0, 17.0, 1.5, 6.0, 10.5, 2.2
NARROWEST_MM, WIDEST_MM, GAP_MM = 36.0, 62.0, 14.0
NAMES_MM, NUMBERS_MM = 34.0, 5.0
"""Widest line of a row's name, and the room for numbers in the margin."""
MANY_DECADES = 1.3
"""Axes and values that span more decades than this are drawn on a log scale."""
LEVELS_nM = 10.0 ** np.arange(-3.0, 7.0)
DC50 = "dc50_relative_nM"
FEWEST_FOR_CONTOURS = 2
HALO = withStroke(linewidth=1.6, foreground="white")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Map:
    """One panel: values (y, x), the DC50 over both or over the axis that is no dose, the words.

    `names` are those of the rows where they have names and no numbers; `y` is then their place.
    """

    x: Floats
    y: Floats
    names: tuple[str, ...]
    values: Floats
    dc50: Floats | None
    dose_is_y: bool
    title: str
    fixed: str
    blank: str
    labels: tuple[str, str, str]
    log: tuple[bool, bool, bool]


def heatmap(
    data: xr.Dataset,
    observable: str = "target_total",
    *,
    y: str,
    x: str = DOSE,
    columns: str | None = None,
    time_h: float | None = None,
    select: Selection | None = None,
    width_mm: float | None = None,
) -> Figure:
    """Draw an observable, or a reading of dose-response curves, over two axes.

    Where one axis is the dose, a line shows the DC50 of every row; elsewhere contours join designs
    of equal DC50, where the study has doses.

    Parameters
    ----------
    data
        Result of `protacsim.run`.
    observable
        Name without `_percent`, or a reading such as "dmax_percent" or "dc50_relative_nM".
    x, y
        Dims of numbers, or of the members of a sample; y also one of names, such as alleles, or of
        zipped axes.
    columns
        Dim whose values become panels.
    time_h
        Time to show; the last one by default.
    select
        One value for every other dim that has several.
    width_mm
        Width of the figure; by default 88 for one column of panels, 180 for several. The height
        follows.

    Raises
    ------
    ParameterError
        When a dim is left undecided, or a name or value is not in the Dataset.
    """
    chosen = dict(select or {}) | ({TIME: time_h} if time_h is not None else {})
    split = columns in data.dims and columns not in chosen
    data = _sorted(data, (x, y))
    values = data[columns].values.tolist() if split else [None]
    maps = [
        _read(
            data, observable, (x, y, str(columns)), {**chosen, str(columns): v} if split else chosen
        )
        for v in values
    ]
    with style.context():
        figure = _figure(data, maps, (x, y), style.width_of(len(maps), width_mm))
    leave_to_caller(figure)
    return figure


def _sorted(data: xr.Dataset, dims: Sequence[str]) -> xr.Dataset:
    """Cells lie in the order of their numbers, however an axis lists them; names as listed."""
    numbers = [d for d in dims if d in data.indexes and not _has_names(data, d)]
    listed = [d for d in numbers if not data.indexes[d].is_monotonic_increasing]
    return data.sortby(listed) if listed else data


def _has_names(data: xr.Dataset | xr.DataArray, dim: str) -> bool:
    """Whether the values along a dim are names, or of several axes at once."""
    zipped = dim not in data.coords and any(c.dims == (dim,) for c in data.coords.values())
    return zipped or not np.issubdtype(data[dim].dtype, np.number)


def _read(data: xr.Dataset, observable: str, dims: tuple[str, str, str], select: Selection) -> _Map:
    x, y, columns = dims
    variable = _variable(data, observable)
    part = choose(variable.to_dataset(name="value"), select, "value", data)["value"]
    part = at_last(part)
    _check_axes(part, observable, (x, y))
    left = left_over(part, (x, y))
    if left:
        raise undecided(part, left)
    part = part.squeeze([dim for dim in part.dims if dim not in (x, y)]).transpose(y, x)
    positive = {dim: part[dim].to_numpy() > 0.0 for dim in (x, y) if _is_dose(dim)}
    part = part.isel(positive)
    along = dim_of_doses(data.dims)  # DC50 is read with the vehicle, over whole curves
    designs = {dim: kept for dim, kept in positive.items() if dim != along}
    dc50 = _dc50(data.isel(designs), x, y, select)
    name = _value_name(variable, observable)
    by = ""
    if y in _members(part):  # which have no order of their own
        by = f"by mean {name}" if dc50 is None or dc50.ndim > 1 else "by DC50"
        rank = part.mean(x).to_numpy() if dc50 is None or dc50.ndim > 1 else dc50
        order = np.argsort(rank, kind="stable")
        part = part.isel({y: order}).assign_coords({y: np.arange(order.size)})
        dc50 = None if dc50 is None else dc50[order]
    named = y not in _members(part) and _has_names(part, y)
    names = _row_names(part, y, data) if named else ()
    at_x = part[x].to_numpy().astype(np.float64)
    at_y = np.arange(len(names), dtype=float) if named else part[y].to_numpy().astype(np.float64)
    texts = {n: coordinate_text(c) for n, c in part.coords.items() if c.size == 1 and n != TIME}
    if TREATMENT in texts:
        texts[TREATMENT] = starred(texts[TREATMENT], data)
    title = texts.pop(columns, "")
    time = [f"{float(part[TIME]):g} h"] if TIME in part.coords else []
    return _Map(
        at_x,
        at_y,
        names,
        part.to_numpy().astype(np.float64),
        dc50,
        dim_of_doses(data.dims) == y,
        title,
        ", ".join([*time, *texts.values()]),
        _why_blank(observable) if part.isnull().any() else "",
        (
            _axis_label(part, x, data),
            f"{_axis_label(part, y, data)}, {by}" if by else _axis_label(part, y, data),
            _with_unit(name, unit_shown(variable)),
        ),
        (
            _is_dose(x) or _spans(at_x),
            not named and (_is_dose(y) or _spans(at_y)),
            _is_dose(observable) and _spans(part.to_numpy().ravel()),
        ),
    )


def _why_blank(observable: str) -> str:
    if observable in READINGS:
        return "Blank: the curve has no such reading"
    return "Blank: the reference has none of it, or the run failed"


def _row_names(part: xr.DataArray, y: str, data: xr.Dataset) -> tuple[str, ...]:
    names = names_along(part.to_dataset(name="value"), y)
    return tuple(starred(name, data) if y == TREATMENT else name for name in names)


def _check_axes(part: xr.DataArray, observable: str, dims: tuple[str, str]) -> None:
    """Both are dims, and columns of cells have numbers; times are none, a map is of one time."""
    for dim in dims:
        if dim == TIME:
            raise ParameterError("plot: a map is of one time; draw a time course over times.")
        if dim not in part.dims:
            known = ", ".join(map(str, part.dims)) or "none"
            raise ParameterError(f"plot: {observable} has no dim {dim!r}, only {known}.")
    if _has_names(part, dims[0]):
        raise ParameterError(
            f"plot: {dims[0]} has names, no numbers; make it y or the columns, or choose one by "
            "select."
        )


def _members(part: xr.DataArray) -> tuple[str, ...]:
    from protacsim import pharmacology

    return pharmacology.member_dims(part)


def _variable(data: xr.Dataset, observable: str) -> xr.DataArray:
    if observable not in READINGS:
        part, name = with_amount(data, observable)
        return part[name]
    from protacsim import pharmacology

    inhibits = observable.startswith(("ic50", "imax"))
    read = pharmacology.inhibition if inhibits else pharmacology.dose_response
    return read(data)[observable]


def _dc50(data: xr.Dataset, x: str, y: str, select: Selection) -> Floats | None:
    """DC50 over (y, x), or over the one that is no dose; None where there are no such curves."""
    if dim_of_doses(data.dims) is None or "target_total_percent" not in data:
        return None
    curves = _variable(data, DC50)
    kept = {dim: value for dim, value in select.items() if dim in curves.coords}
    part = choose(curves.to_dataset(name="value"), kept, "value", data)["value"]
    part = at_last(part)
    dims = [dim for dim in (y, x) if dim in part.dims]
    if left_over(part, dims):
        return None
    part = part.squeeze([dim for dim in part.dims if dim not in dims])
    return np.asarray(part.transpose(*dims).to_numpy(), dtype=np.float64)


def _is_dose(dim: str) -> bool:
    return dim.endswith("dose_nM") or dim.endswith("50_relative_nM") or dim.endswith("absolute_nM")


def _spans(values: Floats) -> bool:
    """Whether values are positive and spread over decades."""
    known = values[np.isfinite(values)]
    if known.size < 2 or known.min() <= 0.0:
        return False
    return bool(np.log10(known.max() / known.min()) > MANY_DECADES)


def _axis_label(part: xr.DataArray, dim: str, data: xr.Dataset) -> str:
    if dim == DOSE:
        return dose_label(dim, part, data)
    units = str(part[dim].attrs.get("units", ""))
    return _with_unit(short_path(dim, units), wording.symbol(units))


def _value_name(variable: xr.DataArray, observable: str) -> str:
    return READINGS.get(observable, str(variable.attrs.get("long_name", observable)))


def _with_unit(name: str, unit: str) -> str:
    return f"{name} ({unit})" if unit else name


def _figure(data: xr.Dataset, maps: Sequence[_Map], dims: Sequence[str], width_mm: float) -> Figure:
    names = [style.wrap(name, NAMES_MM, TEXT_PT) for name in maps[0].names]
    widest = max((style.text_width_mm(t, TEXT_PT) for lines in names for t in lines), default=0.0)
    margin = LEFT_MM + max(0.0, widest - NUMBERS_MM)
    room = width_mm - margin - RIGHT_MM
    columns = max(1, min(len(maps), int((room + GAP_MM) // (NARROWEST_MM + GAP_MM))))
    rows = -(-len(maps) // columns)
    width = min(WIDEST_MM, (room - (columns - 1) * GAP_MM) / columns)
    high = 0.9 * width
    lines = style.wrap(_caption(data, maps, dims), width_mm - 2 * EDGE_MM, TEXT_PT)
    height = rows * (high + TITLE_MM + TICKS_MM) + len(lines) * LINE_MM + 2 * EDGE_MM
    figure = style.new_figure(width_mm, height)
    known = np.concatenate([m.values[np.isfinite(m.values)] for m in maps])
    limits = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    for number, one in enumerate(maps):
        row, column = divmod(number, columns)
        left = margin + column * (width + GAP_MM)
        bottom = height - TITLE_MM - high - row * (high + TITLE_MM + TICKS_MM)
        ax = figure.add_axes((left / width_mm, bottom / height, width / width_mm, high / height))
        last = number == len(maps) - 1
        bar = figure.add_axes(
            ((left + width + 1.6) / width_mm, bottom / height, BAR_MM / width_mm, high / height)
        )
        _draw(figure, ax, bar if last else None, one, limits)
        if not last:
            bar.remove()
        ax.set_ylabel(one.labels[1] if column == 0 else "")
        if names:
            ax.set_yticks(one.y, ["\n".join(lines) if column == 0 else "" for lines in names])
            ax.invert_yaxis()  # the first name at the top
    figure.text(
        EDGE_MM / width_mm, EDGE_MM / height, "\n".join(lines),
        fontsize=TEXT_PT, va="bottom", ha="left", linespacing=1.25, parse_math=False,
    )  # fmt: skip
    return figure


def _draw(
    figure: Figure, ax: Axes, bar: Axes | None, one: _Map, limits: tuple[float, float]
) -> None:
    from matplotlib.colors import LogNorm, Normalize

    norm = LogNorm(*limits) if one.log[2] else Normalize(*limits)
    mesh = ax.pcolormesh(
        _edges(one.x, log=one.log[0]), _edges(one.y, log=one.log[1]), one.values,
        cmap="viridis", norm=norm, rasterized=True,
    )  # fmt: skip
    ax.set_xscale("log" if one.log[0] else "linear")
    ax.set_yscale("log" if one.log[1] else "linear")
    ax.minorticks_off()
    ax.set_xlabel(one.labels[0])
    ax.set_title(one.title, parse_math=False)
    _dc50_lines(ax, one)
    if bar is not None:
        colours = figure.colorbar(mesh, cax=bar)
        colours.outline.set_visible(False)
        colours.set_label(one.labels[2])
        bar.minorticks_off()


def _dc50_lines(ax: Axes, one: _Map) -> None:
    """A line where an axis is the dose, else contours at powers of ten."""
    if one.dc50 is None:
        return
    if one.dc50.ndim == 1:
        ax.plot(
            *((one.x, one.dc50) if one.dose_is_y else (one.dc50, one.y)),
            linestyle="none",
            marker=".",
            markersize=2.2,
            color="white",
            zorder=3,
        )
        return
    known = one.dc50[np.isfinite(one.dc50)]
    if not known.size or min(one.dc50.shape) < FEWEST_FOR_CONTOURS:
        return
    levels = LEVELS_nM[(LEVELS_nM > known.min()) & (LEVELS_nM < known.max())]
    if not levels.size:
        levels = np.array([float(f"{np.median(known):.1g}")])
    lines = ax.contour(
        one.x, one.y, one.dc50, levels=levels, colors=style.TEXT_COLOUR, linewidths=0.8
    )
    lines.set_path_effects([HALO])
    for text in ax.clabel(lines, fmt=FuncFormatter(lambda v, _: style.dose_name(v)), fontsize=6):
        text.set_path_effects([HALO])


def _edges(centres: Floats, *, log: bool) -> Floats:
    """Cell borders half-way between the centres, on the axis's own scale."""
    at = np.log10(centres) if log else centres
    if at.size == 1:
        edges = np.array([at[0] - 0.5, at[0] + 0.5])
    else:
        inner = 0.5 * (at[1:] + at[:-1])
        edges = np.concatenate([[2 * at[0] - inner[0]], inner, [2 * at[-1] - inner[-1]]])
    return np.asarray(10.0**edges if log else edges)


def _caption(data: xr.Dataset, maps: Sequence[_Map], dims: Sequence[str]) -> str:
    drawn = [one.dc50 for one in maps if one.dc50 is not None]
    mark = "White points" if any(dc50.ndim == 1 for dc50 in drawn) else "Lines"
    without = [
        f"{short_path(dim, 'nM')} 0"
        for dim in dims
        if _is_dose(dim) and bool((data[dim] <= 0.0).any())
    ]
    about = [
        f"All at {maps[0].fixed}" if maps[0].fixed else "",
        f"{mark}: DC50, half of Dmax" if drawn else "",
        f"Not drawn: {', '.join(without)}" if without else "",
        next(filter(None, (one.blank for one in maps)), ""),
    ]
    return caption.written(data, about)
