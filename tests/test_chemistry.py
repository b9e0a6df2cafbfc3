"""The whole chemistry at once: laws, limits and rate laws that hold with every mechanism on.

Rows 1 to 10 of the reaction table by themselves are in `test_mechanisms`.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from full_scenarios import (
    DEGRADERS,
    INHIBITORS,
    LN2,
    NEOSUBSTRATES,
    NM_PL,
    TOPICS,
    change_by_hand,
    compounds,
    full_scenario,
    parts,
    per_nM,
    with_compound,
    with_parts,
    with_protein,
)
from protacsim.mechanisms import (
    build_network,
    doses,
    initial_amounts,
    rate_constants,
)
from protacsim.methods import ODE, Reference
from protacsim.network import Network
from protacsim.scenario import Scenario, numbers
from protacsim.simulation import read_out, simulate, solve
from random_networks import naive_rates

Floats = NDArray[np.float64]

TIGHT = ODE(rtol=1e-7, atol_nM=1e-10)
TIGHTER = ODE(rtol=1e-12, atol_nM=1e-13)
NO_DRUG_LOSS = ("drug loss", "washout", "buffered")
VARIANTS: tuple[tuple[str, ...], ...] = (
    (),
    ("ligase turnover", "induced loss"),
    NO_DRUG_LOSS,
    (*NO_DRUG_LOSS, "covalent"),
    (*NO_DRUG_LOSS, "target turnover", "destruction"),
    (*NO_DRUG_LOSS, "target turnover", "destruction", "ligase turnover", "induced loss"),
    ("finite", "neosubstrates"),
    ("krev", "repeats", "efflux"),
)


def several(first: int, last: int, longest: int = 4) -> Iterable[tuple[int, Scenario]]:
    """Scenarios by seed: each variant in turn, every third also without some random topics."""
    for seed in range(first, last):
        rng = np.random.default_rng(seed)
        without = set(VARIANTS[seed % len(VARIANTS)])
        if seed % 3 == 0:
            without |= {topic for topic in sorted(TOPICS) if rng.random() < 0.2}
        yield seed, full_scenario(rng, without=without, longest=longest)


def constants(s: Scenario) -> dict[str, float]:
    return {name: float(value) for name, value in rate_constants(s, numbers(s)).items()}


def scale(s: Scenario, names: Iterable[str]) -> Floats:
    return np.array([per_nM(s, name) for name in names])


def species_nM(s: Scenario, times_h: list[float], method: Any = TIGHT) -> dict[str, Floats]:
    """Concentration of every species (nM) at the times."""
    data = simulate(s, times_h, method=method, species=True)
    names = [str(name) for name in data["species"].values]
    amounts = data["species_amount"].values
    return {n: row / per_nM(s, n) for n, row in zip(names, amounts, strict=True)}


def chunks(fast: int, long: int, pieces: int) -> list[Any]:
    """(first, last) seeds: one fast range, and long ones cut into pieces."""
    edges = np.linspace(1000, 1000 + long, pieces + 1).astype(int)
    ranges = [(int(a), int(b)) for a, b in zip(edges[:-1], edges[1:], strict=True)]
    return [(0, fast), *(pytest.param(a, b, marks=pytest.mark.long) for a, b in ranges)]


# The whole model, a second time.


@pytest.mark.parametrize(("first", "last"), chunks(30, 500, 4))
def test_network_is_the_chemistry_written_by_hand(first: int, last: int) -> None:
    """dy/dt of every species at random concentrations; nothing is missing and nothing extra."""
    for seed, s in several(first, last):
        net, named = build_network(s), constants(s)
        rng = np.random.default_rng(seed)
        c = 10.0 ** rng.uniform(-2.0, 3.0, len(net.species))
        found = naive_rates(net, named, c * scale(s, net.species)) / scale(s, net.species)
        by_hand = change_by_hand(s, dict(zip(net.species, c, strict=True)))
        expected = np.array([by_hand.get(name, 0.0) for name in net.species])
        assert {name for name, rate in by_hand.items() if rate} <= set(net.species)
        tolerance = 1e-12 * np.abs(expected).max()
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=tolerance, err_msg=str(seed))


# Rate laws, one at a time: numbers of one scenario, typed twice, in nM and h.

V, VM, SLOWED = 0.5, 20.0, (1 + 50 / 100) / (1 + 2000 / 100)
KDEG, KDEG_N, KLIG = LN2 / 10, LN2 / 8, LN2 / 5


def typed(split: str = "off_rates") -> Scenario:
    """One degrader with everything on."""
    degrader = {
        "name": "dega", "custom": True, "kind": "degrader", "ligase": "CRBN",
        "kd_target_nM": 20.0, "kon_target_per_nM_per_h": 2.0, "kd_ligase_nM": 300.0,
        "kon_ligase_per_nM_per_h": 1.5, "cooperativity": 4.0, "cooperativity_covalent": 10.0,
        "cooperativity_split": split, "kinact_per_h": 6.0, "kinact_ternary_per_h": 9.0,
        "krev_per_h": 0.4, "productive_fraction": 0.5, "productive_fraction_covalent": 0.2,
        "permeability_pL_per_h": 12.0, "fraction_unbound_medium": 0.8,
        "fraction_unbound_cell": 0.3, "unbound_accumulation": 2.0, "efflux_pL_per_h": 5.0,
        "loss_medium_per_h": 0.01, "loss_cell_per_h": 0.2, "ligase_loss_per_h": 0.7,
        "atp_assay_uM": 50.0, "dose_nM": 100.0,
        "neosubstrates": {"IKZF1": {"kd_nM": 50.0, "kon_per_nM_per_h": 3.0,
                                    "productive_fraction": 0.25}},
    }  # fmt: skip
    proteins = {
        "BTK": {"abundance_nM": 200.0, "half_life_h": 10.0},
        "CRBN": {"abundance_nM": 40.0, "half_life_h": 5.0},
        "IKZF1": {"abundance_nM": 100.0, "half_life_h": 8.0},
        "proteasome": {"abundance_nM": 30.0},
    }
    return Scenario(
        cell={"name": "any cell", "custom": True, "volume_pL": V, "medium_volume_pL": VM,
              "atp_uM": 2000.0, "proteins": proteins},
        target={"name": "BTK", "allele": {"name": "any", "custom": True, "km_atp_uM": 100.0,
                                          "class_folds": {"degrader": 0.6}}},
        treatment={"compounds": [degrader]},
        neosubstrates=("IKZF1",),
        ubiquitination={"chain_length": 2, "destroyed_from": 2, "chain_on_release": 0.3,
                        "k_ub_per_h": 100.0, "k_dub_free_per_h": 40.0, "k_dub_bound_per_h": 5.0,
                        "k_proteasome_free_per_h": 60.0, "k_proteasome_bound_per_h": 30.0,
                        "proteasome": "finite", "km_proteasome_nM": 500.0},
    )  # fmt: skip


Flux = Callable[[Callable[[str], float]], float]  # nM/h, from concentrations in nM
LAWS: dict[str, Flux] = {
    "synthesis of BTK": lambda at: 200 * KDEG,
    "turnover of BTK(ub1):dega:CRBN": lambda at: KDEG * at("BTK(ub1):dega:CRBN"),
    "turnover of proteasome:BTK(ub2)": lambda at: KDEG * at("proteasome:BTK(ub2)"),
    "synthesis of IKZF1": lambda at: 100 * KDEG_N,
    "turnover of IKZF1(ub1):dega:CRBN": lambda at: KDEG_N * at("IKZF1(ub1):dega:CRBN"),
    "uptake of dega_cell": lambda at: 12 * 2.0 * 0.8 * at("dega_medium") / VM,
    "release of dega_cell": lambda at: (12 + 5) * 0.3 * at("dega_cell") / V,
    "loss of dega_medium": lambda at: 0.01 * 0.8 * at("dega_medium"),
    "loss of dega_cell": lambda at: 0.2 * 0.3 * at("dega_cell"),
    "association of BTK and dega_cell": lambda at: SLOWED * 2.0 * at("BTK") * 0.3 * at("dega_cell"),
    "dissociation of BTK:dega into BTK and dega_cell": lambda at: 2.0 * 20 * 0.6 * at("BTK:dega"),
    "inactivation of BTK:dega": lambda at: 6 * at("BTK:dega"),
    "reactivation of BTK-dega": lambda at: 0.4 * at("BTK-dega"),
    "inactivation of BTK:dega:CRBN": lambda at: 9 * at("BTK:dega:CRBN"),
    "reactivation of BTK-dega:CRBN": lambda at: 0.4 * (9 / 6) * (4 / 10) * at("BTK-dega:CRBN"),
    "association of CRBN and dega_cell": lambda at: 1.5 * at("CRBN") * 0.3 * at("dega_cell"),
    "dissociation of CRBN:dega into CRBN and dega_cell": lambda at: 1.5 * 300 * at("CRBN:dega"),
    "association of BTK and CRBN:dega": lambda at: SLOWED * 2.0 * at("BTK") * at("CRBN:dega"),
    "dissociation of BTK:dega:CRBN into BTK and CRBN:dega": lambda at: (
        2.0 * 20 * 0.6 / 4 * at("BTK:dega:CRBN")
    ),
    "dissociation of BTK(ub1):dega:CRBN into BTK(ub1) and CRBN:dega": lambda at: (
        0.7 * 2.0 * 20 * 0.6 / 4 * at("BTK(ub1):dega:CRBN")
    ),
    "dissociation of BTK(ub1):dega:CRBN into BTK and CRBN:dega": lambda at: (
        0.3 * 2.0 * 20 * 0.6 / 4 * at("BTK(ub1):dega:CRBN")
    ),
    "association of BTK:dega and CRBN": lambda at: 1.5 * at("BTK:dega") * at("CRBN"),
    "dissociation of BTK:dega:CRBN into BTK:dega and CRBN": lambda at: (
        1.5 * 300 / 4 * at("BTK:dega:CRBN")
    ),
    "dissociation of BTK(ub2):dega:CRBN into BTK(ub2):dega and CRBN": lambda at: (
        0.7 * 1.5 * 300 / 4 * at("BTK(ub2):dega:CRBN")
    ),
    "dissociation of BTK(ub2):dega:CRBN into BTK:dega and CRBN": lambda at: (
        0.3 * 1.5 * 300 / 4 * at("BTK(ub2):dega:CRBN")
    ),
    "association of BTK-dega and CRBN": lambda at: 1.5 * at("BTK-dega") * at("CRBN"),
    "dissociation of BTK-dega:CRBN into BTK-dega and CRBN": lambda at: (
        1.5 * 300 / 10 * at("BTK-dega:CRBN")
    ),
    "dissociation of BTK(ub1)-dega:CRBN into BTK(ub1)-dega and CRBN": lambda at: (
        0.7 * 1.5 * 300 / 10 * at("BTK(ub1)-dega:CRBN")
    ),
    "dissociation of BTK(ub1)-dega:CRBN into BTK-dega and CRBN": lambda at: (
        0.3 * 1.5 * 300 / 10 * at("BTK(ub1)-dega:CRBN")
    ),
    "association of IKZF1 and CRBN:dega": lambda at: 3.0 * at("IKZF1") * at("CRBN:dega"),
    "dissociation of IKZF1:dega:CRBN into IKZF1 and CRBN:dega": lambda at: (
        3.0 * 50 * at("IKZF1:dega:CRBN")
    ),
    "dissociation of IKZF1(ub1):dega:CRBN into IKZF1(ub1) and CRBN:dega": lambda at: (
        0.7 * 3.0 * 50 * at("IKZF1(ub1):dega:CRBN")
    ),
    "dissociation of IKZF1(ub1):dega:CRBN into IKZF1 and CRBN:dega": lambda at: (
        0.3 * 3.0 * 50 * at("IKZF1(ub1):dega:CRBN")
    ),
    "ubiquitination of BTK:dega:CRBN": lambda at: 100 * 0.5 * at("BTK:dega:CRBN"),
    "ubiquitination of BTK(ub1)-dega:CRBN": lambda at: 100 * 0.2 * at("BTK(ub1)-dega:CRBN"),
    "ubiquitination of IKZF1:dega:CRBN": lambda at: 100 * 0.25 * at("IKZF1:dega:CRBN"),
    "deubiquitination of BTK(ub2):dega": lambda at: 40 * at("BTK(ub2):dega"),
    "deubiquitination of BTK(ub2)-dega:CRBN": lambda at: 5 * at("BTK(ub2)-dega:CRBN"),
    "association of proteasome and BTK(ub2)": lambda at: (
        60 / 500 * at("proteasome") * at("BTK(ub2)")
    ),
    "association of proteasome and BTK(ub2):dega:CRBN": lambda at: (
        30 / 500 * at("proteasome") * at("BTK(ub2):dega:CRBN")
    ),
    "destruction of proteasome:BTK(ub2)-dega": lambda at: 60 * at("proteasome:BTK(ub2)-dega"),
    "destruction of proteasome:BTK(ub2):dega:CRBN": lambda at: (
        30 * at("proteasome:BTK(ub2):dega:CRBN")
    ),
    "synthesis of CRBN": lambda at: 40 * KLIG,
    "turnover of CRBN": lambda at: KLIG * at("CRBN"),
    "turnover of CRBN in CRBN:dega": lambda at: KLIG * at("CRBN:dega"),
    "turnover of CRBN in BTK(ub1)-dega:CRBN": lambda at: KLIG * at("BTK(ub1)-dega:CRBN"),
    "induced loss of CRBN in CRBN:dega": lambda at: 0.7 * at("CRBN:dega"),
    "induced loss of CRBN in IKZF1(ub1):dega:CRBN": lambda at: 0.7 * at("IKZF1(ub1):dega:CRBN"),
}


def typed_concentrations(net: Network) -> dict[str, float]:
    return {name: 1.0 + 0.37 * i for i, name in enumerate(net.species)}


def flux_nM_per_h(s: Scenario, net: Network, name: str, c: dict[str, float]) -> float:
    """Flux of a reaction in the compartment that it leaves (or enters, for synthesis)."""
    (reaction,) = (r for r in net.reactions if r.name == name)
    sides = reaction.reactants or reaction.products
    flux = constants(s)[reaction.rate]
    for species, count in reaction.reactants:
        flux *= (c[species] * per_nM(s, species)) ** count
    return flux / per_nM(s, sides[0][0])


@pytest.mark.parametrize("name", LAWS)
def test_rate_law(name: str) -> None:
    s = typed()
    net = build_network(s)
    c = typed_concentrations(net)
    assert flux_nM_per_h(s, net, name, c) == pytest.approx(LAWS[name](c.__getitem__), rel=1e-12)


def test_every_rate_of_the_network_has_its_law() -> None:
    net = build_network(typed())
    rate = {reaction.name: reaction.rate for reaction in net.reactions}
    assert {rate[name] for name in LAWS} == set(net.rates)


def test_on_rates_may_take_the_cooperativity() -> None:
    """Associations into the ternary complex alpha times faster, its openings as the binary ones."""
    s = typed("on_rates")
    net = build_network(s)
    c = typed_concentrations(net)
    for name, factor in {
        "association of BTK and CRBN:dega": 4.0,
        "association of BTK:dega and CRBN": 4.0,
        "association of BTK-dega and CRBN": 10.0,
        "dissociation of BTK:dega:CRBN into BTK and CRBN:dega": 4.0,
        "dissociation of BTK:dega:CRBN into BTK:dega and CRBN": 4.0,
        "dissociation of BTK-dega:CRBN into BTK-dega and CRBN": 10.0,
        "reactivation of BTK-dega:CRBN": 1.0,
        "association of BTK and dega_cell": 1.0,
        "association of IKZF1 and CRBN:dega": 1.0,
    }.items():
        expected = factor * LAWS[name](c.__getitem__)
        assert flux_nM_per_h(s, net, name, c) == pytest.approx(expected, rel=1e-12), name


# Thermodynamic squares.


def test_both_squares_close() -> None:
    for _, s in several(0, 100):
        k = constants(s)
        for x in compounds(s):
            if not x.ligase:
                continue

            def kd(site: str, k: dict[str, float] = k, x: str = x.name) -> float:
                return k[f"koff_{site}[{x}]"] / k[f"kon_{site}[{x}]"]

            one_way = kd("target") * kd("ligase_ternary")
            assert one_way == pytest.approx(kd("ligase") * kd("target_ternary"), rel=1e-12)
            alpha = x.cooperativity
            alpha_bonded = alpha if x.cooperativity_covalent is None else x.cooperativity_covalent
            volume = NM_PL * s.cell.volume_pL
            assert kd("ligase_ternary") / volume == pytest.approx(x.kd_ligase_nM / alpha, rel=1e-12)
            assert kd("ligase_covalent") / volume == pytest.approx(
                x.kd_ligase_nM / alpha_bonded, rel=1e-12
            )
            if k[f"krev_ternary[{x.name}]"]:
                alone = k[f"kinact[{x.name}]"] / k[f"krev[{x.name}]"]
                joined = k[f"kinact_ternary[{x.name}]"] / k[f"krev_ternary[{x.name}]"]
                assert alone / kd("ligase_covalent") == pytest.approx(
                    joined / kd("ligase_ternary"), rel=1e-12
                )


# Conservation.


def kept_whole(s: Scenario) -> set[str]:
    """What the scenario neither makes nor destroys, judged from its numbers."""
    chain = s.ubiquitination
    half_life = {p.name: p.half_life_h for p in s.cell.proteins}
    found = {"proteasome"} if chain.proteasome == "finite" else set()
    destroys = chain.k_proteasome_free_per_h > 0 or chain.k_proteasome_bound_per_h > 0
    found |= {p for p in ("BTK", *s.neosubstrates) if half_life[p] is None and not destroys}
    for ligase in {x.ligase for x in compounds(s) if x.ligase}:
        induced = any(x.ligase_loss_per_h for x in compounds(s) if x.ligase == ligase)
        found |= {ligase} if half_life[ligase] is None and not induced else set()
    for x in compounds(s):
        bonded = x.kinact_per_h > 0 and s.allele.covalent_bonding and "BTK" not in found
        lost = x.loss_medium_per_h > 0 or x.loss_cell_per_h > 0
        if not (bonded or lost or s.cell.medium_buffered):
            found.add(x.name)
    return found


def total(names: Iterable[str], part: str) -> Floats:
    """Hand-written conservation law: how often a part stands in every species."""
    return np.array([float(parts(name)[part]) for name in names])


@pytest.mark.parametrize(("first", "last"), chunks(30, 500, 2))
def test_exact_integer_laws(first: int, last: int) -> None:
    """Each conserved part is a law of the table, and there is no further law."""
    for _, s in several(first, last):
        net = build_network(s)
        changes = net.stoichiometry()
        whole = kept_whole(s)
        for part in whole:
            assert not (total(net.species, part) @ changes).any(), part
        laws = net.conserved()
        assert len(laws) == len(whole)
        index = {name: i for i, name in enumerate(net.species)}
        for law in laws:
            row = np.zeros(len(index), int)
            row[[index[name] for name in law]] = list(law.values())
            assert not (row @ changes).any()


def test_each_reaction_breaks_only_the_law_it_should() -> None:
    """Reaction by reaction: what appears or disappears, against the name of its rate."""
    allowed = {
        "BTK": r"(synthesis|turnover)\[BTK\]|k_proteasome_.*",
        "IKZF1": r"(synthesis|turnover)\[IKZF1\]|k_proteasome_.*",
        "CRBN": r"(synthesis|turnover)\[CRBN\]|ligase_loss\[.*\]",
        "VHL": r"(synthesis|turnover)\[VHL\]|ligase_loss\[.*\]",
        "proteasome": r"never",
        "inhb": r"loss_(medium|cell)\[inhb\]",
        "degb": r"loss_(medium|cell)\[degb\]",
    }
    for _, s in several(0, 30):
        for reaction in build_network(s).reactions:
            before = sum((parts(n) for n, _ in reaction.reactants), start=parts(""))
            after = sum((parts(n) for n, _ in reaction.products), start=parts(""))
            for part, rates in allowed.items():
                if before[part] != after[part]:
                    assert re.fullmatch(rates, reaction.rate), reaction
            for x in ("inha", "dega"):  # a bond to the target takes the drug along
                if before[x] != after[x] and not re.fullmatch(rf"loss_.*\[{x}\]", reaction.rate):
                    assert f"-{x}" in str(reaction), reaction
                    assert re.match(r"turnover\[BTK\]|k_proteasome", reaction.rate), reaction


TRAJECTORY_H = [-12.0, -3.0, 0.0, 1.0, 6.0, 11.0, 24.0]


def given_so_far(s: Scenario, part: str, times_h: list[float]) -> Floats:
    """Molecules of a compound that have been added up to each time, or of a protein in all."""
    for entry in s.treatment.compounds:
        if entry.name == part:
            plan = entry.schedule
            when = plan.start_h + np.arange(plan.doses) * (plan.every_h or 0.0)
            each = plan.dose_nM * s.cell.medium_volume_pL * NM_PL
            return each * (when[None, :] <= np.array(times_h)[:, None]).sum(axis=1)
    protein = s.cell.protein(part)
    assert protein is not None
    return np.full(len(times_h), protein.abundance_nM * s.cell.volume_pL * NM_PL)


@pytest.mark.jit_only
@pytest.mark.parametrize(("first", "last"), chunks(30, 500, 4))
def test_runs_conserve_what_is_neither_made_nor_destroyed(first: int, last: int) -> None:
    for seed, s in several(first, last, longest=3 if last <= 30 else 4):
        data = simulate(s, TRAJECTORY_H, species=True)
        names = [str(name) for name in data["species"].values]
        washed = {e.name for e in s.treatment.compounds if e.schedule.stop_h is not None}
        for part in kept_whole(s) - washed:
            found = total(names, part) @ data["species_amount"].values
            expected = given_so_far(s, part, TRAJECTORY_H)
            np.testing.assert_allclose(found, expected, rtol=1e-10, err_msg=f"{seed}: {part}")


@pytest.mark.jit_only
def test_drug_is_what_is_left_and_what_was_destroyed() -> None:
    """With a ledger that every reaction which destroys drug writes into."""
    for seed in range(6):
        s = full_scenario(np.random.default_rng(seed), without=("washout", "buffered"), longest=2)
        net, names = build_network(s), [x.name for x in compounds(s)]
        ledger = Network("with a ledger")
        for species in net.species:
            ledger.add_species(species)
        for reaction in net.reactions:
            before = sum((parts(n) for n, _ in reaction.reactants), start=parts(""))
            after = sum((parts(n) for n, _ in reaction.products), start=parts(""))
            gone = [f"{x} gone" for x in names for _ in range(before[x] - after[x])]
            made = [n for n, count in reaction.products for _ in range(count)]
            sides = [n for n, count in reaction.reactants for _ in range(count)], [*made, *gone]
            ledger.add(reaction.name, *sides, reaction.rate)
        values = numbers(s)
        solution = solve(
            ledger, rate_constants(s, values), initial_amounts(s, values), TRAJECTORY_H,
            changes=doses(s, values), units_per_nM=per_nM(s, "BTK"),
        )  # fmt: skip
        assert (solution.status == 0).all()
        for x in names:
            weights = [parts(n)[x] + (n == f"{x} gone") for n in ledger.species]
            found = solution.states[0] @ np.array(weights, float)
            expected = given_so_far(s, x, TRAJECTORY_H)
            np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-9, err_msg=x)
            gone = solution.states[0][:, ledger.species.index(f"{x} gone")]
            assert gone[-1] > 0.0
            assert (np.diff(gone) >= 0.0).all()


# The engine against SciPy.


@pytest.mark.jit_only
@pytest.mark.parametrize(("first", "last"), chunks(5, 30, 3))
def test_engine_agrees_with_the_reference(first: int, last: int) -> None:
    fast = last <= 5
    reference = Reference(rtol=1e-8, atol_nM=1e-11) if fast else Reference(rtol=1e-9, atol_nM=1e-12)
    for seed in range(first, last):
        s = full_scenario(np.random.default_rng(seed), longest=1 if fast else 3)
        times = [1.0, 7.0, 24.0]
        found, expected = species_nM(s, times), species_nM(s, times, reference)
        for name, values in expected.items():
            error = np.abs(found[name] - values) / (np.abs(values) + 1e-3)
            assert error.max() <= 1e-5, (seed, name)


# Each extra mechanism at zero is the simpler model.


def change_at_random(s: Scenario, c: dict[str, float], varied: Iterable[str] = ()) -> Any:
    """dy/dt (nM/h) and observables at concentrations `c` (nM); other species are absent."""
    net, named = build_network(s, set(varied)), constants(s)
    y = np.array([c.get(name, 0.0) for name in net.species]) * scale(s, net.species)
    change = naive_rates(net, named, y) / scale(s, net.species)
    amounts = dict(zip(net.species, y, strict=True))
    read = {
        name: sum(t.weight * amounts[t.species] * (named[t.rate] if t.rate else 1.0) for t in terms)
        for name, terms in net.observables.items()
    }
    return dict(zip(net.species, change, strict=True)), read


def everything(seed: int = 7, **changes: Any) -> Scenario:
    rng = np.random.default_rng(seed)
    s = full_scenario(rng, without=("buffered",), longest=2)
    return with_parts(s, ubiquitination={"chain_on_release": 0.4, "chain_length": 2,
                                         "destroyed_from": 2, **changes})  # fmt: skip


def each_compound(s: Scenario, names: Iterable[str], **changes: Any) -> Scenario:
    for name in names:
        s = with_compound(s, name, **changes)
    return s


Pair = tuple[Scenario, set[str], Scenario]


def no_krev() -> Pair:
    s = each_compound(everything(), ("dega", "inha"), krev_per_h=0.0)
    return s, {"compounds.dega.krev_per_h", "compounds.inha.krev_per_h"}, s


def no_bond() -> Pair:
    s = each_compound(everything(), ("dega", "inha"), kinact_per_h=0.0, krev_per_h=0.0)
    s = with_compound(s, "dega", kinact_ternary_per_h=None)
    return s, {"compounds.dega.kinact_per_h", "compounds.inha.kinact_per_h"}, s


def no_neosubstrate() -> Pair:
    s = everything()
    for name in DEGRADERS:
        (entry,) = (x for x in compounds(s) if x.name == name)
        idle = {n.name: {**vars(n), "productive_fraction": 0.0} for n in entry.neosubstrates}
        s = with_compound(s, name, neosubstrates={k: _unnamed(v) for k, v in idle.items()})
    for protein in NEOSUBSTRATES:
        s = with_protein(s, protein, abundance_nM=0.0, half_life_h=20.0)
    return s, set(), with_parts(s, neosubstrates=())


def _unnamed(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key != "name"}


def lasting_ligase() -> Pair:
    s = each_compound(everything(), DEGRADERS, ligase_loss_per_h=0.0)
    for ligase in ("CRBN", "VHL"):
        s = with_protein(s, ligase, abundance_nM=50.0, half_life_h=1e15)
    bare = s
    for ligase in ("CRBN", "VHL"):
        bare = with_protein(bare, ligase, abundance_nM=50.0)
    return s, set(), bare


def no_induced_loss() -> Pair:
    s = each_compound(everything(), DEGRADERS, ligase_loss_per_h=0.0)
    return s, {f"compounds.{x}.ligase_loss_per_h" for x in DEGRADERS}, s


def no_efflux() -> Pair:
    s = each_compound(everything(), (*DEGRADERS, *INHIBITORS), efflux_pL_per_h=0.0)
    return s, {f"compounds.{x}.efflux_pL_per_h" for x in DEGRADERS}, s


def no_drug_loss() -> Pair:
    names = (*DEGRADERS, *INHIBITORS)
    s = each_compound(everything(), names, loss_cell_per_h=0.0, loss_medium_per_h=0.0)
    return s, {f"compounds.{x}.loss_{p}_per_h" for x in names for p in ("cell", "medium")}, s


def no_dose() -> Pair:
    s = with_compound(everything(), "degb", dose_nM=0.0)
    others = [e for e in s.treatment.compounds if e.name != "degb"]
    used = {x.compound.ligase for x in others}
    kept = with_parts(s, treatment={"compounds": others})
    assert used == {"CRBN", None}
    return s, set(), kept


def chain_fate(fraction: float, name: str) -> Callable[[], Pair]:
    def pair() -> Pair:
        s = everything(chain_on_release=fraction)
        return s, set(), everything(chain_on_release=name)

    return pair


REDUCTIONS = {
    "krev": no_krev,
    "bond": no_bond,
    "neosubstrates": no_neosubstrate,
    "ligase turnover": lasting_ligase,
    "induced loss": no_induced_loss,
    "efflux": no_efflux,
    "drug loss": no_drug_loss,
    "a second degrader": no_dose,
    "chain kept": chain_fate(0.0, "kept"),
    "chain nearly kept": chain_fate(1e-14, "kept"),
    "chain erased": chain_fate(1.0, "erased"),
    "chain nearly erased": chain_fate(1.0 - 1e-14, "erased"),
}


@pytest.mark.parametrize("mechanism", REDUCTIONS)
def test_a_mechanism_at_zero_changes_nothing(mechanism: str) -> None:
    """At any state of the simpler model: the same rates of change, and nothing new appears."""
    extended, varied, simple = REDUCTIONS[mechanism]()
    rng = np.random.default_rng(1)
    net = build_network(simple)
    c = {name: float(10.0 ** rng.uniform(-1.0, 3.0)) for name in net.species}
    found, read = change_at_random(extended, c, varied)
    expected, expected_read = change_at_random(simple, c)
    assert set(expected) <= set(found)
    largest = max(abs(rate) for rate in expected.values())
    for name, rate in found.items():
        assert rate == pytest.approx(expected.get(name, 0.0), rel=1e-10, abs=1e-11 * largest), name
    for name, value in expected_read.items():
        if name != "ligase_free":  # a ligase of the second degrader's own is not in the other
            assert read[name] == pytest.approx(value, rel=1e-10), name


@pytest.mark.jit_only
@pytest.mark.parametrize("mechanism", REDUCTIONS)
def test_a_mechanism_at_zero_leaves_every_observable(mechanism: str) -> None:
    extended, varied, simple = REDUCTIONS[mechanism]()
    times = [0.5, 7.0, 24.0]
    found, solution, _ = read_out(extended, numbers(extended), times, TIGHTER, varied=varied)
    expected, other, _ = read_out(simple, numbers(simple), times, TIGHTER)
    assert not solution.status.any()
    assert not other.status.any()
    for name, values in expected.items():
        if name not in ("ligase_free", "ligase_total") or mechanism != "a second degrader":
            np.testing.assert_allclose(found[name], values, rtol=1e-10, atol=1e-12, err_msg=name)


@pytest.mark.jit_only
def test_a_dose_that_is_never_reached_is_none() -> None:
    s = with_compound(everything(), "degb", every_h=None, doses=1)
    later = with_compound(s, "degb", every_h=1e3, doses=2)
    for name, values in species_nM(s, [24.0]).items():
        assert species_nM(later, [24.0])[name] == values, name


@pytest.mark.jit_only
def test_a_large_slack_proteasome_is_an_abundant_one() -> None:
    """Rate k Km/Pr at a pool Pr that never fills: the difference falls tenfold with Km/Pr."""
    s = typed()
    abundant = with_parts(s, ubiquitination={"proteasome": "abundant"})
    expected = simulate(abundant, [12.0], method=TIGHT)["target_total"].item()
    apart = []
    for ratio in (1e2, 1e3, 1e4):
        chain = {"km_proteasome_nM": ratio * 1e7,
                 "k_proteasome_free_per_h": 60.0 * ratio, "k_proteasome_bound_per_h": 30.0 * ratio}  # fmt: skip
        finite = with_protein(with_parts(s, ubiquitination=chain), "proteasome", abundance_nM=1e7)
        apart.append(simulate(finite, [12.0], method=TIGHT)["target_total"].item() / expected - 1.0)
    slopes = np.diff(np.log10(np.abs(apart)))
    np.testing.assert_allclose(slopes, -1.0, atol=0.05)
    assert abs(apart[-1]) < 1e-4
