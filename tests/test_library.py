"""The library against the literature by hand arithmetic, and against its own format.

Expected numbers are written out from the cited papers; none was printed by the package.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from importlib import resources
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protacsim import library
from protacsim.entities import Allele, Cell, Compound, Ligase, Ubiquitination
from protacsim.errors import ParameterError
from protacsim.library import KINDS, Entry, Fact
from protacsim.units import unit_of

CONFIDENCES = {"read", "derived", "recalled", "assumed", "calibrated", "none"}
MOLECULES_PER_NM_PL = 602.214076  # 1e-9 mol/L x 1e-12 L x 6.02214076e23 /mol
ENTRIES = [library.entry(kind, name) for kind in KINDS for name in library.names(kind)]
FACTS = [
    pytest.param(path, fact, id=f"{entry.kind}/{entry.name}/{path}")
    for entry in ENTRIES
    for path, fact in entry.facts.items()
]


def value(kind: str, name: str, path: str) -> float:
    found = library.fact(kind, name, path)
    assert found is not None
    assert found.value is not None
    return found.value


def raw(kind: str) -> dict[str, Any]:
    return tomllib.loads(
        resources.files("protacsim.library").joinpath(f"{kind}.toml").read_text(encoding="utf-8")
    )


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
                *("ibrutinib", "zanubrutinib", "pirtobrutinib"),
                *("mt-802", "zorba-protac-10", "guo-rc-1", "bartlett2021"),
            },
        ),
        ("cells", {"molm14", "ramos", "cll_in_vivo", "bartlett2021"}),
        ("alleles", {"BTK.WT", "BTK.C481S", "BTK.T474I", "BTK.L528W"}),
        ("ligases", {"CRBN"}),
        ("presets", {"bartlett2021"}),
        (
            "defaults",
            {
                *("compound.degrader", "compound.covalent", "compound.noncovalent"),
                *("ubiquitination", "allele", "cell"),
            },
        ),
    ],
)
def test_shelf_holds(kind: str, expected: set[str]) -> None:
    assert set(library.names(kind)) >= expected


# ---- format: every number is sourced --------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_no_number_without_source(kind: str) -> None:
    assert list(bare_numbers(raw(kind))) == []


@pytest.mark.parametrize(("path", "fact"), FACTS)
def test_fact_is_complete(path: str, fact: Fact) -> None:
    assert fact.unit == unit_of(path)
    assert fact.source.strip()
    assert fact.confidence in CONFIDENCES
    assert (fact.value is None) == (fact.confidence == "none")
    if fact.value is not None:
        low = fact.value if fact.low is None else fact.low
        high = fact.value if fact.high is None else fact.high
        assert math.isfinite(fact.value)
        assert low <= fact.value <= high


@pytest.mark.parametrize(("path", "fact"), FACTS)
def test_a_number_called_read_or_derived_can_be_looked_up(path: str, fact: Fact) -> None:
    if fact.confidence in {"read", "derived", "calibrated"}:
        assert "http" in fact.source or "By definition" in fact.source
    if fact.confidence == "derived":
        assert fact.note or "By definition" in fact.source or "binding assay" in fact.source


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
    assert found.unverified == (confidence in {"recalled", "assumed", "none"})


# ---- every entry is a valid noun ------------------------------------------------------------


@pytest.mark.parametrize("name", library.names("compounds"))
def test_compound_validates(name: str) -> None:
    compound = library.compound(name)
    assert compound.name == name
    assert hash(compound) == hash(library.compound(name))
    if compound.kind == "degrader":
        assert compound.ligase in library.names("ligases")
        assert compound.kd_ligase_nM is not None


@pytest.mark.parametrize("name", library.names("compounds"))
def test_ki_leaves_a_positive_kd_at_the_default_kon(name: str) -> None:
    compound = library.compound(name)
    if compound.ki_target_nM is not None:
        kon = library.defaults("compound.covalent")["kon_target_per_nM_per_h"].value
        assert kon is not None
        assert compound.ki_target_nM - compound.kinact_per_h / kon > 0


@pytest.mark.parametrize("name", library.names("cells"))
def test_cell_validates(name: str) -> None:
    cell = library.cell(name)
    assert isinstance(cell, Cell)
    assert hash(cell) == hash(library.cell(name))
    assert cell.protein("BTK") is not None
    assert cell.protein("CRBN") is not None


@pytest.mark.parametrize("key", library.names("alleles"))
def test_allele_validates(key: str) -> None:
    target, name = key.split(".")
    allele = library.allele(target, name)
    assert allele.name == name
    assert {fold.name for fold in allele.class_folds} == {"degrader", "covalent", "noncovalent"}


@pytest.mark.parametrize("name", library.names("ligases"))
def test_ligase_validates(name: str) -> None:
    assert Ligase(**library.values("ligases", name)).name == name


@pytest.mark.parametrize("name", library.names("presets"))
def test_preset_validates(name: str) -> None:
    found = library.preset(name)
    assert set(found) == {"cell", "target", "ubiquitination", "compound", "citation"}
    assert library.cell(found["cell"]).protein("BTK") is not None
    assert Ubiquitination(**found["ubiquitination"]).chain_on_release == "erased"
    assert library.compound(found["compound"]).ligase == "CRBN"
    assert found["target"] == {"name": "BTK"}
    assert "doi.org" in found["citation"]


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


def test_pirtobrutinib_residence_time() -> None:
    compound = library.compound("pirtobrutinib")
    assert compound.koff_target_per_h == pytest.approx(1e-4 * 3600)
    assert compound.kon_target_per_nM_per_h is None
    assert compound.koff_target_per_h is not None
    assert 1 / compound.koff_target_per_h == pytest.approx(2.8, abs=0.05)


@pytest.mark.parametrize(
    ("name", "kd_target", "kd_ligase"),
    [("mt-802", 46.9, 157), ("zorba-protac-10", 61, 3000), ("guo-rc-1", 6.4, 4214)],
)
def test_degrader_affinities(name: str, kd_target: float, kd_ligase: float) -> None:
    compound = library.compound(name)
    assert (compound.kd_target_nM, compound.kd_ligase_nM) == (kd_target, kd_ligase)
    assert compound.folds == ()  # the class fold of the allele applies


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


def test_cll_copies_scale_with_volume() -> None:
    volume = value("cells", "cll_in_vivo", "volume_pL")
    btk = value("cells", "cll_in_vivo", "proteins.BTK.abundance_copies")
    crbn = value("cells", "cll_in_vivo", "proteins.CRBN.abundance_copies")
    assert btk == pytest.approx(780 * volume * MOLECULES_PER_NM_PL, rel=0.1)
    assert crbn == pytest.approx(13 * volume * MOLECULES_PER_NM_PL, rel=0.05)


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
        ("alleles", "BTK.C481F", "BTK.C481S"),
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
    assert set(first) == {"name", "volume_pL", "medium_volume_pL", "atp_uM", "proteins"}
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
