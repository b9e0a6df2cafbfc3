"""Labels that every table carries: which compounds are hypothetical, without public constants."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from protacsim.study import TREATMENT

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

HYPOTHETICAL = "hypothetical"


def labelled_table(table: pd.DataFrame, data: xr.Dataset) -> pd.DataFrame:
    """The table with a column of hypothetical compounds, where the result has some."""
    found = _compounds(data)
    if found and TREATMENT in table:
        place = list(table).index(TREATMENT) + 1
        table.insert(place, HYPOTHETICAL, [found.get(name, "") for name in table[TREATMENT]])
    elif found:
        table.insert(0, HYPOTHETICAL, next(iter(found.values())))
    return table


def labelled(data: xr.Dataset) -> xr.Dataset:
    """The result with a coordinate of hypothetical compounds, where it has some."""
    found = _compounds(data)
    if not found:
        return data
    if TREATMENT not in data.coords:
        return data.assign_coords({HYPOTHETICAL: next(iter(found.values()))})
    names = [found.get(name, "") for name in data[TREATMENT].values.tolist()]
    return data.assign_coords({HYPOTHETICAL: (data[TREATMENT].dims, names)})


def _compounds(data: xr.Dataset) -> dict[str, str]:
    """Hypothetical compounds of every treatment that has some."""
    found: dict[str, list[str]] = json.loads(data.attrs.get(HYPOTHETICAL, "{}"))
    return {treatment: ", ".join(names) for treatment, names in found.items()}
