"""Measurements beside predictions: limits, missing errors, and percentages of every reference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.axes import Axes

import protacsim as ps
from protacsim import fitting, pharmacology, plot
from protacsim.config import load
from protacsim.errors import ParameterError
from test_plot import caption_of, cut_off, line, overlaps, rendered

DOSES = np.array([1.0, 10.0, 100.0, 1000.0, 10000.0])
KD_LIGASE = 157.0


def two_drugs() -> ps.Treatment:
    return ps.Treatment(({"name": "ibrutinib", "dose_nM": 3.0}, "mt-802"), name="both")


def study(relative_to: str | None) -> ps.Study:
    return ps.Study(
        ps.Scenario(cell="molm14", target="BTK", treatment=two_drugs()),
        axes={"compound.dose_nM": DOSES},
        readout=ps.Readout(["target_active"], times_h=[24.0], relative_to=relative_to),
    )


def reference(relative_to: str) -> float:
    """Active target (nM) that counts as 100 %, from a run of its own."""
    drugs = {"ibrutinib": 3.0} if relative_to == "vehicle" else {}
    treatment = ps.Treatment(
        tuple({"name": name, "dose_nM": dose} for name, dose in drugs.items()), name="reference"
    )
    scenario = ps.Scenario(cell="molm14", target="BTK", treatment=treatment)
    time_h = 0.0 if relative_to == "start" else 24.0
    return float(ps.simulate(scenario, [time_h])["target_active"].squeeze())


def percent_rows(relative_to: str) -> list[dict[str, object]]:
    """The study's own amounts over the reference, as measurements."""
    amounts = ps.run(study(None))["target_active"].values.ravel()
    percent = 100.0 * amounts / reference(relative_to)
    return [
        {"quantity": "target_active_percent", "value": p, "unit": "%", "compound.dose_nM": d}
        for p, d in zip(percent, DOSES, strict=True)
    ]


def free() -> list[fitting.Parameter]:
    return [fitting.Parameter("compound.kd_ligase_nM", low=10.0, high=1e4)]


@pytest.mark.jit_only
@pytest.mark.parametrize("relative_to", ["vehicle", "untreated", "start"])
def test_a_fit_predicts_percentages_of_the_reference_of_its_study(relative_to: str) -> None:
    one = study(relative_to)
    data = fitting.measurements(percent_rows(relative_to), one)
    model = fitting.Model(one, data, fitting.parameters.unknowns(free(), one))
    found = model.predict(np.log([[KD_LIGASE], [20.0 * KD_LIGASE]]))
    np.testing.assert_allclose(found[0], [m.value for m in data], rtol=1e-4)
    assert np.abs(found[1] / found[0] - 1.0).max() > 0.01


@pytest.mark.jit_only
def test_a_constant_is_recovered_from_percentages_of_untreated() -> None:
    rows = [{**row, "sd": 0.1} for row in percent_rows("untreated")]
    found = fitting.fit(study("untreated"), rows, free(), starts=2)
    assert float(found["estimate"][0]) == pytest.approx(KD_LIGASE, rel=1e-2)
    assert found["verdict"].values.tolist() == ["identifiable"]


def falling(top: float, span: float, mid_nM: float, slope: float = 1.0) -> np.ndarray:
    return top - span / (1.0 + (mid_nM / CURVE_DOSES) ** slope)


CURVE_DOSES = np.geomspace(0.1, 1e4, 26)


def curve(values: np.ndarray, relative_to: str = "vehicle", dose0: float | None = None):
    """Dataset of one curve of totals."""
    doses = CURVE_DOSES if dose0 is None else np.array([0.0, *CURVE_DOSES])
    values = values if dose0 is None else np.array([dose0, *values])
    attrs = {"units": "%", "relative_to": relative_to, "long_name": "total BTK"}
    data = xr.Dataset(
        {
            "target_total": ("compound.dose_nM", values, {"units": "nM", "long_name": "total BTK"}),
            "target_total_percent": ("compound.dose_nM", values, attrs),
        },
        {"compound.dose_nM": ("compound.dose_nM", doses, {"units": "nM"})},
        {"title": "one curve"},
    )
    return data.expand_dims({"target.allele": ["WT"], "time_h": [24.0]})


@pytest.mark.parametrize(
    ("relative_to", "dose0", "expected"),
    [
        ("vehicle", None, 100.0),
        ("vehicle", 100.0, 100.0),
        ("untreated", None, np.nan),
        ("untreated", 43.0, 43.0),
    ],
)
def test_dose_0_is_100_percent_of_vehicle_alone(relative_to, dose0, expected) -> None:
    table = pd.DataFrame(
        {"quantity": ["target_total_percent"], "value": [20.0], "compound.dose_nM": [0.0]}
    )
    data = curve(falling(43.0, 38.0, 16.0), relative_to, dose0)
    found = pharmacology.compared(data, table)
    np.testing.assert_equal(found["predicted"].item(), expected)


def legend(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.figure.legends[0].get_texts()]


def test_a_hill_fit_of_percentages_of_untreated_begins_where_the_curve_does() -> None:
    # Half of the whole loss is at the midpoint, five decades of doses around it.
    ax = plot.dose_response(curve(falling(43.0, 38.0, 30.0), "untreated"), fit="hill")
    fitted = float(line(ax, "_fitted DC50 WT").get_xdata()[0])
    assert fitted == pytest.approx(30.0, rel=0.03)
    assert any("loss 37.9 of 43" in text for text in legend(ax))
    whole = plot.dose_response(curve(falling(100.0, 80.0, 30.0)), fit="hill")
    assert any("Dmax 80 %" in text for text in legend(whole))


@pytest.mark.parametrize("slope", [0.1, 12.0])
def test_a_fit_at_a_bound_is_not_determined(slope: float) -> None:
    ax = plot.dose_response(curve(falling(100.0, 90.0, 30.0, slope)), fit="hill")
    assert any("no Hill fit (not determined)" in text for text in legend(ax))
    with pytest.raises(StopIteration):
        line(ax, "_fit WT")


@pytest.mark.parametrize(("back_nM", "said"), [(3000.0, True), (1e7, False)])
def test_where_a_hook_returns_is_told_within_the_doses_alone(back_nM: float, said: bool) -> None:
    lost = 90.0 / (1.0 + 10.0 / CURVE_DOSES) / (1.0 + CURVE_DOSES / back_nM)
    figure = plot.dose_response_grid(curve(100.0 - lost), ("target_total",), fit="bell")
    assert ("half of it lost again around 3.0 µM" in caption_of(figure)) == said
    assert ("lost again" in caption_of(figure)) == said


POINTS = pd.DataFrame(
    {
        "compound.dose_nM": [1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 2000.0],
        "value": [97.0, 91.0, 75.0, 50.0, 23.0, 9.0, 99.0, 2.0],
        "operator": ["=", "=", "=", "=", "=", "=", "<", ">"],
        "sd": [5.0, np.nan, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0],
    }
)


def test_limits_over_a_curve_are_triangles_that_no_fit_uses() -> None:
    data = curve(falling(100.0, 100.0, 30.0))
    ax = plot.dose_response(data, points=POINTS, fit="hill")
    assert line(ax, "_measured WT").get_xdata().tolist() == [1.0, 3.0, 10.0, 30.0, 100.0, 300.0]
    below, above = line(ax, "_limit < WT"), line(ax, "_limit > WT")
    assert (below.get_xdata().tolist(), below.get_marker()) == ([1000.0], "v")
    assert (above.get_ydata().tolist(), above.get_marker()) == ([2.0], "^")
    assert below.get_markerfacecolor() == "white"
    assert any(text.startswith("limit") for text in legend(ax))
    # Half of what is lost at the highest value's dose of a form with its midpoint at 30 nM.
    half = 0.5 * 300.0 / (300.0 + 30.0)
    expected = 30.0 * half / (1.0 - half)
    fitted = float(line(ax, "_fitted DC50 WT").get_xdata()[0])
    assert fitted == pytest.approx(expected, rel=0.05)
    figure = plot.dose_response_grid(data, ("target_total",), points=POINTS)
    assert "Open triangles: limits" in caption_of(figure)
    bare = plot.dose_response(data, points=POINTS.iloc[:6])
    assert not any(text.startswith("limit") for text in legend(bare))


def test_bars_stand_where_an_error_was_given() -> None:
    ax = plot.dose_response(curve(falling(100.0, 100.0, 30.0)), points=POINTS)
    lengths = [np.ptp(part[:, 1]) for c in ax.collections for part in c.get_segments()]
    assert sorted(lengths) == [0.0] * 3 + [10.0] * 5


def agreement(operators: list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "measured": [10.0, 10.0, 100.0, 100.0, 5.0],
            "predicted": [20.0, 50.0, 99.0, 101.0, 4.0],
            "operator": operators,
        }
    )


def test_limits_are_met_or_not_and_have_no_fold() -> None:
    table = agreement(["=", "=", "<", "<", ">"])
    ax = plot.observed_vs_predicted(table, quantity="DC50", unit="nM")
    folds = np.array([20.0 / 10.0, 50.0 / 10.0])
    said = f"{(folds <= 3.0).sum()} of 2 within 3-fold, median {np.median(folds):.2g}-fold"
    assert f"{said}; 1 of 3 limits met" in legend(ax)
    assert line(ax, "_points").get_xdata().tolist() == [10.0, 10.0]
    assert line(ax, "_limit < ").get_ydata().tolist() == [99.0, 101.0]
    assert line(ax, "_limit > ").get_marker() == ">"
    only = plot.observed_vs_predicted(agreement(["<"] * 5))
    assert "2 of 5 limits met" in legend(only)


@pytest.mark.parametrize("width_mm", [85.0, 180.0])
def test_texts_of_figures_with_limits_do_not_touch(width_mm: float) -> None:
    data = curve(falling(100.0, 80.0, 30.0))
    table = agreement(["=", "=", "<", "<", ">"]).assign(**{"class": list("aabbc")})
    for figure in (
        plot.observed_vs_predicted_sheet(
            data, [("DC50", "nM", table), ("Dmax", "%", table)], width_mm=width_mm
        ),
        plot.dose_response_grid(
            data, ("target_total",), points=POINTS, fit="hill", width_mm=width_mm
        ),
        plot.dose_response(data, points=POINTS, fit="hill").figure,
        plot.observed_vs_predicted(table, quantity="DC50", unit="nM").figure,
    ):
        drawn = rendered(figure)
        assert not overlaps(drawn)
        assert not cut_off(drawn)


def test_the_caption_tells_of_limits_and_bars_where_there_are_any() -> None:
    data = curve(falling(100.0, 80.0, 30.0))
    plain = agreement(["="] * 5)
    said = [
        caption_of(plot.observed_vs_predicted_sheet(data, [("DC50", "nM", table)]))
        for table in (plain, agreement(["<"] * 5), plain.assign(low=1.0, high=200.0))
    ]
    assert [("open triangles" in each, "bars" in each) for each in said] == [
        (False, False),
        (True, False),
        (False, True),
    ]


def test_comparisons_are_made_in_the_unit_of_the_row() -> None:
    table = pd.DataFrame(
        {
            "quantity": ["dmax_percent", "dc50_relative_nM", "dmax_percent"],
            "value": [0.7, 0.0129, 70.0],
            "unit": ["fraction", "uM", None],
            "sd": [0.05, 0.4, 5.0],
        }
    )
    found = pharmacology.compared(curve(falling(100.0, 80.0, 30.0)), table)
    assert found["measured"].tolist() == pytest.approx([70.0, 12.9, 70.0])
    low = [65.0, 12.9 * np.exp(-0.4), 65.0]
    assert found["measured_low"].tolist() == pytest.approx(low)


def test_comparisons_keep_limits_and_give_them_no_bar() -> None:
    table = pd.DataFrame(
        {
            "quantity": ["dmax_percent", "dc50_relative_nM"],
            "value": [70.0, 1e4],
            "operator": ["=", "<"],
            "sd": [5.0, 0.4],
        }
    )
    found = pharmacology.compared(curve(falling(100.0, 80.0, 30.0)), table)
    assert found["operator"].tolist() == ["=", "<"]
    np.testing.assert_equal(found["measured_low"].to_numpy(), [65.0, np.nan])


CONFIG = """schema = "protacsim/1"
[scenario]
cell = "molm14"
[[treatment]]
compounds = ["mt-802"]
[[axis]]
path = "compound.dose_nM"
geomspace = [1.0, 1e4, 9]
[readout]
relative_to = "vehicle"
[[figure]]
kind = "observed-vs-predicted"
points = "points.csv"
"""


def test_figures_assume_no_errors(tmp_path: Path) -> None:
    (tmp_path / "points.csv").write_text(
        "quantity,value,unit,sd\ndmax_percent,90,%,\ndc50_relative_nM,10,nM,0.3\n"
    )
    (tmp_path / "a.toml").write_text(CONFIG)
    (figure,) = load(tmp_path / "a.toml").figures
    assert [row["sd"] for row in figure.points] == [None, 0.3]


def one_curve() -> ps.Study:
    return ps.Study(
        ps.Scenario(cell="molm14", target="BTK", treatment="mt-802"),
        axes={"compound.dose_nM": DOSES},
        readout=ps.Readout(["target_total"], times_h=[24.0], relative_to="vehicle"),
    )


def test_an_sd_is_in_the_unit_of_its_row() -> None:
    rows = [
        {"quantity": "dmax_percent", "value": 0.9, "unit": "fraction", "sd": 0.05},
        {"quantity": "imax_percent", "value": 90, "unit": "%", "sd": 5},
        {"quantity": "dc50_relative_nM", "value": 0.01, "unit": "uM", "sd": 0.3},
        {"quantity": "dc50_absolute_nM", "value": 10, "unit": "nM"},
    ]
    found = fitting.measurements(rows, one_curve())
    assert [m.sd for m in found] == pytest.approx([5.0, 5.0, 0.3, fitting.Errors().sd_log])


def test_replicates_are_asked_for_as_their_mean() -> None:
    row = {"quantity": "dmax_percent", "value": 90, "unit": "%"}
    with pytest.raises(ParameterError, match="mean of replicates as one row, with their standard"):
        fitting.measurements([row, {**row, "value": 80}], one_curve())


@pytest.mark.parametrize(("character", "name"), [(";", "semicolons"), ("\t", "tabs")])
def test_columns_are_separated_by_commas(tmp_path: Path, character: str, name: str) -> None:
    path = tmp_path / "data.csv"
    path.write_text("quantity,value,unit\ndmax_percent,90,%\n".replace(",", character))
    with pytest.raises(ParameterError, match=f"has {name} between its columns; save it with comma"):
        fitting.read_measurements(path, one_curve())
