"""What a finished run shows: summary table, figures, and the summary on the terminal."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from pydantic import TypeAdapter, ValidationError

from protacsim import store
from protacsim.cli import printable
from protacsim.cli.figures import drawn
from protacsim.cli.labels import labelled_table
from protacsim.cli.overviews import (
    LISTED_ROWS,
    Overview,
    at_the_end,
    axes_of,
    has_curves,
    is_spread,
    of_points,
    once,
    told,
)
from protacsim.cli.tables import print_json, print_table
from protacsim.config import FIGURES, Figure, Job
from protacsim.errors import StoreError
from protacsim.loading import load_xarray
from protacsim.store.files import explained, write_file
from protacsim.study import REPLICATE, Study, dim_of_doses, restored

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure as MatplotlibFigure

    from protacsim import report

MOST_ROWS = 10_000
"""Rows of points in a summary; where there would be more of FEW_POINTS, it is of their spread."""
FEW_POINTS = 100
REPORT = "report.html"
FIT, FIT_CURVES = "fit", "fit_curves.csv"
BEFORE_FIT = " (with the constants before the fit)"
OF_THE_STUDY = (
    "These are the constants of the study; what the fit found in their place stands above."
)


def draw(data: xr.Dataset, figures: Sequence[Figure], folder: Path, study: Study) -> list[Path]:
    """Draw each figure as NN-kind.svg and .png."""
    check_no_link(folder)
    written: list[Path] = []
    for number, figure in enumerate(figures, 1):
        finished = drawn(data, figure, study, folder.parent)
        written += save_figure(finished, folder, f"{number:02d}-{figure.kind}")
    drawings = {path for kind in FIGURES for path in folder.glob(f"[0-9][0-9]-{kind}.[ps][nv]g")}
    for stale in drawings - set(written):
        stale.unlink()
    return written


def check_no_link(folder: Path) -> None:
    """Raise `StoreError` where figures would be written somewhere else."""
    if folder.is_symlink():
        raise StoreError(f"{folder} is a link; remove it, so that nothing elsewhere is replaced")


def save_figure(finished: MatplotlibFigure, folder: Path, name: str) -> tuple[Path, ...]:
    """Write a figure as SVG and PNG; returns both paths."""
    from protacsim import plot

    check_no_link(folder)
    with explained(folder, "the figure could not be written"):
        return plot.save(finished, folder / name)


def write_report(
    job: Job,
    data: xr.Dataset,
    table: pd.DataFrame,
    folder: Path,
    figures: Sequence[Path],
    findings: Sequence[report.Finding] = (),
) -> Path:
    """Write `report.html`, whole or not at all."""
    from protacsim import report

    drawings = [_drawing(path) for path in figures if path.suffix == ".svg"]
    spread = is_spread(table)
    heading = "Values of all points together" if spread else report.OF_EVERY_CURVE
    run = report.Run(
        study=job.study,
        data=data,
        summary=table,
        summary_heading=f"{heading}{_before_fit(job)}",
        drawings=drawings,
        command=_command(job),
        manifest=store.read_manifest(folder),
        findings=findings,
        draws=job.sensitivity is not None and not spread,
        about_constants=OF_THE_STUDY if job.fit is not None else "",
    )
    path = folder / REPORT
    with explained(path, "the report could not be written"):
        write_file(path, report.page(run).encode())
    return path


def told_together(found: Overview) -> report.Finding:
    """What rows of the summary say together, for the page, whose summary lists them."""
    from protacsim import report

    return report.Finding(found.heading, found.table, found.said)


def _drawing(path: Path) -> report.Drawing:
    """A figure from its file, such as 01-dose-response.svg or fit.svg."""
    from protacsim import report

    kind = path.stem.lstrip("0123456789-")
    numbers = {"numbers_in": FIT_CURVES} if kind == FIT else {}
    return report.Drawing(kind, path.stem, path.read_text(encoding="utf-8"), **numbers)


def _command(job: Job) -> str:
    sets = [word for text in job.overrides for word in ("--set", text)]
    return shlex.join(["protacsim", "run", job.source.name, *sets])


def replot(folder: Path, *, as_json: bool) -> None:
    """Draw a finished run's figures again."""
    load_xarray()
    data = store.open_results(folder)
    manifest = store.read_manifest(folder)
    try:
        figures = TypeAdapter(tuple[Figure, ...]).validate_python(manifest.get("figures", []))
    except ValidationError as error:
        raise StoreError(_odd(folder, error.errors()[0]["msg"])) from None
    for figure in figures:
        if figure.kind not in FIGURES:
            raise StoreError(_odd(folder, f"{figure.kind!r} is no kind of figure"))
    written = []
    if figures:
        study = restored(manifest.get("resolved"))
        written = draw(data, figures, folder / "figures", study)
    if as_json:
        print_json([str(path) for path in written])
    else:
        for path in written:
            typer.echo(printable(str(path)))


def _odd(folder: Path, what: str) -> str:
    return f"{folder / store.MANIFEST} states figures that cannot be drawn: {what}"


def summary_table(data: xr.Dataset) -> pd.DataFrame:
    """One row per dose-response curve; without a dose axis, one row per point and time.

    Of single cells: one row per point, time and observable. Of very many points: one row per time
    and observable, with their spread. Hypothetical compounds are named.
    """
    return labelled_table(_readings(data), data)


def _readings(data: xr.Dataset) -> pd.DataFrame:
    from protacsim import pharmacology

    if REPLICATE in data.dims:
        return _of_cells(data)
    percent = any(f"{name}_percent" in data for name in ("target_total", "target_active"))
    if percent and dim_of_doses(data.dims):
        return pharmacology.summary(data)
    over = _summarised_over(data)
    if over:
        return pharmacology.point_summary(_split(data), over)
    split = _split(data)
    table: pd.DataFrame = split.to_dataframe().reset_index()
    return table.rename(columns=lambda name: store.headed(str(name), split))


def _summarised_over(data: xr.Dataset) -> tuple[str, ...]:
    """Dims whose points are too many for a row each: of members, if that is enough, or of numbers.

    Treatments and alleles, which have names, keep rows of their own.
    """
    from protacsim import pharmacology

    points, times = data["status"].sizes, data.sizes["time_h"]
    if math.prod(points.values()) <= max(FEW_POINTS, MOST_ROWS // times):
        return ()
    named = {dim for c in data.coords.values() if c.dtype.kind not in "fiub" for dim in c.dims}
    members = [dim for dim in pharmacology.member_dims(data) if dim in points]
    others = math.prod(size for dim, size in points.items() if dim not in members)
    few = members and others * times <= MOST_ROWS
    return tuple(members if few else (str(dim) for dim in points if dim not in named))


def _of_cells(data: xr.Dataset) -> pd.DataFrame:
    """Summary over cells, without the percentages of cells that ran but whose reference is zero."""
    from protacsim import pharmacology

    table = pharmacology.cell_summary(data)
    percent = table["observable"].str.endswith("_percent")
    undefined = percent & table["mean"].isna() & (table["cells"] > 0)
    return table[~undefined].reset_index(drop=True)


def _split(data: xr.Dataset) -> xr.Dataset:
    """Variables with one value per compound or neosubstrate as one variable each."""
    found = data.drop_vars(["status", "reached_h"])
    for dim in ("compound", "neosubstrate"):
        for name in [str(n) for n in found.data_vars if dim in found[n].dims]:
            parts = {f"{name}[{m}]": found[name].sel({dim: m}, drop=True) for m in data[dim].values}
            found = found.drop_vars(name).assign(parts)
        found = found.drop_vars(dim, errors="ignore")
    return found


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV, whole or not at all."""
    text = store.escaped(table).to_csv(index=False, lineterminator="\n")
    with explained(path, "the table could not be written"):
        write_file(path, text.encode())


def print_summary(job: Job, table: pd.DataFrame, found: Overview | None, path: Path) -> None:
    """Print the readings that matter most, together if so told; `path` holds the whole table."""
    rows = _print_first(job, table, found)
    if rows > LISTED_ROWS:
        typer.echo(f"The first {LISTED_ROWS} of {rows} rows; all are in {printable(str(path))}.")
    elif found is not None:
        typer.echo(f"Each by itself: {printable(str(path))}")
    if is_spread(table):
        command = shlex.join(["protacsim", "export", str(path.parent), "--to", "points.csv"])
        typer.echo(f"Each point by itself: {printable(command)}")


def _heading(job: Job, about: str = "") -> str:
    return f"{job.study.title}{_before_fit(job)}{about}".strip()


def _before_fit(job: Job) -> str:
    return BEFORE_FIT if job.fit is not None else ""


def _print_first(job: Job, table: pd.DataFrame, found: Overview | None) -> int:
    """Print up to LISTED_ROWS rows; returns how many there would be."""
    reasons, about = None, ""
    if job.study.is_stochastic:
        rows = at_the_end(table)
    elif is_spread(table):
        rows, about = of_points(job, table), " (all points together)"
    elif found is not None:
        rows, about = found.table, f" ({found.about})"
    elif has_curves(table):
        reasons = at_the_end(table)
        rows = reasons[told(reasons)]
    else:
        rows = table[[*axes_of(job, table), *once(job, table)]]
    print_table(_heading(job, about), rows.head(LISTED_ROWS), reasons)
    return len(rows)
