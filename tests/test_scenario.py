"""Scenarios: names and overrides, gaps filled, the path of every number, and what is refused."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from protacsim import library
from protacsim.entities import ALTERNATIVES, Cell, Compound
from protacsim.errors import ParameterError
from protacsim.scenario import (
    Scenario,
    Treatment,
    full_path,
    molecules,
    numbers,
    paths,
    replaced,
)
from random_scenarios import random_scenarios


def base(treatment: Any = "mt-802", **changes: Any) -> Scenario:
    return Scenario(**{"cell": "molm14", "treatment": treatment, **changes})


def only(s: Scenario) -> Compound:
    (entry,) = s.treatment.compounds
    return entry.compound


# Names, overrides, defaults.


def test_names_are_looked_up() -> None:
    s = base()
    assert s.cell == library.cell("molm14")
    assert s.allele.name == "WT"
    assert only(s).kd_target_nM == 46.9
    assert s.target.name == "BTK"


def test_titles_and_aliases_find_the_same_compound() -> None:
    assert base("MT-802") == base("mt-802") == base("MT802")


def test_nouns_may_be_given_in_full() -> None:
    compound = library.compound("mt-802", kd_target_nM=5.0)
    assert only(base(compound)).kd_target_nM == 5.0
    assert Scenario(cell=library.cell("ramos"), treatment=()).cell.name == "ramos"


def test_overrides_are_laid_over_the_library() -> None:
    s = base(
        {"name": "mt-802", "kd_target_nM": "0.1 uM", "dose_nM": 7.0, "start_h": "-1 day"},
        cell={"name": "molm14", "proteins": {"CRBN": {"abundance_nM": 26.0}}},
        target={"name": "BTK", "allele": {"name": "C481S", "km_atp_uM": 300.0}},
    )
    assert only(s).kd_target_nM == pytest.approx(100.0)
    assert only(s).kd_ligase_nM == 157.0
    assert s.treatment.compounds[0].schedule.start_h == pytest.approx(-24.0)
    assert s.cell.protein("CRBN").abundance_nM == 26.0  # type: ignore[union-attr]
    assert s.cell.protein("BTK").abundance_nM == 780.0  # type: ignore[union-attr]
    assert (s.allele.name, s.allele.km_atp_uM) == ("C481S", 300.0)


def test_an_override_displaces_the_other_way_of_saying_it() -> None:
    s = base(
        {"name": "ibrutinib", "kd_target_nM": 20.0},
        cell={"name": "molm14", "proteins": {"BTK": {"abundance_copies": 1000.0}}},
    )
    assert (only(s).ki_target_nM, only(s).kd_target_nM) == (None, 20.0)
    btk = s.cell.protein("BTK")
    assert btk is not None
    assert (btk.abundance_nM, btk.abundance_copies, btk.half_life_h) == (None, 1000.0, 30.0)


def test_custom_entries_stand_alone() -> None:
    probe = {"name": "probe", "custom": True, "kind": "noncovalent", "kd_target_nM": 3.0}
    compound = only(base(probe))
    assert (compound.kd_target_nM, compound.permeability_pL_per_h) == (3.0, 200.0)


def test_every_gap_is_filled_from_the_defaults() -> None:
    for name in ("mt-802", "ibrutinib", "pirtobrutinib"):
        compound = only(base(name))
        for field, fact in library.defaults(f"compound.{compound.kind}").items():
            given = library.fact("compounds", name, field)
            rivals = next((group for group in ALTERNATIVES if field in group), frozenset())
            if any(library.fact("compounds", name, other) for other in rivals - {field}):
                assert getattr(compound, field) is None
            else:
                assert getattr(compound, field) == (given or fact).value
    s = base()
    for field, fact in library.defaults("ubiquitination").items():
        assert getattr(s.ubiquitination, field) == fact.value
    assert s.allele.km_atp_uM == 170.0


def test_a_preset_is_a_base_to_build_on() -> None:
    s = Scenario(preset="bartlett2021")
    assert (s.cell.name, only(s).name) == ("bartlett2021", "bartlett2021")
    assert s.ubiquitination.chain_on_release == "erased"
    changed = Scenario(
        preset="bartlett2021", cell={"name": "bartlett2021", "atp_uM": 9.0}, treatment="mt-802",
        ubiquitination={"chain_length": 2},
    )  # fmt: skip
    assert (changed.cell.atp_uM, changed.cell.volume_pL, only(changed).name) == (9.0, 0.5, "mt-802")
    assert changed.ubiquitination.chain_length == 2
    assert changed.ubiquitination.k_ub_per_h == s.ubiquitination.k_ub_per_h
    assert Scenario(preset="bartlett2021", cell="molm14").cell == library.cell("molm14")


def test_treatments_are_named_by_titles() -> None:
    assert Treatment("mt-802").name == "MT-802"
    assert (
        base([{"name": "ibrutinib", "dose_nM": 1.0}, "mt-802"]).treatment.name
        == "Ibrutinib + MT-802"
    )
    assert base(()).treatment.name == "untreated"
    assert Treatment("mt-802", name="mine").name == "mine"


def test_the_varied_compound() -> None:
    dosed = {"name": "ibrutinib", "dose_nM": 1.0}
    assert base("mt-802").treatment.varied == "mt-802"
    assert base({"name": "mt-802", "dose_nM": 3.0}).treatment.varied == "mt-802"
    assert base([dosed, "mt-802"]).treatment.varied == "mt-802"
    assert base(["ibrutinib", "mt-802"]).treatment.varied is None
    assert base(()).treatment.varied is None


def test_scenarios_are_frozen_and_hashable() -> None:
    s = base()
    assert hash(s) == hash(base())
    assert s != base("guo-rc-1")
    with pytest.raises(dataclasses.FrozenInstanceError):
        s.preset = "bartlett2021"  # type: ignore[misc]


# What is refused.


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Scenario("molm14"), "keywords only"),
        (lambda: base(cell="molm41"), "molm14"),
        (lambda: base("mt-803"), "did you mean 'mt-802'"),
        (lambda: base(target="BKT"), "did you mean 'BTK'"),
        (lambda: base(target={"name": "BTK", "allele": "C481X"}), "did you mean 'BTK.C481"),
        (lambda: base(["mt-802", "MT-802"]), "mt-802 stands twice"),
        (lambda: base({"name": "mt-802", "kd_target_nM": -1.0}), "must be above 0 nM"),
        (lambda: base({"name": "mt-802", "kd_targt_nM": 1.0}), "did you mean 'kd_target_nM'"),
        (lambda: base({"name": "mt-802", "kd_target_nM": "3 h"}), "needs nM"),
        (lambda: base({"name": "mt-802", "dose_nM": float("nan")}), "finite"),
        (lambda: base({"name": "mt-802", "start_h": 3.0, "stop_h": 3.0}), "must come after"),
        (lambda: base({"name": "ibrutinib", "kon_target_per_nM_per_h": 1.0}), "kinact/KI"),
        (lambda: base(ubiquitination={"chain_length": 2, "destroyed_from": 3}), "longer than"),
        (lambda: base(ubiquitination={"chain_on_release": 1.5}), "is 1.5; must be"),
        (lambda: base(ubiquitination={"chain_length": 2.5}), "whole number"),
        (lambda: base(cell={"name": "c", "custom": True, "volume_pL": 1.0, "atp_uM": 0.0,
                            "medium_volume_pL": 9.0, "proteins": {"BTK": {"abundance_nM": 1.0}}}),
         "no protein CRBN, the ligase of mt-802"),
    ],
)  # fmt: skip
def test_mistakes_are_explained(make: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        make()


# Paths.


def test_every_number_has_its_path() -> None:
    found = numbers(base([{"name": "ibrutinib", "dose_nM": 30.0, "stop_h": 4.0}, "mt-802"]))
    expected = {
        "cell.volume_pL": 1.0,
        "cell.atp_uM": 3000.0,
        "cell.proteins.BTK.abundance_nM": 780.0,
        "cell.proteins.BTK.half_life_h": 30.0,
        "cell.proteins.CRBN.abundance_nM": 13.0,
        "target.allele.km_atp_uM": 170.0,
        "target.allele.class_folds.degrader": 1.0,
        "ubiquitination.chain_length": 4.0,
        "ubiquitination.k_ub_per_h": 1500.0,
        "compounds.ibrutinib.ki_target_nM": 54.0,
        "compounds.ibrutinib.folds.C481S": 54.0 / 37.8,
        "compounds.ibrutinib.dose_nM": 30.0,
        "compounds.ibrutinib.stop_h": 4.0,
        "compounds.mt-802.kd_ligase_nM": 157.0,
        "compounds.mt-802.start_h": 0.0,
    }
    assert {path: found.get(path) for path in expected} == pytest.approx(expected)
    assert all(isinstance(value, float) for value in found.values())
    absent = {"compounds.mt-802.dose_nM", "compounds.mt-802.hypothetical", "cell.medium_buffered"}
    assert not absent & set(found)


def test_replacing_a_number_changes_that_number_only() -> None:
    for s in random_scenarios(6, 4):
        before = numbers(s)
        for path, value in before.items():
            if not value or path.endswith((".chain_length", ".destroyed_from", ".doses")):
                continue  # a zero may switch on what other numbers forbid
            new = value * 0.999
            after = numbers(replaced(s, path, new))
            changed = {p for p in before.keys() | after.keys() if before.get(p) != after.get(p)}
            assert changed == {path}
            assert after[path] == new
        assert numbers(s) == before


@pytest.mark.parametrize(
    ("path", "value", "gone"),
    [
        ("compounds.ibrutinib.kd_target_nM", 5.0, "compounds.ibrutinib.ki_target_nM"),
        ("compound.koff_target_per_h", 500.0, "compounds.ibrutinib.kon_target_per_nM_per_h"),
        ("cell.proteins.BTK.abundance_copies", 9.0, "cell.proteins.BTK.abundance_nM"),
    ],
)
def test_replacing_displaces_the_other_way_of_saying_it(path: str, value: float, gone: str) -> None:
    s = base({"name": "ibrutinib", "kd_target_nM": 20.0})
    s = base("ibrutinib") if path.endswith("kd_target_nM") else s
    after = numbers(replaced(s, path, value))
    assert after[full_path(s, path)] == value
    assert gone in numbers(s)
    assert gone not in after


def test_names_flags_and_whole_sections_can_be_replaced() -> None:
    s = base()
    assert replaced(s, "target.allele", "C481S").allele.covalent_bonding is False
    assert replaced(s, "cell", "ramos").cell.name == "ramos"
    assert replaced(s, "ubiquitination.chain_on_release", "erased").ubiquitination == (
        dataclasses.replace(s.ubiquitination, chain_on_release="erased")
    )
    assert replaced(s, "ubiquitination.chain_length", 2).ubiquitination.chain_length == 2
    on_rates = replaced(s, "compound.cooperativity_split", "on_rates")
    assert only(on_rates).cooperativity_split == "on_rates"
    inside = replaced(s, "compound.compartment", "cell")
    assert inside.treatment.compounds[0].schedule.compartment == "cell"
    assert isinstance(replaced(s, "cell.medium_buffered", True).cell, Cell)


def test_a_quantity_may_be_text() -> None:
    changed = only(replaced(base(), "compound.kd_target_nM", "2 uM"))
    assert changed.kd_target_nM == pytest.approx(2000.0, rel=1e-12)


def test_compound_means_the_varied_one() -> None:
    mixture = base([{"name": "ibrutinib", "dose_nM": 1.0}, "mt-802"])
    assert full_path(mixture, "compound.dose_nM") == "compounds.mt-802.dose_nM"
    assert full_path(mixture, "cell.atp_uM") == "cell.atp_uM"
    for undecided in (base(["ibrutinib", "mt-802"]), base(())):
        with pytest.raises(ParameterError, match=r"compound\.dose_nM means the one compound"):
            full_path(undecided, "compound.dose_nM")


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("compund.dose_nM", "compound.dose_nM"),
        ("compound.kd_targt_nM", "compound.kd_target_nM"),
        ("compounds.mt-803.kd_target_nM", "compounds.mt-802.kd_target_nM"),
        ("cell.proteins.BTX.abundance_nM", "cell.proteins.BTK.abundance_nM"),
        ("cell.proteins.BTK", "cell.proteins.BTK.half_life_h"),
        ("target.alele", "target.allele"),
        ("ubiquitination.k_ub_per_hr", "ubiquitination.k_ub_per_h"),
        ("cell.volume_pL.x", "cell.volume_pL"),
    ],
)
def test_unknown_paths_name_the_closest(path: str, near: str) -> None:
    with pytest.raises(ParameterError, match=f"no known path; did you mean '{near}'"):
        replaced(base(), path, 1.0)


def test_bounds_hold_on_every_path() -> None:
    with pytest.raises(ParameterError, match=r"kd_target_nM is -1\.0; must be above 0 nM"):
        replaced(base(), "compound.kd_target_nM", -1.0)
    with pytest.raises(ParameterError, match="kinact/KI"):
        replaced(base("ibrutinib"), "compound.kinact_per_h", 500.0)


def test_listed_paths_can_be_replaced() -> None:
    s = base("mt-802")
    found = numbers(s)
    assert set(found) <= set(paths(s))
    for path in paths(s):
        full = full_path(s, path)
        if full in found and not path.endswith("chain_length"):
            assert numbers(replaced(s, path, found[full])) == found


def test_molecules() -> None:
    assert molecules(1.0, 1.0) == pytest.approx(602.214076, rel=1e-12)
    np.testing.assert_allclose(molecules(np.array([0.0, 2.0]), 0.5), [0.0, 602.214076])
