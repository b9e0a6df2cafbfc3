"""Running networks: the one place where kernels are called, for one run or a batch of runs.

`solve` runs any `Network`; `simulate` runs one `Scenario`; `read_out` runs many points of one
scenario at once. Axes, designs and references belong to `study`.
"""

from __future__ import annotations

from protacsim.kernels import jit
from protacsim.network import Network
from protacsim.simulation.batch import COUNTERS, Solution, checked_times, solve, steady_state
from protacsim.simulation.engines import engine_of
from protacsim.simulation.readings import members, read_out, seconds_per_run, simulate
from protacsim.simulation.statuses import LOST, STATUS, failure

__all__ = [
    "COUNTERS",
    "LOST",
    "STATUS",
    "Solution",
    "checked_times",
    "engine_info",
    "engine_of",
    "failure",
    "members",
    "read_out",
    "seconds_per_run",
    "simulate",
    "solve",
    "steady_state",
    "warm_up",
]


def warm_up() -> None:
    """Load or compile the kernels by a run that takes no time."""
    network = Network("warm-up")
    network.add("decay", "A", (), "k")
    solve(network, {"k": 1.0}, {"A": 1.0}, [1.0])


def engine_info() -> dict[str, str]:
    """Whether kernels are compiled, and where they are kept."""
    directory = jit.cache_directory()
    return {
        "kernels": "compiled" if jit.JIT_ENABLED else "interpreted (NUMBA_DISABLE_JIT is set)",
        "kernel cache": f"{directory} ({len(list(directory.rglob('*.nbc')))} compiled)",
    }
