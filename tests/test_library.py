"""The library against the literature by hand arithmetic, and against its own format.

Expected numbers are written out from the cited papers; none was printed by the package.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protacsim import library, provenance
from protacsim.cli.showing import library_entries
from protacsim.config import load
from protacsim.entities import Allele, Cell, Compound, Ubiquitination
from protacsim.errors import ConfigError, ParameterError
from protacsim.library import KINDS, Entry, Fact
from protacsim.mechanisms import rate_constants
from protacsim.pharmacology import dose_response
from protacsim.scenario import Scenario, numbers, replaced
from protacsim.study import Readout, Study, run
from protacsim.units import unit_of

CONFIDENCES = {"read", "derived", "recalled", "assumed", "calibrated", "none"}
MOLECULES_PER_NM_PL = 602.214076  # 1e-9 mol/L x 1e-12 L x 6.02214076e23 /mol
ENTRIES = [library.entry(kind, name) for kind in KINDS for name in library.names(kind)]
ON_EVERY_BASIS = [
    library.entry(entry.kind, entry.name, basis)
    for entry in ENTRIES
    for basis in entry.bases or [None]
]
FACTS = [(entry, path, fact) for entry in ON_EVERY_BASIS for path, fact in entry.facts.items()]
COMPOUNDS = library.names("compounds")
DEGRADERS = [name for name in COMPOUNDS if library.values("compounds", name)["kind"] == "degrader"]
WITHOUT_CONSTANTS = ["tinworth-iap-reversible", "tinworth-iap-covalent"]
PLACEHOLDERS = [
    *("nx-2127", "nx-5948", "bgb-16673", "apg-3288", "cft8916", "ac676", "abbv-101", "hsk29116"),
    *("sjf620", "l18i", "nrx-0492"),
]
ALLELES = [key.removeprefix("BTK.") for key in library.names("alleles")]


def value(kind: str, name: str, path: str) -> float:
    found = library.fact(kind, name, path)
    assert found is not None
    assert found.value is not None
    return found.value


def raw(kind: str) -> dict[str, Any]:
    """What stands in the files of a shelf; a name that stands twice is a mistake."""
    root = resources.files("protacsim.library")
    folder = root.joinpath(kind)
    files = list(folder.iterdir()) if folder.is_dir() else [root.joinpath(f"{kind}.toml")]
    found: dict[str, Any] = {}
    for file in files:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
        assert not found.keys() & tables.keys()
        found |= tables
    return found


def bare_numbers(table: dict[str, Any], path: str = "") -> Iterator[str]:
    """Paths of numbers that stand outside a fact."""
    for key, item in table.items():
        if isinstance(item, dict) and "confidence" not in item:
            yield from bare_numbers(item, f"{path}{key}.")
        elif isinstance(item, int | float) and not isinstance(item, bool):
            yield path + key


# ---- what is on the shelf -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            "compounds",
            {
                *("ibrutinib", "acalabrutinib", "zanubrutinib", "tirabrutinib", "orelabrutinib"),
                *("spebrutinib", "evobrutinib", "tolebrutinib", "pirtobrutinib", "nemtabrutinib"),
                *("fenebrutinib", "vecabrutinib", "rilzabrutinib"),
                *(f"zorba-protac-{n}" for n in range(1, 12)),
                *("mt-802", "sjf620", "guo-rc-1", "irc-1", "rnc-1", "p13i", "l18i", "dd-03-171"),
                *("nc-1", "ir-1", "ir-2", "gabizon-rc-1", "gabizon-rc-2", "gabizon-rc-3"),
                *("bc5p", "bcpyr", "gbd-9", "nrx-0492", *WITHOUT_CONSTANTS, *PLACEHOLDERS),
                *("xue-crbn-covalent", "xue-crbn-noncovalent"),
                *("xue-vhl-covalent", "xue-vhl-noncovalent"),
                *("bartlett2021", "park2023-protac1", "park2023-protac1-star", "park2023-acbi1"),
            },
        ),
        (
            "cells",
            {
                *("molm14", "ramos", "thp1", "tmd8", "namalwa", "mino"),
                *("cll_in_vivo", "healthy_b_in_vivo", "bartlett2021", "park2023"),
            },
        ),
        (
            "alleles",
            {
                f"BTK.{name}"
                for name in [
                    *("WT", "C481S", "C481F", "C481Y", "C481R", "C481T", "C481G", "C481W"),
                    *("C481A", "T474I", "L528W", "V416L", "M437R", "A428D"),
                ]
            },
        ),
        ("ligases", {"CRBN", "VHL", "cIAP1"}),
        (
            "presets",
            {
                *("bartlett2021", "park2023-protac1", "park2023-protac1-star", "park2023-acbi1"),
                *("zorba2018-ramos", "zorba2018-thp1"),
            },
        ),
        (
            "defaults",
            {
                *("compound.degrader", "compound.covalent", "compound.noncovalent"),
                *("ubiquitination", "neosubstrate", "allele", "cell", "expression"),
            },
        ),
    ],
)
def test_shelf_holds(kind: str, expected: set[str]) -> None:
    assert set(library.names(kind)) == expected


# ---- format: every number is sourced --------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_no_number_without_source(kind: str) -> None:
    assert list(bare_numbers(raw(kind))) == []


def where(entry: Entry, path: str) -> str:
    return f"{entry.kind}/{entry.name}/{entry.basis}/{path}"


def test_every_fact_is_complete() -> None:
    assert len(FACTS) > 500
    for entry, path, fact in FACTS:
        at = where(entry, path)
        assert fact.unit == unit_of(path), at
        assert fact.source.strip(), at
        assert fact.confidence in CONFIDENCES, at
        assert (fact.value is None) == (fact.confidence == "none"), at
        if fact.value is not None:
            low = fact.value if fact.low is None else fact.low
            high = fact.value if fact.high is None else fact.high
            assert math.isfinite(fact.value), at
            assert low <= fact.value <= high, at


def test_a_number_called_read_or_derived_can_be_looked_up() -> None:
    for entry, path, fact in FACTS:
        at = where(entry, path)
        if fact.confidence in {"read", "derived", "calibrated"}:
            assert "http" in fact.source or "By definition" in fact.source, at
        if fact.confidence == "derived":
            exempt = "By definition" in fact.source or "binding assay" in fact.source
            assert fact.note or exempt, at


@pytest.mark.parametrize("kind", KINDS)
def test_sources_are_public(kind: str) -> None:
    """Papers, records and general knowledge; never a file."""
    assert ".csv" not in str(raw(kind))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry.kind}/{entry.name}")
def test_entry_is_labelled(entry: Entry) -> None:
    assert entry.title
    assert entry.kind == "defaults" or entry.note
    sources = [key for key in entry.plain if key.endswith("_source")]
    assert all(entry.plain[key].strip() for key in sources)
    facts = {"cysteine_481", "covalent_bonding", "kinase_proficient", "ligase", "medium_buffered"}
    assert {f"{key}_source" for key in facts & entry.plain.keys()} <= set(sources)


@pytest.mark.parametrize("kind", KINDS)
def test_every_word_finds_one_entry(kind: str) -> None:
    owner: dict[str, str] = {}
    for name in library.names(kind):
        entry = library.entry(kind, name)
        for word in {name, entry.title, *entry.plain.get("aliases", ())}:
            assert owner.setdefault(word.casefold(), name) == name


@pytest.mark.parametrize("confidence", sorted(CONFIDENCES))
def test_unverified(confidence: str) -> None:
    found = Fact(unit="nM", source="here", confidence=confidence)
    assert found.unverified == (confidence not in {"read", "derived"})


# ---- every entry is a valid noun ------------------------------------------------------------


@pytest.mark.parametrize("name", library.names("compounds"))
def test_compound_validates(name: str) -> None:
    compound = library.compound(name)
    assert compound.name == name
    assert hash(compound) == hash(library.compound(name))
    if compound.kind == "degrader":
        assert compound.ligase in library.names("ligases")
    else:
        assert compound.ligase is None
    has_none = compound.kd_target_nM is None and compound.ki_target_nM is None
    assert has_none == (name in WITHOUT_CONSTANTS)
    assert (compound.kd_ligase_nM is None) == (compound.ligase is None or has_none)


@pytest.mark.parametrize("name", library.names("compounds"))
def test_ki_leaves_a_positive_kd_at_the_default_kon(name: str) -> None:
    compound = library.compound(name)
    if compound.ki_target_nM is not None:
        kon = library.defaults(f"compound.{compound.kind}")["kon_target_per_nM_per_h"].value
        assert kon is not None
        assert compound.ki_target_nM - compound.kinact_per_h / kon > 0


@pytest.mark.parametrize("name", library.names("compounds"))
def test_an_end_that_needs_another_constant_moved_says_so(name: str) -> None:
    """Each end of KI and of kinact alone, beside the default kon of 3.6 1/nM/h."""
    facts = library.entry("compounds", name).facts
    if "ki_target_nM" not in facts:
        return
    ki, kinact = facts["ki_target_nM"], facts["kinact_per_h"]
    lowest, highest = ki.low or ki.value, kinact.high or kinact.value
    assert None not in (ki.value, kinact.value)
    assert lowest is not None
    assert highest is not None
    if 3.6 * ki.value <= highest:
        assert "needs a kon above 3.6" in kinact.note
    if 3.6 * lowest <= kinact.value:
        assert "leaves no positive kd" in ki.note


def test_an_affinity_that_stands_in_is_assumed() -> None:
    for entry, path, fact in FACTS:
        if path in ("kd_target_nM", "ki_target_nM", "kd_ligase_nM"):
            words = f"{fact.source} {fact.note}"
            if "stand in" in words or "stands in" in words:
                assert fact.unverified, where(entry, path)


@pytest.mark.parametrize("name", library.names("cells"))
def test_cell_validates(name: str) -> None:
    cell = library.cell(name)
    assert isinstance(cell, Cell)
    assert hash(cell) == hash(library.cell(name))
    proteins = {protein.name for protein in cell.proteins}
    assert "BTK" in proteins
    assert proteins & set(library.names("ligases"))
    if not name.startswith(("bartlett", "park")):
        assert proteins == {*CELL_PROTEINS, "BTK", "CRBN"}
        assert cell.medium_buffered == name.endswith("_in_vivo")


CELL_PROTEINS = ("VHL", "cIAP1", "IKZF1", "IKZF3", "proteasome")


@pytest.mark.parametrize("key", library.names("alleles"))
def test_allele_validates(key: str) -> None:
    target, name = key.split(".")
    allele = library.allele(target, name)
    assert allele.name == name
    assert {fold.name for fold in allele.class_folds} == {"degrader", "covalent", "noncovalent"}


@pytest.mark.parametrize("name", library.names("ligases"))
def test_a_ligase_has_no_numbers_of_its_own(name: str) -> None:
    """They belong to the cell and to the compound."""
    assert library.values("ligases", name) == {"name": name}


PUBLISHED = ["bartlett2021", "park2023-protac1", "park2023-protac1-star", "park2023-acbi1"]
FITTED = ["zorba2018-ramos", "zorba2018-thp1"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_preset_validates(name: str) -> None:
    found = library.preset(name)
    assert set(found) == {"cell", "target", "ubiquitination", "compound", "citation"}
    assert library.cell(found["cell"]).protein("BTK") is not None
    fate, ligase = ("erased", "CRBN") if name == "bartlett2021" else ("kept", "VHL")
    assert Ubiquitination(**found["ubiquitination"]).chain_on_release == fate
    assert library.compound(found["compound"]).ligase == ligase
    assert library.cell(found["cell"]).protein(ligase) is not None
    assert found["target"] == {"name": "BTK"}
    assert "https://" in found["citation"]


@pytest.mark.parametrize("name", FITTED)
def test_a_fitted_preset_takes_cell_and_compound_from_one_fit(name: str) -> None:
    scenario = Scenario(preset=name)
    compound = scenario.treatment.compounds[0].compound
    assert scenario.cell.name == name.removeprefix("zorba2018-")
    assert (scenario.cell.basis, compound.basis) == ("zorba2018", name)
    assert scenario.ubiquitination.k_ub_per_h == 1e5
    other = Scenario(preset=name, treatment={"name": "zorba-protac-6", "basis": name})
    assert other.cell == scenario.cell
    assert other.treatment.compounds[0].compound.productive_fraction < compound.productive_fraction
    with pytest.raises(ParameterError, match="cell molm14 has no basis 'zorba2018'"):
        Scenario(preset=name, cell="molm14")


def test_a_fitted_preset_has_the_rate_at_which_it_was_fitted() -> None:
    fit = Path(__file__).parent.parent / "configs" / "calibration" / "zorba.toml"
    assert load(fit).study.scenario.ubiquitination.k_ub_per_h == 1e5
    for name in FITTED:
        for fact in library.entry("compounds", "zorba-protac-10", name).facts.values():
            if fact.confidence == "calibrated":
                assert "k_ub_per_h = 1e5" in fact.source


@pytest.mark.jit_only
def test_the_fit_of_ramos_degrades_in_one_word() -> None:
    """Measured: DC50 1.1 nM; Dmax 87 %, of which the fit gives the rest to an assay floor."""
    study = Study(
        Scenario(preset="zorba2018-ramos"),
        axes={"compound.dose_nM": [10.0 ** (k / 4 - 2) for k in range(25)]},
        readout=Readout(["target_total"], times_h=[24.0], relative_to="vehicle"),
    )
    curve = dose_response(run(study))
    assert curve["dmax_percent"].item() > 99.0
    assert 0.5 < curve["dc50_relative_nM"].item() / 1.1 < 2.0


@pytest.mark.parametrize("kind", ["degrader", "covalent", "noncovalent"])
def test_defaults_fill_a_compound(kind: str) -> None:
    found = {path: fact.value for path, fact in library.defaults(f"compound.{kind}").items()}
    ligase = "CRBN" if kind == "degrader" else None
    compound = Compound(name="x", kind=kind, ligase=ligase, kd_target_nM=1.0, **found)
    assert compound.kon_target_per_nM_per_h == 1e6 * 1e-9 * 3600  # 1e6 1/M/s


def test_defaults_fill_chain_allele_and_cell() -> None:
    chain = {path: fact.value for path, fact in library.defaults("ubiquitination").items()}
    assert Ubiquitination(**chain).chain_length == 4
    km = library.defaults("allele")["km_atp_uM"].value
    assert Allele(name="x", km_atp_uM=km).km_atp_uM == km
    assert set(library.defaults("cell")) == {"atp_uM", "medium_volume_pL"}


# ---- numbers by hand ------------------------------------------------------------------------


def test_ibrutinib_kinact_is_ki_times_the_published_ratio() -> None:
    kinact_per_s = 54e-9 * 3e5
    assert value("compounds", "ibrutinib", "kinact_per_h") == pytest.approx(kinact_per_s * 3600)
    found = library.fact("compounds", "ibrutinib", "kinact_per_h")
    assert found is not None
    assert found.low == pytest.approx(54e-9 * 1e5 * 3600)
    assert found.high == pytest.approx(54e-9 * 1e6 * 3600)


def test_ibrutinib_binds_c481s_at_54_nM() -> None:
    kd_wild_type = 54.0 - 58.32 / 3.6
    fold = value("compounds", "ibrutinib", "folds.C481S")
    assert kd_wild_type == pytest.approx(37.8)
    assert fold * kd_wild_type == pytest.approx(54.0, rel=1e-12)


def test_ibrutinib_ki_lies_between_its_two_proxies() -> None:
    assert 51 < value("compounds", "ibrutinib", "ki_target_nM") < 65


def test_zanubrutinib_repeats_ibrutinib_and_says_that_it_is_assumed() -> None:
    ours, theirs = (library.entry("compounds", n) for n in ("zanubrutinib", "ibrutinib"))
    for path, fact in theirs.facts.items():
        assert ours.facts[path].value == fact.value
        assert ours.facts[path].confidence == "assumed"


@pytest.mark.parametrize(
    ("name", "ratio_per_M_per_s"),
    [
        ("acalabrutinib", 2e4),
        ("spebrutinib", 76_900.0),
        ("tirabrutinib", 3e5),
        ("orelabrutinib", 3e5),
        ("tolebrutinib", 3e5),
        ("evobrutinib", 3e5 / 65),
        ("rilzabrutinib", 3e5),
    ],
)
def test_kinact_over_ki(name: str, ratio_per_M_per_s: float) -> None:
    ki, kinact = (value("compounds", name, f) for f in ("ki_target_nM", "kinact_per_h"))
    assert kinact / 3600 / (ki * 1e-9) == pytest.approx(ratio_per_M_per_s, rel=1e-9)
    kd_c481s = (ki - kinact / 3.6) * value("compounds", name, "folds.C481S")
    assert kd_c481s == pytest.approx(54.0, rel=1e-9)


def test_rilzabrutinib_alone_has_a_bond_that_breaks_among_inhibitors() -> None:
    inhibitors = set(COMPOUNDS) - set(DEGRADERS)
    breaking = {name for name in inhibitors if library.compound(name).krev_per_h > 0}
    assert breaking == {"rilzabrutinib"}
    high = library.entry("compounds", "rilzabrutinib").facts["krev_per_h"].high
    assert high is not None
    assert 37.8 / (1 + 58.32 / high) == pytest.approx(1.3, abs=0.05)  # the recalled IC50


def test_fenebrutinib_rates_give_its_kd() -> None:
    koff = value("compounds", "fenebrutinib", "koff_target_per_h")
    assert koff == pytest.approx(1.54e-5 * 3600)
    kon_per_M_per_s = koff / value("compounds", "fenebrutinib", "kd_target_nM") / 3600 * 1e9
    assert kon_per_M_per_s == pytest.approx(3280, rel=0.002)
    assert 1 / koff == pytest.approx(18, abs=0.1)


@pytest.mark.parametrize(
    ("name", "allele", "ratio"),
    [
        ("nemtabrutinib", "C481S", 0.39 / 0.85),
        ("fenebrutinib", "C481S", 1.6 / 0.91),
        ("fenebrutinib", "C481R", 1.3 / 0.91),
        ("fenebrutinib", "T474I", 12.6 / 0.91),
    ],
)
def test_own_folds(name: str, allele: str, ratio: float) -> None:
    assert value("compounds", name, f"folds.{allele}") == pytest.approx(ratio)


def test_pirtobrutinib_residence_time() -> None:
    compound = library.compound("pirtobrutinib")
    assert compound.koff_target_per_h == pytest.approx(1e-4 * 3600)
    assert compound.kon_target_per_nM_per_h is None
    assert compound.koff_target_per_h is not None
    assert 1 / compound.koff_target_per_h == pytest.approx(2.8, abs=0.05)


@pytest.mark.parametrize(
    ("name", "kd_target", "kd_ligase"),
    [
        ("mt-802", 46.9, 157),
        ("zorba-protac-1", 735, 8000),
        ("zorba-protac-2", 1400, 7600),
        ("zorba-protac-3", 1535, 15700),
        ("zorba-protac-4", 489, 5300),
        ("zorba-protac-5", 1150, 8800),
        ("zorba-protac-6", 71, 2500),
        ("zorba-protac-7", 79, 2700),
        ("zorba-protac-8", 80, 3600),
        ("zorba-protac-9", 74, 3200),
        ("zorba-protac-10", 61, 3000),
        ("zorba-protac-11", 138, 3100),
        ("guo-rc-1", 6.4, 4214),
        ("irc-1", 3, 1530),
        ("rnc-1", 4.7, 1801),
        ("p13i", 95, 157),
        ("dd-03-171", 5.1, 157),
        ("nc-1", 16, 157),
        ("bc5p", 259, 7),
        ("bcpyr", 692, 7),
        ("xue-crbn-noncovalent", 415, 157),
        ("xue-vhl-noncovalent", 2657, 185),
    ],
)
def test_degrader_affinities(name: str, kd_target: float, kd_ligase: float) -> None:
    compound = library.compound(name)
    assert (compound.kd_target_nM, compound.kd_ligase_nM) == (kd_target, kd_ligase)
    assert compound.folds == ()  # the class fold of the allele applies


def test_cooperativity_of_the_iap_pair_is_binary_over_ternary() -> None:
    assert value("compounds", "bc5p", "cooperativity") == pytest.approx(0.546, abs=5e-4)
    assert value("compounds", "bcpyr", "cooperativity") == pytest.approx(2.64, abs=5e-3)


@pytest.mark.parametrize(
    ("name", "ic50_nM"),
    [("ir-1", 2), ("ir-2", 14), ("xue-crbn-covalent", 186), ("xue-vhl-covalent", 39)],
)
def test_covalent_degraders_react_as_ibrutinib(name: str, ic50_nM: float) -> None:
    compound = library.compound(name)
    assert compound.ki_target_nM == ic50_nM
    assert compound.kinact_per_h == pytest.approx(ic50_nM * 1e-9 * 3e5 * 3600)
    facts = library.entry("compounds", name).facts
    assert facts["ki_target_nM"].unverified
    assert facts["kinact_per_h"].unverified


@pytest.mark.parametrize(
    ("name", "ic50_nM"), [("gabizon-rc-1", 12), ("gabizon-rc-2", 1), ("gabizon-rc-3", 0.4)]
)
def test_reversible_covalent_degraders_bind_at_their_ic50(name: str, ic50_nM: float) -> None:
    """The two steps together, from the control without the warhead (16 nM)."""
    compound = library.compound(name)
    assert compound.kd_target_nM == 16
    overall = compound.kd_target_nM / (1 + compound.kinact_per_h / compound.krev_per_h)
    assert overall == pytest.approx(ic50_nM)


def test_uptake_of_the_guo_series_is_engagement_per_affinity() -> None:
    per_affinity = {"guo-rc-1": 43 / 6.4, "irc-1": 130 / 3, "rnc-1": 1270 / 4.7}
    for name in ("irc-1", "rnc-1"):
        expected = per_affinity["guo-rc-1"] / per_affinity[name]
        assert value("compounds", name, "unbound_accumulation") == pytest.approx(expected)


def test_mt802_ligase_affinity_is_marked_as_not_its_own() -> None:
    found = library.fact("compounds", "mt-802", "kd_ligase_nM")
    assert found is not None
    assert found.unverified


def test_c481s_class_fold_is_the_ratio_of_the_bare_core() -> None:
    for kind in ("degrader", "covalent"):
        fold = value("alleles", "BTK.C481S", f"class_folds.{kind}")
        assert fold == pytest.approx(30.7 / 51, abs=0.005)


@pytest.mark.parametrize(
    ("name", "cysteine", "bonding", "proficient"),
    [
        ("WT", True, True, True),
        ("C481S", False, False, True),
        ("T474I", True, True, True),
        ("L528W", True, False, False),
        ("V416L", True, True, False),
        ("M437R", True, True, False),
        ("A428D", True, False, False),
        *((f"C481{residue}", False, False, False) for residue in "FYR"),
        *((f"C481{residue}", False, False, True) for residue in "TGA"),
        ("C481W", False, False, False),
    ],
)
def test_allele_chemistry(name: str, cysteine: bool, bonding: bool, proficient: bool) -> None:
    allele = library.allele("BTK", name)
    found = (allele.cysteine_481, allele.covalent_bonding, allele.kinase_proficient)
    assert found == (cysteine, bonding, proficient)


def test_molm14_copies() -> None:
    volume = value("cells", "molm14", "volume_pL")
    btk = value("cells", "molm14", "proteins.BTK.abundance_nM")
    crbn = value("cells", "molm14", "proteins.CRBN.abundance_nM")
    assert btk * volume * MOLECULES_PER_NM_PL == pytest.approx(470_000, rel=0.01)
    assert crbn * volume * MOLECULES_PER_NM_PL == pytest.approx(7_800, rel=0.01)
    assert btk / crbn == pytest.approx(60)


def test_cll_half_life_from_daily_return() -> None:
    per_h = -math.log(1 - 0.134) / 24
    half_life = value("cells", "cll_in_vivo", "proteins.BTK.half_life_h")
    assert half_life == pytest.approx(math.log(2) / 0.006, rel=0.005)
    assert half_life == pytest.approx(math.log(2) / per_h, rel=0.005)
    assert library.cell("cll_in_vivo").medium_buffered


def test_healthy_half_life_is_that_of_half_the_daily_return() -> None:
    per_h = -math.log(1 - 0.134 / 2) / 24
    half_life = value("cells", "healthy_b_in_vivo", "proteins.BTK.half_life_h")
    assert half_life == pytest.approx(math.log(2) / per_h, rel=0.005)


@pytest.mark.parametrize("name", ["molm14", "ramos", "thp1", "tmd8", "namalwa", "mino"])
def test_what_every_cell_line_holds(name: str) -> None:
    copies = {"VHL": 1e4, "cIAP1": 3e4, "proteasome": 8e5, "IKZF1": 1e5, "IKZF3": 1e5}
    for protein, expected in copies.items():
        assert value("cells", name, f"proteins.{protein}.abundance_copies") == expected
    half_lives = {p.name: p.half_life_h for p in library.cell(name).proteins}
    assert half_lives == {
        "BTK": 30.0,
        "IKZF1": 16.0,
        "IKZF3": 12.0,
        **dict.fromkeys(["CRBN", "VHL", "cIAP1", "proteasome"]),
    }


def test_cll_copies_scale_with_volume() -> None:
    volume = value("cells", "cll_in_vivo", "volume_pL")
    btk = value("cells", "cll_in_vivo", "proteins.BTK.abundance_copies")
    crbn = value("cells", "cll_in_vivo", "proteins.CRBN.abundance_copies")
    assert btk == pytest.approx(780 * volume * MOLECULES_PER_NM_PL, rel=0.1)
    assert crbn == pytest.approx(13 * volume * MOLECULES_PER_NM_PL, rel=0.05)


@pytest.mark.parametrize("name", ["cll_in_vivo", "healthy_b_in_vivo"])
def test_small_cells_hold_as_much_per_volume_as_cell_lines(name: str) -> None:
    lines = {"VHL": 1e4, "cIAP1": 3e4, "proteasome": 8e5, "IKZF1": 1e5, "IKZF3": 1e5}
    for protein, copies in lines.items():
        found = value("cells", name, f"proteins.{protein}.abundance_copies")
        assert found == pytest.approx(copies * 0.2 / 0.9, rel=0.05)


@pytest.mark.parametrize("name", library.names("cells"))
def test_medium_share_of_a_96_well_plate(name: str) -> None:
    assert value("cells", name, "medium_volume_pL") == 0.2e-3 / 1e-12 / 5000


def test_atp_puts_c481s_at_one_micromolar() -> None:
    km = library.defaults("allele")["km_atp_uM"].value
    atp = library.defaults("cell")["atp_uM"].value
    assert km is not None
    assert atp is not None
    assert 54 * (1 + atp / km) == pytest.approx(1000, rel=0.02)
    assert library.defaults("allele")["km_atp_uM"].confidence == "calibrated"


def test_bartlett_step_success_and_destruction_probability() -> None:
    """Published: 0.188399 per step, and 0.00125985 for the whole passage of four steps."""
    found = library.preset("bartlett2021")
    chain = found["ubiquitination"]
    compound = library.compound(found["compound"])
    assert compound.kon_target_per_nM_per_h is not None
    assert compound.kd_target_nM is not None
    assert compound.kd_ligase_nM is not None
    opening = compound.kon_target_per_nM_per_h * (compound.kd_target_nM + compound.kd_ligase_nM)
    loss = math.log(2) / value("cells", "bartlett2021", "proteins.BTK.half_life_h")
    step = chain["k_ub_per_h"]
    assert step == chain["k_proteasome_bound_per_h"] == pytest.approx(4 / 0.0015)
    success = step / (step + opening + loss)
    assert loss == pytest.approx(0.058, rel=1e-12)
    assert success == pytest.approx(0.188399, abs=5e-7)
    assert success ** (chain["chain_length"] + 1) == pytest.approx(0.00125985, abs=5e-9)


def test_bartlett_amounts_are_converted_from_micromolar() -> None:
    assert value("compounds", "bartlett2021", "kd_target_nM") == pytest.approx(0.091e3)
    assert value("compounds", "bartlett2021", "kd_ligase_nM") == pytest.approx(3.1e3)
    assert value("compounds", "bartlett2021", "kon_target_per_nM_per_h") == pytest.approx(3600e-3)
    assert value("cells", "bartlett2021", "proteins.BTK.abundance_nM") == pytest.approx(0.001e3)
    assert value("cells", "bartlett2021", "proteins.CRBN.abundance_nM") == pytest.approx(0.1e3)


# ---- look-up --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "word", "name"),
    [
        ("compounds", "MT-802", "mt-802"),
        ("compounds", "mt802", "mt-802"),
        ("compounds", "IBRUTINIB", "ibrutinib"),
        ("compounds", "Zorba PROTAC (10)", "zorba-protac-10"),
        ("compounds", "RC-1 (Guo)", "guo-rc-1"),
        ("compounds", "RC-1 (Gabizon)", "gabizon-rc-1"),
        ("compounds", "bexobrutideg", "nx-5948"),
        ("ligases", "von Hippel-Lindau protein", "VHL"),
        ("compounds", "guo rc-1", "guo-rc-1"),
        ("cells", "MOLM-14", "molm14"),
        ("ligases", "Cereblon", "CRBN"),
        ("alleles", "btk.c481s", "BTK.C481S"),
    ],
)
def test_titles_and_aliases(kind: str, word: str, name: str) -> None:
    assert library.entry(kind, word).name == name


def test_title() -> None:
    assert library.title("compounds", "mt802") == "MT-802"
    assert library.title("compounds", "zorba-protac-10") == "Zorba PROTAC (10)"
    assert library.title("compounds", "my own degrader") == "my own degrader"


@given(st.sampled_from(ENTRIES), st.data())
def test_case_never_matters(entry: Entry, data: st.DataObject) -> None:
    letters = [data.draw(st.sampled_from([c.lower(), c.upper()])) for c in entry.name]
    assert library.entry(entry.kind, "".join(letters)) is entry


@pytest.mark.parametrize(
    ("kind", "word", "near"),
    [
        ("compounds", "ibrutinb", "ibrutinib"),
        ("compounds", "mt-801", "mt-802"),
        ("cells", "molm-13", "molm14"),
        ("alleles", "BTK.T474S", "BTK.T474I"),
        ("presets", "bartlet2021", "bartlett2021"),
    ],
)
def test_unknown_name_gives_the_closest(kind: str, word: str, near: str) -> None:
    with pytest.raises(ParameterError) as caught:
        library.entry(kind, word)
    assert repr(word) in str(caught.value)
    assert f"did you mean {near!r}" in str(caught.value)


def test_unknown_kind_and_group_and_target() -> None:
    with pytest.raises(ParameterError, match="did you mean 'compounds'"):
        library.names("compound")
    with pytest.raises(ParameterError, match=r"did you mean 'compound\.degrader'"):
        library.defaults("compound.degraders")
    with pytest.raises(ParameterError, match=r"no allele named 'ITK\.C481S'"):
        library.allele("ITK", "C481S")


def test_fact_of_an_absent_path_is_none() -> None:
    assert library.fact("compounds", "ibrutinib", "kd_ligase_nM") is None


# ---- values and overrides -------------------------------------------------------------------


def test_values_are_bare_and_fresh() -> None:
    first = library.values("cells", "molm14")
    assert set(first) == {"name", "basis", "volume_pL", "medium_volume_pL", "atp_uM", "proteins"}
    assert first["proteins"]["BTK"] == {"abundance_nM": 780.0, "half_life_h": 30.0}
    first["proteins"]["BTK"]["abundance_nM"] = 1.0
    assert library.values("cells", "molm14")["proteins"]["BTK"]["abundance_nM"] == 780.0


def test_confidence_none_leaves_the_field_out() -> None:
    found = library.fact("cells", "molm14", "proteins.CRBN.half_life_h")
    assert found is not None
    assert found.confidence == "none"
    assert found.value is None
    assert "half_life_h" not in library.values("cells", "molm14")["proteins"]["CRBN"]


def test_compound_override() -> None:
    changed = library.compound("mt-802", kd_target_nM=30.0)
    assert changed.kd_target_nM == 30.0
    assert changed.kd_ligase_nM == library.compound("mt-802").kd_ligase_nM
    assert library.compound("mt-802").kd_target_nM == 46.9


def test_folds_are_merged_by_allele() -> None:
    changed = library.compound("pirtobrutinib", folds={"C481S": 0.45})
    assert {fold.name: fold.fold for fold in changed.folds} == {
        "C481S": 0.45,
        "T474I": 100.0,
        "L528W": 1000.0,
        "V416L": 100.0,
        "M437R": 100.0,
        "A428D": 1000.0,
    }


def test_an_override_displaces_its_alternative() -> None:
    assert library.compound("ibrutinib", kd_target_nM=40.0).ki_target_nM is None
    faster = library.compound("pirtobrutinib", kon_target_per_nM_per_h=3.6)
    assert (faster.kd_target_nM, faster.koff_target_per_h) == (0.9, None)
    cell = library.cell("molm14", proteins={"CRBN": {"abundance_copies": 5000.0}})
    crbn, btk = cell.protein("CRBN"), cell.protein("BTK")
    assert crbn is not None
    assert btk is not None
    assert (crbn.abundance_nM, crbn.abundance_copies) == (None, 5000.0)
    assert btk.abundance_nM == 780.0


def test_override_with_a_unit() -> None:
    assert library.compound("mt-802", kd_target_nM="0.03 uM").kd_target_nM == pytest.approx(30.0)


def test_a_bad_override_is_one_sentence_with_the_key() -> None:
    with pytest.raises(ParameterError) as caught:
        library.compound("mt-802", kd_target_nM=-1.0)
    assert str(caught.value).endswith("kd_target_nM is -1.0; must be above 0 nM.")
    assert "\n" not in str(caught.value)
    with pytest.raises(ParameterError, match="did you mean 'kd_target_nM'"):
        library.compound("mt-802", kd_target=30.0)


def test_entries_and_facts_are_frozen_and_hashable() -> None:
    entry = library.entry("compounds", "mt-802")
    assert entry is library.entry("compounds", "MT-802")
    assert len({entry, library.entry("compounds", "mt802")}) == 1
    fact = entry.facts["kd_target_nM"]
    assert len({fact, library.fact("compounds", "mt-802", "kd_target_nM")}) == 1
    with pytest.raises(FrozenInstanceError):
        fact.value = 1.0  # type: ignore[misc]
    with pytest.raises(TypeError):
        entry.facts["kd_target_nM"] = fact  # type: ignore[index]


# ---- contradicting sources ------------------------------------------------------------------

WITH_BASES = [entry for entry in ENTRIES if entry.bases]
SWITCHES = [
    pytest.param(entry, basis, id=f"{entry.name}-{basis}")
    for entry in WITH_BASES
    for basis in entry.bases
]


def test_which_entries_have_bases() -> None:
    assert {entry.kind for entry in WITH_BASES} == {"compounds", "cells"}
    crbn = {name for name in DEGRADERS if library.values("compounds", name)["ligase"] == "CRBN"}
    assert {e.name for e in WITH_BASES if e.kind == "compounds"} == crbn - {"bartlett2021"}
    lines = {"molm14", "ramos", "thp1", "tmd8", "namalwa", "mino"}
    assert {e.name for e in WITH_BASES if e.kind == "cells"} == lines


@pytest.mark.parametrize("kind", KINDS)
def test_a_basis_only_replaces(kind: str) -> None:
    """Every other basis states numbers that the default states too, and a title of its own."""
    for name, table in raw(kind).items():
        assert ("basis" in table) == ("default_basis" in table), name
        default = library.entry(kind, name)
        for basis in table.get("basis", {}):
            assert basis != table["default_basis"]
            other = library.entry(kind, name, basis)
            assert other.facts.keys() == default.facts.keys()
            assert dict(other.facts) != dict(default.facts)
            assert other.title != default.title


@pytest.mark.parametrize(
    ("kind", "name", "path", "expected"),
    [
        ("compounds", "mt-802", "kd_ligase_nM", {"fp": 157.0, "spr": 3000.0}),
        (
            "compounds",
            "zorba-protac-10",
            "kd_ligase_nM",
            {"spr": 3000.0, "fp": 157.0, "zorba2018-ramos": 3000.0, "zorba2018-thp1": 3000.0},
        ),
        ("compounds", "guo-rc-1", "kd_ligase_nM", {"quenching": 4214.0, "fp": 157.0}),
        (
            "compounds",
            "gbd-9",
            "kd_target_nM",
            {"kinomescan": 44.0, "itc": 990.0, "spr": 44.0},
        ),
        (
            "cells",
            "molm14",
            "proteins.BTK.half_life_h",
            {
                "growth": 30.0,
                "bartlett2021": pytest.approx(12, abs=0.1),
                "du2024": 71.9,
                "cll_in_vivo": 116.0,
            },
        ),
    ],
)
def test_an_entry_holds_what_contradicts(
    kind: str, name: str, path: str, expected: dict[str, float]
) -> None:
    assert library.bases(kind, name) == list(expected)
    for basis, number in expected.items():
        found = library.fact(kind, name, path, basis)
        assert found is not None
        assert found.value == number
    assert library.fact(kind, name, path) == library.fact(kind, name, path, next(iter(expected)))
    assert library.values(kind, name)["basis"] == next(iter(expected))


def test_rc1_names_two_molecules() -> None:
    assert (
        library.compound("guo-rc-1").kd_target_nM != library.compound("gabizon-rc-1").kd_target_nM
    )


def test_an_unknown_basis_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ParameterError, match=r"mt-802 has no basis 'itc'; known: fp, spr"):
        library.values("compounds", "mt-802", "itc")
    with pytest.raises(ParameterError, match=r"no basis 'fp'.*leave basis out"):
        library.fact("compounds", "ibrutinib", "ki_target_nM", "fp")
    with pytest.raises(ParameterError, match=r"no basis 'spt'; did you mean 'spr'\?"):
        Scenario(cell="molm14", treatment={"name": "mt-802", "basis": "spt"})
    with pytest.raises(ParameterError, match="custom entry"):
        Scenario(
            cell="molm14",
            treatment={"name": "x", "custom": True, "basis": "fp", "kind": "noncovalent"},
        )


def test_compound_and_cell_on_a_basis() -> None:
    assert library.compound("mt-802", basis="spr").kd_ligase_nM == 3000.0
    assert library.compound("mt-802", "spr", kd_ligase_nM=5.0).kd_ligase_nM == 5.0
    protein = library.cell("tmd8", basis="du2024").protein("BTK")
    assert protein is not None
    assert protein.half_life_h == 71.9


def test_a_scenario_takes_its_numbers_and_sources_from_the_basis() -> None:
    s = Scenario(
        cell={"name": "molm14", "basis": "cll_in_vivo"},
        treatment={"name": "mt-802", "basis": "spr"},
    )
    assert (s.cell.basis, s.treatment.compounds[0].compound.basis) == ("cll_in_vivo", "spr")
    assert s.treatment.name == "MT-802 (CRBN by SPR)"
    found = {entry.path: entry for entry in provenance.constants(s)}
    assert found["compounds.mt-802.kd_ligase_nM"].value == 3000.0
    assert "Zorba 2018" in found["compounds.mt-802.kd_ligase_nM"].source
    assert found["cell.proteins.BTK.half_life_h"].value == 116.0
    assert "Sun et al." in found["cell.proteins.BTK.half_life_h"].source
    assert found["compounds.mt-802.kd_target_nM"].confidence == "assumed"


def test_only_what_takes_part_is_listed_as_a_constant() -> None:
    s = Scenario(cell="molm14", treatment="nx-2127")
    proteins = {e.path.split(".")[2] for e in provenance.constants(s) if ".proteins." in e.path}
    assert proteins == {"BTK", "CRBN"}
    assert not any("neosubstrates" in entry.path for entry in provenance.constants(s))
    s = Scenario(
        cell="molm14",
        treatment="nx-2127",
        neosubstrates=("IKZF1",),
        ubiquitination={"proteasome": "finite"},
    )
    found = {entry.path: entry for entry in provenance.constants(s)}
    proteins = {path.split(".")[2] for path in found if ".proteins." in path}
    assert proteins == {"BTK", "CRBN", "IKZF1", "proteasome"}
    own = {path: e for path, e in found.items() if ".neosubstrates." in path}
    assert {path.split(".")[-2] for path in own} == {"IKZF1"}
    assert {entry.confidence for entry in own.values()} == {"assumed"}


@pytest.mark.parametrize(("entry", "basis"), SWITCHES)
def test_an_axis_over_the_basis_switches_the_numbers(entry: Entry, basis: str) -> None:
    treatment = entry.name if entry.kind == "compounds" else "mt-802"
    cell = entry.name if entry.kind == "cells" else "molm14"
    s = Scenario(cell=cell, treatment=treatment)
    path = f"compounds.{entry.name}.basis" if entry.kind == "compounds" else "cell.basis"
    changed = replaced(s, path, basis)
    chosen: dict[str, Any] = {"name": entry.name, "basis": basis}
    direct = Scenario(
        cell=chosen if entry.kind == "cells" else cell,
        treatment=chosen if entry.kind == "compounds" else treatment,
    )
    assert numbers(changed) == numbers(direct)
    assert replaced(changed, path, entry.bases[0]) == s


CONFIG = """
schema = "protacsim/1"
[scenario]
cell = {{ name = "molm14", basis = "du2024" }}
[[treatment]]
compounds = [{{ name = "mt-802", basis = "fp" }}]
[[treatment]]
compounds = [{{ name = "mt-802", basis = "{basis}" }}]
[[axis]]
path = "compound.dose_nM"
values = [1.0, 10.0]
[readout]
observables = ["target_total"]
times_h = [24.0]
"""


def test_a_basis_in_a_configuration(tmp_path: Path) -> None:
    config = tmp_path / "a.toml"
    config.write_text(CONFIG.format(basis="spr"))
    found = [c.scenario for c in load(config).study.combinations]
    assert [s.treatment.name for s in found] == ["MT-802", "MT-802 (CRBN by SPR)"]
    kds = [s.treatment.compounds[0].compound.kd_ligase_nM for s in found]
    assert kds == [157.0, 3000.0]
    half_lives = {numbers(s)["cell.proteins.BTK.half_life_h"] for s in found}
    assert half_lives == {71.9}
    config.write_text(CONFIG.format(basis="itc"))
    with pytest.raises(ConfigError, match=r"no basis 'itc'; known: fp, spr"):
        load(config)


def test_showing_an_entry_lists_its_bases(capsys: pytest.CaptureFixture[str]) -> None:
    library_entries("gbd-9", None, as_json=False)
    shown = capsys.readouterr().out
    assert "basis: kinomescan (shown, the default), itc, spr" in shown
    assert 'With basis = "itc"' in shown
    assert "990" in shown
    library_entries("gbd-9", None, as_json=True)
    assert '"itc"' in capsys.readouterr().out


# ---- every entry in a run -------------------------------------------------------------------


def cell_for(name: str) -> str:
    """A cell that has what the compound recruits."""
    return name.split("-", maxsplit=1)[0] if name.startswith(("bartlett", "park")) else "molm14"


@pytest.mark.parametrize("name", [n for n in COMPOUNDS if n not in WITHOUT_CONSTANTS])
def test_every_compound_runs_on_every_allele(name: str) -> None:
    for allele in ALLELES:
        s = Scenario(cell=cell_for(name), target={"name": "BTK", "allele": allele}, treatment=name)
        rates = rate_constants(s, numbers(s))
        assert all(math.isfinite(rate) and rate >= 0.0 for rate in rates.values())
        assert rates[f"koff_target[{name}]"] > 0.0
        bonds = s.allele.covalent_bonding and s.treatment.compounds[0].compound.kinact_per_h > 0
        assert (rates[f"kinact[{name}]"] > 0.0) == bonds


@pytest.mark.parametrize("cell", library.names("cells"))
@pytest.mark.parametrize("name", ["mt-802", "bc5p", "xue-vhl-covalent", "ibrutinib"])
def test_a_cell_without_the_ligase_is_refused(name: str, cell: str) -> None:
    ligase = library.compound(name).ligase
    if ligase is None or library.cell(cell).protein(ligase) is not None:
        assert Scenario(cell=cell, treatment=name).cell.name == cell
    else:
        with pytest.raises(ParameterError, match=f"{cell} has no protein {ligase}, the ligase of"):
            Scenario(cell=cell, treatment=name)


@pytest.mark.parametrize("name", WITHOUT_CONSTANTS)
def test_a_run_without_public_constants_is_refused_with_a_sentence(name: str) -> None:
    with pytest.raises(ParameterError) as caught:
        Scenario(cell="thp1", treatment=name)
    sentence = str(caught.value)
    assert f"compound {name} has no kd_target_nM and no kd_ligase_nM" in sentence
    assert "no public value exists" in sentence
    assert f'{{ name = "{name}", kd_target_nM = ..., kd_ligase_nM = ... }}' in sentence
    own = {"name": name, "kd_target_nM": 10.0, "kd_ligase_nM": 5.0}
    s = Scenario(cell="thp1", treatment=own)
    assert rate_constants(s, numbers(s))[f"koff_target[{name}]"] == pytest.approx(36.0)
    with pytest.raises(ParameterError, match="has no kd_ligase_nM: no public value"):
        Scenario(cell="thp1", treatment={"name": name, "kd_target_nM": 10.0})


def test_an_own_inhibitor_without_an_affinity_is_refused() -> None:
    with pytest.raises(ParameterError, match="compound x has no kd_target_nM: no public value"):
        Scenario(cell="molm14", treatment={"name": "x", "custom": True, "kind": "noncovalent"})


# ---- placeholders are labelled --------------------------------------------------------------


def test_hypothetical_are_those_without_a_public_affinity() -> None:
    flagged = [name for name in COMPOUNDS if library.compound(name).hypothetical]
    assert set(flagged) == {*PLACEHOLDERS, *WITHOUT_CONSTANTS}
    for name in COMPOUNDS:
        facts = library.entry("compounds", name).facts
        own = [facts[f] for f in ("kd_target_nM", "kd_ligase_nM") if f in facts]
        if name in DEGRADERS and "ki_target_nM" not in facts and "krev_per_h" not in facts:
            without = all(fact.unverified and not of_its_own(fact) for fact in own)
            assert without == (name in flagged), name


def of_its_own(fact: Fact) -> bool:
    """Whether an IC50 of the compound itself stands in for its Kd."""
    return "The IC50 stands in" in fact.note or "The wild-type IC50 stands in" in fact.note


@pytest.mark.parametrize("name", PLACEHOLDERS)
def test_a_placeholder_says_so(name: str) -> None:
    entry = library.entry("compounds", name)
    assert "(hypothetical)" in entry.title
    assert "2.85 nM in TMD8" in entry.note
    assert "0.6-16 nM" in entry.note
    assert "placeholders for a class" in entry.note
    assert all(fact.confidence == "assumed" for fact in entry.facts.values())
    kd = entry.facts["kd_target_nM"]
    assert kd.low is not None
    assert kd.high is not None
    assert kd.high / kd.low >= 1000
    s = Scenario(cell="tmd8", treatment=name)
    assert provenance.hypothetical([s]) == [name]


def test_cft8916_is_not_confirmed() -> None:
    assert "No primary source confirms it" in library.entry("compounds", "cft8916").note


def test_nx2127_takes_neosubstrates_at_an_assumed_affinity() -> None:
    facts = library.entry("compounds", "nx-2127").facts
    for name, dc50 in (("IKZF1", 25), ("IKZF3", 54)):
        fact = facts[f"neosubstrates.{name}.kd_nM"]
        assert fact.confidence == "assumed"
        assert fact.value != dc50
        assert f"a DC50 of {dc50} nM is recalled" in fact.note


@pytest.mark.parametrize("name", [n for n in ALLELES if n.startswith("C481") and n != "C481S"])
def test_other_c481_mutants_take_the_affinity_of_c481s(name: str) -> None:
    """Ratios of DC50 are outcomes: they stand in the note."""
    fold = library.entry("alleles", f"BTK.{name}").facts["class_folds.degrader"]
    assert (fold.value, fold.confidence) == (0.6, "assumed")
    dc50 = {"C481T": 38, "C481G": 26, "C481W": 41, "C481A": 15}
    if name in dc50:
        assert f"DC50 of {dc50[name]} nM, wild type with 18 nM" in fold.note


def test_a428d_may_escape_degraders() -> None:
    fold = library.entry("alleles", "BTK.A428D").facts["class_folds.degrader"]
    assert (fold.value, fold.low, fold.high, fold.confidence) == (10.0, 1.0, 100.0, "assumed")


# Bases that fits have written.


def calibrated_bases() -> Iterator[tuple[Entry, Entry]]:
    """Every entry as it is sourced, and on each basis of `calibrated.toml`."""
    file = Path(str(resources.files("protacsim.library"))) / "calibrated.toml"
    tables = tomllib.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    for kind, entries in tables.items():
        for name, bases in entries.items():
            for basis in bases:
                yield library.entry(kind, name), library.entry(kind, name, basis)


def test_a_calibrated_basis_never_replaces_what_is_sourced() -> None:
    for sourced, fitted in calibrated_bases():
        assert sourced.basis != fitted.basis
        assert fitted.title != sourced.title
        changed = {path for path, fact in fitted.facts.items() if fact != sourced.facts.get(path)}
        assert changed
        for path in changed:
            fact = fitted.facts[path]
            assert fact.confidence == "calibrated"
            assert "Zorba 2018" in fact.source
            assert fact.low <= fact.value <= fact.high
