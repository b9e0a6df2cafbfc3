"""Every number of a scenario by its path, and changing one.

The same string is the TOML path, the axis, the coordinate of the result and the CSV header.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import cache
from typing import Any, get_args

from protacsim import library
from protacsim.dosing import Schedule
from protacsim.entities import Cell, Compound, other_spellings
from protacsim.errors import ParameterError
from protacsim.scenario.nouns import SCHEDULE_FIELDS, DosedCompound, Scenario
from protacsim.units import MOLECULES_PER_NM_PL
from protacsim.validation import one_of

STRUCTURAL = ("chain_length", "destroyed_from", "chain_on_release", "doses")


def is_structural(path: str) -> bool:
    """Whether a number decides which reactions or doses there are, not only how fast or much."""
    return path.rpartition(".")[2] in STRUCTURAL


def numbers(scenario: Scenario) -> dict[str, float]:
    """Every number of the scenario by its path, in canonical units; flags and names left out."""
    found: dict[str, float] = {}
    for section in ("cell", "target", "ubiquitination"):
        found.update(_walk(getattr(scenario, section), f"{section}."))
    for entry in scenario.treatment.compounds:
        found.update(_walk(entry.compound, f"compounds.{entry.name}."))
        found.update(_walk(entry.schedule, f"compounds.{entry.name}."))
    return found


def _walk(part: Any, prefix: str) -> Iterator[tuple[str, float]]:
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield prefix + field.name, float(value)
        elif isinstance(value, tuple):
            for entry in value:
                if hasattr(entry, "fold"):
                    yield f"{prefix}{field.name}.{entry.name}", entry.fold
                else:
                    yield from _walk(entry, f"{prefix}{field.name}.{entry.name}.")
        elif dataclasses.is_dataclass(value):
            yield from _walk(value, f"{prefix}{field.name}.")


def displace(values: dict[str, Any], path: str) -> None:
    """Drop from numbers by path the other ways of stating the number at `path`."""
    prefix, _, field = path.rpartition(".")
    for other in other_spellings(field):
        values.pop(f"{prefix}.{other}", None)


def number_at(scenario: Scenario, path: str) -> str:
    """One name for all paths that state the same number: `compound.` or its name, kon or koff."""
    prefix, _, field = full_path(scenario, path).rpartition(".")
    return f"{prefix}.{min({field} | other_spellings(field))}"


LOOKED_UP = {
    "name": (
        "would only rename what is there and keep its numbers; write one [[treatment]] per "
        "compound, or vary the path cell or target.allele"
    ),
    "ligase": (
        "would keep the affinity for the ligase before; write one [[treatment]] per ligase, each "
        "with its kd_ligase_nM"
    ),
}
"""Last words of paths that stand for other numbers, and what to do instead of changing them."""


def full_path(scenario: Scenario, path: str) -> str:
    """`compound.<field>` spelled out for the treatment's varied compound."""
    head, _, rest = path.partition(".")
    if head != "compound":
        return path
    varied = scenario.treatment.varied
    if varied is None:
        doses = ", ".join(
            f"{entry.name} ({'no dose' if entry.schedule.dose_nM is None else 'has a dose'})"
            for entry in scenario.treatment.compounds
        )
        raise ParameterError(
            f"{path} means the one compound without a dose of its own, but treatment "
            f"{scenario.treatment.name!r} has {doses or 'no compound'}; leave dose_nM out "
            f"of exactly one, or write compounds.<name>.{rest}"
        )
    return f"compounds.{varied}.{rest}"


def replaced(scenario: Scenario, path: str, value: Any) -> Scenario:
    """The scenario with the value at `path` changed; raises `ParameterError` for a bad path."""
    head, last = path.partition(".")[0], path.rpartition(".")[2]
    if last in LOOKED_UP and head != "treatment":
        raise ParameterError(f"{path} {LOOKED_UP[last]}")
    try:
        if head in ("preset", "neosubstrates", "treatment"):
            raise KeyError(path)  # fields that fill others, or are axes of their own
        changed: Scenario = _replaced(scenario, full_path(scenario, path).split("."), value)
    except KeyError as error:
        raise ParameterError(
            f"{path} is no known path; {one_of(path, paths(scenario))}."
        ) from error
    return changed


def _replaced(part: Any, keys: list[str], value: Any) -> Any:
    head, *rest = keys
    if isinstance(part, Scenario) and head == "compounds":
        compounds = _replaced_named(part.treatment.compounds, rest, value)
        return dataclasses.replace(
            part, treatment=dataclasses.replace(part.treatment, compounds=compounds)
        )
    if isinstance(part, DosedCompound):
        head, rest = ("schedule" if head in SCHEDULE_FIELDS else "compound"), keys
    if head not in {field.name for field in dataclasses.fields(part)}:
        raise KeyError(head)
    below = getattr(part, head)
    if rest and isinstance(below, tuple):
        return dataclasses.replace(part, **{head: _replaced_named(below, rest, value)})
    if rest:
        if not dataclasses.is_dataclass(below):
            raise KeyError(rest[0])
        return dataclasses.replace(part, **{head: _replaced(below, rest, value)})
    if head == "basis":
        return _rebased(part, value)
    if isinstance(value, str) and value == getattr(below, "name", None):
        return part  # its own cell or allele, as it was changed, and not the library's anew
    return dataclasses.replace(part, **dict.fromkeys(other_spellings(head)), **{head: value})


def _rebased(part: Compound | Cell, basis: str) -> Any:
    """The compound or cell with the numbers in which another basis differs from its own.

    What the other basis does not state is left open again, for the defaults to fill.
    """
    kind = "cells" if isinstance(part, Cell) else "compounds"
    before = library.entry(kind, part.name, part.basis).facts
    after = library.entry(kind, part.name, basis).facts
    changed: Any = part
    for path in sorted(before.keys() - after.keys()):
        changed = _replaced(changed, path.split("."), None)
    for path, fact in after.items():
        if fact != before.get(path):
            changed = _replaced(changed, path.split("."), fact.value)
    return dataclasses.replace(changed, basis=basis)


def _replaced_named(entries: tuple[Any, ...], keys: list[str], value: Any) -> tuple[Any, ...]:
    name = next(
        (e.name for e in entries if keys[: len(e.name.split("."))] == e.name.split(".")), None
    )
    if name is None:
        raise KeyError(".".join(keys))
    rest = keys[len(name.split(".")) :]
    fold = [entry for entry in entries if entry.name == name and hasattr(entry, "fold")]
    rest = ["fold"] if fold and not rest else rest
    if not rest:
        raise KeyError(name)
    return tuple(_replaced(e, rest, value) if e.name == name else e for e in entries)


def paths(scenario: Scenario) -> list[str]:
    """Paths that can be an axis, as users write them: numbers, given or not, and some names."""
    found = [*numbers(scenario), "cell", "target.allele", "ubiquitination.chain_on_release"]
    fields = ["basis", *_numeric(Compound), *_numeric(Schedule)]
    for entry in scenario.treatment.compounds:
        found += [f"compounds.{entry.name}.{field}" for field in fields]
    if scenario.treatment.varied:
        varied = f"compounds.{scenario.treatment.varied}."
        found += [f"compound.{p[len(varied) :]}" for p in found if p.startswith(varied)]
    return sorted(set(found))


@cache
def _numeric(noun: Any) -> tuple[str, ...]:
    """Fields of a noun that hold a number, or may hold one."""
    fields = noun.__pydantic_fields__.items()
    return tuple(name for name, field in fields if {float, int} & set(_types(field.annotation)))


def _types(annotation: Any) -> Iterator[Any]:
    yield annotation
    for inner in get_args(annotation):
        yield from _types(inner)


def molecules(concentration_nM: Any, volume_pL: Any) -> Any:
    """Number of molecules at a concentration (nM) in a volume (pL)."""
    return concentration_nM * volume_pL * MOLECULES_PER_NM_PL
