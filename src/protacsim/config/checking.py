"""Checking a configuration: every mistake of a document, each once, in two passes.

Pass 1 checks all fields of all sections; pass 2 checks across sections, on every part that passed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from protacsim.config.figures import Figure, FigureChecker
from protacsim.config.grammar import (
    METHODS,
    SCHEMA,
    AxisSection,
    Document,
    FigureSection,
    FitSection,
    RunSection,
    SensitivitySection,
)
from protacsim.errors import ConfigError, ParameterError
from protacsim.fitting import Errors, Measurement, Model, Parameter, read_measurements, unknowns
from protacsim.methods import ODE, Method, Stochastic
from protacsim.scenario import Scenario, Treatment
from protacsim.study import (
    DOSE,
    TREATMENT,
    Axis,
    Readout,
    Sample,
    Study,
    ask_about,
    config_sha256,
    dim_of_doses,
    resolved,
)
from protacsim.study.names import CURVE_READINGS, FRACTION_BELOW
from protacsim.validation import one_of, problems, quoted


@dataclass(frozen=True)
class FitJob:
    """A checked fit: its measurements, what is free, and its options."""

    data: tuple[Measurement, ...]
    parameters: tuple[Parameter, ...]
    starts: int
    level: float


@dataclass(frozen=True)
class Job:
    """A checked configuration: the study, its figures, and where it came from.

    `overrides` are those that were given beside the file, as `path=value`.
    """

    study: Study
    figures: tuple[Figure, ...]
    source: Path
    fit: FitJob | None = None
    sensitivity: SensitivitySection | None = None
    overrides: tuple[str, ...] = field(default=(), compare=False)

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
        sensitivity = self._sensitivity()
        if sensitivity is not None:
            samples.append(sensitivity.sample())
        readout = self._one("readout", Readout)
        method = self._method()
        run = self._one("run", RunSection)
        figures = self._many("figure", FigureSection)
        fit_section = self._one("fit", FitSection) if "fit" in self.raw else None
        study = self._study(scenario, treatments, axes, samples, readout, method, run)
        several = isinstance(self.raw.get("treatment", []), list)
        dims = [sample.dim for sample in samples if sample is not None]
        shown = FigureChecker(
            self._say, self.source, treatments if several else None, axes, dims, sensitivity
        )
        shown.check(figures, readout)
        self._check_readouts(sensitivity, axes, readout)
        fit = self._fit(fit_section, study)
        drawn = shown.figures(figures, study) if study is not None else ()
        if self.found or study is None:
            raise ConfigError(list(dict.fromkeys(self.found)))
        ask_about(study)
        return Job(study, drawn, self.source, fit, sensitivity)

    def _say(self, sentence: str) -> None:
        end = "" if sentence.endswith(".") else "."
        self.found.append(f"{self.source}: {sentence}{end}")

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

    def _method(self) -> Method | Stochastic | None:
        section = self.raw.get("method", {})
        if not isinstance(section, Mapping):
            self._say(f"method is {quoted(section)}; write it as a [method] table.")
            return None
        options = {key: value for key, value in section.items() if key != "kind"}
        kind = section.get("kind", "ode")
        if not isinstance(kind, str) or kind not in METHODS:
            allowed = one_of(quoted(kind)[1:-1], METHODS)
            self._say(f"method.kind is {quoted(kind)}; {allowed}.")
            return None
        return self._validated("method", METHODS[kind], options)  # type: ignore[no-any-return]

    def _fit(self, section: FitSection | None, study: Study | None) -> FitJob | None:
        """Measurements and parameters, checked against the study."""
        if section is None or study is None:
            return None
        errors = Errors(section.sd_log, section.sd_percent)
        try:
            data = read_measurements(self.source.parent / section.data, study, errors)
            Model(study, data, unknowns(section.parameters, study))
        except ParameterError as error:
            for line in str(error).splitlines():
                self._say(line)
            return None
        return FitJob(data, section.parameters, section.starts, section.level)

    def _study(
        self,
        scenario: Scenario | None,
        treatments: list[Treatment | None],
        axes: list[Axis] | None,
        samples: list[Sample | None],
        readout: Readout | None,
        method: Method | Stochastic | None,
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

    def _sensitivity(self) -> SensitivitySection | None:
        if "sensitivity" not in self.raw:
            return None
        return self._one("sensitivity", SensitivitySection)  # type: ignore[no-any-return]

    def _check_readouts(
        self, section: SensitivitySection | None, axes: list[Axis] | None, readout: Readout | None
    ) -> None:
        """Readouts of a sensitivity analysis are variables of the result or readings of curves."""
        if section is None or readout is None or axes is None:
            return
        variables = self._variables(readout)
        doses = dim_of_doses(axis.dim for axis in axes)
        allowed = [*variables, *(CURVE_READINGS if doses else ())]
        for text in section.readouts:
            below = FRACTION_BELOW.match(text)
            if text in CURVE_READINGS and not doses:
                self._say(
                    f"sensitivity.readouts names {quoted(text)}, which is read off a curve over "
                    f"doses; add an axis {DOSE}."
                )
            elif (below[1] if below else text) not in allowed:
                self._say(f"sensitivity.readouts names {quoted(text)}; {one_of(text, allowed)}.")

    def _variables(self, readout: Readout) -> list[str]:
        names = [reading.name for reading in readout.readings]
        return names + [f"{name}_percent" for name in names if readout.relative_to]


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
