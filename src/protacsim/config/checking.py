"""Checking a configuration: every mistake of a document, each once, in two passes.

Pass 1 checks all fields of all sections; pass 2 checks across sections, on every part that passed.
What this version cannot execute is checked and refused with one sentence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import TypeAdapter, ValidationError

from protacsim.config.grammar import (
    FEWEST_TIMES,
    LATER_METHODS,
    MEMBER_DIMS,
    METHODS,
    NEEDED_ROWS,
    OVER_DOSES,
    RELATIVE,
    SCHEMA,
    AxisSection,
    Document,
    FigureSection,
    FitSection,
    RunSection,
)
from protacsim.config.tables import table_text
from protacsim.errors import ConfigError, ParameterError
from protacsim.methods import ODE, Method
from protacsim.scenario import Scenario, Treatment
from protacsim.study import DOSE, TREATMENT, Axis, Readout, Sample, Study, config_sha256, resolved
from protacsim.validation import one_of, problems, quoted


class Figure(NamedTuple):
    """One figure that a run draws; `table` is the CSV text of its measured points."""

    kind: str
    rows: tuple[str, ...]
    columns: str | None
    hue: str | None
    time_h: float | None
    width_mm: float
    select: tuple[tuple[str, float | str], ...] = ()
    table: str = ""
    fit: Literal["hill", "bell"] | None = None


@dataclass(frozen=True)
class Job:
    """A checked configuration: the study, its figures, and where it came from."""

    study: Study
    figures: tuple[Figure, ...]
    source: Path

    @property
    def resolved(self) -> dict[str, Any]:
        """The study with every name looked up and every default filled, as plain data."""
        return resolved(self.study)

    @property
    def sha256(self) -> str:
        """Hash of the resolved study: equal hashes mean equal results."""
        return config_sha256(self.study)


class Checker:
    """Collects every mistake of one document."""

    def __init__(self, source: Path, raw: dict[str, Any]) -> None:
        self.source = source
        self.raw = raw
        self.found: list[str] = []

    def job(self) -> Job:
        """Both passes; raises `ConfigError` with all mistakes."""
        self._top_level()
        scenario = self._scenario()
        treatments = self._many("treatment", Treatment)
        axes = self._axes()
        samples = self._many("sample", Sample)
        readout = self._one("readout", Readout)
        method = self._method()
        run = self._one("run", RunSection)
        figures = self._many("figure", FigureSection)
        self._refused()
        study = self._study(scenario, treatments, axes, samples, readout, method, run)
        self._check_figures(figures, treatments, axes, readout)
        if study is not None:
            self._check_dose_axes(figures, treatments, axes)
        tables = [self._table(k, f, axes) for k, f in zip(_keys(figures), figures, strict=True)]
        if self.found or study is None:
            raise ConfigError(list(dict.fromkeys(self.found)))
        drawn = tuple(self._figure(f, table) for f, table in zip(figures, tables, strict=True))
        return Job(study, drawn, self.source)

    def _figure(self, section: FigureSection, table: str) -> Figure:
        return Figure(
            section.kind,
            section.observables,
            section.columns,
            section.hue,
            section.time_h,
            section.width_mm,
            section.chosen(),
            table,
            section.fit,
        )

    def _table(self, key: str, figure: FigureSection | None, axes: list[Axis] | None) -> str:
        """Text of a figure's CSV file, "" without one."""
        if figure is None or figure.points is None or axes is None:
            return ""
        places = [TREATMENT, "time_h", *(axis.path for axis in axes)]
        try:
            return table_text(self.source.parent / figure.points, figure.kind, places)
        except ConfigError as error:
            for line in error.problems:
                self._say(f"{key}.points: {line}")
            return ""

    def _say(self, sentence: str) -> None:
        self.found.append(f"{self.source}: {sentence}")

    def _top_level(self) -> None:
        schema = self.raw.get("schema")
        if schema is None:
            self._say(f'schema is missing; write schema = "{SCHEMA}".')
        elif schema != SCHEMA:
            self._say(f'schema is {quoted(schema)}; must be "{SCHEMA}".')
        title = self.raw.get("title", "")
        if not isinstance(title, str) or len(title) > 300:
            self._say(f"title is {quoted(title)}; must be a text of at most 300 characters.")
        elif not title.isprintable():
            self._say(f"title is {quoted(title)}; must be one line without control characters.")
        if "extends" in self.raw:
            extends = quoted(self.raw["extends"])
            self._say(f"extends is {extends}; must be the path of a file, written in this file.")
        keys = list(Document.__dataclass_fields__)
        for key in self.raw:
            if key not in keys:
                self._say(f"{quoted(key)[1:-1]} is no known key; {one_of(key[:80], keys)}.")

    def _validated(self, key: str, cls: Any, value: Any, raw: Any = None) -> Any:
        try:
            return TypeAdapter(cls).validate_python(value)
        except ValidationError as error:
            for sentence in problems(error, cls, value if raw is None else raw, key):
                self._say(sentence)
            return None

    def _one(self, key: str, cls: Any) -> Any:
        value = self.raw.get(key, {})
        if not isinstance(value, Mapping):
            self._say(f"{key} is {quoted(value)}; write it as a [{key}] table.")
            return None
        return self._validated(key, cls, value)

    def _many(self, key: str, cls: Any) -> list[Any]:
        value = self.raw.get(key, [])
        if not isinstance(value, list) or not all(isinstance(entry, Mapping) for entry in value):
            self._say(f"{key} is {quoted(value)}; write each as a [[{key}]] table.")
            return [None]
        single = len(value) == 1
        return [
            self._validated(key if single else f"{key}[{i}]", cls, entry)
            for i, entry in enumerate(value, 1)
        ]

    def _scenario(self) -> Scenario | None:
        section = self.raw.get("scenario")
        if not isinstance(section, Mapping):
            found = "is missing" if section is None else f"is {quoted(section)}"
            self._say(f'scenario {found}; write a [scenario] table with at least cell = "molm14".')
            return None
        section = dict(section)
        if section.pop("treatment", None) is not None:
            self._say("scenario.treatment is no known key; write a [[treatment]] table instead.")
        return self._validated("scenario", Scenario, section, _looked_up(section))  # type: ignore[no-any-return]

    def _axes(self) -> list[Axis] | None:
        """All axes, or None when some are wrong: what they would mean together is not known."""
        sections = self._many("axis", AxisSection)
        axes = [section.axis() for section in sections if section is not None]
        if any(axis.path == TREATMENT for axis in axes):
            self._say('axis path "treatment" is reserved; write one [[treatment]] table each.')
            return None
        return axes if len(axes) == len(sections) else None

    def _method(self) -> Method | None:
        section = self.raw.get("method", {})
        if not isinstance(section, Mapping):
            self._say(f"method is {quoted(section)}; write it as a [method] table.")
            return None
        options = {key: value for key, value in section.items() if key != "kind"}
        kind = section.get("kind", "ode")
        if kind in LATER_METHODS:
            self._say(
                f'method.kind = "{kind}" cannot be run yet: this version has no stochastic solver; '
                'use "ode".'
            )
            return None
        if not isinstance(kind, str) or kind not in METHODS:
            allowed = one_of(quoted(kind)[1:-1], (*METHODS, *LATER_METHODS))
            self._say(f"method.kind is {quoted(kind)}; {allowed}.")
            return None
        return self._validated("method", METHODS[kind], options)  # type: ignore[no-any-return]

    def _refused(self) -> None:
        """Sections that are checked and cannot be executed."""
        if "fit" in self.raw and self._one("fit", FitSection) is not None:
            self._say("fit cannot be run yet: this version simulates only; leave [fit] out.")

    def _study(
        self,
        scenario: Scenario | None,
        treatments: list[Treatment | None],
        axes: list[Axis] | None,
        samples: list[Sample | None],
        readout: Readout | None,
        method: Method | None,
        run: RunSection | None,
    ) -> Study | None:
        passed = [treatment for treatment in treatments if treatment is not None]
        names = [treatment.name for treatment in passed]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            self._say(f"treatment {', '.join(map(repr, twice))} is named twice; rename one.")
        if (
            scenario is None
            or axes is None
            or readout is None
            or twice
            or (treatments and not passed)
        ):
            return None
        method, run = method or ODE(), run or RunSection()
        try:
            if passed:
                scenario = replace(scenario, treatment=passed[0])
            if len(treatments) > 1:
                axes = [Axis(TREATMENT, tuple(passed)), *axes]
            return Study(
                scenario,
                axes=tuple(axes),
                samples=tuple(sample for sample in samples if sample is not None),
                readout=readout,
                method=method,
                seed=run.seed,
                replicates=run.replicates,
                on_error=run.on_error,
                title=str(self.raw.get("title", "")),
            )
        except ParameterError as error:
            for line in str(error).splitlines():
                self._say(line)
            return None

    def _check_figures(
        self,
        figures: list[FigureSection | None],
        treatments: list[Treatment | None],
        axes: list[Axis] | None,
        readout: Readout | None,
    ) -> None:
        given = self._axes_of_figures(treatments, axes)
        for key, figure in zip(_keys(figures), figures, strict=True):
            if figure is not None:
                if given is not None:
                    self._check_dims(key, figure, given)
                    self._check_select(key, figure, given)
                    self._check_time_course(key, figure, given)
                self._check_readings(key, figure, readout)

    def _axes_of_figures(
        self, treatments: list[Treatment | None], axes: list[Axis] | None
    ) -> list[Axis] | None:
        """The axes and, if there are several, the treatments."""
        if axes is None or not isinstance(self.raw.get("treatment", []), list):
            return None
        names = tuple(t.name if t is not None else "" for t in treatments)
        return [Axis(TREATMENT, names, TREATMENT), *axes] if len(names) > 1 else axes

    def _check_dims(self, key: str, figure: FigureSection, axes: list[Axis]) -> None:
        dims = list(dict.fromkeys(axis.dim for axis in axes))
        for what in ("columns", "hue"):
            dim = getattr(figure, what)
            if dim is not None and dim not in dims:
                self._say(f"{key}.{what} is {quoted(dim)}; {one_of(dim, dims)}.")

    def _check_select(self, key: str, figure: FigureSection, axes: list[Axis]) -> None:
        values = {axis.path: axis.coordinate for axis in axes}
        for path, value in figure.chosen():
            if path not in (*values, *MEMBER_DIMS):
                allowed = one_of(path, [*values, *MEMBER_DIMS])
                self._say(f"{key}.select names {quoted(path)}; {allowed}.")
            elif path in values and not _is_among(value, values[path]):
                allowed = one_of(
                    str(value), [f"{v:g}" if isinstance(v, float) else v for v in values[path]]
                )
                self._say(f"{key}.select takes {quoted(value)} of {path}; {allowed}.")

    def _check_time_course(self, key: str, figure: FigureSection, axes: list[Axis]) -> None:
        shown = (figure.columns, figure.hue)
        chosen = [axis.dim for axis in axes if axis.path in figure.select]
        left = dict.fromkeys(
            axis.dim for axis in axes if len(axis.values) > 1 and axis.dim not in (*shown, *chosen)
        )
        if figure.kind == "time-course" and len(left) > shown.count(None):
            self._say(
                f"{key} is a time-course with more axes than one figure shows: {', '.join(left)} "
                f"for {shown.count(None)} of columns and hue; choose one value each with select."
            )

    def _check_dose_axes(
        self,
        figures: list[FigureSection | None],
        treatments: list[Treatment | None],
        axes: list[Axis] | None,
    ) -> None:
        """Figures against dose, once the study is right: one dose axis, and no axis left over."""
        given = self._axes_of_figures(treatments, axes)
        for key, figure in zip(_keys(figures), figures, strict=True):
            if given and figure is not None and figure.kind in OVER_DOSES:
                self._check_over_doses(key, figure, given)

    def _check_over_doses(self, key: str, figure: FigureSection, axes: list[Axis]) -> None:
        doses = [axis.dim for axis in axes if axis.dim.endswith(".dose_nM")]
        if not doses:
            self._say(f"{key} is drawn against dose; add an axis {DOSE} without zip.")
            return
        dims = [axis.dim for axis in axes]
        if not {figure.columns or dims[0], figure.hue or dims[0]} <= set(dims):
            return  # told already
        along = DOSE if DOSE in doses else doses[0]
        shown = (along, figure.columns or TREATMENT, figure.hue or "target.allele")
        chosen = [axis.dim for axis in axes if axis.path in figure.select]
        left = dict.fromkeys(
            axis.dim for axis in axes if len(axis.values) > 1 and axis.dim not in (*shown, *chosen)
        )
        if left:
            self._say(
                f"{key} does not show {', '.join(left)}; make it the columns or the hue, or choose "
                "one value with select."
            )

    def _check_readings(self, key: str, figure: FigureSection, readout: Readout | None) -> None:
        if readout is None:
            return
        read_out = [reading.name for reading in readout.readings]
        for row in figure.observables:
            if row not in read_out:
                self._say(
                    f"{key}.rows names {quoted(row)}, which is not read out; "
                    f"{one_of(row, read_out)}."
                )
        missing = [n for n in NEEDED_ROWS.get(figure.kind, ()) if n not in read_out]
        if missing and not figure.rows:
            self._say(f"{key} needs {' and '.join(missing)}; add that to readout.observables.")
        if figure.kind in RELATIVE and readout.relative_to is None:
            self._say(f'{key} shows percentages; set readout.relative_to, such as "vehicle".')
        if figure.time_h is not None and figure.time_h not in readout.times_h:
            times = ", ".join(f"{time:g}" for time in readout.times_h)
            self._say(f"{key}.time_h is {figure.time_h:g} h; must be one of {times} h.")
        if figure.kind == "time-course" and len(readout.times_h) < FEWEST_TIMES:
            self._say(f"{key} shows a time course; give two or more times in readout.times_h.")


def _keys(figures: Sequence[Any]) -> list[str]:
    """How messages name each figure."""
    several = len(figures) > 1
    return [f"figure[{i}]" if several else "figure" for i in range(1, len(figures) + 1)]


def _is_among(value: float | str, values: Sequence[float | str]) -> bool:
    if isinstance(value, str):
        return value in values
    return any(isinstance(v, float) and np.isclose(v, value, rtol=1e-9, atol=0.0) for v in values)


def _looked_up(section: Mapping[str, Any]) -> dict[str, Any]:
    """The scenario with library tables written out, so that entries can be named in messages."""
    from protacsim.scenario import looked_up

    raw = dict(section)
    cell = raw.get("cell")
    try:
        raw["cell"] = looked_up("cells").func(cell)
    except ParameterError:
        return raw
    return raw
