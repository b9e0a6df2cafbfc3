"""Reading results back, after every byte has been checked: here, or where they were written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from protacsim.errors import StoreError
from protacsim.store.files import changed, files_below
from protacsim.store.journal import DATA, read_manifest
from protacsim.store.layout import with_strings

if TYPE_CHECKING:
    import xarray as xr

MAX_LISTED = 5


def open_results(folder: Path | str, *, lazily: bool = False) -> xr.Dataset:
    """Read a result back, after checking every file against the manifest.

    Values, attributes and coordinates are those written; strings come as `object` arrays of str,
    arrays in attributes as lists. The whole dataset is in memory, or with `lazily` each variable
    from when it is first used. Without the check `xarray.open_zarr(folder / "data.zarr")` reads
    it too.

    Raises
    ------
    StoreError
        The result is not finished, or the manifest or a file of `data.zarr` is missing, extra or
        changed; the message names it.
    """
    folder = Path(folder)
    found = read_manifest(folder)
    problems = _problems(folder, found)
    if problems:
        listed = "; ".join(problems[:MAX_LISTED])
        more = f"; and {len(problems) - MAX_LISTED} more" if len(problems) > MAX_LISTED else ""
        raise StoreError(f"{listed}{more}. Run again to repair {folder}, or restore a copy")
    return _read(folder, found, lazily=lazily)


def reopened(folder: Path, *, lazily: bool = False) -> xr.Dataset:
    """The same for a result that was finished here a moment ago.

    Its files are not hashed again: `writing` has just written them, or checked what was there.
    """
    return _read(folder, read_manifest(folder), lazily=lazily)


def _read(folder: Path, found: dict[str, Any], *, lazily: bool) -> xr.Dataset:
    try:
        return _loaded(folder / DATA, found, lazily)
    except Exception as error:
        # A manifest can vouch for bytes that are no data, such as shapes beyond any memory.
        raise StoreError(
            f"{folder}: every byte is as its manifest says, but the data cannot be read "
            f"({type(error).__name__}: {error}); ask for another copy, or run anew with --fresh"
        ) from error


def _loaded(store: Path, manifest: dict[str, Any], lazily: bool) -> xr.Dataset:
    import xarray as xr

    # Format 2 has codecs that run code from the file; format 3 has none.
    stored = xr.open_zarr(store, chunks=None, consolidated=False, decode_times=False, zarr_format=3)
    if not lazily:
        with stored:
            stored.load()
    complete = with_strings(stored.drop_encoding())
    # Arrays are found in any order, and exported files show it: the manifest's order it is.
    return xr.Dataset(
        {name: complete.variables[name] for name in manifest["variables"]},
        {name: complete.variables[name] for name in manifest["coordinates"]},
        complete.attrs,
    )


def verify(folder: Path | str) -> list[str]:
    """Problems of a result folder, one sentence each; empty when every byte is as written."""
    folder = Path(folder)
    try:
        return _problems(folder, read_manifest(folder))
    except StoreError as error:
        return [str(error)]


def _problems(folder: Path, manifest: dict[str, Any]) -> list[str]:
    expected: dict[str, str] = manifest["files"]
    store = folder / DATA
    if not store.is_dir():
        return [f"{store} is missing"]
    found = files_below(store)
    missing = [f"{store / name} is missing" for name in sorted(set(expected) - set(found))]
    extra = [f"{found[name]} is not in the manifest" for name in sorted(set(found) - set(expected))]
    both = sorted(set(found) & set(expected))
    return missing + extra + [p for name in both if (p := changed(found[name], expected[name]))]
