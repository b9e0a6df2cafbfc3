"""BTK degradation as reactions: from a scenario to a network, its rate constants and read-outs.

`verbs` holds the small reaction verbs, `forms` the states a protein can reach, `build` says who
reacts (topology), `rates` how fast and `expression` how a protein is made (numbers), `observables`
and `readings` what is read out.
Topology and numbers never mix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from protacsim.loading import on_demand

if TYPE_CHECKING:
    from protacsim.mechanisms.build import build_network
    from protacsim.mechanisms.expression import genes
    from protacsim.mechanisms.forms import outer_species
    from protacsim.mechanisms.observables import OBSERVABLES, Observable
    from protacsim.mechanisms.rates import (
        compartment_volumes,
        doses,
        initial_amounts,
        rate_constants,
    )
    from protacsim.mechanisms.readings import Reading, is_reserved, parse

_HOME = {
    "build": ("build_network",),
    "expression": ("genes",),
    "forms": ("outer_species",),
    "observables": (
        "OBSERVABLES",
        "Observable",
    ),
    "rates": (
        "compartment_volumes",
        "doses",
        "initial_amounts",
        "rate_constants",
    ),
    "readings": (
        "Reading",
        "is_reserved",
        "parse",
    ),
}

__all__ = [
    "OBSERVABLES",
    "Observable",
    "Reading",
    "build_network",
    "compartment_volumes",
    "doses",
    "genes",
    "initial_amounts",
    "is_reserved",
    "outer_species",
    "parse",
    "rate_constants",
]

__getattr__ = on_demand(__name__, _HOME)
