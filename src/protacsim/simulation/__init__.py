"""Running networks: the one place where kernels are called, for one run or a batch of runs.

`solve` and `settle` run any `Network`; `simulate` and `steady_state` one `Scenario`; `read_out`
runs many points of one scenario at once, `gradients` those around it. Axes, designs and references
belong to `study`. What needs scenarios is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from protacsim.kernels import jit
from protacsim.network import Network
from protacsim.simulation.batch import COUNTERS, Solution, checked_times, settle, solve
from protacsim.simulation.engines import engine_of
from protacsim.simulation.statuses import LOST, STATUS, failure

if TYPE_CHECKING:
    from protacsim.simulation.readings import (
        members,
        read_out,
        seconds_per_run,
        simulate,
        steady_state,
    )
    from protacsim.simulation.slopes import differences, gradients, offsets

_HOME = {
    "slopes": ("differences", "gradients", "offsets"),
    "readings": ("members", "read_out", "seconds_per_run", "simulate", "steady_state"),
}

__all__ = [
    "COUNTERS",
    "LOST",
    "STATUS",
    "Solution",
    "checked_times",
    "differences",
    "engine_info",
    "engine_of",
    "failure",
    "gradients",
    "members",
    "offsets",
    "read_out",
    "seconds_per_run",
    "settle",
    "simulate",
    "solve",
    "steady_state",
    "warm_up",
]


def __getattr__(name: str) -> Any:
    for module, names in _HOME.items():
        if name in names:
            found = import_module(f"protacsim.simulation.{module}")
            globals().update({other: getattr(found, other) for other in names})
            return globals()[name]
    raise AttributeError(f"module 'protacsim.simulation' has no attribute {name!r}")


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
