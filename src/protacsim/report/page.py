"""The page of one run, section by section, from its result, its study and its figures."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from protacsim import provenance
from protacsim.report import facts, words
from protacsim.report.drawings import inlined
from protacsim.report.markup import (
    definitions,
    element,
    folded,
    paragraph,
    section,
    table,
    text,
)
from protacsim.study import Study, failures

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

MOST_ROWS, FEW_ROWS = 500, 12
OF_EVERY_CURVE = "Readings of every curve or point"
MOST_FAILURES, MOST_NETWORKS, MOST_JSON = 200, 12, 200_000


@dataclass(frozen=True)
class Drawing:
    """One figure of a run: its kind, the name of its file without ending, its SVG text.

    `numbers_in` says where the numbers behind it are.
    """

    kind: str
    file: str
    svg: str
    numbers_in: str = "the summary"


@dataclass(frozen=True)
class Finding:
    """What a run was made for beside its readings: a table under a heading, a sentence about it.

    `meanings` say what its columns and words mean.
    """

    heading: str
    table: pd.DataFrame
    about: str = ""
    meanings: Sequence[tuple[str, str]] = ()

    @property
    def place(self) -> str:
        """The id of its section."""
        return self.heading.lower().replace(" ", "-")


@dataclass(frozen=True)
class Run:
    """What a page tells: `summary` is the table of readings, `findings` stand above it.

    `command` repeats the run; `manifest` is that of the result. Of `draws`, points that mean
    little one by one, only the first are listed. `about_constants` stands above them.
    """

    study: Study
    data: xr.Dataset
    summary: pd.DataFrame
    drawings: Sequence[Drawing]
    command: str
    manifest: Mapping[str, Any]
    findings: Sequence[Finding] = ()
    summary_heading: str = OF_EVERY_CURVE
    draws: bool = False
    about_constants: str = ""


def page(run: Run) -> str:
    """Return the whole page; equal runs give equal pages."""
    title = run.study.title or "A run of protacsim"
    constants = facts.constants(run.study)
    main = [
        _question(run, title, constants),
        _figures(run, title),
        *(_finding(each) for each in run.findings),
        _summary(run),
        _assumptions(constants, run.about_constants),
        _reactions(run.study),
        _failures(run),
        _provenance(run),
    ]
    style, script = (_resource(name) for name in ("page.css", "page.js"))
    head = (
        '<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(script)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"{element('title', text(title))}\n<style>\n{style}</style>"
    )
    body = element("main", "\n".join(filter(None, main))) + f"\n<script>{script}</script>"
    whole = element("html", f"\n<head>\n{head}\n</head>\n<body>\n{body}\n</body>\n", lang="en")
    return f"<!DOCTYPE html>\n{whole}\n"


def _resource(name: str) -> str:
    return resources.files("protacsim.report").joinpath(name).read_text(encoding="utf-8")


def _policy(script: str) -> str:
    """Nothing is loaded, and no script runs but this one; heatmaps have their pixels inside."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'"
    )


def _question(run: Run, title: str, constants: Sequence[provenance.Constant]) -> str:
    unverified = sum(entry.unverified for entry in constants)
    failed = int((run.data["status"] != 0).sum())
    notes = [f"{unverified} of {len(constants)} constants have no public measurement behind them."]
    hypothetical = provenance.hypothetical(c.scenario for c in run.study.combinations)
    if hypothetical:
        names = ", ".join(hypothetical)
        notes.append(f"Hypothetical, a class prior without published constants: {names}.")
    if failed:
        notes.append(f"{failed} of {run.study.points} points failed; see Failures.")
    listed = "".join(element("li", text(note)) for note in notes)
    links = [
        ("figures", "Figures"),
        *((each.place, each.heading) for each in run.findings),
        ("summary", "Summary"),
        ("assumptions", "Assumptions"),
        ("reactions", "Reactions"),
        ("failures", "Failures"),
        ("provenance", "Provenance"),
    ]
    there = [link for link in links if link[0] != "figures" or run.drawings]
    nav = " ".join(element("a", text(word), href=f"#{name}") for name, word in there)
    return element(
        "header",
        element("h1", text(title))
        + element("nav", nav, **{"aria-label": "Sections"})
        + definitions(words.scenario(run.study))
        + element("ul", listed, class_="notes"),
    )


def _figures(run: Run, title: str) -> str:
    if not run.drawings:
        return ""
    parts = []
    for number, drawing in enumerate(run.drawings, 1):
        kind = drawing.kind.replace("-", " ")
        said = f"Figure {number}, {kind}: {title}. Its numbers are in {drawing.numbers_in}."
        svg = inlined(drawing.svg, f"figure-{number}", said)
        files = f"Figure {number}: {kind}. Files: figures/{drawing.file}.svg and .png"
        parts.append(element("figure", svg + element("figcaption", text(files))))
    return section("figures", "Figures", *parts)


def _summary(run: Run) -> str:
    frame = run.summary
    shown = [str(name) for name in frame.columns if not str(name).endswith("_reason")]
    most = FEW_ROWS if run.draws else MOST_ROWS
    rows = [
        [_cell(row, name) for name in shown] for row in frame.head(most).to_dict(orient="records")
    ]
    parts = [table(run.summary_heading, shown, rows)]
    if len(frame) > most:
        said = f"The first {most} of {len(frame)} rows; summary.csv has them all."
        parts.append(paragraph(said))
    meanings = [(name, words.column(name, run.data, run.study)) for name in shown]
    note = (
        "Where a number does not exist, its reason stands in its place. A number is read between "
        "the tested doses and never beyond them."
    )
    parts += [element("h3", "What the columns mean"), paragraph(note), definitions(meanings)]
    return section("summary", "Summary", *parts)


def _cell(row: Mapping[Any, Any], name: str) -> object:
    value = row[name]
    missing = isinstance(value, float) and np.isnan(value)
    if missing and row.get(f"{name}_reason"):
        return str(row[f"{name}_reason"]).replace("_", " ")
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return value


def _finding(found: Finding) -> str:
    columns = [str(name) for name in found.table.columns]
    rows = found.table.head(MOST_ROWS).to_numpy(dtype=object).tolist()
    parts = [paragraph(found.about)] if found.about else []
    parts.append(table(found.heading, columns, rows))
    if found.meanings:
        parts.append(definitions(found.meanings))
    return section(found.place, found.heading, *parts)


def _assumptions(constants: Sequence[provenance.Constant], about: str) -> str:
    columns = ("constant", "of", "value", "unit", "range", "confidence", "source")
    unverified = [entry for entry in constants if entry.unverified]
    others = [entry for entry in constants if not entry.unverified]
    kinds = dict.fromkeys(entry.confidence for entry in constants)
    parts = [
        *([paragraph(about)] if about else []),
        definitions((kind, words.CONFIDENCES[kind]) for kind in kinds),
        table("Constants without a public measurement", columns, map(_constant, unverified)),
        folded(
            f"The other {len(others)} constants",
            table("Constants that were read, derived or given", columns, map(_constant, others)),
        ),
    ]
    return section("assumptions", "Assumptions and constants", *parts)


def _constant(entry: provenance.Constant) -> Sequence[object]:
    spread = "" if entry.low is None or entry.high is None else f"{entry.low:g} to {entry.high:g}"
    whole = (entry.path, entry.entry, entry.value, entry.unit, spread)
    return (*whole, entry.confidence, entry.source)


def _reactions(study: Study) -> str:
    found = facts.reactions(study)
    parts = [
        paragraph(
            f"Mass action, in molecules per cell. Rate constants are {facts.RATE_UNITS}. Where an "
            "axis changes one, its first and last value are given. What it is made of stands "
            "under Assumptions and constants."
        )
    ]
    for own in found[:MOST_NETWORKS]:
        net = own.network
        size = f"{len(net.species)} species, {len(net.reactions)} reactions"
        rows = [
            (r.name, str(r), r.rate, own.first[r.rate], _last(own, r.rate)) for r in net.reactions
        ]
        columns = ("process", "reaction", "rate constant", "value", "last value")
        parts.append(folded(f"{net.name}: {size}", table(net.name, columns, rows)))
    if len(found) > MOST_NETWORKS:
        parts.append(paragraph(f"{len(found) - MOST_NETWORKS} more: protacsim describe."))
    return section("reactions", "Reactions", *parts)


def _last(own: facts.Reactions, rate: str) -> object:
    return own.last[rate] if own.last[rate] != own.first[rate] else ""


def _failures(run: Run) -> str:
    rows = list(itertools.islice(failures(run.data), MOST_FAILURES + 1))
    if not rows:
        return section("failures", "Failures", paragraph("No point failed."))
    shown = rows[:MOST_FAILURES]
    parts = [table("Failed points", list(shown[0]), [list(row.values()) for row in shown])]
    if len(rows) > MOST_FAILURES:
        said = f"Only the first {MOST_FAILURES} are shown; protacsim failures lists them all."
        parts.append(paragraph(said))
    return section("failures", "Failures", *parts)


def _provenance(run: Run) -> str:
    manifest = run.manifest
    versions = [(name, str(version)) for name, version in manifest.get("versions", {}).items()]
    method = manifest["method"]
    facts_of_run = [
        ("Points", f"{run.study.points:,}"),
        ("Method", ": ".join(filter(None, (method["used"], method["reason"])))),
        ("Seed", str(run.study.seed)),
        ("Configuration (sha256)", str(manifest["config_sha256"])),
        ("Code and library (sha256)", str(manifest.get("code_and_library_sha256", ""))),
        *versions,
    ]
    resolved = json.dumps(manifest["resolved"], indent=1, sort_keys=True, ensure_ascii=False)
    parts = [
        paragraph("This command repeats the run; the same sha256 means the same numbers:"),
        element("pre", element("code", text(run.command))),
        definitions(facts_of_run),
    ]
    if len(resolved) <= MOST_JSON:
        parts.append(folded("The study in full", element("pre", text(resolved))))
    return section("provenance", "Provenance", *parts)
