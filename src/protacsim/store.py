"""Results on disk: `data.zarr`, `manifest.json` and `run_log.jsonl` in one folder.

Here are their layout, their checksums and how a finished result is replaced in one step. What the
numbers mean, and what goes into the manifest, is the caller's business.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import math
import os
import shutil
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from protacsim.errors import StoreError

if TYPE_CHECKING:
    import xarray as xr
    from zarr.core.buffer import Buffer

DATA, MANIFEST, RUN_LOG = "data.zarr", "manifest.json", "run_log.jsonl"
PARTIAL = ".partial"
LAYOUT = "protacsim-results/1"
POINTS_PER_CHUNK = 4096
WHOLE_DIMS = frozenset({"compound", "time_h"})
RESERVED = ("chunks", "coordinates", "files", "layout", "manifest_sha256")
MAX_LISTED = 5


def write(
    data: xr.Dataset,
    folder: Path,
    *,
    manifest: Mapping[str, Any],
    log: Iterable[Mapping[str, Any]] = (),
) -> Path:
    """Write a result into `folder`, replacing a finished one only once the new one is complete.

    The same dataset gives the same bytes in `data.zarr`, and with the same `manifest` the same
    bytes in `manifest.json`; events of `log` are appended to `run_log.jsonl`. The manifest gets,
    besides what is passed: `layout`, `chunks` (shape per array), `coordinates`, `files` (sha256
    per file of `data.zarr`) and `manifest_sha256` (of all the rest).

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    StoreError
        The dataset or the manifest cannot be stored, or the disk refused; what stood in the
        folder before is still there, and nothing half-written has a final name.
    """
    folder = Path(folder)
    taken = sorted(set(manifest) & set(RESERVED))
    if taken:
        raise StoreError(f"{folder}: manifest key {taken[0]!r} is the store's own; rename it")
    described = dict(_jsonable(manifest, "manifest"))
    lines = _lines(log)
    plain, chunks = _storable(data), _chunks(data)
    with _explained(folder, "the results could not be written, and nothing was replaced"):
        files = _encoded(plain, chunks)
        folder.mkdir(parents=True, exist_ok=True)
        _clear(folder)
        try:
            described |= {
                "layout": LAYOUT,
                "chunks": chunks,
                "coordinates": sorted(str(name) for name in data.coords),
                "files": _write_files(files, folder / (DATA + PARTIAL)),
            }
            _write_manifest(described, folder / (MANIFEST + PARTIAL))
            _append(folder, lines)
            _publish(folder)
        except BaseException:
            with contextlib.suppress(OSError):
                _clear(folder)
            raise
        shutil.rmtree(folder / (DATA + ".old" + PARTIAL), ignore_errors=True)
    return folder


def log(folder: Path, event: Mapping[str, Any]) -> None:
    """Append one event (times, host, durations) as a line of `run_log.jsonl`.

    Raises `StoreError` when the disk refuses; the log then ends where it ended before.
    """
    folder = Path(folder)
    lines = _lines([event])
    with _explained(folder / RUN_LOG, "the event could not be appended"):
        folder.mkdir(parents=True, exist_ok=True)
        _append(folder, lines)


def open_results(folder: Path) -> xr.Dataset:
    """Read a result back, after checking every file against the manifest.

    Values, attributes and coordinates are those written; strings come as `object` arrays of str,
    arrays in attributes as lists. The whole dataset is in memory. Without the check, and lazily,
    `xarray.open_zarr(folder / "data.zarr")` reads it too.

    Raises
    ------
    StoreError
        The manifest is missing or damaged, or a file of `data.zarr` is missing, extra or changed;
        the message names it.
    """
    import xarray as xr

    folder = Path(folder)
    problems = verify(folder)
    if problems:
        listed = "; ".join(problems[:MAX_LISTED])
        more = f"; and {len(problems) - MAX_LISTED} more" if len(problems) > MAX_LISTED else ""
        raise StoreError(f"{listed}{more}. Restore {folder} from a copy, or run again")
    with _explained(folder, "the results could not be read"):
        stored = xr.open_zarr(folder / DATA, chunks=None, consolidated=False, decode_times=False)
        with stored:
            stored.load()
        coordinates = _read_manifest(folder)["coordinates"]
    return _with_strings(stored.drop_encoding().set_coords(coordinates))


def verify(folder: Path) -> list[str]:
    """Problems of a result folder, one sentence each; empty when every byte is as written."""
    folder = Path(folder)
    try:
        expected: dict[str, str] = _read_manifest(folder)["files"]
    except StoreError as error:
        return [str(error)]
    store = folder / DATA
    if not store.is_dir():
        return [f"{store} is missing"]
    found = {path.relative_to(store).as_posix(): path for path in _files(store)}
    missing = [f"{store / name} is missing" for name in sorted(set(expected) - set(found))]
    extra = [f"{found[name]} is not in the manifest" for name in sorted(set(found) - set(expected))]
    both = sorted(set(found) & set(expected))
    return missing + extra + [p for name in both if (p := _changed(found[name], expected[name]))]


def sha256_of(obj: Any) -> str:
    """Hash of the canonical JSON of `obj`: UTF-8, sorted keys, no spaces, shortest floats.

    NumPy scalars and arrays count as their Python values, tuples as lists, and non-finite floats
    as the strings "NaN", "Infinity" and "-Infinity"; 1 and 1.0 differ.

    Raises `StoreError` for what JSON cannot hold.
    """
    return _hash(_jsonable(obj, "value"))


def chunk_shape(dims: Sequence[str], shape: Sequence[int]) -> tuple[int, ...]:
    """Chunk of a variable: whole `time_h` and `compound`, and up to 4096 points of the axes.

    Filled from the last axis on, so that a chunk is a contiguous run of points; it depends on
    nothing but the arguments.
    """
    room = POINTS_PER_CHUNK
    chunks = []
    for dim, size in zip(reversed(dims), reversed(shape), strict=True):
        length = size if dim in WHOLE_DIMS else max(1, min(size, room))
        chunks.append(max(1, length))
        if dim not in WHOLE_DIMS:
            room = room // size if 0 < size <= room else 1
    return tuple(reversed(chunks))


def _storable(data: xr.Dataset) -> xr.Dataset:
    """Copy without encodings, strings as `object`, attributes as JSON values."""
    plain = data.drop_encoding()
    for name in plain.variables:
        _check_name(name)
    # xarray cannot mark a coordinate whose name has a space; the manifest lists it instead.
    spaced = [k for k in plain.coords if k not in plain.xindexes and " " in str(k)]
    plain = _with_strings(plain).reset_coords(spaced)
    plain.attrs = _jsonable(data.attrs, "attributes")
    for name, variable in plain.variables.items():
        variable.attrs = _jsonable(data[name].attrs, f"attributes of {name}")
    return plain


def _check_name(name: object) -> None:
    if (
        not isinstance(name, str)
        or not name.strip(".")
        or name.startswith("__")
        or name == "zarr.json"
        or set(name) & set("/\\")
    ):
        raise StoreError(
            f"variable {name!r} cannot be stored under this name; "
            "use a name without slashes that does not begin with '__'"
        )


def _with_strings(data: xr.Dataset) -> xr.Dataset:
    """Dataset whose string variables, of whatever dtype, are `object` arrays of str."""
    strings = {k: _strings(k, v) for k, v in data.variables.items() if v.dtype.kind in "OUT"}
    data = data.assign_coords({k: v for k, v in strings.items() if k in data.coords})
    return data.assign({k: v for k, v in strings.items() if k in data.data_vars})


def _strings(name: object, variable: xr.Variable) -> xr.Variable:
    values = variable.values.astype(object)
    odd = [value for value in values.flat if not isinstance(value, str)]
    if odd:
        raise StoreError(
            f"variable {name!r} holds {odd[0]!r} of type {type(odd[0]).__name__}; "
            "only numbers, booleans and strings can be stored, one kind in each variable"
        )
    return variable.copy(data=values)


def _encoded(plain: xr.Dataset, chunks: Mapping[str, tuple[int, ...]]) -> dict[str, Buffer]:
    """Content of every file of `data.zarr` by its path there.

    Encoded in memory: zarr goes on writing in other threads after a first write has failed, and
    would put files back into a folder that is being removed.
    """
    import zarr
    from zarr.codecs import Crc32cCodec, ZstdCodec
    from zarr.storage import MemoryStore

    codecs = (ZstdCodec(level=3), Crc32cCodec())
    files: dict[str, Buffer] = {}
    memory = MemoryStore(files)
    plain.to_zarr(
        memory,
        mode="w-",
        zarr_format=3,
        consolidated=False,
        encoding={name: {"chunks": shape, "compressors": codecs} for name, shape in chunks.items()},
        write_empty_chunks=True,
    )
    with warnings.catch_warnings():
        # Without it every plain `xarray.open_zarr` warns; other readers ignore the extra key.
        warnings.filterwarnings("ignore", "Consolidated metadata is currently not part")
        zarr.consolidate_metadata(memory, zarr_format=3)
    return files


def _chunks(data: xr.Dataset) -> dict[str, tuple[int, ...]]:
    """Chunk shape of every array; a one-dimensional coordinate is one chunk."""
    return {
        str(name): (max(1, variable.size),)
        if name in data.coords and variable.ndim == 1
        else chunk_shape([str(dim) for dim in variable.dims], variable.shape)
        for name, variable in data.variables.items()
    }


def _write_files(files: Mapping[str, Buffer], store: Path) -> dict[str, str]:
    """Write every file, and return its sha256 by its path in the store."""
    hashes = {}
    for name in sorted(files):
        content, path = files[name].to_bytes(), store / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        hashes[name] = hashlib.sha256(content).hexdigest()
    return hashes


def _write_manifest(described: Mapping[str, Any], path: Path) -> None:
    complete = {**described, "manifest_sha256": _hash(described)}
    text = json.dumps(complete, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    path.write_bytes(text.encode() + b"\n")


def _read_manifest(folder: Path) -> dict[str, Any]:
    """Checked manifest of a folder."""
    path = folder / MANIFEST
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise StoreError(f"{path} is missing, so {folder} holds no finished results") from None
    except OSError as error:
        raise StoreError(f"{path} cannot be read ({error.strerror})") from error
    except ValueError:
        raise StoreError(f"{path} is damaged: it is no JSON") from None
    if not isinstance(found, dict) or found.get("manifest_sha256") != _hash(
        {key: value for key, value in found.items() if key != "manifest_sha256"}
    ):
        raise StoreError(f"{path} is damaged: it is not what was written (by its own sha256)")
    if found.get("layout") != LAYOUT:
        raise StoreError(f"{path} has layout {found.get('layout')!r}; this version reads {LAYOUT}")
    return found


def _lines(events: Iterable[Mapping[str, Any]]) -> bytes:
    return b"".join(_canonical(_jsonable(event, "log event")) + b"\n" for event in events)


def _append(folder: Path, lines: bytes) -> None:
    """Append all lines or none."""
    path = folder / RUN_LOG
    size = path.stat().st_size if path.exists() else 0
    try:
        with path.open("ab") as file:
            file.write(lines)
    except OSError:
        with contextlib.suppress(OSError):
            os.truncate(path, size)
        raise


def _publish(folder: Path) -> None:
    """Give the finished files their final names; put the old ones back if that fails.

    A folder cannot replace a non-empty one in one step, so the old one steps aside first.
    """
    old = folder / (DATA + ".old" + PARTIAL)
    with contextlib.ExitStack() as undo:
        if (folder / DATA).exists():
            (folder / DATA).replace(old)
            undo.callback(old.replace, folder / DATA)
        (folder / (DATA + PARTIAL)).replace(folder / DATA)
        undo.callback((folder / DATA).replace, folder / (DATA + PARTIAL))
        (folder / (MANIFEST + PARTIAL)).replace(folder / MANIFEST)
        undo.pop_all()


def _clear(folder: Path) -> None:
    """Remove `*.partial`, left behind by a write that was killed; undo its half-done swap first.

    As long as the new manifest has not got its final name, the old results are the valid ones.
    """
    data, old = folder / DATA, folder / (DATA + ".old" + PARTIAL)
    if old.exists() and (folder / (MANIFEST + PARTIAL)).exists() and data.exists():
        shutil.rmtree(data)
    if old.exists() and not data.exists():
        old.replace(data)
    for path in folder.glob("*" + PARTIAL):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


@contextlib.contextmanager
def _explained(where: Path, failure: str) -> Iterator[None]:
    """Turn an error of the operating system into a `StoreError` that says what to do."""
    try:
        yield
    except StoreError:
        raise
    except OSError as error:
        reason = ": ".join(str(x) for x in (error.filename, error.strerror or error) if x)
        raise StoreError(f"{where}: {failure} ({reason}); {_remedy(error.errno)}") from error


def _remedy(code: int | None) -> str:
    match code:
        case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
            return "free space there, or choose a folder on another disk"
        case errno.EROFS | errno.EACCES | errno.EPERM:
            return "make the folder writable, or choose another one"
        case errno.EEXIST | errno.ENOTDIR:
            return "a file stands where a folder is needed: move it, or choose another folder"
        case _:
            return "check the disk, or choose another folder"


def _files(store: Path) -> list[Path]:
    """Every file below a folder, links and other oddities included."""
    return sorted(path for path in store.rglob("*") if path.is_symlink() or not path.is_dir())


def _changed(path: Path, expected: str) -> str | None:
    try:
        return None if _sha256(path) == expected else f"{path} is not what was written (sha256)"
    except OSError as error:
        return f"{path} cannot be read ({error.strerror})"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hash(value: Any) -> str:
    return hashlib.sha256(_canonical(value)).hexdigest()


def _canonical(value: Any) -> bytes:
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def _jsonable(value: Any, where: str) -> Any:
    """`value` in the types of JSON; `where` names it in the error message."""
    match value:
        case None | bool():
            return value
        case str():
            return str(value)
        case np.generic() | np.ndarray():
            return _jsonable(value.tolist(), where)
        case int():
            return int(value)
        case float():
            return float(value) if math.isfinite(value) else _non_finite(value)
        case Mapping():
            return {_key(k, where): _jsonable(entry, f"{where}.{k}") for k, entry in value.items()}
        case list() | tuple():
            return [_jsonable(entry, f"{where}[{i}]") for i, entry in enumerate(value)]
    raise StoreError(
        f"{where} is of type {type(value).__name__}, which JSON cannot hold; "
        "give a number, a string, a list or a mapping"
    )


def _key(key: object, where: str) -> str:
    if not isinstance(key, str):
        raise StoreError(f"{where} has the key {key!r}; JSON keys are strings, so quote it")
    return str(key)


def _non_finite(value: float) -> str:
    """Name of a float that JSON has no number for, as in Zarr's fill values."""
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
