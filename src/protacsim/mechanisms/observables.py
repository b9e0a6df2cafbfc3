"""What can be read off a state: named sums over the target's forms, in molecules per cell.

Callers divide by the compartment's volume to get nM.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from protacsim.network import Network, Term
from protacsim.scenario import Scenario

if TYPE_CHECKING:
    from protacsim.mechanisms.build import Form


class Observable(NamedTuple):
    """Unit and description of a read-out; `{target}` is filled in."""

    unit: str
    long_name: str


OBSERVABLES = {
    "target_total": Observable("nM", "total {target}"),
    "target_unoccupied": Observable("nM", "unoccupied {target}"),
    "target_occupied": Observable("nM", "occupied {target}"),
    "target_covalent": Observable("nM", "covalently bound {target}"),
    "target_active": Observable("nM", "active {target}"),
    "ternary": Observable("nM", "ternary complex"),
    "ubiquitinated": Observable("nM", "ubiquitinated {target}"),
    "ligase_free": Observable("nM", "free ligase"),
    "degraded": Observable("nM/h", "{target} destroyed by the proteasome"),
    "turned_over": Observable("nM/h", "{target} lost by basal turnover"),
    "compound_cell": Observable("nM", "free compound in the cell"),
    "compound_medium": Observable("nM", "compound in the medium"),
}

PER_COMPOUND = ("compound_cell", "compound_medium")


def add_observables(
    net: Network, scenario: Scenario, forms: Sequence[Form], destroyed_from: int
) -> None:
    """Define every read-out of `OBSERVABLES` on the network."""
    every = [(form, state) for form in forms for state in form.states]
    unoccupied = [state for form, state in every if not form.occupied]
    net.add_observable("target_total", [state for _, state in every])
    net.add_observable("target_unoccupied", unoccupied)
    net.add_observable("target_occupied", [state for form, state in every if form.occupied])
    net.add_observable("target_covalent", [state for form, state in every if form.covalent])
    net.add_observable("target_active", unoccupied if scenario.allele.kinase_proficient else [])
    net.add_observable("ternary", [state for form, state in every if form.on_ligase])
    net.add_observable("ubiquitinated", [s for form in forms for s in form.states[1:]])
    ligases = {entry.compound.ligase for entry in scenario.treatment.compounds}
    net.add_observable("ligase_free", sorted(name for name in ligases if name))
    _add_fluxes(net, scenario, forms, destroyed_from)
    for entry in scenario.treatment.compounds:
        for observable in PER_COMPOUND:
            species = f"{entry.name}_{observable.removeprefix('compound_')}"
            net.add_observable(f"{observable}[{entry.name}]", [species])


def _add_fluxes(
    net: Network, scenario: Scenario, forms: Sequence[Form], destroyed_from: int
) -> None:
    rates = set(net.rates)
    turnover = f"turnover[{scenario.target.name}]"
    degraded, turned_over = [], []
    for form in forms:
        destruction = f"k_proteasome_{'bound' if form.on_ligase else 'free'}"
        if destruction in rates:
            degraded += [Term(state, 1.0, destruction) for state in form.states[destroyed_from:]]
        if turnover in rates:
            turned_over += [Term(state, 1.0, turnover) for state in form.states]
    net.add_observable("degraded", degraded)
    net.add_observable("turned_over", turned_over)
