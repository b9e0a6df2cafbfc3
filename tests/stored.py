"""Small results and their storing chunk by chunk, for tests of the store alone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from protacsim import store

DOSE = "compound.dose_nM"
AXES = ("treatment", "target.allele", DOSE)


def result(*, doses: int = 5, shift: float = 0.0) -> xr.Dataset:
    """Small result with every kind of variable that a study gives."""
    rng = np.random.default_rng(7)
    shape = (2, 2, doses)
    total = rng.lognormal(size=(*shape, 3)) + shift
    total[1, 0, 2] = np.nan
    status = np.zeros(shape, np.int8)
    status[1, 0, 2] = 3
    strings = {"treatment": ["MT-802", "ibrutinib, then MT-802"], "target.allele": ["WT", "C481S"]}
    return xr.Dataset(
        {
            "target_total": ((*AXES, "time_h"), total, {"units": "nM", "long_name": "total BTK"}),
            "compound_cell": (
                (*AXES, "compound", "time_h"),
                rng.normal(size=(*shape, 2, 3)),
                {"units": "nM"},
            ),
            "ubiquitinated": ((*AXES, "time_h"), np.zeros((*shape, 3)), {"units": "nM"}),
            "ternary": ((*AXES, "time_h"), np.full((*shape, 3), np.nan), {"units": "nM"}),
            "status": (
                AXES,
                status,
                {"flag_values": np.array([0, 3], np.int8), "flag_meanings": "ok step_underflow"},
            ),
        },
        coords={
            **{name: (name, np.array(values, object)) for name, values in strings.items()},
            DOSE: (DOSE, np.r_[0.0, np.geomspace(1e-2, 1e5, doses - 1)], {"units": "nM"}),
            "compound": ("compound", np.array(["mt-802", "ïbrutinib"], object)),
            "time_h": ("time_h", np.array([1.0, 4.0, 24.0]), {"units": "h"}),
        },
        attrs={"title": "β test", "seed": np.int64(5), "weights": np.array([0.5, 1.0])},
    )


def template(data: xr.Dataset, points: int = 4) -> store.Template:
    """Layout of a dataset in chunks of so many points of its axes."""
    sizes = {dim: data.sizes[dim] for dim in data.sizes if dim in AXES or dim not in data.coords}
    variables = tuple(
        store.Variable(str(name), tuple(map(str, v.dims)), str(v.dtype), v.attrs)
        for name, v in data.data_vars.items()
    )
    grid = store.Grid(sizes, store.chunk_lengths(sizes, points))
    return store.Template(data.drop_vars([v.name for v in variables]), variables, grid)


def write(
    folder: Path,
    data: xr.Dataset | None = None,
    *,
    plan: Mapping[str, Any] = {"seed": 5},
    points: int = 4,
    most: int | None = None,
    shard: store.Shard | None = None,
    fresh: bool = False,
) -> list[int]:
    """Store at most `most` chunks of a dataset that are not there yet; returns their numbers."""
    data = result() if data is None else data
    written = []
    with store.writing(folder, template(data, points), plan, fresh=fresh, shard=shard) as writer:
        for chunk in list(writer.remaining())[:most]:
            window = writer.template.grid.window(chunk)
            part = {str(name): _part(v, window) for name, v in data.data_vars.items()}
            failed = int(np.count_nonzero(part["status"])) if "status" in part else 0
            writer.record(writer.chunk_writer.write(chunk, part, failed=failed))
            written.append(chunk)
        if writer.complete:
            writer.finish()
    return written


def _part(variable: xr.DataArray, window: Mapping[str, slice]) -> Any:
    return variable.isel({dim: window[dim] for dim in window if dim in variable.dims}).values


def tree(folder: Path) -> dict[str, bytes]:
    """Content of every file below a folder, but for locks."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def fingerprint(folder: Path) -> str:
    """One sha256 of the names and bytes of a whole tree."""
    digest = hashlib.sha256()
    for name, content in sorted(tree(folder).items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()
