"""Writing a result chunk by chunk: begin or resume, write, record, finish."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from protacsim.errors import StoreError
from protacsim.store import journal
from protacsim.store.canonical import jsonable, sealed
from protacsim.store.changes import refuse_change
from protacsim.store.files import (
    explained,
    files_below,
    intact,
    remove,
    remove_empty,
    remove_leftovers,
    write_file,
)
from protacsim.store.journal import DATA, LAYOUT, MANIFEST, MANIFEST_HASH, PLAN, Receipt
from protacsim.store.layout import Encoder, Template
from protacsim.store.lock import WHOLE, locked

OWN = re.compile(
    rf"({'|'.join(map(re.escape, (MANIFEST, PLAN, *journal.TABLES)))}|journal(-\d+-of-\d+)?\.jsonl"
    r"|\.(run|\d+-of-\d+)\.(lock|holder\.json))(-\d+(\.\d+-of-\d+)?\.partial)?"
)
"""Names of the files that stand beside the data, whole or half-written."""

REFUSED = "the results could not be written; what was finished before is still there"


@dataclass(frozen=True)
class Shard:
    """Part `number` (from 1) of `count`: every `count`-th chunk."""

    number: int
    count: int

    @property
    def label(self) -> str:
        """How it is named in files."""
        return f"{self.number}-of-{self.count}"

    def has(self, chunk: int) -> bool:
        """Whether a chunk belongs to it."""
        return chunk % self.count == self.number - 1


@dataclass(frozen=True, eq=False)
class ChunkWriter:
    """Writes chunks into `data.zarr`, in whatever thread, process or machine it is sent to."""

    folder: Path
    template: Template
    label: str = ""

    def write(
        self, number: int, values: Mapping[str, NDArray[Any]], *, failed: int, lost: bool = False
    ) -> Receipt:
        """Write every file of a chunk; `values` has the window of each variable."""
        with explained(self.folder, REFUSED):
            files = {
                name: write_file(self.folder / DATA / name, content, self.label)
                for name, content in self._encoder.files(number, values).items()
            }
        return Receipt(number, files, failed, lost)

    @cached_property
    def _encoder(self) -> Encoder:
        return Encoder(self.template)

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder, "template": self.template, "label": self.label}


@dataclass(eq=False)
class Writer:
    """A result on its way: which chunks are there, and the manifest at the end."""

    folder: Path
    template: Template
    plan: Mapping[str, Any]
    shard: Shard | None
    receipts: dict[int, Receipt] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Ends of the names of this writer's own files."""
        return self.shard.label if self.shard else ""

    @property
    def partial_label(self) -> str:
        """What keeps its unfinished files apart from those of other shards."""
        return f".{self.label}" if self.label else ""

    @property
    def chunk_writer(self) -> ChunkWriter:
        """What a worker needs."""
        return ChunkWriter(self.folder, self.template, self.partial_label)

    def remaining(self) -> Iterator[int]:
        """Chunks that are still to be computed here."""
        for chunk in range(self.template.grid.chunks):
            if chunk not in self.receipts and (self.shard is None or self.shard.has(chunk)):
                yield chunk

    def record(self, receipt: Receipt) -> None:
        """Note a chunk as finished."""
        with explained(self.folder, REFUSED):
            journal.record(self.folder, receipt, self.label)
        self.receipts[receipt.chunk] = receipt

    @property
    def complete(self) -> bool:
        """Whether every chunk of the whole result is there."""
        return len(self.receipts) == self.template.grid.chunks

    def finish(self) -> None:
        """Write the manifest of a complete result; the journal is then no longer needed."""
        with explained(self.folder, REFUSED):
            content = sealed(self._manifest(), MANIFEST_HASH)
            path = self.folder / MANIFEST
            if not path.exists() or path.read_bytes() != content:
                write_file(path, content)
            for leftover in [self.folder / PLAN, *journal.journals(self.folder)]:
                leftover.unlink(missing_ok=True)

    def _manifest(self) -> dict[str, Any]:
        receipts = [self.receipts[chunk] for chunk in sorted(self.receipts)]
        files = dict(self.metadata)
        for receipt in receipts:
            files.update(receipt.files)
        return {
            **self.plan,
            "files": files,
            "failed": sum(receipt.failed for receipt in receipts),
            "failed_by_chunk": {str(r.chunk): r.failed for r in receipts if r.failed},
            "lost_chunks": [receipt.chunk for receipt in receipts if receipt.lost],
        }


@contextlib.contextmanager
def writing(
    folder: Path,
    template: Template,
    plan: Mapping[str, Any],
    *,
    fresh: bool = False,
    shard: Shard | None = None,
) -> Iterator[Writer]:
    """Hold a folder for writing; what it already has of the same plan stays.

    `plan` is plain data: equal plans mean equal results, and only `figures` and the title may
    differ from those of results that are there. `fresh` removes what is there first. However it
    ends, files that its workers left half-written are removed.

    Raises
    ------
    StoreError
        The folder holds results of another plan (the message shows the differences), another
        process writes it, or the disk refuses.
    """
    folder = Path(folder)
    writer = Writer(folder, template, _described(plan, template), shard)
    _check_place(folder)
    with contextlib.ExitStack() as stack:
        with explained(folder, REFUSED):
            stack.enter_context(locked(folder, writer.label or WHOLE))
            if fresh:
                _clear(folder)
            _begin(writer)
        try:
            yield writer
        except BaseException:
            with contextlib.suppress(OSError, StoreError):  # what stopped it is what counts
                _remove_leftovers(writer)
            raise
        with explained(folder, REFUSED):
            _remove_leftovers(writer)  # of workers that ended with one that died


def _check_place(folder: Path) -> None:
    file = next((p for p in (folder, *folder.parents) if p.exists() and not p.is_dir()), None)
    if file is not None:
        place = "" if file == folder else f"{folder}: "
        raise StoreError(
            f"{place}{file} is a file, and results need a folder; choose another name with --out"
        )


def _described(plan: Mapping[str, Any], template: Template) -> dict[str, Any]:
    grid = template.grid
    return jsonable(  # type: ignore[no-any-return]
        {
            **plan,
            "layout": LAYOUT,
            "grid": {"sizes": grid.sizes, "lengths": grid.lengths},
            "chunk_count": grid.chunks,
            "chunks": {v.name: template.chunk(v) for v in template.variables},
            "coordinates": sorted(str(name) for name in template.coordinates.coords),
            "variables": [variable.name for variable in template.variables],
        },
        "plan",
    )


def _clear(folder: Path) -> None:
    """Remove results, the manifest first: what is left is never taken for finished."""
    if any((folder / name).exists() for name in (MANIFEST, PLAN, DATA)):
        _remove_derived(folder)
    for path in [folder / MANIFEST, folder / PLAN, *journal.journals(folder), folder / DATA]:
        remove(path)


def _remove_derived(folder: Path) -> None:
    """Remove tables, report and drawings; what else stands in the folder of figures stays."""
    figures = folder / journal.DRAWINGS
    for path in [*map(folder.joinpath, journal.TABLES), *figures.glob("*.[ps][nv]g")]:
        remove(path)
    with contextlib.suppress(OSError):  # not empty, or not there
        figures.rmdir()


def _begin(writer: Writer) -> None:
    """Find out what is there, and put plan, journal and metadata in place."""
    folder = writer.folder
    before = journal.existing_plan(folder)
    if before is not None:
        refuse_change(folder, before, writer.plan)
    _remove_leftovers(writer)
    content = Encoder(writer.template).metadata
    writer.metadata = {name: hashlib.sha256(c).hexdigest() for name, c in content.items()}
    finished = before is not None and "files" in before
    receipts = journal.journalled(folder)
    if before is not None and finished:
        receipts = journal.of_manifest(before, writer.template)
    done = (r for r in receipts if journal.is_done(r, writer.template, folder / DATA))
    writer.receipts = {receipt.chunk: receipt for receipt in done}
    if writer.shard is None:
        _remove_strays(writer)
        if before is None or not (finished and writer.complete):
            _reopen(writer, known=before is not None)
    elif finished and not writer.complete:
        raise StoreError(f"{folder} is finished but damaged; repair it by a run without --shard")
    _write_metadata(writer, content)


def _remove_leftovers(writer: Writer) -> None:
    """Remove half-written files and links, and nothing that is not the store's own."""
    folder, store = writer.folder, writer.folder / DATA
    if store.is_symlink():
        raise StoreError(
            f"{store} is a link; for data on another disk put the whole folder there with --out, "
            "or start anew with --fresh"
        )
    own = [path for path in folder.iterdir() if OWN.fullmatch(path.name)]
    remove_leftovers([*own, *files_below(store).values()], writer.partial_label)


def _reopen(writer: Writer, *, known: bool) -> None:
    """State the plan and one journal of what is there; what stands in a new folder stays."""
    folder = writer.folder
    if known:
        _remove_derived(folder)
    journal.write_plan(folder, writer.plan)
    journal.rewrite(folder, writer.receipts.values())
    (folder / MANIFEST).unlink(missing_ok=True)


def _write_metadata(writer: Writer, content: Mapping[str, bytes]) -> None:
    folder, label = writer.folder, writer.partial_label
    if writer.shard is not None and not writer.complete:
        journal.write_plan(folder, writer.plan, label)
    for name, digest in writer.metadata.items():
        if not intact(folder / DATA / name, digest):
            write_file(folder / DATA / name, content[name], label)


def _remove_strays(writer: Writer) -> None:
    """Remove from the store what belongs neither to a finished chunk nor to the metadata."""
    known = {name for receipt in writer.receipts.values() for name in receipt.files}
    for name, path in files_below(writer.folder / DATA).items():
        if name not in known and name not in writer.metadata:
            remove(path)
            remove_empty(path.parent, writer.folder / DATA)
