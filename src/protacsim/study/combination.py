"""One scenario of a study and the numbers that run over it.

Axes over numbers become arrays, axes over names (alleles, treatments) become scenarios.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from protacsim.dosing import check_order
from protacsim.entities import other_spellings
from protacsim.errors import ParameterError
from protacsim.mechanisms import rate_constants
from protacsim.scenario import (
    SCHEDULE_FIELDS,
    Scenario,
    check_inactivation,
    displace,
    field_of,
    full_path,
    is_structural,
    number_at,
    numbers,
    replaced,
)
from protacsim.study.axes import DOSE, TREATMENT, Axis, Draw
from protacsim.study.designs import Drawn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from protacsim.study.nouns import Study


BOUND_TOGETHER: tuple[tuple[tuple[str, ...], Callable[..., None]], ...] = (
    (("start_h", "stop_h"), lambda _, start_h, stop_h: check_order(start_h, stop_h)),
    (("kon_target_per_nM_per_h", "ki_target_nM", "kinact_per_h"), check_inactivation),
)
"""Fields of a compound whose bounds depend on one another, and what refuses wrong ones."""


def is_named(axis: Axis) -> bool:
    """Whether the axis changes names, and with them perhaps the reactions, not only numbers."""
    return is_structural(axis.path) or not all(
        isinstance(value, float | int) for value in axis.values
    )


@dataclasses.dataclass(frozen=True, eq=False)
class Combination:
    """One scenario of a study, and the numeric axes that run over it."""

    scenario: Scenario
    index: Mapping[str, int]
    numeric: tuple[Axis | Drawn, ...]

    @property
    def shape(self) -> dict[str, int]:
        """Sizes of the numeric dimensions."""
        return {axis.dim: axis.size for axis in self.numeric}

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
        wrong: list[Axis | Drawn] = []
        for axis in self.numeric:
            try:
                self._check_axis(axis)
            except ParameterError as error:
                wrong.append(axis)
                kind = "axis" if isinstance(axis, Axis) else f"sample {axis.dim}, path"
                yield from (f"{kind} {axis.path}: {line}" for line in str(error).splitlines())
        if any(isinstance(each, Drawn) or each.path.startswith("compound") for each in wrong):
            return  # a missing dose or constant may be that same mistake
        try:
            self._check_twice(study)
            self._check_doses(study)
            self._check_constants()
            self._check_together()
        except ParameterError as error:
            yield str(error)

    @cached_property
    def _respelled(self) -> Scenario:
        """The scenario, with koff in place of its kon and the like where that is what is varied."""
        found = self.scenario
        for axis in self.numeric:
            with suppress(ParameterError):  # reported for that axis
                path = full_path(found, axis.path)
                if other_spellings(field_of(path)):
                    found = replaced(found, path, axis.example(found))
        return found

    def _check_axis(self, axis: Axis | Drawn) -> None:
        full = full_path(self.scenario, axis.path)
        if isinstance(axis, Drawn):
            self._check_drawn(axis, full)
        low, high = axis.ends(self.scenario)
        after = [numbers(replaced(self._respelled, axis.path, value)) for value in {low, high}]
        if not full.endswith(tuple(SCHEDULE_FIELDS)) and full not in after[0]:
            raise ParameterError(f"{axis.path} is no number; list names as strings")

    def _check_drawn(self, drawn: Drawn, full: str) -> None:
        """A path that holds a number, and draws that stay within its bounds."""
        if is_structural(full):
            raise ParameterError(
                "this number decides which reactions or doses there are and cannot be drawn; "
                "list its values in an axis"
            )
        for value in drawn.ends(self.scenario):
            try:
                replaced(self._respelled, drawn.path, value)
            except ParameterError as error:
                if "no known path" in str(error) and drawn.path != TREATMENT:
                    raise
                number = full in numbers(self.scenario) or full.endswith(tuple(SCHEDULE_FIELDS))
                draw = drawn.sample.over[drawn.position]
                raise ParameterError(_why_not(draw, str(error), value, number=number)) from None

    def _check_twice(self, study: Study) -> None:
        """Two spellings of one number: `compound.` and `compounds.<name>.`, or Kd and KI."""
        seen: dict[str, str] = {}
        drawn = [draw.name for sample in study.samples for draw in sample.over]
        for path in (*study.axis_paths, *drawn):
            if path == TREATMENT:
                continue
            number = number_at(self.scenario, path)
            other = seen.get(number)
            if other == path:
                raise ParameterError(f"{path} is varied twice; keep one axis or sample of it")
            if other is not None:
                raise ParameterError(f"{other} and {path} set the same number; keep one")
            seen[number] = path

    def _check_constants(self) -> None:
        """Constants that no source gives and the run needs."""
        values = numbers(self.scenario)
        for axis in self.numeric:
            full = full_path(self.scenario, axis.path)
            displace(values, full)
            values[full] = axis.example(self.scenario)
        rate_constants(self.scenario, values)

    def _check_together(self) -> None:
        """Numbers that bound one another: their extremes, and what is varied along one dim."""
        for entry in self.scenario.treatment.compounds:
            for fields, check in BOUND_TOGETHER:
                paths = [f"compounds.{entry.name}.{field}" for field in fields]
                axes = [a for a in self.numeric if full_path(self.scenario, a.path) in paths]
                values = self._extremes(axes) if len(axes) > 1 else {}
                if all(path in values for path in paths):
                    check(entry.name, *(values[path] for path in paths))

    def _extremes(self, axes: list[Axis | Drawn]) -> dict[str, Any]:
        """Numbers by path where some axes are at an end, at all points where two share a dim."""
        by_dim: dict[str, list[tuple[str, NDArray[np.float64]]]] = {}
        for axis in axes:
            column = axis.column(slice(0, axis.size), self.scenario)
            by_dim.setdefault(axis.dim, []).append((full_path(self.scenario, axis.path), column))
        points = [
            np.unique([column for _, column in columns], axis=1)
            if len(columns) > 1
            else np.array([[columns[0][1].min(), columns[0][1].max()]])
            for columns in by_dim.values()
        ]
        places = np.meshgrid(*(np.arange(found.shape[1]) for found in points), indexing="ij")
        values: dict[str, Any] = dict(numbers(self._respelled))
        for columns, found, place in zip(by_dim.values(), points, places, strict=True):
            for (path, _), row in zip(columns, found, strict=True):
                displace(values, path)
                values[path] = row[place.ravel()]
        return values

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

    def values(
        self, window: Mapping[str, slice], *, zeroed: Iterable[str] = ()
    ) -> tuple[dict[str, Any], tuple[int, ...]]:
        """Numbers by path, flattened over the numeric dims, and the shape before flattening.

        Only what lies inside `window` (slices by dim; a dim that is not in it is taken whole). A
        dim whose only axis is zeroed shrinks to one point.
        """
        zeroed = set(zeroed)
        spans = {dim: self._span(dim, window, zeroed) for dim in self.shape}
        shape = tuple(span.stop - span.start for span in spans.values())
        found: dict[str, Any] = dict(numbers(self.scenario))
        for axis in self.numeric:
            full = full_path(self.scenario, axis.path)
            displace(found, full)
            column = axis.column(spans[axis.dim], self.scenario)
            along = [-1 if dim == axis.dim else 1 for dim in spans]
            found[full] = np.broadcast_to(column.reshape(along), shape).ravel()
        for path in zeroed:
            found[path] = np.zeros(int(np.prod(shape, dtype=np.int64)))
        return found, shape

    def _span(self, dim: str, window: Mapping[str, slice], zeroed: set[str]) -> slice:
        if self.paths_along(dim) <= zeroed:
            return slice(0, 1)
        return window.get(dim, slice(0, self.shape[dim]))

    def paths_along(self, dim: str) -> set[str]:
        """Full paths of the numeric axes along a dim."""
        return {full_path(self.scenario, axis.path) for axis in self.numeric if axis.dim == dim}


def _why_not(draw: Draw, error: str, value: float, *, number: bool) -> str:
    """What a draw runs into: a bound of its path, other numbers, or that its path holds none."""
    bound = re.search(r"; must be ((?:above|at least|at most) [^.;]*(?:\.\d[^.;]*)?)\.?$", error)
    limited = draw.distribution == "library" or None not in (draw.low, draw.high)
    if bound is None and number:
        remedy = "" if limited else ", or give low and high"
        return f"draws reach {value:.3g}, where {error.rstrip('.')}{remedy}"
    if bound is None:
        return "this is no number and cannot be drawn; list its values in an axis"
    if limited:
        return f"draws reach {value:.3g}, but must be {bound[1]}; move low and high"
    ending = "uniform" if bound[1].startswith("at most") else "lognormal or uniform"
    return (
        f"draws reach {value:.3g}, but must be {bound[1]}; give low and high, or use a "
        f"distribution that ends there, such as {ending}"
    )


def combine(study: Study, index: Mapping[str, int]) -> Combination:
    """The scenario at one index of every named dim, and the numeric axes that remain."""
    scenario = study.scenario
    numeric: list[Axis | Drawn] = []
    for axis in study.axes:
        if axis.dim not in index:
            numeric.append(axis)
            continue
        value = axis.values[index[axis.dim]]
        if axis.path == TREATMENT:
            scenario = dataclasses.replace(scenario, treatment=value)  # type: ignore[arg-type]
        elif is_named(axis):
            try:
                scenario = replaced(scenario, axis.path, _whole(axis.path, value))
            except ParameterError as error:
                lines = str(error).splitlines()
                raise ParameterError("\n".join(f"axis {axis.path}: {s}" for s in lines)) from None
        else:  # a number zipped with a name
            numeric.append(Axis(axis.path, (value,), zip=axis.dim))
    numeric = [
        dataclasses.replace(a, zip=f"{a.dim[:74]} (one)")
        if isinstance(a, Axis) and a.dim in index
        else a
        for a in numeric
    ]
    for sample in study.samples:
        numeric += [Drawn(sample, i, study.seed) for i in range(len(sample.over))]
    return Combination(scenario, index, tuple(numeric))


def _whole(path: str, value: Any) -> Any:
    """Chain lengths are whole numbers."""
    counted = path.rsplit(".", 1)[-1] in ("chain_length", "destroyed_from", "doses")
    return int(value) if counted and isinstance(value, float) and value.is_integer() else value
