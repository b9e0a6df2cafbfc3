"""One writer for one folder: locks that a killed process releases by dying."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from protacsim.errors import StoreError
from protacsim.store.files import write_file

WHOLE = "run"
"""Name of the lock of a process that writes every chunk."""
LOOK_S = 2.0
"""Whoever looks whether a lock is held holds it for a moment; who writes, for longer than this."""


@contextlib.contextmanager
def locked(folder: Path, name: str = WHOLE) -> Iterator[None]:
    """Hold the lock `name` of a folder, and see that no lock of another kind is held.

    Shards of one division (`1-of-3`, `2-of-3`) may write side by side; nothing else may.
    Raises `StoreError` with the holder's host, process and start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(_path(folder, name))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise StoreError(_refusal(folder, name)) from None
    try:
        for other in _others(folder, name):
            if _is_held(folder, other):
                raise StoreError(_refusal(folder, other))
        write_file(_note(folder, name), json.dumps(_self()).encode())
        yield
    finally:
        with contextlib.suppress(OSError):
            _note(folder, name).unlink(missing_ok=True)
        lock.release()


def _path(folder: Path, name: str) -> Path:
    return folder / f".{name}.lock"


def _note(folder: Path, name: str) -> Path:
    return folder / f".{name}.holder.json"


def _self() -> dict[str, object]:
    started = time.strftime("%Y-%m-%d %H:%M:%S %z")
    return {"host": socket.gethostname(), "pid": os.getpid(), "started": started}


def _others(folder: Path, name: str) -> list[str]:
    """Names of locks in the folder that may not be held beside this one."""
    names = [path.name[1 : -len(".lock")] for path in sorted(folder.glob(".*.lock"))]
    _, _, division = name.partition("-of-")
    return [n for n in names if n != name and not (division and n.endswith(f"-of-{division}"))]


def _is_held(folder: Path, name: str) -> bool:
    lock = FileLock(_path(folder, name))
    try:
        lock.acquire(timeout=LOOK_S, poll_interval=0.01)
    except Timeout:
        return True
    lock.release()
    return False


def _refusal(folder: Path, name: str) -> str:
    try:
        found = json.loads(_note(folder, name).read_bytes())
        who = f"process {found['pid']} on host {found['host']} since {found['started']}"
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        who = "another process"
    what = "" if name == WHOLE else f" (shard {name.replace('-of-', '/')})"
    return (
        f"{folder} is being written by {who}{what}; wait until it is done, "
        "or choose another folder with --out"
    )
