"""Studies: axes of names and numbers, references, masks, and what is refused before a run."""

import json
import shutil
from typing import Any

import numpy as np
import pytest
import xarray as xr

from protacsim.errors import ParameterError, SimulationError
from protacsim.kernels import records
from protacsim.kernels.cache import JIT_ENABLED
from protacsim.mechanisms import OBSERVABLES
from protacsim.methods import LNA, ODE
from protacsim.pharmacology import summary
from protacsim.scenario import Scenario, Treatment, replaced
from protacsim.simulation import readings as readings_module
from protacsim.simulation import simulate
from protacsim.study import Axis, Readout, Study, describing, failures, run, running, slab

DOSE = "compound.dose_nM"
ALLELE = "target.allele"


def base(treatment: Any = "mt-802", **changes: Any) -> Scenario:
    return Scenario(**{"cell": "molm14", "treatment": treatment, **changes})


def small(treatment: Any = "mt-802") -> Scenario:
    """Few species: one ubiquitin, quick to run in pure Python."""
    return base(treatment, ubiquitination={"chain_length": 1})


def alone(scenario: Scenario, times_h: Any = (24.0,), **changes: Any) -> xr.Dataset:
    """One run with paths replaced: what a point of a study must equal."""
    for path, value in changes.pop("at", {}).items():
        scenario = replaced(scenario, path, value)
    return simulate(scenario, list(times_h), **changes)


# Every point is the run it stands for.


def test_points_are_single_runs_in_the_order_declared() -> None:
    axes = {
        DOSE: [3.0, 300.0],
        ALLELE: ["WT", "C481S"],
        "compound.cooperativity": [1.0, 10.0, 30.0],
    }
    data = run(Study(small(), axes, Readout(("target_total", "ternary"), (1.0, 24.0))))
    assert data["target_total"].dims == (DOSE, ALLELE, "compound.cooperativity", "time_h")
    assert data["target_total"].shape == (2, 2, 3, 2)
    assert data["status"].dims == (DOSE, ALLELE, "compound.cooperativity")
    picks = [(3.0, "C481S", 30.0), (300.0, "WT", 1.0), (300.0, "C481S", 10.0)]
    for dose, allele, alpha in picks:
        at = {DOSE: dose, ALLELE: allele, "compound.cooperativity": alpha}
        single = alone(small(), (1.0, 24.0), at=at)
        for name in ("target_total", "ternary"):
            np.testing.assert_array_equal(data[name].sel(at).values, single[name].values)


@pytest.mark.jit_only
@pytest.mark.parametrize("engine", ["interpreted", "emitted"])
def test_no_value_depends_on_what_else_is_read_out(engine: Any) -> None:
    """A study works out the observables that it reads, and nothing more."""
    doses, times = {DOSE: [0.0, 3.0, 300.0]}, (1.0, 24.0)
    texts = [*OBSERVABLES, "bound = species[BTK:mt-802] / target_total"]

    def found(*observables: str) -> xr.Dataset:
        readout = Readout(observables, times, relative_to="vehicle")
        return run(Study(small(), doses, readout, ODE(engine=engine)))

    every = found(*(text for text in texts if text != "neosubstrate_total"))
    for text in ("ternary", "compound_cell", "turned_over", texts[-1]):
        for name, own in found(text).data_vars.items():
            np.testing.assert_array_equal(own.values, every[name].values)


@pytest.mark.jit_only
@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("cell", ["molm14", "ramos"]),
        ("cell.atp_uM", [0.0, 3000.0]),
        ("cell.volume_pL", [0.5, 2.0]),
        ("cell.proteins.CRBN.abundance_nM", [0.0, 13.0]),
        ("cell.proteins.CRBN.abundance_copies", [100.0, 9000.0]),
        ("cell.proteins.BTK.half_life_h", [10.0, 100.0]),
        ("target.allele.km_atp_uM", [30.0, 1e4]),
        ("target.allele.class_folds.degrader", [0.6, 1.0]),
        ("ubiquitination.chain_length", [0, 2]),
        ("ubiquitination.chain_on_release", ["kept", "erased"]),
        ("ubiquitination.chain_on_release", [0.0, 0.5, 1.0]),
        ("ubiquitination.chain_on_release", ["kept", 0.5]),
        ("ubiquitination.k_ub_per_h", [0.0, 1500.0]),
        ("compound.kinact_per_h", [0.0, 10.0]),
        ("compound.koff_target_per_h", [10.0, 400.0]),
        ("compound.cooperativity_split", ["on_rates", "off_rates"]),
        ("compound.start_h", [-6.0, 2.0]),
        ("compound.stop_h", [1.0, 8.0]),
        ("compound.doses", [2, 4]),
        ("compound.every_h", [2.0, 8.0]),
        ("compounds.mt-802.permeability_pL_per_h", [1.0, 250.0]),
    ],
)
def test_any_path_can_be_an_axis(path: str, values: list[Any]) -> None:
    scenario = small({"name": "mt-802", "dose_nM": 100.0, "cooperativity": 5.0})
    if path in ("compound.doses", "compound.every_h"):
        scenario = small({"name": "mt-802", "dose_nM": 30.0, "every_h": 5.0, "doses": 2})
    if path == "ubiquitination.chain_length":
        scenario = replaced(scenario, "ubiquitination.k_proteasome_free_per_h", 0.0)
    data = run(Study(scenario, {path: values}))
    found = data["target_total"].values[:, 0]
    expected = [alone(scenario, at={path: value})["target_total"].item() for value in values]
    np.testing.assert_allclose(found, expected, rtol=2e-5)  # a varied path may add empty states
    assert data[path].values.tolist() == [v if isinstance(values[0], float | int) else str(v)
                                          for v in values]  # fmt: skip


def test_a_study_of_one_point() -> None:
    scenario = small({"name": "mt-802", "dose_nM": 100.0})
    data = run(Study(scenario, (), Readout(relative_to="vehicle")))
    assert data["target_total"].dims == ("time_h",)
    assert data["target_total"].item() == alone(scenario)["target_total"].item()
    assert data["status"].item() == 0


def test_a_study_over_names_alone() -> None:
    scenario = small({"name": "mt-802", "dose_nM": 100.0})
    data = run(Study(scenario, {ALLELE: ["WT", "C481S"]}, Readout(relative_to="vehicle")))
    for allele in ("WT", "C481S"):
        single = alone(scenario, at={ALLELE: allele})["target_total"].item()
        assert data["target_total"].sel({ALLELE: allele}).item() == single
        assert data["target_total_percent"].sel({ALLELE: allele}).item() == pytest.approx(
            100.0 * single / 780.0, rel=1e-9
        )


# Axes that advance together.


def test_zipped_numbers_share_a_dim() -> None:
    axes = (
        Axis(DOSE, (1.0, 100.0), zip="design"),
        Axis(ALLELE, ("WT", "C481S")),
        Axis("compound.permeability_pL_per_h", (5.0, 50.0), zip="design"),
    )
    data = run(Study(small(), axes, Readout(relative_to="vehicle")))
    assert data["target_total_percent"].dims == ("design", ALLELE, "time_h")
    assert data[DOSE].dims == data["compound.permeability_pL_per_h"].dims == ("design",)
    at = {DOSE: 100.0, "compound.permeability_pL_per_h": 50.0, ALLELE: "C481S"}
    single = alone(small(), at=at)["target_total"].item()
    assert data["target_total"].sel({ALLELE: "C481S"}).isel(design=1).item() == single


def test_a_name_zipped_with_numbers() -> None:
    axes = (
        Axis("treatment", ("mt-802", "ibrutinib"), zip="arm"),
        Axis("compound.fraction_unbound_cell", (1.0, 0.5)),
        Axis(DOSE, (100.0, 3.0), zip="arm"),
    )
    data = run(Study(small(), axes, Readout(("target_active",), relative_to="vehicle")))
    assert data["target_active"].dims == ("arm", "compound.fraction_unbound_cell", "time_h")
    assert data["treatment"].dims == ("arm",)
    at = {DOSE: 3.0, "compound.fraction_unbound_cell": 0.5}
    single = alone(small("ibrutinib"), at=at)["target_active"].item()
    assert (
        data["target_active"].isel({"arm": 1, "compound.fraction_unbound_cell": 1}).item() == single
    )
    assert (data["target_active_percent"] < 100.0).all()


# References.


def pretreated(dose_nM: float = 5.0) -> list[Any]:
    return [{"name": "ibrutinib", "dose_nM": dose_nM, "start_h": -12.0, "stop_h": 0.0}, "mt-802"]


@pytest.mark.parametrize("reference", ["vehicle", "untreated", "start"])
def test_references(reference: Any) -> None:
    """Vehicle drops the varied compound only, untreated all; start is the first moment."""
    scenario = small(pretreated())
    readout = Readout(("target_active",), (6.0, 24.0), reference)
    data = run(Study(scenario, {DOSE: [0.0, 100.0]}, readout))
    none = {"compounds.mt-802.dose_nM": 0.0}
    base_line = {
        "vehicle": lambda: alone(scenario, (6.0, 24.0), at=none)["target_active"].values,
        "untreated": lambda: np.array([780.0, 780.0]),
        "start": lambda: np.array([780.0, 780.0]),
    }[reference]()
    np.testing.assert_allclose(
        data["target_active_percent"].values, 100.0 * data["target_active"] / base_line, rtol=1e-9
    )
    attrs = data["target_active_percent"].attrs
    assert (attrs["units"], attrs["relative_to"]) == ("%", reference)


def test_no_reference_no_percentages() -> None:
    data = run(Study(small(), {DOSE: [10.0]}))
    assert [str(name) for name in data.data_vars] == ["target_total", "status", "reached_h"]


def test_vehicle_follows_every_other_axis() -> None:
    """Two abundances: each is compared with its own vehicle, not with a common one."""
    axes = {"cell.proteins.BTK.abundance_nM": [1.0, 780.0], DOSE: [0.0, 100.0]}
    percent = run(Study(small(), axes, Readout(relative_to="vehicle")))["target_total_percent"]
    assert (percent.isel({DOSE: 0}) == 100.0).all()


def test_no_drug_is_exactly_vehicle_at_any_abundance() -> None:
    abundances = np.random.default_rng(1).uniform(1.0, 1000.0, 60 if JIT_ENABLED else 20)
    axes = {"cell.proteins.BTK.abundance_nM": abundances, DOSE: [0.0]}
    percent = run(Study(small(), axes, Readout(relative_to="vehicle")))["target_total_percent"]
    assert (percent == 100.0).all()


def test_a_zero_reference_gives_no_number_and_says_so() -> None:
    scenario = small()
    axes = {ALLELE: ["WT", "L528W"], DOSE: [0.0, 100.0]}
    readout = Readout(("target_active", "target_total"), relative_to="vehicle")
    data = run(Study(scenario, axes, readout))
    impaired = data.sel({ALLELE: "L528W"})
    assert (impaired["target_active"] == 0.0).all()
    assert impaired["target_active_percent"].isnull().all()
    assert data["target_active_percent"].sel({ALLELE: "WT"}).notnull().all()
    assert (data["status"] == 0).all()
    for name in ("target_active_percent", "target_total_percent"):
        assert data[name].attrs["null_reason"] == "zero_reference"


# Failures.

TOO_FEW = ODE(max_steps=20)


def failing(**changes: Any) -> Study:
    """Of three doses, only the vehicle can be run within the step budget."""
    return Study(small(), {DOSE: [0.0, 10.0, 100.0]}, method=TOO_FEW, **changes)


def test_failed_points_are_masked_and_listed() -> None:
    data = run(failing())
    assert data["status"].values.tolist() == [0, records.STEP_BUDGET, records.STEP_BUDGET]
    assert data["target_total"].isel({DOSE: 0}).item() == pytest.approx(780.0, rel=1e-10)
    assert data["target_total"].isel({DOSE: slice(1, None)}).isnull().all()
    assert 0.0 < data["reached_h"].isel({DOSE: 1}).item() < 24.0
    listed = list(failures(data))
    assert [(entry[DOSE], entry["status"]) for entry in listed] == [
        (10.0, "step_budget"), (100.0, "step_budget"),
    ]  # fmt: skip
    meanings = data["status"].attrs["flag_meanings"].split()
    assert dict(zip(data["status"].attrs["flag_values"], meanings, strict=True))[1] == "step_budget"


def test_only_a_point_that_is_ok_can_have_a_zero_reference() -> None:
    data = run(failing(readout=Readout(relative_to="vehicle")))
    null = data["target_total_percent"].isnull().isel(time_h=0)
    assert null.values.tolist() == [False, True, True]
    assert not (null & (data["status"] == 0)).any()


@pytest.mark.parametrize("cells", [False, True])
def test_a_point_whose_reference_failed_says_how(
    monkeypatch: pytest.MonkeyPatch, *, cells: bool
) -> None:
    def fails_without_dose(scenario: Scenario, values: Any, *args: Any, **keys: Any) -> Any:
        readings, solution, compiled = readings_module.read_out(scenario, values, *args, **keys)
        if not np.any(values["compounds.mt-802.dose_nM"]):
            solution.status[:], solution.reached_h[:] = records.STEP_BUDGET, 3.0
            solution.observables[:] = np.nan
        return readings, solution, compiled

    monkeypatch.setattr(slab, "read_out", fails_without_dose)
    options: dict[str, Any] = {"method": LNA(), "replicates": 2} if cells else {}
    data = run(Study(small(), {DOSE: [1.0, 10.0, 99.0]}, Readout(relative_to="vehicle"), **options))
    assert (data["status"] == records.STEP_BUDGET).all()
    assert (data["reached_h"] == 3.0).all()
    assert data["target_total_percent"].isnull().all()
    assert data["target_total"].notnull().all()
    assert {entry["status"] for entry in failures(data)} == {"step_budget"}
    if not cells:
        assert set(summary(data).filter(like="_reason").to_numpy().ravel()) == {"failed_points"}


def test_on_error_raise_stops_at_the_first_failure() -> None:
    with pytest.raises(SimulationError, match="step budget; raise max_steps") as caught:
        run(failing(on_error="raise"))
    assert caught.value.status == records.STEP_BUDGET
    assert 0.0 < caught.value.time_h < 24.0
    with pytest.raises(SimulationError, match="step budget"):
        simulate(small({"name": "mt-802", "dose_nM": 10.0}), [24.0], method=ODE(max_steps=5))


@pytest.mark.parametrize("value", [5, np.int64(5), np.float64(5), np.array(5.0), [5], range(5, 6)])
def test_one_number_is_an_axis_and_a_time_of_one(value: Any) -> None:
    assert Study(small(), {DOSE: value}).axes[0].values == (5.0,)
    assert Readout(times_h=value).times_h == (5.0,)


def test_a_time_may_have_a_unit() -> None:
    assert Readout(times_h="30 min").times_h == Readout(times_h=["30 min"]).times_h == (0.5,)


@pytest.mark.parametrize("times", ["24", True, [1, "2"], [False]])
def test_times_of_a_run_are_numbers(times: Any) -> None:
    with pytest.raises(ParameterError, match="give numbers, in h"):
        simulate(small({"name": "mt-802", "dose_nM": 1.0}), times)


def test_an_axis_of_treatments_takes_what_a_scenario_takes() -> None:
    other = {"name": "ibrutinib", "dose_nM": 3.0}
    named = [{"name": "mt-802", "dose_nM": 1.0}, other, {"compounds": [other], "name": "mine"}]
    study = Study(base(), {"treatment": named})
    assert [each.name for each in study.axes[0].values] == ["MT-802", "Ibrutinib", "mine"]
    assert {each.compounds[0].schedule.dose_nM for each in study.axes[0].values} == {1.0, 3.0}


def test_an_axis_of_numbers_says_which_is_none() -> None:
    with pytest.raises(ParameterError, match=r"axis compound\.dose_nM has nan; must be finite"):
        Study(small(), {DOSE: [1.0, np.nan]})


@pytest.mark.jit_only
def test_a_scenario_s_own_cell_and_allele_keep_their_changes_along_an_axis() -> None:
    own = base(
        {"name": "mt-802", "dose_nM": 100.0},
        cell={"name": "molm14", "volume_pL": 2.0, "proteins": {"CRBN": {"abundance_nM": 100.0}}},
        target={"name": "BTK", "allele": {"name": "WT", "km_atp_uM": 50.0}},
    )
    expected = simulate(own, [24.0])["target_total"].item()
    for path, label, other in ((ALLELE, "WT", "C481S"), ("cell", "molm14", "ramos")):
        found = run(Study(own, {path: [label, other]}))["target_total"].values.ravel()
        assert found[0] == pytest.approx(expected, rel=1e-12)
        assert found[1] == alone(own, at={path: other})["target_total"].item()
        assert found[1] != found[0]


# Read-outs per compound, coordinates and attributes.


def test_read_outs_per_compound() -> None:
    treatments = (Treatment("mt-802"), Treatment(tuple(pretreated()), name="sequence"))
    axes = {"treatment": treatments, DOSE: [100.0]}
    data = run(Study(small(), axes, Readout(("compound_cell", "target_total"), (6.0,))))
    assert data["compound_cell"].dims == ("treatment", DOSE, "compound", "time_h")
    assert sorted(data["compound"].values) == ["ibrutinib", "mt-802"]
    amounts = data["compound_cell"].isel({DOSE: 0, "time_h": 0})
    assert np.isnan(amounts.sel(treatment="MT-802", compound="ibrutinib"))
    assert amounts.sel(treatment="MT-802", compound="mt-802") > 90.0
    assert amounts.sel(treatment="sequence", compound="ibrutinib") < 0.1


def test_coordinates_and_units() -> None:
    axes = {"treatment": ["mt-802", "ibrutinib"], ALLELE: ["WT"], DOSE: [1, 10]}
    data = run(Study(small(), axes, Readout(("target_total", "degraded"), [1, 2]), title="two"))
    assert data[DOSE].dtype == float
    assert data[DOSE].attrs["units"] == "nM"
    assert data["time_h"].attrs["units"] == "h"
    assert data[ALLELE].values.tolist() == ["WT"]
    assert data["target_total"].attrs["units"] == "nM"
    assert data["target_total"].attrs["long_name"] == "total BTK"
    assert data["degraded"].attrs["units"] == "nM/h"
    assert data.attrs["title"] == "two"


def test_varied_compounds_are_listed_by_treatment_coordinate() -> None:
    axes = {"treatment": ["mt-802", Treatment(tuple(pretreated()), name="sequence")], DOSE: [1.0]}
    data = run(Study(small(), axes))
    varied = json.loads(data.attrs["varied_compound"])
    assert set(varied) == set(data["treatment"].values)
    assert set(varied.values()) == {"mt-802"}


def test_progress_counts_the_points_of_finished_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(describing, "POINTS_PER_CHUNK", 2)
    monkeypatch.setattr(running, "SECONDS_PER_UNIT", 0.0)
    seen: list[tuple[int, int]] = []
    axes = {ALLELE: ["WT", "C481S"], DOSE: [0.0, 0.1]}
    run(Study(small(), axes), progress=lambda done, points: seen.append((done, points)))
    assert seen == [(2, 4), (4, 4)]


def test_a_stored_result_is_read_when_it_is_used(tmp_path):
    study = Study(small(), {DOSE: [1.0, 10.0]}, Readout(("target_total", "ternary")))
    expected = run(study)
    found = run(study, tmp_path / "a", lazily=True)
    xr.testing.assert_identical(found.target_total, expected.target_total)
    for name in ("target_total", "ternary"):
        shutil.rmtree(tmp_path / "a/data.zarr" / name / "c")
    xr.testing.assert_identical(found.target_total, expected.target_total)
    assert np.isnan(found.ternary).all()  # not read before: its files are gone
    with pytest.raises(ParameterError, match="without a folder"):
        run(study, lazily=True)


def test_arrays_and_single_values_make_axes() -> None:
    study = Study(small(), {DOSE: np.geomspace(1.0, 100.0, 3), ALLELE: "WT", "cell.atp_uM": 0})
    assert study.dims == {DOSE: 3, ALLELE: 1, "cell.atp_uM": 1}
    assert study.points == 3
    np.testing.assert_allclose(study.axes[0].values, [1.0, 10.0, 100.0])


# What is refused, before anything runs.


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Axis(DOSE, ()), "no values"),
        (lambda: Axis(DOSE, (1.0, 2.0, 1.0)), "has 1.0 twice"),
        (lambda: Axis(ALLELE, ("WT", "WT")), "has 'WT' twice"),
        (lambda: Axis(path="", values=(1.0,)), "path"),
        (lambda: Readout(()), "empty"),
        (lambda: Readout(("target_totl",)), "did you mean 'target_total'"),
        (lambda: Readout(("ternary", "ternary")), "twice"),
        (lambda: Readout(times_h=()), "empty"),
        (lambda: Readout(times_h=(2.0, 1.0)), "must increase"),
        (lambda: Readout(relative_to="placebo"), "relative_to"),  # type: ignore[arg-type]
        (lambda: Study(small()), "no dose"),
        (lambda: Study(small(), {"compound.doze_nM": [1.0]}), r"did you mean '\w+.*\.dose_nM'"),
        (lambda: Study(small(), {DOSE: [1.0, -2.0]}), "dose_nM is -2.0; must be at least 0 nM"),
        (lambda: Study(small(), {DOSE: [1.0], ALLELE: ["C481X"]}), "did you mean 'BTK.C481"),
        (lambda: Study(small(), {DOSE: [1.0], "treatment": ["mt-803"]}), "did you mean 'mt-802'"),
        (lambda: Study(small({"name": "mt-802", "dose_nM": 1.0}),
                       {"ubiquitination.chain_length": [1.5]}), "whole number"),
        (lambda: Study(small(), (Axis(DOSE, (1.0,)), Axis(DOSE, (2.0,)))), "given twice"),
        (lambda: Study(small(), (Axis(DOSE, (1.0, 2.0), zip="z"),
                                 Axis("cell.atp_uM", (1.0,), zip="z"))), "2 and 1 values"),
        (lambda: Study(base(["ibrutinib", "mt-802"]), {DOSE: [1.0]}), "the one compound without"),
        (lambda: Study(small(), {DOSE: [1.0]}, replicates=2), "stochastic"),
    ],
)  # fmt: skip
def test_mistakes_are_explained(make: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        make()


# What a result says of itself.


@pytest.mark.parametrize("label", ["hypothetical", "observable", "points", "cells", "units"])
def test_a_label_is_no_column_of_a_table(label: str) -> None:
    with pytest.raises(ParameterError, match=f"'{label}' cannot be a label"):
        Readout((f"{label} = 2 * target_total",))


def test_a_read_out_of_ones_own_bears_its_label_and_keeps_its_expression() -> None:
    made_of = "target_occupied / target_total"
    study = Study(base(), {DOSE: [1.0]}, Readout((f"own_share = {made_of}",), (1.0,)))
    attrs = run(study)["own_share"].attrs
    assert (attrs["long_name"], attrs["expression"]) == ("own share", made_of)


def test_a_result_says_what_its_vehicle_keeps_and_which_constants_are_shared() -> None:
    pair = {
        "name": "pair",
        "compounds": [{"name": "ibrutinib", "dose_nM": 1000.0}, {"name": "mt-802"}],
    }
    axes = {"treatment": [Treatment("mt-802"), Treatment(**pair)], DOSE: [1.0]}
    told = describing.attributes(Study(base(), axes, Readout(("target_total",), (1.0,))))
    assert json.loads(told["kept_compounds"]) == {"pair": ["ibrutinib"]}
    shared = {entry["path"]: entry["shared"] for entry in json.loads(told["unverified"])}
    assert shared["compounds.mt-802.kon_target_per_nM_per_h"]
    assert not shared["compounds.mt-802.permeability_pL_per_h"]
    assert not shared["compounds.mt-802.productive_fraction"]
    assert not shared["ubiquitination.k_ub_per_h"]
