"""Pages of the shipped library, from its TOML: every number with range, source, confidence."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sphinx.application import Sphinx

from protacsim import library

WORDS = {
    "compounds": "Degraders and inhibitors. What an entry leaves open comes from the defaults.",
    "cells": "Volumes, and the proteins with their amounts and half-lives.",
    "alleles": "What a mutation does to the bond, to the kinase and to affinities.",
    "ligases": "E3 ligases by their substrate receptor.",
    "presets": "Constant sets that belong together: those of published models, and of fits.",
    "defaults": "What is assumed where nothing was measured.",
}


TOLD = ("name", "title", "note", "aliases")
"""What an entry's heading and first line say already."""


def page(kind: str) -> str:
    """One kind of entries as a page."""
    entries = [library.entry(kind, name) for name in library.names(kind)]
    parts = [f"# {kind.capitalize()}", WORDS[kind]]
    for entry in entries:
        parts += [f"## {cell(entry.title)}", f"`{entry.name}`" + note(entry.note)]
        parts += ["\n".join(plain(entry))]
        parts += [table(library.entry(kind, entry.name, basis)) for basis in entry.bases or (None,)]
    return "\n\n".join(part for part in parts if part) + "\n"


def note(text: str) -> str:
    """A note behind a name, or nothing."""
    return f": {cell(text)}" if text else ""


def plain(entry: library.Entry) -> Iterator[str]:
    """What is no number, such as the ligase of a compound, with its source."""
    for key, value in entry.plain.items():
        if key not in TOLD and not isinstance(value, dict) and not key.endswith("_source"):
            source = entry.plain.get(f"{key}_source", "")
            yield f"- {key}: {cell(value)}" + (f" ({cell(source)})" if source else "")


def table(entry: library.Entry) -> str:
    """The numbers of an entry on one basis."""
    if not entry.facts:
        return ""
    rows = [
        f"| `{path}` | {number(fact)} | {span(fact)} | {fact.confidence} | "
        f"{cell(' '.join(filter(None, (fact.source, fact.note))))} |"
        for path, fact in entry.facts.items()
    ]
    head = [f"On the basis `{entry.basis}`:", ""] if entry.basis else []
    columns = ["| field | value | range | confidence | source |", "|---|---|---|---|---|"]
    return "\n".join([*head, *columns, *rows])


def number(fact: library.Fact) -> str:
    """A value with its unit."""
    return "none" if fact.value is None else f"{fact.value:g} {cell(fact.unit)}".strip()


def span(fact: library.Fact) -> str:
    """The plausible range, where there is one."""
    return "" if fact.low is None or fact.high is None else f"{fact.low:g} to {fact.high:g}"


def cell(text: object) -> str:
    """Text that cannot leave its cell or be taken for markup."""
    safe = str(text)
    for mark in "\\|*_<>$[]{}`":
        safe = safe.replace(mark, f"\\{mark}")
    return " ".join(linked(word) for word in safe.split())


def linked(word: str) -> str:
    """An address as a link that is named by its site, for long ones tear tables apart."""
    at = word.find("http")
    if at < 0:
        return word
    whole = word[at:].replace("\\", "")
    address = whole.rstrip(".,;)")
    site = urlsplit(address).netloc.removeprefix("www.")
    return f"{word[:at]}[{site}]({address}){whole.removeprefix(address)}"


def write(app: Sphinx) -> None:
    """Write a page per kind, leaving alone those that say the same already."""
    folder = Path(app.srcdir) / "generated"
    folder.mkdir(exist_ok=True)
    for kind in library.KINDS:
        path, text = folder / f"{kind}.md", page(kind)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages before Sphinx looks for sources."""
    app.connect("builder-inited", write, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
