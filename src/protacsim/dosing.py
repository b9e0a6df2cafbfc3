"""When a compound is added and taken away: doses and washouts as plain, ordered numbers."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from protacsim.errors import ParameterError
from protacsim.validation import NonNegative, Real, noun


@noun
class Schedule:
    """One addition of a compound, and its washout.

    `dose_nM` is the nominal concentration in the compartment at `start_h`; None marks the varied
    compound, whose dose the study gives. At `stop_h` the medium is cleared of the compound.
    `compartment = "cell"` places the dose inside the cell (lysates, calibration of uptake).
    """

    dose_nM: NonNegative | None = None
    start_h: Real = 0.0
    stop_h: Real | None = None
    compartment: Literal["medium", "cell"] = "medium"

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.stop_h is not None and self.stop_h <= self.start_h:
            raise ParameterError(
                f"stop_h = {self.stop_h:g} h must come after start_h = {self.start_h:g} h"
            )
        return self
