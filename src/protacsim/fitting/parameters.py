"""What is fitted: paths with bounds and priors, shared or one per treatment, cell or allele."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from statistics import geometric_mean
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from protacsim import provenance
from protacsim.entities import other_spellings
from protacsim.errors import ParameterError
from protacsim.fitting.data import named_labels
from protacsim.scenario import (
    Scenario,
    check_inactivation,
    displace,
    field_of,
    full_path,
    number_at,
    numbers,
    replaced,
)
from protacsim.study import Combination, Study
from protacsim.units import to_canonical
from protacsim.validation import noun, one_of

FLOOR = "assay.floor_fraction"
"""Signal that an assay shows without any target, as a fraction of the study's reference: of the
measurement, not of the cell."""

FLOOR_BOUNDS = (1e-4, 0.5)


@noun
class Parameter:
    """One path to fit on a logarithmic scale, between `low` and `high`.

    `per` names dims of the study: one value for each of their labels; without it the value is
    shared by all. Bounds default to the library's range, `start` to the value in the study (the
    geometric mean where there are several). With `prior_sd_log` the logarithm is held near `start`
    with that standard deviation.
    """

    path: Annotated[str, Field(min_length=1, max_length=200)]
    low: float | str | None = None
    high: float | str | None = None
    start: float | str | None = None
    prior_sd_log: Annotated[float, Field(gt=0)] | None = None
    per: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _in_canonical_units(self) -> Self:
        for name in ("low", "high", "start"):
            value = getattr(self, name)
            if isinstance(value, str):
                value = to_canonical(self.path, value)
                object.__setattr__(self, name, value)
            if value is not None and not (math.isfinite(value) and value > 0.0):
                raise ParameterError(f"{name} = {value:g} must be above 0")
        if self.low is not None and self.high is not None and self.low >= self.high:  # type: ignore[operator]
            raise ParameterError(f"low = {self.low:g} must be below high = {self.high:g}")
        return self


@dataclass(frozen=True)
class Unknown:
    """One number to be estimated: a parameter at one label of each dim it is `per`."""

    path: str
    where: tuple[tuple[str, str], ...]
    low: float
    high: float
    start: float
    prior_sd_log: float | None

    @property
    def name(self) -> str:
        """How it is written in tables."""
        place = ", ".join(label for _, label in self.where)
        return f"{self.path} ({place})" if place else self.path

    def acts_on(self, where: dict[str, str]) -> bool:
        """Whether it is part of the combination with these labels."""
        return all(where[dim] == label for dim, label in self.where)


def unknowns(parameters: Sequence[Parameter], study: Study) -> tuple[Unknown, ...]:
    """Every number to be estimated; raises `ParameterError` with every mistake."""
    if not parameters:
        raise ParameterError("a fit has no parameters; give at least one")
    found: list[Unknown] = []
    wrong: list[str] = []
    for parameter in parameters:
        try:
            found += _expanded(parameter, study, parameters)
        except ParameterError as error:
            wrong.append(f"fit parameter {parameter.path}: {error}")
    names = [unknown.name for unknown in found]
    wrong += [
        f"fit parameter {n} is given twice; keep one" for n in set(names) if names.count(n) > 1
    ]
    wrong += [] if wrong else dict.fromkeys(_set_twice(found, study))
    wrong += [] if wrong else _bound_together(found, study)
    if wrong:
        raise ParameterError("\n".join(wrong))
    return tuple(found)


def _set_twice(found: Sequence[Unknown], study: Study) -> Iterator[str]:
    """Unknowns that set the number of an axis, or of another unknown."""
    for combination in study.combinations:
        scenario, where = combination.scenario, labels_of(study, combination)
        seen = {number_at(scenario, axis.path): f"axis {axis.path}" for axis in combination.numeric}
        for unknown in (u for u in found if u.acts_on(where)):
            number = FLOOR if unknown.path == FLOOR else number_at(scenario, unknown.path)
            if number in seen:
                yield f"fit parameter {unknown.name}: {seen[number]} sets the same number; keep one"
            seen[number] = f"fit parameter {unknown.name}"


def _bound_together(found: Sequence[Unknown], study: Study) -> Iterator[str]:
    """What is wrong where KI and kon are lowest and kinact is highest."""
    for combination in study.combinations:
        scenario, where = combination.scenario, labels_of(study, combination)
        values = numbers(scenario)
        for unknown in (u for u in found if u.path != FLOOR and u.acts_on(where)):
            full = full_path(scenario, unknown.path)
            displace(values, full)
            values[full] = unknown.high if full.endswith(".kinact_per_h") else unknown.low
        for entry in scenario.treatment.compounds:
            fields = ("kon_target_per_nM_per_h", "ki_target_nM", "kinact_per_h")
            kon, ki, kinact = (values.get(f"compounds.{entry.name}.{field}") for field in fields)
            try:
                if kon is not None and ki is not None:
                    check_inactivation(entry.name, kon, ki, kinact)
            except ParameterError as error:
                yield f"the bounds of the fit parameters allow a point that cannot be run: {error}"
                return


def _expanded(parameter: Parameter, study: Study, spelled: Sequence[Parameter]) -> list[Unknown]:
    labels = named_labels(study)
    for dim in parameter.per:
        if not labels:
            raise ParameterError(
                f'per = ["{dim}"] needs several treatments, cells or alleles; this study has one: '
                "leave per out"
            )
        if dim not in labels:
            raise ParameterError(f"per {dim!r}: {one_of(dim, labels)}")
    places = itertools.product(*([(dim, label) for label in labels[dim]] for dim in parameter.per))
    return [_unknown(parameter, study, place, spelled) for place in places]


def _unknown(
    parameter: Parameter,
    study: Study,
    place: tuple[tuple[str, str], ...],
    spelled: Sequence[Parameter],
) -> Unknown:
    if parameter.path == FLOOR:
        low = float(parameter.low or FLOOR_BOUNDS[0])
        high = float(parameter.high or FLOOR_BOUNDS[1])
        if not low < high < 1.0:
            raise ParameterError(f"lies between {low:g} and {high:g}; give low < high < 1")
        start = float(parameter.start or math.sqrt(low * high))
        _check_start(start, low, high)
        return Unknown(FLOOR, place, low, high, start, parameter.prior_sd_log)
    members = [c for c in study.combinations if all(labels_of(study, c)[d] == v for d, v in place)]
    low, high, start = _bounds(parameter, members)
    _check_start(start, low, high)
    for combination in members:
        scenario = _respelled(combination.scenario, spelled)
        for end in (low, high):
            replaced(scenario, full_path(scenario, parameter.path), end)
    return Unknown(parameter.path, place, low, high, start, parameter.prior_sd_log)


def _respelled(scenario: Scenario, parameters: Sequence[Parameter]) -> Scenario:
    """The scenario, with koff in place of its kon and the like where that is what is fitted."""
    for parameter in parameters:
        value = parameter.start or parameter.low or parameter.high
        if value is None or not other_spellings(field_of(parameter.path)):
            continue
        with suppress(ParameterError):  # reported for that parameter
            if full_path(scenario, parameter.path) not in numbers(scenario):
                scenario = replaced(scenario, parameter.path, float(value))
    return scenario


def _check_start(start: float, low: float, high: float) -> None:
    if not low <= start <= high:
        raise ParameterError(f"start = {start:g} lies outside {low:g} to {high:g}")


def _bounds(parameter: Parameter, members: Sequence[Combination]) -> tuple[float, float, float]:
    """Bounds and start, from the parameter, else from the library and the study."""
    known = [_known(parameter.path, combination.scenario) for combination in members]
    low = parameter.low if parameter.low is not None else _all(min, [x for _, x, _ in known])
    high = parameter.high if parameter.high is not None else _all(max, [x for _, _, x in known])
    if low is None or high is None or not 0.0 < float(low) < float(high):
        raise ParameterError("the library has no range above 0 for it; give low and high")
    low, high = float(low), float(high)
    if parameter.start is not None:
        return low, high, float(parameter.start)
    values = sorted({value for value, _, _ in known if value is not None})
    if parameter.prior_sd_log is None:
        inside = {min(max(value, low), high) for value in values} or {math.sqrt(low * high)}
        return low, high, geometric_mean(sorted(inside)) if len(inside) > 1 else inside.pop()
    if len(values) != 1:
        found = ", ".join(f"{value:g}" for value in values) or "none"
        raise ParameterError(
            f"prior_sd_log holds it near one value, but the study has {found}; give start"
        )
    return low, high, values[0]


def _known(path: str, scenario: Scenario) -> tuple[float | None, float | None, float | None]:
    """Value of a path in a scenario, and the ends of its range in the library."""
    full = full_path(scenario, path)
    fact = next((c for c in provenance.constants(scenario) if c.path == full), None)
    low, high = (None, None) if fact is None else (fact.low, fact.high)
    return numbers(scenario).get(full), low, high


def _all(choose: Callable[[list[float]], float], ends: list[float | None]) -> float | None:
    """The outermost end, None unless each is known."""
    given = [end for end in ends if end is not None]
    return choose(given) if len(given) == len(ends) else None


def labels_of(study: Study, combination: Combination) -> dict[str, str]:
    """Label of a combination along every named dim."""
    labels = named_labels(study)
    return {dim: labels[dim][i] for dim, i in combination.index.items()}


def log_bounds(found: Sequence[Unknown]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Logarithms of all lower and upper bounds."""
    return (
        np.log([unknown.low for unknown in found]),
        np.log([unknown.high for unknown in found]),
    )
