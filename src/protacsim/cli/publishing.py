"""What a finished run shows: summary table, figures, and the summary on the terminal."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from pydantic import TypeAdapter, ValidationError

from protacsim import store
from protacsim.cli import printable
from protacsim.cli.figures import drawn
from protacsim.cli.labels import HYPOTHETICAL, labelled_table
from protacsim.cli.tables import print_json, print_table, shown
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

LISTED_ROWS = 60
MOST_ROWS = 10_000
"""Rows of points in a summary; where there would be more of FEW_POINTS, it is of their spread."""
FEW_POINTS = 100
WANTED = ("dc50_relative_nM", "dmax_percent", "hook_depth_percent", "ic50_nM", "ic50_fold_shift")
REPORT = "report.html"
FIT, FIT_CURVES = "fit", "fit_curves.csv"
BEFORE_FIT = " (with the constants before the fit)"
MIDDLE = "median, and 5 % to 95 % of the members"


def draw(data: xr.Dataset, figures: Sequence[Figure], folder: Path, study: Study) -> list[Path]:
    """Draw each figure as NN-kind.svg and .png."""
    check_no_link(folder)
    written: list[Path] = []
    for number, figure in enumerate(figures, 1):
        finished = drawn(data, figure, study, folder.parent)
        written += save_figure(finished, folder, f"{number:02d}-{figure.kind}")
    for stale in set(folder.glob("[0-9][0-9]-*.[ps][nv]g")) - set(written):
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
    try:
        return plot.save(finished, folder / name)
    except OSError as error:
        raise StoreError(
            f"{folder}: cannot be written ({error.strerror}); free space or use --out."
        ) from error


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
    spread = _is_spread(table)
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
    )
    path = folder / REPORT
    with explained(path, "the report could not be written"):
        write_file(path, report.page(run).encode())
    return path


def together(members: pd.DataFrame) -> report.Finding:
    """What the members of samples say together; the page's summary lists them one by one."""
    from protacsim import report

    about = "Median, and 5 % to 95 % of the members. What the columns mean stands under Summary."
    return report.Finding("All members together", members, about)


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
    table: pd.DataFrame = _split(data).to_dataframe().reset_index()
    return table


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
    try:
        partial = path.with_suffix(".csv.partial")
        partial.unlink(missing_ok=True)
        store.escaped(table).to_csv(partial, index=False, lineterminator="\n")
        partial.replace(path)
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be written ({error.strerror}); free space or use --out."
        ) from error


def print_summary(job: Job, table: pd.DataFrame, members: pd.DataFrame | None, path: Path) -> None:
    """Print the readings that matter most, of `members` if any; `path` holds the whole table."""
    rows = _print_first(job, table, members)
    if rows > LISTED_ROWS:
        typer.echo(f"The first {LISTED_ROWS} of {rows} rows; all are in {printable(str(path))}.")
    if _is_spread(table):
        command = shlex.join(["protacsim", "export", str(path.parent), "--to", "points.csv"])
        typer.echo(f"Each point by itself: {printable(command)}")


def _heading(job: Job, about: str = "") -> str:
    return f"{job.study.title}{_before_fit(job)}{about}".strip()


def _before_fit(job: Job) -> str:
    return BEFORE_FIT if job.fit is not None else ""


def _is_spread(table: pd.DataFrame) -> bool:
    """Whether a summary is one of very many points."""
    return {"observable", "points"} <= set(table)


def _print_first(job: Job, table: pd.DataFrame, members: pd.DataFrame | None) -> int:
    """Print up to LISTED_ROWS rows; returns how many there would be."""
    if job.study.is_stochastic:
        last = _at_the_end(table)
        print_table(_heading(job), last.head(LISTED_ROWS))
        return len(last)
    if _is_spread(table):
        return _print_spreads(job, table)
    if members is not None:
        print_table(_heading(job, f" ({MIDDLE})"), members.head(LISTED_ROWS))
        return len(members)
    if _has_curves(table):
        last = _at_the_end(table)
        print_table(_heading(job), last[told(last)].head(LISTED_ROWS), last)
        return len(last)
    axes, percent = _axes_of(job, table), _percentages(table)
    few = table[[*axes, *percent]] if percent else table
    print_table(_heading(job), few.head(LISTED_ROWS))
    return len(few)


def _has_curves(table: pd.DataFrame) -> bool:
    """Whether a summary has readings of dose-response curves."""
    return "dmax_percent" in table or "ic50_nM" in table


def _at_the_end(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["time_h"] == table["time_h"].max()] if "time_h" in table else table


def _axes_of(job: Job, table: pd.DataFrame) -> list[str]:
    known = {*job.study.axis_paths, "time_h", HYPOTHETICAL}
    return [name for name in map(str, table) if name in known]


def _percentages(table: pd.DataFrame) -> list[str]:
    return [name for name in map(str, table) if name.endswith("_percent")]


def told(table: pd.DataFrame) -> list[str]:
    """Columns for people: what tells curves apart, and the readings that matter most."""
    axes = [name for name in map(str, table.columns) if not _is_reading(name)]
    return [*axes, *(name for name in WANTED if name in table)]


def _print_spreads(job: Job, table: pd.DataFrame) -> int:
    """Print the spread of very many points at the last time, and where on the axes its ends are."""
    import pandas as pd

    last = _at_the_end(table)
    places = [str(name).partition("lowest at ")[2] for name in table]
    paths = _not_drawn(job, [path for path in places if path])
    few = [
        {
            **{name: row[name] for name in _axes_of(job, table)},
            "observable": f"{row['observable']} ({row['units']})",
            "points": row["points"],
            "median (5 % to 95 %)": _middle(row["q05"], row["q50"], row["q95"]),
            **{end: _placed(row, end, paths) for end in ("lowest", "highest")},
        }
        for row in last.head(LISTED_ROWS).to_dict("records")
    ]
    print_table(_heading(job, " (all points together)"), pd.DataFrame(few))
    return len(last)


def _placed(row: Mapping[Any, Any], end: str, paths: Sequence[str]) -> str:
    """The lowest or highest value of a row, and where on the axes it is."""
    where = ", ".join(f"{path} = {shown(row[f'{end} at {path}'])}" for path in paths)
    return f"{shown(row[end])} at {where}" if where else str(shown(row[end]))


def _not_drawn(job: Job, names: Sequence[str]) -> list[str]:
    """Names but those of members of samples, and of what is drawn for them."""
    drawn = {name for s in job.study.samples for name in (s.dim, *(d.name for d in s.over))}
    return [name for name in names if name.removesuffix(" quantile") not in drawn]


def _middle(low: float, median: float, high: float, more: str = "") -> str:
    """A median and the middle 90 % around it."""
    return f"{shown(median)} ({shown(low)} to {shown(high)}{more})"


def of_members(job: Job, table: pd.DataFrame) -> pd.DataFrame | None:
    """Members of samples together: one row per place on the axes, median and middle 90 % in words.

    Curves are taken at the last time. None where no sample is, or where each row has many points.
    """
    import pandas as pd

    if not job.study.samples or job.study.is_stochastic or _is_spread(table):
        return None
    if _has_curves(table):
        table = _at_the_end(table)
        wanted = [name for name in WANTED if name in table]
        axes = [name for name in told(table) if name not in wanted]
    else:
        observed = {reading.name for reading in job.study.readout.readings}
        plain = [name for name in map(str, table) if name.partition("[")[0] in observed]
        axes, wanted = _axes_of(job, table), _percentages(table) or plain
    kept = _not_drawn(job, axes)
    rows = [
        [*at, len(part), *(_spread_of(part[name]) for name in wanted)]
        for at, part in _parts_of(table, kept)
    ]
    return pd.DataFrame(rows, columns=[*kept, "members", *wanted])


def _parts_of(table: pd.DataFrame, by: list[str]) -> list[tuple[tuple[Any, ...], pd.DataFrame]]:
    """The rows at each place on the axes, with its coordinates."""
    if not by:
        return [((), table)]
    return [(at, part) for at, part in table.groupby(by, sort=False, dropna=False)]


def _spread_of(values: pd.Series) -> str:
    """Median and middle 90 %, and how many members have none."""
    known = values.dropna()
    without = len(values) - len(known)
    if known.empty:
        return "none"
    low, median, high = known.quantile([0.05, 0.5, 0.95])
    return _middle(low, median, high, f"; {without} none" if without else "")


def _is_reading(column: str) -> bool:
    return column.endswith(("_percent", "_reason", "_shift", "multimodal")) or (
        column.startswith(("dc50", "hc50", "ic50", "dmax", "imax"))
    )
