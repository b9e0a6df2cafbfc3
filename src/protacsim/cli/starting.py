"""The command init: a commented configuration to start from, one per question.

The configurations lie beside this module in `starters/`; what they mean is the work of `config`.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import typer

from protacsim.cli import OK, printable
from protacsim.cli.tables import print_json
from protacsim.errors import ParameterError, StoreError
from protacsim.validation import one_of

QUESTIONS = {
    "dose-response": "how much target is left at which dose",
    "allele": "what a resistant allele changes",
    "washout": "how fast the target comes back",
    "single-cell": "how much single cells differ",
    "fit": "what measurements determine",
    "sweep": "which combination of two properties is best",
}
MEASURED = "measured.csv"


def start(question: str, out: Path | None, *, force: bool, as_json: bool) -> int:
    """Write the starter of a question (and its measurements), and say how to go on."""
    if question not in QUESTIONS:
        raise ParameterError(f'--question "{question}": {one_of(question, QUESTIONS)}')
    config = Path(f"{question}.toml") if out is None else out
    if config.suffix != ".toml":
        raise ParameterError(f"--out {config}: give a file name that ends in .toml")
    written = _write(_texts(question, config), force=force)
    if as_json:
        print_json([str(path) for path in written])
        return OK
    for path in written:
        typer.echo(printable(str(path)))
    typer.echo(f"Edit it, then: protacsim run {printable(str(config))}", err=True)
    return OK


def _texts(question: str, config: Path) -> dict[Path, str]:
    texts = {config: starter(f"{question}.toml").replace("FILE", config.name)}
    if question == "fit":
        measured = config.with_suffix(".csv")
        texts = {
            measured: starter(MEASURED),
            config: texts[config].replace(MEASURED, measured.name),
        }
    return texts


def starter(name: str) -> str:
    """The text of a packaged file."""
    folder = resources.files("protacsim.cli").joinpath("starters")
    return folder.joinpath(name).read_text(encoding="utf-8")


def _write(texts: dict[Path, str], *, force: bool) -> Sequence[Path]:
    there = [str(path) for path in texts if path.exists()]
    if there and not force:
        raise ParameterError(
            f"{' and '.join(there)} is already there; choose another name with --out, or replace "
            "it with --force"
        )
    for path, text in texts.items():
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise StoreError(
                f"{path}: cannot be written ({error.strerror}); choose another place with --out"
            ) from None
    return list(texts)
