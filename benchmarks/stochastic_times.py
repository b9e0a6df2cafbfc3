"""CPU time of a day of the `large` cell by each stochastic method, on one core.

    OPENBLAS_NUM_THREADS=1 python benchmarks/stochastic_times.py [ROUNDS]

Per round: one exact cell; one path of `Hybrid` beyond what its matrices take once per point; the
moments of `LNA` at three times. Prints the range over the rounds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from protacsim.bench.stochastic_network import DAY_S, build
from protacsim.methods import SSA, Hybrid, Stochastic
from protacsim.simulation import moments, sample

PATHS = 1000
CELL = build("large")


def cpu(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def drawn(method: Stochastic, count: int) -> float:
    return cpu(
        lambda: sample(
            CELL.network, CELL.rates, CELL.initial, [DAY_S], method=method, seed=3,
            replicates=count, states=False,
        )
    )  # fmt: skip


def linear_noise() -> float:
    times = [DAY_S / 12, DAY_S / 3, DAY_S]
    return cpu(lambda: moments(CELL.network, CELL.rates, CELL.initial, times))


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    drawn(Hybrid(), 1), linear_noise()
    found: dict[str, list[float]] = {"exact, s": [], "Hybrid path, ms": [], "LNA moments, ms": []}
    for _ in range(rounds):
        found["exact, s"].append(drawn(SSA(), 1))
        once = drawn(Hybrid(), 1)
        found["Hybrid path, ms"].append(1e3 * (drawn(Hybrid(), PATHS + 1) - once) / PATHS)
        found["LNA moments, ms"].append(1e3 * linear_noise())
    for what, taken in found.items():
        print(f"{what:16} {min(taken):.2f} to {max(taken):.2f}", flush=True)


if __name__ == "__main__":
    main()
