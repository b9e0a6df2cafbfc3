"""The network on which speed is compared: 40 species, 146 mass-action reactions.

A wild-type and a resistant target, a degrader and a covalent inhibitor that enter the cell, a
ternary complex with closed binding cycles, covalent trapping, and a chain of four ubiquitins. The
state is in nM of the cell's volume, time in hours. How it is run and timed is not here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protacsim.mechanisms import verbs
from protacsim.network import Network

Floats = NDArray[np.float64]

PER_HOUR = 3600.0  # constants below are per second

CHAIN = 4
VARIANTS = ("WT", "C481S")
MEDIUM_OVER_CELL = 1000.0  # volume of the medium over that of all cells

KON_PER_NM_PER_S = 1e-3  # every association: target, ligase, inhibitor
KD_LIGASE_NM = 200.0
KD_TARGET_NM = {"WT": 10.0, "C481S": 30.0}
KD_INHIBITOR_NM = {"WT": 5.0, "C481S": 50.0}
KINACT_PER_S = {"WT": 1e-3, "C481S": 0.0}
K_UB_PER_S, K_DUB_PER_S, K_PROTEASOME_PER_S = 0.1, 0.02, 2e-3
TURNOVER_PER_S = np.log(2.0) / (20.0 * PER_HOUR)
RELEASE_PER_S = {"degrader": 2e-3, "inhibitor": 5e-3}
ABUNDANCE_NM = 50.0  # of the ligase and of each variant
INHIBITOR_DOSE_NM = 20.0

TIMES_H = np.linspace(0.0, 24.0, 25)


def reference_network() -> Network:
    """Topology and read-outs: total target of either variant, and the ternary complexes."""
    net = Network("reference")
    for drug in RELEASE_PER_S:
        verbs.exchange(net, f"{drug}_medium", drug, f"uptake[{drug}]", f"release[{drug}]")
    verbs.bind(net, "degrader", "ligase", "kon", "koff_ligase", ab="degrader:ligase")
    for variant in VARIANTS:
        _add_variant(net, variant)
    for variant in VARIANTS:
        states = [name for name in net.species if name.startswith(variant)]
        net.add_observable(f"total[{variant}]", states)
    net.add_observable("ternary", [name for name in net.species if name.count(":") == 2])
    return net


def _add_variant(net: Network, variant: str) -> None:
    """Synthesis, inhibition, the chain in all three situations, and every way to be lost."""
    free = [f"{variant}({u})" for u in range(CHAIN + 1)]
    binary = [verbs.joined(name, "degrader") for name in free]
    ternary = [verbs.joined(name, "ligase") for name in binary]
    verbs.synthesise(net, free[0], f"synthesis[{variant}]")
    _add_inhibitor(net, variant, free[0])
    for t, td, tde in zip(free, binary, ternary, strict=True):
        verbs.bind(net, t, "degrader", "kon", f"koff_target[{variant}]", ab=td)
        verbs.bind(net, td, "ligase", "kon", "koff_ligase_ternary", ab=tde)
        verbs.bind(net, t, "degrader:ligase", "kon", f"koff_target_ternary[{variant}]", ab=tde)
    verbs.ubiquitinate(net, ternary, "k_ub")
    for chain, freed in ((free, ()), (binary, ("degrader",)), (ternary, ("degrader:ligase",))):
        verbs.deubiquitinate(net, chain, "k_dub")
        for name in chain:
            verbs.lose(net, "turnover of", name, freed, "turnover")
        verbs.lose(net, "destruction of", chain[-1], freed, "k_proteasome")


def _add_inhibitor(net: Network, variant: str, target: str) -> None:
    """Only the bare target binds it; the covalent complex takes it along when it is lost."""
    reversible, covalent = f"{variant}:inhibitor", f"{variant}-inhibitor"
    verbs.bind(net, target, "inhibitor", "kon", f"koff_inhibitor[{variant}]", ab=reversible)
    verbs.inactivate(net, reversible, covalent, f"kinact[{variant}]")
    verbs.lose(net, "turnover of", reversible, ("inhibitor",), "turnover")
    verbs.lose(net, "turnover of", covalent, (), "turnover")


def rate_constants(cooperativity: ArrayLike) -> dict[str, Any]:
    """Rate constants by name, per h and per nM per h; arrays where `cooperativity` is one."""
    alpha = np.asarray(cooperativity, float)
    per_s: dict[str, Any] = {
        "kon": KON_PER_NM_PER_S,
        "koff_ligase": KON_PER_NM_PER_S * KD_LIGASE_NM,
        "koff_ligase_ternary": KON_PER_NM_PER_S * KD_LIGASE_NM / alpha,
        "k_ub": K_UB_PER_S,
        "k_dub": K_DUB_PER_S,
        "k_proteasome": K_PROTEASOME_PER_S,
        "turnover": TURNOVER_PER_S,
    }
    for drug, release in RELEASE_PER_S.items():
        per_s |= {f"release[{drug}]": release, f"uptake[{drug}]": release / MEDIUM_OVER_CELL}
    for variant in VARIANTS:
        koff = KON_PER_NM_PER_S * KD_TARGET_NM[variant]
        per_s |= {
            f"koff_target[{variant}]": koff,
            f"koff_target_ternary[{variant}]": koff / alpha,
            f"koff_inhibitor[{variant}]": KON_PER_NM_PER_S * KD_INHIBITOR_NM[variant],
            f"kinact[{variant}]": KINACT_PER_S[variant],
            f"synthesis[{variant}]": TURNOVER_PER_S * ABUNDANCE_NM,
        }
    return {name: PER_HOUR * value for name, value in per_s.items()}


def initial_amounts(dose_nM: ArrayLike) -> dict[str, Any]:
    """Initial state by name: drugs in the medium, bare target and free ligase in the cell."""
    return {
        "degrader_medium": MEDIUM_OVER_CELL * np.asarray(dose_nM, float),
        "inhibitor_medium": MEDIUM_OVER_CELL * INHIBITOR_DOSE_NM,
        "ligase": ABUNDANCE_NM,
        **{f"{variant}(0)": ABUNDANCE_NM for variant in VARIANTS},
    }


def grid(doses: int = 40, cooperativities: int = 25) -> tuple[Floats, Floats]:
    """Dose (nM, 0.01 to 1e5) and cooperativity (0.1 to 100) of every grid point, shape (p,)."""
    pair = np.meshgrid(
        np.geomspace(1e-2, 1e5, doses), np.geomspace(0.1, 100.0, cooperativities), indexing="ij"
    )
    return pair[0].ravel(), pair[1].ravel()
