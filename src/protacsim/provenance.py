"""Where every number of a scenario comes from: its source, range and confidence, by path."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from protacsim import library
from protacsim.library import Fact
from protacsim.scenario import (
    SCHEDULE_FIELDS,
    Scenario,
    dosed,
    field_of,
    number_at,
    numbers,
    used,
)
from protacsim.units import unit_of

GIVEN = "given"
_OF_COMPOUND = re.compile(r"compounds\.(?!.*\.(?:folds|neosubstrates)\.)(.*)\.([^.]+)")
UNVERIFIED = ("assumed", "recalled", "calibrated", "none")
ORDER = (*UNVERIFIED, GIVEN, "derived", "read")


@dataclass(frozen=True)
class Constant:
    """One number of a run and what stands behind it; `confidence` is "given" for a user's own.

    `entry` is the allele, for numbers that belong to one.
    """

    path: str
    value: float
    unit: str
    confidence: str
    source: str
    low: float | None = None
    high: float | None = None
    entry: str = ""

    @property
    def unverified(self) -> bool:
        """Whether no public measurement stands behind it."""
        return self.confidence in UNVERIFIED


def constants(scenario: Scenario, varied: Collection[str] = ()) -> list[Constant]:
    """Every number that the scenario uses, the least certain first; doses are left out.

    Numbers at `varied` paths may take any value, and stand in for what else states the same.
    """
    replaced = {number_at(scenario, path): path for path in varied}
    found = [
        _constant(scenario, path, value)
        for path, value in numbers(scenario).items()
        if used(scenario, path, varied)
        and field_of(path) not in SCHEDULE_FIELDS
        and replaced.get(number_at(scenario, path), path) == path
    ]
    return sorted(found, key=lambda entry: (ORDER.index(entry.confidence), entry.path))


def unverified(scenarios: Iterable[Scenario]) -> list[Constant]:
    """Constants without a public measurement behind them, each once."""
    found = {entry: None for scenario in scenarios for entry in constants(scenario)}
    return [entry for entry in found if entry.unverified]


def shared(found: Iterable[Constant]) -> set[str]:
    """Paths of constants that have one value in all compounds which have them.

    Where there are several compounds, a constant that only one has is not shared.
    """
    by_field: dict[str, dict[str, set[float]]] = {}
    for entry in found:
        if match := _OF_COMPOUND.fullmatch(entry.path):
            by_field.setdefault(match[2], {}).setdefault(match[1], set()).add(entry.value)
    compounds = {name for owners in by_field.values() for name in owners}
    return {
        f"compounds.{name}.{field}"
        for field, owners in by_field.items()
        for name in owners
        if len(set.union(*owners.values())) == 1 and (len(owners) > 1 or len(compounds) == 1)
    }


def hypothetical(scenarios: Iterable[Scenario]) -> list[str]:
    """Compounds whose constants are not public, by name."""
    return sorted(
        {
            entry.name
            for scenario in scenarios
            for entry in scenario.treatment.compounds
            if entry.compound.hypothetical
        }
    )


def _constant(scenario: Scenario, path: str, value: float) -> Constant:
    fact = _fact(scenario, path)
    unit = unit_of(path)
    entry = scenario.allele.name if path.startswith("target.") else ""
    if fact is None or fact.value is None or not math.isclose(fact.value, value, rel_tol=1e-12):
        return Constant(path, value, unit, GIVEN, "set in the configuration", entry=entry)
    return Constant(path, value, unit, fact.confidence, fact.source, fact.low, fact.high, entry)


def _fact(scenario: Scenario, path: str) -> Fact | None:
    """The library's fact at a path, or the default that fills it."""
    section, _, rest = path.partition(".")
    match section:
        case "cell":
            own = _entry("cells", scenario.cell.name, rest, scenario.cell.basis)
            if ".expression." in rest:
                return own or library.defaults("expression").get(rest.rpartition(".")[-1])
            return own or library.defaults("cell").get(rest)
        case "target":
            name = f"{scenario.target.name}.{scenario.allele.name}"
            field = rest.removeprefix("allele.")
            return _entry("alleles", name, field) or library.defaults("allele").get(field)
        case "ubiquitination":
            preset = _of_preset(scenario.preset, path) if scenario.preset else None
            return preset or library.defaults("ubiquitination").get(rest)
        case _:
            compound = dosed(scenario, path).compound
            field = rest.removeprefix(f"{compound.name}.")
            defaults = library.defaults(f"compound.{compound.kind}")
            own = _entry("compounds", compound.name, field, compound.basis)
            return own or _neosubstrate_default(field) or defaults.get(field)


def _of_preset(preset: str, path: str) -> Fact | None:
    return library.fact("presets", preset, path)


def _neosubstrate_default(field: str) -> Fact | None:
    """What fills an open number of a neosubstrate."""
    if not field.startswith("neosubstrates."):
        return None
    return library.defaults("neosubstrate").get(field.rsplit(".", 1)[-1])


def _entry(kind: str, name: str, field: str, basis: str | None = None) -> Fact | None:
    """The library's own fact; entries looked up there bear its name, one's own may be an alias."""
    if name not in library.names(kind):
        return None
    chosen = basis if basis in library.bases(kind, name) else None
    return library.fact(kind, name, field, chosen)
