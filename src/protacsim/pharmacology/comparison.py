"""Measured numbers with the prediction of a study beside each of them.

Nothing is fitted: the prediction is the reading of `summary` at the same coordinates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from protacsim.errors import ParameterError
from protacsim.pharmacology.datasets import summary
from protacsim.units import unit_of

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

OWN_COLUMNS = ("quantity", "measured", "measured_low", "measured_high", "low", "high", "class")


def compared(data: xr.Dataset, measured: pd.DataFrame) -> pd.DataFrame:
    """`measured` with the columns `predicted` and `unit`.

    Parameters
    ----------
    data
        Result of a study with a dose axis and `relative_to`.
    measured
        One row per number: `quantity`, a column of `summary` such as "dc50_relative_nM";
        `measured`, in the quantity's unit; and columns named as axes ("treatment",
        "target.allele", "time_h") that say where it was measured. Others of `measured_low`,
        `measured_high`, `low`, `high` and `class` are kept. Without `time_h` the last time counts.

    Returns
    -------
    pandas.DataFrame
        `predicted` is NaN where the reading is null.

    Raises
    ------
    ParameterError
        When a column is missing or unknown, a quantity is no reading, or a row names no curve of
        the study, or several.
    """
    curves = summary(data)
    places = [str(name) for name in measured if name not in OWN_COLUMNS]
    for name in ("quantity", "measured"):
        if name not in measured:
            raise ParameterError(
                f"the table has no column {name!r}; it needs quantity and measured, and columns "
                "named as axes, such as treatment and target.allele"
            )
    for name in places:
        if name not in curves:
            raise ParameterError(
                f"the table has a column {name!r}, which is no axis of the study; allowed are "
                f"{', '.join([*_coordinates(curves), *OWN_COLUMNS])}"
            )
    if "time_h" in curves and "time_h" not in places:
        curves = curves[curves["time_h"] == curves["time_h"].max()]
    rows = [_predicted(curves, row, places) for _, row in measured.iterrows()]
    units = [unit_of(str(quantity)) for quantity in measured["quantity"]]
    return measured.assign(predicted=rows, unit=units)


def _coordinates(curves: pd.DataFrame) -> list[str]:
    first = next(i for i, name in enumerate(curves) if f"{name}_reason" in curves)
    return [str(name) for name in curves.columns[:first]]


def _predicted(curves: pd.DataFrame, row: pd.Series[Any], places: list[str]) -> float:
    quantity = str(row["quantity"])
    if f"{quantity}_reason" not in curves:
        known = [str(n) for n in curves if f"{n}_reason" in curves]
        raise ParameterError(
            f"quantity {quantity!r} is no reading of the study; allowed are {', '.join(known)}"
        )
    found = curves
    for name in places:
        found = found[_equal(found[name].to_numpy(), row[name])]
    if len(found) != 1:
        where = ", ".join(f"{name} {row[name]}" for name in places) or "no coordinates"
        raise ParameterError(
            f"{quantity} at {where} names {len(found) or 'no'} curves of the study; each row of "
            f"the table must name one, by {', '.join(_coordinates(curves))}"
        )
    return float(found[quantity].iloc[0])


def _equal(values: Any, wanted: Any) -> Any:
    if isinstance(wanted, str):
        return values == wanted
    return np.isclose(values, wanted, rtol=1e-9, atol=0.0)
