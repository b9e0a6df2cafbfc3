"""Time-course figures: what is drawn equals what was given, and every text can be read."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from protacsim import plot
from protacsim.cli.running import draw
from protacsim.config import load
from protacsim.errors import ConfigError, ParameterError
from protacsim.plot import style
from protacsim.plot.time_curves import read_time_panel
from test_plot import caption_of, cut_off, labels, line, overlaps, rendered

TIMES_H = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 30, 36, 48, 60, 72.0])
DOSES_NM = np.array([0.0, 1.0, 30.0, 316.0, 10_000.0])
ALLELES = ["WT", "C481S", "L528W"]
TREATMENTS = ["MT-802", "Zorba PROTAC 10", "ibrutinib"]
HALF_LIFE_H = 30.0
# Greatest degradation rate in 1/h, and the dose at half of it in nM, per treatment and allele.
RATES = {
    "MT-802": [(0.20, 10.0), (0.30, 20.0), (0.10, 300.0)],
    "Zorba PROTAC 10": [(0.10, 1.0), (0.08, 5.0), (0.02, 50.0)],
    "ibrutinib": [(0.0, 1.0)] * 3,
}
TOTAL_NM = 0.2


def rate_and_plateau(treatment: str, allele: int, dose_nM: float) -> tuple[float, float]:
    """Turnover with first-order loss: d(y)/dt = k (1 - y) - l y from y = 1."""
    fastest, half = RATES[treatment][allele]
    turnover, loss = np.log(2.0) / HALF_LIFE_H, fastest * dose_nM / (dose_nM + half)
    return turnover + loss, turnover / (turnover + loss)


def percent(treatment: str, allele: int, dose_nM: float, times_h: np.ndarray) -> np.ndarray:
    rate, plateau = rate_and_plateau(treatment, allele, dose_nM)
    return 100.0 * (plateau + (1.0 - plateau) * np.exp(-rate * times_h))


def d50_h(treatment: str, allele: int, dose_nM: float) -> float:
    rate, plateau = rate_and_plateau(treatment, allele, dose_nM)
    return float(-np.log((0.5 - plateau) / (1.0 - plateau)) / rate)


def make_data(times_h: np.ndarray = TIMES_H, doses_nM: np.ndarray = DOSES_NM) -> xr.Dataset:
    dims = ("treatment", "target.allele", "compound.dose_nM", "time_h")
    sizes = (len(TREATMENTS), len(ALLELES), len(doses_nM))
    total = np.empty((*sizes, len(times_h)))
    for (i, name), j, k in itertools.product(enumerate(TREATMENTS), *map(range, sizes[1:])):
        total[i, j, k] = percent(name, j, float(doses_nM[k]), times_h)
    active = total.copy()
    active[:, ALLELES.index("L528W")] = np.nan
    relative = {"units": "%", "relative_to": "vehicle"}
    zero = {"null_reason": "zero_reference"}
    variables = {}
    for name, word, values in (
        ("target_total", "total BTK", total),
        ("target_unoccupied", "unoccupied BTK", total),
        ("target_active", "active BTK", active),
        ("ternary", "ternary complex", np.full_like(total, np.nan)),
    ):
        nulls = zero if np.isnan(values).any() else {}
        amount = TOTAL_NM * (1.0 - total / 100.0) if name == "ternary" else TOTAL_NM * total / 100.0
        variables[name] = (dims, amount, {"units": "nM", "long_name": word})
        variables[f"{name}_percent"] = (dims, values, {"long_name": word, **relative, **nulls})
    variables["status"] = (dims[:-1], np.zeros(sizes, dtype=np.int8))
    coords = {
        "treatment": TREATMENTS,
        "target.allele": ALLELES,
        "compound.dose_nM": ("compound.dose_nM", doses_nM, {"units": "nM"}),
        "time_h": ("time_h", times_h, {"units": "h"}),
    }
    constant = {"unit": "1/h", "confidence": "assumed", "source": ""}
    unverified = [
        {"path": "ubiquitination.k_ub_per_h", "value": 1500.0, **constant},
        {"path": "ubiquitination.k_proteasome_bound_per_h", "value": 60.0, **constant},
    ]
    attrs = {
        "title": "BTK over three days",
        "varied_compound": json.dumps({t: t.lower().replace(" ", "-") for t in TREATMENTS}),
        "unverified": json.dumps(unverified),
        "hypothetical": json.dumps({"Zorba PROTAC 10": ["zorba-protac-10"]}),
        "relative_to": "vehicle",
    }
    return xr.Dataset(variables, coords, attrs)


@pytest.fixture(scope="module")
def data() -> xr.Dataset:
    return make_data()


@pytest.fixture(scope="module")
def by_dose(data: xr.Dataset) -> xr.Dataset:
    """MT-802 on two alleles."""
    return data.isel({"treatment": [0], "target.allele": [0, 1]})


@pytest.fixture(scope="module")
def grid(by_dose: xr.Dataset) -> Figure:
    """The whole figure at 180 mm, drawn; tests only look at it."""
    return rendered(plot.time_course_grid(by_dose, ("target_total", "ternary")))


WT_AT_316 = {"treatment": "MT-802", "target.allele": "WT", "compound.dose_nM": 316.0}
WT = {"treatment": "MT-802", "target.allele": "WT"}


def legend_of(ax) -> list[str]:
    return [text.get_text() for text in ax.figure.legends[0].get_texts() if text.get_text().strip()]


@pytest.mark.parametrize("allele", ALLELES)
def test_the_curve_drawn_is_the_curve_given(data: xr.Dataset, allele: str) -> None:
    ax = plot.time_course(data, select={"treatment": "MT-802", "compound.dose_nM": 316.0})
    given = percent("MT-802", ALLELES.index(allele), 316.0, TIMES_H)
    np.testing.assert_array_equal(line(ax, allele).get_xdata(), TIMES_H)
    np.testing.assert_array_equal(line(ax, allele).get_ydata(), given)


def test_each_panel_of_a_grid_shows_its_own_numbers(grid: Figure) -> None:
    for ax, (row, allele) in zip(grid.axes, itertools.product((0, 1), (0, 1)), strict=True):
        given = percent("MT-802", allele, 316.0, TIMES_H)
        expected = TOTAL_NM * (1.0 - given / 100.0) if row else given
        np.testing.assert_array_equal(line(ax, "316 nM").get_ydata(), expected)


@pytest.mark.parametrize("hue", ["treatment", "target.allele", "compound.dose_nM"])
def test_any_axis_can_be_the_hue(data: xr.Dataset, hue: str) -> None:
    others = {dim: value for dim, value in WT_AT_316.items() if dim != hue}
    for ax in (
        plot.time_course(data, hue=hue, select=others),
        plot.time_course(data, select=others),
    ):
        curves = [text for text in labels(ax) if not text.startswith("_")]
        assert len(curves) == data.sizes[hue]


def test_doses_and_times_out_of_order_are_drawn_in_order(data: xr.Dataset) -> None:
    random = np.random.default_rng(1)
    shuffled = data.isel(
        {"compound.dose_nM": random.permutation(5), "time_h": random.permutation(len(TIMES_H))}
    )
    ax = plot.time_course(shuffled, select=WT)
    assert labels(ax)[0] == "vehicle"
    for name, dose in (("1 nM", 1.0), ("10 µM", 10_000.0)):
        np.testing.assert_array_equal(line(ax, name).get_xdata(), TIMES_H)
        given = percent("MT-802", 0, dose, TIMES_H)
        np.testing.assert_array_equal(line(ax, name).get_ydata(), given)


def test_one_curve_without_a_hue(data: xr.Dataset) -> None:
    ax = plot.time_course(data, select=WT_AT_316)
    assert "_curve" in labels(ax)
    assert ax.get_title(loc="left") == "MT-802, WT, 316 nM"


def test_axis_labels_have_units(data: xr.Dataset, grid: Figure) -> None:
    ax = plot.time_course(data, select=WT)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time (h)", "total BTK (% of vehicle)")
    written = {t for a in grid.axes for t in (a.get_xlabel(), a.get_ylabel()) if t}
    assert written == {"time (h)", "total BTK\n(% of vehicle)", "ternary complex\n(nM)"}


def test_amounts_are_drawn_where_no_percentage_exists(data: xr.Dataset) -> None:
    ax = plot.time_course(data.drop_vars("target_total_percent"), select=WT)
    assert ax.get_ylabel() == "total BTK (nM)"
    expected = TOTAL_NM * percent("MT-802", 0, 30.0, TIMES_H) / 100.0
    np.testing.assert_allclose(line(ax, "30 nM").get_ydata(), expected, rtol=1e-12)
    assert not [text for text in labels(ax) if text.startswith("_D50")]


def test_what_the_vehicle_has_none_of_is_drawn_as_an_amount(data: xr.Dataset) -> None:
    ax = plot.time_course(data, "ternary", select=WT)
    assert ax.get_ylabel() == "ternary complex (nM)"


def test_a_percentage_of_failed_points_stays_a_percentage(data: xr.Dataset) -> None:
    failed = data.copy(deep=True)
    failed["target_total_percent"][:] = np.nan
    failed["status"][:] = 3
    ax = plot.time_course(failed, select=WT)
    assert ax.get_ylabel() == "total BTK (% of vehicle)"
    assert "1 nM (no valid point)" in legend_of(ax)


def test_failed_points_leave_gaps(data: xr.Dataset) -> None:
    failed = data.copy(deep=True)
    failed["target_total_percent"][0, 0, 3, 5:8] = np.nan
    ax = plot.time_course(failed, select=WT)
    assert list(np.flatnonzero(np.isnan(line(ax, "316 nM").get_ydata()))) == [5, 6, 7]
    rendered(ax.figure)


def test_impaired_allele_shows_unoccupied_target_instead(data: xr.Dataset) -> None:
    select = {"treatment": "MT-802", "compound.dose_nM": 316.0}
    ax = plot.time_course(data, "target_active", select=select)
    given = percent("MT-802", 2, 316.0, TIMES_H)
    np.testing.assert_array_equal(line(ax, "L528W").get_ydata(), given)
    assert any(text.startswith("L528W (unoccupied BTK)") for text in legend_of(ax))


def test_d50_stands_where_the_closed_form_puts_it(data: xr.Dataset) -> None:
    ax = plot.time_course(data, select=WT)
    for name, dose in (("30 nM", 30.0), ("316 nM", 316.0), ("10 µM", 10_000.0)):
        circle = line(ax, f"_D50 {name}")
        np.testing.assert_allclose(circle.get_xdata(), [d50_h("MT-802", 0, dose)], rtol=0.01)
        np.testing.assert_allclose(circle.get_ydata(), [50.0])
        assert f"{name}: D50 {style.significant(d50_h('MT-802', 0, dose))} h" in legend_of(ax)
    assert "_D50 vehicle" not in labels(ax)


def test_d50_between_the_first_two_times_is_a_bound_and_no_mark() -> None:
    coarse = make_data(np.array([0.0, 12.0, 24.0, 48.0]))
    assert d50_h("MT-802", 0, 316.0) < 12.0
    ax = plot.time_course(coarse, select=WT)
    assert "316 nM: D50 < 12 h" in legend_of(ax)
    assert not [text for text in labels(ax) if text.startswith("_D50")]
    figure = plot.time_course_grid(coarse, select=WT)
    assert "No D50 is marked where it lies before the second time (12 h)" in caption_of(figure)


def test_only_the_marks_asked_for(data: xr.Dataset) -> None:
    ax = plot.time_course(data, select=WT, mark=())
    assert not [text for text in labels(ax) if text.startswith("_D50")]
    assert "D50" not in legend_of(ax)
    for make in (plot.time_course, plot.time_course_grid):
        with pytest.raises(ParameterError, match="mark has 'DC50'; allowed is D50"):
            make(data, mark=("DC50",))


def test_doses_are_a_ramp_and_the_vehicle_is_grey(data: xr.Dataset) -> None:
    ax = plot.time_course(data, select=WT)
    names = ["1 nM", "30 nM", "316 nM", "10 µM"]
    brightness = [sum(to_rgb(line(ax, name).get_color())) for name in names]
    assert brightness == sorted(brightness)
    assert line(ax, "vehicle").get_color() == style.QUIET_COLOUR
    assert len({line(ax, name).get_marker() for name in ("vehicle", *names)}) == 5


def test_names_are_styled_as_in_dose_response_figures(data: xr.Dataset) -> None:
    select = {"treatment": "MT-802", "compound.dose_nM": 316.0}
    ours, theirs = (
        plot.time_course(data, select=select),
        plot.dose_response(data.isel(time_h=[-1]), select={"treatment": "MT-802"}),
    )
    for allele in ALLELES:
        mine, other = line(ours, allele), line(theirs, allele)
        assert mine.get_color() == other.get_color()
        assert mine.get_marker() == other.get_marker()
        assert mine.is_dashed() == other.is_dashed() == (allele != "WT")


def test_a_long_ramp_names_a_few_curves_and_says_so() -> None:
    many = make_data(doses_nM=np.concatenate([[0.0], np.geomspace(0.01, 1e5, 22)]))
    ax = plot.time_course(many, select=WT)
    assert len([text for text in labels(ax) if not text.startswith("_")]) == 23
    named = [text.split(":")[0] for text in legend_of(ax)]
    assert named[:5] == ["vehicle", "0.464 nM", "21.5 nM", "1 µM", "100 µM"]
    assert named[5:] == ["D50", "5 of 23 curves named"]
    markers = [line(ax, name).get_marker() for name in named[:5]]
    assert len(set(markers)) == 5
    assert line(ax, "0.01 nM").get_marker() == "none"
    figure = rendered(plot.time_course_grid(many, width_mm=85.0, select=WT))
    assert "The legend names 5 of 23 curves" in caption_of(figure)
    assert not overlaps(figure)
    assert not cut_off(figure)


@pytest.mark.parametrize(
    ("doses", "names"),
    [
        ([0.0, 0.5, 999.6, 1e6], ["vehicle", "0.5 nM", "1 µM", "1000 µM"]),
        ([12.34, 12.31], ["12.31 nM", "12.34 nM"]),
        ([1234.0, 1232.0], ["1.232 µM", "1.234 µM"]),
    ],
)
def test_doses_are_named_apart(doses: list[float], names: list[str]) -> None:
    panel = read_time_panel(make_data(doses_nM=np.array(doses)), "target_total", select=WT)
    assert [curve.name for curve in panel.curves] == names


def test_other_numbers_are_named_with_their_path(data: xr.Dataset) -> None:
    kd = data.rename({"compound.dose_nM": "compound.kd_target_nM"})
    kd["compound.kd_target_nM"].attrs["units"] = "nM"
    ax = plot.time_course(kd, select=WT)
    assert "kd target = 316 nM" in labels(ax)


def test_zipped_axes_are_named_by_both(data: xr.Dataset) -> None:
    pairs = data.isel({"compound.dose_nM": [1, 2, 3]})
    pairs = (
        pairs.rename({"compound.dose_nM": "pair"})
        .reset_index("pair")
        .reset_coords("pair", drop=True)
    )
    doses = ("pair", DOSES_NM[1:4], {"units": "nM"})
    pairs = pairs.assign_coords(
        {"compound.dose_nM": doses, "compound.basis": ("pair", list("xyz"))}
    )
    ax = plot.time_course(pairs, select=WT)
    assert {"1 nM, x", "30 nM, y", "316 nM, z"} <= set(labels(ax))
    one = plot.time_course(pairs, select={**WT, "compound.dose_nM": 30.0})
    np.testing.assert_array_equal(
        line(one, "_curve").get_ydata(), percent("MT-802", 0, 30.0, TIMES_H)
    )


def test_left_over_dims_are_named_with_the_way_out(data: xr.Dataset) -> None:
    sizes = r"treatment \(3 values\), target.allele \(3 values\), compound.dose_nM \(5 values\)"
    with pytest.raises(ParameterError, match=sizes + r".*select=\{'treatment': 'MT-802'"):
        plot.time_course(data)
    with pytest.raises(ParameterError, match=r"shows: treatment \(3 values\)\. Choose"):
        plot.time_course(data, hue="compound.dose_nM", select={"target.allele": "WT"})
    with pytest.raises(ParameterError, match=sizes):
        plot.time_course_grid(data)
    with pytest.raises(ParameterError, match=r"shows: compound.dose_nM \(5 values\)\. Choose"):
        plot.time_course_grid(data, columns="treatment", hue="target.allele")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"observable": "target"}, "no observable 'target'; it has target_active, target_total"),
        ({"select": {"treatment": "dasatinib"}}, "treatment is 'dasatinib'; .* MT-802, Zorba"),
        ({"select": {"drug": "MT-802"}}, "no dim 'drug'.*'treatment'"),
        ({"select": {"time_h": 24.0}}, "select has 'time_h', but a time course shows every time"),
        ({"hue": "target.alele"}, "hue 'target.alele' is no dim.*'target.allele'"),
        ({"hue": "time_h"}, "hue 'time_h' is no dim.*'target.allele'"),
    ],
)
def test_wrong_names_say_what_exists(data: xr.Dataset, arguments: dict, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        plot.time_course(data, **arguments)


def test_a_dataset_of_one_time_is_refused(data: xr.Dataset) -> None:
    for few, count in ((data.isel(time_h=[3]), 1), (data.isel(time_h=3), 0)):
        with pytest.raises(ParameterError, match=f"at least 2 times; .* has {count}. Add times"):
            plot.time_course(few, select=WT)


def test_axes_given_are_used(data: xr.Dataset) -> None:
    own = Figure().add_subplot()
    assert plot.time_course(data, ax=own, select=WT) is own
    assert own.get_legend() is not None
    bare = plot.time_course(data, ax=Figure().add_subplot(), select=WT, legend=False)
    assert bare.get_legend() is None


@pytest.mark.parametrize(
    ("last_h", "ticks"),
    [
        (2.0, [0.0, 0.4, 0.8, 1.2, 1.6, 2.0]),
        (8.0, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]),
        (48.0, [0.0, 6.0, 12.0, 18.0, 24.0, 30.0, 36.0, 42.0, 48.0]),
        (336.0, [0.0, 48.0, 96.0, 144.0, 192.0, 240.0, 288.0, 336.0]),
    ],
)
def test_ticks_are_whole_hours_or_days(last_h: float, ticks: list[float]) -> None:
    ax = plot.time_course(make_data(np.linspace(0.0, last_h, 9)), select=WT)
    figure = rendered(ax.figure)
    np.testing.assert_allclose(ax.get_xticks(), ticks, atol=1e-12)
    assert not overlaps(figure)
    assert not cut_off(figure)


@pytest.mark.parametrize("select", [WT, {"target.allele": "WT", "compound.dose_nM": 316.0}])
def test_single_panel_texts_do_not_touch(data: xr.Dataset, select: dict) -> None:
    figure = rendered(plot.time_course(data, select=select).figure)
    assert not overlaps(figure)
    assert not cut_off(figure)
    assert figure.get_figwidth() * 25.4 == pytest.approx(85.0)


@pytest.mark.parametrize("width_mm", [85.0, 180.0])
@pytest.mark.parametrize("last_h", [48.0, 2000.0])
def test_grid_texts_do_not_touch(last_h: float, width_mm: float) -> None:
    long = make_data(np.linspace(0.0, last_h, 13))
    figure = rendered(
        plot.time_course_grid(
            long,
            ("target_total", "target_active", "ternary"),
            columns="treatment",
            hue="target.allele",
            select={"compound.dose_nM": 30.0},
            width_mm=width_mm,
        )
    )
    assert len(figure.axes) == 9
    assert not overlaps(figure)
    assert not cut_off(figure)


def test_a_row_is_scaled_by_the_panels_that_have_something(data: xr.Dataset) -> None:
    """Ternary complex is zero with ibrutinib, which must not flatten the degraders."""
    chosen = {"target.allele": "WT", "compound.dose_nM": 316.0}
    figure = plot.time_course_grid(
        data, ("ternary",), columns="treatment", hue="target.allele", select=chosen
    )
    highest = TOTAL_NM * (1.0 - percent("MT-802", 0, 316.0, TIMES_H).min() / 100.0)
    assert {ax.get_ylim() for ax in figure.axes} == {figure.axes[0].get_ylim()}
    assert highest < figure.axes[0].get_ylim()[1] < 1.25 * highest


@pytest.mark.parametrize(
    ("factor", "unit"), [(1e-4, "10⁻⁶ nM"), (1.0, "nM"), (1e5, "10³ nM"), (1e8, "10⁶ nM")]
)
@pytest.mark.parametrize("width_mm", [85.0, 180.0])
def test_small_and_large_amounts_fit_the_margin(
    data: xr.Dataset, factor: float, unit: str, width_mm: float
) -> None:
    scaled = data.drop_vars("target_total_percent").copy(deep=True)
    scaled["target_total"][:] *= factor
    figure = rendered(
        plot.time_course_grid(scaled, width_mm=width_mm, select={"treatment": "MT-802"})
    )
    assert figure.axes[0].get_ylabel() == f"total BTK\n({unit})"
    given = factor * TOTAL_NM * percent("MT-802", 0, 30.0, TIMES_H) / 100.0
    np.testing.assert_allclose(line(figure.axes[0], "30 nM").get_ydata(), given, rtol=1e-12)
    ticks = dict(zip(figure.axes[0].get_yticks(), figure.axes[0].get_yticklabels(), strict=True))
    power = {"10⁻⁶ nM": 1e-6, "nM": 1.0, "10³ nM": 1e3, "10⁶ nM": 1e6}[unit]
    for value, text in ticks.items():
        assert float(text.get_text().replace("\N{MINUS SIGN}", "-")) * power == pytest.approx(value)
    assert not overlaps(figure)
    assert not cut_off(figure)


def test_two_dims_are_divided_into_columns_and_hue(data: xr.Dataset, grid: Figure) -> None:
    assert [ax.get_title(loc="left") for ax in grid.axes[:2]] == ["MT-802, WT", "MT-802, C481S"]
    by_treatment = plot.time_course_grid(data, select={"target.allele": "WT"})
    titles = [ax.get_title(loc="left").split(",")[0] for ax in by_treatment.axes]
    assert titles == ["MT-802", "Zorba PROTAC 10*", "ibrutinib"]
    backwards = data.transpose("compound.dose_nM", "target.allele", "treatment", "time_h")
    alleles = plot.time_course_grid(backwards, select={"treatment": "MT-802"})
    assert len(alleles.axes) == len(ALLELES)
    asked = plot.time_course_grid(data, select={"treatment": "MT-802"}, hue="target.allele")
    assert len(asked.axes) == len(DOSES_NM)
    assert len(plot.time_course_grid(data, select=WT).axes) == 1


def test_a_dim_of_some_rows_only_can_be_chosen(by_dose: xr.Dataset) -> None:
    inside = by_dose["target_total"].expand_dims(compound=["mt-802", "ibrutinib"])
    with_compounds = by_dose.assign(compound_cell=inside.assign_attrs(units="nM"))
    rows = ("target_total", "compound_cell")
    with pytest.raises(ParameterError, match=r"compound \(2 values\)"):
        plot.time_course_grid(with_compounds, rows)
    figure = plot.time_course_grid(with_compounds, rows, select={"compound": "mt-802"})
    assert len(figure.axes) == 4


def test_grid_refuses_no_rows(data: xr.Dataset) -> None:
    with pytest.raises(ParameterError, match="observables is empty"):
        plot.time_course_grid(data, ())


def test_caption_says_what_was_assumed(data: xr.Dataset) -> None:
    figure = plot.time_course_grid(
        data, ("target_active",), select={"compound.dose_nM": 316.0}, hue="target.allele"
    )
    written = caption_of(figure)
    assert written.startswith("BTK over three days. Open circle: D50 (first time at which 50 % is")
    assert "100 %: vehicle at the same time." in written
    assert "Dose 0" not in written
    assert "All at" not in written
    assert "Dash-dot, open symbols (L528W): unoccupied BTK instead of active BTK" in written
    assert "* Hypothetical (zorba-protac-10)" in written
    assert "(assumed): k ub 1500 /h; k proteasome bound 60 /h" in written


def test_caption_says_when_the_start_was(data: xr.Dataset) -> None:
    since_start = data.copy()
    for name in ("target_total_percent", "target_total"):
        since_start[name] = data[name].assign_attrs(data[name].attrs | {"relative_to": "start"})
    figure = plot.time_course_grid(
        since_start, ("target_total",), select={"compound.dose_nM": 316.0}, hue="target.allele"
    )
    assert "100 %: the start of the run, without any compound." in caption_of(figure)


def test_saved_files_are_identical_twice(by_dose: xr.Dataset, tmp_path: Path) -> None:
    for name in ("a", "b"):
        figure = plot.time_course_grid(by_dose, ("target_total", "ternary"), width_mm=85.0)
        plot.save(figure, tmp_path / name)
    for suffix in (".svg", ".png"):
        first, second = (tmp_path / f"{name}{suffix}" for name in ("a", "b"))
        assert first.read_bytes() == second.read_bytes()
    assert "time (h)" in (tmp_path / "a.svg").read_text(encoding="utf-8")


def test_drawing_leaves_the_dataset_alone(by_dose: xr.Dataset) -> None:
    before = by_dose.copy(deep=True)
    plot.time_course_grid(by_dose, ("target_total", "ternary"))
    xr.testing.assert_identical(by_dose, before)


CONFIG = """schema = "protacsim/1"
title = "time course"
[scenario]
cell = "molm14"
[[treatment]]
compounds = ["mt-802"]
[[treatment]]
compounds = ["ibrutinib"]
[[axis]]
path = "target.allele"
values = ["WT", "C481S", "L528W"]
[[axis]]
path = "compound.dose_nM"
values = [0.0, 1.0, 30.0, 316.0, 10000.0]
[readout]
observables = ["target_total", "ternary"]
times_h = [0, 4, 24]
relative_to = "vehicle"
[[figure]]
kind = "time-course"
rows = ["target_total", "ternary"]
width_mm = 85
"""
SELECT = 'select = { "compound.dose_nM" = "0.316 uM" }\n'


def test_a_configuration_draws_a_time_course(data: xr.Dataset, tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(CONFIG + SELECT)
    job = load(path)
    (figure,) = job.figures
    assert (figure.kind, figure.columns, figure.hue) == ("time-course", None, None)
    assert dict(figure.select) == pytest.approx({"compound.dose_nM": 316.0})
    written = draw(data, (figure,), tmp_path, job.study)
    assert [file.name for file in written] == ["01-time-course.svg", "01-time-course.png"]
    expected = plot.time_course_grid(
        data, figure.rows, select={"compound.dose_nM": 316.0}, width_mm=85.0
    )
    plot.save(expected, tmp_path / "expected")
    assert written[0].read_bytes() == (tmp_path / "expected.svg").read_bytes()


def test_a_dose_response_figure_can_select_too(data: xr.Dataset, tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(
        CONFIG.replace("time-course", "dose-response") + 'select = { "target.allele" = "C481S" }\n'
    )
    job = load(path)
    (figure,) = job.figures
    written = draw(data, (figure,), tmp_path, job.study)
    assert "C481S" in written[0].read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("", ["figure is a time-course", "treatment, target.allele, compound.dose_nM", "select"]),
        ('hue = "compound.dose_nM"\n', ["treatment, target.allele for 1 of columns and hue"]),
        ("time_h = 24.0\n", ["time_h cannot be chosen in a time-course"]),
        ('select = { "compound.dos_nM" = 1.0 }\n', ["figure.select", "'compound.dose_nM'?"]),
        ('select = { "compound.dose_nM" = 2.0 }\n', ["figure.select takes 2.0", "30, 316"]),
        ('select = { "target.allele" = "C481" }\n', ["figure.select takes", "'C481S'?"]),
        ('select = { treatment = "mt-80" }\n', ["figure.select takes 'mt-80'", "Ibrutinib"]),
        ('select = { "compound.dose_nM" = "3 kg" }\n', ["figure", "kg"]),
        ("select = 3\n", ["figure.select"]),
        ('select = { "compound.dose_nM" = [1.0] }\n', ["figure.select", "compound.dose_nM"]),
    ],
)
def test_a_figure_that_cannot_be_drawn_is_refused(
    tmp_path: Path, more: str, words: list[str]
) -> None:
    path = tmp_path / "a.toml"
    path.write_text(CONFIG + more)
    with pytest.raises(ConfigError) as caught:
        load(path)
    message = str(caught.value)
    assert all(word in message for word in words), message


def test_one_time_makes_no_time_course(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text((CONFIG + SELECT).replace("[0, 4, 24]", "[24]"))
    with pytest.raises(ConfigError, match="give two or more times"):
        load(path)
