"""What a run would take: points, time, bytes and memory, without running anything."""

from __future__ import annotations

from typing import Any

import typer

from protacsim.cli import counted, printable
from protacsim.cli.tables import print_json
from protacsim.config import Job
from protacsim.study import (
    grid,
    references,
    result_bytes,
    seconds_per_point,
    seconds_per_reference,
    settled,
)

BASE_MEMORY_BYTES = 300_000_000
WORTH_TELLING_BYTES = 1_000_000_000


def estimate(job: Job) -> dict[str, Any]:
    """Figures for one configuration, from the study alone."""
    study, _ = settled(job.study)
    beside = references(study)
    seconds = study.points * seconds_per_point(study) + beside * seconds_per_reference(study)
    size = result_bytes(study)
    return {
        "config": str(job.source),
        "points": study.points,
        "runs": study.points + beside,
        "chunks": grid(study).chunks,
        "seconds_estimated": float(f"{seconds:.2g}"),
        "bytes": size,
        "memory_bytes": BASE_MEMORY_BYTES + 2 * size,
    }


def print_estimates(estimates: list[dict[str, Any]], *, as_json: bool) -> None:
    """Print the figures."""
    if as_json:
        print_json(estimates)
        return
    for entry in estimates:
        typer.echo(
            f"{printable(entry['config'])}: {counted(entry['points'], 'point')}, "
            f"{counted(entry['runs'], 'run')} with references; "
            f"{duration(entry['seconds_estimated'])} on one core; {_bytes(entry['bytes'])} "
            f"of results before compression in {counted(entry['chunks'], 'chunk')}"
            f"{_memory(entry['memory_bytes'])}. Nothing was run."
        )


def _memory(size: int) -> str:
    """What reading back takes, where it is more than every computer has."""
    return f", {_bytes(size)} of memory to read them back" if size > WORTH_TELLING_BYTES else ""


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 1:
        return "1 s or less"
    for unit, factor in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * factor:
            return f"about {seconds / factor:.2g} {unit}" if seconds < 99 * factor else (
                f"about {seconds / factor:,.0f} {unit}"
            )  # fmt: skip
    return f"about {seconds:.2g} s"


def _bytes(size: int) -> str:
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size} bytes"
