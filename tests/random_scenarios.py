"""Scenarios drawn over the ranges of the library, for tests that must hold for any of them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from protacsim import library
from protacsim.library import Fact
from protacsim.scenario import Scenario

CELLS = ("molm14", "ramos", "cll_in_vivo")
ALLELES = ("WT", "C481S", "T474I", "L528W")
INHIBITORS = ("ibrutinib", "zanubrutinib", "pirtobrutinib")
DEGRADERS = ("mt-802", "zorba-protac-10", "guo-rc-1")


def random_scenarios(count: int, seed: int, *, losses: bool = False) -> list[Scenario]:
    """Complete scenarios: inhibitors, degraders, covalent degraders, mixtures with washout.

    With `losses`, drug and ligase may also be lost, as no entry of the library asks for.
    """
    rng = np.random.default_rng(seed)
    return [random_scenario(rng, losses=losses) for _ in range(count)]


def random_scenario(
    rng: np.random.Generator, *, degrader: bool = False, losses: bool = False
) -> Scenario:
    """One scenario; `degrader` asks for a degrader alone."""
    chosen = ["degrader"] if degrader else list(MIXES[rng.integers(len(MIXES))])
    compounds = [_compound(rng, role) | (_losses(rng, role) if losses else {}) for role in chosen]
    if len(compounds) > 1:
        compounds[0] |= {"start_h": -12.0, "stop_h": float(rng.choice([0.0, 6.0]))}
    return Scenario(
        cell=_cell(rng, losses=losses),
        target={"name": "BTK", "allele": _allele(rng)},
        treatment={"compounds": compounds},
        ubiquitination=_chain(rng),
    )


MIXES = (
    ("inhibitor",),
    ("degrader",),
    ("degrader",),
    ("covalent degrader",),
    ("inhibitor", "degrader"),
    ("inhibitor", "covalent degrader"),
)


def _compound(rng: np.random.Generator, role: str) -> dict[str, Any]:
    name = str(rng.choice(INHIBITORS if role == "inhibitor" else DEGRADERS))
    entry = library.entry("compounds", name)
    gaps = library.defaults(f"compound.{entry.plain['kind']}")
    gaps = {f: fact for f, fact in gaps.items() if f not in entry.facts}
    if "koff_target_per_h" in entry.facts:
        del gaps["kon_target_per_nM_per_h"]
    own = _drawn(rng, gaps) | _drawn(rng, entry.facts)
    if role == "covalent degrader":
        own |= {"kinact_per_h": _log_uniform(rng, 1.0, 100.0), "cooperativity_covalent": 5.0}
    if role != "inhibitor":
        own["cooperativity"] = _log_uniform(rng, 0.1, 100.0)
        own["cooperativity_split"] = str(rng.choice(["off_rates", "on_rates"]))
    if "ki_target_nM" in own:  # the association must be faster than kinact/KI
        own["kon_target_per_nM_per_h"] += own["kinact_per_h"] / own["ki_target_nM"]
    own["fraction_unbound_cell"] = float(rng.uniform(0.05, 1.0))
    own["fraction_unbound_medium"] = float(rng.uniform(0.05, 1.0))
    return {"name": name, **own, "dose_nM": _log_uniform(rng, 0.1, 1e5)}


def _losses(rng: np.random.Generator, role: str) -> dict[str, float]:
    fields = ["efflux_pL_per_h", "loss_medium_per_h", "loss_cell_per_h"]
    fields += [] if role == "inhibitor" else ["ligase_loss_per_h"]
    fields += ["krev_per_h"] if role == "covalent degrader" else []
    return {field: float(rng.choice([0.0, 0.3])) for field in fields}


def _cell(rng: np.random.Generator, *, losses: bool) -> dict[str, Any]:
    name = str(rng.choice(CELLS))
    cell = {"name": name, **_drawn(rng, library.entry("cells", name).facts)}
    if losses and rng.uniform() < 0.5:
        cell["proteins"]["CRBN"]["half_life_h"] = _log_uniform(rng, 2.0, 50.0)
    return cell


def _allele(rng: np.random.Generator) -> dict[str, Any]:
    name = str(rng.choice(ALLELES))
    facts = library.entry("alleles", f"BTK.{name}").facts
    return {"name": name, "km_atp_uM": _log_uniform(rng, 30.0, 1e4), **_drawn(rng, facts)}


def _chain(rng: np.random.Generator) -> dict[str, Any]:
    length = int(rng.integers(0, 5))
    fate = [*["kept"] * 2, "erased", float(rng.uniform(0.1, 0.9))][rng.integers(4)]
    return {
        "chain_length": length,
        "destroyed_from": int(rng.integers(1, length + 1)) if length else 0,
        "chain_on_release": fate,
        "k_ub_per_h": _log_uniform(rng, 150.0, 3000.0),
        "k_dub_free_per_h": _log_uniform(rng, 36.0, 1000.0),
        "k_dub_bound_per_h": float(rng.choice([0.0, 100.0])),
        "k_proteasome_free_per_h": _log_uniform(rng, 6.0, 600.0) if length else 0.0,
        "k_proteasome_bound_per_h": float(rng.choice([0.0, 60.0])),
    }


def _drawn(rng: np.random.Generator, facts: Mapping[str, Fact]) -> dict[str, Any]:
    """Each number from its range, as nested keys."""
    found: dict[str, Any] = {}
    for path, fact in facts.items():
        if fact.value is None:
            continue
        *sections, field = path.split(".")
        inner = found
        for section in sections:
            inner = inner.setdefault(section, {})
        inner[field] = _within(rng, fact)
    return found


def _within(rng: np.random.Generator, fact: Fact) -> float:
    assert fact.value is not None
    if fact.low is None or fact.high is None:
        return fact.value
    if fact.low > 0.0:
        return _log_uniform(rng, fact.low, fact.high)
    return float(rng.uniform(fact.low, fact.high))


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
