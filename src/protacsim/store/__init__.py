"""Results on disk: `data.zarr`, `manifest.json` and `run_log.jsonl` in one folder.

Here are their layout, checksums, journal and locks. What the numbers mean, and what goes into the
manifest, is the caller's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from protacsim.store.canonical import lines, sha256_of
from protacsim.store.exporting import FORMATS, escaped, export, headed
from protacsim.store.files import append, explained
from protacsim.store.journal import DATA, MANIFEST, PLAN, Receipt, check_begun, read_manifest
from protacsim.store.layout import Grid, Template, Variable, chunk_lengths
from protacsim.store.reading import open_results, reopened, verify
from protacsim.store.writing import ChunkWriter, Shard, Writer, writing

__all__ = [
    "DATA",
    "FORMATS",
    "MANIFEST",
    "PLAN",
    "RUN_LOG",
    "ChunkWriter",
    "Grid",
    "Receipt",
    "Shard",
    "Template",
    "Variable",
    "Writer",
    "check_begun",
    "chunk_lengths",
    "escaped",
    "export",
    "headed",
    "log",
    "open_results",
    "read_manifest",
    "reopened",
    "sha256_of",
    "verify",
    "writing",
]

RUN_LOG = "run_log.jsonl"


def log(folder: Path, event: Mapping[str, Any]) -> None:
    """Append one event (times, host, durations) as a line of `run_log.jsonl`.

    Raises `StoreError` when the disk refuses; the log then ends where it ended before.
    """
    path, content = Path(folder) / RUN_LOG, lines([event])
    with explained(path, "the event could not be appended"):
        append(path, content)
