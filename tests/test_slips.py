"""Slips in calls of the Python API: one sentence that says what to change, never a wrong number."""

from __future__ import annotations

import inspect

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.interpolate import PchipInterpolator

import protacsim as ps
from protacsim.errors import ParameterError
from protacsim.network import Dose
from protacsim.simulation import settle


def decay():
    net = ps.Network("n")
    net.add("decay", "A", (), "k")
    return net


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (Dose(-np.inf, "A", 5.0, False), "a change of A is at -inf h"),
        (Dose(0.5, "A", -5.0, True), "has the amount -5"),
        (Dose(0.5, "B", 1.0, False), "names 'B'.*known: A"),
        (Dose([0.5, 1.0], "A", [1.0, 2.0, 3.0], False), "one number for each point"),
    ],
)
@pytest.mark.parametrize("method", [ps.ODE(), ps.Reference()], ids=["ode", "reference"])
def test_changes_that_cannot_be_made_are_refused(change, said, method):
    with pytest.raises(ParameterError, match=said):
        ps.solve(decay(), {"k": 1.0}, {"A": 100.0}, [1.0, 2.0], changes=[change], method=method)


@pytest.mark.parametrize("change", [Dose(np.nan, "A", 5.0, False), Dose(0.5, "A", np.nan, False)])
def test_the_referee_has_no_status_for_numbers_that_are_none(change):
    with pytest.raises(ParameterError, match="nan"):
        ps.solve(decay(), {"k": 1.0}, {"A": 1.0}, [1.0], changes=[change], method=ps.Reference())


def test_numbers_for_different_numbers_of_points_are_refused():
    with pytest.raises(ParameterError, match="one number for each point"):
        ps.solve(decay(), {"k": [1.0, 2.0]}, {"A": [1.0, 2.0, 3.0]}, [1.0])


@pytest.mark.parametrize("name", ["C481S", "L528W", "V416L", "T474I"])
def test_an_allele_of_the_library_is_not_wild_type_under_its_name(name):
    with pytest.raises(ParameterError, match=f"unlike the {name} of the library"):
        ps.Scenario(cell="molm14", target=ps.Target("BTK", allele=ps.Allele(name)))


def test_an_allele_of_ones_own_and_resolved_ones_are_taken():
    ps.Scenario(cell="molm14", target=ps.Target("BTK", allele=ps.Allele("mine")))
    one = ps.Scenario(cell="molm14", target={"name": "BTK", "allele": "C481S"})
    assert ps.Scenario(cell="molm14", target=one.target).allele == one.allele


@pytest.mark.parametrize("as_noun", [True, False])
def test_a_preset_fills_what_a_noun_leaves_open(as_noun):
    given = {"chain_length": 3, "k_dub_bound_per_h": 5.0}
    chain = ps.Ubiquitination(**given) if as_noun else given
    found = ps.Scenario(preset="bartlett2021", ubiquitination=chain).ubiquitination
    preset = ps.Scenario(preset="bartlett2021").ubiquitination
    assert (found.chain_length, found.k_dub_bound_per_h) == (3, 5.0)
    assert found.chain_on_release == preset.chain_on_release == "erased"
    assert found.k_ub_per_h == preset.k_ub_per_h


@pytest.fixture(scope="module")
def course():
    return ps.run(
        ps.Study(
            ps.Scenario(cell="molm14", treatment="mt-802"),
            axes={"target.allele": ["WT"], "compound.dose_nM": [10.0, 100.0, 1000.0]},
            readout=ps.Readout(
                ["target_total"], times_h=[1.0, 4.0, 12.0, 24.0, 48.0], relative_to="vehicle"
            ),
        )
    )


@pytest.mark.jit_only
@pytest.mark.parametrize("order", [[4, 3, 2, 1, 0], [1, 3, 0, 4, 2]])
def test_readings_over_time_do_not_trust_the_order_of_times(course, order):
    moved = course.isel(time_h=order)
    area = ps.pharmacology.area_over_the_curve(moved)
    lost = 100.0 - course["target_total_percent"].values
    lost = np.concatenate([np.zeros((*lost.shape[:-1], 1)), lost], axis=-1)
    np.testing.assert_allclose(area, np.trapezoid(lost, [0.0, *course["time_h"].values], axis=-1))
    ax = ps.plot.dose_response(moved)
    assert "48 h" in ax.get_title(loc="left")


@pytest.mark.jit_only
def test_an_area_needs_times_that_differ(course):
    for wrong in (course.sel(time_h=24.0), course.isel(time_h=[0, 1, 1, 2])):
        with pytest.raises(ParameterError, match="times that differ"):
            ps.pharmacology.area_over_the_curve(wrong)


@pytest.mark.jit_only
def test_cells_do_not_trust_the_order_of_times():
    study = ps.Study(
        ps.Scenario(cell="molm14", treatment={"name": "mt-802", "dose_nM": 100.0}),
        readout=ps.Readout(["target_total"], times_h=[0.0, 4.0, 12.0, 24.0]),
        method=ps.LNA(),
        replicates=8,
    )
    cells = ps.run(study)
    turned = cells.isel(time_h=slice(None, None, -1))
    for read in (
        lambda data: ps.pharmacology.fraction_of_cells(data, loss_percent=50.0).sortby("time_h"),
        lambda data: ps.pharmacology.first_passage_h(data, below=400.0)["first_passage_h"],
    ):
        np.testing.assert_array_equal(read(turned), read(cells))


@pytest.mark.jit_only
def test_joined_studies_have_no_failed_points(course):
    last = course.isel(time_h=[-1])
    other = last.assign_coords({"compound.dose_nM": [15.0, 150.0, 1500.0]})
    other = other.assign_coords({"target.allele": ["other"]})
    joined = xr.concat(
        [last, other], "target.allele", join="outer", data_vars="all", coords="minimal"
    )
    found = ps.pharmacology.dose_response(joined)
    assert found.attrs["failed_points"] == 0
    alone = ps.pharmacology.dose_response(last)["dmax_percent"].values
    np.testing.assert_array_equal(found["dmax_percent"].sel({"target.allele": "WT"}), alone[0])
    ax = ps.plot.dose_response(joined, mark=())
    (line,) = [line for line in ax.get_lines() if line.get_label() == "WT"]
    np.testing.assert_array_equal(line.get_xdata(), [10.0, 100.0, 1000.0])


@pytest.mark.jit_only
def test_a_map_over_two_doses_leaves_the_undosed_rows_out():
    study = ps.Study(
        ps.Scenario(cell="molm14", treatment=("mt-802", {"name": "ibrutinib", "dose_nM": 1.0})),
        axes={
            "compound.dose_nM": [1.0, 10.0, 100.0, 1000.0],
            "compounds.ibrutinib.dose_nM": [0.0, 1.0, 10.0],
        },
        readout=ps.Readout(["target_total"], times_h=[24.0], relative_to="untreated"),
    )
    data = ps.run(study)
    dims = ("compound.dose_nM", "compounds.ibrutinib.dose_nM")
    for x, y in (dims, dims[::-1]):
        ax = ps.plot.heatmap(data, x=x, y=y).axes[0]
        assert ax.get_xscale() == ax.get_yscale() == "log"
        (points,) = [line for line in ax.get_lines() if line.get_color() == "white"]
        assert len(points.get_xdata()) == 2


@pytest.mark.jit_only
def test_a_map_of_one_row_of_designs_has_no_contours(course):
    wide = course.expand_dims({"cell.volume_pL": [1.0, 2.0], "cell.atp_uM": [3000.0]})
    figure = ps.plot.heatmap(wide, "dmax_percent", x="cell.volume_pL", y="cell.atp_uM")
    assert len(figure.axes[0].collections) == 1


@pytest.mark.jit_only
def test_maps_of_times_and_columns_of_names_are_refused(course):
    with pytest.raises(ParameterError, match="a map is of one time"):
        ps.plot.heatmap(course, y="time_h")
    with pytest.raises(ParameterError, match=r"target\.allele has names"):
        ps.plot.heatmap(course, x="target.allele", y=DOSE)


def points(**columns):
    return pd.DataFrame(columns)


DOSE = "compound.dose_nM"


@pytest.mark.jit_only
def test_every_measured_point_is_seen(course):
    table = points(**{DOSE: [0.0, 1e-3, 50.0, 1e6], "value": [101.0, 99.0, 60.0, 95.0]})
    ax = ps.plot.dose_response(course, points=table)
    (drawn,) = [line for line in ax.get_lines() if line.get_label().startswith("_measured")]
    low, high = ax.get_xlim()
    x = drawn.get_xdata()
    assert ((x > low) & (x < high)).all()
    np.testing.assert_array_equal(x[1:], [1e-3, 50.0, 1e6])
    (vehicle,) = [line for line in ax.get_lines() if line.get_label() == "_vehicle"]
    assert x[0] == vehicle.get_xdata()[0]


@pytest.mark.jit_only
def test_points_in_fractions_are_drawn_in_percent(course):
    table = points(**{DOSE: [10.0], "value": [0.6], "sd": [0.05], "unit": ["fraction"]})
    ax = ps.plot.dose_response(course, points=table)
    (drawn,) = [line for line in ax.get_lines() if line.get_label().startswith("_measured")]
    assert drawn.get_ydata()[0] == pytest.approx(60.0)
    (bar,) = [
        c for c in ax.collections if len(c.get_segments()) == 1 and c.get_linewidth()[0] == 0.7
    ]
    assert sorted(bar.get_segments()[0][:, 1]) == pytest.approx([55.0, 65.0])


@pytest.mark.jit_only
@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [("unit", "nM", "points have the unit 'nM'"), ("operator", "<=", "operator is '<='")],
)
def test_columns_of_points_are_not_ignored(course, column, cell, said):
    table = points(**{DOSE: [10.0], "value": [60.0], column: [cell]})
    with pytest.raises(ParameterError, match=said):
        ps.plot.dose_response(course, points=table)


@pytest.mark.jit_only
def test_no_point_no_word_of_points(course):
    table = points(**{DOSE: [10.0], "value": [60.0], "time_h": [7.0]})
    legend = ps.plot.dose_response(course, points=table).figure.legends[0]
    assert "measured" not in [text.get_text() for text in legend.get_texts()]


@pytest.mark.jit_only
@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"value": "<5"}, "value is '<5'; must be a number"),
        ({"operator": "~"}, "operator is '~'"),
        ({DOSE: "5 nM"}, f"{DOSE} is '5 nM'"),
        ({"target.allele": np.nan}, r"has no target\.allele"),
    ],
)
def test_cells_that_compared_cannot_read_are_named(course, row, said):
    one = {"quantity": "target_total_percent", "value": 50.0, DOSE: 30.0, "target.allele": "WT"}
    with pytest.raises(ParameterError, match=said):
        ps.pharmacology.compared(course, pd.DataFrame([one | row]))


@pytest.mark.jit_only
def test_a_fold_has_no_unit(course):
    both = ps.run(
        ps.Study(
            ps.Scenario(cell="molm14", treatment="mt-802"),
            axes={"target.allele": ["WT", "C481S"], DOSE: np.geomspace(0.1, 1e4, 9)},
            readout=ps.Readout(["target_total"], times_h=[24.0], relative_to="vehicle"),
        )
    )
    row = {"quantity": "dc50_relative_fold_shift", "value": 0.6, "target.allele": "C481S"}
    found = ps.pharmacology.compared(both, pd.DataFrame([row]))
    assert found["unit"][0] == ""
    assert found["measured"][0] == 0.6


def test_elasticities_of_single_cells_are_refused():
    study = ps.Study(
        ps.Scenario(cell="molm14", treatment={"name": "mt-802", "dose_nM": 10.0}),
        readout=ps.Readout(["target_total"], times_h=[4.0]),
        method=ps.SSA(),
        replicates=2,
    )
    with pytest.raises(ParameterError, match="chance would drown"):
        ps.sensitivity_analysis.elasticities(study, ["cell.proteins.BTK.half_life_h"])


@pytest.mark.parametrize("dim", ["cells", "units", "observable", "quantile"])
def test_dims_do_not_take_the_names_of_columns(dim):
    draws = {"cell.volume_pL": {"distribution": "uniform", "low": 0.5, "high": 1.5}}
    scenario = ps.Scenario(cell="molm14", treatment={"name": "mt-802", "dose_nM": 10.0})
    with pytest.raises(ParameterError, match=dim):
        ps.Study(scenario, samples=[ps.Sample(dim, 2, draws)])


@pytest.mark.jit_only
def test_single_cells_are_summed_up_where_the_vehicle_has_none():
    scenario = ps.Scenario(cell="molm14", treatment={"name": "mt-802", "dose_nM": 100.0})
    observables = ["target_total", "target_occupied"]
    study = ps.Study(
        scenario,
        readout=ps.Readout(observables, times_h=[0.0, 4.0], relative_to="vehicle"),
        method=ps.LNA(),
        replicates=5,
    )
    data = ps.run(study)
    table = ps.pharmacology.cell_summary(data).set_index(["observable", "time_h"])
    assert set(table.index.get_level_values(0)) == {"target_total_percent", "target_occupied"}
    assert (table["cells"] == 5).all()
    mean = data["target_occupied"].sel(time_h=4.0).mean()
    assert table.loc[("target_occupied", 4.0), "mean"] == pytest.approx(float(mean))
    assert table.loc[("target_occupied", 4.0), "units"] == "nM"


@pytest.mark.parametrize("loss", [-10.0, 100.0, 150.0])
def test_a_loss_is_a_percentage(course, loss):
    with pytest.raises(ParameterError, match="loss_percent"):
        ps.pharmacology.fraction_lost(course, loss_percent=loss)


def test_messages_name_the_field_of_a_positional_argument():
    with pytest.raises(ParameterError, match=r"^observables: 'bogus'"):
        ps.Readout(["bogus"], times_h=[24], relative_to="vehicle")
    with pytest.raises(ParameterError, match=r"^compounds\[1\]\.dose_nM is -3"):
        ps.Treatment([{"name": "mt-802", "dose_nM": -3}], name="x")


def base():
    return ps.Scenario(cell="molm14", treatment={"name": "mt-802", "dose_nM": 10.0})


SLIPS = {
    "method by name": (lambda: ps.simulate(base(), [1.0], method="ode"), "method is 'ode'"),
    "run of a scenario": (lambda: ps.run(base()), "study is .*simulate takes a Scenario"),
    "simulate of a study": (lambda: ps.simulate(ps.Study(base()), [1.0]), "run takes a Study"),
    "simulate of a cell": (lambda: ps.simulate("molm14", [1.0]), "scenario is 'molm14'"),
    "steady state by chance": (lambda: ps.steady_state(base(), method=ps.SSA()), "kind ODE"),
    "gradient by chance": (
        lambda: ps.gradients(base(), ["compound.kd_target_nM"], [1.0], method=ps.SSA()),
        "kind ODE or Reference",
    ),
    "times in words": (lambda: ps.simulate(base(), ["24 h"]), r"times_h is \['24 h'\]"),
    "times in rows": (lambda: ps.simulate(base(), [[1.0, 2.0]]), r"has the shape \(1, 2\)"),
    "network of a cell": (lambda: ps.build_network("molm14"), "scenario is 'molm14'"),
    "fit of a scenario": (lambda: ps.fit(base(), [], []), "study is .*kind Study"),
    "sensitivity of a scenario": (
        lambda: ps.sensitivity_analysis.sensitivity(base(), {}),
        "study is .*kind Study",
    ),
    "uncertainty of a scenario": (
        lambda: ps.sensitivity_analysis.uncertainty(base()),
        "study is .*kind Study",
    ),
    "number of workers": (lambda: ps.run(ps.Study(base()), workers=4), "workers is 4; .*Workers"),
    "solution of a scenario": (lambda: ps.solve(base(), {}, {}, [1.0]), "network is .*Network"),
    "solution by name": (
        lambda: ps.solve(ps.Network("a"), {}, {}, [1.0], method="ode"),
        "method is 'ode'",
    ),
    "rest of a scenario": (lambda: settle(base(), {}, {}), "network is .*Network"),
    "cells of a scenario": (
        lambda: ps.sample(base(), {}, {}, [1.0], seed=1, replicates=1),
        "network is .*Network",
    ),
    "cells without chance": (
        lambda: ps.sample(ps.Network("a"), {}, {}, [1.0], seed=1, replicates=1, method=ps.ODE()),
        "method is ODE",
    ),
    "moments of a scenario": (lambda: ps.moments(base(), {}, {}, [1.0]), "network is .*Network"),
    "moments of cells": (
        lambda: ps.moments(ps.Network("a"), {}, {}, [1.0], method=ps.SSA()),
        "method is SSA",
    ),
    "peak of a study": (
        lambda: ps.pharmacology.ternary_peak(ps.Study(base())),
        "scenario is .*kind Scenario",
    ),
    "true is no dose": (lambda: ps.Axis(DOSE, [True, 2]), "has True; must be a number in nM"),
    "peaks of a scenario": (
        lambda: ps.pharmacology.ternary_peaks(base()),
        "study is .*kind Study",
    ),
    "members of a list": (lambda: ps.pharmacology.member_dims([1.0]), "data is .*DataArray"),
    "distribution of a list": (
        lambda: ps.pharmacology.distribution([1.0], "patient"),
        "values is .*kind DataArray",
    ),
    "no cells": (
        lambda: ps.pharmacology.cell_summary(xr.Dataset({"target_total": ("time_h", [1.0])})),
        "use a stochastic method",
    ),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_an_argument_of_another_kind_is_named(slip):
    call, said = SLIPS[slip]
    with pytest.raises(ParameterError, match=said):
        call()


RESULT_READERS = [
    name
    for name in ps.pharmacology.__all__
    if next(iter(inspect.signature(getattr(ps.pharmacology, name)).parameters), "")
    in ("data", "curves")
]


@pytest.mark.parametrize("name", sorted({*RESULT_READERS} - {"member_dims"}))
@pytest.mark.parametrize("given", [[1.0, 2.0], xr.DataArray([1.0])], ids=["list", "array"])
def test_what_reads_results_takes_a_dataset(name, given):
    read = getattr(ps.pharmacology, name)
    parameters = list(inspect.signature(read).parameters.values())
    needed = [p.name for p in parameters[1:] if p.default is p.empty]
    others = dict.fromkeys(needed)
    for call in (
        lambda: read(given, **others),
        lambda: read(**{parameters[0].name: given}, **others),
    ):
        with pytest.raises(ParameterError, match=f"^{parameters[0].name} is .* kind Dataset"):
            call()


@pytest.mark.jit_only
def test_one_path_is_a_list_of_one():
    one = ps.gradients(base(), "compound.kd_target_nM", 24.0, "target_total")
    xr.testing.assert_identical(
        one, ps.gradients(base(), ["compound.kd_target_nM"], [24.0], ["target_total"])
    )


@pytest.mark.jit_only
def test_what_is_read_lies_on_the_line_that_is_drawn():
    """Few points are joined by SciPy's own PCHIP, and DC50, Dmax and D50 lie on it."""
    study = ps.Study(
        ps.Scenario(cell="molm14", treatment="mt-802"),
        axes={DOSE: np.geomspace(0.1, 1e4, 6)},
        readout=ps.Readout(["target_total"], times_h=[0.0, 4.0, 24.0], relative_to="vehicle"),
    )
    data = ps.run(study)
    dose = ps.plot.dose_response(data)
    time = ps.plot.time_course(data, select={DOSE: data[DOSE].values[3]})
    for ax, marks in ((dose, ("_DC50 ", "_Dmax ")), (time, ("_D50 ",))):
        (line,) = [one for one in ax.get_lines() if one.get_label() == "_curve"]
        for mark in marks:
            (read,) = [one for one in ax.get_lines() if one.get_label() == mark]
            x, y = read.get_xdata()[0], read.get_ydata()[0]
            assert np.interp(x, line.get_xdata(), line.get_ydata()) == pytest.approx(y, abs=0.05)
    (line,) = [one for one in time.get_lines() if one.get_label() == "_curve"]
    percent = data["target_total_percent"].isel({DOSE: 3}).values
    ours = PchipInterpolator(data["time_h"].values, percent)(line.get_xdata())
    np.testing.assert_allclose(line.get_ydata(), ours, atol=1e-9)


def test_an_entry_of_ones_own_has_a_name_of_its_own():
    own = {
        "name": "mt-802", "custom": True, "kind": "degrader", "ligase": "CRBN",
        "kd_target_nM": 1.0, "dose_nM": 1.0,
    }  # fmt: skip
    with pytest.raises(ParameterError, match="mt-802 is an entry of the library"):
        ps.Scenario(cell="molm14", treatment=own | {"kd_ligase_nM": 1.0})
    with pytest.raises(ParameterError, match=r'name = "mine", custom = true, kd_ligase_nM = \.'):
        ps.Scenario(cell="molm14", treatment=own | {"name": "mine"})
