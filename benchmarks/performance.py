"""`docs/performance.md` from what `make peers` recorded.

    python benchmarks/performance.py

Nothing is measured here: `vs_peers.py` and `stochastic_peers.py` write the numbers.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bars

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "performance.md"
RECORDED = ROOT / "benchmarks" / "recorded"

OPENING = """# Speed against other programs

Made by `make peers`, which installs the peers into an environment of their own, checks that they
solve the same SBML to the same numbers, lets them take turns with this package in one process, and
writes this page. CPU time counts; a ratio is the median over the rounds, with its range. Equal
nominal tolerances are a poor basis, so the errors that were reached stand beside every time, and
this package runs at its default tolerances and at two looser ones.

"""

DETERMINISTIC = """## Deterministic runs

40 species, 146 reactions (`protacsim.bench.reference_network`), a grid of 40 doses by 25
cooperativities, 25 outputs over 24 h. Errors: largest relative error of the two target totals;
largest error of any species over its value plus 1e-3 nM. The right values lie
{reference} from SciPy's Radau at rtol 3e-13.

| solver | settings | µs per run | error, totals | error, species | libRoadRunner over it | MiB |
|---|---|---:|---:|---:|---:|---:|
"""

STOCHASTIC = """
## Exact single cells

43 species, 148 reactions (`protacsim.bench.stochastic_network`): two BTK variants from gene to
degradation, `small` with 500 and `large` with 20,000 BTK. Both programs are exact; the ratio is per
event.

| network | solver | rebop {rebop} over it |
|---|---|---:|
"""

MISSING = """
## Who is not here

- **COPASI** reads the same SBML and agrees (`benchmarks/test_peers.py`), but is not timed: its
  Python interface goes through data frames, which would be most of what is measured.
- **PySB** can be installed, but needs BioNetGen to make a network, which it hands to SciPy, which
  is timed above.
- **GillesPy2** can be installed, but compiles C++ for every model with its own compiler; it is not
  part of `make peers`.
"""


def deterministic(found: dict[str, Any]) -> Iterator[str]:
    """Machine, versions, the table, and costs of whole processes."""
    yield f"Machine: {found['machine']}.\n\nVersions: {found['versions']}.\n\n"
    reference = found["reference"]
    yield DETERMINISTIC.format(
        reference=f"{reference['totals']:.0e} (totals) and {reference['species']:.0e} (species)"
    )
    for line in found["table"]:
        us = statistics.median(line["us_per_run"])
        off = line["errors"]
        yield (
            f"| {line['solver']} | {line['settings']} | {us:,.0f} | {off['totals']:.1e} "
            f"| {off['species']:.1e} | {ranged(line['gain'])} | {line['peak_MiB']:.0f} |\n"
        )
    yield "\nThe same at errors no larger than libRoadRunner's:\n\n"
    for engine in (bars.INTERPRETED, bars.EMITTED):
        both, totals = (bars.gain(engine, *norms)() for norms in (bars.NORMS, ("totals",)))
        yield f"- {engine}: {ranged(both)} times faster with both errors no larger,\n"
        yield f"  {ranged(totals)} with that of the totals.\n"
    yield "\nWhole processes:\n\n"
    for cost in found["costs"]:
        yield f"- {cost['subject']}: {cost['text']}.\n"


def stochastic(found: dict[str, Any]) -> Iterator[str]:
    """rebop's CPU time per event over that of both exact solvers."""
    yield STOCHASTIC.format(rebop=found["rebop"])
    for line in found["table"]:
        yield f"| {line['network']} | {line['solver']} | {ranged(line['gain'])} |\n"


def ranged(values: list[float]) -> str:
    """Median and range."""
    return f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def main() -> None:
    parts = [OPENING]
    for name, writer in (("deterministic", deterministic), ("stochastic", stochastic)):
        text = (RECORDED / f"{name}.json").read_text(encoding="utf-8")
        parts += writer(json.loads(text))
    PAGE.write_text("".join([*parts, MISSING]), encoding="utf-8")


if __name__ == "__main__":
    main()
