"""The grammar: what each section of a configuration may say, one noun per section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BeforeValidator, Field, Strict, TypeAdapter, model_validator

from protacsim.errors import ParameterError
from protacsim.fitting import Parameter
from protacsim.methods import LNA, ODE, SSA, Auto, Hybrid, Reference
from protacsim.scenario import Treatment
from protacsim.study import Axis, Readout, Sample
from protacsim.study.axes import Draws, number_of
from protacsim.study.designs import design
from protacsim.units import to_canonical, unit_of
from protacsim.validation import Name, Quantity, Real, noun, one_of, quoted

SCHEMA = "protacsim/1"
LARGEST_AXIS = 10_000_000

METHODS: dict[str, Any] = {
    "ode": ODE,
    "reference": Reference,
    "ssa": SSA,
    "hybrid": Hybrid,
    "lna": LNA,
    "auto": Auto,
}
FIGURES = {
    "dose-response": ("rows", "columns", "hue", "time_h", "select", "points", "fit"),
    "time-course": ("rows", "columns", "hue", "select"),
    "allele-shift": ("rows", "columns", "hue", "time_h", "select"),
    "occupancy-vs-degradation": ("columns", "hue", "time_h", "select"),
    "ternary-bell": ("rows", "columns", "hue", "time_h", "select"),
    "species-flow": ("rows", "columns", "time_h", "select"),
    "observed-vs-predicted": ("points",),
    "network": ("select",),
    "single-cell": ("rows", "columns", "hue", "time_h", "select"),
    "heatmap": ("rows", "columns", "time_h", "select", "x", "y"),
    "sensitivity": ("select",),
}
"""Kinds of figures, and what can be chosen in each."""
DEFAULT_ROWS = {
    "dose-response": ("target_total",),
    "time-course": ("target_total",),
    "allele-shift": ("target_total",),
    "ternary-bell": ("ternary",),
    "heatmap": ("target_total",),
    "single-cell": ("target_total",),
}
NEEDED_ROWS = {
    "occupancy-vs-degradation": ("target_total", "target_unoccupied"),
    "species-flow": ("target_total", "target_unoccupied"),
}
"""Observables without which a figure that names none cannot be drawn."""
OVER_DOSES = ("dose-response", "allele-shift", "occupancy-vs-degradation", "ternary-bell")
RELATIVE = ("allele-shift", "occupancy-vs-degradation", "observed-vs-predicted")
"""Figures of percentages: they need `relative_to`."""

OF_CELLS = ("single-cell", "network", "sensitivity")
"""Figures that a study of several cells per point can have."""

# Dims that an observable has besides the axes: of each compound, of each neosubstrate.
MEMBER_DIMS = ("compound", "neosubstrate")

Entry = Annotated[float, Strict()] | str


def _three(value: object) -> object:
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise ParameterError(
            f"is {quoted(value)}; write [first, last, number of values], such as [1.0, 1e4, 9]"
        )
    return value


Spacing = Annotated[tuple[Entry, Entry, Annotated[int, Strict()]], BeforeValidator(_three)]


@noun
class AxisSection:
    """`[[axis]]`: a path, and its values listed or spaced."""

    path: Annotated[str, Field(min_length=1, max_length=200)]
    values: tuple[float | bool | str, ...] | None = None
    linspace: Spacing | None = None
    geomspace: Spacing | None = None
    zip: Name | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [
            way for way in ("values", "linspace", "geomspace") if getattr(self, way) is not None
        ]
        if len(ways) != 1:
            raise ParameterError(
                f"axis {self.path} has {' and '.join(ways) or 'no values'}; give exactly one of "
                "values, linspace and geomspace"
            )
        self.axis()
        return self

    def axis(self) -> Axis:
        """The axis with its values written out in canonical units."""
        if self.values is not None:
            return Axis(self.path, self.values, self.zip)
        first, last, count = self.linspace or self.geomspace or (0.0, 0.0, 0)
        ends = [number_of(self.path, first), number_of(self.path, last)]
        if not all(isinstance(end, float) and np.isfinite(end) for end in ends):
            raise ParameterError(f"axis {self.path}: the ends must be numbers, found {ends}")
        low, high = (float(end) for end in ends)
        if not 1 <= count <= LARGEST_AXIS:
            raise ParameterError(
                f"axis {self.path}: {count} values; must be between 1 and {LARGEST_AXIS:,}"
            )
        if count == 1 and low != high:
            raise ParameterError(
                f"axis {self.path}: one value between {low:g} and {high:g}; raise the number of "
                f"values, or write values = [{low:g}]"
            )
        if self.linspace:
            return Axis(self.path, tuple(np.linspace(low, high, count).tolist()), self.zip)
        if min(low, high) <= 0.0:
            raise ParameterError(
                f"axis {self.path}: geomspace from {low:g} to {high:g}; both ends must be above 0"
            )
        return Axis(self.path, tuple(np.geomspace(low, high, count).tolist()), self.zip)


@noun
class RunSection:
    """`[run]`."""

    seed: Annotated[int, Quantity, Field(ge=0, le=2**63 - 1)] = 1
    replicates: Annotated[int, Quantity, Field(ge=1, le=2**63 - 1)] = 1
    on_error: Literal["mask", "raise"] = "mask"


@noun
class FigureSection:
    """`[[figure]]`: what to draw from the result.

    `rows` are observables, `columns` and `hue` axes; `time_h` defaults to the last time. `select`
    gives one value of each axis that is neither, such as `{ "compound.dose_nM" = 100.0 }`. A
    heatmap has the axes `x` (doses by default) and `y` and one row, which may be a reading of
    curves such as "dmax_percent". A sensitivity figure shows all readouts of `[sensitivity]`.
    `points` is a CSV file of measurements as `[fit]` reads them; `fit` describes a curve.
    Without `width_mm` a figure of one column is 88 mm wide, others 180 mm.
    """

    kind: str
    rows: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    columns: str | None = None
    hue: str | None = None
    x: str | None = None
    y: str | None = None
    time_h: Real | None = None
    width_mm: Annotated[float, Field(ge=40, le=400)] | None = None
    select: dict[str, Entry] = Field(default_factory=dict)
    points: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    fit: Literal["hill", "bell"] | None = None

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.kind not in FIGURES:
            raise ParameterError(f'kind = "{self.kind}" is no figure; {one_of(self.kind, FIGURES)}')
        for name in dict.fromkeys(field for fields in FIGURES.values() for field in fields):
            if getattr(self, name) not in (None, {}) and name not in FIGURES[self.kind]:
                raise ParameterError(f"{name} cannot be chosen in a {self.kind}; leave it out")
        if self.kind == "observed-vs-predicted" and self.points is None:
            raise ParameterError("points is missing; give a CSV file with what was measured")
        if self.kind == "heatmap" and self.y is None:
            raise ParameterError("a heatmap needs y, one of the axes; add it")
        if self.kind == "heatmap" and len(self.observables) > 1:
            raise ParameterError("a heatmap has one row; draw one heatmap each")
        self.chosen()
        return self

    @property
    def observables(self) -> tuple[str, ...]:
        """`rows`, or those that the kind shows by default; none where it has its own."""
        return DEFAULT_ROWS.get(self.kind, ()) if self.rows is None else self.rows

    def chosen(self) -> tuple[tuple[str, float | str], ...]:
        """`select` in canonical units."""
        return tuple(
            (dim, to_canonical(dim, value) if isinstance(value, str) and unit_of(dim) else value)
            for dim, value in self.select.items()
        )


@noun
class SensitivitySection:
    """`[sensitivity]`: which constants decide the readouts.

    `over` are draws as in `[[sample]]`; `n` base points (Sobol) or walks (Morris). `readouts` are
    readings of dose-response curves, variables of the result, or "<variable> below <number>".
    """

    over: Draws
    readouts: Annotated[tuple[str, ...], Field(min_length=1)] = ("dc50_relative_nM", "dmax_percent")
    method: Literal["sobol", "morris"] = "sobol"
    n: Annotated[int, Field(ge=2, le=10_000_000)] = 256

    def sample(self) -> Sample:
        """The points of the analysis, as a sample of the study."""
        return design(self.over, method=self.method, n=self.n)


def _tables_each(value: object) -> object:
    if isinstance(value, Mapping):
        raise ParameterError("write each as a [[fit.parameters]] table, in double brackets")
    return value


@noun
class FitSection:
    """`[fit]`: a file of measurements (beside the configuration), and what is free.

    `sd_log` (of the logarithm of potencies) and `sd_percent` (percentage points) are the standard
    deviations of rows that give none; `starts` is the number of starting points, `level` that of
    the intervals.
    """

    data: Annotated[str, Field(min_length=1, max_length=500)]
    parameters: Annotated[tuple[Parameter, ...], BeforeValidator(_tables_each), Field(min_length=1)]
    starts: Annotated[int, Quantity, Field(ge=1, le=1000)] = 8
    level: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.9
    sd_log: Annotated[float, Field(gt=0.0)] = 0.4
    sd_percent: Annotated[float, Field(gt=0.0)] = 7.0


@noun
class ScenarioSection:
    """`[scenario]` without treatments, to list its keys."""

    cell: Any = None
    target: Any = "BTK"
    ubiquitination: Any = None
    neosubstrates: tuple[Name, ...] = ()
    preset: str | None = None


@noun
class Document:
    """The top level of a configuration file; `protacsim schema` prints it as JSON Schema."""

    schema: Literal["protacsim/1"]
    title: Annotated[str, Field(max_length=300)] = ""
    extends: str | None = None
    scenario: ScenarioSection | None = None
    treatment: tuple[Treatment, ...] = ()
    axis: tuple[AxisSection, ...] = ()
    sample: tuple[Sample, ...] = ()
    sensitivity: SensitivitySection | None = None
    readout: Readout | None = None
    method: dict[str, Any] | None = None
    run: RunSection | None = None
    figure: tuple[FigureSection, ...] = ()
    fit: FitSection | None = None


def json_schema() -> dict[str, Any]:
    """The grammar as JSON Schema, for editors."""
    schema: dict[str, Any] = TypeAdapter(Document).json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
