"""Scenarios with the whole chemistry switched on, and the chemistry written a second time by hand.

The second writing goes state by state, in nM and h, from a scenario's own numbers; it shares
nothing with the package but the names of species.
"""

import dataclasses
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from protacsim.dosing import Schedule
from protacsim.entities import Compound, Protein
from protacsim.scenario import Scenario

NM_PL = 602.214076  # molecules
LN2 = float(np.log(2.0))
DEGRADERS, INHIBITORS = ("dega", "degb"), ("inha", "inhb")
COVALENT = ("dega", "inha")
NEOSUBSTRATES = ("IKZF1", "IKZF3")
TOPICS = frozenset(
    {"ligase turnover", "induced loss", "efflux", "drug loss", "target turnover", "destruction",
     "finite", "neosubstrates", "washout", "covalent", "krev", "repeats", "buffered"}
)  # fmt: skip


def full_scenario(
    rng: np.random.Generator, *, without: Collection[str] = (), longest: int = 4, **changes: Any
) -> Scenario:
    """Two degraders and two inhibitors at once, with everything on but what `without` names."""
    unknown = set(without) - TOPICS
    assert not unknown, unknown
    on = TOPICS - set(without) - ({"buffered"} if rng.random() < 0.8 else set())
    scenario = {
        "cell": _cell(rng, on),
        "target": {"name": "BTK", "allele": _allele(rng, on)},
        "treatment": {"compounds": [_compound(rng, x, on) for x in (*INHIBITORS, *DEGRADERS)]},
        "ubiquitination": _chain(rng, on, longest),
        "neosubstrates": NEOSUBSTRATES if "neosubstrates" in on else (),
    }
    return Scenario(**{**scenario, **changes})


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _cell(rng: np.random.Generator, on: Collection[str]) -> dict[str, Any]:
    def protein(low: float, high: float, topic: str) -> dict[str, Any]:
        amount = {"abundance_nM": log_uniform(rng, low, high)}
        return amount | ({"half_life_h": log_uniform(rng, 4.0, 96.0)} if topic in on else {})

    return {
        "name": "any cell",
        "custom": True,
        "volume_pL": log_uniform(rng, 0.2, 3.0),
        "medium_volume_pL": log_uniform(rng, 5.0, 1e5),
        "atp_uM": float(rng.uniform(0.0, 5000.0)),
        "medium_buffered": "buffered" in on,
        "proteins": {
            "BTK": protein(10.0, 1000.0, "target turnover"),
            "CRBN": protein(5.0, 200.0, "ligase turnover"),
            "VHL": protein(5.0, 200.0, "ligase turnover"),
            "IKZF1": protein(10.0, 500.0, "target turnover"),
            "IKZF3": protein(10.0, 500.0, "target turnover"),
            "proteasome": {"abundance_nM": log_uniform(rng, 1.0, 500.0)},
        },
    }


def _allele(rng: np.random.Generator, on: Collection[str]) -> dict[str, Any]:
    return {
        "name": "any allele",
        "custom": True,
        "covalent_bonding": "covalent" in on,
        "km_atp_uM": log_uniform(rng, 30.0, 1e4),
        "class_folds": {"degrader": log_uniform(rng, 0.3, 3.0), "covalent": 2.0},
    }


def _compound(rng: np.random.Generator, name: str, on: Collection[str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": name,
        "custom": True,
        "kind": "covalent" if name == "inha" else "noncovalent",
        "kd_target_nM": log_uniform(rng, 1.0, 1e3),
        "kon_target_per_nM_per_h": log_uniform(rng, 0.36, 36.0),
        "permeability_pL_per_h": log_uniform(rng, 1.0, 250.0),
        "fraction_unbound_medium": float(rng.uniform(0.1, 1.0)),
        "fraction_unbound_cell": float(rng.uniform(0.1, 1.0)),
        "unbound_accumulation": log_uniform(rng, 0.1, 10.0),
        "atp_assay_uM": float(rng.choice([0.0, 100.0])),
    }
    if "efflux" in on:
        found["efflux_pL_per_h"] = log_uniform(rng, 1.0, 100.0)
    if "drug loss" in on:
        found |= {
            "loss_medium_per_h": log_uniform(rng, 1e-3, 0.1),
            "loss_cell_per_h": log_uniform(rng, 1e-2, 1.0),
        }
    if name in COVALENT and "covalent" in on:
        found["kinact_per_h"] = log_uniform(rng, 0.5, 50.0)
        found["krev_per_h"] = log_uniform(rng, 0.05, 5.0) if "krev" in on else 0.0
    if name in DEGRADERS:
        found |= _degrader(rng, name, on)
    return found | _schedule(rng, name, on)


def _degrader(rng: np.random.Generator, name: str, on: Collection[str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "kind": "degrader",
        "ligase": "CRBN" if name == "dega" else str(rng.choice(["CRBN", "VHL"])),
        "kd_ligase_nM": log_uniform(rng, 10.0, 5e3),
        "kon_ligase_per_nM_per_h": log_uniform(rng, 0.36, 36.0),
        "cooperativity": log_uniform(rng, 0.1, 50.0),
        "cooperativity_split": str(rng.choice(["off_rates", "on_rates"])),
        "productive_fraction": float(rng.uniform(0.05, 1.0)),
    }
    if rng.random() < 0.3:
        found["kon_ligase_ternary_per_nM_per_h"] = log_uniform(rng, 0.36, 36.0)
        found["kon_target_ternary_per_nM_per_h"] = log_uniform(rng, 0.36, 36.0)
    if name in COVALENT:
        found |= {
            "cooperativity_covalent": log_uniform(rng, 0.1, 50.0),
            "productive_fraction_covalent": float(rng.uniform(0.05, 1.0)),
        }
        if rng.random() < 0.5 and "covalent" in on:
            found["kinact_ternary_per_h"] = log_uniform(rng, 0.5, 50.0)
    if "induced loss" in on:
        found["ligase_loss_per_h"] = log_uniform(rng, 0.01, 1.0)
    if "neosubstrates" in on:
        found["neosubstrates"] = {
            protein: {
                "kd_nM": log_uniform(rng, 1.0, 1e3),
                "kon_per_nM_per_h": log_uniform(rng, 0.36, 36.0),
                "productive_fraction": float(rng.uniform(0.05, 1.0)),
            }
            for protein in NEOSUBSTRATES[: 2 if name == "dega" else 1]
        }
    return found


def _schedule(rng: np.random.Generator, name: str, on: Collection[str]) -> dict[str, Any]:
    """Inhibitor first, then the degraders; the reversible inhibitor comes back every 6 h."""
    found: dict[str, Any] = {"dose_nM": log_uniform(rng, 1.0, 1e4)}
    if name == "inha":
        found["start_h"] = -12.0
        if "washout" in on:
            found["stop_h"] = float(rng.choice([0.0, 6.0]))
    if name in ("inhb", "degb") and "repeats" in on:
        found |= {"every_h": 6.0, "doses": 3}
    return found


def _chain(rng: np.random.Generator, on: Collection[str], longest: int) -> dict[str, Any]:
    length = int(rng.integers(1, longest + 1))
    destroys = "destruction" in on
    return {
        "chain_length": length,
        "destroyed_from": int(rng.integers(1, length + 1)),
        "chain_on_release": ("kept", "erased", float(rng.uniform(0.1, 0.9)))[rng.integers(3)],
        "k_ub_per_h": log_uniform(rng, 50.0, 3000.0),
        "k_dub_free_per_h": log_uniform(rng, 10.0, 1000.0),
        "k_dub_bound_per_h": log_uniform(rng, 1.0, 100.0),
        "k_proteasome_free_per_h": log_uniform(rng, 6.0, 600.0) if destroys else 0.0,
        "k_proteasome_bound_per_h": log_uniform(rng, 6.0, 600.0) if destroys else 0.0,
        "proteasome": "finite" if "finite" in on else "abundant",
        "km_proteasome_nM": log_uniform(rng, 10.0, 1e4),
    }


def with_compound(s: Scenario, name: str, **changes: Any) -> Scenario:
    """The scenario with fields of one compound, or of its schedule, changed."""
    schedule = {field.name for field in dataclasses.fields(Schedule)}
    entries = []
    for entry in s.treatment.compounds:
        given = changes if entry.name == name else {}
        chemistry = {k: v for k, v in given.items() if k not in schedule}
        times = {k: v for k, v in given.items() if k in schedule}
        compound = {**vars(entry.compound), **chemistry}
        entries.append({"compound": compound, "schedule": {**vars(entry.schedule), **times}})
    return with_parts(s, treatment={"compounds": entries})


def with_parts(s: Scenario, **changes: Any) -> Scenario:
    """The scenario with whole parts replaced; mappings are laid over the chain's numbers."""
    if isinstance(changes.get("ubiquitination"), Mapping):
        changes["ubiquitination"] = {**vars(s.ubiquitination), **changes["ubiquitination"]}
    kept = {key: getattr(s, key) for key in ("cell", "target", "treatment", "ubiquitination")}
    return Scenario(**{**kept, "neosubstrates": s.neosubstrates, **changes})


def with_protein(s: Scenario, name: str, **changes: Any) -> Scenario:
    """The scenario with the cell's entry for one protein replaced; no change removes it."""
    others = [p for p in s.cell.proteins if p.name != name]
    entries = (*others, *([Protein(name=name, **changes)] if changes else []))
    return with_parts(s, cell={**vars(s.cell), "custom": True, "proteins": entries})


def compounds(s: Scenario) -> list[Compound]:
    return [entry.compound for entry in s.treatment.compounds]


def parts(species: str) -> Counter[str]:
    """What a species is made of, its ubiquitins left out."""
    name = re.sub(r"_(cell|medium)$", "", species)
    return Counter(re.split(r"[:-]", re.sub(r"\(ub\d+\)", "", name)))


def per_nM(s: Scenario, species: str) -> float:
    """Molecules per nM in the compartment of a species."""
    outside = species.endswith("_medium")
    return NM_PL * (s.cell.medium_volume_pL if outside else s.cell.volume_pL)


class State(NamedTuple):
    """A target or neosubstrate with `u` ubiquitins and what it holds."""

    protein: str
    u: int
    x: Compound | None = None
    bond: str = ""
    ligase: bool = False
    held: bool = False  # by a proteasome

    def __str__(self) -> str:
        name = self.protein + (f"(ub{self.u})" if self.u else "")
        name += f"{self.bond}{self.x.name}" if self.x else ""
        name += f":{self.x.ligase}" if self.x and self.ligase else ""
        return f"proteasome:{name}" if self.held else name

    def place(self) -> str:
        return "bound" if self.ligase else "free"

    def freed(self) -> list[str]:
        """What is left of it when the protein is gone."""
        found = ["proteasome"] if self.held else []
        if self.x and self.ligase:
            found.append(
                f"{self.x.ligase}:{self.x.name}" if self.bond == ":" else self.x.ligase or ""
            )
        elif self.x and self.bond == ":":
            found.append(f"{self.x.name}_cell")
        return found

    def without_ligase(self) -> list[str]:
        """What is left of it when the ligase is gone."""
        if self.x and self.protein in NEOSUBSTRATES:
            bare = self._replace(x=None, bond="", ligase=False)
            return [str(bare), f"{self.x.name}_cell"]
        return [str(self._replace(ligase=False))]


def states(s: Scenario) -> Iterator[State]:
    """Every state that the table of reactions could speak of."""
    chain = s.ubiquitination
    finite = chain.proteasome == "finite"
    for u in range((chain.chain_length or 0) + 1):
        held = (False, True) if finite and u >= (chain.destroyed_from or 0) else (False,)
        for h in held:
            for protein in ("BTK", *s.neosubstrates):
                yield State(protein, u, held=h)
            for x in compounds(s):
                for bond in (":", "-"):
                    yield State("BTK", u, x, bond, False, h)
                    if x.ligase:
                        yield State("BTK", u, x, bond, True, h)
                for neo in x.neosubstrates:
                    if neo.name in s.neosubstrates:
                        yield State(neo.name, u, x, ":", True, h)


class Change:
    """Rates of change in nM/h, collected flow by flow."""

    def __init__(self, c: Mapping[str, float]) -> None:
        self.c = c
        self.total: dict[str, float] = defaultdict(float)

    def at(self, species: object) -> float:
        return self.c.get(str(species), 0.0)

    def flow(self, flux: float, lost: Collection[object], gained: Collection[object]) -> None:
        for sign, side in ((-1.0, lost), (1.0, gained)):
            for name in side:
                self.total[str(name)] += sign * flux

    def both(self, on: float, off: float, a: object, b: object, ab: object) -> None:
        self.flow(on * self.at(a) * self.at(b) - off * self.at(ab), [a, b], [ab])


def change_by_hand(s: Scenario, c: Mapping[str, float]) -> dict[str, float]:
    """Rates of change (nM/h) of every species at concentrations `c` (nM)."""
    change = Change(c)
    lost = {p.name: LN2 / p.half_life_h if p.half_life_h else 0.0 for p in s.cell.proteins}
    amount = {p.name: p.abundance_nM or 0.0 for p in s.cell.proteins}
    ligases = {x.ligase for x in compounds(s) if x.ligase}
    for protein in ("BTK", *s.neosubstrates, *ligases):
        change.flow(lost[protein] * amount[protein], [], [protein])
    for ligase in ligases:
        change.flow(lost[ligase] * change.at(ligase), [ligase], [])
    for x in compounds(s):
        _travels(change, s, x)
        if x.ligase:
            loaded = f"{x.ligase}:{x.name}"
            gone = lost[x.ligase] + x.ligase_loss_per_h
            change.flow(gone * change.at(loaded), [loaded], [f"{x.name}_cell"])
    for state in states(s):
        _processed(change, s, state, lost)
        if not state.held:
            _opens_and_closes(change, s, state)
    return change.total


def _travels(change: Change, s: Scenario, x: Compound) -> None:
    outside, inside = f"{x.name}_medium", f"{x.name}_cell"
    free_out = x.fraction_unbound_medium * change.at(outside)
    free_in = x.fraction_unbound_cell * change.at(inside)
    enters = x.permeability_pL_per_h * x.unbound_accumulation * free_out  # pL nM/h
    leaves = (x.permeability_pL_per_h + x.efflux_pL_per_h) * free_in
    change.total[inside] += (enters - leaves) / s.cell.volume_pL - x.loss_cell_per_h * free_in
    if not s.cell.medium_buffered:
        change.total[outside] += (leaves - enters) / s.cell.medium_volume_pL
        change.total[outside] -= x.loss_medium_per_h * free_out


def _processed(change: Change, s: Scenario, state: State, lost: Mapping[str, float]) -> None:
    """Turnover, the chain, the proteasome, and loss of the ligase."""
    chain, here = s.ubiquitination, change.at(state)
    place, x = state.place(), state.x
    change.flow(lost[state.protein] * here, [state], state.freed())
    catalysis = getattr(chain, f"k_proteasome_{place}_per_h")
    if state.held or (chain.proteasome == "abundant" and state.u >= (chain.destroyed_from or 0)):
        change.flow(catalysis * here, [state], state.freed())
    elif state.u >= (chain.destroyed_from or 0):
        held = state._replace(held=True)
        change.both(catalysis / chain.km_proteasome_nM, 0.0, "proteasome", state, held)
    if x and state.ligase:
        gone = lost[x.ligase or ""] + x.ligase_loss_per_h
        change.flow(gone * here, [state], state.without_ligase())
    if state.held:
        return
    if state.u:
        trimmed = state._replace(u=state.u - 1)
        change.flow(getattr(chain, f"k_dub_{place}_per_h") * here, [state], [trimmed])
    if x and state.ligase and state.u < (chain.chain_length or 0):
        grows = chain.k_ub_per_h * productive_fraction(state)
        change.flow(grows * here, [state], [state._replace(u=state.u + 1)])


def productive_fraction(state: State) -> float:
    assert state.x is not None
    for neo in state.x.neosubstrates:
        if neo.name == state.protein:
            return float(neo.productive_fraction or 0.0)
    own, covalent = state.x.productive_fraction, state.x.productive_fraction_covalent
    return float(covalent if state.bond == "-" and covalent is not None else own or 0.0)


def _opens_and_closes(change: Change, s: Scenario, state: State) -> None:
    """Binding, bonding, and the fate of the chain when a ternary complex opens."""
    x = state.x
    if x is None:
        return
    inside, bare = f"{x.name}_cell", state._replace(x=None, bond="", ligase=False)
    if state.protein in NEOSUBSTRATES:
        (neo,) = (entry for entry in x.neosubstrates if entry.name == state.protein)
        kon = neo.kon_per_nM_per_h
        _ternary(change, s, state, bare, f"{x.ligase}:{x.name}", kon, kon * neo.kd_nM)
        return
    adduct = state._replace(bond="-")
    if state.bond == ":" and s.allele.covalent_bonding:
        kinact, krev = bonding(x, in_ternary=state.ligase)
        change.flow(kinact * change.at(state) - krev * change.at(adduct), [state], [adduct])
    if not state.ligase:
        if state.bond == ":":
            kon, koff = target_binding(s, x)
            on = atp(s, x) * kon * x.fraction_unbound_cell
            change.both(on, koff, bare, inside, state)
            if state.u == 0:
                _loads(change, x, inside)
        return
    binary = state._replace(ligase=False)
    alpha = x.cooperativity if state.bond == ":" else covalent_cooperativity(x)
    kon_e, kd_e = x.kon_ligase_per_nM_per_h, x.kd_ligase_nM
    on = x.kon_ligase_ternary_per_nM_per_h or _scaled(x, kon_e, alpha)
    _ternary(change, s, state, binary, x.ligase or "", on, on * kd_e / alpha)
    if state.bond == ":":
        kon, koff = target_binding(s, x)
        on = x.kon_target_ternary_per_nM_per_h or _scaled(x, kon, alpha)
        loaded = f"{x.ligase}:{x.name}"
        _ternary(change, s, state, bare, loaded, on, on * koff / kon / alpha, atp(s, x))


def _loads(change: Change, x: Compound, inside: str) -> None:
    if x.ligase:
        kon = x.kon_ligase_per_nM_per_h
        on, off = kon * x.fraction_unbound_cell, kon * x.kd_ligase_nM
        change.both(on, off, x.ligase, inside, f"{x.ligase}:{x.name}")


def _scaled(x: Compound, kon: float, alpha: float) -> float:
    return kon * (alpha if x.cooperativity_split == "on_rates" else 1.0)


def _ternary(
    change: Change, s: Scenario, state: State, left: State, partner: str, on: float, off: float,
    slowed: float = 1.0,
) -> None:  # fmt: skip
    """`left + partner -> state`, and back with the chain kept or erased."""
    fate = s.ubiquitination.chain_on_release
    erased = {"kept": 0.0, "erased": 1.0}[fate] if isinstance(fate, str) else fate
    change.flow(on * slowed * change.at(left) * change.at(partner), [left, partner], [state])
    change.flow((1.0 - erased) * off * change.at(state), [state], [left, partner])
    change.flow(erased * off * change.at(state), [state], [left._replace(u=0), partner])


def covalent_cooperativity(x: Compound) -> float:
    return x.cooperativity if x.cooperativity_covalent is None else x.cooperativity_covalent


def bonding(x: Compound, *, in_ternary: bool) -> tuple[float, float]:
    """kinact and krev (1/h), alone or in the ternary complex."""
    if not in_ternary or not x.kinact_per_h:
        return x.kinact_per_h, x.krev_per_h
    kinact = x.kinact_per_h if x.kinact_ternary_per_h is None else x.kinact_ternary_per_h
    faster = kinact / x.kinact_per_h
    return kinact, x.krev_per_h * faster * x.cooperativity / covalent_cooperativity(x)


def atp(s: Scenario, x: Compound) -> float:
    km = s.allele.km_atp_uM
    return float((1.0 + x.atp_assay_uM / km) / (1.0 + s.cell.atp_uM / km))


def target_binding(s: Scenario, x: Compound) -> tuple[float, float]:
    """kon (1/nM/h) without ATP and koff (1/h) on the scenario's allele."""
    folds = {entry.name: entry.fold for entry in s.allele.class_folds}
    kon = x.kon_target_per_nM_per_h
    return kon, kon * x.kd_target_nM * folds.get(x.kind, 1.0)
