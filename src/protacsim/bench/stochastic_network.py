"""The stochastic reference network: two BTK variants from gene to degradation in one B cell.

43 species, 148 reactions; molecules and seconds. `small` has 500 BTK in 5 fL, `large` 20,000 in
0.2 pL, at 100 nM degrader (D) and 20 nM inhibitor (I).
"""

from __future__ import annotations

from typing import NamedTuple

from protacsim.mechanisms import verbs
from protacsim.network import Network
from protacsim.units import MOLECULES_PER_NM_PL

LONGEST = 4
DAY_S = 24 * 3600.0
SIZES = {"small": (0.005, 250, 100, 5.0), "large": (0.2, 10_000, 10_000, 20.0)}
"""Volume (pL), copies of each BTK variant and of the ligase, mRNA of each gene."""

SLOW = {"kub": 4e-3, "kdub": 1e-3, "kdeg": 5e-3, "turnover": 8e-6, "kinact": 2e-3}
OFF = {"off_TD": 0.05, "off_DE": 0.5, "off_TDE_E": 0.1, "off_TDE_T": 0.01}
OFF_INHIBITOR = {"off_TI[W]": 0.01, "off_TI[C]": 0.1}
GENE_ON, GENE_OFF, MRNA_LOSS = 2e-4, 1e-3, 5e-5


class Cell(NamedTuple):
    """A network with its rate constants (per molecule and s) and counts at the start."""

    network: Network
    rates: dict[str, float]
    initial: dict[str, float]


def build(size: str = "large") -> Cell:
    """A cell of one of the `SIZES`."""
    volume_pL, target, ligase, mrna = SIZES[size]
    per_nM = MOLECULES_PER_NM_PL * volume_pL
    net = Network(f"single cell, {size}")
    verbs.bind(net, "D", "E", "kon", "off_DE", ab="DE")
    for variant in "WC":
        add_variant(net, variant)
        add_gene(net, variant)
    start = {"D": round(100 * per_nM), "E": ligase, "I": round(20 * per_nM)}
    for variant in "WC":
        start |= {f"T{variant}0": target, f"G{variant}off": 1, f"m{variant}": round(mrna)}
    rates = {"kon": 1e-3 / per_nM, **SLOW, **OFF, **OFF_INHIBITOR}
    rates |= {"gene_on": GENE_ON, "gene_off": GENE_OFF, "mrna_loss": MRNA_LOSS}
    rates["transcription"] = mrna * MRNA_LOSS * (GENE_ON + GENE_OFF) / GENE_ON
    rates["translation"] = target * SLOW["turnover"] / mrna
    for name, observed in totals(net).items():
        net.add_observable(name, observed)
    used = set(net.rates)
    return Cell(
        net,
        {name: value for name, value in rates.items() if name in used},
        {name: float(count) for name, count in start.items()},
    )


def chain(prefix: str, variant: str) -> list[str]:
    """Names of the states of a chain, by length."""
    return [f"{prefix}{variant}{u}" for u in range(LONGEST + 1)]


def add_variant(net: Network, v: str) -> None:
    """One BTK variant with its chain: binding, growth, trimming, turnover, destruction."""
    for free, binary, ternary in zip(chain("T", v), chain("TD", v), chain("TDE", v), strict=True):
        verbs.bind(net, free, "D", "kon", "off_TD", ab=binary)
        verbs.bind(net, binary, "E", "kon", "off_TDE_E", ab=ternary)
        verbs.bind(net, free, "DE", "kon", "off_TDE_T", ab=ternary)
        for state, freed in ((free, ()), (binary, ("D",)), (ternary, ("D", "E"))):
            verbs.lose(net, "turnover of", state, freed, "turnover")
    verbs.ubiquitinate(net, chain("TDE", v), "kub")
    for prefix, freed in (("T", ()), ("TD", ("D",)), ("TDE", ("D", "E"))):
        verbs.deubiquitinate(net, chain(prefix, v), "kdub")
        verbs.lose(net, "destruction of", chain(prefix, v)[-1], freed, "kdeg")
    verbs.bind(net, f"T{v}0", "I", "kon", f"off_TI[{v}]", ab=f"TI{v}")
    verbs.lose(net, "turnover of", f"TI{v}", ("I",), "turnover")
    if v == "W":
        verbs.inactivate(net, "TIW", "TIcW", "kinact")
        verbs.lose(net, "turnover of", "TIcW", (), "turnover")


def add_gene(net: Network, v: str) -> None:
    """Two-state promoter, mRNA, protein."""
    off, on, mrna = f"G{v}off", f"G{v}on", f"m{v}"
    net.add(f"{off} opens", off, on, "gene_on")
    net.add(f"{on} closes", on, off, "gene_off")
    net.add(f"transcription of {mrna}", on, (on, mrna), "transcription")
    verbs.lose(net, "loss of", mrna, (), "mrna_loss")
    net.add(f"translation of {mrna}", mrna, (mrna, f"T{v}0"), "translation")


def totals(net: Network) -> dict[str, list[str]]:
    """Total BTK of each variant, ternary complex, free degrader, free ligase, mRNA."""
    found = {f"BTK_{v}": [s for s in net.species if s.startswith("T") and v in s] for v in "WC"}
    ternary = [s for s in net.species if s.startswith("TDE")]
    return {**found, "ternary": ternary, "D": ["D"], "E": ["E"], "mRNA_W": ["mW"]}
