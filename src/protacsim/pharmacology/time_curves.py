"""Rate, plateau, D50 time and recovery half-time of one time course given as two arrays.

Responses are relative to vehicle at the same time, as a fraction for rates and in % for times.
Doses and Datasets are dealt with elsewhere.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from protacsim.errors import ParameterError
from protacsim.pharmacology.interpolation import (
    LINE_POINTS,
    MIN_POINTS,
    Floats,
    checked,
    curves_through,
)
from protacsim.pharmacology.readings import Reading, Reason

MIN_EFFECT_FRACTION: Final = 1e-4
MIN_EFFECT_PERCENT: Final = 0.01
LOWEST_PLATEAU: Final = -0.01
"""Plateau, as a fraction of vehicle, below which the times sampled do not fix it."""
MOST_MISFIT: Final = 0.05
"""Largest root-mean-square residual of a fit, as a fraction of the range of the points."""
_START_RATES: Final = 120


def rate_and_plateau(times_h: ArrayLike, fraction: ArrayLike) -> tuple[Reading, Reading]:
    """Least-squares `lambda` (1/h) and plateau `p` (fraction) of y = (1 - p) exp(-lambda t) + p.

    The form of Riching et al., ACS Chem. Biol. 13, 2758 (2018). Null: `too_few_points`;
    `no_effect` when no point is more than 1e-4 from 1; `not_determined` for both when the best
    rate is too slow to bend the curve within the times sampled, when the best plateau is below
    -0.01, or when the fit does not describe the points: residuals whose root mean square is
    more than 5 % of the range of the points. That is so where the compound is not added at zero
    or is washed out. `not_determined` for the rate alone when the plateau is complete at the
    first time after zero.

    Parameters
    ----------
    times_h
        `(n,)`, increasing, not negative; zero is when the compound is added.
    fraction
        `(n,)`, relative to vehicle; points that are not finite are left out.

    Raises
    ------
    ParameterError
        Unless the times are finite, not negative and increasing.
    """
    rate, plateau = _decay(*checked("times_h", times_h, fraction, lowest=0.0))
    if plateau < LOWEST_PLATEAU:
        return _no_fit(Reason.NOT_DETERMINED)
    return rate, plateau


def initial_rate_per_h(times_h: ArrayLike, fraction: ArrayLike) -> Reading:
    """Initial loss in fraction of vehicle per h: lambda (1 - p), the slope of the fit at t = 0.

    The fit of `rate_and_plateau`, to the points up to the lowest one only, so that a later
    recovery does not enter. Parameters, nulls and errors are those of `rate_and_plateau`, but a
    plateau below zero, too early to be one, leaves the slope determined.
    """
    times, values = checked("times_h", times_h, fraction, lowest=0.0)
    end = int(np.argmin(values)) + 1 if values.size else 0
    if end < MIN_POINTS:
        no_loss = values.size >= MIN_POINTS and values.min() > 1.0 - MIN_EFFECT_FRACTION
        return Reading.null(Reason.NO_EFFECT if no_loss else Reason.TOO_FEW_POINTS)
    rate, plateau = _decay(times[:end], values[:end])
    return Reading.null(rate.reason) if rate.reason else Reading(rate * (1.0 - plateau))


def d50_time_h(times_h: ArrayLike, percent_of_vehicle: ArrayLike) -> Reading:
    """First time in h at which the response is down to 50 % of vehicle.

    Null: `not_reached`; `before_first_time` when the first time is already below 50 %;
    `too_few_points`. Parameters and errors are those of `rate_and_plateau`, in %.
    """
    times, percent = checked("times_h", times_h, percent_of_vehicle, lowest=0.0)
    if times.size < MIN_POINTS:
        return Reading.null(Reason.TOO_FEW_POINTS)
    if percent[0] < 50.0:
        return Reading.null(Reason.BEFORE_FIRST_TIME)
    return _first_time(times, percent, 50.0, falling=True)


def time_line(times_h: ArrayLike, values: ArrayLike) -> tuple[Floats, Floats]:
    """The interpolant between times that is read, as a line to be drawn: times and values.

    Fewer than three finite points are joined as they are. Raises `ParameterError` unless the
    times are finite and increasing.
    """
    times, found = checked("times_h", times_h, values, lowest=-math.inf)
    if times.size < MIN_POINTS:
        return times, found
    return curves_through(times, found[None]).line(0, max(1, -(-LINE_POINTS // times.size)))


def recovery_half_time_h(
    times_h: ArrayLike, percent_of_vehicle: ArrayLike, washout_h: float
) -> Reading:
    """Time in h from washout until half of the loss at washout is recovered.

    With `y` in % of vehicle: the first `t - washout_h` at which
    `100 - y(t) <= (100 - y(washout_h))/2`. Null: `no_effect` when at most 0.01 percentage points
    are lost at washout; `not_reached`; `too_few_points` (three from washout on are needed, an
    interpolated one at washout included).

    Raises
    ------
    ParameterError
        When `washout_h` is not within the times, or the times are invalid as in
        `rate_and_plateau`.
    """
    times, percent = checked("times_h", times_h, percent_of_vehicle, lowest=-math.inf)
    _check_washout(np.asarray(times_h, dtype=np.float64), washout_h)
    after = times > washout_h
    if after.sum() < MIN_POINTS - 1 or times[0] > washout_h:
        return Reading.null(Reason.TOO_FEW_POINTS)
    start = float(np.interp(washout_h, times, percent))
    if 100.0 - start <= MIN_EFFECT_PERCENT:
        return Reading.null(Reason.NO_EFFECT)
    # The curve bends sharply at washout, so nothing from before it shapes the limb after it.
    since, limb = np.append(0.0, times[after] - washout_h), np.append(start, percent[after])
    return _first_time(since, limb, 50.0 + 0.5 * start, falling=False)


def _check_washout(times: Floats, washout_h: float) -> None:
    if not times.size or not times[0] <= washout_h <= times[-1]:
        raise ParameterError(
            f"washout_h is {washout_h:g}; must lie within the times "
            f"({times[0]:g} to {times[-1]:g} h). Add readout times around the washout."
            if times.size
            else "times_h is empty; give the times and responses of a time course."
        )


def _first_time(times_h: Floats, percent: Floats, level: float, *, falling: bool) -> Reading:
    curve = curves_through(times_h, percent[None])
    (found,) = curve.first_crossings(np.array([level]), falling=falling)
    return Reading.null(Reason.NOT_REACHED) if math.isnan(found) else Reading(float(found))


def _decay(times: Floats, values: Floats) -> tuple[Reading, Reading]:
    """Rate and plateau of the fit, whatever the sign of the plateau."""
    reason = _no_decay(times, values)
    if reason:
        return _no_fit(reason)
    slowest, fastest = 0.01 / times[-1], 30.0 / times[times > 0.0][0]
    rate, plateau = _least_squares(times, values, slowest, fastest)
    complete = rate >= fastest
    span = np.ptp(np.append(values, 1.0) if complete else values)
    if rate <= slowest or _misfit(rate, times, values) > MOST_MISFIT * span:
        return _no_fit(Reason.NOT_DETERMINED)
    if complete:
        return Reading.null(Reason.NOT_DETERMINED), Reading(plateau)
    return Reading(rate), Reading(plateau)


def _no_fit(reason: Reason) -> tuple[Reading, Reading]:
    return Reading.null(reason), Reading.null(reason)


def _misfit(rate: float, times: Floats, values: Floats) -> float:
    """Root mean square of the residuals of the best fit at a given rate."""
    return math.sqrt(max(_cost(rate, times, values), 0.0) / times.size)


def _no_decay(times: Floats, values: Floats) -> Reason:
    if times.size < MIN_POINTS:
        return Reason.TOO_FEW_POINTS
    flat = bool((np.abs(values - 1.0) <= MIN_EFFECT_FRACTION).all())
    return Reason.NO_EFFECT if flat else Reason.NONE


def _least_squares(
    times: Floats, values: Floats, slowest: float, fastest: float
) -> tuple[float, float]:
    """Best (rate, plateau): plateau eliminated on a grid of rates, then both polished."""
    from scipy.optimize import least_squares

    rates = np.geomspace(slowest, fastest, _START_RATES)
    costs = [_cost(rate, times, values) for rate in rates]
    best = int(np.argmin(costs))
    if best in (0, _START_RATES - 1):
        return float(rates[best]), _plateau(rates[best], times, values)

    def residuals(u: Floats) -> Floats:
        gone = -np.expm1(-np.exp(u[0]) * times)
        return np.asarray(1.0 - (1.0 - u[1]) * gone - values)

    def jacobian(u: Floats) -> Floats:
        exponent = np.exp(u[0]) * times
        return np.column_stack(
            (
                -(1.0 - u[1]) * exponent * np.exp(-exponent),
                -np.expm1(-exponent),
            )
        )

    start = [math.log(rates[best]), _plateau(rates[best], times, values)]
    fit = least_squares(residuals, start, jacobian, method="lm", xtol=1e-14, ftol=1e-14, gtol=1e-14)
    return float(np.exp(fit.x[0])), float(fit.x[1])


def _plateau(rate: float, times: Floats, values: Floats) -> float:
    """Least-squares plateau at a given rate: linear, hence closed."""
    gone = -np.expm1(-rate * times)
    return float(1.0 - gone @ (1.0 - values) / (gone @ gone))


def _cost(rate: float, times: Floats, values: Floats) -> float:
    gone = -np.expm1(-rate * times)
    loss = 1.0 - values
    return float(loss @ loss - (gone @ loss) ** 2 / (gone @ gone))
