"""Running a study: every combination through the engine, into one Dataset.

How results are stored is `store`'s business.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from protacsim.errors import SimulationError
from protacsim.mechanisms import Reading
from protacsim.scenario import Scenario, full_path
from protacsim.simulation import STATUS, failure, members, read_out
from protacsim.study.axes import DOSE
from protacsim.study.combination import Combination
from protacsim.study.nouns import Study
from protacsim.units import unit_of

if TYPE_CHECKING:
    import xarray as xr

POINTS_PER_BLOCK = 4096

ADVICE = {name: advice for name, advice in STATUS.values() if advice}
"""What to do about each status of a failed run."""

Progress = Callable[[int, int], None]


def run(study: Study, *, progress: Progress | None = None) -> xr.Dataset:
    """Run every point of a study; dims are the axes, then `time_h`.

    Each observable is there in nM (or nM/h), and as `<observable>_percent` of the reference when
    the read-out has one; `status` tells which points failed (their values are NaN). With
    `on_error = "raise"` the first failed point raises `SimulationError`.
    """
    results = _Results(study)
    done = 0
    for combination in study.combinations:
        results.add(combination)
        done += int(np.prod(list(combination.shape.values()), dtype=np.int64))
        if progress is not None:
            progress(done, study.points)
    return results.dataset()


class _Results:
    """Arrays over all dims of a study, filled one combination at a time."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.times = np.asarray(study.readout.times_h, float)
        self.members = {dim: self._members(dim) for dim in ("compound", "neosubstrate")}
        self.readings = {reading.name: reading for reading in study.readout.readings}
        sizes = tuple(study.dims.values())
        self.values = {name: self._empty(reading) for name, reading in self.readings.items()}
        relative = study.readout.relative_to
        self.percent = {n: self._empty(r) for n, r in self.readings.items()} if relative else {}
        self.status = np.zeros(sizes, np.int8)
        self.reached_h = np.full(sizes, self.times[-1])

    def _members(self, dim: str) -> list[str]:
        """Coordinates of an extra dim: every name that occurs in some combination."""
        names = (name for c in self.study.combinations for name in members(c.scenario, dim))
        return list(dict.fromkeys(names))

    def _empty(self, reading: Reading) -> NDArray[np.float64]:
        extra = (len(self.members[reading.dim]),) if reading.dim else ()
        return np.full((*self.study.dims.values(), *extra, len(self.times)), np.nan)

    def _places(self, reading: Reading, scenario: Scenario) -> list[tuple[tuple[int, ...], str]]:
        """Where in the array a read-out goes: position along its extra dim, and its member."""
        if not reading.dim:
            return [((), "")]
        all_names = self.members[reading.dim]
        return [((all_names.index(name),), name) for name in members(scenario, reading.dim)]

    def add(self, combination: Combination) -> None:
        """Run one combination, and its reference, and put the values in place."""
        where = tuple(combination.index.get(dim, slice(None)) for dim in self.study.dims)
        values, shape = combination.values()
        parts, status, reached = self._run(combination, values)
        self.status[where] = self._shaped(status, shape, combination)
        self.reached_h[where] = self._shaped(reached, shape, combination)
        reference = self._reference(combination)
        for name, reading in self.readings.items():
            for position, member in self._places(reading, combination.scenario):
                place: tuple[Any, ...] = (..., *position, slice(None))
                full = self._shaped(reading.value(parts, member), shape, combination)
                self.values[name][where][place] = full
                if reference is not None:
                    base = reading.value(reference[0], member)
                    base = self._shaped(base, reference[1], combination)
                    self.percent[name][where][place] = percent_of(full, base)

    def _shaped(
        self, flat: NDArray[Any], shape: tuple[int, ...], combination: Combination
    ) -> NDArray[Any]:
        """(points, ...) to the numeric dims of the combination that are dims of the study."""
        full = flat.reshape((*shape, *flat.shape[1:]))
        inner = tuple(i for i, dim in enumerate(combination.shape) if dim not in self.study.dims)
        return np.squeeze(full, axis=inner) if inner else full

    def _run(
        self, combination: Combination, values: Mapping[str, Any], times: Any = None
    ) -> tuple[dict[str, NDArray[Any]], NDArray[Any], NDArray[Any]]:
        """All points of one combination, block by block."""
        points = max((np.size(value) for value in values.values()), default=1)
        blocks = []
        for first in range(0, points, POINTS_PER_BLOCK):
            part = {
                path: value[first : first + POINTS_PER_BLOCK] if np.ndim(value) else value
                for path, value in values.items()
            }
            readings, solution, _ = read_out(
                combination.scenario,
                part,
                self.times if times is None else times,
                self.study.method,
                varied=combination.varied,
                species=self.study.readout.species,
            )
            self._raise_first(solution.status, solution.reached_h)
            size = min(POINTS_PER_BLOCK, points - first)
            blocks.append((readings, solution.status, solution.reached_h, size))
        names = blocks[0][0]
        joined = {
            name: np.concatenate([_rows(block[0][name], block[3]) for block in blocks])
            for name in names
        }
        status = np.concatenate([_rows(block[1], block[3]) for block in blocks])
        reached = np.concatenate([_rows(block[2], block[3]) for block in blocks])
        return joined, status, reached

    def _raise_first(self, status: NDArray[Any], reached: NDArray[Any]) -> None:
        failed = np.nonzero(status)[0]
        if self.study.on_error == "raise" and failed.size:
            code, time_h = int(status[failed[0]]), float(reached[failed[0]])
            raise SimulationError(failure(code, time_h), code, time_h)

    def _reference(
        self, combination: Combination
    ) -> tuple[dict[str, NDArray[Any]], tuple[int, ...]] | None:
        """What 100 % means for one combination: read-outs and their shape."""
        scenario = combination.scenario
        match self.study.readout.relative_to:
            case None:
                return None
            case "start":
                starts = [e.schedule.start_h for e in scenario.treatment.compounds]
                first = min([0.0, self.times[0], *starts])
                zeroed = [f"compounds.{e.name}.dose_nM" for e in scenario.treatment.compounds]
                values, shape = combination.values(zeroed=zeroed)
                readings, _, _ = self._run(combination, values, [first])
                return readings, shape
            case "untreated":
                zeroed = [f"compounds.{e.name}.dose_nM" for e in scenario.treatment.compounds]
            case "vehicle":
                compounds = scenario.treatment.compounds
                zeroed = [full_path(scenario, DOSE)] if compounds else []
        values, shape = combination.values(zeroed=zeroed)
        return self._run(combination, values)[0], shape

    def dataset(self) -> xr.Dataset:
        """The result with units, flags and provenance."""
        import xarray as xr

        data = xr.Dataset(coords=self._coordinates())
        for name, reading in self.readings.items():
            dims = (*self.study.dims, *([reading.dim] if reading.dim else []), "time_h")
            long_name = reading.long_name.format(target=self.study.scenario.target.name)
            attrs = {"units": reading.unit, "long_name": long_name}
            data[name] = (dims, self.values[name], attrs)
            if name in self.percent:
                attrs = self._percent_attrs(name, long_name)
                data[f"{name}_percent"] = (dims, self.percent[name], attrs)
        data["status"] = (tuple(self.study.dims), self.status, _flags())
        data["reached_h"] = (
            tuple(self.study.dims),
            self.reached_h,
            {"units": "h", "long_name": "time reached"},
        )
        return data.assign_attrs(
            title=self.study.title,
            relative_to=self.study.readout.relative_to or "",
            varied_compound=json.dumps(
                {
                    c.scenario.treatment.name: c.scenario.treatment.varied
                    for c in self.study.combinations
                }
            ),
        )

    def _percent_attrs(self, name: str, long_name: str) -> dict[str, str]:
        """Percent attributes; says so when some reference is zero."""
        relative = str(self.study.readout.relative_to)
        found = {"units": "%", "long_name": long_name, "relative_to": relative}
        if (np.isnan(self.percent[name]) & ~np.isnan(self.values[name])).any():
            found["null_reason"] = "zero_reference"
        return found

    def _coordinates(self) -> dict[str, Any]:
        coordinates: dict[str, Any] = {}
        for axis in self.study.axes:
            values = axis.coordinate
            attrs = {"units": unit_of(axis.path)} if isinstance(values[0], float) else {}
            kind = float if attrs else object
            coordinates[axis.path] = (axis.dim, np.array(values, dtype=kind), attrs)
        for dim in {reading.dim for reading in self.readings.values() if reading.dim}:
            coordinates[dim] = (dim, np.array(self.members[dim], dtype=object))
        coordinates["time_h"] = ("time_h", self.times, {"units": "h", "long_name": "time"})
        return coordinates


def percent_of(values: NDArray[Any], reference: NDArray[Any]) -> NDArray[Any]:
    """`values` in % of `reference`; NaN where the reference is zero."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(reference > 0.0, 100.0 * (values / reference), np.nan)


def _rows(values: NDArray[Any], points: int) -> NDArray[Any]:
    """One row per point, repeated when nothing in the block varied."""
    return np.broadcast_to(values, (points, *values.shape[1:]))


def _flags() -> dict[str, Any]:
    """CF flag attributes of the status variable."""
    return {
        "long_name": "outcome of the run",
        "flag_values": np.array(list(STATUS), np.int8),
        "flag_meanings": " ".join(name for name, _ in STATUS.values()),
    }


def failures(data: xr.Dataset) -> Sequence[dict[str, Any]]:
    """Failed points with their coordinates, status and time reached."""
    names = {code: name for code, (name, _) in STATUS.items()}
    found = []
    for index in np.argwhere(data["status"].values != 0):
        point = data[["status", "reached_h"]].isel(
            dict(zip(data["status"].dims, index, strict=True))
        )
        labels = {str(c): point[c].values.item() for c in point.coords}
        code = int(point["status"])
        found.append({**labels, "status": names[code], "reached_h": float(point["reached_h"])})
    return found
