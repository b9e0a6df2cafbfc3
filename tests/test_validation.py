"""Nouns and the sentences that their mistakes become."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from protacsim.dosing import Schedule
from protacsim.entities import Allele, Cell, Compound, Fold, Protein, Ubiquitination
from protacsim.errors import ConfigError, ParameterError, ProtacsimError
from protacsim.methods import ODE, Reference
from protacsim.scenario import Scenario, Treatment
from protacsim.study import Axis, Readout, Study
from protacsim.validation import Name, Positive, closest, noun, one_of, problems, quoted

PROTEIN = {"name": "BTK", "abundance_nM": 780.0}
CELL = {"name": "c", "volume_pL": 1.0, "medium_volume_pL": 1.0, "atp_uM": 0.0}
COMPOUND = {"name": "x", "kind": "noncovalent", "kd_target_nM": 1.0}


@noun
class Wheel:
    """A noun of this module."""

    name: Name
    size_nM: Positive
    kind: Literal["big", "small"] = "big"


@noun
class Cart:
    """A noun that holds others."""

    wheels: tuple[Wheel, ...]
    spare: Wheel | None = None


def complaint(cls: Any, **fields: Any) -> str:
    with pytest.raises(ParameterError) as caught:
        cls(**fields)
    return str(caught.value)


def sentences(cls: Any, value: Any, at: str = "") -> list[str]:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(cls).validate_python(value)
    return problems(caught.value, cls, value, at)


# ---- nouns ----------------------------------------------------------------------------------


def test_a_noun_is_frozen_and_hashable() -> None:
    wheel = Wheel("a", 1.0)
    assert wheel == Wheel(name="a", size_nM=1)
    assert hash(wheel) == hash(Wheel(name="a", size_nM=1))
    assert len({wheel, Wheel("b", 1.0)}) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        wheel.name = "b"  # type: ignore[misc]


@pytest.mark.parametrize(
    "each",
    [
        Schedule(dose_nM=1.0),
        Compound(**COMPOUND),
        Fold("C481S", 2.0),
        Allele("WT"),
        Protein(**PROTEIN),
        Cell(**CELL, proteins=(Protein(**PROTEIN),)),
        Ubiquitination(),
        ODE(),
        Reference(),
        Treatment("mt-802"),
        Scenario(cell="molm14", treatment="mt-802"),
        Axis("compound.dose_nM", (1.0, 2.0)),
        Readout(),
        Study(Scenario(cell="molm14", treatment="mt-802"), axes={"compound.dose_nM": [1.0]}),
    ],
    ids=lambda each: type(each).__name__,
)
def test_every_noun_is_immutable_hashable_and_equal_to_its_copy(each: Any) -> None:
    first = dataclasses.fields(each)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(each, first, None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        each.something_else = 1
    again = dataclasses.replace(each)
    assert again == each
    assert hash(again) == hash(each)


def test_a_mistake_in_python_is_a_parameter_error_with_every_sentence() -> None:
    lines = complaint(Wheel, name="../x", size_nM=-1.0, kind="bigg", colour=3).splitlines()
    assert len(lines) == 4
    assert any(line == "size_nM is -1.0; must be above 0 nM." for line in lines)
    assert any("kind is 'bigg'; must be 'big' or 'small'." in line for line in lines)
    assert any(line.startswith("colour is no known key; known: kind, name") for line in lines)
    assert any(line.startswith("name is '../x';") for line in lines)


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), float("-inf"), 0.0, -1.0, True, None, "x", [], {}, 10**400, "1 h"],
)
def test_a_positive_number_is_finite_and_above_zero(value: Any) -> None:
    text = complaint(Wheel, name="a", size_nM=value)
    assert text.startswith("size_nM")
    assert "\n" not in text


@pytest.mark.parametrize(
    "name",
    [
        "",
        "../x",
        "a/b",
        "a\\b",
        ".x",
        "-x",
        "a\nb",
        "a\n",
        "a\0",
        "x" * 81,
        "a:b",
        "~",
        "$(x)",
        "a'b",
        " a",
    ],
)
def test_a_name_cannot_become_a_path(name: str) -> None:
    assert complaint(Wheel, name=name, size_nM=1.0).startswith("name is ")


@pytest.mark.parametrize("name", ["mt-802", "Zorba PROTAC (10)", "BTK*", "a.b", "1+1", "x é"])
def test_names_of_the_field_are_allowed(name: str) -> None:
    assert Wheel(name, 1.0).name == name


# ---- sentences ------------------------------------------------------------------------------


def test_places_in_lists_count_from_one() -> None:
    found = sentences(Cart, {"wheels": [{"name": "a", "size_nM": 1}, {"name": "b", "size_nM": 0}]})
    assert found == ["wheels[2].size_nM is 0; must be above 0 nM."]


def test_a_path_starts_at_the_section() -> None:
    found = sentences(Cart, {"wheels": [], "spare": {"name": "a"}}, at="cart")
    assert found == ["cart.spare.size_nM is missing; add it."]


def test_each_mistake_is_told_once() -> None:
    found = sentences(Cart, {"wheels": 3, "spare": 4, "sprae": 5})
    assert len(found) == 3
    assert sum("sprae is no known key; did you mean 'spare'?" in line for line in found) == 1


@pytest.mark.parametrize("key", ["a\nb", "a\x1b[31mb", "x" * 5000, "", "a\u2028b"])
def test_a_strange_key_stays_on_one_short_line(key: str) -> None:
    found = sentences(Cart, {"wheels": [], "spare": {"name": "a", "size_nM": 1, key: 1}}, at="cart")
    assert len(found) == 1
    assert found[0].isprintable()
    assert len(found[0]) < 400


@pytest.mark.parametrize(
    "value",
    ["x" * 10_000, int("f" * 5000, 16), [[]] * 1000, "a\nb\x00"],
    ids=["long", "digits", "list", "control"],
)
def test_what_was_found_is_short_and_on_one_line(value: Any) -> None:
    assert len(quoted(value)) <= 60
    assert quoted(value).isprintable()
    assert complaint(Wheel, name=value, size_nM=1.0).isprintable()


def test_endless_nesting_can_still_be_quoted() -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    assert len(quoted(nested)) <= 60


@pytest.mark.parametrize(
    ("found", "expected"),
    [("MOLM14", "molm14"), ("molm15", "molm14"), ("rmaos", "ramos"), ("zebra", None), ("", None)],
)
def test_the_closest_known_word(found: str, expected: str | None) -> None:
    assert closest(found, ["molm14", "ramos", "cll_in_vivo"]) == expected


def test_allowed_words_are_listed_and_cut() -> None:
    assert one_of("b", ["a", "c"]) == "known: a, c"
    assert one_of("ramoss", ["ramos", "a"]) == "did you mean 'ramos'? Known: a, ramos"
    assert one_of("?", [f"w{i:02}" for i in range(30)]).endswith("and 25 more")
    assert one_of("x" * 1_000_000, ["a", "b"]) == "known: a, b"


@given(st.text(max_size=30), st.lists(st.text(min_size=1, max_size=10), max_size=5, unique=True))
def test_the_closest_word_is_one_of_the_known(found: str, allowed: list[str]) -> None:
    assert closest(found, allowed) in {None, *allowed}
    if found and found in allowed and len({w.casefold() for w in allowed}) == len(allowed):
        assert closest(found, allowed) == found


# ---- checks across fields -------------------------------------------------------------------


@pytest.mark.parametrize("site", ["target", "ligase"])
def test_kd_kon_and_koff_must_agree(site: str) -> None:
    fields = {**COMPOUND, f"kd_{site}_nM": 10.0, f"kon_{site}_per_nM_per_h": 2.0}
    Compound(**fields, **{f"koff_{site}_per_h": 20.0})
    text = complaint(Compound, **fields, **{f"koff_{site}_per_h": 21.0})
    for word in (f"kd_{site}_nM = 10 nM", f"kon_{site}_per_nM_per_h = 2", "koff", "20", "21"):
        assert word in text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"ki_target_nM": 3.0}, "both kd_target_nM and ki_target_nM"),
        ({"kd_target_nM": None, "ki_target_nM": 3.0}, "needs kinact_per_h above 0"),
        ({"kind": "degrader"}, "a degrader needs its ligase"),
        ({"ligase": "CRBN"}, "only a degrader has a ligase"),
        ({"kd_target_nM": 0.0}, "kd_target_nM is 0.0; must be above 0 nM"),
        ({"kinact_per_h": -1.0}, "kinact_per_h is -1.0; must be at least 0 1/h"),
        ({"productive_fraction": 1.1}, "must be at most 1"),
        ({"fraction_unbound_cell": 0.0}, "must be above 0"),
        ({"folds": {"C481S": -1.0, "../x": 1.0}}, "fold is -1.0; must be above 0"),
    ],
)
def test_a_compound_must_make_sense(fields: dict[str, Any], words: str) -> None:
    assert words in complaint(Compound, **{**COMPOUND, **fields})


def test_every_bad_fold_is_named() -> None:
    text = complaint(Compound, **COMPOUND, folds={"C481S": -1.0, "T474I": 2.0, "L528W": 0.0})
    lines = text.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("folds") for line in lines)
    assert "C481S" in lines[0]
    assert "L528W" in lines[1]


def test_the_order_of_a_table_means_nothing() -> None:
    proteins = {"BTK": {"abundance_nM": 1.0}, "CRBN": {"abundance_nM": 2.0}}
    turned = dict(reversed(list(proteins.items())))
    assert Cell(**CELL, proteins=proteins) == Cell(**CELL, proteins=turned)
    one = Compound(**COMPOUND, folds={"C481S": 1.0, "WT": 2.0})
    assert one == Compound(**COMPOUND, folds={"WT": 2.0, "C481S": 1.0})


def test_a_protein_stands_once_in_a_cell() -> None:
    twice = (Protein(**PROTEIN), Protein(**PROTEIN))
    assert "BTK is given twice" in complaint(Cell, **CELL, proteins=twice)


@pytest.mark.parametrize(
    ("cls", "fields", "words"),
    [
        (Schedule, {"dose_nM": -1.0}, "must be at least 0 nM"),
        (Schedule, {"start_h": 5.0, "stop_h": 5.0}, "stop_h = 5 h must come after start_h = 5 h"),
        (Schedule, {"compartment": "blood"}, "must be 'medium' or 'cell'"),
        (Protein, {"name": "BTK"}, "exactly one of abundance_nM and abundance_copies"),
        (Protein, {**PROTEIN, "abundance_copies": 1.0}, "exactly one of"),
        (Protein, {**PROTEIN, "half_life_h": 0.0}, "must be above 0 h"),
        (Allele, {"name": "x", "cysteine_481": False}, "needs cysteine_481 = true"),
        (Ubiquitination, {"chain_length": 21}, "must be at most 20"),
        (Ubiquitination, {"chain_length": 2.5}, "chain_length is 2.5"),
        (Ubiquitination, {"chain_length": True}, "chain_length is True"),
        (Ubiquitination, {"chain_on_release": "erasedd"}, "'kept' or 'erased'"),
        (Ubiquitination, {"chain_on_release": 1.5}, "chain_on_release is 1.5"),
        (Ubiquitination, {"k_ub_per_h": float("nan")}, "must be a finite number in 1/h"),
        (ODE, {"rtol": 0.0}, "rtol is 0.0; must be above 0"),
        (ODE, {"rtol": True}, "rtol is True"),
        (ODE, {"max_steps": 0}, "must be at least 1"),
        (Reference, {"solver": "LSODA"}, "'Radau' or 'BDF'"),
        (Treatment, {"compounds": ["mt-802", "mt-802"]}, "mt-802 stands twice"),
        (Treatment, {"compounds": "mt-802", "name": "a\nb"}, "name is 'a\\nb'"),
        (Readout, {"observables": ["target_totl"]}, "did you mean 'target_total'?"),
        (Readout, {"times_h": [2.0, 1.0]}, "times_h must increase"),
        (Axis, {"path": "cell.volume_pL", "values": ()}, "no values"),
        (Axis, {"path": "cell.volume_pL", "values": (1.0, 1.0)}, "1.0 twice"),
    ],
)
def test_nonsense_is_refused_with_words(cls: Any, fields: dict[str, Any], words: str) -> None:
    assert words in complaint(cls, **fields)


# ---- errors ---------------------------------------------------------------------------------


def test_a_config_error_keeps_each_problem() -> None:
    error = ConfigError(iter(["a.toml: one.", "a.toml: two."]))
    assert error.problems == ("a.toml: one.", "a.toml: two.")
    assert str(error) == "a.toml: one.\na.toml: two."
    assert ConfigError("alone").problems == ("alone",)
    assert isinstance(error, ParameterError | ValueError)
    assert isinstance(error, ProtacsimError)
    assert error.exit_code == 2
