"""The main job: config to results folder, with progress, figures and a summary table."""

from __future__ import annotations

import json
import os
import platform
import socket
import time
from collections.abc import Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import typer

from protacsim import provenance, store
from protacsim.cli import ALL_FAILED, OK, SOME_FAILED, printable
from protacsim.cli.tables import print_json, print_table
from protacsim.config import Figure, Job, load
from protacsim.errors import ConfigError, StoreError
from protacsim.study import ADVICE, Study, failures, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure as MatplotlibFigure

    from protacsim.study import Progress

SECONDS_PER_RUN = 2.5e-3
"""Static estimate for a dry run: one core, default tolerances, a network of about 25 species."""

LISTED_ROWS = 60
PACKAGES = ("protacsim", "numpy", "scipy", "numba", "llvmlite", "xarray", "zarr", "matplotlib")


def run_all(
    configs: Sequence[Path],
    out: Path | None,
    overrides: Sequence[str],
    *,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Run every configuration; all are checked before the first one starts."""
    jobs = loaded(configs, overrides)
    folders = [_folder(job, out, len(jobs)) for job in jobs]
    if len(set(folders)) < len(folders):
        raise ConfigError("two configurations have the same name; run them one by one with --out.")
    if dry_run:
        estimates = [_estimate(job) for job in jobs]
        _print_estimates(estimates, as_json=as_json)
        return OK
    reports = [
        _run_one(job, folder, quiet=as_json) for job, folder in zip(jobs, folders, strict=True)
    ]
    if as_json:
        print_json(reports if len(reports) > 1 else reports[0])
    return max(int(report["exit_code"]) for report in reports)


def loaded(configs: Sequence[Path], overrides: Sequence[str]) -> list[Job]:
    """Load all configurations; mistakes of all of them are reported together."""
    jobs: list[Job] = []
    found: list[str] = []
    for path in configs:
        try:
            jobs.append(load(path, overrides))
        except ConfigError as error:
            found += error.problems
    if found:
        raise ConfigError(found)
    return jobs


def _folder(job: Job, out: Path | None, jobs: int) -> Path:
    if out is None:
        return Path("results") / job.source.stem
    return out if jobs == 1 else out / job.source.stem


def _run_one(job: Job, folder: Path, *, quiet: bool) -> dict[str, Any]:
    started = time.time()
    _prepare(folder)
    with _progress(job.study) as progress:
        data = run(job.study, progress=progress)
    data = with_provenance(data, job)
    elapsed = time.time() - started
    store.write(data, folder, manifest=manifest(job, data), log=[_event(job, started, elapsed)])
    table = summary_table(data)
    _write_csv(table, folder / "summary.csv")
    figures = draw(data, job.figures, folder / "figures")
    if not quiet:
        _print_summary(job, table)
    return _report(job, data, folder, table, figures)


def _prepare(folder: Path) -> None:
    try:
        (folder / "figures").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"{folder}: cannot be written ({error.strerror}); choose another folder with --out."
        ) from error


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    try:
        partial = path.with_suffix(".csv.partial")
        table.to_csv(partial, index=False, lineterminator="\n")
        partial.replace(path)
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be written ({error.strerror}); free space or use --out."
        ) from error


def with_provenance(data: xr.Dataset, job: Job) -> xr.Dataset:
    """The result with versions, hash, seed and the constants without a public measurement."""
    scenarios = [combination.scenario for combination in job.study.combinations]
    varied = {path for combination in job.study.combinations for path in combination.varied}
    fields = ("path", "value", "unit", "confidence", "source", "entry")
    unverified = [
        {field: getattr(entry, field) for field in fields}
        for entry in provenance.unverified(scenarios)
        if entry.path not in varied
    ]
    return data.assign_attrs(
        protacsim_version=version("protacsim"),
        config_sha256=job.sha256,
        seed=job.study.seed,
        unverified=json.dumps(unverified),
        hypothetical=json.dumps(provenance.hypothetical(scenarios)),
    )


def manifest(job: Job, data: xr.Dataset) -> dict[str, Any]:
    """What was run, in full: nothing in it depends on the clock or the host."""
    return {
        "schema": "protacsim-results/1",
        "title": job.study.title,
        "config_sha256": job.sha256,
        "resolved": job.resolved,
        "figures": [figure._asdict() for figure in job.figures],
        "points": job.study.points,
        "failed": int((data["status"] != 0).sum()),
        "versions": {name: version(name) for name in PACKAGES},
        "platform": {"system": platform.system(), "machine": platform.machine()},
    }


def _event(job: Job, started: float, elapsed_s: float) -> dict[str, Any]:
    return {
        "event": "run",
        "config": str(job.source),
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(started)),
        "elapsed_s": round(elapsed_s, 3),
        "host": socket.gethostname(),
        "pid": os.getpid(),
    }


def draw(data: xr.Dataset, figures: Sequence[Figure], folder: Path) -> list[Path]:
    """Draw each figure as NN-kind.svg and .png."""
    from protacsim import plot

    written: list[Path] = []
    for number, figure in enumerate(figures, 1):
        drawn = _grid(data, figure)
        try:
            written += plot.save(drawn, folder / f"{number:02d}-{figure.kind}")
        except OSError as error:
            raise StoreError(
                f"{folder}: cannot be written ({error.strerror}); free space or use --out."
            ) from error
    return written


def _grid(data: xr.Dataset, figure: Figure) -> MatplotlibFigure:
    from protacsim import plot

    if figure.kind == "time-course":
        return plot.time_course_grid(
            data,
            figure.rows,
            columns=figure.columns,
            hue=figure.hue,
            width_mm=figure.width_mm,
            select=dict(figure.select),
        )
    return plot.dose_response_grid(
        data,
        figure.rows,
        columns=figure.columns or "treatment",
        hue=figure.hue or "target.allele",
        time_h=figure.time_h,
        width_mm=figure.width_mm,
        select=dict(figure.select),
    )


def replot(folder: Path, *, as_json: bool) -> None:
    """Draw a finished run's figures again."""
    data = store.open_results(folder)
    found = json.loads((folder / "manifest.json").read_text())["figures"]
    figures = [_figure(entry) for entry in found]
    written = draw(data, figures, folder / "figures")
    if as_json:
        print_json([str(path) for path in written])
    else:
        for path in written:
            typer.echo(printable(str(path)))


def _figure(entry: dict[str, Any]) -> Figure:
    """A figure as it stands in the manifest; older manifests have no `select`."""
    select = tuple((str(dim), value) for dim, value in entry.get("select", ()))
    return Figure(**{**entry, "rows": tuple(entry["rows"]), "select": select})


def summary_table(data: xr.Dataset) -> pd.DataFrame:
    """One row per dose-response curve; without a dose axis, one row per point and time."""
    from protacsim import pharmacology

    percent = any(f"{name}_percent" in data for name in ("target_total", "target_active"))
    if percent and "compound.dose_nM" in data.dims:
        return pharmacology.summary(data)
    table: pd.DataFrame = _spread(data).to_dataframe().reset_index()
    return table


def _spread(data: xr.Dataset) -> xr.Dataset:
    """Variables with one value per compound or neosubstrate as one variable each."""
    found = data.drop_vars(["status", "reached_h"])
    for dim in ("compound", "neosubstrate"):
        for name in [str(n) for n in found.data_vars if dim in found[n].dims]:
            parts = {f"{name}[{m}]": found[name].sel({dim: m}, drop=True) for m in data[dim].values}
            found = found.drop_vars(name).assign(parts)
        found = found.drop_vars(dim, errors="ignore")
    return found


def _report(
    job: Job, data: xr.Dataset, folder: Path, table: pd.DataFrame, figures: list[Path]
) -> dict[str, Any]:
    failed = failures(data)
    points = job.study.points
    code = OK if not failed else ALL_FAILED if len(failed) == points else SOME_FAILED
    typer.echo(f"Results: {printable(str(folder))}", err=True)
    for path in figures:
        if path.suffix == ".png":
            typer.echo(f"Figure:  {printable(str(path))}", err=True)
    if failed:
        names = sorted({str(entry["status"]) for entry in failed})
        advice = "; ".join(f"{name.replace('_', ' ')}: {ADVICE[name]}" for name in names)
        typer.echo(
            f"{len(failed)} of {points} points failed ({advice}). Their results are empty and "
            "marked in `status`.",
            err=True,
        )
    return {
        "folder": str(folder),
        "points": points,
        "failed": len(failed),
        "figures": [str(path) for path in figures],
        "summary": json.loads(table.to_json(orient="records", double_precision=15)),
        "exit_code": code,
    }


def _print_summary(job: Job, table: pd.DataFrame) -> None:
    if "dmax_percent" not in table and "ic50_nM" not in table:
        percent = [name for name in table if str(name).endswith("_percent")]
        axes = [name for name in table if name in job.study.axis_paths or name == "time_h"]
        few = table[[*axes, *percent]] if percent else table
        print_table(job.study.title, few.head(LISTED_ROWS))
        return
    shown = table[table["time_h"] == table["time_h"].max()] if "time_h" in table else table
    wanted = [
        "dc50_relative_nM",
        "dmax_percent",
        "hook_depth_percent",
        "ic50_nM",
        "ic50_fold_shift",
    ]
    axes = [c for c in table.columns if not _is_reading(c)]
    columns = [*axes, *(name for name in wanted if name in table)]
    print_table(job.study.title, shown[columns].head(LISTED_ROWS), shown)


def _is_reading(column: str) -> bool:
    return column.endswith(("_percent", "_reason", "_shift", "multimodal")) or (
        column.startswith(("dc50", "hc50", "ic50", "dmax", "imax"))
    )


@contextmanager
def _progress(study: Study) -> Iterator[Progress]:
    """A bar with rate and time left on a terminal; nothing in a pipe until the end."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
    with bar:
        task = bar.add_task("simulating", total=study.points)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _estimate(job: Job) -> dict[str, Any]:
    study = job.study
    runs = study.points
    doses = study.dims.get("compound.dose_nM", 1)
    runs += study.points // doses if study.readout.relative_to else 0
    readings = len(study.readout.observables) * (2 if study.readout.relative_to else 1)
    size = study.points * readings * len(study.readout.times_h) * np.dtype(float).itemsize
    return {
        "config": str(job.source),
        "points": study.points,
        "runs": runs,
        "seconds_estimated": round(runs * SECONDS_PER_RUN, 1),
        "bytes": size,
        "memory_bytes": 3 * size,
    }


def _seconds(entry: dict[str, Any]) -> str:
    seconds = float(entry["seconds_estimated"])
    return f"{seconds:g} s" if seconds >= 1 else "1 s or less"


def _bytes(size: int) -> str:
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size} bytes"


def _print_estimates(estimates: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(estimates)
        return
    for entry in estimates:
        typer.echo(
            f"{printable(entry['config'])}: {entry['points']:,} points, "
            f"{entry['runs']:,} runs with references; about {_seconds(entry)} on one core; "
            f"{_bytes(entry['bytes'])} of results, {_bytes(entry['memory_bytes'])} of memory. "
            "Nothing was run."
        )
