"""Readings that need more than one observable: occupancy, catalysis, exposure of the target.

Each is defined point by point; where its denominator is zero it is NaN.
"""

from __future__ import annotations

import xarray as xr

from protacsim.errors import ParameterError
from protacsim.pharmacology.arguments import reads_dataset

SMALLEST_nM = 1e-12
"""Below this a concentration counts as none, so that a ratio to it does not exist."""


@reads_dataset
def occupancy_and_degradation(data: xr.Dataset) -> xr.Dataset:
    """Occupancy of the target that is there, and degradation, at every point of a study.

    `occupancy_percent` is 100 occupied / total; `degradation_percent` is 100 less total BTK in %
    of the reference. Needs `target_total` (with `relative_to`) and `target_unoccupied`.
    """
    total = _needed(data, "target_total")
    unoccupied = _needed(data, "target_unoccupied")
    percent = _needed(data, "target_total_percent")
    occupancy = (100.0 * (total - unoccupied) / total).where(total > SMALLEST_nM)
    return xr.Dataset(
        {
            "occupancy_percent": occupancy.assign_attrs(units="%", long_name="occupied target"),
            "degradation_percent": (100.0 - percent).assign_attrs(
                units="%", long_name="degraded target"
            ),
        }
    )


@reads_dataset
def turnover_numbers(data: xr.Dataset) -> xr.Dataset:
    """Targets destroyed per hour by one ligase, and by one ternary complex.

    `per_ligase_per_h` is degraded / ligase_total and `per_ternary_per_h` is degraded / ternary, at
    each time. Needs `degraded`, `ligase_total` and `ternary`.
    """
    degraded = _needed(data, "degraded")
    names = {"per_ligase_per_h": "ligase_total", "per_ternary_per_h": "ternary"}
    attrs = {"per_ligase_per_h": "ligase", "per_ternary_per_h": "ternary complex"}
    found = {}
    for name, observable in names.items():
        amount = _needed(data, observable)
        ratio = (degraded / amount).where(amount > SMALLEST_nM)
        long_name = f"targets destroyed per {attrs[name]}"
        found[name] = ratio.assign_attrs(units="1/h", long_name=long_name)
    return xr.Dataset(found)


@reads_dataset
def area_over_the_curve(data: xr.Dataset, observable: str = "target_total") -> xr.DataArray:
    """Target lost over time: integral of 100 less the observable in %, in % h, from time 0.

    Trapezoids between the study's times; the target is whole (100 %) at time 0 unless that time
    is among them. NaN where any of the times is. Raises `ParameterError` without a dim of times,
    or with a time twice.
    """
    percent = _needed(data, f"{observable}_percent")
    if "time_h" not in percent.dims or percent.indexes["time_h"].has_duplicates:
        raise ParameterError(
            f"{observable}_percent has no dim time_h of times that differ; keep all times, each "
            "once."
        )
    percent = percent.sortby("time_h")
    percent = percent.sel(time_h=percent["time_h"] >= 0.0)
    if not percent.sizes["time_h"]:
        raise ParameterError("the study has no time from 0 h on; add one to times_h.")
    lost = 100.0 - percent
    if float(percent["time_h"][0]) > 0.0:
        whole = xr.zeros_like(lost.isel(time_h=[0])).assign_coords(time_h=[0.0])
        lost = xr.concat([whole, lost], "time_h", coords="minimal", compat="override")
    widths = lost["time_h"].diff("time_h")
    heights = lost.rolling(time_h=2).mean().isel(time_h=slice(1, None))
    area = (widths * heights).sum("time_h", skipna=False)
    name = f"area over the curve of {percent.attrs.get('long_name', observable)}"
    return area.rename(f"{observable}_area").assign_attrs(units="% h", long_name=name)


def _needed(data: xr.Dataset, name: str) -> xr.DataArray:
    if name not in data:
        raise ParameterError(
            f"the result has no {name}; add {name.removesuffix('_percent')} to the observables"
            f"{' and set relative_to' if name.endswith('_percent') else ''}, and run again."
        )
    return data[name]
