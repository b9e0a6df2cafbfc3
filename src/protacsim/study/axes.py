"""What is varied: axes over listed values, and samples over distributions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import Annotated, Any, Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from protacsim.errors import ParameterError
from protacsim.scenario import Treatment, as_treatment
from protacsim.units import to_canonical, unit_of
from protacsim.validation import named_entries, noun, one_of, quoted

DOSE = "compound.dose_nM"
TREATMENT = "treatment"


def dim_of_doses(dims: Iterable[Hashable]) -> str | None:
    """The one of `dims` that curves run along: `compound.dose_nM`, else the only other dose."""
    doses = [str(dim) for dim in dims if str(dim).endswith(".dose_nM")]
    if DOSE in doses:
        return DOSE
    return doses[0] if len(doses) == 1 else None


Value = Treatment | bool | float | str
V = TypeVar("V")
Label = Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w .+()-]*$", max_length=80)]


def number_of(path: str, value: V) -> V | float:
    """A value of an axis in the unit of its path; raises `ParameterError` that names the axis."""
    unit = unit_of(path)
    if not unit:
        return value
    if isinstance(value, bool):
        raise ParameterError(f"axis {path} has {value}; must be a number in {unit}")
    try:
        return to_canonical(path, value) if isinstance(value, str) else value
    except ParameterError as error:
        raise ParameterError(f"axis {path}: {error}") from None


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
        plain = tuple(number_of(self.path, value) for value in self.values)
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
    def size(self) -> int:
        """Number of values."""
        return len(self.values)

    def column(self, span: slice, _scenario: object) -> NDArray[np.float64]:
        """Numbers of a stretch of the axis."""
        return np.array(self.values[span], float)

    def example(self, _scenario: object) -> float:
        """One of the numbers."""
        return float(self.values[0])  # type: ignore[arg-type]

    def ends(self, _scenario: object) -> tuple[Value, Value]:
        """Smallest and largest value."""
        return min(self.values), max(self.values)  # type: ignore[type-var]

    @property
    def coordinate(self) -> list[float] | list[str]:
        """Values as they stand in the result."""
        if all(isinstance(value, float | int) for value in self.values):
            return [float(value) for value in self.values]  # type: ignore[arg-type]
        return [str(_label(value)) for value in self.values]


def _label(value: Any) -> Any:
    return value.name if isinstance(value, Treatment) else value


SENSITIVITY = "sensitivity"
"""The dim along which the points of a sensitivity analysis run."""

Design = Literal["random", "lhs", "sobol", "saltelli", "morris"]


def points_per_group(design: Design, paths: int) -> int:
    """How many points of a design belong together."""
    return {"saltelli": 2 * paths + 2, "morris": paths + 1}.get(design, 1)


FIELDS = {
    "normal": ("mean", "sd"),
    "lognormal": ("median", "cv"),
    "uniform": ("low", "high"),
    "loguniform": ("low", "high"),
    "library": (),
}
"""What describes each distribution; normal ones may be truncated by `low` and `high` as well."""
A_TABLE = 'a table such as { distribution = "lognormal", median = 10.0, cv = 0.3 }'


def _no_flag(value: object) -> object:
    if isinstance(value, bool):
        raise ParameterError("must be a number")
    return value


Given = Annotated[float | str | None, BeforeValidator(_no_flag)]


@noun
class Draw:
    """How one path (`name`) is drawn.

    `lognormal` has its median and its coefficient of variation; `library` has its median at the
    library's value and its 5 and 95 % quantiles at the library's low and high.
    """

    name: Annotated[str, Field(min_length=1, max_length=200)]
    distribution: Literal["normal", "lognormal", "uniform", "loguniform", "library"]
    mean: Given = None
    sd: Given = None
    median: Given = None
    cv: Annotated[float | None, BeforeValidator(_no_flag)] = None
    low: Given = None
    high: Given = None

    @model_validator(mode="after")
    def _described(self) -> Self:
        given = [f for f in ("mean", "sd", "median", "cv", "low", "high") if self._has(f)]
        needed = FIELDS[self.distribution]
        missing = [field for field in needed if field not in given]
        if missing:
            raise ParameterError(
                f"a {self.distribution} distribution needs {' and '.join(needed)}; "
                f"add {' and '.join(missing)}"
            )
        ends = ("low", "high") if self.distribution in ("normal", "lognormal") else ()
        odd = [field for field in given if field not in (*needed, *ends)]
        if odd:
            raise ParameterError(
                f"a {self.distribution} distribution has no {' and no '.join(odd)}; leave it out"
            )
        self._in_canonical_units(given)
        self._check_numbers()
        return self

    def _has(self, field: str) -> bool:
        return getattr(self, field) is not None

    def _in_canonical_units(self, given: list[str]) -> None:
        for field in given:
            value = getattr(self, field)
            if isinstance(value, str):
                object.__setattr__(self, field, to_canonical(self.name, value))
            elif not math.isfinite(value):
                raise ParameterError(f"{field} = {value} is not finite; give a number")

    def _check_numbers(self) -> None:
        positive = [f for f in ("sd", "median", "cv") if self._has(f)]
        if self.distribution == "loguniform":
            positive.append("low")
        for field in positive:
            if float(getattr(self, field)) <= 0.0:
                raise ParameterError(f"{field} = {getattr(self, field):g} must be above 0")
        if self.low is not None and self.high is not None and float(self.low) >= float(self.high):
            raise ParameterError(f"low = {self.low:g} must be below high = {self.high:g}")


def _two_paths(between: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(between)) != len(between) or len(between) != 2:
        raise ParameterError("must name two different paths")
    return between


@noun
class Correlation:
    """Correlation of the normal scores of two drawn paths (of their logarithms if log-normal)."""

    between: Annotated[tuple[str, ...], AfterValidator(_two_paths)]
    rho: Annotated[float, Field(gt=-1.0, lt=1.0)]


def _path_inside(path: str, entry: object) -> str:
    """The dotted path of an entry: longer than `path` if the path was written without quotes."""
    below = entry if isinstance(entry, Mapping) and "distribution" not in entry else {}
    tables = [(key, value) for key, value in below.items() if isinstance(value, Mapping)]
    return _path_inside(f"{path}.{tables[0][0]}", tables[0][1]) if tables else path


def _described_paths(value: object) -> object:
    """Accept `{path: table}`; what is no table is no distribution."""
    if isinstance(value, Mapping):
        for path, entry in value.items():
            if not isinstance(entry, Mapping | Draw):
                raise ParameterError(f"{path} is {quoted(entry)}; must be {A_TABLE}")
            inside = _path_inside(path, entry)
            if inside != path:
                shown = quoted(inside)[1:-1]
                raise ParameterError(f'{shown} is not quoted; write over."{shown}" = ...')
    elif not isinstance(value, list | tuple) or not all(
        isinstance(entry, Mapping | Draw) for entry in value
    ):
        raise ParameterError(f"must give each path {A_TABLE}")
    return named_entries(value)


Draws = Annotated[
    tuple[Draw, ...],
    BeforeValidator(_described_paths, dict[str, Any] | list[dict[str, Any]]),
    Field(min_length=1),
]


@noun
class Sample:
    """Draws of paths along one dim: virtual cells, patients, designs.

    The designs "saltelli" and "morris" are those of `sensitivity_analysis`: groups of points in
    which one path at a time takes another value.
    """

    dim: Label
    n: Annotated[int, Field(ge=1, le=1_000_000_000)]
    over: Draws
    design: Design = "random"
    correlations: tuple[Correlation, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [draw.name for draw in self.over]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ParameterError(f"{twice} is drawn twice; keep one")
        seen: set[frozenset[str]] = set()
        for entry in self.correlations:
            unknown = [name for name in entry.between if name not in names]
            if unknown:
                advice = one_of(unknown[0], names)
                raise ParameterError(f"correlation of {unknown[0]!r}, which is not drawn; {advice}")
            if frozenset(entry.between) in seen:
                raise ParameterError(
                    f"the correlation of {' and '.join(entry.between)} is given twice; keep one"
                )
            seen.add(frozenset(entry.between))
        self._check_groups()
        return self

    def _check_groups(self) -> None:
        if self.group == 1:
            return
        if self.correlations:
            raise ParameterError(
                f'design = "{self.design}" varies one path at a time, so the paths must be '
                "independent; leave the correlations out"
            )
        if self.n % self.group:
            raise ParameterError(
                f'design = "{self.design}" over {len(self.over)} paths has groups of '
                f"{self.group} points; make n = {self.n} a multiple of that"
            )

    @property
    def group(self) -> int:
        """Points that belong together: 1, but for designs that vary one path at a time."""
        return points_per_group(self.design, len(self.over))


def as_axes(value: object) -> object:
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
        return {**entry, "values": tuple(_treatment(value) for value in values)}
    values = values.tolist() if isinstance(values, np.ndarray | np.generic) else values
    listed = (values,) if isinstance(values, str | int | float) else tuple(values)
    for value in listed:
        if isinstance(value, float) and not math.isfinite(value):
            raise ParameterError(f"axis {entry.get('path')} has {value:g}; must be finite")
    return {**entry, "values": listed}


def _treatment(value: object) -> object:
    """A compound by its name, or a table of one or of a treatment, as a treatment."""
    table = as_treatment(value) if isinstance(value, str | Mapping) else value
    return Treatment(**table) if isinstance(table, Mapping) else table
