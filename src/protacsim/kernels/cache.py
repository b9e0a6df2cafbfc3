"""Where compiled code is kept, and whether kernels are compiled at all; loads no compiler.

Machine code goes stale when any kernel changes, so the directory carries a hash of every source.
"""

from __future__ import annotations

import hashlib
import os
import platform
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

JIT_ENABLED = os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0")

_COMPILERS = ("numba", "llvmlite", "numpy")
_DIGEST = 32


def cache_directory() -> Path:
    """Where compiled kernels are kept: PROTACSIM_CACHE_DIR, else the user's cache directory."""
    base = os.environ.get("PROTACSIM_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")
    root = Path(base) if base else Path.home() / ".cache"
    return root / "protacsim" / "kernels" / _fingerprint()


@cache
def _fingerprint() -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    digest.update(" ".join((*map(version, _COMPILERS), platform.machine())).encode())
    return digest.hexdigest()[:16]


def kept(name: str, make: Callable[[], bytes]) -> bytes:
    """The content of a file of the cache, made and put there where it is missing or damaged.

    A file opens with the sha256 of its name and what follows.
    """
    path = cache_directory() / name
    found = _read(path)
    if found is None:
        found = make()
        _write(path, found)
    return found


def _read(path: Path) -> bytes | None:
    try:
        content = path.read_bytes()
    except OSError:
        return None
    body = content[_DIGEST:]
    return body if _digest(path.name, body) == content[:_DIGEST] else None


def _digest(name: str, body: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\0" + body).digest()


def _write(path: Path, body: bytes) -> None:
    """Write in one step; a directory that cannot be written costs the next process its time."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".partial")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_digest(path.name, body) + body)
            os.replace(name, path)
        except OSError:
            os.unlink(name)
