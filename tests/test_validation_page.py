"""The page of the validation names every measured row once, and the calibrated library stands."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from protacsim import library

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "validation.md"
ROWS = ROOT / "validation" / "data" / "validation.csv"


def rows() -> dict[int, dict[str, str]]:
    """Measured rows by their line in the file."""
    with ROWS.open(encoding="utf-8") as file:
        return dict(enumerate(csv.DictReader(file), 2))


def part(title: str) -> str:
    """What stands under one heading of the page."""
    page = PAGE.read_text(encoding="utf-8")
    return re.split(r"^#+ ", page.split(f"# {title}\n")[1], flags=re.MULTILINE)[0]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|\n ").split("|")]


def predicted() -> list[list[str]]:
    """Cells of every row that is put beside a prediction."""
    lines = part("Observed and predicted").splitlines()
    return [cells(line) for line in lines if re.match(r"\| \d+ \|", line)]


def left() -> list[tuple[str, int]]:
    """Compound and line of every row that is listed with a reason instead."""
    found = re.findall(r"([^,|]+?) \(([^)]*?), line (\d+)\)", part("Not addressed, and why"))
    return [(compound.strip(), int(line)) for compound, _, line in found]


def test_every_row_stands_on_the_page_once_and_under_its_compound() -> None:
    named = {(int(found[0]), found[1]) for found in predicted()}
    named |= {(line, compound) for compound, line in left()}
    lines = Counter([int(found[0]) for found in predicted()] + [line for _, line in left()])
    assert lines == Counter(list(rows()))
    assert {(line, row["compound"].split(" (")[0]) for line, row in rows().items()} == {
        (line, compound.split(" (")[0]) for line, compound in named
    }


def test_every_prediction_stands_beside_what_was_measured_and_says_what_it_is() -> None:
    for line, compound, allele, _, what, seen, value, _, status, *_ in predicted():
        row = rows()[int(line)]
        assert (compound, allele, what) == tuple(
            row[key] for key in ("compound", "target_variant", "endpoint")
        )
        assert seen == f"{row['operator']} {row['value']}".strip()
        assert float(value) >= 0.0
        assert status in {"calibrated on", "predicted"}


def test_what_is_not_addressed_has_a_reason() -> None:
    lines = [cells(line) for line in part("Not addressed, and why").splitlines()[3:] if line]
    assert lines
    for reason, count, which in lines:
        assert len(reason.split()) > 3
        assert int(count) == which.count(", line ")


@pytest.mark.parametrize(
    ("name", "basis"), [("zorba-protac-6", "zorba2018-ramos"), ("zorba-protac-6", "zorba2018-thp1")]
)
def test_calibrated_compounds_say_what_the_page_says(name: str, basis: str) -> None:
    table = {found[0]: found[1] for found in map(cells, part("What the data determine").split("\n"))
             if len(found) == 4}  # fmt: skip
    facts = library.entry("compounds", name, basis).facts
    productive = facts["productive_fraction"]
    assert productive.confidence == "calibrated"
    shown = float(table["compound.productive_fraction (PROTAC 6)"])
    assert productive.value == pytest.approx(shown, rel=5e-3)
    cell = basis.rpartition("-")[2]
    shown = float(table[f"compound.unbound_accumulation ({cell})"])
    assert facts["unbound_accumulation"].value == pytest.approx(shown, rel=5e-3)
    assert library.cell(cell, "zorba2018").basis == "zorba2018"
