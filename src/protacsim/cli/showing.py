"""Commands that only look: check, describe, library, schema, doctor."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import typer

from protacsim import library
from protacsim.cli import INTERNAL, OK, USAGE, complain, counted, printable
from protacsim.cli.tables import print_json, print_rows
from protacsim.config import json_schema, load
from protacsim.errors import ConfigError, ParameterError
from protacsim.validation import one_of


def check(configs: Sequence[Path], overrides: Sequence[str], *, as_json: bool) -> int:
    """Report each configuration's mistakes, or that it has none."""
    reports = []
    for path in configs:
        try:
            job = load(path, overrides)
            reports.append({"config": str(path), "points": job.study.points, "problems": []})
        except ConfigError as error:
            reports.append({"config": str(path), "problems": list(error.problems)})
            if not as_json:
                complain(error)
        else:
            if not as_json:
                typer.echo(f"{printable(str(path))}: correct, {counted(job.study.points, 'point')}")
    if as_json:
        print_json(reports)
    return USAGE if any(report["problems"] for report in reports) else OK


def describe(config: Path, overrides: Sequence[str], *, as_json: bool) -> None:
    """Constants first, then the reactions of every distinct network."""
    from protacsim.report import facts

    job = load(config, overrides)
    constants = facts.constants(job.study)
    networks = {own.network.name: (own.network, own.first) for own in facts.reactions(job.study)}
    if as_json:
        _describe_json(job.study.title, constants, networks)
        return
    unverified = sum(entry.unverified for entry in constants)
    typer.echo(f"{printable(job.study.title or str(config))}: {counted(job.study.points, 'point')}")
    typer.echo(
        f"{unverified} of {len(constants)} constants have no public measurement behind them."
    )
    rows = [
        (e.confidence, e.path, e.entry, e.value, e.unit, _range(e.low, e.high), e.source)
        for e in constants
    ]
    print_rows("Constants", ("confidence", "path", "of", "value", "unit", "range", "source"), rows)
    for network, rates in networks.values():
        typer.echo("")
        typer.echo(str(network))
        used = [(name, float(rates[name])) for name in network.rates]
        print_rows(f"Rate constants ({facts.RATE_UNITS})", ("rate", "value"), used)


def _range(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:g} to {high:g}"


def _describe_json(title: str, constants: list[Any], networks: dict[str, Any]) -> None:
    print_json(
        {
            "title": title,
            "constants": [asdict(entry) for entry in constants],
            "networks": [
                {
                    "name": network.name,
                    "species": list(network.species),
                    "reactions": [
                        {"name": r.name, "reaction": str(r), "rate": r.rate}
                        for r in network.reactions
                    ],
                    "rates": {name: float(rates[name]) for name in network.rates},
                    "conserved": list(network.conserved()),
                }
                for network, rates in networks.values()
            ],
        }
    )


SHELVES = ("compounds", "cells", "alleles", "ligases", "presets")


def library_entries(name: str | None, kind: str | None, *, as_json: bool) -> None:
    """List entries, or show one."""
    if kind is not None and kind not in SHELVES:
        raise ParameterError(f"--kind {kind!r}: {one_of(kind, SHELVES)}.")
    kinds = [kind] if kind else list(SHELVES)
    if name is not None:
        _show_entry(name, kinds, as_json=as_json)
        return
    listed = [(k, n, library.entry(k, n)) for k in kinds for n in library.names(k)]
    if as_json:
        print_json([{"kind": k, "name": n, "title": e.title, "note": e.note} for k, n, e in listed])
        return
    rows = [(k, n, e.title, _standing(e)) for k, n, e in listed]
    print_rows("Library", ("kind", "name", "title", "numbers"), rows)


def _standing(entry: Any) -> str:
    """How many numbers of an entry have a public measurement behind them."""
    facts = list(entry.facts.values())
    verified = sum(not fact.unverified for fact in facts)
    return f"{verified} of {len(facts)} verified" if facts else ""


def _show_entry(name: str, kinds: Sequence[str], *, as_json: bool) -> None:
    found = [
        library.entry(k, n) for k in kinds for n in (name, f"BTK.{name}") if library.known(k, n)
    ]
    if not found:
        known = [n for k in kinds for n in library.names(k)]
        raise ParameterError(f"library has no entry {name!r}; {one_of(name, known)}.")
    if as_json:
        print_json([_entry_json(entry) for entry in found])
        return
    for entry in found:
        typer.echo(f"{entry.title} ({entry.kind}: {entry.name})")
        for key, value in _words(entry).items():
            typer.echo(f"  {key}: {value}")
        if entry.note:
            typer.echo(f"  {entry.note}")
        if entry.bases:
            default, *others = entry.bases
            typer.echo(f"  basis: {', '.join([f'{default} (shown, the default)', *others])}")
        _print_facts(entry.facts)
        for basis in entry.bases[1:]:
            _show_basis(entry, library.entry(entry.kind, entry.name, basis))


def _show_basis(default: Any, entry: Any) -> None:
    """What changes when another of the contradicting values is taken."""
    typer.echo(f'  With basis = "{entry.basis}":')
    changed = {k: fact for k, fact in entry.facts.items() if fact != default.facts.get(k)}
    _print_facts(changed)


def _print_facts(facts: Mapping[str, Any]) -> None:
    """Numbers with range, confidence and source, and below them what is to be known about each."""
    rows = [
        (field, fact.value, fact.unit, _range(fact.low, fact.high), fact.confidence, fact.source)
        for field, fact in facts.items()
    ]
    if rows:
        print_rows("", ("field", "value", "unit", "range", "confidence", "source"), rows)
    for field, fact in facts.items():
        if fact.note:
            typer.echo(f"  {field}: {fact.note}")


def _words(entry: Any) -> dict[str, Any]:
    """What an entry says beside its numbers, such as its class, its ligase, or hypothetical."""
    told = ("title", "note", "aliases")
    return {k: v for k, v in entry.plain.items() if k not in told and v not in ({}, None)}


def _entry_json(entry: Any) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "name": entry.name,
        "title": entry.title,
        "note": entry.note,
        "properties": _words(entry),
        "facts": {field: asdict(fact) for field, fact in entry.facts.items()},
        "bases": {
            basis: {
                field: asdict(fact)
                for field, fact in library.entry(entry.kind, entry.name, basis).facts.items()
                if fact != entry.facts.get(field)
            }
            for basis in entry.bases
        },
    }


def schema() -> None:
    """Print the configuration's JSON Schema."""
    typer.echo(json.dumps(json_schema(), indent=2))


def doctor(*, as_json: bool) -> int:
    """Versions, machine, cache, and one run checked against `exp(-k t)`."""
    import math
    import time

    from protacsim.network import Network
    from protacsim.simulation import engine_info, solve

    started = time.perf_counter()
    net = Network("decay")
    net.add("decay", "A", (), "k")
    final = solve(net, {"k": 1.0}, {"A": 1.0}, [1.0]).states[0, 0, 0]
    error = abs(final - math.exp(-1.0)) / math.exp(-1.0)
    packages = ("protacsim", "numpy", "scipy", "numba", "llvmlite", "xarray", "zarr", "pydantic")
    report: dict[str, Any] = {
        "python": sys.version.split()[0],
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        **{name: version(name) for name in packages},
        **engine_info(),
        "first run": f"{time.perf_counter() - started:.2f} s",
        "engine error on exp(-t)": f"{error:.1e} (must be below 1e-4)",
    }
    healthy = error < 1e-4
    report["verdict"] = "healthy" if healthy else "the engine disagrees with exp(-t); reinstall"
    if as_json:
        print_json(report)
    else:
        print_rows("", ("item", "found"), list(report.items()))
    return OK if healthy else INTERNAL
