"""Running networks: the one place where kernels are called, for one run or a batch of runs.

`solve` and `settle` run any `Network`, and `sample` draws single trajectories of it; `simulate` and
`steady_state` run one `Scenario`; `read_out` and `read_out_ensemble` run many points of one
scenario at once, `gradients` those around it. Axes, designs and references belong to `study`. What
needs scenarios or draws at random is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from protacsim.kernels import cache
from protacsim.loading import on_demand
from protacsim.network import Network
from protacsim.simulation.batch import COUNTERS, Solution, checked_times, settle, solve
from protacsim.simulation.engines import engine_of
from protacsim.simulation.statuses import LOST, OK, STATUS, failure

if TYPE_CHECKING:
    from protacsim.simulation.choosing import Choice, choose, expected_events
    from protacsim.simulation.costs import seconds_per_cell, seconds_per_run
    from protacsim.simulation.ensembles import Ensemble, checked_choice, run_ensemble, sample
    from protacsim.simulation.linear_noise import Moments, moments
    from protacsim.simulation.pieces import Candidates, Lanes, allocations, compiled_ruler
    from protacsim.simulation.readings import (
        members,
        points_of_scenario,
        read_out,
        read_out_ensemble,
        simulate,
        steady_state,
    )
    from protacsim.simulation.slopes import differences, gradients, offsets

_HOME = {
    "choosing": ("Choice", "choose", "expected_events"),
    "costs": ("seconds_per_cell", "seconds_per_run"),
    "ensembles": ("Ensemble", "checked_choice", "run_ensemble", "sample"),
    "linear_noise": ("Moments", "moments"),
    "pieces": ("Candidates", "Lanes", "allocations", "compiled_ruler"),
    "readings": (
        "members",
        "points_of_scenario",
        "read_out",
        "read_out_ensemble",
        "simulate",
        "steady_state",
    ),
    "slopes": ("differences", "gradients", "offsets"),
}

__all__ = [
    "COUNTERS",
    "LOST",
    "OK",
    "STATUS",
    "Candidates",
    "Choice",
    "Ensemble",
    "Lanes",
    "Moments",
    "Solution",
    "allocations",
    "checked_choice",
    "checked_times",
    "choose",
    "compiled_ruler",
    "differences",
    "engine_fingerprint",
    "engine_info",
    "engine_of",
    "expected_events",
    "failure",
    "gradients",
    "members",
    "moments",
    "offsets",
    "points_of_scenario",
    "read_out",
    "read_out_ensemble",
    "run_ensemble",
    "sample",
    "seconds_per_cell",
    "seconds_per_run",
    "settle",
    "simulate",
    "solve",
    "steady_state",
    "warm_up",
]

__getattr__ = on_demand(__name__, _HOME)


def warm_up() -> None:
    """Load or compile the kernels by a run that takes no time."""
    network = Network("warm-up")
    network.add("decay", "A", (), "k")
    solve(network, {"k": 1.0}, {"A": 1.0}, [1.0])


def engine_info() -> dict[str, str]:
    """Whether kernels are compiled, and where they are kept."""
    directory = cache.cache_directory()
    return {
        "kernels": "compiled" if cache.JIT_ENABLED else "interpreted (NUMBA_DISABLE_JIT is set)",
        "kernel cache": f"{directory} ({len(list(directory.glob('*.o')))} compiled)",
    }


def engine_fingerprint() -> str:
    """Hash of the kernels' sources and what compiles them: equal ones run equally fast."""
    return cache.cache_directory().name
