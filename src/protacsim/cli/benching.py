"""`protacsim bench`: run cases, show them, compare with a baseline, keep a new one."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from protacsim.bench import (
    FAIL,
    WARN,
    Case,
    Measured,
    Record,
    Session,
    as_json,
    cases,
    cases_of,
    compared,
    known_ratio,
    limit_of,
    read_record,
    recorded,
    softened,
    updated,
    write_record,
)
from protacsim.cli import INTERNAL, OK, printable
from protacsim.cli.tables import print_rows
from protacsim.config import load
from protacsim.errors import ParameterError

PASSES_OF_A_BASELINE = 3
"""How often all cases are measured for a baseline; all turns count."""


@dataclass(frozen=True)
class Options:
    """What is compared with, what is written, and which cases run."""

    report: Path | None = None
    baseline: Path | None = None
    update: bool = False
    reason: str = ""
    full: bool = False
    only: tuple[str, ...] = ()
    warn_only: bool = False

    @property
    def to_stdout(self) -> bool:
        """Whether the report goes to stdout, in place of the table."""
        return str(self.report) == "-"


def bench(config: Path | None, overrides: Sequence[str], options: Options) -> int:
    """Measure the package's own cases, or those of a configuration; 1 on a regression."""
    _check(options)
    chosen = _chosen(config, overrides, options)
    before = _baseline(options)
    with Session(chosen, _tell) as session:
        outcomes = session.measure(
            lambda name: math.inf if options.update else limit_of(name, before),
            PASSES_OF_A_BASELINE if options.update else 1,
        )
    now = recorded(outcomes, options.reason)
    if options.report and not options.to_stdout:
        write_record(now, options.report)
    if options.update and options.baseline:
        write_record(updated(before, now), options.baseline)
        typer.echo(f"Baseline: {printable(str(options.baseline))}", err=True)
    verdicts = [] if before is None or options.update else (
        compared(outcomes, before, str(options.baseline))
    )  # fmt: skip
    if options.warn_only:
        verdicts = [softened(verdict) for verdict in verdicts]
    if options.to_stdout:
        typer.echo(as_json(now), nl=False)
    else:
        _show(outcomes, before)
    for verdict in verdicts:
        label = {FAIL: "regression: ", WARN: "warning: "}.get(verdict.level, "note: ")
        typer.echo(printable(label + verdict.sentence), err=True)
    return INTERNAL if any(verdict.level == FAIL for verdict in verdicts) else OK


def _check(options: Options) -> None:
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        raise ParameterError("NUMBA_DISABLE_JIT is set; unset it: bench times compiled kernels.")
    if options.update and not (options.baseline and options.reason.strip()):
        raise ParameterError(
            "--update needs --compare FILE (the baseline to write) and --reason TEXT (why its "
            "numbers change)."
        )
    if options.reason and not options.update:
        raise ParameterError("--reason is for --update; add that, or leave it out.")


def _chosen(config: Path | None, overrides: Sequence[str], options: Options) -> list[Case]:
    if config is None and overrides:
        raise ParameterError("--set changes a configuration; name one, or leave it out.")
    found = cases(full=options.full) if config is None else cases_of(load(config, overrides))
    chosen = [c for c in found if not options.only or any(part in c.name for part in options.only)]
    if not chosen:
        names = ", ".join(case.name for case in found)
        raise ParameterError(f"--only {', '.join(options.only)}: no such case; there are {names}.")
    return chosen


def _baseline(options: Options) -> Record | None:
    if options.baseline is None or (options.update and not options.baseline.exists()):
        return None
    return read_record(options.baseline)


def _tell(name: str) -> None:
    typer.echo(f"{name} ...", err=True)


def _show(outcomes: Sequence[Measured], before: Record | None) -> None:
    rows = [_row(outcome, before) for outcome in outcomes]
    print_rows("", ("case", "CPU ms", "over ruler", "of baseline", "counts and errors"), rows)


def _row(outcome: Measured, before: Record | None) -> tuple[object, ...]:
    known = known_ratio(outcome.name, before)
    found = outcome.found
    counts = [f"{n:,} {what}" for what, n in {**found.counts, **found.local_counts}.items()]
    errors = [f"{what} {error.value:.1e}" for what, error in found.errors.items()]
    ratio = f"{outcome.ratio:.1f} MiB" if outcome.ruler == "memory" else f"{outcome.ratio:.3f}"
    return (
        outcome.name,
        1e3 * outcome.cpu_s,
        ratio,
        "" if known is None else f"{outcome.ratio / known:.2f}",
        ", ".join([*counts, *errors]),
    )
