"""The command line: what users type, exit codes, and which stream gets what.

Results go to stdout, messages to stderr. Heavy imports happen inside commands, so that `--help`
answers at once. Exit codes: 0 done; 1 internal error, or a regression found by `bench`; 2 usage or
configuration; 3 some points failed; 4 all failed, or `on_error = "raise"`; 5 storage; 130
interrupted.
"""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from protacsim.errors import ConfigError, ParameterError, ProtacsimError, ProtacsimWarning

OK, INTERNAL, USAGE, SOME_FAILED, ALL_FAILED, STORAGE, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130
OBJECTS_BETWEEN_COLLECTIONS = 500_000
"""What a command loads stays; looking for garbage in it is an eighth of a start."""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Simulate degraders and inhibitors on wild-type and resistant BTK.",
    epilog="Start with: protacsim init --question dose-response",
)


def whole_number(most: int = sys.maxsize) -> Callable[[str], int]:
    """Parser of an option that takes a whole number from 1 to `most`."""

    def parsed(text: str) -> int:
        if not (text.isdecimal() and len(text) < 20 and 1 <= int(text) <= most):
            end = f" to {most:,}" if most < sys.maxsize else " up"
            raise typer.BadParameter(f"{text!r}; give a whole number from 1{end}.")
        return int(text)

    return parsed


Configs = Annotated[
    list[Path], typer.Argument(help="TOML configuration files.", show_default=False)
]
Config = Annotated[Path, typer.Argument(help="A TOML configuration file.", show_default=False)]


def _folders_only(given: Path | list[Path]) -> Path | list[Path]:
    for path in given if isinstance(given, list) else [given]:
        if path.is_file():
            raise ParameterError(
                f"{path} is a file; give a results folder, such as results/{path.stem}"
            )
    return given


Results = Annotated[
    Path, typer.Argument(help="A results folder.", show_default=False, callback=_folders_only)
]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="PATH=VALUE", help="Override one value, e.g. cell.volume_pL=0.8."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@app.command()
def init(
    question: Annotated[
        str,
        typer.Option(
            help="dose-response, allele, washout, single-cell, fit or sweep.", show_default=False
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="The file to write (default: <question>.toml).")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a commented configuration to start from."""
    from protacsim.cli import starting

    raise typer.Exit(starting.start(question, out, force=force, as_json=as_json))


@app.command()
def run(
    configs: Configs,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results (default: results/<config stem>).")
    ] = None,
    sets: Sets = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Remove earlier results in the folder first.")
    ] = False,
    executor: Annotated[
        str, typer.Option(help="Where to compute: threads, processes or dask.", metavar="KIND")
    ] = "threads",
    workers: Annotated[
        int | None,
        typer.Option(
            help="How many workers (default: one per core).",
            metavar="NUMBER",
            parser=whole_number(4096),
        ),
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a dask scheduler.", metavar="ADDRESS")
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(help="Compute one part only, such as 2/8; see collect.", metavar="I/N"),
    ] = None,
    max_points: Annotated[
        int | None,
        typer.Option(
            help="Allow more than ten million points.", metavar="NUMBER", parser=whole_number()
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell points, time and bytes; run nothing.")
    ] = False,
    on_error: Annotated[
        str | None, typer.Option(help='Failed points: "mask" them or "raise".', metavar="WHAT")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check, simulate, store, draw and summarise one or several configurations."""
    from protacsim.cli import running

    options = running.options(
        out=out,
        fresh=fresh,
        executor=executor,
        workers=workers,
        scheduler=scheduler,
        shard=shard,
        max_points=max_points,
        as_json=as_json,
    )
    overrides = [*(sets or []), *([f'run.on_error="{on_error}"'] if on_error else [])]
    raise typer.Exit(running.run_all(configs, overrides, options, dry_run=dry_run))


@app.command()
def collect(
    configs: Configs,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the shards (default: results/<config stem>).")
    ] = None,
    sets: Sets = None,
    as_json: AsJson = False,
) -> None:
    """Finish results whose chunks were computed by `run --shard`: manifest, summary, figures."""
    from protacsim.cli import running

    options = running.Options(out=out, as_json=as_json)
    raise typer.Exit(running.collect(configs, sets or [], options))


@app.command()
def check(configs: Configs, sets: Sets = None, as_json: AsJson = False) -> None:
    """Check configurations and report every mistake, without running anything."""
    from protacsim.cli import showing

    raise typer.Exit(showing.check(configs, sets or [], as_json=as_json))


@app.command()
def describe(config: Config, sets: Sets = None, as_json: AsJson = False) -> None:
    """Show what a run computes: constants (the unverified first), reactions, conserved totals."""
    from protacsim.cli import showing

    showing.describe(config, sets or [], as_json=as_json)


@app.command()
def library(
    name: Annotated[str | None, typer.Argument(help="An entry, such as ibrutinib.")] = None,
    kind: Annotated[
        str | None, typer.Option(help="Only one kind: compounds, cells, alleles, ...")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the library, or show one entry with values, ranges, sources and confidence."""
    from protacsim.cli import showing

    showing.library_entries(name, kind, as_json=as_json)


@app.command()
def plot(
    results: Results,
    as_json: AsJson = False,
) -> None:
    """Draw the figures of a finished run again, from its stored results."""
    from protacsim.cli import publishing

    publishing.replot(results, as_json=as_json)


@app.command()
def verify(
    results: Annotated[
        list[Path],
        typer.Argument(help="Results folders.", show_default=False, callback=_folders_only),
    ],
    as_json: AsJson = False,
) -> None:
    """Check every byte of results (data.zarr) against their manifests.

    Tables, figures and the report are made from it, and not checked.
    """
    from protacsim.cli import inspecting

    raise typer.Exit(inspecting.verify(results, as_json=as_json))


@app.command()
def failures(
    results: Results,
    as_json: AsJson = False,
) -> None:
    """List the points that failed, with their parameters and what to do about them."""
    from protacsim.cli import inspecting

    raise typer.Exit(inspecting.list_failures(results, as_json=as_json))


@app.command()
def export(
    results: Results,
    to: Annotated[
        list[Path], typer.Option(help="A file ending in .nc, .parquet or .csv; may be repeated.")
    ],
    as_json: AsJson = False,
) -> None:
    """Write results as NetCDF, Parquet or tidy CSV (units in its header)."""
    from protacsim.cli import inspecting

    raise typer.Exit(inspecting.export(results, to, as_json=as_json))


@app.command()
def schema() -> None:
    """Print the JSON Schema of configuration files, for editors."""
    from protacsim.cli import showing

    showing.schema()


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Report versions, machine and cache, and check the engine against a closed form."""
    from protacsim.cli import showing

    raise typer.Exit(showing.doctor(as_json=as_json))


@app.command()
def bench(
    config: Annotated[
        Path | None, typer.Argument(help="Your own configuration (default: the package's cases).")
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--json", help="Also write a JSON report; - for stdout.")
    ] = None,
    compare: Annotated[
        Path | None, typer.Option(help="A baseline, or the report of an earlier run.")
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Write what is found into the baseline.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Why the baseline changes.", metavar="TEXT")] = "",
    full: Annotated[bool, typer.Option("--full", help="Also the cases that take long.")] = False,
    warn_only: Annotated[
        bool, typer.Option("--warn-only", help="A slow case is a warning; counts and errors fail.")
    ] = False,
    only: Annotated[
        list[str] | None, typer.Option(help="Only cases with this in their name.", metavar="TEXT")
    ] = None,
    sets: Sets = None,
) -> None:
    """Measure counts, ratios of CPU time and errors; exit 1 on a regression."""
    from protacsim.cli import benching

    options = benching.Options(report, compare, update, reason, full, tuple(only or ()), warn_only)
    raise typer.Exit(benching.bench(config, sets or [], options))


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"protacsim {version('protacsim')}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def own_the_process() -> None:
    """Settle what holds for a whole process of ours, before anything heavy is loaded."""
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    atexit.register(gc.freeze)  # the memory is given back whole: no search for cycles in it first
    for library in ("OPENBLAS", "OMP", "MKL"):
        # The workers use the cores; threads of a linear algebra library only wait, at full speed,
        # and its sums would depend on their number.
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")


def speak_plainly() -> None:
    """Print our own warnings as sentences, once each, without the code that gave them."""
    otherwise = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if issubclass(category, ProtacsimWarning):
            typer.echo(f"warning: {printable(str(message))}", err=True)
        else:
            otherwise(message, category, *place, **more)

    warnings.showwarning = show


def main() -> NoReturn:
    """Entry point: every error becomes sentences on stderr and a documented exit code."""
    own_the_process()
    speak_plainly()
    asked: list[int] = []

    def stop(number: int, _frame: object) -> NoReturn:
        asked.append(number)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    try:
        app(standalone_mode=True)
    except BaseException as error:
        # Typer, and pydantic at import, turn the interrupt into errors of their own.
        if asked or isinstance(error, KeyboardInterrupt):
            typer.echo(
                "Interrupted. What is finished is kept; the same command goes on from there.",
                err=True,
            )
            sys.exit(INTERRUPTED)
        if not isinstance(error, ProtacsimError):
            raise
        complain(error)
        sys.exit(error.exit_code)
    sys.exit(OK)


def complain(error: ProtacsimError) -> None:
    """Print an error's sentences to stderr, without control characters from user input."""
    lines = error.problems if isinstance(error, ConfigError) else str(error).splitlines()
    for line in lines:
        typer.echo(f"error: {printable(line)}", err=True)
    if isinstance(error, ParameterError) and len(lines) > 1:
        typer.echo(f"{len(lines)} mistakes found.", err=True)


def counted(number: int, noun: str) -> str:
    """A number of things, one or more."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def printable(text: str) -> str:
    """The text with control characters spelled out, so that no input can steer a terminal."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
