"""What a study rests on: its constants with their sources, its reactions with their numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from protacsim import provenance
from protacsim.mechanisms import build_network, rate_constants
from protacsim.network import Network
from protacsim.provenance import Constant
from protacsim.scenario import numbers
from protacsim.study import Combination, Study

RATE_UNITS = "per h; molecules per h for a synthesis; per h and molecule where two react"


@dataclass(frozen=True)
class Reactions:
    """One network of a study, and every rate constant at the first and the last point."""

    network: Network
    first: Mapping[str, float]
    last: Mapping[str, float]


def constants(study: Study) -> list[Constant]:
    """Every constant of a study that no axis sets, each once, the least certain first."""
    varied = {path for combination in study.combinations for path in combination.varied}
    every = (e for c in study.combinations for e in provenance.constants(c.scenario, c.varied))
    found = {entry: None for entry in every if entry.path not in varied}
    return sorted(found, key=lambda entry: provenance.ORDER.index(entry.confidence))


def reactions(study: Study) -> list[Reactions]:
    """The reactions of every combination of named values, under its own name, each once."""
    found: dict[str, Reactions] = {}
    for combination in study.combinations:
        network = build_network(combination.scenario, combination.varied)
        ends = [_rates(combination, network, last=last) for last in (False, True)]
        found.setdefault(network.name, Reactions(network, *ends))
    return list(found.values())


def _rates(combination: Combination, network: Network, *, last: bool) -> dict[str, float]:
    window = {
        dim: slice(size - 1, size) if last else slice(0, 1)
        for dim, size in combination.shape.items()
    }
    values, _ = combination.values(window)
    one = {path: _single(value) for path, value in values.items()}
    rates = rate_constants(combination.scenario, {**numbers(combination.scenario), **one})
    return {name: float(rates[name]) for name in network.rates}


def _single(value: Any) -> Any:
    return value.flat[0] if hasattr(value, "flat") else value
