"""rebop's CPU time over that of the exact solvers, alternated in one process.

    python benchmarks/stochastic_peers.py [ROUNDS] [--json FILE]

Needs rebop. Both draw the same network over the same span with 25 outputs; the ratio is per event,
since trajectories differ. Prints one line per network and solver: the median ratio and its range.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import rebop

from protacsim.bench.stochastic_network import DAY_S, Cell, build
from protacsim.methods import SSA
from protacsim.simulation import sample

SPAN_S = {"small": DAY_S / 4, "large": DAY_S / 240}
OURS = {"small": 1.0, "large": 30.0}  # our share of the work is made longer, to be measurable


def cpu(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def peer(cell: Cell, span: float) -> Callable[[int], object]:
    machine = rebop.Gillespie()
    for reaction in cell.network.reactions:
        sides = (
            [name for name, count in side for _ in range(count)]
            for side in (reaction.reactants, reaction.products)
        )
        machine.add_reaction(cell.rates[reaction.rate], *sides)
    start = {name: int(count) for name, count in cell.initial.items()}
    return lambda seed: machine.run(start, tmax=span, nb_steps=24, rng=seed, sparse=True)


def ratios(size: str, solver: str, rounds: int) -> list[float]:
    cell, span = build(size), SPAN_S[size]
    other = peer(cell, span)

    def ours(seed: int) -> int:
        runs = sample(
            cell.network, cell.rates, cell.initial, np.linspace(0, OURS[size] * span, 25),
            method=SSA(solver=solver), seed=seed, replicates=1,  # type: ignore[arg-type]
        )  # fmt: skip
        return int(runs.events.sum())

    def early(seed: int) -> int:
        runs = sample(
            cell.network, cell.rates, cell.initial, [span], seed=seed, replicates=4, states=False
        )
        return int(runs.events.mean())

    ours(0)
    expected = early(0)
    found = []
    for seed in range(1, rounds + 1):
        per_event = cpu(partial(other, seed)) / expected
        events: list[int] = []
        own = cpu(partial(_kept, ours, seed, events))
        found.append(per_event / (own / events[0]))
    return sorted(found)


def _kept(run: Callable[[int], int], seed: int, found: list[int]) -> None:
    found.append(run(seed))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rounds", type=int, nargs="?", default=7)
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    options = parser.parse_args()
    lines = []
    for size in SPAN_S:
        for solver in ("rejection", "direct"):
            found = ratios(size, solver, options.rounds)
            middle = found[len(found) // 2]
            lines.append({"network": size, "solver": solver, "gain": found})
            print(f"{size:6} {solver:10} rebop over ours: {middle:.1f} "
                  f"({found[0]:.1f} to {found[-1]:.1f})", flush=True)  # fmt: skip
    if options.json:
        report = {"rebop": version("rebop"), "table": lines}
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
