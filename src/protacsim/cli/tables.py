"""Tables and JSON on stdout."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import typer

from protacsim.cli import printable

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
    """A table; plain aligned text when stdout is no terminal."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    texts = [[printable(shown(cell)) for cell in row] for row in rows]
    if not console.is_terminal:
        console = Console(width=_needed(columns, texts), no_color=True)
    table = Table(title=Text(printable(title)) if title else None, title_justify="left")
    for name in columns:
        table.add_column(Text(name), overflow="fold")
    for row in texts:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def _needed(columns: Sequence[str], rows: list[list[str]]) -> int:
    widths = [max(len(line[i]) for line in [list(columns), *rows]) for i in range(len(columns))]
    return sum(widths) + 3 * len(widths) + 1


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


def shown(value: object) -> str:
    """A cell's text: four significant digits, an empty place for nothing."""
    if value is None or _missing(value):
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
