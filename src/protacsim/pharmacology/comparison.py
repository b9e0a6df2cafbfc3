"""Measured numbers with the prediction of a study beside each of them.

Nothing is fitted: the prediction is the reading of `summary`, or the curve itself at a dose.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from protacsim.errors import ParameterError
from protacsim.pharmacology.arguments import reads_dataset
from protacsim.pharmacology.datasets import TIME_DIM, summary, without_dose
from protacsim.study import DOSE, dim_of_doses
from protacsim.study.names import MEASUREMENT_COLUMNS
from protacsim.units import PERCENT_IN, measured_unit, unit_of
from protacsim.units import measured as measured_in
from protacsim.validation import quoted

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

CLASSES = ("treatment", "target.allele")
LIMITS = ("<", ">")


@reads_dataset
def compared(data: xr.Dataset, measured: pd.DataFrame) -> pd.DataFrame:
    """Measurements and predictions, one row each.

    Parameters
    ----------
    data
        Result of a study with a dose axis and `relative_to`.
    measured
        Columns as a fit reads them: `quantity`, a number of `summary` such as "dc50_relative_nM",
        or `<observable>_percent` at a `compound.dose_nM`; `value` in `unit`, which is that of the
        quantity where it is not given (percentages may be fractions); `sd` in the same unit, but
        that of the natural logarithm for quantities in nM; and columns named as axes
        ("treatment", "time_h") that say where it was measured. Without `time_h` the last time
        counts. `operator` "<" or ">" marks a limit: the truth lies below or above `value`.

    Returns
    -------
    pandas.DataFrame
        `quantity`, `unit`, `operator`, `measured` with `measured_low` and `measured_high` one
        standard deviation away (NaN for limits and without `sd`), `predicted`, and `class`, the
        treatment or else the allele. `predicted` is NaN where the reading is null, and beyond the
        doses of the study. Dose 0 is 100 % by definition where the reference is the vehicle.

    Raises
    ------
    ParameterError
        When a column is missing or unknown, a quantity is no reading, or a row names no curve of
        the study, or several.
    """
    import pandas as pd

    curves = summary(data)
    places = [str(name) for name in measured if name not in MEASUREMENT_COLUMNS]
    _check_columns(measured, places, curves)
    if TIME_DIM in curves and TIME_DIM not in places:
        curves = curves[curves[TIME_DIM] == curves[TIME_DIM].max()]
    rows = []
    for _, row in measured.iterrows():
        at = {name: row[name] for name in places}
        quantity, unit = str(row["quantity"]), _unit(row)
        value = measured_in(quantity, _number("value", row["value"]), unit)
        operator = operator_of(row.get("operator"))
        sd = None if row.get("sd") is None or operator != "=" else float(row["sd"])
        low, high = _bounds(quantity, value, None if sd is None else sd * PERCENT_IN.get(unit, 1.0))
        rows.append(
            {
                "quantity": quantity,
                "unit": measured_unit(quantity),
                "operator": operator,
                "measured": value,
                "measured_low": low,
                "measured_high": high,
                "predicted": _predicted(data, curves, quantity, row.get(DOSE), at),
                "class": next((str(at[name]) for name in CLASSES if name in at), ""),
            }
        )
    return pd.DataFrame(rows)


def _unit(row: pd.Series[Any]) -> str:
    """The unit of a row; by default that of its quantity."""
    given = row.get("unit")
    stated = given.strip() if isinstance(given, str) else ""
    return stated or measured_unit(str(row["quantity"]))


def _number(column: str, cell: Any) -> float:
    try:
        return float(cell)
    except (TypeError, ValueError):
        raise ParameterError(
            f"{column} is {quoted(cell)}; must be a number, without unit and without < or >, "
            "which have columns of their own"
        ) from None


def operator_of(cell: Any) -> str:
    """What a cell of the column `operator` says; an empty one says "="."""
    if cell is None or cell == "" or (isinstance(cell, float) and np.isnan(cell)):
        return "="
    if cell not in ("=", *LIMITS):
        raise ParameterError(f"operator is {quoted(cell)}; must be =, < or >")
    return str(cell)


def _check_columns(measured: pd.DataFrame, places: list[str], curves: pd.DataFrame) -> None:
    for name in ("quantity", "value"):
        if name not in measured:
            raise ParameterError(
                f"the table has no column {name!r}; it needs quantity and value, and columns "
                "named as axes, such as treatment and target.allele"
            )
    for name in places:
        if name not in _coordinates(curves):
            raise ParameterError(
                f"the table has a column {name!r}, which is no axis of the study; allowed are "
                f"{', '.join([*_coordinates(curves), *MEASUREMENT_COLUMNS])}"
            )


def _coordinates(curves: pd.DataFrame) -> list[str]:
    return [
        str(name)
        for name in curves
        if f"{name}_reason" not in curves and not str(name).endswith("_reason")
    ]


def _bounds(quantity: str, value: float, sd: Any) -> tuple[float, float]:
    if sd is None or not np.isfinite(float(sd)):
        return np.nan, np.nan
    if unit_of(quantity) == "nM":
        return value * float(np.exp(-sd)), value * float(np.exp(sd))
    return value - float(sd), value + float(sd)


def _predicted(
    data: xr.Dataset, curves: pd.DataFrame, quantity: str, dose: Any, at: Mapping[str, Any]
) -> float:
    found = curves
    for name, value in at.items():
        if value is None or value != value:
            raise ParameterError(f"a row of {quantity} has no {name}; fill it, or drop the column")
        found = found[_equal(found[name].to_numpy(), value)]
    if len(found) != 1:
        where = ", ".join(f"{name} {value}" for name, value in at.items()) or "no coordinates"
        raise ParameterError(
            f"{quantity} at {where} names {len(found) or 'no'} curves of the study; each row of "
            f"the table must name one, by {', '.join(_coordinates(curves))}"
        )
    if f"{quantity}_reason" in curves:
        return float(found[quantity].iloc[0])
    if quantity not in data or not quantity.endswith("_percent"):
        known = [str(n) for n in curves if f"{n}_reason" in curves]
        raise ParameterError(
            f"quantity {quantity!r} is no reading of the study; allowed are {', '.join(known)}, "
            "and percentages at a dose"
        )
    row = {str(n): found[n].iloc[0] for n in _coordinates(curves) if n in data[quantity].dims}
    return _at_dose(data[quantity].sel(row), np.nan if dose is None else _number(DOSE, dose))


def _at_dose(curve: xr.DataArray, dose_nM: float) -> float:
    """Value between the doses of the study, linear in log dose."""
    curve = curve.squeeze(drop=True)
    along = dim_of_doses(curve.dims) or DOSE
    positive = curve.sel({along: curve[along] > 0.0}).sortby(along)
    if dose_nM == 0.0:
        return without_dose(curve, along)
    doses = np.log10(positive[along].to_numpy())
    at, slack = np.log10(dose_nM), 1e-9
    if not doses[0] - slack <= at <= doses[-1] + slack:
        return np.nan
    return float(np.interp(at, doses, positive.to_numpy()))


def _equal(values: Any, wanted: Any) -> Any:
    if isinstance(wanted, str) or values.dtype.kind not in "fiub":
        return np.array([value == wanted for value in values], bool)
    return np.isclose(values, wanted, rtol=1e-9, atol=0.0)
