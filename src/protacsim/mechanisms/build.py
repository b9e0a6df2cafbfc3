"""Who reacts with whom: the topology of target degradation, without a single number.

The target is listed in forms (free, bound, bonded, in a ternary complex), each with the chain
lengths it can reach; turnover, chain growth, trimming and destruction then run over all forms
alike. Reactions and their numbering follow the table in docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from protacsim.entities import Compound
from protacsim.mechanisms import verbs
from protacsim.mechanisms.observables import add_observables
from protacsim.network import Network
from protacsim.scenario import Scenario, numbers


class Form(NamedTuple):
    """One form of the target: its states by chain length and what it frees when it is lost."""

    states: tuple[str, ...]
    freed: tuple[str, ...] = ()
    compound: str | None = None
    on_ligase: bool = False
    covalent: bool = False

    @property
    def occupied(self) -> bool:
        """Whether the drug site is taken."""
        return self.compound is not None


class Reach:
    """Which processes can happen at all: a constant that is zero everywhere removes its states."""

    def __init__(self, scenario: Scenario, varied: Collection[str]) -> None:
        self.scenario = scenario
        self.varied = frozenset(varied)
        self.numbers = numbers(scenario)
        chain = scenario.ubiquitination
        self.chain_length = int(chain.chain_length or 0)
        destroyed_from = chain.destroyed_from
        self.destroyed_from = self.chain_length if destroyed_from is None else destroyed_from

    def on(self, path: str) -> bool:
        """Whether the number at `path` is above zero somewhere in the study."""
        return path in self.varied or self.numbers.get(path, 0.0) > 0.0

    @property
    def erased_fraction(self) -> float:
        """Probability that the chain is lost when a ternary complex opens."""
        fate = self.scenario.ubiquitination.chain_on_release
        return {"kept": 0.0, "erased": 1.0}[fate] if isinstance(fate, str) else fate

    @property
    def degraders(self) -> tuple[Compound, ...]:
        """Compounds that recruit a ligase."""
        return tuple(
            e.compound for e in self.scenario.treatment.compounds if e.compound.is_degrader
        )

    def bonds(self, compound: Compound) -> bool:
        """Whether the compound reaches its covalent form on this allele."""
        path = f"compounds.{compound.name}.kinact_per_h"
        return self.scenario.allele.covalent_bonding and self.on(path)

    def chain_on(self) -> int:
        """Longest chain on the ligase."""
        reached = self.degraders and self.on("ubiquitination.k_ub_per_h")
        return self.chain_length if reached else 0

    def chain_off(self) -> int:
        """Longest chain off the ligase."""
        return 0 if self.erased_fraction == 1.0 else self.chain_on()


def build_network(scenario: Scenario, varied: Collection[str] = ()) -> Network:
    """The reaction network of a scenario; numbers at `varied` paths may take any value.

    Only states that can be reached are listed.

    >>> print(build_network(Scenario(cell="molm14", treatment="ibrutinib")))
    """
    reach = Reach(scenario, varied)
    net = Network(f"{scenario.target.name} {scenario.allele.name}, {scenario.treatment.name}")
    for ligase in dict.fromkeys(c.ligase for c in reach.degraders if c.ligase):
        net.add_species(ligase)
    for entry in scenario.treatment.compounds:
        _deliver(net, scenario, entry.name)
    forms = list(_forms(reach))
    for form in forms:
        for state in form.states:
            net.add_species(state)
    _turn_over(net, reach, forms)
    for entry in scenario.treatment.compounds:
        _bind_target(net, reach, entry.compound)
    for degrader in reach.degraders:
        _recruit(net, reach, degrader)
    for form in forms:
        _process_chain(net, reach, form)
    add_observables(net, scenario, forms, reach.destroyed_from)
    return net


def _states(target: str, longest: int) -> tuple[str, ...]:
    return (target, *(f"{target}(ub{u})" for u in range(1, longest + 1)))


def _forms(reach: Reach) -> Iterator[Form]:
    """Every form the target can take, free first."""
    free = _states(reach.scenario.target.name, reach.chain_off())
    on_ligase = _states(reach.scenario.target.name, reach.chain_on())
    yield Form(free)
    for entry in reach.scenario.treatment.compounds:
        x, ligase = entry.name, entry.compound.ligase
        cell = inside(x)
        bonds = reach.bonds(entry.compound)
        yield Form(tuple(verbs.joined(t, x) for t in free), (cell,), x)
        if bonds:
            yield Form(tuple(verbs.bonded(t, x) for t in free), (), x, covalent=True)
        if ligase is None:
            continue
        ternary = tuple(verbs.joined(t, x, ligase) for t in on_ligase)
        yield Form(ternary, (verbs.joined(ligase, x),), x, on_ligase=True)
        if bonds:
            ternary = tuple(verbs.joined(verbs.bonded(t, x), ligase) for t in on_ligase)
            yield Form(ternary, (ligase,), x, on_ligase=True, covalent=True)


def outside(compound: str) -> str:
    """The compound in the medium."""
    return f"{compound}_medium"


def inside(compound: str) -> str:
    """The compound in the cell."""
    return f"{compound}_cell"


def _deliver(net: Network, scenario: Scenario, x: str) -> None:
    """Row 1: medium and cell exchange the unbound compound."""
    net.add_species(outside(x), buffered=scenario.cell.medium_buffered)
    net.add_species(inside(x))
    verbs.exchange(net, outside(x), inside(x), f"uptake[{x}]", f"release[{x}]")


def _turn_over(net: Network, reach: Reach, forms: list[Form]) -> None:
    """Row 2: synthesis, and basal loss of every form."""
    target = reach.scenario.target.name
    if not reach.on(f"cell.proteins.{target}.half_life_h"):
        return
    verbs.synthesise(net, target, f"synthesis[{target}]")
    for form in forms:
        for state in form.states:
            verbs.lose(net, "turnover", state, form.freed, f"turnover[{target}]")


def _bind_target(net: Network, reach: Reach, compound: Compound) -> None:
    """Rows 3 and 4: the compound binds the free target and may bond to it."""
    x = compound.name
    for state in _states(reach.scenario.target.name, reach.chain_off()):
        complex_ = verbs.bind(
            net,
            state,
            inside(x),
            f"kon_target[{x}]",
            f"koff_target[{x}]",
            ab=verbs.joined(state, x),
        )
        if reach.bonds(compound):
            verbs.inactivate(net, complex_, verbs.bonded(state, x), f"kinact[{x}]")


def _recruit(net: Network, reach: Reach, degrader: Compound) -> None:
    """Rows 4 to 7: the ligase binds the degrader, and both ways into the ternary complex."""
    x, ligase = degrader.name, degrader.ligase or ""
    loaded = verbs.bind(
        net, ligase, inside(x), f"kon_ligase[{x}]", f"koff_ligase[{x}]", ab=verbs.joined(ligase, x)
    )
    target = reach.scenario.target.name
    on_ligase = _states(target, reach.chain_on())
    for state in _states(target, reach.chain_off()):
        binary, ternary = verbs.joined(state, x), verbs.joined(state, x, ligase)
        verbs.associate(net, state, loaded, ternary, f"kon_target_ternary[{x}]")
        verbs.associate(net, binary, ligase, ternary, f"kon_ligase_ternary[{x}]")
        if reach.bonds(degrader):
            adduct = verbs.bonded(state, x)
            bonded = verbs.joined(adduct, ligase)
            verbs.associate(net, adduct, ligase, bonded, f"kon_ligase_covalent[{x}]")
    for u, state in enumerate(on_ligase):
        ternary = verbs.joined(state, x, ligase)
        for left, suffix in _released(reach, on_ligase, u):
            binary, adduct = verbs.joined(left, x), verbs.bonded(left, x)
            verbs.dissociate(net, ternary, left, loaded, f"koff_target_ternary[{x}]{suffix}")
            verbs.dissociate(net, ternary, binary, ligase, f"koff_ligase_ternary[{x}]{suffix}")
            if reach.bonds(degrader):
                bonded = verbs.joined(verbs.bonded(state, x), ligase)
                rate = f"koff_ligase_covalent[{x}]{suffix}"
                verbs.dissociate(net, bonded, adduct, ligase, rate)
        if reach.bonds(degrader):
            bonded = verbs.joined(verbs.bonded(state, x), ligase)
            verbs.inactivate(net, ternary, bonded, f"kinact_ternary[{x}]")


def _released(reach: Reach, chain: tuple[str, ...], u: int) -> Iterator[tuple[str, str]]:
    """What leaves a ternary complex with u ubiquitins: (state, suffix of the rate's name)."""
    if u == 0 or reach.erased_fraction == 0.0:
        yield chain[u], ""
    elif reach.erased_fraction == 1.0:
        yield chain[0], ""
    else:
        yield chain[u], "*kept"
        yield chain[0], "*erased"


def _process_chain(net: Network, reach: Reach, form: Form) -> None:
    """Rows 8 to 10: growth on the ligase, trimming, and destruction of long enough chains."""
    place = "bound" if form.on_ligase else "free"
    if form.on_ligase and reach.on("ubiquitination.k_ub_per_h"):
        branch = "k_ub_covalent" if form.covalent else "k_ub"
        verbs.ubiquitinate(net, form.states, f"{branch}[{form.compound}]")
    if reach.on(f"ubiquitination.k_dub_{place}_per_h"):
        verbs.deubiquitinate(net, form.states, f"k_dub_{place}")
    if reach.on(f"ubiquitination.k_proteasome_{place}_per_h"):
        for state in form.states[reach.destroyed_from :]:
            verbs.lose(net, "destruction", state, form.freed, f"k_proteasome_{place}")
