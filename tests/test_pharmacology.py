"""Readings of dose-response and time curves against closed forms, tables and brute force."""

from __future__ import annotations

import copy
import csv
import math
import pickle
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator

from protacsim import pharmacology as ph
from protacsim.errors import ParameterError

REFERENCE = Path(__file__).parent / "reference"
DENSE = np.geomspace(1e-4, 1e7, 6001)
NULLS = {reason.value for reason in ph.Reason} - {""}


def rows(name: str) -> list[dict[str, str]]:
    with (REFERENCE / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def hill(doses, dc50, emax=100.0, h=1.0):
    return 100.0 - emax / (1.0 + (dc50 / doses) ** h)


def hook(doses, k_target, k_ligase, rho):
    """Lumped hook curve, target remaining in %: 100/(1 + rho g(L))."""
    middle, total = np.sqrt(k_target * k_ligase), k_target + k_ligase
    g = (2.0 * middle + total) * doses / (doses**2 + total * doses + middle**2)
    return 100.0 / (1.0 + rho * g)


def hook_doses(k_target, k_ligase, rho, degraded):
    """Both doses at which the lumped curve has a given degraded fraction: a quadratic."""
    middle, total = math.sqrt(k_target * k_ligase), k_target + k_ligase
    g = degraded / (1.0 - degraded) / rho
    half = ((2.0 * middle + total) / g - total) / 2.0
    high = half + math.sqrt(half**2 - middle**2)
    return middle**2 / high, high


class TestClosedForms:
    @pytest.mark.parametrize("emax", [80.0, 95.0, 100.0])
    @pytest.mark.parametrize("h", [0.8, 1.0, 2.0])
    def test_hill_curve(self, emax, h):
        dc50 = 14.6
        curve = ph.degradation_curve(DENSE, hill(DENSE, dc50, emax, h))
        top = emax / (1.0 + (dc50 / DENSE[-1]) ** h)
        assert curve.dmax_percent == pytest.approx(top, rel=1e-12)
        absolute = dc50 * (50.0 / (emax - 50.0)) ** (1.0 / h)
        assert curve.dc50_absolute_nM == pytest.approx(absolute, rel=1e-6)
        relative = dc50 * (0.5 * top / (emax - 0.5 * top)) ** (1.0 / h)
        assert curve.dc50_relative_nM == pytest.approx(relative, rel=1e-6)

    @pytest.mark.parametrize(("k_target", "k_ligase"), [(91.0, 3100.0), (10.0, 10.0), (5e3, 2.0)])
    @pytest.mark.parametrize("rho", [1.5, 20.0])
    def test_hook_curve(self, k_target, k_ligase, rho):
        curve = ph.degradation_curve(DENSE, hook(DENSE, k_target, k_ligase, rho))
        dmax = rho / (1.0 + rho)
        middle = math.sqrt(k_target * k_ligase)
        assert curve.dmax_percent == pytest.approx(100.0 * dmax, rel=1e-6)
        assert curve.dmax_dose_nM == pytest.approx(middle, rel=1e-6)
        absolute = (curve.dc50_absolute_nM, curve.hc50_absolute_nM)
        relative = (curve.dc50_relative_nM, curve.hc50_relative_nM)
        assert absolute == pytest.approx(hook_doses(k_target, k_ligase, rho, 0.5), rel=1e-6)
        assert relative == pytest.approx(hook_doses(k_target, k_ligase, rho, dmax / 2), rel=1e-6)
        assert math.prod(absolute) == pytest.approx(k_target * k_ligase, rel=1e-6)
        assert math.prod(relative) == pytest.approx(k_target * k_ligase, rel=1e-6)
        depth = 100.0 * dmax - (100.0 - hook(DENSE[-1], k_target, k_ligase, rho))
        assert curve.hook_depth_percent == pytest.approx(depth, rel=1e-6)
        assert not curve.multimodal

    @pytest.mark.parametrize("offset", [0.0, 0.1, 0.25, 0.4, 0.5, 0.8])
    def test_eight_doses_to_five_percent(self, offset):
        doses = 10.0 ** (np.arange(-4, 4) / 2.0 + offset / 2.0) * 100.0
        curve = ph.degradation_curve(doses, hook(doses, 100.0, 100.0, 5.0))
        low, high = hook_doses(100.0, 100.0, 5.0, 0.5)
        assert curve.dmax_percent == pytest.approx(500.0 / 6.0, rel=0.05)
        assert curve.dmax_dose_nM == pytest.approx(100.0, rel=0.05)
        assert curve.dc50_absolute_nM == pytest.approx(low, rel=0.05)
        assert curve.hc50_absolute_nM == pytest.approx(high, rel=0.05)
        assert ph.inhibition_curve(doses, hill(doses, 60.0)).ic50_nM == pytest.approx(60, rel=0.05)

    def test_inhibition_curve(self):
        curve = ph.inhibition_curve(DENSE, hill(DENSE, 2.2, 90.0))
        assert curve.ic50_nM == pytest.approx(2.2 * 50.0 / 40.0, rel=1e-6)
        assert curve.imax_percent == pytest.approx(90.0, abs=1e-3)

    @given(st.floats(0.5, 3.5), st.floats(0.5, 3.5), st.floats(1.5, 50.0), st.floats(0.01, 100.0))
    def test_rescaling_the_dose_rescales_every_dose(self, log_a, log_b, rho, scale):
        doses = np.geomspace(1e-3, 1e7, 41)
        percent = hook(doses, 10.0**log_a, 10.0**log_b, rho)
        here, there = (
            ph.degradation_curve(doses, percent),
            ph.degradation_curve(scale * doses, percent),
        )
        for name, value in vars(here).items():
            factor = scale if name.endswith("_nM") else 1.0
            assert getattr(there, name) == pytest.approx(factor * value, rel=1e-7, nan_ok=True)


class TestReferenceTables:
    def test_du_steady_state(self):
        """Section 5.2 of the model page, and the doses of its half-levels as tabulated."""
        target, ligase, k_dp = 9.42359e-3, 5.09344e-3, math.log(2.0) / (71.9 * 60.0)
        doses = np.geomspace(1e-7, 1e7, 8001)
        for row in rows("du_steady_state.csv"):
            k_target, k_ligase = float(row["K_BTK_uM"]), 3.84
            r = float(row["k_pr_per_min"]) / k_dp
            k = (k_target + doses) * (k_ligase + doses) / (float(row["alpha"]) * doses)
            s = target + ligase * (1.0 + r) + k
            root = np.sqrt(s**2 - 4.0 * (1.0 + r) * target * ligase)
            remaining = 100.0 * (1.0 - 2.0 * r * ligase / (s + root))
            curve = ph.degradation_curve(doses * 1e3, remaining)
            assert curve.dmax_percent == pytest.approx(100.0 * float(row["Dmax_ss"]), rel=1e-6)
            for reading, name in (
                (curve.dc50_absolute_nM, "DC50_ss_uM"),
                (curve.hc50_absolute_nM, "HC50_ss_uM"),
            ):
                expected = 1e3 * float(row[name])
                assert reading == pytest.approx(expected, rel=2e-6, nan_ok=True)
                assert math.isnan(expected) == (reading.reason == ph.Reason.NOT_REACHED)

    def test_park_acbi1_has_two_maxima_at_24_h(self):
        table = [
            (1e3 * float(row["degrader_ec_uM"]), float(row["pct_baseline_target"]))
            for row in rows("park_dose_response.csv")
            if row["case"] == "ACBI1" and float(row["time_h"]) == 24.0
        ]
        doses, percent = np.array(table).T
        assert ph.degradation_curve(doses, percent, valley_points=0.02).multimodal
        assert not ph.degradation_curve(doses, percent, valley_points=0.05).multimodal

    def test_riching_rates_and_plateaus(self):
        times = np.array([0.0, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0])
        for row in rows("riching_lambda.csv"):
            rate, plateau = float(row["lambda_per_h"]), float(row["plateau_fraction"])
            fraction = (1.0 - plateau) * np.exp(-rate * times) + plateau
            fitted = ph.rate_and_plateau(times, fraction)
            assert fitted == pytest.approx((rate, plateau), rel=1e-6)
            initial = ph.initial_rate_per_h(times, fraction)
            assert initial == pytest.approx(rate * float(row["Dmax_fraction"]), rel=1e-2)


class TestNulls:
    DOSES = (1.0, 10.0, 100.0, 1e3, 1e4)

    def reasons(self, percent, **options):
        curve = ph.degradation_curve(self.DOSES, percent, **options)
        return {name: v.reason.value for name, v in vars(curve).items() if name != "multimodal"}

    def test_level_not_reached(self):
        found = self.reasons([98.0, 90.0, 70.0, 80.0, 95.0])
        assert found["dc50_absolute_nM"] == found["hc50_absolute_nM"] == "not_reached"
        assert found["dc50_relative_nM"] == found["hc50_relative_nM"] == ""

    def test_level_below_the_lowest_dose(self):
        found = self.reasons([20.0, 10.0, 5.0, 30.0, 60.0])
        assert found["dc50_absolute_nM"] == found["dc50_relative_nM"] == "below_lowest_dose"
        assert found["hc50_absolute_nM"] == ""

    def test_maximum_at_the_highest_dose(self):
        found = self.reasons([90.0, 70.0, 40.0, 20.0, 10.0])
        assert found["hc50_absolute_nM"] == found["hc50_relative_nM"] == "above_highest_dose"

    def test_falling_limb_that_ends_too_early(self):
        found = self.reasons([90.0, 70.0, 10.0, 20.0, 30.0])
        assert found["hc50_absolute_nM"] == found["hc50_relative_nM"] == "above_highest_dose"

    def test_flat_after_the_maximum_is_no_hook(self):
        percent = [90.0, 40.0, 5.0, 5.0, 5.0]
        found = self.reasons(percent)
        assert found["hc50_absolute_nM"] == found["hc50_relative_nM"] == "no_hook"
        curve = ph.degradation_curve(self.DOSES, percent)
        assert curve.hook_depth_percent == 0.0
        assert (curve.dmax_percent, curve.dmax_dose_nM) == pytest.approx((95.0, 100.0))

    @pytest.mark.parametrize("percent", [[100.0] * 5, [103.0, 104.0, 103.0, 102.0, 101.0]])
    def test_no_effect(self, percent):
        found = self.reasons(percent)
        assert found.pop("dmax_percent") == ""
        assert set(found.values()) == {"no_effect"}
        assert ph.inhibition_curve(self.DOSES, percent).ic50_nM.reason == "no_effect"
        curve = ph.degradation_curve(self.DOSES, percent)
        assert curve.dmax_percent == 0.0

    def test_round_off_is_no_degradation(self):
        percent = 100.0 + 2e-13 * np.array([1.0, -1.0, 0.0, 1.0, 0.0])
        assert ph.degradation_curve(self.DOSES, percent).dmax_percent == 0.0
        assert ph.inhibition_curve(self.DOSES, percent).imax_percent == 0.0

    def test_too_few_points(self):
        found = self.reasons([math.nan, 40.0, math.nan, math.inf, 20.0])
        assert set(found.values()) == {"too_few_points"}
        vehicle = ph.degradation_curve([0.0, 1.0, 2.0], [100.0, 60.0, 40.0])
        assert vehicle.dmax_percent.reason == "too_few_points"

    @pytest.mark.parametrize(
        ("doses", "percent"),
        [
            ([1.0, 1.0, 2.0], [9.0, 8.0, 7.0]),
            ([3.0, 2.0, 1.0], [9.0, 8.0, 7.0]),
            ([-1.0, 1.0, 2.0], [9.0, 8.0, 7.0]),
            ([1.0, math.inf], [9.0, 8.0]),
            ([1.0, 2.0], [9.0, 8.0, 7.0]),
            ([[1.0, 2.0]], [[9.0, 8.0]]),
        ],
    )
    def test_invalid_doses(self, doses, percent):
        with pytest.raises(ParameterError, match="doses_nM"):
            ph.degradation_curve(doses, percent)


class TestShapes:
    def test_nan_points_and_vehicle_are_left_out(self):
        doses = np.geomspace(1.0, 1e4, 9)
        percent = hook(doses, 50.0, 200.0, 4.0)
        gaps = np.insert(percent, [0, 4], [100.0, math.nan])
        padded = np.insert(doses, [0, 4], [0.0, 0.5 * (doses[3] + doses[4])])
        assert vars(ph.degradation_curve(padded, gaps)) == vars(
            ph.degradation_curve(doses, percent)
        )

    def test_crossing_on_a_point_and_along_a_flat_stretch(self):
        doses = [1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6]
        curve = ph.degradation_curve(doses, [100.0, 50.0, 50.0, 0.0, 50.0, 50.0, 100.0])
        assert curve.dc50_absolute_nM == curve.dc50_relative_nM == pytest.approx(10.0)
        assert curve.hc50_absolute_nM == curve.hc50_relative_nM == pytest.approx(1e4)
        first = ph.degradation_curve(doses[:4], [50.0, 40.0, 30.0, 0.0])
        assert first.dc50_absolute_nM == pytest.approx(1.0)

    def test_touching_fifty_percent_gives_one_dose_twice(self):
        curve = ph.degradation_curve([1.0, 10.0, 100.0], [80.0, 50.0, 80.0])
        assert curve.dc50_absolute_nM == curve.hc50_absolute_nM == pytest.approx(10.0)

    def test_equal_neighbours_put_the_maximum_between_them(self):
        curve = ph.degradation_curve([1.0, 10.0, 100.0, 1e3], [60.0, 20.0, 20.0, 60.0])
        assert curve.dmax_dose_nM == pytest.approx(math.sqrt(1e3))
        # in the logit, the parabola through (-1, ln 2/3), (0, ln 4), (1, ln 4) rises by an
        # eighth of the step ln 6 above the middle
        odds = 4.0 * 6.0 ** (1.0 / 8.0)
        assert curve.dmax_percent == pytest.approx(100.0 * odds / (1.0 + odds))

    def test_a_cliff_beside_a_plateau_is_not_a_peak(self):
        curve = ph.degradation_curve([1.0, 10.0, 100.0, 1e3, 1e4], [4.0, 3.0, 2.0, 1.9, 80.0])
        assert 98.1 <= curve.dmax_percent <= 98.6

    def test_dmax_does_not_exceed_everything(self):
        curve = ph.degradation_curve([1.0, 10.0, 100.0, 1e3], [60.0, 0.1, 0.0, 60.0])
        assert curve.dmax_percent == 100.0

    @pytest.mark.parametrize(("valley", "expected"), [(0.5, False), (0.999, False), (1.001, True)])
    def test_multimodal_needs_a_valley_deeper_than_asked(self, valley, expected):
        doses = np.geomspace(1.0, 1e4, 5)
        percent = np.array([60.0, 20.0, 20.0 + valley, 20.0, 60.0])
        # as many points on each side, so that refining maxima cannot deepen the valley
        flat = np.repeat(percent, 3)
        fine = np.geomspace(doses[0], doses[-1], flat.size)
        assert ph.degradation_curve(fine, flat, valley_points=1.0).multimodal is expected
        assert ph.degradation_curve(fine, flat, valley_points=0.1).multimodal

    def test_a_shoulder_before_the_maximum_is_no_maximum(self):
        doses = np.geomspace(1.0, 1e4, 6)
        shoulder = ph.degradation_curve(doses, [90.0, 40.0, 40.01, 40.01, 10.0, 60.0])
        assert not shoulder.multimodal
        assert ph.degradation_curve(doses, [90.0, 40.0, 45.0, 45.0, 10.0, 60.0]).multimodal

    def test_two_hook_curves_far_apart(self):
        weak, strong = hook(DENSE, 0.01, 0.02, 1.5), hook(DENSE, 1e4, 2e4, 9.0)
        percent = 100.0 - np.maximum(100.0 - weak, 100.0 - strong)
        curve = ph.degradation_curve(DENSE, percent)
        assert curve.multimodal
        assert curve.dmax_dose_nM == pytest.approx(math.sqrt(2.0) * 1e4, rel=1e-6)
        # the first crossings belong to the weaker maximum, at the lower doses
        low, _ = hook_doses(0.01, 0.02, 1.5, 0.5)
        assert curve.dc50_absolute_nM == pytest.approx(low, rel=1e-6)
        low, _ = hook_doses(0.01, 0.02, 1.5, 0.45)
        assert curve.dc50_relative_nM == pytest.approx(low, rel=1e-6)
        _, high = hook_doses(1e4, 2e4, 9.0, 0.45)
        assert curve.hc50_relative_nM == pytest.approx(high, rel=1e-6)

    def test_second_maximum_at_an_end_counts(self):
        doses = [1.0, 10.0, 100.0]
        assert ph.degradation_curve(doses, [40.0, 70.0, 30.0]).multimodal
        assert not ph.degradation_curve(doses, [100.0, 103.0, 30.0]).multimodal

    @given(
        st.lists(st.floats(0.0, 100.0), min_size=3, max_size=12),
        st.floats(0.1, 1.0),
    )
    def test_a_monotone_curve_has_no_hook(self, percent, log_step):
        falling = np.sort(percent)[::-1]
        doses = 10.0 ** (log_step * np.arange(falling.size))
        curve = ph.degradation_curve(doses, falling)
        assert curve.hook_depth_percent == 0.0
        assert curve.dmax_percent == pytest.approx(100.0 - falling[-1], abs=1e-6)
        assert math.isnan(curve.hc50_absolute_nM) or curve.dmax_percent == 50.0
        assert math.isnan(curve.hc50_relative_nM)
        assert not curve.multimodal


def polyfit_vertex(x, y):
    """Place and height of the vertex of the parabola through three points."""
    a, b, c = np.polyfit(x, y, 2)
    return -b / (2.0 * a), c - b * b / (4.0 * a)


def refined(x, y):
    """The points plus, beside each interior maximum, the lower of two vertices by polyfit."""
    knots = dict(zip(x.tolist(), y.tolist(), strict=True))
    for i in range(1, x.size - 1):
        if y[i] > y[i - 1] and y[i] >= y[i + 1]:
            shift, three = x[i], slice(i - 1, i + 2)
            at, height = polyfit_vertex(x[three] - shift, y[three])
            if 0.0 < y[i] < 100.0:  # the same in the logit
                part = np.clip(y[three] / max(100.0, y.max()), 1e-8, 1.0 - 1e-8)
                there, logit = polyfit_vertex(x[three] - shift, np.log(part / (1.0 - part)))
                low = max(100.0, y.max()) / (1.0 + np.exp(-logit))
                at, height = (there, low) if low < height else (at, height)
            height = min(height, 100.0)
            inside = int(np.searchsorted(x, shift + at)) - 1
            for k in (inside - 1, inside + 1):  # the lines of the intervals beside the summit
                if 0 <= k < x.size - 1:
                    slope = (y[k + 1] - y[k]) / (x[k + 1] - x[k])
                    height = min(height, y[k] + slope * (shift + at - x[k]))
            if height > y[i]:
                knots[shift + at] = height
    keys = sorted(knots)
    return np.array(keys), np.array([knots[key] for key in keys])


def brute_force(doses, percent):
    """The definitions, on a dense grid of the PCHIP through data and refined maxima."""
    x, y = refined(np.log10(doses), 100.0 - percent)
    grid = np.union1d(np.linspace(x[0], x[-1], 4001), x)
    values = PchipInterpolator(x, y)(grid)
    dmax = values.max()
    top = int(np.argmax(values >= dmax - 1e-9))  # equal maxima differ by rounding on the grid

    def rising(level):
        return math.nan if values[0] > level else first(values >= level, 0)

    def falling(level):
        return math.nan if dmax < level else first(values[top:] <= level, top)

    def first(mask, start):
        return 10.0 ** grid[start + int(np.argmax(mask))] if mask.any() else math.nan

    return {
        "dmax_percent": dmax,
        "dc50_absolute_nM": rising(50.0),
        "dc50_relative_nM": rising(dmax / 2.0),
        "hc50_absolute_nM": falling(50.0),
        "hc50_relative_nM": falling(dmax / 2.0),
        "hook_depth_percent": dmax - values[-1],
    }, 10.0 ** grid[values >= dmax - 1e-9][[0, -1]]


def random_curve(rng):
    """Monotone, hooked, jagged, clipped to flat stretches, or barely anything."""
    doses = np.geomspace(1e-1, 1e5, int(rng.integers(4, 15)))
    kind = rng.integers(4)
    if kind == 0:
        return doses, hill(doses, 10.0 ** rng.uniform(-2, 5), rng.uniform(0, 100), 1.0)
    if kind == 1:
        k_target, k_ligase = 10.0 ** rng.uniform(-2, 5, 2)
        return doses, hook(doses, k_target, k_ligase, 10.0 ** rng.uniform(-2, 2))
    if kind == 2:
        return doses, rng.uniform(0, 110, doses.size)
    return doses, np.clip(rng.uniform(-50, 160, doses.size), 0.0, 100.0)


def test_no_number_where_the_definition_has_none():
    rng = np.random.default_rng(20240611)
    seen = set()
    for _ in range(1000):
        doses, percent = random_curve(rng)
        curve = vars(ph.degradation_curve(doses, percent))
        expected, (lowest, highest) = brute_force(doses, percent)
        step = (doses[-1] / doses[0]) ** (1.0 / 4000.0) - 1.0
        for name, value in expected.items():
            found = curve[name]
            if found.reason == ph.Reason.NO_EFFECT:
                assert expected["dmax_percent"] <= 0.01 + 1e-9
                continue
            tolerance = 2.0 * step if name.endswith("_nM") else 1e-6
            assert (found.reason.value in NULLS) == math.isnan(value) == math.isnan(found), name
            close = math.isclose(found, value, rel_tol=tolerance, abs_tol=2e-6)
            assert close or math.isnan(value), (name, found, value)
            seen.add(found.reason.value)
        if curve["dmax_dose_nM"].reason != ph.Reason.NO_EFFECT:
            assert lowest * (1.0 - 2.0 * step) <= curve["dmax_dose_nM"]
            assert curve["dmax_dose_nM"] <= highest * (1.0 + 2.0 * step)
    assert seen == {"", "not_reached", "below_lowest_dose", "above_highest_dose", "no_hook"}


class TestTimeCourses:
    TIMES = np.linspace(0.0, 24.0, 481)

    def test_exponential_decay(self):
        fraction = 0.8 * np.exp(-0.35 * self.TIMES) + 0.2
        assert ph.rate_and_plateau(self.TIMES, fraction) == pytest.approx((0.35, 0.2), rel=1e-9)
        assert ph.initial_rate_per_h(self.TIMES, fraction) == pytest.approx(0.28, rel=1e-9)
        d50 = ph.d50_time_h(self.TIMES, 100.0 * fraction)
        assert d50 == pytest.approx(math.log(0.8 / 0.3) / 0.35, rel=1e-6)

    def test_least_squares_minimum_of_noisy_data(self):
        times = np.linspace(0.0, 12.0, 25)
        noise = 0.02 * np.random.default_rng(7).standard_normal(times.size)
        data = 0.7 * np.exp(-0.5 * times) + 0.3 + noise
        rate, plateau = ph.rate_and_plateau(times, data)

        def cost(lam, p):
            return np.sum(((1.0 - p) * np.exp(-lam * times) + p - data) ** 2)

        best = cost(rate, plateau)
        for angle in np.linspace(0.0, 2.0 * math.pi, 24):
            step = 1e-3 * np.array([math.cos(angle), math.sin(angle)])
            assert cost(rate + step[0], plateau + step[1]) > best

    def test_initial_rate_ignores_a_later_recovery(self):
        decay = 0.9 * np.exp(-0.5 * self.TIMES) + 0.1
        data = np.where(self.TIMES <= 12.0, decay, decay + 0.05 * (self.TIMES - 12.0))
        assert ph.initial_rate_per_h(self.TIMES, data) == pytest.approx(0.45, rel=1e-6)

    def test_recovery_after_washout(self):
        """Covalent occupancy under turnover: the loss at washout decays at the loss rate."""
        kdeg, washout = math.log(2.0) / 8.0, 4.0
        times = np.linspace(0.0, 48.0, 481)
        percent = np.where(
            times <= washout,
            100.0 - 20.0 * times,
            100.0 - 80.0 * np.exp(-kdeg * (times - washout)),
        )
        half = ph.recovery_half_time_h(times, percent, washout)
        assert half == pytest.approx(8.0, rel=1e-6)
        short = ph.recovery_half_time_h(times[:100], percent[:100], washout)
        assert short.reason == "not_reached"
        assert ph.recovery_half_time_h(times, 100.0 + 0.0 * times, 4.0).reason == "no_effect"
        assert ph.recovery_half_time_h(times, percent, 47.95).reason == "too_few_points"

    def test_nulls(self):
        times = np.array([0.0, 1.0, 2.0, 3.0])
        straight = 1.0 - 1e-3 * times
        assert {r.reason.value for r in ph.rate_and_plateau(times, straight)} == {"not_determined"}
        rate, plateau = ph.rate_and_plateau(times, [1.0, 0.2, 0.2, 0.2])
        assert (rate.reason.value, plateau) == ("not_determined", pytest.approx(0.2))
        assert ph.rate_and_plateau(times, np.ones(4))[0].reason == "no_effect"
        assert ph.rate_and_plateau(times[:2], [1.0, 0.5])[1].reason == "too_few_points"
        assert ph.initial_rate_per_h(times, np.ones(4)).reason == "no_effect"
        assert ph.initial_rate_per_h(times, [1.0, 0.2, 0.3, 0.4]).reason == "too_few_points"
        assert ph.d50_time_h(times, [100.0, 90.0, 80.0, 70.0]).reason == "not_reached"
        assert ph.d50_time_h(times, [40.0, 30.0, 20.0, 10.0]).reason == "before_first_time"
        assert ph.d50_time_h(times[:2], [100.0, 10.0]).reason == "too_few_points"

    @pytest.mark.parametrize("washout", [-1.0, 25.0, math.nan])
    def test_washout_outside_the_times(self, washout):
        with pytest.raises(ParameterError, match="washout_h"):
            ph.recovery_half_time_h(self.TIMES, self.TIMES, washout)

    def test_empty_time_course(self):
        with pytest.raises(ParameterError, match="empty"):
            ph.recovery_half_time_h([], [], 1.0)


DOSES = np.concatenate([[0.0], np.geomspace(1e-2, 1e6, 401)])
ALLELES = {"WT": 10.0, "C481S": 35.0, "L528W": 400.0}
TIMES = [4.0, 24.0]


def result(*, order=slice(None)):
    """A result as a study returns it: allele, dose and time, hook constants that depend on them."""
    constants = np.array(list(ALLELES.values()))[:, None, None] * np.array([2.0, 1.0])
    percent = hook(np.maximum(DOSES, 1e-12)[None, :, None], constants, 1e3, 9.0)
    active = hill(np.maximum(DOSES, 1e-12)[None, :, None], constants)
    active[2] = math.nan
    dims = ("target.allele", "compound.dose_nM", "time_h")
    data = xr.Dataset(
        {
            "target_total": (dims, 7.8 * percent, {"units": "nM"}),
            "target_total_percent": (dims, percent, {"units": "%", "relative_to": "vehicle"}),
            "target_active_percent": (
                dims,
                active,
                {"units": "%", "null_reason": "zero_reference"},
            ),
            "status": (dims[:2], np.zeros((3, DOSES.size), dtype=np.int8)),
        },
        coords={"target.allele": list(ALLELES), "compound.dose_nM": DOSES, "time_h": TIMES},
    )
    return data.isel({"compound.dose_nM": order})


class TestDatasets:
    def test_dose_response(self):
        curves = ph.dose_response(result())
        assert curves.dc50_absolute_nM.dims == ("target.allele", "time_h")
        for allele, constant in ALLELES.items():
            for time, factor in zip(TIMES, (2.0, 1.0), strict=True):
                at = curves.sel({"target.allele": allele, "time_h": time})
                low, high = hook_doses(factor * constant, 1e3, 9.0, 0.5)
                assert float(at.dc50_absolute_nM) == pytest.approx(low, rel=1e-5)
                assert float(at.hc50_absolute_nM) == pytest.approx(high, rel=1e-5)
                assert float(at.dmax_percent) == pytest.approx(90.0, rel=1e-6)
                assert not bool(at.multimodal)
        assert (curves.dc50_absolute_nM_reason == "").all()
        units = {name: curves[name].attrs["units"] for name in ("dmax_percent", "dmax_dose_nM")}
        assert units == {"dmax_percent": "%", "dmax_dose_nM": "nM"}

    def test_order_of_doses_and_dims_does_not_matter(self):
        straight = ph.dose_response(result())
        shuffled = result(order=np.random.default_rng(3).permutation(DOSES.size))
        shuffled.status[0, 5] = 1
        moved = ph.dose_response(shuffled.transpose("time_h", "compound.dose_nM", "target.allele"))
        assert moved.attrs["failed_points"] == 2
        xr.testing.assert_allclose(
            straight.drop_vars("multimodal"),
            moved.drop_vars("multimodal").transpose("target.allele", "time_h"),
            rtol=1e-5,
        )

    def test_failed_points_and_zero_references(self):
        data = result()
        data.status[1, :-2] = 3
        curves = ph.dose_response(data)
        c481s = curves.sel({"target.allele": "C481S"})
        assert np.isnan(c481s.dmax_percent).all()
        assert set(c481s.dmax_percent_reason.to_numpy()) == {"failed_points"}
        wild_type = curves.sel({"target.allele": "WT"})
        assert set(wild_type.dmax_percent_reason.to_numpy()) == {""}
        activity = ph.inhibition(data).transpose("target.allele", "time_h")
        expected = [["", ""], ["failed_points"] * 2, ["zero_reference"] * 2]
        assert activity.ic50_nM_reason.to_numpy().tolist() == expected
        del data["target_active_percent"].attrs["null_reason"]
        plain = ph.inhibition(data.drop_vars("status")).sel({"target.allele": "L528W"})
        assert set(plain.imax_percent_reason.to_numpy()) == {"too_few_points"}

    def test_the_vehicle_is_no_point_of_a_curve(self):
        data = result().isel({"compound.dose_nM": [0, 1, 2]})
        data.status[0, :] = 1
        why = ph.dose_response(data).dmax_percent_reason
        assert set(why.to_numpy().ravel()) == {"too_few_points"}

    def test_fold_shift(self):
        curves = ph.inhibition(result())
        shift = ph.fold_shift(curves, "ic50_nM")
        assert shift.sel({"target.allele": "WT"}).to_numpy() == pytest.approx(1.0, rel=1e-12)
        assert shift.sel({"target.allele": "C481S"}).to_numpy() == pytest.approx(3.5, rel=1e-5)
        null = shift.sel({"target.allele": "L528W"})
        assert np.isnan(null).all()
        assert set(null.reason.to_numpy()) == {"zero_reference"}
        against = ph.fold_shift(curves, "ic50_nM", reference="L528W")
        assert np.isnan(against).all()
        assert set(against.reason.sel({"target.allele": "WT"}).to_numpy()) == {"no_reference"}

    def test_fold_shift_of_a_zero(self):
        curves = ph.dose_response(result())
        curves["hook_depth_percent"][0] = 0.0
        shift = ph.fold_shift(curves, "hook_depth_percent")
        assert set(shift.reason.to_numpy().ravel()) == {"zero_reference"}
        assert np.isnan(shift).all()

    def test_summary(self):
        table = ph.summary(result())
        assert len(table) == 6
        assert {"target.allele", "time_h", "dmax_percent", "ic50_nM", "ic50_nM_reason"} < set(table)
        row = table[(table["target.allele"] == "C481S") & (table["time_h"] == 24.0)].iloc[0]
        assert row["ic50_nM"] == pytest.approx(35.0, rel=1e-5)
        assert row["ic50_fold_shift"] == pytest.approx(3.5, rel=1e-5)
        relative = [hook_doses(k, 1e3, 9.0, 0.45)[0] for k in (35.0, 10.0)]
        assert row["dc50_relative_fold_shift"] == pytest.approx(relative[0] / relative[1], rel=1e-5)
        assert row["dc50_relative_fold_shift_reason"] == ""

    def test_summary_of_what_is_there(self):
        data = result()
        only = ph.summary(data.drop_vars("target_total_percent").sel({"target.allele": ["C481S"]}))
        assert "dmax_percent" not in only
        assert not any("fold_shift" in name for name in only)
        single = ph.summary(data.isel({"target.allele": 0, "time_h": 1}))
        assert len(single) == 1
        assert single["ic50_nM"][0] == pytest.approx(10.0, rel=1e-5)

    def test_time_course_and_recovery(self):
        times = np.linspace(-2.0, 30.0, 321)
        rates = np.array([0.3, 0.6])
        fraction = 0.9 * np.exp(-rates[:, None] * np.maximum(times, 0.0)) + 0.1
        dims = ("compound.dose_nM", "time_h")
        data = xr.Dataset(
            {"target_total_percent": (dims, 100.0 * fraction)},
            coords={"compound.dose_nM": [1.0, 10.0], "time_h": times},
        )
        curves = ph.time_course(data)
        assert curves.lambda_per_h.dims == ("compound.dose_nM",)
        assert curves.lambda_per_h.attrs["units"] == "1/h"
        assert curves.lambda_per_h.to_numpy() == pytest.approx(rates, rel=1e-6)
        assert curves.plateau.to_numpy() == pytest.approx([0.1, 0.1], rel=1e-6)
        assert curves.d50_time_h.to_numpy() == pytest.approx(np.log(0.9 / 0.4) / rates, rel=1e-4)
        assert curves.initial_rate_per_h.to_numpy() == pytest.approx(0.9 * rates, rel=1e-6)
        back = ph.recovery(data, washout_h=20.0)
        assert set(back.recovery_half_time_h_reason.to_numpy()) == {"not_reached"}

    @pytest.mark.parametrize(
        ("read", "message"),
        [
            (lambda d: ph.dose_response(d, "ternary"), "ternary_percent.*target_total_percent"),
            (lambda d: ph.dose_response(d, dose_dim="dose"), "compound.dose_nM"),
            (lambda d: ph.summary(d[["target_total"]]), "relative_to"),
            (lambda d: ph.fold_shift(ph.dose_response(d), reference="T474I"), "WT, C481S"),
            (lambda d: ph.fold_shift(ph.dose_response(d), dim="treatment"), "target.allele"),
            (lambda d: ph.fold_shift(ph.dose_response(d), "ic50_nM"), "dc50_relative_nM"),
        ],
    )
    def test_errors_say_what_there_is(self, read, message):
        with pytest.raises(ParameterError, match=message):
            read(result())


def test_a_reading_keeps_its_reason_when_copied():
    null = ph.Reading.null(ph.Reason.NO_HOOK)
    for again in (copy.deepcopy(null), pickle.loads(pickle.dumps(null))):
        assert math.isnan(again)
        assert again.reason is ph.Reason.NO_HOOK
    assert repr(null) == "Reading.null('no_hook')"
    assert copy.copy(ph.Reading(2.5)) == 2.5
    assert repr(ph.Reading(2.5)) == "Reading(2.5)"
