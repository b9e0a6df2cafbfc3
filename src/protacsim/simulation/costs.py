"""Static estimates of what runs cost: they decide how much work goes together, never its result."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from protacsim.kernels.tableau import STAGES
from protacsim.methods import ODE, SSA, Method, Reference, Stochastic
from protacsim.network import Network
from protacsim.simulation.choosing import SECONDS_PER_EVENT, expected_events
from protacsim.simulation.engines import engine_of
from protacsim.simulation.points import Runs

TYPICAL_STEPS = 100
SECONDS_PER_OPERATION = 2.5e-10
EMITTED_SHARE = 0.3
SECONDS_PER_REFERENCE_RUN = 0.2
SECONDS_PER_GAUSSIAN_PATH = 5e-4


def seconds_per_run(network: Network, method: ODE | Reference, runs: int) -> float:
    """One of `runs` deterministic runs on one core, from the size of its programs."""
    if isinstance(method, Reference):
        return SECONDS_PER_REFERENCE_RUN
    programs = network.compile().programs
    products = int((programs.rhs_ptr[1:] - programs.rhs_product).sum())
    stage = products + len(programs.l_slot) + 2 * len(programs.u_slot)
    sums = STAGES * (STAGES - 1) * len(programs.order)
    once = len(programs.rhs_coef) + len(programs.jac_coef) + len(programs.t_slot)
    operations = STAGES * stage + sums + once
    share = EMITTED_SHARE if engine_of(network, method, runs) == "emitted" else 1.0
    return share * SECONDS_PER_OPERATION * TYPICAL_STEPS * operations


def seconds_per_cell(pilots: Sequence[Runs], method: Method | Stochastic) -> float:
    """One stochastic run on one core, from the events that typical points expect."""
    if not isinstance(method, SSA):
        return SECONDS_PER_GAUSSIAN_PATH
    events = np.concatenate([expected_events(runs) for runs in pilots])
    return max(SECONDS_PER_EVENT * float(events.mean()), SECONDS_PER_GAUSSIAN_PATH)
