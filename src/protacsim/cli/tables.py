"""Tables and JSON on stdout."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import typer

from protacsim.cli import printable
from protacsim.validation import shown

if TYPE_CHECKING:
    import pandas as pd


def print_json(value: Any) -> None:
    """Strict JSON: NaN and infinities become null."""
    # ASCII only: C1 controls and text direction marks would reach the terminal unescaped.
    typer.echo(json.dumps(_plain(value), indent=2, allow_nan=False))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def print_rows(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table; plain aligned text when stdout is no terminal, lighter on a narrow one."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    texts = [[printable(shown(cell)) for cell in row] for row in rows]
    needed = sum(map(_widest, _lines(columns, texts))) + 3 * len(columns) + 1
    if not console.is_terminal:
        console = Console(width=needed, no_color=True)
    narrow = console.width < needed
    table = Table(
        title=Text(printable(title)) if title else None,
        title_justify="left",
        box=box.SIMPLE_HEAD if narrow else box.HEAVY_HEAD,
        padding=(0, 1, 0, 0) if narrow else (0, 1),
    )
    names = ["\n".join(_pieces(name)) if narrow else name for name in columns]
    widths = _widths(names, texts, console.width) if narrow else [None] * len(names)
    for name, width in zip(names, widths, strict=True):
        table.add_column(Text(name), overflow="fold", width=width)
    for row in texts:
        table.add_row(*(Text(_broken(cell, w)) for cell, w in zip(row, widths, strict=True)))
    console.print(table)


def _widths(names: Sequence[str], rows: Sequence[Sequence[str]], room: int) -> list[int]:
    """Widths of columns that fit: the widest become narrower, words break only where they must."""
    columns = _lines(names, rows)
    widths = [_widest(lines) for lines in columns]
    words = [[word for line in lines for word in line.split()] for lines in columns]
    pieces = [[piece for word in column for piece in _pieces(word)] for column in words]
    for least in ([*map(_widest, words)], [*map(_widest, pieces)], [1] * len(widths)):
        while sum(widths) + 2 * len(widths) + 1 > room:
            spare = [i for i, width in enumerate(widths) if width > least[i]]
            if not spare:
                break
            widths[max(spare, key=widths.__getitem__)] -= 1
    return widths


def _pieces(word: str) -> list[str]:
    """A word in the parts between which it may go on in another line."""
    return BREAKABLE.sub(r"\1\n", word).split("\n")


def _broken(text: str, width: int | None) -> str:
    """A cell whose words go on in another line where they have to, between their parts."""
    words = text.split(" ")
    if width is None or _widest(words) <= width:
        return text
    return " ".join("\n".join(_packed(word, width)) for word in words)


def _packed(word: str, width: int) -> list[str]:
    """A word in as few lines as its parts fill."""
    lines = [""]
    for piece in _pieces(word):
        if lines[-1] and len(lines[-1] + piece) > width:
            lines.append("")
        lines[-1] += piece
    return lines


def _lines(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """The lines of every column, its name first."""
    columns = zip(names, *rows, strict=True)
    return [[line for cell in column for line in cell.split("\n")] for column in columns]


def _widest(texts: Iterable[str]) -> int:
    return max(map(len, texts), default=0)


BREAKABLE = re.compile(r"([._])(?=\w)")
"""Where names go on in a second line on a narrow terminal."""
HEADINGS = {
    "time_h": "time (h)",
    "dc50_relative_nM": "DC50 (nM)",
    "dmax_percent": "Dmax (%)",
    "hook_depth_percent": "hook (%)",
    "ic50_nM": "IC50 (nM)",
    "ic50_fold_shift": "IC50 shift from WT",
    "fraction_lost": "fraction of cells < 10 %",
    "q05": "5 %",
    "q50": "median",
    "q95": "95 %",
}
"""What a person reads above a column; files keep the names."""


def print_table(title: str, frame: pd.DataFrame, reasons: pd.DataFrame | None = None) -> None:
    """A DataFrame; where a number does not exist, the reason of its `<column>_reason` stands."""
    source = frame if reasons is None else reasons.loc[frame.index]
    rows = []
    for index in frame.index:
        row = []
        for name in frame.columns:
            value = frame.at[index, name]
            reason = source.at[index, f"{name}_reason"] if f"{name}_reason" in source else ""
            row.append(str(reason).replace("_", " ") if _missing(value) and reason else value)
        rows.append(row)
    print_rows(title, [HEADINGS.get(str(n), str(n)) for n in frame.columns], rows)


def _missing(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)
