"""Numbers read off ensembles of cells: spread, fractions of cells, first passage, Fano factor.

Each function takes a Dataset with a `replicate` dim and reads along it; cells whose run failed
(NaN) are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from protacsim.errors import ParameterError
from protacsim.pharmacology.arguments import reads_dataset
from protacsim.pharmacology.readings import DIMENSIONLESS, Reason
from protacsim.units import MOLECULES_PER_NM_PL
from protacsim.validation import one_of

if TYPE_CHECKING:
    import pandas as pd

CELL_DIM, TIME_DIM = "replicate", "time_h"


@reads_dataset
def mean_and_quantiles(
    data: xr.Dataset,
    observable: str = "target_total",
    quantiles: Sequence[float] = (0.05, 0.25, 0.5, 0.75, 0.95),
) -> xr.Dataset:
    """Mean, standard deviation and quantiles over cells, in the observable's unit.

    Returns `mean`, `sd` (n - 1 in the denominator) and `quantiles`, the last with a dim `quantile`.
    """
    cells = _cells(data, observable)
    if not quantiles or not all(0.0 <= q <= 1.0 for q in quantiles):
        raise ParameterError(f"quantiles is {tuple(quantiles)}; give numbers from 0 to 1.")
    known = cells.notnull().any(CELL_DIM)
    found = xr.Dataset(
        {
            "mean": cells.mean(CELL_DIM),
            "sd": cells.std(CELL_DIM, ddof=1),
            "quantiles": cells.where(known, 0.0).quantile(list(quantiles), CELL_DIM).where(known),
        }
    )
    for variable in found.data_vars.values():
        variable.attrs = {"units": cells.attrs.get("units", "")}
    return found


@reads_dataset
def cell_summary(data: xr.Dataset, *, loss_percent: float = 90.0) -> pd.DataFrame:
    """One row per point, time and observable: mean, SD and quantiles over cells.

    Observables are read in % of the mean vehicle cell where that is above zero somewhere.
    `fraction_lost` is the fraction of cells below 100 - `loss_percent` of it. `cells` counts those
    whose run succeeded.
    """
    import pandas as pd

    parts = []
    for name in _summarised(data):
        found = mean_and_quantiles(data, name, (0.05, 0.5, 0.95))
        wide = found[["mean", "sd"]]
        for q in (0.05, 0.5, 0.95):
            wide[f"q{round(100 * q):02d}"] = found["quantiles"].sel(quantile=q, drop=True)
        known = data[name.removesuffix("_percent")].notnull()
        if name.endswith("_percent"):
            of = name.removesuffix("_percent")
            wide["fraction_lost"] = fraction_lost(data, of, loss_percent=loss_percent)
        wide["cells"] = known.sum(CELL_DIM)
        table = wide.to_dataframe().reset_index()
        parts.append(table.assign(observable=name, units=data[name].attrs.get("units", "")))
    return pd.concat(parts, ignore_index=True)


def _summarised(data: xr.Dataset) -> list[str]:
    """Every observable of cells, in % where that is defined anywhere."""
    cells = [str(n) for n in data.data_vars if {CELL_DIM, TIME_DIM} <= set(data[n].dims)]
    if not cells:
        raise ParameterError(
            f"no variable has the dims {CELL_DIM} and {TIME_DIM}; use a stochastic method."
        )
    percent = {name for name in cells if name.endswith("_percent") and data[name].notnull().any()}
    plain = [name for name in cells if not name.endswith("_percent")]
    return [f"{name}_percent" if f"{name}_percent" in percent else name for name in plain]


@reads_dataset
def fraction_lost(
    data: xr.Dataset, observable: str = "target_total", *, loss_percent: float = 90.0
) -> xr.DataArray:
    """Fraction of cells below 100 - `loss_percent` % of what `<observable>_percent` is relative to.

    NaN where no cell has a percentage.
    """
    _check_loss(loss_percent)
    cells = _cells(data, f"{observable}_percent")
    known = cells.notnull().sum(CELL_DIM)
    lost = (cells < 100.0 - loss_percent).sum(CELL_DIM)
    fraction = (lost / known.where(known > 0)).rename(f"{observable}_fraction_lost")
    return fraction.assign_attrs(units=DIMENSIONLESS, loss_percent=loss_percent)


@reads_dataset
def fraction_of_cells(
    data: xr.Dataset, observable: str = "target_total", *, loss_percent: float = 90.0
) -> xr.DataArray:
    """Fraction of cells that have lost more than `loss_percent` of their own first value.

    NaN where no cell had any at the first time.
    """
    _check_loss(loss_percent)
    cells = _cells(data, observable)
    first = cells.isel({TIME_DIM: 0})
    counted = cells.notnull() & (first > 0.0)
    lost = counted & (cells < (1.0 - loss_percent / 100.0) * first)
    total = counted.sum(CELL_DIM)
    fraction = (lost.sum(CELL_DIM) / total.where(total > 0)).rename(f"{observable}_fraction")
    return fraction.assign_attrs(units=DIMENSIONLESS, loss_percent=loss_percent)


def _check_loss(loss_percent: float) -> None:
    if not 0.0 <= loss_percent < 100.0:
        raise ParameterError(f"loss_percent is {loss_percent:g}; must be from 0 to below 100 %.")


@reads_dataset
def first_passage_h(
    data: xr.Dataset, observable: str = "target_total", *, below: float
) -> xr.Dataset:
    """Time in h at which each cell is first seen below a level, in the observable's unit.

    `first_passage_h` is NaN for a cell that is never seen there, and `first_passage_h_reason` says
    why; the resolution is that of `time_h`.
    """
    cells = _cells(data, observable)
    under = cells < below
    ever = under.any(TIME_DIM)
    when = cells[TIME_DIM].isel({TIME_DIM: under.argmax(TIME_DIM)}).drop_vars(TIME_DIM)
    failed = cells.isnull().any(TIME_DIM)
    missing = np.where(failed, Reason.FAILED_POINTS.value, Reason.NOT_REACHED.value)
    reason = ever.copy(data=np.where(ever, Reason.NONE.value, missing))
    return xr.Dataset(
        {
            "first_passage_h": when.where(ever).assign_attrs(units="h"),
            "first_passage_h_reason": reason,
        }
    )


@reads_dataset
def fano_factor(data: xr.Dataset, volume_pL: float, observable: str = "target_total") -> xr.Dataset:
    """Variance over mean of the number of molecules per cell: 1 for a Poisson law.

    The observable is in nM of `volume_pL`, or already in molecules/cell. NaN where its mean is
    zero.
    """
    cells = _cells(data, observable)
    cells = cells * _molecules_per_unit(cells, volume_pL)
    mean = cells.mean(CELL_DIM)
    fano = cells.var(CELL_DIM, ddof=1) / mean.where(mean > 0.0)
    reason = mean.copy(data=np.where(mean > 0.0, Reason.NONE.value, Reason.ZERO_REFERENCE.value))
    return xr.Dataset(
        {"fano_factor": fano.assign_attrs(units=DIMENSIONLESS), "fano_factor_reason": reason}
    )


def _molecules_per_unit(cells: xr.DataArray, volume_pL: float) -> float:
    """Molecules per cell in one unit of the observable."""
    units = cells.attrs.get("units", "")
    if units == "molecules/cell":
        return 1.0
    if units == "nM":
        return volume_pL * MOLECULES_PER_NM_PL
    raise ParameterError(
        f"{cells.name} has the units {units!r}; a Fano factor is of molecules, so choose an "
        "observable in nM or molecules/cell."
    )


def _cells(data: xr.Dataset, observable: str) -> xr.DataArray:
    """The observable, with its cells and times; raises `ParameterError` where one is missing."""
    if observable not in data:
        names = [str(name) for name in data.data_vars]
        raise ParameterError(
            f"no observable {observable!r} in the data; {one_of(observable, names)}"
        )
    cells = data[observable]
    for dim, advice in ((CELL_DIM, "use a stochastic method"), (TIME_DIM, "keep its times")):
        if dim not in cells.dims:
            raise ParameterError(f"{observable} has no dim {dim!r}; {advice}.")
    return cells.sortby(TIME_DIM)
