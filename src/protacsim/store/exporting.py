"""Results in other formats: NetCDF, Parquet, and tidy CSV with units in the header."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from protacsim.errors import ParameterError
from protacsim.store.files import PARTIAL, explained
from protacsim.store.journal import DATA, MANIFEST, TABLES
from protacsim.units import unit_of

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

ROWS_AT_ONCE = 100_000
FORMULA = ("=", "+", "-", "@", "\t", "\n")
"""First characters that make a spreadsheet execute a text."""


def export(data: xr.Dataset, path: Path | str) -> Path:
    """Write a result as `.nc` (NetCDF-4), `.parquet` or `.csv`, by the end of the name.

    NetCDF keeps dims, units and attributes. Parquet and CSV are tidy: one row per point, time and
    member, one column per variable, its unit in the CSV header (`target_total [nM]`). The same
    result gives the same bytes, however it was chunked.

    Raises
    ------
    ParameterError
        The ending is none of these, or the package that writes the format is not installed.
    StoreError
        The disk refused; no half-written file has the final name.
    """
    path = Path(path)
    if path.suffix not in FORMATS:
        raise ParameterError(f"{path}: the ending must be one of {', '.join(FORMATS)}")
    if _is_of_a_result(path.absolute()):
        raise ParameterError(f"{path}: is a file of a result, made by run; choose another name")
    partial = path.with_name(path.name + PARTIAL)
    try:
        with explained(path, "the export could not be written", "--to"):
            path.parent.mkdir(parents=True, exist_ok=True)
            FORMATS[path.suffix](data, partial)
            partial.replace(path)
    except ImportError as error:
        raise ParameterError(
            f"{path}: {error.name} is not installed; install protacsim[export], or export .csv"
        ) from None
    finally:
        with contextlib.suppress(OSError):  # what stopped it is what counts
            partial.unlink(missing_ok=True)
    return path


def _is_of_a_result(path: Path) -> bool:
    """Whether the store of a result would lose or gain a file, or its folder a made one."""
    inside = any(up.name == DATA and (up.parent / MANIFEST).exists() for up in path.parents)
    return inside or (path.name in TABLES and (path.parent / MANIFEST).exists())


def _netcdf(data: xr.Dataset, path: Path) -> None:
    import h5netcdf  # noqa: F401

    # Chunks of the store must not show, and booleans have no NetCDF type.
    plain = data.drop_encoding()
    plain.attrs = {key: _netcdf_attribute(value) for key, value in data.attrs.items()}
    plain.to_netcdf(path, engine="h5netcdf", format="NETCDF4")


def _netcdf_attribute(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value


def _parquet(data: xr.Dataset, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer = None
    try:
        for table in _tables(data):
            batch = pa.Table.from_pandas(table, preserve_index=False)
            writer = writer or pq.ParquetWriter(path, batch.schema, compression="zstd")
            writer.write_table(batch)
    finally:
        if writer is not None:
            writer.close()


def _csv(data: xr.Dataset, path: Path) -> None:
    header = [headed(name, data) for name in _columns(data)]
    with path.open("w", encoding="utf-8", newline="") as file:
        for i, table in enumerate(_tables(data)):
            first = header if i == 0 else False
            escaped(table).to_csv(file, index=False, header=first, lineterminator="\n")


def escaped(table: pd.DataFrame) -> pd.DataFrame:
    """The table with texts and column names that no spreadsheet takes for formulas."""
    import pandas as pd

    texts = {
        str(name): _escaped(column)
        for name, column in table.items()
        if not pd.api.types.is_numeric_dtype(column)
    }
    return table.assign(**texts).rename(columns=_plain)


def _escaped(column: pd.Series) -> pd.Series:
    """A column of few texts that stand in many rows."""
    texts = (text for text in column.unique() if isinstance(text, str))
    plain = {text: safe for text in texts if (safe := _plain(text)) != text}
    return column.map(lambda value: plain.get(value, value)) if plain else column


def _plain(value: Any) -> Any:
    """A text that no spreadsheet takes for a formula."""
    if not isinstance(value, str):
        return value
    # A bare carriage return is not quoted, and begins a new cell for some readers.
    text = value.replace("\r\n", "\n").replace("\r", "\n")
    return f"'{text}" if len(text) > 1 and text.startswith(FORMULA) else text


def headed(name: str, data: xr.Dataset) -> str:
    """Name of a column with the unit of its variable, where the name does not end in it."""
    unit = data[name].attrs.get("units", "") if name in data.variables else ""
    return str(_plain(f"{name} [{unit}]" if unit and unit != unit_of(name) else name))


def _dims(data: xr.Dataset) -> list[str]:
    """Dims of the rows, `time_h` last."""
    found = [str(dim) for dim in data.dims if dim != "time_h"]
    return [*found, *(["time_h"] if "time_h" in data.dims else [])]


def _columns(data: xr.Dataset) -> list[str]:
    dims = _dims(data)
    others = [str(name) for name in data.coords if name not in dims]
    return [*dims, *others, *(str(name) for name in data.data_vars)]


def _tables(data: xr.Dataset) -> Iterator[pd.DataFrame]:
    """Rows of the result, a manageable number at a time."""
    dims, columns = _dims(data), _columns(data)
    if not dims:
        yield data.expand_dims("point").to_dataframe().reset_index()[columns]
        return
    first = dims[0]
    others = int(np.prod([data.sizes[dim] for dim in dims[1:]], dtype=np.int64))
    length = max(1, ROWS_AT_ONCE // max(1, others))
    for start in range(0, data.sizes[first], length):
        part = data.isel({first: slice(start, start + length)})
        yield part.to_dataframe(dim_order=dims).reset_index()[columns]


FORMATS: dict[str, Callable[[xr.Dataset, Path], None]] = {
    ".nc": _netcdf,
    ".parquet": _parquet,
    ".csv": _csv,
}
"""Writers by the end of the file's name."""
