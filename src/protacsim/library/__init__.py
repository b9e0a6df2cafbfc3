"""Literature values by name: compounds, cells, alleles, ligases, presets, defaults.

Every number carries its unit, range, source and confidence; where sources contradict, an entry
holds each as a `basis`. Filling what an entry leaves open with the defaults is the work of
`scenario`; fitting never writes here by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from protacsim.entities import Allele, Cell, Compound, other_spellings
from protacsim.library._shelf import KINDS, Entry, Fact, find, known, nested_values, shelf

__all__ = [
    "KINDS",
    "Entry",
    "Fact",
    "allele",
    "bases",
    "cell",
    "compound",
    "defaults",
    "entry",
    "fact",
    "known",
    "merged",
    "names",
    "preset",
    "title",
    "values",
]


def names(kind: str) -> list[str]:
    """Names of all entries of one kind, in the order of the file."""
    return list(shelf(kind))


def entry(kind: str, name: str, basis: str | None = None) -> Entry:
    """The entry of that name, title or alias (any case), on one of its bases or the default one.

    Raises `ParameterError` for an unknown kind, name or basis, with the closest one.
    """
    return find(kind, name, basis)


def bases(kind: str, name: str) -> list[str]:
    """The bases an entry can stand on, the default first; empty where sources agree."""
    return list(find(kind, name).bases)


def title(kind: str, name: str, basis: str | None = None) -> str:
    """The name to show, such as "MT-802"; an entry of the user's own is shown as it is named."""
    if not known(kind, name):
        return name
    return find(kind, name, basis if basis in bases(kind, name) else None).title


def fact(kind: str, name: str, field_path: str, basis: str | None = None) -> Fact | None:
    """The number at a dotted path such as `proteins.BTK.abundance_nM`; None when there is none."""
    return find(kind, name, basis).facts.get(field_path)


def values(kind: str, name: str, basis: str | None = None) -> dict[str, Any]:
    """The entry as a fresh nested dict of bare values, ready to be overridden and validated.

    Raises `ParameterError` for a basis that the entry does not have.
    """
    return nested_values(find(kind, name, basis))


def defaults(group: str) -> dict[str, Fact]:
    """What to assume where nothing was measured, by field.

    Groups: `compound.degrader`, `compound.covalent`, `compound.noncovalent`, `ubiquitination`,
    `allele`, `cell`, `expression`.
    """
    return dict(find("defaults", group).facts)


def merged(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `overrides` laid over it, tables merged key by key.

    An override displaces the alternative way of saying the same thing: copies displace a
    concentration, a Kd a KI, an on-rate the off-rate, and the reverse.
    """
    result = {key: value for key, value in base.items() if not _displaced(key, overrides)}
    for key, value in overrides.items():
        result[key] = _laid_over(result.get(key), value)
    return result


def _laid_over(below: object, value: object) -> object:
    if isinstance(below, str) and isinstance(value, Mapping) and "name" not in value:
        below = {"name": below}  # a bare name stands for a table with that name
    if isinstance(below, Mapping) and isinstance(value, Mapping):
        return merged(below, value)
    return value


def _displaced(key: str, overrides: Mapping[str, Any]) -> bool:
    return bool(other_spellings(key) & overrides.keys())


def compound(name: str, basis: str | None = None, **overrides: Any) -> Compound:
    """The compound of that name, fields overridden: `compound("mt-802", kd_target_nM=30.0)`."""
    return Compound(**merged(values("compounds", name, basis), overrides))


def cell(name: str, basis: str | None = None, **overrides: Any) -> Cell:
    """The cell of that name, fields overridden.

    Proteins are merged by name: `cell("molm14", proteins={"CRBN": {"abundance_nM": 26.0}})`.
    """
    return Cell(**merged(values("cells", name, basis), overrides))


def allele(target: str, name: str) -> Allele:
    """One allele of a target: `allele("BTK", "C481S")`."""
    return Allele(**values("alleles", f"{target}.{name}"))


def preset(name: str) -> dict[str, Any]:
    """A published or fitted constant set as a fragment of a scenario.

    The cell and the compound stand there by name, or by name and basis, the target and the
    ubiquitin chain as bare values, and the citation as text.
    """
    found = values("presets", name)
    del found["name"]
    return found
