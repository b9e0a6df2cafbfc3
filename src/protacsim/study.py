"""A scenario, its axes, its read-outs and its method, and the runner that makes a Dataset of them.

Axes over numbers are expanded to arrays, axes over names (alleles, treatments) to scenarios; the
runner calls the engine once per named combination. How results are stored is `store`'s business.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from protacsim.errors import ParameterError, SimulationError
from protacsim.mechanisms import OBSERVABLES, PER_COMPOUND
from protacsim.methods import ODE, Method
from protacsim.scenario import (
    SCHEDULE_FIELDS,
    Scenario,
    Treatment,
    full_path,
    numbers,
    replaced,
)
from protacsim.simulation import (
    STATUS,
    checked_times,
    failure,
    observable_attrs,
    read_out,
)
from protacsim.units import unit_of
from protacsim.validation import Positive, Real, named_entries, noun, one_of

if TYPE_CHECKING:
    import xarray as xr

DOSE = "compound.dose_nM"
TREATMENT = "treatment"
POINTS_PER_BLOCK = 4096

Value = Treatment | bool | float | str
Progress = Callable[[int, int], None]


@noun
class Axis:
    """Values of one path; axes with the same `zip` name advance together along one dim."""

    path: Annotated[str, Field(min_length=1, max_length=200)]
    values: tuple[Value, ...]
    zip: Annotated[str, Field(min_length=1, max_length=80)] | None = None

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if not self.values:
            raise ParameterError(f"axis {self.path} has no values; give at least one")
        labels = [_label(value) for value in self.values]
        twice = next((label for label in labels if labels.count(label) > 1), None)
        if twice is not None and self.zip is None:
            raise ParameterError(f"axis {self.path} has {twice!r} twice; drop one")
        return self

    @property
    def dim(self) -> str:
        """Name of the dimension this axis runs along."""
        return self.zip or self.path

    @property
    def coordinate(self) -> list[float] | list[str]:
        """Values as they stand in the result."""
        if all(isinstance(value, float | int) for value in self.values):
            return [float(value) for value in self.values]  # type: ignore[arg-type]
        return [str(_label(value)) for value in self.values]


def _label(value: Any) -> Any:
    return value.name if isinstance(value, Treatment) else value


Design = Literal["random", "lhs", "sobol"]


@noun
class Draw:
    """How one path (`name`) is drawn; `median` and `cv` describe a log-normal, and so on."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    distribution: Literal["normal", "lognormal", "uniform", "loguniform", "library"]
    mean: Real | None = None
    sd: Positive | None = None
    median: Positive | None = None
    cv: Positive | None = None
    low: Real | None = None
    high: Real | None = None

    @model_validator(mode="after")
    def _described(self) -> Self:
        needed = {
            "normal": ("mean", "sd"),
            "lognormal": ("median", "cv"),
            "uniform": ("low", "high"),
            "loguniform": ("low", "high"),
            "library": (),
        }[self.distribution]
        missing = [field for field in needed if getattr(self, field) is None]
        if missing:
            raise ParameterError(
                f"a {self.distribution} distribution needs {' and '.join(needed)}; "
                f"{' and '.join(missing)} is missing"
            )
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ParameterError(f"low = {self.low:g} must be below high = {self.high:g}")
        return self


@noun
class Sample:
    """Draws of paths along one dim: virtual cells, patients, designs."""

    dim: Annotated[str, Field(min_length=1, max_length=80)]
    n: Annotated[int, Field(ge=1, le=1_000_000_000)]
    over: Annotated[tuple[Draw, ...], BeforeValidator(named_entries), Field(min_length=1)]
    design: Design = "random"


def _times(value: object) -> object:
    if isinstance(value, int | float):
        return (value,)
    return tuple(np.asarray(value).tolist()) if isinstance(value, np.ndarray) else value


def _increasing(times_h: tuple[float, ...]) -> tuple[float, ...]:
    checked_times(times_h)
    return times_h


def _known_observables(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise ParameterError("the list is empty; name at least one observable")
    for name in names:
        if name not in OBSERVABLES:
            raise ParameterError(f"{name!r} is no observable; {one_of(name, OBSERVABLES)}")
    if len(set(names)) < len(names):
        raise ParameterError("one observable is named twice; drop it")
    return names


@noun
class Readout:
    """What is read out, when, and relative to what.

    `relative_to`: "vehicle" (the varied compound at zero, all else kept, same time), "untreated"
    (no compound at all) or "start" (the first moment of the run); None gives no percentages.
    """

    observables: Annotated[tuple[str, ...], AfterValidator(_known_observables)] = ("target_total",)
    times_h: Annotated[tuple[Real, ...], BeforeValidator(_times), AfterValidator(_increasing)] = (
        24.0,
    )
    relative_to: Literal["vehicle", "untreated", "start"] | None = None


def _axes(value: object) -> object:
    """Accept `{path: values}`; arrays and ranges become tuples."""
    if isinstance(value, Mapping):
        value = [{"path": path, "values": values} for path, values in value.items()]
    if not isinstance(value, Iterable) or isinstance(value, str):
        return value
    return tuple(_axis(entry) for entry in value)


def _axis(entry: object) -> object:
    if not isinstance(entry, Mapping) or "values" not in entry:
        return entry
    values = entry["values"]
    values = values.tolist() if isinstance(values, np.ndarray) else values
    return {
        **entry,
        "values": (values,) if isinstance(values, str | int | float) else tuple(values),
    }


@noun
class Study:
    """A scenario and everything that is varied, read out and asked of the solver.

    >>> Study(base, axes={"target.allele": ["WT", "C481S"], "compound.dose_nM": doses},
    ...       readout=Readout(["target_total"], times_h=[24.0], relative_to="vehicle"))
    """

    scenario: Scenario
    axes: Annotated[tuple[Axis, ...], BeforeValidator(_axes)] = ()
    readout: Readout = Readout()
    method: Method = ODE()
    samples: tuple[Sample, ...] = ()
    seed: Annotated[int, Field(ge=0)] = 1
    replicates: Annotated[int, Field(ge=1)] = 1
    on_error: Literal["mask", "raise"] = "mask"
    title: str = ""

    @model_validator(mode="after")
    def _checked(self) -> Self:
        _check_dims(self.axes)
        if self.samples:
            names = ", ".join(sample.dim for sample in self.samples)
            raise ParameterError(
                f"sample {names} cannot be run yet: virtual populations are not in this version; "
                "write the values as an axis instead"
            )
        if self.replicates > 1:
            raise ParameterError(
                f"replicates = {self.replicates} needs a stochastic method, and this version has "
                "none; leave it at 1"
            )
        found = [line for each in self.combinations for line in each.problems(self)]
        if found:
            raise ParameterError("\n".join(dict.fromkeys(found)))
        return self

    @cached_property
    def dims(self) -> dict[str, int]:
        """Size of every axis dimension, in the order of declaration."""
        return {axis.dim: len(axis.values) for axis in self.axes}

    @cached_property
    def combinations(self) -> tuple[Combination, ...]:
        """One per combination of named values (treatments, alleles)."""
        named = tuple(dict.fromkeys(a.dim for a in self.axes if _is_named(a, self.scenario)))
        grid = itertools.product(*(range(self.dims[dim]) for dim in named))
        return tuple(_combination(self, dict(zip(named, index, strict=True))) for index in grid)

    @property
    def points(self) -> int:
        """Number of runs, references not counted."""
        return int(np.prod(list(self.dims.values()), dtype=np.int64))


def _check_dims(axes: tuple[Axis, ...]) -> None:
    seen: dict[str, Axis] = {}
    for axis in axes:
        other = seen.setdefault(axis.dim, axis)
        if other is not axis and (axis.zip is None or other.zip is None):
            raise ParameterError(f"axis {axis.path} is given twice; keep one")
        if len(other.values) != len(axis.values):
            raise ParameterError(
                f"axes {other.path} and {axis.path} are zipped as {axis.zip!r} but have "
                f"{len(other.values)} and {len(axis.values)} values; make them equal"
            )
    axis_paths = [axis.path for axis in axes]
    twice = next((path for path in axis_paths if axis_paths.count(path) > 1), None)
    if twice:
        raise ParameterError(f"axis {twice} is given twice; keep one")


def _is_named(axis: Axis, scenario: Scenario) -> bool:
    """Whether the axis changes names, and with them perhaps the reactions, not only numbers."""
    integral = axis.path in ("ubiquitination.chain_length", "ubiquitination.destroyed_from")
    return integral or not all(isinstance(value, float | int) for value in axis.values)


@dataclasses.dataclass(frozen=True, eq=False)
class Combination:
    """One scenario of a study, and the numeric axes that run over it."""

    scenario: Scenario
    index: Mapping[str, int]
    numeric: tuple[Axis, ...]

    @property
    def shape(self) -> dict[str, int]:
        """Sizes of the numeric dimensions."""
        return {axis.dim: len(axis.values) for axis in self.numeric}

    @property
    def varied(self) -> frozenset[str]:
        """Full paths that the numeric axes change."""
        return frozenset(full_path(self.scenario, axis.path) for axis in self.numeric)

    def varied_or_none(self) -> frozenset[str]:
        """The same, empty where a path means nothing here (reported elsewhere)."""
        try:
            return self.varied
        except ParameterError:
            return frozenset(
                f"compounds.{e.name}.dose_nM" for e in self.scenario.treatment.compounds
            )

    def problems(self, study: Study) -> Iterator[str]:
        """What stands in the way of running it: unknown paths, values out of bounds, no dose."""
        for axis in self.numeric:
            try:
                self._check_axis(axis)
            except ParameterError as error:
                yield f"axis {axis.path}: {error}"
        try:
            self._check_doses(study)
        except ParameterError as error:
            yield str(error)

    def _check_axis(self, axis: Axis) -> None:
        full = full_path(self.scenario, axis.path)
        for value in {min(axis.values), max(axis.values)}:  # type: ignore[type-var]
            replaced(self.scenario, full, value)
        if not full.endswith(tuple(SCHEDULE_FIELDS)) and full not in self._after(axis):
            raise ParameterError(f"{axis.path} is no number; list names as strings")

    def _after(self, axis: Axis) -> Mapping[str, float]:
        return numbers(replaced(self.scenario, axis.path, axis.values[0]))

    def _check_doses(self, study: Study) -> None:
        varied = self.varied_or_none()
        for entry in self.scenario.treatment.compounds:
            path = f"compounds.{entry.name}.dose_nM"
            if entry.schedule.dose_nM is None and path not in varied:
                raise ParameterError(
                    f"compound {entry.name} of treatment {self.scenario.treatment.name!r} has no "
                    f"dose; give it a dose_nM, or add an axis {DOSE}"
                )
        if study.readout.relative_to == "vehicle" and self.scenario.treatment.compounds:
            full_path(self.scenario, DOSE)

    def values(self, *, zeroed: Iterable[str] = ()) -> tuple[dict[str, Any], tuple[int, ...]]:
        """Numbers by path, flattened over the numeric dims, and the shape before flattening.

        A dim whose only axis is zeroed shrinks to one point.
        """
        zeroed = set(zeroed)
        sizes = self.shape
        for dim in sizes:
            inside = {full_path(self.scenario, a.path) for a in self.numeric if a.dim == dim}
            if inside <= zeroed:
                sizes[dim] = 1
        found: dict[str, Any] = dict(numbers(self.scenario))
        shape = tuple(sizes.values())
        for axis in self.numeric:
            full = full_path(self.scenario, axis.path)
            _displace(found, full)
            column = np.array(axis.values[: sizes[axis.dim]], float)
            along = [-1 if dim == axis.dim else 1 for dim in sizes]
            found[full] = np.broadcast_to(column.reshape(along), shape).ravel()
        for path in zeroed:
            found[path] = np.zeros(int(np.prod(shape, dtype=np.int64)))
        return found, shape


def _displace(values: dict[str, Any], path: str) -> None:
    """Drop the other ways of stating the number at `path`."""
    from protacsim.entities import ALTERNATIVES

    prefix, _, field = path.rpartition(".")
    for group in ALTERNATIVES:
        if field in group:
            for other in group:
                values.pop(f"{prefix}.{other}", None)


def _combination(study: Study, index: Mapping[str, int]) -> Combination:
    scenario = study.scenario
    numeric = []
    for axis in study.axes:
        if axis.dim not in index:
            numeric.append(axis)
            continue
        value = axis.values[index[axis.dim]]
        if axis.path == TREATMENT:
            scenario = dataclasses.replace(scenario, treatment=value)  # type: ignore[arg-type]
        elif _is_named(axis, scenario):
            scenario = replaced(scenario, axis.path, _whole(axis.path, value))
        else:  # a number zipped with a name
            numeric.append(Axis(axis.path, (value,), zip=axis.dim))
    numeric = [
        a if a.dim not in index else dataclasses.replace(a, zip=f"{a.dim}=") for a in numeric
    ]
    return Combination(scenario, index, tuple(numeric))


def _whole(path: str, value: Any) -> Any:
    """Chain lengths are whole numbers."""
    if isinstance(value, float) and value.is_integer() and path.startswith("ubiquitination."):
        return int(value)
    return value


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
        self.compounds = tuple(
            dict.fromkeys(
                entry.name for c in study.combinations for entry in c.scenario.treatment.compounds
            )
        )
        sizes = tuple(study.dims.values())
        self.values = {name: self._empty(name) for name in study.readout.observables}
        self.percent = (
            {name: self._empty(name) for name in self.values} if study.readout.relative_to else {}
        )
        self.status = np.zeros(sizes, np.int8)
        self.reached_h = np.full(sizes, self.times[-1])

    def _empty(self, name: str) -> NDArray[np.float64]:
        per_compound = (len(self.compounds),) if name in PER_COMPOUND else ()
        return np.full((*self.study.dims.values(), *per_compound, len(self.times)), np.nan)

    def _names(self, observable: str, scenario: Scenario) -> list[tuple[Any, str]]:
        """Where in the array each read-out of an observable goes: (compound position, name)."""
        if observable not in PER_COMPOUND:
            return [((), observable)]
        names = [entry.name for entry in scenario.treatment.compounds]
        return [((self.compounds.index(x),), f"{observable}[{x}]") for x in names]

    def add(self, combination: Combination) -> None:
        """Run one combination, and its reference, and put the values in place."""
        scenario = combination.scenario
        where = tuple(combination.index.get(dim, slice(None)) for dim in self.study.dims)
        values, shape = combination.values()
        readings, status, reached = self._run(combination, values)
        self.status[where] = self._shaped(status, shape, combination)
        self.reached_h[where] = self._shaped(reached, shape, combination)
        reference = self._reference(combination)
        for observable, target in self.values.items():
            for position, name in self._names(observable, scenario):
                full = self._shaped(readings[name], shape, combination)
                target[where][(..., *position, slice(None))] = full
                if reference is not None:
                    base = self._shaped(reference[0][name], reference[1], combination)
                    with np.errstate(divide="ignore", invalid="ignore"):
                        ratio = np.where(base > 0.0, 100.0 * full / base, np.nan)
                    self.percent[observable][where][(..., *position, slice(None))] = ratio

    def _shaped(
        self, flat: NDArray[Any], shape: tuple[int, ...], combination: Combination
    ) -> NDArray[Any]:
        """(points, ...) to the numeric dims of the combination that are dims of the study."""
        full = flat.reshape(*shape, *flat.shape[1:])
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
        target = self.study.scenario.target.name
        for name, values in self.values.items():
            dims = self._dims(name)
            attrs = observable_attrs(name, target)
            data[name] = (dims, values, attrs)
            if name in self.percent:
                data[f"{name}_percent"] = (
                    dims,
                    self.percent[name],
                    self._percent_attrs(name, attrs),
                )
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

    def _dims(self, name: str) -> tuple[str, ...]:
        compound = ("compound",) if name in PER_COMPOUND else ()
        return (*self.study.dims, *compound, "time_h")

    def _percent_attrs(self, name: str, attrs: Mapping[str, str]) -> dict[str, str]:
        """Percent attributes; says so when some reference is zero."""
        found = {
            "units": "%",
            "long_name": attrs["long_name"],
            "relative_to": str(self.study.readout.relative_to),
        }
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
        if any(name in PER_COMPOUND for name in self.values):
            coordinates["compound"] = ("compound", np.array(self.compounds, dtype=object))
        coordinates["time_h"] = ("time_h", self.times, {"units": "h", "long_name": "time"})
        return coordinates


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
