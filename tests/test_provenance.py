"""What stands behind every number of a scenario, against the packaged library files themselves."""

from __future__ import annotations

import json
import tomllib
from importlib import resources
from typing import Any

import pytest

from protacsim import library
from protacsim.mechanisms import build_network, rate_constants
from protacsim.mechanisms.rates import doses, initial_amounts
from protacsim.provenance import (
    ORDER,
    Constant,
    constants,
    hypothetical,
    shared,
    unverified,
)
from protacsim.scenario import SCHEDULE_FIELDS, Scenario, numbers, replaced
from protacsim.study import Study, prepare
from protacsim.units import unit_of

TREATMENT = {
    "compounds": [
        {"name": "ibrutinib", "dose_nM": 1000.0, "start_h": -24.0, "stop_h": 0.0},
        {"name": "mt-802"},
    ]
}
ABSENT_AT_ZERO = {
    "kinact_per_h",
    "krev_per_h",
    "efflux_pL_per_h",
    "loss_medium_per_h",
    "loss_cell_per_h",
    "ligase_loss_per_h",
}
WEAK = ("assumed", "recalled", "calibrated", "none")


def scenario(allele: Any = "WT", cell: Any = "molm14", treatment: Any = "mt-802") -> Scenario:
    return Scenario(cell=cell, target={"name": "BTK", "allele": allele}, treatment=treatment)


def by_path(found: list[Constant]) -> dict[str, Constant]:
    return {entry.path: entry for entry in found}


def packaged(kind: str, *keys: str) -> dict[str, Any]:
    """One fact as it stands in the file, read without the package's own reader."""
    shelf = resources.files("protacsim.library").joinpath(kind)
    files = list(shelf.iterdir()) if shelf.is_dir() else [shelf.parent / f"{kind}.toml"]  # type: ignore[attr-defined]
    table: dict[str, Any] = {}
    for file in files:
        table |= tomllib.loads(file.read_text("utf-8"))
    for key in keys:
        table = table[key]
    return table


@pytest.mark.parametrize(
    ("path", "kind", "keys"),
    [
        ("cell.volume_pL", "cells", ("molm14", "volume_pL")),
        ("cell.atp_uM", "cells", ("molm14", "atp_uM")),
        ("cell.proteins.BTK.abundance_nM", "cells", ("molm14", "proteins", "BTK", "abundance_nM")),
        ("cell.proteins.BTK.half_life_h", "cells", ("molm14", "proteins", "BTK", "half_life_h")),
        ("compounds.mt-802.kd_target_nM", "compounds", ("mt-802", "kd_target_nM")),
        (
            "compounds.mt-802.kon_target_per_nM_per_h",
            "defaults",
            ("compound.degrader", "kon_target_per_nM_per_h"),
        ),
        ("target.allele.class_folds.degrader", "alleles", ("BTK.WT", "class_folds", "degrader")),
        ("target.allele.km_atp_uM", "defaults", ("allele", "km_atp_uM")),
        ("ubiquitination.k_ub_per_h", "defaults", ("ubiquitination", "k_ub_per_h")),
    ],
)
def test_a_number_carries_its_source(path: str, kind: str, keys: tuple[str, ...]) -> None:
    fact = packaged(kind, *keys)
    entry = by_path(constants(scenario()))[path]
    assert entry.value == fact["value"]
    assert entry.source == fact["source"]
    assert entry.confidence == fact["confidence"]
    assert (entry.low, entry.high) == (fact.get("low"), fact.get("high"))
    assert entry.unit == unit_of(path) == fact["unit"]
    assert entry.unverified == (fact["confidence"] in WEAK)


@pytest.mark.parametrize("allele", ["WT", "C481S", "T474I", "L528W"])
@pytest.mark.parametrize("treatment", ["mt-802", "ibrutinib", "pirtobrutinib", TREATMENT])
def test_every_number_of_the_scenario_is_listed_or_enters_no_rate(
    allele: str, treatment: Any
) -> None:
    each = scenario(allele, treatment=treatment)
    found = by_path(constants(each))
    assert len(found) == len(constants(each))
    degrader = "mt-802" in str(treatment)
    for path, value in numbers(each).items():
        if path in found:
            assert found[path].value == value
            continue
        field = path.rsplit(".", 1)[-1]
        of_others = ".folds." in path or ".class_folds." in path
        inhibitor = "mt-802" not in path and field.startswith(("cooperativity", "productive"))
        absent = value == 0.0 and field in ABSENT_AT_ZERO
        idle = path.startswith("cell.proteins.") and ".BTK." not in path
        idle = idle and (".CRBN." not in path or not degrader)
        idle |= field == "km_proteasome_nM" or ".neosubstrates." in path
        idle |= path.startswith("ubiquitination.") and not degrader
        assert of_others or inhibitor or absent or idle or field in SCHEDULE_FIELDS, path


NO_CHAIN = {"ubiquitination": {"chain_length": 0, "destroyed_from": 0}}
NO_ATP = {"cell": {"name": "molm14", "atp_uM": 0.0}}


@pytest.mark.parametrize("changes", [{}, NO_CHAIN, NO_ATP, {"neosubstrates": ("IKZF1",)}])
@pytest.mark.parametrize("treatment", ["mt-802", "nx-2127", "ibrutinib", TREATMENT])
def test_a_number_is_listed_exactly_if_it_changes_a_rate_or_an_amount(
    treatment: Any, changes: dict[str, Any]
) -> None:
    each = Scenario(**{"cell": "tmd8", "treatment": treatment, **changes})  # type: ignore[arg-type]
    listed = {entry.path for entry in constants(each)}
    for path, value in numbers(each).items():
        field = path.rpartition(".")[2]
        if value == 0.0 or field in (*SCHEDULE_FIELDS, "destroyed_from"):
            continue
        other = value - 1.0 if field == "chain_length" else 0.5 * value
        changed = network_of(replaced(each, path, other)) != network_of(each)
        assert changed == (path in listed), path


def network_of(each: Scenario) -> tuple[Any, ...]:
    """Reactions, rates, amounts and additions of a run at 1 nM."""
    given = {f"compounds.{e.name}.dose_nM": 1.0 for e in each.treatment.compounds}
    values = numbers(each) | given
    net = build_network(each)
    rates, amounts = rate_constants(each, values), initial_amounts(each, values)
    return (
        str(net),
        {name: float(rates[name]) for name in net.rates},
        {name: float(amounts[name]) for name in net.species if name in amounts},
        [float(dose.amount) for dose in doses(each, values)],
    )


def test_a_varied_concentration_of_atp_needs_its_constant() -> None:
    each = scenario(cell={"name": "molm14", "atp_uM": 0.0})
    km = "target.allele.km_atp_uM"
    assert km not in by_path(constants(each))
    assert km in by_path(constants(each, {"cell.atp_uM"}))


def test_what_is_varied_stands_in_for_another_way_of_saying_it() -> None:
    copies, amount = (f"cell.proteins.BTK.abundance_{each}" for each in ("copies", "nM"))
    each = scenario(cell="cll_in_vivo")
    assert copies in by_path(constants(each))
    assert copies not in by_path(constants(each, {amount}))
    axes = {amount: [100.0, 780.0], "compound.dose_nM": [1.0]}
    study = Study(scenario(cell="cll_in_vivo", treatment="mt-802"), axes)
    stated = json.loads(prepare(study).template.coordinates.attrs["unverified"])
    assert not {copies, amount} & {entry["path"] for entry in stated}


def test_the_least_certain_comes_first() -> None:
    each = scenario("C481S", cell={"name": "molm14", "volume_pL": 0.8}, treatment=TREATMENT)
    ranks = [ORDER.index(entry.confidence) for entry in constants(each)]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) >= 5
    assert ORDER.index("assumed") < ORDER.index("recalled") < ORDER.index("derived")
    assert ORDER[-1] == "read"


def test_a_changed_number_is_given() -> None:
    each = scenario(
        cell={"name": "molm14", "atp_uM": 2000.0, "proteins": {"CRBN": {"abundance_nM": 26.0}}},
        treatment={"compounds": [{"name": "mt-802", "cooperativity": 5.0, "kd_target_nM": 30.0}]},
    )
    found = by_path(constants(each))
    changed = {
        "cell.atp_uM": 2000.0,
        "cell.proteins.CRBN.abundance_nM": 26.0,
        "compounds.mt-802.cooperativity": 5.0,
        "compounds.mt-802.kd_target_nM": 30.0,
    }
    for path, value in changed.items():
        assert (found[path].value, found[path].confidence) == (value, "given")
        assert not found[path].unverified
    assert [p for p, entry in found.items() if entry.confidence == "given"] == sorted(changed)
    assert set(changed).isdisjoint(entry.path for entry in unverified([each]))


def test_another_way_of_saying_it_is_given_too() -> None:
    each = scenario(
        cell={"name": "molm14", "proteins": {"BTK": {"abundance_copies": 100_000}}},
        treatment={"compounds": [{"name": "ibrutinib", "kd_target_nM": 40.0}]},
    )
    found = by_path(constants(each))
    assert found["cell.proteins.BTK.abundance_copies"].confidence == "given"
    assert found["compounds.ibrutinib.kd_target_nM"].confidence == "given"
    assert "cell.proteins.BTK.abundance_nM" not in found
    assert "compounds.ibrutinib.ki_target_nM" not in found


def test_the_same_number_as_in_the_library_keeps_its_source() -> None:
    found = by_path(constants(scenario(cell={"name": "molm14", "volume_pL": 1.0})))
    assert found["cell.volume_pL"].confidence == "read"


def test_unverified_lists_what_no_measurement_stands_behind_each_once() -> None:
    both = [scenario(allele, treatment=TREATMENT) for allele in ("WT", "C481S")]
    found = unverified([*both, both[0]])
    assert {entry.confidence for entry in found} <= set(WEAK)
    assert len(found) == len({(entry.path, entry.entry) for entry in found})
    listed = {entry.path for entry in found}
    for each in both:
        weak = {entry.path for entry in constants(each) if entry.confidence in WEAK}
        assert weak <= listed
    assert {"cell.atp_uM", "ubiquitination.k_ub_per_h", "target.allele.km_atp_uM"} <= listed
    assert "cell.volume_pL" not in listed
    assert unverified([]) == []


@pytest.mark.parametrize("allele", ["C481S", "T474I", "L528W"])
def test_folds_of_other_alleles_are_not_listed(allele: str) -> None:
    found = by_path(constants(scenario(allele, treatment="pirtobrutinib")))
    folds = [path for path in found if ".folds." in path]
    assert folds == [f"compounds.pirtobrutinib.folds.{allele}"]
    fact = packaged("compounds", "pirtobrutinib", "folds", allele)
    assert found[folds[0]].value == fact["value"]


def test_a_class_fold_counts_only_where_the_compound_has_none_of_its_own() -> None:
    own = by_path(constants(scenario("C481S", treatment="ibrutinib")))
    assert not [path for path in own if "class_folds" in path]
    of_class = by_path(constants(scenario("T474I", treatment="ibrutinib")))
    assert [p for p in of_class if "fold" in p] == ["target.allele.class_folds.covalent"]
    wild_type = by_path(constants(scenario("WT", treatment="ibrutinib")))
    assert [p for p in wild_type if "fold" in p] == ["target.allele.class_folds.covalent"]


def test_doses_are_no_constants() -> None:
    found = by_path(constants(scenario(treatment=TREATMENT)))
    assert not [path for path in found if path.rsplit(".", 1)[-1] in SCHEDULE_FIELDS]


def test_a_preset_stands_behind_its_own_numbers() -> None:
    found = by_path(constants(Scenario(preset="bartlett2021")))
    fact = packaged("presets", "bartlett2021", "ubiquitination", "k_ub_per_h")
    entry = found["ubiquitination.k_ub_per_h"]
    assert (entry.value, entry.source) == (fact["value"], fact["source"])
    over = Scenario(preset="bartlett2021", ubiquitination={"k_ub_per_h": 10.0})
    assert by_path(constants(over))["ubiquitination.k_ub_per_h"].confidence == "given"


def test_a_compound_of_ones_own_is_given() -> None:
    mine = {"name": "mine", "custom": True, "kind": "noncovalent", "kd_target_nM": 3.0}
    found = by_path(constants(scenario(treatment={"compounds": [mine]})))
    assert found["compounds.mine.kd_target_nM"].confidence == "given"
    assert found["compounds.mine.permeability_pL_per_h"].confidence == "assumed"


@pytest.mark.parametrize("name", ["PROTAC 10", "MT802", "MT-802"])
def test_a_compound_of_ones_own_takes_no_source_of_one_of_like_name(name: str) -> None:
    known = library.compound(name)
    mine = {
        "name": name,
        "custom": True,
        "kind": "degrader",
        "ligase": "CRBN",
        "kd_target_nM": known.kd_target_nM,
        "kd_ligase_nM": known.kd_ligase_nM,
    }
    found = by_path(constants(scenario(treatment={"compounds": [mine]})))
    assert found[f"compounds.{name}.kd_target_nM"].confidence == "given"
    assert found[f"compounds.{name}.kd_ligase_nM"].confidence == "given"


def test_a_constant_is_shared_where_all_compounds_that_have_one_agree() -> None:
    found = [
        Constant("compounds.a.kon_target_per_nM_per_h", 3.6, "1/nM/h", "assumed", ""),
        Constant("compounds.b.c.kon_target_per_nM_per_h", 3.6, "1/nM/h", "read", ""),
        Constant("compounds.a.permeability_pL_per_h", 25.0, "pL/h", "assumed", ""),
        Constant("compounds.b.c.permeability_pL_per_h", 200.0, "pL/h", "assumed", ""),
        Constant("compounds.a.kd_ligase_nM", 3.0, "nM", "read", ""),
        Constant("compounds.a.folds.T474I", 1.0, "", "assumed", ""),
        Constant("compounds.b.c.folds.T474I", 1.0, "", "assumed", ""),
        Constant("cell.volume_pL", 1.0, "pL", "read", ""),
    ]
    kon = {f"compounds.{name}.kon_target_per_nM_per_h" for name in ("a", "b.c")}
    assert shared(found) == kon
    alone = [entry for entry in found if entry.path.startswith("compounds.a.")]
    assert "compounds.a.kd_ligase_nM" in shared(alone)
    assert shared([]) == set()


def test_hypothetical_compounds_are_named_once() -> None:
    mine = {
        "name": "mine",
        "custom": True,
        "kind": "noncovalent",
        "kd_target_nM": 3.0,
        "hypothetical": True,
    }
    each = scenario(treatment={"compounds": [mine]})
    assert hypothetical([each, each, scenario()]) == ["mine"]
    assert hypothetical([scenario()]) == []
