"""The numbers of one window of a study: every read-out of every point in it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from protacsim.mechanisms import Reading
from protacsim.methods import ODE, Reference
from protacsim.scenario import Scenario, full_path
from protacsim.simulation import OK, members, read_out, read_out_ensemble
from protacsim.study.axes import DOSE
from protacsim.study.combination import Combination
from protacsim.study.nouns import REPLICATE, Study

Window = Mapping[str, slice]
Readings = Mapping[str, NDArray[Any]]


def compute(study: Study, window: Window) -> dict[str, NDArray[Any]]:
    """Run the points inside `window` (a slice of every dim) and the references they need.

    Returns each variable of the result by name, with the dims of the study cut to the window,
    then its own. No value depends on the window it is computed in.
    """
    slab = _Slab(study, window)
    for combination in study.combinations:
        if _inside(combination, window):
            slab.add(combination)
    return slab.filled()


def blank(study: Study, window: Window, status: int) -> dict[str, NDArray[Any]]:
    """The same without results: every point with one status of failure."""
    values = _Slab(study, window).filled()
    values["status"][...] = status
    values["reached_h"][...] = np.nan
    return values


def _inside(combination: Combination, window: Window) -> bool:
    return all(
        window[dim].start <= position < window[dim].stop
        for dim, position in combination.index.items()
    )


class _Found(NamedTuple):
    """What came of the runs of a combination, (points, ...) each; `shape` of its numeric dims."""

    readings: Readings
    status: NDArray[Any]
    reached_h: NDArray[Any]
    shape: tuple[int, ...]


class _Slab:
    """Arrays over a window, filled one combination at a time."""

    def __init__(self, study: Study, window: Window) -> None:
        self.study = study
        self.window = window
        self.times = np.asarray(study.readout.times_h, float)
        sizes = tuple(part.stop - part.start for part in window.values())
        self._blank: dict[str, tuple[tuple[int, ...], Any]] = {}
        for reading in study.readout.readings:
            extra = (len(study.members(reading.dim)),) if reading.dim else ()
            self._blank[reading.name] = ((*sizes, *extra, len(self.times)), np.nan)
            if study.readout.relative_to:
                self._blank[f"{reading.name}_percent"] = self._blank[reading.name]
        self._blank["status"] = (sizes, np.int8(0))
        self._blank["reached_h"] = (sizes, self.times[-1])
        self._values: dict[str, NDArray[Any]] = {}

    def filled(self) -> dict[str, NDArray[Any]]:
        """Every variable, blank where nothing was run."""
        return {name: self._array(name) for name in self._blank}

    def _array(self, name: str) -> NDArray[Any]:
        if name not in self._values:
            self._values[name] = np.full(*self._blank[name])
        return self._values[name]

    def _put(self, name: str, where: Sequence[int | slice], values: NDArray[Any]) -> None:
        """Put values in place; what fills the whole window is taken as it is, not copied."""
        shape = self._blank[name][0]
        if all(part == slice(None) for part in where) and values.shape == shape:
            self._values[name] = values
        else:
            self._array(name)[tuple(where)] = values

    def add(self, combination: Combination) -> None:
        """Run one combination, and its reference, and put the values in place."""
        where = tuple(
            combination.index[dim] - part.start if dim in combination.index else slice(None)
            for dim, part in self.window.items()
        )
        values, shape = combination.values(self.window)
        run = self._cells if self.study.is_stochastic else self._run
        found = _Found(*run(combination, values, self.times), shape)
        status, reached = self._end(found, combination)
        reference = self._reference(combination)
        if reference is not None:
            status, reached = self._with_reference(status, reached, reference, combination)
        self._put("status", where, status)
        self._put("reached_h", where, reached)
        for reading in self.study.readout.readings:
            for position, member in self._places(reading, combination.scenario):
                place = (*where, *position)
                full = self._shaped(reading.value(found.readings, member), shape, combination)
                self._put(reading.name, place, full)
                if reference is not None:
                    base = reading.value(reference.readings, member)
                    base = self._shaped(base, reference.shape, combination)
                    if self.study.is_stochastic:  # the mean, the same for every cell
                        base = base[..., None, :]
                    self._put(f"{reading.name}_percent", place, percent_of(full, base))

    def _end(self, found: _Found, combination: Combination) -> tuple[NDArray[Any], NDArray[Any]]:
        """Status of each run and the time that it reached, with the dims of the study."""
        status = self._shaped(found.status, found.shape, combination)
        return status, self._shaped(found.reached_h, found.shape, combination)

    def _with_reference(
        self,
        status: NDArray[Any],
        reached: NDArray[Any],
        reference: _Found,
        combination: Combination,
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """How the points ended: a point whose reference failed has no percentage."""
        base_status, base_reached = self._end(reference, combination)
        if self.study.is_stochastic:
            base_status, base_reached = base_status[..., None], base_reached[..., None]
        fails = (status == OK) & (base_status != OK)
        return np.where(fails, base_status, status), np.where(fails, base_reached, reached)

    def _places(self, reading: Reading, scenario: Scenario) -> list[tuple[tuple[int, ...], str]]:
        """Where in the array a read-out goes: position along its extra dim, and its member."""
        if not reading.dim:
            return [((), "")]
        all_names = self.study.members(reading.dim)
        return [((all_names.index(name),), name) for name in members(scenario, reading.dim)]

    def _shaped(
        self, flat: NDArray[Any], shape: tuple[int, ...], combination: Combination
    ) -> NDArray[Any]:
        """(points, ...) to the numeric dims of the combination that are dims of the study.

        One row stands for all points when nothing in the window varied.
        """
        rows = np.broadcast_to(flat, (math.prod(shape), *flat.shape[1:]))
        full = rows.reshape((*shape, *flat.shape[1:]))
        inner = tuple(i for i, dim in enumerate(combination.shape) if dim not in self.study.dims)
        return np.squeeze(full, axis=inner) if inner else full

    def _run(
        self, combination: Combination, values: Mapping[str, Any], times: Any
    ) -> tuple[Readings, NDArray[Any], NDArray[Any]]:
        """All points of one combination in the window, their statuses and times reached."""
        readings, solution, _ = read_out(
            combination.scenario,
            values,
            times,
            self.study.mean_method,
            varied=combination.varied,
            species=self.study.readout.species,
            observables=self.study.readout.parts,
            runs=self.study.points,
        )
        return readings, solution.status, solution.reached_h

    def _cells(
        self, combination: Combination, values: Mapping[str, Any], times: Any
    ) -> tuple[Readings, NDArray[Any], NDArray[Any]]:
        """Single cells of all points of one combination in the window."""
        replicates = self.window[REPLICATE]
        method = self.study.method
        if isinstance(method, ODE | Reference):
            raise TypeError(method)
        readings, ensemble, _ = read_out_ensemble(
            combination.scenario,
            values,
            times,
            method,
            seed=self.study.seed,
            replicates=replicates.stop - replicates.start,
            first_replicate=replicates.start,
            point_ids=self._point_ids(combination),
            varied=combination.varied,
            species=self.study.readout.species,
        )
        return readings, ensemble.status, ensemble.reached_h

    def _point_ids(self, combination: Combination) -> list[int]:
        """Numbers of the points in the grid of the whole study, replicates left out."""
        dims = {dim: size for dim, size in self.study.dims.items() if dim != REPLICATE}
        along = [
            np.array([combination.index[dim]])
            if dim in combination.index
            else np.arange(self.window[dim].start, self.window[dim].stop)
            for dim in dims
        ]
        if not dims:
            return [0]
        grid = np.meshgrid(*along, indexing="ij")
        flat = np.ravel_multi_index([each.ravel() for each in grid], tuple(dims.values()))
        return [int(number) for number in flat]

    def _reference(self, combination: Combination) -> _Found | None:
        """What 100 % means for one combination."""
        relative_to = self.study.readout.relative_to
        if relative_to is None:
            return None
        at_start = relative_to == "start"
        times = first_time_h(combination.scenario, self.times) if at_start else self.times
        values, shape = combination.values(
            self.window, zeroed=zeroed_paths(combination.scenario, relative_to)
        )
        return _Found(*self._run(combination, values, times), shape)


def first_time_h(scenario: Scenario, times_h: NDArray[np.float64]) -> NDArray[np.float64]:
    """The first moment (1,) of a run: 0 h, or the first dose or read-out where that is earlier."""
    starts = [entry.schedule.start_h for entry in scenario.treatment.compounds]
    return np.array([min([0.0, times_h[0], *starts])])


def zeroed_paths(scenario: Scenario, relative_to: str) -> list[str]:
    """Doses that are zero in the reference."""
    compounds = scenario.treatment.compounds
    if relative_to == "vehicle":
        return [full_path(scenario, DOSE)] if compounds else []
    return [f"compounds.{entry.name}.dose_nM" for entry in compounds]


def percent_of(values: NDArray[Any], reference: NDArray[Any]) -> NDArray[Any]:
    """`values` in % of `reference`; NaN where the reference is not above zero."""
    percent = values / np.where(reference > 0.0, reference, np.nan)
    percent *= 100.0
    return percent
