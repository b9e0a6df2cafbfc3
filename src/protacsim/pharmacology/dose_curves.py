"""Dmax, DC50, HC50, hook depth and IC50 of one dose-response curve given as two arrays.

Curves are read on log10(dose) between the points and never beyond them. Definitions follow the
usual ones for degraders: absolute values refer to 50 % of vehicle, relative ones to half of
Dmax. Published DC50 values are relative unless their source says otherwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from protacsim.pharmacology.interpolation import (
    FLAT,
    MIN_POINTS,
    Curve,
    Floats,
    checked,
    curve_through,
    with_summits,
)
from protacsim.pharmacology.readings import Reading, Reason

HALF_PERCENT: Final = 50.0
VALLEY_POINTS: Final = 0.02
"""Default depth in percentage points of a valley that separates two maxima."""
MIN_EFFECT_POINTS: Final = 0.01
"""Default loss in percentage points up to which a curve counts as showing no effect."""


@dataclass(frozen=True)
class DegradationCurve:
    """What a curve of remaining target says; `degradation_curve` has the definitions."""

    dmax_percent: Reading
    dmax_dose_nM: Reading
    dc50_absolute_nM: Reading
    dc50_relative_nM: Reading
    hc50_absolute_nM: Reading
    hc50_relative_nM: Reading
    hook_depth_percent: Reading
    multimodal: bool


@dataclass(frozen=True)
class InhibitionCurve:
    """What a curve of remaining activity says; `inhibition_curve` has the definitions."""

    imax_percent: Reading
    ic50_nM: Reading


def degradation_curve(
    doses_nM: ArrayLike,
    percent_of_vehicle: ArrayLike,
    *,
    valley_points: float = VALLEY_POINTS,
    min_effect_points: float = MIN_EFFECT_POINTS,
) -> DegradationCurve:
    """Degradation and hook effect of one curve; degradation is 100 - response.

    - `dmax_percent`: the greatest degradation at any dose; `dmax_dose_nM`: the lowest dose that
      has it (null `no_effect` when Dmax is at most `min_effect_points`).
    - `dc50_absolute_nM`: the first dose, from low to high, at which the response is down to 50.
    - `dc50_relative_nM`: the first dose, from low to high, at which degradation is up to half of
      Dmax; on a curve with several maxima this may lie before an earlier one.
    - `hc50_absolute_nM`, `hc50_relative_nM`: the first dose above `dmax_dose_nM` at which the
      response is back at 50, or degradation back at half of Dmax.
    - `hook_depth_percent`: Dmax minus the degradation at the highest dose, in percentage points;
      0 when the curve does not fall after its maximum.
    - `multimodal`: two or more maxima of degradation, an end of the curve included, that
      valleys deeper than `valley_points` separate.

    Parameters
    ----------
    doses_nM
        `(n,)`, increasing; a zero is the vehicle and is left out.
    percent_of_vehicle
        `(n,)`, target remaining in %; points that are not finite are left out.

    Raises
    ------
    ParameterError
        Unless the doses are finite, not negative and increasing.
    """
    curve = _degradation(doses_nM, percent_of_vehicle)
    if curve is None:
        null = Reading.null(Reason.TOO_FEW_POINTS)
        return DegradationCurve(null, null, null, null, null, null, null, multimodal=False)
    top = int(np.argmax(curve.y))
    dmax = float(curve.y[top])
    seen = dmax > min_effect_points
    half = 0.5 * dmax
    return DegradationCurve(
        dmax_percent=Reading(dmax),
        dmax_dose_nM=_dose(curve.x[top]) if seen else Reading.null(Reason.NO_EFFECT),
        dc50_absolute_nM=_rising(curve, HALF_PERCENT, seen=seen),
        dc50_relative_nM=_rising(curve, half, seen=seen),
        hc50_absolute_nM=_falling(curve, HALF_PERCENT, top, seen=seen),
        hc50_relative_nM=_falling(curve, half, top, seen=seen),
        hook_depth_percent=Reading(_hook_depth(curve, top)),
        multimodal=_maxima(curve.y, valley_points, min_effect_points) > 1,
    )


def inhibition_curve(
    doses_nM: ArrayLike,
    percent_of_vehicle: ArrayLike,
    *,
    min_effect_points: float = MIN_EFFECT_POINTS,
) -> InhibitionCurve:
    """IC50 of activity and greatest inhibition of one curve; inhibition is 100 - response.

    `ic50_nM` is absolute: the first dose, from low to high, at which the response is down to 50.
    Parameters and errors are those of `degradation_curve`.
    """
    curve = _degradation(doses_nM, percent_of_vehicle)
    if curve is None:
        null = Reading.null(Reason.TOO_FEW_POINTS)
        return InhibitionCurve(null, null)
    imax = float(curve.y.max())
    ic50 = _rising(curve, HALF_PERCENT, seen=imax > min_effect_points)
    return InhibitionCurve(imax_percent=Reading(imax), ic50_nM=ic50)


def _degradation(doses_nM: ArrayLike, percent: ArrayLike) -> Curve | None:
    """Degradation in % over log10(dose/nM), or None when fewer than three points are valid."""
    doses, remaining = checked("doses_nM", doses_nM, percent, lowest=0.0)
    positive = doses > 0.0
    x, y = np.log10(doses[positive]), 100.0 - remaining[positive]
    if x.size < MIN_POINTS:
        return None
    # Amounts are not negative: unless the data say so, no refined maximum exceeds 100 %.
    return curve_through(*with_summits(x, y, ceiling=max(100.0, float(y.max()))))


def _dose(log10_dose: float) -> Reading:
    return Reading(10.0 ** float(log10_dose))


def _rising(curve: Curve, level: float, *, seen: bool) -> Reading:
    if not seen:
        return Reading.null(Reason.NO_EFFECT)
    if curve.y[0] > level:
        return Reading.null(Reason.BELOW_LOWEST_DOSE)
    where = curve.first_crossing(level)
    return Reading.null(Reason.NOT_REACHED) if math.isnan(where) else _dose(where)


def _falling(curve: Curve, level: float, top: int, *, seen: bool) -> Reading:
    if not seen:
        return Reading.null(Reason.NO_EFFECT)
    if curve.y[top] < level:
        return Reading.null(Reason.NOT_REACHED)
    where = curve.first_crossing(level, start=top, falling=True)
    return Reading.null(_no_falling_limb(curve, top)) if math.isnan(where) else _dose(where)


def _no_falling_limb(curve: Curve, top: int) -> Reason:
    at_last_dose = top == curve.y.size - 1
    flat = _hook_depth(curve, top) == 0.0
    return Reason.NO_HOOK if flat and not at_last_dose else Reason.ABOVE_HIGHEST_DOSE


def _hook_depth(curve: Curve, top: int) -> float:
    depth = float(curve.y[top] - curve.y[-1])
    return depth if depth > FLAT else 0.0


def _maxima(degradation: Floats, valley_points: float, min_effect_points: float) -> int:
    """Maxima that rise by more than the threshold from vehicle or from the valley before."""
    count, rising, turn = 0, False, 0.0
    for value in np.maximum(degradation, 0.0).tolist():
        if rising:
            rising = value >= turn - valley_points
            turn = max(turn, value) if rising else value
        elif value > turn + (valley_points if count else min_effect_points):
            count, rising, turn = count + 1, True, value
        else:
            turn = min(turn, value)
    return count
