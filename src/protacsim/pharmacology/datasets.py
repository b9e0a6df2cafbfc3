"""The readings of every curve of a study's Dataset, their fold shifts, and the summary table.

A curve runs along one dimension at fixed values of all the others, time included. The readings
themselves are defined in `dose_curves` and `time_curves`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from protacsim.errors import ParameterError
from protacsim.pharmacology.arguments import reads_dataset
from protacsim.pharmacology.dose_curves import (
    MIN_EFFECT_POINTS,
    VALLEY_POINTS,
    degradation_curves,
    inhibition_curves,
    mark_failed,
)
from protacsim.pharmacology.interpolation import MIN_POINTS, Floats, Mask
from protacsim.pharmacology.readings import DIMENSIONLESS, REASON_DTYPE, Reading, Readings, Reason
from protacsim.pharmacology.time_curves import (
    d50_time_h,
    initial_rate_per_h,
    rate_and_plateau,
    recovery_half_time_h,
)
from protacsim.study import DOSE, dim_of_doses
from protacsim.units import unit_of

if TYPE_CHECKING:
    import pandas as pd

TIME_DIM = "time_h"
ALLELE_DIM = "target.allele"
WILD_TYPE = "WT"

_LONG_NAMES = {
    "dmax_percent": "Dmax, greatest degradation",
    "dmax_dose_nM": "dose of Dmax",
    "dc50_absolute_nM": "DC50, absolute: 50 % of vehicle",
    "dc50_relative_nM": "DC50, relative: half of Dmax",
    "hc50_absolute_nM": "HC50, absolute: back at 50 % of vehicle",
    "hc50_relative_nM": "HC50, relative: back at half of Dmax",
    "hook_depth_percent": "hook depth: Dmax less degradation at the highest dose",
    "multimodal": "two or more separate maxima of degradation",
    "imax_percent": "greatest inhibition",
    "ic50_nM": "IC50, absolute: 50 % of vehicle",
    "d50_time_h": "first time at 50 % of vehicle",
    "initial_rate_per_h": "initial loss, fraction of vehicle per h",
    "lambda_per_h": "degradation rate lambda",
    "plateau": "plateau, fraction of vehicle",
    "recovery_half_time_h": "time from washout to half recovery",
}

VALUES_PER_BLOCK = 2**18
"""Points of curves read at a time: memory does not grow with their number, and caches hold them."""

Columns = Mapping[str, Readings | NDArray[np.bool_]]
ReadRows = Callable[[Floats, Floats], Columns]
ReadCurve = Callable[[Floats, Floats], Mapping[str, Reading]]


@reads_dataset
def dose_response(
    data: xr.Dataset,
    observable: str = "target_total",
    dose_dim: str | None = None,
    *,
    valley_points: float = VALLEY_POINTS,
    min_effect_points: float = MIN_EFFECT_POINTS,
) -> xr.Dataset:
    """The readings of `degradation_curve` for every curve along `dose_dim`.

    Parameters
    ----------
    data
        Result of a study with `relative_to`: holds `<observable>_percent`, in % of vehicle.
    observable
        Its name without `_percent`.
    dose_dim
        By default `compound.dose_nM`, or the only dim of the doses of one compound by name.

    Returns
    -------
    xarray.Dataset
        Over the remaining dims: a variable per quantity (units in attrs), NaN where null;
        `<quantity>_reason`, "" where it is a number; `multimodal`, boolean. The reason is
        `failed_points` where a failed simulation leaves a quantity open: beside the maximum or
        the crossing, or at the highest dose for the hook depth.

    Raises
    ------
    ParameterError
        When the variable or the dimension is missing, or a dose is negative or repeated.
    """

    def read(doses: Floats, percent: Floats) -> Columns:
        found, multimodal = degradation_curves(
            doses, percent, valley_points=valley_points, min_effect_points=min_effect_points
        )
        return {**found, "multimodal": multimodal}

    return _read_curves(data, observable, dose_dim or _dose_dim(data), read)


@reads_dataset
def inhibition(
    data: xr.Dataset,
    observable: str = "target_active",
    dose_dim: str | None = None,
    *,
    min_effect_points: float = MIN_EFFECT_POINTS,
) -> xr.Dataset:
    """The readings of `inhibition_curve` for every curve along `dose_dim`; see `dose_response`."""
    read = partial(inhibition_curves, min_effect_points=min_effect_points)
    return _read_curves(data, observable, dose_dim or _dose_dim(data), read)


@reads_dataset
def time_course(
    data: xr.Dataset,
    observable: str = "target_total",
    *,
    start_h: float = 0.0,
    washout_h: float | None = None,
) -> xr.Dataset:
    """D50 time, initial rate, lambda and plateau of every curve along `time_h`.

    A Dataset does not hold the schedule of its compounds: say so when it does not begin at 0 h.
    Curves that the fit does not describe, as those of another schedule, have no rate.

    Parameters
    ----------
    data, observable
        As for `dose_response`.
    start_h
        When the first compound is added. Zero of all times read; earlier points are left out.
    washout_h
        When the compound is removed. Later points are left out of rates and plateau.

    Returns
    -------
    xarray.Dataset
        As from `dose_response`, over the dims without `time_h`.

    Raises
    ------
    ParameterError
        As `dose_response`, and unless `washout_h` comes after `start_h`.
    """
    end_h = math.inf if washout_h is None else washout_h
    if not -math.inf < start_h < end_h:
        raise ParameterError(
            f"washout_h is {washout_h} and start_h {start_h}; the compound must be added, "
            "at a finite time, before it is washed out."
        )
    read = _one_by_one(partial(_time_readings, start_h, end_h))
    return _read_curves(data, observable, TIME_DIM, read)


@reads_dataset
def recovery(data: xr.Dataset, washout_h: float, observable: str = "target_total") -> xr.Dataset:
    """`recovery_half_time_h` of every curve along `time_h`; see `time_course`."""
    read = _one_by_one(partial(_recovery_reading, washout_h))
    return _read_curves(data, observable, TIME_DIM, read)


@reads_dataset
def fold_shift(
    curves: xr.Dataset,
    quantity: str = "dc50_relative_nM",
    dim: str = ALLELE_DIM,
    reference: str = WILD_TYPE,
) -> xr.DataArray:
    """Ratio of a quantity to its value at `reference` along `dim`.

    Parameters
    ----------
    curves
        From `dose_response`, `inhibition`, `time_course` or `recovery`.

    Returns
    -------
    xarray.DataArray
        Dimensionless, NaN where null; the coordinate `reason` says why: the quantity's own
        reason, `no_reference` when the reference is null, `zero_reference` when it is 0.

    Raises
    ------
    ParameterError
        When `curves` lacks the quantity, the dimension or the reference.
    """
    values = _member(curves, quantity, "quantity", [name for name in _LONG_NAMES if name in curves])
    labels = _labels(curves, dim)
    if reference not in labels:
        raise ParameterError(f"{dim} has no {reference!r}; choose from {', '.join(labels)}.")
    base = values.sel({dim: reference}, drop=True)
    ratio = (values / base.where(base != 0.0)).transpose(*values.dims)
    ratio.attrs = {
        "units": DIMENSIONLESS,
        "long_name": f"{quantity} relative to {dim} {reference}",
    }
    own = curves[f"{quantity}_reason"].transpose(*values.dims)
    null = np.where(base.isnull(), Reason.NO_REFERENCE, Reason.ZERO_REFERENCE)
    unresolved = base.copy(data=null).broadcast_like(ratio).transpose(*ratio.dims).to_numpy()
    why = np.where(own != "", own, np.where(ratio.notnull(), Reason.NONE, unresolved))
    named = ratio.rename(f"{quantity}_fold_shift")
    return named.assign_coords(reason=(values.dims, why.astype(REASON_DTYPE)))


@reads_dataset
def summary(data: xr.Dataset, dose_dim: str | None = None) -> pd.DataFrame:
    """One row per dose-response curve: its coordinates, readings, reasons and fold shifts.

    Values of zipped axes and of samples stand beside the number along their common dim.

    Degradation is read from `target_total`, inhibition from `target_active`, whichever are
    there relative to vehicle. Where wild type is among the alleles, `dc50_relative_fold_shift`
    and `ic50_fold_shift` compare with it.

    Raises
    ------
    ParameterError
        When neither variable or no dose dimension is there.
    """
    parts = [
        read(data, observable, dose_dim)
        for read, observable in ((dose_response, "target_total"), (inhibition, "target_active"))
        if f"{observable}_percent" in data
    ]
    if not parts:
        _percent(data, "target_total", dose_dim or _dose_dim(data))
    curves = xr.merge(parts, join="exact", compat="override", combine_attrs="drop")
    curves = curves.assign(_shifts(curves))
    scalars = [name for name, c in curves.coords.items() if not c.dims]
    curves = curves.drop_vars(scalars)
    if not curves.sizes:
        return curves.expand_dims("curve").to_dataframe().reset_index(drop=True)
    values = [name for name in curves.coords if name not in curves.dims]
    table: pd.DataFrame = curves.reset_coords().to_dataframe().reset_index()
    first = [name for name in table if name in (*curves.dims, *values)]
    return table[[*first, *(name for name in table if name not in first)]]


def _dose_dim(data: xr.Dataset) -> str:
    return dim_of_doses(data.dims) or DOSE


def _shifts(curves: xr.Dataset) -> dict[str, xr.DataArray]:
    if ALLELE_DIM not in curves.dims or WILD_TYPE not in _labels(curves, ALLELE_DIM):
        return {}
    columns = {}
    for quantity in ("dc50_relative_nM", "ic50_nM"):
        if quantity in curves:
            ratio = fold_shift(curves, quantity)
            name = f"{quantity.removesuffix('_nM')}_fold_shift"
            columns[name] = ratio.drop_vars("reason")
            columns[f"{name}_reason"] = ratio["reason"].drop_vars("reason")
    return columns


def _one_by_one(read: ReadCurve) -> ReadRows:
    """A reader of rows from a reader of one curve."""

    def read_rows(x: Floats, rows: Floats) -> Columns:
        curves = [read(x, row) for row in rows]
        return {name: Readings.single([curve[name] for curve in curves]) for name in curves[0]}

    return read_rows


def _time_readings(
    start_h: float, end_h: float, times_h: Floats, percent: Floats
) -> dict[str, Reading]:
    since, treated = times_h - start_h, (times_h >= start_h) & (times_h <= end_h)
    during, fraction = since[treated], percent[treated] / 100.0
    rate, plateau = rate_and_plateau(during, fraction)
    return {
        "d50_time_h": d50_time_h(since[since >= 0.0], percent[since >= 0.0]),
        "initial_rate_per_h": initial_rate_per_h(during, fraction),
        "lambda_per_h": rate,
        "plateau": plateau,
    }


def _recovery_reading(washout_h: float, times_h: Floats, percent: Floats) -> dict[str, Reading]:
    return {"recovery_half_time_h": recovery_half_time_h(times_h, percent, washout_h)}


def _read_curves(data: xr.Dataset, observable: str, dim: str, read: ReadRows) -> xr.Dataset:
    percent = _sorted(_percent(data, observable, dim), dim).compute()
    failed = _failed(data, percent, dim)
    others = tuple(name for name in percent.dims if name != dim)
    x = percent[dim].to_numpy().astype(np.float64)
    finished = percent.where(~failed) if failed.any() else percent
    rows = finished.transpose(*others, dim).to_numpy().reshape(-1, x.size)
    lost = failed.transpose(*others, dim).to_numpy().reshape(-1, x.size)
    zero = percent.attrs.get("null_reason") == Reason.ZERO_REFERENCE
    counts = (x > 0.0) | (dim == TIME_DIM)  # a dose of zero is the vehicle, no point of a curve
    shape = tuple(percent.sizes[name] for name in others)
    variables: dict[Hashable, Any] = {}
    columns = _columns(read, x, rows)
    if dim != TIME_DIM and lost[:, counts].any():
        readings = {name: r for name, r in columns.items() if isinstance(r, Readings)}
        columns |= mark_failed(readings, x[counts], rows[:, counts], lost[:, counts])
    for name, column in columns.items():
        if isinstance(column, Readings):
            few = column.reasons == Reason.TOO_FEW_POINTS
            column.reasons[few] = _why_few(rows[few][:, counts], lost[few][:, counts], zero=zero)
        variables |= _variables(name, column, others, shape)
    coords = {name: c for name, c in percent.coords.items() if dim not in c.dims}
    attrs = {"observable": observable, "along": dim, "failed_points": int(failed.sum())}
    return xr.Dataset(variables, coords=coords, attrs=attrs)


def _columns(read: ReadRows, x: Floats, rows: Floats) -> dict[str, Any]:
    """Readings of all curves, block by block; of none at all, what they would be called."""
    if not len(rows):
        empty = read(x, np.full((1, x.size), np.nan))
        return {name: _joined([column], slice(0, 0)) for name, column in empty.items()}
    length = max(1, VALUES_PER_BLOCK // x.size)
    blocks = [read(x, rows[start : start + length]) for start in range(0, len(rows), length)]
    return {name: _joined([block[name] for block in blocks]) for name in blocks[0]}


def _joined(columns: Sequence[Any], part: slice = slice(None)) -> Any:
    """Readings, or booleans, of several blocks of curves."""
    if not isinstance(columns[0], Readings):
        return np.concatenate(columns)[part]
    return Readings(
        np.concatenate([column.values for column in columns])[part],
        np.concatenate([column.reasons for column in columns])[part],
    )


def _variables(
    name: str,
    column: Readings | NDArray[np.bool_],
    dims: tuple[Hashable, ...],
    shape: tuple[int, ...],
) -> dict[Hashable, Any]:
    attrs = {"units": unit_of(name) or DIMENSIONLESS, "long_name": _LONG_NAMES[name]}
    if not isinstance(column, Readings):
        return {name: (dims, column.reshape(shape), attrs)}
    about = {"long_name": f"why {name} is null"}
    return {
        name: (dims, column.values.reshape(shape), attrs),
        f"{name}_reason": (dims, column.reasons.reshape(shape), about),
    }


def _why_few(rows: Floats, failed: Mask, *, zero: bool) -> NDArray[Any]:
    """Why each curve may have too few points: what would have sufficed had it not been lost."""
    sufficed = np.count_nonzero(np.isfinite(rows) | failed, axis=1) >= MIN_POINTS
    undefined = np.isnan(rows) & ~failed
    return Readings.of(
        np.full(len(rows), np.nan),
        FAILED_POINTS=sufficed & failed.any(axis=1),
        ZERO_REFERENCE=np.logical_and(zero, undefined.any(axis=1)),
        TOO_FEW_POINTS=np.ones(len(rows), bool),
    ).reasons


def _failed(data: xr.Dataset, percent: xr.DataArray, dim: str) -> xr.DataArray:
    """Where the simulation behind a point did not succeed; same shape as `percent`."""
    if "status" not in data:
        return xr.zeros_like(percent, dtype=bool)
    failed = data["status"].notnull() & (data["status"] != 0)  # null where nothing was run
    failed = _sorted(failed, dim) if dim in failed.dims else failed
    return failed.broadcast_like(percent)


def _sorted(values: xr.DataArray, dim: str) -> xr.DataArray:
    """Values in the order of their labels along `dim`; not copied when they are."""
    increasing = np.all(np.diff(values[dim].to_numpy()) >= 0.0)
    return values if increasing else values.sortby(dim)


def _percent(data: xr.Dataset, observable: str, dim: str) -> xr.DataArray:
    found = [str(name) for name in data if str(name).endswith("_percent")]
    values = _member(data, f"{observable}_percent", "variable", found)
    if dim not in values.dims:
        raise ParameterError(
            f"{observable}_percent has no dimension {dim!r}, only "
            f"{', '.join(map(str, values.dims)) or 'none'}; declare that axis in the study."
        )
    return values


def _member(data: xr.Dataset, name: str, kind: str, found: list[str]) -> xr.DataArray:
    if name not in data:
        raise ParameterError(
            f"the dataset has no {kind} {name!r}, only {', '.join(found) or 'none'}; "
            "ask for it in the study's readout, with relative_to set."
        )
    return data[name]


def _labels(curves: xr.Dataset, dim: str) -> list[str]:
    if dim not in curves.dims:
        raise ParameterError(
            f"the curves have no dimension {dim!r}, only "
            f"{', '.join(map(str, curves.dims)) or 'none'}; declare that axis in the study."
        )
    return [str(label) for label in curves[dim].to_numpy()]


def without_dose(curve: xr.DataArray, along: str) -> float:
    """Value of one curve at dose 0: the stored one, else 100 where that is the reference, or NaN.

    `along` is its dim of doses.
    """
    stored = curve.values[curve[along].to_numpy() == 0.0]
    if stored.size:
        return float(stored[0])
    by_definition = curve.attrs.get("relative_to") == "vehicle" and np.isfinite(curve).any()
    return 100.0 if by_definition else np.nan
