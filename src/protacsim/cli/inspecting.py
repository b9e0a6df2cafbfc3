"""Commands on a results folder: verify, failures, export."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import typer

from protacsim import store
from protacsim.cli import OK, STORAGE, printable
from protacsim.cli.labels import labelled
from protacsim.cli.tables import print_json, print_rows
from protacsim.errors import ParameterError
from protacsim.loading import load_xarray
from protacsim.study import failures

LISTED_FAILURES = 1000


def verify(folders: Sequence[Path], *, as_json: bool) -> int:
    """Check every byte of the data against the manifests."""
    found = {str(folder): store.verify(folder) for folder in folders}
    if as_json:
        print_json([{"folder": folder, "problems": lines} for folder, lines in found.items()])
    for folder, lines in found.items() if not as_json else ():
        for line in lines:
            typer.echo(f"error: {printable(line)}", err=True)
        if not lines:
            typer.echo(f"{printable(folder)}: every byte of its data is as written")
    return STORAGE if any(found.values()) else OK


def list_failures(folder: Path, *, as_json: bool) -> int:
    """List the points that failed, with their parameters and what to do."""
    load_xarray()
    found = failures(store.open_results(folder))
    if as_json:
        print_json(list(found))
        return OK
    rows = list(itertools.islice(found, LISTED_FAILURES + 1))
    if not rows:
        typer.echo(f"{printable(str(folder))}: no point failed")
        return OK
    shown = rows[:LISTED_FAILURES]
    print_rows("Failed points", list(shown[0]), [list(row.values()) for row in shown])
    if len(rows) > LISTED_FAILURES:
        typer.echo(f"Only the first {LISTED_FAILURES} are shown; --json lists all.", err=True)
    return OK


def export(folder: Path, targets: Sequence[Path], *, as_json: bool) -> int:
    """Write results in other formats."""
    wrong = [str(path) for path in targets if path.suffix not in store.FORMATS]
    if wrong or not targets:
        raise ParameterError(
            f"--to {printable(', '.join(wrong)) or 'is missing'}: give a file name that ends in "
            f"{', '.join(store.FORMATS)}"
        )
    load_xarray()
    data = store.open_results(folder)
    written = [str(store.export(labelled(data), path)) for path in targets]
    if as_json:
        print_json(written)
    for path in written if not as_json else ():
        typer.echo(printable(path))
    return OK
