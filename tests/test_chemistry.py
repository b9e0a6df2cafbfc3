"""The whole chemistry at once: laws, limits and rate laws that hold with every mechanism on.

Rows 1 to 10 of the reaction table by themselves are in `test_mechanisms`.
"""

import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.linalg import expm
from scipy.optimize import root

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
from protacsim.errors import ParameterError
from protacsim.kernels.cache import JIT_ENABLED
from protacsim.mechanisms import (
    OBSERVABLES,
    build_network,
    doses,
    initial_amounts,
    parse,
    rate_constants,
)
from protacsim.methods import ODE, Reference
from protacsim.network import Network
from protacsim.scenario import Scenario, numbers, replaced
from protacsim.simulation import read_out, simulate, solve
from protacsim.study import Axis, Readout, Study, run
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
    ranges = [(int(a), int(b)) for a, b in pairwise(edges)]
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
@pytest.mark.parametrize(("first", "last"), chunks(5, 30, 10))
def test_engine_agrees_with_the_reference(first: int, last: int) -> None:
    solver = "BDF" if last <= 5 else "Radau"  # BDF is faster, and now and then cannot start
    reference = Reference(rtol=1e-8, atol_nM=1e-11, solver=solver)
    for seed in range(first, last):
        s = full_scenario(np.random.default_rng(seed), longest=1 if last <= 5 else 3)
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
    s = with_compound(everything(), "degb", dose_nM=0.0, ligase="CRBN")
    others = [e for e in s.treatment.compounds if e.name != "degb"]
    return s, set(), with_parts(s, treatment={"compounds": others})


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
        np.testing.assert_allclose(found[name], values, rtol=1e-10, atol=1e-12, err_msg=name)


@pytest.mark.jit_only
def test_a_dose_that_is_never_reached_is_none() -> None:
    s = with_compound(everything(), "degb", every_h=None, doses=1)
    later = with_compound(s, "degb", every_h=1e3, doses=2)
    expected, found = species_nM(s, [24.0]), species_nM(later, [24.0])
    assert found == expected


@pytest.mark.jit_only
def test_a_large_slack_proteasome_is_an_abundant_one() -> None:
    """Rate k Km/Pr at a pool Pr that never fills: the difference falls tenfold with Km/Pr."""
    s = typed()
    abundant = with_parts(s, ubiquitination={"proteasome": "abundant"})
    expected = simulate(abundant, [12.0], method=TIGHT)["target_total"].item()
    apart = []
    for ratio in (1e2, 1e3, 1e4):
        chain = {
            "km_proteasome_nM": ratio * 1e7,
            "k_proteasome_free_per_h": 60.0 * ratio,
            "k_proteasome_bound_per_h": 30.0 * ratio,
        }
        finite = with_protein(with_parts(s, ubiquitination=chain), "proteasome", abundance_nM=1e7)
        apart.append(simulate(finite, [12.0], method=TIGHT)["target_total"].item() / expected - 1.0)
    slopes = np.diff(np.log10(np.abs(apart)))
    np.testing.assert_allclose(slopes, -1.0, atol=0.05)
    assert abs(apart[-1]) < 1e-4


# Limits with closed forms.


def quiet(s: Scenario, *names: str, **changes: Any) -> Scenario:
    """Only the named compounds, their schedules plain unless changed."""
    entries = [e for e in s.treatment.compounds if e.name in names]
    s = with_parts(s, treatment={"compounds": entries})
    plain = {"start_h": 0.0, "stop_h": None, "every_h": None, "doses": 1, **changes}
    return each_compound(s, names, **plain)


def buffered(s: Scenario) -> Scenario:
    return with_parts(s, cell={**vars(s.cell), "custom": True, "medium_buffered": True})


def tight_binding(a: float, b: float, kd: float) -> float:
    """Complex of two partners at equilibrium, from their totals."""
    together = a + b + kd
    return (together - np.sqrt(together**2 - 4.0 * a * b)) / 2.0


@pytest.mark.jit_only
@pytest.mark.parametrize("pool_nM", [0.01, 1.0, 100.0])
def test_finite_proteasome_is_michaelis_menten(pool_nM: float) -> None:
    """Steady destruction at kcat times the tight-binding complex; losses of it add to Km."""
    kcat, km = 60.0, 500.0
    chain = {"proteasome": "finite", "km_proteasome_nM": km,
             "k_proteasome_free_per_h": kcat, "k_proteasome_bound_per_h": kcat}  # fmt: skip
    s = with_parts(with_compound(typed(), "dega", ligase_loss_per_h=0.0), ubiquitination=chain)
    s = buffered(with_protein(with_parts(s, neosubstrates=()), "proteasome", abundance_nM=pool_nM))
    at = {name: float(row[0]) for name, row in species_nM(s, [2000.0]).items()}
    long_enough = sum(c for name, c in at.items() if "(ub2)" in name)
    found = simulate(s, [2000.0], method=TIGHT)["degraded"].item()
    km_apparent = (kcat + KDEG) / (kcat / km)
    expected = kcat * tight_binding(long_enough, pool_nM, km_apparent)
    assert found == pytest.approx(expected, rel=1e-6)
    free = sum(c for name, c in at.items() if "(ub2)" in name and "proteasome" not in name)
    assert found == pytest.approx(kcat * pool_nM * free / (km_apparent + free), rel=1e-6)


def inhibitor(s: Scenario, **changes: Any) -> Scenario:
    """`dega` as a reversible covalent inhibitor: the same numbers, no ligase."""
    own = vars(compounds(s)[0]) | {"kind": "covalent", "ligase": None, "neosubstrates": ()}
    own |= {k: None for k in own if "ligase" in k and not k.endswith("loss_per_h")}
    own |= {"ligase_loss_per_h": 0.0}
    treatment = {"compounds": [{"compound": own, "schedule": {"dose_nM": 100.0}}]}
    s = with_parts(s, treatment=treatment, neosubstrates=(), ubiquitination={"chain_length": 0,
                   "destroyed_from": 0, "proteasome": "abundant", "k_proteasome_free_per_h": 0.0,
                   "k_proteasome_bound_per_h": 0.0})  # fmt: skip
    return with_compound(s, "dega", **changes)


SEALED = {"compartment": "cell", "permeability_pL_per_h": 0.0, "efflux_pL_per_h": 0.0,
          "loss_cell_per_h": 0.0, "loss_medium_per_h": 0.0}  # fmt: skip
SLOW = ODE(rtol=1e-9, atol_nM=1e-12)


@pytest.mark.parametrize("dose_nM", [30.0, 300.0, 3e4])
def test_reversible_covalent_occupancy_at_equilibrium(dose_nM: float) -> None:
    """Two steps in a row are one, with Kd / (1 + kinact/krev)."""
    s = inhibitor(typed(), **SEALED, dose_nM=dose_nM)
    s = with_protein(s, "BTK", abundance_nM=200.0)
    at = species_nM(s, [400.0], TIGHT if not JIT_ENABLED else SLOW)
    kd = 20.0 / SLOWED / 0.3  # no class fold for an inhibitor; a fraction 0.3 of the drug is free
    bond = 6.0 / 0.4
    bound = tight_binding(200.0, dose_nM, kd / (1.0 + bond))
    assert at["BTK-dega"].item() == pytest.approx(bound * bond / (1.0 + bond), rel=1e-6)
    assert at["BTK:dega"].item() == pytest.approx(bound / (1.0 + bond), rel=1e-6)


@pytest.mark.parametrize("dose_nM", [1.0, 100.0])
def test_reversible_covalent_occupancy_under_turnover(dose_nM: float) -> None:
    """A linear system of three states, on the drug that the cell then holds."""
    s = buffered(inhibitor(typed(), dose_nM=dose_nM))
    at = species_nM(s, [400.0], TIGHT if not JIT_ENABLED else SLOW)
    on, off = SLOWED * 2.0 * 0.3 * at["dega_cell"].item(), 2.0 * 20.0
    flows = [
        [-on - KDEG, off, 0.0],
        [on, -off - 6.0 - KDEG, 0.4],
        [0.0, 6.0, -0.4 - KDEG],
    ]
    expected = np.linalg.solve(flows, [-200.0 * KDEG, 0.0, 0.0])
    found = [at[name].item() for name in ("BTK", "BTK:dega", "BTK-dega")]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("dose_nM", [20.0, 400.0, 5e4])
def test_neosubstrate_and_target_compete_for_a_scarce_ligase(dose_nM: float) -> None:
    """Without chain and turnover: mass action solved by root finding on four balances."""
    s = with_compound(typed(), "dega", **SEALED, dose_nM=dose_nM, kinact_per_h=0.0,
                      kinact_ternary_per_h=None, krev_per_h=0.0, ligase_loss_per_h=0.0)  # fmt: skip
    s = with_parts(s, ubiquitination={"k_ub_per_h": 0.0})
    totals = {"BTK": 200.0, "IKZF1": 100.0, "CRBN": 40.0}
    for name, amount in totals.items():
        s = with_protein(s, name, abundance_nM=amount)
    at = species_nM(s, [200.0], TIGHT if not JIT_ENABLED else SLOW)
    kd_t, kd_e, alpha, kd_n = 20.0 * 0.6 / SLOWED / 0.3, 300.0 / 0.3, 4.0 / 0.3, 50.0

    def complexes(free: Floats) -> dict[str, float]:
        t, n, e, x = free
        loaded = e * x / kd_e
        return {
            "BTK:dega": t * x / kd_t,
            "CRBN:dega": loaded,
            "BTK:dega:CRBN": alpha * t * x * e / (kd_t * kd_e),
            "IKZF1:dega:CRBN": n * loaded / kd_n,
        }

    def excess(log_free: Floats) -> list[float]:
        """How far the four totals are off, as log ratios."""
        free = np.exp(log_free)
        made = complexes(free)
        sums = [free[i] + sum(c for name, c in made.items() if part in name)
                for i, part in enumerate(("BTK", "IKZF1", "CRBN", "dega"))]  # fmt: skip
        return [float(np.log(a / b)) for a, b in zip(sums, [200, 100, 40, dose_nM], strict=True)]

    guess = np.log([at[name].item() * 1.5 for name in ("BTK", "IKZF1", "CRBN", "dega_cell")])
    solved = root(excess, guess, tol=1e-13)
    assert max(map(abs, excess(solved.x))) < 1e-10
    for name, expected in complexes(np.exp(solved.x)).items():
        assert at[name].item() == pytest.approx(expected, rel=1e-6), name


@pytest.mark.jit_only
def test_a_neosubstrate_slows_the_targets_degradation() -> None:
    """It takes ligase from the target, and goes down itself."""
    s = with_parts(typed(), ubiquitination={"proteasome": "abundant"})
    with_it, without = (
        simulate(each, [6.0], method=TIGHT) for each in (s, with_parts(s, neosubstrates=()))
    )
    assert with_it["target_total"].item() > without["target_total"].item()
    assert with_it["neosubstrate_total"].item() < 99.0


def test_without_drug_everything_stays() -> None:
    s = with_compound(typed(), "dega", dose_nM=0.0)
    data = simulate(s, [0.0, 10.0, 200.0])
    np.testing.assert_allclose(data["ligase_free"], 40.0, rtol=1e-10)
    np.testing.assert_allclose(data["ligase_total"], 40.0, rtol=1e-10)
    np.testing.assert_allclose(data["target_total"], 200.0, rtol=1e-10)
    np.testing.assert_allclose(data["neosubstrate_total"], 100.0, rtol=1e-10)


def drug_and_ligase(**changes: Any) -> Scenario:
    """No target and no neosubstrate, in a buffered medium."""
    s = with_parts(with_compound(typed(), "dega", **changes), neosubstrates=())
    return buffered(with_protein(s, "BTK", abundance_nM=0.0))


@pytest.mark.parametrize("induced", [0.0, 0.7])
def test_ligase_under_turnover_is_a_linear_steady_state(induced: float) -> None:
    s = drug_and_ligase(ligase_loss_per_h=induced)
    at = species_nM(s, [400.0], TIGHT if not JIT_ENABLED else SLOW)
    on, off = 1.5 * 0.3 * at["dega_cell"].item(), 1.5 * 300.0
    flows = [[-on - KLIG, off], [on, -off - KLIG - induced]]
    free, loaded = np.linalg.solve(flows, [-40.0 * KLIG, 0.0])
    assert at["CRBN"].item() == pytest.approx(free, rel=1e-6)
    assert at["CRBN:dega"].item() == pytest.approx(loaded, rel=1e-6)
    whole = at["CRBN"].item() + at["CRBN:dega"].item()
    assert whole == pytest.approx(40.0, rel=1e-9) if not induced else whole < 40.0


@pytest.mark.parametrize("accumulation", [0.5, 2.0])
@pytest.mark.parametrize(("efflux", "loss"), [(0.0, 0.0), (5.0, 0.0), (5.0, 0.2)])
def test_steady_ratio_of_cell_to_medium(accumulation: float, efflux: float, loss: float) -> None:
    """Unbound ratio Kp PS / (PS + efflux + loss V)."""
    s = drug_and_ligase(unbound_accumulation=accumulation, efflux_pL_per_h=efflux,
                        loss_cell_per_h=loss, ligase_loss_per_h=0.0)  # fmt: skip
    s = with_protein(s, "CRBN", abundance_nM=0.0)
    data = simulate(s, [400.0], method=TIGHT)
    assert data["compound_medium"].item() == pytest.approx(100.0, rel=1e-12)
    unbound = data["compound_cell"].item() * 0.3 / (100.0 * 0.8)
    expected = accumulation * 12.0 / (12.0 + efflux + loss * V)
    assert unbound == pytest.approx(expected, rel=1e-7)


def two_compartments(**changes: Any) -> Scenario:
    """The drug alone, in a medium that it depletes."""
    s = with_parts(with_compound(typed(), "dega", **changes), neosubstrates=())
    for protein in ("BTK", "CRBN"):
        s = with_protein(s, protein, abundance_nM=0.0)
    return s


def test_doses_washout_and_losses_are_a_piecewise_exponential() -> None:
    """Before time zero, repeated, then washed out: matrix exponentials between the changes."""
    s = two_compartments(start_h=-2.0, every_h=1.5, doses=3, stop_h=3.0)
    out, back = 12.0 * 2.0 * 0.8, (12.0 + 5.0) * 0.3  # pL/h
    flows = np.array([
        [-out / VM - 0.01 * 0.8, back / VM],
        [out / V, -back / V - 0.2 * 0.3],
    ])  # fmt: skip
    y, t, expected = np.zeros(2), -2.0, {}
    stops = {-2.0: "dose", -0.5: "dose", 1.0: "dose", 3.0: "washout"}
    times = [-2.0, -1.0, -0.5, 0.0, 1.0, 2.9, 3.0, 4.0, 10.0]
    for now in sorted({*stops, *times}):
        y, t = expm(flows * (now - t)) @ y, now
        if now in stops:
            y[0] = y[0] + 100.0 if stops[now] == "dose" else 0.0
        expected[now] = y.copy()
    data = simulate(s, times, method=TIGHT)
    found = np.stack([data["compound_medium"].values[0], data["compound_cell"].values[0]], axis=1)
    np.testing.assert_allclose(found, [expected[now] for now in times], rtol=1e-5, atol=1e-8)
    assert found[times.index(3.0), 0] == 0.0


def test_each_addition_adds_the_dose() -> None:
    s = two_compartments(every_h=2.0, doses=4, permeability_pL_per_h=0.0, efflux_pL_per_h=0.0,
                         loss_medium_per_h=0.0)  # fmt: skip
    times = [0.0, 1.9, 2.0, 5.0, 6.0, 100.0]
    medium = simulate(s, times)["compound_medium"].values[0]
    np.testing.assert_allclose(medium, [100.0, 100.0, 200.0, 300.0, 400.0, 400.0], rtol=1e-12)


def test_the_washout_ends_repeated_doses() -> None:
    s = two_compartments(every_h=2.0, doses=5, stop_h=4.0, permeability_pL_per_h=0.0,
                         efflux_pL_per_h=0.0, loss_medium_per_h=0.0)  # fmt: skip
    medium = simulate(s, [1.0, 2.0, 3.9, 4.0, 6.0, 9.0])["compound_medium"].values[0]
    np.testing.assert_allclose(medium, [100.0, 200.0, 200.0, 0.0, 0.0, 0.0], rtol=1e-12)


def test_a_dose_inside_the_cell_is_one_of_the_cells_volume() -> None:
    s = two_compartments(**SEALED)
    data = simulate(s, [0.0, 5.0])
    np.testing.assert_allclose(data["compound_cell"].values[0], 100.0, rtol=1e-12)
    np.testing.assert_allclose(data["compound_medium"].values[0], 0.0)


# Only what can be reached is there, and what is there runs.


def reached(net: Network, start: set[str]) -> set[str]:
    """Every species with a path of reactions from those at the start."""
    found, size = set(start), -1
    while len(found) != size:
        size = len(found)
        for reaction in net.reactions:
            if {name for name, _ in reaction.reactants} <= found:
                found |= {name for name, _ in reaction.products}
    return found


def assert_all_reached(s: Scenario) -> None:
    net = build_network(s)
    values = numbers(s)
    start = set(initial_amounts(s, values)) | {dose.species for dose in doses(s, values)}
    assert set(net.species) == reached(net, start)


@pytest.mark.parametrize(("first", "last"), chunks(100, 300, 1))
def test_every_listed_state_has_a_path_and_every_rate_runs(first: int, last: int) -> None:
    for seed, s in several(first, last):
        assert_all_reached(s)
        named = constants(s)
        for reaction in build_network(s).reactions:
            assert named[reaction.rate] > 0.0, (seed, reaction)


@pytest.mark.parametrize("recruited", [(), ("IKZF1",)])
@pytest.mark.parametrize("proteasome", ["abundant", "finite"])
def test_a_neosubstrate_that_nobody_recruits_has_no_chain(
    recruited: tuple[str, ...], proteasome: str
) -> None:
    s = with_protein(typed(), "IKZF3", abundance_nM=10.0)
    s = with_parts(s, neosubstrates=NEOSUBSTRATES, ubiquitination={"proteasome": proteasome})
    if not recruited:
        s = with_compound(s, "dega", neosubstrates=())
    assert_all_reached(s)
    names = build_network(s).species
    assert [n for n in names if "IKZF3" in n] == ["IKZF3"]
    assert any("IKZF1(ub2)" in n for n in names) == bool(recruited)


@pytest.mark.parametrize("place", ["free", "bound"])
@pytest.mark.parametrize("fate", ["kept", "erased"])
@pytest.mark.parametrize("half_life_h", [None, 5.0])
def test_a_proteasome_holds_only_what_it_takes(
    place: str, fate: str, half_life_h: float | None
) -> None:
    """With destruction in one place only; a ligase lost at the proteasome leaves the rest there."""
    s = with_parts(typed(), ubiquitination={f"k_proteasome_{place}_per_h": 0.0,
                                            "chain_on_release": fate})  # fmt: skip
    s = with_compound(with_protein(s, "CRBN", abundance_nM=40.0, half_life_h=half_life_h), "dega",
                      ligase_loss_per_h=0.0) if half_life_h is None else s  # fmt: skip
    assert_all_reached(s)
    named = constants(s)
    assert all(named[reaction.rate] > 0.0 for reaction in build_network(s).reactions)


# A number means the same in the scenario, on an axis, and at zero.

ONE_BY_ONE = ("chain_length", "destroyed_from", "chain_on_release", ".every_h", ".doses")


def test_each_number_is_read_from_its_path() -> None:
    """Changing the value at a path is changing the scenario, for every number there is."""
    s = everything()
    for path, value in numbers(s).items():
        if path.endswith(ONE_BY_ONE) or (path.endswith("krev_per_h") and not value):
            continue  # a scenario of its own each, or no bond to break
        after = min(value * 1.25, 1.0) if "fraction" in path else value * 1.25 + 0.5
        changed = replaced(s, path, after)
        values = numbers(s) | {path: after}
        assert values == numbers(changed), path
        assert rate_constants(s, values) == rate_constants(changed, values), path
        assert initial_amounts(s, values) == initial_amounts(changed, values), path
        assert doses(s, values) == doses(changed, values), path


def small(**changes: Any) -> Scenario:
    """A reversible degrader and little else."""
    s = with_compound(typed(), "dega", kinact_per_h=0.0, kinact_ternary_per_h=None, krev_per_h=0.0,
                      ligase_loss_per_h=0.0, **changes)  # fmt: skip
    s = with_parts(s, neosubstrates=(), ubiquitination={"proteasome": "abundant",
                   "chain_length": 1, "destroyed_from": 1})  # fmt: skip
    return with_protein(s, "CRBN", abundance_nM=40.0)


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("ubiquitination.chain_on_release", (0.0, 0.5, 1.0)),
        ("ubiquitination.chain_on_release", ("kept", "erased")),
        ("compound.every_h", (0.5, 1.0)),
        ("compound.doses", (2.0, 4.0)),
        ("compound.stop_h", (0.5, 2.0)),
        ("compound.start_h", (-1.0, 0.5)),
        ("compound.krev_per_h", (0.0, 2.0)),
    ],
)
def test_an_axis_is_one_scenario_per_value(path: str, values: tuple[Any, ...]) -> None:
    s = with_compound(small(every_h=1.5, doses=2, dose_nM=10.0), "dega", kinact_per_h=3.0)
    method, rtol = (TIGHT, 1e-6) if JIT_ENABLED else (ODE(rtol=1e-4), 1e-3)
    data = run(Study(s, (Axis(path, values),), Readout(("target_total",), (4.0,)), method))
    each = [simulate(replaced(s, path, value), [4.0], method=method) for value in values]
    expected = np.array([run["target_total"].item() for run in each])
    assert (np.abs(np.diff(expected)) > 5.0 * rtol * expected[:-1]).all()
    np.testing.assert_allclose(data["target_total"].values.ravel(), expected, rtol=rtol)


def test_a_varied_chain_growth_finds_the_proteasomes_in_place() -> None:
    s = with_parts(typed(), ubiquitination={"k_ub_per_h": 0.0})
    path = "ubiquitination.k_ub_per_h"
    method = TIGHT if JIT_ENABLED else ODE()
    readings, _, compiled = read_out(
        s, numbers(s) | {path: 100.0}, [2.0], method, varied={path}, species=["proteasome"]
    )
    assert "proteasome" in compiled.species
    assert readings["species[proteasome]"].item() > 10.0


# What is read out.


def test_observables_are_sums_over_names() -> None:
    for _, s in several(0, 20):
        net = build_network(s)
        terms = {name: {(t.species, t.rate) for t in ts} for name, ts in net.observables.items()}
        target = {n for n in net.species if parts(n)["BTK"]}
        names = [x.name for x in compounds(s)]
        occupied = {n for n in target if any(parts(n)[x] for x in names)}
        ligases = {x.ligase for x in compounds(s) if x.ligase}
        held = {n for n in net.species if any(parts(n)[e] for e in ligases)}
        expected = {
            "target_total": target,
            "target_scaffold": target,
            "target_occupied": occupied,
            "target_unoccupied": target - occupied,
            "target_active": target - occupied,
            "target_covalent": {n for n in target if "-" in n},
            "ternary": target & held,
            "ubiquitinated": {n for n in target if "(ub" in n},
            "ligase_total": held,
            "ligase_free": ligases,
        }
        for name, members in expected.items():
            assert {species for species, _ in terms[name]} == members, name
        for protein in s.neosubstrates:
            members = {n for n in net.species if parts(n)[protein]}
            assert {n for n, _ in terms[f"neosubstrate_total[{protein}]"]} == members
        for name, prefix in (("degraded", "k_proteasome"), ("turned_over", "turnover[BTK]")):
            lost = {(r.reactants[0][0], r.rate) for r in net.reactions
                    if r.reactants and r.reactants[0][0] in target
                    and r.rate.startswith(prefix)}  # fmt: skip
            assert terms[name] == lost, name


def test_an_impaired_kinase_still_scaffolds() -> None:
    s = small()
    allele = {**vars(s.allele), "kinase_proficient": False, "custom": True}
    impaired = with_parts(s, target={"name": "BTK", "allele": allele})
    found, other = simulate(impaired, [0.0, 2.0]), simulate(s, [0.0, 2.0])
    assert (found["target_active"] == 0.0).all()
    assert (other["target_active"] > 0.0).all()
    np.testing.assert_array_equal(found["target_scaffold"], other["target_scaffold"])
    np.testing.assert_allclose(found["target_scaffold"][0], 200.0, rtol=1e-12)


REFUSED = [
    "target_total.real", "abs(target_total)", "target_total[0]", "[target_total for _ in '1']",
    "(lambda: ternary)()", "'a'", "ternary ** 2", "ternary // 2", "ternary % 2", "ternary < 2",
    "ternary if ternary else 2", "(y := ternary)", "f'{ternary}'", "...", "b'a'", "1j * ternary",
    "True * ternary", "None", "ternary and 1", "not ternary", "~ternary", "ternary @ ternary",
    "ternary, ternary", "{ternary}", "{ternary: 1}", "*ternary", "await ternary", "yield",
    "__import__('os').system('true')", "().__class__", "ternary; ternary", "import os", "",
    "ternary = 1", "ternary +", "unknown", "compound_cell + ternary", "1 + 2", "species[]",
    "species[a", "1e999 * ternary", "9" * 400 + " * ternary", "-" * 480 + "ternary",
    "(" * 230 + "ternary" + ")" * 230, "\0", "\ud800", "ternary\\", "_species_0",
    "_species_0 + species[BTK]", "ternary + degraded", "ternary + 1",
]  # fmt: skip


@pytest.mark.parametrize("expression", REFUSED, ids=lambda text: text[:30])
def test_only_arithmetic_is_read(expression: str) -> None:
    with pytest.raises(ParameterError) as refusal:
        parse(f"x = {expression}")
    assert len(str(refusal.value)) < 2000


@pytest.mark.parametrize(
    "text",
    ["x", "x" * 1_000_000, "x = " + "ternary + " * 100_000 + "ternary", "(" * 1_000_000,
     "x = " + "(" * 1_000_000, "=" * 1_000_000],
)  # fmt: skip
def test_huge_text_is_refused_at_once(text: str) -> None:
    with pytest.raises(ParameterError) as refusal:
        parse(text)
    assert len(str(refusal.value)) < 2000


@pytest.mark.parametrize(
    "label",
    ["", "1x", "_x", "x y", "x-y", "é", "x.y", "x" * 61, "target_total", "status", "time_h",
     "reached_h", "compound", "treatment", "ternary_percent"],
)  # fmt: skip
def test_labels_are_plain_and_not_taken(label: str) -> None:
    with pytest.raises(ParameterError, match="label"):
        parse(f"{label} = ternary / target_total")


@pytest.mark.parametrize("label", ["x", "X9", "per_ligase", "x" * 60, "species", "lambda"])
def test_other_labels_are_fine(label: str) -> None:
    assert parse(f"  {label}=ternary ").name == label


PLAIN = tuple(n for n, o in OBSERVABLES.items() if o.unit == "nM" and not o.dim)[:6]
Text = tuple[str, int]  # an expression, and how loosely its outermost operation binds


def _joined(operator: str, left: Text, right: Text) -> Text:
    """Brackets only where Python needs them."""
    loose = 0 if operator in "+-" else 1
    a = left[0] if left[1] >= loose else f"({left[0]})"
    b = right[0] if right[1] > loose else f"({right[0]})"
    return f"{a} {operator} {b}", loose


def _negated(inner: Text) -> Text:
    return (f"-{inner[0]}", 2) if inner[1] >= 2 else (f"-({inner[0]})", 2)


@st.composite
def expressions(draw: st.DrawFn, depth: int = 4, *, plain: bool = False) -> Text:
    """Sums in nM (or plain numbers), as short as their precedence allows."""
    kind = draw(st.integers(0, 5)) if depth else 0
    if kind == 0 or not depth:
        number = str(draw(st.integers(1, 99)) / 8)
        return (number if plain else draw(st.sampled_from(PLAIN))), 3
    one = expressions(depth - 1, plain=plain)
    if kind in (1, 2):
        return _joined(draw(st.sampled_from("+-")), draw(one), draw(one))
    if kind == 3:
        return _negated(draw(one))
    operator = draw(st.sampled_from("*/"))
    if operator == "*" and draw(st.booleans()):
        return _joined("*", draw(expressions(depth - 1, plain=True)), draw(one))
    return _joined(operator, draw(one), draw(expressions(depth - 1, plain=True)))


READINGS = {name: 1.7 + 2.3 * i for i, name in enumerate(PLAIN)}


@given(expressions().filter(lambda text: len(text[0]) < 480 and "t" in text[0]))
def test_arithmetic_is_pythons_own(text: Text) -> None:
    try:
        expected = eval(text[0], {"__builtins__": {}}, dict(READINGS))
    except ZeroDivisionError:
        expected = np.nan
    reading = parse(f"x = {text[0]}")
    assert reading.unit == "nM"
    scale = max(1.0, abs(expected)) if np.isfinite(expected) else 1.0
    found = float(reading.value({name: np.array(v) for name, v in READINGS.items()}))
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-9 * scale, nan_ok=True)


@pytest.mark.parametrize(
    ("expression", "value", "unit"),
    [
        ("target_total - ternary - ligase_free", 10.0 - 2.0 - 3.0, "nM"),
        ("target_total - (ternary - ligase_free)", 10.0 - (2.0 - 3.0), "nM"),
        ("target_total / ternary / 2", 10.0 / 2.0 / 2.0, ""),
        ("target_total / (ternary / 2)", 10.0 / (2.0 / 2.0), ""),
        ("ternary + ligase_free * 2", 2.0 + 3.0 * 2.0, "nM"),
        ("-ternary + target_total", -2.0 + 10.0, "nM"),
        ("100 * (1 - ternary / target_total)", 80.0, ""),
        ("degraded / ternary", 60.0, "1/h"),
        ("degraded + turned_over", 120.5, "nM/h"),
        ("2 / ternary", 1.0, "1/nM"),
        ("target_total * ligase_free / ternary", 15.0, "nM"),
        ("species[BTK:mt-802] * ligase_free / species[ BTK:mt-802:CRBN ]", 6.0, "nM"),
        ("ternary / 0", np.nan, "nM"),
    ],
)
def test_value_and_unit(expression: str, value: float, unit: str) -> None:
    named = {
        "target_total": 10.0,
        "ternary": 2.0,
        "ligase_free": 3.0,
        "degraded": 120.0,
        "turned_over": 0.5,
        "species[BTK:mt-802]": 4.0,
        "species[BTK:mt-802:CRBN]": 2.0,
    }
    reading = parse(f"x = {expression}")
    found = reading.value({name: np.array([v]) for name, v in named.items()})
    np.testing.assert_allclose(found, [value], rtol=1e-14)
    assert reading.unit == unit
    assert set(reading.parts) <= set(named)


def study(s: Scenario, *observables: str, relative_to: Any = "vehicle") -> Any:
    readout = Readout(observables, (2.0,), relative_to)
    return run(Study(s, (Axis("compound.dose_nM", (0.0, 50.0)),), readout))


def test_expressions_are_worked_out_before_percent() -> None:
    data = study(small(), "target_total", "target_occupied", "turned_over",
                 "occupancy = target_occupied / target_total",
                 "empty = 1 - target_occupied / target_total",
                 "left = target_total - target_occupied")  # fmt: skip
    share = (data["target_occupied"] / data["target_total"]).values.ravel()
    np.testing.assert_allclose(data["occupancy"].values.ravel(), share, rtol=1e-12)
    np.testing.assert_allclose(data["empty_percent"].values.ravel(), 100 * (1 - share), rtol=1e-12)
    left = data["left"].values.ravel()
    np.testing.assert_allclose(data["left_percent"].values.ravel(), 100 * left / left[0])
    assert data["left"].attrs["units"] == "nM"
    assert data["occupancy"].attrs["units"] == ""
    assert data["left_percent"].attrs["units"] == "%"
    assert data["occupancy_percent"].isnull().all()  # no drug, no occupancy
    assert data["occupancy_percent"].attrs["null_reason"] == "zero_reference"


def test_species_are_read_by_name() -> None:
    s = small()
    data = study(s, "apart = species[BTK] + species[BTK(ub1)]", "medium = species[dega_medium]",
                 "target_unoccupied", "compound_medium")  # fmt: skip
    np.testing.assert_allclose(data["apart"], data["target_unoccupied"], rtol=1e-12)
    alone = data["compound_medium"].sel(compound="dega")
    np.testing.assert_allclose(data["medium"], alone, rtol=1e-12)
    with pytest.raises(ParameterError, match=r"BTK\(ub9\).*did you mean"):
        study(s, "x = species[BTK(ub9)]")


def test_read_outs_with_members_have_their_dim() -> None:
    s = with_parts(small(), neosubstrates=("IKZF1",))
    data = study(s, "compound_cell", "neosubstrate_total")
    assert data["compound_cell"].dims == ("compound.dose_nM", "compound", "time_h")
    assert data["neosubstrate_total"].dims == ("compound.dose_nM", "neosubstrate", "time_h")
    assert data["neosubstrate_total_percent"].dims == data["neosubstrate_total"].dims
    assert list(data["neosubstrate"].values) == ["IKZF1"]
    assert list(data["compound"].values) == ["dega"]
    np.testing.assert_allclose(data["neosubstrate_total_percent"][0], 100.0, rtol=1e-12)
    assert (data["neosubstrate_total_percent"][1] < 99.0).all()
