"""The page of the validation names every measured row once, and says what was really tested."""

from __future__ import annotations

import csv
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

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


def test_a_fitted_half_life_is_no_longer_than_a_doubling_time() -> None:
    """It includes dilution by growth; Ramos doubles within 36 h at the latest."""
    for cell in ("ramos", "thp1"):
        fact = library.fact("cells", cell, "proteins.BTK.half_life_h", "zorba2018")
        assert fact is not None
        assert fact.high is not None
        assert fact.high <= 36.0


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModuleType]]:
    """The modules that write the page."""
    monkeypatch.syspath_prepend(str(ROOT / "validation"))
    import occupancy
    import report

    yield {"occupancy": occupancy, "report": report}
    for name in ("figures", "occupancy", "report"):
        sys.modules.pop(name, None)


@pytest.mark.jit_only
@pytest.mark.parametrize("line", [154, 157, 159, 160])
def test_occupancy_is_predicted_with_the_library_as_shipped(
    line: int, scripts: dict[str, ModuleType]
) -> None:
    """A plain treatment with the drug's name, no constant of its kinetics with BTK changed."""
    row, occupancy = rows()[line], scripts["occupancy"]
    found = occupancy.occupancy(row)
    shown = next(cells for cells in predicted() if int(cells[0]) == line)
    assert float(shown[6]) == pytest.approx(found["predicted"], rel=5e-3)
    own = occupancy.at_kinact(
        row["compound"], occupancy.number(row["compound"], "kinact_per_h").value
    )
    shipped = library.values("compounds", row["compound"])
    assert {key: shipped[key] for key in own} == own


def test_a_limit_has_no_fold_and_is_met_by_the_prediction_or_not(
    scripts: dict[str, ModuleType],
) -> None:
    report = scripts["report"]
    limit = {"operator": ">", "value": "95", "predicted": 82.0, "low": 60.0, "high": 97.0}
    assert not report.fold(limit) > 0.0
    assert report.covered(limit) is None
    assert report.limit_met(limit) is False
    assert report.limit_met(limit | {"predicted": 96.0}) is True
    value = limit | {"operator": "="}
    assert report.fold(value) == pytest.approx(95 / 82)
    assert report.covered(value) is True
    assert report.limit_met(value) is None
