"""Running networks: the one place where kernels are called, for one run or a batch of runs.

`solve` runs any `Network` and `sample` draws single trajectories of it; `simulate` runs one
`Scenario`; `read_out` and `read_out_ensemble` run many points of one scenario at
once. Axes, designs and references belong to `study`.
"""

from __future__ import annotations

from protacsim.kernels import jit
from protacsim.network import Network
from protacsim.simulation.batch import COUNTERS, Solution, checked_times, solve, steady_state
from protacsim.simulation.choosing import Choice, choose, expected_events
from protacsim.simulation.costs import seconds_per_cell, seconds_per_run
from protacsim.simulation.engines import engine_of
from protacsim.simulation.ensembles import Ensemble, checked_choice, sample
from protacsim.simulation.ensembles import run as run_ensemble
from protacsim.simulation.linear_noise import Moments, moments
from protacsim.simulation.readings import (
    members,
    points_of_scenario,
    read_out,
    read_out_ensemble,
    simulate,
)
from protacsim.simulation.statuses import LOST, STATUS, failure

__all__ = [
    "COUNTERS",
    "LOST",
    "STATUS",
    "Choice",
    "Ensemble",
    "Moments",
    "Solution",
    "checked_choice",
    "checked_times",
    "choose",
    "engine_info",
    "engine_of",
    "expected_events",
    "failure",
    "members",
    "moments",
    "points_of_scenario",
    "read_out",
    "read_out_ensemble",
    "run_ensemble",
    "sample",
    "seconds_per_cell",
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
