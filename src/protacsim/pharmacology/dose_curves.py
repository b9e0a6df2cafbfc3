"""Dmax, DC50, HC50, hook depth and IC50 of dose-response curves, one or many at once.

Curves are read on log10(dose) between the points and never beyond them. Definitions follow the
usual ones for degraders: absolute values refer to 50 % of vehicle, relative ones to half of
Dmax. Published DC50 values are relative unless their source says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protacsim.pharmacology.interpolation import (
    FLAT,
    LINE_POINTS,
    MIN_POINTS,
    Curves,
    Floats,
    Ints,
    Mask,
    check_increasing,
    checked,
    curves_through,
    turning_points,
    with_summits,
)
from protacsim.pharmacology.readings import REASON_DTYPE, Reading, Readings, Reason

HALF_PERCENT: Final = 50.0
VALLEY_POINTS: Final = 0.02
"""Default depth in percentage points of a valley that separates two maxima."""
MIN_EFFECT_POINTS: Final = 0.01
"""Default loss in percentage points up to which a curve counts as showing no effect."""
ABSOLUTE: Final = ("dc50_absolute_nM", "hc50_absolute_nM", "ic50_nM")
"""Doses that do not depend on the greatest effect."""
SAME_DOSE: Final = 1e-9
"""Logarithms of doses that differ by less, by round-off, are those of one dose."""


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

    - `dmax_percent`: the greatest degradation at any dose, and 0 when every dose leaves more
      target than the vehicle; `dmax_dose_nM`: the lowest dose that has it. Effects below 1e-6
      percentage points, the accuracy of a simulated curve, are 0. When Dmax is at most
      `min_effect_points`, all other quantities are null, `no_effect`.
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
    doses, percent = checked("doses_nM", doses_nM, percent_of_vehicle, lowest=0.0)
    found, multimodal = degradation_curves(
        doses, percent[None], valley_points=valley_points, min_effect_points=min_effect_points
    )
    readings = {name: each.first() for name, each in found.items()}
    return DegradationCurve(**readings, multimodal=bool(multimodal[0]))


def dose_line(doses_nM: ArrayLike, values: ArrayLike, *, percent: bool) -> tuple[Floats, Floats]:
    """The interpolant between doses above 0 that is read, as a line to be drawn: doses and values.

    In % of a reference it has the refined summits of `degradation_curve`. Fewer than three finite
    points are joined as they are. Errors are those of `degradation_curve`.
    """
    doses, found = checked("doses_nM", doses_nM, values, lowest=0.0)
    doses, found = doses[doses > 0.0], found[doses > 0.0]
    if doses.size < MIN_POINTS:
        return doses, found
    parts = max(1, -(-LINE_POINTS // doses.size))
    if percent:
        curves, _ = _degradation(doses, found[None])
        x, lost = curves.line(0, parts)
        return 10.0**x, 100.0 - lost
    x, y = curves_through(np.log10(doses), found[None]).line(0, parts)
    return 10.0**x, y


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
    doses, percent = checked("doses_nM", doses_nM, percent_of_vehicle, lowest=0.0)
    found = inhibition_curves(doses, percent[None], min_effect_points=min_effect_points)
    return InhibitionCurve(**{name: each.first() for name, each in found.items()})


def degradation_curves(
    doses_nM: Floats,
    percent_of_vehicle: Floats,
    *,
    valley_points: float = VALLEY_POINTS,
    min_effect_points: float = MIN_EFFECT_POINTS,
) -> tuple[dict[str, Readings], NDArray[np.bool_]]:
    """`degradation_curve` of every row of `percent_of_vehicle` (n, doses), and `multimodal` (n,).

    No reading depends on the other rows. Errors are those of `degradation_curve`.
    """
    curves, enough = _degradation(doses_nM, percent_of_vehicle)
    multimodal = np.zeros(enough.shape, bool)
    multimodal[enough] = _maxima(curves, valley_points, min_effect_points) > 1
    return _spread(_degradation_readings(curves, min_effect_points), enough), multimodal


def inhibition_curves(
    doses_nM: Floats, percent_of_vehicle: Floats, *, min_effect_points: float = MIN_EFFECT_POINTS
) -> dict[str, Readings]:
    """`inhibition_curve` of every row; see `degradation_curves`."""
    curves, enough = _degradation(doses_nM, percent_of_vehicle)
    imax = _greatest(np.nanmax(curves.y, axis=1))
    ic50 = _rising(curves, np.full(imax.shape, HALF_PERCENT), imax > min_effect_points)
    return _spread({"imax_percent": Readings.of(imax), "ic50_nM": ic50}, enough)


def mark_failed(
    found: Mapping[str, Readings], doses_nM: Floats, percent: Floats, failed: Mask
) -> dict[str, Readings]:
    """Readings of `degradation_curves` or `inhibition_curves`, null where failed doses matter.

    `failed_points` are: a dose that is read in an interval with a failed dose at either end;
    Dmax and Imax beside a failed dose, and with Dmax its dose and the half-levels that refer to
    it; hook depth also when the highest dose fails; a null that a failed dose leaves open.

    Parameters
    ----------
    doses_nM
        `(m,)`, increasing, without the vehicle.
    percent, failed
        `(n, m)`: the curves, not finite where they fail, and where the simulation fails.
    """
    (rows,) = np.nonzero(failed.any(axis=1))
    best = np.where(np.isfinite(percent[rows]), percent[rows], np.inf).argmin(axis=1)
    parts = {name: Readings(r.values[rows], r.reasons[rows]) for name, r in found.items()}
    unseen = np.any([part.reasons == Reason.NO_EFFECT for part in parts.values()], axis=0)
    summit = unseen | _fails_among(failed[rows], best - 1, best + 1)
    return {
        name: _failed_at(found[name], rows[_left_open(name, part, doses_nM, failed[rows], summit)])
        for name, part in parts.items()
    }


def _left_open(name: str, readings: Readings, doses_nM: Floats, failed: Mask, summit: Mask) -> Mask:
    """Where failed doses leave a quantity open; `summit`: where they leave Dmax open."""
    lowest, highest = failed[:, 0], failed[:, -1]
    open_ = summit & (name not in ABSOLUTE)
    open_ |= summit & _null(readings, Reason.NO_EFFECT, Reason.NOT_REACHED)
    open_ |= lowest & _null(readings, Reason.BELOW_LOWEST_DOSE)
    open_ |= highest & _null(readings, Reason.ABOVE_HIGHEST_DOSE, Reason.NO_HOOK)
    if name == "hook_depth_percent":
        open_ |= highest
    if name.endswith("_nM"):
        above = np.searchsorted(np.log10(doses_nM), np.log10(readings.values) - SAME_DOSE)
        open_ |= _fails_among(failed, above - 1, above)
    return open_ & ~_null(readings, Reason.TOO_FEW_POINTS)


def _null(readings: Readings, *reasons: Reason) -> Mask:
    return np.isin(readings.reasons, reasons)


def _fails_among(failed: Mask, first: Ints, last: Ints) -> Mask:
    """Whether a dose from index `first` to index `last` fails, curve by curve."""
    places = np.arange(failed.shape[1])
    among = failed & (places >= first[:, None]) & (places <= last[:, None])
    fails: Mask = np.count_nonzero(among, axis=1) > 0
    return fails


def _failed_at(readings: Readings, rows: Ints) -> Readings:
    """The readings, null in these rows because simulations failed."""
    failed = np.zeros(readings.values.shape, bool)
    failed[rows] = True
    return Readings(
        np.where(failed, np.nan, readings.values),
        np.where(failed, Reason.FAILED_POINTS, readings.reasons).astype(REASON_DTYPE),
    )


def _degradation(doses_nM: Floats, percent: Floats) -> tuple[Curves, Mask]:
    """Degradation in % over log10(dose/nM) of the rows that have enough points, and which have."""
    check_increasing("doses_nM", doses_nM, lowest=0.0)
    first = int(np.searchsorted(doses_nM, 0.0, side="right"))
    x, rows = np.log10(doses_nM[first:]), 100.0 - percent[:, first:]
    enough = np.count_nonzero(np.isfinite(rows), axis=1) >= MIN_POINTS
    curves = curves_through(x, rows[enough])
    # Amounts are not negative: unless the data say so, no refined maximum exceeds 100 %.
    ceilings = np.maximum(100.0, np.nanmax(curves.y, axis=1))
    return with_summits(curves, ceilings), enough


def _degradation_readings(curves: Curves, min_effect_points: float) -> dict[str, Readings]:
    top = np.nanargmax(curves.y, axis=1)
    best, highest = curves.at(top)
    dmax = _greatest(highest)
    seen = dmax > min_effect_points
    fifty, half = np.full(dmax.shape, HALF_PERCENT), 0.5 * dmax
    return {
        "dmax_percent": Readings.of(dmax),
        "dmax_dose_nM": Readings.of(10.0**best, NO_EFFECT=~seen),
        "dc50_absolute_nM": _rising(curves, fifty, seen),
        "dc50_relative_nM": _rising(curves, half, seen),
        "hc50_absolute_nM": _falling(curves, fifty, top, seen),
        "hc50_relative_nM": _falling(curves, half, top, seen),
        "hook_depth_percent": Readings.of(_hook_depth(curves, top), NO_EFFECT=~seen),
    }


def _spread(found: Mapping[str, Readings], enough: Mask) -> dict[str, Readings]:
    """Readings of some rows among all; the others have too few points."""

    def among_all(readings: Readings) -> Readings:
        spread = Readings.of(np.full(enough.shape, np.nan), TOO_FEW_POINTS=~enough)
        spread.values[enough], spread.reasons[enough] = readings.values, readings.reasons
        return spread

    return {name: among_all(readings) for name, readings in found.items()}


def _rising(curves: Curves, levels: Floats, seen: Mask) -> Readings:
    where = curves.first_crossings(levels)
    return Readings.of(
        10.0**where,
        NO_EFFECT=~seen,
        BELOW_LOWEST_DOSE=curves.y[:, 0] > levels,
        NOT_REACHED=np.isnan(where),
    )


def _falling(curves: Curves, levels: Floats, top: Ints, seen: Mask) -> Readings:
    where = curves.first_crossings(levels, start=top, falling=True)
    nowhere = np.isnan(where)
    flat = (_hook_depth(curves, top) == 0.0) & (top < curves.last)
    return Readings.of(
        10.0**where,
        NO_EFFECT=~seen,
        NOT_REACHED=curves.at(top)[1] < levels,
        NO_HOOK=nowhere & flat,
        ABOVE_HIGHEST_DOSE=nowhere,
    )


def _hook_depth(curves: Curves, top: Ints) -> Floats:
    return _greatest(curves.at(top)[1] - curves.at(curves.last)[1])


def _greatest(points: Floats) -> Floats:
    """Losses in percentage points; gains, and losses that count as none, are 0."""
    return np.where(points > FLAT, points, 0.0)


def _maxima(curves: Curves, valley_points: float, min_effect_points: float) -> Ints:
    """Maxima that rise by more than the threshold from vehicle or from the valley before."""
    count = np.zeros(len(curves.y), np.intp)
    rising, turn = np.zeros(count.shape, bool), np.zeros(count.shape)
    # Where a curve has turned for good stands NaN, which changes nothing.
    for knots in np.maximum(turning_points(curves).y, 0.0).T:
        threshold = turn + np.where(count > 0, valley_points, min_effect_points)
        falls = rising & (knots < turn - valley_points)
        begins = ~rising & (knots > threshold)
        count += begins
        turn = np.where(
            falls | begins, knots, np.where(rising, np.fmax(turn, knots), np.fmin(turn, knots))
        )
        rising = (rising & ~falls) | begins
    return count
