"""What is said about a scenario has its effect, or is refused: nothing is dropped in silence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import protacsim as ps
from protacsim import pharmacology
from protacsim.errors import ParameterError
from protacsim.methods import ODE

TIGHT = ODE(rtol=1e-9, atol_nM=1e-12)
TOTAL = ps.Readout(["target_total"], times_h=[24.0])
CUSTOM = {
    "custom": True, "name": "own", "kind": "degrader", "ligase": "CRBN", "kd_target_nM": 10.0,
    "kd_ligase_nM": 100.0, "dose_nM": 100.0,
}  # fmt: skip


def scenario(cell: Any = "molm14", **compound: Any) -> ps.Scenario:
    return ps.Scenario(cell=cell, treatment=compound or CUSTOM)


def left_nM(treated: ps.Scenario) -> float:
    return float(ps.simulate(treated, [24.0], method=TIGHT)["target_total"].squeeze())


@pytest.mark.jit_only
@pytest.mark.parametrize("name", ["own", "own_medium", "own_gut", "own_cell"])
def test_the_name_of_a_compound_says_nothing_about_its_place(name: str) -> None:
    """Without losses the medium, 40,000 times the cell, keeps its dose and the cell reaches it."""
    run = ps.simulate(scenario(**{**CUSTOM, "name": name}), [24.0], method=TIGHT)
    for place in ("compound_cell", "compound_medium"):
        assert float(run[place].squeeze()) == pytest.approx(100.0, rel=1e-3)
    bound = ps.run(
        ps.Study(
            scenario(**{**CUSTOM, "name": name}),
            readout=ps.Readout([f"held = species[BTK:{name}]"], times_h=[24.0]),
        )
    )
    first = ps.simulate(scenario(), [24.0], method=TIGHT, species=True)["species_amount"]
    expected = float(first.sel(species="BTK:own").squeeze()) / 602.214076  # 1 pL
    assert float(bound["held"].squeeze()) == pytest.approx(expected, rel=1e-3)


@pytest.mark.jit_only
def test_an_absorption_that_an_axis_brings_delivers_the_dose() -> None:
    """The Bateman function for each value, though the scenario itself has no absorption."""
    hours, elimination = np.array([1.0, 4.0, 24.0]), 12.0
    base = scenario(
        "cll_in_vivo", name="mt-802", dose_nM=300.0, elimination_half_life_h=elimination
    )
    study = ps.Study(
        base,
        axes={"compound.absorption_half_life_h": [0.5, 3.0]},
        readout=ps.Readout(["compound_medium"], times_h=hours),
        method=TIGHT,
    )
    for row, absorption in zip(ps.run(study)["compound_medium"].values, (0.5, 3.0), strict=True):
        ka, ke = np.log(2.0) / absorption, np.log(2.0) / elimination
        expected = 300.0 * ka / (ka - ke) * (np.exp(-ke * hours) - np.exp(-ka * hours))
        np.testing.assert_allclose(row.squeeze(), expected, rtol=1e-6)


@pytest.mark.jit_only
def test_a_bond_that_forms_in_the_ternary_complex_alone_forms() -> None:
    """Continuous where the rate of the binary complex goes to zero, by an axis and without."""
    bonding = {**CUSTOM, "kinact_ternary_per_h": 5.0}
    alone, nearly = (left_nM(scenario(**bonding, kinact_per_h=k)) for k in (0.0, 1e-9))
    assert alone == pytest.approx(nearly, rel=1e-7)
    assert alone < 0.97 * left_nM(scenario())
    for path, values in (("kinact_per_h", [0.0, 1.0]), ("kinact_ternary_per_h", [0.0, 5.0])):
        base = scenario(**{**bonding, path: 0.0})
        study = ps.Study(base, axes={f"compound.{path}": values}, readout=TOTAL, method=TIGHT)
        direct = [left_nM(scenario(**{**bonding, path: value})) for value in values]
        np.testing.assert_allclose(ps.run(study)["target_total"].values.ravel(), direct, rtol=1e-7)


@pytest.mark.jit_only
def test_ki_and_koff_give_kon() -> None:
    """KI = (koff + kinact) / kon."""
    given = scenario(name="ibrutinib", dose_nM=10.0, koff_target_per_h=5.0)
    compound = given.treatment.compounds[0].compound
    kon = (5.0 + compound.kinact_per_h) / compound.ki_target_nM
    other = scenario(name="ibrutinib", dose_nM=10.0, kon_target_per_nM_per_h=kon)
    found, expected = (
        float(ps.simulate(one, [1.0], method=TIGHT)["target_unoccupied"].squeeze())
        for one in (given, other)
    )
    assert found == pytest.approx(expected, rel=1e-9)


def test_the_closed_form_maximum_exists_for_three_bodies_alone() -> None:
    assert np.isfinite(pharmacology.ternary_peak(scenario()).dose_nM)
    for more in ({"ligase_loss_per_h": 0.5}, {"kinact_ternary_per_h": 1.0}):
        assert np.isnan(pharmacology.ternary_peak(scenario(**CUSTOM, **more)).dose_nM)
    competed = ps.Scenario(
        cell="molm14",
        treatment={**CUSTOM, "neosubstrates": {"IKZF1": {"kd_nM": 5.0}}},
        neosubstrates=("IKZF1",),
    )
    assert np.isnan(pharmacology.ternary_peak(competed).dose_nM)
    assert pharmacology.ternary_peak(competed).reason == "neosubstrates_compete_for_the_ligase"


SCENARIOS = {
    "fold in other letters": (
        lambda: scenario(name="mt-802", folds={"c481s": 3.0}), "did you mean 'C481S'",
    ),
    "class of folds": (
        lambda: ps.Allele("X", class_folds={"degraders": 3.0}), "did you mean 'degrader'",
    ),
    "neosubstrate": (
        lambda: scenario(**CUSTOM, neosubstrates={"ikzf1": {"kd_nM": 5.0}}), "mean 'IKZF1'",
    ),
    "two roles": (lambda: scenario(**{**CUSTOM, "ligase": "BTK"}), "in one role"),
    "another ligase": (lambda: scenario(name="mt-802", ligase="VHL"), "kd_ligase_nM"),
    "ligase constants of an inhibitor": (
        lambda: scenario(name="ibrutinib", cooperativity=2.0), "recruits no ligase",
    ),
    "kon and koff": (
        lambda: scenario(name="mt-802", kon_target_per_nM_per_h=3.6, koff_target_per_h=36.0),
        "set kd_target_nM = 10",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SCENARIOS)
def test_a_scenario_that_would_not_heed_it_is_refused(case: str) -> None:
    make, expected = SCENARIOS[case]
    with pytest.raises(ParameterError, match=expected):
        make()


def test_a_dose_is_one_that_can_be_dissolved() -> None:
    """1 MM is a slip for 1 mM."""
    with pytest.raises(ParameterError, match="at most 1e\\+12"):
        scenario(name="mt-802", dose_nM="1 MM")
    with pytest.raises(ParameterError, match="at most 1e\\+12"):
        study_of(scenario(name="mt-802"), axes={"compound.dose_nM": [1.0, 1e300]})


def study_of(base: ps.Scenario, readout: ps.Readout = TOTAL, **changes: Any) -> ps.Study:
    return ps.Study(base, readout=readout, **changes)


IBRUTINIB = {"name": "ibrutinib", "dose_nM": 10.0}
WASHED = {"name": "mt-802", "dose_nM": 100.0, "stop_h": 24.0}
KD = {"compound.kd_target_nM": {"distribution": "library"}}
KI = {
    "compound.ki_target_nM": {"distribution": "loguniform", "low": 20.0, "high": 120.0},
    "compound.kinact_per_h": {"distribution": "loguniform", "low": 19.0, "high": 190.0},
}
STUDIES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "names of compounds": (
        IBRUTINIB, {"axes": {"compound.name": ["mt-802", "ibrutinib"]}}, "treatment",
    ),
    "names of cells": (IBRUTINIB, {"axes": {"cell.name": ["molm14", "ramos"]}}, "path cell"),
    "ligases": (WASHED, {"axes": {"compound.ligase": ["CRBN", "VHL"]}}, "kd_ligase_nM"),
    "one allele twice": (
        IBRUTINIB, {"axes": {"target.allele": ["WT", "wt"]}}, "'WT' and 'wt' are the same",
    ),
    "washed out before it is given": (
        WASHED,
        {"axes": {"compound.start_h": [0.0, 20.0], "compound.stop_h": [5.0, 22.0]}},
        "stop_h = 5 h must come after start_h = 20 h",
    ),
    "KI and kinact together": (
        IBRUTINIB, {"samples": (ps.Sample("s", 256, KI, "sobol"),)}, "is not above kinact/KI",
    ),
    "a range of the library that is impossible here": (
        IBRUTINIB,
        {"samples": (ps.Sample("s", 4, {"compound.ki_target_nM": {"distribution": "library"}}),)},
        "not above kinact/KI",
    ),
    "a fold of no allele": (
        {**WASHED, "folds": {"C482S": 2.0}}, {}, "'C482S' is no allele",
    ),
    "nothing to read": (
        WASHED, {"readout": ps.Readout(["neosubstrate_total"], times_h=[1.0])}, "neosubstrates",
    ),
    "a label that is a dim": (
        WASHED,
        {
            "readout": ps.Readout(["lot = target_total"], times_h=[1.0]),
            "samples": (ps.Sample("lot", 4, KD),),
        },
        "choose another",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", STUDIES)
def test_a_study_that_would_not_heed_it_is_refused(case: str) -> None:
    compound, changes, expected = STUDIES[case]
    with pytest.raises(ParameterError, match=expected):
        study_of(scenario(**compound), **changes)


def test_a_loss_from_a_medium_that_is_held_is_refused_where_none_is_heeded() -> None:
    base = scenario("cll_in_vivo", **CUSTOM, loss_medium_per_h=1.0)
    with pytest.raises(ParameterError, match="elimination_half_life_h"):
        study_of(base)
    assert study_of(base, axes={"cell": ["cll_in_vivo", "molm14"]}).points == 2


def test_a_protein_in_other_letters_is_refused() -> None:
    cell = {"name": "molm14", "proteins": {"crbn": {"abundance_nM": 100.0}}}
    with pytest.raises(ParameterError, match="did you mean 'CRBN'"):
        study_of(scenario(cell, **WASHED))


def test_numbers_that_bound_one_another_may_run_together() -> None:
    """Zipped, every start comes before its own stop, though not before each of the others."""
    axes = (
        ps.Axis("compound.start_h", (0.0, 20.0), zip="window"),
        ps.Axis("compound.stop_h", (5.0, 30.0), zip="window"),
    )
    found = study_of(scenario(**WASHED), axes=axes)
    assert found.points == 2


def test_a_unit_with_a_factor_of_ten_leaves_no_round_off() -> None:
    axis = ps.Axis("compound.dose_nM", ("1 nM", "1 uM", "3 uM", "0.7 mM"))
    assert axis.values == (1.0, 1000.0, 3000.0, 700_000.0)


IDLE = {
    "constant of a ligase": ({"name": "ibrutinib", "dose_nM": 10.0}, "compound.cooperativity"),
    "protein of no role": ({"name": "mt-802", "dose_nM": 10.0}, "cell.proteins.IKZF1.abundance_nM"),
    "ligase of nobody": ({"name": "ibrutinib", "dose_nM": 10.0}, "cell.proteins.CRBN.abundance_nM"),
    "proteasome": ({"name": "mt-802", "dose_nM": 10.0}, "ubiquitination.km_proteasome_nM"),
    "fold on another allele": ({"name": "ibrutinib", "dose_nM": 10.0}, "compound.folds.C481S"),
    "fold of another class": (
        {"name": "ibrutinib", "dose_nM": 10.0},
        "target.allele.class_folds.degrader",
    ),
    "second cooperativity without a bond": (
        {"name": "mt-802", "dose_nM": 10.0},
        "compound.cooperativity_covalent",
    ),
    "chains without a degrader": (
        {"name": "ibrutinib", "dose_nM": 10.0},
        "ubiquitination.k_ub_per_h",
    ),
}
NO_BOND = {
    "reversal": ({"name": "rilzabrutinib", "dose_nM": 10.0}, "compound.krev_per_h"),
    "ternary bond": ({"name": "gabizon-rc-1", "dose_nM": 10.0}, "compound.cooperativity_covalent"),
    "class fold beside an own one": (
        {"name": "ibrutinib", "dose_nM": 10.0},
        "target.allele.class_folds.covalent",
    ),
}


@pytest.mark.parametrize("case", IDLE)
@pytest.mark.parametrize("sampled", [False, True], ids=["axis", "sample"])
def test_varying_what_enters_no_rate_is_refused(case: str, sampled: bool) -> None:
    treatment, path = IDLE[case]
    cell = {"name": "molm14", "proteins": {"IKZF1": {"abundance_nM": 50.0}}}
    one = ps.Scenario(cell=cell, treatment=treatment, ubiquitination={"km_proteasome_nM": 100.0})
    draws = {path: {"distribution": "uniform", "low": 1.0, "high": 2.0}}
    varied: dict[str, Any] = (
        {"samples": [ps.Sample("patient", 4, draws)]} if sampled else {"axes": {path: [1.0, 2.0]}}
    )
    with pytest.raises(ParameterError, match="is varied and has no effect here"):
        ps.Study(one, readout=TOTAL, **varied)


@pytest.mark.parametrize("case", NO_BOND)
def test_without_the_cysteine_the_constants_of_bonds_are_idle(case: str) -> None:
    treatment, path = NO_BOND[case]
    for allele in ("C481S", "WT"):
        folds = {"covalent": 3.0} if "class_folds" in path and allele == "C481S" else {}
        target = {"name": "BTK", "allele": {"name": allele, "class_folds": folds}}
        one = ps.Scenario(cell="molm14", treatment=treatment, target=target)
        if allele == "WT" and "class_folds" not in path:
            ps.Study(one, {path: [1.0, 2.0]}, TOTAL)
            continue
        if allele == "C481S":
            with pytest.raises(ParameterError, match="is varied and has no effect here"):
                ps.Study(one, {path: [1.0, 2.0]}, TOTAL)


def test_what_matters_to_one_treatment_may_be_varied_for_all() -> None:
    compounds = ["ibrutinib", "mt-802"]
    ps.Study(
        ps.Scenario(cell="molm14"),
        axes={
            "treatment": compounds, "compound.dose_nM": [10.0],
            "cell.proteins.CRBN.abundance_nM": [1.0, 2.0],
        },
        readout=TOTAL,
    )  # fmt: skip


def test_a_neosubstrate_that_nothing_recruits_is_refused() -> None:
    cell = {"name": "molm14", "proteins": {"GSPT1": {"abundance_nM": 50.0, "half_life_h": 9.0}}}
    recruits = {**CUSTOM, "neosubstrates": {"IKZF1": {"kd_nM": 500.0}}}
    one = ps.Scenario(cell=cell, treatment=recruits, neosubstrates=["GSPT1"])
    with pytest.raises(ParameterError, match=r"GSPT1 is recruited by no compound here, .*IKZF1"):
        ps.Study(one, readout=TOTAL)
    ps.Study(replace(one, treatment=ps.Treatment(())), readout=TOTAL)
