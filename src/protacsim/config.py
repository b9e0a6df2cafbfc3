"""From a TOML file to a checked `Job`: the grammar, and every mistake reported in one run.

Pass 1 checks all fields of all sections; pass 2 checks across sections, on every part that passed.
What this version cannot execute is parsed, checked and refused with one sentence.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

import numpy as np
from pydantic import Field, Strict, TypeAdapter, ValidationError, model_validator

from protacsim import library
from protacsim.errors import ConfigError, ParameterError
from protacsim.methods import ODE, Method, Reference
from protacsim.scenario import Scenario, Treatment
from protacsim.study import TREATMENT, Axis, Readout, Sample, Study
from protacsim.units import to_canonical, unit_of
from protacsim.validation import Name, Quantity, Real, noun, one_of, problems, quoted

SCHEMA = "protacsim/1"
LARGEST_FILE_BYTES = 5_000_000
LARGEST_AXIS = 10_000_000

METHODS: dict[str, Any] = {"ode": ODE, "reference": Reference}
LATER_METHODS = ("ssa", "hybrid", "lna", "tau", "auto")
FIGURES = ("dose-response", "time-course")
LATER_FIGURES = (
    "heatmap",
    "allele-shift",
    "occupancy-vs-degradation",
    "ternary-bell",
    "species-flow",
    "single-cell",
    "sensitivity",
    "observed-vs-predicted",
    "network",
)

# Dims that an observable has besides the axes: of each compound, of each neosubstrate.
MEMBER_DIMS = ("compound", "neosubstrate")
FEWEST_TIMES = 2

Entry = Annotated[float, Strict()] | str


@noun
class AxisSection:
    """`[[axis]]`: a path, and its values listed or spaced."""

    path: Annotated[str, Field(min_length=1, max_length=200)]
    values: tuple[float | bool | str, ...] | None = None
    linspace: tuple[Entry, Entry, Annotated[int, Strict()]] | None = None
    geomspace: tuple[Entry, Entry, Annotated[int, Strict()]] | None = None
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
            return Axis(self.path, tuple(self._number(value) for value in self.values), self.zip)
        first, last, count = self.linspace or self.geomspace or (0.0, 0.0, 0)
        ends = [self._number(first), self._number(last)]
        if not all(isinstance(end, float) and np.isfinite(end) for end in ends):
            raise ParameterError(f"axis {self.path}: the ends must be numbers, found {ends}")
        low, high = (float(end) for end in ends)
        if not 1 <= count <= LARGEST_AXIS:
            raise ParameterError(
                f"axis {self.path}: {count} values; must be between 1 and {LARGEST_AXIS:,}"
            )
        if self.linspace:
            return Axis(self.path, tuple(np.linspace(low, high, count).tolist()), self.zip)
        if min(low, high) <= 0.0:
            raise ParameterError(
                f"axis {self.path}: geomspace from {low:g} to {high:g}; both ends must be above 0"
            )
        return Axis(self.path, tuple(np.geomspace(low, high, count).tolist()), self.zip)

    def _number(self, value: bool | float | str) -> bool | float | str:
        if isinstance(value, bool) and unit_of(self.path):
            raise ParameterError(
                f"axis {self.path} has {value}; must be a number in {unit_of(self.path)}"
            )
        if isinstance(value, str) and unit_of(self.path):
            return to_canonical(self.path, value)
        return value


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
    gives one value of each axis that is neither, such as `{ "compound.dose_nM" = 100.0 }`.
    """

    kind: str
    rows: Annotated[tuple[str, ...], Field(min_length=1)] = ("target_total",)
    columns: str | None = None
    hue: str | None = None
    time_h: Real | None = None
    width_mm: Annotated[float, Field(ge=40, le=400)] = 180.0
    select: dict[str, Entry] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.kind in LATER_FIGURES:
            raise ParameterError(
                f'kind = "{self.kind}" cannot be drawn yet; use {" or ".join(FIGURES)}'
            )
        if self.kind not in FIGURES:
            raise ParameterError(f'kind = "{self.kind}" is no figure; {one_of(self.kind, FIGURES)}')
        if self.kind == "time-course" and self.time_h is not None:
            raise ParameterError("time_h cannot be chosen in a time-course; leave it out")
        self.chosen()
        return self

    def chosen(self) -> tuple[tuple[str, float | str], ...]:
        """`select` in canonical units."""
        return tuple(
            (dim, to_canonical(dim, value) if isinstance(value, str) and unit_of(dim) else value)
            for dim, value in self.select.items()
        )


@noun
class FitParameter:
    """One parameter of `[fit]`: its path, its bounds, and what it is shared over."""

    path: Annotated[str, Field(min_length=1)]
    low: float | None = None
    high: float | None = None
    shared: bool = True


@noun
class FitSection:
    """`[fit]`: parsed and checked; this version does not fit."""

    data: Annotated[str, Field(min_length=1)]
    parameters: tuple[FitParameter, ...]


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
    readout: Readout | None = None
    method: dict[str, Any] | None = None
    run: RunSection | None = None
    figure: tuple[FigureSection, ...] = ()
    fit: FitSection | None = None


class Figure(NamedTuple):
    """One figure that a run draws."""

    kind: str
    rows: tuple[str, ...]
    columns: str | None
    hue: str | None
    time_h: float | None
    width_mm: float
    select: tuple[tuple[str, float | str], ...] = ()


@dataclass(frozen=True)
class Job:
    """A checked configuration: the study, its figures, and where it came from."""

    study: Study
    figures: tuple[Figure, ...]
    source: Path

    @cached_property
    def resolved(self) -> dict[str, Any]:
        """The study with every name looked up and every default filled, as plain data."""
        plain: dict[str, Any] = TypeAdapter(Study).dump_python(self.study, mode="json")
        return plain

    @cached_property
    def sha256(self) -> str:
        """Hash of the resolved study: equal hashes mean equal results."""
        text = json.dumps(self.resolved, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def load(path: str | Path, overrides: Mapping[str, Any] | Sequence[str] = ()) -> Job:
    """Read, check and resolve a configuration file.

    `overrides` are `path=value` strings or a mapping; paths start below `[scenario]`, or at the
    top level (`run.seed`). Raises `ConfigError` with every mistake, each once.
    """
    source = Path(path)
    raw = _extended(read_toml(source), source)
    for key, value in _parsed(overrides):
        _set(raw, key, value)
    return _Checker(source, raw).job()


def read_toml(path: Path) -> dict[str, Any]:
    """Parse a TOML file; raises `ConfigError` for one that is missing, binary or malformed."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE_BYTES + 1)
    except OSError as error:
        reason = {2: "there is no such file", 21: "is a folder, not a file"}.get(
            error.errno or 0, str(error.strerror)
        )
        raise ConfigError(f"{path}: {reason}; give the path of a TOML configuration.") from None
    except ValueError:  # a null byte in the name
        raise ConfigError(f"{quoted(str(path))} is no file name; give another.") from None
    if len(content) > LARGEST_FILE_BYTES:
        raise ConfigError(
            f"{path}: the file is larger than {LARGEST_FILE_BYTES // 1_000_000} MB; "
            "a configuration is a short text."
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not a text file; give a TOML configuration.") from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}; correct that line.") from None
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply; a configuration is flat.") from None
    except ValueError:
        raise ConfigError(f"{path}: a number has too many digits; shorten it.") from None


def _extended(raw: dict[str, Any], source: Path) -> dict[str, Any]:
    """The file laid over the one it extends (one level)."""
    base_name = raw.get("extends")
    if not isinstance(base_name, str):
        return raw
    base_path = source.parent / base_name
    base = read_toml(base_path)
    if "extends" in base:
        raise ConfigError(
            f"{source}: extends {base_name!r}, which extends another file; only one level is "
            "allowed, name the last file directly."
        )
    over = {key: value for key, value in raw.items() if key != "extends"}
    return library.merged(base, over)


def _parsed(overrides: Mapping[str, Any] | Sequence[str]) -> Iterator[tuple[str, Any]]:
    if isinstance(overrides, Mapping):
        yield from overrides.items()
        return
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise ConfigError(
                f"--set {text!r}: write it as path=value, such as cell.volume_pL=0.8."
            )
        try:
            parsed = tomllib.loads(f"value = {value}")
        except (ValueError, RecursionError):
            parsed = {}
        yield key.strip(), parsed["value"] if len(parsed) == 1 else value.strip()


def _set(raw: dict[str, Any], path: str, value: Any) -> None:
    """Put one override in place, in the scenario unless its first key is a top-level one."""
    keys = path.split(".")
    if keys[0] in ("compound", "compounds"):
        _set_compound(raw, path, keys, value)
        return
    if keys[0] not in Document.__dataclass_fields__:
        keys = ["scenario", *keys]
    place = raw
    for key in keys[:-1]:
        below = place.get(key)
        below = {"name": below} if isinstance(below, str) else below
        if below is not None and not isinstance(below, dict):
            raise ConfigError(f"--set {path}: {key} is no table; change it in the file.")
        place[key] = {} if below is None else below
        place = place[key]
    place[keys[-1]] = value


def _set_compound(raw: dict[str, Any], path: str, keys: list[str], value: Any) -> None:
    treatments = raw.get("treatment")
    treatments = treatments if isinstance(treatments, list) else []
    changed = [_set_in_treatment(each, keys, value) for each in treatments]
    if not any(changed):
        raise ConfigError(
            f"--set {path}: no treatment has such a compound; see protacsim describe."
        )


def _set_in_treatment(treatment: Any, keys: list[str], value: Any) -> bool:
    """Override the varied compound (`compound.x`) or a named one; False where there is none."""
    given = treatment.get("compounds") if isinstance(treatment, dict) else None
    listed = given if isinstance(given, list) else [given]
    entries = [{"name": each} if isinstance(each, str) else each for each in listed]
    named = [e for e in entries if isinstance(e, dict) and isinstance(e.get("name"), str)]
    if keys[0] == "compound":
        open_doses = [e for e in named if "dose_nM" not in e]
        chosen = named if len(named) == 1 else open_doses if len(open_doses) == 1 else []
        rest = keys[1:]
    else:
        chosen = [e for e in named if keys[1 : 1 + len(_words(e))] == _words(e)]
        rest = keys[1 + len(_words(chosen[0])) :] if chosen else []
    if not chosen or not rest:
        return False
    place: dict[str, Any] = chosen[0]
    for key in rest[:-1]:
        below = place.get(key)
        place[key] = dict(below) if isinstance(below, dict) else {}
        place = place[key]
    place[rest[-1]] = value
    treatment["compounds"] = entries
    return True


def _words(entry: Mapping[str, Any]) -> list[str]:
    return str(entry["name"]).split(".")


class _Checker:
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
        readout = self._one("readout", Readout)
        method = self._method()
        run = self._one("run", RunSection)
        figures = self._many("figure", FigureSection)
        self._refused()
        study = self._study(scenario, treatments, axes, readout, method, run)
        self._check_figures(figures, treatments, axes, readout)
        if self.found or study is None:
            raise ConfigError(list(dict.fromkeys(self.found)))
        drawn = tuple(
            Figure(f.kind, f.rows, f.columns, f.hue, f.time_h, f.width_mm, f.chosen())
            for f in figures
        )
        return Job(study, drawn, self.source)

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
        samples = self._many("sample", Sample)
        if any(sample is not None for sample in samples):
            self._say(
                "sample cannot be run yet: virtual populations are not in this version; "
                "write the values as an [[axis]]."
            )
        if "fit" in self.raw and self._one("fit", FitSection) is not None:
            self._say("fit cannot be run yet: this version simulates only; leave [fit] out.")

    def _study(
        self,
        scenario: Scenario | None,
        treatments: list[Treatment | None],
        axes: list[Axis] | None,
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
        for i, figure in enumerate(figures, 1):
            if figure is not None:
                key = "figure" if len(figures) == 1 else f"figure[{i}]"
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

    def _check_readings(self, key: str, figure: FigureSection, readout: Readout | None) -> None:
        if readout is None:
            return
        for row in figure.rows:
            if row not in readout.observables:
                self._say(
                    f"{key}.rows names {quoted(row)}, which is not read out; "
                    f"{one_of(row, readout.observables)}."
                )
        if figure.time_h is not None and figure.time_h not in readout.times_h:
            times = ", ".join(f"{time:g}" for time in readout.times_h)
            self._say(f"{key}.time_h is {figure.time_h:g} h; must be one of {times} h.")
        if figure.kind == "time-course" and len(readout.times_h) < FEWEST_TIMES:
            self._say(f"{key} shows a time course; give two or more times in readout.times_h.")


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


def json_schema() -> dict[str, Any]:
    """The grammar as JSON Schema, for editors."""
    schema: dict[str, Any] = TypeAdapter(Document).json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
