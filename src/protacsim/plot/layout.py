"""The layout of a grid of panels with one legend and a caption, in mm.

What a panel shows and how it is drawn is handed in by `protacsim.plot.grid`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from string import ascii_lowercase

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.ticker import FuncFormatter

from protacsim.errors import ParameterError
from protacsim.plot import caption, style
from protacsim.plot.curves import Panel
from protacsim.plot.drawing import (
    blanks,
    curve_handle,
    is_stand_in,
    key_handles,
    looks,
    named,
    value_label,
    wrapped,
)
from protacsim.plot.selection import Selection

LEFT_MM, RIGHT_MM, EDGE_MM = 14.5, 2.0, 1.5
COLUMN_GAP_MM, ROW_GAP_MM = 4.5, 5.5
NARROWEST_MM, WIDEST_MM = 23.0, 60.0
SHORTEST_MM, TALLEST_MM = 27.0, 42.0
TICKS_MM = 8.5
TITLE_PAD_MM = 1.4  # axes.titlepad of the style sheet
HIGHEST_TICK = 0.94  # of the height of a panel
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
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


ReadPanel = Callable[[str, Selection], Panel]
DrawPanel = Callable[[Axes, Panel], None]


def draw_grid(
    data: xr.Dataset,
    cells: Sequence[Cell],
    draw: DrawPanel,
    mark: Sequence[str],
    width_mm: float | None,
    *,
    keys: Sequence[Artist] = (),
    about: Sequence[str] = (),
) -> Figure:
    """Return a figure of `cells` with letters, one legend for all of them, and the caption.

    `keys` and `about` are further entries of the legend and sentences of the caption.
    """
    panels = [cell.panel for cell in cells]
    width_mm = style.width_of(1 + max(cell.column for cell in cells), width_mm)
    with style.context():
        figure = style.new_figure(width_mm, 100.0)
        titles = _titles(cells, width_mm)
        legend = _legend(figure, panels, mark, width_mm, keys)
        lines = _caption_lines(data, panels, mark, width_mm, about)
        plan = _plan(cells, titles, height_mm(legend), len(lines), width_mm)
        figure.set_size_inches(width_mm / style.MM_PER_INCH, plan.height / style.MM_PER_INCH)
        _draw_cells(figure, cells, titles, plan, draw, width_mm)
        place_words(figure, legend, lines, plan.height, width_mm)
    leave_to_caller(figure)
    return figure


def cells_of(
    data: xr.Dataset,
    observables: Sequence[str],
    columns: str | None,
    select: Selection,
    read: ReadPanel,
    width_mm: float | None,
) -> list[Cell]:
    """Read a panel per observable (rows) and value of `columns`, which wrap where they must.

    Raises
    ------
    ParameterError
        When there is no observable.
    """
    if not observables:
        raise ParameterError(
            "plot: observables is empty; give at least one, e.g. ('target_total',)."
        )
    split = columns in data.dims and columns not in select
    values = data[columns].values.tolist() if split else [None]
    per_row = min(len(values), columns_that_fit(style.width_of(len(values), width_mm)))
    last = len(observables) - 1
    cells = []
    for k, value in enumerate(values):
        chosen = {**select, str(columns): value} if split else select
        for i, observable in enumerate(observables):
            row = (k // per_row) * len(observables) + i
            panel = read(observable, chosen)
            cells.append(Cell(panel, row, k % per_row, opens=i == 0, closes=i == last))
    return sorted(cells, key=lambda c: (c.row, c.column))


def columns_that_fit(width_mm: float, left_mm: float = LEFT_MM) -> int:
    """Return how many panels of the least width stand side by side."""
    room = width_mm - left_mm - RIGHT_MM + COLUMN_GAP_MM
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
    draw: DrawPanel,
    width_mm: float,
) -> None:
    rows: dict[int, list[tuple[Axes, Cell]]] = {}
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
        draw(ax, cell.panel)
        rows.setdefault(cell.row, []).append((ax, cell))
        ax.set_title("\n".join(title), parse_math=False)
        top = bottom + plan.panel_height + TITLE_PAD_MM
        figure.text(
            (left - 3.6) / width_mm, top / plan.height, letter(i),
            fontsize=LETTER_PT, fontweight="bold", va="baseline", ha="left",
        )  # fmt: skip
    for row in rows.values():
        _align(row)
        for ax, cell in row:
            _trim(ax, cell)


def _align(row: Sequence[tuple[Axes, Cell]]) -> None:
    """Tie the value axes of a row, with the union of their limits.

    A panel of zeros has a unit range of its own, which tells nothing about the others.
    """
    first = row[0][0]
    telling = [ax.get_ylim() for ax, cell in row if _is_above_zero(cell.panel)]
    low, high = zip(*(telling or [first.get_ylim()]), strict=True)
    for ax, _ in row[1:]:
        ax.sharey(first)
    first.set_ylim(min(low), max(high))
    ticks = [tick for tick in first.get_yticks() if tick <= max(high) * (1.0 + 1e-9)]
    # Room for the letter above the highest tick label.
    first.set_ylim(min(low), max(*high, ticks[-1] / HIGHEST_TICK))


def _is_above_zero(panel: Panel) -> bool:
    return any(bool((curve.value > 0.0).any()) for curve in panel.curves)


def _trim(ax: Axes, cell: Cell) -> None:
    """Keep tick labels and axis labels at the outer edge only; write long numbers in powers."""
    ax.tick_params(labelleft=cell.column == 0, labelbottom=cell.closes)
    ax.set_ylabel(value_label(cell.panel, "\n") if cell.column == 0 else "")
    shorten_values(ax)
    if not cell.closes:
        ax.set_xlabel("")


def shorten_values(ax: Axes) -> None:
    """Take a power of 1000 out of tick labels too wide for the margin, into the axis label."""
    what, opening, unit = ax.get_ylabel().rpartition("(")
    power = _power(ax.get_ylim()[1]) if opening and ax.get_yscale() == "linear" else 0
    if power:
        ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y / 10.0**power:g}"))
        ax.set_ylabel(f"{what}(10{str(power).translate(_SUPERSCRIPTS)} {unit}")


def _power(highest: float) -> int:
    """Return the power of 1000 below the highest value, 0 where numbers are short as they are."""
    if highest <= 0.0 or 0.1 <= highest < 1e3:
        return 0
    return 3 * int(np.floor(np.log10(highest) / 3.0))


def letter(index: int) -> str:
    """Return the letter of a panel: a to z, then aa."""
    turns, rest = divmod(index, 26)
    return ascii_lowercase[rest] * (turns + 1)


def _legend(
    figure: Figure,
    panels: Sequence[Panel],
    mark: Sequence[str],
    width_mm: float,
    keys: Sequence[Artist],
) -> Legend | None:
    """Return one legend for all panels."""
    handles = [*_curve_handles(panels), *key_handles(panels, mark), *keys]
    return fitted_legend(figure, handles, width_mm)


def fitted_legend(figure: Figure, handles: Sequence[Artist], width_mm: float) -> Legend | None:
    """Return a legend as wide as fits; None without entries."""
    for rows in range(1, len(handles) + 1):
        if rows == len(handles):
            wrapped(handles, width_mm)
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
    plain: dict[str, Artist] = {}
    stand_ins: dict[str, Artist] = {}
    for panel in panels:
        look_of = looks(panel)
        for curve, look in ((panel.curves[i], look_of[i]) for i in named(panel)):
            if is_stand_in(panel, curve):
                text = f"{curve.name}, {curve.note}"
                stand_ins.setdefault(text, curve_handle(look, text, stand_in=True))
            elif curve.name:
                plain.setdefault(curve.name, curve_handle(look, curve.name))
    return [*plain.values(), *stand_ins.values()]


def _extent_mm(legend: Legend) -> tuple[float, float]:
    box = legend.get_window_extent()
    scale = style.MM_PER_INCH / legend.figure.dpi
    return box.width * scale, box.height * scale


def height_mm(legend: Legend | None) -> float:
    """Return the height of a legend in mm, 0 without one."""
    return _extent_mm(legend)[1] if legend is not None else 0.0


def _caption_lines(
    data: xr.Dataset,
    panels: Sequence[Panel],
    mark: Sequence[str],
    width_mm: float,
    about: Sequence[str],
) -> tuple[str, ...]:
    words = caption.compose(data, panels, mark, about)
    return style.wrap(words, width_mm - 2 * RIGHT_MM, TEXT_PT)


def place_words(
    figure: Figure, legend: Legend | None, lines: Sequence[str], height: float, width_mm: float
) -> None:
    """Put the legend at the top and the caption at the bottom of a figure `height` mm high."""
    left = RIGHT_MM / width_mm
    if legend is not None:
        legend.set_bbox_to_anchor((left, 1.0 - EDGE_MM / height), figure.transFigure)
    figure.text(
        left, EDGE_MM / height, "\n".join(lines),
        fontsize=TEXT_PT, va="bottom", ha="left", linespacing=1.25, parse_math=False,
    )  # fmt: skip


def leave_to_caller(figure: Figure) -> None:
    """In a notebook the returned figure shows itself; pyplot would show it a second time."""
    if style.in_notebook():
        from matplotlib import pyplot

        pyplot.close(figure)
