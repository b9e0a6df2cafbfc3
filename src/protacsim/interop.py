"""Networks for other programs: SBML Level 3 Version 2 core, written from the reaction table.

Reads no SBML, and knows nothing of the compiled programs: what a peer simulates from this text
is an independent reading of the same reactions.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from protacsim.errors import NetworkError
from protacsim.network import Dose, Network, Reaction, Term

SBML = "http://www.sbml.org/sbml/level3/version2/core"
MATHML = "http://www.w3.org/1998/Math/MathML"
TIME = "http://www.sbml.org/sbml/symbols/time"

COMPARTMENT = "compartment"

# Words that simulators read as functions, constants or the clock wherever a formula is typed.
RESERVED = (
    "avogadro", "delay", "exponentiale", "false", "inf", "infinity", "nan", "notanumber", "pi",
    "time", "true",
)  # fmt: skip

NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class SBMLNames(NamedTuple):
    """The SBML identifier of every name of a network; no two are alike."""

    species: dict[str, str]
    rates: dict[str, str]
    reactions: dict[str, str]
    observables: dict[str, str]


def sbml_names(network: Network) -> SBMLNames:
    """Identifiers that `to_sbml` gives: letters, digits and `_`, numbered where they would collide.

    >>> net = Network("dimer")
    >>> net.add("pairing", {"T:D": 2}, "(T:D)2", "k_on")
    >>> sbml_names(net).species
    {'T:D': 'T_D', '(T:D)2': '_T_D_2'}
    """
    taken = {COMPARTMENT}
    reactions = [reaction.name for reaction in network.reactions]
    groups = (network.species, network.rates, reactions, network.observables)
    return SBMLNames(*({name: _identifier(name, taken) for name in names} for names in groups))


def _identifier(name: str, taken: set[str]) -> str:
    """A legal identifier like `name` that differs from all `taken` ones, and joins them."""
    plain = re.sub("[^A-Za-z0-9_]+", "_", name)
    plain = plain if re.match("[A-Za-z_]", plain) else f"_{plain}"
    found, number = plain, 1
    while found in taken or found.lower() in RESERVED:
        number += 1
        found = f"{plain}_{number}"
    taken.add(found)
    return found


def to_sbml(
    network: Network,
    rates: Mapping[str, float],
    initial: Mapping[str, float],
    *,
    changes: Sequence[Dose] = (),
) -> str:
    """One run of `network` as an SBML Level 3 Version 2 document, with the engine's rate laws.

    `rates` (per h; per h and molecule for order 2) and `initial` (molecules; unnamed species 0)
    are read as by `solve`. Every species is an amount, every kinetic law the product of its rate
    constant and of each reactant as often as it reacts: `2 A -> B` at rate `k` runs at `k * A * A`
    and takes two A each time. (A simulator that draws jumps from the law as it stands differs from
    this package there, whose propensity is `k * A * (A - 1)`.) Buffered species are boundary
    species, observables are parameters with an assignment rule. `changes` at 0 h go into the
    initial amounts; later ones become events, one for each time. The unit is the molecule, the
    time in hours; an original name stands in the attribute `name` wherever SBML allows no such
    identifier (see `sbml_names`).

    Raises `NetworkError` for a missing, negative or non-finite number, for arrays (SBML holds one
    run), for a change of an unknown species, and for one before 0 h, where SBML's clock starts.

    References: Hucka et al. 2019, J. Integr. Bioinform. 16:20190021, doi 10.1515/jib-2019-0021.
    """
    document = ET.Element("sbml", xmlns=SBML, level="3", version="2")
    document.append(_Writer(network, rates, initial, changes).model())
    ET.indent(document)
    body = ET.tostring(document, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


class _Writer:
    """The parts of one document, each made from the reaction table."""

    def __init__(
        self,
        network: Network,
        rates: Mapping[str, float],
        initial: Mapping[str, float],
        changes: Sequence[Dose],
    ) -> None:
        self.network = network
        self.names = sbml_names(network)
        self.changes = [_checked(network, change) for change in changes]
        compiled = network.compile()
        for what, numbers in (("rate constant", rates), ("initial amount", initial)):
            _one_run(network, what, numbers)
        self.rates = dict(zip(compiled.rates, compiled.rate_vector(rates).tolist(), strict=True))
        self.amounts = dict(
            zip(compiled.species, compiled.state_vector(initial).tolist(), strict=True)
        )
        for change in _sets_first(self.changes):
            if change.time_h == 0.0:
                before = 0.0 if change.replaces else self.amounts[change.species]
                self.amounts[change.species] = before + change.amount

    def model(self) -> ET.Element:
        attributes = {"id": "model", "substanceUnits": "item", "timeUnits": "hour"}
        model = _element("model", **attributes, extentUnits="item", volumeUnits="litre")
        model.set("name", _printable(self.network.name))
        groups = {
            "listOfUnitDefinitions": [_hour()],
            "listOfCompartments": [_compartment()],
            "listOfSpecies": self.species(),
            "listOfParameters": self.parameters(),
            "listOfRules": self.rules(),
            "listOfReactions": map(self.reaction, self.network.reactions),
            "listOfEvents": self.events(),
        }
        for tag, members in groups.items():
            if found := list(members):
                ET.SubElement(model, tag).extend(found)
        return model

    def species(self) -> Iterator[ET.Element]:
        held, dosed = set(self.network.buffered), {c.species for c in self._later()}
        for name, identifier in self.names.species.items():
            yield _element(
                "species",
                id=identifier,
                name=_printable(name),
                compartment=COMPARTMENT,
                initialAmount=repr(self.amounts[name]),
                hasOnlySubstanceUnits=True,
                boundaryCondition=name in held,
                constant=name in held - dosed,
            )

    def parameters(self) -> Iterator[ET.Element]:
        for name, identifier in self.names.rates.items():
            value = repr(self.rates[name])
            yield _element(
                "parameter", id=identifier, name=_printable(name), value=value, constant=True
            )
        for name, identifier in self.names.observables.items():
            yield _element("parameter", id=identifier, name=_printable(name), constant=False)

    def rules(self) -> Iterator[ET.Element]:
        for name, terms in self.network.observables.items():
            rule = _element("assignmentRule", variable=self.names.observables[name])
            rule.append(_math(_sum(*map(self.term, terms))))
            yield rule

    def term(self, term: Term) -> ET.Element:
        """One term of an observable: weight times species, times a rate constant if named."""
        factors = [] if term.weight == 1.0 else [_number(term.weight)]
        factors += [_name(self.names.rates[term.rate])] if term.rate else []
        return _product(*factors, _name(self.names.species[term.species]))

    def reaction(self, reaction: Reaction) -> ET.Element:
        identifier = self.names.reactions[reaction.name]
        name = _printable(reaction.name)
        element = _element("reaction", id=identifier, name=name, reversible=False)
        sides = {"listOfReactants": reaction.reactants, "listOfProducts": reaction.products}
        for tag, side in sides.items():
            if side:
                ET.SubElement(element, tag).extend(self.reference(*entry) for entry in side)
        ET.SubElement(element, "kineticLaw").append(_math(self.law(reaction)))
        return element

    def reference(self, species: str, count: int) -> ET.Element:
        return _element(
            "speciesReference",
            species=self.names.species[species],
            stoichiometry=str(count),
            constant=True,
        )

    def law(self, reaction: Reaction) -> ET.Element:
        """Rate constant times every reactant, as often as it reacts."""
        factors = [self.names.species[name] for name, n in reaction.reactants for _ in range(n)]
        return _product(*map(_name, [self.names.rates[reaction.rate], *factors]))

    def events(self) -> Iterator[ET.Element]:
        for time_h in sorted({change.time_h for change in self._later()}):
            event = _element("event", useValuesFromTriggerTime=True)
            trigger = ET.SubElement(event, "trigger", initialValue="true", persistent="true")
            trigger.append(_math(_apply("geq", _clock(), _number(time_h))))
            now = [change for change in self._later() if change.time_h == time_h]
            ET.SubElement(event, "listOfEventAssignments").extend(self.assignments(now))
            yield event

    def assignments(self, changes: Sequence[Dose]) -> Iterator[ET.Element]:
        """What becomes of each species at one time: first what is set, then what is added."""
        cleared = {change.species for change in changes if change.replaces}
        amounts: dict[str, float] = {}
        for change in _sets_first(changes):
            before = 0.0 if change.replaces else amounts.get(change.species, 0.0)
            amounts[change.species] = before + change.amount
        for name, amount in amounts.items():
            kept = [] if name in cleared else [_name(self.names.species[name])]
            assignment = _element("eventAssignment", variable=self.names.species[name])
            assignment.append(_math(_sum(*kept, _number(amount))))
            yield assignment

    def _later(self) -> list[Dose]:
        return [change for change in self.changes if change.time_h > 0.0]


def _checked(network: Network, change: Dose) -> Dose:
    """A change with plain numbers; raises `NetworkError` for what SBML cannot say."""
    where = f"{network.name}: the change of {change.species}"
    if change.species not in network.species:
        raise NetworkError(f"{where} names no species of this network; check its name.")
    for what, value in (("time", change.time_h), ("amount", change.amount)):
        if np.ndim(value) or not np.isfinite(value):
            raise NetworkError(f"{where} has the {what} {value!r}; give one finite number.")
    if change.time_h < 0.0:
        raise NetworkError(
            f"{where} is at {change.time_h:g} h; an SBML model starts at 0 h: count all times "
            "from the first change."
        )
    return change._replace(time_h=float(change.time_h), amount=float(change.amount))


def _one_run(network: Network, what: str, numbers: Mapping[str, Any]) -> None:
    """Refuse a batch: SBML holds one number for each name."""
    for name, value in numbers.items():
        if np.ndim(value):
            raise NetworkError(
                f"{network.name}: {what} {name} has {np.size(value)} values; SBML holds one run, "
                "so give one number."
            )


def _sets_first(changes: Iterable[Dose]) -> list[Dose]:
    """In the engine's order at one time: a dose given at a washout stays."""
    return sorted(changes, key=lambda change: not change.replaces)


def _compartment() -> ET.Element:
    return _element("compartment", id=COMPARTMENT, spatialDimensions="3", size="1", constant=True)


def _hour() -> ET.Element:
    definition = _element("unitDefinition", id="hour")
    units = ET.SubElement(definition, "listOfUnits")
    units.append(_element("unit", kind="second", exponent="1", scale="0", multiplier="3600"))
    return definition


def _element(tag: str, **attributes: str | bool) -> ET.Element:
    texts = {k: str(v).lower() if isinstance(v, bool) else v for k, v in attributes.items()}
    return ET.Element(tag, texts)


def _printable(name: str) -> str:
    """The name without the few characters that no XML document can hold."""
    return NOT_IN_XML.sub("\ufffd", name)


def _math(content: ET.Element) -> ET.Element:
    math = ET.Element("math", xmlns=MATHML)
    math.append(content)
    return math


def _apply(operator: str, *operands: ET.Element) -> ET.Element:
    apply = ET.Element("apply")
    apply.extend([ET.Element(operator), *operands])
    return apply


def _product(*factors: ET.Element) -> ET.Element:
    return factors[0] if len(factors) == 1 else _apply("times", *factors)


def _sum(*terms: ET.Element) -> ET.Element:
    if not terms:
        return _number(0.0)
    return terms[0] if len(terms) == 1 else _apply("plus", *terms)


def _name(identifier: str) -> ET.Element:
    element = ET.Element("ci")
    element.text = identifier
    return element


def _number(value: float) -> ET.Element:
    """A `cn` element that reads back as the same float."""
    mantissa, _, exponent = repr(float(value)).partition("e")
    element = ET.Element("cn")
    element.text = mantissa
    if exponent:
        element.set("type", "e-notation")
        ET.SubElement(element, "sep").tail = exponent
    return element


def _clock() -> ET.Element:
    element = ET.Element("csymbol", encoding="text", definitionURL=TIME)
    element.text = "time"
    return element
