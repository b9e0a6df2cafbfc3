"""Who reacts with whom: the topology of target degradation, without a single number.

Proteins are listed in forms (see `forms`); turnover, chain growth, trimming and destruction then
run over all forms alike. Rows are numbered as in the table of docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from protacsim.entities import Compound
from protacsim.mechanisms import verbs
from protacsim.mechanisms.forms import Form, Reach, entrance, forms, gut, inside, outside
from protacsim.mechanisms.observables import add_observables
from protacsim.network import Network
from protacsim.scenario import PROTEASOME, Scenario
from protacsim.validation import check_kind


def build_network(scenario: Scenario, varied: Collection[str] = ()) -> Network:
    """The reaction network of a scenario; numbers at `varied` paths may take any value.

    Only states that can be reached are listed.

    >>> print(build_network(Scenario(cell="molm14", treatment="ibrutinib")))
    """
    check_kind("scenario", scenario, Scenario)
    reach = Reach(scenario, varied)
    net = Network(f"{scenario.target.name} {scenario.allele.name}, {scenario.treatment.name}")
    for ligase in reach.ligases:
        net.add_species(ligase)
    if reach.finite_proteasome:
        net.add_species(PROTEASOME)
    for compound in reach.compounds:
        _deliver(net, reach, compound)
    every = forms(reach)
    for form in every:
        for state in form.states:
            net.add_species(state)
    _turn_over(net, reach, every)
    for compound in reach.compounds:
        _bind_target(net, reach, compound)
    for degrader in reach.degraders:
        _recruit(net, reach, degrader)
        _recruit_neosubstrates(net, reach, degrader)
    for form in every:
        _process_chain(net, reach, form)
    _turn_over_ligases(net, reach, every)
    net = net.reachable(_present(reach))
    add_observables(net, reach, [form.kept(net.species) for form in every])
    return net


def _present(reach: Reach) -> list[str]:
    """Species that are there from the start, or are given."""
    proteins = [reach.target, *reach.scenario.neosubstrates, *reach.ligases, PROTEASOME]
    promoters = [state for protein in proteins for state in verbs.promoter(protein)]
    given = [
        entrance(entry, oral=reach.given(f"compounds.{entry.name}.absorption_half_life_h"))
        for entry in reach.scenario.treatment.compounds
    ]
    return [*proteins, *promoters, *given]


def _deliver(net: Network, reach: Reach, compound: Compound) -> None:
    """Row 1: medium and cell exchange the unbound compound, and either may lose it."""
    x = compound.name
    driven = reach.given(f"compounds.{x}.elimination_half_life_h")
    net.add_species(outside(x), buffered=reach.scenario.cell.medium_buffered and not driven)
    net.add_species(inside(x))
    if driven:
        verbs.follow(net, outside(x), inside(x), f"uptake[{x}]", f"release[{x}]")
        verbs.lose(net, "elimination of", outside(x), (), f"elimination[{x}]")
        if reach.given(f"compounds.{x}.absorption_half_life_h"):
            verbs.absorb(net, gut(x), outside(x), f"absorption[{x}]")
    else:
        verbs.exchange(net, outside(x), inside(x), f"uptake[{x}]", f"release[{x}]")
    for place, species in (("medium", outside(x)), ("cell", inside(x))):
        if reach.own(compound, f"loss_{place}_per_h"):
            verbs.lose(net, "loss of", species, (), f"loss_{place}[{x}]")


def _turn_over(net: Network, reach: Reach, every: list[Form]) -> None:
    """Row 2: synthesis, and basal loss of every form."""
    for protein in (reach.target, *reach.scenario.neosubstrates):
        if not reach.on(f"cell.proteins.{protein}.half_life_h"):
            continue
        _make(net, reach, protein)
        for form in every:
            if form.protein == protein:
                for state in form.states:
                    verbs.lose(net, "turnover of", state, form.freed, f"turnover[{protein}]")


def _make(net: Network, reach: Reach, protein: str) -> None:
    """Rows 2 and 11: synthesis at a constant rate, or from mRNA."""
    if reach.expresses(protein):
        verbs.express(net, protein, switches=reach.switches(protein))
    else:
        verbs.synthesise(net, protein, f"synthesis[{protein}]")


def _bind_target(net: Network, reach: Reach, compound: Compound) -> None:
    """Rows 3 and 4: the compound binds the free target and may bond to it."""
    x = compound.name
    for state in reach.free(reach.target):
        binary, adduct = verbs.joined(state, x), verbs.bonded(state, x)
        verbs.bind(net, state, inside(x), f"kon_target[{x}]", f"koff_target[{x}]", ab=binary)
        if reach.bonds(compound):
            if reach.own(compound, "kinact_per_h"):
                verbs.inactivate(net, binary, adduct, f"kinact[{x}]")
            if reach.own(compound, "krev_per_h"):
                verbs.reactivate(net, adduct, binary, f"krev[{x}]")


def _recruit(net: Network, reach: Reach, degrader: Compound) -> None:
    """Rows 4 to 7: the ligase binds the degrader; ways in and out of the ternary complex."""
    x, ligase = degrader.name, degrader.ligase or ""
    loaded = verbs.joined(ligase, x)
    verbs.bind(net, ligase, inside(x), f"kon_ligase[{x}]", f"koff_ligase[{x}]", ab=loaded)
    for state in reach.free(reach.target):
        binary = verbs.joined(state, x)
        ternary = verbs.joined(binary, ligase)
        verbs.associate(net, state, loaded, ternary, f"kon_target_ternary[{x}]")
        verbs.associate(net, binary, ligase, ternary, f"kon_ligase_ternary[{x}]")
        if reach.bonds(degrader):
            adduct = verbs.bonded(state, x)
            rate = f"kon_ligase_covalent[{x}]"
            verbs.associate(net, adduct, ligase, verbs.joined(adduct, ligase), rate)
    for u, state in enumerate(reach.held(reach.target)):
        ternary = verbs.joined(state, x, ligase)
        for left, suffix in _released(reach, reach.target, u):
            verbs.dissociate(net, ternary, left, loaded, f"koff_target_ternary[{x}]{suffix}")
            binary = verbs.joined(left, x)
            verbs.dissociate(net, ternary, binary, ligase, f"koff_ligase_ternary[{x}]{suffix}")
        if reach.bonds(degrader):
            _bond_in_ternary(net, reach, degrader, u, state)


def _bond_in_ternary(net: Network, reach: Reach, degrader: Compound, u: int, state: str) -> None:
    """Rows 4 and 7: the bond forms and breaks in the ternary complex, which opens to the adduct."""
    x, ligase = degrader.name, degrader.ligase or ""
    ternary = verbs.joined(state, x, ligase)
    bonded = verbs.joined(verbs.bonded(state, x), ligase)
    verbs.inactivate(net, ternary, bonded, f"kinact_ternary[{x}]")
    if reach.own(degrader, "krev_per_h"):
        verbs.reactivate(net, bonded, ternary, f"krev_ternary[{x}]")
    for left, suffix in _released(reach, reach.target, u):
        adduct = verbs.bonded(left, x)
        verbs.dissociate(net, bonded, adduct, ligase, f"koff_ligase_covalent[{x}]{suffix}")


def _released(reach: Reach, protein: str, u: int) -> Iterator[tuple[str, str]]:
    """What leaves a ternary complex with u ubiquitins: (state, suffix of the rate's name)."""
    held = reach.held(protein)
    if u == 0 or reach.erased_fraction == 0.0:
        yield held[u], ""
    elif reach.erased_fraction == 1.0:
        yield protein, ""
    else:
        yield held[u], "*kept"
        yield protein, "*erased"


def _recruit_neosubstrates(net: Network, reach: Reach, degrader: Compound) -> None:
    """Row 12: the loaded ligase binds neosubstrates."""
    x, ligase = degrader.name, degrader.ligase or ""
    loaded = verbs.joined(ligase, x)
    for entry in degrader.neosubstrates:
        if entry.name not in reach.scenario.neosubstrates:
            continue
        key = f"{x}, {entry.name}"
        for state in reach.free(entry.name):
            ternary = verbs.joined(state, x, ligase)
            verbs.associate(net, state, loaded, ternary, f"kon_neosubstrate[{key}]")
        for u, state in enumerate(reach.held(entry.name)):
            ternary = verbs.joined(state, x, ligase)
            for left, suffix in _released(reach, entry.name, u):
                verbs.dissociate(net, ternary, left, loaded, f"koff_neosubstrate[{key}]{suffix}")


def _process_chain(net: Network, reach: Reach, form: Form) -> None:
    """Rows 8 to 10: growth on the ligase, trimming, and destruction of long enough chains."""
    if form.at_proteasome:
        _destroy_held(net, reach, form)
        return
    if form.on_ligase and reach.grows(form):
        verbs.ubiquitinate(net, form.states, _growth(reach, form))
    if reach.on(f"ubiquitination.k_dub_{form.place}_per_h"):
        verbs.deubiquitinate(net, form.states, f"k_dub_{form.place}")
    if not reach.on(f"ubiquitination.k_proteasome_{form.place}_per_h"):
        return
    for state in form.states[reach.destroyed_at(form) :]:
        if reach.finite_proteasome:
            held = verbs.joined(PROTEASOME, state)
            verbs.associate(net, PROTEASOME, state, held, f"kon_proteasome_{form.place}")
        else:
            verbs.lose(net, "destruction of", state, form.freed, f"k_proteasome_{form.place}")


def _destroy_held(net: Network, reach: Reach, form: Form) -> None:
    """Row 10 with counted proteasomes: completion frees the proteasome."""
    if reach.on(f"ubiquitination.k_proteasome_{form.place}_per_h"):
        for state in form.states:
            verbs.lose(net, "destruction of", state, form.freed, f"k_proteasome_{form.place}")


def _growth(reach: Reach, form: Form) -> str:
    """Name of the rate at which a form's chain grows."""
    if form.protein != reach.target:
        return f"k_ub[{form.compound}, {form.protein}]"
    return f"{'k_ub_covalent' if form.covalent else 'k_ub'}[{form.compound}]"


def _turn_over_ligases(net: Network, reach: Reach, every: list[Form]) -> None:
    """Row 11: ligases are made and lost in every state; a degrader may speed up the loss."""
    for ligase in reach.ligases:
        if reach.on(f"cell.proteins.{ligase}.half_life_h"):
            _make(net, reach, ligase)
            verbs.lose(net, "turnover of", ligase, (), f"turnover[{ligase}]")
            for degrader in reach.degraders:
                if degrader.ligase == ligase:
                    _lose_ligase(net, degrader, every, "turnover", f"turnover[{ligase}]")
    for degrader in reach.degraders:
        if reach.own(degrader, "ligase_loss_per_h"):
            _lose_ligase(net, degrader, every, "induced loss", f"ligase_loss[{degrader.name}]")


def _lose_ligase(
    net: Network, degrader: Compound, every: list[Form], process: str, rate: str
) -> None:
    """The ligase goes from every state that carries the degrader; its partners stay."""
    x, ligase = degrader.name, degrader.ligase or ""
    process = f"{process} of {ligase} in"
    verbs.lose(net, process, verbs.joined(ligase, x), (inside(x),), rate)
    for form in every:
        if form.on_ligase and form.compound == x:
            for state, left in zip(form.states, form.left, strict=True):
                verbs.lose(net, process, state, left, rate)
