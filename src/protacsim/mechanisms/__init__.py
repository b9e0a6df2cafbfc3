"""BTK degradation as reactions: from a scenario to a network, its rate constants and read-outs.

`verbs` holds the small reaction verbs, `build` says who reacts (topology), `rates` how fast
(numbers), `observables` what is read out. Topology and numbers never mix.
"""

from protacsim.mechanisms.build import build_network
from protacsim.mechanisms.observables import OBSERVABLES, PER_COMPOUND, Observable
from protacsim.mechanisms.rates import (
    Dose,
    compartment_volumes,
    doses,
    initial_amounts,
    rate_constants,
)

__all__ = [
    "OBSERVABLES",
    "PER_COMPOUND",
    "Dose",
    "Observable",
    "build_network",
    "compartment_volumes",
    "doses",
    "initial_amounts",
    "rate_constants",
]
