"""The benchmark's network against its specification, read once more by other means."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from protacsim.bench import reference_network as spec
from random_networks import naive_rates

NET = spec.reference_network()

# Each species as (variant, ubiquitins, what it holds), so that a rate of change can be worked out
# from a picture of the cell instead of a list of reactions.
DRUGS = ["degrader_medium", "degrader", "inhibitor_medium", "inhibitor"]
HELD = ("", ":degrader", ":degrader:ligase")


def chain_state(variant: str, u: int, held: str) -> str:
    return f"{variant}({u}){held}"


def test_species_reactions_and_names_are_as_many_as_specified() -> None:
    chains = [chain_state(v, u, h) for v in ("WT", "C481S") for u in range(5) for h in HELD]
    trapped = [f"{v}{bond}inhibitor" for v in ("WT", "C481S") for bond in ":-"]
    expected = {*DRUGS, "ligase", "degrader:ligase", *chains, *trapped}
    assert set(NET.species) == expected
    assert len(NET.species) == 40
    assert len(NET.reactions) == 146
    assert set(NET.rates) == set(spec.rate_constants(1.0))


def test_reactions_of_each_kind_are_as_many_as_specified() -> None:
    kinds = Counter(reaction.name.split(" ")[0] for reaction in NET.reactions)
    # Per variant: 5 chains in 3 situations turned over, and 2 inhibitor complexes; 4 steps of the
    # chain; 3 bindings in each of 5 chains, and the inhibitor's.
    assert kinds == {
        "uptake": 2,
        "release": 2,
        "synthesis": 2,
        "association": 1 + 2 * 16,
        "dissociation": 1 + 2 * 16,
        "inactivation": 2,
        "ubiquitination": 2 * 4,
        "deubiquitination": 2 * 4 * 3,
        "turnover": 2 * 17,
        "destruction": 2 * 3,
    }
    orders = Counter(reaction.order for reaction in NET.reactions)
    assert orders == {0: 2, 1: 146 - 2 - 33, 2: 33}


def test_ligase_and_degrader_are_conserved_and_nothing_else() -> None:
    found = {frozenset(law.items()) for law in NET.conserved()}
    ternary = {chain_state(v, u, HELD[2]) for v in ("WT", "C481S") for u in range(5)}
    binary = {chain_state(v, u, HELD[1]) for v in ("WT", "C481S") for u in range(5)}
    ligase = {"ligase", "degrader:ligase"} | ternary
    degrader = {"degrader_medium", "degrader", "degrader:ligase"} | binary | ternary
    matrix = NET.stoichiometry()
    assert np.linalg.matrix_rank(matrix) == 38
    assert len(found) == 2
    for total in (ligase, degrader):
        row = np.array([float(name in total) for name in NET.species])
        assert not (row @ matrix).any()


def changes_seen_by_a_cell(y: dict[str, float], alpha: float) -> dict[str, float]:
    """dy/dt per second from balances of whole species, with the numbers of the specification."""
    kon, turnover, tail = 1e-3, math.log(2) / 72000, 2e-3
    d = dict.fromkeys(y, 0.0)

    def move(flux: float, gone: tuple[str, ...], made: tuple[str, ...]) -> None:
        for name in gone:
            d[name] -= flux
        for name in made:
            d[name] += flux

    for drug, k in (("degrader", 2e-3), ("inhibitor", 5e-3)):
        net_influx = k * (y[f"{drug}_medium"] / 1000 - y[drug])
        move(net_influx, (f"{drug}_medium",), (drug,))
    free, ligase, loaded = y["degrader"], y["ligase"], y["degrader:ligase"]
    move(kon * (free * ligase - 200 * loaded), ("degrader", "ligase"), ("degrader:ligase",))
    for v, kd, kd_inhibitor, kinact in (("WT", 10, 5, 1e-3), ("C481S", 30, 50, 0.0)):
        trapped = f"{v}:inhibitor", f"{v}-inhibitor"
        bound = kon * (y[f"{v}(0)"] * y["inhibitor"] - kd_inhibitor * y[trapped[0]])
        move(bound, (f"{v}(0)", "inhibitor"), trapped[:1])
        move(kinact * y[trapped[0]], trapped[:1], trapped[1:])
        move(turnover * y[trapped[0]], trapped[:1], ("inhibitor",))
        move(turnover * y[trapped[1]], trapped[1:], ())
        move(turnover * 50.0, (), (f"{v}(0)",))
        for u in range(5):
            t, td, tde = (chain_state(v, u, held) for held in HELD)
            move(kon * (y[t] * free - kd * y[td]), (t, "degrader"), (td,))
            move(kon * (y[td] * ligase - 200 / alpha * y[tde]), (td, "ligase"), (tde,))
            move(kon * (y[t] * loaded - kd / alpha * y[tde]), (t, "degrader:ligase"), (tde,))
            loss = turnover + (tail if u == 4 else 0.0)
            for name, freed in ((t, ()), (td, ("degrader",)), (tde, ("degrader:ligase",))):
                move(loss * y[name], (name,), freed)
            if u < 4:
                longer = [chain_state(v, u + 1, held) for held in HELD]
                move(0.1 * y[tde], (tde,), (longer[2],))
                for short, long in zip((t, td, tde), longer, strict=True):
                    move(0.02 * y[long], (long,), (short,))
    return d


@pytest.mark.parametrize("alpha", [0.1, 5.0, 100.0])
def test_rates_of_change_are_those_of_the_specification(alpha: float) -> None:
    y = np.random.default_rng(7).lognormal(0.0, 2.0, len(NET.species))
    named = dict(zip(NET.species, y.tolist(), strict=True))
    rates = {name: float(k) for name, k in spec.rate_constants(alpha).items()}
    expected = changes_seen_by_a_cell(named, alpha)
    found = dict(zip(NET.species, naive_rates(NET, rates, y) / 3600.0, strict=True))
    assert found == pytest.approx(expected, rel=1e-11, abs=1e-13)


def test_binding_cycles_are_closed() -> None:
    rates = spec.rate_constants(np.array([0.1, 5.0]))
    for variant in spec.VARIANTS:
        one = rates[f"koff_target[{variant}]"] * rates["koff_ligase_ternary"]
        other = rates["koff_ligase"] * rates[f"koff_target_ternary[{variant}]"]
        np.testing.assert_allclose(one, other, rtol=1e-14)


def test_a_run_starts_with_drugs_outside_and_bare_proteins_inside() -> None:
    assert spec.initial_amounts(100.0) == {
        "degrader_medium": 1e5,
        "inhibitor_medium": 2e4,
        "ligase": 50.0,
        "WT(0)": 50.0,
        "C481S(0)": 50.0,
    }


def test_the_grid_is_dose_by_cooperativity() -> None:
    dose, alpha = spec.grid()
    assert dose.shape == alpha.shape == (1000,)
    assert len(set(dose.tolist())) == 40
    assert (dose.min(), dose.max(), alpha.min(), alpha.max()) == pytest.approx(
        (0.01, 1e5, 0.1, 100)
    )
    steps = np.diff(np.log10(np.unique(dose))), np.diff(np.log10(np.unique(alpha)))
    np.testing.assert_allclose(steps[0], 7 / 39)
    np.testing.assert_allclose(steps[1], 3 / 24)
    np.testing.assert_array_equal(spec.TIMES_H, range(25))


def test_totals_are_sums_over_every_form_of_a_target() -> None:
    seen = {name: {t.species for t in terms} for name, terms in NET.observables.items()}
    assert set(seen) == {"total[WT]", "total[C481S]", "ternary"}
    assert len(seen["total[WT]"]) == len(seen["total[C481S]"]) == 17
    assert not seen["total[WT]"] & seen["total[C481S]"]
    assert seen["ternary"] == {n for n in NET.species if n.endswith(":degrader:ligase")}
