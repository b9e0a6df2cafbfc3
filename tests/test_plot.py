"""Dose-response figures: what is drawn equals what was given, and every text can be read."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

from protacsim import plot
from protacsim.errors import ParameterError
from protacsim.plot import caption, style
from protacsim.plot.curves import read_panel
from protacsim.plot.panel import DoseAxis, dose_axis

DOSES_NM = np.geomspace(1e-2, 1e5, 29)
TIMES_H = np.array([1.0, 4.0, 24.0])
ALLELES = ["WT", "C481S", "T474I", "L528W"]
# Dmax in % at 24 h, Kd on the target and on the ligase in nM, per treatment and allele.
DEGRADERS = {
    "MT-802": [(93.0, 3.0, 900.0), (94.0, 5.0, 1200.0), (86.0, 25.0, 2500.0), (72.0, 80.0, 4e3)],
    "Zorba PROTAC 10": [(88.0, 0.6, 4e4), (83.0, 2.0, 5e4), (60.0, 9.0, 9e4), (40.0, 30.0, 2e5)],
}
# IC50 on binding in nM per allele.
INHIBITORS = {
    "ibrutinib": (0.4, 1000.0, 30.0, 900.0),
    "zanubrutinib": (0.6, 1500.0, 60.0, 9e4),
    "pirtobrutinib": (4.0, 6.0, 900.0, 2e4),
}
TREATMENTS = [*DEGRADERS, *INHIBITORS]
UNVERIFIED = [
    {"path": "cell.ps_degrader_pL_per_h", "value": 25.0, "unit": "pL/h"},
    {"path": "cell.ps_inhibitor_pL_per_h", "value": 200.0, "unit": "pL/h"},
    {"path": "compounds.mt-802.kon_target_per_nM_per_h", "value": 3.6, "unit": "1/nM/h"},
    {"path": "compounds.mt-802.kon_ligase_per_nM_per_h", "value": 3.6, "unit": "1/nM/h"},
    {"path": "ubiquitination.n", "value": 4, "unit": ""},
    {"path": "ubiquitination.k_ub_per_h", "value": 1500.0, "unit": "1/h"},
    {"path": "ubiquitination.k_dub_free_per_h", "value": 360.0, "unit": "1/h"},
    {"path": "ubiquitination.k_proteasome_bound_per_h", "value": 60.0, "unit": "1/h"},
]


def hook(dose: np.ndarray, kd_target: float, kd_ligase: float) -> np.ndarray:
    """Lumped hook curve (MODEL section 5.3): 1 at sqrt(kd_target kd_ligase), 0 at both ends."""
    best, total = np.sqrt(kd_target * kd_ligase), kd_target + kd_ligase
    return (2 * best + total) * dose / (dose**2 + total * dose + best**2)


def total_and_free(treatment: str, allele: int, dose: np.ndarray, time_h: float):
    """Return total and unoccupied target in % of vehicle from closed forms."""
    if treatment in INHIBITORS:
        return np.full_like(dose, 100.0), 100.0 / (1.0 + dose / INHIBITORS[treatment][allele])
    dmax, kd_target, kd_ligase = DEGRADERS[treatment][allele]
    reached = dmax * (1.0 - np.exp(-0.25 * time_h))
    total = 100.0 - reached * hook(dose, kd_target, kd_ligase)
    return total, total / (1.0 + dose / kd_target)


def make_data(doses_nM: np.ndarray = DOSES_NM, treatments: list[str] = TREATMENTS) -> xr.Dataset:
    dims = ("treatment", "target.allele", "compound.dose_nM", "time_h")
    shape = (len(treatments), len(ALLELES), len(doses_nM), len(TIMES_H))
    total, free = np.empty(shape), np.empty(shape)
    for (i, treatment), j, k in itertools.product(enumerate(treatments), range(4), range(3)):
        total[i, j, :, k], free[i, j, :, k] = total_and_free(treatment, j, doses_nM, TIMES_H[k])
    active = free.copy()
    active[:, ALLELES.index("L528W")] = np.nan
    percent = {"units": "%", "relative_to": "vehicle"}
    zero = {"null_reason": "zero_reference"}
    names = {"target_total": "total", "target_active": "active", "target_unoccupied": "unoccupied"}
    values = {"target_total": total, "target_active": active, "target_unoccupied": free}
    variables = {}
    for name, word in names.items():
        attrs = {"long_name": f"{word} BTK"}
        nulls = zero if name == "target_active" else {}
        raw = np.nan_to_num(values[name]) * 0.2
        variables[name] = (dims, raw, {**attrs, "units": "nM"})
        variables[f"{name}_percent"] = (dims, values[name], {**attrs, **percent, **nulls})
    variables["status"] = (dims[:-1], np.zeros(shape[:-1], dtype=np.int8))
    coords = {
        "treatment": treatments,
        "target.allele": ALLELES,
        "compound.dose_nM": ("compound.dose_nM", doses_nM, {"units": "nM"}),
        "time_h": ("time_h", TIMES_H, {"units": "h"}),
    }
    constants = [{**c, "confidence": "assumed", "source": ""} for c in UNVERIFIED]
    attrs = {
        "title": "Degraders and inhibitors on wild-type and mutant BTK",
        "varied_compound": json.dumps({t: t.lower().replace(" ", "-") for t in treatments}),
        "unverified": json.dumps(constants),
        "hypothetical": json.dumps({"Zorba PROTAC 10": ["zorba-protac-10"]}),
        "relative_to": "vehicle",
    }
    return xr.Dataset(variables, coords, attrs)


@pytest.fixture(scope="module")
def data() -> xr.Dataset:
    return make_data()


@pytest.fixture(scope="module")
def grid(data: xr.Dataset) -> Figure:
    """The whole figure at 180 mm, drawn; tests only look at it."""
    return rendered(plot.dose_response_grid(data))


def rendered(figure: Figure) -> Figure:
    FigureCanvasAgg(figure).draw()
    return figure


def one_treatment(data: xr.Dataset, name: str = "MT-802") -> xr.Dataset:
    return data.sel(treatment=[name])


def line(ax: Axes, label: str):
    return next(item for item in ax.get_lines() if item.get_label() == label)


def labels(ax: Axes) -> list[str]:
    return [str(item.get_label()) for item in ax.get_lines()]


def all_texts(figure: Figure) -> list[Text]:
    """Every visible text that is not empty, tick labels outside the view excluded."""
    found = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]
    hidden = set()
    for ax in figure.axes:
        for axis, (low, high) in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
            for tick in axis.get_major_ticks():
                outside = not low <= tick.get_loc() <= high
                hidden |= {tick.label1, tick.label2} if outside else {tick.label2}
                hidden |= set() if tick.label1.get_visible() else {tick.label1}
    return [t for t in found if t not in hidden]


def overlaps(figure: Figure) -> list[tuple[str, str]]:
    boxes = [(t.get_text(), t.get_window_extent()) for t in all_texts(figure)]
    return [
        (a, b)
        for (a, box_a), (b, box_b) in itertools.combinations(boxes, 2)
        if min(box_a.x1, box_b.x1) - max(box_a.x0, box_b.x0) > 0.5
        and min(box_a.y1, box_b.y1) - max(box_a.y0, box_b.y0) > 0.5
    ]


def cut_off(figure: Figure) -> list[str]:
    page = figure.bbox
    return [
        t.get_text()
        for t in all_texts(figure)
        if (box := t.get_window_extent()).x0 < page.x0 - 0.5
        or box.y0 < page.y0 - 0.5
        or box.x1 > page.x1 + 0.5
        or box.y1 > page.y1 + 0.5
    ]


@pytest.mark.parametrize("allele", ALLELES)
def test_the_curve_drawn_is_the_curve_given(data: xr.Dataset, allele: str) -> None:
    ax = plot.dose_response(data, select={"treatment": "MT-802"})
    given, _ = total_and_free("MT-802", ALLELES.index(allele), DOSES_NM, 24.0)
    np.testing.assert_array_equal(line(ax, allele).get_xdata(), DOSES_NM)
    np.testing.assert_array_equal(line(ax, allele).get_ydata(), given)


def test_doses_out_of_order_are_drawn_in_order(data: xr.Dataset) -> None:
    shuffled = data.isel({"compound.dose_nM": np.random.default_rng(1).permutation(29)})
    ax = plot.dose_response(shuffled, select={"treatment": "MT-802"})
    np.testing.assert_array_equal(line(ax, "WT").get_xdata(), DOSES_NM)


def test_time_is_the_last_one_unless_asked(data: xr.Dataset) -> None:
    early = plot.dose_response(data, time_h=4.0, select={"treatment": "MT-802"})
    given, _ = total_and_free("MT-802", 0, DOSES_NM, 4.0)
    np.testing.assert_array_equal(line(early, "WT").get_ydata(), given)
    assert early.get_title(loc="left") == "MT-802, 4 h"


def test_amounts_are_drawn_where_no_percentage_exists(data: xr.Dataset) -> None:
    amounts = one_treatment(data).drop_vars("target_total_percent")
    ax = plot.dose_response(amounts)
    assert ax.get_ylabel() == "total BTK (nM)"
    expected = 0.2 * total_and_free("MT-802", 0, DOSES_NM, 24.0)[0]
    np.testing.assert_allclose(line(ax, "WT").get_ydata(), expected, rtol=1e-12)
    assert len(line(ax, "_vehicle").get_xdata()) == 0


def test_axis_labels_have_units(data: xr.Dataset, grid: Figure) -> None:
    ax = plot.dose_response(data, select={"treatment": "MT-802"})
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("dose (nM)", "total BTK (% of vehicle)")
    written = {t for a in grid.axes for t in (a.get_xlabel(), a.get_ylabel()) if t}
    assert written == {"dose (nM)", "total BTK\n(% of vehicle)", "active BTK\n(% of vehicle)"}


def test_vehicle_stands_at_100_percent_left_of_the_break(data: xr.Dataset) -> None:
    ax = plot.dose_response(data, select={"treatment": "MT-802"})
    vehicle, cut = line(ax, "_vehicle"), line(ax, "_break")
    assert list(vehicle.get_ydata()) == [100.0]
    assert ax.get_xlim()[0] < vehicle.get_xdata()[0] < cut.get_xdata()[0] < DOSES_NM[0]


def test_a_dose_of_zero_in_the_data_is_the_vehicle_point() -> None:
    with_zero = make_data(np.concatenate([[0.0], DOSES_NM]), ["MT-802"])
    ax = plot.dose_response(with_zero)
    assert list(line(ax, "_vehicle").get_ydata()) == [100.0]
    np.testing.assert_array_equal(line(ax, "WT").get_xdata(), DOSES_NM)


def test_no_vehicle_point_is_made_up_for_another_reference(data: xr.Dataset) -> None:
    other = one_treatment(data)
    other["target_total_percent"].attrs["relative_to"] = "untreated"
    ax = plot.dose_response(other)
    assert ax.get_ylabel() == "total BTK (% of untreated)"
    assert len(line(ax, "_vehicle").get_xdata()) == 0


def test_zero_has_its_own_tick_label(data: xr.Dataset) -> None:
    ax = plot.dose_response(data, select={"treatment": "MT-802"})
    rendered(ax.figure)
    texts = [t.get_text() for t in ax.get_xticklabels()]
    assert texts[0] == "0"
    assert texts[1:] == [f"$10^{{{k}}}$" for k in range(-2, 6)]


@pytest.mark.parametrize(
    ("doses", "most", "decades"),
    [
        ((0.01, 1e5), 4, [1e-2, 1e0, 1e2, 1e4]),
        ((0.3, 3000.0), 9, [1.0, 10.0, 100.0, 1000.0]),
        ((0.001, 0.1), 3, [1e-3, 1e-2, 1e-1]),
        ((2.0, 8.0), 3, []),
    ],
)
def test_decades(doses: tuple[float, float], most: int, decades: list[float]) -> None:
    np.testing.assert_allclose(DoseAxis(*doses).decades(most), decades, rtol=1e-12)


def test_decades_leave_room_for_the_vehicle_label() -> None:
    axis = DoseAxis(0.01, 1e5)
    assert axis.decades(4, clearance=1.5) == [1.0, 100.0, 10_000.0]


@pytest.mark.parametrize(
    ("doses", "texts"),
    [
        ([30.0], ["0", "30"]),
        ([10.0], ["0", "$10^{1}$"]),
        ([20.0, 80.0], ["0", "20", "80"]),
        ([20.0, 21.0], ["0", "21"]),
    ],
)
def test_few_doses_stand_at_the_axis_and_not_in_the_title(
    doses: list[float], texts: list[str]
) -> None:
    few = make_data(np.array(doses))
    figure = plot.dose_response_grid(few, ("target_total",))
    for ax in rendered(figure).axes:
        assert [t.get_text() for t in ax.get_xticklabels()] == texts
        assert ax.get_title(loc="left").replace("\n", " ").removesuffix("*") in TREATMENTS
    assert not overlaps(figure)
    ax = plot.dose_response(few, select={"treatment": "MT-802"})
    assert ax.get_title(loc="left") == "MT-802, 24 h"


def test_the_axis_names_the_compound_where_a_treatment_has_several(data: xr.Dataset) -> None:
    kept = {"MT-802": ["ibrutinib"]}
    varied = {name: name.lower().replace(" ", "-") for name in TREATMENTS}
    attrs = {"kept_compounds": json.dumps(kept), "varied_compound": json.dumps(varied)}
    mixed = data.assign_attrs(attrs)
    figure = plot.dose_response_grid(mixed, ("target_total", "target_active"))
    given = [ax.get_xlabel() for ax in figure.axes]
    assert given == [""] * 5 + ["mt-802 dose (nM)"] + ["dose (nM)"] * 4
    alone = mixed.sel(treatment="MT-802").drop_vars("treatment")
    one = {"kept_compounds": attrs["kept_compounds"], "varied_compound": '{"MT-802": "mt-802"}'}
    assert plot.dose_response(alone.assign_attrs(one)).get_xlabel() == "mt-802 dose (nM)"
    every = plot.dose_response(mixed, hue="treatment", select={"target.allele": "WT"})
    assert every.get_xlabel() == "dose (nM)"


def test_marks_stand_where_the_closed_form_puts_them(data: xr.Dataset) -> None:
    """The lumped hook curve peaks at sqrt(KP KE) and has its half at the root of a quadratic."""
    ax = plot.dose_response(data, select={"treatment": "MT-802"})
    dmax, kd_target, kd_ligase = DEGRADERS["MT-802"][0]
    best, total = np.sqrt(kd_target * kd_ligase), kd_target + kd_ligase
    half = min(np.roots([1.0, total - 2.0 * (2.0 * best + total), best**2]))
    reached = dmax * (1.0 - np.exp(-6.0))
    arrow, circle = line(ax, "_Dmax WT"), line(ax, "_DC50 WT")
    np.testing.assert_allclose(arrow.get_xdata(), [best], rtol=0.02)
    np.testing.assert_allclose(arrow.get_ydata(), [100.0 - reached], atol=0.1)
    np.testing.assert_allclose(circle.get_xdata(), [half], rtol=0.02)
    np.testing.assert_allclose(circle.get_ydata(), [100.0 - reached / 2.0], atol=0.1)


def test_the_hook_is_marked_from_dmax_to_the_last_dose(data: xr.Dataset) -> None:
    ax = plot.dose_response(data, select={"treatment": "MT-802"})
    halo, curve = line(ax, "_hook WT"), line(ax, "WT")
    np.testing.assert_array_equal(halo.get_xdata()[0], line(ax, "_Dmax WT").get_xdata()[0])
    np.testing.assert_array_equal(
        halo.get_ydata()[1:], curve.get_ydata()[-len(halo.get_xdata()) + 1 :]
    )
    assert halo.get_xdata()[-1] == DOSES_NM[-1]


def test_ic50_is_marked_on_activity(data: xr.Dataset) -> None:
    ax = plot.dose_response(data, "target_active", select={"treatment": "pirtobrutinib"})
    circle = line(ax, "_IC50 WT")
    np.testing.assert_allclose(circle.get_xdata(), [4.0], rtol=0.02)
    np.testing.assert_allclose(circle.get_ydata(), [50.0])


def test_only_the_marks_asked_for(data: xr.Dataset) -> None:
    ax = plot.dose_response(data, select={"treatment": "MT-802"}, mark=())
    assert not [text for text in labels(ax) if text.startswith(("_DC50", "_Dmax", "_hook"))]
    with pytest.raises(ParameterError, match="mark has 'EC50'; allowed are DC50, Dmax, hook"):
        plot.dose_response(data, mark=("EC50",))


def test_flat_curves_carry_no_marks(data: xr.Dataset) -> None:
    ax = plot.dose_response(data, select={"treatment": "ibrutinib"})
    assert not [text for text in labels(ax) if text.startswith(("_DC50", "_Dmax", "_hook"))]


def test_wild_type_is_solid_and_curves_differ_in_colour_dash_and_marker(data: xr.Dataset) -> None:
    ax = plot.dose_response(data, select={"treatment": "MT-802"})
    lines = [line(ax, allele) for allele in ALLELES]
    assert [item.is_dashed() for item in lines] == [False, True, True, True]
    assert len({item.get_color() for item in lines}) == 4
    assert len({item.get_marker() for item in lines}) == 4
    assert len({look.dash for look in style.looks(4, ordered=False)}) == 4


def test_wild_type_is_solid_wherever_it_stands(data: xr.Dataset) -> None:
    ax = plot.dose_response(data.isel({"target.allele": [2, 0]}), select={"treatment": "MT-802"})
    assert (line(ax, "WT").is_dashed(), line(ax, "T474I").is_dashed()) == (False, True)


def test_left_over_dims_are_named_with_the_way_out(data: xr.Dataset) -> None:
    with pytest.raises(ParameterError, match=r"treatment \(5 values\).*select=\{'treatment': 'MT"):
        plot.dose_response(data)
    repeated = one_treatment(data).expand_dims(replicate=3)
    with pytest.raises(ParameterError, match=r"replicate \(3 values\)"):
        plot.dose_response(repeated)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"observable": "target"}, "no observable 'target'; it has target_active, target_total"),
        ({"select": {"treatment": "dasatinib"}}, "treatment is 'dasatinib'; .* MT-802, Zorba"),
        ({"select": {"drug": "MT-802"}}, "no dim 'drug'.*'treatment'"),
        ({"time_h": 2.0}, "time_h is 2.0; the Dataset has 1.0, 4.0, 24.0"),
        ({"hue": "target.alele"}, "hue 'target.alele' is no dim.*'target.allele'"),
    ],
)
def test_wrong_names_say_what_exists(data: xr.Dataset, arguments: dict, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        plot.dose_response(data, **arguments)


def test_a_dataset_without_doses_is_refused(data: xr.Dataset) -> None:
    with pytest.raises(ParameterError, match=r"compound\.dose_nM.*Add that axis"):
        plot.dose_response(data.isel({"compound.dose_nM": 3}), select={"treatment": "MT-802"})
    vehicle_only = make_data(np.array([0.0]), ["ibrutinib"])
    with pytest.raises(ParameterError, match="no dose is above 0 nM"):
        plot.dose_response(vehicle_only)


def test_one_curve_without_a_hue(data: xr.Dataset) -> None:
    wild_type = data.sel({"target.allele": "WT"}).drop_vars("target.allele")
    panel = read_panel(wild_type, "target_total", select={"treatment": "MT-802"})
    assert [curve.name for curve in panel.curves] == [""]
    plot.dose_response(wild_type, select={"treatment": "MT-802"})


def test_a_numeric_hue_is_an_ordered_ramp(data: xr.Dataset) -> None:
    numbers = one_treatment(data).assign_coords({"target.allele": [0.1, 1.0, 10.0, 100.0]})
    numbers = numbers.rename({"target.allele": "compound.kd_target_nM"})
    numbers["compound.kd_target_nM"].attrs["units"] = "nM"
    ax = plot.dose_response(numbers, hue="compound.kd_target_nM")
    assert "kd target = 0.1 nM" in labels(ax)
    brightness = [
        sum(to_rgb(line(ax, f"kd target = {k} nM").get_color())) for k in ("0.1", "1", "10", "100")
    ]
    assert brightness == sorted(brightness)
    shuffled = plot.dose_response(numbers.isel({"compound.kd_target_nM": [2, 0, 3, 1]}),
                                  hue="compound.kd_target_nM")  # fmt: skip
    assert labels(shuffled) == labels(ax)
    assert [line(shuffled, name).get_color() for name in labels(ax)] == [
        line(ax, name).get_color() for name in labels(ax)
    ]


def test_impaired_allele_shows_unoccupied_target_instead(data: xr.Dataset) -> None:
    ax = plot.dose_response(data, "target_active", select={"treatment": "pirtobrutinib"})
    given = total_and_free("pirtobrutinib", 3, DOSES_NM, 24.0)[1]
    np.testing.assert_array_equal(line(ax, "L528W").get_ydata(), given)
    legend = [text.get_text() for text in ax.figure.legends[0].get_texts()]
    assert any(text.startswith("L528W (unoccupied BTK)") for text in legend)


def test_impaired_allele_is_named_where_nothing_can_be_drawn(data: xr.Dataset) -> None:
    bare = one_treatment(data).drop_vars(["target_unoccupied", "target_unoccupied_percent"])
    ax = plot.dose_response(bare, "target_active")
    assert "L528W" not in labels(ax)
    legend = [text.get_text() for text in ax.figure.legends[0].get_texts()]
    assert "L528W (zero in the reference)" in legend


def test_failed_points_leave_gaps_and_failed_curves_say_so(data: xr.Dataset) -> None:
    failed = one_treatment(data).copy(deep=True)
    failed["target_total_percent"][0, 0, 5:8] = np.nan
    failed["target_total_percent"][0, 1] = np.nan
    failed["status"][0, 0, 5:8] = 3
    failed["status"][0, 1] = 3
    ax = plot.dose_response(failed)
    assert list(np.flatnonzero(np.isnan(line(ax, "WT").get_ydata()))) == [5, 6, 7]
    assert "C481S" not in labels(ax)
    legend = [text.get_text() for text in ax.figure.legends[0].get_texts()]
    assert "C481S (no valid point)" in legend


@pytest.mark.parametrize("chosen", ["IKZF1", "GSPT1"])
def test_a_chosen_neosubstrate_is_named_where_its_row_has_no_title(
    data: xr.Dataset, chosen: str
) -> None:
    one = one_treatment(data)
    attrs = {"units": "%", "long_name": "total neosubstrate", "relative_to": "vehicle"}
    both = xr.concat([one["target_total_percent"]] * 2, "neosubstrate").assign_attrs(attrs)
    one = one.assign(neosubstrate_total_percent=both, neosubstrate_total=both)
    one = one.assign_coords(neosubstrate=["IKZF1", "GSPT1"])
    select = {"neosubstrate": chosen}
    rows = ("target_total", "neosubstrate_total")
    figure = plot.dose_response_grid(one, rows, select=select)
    shown = [ax.get_ylabel() for ax in figure.axes]
    assert shown == ["total BTK\n(% of vehicle)", f"total {chosen}\n(% of vehicle)"]
    times = plot.time_course(
        one.sel({"compound.dose_nM": DOSES_NM[3]}), rows[1], hue="target.allele", select=select
    )
    assert times.get_ylabel() == f"total {chosen} (% of vehicle)"


def test_all_points_failed_still_gives_a_figure(data: xr.Dataset) -> None:
    empty = one_treatment(data).copy(deep=True)
    for name in ("target_total_percent", "target_active_percent", "target_unoccupied_percent"):
        empty[name][:] = np.nan
    empty["status"][:] = 3
    figure = plot.dose_response_grid(empty)
    assert "Not drawn (WT, C481S, T474I, L528W): total BTK, MT-802: no valid point" in caption_of(
        figure
    )


def test_axes_given_are_used_and_labels_are_prefixed(data: xr.Dataset) -> None:
    own = Figure().add_subplot()
    ax = plot.dose_response(data, ax=own, select={"treatment": "MT-802"}, label="MT-802")
    assert ax is own
    assert "MT-802 C481S" in labels(ax)
    assert own.get_legend() is not None


@pytest.mark.parametrize(
    ("treatment", "observable"),
    [
        ("MT-802", "target_total"),
        ("Zorba PROTAC 10", "target_active"),
        ("zanubrutinib", "target_active"),
    ],
)
def test_single_panel_texts_do_not_touch(data: xr.Dataset, treatment: str, observable: str) -> None:
    ax = plot.dose_response(data, observable, select={"treatment": treatment})
    figure = rendered(ax.figure)
    assert not overlaps(figure)
    assert not cut_off(figure)
    assert figure.get_figwidth() * 25.4 == pytest.approx(85.0)


def test_grid_texts_do_not_touch_at_180_mm(grid: Figure) -> None:
    assert not overlaps(grid)
    assert not cut_off(grid)
    assert len(grid.axes) == 10
    assert len({round(ax.get_position().y0, 6) for ax in grid.axes}) == 2


def test_grid_wraps_its_columns_and_texts_do_not_touch_at_85_mm(data: xr.Dataset) -> None:
    few = data.isel(treatment=[0, 1, 2])
    figure = rendered(plot.dose_response_grid(few, ("target_active",), width_mm=85.0))
    assert not overlaps(figure)
    assert not cut_off(figure)
    assert len({round(ax.get_position().y0, 6) for ax in figure.axes}) == 2


def test_long_titles_are_broken_into_lines(data: xr.Dataset) -> None:
    names = [f"ibrutinib for a day, then degrader {k}" for k in range(5)]
    figure = plot.dose_response_grid(data.assign_coords(treatment=names), ("target_active",))
    rendered(figure)
    assert not overlaps(figure)
    assert figure.axes[0].get_title(loc="left").replace("\n", " ") == names[0]


def test_legend_and_caption_stay_off_the_panels(grid: Figure) -> None:
    panels = [ax.bbox for ax in grid.axes]
    assert grid.legends[0].get_window_extent().y0 > max(box.y1 for box in panels)
    caption_text = max(grid.texts, key=lambda t: len(t.get_text()))
    assert caption_text.get_window_extent().y1 < min(box.y0 for box in panels)


def test_grid_shares_axes_and_letters_its_panels(grid: Figure) -> None:
    assert len({ax.get_ylim() for ax in grid.axes[:5]}) == 1
    assert len({ax.get_xlim() for ax in grid.axes}) == 1
    letters = [t.get_text() for t in grid.texts if len(t.get_text()) == 1]
    assert letters == list("abcdefghij")


def test_shared_value_axis_shows_the_highest_curve(data: xr.Dataset) -> None:
    raised = data.isel(treatment=[0, 2]).copy(deep=True)
    raised["target_total_percent"][1] *= 1.4
    figure = plot.dose_response_grid(raised, ("target_total",))
    assert all(ax.get_ylim()[1] > 140.0 for ax in figure.axes)


def test_grid_without_provenance_or_columns(data: xr.Dataset) -> None:
    bare = data.sel(treatment="MT-802").drop_vars(["treatment", "status"]).drop_attrs(deep=False)
    figure = plot.dose_response_grid(bare)
    assert len(figure.axes) == 2
    assert caption_of(figure).startswith("All at 24 h.")


def test_grid_refuses_what_it_cannot_show(data: xr.Dataset) -> None:
    with pytest.raises(ParameterError, match="observables is empty"):
        plot.dose_response_grid(data, ())
    with pytest.raises(ParameterError, match=r"treatment \(5 values\)"):
        plot.dose_response_grid(data, columns="target.allele", hue="time_h")


def test_hypothetical_compounds_carry_an_asterisk(data: xr.Dataset, grid: Figure) -> None:
    titles = [ax.get_title(loc="left").replace("\n", " ") for ax in grid.axes[:5]]
    starred = [f"{t}*" if t == "Zorba PROTAC 10" else t for t in TREATMENTS]
    assert titles == starred
    assert "* Hypothetical (zorba-protac-10)" in caption_of(grid)
    ax = plot.dose_response(data, select={"treatment": "Zorba PROTAC 10"})
    assert ax.get_title(loc="left") == "Zorba PROTAC 10*, 24 h"


def caption_of(figure: Figure) -> str:
    return breakable(max((t.get_text() for t in figure.texts), key=len))


def breakable(text: str) -> str:
    return text.replace("\n", " ").replace("\N{NO-BREAK SPACE}", " ")


def test_caption_says_what_was_assumed(grid: Figure) -> None:
    written = caption_of(grid)
    assert written.startswith("Degraders and inhibitors on wild-type and mutant BTK. All at 24 h.")
    assert "Constants without a public measurement (assumed)" in written
    for constant in UNVERIFIED:
        name = constant["path"].rsplit(".", 1)[-1].replace("_", " ").split(" per ")[0]
        assert name.rsplit(" ", 1)[0] in written
    assert "Dash-dot, open symbols (L528W): unoccupied BTK instead of active BTK" in written


def test_equal_constants_are_named_once_with_their_owners() -> None:
    pair = [
        {
            "path": f"cell.proteins.{p}.half_life_h",
            "value": 24.0,
            "unit": "h",
            "confidence": "assumed",
        }
        for p in ("BTK", "CRBN")
    ]
    assert "half life 24 h (BTK, CRBN)" in breakable(caption.unverified(pair))
    assert caption.unverified([]) == ""


def constant(path: str, value: float, unit: str = "", **others: Any) -> dict[str, Any]:
    return {"path": path, "value": value, "unit": unit, "confidence": "assumed", **others}


def test_only_a_factor_of_one_is_neutral() -> None:
    said = breakable(
        caption.unverified(
            [
                constant("compounds.mt-802.productive_fraction", 1.0, shared=True),
                constant("ubiquitination.k_dub_bound_per_h", 0.0, "1/h"),
                constant("compounds.mt-802.atp_assay_uM", 0.0, "uM", shared=True),
                constant("target.allele.km_atp_uM", 170.0, "uM"),
                constant("compounds.mt-802.unbound_accumulation", 1.0, shared=True),
            ]
        )
    )
    assert said.endswith(
        "(assumed): productive fraction 1 (upper bound); k dub bound 0 /h; ATP assay 0 µM; "
        "Km(ATP) 170 µM; taken as neutral: unbound accumulation"
    )


def test_a_constant_names_its_owners_unless_all_share_it() -> None:
    def kon(*names: str, shared: bool) -> str:
        path = "compounds.{}.kon_target_per_nM_per_h"
        of = [constant(path.format(n), 3.6, "1/nM/h", shared=shared) for n in names]
        return breakable(caption.unverified(of)).partition(": ")[2]

    assert kon("a", "b", "c", shared=True) == "kon target 3.6 /nM/h"
    assert kon("a", shared=False) == "kon target 3.6 /nM/h (a)"
    assert kon("a", "b", "c", shared=False) == "kon target 3.6 /nM/h (a, b, c)"
    assert kon("a", "b", "c", "d", "e", shared=False) == "kon target 3.6 /nM/h (a, b and 3 more)"


def test_neutral_folds_keep_their_owners() -> None:
    folds = "target.allele.class_folds"
    said = caption.unverified(
        [
            constant(f"{folds}.covalent", 10.0, entry="T474I"),
            constant(f"{folds}.degrader", 1.0, entry="T474I"),
            constant("cell.proteins.BTK.expression.mrna_copies", 17.0, "molecules/cell"),
        ]
    )
    assert breakable(said).endswith(
        "fold change on T474I 10 (covalent compounds); mRNA copies 17 molecules/cell (BTK); "
        "taken as neutral: fold change on T474I (degrader compounds)"
    )


def test_a_vehicle_that_keeps_a_compound_is_told(data: xr.Dataset) -> None:
    both = TREATMENTS[0]
    told = data.assign_attrs(
        varied_compound=json.dumps({both: "mt-802", "another": "x"}),
        kept_compounds=json.dumps({both: ["ibrutinib"], "another": ["y"]}),
    )
    said = caption_of(plot.dose_response_grid(told, ("target_total",)))
    kept = f"Vehicle of {both}: the same treatment without mt-802; ibrutinib is kept."
    assert kept in said
    assert "another" not in said
    alone = told.isel(treatment=0, drop=True).assign_attrs(
        kept_compounds=json.dumps({both: ["ibrutinib"]})
    )
    assert kept in caption_of(plot.dose_response_grid(alone, ("target_total",)))
    assert "Vehicle of" not in caption_of(plot.dose_response_grid(data, ("target_total",)))


def test_dollar_signs_in_names_are_not_mathematics(data: xr.Dataset) -> None:
    odd = one_treatment(data).assign_coords(treatment=["a $x$ _y"])
    figure = plot.dose_response_grid(odd, ("target_active",))
    assert figure.axes[0].get_title(loc="left") == "a $x$ _y"


@pytest.fixture(scope="module")
def saved(data: xr.Dataset, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, ...]]:
    """The same figure made and saved twice."""
    paths = []
    for _ in range(2):
        figure = plot.dose_response_grid(one_treatment(data), width_mm=85.0)
        stem = tmp_path_factory.mktemp("saved") / "new" / "01-dose-response.v1"
        paths.append(plot.save(figure, stem))
    return paths


def test_saved_files_are_identical_twice(saved: list[tuple[Path, ...]]) -> None:
    assert [p.name for p in saved[0]] == ["01-dose-response.v1.svg", "01-dose-response.v1.png"]
    for first, second in zip(*saved, strict=True):
        assert first.read_bytes() == second.read_bytes()


def test_saved_figure_keeps_text_as_text_and_has_300_dpi(saved: list[tuple[Path, ...]]) -> None:
    from matplotlib import image

    svg, png = saved[0]
    assert "dose (nM)" in svg.read_text(encoding="utf-8")
    assert "<dc:date>" not in svg.read_text(encoding="utf-8")
    assert image.imread(png).shape[1] == pytest.approx(85.0 / 25.4 * 300.0, abs=1.0)


def test_import_does_not_load_pyplot() -> None:
    code = "import sys, protacsim.plot; sys.exit('matplotlib.pyplot' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_drawing_outside_a_notebook_does_not_need_pyplot(
    data: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it would raise
    plot.dose_response(data, select={"treatment": "MT-802"})
    plot.dose_response_grid(one_treatment(data), ("target_active",))


def test_notebooks_show_each_figure_once(data: xr.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "agg")
    from matplotlib import pyplot

    monkeypatch.setattr(style, "in_notebook", lambda: True)
    plot.dose_response(data, select={"treatment": "MT-802"})
    assert len(pyplot.get_fignums()) == 1
    pyplot.close("all")
    plot.dose_response_grid(one_treatment(data), ("target_active",))
    assert not pyplot.get_fignums()


def test_a_kernel_makes_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    for shell, expected in ((None, False), (SimpleNamespace(kernel=1), True)):
        module = SimpleNamespace(get_ipython=lambda shell=shell: shell)
        monkeypatch.setitem(sys.modules, "IPython", module)
        assert style.in_notebook() is expected


def test_drawing_leaves_the_callers_style_alone(data: xr.Dataset) -> None:
    from matplotlib import rcParams

    before = dict(rcParams)
    plot.dose_response(data, select={"treatment": "MT-802"})
    assert dict(rcParams) == before


@pytest.mark.parametrize(
    ("dose_nM", "text"),
    [(0.5, "0.50 nM"), (990.0, "990 nM"), (999.0, "1.0 µM"), (90_000.0, "90 µM")],
)
def test_dose_text(dose_nM: float, text: str) -> None:
    assert style.dose_text(dose_nM) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(1234.0, "1200"), (0.01234, "0.012"), (4.0, "4.0"), (9.96, "10"), (0.0, "0")],
)
def test_significant(number: float, text: str) -> None:
    assert style.significant(number) == text


def test_dose_axis_of_one_dose_is_finite(data: xr.Dataset) -> None:
    panel = read_panel(one_treatment(data).isel({"compound.dose_nM": [3]}), "target_total")
    low, high = dose_axis(panel).limits
    assert low < DOSES_NM[3] < high
