"""A study: a scenario, its axes, its read-outs and its method, checked before anything runs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from protacsim.errors import ParameterError
from protacsim.mechanisms import Reading, build_network, is_reserved, parse
from protacsim.methods import ODE, Method, Reference, Stochastic
from protacsim.scenario import (
    Scenario,
    idle_constants,
    idle_losses,
    idle_neosubstrates,
    misspelt_proteins,
    unknown_folds,
)
from protacsim.simulation import checked_times, members
from protacsim.study.axes import Axis, Sample, as_axes
from protacsim.study.combination import Combination, combine, is_named
from protacsim.study.designs import check_sample
from protacsim.validation import Real, noun, one_of

REPLICATE = "replicate"


def _times(value: object) -> object:
    value = value.tolist() if isinstance(value, np.ndarray | np.generic) else value
    return (value,) if isinstance(value, int | float | str) else value


def _increasing(times_h: tuple[float, ...]) -> tuple[float, ...]:
    wrong = next(((a, b) for a, b in pairwise(times_h) if b <= a), None)
    if wrong:
        raise ParameterError(
            f"times_h must increase, but {wrong[1]:g} h stands after {wrong[0]:g} h; sort it and "
            "drop repeats"
        )
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
    def parts(self) -> tuple[str, ...]:
        """What the readings are made of: observables, and species as `species[<name>]`."""
        return tuple(dict.fromkeys(part for each in self.readings for part in each.parts))

    @property
    def species(self) -> tuple[str, ...]:
        """Species that are read by name."""
        named = [part for part in self.parts if part.startswith("species[")]
        return tuple(part.removeprefix("species[")[:-1] for part in named)


@noun
class Study:
    """A scenario and everything that is varied, read out and asked of the solver.

    >>> Study(base, axes={"target.allele": ["WT", "C481S"], "compound.dose_nM": doses},
    ...       readout=Readout(["target_total"], times_h=[24.0], relative_to="vehicle"))
    """

    scenario: Scenario
    axes: Annotated[tuple[Axis, ...], BeforeValidator(as_axes)] = ()
    readout: Readout = Readout()
    method: Method | Stochastic = ODE()
    samples: tuple[Sample, ...] = ()
    seed: Annotated[int, Field(ge=0)] = 1
    replicates: Annotated[int, Field(ge=1)] = 1
    on_error: Literal["mask", "raise"] = "mask"
    title: str = ""

    @model_validator(mode="after")
    def _checked(self) -> Self:
        _check_dims(self.axes)
        _check_samples(self.samples, self.axes)
        if self.replicates > 1 and not self.is_stochastic:
            raise ParameterError(
                f"replicates = {self.replicates} needs a stochastic method, such as ssa or auto; a "
                "deterministic run gives the same every time: leave it at 1"
            )
        found = [line for each in self.combinations for line in each.problems(self)]
        found += self._unknown_species()
        scenarios = [combination.scenario for combination in self.combinations]
        for mistakes in (unknown_folds, misspelt_proteins, idle_losses, idle_neosubstrates):
            found += mistakes(scenarios)
        found += idle_constants((c.scenario, c.varied_or_none()) for c in self.combinations)
        found += [*self._same_twice(), *self._no_members(), *self._labels_taken()]
        if found:
            raise ParameterError("\n".join(_each_once(found)))
        return self

    def _same_twice(self) -> Iterator[str]:
        """Names on an axis that stand for one and the same, such as C481S and c481s."""
        seen: dict[Any, Mapping[str, int]] = {}
        for combination in self.combinations:
            numbers = tuple(axis for axis in combination.numeric if isinstance(axis, Axis))
            other = seen.setdefault((combination.scenario, numbers), combination.index)
            apart = [dim for dim in other if other[dim] != combination.index[dim]]
            for axis in self.axes:
                if apart == [axis.dim]:
                    a, b = (axis.coordinate[i[axis.dim]] for i in (other, combination.index))
                    yield f"axis {axis.path}: {a!r} and {b!r} are the same; keep one"

    def _no_members(self) -> Iterator[str]:
        """Read-outs of each compound or neosubstrate, where no scenario has one."""
        for reading in self.readout.readings:
            if reading.dim and not self.members(reading.dim):
                places = {"neosubstrate": "scenario.neosubstrates"}
                place = places.get(reading.dim, "a [[treatment]]")
                yield f"readout {reading.name}: there is no {reading.dim}; name one in {place}"

    def _labels_taken(self) -> Iterator[str]:
        """Labels of read-outs that are dims or coordinates of the result."""
        drawn = {draw.name for sample in self.samples for draw in sample.over}
        taken = {*self.dims, *self.axis_paths, *drawn}
        for reading in self.readout.readings:
            if reading.name in taken:
                yield f"readout {reading.name}: the result has a dim of that name; choose another"

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
        """Size of every dimension: axes in the order of declaration, samples, replicates."""
        found = {axis.dim: axis.size for axis in self.axes}
        found |= {sample.dim: sample.n for sample in self.samples}
        return found | ({REPLICATE: self.replicates} if self.is_stochastic else {})

    @property
    def is_stochastic(self) -> bool:
        """Whether runs are single cells; results then have a dim `replicate`."""
        return not isinstance(self.method, ODE | Reference)

    @property
    def mean_method(self) -> Method:
        """The deterministic method: the study's own, or the engine for the mean of its cells."""
        return self.method if isinstance(self.method, ODE | Reference) else ODE()

    @cached_property
    def combinations(self) -> tuple[Combination, ...]:
        """One per combination of named values (treatments, alleles)."""
        named = tuple(dict.fromkeys(a.dim for a in self.axes if is_named(a)))
        grid = itertools.product(*(range(self.dims[dim]) for dim in named))
        found: list[Combination] = []
        wrong: list[str] = []
        for index in grid:
            try:
                found.append(combine(self, dict(zip(named, index, strict=True))))
            except ParameterError as error:
                wrong += str(error).splitlines()
        if wrong:
            raise ParameterError("\n".join(_each_once(wrong)))
        return tuple(found)

    def members(self, dim: str) -> tuple[str, ...]:
        """Coordinates of an extra dim of read-outs: names that occur in some combination."""
        return self._members[dim]

    @cached_property
    def _members(self) -> dict[str, tuple[str, ...]]:
        extra = {reading.dim for reading in self.readout.readings if reading.dim}
        return {
            dim: tuple(
                dict.fromkeys(n for c in self.combinations for n in members(c.scenario, dim))
            )
            for dim in sorted(extra)
        }

    @property
    def axis_paths(self) -> tuple[str, ...]:
        """Paths of all axes."""
        return tuple(axis.path for axis in self.axes)

    @property
    def points(self) -> int:
        """Number of runs, references not counted."""
        return math.prod(self.dims.values())


def _each_once(lines: Iterable[str]) -> list[str]:
    """Lines that differ only in the advice after the semicolon are one mistake."""
    seen: dict[str, str] = {}
    for line in lines:
        seen.setdefault(line.partition(";")[0], line)
    return list(seen.values())


def _check_samples(samples: tuple[Sample, ...], axes: tuple[Axis, ...]) -> None:
    drawn = {draw.name for sample in samples for draw in sample.over}
    taken = {*drawn, *(axis.dim for axis in axes), *(axis.path for axis in axes)}
    for sample in samples:
        if sample.dim in taken or is_reserved(sample.dim):
            raise ParameterError(
                f"sample dim = {sample.dim!r} names something else in the result; "
                "choose another word"
            )
        taken.add(sample.dim)
        check_sample(sample)


def _check_dims(axes: tuple[Axis, ...]) -> None:
    axis_paths = [axis.path for axis in axes]
    for axis in axes:
        named = axis.zip is not None and (axis.zip in axis_paths or is_reserved(axis.zip))
        if axis.zip is not None and (named or "/" in axis.zip):
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
