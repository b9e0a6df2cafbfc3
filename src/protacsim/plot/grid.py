"""A grid of dose-response panels with one legend and a caption, laid out in mm.

Observables are rows, treatments (or another dim) are columns; columns wrap when they get narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from protacsim.errors import ParameterError
from protacsim.plot import caption, style
from protacsim.plot.curves import DEFAULT_HUE, Panel, Selection, read_panel
from protacsim.plot.panel import (
    MARKS,
    blanks,
    curve_handle,
    draw,
    is_stand_in,
    key_handles,
    looks,
    value_label,
)

LEFT_MM, RIGHT_MM, EDGE_MM = 14.5, 2.0, 1.5
COLUMN_GAP_MM, ROW_GAP_MM = 4.5, 5.5
NARROWEST_MM, WIDEST_MM = 23.0, 60.0
SHORTEST_MM, TALLEST_MM = 27.0, 42.0
TICKS_MM = 8.5
TITLE_PAD_MM = 1.4  # axes.titlepad of the style sheet
TEXT_PT, LETTER_PT = 7.0, 8.0
LINE_MM = 1.25 * TEXT_PT / style.POINTS_PER_INCH * style.MM_PER_INCH


@dataclass(frozen=True)
class Cell:
    """One place of the grid: `row` over the whole figure, whether it opens or closes its block."""

    panel: Panel
    row: int
    column: int
    opens: bool
    closes: bool


@dataclass(frozen=True)
class Plan:
    """Sizes in mm, and the y of every row's lower edge, measured from the bottom."""

    height: float
    panel_width: float
    panel_height: float
    row_bottoms: tuple[float, ...]


def dose_response_grid(
    data: xr.Dataset,
    observables: Sequence[str] = ("target_total", "target_active"),
    *,
    columns: str = "treatment",
    hue: str = DEFAULT_HUE,
    time_h: float | None = None,
    width_mm: float = 180.0,
    select: Selection | None = None,
    mark: Sequence[str] = MARKS,
) -> Figure:
    """Draw a panel per observable (rows) and value of `columns`, with a legend and a caption.

    Panels share their axes. The caption gives title, time, the meaning of the marks, and the
    constants that no read source backs; hypothetical compounds carry an asterisk. A curve that is
    zero by definition (activity of a kinase-impaired allele) shows its unoccupied target instead.

    Parameters
    ----------
    data
        Result of `protacsim.run`, with a dim `compound.dose_nM`.
    observables
        Names without `_percent`, one row each.
    columns
        Dim whose values become columns; one column when the Dataset does not have it.
    hue
        Dim whose values become curves.
    time_h
        Time to show, in hours; the last one by default.
    width_mm
        Width of the figure, e.g. 85 or 180; the height follows.
    select
        One value for every other dim that has several.
    mark
        Any of "DC50" (on activity: IC50), "Dmax", "hook".

    Raises
    ------
    ParameterError
        When a dim is left undecided, or a name or value is not in the Dataset.
    """
    if not observables:
        raise ParameterError(
            "plot: observables is empty; give at least one, e.g. ('target_total',)."
        )
    cells = _cells(data, observables, columns, hue, time_h, dict(select or {}), width_mm)
    with style.context():
        figure = style.new_figure(width_mm, 100.0)
        titles = _titles(cells, width_mm)
        legend = _legend(figure, [c.panel for c in cells], mark, width_mm)
        lines = _caption_lines(data, [c.panel for c in cells], mark, width_mm)
        plan = _plan(cells, titles, _height_mm(legend), len(lines), width_mm)
        figure.set_size_inches(width_mm / style.MM_PER_INCH, plan.height / style.MM_PER_INCH)
        _draw_cells(figure, cells, titles, plan, mark, width_mm)
        _place(figure, legend, lines, plan, width_mm)
    _leave_to_caller(figure)
    return figure


def _cells(
    data: xr.Dataset,
    observables: Sequence[str],
    columns: str,
    hue: str,
    time_h: float | None,
    select: dict[str, object],
    width_mm: float,
) -> list[Cell]:
    split = columns in data.dims and columns not in select
    values = data[columns].values.tolist() if split else [None]
    per_row = min(len(values), _columns_that_fit(width_mm))
    last = len(observables) - 1
    cells = []
    for k, value in enumerate(values):
        chosen = {**select, columns: value} if split else select
        for i, observable in enumerate(observables):
            panel = read_panel(data, observable, hue, time_h, chosen)
            row = (k // per_row) * len(observables) + i
            cells.append(Cell(panel, row, k % per_row, opens=i == 0, closes=i == last))
    return sorted(cells, key=lambda c: (c.row, c.column))


def _columns_that_fit(width_mm: float) -> int:
    room = width_mm - LEFT_MM - RIGHT_MM + COLUMN_GAP_MM
    return max(1, int(room // (NARROWEST_MM + COLUMN_GAP_MM)))


def _panel_width(cells: Sequence[Cell], width_mm: float) -> float:
    count = 1 + max(c.column for c in cells)
    room = width_mm - LEFT_MM - RIGHT_MM - (count - 1) * COLUMN_GAP_MM
    return min(room / count, WIDEST_MM)


def _titles(cells: Sequence[Cell], width_mm: float) -> list[tuple[str, ...]]:
    width = _panel_width(cells, width_mm)
    return [style.wrap(c.panel.title, width, TEXT_PT, "bold") if c.opens else () for c in cells]


def _plan(
    cells: Sequence[Cell],
    titles: Sequence[tuple[str, ...]],
    legend_mm: float,
    caption_lines: int,
    width_mm: float,
) -> Plan:
    panel_width = _panel_width(cells, width_mm)
    panel_height = float(np.clip(0.95 * panel_width, SHORTEST_MM, TALLEST_MM))
    below = caption_lines * LINE_MM + 2 * EDGE_MM
    bottoms: dict[int, float] = {}
    for row in range(max(c.row for c in cells), -1, -1):
        inside = [(c, t) for c, t in zip(cells, titles, strict=True) if c.row == row]
        below += TICKS_MM if inside[0][0].closes else 0.0
        bottoms[row] = below
        below += panel_height + max(ROW_GAP_MM, 2.0 + LINE_MM * max(len(t) for _, t in inside))
    height = below + legend_mm + 2 * EDGE_MM
    return Plan(height, panel_width, panel_height, tuple(bottoms[r] for r in sorted(bottoms)))


def _draw_cells(
    figure: Figure,
    cells: Sequence[Cell],
    titles: Sequence[tuple[str, ...]],
    plan: Plan,
    mark: Sequence[str],
    width_mm: float,
) -> None:
    first_of_row: dict[int, Axes] = {}
    for i, (cell, title) in enumerate(zip(cells, titles, strict=True)):
        left = LEFT_MM + cell.column * (plan.panel_width + COLUMN_GAP_MM)
        bottom = plan.row_bottoms[cell.row]
        box = (
            left / width_mm,
            bottom / plan.height,
            plan.panel_width / width_mm,
            plan.panel_height / plan.height,
        )
        ax = figure.add_axes(box)
        draw(ax, cell.panel, mark)
        _align(ax, first_of_row.setdefault(cell.row, ax))
        _trim(ax, cell)
        ax.set_title("\n".join(title), parse_math=False)
        top = bottom + plan.panel_height + TITLE_PAD_MM
        figure.text(
            (left - 3.6) / width_mm, top / plan.height, _letter(i),
            fontsize=LETTER_PT, fontweight="bold", va="baseline", ha="left",
        )  # fmt: skip


def _align(ax: Axes, first: Axes) -> None:
    """Give both axes the union of their value limits, and tie them."""
    if ax is first:
        return
    low, high = zip(ax.get_ylim(), first.get_ylim(), strict=True)
    ax.sharey(first)
    first.set_ylim(min(low), max(high))


def _trim(ax: Axes, cell: Cell) -> None:
    """Keep tick labels and axis labels at the outer edge only."""
    ax.tick_params(labelleft=cell.column == 0, labelbottom=cell.closes)
    ax.set_ylabel(value_label(cell.panel, "\n") if cell.column == 0 else "")
    if not cell.closes:
        ax.set_xlabel("")


def _letter(index: int) -> str:
    turns, rest = divmod(index, 26)
    return ascii_lowercase[rest] * (turns + 1)


def _legend(
    figure: Figure, panels: Sequence[Panel], mark: Sequence[str], width_mm: float
) -> Legend | None:
    """Return one legend for all panels, as wide as fits."""
    handles = [*_curve_handles(panels), *key_handles(panels, mark)]
    for rows in range(1, len(handles) + 1):
        legend = figure.legend(
            handles=_row_by_row(handles, rows), ncols=-(-len(handles) // rows), loc="upper left"
        )
        for text in legend.get_texts():
            text.set_parse_math(False)
        if _extent_mm(legend)[0] <= width_mm - 2 * RIGHT_MM or rows == len(handles):
            return legend
        legend.remove()
    return None


def _row_by_row(handles: Sequence[Artist], rows: int) -> list[Artist]:
    """Order entries, with blanks at the end, so that a legend filled by column reads by row."""
    columns = -(-len(handles) // rows)
    padded = [*handles, *blanks(rows * columns - len(handles))]
    return [padded[row * columns + column] for column in range(columns) for row in range(rows)]


def _curve_handles(panels: Sequence[Panel]) -> list[Artist]:
    named: dict[str, Artist] = {}
    stand_ins: dict[str, Artist] = {}
    for panel in panels:
        for curve, look in zip(panel.curves, looks(panel), strict=True):
            if is_stand_in(panel, curve):
                text = f"{curve.name}, {curve.note}"
                stand_ins.setdefault(text, curve_handle(look, text, stand_in=True))
            elif curve.name:
                named.setdefault(curve.name, curve_handle(look, curve.name))
    return [*named.values(), *stand_ins.values()]


def _extent_mm(legend: Legend) -> tuple[float, float]:
    box = legend.get_window_extent()
    scale = style.MM_PER_INCH / legend.figure.dpi
    return box.width * scale, box.height * scale


def _height_mm(legend: Legend | None) -> float:
    return _extent_mm(legend)[1] if legend is not None else 0.0


def _caption_lines(
    data: xr.Dataset, panels: Sequence[Panel], mark: Sequence[str], width_mm: float
) -> tuple[str, ...]:
    words = caption.compose(data, panels, mark)
    return style.wrap(words, width_mm - 2 * RIGHT_MM, TEXT_PT)


def _place(
    figure: Figure, legend: Legend | None, lines: Sequence[str], plan: Plan, width_mm: float
) -> None:
    left = RIGHT_MM / width_mm
    if legend is not None:
        legend.set_bbox_to_anchor((left, 1.0 - EDGE_MM / plan.height), figure.transFigure)
    figure.text(
        left, EDGE_MM / plan.height, "\n".join(lines),
        fontsize=TEXT_PT, va="bottom", ha="left", linespacing=1.25, parse_math=False,
    )  # fmt: skip


def _leave_to_caller(figure: Figure) -> None:
    """In a notebook the returned figure shows itself; pyplot would show it a second time."""
    if style.in_notebook():
        from matplotlib import pyplot

        pyplot.close(figure)
