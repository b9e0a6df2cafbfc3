"""Running a study: chunk by chunk, on any executor, into memory or into a store."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from protacsim import store
from protacsim.errors import ParameterError, SimulationError
from protacsim.simulation import LOST, STATUS, failure, warm_up
from protacsim.study.describing import prepare, seconds_per_point
from protacsim.study.doubts import ask_about
from protacsim.study.executors import Workers, outcomes
from protacsim.study.nouns import Study
from protacsim.study.slab import blank, compute
from protacsim.validation import check_kind

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

Progress = Callable[[int, int], None]
Units = tuple[int, ...]

SECONDS_PER_UNIT = 0.5
"""What a task is worth at least, by the static estimate; at most twice a chunk's."""


def run(
    study: Study,
    folder: Path | str | None = None,
    *,
    lazily: bool = False,
    workers: Workers | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Run every point of a study; dims are the axes, then `time_h`.

    Each observable is there in nM (or nM/h), and as `<observable>_percent` of the reference when
    the read-out has one; `status` tells which points failed (their values are NaN). With
    `on_error = "raise"` the first failed point raises `SimulationError`. With `folder` the results
    stream to a store there, what it already has is checked and kept, and the result is read back:
    whole, or with `lazily` each variable when it is first used.

    The result is the same bit for bit for any `workers`. `DataWarning` asks about concentrations
    that look as if they were in M.
    """
    check_kind("study", study, Study, "; simulate takes a Scenario")
    workers = workers or Workers()
    check_kind("workers", workers, Workers)
    if lazily and folder is None:
        raise ParameterError("lazily is True without a folder to read from; name one.")
    ask_about(study)
    if folder is not None:
        run_to_store(study, Path(folder), workers=workers, progress=progress)
        return store.reopened(Path(folder), lazily=lazily)
    return _in_memory(study, workers, progress)


def run_to_store(
    study: Study,
    folder: Path,
    *,
    extra: Mapping[str, Any] | None = None,
    fresh: bool = False,
    shard: store.Shard | None = None,
    workers: Workers | None = None,
    progress: Progress | None = None,
) -> store.Writer:
    """Compute what a folder does not have yet; finish it when nothing is left to do.

    `extra` goes into the manifest. Raises `StoreError` for a folder with results of another study
    (unless `fresh`), or one that another process writes.
    """
    ready = prepare(study)
    found, described = ready.template, {**ready.plan, **(extra or {})}
    with store.writing(folder, found, described, fresh=fresh, shard=shard) as writer:
        job = _Job(ready.study, found, writer.chunk_writer)
        done = sum(found.grid.points(chunk) for chunk in writer.receipts)
        _tell(progress, done, study)
        # Closed, so that workers are stopped before the folder is given up.
        with closing(_results(job, writer.remaining(), workers or Workers())) as results:
            for unit, receipts in results:
                for receipt in job.lost(unit) if receipts is None else receipts:
                    writer.record(receipt)
                    done += found.grid.points(receipt.chunk)
                _tell(progress, done, study)
        if writer.complete:
            writer.finish()
    return writer


def _tell(progress: Progress | None, done: int, study: Study) -> None:
    if progress is not None:
        progress(done, study.points)


def _in_memory(study: Study, workers: Workers, progress: Progress | None) -> xr.Dataset:
    ready = prepare(study)
    found = ready.template
    arrays = {
        variable.name: np.empty(found.shape(variable), variable.dtype)
        for variable in found.variables
    }
    job = _Job(ready.study, found, None)
    done = 0
    for unit, slabs in _results(job, range(found.grid.chunks), workers):
        for chunk, slab in zip(unit, slabs or job.lost(unit), strict=True):
            window = found.grid.window(chunk)
            for variable in found.variables:
                where = tuple(window.get(dim, slice(None)) for dim in variable.dims)
                arrays[variable.name][where] = slab[variable.name]
            done += found.grid.points(chunk)
        _tell(progress, done, study)
    data = found.coordinates.assign(
        {v.name: (v.dims, arrays[v.name], dict(v.attrs)) for v in found.variables}
    )
    return data


def _results(
    job: _Job, chunks: Iterable[int], workers: Workers
) -> Generator[tuple[Units, list[Any] | None], None, None]:
    """Units of chunks with what came of them, on any executor."""
    units = _units(chunks, job.seconds_per_chunk)
    first = next(units, None)
    if first is None:
        return
    warm_up()
    blob = pickle.dumps(job)
    yield from outcomes(_chain(first, units), partial(_work, blob), workers)


def _chain(first: Units, others: Iterator[Units]) -> Iterator[Units]:
    yield first
    yield from others


def _units(chunks: Iterable[int], seconds_per_chunk: float) -> Iterator[Units]:
    """Chunks in groups that are worth sending somewhere."""
    size = max(1, round(SECONDS_PER_UNIT / seconds_per_chunk))
    unit: list[int] = []
    for chunk in chunks:
        unit.append(chunk)
        if len(unit) == size:
            yield tuple(unit)
            unit = []
    if unit:
        yield tuple(unit)


@dataclass(frozen=True, eq=False)
class _Job:
    """A study and where its chunks go: what a worker is sent."""

    study: Study
    template: store.Template
    writer: store.ChunkWriter | None

    @property
    def seconds_per_chunk(self) -> float:
        """Static estimate for a full chunk."""
        grid = self.template.grid
        points = int(np.prod(list(grid.lengths.values()), dtype=np.int64))
        return points * seconds_per_point(self.study)

    def finished(self, chunk: int) -> Any:
        """Compute a chunk; returns its receipt, or its values when they are to stay in memory."""
        window = self.template.grid.window(chunk)
        values = compute(self.study, window)
        if self.study.on_error == "raise":
            _raise_first(self.template, window, values)
        return self._put(chunk, values)

    def lost(self, unit: Units) -> list[Any]:
        """Chunks whose worker died, marked as failed."""
        grid = self.template.grid
        return [self._put(c, blank(self.study, grid.window(c), LOST), lost=True) for c in unit]

    def _put(self, chunk: int, values: dict[str, NDArray[Any]], *, lost: bool = False) -> Any:
        if self.writer is None:
            return values
        failed = int(np.count_nonzero(values["status"]))
        return self.writer.write(chunk, values, failed=failed, lost=lost)


@lru_cache(maxsize=4)
def _loaded(blob: bytes) -> _Job:
    """A job as it was sent; kept, so that a worker unpacks and prepares it once."""
    job: _Job = pickle.loads(blob)
    return job


def _work(blob: bytes, unit: Units) -> list[Any]:
    job = _loaded(blob)
    return [job.finished(chunk) for chunk in unit]


def _raise_first(
    found: store.Template, window: Mapping[str, slice], values: Mapping[str, NDArray[Any]]
) -> None:
    failed = np.argwhere(values["status"] != 0)
    if not failed.size:
        return
    index = tuple(int(i) for i in failed[0])
    place = dict(zip(window, index, strict=True))
    where = {dim: window[dim].start + i for dim, i in place.items()}
    point = ", ".join(f"{name} = {value}" for name, value in labels(found.coordinates, where))
    status, reached = int(values["status"][index]), float(values["reached_h"][index])
    raise SimulationError(f"{point}: {failure(status, reached)}", status, reached)


def labels(coordinates: xr.Dataset, where: Mapping[str, int]) -> list[tuple[str, Any]]:
    """Coordinates of one point, by its position along each dim."""
    return [
        (str(name), coordinates[name].values[where[str(coordinates[name].dims[0])]])
        for name in coordinates.coords
        if coordinates[name].dims and coordinates[name].dims[0] in where
    ]


def failures(data: xr.Dataset) -> Iterator[dict[str, Any]]:
    """Failed points with their coordinates, status, time reached in h and what to do about it."""
    for index in np.argwhere(data["status"].values != 0):
        place = dict(zip(map(str, data["status"].dims), map(int, index), strict=True))
        name, advice = STATUS[int(data["status"].values[tuple(index)])]
        yield {
            **{label: _plain(value) for label, value in labels(data.coords.to_dataset(), place)},
            "status": name,
            "reached_h": float(data["reached_h"].values[tuple(index)]),
            "advice": advice,
        }


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
