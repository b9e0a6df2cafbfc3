"""A number read off a curve, or NaN with the reason why its definition gives none.

`Readings` are those of one quantity over many curves. The set of reasons is closed; what each
quantity means is said where it is computed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

DIMENSIONLESS: Final = "1"
"""The attribute `units` of a pure number, as the CF conventions write it."""


class Reason(StrEnum):
    """Why a quantity is null; the empty string means that it is a number."""

    NONE = ""
    NOT_REACHED = "not_reached"
    """The curve never reaches the level."""
    BELOW_LOWEST_DOSE = "below_lowest_dose"
    """The lowest dose is already past the level: the value lies below the tested range."""
    ABOVE_HIGHEST_DOSE = "above_highest_dose"
    """The level was not crossed again by the highest dose: the value, if any, lies above it."""
    NO_HOOK = "no_hook"
    """The curve stays flat from its maximum to the highest dose: there is no falling limb."""
    NO_EFFECT = "no_effect"
    """The loss is too small to have a half, a rate or a best dose."""
    BEFORE_FIRST_TIME = "before_first_time"
    """The first time is already past the level."""
    NOT_DETERMINED = "not_determined"
    """The points do not fix the value: times far too early or all on the plateau, a poor fit."""
    TOO_FEW_POINTS = "too_few_points"
    """Fewer than three points of the curve are numbers."""
    FAILED_POINTS = "failed_points"
    """Simulations failed (`status` is not 0) beside the reading, or left too few points."""
    ZERO_REFERENCE = "zero_reference"
    """The reference of a ratio is zero; of a percentage, zero or below."""
    NO_REFERENCE = "no_reference"
    """The reference of a ratio is itself null; its own reason says why."""


class Reading(float):
    """A float that knows why it is NaN.

    Attributes
    ----------
    reason
        `Reason.NONE` where the value is a number.
    """

    __slots__ = ("reason",)
    reason: Reason

    def __new__(cls, value: float) -> Self:
        """A number, without a reason."""
        reading = super().__new__(cls, value)
        reading.reason = Reason.NONE
        return reading

    @classmethod
    def null(cls, reason: Reason) -> Self:
        """NaN with its reason."""
        reading = cls(math.nan)
        reading.reason = reason
        return reading

    def __repr__(self) -> str:
        return f"Reading.null({self.reason.value!r})" if self.reason else f"Reading({float(self)})"

    def __reduce__(self) -> tuple[object, ...]:
        return (_restore, (float(self), self.reason.value))


REASON_DTYPE: Final = f"<U{max(len(reason) for reason in Reason)}"


@dataclass(frozen=True, eq=False)
class Readings:
    """One quantity of n curves: `values` (n,), NaN where `reasons` (n,) is not empty."""

    values: NDArray[np.float64]
    reasons: NDArray[Any]

    @classmethod
    def of(cls, values: NDArray[np.float64], **unless: NDArray[np.bool_]) -> Self:
        """Values, unless the mask (n,) of a reason holds; of several, the first is given."""
        reasons = np.full(values.shape, Reason.NONE.value, dtype=REASON_DTYPE)
        for name, holds in reversed(unless.items()):
            reasons[holds] = Reason[name].value
        return cls(np.where(reasons == "", values, np.nan), reasons)

    @classmethod
    def single(cls, readings: Sequence[Reading]) -> Self:
        """Readings made one curve at a time."""
        reasons = np.array([reading.reason.value for reading in readings], dtype=REASON_DTYPE)
        return cls(np.array([float(reading) for reading in readings]), reasons)

    def first(self) -> Reading:
        """The reading of the first curve."""
        reason = str(self.reasons[0])
        return Reading.null(Reason(reason)) if reason else Reading(float(self.values[0]))


def _restore(value: float, reason: str) -> Reading:
    return Reading.null(Reason(reason)) if reason else Reading(value)
