"""The one canonical unit of every quantity, read from the end of its name, and quantity strings.

`kd_target_nM` is in nM, `k_ub_per_h` in 1/h, `cooperativity` in nothing. A string such as
"1e6 1/M/s" is converted through pint, which is imported only then.
"""

from __future__ import annotations

import math
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


@cache
def _registry() -> pint.UnitRegistry[Any]:
    import pint

    registry: pint.UnitRegistry[Any] = pint.UnitRegistry(cache_folder=None)
    registry.define("cell = []")
    registry.define("molecules = [] = molecule")
    return registry


def to_canonical(name: str, value: str) -> float:
    """Convert a quantity string to the canonical unit of `name`.

    Raises `ParameterError` for text that is no quantity and for a wrong dimension, naming both.
    """
    import pint

    unit = unit_of(name)
    registry = _registry()
    quantity: Any
    try:
        quantity = registry.Quantity(value)
    except Exception as error:  # pint raises a family of unrelated parser errors
        raise ParameterError(
            f"{value!r} is no quantity; write a number in {unit or 'no unit'}, "
            f'or text such as "{_example(unit)}".'
        ) from error
    try:
        magnitude = float(quantity.to(unit or "dimensionless").magnitude)
    except (pint.DimensionalityError, TypeError, ValueError) as error:
        found = f"{quantity.units:~}" if hasattr(quantity, "units") else "no unit"
        raise ParameterError(
            f"{value!r} has the unit {found or 'none'}, but {name.rsplit('.', 1)[-1]} "
            f"needs {unit or 'no unit'}; write a number in {unit or 'no unit'} "
            f'or text such as "{_example(unit)}".'
        ) from error
    if not math.isfinite(magnitude):
        raise ParameterError(f"{value!r} is not a finite number; write one.")
    return magnitude


def _example(unit: str) -> str:
    return {"1/nM/h": "1e6 1/M/s", "nM": "0.1 uM", "h": "2 day", "1/h": "0.01 1/s"}.get(
        unit, f"2 {unit}".strip()
    )
