"""The one canonical unit of every quantity, read from the end of its name, and quantity strings.

`kd_target_nM` is in nM, `k_ub_per_h` in 1/h, `cooperativity` in nothing. A string such as
"1e6 1/M/s" is converted through pint, which is imported only then.
"""

from __future__ import annotations

import math
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from protacsim.errors import ParameterError

if TYPE_CHECKING:
    import pint

MOLECULES_PER_NM_PL = 602.214076
"""Molecules in 1 pL at 1 nM (exact SI Avogadro constant)."""

_UNITS = {  # longest suffix first; values are what a person reads, and what pint parses
    "_per_nM_per_h": "1/nM/h",
    "_pL_per_h": "pL/h",
    "_per_h": "1/h",
    "_nM": "nM",
    "_uM": "uM",
    "_pL": "pL",
    "_h": "h",
    "_copies": "molecules/cell",
    "_percent": "%",
}


@cache
def unit_of(name: str) -> str:
    """Canonical unit of a quantity by its name or dotted path; "" when dimensionless."""
    return next((unit for suffix, unit in _UNITS.items() if name.endswith(suffix)), "")


_LONGEST = 60
_NUMBER = r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_POWER = r"[A-Za-zµμ]\s*(?:\*\*|\^)\s*-?\d(?![\d.eE_])"
_QUANTITY = re.compile(rf"{_NUMBER}(?:\s*\*?\s*1\s*/)?(?:{_POWER}|[A-Za-z_\s.*/()%µμ])*")
_DECIMAL_COMMA = re.compile(r"\s*[-+]?\d+,\d+")
_SPLIT_NUMBER = re.compile(r"\d\s+\d+\b(?!\s*/)")


def _is_plain(value: str) -> bool:
    """One number and a unit, not arithmetic: pint would evaluate 9**9**9, and 1 000 nM to 0 nM."""
    return len(value) <= _LONGEST and _QUANTITY.fullmatch(value) is not None


@cache
def _registry() -> pint.UnitRegistry[Any]:
    import pint

    registry: pint.UnitRegistry[Any] = pint.UnitRegistry(cache_folder=None)
    registry.define("cell = []")
    registry.define("molecules = [] = molecule")
    return registry


PERCENT_IN = {"%": 1.0, "percent": 1.0, "fraction": 100.0}
"""Percentage points in one unit of what percentages may be given in."""


def to_canonical(name: str, value: str) -> float:
    """Convert a quantity string to the canonical unit of `name`.

    Raises `ParameterError` for text that is no quantity and for a wrong dimension, naming both.
    """
    import pint

    unit = unit_of(name)
    shown = repr(value if len(value) <= _LONGEST else f"{value[:_LONGEST]}...")
    registry = _registry()
    quantity: Any
    try:
        if not _is_plain(value):
            raise ValueError(value)
        quantity = registry.Quantity(value)
    except Exception as error:  # pint raises a family of unrelated parser errors
        raise ParameterError(
            f"{shown} is no quantity; write a number in {unit or 'no unit'}, "
            f'or text such as "{_example(unit)}"{_hint(value)}.'
        ) from error
    try:
        there = quantity.to(unit or "dimensionless")
        magnitude = float(there.magnitude)
        if there.units != quantity.units:  # factors of ten leave round-off: 1 uM is 1000 nM
            magnitude = float(f"{magnitude:.15g}")
    except (pint.DimensionalityError, ArithmeticError, TypeError, ValueError) as error:
        found = f"{quantity.units:~}" if hasattr(quantity, "units") else ""
        raise ParameterError(
            f"{shown} has {f'the unit {found}' if found else 'no unit'}, "
            f"but {name.rsplit('.', 1)[-1]} needs {unit or 'no unit'}; "
            f"write a number in {unit or 'no unit'} "
            f'or text such as "{_example(unit)}".'
        ) from error
    if not math.isfinite(magnitude):
        raise ParameterError(f"{shown} is not a finite number; write one.")
    return magnitude


def _hint(value: str) -> str:
    if _DECIMAL_COMMA.match(value):
        return ", with a point for the decimals"
    return ", without spaces inside the number" if _SPLIT_NUMBER.search(value) else ""


def _example(unit: str) -> str:
    return {"1/nM/h": "1e6 1/M/s", "nM": "0.1 uM", "h": "2 day", "1/h": "0.01 1/s"}.get(
        unit, f"2 {unit}".strip()
    )


def measured_unit(quantity: str) -> str:
    """The unit of a measured quantity; that of percentages is no canonical one."""
    return "%" if quantity.endswith("_percent") else unit_of(quantity)


def measured(quantity: str, value: float, unit: str) -> float:
    """A measured number in the unit of its quantity: its canonical one, or percentage points.

    Raises `ParameterError` for a unit that does not fit.
    """
    wanted = measured_unit(quantity)
    if wanted != "%":
        return value if unit == wanted else to_canonical(quantity, f"{value} {unit}")
    if unit not in PERCENT_IN:
        raise ParameterError(f"{quantity} in {unit!r}; must be % or fraction")
    return value * PERCENT_IN[unit]
