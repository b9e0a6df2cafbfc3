"""Measurements to fit to: one row per number, read from a CSV file or given as rows.

Where a measurement belongs is said in the study's own words (treatment, cell, allele, dose, time);
what it is, by the name of a quantity.
"""

from __future__ import annotations

import csv
import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protacsim.errors import DataWarning, ParameterError
from protacsim.mechanisms import OBSERVABLES
from protacsim.study import DOSE, Study
from protacsim.study.doubts import MOLAR_UP_TO_NM
from protacsim.study.names import MEASUREMENT_COLUMNS
from protacsim.units import PERCENT_IN, measured, unit_of
from protacsim.validation import one_of

POTENCIES = ("dc50_relative_nM", "dc50_absolute_nM", "ic50_nM")
EXTREMES = ("dmax_percent", "imax_percent")
OPERATORS = ("=", "<", ">")
NEEDED = ("quantity", "value", "unit")
FEWEST_LINES = 2
COLUMNS = (*MEASUREMENT_COLUMNS, "time_h")
LARGEST_FILE_BYTES = 20_000_000
FEWEST_FRACTIONS, LARGEST_FRACTION = 3, 1.5
"""From how many percentages on, and up to which largest one, they look like fractions of 1."""

LARGEST_PERCENT, FAR_FROM_REFERENCE = 200.0, 25.0
"""Of the reference, and in percentage points from it: what lies beyond is asked about."""


@dataclass(frozen=True)
class Measurement:
    """One measured number.

    `quantity` is a potency (nM), `dmax_percent`, `imax_percent`, or `<observable>_percent` at one
    dose. `operator` "<" or ">" says that the truth lies below or above `value`. `sd` is the
    standard deviation: of the natural logarithm for potencies, in percentage points otherwise.
    `where` names the point of each named dim of the study; `sd_assumed` tells that the row gave
    none.
    """

    quantity: str
    value: float
    operator: str
    sd: float
    time_h: float
    dose_nM: float | None
    where: tuple[tuple[str, str], ...]
    row: str
    sd_assumed: bool = False

    @property
    def on_log_scale(self) -> bool:
        """Whether its error is one of the logarithm."""
        return self.quantity in POTENCIES


@dataclass(frozen=True)
class Errors:
    """Standard deviations of rows that give none: of ln(potency), and in percentage points."""

    sd_log: float = 0.4
    sd_percent: float = 7.0


def read_measurements(
    path: Path | str, study: Study, errors: Errors | None = None
) -> tuple[Measurement, ...]:
    """Measurements of a CSV file; raises `ParameterError` with line and reason of every mistake.

    Columns: `quantity`, `value`, `unit`, and as needed `operator` (=, <, >), `sd`, `time_h`,
    `compound.dose_nM`, `note`, and one per named dim of the study (`treatment`, `cell`,
    `target.allele`). `sd` is in the unit of its row, but for potencies that of the natural
    logarithm. Lines that begin with # are comments.
    """
    path = Path(path)
    try:
        content = path.read_bytes()[: LARGEST_FILE_BYTES + 1]
    except OSError as error:
        raise ParameterError(
            f"{path}: cannot be read ({error.strerror}); give a CSV file of measurements"
        ) from None
    if len(content) > LARGEST_FILE_BYTES:
        raise ParameterError(f"{path}: is larger than 20 MB; measurements are one row per number")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ParameterError(f"{path}: is not text in UTF-8; save it as CSV (UTF-8)") from None
    lines = [(f"{path}, line {i}", line) for i, line in enumerate(text.splitlines(), 1)]
    kept = [(name, line) for name, line in lines if line.strip(" \t,;") and line[0] != "#"]
    _check_commas(path, kept)
    table = _table(kept)
    if len(table) < FEWEST_LINES:
        raise ParameterError(
            f"{path}: has no measurement; write a header, such as quantity,value,unit, and one row "
            "per number"
        )
    header = [cell.strip() for cell in table[0]]
    _check_header(kept[0][0], header, study)
    _check_cells(path, header, kept, table)
    rows = [dict(zip(header, (cell.strip() for cell in row), strict=False)) for row in table[1:]]
    return measurements(rows, study, errors, names=[name for name, _ in kept[1:]])


def _table(lines: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Cells of each line; a quote is closed on the line on which it opens."""
    table: list[list[str]] = []
    for name, line in lines:
        try:
            table += csv.reader([line], skipinitialspace=True, strict=True)
        except csv.Error as error:
            raise ParameterError(
                f"{name}: is no line of a CSV file ({error}); close every quote on its own line, "
                'write a quote inside quotes twice, as in "5"" dish", and keep notes short'
            ) from None
    return table


def _check_header(name: str, header: Sequence[str], study: Study) -> None:
    """Raise `ParameterError` for columns that nobody knows, and those that every row needs."""
    known = _known_columns(study)
    if not {*header} & {*known}:
        raise ParameterError(
            f"{name}: is no header; begin with one that names the columns, such as "
            f"{','.join(NEEDED)}, and write one row per number"
        )
    wrong = [f"{name}: {_unknown(column, known)}" for column in header if column not in known]
    missing = [column for column in NEEDED if column not in header]
    if len(missing) > len(wrong):  # else they are misspelt
        wrong.append(f"{name}: the header has no column {' and no '.join(missing)}; add it")
    if wrong:
        raise ParameterError("\n".join(wrong))


def _known_columns(study: Study) -> list[str]:
    return list(dict.fromkeys([*COLUMNS, *named_labels(study), *_fixed_labels(study)]))


def _unknown(column: str, known: Sequence[str]) -> str:
    return f"column {column!r} is not known; {one_of(column, known)}"


def _check_cells(
    path: Path, header: Sequence[str], lines: Sequence[tuple[str, str]], table: Sequence[list[str]]
) -> None:
    """No column twice, and no row with more than the header names."""
    twice = sorted({name for name in header if header.count(name) > 1 and name})
    wrong = [f"{path}: has the column {name!r} twice; keep one" for name in twice]
    for (name, _), row in zip(lines[1:], table[1:], strict=False):
        if any(cell.strip() for cell in row[len(header) :]):
            wrong.append(
                f"{name}: has {len(row)} fields, the header {len(header)}; write decimal numbers "
                "with points, and text with commas in quotes"
            )
    if wrong:
        raise ParameterError("\n".join(wrong))


def _check_commas(path: Path, lines: Sequence[tuple[str, str]]) -> None:
    """Columns that another character parts, as spreadsheets write them in some countries."""
    header = lines[0][1] if lines else ""
    for character, name in ((";", "semicolons"), ("\t", "tabs")):
        if character in header and "," not in header:
            raise ParameterError(
                f"{path}: has {name} between its columns; save it with commas, and with points in "
                "decimal numbers"
            )


def measurements(
    rows: Iterable[Mapping[str, Any]],
    study: Study,
    errors: Errors | None = None,
    *,
    names: Sequence[str] = (),
) -> tuple[Measurement, ...]:
    """Measurements from rows; the columns are those of `read_measurements`."""
    checker = _Checker(study, errors or Errors())
    found, wrong, percents = [], [], []
    for i, row in enumerate(rows):
        name = names[i] if i < len(names) else f"row {i + 1}"
        try:
            found.append(checker.measurement(row, name))
        except ParameterError as error:
            wrong.append(f"{name}: {error}")
        else:
            if PERCENT_IN.get(row["unit"]) == 1.0:
                percents.append(found[-1])
    if not found and not wrong:
        raise ParameterError("there is no measurement; give at least one row")
    if wrong:
        raise ParameterError("\n".join(wrong))
    _look_for_fractions(percents)
    _ask_about(found, study)
    return tuple(found)


def _ask_about(found: Iterable[Measurement], study: Study) -> None:
    """Warn once of each kind of number that is hardly meant, by the first row that has one."""
    asked: dict[str, list[str]] = {}
    for one in found:
        number, advice = _doubt(one, study)
        asked.setdefault(advice, []).append(f"{one.row}: {number}")
    asked.pop("", None)
    for advice, (first, *others) in asked.items():
        more = f" (and {len(others)} more row{'s' if len(others) > 1 else ''})" if others else ""
        warnings.warn(f"{first}{more}; {advice}.", DataWarning, stacklevel=3)


def _doubt(one: Measurement, study: Study) -> tuple[str, str]:
    """A dose that looks like one in M, or a percentage that is hardly meant, and what to do."""
    percent = not one.on_log_scale
    is_reference = one.dose_nM == 0.0 and study.readout.relative_to == "vehicle"
    if one.dose_nM is not None and 0.0 < one.dose_nM <= MOLAR_UP_TO_NM:
        return f"a dose of {one.dose_nM:g} nM", "if this is in M, write it in nM: 1e-9 M is 1 nM"
    if percent and one.value > LARGEST_PERCENT:
        return (
            f"{one.value:g} % of the reference",
            "if dose and value are swapped, swap them back",
        )
    if percent and is_reference and abs(one.value - 100.0) > FAR_FROM_REFERENCE:
        advice = "the vehicle is the reference, 100 % by definition"
        return f"{one.value:g} % without a dose", advice
    return "", ""


def _look_for_fractions(percents: Sequence[Measurement]) -> None:
    """Warn of percentages that are all so small that they look like fractions of 1."""
    largest = max((one.value for one in percents), default=0.0)
    if len(percents) >= FEWEST_FRACTIONS and 0.1 <= largest <= LARGEST_FRACTION:
        warnings.warn(
            f"{percents[0].row}: this and every other percentage is at most {largest:g} %; if they "
            "are fractions of 1, write fraction in the column unit.",
            DataWarning,
            stacklevel=2,
        )


class _Checker:
    """Checks rows against a study; remembers those it has seen."""

    def __init__(self, study: Study, errors: Errors) -> None:
        self.study = study
        self.errors = errors
        self.labels = named_labels(study)
        self.fixed = {d: v for d, v in _fixed_labels(study).items() if d not in self.labels}
        self.columns = _known_columns(study)
        self.seen: dict[tuple[Any, ...], str] = {}

    def measurement(self, row: Mapping[str, Any], name: str) -> Measurement:
        """One row; raises `ParameterError` without its place."""
        odd = next((key for key in row if key not in self.columns), None)
        if odd is not None:
            raise ParameterError(_unknown(odd, self.columns))
        for dim, label in self.fixed.items():
            if row.get(dim) not in (None, "", label):
                raise ParameterError(f"{dim} is {row[dim]!r}, but the study has only {label!r}")
        quantity = self._quantity(row)
        dose, time_h = self._dose(row, quantity), self._time(row)
        operator = str(row.get("operator") or "=")
        if operator not in OPERATORS:
            raise ParameterError(f"operator {operator!r}: {one_of(operator, OPERATORS)}")
        value = self._value(row, quantity)
        where = tuple((dim, self._label(row, dim)) for dim in self.labels)
        key = (quantity, where, dose, time_h)
        if key in self.seen:
            raise ParameterError(
                f"is the same measurement as {self.seen[key]}; give the mean of replicates as one "
                "row, with their standard deviation in sd"
            )
        self.seen[key] = name
        sd, assumed = self._sd(row, quantity)
        return Measurement(quantity, value, operator, sd, time_h, dose, where, name, assumed)

    def _quantity(self, row: Mapping[str, Any]) -> str:
        quantity = str(row.get("quantity") or "")
        percents = [f"{r.name}_percent" for r in self.study.readout.readings if not r.dim]
        known = [*POTENCIES, *EXTREMES, *percents]
        name = quantity.removesuffix("_percent")
        if quantity not in known and name in OBSERVABLES and not OBSERVABLES[name].dim:
            raise ParameterError(f"{quantity} is not read out; add {name} to readout.observables")
        if quantity not in known:
            raise ParameterError(f"quantity {quantity!r}: {one_of(quantity, known)}")
        return quantity

    def _value(self, row: Mapping[str, Any], quantity: str) -> float:
        unit = str(row.get("unit") or "")
        wanted = unit_of(quantity) or "%"
        if not unit:
            raise ParameterError(f"{quantity} has no unit; write {wanted!r} in the column unit")
        number = measured(quantity, _number(row.get("value"), "value"), unit)
        if number < 0.0 or (number == 0.0 and quantity in POTENCIES):
            least = "above 0" if quantity in POTENCIES else "at least 0"
            raise ParameterError(f"{quantity} is {number:g}; must be {least}")
        return number

    def _dose(self, row: Mapping[str, Any], quantity: str) -> float | None:
        given = row.get(DOSE)
        at_a_dose = quantity not in (*POTENCIES, *EXTREMES)
        if at_a_dose != (given not in (None, "")):
            need = f"needs a dose in {DOSE}" if at_a_dose else f"is of a whole curve; leave {DOSE}"
            raise ParameterError(f"{quantity} {need}{'' if at_a_dose else ' empty'}")
        if not at_a_dose:
            return None
        dose = _number(given, DOSE)
        if dose < 0.0:
            raise ParameterError(f"{DOSE} is {dose:g}; must not be negative")
        return dose

    def _time(self, row: Mapping[str, Any]) -> float:
        times = self.study.readout.times_h
        given = row.get("time_h")
        if given in (None, ""):
            if len(times) > 1:
                raise ParameterError("time_h is missing; the study has several times")
            return times[0]
        time_h = _number(given, "time_h")
        if time_h not in times:
            shown = ", ".join(f"{t:g}" for t in times)
            raise ParameterError(
                f"time_h = {time_h:g} is not read out; add it to readout.times_h ({shown})"
            )
        return time_h

    def _label(self, row: Mapping[str, Any], dim: str) -> str:
        label = str(row.get(dim) or "")
        labels = self.labels[dim]
        if not label and len(labels) == 1:
            return labels[0]
        if label not in labels:
            raise ParameterError(f"{dim} {label!r}: {one_of(label, labels)}")
        return label

    def _sd(self, row: Mapping[str, Any], quantity: str) -> tuple[float, bool]:
        """The standard deviation, and whether it is assumed."""
        given = row.get("sd")
        if given in (None, ""):
            return (self.errors.sd_log if quantity in POTENCIES else self.errors.sd_percent), True
        sd = _number(given, "sd")
        if sd <= 0.0:
            raise ParameterError(f"sd is {sd:g}; must be above 0")
        return (sd if quantity in POTENCIES else sd * PERCENT_IN[str(row["unit"])]), False


def named_labels(study: Study) -> dict[str, list[str]]:
    """Labels along every named dim of a study."""
    named = [dim for dim in study.dims if dim in study.combinations[0].index]
    found: dict[str, list[str]] = {dim: [] for dim in named}
    for axis in study.axes:
        if axis.dim in found and not found[axis.dim]:
            found[axis.dim] = [str(label) for label in axis.coordinate]
    return found


def _fixed_labels(study: Study) -> dict[str, str]:
    """Labels of what a study may vary, where it does not."""
    scenario = study.scenario
    return {
        "treatment": scenario.treatment.name,
        "cell": scenario.cell.name,
        "target.allele": scenario.allele.name,
    }


def _number(value: Any, name: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        sign = str(value).strip()[:1]
        if name == "value" and sign in ("<", ">"):
            raise ParameterError(
                f"value is {value!r}; write the number alone, and {sign} in the column operator"
            ) from None
        point = ", with a point for the decimals" if "," in str(value) else ""
        raise ParameterError(f"{name} is {value!r}; must be a number{point}") from None
    if not math.isfinite(number):
        raise ParameterError(f"{name} is {value!r}; must be finite")
    return number
