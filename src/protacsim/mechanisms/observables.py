"""What can be read off a state: named sums over forms, in molecules per cell.

Callers divide by the compartment's volume to get nM; mRNA stays in molecules.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from protacsim.mechanisms import verbs
from protacsim.mechanisms.forms import Form, Reach, inside, outside
from protacsim.network import Network, Term


class Observable(NamedTuple):
    """Unit, description (`{target}` is filled in) and the extra dim of a read-out."""

    unit: str
    long_name: str
    dim: str = ""


COMPOUND, NEOSUBSTRATE = "compound", "neosubstrate"

OBSERVABLES = {
    "target_total": Observable("nM", "total {target}"),
    "target_unoccupied": Observable("nM", "unoccupied {target}"),
    "target_occupied": Observable("nM", "occupied {target}"),
    "target_covalent": Observable("nM", "covalently bound {target}"),
    "target_active": Observable("nM", "active {target}"),
    "target_scaffold": Observable("nM", "{target} that can act as a scaffold"),
    "target_mrna": Observable("molecules/cell", "{target} mRNA"),
    "ternary": Observable("nM", "ternary complex"),
    "ubiquitinated": Observable("nM", "ubiquitinated {target}"),
    "ligase_free": Observable("nM", "free ligase"),
    "ligase_total": Observable("nM", "total ligase"),
    "degraded": Observable("nM/h", "{target} destroyed by the proteasome"),
    "turned_over": Observable("nM/h", "{target} lost by basal turnover"),
    "compound_cell": Observable("nM", "compound in the cell, in no complex", COMPOUND),
    "compound_medium": Observable("nM", "compound in the medium", COMPOUND),
    "neosubstrate_total": Observable("nM", "total neosubstrate", NEOSUBSTRATE),
}


def add_observables(net: Network, reach: Reach, every: Sequence[Form]) -> None:
    """Define every read-out of `OBSERVABLES` on the network."""
    forms = [form for form in every if form.protein == reach.target]
    _add_target(net, reach, forms)
    _add_fluxes(net, reach, forms)
    loaded = [name for d in reach.degraders if (name := f"{d.ligase}:{d.name}") in net.species]
    bound = [state for form in every if form.on_ligase for state in form.states]
    net.add_observable("ligase_free", reach.ligases)
    net.add_observable("ligase_total", [*reach.ligases, *loaded, *bound])
    for compound in reach.compounds:
        for place, species in (("cell", inside(compound.name)), ("medium", outside(compound.name))):
            there = [species] if species in net.species else []
            net.add_observable(f"compound_{place}[{compound.name}]", there)
    for protein in reach.scenario.neosubstrates:
        states = [state for form in every if form.protein == protein for state in form.states]
        net.add_observable(f"neosubstrate_total[{protein}]", states)


def _add_target(net: Network, reach: Reach, forms: Sequence[Form]) -> None:
    def states(*wanted: Form) -> list[str]:
        return [state for form in wanted for state in form.states]

    unoccupied = states(*(form for form in forms if form.compound is None))
    proficient = reach.scenario.allele.kinase_proficient
    long_enough = [
        state
        for form in forms
        for state, length in zip(form.states, form.lengths, strict=True)
        if length
    ]
    net.add_observable("target_total", states(*forms))
    net.add_observable("target_unoccupied", unoccupied)
    net.add_observable("target_occupied", states(*(form for form in forms if form.compound)))
    net.add_observable("target_covalent", states(*(form for form in forms if form.covalent)))
    net.add_observable("target_active", unoccupied if proficient else [])
    net.add_observable("target_scaffold", states(*forms))
    mrna = verbs.messenger(reach.target)
    net.add_observable("target_mrna", [mrna] if mrna in net.species else [])
    net.add_observable("ternary", states(*(form for form in forms if form.on_ligase)))
    net.add_observable("ubiquitinated", long_enough)


def _add_fluxes(net: Network, reach: Reach, forms: Sequence[Form]) -> None:
    """Losses of the target: what the proteasome destroys now, and basal turnover."""
    rates = set(net.rates)
    turnover = f"turnover[{reach.target}]"
    degraded, turned_over = [], []
    for form in forms:
        destruction = f"k_proteasome_{form.place}"
        if destruction in rates and (form.at_proteasome or not reach.finite_proteasome):
            pairs = zip(form.states, form.lengths, strict=True)
            long_enough = [state for state, length in pairs if length >= reach.destroyed_at(form)]
            degraded += [Term(state, 1.0, destruction) for state in long_enough]
        if turnover in rates:
            turned_over += [Term(state, 1.0, turnover) for state in form.states]
    net.add_observable("degraded", degraded)
    net.add_observable("turned_over", turned_over)
