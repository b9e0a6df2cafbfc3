"""The sensitivity analysis of a finished run: its tables, there and back, and the terminal's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from protacsim.cli.publishing import write_table
from protacsim.cli.tables import print_rows
from protacsim.config import Job
from protacsim.errors import StoreError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from protacsim import report

TABLE, PAIRS = "sensitivity.csv", "sensitivity_pairs.csv"
ABOUT = {
    "sobol": "Sobol indices: shares of the variance of a reading",
    "morris": "Morris screening: how much a reading changes along each constant",
}
MEANINGS = {
    "parameter": "The constant that was drawn.",
    "first": "Share of the variance that the constant makes alone.",
    "total": "The same with all its interactions.",
    "mu": "Mean elementary effect: the change of the reading per way from the 1/8 to the 7/8 "
    "quantile of the constant. Steps go two thirds of it, so 1.5 times the change along a step.",
    "mu_star": "Mean of the same without its sign.",
    "sigma": "Scatter of the effects: interactions, or a response that is not linear.",
    "first_half_width": "Half the width of the 95 % bootstrap interval, as in every such column.",
    "mu_star_half_width": "Half the width of its 95 % bootstrap interval.",
    "nulls": "Points at which the reading does not exist; they take the mean of the others.",
}
ATTRIBUTES = ("readout", "scale", "method", "base_points", "points")


def check_installed(jobs: Sequence[Job]) -> None:
    """Raise `ParameterError`, before anything runs, where SALib will be missing at the end."""
    if any(job.sensitivity is not None for job in jobs):
        from protacsim.sensitivity_analysis.indices import salib

        salib()


def publish(job: Job, data: xr.Dataset, folder: Path, *, quiet: bool) -> Sequence[report.Finding]:
    """Analyse a run with a [sensitivity] section: two tables, and one line per constant.

    Returns what its report says.
    """
    if job.sensitivity is None:
        return ()
    import pandas as pd

    from protacsim import sensitivity_analysis

    sample = job.sensitivity.sample()
    found = [
        sensitivity_analysis.indices(data, sample, readout, seed=job.study.seed)
        for readout in job.sensitivity.readouts
    ]
    write_table(pd.concat([_rows(each) for each in found]), folder / TABLE)
    pairs = [_pairs(each) for each in found if "second" in each]
    if pairs:
        write_table(pd.concat(pairs), folder / PAIRS)
    if not quiet:
        _print(job.study.title, found)
    return [_finding(found)]


def _finding(found: Sequence[xr.Dataset]) -> report.Finding:
    import pandas as pd

    from protacsim import report

    rows = [_rows(each).drop(columns=list(ATTRIBUTES[1:])) for each in found]
    first = found[0].attrs
    return report.Finding(
        "Sensitivity indices",
        pd.concat(rows),
        f"{ABOUT[first['method']]}; {first['base_points']:,} base points, {first['points']:,} "
        f"points in all. {_logged(found)}",
        [(name, said) for name, said in MEANINGS.items() if name in rows[0]],
    )


def _logged(found: Sequence[xr.Dataset]) -> str:
    names = [each.attrs["readout"] for each in found if each.attrs["scale"] == "log10"]
    unit = ", in decades" if found[0].attrs["method"] == "morris" else ""
    return f"Logarithms are analysed of {' and '.join(names)}{unit}." if names else ""


def _rows(found: xr.Dataset) -> pd.DataFrame:
    """One row per constant and coordinate, what the analysis was in columns of its own."""
    flat = found.drop_vars([name for name in found if "other_parameter" in found[name].dims])
    table = flat.drop_vars("other_parameter", errors="ignore").to_dataframe().reset_index()
    for name in reversed(ATTRIBUTES):
        table.insert(0, name, found.attrs[name])
    return table


def _pairs(found: xr.Dataset) -> pd.DataFrame:
    """Second order indices, each pair once."""
    table = found[["second", "second_half_width"]].to_dataframe().reset_index()
    order = {name: i for i, name in enumerate(found["parameter"].values.tolist())}
    once = table["parameter"].map(order) < table["other_parameter"].map(order)
    table.insert(0, "readout", found.attrs["readout"])
    return table[once]


def read_indices(folder: Path) -> list[xr.Dataset]:
    """The indices of every readout, from the table of a finished run."""
    import pandas as pd

    path = folder / TABLE
    try:
        table = pd.read_csv(path)
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror}); run again.") from error
    return [_dataset(part) for _, part in table.groupby("readout", sort=False)]


def _dataset(table: pd.DataFrame) -> xr.Dataset:
    attrs = {name: table[name].iloc[0] for name in ATTRIBUTES}
    left = table.drop(columns=list(ATTRIBUTES)).dropna(axis=1, how="all")
    known = ("first", "total", "mu", "sigma", "nulls")
    dims = [name for name in left if not str(name).startswith(known)]
    order = left["parameter"].unique()
    found: xr.Dataset = left.set_index(dims).to_xarray().sel(parameter=order)
    return found.assign_attrs(attrs)


def _print(title: str, found: list[xr.Dataset]) -> None:
    """The index that counts all interactions, constants in rows and readouts in columns."""
    names = ["total" if "total" in each else "mu_star" for each in found]
    parts = [each.isel(time_h=-1) if "time_h" in each.dims else each for each in found]
    rows: list[list[Any]] = []
    for parameter in parts[0]["parameter"].values.tolist():
        at = [part.sel(parameter=parameter) for part in parts]
        rows.append([parameter, *(_cell(p, name) for p, name in zip(at, names, strict=True))])
    headings = [_heading(part, name) for part, name in zip(parts, names, strict=True)]
    print_rows(f"{title} (sensitivity indices)", ["constant", *headings], rows)


def _heading(part: xr.Dataset, name: str) -> str:
    """The reading and its index, with the unit of one that is no share of the variance."""
    from protacsim import sensitivity_analysis

    unit = sensitivity_analysis.effect_unit(part) if name == "mu_star" else ""
    return f"{part.attrs['readout']}, {name}{f' ({unit})' if unit else ''}"


def _cell(part: xr.Dataset, name: str) -> str:
    """Values with their half-widths; the range where there are several curves."""
    values, half = part[name].values.ravel(), part[f"{name}_half_width"].values.ravel()
    if values.size == 1:
        return f"{values[0]:.3f} ± {half[0]:.3f}"
    return f"{values.min():.3f} to {values.max():.3f}"
