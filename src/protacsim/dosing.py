"""When a compound is added and taken away: doses and washouts as plain, ordered numbers."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from protacsim.errors import ParameterError
from protacsim.validation import Positive, Quantity, Real, noun


@noun
class Schedule:
    """Additions of a compound, and its washout.

    `dose_nM` is the nominal concentration that each addition brings to the compartment, at most
    1,000 mol/L; None marks the varied compound, whose dose the study gives. The first addition is
    at `start_h`; with `every_h` there are `doses` of them. At `stop_h` the medium is cleared of
    the compound, and no dose follows, nor one that is due then.
    `compartment = "cell"` places the dose inside the cell (lysates, calibration of uptake).

    With `elimination_half_life_h` the medium is plasma: it loses the compound by itself, and what
    cells take up does not deplete it. With `absorption_half_life_h` as well, each dose reaches it
    from the gut: the one-compartment oral model, whose course is the Bateman function. `dose_nM` is
    then what a dose would bring if it came at once, bound and unbound: its AUC (nM h, from 0 on)
    times ln 2 over the elimination half-life.
    """

    dose_nM: Annotated[float, Quantity, Field(ge=0, le=1e12)] | None = None
    start_h: Real = 0.0
    stop_h: Real | None = None
    every_h: Positive | None = None
    doses: Annotated[int, Field(ge=1, le=1000)] = 1
    compartment: Literal["medium", "cell"] = "medium"
    absorption_half_life_h: Positive | None = None
    elimination_half_life_h: Positive | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.stop_h is not None:
            check_order(self.start_h, self.stop_h)
        if (self.every_h is None) != (self.doses == 1):
            every = "no every_h" if self.every_h is None else f"every_h = {self.every_h:g}"
            raise ParameterError(
                f"{every} and doses = {self.doses}: repeated dosing needs both, every_h in h and "
                "doses of at least 2"
            )
        return self

    @model_validator(mode="after")
    def _driven_from_outside(self) -> Self:
        if self.absorption_half_life_h is not None and self.elimination_half_life_h is None:
            raise ParameterError(
                f"absorption_half_life_h = {self.absorption_half_life_h:g} h, but no "
                "elimination_half_life_h: a plasma course needs both; add elimination_half_life_h"
            )
        if self.elimination_half_life_h is not None and self.compartment == "cell":
            raise ParameterError(
                f"elimination_half_life_h = {self.elimination_half_life_h:g} h is that of plasma, "
                'but compartment = "cell" doses the cell; leave one of the two out'
            )
        return self


def check_order(start_h: Any, stop_h: Any) -> None:
    """Refuse a washout that does not come after the first addition; floats or arrays, in h."""
    wrong = np.asarray(stop_h <= start_h)
    if wrong.any():
        start, stop = (
            np.broadcast_to(each, wrong.shape)[wrong].flat[0] for each in (start_h, stop_h)
        )
        raise ParameterError(f"stop_h = {stop:g} h must come after start_h = {start:g} h")
