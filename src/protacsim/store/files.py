"""Files on a disk that may be full, read-only or pulled away: atomic writes, hashes, leftovers."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from protacsim.errors import StoreError

PARTIAL = ".partial"
"""End of the name of every file that is not yet complete."""


def write_file(path: Path, content: bytes | memoryview, label: str = "") -> str:
    """Write a file so that its name never stands for half of it; returns its sha256.

    `label` keeps writers apart that may write the same file at once.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # A worker that outlives its parent for a moment must not share a file with its successor.
    partial = path.with_name(f"{path.name}-{os.getpid()}{label}{PARTIAL}")
    try:
        partial.unlink(missing_ok=True)
        partial.write_bytes(content)
        partial.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
    return hashlib.sha256(content).hexdigest()


def append(path: Path, content: bytes) -> None:
    """Append all of `content` or nothing, on a line of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink():
        raise StoreError(f"{path} is a link; remove it, so that nothing elsewhere is written")
    size = path.stat().st_size if path.exists() else 0
    try:
        with path.open("ab") as file:
            file.write(content if _ends_a_line(path, size) else b"\n" + content)
    except OSError:
        with contextlib.suppress(OSError):
            os.truncate(path, size)
        raise


def _ends_a_line(path: Path, size: int) -> bool:
    """Whether a file is empty or ends in a newline; a writer that was killed may leave half one."""
    if size == 0:
        return True
    with path.open("rb") as file:
        file.seek(size - 1)
        return file.read(1) == b"\n"


def remove_leftovers(paths: Iterable[Path], label: str = "") -> None:
    """Of `paths`, remove links, and what a killed writer left: any, or the one with this label.

    Links go so that nothing elsewhere is read or written through them.
    """
    for path in paths:
        if path.is_symlink() or path.name.endswith(f"{label}{PARTIAL}"):
            remove(path)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all that is in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_empty(folder: Path, top: Path) -> None:
    """Remove a folder below `top` if nothing is in it, and then those above it likewise."""
    while folder != top and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def files_below(folder: Path) -> dict[str, Path]:
    """Every file below a folder, links and other oddities included, by its relative name."""
    found = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return {path.relative_to(folder).as_posix(): path for path in sorted(found)}


def sha256(path: Path) -> str:
    """Hash of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def intact(path: Path, expected: str) -> bool:
    """Whether a file is there and has this hash."""
    try:
        return _is_plain(path) and sha256(path) == expected
    except OSError:
        return False


def _is_plain(path: Path) -> bool:
    """Whether it is a file: reading a pipe would wait forever, and a link can lead anywhere."""
    return path.is_file() and not path.is_symlink()


def changed(path: Path, expected: str) -> str | None:
    """One sentence if a file is not what was written."""
    if not _is_plain(path):
        return f"{path} is not a plain file"
    try:
        return None if sha256(path) == expected else f"{path} is not what was written (sha256)"
    except OSError as error:
        return f"{path} cannot be read ({error.strerror})"


@contextlib.contextmanager
def explained(where: Path, failure: str, option: str = "--out") -> Iterator[None]:
    """Turn an error of the operating system into a `StoreError` that says what to do.

    `option` of the command line names the place.
    """
    try:
        yield
    except StoreError:
        raise
    except OSError as error:
        reason = ": ".join(str(x) for x in (error.filename, error.strerror or error) if x)
        remedy = _remedy(error.errno).replace("--out", option)
        raise StoreError(f"{where}: {failure} ({reason}); {remedy}") from error


def _remedy(code: int | None) -> str:
    match code:
        case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
            return "free space there, or choose a folder on another disk with --out"
        case errno.EROFS | errno.EACCES | errno.EPERM:
            return "make the folder writable, or choose another one with --out"
        case errno.EEXIST | errno.ENOTDIR:
            return "a file stands where a folder is needed: move it, or choose another with --out"
        case errno.EISDIR | errno.ENOTEMPTY:
            return "a folder stands where a file is needed: move it, or choose another with --out"
        case _:
            return "check the disk, or choose another folder with --out"
