"""CSV files of measurements that figures show: read, checked, and kept as text.

The text travels with the configuration into the manifest, so that a figure can be drawn again
without the file. Nothing is looked up in results here.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path

from protacsim.errors import ConfigError
from protacsim.validation import one_of, quoted

MOST_BYTES = 1_000_000
NEEDED = {
    "dose-response": ("compound.dose_nM", "value"),
    "observed-vs-predicted": ("quantity", "measured"),
}
NUMBERS = ("value", "low", "high", "error", "measured", "measured_low", "measured_high")
FURTHER = {
    "dose-response": ("low", "high", "error", "observable"),
    "observed-vs-predicted": ("measured_low", "measured_high", "low", "high", "class"),
}


def table_text(path: Path, kind: str, places: Sequence[str]) -> str:
    """Text of a CSV file whose columns suit a figure; `places` are the axes it may name.

    Raises `ConfigError` with every mistake in it.
    """
    text = _text(path)
    reader = csv.reader(io.StringIO(text))
    header = next(reader, [])
    found = list(_of_header(header, kind, places))
    for number, row in enumerate(reader, 2):
        found += _of_row(number, row, header)
        if len(found) > 10:
            break
    if found:
        raise ConfigError([f"{path.name}: {line}" for line in found])
    return text


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ConfigError(f"{path.name} has more than {MOST_BYTES:,} bytes; thin it out.")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path.name} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError:
        raise ConfigError(f"{path.name} is no UTF-8 text; save it as CSV (UTF-8).") from None


def _of_header(header: Sequence[str], kind: str, places: Sequence[str]) -> list[str]:
    needed, allowed = NEEDED[kind], [*NEEDED[kind], *FURTHER[kind], *places]
    found = [f"has no column {name}." for name in needed if name not in header]
    found += [
        f"{quoted(name)} is no known column; {one_of(name, allowed)}."
        for name in header
        if name not in allowed
    ]
    twice = sorted({name for name in header if header.count(name) > 1})
    return found + [f"column {quoted(name)} stands there twice." for name in twice]


def _of_row(number: int, row: Sequence[str], header: Sequence[str]) -> list[str]:
    if len(row) != len(header):
        return [f"line {number} has {len(row)} cells; the header has {len(header)}."]
    return [
        f"line {number}, {name} is {quoted(cell)}; must be a number."
        for name, cell in zip(header, row, strict=True)
        if (name in NUMBERS or name.endswith("_nM")) and cell and not _is_number(cell)
    ]


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False
