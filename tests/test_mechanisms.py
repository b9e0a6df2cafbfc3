"""Target degradation as reactions: against rate laws written by hand, closed forms and limits."""

from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from protacsim import reduced
from protacsim.entities import Compound
from protacsim.kernels.cache import JIT_ENABLED
from protacsim.mechanisms import OBSERVABLES, build_network, rate_constants, verbs
from protacsim.methods import ODE
from protacsim.network import Network
from protacsim.scenario import Scenario, numbers
from protacsim.simulation import simulate
from protacsim.study import Axis, Readout, Study, run
from random_networks import naive_rates
from random_scenarios import random_scenario, random_scenarios

Floats = NDArray[np.float64]
NM_PL = 602.214076  # molecules
MT802 = {"name": "mt-802", "dose_nM": 300.0}
IBRUTINIB = {"name": "ibrutinib", "dose_nM": 30.0}


def base(treatment: Any = (), **changes: Any) -> Scenario:
    return Scenario(**{"cell": "molm14", "treatment": treatment, **changes})


# Each verb's reactions.


def table(net: Network) -> list[tuple[str, str]]:
    return [(str(reaction), reaction.rate) for reaction in net.reactions]


def test_verbs() -> None:
    net = Network()
    verbs.synthesise(net, "T", "make")
    verbs.lose(net, "turnover", "T:X", ("X",), "loss")
    verbs.lose(net, "destruction", "T-X", (), "loss")
    verbs.exchange(net, "X_medium", "X_cell", "in", "out")
    assert verbs.bind(net, "T", "X", "on", "off") == "T:X"
    verbs.inactivate(net, "T:X", "T-X", "kinact")
    verbs.ubiquitinate(net, ["a0", "a1", "a2"], "ub")
    verbs.deubiquitinate(net, ["a0", "a1", "a2"], "dub")
    assert table(net) == [
        ("0 -> T", "make"),
        ("T:X -> X", "loss"),
        ("T-X -> 0", "loss"),
        ("X_medium -> X_cell", "in"),
        ("X_cell -> X_medium", "out"),
        ("T + X -> T:X", "on"),
        ("T:X -> T + X", "off"),
        ("T:X -> T-X", "kinact"),
        ("a0 -> a1", "ub"),
        ("a1 -> a2", "ub"),
        ("a1 -> a0", "dub"),
        ("a2 -> a1", "dub"),
    ]


# The whole model, a second time: concentrations in nM, one paragraph per process.


def chain(u: int) -> str:
    return "BTK" if u == 0 else f"BTK(ub{u})"


def rates_by_hand(s: Scenario, c: dict[str, float]) -> dict[str, float]:
    """Rates of change (nM/h) at concentrations `c` (nM), from the nouns alone."""
    change: dict[str, float] = defaultdict(float)
    cell, ubi, allele = s.cell, s.ubiquitination, s.allele
    btk = cell.protein("BTK")
    assert btk is not None
    longest = int(ubi.chain_length or 0)
    from_u = longest if ubi.destroyed_from is None else ubi.destroyed_from
    fate = ubi.chain_on_release
    erased = {"kept": 0.0, "erased": 1.0}[fate] if isinstance(fate, str) else fate

    def flow(flux: float, lost: list[str], gained: list[str]) -> None:
        for sign, side in ((-1.0, lost), (1.0, gained)):
            for name in side:
                change[name] += sign * flux

    def at(name: str) -> float:
        return c.get(name, 0.0)

    def opens(state: str, koff: float, u: int, left: str, partner: str) -> None:
        """The chain stays, or is erased, when a ternary complex opens."""
        flow((1.0 - erased) * koff * at(state), [state], [left.format(chain(u)), partner])
        flow(erased * koff * at(state), [state], [left.format(chain(0)), partner])

    kdeg = np.log(2.0) / btk.half_life_h if btk.half_life_h else 0.0
    copies = btk.abundance_copies
    amount = btk.abundance_nM if copies is None else copies / (NM_PL * cell.volume_pL)
    flow(kdeg * amount, [], [chain(0)])

    def fates(u: int, name: str, freed: list[str], place: str) -> None:
        destroyed = getattr(ubi, f"k_proteasome_{place}_per_h") if u >= from_u else 0.0
        flow((kdeg + destroyed) * at(name), [name], freed)
        if u > 0:
            shorter = name.replace(chain(u), chain(u - 1), 1)
            flow(getattr(ubi, f"k_dub_{place}_per_h") * at(name), [name], [shorter])

    for u in range(longest + 1):
        fates(u, chain(u), [], "free")
    made: set[str] = set()
    for dosed in s.treatment.compounds:
        x = dosed.compound
        inside, outside = f"{x.name}_cell", f"{x.name}_medium"
        fu = x.fraction_unbound_cell
        crossing = x.permeability_pL_per_h * (
            x.unbound_accumulation * x.fraction_unbound_medium * at(outside) - fu * at(inside)
        ) - x.efflux_pL_per_h * fu * at(inside)
        change[inside] += crossing / cell.volume_pL
        change[outside] -= 0.0 if cell.medium_buffered else crossing / cell.medium_volume_pL
        flow(x.loss_cell_per_h * fu * at(inside), [inside], [])
        lost_outside = x.loss_medium_per_h * x.fraction_unbound_medium * at(outside)
        flow(0.0 if cell.medium_buffered else lost_outside, [outside], [])
        on, off = target_binding(s, x)
        slowed = (1 + x.atp_assay_uM / allele.km_atp_uM) / (1 + cell.atp_uM / allele.km_atp_uM)
        kinact = x.kinact_per_h if allele.covalent_bonding else 0.0
        for u in range(longest + 1):
            free, binary, adduct = chain(u), f"{chain(u)}:{x.name}", f"{chain(u)}-{x.name}"
            bound = slowed * on * at(free) * fu * at(inside) - off * at(binary)
            flow(bound, [free, inside], [binary])
            flow(kinact * at(binary), [binary], [adduct])
            flow(x.krev_per_h * at(adduct), [adduct], [binary])
            fates(u, binary, [inside], "free")
            fates(u, adduct, [], "free")
        if not x.ligase:
            continue
        ligase, loaded, a = x.ligase, f"{x.ligase}:{x.name}", x.cooperativity
        a_bonded = a if x.cooperativity_covalent is None else x.cooperativity_covalent
        crbn = cell.protein(ligase)
        loss = np.log(2.0) / crbn.half_life_h if crbn.half_life_h else 0.0
        if ligase not in made:
            made.add(ligase)
            of_ligase = crbn.abundance_copies
            per_cell = NM_PL * cell.volume_pL
            flow(
                loss * (crbn.abundance_nM if of_ligase is None else of_ligase / per_cell),
                [],
                [ligase],
            )
            flow(loss * at(ligase), [ligase], [])
        flow((loss + x.ligase_loss_per_h) * at(loaded), [loaded], [inside])
        kon_e = x.kon_ligase_per_nM_per_h or x.koff_ligase_per_h / x.kd_ligase_nM
        koff_e = kon_e * x.kd_ligase_nM
        flow(kon_e * at(ligase) * fu * at(inside), [ligase, inside], [loaded])
        flow(koff_e * at(loaded), [loaded], [ligase, inside])
        up, down = (lambda f: f, lambda f: 1.0) if x.cooperativity_split == "on_rates" else (
            lambda f: 1.0, lambda f: 1.0 / f
        )  # fmt: skip
        bonded_ub = x.productive_fraction_covalent
        bonded_ub = x.productive_fraction if bonded_ub is None else bonded_ub
        for u in range(longest + 1):
            free, binary, adduct = chain(u), f"{chain(u)}:{x.name}", f"{chain(u)}-{x.name}"
            ternary, bonded = f"{binary}:{ligase}", f"{adduct}:{ligase}"
            flow(up(a) * slowed * on * at(free) * at(loaded), [free, loaded], [ternary])
            flow(up(a) * kon_e * at(binary) * at(ligase), [binary, ligase], [ternary])
            flow(up(a_bonded) * kon_e * at(adduct) * at(ligase), [adduct, ligase], [bonded])
            opens(ternary, down(a) * off, u, "{}", loaded)
            opens(ternary, down(a) * koff_e, u, f"{{}}:{x.name}", ligase)
            opens(bonded, down(a_bonded) * koff_e, u, f"{{}}-{x.name}", ligase)
            flow(kinact * at(ternary), [ternary], [bonded])
            flow(x.krev_per_h * a / a_bonded * at(bonded), [bonded], [ternary])
            flow((loss + x.ligase_loss_per_h) * at(ternary), [ternary], [binary])
            flow((loss + x.ligase_loss_per_h) * at(bonded), [bonded], [adduct])
            fates(u, ternary, [loaded], "bound")
            fates(u, bonded, [ligase], "bound")
            if u < longest:
                for state, fraction in ((ternary, x.productive_fraction), (bonded, bonded_ub)):
                    longer = state.replace(chain(u), chain(u + 1), 1)
                    flow(ubi.k_ub_per_h * fraction * at(state), [state], [longer])
    return change


def target_binding(s: Scenario, x: Compound) -> tuple[float, float]:
    """kon (1/nM/h) and koff (1/h) of the empty site without ATP, on the scenario's allele."""
    own = {entry.name: entry.fold for entry in x.folds}
    shared = {entry.name: entry.fold for entry in s.allele.class_folds}
    fold = own.get(s.allele.name, shared[x.kind])
    kon = x.kon_target_per_nM_per_h
    if x.ki_target_nM is not None:
        assert kon is not None
        kd = x.ki_target_nM - x.kinact_per_h / kon
    else:
        assert x.kd_target_nM is not None
        kd = x.kd_target_nM
        kon = kon or (x.koff_target_per_h or 0.0) / kd
    return kon, kon * kd * fold


def per_nM(s: Scenario, name: str) -> float:
    """Molecules per nM in a species' compartment."""
    medium = name.endswith("_medium")
    return NM_PL * (s.cell.medium_volume_pL if medium else s.cell.volume_pL)


@pytest.mark.parametrize("seed", range(5))
def test_network_is_the_model_written_by_hand(seed: int) -> None:
    """At random concentrations, for random scenarios: rows 1 to 11 of the reaction table."""
    for s in random_scenarios(20, 100 + seed, losses=True):
        net = build_network(s)
        named = {k: float(v) for k, v in rate_constants(s, numbers(s)).items()}
        scale = np.array([per_nM(s, name) for name in net.species])
        rng = np.random.default_rng(seed)
        concentrations = 10.0 ** rng.uniform(-2.0, 3.0, len(net.species))
        found = naive_rates(net, named, concentrations * scale) / scale
        by_hand = rates_by_hand(s, dict(zip(net.species, concentrations, strict=True)))
        expected = np.array([by_hand[name] for name in net.species])
        unlisted = {name for name, flux in by_hand.items() if flux} - set(net.species)
        assert not unlisted
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12 * np.abs(found).max())


# Binding: the square closes, and equilibrium is the exact one.

NO_CHAIN = {"chain_length": 0, "k_proteasome_free_per_h": 0.0, "k_proteasome_bound_per_h": 0.0}


def constants(s: Scenario) -> dict[str, float]:
    return {name: float(value) for name, value in rate_constants(s, numbers(s)).items()}


@pytest.mark.parametrize("split", ["off_rates", "on_rates"])
def test_binding_square_closes(split: str) -> None:
    """Kd(T,X) Kd(T:X,E) = Kd(E,X) Kd(T,E:X), with ATP, unbound fractions and any cooperativity."""
    rng = np.random.default_rng(3)
    for _ in range(50):
        s = random_scenario(rng, degrader=True)
        x = s.treatment.compounds[0]
        entry = {"compound": {**vars(x.compound), "cooperativity_split": split}}
        entry["schedule"] = {"dose_nM": 1.0}
        k = constants(Scenario(cell=s.cell, target=s.target, treatment={"compounds": [entry]}))

        def kd(site: str, k: dict[str, float] = k, name: str = x.name) -> float:
            return k[f"koff_{site}[{name}]"] / k[f"kon_{site}[{name}]"]

        one_way = kd("target") * kd("ligase_ternary")
        assert one_way == pytest.approx(kd("ligase") * kd("target_ternary"), rel=1e-12)
        assert kd("ligase") / kd("ligase_ternary") == pytest.approx(
            x.compound.cooperativity / x.compound.fraction_unbound_cell, rel=1e-12
        )


@pytest.mark.parametrize("kinact_ternary", [None, 2.0])
def test_covalent_square_closes(kinact_ternary: float | None) -> None:
    """Bonding and recruitment commute for a reversible-covalent degrader."""
    own = {"kinact_per_h": 5.0, "krev_per_h": 0.3, "kinact_ternary_per_h": kinact_ternary}
    alphas = {"cooperativity": 4.0, "cooperativity_covalent": 0.5}
    k = {n.removesuffix("[mt-802]"): v for n, v in constants(base(MT802 | own | alphas)).items()}
    bond_first = k["kinact"] / k["krev"] * k["kon_ligase_covalent"] / k["koff_ligase_covalent"]
    ligase_first = k["kon_ligase_ternary"] / k["koff_ligase_ternary"]
    ligase_first *= k["kinact_ternary"] / k["krev_ternary"]
    assert bond_first == pytest.approx(ligase_first, rel=1e-12)
    assert k["kinact_ternary"] == (kinact_ternary or 5.0)


def static(**compound: Any) -> Scenario:
    """Binding alone: no turnover, no chain, the dose inside a cell that the drug cannot leave."""
    closed = {"permeability_pL_per_h": 0.0, "compartment": "cell"}
    return base(
        {**MT802, **closed, **compound},
        cell={"name": "molm14", "proteins": {"BTK": {"half_life_h": None}}},
        ubiquitination=NO_CHAIN,
    )


BINDERS = [
    {},
    {"cooperativity": 30.0, "dose_nM": 20.0},
    {"cooperativity": 0.05, "dose_nM": 3e4},
    {"cooperativity": 8.0, "fraction_unbound_cell": 0.2, "cooperativity_split": "on_rates"},
]


def equilibrium(s: Scenario) -> dict[str, float]:
    """Concentrations in nM by the exact three-body form.

    On the total drug of the cell, unspecific binding divides both affinities, and the ternary
    affinity once more, since the ligase-bound drug is in no need of being free.
    """
    x = s.treatment.compounds[0]
    fu = x.compound.fraction_unbound_cell
    assert fu is not None
    assert s.allele.km_atp_uM is not None
    assert x.compound.kd_target_nM is not None
    assert x.compound.kd_ligase_nM is not None
    kd = x.compound.kd_target_nM * (1.0 + s.cell.atp_uM / s.allele.km_atp_uM)
    found = reduced.three_body(
        780.0, x.schedule.dose_nM or 0.0, 13.0, kd / fu, x.compound.kd_ligase_nM / fu,
        x.compound.cooperativity / fu,
    )  # fmt: skip
    names = ("BTK", "mt-802_cell", "CRBN", "BTK:mt-802", "CRBN:mt-802", "BTK:mt-802:CRBN")
    return dict(zip(names, map(float, found), strict=True))


@pytest.mark.parametrize("compound", BINDERS)
def test_without_turnover_binding_relaxes_to_the_exact_equilibrium(compound: Any) -> None:
    s = static(**compound)
    data = simulate(s, [100.0], method=ODE(rtol=1e-8, atol_nM=1e-10), species=True)
    amounts = data["species_amount"].isel(time_h=0).to_series() / per_nM(s, "BTK")
    for name, expected in equilibrium(s).items():
        assert amounts[name] == pytest.approx(expected, rel=1e-6), name


@pytest.mark.parametrize("compound", BINDERS)
def test_detailed_balance_at_equilibrium(compound: Any) -> None:
    """Every binding step runs as fast as its reverse."""
    s = static(**compound)
    net, k = build_network(s), constants(s)
    amount = {name: nM * per_nM(s, name) for name, nM in equilibrium(s).items()}
    flux = {}
    for reaction in net.reactions:
        if "mt-802_medium" not in str(reaction):
            sides = (reaction.reactants, reaction.products)
            rate = k[reaction.rate] * np.prod([amount[n] ** count for n, count in sides[0]])
            flux[tuple(frozenset(dict(side)) for side in sides)] = rate
    assert len(flux) == 8
    for (left, right), rate in flux.items():
        assert rate == pytest.approx(flux[right, left], rel=1e-9)


# Rate laws, two lines each.


def test_atp_slows_association_to_the_empty_site_only() -> None:
    fed, starved = (
        constants(base(MT802)),
        constants(base(MT802, cell={"name": "molm14", "atp_uM": 0})),
    )
    changed = {name for name in fed if fed[name] != starved[name]}
    assert changed == {"kon_target[mt-802]", "kon_target_ternary[mt-802]"}
    for name in changed:
        assert starved[name] / fed[name] == pytest.approx(1.0 + 3000.0 / 170.0, rel=1e-12)


def test_assay_atp_undoes_the_cells() -> None:
    same = constants(base({**MT802, "atp_assay_uM": 3000.0}))
    without = constants(base(MT802, cell={"name": "molm14", "atp_uM": 0.0}))
    assert same["kon_target[mt-802]"] == pytest.approx(without["kon_target[mt-802]"], rel=1e-12)


def test_a_library_ki_gives_the_reversible_kd() -> None:
    k = constants(base(IBRUTINIB))
    assert k["koff_target[ibrutinib]"] == pytest.approx(3.6 * (54.0 - 58.32 / 3.6), rel=1e-12)
    assert k["kinact[ibrutinib]"] == pytest.approx(58.32, rel=1e-12)


def test_association_per_molecule() -> None:
    k = constants(base({**MT802, "fraction_unbound_cell": 0.25}))
    assert k["kon_ligase[mt-802]"] == pytest.approx(3.6 * 0.25 / NM_PL, rel=1e-12)
    assert k["kon_ligase_ternary[mt-802]"] == pytest.approx(3.6 / NM_PL, rel=1e-12)


def test_permeation_reaches_the_unbound_accumulation_ratio() -> None:
    compound = {"fraction_unbound_cell": 0.1, "fraction_unbound_medium": 0.4}
    s = base(
        {**IBRUTINIB, **compound, "unbound_accumulation": 3.0},
        cell={"name": "cll_in_vivo", "proteins": {"BTK": {"abundance_copies": 0.0}}},
    )
    last = simulate(s, [48.0])
    ratio = float(last["compound_cell"].item() / last["compound_medium"].item())
    assert ratio * 0.1 / 0.4 == pytest.approx(3.0, rel=1e-6)
    assert last["compound_medium"].item() == pytest.approx(30.0, rel=1e-12)  # buffered


def test_uptake_depletes_a_small_medium() -> None:
    s = base({**IBRUTINIB, "permeability_pL_per_h": 5.0},
             cell={"name": "molm14", "medium_volume_pL": 2.0,
                   "proteins": {"BTK": {"abundance_nM": 0.0}}})  # fmt: skip
    times = np.array([0.0, 0.1, 0.5, 5.0])
    medium = simulate(s, times, method=ODE(rtol=1e-8))["compound_medium"].values[0]
    k = 5.0 / 2.0 + 5.0 / 1.0  # relaxation of two compartments
    np.testing.assert_allclose(medium, 20.0 + 10.0 * np.exp(-k * times), rtol=1e-6)


def test_turnover_keeps_the_drug_free_steady_state() -> None:
    total = simulate(base(), [0.0, 24.0, 480.0])["target_total"].values
    np.testing.assert_allclose(total, 780.0, rtol=1e-10)


# Only what can be reached is there.


def species(*args: Any, **kwargs: Any) -> tuple[str, ...]:
    return build_network(base(*args, **kwargs)).species


def test_an_inhibitor_brings_no_ubiquitin_and_no_ligase() -> None:
    names = species(IBRUTINIB)
    assert names == ("ibrutinib_medium", "ibrutinib_cell", "BTK", "BTK:ibrutinib", "BTK-ibrutinib")


def test_no_covalent_state_without_the_cysteine() -> None:
    for allele in ("C481S", "L528W"):
        assert not any(
            "-ibrutinib" in n for n in species(IBRUTINIB, target={"name": "BTK", "allele": allele})
        )
    bonding = {**MT802, "kinact_per_h": 5.0}
    assert "BTK(ub4)-mt-802:CRBN" in species(bonding)
    assert not any("BTK-" in n for n in species(bonding, target={"name": "BTK", "allele": "C481S"}))


def test_an_erased_chain_is_never_off_the_ligase() -> None:
    names = species(MT802, ubiquitination={"chain_on_release": "erased"})
    chained = [name for name in names if "(ub" in name]
    assert len(chained) == 4
    assert all(name.endswith(":CRBN") for name in chained)


def test_a_kept_chain_is_in_every_form() -> None:
    chained = [name for name in species([IBRUTINIB, MT802]) if "(ub4)" in name]
    assert chained == [
        "BTK(ub4)", "BTK(ub4):ibrutinib", "BTK(ub4)-ibrutinib", "BTK(ub4):mt-802",
        "BTK(ub4):mt-802:CRBN",
    ]  # fmt: skip


@pytest.mark.parametrize("chain", [{"chain_length": 0}, {"k_ub_per_h": 0.0}])
def test_no_chain_without_its_growth(chain: Any) -> None:
    assert not any("(ub" in name for name in species(MT802, ubiquitination=chain))


def test_a_varied_number_keeps_its_states() -> None:
    s = base(MT802, ubiquitination={"k_ub_per_h": 0.0})
    assert "BTK(ub4)" in build_network(s, {"ubiquitination.k_ub_per_h"}).species
    assert "BTK-mt-802" in build_network(s, {"compounds.mt-802.kinact_per_h"}).species


def test_destruction_starts_at_the_shortest_sufficient_chain() -> None:
    net = build_network(base(MT802, ubiquitination={"destroyed_from": 3}))
    destroyed = {r.reactants[0][0] for r in net.reactions if r.rate.startswith("k_proteasome")}
    assert destroyed == {
        f"{chain(u)}{rest}" for u in (3, 4) for rest in ("", ":mt-802", ":mt-802:CRBN")
    }


# Limits with a trivial answer.


def percent(scenario: Scenario, doses: list[float], **changes: Any) -> Any:
    axes = (Axis("compound.dose_nM", tuple(doses)),)
    readout = Readout(("target_total", "target_active"), (1.0, 24.0), "vehicle")
    return run(Study(scenario, axes, **{"readout": readout, **changes}))


@pytest.mark.parametrize("name", ["mt-802", "ibrutinib"])
def test_no_drug_is_exactly_vehicle(name: str) -> None:
    data = percent(base(name), [0.0, 100.0])
    for observable in ("target_total_percent", "target_active_percent"):
        assert (data[observable].isel({"compound.dose_nM": 0}) == 100.0).all()
    assert (data["target_active_percent"].isel({"compound.dose_nM": 1}) < 99.0).all()


def test_no_ligase_degrades_nothing() -> None:
    cell = {"name": "molm14", "proteins": {"CRBN": {"abundance_nM": 0.0}}}
    data = percent(base("mt-802", cell=cell), [1.0, 1e4])
    np.testing.assert_allclose(data["target_total_percent"], 100.0, rtol=1e-10)
    assert (data["target_active_percent"].sel({"compound.dose_nM": 1e4}) < 95.0).all()


def test_no_target_gives_zeros_and_says_so() -> None:
    cell = {"name": "molm14", "proteins": {"BTK": {"abundance_nM": 0.0}}}
    data = percent(base("mt-802", cell=cell), [0.0, 100.0])
    assert (data["status"] == 0).all()
    assert (data["target_total"] == 0.0).all()
    assert data["target_total_percent"].isnull().all()
    assert data["target_total_percent"].attrs["null_reason"] == "zero_reference"


def test_observables_are_sums_of_species() -> None:
    s = base([{**IBRUTINIB, "dose_nM": 5.0}, {**MT802, "kinact_per_h": 3.0}])
    data = simulate(s, [0.5, 6.0], species=True)
    nM = {str(n): row / per_nM(s, str(n)) for n, row in
          zip(data["species"].values, data["species_amount"].values, strict=True)}  # fmt: skip

    def total(keep: Any) -> Floats:
        return np.asarray(sum(row for name, row in nM.items() if keep(name)))

    def is_target(name: str) -> bool:
        return name.startswith("BTK")

    destroyed = 60.0 * total(lambda n: n.startswith("BTK(ub4)"))
    expected = {
        "target_total": total(is_target),
        "target_unoccupied": total(lambda n: is_target(n) and ":" not in n and "-" not in n),
        "target_occupied": total(lambda n: is_target(n) and (":" in n or "-" in n)),
        "target_covalent": total(lambda n: n.split(":")[0].endswith(("-ibrutinib", "-mt-802"))),
        "target_active": total(lambda n: is_target(n) and ":" not in n and "-" not in n),
        "ternary": total(lambda n: n.endswith(":CRBN")),
        "ubiquitinated": total(lambda n: "(ub" in n),
        "ligase_free": nM["CRBN"],
        "degraded": destroyed,
        "turned_over": np.log(2.0) / 30.0 * total(is_target),
    }
    assert set(expected) <= set(OBSERVABLES)
    for name, values in expected.items():
        np.testing.assert_allclose(data[name], values, rtol=1e-12, err_msg=name)
    np.testing.assert_allclose(data["compound_cell"].sel(compound="mt-802"), nM["mt-802_cell"])


def test_an_impaired_kinase_is_never_active() -> None:
    data = simulate(base(MT802, target={"name": "BTK", "allele": "L528W"}), [0.0, 1.0])
    assert (data["target_active"] == 0.0).all()
    assert (data["target_unoccupied"] > 0.0).all()


def test_target_balance_closes() -> None:
    """d(total)/dt = synthesis - degraded - turned over, at the plateau."""
    s = base({**MT802, "dose_nM": 100.0}, cell={"name": "molm14", "medium_volume_pL": 1e9})
    data = simulate(s, [2000.0], method=ODE(rtol=1e-8))
    lost = data["degraded"].item() + data["turned_over"].item()
    assert lost == pytest.approx(780.0 * np.log(2.0) / 30.0, rel=1e-6)


# Covalent occupancy under turnover.


@pytest.mark.parametrize("dose", [0.3, 3.0, 30.0])
def test_covalent_occupancy_is_the_closed_form(dose: float) -> None:
    """At steady state, on the drug that the cell then holds."""
    s = base({**IBRUTINIB, "dose_nM": dose, "permeability_pL_per_h": 1e4},
             cell={"name": "molm14", "medium_buffered": True})  # fmt: skip
    data = simulate(s, [600.0], method=ODE(rtol=1e-8, atol_nM=1e-10))
    kdeg, factor = np.log(2.0) / 30.0, 1.0 + 3000.0 / 170.0
    ki = reduced.apparent_ki(3.6 * 37.8, 58.32, kdeg, 3.6 / factor)
    expected = reduced.covalent_occupancy_steady_state(
        data["compound_cell"].item(), 58.32, ki, kdeg
    )
    assert data["target_covalent"].item() / data["target_total"].item() == pytest.approx(
        float(expected), rel=1e-6
    )


def test_after_washout_the_free_target_comes_back_by_turnover() -> None:
    """In a medium so large that the drug leaving the cell is gone."""
    s = base({**IBRUTINIB, "dose_nM": 1000.0, "start_h": -24.0, "stop_h": 0.0},
             cell={"name": "molm14", "medium_volume_pL": 1e10})  # fmt: skip
    times = np.array([6.0, 12.0, 24.0, 72.0])
    data = simulate(s, times, method=ODE(rtol=1e-8, atol_nM=1e-10))
    bound = (data["target_covalent"] / data["target_total"]).values
    assert bound[0] > 0.8
    free = 1.0 - bound[0] * np.exp(-np.log(2.0) / 30.0 * (times - times[0]))
    np.testing.assert_allclose(1.0 - bound, free, rtol=1e-5)


# The fate of the chain.


def test_an_erasing_probability_lies_between_kept_and_erased() -> None:
    def left(fate: Any) -> float:
        s = base(MT802, ubiquitination={"chain_on_release": fate})
        return float(simulate(s, [6.0])["target_total"].item())

    fates = ["kept", 0.0, 0.3, 0.7, 1.0, "erased"] if JIT_ENABLED else ["kept", 0.3, "erased"]
    remaining = [left(fate) for fate in fates]
    assert remaining == sorted(remaining)
    assert remaining[0] < remaining[len(fates) // 2] < remaining[-1]
    if JIT_ENABLED:
        assert remaining[0] == remaining[1]
        assert remaining[4] == remaining[5]
