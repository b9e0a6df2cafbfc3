"""Occupancy, turnover numbers and area over the curve, against arithmetic by hand."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from protacsim import pharmacology
from protacsim.errors import ParameterError


def dataset(**columns: list[list[float]]) -> xr.Dataset:
    times = [0.0, 2.0, 6.0]
    variables = {name: (("compound.dose_nM", "time_h"), values) for name, values in columns.items()}
    return xr.Dataset(variables, coords={"compound.dose_nM": [1.0, 10.0], "time_h": times})


def test_occupancy_is_of_the_target_that_is_there() -> None:
    data = dataset(
        target_total=[[100.0, 50.0, 0.0], [100.0, 80.0, 40.0]],
        target_unoccupied=[[100.0, 25.0, 0.0], [100.0, 8.0, 10.0]],
        target_total_percent=[[100.0, 50.0, 0.0], [100.0, 80.0, 40.0]],
    )
    found = pharmacology.occupancy_and_degradation(data)
    np.testing.assert_allclose(found["occupancy_percent"], [[0.0, 50.0, np.nan], [0.0, 90.0, 75.0]])
    np.testing.assert_allclose(
        found["degradation_percent"], [[0.0, 50.0, 100.0], [0.0, 20.0, 60.0]]
    )


def test_turnover_numbers_are_per_ligase_and_per_ternary_complex() -> None:
    data = dataset(
        degraded=[[0.0, 30.0, 12.0], [0.0, 60.0, 24.0]],
        ligase_total=[[10.0] * 3, [0.0] * 3],
        ternary=[[0.0, 5.0, 3.0], [0.0, 4.0, 2.0]],
    )
    found = pharmacology.turnover_numbers(data)
    np.testing.assert_allclose(found["per_ligase_per_h"], [[0.0, 3.0, 1.2], [np.nan] * 3])
    np.testing.assert_allclose(
        found["per_ternary_per_h"], [[np.nan, 6.0, 4.0], [np.nan, 15.0, 12.0]]
    )
    assert found["per_ligase_per_h"].attrs["units"] == "1/h"


def test_area_over_the_curve_is_the_integral_of_the_loss() -> None:
    data = dataset(target_total_percent=[[100.0, 50.0, 0.0], [100.0, 100.0, np.nan]])
    found = pharmacology.area_over_the_curve(data)
    # trapezoids: (0 + 50)/2 * 2 + (50 + 100)/2 * 4
    np.testing.assert_allclose(found, [350.0, np.nan])


def test_area_starts_from_a_whole_target_at_time_zero() -> None:
    data = dataset(target_total_percent=[[100.0, 50.0, 0.0], [100.0, 100.0, 100.0]])
    late = data.sel(time_h=[2.0, 6.0])
    np.testing.assert_allclose(pharmacology.area_over_the_curve(late), [350.0, 0.0])


@pytest.mark.parametrize(
    ("reading", "missing"),
    [
        (pharmacology.occupancy_and_degradation, "target_total"),
        (pharmacology.turnover_numbers, "degraded"),
        (pharmacology.area_over_the_curve, "target_total_percent"),
    ],
)
def test_a_missing_observable_is_named(reading, missing: str) -> None:
    with pytest.raises(ParameterError, match=f"no {missing}; add"):
        reading(dataset(ubiquitinated=[[0.0] * 3] * 2))
