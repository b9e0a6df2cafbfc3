"""Reads the packaged TOML files into entries, and finds an entry by name, title or alias.

What an entry means is not decided here: the nouns of `entities` are built in the package root.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from protacsim.errors import ParameterError
from protacsim.validation import one_of, quoted

KINDS = ("compounds", "cells", "alleles", "ligases", "presets", "defaults")

_LABELS = ("title", "note", "aliases")
_UNVERIFIED = frozenset({"recalled", "assumed", "none"})


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

    There is one object per entry, so entries compare and hash by identity.
    """

    kind: str
    name: str
    title: str
    note: str
    facts: Mapping[str, Fact]
    plain: Mapping[str, Any]


@cache
def shelf(kind: str) -> Mapping[str, Entry]:
    """Every entry of one kind, by name; raises `ParameterError` for an unknown kind."""
    if kind not in KINDS:
        raise ParameterError(
            f"library: kind is {quoted(kind)}; {one_of(kind, KINDS)}; use one of these."
        )
    file = resources.files("protacsim.library").joinpath(f"{kind}.toml")
    tables = tomllib.loads(file.read_text(encoding="utf-8"))
    return MappingProxyType({name: _entry(kind, name, table) for name, table in tables.items()})


def find(kind: str, name: str) -> Entry:
    """The entry of that name, title or alias, whatever its case.

    Raises `ParameterError` that names the closest entry.
    """
    entries = shelf(kind)
    canonical = _index(kind).get(name.casefold())
    if canonical is None:
        raise ParameterError(
            f"library: no {kind[:-1]} named {quoted(name)}; {one_of(name, entries)}; "
            "use one of these."
        )
    return entries[canonical]


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


def _entry(kind: str, name: str, table: dict[str, Any]) -> Entry:
    return Entry(
        kind=kind,
        name=name,
        title=table.get("title", name),
        note=table.get("note", ""),
        facts=MappingProxyType(dict(_facts(table))),
        plain=MappingProxyType(_without_facts(table)),
    )


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
