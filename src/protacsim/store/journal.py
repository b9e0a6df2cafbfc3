"""The plan of a result and the journal of what is done: what makes a run resumable.

`plan.json` says what is being computed and `journal*.jsonl` which chunks are there, with the hash
of every file. A finished result has neither: its manifest holds both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import StrictInt, StrictStr, TypeAdapter, ValidationError

from protacsim.errors import StoreError
from protacsim.store.canonical import lines, sealed, unsealed
from protacsim.store.files import append, intact, write_file
from protacsim.store.layout import Template

DATA, MANIFEST, PLAN, JOURNAL = "data.zarr", "manifest.json", "plan.json", "journal"
LAYOUT = "protacsim-results/2"
MANIFEST_HASH, PLAN_HASH = "manifest_sha256", "plan_sha256"
TABLES = (
    "summary.csv",
    "report.html",
    "sensitivity.csv",
    "sensitivity_pairs.csv",
    "fit_parameters.csv",
    "fit_measurements.csv",
    "fit_curves.csv",
    "fit_readings.csv",
)
DRAWINGS = "figures"
"""What is made from the data, and the folder of figures; it goes when they go."""


@dataclass(frozen=True)
class Receipt:
    """One finished chunk: its number, the sha256 of each of its files, how many points failed.

    `lost` chunks hold no results because their worker died; the next run computes them again.
    """

    chunk: int
    files: Mapping[str, str]
    failed: int = 0
    lost: bool = False


@dataclass(frozen=True)
class _Planned:
    """What is relied on in a plan, whoever sealed it."""

    chunk_count: StrictInt


@dataclass(frozen=True)
class _Finished(_Planned):
    """What is relied on in a manifest."""

    files: dict[str, StrictStr]
    failed_by_chunk: dict[str, StrictInt]
    lost_chunks: list[StrictInt]
    coordinates: list[StrictStr]
    variables: list[StrictStr]


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def journal_name(label: str) -> str:
    """File name of the journal of the whole run, or of a shard (`1-of-3`)."""
    return f"{JOURNAL}-{label}.jsonl" if label else f"{JOURNAL}.jsonl"


def record(folder: Path, receipt: Receipt, label: str) -> None:
    """Note a finished chunk in a journal."""
    append(folder / journal_name(label), lines([vars(receipt)]))


def journals(folder: Path) -> list[Path]:
    """All journals of a folder."""
    return sorted(folder.glob(f"{JOURNAL}*.jsonl"))


def journalled(folder: Path) -> Iterator[Receipt]:
    """Receipts of all journals; a line that was cut short by a kill does not count."""
    for path in journals(folder):
        for line in path.read_bytes().splitlines():
            receipt = _receipt(line)
            if receipt is not None:
                yield receipt


def _receipt(line: bytes) -> Receipt | None:
    try:
        receipt: Receipt = _adapter(Receipt).validate_json(line)
    except ValidationError:
        return None
    return receipt


def rewrite(folder: Path, receipts: Iterable[Receipt]) -> None:
    """Replace all journals by one with these receipts."""
    write_file(folder / journal_name(""), lines(vars(receipt) for receipt in receipts))
    for path in journals(folder):
        if path.name != journal_name(""):
            path.unlink()


def of_manifest(found: Mapping[str, Any], template: Template) -> Iterator[Receipt]:
    """Receipts of a finished result, from its manifest."""
    files, failed, lost = found["files"], found["failed_by_chunk"], set(found["lost_chunks"])
    for chunk in range(template.grid.chunks):
        names = template.chunk_files(chunk)
        if all(name in files for name in names):
            hashes = {name: files[name] for name in names}
            yield Receipt(chunk, hashes, failed.get(str(chunk), 0), chunk in lost)


def is_done(receipt: Receipt, template: Template, store: Path) -> bool:
    """Whether a chunk is there, whole and with results."""
    if not 0 <= receipt.chunk < template.grid.chunks or receipt.lost:
        return False
    names = template.chunk_files(receipt.chunk)
    return sorted(receipt.files) == sorted(names) and all(
        intact(store / name, receipt.files[name]) for name in names
    )


def write_plan(folder: Path, plan: Mapping[str, Any], label: str = "") -> None:
    """State what is being computed."""
    write_file(folder / PLAN, sealed(plan, PLAN_HASH), label)


def read_manifest(folder: Path) -> dict[str, Any]:
    """Checked manifest of a finished result."""
    path = folder / MANIFEST
    try:
        found = unsealed(path, MANIFEST_HASH)
    except FileNotFoundError:
        raise StoreError(_unfinished(folder)) from None
    return _of_this_layout(path, found, _Finished)


def _unfinished(folder: Path) -> str:
    if not folder.exists():
        return f"{folder} is not there; give the folder that a run wrote, such as results/<name>"
    if not (folder / PLAN).exists():
        return f"{folder / MANIFEST} is missing, so {folder} holds no finished results"
    done = len({receipt.chunk for receipt in journalled(folder)})
    total = read_plan(folder)["chunk_count"]
    return (
        f"{folder} is not finished ({done} of {total} chunks are there); "
        "give the same command again to finish it, or `protacsim collect` after the last shard"
    )


def read_plan(folder: Path) -> dict[str, Any]:
    """Checked plan of an unfinished result."""
    path = folder / PLAN
    try:
        found = unsealed(path, PLAN_HASH)
    except FileNotFoundError:
        raise StoreError(f"{path} is missing, so {folder} holds no unfinished results") from None
    return _of_this_layout(path, found, _Planned)


def _of_this_layout(path: Path, found: dict[str, Any], kind: type) -> dict[str, Any]:
    if found.get("layout") != LAYOUT:
        raise StoreError(
            f"{path} has layout {found.get('layout')!r}; this version reads {LAYOUT}. "
            "Read it with the version that wrote it, or start anew with --fresh"
        )
    try:
        _adapter(kind).validate_python(found)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise StoreError(f"{path} is damaged: {where[:60]}: {first['msg']}") from None
    return found


def check_begun(folder: Path) -> None:
    """Raise `StoreError` for a folder that no run has written to."""
    if not any((folder / name).exists() for name in (MANIFEST, PLAN)):
        raise StoreError(
            f"{folder}: no run has written here; run the shards first, or give their folder with "
            "--out"
        )


def existing_plan(folder: Path) -> dict[str, Any] | None:
    """What a folder holds or was to hold; None for an empty one."""
    try:
        if (folder / MANIFEST).exists():
            return read_manifest(folder)
        if (folder / PLAN).exists():
            return read_plan(folder)
    except StoreError as error:
        raise StoreError(f"{error}. Start anew with --fresh, or restore a copy") from None
    if (folder / DATA).exists():
        raise StoreError(
            f"{folder / DATA} is there, but neither a manifest nor a plan that says what it is; "
            "start anew with --fresh, or choose another folder with --out"
        )
    _refuse_to_replace(folder)
    return None


def _refuse_to_replace(folder: Path) -> None:
    """Raise `StoreError` where a folder without results has a file that a run would replace."""
    for name in TABLES:
        if (folder / name).exists():
            raise StoreError(
                f"{folder / name} belongs to no results that are here, and a run would replace it; "
                "move it, or choose another folder with --out"
            )
