"""A scenario, its axes, its read-outs and its method, checked before anything runs.

Axes over numbers are expanded to arrays, axes over names (alleles, treatments) to scenarios: a
`Combination` is one scenario and the arrays that run over it.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from protacsim.entities import ALTERNATIVES
from protacsim.errors import ParameterError
from protacsim.mechanisms import OBSERVABLES, Reading, build_network, parse, rate_constants
from protacsim.methods import ODE, Method
from protacsim.scenario import (
    SCHEDULE_FIELDS,
    Scenario,
    Treatment,
    full_path,
    numbers,
    replaced,
)
from protacsim.simulation import checked_times
from protacsim.units import to_canonical, unit_of
from protacsim.validation import Positive, Real, named_entries, noun, one_of

DOSE = "compound.dose_nM"
TREATMENT = "treatment"
STRUCTURAL = ("chain_length", "destroyed_from", "chain_on_release", "doses")
"""Numbers that decide which reactions or events there are, not only how fast or how much."""
RESERVED = frozenset(
    {"time_h", "status", "reached_h", TREATMENT, *(dim for _, _, dim in OBSERVABLES.values())}
    | {f"{name}{end}" for name in OBSERVABLES for end in ("", "_percent")}
)

Value = Treatment | bool | float | str
Label = Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w .+()-]*$", max_length=80)]


@noun
class Axis:
    """Values of one path; axes with the same `zip` name advance together along one dim."""

    path: Annotated[str, Field(min_length=1, max_length=200)]
    values: tuple[Value, ...]
    zip: Label | None = None

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if not self.values:
            raise ParameterError(f"axis {self.path} has no values; give at least one")
        if unit_of(self.path) and any(isinstance(value, str) for value in self.values):
            plain = tuple(
                to_canonical(self.path, value) if isinstance(value, str) else value
                for value in self.values
            )
            object.__setattr__(self, "values", plain)
        labels = [_label(value) for value in self.values]
        twice = next((label for label, times in Counter(labels).items() if times > 1), None)
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

    dim: Label
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


def _known_observables(texts: tuple[str, ...]) -> tuple[str, ...]:
    if not texts:
        raise ParameterError("the list is empty; name at least one observable")
    names = [parse(text).name for text in texts]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ParameterError(f"{twice!r} is named twice; drop one")
    return texts


@noun
class Readout:
    """What is read out, when, and relative to what.

    `observables` are names, or `label = expression` (see `mechanisms.readings`).
    `relative_to`: "vehicle" (the varied compound at zero, all else kept, same time), "untreated"
    (no compound at all) or "start" (the first moment of the run); None gives no percentages.
    """

    observables: Annotated[tuple[str, ...], AfterValidator(_known_observables)] = ("target_total",)
    times_h: Annotated[tuple[Real, ...], BeforeValidator(_times), AfterValidator(_increasing)] = (
        24.0,
    )
    relative_to: Literal["vehicle", "untreated", "start"] | None = None

    @property
    def readings(self) -> tuple[Reading, ...]:
        """The observables, parsed."""
        return tuple(parse(text) for text in self.observables)

    @property
    def species(self) -> tuple[str, ...]:
        """Species that are read by name."""
        parts = [part for reading in self.readings for part in reading.parts]
        found = [p.removeprefix("species[")[:-1] for p in parts if p.startswith("species[")]
        return tuple(dict.fromkeys(found))


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
    if entry.get("path") == TREATMENT and isinstance(values, list | tuple):
        values = [Treatment((value,)) if isinstance(value, str) else value for value in values]  # type: ignore[arg-type]
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
        found += self._unknown_species()
        if found:
            raise ParameterError("\n".join(_each_once(found)))
        return self

    def _unknown_species(self) -> Iterator[str]:
        """Species that no combination of the study has."""
        if not self.readout.species:
            return
        networks = [build_network(c.scenario, c.varied_or_none()) for c in self.combinations]
        known = {name for network in networks for name in network.species}
        for name in self.readout.species:
            if name not in known:
                yield f"species {name!r} is not in the network; {one_of(name, known)}"

    @cached_property
    def dims(self) -> dict[str, int]:
        """Size of every axis dimension, in the order of declaration."""
        return {axis.dim: len(axis.values) for axis in self.axes}

    @cached_property
    def combinations(self) -> tuple[Combination, ...]:
        """One per combination of named values (treatments, alleles)."""
        named = tuple(dict.fromkeys(a.dim for a in self.axes if _is_named(a, self.scenario)))
        grid = itertools.product(*(range(self.dims[dim]) for dim in named))
        found: list[Combination] = []
        wrong: list[str] = []
        for index in grid:
            try:
                found.append(_combination(self, dict(zip(named, index, strict=True))))
            except ParameterError as error:
                wrong += str(error).splitlines()
        if wrong:
            raise ParameterError("\n".join(_each_once(wrong)))
        return tuple(found)

    @property
    def axis_paths(self) -> tuple[str, ...]:
        """Paths of all axes."""
        return tuple(axis.path for axis in self.axes)

    @property
    def points(self) -> int:
        """Number of runs, references not counted."""
        return int(np.prod(list(self.dims.values()), dtype=np.int64))


def _each_once(lines: Iterable[str]) -> list[str]:
    """Lines that differ only in the advice after the semicolon are one mistake."""
    seen: dict[str, str] = {}
    for line in lines:
        seen.setdefault(line.partition(";")[0], line)
    return list(seen.values())


def _check_dims(axes: tuple[Axis, ...]) -> None:
    axis_paths = [axis.path for axis in axes]
    for axis in axes:
        if axis.zip is not None and (axis.zip in {*RESERVED, *axis_paths} or "/" in axis.zip):
            raise ParameterError(
                f"axis {axis.path}: zip = {axis.zip!r} names something else in the result; "
                "choose another word"
            )
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
    twice = next((path for path in axis_paths if axis_paths.count(path) > 1), None)
    if twice:
        raise ParameterError(f"axis {twice} is given twice; keep one")


def _is_named(axis: Axis, scenario: Scenario) -> bool:
    """Whether the axis changes names, and with them perhaps the reactions, not only numbers."""
    structural = axis.path.rsplit(".", 1)[-1] in STRUCTURAL
    return structural or not all(isinstance(value, float | int) for value in axis.values)


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
        wrong: list[str] = []
        for axis in self.numeric:
            try:
                self._check_axis(axis)
            except ParameterError as error:
                wrong.append(axis.path)
                yield from (f"axis {axis.path}: {line}" for line in str(error).splitlines())
        if any(path.startswith(("compound.", "compounds.")) for path in wrong):
            return  # a missing dose may be that same mistake
        try:
            self._check_twice(study)
            self._check_doses(study)
            self._check_constants()
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

    def _check_twice(self, study: Study) -> None:
        """Two spellings of one number: `compound.` and `compounds.<name>.`, or Kd and KI."""
        seen: dict[str, str] = {}
        for axis in study.axes:
            if axis.path == TREATMENT:
                continue
            prefix, _, field = full_path(self.scenario, axis.path).rpartition(".")
            group = next((sorted(g)[0] for g in ALTERNATIVES if field in g), field)
            other = seen.setdefault(f"{prefix}.{group}", axis.path)
            if other != axis.path:
                raise ParameterError(f"axes {other} and {axis.path} set the same number; keep one")

    def _check_constants(self) -> None:
        """Constants that no source gives and the run needs."""
        values = numbers(self.scenario)
        for axis in self.numeric:
            full = full_path(self.scenario, axis.path)
            _displace(values, full)
            values[full] = float(axis.values[0])  # type: ignore[arg-type]
        rate_constants(self.scenario, values)

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
            try:
                scenario = replaced(scenario, axis.path, _whole(axis.path, value))
            except ParameterError as error:
                lines = str(error).splitlines()
                raise ParameterError("\n".join(f"axis {axis.path}: {s}" for s in lines)) from None
        else:  # a number zipped with a name
            numeric.append(Axis(axis.path, (value,), zip=axis.dim))
    numeric = [
        a if a.dim not in index else dataclasses.replace(a, zip=f"{a.dim[:74]} (one)")
        for a in numeric
    ]
    return Combination(scenario, index, tuple(numeric))


def _whole(path: str, value: Any) -> Any:
    """Chain lengths are whole numbers."""
    counted = path.rsplit(".", 1)[-1] in ("chain_length", "destroyed_from", "doses")
    return int(value) if counted and isinstance(value, float) and value.is_integer() else value
