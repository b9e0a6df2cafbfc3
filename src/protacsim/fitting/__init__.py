"""Fitting a study to measurements: estimates, intervals, and whether the data determine them.

`data` reads measurements, `parameters` says what is free, `model` predicts, `estimation` fits,
`profiles` gives intervals and verdicts, `bands` curves and predictions with their spread.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from protacsim.fitting.bands import fitted_curves, predictions
from protacsim.fitting.data import Errors, Measurement, measurements, read_measurements
from protacsim.fitting.estimation import (
    Estimate,
    best_fit,
    degrees_of_freedom,
    deviation,
    holds,
    misses,
)
from protacsim.fitting.model import Model
from protacsim.fitting.parameters import FLOOR, Parameter, unknowns
from protacsim.fitting.profiles import Interval, profile, rise_at
from protacsim.study import DOSE, Study, available_cores
from protacsim.validation import check_kind

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "FLOOR",
    "Errors",
    "Estimate",
    "Measurement",
    "Model",
    "Parameter",
    "fit",
    "fitted",
    "fitted_curves",
    "measurements",
    "predictions",
    "read_measurements",
    "unknowns",
]


def fit(
    study: Study,
    data: Path | str | Iterable[Mapping[str, Any]] | Sequence[Measurement],
    parameters: Sequence[Parameter],
    *,
    starts: int = 8,
    seed: int | None = None,
    level: float = 0.9,
    progress: Callable[[int, int], None] | None = None,
) -> xr.Dataset:
    """Fit parameters of a study to measurements by weighted least squares on logarithms.

    Parameters
    ----------
    study
        Its dose axis is the grid on which curves are read; its other axes are named ones
        (treatments, cells, alleles). `readout.relative_to` says what measured percentages
        refer to.
    data
        A CSV file, rows, or measurements (see `read_measurements`).
    starts
        Fits from this many points of the space of parameters; the best one counts.
    seed
        Of these points; the study's own by default.
    progress
        Told the starts that are done, and all starts.

    Returns
    -------
    xarray.Dataset
        Along `parameter`: `estimate`, `low` and `high` (profile likelihood at `level`), `verdict`
        (identifiable, one-sided, flat), `lower_bound`, `upper_bound`. Along `measurement`:
        `measured`, `predicted`, `residual` (in standard deviations), `sd`, what and where it is;
        the dose is NaN beside what a whole curve says.
        attrs: `cost` (sum of squares), `degrees_of_freedom` (about what it should be),
        `misses_data` (1 if it lies above the 99.9 % point of chi-square: intervals then do not
        hold), `data`, `free`, `level`, `converged`, `priors`.

    Raises
    ------
    ParameterError
        A measurement or a parameter is wrong; all mistakes are told at once.
    SimulationError
        No start gave finite predictions.
    """
    return fitted(
        study, data, parameters, starts=starts, seed=seed, level=level, progress=progress
    )[0]


def fitted(
    study: Study,
    data: Path | str | Iterable[Mapping[str, Any]] | Sequence[Measurement],
    parameters: Sequence[Parameter],
    *,
    starts: int = 8,
    seed: int | None = None,
    level: float = 0.9,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[xr.Dataset, xr.Dataset]:
    """What `fit` returns, and the fitted curves with bands (see `fitted_curves`)."""
    check_kind("study", study, Study)
    found = _measured(data, study)
    model = Model(study, found, unknowns(parameters, study))
    best = best_fit(model, starts, study.seed if seed is None else seed, progress)
    estimates = dataset(model, best, intervals(model, best, level), level)
    return estimates, fitted_curves(model, best, level)


def _measured(data: Any, study: Study) -> tuple[Measurement, ...]:
    if isinstance(data, str | Path):
        return read_measurements(data, study)
    rows = tuple(data)
    if rows and all(isinstance(row, Measurement) for row in rows):
        return rows
    return measurements(rows, study)


def intervals(model: Model, best: Estimate, level: float) -> list[Interval]:
    """Profile-likelihood interval of every unknown."""
    rise = rise_at(level)
    with ThreadPoolExecutor(available_cores()) as pool:
        tasks = [pool.submit(profile, model, best, j, rise) for j in range(len(model.unknowns))]
        return [task.result() for task in tasks]


def dataset(model: Model, best: Estimate, found: Sequence[Interval], level: float) -> xr.Dataset:
    """A fit as a Dataset; see `fit`."""
    import xarray as xr

    unknown, data = model.unknowns, model.data
    degrees = degrees_of_freedom(model, best)
    numbers = {
        "estimate": np.exp(best.log_values),
        "low": [interval.low for interval in found],
        "high": [interval.high for interval in found],
        "lower_bound": [u.low for u in unknown],
        "upper_bound": [u.high for u in unknown],
    }
    variables: dict[str, Any] = {k: ("parameter", np.asarray(v, float)) for k, v in numbers.items()}
    variables["verdict"] = ("parameter", np.array([i.verdict for i in found], dtype=object))
    measured = {
        "measured": [m.value for m in data],
        "predicted": best.predicted,
        "sd": [m.sd for m in data],
        "residual": [_residual(m, p) for m, p in zip(data, best.predicted, strict=True)],
        "time_h": [m.time_h for m in data],
    }
    variables |= {k: ("measurement", np.asarray(v, float)) for k, v in measured.items()}
    coords: dict[str, Any] = {
        "parameter": np.array([u.name for u in unknown], dtype=object),
        "quantity": ("measurement", np.array([m.quantity for m in data], dtype=object)),
        "operator": ("measurement", np.array([m.operator for m in data], dtype=object)),
        DOSE: ("measurement", np.array([m.dose_nM for m in data], float), {"units": "nM"}),
    }
    coords["sd_assumed"] = ("measurement", np.array([m.sd_assumed for m in data]))
    for dim in dict(data[0].where):
        labels = np.array([dict(m.where)[dim] for m in data], dtype=object)
        coords[dim] = ("measurement", labels)
    attrs = {
        "title": model.study.title,
        "cost": best.cost,
        "degrees_of_freedom": degrees,
        "misses_data": int(misses(best.cost, degrees)),
        "data": len(data),
        "free": len(unknown),
        "level": level,
        "converged": int(best.converged),
        "priors": json.dumps({u.name: u.prior_sd_log for u in unknown if u.prior_sd_log}),
    }
    return xr.Dataset(variables, coords=coords, attrs=attrs)


def _residual(measurement: Measurement, predicted: float) -> float:
    """In standard deviations; 0 for a limit that holds."""
    found = deviation(measurement, predicted)
    return 0.0 if holds(measurement, found) else found
