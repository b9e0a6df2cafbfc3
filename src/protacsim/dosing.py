"""When a compound is added and taken away: doses and washouts as plain, ordered numbers."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from protacsim.errors import ParameterError
from protacsim.validation import NonNegative, Positive, Real, noun


@noun
class Schedule:
    """Additions of a compound, and its washout.

    `dose_nM` is the nominal concentration that each addition brings to the compartment; None
    marks the varied compound, whose dose the study gives. The first addition is at `start_h`;
    with `every_h` there are `doses` of them. At `stop_h` the medium is cleared of the compound.
    `compartment = "cell"` places the dose inside the cell (lysates, calibration of uptake).
    """

    dose_nM: NonNegative | None = None
    start_h: Real = 0.0
    stop_h: Real | None = None
    every_h: Positive | None = None
    doses: Annotated[int, Field(ge=1, le=1000)] = 1
    compartment: Literal["medium", "cell"] = "medium"

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.stop_h is not None and self.stop_h <= self.start_h:
            raise ParameterError(
                f"stop_h = {self.stop_h:g} h must come after start_h = {self.start_h:g} h"
            )
        if (self.every_h is None) != (self.doses == 1):
            raise ParameterError(
                f"every_h = {self.every_h} and doses = {self.doses}: repeated dosing needs both, "
                "every_h in h and doses of at least 2"
            )
        return self
