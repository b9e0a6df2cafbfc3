"""Fitting: linear problems in closed form, recovery of known constants, refused data."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
import warnings
from dataclasses import dataclass

import numpy as np
import pytest

import protacsim as ps
from protacsim import fitting
from protacsim.errors import DataWarning, ParameterError, SimulationError
from protacsim.fitting.estimation import Objective, best_fit, fit_from, residuals, scanned
from protacsim.fitting.parameters import Unknown
from protacsim.fitting.profiles import profile, rise_at
from protacsim.scenario import replaced


def measurement(value: float, sd: float = 1.0, operator: str = "=", quantity: str = "dmax_percent"):
    return fitting.Measurement(quantity, value, operator, sd, 24.0, None, (), "row")


@dataclass
class Linear:
    """Predictions that are linear in the logarithms: everything about the fit is known."""

    matrix: np.ndarray
    data: tuple
    unknowns: tuple

    def predict(self, log_values):
        return log_values @ self.matrix.T

    def jacobian(self, log_values, _step):
        return self.matrix @ log_values, self.matrix


def linear(seed: int = 3, rows: int = 12, columns: int = 3) -> Linear:
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(rows, columns))
    sds = rng.uniform(0.2, 2.0, rows)
    values = matrix @ rng.normal(size=columns) + sds * rng.normal(size=rows)
    data = tuple(measurement(v, s) for v, s in zip(values, sds, strict=True))
    return Linear(matrix, data, tuple(unknown(f"p{j}") for j in range(columns)))


def unknown(name: str, prior: float | None = None) -> Unknown:
    return Unknown(name, (), np.exp(-20.0), np.exp(20.0), 1.0, prior)


def weighted(model: Linear) -> tuple[np.ndarray, np.ndarray]:
    """The closed form: estimate and covariance."""
    sd = np.array([m.sd for m in model.data])
    a = model.matrix / sd[:, None]
    b = np.array([m.value for m in model.data]) / sd
    covariance = np.linalg.inv(a.T @ a)
    return covariance @ a.T @ b, covariance


def test_a_linear_problem_has_its_closed_form():
    model = linear()
    found = best_fit(model, starts=3, seed=1)
    np.testing.assert_allclose(found.log_values, weighted(model)[0], rtol=1e-6)
    assert found.converged


def test_profile_intervals_of_a_linear_problem_are_those_of_the_normal_distribution():
    from scipy.stats import norm

    model = linear()
    best = best_fit(model, starts=1, seed=1)
    centre, covariance = weighted(model)
    width = norm.ppf(0.95) * np.sqrt(np.diag(covariance))
    for j in range(3):
        found = profile(model, best, j, rise_at(0.9))
        assert found.verdict == "identifiable"
        ends = np.log([found.low, found.high])
        np.testing.assert_allclose(ends, centre[j] + width[j] * np.array([-1, 1]), rtol=0.03)


def test_what_the_data_do_not_see_is_flat_and_what_they_bound_is_one_sided():
    model = linear()
    blind = Linear(
        np.column_stack([model.matrix, np.zeros(12)]), model.data, (*model.unknowns, unknown("x"))
    )
    best = best_fit(blind, starts=1, seed=1)
    assert profile(blind, best, 3, rise_at(0.9)).verdict == "flat"
    below = Linear(np.eye(1), (measurement(2.0, 0.1, "<"),), (unknown("y"),))
    best = best_fit(below, starts=1, seed=1)
    found = profile(below, best, 0, rise_at(0.9))
    assert found.verdict == "one-sided"
    assert found.closed_above
    # A censored value rises as a one-sided parabola beyond its limit.
    assert np.log(found.high) == pytest.approx(2.0 + 0.1 * np.sqrt(rise_at(0.9)), rel=1e-2)


@dataclass
class Exploding:
    """One prediction, exp(a x): nearly nothing until a limit is met, then very steep."""

    rate: float
    data: tuple
    unknowns: tuple

    def predict(self, log_values):
        return np.exp(np.minimum(self.rate * log_values, 500.0))

    def jacobian(self, log_values, _step):
        found = self.predict(log_values)
        return found, self.rate * found[:, None]


@pytest.mark.parametrize("rate", [0.7, 3.0, 20.0])
def test_an_end_is_found_where_a_limit_begins_to_be_contradicted(rate):
    model = Exploding(rate, (measurement(10.0, 1.0, "<"),), (unknown("x"),))
    best = best_fit(model, starts=1, seed=1)
    found = profile(model, best, 0, rise_at(0.9))
    assert found.closed_above
    expected = np.log(10.0 + np.sqrt(rise_at(0.9))) / rate
    assert np.log(found.high) == pytest.approx(expected, abs=0.02)


def test_priors_are_residuals():
    model = Linear(np.eye(1), (measurement(3.0, 1.0),), (unknown("p", 0.5),))
    found = fit_from(Objective(model), np.zeros(1))
    # Precision-weighted mean of 3 (sd 1) and the start 0 (sd 0.5).
    assert found.log_values[0] == pytest.approx(3.0 / (1.0 + 4.0), rel=1e-6)


def test_censored_measurements_count_only_against_the_limit():
    data = (measurement(10.0, 2.0, "<"), measurement(10.0, 2.0, ">"))
    slopes = np.ones((2, 1))
    inside, steep = residuals(data, np.array([4.0, 16.0]), slopes)
    assert inside.tolist() == [0.0, 0.0]
    assert not steep.any()
    outside, steep = residuals(data, np.array([16.0, 4.0]), slopes)
    assert outside.tolist() == [3.0, -3.0]
    assert steep.ravel().tolist() == [0.5, 0.5]


def test_potencies_are_compared_as_logarithms():
    data = (measurement(10.0, 0.5, quantity="dc50_relative_nM"),)
    found, steep = residuals(data, np.array([20.0]), np.array([[4.0]]))
    assert found[0] == pytest.approx(np.log(2.0) / 0.5)
    assert steep[0, 0] == pytest.approx(4.0 / 20.0 / 0.5)


@pytest.mark.parametrize("seed", range(5))
def test_a_fit_inside_narrow_bounds_meets_the_conditions_of_an_optimum(seed: int) -> None:
    free = linear(seed)
    bounds = np.random.default_rng(seed).uniform(0.1, 0.6, 3)
    narrow = tuple(
        Unknown(u.name, (), np.exp(-b), np.exp(b), 1.0, None)
        for u, b in zip(free.unknowns, bounds, strict=True)
    )
    objective = Objective(Linear(free.matrix, free.data, narrow))
    found = fit_from(objective, np.zeros(3)).log_values
    downhill = -objective.slopes(found).T @ objective.residuals(found)
    for value, bound, slope in zip(found, bounds, downhill, strict=True):
        if abs(value) < bound - 1e-9:
            assert slope == pytest.approx(0.0, abs=1e-4)
        else:
            assert abs(value) == pytest.approx(bound)
            assert slope * value > 0.0


@dataclass
class Valley(Linear):
    """Rosenbrock's curved valley, whose lowest point is (1, 1)."""

    def predict(self, log_values):
        x, y = log_values.T
        return np.stack([10.0 * (y - x**2), 1.0 - x], axis=1)

    def jacobian(self, log_values, _step):
        slopes = np.array([[-20.0 * log_values[0], 10.0], [-1.0, 0.0]])
        return self.predict(log_values[None])[0], slopes


def test_a_fit_follows_a_curved_valley() -> None:
    model = Valley(np.eye(2), (measurement(0.0), measurement(0.0)), (unknown("x"), unknown("y")))
    found = fit_from(Objective(model), np.array([-1.2, 1.0]))
    np.testing.assert_allclose(found.log_values, [1.0, 1.0], rtol=1e-5)
    assert found.converged


@dataclass
class Switches(Linear):
    """Each of two labels degrades 90 % around a value of its own, and elsewhere without slope."""

    def predict(self, log_values):
        return 90.0 * np.exp(-4.0 * (log_values - np.array([4.0, -6.0])) ** 2)

    def jacobian(self, log_values, step):
        up, down = (self.predict((log_values + s)[None])[0] for s in (step, -step))
        return self.predict(log_values[None])[0], np.diag((up - down) / (2.0 * step))


def test_a_divided_path_is_scanned_where_slopes_vanish():
    places = [(("treatment", label),) for label in "ab"]
    data = tuple(
        fitting.Measurement("dmax_percent", 90.0, "=", 1.0, 24.0, None, where, "row")
        for where in places
    )
    unknowns = tuple(
        Unknown("p", where, np.exp(-10.0), np.exp(10.0), 1.0, None) for where in places
    )
    model = Switches(np.eye(2), data, unknowns)
    stuck = fit_from(Objective(model), np.zeros(2))
    assert stuck.cost > 1e4
    found = fit_from(Objective(model), scanned(model, np.zeros(2)))
    np.testing.assert_allclose(found.log_values, [4.0, -6.0], atol=1e-3)


DOSES = np.geomspace(0.1, 1e5, 13)


def study() -> ps.Study:
    return ps.Study(
        ps.Scenario(cell="molm14", target="BTK"),
        axes={
            "treatment": [ps.Treatment(("mt-802",), name="a"), ps.Treatment(("mt-802",), name="b")],
            "target.allele": ["WT", "C481S"],
            "compound.dose_nM": DOSES,
        },
        readout=ps.Readout(["target_total"], times_h=[24.0], relative_to="vehicle"),
    )


def parameters() -> list[fitting.Parameter]:
    return [
        fitting.Parameter("compound.kd_target_nM", low=1.0, high=1000.0, per=("treatment",)),
        fitting.Parameter("cell.proteins.BTK.half_life_h", low=5.0, high=200.0),
    ]


def truth() -> np.ndarray:
    return np.log([20.0, 300.0, 40.0])


def rows_at(log_values: np.ndarray, doses=(10.0, 100.0, 1000.0)) -> list[dict]:
    """Rows that the model itself makes at known constants."""
    places = [(t, a) for t in ("a", "b") for a in ("WT", "C481S")]
    asked = [
        {"treatment": t, "target.allele": a, "quantity": q, "value": 50.0, "unit": u}
        for t, a in places
        for q, u in (("dc50_relative_nM", "nM"), ("dmax_percent", "%"))
    ]
    asked += [
        {
            "treatment": t,
            "target.allele": a,
            "quantity": "target_total_percent",
            "compound.dose_nM": dose,
            "value": 50.0,
            "unit": "%",
        }
        for t, a in places
        for dose in doses
    ]
    one = study()
    data = fitting.measurements(asked, one)
    model = fitting.Model(one, data, fitting.parameters.unknowns(parameters(), one))
    return [
        {**row, "value": float(value)}
        for row, value in zip(asked, model.predict(log_values[None])[0], strict=True)
    ]


@pytest.mark.jit_only
def test_predictions_are_those_of_running_the_study():
    row = rows_at(truth())
    one = study()
    for treatment, kd in (("a", 20.0), ("b", 300.0)):
        changed = ps.Study(
            ps.Scenario(
                cell={"name": "molm14", "proteins": {"BTK": {"half_life_h": 40.0}}},
                target="BTK",
                treatment={"name": "mt-802", "kd_target_nM": kd},
            ),
            axes={"target.allele": ["WT", "C481S"], "compound.dose_nM": DOSES},
            readout=one.readout,
        )
        curves = ps.pharmacology.dose_response(ps.run(changed))
        for allele in ("WT", "C481S"):
            for quantity in ("dc50_relative_nM", "dmax_percent"):
                (found,) = (
                    r["value"]
                    for r in row
                    if (r["treatment"], r["target.allele"], r["quantity"])
                    == (treatment, allele, quantity)
                )
                expected = float(curves[quantity].sel({"target.allele": allele}).squeeze())
                assert found == pytest.approx(expected, rel=1e-3)


@pytest.mark.jit_only
def test_a_floor_shrinks_what_is_lost_and_leaves_the_relative_dc50() -> None:
    """Readings but for the summit between two doses, whose height is read in the logit."""
    one = study()
    data = fitting.measurements(rows_at(truth()), one)
    free = [*parameters(), fitting.Parameter(fitting.FLOOR, low=1e-6, high=0.5)]
    model = fitting.Model(one, data, fitting.parameters.unknowns(free, one))
    bare, high = model.predict(np.array([[*truth(), np.log(f)] for f in (1e-6, 0.2)]))
    for m, without, with_floor in zip(data, bare, high, strict=True):
        expected = {
            "dc50_relative_nM": without,
            "dmax_percent": 0.8 * without,
            "target_total_percent": 20.0 + 0.8 * without,
        }
        tolerance = 1e-4 if m.quantity == "target_total_percent" else 2e-3
        assert with_floor == pytest.approx(expected[m.quantity], rel=tolerance)


@pytest.mark.jit_only
def test_slopes_are_those_of_wider_and_narrower_steps():
    one = study()
    data = fitting.measurements(rows_at(truth()), one)
    model = fitting.Model(one, data, fitting.parameters.unknowns(parameters(), one))
    centre, narrow = model.jacobian(truth(), 1e-3)
    _, wide = model.jacobian(truth(), 4e-3)
    np.testing.assert_allclose(centre, model.predict(truth()[None])[0], rtol=1e-9)
    scale = np.abs(narrow).max(axis=1, keepdims=True)
    np.testing.assert_allclose(narrow / scale, wide / scale, atol=5e-3)
    others = [i for i, m in enumerate(data) if dict(m.where)["treatment"] == "b"]
    assert not narrow[others, 0].any()


@pytest.mark.jit_only
def test_known_constants_are_recovered_from_their_own_curves():
    rows = [{**row, "sd": 0.1 if "dc50" in row["quantity"] else 2.0} for row in rows_at(truth())]
    found = fitting.fit(study(), rows, parameters(), starts=2, level=0.9)
    np.testing.assert_allclose(found["estimate"], np.exp(truth()), rtol=5e-3)
    assert set(found["verdict"].values) == {"identifiable"}
    assert (found["low"] < found["estimate"]).all()
    assert (found["high"] > found["estimate"]).all()
    assert found.attrs["free"] == 3
    assert found.attrs["data"] == 20


KI_KINACT = {"compound.ki_target_nM": (17.0, 170.0), "compound.kinact_per_h": (5.0, 190.0)}


def inhibited() -> ps.Study:
    return ps.Study(
        ps.Scenario(cell="molm14", treatment="ibrutinib"),
        {"compound.dose_nM": np.geomspace(0.1, 1e3, 9)},
        ps.Readout(["target_active"], times_h=[0.1, 1.0, 24.0], relative_to="vehicle"),
    )


def test_a_box_with_a_corner_that_cannot_be_run_is_refused():
    """kon is 3.6 /nM/h, and 190/17 is above it; each end alone, beside the library, is below."""
    box = [ps.fitting.Parameter(path, low=a, high=b) for path, (a, b) in KI_KINACT.items()]
    with pytest.raises(ParameterError, match=r"point that cannot be run.*kinact/KI = 11\.17"):
        fitting.parameters.unknowns(box, inhibited())
    narrow = ps.fitting.Parameter("compound.ki_target_nM", low=54, high=170)
    assert len(fitting.parameters.unknowns([narrow, box[1]], inhibited())) == 2


@pytest.mark.jit_only
def test_with_koff_unknown_too_ki_and_kinact_are_recovered_anywhere():
    one, right = inhibited(), {**KI_KINACT, "compound.koff_target_per_h": (1.0, 1e4)}
    true = {"compound.ki_target_nM": 20.0, "compound.kinact_per_h": 150.0}
    true["compound.koff_target_per_h"] = 80.0  # kon = (80 + 150)/20 = 11.5, not the default
    scenario = one.scenario
    for path in reversed(true):
        scenario = replaced(scenario, path, true[path])
    curves = ps.run(dataclasses.replace(one, scenario=scenario))["target_active_percent"]
    rows = [
        {
            "quantity": "target_active_percent", "value": float(value), "unit": "%", "sd": 0.01,
            "time_h": float(value["time_h"]), "compound.dose_nM": float(value["compound.dose_nM"]),
        }
        for value in curves.stack(row=curves.dims).transpose("row")
    ]  # fmt: skip
    box = [ps.fitting.Parameter(path, low=a, high=b) for path, (a, b) in right.items()]
    found = fitting.fit(one, rows, box, starts=3, level=0.9)
    estimates = dict(zip(found["parameter"].values.tolist(), found["estimate"].values, strict=True))
    for path in ("compound.ki_target_nM", "compound.kinact_per_h"):
        assert estimates[path] == pytest.approx(true[path], rel=0.05)


@pytest.mark.jit_only
def test_bands_hold_the_fitted_curve_and_narrow_with_better_data():
    one = study()
    widths = []
    for sd in (2.0, 8.0):
        rows = [
            {**row, "sd": sd / 20 if "dc50" in row["quantity"] else sd} for row in rows_at(truth())
        ]
        data = fitting.measurements(rows, one)
        model = fitting.Model(one, data, fitting.parameters.unknowns(parameters(), one))
        best = fit_from(Objective(model), truth())
        curves = fitting.fitted_curves(model, best, 0.9)
        low, high = curves["target_total_percent_low"], curves["target_total_percent_high"]
        assert (low <= curves["target_total_percent"]).all()
        assert (low >= 0.0).all()
        said = curves["target_total_percent"].attrs
        assert (said["long_name"], said["relative_to"]) == ("total BTK, fitted", "vehicle")
        assert (curves["target_total_percent"] <= high).all()
        widths.append(float((high - low).mean()))
        _, spread = fitting.predictions(model, best, data)
        assert (spread >= 0.0).all()
    assert widths[1] == pytest.approx(4.0 * widths[0], rel=0.2)


@pytest.mark.jit_only
def test_what_is_returned_says_where_each_measurement_is_and_what_is_left_unmeasured():
    one = study()
    rows = rows_at(truth())
    found, curves = fitting.fitted(one, rows, parameters(), starts=1)
    assert found["compound.dose_nM"].attrs["units"] == "nM"
    given = [row.get("compound.dose_nM", np.nan) for row in rows]
    np.testing.assert_array_equal(found["compound.dose_nM"], given)
    before, left = (
        {entry["path"] for entry in json.loads(data.attrs["unverified"])}
        for data in (ps.run(one), curves)
    )
    assert before - left == {"cell.proteins.BTK.half_life_h", "compounds.mt-802.kd_target_nM"}


BAD_ROWS = {
    "unit": ({"unit": ""}, "no unit"),
    "wrong unit": ({"unit": "h"}, "nM"),
    "negative": ({"value": "-3"}, "must be above 0"),
    "zero": ({"value": "0"}, "must be above 0"),
    "text": ({"value": "n.d."}, "must be a number"),
    "infinite": ({"value": "inf"}, "must be finite"),
    "compound": ({"treatment": "mt-803"}, "treatment 'mt-803'"),
    "quantity": ({"quantity": "dc50"}, "quantity 'dc50'"),
    "operator": ({"operator": "~"}, "operator '~'"),
    "time": ({"time_h": "23"}, "times_h"),
    "dose of a whole curve": ({"compound.dose_nM": "3"}, "whole curve"),
    "dose missing": ({"quantity": "target_total_percent", "unit": "%"}, "needs a dose"),
    "sd": ({"sd": "0"}, "must be above 0"),
    "column": ({"cells": "ramos"}, "column 'cells'"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_wrong_row_is_refused_with_its_line_and_the_reason(tmp_path, name):
    change, expected = BAD_ROWS[name]
    good = {
        "treatment": "a", "target.allele": "WT", "quantity": "dc50_relative_nM", "value": "3",
        "unit": "nM", "operator": "=", "sd": "", "time_h": "24", "compound.dose_nM": "",
    }  # fmt: skip
    bad = {**good, "target.allele": "C481S", **change}
    header = list(dict.fromkeys([*good, *bad]))
    lines = ["# a comment", ",".join(header)]
    lines += [",".join(row.get(key, "") for key in header) for row in (good, bad)]
    path = tmp_path / "data.csv"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(ParameterError) as caught:
        fitting.read_measurements(path, study())
    lines = str(caught.value).splitlines()
    assert len(lines) == 1
    assert ("line 2" if name == "column" else "line 4") in lines[-1]
    assert expected in lines[-1]


def test_a_row_given_twice_is_refused_with_both_lines(tmp_path):
    line = "a,WT,dc50_relative_nM,3,nM"
    path = tmp_path / "data.csv"
    path.write_text(f"treatment,target.allele,quantity,value,unit\n{line}\n{line}\n")
    with pytest.raises(ParameterError, match=r"line 3: is the same measurement as .*line 2"):
        fitting.read_measurements(path, study())


def test_cells_that_no_column_takes_are_refused(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text(
        "treatment,target.allele,quantity,value,unit,compound.dose_nM,value\n"
        "a,WT,target_total_percent,60,%,3,50\n"
    )
    with pytest.raises(ParameterError, match="column 'value' twice"):
        fitting.read_measurements(path, study())
    path.write_text(
        "treatment,target.allele,quantity,value,unit,compound.dose_nM\n"
        "a,WT,target_total_percent,60,%,3,5\n"
    )
    with pytest.raises(ParameterError, match="line 2: has 7 fields, the header 6"):
        fitting.read_measurements(path, study())


def one_curve(observables=("target_total",)) -> ps.Study:
    return ps.Study(
        ps.Scenario(cell="molm14", treatment="mt-802"),
        axes={"compound.dose_nM": np.geomspace(1.0, 1e4, 9)},
        readout=ps.Readout(observables, times_h=[24.0], relative_to="vehicle"),
    )


@pytest.mark.jit_only
def test_a_potency_that_does_not_exist_is_no_prediction():
    """No affinity for the ligase gives an absolute DC50 near the top dose: the row is not met.

    Where no dose reaches half, the top dose stood for the potency, and met it.
    """
    row = {"quantity": "dc50_absolute_nM", "value": 8000.0, "unit": "nM", "sd": 0.3}
    free = [fitting.Parameter("compound.kd_ligase_nM", low=10.0, high=1e5)]
    found = fitting.fit(one_curve(), [row], free, starts=4)
    kd = float(found["estimate"][0])
    there = ps.Scenario(cell="molm14", treatment={"name": "mt-802", "kd_ligase_nM": kd})
    one = one_curve()
    curves = ps.pharmacology.dose_response(ps.run(ps.Study(there, one.axes, one.readout)))
    expected = float(curves["dc50_absolute_nM"].squeeze())
    assert float(found["predicted"][0]) == pytest.approx(expected, rel=1e-3)
    assert found.attrs["cost"] == pytest.approx((np.log(8000.0 / expected) / 0.3) ** 2, rel=1e-2)
    assert found.attrs["cost"] > 25.0


@pytest.mark.jit_only
def test_arithmetic_is_fitted_and_what_has_no_reference_is_refused():
    free = [fitting.Parameter("compound.kd_ligase_nM", low=10.0, high=1e5)]
    row = {"value": 60.0, "unit": "%", "compound.dose_nM": 100.0}
    name = "share = target_total / 2"
    both = [{"quantity": "share_percent", **row}], [{"quantity": "target_total_percent", **row}]
    arithmetic, plain = (
        float(fitting.fit(one_curve(("target_total", name)), rows, free)["estimate"][0])
        for rows in both
    )
    assert arithmetic == pytest.approx(plain, rel=1e-6)
    nothing = [{"quantity": "ternary_percent", **row}]
    with pytest.raises(ps.SimulationError, match="the reference is 0"):
        fitting.fit(one_curve(("target_total", "ternary")), nothing, free)


def test_the_residual_of_a_limit_that_holds_is_none():
    found = [
        fitting._residual(measurement(10.0, 2.0, operator), 4.0) for operator in ("<", ">", "=")
    ]
    assert found == [0.0, -3.0, -3.0]


def test_units_are_converted(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text(
        "treatment,target.allele,quantity,value,unit\n"
        "a,WT,dc50_relative_nM,3,uM\n"
        "a,WT,dmax_percent,0.5,fraction\n"
    )
    potency, extreme = fitting.read_measurements(path, study())
    assert potency.value == pytest.approx(3000.0)
    assert extreme.value == pytest.approx(50.0)


def at_doses(values, unit="%"):
    """Measurements of one curve at as many doses."""
    return [
        {
            "treatment": "a", "target.allele": "WT", "quantity": "target_total_percent",
            "value": value, "unit": unit, "compound.dose_nM": 10.0**place,
        }
        for place, value in enumerate(values)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("dose", "value", "doubt"),
    [
        (1e-9, 60.0, r"1e-09 nM; if this is in M"),
        (10.0, 10_000.0, r"10000 % of the reference; if dose and value are swapped"),
        (0.0, 60.0, r"60 % without a dose; the vehicle is the reference"),
    ],
    ids=["in M", "swapped", "vehicle"],
)
def test_measurements_that_are_hardly_meant_are_asked_about(dose, value, doubt):
    (row,) = at_doses([value])
    with pytest.warns(DataWarning, match=rf"^row 1: .*{doubt}"):
        (found,) = fitting.measurements([{**row, "compound.dose_nM": dose}], study())
    assert (found.dose_nM, found.value) == (dose, value)


def test_many_rows_of_one_kind_are_asked_about_once():
    rows = [{**row, "compound.dose_nM": 1e-9 * 2**i} for i, row in enumerate(at_doses([60.0] * 4))]
    with pytest.warns(DataWarning) as asked:
        fitting.measurements(rows, study())
    (said,) = [str(warning.message) for warning in asked]
    assert said.startswith("row 1: a dose of 1e-09 nM (and 3 more rows); if this is in M")


def test_a_quantity_of_each_compound_is_not_asked_for_again():
    one = one_curve(("target_total", "compound_cell"))
    row = {"quantity": "compound_cell_percent", "value": 9, "unit": "%", "compound.dose_nM": 3}
    with pytest.raises(ParameterError, match=r"quantity 'compound_cell_percent': .*nown"):
        fitting.measurements([row], one)


@pytest.mark.parametrize(("dose", "value"), [(0.01, 110.0), (0.0, 92.0), (1e5, 0.5)])
def test_ordinary_measurements_are_not_asked_about(dose, value):
    (row,) = at_doses([value])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitting.measurements([{**row, "compound.dose_nM": dose}], study())


@pytest.mark.parametrize(
    ("paths", "twice"),
    [
        (("compound.dose_nM",), "compound.dose_nM: axis compound.dose_nM sets the same number"),
        (
            ("compound.kd_ligase_nM", "compounds.mt-802.kd_ligase_nM"),
            "compounds.mt-802.kd_ligase_nM: fit parameter compound.kd_ligase_nM sets the same",
        ),
        (
            ("compound.kon_ligase_per_nM_per_h", "compound.koff_ligase_per_h"),
            "koff_ligase_per_h: fit parameter compound.kon_ligase_per_nM_per_h sets the same",
        ),
        ((fitting.FLOOR, fitting.FLOOR), "given twice"),
    ],
    ids=["axis", "name", "kon and koff", "floor"],
)
def test_a_number_is_fitted_once(paths, twice):
    one = one_curve()
    asked = [fitting.Parameter(path, low=0.01, high=0.5) for path in paths]
    with pytest.raises(ParameterError, match=twice):
        fitting.parameters.unknowns(asked, one)


def test_a_number_per_treatment_and_one_for_all_are_one_too_many():
    shared, each = (
        fitting.Parameter("compound.kd_target_nM", low=1.0, high=99.0, per=per)
        for per in ((), ("target.allele",))
    )
    with pytest.raises(ParameterError, match=r"\(WT\): fit parameter compound.kd_target_nM sets"):
        fitting.fit(study(), [ROW], [shared, each])
    with pytest.raises(ParameterError, match="a fit has no parameters"):
        fitting.fit(study(), [ROW], [])


def test_percentages_that_look_like_fractions_are_asked_about(tmp_path):
    rows = at_doses([0.97, 0.5, 0.2])
    with pytest.warns(DataWarning, match=r"^row 1: .* at most 0\.97 %; .*write fraction"):
        found = fitting.measurements(rows, study())
    assert [one.value for one in found] == [0.97, 0.5, 0.2]
    path = tmp_path / "data.csv"
    lines = [",".join(map(str, row.values())) for row in rows]
    path.write_text("\n".join([",".join(rows[0]), *lines]))
    with pytest.warns(DataWarning, match=r"data\.csv, line 2: "):
        fitting.read_measurements(path, study())


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        ([0.97, 0.5, 0.2], "fraction"),
        ([97.0, 0.5, 0.2], "%"),
        ([0.5, 0.2], "%"),  # two doses that leave nothing
        ([0.09, 0.05, 0.02], "%"),
    ],
)
def test_percentages_that_can_be_meant_so_are_taken_as_they_are(values, unit):
    found = fitting.measurements(at_doses(values, unit), study())  # a warning would be an error
    factor = 100.0 if unit == "fraction" else 1.0
    assert [one.value for one in found] == [factor * value for value in values]


@pytest.mark.parametrize(
    "note", ['"see Fig. 2', '"see "Fig." 2"', "x" * 200_000], ids=["open", "inside", "long"]
)
def test_a_quote_that_is_not_closed_loses_no_row(tmp_path, note):
    path = tmp_path / "m.csv"
    path.write_text(f"quantity,value,unit,note\ndmax_percent,90,%,{note}\ndmax_percent,80,%,\n")
    with pytest.raises(ParameterError, match=r"m\.csv, line 2: is no line of a CSV file"):
        fitting.read_measurements(path, study())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dmax_percent,90,%\ndmax_percent,80,%\n", "line 1: is no header; begin with one"),
        ("compound.dose_nM,rep1,rep2\n1,2,3\n", "no column quantity and no value and no unit"),
        ("quantity,value,unit\ntarget_active_percent,9,%\n", "add target_active to readout.obs"),
    ],
    ids=["no header", "wide", "not read out"],
)
def test_a_table_of_another_shape_is_explained(tmp_path, text, words):
    path = tmp_path / "m.csv"
    path.write_text(text)
    with pytest.raises(ParameterError, match=words):
        fitting.read_measurements(path, one_curve())


def test_empty_rows_of_a_spreadsheet_are_no_mistake(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("quantity,value,unit,note\ndmax_percent,90,%,\n,,,\n , ,,\n\n")
    (one,) = fitting.read_measurements(path, one_curve())
    assert one.value == 90.0


def test_a_comma_for_the_decimals_is_named():
    with pytest.raises(ParameterError, match="value is '97,5'; must be a number, with a point"):
        fitting.measurements(at_doses(["97,5"]), study())


ROW = {
    "treatment": "a", "target.allele": "WT", "quantity": "dmax_percent", "value": 90, "unit": "%",
}  # fmt: skip
BAD_PARAMETERS = {
    "no range": (fitting.Parameter("compound.dose_nM"), "low and high"),
    "unknown path": (fitting.Parameter("cell.volume", low=1, high=2), "no known path"),
    "start outside": (
        fitting.Parameter("compound.kd_target_nM", low=1, high=2, start=5), "outside 1 to 2",
    ),
    "floor above the whole signal": (
        fitting.Parameter(fitting.FLOOR, low=0.1, high=2.0), "low < high < 1",
    ),
    "floor with one bound": (fitting.Parameter(fitting.FLOOR, low=0.6), "low < high < 1"),
    "prior around what is out of bounds": (
        fitting.Parameter("compound.kd_target_nM", low=500, high=900, prior_sd_log=0.3),
        "outside 500 to 900",
    ),
    "unknown dim": (fitting.Parameter("cell.volume_pL", low=1, high=2, per=("cells",)), "'cells'"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_PARAMETERS)
def test_a_wrong_parameter_is_refused(name):
    parameter, expected = BAD_PARAMETERS[name]
    with pytest.raises(ParameterError, match=parameter.path) as caught:
        fitting.fit(study(), [ROW], [parameter])
    assert expected in str(caught.value)


def test_a_shared_start_does_not_depend_on_the_order_of_treatments():
    """The geometric mean of the values in the study, and no centre for a prior."""

    def start(*kds: float, **changes: float) -> float:
        treatments = [
            ps.Treatment(({"name": "mt-802", "kd_target_nM": kd},), name=f"kd {kd:g}") for kd in kds
        ]
        one = ps.Study(
            ps.Scenario(cell="molm14"),
            axes={"treatment": treatments, "compound.dose_nM": DOSES},
            readout=ps.Readout(times_h=[24.0], relative_to="vehicle"),
        )
        asked = fitting.Parameter("compound.kd_target_nM", low=1.0, high=1e5, **changes)
        (found,) = fitting.parameters.unknowns([asked], one)
        return found.start

    assert start(20.0, 500.0) == start(500.0, 20.0) == pytest.approx(100.0)
    with pytest.raises(ParameterError, match="the study has 20, 500; give start"):
        start(20.0, 500.0, prior_sd_log=0.3)
    assert start(20.0, 500.0, prior_sd_log=0.3, start=40.0) == 40.0


def noisy(rows: list[dict], rng: np.random.Generator) -> list[dict]:
    """Rows with 10 % noise: of the logarithm for potencies, of the value for percentages."""
    found = []
    for row in rows:
        if "dc50" in row["quantity"]:
            found.append({**row, "value": row["value"] * np.exp(0.1 * rng.normal()), "sd": 0.1})
        else:
            sd = max(0.1 * row["value"], 0.5)
            found.append({**row, "value": max(row["value"] + sd * rng.normal(), 0.0), "sd": sd})
    return found


def coverage(fits: int, level: float) -> float:
    """Share of the intervals that hold the truth, over data made at constants in their ranges."""
    rng = np.random.default_rng(20261122)
    one = study()
    free = fitting.parameters.unknowns(parameters(), one)
    covered = []
    for _ in range(fits):
        values = np.log([rng.uniform(5, 200), rng.uniform(50, 500), rng.uniform(20, 120)])
        data = fitting.measurements(noisy(rows_at(values), rng), one)
        model = fitting.Model(one, data, free)
        best = best_fit(model, starts=2, seed=1)
        for truth, unknown, found in zip(
            np.exp(values), free, fitting.intervals(model, best, level), strict=True
        ):
            covered.append(found.low <= truth <= found.high)
            assert found.closed_below or found.low == pytest.approx(unknown.low)
            assert found.closed_above or found.high == pytest.approx(unknown.high)
    return float(np.mean(covered))


@pytest.mark.long
@pytest.mark.jit_only
@pytest.mark.timeout(1800)
def test_intervals_cover_the_truth_as_often_as_they_say():
    assert 0.85 <= coverage(fits=100, level=0.9) <= 0.95


FIT_TOML = """
schema = "protacsim/1"
[scenario]
cell = "molm14"
[[treatment]]
name = "MT-802"
compounds = ["mt-802"]
[[axis]]
path = "compound.dose_nM"
geomspace = [1e-1, 1e4, 11]
[readout]
relative_to = "vehicle"
[fit]
data = "measured.csv"
starts = 2
[[fit.parameters]]
path = "ubiquitination.k_ub_per_h"
low = "10 1/h"
high = 1e5
"""


def test_starts_are_drawn_with_the_seed_of_the_study(monkeypatch):
    """And each is told of when it is done."""
    asked, told = [], []
    seeded = dataclasses.replace(study(), seed=7)

    def without_fits(model, starts, seed, progress):
        asked.append(seed)
        raise SimulationError("no fit", 0, 0.0)

    with monkeypatch.context() as patched:
        patched.setattr(fitting, "best_fit", without_fits)
        for seed in (None, 0, 3):
            with pytest.raises(SimulationError, match="no fit"):
                fitting.fit(seeded, [ROW], parameters(), seed=seed)
    assert asked == [7, 0, 3]
    best_fit(linear(), 3, 1, lambda done, total: told.append((done, total)))
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]


@pytest.mark.jit_only
def test_a_fit_of_a_configuration_writes_its_tables(tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from protacsim.cli import app, progress

    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    (tmp_path / "measured.csv").write_text(
        "treatment,quantity,value,unit\nMT-802,dc50_relative_nM,14.6,nM\nMT-802,dmax_percent,85,%\n"
    )
    config = tmp_path / "a.toml"
    config.write_text(FIT_TOML)
    said = CliRunner().invoke(app, ["run", str(config), "--out", str(tmp_path / "r")])
    assert said.exit_code == 0, said.output
    assert "ubiquitination.k_ub_per_h" in said.output
    assert re.search(r"\nfitting: 1 of 2 starts, [\d.]+ starts/s, about \d+ s left\n", said.stderr)
    header, line = (tmp_path / "r/fit_parameters.csv").read_text().splitlines()
    row = dict(zip(header.split(","), line.split(","), strict=True))
    assert float(row["low"]) < float(row["estimate"]) < float(row["high"])
    assert len((tmp_path / "r/fit_measurements.csv").read_text().splitlines()) == 3
    assert (tmp_path / "r/fit_curves.csv").exists()
    assert {path.name for path in (tmp_path / "r/figures").iterdir()} == {"fit.svg", "fit.png"}
    page = (tmp_path / "r/report.html").read_text()
    assert "Figure 1, fit: " in page
    assert "with the constants before the fit" in page
    _, _, assumptions = page.partition("Assumptions and constants</h2>")
    assert "what the fit found in their place stands above" in assumptions.partition("<table")[0]
    assert "with the constants before the fit" in " ".join(said.output.split())
    assert "Its numbers are in fit_curves.csv." in page
    assert 'href="#fitted-parameters"' in page
    assert "low (90 %)" in page
    assert "measurements: 2; sum of squares: " in page
    assert "The data bound the parameter on both sides." in page
    with (tmp_path / "r/fit_readings.csv").open() as file:
        (read,) = csv.DictReader(file)
    fitted = replaced(
        ps.Scenario(cell="molm14", treatment="mt-802"),
        "ubiquitination.k_ub_per_h", float(row["estimate"]),
    )  # fmt: skip
    study = ps.Study(
        fitted, {"compound.dose_nM": np.geomspace(0.1, 1e4, 11)}, ps.Readout(relative_to="vehicle")
    )
    alone = ps.pharmacology.dose_response(ps.run(study))
    for name in ("dc50_relative_nM", "dmax_percent", "hook_depth_percent"):
        assert float(read[name]) == pytest.approx(alone[name].item(), rel=1e-6)
    assert read["time_h"] == "24.0"
    assert "Readings of the fitted curves" in page
    assert "Readings of the fitted curves" in " ".join(said.output.split())


def test_the_report_gives_the_reason_for_a_reading_of_a_fit_that_does_not_exist():
    from protacsim.cli import calibrating

    numbers = dict.fromkeys(("free", "data", "cost", "degrees_of_freedom", "misses_data"), 1)
    row = {"time_h": 24.0, "ic50_nM": None, "ic50_nM_reason": "never_reached", "imax_percent": 3.0}
    fit = {**numbers, "level": 0.9, "parameters": [{"parameter": "x", "low": 1.0, "high": 2.0}]}
    _, read = calibrating.findings({**fit, "readings": [row, {**row, "ic50_nM": 5.0}]})
    assert read.table["ic50_nM"].tolist() == ["never reached", 5.0]
    assert "imax_percent" not in read.table
    assert len(calibrating.findings({**fit, "readings": []})) == 1


def test_mistakes_of_data_and_parameters_of_a_configuration_are_told_together(tmp_path):
    (tmp_path / "measured.csv").write_text("quantity,value,unit\ndc50_relative_nM,-1,nM\n")
    config = tmp_path / "a.toml"
    config.write_text(FIT_TOML.replace("low =", "lo ="))
    with pytest.raises(ParameterError) as caught:
        ps.load(config)
    assert "fit.parameters" in str(caught.value)
    config.write_text(FIT_TOML)
    with pytest.raises(ParameterError, match=r"measured\.csv, line 2: .*must be above 0"):
        ps.load(config)
