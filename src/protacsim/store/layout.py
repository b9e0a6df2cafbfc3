"""How results lie in a Zarr store: the grid of chunks, the metadata, the bytes of one chunk.

Everything here is encoded in memory; `files` puts it on the disk.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from protacsim.errors import StoreError
from protacsim.store.canonical import jsonable

if TYPE_CHECKING:
    import xarray as xr
    import zarr
    from zarr.core.buffer import Buffer
    from zarr.storage import MemoryStore

ZSTD_LEVEL = -7
"""Doubles hardly compress: level 1 takes five times as long, to read too, for files 7 % smaller."""

LONGEST_NAME_BYTES = 200
"""File systems allow 255."""


@dataclass(frozen=True)
class Grid:
    """Sizes of the dims that a study varies, and the lengths of a chunk along them."""

    sizes: Mapping[str, int]
    lengths: Mapping[str, int]

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of chunks along each dim."""
        return tuple(-(-size // self.lengths[dim]) for dim, size in self.sizes.items())

    @property
    def chunks(self) -> int:
        """Number of chunks."""
        return math.prod(self.shape)

    def place(self, number: int) -> tuple[int, ...]:
        """Position of a chunk, the last dim running fastest."""
        found = []
        for count in reversed(self.shape):
            number, position = divmod(number, count)
            found.append(position)
        return tuple(reversed(found))

    def window(self, number: int) -> dict[str, slice]:
        """What a chunk covers of each dim."""
        return {
            dim: slice(i * self.lengths[dim], min((i + 1) * self.lengths[dim], self.sizes[dim]))
            for dim, i in zip(self.sizes, self.place(number), strict=True)
        }

    def points(self, number: int) -> int:
        """Number of points in a chunk."""
        return math.prod(part.stop - part.start for part in self.window(number).values())


def chunk_lengths(
    sizes: Mapping[str, int], points: int, whole: Collection[str] = ()
) -> dict[str, int]:
    """Lengths of a chunk of at most `points` points: dims in `whole` first, then from the last on.

    A function of nothing but its arguments.
    """
    found = dict.fromkeys(sizes, 1)
    backwards = list(sizes)[::-1]
    order = [*(d for d in backwards if d in whole), *(d for d in backwards if d not in whole)]
    for dim in order:
        found[dim] = max(1, min(sizes[dim], points))
        points = points // sizes[dim] if 0 < sizes[dim] <= points else 1
    return found


@dataclass(frozen=True)
class Variable:
    """One array of a result: `dims` of the grid, then others, which a chunk holds whole."""

    name: str
    dims: tuple[str, ...]
    dtype: str
    attrs: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Template:
    """Everything of a result but its numbers: coordinates and attributes, variables, grid."""

    coordinates: xr.Dataset
    variables: tuple[Variable, ...]
    grid: Grid

    def shape(self, variable: Variable) -> tuple[int, ...]:
        """Shape of a variable."""
        return tuple(self._size(dim) for dim in variable.dims)

    def chunk(self, variable: Variable) -> tuple[int, ...]:
        """Shape of a chunk of a variable."""
        return tuple(self.grid.lengths.get(d, max(1, self._size(d))) for d in variable.dims)

    def _size(self, dim: str) -> int:
        return self.grid.sizes[dim] if dim in self.grid.sizes else self.coordinates.sizes[dim]

    def chunk_file(self, variable: Variable, number: int) -> str:
        """Path of a chunk of a variable inside the store."""
        along = dict(zip(self.grid.sizes, self.grid.place(number), strict=True))
        return "/".join([variable.name, "c", *(str(along.get(dim, 0)) for dim in variable.dims)])

    def chunk_files(self, number: int) -> list[str]:
        """Paths of all files of a chunk."""
        return [self.chunk_file(variable, number) for variable in self.variables]


class Encoder:
    """Turns a template and the numbers of its chunks into the bytes of files, in memory."""

    def __init__(self, template: Template) -> None:
        import zarr
        from zarr.storage import MemoryStore

        self.template = template
        self._files: dict[str, Buffer] = {}
        memory = MemoryStore(self._files)
        _write_coordinates(template.coordinates, memory)
        self._arrays = {v.name: self._array(v, memory) for v in template.variables}
        with warnings.catch_warnings():
            # Without it every plain `xarray.open_zarr` warns; other readers ignore the extra key.
            warnings.filterwarnings("ignore", "Consolidated metadata is currently not part")
            zarr.consolidate_metadata(memory, zarr_format=3)
        self.metadata = {name: buffer.to_bytes() for name, buffer in self._files.items()}
        """Content of every file of the store but the chunks, by its path there."""

    def _array(self, variable: Variable, memory: MemoryStore) -> zarr.Array[Any]:
        import zarr

        _check_name(variable.name)
        return zarr.create_array(
            memory,
            name=variable.name,
            shape=self.template.shape(variable),
            chunks=self.template.chunk(variable),
            dtype=variable.dtype,
            compressors=_codecs(),
            fill_value=_fill(variable.dtype),
            dimension_names=variable.dims,
            attributes=jsonable(variable.attrs, f"attributes of {variable.name}"),
            config={"write_empty_chunks": True},
        )

    def files(self, number: int, values: Mapping[str, NDArray[Any]]) -> dict[str, memoryview]:
        """Content of each file of a chunk; `values` by variable, the window of the chunk each."""
        found = {}
        window = self.template.grid.window(number)
        for variable in self.template.variables:
            region = tuple(window.get(dim, slice(None)) for dim in variable.dims)
            self._arrays[variable.name][region if region else ()] = values[variable.name]
            name = self.template.chunk_file(variable, number)
            found[name] = self._files.pop(name).as_numpy_array().data
        return found


def _write_coordinates(coordinates: xr.Dataset, memory: MemoryStore) -> None:
    plain = storable(coordinates)
    encoding = {
        str(name): {"chunks": tuple(max(1, size) for size in v.shape), "compressors": _codecs()}
        for name, v in plain.variables.items()
    }
    plain.to_zarr(memory, mode="w-", zarr_format=3, consolidated=False, encoding=encoding)


def _codecs() -> tuple[Any, ...]:
    # Blosc's shuffled lz4 would save a quarter of the room and 40 % of the time, but numcodecs
    # locks it by a semaphore that a stopped worker leaves behind (zarr-developers/numcodecs#230).
    from zarr.codecs import Crc32cCodec, ZstdCodec

    return (ZstdCodec(level=ZSTD_LEVEL), Crc32cCodec())


def _fill(dtype: str) -> Any:
    return np.nan if np.dtype(dtype).kind == "f" else np.zeros((), dtype)[()]


def storable(data: xr.Dataset) -> xr.Dataset:
    """Copy without encodings, strings as `object`, attributes as JSON values."""
    plain = data.drop_encoding()
    for name in plain.variables:
        _check_name(name)
    # xarray cannot mark a coordinate whose name has a space; the manifest lists it instead.
    spaced = [k for k in plain.coords if k not in plain.xindexes and " " in str(k)]
    plain = with_strings(plain).reset_coords(spaced)
    plain.attrs = jsonable(data.attrs, "attributes")
    for name, variable in plain.variables.items():
        variable.attrs = jsonable(data[name].attrs, f"attributes of {name}")
    return plain


def _check_name(name: object) -> None:
    if (
        not isinstance(name, str)
        or not name.strip(".")
        or name.startswith("__")
        or name == "zarr.json"
        or set(name) & set("/\\")
        or not name.isprintable()
        or len(name.encode()) > LONGEST_NAME_BYTES
    ):
        raise StoreError(
            f"variable {str(name)[:60]!r} cannot be stored under this name; use a printable name "
            f"of at most {LONGEST_NAME_BYTES} bytes without slashes that does not begin with '__'"
        )


def with_strings(data: xr.Dataset) -> xr.Dataset:
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
