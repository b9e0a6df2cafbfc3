"""The `[fit]` of a configuration: run it, write its tables, print what was found."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from protacsim import fitting
from protacsim.cli.publishing import FIT, FIT_CURVES, save_figure, write_table
from protacsim.cli.tables import print_rows
from protacsim.config import FitJob, Job

if TYPE_CHECKING:
    import xarray as xr

    from protacsim import report

TOLD = ("cost", "degrees_of_freedom", "misses_data", "data", "free", "level", "converged")
MEANINGS = {
    "identifiable": "The data bound the parameter on both sides.",
    "one-sided": "The data bound it on one side; the other end of the interval is lower_bound or "
    "upper_bound, which the configuration sets.",
    "flat": "The data do not bound it; both ends are those bounds.",
}
PARAMETERS, MEASUREMENTS = "fit_parameters.csv", "fit_measurements.csv"


def calibrate(
    job: Job, fit: FitJob, folder: Path, *, quiet: bool
) -> tuple[dict[str, Any], Sequence[Path]]:
    """Fit, and write parameters, measurements and curves as CSV; numbers and figure of the fit."""
    from protacsim import plot

    found, curves = fitting.fitted(
        job.study, fit.data, fit.parameters, starts=fit.starts, seed=job.study.seed, level=fit.level
    )
    parameters = found.drop_dims("measurement").to_dataframe().reset_index()
    measurements = found.drop_dims("parameter").to_dataframe().reset_index(drop=True)
    write_table(parameters, folder / PARAMETERS)
    write_table(measurements, folder / MEASUREMENTS)
    write_table(curves.to_dataframe().reset_index(), folder / FIT_CURVES)
    figure = save_figure(plot.fit_sheet(curves, found), folder / "figures", FIT)
    if not quiet:
        _print(found)
    attrs = {key: found.attrs[key] for key in TOLD}
    return {**attrs, "parameters": json.loads(parameters.to_json(orient="records"))}, figure


def finding(fit: Mapping[str, Any]) -> report.Finding:
    """What the report says of the numbers of a fit."""
    import pandas as pd

    from protacsim import report

    level = f"{100 * fit['level']:g} %"
    ends = {"low": f"low ({level})", "high": f"high ({level})"}
    table = pd.DataFrame(fit["parameters"]).rename(columns=ends)
    return report.Finding(
        "Fitted parameters",
        table,
        f"Unknowns: {fit['free']}; measurements: {fit['data']}; sum of squares: {fit['cost']:.4g}, "
        f"in standard deviations, where about {fit['degrees_of_freedom']} would be expected. Low "
        f"and high are the ends of the {level} interval of the profile likelihood"
        f"{'; the curve misses the data, so they do not hold' if fit['misses_data'] else ''}.",
        list(MEANINGS.items()),
    )


def _print(found: xr.Dataset) -> None:
    level = f"{100 * found.attrs['level']:g} %"
    title = (
        f"Fit: {_counted(found.attrs['free'], 'unknown')}, "
        f"{_counted(found.attrs['data'], 'measurement')}, "
        f"sum of squares {found.attrs['cost']:.4g}"
    )
    names = ("estimate", "low", "high", "verdict")
    rows = [
        (str(name), *(found[key].values[i] for key in names))
        for i, name in enumerate(found["parameter"].values)
    ]
    header = ("parameter", "estimate", f"low ({level})", f"high ({level})", "verdict")
    print_rows(title, header, rows)
    if found.attrs["misses_data"]:
        typer.echo(
            f"The fitted curve misses the data: the sum of squares is {found.attrs['cost']:.4g} "
            f"where about {found.attrs['degrees_of_freedom']} would be expected, so the "
            "intervals do not hold. Look at figures/fit.svg; free what is missing, or correct sd."
        )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
