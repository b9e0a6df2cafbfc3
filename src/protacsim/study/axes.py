"""What is varied: axes over listed values, and samples over distributions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from protacsim.errors import ParameterError
from protacsim.scenario import (
    Treatment,
)
from protacsim.units import to_canonical, unit_of
from protacsim.validation import Positive, Real, named_entries, noun

DOSE = "compound.dose_nM"
TREATMENT = "treatment"

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
        values = [Treatment((value,)) if isinstance(value, str) else value for value in values]  # type: ignore[arg-type]
    values = values.tolist() if isinstance(values, np.ndarray) else values
    return {
        **entry,
        "values": (values,) if isinstance(values, str | int | float) else tuple(values),
    }
