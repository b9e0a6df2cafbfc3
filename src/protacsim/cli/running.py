"""The main job: config to results folder, resumed where it was left, with figures and summary."""

from __future__ import annotations

import json
import os
import platform
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from protacsim import store
from protacsim.cli import ALL_FAILED, OK, SOME_FAILED, printable, sensitivity
from protacsim.cli.calibrating import calibrate
from protacsim.cli.calibrating import findings as of_fit
from protacsim.cli.estimating import estimate, print_estimates
from protacsim.cli.overviews import overview
from protacsim.cli.progress import progress
from protacsim.cli.publishing import (
    draw,
    print_summary,
    summary_table,
    told_together,
    write_report,
    write_table,
)
from protacsim.cli.tables import print_json
from protacsim.config import Job, load
from protacsim.errors import ConfigError, ParameterError, StoreError
from protacsim.loading import load_xarray
from protacsim.study import (
    KINDS,
    Workers,
    check_points,
    failures,
    prepare,
    run_to_store,
)
from protacsim.validation import one_of

if TYPE_CHECKING:
    import xarray as xr

DEFAULT_MOST_POINTS = 10_000_000


@dataclass(frozen=True)
class Options:
    """How a run is done; nothing in it changes a number of the result."""

    out: Path | None = None
    fresh: bool = False
    shard: store.Shard | None = None
    workers: Workers = field(default_factory=Workers)
    most_points: int = DEFAULT_MOST_POINTS
    as_json: bool = False


def options(
    *,
    out: Path | None,
    fresh: bool,
    executor: str,
    workers: int | None,
    scheduler: str | None,
    shard: str | None,
    max_points: int | None,
    as_json: bool,
) -> Options:
    """Options of the command line, checked; raises `ParameterError`."""
    if executor not in KINDS:
        raise ParameterError(f"--executor {executor!r}: {one_of(executor, KINDS)}.")
    if scheduler is not None and executor != "dask":
        raise ParameterError("--scheduler is for --executor dask; add that, or leave it out.")
    if fresh and shard is not None:
        raise ParameterError(
            "--fresh with --shard: each shard would remove what the others have done; remove the "
            "folder once before the first shard."
        )
    return Options(
        out,
        fresh,
        None if shard is None else _shard(shard),
        Workers(executor, workers, scheduler),
        max_points or DEFAULT_MOST_POINTS,
        as_json,
    )


def _shard(text: str) -> store.Shard:
    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count) <= 10**6):
        raise ParameterError(f"--shard {text!r}: write it as I/N, such as 2/8 for the second of 8.")
    return store.Shard(int(number), int(count))


def run_all(
    configs: Sequence[Path], overrides: Sequence[str], options: Options, *, dry_run: bool
) -> int:
    """Run every configuration; all are checked before the first one starts."""
    jobs = loaded(configs, overrides)
    folders = _folders(jobs, options.out)
    if dry_run:
        print_estimates([estimate(job) for job in jobs], as_json=options.as_json)
        return OK
    for job in jobs:
        check_points(job.study, options.most_points)
    load_xarray()
    sensitivity.check_installed(jobs)
    reports = [_run_one(j, folder, options) for j, folder in zip(jobs, folders, strict=True)]
    return _reported(reports, as_json=options.as_json)


def collect(configs: Sequence[Path], overrides: Sequence[str], options: Options) -> int:
    """Finish results whose chunks were computed by shards; compute nothing."""
    jobs = loaded(configs, overrides)
    load_xarray()
    sensitivity.check_installed(jobs)
    reports = []
    for job, folder in zip(jobs, _folders(jobs, options.out), strict=True):
        store.check_begun(folder)
        ready = prepare(job.study)
        with store.writing(folder, ready.template, {**ready.plan, **_extra(job)}) as writer:
            missing = sum(1 for _ in writer.remaining())
            if missing:
                raise StoreError(
                    f"{folder}: {missing} of {writer.template.grid.chunks} chunks are not there "
                    "yet; run the missing shards, or run without --shard to compute them here"
                )
            writer.finish()
        reports.append(_published(job, folder, options))
    return _reported(reports, as_json=options.as_json)


def _reported(reports: list[dict[str, Any]], *, as_json: bool) -> int:
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


def _folders(jobs: Sequence[Job], out: Path | None) -> list[Path]:
    folders = [_folder(job, out, len(jobs)) for job in jobs]
    if len(set(folders)) < len(folders):
        raise ConfigError("two configurations have the same name; run them one by one with --out.")
    return folders


def _folder(job: Job, out: Path | None, jobs: int) -> Path:
    if out is None:
        return Path("results") / job.source.stem
    return out if jobs == 1 else out / job.source.stem


def _extra(job: Job) -> dict[str, Any]:
    return {"figures": [figure._asdict() for figure in job.figures]}


def _run_one(job: Job, folder: Path, options: Options) -> dict[str, Any]:
    started = time.time()
    with progress(job.study.points) as tell:
        writer = run_to_store(
            job.study,
            folder,
            extra=_extra(job),
            fresh=options.fresh,
            shard=options.shard,
            workers=options.workers,
            progress=tell,
        )
    store.log(folder, _event(job, started, options))
    if not writer.complete:
        return _part(writer)
    return _published(job, folder, options)


def _part(writer: store.Writer) -> dict[str, Any]:
    """What a shard reports when others are still at work."""
    done, chunks = len(writer.receipts), writer.template.grid.chunks
    typer.echo(
        f"Shard {writer.label.replace('-of-', '/')} is done; {done} of {chunks} chunks are there. "
        "After the last shard: protacsim collect, with the same configuration and --out.",
        err=True,
    )
    return {
        "folder": str(writer.folder),
        "chunks": chunks,
        "chunks_done": done,
        "exit_code": OK,
    }


def _published(job: Job, folder: Path, options: Options) -> dict[str, Any]:
    # Figures take parts of variables, each of which would be read anew.
    data = store.reopened(folder, lazily=not (job.figures or job.sensitivity))
    table = summary_table(data)
    summary_csv = folder / "summary.csv"
    write_table(table, summary_csv)
    together = overview(job, table)
    findings = sensitivity.publish(job, data, folder, quiet=options.as_json)
    if together is not None:
        findings = [*findings, told_together(together)]
    figures = draw(data, job.figures, folder / "figures", job.study)
    if not options.as_json:
        print_summary(job, table, together, summary_csv)
    fit: dict[str, Any] = {}
    if job.fit is not None:
        fit["fit"], figure = calibrate(job, job.fit, folder, quiet=options.as_json)
        figures = [*figure, *figures]
        findings = [*of_fit(fit["fit"]), *findings]
    page = write_report(job, data, table, folder, figures, findings)
    report = _report(job, data, folder, figures, page)
    if not options.as_json:
        return report
    summary = json.loads(table.to_json(orient="records", double_precision=15))
    return {**report, "summary": summary, **fit}


def _event(job: Job, started: float, options: Options) -> Mapping[str, Any]:
    return {
        "event": "run" if options.shard is None else f"shard {options.shard.label}",
        "config": str(job.source),
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(started)),
        "elapsed_s": round(time.time() - started, 3),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "processor": platform.processor() or platform.machine(),
        "executor": options.workers.kind,
        "workers": options.workers.number,
    }


def _report(
    job: Job, data: xr.Dataset, folder: Path, figures: list[Path], page: Path
) -> dict[str, Any]:
    points, failed = job.study.points, int((data["status"] != 0).sum())
    code = OK if not failed else ALL_FAILED if failed == points else SOME_FAILED
    typer.echo(f"Results: {printable(str(folder))}", err=True)
    for path in figures:
        if path.suffix == ".png":
            typer.echo(f"Figure:  {printable(str(path))}", err=True)
    typer.echo(f"Report:  {printable(str(page))}", err=True)
    if failed:
        reasons = {str(entry["status"]): str(entry["advice"]) for entry in failures(data)}
        advice = "; ".join(f"{name.replace('_', ' ')}: {what}" for name, what in reasons.items())
        typer.echo(
            f"{failed} of {points} points failed ({advice}). Their results are empty and marked "
            f"in `status`; protacsim failures {printable(str(folder))} lists them.",
            err=True,
        )
    return {
        "folder": str(folder),
        "points": points,
        "failed": failed,
        "figures": [str(path) for path in figures],
        "report": str(page),
        "exit_code": code,
    }
