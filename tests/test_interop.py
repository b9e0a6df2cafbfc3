"""SBML that is written from a network, read back by a small evaluator of its own."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from collections import Counter
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protacsim.errors import NetworkError
from protacsim.interop import sbml_names, to_sbml
from protacsim.network import Dose, Network, Term
from protacsim.simulation import solve
from protacsim.simulation.referee import FluxTable
from random_networks import naive_rates, networks

SBML = "{http://www.sbml.org/sbml/level3/version2/core}"
MATH = "{http://www.w3.org/1998/Math/MathML}"
HOSTILE = ["T:D:E", "T D E", "species[x]", "1st", "", "time", "é", "a<b&'\"", "T_D_E", "-", "\x00"]


class Model(NamedTuple):
    """What an SBML reader that knows nothing of this package finds in the text."""

    root: ET.Element

    def all(self, tag: str) -> list[ET.Element]:
        return list(self.root.iter(SBML + tag))

    def start(self) -> dict[str, float]:
        numbers = {e.get("id", ""): float(e.get("value", "nan")) for e in self.all("parameter")}
        return numbers | {
            e.get("id", ""): float(e.get("initialAmount", "nan")) for e in self.all("species")
        }

    def fluxes(self, state: dict[str, float]) -> list[float]:
        laws = [reaction.find(f"{SBML}kineticLaw") for reaction in self.all("reaction")]
        return [formula(law, state) for law in laws]

    def rates_of_change(self, state: dict[str, float]) -> dict[str, float]:
        change = {e.get("id", ""): 0.0 for e in self.all("species")}
        for reaction, flux in zip(self.all("reaction"), self.fluxes(state), strict=True):
            for sign, side in ((-1, "listOfReactants"), (1, "listOfProducts")):
                for reference in reaction.findall(f"{SBML}{side}/{SBML}speciesReference"):
                    count = float(reference.get("stoichiometry", "nan"))
                    change[reference.get("species", "")] += sign * count * flux
        held = [
            e.get("id", "") for e in self.all("species") if e.get("boundaryCondition") == "true"
        ]
        return change | dict.fromkeys(held, 0.0)


def formula(parent: ET.Element | None, state: dict[str, float]) -> float:
    """Value of the one formula inside an element."""
    assert parent is not None
    (content,) = parent.findall(f"{MATH}math/*")
    return value(content, state)


def value(element: ET.Element, state: dict[str, float]) -> float:
    match element.tag.removeprefix(MATH):
        case "ci":
            return state[(element.text or "").strip()]
        case "csymbol":
            return state["time"]
        case "cn":
            tail = "".join(sep.tail or "" for sep in element)
            return float(f"{element.text}e{tail}" if tail else element.text or "nan")
        case "apply":
            operator, *operands = element
            numbers = [value(operand, state) for operand in operands]
            match operator.tag.removeprefix(MATH):
                case "times":
                    return math.prod(numbers)
                case "plus":
                    return math.fsum(numbers)
                case "geq":
                    return float(numbers[0] >= numbers[1])
    raise AssertionError(element.tag)


def read(text: str) -> Model:
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>')
    return Model(ET.fromstring(text.encode()))


def hostile_network(names: list[str]) -> Network:
    """Names that SBML does not allow, as species, rates, reactions and observables at once."""
    names = [name or " " for name in names]
    net = Network("<&>")
    for name, other in zip(names, names[1:] + names[:1], strict=True):
        net.add(name, name, other, name)
        net.add_observable(name, [name])
    return net


# What is written, and how often.


@given(networks())
def test_every_part_of_the_table_stands_once(net: Network) -> None:
    model, names = read(to_sbml(net, dict.fromkeys(net.rates, 1.0), {})), sbml_names(net)
    assert [e.get("id") for e in model.all("species")] == list(names.species.values())
    assert [e.get("name") for e in model.all("species")] == list(net.species)
    assert [e.get("id") for e in model.all("parameter")] == list(names.rates.values())
    assert [e.get("name") for e in model.all("reaction")] == [r.name for r in net.reactions]
    for element, reaction in zip(model.all("reaction"), net.reactions, strict=True):
        for tag, side in (
            ("listOfReactants", reaction.reactants),
            ("listOfProducts", reaction.products),
        ):
            references = element.findall(f"{SBML}{tag}/{SBML}speciesReference")
            found = [(e.get("species"), e.get("stoichiometry")) for e in references]
            assert found == [(names.species[s], str(count)) for s, count in side]


@given(st.lists(st.text(st.characters(codec=None), max_size=6), min_size=1, unique=True))
def test_identifiers_are_legal_and_unique_whatever_the_names(drawn: list[str]) -> None:
    net = hostile_network(list(dict.fromkeys(name or " " for name in drawn + HOSTILE)))
    model = read(to_sbml(net, dict.fromkeys(net.rates, 1.0), {}).encode("utf-8").decode())
    tags = ("compartment", "species", "parameter", "reaction")
    ids = [element.get("id", "") for tag in tags for element in model.all(tag)]
    assert len(ids) == 1 + 4 * len(net.species)
    assert max(Counter(ids).values()) == 1
    assert all(re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", found) for found in ids)
    assert "time" not in ids


def test_names_that_are_legal_stay_as_they_are() -> None:
    net = Network()
    net.add("binding", ("T", "E"), "T_E", "kon")
    assert sbml_names(net).species == {name: name for name in ("T", "E", "T_E")}
    assert sbml_names(net).rates == {"kon": "kon"}


# Rate laws.


@given(networks(), st.integers(0, 2**32 - 1))
def test_rates_read_back_equal_the_flux_table(net: Network, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rates = dict(zip(net.rates, rng.lognormal(0.0, 5.0, len(net.rates)).tolist(), strict=True))
    y = rng.lognormal(0.0, 5.0, len(net.species))
    model = read(to_sbml(net, rates, dict(zip(net.species, y.tolist(), strict=True))))
    state, compiled = model.start(), net.compile()
    flux = FluxTable(net, compiled).flux(compiled.rate_vector(rates), y)
    np.testing.assert_allclose(model.fluxes(state), flux, rtol=1e-14)
    change, expected = model.rates_of_change(state), naive_rates(net, rates, y)
    size = np.abs(net.stoichiometry()) @ flux
    for name, found, scale in zip(net.species, expected, size, strict=True):
        assert change[sbml_names(net).species[name]] == pytest.approx(found, abs=1e-14 * scale)


def test_a_dimerisation_takes_two_at_k_a_squared() -> None:
    net = Network()
    net.add("pair", {"A": 2}, "B", "k")
    model = read(to_sbml(net, {"k": 0.5}, {"A": 3.0}))
    assert model.rates_of_change(model.start()) == {"A": -9.0, "B": 4.5}


@given(st.floats(0.0, allow_infinity=False))
def test_numbers_read_back_bit_for_bit(number: float) -> None:
    net = Network()
    net.add("loss", "A", (), "k")
    net.add_observable("weighed", [Term("A", number)])
    model = read(to_sbml(net, {"k": number}, {"A": number}))
    state = model.start()
    assert state["k"] == number
    assert state["A"] == number
    (rule,) = model.all("assignmentRule")
    assert formula(rule, {"A": 1.0}) == number


def test_observables_are_rules() -> None:
    net = Network()
    net.add("loss", "A", "B", "k")
    net.add_observable("nothing", [])
    net.add_observable("total", ["A", "B"])
    net.add_observable("flux", [Term("A", 2.0, "k"), Term("B", -1e-30), Term("A", 1.0, "other")])
    rates = {"k": 3.0, "other": 0.25}
    model = read(to_sbml(net, rates, {"A": 5.0, "B": 7.0}))
    seen = {r.get("variable"): formula(r, model.start()) for r in model.all("assignmentRule")}
    compiled = net.compile()
    table = FluxTable(net, compiled)
    expected = table.observe(compiled.rate_vector(rates), np.array([[5.0, 7.0]]))[0]
    assert list(seen.values()) == pytest.approx(expected.tolist(), rel=1e-15)
    varying = [e.get("id") for e in model.all("parameter") if e.get("constant") == "false"]
    assert varying == ["nothing", "total", "flux"]


def test_buffered_species_are_boundary_species_and_constant_unless_dosed() -> None:
    net = Network()
    net.add("uptake", ("S", "R"), ("S", "A"), "k")
    for name in ("S", "R"):
        net.add_species(name, buffered=True)
    model = read(to_sbml(net, {"k": 1.0}, {}, changes=[Dose(1.0, "R", 5.0, False)]))
    flags = {
        e.get("id"): (e.get("boundaryCondition"), e.get("constant")) for e in model.all("species")
    }
    assert flags == {"S": ("true", "true"), "R": ("true", "false"), "A": ("false", "false")}


# Doses and washouts.

DOSES = [
    Dose(0.0, "A", 4.0, False),
    Dose(2.0, "A", 3.0, False),  # given at its own washout: stays
    Dose(2.0, "A", 0.0, True),
    Dose(2.0, "B", 1.5, False),
    Dose(5.0, "B", 1e-3, True),
    Dose(2.0, "B", 0.5, False),
]


def test_changes_are_events_with_what_is_set_before_what_is_added() -> None:
    net = Network()
    net.add("still", "A", "B", "none")
    model = read(to_sbml(net, {"none": 0.0}, {"A": 1.0, "B": 8.0}, changes=DOSES))
    state = model.start()
    assert (state["A"], state["B"]) == (5.0, 8.0)
    times = [0.0, 1.0, 2.0, 3.0, 5.0, 6.0]
    expected = solve(net, {"none": 0.0}, {"A": 1.0, "B": 8.0}, times, changes=DOSES).states[0]
    waiting = model.all("event")
    assert len(waiting) == 2
    for time_h, row in zip(times, expected, strict=True):
        for event in [e for e in waiting if formula(e.find(f"{SBML}trigger"), {"time": time_h})]:
            waiting.remove(event)
            before = dict(state)
            for assignment in event.iter(f"{SBML}eventAssignment"):
                state[assignment.get("variable", "")] = formula(assignment, before)
        assert [state["A"], state["B"]] == row.tolist()


@pytest.mark.parametrize(
    ("rates", "initial", "changes", "said"),
    [
        ({}, {}, [], "no rate constant given for k"),
        ({"k": -1.0}, {}, [], "rate constant k is -1; must be a finite number"),
        ({"k": [1.0, 2.0]}, {}, [], "rate constant k has 2 values; SBML holds one run"),
        ({"k": 1.0}, {"A": [1.0]}, [], "initial amount A has 1 values"),
        ({"k": 1.0}, {"X": 1.0}, [], "no species named X"),
        ({"k": 1.0}, {}, [Dose(0.0, "X", 1.0, False)], "change of X names no species"),
        ({"k": 1.0}, {}, [Dose(-2.0, "A", 1.0, False)], "is at -2 h; an SBML model starts at 0 h"),
        ({"k": 1.0}, {}, [Dose(0.0, "A", math.nan, False)], "has the amount nan"),
        ({"k": 1.0}, {}, [Dose([0.0, 1.0], "A", 1.0, False)], r"has the time \[0.0, 1.0\]"),
    ],
)
def test_what_sbml_cannot_say_is_refused(rates, initial, changes, said) -> None:  # type: ignore[no-untyped-def]
    net = Network("wash")
    net.add("loss", "A", (), "k")
    with pytest.raises(NetworkError, match=f"wash: .*{said}"):
        to_sbml(net, rates, initial, changes=changes)
