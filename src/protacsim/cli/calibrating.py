"""The `[fit]` of a configuration: run it, write its tables, print what was found."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from protacsim import fitting
from protacsim.cli import counted
from protacsim.cli.overviews import told
from protacsim.cli.progress import progress
from protacsim.cli.publishing import (
    FIT,
    FIT_CURVES,
    save_figure,
    write_table,
)
from protacsim.cli.tables import print_rows, print_table
from protacsim.config import FitJob, Job
from protacsim.study import DOSE

if TYPE_CHECKING:
    import pandas as pd
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
READINGS, OF_CURVES = "fit_readings.csv", "Readings of the fitted curves"


def calibrate(
    job: Job, fit: FitJob, folder: Path, *, quiet: bool
) -> tuple[dict[str, Any], Sequence[Path]]:
    """Fit, and write parameters, measurements and curves as CSV; numbers and figure of the fit."""
    from protacsim import plot

    with progress(fit.starts, "fitting", "starts") as tell:
        found, curves = fitting.fitted(
            job.study, fit.data, fit.parameters, starts=fit.starts, level=fit.level, progress=tell
        )
    parameters = found.drop_dims("measurement").to_dataframe().reset_index()
    measurements = found.drop_dims("parameter").to_dataframe().reset_index(drop=True)
    write_table(parameters, folder / PARAMETERS)
    write_table(measurements, folder / MEASUREMENTS)
    write_table(curves.to_dataframe().reset_index(), folder / FIT_CURVES)
    figure = save_figure(plot.fit_sheet(curves, found), folder / "figures", FIT)
    readings = curve_readings(curves)
    write_table(readings, folder / READINGS)
    if not quiet:
        _print(found)
        if len(readings):
            print_table(OF_CURVES, readings[told(readings)], readings)
    tables = {"parameters": parameters, "readings": readings}
    listed = {name: json.loads(t.to_json(orient="records")) for name, t in tables.items()}
    return {**{key: found.attrs[key] for key in TOLD}, **listed}, figure


def curve_readings(curves: xr.Dataset) -> pd.DataFrame:
    """DC50, Dmax, hook and IC50 of every fitted curve, each over the doses that it has.

    Empty where neither total nor active target was measured.
    """
    import pandas as pd

    from protacsim import pharmacology

    names = [name for name in ("target_total_percent", "target_active_percent") if name in curves]
    if not names:
        return pd.DataFrame()
    parts = [curves[names].isel(curve=[i]).dropna(DOSE, how="all") for i in curves["curve"].values]
    table = pd.concat([pharmacology.summary(part) for part in parts], ignore_index=True)
    return table.drop(columns="curve")


def findings(fit: Mapping[str, Any]) -> list[report.Finding]:
    """What the report says of a fit: its numbers, and those read off its curves."""
    import pandas as pd

    from protacsim import report

    readings = pd.DataFrame(fit["readings"])
    if readings.empty:
        return [_finding(fit)]
    about = (
        "Of the curves with the fitted constants. Where a number does not exist, its reason stands "
        f"in its place. The whole table is {READINGS}."
    )
    return [_finding(fit), report.Finding(OF_CURVES, _with_reasons(readings), about)]


def _with_reasons(readings: pd.DataFrame) -> pd.DataFrame:
    shown = readings[told(readings)].astype(object)
    for name in (name for name in shown if f"{name}_reason" in readings):
        reasons = readings[f"{name}_reason"].str.replace("_", " ")
        shown[name] = shown[name].where(shown[name].notna(), reasons)
    return shown


def _finding(fit: Mapping[str, Any]) -> report.Finding:
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
        f"Fit: {counted(found.attrs['free'], 'unknown')}, "
        f"{counted(found.attrs['data'], 'measurement')}, "
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
