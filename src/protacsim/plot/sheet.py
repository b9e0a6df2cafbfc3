"""A sheet: any panels in rows and columns, one legend above them and the caption below, in mm.

Dose-response and time-course grids have a layout of their own in `protacsim.plot.layout`, whose
measures are used here; what a panel shows is handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from protacsim.plot import style
from protacsim.plot.layout import (
    COLUMN_GAP_MM,
    EDGE_MM,
    LEFT_MM,
    LETTER_PT,
    LINE_MM,
    RIGHT_MM,
    ROW_GAP_MM,
    SHORTEST_MM,
    TALLEST_MM,
    TEXT_PT,
    TICKS_MM,
    TITLE_PAD_MM,
    WIDEST_MM,
    columns_that_fit,
    fitted_legend,
    height_mm,
    leave_to_caller,
    letter,
    place_words,
    shorten_values,
)
from protacsim.plot.selection import Selection

Titled = tuple[Callable[[Axes], None], str]


@dataclass(frozen=True)
class Part:
    """One panel of a sheet; `lead` is the number of its row inside its block of columns."""

    draw: Callable[[Axes], None]
    title: str = ""
    column: int = 0
    row: int = 0
    lead: int = 0
    closes: bool = True


@dataclass(frozen=True)
class Frame:
    """What surrounds the panels: measures in mm, and whether a row shares its value axis."""

    width_mm: float = 180.0
    left_mm: float = LEFT_MM
    panel_mm: float | None = None
    widest_mm: float = WIDEST_MM
    shared: bool = True

    @property
    def gap_mm(self) -> float:
        """Room between columns: with value axes of their own they need that of the first."""
        return COLUMN_GAP_MM if self.shared else self.left_mm


def selections(data: xr.Dataset, columns: str | None, select: Selection) -> list[dict[str, object]]:
    """Return one selection per value of `columns`; a single one where that is no open dim."""
    if columns not in data.dims or columns in select:
        return [dict(select)]
    return [{**select, str(columns): value} for value in data[columns].values.tolist()]


def in_grid(draws: Sequence[Sequence[Titled]], frame: Frame) -> list[Part]:
    """Give panels their places: one inner sequence per column, which wraps where it must."""
    per_row = min(len(draws), columns_that_fit(frame.width_mm, frame.left_mm))
    rows = max(len(column) for column in draws)
    parts = [
        Part(
            draw,
            title if i == 0 else "",
            column=k % per_row,
            row=(k // per_row) * rows + i,
            lead=i,
            closes=i == len(column) - 1,
        )
        for k, column in enumerate(draws)
        for i, (draw, title) in enumerate(column)
    ]
    return sorted(parts, key=lambda part: (part.row, part.column))


def sheet(parts: Sequence[Part], words: str, handles: Sequence[Artist], frame: Frame) -> Figure:
    """Return the figure of `parts` with the legend `handles` and the caption `words`."""
    width = frame.width_mm
    with style.context():
        figure = style.new_figure(width, 100.0)
        legend = fitted_legend(figure, handles, width)
        lines = style.wrap(words, width - 2 * RIGHT_MM, TEXT_PT)
        panel_width = _panel_width(parts, frame)
        titles = [_broken(part.title, panel_width) for part in parts]
        panel_height = frame.panel_mm or float(np.clip(0.95 * panel_width, SHORTEST_MM, TALLEST_MM))
        bottoms, top = _bottoms(parts, titles, panel_height, len(lines))
        height = top + height_mm(legend) + 2 * EDGE_MM
        figure.set_size_inches(width / style.MM_PER_INCH, height / style.MM_PER_INCH)
        for i, (part, title) in enumerate(zip(parts, titles, strict=True)):
            left = frame.left_mm + part.column * (panel_width + frame.gap_mm)
            box = (left, bottoms[part.row], panel_width, panel_height)
            ax = figure.add_axes((box[0] / width, box[1] / height, box[2] / width, box[3] / height))
            part.draw(ax)
            ax.set_title("\n".join(title), parse_math=False)
            if len(parts) > 1:
                above = (bottoms[part.row] + panel_height + TITLE_PAD_MM) / height
                _write_letter(figure, (left - 3.6) / width, above, letter(i))
        _trim(figure.axes, parts, frame)
        for ax in figure.axes:
            shorten_values(ax)
        place_words(figure, legend, lines, height, width)
    leave_to_caller(figure)
    return figure


def _broken(title: str, width_mm: float) -> tuple[str, ...]:
    return style.wrap(title, width_mm, TEXT_PT, "bold") if title else ()


def _panel_width(parts: Sequence[Part], frame: Frame) -> float:
    count = 1 + max(part.column for part in parts)
    room = frame.width_mm - frame.left_mm - RIGHT_MM - (count - 1) * frame.gap_mm
    return min(room / count, frame.widest_mm)


def _bottoms(
    parts: Sequence[Part], titles: Sequence[tuple[str, ...]], panel_height: float, lines: int
) -> tuple[dict[int, float], float]:
    """Return the lower edge of every row, and the upper edge of the highest title."""
    below = lines * LINE_MM + 2 * EDGE_MM
    found: dict[int, float] = {}
    for row in range(max(p.row for p in parts), -1, -1):
        inside = [(p, t) for p, t in zip(parts, titles, strict=True) if p.row == row]
        below += TICKS_MM if inside[0][0].closes else 0.0
        found[row] = below
        below += panel_height + max(ROW_GAP_MM, 2.0 + LINE_MM * max(len(t) for _, t in inside))
    return found, below


def _write_letter(figure: Figure, x: float, y: float, text: str) -> None:
    figure.text(x, y, text, fontsize=LETTER_PT, fontweight="bold", va="baseline", ha="left")


def _trim(axes: Sequence[Axes], parts: Sequence[Part], frame: Frame) -> None:
    """Keep labels at the outer edges, and tie the value axes of a row where they are shared."""
    for ax, part in zip(axes, parts, strict=True):
        if not part.closes:
            ax.tick_params(labelbottom=False)
            ax.set_xlabel("")
        if part.column and frame.shared:
            ax.tick_params(labelleft=False)
            ax.set_ylabel("")
    if not frame.shared:
        return
    for lead in {part.lead for part in parts}:
        rows = [ax for ax, part in zip(axes, parts, strict=True) if part.lead == lead]
        limits = [ax.get_ylim() for ax in rows]
        for ax in rows:
            ax.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))
