"""Local sensitivity: elasticities of a reading at a study's own constants."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from protacsim.errors import ParameterError
from protacsim.scenario import Scenario, full_path, numbers, replaced
from protacsim.sensitivity_analysis.reading import ReadOut, name_of, reading
from protacsim.simulation import differences, offsets
from protacsim.simulation.slopes import STEP
from protacsim.study import SENSITIVITY, Axis, Readout, Study, run
from protacsim.validation import check_kind


def elasticities(
    study: Study | Scenario,
    paths: str | Sequence[str],
    readout: ReadOut = "target_total",
    *,
    times_h: float | Sequence[float] = 24.0,
    step: float = STEP,
) -> xr.Dataset:
    """Local sensitivity d ln(reading) / d ln(constant) at the study's own values, in one batch.

    Central differences of `step` and of half of it, extrapolated to none (Richardson).

    Parameters
    ----------
    study
        A study, or a scenario, whose observable `readout` is then read at `times_h`.
    paths
        Constants above 0, with one value in all of the study.
    step
        Of the logarithm, 0.05 for 5 %.

    Raises
    ------
    ParameterError
        A constant is not one number above 0, the reading is above 0 nowhere, or the method of the
        study is stochastic.

    Returns
    -------
    xarray.Dataset
        `elasticity` over the reading's other dims and `parameter`, and `error`, how much the
        extrapolation changed it: an estimate of what truncation may still leave. NaN where there
        is no reading, or it is 0.
    """
    paths = [paths] if isinstance(paths, str) else paths
    check_kind("study", study, Study | Scenario)
    if isinstance(study, Scenario):
        if not isinstance(readout, str):
            raise ParameterError("give the name of an observable, or a Study.")
        study = Study(study, readout=Readout((readout,), times_h))  # type: ignore[arg-type]
    if study.is_stochastic:
        raise ParameterError(
            "elasticities are differences between runs, in which chance would drown; use the "
            "method ODE(), whose numbers are means."
        )
    stepped = dataclasses.replace(study, axes=(*study.axes, *_steps(study, paths, step)))
    values, _ = reading(run(stepped), readout)
    others = [str(dim) for dim in values.dims if dim != SENSITIVITY]
    rows = values.transpose(SENSITIVITY, *others).to_numpy()
    if not (rows > 0.0).any():
        raise ParameterError(
            f"{name_of(readout)} has no value above 0 in this study, so that no share of it can "
            "change; read out something else."
        )
    slopes, error = differences(np.log(np.where(rows > 0.0, rows, np.nan)), step)
    coords: dict[str, Any] = {name: values[name] for name in others if name in values.coords}
    return xr.Dataset(
        {
            "elasticity": (("parameter", *others), slopes),
            "error": (("parameter", *others), error),
        },
        coords={**coords, "parameter": list(paths)},
        attrs={"readout": name_of(readout), "step": step},
    ).transpose(..., "parameter")


def _steps(study: Study, paths: Sequence[str], step: float) -> list[Axis]:
    """Zipped axes over the centre and the steps of every path."""
    if not 0.0 < step < 0.5:
        raise ParameterError(f"step is {step}; must be above 0 and below 0.5.")
    bases = [_base(study, path) for path in paths]
    columns = np.array(bases) * np.exp(offsets(len(paths), step))
    for path, base, column in zip(paths, bases, columns.T, strict=True):
        _check_ends(study.combinations[0].scenario, path, base, column)
    return [
        Axis(path, tuple(column.tolist()), zip=SENSITIVITY)
        for path, column in zip(paths, columns.T, strict=True)
    ]


def _check_ends(scenario: Scenario, path: str, base: float, column: NDArray[np.float64]) -> None:
    """Refuse a constant so close to a bound that the steps around it lead beyond."""
    try:
        for end in (column.min(), column.max()):
            replaced(scenario, path, float(end))
    except ParameterError as error:
        bound = str(error).rstrip(".")
        raise ParameterError(
            f"{path} is {base:g}, and the steps of an elasticity lead beyond its bound ({bound}); "
            "take a smaller step, set it further off, or leave it out."
        ) from None


def _base(study: Study, path: str) -> float:
    """The one value of a path in all combinations of a study."""
    found: set[float] = set()
    for combination in study.combinations:
        full = full_path(combination.scenario, path)
        if full in combination.varied:
            raise ParameterError(f"{path} is varied in the study; take its axis out.")
        if full not in (known := numbers(combination.scenario)):
            raise ParameterError(f"{path} has no number in the study; give it one.")
        found.add(known[full])
    if len(found) > 1 or min(found) <= 0.0:
        listed = ", ".join(f"{value:g}" for value in sorted(found))
        raise ParameterError(
            f"{path} is {listed}; an elasticity needs one value above 0, so ask for one treatment, "
            "allele or cell at a time, or leave the path out."
        )
    return found.pop()
