"""Reads the packaged TOML files into entries, and finds an entry by name, title or alias.

A shelf is one file, or a folder of files. What an entry means is not decided here: the nouns of
`entities` are built in the package root.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from protacsim.entities import other_spellings
from protacsim.errors import ParameterError
from protacsim.validation import one_of, quoted

KINDS = ("compounds", "cells", "alleles", "ligases", "presets", "defaults")

_LABELS = ("title", "note", "aliases")
_BASES = ("basis", "default_basis")
_UNVERIFIED = frozenset({"recalled", "assumed", "calibrated", "none"})


@dataclass(frozen=True, slots=True)
class Fact:
    """One number with its unit, range, source and how it was obtained.

    `confidence` is read, derived, recalled, assumed, calibrated or none; with none there is no
    value. `low` and `high` bound what is plausible, in the same unit.
    """

    unit: str
    source: str
    confidence: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    note: str = ""

    @property
    def unverified(self) -> bool:
        """Whether no source that was read, derived from or fitted stands behind the number."""
        return self.confidence in _UNVERIFIED


@dataclass(frozen=True, eq=False, slots=True)
class Entry:
    """One library entry: its numbers by dotted field path, and everything that is no number.

    Where sources contradict one another the entry stands once on each `basis`; `bases` lists
    them, the default first. There is one object per entry and basis, so entries compare and hash
    by identity.
    """

    kind: str
    name: str
    title: str
    note: str
    facts: Mapping[str, Fact]
    plain: Mapping[str, Any]
    basis: str | None = None
    bases: tuple[str, ...] = ()


@cache
def shelf(kind: str) -> Mapping[str, Entry]:
    """Every entry of one kind, by name; raises `ParameterError` for an unknown kind."""
    if kind not in KINDS:
        raise ParameterError(
            f"library: kind is {quoted(kind)}; {one_of(kind, KINDS)}; use one of these."
        )
    return MappingProxyType({name: on[0] for name, on in _standings(kind).items()})


@cache
def _standings(kind: str) -> Mapping[str, tuple[Entry, ...]]:
    """Every entry on each of its bases, the default first."""
    tables = {name: table for text in _texts(kind) for name, table in tomllib.loads(text).items()}
    for name, bases in _calibrated().get(kind, {}).items():
        tables[name].setdefault("basis", {}).update(bases)
    return {name: tuple(_entries(kind, name, table)) for name, table in tables.items()}


@cache
def _calibrated() -> Mapping[str, Any]:
    """Bases that fits have written: by kind, entry and name of the basis; never the default."""
    file = resources.files("protacsim.library").joinpath("calibrated.toml")
    return tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def _texts(kind: str) -> Iterator[str]:
    """The files of a shelf: `kind.toml`, or every file of the folder `kind`, by name."""
    root = resources.files("protacsim.library")
    folder = root.joinpath(kind)
    files = sorted(folder.iterdir(), key=lambda f: f.name) if folder.is_dir() else []
    for file in files or [root.joinpath(f"{kind}.toml")]:
        if file.name.endswith(".toml"):
            yield file.read_text(encoding="utf-8")


def find(kind: str, name: str, basis: str | None = None) -> Entry:
    """The entry of that name, title or alias, whatever its case, on a basis or the default one.

    Raises `ParameterError` that names the closest entry, or the bases that the entry has.
    """
    entries = shelf(kind)
    canonical = _index(kind).get(name.casefold())
    if canonical is None:
        own = ", or set custom = true for a compound of your own" if kind == "compounds" else ""
        raise ParameterError(
            f"library: no {kind[:-1]} named {quoted(name)}; {one_of(name, entries)}; "
            f"use one of these{own}."
        )
    if basis is None:
        return entries[canonical]
    found = next((on for on in _standings(kind)[canonical] if on.basis == basis), None)
    if found is None:
        raise ParameterError(_no_basis(entries[canonical], basis))
    return found


def _no_basis(entry: Entry, basis: object) -> str:
    what = f"library: {entry.kind[:-1]} {entry.name} has no basis {quoted(basis)}"
    if not entry.bases:
        return f"{what}: its sources do not contradict one another; leave basis out."
    return f"{what}; {one_of(str(basis), entry.bases)}; use one of these."


def known(kind: str, name: str) -> bool:
    """Whether the library has an entry of that name, title or alias."""
    return name.casefold() in _index(kind)


@cache
def _index(kind: str) -> Mapping[str, str]:
    return {
        word.casefold(): entry.name
        for entry in shelf(kind).values()
        for word in (entry.name, entry.title, *entry.plain.get("aliases", ()))
    }


def _entries(kind: str, name: str, table: dict[str, Any]) -> Iterator[Entry]:
    """The entry as it stands, then once per basis, on which some facts differ."""
    default = table.get("default_basis")
    over = table.get("basis", {})
    bases = tuple(dict.fromkeys([default, *over])) if default else ()
    common = {key: value for key, value in table.items() if key not in _BASES}
    facts = dict(_facts(common))
    for basis, own in [(default, {}), *over.items()]:
        plain = _without_facts({**common, **own})
        yield Entry(
            kind=kind,
            name=name,
            title=plain.get("title", name),
            note=plain.get("note", ""),
            facts=MappingProxyType(_over(facts, dict(_facts(own)))),
            plain=MappingProxyType(plain),
            basis=basis,
            bases=bases,
        )


def _over(facts: dict[str, Fact], own: dict[str, Fact]) -> dict[str, Fact]:
    """Facts with those of a basis in their place, whichever way they are stated."""
    displaced = set()
    for path in own:
        prefix, dot, field = path.rpartition(".")
        displaced |= {prefix + dot + other for other in other_spellings(field)}
    return {path: fact for path, fact in facts.items() if path not in displaced} | own


def _is_fact(value: object) -> bool:
    return isinstance(value, dict) and "confidence" in value


def _facts(table: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Fact]]:
    for key, value in table.items():
        if _is_fact(value):
            yield prefix + key, Fact(**value)
        elif isinstance(value, dict):
            yield from _facts(value, f"{prefix}{key}.")


def _without_facts(table: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _without_facts(value) if isinstance(value, dict) else value
        for key, value in table.items()
        if not _is_fact(value)
    }


def nested_values(entry: Entry) -> dict[str, Any]:
    """The entry as a fresh nested dict of bare values: no labels, no sources, no empty facts."""
    values = {"name": entry.name, **_stripped(entry.plain)}
    if entry.basis is not None:
        values["basis"] = entry.basis
    for path, fact in entry.facts.items():
        if fact.value is not None:
            _put(values, path.split("."), fact.value)
    return values


def _stripped(plain: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _stripped(value) if isinstance(value, Mapping) else value
        for key, value in plain.items()
        if key not in _LABELS and not key.endswith("_source")
    }


def _put(values: dict[str, Any], path: list[str], value: float) -> None:
    for key in path[:-1]:
        values = values.setdefault(key, {})
    values[path[-1]] = value
