"""Readings where a curve hardly gives them: rescue, failed doses, other schedules, wide grids.

Expected values come from closed forms, on fine grids where these have no inverse.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr

from protacsim import pharmacology as ph
from protacsim.errors import ParameterError

DOSE, TIME = "compound.dose_nM", "time_h"
DOSES = np.geomspace(0.1, 1e5, 25)
EXTENT = ("dmax_percent", "dmax_dose_nM")
RELATIVE = ("dc50_relative_nM", "hc50_relative_nM")


def bell(doses, k, a, b):
    """Target left at steady state, in %: loss over synthesis is a bell curve of the dose."""
    return 100.0 / (1.0 + k * doses / (1.0 + doses / a) / (1.0 + doses / b))


def dose_data(percent, failed=()):
    """One curve over the vehicle and `DOSES`, some of whose simulations fail."""
    doses, values = np.append(0.0, DOSES), np.append(100.0, percent)
    status = np.zeros(doses.size, np.int8)
    status[np.array(failed, int) + 1] = 2
    values[status != 0] = math.nan
    return xr.Dataset(
        {
            "target_total_percent": (DOSE, values),
            "target_active_percent": (DOSE, values),
            "status": (DOSE, status),
        },
        coords={DOSE: doses},
    )


def reasons(found):
    return {
        str(name).removesuffix("_reason"): str(found[name].item())
        for name in found
        if str(name).endswith("_reason")
    }


class TestMoreThanVehicle:
    def test_rescue_is_no_degradation(self):
        rescue = 100.0 + 700.0 * DOSES / (DOSES + 50.0)
        found = ph.dose_response(dose_data(rescue))
        assert float(found.dmax_percent) == 0.0
        assert np.isnan(found.hook_depth_percent)
        why = reasons(found)
        assert why.pop("dmax_percent") == ""
        assert set(why.values()) == {"no_effect"}
        activity = ph.inhibition(dose_data(rescue))
        assert float(activity.imax_percent) == 0.0
        assert reasons(activity) == {"imax_percent": "", "ic50_nM": "no_effect"}

    def test_degradation_before_rescue_is_read(self):
        percent = bell(DOSES, 0.1, 100.0, 100.0) + 80.0 * DOSES / (DOSES + 1e4)
        curve = ph.degradation_curve(DOSES, percent)
        fine = np.geomspace(0.1, 1e5, 100001)
        left = bell(fine, 0.1, 100.0, 100.0) + 80.0 * fine / (fine + 1e4)
        assert curve.dmax_percent == pytest.approx(100.0 - left.min(), rel=1e-3)
        assert curve.hook_depth_percent == pytest.approx(left[-1] - left.min(), rel=1e-3)


class TestFailedDoses:
    CURVE = (0.1, 150.0, 1000.0)
    """Highest effect at 387 nM, dose 14 of 0 to 24 the next; HC50 between doses 20 and 21."""

    def found(self, failed):
        return ph.dose_response(dose_data(bell(DOSES, *self.CURVE), failed))

    def whole(self):
        return ph.degradation_curve(DOSES, bell(DOSES, *self.CURVE))

    def assert_null(self, found, names):
        """These are `failed_points`; all others are as on the whole curve."""
        why = reasons(found)
        assert {name for name, reason in why.items() if reason} == set(names)
        assert {why[name] for name in names} <= {"failed_points"}
        for name in set(why) - set(names):
            assert float(found[name]) == pytest.approx(getattr(self.whole(), name), rel=2e-3)

    def test_nothing_fails(self):
        self.assert_null(self.found([]), [])

    @pytest.mark.parametrize("first", [21, 23, 24])
    def test_the_highest_doses(self, first):
        crossings = {n for n in ("hc50_absolute_nM", "hc50_relative_nM") if self.beside(n, first)}
        self.assert_null(self.found(range(first, 25)), {"hook_depth_percent"} | crossings)

    def beside(self, name, first):
        """Whether the dose below a reading is the last before `first`, or is above it."""
        return getattr(self.whole(), name) > DOSES[first - 1]

    @pytest.mark.parametrize("first", [15, 16])
    def test_no_dose_after_the_maximum(self, first):
        """At dose 14 the effect is highest: dose 15 decides whether it still rises."""
        lost = ["hook_depth_percent", "hc50_absolute_nM", "hc50_relative_nM"]
        if first == 15:
            lost += [*EXTENT, "dc50_relative_nM"]
        self.assert_null(self.found(range(first, 25)), lost)

    def test_the_dose_of_the_maximum(self):
        best = int(np.argmin(bell(DOSES, *self.CURVE)))
        self.assert_null(self.found([best]), [*EXTENT, *RELATIVE, "hook_depth_percent"])

    @pytest.mark.parametrize(
        "name", ["dc50_absolute_nM", "dc50_relative_nM", "hc50_absolute_nM", "hc50_relative_nM"]
    )
    def test_a_dose_beside_a_crossing(self, name):
        above = int(np.searchsorted(DOSES, getattr(self.whole(), name)))
        for failed in (above - 1, above):
            assert reasons(self.found([failed]))[name] == "failed_points"
        assert reasons(self.found([above + 2]))[name] == ""

    def test_the_lowest_dose(self):
        strong = 100.0 / (1.0 + 30.0 * DOSES / (DOSES + 1.0))
        found = ph.dose_response(dose_data(strong, [0]))
        assert reasons(found)["dc50_absolute_nM"] == "failed_points"
        assert reasons(found)["hook_depth_percent"] == ""
        whole = ph.dose_response(dose_data(strong))
        assert reasons(whole)["dc50_absolute_nM"] == "below_lowest_dose"

    def test_no_effect_at_the_doses_that_are_left(self):
        late = 100.0 / (1.0 + (DOSES / 3e4) ** 4)
        found = ph.dose_response(dose_data(late, range(15, 25)))
        assert set(reasons(found).values()) == {"failed_points"}

    def test_inhibition(self):
        percent = 100.0 / (1.0 + DOSES / 30.0)
        assert reasons(ph.inhibition(dose_data(percent, [24]))) == {
            "imax_percent": "failed_points",
            "ic50_nM": "",
        }
        beside = int(np.searchsorted(DOSES, 30.0))
        assert reasons(ph.inhibition(dose_data(percent, [beside]))) == {
            "imax_percent": "",
            "ic50_nM": "failed_points",
        }

    def test_other_curves_and_the_vehicle_do_not_matter(self):
        data = xr.concat(
            [dose_data(bell(DOSES, *self.CURVE), failed) for failed in ([], [24])], "treatment"
        )
        data["status"] = data["status"].where(data[DOSE] > 0.0, 2)
        why = ph.dose_response(data).hook_depth_percent_reason
        assert why.to_numpy().tolist() == ["", "failed_points"]


RATE, PLATEAU, REGAIN = 0.15, 0.12, 0.03
SINCE = np.array([0.0, 1.0, 2.0, 4.0, 8.0, 12.0, 16.0, 24.0, 36.0, 48.0])


def course(times, *, start_h=0.0, washout_h=math.inf):
    """Exponential loss from the addition on, and return to 1 from the washout on."""
    times = np.asarray(times, float)
    treated = np.clip(times, start_h, washout_h) - start_h
    lost = (1.0 - PLATEAU) * -np.expm1(-RATE * treated)
    left = 1.0 - lost * np.exp(-REGAIN * np.maximum(times - washout_h, 0.0))
    return xr.Dataset({"target_total_percent": (TIME, 100.0 * left)}, coords={TIME: times})


class TestSchedules:
    INITIAL = RATE * (1.0 - PLATEAU)
    D50 = math.log((1.0 - PLATEAU) / (0.5 - PLATEAU)) / RATE

    def assert_read(self, found):
        assert float(found.lambda_per_h) == pytest.approx(RATE, rel=1e-6)
        assert float(found.plateau) == pytest.approx(PLATEAU, rel=1e-6)
        assert float(found.initial_rate_per_h) == pytest.approx(self.INITIAL, rel=1e-6)

    @pytest.mark.parametrize("start_h", [-12.0, 0.0, 12.0])
    def test_times_are_those_since_the_addition(self, start_h):
        times = np.union1d(SINCE + start_h, [-20.0, -13.0])
        found = ph.time_course(course(times, start_h=start_h), start_h=start_h)
        self.assert_read(found)
        assert float(found.d50_time_h) == pytest.approx(self.D50, rel=0.02)

    def test_nothing_after_the_washout_shapes_the_loss(self):
        times = np.union1d(SINCE, [26.0, 30.0, 72.0, 144.0])
        self.assert_read(ph.time_course(course(times, washout_h=24.0), washout_h=24.0))

    @pytest.mark.parametrize("start_h", [12.0, -12.0, -1.5])
    def test_another_start_than_told_gives_no_rate(self, start_h):
        found = ph.time_course(course(SINCE, start_h=start_h))
        why = reasons(found)
        assert why["lambda_per_h"] == why["plateau"] == "not_determined"
        assert why["initial_rate_per_h"] != ""

    def test_an_earlier_start_shows_without_a_point_at_zero(self):
        found = ph.time_course(course(SINCE[1:], start_h=-12.0))
        assert reasons(found)["lambda_per_h"] == "not_determined"

    def test_a_washout_that_is_not_told_leaves_the_initial_rate(self):
        times = np.union1d(SINCE, [26.0, 30.0, 72.0, 144.0])
        found = ph.time_course(course(times, washout_h=24.0))
        assert reasons(found)["lambda_per_h"] == reasons(found)["plateau"] == "not_determined"
        assert float(found.initial_rate_per_h) == pytest.approx(self.INITIAL, rel=1e-6)

    def test_a_plateau_below_zero_is_none(self):
        """A straight line, bent a little: its exponential would level off far below zero."""
        times = np.array([0.0, 1.0, 2.0, 4.0])
        fraction = 1.4 * np.exp(-0.1 * times) - 0.4
        found = ph.rate_and_plateau(times, fraction)
        assert {reading.reason for reading in found} == {ph.Reason.NOT_DETERMINED}
        assert ph.initial_rate_per_h(times, fraction) == pytest.approx(0.14, rel=1e-6)

    def test_nothing_is_left_at_a_plateau_of_zero(self):
        fraction = np.exp(-0.3 * SINCE)
        assert ph.rate_and_plateau(SINCE, fraction) == pytest.approx((0.3, 0.0), abs=1e-6)

    @pytest.mark.parametrize("schedule", [(0.0, 0.0), (5.0, 2.0), (math.nan, 3.0)])
    def test_washed_out_before_it_is_added(self, schedule):
        with pytest.raises(ParameterError, match="washout_h"):
            ph.time_course(course(SINCE), start_h=schedule[0], washout_h=schedule[1])


def parabola_only(x, y):
    """Dmax from the parabola in percent through the highest point, below its extended sides."""
    i = int(np.argmax(y))
    a, b, c = np.polyfit(x[i - 1 : i + 2] - x[i], y[i - 1 : i + 2], 2)
    at = -b / (2.0 * a)
    height, k = c - b * b / (4.0 * a), i if at >= 0.0 else i - 1
    for j in (k - 1, k + 1):
        if 0 <= j < x.size - 1:
            slope = (y[j + 1] - y[j]) / (x[j + 1] - x[j])
            height = min(height, y[j] + slope * (x[i] + at - x[j]))
    return max(min(height, 100.0), y[i])


def summit_errors(doses_per_decade, count=400, hours=math.inf):
    """Errors of ln(target left at Dmax): read from 4 to 12 doses, and from the parabola only.

    With rate k_d of natural loss, a target at T' = k_d (1 - (1 + g) T) has left, after t hours,
    1/(1 + g) + g/(1 + g) exp(-k_d (1 + g) t).
    """
    rng = np.random.default_rng(5)
    errors = []
    while len(errors) < count:
        log_doses = rng.uniform(-1.0, 1.5) + np.arange(rng.integers(4, 13)) / doses_per_decade
        shape = 10.0 ** rng.uniform((-3.0, 0.0, 0.0), (2.0, 5.0, 5.0))

        def left(x, shape=shape):
            steady = bell(10.0**x, *shape) / 100.0
            return 100.0 * (steady + (1.0 - steady) * np.exp(-0.023 * hours / steady))

        points, fine = left(log_doses), left(np.linspace(log_doses[0], log_doses[-1], 4001))
        if points.argmin() in (0, points.size - 1) or points.min() > 95.0:
            continue
        read = ph.degradation_curve(10.0**log_doses, points).dmax_percent
        heights = np.array([read, parabola_only(log_doses, 100.0 - points)])
        errors.append(np.log(np.maximum(100.0 - heights, 1e-9) / fine.min()))
    return np.array(errors).T


class TestSummitsOfWideGrids:
    @pytest.mark.parametrize("hours", [math.inf, 72.0, 24.0])
    @pytest.mark.parametrize(("per_decade", "mean", "over"), [(1, 0.025, 0.2), (2, 0.003, 0.03)])
    def test_target_left_is_not_far_below_the_truth(self, per_decade, mean, over, hours):
        now, parabola = summit_errors(per_decade, hours=hours)
        assert np.abs(now).mean() < min(mean, 0.6 * np.abs(parabola).mean())
        assert -now.min() < min(over, 0.5 * -parabola.min())
        assert np.abs(now).max() < np.abs(parabola).max() or np.abs(now).max() < 0.03

    def test_a_fine_grid_is_exact(self):
        now, _ = summit_errors(8, count=100)
        assert np.abs(now).max() < 4e-3

    def test_points_above_and_below_the_bounds_have_no_logit(self):
        doses = [1.0, 10.0, 100.0, 1e3]
        rise = ph.degradation_curve(doses, [130.0, 40.0, 60.0, 110.0])
        x, y = np.arange(4.0), 100.0 - np.array([130.0, 40.0, 60.0, 110.0])
        assert 60.0 <= rise.dmax_percent <= parabola_only(x, y)
        assert ph.degradation_curve(doses, [60.0, -3.0, 10.0, 60.0]).dmax_percent == 103.0
